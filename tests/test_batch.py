"""Many events in one transaction: each row has its own answer."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy.orm import Session

from workflow import Actor, Conflict, NotFound, Refused
from workflow.errors import FormInvalid
from workflow.model import Request
from workflow.store import postgresql

from .lifecycle import SUGGESTION, TENANT, Office, codes_of, count

LI = Actor(person="li")


def test_a_result_per_row(office: Office) -> None:
    case = office.accepted()
    row = lambda **more: Request(
        **{"case": case.id, "event": "carry_over", "actor": LI, "data": {"carried_to": "七届"}, **more}
    )
    rows = [
        row(revision=2), row(revision=2), row(case="absent"), row(event="conclude", data={}), row(actor=Actor(person="wang")),
        row(data={"carried_to": "\x00"}), row(key="k"), row(key="k"), row(event="fly"),
    ]  # fmt: skip
    outcomes = office.engine.batch(rows)
    assert [o.row for o in outcomes] == list(range(9))
    kinds = [type(o.error) if o.error else o.case.seq for o in outcomes if o.case or o.error]
    assert kinds[0] == 3 and kinds[1] is Conflict and kinds[2] is NotFound
    assert issubclass(kinds[3], Refused) and issubclass(kinds[5], Refused)
    assert kinds[4] is NotFound and codes_of(outcomes[4].error) == {
        "role"
    }  # he does not even learn that it is there
    assert kinds[6:8] == [4, 4] and kinds[8] is NotFound
    assert count(office.engine, "history", "case_id = :id", id=case.id) == 4


def test_rows_may_come_one_by_one(office: Office) -> None:
    cases = [office.accepted("dep1").id for _ in range(2)]
    rows = (Request(case=case, event="carry_over", actor=LI, data={"carried_to": "七届"}) for case in cases)
    assert [outcome.case.id for outcome in office.engine.batch(rows) if outcome.case] == cases
    assert all(office.now(case).seq == 3 for case in cases)


def test_the_host_may_roll_it_all_back(office: Office) -> None:
    cases = [office.accepted("dep1").id for _ in range(3)]
    rows = [Request(case=case, event="carry_over", actor=LI, data={"carried_to": "七届"}) for case in cases]
    with Session(office.engine.database) as host:
        assert all(o.case for o in office.engine.batch(rows, session=host))
        host.rollback()
    assert all(office.now(case).seq == 2 for case in cases)


def test_cases_are_started_by_the_hundred(office: Office) -> None:
    row = lambda **more: Request(
        **{"kind": "suggestion", "tenant": TENANT, "actor": LI, "data": SUGGESTION, **more}
    )
    rows = [row(id="one"), row(key="k"), row(key="k"), row(kind="poem"), row(data={}), row(id="one"), row()]
    outcomes = office.engine.batch(rows)
    first, second, again, *errors, last = outcomes
    assert first.case and first.case.id == "one" and first.case.state == "filed"
    assert second.case and again.case and second.case.id == again.case.id
    assert [type(outcome.error) for outcome in errors] == [NotFound, FormInvalid, Conflict]
    assert last.case and count(office.engine, "cases") == 3


def test_a_row_may_be_backdated_with_its_reason(office: Office) -> None:
    cases = [office.accepted("dep1").id for _ in range(2)]
    assign = {"assignment_mode": "sole", "lead_unit": "water"}
    rows = [
        Request(
            case=case, event="assign", actor=LI, data=assign, effective_on=date(2026, 2, 27), reason=reason
        )
        for case, reason in zip(cases, ("交办函已发", None), strict=True)
    ]
    done, refused = office.engine.batch(rows)
    assert done.case and {c.name: str(c.anchor_on) for c in done.case.clocks}["reply"] == "2026-02-27"
    assert isinstance(refused.error, Refused) and office.now(cases[1]).state == "accepted"


def test_what_is_too_much_for_one_parameter_goes_row_by_row(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgresql, "MOST_CHARACTERS", 100)
    cases = [office.accepted("dep1").id for _ in range(2)]
    rows = [Request(case=case, event="carry_over", actor=LI, data={"carried_to": "七届"}) for case in cases]
    assert [o.case.seq for o in office.engine.batch(rows) if o.case] == [3, 3]
