"""Whose duty a deadline is, and which deadlines count for a state: those that whoever holds it has to keep. Pure.

A clock is the duty of the persons who may fire the events that stop it, unless its `for` says otherwise; where a join stops it,
of the parties whose children are joined. In a state the clocks of its very holders count; without one, those of others on their
side (the head of the unit whose clerk holds the case). A clock that nobody can stop is everybody's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from .definition import ClockRule, Definition, Holder, State
from .family import Family, Record

__all__ = ["Duties", "due_day"]

Side = tuple[str | None, str | None, bool]


class Duties:
    """The duties of one definition."""

    __slots__ = ("_by_state", "awaits", "whose")

    def __init__(self, definition: Definition) -> None:
        self.whose: Mapping[str, tuple[Holder, ...]] = {
            clock.name: tuple(_whose(definition, clock)) for clock in definition.clocks.values()
        }
        """clock -> who has to keep it; nobody: everybody"""
        self.awaits: Mapping[str, frozenset[str]] = {
            state.name: frozenset(state.awaits) for state in definition.states.values() if state.awaits
        }
        """state -> the slots whose open children are waited for there"""
        self._by_state = {state.name: self._of(state) for state in definition.states.values()}

    def counting(self, state: str, running: Iterable[str], *, awaited: bool = False) -> list[str]:
        """Which of these clocks count in that state, perhaps none; `awaited`: beside those of children that are waited for."""
        very, side = self._by_state.get(state, (frozenset(), frozenset()))
        names = list(running)
        found = [name for name in names if name in very]
        return found if found or awaited else [name for name in names if name in side]

    def keepers(self, state: State, clock: str) -> tuple[Holder, ...]:
        """Who has to keep that clock in that state: those of its holders whose duty it is; whoever's duty it is, where it is none
        of theirs; all its holders, where it is everybody's.
        """
        whose = self.whose.get(clock, ())
        very = {(h.role, h.relation, h.of_root) for h in whose}
        found = [h for h in state.holder if (h.role, h.relation, h.of_root) in very]
        sides = {_side(h) for h in whose}
        return tuple(found or [h for h in state.holder if _side(h) in sides] or whose or state.holder)

    def _of(self, state: State) -> tuple[frozenset[str], frozenset[str]]:
        very = {(h.role, h.relation, h.of_root) for h in state.holder}
        sides = {_side(h) for h in state.holder}
        return (
            frozenset(
                name for name, whose in self.whose.items()
                if not whose or not very or any((h.role, h.relation, h.of_root) in very for h in whose)
            ),
            frozenset(name for name, whose in self.whose.items() if any(_side(h) in sides for h in whose)),
        )  # fmt: skip


def due_day(duties: Callable[[Record], Duties], family: Family, record: Record) -> str | None:
    """The day that orders a case in lists: the earliest that counts in its state, or in those of the children it waits for."""
    own = duties(record)
    slots = own.awaits.get(record.state, ())
    awaited = [
        day
        for child in (family.records.values() if slots else ())
        if child.slot in slots and not child.closed and (day := due_day(duties, family, child)) is not None
    ]
    running = [name for name, clock in record.clocks.items() if clock.running]
    days = [record.clocks[name].due_on for name in own.counting(record.state, running, awaited=bool(awaited))]
    return min([*days, *awaited], default=None)


def _side(holder: Holder) -> Side:
    """All who stand in one relation are of one side; who holds a role alone is a side of his own."""
    return (None if holder.relation else holder.role, holder.relation, holder.of_root)


def _whose(definition: Definition, clock: ClockRule) -> Iterator[Holder]:
    if clock.duty:
        yield from clock.duty
        return
    for name in clock.stops:
        event = definition.start if name == "start" else definition.events.get(name)
        if event is not None:  # what is stored may be of a version that nobody has proved
            yield from event.by
        for slot in definition.children.values():
            if slot.then == name and slot.one_per is not None:
                yield Holder(relation=slot.one_per)
