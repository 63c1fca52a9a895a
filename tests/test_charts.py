"""Plots are plain SVG: every number is there to be read, nothing runs, nothing is fetched."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from itertools import combinations

import pytest

from definitions.charts import FILLS, NUMBERS, Limit, columns

SVG = "{http://www.w3.org/2000/svg}"


def bars(text: str) -> list[tuple[str, float, float]]:
    """(what it says, top, height) of every column."""
    found = []
    for rect in ET.fromstring(text).iter(f"{SVG}rect"):
        said = rect.find(f"{SVG}title")
        if said is not None:
            found.append((said.text or "", float(rect.get("y", 0)), float(rect.get("height", 0))))
    return found


def test_a_column_for_each_number() -> None:
    text = columns("办结", ["一月", "二月"], {"收到": [4, 2], "办结": [1, 3]})
    assert [said for said, _, _ in bars(text)] == [
        "一月 收到: 4",
        "二月 收到: 2",
        "一月 办结: 1",
        "二月 办结: 3",
    ]
    heights = [height for _, _, height in bars(text)]
    assert heights[0] == pytest.approx(2 * heights[1], abs=0.2) and heights[0] == pytest.approx(
        4 * heights[2], abs=0.4
    )
    assert "收到: 6; 办结: 4" in text  # what a screen reader is told


def test_stacked_columns_stand_on_one_another() -> None:
    (_, lower, height), (_, upper, above) = bars(columns("x", ["一轮"], {"a": [3], "b": [2]}, stacked=True))
    assert upper + above == pytest.approx(lower, abs=0.2) and height > above


def test_hostile_words_stay_words() -> None:
    text = columns("<script>", ["<b>&"], {'"><script>alert(1)</script>': [1]})
    assert "<script" not in text and "&lt;script&gt;" in text
    ET.fromstring(text)


def test_many_labels_are_thinned_and_a_limit_is_named() -> None:
    text = columns("x", [f"{n}月" for n in range(36)], {"a": [1] * 36}, limit=Limit(before=9, text="三个月"))
    written = [t.text for t in ET.fromstring(text).iter(f"{SVG}text")]
    assert sum(bool(t) and t.endswith("月") and t != "三个月" for t in written) == 12 and "三个月" in written


def test_a_label_wider_than_its_column_goes_on_below() -> None:
    labels = ["4 months (122 days)", "5 months (153 days)", "六个月以上", *"abcd"]
    written = [t.text for t in ET.fromstring(columns("x", labels, {"a": [0] * 7})).iter(f"{SVG}text")]
    assert {"4 months (122", "5 months (153", "days)", "六个月以上"} <= set(written)
    assert "4 months" in columns("x", labels[:1], {"a": [0]}), "in one line where there is room"


def test_rows_of_other_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="one value for each label"):
        columns("x", ["a", "b"], {"s": [1]})


def test_nothing_is_a_chart_too() -> None:
    assert bars(columns("x", ["a"], {"s": [0]}))[0][2] == 0


def test_each_column_says_its_number_and_the_fills_differ_without_colour() -> None:
    text = columns("x", ["一月", "二月"], {"收到": [4, 0], "办结": [1, 3]})
    written = [t.text for t in ET.fromstring(text).iter(f"{SVG}text") if t.get("text-anchor") == "middle"]
    assert sorted(written) == sorted(["一月", "二月", "4", "1", "3"]), "nothing is written above no column"
    stacked = columns("x", ["一轮"], {"a": [100], "b": [1]}, stacked=True)
    assert ">100</text>" in stacked and ">1</text>" not in stacked, (
        "a part too low for its number says it in its title"
    )
    crowded = columns("x", [str(n) for n in range(NUMBERS + 1)], {"a": [7] * (NUMBERS + 1)})
    assert ">7</text>" not in crowded, "no room: the title says it"
    greys = [int(fill[1:3], 16) * 3 + int(fill[3:5], 16) * 6 + int(fill[5:7], 16) for fill, _ in FILLS[:3]]
    assert all(abs(a - b) > 400 for a, b in combinations(greys, 2))
