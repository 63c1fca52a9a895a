"""Many at once, on both databases, asked of two processes that serve: twenty that send one key, twenty that answer by one link, two
with one revision; and clients of workers that are killed.

`make storm-http` sends 1,000 keys, asks 1,000 links and races 1,000 times; `make kill-http` kills workers for a minute.
"""

from __future__ import annotations

import http.client
import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Barrier
from typing import Any

import pytest

from api import create_schema
from workflow import Engine
from workflow.testing import FrozenClock

from . import http_kill
from . import http_walk as city
from .lifecycle import count

KEYS = int(os.environ.get("STORM_KEYS", "5"))
LINKS = int(os.environ.get("STORM_LINKS", "3"))
RACES = int(os.environ.get("STORM_RACES", "3"))
KILLING_SECONDS = float(os.environ.get("KILL_SECONDS", "3"))
LEVELS = ({"level": "satisfied"}, {"level": "dissatisfied", "reasons": "没有建"})
TWENTY = 20
WORKERS = 2
Sent = tuple[str, Any, Mapping[str, str]]
"""address, body, headers"""


@dataclass(frozen=True, slots=True)
class Storm:
    """A city that two processes serve, and a look at it that goes past them."""

    engine: Engine
    client: city.Client
    port: int
    pool: ThreadPoolExecutor

    def at_once(self, posts: Sequence[Sent]) -> list[tuple[int, bytes]]:
        """The answers to requests that leave in one moment, each on a connection of its own."""
        ready = Barrier(len(posts))

        def send(sent: Sent) -> tuple[int, bytes]:
            address, body, headers = sent
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
            try:
                connection.connect()
                ready.wait(60)
                connection.request(
                    "POST", address, json.dumps(body), {"Content-Type": "application/json", **headers}
                )
                answer = connection.getresponse()
                return answer.status, answer.read()
            finally:
                connection.close()

        return list(self.pool.map(send, posts))


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def kept(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Engine, int]]:
    """The city on each database, and the port where it is served."""
    if request.param == "sqlite":
        url, drop = f"sqlite:///{tmp_path_factory.mktemp('storm') / 'storm.db'}", lambda: None
    else:
        server = request.getfixturevalue("postgres_server")
        url, drop = server.database(name := server.create()), lambda: server.drop(name)
    engine = Engine(url, city.city(), clock=FrozenClock(city.TODAY))
    engine.create_schema()
    city.staff(engine)
    create_schema(engine)
    with http_kill.served(url, workers=WORKERS, threads=TWENTY // WORKERS, standing=True) as (port, _):
        yield engine, port
    engine.database.dispose()
    drop()


@pytest.fixture
def storm(kept: tuple[Engine, int]) -> Iterator[Storm]:
    engine, port = kept
    with ThreadPoolExecutor(TWENTY) as pool:
        yield Storm(engine, city.Client(city.served(engine)), port, pool)


@pytest.mark.timeout(7200)
def test_each_key_is_one_record(storm: Storm) -> None:
    before = Counter({name: count(storm.engine, name) for name in ("cases", "history")})
    told = set()
    for key in range(KEYS):
        headers = {"Authorization": "Bearer li.wei", "Idempotency-Key": f"storm-{key}"}
        answers = set(storm.at_once([("/v1/cases", city.START, headers)] * TWENTY))
        assert [status for status, _ in answers] == [201], answers
        told |= answers
    assert len(told) == KEYS
    assert Counter({name: count(storm.engine, name) for name in before}) - before == {
        "cases": KEYS,
        "history": KEYS,
    }


@pytest.mark.timeout(7200)
def test_each_link_has_one_current_answer_with_its_history(storm: Storm) -> None:
    client = storm.client
    for _ in range(LINKS):
        survey = client.surveys(client.evaluating(signers=["d.chen"])["id"])["d.chen"]
        link = client.link(survey).removeprefix("http://localhost")
        told = storm.at_once([(link, {"data": LEVELS[n % len(LEVELS)]}, {}) for n in range(TWENTY)])
        statuses = Counter(status for status, _ in told)
        assert statuses.keys() <= {200, 409}, "done, or somebody kept being first"
        case, lines = storm.engine.case(survey), storm.engine.history(survey)
        answers = [line.data["level"] for line in lines if line.event == "answer"]
        assert len(answers) == statuses[200] >= 1
        assert case.data["level"] == answers[-1]
        assert case.seq == len(lines) == 2 + len(answers), "issued, a link sent, the answers"


@pytest.mark.timeout(7200)
def test_of_two_with_one_revision_one_is_told_that_it_is_late(storm: Storm) -> None:
    """One 200, one 412, and those who are told of it are told once."""
    client, engine = storm.client, storm.engine
    alone = count(engine, "outbox", "case_id = :id", id=client.handling()["id"])
    assert alone
    for race in range(RACES):
        case = client.fire("li.wei", client.started(), "accept", session=f"{race}次").json
        headers = {"Authorization": "Bearer li.wei", "If-Match": f'"{case["revision"]}"'}
        address = f"/v1/cases/{case['id']}/events/assign"
        told = storm.at_once(
            [(address, {"data": {"lead_unit": unit}}, headers) for unit in ("housing", "roads")]
        )
        assert sorted(status for status, _ in told) == [200, 412], told
        (done,) = (json.loads(body) for status, body in told if status == 200)
        assert engine.case(case["id"]).data["lead_unit"] == done["data"]["lead_unit"]
        assert [line.event for line in engine.history(case["id"])] == ["start", "accept", "assign"]
        assert count(engine, "outbox", "case_id = :id", id=case["id"]) == alone


def test_nothing_is_lost_or_there_twice_when_workers_are_killed(postgres_url: str) -> None:
    engine = Engine(postgres_url, city.city())
    engine.create_schema()
    city.staff(engine)
    create_schema(engine)
    engine.database.dispose()
    report = http_kill.run(postgres_url, KILLING_SECONDS)
    assert not report.violations, report
    assert report.kills >= 1 and report.acknowledged >= 1, report
    print(report)
