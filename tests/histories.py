"""A town that answers letters (tests/data/history), on a database with a short history, and the hands of its owner.

town_url   a database of each kind: schema, grants, and the history of `fill`
town       an Engine on it, its clock at `town.clock`
"""

from __future__ import annotations

import json
import shutil
import time
from collections import Counter
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from workflow import Actor, Case, Engine, load_definitions
from workflow.history import HASHED, line_hash
from workflow.library import Library
from workflow.random import SeededRandom
from workflow.testing import FrozenClock

FOLDER = Path(__file__).parent / "data" / "history"
LIBRARY: Library = load_definitions(FOLDER)
TENANT = "hb/town"
LI, WANG = Actor(person="li"), Actor(person="wang")
PHONE = "13900001234-CANARY"
TODAY = date(2025, 6, 2)
KEY = b"a key of more than sixteen bytes\n"
CASES, LINES = 6, 18
"""what `fill` leaves behind"""


def open_town(url: str, *, seed: int = 7, today: date = TODAY) -> Engine:
    """An engine on that database, with a clock of its own."""
    return Engine(Engine.connect(url), LIBRARY, clock=FrozenClock(today), random=SeededRandom(seed))


def prepare(url: str) -> None:
    """The schema, two persons and a history."""
    engine = open_town(url)
    engine.create_schema()
    staff(engine)
    fill(engine)
    engine.database.dispose()


def staff(engine: Engine) -> None:
    """An office clerk and a clerk of the water bureau."""
    engine.grant("li", "office", TENANT)
    engine.grant("wang", "clerk", TENANT, unit="water")


def fill(engine: Engine) -> list[Case]:
    """Three letters, each with its review: one closed, one assigned, one urged; the review of the first is judged."""
    letters = [letter(engine, n) for n in range(3)]
    reply(engine, letters[0])
    review = engine.children(letters[0].id)[0]
    engine.fire(review.id, "judge", LI, {"opinion": "好"})
    clock(engine).advance(days=20)
    while engine.tick():
        pass
    return letters


def letter(engine: Engine, n: int) -> Case:
    """Started, noted, assigned."""
    case = engine.start("letter", LI, {"title": f"来信{n}", "phone": PHONE}, tenant=TENANT, key=f"letter {n}")
    engine.fire(case.id, "note", LI, {"remark": f"甲{n}"})
    clock(engine).advance(minutes=1)
    return engine.fire(case.id, "assign", LI, {"lead_unit": "water"})


def reply(engine: Engine, case: Case) -> Case:
    """Noted once more, answered, closed."""
    engine.fire(case.id, "note", LI, {"remark": "乙"})
    engine.fire(case.id, "reply", WANG, {"answer": "已修"})
    return engine.fire(case.id, "close", LI)


def clock(engine: Engine) -> FrozenClock:
    """Its clock, which a test may move."""
    assert isinstance(engine.clock, FrozenClock)
    return engine.clock


def first(engine: Engine) -> str:
    """The id of the letter that is closed: six lines."""
    return next(case.id for case in engine.search(kind="letter") if case.closed)


# --- the owner of the database


def own(engine: Engine, *statements: str, **values: Any) -> None:
    """Run statements as the owner; `{p}` is the prefix."""
    with engine.database.begin() as connection:
        for statement in statements:
            connection.execute(text(statement.replace("{p}", engine.store.prefix)), values)


def rows(engine: Engine, query: str, **values: Any) -> list[Any]:
    """What a query finds."""
    with engine.database.connect() as connection:
        return list(connection.execute(text(query.replace("{p}", engine.store.prefix)), values))


def disarm(engine: Engine) -> None:
    """Drop every trigger, as an owner can."""
    if engine.store.is_sqlite:
        for (name,) in rows(engine, "select name from sqlite_master where type = 'trigger'"):
            own(engine, f"drop trigger {name}")
        return
    found = "select tgname, tgrelid::regclass::text from pg_trigger where not tgisinternal"
    for name, table in rows(engine, found):
        own(engine, f"drop trigger {name} on {table}")


HERE = "where case_id = :case and seq = :seq"


def rehash(engine: Engine, case: str) -> None:
    """Write the hashes of a case anew, as if nothing had happened."""
    columns = ", ".join("case_id" if name == "case" else name for name in HASHED)
    head = "0" * 64
    for line in rows(
        engine, f"select {columns} from {{p}}history where case_id = :case order by seq", case=case
    ):
        digest = line_hash([*line[:-1], head])
        change = f"update {{p}}history set prev = :prev, hash = :hash {HERE}"
        own(engine, change, prev=head, hash=digest, case=case, seq=line.seq)
        head = digest
    own(engine, "update {p}cases set head = :head where id = :case", head=head, case=case)


def change_row(engine: Engine) -> None:
    """Somebody else did it."""
    own(engine, "update {p}history set actor = 'zhao' where case_id = :case and seq = 2", case=first(engine))


def remove_row(engine: Engine) -> None:
    """It was never done."""
    for table in ("history", "disclosure"):
        own(engine, f"delete from {{p}}{table} where case_id = :case and seq = 2", case=first(engine))


def insert_row(engine: Engine) -> None:
    """A line more in the middle, with a hash of its own that is right."""
    case = first(engine)
    names = ["case_id" if name == "case" else name for name in HASHED]
    found = rows(engine, f"select {', '.join(names)}, hash from {{p}}history {HERE}", case=case, seq=2)[0]
    line = {**found._mapping, "seq": 3, "prev": found.hash, "commitments": "{}", "actor": "zhao"}
    line["hash"] = line_hash([line[name] for name in names])
    for seq in (6, 5, 4, 3):
        for table in ("history", "disclosure"):
            own(engine, f"update {{p}}{table} set seq = seq + 1 {HERE}", case=case, seq=seq)
    marks = ", ".join(f":{name}" for name in (*names, "hash"))
    own(engine, f"insert into {{p}}history({', '.join(names)}, hash) values ({marks})", **line)


def reorder_rows(engine: Engine) -> None:
    """The second after the third."""
    for table in ("history", "disclosure"):
        for old, new in ((2, 99), (3, 2), (99, 3)):
            own(engine, f"update {{p}}{table} set seq = :new {HERE}", case=first(engine), seq=old, new=new)


def swap_values(engine: Engine) -> None:
    """The remarks of two lines change places, each with its salt."""
    case = first(engine)
    query = f"select body from {{p}}disclosure {HERE}"
    bodies = {seq: rows(engine, query, case=case, seq=seq)[0].body for seq in (2, 4)}
    for seq, other in ((2, 4), (4, 2)):
        own(engine, f"update {{p}}disclosure set body = :body {HERE}", case=case, seq=seq, body=bodies[other])


def cut_tail(engine: Engine) -> None:
    """The last line never was, and everything agrees with that."""
    case = first(engine)
    own(engine, "delete from {p}history where case_id = :case and seq = 6", case=case)
    lines = rows(
        engine, "select to_state, hash, event from {p}history where case_id = :case order by seq", case=case
    )
    memo = [Counter(line.event for line in lines[1:]), {}]
    own(
        engine, "update {p}cases set seq = 5, state = :state, head = :head, closed = :closed, memo = :memo where id = :case",
        case=case, state=lines[-1].to_state, head=lines[-1].hash, closed=False, memo=json.dumps(memo),
    )  # fmt: skip
    own(engine, "update {p}relation set past = :past where case_id = :case", case=case, past=False)


def remove_case(engine: Engine) -> None:
    """The case never was, nor its review."""
    case = first(engine)
    family = [row[0] for row in rows(engine, "select id from {p}cases where root_id = :case", case=case)]
    for id_ in family:
        for table in ("history", "disclosure", "relation", "clock", "barred", "erasure", "outbox"):
            own(engine, f"delete from {{p}}{table} where case_id = :case", case=id_)
        own(engine, "delete from {p}cases where id = :case", case=id_)


def rehash_case(engine: Engine) -> None:
    """Somebody else did it, and the chain says so."""
    change_row(engine)
    rehash(engine, first(engine))


SEEN = {
    change_row: ("hash", 2), remove_row: ("gap", 2), insert_row: ("hash", 4), reorder_rows: ("hash", 2),
    swap_values: ("commitment", 2),
}  # fmt: skip
"""what the chain itself shows: the code and the line of the first fault"""
HIDDEN = {cut_tail: ("anchor_tail", 6), remove_case: ("anchor_case", 6), rehash_case: ("anchor_hash", 6)}
"""what only an anchor shows"""


# --- fixtures


@pytest.fixture(scope="session")
def town_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file to copy."""
    path = tmp_path_factory.mktemp("town") / "town.db"
    prepare(f"sqlite:///{path}")
    return path


@pytest.fixture(params=["sqlite", "postgresql"])
def town_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database of each kind with a short history."""
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("town_file"), tmp_path / "town.db")
        yield f"sqlite:///{tmp_path / 'town.db'}"
        return
    server = request.getfixturevalue("postgres_server")
    name = server.create(server.template("town", prepare))
    yield server.database(name)
    until = time.monotonic() + 3
    while (left := server.connections(name)) and time.monotonic() < until:
        time.sleep(0.01)  # a process of the server does not end at once
    server.drop(name)
    assert not left, f"{left} connection(s) to PostgreSQL left open"


@pytest.fixture
def town(town_url: str) -> Iterator[Engine]:
    """The town on each database, three weeks on."""
    engine = open_town(town_url, seed=8, today=date(2025, 6, 23))
    yield engine
    engine.database.dispose()
