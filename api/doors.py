"""What anybody may see and do at a station's door, without a login: its days and deputies, and a box for opinions (码上找代表).

How often is counted in the database: by address and station, and for a station on the whole; what is counted is what was
registered, in the transaction that registers it, and what was refused apart. Who left an opinion learns by his receipt where it
stands, and nothing of what was said.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from typing import Any

from flask import url_for
from marshmallow import Schema, fields, validate
from sqlalchemy import Connection, insert, select

from workflow import Actor
from workflow.errors import FormInvalid, KeyReused, NotFound, Text

from . import domain
from .identity import digest
from .limits import Counter, Limit, missed, source
from .nonces import Nonces
from .problems import Problem
from .routes import Ask, Out, Reply, Route
from .schemas import Day, Strict, Words
from .store import Shelf, stamp

BY_ADDRESS = Limit(what="opinion", most=5, seconds=3600)
BY_STATION = Limit(what="opinions", most=200, seconds=3600)
REFUSED = Limit(what="opinion refused", most=60, seconds=3600)
"""forms of one address that were not accepted: room for who mistypes, none for a program"""
OLD = Text("表单已过期，请重新打开本站页面", "the form is too old; open the station's page again")
USED = Text(
    "此表单已提交过另一条意见，那条已登记，未作改动；本条尚未登记，请作为新的意见提交（另取 nonce）",
    "with this form another opinion was left, which stands as it was; this one is not registered yet: send it as a new opinion, "
    "with a new nonce",
)
_CODE = re.compile(r"[a-z2-7]{12}")
_RECEIPT = re.compile(r"[a-z2-7]{26}")
PARTS = ("subject", "text", "name", "contact")
PRIVATE = {"Cache-Control": "no-store"}


class OpinionIn(Strict):
    """What a voter leaves. Only the subject and the text are asked for."""

    nonce = fields.Str(
        required=True, validate=validate.Length(1, 200),
        metadata={"description": "from the station's page; good for one opinion"},
    )  # fmt: skip
    subject = fields.Str(required=True, validate=validate.Length(1, 60))
    text = fields.Str(required=True, validate=validate.Length(1, 2000))
    name = fields.Str(validate=validate.Length(max=40))
    contact = fields.Str(
        validate=validate.Length(max=60),
        metadata={"description": "seen by the station and the deputies on duty alone"},
    )


class DoorDayOut(Schema):
    """A reception day that lies ahead."""

    on = Day(required=True)
    provisional = fields.Bool(required=True)
    hours = fields.Str(required=True, allow_none=True)
    place = fields.Str(required=True, allow_none=True)
    deputies = fields.List(
        fields.Str(), attribute="names", required=True, metadata={"description": "their names"}
    )


class StationOut(Schema):
    """What the plate at the door says."""

    code = fields.Str(required=True)
    name = fields.Str(required=True)
    open = fields.Bool(required=True)
    days = fields.List(fields.Nested(DoorDayOut), required=True)
    successor = fields.Str(
        required=True, allow_none=True, metadata={"description": "the code of the station it was merged into"}
    )
    nonce = fields.Str(
        required=True, allow_none=True, metadata={"description": "for one opinion; none where none is taken"}
    )


class ReceiptOut(Schema):
    """Told once."""

    receipt = fields.Str(required=True)
    address = fields.Str(required=True)


class StandingOpinionOut(Schema):
    """Where an opinion stands."""

    state = fields.Nested(Words, required=True)
    since = Day(required=True)
    closed = fields.Bool(required=True)


# --- what both the pages and the JSON say


def door_of(ask: Ask) -> domain.doors.Door:
    """The station of the code in the path. Raises NotFound; Problem 429 for who guesses."""
    try:
        if not _CODE.fullmatch(ask.path["code"]):
            raise _no_station()
        return domain.doors.door(ask.engine, ask.path["code"], ask.desk.stations)
    except NotFound:
        missed(ask.desk, ask.request, "station")
        raise _no_station() from None


def nonce_for(ask: Ask, door: domain.doors.Door) -> str | None:
    """A nonce where opinions are taken."""
    return Nonces(ask.engine).make(f"opinion/{door.code}") if door.open and ask.desk.intake else None


def leave(ask: Ask, door: domain.doors.Door, given: dict[str, Any]) -> str:
    """Put an opinion into the box; its receipt. Raises Problem 409 for a form too old, 422 for one with which another opinion was
    left, 429; FormInvalid; NotFound where none is taken.
    """
    if not (door.open and ask.desk.intake):
        raise NotFound(Text("本站不接收网上留言", "this station takes no opinions here"))
    counter, who = Counter(ask.engine), f"{source(ask.request)}\n{door.code}"
    counter.check(REFUSED, who)
    try:
        return _left(ask, door, given, who)
    except (FormInvalid, Problem) as error:
        if not (isinstance(error, Problem) and error.code == "too_many"):
            counter.count(REFUSED, who)
        raise


def _left(ask: Ask, door: domain.doors.Door, given: dict[str, Any], who: str) -> str:
    nonces, nonce = Nonces(ask.engine), given["nonce"]
    if not nonces.holds(f"opinion/{door.code}", nonce):
        raise Problem("conflict", OLD)
    receipt = nonces.receipt(nonce)
    if _again(ask, receipt, given):
        return receipt
    counter = Counter(ask.engine)
    for limit, counted in ((BY_ADDRESS, who), (BY_STATION, door.code)):
        counter.check(limit, counted)
    try:
        with Shelf(ask.engine).connection(write=True) as connection:
            if _registered(ask, door, given, receipt, connection):
                counter.take_with(connection, BY_ADDRESS, who)
                counter.take_with(connection, BY_STATION, door.code)
    except KeyReused:  # two at once: who was first is known by now
        if not _again(ask, receipt, given):
            raise Problem("key_reused", USED) from None
    return receipt


def _again(ask: Ask, receipt: str, given: dict[str, Any]) -> bool:
    """Whether this very opinion is registered under that receipt. Raises Problem 422 when another one is."""
    shelf = Shelf(ask.engine)
    with shelf.connection() as connection:
        found = connection.execute(_receipts(shelf, receipt)).first()
    if found is not None and found.said != _said(given):
        raise Problem("key_reused", USED)
    return found is not None


def _registered(
    ask: Ask, door: domain.doors.Door, given: dict[str, Any], receipt: str, connection: Connection
) -> bool:
    """Register it; False when that was done meanwhile, by another request with the same form. Raises KeyReused, FormInvalid."""
    shelf, by = Shelf(ask.engine), Actor(person=str(ask.desk.intake))
    said = domain.doors.Said(**{name: given[name] for name in PARTS if name in given})
    key = f"opinion/{digest(given['nonce'])}"
    case = domain.doors.leave_opinion(ask.engine, door, said, by=by, key=key, session=connection)
    if connection.execute(_receipts(shelf, receipt)).first() is not None:
        return False
    row = {
        "hash": digest(receipt),
        "case_id": case.id,
        "said": _said(given),
        "created_at": stamp(shelf.now()),
    }
    connection.execute(insert(shelf.tables.receipt).values(**row))
    return True


def _said(given: dict[str, Any]) -> str:
    """By what the same opinion is known again. Its key is the nonce, which is kept nowhere: what was erased cannot be guessed."""
    parts = json.dumps([given.get(name) or None for name in PARTS])
    return hmac.new(given["nonce"].encode(), parts.encode(), hashlib.sha256).hexdigest()


def standing_of(ask: Ask, receipt: str) -> domain.doors.Standing:
    """Where the opinion of a receipt stands. Raises NotFound; Problem 429 for who guesses wrong."""
    case = _case_of(ask, receipt) if _RECEIPT.fullmatch(receipt) else None
    if case is None:
        missed(ask.desk, ask.request, "receipt")
        raise NotFound(Text("没有这个回执", "there is no such receipt"))
    return domain.doors.standing(ask.engine, case)


def _case_of(ask: Ask, receipt: str) -> str | None:
    shelf = Shelf(ask.engine)
    with shelf.connection() as connection:
        found = connection.execute(_receipts(shelf, receipt)).first()
    return None if found is None else str(found.case_id)


def _receipts(shelf: Shelf, receipt: str) -> Any:
    table = shelf.tables.receipt
    return select(table.c.case_id, table.c.said).where(table.c.hash == digest(receipt))


def _no_station() -> NotFound:
    return NotFound(Text("没有这个联络站", "there is no such station"))


# --- as JSON


def station(ask: Ask) -> Reply:
    """The plate at the door, and a nonce for an opinion."""
    door = door_of(ask)
    successor = domain.doors.code_of(door.successor.id) if door.successor else None
    body = {
        "code": door.code, "name": door.station.name, "open": door.open, "days": door.days, "successor": successor,
        "nonce": nonce_for(ask, door),
    }  # fmt: skip
    return Reply(body, headers=PRIVATE)


def opinion(ask: Ask) -> Reply:
    """Leave an opinion."""
    receipt = leave(ask, door_of(ask), dict(ask.body))
    address = url_for(f"{ask.desk.blueprint.name}.public_opinion", receipt=receipt)
    return Reply({"receipt": receipt, "address": address}, 201, {**PRIVATE, "Location": address})


def followed(ask: Ask) -> Reply:
    """Where it stands."""
    return Reply(standing_of(ask, ask.path["receipt"]), headers=PRIVATE)


DOORS = (
    Route(
        method="GET", path="/v1/public/stations/<code>", name="public_station", view=station, permission="open", audit="none",
        tag="public", text=Text("联络站门牌：接待日、值班代表", "a station's plate: its days, the deputies on duty"),
        out={200: Out(StationOut, Text("门牌所示", "what the plate says"))}, problems=("not_found", "too_many"),
    ),
    Route(
        method="POST", path="/v1/public/stations/<code>/opinions", name="public_leave", view=opinion, permission="open",
        audit="history", tag="public", members={"opinion_text": "text", "voter_name": "name", "voter_contact": "contact"},
        text=Text("留下意见，无需登录", "leave an opinion, without a login"), body=OpinionIn,
        out={201: Out(ReceiptOut, Text("回执，凭此查询", "the receipt to follow it by"), headers=("Location",))},
        problems=("not_found", "too_many", "conflict", "form_invalid", "key_reused"),
    ),
    Route(
        method="GET", path="/v1/public/opinions/<receipt>", name="public_opinion", view=followed, permission="open",
        audit="none", tag="public", text=Text("凭回执查询意见办到哪里", "where an opinion stands, by its receipt"),
        out={200: Out(StandingOpinionOut, Text("所处状态", "its state"))}, problems=("not_found", "too_many"),
    ),
)  # fmt: skip
