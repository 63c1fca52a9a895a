"""What an operator is told: is somebody ticking, what waits, what is to be done."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from workflow import Engine
from workflow.clock import SystemClock
from workflow.health import Health, Node, troubles
from workflow.library import Library
from workflow.outbox import Contact, Receipt

from .lifecycle import PLACE, Office, execute
from .test_sweep import break_it, fresh, waiting

NOW = datetime(2026, 6, 1, 2, tzinfo=UTC)
NODE: dict[str, Any] = {
    "id": "a:1", "started_at": NOW, "ticked_at": NOW, "age": 20.0, "skew": 0.0, "fired": 3, "held_at": None, "leap": None,
}  # fmt: skip
WELL: dict[str, Any] = {
    "at": NOW, "last_tick_age": 20.0, "nodes": (Node(**NODE),), "oldest_due": None, "broken": (), "unerased": 0, "oldest_undelivered": None,
    "dead_letters": 0, "contacts": 4, "calendar_horizon": date(2026, 12, 31), "skew": 0.0, "foreign_job_store": False,
    "caught_up": None, "newest": NOW - timedelta(hours=1),
}  # fmt: skip


def said(**changed: Any) -> dict[str, bool]:
    """The codes of what is wrong, and whether it is urgent."""
    return {trouble.code: trouble.urgent for trouble in troubles(Health(**{**WELL, **changed}))}


def test_when_all_is_well_nothing_is_said() -> None:
    assert said() == {}
    assert Health(**WELL).status == "ok"


@pytest.mark.parametrize(
    ("changed", "expected", "status"),
    [
        ({"last_tick_age": 301.0}, {"silent": True}, "silent"),
        ({"last_tick_age": None, "nodes": ()}, {"silent": False}, "silent"),
        ({"nodes": (Node(**{**NODE, "held_at": NOW, "leap": 4000}),)}, {"held": True}, "held"),
        ({"nodes": (Node(**{**NODE, "held_at": NOW, "leap": 4000, "age": 9e5}),)}, {}, "ok"),
        ({"nodes": (Node(**{**NODE, "skew": 61.0}),)}, {"skew": True}, "ok"),
        ({"nodes": (Node(**{**NODE, "skew": -61.0, "age": 9e5}),)}, {}, "ok"),
        ({"skew": -61.0}, {"skew": True}, "ok"),
        ({"skew": 59.0}, {}, "ok"),
        ({"newest": NOW + timedelta(seconds=61)}, {"set_back": True}, "ok"),
        ({"newest": NOW + timedelta(seconds=59)}, {}, "ok"),
        ({"newest": None}, {}, "ok"),
        ({"oldest_due": NOW - timedelta(minutes=6)}, {"late": True}, "late"),
        ({"oldest_due": NOW - timedelta(minutes=4)}, {}, "ok"),
        ({"oldest_undelivered": NOW - timedelta(minutes=61)}, {"undelivered": True}, "ok"),
        ({"oldest_undelivered": NOW - timedelta(minutes=59)}, {}, "ok"),
        ({"dead_letters": 1}, {"dead": True}, "ok"),
        ({"unerased": 1}, {"unerased": True}, "ok"),
        ({"contacts": 0}, {"no_channel": False}, "ok"),
        ({"foreign_job_store": True}, {"job_store": True}, "ok"),
        ({"at": datetime(2026, 10, 31, 15, 59, tzinfo=UTC)}, {}, "ok"),
        (
            {"at": datetime(2026, 10, 31, 16, tzinfo=UTC)},
            {"next_year": False},
            "ok",
        ),  # 1 November in Xianning
        ({"at": datetime(2026, 12, 31, 16, tzinfo=UTC)}, {"horizon": True}, "ok"),
    ],
)
def test_each_trouble(changed: dict[str, Any], expected: dict[str, bool], status: str) -> None:
    assert said(**changed) == expected
    assert Health(**{**WELL, **changed}).status == status


# --- from the database


def test_nobody_has_ticked_yet(office: Office) -> None:
    health = office.engine.health()
    assert (health.last_tick_age, health.nodes, health.oldest_due, health.status) == (
        None,
        (),
        None,
        "silent",
    )


def test_the_age_is_the_databases_whatever_the_nodes_clock_says(office: Office) -> None:
    office.ticks()
    health = office.engine.health()
    assert health.last_tick_age is not None
    assert health.last_tick_age < 60
    assert abs(health.nodes[0].skew) > 86400  # the frozen clock of the tests stands elsewhere
    execute(office.engine, "update {p}node set alive_at = '2026-01-01T00:00:00.000+00:00'")
    assert office.engine.health().status == "silent"


def test_the_skew_of_a_machines_own_clock_is_small(office: Office, library: Library) -> None:
    engine = Engine(office.engine.database, library, place=PLACE, clock=SystemClock())
    assert abs(engine.health().skew) < 5


def test_the_oldest_timer_that_waits(office: Office) -> None:
    office.assigned()
    assert office.engine.health().oldest_due is None
    office.clock.advance(days=60)
    waits = office.engine.health().oldest_due
    assert waits is not None
    assert waits == min(one.due_at for page in iter(office.engine.tick, []) for one in page)
    assert office.engine.health().oldest_due is None


def test_broken_timers_are_listed_and_are_not_late(office: Office, library: Library) -> None:
    broken, _ = waiting(office, 2)
    break_it(office, broken)
    engine = fresh(office, library)
    while engine.tick():
        pass
    health = engine.health()
    assert health.oldest_due is None
    assert {one.case for one in health.broken} == {broken}
    assert "0000" in health.broken[0].said.en
    assert health.broken[0].again_at > office.clock.now()


def test_a_broken_timer_that_no_longer_waits_is_not_listed(office: Office, library: Library) -> None:
    (broken,) = waiting(office, 1)
    break_it(office, broken)
    engine = fresh(office, library)
    engine.tick()
    execute(engine, f"update {{p}}clock set next_at = null where case_id = '{broken}' and name = 'sign_in'")
    assert "sign_in" not in {one.clock for one in engine.health().broken}
    fresh(office, library).tick()  # a process that begins tidies up
    with engine.store.connection() as connection:
        left = connection.execute(
            text(f"select count(*) from {engine.store.prefix}broken where clock = 'sign_in'")
        )
        assert left.scalar_one() == 0


def test_what_has_not_gone_out(office: Office) -> None:
    office.engine.alerts.set_contacts("wang", [Contact(channel="mail", address="w@example.org")])
    office.assigned()
    health = office.engine.health()
    assert (health.oldest_undelivered, health.contacts) == (office.clock.now(), 1)
    office.engine.alerts.address()
    office.clock.advance(minutes=1)
    (letter, *_) = office.engine.alerts.claim("mail", 1)
    office.engine.alerts.complete(letter, Receipt(state="failed", permanent=True))
    assert office.engine.health().dead_letters == 1


def test_a_foreign_job_store_is_seen(office: Office) -> None:
    assert not office.engine.health().foreign_job_store
    with office.engine.database.begin() as connection:
        connection.execute(text("create table apscheduler_jobs (id varchar(191) primary key)"))
    try:
        assert office.engine.health().foreign_job_store
    finally:
        with office.engine.database.begin() as connection:
            connection.execute(text("drop table apscheduler_jobs"))


def test_the_last_outage_is_told(office: Office) -> None:
    waiting(office, 1)
    while office.engine.tick():
        pass
    caught_up = office.engine.health().caught_up
    assert caught_up is not None
    assert (caught_up.kind, caught_up.body["events"]["urge_sign_in"]) == ("caught_up", 1)
