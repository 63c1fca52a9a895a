"""How often a page goes to PostgreSQL and back: once for each question, and without a transaction around it. Counted are the messages
that the driver sends, as libpq's own trace tells them.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from workflow import Actor, Engine
from workflow.library import Library
from workflow.store.work import READ_ONLY
from workflow.testing import FrozenClock

from .console import Desk
from .lifecycle import Office

READS = ("select", "with", "begin", "pragma main.table_", "pragma temp.table_")
LOCKS = ("for update", "for share", "advisory")
SENT = re.compile(r"^(?:.*\t)?F\t\d+\t(\w+)", re.MULTILINE)
"""a line of the trace about a message to the server: its name"""
ADDRESSES = [
    "/", "/waiting", "/found?kind=suggestion&closed=false", "/search?q=%E9%A9%BF%E7%AB%99", "/statistics", "/wall", "/health",
    "/views/to_assign", "/views/inbox", "/parties", "/security", "/cases/{}", "/cases/{}/history", "/cases/{}/clocks/reply",
]  # fmt: skip


@contextmanager
def sent(engine: Engine, folder: Path) -> Iterator[Counter[str]]:
    """How often each kind of message goes to the server meanwhile, and under `questions` how many statements are asked."""
    found, traced, file = Counter[str](), list[Any](), (folder / "trace").open("w+")

    def trace(driver: Any, *_: object) -> None:
        if driver.pgconn not in traced:
            traced.append(driver.pgconn)
            driver.pgconn.trace(os.dup(file.fileno()))

    def count(*_: object) -> None:
        found["questions"] += 1

    event.listen(engine.database, "checkout", trace)
    event.listen(engine.database, "before_cursor_execute", count)
    try:
        yield found
    finally:
        event.remove(engine.database, "checkout", trace)
        event.remove(engine.database, "before_cursor_execute", count)
        for one in traced:
            one.untrace()
        found.update(SENT.findall((folder / "trace").read_text()))
        file.close()


def stands(url: str, library: Library, clock: FrozenClock) -> Office:
    engine = Engine(url, library, clock=clock)
    engine.create_schema()
    engine.publish(Actor(person="test"))
    return Office(engine, clock).staff()


def test_what_only_reads_writes_and_locks_nothing(
    database_url: str, library: Library, clock: FrozenClock, tmp_path: Path
) -> None:
    """Nothing stands around it that would undo it, and no lock would outlast the statement that takes it."""
    office, asked = stands(database_url, library, clock), list[str]()
    case, desk = office.handling(), Desk(office, tmp_path)

    def note(connection: Any, _cursor: object, statement: str, *_: object) -> None:
        if connection.get_execution_options().get(READ_ONLY):
            asked.append(" ".join(statement.lower().split()))

    event.listen(office.engine.database, "before_cursor_execute", note)
    for person in ("li", "wang", "sun", "dep1", "he"):
        reader = desk(person)
        for address in ADDRESSES:
            assert reader.get(address.format(case.id)).status_code in (200, 403, 404)
    office.engine.tick()
    event.remove(office.engine.database, "before_cursor_execute", note)
    assert len(asked) > len(ADDRESSES)
    assert [one for one in asked if not one.startswith(READS)] == []
    assert [one for one in asked if any(lock in one for lock in LOCKS)] == []
    office.engine.database.dispose()


def test_a_question_of_a_page_is_one_way_to_the_server_and_back(
    postgres_url: str, library: Library, clock: FrozenClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    office = stands(postgres_url, library, clock)
    engine, case = office.engine, office.handling()
    monkeypatch.setattr(engine.summary, "fresh", lambda: False)  # it writes where somebody else does
    reader = Desk(office, tmp_path)("wang")
    addresses = ["/", "/waiting", f"/cases/{case.id}"]
    for address in addresses:
        reader.get(address)
    with sent(engine, tmp_path) as found:
        for address in addresses:
            assert reader.get(address).status_code == 200
    assert found["questions"] > len(addresses)
    engine.database.dispose()
    assert found["Sync"] + found["Query"] == found["questions"]  # what has no parameters is a query by itself
