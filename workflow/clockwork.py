"""What an event does to the clocks of its case: extends, stops, starts them, counts them anew; the end of a case stops them all.

How a clock counts is timers.py's and the ledger's; here is only which of them an event touches, and from which day.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from . import timers
from .definition import Event
from .draft import Draft
from .errors import FormInvalid, GuardFailed, Reason
from .family import ClockState, Record
from .laws import Law

__all__ = ["run"]

Clocks = Mapping[str, ClockState]


def run(
    draft: Draft, law: Law, event: Event, record: Record, data: Mapping[str, Any], shown: dict[str, Any], *, ends: bool
) -> Clocks:  # fmt: skip
    """The case's clocks after the event; those it touched are added to what the line shows. Raises DeadlineRefused,
    FormInvalid, GuardFailed.
    """
    if event.name in law.asks and not draft.act.imported:
        _within(law, event, data, record.clocks)
    if not ends and event.name not in law.touching:
        return record.clocks
    clocks = dict(record.clocks)
    touched = [
        *(_extend(draft, law, event, data, clocks) if event.name in law.extends else ()),
        *_stop(draft, law.stops.get(event.name, ()), event, clocks),
        *_start(draft, law, event, record, data, clocks),
        *(_anew(draft, law, event, clocks) if event.name in law.anew else ()),
        *_stand_still(draft, law, event, clocks),
        *(_stop(draft, tuple(clocks), event, clocks) if ends else ()),
    ]
    for name in touched:
        draft.step.clocks[record.id, name] = None
        shown[f"@clock.{name}"] = clocks[name].told()
    return clocks if touched else record.clocks


def _extend(
    draft: Draft, law: Law, event: Event, data: Mapping[str, Any], clocks: dict[str, ClockState]
) -> list[str]:
    touched = []
    for name in law.extends.get(event.name, ()):
        until = data.get(law.definition.clocks[name].extends[event.name])
        if name in clocks and until is not None:
            asked = draft.asked_on or draft.act.day
            clocks[name] = timers.extend(
                draft.laws, clocks[name], date.fromisoformat(until), draft.act, asked
            )
            touched.append(name)
    return touched


def _within(law: Law, event: Event, data: Mapping[str, Any], clocks: Clocks) -> None:
    """What is asked for could be granted: no day beyond the outer limit. Raises FormInvalid."""
    for name in law.asks[event.name]:
        asked, clock = law.definition.clocks[name].asks[event.name], clocks.get(name)
        last, until = clock.outer_on if clock and clock.running else None, data.get(asked)
        if last is not None and until is not None and until > last:
            title = law.definition.fields[asked].title
            zh, en = f"{title.zh}：最长至 {last}", f"{title.en} may not lie after {last}, the outer limit"
            raise FormInvalid([Reason.of("form.past_outer", zh, en, field=asked)])


def _stop(draft: Draft, names: tuple[str, ...], event: Event, clocks: dict[str, ClockState]) -> list[str]:
    touched = [name for name in names if name in clocks and clocks[name].running]
    for name in touched:
        clocks[name] = timers.stop(clocks[name], draft.act.known_day, event.name)
    return touched


def _start(
    draft: Draft, law: Law, event: Event, record: Record, data: Mapping[str, Any], clocks: dict[str, ClockState]
) -> list[str]:  # fmt: skip
    touched = []
    for name in law.starts.get(event.name, ()):
        anchor = _anchor(draft, law, name, data)
        rule = _rule(draft, law, name, record, data, anchor) if anchor is not None else None
        if anchor is not None and rule is not None:
            clocks[name] = timers.start(draft.laws, rule, clocks.get(name), anchor, draft.act)
            touched.append(name)
    return touched


def _stand_still(draft: Draft, law: Law, event: Event, clocks: dict[str, ClockState]) -> list[str]:
    """Running clocks that stand still from this event on, and those that count again."""
    touched = []
    for name in law.suspends.get(event.name, ()):
        if name in clocks and clocks[name].running and clocks[name].ledger.suspended_on is None:
            clocks[name] = timers.suspend(draft.laws, clocks[name], draft.act, event.name)
            touched.append(name)
    for name in law.resumes.get(event.name, ()):
        if name in clocks and clocks[name].running and clocks[name].ledger.suspended_on is not None:
            clocks[name] = timers.resume(draft.laws, clocks[name], draft.act, event.name)
            touched.append(name)
    return touched


def _anew(draft: Draft, law: Law, event: Event, clocks: dict[str, ClockState]) -> list[str]:
    """Running clocks that this place counts from this event, and not from the one that started them."""
    touched, day = [], draft.act.known_day
    for name in law.anew.get(event.name, ()):
        declared, clock = law.definition.clocks[name], clocks.get(name)
        if day is None or clock is None or not clock.running or day <= clock.ledger.counted_from:
            continue
        if draft.laws.in_force(declared.anew[event.name], day) is True:
            clocks[name] = timers.start(draft.laws, clock.ledger.rule, clock, day, draft.act)
            touched.append(name)
    return touched


def _anchor(draft: Draft, law: Law, clock: str, data: Mapping[str, Any]) -> date | None:
    """The clock's first day; None when an imported record does not know it. No clock is better than an invented one.
    Raises FormInvalid for a day ahead, where the clock does not count from planned days.
    """
    declared = law.definition.clocks[clock]
    if declared.anchor is None:
        return draft.act.known_day
    given = data.get(declared.anchor)
    anchor = date.fromisoformat(given) if given else None
    if anchor is not None and anchor > draft.act.day and not declared.planned and not draft.act.imported:
        # Otherwise whoever fills the form could grant himself years.
        title, day = law.definition.fields[declared.anchor].title, draft.act.day
        zh, en = f"{title.zh}：不能晚于 {day}", f"{title.en} may not lie after {day}"
        raise FormInvalid([Reason.of("form.ahead", zh, en, field=declared.anchor)])
    return anchor


def _rule(
    draft: Draft, law: Law, clock: str, record: Record, data: Mapping[str, Any], anchor: date
) -> str | None:
    """The rule the clock follows: the first whose guard holds; what is unknown is refused. None when an imported record does
    not know it, or nothing was in force then.
    """
    declared, imported = law.definition.clocks[clock], draft.act.imported
    rule = declared.rule
    for one in declared.instead:
        verdict = one.when.evaluate(draft.view(law, record, {**record.data, **data}).facts(one.when.names))
        if verdict.unknown and imported:
            return None
        if verdict.unknown:
            raise GuardFailed(verdict.reasons)
        if verdict.holds:
            rule = one.rule
            break
    return rule if not imported or draft.laws.has_rule(rule, anchor) else None
