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
from marshmallow import Schema, ValidationError, fields, validate
from sqlalchemy import case, func, insert, select, update

from workflow import Actor, Engine
from workflow.access import held, holding_today
from workflow.errors import FormInvalid, NotFound, NotPermitted, Reason, Text
from workflow.model import Grant
from workflow.overview import grants_of, identifier, secret, today
from workflow.subscriptions import Subscriptions

from .faults import written
from .identity import ACTING_USER, Caller, Identify, Via, bearer_of, digest, is_person, nobody
from .problems import Problem, invalid_fields, reason_of
from .routes import TOKEN_DAYS, Ask, Out, Reply, Route
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


class Tokens:
    """The service tokens of one installation: made, listed, taken back; never told again."""

    def __init__(self, engine: Engine, days: int = TOKEN_DAYS) -> None:
        """`days`: how long one is good at most."""
        self._engine = engine
        self._days = days
        self._shelf = Shelf(engine)

    def issue(
        self, given: Mapping[str, Any], *, by: str, named_once: bool = False
    ) -> tuple[dict[str, Any], str]:
        """Its row as it is listed, and the token, told this once. `given` is as `TokenIn` loads it. `named_once`: not where the
        account has a good one of that name: a page sent twice makes one. Raises FormInvalid.
        """
        check(self._engine, given, self._days)
        token, t = PREFIX + secret(self._engine), self._shelf.tables.token
        now = self._engine.clock.now().astimezone(UTC).isoformat()
        row = {
            **given, "id": identifier(self._engine), "hash": digest(token), "scopes": " ".join(given["scopes"]),
            "created_by": by, "created_at": now, "expires_on": given["expires_on"].isoformat(),
        }  # fmt: skip
        with self._shelf.connection(write=True) as connection:
            if named_once:
                self._shelf.lock_name(connection, "token")
                same = (t.c.account == row["account"]) & (t.c.name == row["name"]) & self._good()
                if connection.execute(select(t.c.id).where(same)).first() is not None:
                    raise FormInvalid([SAME_NAME])
            connection.execute(insert(t).values(**row))
            detail = f"issued {row['id']}: {row['scopes']}"
            SecurityLog(self._engine).note(
                "token", row["account"], by=by, detail=detail, connection=connection
            )
        return _shown({"used_on": None, "revoked_at": None, **row}), token

    def listed(self) -> list[dict[str, Any]]:
        """Every one, the newest first."""
        t = self._shelf.tables.token
        return self._rows(select(t).order_by(t.c.created_at.desc(), t.c.id))

    def page(self, number: int, size: int) -> tuple[list[dict[str, Any]], int]:
        """Those of a page (from 1), the good ones first, then the newest; and how many there are."""
        t = self._shelf.tables.token
        order = (case((self._good(), 0), else_=1), t.c.created_at.desc(), t.c.id)
        with self._shelf.connection() as connection:
            count = connection.execute(select(func.count()).select_from(t)).scalar_one()
        return self._rows(select(t).order_by(*order).limit(size).offset((number - 1) * size)), count

    def revoke(self, id: str, *, by: str) -> None:
        """From now on it is good for nothing, and the webhooks that were made with it are paused. Twice changes nothing. Raises
        NotFound.
        """
        t, now = self._shelf.tables.token, self._engine.clock.now().astimezone(UTC).isoformat()
        with self._shelf.connection(write=True) as connection:
            account = connection.execute(select(t.c.account).where(t.c.id == id)).scalar()
            if account is None:
                raise NotFound(Text("没有这个令牌", "there is no such token"))
            living = (t.c.id == id) & t.c.revoked_at.is_(None)
            gone = update(t).where(living).values(revoked_at=now).returning(t.c.id)
            if connection.execute(gone).first() is not None:
                SecurityLog(self._engine).note(
                    "token", account, by=by, detail=f"revoked {id}", connection=connection
                )
            Subscriptions(self._engine).pause_of(id, connection)

    def _good(self) -> Any:
        t = self._shelf.tables.token.c
        return t.revoked_at.is_(None) & (t.expires_on >= today(self._engine).isoformat())

    def _rows(self, query: Any) -> list[dict[str, Any]]:
        with self._shelf.connection() as connection:
            return [_shown(dict(row)) for row in connection.execute(query).mappings()]


STATES = {
    "good": Text("有效", "good"), "ended": Text("已到期", "ended"), "revoked": Text("已吊销", "revoked"),
}  # fmt: skip
"""how it stands with one, in words"""


def standing(engine: Engine, row: Mapping[str, Any]) -> str:
    """Which of them it is."""
    if row["revoked_at"] is not None:
        return "revoked"
    return "good" if row["expires_on"] >= today(engine).isoformat() else "ended"


SAME_NAME = Reason(
    code="form.name", field="name", beside=True,
    text=Text(
        "这个账号已有同名的有效令牌：换一个名称，或先吊销它",
        "the account has a token of that name: take another, or revoke it"),
)  # fmt: skip


def read(given: Mapping[str, Any]) -> dict[str, Any]:
    """What was typed, as `TokenIn` loads it. Raises FormInvalid with the field of each fault."""
    try:
        loaded: dict[str, Any] = TokenIn().load(given)
    except ValidationError as error:
        found = invalid_fields(error.messages).errors
        raise FormInvalid([
            Reason(code=one["code"], text=Text(**one["texts"]), field=one["pointer"].split("/")[1], beside=True) for one in found
        ]) from None  # fmt: skip
    return loaded


def check(engine: Engine, given: Mapping[str, Any], most: int) -> None:
    """What no schema sees. Raises FormInvalid."""
    day = today(engine)
    last = day + timedelta(days=most)
    if not day <= given["expires_on"] <= last:
        raise _wrong(
            "expires_on",
            f"须为 {day} 至 {last}（至多 {most} 日）",
            f"must be {day} to {last} ({most} days at most)",
        )
    if given["unit"] is not None and not _is_unit(engine, given["unit"], day):
        raise _wrong(
            "unit",
            "登记中没有这个单位，也无人在其中任职",
            "no such unit in the register, and nobody in office in it",
        )
    both = given["tenant"] is not None and given["body"] is not None
    if ACT_AS in given["scopes"] and (given["unit"] is not None) == both:
        raise _wrong(
            "scopes", "“以人员身份办理”（act_as）须指明可替谁：一个单位（unit），或某机构的人员（body 和 tenant）",
            "act_as needs to say for whom: one unit, or one body (tenant and body)",
        )  # fmt: skip
    known = bodies(engine)
    if given["body"] is not None and given["body"] not in known:
        raise _wrong("body", f"须为其中之一：{'、'.join(known)}", f"must be one of: {', '.join(known)}")
    if ACT_AS in given["scopes"] and both and not _has_anybody(engine, given):
        raise _wrong(
            "tenant",
            "这个机构今天无人在此任职（不属于单位的角色）：范围代号写错了？",
            "nobody holds a role of that body there today, in no unit: is the scope written right?",
        )


def bodies(engine: Engine) -> dict[str, list[Text]]:
    """Bodies of the roles file by their codes, each with what its roles are called."""
    found: dict[str, list[Text]] = {}
    for name, role in engine.library.roles.values.items():
        found.setdefault(engine.library.body(name), []).append(role.title)
    return dict(sorted(found.items()))


def _is_unit(engine: Engine, unit: str, day: date) -> bool:
    with suppress(NotFound):
        engine.parties.get(unit)
        return True
    return any(one.grant.covers(one.grant.scope, day) for one in held(engine, unit=unit))


def _has_anybody(engine: Engine, given: Mapping[str, Any]) -> bool:
    """Whether there is a person for whom such a token would come in."""
    roles = [name for name in engine.library.roles.values if engine.library.body(name) == given["body"]]
    return any(_within(engine, given, grant) for grant in holding_today(engine, roles, given["tenant"]))


def _wrong(field: str, zh: str, en: str) -> FormInvalid:
    return FormInvalid([Reason.of("form.invalid", zh, en, field, beside=True)])


def issue(ask: Ask) -> Reply:
    """A new token of a service account."""
    try:
        shown, token = Tokens(ask.engine, ask.desk.token_days).issue(ask.body, by=ask.actor.person)
    except FormInvalid as error:  # who is shown the sentence alone reads which field it is about
        (one,) = error.reasons
        text = Text(f"{one.field}：{one.text.zh}", f"{one.field} {one.text.en}")
        raise Problem("form_invalid", text, errors=[reason_of(one)]) from None
    return Reply({**shown, "token": token}, 201, {"Cache-Control": "no-store"})


def listed(ask: Ask) -> Reply:
    """Without the tokens."""
    return Reply({"tokens": Tokens(ask.engine).listed()})


def revoke(ask: Ask) -> Reply:
    """From now on it is good for nothing."""
    Tokens(ask.engine).revoke(ask.path["token_id"], by=ask.actor.person)
    return Reply(None, 204)


def _shown(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "hash"} | {
        "scopes": row["scopes"].split(" ")
    }


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
