"""A person related to a case acts only while in office: a suspended deputy keeps the case and may do nothing in it."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from workflow import Actor, Case
from workflow.errors import NotPermitted
from workflow.model import Grant

from .lifecycle import TENANT, TODAY, Office, count

DEP1 = Actor(person="dep1")


@pytest.fixture
def letter(small_office: Office) -> Case:
    data = {"writers": ["dep1", "dep2"], "text": "信"}
    return small_office.engine.start("letter", Actor(person="li"), data, tenant=TENANT)


def holds(office: Office, *grants: dict[str, Any]) -> None:
    given = [Grant(id=f"g{n}", person="dep1", **{"scope": TENANT, **grant}) for n, grant in enumerate(grants)]
    office.engine.sync_grants("dep1", given, by="set-up")


DEPUTY = {"role": "deputy"}
OUT_OF_OFFICE: list[list[dict[str, Any]]] = [
    [],
    [{"role": "sc_office"}],
    [{"role": "deputy", "valid_until": date(2026, 3, 1)}],
    [{"role": "deputy", "valid_from": date(2026, 3, 3)}],
    [{"role": "deputy", "scope": "hb/huangshi"}],
]


@pytest.mark.parametrize("grants", OUT_OF_OFFICE)
def test_who_lost_the_office_may_do_nothing(
    small_office: Office, letter: Case, grants: list[dict[str, Any]]
) -> None:
    office, child = small_office, small_office.child(letter, "consents", "dep1")
    holds(office, *grants)
    assert office.now(letter).relations["writer"] == ("dep1", "dep2")  # he keeps the case
    assert office.engine.case(letter.id, actor=DEP1).id == letter.id  # and may look at it
    for case, event in ((letter, "send"), (child, "give")):
        assert office.reasons(case, event, "dep1") == {"role"}
        (said,) = [p for p in office.engine.permitted(case.id, DEP1) if p.event == event]
        assert [reason.code for reason in said.reasons] == ["role"]
    assert office.engine.worklist(DEP1) == []
    token = office.engine.invite(letter.id, "send", "dep1", until=date(2026, 3, 9), by=Actor(person="sun"))
    with pytest.raises(NotPermitted):
        office.engine.fire(letter.id, "send", Actor(person="", invitation=token))
    assert count(office.engine, "history", "actor = 'dep1'") == 0


def test_who_holds_it_acts_under_it(small_office: Office, letter: Case) -> None:
    office, child = small_office, small_office.child(letter, "consents", "dep1")
    assert {c.id for c in office.engine.worklist(DEP1)} >= {letter.id, child.id}
    assert office.fire(child, "give", "dep1").state == "given"
    token = office.engine.invite(letter.id, "send", "dep1", until=date(2026, 3, 9), by=Actor(person="sun"))
    sent = office.engine.fire(letter.id, "send", Actor(person="", invitation=token))
    line = office.engine.history(sent.id)[-1]
    assert (line.actor, line.role) == ("dep1", "deputy")


def test_another_deputy_is_no_party(small_office: Office, letter: Case) -> None:
    small_office.engine.grant("dep3", "deputy", TENANT)
    assert small_office.reasons(letter, "send", "dep3") == {"role"}


def test_in_no_other_role(small_office: Office, letter: Case) -> None:
    """Who says in which role he acts is held to it."""
    small_office.engine.grant("dep1", "sc_office", TENANT)
    with pytest.raises(NotPermitted):
        small_office.engine.fire(letter.id, "send", Actor(person="dep1", role="sc_office"))


def test_the_refusal_names_the_office(small_office: Office, letter: Case) -> None:
    with pytest.raises(NotPermitted) as refusal:
        small_office.fire(letter, "send", "li")
    assert [str(reason.text) for reason in refusal.value.reasons] == [
        "“寄出”须由写信代表（须在任代表）进行 / 'send' is for: writer (while deputy)"
    ]


def test_suspended_between_read_and_write(
    small_office: Office, letter: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The writing statement checks the grant again."""
    office, read = small_office, small_office.engine.store.read

    def slow(work: Any, *arguments: Any) -> Any:
        found = read(work, *arguments)
        monkeypatch.setattr(office.engine.store, "read", read)
        holds(office)
        return found

    office.engine._memory.forget(letter.id)
    monkeypatch.setattr(office.engine.store, "read", slow)
    assert office.reasons(letter, "send", "dep1") == {"role"}


@pytest.mark.parametrize("grants", [[], [DEPUTY]])
def test_backdating_too(small_office: Office, letter: Case, grants: list[dict[str, Any]]) -> None:
    holds(small_office, *grants)

    def send() -> Case:
        day = date(TODAY.year, 3, 1)
        return small_office.engine.fire(letter.id, "send", DEP1, effective_on=day, reason="补记")

    if grants:
        assert send().state == "sent"
        return
    with pytest.raises(NotPermitted):
        send()


def test_a_role_that_oversees_nothing_sees_its_own_cases_only(office: Office) -> None:
    """A deputy holds his role in the whole city; that shows him no case in which he does not stand, and invites nobody."""
    mine, theirs = office.filed("dep1"), office.filed("dep2")
    assert [c.id for c in office.engine.search(actor=DEP1)] == [mine.id]
    assert office.engine.case(theirs.id, actor=Actor(person="sun")).id == theirs.id
    with pytest.raises(NotPermitted, match="lets nobody in by a link"):
        office.engine.invite(mine.id, "withdraw", "dep2", until=date(2026, 3, 9), by=DEP1)
