"""The guard language: a typed, allow-listed subset of Python expressions that answers yes, no or unknown.

    co_opinions.joined and (not reply_class.promises or commitments.total > 0)

A guard is text in a definition, so it is treated as hostile. It passes four gates when it is loaded:
its length; its *letters* (own tokens only: nothing that Python would fold, escape or interpolate gets
as far as Python's parser); its *shape* (an allow-list of syntax nodes); its *types* (declared names
only, and nothing compared with what it cannot equal). What is left becomes closures over a mapping of
facts; no `eval`, no attribute access, no call of anything a guard could name.

Answers are Kleene's: a clause over a missing value is unknown, and unknown at the top is a "no" that
names what is missing. A "no" explains itself in both languages; actual values are shown for numbers,
booleans and codes only, because every free text may be personal.
"""

from __future__ import annotations

import ast
import difflib
import operator
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal, NamedTuple

from .errors import Reason, Text

__all__ = ["Facts", "Guard", "GuardFault", "GuardType", "Verdict", "compile_guard"]

GuardType = Literal["boolean", "integer", "text", "date", "texts", "document", "any"]
"""`texts` is a list of text; a `document` can be handed around but nothing can be asked of it.
`any` is for guards that were checked when their definition was published."""

Facts = Mapping[str, object]
"""Flat: the name `root.lead.total` is one key. Dates are ISO text."""

Test = Callable[[Facts], bool | None]

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


class Verdict(NamedTuple):
    """The answer of a guard: whether it holds and, when not, every reason.

    `unknown`: no clause is known to be false, only values are missing. For a person that is a "no" as
    well; an import of old records lets it pass.
    """

    holds: bool
    reasons: tuple[Reason, ...] = ()
    unknown: bool = False


HOLDS = Verdict(True)


@dataclass(frozen=True, slots=True)
class Guard:
    """A compiled guard. Two guards are equal when they say the same about the same names."""

    text: str
    names: frozenset[str]
    _test: Test = field(compare=False, repr=False)
    _tree: Node = field(compare=False, repr=False)
    _words: Words = field(compare=False, repr=False)

    def evaluate(self, facts: Facts) -> Verdict:
        """Whether the guard holds for these facts; if not, or if that is unknown, why."""
        answer = self._test(facts)
        if answer is True:
            return HOLDS
        reasons = dict.fromkeys(self._words.reasons(self._tree, True, facts))
        return Verdict(False, tuple(reasons), answer is None)


def compile_guard(
    text: str,
    types: Mapping[str, GuardType],
    titles: Mapping[str, Text] | None = None,
    codes: Mapping[str, frozenset[str]] | None = None,
) -> Guard:
    """Read a guard over declared names.

    `titles` are the words a refusal uses for a name. `codes` gives, for names that hold a code, the
    values they may be compared with; an empty set means that only its meanings may be asked.
    Raises GuardFault with every fault found.
    """
    codes = codes or {}
    source = _letters(text)
    compiler = _Compiler(text, types, codes)
    tree = compiler.boolean(_parse(source), 0)
    if compiler.faults:
        first, *others = compiler.faults
        raise GuardFault(first.column, first.text, first.code, tuple(others))
    words = Words(dict(titles or {}), types, frozenset(codes))
    return Guard(text, frozenset(compiler.names), _closure(tree), tree, words)


# --- letters -----------------------------------------------------------------------------------------

_TOKEN = re.compile(
    r"""  (?P<space>[ \t\r\n]+)
        | (?P<word>[A-Za-z0-9_.]+(?!['"A-Za-z0-9_.]))
        | (?P<text>'[^'"\\\x00-\x1f\x7f]*'|"[^'"\\\x00-\x1f\x7f]*")(?![A-Za-z0-9_.'"])
        | (?P<sign>==|!=|<=|>=|<|>|\(|\)|\[|\]|,)
    """,
    re.VERBOSE,
)
"""A word may not touch a quotation mark: that would be a bytes literal, an f-string or worse."""

_WORD = re.compile(r"[0-9]+|[A-Za-z][A-Za-z0-9_]*(?:\.[A-Za-z][A-Za-z0-9_]*)*")


def _letters(text: str) -> str:
    """The text, ready for Python's parser, if it is made of our own tokens only."""
    if len(text) > MAX_LENGTH:
        words = Text(f"条件过长（{len(text)} > {MAX_LENGTH} 字符）", f"too long ({len(text)} > {MAX_LENGTH} characters)")
        raise GuardFault(1, words, "guard_too_long")
    if not text.strip():
        raise GuardFault(1, Text("条件为空", "the condition is empty"))
    position = 0
    while position < len(text):
        token = _TOKEN.match(text, position)
        if token is None or (token["word"] and not _plain(token["word"])):
            what = text[position : position + 12]
            raise GuardFault(
                position + 1,
                Text(f"条件中不允许：{what!r}", f"not allowed in a condition: {what!r}"),
                "guard_not_allowed",
            )
        position = token.end()
    # Same length, so that columns stay true; a line break may stand anywhere in our language.
    return re.sub(r"[ \t\r\n]", " ", text)


def _plain(word: str) -> bool:
    return _WORD.fullmatch(word) is not None and "__" not in word


def _parse(source: str) -> ast.expr:
    start = len(source) - len(source.lstrip(" "))
    try:
        tree = ast.parse(source.strip(" "), mode="eval")
    except SyntaxError as error:
        column = start + max(error.offset or 1, 1)
        raise GuardFault(column, Text("条件写法有误", "the condition cannot be read")) from None
    except (ValueError, MemoryError, RecursionError):
        raise GuardFault(1, Text("条件写法有误", "the condition cannot be read")) from None
    return tree.body


# --- the tree ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Name:
    """A declared name."""

    name: str
    type: GuardType


@dataclass(frozen=True, slots=True)
class Constant:
    """A literal, or a list of texts."""

    value: bool | int | str | tuple[str, ...]
    type: GuardType


@dataclass(frozen=True, slots=True)
class Compare:
    """Two operands and the sign between them."""

    left: Name | Constant
    sign: str
    right: Name | Constant


@dataclass(frozen=True, slots=True)
class Not:
    """The contrary."""

    part: Node


@dataclass(frozen=True, slots=True)
class Junction:
    """`and` (all) or `or` (one is enough)."""

    all: bool
    parts: tuple[Node, ...]


Node = Name | Constant | Compare | Not | Junction

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
CONTRARY = {"==": "!=", "!=": "==", "<": ">=", ">=": "<", ">": "<=", "<=": ">", "in": "not in", "not in": "in"}

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
                node, "guard_not_allowed", "不能连续比较，请用 and 连接", "no chained comparison: join with and"
            )
        sign = SIGNS.get(type(node.ops[0]))
        if sign is None:
            return self.fault(node, "guard_not_allowed", "不能用 is，请用 ==", "no `is`: use ==")
        left, right = self.operand(node.left), self.operand(node.comparators[0])
        if left is _BROKEN or right is _BROKEN:
            return _BROKEN
        if not _comparable(left, sign, right):
            return self.fault(
                node,
                "guard_type",
                f"{left.type} 与 {right.type} 不能用 {sign} 比较",
                f"{left.type} and {right.type} cannot be compared with {sign}",
            )
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
                    zh, en = _suggest(value, known)
                    self.fault(
                        node, "guard_code", f"{name.name} 没有代码 {value}{zh}", f"{name.name} has no code {value}{en}"
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
                node, "guard_type", "子句不能用于比较，请用 and、or、not", "a clause cannot be compared: use and, or, not"
            )
        return self.fault(node, "guard_not_allowed", "条件中不允许这种写法", "this is not allowed in a condition")

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
        return self.fault(node, "guard_not_allowed", "条件中不允许这种写法", "this is not allowed in a condition")

    def texts(self, node: ast.List) -> Constant:
        values = [item.value for item in node.elts if isinstance(item, ast.Constant) and isinstance(item.value, str)]
        if not values or len(values) != len(node.elts):
            return self.fault(node, "guard_type", "列表中只能是文字", "a list holds texts only, at least one")
        return Constant(tuple(values), "texts")

    def name(self, node: ast.Name | ast.Attribute) -> Name | Constant:
        name = _dotted(node)
        if name in ("true", "false"):
            return Constant(name == "true", "boolean")
        if name is None:
            return self.fault(node, "guard_not_allowed", "条件中不允许这种写法", "this is not allowed in a condition")
        kind = self.types.get(name)
        if kind is None:
            zh, en = _suggest(name, self.types)
            return self.fault(node, "guard_unknown_name", f"没有这个名称：{name}{zh}", f"unknown name: {name}{en}")
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


def _suggest(name: str, known: Iterable[str]) -> tuple[str, str]:
    close = difflib.get_close_matches(name, list(known), n=1)
    return (f"；是不是 {close[0]}？", f"; did you mean {close[0]}?") if close else ("", "")


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


def _is_date(value: object) -> bool:
    try:
        return isinstance(value, str) and date.fromisoformat(value).isoformat() == value
    except ValueError:
        return False


# --- closures ----------------------------------------------------------------------------------------

_OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "in": lambda item, items: operator.contains(items, item),
    "not in": lambda item, items: not operator.contains(items, item),
}


def _closure(node: Node) -> Test:
    if isinstance(node, Junction):
        return _junction(node)
    if isinstance(node, Not):
        return _not(_closure(node.part))
    if isinstance(node, Compare):
        return _comparison(node)
    if isinstance(node, Name):
        return _boolean(node.name)
    constant = node.value is True
    return lambda _facts: constant


def _junction(node: Junction) -> Test:
    tests, decisive = tuple(map(_closure, node.parts)), not node.all

    def junction(facts: Facts) -> bool | None:
        answer: bool | None = not decisive
        for test in tests:
            part = test(facts)
            if part is decisive:
                return decisive
            if part is None:
                answer = None
        return answer

    return junction


def _not(test: Test) -> Test:
    def contrary(facts: Facts) -> bool | None:
        answer = test(facts)
        return None if answer is None else not answer

    return contrary


def _boolean(name: str) -> Test:
    def boolean(facts: Facts) -> bool | None:
        value = facts.get(name)
        return value if value is True or value is False else None

    return boolean


def _comparison(node: Compare) -> Test:
    compare = _OPERATORS[node.sign]
    left, right = node.left, node.right
    if isinstance(left, Name) and isinstance(right, Constant):
        return _with_constant(left.name, compare, right.value)
    get_left, get_right = _value(left), _texts(right) if "in" in node.sign else _value(right)

    def comparison(facts: Facts) -> bool | None:
        one, other = get_left(facts), get_right(facts)
        if one is None or other is None:
            return None
        try:
            return compare(one, other)
        except TypeError:  # a fact that is not of its declared type is no fact
            return None

    return comparison


def _with_constant(name: str, compare: Callable[[Any, Any], bool], constant: object) -> Test:
    def comparison(facts: Facts) -> bool | None:
        value = facts.get(name)
        if value is None:
            return None
        try:
            return compare(value, constant)
        except TypeError:
            return None

    return comparison


def _value(side: Name | Constant) -> Callable[[Facts], object]:
    if isinstance(side, Name):
        name = side.name
        return lambda facts: facts.get(name)
    constant = side.value
    return lambda _facts: constant


def _texts(side: Name | Constant) -> Callable[[Facts], object]:
    get = _value(side)

    def texts(facts: Facts) -> object:
        value = get(facts)
        # Membership in a single text would look for a part of it.
        return value if isinstance(value, (list, tuple, set, frozenset)) else None

    return texts


# --- words -------------------------------------------------------------------------------------------

_SIGN_WORDS: Mapping[str, Text] = {
    "==": Text("为", "is"),
    "!=": Text("不为", "is not"),
    "<": Text("小于", "is less than"),
    "<=": Text("不大于", "is at most"),
    ">": Text("大于", "is more than"),
    ">=": Text("不小于", "is at least"),
    "in": Text("属于", "is one of"),
    "not in": Text("不属于", "is none of"),
}
_YES, _NO = Text("是", "yes"), Text("否", "no")


@dataclass(frozen=True, slots=True)
class Words:
    """Says in words why a tree is not what it should be."""

    titles: Mapping[str, Text]
    types: Mapping[str, GuardType]
    codes: frozenset[str]

    def reasons(self, node: Node, wanted: bool, facts: Facts) -> Iterator[Reason]:
        """Why the node is not `wanted`: each failed clause, and each missing value."""
        if _closure(node)(facts) is wanted:
            return
        if isinstance(node, Not):
            yield from self.reasons(node.part, not wanted, facts)
        elif isinstance(node, Junction) and node.all is wanted:
            for part in node.parts:
                yield from self.reasons(part, wanted, facts)
        else:
            yield from self._clause(node, wanted, facts)

    def _clause(self, node: Node, wanted: bool, facts: Facts) -> Iterator[Reason]:
        missing = [name for name in _names(node) if facts.get(name) is None]
        for name in missing:
            title = self._title(name)
            yield Reason(code="missing", text=Text(f"缺少：{title.zh}", f"missing: {title.en}"), field=name)
        if _closure(node)(facts) is None and missing:
            return
        clause, now = self._describe(node, wanted), self._now(node, facts)
        text = Text(f"条件未满足：{clause.zh}{now.zh}", f"condition not met: {clause.en}{now.en}")
        yield Reason(code="condition_not_met", text=text, field=next(_names(node), None))

    def _describe(self, node: Node, wanted: bool) -> Text:
        if isinstance(node, Not):
            return self._describe(node.part, not wanted)
        if isinstance(node, Junction):
            parts = [self._describe(part, wanted) for part in node.parts]
            zh, en = ("且", "and") if node.all is wanted else ("或", "or")
            return Text(
                "（" + f" {zh} ".join(p.zh for p in parts) + "）", "(" + f" {en} ".join(p.en for p in parts) + ")"
            )
        if isinstance(node, Compare):
            sign = _SIGN_WORDS[node.sign if wanted else CONTRARY[node.sign]]
            left, right = self._operand(node.left), self._operand(node.right)
            return Text(f"{left.zh} {sign.zh} {right.zh}", f"{left.en} {sign.en} {right.en}")
        operand = self._operand(node)
        return operand if wanted else Text(f"并非“{operand.zh}”", f"not “{operand.en}”")

    def _operand(self, side: Name | Constant) -> Text:
        return self._title(side.name) if isinstance(side, Name) else _literal(side.value)

    def _title(self, name: str) -> Text:
        return self.titles.get(name) or Text(name, name)

    def _now(self, node: Node, facts: Facts) -> Text:
        """The actual values, of compared names that cannot be personal."""
        names = [n for n in dict.fromkeys(_names(node)) if self._may_show(n) and facts.get(n) is not None]
        if not names or isinstance(node, Name):
            return Text("", "")
        shown = [(self._title(name), _literal(facts[name])) for name in names]
        if isinstance(node, Compare) and len(shown) == 1:
            return Text(f"（现为 {shown[0][1].zh}）", f" (now {shown[0][1].en})")
        zh = "，".join(f"{title.zh} 现为 {value.zh}" for title, value in shown)
        return Text(f"（{zh}）", " (now " + ", ".join(f"{title.en}: {value.en}" for title, value in shown) + ")")

    def _may_show(self, name: str) -> bool:
        return name in self.codes or self.types.get(name) in ("boolean", "integer")


def _literal(value: object) -> Text:
    if isinstance(value, bool):
        return _YES if value else _NO
    if isinstance(value, (tuple, list)):
        return Text("、".join(map(str, value)), ", ".join(map(str, value)))
    return Text(str(value), str(value))


def _names(node: Node) -> Iterator[str]:
    if isinstance(node, Name):
        yield node.name
    elif isinstance(node, Not):
        yield from _names(node.part)
    elif isinstance(node, Junction):
        for part in node.parts:
            yield from _names(part)
    elif isinstance(node, Compare):
        yield from _names(node.left)
        yield from _names(node.right)
