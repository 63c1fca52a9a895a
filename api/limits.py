"""How often. What is limited is counted in the database, so that all nodes count together.

A count begins with the first event, and ends `seconds` after it; one that has come to the limit stays there `seconds` from then.
Of who is counted only a hash is kept, and that until its count has ended.
"""

from __future__ import annotations

import hashlib
import ipaddress
from dataclasses import dataclass
from datetime import datetime, timedelta

from flask import Request
from sqlalchemy import Connection, case, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from workflow import Engine
from workflow.errors import Text

from .problems import Problem
from .routes import Desk
from .store import Shelf, stamp


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """At most `most` of `what` by one person or address within `seconds`."""

    what: str
    most: int
    seconds: int


NETWORK = 64
"""bits of an address of IPv6 that tell one subscriber from another"""
FAILURES = 20
"""failures of one address within an hour, of each kind"""


class Counter:
    """The counts of one engine's service."""

    def __init__(self, engine: Engine) -> None:
        self._shelf = Shelf(engine)
        self._engine = engine

    def check(self, limit: Limit, who: str) -> None:
        """Raises Problem 429 for whoever has come to the limit. Writes nothing."""
        table, now = self._shelf.tables.failure, self._shelf.now()
        with self._shelf.connection() as connection:
            query = select(table.c.count, table.c.until).where(table.c.key == _key(limit, who))
            found = connection.execute(query).first()
        if found is None:
            return
        count, until = found
        if count >= limit.most and until > stamp(now):
            raise _too_many(datetime.fromisoformat(until) - now)

    def count(self, limit: Limit, who: str, more: int = 1) -> int:
        """One more, or as many as `more` says; how many that makes."""
        with self._shelf.connection(write=True) as connection:
            count = self._count(connection, limit, who, more)
        if count == more:
            self.sweep()
        return count

    def _count(self, connection: Connection, limit: Limit, who: str, more: int) -> int:
        table, now = self._shelf.tables.failure, self._shelf.now()
        until = stamp(now + timedelta(seconds=limit.seconds))
        ended = table.c.until <= stamp(now)
        now_full = (table.c.count < limit.most) & (table.c.count + more >= limit.most)
        module = postgresql if connection.dialect.name == "postgresql" else sqlite
        query = module.insert(table).values(key=_key(limit, who), count=more, until=until)
        # one statement: who counts beside us is counted too
        query = query.on_conflict_do_update(
            index_elements=[table.c.key],
            set_={
                "count": case((ended, more), else_=table.c.count + more),
                "until": case((ended | now_full, until), else_=table.c.until),
            },
        )
        return int(connection.execute(query.returning(table.c.count)).scalar_one())

    def take(self, limit: Limit, who: str) -> int:
        """One more, before it is tried: beside each other no more than `most` get through; the how manyth. Raises Problem 429."""
        self.check(limit, who)
        count = self.count(limit, who)
        if count > limit.most:
            raise _too_many(timedelta(seconds=limit.seconds))
        return count

    def take_with(self, connection: Connection, limit: Limit, who: str) -> None:
        """One more, in the transaction of what is counted: it counts if that is kept. Raises Problem 429; then keep nothing."""
        if self._count(connection, limit, who, 1) > limit.most:
            raise _too_many(timedelta(seconds=limit.seconds))

    def forget(self, limit: Limit, who: str) -> None:
        """Its count begins anew."""
        table = self._shelf.tables.failure
        with self._shelf.connection(write=True) as connection:
            connection.execute(delete(table).where(table.c.key == _key(limit, who)))

    def sweep(self) -> None:
        """Forget the counts that have ended."""
        table = self._shelf.tables.failure
        with self._shelf.connection(write=True) as connection:
            connection.execute(delete(table).where(table.c.until <= stamp(self._shelf.now())))


def source(asking: Request) -> str:
    """From where, as it is counted: an address of IPv4, of IPv6 its network of 64 bits, which one subscriber has whole."""
    text = asking.remote_addr or ""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return text
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    return str(address.ipv4_mapped or ipaddress.IPv6Network((address, NETWORK), strict=False))


def missed(desk: Desk, asking: Request, what: str) -> None:
    """Who asked guessed wrong: counted, and after too many in an hour Problem 429. Who names what is there is not asked for
    his address: many persons may share one, and what is guessed here is too long to be guessed.
    """
    Counter(desk.engine).take(_failures(what), source(asking))


def refuse_many(desk: Desk, asking: Request, what: str) -> None:
    """Raises Problem 429 for an address that has failed too often in an hour."""
    Counter(desk.engine).check(_failures(what), source(asking))


def count_failure(desk: Desk, asking: Request, what: str) -> None:
    """One more failure of whoever asks."""
    Counter(desk.engine).count(_failures(what), source(asking))


def _failures(what: str) -> Limit:
    return Limit(what=what, most=FAILURES, seconds=3600)


def _too_many(left: timedelta) -> Problem:
    seconds = max(1, round(left.total_seconds()))
    minutes = -(-seconds // 60)
    text = Text(f"次数过多，请 {minutes} 分钟后再试", f"too often; try again in {minutes} minutes")
    return Problem("too_many", text, headers={"Retry-After": str(seconds)})


def _key(limit: Limit, who: str) -> str:
    return hashlib.sha256(f"{limit.what}\n{who}".encode("utf-8", "surrogatepass")).hexdigest()
