"""第001号: gap-free per session, whatever is refused, rolled back or done at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy.orm import Session

from workflow import Actor, NotFound, Refused
from workflow.errors import FormInvalid
from workflow.model import Request

from .lifecycle import SESSION, TENANT, Office, count

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


def brought(office: Office, number: str, **more: Any) -> str | None:
    """The number of an old record that was accepted with it."""
    engine = office.engine
    old = engine.start("suggestion", LI, {"title": "旧件"}, tenant=TENANT, imported=True)
    return engine.fire(old.id, "accept_in_session", LI, SESSION, imported=True, number=number, **more).number


def test_what_an_old_record_bears_is_not_drawn_again(office: Office) -> None:
    """An office that begins in mid-session goes on after what it has brought along, in that session."""
    assert [brought(office, number) for number in ("第017号", "第017号", "第003号")] == [
        "第017号", "第017号", "第003号",
    ]  # fmt: skip
    assert office.accepted().number == "第018号"
    other = {**SESSION, "session": "六次"}
    assert office.fire(office.filed("dep1"), "accept_in_session", "li", **other).number == "第001号"
    brought(office, "第018号")
    assert office.accepted().number == "第019号"
    brought(office, "第1200号")
    assert office.accepted().number == "第1201号"


def test_what_is_no_number_of_the_series_moves_nothing(office: Office) -> None:
    for number in ("17", "建议第017号", "第十七号", "第１７号", "第-17号", "第号", "第", "第000号", "第9999999999号",
                   f"第{'9' * 5000}号"):  # fmt: skip
        if len(number) < 80:  # what the column holds
            assert brought(office, number) == number
        assert office.engine.laws.series("suggestion_number").read(number) is None
    assert office.accepted().number == "第001号"


@pytest.mark.parametrize(
    ("number", "said"), [("第" + "9" * 79 + "号", "80"), ("", "empty"), ("第\x001号", "U+0000")]
)
def test_a_number_that_no_case_can_bear_is_refused_by_its_field(
    office: Office, number: str, said: str
) -> None:
    """On both databases alike, and before either is asked."""
    with pytest.raises(FormInvalid) as refusal:
        brought(office, number)
    (reason,) = refusal.value.reasons
    assert (reason.field, reason.beside, said in reason.text.en) == ("number", True, True)
    assert reason.text.zh.startswith("编号：")
    assert brought(office, "第" + "9" * 78 + "号") == "第" + "9" * 78 + "号"


def test_an_import_that_is_not_written_moves_nothing(office: Office) -> None:
    brought(office, "第017号", dry_run=True)
    old = office.engine.start("suggestion", LI, {"title": "旧件"}, tenant=TENANT, imported=True).id
    with Session(office.engine.database) as host:
        office.engine.fire(
            old, "accept_in_session", LI, SESSION, imported=True, number="第018号", session=host
        )
        host.rollback()
    assert office.accepted().number == "第001号"
