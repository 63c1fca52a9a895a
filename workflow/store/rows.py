"""Records and steps as rows: one column order for every statement, JSON text for what the database never looks into."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..family import ClockState, Family, HistoryRow, Record, Step
from ..json_text import decode, decode_at, encoder
from ..ledger import Ledger

CASE = (
    "id", "root_id", "slot", "party", "kind", "definition", "tenant", "state", "revision", "seq", "number", "number_key",
    "data", "relations", "memo", "clocks", "head", "opened_on", "closed", "due_on",
)  # fmt: skip
CHANGING = CASE[7:]
"""what an event can change"""
HISTORY = (
    "case_id", "seq", "recorded_at", "effective_on", "event", "from_state", "to_state", "actor", "on_behalf_of", "role",
    "unit", "automatic", "definition", "commitments", "prev", "hash",
)  # fmt: skip
CLOCK = (
    "case_id",
    "name",
    "rule",
    "anchor_on",
    "due_on",
    "outer_on",
    "provisional",
    "running",
    "next_rung",
    "next_at",
)
OUTBOX = ("key", "case_id", "seq", "topic", "recipient", "body", "state", "created_at")

dumps = encoder()


def due_on(record: Record) -> str | None:
    """The earliest due day of a running clock."""
    return min([clock.due_on for clock in record.clocks.values() if clock.running], default=None)


def case_row(record: Record) -> tuple[Any, ...]:
    """The record in the order of `CASE`."""
    return (
        record.id, record.root, record.slot, record.party, record.kind, record.definition, record.tenant, record.state,
        record.revision, record.seq, record.number, record.number_key, dumps(record.data), dumps(record.relations),
        dumps([record.rounds, record.last_by]), _clocks_text(record.clocks),
        record.head, record.opened_on, record.closed, due_on(record),
    )  # fmt: skip


def record(row: Sequence[Any]) -> Record:
    """The inverse of `case_row`."""
    (
        id_, root, slot, party, kind, definition, tenant, state, revision, seq, number, number_key,
        data, relations, memo, clocks, head, opened_on, closed, _,
    ) = row  # fmt: skip
    rounds, last_by = decode(memo)
    return Record(
        id=id_, root=root, slot=slot, party=party, kind=kind, definition=definition, tenant=tenant, state=state,
        revision=revision, seq=seq, number=number, number_key=number_key, data=decode(data),
        relations={name: tuple(parties) for name, parties in decode(relations).items()},
        rounds=rounds, last_by=last_by, clocks=_clocks(clocks),
        head=head, opened_on=opened_on, closed=bool(closed),
    )  # fmt: skip


def family(rows: Sequence[Sequence[Any]]) -> Family:
    """The family whose rows these are, root first."""
    records = [record(row) for row in rows]
    records.sort(key=lambda r: (r.id != r.root, r.id))
    return Family({r.id: r for r in records}, records[0].id)


def families(rows: Sequence[Sequence[Any]]) -> list[Family]:
    """The families to which these rows belong."""
    by_root: dict[str, list[Sequence[Any]]] = {}
    for row in rows:
        by_root.setdefault(row[1], []).append(row)
    return [family(some) for some in by_root.values()]


def history_row(row: HistoryRow) -> tuple[Any, ...]:
    """The line in the order of `HISTORY`."""
    return row[: len(HISTORY)]


def clock_rows(step: Step) -> list[tuple[Any, ...]]:
    """The clock index rows the step touches, in the order of `CLOCK`."""
    rows = []
    for case, name in step.clocks:
        clock = step.family.records[case].clocks[name]
        rows.append(
            (
                case,
                name,
                clock.ledger.rule,
                clock.ledger.anchor.isoformat(),
                clock.due_on,
                clock.outer_on,
                clock.provisional,
                clock.running,
                clock.next_rung,
                clock.next_at,
            )
        )
    return rows


def outbox_rows(step: Step, created_at: str) -> list[tuple[Any, ...]]:
    """The messages in the order of `OUTBOX`."""
    return [(m.key, m.case, m.seq, m.topic, m.recipient, m.body, m.state, created_at) for m in step.messages]


def _clocks_text(clocks: Mapping[str, ClockState]) -> str:
    return (
        "{"
        + ",".join([f'"{name}":{clock.text or _clock_text(clock)}' for name, clock in clocks.items()])
        + "}"
    )


def _clock_text(clock: ClockState) -> str:
    """The clock as JSON; most clocks of a case stand still while it moves, so the text is kept."""
    text = dumps(
        [
            clock.ledger.to_data(),
            clock.round,
            clock.due_on,
            clock.outer_on,
            clock.provisional,
            clock.running,
            clock.next_rung,
            clock.next_at,
        ]
    )
    object.__setattr__(clock, "text", text)
    return text


def _clocks(text: str) -> dict[str, ClockState]:
    """The inverse of `_clocks_text`; each clock keeps its own part of the text, for most are written back as they were."""
    found, at = {}, 1
    while at < len(text) - 1:
        name, at = decode_at(text, at)
        data, end = decode_at(text, at + 1)
        clock = found[name] = _clock(data)
        object.__setattr__(clock, "text", text[at + 1 : end])
        at = end + 1
    return found


def _clock(data: list[Any]) -> ClockState:
    ledger: Mapping[str, object] = data[0]
    return ClockState(
        ledger=Ledger.stored(ledger), round=data[1], due_on=data[2], outer_on=data[3], provisional=data[4],
        running=data[5], next_rung=data[6], next_at=data[7],
    )  # fmt: skip
