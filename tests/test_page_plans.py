"""What PostgreSQL reads for a page grows with what its reader stands in, not with what others have open: counted are the rows of cases
that its plans look at, never time, and never what it expected.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any

import pytest
from sqlalchemy import create_engine, event, func, select

from bench.pages import copied
from bench.seed import triggers
from workflow import Actor, Engine
from workflow.overview import Filter, Sitting, find, grants_of, through, views_of

from .lifecycle import DOCUMENT, Office

OLD, OPEN = 15_000, 6_000
"""families that have ended, as most have; open ones, of which the reader stands in some"""
ROOM = 10
"""times a case in which he stands is looked at in one statement: for where he stands, for what he may know of, for the list"""
LATE = Filter(elsewhere=True, families=True, due_before=date(2030, 1, 1))

pytestmark = pytest.mark.parametrize("ready_url", ["postgresql"], indirect=True)


@contextmanager
def looked_at(engine: Engine) -> Iterator[Counter[str]]:
    """How many rows of cases the plan of each statement looks at that is asked meanwhile."""
    asked, found = list[tuple[str, Any]](), Counter[str]()

    def watch(_connection: object, _cursor: object, statement: str, parameters: Any, *_: object) -> None:
        if statement.lstrip().lower().startswith(("select", "with")):
            asked.append((statement, parameters))

    event.listen(engine.database, "before_cursor_execute", watch)
    try:
        yield found
    finally:
        event.remove(engine.database, "before_cursor_execute", watch)
    with engine.database.connect() as connection:
        for statement, parameters in asked:
            plan = connection.exec_driver_sql(
                f"explain (analyze, timing off, format json) {statement}", parameters
            ).scalar_one()
            found[statement] += rows_of(
                engine, (plan if isinstance(plan, list) else json.loads(plan))[0]["Plan"]
            )


def rows_of(engine: Engine, node: dict[str, Any]) -> int:
    own = 0
    if node.get("Relation Name") == engine.store.tables.cases.name:
        gone = node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)
        own = round((node["Actual Rows"] + gone) * node["Actual Loops"])
    return own + sum(rows_of(engine, one) for one in node.get("Plans", ()))


def more_of(engine: Engine, roots: list[str], count: int, *, past: bool, apart: str) -> None:
    with engine.database.begin() as connection:
        triggers(connection, False, off=True)
        copied(engine, connection, roots, count, past=past, apart=apart)
        triggers(connection, False, off=False)
    with engine.database.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("vacuum analyze")


def read(engine: Engine, person: str) -> dict[str, int]:
    """The rows looked at for what the first page of that person asks, and for his lists."""
    actor, found = Actor(person=person), dict[str, int]()
    own = [through(view) for view in views_of(engine, grants_of(engine, actor)) if view.closed is False]
    with Sitting.of(engine, actor) as sitting:
        for name, ask in (
            ("agenda", lambda: sitting.agenda(Filter(waiting=True), 11)),
            ("its lists", lambda: sitting.numbers(own, 200)),
            ("late with others", lambda: sitting.numbers([LATE], 200)),
            ("the first of them", lambda: find(engine, actor, LATE, sort="due_on", limit=5)),
            ("what waits", lambda: find(engine, actor, Filter(waiting=True), sort="due_on", limit=10)),
        ):
            with looked_at(engine) as rows:
                ask()
            found[name] = rows.total()
    return found


def test_what_others_have_open_costs_nobody_anything(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = office.engine
    monkeypatch.setattr(engine.summary, "fresh", lambda: False)  # not what is asked here
    open_ = [case.id for case in (office.accepted(), office.handling(co=("roads",)), office.evaluating())]
    closed = [office.fire(office.filed("dep1"), "withdraw", "dep1", withdrawal_letter=DOCUMENT).id]
    more_of(engine, closed, OLD, past=True, apart="p")
    more_of(engine, open_, OPEN, past=False, apart="x")
    for person in ("wang", "dep1"):
        rows, own = read(engine, person), stood_in(engine, person)
        assert 0 < ROOM * own < OPEN
        assert {name: looked for name, looked in rows.items() if looked > ROOM * own} == {}


def test_no_question_is_compiled_just_in_time(office: Office) -> None:
    """The server would: by what it expects a deputy's first page to cost, which took twice as long so."""
    database = create_engine(office.engine.database.url)
    with database.connect() as theirs, office.engine.store.connection() as ours:
        found = [connection.exec_driver_sql("show jit").scalar_one() for connection in (theirs, ours)]
    database.dispose()
    assert found == ["on", "off"]


def stood_in(engine: Engine, person: str) -> int:
    """How many open cases there are in the families in which that person or a unit of his stands."""
    store, actor = engine.store, Actor(person=person)
    with store.connection() as connection:
        parties = engine.sight.parties(engine.sight.reader(connection, actor))
        query = select(func.count()).where(store.questions.related(parties, reach="open"))
        return int(connection.execute(query.select_from(store.tables.cases)).scalar_one())
