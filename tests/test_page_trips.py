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
from workflow.testing import FrozenClock

from .console import Desk
from .lifecycle import Office

SENT = re.compile(r"^(?:.*\t)?F\t\d+\t(\w+)", re.MULTILINE)
"""a line of the trace about a message to the server: its name"""


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


def test_a_question_of_a_page_is_one_way_to_the_server_and_back(
    postgres_url: str, library: Library, clock: FrozenClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = Engine(postgres_url, library, clock=clock)
    engine.create_schema()
    engine.publish(Actor(person="test"))
    office = Office(engine, clock).staff()
    case = office.handling()
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
