"""Rules files -> the rule book of each place: what it takes over, what it overrides, and that no law is stretched.

An override holds on the days it is valid; on the other days the overridden rule stands. A statutory rule
may only be tightened, in its own unit, and what tightens it is statutory too, under the same outer limit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

from .errors import Text, suggest
from .periods import Rule, RuleBook, RuleFault
from .shapes import Path, Source

__all__ = ["rule_books"]

DAY = timedelta(days=1)


def rule_books(sources: Mapping[str, Source], *, complete: bool = True) -> dict[str, RuleBook]:
    """The book of each place; faults are noted in its file.

    `complete`: no file is missing that could not be read.
    """
    return _Shelf(sources, complete).books()


@dataclass(frozen=True)
class _Entry:
    path: Path
    rule: Rule


class _Shelf:
    """Puts the books together, those that are extended first."""

    def __init__(self, sources: Mapping[str, Source], complete: bool) -> None:
        self.sources = sources
        self.complete = complete
        self.done: dict[str, tuple[Rule, ...]] = {}

    def books(self) -> dict[str, RuleBook]:
        ruled = {place: self._rules(place, ()) for place in self.sources}
        found = {}
        for place in sorted(ruled, key=lambda name: len(self._chain(name))):
            found[place] = self._book(place, ruled[place], self.sources[place], sound=self._sound(place))
        return {place: found[place] for place in ruled}

    def _chain(self, place: str) -> list[str]:
        """The place and those it builds on."""
        chain: list[str] = []
        while place in self.sources and place not in chain:
            chain.append(place)
            place = self.sources[place].data.get("extends", "")
        return chain

    def _sound(self, place: str) -> bool:
        """Whether neither its file nor any it builds on has a fault: only then can the whole be judged."""
        return self.complete and all(self.sources[name].sound for name in self._chain(place))

    def _rules(self, place: str, asked: tuple[str, ...]) -> tuple[Rule, ...]:
        if place not in self.done:
            source = self.sources[place]
            base = self._base(place, source, (*asked, place))
            own = list(_entries(source))
            self.done[place] = (*_kept(base, own), *(_tightened(entry, base, source) for entry in own))
        return self.done[place]

    def _base(self, place: str, source: Source, asked: tuple[str, ...]) -> tuple[Rule, ...]:
        other = source.data.get("extends")
        if other is None:
            return ()
        if other not in self.sources and not self.complete:
            return ()
        if other not in self.sources:
            zh, en = suggest(other, self.sources)
            source.fault(("extends",), "unknown_place", f"没有地方 {other}{zh}", f"unknown place {other}{en}")
            return ()
        if other in asked:
            source.fault(("extends",), "extends_itself", f"{place} 最终扩展自身", f"{place} extends itself")
            return ()
        return self._rules(other, asked)

    @staticmethod
    def _book(place: str, rules: tuple[Rule, ...], source: Source, *, sound: bool) -> RuleBook:
        """The book; a rule that contradicts it is noted and left out, so that the next can be found."""
        while True:
            try:
                return RuleBook(place=place, rules=rules)
            except RuleFault as fault:
                if sound:
                    source.fault(
                        ("values", fault.rule),
                        "rule",
                        f"{fault.rule}：{fault.text.zh}",
                        str(fault.text.en),
                        key=True,
                    )
                left = (rule for rule in rules if rule.id != fault.rule)
                rules = tuple(
                    replace(rule, outer=None) if rule.outer == fault.rule else rule for rule in left
                )


def _entries(source: Source) -> Iterator[_Entry]:
    for name, given in source.data.get("values", {}).items():
        versions = given if isinstance(given, list) else [given]
        for index, data in enumerate(versions):
            path: Path = ("values", name, index) if isinstance(given, list) else ("values", name)
            rule = _rule(name, data, path, source)
            if rule is not None:
                yield _Entry(path, rule)


def _rule(name: str, data: Mapping[str, Any], path: Path, source: Source) -> Rule | None:
    if not {"zh", "en", "unit", "value", "source", "confidence"} <= data.keys():
        return None
    given = {key: data[key] for key in data.keys() - {"zh", "en"}}
    for key in ("valid_from", "valid_until"):
        if key in given:
            given[key] = date.fromisoformat(given[key])
    for key in ("value", "warn"):
        if isinstance(given.get(key), list):
            given[key] = tuple(given[key])
    try:
        return Rule(id=name, title=Text(data["zh"], data["en"]), **given)
    except RuleFault as fault:
        source.fault((*path, fault.key), "rule", f"{name}：{fault.text.zh}", f"{name} {fault.text.en}")
        return None


def _span(rule: Rule) -> tuple[date, date]:
    return rule.valid_from or date.min, rule.valid_until or date.max


def _kept(base: tuple[Rule, ...], own: list[_Entry]) -> Iterator[Rule]:
    """The rules taken over, on the days no rule of the place stands in their stead."""
    for rule in base:
        spans = [_span(rule)]
        for entry in own:
            if entry.rule.id == rule.id:
                spans = [left for span in spans for left in _without(span, _span(entry.rule))]
        for first, last in spans:
            yield replace(
                rule,
                valid_from=None if first == date.min else first,
                valid_until=None if last == date.max else last,
            )


def _without(span: tuple[date, date], other: tuple[date, date]) -> Iterator[tuple[date, date]]:
    (first, last), (start, end) = span, other
    if end < first or start > last:
        yield span
        return
    if first < start:
        yield first, start - DAY
    if end < last:
        yield end + DAY, last


def _tightened(entry: _Entry, base: tuple[Rule, ...], source: Source) -> Rule:
    """The rule of a place as the law it stands for lets it be; where that refuses it, the row as it is written."""
    laws = [law for law in base if _binds(law, entry.rule)]
    lax = [law for law in laws if not _within(entry.rule, law)]
    for law in lax:
        _note_lax(entry, law, source)
    if not laws or lax or not _same_outer(entry, laws, source):
        return entry.rule
    return replace(entry.rule, statutory=True, outer=laws[0].outer)


def _note_lax(entry: _Entry, law: Rule, source: Source) -> None:
    rule, lawful = entry.rule, f"{law.value} {law.unit}"
    zh, en = "超出法定上限 ", "goes beyond the statutory"
    if (rule.unit, rule.direction) != (law.unit, law.direction):
        zh, en = "的单位或方向与法定的不同：", "has another unit or direction than the statutory"
    source.fault(
        (*entry.path, "value"),
        "beyond_statutory",
        f"{rule.id} {zh}{lawful}（{law.source}）",
        f"{rule.id} {en} {lawful} ({law.source})",
    )


def _binds(law: Rule, rule: Rule) -> bool:
    return law.id == rule.id and law.statutory and _overlap(law, rule)


def _same_outer(entry: _Entry, laws: list[Rule], source: Source) -> bool:
    """Whether the rule stays under the outer limit of the law: no place names another, nor one where the law has none."""
    name, own, path = entry.rule.id, entry.rule.outer, (*entry.path, "outer")
    lawful, *others = dict.fromkeys(law.outer for law in laws)
    if others:
        source.fault(
            path,
            "beyond_statutory",
            f"{name} 横跨最迟期限不同的几版法律，请分版本写",
            f"{name} spans versions of the law with different outer limits: write a version for each",
        )
    elif own not in (None, lawful):
        source.fault(
            path,
            "beyond_statutory",
            f"{name} 的最迟期限由法律确定（{lawful or '法定期限本身'}），不能写 {own}",
            f"{name} has the outer limit of the law ({lawful or 'the statutory period itself'}), not {own}",
        )
    else:
        return True
    return False


def _overlap(one: Rule, other: Rule) -> bool:
    (first, last), (start, end) = _span(one), _span(other)
    return first <= end and start <= last


def _within(rule: Rule, law: Rule) -> bool:
    """Whether the rule is at least as strict as the law it stands for."""
    if rule.unit != law.unit or rule.direction != law.direction:
        return False
    if isinstance(rule.value, int) and isinstance(law.value, int) and rule.unit not in ("switch", "date"):
        # A period that runs backwards is a time in advance: more of it is stricter.
        return rule.value >= law.value if law.direction == "before" else rule.value <= law.value
    return rule.value == law.value
