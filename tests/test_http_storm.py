"""Many keys, each sent by twenty at once: one record for each, and everybody gets the same bytes. `make storm-http` sends 1,000."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from workflow import Engine
from workflow.testing import FrozenClock

from . import http_walk as city
from .lifecycle import count

SETTING = int(os.environ.get("STORM_KEYS", "5"))
TWENTY = 20


@pytest.fixture
def engine(ready_url: str) -> Iterator[Engine]:
    yield from city.opened(ready_url, FrozenClock(city.TODAY))


@pytest.mark.timeout(3600)
def test_each_key_is_one_record(engine: Engine) -> None:
    app = city.served(engine)

    def send(key: int) -> tuple[int, int, bytes]:
        answer = city.Client(app)("li.wei", "POST", "/v1/cases", city.START, idempotency_key=f"storm-{key}")
        return key, answer.status_code, answer.data

    sent = [key for key in range(SETTING) for _ in range(TWENTY)]
    with ThreadPoolExecutor(16) as pool:
        answers = set(pool.map(send, sent))
    assert {status for _, status, _ in answers} == {201}
    assert len(answers) == SETTING == count(engine, "cases") == count(engine, "history")
