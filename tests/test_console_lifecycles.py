"""The rulebook on a page, and the screen for the wall."""

from __future__ import annotations

import re

import pytest

from .console import Desk, said
from .lifecycle import statements
from .test_console_statistics import a_year, length, numbers


def test_every_definition_has_its_page(desk: Desk) -> None:
    reader = desk("li")
    assert reader.get("/lifecycles").status_code == 200
    found = re.findall(r'href="(/lifecycles/[a-z_]+)"', reader.page)
    assert len(found) == len(desk.office.engine.library.definitions)
    for address in found:
        assert reader.get(address).status_code == 200
        assert "通过" in said(reader.page) and "<svg" in reader.page
        assert len(reader.page.encode()) < 100_000, address
        assert "style=" not in reader.page and "<style" not in reader.page and "<script" not in reader.page
    assert reader.get("/lifecycles/nothing").status_code == 404
    assert desk(None).get("/lifecycles").status_code == 303


def test_the_page_of_a_definition_says_who_and_which_cases_follow_it(desk: Desk) -> None:
    a_year(desk)
    reader = desk("li")
    reader.get("/lifecycles/suggestion")
    words = said(reader.page)
    assert "签发答复 答复送签 → 已答复 主办单位的单位负责人" in words
    assert (
        "退办期满（未签收的视为签收） 已交办、已签收 → 已签收 自动：到期失效" in words
        or "自动：到期失效" in words
    )
    assert "“申请延至”不晚于答复期限的最长期限" in words, "until when an extension may be asked for"
    assert "现行" in words and "未发布" not in words
    found = numbers(reader.page)
    assert [number for _, number in found] == [5, 1]
    for address, number in found:
        assert length(reader, address) == number
    reader.get("/lifecycles")
    for address, number in numbers(reader.page):
        assert length(reader, address) == number, address


def test_the_wall_counts_and_names_nobody(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    a_year(desk)
    reader = desk("li")
    with statements(desk.office.engine.database, monkeypatch) as seen:
        assert reader.get("/wall?again=1").status_code == 200
    assert sum(statement.lstrip().lower().startswith("select") for statement in seen) <= 28
    page = reader.page
    assert (
        '<meta http-equiv="refresh" content="60">' in page and "<script" not in page and "style=" not in page
    )
    words = re.sub(r"<[^>]+>", " ", page)
    assert "5  在办" in words and "50.0%" in words and "1/2" in words
    for name in ("水利", "公路", "dep1", "驿站", "li", "water"):
        assert name not in words, name
    assert re.findall(r'href="([^"]*)"', page.partition("<body")[2]) == ["/wall"], (
        "all one can press is: stop"
    )
    reader.get("/wall")
    assert "http-equiv" not in reader.page, "it stands still for whoever reads it"
    assert len(page.encode()) < 30_000
    assert desk(None).get("/wall").status_code == 303, "not for passers-by of the network"
