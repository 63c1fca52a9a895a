"""Eight kinds of tampering by the owner of the database, each found; and everything else that can contradict the lines."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests import histories
from tests.histories import (
    CASES,
    HERE,
    HIDDEN,
    KEY,
    LINES,
    PHONE,
    SEEN,
    change_row,
    clock,
    disarm,
    first,
    letter,
    open_town,
    own,
    prepare,
    rehash,
    reply,
    rows,
    town,
    town_file,
    town_url,
)  # fmt: skip
from workflow import Engine, contradiction, walk
from workflow.anchor import make_anchor
from workflow.contradiction import WORDS
from workflow.verify import Report, verify

__all__ = ["town", "town_file", "town_url"]


def codes(report: Report) -> set[str]:
    return {fault.code for fault in report.faults}


def named(report: Report) -> tuple[str | None, int | None, str]:
    """The first fault."""
    return report.faults[0].case, report.faults[0].seq, report.faults[0].code


def test_an_honest_history_is_sound(town: Engine) -> None:
    report = verify(town.store)
    assert report == Report(rows=LINES, cases=CASES, erased=0, anchors=0)
    assert report.sound


def test_work_goes_on_while_it_is_verified(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A case changes after it was read and before its lines are: nothing of it looks like a fault."""
    prepare(postgres_url)
    town = open_town(postgres_url, seed=8)
    assigned = next(c for c in town.search(kind="letter") if c.state == "assigned")
    read, done = walk.Portion.by_case, list[str]()

    def meanwhile(portion: walk.Portion, table: str) -> dict[str, list[Any]]:
        if not done:
            done.append(reply(town, assigned).state)
            letter(town, 9)
        return read(portion, table)

    monkeypatch.setattr(walk.Portion, "by_case", meanwhile)
    assert verify(town.store) == Report(rows=LINES, cases=CASES, erased=0, anchors=0)
    assert done == ["closed"]
    assert verify(town.store) == Report(rows=LINES + 3 + 4, cases=CASES + 2, erased=0, anchors=0)
    town.database.dispose()


# --- the eight kinds


@pytest.mark.parametrize("tamper", SEEN, ids=lambda tamper: tamper.__name__)
def test_tampering_that_the_chain_shows(town: Engine, tamper: Callable[[Engine], None]) -> None:
    case = first(town)
    disarm(town)
    tamper(town)
    code, seq = SEEN[tamper]
    assert named(verify(town.store)) == (case, seq, code)


@pytest.mark.parametrize("tamper", HIDDEN, ids=lambda tamper: tamper.__name__)
@pytest.mark.parametrize("outside", [False, True], ids=["anchor inside", "anchor outside"])
def test_tampering_that_an_anchor_shows(
    town: Engine, tamper: Callable[[Engine], None], outside: bool
) -> None:
    """Without an anchor it leaves no trace: that is why there are anchors."""
    case = first(town)
    anchor = make_anchor(town.store, KEY, clock(town).now())
    disarm(town)
    tamper(town)
    if outside:
        own(town, "delete from {p}anchor")
        assert verify(town.store).sound
    report = verify(town.store, [anchor] if outside else [], key=KEY)
    code, seq = HIDDEN[tamper]
    assert (case, seq, code) in {(fault.case, fault.seq, fault.code) for fault in report.faults}
    assert ("anchor_missing" in codes(report)) is outside


def test_the_guard_that_was_dropped_is_why_all_this_was_possible(town: Engine) -> None:
    for tamper in (*SEEN, *HIDDEN):
        if tamper is not histories.swap_values:  # disclosures must be erasable
            with pytest.raises(Exception, match="append-only"):
                tamper(town)
    assert verify(town.store).rows == LINES


# --- everything that has to follow from the lines

VALUE = "update {p}disclosure set body = :body where case_id = :case and seq = 2"
CASE = "update {p}cases set"
OTHER = {
    "a value nobody gave": ("commitment", VALUE, {"remark": ["00", "丙"]}),
    "a value without a salt": ("commitment", VALUE, {"remark": 1}),
    "no values": ("unreadable", VALUE, [1]),
    "no JSON": ("unreadable", "update {p}disclosure set body = 'x' where case_id = :case and seq = 2", None),
    "a value never committed to": (
        "uncommitted", "insert into {p}disclosure(case_id, seq, body) values (:case, 6, :body)", {"extra": ["00", 1]},
    ),
    "a value taken away": ("undisclosed", "delete from {p}disclosure where case_id = :case and seq = 2", None),
    "a disclosure of no line": ("no_line", "insert into {p}disclosure(case_id, seq, body) values (:case, 99, :body)", {}),
    "another state": ("case_line", f"{CASE} state = 'assigned' where id = :case", None),
    "another head": ("case_line", f"{CASE} head = 'x' where id = :case", None),
    "another line": ("case_line", f"{CASE} seq = 99 where id = :case", None),
    "open again": ("case_line", f"{CASE} closed = not closed where id = :case", None),
    "another kind": ("case_line", f"{CASE} kind = 'review' where id = :case", None),
    "another beginning": ("case_line", f"{CASE} opened_on = '2000-01-01' where id = :case", None),
    "a lower revision": ("case_line", f"{CASE} revision = 1 where id = :case", None),
    "another definition": ("case_line", f"{CASE} definition = 'x' where id = :case", None),
    "another datum": ("case_data", f"{CASE} data = replace(data, '已修', '未修') where id = :case", None),
    "a datum more": ("case_data", f"{CASE} data = replace(data, '\"title\"', '\"titel\"') where id = :case", None),
    "another due day": ("case_data", f"{CASE} clocks = replace(clocks, '2025-06-12', '2025-07-12') where id = :case", None),
    "another unit": ("case_data", f"{CASE} relations = replace(relations, 'water', 'roads') where id = :case", None),
    "another tenant": ("case_data", f"{CASE} tenant = 'hb/other' where id = :case", None),
    "another family": ("case_data", f"{CASE} root_id = 'other' where id = :case", None),
    "a party": ("case_data", f"{CASE} party = 'roads' where id = :case", None),
    "a slot": ("case_data", f"{CASE} slot = 'replies' where id = :case", None),
    "a number nobody drew": ("case_data", f"{CASE} number = '7' where id = :case", None),
    "a number's place in its series": ("case_data", f"{CASE} number_key = 'letter//7' where id = :case", None),
    "a relation nobody stated": ("case_data", f"{CASE} relations = '{{\"friend\":[\"x\"]}}' where id = :case", None),
    "a round forgotten": ("case_memo", f"{CASE} memo = '[{{}},{{}}]' where id = :case", None),
    "another person's act": ("case_memo", f"{CASE} memo = replace(memo, ',{{}}]', ',{{\"note\":\"zhao\"}}]') where id = :case", None),
    "no data": ("case_unreadable", f"{CASE} data = 'x' where id = :case", None),
    "an index without its relation": ("index", "delete from {p}relation where case_id = :case", None),
    "an index of another clock": ("index", "update {p}clock set due_on = '2025-07-12' where case_id = :case", None),
    "an index of another day": ("index", f"{CASE} due_on = '2025-07-12' where id = :case", None),
    "a relation of nobody": ("no_case", "insert into {p}relation(case_id, relation, party) values ('zzz', 'lead', 'x')", None),
    "a case without lines": ("no_history", "delete from {p}history where case_id = :case", None),
    "lines without a case": ("no_case", "delete from {p}cases where id = :case", None),
    "a definition changed": ("definition_content", "update {p}definition set content = replace(content, '来信', '来电')", None),
    "a definition gone": ("definition", "delete from {p}definition where name = 'letter'", None),
    "a policy changed": ("definition_policy", "update {p}event_policy set automatic = not automatic where event = 'close'", None),
}  # fmt: skip


@pytest.mark.parametrize("what", OTHER)
def test_whatever_does_not_follow_from_the_lines(town: Engine, what: str) -> None:
    code, statement, body = OTHER[what]
    case = first(town)
    disarm(town)
    values = {"case": case, "body": json.dumps(body, ensure_ascii=False)}
    own(town, statement, **{name: value for name, value in values.items() if f":{name}" in statement})
    report = verify(town.store)
    assert code in codes(report)
    if not code.startswith("definition"):
        assert {fault.case for fault in report.faults} == {"zzz" if "'zzz'" in statement else case}


def forge(engine: Engine, case: str, seq: int, change: str) -> None:
    """A line changed with the chain made good again."""
    disarm(engine)
    own(engine, f"update {{p}}history set {change} where case_id = :case and seq = :seq", case=case, seq=seq)
    rehash(engine, case)


def test_the_system_may_not_decide_even_in_a_chain_made_good(town: Engine) -> None:
    forge(town, first(town), 6, "actor = 'system'")
    assert [named(verify(town.store))[2]] == ["decision"]


def test_a_line_made_good_for_itself_does_not_fit_the_next(town: Engine) -> None:
    case = first(town)
    heads = [
        row[0]
        for row in rows(town, "select hash from {p}history where case_id = :case order by seq", case=case)
    ]
    forge(town, case, 2, "actor = 'zhao'")
    for seq, head in enumerate(heads[2:], 3):
        prev = heads[seq - 2]
        own(
            town,
            f"update {{p}}history set prev = :prev, hash = :head {HERE}",
            prev=prev,
            head=head,
            case=case,
            seq=seq,
        )
    own(town, "update {p}cases set head = :head where id = :case", head=heads[-1], case=case)
    assert [(fault.seq, fault.code) for fault in verify(town.store).faults] == [(3, "prev")]


def test_an_unknown_event(town: Engine) -> None:
    forge(town, first(town), 4, "event = 'praise'")
    assert codes(verify(town.store)) == {"event", "case_memo"}


def test_a_chain_of_states_that_does_not_hang_together(town: Engine) -> None:
    forge(town, first(town), 4, "to_state = 'replied'")
    assert codes(verify(town.store)) == {"from_state"}


def test_a_barred_unit_that_acted(town: Engine) -> None:
    """The review of a letter is closed to the unit that answers it: from the day it was related, not before."""
    review = town.children(first(town))[0].id
    forge(town, review, 2, "unit = 'water', actor = 'wang'")
    assert named(verify(town.store)) == (review, 2, "separation")


def test_a_bar_whose_beginning_cannot_be_read_counts_from_the_start(town: Engine) -> None:
    review = town.children(first(town))[0].id
    before = datetime(2025, 6, 1, tzinfo=UTC).isoformat(timespec="microseconds")
    forge(town, review, 2, f"unit = 'water', actor = 'wang', recorded_at = '{before}'")
    own(town, f"update {{p}}disclosure set body = 'water' {HERE}", case=first(town), seq=3)
    assert (review, "separation") in {(fault.case, fault.code) for fault in verify(town.store).faults}


def test_what_a_unit_did_before_it_was_barred_stands(town: Engine) -> None:
    review = town.children(first(town))[0].id
    before = (datetime(2025, 6, 1, tzinfo=UTC) - timedelta(days=1)).isoformat(timespec="microseconds")
    forge(town, review, 2, f"unit = 'water', actor = 'wang', recorded_at = '{before}'")
    assert verify(town.store).sound


# --- the walk


@pytest.mark.parametrize("size", [1, 2, 3, CASES, CASES + 1])
def test_portions_of_any_size_see_everything_once(
    town: Engine, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(walk, "PORTION", size)
    seen: list[int] = []
    report = verify(town.store, progress=seen.append)
    assert (report.rows, report.cases, report.faults, sum(seen)) == (LINES, CASES, (), LINES)
    disarm(town)
    for case in ("0", "zzz", first(town) + "x"):
        own(town, "insert into {p}relation(case_id, relation, party) values (:case, 'lead', 'x')", case=case)
        own(town, "insert into {p}disclosure(case_id, seq, body) values (:case, 1, '{}')", case=case)
    report = verify(town.store)
    assert sorted((f.case, f.code) for f in report.faults) == sorted(
        (case, code) for case in ("0", "zzz", first(town) + "x") for code in ("no_case", "no_line")
    )


def test_a_flood_of_faults_is_counted(town: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contradiction, "LIMIT", 3)
    disarm(town)
    own(town, "update {p}history set actor = 'zhao'")
    report = verify(town.store)
    assert len(report.faults) == 3
    assert report.more == LINES - 3


def test_faults_speak_both_languages(town: Engine) -> None:
    disarm(town)
    change_row(town)
    fault = verify(town.store).faults[0]
    assert str(fault) == f"{first(town)}:2: [hash] 本行内容与其哈希不符 / the line does not hash to its hash"
    assert all(zh and en for zh, en in WORDS.values())


def test_values_are_personal_and_never_in_the_lines(town: Engine) -> None:
    """What a chain covers is for ever; so nothing personal may be in it."""
    for line in rows(town, "select * from {p}history"):
        assert "CANARY" not in json.dumps(list(line), default=str)
    assert any(PHONE in row[0] for row in rows(town, "select body from {p}disclosure"))
