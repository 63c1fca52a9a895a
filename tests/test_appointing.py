"""Whom a form names where not everybody will do: only who holds one of the roles of the field (`roles`), there and on that day."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from workflow import Actor, Case
from workflow.access import holders
from workflow.errors import FormInvalid
from workflow.model import Request

from .lifecycle import TENANT, TODAY, Office

LI = Actor(person="li")
MAY = "主任会议、政府领导、专门委员会、工作委员会、监察和司法委员会、代表工作委员会、常委会办公室、常委会办公室主任"


def proposed(office: Office) -> Case:
    case = office.handling()
    office.fire(
        case, "propose_supervision", "li", supervision_kind="coordinating", supervision_reason="集中反映"
    )
    return office.child(case, "supervisions")


def test_only_who_holds_a_fitting_role_supervises(sqlite_office: Office) -> None:
    """Each of those who may not is told, with who may; a rehearsal and one of many say the same."""
    office = sqlite_office
    case, engine = proposed(office), office.engine
    given = {"supervisors": ["liu", "dep1", "wu", "nobody"]}
    for dry_run in (True, False):
        with pytest.raises(FormInvalid) as refusal:
            engine.fire(case.id, "assign_supervisor", LI, given, dry_run=dry_run)
        reasons = refusal.value.reasons
        assert {(reason.code, reason.field) for reason in reasons} == {("form.role", "supervisors")}
        assert [reason.text.zh for reason in reasons] == [
            f"督办人：{who} 不担任可任此事的职务，须为{MAY}的人员" for who in ("dep1", "wu", "nobody")
        ]
        assert "supervisors: dep1 holds no fitting role, name somebody of: council of" in reasons[0].text.en
    rows = [
        Request(case=case.id, event="assign_supervisor", actor=LI, data={"supervisors": [who]})
        for who in ("dep1", "liu")
    ]
    first, second = engine.batch(rows)
    assert isinstance(first.error, FormInvalid) and second.error is None
    assert office.now(case).relations["supervisor"] == ("liu",)


def test_a_role_counts_where_and_while_it_is_held_and_not_in_anothers_place(sqlite_office: Office) -> None:
    office = sqlite_office
    engine, case = office.engine, proposed(office)
    engine.grant("above", "gov_leader", "hb")
    engine.grant("elsewhere", "gov_leader", "hb/huanggang")
    engine.grant("was", "gov_leader", TENANT, valid_until=TODAY - timedelta(days=1))
    engine.grant("will", "gov_leader", TENANT, valid_from=date(2026, 4, 1))
    assert set(holders(engine, ["gov_leader"], TENANT)) == {"above"}
    for who in ("elsewhere", "was", "will"):
        assert office.reasons(case, "assign_supervisor", "li", supervisors=[who]) == {"form.role"}
    office.fire(case, "assign_supervisor", "li", supervisors=["above"])
    how = {"next_supervisors": ["will"], "takes_over_on": "2026-05-01", "handover_reason": "换届"}
    assert office.reasons(case, "arrange_handover", "li", **how) == {"form.role"}
    assert office.reasons(case, "change_supervisor", "li", supervisors=["dep1"], handover_reason="换") == {
        "form.role"
    }


def test_an_old_record_names_whom_its_source_names(sqlite_office: Office) -> None:
    office, engine = sqlite_office, sqlite_office.engine
    case = office.imported()
    data = {"supervision_kind": "coordinating", "supervision_reason": "集中反映"}
    how = {"imported": True, "effective_on": TODAY}
    engine.fire(case.id, "propose_supervision", LI, data, **how)
    child = office.child(case, "supervisions")
    found = engine.fire(child.id, "assign_supervisor", LI, {"supervisors": ["dep1"]}, **how)
    assert found.relations["supervisor"] == ("dep1",)
