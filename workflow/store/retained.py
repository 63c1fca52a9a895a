"""The rows of what rules of the place will erase: which are due, which still wait, until when one is put off."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, and_, delete, or_, select, update

from .sql import Store

__all__ = ["Due", "Retentions"]


class Due(NamedTuple):
    """What a rule keeps of a case: the last day, and the instant at which it goes."""

    case: str
    rule: str
    until: date
    at: datetime


class Retentions:
    """Those of one store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._table = store.tables.retention

    def due(self, now: datetime, limit: int) -> list[Due]:
        """Those whose instant has come, in due order; one that could not fire only when it is to be tried again."""
        t, at = self._table.c, _instant(now)
        ready = and_(t.erase_at <= at, or_(t.again_at.is_(None), t.again_at <= at))
        query = select(t.case_id, t.rule, t.until_on, t.erase_at).where(ready)
        with self._store.connection() as connection:
            rows = connection.execute(query.order_by(t.erase_at, t.case_id, t.rule).limit(limit)).all()
        return [_due(row) for row in rows]

    def of(self, connection: Connection, case: str) -> list[Due]:
        """Those of a case, the earliest first."""
        t = self._table.c
        query = select(t.case_id, t.rule, t.until_on, t.erase_at).where(t.case_id == case)
        return [_due(row) for row in connection.execute(query.order_by(t.erase_at, t.rule))]

    def waits(self, connection: Connection, due: Due) -> bool:
        """Whether it is still there as it was read: not fired, taken away or armed anew meanwhile."""
        same = (*self._row(due), self._table.c.erase_at == _instant(due.at))
        return connection.execute(select(1).where(*same)).first() is not None

    def over(self, connection: Connection, due: Due) -> None:
        """It has fired."""
        connection.execute(delete(self._table).where(*self._row(due)))

    def put_off(self, connection: Connection, due: Due, again: datetime) -> None:
        """It could not fire."""
        connection.execute(update(self._table).where(*self._row(due)).values(again_at=_instant(again)))

    def _row(self, due: Due) -> tuple[Any, ...]:
        return self._table.c.case_id == due.case, self._table.c.rule == due.rule


def _due(row: Any) -> Due:
    return Due(row[0], row[1], date.fromisoformat(row[2]), datetime.fromisoformat(row[3]))


def _instant(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds")
