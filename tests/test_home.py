"""The first page says what is about to go wrong: also what is over its day in others' hands, with whom and by how long."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

import pytest
from flask import request, url_for

from api.console.screens import Look
from workflow import Actor
from workflow.access import end, held
from workflow.overview import Filter, Sitting, find, today
from workflow.sight import Sight
from workflow.store.sql import Store

from .console import Desk, Form, Reader, said
from .stories import cards, listed, opened, rows
from .test_stories_supervisor import supervised

LATE = date(2026, 6, 5)


def elsewhere(reader: Reader) -> tuple[int, list[str], str]:
    """How many the first page counts in others' hands; which of them it shows, and what it says there."""
    opened(reader, "/")
    part = re.search(r'<section aria-labelledby="elsewhere">.*?</section>', reader.page, re.DOTALL)
    if part is None:
        return 0, [], ""
    number = re.search(r'href="/overdue"><b>(\d+)</b>', part[0])
    assert number is not None
    shown = re.findall(r'<th scope="row"[^>]*><a href="/cases/(\w+)"', part[0])
    return int(number[1]), shown, re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", part[0]))


def test_the_office_is_told_what_is_over_its_day_in_others_hands(town: Desk) -> None:
    o = town.office
    late, own = o.handling(), o.filed()
    li_too = Actor(person="li")
    assert elsewhere(town("li")) == (0, [], "")
    o.clock.set(LATE)
    o.ticks()
    li = town("li")
    number, shown, words = elsewhere(li)
    assert shown[0] == late.id and own.id not in shown, "what waits for him stands under another head"
    assert "市水利和湖泊局" in words and "已超期 3 天" in words
    assert cards(li)["/waiting?due=overdue"] >= 1
    everywhere = listed(li, "/overdue")
    assert late.id in everywhere and own.id not in everywhere and len(everywhere) == number, (
        "each number opens its list"
    )
    asked = Filter(elsewhere=True, due_before=today(o.engine))
    with Sitting.of(o.engine, li_too) as sitting:
        assert sitting.tally([asked], 100) == [number]
    assert len(find(o.engine, li_too, asked).cases) == number
    assert "他人超期" in opened(li, "/")[:2000], "it stands in the menu of who looks after the congress"
    assert elsewhere(town("wang")) == (0, [], ""), "for the unit it is its own"


def test_a_supervisor_is_told_of_his_key_items_alone(town: Desk) -> None:
    o = town.office
    key, _ = supervised(town)
    other = o.handling()
    o.clock.set(LATE)
    o.ticks()
    number, shown, words = elsewhere(town("mei"))
    assert key.id in shown and other.id not in listed(town("mei"), "/overdue")
    assert "市水利和湖泊局" in words and number == len(listed(town("mei"), "/overdue"))
    deputy = elsewhere(town("dep1"))[1]
    assert {key.id, other.id} <= {*deputy}, "who proposed it knows with whom it is late"


def saves(reader: Reader, **given: str) -> None:
    """By the form of the list that is open."""
    form = Form(reader.page).values
    reader.goes(reader.post("/filters", {"csrf_token": form["csrf_token"], "to": form["to"], **given}))


def test_a_narrowed_list_is_kept_under_a_name_and_stands_on_the_first_page(town: Desk) -> None:
    o = town.office
    case, other = o.handling(), o.filed()
    li = town("li")
    narrowed = "/views/in_progress?party=water&due=later"
    assert "把这个筛选存为" not in opened(li, "/views/in_progress") and "把这个筛选存为" in opened(
        li, narrowed
    )
    saves(li, name="水利局 在办")
    assert rows(li) == [case.id], "it goes back to the list"
    opened(li, "/")
    found = re.search(r'<a href="([^"]+)">水利局 在办</a>', li.page)
    assert found is not None and listed(li, found[1].replace("&amp;", "&")) == [case.id]
    assert "水利局 在办" not in opened(town("liu"), "/"), "nobody else's"
    opened(li, "/views/in_progress?party=water")
    saves(li, name="水利局 在办")
    opened(li, "/")
    assert li.page.count(">水利局 在办</a>") == 1, "the same name, the newer list"
    drop = re.search(r'action="(/filters/[^"]+/drop)"', li.page)
    token = re.search(r'name="csrf_token" value="([^"]+)"', li.page)
    assert drop is not None and token is not None
    assert town("liu").post(drop[1], {"csrf_token": token[1]}).status_code in (303, 403)
    assert "水利局 在办" in opened(li, "/"), "nobody else drops it"
    li.goes(li.post(drop[1], {"csrf_token": token[1]}))
    assert "水利局 在办" not in said(li.page)
    for to in ("//evil.example", f"/cases/{other.id}/do/accept", "/sign-out"):
        assert li.post("/filters", {"csrf_token": token[1], "name": "x", "to": to}).status_code == 400


@pytest.mark.parametrize("page", ["/", "/views/to_assign"])
def test_a_page_looks_up_who_reads_once_however_much_it_asks(
    town: Desk, page: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the next page anew: a role that has ended is in none that is asked for after it."""
    o, li = town.office, town("li")
    o.accepted(), o.handling()
    opened(li, page)
    looked, readers = list[str](), Store.grants
    monkeypatch.setattr(Store, "grants", lambda *given: looked.append(given[2]) or readers(*given))
    opened(li, page)
    assert looked == ["li"]
    for one in held(o.engine, person="li"):
        end(o.engine, one.grant.id, by="he", day=today(o.engine))
    if page != "/":
        assert li.get(page).status_code == 404
    else:
        assert "交办" not in opened(li, page)


def test_what_is_posted_is_decided_by_who_the_reader_is_then(
    town: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a page keeps of who reads serves what is only looked at: a role that ends while an act is under way is not acted by."""
    case, kept = town.office.assigned().id, list[str]()
    wang, once = town("wang"), Sight.at_once
    address = f"/cases/{case}/do/sign_in"
    monkeypatch.setattr(Sight, "at_once", lambda self: kept.append(request.method) or once(self))
    opened(wang, address)
    assert kept == ["GET"]
    assert wang.post(address, {**Form(wang.page).values}).status_code == 303
    assert kept == ["GET"]


def test_an_address_is_the_one_the_router_would_give(town: Desk) -> None:
    """Under a prefix too; what is worked out once for a page and what is not."""
    given: list[tuple[str, dict[str, Any]]] = [
        ("found", {}), ("found", {"kind": "suggestion", "closed": "false", "due_before": date(2026, 6, 5), "state": None}),
        ("found", {"q": "路灯 & 站台/2?=#'\"", "limit": 50, "roots": True, "empty": ""}), ("waiting", {"due": "overdue"}),
        ("search", {"q": ["a", None, "b"]}), ("statistics", {"year": 2026, "_anchor": "table4"}), ("case", {"id": "x/y"}),
        ("list", {"view": "inbox", "unit": "水利"}), ("case", {"id": "1kjp0-x_9"}), ("case", {"id": "水 利"}),
        ("history", {"id": "1kjp0", "only": "a b", "page": 2}), ("event", {"id": "1kjp0", "event": "accept"}),
        ("event", {"id": "1kjp0", "event": "a.b"}), ("event", {"id": "1kjp0", "event": "accept", "_anchor": "x"}),
    ]  # fmt: skip
    seen: list[tuple[str, str]] = []
    for prefix in ("", "/tibandu"):
        with town.app.test_request_context("/", environ_overrides={"SCRIPT_NAME": prefix}):
            shown = Look(None, request, Actor(person=""), None, {})  # type: ignore[arg-type]
            seen += [
                (shown.address(name, **path), url_for(f"console.{name}", **path)) for name, path in given * 2
            ]
    assert len(seen) == 4 * len(given)
    assert [ours for ours, _ in seen] == [routers for _, routers in seen]
