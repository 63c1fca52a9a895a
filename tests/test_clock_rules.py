"""A clock whose rule depends on the case: the first whose guard holds, always one, never a guessed one."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from workflow import Actor, Case
from workflow.errors import FormInvalid, GuardFailed
from workflow.graph import mermaid
from workflow.library import Library
from workflow.model import PartialDate

from .lifecycle import TENANT, Office

LI = Actor(person="li")
SERVED = "2026-03-02"


def paper(office: Office, **data: Any) -> Case:
    case = office.engine.start("paper", LI, {}, tenant=TENANT)
    return office.fire(case, "settle", "li", **data)


def served(office: Office, **data: Any) -> Case:
    return office.fire(paper(office, **data), "serve", "li", served_on=SERVED)


@pytest.mark.parametrize(
    ("kind", "urgent", "rule", "due"),
    [
        ("notice", False, "notice", "2026-05-02"), ("notice", True, "notice", "2026-05-02"),
        ("order", False, "order", "2026-04-02"), ("order", True, "emergency", "2026-03-17"),
    ],
)  # fmt: skip
def test_the_case_chooses(small_office: Office, kind: str, urgent: bool, rule: str, due: str) -> None:
    (clock,) = served(small_office, kind=kind, urgent=urgent).clocks
    assert (clock.rule, str(clock.due_on)) == (rule, due)


def test_what_is_unknown_is_not_guessed(small_office: Office) -> None:
    """An order of which nobody said whether it is urgent gets no period, neither the short nor the long one."""
    with pytest.raises(GuardFailed) as refusal:
        served(small_office, kind="order")
    assert [(r.code, r.field) for r in refusal.value.reasons] == [("missing", "urgent")]
    assert served(small_office, kind="notice").clocks[0].rule == "notice"  # there it does not matter


def test_a_date_ahead_pushes_no_clock_away(small_office: Office) -> None:
    """Refused at its field against the day of the act, the day itself is not; a toy whose clock is for a planned day takes it."""
    office, ahead = small_office, "2026-03-03"
    case = paper(office, kind="notice")
    with pytest.raises(FormInvalid) as refusal:
        office.fire(case, "serve", "li", served_on=ahead)
    (reason,) = refusal.value.reasons
    assert (reason.code, reason.field) == ("form.ahead", "served_on")
    assert (reason.text.zh, reason.text.en) == (
        "收到日期：不能晚于 2026-03-02",
        "served on may not lie after 2026-03-02",
    )
    assert office.now(case).state == "drafted"
    old = office.engine.start("paper", LI, {"kind": "notice"}, tenant=TENANT, imported=True)
    day = PartialDate(year=2026, month=3, day=2)
    old = office.engine.fire(old.id, "serve", LI, {"served_on": ahead}, imported=True, effective_on=day)
    assert len(old.clocks) == 1  # an old record is taken as it is


def test_an_import_that_does_not_know_has_no_clock(small_office: Office) -> None:
    engine, day = small_office.engine, PartialDate(year=2026, month=3, day=2)
    case = engine.start("paper", LI, {}, tenant=TENANT, imported=True)
    data = {"served_on": SERVED}
    case = engine.fire(case.id, "serve", LI, data, imported=True, effective_on=day)
    assert (case.state, case.clocks) == ("served", ())
    known = engine.start("paper", LI, {"kind": "notice"}, tenant=TENANT, imported=True)
    known = engine.fire(known.id, "serve", LI, data, imported=True, effective_on=day)
    assert [clock.rule for clock in known.clocks] == ["notice"]


def test_started_again_under_another_rule_it_counts_anew(small_office: Office) -> None:
    """An amended paper is served again: the other rule counts from the new receipt, the same rule keeps its ledger."""
    office, case = small_office, served(small_office, kind="order", urgent=True)
    office.clock.set(date(2026, 3, 9))
    office.fire(case, "amend", "li", kind="notice", urgent=False)
    case = office.fire(case, "serve", "li", served_on="2026-03-09")
    (clock,) = case.clocks
    assert (clock.rule, clock.anchor_on, str(clock.due_on)) == ("notice", date(2026, 3, 9), "2026-05-09")
    line = office.engine.history(case.id)[-1]
    assert line.data["@clock.reply"] == {"due": "2026-05-09", "round": 2, "running": True}
    office.fire(case, "amend", "li", kind="notice", urgent=True)
    again = office.fire(case, "serve", "li", served_on="2026-03-09").clocks[0]
    assert (again.rule, again.anchor_on) == ("notice", date(2026, 3, 9))


def test_explain_says_which_and_why(small_office: Office) -> None:
    case = served(small_office, kind="order", urgent=True)
    first = small_office.engine.explain(case.id, "reply").lines[0]
    assert first.zh == "适用规则 emergency：（种类·binding 且 紧急）"
    assert first.en == "rule emergency applies: (kind: binding and urgent)"
    other = served(small_office, kind="notice")
    first = small_office.engine.explain(other.id, "reply").lines[0]
    assert (first.zh, first.en) == ("适用规则 notice：其他情形", "rule notice applies: in every other case")


def test_the_graph_shows_every_rule(small: Library) -> None:
    drawn = mermaid(small.definition("paper"), "en")
    assert "emergency：(kind：binding and urgent)；order：kind：binding；notice：in every other case" in drawn
