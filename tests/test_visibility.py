"""What a person sees of a case: fields, relations, events and whole cases kept from some, in every question alike."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from workflow import Actor, Case, Conflict, Engine, NotFound
from workflow.library import Library
from workflow.model import Grant, Receipt, Request
from workflow.overview import Filter, Period, Ran, count, feed, figures, find, tally
from workflow.store.questions import Questions

from .lifecycle import TENANT, Office

LI, SUN, WANG, QIAN, DEP1, DEP2, WU, CHEN = (
    Actor(person=name) for name in ("li", "sun", "wang", "qian", "dep1", "dep2", "wu", "chen")
)
APPEAL = {"title": "申诉", "signers": ["dep1", "dep2"], "contact": "一三九"}
IDENTITY = ("contact", "signer")
NAMES = ("dep1", "dep2", "dep9", "一三九")


def appeal(office: Office, secret: bool | None = True) -> Case:
    data = APPEAL if secret is None else {**APPEAL, "secret": secret}
    case = office.engine.start("appeal", LI, data, tenant=TENANT)
    return office.fire(case, "assign", "li", lead_unit="water", co_units=["roads"])


def looks(office: Office, case: str, actor: Actor) -> dict[str, Callable[[], Any]]:
    """Every way to look at one case."""
    e = office.engine
    return {
        "case": lambda: e.case(case, actor=actor),
        "search": lambda: next(c for c in e.search(actor=actor) if c.id == case),
        "case_at": lambda: e.case_at(case, e.case(case, actor=actor).seq, actor=actor),
    }


def told(anything: Any) -> set[str]:
    """Which of the hidden names appear anywhere in it."""
    return {name for name in NAMES if name in repr(anything)}


@pytest.mark.parametrize("secret", [True, None])
@pytest.mark.parametrize("who", ["wang", "wu", "qian"])
def test_an_identity_is_hidden_from_the_units(small_office: Office, who: str, secret: bool | None) -> None:
    """From everybody in the lead and the co-unit; not knowing whether it is to be hidden hides it."""
    case = appeal(small_office, secret)
    for name, look in looks(small_office, case.id, Actor(person=who)).items():
        seen: Case = look()
        assert seen.hidden == IDENTITY, name
        assert not told(seen), name
        assert seen.data["signers"] == []  # a field of persons without those who are hidden
        assert (seen.data["title"], seen.relations["lead"]) == ("申诉", ("water",))
    assert not told(small_office.engine.history(case.id, actor=Actor(person=who)))
    assert not told(small_office.engine.explain(case.id, "answer", actor=Actor(person=who)))
    assert not told(small_office.engine.worklist(Actor(person=who)))


@pytest.mark.parametrize("who", ["li", "sun", "dep1"])
def test_and_from_nobody_else(small_office: Office, who: str) -> None:
    case = appeal(small_office)
    for name, look in looks(small_office, case.id, Actor(person=who)).items():
        seen: Case = look()
        assert (seen.hidden, seen.relations["signer"], seen.data["contact"]) == (
            (),
            ("dep1", "dep2"),
            "一三九",
        ), name


def test_not_hidden_where_nobody_asked_for_it(small_office: Office) -> None:
    case = appeal(small_office, secret=False)
    assert small_office.engine.case(case.id, actor=WANG).data["contact"] == "一三九"


def test_without_a_person_nothing_is_kept_back(small_office: Office) -> None:
    case = appeal(small_office)
    assert told(small_office.engine.case(case.id)) == {"dep1", "dep2", "一三九"}


def test_who_acts_is_shown_what_he_may_see(small_office: Office) -> None:
    """The answer of `fire`, of a batch, of a receipt, of a dry run, and the same answer again."""
    office, case = small_office, appeal(small_office)
    receipt = Receipt(repr)
    answers: list[Any] = [
        office.fire(case, "note", "wang"),
        office.engine.fire(case.id, "note", WANG, key="k", receipt=receipt),
        office.engine.fire(case.id, "note", WANG, key="k", receipt=receipt),
        office.engine.fire(case.id, "note", WANG, dry_run=True),
        *(o.case for o in office.engine.batch([Request(case=case.id, event="note", actor=WANG)])),
    ]
    for answer in (*answers, receipt.text):
        assert answer and not told(answer)
    assert answers[1] == answers[2]
    assert told(office.fire(case, "report_clues", "li", clues="线索")) == {"dep1", "dep2", "一三九"}


def test_a_hidden_person_is_no_actor_either(small_office: Office) -> None:
    office, case = small_office, appeal(small_office)
    office.fire(case, "explain", "dep1")
    office.engine.fire(case.id, "explain", Actor(person="dep2", on_behalf_of="dep1"))
    office.fire(case, "note", "wang", recipients=["dep1", "gov"])
    office.fire(case, "add_signers", "li", signers=["dep2", "dep9"])
    lines = office.engine.history(case.id, actor=QIAN)
    assert not told(lines)  # dep1 is a signer no more, and was one when he acted
    assert [line.actor for line in lines] == ["li", "li", "the signer", "the signer", "wang", "li"]
    assert lines[3].on_behalf_of == "the signer"
    assert lines[4].data["recipients"] == ["gov"]
    assert lines[0].hidden == ("@signer", "contact")
    assert not told(office.engine.history(case.id, actor=QIAN, after=2, limit=2))


def test_a_deputy_in_a_unit_sees_himself(small_office: Office) -> None:
    small_office.engine.grant("dep1", "unit_clerk", TENANT, unit="water")
    seen = small_office.engine.case(appeal(small_office).id, actor=DEP1)
    assert seen.data["signers"] == ["dep1"] and "dep2" not in repr(seen)


def test_who_was_in_the_unit_yesterday_sees_no_more(small_office: Office) -> None:
    gone = Grant(
        id="g", person="sun", role="unit_clerk", unit="roads", scope=TENANT, valid_until=date(2026, 1, 1)
    )
    office = Grant(id="h", person="sun", role="sc_office", scope=TENANT)
    small_office.engine.sync_grants("sun", [gone, office], by="set-up")
    assert small_office.engine.case(appeal(small_office).id, actor=SUN).hidden == IDENTITY


def test_the_party_of_a_child_is_hidden(small_office: Office) -> None:
    children = small_office.engine.children(appeal(small_office).id, actor=WANG)
    assert [(c.kind, c.party, c.relations) for c in children] == [("agreement", None, {"signer": ()})] * 2
    for child in children:
        assert not told(small_office.engine.history(child.id, actor=WANG))
        assert not told(small_office.engine.case(child.id, actor=WANG))
    assert {c.party for c in small_office.engine.search(actor=LI, kind="agreement")} == {"dep1", "dep2"}


def test_clues_are_for_the_offices(small_office: Office) -> None:
    """A field and the lines of an event that only some holders see; for the others the next lines have their numbers."""
    office, case = small_office, appeal(small_office, secret=False)
    office.fire(case, "report_clues", "sun", clues="线索在此")
    office.fire(case, "note", "wang")
    for who, shown in (("li", True), ("sun", True), ("wang", False), ("dep1", False), ("gov", False)):
        actor = Actor(person=who)
        seen, lines = office.engine.case(case.id, actor=actor), office.engine.history(case.id, actor=actor)
        assert ("clues" in seen.data, seen.hidden == ("clues",)) == (shown, not shown), who
        assert [line.seq for line in lines] == ([1, 2, 3, 4] if shown else [1, 2, 3])
        assert all(bool(line.hash) is shown for line in lines) and seen.seq == len(lines)
        assert ("线索在此" in repr((seen, lines))) is shown
    assert [office.engine.case_at(case.id, n, actor=WANG).seq for n in (1, 2, 3)] == [1, 2, 3]
    assert office.engine.case_at(case.id, 3, actor=LI).data["clues"]
    with pytest.raises(
        NotFound, match="ends with line 3"
    ):  # and nobody learns from the number that there are four
        office.engine.case_at(case.id, 4, actor=WANG)


def shape(office: Office, case: Case, actor: Actor) -> object:
    """All a person can count: what tells of nothing must be the same whether or not there is something hidden."""
    e = office.engine
    now, lines = e.case(case.id, actor=actor), e.history(case.id, actor=actor)
    told, _ = feed(e, actor, 0, 100)
    subscribed = [(event.seq, event.event, event.from_state) for event in told if event.case == case.id]
    return (
        now.seq, now.revision, [(line.seq, line.event, line.hash) for line in lines], subscribed,
        [e.case_at(case.id, n, actor=actor)[4:7] for n in range(1, now.seq + 1)],
        [line.seq for line in e.history(case.id, actor=actor, after=2, limit=5)],
        next(c for c in e.search(actor=actor, kind=case.kind) if c.id == case.id)[4:7],
    )  # fmt: skip


def test_a_hidden_line_leaves_no_trace(small_office: Office) -> None:
    """Two cases, one with clues and what became of them: a unit counts the same in both, and fires on what it has seen."""
    office, e = small_office, small_office.engine
    plain, clued = appeal(office, secret=False), appeal(office, secret=False)
    office.fire(clued, "report_clues", "sun", clues="线索在此")
    assert shape(office, plain, WANG) == shape(office, clued, WANG) != shape(office, clued, LI)
    inquest = office.child(clued, "inquests")
    for case in (plain, clued):
        seen = e.case(case.id, actor=WANG).revision
        if case is clued:
            office.fire(
                inquest, "address", "sun", unit="parks"
            )  # moves the family's revision, and nothing he sees
        for wrong in (seen - 1, e.case(case.id).revision):
            with pytest.raises(Conflict) as conflict:
                e.fire(case.id, "note", WANG, revision=wrong)
            assert conflict.value.revision == seen
        done = e.fire(case.id, "note", WANG, revision=seen, key=f"k{case.id}")
        assert e.case(case.id, actor=WANG).revision == done.revision == seen + 1
        office.fire(case, "explain", "dep1")
        if case is clued:
            office.fire(clued, "report_clues", "sun", clues="再报")
        again = e.fire(case.id, "note", WANG, revision=seen, key=f"k{case.id}")
        assert (again.seq, again.revision) == (done.seq, done.revision)
        (outcome,) = e.batch([Request(case=case.id, event="note", actor=WANG, revision=seen + 2)])
        assert outcome.case is not None and outcome.case.revision == seen + 3
    assert shape(office, plain, WANG) == shape(office, clued, WANG)
    assert (
        e.fire(clued.id, "note", WANG, revision=e.case(clued.id, actor=WANG).revision, dry_run=True).seq == 6
    )


# --- whole cases


@pytest.fixture
def inquest(small_office: Office) -> Case:
    case = appeal(small_office)
    small_office.fire(case, "report_clues", "li", clues="线索")
    return small_office.child(case, "inquests")


def sees(office: Office, case: Case, who: str) -> bool:
    """Whether that person sees it, asked in every way."""
    e, actor, answers = office.engine, Actor(person=who), set[bool]()
    for ask in (
        lambda: e.case(case.id, actor=actor), lambda: e.history(case.id, actor=actor), lambda: e.permitted(case.id, actor),
        lambda: e.case_at(case.id, 1, actor=actor),
    ):  # fmt: skip
        try:
            ask()
            answers.add(True)
        except NotFound:
            answers.add(False)
    answers.add(case.id in {c.id for c in e.search(actor=actor, kind="inquest")})
    answers.add(case.id in {c.id for c in e.children(case.root, actor=actor)})
    for asked in (Filter(kind="inquest"), Filter(kind="inquest", closed=False), Filter(closed=False)):
        answers.add(case.id in {c.id for c in find(e, actor, asked).cases})
    for asked in (Filter(kind="inquest"), Filter(kind="inquest", closed=False)):
        answers.add(tally(e, actor, [asked]) == [1])
    (answer,) = answers
    return answer


def test_a_case_is_seen_by_whom_its_definition_names(small_office: Office, inquest: Case) -> None:
    office = small_office
    seen = {
        who: sees(office, inquest, who)
        for who in ("sun", "dep1", "dep2", "li", "gov", "wang", "wu", "qian", "nobody")
    }
    assert {who for who, yes in seen.items() if yes} == {"sun", "dep1", "dep2"}
    office.fire(inquest, "address", "sun", unit="parks")
    assert sees(office, inquest, "chen")  # the head of the unit it is addressed to
    assert not sees(office, inquest, "feng")  # its clerk is not named
    assert office.engine.case(inquest.id, actor=CHEN).hidden == ("contact",)
    assert office.engine.case(inquest.id, actor=DEP1).data["contact"] == "一三九"


def test_nobody_learns_of_it_by_trying(small_office: Office, inquest: Case) -> None:
    """A refusal, an unknown event, a wrong revision: all sound like a case that is not there."""
    office = small_office
    tries: list[dict[str, Any]] = [{"event": "end"}, {"event": "no_such"}, {"event": "end", "revision": 9}]
    for attempt in tries:
        told_ = set()
        for id_ in (inquest.id, "a" * len(inquest.id)):
            with pytest.raises(NotFound) as refusal:
                office.engine.fire(id_, attempt["event"], WANG, {}, revision=attempt.get("revision"))
            told_.add(str(refusal.value).replace(id_, "…"))
            (outcome,) = office.engine.batch([Request(case=id_, event=attempt["event"], actor=WANG)])
            told_.add(str(outcome.error).replace(id_, "…"))
            with pytest.raises(NotFound) as refusal:
                office.engine.invite(id_, "end", "x", until=date(2026, 4, 1), by=WANG)
            told_.add(str(refusal.value).replace(id_, "…"))
        assert len(told_) == 1


def test_a_newer_version_decides_who_sees_its_cases(
    small_office: Office, small: Library, inquest: Case
) -> None:
    """A node that has not yet heard of a definition asks it before it shows one of its cases."""
    left = {name: law for name, law in small.definitions.items() if name != "inquest"}
    older = replace(small, definitions=left, versions={})
    engine = Engine(small_office.engine.database, older, clock=small_office.clock)
    assert [c.id for c in engine.search(actor=LI, kind="inquest")] == []
    assert [c.id for c in engine.search(actor=SUN, kind="inquest")] == [inquest.id]


# --- as shipped


def test_a_protected_deputy_in_xianning(office: Office) -> None:
    """Invariant 21: the units work on the matter and do not learn whose it is; the offices and the deputies do."""
    case = office.handling("dep1", "dep2", co=("roads",), secrecy="identity")
    for who in ("wang", "wu", "qian", "zhao"):
        looked = [
            office.engine.case(case.id, actor=Actor(person=who)),
            office.engine.history(case.id, actor=Actor(person=who)),
        ]
        assert not told(looked + office.engine.children(case.id, actor=Actor(person=who))), who
    for who in ("li", "sun", "dep1"):
        assert office.engine.case(case.id, actor=Actor(person=who)).relations["signer"] == ("dep1", "dep2")
    open_case = office.handling("dep1", "dep2")
    assert office.engine.case(open_case.id, actor=WANG).relations["signer"] == ("dep1", "dep2")


def test_what_goes_to_the_procuratorate_is_not_told_the_unit(office: Office) -> None:
    case = office.handling("dep1")
    area = {"procuratorate_area": "environment", "public_interest": "河道"}
    office.fire(case, "transfer_to_procuratorate", "li", **area)
    conversion = office.child(case, "conversions")
    for who in ("wang", "wu", "gov"):
        with pytest.raises(NotFound):
            office.engine.case(conversion.id, actor=Actor(person=who))
    assert "河道" not in repr(
        [office.engine.case(case.id, actor=WU), office.engine.history(case.id, actor=WU)]
    )
    for who in ("li", "sun", "dep1"):
        assert office.engine.case(conversion.id, actor=Actor(person=who)).data["public_interest"] == "河道"


def test_who_asks_for_a_hidden_name_learns_no_more_than_who_reads(office: Office) -> None:
    """Else a unit would find out by asking for one deputy after the other; pages stay full all the same."""
    e = office.engine
    secret = [office.assigned("dep1", secrecy="identity").id for _ in range(3)]
    plain = [office.assigned("dep1").id for _ in range(3)]
    assert {c.id for c in e.search(actor=WANG)} == {*secret, *plain}
    for limit in (1, 2, 3, 100):
        pages, after = [], None
        while page := e.search(actor=WANG, unit="dep1", after=after, limit=limit):
            assert len(page) <= limit
            pages += [c.id for c in page]
            after = page[-1].id
        assert pages == sorted(plain)
        pages, place, asked = [], None, Filter(party="dep1", roots=True)
        while True:
            found = find(e, WANG, asked, sort="due_on", after=place, limit=limit)
            pages += [c.id for c in found.cases]
            if (place := found.next) is None:
                break
            assert len(found.cases) == limit and place[1] == pages[-1], (
                "where the next page begins names no other case"
            )
        assert sorted(pages) == sorted(plain)
    assert {c.id for c in e.search(actor=LI, unit="dep1")} == {*secret, *plain}
    assert {c.id for c in e.search(actor=WANG, unit="water")} == {*secret, *plain}


def test_numbers_and_lists_asked_by_a_name_tell_no_more_than_the_case(office: Office) -> None:
    """A deputy who asked not to be named to the unit: no list, no count, no figure, no bucket of that unit's clerk finds the case
    by her name; by its own name, and for the office by hers, it is found.
    """
    hiding = next(
        c.id
        for c in office.engine.library.codes["secrecy"].values.values()
        if c.meanings.get("hides_identity")
    )
    case = office.assigned("dep1", "dep2", secrecy=hiding)
    clerk, li, engine = Actor(person="wang"), Actor(person="li"), office.engine
    by_name, own = Filter(party="dep1", roots=True), Filter(party="water", roots=True)
    for reader, asked, seen in ((clerk, by_name, 0), (li, by_name, 1), (clerk, own, 1)):
        assert [one.id for one in find(engine, reader, asked).cases] == [case.id] * seen
        assert count(engine, reader, asked) == seen
        assert tally(engine, reader, [asked]) == [seen]
        assert sum(one.open for one in figures(engine, reader, asked, ["kind"], Period())) == seen
        related = replace(asked, relation="signer" if asked is by_name else "lead")
        assert count(engine, reader, related) == seen


def test_that_something_hidden_happened_is_not_found_out_by_asking_when(office: Office) -> None:
    case = office.handling()
    office.fire(
        case, "transfer_to_procuratorate", "li", procuratorate_area="environment", public_interest="水源"
    )
    ran = Ran(clocks=("acceptance",), events=("transfer_to_procuratorate",), period=Period())
    asked = Filter(kind="suggestion", ran=ran)
    for reader, seen in (("wang", 0), ("li", 1)):
        assert len(find(office.engine, Actor(person=reader), asked).cases) == seen
        assert count(office.engine, Actor(person=reader), asked) == seen


def test_the_filter_of_a_person_is_made_once_and_anew_with_his_grants(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, lin, wang, made = office.engine, Actor(person="lin"), Actor(person="wang"), list[str]()
    visible = Questions.visible
    monkeypatch.setattr(
        Questions,
        "visible",
        lambda self, person, *rest, **more: made.append(person) or visible(self, person, *rest, **more),
    )
    case = office.assigned()
    for _ in range(3):
        assert not engine.search(actor=lin)
        assert [found.id for found in engine.search(actor=wang)] == [case.id]
    assert sorted(made) == ["lin", "wang"]
    engine.grant("lin", "unit_clerk", TENANT, unit="water")
    assert [found.id for found in engine.search(actor=lin)] == [case.id]
    engine.sync_grants("lin", [], by="li")
    assert not engine.search(actor=lin)
