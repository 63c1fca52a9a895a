"""What somebody may do in many cases, asked at once, is what he may do in each."""

from __future__ import annotations

from collections.abc import Collection

import pytest

from workflow import Actor, NotFound
from workflow.access import lend
from workflow.overview import Filter, find

from .lifecycle import TODAY, Office, statements


def stories(office: Office) -> list[str]:
    """Cases at different points, and the children of some."""
    for story in (office.filed, office.accepted, office.assigned, office.handling, office.evaluating):
        story()
    office.assigned(co=("roads",))
    found = find(office.engine, Actor(person="li"), Filter()).cases
    assert {case.slot is None for case in found} == {True, False}
    return [case.id for case in found]


def test_however_many_they_are_as_much_is_asked(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the cases, of who asks, and of whom he may act for."""
    cases, wu, asked = [office.handling().id for _ in range(5)], Actor(person="wu"), list[int]()
    lend(office.engine, "wang", "wu", until=TODAY, by="wang", day=TODAY)
    for some in (cases[:2], cases):
        with statements(office.engine.database, monkeypatch) as seen:
            office.engine.permitted_in(some, wu)
        asked.append(len(seen))
    assert asked[0] == asked[1] > 0, asked


@pytest.mark.parametrize("person", ["li", "wang", "dep1", "sun", "wu", "nobody"])
@pytest.mark.parametrize("events", [None, ("assign", "withdraw", "extend")], ids=["all", "some"])
def test_asked_at_once_it_is_the_same(office: Office, person: str, events: Collection[str] | None) -> None:
    """One that he may not know of, and one that there is not, are left out."""
    lend(office.engine, "wang", "wu", until=TODAY, by="wang", day=TODAY)
    cases, actor, each = [*stories(office), "none"], Actor(person=person), {}
    for case in cases:
        try:
            each[case] = office.engine.permitted(case, actor, events=events)
        except NotFound:
            continue
    assert office.engine.permitted_in(cases, actor, events=events) == each
    assert bool(each) == (person != "nobody")
