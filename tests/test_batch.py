"""Many events in one transaction: each row has its own answer."""

from __future__ import annotations

from sqlalchemy.orm import Session

from workflow import Actor, Conflict, NotFound, Refused
from workflow.model import Request

from .lifecycle import Office, count

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
    assert all(issubclass(k, Refused) for k in kinds[3:6])
    assert kinds[6:8] == [4, 4] and kinds[8] is NotFound
    assert count(office.engine, "history", "case_id = :id", id=case.id) == 4


def test_the_host_may_roll_it_all_back(office: Office) -> None:
    cases = [office.accepted("dep1").id for _ in range(3)]
    rows = [Request(case=case, event="carry_over", actor=LI, data={"carried_to": "七届"}) for case in cases]
    with Session(office.engine.database) as host:
        assert all(o.case for o in office.engine.batch(rows, session=host))
        host.rollback()
    assert all(office.now(case).seq == 2 for case in cases)
