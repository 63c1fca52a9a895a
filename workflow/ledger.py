"""A deadline as it is stored: an anchor and what has happened to the clock since.

The due day is not among the stored facts. It is derived from the entries, from the rule that was in
force on the anchor, and from a calendar; a new calendar therefore moves the days it should move.
A ledger is a value: every change gives a new one with one more entry, or a refusal with reasons.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Literal, NamedTuple, cast, get_args

from .calendars import Calendar
from .errors import DeadlineRefused, Reason, Text
from .periods import Due, Rule, RuleBook, settle, shifted, target

__all__ = ["Entry", "Kind", "Ledger"]

Kind = Literal["start", "stop", "extend", "suspend", "resume", "reset"]
FORMAT = 1

REFUSALS = {
    "stopped": Text("期限已于 {day} 终止", "the clock was stopped on {day}"),
    "too_early": Text("早于起算日 {day}", "before {day}, when the clock started"),
    "statutory": Text("法定期限不得中止", "a statutory clock cannot be suspended"),
    "suspended": Text("期限已中止", "the clock is suspended already"),
    "not_suspended": Text("期限没有中止", "the clock is not suspended"),
    "over": Text("期限已于 {day} 届满", "the period ended on {day}"),
    "nobody": Text("没有写明批准人", "nobody is named who grants it"),
    "granted_before_asked": Text("批准早于申请", "granted before it was asked for"),
    "asked_late": Text("延期应在期满日 {day} 之前（含当日）申请", "an extension must be asked for by {day}"),
    "not_later": Text("新期限应晚于 {day}", "the new day must be later than {day}"),
    "past_outer": Text("不得超过最迟期限 {day}", "nothing may pass the outer limit {day}"),
}


class Entry(NamedTuple):
    """One line of a ledger: what happened to the clock, on which civil day, why and by whom."""

    kind: Kind
    on: date
    reason: str = ""
    by: str = ""
    until: date | None = None
    """The new due day of an extension."""
    asked_on: date | None = None
    """The day an extension was asked for."""

    def to_data(self) -> list[str]:
        """As JSON: the fields in their order, dates in ISO, empty ones at the end left out."""
        kind, on, reason, by, until, asked_on = self
        if until is None and asked_on is None:
            said = [kind, on.isoformat(), reason, by]
            return said if by else said[: 3 if reason else 2]
        data = [kind, on.isoformat(), reason, by, until.isoformat() if until else ""]
        return [*data, asked_on.isoformat()] if asked_on else data

    @classmethod
    def from_data(cls, data: Sequence[str]) -> Entry:
        """The inverse of `to_data`. Raises ValueError for anything it did not write."""
        match data:
            case [str(kind), str(on), *more] if kind in _KINDS and len(more) <= len(_REST):
                reason, by, until, asked_on = (*more, *_REST[len(more) :])
                return cls(
                    cast("Kind", kind), date.fromisoformat(on), reason, by, _day(until), _day(asked_on)
                )
            case _:
                raise ValueError(f"not an entry of a ledger: {data}")


def _day(text: str) -> date | None:
    return date.fromisoformat(text) if text else None


_REST = ("", "", "", "")
_KINDS = frozenset(get_args(Kind))


@dataclass(slots=True, kw_only=True, eq=False)
class Ledger:
    """One clock of one case. A value: every change gives a new ledger with one more entry.

    Most clocks of a case that is read stand still, so what is stored is made into entries when somebody asks for them. Nothing
    else is ever set on one; `frozen` would make it three times dearer to make, and each event makes two.
    """

    rule: str
    anchor: date
    """The day the rule counts from, e.g. 交办之日. It never changes, and statutory limits count from it."""
    calendar: str
    """The version of the calendar known when the clock started."""
    lines: Sequence[Entry | Sequence[str]] = ()
    """`entries`, perhaps as they are stored."""
    rules: str = ""
    """The version of the place's rules by which it began and goes on; empty: whatever book it is asked with."""

    @property
    def entries(self) -> tuple[Entry, ...]:
        """What happened to the clock, in order. Raises ValueError when what is stored is nothing we wrote."""
        lines = self.lines
        if type(lines) is not tuple:
            lines = tuple([line if isinstance(line, Entry) else Entry.from_data(line) for line in lines])
            self.lines = lines
        return lines  # type: ignore[return-value] # a tuple is one of entries

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Ledger) and self._said() == other._said()

    def __hash__(self) -> int:
        return hash(self._said())

    def _said(self) -> tuple[object, ...]:
        return self.rule, self.anchor, self.calendar, self.entries, self.rules

    @classmethod
    def start(
        cls, rule: str, anchor: date, calendar: Calendar, reason: str = "", by: str = "", rules: str = ""
    ) -> Ledger:
        """A clock that runs from that day."""
        entry = Entry("start", anchor, reason, by)
        return cls(rule=rule, anchor=anchor, calendar=calendar.version, lines=(entry,), rules=rules)

    @property
    def stopped_on(self) -> date | None:
        """The day it was stopped, or None while it runs."""
        last = self._last("start", "stop", "reset")
        return last.on if last and last.kind == "stop" else None

    @property
    def last_on(self) -> date | None:
        """The day of the last entry, read without the others."""
        last = self.lines[-1] if self.lines else None
        on = last[1] if last else None
        return date.fromisoformat(on) if isinstance(on, str) else on

    @property
    def running(self) -> bool:
        """Whether it was not stopped; a suspended clock runs in this sense."""
        return self.stopped_on is None

    @property
    def suspended_on(self) -> date | None:
        """The day from which it stands still, or None."""
        last = self._last("suspend", "resume", "reset")
        return last.on if last and last.kind == "suspend" else None

    @property
    def counted_from(self) -> date:
        """The day of the last reset, else the anchor."""
        last = self._last("reset")
        return last.on if last else self.anchor

    def stop(self, on: date, reason: str = "", by: str = "") -> Ledger:
        """The clock stopped on that day: answered, withdrawn. Raises DeadlineRefused."""
        if self.stopped_on is not None or on < self.counted_from:
            _refuse(*self._not_running(), *self._too_early(on))
        return self._with(Entry("stop", on, reason, by))

    def reset(self, on: date, reason: str = "", by: str = "") -> Ledger:
        """Count anew from that day. Raises DeadlineRefused.

        While the clock runs, e.g. for another unit, the outer limit still counts from the anchor. A
        stopped clock wakes for a new round with a new outer limit, except that a statutory one stays.
        """
        _refuse(*self._too_early(on))
        return self._with(Entry(kind="reset", on=on, reason=reason, by=by))

    def suspend(self, on: date, reason: str, book: RuleBook, calendar: Calendar, by: str = "") -> Ledger:
        """The clock stands still from that day. Raises DeadlineRefused, always for a statutory rule."""
        rule = book.rule(self.rule, self.anchor)
        outer, now = book.outer(rule, self.anchor), self.due(book, calendar).on
        _refuse(
            *self._not_running(),
            *self._too_early(on),
            *_when(rule.statutory or (outer is not None and outer.statutory), "statutory"),
            *_when(self.suspended_on is not None, "suspended"),
            *_when(on > now, "over", now),
        )
        return self._with(Entry(kind="suspend", on=on, reason=reason, by=by))

    def resume(self, on: date, reason: str = "", by: str = "") -> Ledger:
        """The clock counts again from that day, that day included. Raises DeadlineRefused."""
        since = self.suspended_on
        _refuse(
            *self._not_running(),
            *_when(since is None, "not_suspended"),
            *_when(since is not None and on < since, "too_early", since),
        )
        return self._with(Entry(kind="resume", on=on, reason=reason, by=by))

    def extend(
        self,
        until: date,
        on: date,
        by: str,
        reason: str,
        book: RuleBook,
        calendar: Calendar,
        asked_on: date | None = None,
    ) -> Ledger:
        """An extension granted on that day by that person; asked on `asked_on`, or the same day.

        It must be asked by the due day, may be granted later, and cannot pass the outer limit, which
        counts from the anchor (代表法 2025 art. 51). Raises DeadlineRefused with every reason.
        """
        asked, now = asked_on or on, self.due(book, calendar)
        _refuse(
            *self._not_running(),
            *self._too_early(asked),
            *_when(not by, "nobody"),
            *_when(asked > on, "granted_before_asked"),
            *_when(asked > now.on and not now.suspended, "asked_late", now.on),
            *_when(until <= now.on or until < on, "not_later", max(now.on, on)),
            *_when(now.outer_on is not None and until > now.outer_on, "past_outer", now.outer_on),
        )
        return self._with(Entry(kind="extend", on=on, reason=reason, by=by, until=until, asked_on=asked))

    def due(self, book: RuleBook, calendar: Calendar) -> Due:
        """The due day by the rule of the anchor's day, with all entries applied. Raises RuleNotFound."""
        rule = book.rule(self.rule, self.anchor)
        end = target(rule, self.counted_from, calendar)
        since: date | None = None
        for entry in self._since_reset():
            if entry.kind == "extend" and entry.until is not None:
                end = replace(end, raw=entry.until, granted=True, counted=(), skipped=())
            elif entry.kind == "suspend":
                since = entry.on
            elif entry.kind == "resume" and since is not None:
                end, since = shifted(end, rule, since, entry.on, calendar), None
        end, outer = replace(end, suspended=since is not None), book.outer(rule, self.anchor)
        return settle(rule, self._limited_from(rule, outer), end, calendar, outer)

    def to_data(self) -> list[object]:
        """As JSON: the number of its format, rule, anchor, calendar, rules, entries. Short, for a case writes all its clocks."""
        entries = [entry.to_data() for entry in self.entries]
        return [FORMAT, self.rule, self.anchor.isoformat(), self.calendar, self.rules, entries]

    @classmethod
    def from_data(cls, data: Sequence[object]) -> Ledger:
        """The inverse of `to_data`. Raises ValueError for anything it did not write."""
        ledger = cls.stored(data)
        _ = ledger.entries
        return ledger

    @classmethod
    def stored(cls, data: Sequence[object]) -> Ledger:
        """The same, but what is wrong with an entry is said when it is asked for."""
        match data:
            case [int(number), str(rule), str(anchor), str(calendar), str(rules), list(entries)] if (
                number == FORMAT
            ):
                day = date.fromisoformat(anchor)
                return cls(rule=rule, anchor=day, calendar=calendar, lines=entries, rules=rules)
            case _:
                raise ValueError(f"not a ledger of format {FORMAT}: {data}")

    def _limited_from(self, rule: Rule, outer: Rule | None) -> date:
        """The day the outer limit counts from: a new round has its own, unless the limit is the law's."""
        if rule.statutory or (outer is not None and outer.statutory):
            return self.anchor
        since, running = self.anchor, True
        for entry in self.entries:
            if entry.kind == "reset" and not running:
                since = entry.on
            if entry.kind in ("stop", "reset"):
                running = entry.kind == "reset"
        return since

    def _with(self, entry: Entry) -> Ledger:
        entries = (*self.entries, entry)
        return Ledger(
            rule=self.rule, anchor=self.anchor, calendar=self.calendar, lines=entries, rules=self.rules
        )  # fmt: skip

    def _last(self, *kinds: Kind) -> Entry | None:
        for entry in reversed(self.entries):
            if entry.kind in kinds:
                return entry
        return None

    def _since_reset(self) -> tuple[Entry, ...]:
        last = self._last("reset")
        start = max((i for i, entry in enumerate(self.entries) if entry is last), default=-1)
        return self.entries[start + 1 :]

    def _not_running(self) -> tuple[Reason, ...]:
        stopped = self.stopped_on
        return _when(stopped is not None, "stopped", stopped)

    def _too_early(self, on: date) -> tuple[Reason, ...]:
        since = self.counted_from
        return _when(on < since, "too_early", since)


def _when(wrong: bool, code: str, day: date | None = None) -> tuple[Reason, ...]:
    if not wrong:
        return ()
    text = REFUSALS[code]
    said = Text(text.zh.format(day=day), text.en.format(day=day))
    return (Reason(code=f"deadline.{code}", text=said),)


def _refuse(*reasons: Reason) -> None:
    if reasons:
        raise DeadlineRefused(reasons)
