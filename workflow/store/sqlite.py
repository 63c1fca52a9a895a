"""The hot path on SQLite: the same read, and the same step as statements inside one BEGIN IMMEDIATE."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import Integer, Table, UniqueConstraint

from ..family import Step
from . import rows
from .schema import tables_of


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


def write(cursor: Any, prefix: str, step: Step, recorded_at: str, today: str) -> bool:
    """Write the step; False when somebody was first (or the grant is gone) and nothing was written."""
    granted = step.grant is not None
    sql = _start(prefix, granted=granted) if step.expected is None else _update(prefix, granted=granted)
    cursor.execute(sql, _root(step, today))
    if cursor.rowcount != 1:
        return False
    _write_parts(cursor, prefix, [(step, recorded_at)])
    return True


def write_all(cursor: Any, prefix: str, steps: Sequence[tuple[Step, str, str]]) -> bool:
    """Write steps of different families; False when one of them was stale, and then the caller rolls back."""
    for granted in (True, False):
        roots = [_root(step, today) for step, _, today in steps if (step.grant is not None) == granted]
        if roots:
            cursor.executemany(_update(prefix, granted=granted), roots)
            if cursor.rowcount != len(roots):
                return False
    _write_parts(cursor, prefix, [(step, recorded_at) for step, recorded_at, _ in steps])
    return True


def _root(step: Step, today: str) -> tuple[Any, ...]:
    """What the statement that writes the root, and compares its revision, is given."""
    row = rows.case_row(step.family.root)
    grant = (step.grant, today, today) if step.grant is not None else ()
    return (*row, *grant) if step.expected is None else (*row[7:], row[0], step.expected, *grant)


def _write_parts(cursor: Any, prefix: str, steps: Sequence[tuple[Step, str]]) -> None:
    for name, some in rows.parts(steps).items():
        cursor.executemany(_part(prefix, name), some)


@lru_cache(maxsize=16)
def _start(prefix: str, *, granted: bool) -> str:
    marks, where = ", ".join("?" * len(rows.CASE)), f" where {_granted(prefix)}" if granted else ""
    return f"insert into {prefix}cases({', '.join(rows.CASE)}) select {marks}{where}"


@lru_cache(maxsize=16)
def _update(prefix: str, *, granted: bool) -> str:
    where = f" and {_granted(prefix)}" if granted else ""
    return f"update {prefix}cases set {_CHANGES} where id = ? and revision = ?{where}"


def _granted(prefix: str) -> str:
    return (
        f"exists (select 1 from {prefix}grant g where g.id = ? and (g.valid_from is null or g.valid_from <= ?)"
        " and (g.valid_until is null or g.valid_until >= ?))"
    )


@lru_cache(maxsize=256)
def _part(prefix: str, name: str) -> str:
    columns = rows.PARTS[name]
    plain = (
        f"insert into {prefix}{_TABLES.get(name, name)}({', '.join(columns)})"
        f" values ({', '.join('?' * len(columns))}){_ENDINGS.get(name, '')}"
    )
    return _OTHERS.get(name, plain).format(p=prefix)


_CHANGES = ", ".join(f"{name} = ?" for name in rows.CHANGING)
_CLOCK_CHANGES = ", ".join(f"{name} = excluded.{name}" for name in rows.CLOCK[2:])
_TABLES = {"born": "cases"}
_ENDINGS = {
    "barred": " on conflict do nothing",
    "clock": f" on conflict (case_id, name) do update set {_CLOCK_CHANGES}",
    "outbox": " on conflict (key) do nothing",
    "retention": " on conflict (case_id, rule) do update set until_on = excluded.until_on, erase_at = excluded.erase_at, again_at = null",
}
_OTHERS = {
    "grown": f"update {{p}}cases set {_CHANGES} where id = ?",
    "unrelation": "delete from {p}relation where case_id = ? and relation = ? and party = ?",
    "unretention": "delete from {p}retention where case_id = ?",
    "past": "update {p}relation set past = ? where case_id = ? and relation = ? and party = ?",
    "unmark": "delete from {p}mark where case_id = ? and mark in (select value from json_each(?))",
    "mark": "insert into {p}mark(case_id, mark) select ?, value from json_each(?)",
    "used": "update {p}invitation set used_at = ? where token_hash = ?",
}
"""those that are no plain insert"""


def _same(table: Table) -> list[str]:
    """The ways in which a row there would have to give way to the new one."""
    keys = [tuple(table.primary_key.columns)]
    keys += [tuple(one.columns) for one in table.constraints if isinstance(one, UniqueConstraint)]
    keys += [tuple(index.columns) for index in table.indexes if index.unique]
    found = {" and ".join(f"{column.name} = new.{column.name}" for column in key) for key in keys}
    by_number = isinstance(table.primary_key.columns[0].type, Integer)  # then the key is the rowid
    return (
        sorted(found) if by_number else [*sorted(found), "new.rowid > 0 and rowid = new.rowid"]
    )  # -1 where the database is to choose it


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
    tables = tables_of(prefix)
    replaced = [
        f"create trigger if not exists {p}{name}_no_replace before insert on {p}{name}"
        f" when exists (select 1 from {p}{name} where {' or '.join(_same(getattr(tables, name)))})"
        f" begin select raise(abort, '{p}refused: replacing in {p}{name} is not allowed (append-only)'); end"
        for name in ("history", "anchor", "rulebook", "party_log", "feed", "cases", "definition")
    ]
    replaced.append(
        f"create trigger if not exists {p}cases_no_update_or_replace before update on {p}cases"
        " when new.id <> old.id or new.rowid <> old.rowid or (new.number_key is not old.number_key"
        f" and exists (select 1 from {p}cases where number_key = new.number_key and id <> old.id))"
        f" begin select raise(abort, '{p}refused: replacing in {p}cases is not allowed (append-only)'); end"
    )
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
  and not (new.event = 'erase' and new.from_state = new.to_state and exists (select 1 from {p}retention r
  where r.case_id = new.case_id and r.erase_at <= new.recorded_at))
begin select raise(abort, '{p}decision: this is a decision and only a person''s'); end""",
    ]
