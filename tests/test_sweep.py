"""Timers fired together: few statements, in due order, nobody held up, what was late summed up."""

from __future__ import annotations

import json
import threading
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg
import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from workflow import Engine, checkup
from workflow.errors import StoreError, Text
from workflow.library import Library
from workflow.store import postgresql, sql

from .lifecycle import PLACE, Office, count, execute, statements
from .test_scheduler import wait_for


def waiting(office: Office, number: int, days: int = 60) -> list[str]:
    """Cases whose clocks have run out."""
    cases = [office.assigned().id for _ in range(number)]
    office.clock.advance(days=days)
    return cases


def rows(engine: Engine, table: str) -> list[Any]:
    with engine.store.connection() as connection:
        return list(connection.execute(select(getattr(engine.store.tables, table))))


def fresh(office: Office, library: Library) -> Engine:
    """The same database seen by a process that remembers nothing."""
    return Engine(office.engine.database, library, place=PLACE, clock=office.clock)


@pytest.mark.parametrize("number", [2, 20])
def test_a_page_costs_the_same_statements_however_many_it_holds(
    office: Office, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """PostgreSQL: the due, the lock, the families, one write for each slice of twenty between BEGIN and
    COMMIT. SQLite writes row by row, but reads once."""
    for _ in range(number):
        office.accepted()
    office.clock.advance(days=1)
    office.ticks()
    office.clock.advance(days=40)
    office.engine.calendars.look()  # once a minute, whatever is due
    office.engine._hours.end(office.clock.now())  # once an hour
    with statements(office.engine.database, monkeypatch) as seen:
        fired = office.engine.tick(1000)
    assert len({one.case for one in fired}) == number
    reads = [s for s in seen if s.lstrip().lower().startswith("select")]
    if office.engine.store.is_sqlite:
        assert len(reads) == 2, reads
        assert sum(s.lower().startswith("begin immediate") for s in seen) == 2  # the page; that we tick
    else:
        assert len(reads) == 3, reads
        assert len(seen) == 8  # and begin, write, journal, commit; that we tick


def test_an_idle_tick_is_one_question(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    office.assigned()
    office.ticks()
    with statements(office.engine.database, monkeypatch) as seen:
        assert office.engine.tick() == []
    assert [s.split()[0].lower() for s in seen] == ["select"]


def test_what_is_due_is_found_by_the_index(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """So the time of a sweep depends on what is due, not on what is open."""
    office.assigned()
    asked: list[tuple[str, Any]] = []
    run = office.engine.store.run
    monkeypatch.setattr(
        office.engine.store,
        "run",
        lambda work, sql, values: (asked.append((sql, values)), run(work, sql, values))[1],
    )
    office.engine.tick()
    monkeypatch.undo()
    (sql, values) = next((sql, values) for sql, values in asked if "order by c.next_at" in sql)
    explain = "explain query plan " if office.engine.store.is_sqlite else "explain "
    with office.engine.store.work() as work, work.atomic():
        if not office.engine.store.is_sqlite:
            work.cursor.execute("set local enable_seqscan = off")
        office.engine.store.run(work, explain + sql, values)
        plan = " ".join(str(column) for row in work.cursor.fetchall() for column in row)
    assert "tibandu_clock_next" in plan


def test_every_tick_leaves_a_trace_but_not_too_many(office: Office) -> None:
    office.ticks()
    (node,) = rows(office.engine, "node")
    assert (node.ticked_at, node.fired) == ("2026-03-02T01:00:00+00:00", 0)
    office.clock.advance(seconds=3)
    office.ticks()
    assert rows(office.engine, "node")[0].ticked_at == "2026-03-02T01:00:00+00:00"
    case = office.accepted()
    office.clock.advance(days=60)
    fired = sum(len(f) for f in iter(office.engine.tick, []))
    office.clock.advance(seconds=30)
    office.ticks()
    (node,) = rows(office.engine, "node")
    assert (node.ticked_at, node.fired, bool(case)) == ("2026-05-01T01:00:33+00:00", fired, True)


def test_two_timers_of_one_case_in_one_page(office: Office) -> None:
    """The second is decided on what the first made of the case; both are in one chain."""
    (case,) = waiting(office, 1)
    fired = office.engine.tick(1000)
    assert len({one.clock for one in fired}) > 2
    assert [line.seq for line in office.engine.history(case)] == list(
        range(1, len(office.engine.history(case)) + 1)
    )


def test_due_at_is_the_rungs_own_day_and_fired_at_is_now(office: Office) -> None:
    waiting(office, 1, days=90)  # the reply is due on 2026-06-02
    fired = {one.rung: one for one in office.engine.tick(1000) if one.clock == "reply"}
    assert fired[-7].due_at == datetime(2026, 5, 25, 16, tzinfo=UTC)  # 00:00 of the 26th in Xianning
    assert {one.fired_at for one in fired.values()} == {office.clock.now()}


def test_what_is_due_fires_in_the_order_of_its_day(office: Office) -> None:
    early = office.assigned()
    office.clock.advance(days=3)
    late = office.assigned()
    office.clock.advance(days=60)
    fired = [one for page in iter(lambda: office.engine.tick(2), []) for one in page]
    starts = [(one.case, one.due_at) for one in fired if one.clock == "sign_in" and one.event]
    assert [case for case, _ in starts] == [early.id, late.id]
    assert [at for _, at in starts] == sorted(at for _, at in starts)


# --- nobody is held up


def test_a_case_somebody_is_changing_is_stepped_over(office: Office, other: Engine) -> None:
    first, second = waiting(office, 2)
    if office.engine.store.is_sqlite:
        return  # one writer: the second waits for the first
    with office.engine.store.work() as work, work.atomic():
        office.engine.store.lock(work, first)
        fired = [one for page in iter(other.tick, []) for one in page]
        assert {one.case for one in fired} == {second}
    assert {one.case for page in iter(other.tick, []) for one in page} == {first}


@pytest.mark.parametrize("ready_url", ["postgresql"], indirect=True)
def test_a_node_that_stands_still_in_a_page_is_let_go_of(
    office: Office, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped (SIGSTOP) between two questions of a page it holds its families; the database ends it, another fires, it goes on."""
    (case,) = waiting(office, 1)
    monkeypatch.setattr("workflow.store.work.STANDSTILL_SECONDS", 2)
    monkeypatch.setattr(checkup, "STANDSTILL", -1)
    url = office.engine.database.url.render_as_string(hide_password=False)
    sleeper, stood = Engine(url, library, place=PLACE, clock=office.clock), []
    decide = sleeper._sweep._decide

    def sleeps(work: Any, *more: Any) -> Any:
        if not stood:
            stood.append(work._driver.info.backend_pid)
            assert office.engine.tick() == [], "it is stepped over"
            (trouble,) = checkup.standing_still(office.engine)
            assert str(stood[0]) in trouble.text.en and trouble.urgent
            gone = "select count(*) from pg_stat_activity where pid = :pid"
            wait_for(lambda: scalar(office.engine, gone, pid=stood[0]) == 0)
            assert office.engine.tick(), "its families are free"
        return decide(work, *more)

    monkeypatch.setattr(sleeper._sweep, "_decide", sleeps)
    with pytest.raises((StoreError, DBAPIError, psycopg.Error)):
        sleeper.tick()
    while office.ticks():
        pass
    office.clock.advance(days=1)
    assert sleeper.tick() is not None, "and goes on with the next tick"
    rungs = Counter(row.key for row in rows(office.engine, "outbox") if row.topic.startswith("clock."))
    assert max(rungs.values()) == 1 and office.engine.history(case)
    sleeper.database.dispose()


def scalar(engine: Engine, query: str, **values: Any) -> Any:
    with engine.database.connect() as connection:
        return connection.execute(text(query), values).scalar_one()


def test_two_nodes_share_the_work(office: Office, other: Engine) -> None:
    cases = waiting(office, 12)
    before = count(office.engine, "history")
    found: list[list[tuple[str, str, int]]] = [[], []]

    def work_off(engine: Engine, mine: list[tuple[str, str, int]]) -> None:
        for page in iter(lambda: engine.tick(5), []):
            mine += [(one.case, one.clock, one.rung) for one in page]

    threads = [
        threading.Thread(target=work_off, args=pair)
        for pair in zip((office.engine, other), found, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    office.ticks()
    together = found[0] + found[1]
    assert len(together) == len(set(together))
    assert {case for case, _, _ in together} == set(cases)
    events = [line.event for case in cases for line in office.engine.history(case)]
    assert events.count("urge_sign_in") == len(cases)
    assert count(office.engine, "history") > before


def break_it(office: Office, case: str) -> None:
    execute(office.engine, f"update {{p}}cases set definition = '{'0' * 64}' where id = '{case}'")


def mend_it(office: Office, case: str) -> None:
    law = office.engine.library.definitions["suggestion"].hash
    execute(office.engine, f"update {{p}}cases set definition = '{law}' where id = '{case}'")


def test_a_timer_that_cannot_fire_is_marked_and_tried_again(office: Office, library: Library) -> None:
    broken, whole = waiting(office, 2)
    break_it(office, broken)
    engine = fresh(office, library)
    assert {one.case for page in iter(engine.tick, []) for one in page} == {whole}
    marks = {mark.clock: mark for mark in rows(engine, "broken")}
    assert {mark.case_id for mark in marks.values()} == {broken}
    assert "0000" in json.loads(marks["sign_in"].said)["zh"]
    assert {mark.tries for mark in marks.values()} == {1}
    assert engine.tick() == []  # left alone for a minute
    assert {mark.tries for mark in rows(engine, "broken")} == {1}
    office.clock.advance(minutes=2)
    assert engine.tick() == []
    assert {mark.tries for mark in rows(engine, "broken")} == {2}
    mend_it(office, broken)
    office.clock.advance(minutes=2)
    assert {one.case for page in iter(fresh(office, library).tick, []) for one in page} == {broken}
    assert rows(engine, "broken") == []


@pytest.mark.parametrize("which", ["full", "lost"])
def test_a_database_that_fails_is_no_timers_fault(
    office: Office, monkeypatch: pytest.MonkeyPatch, which: str
) -> None:
    cases = waiting(office, 2)

    def fails(*_: Any) -> None:
        raise StoreError(Text("满", "full"), which)

    with monkeypatch.context() as patch:
        patch.setattr(type(office.engine.store), "write_all", fails)
        with pytest.raises(StoreError, match="full"):
            office.engine.tick()
    assert rows(office.engine, "broken") == []
    assert {one.case for page in iter(office.engine.tick, []) for one in page} == set(cases)


def test_a_page_that_breaks_with_a_slice_under_way_is_undone_whole(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was on its way goes with the page, and is told when its timer fires by itself."""
    if office.engine.store.is_sqlite:
        return  # nothing is sent ahead there
    monkeypatch.setattr(sql, "SLICE", 2)
    cases, written, seen = waiting(office, 6), postgresql.write_all, [0]

    def breaks(cursor: Any, prefix: str, steps: Any) -> bool:
        seen[0] += 1
        return seen[0] != 2 and written(cursor, prefix, steps)

    monkeypatch.setattr(postgresql, "write_all", breaks)
    before = count(office.engine, "history")
    fired = [one for page in iter(office.engine.tick, []) for one in page]
    told = [json.loads(row.body) for row in rows(office.engine, "outbox") if row.topic.startswith("clock.")]
    assert {(one.case, one.clock, one.rung) for one in fired} == {
        (body["case"], body["clock"], body["rung"]) for body in told
    }
    assert {one.case for one in fired} == set(cases)
    assert len({(one.case, one.clock, one.rung, one.due_at) for one in fired}) == len(fired)
    assert count(office.engine, "history") > before and rows(office.engine, "broken") == []


def test_a_broken_timer_that_was_stopped_meanwhile_stays_stopped(office: Office, library: Library) -> None:
    case = office.assigned().id
    office.clock.advance(days=8)
    break_it(office, case)
    assert fresh(office, library).tick() == []
    assert {"sign_in"} < {mark.clock for mark in rows(office.engine, "broken")}
    mend_it(office, case)
    office.fire(case, "sign_in", "wang")
    office.clock.advance(days=1)
    assert [
        one for page in iter(fresh(office, library).tick, []) for one in page if one.clock == "sign_in"
    ] == []


def test_a_page_the_database_refuses_goes_row_by_row(office: Office, library: Library, caplog: Any) -> None:
    """A line that stands in the history already: the page is undone, the others fire all the same."""
    wrong, right = waiting(office, 2)
    execute(office.engine, f"update {{p}}cases set seq = seq - 1 where id = '{wrong}'")
    engine = fresh(office, library)
    fired = [one for page in iter(engine.tick, []) for one in page]
    assert {one.case for one in fired if one.event} == {right}
    assert wrong in {mark.case_id for mark in rows(engine, "broken")}
    assert "each goes by itself" in caplog.text


# --- after an outage


def test_what_was_late_is_summed_up(office: Office, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "workflow.sweep")
    waiting(office, 3)
    fired = [one for page in iter(lambda: office.engine.tick(4), []) for one in page]
    (line,) = [line for line in rows(office.engine, "journal") if line.kind == "caught_up"]
    body = json.loads(line.body)
    assert body["rungs"] == len(fired)
    assert body["events"]["urge_sign_in"] == 3
    assert body["first_due_at"] == min(one.due_at for one in fired).isoformat()
    assert body["last_due_at"] == max(one.due_at for one in fired).isoformat()
    assert body["sent"] == count(
        office.engine, "outbox", "state = 'queued' and created_at like '2026-05-01%'"
    )
    assert body["superseded"] == count(office.engine, "outbox", "state = 'superseded'")
    assert (
        f"caught up after an outage: {body['timers']} timers, due from {body['first_due_at']}" in caplog.text
    )
    assert "urge_sign_in 3" in caplog.text and "{" not in caplog.text


def test_a_tick_in_time_is_nothing_to_speak_of(office: Office) -> None:
    office.assigned()
    fired = []
    for day in range(10):
        office.clock.set(datetime(2026, 3, 2, 16, tzinfo=UTC) + timedelta(days=day, seconds=30))
        fired += office.ticks()
    assert fired
    assert rows(office.engine, "journal") == []


def test_each_outage_has_a_line_of_its_own(office: Office) -> None:
    office.assigned()
    office.clock.set(date(2026, 3, 20))
    assert office.ticks()
    office.clock.set(date(2026, 5, 20))
    assert office.ticks()
    assert [line.kind for line in rows(office.engine, "journal")] == ["caught_up"] * 2
