"""The shapes a definition file is made of: each checks a node, gathering faults, and describes itself as JSON Schema.

One table of shapes (grammar.py) is both the loader's and the editors', so that the two cannot differ.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Protocol

from .errors import nearest, suggest
from .yaml_reader import Faults, Items, Mark, Node, Pairs, Scalar, walk

Path = tuple[str | int, ...]
Schema = dict[str, Any]

LONGEST_TEXT = 4000
NAME = r"[a-z][a-z0-9_]{0,39}"
CALLABLE = re.compile(r"\w+([.:]\w+)+(\(.*\))?")

RESERVED = tuple(
    sorted(
        {
            *(word for word in keyword.kwlist if re.fullmatch(NAME, word)),
            *("false", "null", "true", "root", "rule", "clock", "round", "earlier"),
        }
    )
)
"""What guards call by name (fields, relations, children) may not be called one of these."""


class Source:
    """One file while it is being read: its plain data, and where each of them stands."""

    def __init__(self, faults: Faults, kind: str = "") -> None:
        self.faults = faults
        self.kind = kind
        self.data: dict[str, Any] = {}
        self.values: dict[Path, Node] = {}
        self.keys: dict[Path, Scalar] = {}

    @property
    def sound(self) -> bool:
        """Whether no fault was found in this file so far."""
        return not self.faults.found

    def mark(self, path: Path, *, key: bool = False) -> Mark:
        """Where that path stands, or the nearest above it."""
        while path:
            if key and path in self.keys:
                return self.keys[path].mark
            if path in self.values:
                return self.values[path].mark
            path = path[:-1]
        return Mark()

    def fault(self, path: Path, code: str, zh: str, en: str, *, key: bool = False) -> None:
        """Note a fault at that value, or at its key."""
        self.faults.add(self.mark(path, key=key), code, zh, en)


class Dropped:
    """Stands for a value that was refused."""


DROPPED = Dropped()


class Shape(Protocol):
    """What may stand somewhere."""

    def check(self, node: Node, path: Path, source: Source) -> Any:
        """The plain value, or DROPPED with a fault."""

    def schema(self) -> Schema:
        """The same as JSON Schema."""


def _refuse(source: Source, node: Node, code: str, zh: str, en: str) -> Dropped:
    if source.kind == "definition" and isinstance(node, Scalar) and node.look == "integer":
        code = "number_in_definition"
        zh, en = "定义中不能写数字，请写入 rules", "no numbers in a definition: they belong into rules"
    source.faults.add(node.mark, code, zh, en)
    return DROPPED


def _text(node: Node, source: Source) -> str | Dropped:
    """The text of a scalar, if no YAML version could take it for something else."""
    if not isinstance(node, Scalar):
        return _refuse(source, node, "not_text", "此处应为文字", "a text is needed here")
    if node.look == "null" or (node.look == "text" and not node.text.strip()):
        return _refuse(source, node, "empty", "此处不能为空", "this is empty")
    if node.look != "text":
        hint = f"“{node.text[:40]}”"
        return _refuse(source, node, "quote_it", f"请给 {hint} 加引号", f"put {hint} in quotation marks")
    text = node.text.strip()
    if len(text) > LONGEST_TEXT:
        return _refuse(source, node, "too_long", "文字过长", "this text is too long")
    return text


@dataclass(frozen=True)
class Words:
    """A free text."""

    def check(self, node: Node, path: Path, source: Source) -> Any:
        """See Shape."""
        return _text(node, source)

    def schema(self) -> Schema:
        """See Shape."""
        return {"type": "string", "pattern": r"\S", "maxLength": LONGEST_TEXT}


@dataclass(frozen=True)
class Pattern:
    """A text of one form: a name, a holder, a code."""

    pattern: str
    what: tuple[str, str]
    reserved: tuple[str, ...] = ()

    def check(self, node: Node, path: Path, source: Source) -> Any:
        """See Shape."""
        text = _text(node, source)
        if isinstance(text, Dropped):
            return DROPPED
        if text in self.reserved:
            return _refuse(source, node, "reserved_name", f"{text} 是保留字", f"{text} is a reserved word")
        if re.fullmatch(self.pattern, text):
            return text
        shown, (zh, en) = text[:40], self.what
        if CALLABLE.fullmatch(text):
            return _refuse(
                source,
                node,
                "callable",
                f"定义不能调用程序：{shown}",
                f"a definition cannot call code: {shown}",
            )
        return _refuse(source, node, "bad_form", f"“{shown}”不是{zh}", f"“{shown}” is not {en}")

    def schema(self) -> Schema:
        """See Shape."""
        schema: Schema = {"type": "string", "pattern": f"^(?:{self.pattern})$"}
        return schema | {"not": {"enum": list(self.reserved)}} if self.reserved else schema


@dataclass(frozen=True)
class Choice:
    """One of a few words."""

    words: tuple[str, ...]

    def check(self, node: Node, path: Path, source: Source) -> Any:
        """See Shape."""
        text = _text(node, source)
        if isinstance(text, Dropped) or text in self.words:
            return text
        zh, en = suggest(text, self.words)
        allowed = ", ".join(self.words)
        return _refuse(source, node, "bad_choice", f"应为：{allowed}{zh}", f"one of: {allowed}{en}")

    def schema(self) -> Schema:
        """See Shape."""
        return {"enum": list(self.words)}


@dataclass(frozen=True)
class Flag:
    """true or false."""

    def check(self, node: Node, path: Path, source: Source) -> Any:
        """See Shape."""
        if isinstance(node, Scalar) and isinstance(node.value, bool):
            return node.value
        return _refuse(source, node, "not_boolean", "应为 true 或 false", "true or false is needed here")

    def schema(self) -> Schema:
        """See Shape."""
        return {"type": "boolean"}


@dataclass(frozen=True)
class Number:
    """A whole number."""

    least: int = 0
    most: int = 1_000_000

    def check(self, node: Node, path: Path, source: Source) -> Any:
        """See Shape."""
        if isinstance(node, Scalar) and node.look == "integer" and isinstance(node.value, int):
            if self.least <= node.value <= self.most:
                return node.value
            limits = f"{self.least}…{self.most}"
            source.faults.add(
                node.mark, "out_of_range", f"应在 {limits} 之间", f"needs to be within {limits}"
            )
            return DROPPED
        source.faults.add(node.mark, "not_integer", "应为整数", "a whole number is needed here")
        return DROPPED

    def schema(self) -> Schema:
        """See Shape."""
        return {"type": "integer", "minimum": self.least, "maximum": self.most}


@dataclass(frozen=True)
class Day:
    """A civil date, quoted or not."""

    def check(self, node: Node, path: Path, source: Source) -> Any:
        """See Shape."""
        if isinstance(node, Scalar) and node.look in ("text", "date"):
            try:
                if date.fromisoformat(node.text).isoformat() == node.text:
                    return node.text
            except ValueError:
                pass
            shown = node.text[:40]
            return _refuse(source, node, "not_a_date", f"不是日期：{shown}", f"not a date: {shown}")
        return _refuse(source, node, "not_a_date", "应为日期 YYYY-MM-DD", "a date YYYY-MM-DD is needed here")

    def schema(self) -> Schema:
        """See Shape."""
        return {
            "type": "string",
            "format": "date",
            "pattern": "^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$",
        }


@dataclass(frozen=True)
class Loose:
    """Anything without holes; what it means is checked where it is used. Dates and numbers may stand unquoted."""

    def check(self, node: Node, path: Path, source: Source) -> Any:
        """See Shape."""
        source.values[path] = node
        if isinstance(node, Pairs):
            for key, (mark, _) in node.pairs.items():
                source.keys[*path, key] = mark
            return {key: self.check(value, (*path, key), source) for key, (_, value) in node.pairs.items()}
        if isinstance(node, Items):
            return [self.check(item, (*path, index), source) for index, item in enumerate(node.items)]
        if node.look in ("time", "number", "word"):
            return _text(node, source)
        return node.value

    def schema(self) -> Schema:
        """See Shape."""
        return {}


@dataclass(frozen=True)
class Many:
    """A list."""

    item: Shape
    least: int = 1

    def check(self, node: Node, path: Path, source: Source) -> Any:
        """See Shape."""
        if not isinstance(node, Items):
            return _refuse(source, node, "not_a_list", "应为列表", "a list is needed here")
        if len(node.items) < self.least:
            return _refuse(source, node, "empty", "列表不能为空", "the list is empty")
        found = [_value(self.item, item, (*path, index), source) for index, item in enumerate(node.items)]
        self._repeated(node, found, source)
        return [value for value in found if value is not DROPPED]

    @staticmethod
    def _repeated(node: Items, found: list[Any], source: Source) -> None:
        seen: set[str] = set()
        for value, item in zip(found, node.items, strict=True):
            if isinstance(value, str) and value in seen:
                source.faults.add(item.mark, "repeated", f"{value} 重复", f"{value} is listed twice")
            elif isinstance(value, str):
                seen.add(value)

    def schema(self) -> Schema:
        """See Shape."""
        return {"type": "array", "items": self.item.schema(), "minItems": self.least, "uniqueItems": True}


@dataclass(frozen=True)
class OneOrMany:
    """A thing, or a list of such things; always read as a list."""

    item: Shape

    def check(self, node: Node, path: Path, source: Source) -> Any:
        """See Shape."""
        if isinstance(node, Items):
            return Many(self.item).check(node, path, source)
        value = _value(self.item, node, (*path, 0), source)
        return DROPPED if value is DROPPED else [value]

    def schema(self) -> Schema:
        """See Shape."""
        return {"anyOf": [self.item.schema(), Many(self.item).schema()]}


@dataclass(frozen=True)
class Either:
    """A mapping of one shape, or anything else of another."""

    pairs: Shape
    other: Shape

    def check(self, node: Node, path: Path, source: Source) -> Any:
        """See Shape."""
        return (self.pairs if isinstance(node, Pairs) else self.other).check(node, path, source)

    def schema(self) -> Schema:
        """See Shape."""
        return {"anyOf": [self.other.schema(), self.pairs.schema()]}


@dataclass(frozen=True)
class OneOf:
    """The first of several plain shapes that fits the look of a scalar."""

    shapes: tuple[Shape, ...]

    def check(self, node: Node, path: Path, source: Source) -> Any:
        """See Shape."""
        if isinstance(node, Items):
            fitting: type = Many
        elif isinstance(node, Scalar) and isinstance(node.value, bool):
            fitting = Flag
        elif isinstance(node, Scalar) and node.look == "integer":
            fitting = Number
        else:
            fitting = Words
        for shape in self.shapes:
            if isinstance(shape, fitting):
                return shape.check(node, path, source)
        return self.shapes[0].check(node, path, source)

    def schema(self) -> Schema:
        """See Shape."""
        return {"anyOf": [shape.schema() for shape in self.shapes]}


@dataclass(frozen=True)
class Table:
    """Named things: the names are the author's."""

    name: Shape
    item: Shape
    least: int = 1

    def check(self, node: Node, path: Path, source: Source) -> Any:
        """See Shape."""
        if not isinstance(node, Pairs):
            return _refuse(source, node, "not_a_mapping", "应为键值表", "a mapping is needed here")
        if len(node.pairs) < self.least:
            return _refuse(source, node, "empty", "不能为空", "this is empty")
        found = {}
        for name, (key, value) in node.pairs.items():
            source.keys[*path, name] = key
            checked = _value(self.item, value, (*path, name), source)
            if self.name.check(key, path, source) is not DROPPED and checked is not DROPPED:
                found[name] = checked
        return found

    def schema(self) -> Schema:
        """See Shape."""
        return {
            "type": "object",
            "propertyNames": {k: v for k, v in self.name.schema().items() if k != "type"},
            "additionalProperties": self.item.schema(),
            "minProperties": self.least,
        }


@dataclass(frozen=True)
class Record:
    """A mapping whose keys are the language's."""

    required: Mapping[str, Shape]
    optional: Mapping[str, Shape] = field(default_factory=dict)
    one_of: tuple[tuple[str, ...], ...] = ()
    """of each of these groups exactly one key is given"""
    rest: Shape | None = None
    """for keys the file itself declares"""

    @property
    def keys(self) -> Mapping[str, Shape]:
        """All its keys."""
        return {**self.required, **self.optional}

    def check(self, node: Node, path: Path, source: Source) -> Any:
        """See Shape."""
        if not isinstance(node, Pairs):
            return _refuse(source, node, "not_a_mapping", "应为键值表", "a mapping is needed here")
        found = {}
        for name, (key, value) in node.pairs.items():
            shape, meant = self.keys.get(name, self.rest), name
            if shape is None:
                meant = self._unknown(key, value, node, source)
                shape = self.keys.get(meant)
            source.keys[*path, meant] = key
            checked = DROPPED if shape is None else _value(shape, value, (*path, meant), source)
            if checked is not DROPPED:
                found[meant] = checked
        self._missing(node, path, source)
        return found

    def _unknown(self, key: Scalar, value: Node, node: Pairs, source: Source) -> str:
        """Note the fault. Returns the key that was likely meant, so that what is below is read as that, and one
        mistake is told once.
        """
        zh, en = suggest(key.text, self.keys)
        allowed, shown = ", ".join(self.keys), key.text[:40]
        source.faults.add(
            key.mark,
            "unknown_key",
            f"不认识的键 {shown}{zh}（可用：{allowed}）",
            f"unknown key {shown}{en} (allowed: {allowed})",
        )
        for below in walk(value) if source.kind == "definition" else ():
            if isinstance(below, Scalar) and below.look == "integer":
                _refuse(source, below, "", "", "")
        return next((name for name in nearest(key.text, self.keys) if name not in node.pairs), key.text)

    def _missing(self, node: Pairs, path: Path, source: Source) -> None:
        for name in self.required:
            if (*path, name) not in source.keys:
                source.fault(path, "missing_key", f"缺少 {name}", f"{name} is missing", key=True)
        for group in self.one_of:
            given = [name for name in group if name in node.pairs]
            words = " | ".join(group)
            if not given:
                source.fault(
                    path, "missing_key", f"须有其一：{words}", f"one of {words} is missing", key=True
                )
            for extra in given[1:]:
                source.fault(
                    (*path, extra), "too_many_keys", f"只能有其一：{words}", f"only one of {words}", key=True
                )

    def schema(self) -> Schema:
        """See Shape."""
        schema: Schema = {
            "type": "object",
            "properties": {name: shape.schema() for name, shape in self.keys.items()},
            "additionalProperties": self.rest.schema() if self.rest else False,
        }
        if self.required:
            schema["required"] = list(self.required)
        if self.one_of:
            schema["allOf"] = [{"oneOf": [{"required": [name]} for name in group]} for group in self.one_of]
        return schema


def _value(shape: Shape, node: Node, path: Path, source: Source) -> Any:
    source.values[path] = node
    return shape.check(node, path, source)
