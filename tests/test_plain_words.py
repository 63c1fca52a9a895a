"""Why not, for somebody at a desk: every condition of the shipped definitions has a sentence that is no formula."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from workflow.errors import Text
from workflow.guards import Guard, Subject, compile_guard

from .lifecycle import shipped

FORMULA = ("大于", "小于", "不为", "属于", "现为", "并非", "·", "_", "条件未满足")
EMPTY = {"boolean": False, "integer": 0, "text": "x", "texts": ()}
FULL = {"boolean": True, "integer": 3, "text": "x", "texts": ()}
PROMISES, REPLY = Text("承诺事项", "promises"), Text("答复期限", "time for the reply")
SUBJECTS = {
    "commitments.open": Subject("slot", PROMISES, "open"),
    "commitments.total": Subject("slot", PROMISES, "total"),
    "commitments.kept": Subject("state", PROMISES, Text("已兑现", "kept")),
    "opinions.joined": Subject("slot", Text("会办意见", "opinions"), "joined"),
    "clock.reply.expired": Subject("expired", REPLY),
    "clock.reply.running": Subject("running", REPLY, Text("签发答复", "issue the reply")),
    "clock.other.running": Subject("running", REPLY),
    "round.visit": Subject("round", Text("现场察看", "visit")),
    "signer": Subject("parties", Text("提出代表", "signers")),
    "note": Subject("field", Text("说明", "note")),
    "post.main": Subject(
        "meaning",
        Text("职务", "post"),
        "main",
        {True: [Text("正职", "head")], False: [Text(f"副职{n}", f"deputy {n}") for n in range(4)]},
    ),
    "post.minor": Subject(
        "meaning", Text("职务", "post"), "minor", {True: [Text(f"副职{n}", f"deputy {n}") for n in range(4)]}
    ),
    "sealed": Subject("field", Text("已加盖公章", "sealed")),
    "notes": Subject("field", Text("各项", "notes")),
    "other": Subject("field", Text("另一项", "other")),
    "lead.party": Subject("field", Text("领衔代表", "lead deputy")),
    "day": Subject("field", Text("甲日", "one day")),
    "note_day": Subject("field", Text("乙日", "another day")),
    "rule.asks": Subject("rule", Text("向谁征询", "whom to ask")),
    "rule.visits": Subject("rule", Text("次数", "how often")),
}
TYPES = dict.fromkeys(("commitments.open", "commitments.total", "commitments.kept", "round.visit", "rule.visits", "signer"), "integer") | {"opinions.joined": "boolean", "clock.reply.expired": "boolean", "clock.reply.running": "boolean", "clock.other.running": "boolean", "sealed": "boolean", "note": "text", "post.main": "boolean", "post.minor": "boolean", "rule.asks": "text", "notes": "texts", "other": "text", "lead.party": "text", "day": "date", "note_day": "date"}  # fmt: skip


def guards() -> Iterator[tuple[str, Guard]]:
    """Every condition of an act."""
    for definition in shipped().definitions.values():
        for event in definition.events.values():
            for guard in (event.when, *(move.when for move in event.moves)):
                if guard is not None:
                    yield f"{definition.name} {event.name}", guard


def test_every_condition_of_ours_has_a_sentence_for_the_desk() -> None:
    seen = 0
    for where, guard in guards():
        for values in (EMPTY, FULL):
            facts = {name: values.get(str(guard._words.types.get(name)), "x") for name in guard.names}
            for reason in guard.evaluate(facts).reasons:
                assert reason.plain is not None, (where, reason.text.zh)
                assert not [mark for mark in FORMULA if mark in reason.plain.zh], (where, reason.plain.zh)
                seen += 1
    assert seen > 100


@pytest.mark.parametrize(
    ("text", "facts", "said"),
    [
        ("lead.party in notes", {"lead.party": "x", "notes": ["y"]}, "“领衔代表”须在“各项”之中"),
        ("commitments.open > 0", {"commitments.open": 0}, "现在没有未办结的承诺事项"),
        ("commitments.open == 0", {"commitments.open": 2}, "还有 2 个未办结的承诺事项"),
        ("commitments.total > 0", {"commitments.total": 0}, "还没有承诺事项"),
        ("commitments.kept > 0", {"commitments.kept": 0}, "还没有承诺事项中“已兑现”的"),
        ("opinions.joined", {"opinions.joined": False}, "会办意见还没有到齐"),
        ("not clock.reply.expired", {"clock.reply.expired": True}, "答复期限已经届满"),
        ("not clock.reply.running", {"clock.reply.running": True}, "还没有进行“签发答复”"),
        ("not clock.other.running", {"clock.other.running": True}, "还没有进行“答复期限”"),
        ("clock.reply.running", {"clock.reply.running": False}, "“答复期限”现在不计：还没有开始，或者已经办了"),
        ("round.visit >= rule.visits", {"round.visit": 1, "rule.visits": 2}, "“现场察看”只有 1 次，须有 2 次"),
        ("round.visit == 0", {"round.visit": 1}, "“现场察看”已有 1 次"),
        ("signer == 1", {"signer": 3}, "提出代表有 3 个，须有 1 个"),
        ("note != \"\"", {"note": ""}, "还没有填“说明”"),
        ("sealed", {"sealed": False}, "“已加盖公章”须为“是”"),
        ("sealed", {}, "还没有填“已加盖公章”"),
        ("rule.asks == \"each\"", {"rule.asks": "lead"}, "本地的规定“向谁征询”不采用这一步"),
        ("note not in notes", {"note": "a", "notes": ("a",)}, "“说明”不能又在“各项”之中"),
        ("note == other", {"note": "a", "other": "b"}, "“说明”与“另一项”须一致"),
        ("day < note_day", {"day": "2026-02-02", "note_day": "2026-02-01"}, "“甲日”须早于“乙日”"),
        ("note == 'x'", {"note": "a"}, "“说明”所选的不适用于这一步"),
        ("post.main", {"post.main": False}, "“职务”须是“正职”"),
        ("not post.main", {"post.main": True}, "“职务”不能是“正职”"),
        ("post.minor", {"post.minor": False}, "“职务”所选的不适用于这一步"),
        # What the rules of the place have settled is no way out.
        ("(rule.asks == \"each\" and signer > 0) or clock.reply.expired",
         {"rule.asks": "lead", "signer": 0, "clock.reply.expired": False}, "答复期限还没有届满"),
        ("signer > 0 or clock.reply.expired", {"signer": 0, "clock.reply.expired": False},
         "还没有提出代表，答复期限还没有届满（解决其中一项即可）"),
    ],
)  # fmt: skip
def test_what_is_missing_is_said_and_not_the_formula(text: str, facts: dict[str, object], said: str) -> None:
    (reason,) = compile_guard(text, TYPES, subjects=SUBJECTS).evaluate(facts).reasons
    assert reason.plain is not None and reason.plain.zh == said


def test_a_name_of_which_nothing_is_known_is_left_to_the_formula() -> None:
    (reason,) = compile_guard("a", {"a": "boolean"}).evaluate({"a": False}).reasons
    assert reason.plain is None


def test_only_what_would_change_the_answer_is_missing() -> None:
    """Whoever is dissatisfied owes his reasons, not grades that he may leave out."""
    guard = compile_guard("not bad and not (given and worse) or note != \"\"", {
        "bad": "boolean", "given": "boolean", "worse": "boolean", "note": "text",
    })  # fmt: skip
    assert [reason.field for reason in guard.evaluate({"bad": True}).reasons] == ["note"]
    assert [reason.field for reason in guard.evaluate({"bad": False}).reasons] == ["given", "worse", "note"]
