"""The pages of the lifecycles: made from the definitions, never out of date, and readable where they are shown."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from workflow.cli import main
from workflow.graph import ties
from workflow.library import Library
from workflow.pages import page, written

ROOT = Path(__file__).parents[1]
PAGES = ROOT / "docs" / "lifecycles"
REMEDY = "run: tibandu pages docs/lifecycles"
FLOW_LINE = re.compile(
    r'flowchart LR|    (s_\w+(\["[^"]+"\]|\("[^"]+"\))|s_\w+ (-->|-\.->|==>\|[^|"]+\|) s_\w+)'
)


def test_no_page_is_out_of_date(library: Library) -> None:
    found = {path.name: path.read_text("utf-8") for path in PAGES.iterdir()}
    wanted = written(library, "hubei-xianning")
    assert found.keys() == wanted.keys(), REMEDY
    stale = [name for name, text in wanted.items() if found[name] != text]
    assert not stale, f"{', '.join(stale)}; {REMEDY}"


@pytest.mark.parametrize(("readme", "language"), [("README.md", "en"), ("README.zh-CN.md", "zh")])
def test_the_readme_shows_all_lifecycles_and_their_ties(library: Library, readme: str, language: str) -> None:
    text = (ROOT / readme).read_text("utf-8")
    assert f"```mermaid\n{ties(library.definitions.values(), language)}```" in text


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_line_is_one_mermaid_reads(library: Library, language: str) -> None:
    for line in ties(library.definitions.values(), language).splitlines():
        assert FLOW_LINE.fullmatch(line), line


def test_a_page_says_everything(library: Library) -> None:
    """Each state, event, clock, child and field once; every event with its source; every row as wide as its head."""
    for name, definition in library.definitions.items():
        text = page(library, name)
        tables = re.split(r"\n## ", text)[1:]
        for table in tables:
            rows = [line for line in table.splitlines() if line.startswith("|")]
            widths = {len(re.findall(r"(?<!\\)\|", row)) for row in rows}
            assert len(widths) == 1, (name, table[:40], widths)
        rows = [line for line in text.splitlines() if line.startswith("| `")]
        wanted = len(definition.states) + len(definition.events) + 1 + len(definition.fields)
        assert len(rows) == wanted, name
        for event in definition.events.values():
            (row,) = [row for row in rows if row.startswith(f"| `{event.name}`<br>")]
            assert event.source in row
            for clock in definition.clocks.values():
                if event.name in clock.asks:
                    asked = definition.fields[clock.asks[event.name]].title.zh
                    assert f"≤ {clock.title.zh}的最迟之日 outer limit：{asked}" in row
            assert event.title.en in row
            if event.when is not None:
                assert event.when.in_words().zh in row


def test_numbers_are_those_of_the_place(library: Library) -> None:
    ours, theirs = (page(library, "evaluation", place) for place in ("hubei-xianning", "chongqing"))
    assert "D15 征询送达之日后15个工作日 working day(s)" in ours
    assert "D15 征询送达之日后20个工作日 working day(s)" in theirs


def test_the_command_writes_them(tmp_path: Path) -> None:
    assert main(["pages", str(tmp_path / "new"), "--place", "hubei-xianning"]) == 0
    assert (tmp_path / "new" / "opinion.md").read_text("utf-8") == (PAGES / "opinion.md").read_text("utf-8")
    assert main(["pages", str(tmp_path / "new"), "--place", "nowhere"]) == 1
    assert main(["pages", str(tmp_path / "new" / "opinion.md" / "below")]) == 2
