"""Where a case stands, in pictures: the stages, the lifecycle with its own way, the calendar of a deadline."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

from api.console.sentence import sentence
from workflow.errors import Text

from .catalogue import english
from .console import Desk, said
from .lifecycle import DRAFT

SVG = "{http://www.w3.org/2000/svg}"


def stages(page: str) -> list[tuple[str, bool]]:
    """(words, whether it is the present one)"""
    (found,) = re.findall(r'<ol class="stepper".*?</ol>', page, re.DOTALL)
    items = re.findall(r"<li([^>]*)>(.*?)</li>", found, re.DOTALL)
    return [(re.sub(r"<[^>]+>|\s", "", words), 'aria-current="step"' in start) for start, words in items]


def test_the_stages_say_where_it_stands(desk: Desk) -> None:
    case = desk.office.signing_off()
    reader = desk("wang")
    reader.get(f"/cases/{case.id}")
    assert [words for words, here in stages(reader.page) if here] == ["▶办理：答复送签（现在）"]
    assert [words for words, _ in stages(reader.page)] == [
        "✓提出（已过）", "✓审核（已过）", "✓交办（已过）", "▶办理：答复送签（现在）", "5答复（未到）", "6征询（未到）", "7办结（未到）",
    ]  # fmt: skip


def test_the_picture_shows_the_way_of_the_case_and_who_may_go_on(desk: Desk) -> None:
    case = desk.office.signing_off()
    desk.office.fire(case, "reject_signoff", "wu", rejection_reason="再改")
    desk.office.fire(case, "submit_for_signoff", "wang", **DRAFT)
    reader = desk("li")
    assert reader.get(f"/cases/{case.id}/picture").status_code == 200
    (svg,) = re.findall(r"<svg.*?</svg>", reader.page, re.DOTALL)
    root = ET.fromstring(svg)
    written = [(text.text or "", text.get("text-decoration")) for text in root.iter(f"{SVG}text")]
    assert ("答复送签 ×2", None) in written and ("现在", None) in written
    assert ("收回交办（您）", "underline") in written, "what the reader may do"
    assert ("签发答复（主办单位的单位负责人）", "underline") in written, "what somebody else may"
    assert not any(words.startswith("撤回（") for words, _ in written), (
        "two signers: nobody may withdraw alone"
    )
    (lines,) = re.findall(r"<details>.*?</details>", reader.page[reader.page.index("</svg>") :], re.DOTALL)
    assert lines.count("<li>") == 26 and "答复送签 (现在)" in lines
    assert len(reader.page.encode()) < 100_000 and "style=" not in reader.page and "<style" not in reader.page
    assert desk("feng").get(f"/cases/{case.id}/picture").status_code == 404, "not hers"


def test_the_calendar_of_a_deadline(desk: Desk) -> None:
    case = desk.office.assigned()
    reader = desk("wang")
    assert reader.get(f"/cases/{case.id}/clocks/return_window").status_code == 200
    (table,) = re.findall(r'<table class="strip">.*?</table>', reader.page, re.DOTALL)
    assert (
        table.count("<tr>") == 3
        and 'class="due">11 <b>满</b>' in table
        and 'class="weekend">7 <b>休</b>' in table
    )
    assert "周末 2 天" in reader.page and "期满日" in said(reader.page)
    reader.client.set_cookie("language", "en")
    reader.get(f"/cases/{case.id}/clocks/return_window")
    assert "2 weekend day(s)" in reader.page and "<b>D</b>" in reader.page
    assert english().get("期限日历").string == "Calendar of the deadline"


def test_a_deadlines_weeks_fit_a_telephone_and_a_table_of_faults_its_summary(desk: Desk) -> None:
    """As the sheet says it that is served; how it looks is looked at in a browser (test_screens)."""
    with desk("wang").get("/static/console.css") as answer:
        assert answer.status_code == 200
        sheet = answer.get_data(as_text=True)
    _, *media = re.split(r"^@media ", sheet, flags=re.MULTILINE)
    small = "".join(block.partition("\n}")[0] for block in media if block.startswith("(max-width"))
    assert re.search(r"^ +\.strip \{[^}]*table-layout: fixed", small, re.MULTILINE), (
        "whole weeks, none cut off"
    )
    assert re.search(r"^ +\.strip th, \.strip td \{[^}]*white-space: normal", small, re.MULTILINE)
    assert re.search(r"^\.wrong tbody th \{[^}]*min-width: 0", sheet, re.MULTILINE)


def test_the_first_line_begins_each_of_its_sentences_with_a_capital() -> None:
    """Also why the deadline is what it is, in English; without a reason, or when all is over, it says no more than it knows."""
    state, why = Text("办理中", "being handled"), Text("依据代表法。", "by the law on deputies.")
    told = sentence(state, False, (), None, None, why, ())
    assert told == Text(
        "本件现在“办理中”。依据代表法。", "It is now “being handled”. By the law on deputies."
    )
    closed = sentence(state, True, (), None, None, why, ())
    assert closed == Text("本件已了结：办理中。", "This case is closed: being handled.")
