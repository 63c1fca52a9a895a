"""IR -> one `transitions.Machine` per definition; the only importer of transitions.

The machine decides: guards are its conditions and the next state comes from its move alone. It is shared by all threads
and holds no case; each decision drives it with a throw-away `Subject`. Measured traps of transitions 0.9.3 that shape this
file: `add_model` per call is ten times dearer; string callbacks import and run any dotted path (so only bound functions are
given); a false condition returns False without a word (so the subject gathers the reasons); machines stay flat. Guards answer
from their facts alone, so from the same state and facts an event leads to the same state for every case: the machine is asked
once, where the facts are numbers and truth (a text may be personal, and there is no end of texts).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

from transitions import EventData, Machine

from .definition import Definition, Event
from .errors import GuardFailed, NotInState, Reason, Text
from .guards import Guard

Facts = Mapping[str, object]
MOST = 4096
"""answers of the machine that are remembered"""
_PLAIN = {bool, int, type(None)}


class Subject:
    """A case for the length of one decision: where it is, what its guards may ask, and why they said no."""

    __slots__ = ("facts", "lenient", "reasons", "state")

    def __init__(self, state: str, facts: Facts, lenient: bool = False) -> None:
        self.state = state
        self.facts = facts
        self.lenient = lenient
        self.reasons: list[Reason] = []

    def holds(self, guard: Guard) -> bool:
        """Evaluate one guard; remember why it failed. Lenient (imports): unknown passes, false does not."""
        verdict = guard.evaluate(self.facts)
        if verdict.holds or (self.lenient and verdict.unknown):
            return True
        self.reasons.extend(verdict.reasons)
        return False


class Lifecycle:
    """A definition compiled: what `next_state` needs, and nothing of any case."""

    def __init__(self, definition: Definition) -> None:
        self.definition = definition
        self._machine = Machine(
            model=None,
            states=list(definition.states),
            initial=definition.initial,
            auto_transitions=False,
            send_event=True,
        )
        self._settled: dict[tuple[object, ...], str] = {}
        """(state, event, leniency, facts) -> where the machine went"""
        for event in definition.events.values():
            self._add(event)

    def _add(self, event: Event) -> None:
        for move in event.moves:
            guards = [guard for guard in (event.when, move.when) if guard is not None]
            conditions: list[str | Callable[..., bool | None]] = [_condition(guard) for guard in guards]
            for source in move.sources:
                self._machine.add_transition(event.name, source, move.to or source, conditions=conditions)

    def leads_on(self, state: str, event: str) -> bool:
        """Whether the state has this event at all, whatever its guards say."""
        return event in self._machine.events and state in self._machine.events[event].transitions

    def next_state(self, event: Event, subject: Subject) -> str:
        """Where the event leads. Raises NotInState, or GuardFailed with every failed clause."""
        facts = subject.facts
        asked = (subject.state, event.name, subject.lenient, *facts, *facts.values())
        plain = _PLAIN.issuperset(map(type, facts.values()))
        if plain and (settled := self._settled.get(asked)) is not None:
            return settled
        if not self.leads_on(subject.state, event.name):
            raise NotInState([_not_in_state(self.definition, event, subject.state)])
        if not self._machine.events[event.name].trigger(subject):
            raise GuardFailed(subject.reasons)
        if plain:
            if len(self._settled) >= MOST:
                self._settled.clear()
            self._settled[asked] = subject.state
        return subject.state


def _condition(guard: Guard) -> Callable[[EventData], bool]:
    def condition(event: EventData) -> bool:
        return cast("Any", event.model).holds(guard)  # type: ignore[no-any-return]

    return condition


MOST_NAMED = 4
"""states that a sentence for the desk names"""


def _not_in_state(definition: Definition, event: Event, state: str) -> Reason:
    here = definition.states[state].title
    sources = {source for move in event.moves for source in move.sources}
    there = [definition.states[name].title for name in definition.states if name in sources]
    few, many = len(there) <= MOST_NAMED, len(there)
    return Reason(
        code="state",
        plain=None
        if few
        else Text(
            f"现在是“{here.zh}”，“{event.title.zh}”只能在“{'、'.join(t.zh for t in there[:MOST_NAMED])}”等 {many} 种状态时进行",
            f"the case is '{here.en}'; '{event.title.en}' is possible in {many} other states, such as '{there[0].en}'",
        ),
        text=Text(
            f"现在是“{here.zh}”，“{event.title.zh}”只能在“{'、'.join(t.zh for t in there)}”时进行",
            f"the case is '{here.en}'; '{event.title.en}' is possible only when '{', '.join(t.en for t in there)}'",
        ),
    )
