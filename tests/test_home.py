"""The first page says what is about to go wrong: also what is over its day in others' hands, with whom and by how long."""

from __future__ import annotations

import re
from datetime import date

from workflow import Actor
from workflow.overview import Filter, Sitting, find, today

from .console import Desk, Reader
from .stories import cards, listed, opened
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
