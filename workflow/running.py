"""Is there one of that kind already? A slot that says `one_open` has no two open children alike: in the fields named there, or of
the same party. A second is refused to whoever would open it, in words that say where the one that runs stands; an automatic event
opens none beside it. One that has ended is in nobody's way, and neither is anything in that of an old record.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .definition import Event, Slot
from .draft import Draft
from .errors import GuardFailed, Reason, Text
from .family import Record
from .laws import Law

__all__ = ["check", "reasons", "runs"]


def check(draft: Draft, law: Law, event: Event, record: Record, data: Mapping[str, Any]) -> None:
    """Raises GuardFailed with a reason per slot in which the event would open nothing new."""
    found = reasons(draft, law, event, record, data) if event.opens else ()
    if found:
        raise GuardFailed(found)


def reasons(
    draft: Draft, law: Law, event: Event, record: Record, data: Mapping[str, Any]
) -> Sequence[Reason]:
    """The same as far as it is known: while the form is open, `data` may lack what it asks for."""
    if draft.act.imported:
        return ()
    known = {name: value for name, value in record.data.items() if name not in event.fields} | dict(data)
    slots = [law.definition.children[name] for name in event.opens]
    return [
        _reason(draft, law, event, slot, running)
        for slot in slots
        if slot.one_open and (running := _in_the_way(draft, slot, event, record, known)) is not None
    ]


def runs(draft: Draft, slot: Slot, party: str | None, known: Mapping[str, Any]) -> Record | None:
    """The open child of that party that is alike in the slot's fields."""
    alike = [name for name in slot.one_open if name != slot.one_per]
    return next(
        (
            child
            for child in draft.family.in_slot(slot.name)
            if not child.closed
            and child.party == party
            and all(child.data.get(name) == known.get(name) for name in alike)
        ),
        None,
    )


def _in_the_way(
    draft: Draft, slot: Slot, event: Event, record: Record, known: Mapping[str, Any]
) -> Record | None:
    """The last one that runs, where there is one for each party for which the event would open another."""
    asked = {event.relates.get(name, name) for name in slot.one_open} & {*event.fields}
    if not asked <= known.keys():
        return None
    found = [runs(draft, slot, party, known) for party in _parties(slot, event, record, known)]
    return found[-1] if found and None not in found else None


def _parties(slot: Slot, event: Event, record: Record, known: Mapping[str, Any]) -> Iterator[str | None]:
    if slot.one_per is None:
        yield None
        return
    named = event.relates.get(slot.one_per)
    given = known.get(named) if named is not None else record.relations.get(slot.one_per)
    yield from [given] if isinstance(given, str) else given or ()


def _reason(draft: Draft, law: Law, event: Event, slot: Slot, running: Record) -> Reason:
    child = draft.law(running).definition
    kinds = list(_kinds(draft, law, slot, running))
    zh, en = slot.title.zh, slot.title.en
    if kinds:
        zh += f"（{'、'.join(one.zh for one in kinds)}）"
        en += f" ({', '.join(one.en for one in kinds)})"
    state = child.states[running.state].title
    # Who may know of the case need not know of a part that only some see.
    where = Text("", "") if child.seen_by else Text(f"，现为“{state.zh}”", f", it is '{state.en}' now")
    since = running.opened_on or ""
    field = next((f for name in slot.one_open if (f := event.relates.get(name, name)) in event.fields), None)
    return Reason.of(
        "running",
        f"“{zh}”已有一件在进行（{since} 起{where.zh}），结束后才能再次“{event.title.zh}”",
        f"one of '{en}' is running (since {since}{where.en}); '{event.title.en}' is possible again when it has ended",
        field=field,
    )


def _kinds(draft: Draft, law: Law, slot: Slot, running: Record) -> Iterator[Text]:
    """What it is alike in, where that is a code: a text may be personal."""
    for name in slot.one_open:
        field = law.definition.fields.get(name)
        if field is not None and field.type == "code":
            code = draft.laws.codes[field.codes or ""].values.get(running.data.get(name, ""))
            if code is not None:
                yield code.title
