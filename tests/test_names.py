"""Ids that look alike: refused wherever a person, a unit, a tenant or an account comes in, with the character and its place."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from api import Accounts, create_schema
from definitions.papers import Papers
from workflow import Actor
from workflow.access import break_glass
from workflow.errors import FormInvalid
from workflow.model import Party
from workflow.naming import flaw, unfit

from .lifecycle import SUGGESTION, TENANT, Office

FINE = (
    "wang", "王小明", "office.affairs", "hb/xianning", "咸宁市/a.b-1", "unit 7", "阿卜杜拉·艾则孜", "Иванов", "عبدالله",
    "王（办）", "é", "李々", "〇一",
)  # fmt: skip
FLAWED = {
    "": "blank", "wang ": "blank", " wang": "blank", "\u3000wang": "blank", "ｗang": "character 1, U+FF57", "wаng": "character 2, U+0430",
    "office.affаirs": "character 11, U+0430", "王а": "character 2, U+0430", "wang\u200b": "character 5, U+200B",
    "wa\u200dng": "character 3, U+200D", "a\u200eb": "character 2, U+200E", "a\u200fb": "U+200F", "a\u061cb": "U+061C",
    "a\ufeffb": "U+FEFF", "a\u00adb": "U+00AD", "a\u00a0b": "U+00A0", "e\u0301": "NFC", "a\x07": "U+0007", "wɑng": "U+0251",
    "\U0001d5d0ang": "U+1D5D0", "王\ufe00": "U+FE00", "νu": "U+03BD",
}  # fmt: skip


@pytest.mark.parametrize("name", FINE)
def test_one_script_or_han_and_plain_letters(name: str) -> None:
    assert flaw(name) is None


@pytest.mark.parametrize("name", FLAWED)
def test_what_looks_like_another_is_told_by_its_place(name: str) -> None:
    said = flaw(name)
    assert said is not None and FLAWED[name] in said.en and said.zh


def test_it_comes_in_nowhere(sqlite_office: Office) -> None:
    """Grants, accounts, the register, a case's tenant and the fields of a form ask the same question."""
    engine, by = sqlite_office.engine, Actor(person="li")
    create_schema(engine)
    accounts = Accounts(engine)
    for name in ("wаng", "wang\u200b", "ｗang"):
        for refused in (
            lambda name=name: engine.grant(name, "deputy_affairs", TENANT),
            lambda name=name: engine.grant("wang", "unit_clerk", TENANT, unit=name),
            lambda name=name: engine.grant("wang", "deputy_affairs", name),
            lambda name=name: accounts.add(name, by="set-up"),
            lambda name=name: engine.parties.add(Party(id=name, kind="unit", name="水利局", tenant=TENANT), by=by),
            lambda name=name: engine.start("suggestion", by, SUGGESTION, tenant=name),
            lambda name=name: engine.start("suggestion", by, {**SUGGESTION, "first_signer": name}, tenant=TENANT),
        ):  # fmt: skip
            with pytest.raises(FormInvalid) as error:
                refused()
            assert error.value.reasons, name
    with pytest.raises(FormInvalid, match=r"character 11, U\+0430"):
        accounts.add("office.affаirs", by="set-up")


UNFIT = "建\x07议", "\u202e建议", "建议\ud800"
PLACES = "第 2 个字符 U+0007", "第 1 个字符 U+202E", "第 3 个字符 U+D800"
NAMES = re.compile("[a-z]{2,}_?[a-z]+")
"""a word of the program in a sentence for a person"""


def test_what_is_printable_can_be_kept() -> None:
    """So that a text of a call need not be searched where all of it is."""
    assert not [n for n in range(sys.maxunicode + 1) if chr(n).isprintable() and unfit(chr(n)) is not None]


@pytest.mark.parametrize(("text", "place"), list(zip(UNFIT, PLACES, strict=True)))
def test_a_text_that_cannot_be_kept_is_refused_by_its_place(
    text: str, place: str, sqlite_office: Office, tmp_path: Path
) -> None:
    """What a caller says beside the form and a cell of an imported table: one rule, one sentence, no word of the program in it."""
    engine = sqlite_office.engine
    said = []
    for refused in (
        lambda: engine.start("suggestion", Actor(person=text), SUGGESTION, tenant=TENANT),
        lambda: engine.start("suggestion", Actor(person="li"), SUGGESTION, tenant=TENANT, key=text),
        lambda: engine.start("suggestion", Actor(person="li"), SUGGESTION, tenant=TENANT, reason=text),
        lambda: engine.grant(text, "deputy_affairs", TENANT),
    ):
        with pytest.raises(FormInvalid) as error:
            refused()
        said += [reason.text for reason in error.value.reasons if reason.code == "form.unfit"]
    assert len(said) == 4
    if "\ud800" not in text:  # of which no file can hold half
        table = tmp_path / "x.csv"
        table.write_text(
            f"标题,正文,全体署名人,领衔人,代表的公开意见\n{text},修桥,dep1,dep1,全文公开\n", "utf-8"
        )
        faults = (
            Papers(engine).take("suggestion", table, Actor(person="li"), tenant=TENANT, dry_run=True).faults
        )
        said += [fault.reason for fault in faults if (fault.row, fault.column) == (2, "标题")]
        assert len(said) == 5
    assert all(place in one.zh and not NAMES.search(one.zh) for one in said), said


def test_a_text_loses_what_is_not_seen_and_keeps_what_scripts_need(sqlite_office: Office) -> None:
    title = "\ufeff关于\u200b增设\u200e驿站\u00ad的建议\u2060 \u0646\u0645\u06cc\u200c\u062e"
    case = sqlite_office.engine.start(
        "suggestion", Actor(person="li"), {**SUGGESTION, "title": title}, tenant=TENANT
    )
    assert case.data["title"] == "关于增设驿站的建议 \u0646\u0645\u06cc\u200c\u062e"


WRONG_IDS = {
    "": "blank", "../x": "no /", "..": "dots alone", "a\x00b": "U\\+0000|control", "a\nb": "U\\+000A", "a\tb": "U\\+0009",
    "x" * 10_000: "at most 40", "wаng": "U\\+0430", " a": "blank",
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG_IDS, ids=lambda name: repr(name[:8]))
@pytest.mark.parametrize("dry_run", [False, True])
def test_the_id_of_a_new_case_is_held_to_the_rule_of_ids(
    name: str, dry_run: bool, sqlite_office: Office
) -> None:
    engine = sqlite_office.engine
    with pytest.raises(FormInvalid, match=WRONG_IDS[name]) as error:
        engine.start("suggestion", Actor(person="li"), SUGGESTION, tenant=TENANT, id=name, dry_run=dry_run)
    assert [(reason.field, reason.beside) for reason in error.value.reasons] == [("id", True)]
    assert all(reason.text.zh.startswith("编号：") for reason in error.value.reasons)
    assert engine.search() == []


def test_the_id_that_was_asked_for_is_that_of_the_case_and_of_its_rehearsal(sqlite_office: Office) -> None:
    engine = sqlite_office.engine
    for dry_run in (True, False):
        case = engine.start(
            "suggestion", Actor(person="li"), SUGGESTION, tenant=TENANT, id="建议-2026.1", dry_run=dry_run
        )
        assert case.id == "建议-2026.1"


def test_other_ids_that_a_host_hands_in_are_held_to_it_too(sqlite_office: Office) -> None:
    """A person who needs no grant to stand in the history: who imports, who is invited, who takes a role in an emergency."""
    engine = sqlite_office.engine
    case = sqlite_office.filed()
    until = sqlite_office.clock.now().date()
    for field, refused in {
        "person": lambda: engine.start(
            "suggestion", Actor(person="wаng"), SUGGESTION, tenant=TENANT, imported=True
        ),
        "subject": lambda: engine.invite(case.id, "evaluate", "wаng", until=until, by=Actor(person="li")),
        "key": lambda: engine.start("suggestion", Actor(person="li"), SUGGESTION, tenant=TENANT, key="a\nb"),
    }.items():
        with pytest.raises(FormInvalid) as error:
            refused()
        assert [reason.field for reason in error.value.reasons] == [field]
    with pytest.raises(FormInvalid) as error:
        break_glass(engine, case.id, "wаng", "sc_office", hours=1, reason="急")
    assert [reason.field for reason in error.value.reasons] == ["person"]
