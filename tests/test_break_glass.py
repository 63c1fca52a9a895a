"""Break-glass: for some hours, with a reason, and never in silence."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from api import create_app
from workflow import Actor, Engine, access
from workflow.errors import FormInvalid, NotFound, NotPermitted
from workflow.library import Library
from workflow.store import lending
from workflow.testing import FrozenClock
from workflow.verify import verify

from . import http_walk as city
from .lifecycle import Office

OPERATOR = "ops.chen"
"""looks after the service and has no role"""


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock(city.TODAY)


@pytest.fixture
def engine(ready_url: str, clock: FrozenClock) -> Iterator[Engine]:
    yield from city.opened(ready_url, clock)


@pytest.fixture
def case(engine: Engine) -> str:
    return engine.start("suggestion", Actor(person="li.wei"), city.PROPOSAL, tenant=city.TENANT).id


def broken(engine: Engine, case: str, **more: object) -> datetime:
    given = {"hours": 4, "reason": "经办人突发疾病,今日到期"} | more
    return access.break_glass(engine, case, OPERATOR, **({"role": "office"} | given))  # type: ignore[arg-type]


def test_the_case_says_who_in_which_role_until_when_and_why(engine: Engine, case: str) -> None:
    with pytest.raises(NotFound):
        engine.case(case, actor=Actor(person=OPERATOR))
    until = broken(engine, case)
    assert engine.case(case, actor=Actor(person=OPERATOR)).id == case
    line = engine.history(case)[-1]
    assert (line.event, line.actor, line.from_state) == ("break_glass", OPERATOR, line.to_state)
    told = {
        "@role": "office",
        "@until": until.isoformat(timespec="minutes"),
        "@reason": "经办人突发疾病,今日到期",
    }
    assert line.data == told
    (held,) = access.held(engine, person=OPERATOR)
    assert (held.by, held.reason) == (OPERATOR, told["@reason"])
    assert not verify(engine.store).faults


def test_whoever_holds_the_case_is_told(engine: Engine, case: str) -> None:
    broken(engine, case)
    engine.alerts.address()
    letters = engine.alerts.inbox("li.wei")
    assert any("应急查阅" in str(letter) for letter in letters)


def test_the_hours_end(engine: Engine, case: str, clock: FrozenClock) -> None:
    until = broken(engine, case)
    assert until == clock.now().astimezone(UTC) + timedelta(hours=4)
    clock.advance(hours=3, minutes=59)
    assert (access.end_hours(engine), engine.case(case, actor=Actor(person=OPERATOR)).id) == (0, case)
    clock.advance(minutes=1)
    assert (access.end_hours(engine), access.end_hours(engine)) == (1, 0)
    with pytest.raises(NotFound):
        engine.case(case, actor=Actor(person=OPERATOR))


def test_a_tick_ends_them_too_where_there_is_no_service(
    engine: Engine, case: str, clock: FrozenClock
) -> None:
    broken(engine, case)
    clock.advance(hours=4)
    engine.tick()
    with pytest.raises(NotFound):
        engine.case(case, actor=Actor(person=OPERATOR))
    assert access.end_hours(engine) == 0


def test_at_the_latest_with_the_day_though_nobody_sweeps(
    engine: Engine, case: str, clock: FrozenClock
) -> None:
    broken(engine, case)
    clock.advance(days=1)
    with pytest.raises(NotFound):
        engine.case(case, actor=Actor(person=OPERATOR))


def test_every_case_that_is_opened_meanwhile_says_so_once(engine: Engine, case: str) -> None:
    """Also one that was not named; looked at again it says no more, and by a role of his own nothing."""
    client = city.Client(city.served(engine))
    other, third = client.started()["id"], client.started()["id"]
    broken(engine, case)
    app = create_app(engine, lambda _: Actor(person=OPERATOR)).test_client()
    for _ in range(2):
        answer = app.get(f"/v1/cases/{other}")
        assert (answer.status_code, answer.json["seq"]) == (200, 2)
        assert app.get(f"/v1/cases/{other}/history").status_code == 200
    line = engine.history(other)[-1]
    assert (line.event, line.actor, line.data["@reason"]) == (
        "break_glass",
        OPERATOR,
        "经办人突发疾病,今日到期",
    )
    app.get(f"/v1/cases/{case}")
    assert [line.event for line in engine.history(case)] == ["start", "break_glass"], "it has said so already"
    engine.grant(OPERATOR, "office", city.TENANT)
    assert app.get(f"/v1/cases/{third}").status_code == 200
    assert len(engine.history(third)) == 1
    assert not verify(engine.store).faults


def test_each_taking_is_said(engine: Engine, case: str, clock: FrozenClock) -> None:
    """A second one two hours later, for another reason, is another one."""
    other = engine.start("suggestion", Actor(person="li.wei"), city.PROPOSAL, tenant=city.TENANT).id
    app = create_app(engine, lambda _: Actor(person=OPERATOR)).test_client()
    for reason in ("甲", "乙"):
        broken(engine, case, hours=1, reason=reason)
        for _ in range(2):
            assert app.get(f"/v1/cases/{other}").status_code == 200
        clock.advance(hours=2)
        access.end_hours(engine)
        assert app.get(f"/v1/cases/{other}").status_code == 404
    said = [line.data["@reason"] for line in engine.history(other) if line.event == "break_glass"]
    assert said == ["甲", "乙"]


def test_his_own_case_says_nothing(engine: Engine, case: str) -> None:
    """Whoever sees it by his own unit needs no emergency for it."""
    client = city.Client(city.served(engine))
    own = client("li.wei", "POST", "/v1/cases", city.START).json
    for event, data in (("accept", {"session": "五次"}), ("assign", {"lead_unit": "housing"})):
        own = client.fire("li.wei", own, event, **data).json
    assert engine.case(own["id"], actor=Actor(person="wu.hao"))
    access.break_glass(engine, case, "wu.hao", "office", hours=4, reason="另一案")
    app = create_app(engine, lambda _: Actor(person="wu.hao")).test_client()
    assert app.get(f"/v1/cases/{own['id']}").status_code == 200
    assert "break_glass" not in {line.event for line in engine.history(own["id"])}


def test_two_looks_at_once_are_said_once(engine: Engine, case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    other = engine.start("suggestion", Actor(person="li.wei"), city.PROPOSAL, tenant=city.TENANT)
    broken(engine, case)
    asked, said = [0], access._said

    def late(*given: object) -> bool:
        """The first question of each is asked before the other has written."""
        asked[0] += 1
        return False if asked[0] == 1 else said(*given)  # type: ignore[arg-type]

    assert access.opened(engine, other, OPERATOR)
    monkeypatch.setattr(access, "_said", late)
    assert not access.opened(engine, other, OPERATOR)
    assert [line.event for line in engine.history(other.id)].count("break_glass") == 1


def test_it_is_not_lent_on_and_makes_nobody_a_colleague(engine: Engine, case: str) -> None:
    broken(engine, case)
    for lender, to in ((OPERATOR, "he.jun"), ("he.jun", OPERATOR)):
        app = create_app(engine, lambda _, lender=lender: Actor(person=lender)).test_client()
        answer = app.post("/v1/delegations", json={"to": to, "until": "2026-03-09"})
        assert answer.status_code == 403 and "colleague" in answer.text, answer.text
    assert access.lent(engine, OPERATOR) == []


def test_a_loan_of_it_ends_with_its_hours_however_it_came_about(
    engine: Engine, case: str, clock: FrozenClock
) -> None:
    broken(engine, case)
    taken, borrower = access.held(engine, person=OPERATOR)[0].grant, Actor(person="wang.fang")
    lent = replace(taken, id="lent", person="wang.fang", on_behalf_of=OPERATOR, valid_until=date(2026, 4, 1))
    with engine.store.connection(write=True) as connection:
        lending.lend(connection, engine.store.tables.grant, [access._row(lent, OPERATOR, None)])
    assert engine.case(case, actor=borrower).id == case
    clock.advance(hours=4)
    assert access.end_hours(engine) == 1
    with pytest.raises(NotFound):
        engine.case(case, actor=borrower)


def test_the_roles_say_which_may_be_taken(library: Library) -> None:
    """Offices of the congress; none that decides or erases, none of whom the congress supervises."""
    may = {role for role in library.roles.values if library.emergency(role)}
    assert may == {"deputy_affairs", "sc_office", "session_secretariat"}
    assert not any(library.erases(role) for role in may)


def test_another_is_refused_with_what_may_be_taken(sqlite_office: Office) -> None:
    case = sqlite_office.filed().id
    for role in ("procuratorate_clerk", "gov_office", "sc_office_head", "deputy", "nothing"):
        with pytest.raises(NotPermitted, match="deputy_affairs, sc_office, session_secretariat"):
            broken(sqlite_office.engine, case, role=role)
    broken(sqlite_office.engine, case, role="sc_office")


def test_what_is_refused(engine: Engine, case: str) -> None:
    for wrong in ({"hours": 0}, {"hours": 25}, {"reason": "  "}):
        with pytest.raises(FormInvalid):
            broken(engine, case, **wrong)
    with pytest.raises(NotPermitted):
        broken(engine, case, role="nothing")
    for none in ("none", "x" * 50):
        with pytest.raises(NotFound):
            broken(engine, none)
    assert access.held(engine, person=OPERATOR) == []
    assert len(engine.history(case)) == 1


def test_separation_of_powers_bars_from_it_too(engine: Engine) -> None:
    client = city.Client(city.served(engine))
    case = client("li.wei", "POST", "/v1/cases", city.START).json
    for event, data in (("accept", {"session": "五次"}), ("assign", {"lead_unit": "housing"})):
        case = client.fire("li.wei", case, event, **data).json
    case = client.fire("wu.hao", case, "reply", reply_letter=city.LETTER, promised=False).json
    client.fire("li.wei", case, "ask")
    survey = client.surveys(case["id"])["d.chen"]
    with pytest.raises(NotPermitted):
        access.break_glass(engine, survey, "wu.hao", "office", hours=1, reason="好奇")


def test_over_http_for_operators_alone(engine: Engine, case: str) -> None:
    client = city.Client(city.served(engine))
    body = {"case": case, "role": "office", "hours": 2, "reason": "经办人突发疾病"}
    assert client("wang.fang", "POST", "/v1/break-glass", body).status_code == 403
    done = client(city.OPERATOR, "POST", "/v1/break-glass", body)
    assert (done.status_code, done.json["until"]) == (201, "2026-03-02T03:00:00+00:00")
    missing = client(city.OPERATOR, "POST", "/v1/break-glass", body | {"case": "none"})
    assert (missing.status_code, json.loads(missing.data)["code"]) == (404, "not_found")
