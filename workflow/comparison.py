"""Two places side by side: which of their rules say something else, on one day."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from .deadlines import Rule, RuleBook, length
from .errors import Text

__all__ = ["Difference", "differences", "in_force", "said"]

SUBSTANCE = ("value", "unit", "anchor", "direction", "roll", "outer", "limit", "statutory", "warn")
"""what a rule says; its title, source and validity only say it differently"""

EVERY_YEAR = "每年"
"""the anchor of a day of every year, which is said already"""
ROLLED = {
    "none": Text("", ""),
    "next_working_day": Text("，逢休息日顺延", ", a day off rolls on"),
    "previous_working_day": Text("，逢休息日提前", ", a day off rolls back"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One rule as each of two places has it; None where a place has no such rule."""

    rule: str
    one: Rule | None
    other: Rule | None

    @property
    def title(self) -> Text:
        """Its title, as the first place that has it calls it."""
        found = self.one or self.other
        return found.title if found else Text(self.rule, self.rule)


def in_force(book: RuleBook, on: date) -> dict[str, Rule]:
    """The rules of a place on that day, by id and in order of it."""
    return {rule.id: rule for rule in sorted(book.rules, key=lambda r: r.id) if rule.in_force(on)}


def differences(one: RuleBook, other: RuleBook, on: date) -> list[Difference]:
    """The rules that say something else in the other place on that day, by id. Equal words from two sources are no difference."""
    first, second = in_force(one, on), in_force(other, on)
    found = (
        Difference(rule=id_, one=first.get(id_), other=second.get(id_)) for id_ in sorted({*first, *second})
    )
    return [difference for difference in found if not same(difference.one, difference.other)]


def same(one: Rule | None, other: Rule | None) -> bool:
    """Whether two rules say the same, from whichever source."""
    return one is not None and other is not None and _substance(one) == _substance(other)


def _substance(rule: Rule) -> tuple[object, ...]:
    return tuple(getattr(rule, name) for name in SUBSTANCE)


def said(rule: Rule | None) -> Text | None:
    """A rule in one line: how long, from when, rolled how, up to which limit."""
    if rule is None:
        return None
    words = [length(rule), *_from(rule), ROLLED[rule.roll], *_limited(rule)]
    return Text("".join(part.zh for part in words), "".join(part.en for part in words))


def _from(rule: Rule) -> Iterator[Text]:
    if not rule.anchor or rule.anchor == EVERY_YEAR:
        return
    if rule.direction == "before":
        yield Text(f"，{rule.anchor}之前", f" before {rule.anchor}")
    else:
        yield Text(f"，自{rule.anchor}", f" from {rule.anchor}")


def _limited(rule: Rule) -> Iterator[Text]:
    if rule.outer is not None:
        yield Text(f"，最迟 {rule.outer}", f", at most {rule.outer}")
