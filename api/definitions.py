"""Definitions over HTTP: what there is, what each says, as a diagram, and the form of every event as a JSON Schema."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields, validate

from workflow.diagram import drawn
from workflow.errors import NotFound, Text
from workflow.form_schema import form_schema
from workflow.graph import mermaid
from workflow.overview import today

from .routes import Ask, Out, Reply, Route
from .schemas import Strict, Words


class DefinitionOut(Schema):
    """A lifecycle by name."""

    kind = fields.Str(required=True, attribute="name")
    version = fields.Int(required=True)
    hash = fields.Str(required=True, metadata={"description": "of its content; cases are pinned to it"})
    title = fields.Nested(Words, required=True)
    source = fields.Str(required=True)


class DefinitionsOut(Schema):
    """Every lifecycle in its latest version."""

    definitions = fields.List(fields.Nested(DefinitionOut), required=True)


class StateOut(Schema):
    """A state."""

    name = fields.Str(required=True)
    title = fields.Nested(Words, required=True)
    holder = fields.List(fields.Str(), required=True, metadata={"description": "for whom it waits"})
    end = fields.Bool(required=True)
    decided = fields.Bool(required=True)


class AskedOut(Schema):
    """A field of a form."""

    name = fields.Str(required=True)
    required = fields.Bool(required=True)


class EventOut(Schema):
    """What can happen."""

    name = fields.Str(required=True)
    title = fields.Nested(Words, required=True)
    source = fields.Str(required=True)
    by = fields.List(
        fields.Str(), required=True, metadata={"description": "who may, e.g. `unit_head of lead`"}
    )
    automatic = fields.Str(required=True, allow_none=True)
    sources = fields.List(fields.Str(), required=True, metadata={"description": "the states it leads from"})
    form = fields.List(fields.Nested(AskedOut), required=True)


class ClockRuleOut(Schema):
    """A deadline of such a case."""

    name = fields.Str(required=True)
    title = fields.Nested(Words, required=True)
    rule = fields.Str(required=True)
    starts = fields.List(fields.Str(), required=True)
    stops = fields.List(fields.Str(), required=True)
    missed = fields.Str(required=True, allow_none=True)


class RelationOut(Schema):
    """How units and persons can stand to it."""

    name = fields.Str(required=True)
    title = fields.Nested(Words, required=True)
    of = fields.Str(required=True)


class LifecycleOut(DefinitionOut):
    """A lifecycle as it is."""

    initial = fields.Str(required=True)
    states = fields.List(fields.Nested(StateOut), required=True)
    events = fields.List(fields.Nested(EventOut), required=True)
    clocks = fields.List(fields.Nested(ClockRuleOut), required=True)
    relations = fields.List(fields.Nested(RelationOut), required=True)


class FormOut(Schema):
    """A form."""

    kind = fields.Str(required=True)
    event = fields.Str(required=True)
    form = fields.Dict(required=True, metadata={"description": "JSON Schema 2020-12"})


class Language(Strict):
    """In which language."""

    language = fields.Str(load_default="zh", validate=validate.OneOf(["zh", "en"]))


def listed(ask: Ask) -> Reply:
    """The latest version of each."""
    return Reply({"definitions": [d for _, d in sorted(ask.engine.library.definitions.items())]})


def definition(ask: Ask) -> Reply:
    """One, by its name or by the hash a case is pinned to."""
    found = _found(ask)
    body = {name: getattr(found, name) for name in ("name", "version", "hash", "title", "source", "initial")}
    body["states"] = [_with_holders(state) for state in found.states.values()]
    body["events"] = [_event(event) for event in (found.start, *found.events.values())]
    body["clocks"] = list(found.clocks.values())
    body["relations"] = list(found.relations.values())
    return Reply(body)


def _with_holders(state: Any) -> dict[str, Any]:
    plain = {name: getattr(state, name) for name in ("name", "title", "end", "decided")}
    return {**plain, "holder": [str(holder) for holder in state.holder]}


def _event(event: Any) -> dict[str, Any]:
    plain = {name: getattr(event, name) for name in ("name", "title", "source", "automatic", "form")}
    sources = list(dict.fromkeys(state for move in event.moves for state in move.sources))
    return {**plain, "by": [str(holder) for holder in event.by], "sources": sources}


def picture(ask: Ask) -> Reply:
    """As a picture."""
    return Reply(drawn(_found(ask), ask.query["language"]))


def diagram(ask: Ask) -> Reply:
    """As Mermaid text."""
    return Reply(mermaid(_found(ask), ask.query["language"]))


def form(ask: Ask) -> Reply:
    """What an event asks for, with the code values of this place today."""
    found, laws = _found(ask), ask.engine.laws
    event = laws.pinned(found.hash).event(ask.path["event"])
    schema = form_schema(found, event, laws.codes_on(today(ask.engine)))
    return Reply({"kind": found.name, "event": event.name, "form": schema})


def _found(ask: Ask) -> Any:
    name, laws = ask.path["kind"], ask.engine.laws
    try:
        law = laws.pinned(name) if len(name) == 64 else laws.latest(name)
    except NotFound:
        known = ask.engine.library.definitions
        raise NotFound.among(Text("定义", "definition"), name[:80], known) from None
    return law.definition


DEFINITIONS = (
    Route(
        method="GET", path="/v1/definitions", name="definitions", view=listed, permission="person", audit="none",
        tag="definitions", text=Text("各类案件的定义", "what kinds of cases there are"), scope="definitions:read",
        out={200: Out(DefinitionsOut, Text("各定义", "the definitions"))},
    ),
    Route(
        method="GET", path="/v1/definitions/<kind>", name="definition", view=definition, permission="person", audit="none",
        tag="definitions", scope="definitions:read",
        text=Text("一个定义：状态、事件、期限；可用名称或内容哈希", "states, events, clocks; by name or by content hash"),
        out={200: Out(LifecycleOut, Text("定义", "the definition"))}, problems=("not_found",),
    ),
    Route(
        method="GET", path="/v1/definitions/<kind>/diagram", name="diagram", view=diagram, permission="person",
        audit="none", tag="definitions", text=Text("状态图（Mermaid）", "as a Mermaid diagram"), scope="definitions:read",
        query=Language, out={200: Out(None, Text("Mermaid 文本", "Mermaid text"), media="text/plain")},
        problems=("not_found",),
    ),
    Route(
        method="GET", path="/v1/definitions/<kind>/picture", name="picture", view=picture, permission="person",
        audit="none", tag="definitions", text=Text("流程图（SVG）", "as an SVG picture"), scope="definitions:read",
        query=Language, out={200: Out(None, Text("SVG 图", "the SVG picture"), media="image/svg+xml")},
        problems=("not_found",),
    ),
    Route(
        method="GET", path="/v1/definitions/<kind>/events/<event>/form", name="form", view=form, permission="person",
        audit="none", tag="definitions", scope="definitions:read",
        text=Text("某一事件的表单（JSON Schema）", "the form of an event (JSON Schema)"),
        out={200: Out(FormOut, Text("表单", "the form"))}, problems=("not_found",),
    ),
)  # fmt: skip
