"""Ways in that need no sign-in once they are given: service tokens, links, calendars, webhooks. For the report of who can see
what until when; never the secret itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import select

from workflow import Engine
from workflow.overview import today
from workflow.subscriptions import Subscriptions

from .store import Shelf


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One of them."""

    kind: Literal["token", "link", "feed", "webhook"]
    id: str
    person: str
    """as whom one comes in by it"""
    what: str
    """its name, case, calendar or address"""
    by: str
    until: str | None
    """the last civil day; None: until it is taken back"""
    used: str | None
    over: bool


def ways(engine: Engine, person: str | None = None) -> list[Way]:
    """Every one, those that have ended too; of that person, if one is named."""
    found = [*_tokens(engine), *_links(engine), *_feeds(engine), *_webhooks(engine)]
    return [one for one in found if person in (None, one.person)]


def _tokens(engine: Engine) -> Iterator[Way]:
    shelf, day = Shelf(engine), today(engine).isoformat()
    t = shelf.tables.token
    with shelf.connection() as connection:
        rows = connection.execute(select(t).order_by(t.c.account, t.c.created_at)).mappings().all()
    for row in rows:
        over = row["revoked_at"] is not None or row["expires_on"] < day
        what = f"{row['name']} ({row['scopes']})"
        yield Way(kind="token", id=row["id"], person=row["account"], what=what, by=row["created_by"],
                  until=row["expires_on"], used=row["used_on"], over=over)  # fmt: skip


def _links(engine: Engine) -> Iterator[Way]:
    shelf, day = Shelf(engine), today(engine).isoformat()
    i = engine.store.tables.invitation
    with shelf.connection() as connection:
        rows = connection.execute(select(i).order_by(i.c.subject, i.c.issued_at)).mappings().all()
    for row in rows:
        over = row["revoked_at"] is not None or row["until"] < day
        yield Way(kind="link", id=row["token_hash"], person=row["subject"], what=f"{row['case_id']} {row['event']}",
                  by=row["issued_by"], until=row["until"], used=row["used_at"], over=over)  # fmt: skip


def _feeds(engine: Engine) -> Iterator[Way]:
    shelf = Shelf(engine)
    f = shelf.tables.feed
    with shelf.connection() as connection:
        rows = connection.execute(select(f).order_by(f.c.person, f.c.created_at)).mappings().all()
    for row in rows:
        what = " ".join(filter(None, (row["of"], row["unit"])))
        yield Way(kind="feed", id=row["id"], person=row["person"], what=what, by=row["person"], until=None,
                  used=row["used_on"], over=row["revoked_at"] is not None)  # fmt: skip


def _webhooks(engine: Engine) -> Iterator[Way]:
    for one in Subscriptions(engine).listed():
        yield Way(kind="webhook", id=one.id, person=one.account, what=one.url, by=one.created_by, until=None, used=None,
                  over=one.paused_at is not None)  # fmt: skip
