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

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from ..errors import Reason, Text
from .need import Asked, Needed, allowed, needed
from .plain import Plain, Subject
from .sense import idle_clause, written
from .syntax import GuardFault, read_guard
from .tree import Facts, GuardType, Node, Test, closure
from .words import Words

__all__ = [
    "Asked",
    "Facts",
    "Guard",
    "GuardFault",
    "GuardType",
    "Needed",
    "Subject",
    "Verdict",
    "compile_guard",
]


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

    def in_words(self) -> Text:
        """What it asks, in both languages."""
        return self._words.describe(self._tree)

    def idle(self) -> Text | None:
        """The clause of it that is the same whatever the facts, if there is one: that every case passes, or none."""
        found = idle_clause(self._tree, self._words.plain.counts)
        if found is None:
            return None
        clause, always = written(found[0]), found[1]
        zh, en = ("总是成立", "always holds") if always else ("永不成立", "never holds")
        return Text(f"“{clause}”{zh}，与案件无关", f"“{clause}” {en}: it says nothing about the case")

    def needs(self, name: str) -> Needed:
        """When it refuses for want of something that a form may leave out, of that name."""
        return needed(self._tree, name) if any(one.partition(".")[0] == name for one in self.names) else ()

    def allows(self, name: str) -> tuple[Needed, ...]:
        """What it asks of that name whatever else is so: each of these has to hold in one of its ways."""
        return allowed(self._tree, name)

    def answer(self, facts: Facts) -> bool | None:
        """Whether the guard holds for these facts, None where that is unknown: for who asks for no reasons, which are dearer."""
        return self._test(facts)

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
    subjects: Mapping[str, Subject] | None = None,
) -> Guard:
    """Read a guard over declared names.

    `titles` are the words a refusal uses for a name. `codes` gives, for names that hold a code, the
    values they may be compared with; an empty set means that only its meanings may be asked. `subjects`: what a name is about,
    for sentences that need no knowledge of the formula.
    Raises GuardFault with every fault found.
    """
    codes = codes or {}
    tree, names = read_guard(text, types, codes)
    words = Words(dict(titles or {}), types, frozenset(codes), Plain(dict(subjects or {})))
    return Guard(text, names, closure(tree), tree, words)
