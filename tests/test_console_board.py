"""The assigning desk: each row its own form, tried before it is done, with what is alike and what each unit has in hand."""

from __future__ import annotations

import re
from typing import Any

import pytest

from api.console import board
from workflow import Actor, Case, access
from workflow.overview import alike

from .console import Desk, Form, Reader, desk, said
from .lifecycle import count, statements

__all__ = ["desk"]

BOARD = "/views/to_assign"
ALIKE = {"title": "关于加固东湖堤防的建议", "body": "东湖堤防多处渗水，建议汛期前加固堤防并疏通排水沟。"}


def opened(desk: Desk, person: str = "li", address: str = BOARD) -> tuple[Reader, dict[str, Any]]:
    """The board, and what its form holds."""
    reader = desk(person)
    assert reader.get(address).status_code == 200, reader.page
    return reader, {**Form(reader.page).values}


def row(case: Case, **given: str) -> dict[str, str]:
    return {f"{case.id}.{name}": value for name, value in given.items()}


def test_many_are_assigned_in_one_go_each_to_its_own_units(desk: Desk) -> None:
    """Tried first, and nothing is written; done once however often it is confirmed; a row that is empty is left as it is."""
    one, two, apart, left, bad = (desk.office.accepted() for _ in range(5))
    reader, form = opened(desk)
    form |= {
        **row(one, assignment_mode="sole", lead_unit="市水利局"),
        **row(two, assignment_mode="lead_and_co", lead_unit="roads", co_units="市水利局、parks"),
        **row(apart, assignment_mode="separate", separate_units="water、roads"),
        **row(bad, assignment_mode="lead_and_co", lead_unit="water", co_units="water"),
        "assignment_note": "请于汛期前办结",
    }
    lines = count(desk.office.engine, "history")
    assert reader.post(f"{BOARD}/board", form).status_code == 200
    page = said(reader.page)
    assert "填好 4 件，可以进行 3 件" in page
    assert "分别交办 → 分别办理中" in page
    assert "答复时限 ： " in page or "答复期限" in page, page
    assert page.count("不能进行") == 1
    assert count(desk.office.engine, "history") == lines, "only tried"
    sure = {**Form(reader.page).values}
    assert reader.post(f"{BOARD}/board/done", sure).status_code == 200
    assert "共 4 件，成功 3 件，未进行 1 件" in said(reader.page)
    assert "@letters" in reader.page, "their letters in one go"
    written = count(desk.office.engine, "history")
    assert reader.post(f"{BOARD}/board/done", sure).status_code == 200
    assert "成功 3 件" in said(reader.page), "the same answer"
    assert count(desk.office.engine, "history") == written
    now = {case.id: desk.office.now(case) for case in (one, two, apart, left, bad)}
    assert [found.state for found in now.values()] == [
        "assigned", "assigned", "handling_separately", "accepted", "accepted",
    ]  # fmt: skip
    assert now[two.id].relations["lead"] == ("roads",)
    assert set(now[two.id].relations["co"]) == {"water", "parks"}
    assert now[one.id].data["assignment_note"] == "请于汛期前办结"


def test_what_is_wrong_stands_beside_its_row_and_nothing_typed_is_lost(desk: Desk) -> None:
    one, two = desk.office.accepted(), desk.office.accepted()
    reader, form = opened(desk)
    empty = reader.post(f"{BOARD}/board", form)
    assert empty.status_code == 422
    assert "一件也没有填写" in reader.page
    form |= row(one, assignment_mode="sole", lead_unit="没有这个局") | row(two, lead_unit="water")
    assert reader.post(f"{BOARD}/board", form).status_code == 422
    link = re.search(r'href="#(f-[\w-]+)"', reader.page)
    assert link is not None
    assert f'id="{link[1]}"' in reader.page, "the summary leads to the input"
    assert Form(reader.page).values[f"{one.id}.lead_unit"] == ["没有这个局"]
    form |= row(one, lead_unit="water", separate_units="roads")
    assert reader.post(f"{BOARD}/board", form).status_code == 200
    assert "不能同时填写：交办方式、主办单位、分办单位" in said(reader.page)
    back = {**Form(reader.page).values, "back": "1"}
    assert reader.post(f"{BOARD}/board", back).status_code == 200
    assert Form(reader.page).values[f"{one.id}.separate_units"] == ["市交通运输局"], (
        "back, with what was typed"
    )


def test_a_row_offers_what_is_permitted_and_is_done_as_it_was_seen(desk: Desk) -> None:
    """One that came back is assigned anew and says why it did; whoever was first is not overwritten; a unit finds no board."""
    office = desk.office
    returned, fresh = office.assigned(), office.accepted()
    office.fire(returned, "request_return", "wu", return_reason="不属我局职责", competent_unit="roads")
    office.fire(returned, "approve_return", "li", return_decision="属实")
    reader, form = opened(desk)
    assert "退办理由：不属我局职责" in said(reader.page).replace(" ： ", "：").replace(" ：", "：")
    form |= row(returned, assignment_mode="sole", lead_unit="roads") | row(
        fresh, assignment_mode="sole", lead_unit="water"
    )
    assert reader.post(f"{BOARD}/board", form).status_code == 200
    assert "改办（重新交办） → 已交办" in said(reader.page)
    sure = {**Form(reader.page).values}
    office.fire(
        fresh, "decline", "li", refusal_ground="other", refusal_explanation="说明", told_on="2026-03-02"
    )
    reader.post(f"{BOARD}/board/done", sure)
    assert "成功 1 件，未进行 1 件" in said(reader.page)
    assert office.now(returned).relations["lead"] == ("roads",)
    for address in (f"{BOARD}/board", f"{BOARD}/board/done"):
        assert desk("wang").post(address, {"csrf_token": "x"}).status_code in (403, 404)
    assert desk("wang").get(BOARD).status_code == 404
    other = desk("li")
    other.get("/")
    token = Form(reader.page).values.get("csrf_token") or re.findall(
        r'csrf_token" value="([^"]+)"', reader.page
    )
    assert reader.post("/views/returns/board", {"csrf_token": token[0]}).status_code == 404, "no board"


def test_what_is_alike_and_what_was_joined_stand_beside_it(desk: Desk) -> None:
    """With its state and its unit, and the act that joins; and what each unit has in hand, of how many, by name."""
    office = desk.office
    first = office.accepted(**ALIKE)
    office.fire(first, "assign", "li", assignment_mode="sole", lead_unit="water")
    again, third = office.accepted(**ALIKE), office.accepted(**ALIKE)
    office.fire(
        third,
        "merge",
        "li",
        master=first.id,
        lead_unit="water",
        assigned_on="2026-03-02",
        merge_reason="同一件事",
    )
    reader, _ = opened(desk)
    page = reader.page
    li, ids = Actor(person="li"), [first.id, again.id, third.id]
    shown = [office.engine.case(one, actor=li) for one in ids]
    assert alike(office.engine, li, shown, 5) == {one: office.engine.similar(one, actor=li) for one in ids}
    part = page[page.index('class="board"') :]
    assert f"/cases/{first.id}" in part
    assert "已交办 · 市水利局" in said(page)
    assert f"/cases/{again.id}/do/merge" in part
    office.fire(first, "recall_assignment", "li", recall_reason="交错了")
    reader.get(f"{BOARD}?state=unit_returned")
    assert "已并入本件" in said(reader.page)
    assert f"/cases/{third.id}" in reader.page
    assert f'/cases/{again.id}"' not in reader.page.split("可能相同的件")[0], "of one state alone"
    office.assigned()
    reader.get(BOARD)
    assert '<option value="市水利局" label="在办 3 件">' in reader.page
    load = reader.page[reader.page.index('class="load"') :]
    units = [name for name in ("市交通运输局", "市水利局", "市园林局") if name in load]
    assert units == ["市水利局"], "who has nothing stands in the list of choices alone"
    number = re.search(r'href="(/found\?[^"]+)">(\d+)</a>/(\d+)', load)
    assert number is not None
    assert number[2] == "3"
    reader.get(number[1].replace("&amp;", "&"))
    assert "共 3 件" in said(reader.page), "the number opens its list"


def test_a_page_of_the_board_asks_so_many_questions_and_no_more(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twelve rows, however many wait; what is permitted in each and what each is like is asked of all at once."""
    for _ in range(14):
        desk.office.accepted(**ALIKE)
    reader, _ = opened(desk)
    assert reader.page.count('name="row"') == 12
    with statements(desk.office.engine.database, monkeypatch) as seen:
        assert reader.get(BOARD).status_code == 200
    asked = sum(one.lstrip().lower().startswith(("select", "with")) for one in seen)
    assert asked <= 22, asked
    assert 'rel="next"' in reader.page


def test_what_is_tried_in_an_emergency_says_so_in_its_case_and_is_done_all_the_same(desk: Desk) -> None:
    """The line that says so makes no form stale; what the board only lists has none."""
    office, operator = desk.office, "ops.chen"
    one, left = office.accepted(), office.accepted()
    access.break_glass(
        office.engine, office.filed().id, operator, "deputy_affairs", hours=4, reason="经办人突发疾病"
    )
    reader, form = opened(desk, operator)
    form |= {**row(one, assignment_mode="sole", lead_unit="water"), "row": [one.id]}
    assert reader.post(f"{BOARD}/board", form).status_code == 200
    assert "可以进行 1 件" in said(reader.page), said(reader.page)
    assert reader.post(f"{BOARD}/board/done", {**Form(reader.page).values}).status_code == 200
    assert "成功 1 件" in said(reader.page), said(reader.page)
    assert [line.event for line in office.engine.history(one.id)][-2:] == ["break_glass", "assign"]
    assert "break_glass" not in {line.event for line in office.engine.history(left.id)}


def test_what_is_opened_in_an_emergency_is_shown_with_the_line_that_says_so(desk: Desk) -> None:
    """So what is sent from it is not refused as being of an older revision."""
    office, operator = desk.office, "ops.chen"
    alone, listed = office.filed(), office.filed()
    access.break_glass(
        office.engine, office.filed().id, operator, "deputy_affairs", hours=4, reason="经办人突发疾病"
    )
    reader = desk(operator)
    for case, address, field in (
        (alone, f"/cases/{alone.id}/do/decline", "revision"),
        (listed, f"/views/intake/many?event=accept&case={listed.id}", f"revision.{listed.id}"),
    ):
        assert reader.get(address).status_code == 200
        now = office.now(case)
        assert now.revision == case.revision + 1
        assert Form(reader.page).values[field] == [str(now.revision)], address


def test_what_was_joined_to_a_row_is_found_among_however_many_were_joined_to_others(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asked for by the rows: with room for one, those of others, older and newer, take no place."""
    office, given = (
        desk.office,
        {"lead_unit": "water", "assigned_on": "2026-03-02", "merge_reason": "同一件事"},
    )
    monkeypatch.setattr(board, "JOINED", 1)
    shown, elsewhere = office.assigned(), office.assigned()
    joined = sorted((office.accepted(title=f"从案{number}") for number in range(3)), key=lambda one: one.id)
    for case, master in zip(joined, (elsewhere, shown, elsewhere), strict=True):
        office.fire(case, "merge", "li", master=master.id, **given)
    office.fire(shown, "recall_assignment", "li", recall_reason="交错了")
    reader, _ = opened(desk)
    assert re.findall(r"/cases/(\w+)", reader.page.split("已并入本件")[1])[0] == joined[1].id
