"""Our one encoder writes what `json` writes, to the letter: hashes rest on it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflow import check_export, history
from workflow.json_text import decode, decode_at, encoder
from workflow.ledger import Ledger

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner),
)


@pytest.mark.parametrize("sort_keys", [False, True])
@given(value=VALUES)
def test_it_is_what_json_writes(value: object, sort_keys: bool) -> None:
    wanted = json.dumps(
        value, ensure_ascii=False, separators=(",", ":"), allow_nan=False, sort_keys=sort_keys
    )
    assert encoder(sort_keys=sort_keys)(value) == wanted
    assert decode(wanted) == value


@given(VALUES)
def test_the_checker_that_stands_alone_writes_the_same(value: object) -> None:
    assert check_export.canonical(value) == history.canonical(value)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), [float("-inf")]])
def test_what_no_other_reader_could_read_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        encoder()(value)


def test_nothing_may_stand_around_a_value() -> None:
    assert decode_at('{"a":1},2', 0) == ({"a": 1}, 7)
    for text in ('{"a":1} ', '{"a":1}2', " 1", ""):
        with pytest.raises(ValueError):  # noqa: PT011 - json's own words
            decode(text)


def test_a_stored_entry_is_read_when_it_is_asked_for() -> None:
    stored = [1, "D1", "2026-03-02", "cn", ""]
    sound = Ledger.stored([*stored, [["start", "2026-03-02"]]])
    assert sound == Ledger.from_data(sound.to_data())
    assert len({sound, Ledger.from_data(sound.to_data())}) == 1
    broken = Ledger.stored([*stored, [["leap", "2026-03-02"]]])
    assert broken.rule == "D1"
    with pytest.raises(ValueError, match="not an entry"):
        _ = broken.running
