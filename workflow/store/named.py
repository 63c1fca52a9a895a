"""What the lines of the feed say, page by page, where they name documents."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, and_, func, select

from .sql import Store

__all__ = ["naming"]


def naming(store: Store, connection: Connection, position: int, limit: int) -> tuple[Sequence[str], int]:
    """What was said in those of the next `limit` lines after that position that name a document, and the position of the last line
    looked at; the same position again when there are no more.
    """
    f, h, d = store.tables.feed.c, store.tables.history.c, store.tables.disclosure.c
    last = connection.execute(select(func.max(f.position))).scalar_one() or 0
    until = max(position, min(position + limit, last))
    query = (
        select(d.body).select_from(store.tables.feed).join(store.tables.history, h.id == f.history_id)
        .join(store.tables.disclosure, and_(d.case_id == h.case_id, d.seq == h.seq))
        .where(f.position > position, f.position <= until, d.body.contains('"sha256"'))
    )  # fmt: skip
    return connection.execute(query).scalars().all(), until
