"""Filters that somebody keeps, over HTTP: his own, the same that the console shows on his first page, told to nobody else.

What is kept is what `/v1/cases` or a view is asked with, never what it found: whoever follows the address is answered through the
one filter, as he stands on that day.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from flask import request, url_for
from marshmallow import Schema, ValidationError, fields, validate

from workflow.errors import NotFound, Text
from workflow.overview import grants_of, views_of

from .asked import Asked, filter_of, parameters_of
from .problems import Problem, invalid_fields
from .routes import Ask, Out, Reply, Route
from .saved import LONGEST, Saved, forget, keep, kept
from .schemas import NAME, Strict, one_line
from .views import Narrowed

FOUND, OF_VIEW = "found", "views"
"""the console's lists that can be asked for here too: by a filter, and a view by its name"""
PAGES = ("cursor", "limit")
"""parameters that say which part is shown, not which cases are meant"""
LONG = f"Longer than maximum length {LONGEST}."


class NarrowedBy(Narrowed):
    """What a view is narrowed to."""

    class Meta(Strict.Meta):
        """No page of it."""

        exclude = PAGES


class FilterIn(Strict):
    """What is kept, and under which name."""

    name = fields.Str(required=True, validate=[validate.Length(1, 80), one_line],
                      metadata={"description": "what one has under that name already is replaced"})  # fmt: skip
    view = fields.Str(
        validate=NAME, metadata={"description": "one of my views, narrowed; if not given: any cases"}
    )
    filter = fields.Dict(
        keys=fields.Str(), values=fields.Str(), load_default=dict,
        metadata={"description": "the parameters of `GET /v1/cases` (or of the view), as they stand in an address"},
    )  # fmt: skip


class FilterOut(Schema):
    """A filter of one's own."""

    id = fields.Str(required=True)
    name = fields.Str(required=True)
    view = fields.Str(required=True, allow_none=True)
    filter = fields.Dict(
        keys=fields.Str(), values=fields.Str(), required=True, allow_none=True,
        metadata={"description": "null: kept from a list that the console alone shows"},
    )  # fmt: skip
    cases = fields.Str(
        required=True, allow_none=True, metadata={"description": "where what it finds today is"}
    )


class FiltersOut(Schema):
    """One's own, by name."""

    filters = fields.List(fields.Nested(FilterOut), required=True)


def listed(ask: Ask) -> Reply:
    """Of the one who asks."""
    return Reply({"filters": [_shown(ask, one) for one in kept(ask.engine, ask.actor.person)]})


def keep_one(ask: Ask) -> Reply:
    """Under its name; what had that name before is replaced."""
    body = ask.body
    view = body.get("view")
    mine = [one.name for one in views_of(ask.engine, grants_of(ask.engine, ask.actor))] if view else []
    if view and view not in mine:
        raise NotFound.among(Text("列表", "list"), view, mine)
    asked = _read(body["filter"], view)
    path = f"/{OF_VIEW}/{view}" if view else f"/{FOUND}"
    address = request.root_path + path + (f"?{urlencode(asked)}" if asked else "")
    if len(address) > LONGEST:
        raise invalid_fields({"filter": [LONG]})
    return Reply(_shown(ask, keep(ask.engine, ask.actor.person, body["name"], address)), 201)


def drop(ask: Ask) -> Reply:
    """One's own; of somebody else's nothing is said and nothing happens."""
    forget(ask.engine, ask.actor.person, ask.path["filter"])
    return Reply(None, 204)


def _read(given: Mapping[str, str], view: str | None) -> dict[str, str]:
    """As they would be read in an address, and written again. Raises Problem 422 with a pointer to each that is wrong."""
    try:
        loaded = (NarrowedBy if view else Asked)().load(given)
    except ValidationError as error:
        raise invalid_fields({"filter": error.messages}) from None
    return {name: str(value) for name, value in loaded.items()} if view else parameters_of(filter_of(loaded))


def _shown(ask: Ask, one: Saved) -> dict[str, Any]:
    view, given = _parts(ask, one.address)
    cases = None
    if given is not None:
        asked: dict[str, Any] = {"view": view, **given} if view else {**given}
        cases = url_for(f"{ask.desk.blueprint.name}.{'view' if view else 'search'}", **asked)
    return {"id": one.id, "name": one.name, "view": view, "filter": given, "cases": cases}


def _parts(ask: Ask, address: str) -> tuple[str | None, dict[str, str] | None]:
    """Of which view, and narrowed to what; no filter where only the console can show it: by a field of the form, in a list that
    waits for one.
    """
    split = urlsplit(address)
    given = {name: value for name, value in parse_qsl(split.query) if name not in PAGES}
    *_, before, last = ("", *split.path.split("/"))
    view = last if before == OF_VIEW else None
    if view is None and last != FOUND:
        return None, None
    if view is not None and (party := given.get("party")):
        given["party"] = _id_of(ask, party)
    try:
        return view, _read(given, view)
    except Problem:
        return view, None


def _id_of(ask: Ask, party: str) -> str:
    """The console also narrows by a name that one party alone has."""
    named = ask.engine.parties.find(names=[party], actor=ask.actor, limit=2)
    return named[0].id if len(named) == 1 else party


FILTERS = (
    Route(
        method="GET", path="/v1/filters", name="filters", view=listed, permission="person", audit="none", tag="cases",
        text=Text("本人保存的筛选，及各自所查案件的地址", "the filters I keep, each with where its cases are"),
        scope="cases:read", out={200: Out(FiltersOut, Text("各筛选", "the filters"))},
    ),
    Route(
        method="POST", path="/v1/filters", name="filter_keep", view=keep_one, permission="person", audit="store", tag="cases",
        text=Text("保存一个筛选；同名者被替换", "keep a filter; one of the same name is replaced"), scope="cases:read",
        body=FilterIn, out={201: Out(FilterOut, Text("所保存的", "as it is kept"))}, problems=("not_found", "conflict"),
    ),
    Route(
        method="DELETE", path="/v1/filters/<filter>", name="filter_drop", view=drop, permission="person", audit="store",
        tag="cases", text=Text("不再保存", "keep it no longer"), scope="cases:read",
        out={204: Out(None, Text("已删去", "it is gone"))},
    ),
)  # fmt: skip
