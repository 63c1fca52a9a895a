"""Cursors and links: a page says where the next begins, in a text that means nothing to anybody else."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from flask import request

from workflow.errors import Text

from .problems import Problem, invalid_parameters

CURSOR = "cursor"


def next_address(place: object, other: str | None = None) -> str:
    """The address of the next page of this request: the same questions, another cursor. `other`: of a page of that address."""
    asked = {} if other else {name: value for name, value in request.args.items() if name != CURSOR}
    path = other.removeprefix(request.root_path) if other else request.path
    return f"{request.root_path}{path}?{urlencode({**asked, CURSOR: _packed(place, path, asked)})}"


def link(address: str | None) -> dict[str, str]:
    """RFC 8288."""
    return {} if address is None else {"Link": f'<{address}>; rel="next"'}


def place_asked() -> Any:
    """Where this page begins; None at the beginning. Raises Problem 400 for a cursor of another question."""
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
    return place


def case_asked() -> tuple[str | None, str] | None:
    """The same for a page of cases: its due day and its id. Raises Problem 400."""
    match place_asked():
        case None:
            return None
        case [None | str() as due, str() as id]:
            return due, id
    raise invalid_parameters({"cursor": ["invalid"]})


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
