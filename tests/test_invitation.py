"""A deputy without an account answers by a token: for one event of one case, until a day."""

from __future__ import annotations

from datetime import date

import pytest

from workflow import Actor, Case, NotFound
from workflow.errors import NotInState, NotPermitted

from .lifecycle import Office, count, execute

SUN = Actor(person="sun")
UNTIL = date(2026, 3, 20)
ANSWER = {"level": "satisfied"}


@pytest.fixture
def survey(office: Office) -> Case:
    return office.child(office.evaluating(), "surveys", "dep1")


def guest(token: str, name: str = "") -> Actor:
    return Actor(person=name, invitation=token)


def test_answering(office: Office, survey: Case) -> None:
    token = office.engine.invite(survey.id, "answer", "dep1", until=UNTIL, by=SUN)
    assert count(office.engine, "invitation", "token_hash = :t", t=token) == 0  # only its hash is stored
    before = office.now(survey)
    assert office.engine.permitted(survey.id, guest(token))  # looking consumes nothing
    assert office.now(survey) == before
    case = office.engine.fire(survey.id, "answer", guest(token, "somebody"), ANSWER)
    assert (case.state, office.engine.history(case.id)[-1].actor) == ("returned", "dep1")
    with pytest.raises(NotInState):
        office.engine.fire(survey.id, "answer", guest(token), {"level": "dissatisfied", "reasons": "变了"})
    assert office.now(survey).data["level"] == "satisfied"


def test_changeable_until_it_is_tallied(office: Office, survey: Case) -> None:
    office.fire(survey, "answer", "dep1", **ANSWER)
    token = office.engine.invite(survey.id, "correct", "dep1", until=UNTIL, by=SUN)
    for level in ("dissatisfied", "basically_satisfied"):
        office.engine.fire(survey.id, "correct", guest(token), {"level": level, "reasons": "变了"})
    office.fire(survey, "tally", "sun")
    with pytest.raises(NotInState):
        office.engine.fire(survey.id, "correct", guest(token), ANSWER)
    assert office.now(survey).state == "basically_satisfied"


def test_only_that_event_of_that_case(office: Office, survey: Case) -> None:
    token = office.engine.invite(survey.id, "answer", "dep1", until=UNTIL, by=SUN)
    with pytest.raises(NotPermitted, match="another event"):
        office.engine.fire(survey.id, "explain_delay", guest(token), {"delay_explanation": "忙"})
    allowed = {p.event for p in office.engine.permitted(survey.id, guest(token)) if p.allowed}
    assert allowed == {"answer"}
    other = office.child(office.now(survey.root), "surveys", "dep2")
    for case in (other.id, survey.root):
        with pytest.raises(NotFound):
            office.engine.fire(case, "answer", guest(token), ANSWER)


def test_ended_revoked_unknown(office: Office, survey: Case) -> None:
    token = office.engine.invite(survey.id, "answer", "dep1", until=UNTIL, by=SUN)
    for bad in ("0" * 64, "", "\ud800", "\x00"):
        with pytest.raises(NotFound):
            office.engine.fire(survey.id, "answer", guest(bad), ANSWER)
    office.clock.set(date(2026, 3, 21))
    with pytest.raises(NotFound):
        office.engine.fire(survey.id, "answer", guest(token), ANSWER)
    office.clock.set(UNTIL)
    execute(office.engine, "update {p}invitation set revoked_at = '2026-03-03'")
    with pytest.raises(NotFound):
        office.engine.fire(survey.id, "answer", guest(token), ANSWER)


@pytest.mark.parametrize(
    ("by", "error"), [("wang", NotFound), ("wu", NotFound), ("dep1", NotPermitted), ("nobody", NotFound)]
)
def test_who_may_not_invite(office: Office, survey: Case, by: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        office.engine.invite(survey.id, "answer", "dep1", until=UNTIL, by=Actor(person=by))


def test_an_invitation_washes_no_unit_off(office: Office, survey: Case) -> None:
    office.engine.grant("dep1", "unit_clerk", "hb/xianning", unit="water")
    token = office.engine.invite(survey.id, "answer", "dep1", until=UNTIL, by=SUN)
    with pytest.raises(NotPermitted):
        office.engine.fire(survey.id, "answer", guest(token), ANSWER)
