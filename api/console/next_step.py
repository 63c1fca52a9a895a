"""What leads on for a reader: his step in the case, or in a child that waits for him; and by when. Where both could be, the child
that the case waits for comes first.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from workflow import Case
from workflow.definition import Definition
from workflow.errors import Text
from workflow.model import ClockView, Permission
from workflow.overview import today

from ..cells import With, pressing
from .recorded import left, unknown
from .screens import Look
from .sentence import expected, is_one, sentence
from .standing import with_whom

NEXT = 2
"""steps that the first line names"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """The case in which a reader goes on, and what leads on there, the most fitting first; `waits`: whether it waits for him;
    `later`: a child that waits for him too, with more time than his own unit has in the case.
    """

    case: Case
    steps: Sequence[Permission]
    waits: bool
    later: Case | None = None


def permitted_here(look: Look, case: Case) -> list[Permission]:
    """What this reader may do with the case, what leads on first."""
    definition = look.engine.laws.pinned(case.definition).definition
    found = [
        p
        for p in look.engine.permitted(case.id, look.actor)
        if p.allowed and not definition.events[p.event].automatic
    ]
    return in_order(definition, found, case)


def in_order(definition: Definition, allowed: Iterable[Permission], case: Case) -> list[Permission]:
    """What the state names as next; then what leads on, what leaves it where it is, and last what ends the case: nobody gives up
    by pressing what stands first.
    """
    named = definition.states[case.state].next

    def rank(permission: Permission) -> int:
        if permission.event in named:
            return named.index(permission.event) - len(named)
        to = _targets(definition, permission.event, case.state)
        return 1 if not to else 2 * all(definition.states[state].end for state in to)

    return sorted(allowed, key=rank)


def leading(definition: Definition, steps: Iterable[Permission], case: Case) -> list[Permission]:
    """Of these what the state names as next; where it names nothing and waits for no child, what leaves it."""
    state = definition.states[case.state]
    if state.next or state.awaits:
        return [
            step for step in steps if step.event in state.next and not _done(definition, step.event, case)
        ]
    return [step for step in steps if _targets(definition, step.event, case.state)]


def _done(definition: Definition, event: str, case: Case) -> bool:
    """Whether a step that leaves the case where it is is not to be done now: the deadlines it was to keep are all kept (a reply
    that is published), what it asks for is being waited for (a demand), or nobody has asked for what it gives (the answer).
    """
    if _targets(definition, event, case.state):
        return False
    laws, running = definition.clocks, {clock.name: clock.running for clock in case.clocks}
    kept = [name for name, law in laws.items() if event in law.stops]
    if any(name in running for name in kept):
        return not any(running.get(name) for name in kept)
    here = set(definition.states[case.state].next)
    asks = [name for name, law in laws.items() if law.starts == (event,)]
    return any(running.get(name) for name in asks) or any(here.issuperset(laws[name].starts) for name in kept)


def _targets(definition: Definition, event: str, state: str) -> set[str]:
    found = {move.to for move in definition.events[event].moves if state in move.sources}
    return {to for to in found if to is not None and to != state}


def way_on(look: Look, case: Case, above: Case, children: Iterable[Case], steps: Sequence[Permission]) -> Way:
    """Where this reader goes on: in a child the state waits for, else in the case, else in any child that waits for him and is
    not later than what his own unit has to do in the case; never in one where he can do nothing.
    """
    law = look.engine.laws.pinned(case.definition).definition
    mine = expected(law, case, above, look.actor.person, look.grants)
    own = leading(law, steps, case) if mine else []
    waiting = [child for child in children if not child.closed and _waits(look, child, case)]
    first = [child for child in waiting if child.slot in law.states[case.state].awaits]
    later = [child for child in waiting if not own and _sooner(look, law, case, above, child)]
    beside = () if own else [child for child in waiting if child not in later]
    for child in (*first, *beside):
        if possible := permitted_here(look, child):
            there = leading(look.engine.laws.pinned(child.definition).definition, possible, child)
            return Way(case=child, steps=there, waits=True)
    than = next((child for child in later if permitted_here(look, child)), None)
    return Way(case=case, steps=own, waits=mine, later=than)


def _sooner(look: Look, law: Definition, case: Case, above: Case, child: Case) -> bool:
    """Whether colleagues of the reader's unit have to go on with the case itself, and sooner: a reply that is to be signed today,
    not a promise of next year.
    """
    units = {grant.unit for grant in look.grants if grant.unit}
    holders = law.states[case.state].holder
    stand = {
        one
        for holder in holders
        if holder.relation is not None
        for one in (above if holder.of_root else case).relations.get(holder.relation, ())
    }
    mine, its = pressing(look.engine, case), pressing(look.engine, child)
    return not units.isdisjoint(stand) and mine is not None and its is not None and mine.due_on < its.due_on


def _waits(look: Look, child: Case, root: Case) -> bool:
    law = look.engine.laws.pinned(child.definition).definition
    return expected(law, child, root, look.actor.person, look.grants)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pressing:
    """A deadline, whose case it is of, and those who have to keep it."""

    case: Case
    clock: ClockView | None
    who: Sequence[With]


def presses(look: Look, case: Case, above: Case, children: Sequence[Case], way: Way) -> Pressing:
    """The deadline of the first line: the reader's own, or of the child he goes on in (the case's own where that has none); else
    of what the state waits for; else the first that counts in its state.
    """
    if way.case.id != case.id:
        its = pressing(look.engine, way.case)
        own = None if its is not None else pressing(look.engine, case)
        return _of(look, case, above, own) if own is not None else _of(look, way.case, case, its)
    mine = min(_mine(look, case, above), key=lambda clock: clock.due_on, default=None) if way.waits else None
    if mine is not None:
        return _of(look, case, above, mine)
    awaited = look.engine.laws.pinned(case.definition).duties.awaits.get(case.state, ())
    found = [
        _of(look, child, case, clock)
        for child in children
        if child.slot in awaited and not child.closed and (clock := pressing(look.engine, child)) is not None
    ]
    first = min(found, key=lambda one: one.clock.due_on if one.clock else today(look.engine), default=None)
    if first is None:
        return _of(look, case, above, pressing(look.engine, case))
    together = [one for one in found if one.clock and first.clock and one.clock.due_on == first.clock.due_on]
    return Pressing(case=first.case, clock=first.clock, who=_merged(together))


def _mine(look: Look, case: Case, above: Case) -> Iterator[ClockView]:
    duties = look.engine.laws.pinned(case.definition).duties
    running = {clock.name: clock for clock in case.clocks if clock.running}
    for name in duties.counting(case.state, running):
        if any(is_one(one, case, above, look.actor.person, look.grants) for one in duties.whose[name]):
            yield running[name]


def _of(look: Look, case: Case, above: Case, clock: ClockView | None) -> Pressing:
    law = look.engine.laws.pinned(case.definition)
    only = law.duties.keepers(law.definition.states[case.state], clock.name) if clock else None
    return Pressing(case=case, clock=clock, who=with_whom(look, case, above, only))


def _merged(found: Sequence[Pressing]) -> list[With]:
    """Those who stand the same way named together."""
    names: dict[str, With] = {}
    for who in (who for one in found for who in one.who):
        known = names.get(who.as_.zh)
        both = who.names if known is None else dict.fromkeys((*known.names, *who.names))
        names[who.as_.zh] = With(tuple(both), who.as_)
    return list(names.values())


def first_line(look: Look, definition: Definition, case: Case, pressed: Pressing, way: Way) -> Text:
    """The sentence: where it stands, with whom, until when and why, and what the reader's next step is."""
    engine, clock = look.engine, pressed.clock
    recorded = pressed.case.id in unknown(look, [pressed.case], every=True)
    words = left(look, clock.due_on, recorded=recorded)[0] if clock else None
    basis = engine.explain(pressed.case.id, clock.name, actor=look.actor).sentence if clock else None
    state = definition.states[case.state].title
    return sentence(state, case.closed, pressed.who, clock, words, basis, way.steps[:NEXT])
