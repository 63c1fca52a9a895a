"""The government's office at the console: each of its acts is sent, and what a clerk would stumble over is said."""

from __future__ import annotations

import html
import re
from datetime import date

from .console import Desk, said
from .test_first_line import button


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
