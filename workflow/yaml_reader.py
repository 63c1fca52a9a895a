"""A safe reader for one YAML file: a tree of nodes that know their line and column, or faults, and never a traceback.

The file is hostile until proven otherwise. Its size is looked at before it is read; its letters before
it is parsed; then the parser's *events* are walked, never composed, because composing 100,000 `[` kills
the process and merge keys can hang it. Depth and number of nodes are bounded; anchors, aliases, tags,
merge keys, duplicate keys and further documents are refused where they stand.

Scalars are YAML 1.2's, and stricter: what YAML 1.1 and 1.2 read differently (`on`, `12:30`, `0o17`,
`2026-03-15`) keeps its text and says what it looks like, so that whoever wants a text can refuse it.
"""

from __future__ import annotations

import re
import stat
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

import yaml

from .errors import Fault, Text

__all__ = ["Faults", "Items", "Mark", "Node", "Pairs", "Scalar", "read", "read_file"]

MAX_BYTES = 1 << 20
MAX_DEPTH = 64
MAX_NODES = 20_000
MAX_FAULTS = 200
"""Of one file. Beyond that nobody reads on, and finding more would only cost time."""

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml's parser, which every wheel of PyYAML carries; the one in Python is slower and refuses `[a?]`."""

Look = Literal["text", "integer", "boolean", "null", "date", "time", "number", "word"]
"""What a plain scalar looks like. `number`: a float, octal, hex …; `word`: yes, no, on, off, True …"""


class Mark(NamedTuple):
    """A place in a file; both count from 1."""

    line: int = 1
    column: int = 1


@dataclass(frozen=True, slots=True)
class Scalar:
    """A single value. `text` is what is written; `inset` how far its first letter stands after the mark."""

    mark: Mark
    text: str
    look: Look
    value: str | int | bool | None
    inset: int | None = 0
    """None when the value runs over several lines, so that a column inside it means nothing"""


@dataclass(frozen=True, slots=True)
class Items:
    """A list."""

    mark: Mark
    items: list[Node] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Pairs:
    """A mapping in the order of the file."""

    mark: Mark
    pairs: dict[str, tuple[Scalar, Node]] = field(default_factory=dict)


Node = Scalar | Items | Pairs


class TooManyFaults(Exception):
    """There is no use in reading on."""


class Faults:
    """The faults of one file."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.found: list[Fault] = []

    def add(self, mark: Mark, code: str, zh: str, en: str) -> None:
        """Note one fault. Raises TooManyFaults."""
        if len(self.found) >= MAX_FAULTS:
            raise TooManyFaults
        fault = Fault(file=self.file, line=mark.line, column=mark.column, code=code, text=Text(zh, en))
        if fault not in self.found:
            self.found.append(fault)


def read_file(path: Path, faults: Faults) -> Pairs | None:
    """The tree of that file, or None with faults."""
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):  # opening a pipe would wait for ever
            faults.add(Mark(), "unreadable", "不是普通文件", "not a regular file")
            return None
        if found.st_size > MAX_BYTES:
            _too_large(faults)
            return None
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)  # it may have grown since
    except OSError as error:
        reason = error.strerror or type(error).__name__
        faults.add(Mark(), "unreadable", f"无法读取文件：{reason}", f"the file cannot be read: {reason}")
        return None
    return read(content, faults)


def read(content: bytes, faults: Faults) -> Pairs | None:
    """The tree of that text, or None with faults."""
    try:
        if len(content) > MAX_BYTES:
            _too_large(faults)
            return None
        text = _decode(content, faults)
        return None if text is None else _Builder(faults).build(text)
    except TooManyFaults:
        return None


def _too_large(faults: Faults) -> None:
    faults.add(
        Mark(), "too_large", f"文件超过 {MAX_BYTES} 字节", f"the file is larger than {MAX_BYTES} bytes"
    )


# --- letters -----------------------------------------------------------------------------------------

_FORBIDDEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ufffe\uffff]"
)
"""Control characters, line breaks no editor shows, and marks that make a text look like another."""


def _decode(content: bytes, faults: Faults) -> str | None:
    content = content.removeprefix(b"\xef\xbb\xbf")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8")
        faults.add(_mark_at(before, len(before)), "not_utf8", "不是有效的 UTF-8", "this is not UTF-8")
        return None
    wrong = _FORBIDDEN.search(text)
    if wrong:
        letter = f"U+{ord(wrong[0]):04X}"
        faults.add(
            _mark_at(text, wrong.start()),
            "control_character",
            f"不允许的字符 {letter}",
            f"forbidden character {letter}",
        )
        return None
    return text


def _mark_at(text: str, index: int) -> Mark:
    line = text.count("\n", 0, index)
    return Mark(line + 1, index - (text.rfind("\n", 0, index) + 1) + 1)


# --- scalars -----------------------------------------------------------------------------------------

_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_BOOLEANS = frozenset({"true", "false"})
_WORDS = frozenset({"true", "false", "yes", "no", "on", "off", "y", "n"})
"""What YAML 1.1 takes for a boolean, in any case."""
_FIGURES: tuple[tuple[Look, re.Pattern[str]], ...] = (
    ("integer", re.compile(r"-?(0|[1-9][0-9]{0,15})")),
    ("date", re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}")),
    (
        "time",
        re.compile(
            r"[-+]?[0-9][0-9_]*(:[0-9]{1,2})+(\.[0-9]*)?|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt]|[ \t]).*"
        ),
    ),
    (
        "number",
        re.compile(
            r"[-+]?(0[xX][0-9a-fA-F_]+|0[oO]?[0-7_]+|0[bB][01_]+|[0-9][0-9_]*"
            r"|([0-9][0-9_]*)?\.[0-9_]+([eE][-+]?[0-9]+)?|[0-9][0-9_]*(\.[0-9_]*)?([eE][-+]?[0-9]+)?"
            r"|\.(?i:inf)|\.(?i:nan))"
        ),
    ),
)
LONGEST_LOOK = 64
"""What is longer is nobody's number or date, and need not be matched."""


def _look(text: str) -> Look:
    if len(text) > LONGEST_LOOK:
        return "text"
    if text in _NULLS:
        return "null"
    if text[0] in "0123456789+-.":
        return next((look for look, pattern in _FIGURES if pattern.fullmatch(text)), "text")
    if text.lower() in _WORDS:
        return "boolean" if text in _BOOLEANS else "word"
    return "text"


def _scalar(event: Any, mark: Mark) -> Scalar:
    text = event.value if event.value.isascii() else unicodedata.normalize("NFC", event.value)
    plain = event.style in (None, "")
    look: Look = _look(text) if plain else "text"
    value: str | int | bool | None = text
    if look == "integer":
        value = int(text)
    elif look == "boolean":
        value = text == "true"
    elif look == "null":
        value = None
    one_line = event.end_mark.line == mark.line - 1 and event.style not in ("|", ">")
    return Scalar(mark, text, look, value, (0 if plain else 1) if one_line else None)


def _mark(mark: Any) -> Mark:
    return Mark(mark.line + 1, mark.column + 1)


# --- events ------------------------------------------------------------------------------------------

_NOTHING = Scalar(Mark(), "", "null", None)


class _Builder:
    """Builds the tree from the parser's events with a stack of its own."""

    def __init__(self, faults: Faults) -> None:
        self.faults = faults
        self.stack: list[Items | Pairs] = []
        self.keys: list[Scalar | None] = []
        """for each open mapping on the stack: the key that waits for its value"""
        self.root: Node | None = None
        self.documents = 0

    def build(self, text: str) -> Pairs | None:
        """Walk the events; None with a fault when there is no mapping to be had."""
        try:
            self._walk(text)
        except yaml.YAMLError as error:
            self._syntax(error)
            return None
        except _StopReading:
            return None
        except (ValueError, IndexError, AttributeError, RecursionError, OverflowError) as error:
            # PyYAML lets such errors through on malformed input; to us they are all the same fault.
            name = type(error).__name__
            self.faults.add(
                Mark(), "yaml_syntax", f"YAML 无法解析（{name}）", f"the YAML cannot be read ({name})"
            )
            return None
        if isinstance(self.root, Pairs):
            return self.root
        mark = self.root.mark if self.root else Mark()
        self.faults.add(mark, "not_a_mapping", "文件应为键值表", "the file must be a mapping")
        return None

    def _walk(self, text: str) -> None:
        for number, event in enumerate(yaml.parse(text, Loader=_LOADER)):
            if number > MAX_NODES:
                self._stop(
                    _mark(event.start_mark),
                    "too_many_nodes",
                    "文件内容过多",
                    "the file holds too many values",
                )
            if isinstance(event, yaml.NodeEvent):
                self._node(event)
            elif isinstance(event, (yaml.SequenceEndEvent, yaml.MappingEndEvent)):
                if isinstance(self.stack.pop(), Pairs):
                    self.keys.pop()
            elif isinstance(event, yaml.DocumentStartEvent):
                self._document(event)

    def _document(self, event: Any) -> None:
        mark = _mark(event.start_mark)
        self.documents += 1
        if self.documents > 1:
            self._stop(
                mark, "several_documents", "一个文件只能有一个 YAML 文档", "one file holds one YAML document"
            )
        if event.version or event.tags:
            self.faults.add(mark, "directive", "不允许 YAML 指令（%）", "YAML directives (%) are not allowed")

    def _stop(self, mark: Mark, code: str, zh: str, en: str) -> None:
        self.faults.add(mark, code, zh, en)
        raise _StopReading

    def _node(self, event: Any) -> None:
        mark = _mark(event.start_mark)
        if isinstance(event, yaml.AliasEvent):
            self.faults.add(mark, "alias", "不允许 YAML 别名（*）", "YAML aliases (*) are not allowed")
            self._put(Scalar(mark, "", "null", None))
            return
        if event.anchor is not None:
            self.faults.add(mark, "anchor", "不允许 YAML 锚点（&）", "YAML anchors (&) are not allowed")
        if event.tag is not None:
            self.faults.add(mark, "tag", "不允许 YAML 标签（!）", "YAML tags (!) are not allowed")
        if isinstance(event, yaml.ScalarEvent):
            self._put(_scalar(event, mark))
            return
        node: Items | Pairs = Items(mark) if isinstance(event, yaml.SequenceStartEvent) else Pairs(mark)
        if len(self.stack) >= MAX_DEPTH:
            self._too_deep(mark)
            raise _StopReading
        self._put(node)
        self.stack.append(node)
        if isinstance(node, Pairs):
            self.keys.append(None)

    def _put(self, node: Node) -> None:
        if not self.stack:
            self.root = node
            return
        top = self.stack[-1]
        if isinstance(top, Items):
            top.items.append(node)
        elif self.keys[-1] is None:
            self.keys[-1] = self._key(top, node)
        else:
            key = self.keys[-1]
            self.keys[-1] = None
            if key is not _NOTHING:
                top.pairs.setdefault(key.text, (key, node))

    def _key(self, top: Pairs, node: Node) -> Scalar:
        if not isinstance(node, Scalar) or node.look == "null":
            self.faults.add(node.mark, "key_not_text", "键必须是文字", "a key must be text")
            return _NOTHING
        if node.text == "<<" and node.inset == 0:
            self.faults.add(
                node.mark, "merge_key", "不允许 YAML 合并键（<<）", "YAML merge keys (<<) are not allowed"
            )
            return _NOTHING
        if node.text in top.pairs:
            first = top.pairs[node.text][0].mark.line
            self.faults.add(
                node.mark,
                "duplicate_key",
                f"重复的键 {node.text}（第 {first} 行已有）",
                f"duplicate key {node.text} (first in line {first})",
            )
            return _NOTHING
        return node

    def _too_deep(self, mark: Mark) -> None:
        self.faults.add(mark, "too_deep", f"嵌套超过 {MAX_DEPTH} 层", f"nested deeper than {MAX_DEPTH}")

    def _syntax(self, error: yaml.YAMLError) -> None:
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        problem = str(getattr(error, "problem", None) or "").strip() or "?"
        if "nesting depth" in problem:  # newer libyaml counts too, and looks further ahead than we do
            self._too_deep(_mark(mark) if mark else Mark())
            return
        self.faults.add(
            _mark(mark) if mark else Mark(),
            "yaml_syntax",
            f"YAML 写法有误：{problem}",
            f"the YAML cannot be read: {problem}",
        )


class _StopReading(Exception):
    """A fault after which nothing more can be said of this file."""


def walk(node: Node) -> Iterator[Node]:
    """The node and all below it."""
    stack = [node]
    while stack:
        top = stack.pop()
        yield top
        if isinstance(top, Items):
            stack.extend(top.items)
        elif isinstance(top, Pairs):
            stack.extend(value for _, value in top.pairs.values())
