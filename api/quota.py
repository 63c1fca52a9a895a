"""Room for what is brought: how many bytes of one person may lie there that no case has named yet.

Room is taken before the first byte is read and counted together with what is on its way: whoever takes it writes his own row, and
only then counts all of his. So of any that come at once, on whatever nodes, none passes the limit unseen by the others.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from sqlalchemy import delete, func, insert, or_, select

from workflow import Engine
from workflow.errors import Text
from workflow.overview import secret

from .abandoned import Abandoned
from .problems import Problem
from .store import Shelf, stamp

__all__ = ["room"]

ON_ITS_WAY = timedelta(hours=1)
"""after which room that nobody gave back is free again: whoever took it is gone"""


@contextmanager
def room(engine: Engine, person: str, size: int, quota: int) -> Iterator[None]:
    """Room for so many bytes as long as they are on their way. Raises Problem 413 where there is none."""
    shelf, ticket = Shelf(engine), secret(engine)[:64]
    table, now = shelf.tables.upload, stamp(shelf.now())
    row = {"sha256": ticket, "person": person, "size": size, "at": now, "leaving": now}
    with shelf.connection(write=True) as connection:
        connection.execute(insert(table).values(**row))
    try:
        if _waiting(shelf, person) > quota:
            Abandoned(engine, None).look()  # what cases have named meanwhile
            if (waiting := _waiting(shelf, person)) > quota:
                raise _full(waiting - size, quota)
        yield
    finally:
        with shelf.connection(write=True) as connection:
            connection.execute(delete(table).where(table.c.sha256 == ticket, table.c.person == person))


def _waiting(shelf: Shelf, person: str) -> int:
    """Bytes of his that no case is known to have named, with those on their way."""
    t, named = shelf.tables.upload.c, shelf.tables.named
    known = select(1).where(named.c.sha256 == t.sha256).exists()
    here = or_(t.leaving.is_(None), t.leaving > stamp(shelf.now() - ON_ITS_WAY))
    with shelf.connection() as connection:
        query = select(func.coalesce(func.sum(t.size), 0)).where(t.person == person, here, ~known)
        return int(connection.execute(query).scalar_one())


def _full(waiting: int, quota: int) -> Problem:
    has, most = -(-waiting // (1 << 20)), quota >> 20
    text = Text(
        f"您已上传而尚未写入案件的文件有 {has} MiB，连同此件超过每人 {most} MiB：请先用在案件中，或等其到期自动删除",
        f"you have {has} MiB of files that no case names yet, and with this one over the {most} MiB of a person: use them in "
        "a case first, or wait until they go by themselves",
    )
    return Problem("too_large", text)
