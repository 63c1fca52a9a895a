"""The history itself: what is hashed, who is kept from changing it, that a seed repeats it, and the feed over it."""

from __future__ import annotations

import hashlib
import re
import shutil
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import inspect, make_url
from sqlalchemy.exc import DBAPIError

from api import create_app, create_schema
from api.store import Shelf
from tests.histories import (
    LI,
    LINES,
    change_row,
    disarm,
    fill,
    first,
    letter,
    open_town,
    own,
    prepare,
    rows,
    staff,
    town,
    town_file,
    town_url,
)  # fmt: skip
from workflow import Engine
from workflow import history as chain
from workflow.anchor import make_anchor
from workflow.cli import main
from workflow.clock import civil_date
from workflow.outbox import Receipt
from workflow.random import SeededRandom
from workflow.store.privileges import UNSEEN
from workflow.subscriptions import Subscriptions
from workflow.verify import verify

__all__ = ["town", "town_file", "town_url"]

DOCUMENT = Path(__file__).parent.parent / "docs" / "history.md"


# --- what is hashed


def test_the_hash_of_a_line_is_for_ever() -> None:
    """A change here would make every history ever written look forged."""
    values = ["c1", 2, "2025-06-02T01:00:00.000000+00:00", "2025-06-02", "assign", "filed", "assigned", "li", None, "office",
              None, None, "d" * 64, "{}", "0" * 64]  # fmt: skip
    written = b"tibandu-history-1,2:c1,1:2,32:2025-06-02T01:00:00.000000+00:00,10:2025-06-02,6:assign,5:filed,8:assigned,2:li,-,"
    written += b"6:office,-,-,64:" + b"d" * 64 + b",2:{},64:" + b"0" * 64
    assert chain.line_hash(values) == hashlib.sha256(written).hexdigest()
    assert chain.line_hash(values) == "a6bd26731073b92b23b10f468ffc403fef19a42ba74b319d7f2329d1fc432225"


def test_the_commitment_of_a_value_is_for_ever() -> None:
    salt = "00" * 15 + "01"
    assert (
        chain.commitment(salt, "驿站") == hashlib.sha256(bytes.fromhex(salt) + '"驿站"'.encode()).hexdigest()
    )
    assert chain.commitment(salt, {"b": 1, "a": [True, None]}) == chain.commitment(
        salt, {"a": [True, None], "b": 1}
    )
    assert chain.commitment(salt, "é") == chain.commitment(salt, "é"), "one text for one value"
    assert chain.commitment(salt, "") != chain.commitment("00" * 16, "")


def test_fields_cannot_flow_into_one_another() -> None:
    """Each is measured: moving a letter from one field to the next is another line."""
    empty: list[str | int | None] = [None] * 15
    assert chain.line_hash(["ab", "c", *empty[2:]]) != chain.line_hash(["a", "bc", *empty[2:]])
    assert chain.line_hash(["-", *empty[1:]]) != chain.line_hash(empty)
    assert chain.line_hash(["", *empty[1:]]) != chain.line_hash(empty)


def test_two_equal_values_do_not_look_equal() -> None:
    """Each has a salt of its own, so a commitment tells nothing and cannot be guessed from another."""
    one, _ = chain.commit({"a": "是", "b": "是"}, SeededRandom(1))
    hashes = re.findall(r"[0-9a-f]{64}", one)
    assert len(set(hashes)) == 2


# --- a seed repeats it


def heads(engine: Engine) -> list[tuple[Any, ...]]:
    return [
        tuple(row) for row in rows(engine, "select case_id, seq, hash from {p}history order by case_id, seq")
    ]


def test_the_same_seed_and_clock_give_the_same_heads_on_both_databases(
    tmp_path: Path, postgres_url: str
) -> None:
    found = []
    for url in (f"sqlite:///{tmp_path / 'one.db'}", f"sqlite:///{tmp_path / 'two.db'}", postgres_url):
        engine = open_town(url, seed=42)
        engine.create_schema()
        staff(engine)
        fill(engine)
        found.append(heads(engine))
        engine.database.dispose()
    assert found[0] == found[1] == found[2]
    assert len(found[0]) == LINES
    other = open_town(f"sqlite:///{tmp_path / 'three.db'}", seed=43)
    other.create_schema()
    staff(other)
    fill(other)
    assert not {row[2] for row in heads(other)} & {row[2] for row in found[0]}
    other.database.dispose()


# --- the database keeps it, whoever asks

FORBIDDEN = {
    "history": (
        "update {p}history set actor = actor",
        "delete from {p}history",
        "truncate {p}history cascade",
    ),
    "cases": (None, "delete from {p}cases", "truncate {p}cases"),
    "anchor": ("update {p}anchor set body = body", "delete from {p}anchor", "truncate {p}anchor"),
    "definition": (
        "update {p}definition set name = name",
        "delete from {p}definition",
        "truncate {p}definition",
    ),
    "rulebook": (
        "update {p}rulebook set place = place",
        "delete from {p}rulebook",
        "truncate {p}rulebook",
    ),
    "feed": ("update {p}feed set position = position", "delete from {p}feed", None),
}
REPLACING = {
    "history": "insert or replace into {p}history select * from {p}history limit 1",
    "cases": "insert or replace into {p}cases select * from {p}cases limit 1",
    "anchor": "insert or replace into {p}anchor select * from {p}anchor limit 1",
    "definition": "insert or replace into {p}definition select * from {p}definition limit 1",
    "feed": "insert or replace into {p}feed select * from {p}feed limit 1",
    "history by its number": (
        "insert or replace into {p}history(case_id, seq, recorded_at, event, from_state, to_state, actor, definition, commitments,"
        " prev, hash) select case_id, seq, recorded_at, event, from_state, to_state, 'zhao', definition, commitments, prev, hash"
        " from {p}history limit 1"
    ),
    "cases by its number": "insert or replace into {p}cases(OTHERS, id) select OTHERS, 'evil' from {p}cases where number_key is not null limit 1",
    "cases by its place": "insert or replace into {p}cases(rowid, OTHERS, id) select rowid, OTHERS, 'evil' from {p}cases where number_key is null limit 1",
    "cases by another's number": (
        "update or replace {p}cases set number_key = (select number_key from {p}cases where number_key is not null limit 1)"
        " where number_key is null"
    ),
    "cases by another's place": "update or replace {p}cases set rowid = (select min(rowid) from {p}cases)",
    "cases by a place that none may have": "update {p}cases set rowid = -1 where id = (select min(id) from {p}cases)",
    "cases by another's id": "update or replace {p}cases set id = (select min(id) from {p}cases)",
    "definition by its place": (
        "insert or replace into {p}definition(rowid, hash, name, version, content, published_at, published_by)"
        " select rowid, 'f', name, version + 100, content, published_at, published_by from {p}definition limit 1"
    ),
}


def something_to_lose(engine: Engine) -> None:
    """An anchor and a feed, so that there is something to lose."""
    make_anchor(engine.store, None, engine.clock.now())
    with engine.store.connection(write=True) as connection:
        assert engine.store.sequence_feed(connection, 100) == LINES


@pytest.mark.parametrize("table", FORBIDDEN)
def test_triggers_refuse_update_delete_and_truncate(town: Engine, table: str) -> None:
    something_to_lose(town)
    before = rows(town, f"select * from {{p}}{table}")
    assert before
    for statement in FORBIDDEN[table]:
        if statement is None or (town.store.is_sqlite and statement.startswith("truncate")):
            continue
        with pytest.raises(DBAPIError, match=r"append-only|foreign key"):
            own(town, statement)
    assert rows(town, f"select * from {{p}}{table}") == before


@pytest.mark.parametrize("what", REPLACING)
def test_sqlite_cannot_replace_either(town_file: Path, tmp_path: Path, what: str) -> None:
    """REPLACE fires no delete trigger: the insert itself is guarded."""
    shutil.copy(town_file, tmp_path / "town.db")
    engine = open_town(f"sqlite:///{tmp_path / 'town.db'}")
    something_to_lose(engine)
    table = what.split(maxsplit=1)[0]
    own(engine, "update {p}cases set number_key = 'letter/1' where id = (select max(id) from {p}cases)")
    before = rows(engine, f"select * from {{p}}{table}")
    others = ", ".join(column.name for column in engine.store.tables.cases.columns if column.name != "id")
    with pytest.raises(DBAPIError, match="append-only"):
        own(engine, REPLACING[what].replace("OTHERS", others))
    assert rows(engine, f"select * from {{p}}{table}") == before
    engine.database.dispose()


# --- three roles on PostgreSQL, as docs/history.md has them


@pytest.fixture
def roles(postgres_url: str) -> Iterator[Callable[[str], Engine]]:
    """An engine as `owner`, `app` or `auditor`: the SQL of the document, with names of this test's own."""
    suffix = make_url(postgres_url).database
    (setup,) = (block.replace("tibandu_role_", f"{suffix}_") for block in sql_of_the_document())
    root = open_town(postgres_url)
    opened = [root]

    def as_(role: str) -> Engine:
        url = make_url(postgres_url).update_query_dict({"options": f"-c role={suffix}_{role}"})
        opened.append(open_town(url.render_as_string(hide_password=False)))
        return opened[-1]

    own(root, *statements(setup))
    try:
        owner = as_("owner")
        owner.create_schema()
        staff(owner)
        create_schema(owner)
        own(root, *statements(printed_grants(f"{suffix}_app", f"{suffix}_auditor")))
        yield as_
    finally:
        for role in ("app", "auditor", "owner"):
            own(root, f'drop owned by "{suffix}_{role}" cascade', f'drop role "{suffix}_{role}"')
        for engine in opened:
            engine.database.dispose()


def sql_of_the_document() -> list[str]:
    blocks = re.findall(r"```sql\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 1
    return blocks


def printed_grants(application: str, auditor: str) -> str:
    out = StringIO()
    assert main(["grants", "--app", application, "--auditor", auditor], out=out) == 0
    return out.getvalue()


def statements(block: str) -> list[str]:
    lines = [line.partition("--")[0] for line in block.splitlines()]
    return [statement.strip() for statement in "\n".join(lines).split(";") if statement.strip()]


def test_the_application_can_do_its_work_and_nothing_to_the_past(roles: Callable[[str], Engine]) -> None:
    app, owner = roles("app"), roles("owner")
    letters = fill(app)
    app.erase(letters[0].id, ["phone"], actor=LI, reason="本人要求")
    make_anchor(app.store, None, app.clock.now())
    app.grant("sun", "office", "hb/town")
    with app.store.connection(write=True) as connection:
        app.store.sequence_feed(connection, 100)
    app.publish(LI)
    assert verify(app.store).sound
    disarm(owner)
    for table, (update, delete, truncate) in FORBIDDEN.items():
        for statement in filter(None, (update, delete, truncate)):
            with pytest.raises(DBAPIError, match="permission denied"):
                own(app, statement)
        assert rows(app, f"select * from {{p}}{table}")
    for statement in (
        "update {p}event_policy set automatic = true", "delete from {p}barred", "update {p}erasure set reason = 'x'",
        "delete from {p}erasure", "alter table {p}history disable trigger all", "drop table {p}history cascade",
        "create table x (y int)",
    ):  # fmt: skip
        with pytest.raises(DBAPIError, match=r"permission denied|must be owner"):
            own(app, statement)
    change_row(owner)  # whom no privilege stops is seen
    assert {fault.code for fault in verify(app.store).faults} == {"hash"}


def test_the_auditor_reads_everything_and_writes_nothing(roles: Callable[[str], Engine]) -> None:
    app, auditor = roles("app"), roles("auditor")
    fill(app)
    assert verify(auditor.store).sound
    assert verify(auditor.store).rows == LINES
    for table in [table.name for table in app.store.tables.metadata.sorted_tables]:
        if table.removeprefix(app.store.prefix) in UNSEEN:
            with pytest.raises(DBAPIError, match="permission denied"):
                rows(auditor, f'select * from "{table}" limit 1')
        else:
            rows(auditor, f'select * from "{table}" limit 1')
        for statement in (f'delete from "{table}"', f'insert into "{table}" select * from "{table}"'):
            with pytest.raises(DBAPIError, match=r"permission denied|GENERATED ALWAYS"):
                own(auditor, statement)


def test_every_table_has_a_sentence_and_the_service_works_under_it(roles: Callable[[str], Engine]) -> None:
    """What the application may do, table by table as the database says it; and it starts, fires, tells, delivers and ticks."""
    app, owner = roles("app"), roles("owner")
    with owner.database.connect() as connection:
        there = set(inspect(connection).get_table_names())
    known = (app.store.tables.metadata, Shelf(app).tables.metadata)
    names = {table.name for metadata in known for table in metadata.sorted_tables}
    assert there == names | {"tibandu_version", "tibanduapi_version"}
    only = {"history": "", "answer": "update", "cases": "update", "subscription": "update, delete"}
    for table in sorted(there):
        may = {
            what: rows(app, f"select has_table_privilege('{table}', '{what}')")[0][0]
            for what in ("select", "insert", "update", "delete", "truncate", "trigger")
        }
        assert may["select"] and not may["truncate"] and not may["trigger"], table
        more = only.get(table.removeprefix(app.store.prefix))
        if more is not None:
            assert {what for what in ("update", "delete") if may[what]} == set(filter(None, more.split(", ")))
    app.create_schema()
    create_schema(app)
    client = create_app(app, lambda _request: LI).test_client()
    (letter, *_) = fill(app)
    app.alerts.choose("li", "mail", [])
    app.alerts.set_contacts("li", [])
    Subscriptions(app).add("li", "https://example.org/hook", by="li", after=0)
    assert Subscriptions(app).relay()
    app.alerts.address()
    (hook,) = Subscriptions(app).active()
    (sent, *others) = app.alerts.claim(hook, 10)
    app.alerts.complete(sent, Receipt(state="sent"))
    app.alerts.release(others)
    app.tick()
    app.alerts.purge(civil_date(app.clock.now()) + timedelta(days=-31))
    assert client.get("/v1/cases").status_code == 200 and client.get("/v1/inbox").status_code == 200
    assert client.get(f"/v1/cases/{letter.id}/history").status_code == 200


# --- the feed


def positions(engine: Engine) -> list[tuple[int, int]]:
    return [tuple(row) for row in rows(engine, "select position, history_id from {p}feed order by position")]


def test_the_feed_has_no_gap_and_skips_nothing_under_writers(town: Engine) -> None:
    """Eight write, two give positions, one reads what lies behind its last position: it misses no committed line."""
    writers, each = (8, 6) if not town.store.is_sqlite else (3, 3)
    stop, failed = threading.Event(), list[BaseException]()
    read: list[int] = []

    def guarded(work: Callable[[], None]) -> Callable[[], None]:
        def run() -> None:
            try:
                work()
            except BaseException as error:  # noqa: BLE001 - told below
                failed.append(error)

        return run

    def write(writer: int) -> None:
        for n in range(each):
            letter(town, 100 * writer + n)

    def sequence() -> int:
        with town.store.connection(write=True) as connection:
            return town.store.sequence_feed(connection, 7)

    def sequences() -> None:
        while not stop.is_set():
            sequence()

    def follow() -> bool:
        last = len(read)
        found = rows(
            town,
            "select position, history_id from {p}feed where position > :last order by position",
            last=last,
        )
        assert [row.position for row in found] == list(range(last + 1, last + 1 + len(found)))
        read.extend(row.history_id for row in found)
        return bool(found)

    def follows() -> None:
        while not stop.is_set():
            follow()

    working = [threading.Thread(target=guarded(partial(write, n))) for n in range(1, writers + 1)]
    feeding = [threading.Thread(target=guarded(work)) for work in (sequences, sequences, follows)]
    for thread in (*working, *feeding):
        thread.start()
    for thread in working:
        thread.join()
    stop.set()
    for thread in feeding:
        thread.join()
    while sequence():
        pass
    while follow():
        pass
    assert not failed, failed
    committed = {row.id for row in rows(town, "select id from {p}history")}
    assert len(committed) == LINES + writers * each * 4
    assert len(read) == len(set(read)), "nothing twice"
    assert set(read) == committed, "nothing missed"
    assert verify(town.store).sound


def test_the_feed_does_not_look_through_the_whole_history_each_time(
    town: Engine, town_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was sequenced a while ago is not looked at again; a line that took very long is found by the hourly look at all."""
    now, store, lows = town.clock.now(), town.store, list[int]()
    low = store._sequencer._low
    monkeypatch.setattr(store._sequencer, "_low", lambda *given: lows.append(low(*given)) or lows[-1])

    def sequence(minutes: float) -> int:
        with store.connection(write=True) as connection:
            return store.sequence_feed(connection, 100, now + timedelta(minutes=minutes))

    assert sequence(0) == LINES
    other = open_town(town_url, seed=12)
    case, later = first_open(town)
    with other.database.connect() as connection, connection.begin():
        other.fire(case, "note", LI, {"remark": "早"}, session=connection)
        if not store.is_sqlite:
            town.fire(later, "note", LI, {"remark": "晚"})
            assert [sequence(1), sequence(2), sequence(13), sequence(24)] == [1, 0, 0, 0]
    if not store.is_sqlite:
        assert lows[1] == lows[2] == 0 < lows[3] == lows[4]  # the whole, until it is long enough known
        assert sequence(26) == 0  # its transaction took longer than anybody waits
    other.database.dispose()
    assert sequence(63) == 1
    fed = positions(town)
    assert [position for position, _ in fed] == list(range(1, len(fed) + 1))
    assert {id_ for _, id_ in fed} == {row.id for row in rows(town, "select id from {p}history")}
    assert sequence(64) == 0


def test_a_line_that_commits_late_still_gets_its_place(town: Engine, town_url: str) -> None:
    """The ids are given before the commit: a reader by id would have passed it."""
    other = open_town(town_url, seed=12)
    case, later = first_open(town)
    with other.database.connect() as connection, connection.begin():
        other.fire(case, "note", LI, {"remark": "早"}, session=connection)
        if not town.store.is_sqlite:  # SQLite has one writer, so nobody can overtake
            town.fire(later, "note", LI, {"remark": "晚"})
            with town.store.connection(write=True) as mine:
                assert town.store.sequence_feed(mine, 100) == LINES + 1
    with town.store.connection(write=True) as mine:
        assert town.store.sequence_feed(mine, 100) == (LINES + 1 if town.store.is_sqlite else 1)
    fed = positions(town)
    assert [position for position, _ in fed] == list(range(1, len(fed) + 1))
    assert {id_ for _, id_ in fed} == {row.id for row in rows(town, "select id from {p}history")}
    if not town.store.is_sqlite:
        assert fed[-1][1] < fed[-2][1], "the one that began first has the last place"
    other.database.dispose()


def first_open(engine: Engine) -> tuple[str, str]:
    one, two = [case.id for case in engine.search(kind="letter") if not case.closed]
    return one, two


def test_a_prepared_town_is_what_the_other_tests_take_it_for(sqlite_url: str) -> None:
    prepare(sqlite_url)
    engine = open_town(sqlite_url)
    entries = engine.history(first(engine))
    assert [entry.event for entry in entries] == ["start", "note", "assign", "note", "reply", "close"]
    assert len(rows(engine, "select id from {p}history")) == LINES
    engine.database.dispose()
