"""A dry run asks everybody who is asked otherwise and writes nothing; a receipt comes again with its key."""

from __future__ import annotations

import pytest

from workflow import Actor, Case, Conflict, NotFound
from workflow.errors import FormInvalid, KeyReused, NotInState, NotPermitted
from workflow.model import Receipt

from .lifecycle import SESSION, SUGGESTION, TENANT, Office, count

LI = Actor(person="li")
WRITTEN = ("cases", "history", "disclosure", "clock", "relation", "outbox", "answer", "series")


def written(office: Office) -> list[int]:
    return [count(office.engine, table) for table in WRITTEN]


def test_what_would_be(office: Office) -> None:
    case = office.filed()
    before = written(office)
    would = office.engine.fire(case.id, "accept_in_session", LI, SESSION, dry_run=True)
    assert (would.state, would.revision, would.number) == ("accepted", 2, None)
    begun = office.engine.start("suggestion", LI, SUGGESTION, tenant=TENANT, dry_run=True)
    assert (begun.state, begun.revision) == ("filed", 1)
    assert written(office) == before
    assert office.now(case) == case
    done = office.engine.fire(case.id, "accept_in_session", LI, SESSION)
    assert (done.state, done.revision, done.data) == (would.state, would.revision, would.data)


def test_the_same_no_as_in_earnest(office: Office) -> None:
    case = office.filed()
    for event, who, data, error in (
        ("accept_in_session", "wang", SESSION, NotFound),
        ("accept_in_session", "gov", SESSION, NotPermitted),
        ("accept_in_session", "li", {}, FormInvalid),
        ("sign_in", "li", {}, NotPermitted),
        ("archive", "sun", {}, (NotInState, NotPermitted)),
        ("no_such_event", "li", {}, NotFound),
    ):
        told = []
        for dry_run in (True, False):
            with pytest.raises(error) as refusal:
                office.engine.fire(case.id, event, Actor(person=who), data, dry_run=dry_run)
            told.append(str(refusal.value))
        assert told[0] == told[1]
    with pytest.raises(Conflict):
        office.engine.fire(case.id, "accept_in_session", LI, SESSION, revision=7, dry_run=True)
    with pytest.raises(NotFound):
        office.engine.fire("none", "accept_in_session", LI, SESSION, dry_run=True)
    with pytest.raises(NotPermitted):
        office.engine.start("suggestion", Actor(person="wang"), SUGGESTION, tenant=TENANT, dry_run=True)


def test_a_key_that_was_used_is_judged_in_a_rehearsal_too(office: Office) -> None:
    """And one that was not is not used by it."""
    case = office.filed()
    fire = office.engine.fire
    assert fire(case.id, "accept_in_session", LI, SESSION, key="k", dry_run=True).state == "accepted"
    done = fire(case.id, "accept_in_session", LI, SESSION, key="k")
    assert fire(case.id, "accept_in_session", LI, SESSION, key="k", dry_run=True) == done
    with pytest.raises(KeyReused):
        fire(case.id, "accept_in_session", LI, {**SESSION, "session": "另一次"}, key="k", dry_run=True)
    office.engine.start("suggestion", LI, SUGGESTION, tenant=TENANT, key="s")
    with pytest.raises(KeyReused):
        office.engine.start("suggestion", LI, SUGGESTION, tenant=TENANT, key="s", reason="别的", dry_run=True)


def test_a_receipt_comes_again_with_its_key(office: Office) -> None:
    made: list[Case] = []

    def write(case: Case) -> str:
        made.append(case)
        return f"{case.state} {len(made)}"

    case = office.filed()
    first, again = Receipt(write), Receipt(write)
    office.engine.fire(case.id, "accept_in_session", LI, SESSION, key="k", receipt=first)
    office.fire(case, "assign", "li", assignment_mode="sole", lead_unit="water")
    office.engine.fire(case.id, "accept_in_session", LI, SESSION, key="k", receipt=again)
    assert (first.text, again.text, len(made)) == ("accepted 1", "accepted 1", 1)
