"""Databases to measure in: the script's cases as drafts, and a background of older cases so that indexes have depth.

The background is cloned by SQL from a few cases that really went their way; its chains are therefore not theirs, which no
measurement looks at.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, text

from workflow.engine import Engine
from workflow.model import Grant, Request
from workflow.store.sqlite import protection

from .contender import LIVE, TENANT, actor_of, open_engine
from .w1def import TEXT, actor_for, actors, path, payload, title, unit_of

MODEL = "m{:019d}"
MODELS = 20
"""cases the background is cloned from: the odd ones stand in `handling`, the even ones are closed"""


def fill(url: str, live: int, background: int, *, lines: int | None = None) -> None:
    """Make the schema; `live` drafts for the script; `background` old cases, with at most `lines` events each."""
    engine = open_engine(url)
    engine.create_schema()
    _people(engine)
    with engine.database.begin() as connection:
        _start(engine, connection, LIVE, range(1, live + 1))
        if background:
            _start(engine, connection, MODEL, range(MODELS))
            for number in range(MODELS):
                _walk(engine, connection, number, lines)
    if background:
        _clone(engine, background)
    analysed(engine)
    engine.database.dispose()


def analysed(engine: Engine) -> None:
    """Statistics, as a server that has run for a while has them.

    On SQLite they are committed: our connections begin a transaction there whatever isolation SQLAlchemy is told, and without a
    commit ANALYZE would be undone with it.
    """
    if engine.store.is_sqlite:
        with engine.database.begin() as connection:
            connection.exec_driver_sql("analyze")
    else:
        with engine.database.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("vacuum analyze")


def long_cases(url: str, wanted: dict[str, tuple[int, int]]) -> list[list[str]]:
    """For each (event, how many cases, how many lines): cases in `handling` with so many lines of that event."""
    engine, made = open_engine(url), list[list[str]]()
    for group, (name, (cases, lines)) in enumerate(wanted.items()):
        event = name.split()[0]
        field = "remark" if event == "remark" else "opinion"
        ids = [f"h{group}{number:018d}" for number in range(cases)]
        with engine.database.begin() as connection:
            for case in ids:
                _start(engine, connection, case, [2])
                for step in ("submit", "approve", "assign", "accept", "handle"):
                    said = {"opinion": payload(2, step)["opinion"]}
                    engine.fire(case, step, actor_of(actor_for(2, step)), said, session=connection)
        more = lines - 6
        for start in range(0, more, 50):
            rows = [
                Request(case=case, event=event, actor=actor_of(11), data={field: TEXT})
                for _ in range(start, min(start + 50, more))
                for case in ids
            ]
            for outcome in engine.batch(rows):
                if outcome.error is not None:
                    raise outcome.error
        made.append(ids)
    engine.database.dispose()
    return made


def _people(engine: Engine) -> None:
    with engine.database.begin() as connection:
        for person, role, unit in actors():
            grant = Grant(
                id="", person=f"p{person}", role=role, scope=TENANT, unit=f"u{unit}" if unit else None
            )
            engine.sync_grants(grant.person, [grant], by="bench", session=connection)


def _start(engine: Engine, connection: Connection, ids: str, numbers: Iterable[int]) -> None:
    for i in numbers:
        deputy = actor_of(2001 + i % 300)
        data = {"title": title(i), "unit": f"u{unit_of(i)}"}
        engine.start("w1", deputy, data, tenant=TENANT, id=ids.format(i), session=connection)


def _walk(engine: Engine, connection: Connection, number: int, lines: int | None) -> None:
    steps = path(number)
    if number % 2:
        steps = steps[: steps.index("handle") + 1]
    for step in steps[:lines]:
        who, said = actor_of(actor_for(number, step)), {"opinion": payload(number, step)["opinion"]}
        engine.fire(MODEL.format(number), step, who, said, session=connection)


def _clone(engine: Engine, count: int) -> None:
    """`count` copies of the models under new ids, without the triggers."""
    prefix, sqlite = engine.store.prefix, engine.store.is_sqlite
    numbers = (
        f"with recursive g(n) as (select 1 union all select n + 1 from g where n < {count})"
        if sqlite
        else f"with g(n) as (select generate_series(1, {count}))"
    )
    id_of = "printf('b%019d', g.n)" if sqlite else "'b' || lpad(g.n::text, 19, '0')"
    model = f"printf('m%019d', g.n % {MODELS})" if sqlite else f"'m' || lpad((g.n % {MODELS})::text, 19, '0')"
    with engine.database.begin() as connection:
        triggers(connection, sqlite, off=True)
        for name, key in (
            ("cases", "id"), ("relation", "case_id"), ("clock", "case_id"), ("history", "case_id"),
            ("disclosure", "case_id"), ("outbox", "case_id"),
        ):  # fmt: skip
            table = engine.store.tables.metadata.tables[prefix + name]
            columns = [c.name for c in table.columns if c.identity is None]
            new = {key: id_of, "root_id": id_of, "key": f"{id_of} || substr(t.key, 21)", "state": "t.state"}
            if name == "outbox":
                new["state"] = "'sent'"
            chosen = ", ".join(new.get(column, f"t.{column}") for column in columns)
            connection.execute(
                text(
                    f"insert into {prefix}{name}({', '.join(columns)}) {numbers}"
                    f" select {chosen} from g join {prefix}{name} t on t.{key} = {model}"
                )
            )
        triggers(connection, sqlite, off=False)


def triggers(connection: Connection, sqlite: bool, *, off: bool) -> None:
    run: Any = connection.exec_driver_sql
    if not sqlite:
        run(f"set local session_replication_role = {'replica' if off else 'origin'}")
    elif off:
        for (name,) in run("select name from sqlite_master where type = 'trigger'").all():
            run(f"drop trigger {name}")
    else:
        for statement in protection("tibandu_"):
            run(statement)
