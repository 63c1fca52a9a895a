"""What the clocks of a definition name: rules, events, the dates they count from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..periods import PERIODS
from ..shapes import Path
from ..vocabulary import Data
from .lookup import Lookup

__all__ = ["Clocks"]

TIMERS = ("notice", "lapse")


class Clocks(Lookup):
    """Checks the section `clocks`."""

    def _clock(self, path: Path, entry: Data) -> None:
        for where, one in self._rules(path, entry):
            rule, outer = one.get("rule"), entry.get("outer")
            if self._rule((*where, "rule"), rule, (*sorted(PERIODS), "date")) and outer is not None:
                self._outer((*path, "outer"), str(rule), outer)
        for key in ("starts", "stops", "suspends", "resumes"):
            self._all_known((*path, key), entry.get(key), "events", start=True)
        missed = entry.get("missed")
        if self._known((*path, "missed"), missed, "events") and self._automatic(str(missed)) not in TIMERS:
            self._fault(
                (*path, "missed"),
                "not_a_timer",
                f"{missed} 须为 automatic: notice 或 lapse",
                f"{missed} must be automatic: notice or lapse",
            )
        self._anew((*path, "anew"), entry)
        self._holders((*path, "for"), entry.get("for"), acting=True)
        for event in entry.get("starts", ()):
            self._date((*path, "anchor"), entry.get("anchor"), event)
        if "planned" in entry and "anchor" not in entry:
            zh, en = (
                "planned 说的是 anchor 的日期，须一并写明 anchor",
                "planned is about the day of an anchor: name it",
            )
            self._fault((*path, "planned"), "missing_key", zh, en, key=True)
        named = self.data.get("fields", {}).get(entry.get("anchor"), {})
        if named.get("to_come") and not entry.get("planned"):
            zh, en = (
                f"{entry['anchor']} 是今后的日期，须写明 planned: true",
                f"{entry['anchor']} is a day to come: say `planned: true`",
            )
            self._fault((*path, "anchor"), "missing_key", zh, en)
        for key in ("extends", "asks"):
            for event, name in entry.get(key, {}).items():
                if self._known_key((*path, key, event), event, "events"):
                    self._date((*path, key, event), name, event)
        if "asks" in entry and "outer" not in entry:
            zh, en = "asks 以最迟期限为限，须写明 outer", "asks is held to the outer limit: name `outer`"
            self._fault((*path, "asks"), "missing_key", zh, en, key=True)

    def _rules(self, path: Path, entry: Data) -> Iterator[tuple[Path, Data]]:
        """The rule of a clock, or those it may follow: the last without condition, so that there is always one."""
        if "rules" not in entry:
            yield path, entry
        last = len(entry.get("rules", ())) - 1
        for index, one in enumerate(entry.get("rules", ())):
            where: Path = (*path, "rules", index)
            self._guard((*where, "when"), one.get("when"))
            if index < last and "when" not in one:
                zh, en = (
                    "前面的规则无条件，其后的不会适用",
                    "without condition: the rules behind it are never taken",
                )
                self._fault(where, "never_taken", zh, en)
            if index == last and "when" in one:
                zh, en = (
                    "最后一条规则不能有条件，否则可能无规则可用",
                    "the last rule has no condition, so that there is always one",
                )
                self._fault((*where, "when"), "rule_open", zh, en, key=True)
            yield where, one

    def _anew(self, path: Path, entry: Data) -> None:
        for event, switch in entry.get("anew", {}).items():
            self._known_key((*path, event), event, "events")
            if self._rule((*path, event), switch, ("switch",)):
                self._yes_or_no((*path, event), switch)
        named = {entry.get("rule"), *(one.get("rule") for one in entry.get("rules", ()))}
        laws = (found for book in self.world.books for found in book.rules if found.id in named)
        statutory = any(law.statutory for law in laws)
        if "suspends" in entry and statutory:
            zh, en = "法定期限不得中止", "a statutory clock cannot be suspended"
            self._fault((*path[:-1], "suspends"), "statutory_suspended", zh, en, key=True)
        if "anew" in entry and statutory:
            self._fault(
                path,
                "statutory_anew",
                "法定期限只自其起算事件计算",
                "a statutory clock counts from the event that started it and no other",
                key=True,
            )

    def _yes_or_no(self, path: Path, switch: str) -> None:
        values = {found.value for book in self.world.books for found in book.rules if found.id == switch}
        if not values <= {True, False}:
            zh = f"开关 {switch} 应为 true 或 false"
            self._fault(path, "rule_unit", zh, f"the switch {switch} needs to be true or false")

    def _outer(self, path: Path, rule: str, outer: str) -> None:
        for book in self.world.books:
            for found in book.rules:
                if found.id == rule and found.outer != outer:
                    self._fault(
                        path,
                        "outer_mismatch",
                        f"{book.place} 的规则 {rule} 的最迟期限是 {found.outer}",
                        f"in {book.place} the outer limit of {rule} is {found.outer}",
                    )
                    return

    def _date(self, path: Path, name: Any, event: str) -> None:
        """That is a date the event's form asks for."""
        where: Path = ("start",) if event == "start" else ("events", event)
        entry = self.data.get("start") if event == "start" else self.data.get("events", {}).get(event)
        if name is None or entry is None or not self._known(path, name, "fields"):
            return
        form = self._form(where, entry)
        if form is not None and name not in form:
            self._fault(
                path,
                "not_in_form",
                f"{event} 的表单没有 {name}",
                f"the form of {event} does not ask for {name}",
            )
        kind = self.data.get("fields", {}).get(name, {}).get("type")
        if kind not in (None, "date"):
            self._fault(path, "not_a_date", f"{name} 不是日期字段", f"{name} is not a date")
