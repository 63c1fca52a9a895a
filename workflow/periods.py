"""The rules of a place, and when a period ends.

How a period ends (民法典 arts. 201-203, by analogy, hence the named `roll` of each rule):
the first day is not counted; months end on the corresponding day, clamped to the month's end;
a last day that is off rolls on if the rule says so. **The outer limit never rolls**:
due = min(rolled target, raw anchor + outer). The outer limit of a rule is the rule it names as
`outer`; without one, its `limit`; without that, a statutory period is its own.

A rule is chosen by the day of its ANCHOR: a case of 2017 cites 代表法(2015) art. 42.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from itertools import pairwise
from typing import Literal

from .calendars import DAY, Calendar, add_months, days_from
from .errors import NotFound, Text

__all__ = ["Due", "Rule", "RuleBook", "RuleFault", "RuleNotFound", "Skip", "due"]

Unit = Literal["month", "calendar_day", "working_day", "times", "date", "switch"]
Direction = Literal["after", "before"]
Roll = Literal["none", "next_working_day", "previous_working_day"]
Confidence = Literal["S", "B", "H", "X", "m", "d"]
Value = int | str | bool | tuple[str, ...]

MOST = 3660
"""No period of any law is longer, in any unit; a slip of the pen must not count for hours."""
PERIODS = frozenset({"month", "calendar_day", "working_day"})


class RuleNotFound(NotFound):
    """No such rule, or none that was in force on that day."""


class RuleFault(ValueError):
    """A rule contradicts itself or its book; `rule` is its id, `key` the word of its row that is wrong."""

    def __init__(self, rule: str, text: Text, key: str = "value") -> None:
        super().__init__(f"{rule}: {text}")
        self.rule = rule
        self.text = text
        self.key = key


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One row of a rules file: a period, a fixed date, a number of times, or a switch of the place.

    Raises RuleFault when the value is of the wrong kind or above its `limit`, or when it ends before it begins.
    """

    id: str
    title: Text
    unit: Unit
    value: Value
    """An amount of the unit; `MM-DD` for a date; anything for a switch."""
    anchor: str = ""
    """The event from which it counts; for the reply 交办, never 签收."""
    direction: Direction = "after"
    roll: Roll = "none"
    outer: str | None = None
    """The rule that is the outer limit of this one, counted from the same raw anchor."""
    limit: tuple[int, str] | None = None
    """Amount and unit that `value` may never exceed, whatever a place configures."""
    statutory: bool = False
    warn: tuple[int, ...] = ()
    """Days before the due day at which to warn."""
    source: str = ""
    confidence: Confidence = "d"
    valid_from: date | None = None
    valid_until: date | None = None
    """The last day of its validity, that day included."""

    def __post_init__(self) -> None:
        for wrong, text in _rule_faults(self):
            if wrong:
                raise RuleFault(self.id, text)
        if self.outer is not None and (self.direction == "before" or not self.is_period):
            text = Text("只有向后计算的期限才有最迟期限", "only a period that runs on has an outer limit")
            raise RuleFault(self.id, text, "outer")
        if self.valid_from and self.valid_until and self.valid_until < self.valid_from:
            text = Text("失效之日早于生效之日", "ends before it begins")
            raise RuleFault(self.id, text, "valid_until")

    @property
    def is_period(self) -> bool:
        """Whether it has a length: months, calendar days or working days."""
        return self.unit in PERIODS

    def in_force(self, on: date) -> bool:
        """Whether it was law on that day."""
        return (self.valid_from or date.min) <= on <= (self.valid_until or date.max)

    def amount(self) -> int:
        """Its length, negative when it counts backwards. Raises ValueError unless it is a period."""
        if not self.is_period or not isinstance(self.value, int):
            raise ValueError(f"{self.id} is a {self.unit}, not a period")
        return -self.value if self.direction == "before" else self.value


def _rule_faults(rule: Rule) -> Iterator[tuple[bool, Text]]:
    value, counts = rule.value, rule.is_period or rule.unit == "times"
    number = value if isinstance(value, int) and not isinstance(value, bool) else None
    yield counts and (number is None or number < 0), Text("应为非负整数", "needs a whole number")
    yield number is not None and counts and number > MOST, Text("不合理地大", "is implausibly large")
    yield (
        any(days < 0 for days in rule.warn),
        Text("提醒天数应为非负整数", "warns a negative number of days ahead"),
    )
    yield rule.unit == "date" and not _is_month_day(value), Text("应为 MM-DD", "needs MM-DD")
    if rule.limit is not None:
        amount, unit = rule.limit
        yield unit != rule.unit, Text("上限的单位不同", "its limit is in another unit")
        yield (
            number is not None and number > amount,
            Text(f"超过上限 {amount}", f"is above its limit {amount}"),
        )


def _is_month_day(value: Value) -> bool:
    try:  # 2000 was a leap year, so 02-29 is a day
        return isinstance(value, str) and bool(date.fromisoformat(f"2000-{value}"))
    except ValueError:
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleBook:
    """The rules of one place, in every version it ever had.

    Raises RuleFault when two versions of a rule hold on one day, or an outer limit is unknown or shorter, or is no law though the
    rule is one.
    """

    place: str
    rules: tuple[Rule, ...]
    _versions: dict[str, list[Rule]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        versions: dict[str, list[Rule]] = {}
        for rule in self.rules:
            versions.setdefault(rule.id, []).append(rule)
        object.__setattr__(self, "_versions", versions)
        for same in versions.values():
            same.sort(key=lambda rule: rule.valid_from or date.min)
            for earlier, later in pairwise(same):
                if earlier.in_force(later.valid_from or date.min):
                    raise RuleFault(later.id, Text("有效期重叠", "two versions overlap"))
        for rule in self.rules:
            if rule.outer is not None:
                self._check_outer(rule, rule.outer)

    def _check_outer(self, rule: Rule, name: str) -> None:
        outers = self._versions.get(name, [])
        if not outers or name == rule.id:
            raise RuleFault(rule.id, Text(f"没有规则 {name}", f"no rule {name}"))
        for outer in outers:
            if not outer.is_period or outer.direction == "before":
                raise RuleFault(rule.id, Text(f"{name} 不是期限", f"{name} is no period that runs on"))
            if outer.unit == rule.unit and outer.amount() < rule.amount():
                raise RuleFault(rule.id, Text(f"长于最迟期限 {name}", f"is longer than {name}"))
            if rule.statutory and not outer.statutory:  # else a place could lengthen the limit
                words = Text(f"是法定的，最迟期限 {name} 也须是", f"is statutory, so {name} must be too")
                raise RuleFault(rule.id, words, "outer")

    def rule(self, id: str, on: date) -> Rule:
        """The version in force on that day, the day of the ANCHOR: a case of 2017 cites the law of 2015.

        Raises RuleNotFound.
        """
        for rule in self._versions.get(id, ()):
            if rule.in_force(on):
                return rule
        raise RuleNotFound(
            Text(f"{self.place} 在 {on} 没有规则 {id}", f"{self.place} has no rule {id} on {on}")
        )

    def switch(self, name: str, on: date) -> Value:
        """How this place answers an open question on that day. Raises RuleNotFound."""
        rule = self.rule(name, on)
        if rule.unit != "switch":
            raise RuleNotFound(Text(f"{name} 不是开关", f"{name} is not a switch"))
        return rule.value

    def outer(self, rule: Rule, on: date) -> Rule | None:
        """The rule that is its outer limit, in the version of that day. Raises RuleNotFound."""
        return None if rule.outer is None else self.rule(rule.outer, on)

    def due(self, id: str, anchor: date, calendar: Calendar) -> Due:
        """The due day of a rule from that anchor, outer limit and all. Raises RuleNotFound."""
        rule = self.rule(id, anchor)
        return due(rule, anchor, calendar, self.outer(rule, anchor))


@dataclass(frozen=True, slots=True, kw_only=True)
class Skip:
    """A day that was passed over, and why."""

    day: date
    why: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """A derived due day and how it came about. `on` is the last day in time, that day included."""

    rule: str
    anchor: date
    """The day the outer limit counts from."""
    counted_from: date
    """The anchor, or the day of the last reset."""
    raw: date
    """Where the count (or the extension) ends, before rolling and before the outer limit."""
    on: date
    outer_on: date | None
    """The day no extension can pass; it never rolls."""
    provisional: bool
    """It rests on a day no notice covers yet, and may move when the notice appears."""
    counted: tuple[date, ...]
    """The working days counted, for a period of working days."""
    skipped: tuple[Skip, ...]
    """Days off passed over while counting or rolling."""
    extended: bool
    suspended: bool
    """The clock stands still: `on` is what it was when it stopped, and nothing is overdue."""
    calendar: str
    source: str


def due(rule: Rule, anchor: date, calendar: Calendar, outer: Rule | None = None) -> Due:
    """The due day of that rule from that anchor; `outer` is the rule it names as its outer limit.

    Raises ValueError when the outer limit is not the one it names, or when the rule is no period or date.
    """
    return settle(rule, anchor, target(rule, anchor, calendar), calendar, outer)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """An end under construction: the raw day, and the days that decided it."""

    raw: date
    start: date
    counted: tuple[date, ...] = ()
    skipped: tuple[Skip, ...] = ()
    granted: bool = False
    suspended: bool = False

    def looked_at(self) -> tuple[date, ...]:
        """Every day whose being worked or off decided where the count ended."""
        return (*self.counted, *(skip.day for skip in self.skipped))


def target(rule: Rule, start: date, calendar: Calendar) -> Target:
    """Where the count ends, before rolling and before the outer limit."""
    if rule.unit != "working_day":
        return Target(raw=_plain_end(rule, start), start=start)
    count = calendar.count_working_days(start, rule.amount())
    skipped = tuple(Skip(day=day, why=calendar.why_off(day)) for day in count.skipped)
    return Target(raw=count.end, start=start, counted=count.counted, skipped=skipped)


def shifted(end: Target, rule: Rule, since: date, resumed: date, calendar: Calendar) -> Target:
    """That end moved on by the days the clock stood still: from `since` up to the day before `resumed`.

    The first day is not counted, so a clock suspended on it loses nothing that day.
    """
    since = max(since, end.start + DAY)
    lost = (resumed - since).days
    if lost <= 0:
        return end
    if rule.unit != "working_day" or end.granted:
        return replace(end, raw=end.raw + lost * DAY)
    more = calendar.count_working_days(end.raw, calendar.working_days_between(since - DAY, resumed - DAY))
    skipped = (*end.skipped, *(Skip(day=day, why=calendar.why_off(day)) for day in more.skipped))
    idle = (day for day in _days(since, resumed) if calendar.is_working_day(day))
    still = tuple(Skip(day=day, why=STOOD_STILL) for day in idle)
    return replace(
        end,
        raw=more.end,
        counted=tuple(day for day in (*end.counted, *more.counted) if not since <= day < resumed),
        skipped=tuple(sorted((*skipped, *still), key=lambda skip: skip.day)),
    )


STOOD_STILL = Text("期限中止", "clock suspended")


def _days(start: date, end: date) -> Iterator[date]:
    for day in days_from(start - DAY):
        if day >= end:
            return
        yield day


def _plain_end(rule: Rule, start: date) -> date:
    if rule.unit == "date":
        return _nearest_date(str(rule.value), start, rule.direction)
    if rule.unit == "month":
        return add_months(start, rule.amount())
    return start + rule.amount() * DAY


def _nearest_date(month_day: str, start: date, direction: Direction) -> date:
    """That day of the year on or after (on or before) the start; 02-29 is 02-28 in a common year."""
    month, day = map(int, month_day.split("-"))
    step = 1 if direction == "after" else -1
    found = add_months(date(start.year, 1, day), month - 1)
    if (found - start) * step < timedelta(0):
        found = add_months(date(start.year + step, 1, day), month - 1)
    return found


def settle(rule: Rule, anchor: date, end: Target, calendar: Calendar, outer: Rule | None) -> Due:
    """Roll the end, hold it within the outer limit of the raw anchor, and say what was looked at."""
    if (outer.id if outer else None) != rule.outer:
        raise ValueError(f"{rule.id} has the outer limit {rule.outer}, not {outer.id if outer else None}")
    limit = _outer_limit(rule, anchor, calendar, outer)
    rolled, over, looked = _rolled(rule, end, calendar)
    on = _within(rule, end.start, rolled)
    if limit is not None and limit.raw <= on:
        on = limit.raw
        # months that run past the outer limit end there whatever the calendar says
        looked = (() if end.raw >= on and rule.unit != "working_day" else looked) + limit.looked_at()
    return Due(
        rule=rule.id,
        anchor=anchor,
        counted_from=end.start,
        raw=end.raw,
        on=on,
        outer_on=limit.raw if limit else None,
        provisional=any(map(calendar.is_provisional, looked)),
        counted=end.counted,
        skipped=(*end.skipped, *(skip for skip in over if skip.day < on or on < end.raw)),
        extended=end.granted,
        suspended=end.suspended,
        calendar=calendar.version,
        source=rule.source,
    )


def _outer_limit(rule: Rule, anchor: date, calendar: Calendar, outer: Rule | None) -> Target | None:
    if outer is not None:
        return target(outer, anchor, calendar)
    if rule.direction == "before":
        return None
    if rule.limit is not None:
        return target(replace(rule, value=rule.limit[0]), anchor, calendar)
    return target(rule, anchor, calendar) if rule.statutory else None


def _rolled(rule: Rule, end: Target, calendar: Calendar) -> tuple[date, tuple[Skip, ...], tuple[date, ...]]:
    """The day after rolling, the days rolled over, and every day looked at so far."""
    if end.granted:  # a granted date was told to people as it is
        return end.raw, (), ()
    if rule.roll == "none" or rule.unit == "working_day":
        return end.raw, (), end.looked_at()
    onward = rule.roll == "next_working_day"
    day = calendar.next_working_day(end.raw) if onward else calendar.previous_working_day(end.raw)
    first, last = (end.raw, day) if onward else (day + DAY, end.raw + DAY)
    over = tuple(Skip(day=off, why=calendar.why_off(off)) for off in _days(first, last))
    return day, over, (*(skip.day for skip in over), day)


def _within(rule: Rule, start: date, rolled: date) -> date:
    """Rolling never carries the end across the day it is counted from."""
    return max(start, rolled) if rule.direction == "after" else min(start, rolled)
