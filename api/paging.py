"""Cursors and links: a page says where the next begins, in a text that means nothing to anybody else."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any, TypeVar
from urllib.parse import urlencode

from flask import request

from workflow.errors import Text
from workflow.outbox import Notice

from .bodies import UNFIT
from .problems import Problem, invalid_parameters

CURSOR = "cursor"
ID, PARTY, KEY = 40, 80, 400
"""letters of the id of a case, of a party, of the key of a message, at most"""
MOST_LINES = 2**31 - 1
"""of a history: PostgreSQL counts no farther"""
T = TypeVar("T")


def next_address(place: object, other: str | None = None) -> str:
    """The address of the next page of this request: the same questions, another cursor. `other`: of a page of that address."""
    asked = {} if other else {name: value for name, value in request.args.items() if name != CURSOR}
    path = other.removeprefix(request.root_path) if other else request.path
    return f"{request.root_path}{path}?{urlencode({**asked, CURSOR: _packed(place, path, asked)})}"


def link(address: str | None) -> dict[str, str]:
    """RFC 8288."""
    return {} if address is None else {"Link": f'<{address}>; rel="next"'}


def place_asked(shape: Callable[[Any], T | None]) -> T | None:
    """Where this page begins, as that list has its places; None at the beginning. The mark is no secret: whoever knows how a
    cursor is written writes any place into it, so the place is asked what every parameter is asked. Raises Problem 400 for a
    cursor of another question, and for a place that this list has not.
    """
    given = request.args.get(CURSOR)
    if given is None:
        return None
    asked = {name: value for name, value in request.args.items() if name != CURSOR}
    try:
        place, mark = json.loads(base64.urlsafe_b64decode(given.encode("ascii")))
    except (ValueError, TypeError, binascii.Error, RecursionError):
        raise _foreign() from None
    if mark != _mark(request.path, asked):
        raise _foreign()
    found = shape(place)
    if found is None:
        raise invalid_parameters({CURSOR: ["invalid"]})
    return found


def case_asked() -> tuple[str | None, str] | None:
    """The same for a page of cases: its due day and its id. Raises Problem 400."""
    return place_asked(_of_case)


def of_line(place: Any) -> int | None:
    """After that line of a history."""
    return place if type(place) is int and 0 <= place <= MOST_LINES else None  # True is an int too


def of_id(place: Any) -> str | None:
    """After that party."""
    return place if _written(place, PARTY) else None


def of_notice(place: Any) -> Notice | None:
    """Before that entry of an inbox."""
    match place:
        case [str() as created_at, str() as key] if _instant(created_at) and _written(key, KEY):
            return Notice(key=key, line=None, created_at=created_at, read_at=None)  # type: ignore[arg-type]
    return None


def _of_case(place: Any) -> tuple[str | None, str] | None:
    match place:
        case [None | str() as due, str() as id] if (due is None or _day(due)) and _written(id, ID):
            return due, id
    return None


def _written(text: Any, most: int) -> bool:
    return isinstance(text, str) and 0 < len(text) <= most and not UNFIT.search(text)


def _day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _instant(text: str) -> bool:
    try:
        # it takes any sign between day and hour
        return _written(text, KEY) and datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


def _packed(place: object, path: str, asked: Mapping[str, str]) -> str:
    return base64.urlsafe_b64encode(json.dumps([place, _mark(path, asked)]).encode()).decode("ascii")


def _mark(path: str, asked: Mapping[str, str]) -> str:
    """A cursor belongs to its question; how many are asked for at once may change."""
    kept = sorted((name, value) for name, value in asked.items() if name != "limit")
    return hashlib.sha256(json.dumps([path, kept]).encode()).hexdigest()[:16]


def _foreign() -> Problem:
    text = Text(
        "cursor 不属于此查询；请从头开始", "this cursor is not of this question; begin again without it"
    )
    return Problem("bad_request", text)
