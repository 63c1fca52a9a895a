"""The hot path on PostgreSQL: one statement reads all a decision needs, one data-modifying CTE writes all it decided.

The writing statement compares the root's revision (and the grant) first; everything else hangs on that CTE, so a stale
decision writes nothing. Its text depends only on how many rows of each kind there are; it is built once per shape and the
driver keeps it prepared.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from ..family import Step
from . import rows

_CASTS = {
    "revision": "bigint", "expected": "bigint", "seq": "int", "closed": "boolean", "past": "boolean", "provisional": "boolean", "running": "boolean",
    "next_rung": "int",
}  # fmt: skip


MOST_CHARACTERS = 60_000_000
"""of one parameter: a text holds 1 GiB, and a character has up to four bytes"""
BETWEEN, NOTHING = "\x1f", "\x01"
"""what stands between the values of a column, and for one that is not there; no text of ours holds such a character"""


@lru_cache(maxsize=512)
def numbered(sql: str) -> str:
    """The statement with PostgreSQL's own placeholders: each ? becomes $1, $2 …; no text of ours holds a ? otherwise."""
    first, *rest = sql.split("?")
    return first + "".join(f"${n}{part}" for n, part in enumerate(rest, 1))


def read_sql(prefix: str) -> str:
    """Parameters: person, key, case id. A row per family member; the last two columns repeat."""
    columns = ", ".join(f"c.{name}" for name in rows.CASE)
    return numbered(f"""
select {columns},
 (select json_agg(json_build_array(g.id, g.person, g.role, g.scope, g.unit, g.valid_from, g.valid_until,
    g.on_behalf_of) order by g.id)
    from {prefix}grant g where g.person = ?),
 (select json_build_array(a.body_hash, a.answer) from {prefix}answer a where a.key = ?)
from {prefix}cases c where c.root_id = (select r.root_id from {prefix}cases r where r.id = ?)""")


def write(cursor: Any, prefix: str, step: Step, recorded_at: str, today: str) -> bool:
    """Write the step; False when somebody was first (or the grant is gone) and nothing was written."""
    root, starting = step.family.root, step.expected is None
    parts = rows.parts([(step, recorded_at)])
    row = rows.case_row(root)
    arguments: list[Any] = [*row] if starting else [*row[7:], root.id, step.expected]
    if step.grant:
        arguments += [step.grant, today, today]
    for part in parts.values():
        for values in part:
            arguments += values
    shape = tuple([(name, len(part)) for name, part in parts.items()])
    cursor.execute(_write_sql(prefix, starting, bool(step.grant), shape), arguments)
    return cursor.rowcount == 1  # type: ignore[no-any-return]


def write_all(cursor: Any, prefix: str, steps: Sequence[tuple[Step, str, str]]) -> bool:
    """Write steps of different families in one statement, each compared with its root's revision; (step, recorded_at, today).

    False when one of them was stale: then some are written, and the caller rolls back to where he stood. A cursor of ours does
    not wait, and its `arrived` tells. False, too, for what cannot be sent so: very much, or a text with a character that stands
    between texts.
    """
    roots: rows.Rows = [
        (step.family.root_id, step.expected, step.grant, today, *rows.case_row(step.family.root)[7:])
        for step, _, today in steps
    ]
    parts = rows.parts([(step, recorded_at) for step, recorded_at, _ in steps])
    given = [column(values) for some in (roots, *parts.values()) for values in zip(*some, strict=True)]
    if None in given:
        return False
    sql = _write_all_sql(prefix, tuple(parts))
    if hasattr(cursor, "send"):
        cursor.send(sql, given, len(steps))
        return True
    cursor.execute(sql, given)
    return cursor.rowcount == len(steps)  # type: ignore[no-any-return]


def column(values: Sequence[Any]) -> str | None:
    """The values of one column as one text; None where it would not be read back as it was."""
    missing = 0
    try:
        text = BETWEEN.join(values)
    except TypeError:
        missing = values.count(None)
        text = BETWEEN.join([NOTHING if v is None else v if type(v) is str else str(v) for v in values])
    plain = text.count(BETWEEN) == len(values) - 1 and text.count(NOTHING) == missing
    return text if plain and len(text) <= MOST_CHARACTERS else None


@lru_cache(maxsize=512)
def _write_sql(prefix: str, starting: bool, granted: bool, shape: tuple[tuple[str, int], ...]) -> str:
    grant = (
        f"exists (select 1 from {prefix}grant g where g.id = ? and (g.valid_from is null or g.valid_from <= ?)"
        " and (g.valid_until is null or g.valid_until >= ?))"
    )
    if starting:
        where = f" where {grant}" if granted else ""
        values = ", ".join(_typed(name) for name in rows.CASE)
        root = f"insert into {prefix}cases({', '.join(rows.CASE)}) select {values}{where} returning id"
    else:
        where = f" and {grant}" if granted else ""
        sets = ", ".join(f"{name} = ?" for name in rows.CHANGING)
        root = f"update {prefix}cases set {sets} where id = ? and revision = ?{where} returning id"
    ctes = [f"root as ({root})"]
    ctes += [
        f"{name}_ as ({_PARTS[name](prefix, 'root, ' + _values(rows.PARTS[name], count))})"
        for name, count in shape
    ]
    return numbered(f"with {', '.join(ctes)} select 1 from root")


@lru_cache(maxsize=64)
def _write_all_sql(prefix: str, names: tuple[str, ...]) -> str:
    sets = ", ".join(f"{name} = v.{name}" for name in rows.CHANGING)
    grant = (
        f"exists (select 1 from {prefix}grant g where g.id = v.grant_id and (g.valid_from is null or g.valid_from <= v.today)"
        " and (g.valid_until is null or g.valid_until >= v.today))"
    )
    root = (
        f"update {prefix}cases c set {sets} from {_records(_ROOTS)}"
        f" where c.id = v.id and c.revision = v.expected and (v.grant_id is null or {grant}) returning c.id"
    )
    ctes = [f"root as ({root})"]
    ctes += [f"{name}_ as ({_PARTS[name](prefix, _records(rows.PARTS[name]))})" for name in names]
    return numbered(f"with {', '.join(ctes)} select 1 from root")


def _records(columns: Sequence[str]) -> str:
    """Rows of one parameter a column, all its values in one text: the statement is the same however many they are.

    An empty text is one value that is empty; to PostgreSQL alone it would be none.
    """
    typed = ", ".join(f"{name}::{_CASTS.get(name, 'text')}" for name in columns)
    return f"(select {typed} from unnest({', '.join(ARRAY for _ in columns)}) u({', '.join(columns)})) v"


def _typed(name: str) -> str:
    return f"?::{_CASTS.get(name, 'text')}"


def _values(columns: Sequence[str], count: int) -> str:
    first = ", ".join(_typed(name) for name in columns)
    more = ", ".join("?" for _ in columns)
    return f"(values ({first}){f', ({more})' * (count - 1)}) v({', '.join(columns)})"


Part = Callable[[str, str], str]
"""(prefix, the rows to write as `v`) -> the statement that writes them"""


def _insert(table: str, ending: str = "") -> Part:
    names = rows.PARTS[table if table != "cases" else "born"]
    selected = ", ".join(f"v.{name}" for name in names)
    return lambda prefix, source: (
        f"insert into {prefix}{table}({', '.join(names)}) select {selected} from {source}{ending}"
    )


def _grown(prefix: str, source: str) -> str:
    sets = ", ".join(f"{name} = v.{name}" for name in rows.CHANGING)
    return f"update {prefix}cases c set {sets} from {source} where c.id = v.id"


def _unrelate(prefix: str, source: str) -> str:
    same = "r.case_id = v.case_id and r.relation = v.relation and r.party = v.party"
    return f"delete from {prefix}relation r using {source} where {same}"


def _past(prefix: str, source: str) -> str:
    same = "r.case_id = v.case_id and r.relation = v.relation and r.party = v.party"
    return f"update {prefix}relation r set past = v.past from {source} where {same}"


def _open_again(prefix: str, source: str) -> str:
    return f"delete from {prefix}retention r using {source} where r.case_id = v.case_id"


def _mark(prefix: str, source: str) -> str:
    return (
        f"insert into {prefix}mark(mark, case_id) select cast(e as bigint), v.case_id"
        f" from {source}, json_array_elements_text(v.marks::json) e"
    )


def _unmark(prefix: str, source: str) -> str:
    return (
        f"delete from {prefix}mark m using {source}, json_array_elements_text(v.marks::json) e"
        " where m.mark = cast(e as bigint) and m.case_id = v.case_id"
    )


def _use(prefix: str, source: str) -> str:
    return (
        f"update {prefix}invitation i set used_at = v.used_at from {source} where i.token_hash = v.token_hash"
    )


def _bar(prefix: str, source: str) -> str:
    # Counting the history makes it come first: a unit may open what it is barred from afterwards (asking for an extension).
    return (
        f"insert into {prefix}barred(case_id, unit) select v.case_id, v.unit"
        f" from (select count(*) from history_) first, {source} on conflict do nothing"
    )


ARRAY = "coalesce(string_to_array(nullif(?, ''), E'\\x1f', E'\\x01'), array[''])"
_ROOTS = ("id", "expected", "grant_id", "today", *rows.CHANGING)
_CLOCK_CHANGES = ", ".join(f"{name} = excluded.{name}" for name in rows.CLOCK[2:])
_PARTS: dict[str, Part] = {
    "born": _insert("cases"),
    "grown": _grown,
    "history": _insert("history", " returning 1"),
    "disclosure": _insert("disclosure"),
    "relation": _insert("relation"),
    "unrelation": _unrelate,
    "past": _past,
    "retention": _insert(
        "retention",
        " on conflict (case_id, rule) do update set until_on = excluded.until_on, erase_at = excluded.erase_at, again_at = null",
    ),
    "unretention": _open_again,
    "clock": _insert("clock", f" on conflict (case_id, name) do update set {_CLOCK_CHANGES}"),
    "outbox": _insert("outbox", " on conflict (key) do nothing"),
    "barred": _bar,
    "mark": _mark,
    "unmark": _unmark,
    "answer": _insert("answer"),
    "used": _use,
}


def protection(prefix: str) -> list[str]:
    """Append-only history and the separation of powers, as the database keeps them whatever the engine does."""
    p = prefix
    return [
        f"""create or replace function {p}refuse() returns trigger language plpgsql as $$
begin
  raise exception using errcode = 'restrict_violation',
    message = '{p}refused: ' || tg_op || ' on ' || tg_table_name || ' is not allowed (append-only)';
end $$""",
        *(
            f"create or replace trigger {p}{table}_fixed before {what} on {p}{table} for each statement"
            f" execute function {p}refuse()"
            for table, what in (
                ("history", "update or delete or truncate"),
                ("cases", "delete or truncate"),
                ("feed", "update or delete"),
                ("anchor", "update or delete or truncate"),
                ("definition", "update or delete or truncate"),
                ("rulebook", "update or delete or truncate"),
                ("party_log", "update or delete or truncate"),
            )
        ),
        # One trigger for both, without WHEN, which is compiled anew for each statement; a person's line in a case that bars
        # nobody costs one look into an index.
        f"""create or replace function {p}separate() returns trigger language plpgsql as $$
begin
  if new.actor = 'system' then
    if not exists (select 1 from {p}event_policy e
         where e.definition = new.definition and e.event = new.event and e.automatic)
       and not (new.event = 'erase' and new.from_state = new.to_state and exists (select 1 from {p}retention r
         where r.case_id = new.case_id and r.erase_at <= new.recorded_at)) then
      raise exception using errcode = 'restrict_violation',
        message = '{p}decision: ' || new.event || ' is a decision and only a person''s';
    end if;
  end if;
  if exists (select 1 from {p}barred b where b.case_id = new.case_id) then
    if exists (select 1 from {p}barred b where b.case_id = new.case_id and (b.unit = new.unit or b.unit = new.actor
         or exists (select 1 from {p}grant g where g.unit = b.unit and g.person in (new.actor, new.on_behalf_of))))
       and not exists (select 1 from {p}event_policy e
         where e.definition = new.definition and e.event = new.event and e.automatic) then
      raise exception using errcode = 'restrict_violation',
        message = '{p}separation: ' || new.actor || ' may not act in case ' || new.case_id;
    end if;
  end if;
  return new;
end $$""",
        f"""create or replace trigger {p}history_separation before insert on {p}history for each row
execute function {p}separate()""",
    ]
