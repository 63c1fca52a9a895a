"""A guard over another root case: read and held while the event is decided, so that no decision rests on a case that has moved."""

from __future__ import annotations

import re
from typing import Any

import pytest
from sqlalchemy import event as hook

from workflow import Actor, Case, Conflict, Engine
from workflow.errors import FormInvalid
from workflow.library import Library
from workflow.model import Request

from .lifecycle import TENANT, Office, statements

LI = Actor(person="li")


def inquiry(office: Office) -> Case:
    case = office.engine.start("inquiry", LI, {}, tenant=TENANT)
    return office.fire(case, "ask", "li", lead_unit="water", co_units=["roads"])


def joined(office: Office, **data: Any) -> Case:
    return office.engine.start("joined", LI, data, tenant=TENANT)


def recorded(office: Office, **data: Any) -> Case:
    """An old record, which is not asked whether what it names is here."""
    return office.engine.start("joined", LI, data, tenant=TENANT, imported=True)


def test_it_goes_where_its_master_is(small_office: Office) -> None:
    office, master = small_office, inquiry(small_office)
    case, child = joined(office, master=master.id), joined(office, master=master.id)
    follower = office.child(child, "followers")
    assert office.reasons(follower, "go", "li") == {"condition_not_met"}
    assert office.fire(case, "leave", "li").state == "open"
    assert office.fire(joined(office, master=master.id), "follow", "li").state == "freed"
    office.fire(master, "close", "li", grade="TOWN:A")
    assert office.reasons(case, "leave", "li") == {"condition_not_met"}
    assert office.fire(follower, "go", "li").state == "gone"  # a child asks its root's link
    assert office.fire(case, "follow", "li").state == "followed"
    assert office.reasons(joined(office), "join", "li", master=master.id) == {"condition_not_met"}


def test_of_no_case_nothing_is_known(small_office: Office) -> None:
    """Not given, not there, of another kind, a child: the guard says what is missing."""
    office = small_office
    other, family = joined(office), joined(office)
    child = office.child(family, "followers")
    assert office.reasons(joined(office), "follow", "li") == {"missing"}
    for id_ in ("absent", other.id, child.id, "x" * 80, "\u4e00"):
        assert office.reasons(joined(office), "join", "li", master=id_) == {"form.case"}, id_
    for id_ in ("absent", other.id):
        assert office.reasons(recorded(office, master=id_), "leave", "li") == {"missing"}, id_


def test_a_form_names_neither_the_case_itself_nor_one_of_another_tenant(small_office: Office) -> None:
    """It is said at the field, in both languages; of another tenant's case in the words for one that is not there."""
    office, case = small_office, joined(small_office)
    office.engine.grant("xi", "deputy_affairs", "hb/huangshi")
    there = office.engine.start("inquiry", Actor(person="xi"), {}, tenant="hb/huangshi")
    said = {}
    for id_ in (case.id, there.id, "absent"):
        for dry in (True, False):
            with pytest.raises(FormInvalid) as refusal:
                office.engine.fire(case.id, "join", LI, {"master": id_}, dry_run=dry)
            (said[id_],) = refusal.value.reasons
            assert said[id_].field == "master"
        (done,) = office.engine.batch([Request(case=case.id, event="join", actor=LI, data={"master": id_})])
        assert isinstance(done.error, FormInvalid)
    assert (said[case.id].code, str(said[case.id].text.zh)) == ("form.itself", "主案：不能是本件自己")
    assert said[case.id].text.en == "master item must be another case than this one"
    assert said[there.id] == said["absent"]
    assert said["absent"].text.zh.startswith("主案：没有这样的“")
    stands = office.now(case)
    assert (stands.seq, stands.data) == (1, {})
    # Named by an old record: nothing is known of it.
    assert office.reasons(recorded(office, master=there.id), "leave", "li") == {"missing"}


def test_an_old_record_is_not_asked_how_another_case_stands_today(small_office: Office) -> None:
    office, master = small_office, inquiry(small_office)
    office.fire(master, "close", "li", grade="TOWN:A")
    for id_ in (master.id, "not imported"):
        old = office.engine.start("joined", LI, {"master": id_}, tenant=TENANT, imported=True)
        assert office.engine.fire(old.id, "leave", LI, imported=True).seq == 2
    old = office.engine.start("joined", LI, {}, tenant=TENANT, imported=True)
    assert office.engine.fire(old.id, "join", LI, {"master": "not imported"}, imported=True).seq == 2


def test_permitted_a_dry_run_and_a_batch_say_the_same(small_office: Office) -> None:
    office, master = small_office, inquiry(small_office)
    case = joined(office, master=master.id)
    allowed = {p.event: p.allowed for p in office.engine.permitted(case.id, LI)}
    assert allowed == {"join": True, "leave": True, "follow": True}
    assert office.engine.fire(case.id, "follow", LI, dry_run=True).state == "freed"
    office.fire(master, "close", "li", grade="TOWN:A")
    (leave,) = [p for p in office.engine.permitted(case.id, LI) if p.event == "leave"]
    assert [r.code for r in leave.reasons] == ["condition_not_met"]
    assert office.engine.fire(case.id, "follow", LI, dry_run=True).state == "followed"
    rows = [Request(case=case.id, event=name, actor=LI) for name in ("leave", "follow")]
    first, second = office.engine.batch(rows)
    assert first.error is not None and second.case is not None and second.case.state == "followed"


def test_the_master_stands_still_until_it_is_decided(small_office: Office, small: Library) -> None:
    """While an event that asked about it is not committed, nobody moves it; afterwards anybody may."""
    office, master = small_office, inquiry(small_office)
    case = joined(office, master=master.id)
    database = Engine.connect(office.engine.database.url.render_as_string(hide_password=False))
    hook.listen(database, "connect", impatient)
    other = Engine(database, small, clock=office.clock)
    with office.engine.database.begin() as host:
        assert office.engine.fire(case.id, "leave", LI, session=host).seq == 2
        with pytest.raises(Conflict):
            other.fire(master.id, "close", LI, {"grade": "TOWN:A"})
    assert other.fire(master.id, "close", LI, {"grade": "TOWN:A"}).state == "done"
    database.dispose()


def impatient(driver: Any, _record: Any) -> None:
    """Waits for no lock longer than a moment."""
    if hasattr(driver, "autocommit") and hasattr(driver, "info"):
        driver.execute("set lock_timeout = '20ms'")
        driver.commit()
    else:
        driver.execute("pragma busy_timeout = 20")


def test_the_form_of_a_new_case_is_asked_the_same(small_office: Office) -> None:
    office, master = small_office, inquiry(small_office)
    assert joined(office, master=master.id).data == {"master": master.id}
    office.engine.grant("xi", "deputy_affairs", "hb/huangshi")
    there = office.engine.start("inquiry", Actor(person="xi"), {}, tenant="hb/huangshi")
    for id_ in (there.id, "absent", joined(office).id):
        for dry in (True, False):
            with pytest.raises(FormInvalid) as refusal:
                office.engine.start("joined", LI, {"master": id_}, tenant=TENANT, dry_run=dry)
            assert [(one.code, one.field) for one in refusal.value.reasons] == [("form.case", "master")]


def test_a_case_that_no_guard_follows_is_one_that_the_actor_may_know_of(office: Office) -> None:
    """Of the kind that the definition says, of this tenant or of one above or below; one that is kept from him is refused in the
    very words for one that is not there, by a rehearsal and in a batch too.
    """
    engine, suggestion = office.engine, office.filed()
    engine.grant("keeper", "station_keeper", TENANT, unit="st1")
    keeper = Actor(person="keeper")

    def opinion(tenant: str = TENANT, unit: str = "st1", who: Actor = keeper, **data: Any) -> Case:
        given = {
            "station_unit": unit, "received_on": "2026-03-02", "intake": "visit", "receivers": ["dep1"], "subject": "路灯",
            "opinion_text": "路灯不亮", **data,
        }  # fmt: skip
        return engine.start("opinion", who, given, tenant=tenant)

    engine.grant("elsewhere", "station_keeper", TENANT, unit="st2")
    engine.grant("above", "station_keeper", "hb", unit="st0")
    engine.grant("beside", "station_keeper", "hb/huangshi", unit="st1")
    case, same = opinion(), opinion()
    hidden = opinion(unit="st2", who=Actor(person="elsewhere"))
    above = opinion("hb", "st0", Actor(person="above"))
    beside = opinion("hb/huangshi", "st1", Actor(person="beside"))
    said = {}
    for id_ in ("absent", hidden.id, above.id, beside.id, suggestion.id):
        for dry in (True, False):
            with pytest.raises(FormInvalid) as refusal:
                engine.fire(case.id, "join_duplicate", keeper, {"master": id_}, dry_run=dry)
            (said[id_],) = refusal.value.reasons
        (done,) = engine.batch(
            [Request(case=case.id, event="join_duplicate", actor=keeper, data={"master": id_})]
        )
        assert isinstance(done.error, FormInvalid) and done.error.reasons == (said[id_],)
    assert {(one.code, one.field, one.text.zh) for one in said.values()} == {
        ("form.case", "master", "同件（主件）：没有这样的“社情民意”案件")
    }
    engine.grant("keeper", "station_keeper", "hb", unit="st0")
    joined_ = engine.fire(opinion().id, "join_duplicate", keeper, {"master": above.id})
    assert joined_.data["master"] == above.id
    (done,) = engine.batch(
        [Request(case=case.id, event="join_duplicate", actor=keeper, data={"master": same.id})]
    )
    assert done.case is not None and done.case.data["master"] == same.id


def test_a_batch_asks_once_of_all_the_cases_that_its_rows_name(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which of them the caller may know of, and which of the others there are: two questions, for few rows and for many."""
    engine, keeper = office.engine, Actor(person="keeper")
    engine.grant("keeper", "station_keeper", TENANT, unit="st1")
    told = {
        "station_unit": "st1", "received_on": "2026-03-02", "intake": "visit", "receivers": ["dep1"], "subject": "路灯",
        "opinion_text": "路灯不亮",
    }  # fmt: skip
    master, *others = (engine.start("opinion", keeper, told, tenant=TENANT).id for _ in range(7))
    rows = [
        Request(case=case, event="join_duplicate", actor=keeper, data={"master": id_})
        for case, id_ in zip(others, [master, "absent"] * 3, strict=True)
    ]
    for some in (rows[:2], rows[2:]):
        with statements(engine.database, monkeypatch) as seen:
            done = engine.batch(some)
        assert [one.error is None for one in done] == [True, False] * (len(some) // 2)
        assert sum(_asks_for_ids(one) for one in seen) == 2, seen


def _asks_for_ids(statement: str) -> bool:
    """Of some cases their ids alone, and nothing of who holds them."""
    return re.match(r"select \w+cases\.id\s+from \w+cases\s+where", statement.lower()) is not None


def test_every_field_that_names_a_case_says_of_which_kind_unless_there_are_several(library: Library) -> None:
    several = {
        ("suggestion", "arises_from"), ("suggestion_draft", "arises_from"), ("duty_task", "evidence_case"),
        ("opinion", "joint_case"),
    }  # fmt: skip
    named = {
        (name, field.name): field.of
        for name, one in library.definitions.items()
        for field in one.fields.values()
        if field.type == "case"
    }
    assert {at for at, of in named.items() if of is None} == several
    assert named["opinion", "master"] == "opinion"
    assert (
        named["activity", "related_suggestion"]
        == named["reverse_conversion", "suggestion_case"]
        == "suggestion"
    )
