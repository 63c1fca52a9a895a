"""The statutory clock: was it in time, when to warn, and why that day.

A deadline is a ledger, not an instant (workflow/ledger.py); how a period ends is said in
workflow/periods.py. This is the front door to both. Nothing here knows the present day: "overdue"
is a question asked with a day in hand, and never a stored fact.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from itertools import count, groupby
from types import MappingProxyType
from typing import Literal

from .calendars import DAY, Calendar, PartialDate
from .days import Day, days
from .errors import Text
from .ledger import Entry, Ledger
from .periods import Due, Rule, RuleBook, RuleFault, RuleNotFound, Skip, due

__all__ = [
    "Day",
    "Due",
    "Entry",
    "Explanation",
    "Ledger",
    "PartialDate",
    "Rule",
    "RuleBook",
    "RuleFault",
    "RuleNotFound",
    "Rung",
    "Skip",
    "Timeliness",
    "due",
    "explain",
    "length",
    "overdue_ladder",
    "rungs",
    "timeliness",
]

Timeliness = Literal["in_time", "late", "running", "overdue", "unknown"]
OVERDUE_STEPS = (1, 3, 7)
WEEK = 7


def timeliness(
    clock: Ledger | PartialDate | date,
    answered_on: PartialDate | date | None,
    today: date,
    *,
    book: RuleBook,
    calendar: Calendar,
    rule: str = "",
) -> Timeliness:
    """Whether it was, or still can be, done in time.

    `clock` is a ledger, or the anchor of an old record, then with the id of its `rule`. A stopped
    ledger counts as answered on the day it stopped. Dates of which only the month or the year is
    known give `unknown` unless the first and the last day they can mean agree. Raises RuleNotFound.
    """
    if isinstance(clock, Ledger):
        now = clock.due(book, calendar)
        if now.suspended and clock.running and answered_on is None:
            return "running"
        return _compare((now.on, now.on), answered_on or clock.stopped_on, today)
    first, last = (Ledger.start(rule, anchor, calendar).due(book, calendar).on for anchor in _ends(clock))
    return _compare((first, last), answered_on, today)


def _ends(day: PartialDate | date) -> tuple[date, date]:
    return (day, day) if isinstance(day, date) else (day.earliest(), day.latest())


def _compare(due_on: tuple[date, date], answered: PartialDate | date | None, today: date) -> Timeliness:
    first, last = _ends(answered or today)
    if last <= due_on[0]:
        return "in_time" if answered else "running"
    if first > due_on[1]:
        return "late" if answered else "overdue"
    return "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rung:
    """One warning: so many days before the due day; negative when that day is over."""

    days_before: int
    on: date


def rungs(rule: Rule, due: date, anchor: date, calendar: Calendar) -> tuple[Rung, ...]:
    """When to warn before that due day, earliest first.

    Working days before it for a rule of working days, calendar days otherwise; what would fall on
    the anchor or before it is dropped.
    """
    working = rule.unit == "working_day"
    days = {n: calendar.add_working_days(due, -n) if working else due - n * DAY for n in rule.warn}
    return tuple(Rung(days_before=n, on=days[n]) for n in sorted(days, reverse=True) if days[n] > anchor)


def overdue_ladder(due: date) -> Iterator[Rung]:
    """When to urge after that due day: 1, 3 and 7 calendar days later, then every week without end."""
    yield from (Rung(days_before=-n, on=due + n * DAY) for n in OVERDUE_STEPS)
    yield from (Rung(days_before=-n, on=due + n * DAY) for n in count(OVERDUE_STEPS[-1] + WEEK, WEEK))


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Why a deadline is on that day, in words for the person who must keep it."""

    sentence: Text
    lines: tuple[Text, ...]
    source: str
    days: tuple[Day, ...] = ()
    """every day from the first to the due day, to be drawn; see `workflow/days.py`"""
    extended: tuple[tuple[date, date], ...] = ()
    """of each extension the due day before it and the one it gave"""

    def __str__(self) -> str:
        lines = [self.sentence, *self.lines]
        return "\n".join([*(line.zh for line in lines), "", *(line.en for line in lines)])


def explain(
    ledger: Ledger, book: RuleBook, calendar: Calendar, titles: Mapping[str, Text] = MappingProxyType({})
) -> Explanation:
    """Every step from the anchor to the due day, with the source of the rule; `titles`: what events are called. Raises
    RuleNotFound.
    """
    rule, now = book.rule(ledger.rule, ledger.anchor), ledger.due(book, calendar)
    left_out = {"extend"} if rule.unit == "working_day" else {"extend", "suspend", "resume"}
    plain = replace(ledger, lines=tuple(e for e in ledger.entries if e.kind not in left_out))
    base = plain.due(book, calendar)
    lines = (
        *_counting(rule, base, calendar),
        *_events(ledger, book, calendar, titles),
        *_moved(base, now),
        *_rolling(rule, now, calendar),
        *_limits(rule, now, book.outer(rule, ledger.anchor)),
        Text(f"工作日历 {now.calendar}", f"calendar {now.calendar}"),
        Text(f"依据 {now.source or '无'}", f"source: {now.source or 'none'}"),
    )
    return Explanation(
        sentence=_sentence(rule, now), lines=lines, source=now.source, days=days(ledger, now, calendar),
        extended=tuple(_extensions(ledger, book, calendar)),
    )  # fmt: skip


WEEKDAYS = tuple(zip("一二三四五六日", ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"), strict=True))
UNITS = {
    "month": ("个月", "month"),
    "calendar_day": ("日", "calendar day"),
    "working_day": ("个工作日", "working day"),
}


def _named(day: date) -> Text:
    zh, en = WEEKDAYS[day.weekday()]
    return Text(f"{day}（周{zh}）", f"{day} ({en})")


def length(rule: Rule) -> Text:
    """What a rule says, in words: `3 个月`, `每年 09-30`, `2 次`, or the switch as it stands."""
    if rule.unit == "times":
        return Text(f"{rule.value} 次", f"{rule.value} time{'' if rule.value == 1 else 's'}")
    if isinstance(rule.value, bool):
        return Text("是", "yes") if rule.value else Text("否", "no")
    if rule.unit == "switch":
        value = ", ".join(rule.value) if isinstance(rule.value, tuple) else str(rule.value)
        return Text(value, value)
    if not rule.is_period:
        return Text(f"每年 {rule.value}", f"{rule.value} of each year")
    zh, en = UNITS[rule.unit]
    return Text(f"{rule.value} {zh}", f"{rule.value} {en}{'' if rule.value == 1 else 's'}")


def _sentence(rule: Rule, now: Due) -> Text:
    start, end, long = _named(now.counted_from), _named(now.on), length(rule)
    before = rule.direction == "before"
    later = Text("，准予延期", ", extended") if now.extended else Text("", "")
    guess = Text("，此日期为暂定", ", provisionally") if now.provisional else Text("", "")
    zh = f"{start.zh}前" if before else f"自 {start.zh}起"
    en = f"{long.en} {'before' if before else 'from'} {start.en}"
    if rule.value == 0:  # a day that somebody named, not a period
        return Text(
            f"{rule.title.zh}：所定日期为 {start.zh}{later.zh}，期满日为 {end.zh}{guess.zh}。",
            f"{rule.title.en}: the day named is {start.en}{later.en}; due by {end.en}{guess.en}.",
        )
    return Text(
        f"{rule.title.zh}：{zh} {long.zh}{later.zh}，期满日为 {end.zh}{guess.zh}。",
        f"{rule.title.en}: {en}{later.en}; due by {end.en}{guess.en}.",
    )


def _counting(rule: Rule, base: Due, calendar: Calendar) -> Iterator[Text]:
    start, raw, long = _named(base.counted_from), _named(base.raw), length(rule)
    if not rule.is_period:
        yield Text(f"{long.zh}：{raw.zh}", f"{long.en}: {raw.en}")
        return
    yield Text(f"{start.zh}为起算日，不计入", f"{start.en} is the first day and is not counted")
    if rule.unit == "working_day":
        yield from _working_days(base, calendar)
        return
    sign = "-" if rule.direction == "before" else "+"
    clamped = rule.unit == "month" and base.raw.day < base.counted_from.day
    month_end = Text("（当月无对应日，取月末）", " (no such day in that month: its last day)")
    note = month_end if clamped else Text("", "")
    yield Text(
        f"{base.counted_from} {sign} {long.zh} = {raw.zh}{note.zh}",
        f"{base.counted_from} {sign} {long.en} = {raw.en}{note.en}",
    )


def _working_days(base: Due, calendar: Calendar) -> Iterator[Text]:
    """The days in the order they were met; days off in a row with one reason share a line."""
    why = {skip.day: skip.why for skip in base.skipped}
    backwards = base.raw < base.counted_from
    days = sorted({*why, *base.counted}, reverse=backwards)
    number = 0
    for reason, group in groupby(days, key=why.get):
        if reason is not None:
            yield _skipped(reason, tuple(group))
            continue
        for day in group:
            number += 1
            yield _counted(number, day, worked_weekend=day in calendar.makeup)


def _counted(number: int, day: date, *, worked_weekend: bool) -> Text:
    named = _named(day)
    note = Text("，调休上班", ", a working weekend day") if worked_weekend else Text("", "")
    return Text(f"第 {number} 个工作日 {named.zh}{note.zh}", f"working day {number}: {named.en}{note.en}")


def _skipped(why: Text, days: tuple[date, ...]) -> Text:
    first, last = _named(min(days)), _named(max(days))
    if len(days) == 1:
        return Text(f"跳过 {first.zh}：{why.zh}", f"skipped {first.en}: {why.en}")
    return Text(f"跳过 {first.zh}至 {last.zh}：{why.zh}", f"skipped {first.en} to {last.en}: {why.en}")


def _extensions(ledger: Ledger, book: RuleBook, calendar: Calendar) -> Iterator[tuple[date, date]]:
    for index, entry in enumerate(ledger.entries):
        if entry.kind == "extend" and entry.until:
            yield replace(ledger, lines=ledger.entries[:index]).due(book, calendar).on, entry.until


def _events(ledger: Ledger, book: RuleBook, calendar: Calendar, titles: Mapping[str, Text]) -> Iterator[Text]:
    extended = _extensions(ledger, book, calendar)
    for entry in ledger.entries:
        if entry.kind == "extend":
            yield _event(entry, titles, next(extended)[0])
        elif entry.kind != "start":
            yield _event(entry, titles)


def _event(entry: Entry, titles: Mapping[str, Text], old: date | None = None) -> Text:
    zh, en = EVENTS[entry.kind]
    if entry.kind == "extend":
        zh = f"{zh} {entry.until}（原期满日 {old}，{entry.asked_on} 申请）"
        en = f"{en} {entry.until} (was {old}, asked on {entry.asked_on})"
    by = Text(f"，{entry.by}", f" by {entry.by}") if entry.by else Text("", "")
    why = titles.get(entry.reason, Text(entry.reason, entry.reason))
    said = Text(f"：{why.zh}", f": {why.en}") if entry.reason else Text("", "")
    return Text(f"{entry.on} {zh}{by.zh}{said.zh}", f"{entry.on} {en}{by.en}{said.en}")


EVENTS = {
    "start": ("起算", "started"),
    "stop": ("终止", "stopped"),
    "extend": ("准予延期至", "extended to"),
    "suspend": ("中止", "suspended"),
    "resume": ("恢复", "resumed"),
    "reset": ("重新起算", "counted anew"),
}


def _moved(base: Due, now: Due) -> Iterator[Text]:
    if base.raw != now.raw and not now.extended:
        raw = _named(now.raw)
        yield Text(f"加上中止的时间为 {raw.zh}", f"with the time it stood still: {raw.en}")


def _rolling(rule: Rule, now: Due, calendar: Calendar) -> Iterator[Text]:
    if rule.unit == "working_day" or now.extended or not now.skipped:
        return
    for why, group in _runs(now.skipped):
        yield _skipped(why, group)
    onward = rule.roll == "next_working_day"
    end = calendar.next_working_day(now.raw) if onward else calendar.previous_working_day(now.raw)
    named = _named(end)
    zh, en = ("顺延至", "rolled on to") if onward else ("提前至", "rolled back to")
    yield Text(f"期满日逢休息日，{zh} {named.zh}", f"the last day is off: {en} {named.en}")


def _runs(skips: Iterable[Skip]) -> Iterator[tuple[Text, tuple[date, ...]]]:
    for why, group in groupby(skips, key=lambda skip: skip.why):
        yield why, tuple(skip.day for skip in group)


def _limits(rule: Rule, now: Due, outer: Rule | None) -> Iterator[Text]:
    if now.outer_on is not None:
        limit, source = _named(now.outer_on), (outer or rule).source
        yield Text(
            f"最迟期限 {limit.zh}，自 {now.anchor} 计算，逢休息日不顺延（{source}）",
            f"outer limit {limit.en}, counted from {now.anchor}, never rolled ({source})",
        )
        if now.on == now.outer_on and now.on != now.raw:
            yield Text("以最迟期限为准", "the outer limit prevails")
    if now.suspended:
        yield Text("期限中止中，恢复后重新计算", "the clock stands still; the day moves when it resumes")
    if now.provisional:
        yield Text(
            "所涉日期的放假安排尚未公布，日期为暂定，公布后重算",
            "no holiday notice covers these days yet: provisional, to be computed again when it appears",
        )
