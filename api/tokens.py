"""Service tokens: another system comes in as a service account of its own, for what its token is allowed, until a day.

A token is 256 bits of chance, told once, kept only as its hash. It never lends anybody the rights of a person: its account is a
service account (`svc.…`), which has the roles that somebody granted to it and no others.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC
from typing import Any

from flask import Request
from marshmallow import Schema, fields, validate
from sqlalchemy import insert, select, update

from workflow import Actor, Engine
from workflow.errors import NotFound, Text
from workflow.overview import identifier, secret, today

from .identity import Caller, Identify, bearer_of, digest, nobody
from .routes import Ask, Out, Reply, Route
from .schemas import Day, Strict
from .store import Shelf

PREFIX = "tbd_"
SCOPES = (
    "cases:read",
    "cases:write",
    "cases:invite",
    "inbox:read",
    "inbox:write",
    "parties:read",
    "definitions:read",
)
"""`operate` is never a token's"""
ACCOUNT = validate.Regexp(r"svc\.[a-z0-9._-]{1,76}\Z")


class TokenIn(Strict):
    """Whose, for what, until when."""

    account = fields.Str(
        required=True, validate=ACCOUNT, metadata={"description": "the service account, `svc.…`"}
    )
    name = fields.Str(required=True, validate=validate.Length(min=1, max=80))
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
        return Caller(Actor(person=found["account"]), frozenset(found["scopes"].split(" ")))


def issue(ask: Ask) -> Reply:
    """A new token of a service account."""
    body, shelf = ask.body, Shelf(ask.engine)
    token = PREFIX + secret(ask.engine)
    row = {
        "id": identifier(ask.engine), "hash": digest(token), "account": body["account"], "name": body["name"],
        "scopes": " ".join(body["scopes"]), "created_by": ask.actor.person,
        "created_at": ask.engine.clock.now().astimezone(UTC).isoformat(), "expires_on": body["expires_on"].isoformat(),
    }  # fmt: skip
    with shelf.connection(write=True) as connection:
        connection.execute(insert(shelf.tables.token).values(**row))
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
    """From now on it is good for nothing. Twice changes nothing."""
    t, now = Shelf(ask.engine).tables.token, ask.engine.clock.now().astimezone(UTC).isoformat()
    with Shelf(ask.engine).connection(write=True) as connection:
        here = t.c.id == ask.path["token_id"]
        if connection.execute(select(t.c.id).where(here)).first() is None:
            raise NotFound(Text("没有这个令牌", "there is no such token"))
        connection.execute(update(t).where(here, t.c.revoked_at.is_(None)).values(revoked_at=now))
    return Reply(None, 204)


def _shown(row: Mapping[str, Any]) -> dict[str, Any]:
    return {**row, "scopes": row["scopes"].split(" ")}


TOKENS = (
    Route(
        method="POST", path="/v1/tokens", name="token_issue", view=issue, permission="operator", audit="store",
        tag="access", text=Text("签发服务令牌,仅显示一次", "issue a service token, told once"), scope="operate", body=TokenIn,
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
