"""The same as pages, for a telephone: `/s/<code>` is what the QR code on a station's poster opens. No script, no login."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from flask import Response, url_for
from jinja2 import Environment, FileSystemLoader
from marshmallow import EXCLUDE, Schema, ValidationError, fields, validate
from werkzeug.exceptions import RequestEntityTooLarge

from workflow.errors import FormInvalid, NotFound, Text
from workflow.model import Party
from workflow.overview import today

from . import domain
from .doors import PRIVATE, OpinionIn, door_of, leave, nonce_for, standing_of
from .parties import sought
from .problems import Problem
from .routes import Ask, Out, Reply, Route
from .schemas import Strict

TEMPLATES = Path(__file__).with_name("templates")
WEEK = "一二三四五六日"
FORM_BYTES = 64 << 10
PAGE = "text/html"
SAMPLE = "<!doctype html>"
SAID = {
    "conflict": Text(
        "页面打开太久，这条意见尚未提交。您写的内容都在下面，请再按一次“提交”。",
        "This page was open for too long and your opinion has not been sent. What you wrote is below: press 提交 again.",
    ),
    "key_reused": Text(
        "您用这一页提交过另一条意见：那一条已登记，没有改动；下面这一条还没有提交。如要作为新的意见提交，请按“作为新的意见提交”。",
        "With this page you have sent another opinion: that one is registered and unchanged. The one below has not been sent: "
        "to send it as a new opinion, press 作为新的意见提交.",
    ),
    "too_many": Text(
        "提交次数过多，这条意见尚未提交。您写的内容都在下面，请稍后再按“提交”，或在接待日当面反映。",
        "Too many were sent from here, and this opinion has not been. What you wrote is below: press 提交 again later, "
        "or come on a reception day.",
    ),
}
"""to a voter, of what he wrote"""


class Follow(Strict):
    """A receipt that was typed in."""

    receipt = fields.Str(validate=validate.Length(max=80))


class Seek(Strict):
    """Who is sought."""

    who = fields.Str(
        validate=validate.Length(max=200), metadata={"description": "the code or the exact name"}
    )


class OpinionForm(Schema):
    """The form of the page; `website` is left empty by people."""

    class Meta:
        """A browser may send more."""

        unknown = EXCLUDE

    nonce = fields.Str(load_default="")
    subject = fields.Str(load_default="")
    text = fields.Str(load_default="")
    name = fields.Str(load_default="")
    contact = fields.Str(load_default="")
    website = fields.Str(load_default="")


def page(ask: Ask) -> Reply:
    """The station's page; with a receipt, on to that."""
    given = ask.query.get("receipt")
    if given is not None:
        typed = "".join(letter for letter in given.lower() if letter.isalnum()) or "-"
        return _on(url_for(f"{ask.desk.blueprint.name}.door_receipt", code=ask.path["code"], receipt=typed))
    return _door(ask, {}, {}, 200)


def left(ask: Ask) -> Reply:
    """An opinion by the page's form; on to its receipt, so that a reload sends nothing twice."""
    ask.request.max_content_length = FORM_BYTES
    try:
        given = {name: str(value).strip() for name, value in OpinionForm().load(ask.request.form).items()}
    except RequestEntityTooLarge:
        return _said(Text("内容过长", "too much"), 413)
    by_program = given.pop("website")  # a field nobody sees
    filled = {name: value for name, value in given.items() if value}
    try:
        door = door_of(ask)
        if by_program:
            return _on(url_for(f"{ask.desk.blueprint.name}.door", code=ask.path["code"]))
        OpinionIn().load(filled)
        receipt = leave(ask, door, filled)
    except ValidationError as error:
        return _door(ask, given, _faults(error.messages), 422)
    except FormInvalid as error:
        return _door(ask, given, {"text": error.text.zh}, 422)
    except (NotFound, Problem) as error:
        return _once_more(ask, given, error)
    return _on(url_for(f"{ask.desk.blueprint.name}.door_receipt", code=ask.path["code"], receipt=receipt))


def _once_more(ask: Ask, given: Mapping[str, str], problem: NotFound | Problem) -> Reply:
    """The form with what he wrote, a fresh nonce, and what stood in the way: a press of the button sends it as a new opinion."""
    if isinstance(problem, NotFound):
        return _refused(problem)
    status = 429 if problem.code == "too_many" else 409
    reply = _door(ask, given, {}, status, SAID.get(problem.code, problem.text))
    return Reply(None, reply.status, {**reply.headers, **problem.headers}, raw=reply.raw)


def followed(ask: Ask) -> Reply:
    """Where the opinion stands."""
    try:
        standing = standing_of(ask, ask.path["receipt"])
        door = door_of(ask)
    except (NotFound, Problem) as error:
        return _refused(error)
    return _shown("receipt.html", 200, door=door, standing=standing, receipt=ask.path["receipt"])


def find(ask: Ask) -> Reply:
    """码上找代表: a deputy by code or exact name."""
    who = (ask.query.get("who") or "").strip()
    if not who:
        return _shown("find.html", 200, who="", found=None)
    try:
        found = sought(ask, "deputy", either=who)
    except (NotFound, Problem) as error:
        return _refused(error, who)
    places = _stations(ask, found)
    day = today(ask.engine)
    shown = [
        {
            "name": one.name,
            "places": [places[b.to] for b in one.bonds or () if b.to in places and b.holds(day)],
        }
        for one in found
    ]
    return _shown("find.html", 200, who=who, found=shown)


def _stations(ask: Ask, found: list[Party]) -> dict[str, tuple[str, str]]:
    """Station -> its name and the address of its page."""
    ids = {bond.to for one in found for bond in one.bonds or ()}
    bound = ask.engine.parties.find(ids=ids) if ids else []
    return {
        one.id: (one.name, url_for(f"{ask.desk.blueprint.name}.door", code=domain.doors.code_of(one.id)))
        for one in bound
        if one.kind in domain.receptions.STATIONS
    }


def _door(
    ask: Ask, given: Mapping[str, str], faults: Mapping[str, str], status: int, notice: Text | None = None
) -> Reply:
    try:
        door = door_of(ask)
    except (NotFound, Problem) as error:
        return _refused(error)
    successor = None
    if door.successor is not None:
        code = domain.doors.code_of(door.successor.id)
        successor = (door.successor.name, url_for(f"{ask.desk.blueprint.name}.door", code=code))
    return _shown(
        "door.html", status, door=door, successor=successor, nonce=nonce_for(ask, door), given=given, faults=faults,
        notice=notice, again=notice is SAID["key_reused"],
    )  # fmt: skip


def _faults(messages: Any) -> dict[str, str]:
    """What is wrong, by field, in a voter's words."""
    said = {}
    for name, words in messages.items():
        missing = str(words[0]).startswith("Missing")
        said[name] = "请填写" if missing else "填写有误或过长"
    return said


def _refused(error: NotFound | Problem, who: str = "") -> Reply:
    if isinstance(error, NotFound):
        return _shown("find.html", 404, who=who, found=()) if who else _said(error.text, 404)
    status = 429 if error.code == "too_many" else 409
    reply = _said(error.text, status)
    return Reply(None, status, {**reply.headers, **error.headers}, raw=reply.raw)


def _said(text: Text, status: int) -> Reply:
    return _shown("said.html", status, text=text)


def _on(address: str) -> Reply:
    return Reply(None, 303, {**PRIVATE, "Location": address})


def _shown(name: str, status: int, **values: Any) -> Reply:
    content = _templates().get_template(f"door/{name}").render(style=_style(), **values)
    response = Response(content, status, content_type=f"{PAGE}; charset=utf-8")
    style = base64.b64encode(hashlib.sha256(_style().encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{style}'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    return Reply(None, status, {**PRIVATE, "Content-Security-Policy": policy}, raw=response)


@cache
def _templates() -> Environment:
    found = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    found.filters["day"] = _day
    return found


def _day(day: date) -> str:
    """2026年3月15日（星期日）."""
    return f"{day.year}年{day.month}月{day.day}日（星期{WEEK[day.weekday()]}）"


@cache
def _style() -> str:
    return (TEMPLATES / "door" / "door.css").read_text(encoding="utf-8").strip()


def _out(zh: str, en: str) -> Out:
    return Out(None, Text(zh, en), media=PAGE, sample=SAMPLE)


_ON = Out(None, Text("转到", "go on to"), headers=("Location",), media=PAGE)
_NONE = _out("没有这个联络站或回执", "no such station or receipt")
_MANY = _out("过于频繁", "too often")
_STALE = _out(
    "表单已过期或已用过，所写内容仍在表中", "the form is too old or used; what was written is still in it"
)

DOOR_PAGES = (
    Route(
        method="GET", path="/s/<code>", name="door", view=page, permission="open", audit="none", tag="public",
        text=Text("联络站页面（海报二维码所指）", "a station's page, where its poster's QR code leads"), query=Follow,
        out={200: _out("联络站", "the station"), 303: _ON, 404: _NONE, 429: _MANY},
    ),
    Route(
        method="POST", path="/s/<code>", name="door_leave", view=left, permission="open", audit="history", tag="public",
        text=Text("由页面表单留下意见", "leave an opinion by the page's form"), form=OpinionForm,
        out={303: _ON, 404: _NONE, 409: _STALE, 413: _out("内容过长", "too much"),
             422: _out("填写有误", "something is filled in wrong"), 429: _MANY},
    ),
    Route(
        method="GET", path="/s/<code>/<receipt>", name="door_receipt", view=followed, permission="open", audit="none",
        tag="public", text=Text("意见办到哪里", "where an opinion stands"),
        out={200: _out("所处状态", "its state"), 404: _NONE, 429: _MANY},
    ),
    Route(
        method="GET", path="/find", name="find", view=find, permission="open", audit="none", tag="public",
        text=Text("码上找代表（页面）", "find a deputy (a page)"), query=Seek,
        out={200: _out("代表", "the deputy"), 404: _out("查无此人", "nobody is called so"), 429: _MANY},
    ),
)  # fmt: skip
