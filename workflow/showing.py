"""Records and lines as they are shown: a case as it stands, an entry of its history, a case as it once was."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from .definition import Definition
from .errors import Text
from .family import ClockState, Record
from .history import MIGRATE, MIGRATION
from .laws import Laws
from .model import Case, ClockView, HistoryEntry

__all__ = ["clock_title", "entry", "fold", "view"]


class Clocks(Sequence[ClockView]):
    """The clocks of a case as they are shown, made when somebody looks at them; whoever fires an event mostly does not."""

    __slots__ = ("_laws", "_made", "_record")

    def __init__(self, laws: Laws, record: Record) -> None:
        self._laws, self._record = laws, record
        self._made: tuple[ClockView, ...] | None = None

    def _views(self) -> tuple[ClockView, ...]:
        made = self._made
        if made is None:
            laws, record = self._laws, self._record
            made = self._made = tuple(
                [clock.view or _clock(laws, record, name, clock) for name, clock in record.clocks.items()]
            )
        return made

    def __len__(self) -> int:
        return len(self._record.clocks)

    def __iter__(self) -> Iterator[ClockView]:
        return iter(self._views())

    def __getitem__(self, index: Any) -> Any:
        return self._views()[index]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and self._views() == tuple(other)

    def __hash__(self) -> int:
        return hash(self._views())

    def __repr__(self) -> str:
        return repr(self._views())


def view(laws: Laws, record: Record) -> Case:
    """A record as a case."""
    return Case(
        id=record.id, kind=record.kind, definition=record.definition, tenant=record.tenant, state=record.state,
        revision=record.revision, seq=record.seq, number=record.number, data=record.data, relations=record.relations,
        clocks=Clocks(laws, record), opened_on=record.opened_on, closed=record.closed, root=record.root, slot=record.slot,
        party=record.party, due_on=record.due_on,
    )  # fmt: skip


def _clock(laws: Laws, record: Record, name: str, clock: ClockState) -> ClockView:
    """The clock as shown; most clocks of a case stand still while it moves, so it is kept."""
    ledger = clock.ledger
    view = ClockView(
        name=name, title=clock_title(laws, record, name), rule=ledger.rule,
        anchor_on=ledger.anchor, due_on=date.fromisoformat(clock.due_on),
        outer_on=date.fromisoformat(clock.outer_on) if clock.outer_on else None,
        running=clock.running, provisional=clock.provisional,
        source=laws.book_of(ledger).rule(ledger.rule, ledger.anchor).source,
        stopped_on=None if clock.running else ledger.last_on,
    )  # fmt: skip
    clock.view = view
    return view


def clock_title(laws: Laws, record: Record, clock: str) -> Text:
    """What the clock is called; one that stood still when the case moved to a version without it has its name only."""
    declared = laws.pinned(record.definition).definition.clocks.get(clock)
    return declared.title if declared is not None else Text(clock, clock)


def entry(row: Any, body: Mapping[str, Any]) -> HistoryEntry:
    """A stored line with what was said and is not erased."""
    committed = json.loads(row.commitments)
    return HistoryEntry(
        case=row.case_id, seq=row.seq, recorded_at=datetime.fromisoformat(row.recorded_at), effective_on=row.effective_on,
        event=row.event, from_state=row.from_state, to_state=row.to_state, actor=row.actor,
        on_behalf_of=row.on_behalf_of, role=row.role, unit=row.unit, automatic=row.automatic, definition=row.definition,
        data={name: value for name, (_, value) in body.items()},
        erased=tuple(name for name in committed if name not in body), hash=row.hash,
    )  # fmt: skip


def fold(
    now: Case, lines: Sequence[HistoryEntry], later: Sequence[HistoryEntry], definition: Definition
) -> Case:
    """The case as it was when these were all its lines, by the `definition` of the last; of its clocks the outer limits and
    what is provisional are today's. `later`: the other lines it has; by some of them it may have moved to another version.
    """
    said: dict[str, Any] = {}
    for line in lines:
        said |= line.data
    names = _names_then([view.name for view in now.clocks], later)
    relations = {
        n[1:]: tuple(parties) for n, parties in said.items() if n[1:] in definition.relations and n[0] == "@"
    }
    clocks = [
        view._replace(name=name, due_on=date.fromisoformat(then["due"]), running=then["running"])
        for view in now.clocks
        if (name := names.get(view.name)) is not None and (then := said.get(f"@clock.{name}")) is not None
    ]
    last = lines[-1]
    present = last.seq == now.seq
    return now._replace(
        definition=last.definition, state=last.to_state, seq=last.seq,
        data={n: v for n, v in said.items() if n[0] != "@" and v is not None},
        relations=relations, number=said.get("@number"), clocks=tuple(clocks),
        due_on=now.due_on if present else None, closed=definition.states[last.to_state].end,
        revision=now.revision if present else last.seq,
    )  # fmt: skip


def _names_then(clocks: Iterable[str], later: Sequence[HistoryEntry]) -> dict[str, str]:
    """Clock -> its name before these lines, some of which have moved the case to another version. A clock whose name was then
    another's is not among them: it had not begun.
    """
    names = {name: name for name in clocks}
    for line in reversed(later):
        moved = line.data[MIGRATION]["clocks"] if line.event == MIGRATE and MIGRATION in line.data else {}
        was = {new: old for old, new in moved.items()}
        names = {now: was.get(then, then) for now, then in names.items() if then in was or then not in moved}
    return names
