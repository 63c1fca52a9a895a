"""Many at once, as threads and as processes, on both databases: nobody's act is lost, nobody sees a lock, no join is too early.

WRITES=200 makes it the full run: 8 writers × 200.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.crash import story
from tests.crash.check import Content, violations
from workflow.engine import Engine
from workflow.errors import GuardFailed, NotInState
from workflow.machine import Lifecycle, Subject
from workflow.model import Case, Request

WRITERS = 8
WRITES = int(os.environ.get("WRITES") or 25)
DECISIONS = 5000 if os.environ.get("WRITES") else 1000
ROOT = Path(__file__).parents[1]


def open_engine(url: str) -> Engine:
    """An engine on the shipped definitions."""
    return Engine(url, story.library(), place=story.PLACE, clock=story.Walking())


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    engine = open_engine(database_url)
    engine.create_schema()
    story.settle(engine)
    yield engine
    assert engine.database.pool.checkedout() == 0  # type: ignore[attr-defined]
    engine.database.dispose()


def start(engine: Engine, *steps: int, **given: Any) -> Case:
    case = engine.start(
        "suggestion", story.OFFICE, story.suggestion(), tenant=story.TENANT, key=f"start-{given}"
    )
    for _, event, who in story.STORY[: steps[0] if steps else 0]:
        engine.fire(case.id, event, who, story.data_of("suggestion", event), key=f"{case.id}-{event}")
    return case


# --- what a writer does; the rest runs it in a thread or in a process


def annotate(engine: Engine, case: str, writer: int) -> None:
    """The same case, again and again."""
    for n in range(WRITES):
        engine.fire(
            case, "record_source", story.OFFICE, {"source_note": f"{writer}-{n}"}, key=f"note-{writer}-{n}"
        )


def reply_apart(engine: Engine, case: str, writer: int) -> None:
    """One child of eight, from its sign-in to its reply; the last one's reply is the parent's."""
    unit = story.UNITS[writer]
    child = next(child for child in engine.children(case) if child.party == unit)
    clerk, head = story.actor(story.clerk(unit)), story.actor(story.head(unit))
    middle = [("record_contact", clerk)] * max(WRITES - 4, 0)
    events = [
        ("sign_in", clerk), ("first_contact", clerk), *middle, ("submit_for_signoff", clerk), ("issue_reply", head),
    ]  # fmt: skip
    for n, (event, who) in enumerate(events):
        data = story.data_of("separate_handling", event)
        engine.fire(child.id, event, who, data, key=f"child-{case}-{writer}-{n}")


def hand_in(engine: Engine, case: str, writer: int) -> None:
    """One co-opinion of seven; the eighth writer is the lead unit, which tries to go on before all are in."""
    if writer == 7:
        data = story.data_of("suggestion", "submit_for_signoff")
        for n in range(100_000):
            try:
                engine.fire(case, "submit_for_signoff", story.LEAD_CLERK, data, key=f"go-{case}-{n}")
            except GuardFailed:
                continue
            return
    unit = story.UNITS[writer + 1]
    child = next(child for child in engine.children(case) if child.party == unit)
    clerk, head = story.actor(story.clerk(unit)), story.actor(story.head(unit))
    engine.fire(child.id, "sign_in", clerk, key=f"co-{case}-{writer}-0")
    for n in range(1, WRITES // 8 + 1):
        data = story.data_of("suggestion", "record_contact")
        engine.fire(case, "record_contact", story.LEAD_CLERK, data, key=f"co-{case}-{writer}-{n}")
    engine.fire(
        child.id, "submit", head, story.data_of("co_handling", "submit"), key=f"co-{case}-{writer}-submit"
    )
    engine.fire(child.id, "accept", story.LEAD_CLERK, key=f"co-{case}-{writer}-accept")


DEEDS: dict[str, Callable[[Engine, str, int], None]] = {
    "annotate": annotate, "reply_apart": reply_apart, "hand_in": hand_in,
}  # fmt: skip


def as_threads(engine: Engine, deed: str, case: str) -> None:
    """Eight threads with one engine."""
    ready = threading.Barrier(WRITERS)

    def one(writer: int) -> None:
        ready.wait()
        DEEDS[deed](engine, case, writer)

    with ThreadPoolExecutor(WRITERS) as pool:
        for done in [pool.submit(one, writer) for writer in range(WRITERS)]:
            done.result()


def as_processes(engine: Engine, deed: str, case: str) -> None:
    """Eight processes with an engine each, forked by one that has no threads."""
    url = engine.database.url.set(drivername=engine.database.dialect.name).render_as_string(
        hide_password=False
    )
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    done = subprocess.run(
        [sys.executable, "-m", "tests.test_concurrency", url, deed, case, str(WRITES)],
        cwd=ROOT, env=environment, text=True, capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


MANNERS = pytest.mark.parametrize("together", [as_threads, as_processes])
Together = Callable[[Engine, str, str], None]


# --- what holds afterwards


@MANNERS
def test_one_case(engine: Engine, together: Together) -> None:
    case = start(engine)
    together(engine, "annotate", case.id)
    after, lines = engine.case(case.id), engine.history(case.id)
    assert (after.revision, after.seq, len(lines)) == (WRITERS * WRITES + 1,) * 3
    notes = Counter(line.data["source_note"] for line in lines[1:])
    assert notes == Counter(f"{writer}-{n}" for writer in range(WRITERS) for n in range(WRITES))
    assert violations(engine) == []


@MANNERS
def test_the_last_child_joins_once(engine: Engine, together: Together) -> None:
    case = start(engine, 1)
    mode = story.code("assignment_mode", apart=True)
    data = {"assignment_mode": mode, "separate_units": list(story.UNITS)}
    engine.fire(case.id, "assign_separately", story.OFFICE, data, key="apart")
    together(engine, "reply_apart", case.id)
    content = Content(engine)
    assert violations(engine, content) == []
    events = [(line.id, line.event) for line in content.lines[case.id]]
    (joined,) = [number for number, event in events if event == "separate_replies_in"]
    assert engine.case(case.id).state == "replied"
    replies = [line.id for line in content.history if line.event == "issue_reply"]
    assert len(replies) == WRITERS
    assert max(replies) < joined
    assert engine.case(case.id).revision == 3 + WRITERS * max(WRITES, 4)


@MANNERS
def test_no_step_rests_on_old_children(engine: Engine, together: Together) -> None:
    case = start(engine, 2)
    given = {**story.data_of("suggestion", "assign"), "co_units": list(story.UNITS[1:])}
    engine.fire(case.id, "assign", story.OFFICE, given, key="assign")
    for event in ("sign_in", "first_contact"):
        engine.fire(case.id, event, story.LEAD_CLERK, story.data_of("suggestion", event), key=event)
    together(engine, "hand_in", case.id)
    content = Content(engine)
    assert violations(engine, content) == []
    accepted = [line.id for line in content.history if line.event == "accept" and line.case_id != case.id]
    (gone_on,) = [line.id for line in content.lines[case.id] if line.event == "submit_for_signoff"]
    assert len(accepted) == WRITERS - 1
    assert max(accepted) < gone_on


def test_nobody_takes_a_grant_away_by_giving_another(engine: Engine) -> None:
    units = [f"unit{n}" for n in range(WRITERS)]
    at_once = threading.Barrier(WRITERS)

    def give(unit: str) -> None:
        at_once.wait()
        for _ in range(2):
            engine.grant("many", "unit_clerk", story.TENANT, unit=unit)

    with ThreadPoolExecutor(WRITERS) as threads:
        list(threads.map(give, units))
    with engine.store.connection() as connection:
        assert sorted(str(grant.unit) for grant in engine.store.grants(connection, "many")) == units


def test_one_key_at_once(engine: Engine) -> None:
    """Twenty times the same act at the same time: one line, one answer."""
    case = start(engine)

    def once(n: int) -> tuple[int, int]:
        found = engine.fire(
            case.id, "record_source", story.OFFICE, {"source_note": "一"}, key=f"same-{n // 20}"
        )
        return found.seq, found.revision

    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(once, range(100)))
    assert len(set(answers)) == 5
    assert engine.case(case.id).seq == 6
    assert violations(engine) == []


def test_numbers_without_a_gap(engine: Engine) -> None:
    """Eight draw from one series at once."""
    cases = [start(engine, number=n) for n in range(24)]
    data = story.data_of("suggestion", "accept_in_session")

    def accept(case: Case) -> str | None:
        return engine.fire(case.id, "accept_in_session", story.OFFICE, data, key=f"accept-{case.id}").number

    with ThreadPoolExecutor(WRITERS) as pool:
        numbers = list(pool.map(accept, cases))
    assert sorted(map(str, numbers)) == [f"第{n:03}号" for n in range(1, 25)]
    assert violations(engine) == []


def test_batches_that_cross(engine: Engine) -> None:
    """Two batches over the same cases in opposite order: a deadlock, were each row locked as it comes."""
    cases = [start(engine, number=n) for n in range(6)]

    def batch(n: int) -> list[str]:
        order = cases if n % 2 else cases[::-1]
        rows = [
            Request(case=case.id, event="record_source", actor=story.OFFICE, data={"source_note": f"{n}"}, key=f"{case.id}-{n}")
            for case in order
        ]  # fmt: skip
        return [str(outcome.error) for outcome in engine.batch(rows) if outcome.error]

    with ThreadPoolExecutor(4) as pool:
        assert [error for errors in pool.map(batch, range(12)) for error in errors] == []
    assert {engine.case(case.id).seq for case in cases} == {13}
    assert violations(engine) == []


def test_nodes_that_tick_together(engine: Engine) -> None:
    """Four nodes: every timer rings once."""
    for n in range(6):
        start(engine, 3, number=n)
    ahead = [
        Engine(engine.database, story.library(), place=story.PLACE, clock=story.Walking(30)) for _ in range(4)
    ]

    def ring(node: Engine) -> list[tuple[str, str, int]]:
        found: list[tuple[str, str, int]] = []
        while fired := node.tick():
            found += [(one.case, one.clock, one.rung) for one in fired]
        return found

    with ThreadPoolExecutor(4) as pool:
        rung = Counter(one for found in pool.map(ring, ahead) for one in found)
    assert set(rung.values()) == {1}
    closed = Counter(line.case_id for line in Content(engine).history if line.event == "close_return_window")
    assert set(closed.values()) == {1}
    assert len(closed) == 12  # the cases and their co-handling
    assert violations(engine) == []


def test_one_machine_for_all_threads() -> None:
    """The compiled lifecycle is shared: no thread may be given another's answer."""
    lifecycle = Lifecycle(story.library().definitions["suggestion"])
    wanted = {
        ("filed", "decline"): "not_admitted", ("accepted", "merge"): "merged", ("assigned", "sign_in"): "signed_in",
        ("signed_in", "first_contact"): "handling", ("handling", "record_contact"): "handling", ("merged", "decline"): None,
        ("archived", "sign_in"): None, ("return_requested", "approve_return"): "unit_returned",
    }  # fmt: skip
    pairs = list(wanted.items())

    def decide(thread: int) -> int:
        wrong = 0
        for n in range(DECISIONS):
            (state, name), target = pairs[(n + thread) % len(pairs)]
            event = lifecycle.definition.events[name]
            try:
                found = lifecycle.next_state(
                    event, Subject(state, {"master.ended": False, "master.merged": False})
                )
            except NotInState:
                found = None
            wrong += found != target
        return wrong

    with ThreadPoolExecutor(WRITERS) as pool:
        assert list(pool.map(decide, range(WRITERS))) == [0] * WRITERS


def main(url: str, deed: str, case: str, writes: str) -> int:
    """Eight forked processes do the deed; 1 if any failed."""
    global WRITES
    WRITES = int(writes)
    engine = open_engine(url)
    engine.case(case)
    engine.database.dispose()
    pids = []
    for writer in range(WRITERS):
        pid = os.fork()
        if not pid:
            status = 1
            try:
                DEEDS[deed](engine, case, writer)
                status = 0
            finally:
                if status:
                    sys.excepthook(*sys.exc_info())  # type: ignore[arg-type]
                    sys.stderr.flush()
                os._exit(status)
        pids.append(pid)
    return max(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
