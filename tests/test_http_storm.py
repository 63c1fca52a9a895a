"""Many at once, on both databases: twenty that send one key, twenty that answer by one link, and clients of workers that are killed.

`make storm-http` sends 1,000 keys and asks 1,000 links; `make kill-http` kills workers for a minute.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from api import create_schema
from workflow import Engine

from . import http_kill
from . import http_walk as city
from .lifecycle import count

SETTING = int(os.environ.get("STORM_KEYS", "5"))
LINKS = int(os.environ.get("STORM_LINKS", "3"))
KILLING_SECONDS = float(os.environ.get("KILL_SECONDS", "3"))
LEVELS = ({"level": "satisfied"}, {"level": "dissatisfied", "reasons": "没有建"})
TWENTY = 20


@pytest.mark.timeout(3600)
def test_each_key_is_one_record(city_engine: Engine) -> None:
    app = city.served(city_engine)

    def send(key: int) -> tuple[int, int, bytes]:
        answer = city.Client(app)("li.wei", "POST", "/v1/cases", city.START, idempotency_key=f"storm-{key}")
        return key, answer.status_code, answer.data

    sent = [key for key in range(SETTING) for _ in range(TWENTY)]
    with ThreadPoolExecutor(16) as pool:
        answers = set(pool.map(send, sent))
    assert {status for _, status, _ in answers} == {201}
    assert len(answers) == SETTING == count(city_engine, "cases") == count(city_engine, "history")


@pytest.mark.timeout(7200)
def test_each_link_has_one_current_answer_with_its_history(city_engine: Engine) -> None:
    app = city.served(city_engine)
    client = city.Client(app)
    surveys = [client.surveys(client.evaluating(signers=["d.chen"])["id"])["d.chen"] for _ in range(LINKS)]
    links = {survey: client.link(survey) for survey in surveys}

    def send(sent: tuple[str, int]) -> tuple[str, int, str]:
        survey, number = sent
        data = LEVELS[number % len(LEVELS)]
        answer = city.Client(app)("", "POST", links[survey], {"data": data})
        given = answer.json["given"]["level"] if answer.status_code == 200 else ""
        return survey, answer.status_code, given

    with ThreadPoolExecutor(16) as pool:
        told = list(pool.map(send, [(survey, n) for survey in surveys for n in range(TWENTY)]))
    assert {status for _, status, _ in told} <= {200, 409}, "done, or somebody kept being first"
    for survey in surveys:
        case, lines = city_engine.case(survey), city_engine.history(survey)
        answers = [line.data["level"] for line in lines if line.event == "answer"]
        assert len(answers) == sum(one == survey and status == 200 for one, status, _ in told) >= 1
        assert case.data["level"] == answers[-1]
        assert case.seq == len(lines) == 2 + len(answers), "issued, a link sent, the answers"


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
