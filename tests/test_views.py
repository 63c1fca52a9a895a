"""The lists each role works from: they narrow, never widen, and are counted no further than a few."""

from __future__ import annotations

import pytest

from workflow import Actor
from workflow.overview import find, grants_of, tally, through, views_of

from .lifecycle import Office, statements


def names(office: Office, person: str) -> set[str]:
    return {view.name for view in views_of(office.engine, grants_of(office.engine, Actor(person=person)))}


def listed(office: Office, person: str, view: str) -> list[str]:
    engine = office.engine
    page = find(engine, Actor(person=person), through(engine.library.view(view)))
    return [case.id for case in page.cases]


def test_each_role_finds_its_own(office: Office) -> None:
    assert {"intake", "to_assign", "returns", "look_back"} <= names(office, "li")
    assert names(office, "wang") == names(office, "wu") >= {"inbox", "co_inbox"}
    assert "surveys" in names(office, "sun") and "inbox" not in names(office, "sun")
    assert names(office, "nobody") == set()


def test_a_view_follows_the_case_and_its_reader(office: Office) -> None:
    case = office.accepted()
    assert listed(office, "li", "to_assign") == [case.id]
    office.fire(case, "assign", "li", assignment_mode="lead_and_co", lead_unit="water", co_units=["roads"])
    assert (listed(office, "li", "to_assign"), listed(office, "li", "in_progress")) == ([], [case.id])
    assert (listed(office, "wang", "inbox"), listed(office, "qian", "inbox")) == ([case.id], [])
    assert len(listed(office, "qian", "co_inbox")) == 1
    assert listed(office, "wang", "co_inbox") == [], "the lead sees the co-unit's case, and it is not its own"
    assert listed(office, "dep1", "my_suggestions") == [case.id]


def test_a_view_of_another_role_shows_no_more_than_the_filter_lets(office: Office) -> None:
    case = office.assigned()
    assert listed(office, "li", "in_progress") == [case.id]
    assert listed(office, "feng", "in_progress") == [], "a unit that does not stand in the case"


def test_what_waits_is_the_worklist(office: Office) -> None:
    office.evaluating()
    waiting = {case.id for case in office.engine.worklist(Actor(person="dep1"))}
    assert set(listed(office, "dep1", "to_evaluate")) <= waiting != set()


def test_many_lists_are_counted_in_one_question_and_no_further_than_a_few(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(4):
        office.filed()
    engine, li = office.engine, Actor(person="li")
    filters = [through(view) for view in views_of(engine, grants_of(engine, li))]
    with statements(engine.database, monkeypatch) as seen:
        counts = tally(engine, li, filters, most=3)
    assert max(counts) == 3, "it stops counting"
    assert sum("count(*)" in statement for statement in seen) == 1
    assert tally(engine, li, []) == []


def test_a_list_of_open_states_looks_among_the_open_cases_only(office: Office) -> None:
    """What is open has an index of its own; a list that asks for open states asks for it."""
    library = office.engine.library
    for view in library.views.values():
        states = library.definition(view.definition).states
        named = [states[state] for state in view.states]
        if named and not any(state.end for state in named):
            assert view.closed is False, view.name
        elif any(state.end for state in named):
            assert view.closed is not False, view.name
    assert library.view("in_progress").closed is False
