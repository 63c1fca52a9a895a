"""第001号: gap-free per session, whatever is refused, rolled back or done at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy.orm import Session

from workflow import Actor, NotFound, Refused
from workflow.model import Request

from .lifecycle import SESSION, Office, count

LI = Actor(person="li")


def test_no_gap(office: Office) -> None:
    first, second, third = (office.filed("dep1") for _ in range(3))
    assert office.fire(first, "accept_in_session", "li", **SESSION).number == "第001号"
    for data in ({}, {**SESSION, "closing_on": "soon"}, {**SESSION, "congress": "\x00"}, {**SESSION, "congress": "\ud800"},
                 {**SESSION, "congress": "六" * 300_000}):  # fmt: skip
        with pytest.raises(Refused):
            office.fire(second, "accept_in_session", "li", **data)
    with pytest.raises(NotFound):  # what is not hers is not there
        office.fire(second, "accept_in_session", "wang", **SESSION)
    with Session(office.engine.database) as host:
        assert (
            office.engine.fire(second.id, "accept_in_session", LI, SESSION, session=host).number == "第002号"
        )
        host.rollback()
    assert office.fire(second, "accept_in_session", "li", **SESSION).number == "第002号"
    assert office.fire(third, "accept_in_session", "li", **{**SESSION, "session": "六次"}).number == "第001号"


def test_each_congress_counts_for_itself(office: Office) -> None:
    """Another's numbers would tell by their holes how much is filed elsewhere."""
    office.engine.grant("li", "deputy_affairs", "hb/huangshi")
    there = office.filed("dep1", tenant="hb/huangshi")
    assert office.fire(there, "accept_in_session", "li", **SESSION).number == "第001号"
    assert office.fire(office.filed("dep1"), "accept_in_session", "li", **SESSION).number == "第001号"
    long = SESSION | {"congress": "六届" * 200}
    numbers = [office.fire(office.filed("dep1"), "accept_in_session", "li", **long).number for _ in range(2)]
    assert numbers == ["第001号", "第002号"], "however long its name"
    alike = ({"congress": "六届/五", "session": "次"}, {"congress": "六届", "session": "五/次"})
    numbers = [
        office.fire(office.filed("dep1"), "accept_in_session", "li", **SESSION | one).number for one in alike
    ]
    assert numbers == ["第001号", "第001号"], "what reads alike side by side is not the same"


def test_many_at_once(office: Office) -> None:
    """8 threads, each 25 acceptances: 200 numbers, none missing, none twice."""
    cases = [office.filed("dep1").id for _ in range(200)]

    def run(part: list[str]) -> list[str | None]:
        return [office.engine.fire(case, "accept_in_session", LI, SESSION).number for case in part]

    with ThreadPoolExecutor(8) as pool:
        numbers = [n for part in pool.map(run, [cases[i::8] for i in range(8)]) for n in part]
    assert sorted(numbers) == [f"第{n:03d}号" for n in range(1, 201)]


def test_batches_that_draw_in_opposite_order(office: Office) -> None:
    """A deadlock, were each series locked as it comes: each batch holds the number row that the other waits for."""
    sessions = [{**SESSION, "session": f"{n}次"} for n in "五六七八"]
    cases = [[office.filed("dep1").id for _ in sessions] for _ in range(8)]

    def batch(n: int) -> list[str]:
        rows = [
            Request(case=case, event="accept_in_session", actor=LI, data=session)
            for case, session in list(zip(cases[n], sessions, strict=True))[:: -1 if n % 2 else 1]
        ]
        return [str(outcome.error) for outcome in office.engine.batch(rows) if outcome.error]

    with ThreadPoolExecutor(4) as pool:
        assert [error for errors in pool.map(batch, range(8)) for error in errors] == []
    numbers = sorted(office.engine.case(case).number or "" for some in cases for case in some)
    assert numbers == sorted(f"第{n:03d}号" for n in range(1, 9) for _ in sessions)


def test_a_batch_draws_in_order(office: Office) -> None:
    cases = [office.filed("dep1").id for _ in range(5)]
    rows = [Request(case=case, event="accept_in_session", actor=LI, data=SESSION) for case in cases]
    rows[2] = Request(case=cases[2], event="accept_in_session", actor=LI, data={})
    outcomes = office.engine.batch(rows)
    assert [o.case and o.case.number for o in outcomes] == ["第001号", "第002号", None, "第003号", "第004号"]
    assert isinstance(outcomes[2].error, Refused)
    assert count(office.engine, "history", "event = 'accept_in_session'") == 4
