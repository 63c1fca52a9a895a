"""The hot path on SQLite: the same read, and the same step as statements inside one BEGIN IMMEDIATE."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from ..family import Step
from . import rows


def read_sql(prefix: str) -> str:
    """Parameters: person, key, case id. A row per family member; the last two columns repeat."""
    columns = ", ".join(f"c.{name}" for name in rows.CASE)
    return f"""
select {columns},
 (select json_group_array(json_array(g.id, g.person, g.role, g.scope, g.unit, g.valid_from, g.valid_until,
    g.on_behalf_of))
    from (select * from {prefix}grant where person = ? order by id) g),
 (select json_array(a.body_hash, a.answer) from {prefix}answer a where a.key = ?)
from {prefix}cases c where c.root_id = (select r.root_id from {prefix}cases r where r.id = ?)"""


@lru_cache(maxsize=256)
def _insert(prefix: str, table: str, columns: tuple[str, ...], ending: str = "") -> str:
    return (
        f"insert into {prefix}{table}({', '.join(columns)}) values ({', '.join('?' * len(columns))}){ending}"
    )


_CLOCK_CHANGES = ", ".join(f"{name} = excluded.{name}" for name in rows.CLOCK[2:])


@lru_cache(maxsize=16)
def _update(prefix: str, *, compared: bool = False, granted: bool = False) -> str:
    sets = ", ".join(f"{name} = ?" for name in rows.CHANGING)
    revision, grant = " and revision = ?" if compared else "", f" and {_granted(prefix)}" if granted else ""
    return f"update {prefix}cases set {sets} where id = ?{revision}{grant}"


@lru_cache(maxsize=16)
def _start(prefix: str, *, granted: bool) -> str:
    marks, where = ", ".join("?" * len(rows.CASE)), f" where {_granted(prefix)}" if granted else ""
    return f"insert into {prefix}cases({', '.join(rows.CASE)}) select {marks}{where}"


def _granted(prefix: str) -> str:
    return (
        f"exists (select 1 from {prefix}grant g where g.id = ? and (g.valid_from is null or g.valid_from <= ?)"
        " and (g.valid_until is null or g.valid_until >= ?))"
    )


def write(cursor: Any, prefix: str, step: Step, recorded_at: str, today: str) -> bool:
    """Write the step; False when somebody was first (or the grant is gone) and nothing was written."""
    if not _write_root(cursor, prefix, step, today):
        return False
    root = step.family.root_id
    for case in step.changed:
        if case == root:
            continue
        row = rows.case_row(step.family.records[case])
        if case in step.new:
            cursor.execute(_insert(prefix, "cases", rows.CASE), row)
        else:
            cursor.execute(_update(prefix), (*row[7:], case))
    many = cursor.executemany
    many(_insert(prefix, "history", rows.HISTORY), [rows.history_row(line) for line in step.history])
    # After the history: a unit may open what it is barred from afterwards (asking for an extension).
    if step.barred:
        many(_insert(prefix, "barred", ("case_id", "unit"), " on conflict do nothing"), step.barred)
    disclosed = [(line.case, line.seq, line.disclosure) for line in step.history if line.disclosure != "{}"]
    if disclosed:
        many(_insert(prefix, "disclosure", ("case_id", "seq", "body")), disclosed)
    if step.relations_removed:
        many(
            f"delete from {prefix}relation where case_id = ? and relation = ? and party = ?",
            step.relations_removed,
        )
    if step.relations_added:
        many(_insert(prefix, "relation", ("case_id", "relation", "party")), step.relations_added)
    if step.clocks:
        ending = f" on conflict (case_id, name) do update set {_CLOCK_CHANGES}"
        many(_insert(prefix, "clock", rows.CLOCK, ending), rows.clock_rows(step))
    for case, grams in step.grams_removed.items():
        many(f"delete from {prefix}gram where gram = ? and case_id = ?", [(gram, case) for gram in grams])
    for case, grams in step.grams_added.items():
        many(_insert(prefix, "gram", ("gram", "case_id")), [(gram, case) for gram in grams])
    if step.messages:
        many(
            _insert(prefix, "outbox", rows.OUTBOX, " on conflict (key) do nothing"),
            rows.outbox_rows(step, recorded_at),
        )
    if step.key:
        cursor.execute(
            _insert(prefix, "answer", ("key", "body_hash", "answer", "recorded_at")), (*step.key, recorded_at)
        )
    if step.invitation:
        cursor.execute(
            f"update {prefix}invitation set used_at = ? where token_hash = ?", (recorded_at, step.invitation)
        )
    return True


def write_all(cursor: Any, prefix: str, steps: Sequence[tuple[Step, str, str]]) -> bool:
    """Write steps of different families; False when one of them was stale, and then the caller rolls back."""
    return all(write(cursor, prefix, step, recorded_at, today) for step, recorded_at, today in steps)


def _write_root(cursor: Any, prefix: str, step: Step, today: str) -> bool:
    root = step.family.root
    row = rows.case_row(root)
    grant = (step.grant, today, today) if step.grant else ()
    if step.expected is None:
        cursor.execute(_start(prefix, granted=bool(grant)), (*row, *grant))
    else:
        values = (*row[7:], root.id, step.expected, *grant)
        cursor.execute(_update(prefix, compared=True, granted=bool(grant)), values)
    return cursor.rowcount == 1  # type: ignore[no-any-return]


def protection(prefix: str) -> list[str]:
    """Append-only history and the separation of powers, as the database keeps them whatever the engine does.

    REPLACE fires no delete trigger, so the insert itself is guarded against an existing row.
    """
    p = prefix
    fixed = [
        f"create trigger if not exists {p}{table}_no_{what} before {what} on {p}{table}"
        f" begin select raise(abort, '{p}refused: {what} on {p}{table} is not allowed (append-only)'); end"
        for table, what in (
            ("history", "update"), ("history", "delete"), ("cases", "delete"), ("feed", "update"), ("feed", "delete"),
            ("anchor", "update"), ("anchor", "delete"), ("definition", "update"), ("definition", "delete"),
            ("rulebook", "update"), ("rulebook", "delete"), ("party_log", "update"), ("party_log", "delete"),
        )
    ]  # fmt: skip
    replaced = [
        f"create trigger if not exists {p}{table}_no_replace before insert on {p}{table}"
        f" when exists (select 1 from {p}{table} where {same})"
        f" begin select raise(abort, '{p}refused: replacing in {p}{table} is not allowed (append-only)'); end"
        for table, same in (
            ("history", "id = new.id or (case_id = new.case_id and seq = new.seq)"),
            ("anchor", "id = new.id"), ("rulebook", "version = new.version"), ("party_log", "id = new.id"), ("feed", "position = new.position or history_id = new.history_id"),
            ("cases", "id = new.id"), ("definition", "hash = new.hash or (name = new.name and version = new.version)"),
        )
    ]  # fmt: skip
    return [
        *fixed,
        *replaced,
        f"""create trigger if not exists {p}history_separation before insert on {p}history
when exists (select 1 from {p}barred b where b.case_id = new.case_id and (b.unit = new.unit or b.unit = new.actor
  or exists (select 1 from {p}grant g where g.unit = b.unit and g.person in (new.actor, new.on_behalf_of))))
  and not exists (select 1 from {p}event_policy e where e.definition = new.definition and e.event = new.event and e.automatic)
begin select raise(abort, '{p}separation: this person may not act in this case'); end""",
        f"""create trigger if not exists {p}history_decision before insert on {p}history
when new.actor = 'system' and not exists (select 1 from {p}event_policy e
  where e.definition = new.definition and e.event = new.event and e.automatic)
begin select raise(abort, '{p}decision: this is a decision and only a person''s'); end""",
    ]
