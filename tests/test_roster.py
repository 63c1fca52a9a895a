"""Who receives on which day: each twice a year whenever leave allows it at all, nobody much more often than another."""

from __future__ import annotations

from collections import Counter
from datetime import date
from itertools import combinations, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from definitions.roster import roster

YEAR = [date(2027, month, 15) for month in range(1, 13)]


def counts(found: dict[date, tuple[str, ...]]) -> Counter[str]:
    return Counter(name for several in found.values() for name in several)


def test_a_usual_station() -> None:
    """Fourteen deputies, twelve days: three a day, each two or three times, and who comes twice comes months apart."""
    names = [f"d{n:02}" for n in range(14)]
    found = roster(YEAR, names)
    assert found.short == {}
    assert {len(several) for several in found.days.values()} == {3}
    assert set(counts(dict(found.days)).values()) == {2, 3}
    for name in names:
        first, *_, last = (index for index, day in enumerate(YEAR) if name in found.days[day])
        assert last - first >= 3


def test_leave_is_kept() -> None:
    names = ["a", "b", "c"]
    leave = {"a": YEAR[:10], "b": YEAR[6:]}
    found = roster(YEAR, names, leave=leave)
    assert found.short == {}
    assert [day for day in YEAR if "a" in found.days[day]] == YEAR[10:]
    assert all("b" not in found.days[day] for day in YEAR[6:])


def test_who_comes_too_seldom_is_said() -> None:
    found = roster(YEAR, ["a", "b"], leave={"a": YEAR[1:]})
    assert found.short == {"a": 1}
    assert roster(YEAR[:1], ["a", "b", "c"], places=1).short == {"a": 1, "b": 2, "c": 2}


def test_nobody_and_no_days() -> None:
    assert dict(roster([], ["a"]).days) == {}
    assert set(roster(YEAR, []).days.values()) == {()}
    with pytest.raises(ValueError, match="at least one place"):
        roster(YEAR, ["a"], places=0)


def test_it_is_the_same_every_time() -> None:
    assert roster(YEAR, ["c", "a", "b"]) == roster(list(reversed(YEAR)), ["a", "b", "c", "a"])


@given(st.integers(1, 15), st.integers(0, 3), st.data())
@settings(max_examples=20)
def test_with_no_leave_all_come_alike(number: int, more: int, data: st.DataObject) -> None:
    names = [f"d{n}" for n in range(number)]
    found = roster(YEAR, names, places=-(-number * 2 // 12) + more)
    times = [counts(dict(found.days))[name] for name in names]
    assert found.short == {}
    assert max(times) - min(times) <= 1 or max(times) == 12
    assert all(len(set(several)) == len(several) for several in found.days.values())


SMALL = YEAR[:4]


@given(
    st.lists(st.sets(st.sampled_from(SMALL)), min_size=1, max_size=4), st.integers(1, 2), st.integers(1, 2)
)
@settings(max_examples=40)
def test_if_all_can_come_often_enough_all_do(away: list[set[date]], places: int, least: int) -> None:
    """Held against every assignment there is."""
    names = [f"d{n}" for n in range(len(away))]
    able = [[day for day in SMALL if day not in absent] for absent in away]
    choices = [list(combinations(days, least)) for days in able]
    possible = any(
        max(Counter(day for days in chosen for day in days).values(), default=0) <= places
        for chosen in product(*choices)
    )
    found = roster(SMALL, names, leave=dict(zip(names, away, strict=True)), least=least, places=places)
    assert (found.short == {}) == possible
    for name, absent in zip(names, away, strict=True):
        assert not any(name in found.days[day] for day in absent)
    assert all(len(several) <= places for several in found.days.values())
