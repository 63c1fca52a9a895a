"""What anybody may see and do at a station's door, without a login: its days and deputies, and a box for opinions (码上找代表).

How often is counted in the database: by address and station, and for a station on the whole. Who left an opinion learns by his
receipt where it stands, and nothing of what was said.
"""

from __future__ import annotations

import re
from typing import Any

from flask import url_for
from marshmallow import Schema, fields, validate
from sqlalchemy import insert, select

from workflow import Actor
from workflow.errors import NotFound, Text

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
_CODE = re.compile(r"[a-z2-7]{12}")
_RECEIPT = re.compile(r"[a-z2-7]{26}")
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
    """Put an opinion into the box; its receipt. Raises Problem 409 for a form too old, 429; NotFound where none is taken."""
    if not (door.open and ask.desk.intake):
        raise NotFound(Text("本站不接收网上留言", "this station takes no opinions here"))
    nonces = Nonces(ask.engine)
    nonce = given["nonce"]
    if not nonces.holds(f"opinion/{door.code}", nonce):
        text = Text("表单已过期，请重新打开本站页面", "the form is too old; open the station's page again")
        raise Problem("conflict", text)
    receipt, shelf = nonces.receipt(nonce), Shelf(ask.engine)
    if _case_of(ask, receipt) is not None:
        return receipt
    counter = Counter(ask.engine)
    counter.take(BY_ADDRESS, f"{source(ask.request)}\n{door.code}")
    counter.take(BY_STATION, door.code)
    said = domain.doors.Said(
        subject=given["subject"], text=given["text"], name=given.get("name"), contact=given.get("contact")
    )
    by, row = Actor(person=ask.desk.intake), {"hash": digest(receipt), "created_at": stamp(shelf.now())}
    with shelf.connection(write=True) as connection:
        case = domain.doors.leave_opinion(
            ask.engine, door, said, by=by, key=f"opinion/{digest(nonce)}", session=connection
        )
        if connection.execute(_receipts(shelf, receipt)).first() is None:
            connection.execute(insert(shelf.tables.receipt).values(case_id=case.id, **row))
    return receipt


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
        found: str | None = connection.execute(_receipts(shelf, receipt)).scalar()
    return found


def _receipts(shelf: Shelf, receipt: str) -> Any:
    table = shelf.tables.receipt
    return select(table.c.case_id).where(table.c.hash == digest(receipt))


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
        audit="history", tag="public", text=Text("留下意见，无需登录", "leave an opinion, without a login"), body=OpinionIn,
        out={201: Out(ReceiptOut, Text("回执，凭此查询", "the receipt to follow it by"), headers=("Location",))},
        problems=("not_found", "too_many", "conflict", "form_invalid"),
    ),
    Route(
        method="GET", path="/v1/public/opinions/<receipt>", name="public_opinion", view=followed, permission="open",
        audit="none", tag="public", text=Text("凭回执查询意见办到哪里", "where an opinion stands, by its receipt"),
        out={200: Out(StandingOpinionOut, Text("所处状态", "its state"))}, problems=("not_found", "too_many"),
    ),
)  # fmt: skip
