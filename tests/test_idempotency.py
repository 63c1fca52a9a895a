"""The same key gives the same answer, and one of many is executed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from workflow import Actor, Refused
from workflow.errors import KeyReused

from .lifecycle import CONTACT, SESSION, SUGGESTION, TENANT, Office, count

LI, WANG = Actor(person="li"), Actor(person="wang")


def test_the_same_answer_even_later(office: Office) -> None:
    case = office.filed()
    first = office.engine.fire(case.id, "accept_in_session", LI, SESSION, key="k1")
    office.fire(case, "carry_over", "li", carried_to="七届")
    again = office.engine.fire(case.id, "accept_in_session", LI, SESSION, key="k1")
    assert again == first
    assert count(office.engine, "history") == 3
    started = office.engine.start("suggestion", LI, SUGGESTION, tenant=TENANT, key="k2")
    assert office.engine.start("suggestion", LI, SUGGESTION, tenant=TENANT, key="k2") == started


def test_the_same_request_under_two_keys_does_not_look_the_same(office: Office) -> None:
    """What is kept of a request to compare it is salted: nobody learns from it what was said, or that it was said twice."""
    one, two = (office.engine.start("suggestion", LI, SUGGESTION, tenant=TENANT, key=k) for k in ("a", "b"))
    assert one.id != two.id
    with office.engine.database.connect() as connection:
        kept = connection.exec_driver_sql("select body_hash from tibandu_answer").scalars().all()
    assert len({text.partition(":")[2] for text in kept}) == 2


def test_another_body(office: Office) -> None:
    case = office.handling()
    office.engine.fire(case.id, "record_contact", WANG, CONTACT, key="k")
    for event, data in (
        ("record_contact", {**CONTACT, "contact_record": "电话"}),
        ("submit_for_signoff", {}),
    ):
        with pytest.raises(KeyReused):
            office.engine.fire(case.id, event, WANG, data, key="k")
    with pytest.raises(KeyReused):  # in another role of his it is another request
        office.engine.fire(case.id, "record_contact", replace(WANG, role="unit_clerk"), CONTACT, key="k")
    with pytest.raises(KeyReused):
        office.engine.fire(case.id, "record_contact", replace(WANG, unit="water"), CONTACT, key="k")
    other = Actor(person="wu")  # another person's key is another key
    assert office.engine.fire(case.id, "record_contact", other, CONTACT, key="k").seq == 7


def test_a_refusal_uses_no_key(office: Office) -> None:
    case = office.accepted()
    with pytest.raises(Refused):
        office.engine.fire(case.id, "carry_over", LI, {}, key="k")
    assert office.engine.fire(case.id, "carry_over", LI, {"carried_to": "七届"}, key="k").seq == 3


def test_twenty_at_once(office: Office) -> None:
    case = office.handling()
    with ThreadPoolExecutor(20) as pool:
        calls = [
            pool.submit(office.engine.fire, case.id, "record_contact", WANG, CONTACT, key="k")
            for _ in range(20)
        ]
        answers = [call.result() for call in calls]
    assert {(a.seq, a.state) for a in answers} == {(6, "handling")} and len(
        {a.revision for a in answers}
    ) == 1
    assert count(office.engine, "history", "case_id = :id", id=case.id) == 6
