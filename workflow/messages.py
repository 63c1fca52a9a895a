"""What a step has to tell, and whom: rows for the outbox, each under a key that never changes.

A recipient is a role of the congress, a role within a party, or a party itself; who that is today is found on delivery.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from . import history, timers
from .clock import civil_date
from .definition import Event, Holder
from .draft import Draft
from .family import Family, Message, Record
from .laws import Law

__all__ = ["alert", "recipients", "tell"]


def tell(draft: Draft, event: Event, record: Record) -> None:
    """An event that happened, to those whom the definition names."""
    if not event.tells:
        return
    act = draft.act
    when = {"late": True, "on": act.day.isoformat()} if act.late else {}
    body = history.canonical(
        {
            "case": record.id,
            "number": record.number,
            "kind": record.kind,
            "event": event.name,
            "state": record.state,
            **when,
        }
    )
    for index, recipient in enumerate(recipients(draft.family, event.tells, record)):
        draft.step.messages.append(
            Message(
                key=f"{record.id}:{record.seq}:{index}",
                case=record.id,
                seq=record.seq,
                topic=event.name,
                recipient=recipient,
                body=body,
                state="superseded" if act.over and _pointless(event, recipient) else "queued",
            )
        )


def _pointless(event: Event, recipient: str) -> bool:
    """What was to remind of a day that is over: nobody is called to it. That it came and went is still told to the offices."""
    return recipient.startswith("party:") or all(move.to is None for move in event.moves)


def alert(
    draft: Draft, law: Law, record: Record, clock: str, rungs: Sequence[timers.Timer], newest: timers.Timer
) -> None:
    """The rungs of a clock that have passed, to those who keep it. Only the `newest` is sent: late, if its day is over."""
    state = record.clocks[clock]
    keepers = law.duties.keepers(law.definition.states[record.state], clock)
    told = recipients(draft.family, keepers, record) or ["nobody"]
    today = civil_date(draft.act.now)
    for timer in rungs:
        late = {"late": True} if timer.on < today else {}
        body = history.canonical(
            {
                "case": record.id,
                "number": record.number,
                "kind": record.kind,
                "clock": clock,
                "rung": timer.rung,
                "due_on": state.due_on,
                "on": timer.on.isoformat(),
                "state": record.state,
                **late,
            }
        )
        for index, recipient in enumerate(told):
            draft.step.messages.append(
                Message(
                    key=f"{record.id}:{clock}:{state.round}:{timer.on}:{timer.rung}:{index}",
                    case=record.id,
                    seq=record.seq,
                    topic=f"clock.{clock}",
                    recipient=recipient,
                    body=body,
                    state="queued" if timer is newest and not draft.act.over else "superseded",
                )
            )


def recipients(family: Family, holders: Iterable[Holder], record: Record) -> list[str]:
    """Those whom these holders name, each once, in the order of the definition."""
    return list(dict.fromkeys(one for holder in holders for one in _those(family, holder, record)))


def _those(family: Family, holder: Holder, record: Record) -> list[str]:
    if holder.relation is None:
        return [f"role:{holder.role}@{record.tenant}"]
    relations = family.root.relations if holder.of_root else record.relations
    prefix = f"role:{holder.role}@" if holder.role else "party:"
    return [prefix + party for party in relations.get(holder.relation, ())]
