"""Published suggestions as the store holds them: each with its history, its children, and whether its reply was in time.

Nothing here reads the files again; an unknown date is None, a partial one keeps its precision.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from workflow import Case, Engine, HistoryEntry

from .records import PartialDate

RECORDS = "published/records"
TIMELINES = "published/timelines"
INFERRED = "inferred"
"""the reason of a step that no page prints"""
PRINTED = "printed"
PAGE = 200
SOURCE = "record_source"

Verdict = Literal["in_time", "late", "unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """One suggestion with its history, and its children with theirs."""

    case: Case
    lines: tuple[HistoryEntry, ...]
    children: tuple[tuple[Case, tuple[HistoryEntry, ...]], ...]

    def said(self, name: str) -> Any:
        """What the case holds under that name, or None."""
        return self.case.data.get(name)

    def on(self, *events: str) -> str | None:
        """The printed date of the first of these events that has one."""
        return next((e.effective_on for e in self.lines if e.event in events and e.effective_on), None)

    @property
    def source(self) -> HistoryEntry | None:
        """The line that says where it comes from."""
        return next((line for line in self.lines if line.event == SOURCE), None)

    @property
    def note(self) -> str:
        """The first note on its source."""
        return str(self.source.data.get("source_note", "")) if self.source else ""

    @property
    def units(self) -> tuple[str, ...]:
        """The lead unit, or all that are printed with no lead named."""
        lead, printed = self.said("lead_unit"), self.said("printed_units")
        return (lead,) if lead else tuple(printed.split("；")) if printed else ()

    @property
    def assigned_on(self) -> str | None:
        """As printed; may be partial."""
        return self.on("assign", "assign_separately")

    @property
    def replied_on(self) -> str | None:
        """As printed; may be partial."""
        return self.on("issue_reply", "separate_replies_in")

    def all_lines(self) -> Iterator[HistoryEntry]:
        """Its lines and those of its children."""
        yield from self.lines
        for _, lines in self.children:
            yield from lines


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """Whether one reply was in time, and by which rule; only for those whose due day is known."""

    story: Story
    assigned_on: str
    due_on: date
    outer_on: date | None
    replied_on: str | None
    verdict: Verdict
    basis: str

    @property
    def days(self) -> int | None:
        """From the assignment to the reply, when both days are known."""
        if self.replied_on is None or len(self.replied_on) < 10:
            return None
        return (date.fromisoformat(self.replied_on) - date.fromisoformat(self.assigned_on)).days


def stories(engine: Engine, tenant: str) -> tuple[Story, ...]:
    """All suggestions of a tenant, in the order of congress, session and number."""
    found: list[Story] = []
    after = None
    while page := engine.search(tenant=tenant, kind="suggestion", after=after, limit=PAGE):
        found += [_story(engine, case) for case in page]
        after = page[-1].id
    return tuple(sorted(found, key=_order))


def _order(story: Story) -> tuple[str, ...]:
    names = ("printed_congress", "printed_session", "printed_number", "title", "source_title")
    return (*(str(story.said(name) or "\uffff") for name in names), story.case.id)


def _story(engine: Engine, case: Case) -> Story:
    children = [(child, tuple(engine.history(child.id))) for child in engine.children(case.id)]
    return Story(case=case, lines=tuple(engine.history(case.id)), children=tuple(sorted(children, key=_age)))


def _age(child: tuple[Case, tuple[HistoryEntry, ...]]) -> tuple[object, ...]:
    """Oldest first; what began at the same instant, by what it is about."""
    case, lines = child
    return lines[0].recorded_at, str(case.data.get("promise", "")), case.party or "", case.id


def is_inferred(line: HistoryEntry) -> bool:
    """Whether no page prints this step."""
    return bool(line.data.get("@reason") == INFERRED)


def timing(story: Story) -> Timing | None:
    """Whether its reply was in time; None where no due day is known."""
    clock = next((c for c in story.case.clocks if c.name == "reply"), None)
    if clock is None or story.assigned_on is None:
        return None
    return Timing(
        story=story, assigned_on=story.assigned_on, due_on=clock.due_on, outer_on=clock.outer_on,
        replied_on=story.replied_on, verdict=_verdict(story.assigned_on, clock.due_on, story.replied_on), basis=clock.source,
    )  # fmt: skip


def is_before(day: str, other: str) -> bool:
    """Whether that day was certainly before the other, whatever their precision."""
    return PartialDate.parse(day).latest() < PartialDate.parse(other).earliest()


def _verdict(assigned_on: str, due_on: date, replied_on: str | None) -> Verdict:
    """A reply of which only the month is known is in time if its last day is, and late if its first day is.

    Of one that was sent before the assignment nobody can say: one of the two dates is wrong.
    """
    if replied_on is None or is_before(replied_on, assigned_on):
        return "unknown"
    day = PartialDate.parse(replied_on)
    if day.latest() <= due_on:
        return "in_time"
    return "late" if day.earliest() > due_on else "unknown"
