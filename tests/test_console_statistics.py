"""The year in figures: every number opens a list of that length, shares have their whole, nobody is ranked."""

from __future__ import annotations

import html
import re
from datetime import timedelta

import pytest

from api.console.statistics import share

from .console import Desk, Reader, said
from .lifecycle import DOCUMENT, TODAY, statements


def numbers(page: str) -> list[tuple[str, int]]:
    """Every number that is a link, with its address."""
    found = re.findall(r'href="(/found\?[^"]*)">(?:<b>)?(\d+)', page)
    return [(html.unescape(address), int(number)) for address, number in found]


def length(reader: Reader, address: str) -> int:
    assert reader.get(address).status_code == 200, address
    rows = reader.page.count('<th scope="row"')
    assert f"共 {rows} 件" in reader.page
    return rows


def a_year(desk: Desk) -> None:
    """Some of everything."""
    office = desk.office
    office.filed()
    office.fire(office.filed("dep1"), "withdraw", "dep1", withdrawal_letter=DOCUMENT)
    office.assigned(co=("roads",))
    office.evaluating()
    office.re_evaluated("dissatisfied", "satisfied")
    office.imported()
    office.clock.set(TODAY + timedelta(days=100))


def test_every_number_opens_a_list_of_that_length(desk: Desk) -> None:
    a_year(desk)
    reader = desk("li")
    assert reader.get("/statistics").status_code == 200
    found = numbers(reader.page)
    assert len(found) > 50 and sum(number > 0 for _, number in found) > 15
    for address, number in found:
        assert length(reader, address) == number, address


def test_what_the_page_says(desk: Desk) -> None:
    a_year(desk)
    reader = desk("li")
    reader.get("/statistics")
    words = said(reader.page)
    assert "满意 1 /2 50.0% 2 /2 100.0%" in words, "what came back is the whole"
    assert "未反馈 0 0" in words, "who has not answered is in no rate"
    units = re.findall(r'<th scope="row">([^<]+)</th>', reader.page[reader.page.index("按名称排列") :])
    assert len(units) == 2 and units == sorted(units), "by name, whatever the numbers"
    assert not re.search("排名第|第一名|得分", words)
    (sheet,) = re.findall(r'class="button" href="([^"]*)"', reader.page)
    assert sheet == "/v1/ledgers/yearly?year=2026"
    assert reader.get(sheet).status_code == 200, "the same session opens the table"
    reader.get("/statistics?year=2019")
    assert "0 /0 —" in said(reader.page), "of nothing there is no share"
    for year in ("0", "x", "99999999", "２０２６"):
        assert desk("li").get(f"/statistics?year={year}").status_code == 400


def test_a_unit_counts_what_it_may_know_of(desk: Desk) -> None:
    a_year(desk)
    reader = desk("feng")
    assert reader.get("/statistics").status_code == 200
    assert {number for _, number in numbers(reader.page)} == {0}
    reader = desk("qian")
    reader.get("/statistics")
    for address, number in numbers(reader.page):
        assert length(reader, address) == number, address


def test_shares() -> None:
    assert (share(0, 0), share(117, 149), share(0, 3), share(3, 3)) == ("—", "78.5%", "0.0%", "100.0%")


def test_the_page_is_light_and_asks_few_questions(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    a_year(desk)
    reader = desk("li")
    desk.office.engine.calendars.look()  # once a minute
    asked = []
    for _ in range(2):
        desk.office.engine.summary.refresh()  # as the ticks do
        with statements(desk.office.engine.database, monkeypatch) as seen:
            reader.get("/statistics")
        asked.append(sum(statement.lstrip().lower().startswith("select") for statement in seen))
        for _ in range(3):
            desk.office.assigned()
    assert asked[0] == asked[1] <= 28, asked
    assert len(reader.page.encode()) < 100_000
    assert "style=" not in reader.page and "<style" not in reader.page


def test_an_address_nobody_made(desk: Desk) -> None:
    reader = desk("li")
    for address in (
        "/found?kind=<b>",
        "/found?over=x",
        "/found?nonsense=1",
        "/found?done_from=2026-13-01",
        "/found?kind=x&kind=y",
    ):
        assert reader.get(address).status_code == 400, address
    assert reader.get("/found?kind=nothing").status_code == 200
    assert "共 0 件" in reader.page
    assert desk(None).get("/found").status_code == 303


def test_a_city_of_many_units_goes_on_over_the_page(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every unit is shown once, by name (pinyin), however many there are, and no page is heavy."""
    monkeypatch.setattr("api.console.statistics.UNITS", 1)
    for unit in ("water", "roads", "parks"):
        case = desk.office.accepted()
        desk.office.fire(case, "assign", "li", assignment_mode="sole", lead_unit=unit)
    reader, address, found = desk("li"), "/statistics", list[str]()
    while address:
        assert reader.get(address).status_code == 200
        table = reader.page[reader.page.index("按名称排列") :]
        found += re.findall(r'<th scope="row">([^<]+)</th>', table)
        following = re.search(r'<a rel="next" href="([^"#]+)', table)
        address = following[1].replace("&amp;", "&") if following else ""
    assert found == ["市交通运输局", "市水利局", "市园林局"]
