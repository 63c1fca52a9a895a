"""The picture of a lifecycle: every state and move once, nothing over anything else, the same bytes, words for who cannot see it."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from datetime import UTC, datetime
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflow.definition import Definition
from workflow.diagram import Trail, drawn, in_words, trail
from workflow.layout import SMALL, TITLE, Arrow, Layout, Node, Way, laid_out
from workflow.lettering import width, wrapped
from workflow.loader import definition_from_content
from workflow.model import HistoryEntry
from workflow.reading_order import MANY, reading_order

from .broken import broken, library
from .lifecycle import shipped

ROOT = Path(__file__).parents[1]
SVG = "{http://www.w3.org/2000/svg}"
REAL = shipped()
NAMES = sorted(REAL.definitions)
LANGUAGES = ["zh", "en"]


def pairs(definition: Definition) -> set[tuple[str, str]]:
    moves = [m for event in definition.events.values() for m in event.moves]
    return {(source, m.to) for m in moves for source in m.sources if m.to not in (None, source)}  # type: ignore[misc]


def arrows(text: str) -> list[str]:
    """What each arrow says when one points at it: `from → to: events`."""
    found = (path.find(f"{SVG}title") for path in ET.fromstring(text).iter(f"{SVG}path"))
    return [title.text or "" for title in found if title is not None]


# --- what is drawn


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", NAMES)
def test_every_state_and_every_move_is_drawn_once(name: str, language: str) -> None:
    definition = REAL.definition(name)
    text = drawn(definition, language)
    titles = {s: state.title.in_language(language) for s, state in definition.states.items()}
    heads = [said.partition(": ")[0] for said in arrows(text)]
    assert sorted(heads) == sorted(f"{titles[a]} → {titles[b]}" for a, b in pairs(definition))
    root = ET.fromstring(text)
    thick = [rect for rect in root.iter(f"{SVG}rect") if rect.get("stroke-width") == "1.6"]
    assert len(thick) == len(definition.states)
    double = [
        rect
        for rect in root.iter(f"{SVG}rect")
        if rect.get("fill") == "none" and rect.get("stroke-width") == "1"
    ]
    assert len(double) == sum(state.end for state in definition.states.values())


@pytest.mark.parametrize("name", NAMES)
def test_nothing_runs_is_fetched_or_styled(name: str) -> None:
    text = drawn(REAL.definition(name))
    assert not re.search(r"<script|<style|style=|<image|<use|href|on\w+=|url\(|@import", text)
    root = ET.fromstring(text)
    assert root.get("role") == "img" and root.get("lang") == "zh-CN"
    assert [child.tag.removeprefix(SVG) for child in root][:2] == ["title", "desc"]
    assert len(text.encode()) < 40_000


@pytest.mark.parametrize("name", NAMES)
def test_the_file_and_the_store_give_the_same_bytes(name: str) -> None:
    """What is read back from the store has lost the order of the file: its keys are sorted."""
    definition = REAL.definition(name)
    again = definition_from_content(definition.content, REAL)
    assert list(again.states) == sorted(definition.states)
    assert drawn(again) == drawn(definition)


def test_words_stay_words() -> None:
    hostile = "zh: '<script>alert(1)</script> & \"]]>'"
    text = drawn(
        library(broken(("petition", "zh: 备注", hostile), ("petition", "zh: 已交办", hostile))).definition(
            "petition"
        )
    )
    assert "<script" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; &quot;]]&gt;" in text
    ET.fromstring(text)


# --- where it stands


def placed(definition: Definition, language: str) -> Layout:
    nodes = [Node(name=n, title=s.title.in_language(language)) for n, s in definition.states.items()]
    words = {pair: [] for pair in pairs(definition)}
    for event in definition.events.values():
        for move in event.moves:
            for source in move.sources:
                if (source, move.to) in words:
                    words[source, move.to].append((event.name, event.title.in_language(language)))
    return laid_out(
        definition.initial, nodes, [Arrow(source=a, target=b, words=tuple(w)) for (a, b), w in words.items()]
    )


Place = tuple[float, float, float, float]


def boxes(layout: Layout) -> list[Place]:
    return [(b.x, b.y, b.x + b.width, b.y + b.height) for b in layout.boxes]


def labels(layout: Layout) -> list[Place]:
    """Where the letters of the arrows stand, with the clock before them."""
    found = []
    for way in layout.ways:
        for _, line, y in way.lines:
            wide = width(line, SMALL) + 16
            x = way.start[0] + (-12 - wide if way.side == "left" else 12)
            found.append((x, y - SMALL, x + wide, y + 3))
    return found


def strokes(way: Way) -> list[Place]:
    """The straight pieces of an arrow."""
    (x, y), (end_x, end_y), lane = way.start, way.end, way.lane
    pieces = [((x, y), (lane, y)), ((lane, y), (lane, end_y)), ((lane, end_y), (end_x, end_y))]
    return [(min(a[0], b[0]), min(a[1], b[1]), max(a[0], b[0]), max(a[1], b[1])) for a, b in pieces]


def meet(one: Place, other: Place) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def faults(layout: Layout) -> list[str]:
    all_boxes, all_labels = boxes(layout), labels(layout)
    found = [f"boxes {a} {b}" for a, b in combinations(all_boxes, 2) if meet(a, b)]
    found += [f"words {a} {b}" for a, b in combinations(all_labels, 2) if meet(a, b)]
    found += [f"words on a box {a} {b}" for a in all_boxes for b in all_labels if meet(a, b)]
    for way in layout.ways:
        for stroke in strokes(way):
            found += [f"{way.source}-{way.target} through a box" for box in all_boxes if meet(stroke, box)]
            found += [
                f"{way.source}-{way.target} through words {stroke} {at}"
                for at in all_labels
                if meet(stroke, at)
            ]
    page = (0, 0, layout.width, layout.height)
    for place in [*all_boxes, *all_labels, *(s for way in layout.ways for s in strokes(way))]:
        if not (page[0] <= place[0] and place[2] <= page[2] and page[1] <= place[1] and place[3] <= page[3]):
            found.append(f"{place} off the page {page}")
    for box in layout.boxes:
        found += [f"{line} wider than its box" for line in box.lines if width(line, TITLE) > box.width - 10]
    return found + shared_lanes(layout)


def shared_lanes(layout: Layout) -> list[str]:
    """Arrows to different states never run along one another."""
    down = [(way, strokes(way)[1]) for way in layout.ways if way.side != "down"]
    return [
        f"{a.source}-{a.target} along {b.source}-{b.target}"
        for (a, one), (b, other) in combinations(down, 2)
        if a.target != b.target and a.lane == b.lane and one[1] <= other[3] and other[1] <= one[3]
    ]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", NAMES)
def test_nothing_stands_on_anything_else(name: str, language: str) -> None:
    assert faults(placed(REAL.definition(name), language)) == []


WORDS = st.text(alphabet="退办二次交 abcWm（）/", min_size=1, max_size=40)


@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9), st.lists(WORDS, min_size=1, max_size=3))),
    st.lists(WORDS, min_size=10, max_size=10),
)
def test_whatever_the_lifecycle_nothing_stands_on_anything_else(
    given_arrows: list[tuple[int, int, list[str]]], titles: list[str]
) -> None:
    merged = {(a, b): words for a, b, words in given_arrows if a != b}
    layout = laid_out(
        "s0", [Node(name=f"s{n}", title=title) for n, title in enumerate(titles)],
        [Arrow(source=f"s{a}", target=f"s{b}", words=tuple((str(n), w) for n, w in enumerate(words))) for (a, b), words in merged.items()],
    )  # fmt: skip
    assert faults(layout) == []
    assert sorted((w.source, w.target) for w in layout.ways) == sorted((f"s{a}", f"s{b}") for a, b in merged)
    assert layout.boxes[0].name == "s0" and len(layout.boxes) == 10


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", NAMES)
def test_the_words_of_a_state_stand_in_its_box_and_all_others_outside(name: str, language: str) -> None:
    """Read off the picture itself, as it is painted."""
    root = ET.fromstring(drawn(REAL.definition(name), language))
    (drawing,) = [
        group
        for group in root.iter(f"{SVG}g")
        if group.find(f"{SVG}rect") is not None and group.find(f"{SVG}circle") is not None
    ][:1]
    found = [
        [float(rect.get(side, 0)) for side in ("x", "y", "width", "height")]
        for rect in drawing.iter(f"{SVG}rect")
    ]
    frames = [(x, y, x + wide, y + high) for x, y, wide, high in found]
    inside = 0
    for text in drawing.iter(f"{SVG}text"):
        x, y, size = (float(text.get(name, 0)) for name in ("x", "y", "font-size"))
        wide, anchor = width(text.text or "", size), text.get("text-anchor", "")
        left = x - wide if anchor == "end" else x - wide / 2 if anchor == "middle" else x
        place = (left, y - size, left + wide, y)
        if anchor == "middle":
            inside += 1
            assert any(
                f[0] <= left and left + wide <= f[2] and f[1] <= y - size and y <= f[3] for f in frames
            ), text.text
        else:
            assert not any(meet(place, frame) for frame in frames), text.text
    assert inside >= len(REAL.definition(name).states)


# --- the order in which it is read


def test_who_reads_down_has_met_how_a_state_is_reached() -> None:
    """Of every real lifecycle: some way from above leads to each state."""
    for definition in REAL.definitions.values():
        order = reading_order(definition.initial, definition.states, pairs(definition))
        assert order[0] == definition.initial and sorted(order) == sorted(definition.states)
        for state in order[1:]:
            assert any(b == state and order.index(a) < order.index(b) for a, b in pairs(definition)), state


def test_the_suggestion_reads_as_the_law_tells_it() -> None:
    definition = REAL.definition("suggestion")
    order = reading_order(definition.initial, definition.states, pairs(definition))
    told = ["filed", "accepted", "assigned", "signed_in", "handling", "signing_off", "replied", "evaluating", "evaluated",
            "second_assigned", "second_replied", "assessing", "tracking", "concluded", "archived"]  # fmt: skip
    assert sorted(told, key=order.index) == told
    back = {(a, b) for a, b in pairs(definition) if order.index(a) > order.index(b)}
    assert back == {
        ("assigned", "accepted"), ("signed_in", "return_requested"), ("unit_returned", "assigned"), ("unit_returned", "signed_in"),
        ("handling_separately", "unit_returned"), ("signing_off", "handling"), ("concluded", "replied"), ("concluded", "tracking"),
        ("tracking", "replied"), ("execution_reported", "decision_made"),
    }  # fmt: skip


def test_the_order_in_a_file_plays_no_part_and_many_states_are_ordered_at_once() -> None:
    names = [f"s{n:03}" for n in range(400)]
    ways = [
        (names[n], names[m])
        for n in range(400)
        for m in {(n * 7 + 1) % 400, n // 2, min(n + 1, 399)}
        if n != m
    ]
    assert len(names) > MANY
    order = reading_order("s000", names, ways)
    assert order == reading_order("s000", names[::-1], ways[::-1]) and len(order) == 400


# --- the way of a case

GONE = {
    ("filed", "accept", "accepted"): 1, ("accepted", "assign", "assigned"): 1,
    ("assigned", "request_return", "return_requested"): 2, ("return_requested", "approve_return", "unit_returned"): 2,
    ("unit_returned", "change_units", "assigned"): 2, ("assigned", "sign_in", "signed_in"): 1,
}  # fmt: skip
WAY = Trail(state="signed_in", steps=GONE, next={"first_contact": "主办单位承办人", "request_return": ""})


def test_a_case_shows_where_it_has_been_where_it_is_and_what_may_follow() -> None:
    text = drawn(REAL.definition("suggestion"), of=WAY)
    root = ET.fromstring(text)
    paths = {
        path.find(f"{SVG}title").text: path
        for path in root.iter(f"{SVG}path")
        if path.find(f"{SVG}title") is not None
    }  # type: ignore[union-attr]
    thick = {said.partition(": ")[0] for said, path in paths.items() if path.get("stroke-width") == "2.8"}
    assert thick == {
        "已提出 → 已受理",
        "已受理 → 已交办",
        "已交办 → 申请退办",
        "申请退办 → 待重新交办",
        "待重新交办 → 已交办",
        "已交办 → 已签收",
    }
    dashed = {said.partition(": ")[0] for said, path in paths.items() if path.get("stroke-dasharray")}
    assert dashed == {"已签收 → 办理中", "已签收 → 申请退办"}
    written = [(t.text or "", t.get("text-decoration")) for t in root.iter(f"{SVG}text")]
    assert ("首次沟通（主办单位承办人）", "underline") in written  # the event and who may
    assert (
        sum(words == "申请退办 ×2" for words, _ in written) == 1 and ("改办（重新交办） ×2", None) in written
    )
    assert [words for words, _ in written].count("现在") == 1  # said in a word, not by colour
    frames = [rect for rect in root.iter(f"{SVG}rect") if rect.get("stroke-width") == "3"]
    assert len(frames) == 1


def test_the_same_in_words() -> None:
    lines = in_words(REAL.definition("suggestion"), of=WAY)
    assert len(lines) == 26 and lines[0].startswith("已提出 (开始); 受理（闭会期间） [已走过]")
    (here,) = [line for line in lines if "(现在)" in line]
    assert "首次沟通（主办单位承办人） [现在可以办理] → 办理中" in here
    assert "申请退办 [退回, 现在可以办理] → 申请退办" in here
    assert all(line in drawn(REAL.definition("suggestion"), of=WAY) for line in lines)


def test_a_trail_leaves_out_what_changed_no_state() -> None:
    def line(source: str, event: str, target: str) -> HistoryEntry:
        return HistoryEntry(
            case="c", seq=1, recorded_at=datetime(2026, 3, 2, tzinfo=UTC), effective_on=None, event=event, from_state=source,
            to_state=target, actor="li.wei", on_behalf_of=None, role=None, unit=None, automatic=None, definition="", data={},
        )  # fmt: skip

    way = trail(
        [line("a", "go", "b"), line("b", "note", "b"), line("b", "back", "a"), line("a", "go", "b")], "b"
    )
    assert way.steps == {("a", "go", "b"): 2, ("b", "back", "a"): 1}


def test_english_has_no_chinese_in_it() -> None:
    for name in NAMES:
        assert not re.search("[一-鿿]", drawn(REAL.definition(name), "en")), name


# --- letters


def test_widths_and_breaks() -> None:
    assert width("退办", 10) == 20 and width("ab", 10) < width("AB", 10) < width("退办", 10)
    assert wrapped("已失效（文本改动或收回）", 14, 150) == ("已失效（文本", "改动或收回）")
    assert wrapped("be withdrawn by all signers", 12, 100) == ("be withdrawn", "by all signers")
    assert wrapped("甲乙丙，丁", 10, 30)[0] == "甲乙丙，"  # a comma begins no line
    assert "".join(wrapped("x" * 50, 12, 100)) == "x" * 50 and wrapped("", 12, 100) == ("",)
