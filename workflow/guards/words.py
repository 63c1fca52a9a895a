"""Why a guard said no, in words: each failed clause with the titles of what it asks, and what is missing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ..errors import Reason, Text
from .plain import Plain
from .tree import (
    CONTRARY,
    Compare,
    Constant,
    Facts,
    GuardType,
    Junction,
    Name,
    Node,
    Not,
    closure,
    names_in,
)

__all__ = ["Words"]

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
_YES, _NO, _EMPTY = Text("是", "yes"), Text("否", "no"), Text("空", "empty")


@dataclass(frozen=True, slots=True)
class Words:
    """Says in words why a tree is not what it should be."""

    titles: Mapping[str, Text]
    types: Mapping[str, GuardType]
    codes: frozenset[str]
    plain: Plain

    def reasons(self, node: Node, wanted: bool, facts: Facts) -> Iterator[Reason]:
        """Why the node is not `wanted`: each failed clause, and each missing value."""
        if closure(node)(facts) is wanted:
            return
        if isinstance(node, Not):
            yield from self.reasons(node.part, not wanted, facts)
        elif isinstance(node, Junction) and node.all is wanted:
            for part in node.parts:
                yield from self.reasons(part, wanted, facts)
        else:
            yield from self._clause(node, wanted, facts)

    def _clause(self, node: Node, wanted: bool, facts: Facts) -> Iterator[Reason]:
        missing = list(dict.fromkeys(_undecided(node, facts)))
        for name in missing:
            title = self._title(name)
            yield Reason(
                code="missing",
                text=Text(f"缺少：{title.zh}", f"missing: {title.en}"),
                field=name,
                plain=self.plain.missing(name),
            )
        if closure(node)(facts) is None and missing:
            return
        clause, now = self.describe(node, wanted), self._now(node, facts)
        text = Text(f"条件未满足：{clause.zh}{now.zh}", f"condition not met: {clause.en}{now.en}")
        yield Reason(
            code="condition_not_met",
            text=text,
            field=next(names_in(node), None),
            plain=self.plain.fault(node, wanted, facts),
        )

    def describe(self, node: Node, wanted: bool = True) -> Text:
        """The tree, or its contrary, in words."""
        if isinstance(node, Not):
            return self.describe(node.part, not wanted)
        if isinstance(node, Junction):
            parts = [self.describe(part, wanted) for part in node.parts]
            zh, en = ("且", "and") if node.all is wanted else ("或", "or")
            return Text(
                "（" + f" {zh} ".join(p.zh for p in parts) + "）",
                "(" + f" {en} ".join(p.en for p in parts) + ")",
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
        names = [n for n in dict.fromkeys(names_in(node)) if self._may_show(n) and facts.get(n) is not None]
        if not names or isinstance(node, Name):
            return Text("", "")
        shown = [(self._title(name), _literal(facts[name])) for name in names]
        if isinstance(node, Compare) and len(shown) == 1:
            return Text(f"（现为 {shown[0][1].zh}）", f" (now {shown[0][1].en})")
        zh = "，".join(f"{title.zh} 现为 {value.zh}" for title, value in shown)
        return Text(
            f"（{zh}）", " (now " + ", ".join(f"{title.en}: {value.en}" for title, value in shown) + ")"
        )

    def _may_show(self, name: str) -> bool:
        return name in self.codes or self.types.get(name) in ("boolean", "integer")


def _undecided(node: Node, facts: Facts) -> Iterator[str]:
    """The missing values on which it hangs; those of a part that is decided without them change nothing."""
    if closure(node)(facts) is not None:
        return
    if isinstance(node, Not):
        yield from _undecided(node.part, facts)
    elif isinstance(node, Junction):
        for part in node.parts:
            yield from _undecided(part, facts)
    else:
        yield from (name for name in names_in(node) if facts.get(name) is None)


def _literal(value: object) -> Text:
    if isinstance(value, bool):
        return _YES if value else _NO
    if value == "":
        return _EMPTY
    if isinstance(value, (tuple, list)):
        return Text("、".join(map(str, value)), ", ".join(map(str, value)))
    return Text(str(value), str(value))
