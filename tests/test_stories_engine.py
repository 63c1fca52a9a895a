"""Stories of who builds on the engine and who runs it (users.md §9 G, H) that need a test of their own; docs/stories.md names the others."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

from flask.testing import FlaskClient

from api import create_app, create_schema
from workflow import Actor, Engine
from workflow.overview import Filter
from workflow.overview import count as counted

from .lifecycle import Office, count
from .test_cli import call, somewhere_quiet

__all__ = ["somewhere_quiet"]
ASSIGN = {"assignment_mode": "sole", "lead_unit": "water"}


def test_story_G04_two_at_once_are_one_act_and_one_message(office: Office, other: Engine) -> None:
    """Both have seen the same revision and post at the same moment, to two nodes: one does it, the other is told."""
    create_schema(office.engine)
    case, start = office.accepted(), Barrier(2)
    clients = [
        create_app(engine, lambda _: Actor(person="li")).test_client() for engine in (office.engine, other)
    ]

    def post(client: FlaskClient) -> int:
        headers = {"If-Match": f'"{case.revision}"'}
        start.wait(10)
        return client.post(
            f"/v1/cases/{case.id}/events/assign", json={"data": ASSIGN}, headers=headers
        ).status_code

    with ThreadPoolExecutor(2) as both:
        assert sorted(both.map(post, clients)) == [200, 412]
    assert [line.event for line in office.engine.history(case.id)].count("assign") == 1
    once = office.assigned()
    sent = [
        count(office.engine, "outbox", "case_id = :id and topic = 'assign'", id=one.id)
        for one in (case, once)
    ]
    assert sent[0] == sent[1] > 0, "nobody is told twice"


def test_story_H02_set_up_twice_changes_nothing(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'tibandu.db'}"
    assert call("init", "--database", url).code == 0
    content = (tmp_path / "tibandu.db").read_bytes()
    again = call("init", "--database", url)
    assert again.code == 0
    published = call("publish", "--database", url)
    assert (published.code, "nothing new" in published.out) == (0, True)
    assert (tmp_path / "tibandu.db").read_bytes() == content


def test_story_H09_what_is_overdue_is_the_same_from_every_node(office: Office, other: Engine) -> None:
    """Overdue is asked of the rows and kept by nobody, so two nodes that add nothing up cannot count it twice."""
    office.assigned()
    office.accepted()
    office.clock.advance(days=100)
    for engine in (office.engine, other, office.engine):
        while engine.tick():
            pass
    late = Filter(kind="suggestion", over="target", roots=True)
    told = [counted(engine, Actor(person="li"), late) for engine in (office.engine, other)]
    assert told == [2, 2]
    for name in ("dead_letters", "contacts", "broken", "oldest_due"):
        assert getattr(office.engine.health(), name) == getattr(other.health(), name), name
