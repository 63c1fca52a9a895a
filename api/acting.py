"""Through which system a person acted. The history of a case names the person; here stands beside it what he used.

A note is written before the act, so that none is missing; an act that was refused has a note too.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import insert, select

from workflow import Engine
from workflow.overview import identifier

from .identity import Via
from .store import Shelf, stamp


@dataclass(frozen=True, slots=True, kw_only=True)
class Acted:
    """That a person changed something, or tried to, through another system."""

    at: datetime
    account: str
    token: str
    person: str
    route: str
    """the operation, as the description of the service names it"""
    case: str | None


def note(engine: Engine, via: Via, person: str, route: str, case: str | None) -> None:
    """Write down what is about to be done."""
    shelf = Shelf(engine)
    row = {
        "id": identifier(engine), "at": stamp(shelf.now()), "account": via.account, "token_id": via.token, "person": person,
        "route": route, "case_id": case,
    }  # fmt: skip
    with shelf.connection(write=True) as connection:
        connection.execute(insert(shelf.tables.acted).values(**row))


def acted(
    engine: Engine, *, person: str | None = None, account: str | None = None, case: str | None = None,
    limit: int = 200,
) -> list[Acted]:  # fmt: skip
    """The notes, the newest first, of that person, account or case if one is named."""
    shelf = Shelf(engine)
    t = shelf.tables.acted
    wanted = {t.c.person: person, t.c.account: account, t.c.case_id: case}
    query = select(t).where(*(column == value for column, value in wanted.items() if value is not None))
    with shelf.connection() as connection:
        rows = connection.execute(query.order_by(t.c.id.desc()).limit(limit)).mappings().all()
    return [
        Acted(
            at=datetime.fromisoformat(row["at"]), account=row["account"], token=row["token_id"], person=row["person"],
            route=row["route"], case=row["case_id"],
        )
        for row in rows
    ]  # fmt: skip
