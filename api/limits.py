"""How often: failures are counted in the database, so that all nodes count together; by hour and by address."""

from __future__ import annotations

import hashlib
from datetime import UTC

from sqlalchemy import delete, select, update

from workflow.errors import Text

from .problems import Problem
from .routes import Ask
from .store import Shelf, insert_once

MOST = 20
"""failures of one address within an hour"""


def refuse_many(ask: Ask, what: str) -> None:
    """Raises Problem 429 for an address that has failed too often in this hour."""
    table = Shelf(ask.engine).tables.failure
    with Shelf(ask.engine).connection() as connection:
        key = _key(ask, what)
        found = connection.execute(select(table.c.count).where(table.c.key == key)).scalar()
    if found is not None and found >= MOST:
        text = Text("失败次数过多,请一小时后再试", "too many failures; try again in an hour")
        raise Problem("too_many", text, headers={"Retry-After": "3600"})


def count_failure(ask: Ask, what: str) -> None:
    """One more failure of whoever asks."""
    table, hour = Shelf(ask.engine).tables.failure, _hour(ask)
    with Shelf(ask.engine).connection(write=True) as connection:
        key = _key(ask, what)
        if not insert_once(connection, table, {"key": key, "hour": hour, "count": 1}):
            connection.execute(update(table).where(table.c.key == key).values(count=table.c.count + 1))
        else:
            connection.execute(delete(table).where(table.c.hour < hour))


def _key(ask: Ask, what: str) -> str:
    """Of an address only a hash is kept, and that for an hour."""
    address = ask.request.remote_addr or ""
    return hashlib.sha256(f"{what}\n{address}\n{_hour(ask)}".encode()).hexdigest()


def _hour(ask: Ask) -> str:
    return ask.engine.clock.now().astimezone(UTC).isoformat(timespec="hours")[:13]
