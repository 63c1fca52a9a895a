"""Whether a family still fits together when one of its cases lives by another version of its definition. Pure.

A root and its children speak of one another across two definitions: slots, the states a join waits for, events that one sets off
in the other, relations and names written `root.`. The loader has seen to it for the versions that lie in one folder; here it is
asked of the versions these cases are pinned to. Only what the move makes worse counts, not what did not fit before.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date

from .authorization import barred_units
from .definition import Definition, Event, Holder, Slot
from .errors import Reason
from .facts import View
from .family import Family, Record
from .guards import Guard
from .laws import Laws
from .vocabulary import EARLIER

__all__ = ["misfits"]


def misfits(laws: Laws, before: Family, after: Family, case: str, day: date) -> Iterator[Reason]:
    """Why the family that the move of that case would make does not hold together."""
    yield from _unbarred(laws, before, after)
    yield from _untied(laws, before, after, case)
    yield from _asked_elsewhere(laws, before.records[case], after.records[case])
    stuck = list(_complete(laws, before, day))
    yield from (one for one in _complete(laws, after, day) if one not in stuck)


def _definition(laws: Laws, record: Record) -> Definition:
    return laws.pinned(record.definition).definition


def _unbarred(laws: Laws, before: Family, after: Family) -> Iterator[Reason]:
    """Separation of powers: nobody who was barred from a case of the family comes in, or could be let in later."""
    for id_, record in before.records.items():
        now = after.records[id_]
        old, new = _definition(laws, record), _definition(laws, now)
        for holder in old.barred:
            if holder not in new.barred:
                name = f"root.{holder.relation}" if holder.of_root else str(holder.relation)
                yield Reason.of(
                    "barred",
                    f"新版不再要求 {name} 回避",
                    f"whoever stands in {name!r} would not be barred any more",
                    name,
                )
        was = barred_units(old, record, before.root)
        for unit in sorted(was - barred_units(new, now, after.root)):
            yield Reason.of(
                "barred",
                f"{unit} 须回避 {record.kind}，新版不再回避",
                f"{unit} is barred from {record.kind!r}, and would not be any more",
                unit,
            )


# --- what a root and a child say of one another


def _untied(laws: Laws, before: Family, after: Family, case: str) -> Iterator[Reason]:
    moved = before.records[case]
    children = (
        [record for record in before.records.values() if record.slot and not record.closed]
        if case == before.root_id
        else [moved]
    )
    old_root, new_root = _definition(laws, before.root), _definition(laws, after.root)
    found = dict[Reason, None]()
    for child in children:
        slot, now = child.slot or "", after.records[child.id]
        broken = _ties(old_root, slot, _definition(laws, child))
        left = [one for one in _ties(new_root, slot, _definition(laws, now)) if one not in broken]
        found.update(dict.fromkeys([*left, *_seen_by_root(old_root, new_root, child, now)]))
    yield from found


def _ties(root: Definition, name: str, child: Definition) -> list[Reason]:
    """What of the two does not fit together."""
    slot = root.children.get(name)
    if slot is None or slot.definition != child.name:
        return [_misfit(f"主案没有子案 {name}", f"the root has no child {name!r}", name)]
    ended = {event.ends[name] for event in _events(root) if name in event.ends}
    raised = {event.raises for event in _events(child) if event.raises}
    return [
        *_unfollowed(root, slot, child),
        *_unknown(slot.done, child.states, f"{name} 没有状态", f"a state that {name!r} does not have:"),
        *_unknown(sorted(ended), child.events, f"{name} 没有事件", f"an event that {name!r} does not have:"),
        *_unknown(sorted(raised), root.events, "主案没有事件", "an event that the root does not have:"),
        *_unknown(
            sorted(_root_relations(child)),
            root.relations,
            "主案没有关系",
            "a relation that the root does not have:",
        ),
        *_unknown(
            sorted(_root_names(child)), _names(root), "主案没有", "a name that the root does not have:"
        ),
    ]


def _unfollowed(root: Definition, slot: Slot, child: Definition) -> Iterator[Reason]:
    """A child that asks how the one before it ended, where no slot of its kind says which that was."""
    asks = any(name.startswith(f"{EARLIER}.") for guard in _guards(child) for name in guard.names)
    if asks and not any(one.follows for one in root.children.values() if one.definition == child.name):
        yield _misfit(f"主案的 {slot.name} 没有 follows", f"the root's {slot.name!r} follows none", slot.name)


def _unknown(names: Iterable[str], known: Iterable[str], zh: str, en: str) -> Iterator[Reason]:
    there = set(known)
    return (_misfit(f"{zh} {name}", f"{en} {name}", name) for name in names if name not in there)


def _misfit(zh: str, en: str, name: str) -> Reason:
    return Reason.of("family", zh, en, name)


def _events(definition: Definition) -> tuple[Event, ...]:
    return definition.start, *definition.events.values()


def _guards(definition: Definition) -> Iterator[Guard]:
    for event in _events(definition):
        yield from (one for one in (event.when, *(move.when for move in event.moves)) if one is not None)
    for clock in definition.clocks.values():
        yield from (instead.when for instead in clock.instead)
    yield from (hide.when for hide in definition.hides if hide.when is not None)


def _holders(definition: Definition) -> Iterator[Holder]:
    yield from (*definition.barred, *definition.seen_by)
    for state in definition.states.values():
        yield from state.holder
    for event in _events(definition):
        yield from (*event.by, *event.tells)
    for hide in definition.hides:
        yield from (*hide.from_, *hide.seen_by)


def _root_relations(child: Definition) -> set[str]:
    return {holder.relation for holder in _holders(child) if holder.of_root and holder.relation}


def _root_names(child: Definition) -> set[str]:
    asked = [name.split(".") for guard in _guards(child) for name in guard.names]
    return {parts[1] for parts in asked if parts[0] == "root" and len(parts) > 1} - {"rule", "clock", "round"}


def _names(root: Definition) -> set[str]:
    return {*root.fields, *root.relations, *root.children}


def _seen_by_root(old: Definition, new: Definition, child: Record, now: Record) -> Iterator[Reason]:
    """A state that the root names, for a join or in a guard, may not come or go by a move."""
    slot = new.children.get(child.slot or "")
    if slot is None or child.state == now.state:
        return
    named = {*_asked(old, slot), *_asked(new, slot)}
    for state in (child.state, now.state):
        if state in named:
            yield _misfit(f"主案问到子案的状态 {state}", f"the root asks whether a child is {state!r}", state)


def _asked(root: Definition, slot: Slot) -> set[str]:
    told = {name.split(".")[1] for g in _guards(root) for name in g.names if name.startswith(f"{slot.name}.")}
    return {*slot.done, *told}


# --- other cases, and joins


def _asked_elsewhere(laws: Laws, before: Record, after: Record) -> Iterator[Reason]:
    """Guards of other cases that follow a field to this one ask for its state by name."""
    if before.state == after.state:
        return
    for law in laws.known():
        links = [field.name for field in law.definition.fields.values() if field.of == before.kind]
        asked = {name for names in law.asked.values() for name in names}
        for field in links:
            for state in (before.state, after.state):
                if {f"{field}.{state}", f"root.{field}.{state}"} & asked:
                    yield Reason.of(
                        "asked",
                        f"{law.definition.name} 问到状态 {state}",
                        f"{law.definition.name!r} asks whether a case is {state!r}",
                        state,
                    )


def _complete(laws: Laws, family: Family, day: date) -> Iterator[Reason]:
    """A join that is complete at once: its event comes with a child's, and none may come any more."""
    root = family.root
    law = laws.pinned(root.definition)
    view = View(
        root, family, law.definition, law.definition, laws.definitions, laws.codes, laws.book, day, root.data
    )  # fmt: skip
    for slot in law.definition.children.values():
        waits = slot.then is not None and law.lifecycle.leads_on(root.state, slot.then)
        if waits and family.in_slot(slot.name) and view.joined(slot):
            yield Reason.of(
                "join",
                f"{slot.name} 届时已汇齐，无人触发其事件",
                f"the join of {slot.name!r} would be complete, and nothing would set it off",
                slot.name,
            )
