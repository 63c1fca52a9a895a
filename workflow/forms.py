"""Event forms: a marshmallow schema per event, built from the definition; the only importer of marshmallow in the engine.

Loading returns plain JSON data in one stored form: NFC text, ISO dates, null for a field that is to be blank from now on. What
the two databases would treat differently (NUL, lone surrogates, integers beyond 2**53) is refused here, at the boundary.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from itertools import islice
from typing import Any

from marshmallow import EXCLUDE, RAISE, Schema, ValidationError, fields, validate

from .clock import FIRST_DAY, LAST_DAY, day_of
from .definition import Codes, Definition, Event, Field
from .errors import FormInvalid, Reason, Text
from .naming import UNFIT, flaw

TEXT_LIMIT = 200_000
ID_LIMIT = 80
SAFE_INTEGER = 2**53
MOST_OF_A_FIELD, MOST_REASONS = 20, 100
"""wrong entries of one field, and reasons of a form, that are told"""
_UNSEEN = re.compile("[\u00ad\u061c\u200b\u200e\u200f\u2060-\u2064\ufeff]")
"""zero width, direction marks, soft hyphens: come along with what is pasted and are left out. Joiners some scripts need stay."""
_MONTH = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])", re.ASCII)
_SHA256 = re.compile(r"[0-9a-f]{64}")

_MESSAGES = {
    "required": Text("必填", "is required"),
    "null": Text("不能为空", "must not be null"),
    "blank": Text("不能为空白", "must not be blank"),
    "invalid": Text("类型不对", "has the wrong type"),
    "unknown": Text("没有这个字段", "is not a field of this form"),
    "unfit": Text(
        "含有不可用的字符（控制符、双向控制符或残缺的代理对）",
        "contains unusable characters (control, bidi or surrogate)",
    ),
    "name": Text(
        "含有看不见的、全角的或混用别种文字的字符",
        "has a character that is not seen, of another width, or of another script than the rest",
    ),
    "long": Text("太长", "is too long"),
    "range": Text("数字超出范围", "is out of range"),
    "date": Text(
        f"须为 2026-03-15 这样的日期，{FIRST_DAY.year} 年至 {LAST_DAY.year} 年",
        f"must be a date such as 2026-03-15, between {FIRST_DAY.year} and {LAST_DAY.year}",
    ),
    "month": Text("须为 2026-03 这样的月份", "must be a month such as 2026-03"),
    "code": Text("不在代码表中", "is not in the code list"),
    "document": Text("须给出 sha256、size、media_type、name", "must give sha256, size, media_type, name"),
    "repeated": Text("有重复", "has repeated values"),
}


def _clean(value: str) -> str:
    if UNFIT.search(value):
        raise ValidationError("unfit")
    if len(value) > TEXT_LIMIT:
        raise ValidationError("long")
    return unicodedata.normalize("NFC", value if value.isascii() else _UNSEEN.sub("", value))


class _Text(fields.Field[str]):
    limit = TEXT_LIMIT

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        if not isinstance(value, str):
            raise ValidationError("invalid")
        cleaned = _clean(value)
        if not cleaned.strip():
            raise ValidationError("blank")
        if len(cleaned) > self.limit:
            raise ValidationError("long")
        return cleaned


class _Id(_Text):
    limit = ID_LIMIT

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        found = super()._deserialize(value, attr, data, **kwargs)
        if flaw(unicodedata.normalize("NFC", value)) is not None:
            raise ValidationError("name")
        return found


class _Integer(fields.Field[int]):
    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:
        if not isinstance(value, int) or isinstance(value, bool):
            raise ValidationError("invalid")
        if abs(value) >= SAFE_INTEGER:
            raise ValidationError("range")
        return value


class _Boolean(fields.Field[bool]):
    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> bool:
        if not isinstance(value, bool):
            raise ValidationError("invalid")
        return value


class _Date(fields.Field[str]):
    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        try:
            return day_of(value.isoformat()[:10] if isinstance(value, date) else value).isoformat()
        except (TypeError, ValueError):
            raise ValidationError("date") from None


class _Month(fields.Field[str]):
    """A civil month, written in one way only: what is written alike is the same month."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        if not isinstance(value, str) or not _MONTH.fullmatch(value):
            raise ValidationError("month")
        return value


class _Code(_Text):
    def __init__(self, codes: Codes, **kwargs: Any) -> None:
        super().__init__(validate=validate.OneOf(list(codes.values), error="code"), **kwargs)


class _Document(fields.Field[dict[str, Any]]):
    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> dict[str, Any]:
        if not isinstance(value, Mapping) or set(value) != {"sha256", "size", "media_type", "name"}:
            raise ValidationError("document")
        digest, size = value["sha256"], value["size"]
        texts = (digest, value["media_type"], value["name"])
        fit = (
            all(isinstance(t, str) and t for t in texts)
            and isinstance(size, int)
            and not isinstance(size, bool)
        )
        if not fit or not _SHA256.fullmatch(digest) or not 0 <= size < SAFE_INTEGER:
            raise ValidationError("document")
        return {
            "sha256": digest,
            "size": size,
            "media_type": _clean(value["media_type"]),
            "name": _clean(value["name"]),
        }


def _distinct(values: list[Any]) -> None:
    """Whatever stands there a second time is wrong, at its own place."""
    seen: set[str] = set()
    again = [place for place, one in enumerate(map(str, values)) if one in seen or seen.add(one)]  # type: ignore[func-returns-value]
    if again:
        raise ValidationError({place: ["repeated"] for place in again})


def _many(inner: fields.Field[Any], **kwargs: Any) -> fields.Field[Any]:
    return fields.List(inner, validate=_distinct, **kwargs)


_PLAIN: dict[str, Callable[..., fields.Field[Any]]] = {
    "text": _Text, "integer": _Integer, "boolean": _Boolean, "date": _Date, "month": _Month, "document": _Document,
    "unit": _Id, "person": _Id, "case": _Id,
    "documents": lambda **k: _many(_Document(), **k),
    "units": lambda **k: _many(_Id(), **k),
    "persons": lambda **k: _many(_Id(), **k),
}  # fmt: skip


def _field(field: Field, codes: Mapping[str, Codes], **how: bool) -> fields.Field[Any]:
    if field.type == "code":
        return _Code(codes[field.codes or ""], **how)
    if field.type == "codes":
        return _many(_Code(codes[field.codes or ""]), **how)
    return _PLAIN[field.type](**how)


def schema_of(
    definition: Definition, event: Event, codes: Mapping[str, Codes], *, lenient: bool = False
) -> Schema:
    """The event's form as a marshmallow schema (also what an HTTP description is made from)."""
    declared: dict[str, fields.Field[Any]] = {}
    for asked in event.form:
        declared[asked.name] = _field(
            definition.fields[asked.name], codes, required=asked.required and not lenient,
            allow_none=definition.lets_go(event, asked.name) and not lenient,
        )  # fmt: skip
    schema: type[Schema] = Schema.from_dict(declared, name=f"{definition.name}_{event.name}")
    return schema(unknown=EXCLUDE if lenient else RAISE)


class Form:
    """A compiled form. `lenient` (imports): nothing is required, unknown stays unknown."""

    def __init__(
        self, definition: Definition, event: Event, codes: Mapping[str, Codes], *, lenient: bool = False
    ) -> None:
        self._titles = {f.name: definition.fields[f.name].title for f in event.form}
        self._choices = {
            name: codes[c] for name in self._titles if (c := definition.fields[name].codes) is not None
        }
        self._schema = schema_of(definition, event, codes, lenient=lenient)
        self._fields: Mapping[str, fields.Field[Any]] = self._schema.load_fields
        self._asked = {name for name, field in self._fields.items() if field.required}
        self.required = tuple(f.name for f in event.form if f.required)

    def load(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """The data in their one stored form. Raises FormInvalid with a reason per field."""
        plain = self._plain(data)
        if plain is not None:
            return plain
        try:
            loaded: dict[str, Any] = self._schema.load(dict(data))
        except ValidationError as error:
            messages = error.messages if isinstance(error.messages, dict) else {}
            raise FormInvalid(self._reasons(messages)) from None
        return loaded

    def _plain(self, data: Mapping[str, Any]) -> dict[str, Any] | None:
        """What the schema would load, asked of its fields, which costs a quarter; None where the schema has something to say."""
        if not (self._asked <= data.keys() <= self._fields.keys()):
            return None
        try:
            return {
                name: field.deserialize(data[name], name, data)
                for name, field in self._fields.items()
                if name in data
            }
        except ValidationError:
            return None

    def _reasons(self, messages: Mapping[str, Any]) -> list[Reason]:
        told = (
            self._reason(name, *one)
            for name, found in messages.items()
            for one in islice(_each(found), MOST_OF_A_FIELD)
        )
        return list(islice(told, MOST_REASONS))

    def _reason(self, name: str, message: str, at: tuple[str, ...]) -> Reason:
        code = next((key for key in _MESSAGES if key == message), None) or _code_of(message)
        text, title = _MESSAGES[code], self._titles.get(name, Text(name, name))
        if code == "code":
            text = _with_choices(text, self._choices[name])
        entry = int(at[0]) + 1 if at and at[0].isdecimal() else None
        which = Text("", "") if entry is None else Text(f"第 {entry} 项", f", entry {entry},")
        said = Text(f"{title.zh}{which.zh}：{text.zh}", f"{title.en}{which.en} {text.en}")
        return Reason(code=f"form.{code}", text=said, field=name, at=at)


def _with_choices(text: Text, codes: Codes) -> Text:
    """What would be right, said with what is wrong."""
    values = codes.values.values()
    return Text(
        f"{text.zh}；可用：{'、'.join(f'{code.id} {code.title.zh}' for code in values)}",
        f"{text.en}; there are: {', '.join(f'{code.id} ({code.title.en})' for code in values)}",
    )


def _each(found: Any, at: tuple[str, ...] = ()) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The first message of each place that is wrong, and of which entry of the field it is."""
    if isinstance(found, dict) and found:
        for name, inner in found.items():
            yield from _each(inner, (*at, str(name)))
    elif isinstance(found, list) and found:
        yield from _each(found[0], at)
    else:
        yield (found if isinstance(found, str) else "invalid"), at


def _code_of(message: str) -> str:
    if message.startswith("Missing"):
        return "required"
    if message.startswith("Unknown"):
        return "unknown"
    return "null" if "null" in message else "invalid"
