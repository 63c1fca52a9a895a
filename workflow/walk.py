"""The whole store read case by case, in portions, for those who must see everything: verify.py and export.py.

Each portion is one short transaction in which a case, its lines and all that belongs to it are read together. So what
happens meanwhile never looks like a fault, no long transaction holds up the writers, and memory stays flat. A case that
is opened behind the walk is not met; whatever lies between two ids without a case is.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from .family import Record
from .store import rows
from .store.sql import Store

PORTION = 200
"""cases read in one transaction"""
BATCH = 1000


class Portion:
    """The cases between two ids with all that belongs to them, in one transaction."""

    def __init__(self, store: Store, connection: Any, after: str | None) -> None:
        self._connection = connection
        self._tables = store.tables
        self._after = after
        self.cases: dict[str, Sequence[Any]] = {row[0]: row for row in self._read_cases()}
        """id -> its row in the order of `rows.CASE`"""
        self.upto = next(reversed(self.cases)) if len(self.cases) == PORTION else None
        """the last id; None in the last portion, to which everything beyond belongs"""

    def lines(self) -> Generator[Any]:
        """Every line by case and number: the columns of `rows.HISTORY`, then its disclosure. Close it when you stop early."""
        h, d = self._tables.history, self._tables.disclosure
        joined = h.outerjoin(d, (d.c.case_id == h.c.case_id) & (d.c.seq == h.c.seq))
        query = (
            h.select().with_only_columns(*(h.c[name] for name in rows.HISTORY), d.c.body).select_from(joined)
        )
        query = query.where(*self._between(h.c.case_id)).order_by(h.c.case_id, h.c.seq)
        with self._connection.execute(query.execution_options(yield_per=BATCH)) as found:
            for some in found.partitions():
                yield from some

    def by_case(self, table: str) -> dict[str, list[Any]]:
        """The rows of a table that has a case_id."""
        found: dict[str, list[Any]] = {}
        rows_ = getattr(self._tables, table)
        for row in self._connection.execute(rows_.select().where(*self._between(rows_.c.case_id))):
            found.setdefault(row.case_id, []).append(row)
        return found

    def orphaned_disclosures(self) -> list[tuple[str, int]]:
        """(case, seq) of disclosures without their line."""
        h, d = self._tables.history, self._tables.disclosure
        joined = d.outerjoin(h, (d.c.case_id == h.c.case_id) & (d.c.seq == h.c.seq))
        query = d.select().with_only_columns(d.c.case_id, d.c.seq).select_from(joined)
        query = query.where(h.c.id.is_(None), *self._between(d.c.case_id)).order_by(d.c.case_id, d.c.seq)
        return [(row.case_id, row.seq) for row in self._connection.execute(query)]

    def related_since(self, case: str, party: str) -> str:
        """When the party came into a relation of the case or its root, as their lines tell; empty: they do not tell."""
        c, h, d = self._tables.cases.c, self._tables.history, self._tables.disclosure
        root = self._tables.cases.select().with_only_columns(c.root_id).where(c.id == case).scalar_subquery()
        joined = h.join(d, (d.c.case_id == h.c.case_id) & (d.c.seq == h.c.seq))
        query = h.select().with_only_columns(h.c.recorded_at, d.c.body).select_from(joined)
        query = query.where(
            (h.c.case_id == root) | (h.c.case_id == case), d.c.body.contains(party, autoescape=True)
        )
        return min(
            (row.recorded_at for row in self._connection.execute(query) if _relates(row.body, party)),
            default="",
        )

    def children(self, root: str) -> list[Record]:
        """The children of a root, wherever they lie."""
        table = self._tables.cases
        query = table.select().with_only_columns(*(table.c[name] for name in rows.CASE))
        found = self._connection.execute(query.where(table.c.root_id == root, table.c.id != root)).all()
        return [rows.record(row) for row in found]

    def _read_cases(self) -> Sequence[Any]:
        table = self._tables.cases
        query = table.select().with_only_columns(*(table.c[name] for name in rows.CASE)).order_by(table.c.id)
        if self._after is not None:
            query = query.where(table.c.id > self._after)
        found: Sequence[Any] = self._connection.execute(query.limit(PORTION)).all()
        return found

    def _between(self, column: Any) -> list[Any]:
        bounds = [] if self._after is None else [column > self._after]
        return bounds if self.upto is None else [*bounds, column <= self.upto]


def portions(store: Store) -> Generator[Portion]:
    """All portions, by the ids of the cases. Close it when you stop before its end."""
    after: str | None = None
    while True:
        with snapshot(store) as connection:
            portion = Portion(store, connection, after)
            yield portion
        if portion.upto is None:
            return
        after = portion.upto


@contextmanager
def snapshot(store: Store) -> Iterator[Any]:
    """A connection on which everything read belongs to one moment."""
    with store.connection() as connection:
        if not store.is_sqlite:
            connection.execution_options(isolation_level="REPEATABLE READ")
        yield connection


def _relates(body: str, party: str) -> bool:
    """Whether one of the relations a disclosure states has this party."""
    try:
        values = [pair[1] for name, pair in json.loads(body).items() if name.startswith("@")]
    except (ValueError, TypeError, KeyError, IndexError, AttributeError):
        return False
    return any(isinstance(value, list) and party in value for value in values)
