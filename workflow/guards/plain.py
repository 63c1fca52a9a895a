"""The same "no" for somebody who does not know the language of guards: a sentence about the case, never the formula.

"还没有承诺事项", not "承诺事项 总数 大于 0". Where a clause has several ways out, each is told; what the rules of the place have
settled is not a way out and is left away.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from ..errors import Text
from .tree import CONTRARY, Compare, Constant, Facts, Junction, Name, Node, Not, closure, names_in

__all__ = ["Plain", "Subject"]

Kind = Literal[
    "field",
    "given",
    "count",
    "meaning",
    "link",
    "parties",
    "slot",
    "state",
    "expired",
    "running",
    "round",
    "rule",
]


NAMED = 3
"""codes that a sentence names"""
_COUNTED = frozenset({"count", "parties", "slot", "state", "round"})


@dataclass(frozen=True, slots=True)
class Subject:
    """What a name is about: the title of the field, clock, event, branch or rule; `part`: the state or fact asked of it, of a
    running clock the step that it waits for.
    """

    kind: Kind
    title: Text
    part: str | Text = ""
    choices: Mapping[bool, Sequence[Text]] = field(default_factory=dict)
    """of a yes or no that a code says of itself: the codes that say so"""


@dataclass(frozen=True, slots=True)
class Plain:
    """Says what is wrong with the case, not with the formula."""

    subjects: Mapping[str, Subject]

    def counts(self, name: str) -> bool:
        """Whether it is a number of something, so never below 0."""
        subject = self.subjects.get(name)
        return subject is not None and subject.kind in _COUNTED

    def missing(self, name: str) -> Text | None:
        """That a value is not there."""
        subject = self.subjects.get(name)
        return _not_given(subject.title) if subject else None

    def fault(self, node: Node, wanted: bool, facts: Facts) -> Text | None:
        """Why the node is not `wanted`; None where a name is not known."""
        try:
            found = list(dict.fromkeys(self._faults(node, wanted, facts)))
        except KeyError:
            return None
        if len(found) == 1:
            return found[0]
        zh, en = "，".join(one.zh for one in found), "; ".join(one.en for one in found)
        return Text(f"{zh}（解决其中一项即可）", f"{en} (one of them is enough)") if found else None

    def _faults(self, node: Node, wanted: bool, facts: Facts) -> Iterator[Text]:
        """The ways out, each as what stands against it now."""
        if closure(node)(facts) is wanted:
            return
        if isinstance(node, Not):
            yield from self._faults(node.part, not wanted, facts)
        elif isinstance(node, Junction):
            parts = [part for part in node.parts if closure(part)(facts) is not wanted]
            ways = [part for part in parts if not self._settled(part, wanted, facts)] or parts
            for part in ways if node.all is not wanted else parts[:1]:
                yield from self._faults(part, wanted, facts)
        elif isinstance(node, Compare):
            yield self._compared(node, wanted, facts)
        elif isinstance(node, Name):
            yield self._told(self.subjects[node.name], wanted, facts.get(node.name))

    def _settled(self, node: Node, wanted: bool, facts: Facts) -> bool:
        """Whether only the rules of the place stand against it: nobody at a desk can change that."""
        if isinstance(node, Junction) and node.all is wanted:
            return any(
                self._settled(part, wanted, facts)
                for part in node.parts
                if closure(part)(facts) is not wanted
            )
        return all(self.subjects[name].kind == "rule" for name in names_in(node))

    def _compared(self, node: Compare, wanted: bool, facts: Facts) -> Text:
        left, right, sign = node.left, node.right, node.sign if wanted else CONTRARY[node.sign]
        if isinstance(left, Constant):
            left, right = right, left
        if not isinstance(left, Name):
            raise KeyError(sign)
        subject, now = self.subjects[left.name], facts.get(left.name)
        if now is None:
            return _not_given(subject.title)
        if subject.kind == "field" and isinstance(right, Constant) and right.value == "":
            return _not_given(subject.title) if sign == "!=" else _given(subject.title)
        if isinstance(now, int) and not isinstance(now, bool):
            least = sign in {">", ">="} or (sign == "==" and right != Constant(0, "integer"))
            return _counted(subject, now, _number(right, facts), sign, more=least)
        if isinstance(right, Name) and sign in _BETWEEN:
            zh, en = _BETWEEN[sign]
            other = self.subjects[right.name].title
            return Text(zh.format(subject.title.zh, other.zh), en.format(subject.title.en, other.en))
        return self._told(
            replace(subject, kind="meaning") if subject.kind == "field" else subject, wanted, now
        )

    def _told(self, subject: Subject, wanted: bool, now: object) -> Text:
        if subject.kind == "meaning" and (choice := _choice(subject, wanted)) is not None:
            return choice
        if subject.kind == "running" and not wanted and isinstance(subject.part, Text):
            subject = replace(subject, title=subject.part)
        kind = "flag" if subject.kind == "field" and isinstance(now, bool) else subject.kind
        zh, en = _SAID.get((kind, wanted), _OTHERWISE)
        return Text(zh.format(subject.title.zh), en.format(subject.title.en))


_BETWEEN = {
    "in": ("“{}”须在“{}”之中", "“{}” has to be among “{}”"),
    "not in": ("“{}”不能又在“{}”之中", "“{}” must not be among “{}”"),
    "==": ("“{}”与“{}”须一致", "“{}” has to be the same as “{}”"),
    "!=": ("“{}”与“{}”不能相同", "“{}” must not be the same as “{}”"),
    "<": ("“{}”须早于“{}”", "“{}” has to be before “{}”"),
    "<=": ("“{}”不能晚于“{}”", "“{}” must not be after “{}”"),
    ">": ("“{}”须晚于“{}”", "“{}” has to be after “{}”"),
    ">=": ("“{}”不能早于“{}”", "“{}” must not be before “{}”"),
}
"""what has to be between two values of the form"""
_OTHERWISE = ("“{}”所选的不适用于这一步", "what is chosen as “{}” does not go with this step")
_BY_RULE = ("本地的规定“{}”不采用这一步", "the rules of the place ({}) do not provide for this step")
_LINKED = ("“{}”现在的状态不合要求", "“{}” is not in the state it takes")
_SAID = {
    ("expired", True): ("{}还没有届满", "{} has not run out yet"),
    ("expired", False): ("{}已经届满", "{} has run out"),
    ("running", True): ("“{}”现在不计：还没有开始，或者已经办了", "“{}” does not count now: it has not begun, or all was done"),
    ("running", False): ("还没有进行“{}”", "not done yet: “{}”"),
    ("slot", True): ("{}还没有到齐", "not every one is in: {}"),
    ("flag", True): ("“{}”须为“是”", "“{}” has to be yes"),
    ("flag", False): ("“{}”须为“否”", "“{}” has to be no"),
    ("field", True): ("还没有填“{}”", "“{}” is not given yet"),
    ("given", True): ("还没有填“{}”", "“{}” is not given yet"),
    ("given", False): ("已经填了“{}”", "“{}” is given already"),
    ("rule", True): _BY_RULE, ("rule", False): _BY_RULE, ("link", True): _LINKED, ("link", False): _LINKED,
}  # fmt: skip
"""kind of what is asked, and what it should be -> what is wrong"""


def _choice(subject: Subject, wanted: bool) -> Text | None:
    """Which of the codes would do, or, where those are many, which do not."""
    for fit, zh, en in ((wanted, "须是", "has to be"), (not wanted, "不能是", "must not be")):
        told = subject.choices.get(fit, ())
        if 0 < len(told) <= NAMED:
            zh_all, en_all = (
                "或".join(f"“{one.zh}”" for one in told),
                " or ".join(f"“{one.en}”" for one in told),
            )
            return Text(f"“{subject.title.zh}”{zh}{zh_all}", f"“{subject.title.en}” {en} {en_all}")
    return None


def _number(side: Name | Constant, facts: Facts) -> int:
    value = facts.get(side.name) if isinstance(side, Name) else side.value
    if not isinstance(value, int):
        raise KeyError(str(side))
    return value


def _counted(subject: Subject, now: int, bound: int, sign: str, *, more: bool) -> Text:
    """Too few or too many of something that is counted."""
    least, (zh, en) = bound + (sign == ">"), _called(subject)
    if now == 0 and more and least == 1:
        none = {"open": "现在没有", "round": "还没有进行过"}.get(
            subject.part if subject.part == "open" else subject.kind, "还没有"
        )
        return Text(f"{none}{zh}", f"there is none: {en}")
    unit = "次" if subject.kind == "round" else "个"
    if more:
        only = "只有" if now < least else "有"
        return Text(f"{zh}{only} {now} {unit}，须有 {least} {unit}", f"{en}: {now}, and it takes {least}")
    if subject.part == "open":
        return Text(f"还有 {now} {unit}{zh}", f"{en}: {now}")
    return Text(f"{zh}已有 {now} {unit}", f"{en}: {now} already")


def _called(subject: Subject) -> tuple[str, str]:
    """What is counted."""
    zh, en = subject.title.zh, subject.title.en
    if isinstance(subject.part, Text):
        return f"{zh}中“{subject.part.zh}”的", f"{en} that are “{subject.part.en}”"
    if subject.part == "open":
        return f"未办结的{zh}", f"{en} still open"
    return (f"“{zh}”", f"“{en}”") if subject.kind == "round" else (zh, en)


def _not_given(title: Text) -> Text:
    return Text(f"还没有填“{title.zh}”", f"“{title.en}” is not given yet")


def _given(title: Text) -> Text:
    return Text(f"已经填了“{title.zh}”", f"“{title.en}” is given already")
