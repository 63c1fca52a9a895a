"""Where a case stands, in pictures: the stages, the lifecycle with its own way, the calendar of a deadline."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from types import SimpleNamespace

import pytest

from api.console import cases, pictures
from api.console.sentence import sentence
from workflow import Actor
from workflow.diagram import trail
from workflow.errors import Text

from .catalogue import english
from .console import Desk, said
from .lifecycle import DOCUMENT, DRAFT, SESSION, SUGGESTION, TENANT

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
    assert re.search(
        r"^ +\.board > li, \.board fieldset \{ grid-template-columns: 1fr; \}", small, re.MULTILINE
    )
    assert not re.search(r"^[.:a-z]", sheet.partition("\n@media ")[2], re.MULTILINE), (
        "nothing after it undoes it"
    )
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


def test_a_stage_that_a_case_never_was_in_is_not_called_past(desk: Desk) -> None:
    """Who withdraws what was just filed reads no reply into it; of a record that was only imported nobody knows."""
    case = desk.office.fire(desk.office.filed("dep1"), "withdraw", "dep1", withdrawal_letter=DOCUMENT)
    reader = desk("li")
    reader.get(f"/cases/{case.id}")
    assert [words for words, _ in stages(reader.page)] == [
        "✓提出（已过）", "–审核（未经过）", "–交办（未经过）", "–办理（未经过）", "–答复（未经过）", "–征询（未经过）", "▶办结：已撤回（现在）",
    ]  # fmt: skip
    reader.get(f"/cases/{case.id}/picture")
    assert [words for words, _ in stages(reader.page)][3] == "–办理（未经过）"
    old = desk.office.engine.start(
        "suggestion", Actor(person="li"), {**SUGGESTION, "signers": ["dep1"], "first_signer": "dep1"},
        tenant=TENANT, imported=True,
    )  # fmt: skip
    for event, data in (
        ("accept_in_session", SESSION),
        ("assign", {"assignment_mode": "sole", "lead_unit": "water"}),
    ):
        desk.office.engine.fire(old.id, event, Actor(person="li"), data, imported=True)
    reader.get(f"/cases/{old.id}")
    assert not any("未经过" in words for words, _ in stages(reader.page))


def test_what_is_over_says_where_it_goes_on(desk: Desk) -> None:
    """A signature or a survey leads back to its case, a draft that was filed to the suggestion that came of it."""
    office, lead = desk.office, desk("dep1")
    office.engine.grant("dep1", "deputy", TENANT)
    data = {"title": "题", "body": "文", "first_signer": "dep1", "publication_wish": "full"}
    draft = office.engine.start("suggestion_draft", Actor(person="dep1"), data, tenant=TENANT)
    office.fire(draft, "collect_signatures", "dep1", signers=["dep1"], text_hash="a" * 64)
    signature = office.child(draft, "signatures", "dep1")
    office.fire(signature, "confirm", "dep1", seen_hash="a" * 64)
    lead.get(f"/cases/{signature.id}")
    assert f'接着看：<a href="/cases/{draft.id}">题</a>（署名齐备）' in lead.page
    assert "现在没有您可以办的。" in lead.page
    lead.get(f"/cases/{draft.id}")
    assert "接着看" not in lead.page
    for act, who in (("submit_for_review", "dep1"), ("pass", "li"), ("file", "dep1")):
        office.fire(draft, act, who)
    (case,) = office.engine.search(kind="suggestion")
    lead.get(f"/cases/{draft.id}")
    assert f'接着看：<a href="/cases/{case.id}">题</a>（已提出）' in lead.page


def test_a_long_history_has_the_same_stages_on_the_first_page_as_in_the_picture(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page has the last lines only; what they do not tell of is asked."""
    monkeypatch.setattr(cases, "LINES", 1)
    reader = desk("li")
    case = desk.office.fire(desk.office.filed("dep1"), "withdraw", "dep1", withdrawal_letter=DOCUMENT)
    for known in (case, desk.office.signing_off()):
        reader.get(f"/cases/{known.id}")
        first = stages(reader.page)
        reader.get(f"/cases/{known.id}/picture")
        assert first == stages(reader.page)
    reader.get(f"/cases/{case.id}")
    assert [words for words, _ in stages(reader.page)][4] == "–答复（未经过）"


def test_a_case_that_was_moved_to_another_version_keeps_the_stages_it_went_through(desk: Desk) -> None:
    """A state that is called otherwise since is the same stage; one whose new name no line tells leaves open where it was."""
    case, engine = desk.office.fire(desk.office.assigned(), "sign_in", "wang"), desk.office.engine
    lines = engine.history(case.id)
    assert [one.to_state for one in lines] == ["filed", "accepted", "assigned", "signed_in"]
    moved = replace(lines[-1], seq=5, event="migrate", from_state="received", to_state="signed_in", data={"@migration": {}})  # fmt: skip

    def where(accepted: str, left: str) -> list[str]:
        old = [
            lines[0], replace(lines[1], to_state=accepted), replace(lines[2], from_state=accepted, to_state=left),
            replace(lines[3], from_state=left, to_state="received"), moved,
        ]  # fmt: skip
        return [one.where for one in pictures.stepper(SimpleNamespace(engine=engine), case, old)][:3]  # type: ignore[arg-type]

    assert where("accepted", "assigned") == ["past", "past", "here"]
    assert where("filed", "assigned") == ["past", "over", "here"], "it was in every state that is told"
    assert where("looked_through", "assigned") == ["past", "past", "here"]
    way = trail(pictures.renamed([replace(lines[3], to_state="received"), moved]), "signed_in")
    assert set(way.steps) == {("assigned", "sign_in", "signed_in")}
