"""The shipped lifecycles: no fault, the invariants a definition can hold, words and sources. Walks: tests/test_lifecycles.py."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Protocol

import yaml

from workflow.definition import Definition, Event, Holder
from workflow.errors import Text
from workflow.library import Library
from workflow.loader import check

HERE = Path(__file__).parent
FOLDER = HERE.parent / "definitions"
UNIT_RELATIONS = {"lead", "co", "separate"}
UNIT_ROLES = {"unit_clerk", "unit_head"}
CONGRESS = {
    "deputy", "deputy_affairs", "sc_office", "sc_office_head", "council_of_chairpersons", "session_secretariat",
    "presidium", "special_committee", "supervisory_judicial_committee",
}  # fmt: skip
PROCURATORATE = {"procuratorate_clerk", "chief_prosecutor"}


class Titled(Protocol):
    @property
    def title(self) -> Text: ...


def test_no_fault() -> None:
    assert [str(fault) for fault in check(FOLDER)] == []


def test_all_definitions_of_the_issue_are_there(library: Library) -> None:
    assert set(library.definitions) >= {
        "suggestion_draft", "signature", "suggestion", "extension", "co_handling", "separate_handling", "commitment",
        "evaluation", "second_assignment", "procuratorate_conversion", "withdrawal", "reception_day",
    }  # fmt: skip


def _events(definition: Definition) -> dict[str, Event]:
    return {"start": definition.start, **definition.events}


def _actors(definition: Definition) -> Iterator[tuple[str, Holder]]:
    for name, event in _events(definition).items():
        for holder in event.by:
            yield name, holder


# --- invariants a definition can hold ----------------------------------------------------------------


def test_no_unit_appears_in_an_evaluation(library: Library) -> None:
    """Invariants 1 and 38."""
    definition = library.definitions["evaluation"]
    assert {str(holder) for holder in definition.barred} == {
        "the root.lead",
        "the root.co",
        "the root.separate",
    }
    for name, holder in _actors(definition):
        assert holder.role not in UNIT_ROLES, name
        assert holder.relation not in UNIT_RELATIONS, name
    for event in _events(definition).values():
        assert not {h.relation for h in event.tells} & UNIT_RELATIONS, event.name


def test_only_the_office_opens_evaluations(library: Library) -> None:
    """Invariants 1 and 3: never before a reply."""
    suggestion = library.definitions["suggestion"]
    slots = {slot.name for slot in suggestion.children.values() if slot.definition == "evaluation"}
    openers = [event for event in suggestion.events.values() if slots & set(event.opens)]
    assert openers
    for event in openers:
        assert [str(holder) for holder in event.by] == ["sc_office"]
        assert {source for move in event.moves for source in move.sources} <= {"replied", "second_replied"}


def test_concluded_is_a_persons_decision_after_an_evaluation(library: Library) -> None:
    """Invariants 3 and 36."""
    suggestion = library.definitions["suggestion"]
    assert suggestion.states["concluded"].decided
    before = {
        source
        for event in suggestion.events.values()
        for move in event.moves
        if move.to == "concluded"
        for source in move.sources
    }
    assert before == {"evaluated", "re_evaluated", "decision_made", "execution_reported", "tracking"}


def test_no_timer_decides(library: Library) -> None:
    """Invariant 36: nothing automatic leads into a decided state."""
    for definition in library.definitions.values():
        for event in definition.events.values():
            for move in event.moves:
                if event.automatic and move.to:
                    assert not definition.states[move.to].decided, f"{definition.name}.{event.name}"


def test_the_reply_clock_starts_at_assignment_never_at_receipt(library: Library) -> None:
    """Invariants 6, 7 and 24."""
    suggestion = library.definitions["suggestion"]
    clock = suggestion.clocks["reply"]
    assert (clock.rule, clock.outer, clock.anchor) == ("D11", "D12", None)
    assert set(clock.starts) == {
        "assign", "assign_separately", "change_units", "change_units_separately", "adjudicate",
    }  # fmt: skip
    assert set(suggestion.clocks["since_first_assignment"].starts) == {"assign", "assign_separately", "merge"}
    assert library.definitions["second_assignment"].clocks["reply"].starts == ("start",)


def test_no_event_of_a_co_unit_touches_the_reply(library: Library) -> None:
    """Invariant 10."""
    assert not [
        name for name, holder in _actors(library.definitions["suggestion"]) if holder.relation == "co"
    ]


def test_the_reply_is_complete(library: Library) -> None:
    """Invariant 13."""
    needed = {
        "reply_letter",
        "reply_number",
        "sealed",
        "reply_class",
        "publication",
        "recipients",
        "copies_to",
    }
    for kind in ("suggestion", "separate_handling"):
        event = library.definitions[kind].events["issue_reply"]
        assert needed <= {f.name for f in event.form if f.required}
        assert event.when is not None
        assert {"sealed", "reply_class.promises"} <= event.when.names
    assert all(":" in value for value in library.codes["result_class"].values)


def test_the_congress_never_moves_the_procuratorate(library: Library) -> None:
    """Invariants 25 and 26."""
    definition = library.definitions["procuratorate_conversion"]
    for event in definition.events.values():
        roles = {holder.role for holder in event.by}
        if roles & CONGRESS:
            assert all(move.to is None for move in event.moves), event.name
            assert not roles & PROCURATORATE, event.name
    assert library.definitions["suggestion"].children["conversions"].overlay
    assert {e.name for e in definition.events.values() if e.raises} == set()


def test_only_litigation_reaches_a_suit(library: Library) -> None:
    """Invariant 27."""
    definition = library.definitions["procuratorate_conversion"]
    into = [e for e in definition.events.values() for m in e.moves if m.to == "sued"]
    assert [e.name for e in into] == ["sue"]
    assert into[0].when is not None
    assert into[0].when.names == {"ps_type.litigation"}
    assert [c.id for c in library.codes["ps_type"].values.values() if c.meanings["litigation"]] == [
        "public_interest"
    ]


def test_reviewers_never_edit_a_deputys_text(library: Library) -> None:
    """Invariant 19."""
    for kind in ("suggestion_draft", "suggestion"):
        for event in library.definitions[kind].events.values():
            if {"title", "body"} & set(event.fields):
                assert {str(holder) for holder in event.by} == {"the lead_deputy as deputy"}, event.name


def test_refusals_carry_ground_and_notice(library: Library) -> None:
    """Invariant 18: the eight grounds of Hubei and the two of Shiyan."""
    for kind in ("suggestion_draft", "suggestion"):
        for name in ("decline", "treat_as_letter"):
            event = library.definitions[kind].events[name]
            assert {f.name for f in event.form if f.required} == {
                "refusal_ground",
                "refusal_explanation",
                "told_on",
            }
    sources = [code.meanings["source"] for code in library.codes["refusal_ground"].values.values()]
    assert sum("湖北" in source for source in sources) == 8
    assert sum("十堰" in source for source in sources) == 2


def test_deputies_at_a_station_decide_nothing(library: Library) -> None:
    """Invariant 29: they ask for leave, hear, and may make a suggestion of what they heard."""
    allowed = {
        "reception_day": {"ask_leave"},
        "opinion": {"start", "convert", "join_suggestion", "decline_entrustment"},
    }
    for kind, events in allowed.items():
        deputies = {"on_duty", "receiver", "entrusted"}
        found = {
            name
            for name, h in _actors(library.definitions[kind])
            if h.role == "deputy" or h.office == "deputy" or h.relation in deputies
        }
        assert found == events, kind


def test_only_the_council_puts_on_the_list_and_off_it(library: Library) -> None:
    """Invariant 15: with the reference of its meeting, for every kind that needs one."""
    definition = library.definitions["supervision"]
    kinds = {
        code.id
        for code in library.codes["supervision_kind"].values.values()
        if code.meanings["needs_meeting"]
    }
    assert kinds == {"key", "look_back"}
    into = [
        e
        for e in definition.events.values()
        for m in e.moves
        if m.to in ("determined", "taken_off", "not_listed", "closed")
    ]
    for event in into:
        assert event.when is not None
        assert "supervision_kind.needs_meeting" in event.when.names, event.name
        if "meeting_reference" in event.fields:
            assert [str(holder) for holder in event.by] == ["council_of_chairpersons"], event.name
            assert "meeting_reference" in event.when.names
        else:
            assert "not supervision_kind.needs_meeting" in event.when.text, event.name
    assert not [
        c
        for c in library.codes["supervision_kind"].values.values()
        if c.meanings["needs_meeting"] and c.meanings["by_government"]
    ]


def test_a_priority_item_names_the_main_leader(library: Library) -> None:
    """Invariant 34."""
    definition = library.definitions["supervision"]
    for name in ("start_pressing", "change_person"):
        event = definition.events[name]
        assert {f.name for f in event.form if f.required} >= {"charged_person", "leader_post"}
        assert event.when is not None
        assert event.when.names == {"leader_post.main", "supervision_kind.needs_main_leader"}
    key = library.codes["supervision_kind"].values["key"]
    assert key.meanings["needs_main_leader"]


def test_the_scheduler_goes_no_further_than_urging(library: Library) -> None:
    """Invariant 36: 催办 is the last thing a timer does about a late reply."""
    definition = library.definitions["escalation"]
    reached = {
        m.to
        for e in definition.events.values()
        if e.automatic in ("notice", "lapse")
        for m in e.moves
        if m.to
    }
    assert reached == {"urged"}
    for event in definition.events.values():
        for move in event.moves:
            if move.to not in (None, "urged", "dropped"):
                assert event.by, event.name
                assert not {h.role for h in event.by} & UNIT_ROLES, event.name


def test_a_clock_whose_event_does_the_thing_stops_at_it(library: Library) -> None:
    """Whatever it does more than remind and begin what is harder: 催办 was over its day for ever, once urged, and so was 接任日."""
    for definition in library.definitions.values():
        for clock in definition.clocks.values():
            event = definition.events[clock.missed] if clock.missed else None
            if event is None or event.opens or event.ends or event.raises:
                continue  # the reply is owed still
            leads = any(move.to not in (None, *move.sources) for move in event.moves)
            if leads or event.relates:
                assert event.name in {*clock.stops, *clock.starts}, f"{definition.name} {clock.name}"


def test_while_a_clock_runs_whose_duty_it_is_can_do_something(library: Library) -> None:
    """A demand could not be answered, and no summary sent any more, while their days went on; three wait for another's decision."""
    left = {
        ("co_handling", "opinion", "return_requested"),
        ("separate_handling", "first_contact", "return_requested"),
        ("second_assignment", "reply", "handling"),
    }
    found = set()
    for definition in library.definitions.values():
        for state, clocks in maybe_running(definition).items():
            acting = {
                who
                for event in definition.events.values()
                if any(state in move.sources for move in event.moves)
                for who in event.by
            }
            for name in clocks if not definition.states[state].end else ():
                clock = definition.clocks[name]
                duty = {*clock.duty} or {who for e in clock.stops for who in definition.events[e].by}
                if not duty & acting:
                    found.add((definition.name, name, state))
    assert found == left


def maybe_running(definition: Definition) -> Mapping[str, frozenset[str]]:
    """By state: the clocks that perhaps run there, over their day or not."""
    found: dict[str, set[str]] = {name: set() for name in definition.states}
    todo = [
        (definition.initial, frozenset(c.name for c in definition.clocks.values() if "start" in c.starts))
    ]
    while todo:
        state, running = todo.pop()
        found[state] |= running
        for event in definition.events.values():
            after = {c for c in found[state] if event.name not in definition.clocks[c].stops}
            after |= {c.name for c in definition.clocks.values() if event.name in c.starts}
            for move in event.moves:
                to = move.to or state
                if state in move.sources and not after <= found[to]:
                    todo.append((to, frozenset(after)))
    return {name: frozenset(clocks) for name, clocks in found.items()}


def test_supervision_and_escalation_are_never_waited_for(library: Library) -> None:
    """Invariant 25's kind: an overlay blocks nothing but the archive."""
    suggestion = library.definitions["suggestion"]
    slots = {s.name for s in suggestion.children.values() if s.definition in ("supervision", "escalation")}
    assert slots == {"supervisions", "escalations", "separate_escalations"}
    for slot in slots:
        assert suggestion.children[slot].overlay
        assert suggestion.children[slot].then is None
    for event in suggestion.events.values():
        guards = [event.when, *(move.when for move in event.moves)]
        asked = {name.partition(".")[0] for guard in guards if guard for name in guard.names}
        assert not asked & slots or event.name == "archive", event.name


def test_an_opinion_is_closed_only_after_both_were_told(library: Library) -> None:
    """Invariant 30."""
    definition = library.definitions["opinion"]
    into = {
        target: {
            (e.name, source)
            for e in definition.events.values()
            for m in e.moves
            if m.to == target
            for source in m.sources
        }
        for target in ("closed", "fed_back", "deputy_told", "voter_told")
    }
    assert into["closed"] == {("close", "fed_back")}
    assert into["fed_back"] == {("tell_voter", "deputy_told"), ("tell_deputy", "voter_told")}
    assert into["deputy_told"] == {("tell_deputy", "answered")}
    assert into["voter_told"] == {("tell_voter", "answered")}
    redirect = definition.events["redirect"]
    assert {"voter_told_on", "deputy_told_on", "not_taken_ground"} <= {
        f.name for f in redirect.form if f.required
    }


def test_only_deputies_beget_drafts(library: Library) -> None:
    """Invariant 28."""
    begetting = {
        (definition.name, event.name): {str(holder) for holder in event.by}
        for definition in library.definitions.values()
        for event in definition.events.values()
        if event.begets == "suggestion_draft"
    }
    assert begetting == {
        ("opinion", "convert"): {"the receiver as deputy", "the entrusted as deputy"},
        ("reverse_conversion", "draft"): {"the offered as deputy"},
        ("activity", "propose_jointly"): {"the attended as deputy"},
    }
    assert [str(holder) for holder in library.definitions["suggestion_draft"].start.by] == ["deputy"]


def test_a_signature_confirms_the_exact_text(library: Library) -> None:
    """Invariant 17: what the deputy saw is what was sent, by its hash."""
    event = library.definitions["signature"].events["confirm"]
    assert event.when is not None
    assert event.when.names == {"seen_hash", "text_hash"}
    slot = library.definitions["suggestion_draft"].children["signatures"]
    assert {"title", "body", "text_hash"} <= set(slot.carries)


def test_every_mending_act_gives_a_reason(library: Library) -> None:
    """A mistake is mended by a declared act, with a reason, never by changing rows."""
    acts = {
        "suggestion": ("undo_assignment", "undo_session_assignment", "reopen", "correct_entry"), "opinion": ("correct", "take_back", "void_entry"),
        "suggestion_draft": ("reopen_review",), "reception_day": ("reopen",), "activity": ("correct", "take_back"),
        "supervision": ("correct",), "escalation": ("revoke_step",),
    }  # fmt: skip
    for kind, names in acts.items():
        for name in names:
            required = {f.name for f in library.definitions[kind].events[name].form if f.required}
            assert required & {"correction_reason", "void_reason", "mistake"}, (kind, name)


def test_xianning_assigns_again_below_satisfied(library: Library) -> None:
    """Invariant 4."""
    book = library.book("hubei-xianning")
    (rule,) = [rule for rule in book.rules if rule.id == "second_assign_levels"]
    assert set(rule.value) == {"dissatisfied", "basically_satisfied"}  # type: ignore[arg-type]


# --- words and sources -------------------------------------------------------------------------------


def test_everything_has_its_words_in_both_languages(library: Library) -> None:
    for definition in library.definitions.values():
        things: list[Titled] = [
            definition, *definition.states.values(), *definition.events.values(), *definition.fields.values(),
            *definition.relations.values(), *definition.clocks.values(), *definition.children.values(),
        ]  # fmt: skip
        for thing in things:
            assert thing.title.zh.strip(), (definition.name, thing)
            assert thing.title.en.strip(), (definition.name, thing)
            assert re.search(r"[\u4e00-\u9fff]", thing.title.zh), (definition.name, thing)
            assert not re.search(r"[\u4e00-\u9fff]", thing.title.en), (definition.name, thing)


def test_every_event_names_its_own_source(library: Library) -> None:
    for path in (FOLDER / "lifecycles").glob("*.yaml"):
        raw = yaml.load(path.read_text("utf-8"), yaml.CSafeLoader)
        assert not [name for name, event in raw["events"].items() if not event.get("source")], path.name
        assert raw["start"]["source"]
    for definition in library.definitions.values():
        assert all(event.source for event in _events(definition).values())


def test_every_rule_has_source_and_confidence(library: Library) -> None:
    for place in ("CN", "hubei-xianning"):
        for rule in library.book(place).rules:
            assert rule.source, rule.id
            assert rule.confidence in set("SBHXmd"), rule.id


def test_all_rules_of_the_deadline_table_are_there(library: Library) -> None:
    ids = {rule.id for rule in library.book("hubei-xianning").rules}
    assert {f"D{n:02}" for n in range(1, 43)} <= ids
    for definition in library.definitions.values():
        for clock in definition.clocks.values():
            assert clock.rule in ids, (definition.name, clock.name)
        for event in definition.events.values():
            assert event.round is None or event.round.rule in ids, (definition.name, event.name)


def test_the_statutory_periods_and_the_law_of_their_day(library: Library) -> None:
    book = library.book("hubei-xianning")
    statutory = {rule.id for rule in book.rules if rule.statutory}
    assert statutory == {"D11", "D12", "D30", "D31", "D32"}
    for day, source in {
        date(2015, 2, 9): "代表法(2010) 第42条",
        date(2017, 3, 29): "代表法(2015) 第42条",
        date(2025, 3, 11): "代表法(2015) 第42条",
        date(2025, 3, 12): "代表法(2025) 第51条",
    }.items():
        assert [book.rule(name, day).source for name in ("D11", "D12")] == [source, source]
        assert [(book.rule(n, day).value, book.rule(n, day).unit) for n in ("D11", "D12")] == [
            (3, "month"),
            (6, "month"),
        ]
