"""The government's office at the console: each of its acts is sent, and what a clerk would stumble over is said."""

from __future__ import annotations

import html
import re
from datetime import date

from .console import Desk, said
from .test_first_line import button

PAPER = (b"%PDF-1.4\n%%EOF\n", "通报.pdf")


def page(desk: Desk, person: str, address: str) -> str:
    """A page as this person reads it."""
    reader = desk(person)
    assert reader.get(address).status_code == 200, said(reader.page)
    return reader.page


def section(page: str, name: str) -> str:
    """A part of a page by the name of its heading."""
    (found,) = re.findall(rf'<section aria-labelledby="{name}">(.*?)</section>', page, re.DOTALL)
    return html.unescape(str(found))


def test_a_part_of_a_case_leads_back_to_it_and_names_the_one_step_that_is_its_button(desk: Desk) -> None:
    """An escalation has the title of its suggestion: its path and 有关的件 lead there; no heading stands above nothing."""
    office = desk.office
    case = office.handling("dep1")
    office.clock.set(date(2026, 6, 20))
    office.ticks()
    shown = page(desk, "gov", f"/cases/{office.child(case, 'escalations').id}")
    there = f'<a href="/cases/{case.id}">{case.data["title"]}</a>'
    (path,) = re.findall(r'<p class="path">(.*?)</p>', shown)
    assert path.endswith(f" › {there} › 升级督促")
    named = section(shown, "named")
    assert f"代表建议办理：{there}" in named and f">{office.now(case).number}<" in named
    assert button(shown) == "通报批评" and "只有“通报批评”：上方的蓝底按钮。" in section(shown, "acts")
    assert there not in page(desk, "gov", f"/cases/{case.id}")


def propose(desk: Desk) -> str:
    """A suggestion whose supervision the office has proposed at the console; the address of that."""
    case = desk.office.handling("dep1")
    gov = desk("gov")
    asked = f"/cases/{case.id}/do/propose_supervision"
    gov.goes(gov.fill(asked, supervision_kind="leader_handled", supervision_reason="涉及多个部门"))
    assert "已完成：提请督办" in gov.page and button(gov.page) == "确定领衔领导"
    return f"/cases/{desk.office.child(case, 'supervisions').id}"


def test_it_proposes_a_supervision(desk: Desk) -> None:
    """Nothing given is said beside the fields; a look-back, which this act never is, is not among the choices."""
    case = desk.office.handling("dep1")
    gov, asked = desk("gov"), f"/cases/{case.id}/do/propose_supervision"
    assert (
        gov.fill(asked).status_code == 422 and "督办方式：必填" in gov.page and "拟列理由：必填" in gov.page
    )
    assert "政府领导领衔办理" in gov.page and "回头看" not in said(gov.page)
    answer = gov.fill(asked, supervision_kind="leader_handled", supervision_reason="涉及多个部门")
    assert gov.goes(answer).startswith(f"/cases/{case.id}")
    assert "已完成：提请督办" in gov.page and "与办理并行、正在进行：督办（拟列）" in said(gov.page)
    assert "提请督办 gov · 政府办公室（督查室）" in said(section(gov.page, "history") and gov.page)
    looked = page(desk, "li", f"/cases/{desk.office.replied('dep1').id}/do/propose_look_back")
    assert re.findall(r'type="radio" name="supervision_kind" value="(\w+)" checked', looked) == ["look_back"]


def test_it_proposes_what_others_decide_and_is_led_nowhere(desk: Desk) -> None:
    """A supervision that the chairpersons' meeting has to determine holds no step for it: no button leads there."""
    case = desk.office.handling("dep1")
    gov = desk("gov")
    asked = f"/cases/{case.id}/do/propose_supervision"
    gov.goes(gov.fill(asked, supervision_kind="key", supervision_reason="群众关心"))
    assert "已完成：提请督办" in gov.page and button(gov.page) == "" and "去办理" not in gov.page
    assert "督办（拟列）" in said(gov.page)


def test_it_names_the_leader_and_another_in_his_place(desk: Desk) -> None:
    there = propose(desk)
    gov = desk("gov")
    named = f"{there}/do/name_leader"
    assert gov.fill(named).status_code == 422 and "督办人：必填" in gov.page
    for nobody in ("王某某", "wangmou"):
        assert gov.fill(named, supervisors=nobody).status_code == 422
        assert f"登记中没有“{nobody}”" in html.unescape(gov.page)
    offered = re.findall(r'type="checkbox" name="supervisors" value="(\w+)"', gov.page)
    assert offered == ["chair", "he", "li", "liu", "song", "sun"], (
        "those who may, and nobody of a unit, no deputy"
    )
    assert gov.fill(named, supervisors="dep1").status_code == 422
    assert (
        "督办人：dep1 不担任可任此事的职务，须为主任会议、政府领导、专门委员会、工作委员会、监察和司法委员会、代表工作委员会、常委会办公室、常委会办公室主任的人员"
        in said(gov.page)
    )
    gov.goes(gov.fill(named, supervisors="chair"))
    assert "已完成：确定领衔领导" in gov.page and "已确定" in said(gov.page)
    assert button(gov.page) == "" and there not in page(desk, "gov", "/waiting")
    assert there in page(desk, "chair", "/waiting") and button(page(desk, "chair", there)) == "制定督办方案"
    changed = f"{there}/do/change_leader"
    assert gov.fill(changed, supervisors="liu").status_code == 422 and "更换督办人的理由：必填" in gov.page
    gov.goes(gov.fill(changed, supervisors="liu", handover_reason="分工调整"))
    assert "已完成：更换领衔领导" in gov.page and "督办人 liu" in said(gov.page)


def test_it_criticises_and_escalates(desk: Desk) -> None:
    office = desk.office
    case = office.handling("dep1")
    office.clock.set(date(2026, 6, 3))
    office.ticks()
    there = f"/cases/{office.child(case, 'escalations').id}"
    gov = desk("gov")
    assert gov.fill(f"{there}/do/send_letter").status_code == 422 and "催办函：必填" in gov.page
    gov.goes(gov.fill(f"{there}/do/send_letter", urging_letter=PAPER, ground="逾期未答复"))
    assert "已完成：发催办函" in gov.page and "已催办" in said(gov.page)
    assert gov.fill(f"{there}/do/criticise", ground="逾期").status_code == 422
    assert "通报内容：必填" in gov.page and "通报文件：必填" in gov.page and "逾期" in gov.page
    told = {"ground": "逾期未答复", "criticism": "予以通报批评。", "criticism_document": PAPER}
    gov.goes(gov.fill(f"{there}/do/criticise", **told))
    assert "已完成：通报批评" in gov.page and "通报.pdf" in gov.page and "已通报批评" in said(gov.page)
    assert button(gov.page) == "", (
        "it is not told to criticise again; what is harder is the congress's to decide"
    )
    assert button(page(desk, "li", there)) == "约见负责人"
    escalated = f"/cases/{case.id}/do/escalate"
    assert (
        "“升级督促”已有一件在进行（2026-06-03 起，现为“已通报批评”），结束后才能再次“启动升级督促”"
        in said(page(desk, "gov", escalated))
    )
    second = office.second_assigned()
    escalated = f"/cases/{second.id}/do/escalate"
    assert gov.fill(escalated).status_code == 422 and "升级督促的理由：必填" in gov.page
    gov.goes(gov.fill(escalated, escalation_ground="仍未答复"))
    assert "已完成：启动升级督促" in gov.page
