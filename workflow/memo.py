"""What a case remembers beside its data: how often each event happened, and who did those that another must not do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .definition import Event
from .draft import Draft
from .errors import GuardFailed, Reason
from .family import Record
from .laws import Law

__all__ = ["both", "counted", "per", "persons", "remembered"]

_BEHALF = "\n"
"""between the person who fired an event and the one he acted for: neither is the second person"""


def both(person: str, on_behalf_of: str | None) -> str:
    """Who fired an event, and for whom, as one text."""
    return _BEHALF.join(filter(None, (person, on_behalf_of)))


def per(event: str, unit: str) -> str:
    """Under which name an event is counted for one unit."""
    return f"{event}@{unit}"


def persons(record: Record, event: str) -> Sequence[str]:
    """Who fired the event last, and for whom."""
    return record.last_by.get(event, "").split(_BEHALF)


def remembered(draft: Draft, law: Law, event: Event, record: Record) -> Mapping[str, str]:
    """`last_by` after this event."""
    if event.name not in law.watched:
        return record.last_by
    return {**record.last_by, event.name: both(draft.act.actor.person, draft.on_behalf_of)}


def counted(draft: Draft, event: Event, record: Record) -> Mapping[str, int]:
    """`rounds` after this event. Raises GuardFailed when the rule's number is reached."""
    if event.round is None:
        if event.name == "start":
            return record.rounds
        return {**record.rounds, event.name: record.rounds.get(event.name, 0) + 1}
    unit = draft.permit.unit if event.round.per and draft.permit else None
    key = per(event.name, unit) if unit else event.name
    count = record.rounds.get(key, 0)
    limit = draft.laws.in_force(event.round.rule, draft.act.day)
    if isinstance(limit, int) and count >= limit:
        zh, en = event.title.zh, event.title.en
        raise GuardFailed([Reason.of("round", f"“{zh}”最多 {limit} 次", f"'{en}' at most {limit} time(s)")])
    rounds = {**record.rounds, key: count + 1}
    if unit:
        rounds[event.name] = record.rounds.get(event.name, 0) + 1
    return rounds
