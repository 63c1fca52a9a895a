"""Service tokens: another system comes in as a service account of its own, for what its token is allowed, until a day.

A token is 256 bits of chance, told once, kept only as its hash. Its account is a service account (`svc.…`), which has the roles
that somebody granted to it and no others. With the scope `act_as` it comes in for persons instead: members of its unit, or who
has a role of no unit of one body of one congress; each request names one in `X-Acting-User` (percent-encoded UTF-8). What that
person may do decides, and what he changes is noted with the system that he used.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, date, timedelta
from typing import Any
from urllib.parse import unquote

from flask import Request
from marshmallow import Schema, fields, validate
from sqlalchemy import insert, select, update

from workflow import Actor, Engine
from workflow.access import held
from workflow.errors import NotFound, NotPermitted, Reason, Text
from workflow.model import Grant
from workflow.overview import grants_of, identifier, secret, today
from workflow.subscriptions import Subscriptions

from .faults import written
from .identity import ACTING_USER, Caller, Identify, Via, bearer_of, digest, is_person, nobody
from .problems import Problem, pointer
from .routes import Ask, Out, Reply, Route
from .schemas import NAME, PARTY, TENANT, Day, Strict, one_line
from .security_log import SecurityLog
from .store import Shelf

PREFIX = "tbd_"
SCOPES = (
    "cases:read",
    "cases:write",
    "cases:invite",
    "events:subscribe",
    "inbox:read",
    "inbox:write",
    "parties:read",
    "definitions:read",
    "act_as",
)
"""`operate` is never a token's"""
ACT_AS = "act_as"
ACCOUNT = written(r"svc\.[a-z0-9._-]{1,76}\Z", "svc.records")


class TokenIn(Strict):
    """Whose, for what, until when."""

    account = fields.Str(
        required=True, validate=ACCOUNT, metadata={"description": "the service account, `svc.…`"}
    )
    unit = fields.Str(
        load_default=None,
        validate=[PARTY, one_line],
        metadata={
            "description": "whose account it is; with `act_as` the persons it may name are members of it"
        },
    )
    tenant = fields.Str(
        load_default=None, validate=TENANT,
        metadata={"description": "with `act_as` and `body`, in the place of a unit: in which congress"},
    )  # fmt: skip
    body = fields.Str(
        load_default=None, validate=NAME,
        metadata={"description": "with `act_as`, in the place of a unit: of which body (roles file) the persons it may name are"},
    )  # fmt: skip
    name = fields.Str(required=True, validate=[validate.Length(min=1, max=80), one_line])
    scopes = fields.List(
        fields.Str(validate=validate.OneOf(SCOPES)),
        required=True,
        validate=validate.Length(min=1, max=len(SCOPES)),
    )
    expires_on = Day(required=True, metadata={"description": "the last civil day on which it is good"})


class TokenOut(Schema):
    """A token as it is listed; the token itself is kept nowhere."""

    id = fields.Str(required=True)
    account = fields.Str(required=True)
    unit = fields.Str(required=True, allow_none=True)
    tenant = fields.Str(required=True, allow_none=True)
    body = fields.Str(required=True, allow_none=True)
    name = fields.Str(required=True)
    scopes = fields.List(fields.Str(), required=True)
    created_by = fields.Str(required=True)
    created_at = fields.Str(required=True)
    expires_on = fields.Str(required=True)
    used_on = fields.Str(
        required=True, allow_none=True, metadata={"description": "the last civil day it was used"}
    )
    revoked_at = fields.Str(required=True, allow_none=True)


class IssuedOut(TokenOut):
    """The token, told this once."""

    token = fields.Str(required=True)


class TokensOut(Schema):
    """Every token, the newest first."""

    tokens = fields.List(fields.Nested(TokenOut), required=True)


def ending(engine: Engine, first: date, before: date) -> list[tuple[str, str, str]]:
    """(name, account, last day) of the tokens that end on those days and are not revoked, the first to end first."""
    shelf = Shelf(engine)
    t = shelf.tables.token.c
    query = select(t.name, t.account, t.expires_on).where(
        t.revoked_at.is_(None), t.expires_on >= first.isoformat(), t.expires_on < before.isoformat()
    )
    with shelf.connection() as connection:
        rows = connection.execute(query.order_by(t.expires_on, t.name)).all()
    return [(name, account, until) for name, account, until in rows]


class StoredTokens:
    """The service account behind a bearer token of ours; anything else is left to `otherwise`."""

    def __init__(self, engine: Engine, otherwise: Identify = nobody) -> None:
        self._engine = engine
        self._shelf = Shelf(engine)
        self._otherwise = otherwise

    def __call__(self, request: Request) -> Actor | Caller | None:
        """Who asks, and for what his token is good."""
        token = bearer_of(request)
        if token is None or not token.startswith(PREFIX):
            return self._otherwise(request)
        t, day = self._shelf.tables.token, today(self._engine).isoformat()
        with self._shelf.connection() as connection:
            query = select(t).where(
                t.c.hash == digest(token), t.c.revoked_at.is_(None), t.c.expires_on >= day
            )
            found = connection.execute(query).mappings().first()
        if found is None:
            return None
        if found["used_on"] != day:
            with self._shelf.connection(write=True) as connection:
                connection.execute(update(t).where(t.c.hash == found["hash"]).values(used_on=day))
        return self._caller(dict(found), request)

    def _caller(self, found: Mapping[str, Any], request: Request) -> Caller:
        scopes = frozenset(found["scopes"].split(" "))
        if ACT_AS not in scopes:
            return Caller(Actor(person=found["account"]), scopes, token=found["id"])
        person = self._named(found, unquote(request.headers.get(ACTING_USER, "")))
        return Caller(Actor(person=person), scopes, Via(found["account"], found["id"]), found["id"])

    def _named(self, found: Mapping[str, Any], person: str) -> str:
        """The person whom the system names. Raises NotPermitted, the same for one who is not there."""
        grants = grants_of(self._engine, Actor(person=person)) if is_person(person) else []
        if not any(_within(self._engine, found, grant) for grant in grants):
            text = Text(
                f"须以 {ACTING_USER} 指明该令牌可代表的在任人员",
                f"{ACTING_USER} has to name somebody in office whom this token may stand for",
            )
            raise NotPermitted([Reason(code="acting_user", text=text)])
        return person


def _within(engine: Engine, token: Mapping[str, Any], grant: Grant) -> bool:
    """Whether who has that role is one of those for whom the token comes in."""
    if token["unit"] is not None:
        return bool(grant.unit == token["unit"])
    here = (grant.unit, grant.scope, engine.library.body(grant.role))
    return here == (None, token["tenant"], token["body"])


def _check(ask: Ask) -> None:
    """What no schema sees. Raises Problem 422 with a pointer."""
    body, day, most = ask.body, today(ask.engine), ask.desk.token_days
    last = day + timedelta(days=most)
    if not day <= body["expires_on"] <= last:
        raise _wrong(
            "expires_on",
            f"须为 {day} 至 {last}（至多 {most} 日）",
            f"must be {day} to {last} ({most} days at most)",
        )
    if body["unit"] is not None and not _is_unit(ask.engine, body["unit"], day):
        raise _wrong(
            "unit",
            "登记中没有这个单位，也无人在其中任职",
            "no such unit in the register, and nobody in office in it",
        )
    both = body["tenant"] is not None and body["body"] is not None
    if ACT_AS in body["scopes"] and (body["unit"] is not None) == both:
        raise _wrong(
            "scopes", "act_as 须指明可代表谁：一个单位（unit），或某机构的人员（tenant 和 body）",
            "act_as needs to say for whom: one unit, or one body (tenant and body)",
        )  # fmt: skip
    bodies = sorted({ask.engine.library.body(role) for role in ask.engine.library.roles.values})
    if body["body"] is not None and body["body"] not in bodies:
        raise _wrong("body", f"须为其中之一：{'、'.join(bodies)}", f"must be one of: {', '.join(bodies)}")


def _is_unit(engine: Engine, unit: str, day: date) -> bool:
    with suppress(NotFound):
        engine.parties.get(unit)
        return True
    return any(one.grant.covers(one.grant.scope, day) for one in held(engine, unit=unit))


def _wrong(field: str, zh: str, en: str) -> Problem:
    error = {"code": "form.invalid", "texts": {"zh": zh, "en": en}, "pointer": pointer(field)}
    return Problem("form_invalid", Text(f"{field}：{zh}", f"{field} {en}"), errors=[error])


def issue(ask: Ask) -> Reply:
    """A new token of a service account."""
    _check(ask)
    body, shelf = ask.body, Shelf(ask.engine)
    token = PREFIX + secret(ask.engine)
    row = {
        "id": identifier(ask.engine), "hash": digest(token), "account": body["account"], "unit": body["unit"],
        "tenant": body["tenant"], "body": body["body"],
        "name": body["name"],
        "scopes": " ".join(body["scopes"]), "created_by": ask.actor.person,
        "created_at": ask.engine.clock.now().astimezone(UTC).isoformat(), "expires_on": body["expires_on"].isoformat(),
    }  # fmt: skip
    with shelf.connection(write=True) as connection:
        connection.execute(insert(shelf.tables.token).values(**row))
        detail = f"issued {row['id']}: {row['scopes']}"
        SecurityLog(ask.engine).note(
            "token", body["account"], by=ask.actor.person, detail=detail, connection=connection
        )
    return Reply(
        {**_shown({"used_on": None, "revoked_at": None, **row}), "token": token},
        201,
        {"Cache-Control": "no-store"},
    )


def listed(ask: Ask) -> Reply:
    """Without the tokens."""
    t = Shelf(ask.engine).tables.token
    with Shelf(ask.engine).connection() as connection:
        found = connection.execute(select(t).order_by(t.c.created_at.desc(), t.c.id)).mappings().all()
    return Reply({"tokens": [_shown(dict(row)) for row in found]})


def revoke(ask: Ask) -> Reply:
    """From now on it is good for nothing, and the webhooks that were made with it are paused. Twice changes nothing."""
    t, now = Shelf(ask.engine).tables.token, ask.engine.clock.now().astimezone(UTC).isoformat()
    with Shelf(ask.engine).connection(write=True) as connection:
        here = t.c.id == ask.path["token_id"]
        account = connection.execute(select(t.c.account).where(here)).scalar()
        if account is None:
            raise NotFound(Text("没有这个令牌", "there is no such token"))
        gone = update(t).where(here, t.c.revoked_at.is_(None)).values(revoked_at=now).returning(t.c.id)
        if connection.execute(gone).first() is not None:
            detail = f"revoked {ask.path['token_id']}"
            SecurityLog(ask.engine).note(
                "token", account, by=ask.actor.person, detail=detail, connection=connection
            )
        Subscriptions(ask.engine).pause_of(ask.path["token_id"], connection)
    return Reply(None, 204)


def _shown(row: Mapping[str, Any]) -> dict[str, Any]:
    return {**row, "scopes": row["scopes"].split(" ")}


TOKENS = (
    Route(
        method="POST", path="/v1/tokens", name="token_issue", view=issue, permission="operator", audit="store",
        tag="access", text=Text("签发服务令牌，仅显示一次", "issue a service token, told once"), scope="operate", body=TokenIn,
        out={201: Out(IssuedOut, Text("令牌", "the token"))},
    ),
    Route(
        method="GET", path="/v1/tokens", name="tokens", view=listed, permission="operator", audit="none", tag="access",
        text=Text("各服务令牌", "the service tokens"), scope="operate",
        out={200: Out(TokensOut, Text("不含令牌本身", "without the tokens themselves"))},
    ),
    Route(
        method="DELETE", path="/v1/tokens/<token_id>", name="token_revoke", view=revoke, permission="operator", audit="store",
        tag="access", text=Text("吊销服务令牌", "revoke a service token"), scope="operate",
        out={204: Out(None, Text("已吊销", "it is revoked"))}, problems=("not_found",),
    ),
)  # fmt: skip
