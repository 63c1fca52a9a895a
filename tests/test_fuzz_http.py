"""A sample of `make fuzz-http` over every route and in every phase: no request made from the description breaks the service, or is
answered as it does not say, whoever asks.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from random import Random
from wsgiref.types import StartResponse, WSGIEnvironment

import pytest
from werkzeug.test import Client

from . import fuzz_http
from .fuzz_http import STUCK, WALK, Ran, described, fuzz
from .fuzz_service import ANYBODY, WAY, Anybody, Service, databases, service
from .fuzz_walk import FURTHER, Walk, further
from .lifecycle import count, shipped

LEAST = 2000
MOST = 400
"""requests of a walk along the links"""
WALKED = "event in ('accept_in_session', 'assign')"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], str]]:
    with databases(tmp_path_factory.mktemp("fuzz")) as new:
        yield new


@pytest.mark.timeout(400)
def test_a_few_hundred_requests(made: Callable[[str], str], tmp_path: Path) -> None:
    with service(tmp_path, made("sqlite")) as asked:
        done = fuzz(asked, tmp_path, 1, 7)
        assert not done.failed and not done.cut, done.said[-8000:]
        assert asked.anybody.sent >= LEAST, done.said[-1500:]
        assert not any(node.held_at for node in asked.world.engine.health().nodes), "it is ready to the end"
        asking = {who.role for who in asked.world.people if who.name in asked.anybody.asked_by}
        assert asking == {who.role for who in asked.world.people}, "every role, and who has none"


@pytest.fixture(scope="module")
def walked(made: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """One that is walked through, on PostgreSQL."""
    with service(tmp_path_factory.mktemp("walked"), made("postgresql")) as asked:
        yield asked


@pytest.mark.timeout(400)
def test_a_walk_goes_on_with_the_ids_and_revisions_it_was_told(walked: Service, tmp_path: Path) -> None:
    """Along the links of the description: proposed, accepted, assigned, read again; no step answered as it does not say."""
    before = count(walked.world.engine, "history", WALKED)
    done = fuzz(walked, tmp_path, 4, 7, *WALK)
    assert not done.failed, done.said[-6000:]
    assert count(walked.world.engine, "history", WALKED) > before, done.said[-3000:]


REACHED = (
    "start", "accept_in_session", "assign", "request_return", "refuse_return", "first_contact", "submit_for_signoff", "issue_reply",
    "open_evaluation", "invite", "invitation", "invitation_answer", "correct", "tally", "settle", "batch", "batch_job",
    "case", "permitted", "history", "case_at", "clock",
)  # fmt: skip


def test_the_links_lead_from_the_proposal_to_the_end(walked: Service, tmp_path: Path) -> None:
    """By ids, revisions, tokens and jobs that were told, with a step back, a grade put right and another taken away."""
    found = json.loads(described(walked, tmp_path, 5, 1).read_text("utf-8"))
    walk = Walk(walked.world.client, further(found), Random(5))
    walk.go(MOST)
    assert not walk.faults, walk.faults[:5]
    assert not [name for name in REACHED if not walk.reached[name]], walk.reached
    engine = walked.world.engine
    assert count(engine, "cases", "state = 'concluded'") > 0
    assert count(engine, "history", "event = 'correct'") > 0


def test_what_is_sent_on_the_way_are_events_that_there_are() -> None:
    """Of the suggestion that is walked, of its surveys, and of what comes after them."""
    kinds = [shipped().definitions[name] for name in ("suggestion", "evaluation", "second_assignment")]
    there = {event for kind in kinds for event in kind.events}
    assert {name for name, _, _ in (*WAY, *FURTHER)} <= there


@pytest.mark.timeout(400)
def test_a_run_that_sends_more_than_it_may_is_ended_and_says_so(
    walked: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, whole = walked.anybody.sent, fuzz_http.most(4, walk=True)
    monkeypatch.setattr(fuzz_http, "most", lambda *_, **__: 60)
    done = fuzz(walked, tmp_path, 4, 7, *WALK)
    assert done.cut and not done.failed, done.said
    # It sends on until it has noticed, which a slow machine takes its time for.
    assert 60 <= walked.anybody.sent - before < whole, done.said


@pytest.mark.parametrize(
    ("code", "said", "cut", "failed"),
    [
        (0, "12 generated", False, False),
        (1, "= FAILURES = 12 generated", False, True),
        (1, "= FAILURES = 12 generated", True, True),
        (130, "12 generated", True, False),
        (1, "12 generated Runtime Error: 1", False, True),
        (1, f"12 generated Runtime Error: 1 {STUCK}", False, False),
        (1, "nothing could be asked", True, True),
    ],
)
def test_what_is_a_fault(code: int, said: str, cut: bool, failed: bool) -> None:
    assert Ran(code, said, cut).failed is failed


def test_who_made_something_looks_for_it_himself() -> None:
    """The runner asks for what it has just made; whoever may not see the case would say that it is not there, and rightly so."""
    asked: list[str] = []

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        asked.append(environ["HTTP_AUTHORIZATION"])
        start_response("201 Created" if environ["REQUEST_METHOD"] == "POST" else "200 OK", [])
        return [b"{}"]

    client = Client(Anybody(app, [f"p{n}" for n in range(50)], lambda: None))
    told = {"headers": {"Authorization": f"Bearer {ANYBODY}"}}
    made = [f"/v1/cases/{n}/invitations" for n in range(20)]
    for address in made:
        client.post(address, **told)
        client.get(address, **told)
    assert asked[::2] == asked[1::2] and len(set(asked)) > 1
    client.post("/v1/cases", **told)
    for n in range(20):
        client.get(f"/v1/cases?limit={n}", **told)
    assert len(set(asked[-20:])) > 1, "a list is anybody's"
