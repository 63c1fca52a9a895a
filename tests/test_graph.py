"""The Mermaid text of a definition."""

from __future__ import annotations

import re

import pytest

from workflow.graph import mermaid

from .broken import broken, library

LINE = re.compile(
    r'%%.*|stateDiagram-v2|    (state "[^"]+" as s_\w+|(s_\w+|\[\*\]) --> (s_\w+|\[\*\])( : [^:;#%<>{}"]+)?'
    r"|note right of s_\w+|    [^:;#%<>{}\"]+|end note)"
)


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("name", ["petition", "opinion"])
def test_every_line_is_one_mermaid_reads(name: str, language: str) -> None:
    for line in mermaid(library().definition(name), language).splitlines():
        assert LINE.fullmatch(line), line


def test_states_events_and_what_happens_by_itself() -> None:
    text = mermaid(library().definition("petition"))
    for line in (
        'state "已交办" as s_assigned',
        "[*] --> s_filed : 启动",
        "s_filed --> s_assigned : 交办",
        "s_filed --> s_filed : 备注",  # stays
        "s_replied --> s_concluded : 认可",  # one event, two ways
        "s_replied --> s_assigned : 认可",
        "s_assigned --> s_expired : ⏱ 过期 (自动失效)",
        "s_concluded --> [*]",
        "期限：答复期限 (reply)；届满 → 催办",
        "子案：会办意见",
    ):
        assert line in text


def test_in_english() -> None:
    text = mermaid(library().definition("petition"), "en")
    assert "s_assigned --> s_assigned : ⏱ urge (automatic notice)" in text
    assert not re.search("[一-鿿]", text)


def test_the_same_definition_gives_the_same_text() -> None:
    assert mermaid(library().definition("petition")) == mermaid(library().definition("petition"))


def test_a_clock_may_start_at_the_start_and_have_no_event() -> None:
    urge = "  urge:\n    zh: 催办\n    en: urge\n    from: assigned\n    automatic: notice\n    tells: head of lead\n"
    files = broken(
        ("petition", "outer: reply_outer, starts: assign", "outer: reply_outer, starts: start"),
        ("petition", "          missed: urge, extends", "          extends"),
        ("petition", urge, ""),
    )
    text = mermaid(library(files).definition("petition"))
    assert "note right of s_filed\n        期限：答复期限 (reply)\n" in text


def test_words_cannot_break_out_of_their_line() -> None:
    files = broken(("petition", "zh: 备注", "zh: '甲: 乙; <b> {x} # %% \"q\" --> [*]'"))
    for line in mermaid(library(files).definition("petition")).splitlines():
        assert LINE.fullmatch(line), line
