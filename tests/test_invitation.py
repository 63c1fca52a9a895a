"""A deputy without an account answers by a token: for one event of one case, until a day."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from sqlalchemy import select

from scheduler.channels.words import Words
from workflow import Actor, Case, NotFound
from workflow.call import digest
from workflow.errors import NotInState, NotPermitted
from workflow.library import Library
from workflow.verify import verify

from .lifecycle import Office, count
from .postbox import AWAY, SENT, Postbox, backend, reach

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
    (invited,) = office.engine.invitations(survey.id, by=SUN)
    office.engine.revoke(invited.id, by=SUN)
    with pytest.raises(NotFound):
        office.engine.fire(survey.id, "answer", guest(token), ANSWER)


def test_listed_without_their_tokens(office: Office, survey: Case) -> None:
    e = office.engine
    first = e.invite(survey.id, "answer", "dep1", until=UNTIL, by=SUN)
    office.clock.advance(minutes=1)
    second, at = e.invite(survey.id, ["answer", "correct"], "dep1", until=UNTIL, by=SUN), office.clock.now()
    e.fire(survey.id, "answer", guest(second), ANSWER)
    listed = e.invitations(survey.id, by=SUN)
    assert [(i.events, i.subject, i.until, i.issued_by, i.revoked_at) for i in listed] == [
        (("answer",), "dep1", UNTIL, "sun", at), (("answer", "correct"), "dep1", UNTIL, "sun", None),
    ]  # fmt: skip
    assert listed[0].used_at is None and listed[1].used_at == office.clock.now()
    assert first not in repr(listed) and second not in repr(listed)
    for id_ in (listed[0].id, listed[1].id):  # nor is what names it a token
        with pytest.raises(NotFound):
            e.fire(survey.id, "correct", guest(id_), ANSWER)
    assert e.invitations(survey.root, by=SUN) == []


def test_revoked_once_and_for_all(office: Office, survey: Case) -> None:
    e = office.engine
    token = e.invite(survey.id, "answer", "dep1", until=UNTIL, by=SUN)
    one = next(i for i in e.invitations(survey.id, by=SUN) if i.id == digest(token))
    revoked = e.revoke(one.id, by=SUN)
    assert revoked.revoked_at == office.clock.now()
    office.clock.advance(minutes=1)
    assert e.revoke(one.id, by=Actor(person="song")) == revoked
    with pytest.raises(NotFound):
        e.permitted(survey.id, guest(token))
    other = e.invite(survey.id, "answer", "dep1", until=UNTIL, by=SUN)
    assert e.fire(survey.id, "answer", guest(other), ANSWER).state == "returned"


def test_a_new_one_takes_the_place_of_the_old_and_the_history_says_so(office: Office, survey: Case) -> None:
    e = office.engine
    first, second = (e.issue(survey.id, "answer", "dep1", until=UNTIL, by=SUN) for _ in range(2))
    assert (first.replaced, second.replaced) == ((), (first.id,))
    with pytest.raises(NotFound):
        e.fire(survey.id, "answer", guest(first.token), ANSWER)
    line = e.history(survey.id)[-1]
    assert (line.event, line.actor, line.role) == ("issue_link", "sun", "sc_office")
    assert line.data == {
        "@link": second.id, "@to": "dep1", "@until": "2026-03-20", "@channels": [], "@replaces": [first.id]
    }  # fmt: skip
    assert e.fire(survey.id, "answer", guest(second.token), ANSWER).state == "returned"
    assert e.history(survey.id)[-1].by_link and not line.by_link
    assert verify(e.store).sound


def plain(office: Office) -> list[str]:
    """The rows in which a token can be read."""
    o = office.engine.store.tables.outbox
    with office.engine.database.connect() as connection:
        return list(connection.execute(select(o.c.key).where(o.c.body.contains('"plain"'))).scalars())


def test_sent_to_himself_alone_and_then_the_token_stands_nowhere(office: Office, survey: Case) -> None:
    e, box, all_ = office.engine, Postbox("sms"), Postbox("hook")
    reach(office, "dep1", "sms")
    reach(office, "*", "hook")
    post = backend(office, box, all_)
    post.deliver()
    for one in (box, all_):
        one.arrived.clear()
    box.answer = lambda _: AWAY
    before = len(e.alerts.inbox("dep1", limit=200))
    issued = e.issue(survey.id, "answer", "dep1", until=UNTIL, by=SUN, send=True)
    assert issued.channels == ("sms",) and e.history(survey.id)[-1].data["@channels"] == ["sms"]
    post.deliver()
    assert len(plain(office)) == 1 and not box.arrived, "until it has arrived"
    box.answer = lambda _: SENT
    office.clock.advance(hours=1)
    post.deliver()
    (letter,) = box.arrived
    assert letter.holder == "dep1" and letter.lines[0].token == issued.token
    assert issued.token not in repr(letter), "no log has it"
    words = Words("zh", "https://rd.example/cases/{case}", "https://rd.example", None, office.clock.now)
    assert words.one(letter)["link"] == f"https://rd.example/i/{issued.token}", "no account is needed there"
    assert plain(office) == [] and not all_.arrived
    assert len(e.alerts.inbox("dep1", limit=200)) == before
    assert e.fire(survey.id, "answer", guest(issued.token), ANSWER).state == "returned"


@pytest.mark.parametrize("how", ["replaced", "revoked", "expired"])
def test_a_letter_whose_link_has_ended_does_not_go(office: Office, survey: Case, how: str) -> None:
    e, box = office.engine, Postbox("sms", lambda _: AWAY)
    reach(office, "dep1", "sms")
    post = backend(office, box)
    issued = e.issue(survey.id, "answer", "dep1", until=UNTIL, by=SUN, send=True)
    post.deliver()
    assert len(plain(office)) == 1
    if how == "replaced":
        e.issue(survey.id, "answer", "dep1", until=UNTIL, by=SUN)
    elif how == "revoked":
        e.revoke(issued.id, by=SUN)
    else:
        office.clock.set(UNTIL + timedelta(days=1))
    box.answer = lambda _: SENT
    office.clock.advance(days=1)
    post.deliver()
    assert plain(office) == [] and "@invitation" not in {letter.topic for letter in box.arrived}


OUTSIDERS = [
    ("wang", NotFound), ("wu", NotFound), ("dep1", NotPermitted), ("gov", NotPermitted), ("nobody", NotFound),
]  # fmt: skip
"""who may neither send links nor see or end them"""


@pytest.mark.parametrize(("by", "error"), OUTSIDERS)
def test_who_may_not_list_or_revoke(office: Office, survey: Case, by: str, error: type[Exception]) -> None:
    e = office.engine
    token, actor = e.invite(survey.id, "answer", "dep1", until=UNTIL, by=SUN), Actor(person=by)
    (invited,) = e.invitations(survey.id, by=SUN)
    for ask in (
        lambda: e.invitations(survey.id, by=actor), lambda: e.revoke(invited.id, by=actor), lambda: e.revoke(token, by=actor),
        lambda: e.revoke("no-such", by=actor),
    )[: 2 if error is NotPermitted else 4]:  # fmt: skip
        with pytest.raises(error):
            ask()
    assert e.invitations(survey.id, by=SUN) == [invited]


@pytest.mark.parametrize(("by", "error"), OUTSIDERS)
def test_who_may_not_invite(office: Office, survey: Case, by: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        office.engine.invite(survey.id, "answer", "dep1", until=UNTIL, by=Actor(person=by))


def test_the_roles_that_look_on_from_elsewhere_let_nobody_in(library: Library) -> None:
    """Of those that oversee: the government, which is judged by the answer, and the procuratorate."""
    kept_out = {role for role in library.roles.values if library.oversees(role) and not library.invites(role)}
    assert kept_out == {"gov_office", "gov_leader", "procuratorate_clerk", "chief_prosecutor"}
    assert not any(library.invites(role) for role in ("unit_head", "deputy", "station_keeper"))


def test_an_invitation_washes_no_unit_off(office: Office, survey: Case) -> None:
    office.engine.grant("dep1", "unit_clerk", "hb/xianning", unit="water")
    token = office.engine.invite(survey.id, "answer", "dep1", until=UNTIL, by=SUN)
    with pytest.raises(NotPermitted):
        office.engine.fire(survey.id, "answer", guest(token), ANSWER)
