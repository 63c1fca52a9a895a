"""Who is expected to act, the earliest due first."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sqlalchemy import event as hook

from workflow import Actor, Engine
from workflow.library import Library

from .lifecycle import PLACE, Office


def mine(office: Office, person: str) -> list[str]:
    return [case.id for case in office.engine.worklist(Actor(person=person))]


def test_it_follows_the_case(office: Office) -> None:
    case = office.assigned()
    assert (mine(office, "wang"), mine(office, "wu"), mine(office, "qian")) == ([case.id], [], [])
    office.fire(case, "sign_in", "wang")
    office.fire(
        case, "first_contact", "wang", contact_on="2026-03-02", contact_way="telephone", contact_record="谈"
    )
    case = office.now(case)
    office.fire(case, "submit_for_signoff", "wang", reply_draft={"sha256": "a" * 64, "size": 1, "media_type": "a/b", "name": "n"},
                reply_class="HB-XIANNING:A", publication="full")  # fmt: skip
    assert (mine(office, "wang"), mine(office, "wu")) == ([], [case.id])


def test_earliest_first_and_search(office: Office) -> None:
    late, early = office.filed("dep1"), office.filed("dep1")
    office.clock.advance(days=1)
    latest = office.filed("dep1")
    assert mine(office, "li")[-1] == latest.id
    assert set(mine(office, "li")[:2]) == {late.id, early.id}
    office.fire(early, "accept", "li", congress="六届", session="五次")
    found = office.engine.search(state="accepted", kind="suggestion", closed=False)
    assert [c.id for c in found] == [early.id]
    everyone = office.engine.search()
    assert [c.id for c in office.engine.search(after=everyone[0].id)] == [c.id for c in everyone[1:]]
    assert [c.id for c in office.engine.search(number=found[0].number)] == [early.id]


def test_cases_of_a_version_that_left_the_folder_still_wait(office: Office, library: Library) -> None:
    """A node that never saw the old definition finds its cases all the same."""
    case = office.filed("dep1")
    left = {name: law for name, law in library.definitions.items() if name != "suggestion"}
    folder = replace(library, definitions=left, versions={})
    fresh = Engine(office.engine.database, folder, place=PLACE, clock=office.clock)
    assert [c.id for c in fresh.worklist(Actor(person="li"))] == [case.id]


def test_no_list_reads_every_case(small_office: Office) -> None:
    """Who stands in few cases is answered from those, however many there are: the plan walks indexes, it scans no table."""
    engine, plans = small_office.engine, list[str]()
    if engine.database.dialect.name != "sqlite":
        return  # PostgreSQL plans by statistics, and a handful of rows it rightly reads whole

    def explain(
        connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool
    ) -> None:
        if statement.lstrip().lower().startswith("select") and "_cases" in statement:
            rows = cursor.connection.execute(f"explain query plan {statement}", parameters).fetchall()
            plans.extend(row[3] for row in rows if row[3].startswith("SCAN") and "_definition" not in row[3])

    hook.listen(engine.database, "before_cursor_execute", explain)
    engine.search(unit="water", actor=Actor(person="wang"))
    engine.search(unit="water", state="assigned")
    engine.worklist(Actor(person="wang"))
    assert plans == []
