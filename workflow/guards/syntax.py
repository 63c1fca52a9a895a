"""The text of a guard -> a tree, through four gates: length, letters, shape, types.

*Letters* come before Python's parser: nothing that Python would fold, escape or interpolate gets that far.
*Shape* is an allow-list of syntax nodes. *Types* are those of declared names; nothing is compared with what
it cannot equal.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from datetime import date

from ..errors import Text, suggest
from .tree import Compare, Constant, GuardType, Junction, Name, Node, Not

__all__ = ["GuardFault", "read_guard"]

MAX_LENGTH = 1000
MAX_DEPTH = 24
MAX_PARTS = 4


class GuardFault(ValueError):
    """A guard cannot be used: where (columns count from 1), why, and the remaining faults."""

    def __init__(
        self, column: int, text: Text, code: str = "guard_syntax", others: tuple[GuardFault, ...] = ()
    ) -> None:
        super().__init__(f"{column}: {text}")
        self.column = column
        self.text = text
        self.code = code
        self.others = others


def read_guard(
    text: str, types: Mapping[str, GuardType], codes: Mapping[str, frozenset[str]]
) -> tuple[Node, frozenset[str]]:
    """The tree and the names it asks for. Raises GuardFault with every fault found."""
    source = _letters(text)
    compiler = _Compiler(text, types, codes)
    tree = compiler.boolean(_parse(source), 0)
    if compiler.faults:
        first, *others = compiler.faults
        raise GuardFault(first.column, first.text, first.code, tuple(others))
    return tree, frozenset(compiler.names)


# --- letters -----------------------------------------------------------------------------------------

_TOKEN = re.compile(
    r"""  (?P<space>[ \t\r\n]+)
        | (?P<word>[A-Za-z0-9_.]+(?!['"A-Za-z0-9_.]))
        | (?P<text>'[^'\\\x00-\x1f\x7f]*'|"[^"\\\x00-\x1f\x7f]*")(?![A-Za-z0-9_.'"])
        | (?P<sign>==|!=|<=|>=|<|>|\(|\)|\[|\]|,)
    """,
    re.VERBOSE,
)
"""A word may not touch a quotation mark: that would be a bytes literal, an f-string or worse."""

_WORD = re.compile(r"0|[1-9][0-9]*|[A-Za-z][A-Za-z0-9_]*(?:\.[A-Za-z][A-Za-z0-9_]*)*")


def _letters(text: str) -> str:
    """The text, ready for Python's parser, if it is made of our own tokens only."""
    if len(text) > MAX_LENGTH:
        words = Text(
            f"条件过长（{len(text)} > {MAX_LENGTH} 字符）",
            f"too long ({len(text)} > {MAX_LENGTH} characters)",
        )
        raise GuardFault(1, words, "guard_too_long")
    if not text.strip():
        raise GuardFault(1, Text("条件为空", "the condition is empty"))
    position = depth = 0
    previous = ""
    while position < len(text):
        token = _TOKEN.match(text, position)
        kind = token.lastgroup or "" if token else ""
        if token is None or (kind == "word" and not _plain(token[0])) or kind == previous == "text":
            what = text[position : position + 12]
            raise _not_allowed(position, f"条件中不允许：{what!r}", f"not allowed in a condition: {what!r}")
        depth += (token[0] == "(") - (token[0] == ")")
        if depth > MAX_DEPTH:
            raise _not_allowed(position, "条件嵌套过深", "the condition is nested too deeply")
        previous = previous if kind == "space" else kind
        position = token.end()
    # Same length, so that columns stay true; a line break may stand anywhere in our language.
    return re.sub(r"[ \t\r\n]", " ", text)


def _not_allowed(position: int, zh: str, en: str) -> GuardFault:
    return GuardFault(position + 1, Text(zh, en), "guard_not_allowed")


def _plain(word: str) -> bool:
    return _WORD.fullmatch(word) is not None and "__" not in word


def _parse(source: str) -> ast.expr:
    start = len(source) - len(source.lstrip(" "))
    try:
        tree = ast.parse(source.strip(" "), mode="eval")
    except SyntaxError as error:
        column = start + (error.offset or len(source.strip(" ")) + 1)  # 0: at the end
        raise GuardFault(column, Text("条件写法有误", "the condition cannot be read")) from None
    except (ValueError, MemoryError, RecursionError):
        raise GuardFault(1, Text("条件写法有误", "the condition cannot be read")) from None
    return tree.body


# --- shape and types ----------------------------------------------------------------------------------

SIGNS: Mapping[type[ast.cmpop], str] = {
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.In: "in",
    ast.NotIn: "not in",
}

_BROKEN = Constant(False, "document")
"""Stands for an operand that has been complained of, so that one mistake is told once."""


class _Compiler:
    """Walks Python's syntax tree and lets through what the language has, gathering faults."""

    def __init__(
        self, text: str, types: Mapping[str, GuardType], codes: Mapping[str, frozenset[str]]
    ) -> None:
        self.shift = len(text) - len(text.lstrip())
        self.text = text.strip()
        self.types = types
        self.codes = codes
        self.names: set[str] = set()
        self.faults: list[GuardFault] = []

    def fault(self, node: ast.AST, code: str, zh: str, en: str) -> Constant:
        # Python counts columns in UTF-8 bytes.
        offset = getattr(node, "col_offset", 0)
        column = len(self.text.encode()[:offset].decode(errors="ignore"))
        self.faults.append(GuardFault(self.shift + column + 1, Text(zh, en), code))
        return _BROKEN

    def boolean(self, node: ast.expr, depth: int) -> Node:
        """A clause: something that is true, false or unknown."""
        if depth > MAX_DEPTH:
            return self.fault(node, "guard_not_allowed", "条件嵌套过深", "the condition is nested too deeply")
        if isinstance(node, ast.BoolOp):
            parts = tuple(self.boolean(part, depth + 1) for part in node.values)
            return Junction(isinstance(node.op, ast.And), parts)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            return Not(self.boolean(node.operand, depth + 1))
        if isinstance(node, ast.Compare):
            return self.compare(node)
        operand = self.operand(node)
        if operand is not _BROKEN and operand.type not in ("boolean", "any"):
            return self.fault(
                node,
                "guard_type",
                f"此处应为是非（boolean），而这是 {operand.type}",
                f"a boolean is needed here, this is {operand.type}",
            )
        return operand

    def compare(self, node: ast.Compare) -> Node:
        if len(node.ops) > 1:
            return self.fault(
                node,
                "guard_not_allowed",
                "不能连续比较，请用 and 连接",
                "no chained comparison: join with and",
            )
        sign = SIGNS.get(type(node.ops[0]))
        if sign is None:
            return self.fault(node, "guard_not_allowed", "不能用 is，请用 ==", "no `is`: use ==")
        left, right = self.operand(node.left), self.operand(node.comparators[0])
        if left is _BROKEN or right is _BROKEN:
            return _BROKEN
        if not _comparable(left, sign, right):
            return self.fault(node, "guard_type", *_incomparable(left, sign, right))
        self._codes(node, left, right)
        return Compare(left, sign, right)

    def _codes(self, node: ast.Compare, left: Name | Constant, right: Name | Constant) -> None:
        """A code is compared with its own list's values only, and not at all if places letter it differently."""
        for name, other in ((left, right), (right, left)):
            if not (isinstance(name, Name) and isinstance(other, Constant) and name.name in self.codes):
                continue
            known = self.codes[name.name]
            for value in other.value if isinstance(other.value, tuple) else (str(other.value),):
                if not known:
                    self.fault(
                        node,
                        "guard_code",
                        f"{name.name} 的代码因地而异，请问其含义，如 {name.name}.含义",
                        f"the codes of {name.name} differ by place: ask a meaning, {name.name}.MEANING",
                    )
                elif value not in known:
                    zh, en = suggest(value, known)
                    self.fault(
                        node,
                        "guard_code",
                        f"{name.name} 没有代码 {value}{zh}",
                        f"{name.name} has no code {value}{en}",
                    )

    def operand(self, node: ast.expr) -> Name | Constant:
        """A name, a literal or a list of texts."""
        if isinstance(node, (ast.Name, ast.Attribute)):
            return self.name(node)
        if isinstance(node, ast.Constant):
            return self.constant(node)
        if isinstance(node, ast.List):
            return self.texts(node)
        if isinstance(node, (ast.Compare, ast.BoolOp, ast.UnaryOp)):
            return self.fault(
                node,
                "guard_type",
                "子句不能用于比较，请用 and、or、not",
                "a clause cannot be compared: use and, or, not",
            )
        return self.fault(
            node, "guard_not_allowed", "条件中不允许这种写法", "this is not allowed in a condition"
        )

    def constant(self, node: ast.Constant) -> Constant:
        value = node.value
        if isinstance(value, bool):
            return Constant(value, "boolean")
        if isinstance(value, str):
            return Constant(value, "text")
        if isinstance(value, int) and value in (0, 1):
            return Constant(value, "integer")
        if isinstance(value, int):
            return self.fault(
                node,
                "guard_number",
                "条件中只能用 0 和 1；其他数字写入 rules",
                "only 0 and 1 may stand in a condition: other numbers belong into rules",
            )
        return self.fault(
            node, "guard_not_allowed", "条件中不允许这种写法", "this is not allowed in a condition"
        )

    def texts(self, node: ast.List) -> Constant:
        values = [
            item.value for item in node.elts if isinstance(item, ast.Constant) and isinstance(item.value, str)
        ]
        if not values or len(values) != len(node.elts):
            return self.fault(node, "guard_type", "列表中只能是文字", "a list holds texts only, at least one")
        return Constant(tuple(values), "texts")

    def name(self, node: ast.Name | ast.Attribute) -> Name | Constant:
        name = _dotted(node)
        if name in ("true", "false"):
            return Constant(name == "true", "boolean")
        if name is None:
            return self.fault(
                node, "guard_not_allowed", "条件中不允许这种写法", "this is not allowed in a condition"
            )
        kind = self.types.get(name)
        if kind is None:
            zh, en = suggest(name, self.types)
            return self.fault(
                node, "guard_unknown_name", f"没有这个名称：{name}{zh}", f"unknown name: {name}{en}"
            )
        self.names.add(name)
        return Name(name, kind)


def _dotted(node: ast.expr) -> str | None:
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name) or len(parts) >= MAX_PARTS:
        return None
    return ".".join([node.id, *reversed(parts)])


def _comparable(left: Name | Constant, sign: str, right: Name | Constant) -> bool:
    if isinstance(left, Constant) and isinstance(right, Constant):
        return False  # says nothing about the case
    if sign in ("in", "not in"):
        return left.type in ("text", "any") and right.type in ("texts", "any")
    kinds = {left.type, right.type}
    if "any" in kinds:
        return "texts" not in kinds
    if kinds == {"date", "text"}:
        return any(isinstance(side, Constant) and _is_date(side.value) for side in (left, right))
    if sign in ("==", "!="):
        return len(kinds) == 1 and kinds <= {"boolean", "integer", "text", "date"}
    return kinds in ({"integer"}, {"date"})


def _incomparable(left: Name | Constant, sign: str, right: Name | Constant) -> tuple[str, str]:
    if isinstance(left, Constant) and isinstance(right, Constant):
        return (
            f"{sign} 的两边都是常数，与案件无关；一边须写名字（字段、期限、次数等）",
            f"both sides of {sign} are constants and say nothing of the case: one has to be a name (a field, a clock, a count)",
        )
    (zh, en), (zh_other, en_other) = _TYPES[left.type], _TYPES[right.type]
    return f"{zh}与{zh_other}不能用 {sign} 比较", f"{en} cannot be compared with {en_other} by {sign}"


_TYPES: dict[GuardType, tuple[str, str]] = {
    "boolean": ("是或否", "a yes or no"), "integer": ("整数", "a whole number"), "text": ("文字", "a text"),
    "texts": ("多项文字", "several texts"), "date": ("日期", "a day"), "document": ("文件", "a document"),
    "any": ("未知类型的值", "a value of any type"),
}  # fmt: skip


def _is_date(value: object) -> bool:
    try:
        return isinstance(value, str) and date.fromisoformat(value).isoformat() == value
    except ValueError:
        return False
