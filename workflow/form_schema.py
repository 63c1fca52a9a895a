"""A form as JSON Schema (2020-12): what `Form.load` takes, for whoever draws it or checks before sending."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .definition import Codes, Definition, Event, Field
from .forms import ID_LIMIT, SAFE_INTEGER, TEXT_LIMIT

__all__ = ["form_schema"]

DIALECT = "https://json-schema.org/draft/2020-12/schema"
# Without control, bidi-control and surrogate characters, and not blank.
_TEXT = {
    "type": "string",
    "pattern": "^(?=[\\s\\S]*\\S)[^\\u0000-\\u0008\\u000b\\u000c\\u000e-\\u001f\\u007f\\u202a-\\u202e\\u2066-\\u2069]+$",
}
_DOCUMENT: dict[str, Any] = {
    "type": "object",
    "properties": {
        "sha256": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
        "size": {"type": "integer", "minimum": 0, "exclusiveMaximum": SAFE_INTEGER},
        "media_type": {"type": "string", "minLength": 1},
        "name": {"type": "string", "minLength": 1},
    },
    "required": ["sha256", "size", "media_type", "name"],
    "additionalProperties": False,
}
_ID = {**_TEXT, "maxLength": ID_LIMIT}
_PLAIN: Mapping[str, Mapping[str, Any]] = {
    "text": {**_TEXT, "maxLength": TEXT_LIMIT},
    "integer": {"type": "integer", "exclusiveMinimum": -SAFE_INTEGER, "exclusiveMaximum": SAFE_INTEGER},
    "boolean": {"type": "boolean"},
    "date": {"type": "string", "format": "date"},
    "month": {"type": "string", "pattern": "^[0-9]{4}-(0[1-9]|1[0-2])$"},
    "document": _DOCUMENT,
    "unit": _ID,
    "person": _ID,
    "case": _ID,
}
_BLANK = {"type": "null", "title": "（不填）", "x-title-en": "(blank)"}
_MANY = {"codes": "code", "documents": "document", "units": "unit", "persons": "person"}


def form_schema(definition: Definition, event: Event, codes: Mapping[str, Codes]) -> dict[str, Any]:
    """The schema of the event's form; titles in Chinese, English beside them as `x-title-en`."""
    return {
        "$schema": DIALECT,
        "title": event.title.zh,
        "x-title-en": event.title.en,
        "type": "object",
        "properties": {
            asked.name: _property(
                definition.fields[asked.name], codes, or_null=definition.lets_go(event, asked.name)
            )
            for asked in event.form
        },
        "required": [asked.name for asked in event.form if asked.required],
        "additionalProperties": False,
    }


def _property(field: Field, codes: Mapping[str, Codes], *, or_null: bool) -> dict[str, Any]:
    found = _given(field, codes)
    if or_null and "type" in found:
        return found | {"type": [found["type"], "null"]}
    return found | {"oneOf": [*found["oneOf"], _BLANK]} if or_null else found


def _given(field: Field, codes: Mapping[str, Codes]) -> dict[str, Any]:
    titles = {"title": field.title.zh, "x-title-en": field.title.en, "x-type": field.type}
    one = _MANY.get(field.type)
    if one is None:
        return {**titles, **_one(field.type, field, codes)}
    return {**titles, "type": "array", "items": _one(one, field, codes), "uniqueItems": True}


def _one(kind: str, field: Field, codes: Mapping[str, Codes]) -> Mapping[str, Any]:
    if kind != "code":
        return _PLAIN[kind]
    values = codes[field.codes or ""].values.values()
    return {
        "oneOf": [{"const": code.id, "title": code.title.zh, "x-title-en": code.title.en} for code in values]
    }
