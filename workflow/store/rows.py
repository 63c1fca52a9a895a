"""Records and steps as rows: one column order for every statement, JSON text for what the database never looks into."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..family import ClockState, Family, Record, Step
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
PARTS: dict[str, tuple[str, ...]] = {
    "born": CASE,
    "grown": (*CHANGING, "id"),
    "history": HISTORY,
    "barred": ("case_id", "unit"),
    "disclosure": ("case_id", "seq", "body"),
    "unrelation": ("case_id", "relation", "party"),
    "relation": ("case_id", "relation", "party"),
    "past": ("past", "case_id", "relation", "party"),
    "clock": CLOCK,
    "retention": ("case_id", "rule", "until_on", "erase_at"),
    "unretention": ("case_id",),
    "unmark": ("case_id", "marks"),
    "mark": ("case_id", "marks"),
    "outbox": OUTBOX,
    "answer": ("key", "body_hash", "answer", "case_id", "recorded_at"),
    "used": ("used_at", "token_hash"),
}
"""What steps write beside their roots, in the order in which it is written: after the history come the units barred, for a unit
may open what it is barred from afterwards (asking for an extension).
"""
Rows = list[Sequence[Any]]

dumps = encoder()


def case_row(record: Record) -> tuple[Any, ...]:
    """The record in the order of `CASE`."""
    return (
        record.id, record.root, record.slot, record.party, record.kind, record.definition, record.tenant, record.state,
        record.revision, record.seq, record.number, record.number_key, dumps(record.data), dumps(record.relations),
        dumps([record.rounds, record.last_by]), _clocks_text(record.clocks),
        record.head, record.opened_on, record.closed, record.due_on,
    )  # fmt: skip


def record(row: Sequence[Any]) -> Record:
    """The inverse of `case_row`."""
    (
        id_, root, slot, party, kind, definition, tenant, state, revision, seq, number, number_key,
        data, relations, memo, clocks, head, opened_on, closed, due_on,
    ) = row  # fmt: skip
    rounds, last_by = decode(memo)
    return Record(
        id=id_, root=root, slot=slot, party=party, kind=kind, definition=definition, tenant=tenant, state=state,
        revision=revision, seq=seq, number=number, number_key=number_key, data=decode(data),
        relations={name: tuple(parties) for name, parties in decode(relations).items()},
        rounds=rounds, last_by=last_by, clocks=_clocks(clocks),
        head=head, opened_on=opened_on, closed=bool(closed), due_on=due_on,
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


def _clock_rows(step: Step) -> Rows:
    rows: Rows = []
    for case, name in step.clocks:
        clock = step.family.records[case].clocks[name]
        ledger = clock.ledger
        rows.append(
            (
                case, name, ledger.rule, ledger.anchor.isoformat(), clock.due_on, clock.outer_on, clock.provisional,
                clock.running, clock.next_rung, clock.next_at,
            )
        )  # fmt: skip
    return rows


def parts(steps: Sequence[tuple[Step, str]]) -> dict[str, Rows]:
    """The rows of steps, each with its instant of recording, by the name of the part, in the order of `PARTS`; no empty ones."""
    found: dict[str, Rows] = {}
    for step, recorded_at in steps:
        for name, some in _parts(step, recorded_at):
            if name in found:
                found[name] += some
            elif some:
                found[name] = some
    return {name: found[name] for name in PARTS if name in found}


def _parts(step: Step, recorded_at: str) -> Iterator[tuple[str, Rows]]:
    yield "history", [line[: len(HISTORY)] for line in step.history]
    disclosed: Rows = [
        (line.case, line.seq, line.disclosure) for line in step.history if line.disclosure != "{}"
    ]
    if disclosed:
        yield "disclosure", disclosed
    if step.clocks:
        yield "clock", _clock_rows(step)
    if step.messages:
        yield "outbox", [(*message, recorded_at) for message in step.messages]
    if len(step.changed) > 1 or step.family.root_id not in step.changed:
        yield from _children(step)
    if step.relations_added or step.relations_removed:
        yield "relation", [*step.relations_added]
        yield "unrelation", [*step.relations_removed]
    if step.past is not None:
        yield "past", [*_past(step)]
        yield "retention", [*step.kept]
        yield "unretention", [(case,) for case in step.open_again]
    if step.barred:
        yield "barred", [*step.barred]
    for name, marks in (("mark", step.marks_added), ("unmark", step.marks_removed)):
        if marks:
            yield name, [(case, dumps(some)) for case, some in marks.items() if some]
    if step.key:
        yield "answer", [(*step.key, recorded_at)]
    if step.invitation:
        yield "used", [(recorded_at, step.invitation)]


def _past(step: Step) -> Rows:
    """Who stands in the family, row by row: one that this step removes is not touched twice."""
    return [
        (step.past, record.id, name, party)
        for record in step.family.records.values() for name, parties in record.relations.items() for party in parties
    ]  # fmt: skip


def _children(step: Step) -> Iterator[tuple[str, Rows]]:
    children = [step.family.records[case] for case in step.changed if case != step.family.root_id]
    yield "born", [case_row(child) for child in children if child.id in step.new]
    yield "grown", [(*case_row(child)[7:], child.id) for child in children if child.id not in step.new]


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
    clock.text = text
    return text


def _clocks(text: str) -> dict[str, ClockState]:
    """The inverse of `_clocks_text`; each clock keeps its own part of the text, for most are written back as they were."""
    found, at = {}, 1
    while at < len(text) - 1:
        name, at = decode_at(text, at)
        data, end = decode_at(text, at + 1)
        clock = found[name] = _clock(data)
        clock.text = text[at + 1 : end]
        at = end + 1
    return found


def _clock(data: list[Any]) -> ClockState:
    return ClockState(
        ledger=Ledger.stored(data[0]), round=data[1], due_on=data[2], outer_on=data[3], provisional=data[4],
        running=data[5], next_rung=data[6], next_at=data[7],
    )  # fmt: skip
