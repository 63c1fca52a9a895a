"""Due days as a calendar that others subscribe to (iCalendar, RFC 5545): of a person, a unit or a station.

A calendar program cannot sign in, so the address itself is the secret: 256 bits of chance, told once, kept as its hash, taken
back or made anew by its owner at any time. What it tells is what its owner may know of today, through the one filter; no titles.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from typing import Any

from flask import Response, url_for
from marshmallow import Schema, ValidationError, fields, validate, validates_schema
from sqlalchemy import delete, exists, func, insert, select, update

from workflow import Actor, Engine
from workflow.access import held
from workflow.dues import ical
from workflow.errors import NotFound, Text
from workflow.overview import grants_of, identifier, secret, today

from .identity import digest
from .limits import missed
from .problems import Problem, pointer
from .routes import Ask, Out, Reply, Route
from .schemas import PARTY, Strict, one_line
from .security_log import SecurityLog
from .store import Shelf, stamp

WHOSE = "`me`: what waits for me, and the cases in which I stand; `unit`: what a unit or a station holds, as far as I may know"
MOST = 20
"""living calendars of one person"""
LISTED = timedelta(days=30)
"""how long one that was taken back is listed"""
PRIVATE = {"Cache-Control": "no-store"}
NO_UNIT = Text("unit：没有您可知的这个单位或站点", "unit: no such unit or station that you may know of")
NONE_SUCH = {
    "code": "form.invalid",
    "texts": {"zh": NO_UNIT.zh, "en": NO_UNIT.en},
    "pointer": pointer("unit"),
}
_TOKEN = re.compile(r"[0-9a-f]{64}")


class FeedIn(Strict):
    """Whose due days."""

    of = fields.Str(
        required=True, validate=validate.OneOf(["me", "unit"]),
        metadata={"description": WHOSE},
    )  # fmt: skip
    unit = fields.Str(validate=[PARTY, one_line])
    language = fields.Str(load_default="zh", validate=validate.OneOf(["zh", "en"]))

    @validates_schema
    def _named(self, data: Mapping[str, Any], **_: Any) -> None:
        if (data.get("of") == "unit") != ("unit" in data):
            raise ValidationError({"unit": ["Missing data" if "unit" not in data else "invalid"]})


class FeedOut(Schema):
    """A calendar as it is listed; its address is kept nowhere."""

    id = fields.Str(required=True)
    of = fields.Str(required=True)
    unit = fields.Str(required=True, allow_none=True)
    language = fields.Str(required=True)
    created_at = fields.Str(required=True)
    used_on = fields.Str(
        required=True, allow_none=True, metadata={"description": "the last civil day it was fetched"}
    )
    revoked_at = fields.Str(required=True, allow_none=True)


class OpenedOut(FeedOut):
    """Its address, told this once."""

    address = fields.Str(required=True)


class FeedsOut(Schema):
    """My calendars, the newest first."""

    feeds = fields.List(fields.Nested(FeedOut), required=True)


def open_feed(ask: Ask) -> Reply:
    """A new calendar of this person."""
    shelf, body, token = Shelf(ask.engine), ask.body, secret(ask.engine)
    if body.get("unit") is not None and not _knows(ask, body["unit"]):
        raise Problem("form_invalid", NO_UNIT, errors=[NONE_SUCH])
    f = shelf.tables.feed
    row = {
        "id": identifier(ask.engine), "hash": digest(token), "person": ask.actor.person, "of": body["of"],
        "unit": body.get("unit"), "language": body["language"], "created_at": stamp(shelf.now()), "used_on": None,
        "revoked_at": None,
    }  # fmt: skip
    with shelf.connection(write=True) as connection:
        shelf.lock_name(connection, "feed")
        mine = select(func.count()).where(f.c.person == ask.actor.person, f.c.revoked_at.is_(None))
        if connection.execute(mine).scalar_one() >= MOST:
            text = Text(
                f"每人至多 {MOST} 个日历，请先收回不用的", f"at most {MOST} each; take one back first"
            )
            raise Problem("conflict", text)
        connection.execute(insert(f).values(**row))
        SecurityLog(ask.engine).note(
            "feed", ask.actor.person, detail=f"opened {row['id']}", connection=connection
        )
    return _told(ask, row, token, 201)


def _knows(ask: Ask, unit: str) -> bool:
    """Whether there is such a unit or station as far as he may know: it stands in the register, or somebody is in office in it
    where he is in office too. What he may not know of is answered as what is not there.
    """
    with suppress(NotFound):
        ask.engine.parties.get(unit, actor=ask.actor)
        return True
    day = today(ask.engine)
    theirs = [one.grant for one in held(ask.engine, unit=unit) if one.grant.covers(one.grant.scope, day)]
    mine = grants_of(ask.engine, ask.actor) if theirs else []
    return any(own.covers(other.scope, day) for own in mine for other in theirs)


def renew(ask: Ask) -> Reply:
    """Another address for the same calendar; the old one is good for nothing from now on."""
    shelf, token = Shelf(ask.engine), secret(ask.engine)
    f = shelf.tables.feed
    with shelf.connection(write=True) as connection:
        living = _mine(ask, f) & f.c.revoked_at.is_(None)  # one that was taken back stays so
        new = update(f).where(living).values(hash=digest(token), used_on=None)
        row = connection.execute(new.returning(f)).mappings().first()
        if row is not None:
            SecurityLog(ask.engine).note(
                "feed", ask.actor.person, detail=f"renewed {row['id']}", connection=connection
            )
    if row is None:
        raise _none()
    return _told(ask, dict(row), token, 200)


def listed(ask: Ask) -> Reply:
    """This person's own, without their addresses."""
    f = Shelf(ask.engine).tables.feed
    query = select(f).where(f.c.person == ask.actor.person).order_by(f.c.created_at.desc(), f.c.id)
    with Shelf(ask.engine).connection() as connection:
        return Reply({"feeds": list(connection.execute(query).mappings())})


def revoke(ask: Ask) -> Reply:
    """From now on its address is as if it had never been. Twice changes nothing."""
    shelf = Shelf(ask.engine)
    f, now = shelf.tables.feed, stamp(shelf.now())
    with shelf.connection(write=True) as connection:
        if connection.execute(select(f.c.id).where(_mine(ask, f))).first() is None:
            raise _none()
        gone = (
            update(f).where(_mine(ask, f), f.c.revoked_at.is_(None)).values(revoked_at=now).returning(f.c.id)
        )
        if connection.execute(gone).first() is not None:
            SecurityLog(ask.engine).note(
                "feed", ask.actor.person, detail=f"revoked {ask.path['feed']}", connection=connection
            )
    return Reply(None, 204)


def of(engine: Engine, person: str) -> list[dict[str, Any]]:
    """The living calendars of that person, the newest first, for who looks after the service; never an address."""
    shelf = Shelf(engine)
    f = shelf.tables.feed
    query = select(f.c.id, f.c.of, f.c.unit, f.c.created_at, f.c.used_on).where(
        f.c.person == person, f.c.revoked_at.is_(None)
    )
    with shelf.connection() as connection:
        found = connection.execute(query.order_by(f.c.created_at.desc(), f.c.id).limit(MOST))
        return [dict(row) for row in found.mappings()]


def take_back(engine: Engine, feed: str, *, by: str) -> str:
    """Another's calendar, taken back by who looks after the service; whose it was. Twice changes nothing. Raises NotFound."""
    shelf = Shelf(engine)
    f, now = shelf.tables.feed, stamp(shelf.now())
    with shelf.connection(write=True) as connection:
        person = connection.execute(select(f.c.person).where(f.c.id == feed)).scalar()
        if person is None:
            raise _none()
        living = (f.c.id == feed) & f.c.revoked_at.is_(None)
        gone = update(f).where(living).values(revoked_at=now).returning(f.c.id)
        if connection.execute(gone).first() is not None:
            SecurityLog(engine).note("feed", person, by=by, detail=f"revoked {feed}", connection=connection)
    return str(person)


def forget(engine: Engine) -> None:
    """Those that were taken back a while ago."""
    shelf = Shelf(engine)
    f = shelf.tables.feed
    with shelf.connection(write=True) as connection:
        connection.execute(delete(f).where(f.c.revoked_at < stamp(shelf.now() - LISTED)))


def fetch(ask: Ask) -> Reply:
    """The calendar, as its owner may know of it at this moment."""
    found = _found(ask)
    if found is None:
        missed(ask.desk, ask.request, "feed")
        raise NotFound(Text("没有这个日历", "there is no such calendar"))
    owner = found["person"]
    whose = {"person": owner} if found["of"] == "me" else {"unit": found["unit"]}
    content = ical(ask.engine, actor=Actor(person=owner), language=found["language"], **whose)
    return Reply(headers=PRIVATE, raw=Response(content, content_type="text/calendar; charset=utf-8"))


def _found(ask: Ask) -> Mapping[str, Any] | None:
    token = ask.path["token"]
    if not _TOKEN.fullmatch(token):
        return None
    shelf = Shelf(ask.engine)
    f, a, day = shelf.tables.feed, shelf.tables.account, today(ask.engine).isoformat()
    locked = exists(select(a.c.person).where(a.c.person == f.c.person, a.c.locked_at.is_not(None)))
    here = (f.c.hash == digest(token)) & f.c.revoked_at.is_(None) & ~locked
    with shelf.connection() as connection:
        row = connection.execute(select(f).where(here)).mappings().first()
    found = dict(row) if row is not None else None
    if found is not None and found["used_on"] != day:
        with shelf.connection(write=True) as connection:
            connection.execute(update(f).where(here).values(used_on=day))
    return found


def _mine(ask: Ask, feed: Any) -> Any:
    return (feed.c.id == ask.path["feed"]) & (feed.c.person == ask.actor.person)


def _told(ask: Ask, row: Mapping[str, Any], token: str, status: int) -> Reply:
    address = url_for(f"{ask.desk.blueprint.name}.feed_fetch", token=token)
    return Reply({**row, "address": address}, status, {**PRIVATE, "Location": address})


def _none() -> NotFound:
    return NotFound(Text("没有这个日历", "there is no such calendar"))


FEEDS = (
    Route(
        method="POST", path="/v1/feeds", name="feed_open", view=open_feed, permission="person", audit="store", tag="feeds",
        scope="cases:read", text=Text("新的期限日历，地址仅显示一次", "a new calendar of due days, its address told once"),
        body=FeedIn, out={201: Out(OpenedOut, Text("日历及其地址", "the calendar and its address"), headers=("Location",))},
        problems=("conflict",),
    ),
    Route(
        method="GET", path="/v1/feeds", name="feeds", view=listed, permission="person", audit="none", tag="feeds",
        scope="cases:read", text=Text("本人的期限日历", "my calendars of due days"),
        out={200: Out(FeedsOut, Text("不含地址", "without their addresses"))},
    ),
    Route(
        method="POST", path="/v1/feeds/<feed>/renew", name="feed_renew", view=renew, permission="person", audit="store",
        tag="feeds", scope="cases:read", text=Text("换一个地址，旧地址作废", "another address; the old one is void"),
        out={200: Out(OpenedOut, Text("日历及新地址", "the calendar and its new address"), headers=("Location",))},
        problems=("not_found",),
    ),
    Route(
        method="DELETE", path="/v1/feeds/<feed>", name="feed_revoke", view=revoke, permission="person", audit="store",
        tag="feeds", scope="cases:read", text=Text("收回日历", "take a calendar back"),
        out={204: Out(None, Text("已收回", "it is revoked"))}, problems=("not_found",),
    ),
    Route(
        method="GET", path="/v1/ical/<token>", name="feed_fetch", view=fetch, permission="token", audit="none", tag="feeds",
        text=Text("期限日历（iCalendar），地址即凭证", "the calendar (iCalendar); its address is the secret"),
        out={200: Out(None, Text("日历", "the calendar"), media="text/calendar")}, problems=("not_found", "too_many"),
    ),
)  # fmt: skip
