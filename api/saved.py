"""Filters that somebody has kept: the address of a narrowed list under a name of his own. Nobody else sees them."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import delete, func, insert, select

from workflow import Engine
from workflow.errors import Text
from workflow.overview import identifier

from .problems import Problem
from .store import Shelf

__all__ = ["LONGEST", "Saved", "forget", "keep", "kept"]

MOST = 30
"""of one person: they stand on his first page"""
LONGEST = 1000
"""letters of an address"""


@dataclass(frozen=True, slots=True)
class Saved:
    """A name and the list it opens."""

    id: str
    name: str
    address: str


def kept(engine: Engine, person: str) -> list[Saved]:
    """Those of this person, by name."""
    shelf = Shelf(engine)
    s = shelf.tables.saved.c
    with shelf.connection() as connection:
        rows = connection.execute(select(s.id, s.name, s.address).where(s.person == person).order_by(s.name))
        return [Saved(*row) for row in rows]


def keep(engine: Engine, person: str, name: str, address: str) -> Saved:
    """Keep that address under the name; what had the name before is replaced. Raises Problem 409 when there are too many."""
    shelf, row = Shelf(engine), {"id": identifier(engine), "person": person, "name": name, "address": address}
    s = shelf.tables.saved
    with shelf.connection(write=True) as connection:
        shelf.lock_name(connection, f"saved {person}")
        connection.execute(delete(s).where(s.c.person == person, s.c.name == name))
        count = select(func.count()).select_from(s).where(s.c.person == person)
        if connection.execute(count).scalar_one() >= MOST:
            raise Problem("conflict", Text(f"最多保存 {MOST} 个筛选，请先删去不用的",
                                           f"{MOST} filters can be kept: drop one you no longer use"))  # fmt: skip
        connection.execute(insert(s), row)
    return Saved(row["id"], name, address)


def forget(engine: Engine, person: str, id_: str) -> None:
    """Drop one of his. One that is not there is gone already."""
    shelf = Shelf(engine)
    s = shelf.tables.saved
    with shelf.connection(write=True) as connection:
        connection.execute(delete(s).where(s.c.person == person, s.c.id == id_))
