"""Saved views: the lists of one's roles, as the definitions say them, for a host that shows them in its own pages.

A view narrows; what it finds passes the same filter as every other list. Its columns and its values are data, so that a host
draws a table without knowing a definition.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

from flask import url_for
from marshmallow import Schema, fields, validate

from workflow import Case, Engine
from workflow.definition import Definition
from workflow.errors import NotFound, Text
from workflow.overview import Sort, cases_of, find, grants_of, tally, through, views_of
from workflow.view import View

from .buckets import MOST, Bucket, buckets
from .cells import HEADS, caption, holders
from .paging import case_asked, link, next_address
from .routes import Ask, Out, Reply, Route
from .schemas import PARTY, CaseOut, Day, Paged, Words

TYPES = {
    "number": "text", "title": "text", "state": "state", "holder": "holders", "due_on": "date", "opened_on": "date",
    "tenant": "tenant", "kind": "kind", "standing": "standing",
}  # fmt: skip
"""columns that cases of any kind have: their type"""
NARROWING = ("party", "opened_from", "opened_before", "due_from", "due_before")
SPAN_NAMES = ("today", "overdue", "unknown", "soon", "near", "later", "undated")


class Narrowed(Paged):
    """Which part of the view, in which order."""

    due = fields.Str(validate=validate.OneOf(SPAN_NAMES), metadata={"description": "one bucket of the view"})
    party = fields.Str(
        validate=PARTY, metadata={"description": "a unit or person that stands in a relation to it"}
    )
    due_from, due_before, opened_from, opened_before = Day(), Day(), Day(), Day()
    sort = fields.Str(
        validate=validate.OneOf(["id", "-id", "due_on"]),
        metadata={"description": "the view's own, if not given"},
    )


class ColumnOut(Schema):
    """A column: what stands under that name in the cells of each row."""

    name = fields.Str(required=True)
    title = fields.Nested(Words, required=True)
    type = fields.Str(
        required=True,
        metadata={"description": "of a field as its form says; `parties` of a relation; `text`, `date`, `state`, `kind`, "
                                 "`tenant`; `holders`: with whom the case is; `standing`: `state`, `holder` and `due_on` in one"},
    )  # fmt: skip


class ActOut(Schema):
    """An event the view offers for many cases at once."""

    event = fields.Str(required=True)
    title = fields.Nested(Words, required=True)


class ViewOut(Schema):
    """A view of one's roles."""

    name = fields.Str(required=True)
    title = fields.Nested(Words, required=True)
    question = fields.Nested(Words, required=True, metadata={"description": "the one question it answers"})
    kind = fields.Str(required=True)
    sort = fields.Str(required=True)
    columns = fields.List(fields.Nested(ColumnOut), required=True)
    acts = fields.List(fields.Nested(ActOut), required=True)
    starts = fields.Bool(required=True, metadata={"description": "a new case is begun from here"})
    count = fields.Int(required=True, metadata={"description": f"counted no further than {MOST}"})
    address = fields.Str(required=True)


class ViewsOut(Schema):
    """The views of one's roles."""

    views = fields.List(fields.Nested(ViewOut), required=True)


class BucketOut(Schema):
    """Cases by their nearest due day; buckets do not overlap and leave nothing out."""

    name = fields.Str(
        required=True,
        metadata={
            "description": "`unknown`: over its day, but only imported, so that nobody knows whether it was kept"
        },
    )
    title = fields.Nested(Words, required=True)
    due_from = Day(required=True, allow_none=True)
    due_before = Day(required=True, allow_none=True)
    count = fields.Int(required=True, metadata={"description": f"counted no further than {MOST}"})


class ViewRowOut(Schema):
    """One case of a view."""

    cells = fields.Dict(
        keys=fields.Str(), required=True, metadata={"description": "by the names of the view's columns"}
    )
    case = fields.Nested(CaseOut, required=True)


class ListedOut(ViewOut):
    """A view with a page of its rows."""

    buckets = fields.List(fields.Nested(BucketOut), required=True)
    rows = fields.List(fields.Nested(ViewRowOut), required=True)
    next = fields.Str(
        required=True, allow_none=True, metadata={"description": "the address of the next page"}
    )


def own(ask: Ask) -> Reply:
    """The views of whoever asks, each with how many cases are in it."""
    mine = views_of(ask.engine, grants_of(ask.engine, ask.actor))
    counts = tally(ask.engine, ask.actor, [through(view) for view in mine], MOST)
    return Reply({"views": [_told(ask, view, count) for view, count in zip(mine, counts, strict=True)]})


def listed(ask: Ask) -> Reply:
    """A page of one of them; who has no role for it is answered as if there were none."""
    mine = views_of(ask.engine, grants_of(ask.engine, ask.actor))
    view = next((one for one in mine if one.name == ask.path["view"]), None)
    if view is None:
        raise NotFound.among(Text("列表", "list"), ask.path["view"][:80], [one.name for one in mine])
    query, spans = ask.query, buckets(ask.engine)
    asked = replace(through(view), **{name: query[name] for name in NARROWING if name in query})
    chosen = next((span for span in spans if span.name == query.get("due")), None)
    sort = cast("Sort", query.get("sort", view.order))
    wanted = chosen.of(asked) if chosen else asked
    page = find(ask.engine, ask.actor, wanted, sort=sort, after=case_asked(), limit=query["limit"])
    total, *counts = tally(ask.engine, ask.actor, [asked, *(span.of(asked) for span in spans)], MOST)
    address = next_address(page.next) if page.next else None
    body = _told(ask, view, total) | {
        "buckets": [_span(span, count) for span, count in zip(spans, counts, strict=True)],
        "rows": _rows(ask, view, page.cases), "next": address,
    }  # fmt: skip
    return Reply(body, headers=link(address))


def _told(ask: Ask, view: View, count: int) -> dict[str, Any]:
    law = ask.engine.library.definition(view.definition)
    return {
        "name": view.name, "title": view.title, "question": view.question, "kind": view.definition, "sort": view.order,
        "columns": [_column(law, name) for name in view.columns], "starts": view.starts, "count": count,
        "acts": [{"event": name, "title": law.events[name].title} for name in view.acts],
        "address": url_for(f"{ask.desk.blueprint.name}.view", view=view.name),
    }  # fmt: skip


def _span(span: Bucket, count: int) -> dict[str, Any]:
    return {
        "name": span.name, "title": span.title, "due_from": span.due_from, "due_before": span.due_before, "count": count,
    }  # fmt: skip


def _column(law: Definition, name: str) -> dict[str, Any]:
    if name in TYPES:
        kind, title = TYPES[name], HEADS[name]
    elif name in law.relations:
        kind, title = "parties", law.relations[name].title
    else:
        kind, title = law.fields[name].type, law.fields[name].title
    return {"name": name, "title": title, "type": kind}


def _rows(ask: Ask, view: View, cases: Sequence[Case]) -> list[dict[str, Any]]:
    """`holder` asks for the roots, all at once: who holds a child may stand in its root alone."""
    roots = {case.id: case for case in cases if case.id == case.root}
    if {"holder", "standing"} & {*view.columns}:
        roots |= cases_of(ask.engine, ask.actor, {case.root for case in cases} - roots.keys())
    return [{"cells": {name: _cell(ask.engine, case, roots, name) for name in view.columns}, "case": case}
            for case in cases]  # fmt: skip


def _cell(engine: Engine, case: Case, roots: Mapping[str, Case], name: str) -> Any:
    law = engine.laws.pinned(case.definition).definition
    if name == "title":
        return caption(case, law, engine.library.console).zh
    if name == "holder":
        return _holders(engine, law, case, roots.get(case.root, case))
    if name == "due_on":
        return case.due_on
    if name == "standing":
        return {part: _cell(engine, case, roots, part) for part in ("state", "holder", "due_on")}
    if name in TYPES:
        return getattr(case, name)
    return list(case.relations.get(name, ())) if name in law.relations else case.data.get(name)


def _holders(engine: Engine, law: Definition, case: Case, root: Case) -> list[dict[str, Any]]:
    roles = {name: code.title for name, code in engine.library.roles.values.items()}
    above = engine.laws.pinned(root.definition).definition
    found = [] if case.closed else holders(law, above, case, root, roles, list)
    return [{"parties": list(one.names), "as": {"zh": one.as_.zh, "en": one.as_.en}} for one in found]


VIEWS = (
    Route(
        method="GET", path="/v1/views", name="views", view=own, permission="person", audit="none", tag="cases",
        text=Text("本人角色的列表，附件数与栏目", "the lists of my roles: their columns, how many cases are in each"),
        scope="cases:read", out={200: Out(ViewsOut, Text("各列表", "the views"))},
    ),
    Route(
        method="GET", path="/v1/views/<view>", name="view", view=listed, permission="person", audit="none", tag="cases",
        text=Text("一个列表：各期限段的件数，一页案件", "one of them: counts by due day, and a page of its cases"),
        scope="cases:read", query=Narrowed, out={200: Out(ListedOut, Text("列表", "the view"), headers=("Link",))},
        problems=("not_found",),
    ),
)  # fmt: skip
