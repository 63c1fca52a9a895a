"""What can be proved of a definition before any case follows it.

The states are nodes, the moves of events are edges; guards are taken to be satisfiable. From that:
every state is reached and leads to an end; ends are ends; every event has somebody or something that
sets it off; every loop is bounded or says why not; every waiting state has somebody who acts or a
clock that runs out; every clock starts, and can stop or end.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from .definition import ClockRule, Definition, Event
from .errors import Text

__all__ = ["Finding", "Ties", "prove"]

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that cannot be right, and where; `key`: at the key, not the value."""

    path: Path
    code: str
    text: Text
    key: bool = True


@dataclass(frozen=True, slots=True)
class Ties:
    """What other definitions do to this one."""

    set_off: frozenset[str] = frozenset()
    """its events that children raise or parents fire"""
    carried: frozenset[str] = frozenset()
    """its fields that others fill"""
    related: frozenset[str] = frozenset()
    """its relations that a parent fills"""

    @classmethod
    def of(cls, definition: Definition, all_: Iterable[Definition]) -> Ties:
        """The ties of one definition within a whole library."""
        set_off, carried, related = set[str](), set[str](), set[str]()
        children = {slot.definition for slot in definition.children.values()}
        for other in all_:
            mine = [slot for slot in other.children.values() if slot.definition == definition.name]
            for slot in mine:
                carried.update(slot.carries)
                related.update({slot.as_} if slot.as_ else ())
            names = {slot.name for slot in mine}
            for event in (other.start, *other.events.values()):
                set_off.update(ending for slot, ending in event.ends.items() if slot in names)
                if other.name in children and event.raises:
                    set_off.add(event.raises)
                if event.begets == definition.name:
                    carried.update(other.fields)
        return cls(frozenset(set_off), frozenset(carried), frozenset(related))


def prove(definition: Definition, ties: Ties = Ties()) -> Iterator[Finding]:
    """Everything that cannot be right."""
    proof = _Proof(definition, ties)
    for check in (
        proof.reachable,
        proof.ends,
        proof.dead_ends,
        proof.triggers,
        proof.loops,
        proof.waiting,
        proof.clocks,
        proof.idle,
    ):
        yield from check()


@dataclass(frozen=True, slots=True)
class _Edge:
    event: str
    source: str
    target: str


class _Proof:
    def __init__(self, definition: Definition, ties: Ties) -> None:
        self.definition = definition
        self.ties = ties
        self.edges = [
            _Edge(event.name, source, move.to or source)
            for event in definition.events.values()
            for move in event.moves
            for source in move.sources
        ]
        self.leaving: dict[str, list[_Edge]] = defaultdict(list)
        for edge in self.edges:
            self.leaving[edge.source].append(edge)
        self.reached = _closure({definition.initial}, self._next)

    def _next(self, state: str) -> Iterator[str]:
        return (edge.target for edge in self.leaving[state])

    def _title(self, state: str) -> Text:
        return self.definition.states[state].title

    # -- states

    def reachable(self) -> Iterator[Finding]:
        """Every state can be reached from the initial one."""
        for name in self.definition.states:
            if name not in self.reached:
                yield _finding(
                    ("states", name), "unreachable", f"{name} 无法到达", f"{name} cannot be reached"
                )

    def ends(self) -> Iterator[Finding]:
        """Nothing leads out of an end."""
        for event in self.definition.events.values():
            for state in sorted({edge.source for edge in self.edges if edge.event == event.name}):
                if self.definition.states[state].end:
                    yield _finding(
                        ("events", event.name),
                        "end_with_exit",
                        f"{state} 是结束状态，不能再有 {event.name}",
                        f"{state} is an end: {event.name} cannot happen there",
                    )

    def dead_ends(self) -> Iterator[Finding]:
        """From every state an end can be reached."""
        states = self.definition.states
        ends = {name for name, state in states.items() if state.end}
        if not ends:
            yield _finding(("states",), "no_end", "没有结束状态", "there is no end")
            return
        back: dict[str, list[str]] = defaultdict(list)
        for edge in self.edges:
            back[edge.target].append(edge.source)
        saved = _closure(ends, lambda state: back[state])
        for name in states:
            if name not in saved:
                yield _finding(
                    ("states", name),
                    "dead_end",
                    f"从 {name} 无法到达任何结束状态",
                    f"no end can be reached from {name}",
                )

    # -- events

    def triggers(self) -> Iterator[Finding]:
        """Every automatic event is set off by something that can."""
        timers = {clock.missed for clock in self.definition.clocks.values()}
        joins = {slot.then for slot in self.definition.children.values()} | self.ties.set_off
        for event in self.definition.events.values():
            if event.automatic == "join" and event.name not in joins:
                yield _finding(
                    ("events", event.name),
                    "never_triggered",
                    f"没有任何 then、raises 或 ends 触发 {event.name}",
                    f"no then, raises or ends sets off {event.name}",
                )
            if event.automatic in ("notice", "lapse") and event.name not in timers:
                yield _finding(
                    ("events", event.name),
                    "never_triggered",
                    f"没有任何期限的 missed 触发 {event.name}",
                    f"no clock's missed sets off {event.name}",
                )

    def loops(self) -> Iterator[Finding]:
        """Every loop is bounded or says why not; no loop turns by itself.

        An event that stays in its state is no loop when a person fires it: each time is his decision.
        """
        events = self.definition.events
        moving = [edge for edge in self.edges if edge.source != edge.target]
        for cycle in _cycles([edge for edge in moving if events[edge.event].automatic]):
            yield self._loop(
                cycle, "automatic_loop", "自动事件循环", "automatic events go round without a person"
            )
        for cycle in _cycles([edge for edge in moving if not _bounded(events[edge.event])]):
            if not all(events[edge.event].automatic for edge in cycle):
                yield self._loop(
                    cycle, "unbounded_loop", "循环没有 round 或 unbounded", "loop without round or unbounded"
                )

    @staticmethod
    def _loop(cycle: list[_Edge], code: str, zh: str, en: str) -> Finding:
        way = " → ".join([*(f"{edge.source} —{edge.event}" for edge in cycle), cycle[0].source])
        return _finding(("events", cycle[0].event), code, f"{zh}：{way}", f"{en}: {way}")

    # -- clocks

    def waiting(self) -> Iterator[Finding]:
        """In every state somebody acts, or a clock surely runs."""
        surely = self._running(certain=True, spent=True)
        for name, state in self.definition.states.items():
            if state.end or state.holder or name not in self.reached or surely[name]:
                continue
            yield _finding(
                ("states", name),
                "nobody_waits",
                f"{name} 既无 holder 也无必在进行的期限",
                f"{name} has neither a holder nor a clock that surely runs",
            )

    def clocks(self) -> Iterator[Finding]:
        """Every clock starts, can stop or end, and its `missed` can happen wherever it runs out."""
        running = self._running(certain=False, spent=False)
        unspent = self._running(certain=False, spent=True)
        for clock in self.definition.clocks.values():
            states = {state for state, clocks in running.items() if clock.name in clocks}
            yield from self._clock(clock, states)
            able = {edge.source for edge in self.edges if edge.event == clock.missed}
            waiting = {state for state, clocks in unspent.items() if clock.name in clocks}
            if clock.missed is not None:
                yield from self._missed(clock.name, clock.missed, waiting - able)

    def _missed(self, clock: str, missed: str, states: set[str]) -> Iterator[Finding]:
        for state in sorted(name for name in states if not self.definition.states[name].end):
            yield _finding(
                ("clocks", clock, "missed"),
                "missed_not_possible",
                f"{clock} 在 {state} 中可能届满，而 {missed} 不能在此发生",
                f"{clock} can run out in {state}, where {missed} cannot happen",
            )

    def _clock(self, clock: ClockRule, states: set[str]) -> Iterator[Finding]:
        path: Path = ("clocks", clock.name)
        if not any(self._possible(event) for event in clock.starts):
            yield _finding(
                (*path, "starts"), "never_started", f"{clock.name} 从不起算", f"{clock.name} never starts"
            )
            return
        stoppable = any(edge.event in clock.stops for state in states for edge in self.leaving[state])
        if clock.stops and states and not stoppable:
            yield _finding(
                (*path, "stops"),
                "never_stopped",
                f"{clock.name} 进行中时，终止它的事件都不可能发生",
                f"while {clock.name} runs none of its stops can happen",
            )
        if clock.missed in clock.starts and not _bounded(self.definition.events[clock.missed]):
            yield _finding(
                (*path, "missed"),
                "automatic_loop",
                f"{clock.name} 会自行重新起算",
                f"{clock.name} would restart itself",
            )

    def _possible(self, event: str) -> bool:
        return event == "start" or any(
            edge.event == event and edge.source in self.reached for edge in self.edges
        )

    def _running(self, *, certain: bool, spent: bool) -> Mapping[str, frozenset[str]]:
        """For each state the clocks that run there: surely (on every way to it) or perhaps (on one).

        `spent`: leave out those that have run out; their `missed` has happened and will not come again.
        """
        clocks = self.definition.clocks.values()
        starts, stops = _by_event(clocks, lambda c: c.starts), _by_event(clocks, lambda c: c.stops)
        for clock in clocks if spent else ():
            if clock.missed is not None:
                stops[clock.missed].add(clock.name)
        everything = frozenset(self.definition.clocks)
        found = {name: everything if certain else frozenset[str]() for name in self.definition.states}
        todo = [(self.definition.initial, frozenset(starts["start"]))]
        seen: set[str] = set()
        while todo:
            state, running = todo.pop()
            merged = found[state] & running if certain else found[state] | running
            if state in seen and merged == found[state]:
                continue
            seen.add(state)
            found[state] = merged
            for edge in self.leaving[state]:
                after = (merged - stops[edge.event]) | starts[edge.event]
                todo.append((edge.target, frozenset(after)))
        return found

    # -- what is declared and never used

    def idle(self) -> Iterator[Finding]:
        """Nothing is declared that no event ever touches."""
        definition = self.definition
        events = (definition.start, *definition.events.values())
        opened = {slot for event in events for slot in event.opens}
        for name in definition.children:
            if name not in opened:
                yield _finding(
                    ("children", name), "never_opened", f"从不开启 {name}", f"no event opens {name}"
                )
        asked = {field for event in events for field in event.fields} | self.ties.carried
        for name in definition.fields:
            if name not in asked:
                yield _finding(
                    ("fields", name), "never_asked", f"没有表单填写 {name}", f"no form asks for {name}"
                )
        filled = {relation for event in events for relation in event.relates} | self.ties.related
        for name in definition.relations:
            if name not in filled:
                yield _finding(
                    ("relations", name), "never_filled", f"没有事件填入 {name}", f"no event fills {name}"
                )


def _finding(path: Path, code: str, zh: str, en: str) -> Finding:
    return Finding(path, code, Text(zh, en))


def _bounded(event: Event) -> bool:
    return event.round is not None or event.unbounded is not None


def _by_event(clocks: Iterable[ClockRule], of: Callable[[ClockRule], tuple[str, ...]]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for clock in clocks:
        for event in of(clock):
            found[event].add(clock.name)
    return found


def _closure(start: set[str], following: Callable[[str], Iterable[str]]) -> set[str]:
    found, todo = set(start), list(start)
    while todo:
        for state in following(todo.pop()):
            if state not in found:
                found.add(state)
                todo.append(state)
    return found


def _cycles(edges: list[_Edge]) -> Iterator[list[_Edge]]:
    """One shortest cycle through each knot of states that is left when all other edges are taken away."""
    leaving: dict[str, list[_Edge]] = defaultdict(list)
    for edge in edges:
        leaving[edge.source].append(edge)
    told: set[str] = set()
    for edge in edges:
        if edge.source in told:
            continue
        way = _way(edge.target, edge.source, leaving)
        if way is not None:
            cycle = [edge, *way]
            told.update(one.source for one in cycle)
            yield cycle


def _way(start: str, goal: str, leaving: Mapping[str, list[_Edge]]) -> list[_Edge] | None:
    """The shortest way, breadth first."""
    ways: dict[str, list[_Edge]] = {start: []}
    todo = [start]
    while todo:
        state, todo = todo[0], todo[1:]
        if state == goal:
            return ways[state]
        for edge in leaving.get(state, ()):
            if edge.target not in ways:
                ways[edge.target] = [*ways[state], edge]
                todo.append(edge.target)
    return None
