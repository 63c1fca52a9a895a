"""The same thing is not begun twice: one supervision of a kind, one escalation against a unit, while it runs (`one_open`)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from workflow import Actor, Case
from workflow.errors import GuardFailed, Reason

from .lifecycle import TODAY, Office

LI = Actor(person="li")
WHY = {"supervision_reason": "集中反映"}


def refused(office: Office, case: str, event: str, who: str = "li", **data: object) -> Reason:
    """The only reason of the refusal, which a rehearsal gives as well."""
    found = []
    for dry_run in (True, False):
        with pytest.raises(GuardFailed) as refusal:
            office.engine.fire(case, event, Actor(person=who), data, dry_run=dry_run)
        found += refusal.value.reasons
    assert found[0] == found[1] and len(found) == 2
    return found[0]


def open_in(office: Office, case: str, slot: str) -> int:
    return sum(child.slot == slot and not child.closed for child in office.engine.children(case))


def test_one_supervision_of_a_kind_runs_at_a_time(sqlite_office: Office) -> None:
    """Another kind may run beside it; once it has ended, or was not taken up, it may be proposed again."""
    office = sqlite_office
    case = office.handling().id
    office.pressed(office.now(case), "liu")
    reason = refused(office, case, "propose_supervision", supervision_kind="coordinating", **WHY)
    assert (reason.code, reason.field) == ("running", "supervision_kind")
    assert (reason.text.zh, reason.text.en) == (
        "“督办（代表工作机构协调督办）”已有一件在进行（2026-03-02 起，现为“督办中”），结束后才能再次“提请督办”",
        (
            "one of 'supervisions (coordinating supervision by the deputy affairs commission)' is running (since 2026-03-02,"
            " it is 'being pressed' now); 'propose supervision' is possible again when it has ended"
        ),
    )
    for kind in ("key", "leader_handled", "counterpart", "deputy_joined"):
        office.fire(case, "propose_supervision", "li", supervision_kind=kind, **WHY)
    assert open_in(office, case, "supervisions") == 5

    def running() -> Case:
        (found,) = (
            child
            for child in office.engine.children(case)
            if child.data.get("supervision_kind") == "coordinating" and not child.closed
        )
        return found

    office.fire(running(), "end_supervision", "li", removal_reason="已落实")
    office.fire(case, "propose_supervision", "li", supervision_kind="coordinating", **WHY)
    assert (
        "拟列" in refused(office, case, "propose_supervision", supervision_kind="coordinating", **WHY).text.zh
    )
    office.fire(running(), "drop_proposal", "li", refusal_reason="另行安排")
    office.fire(case, "propose_supervision", "li", supervision_kind="coordinating", **WHY)
    assert open_in(office, case, "supervisions") == 5


def test_a_look_back_is_not_proposed_twice(sqlite_office: Office) -> None:
    office = sqlite_office
    case, data = office.replied().id, {"supervision_kind": "look_back", **WHY}
    office.fire(case, "propose_look_back", "li", **data)
    assert refused(office, case, "propose_look_back", **data).code == "running"


def test_one_escalation_against_a_unit_runs_at_a_time(sqlite_office: Office) -> None:
    """Known before the form is filled in; the one that a timer began counts, and a timer begins none beside it."""
    office = sqlite_office
    case = office.second_assigned().id

    def may() -> list[str]:
        found = next(p for p in office.engine.permitted(case, LI) if p.event == "escalate")
        assert found.allowed is not bool(found.reasons)
        return [reason.code for reason in found.reasons]

    assert may() == []
    office.fire(case, "escalate", "li", escalation_ground="未动")
    assert may() == ["running"]
    reason = refused(office, case, "escalate", "gov", escalation_ground="未动")
    assert (
        reason.field is None and "“升级督促”已有一件在进行（2026-03-02 起，现为“已提醒”）" in reason.text.zh
    )
    office.clock.advance(days=60)
    assert "overdue" in {event for _, _, event in office.ticks()}
    assert open_in(office, case, "escalations") == 1
    (one,) = (c for c in office.engine.children(case) if c.slot == "escalations")
    office.fire(one, "resolve", "li", resolution="已答复")
    assert may() == []
    office.fire(case, "escalate", "li", escalation_ground="又拖延")
    assert open_in(office, case, "escalations") == 1 and may() == ["running"]


def test_an_escalation_against_one_separate_unit_is_not_in_the_way_of_another(sqlite_office: Office) -> None:
    """Nor in its own way once it has ended: the item was taken back and assigned to the same units anew."""
    office, apart = sqlite_office, {"assignment_mode": "separate", "separate_units": ["roads", "water"]}
    case = office.fire(office.accepted(), "assign_separately", "li", **apart).id
    office.clock.set(TODAY + timedelta(days=100))

    def against(unit: str) -> dict[str, str]:
        return {"escalation_ground": "逾期", "escalated_unit": unit}

    office.fire(case, "escalate_separately", "li", **against("roads"))
    reason = refused(office, case, "escalate_separately", **against("roads"))
    assert (reason.code, reason.field) == ("running", "escalated_unit")
    office.fire(case, "escalate_separately", "li", **against("water"))
    assert open_in(office, case, "separate_escalations") == 2
    assert refused(office, case, "escalate_separately", **against("roads")).code == "running"
    office.fire(case, "recall_assignment", "li", recall_reason="重新交办")
    assert open_in(office, case, "separate_escalations") == 0
    office.fire(case, "change_units_separately", "li", **apart)
    office.clock.advance(days=100)
    office.fire(case, "escalate_separately", "li", **against("roads"))
    assert open_in(office, case, "separate_escalations") == 1


def test_an_old_record_is_taken_as_it_is(sqlite_office: Office) -> None:
    """Two of a kind in a source are two."""
    office = sqlite_office
    case = office.imported()
    for _ in range(2):
        data = {"supervision_kind": "key", **WHY}
        office.engine.fire(case.id, "propose_supervision", LI, data, imported=True, effective_on=TODAY)
    assert open_in(office, case.id, "supervisions") == 2
