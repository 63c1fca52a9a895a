"""A rule of the place erases what a field keeps, some days after the end (docs/decisions/0037): when, what, by whom alone, and once."""

from __future__ import annotations

import io
import json
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy.exc import DBAPIError

from definitions.papers import Papers
from workflow import Actor, Case, Engine, check_export, load_definitions
from workflow.aside import Aside
from workflow.authorization import Permit
from workflow.cli import main
from workflow.errors import NotFound, NotPermitted
from workflow.export import export_history
from workflow.history import canonical, commitment
from workflow.library import Library
from workflow.loader import definition_from_content
from workflow.model import SYSTEM, Fired, PartialDate, Receipt
from workflow.random import SeededRandom
from workflow.testing import FrozenClock
from workflow.verify import verify

from .histories import FOLDER, HERE, LI, TENANT, TODAY, WANG, clock, disarm, own, rehash, rows, staff
from .lifecycle import TENANT as XIANNING
from .lifecycle import Office
from .test_erasure import dump
from .test_page_cost import steps
from .test_whole_mechanism import OPINION

CANARY = "13900001234-CANARY"
KEPT = "phone: {zh: 电话, en: telephone, type: text"
LAST = date(2025, 7, 2)
"""thirty days after the 2nd of June"""
FOLLOW = """
definition: follow
version: 1
title: {zh: 后续, en: follow-up}
source: 镇规定
initial: begun
fields:
  arises_from: {zh: 来自, en: from, type: case}
  title: {zh: 标题, en: title, type: text}
  phone: {zh: 电话, en: telephone, type: text, kept: phone_kept}
states:
  begun: {zh: 已开始, en: begun, holder: office}
  done: {zh: 已完, en: done, end: true, decided: true}
start: {by: office, form: [arises_from?, title, phone?], source: 镇规定}
events:
  finish: {zh: 完, en: finish, from: begun, to: done, by: office, source: 镇规定}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The town's definitions, whose telephones are kept for thirty days; an answer begets a follow-up with a copy."""
    made = tmp_path_factory.mktemp("kept")
    for path in FOLDER.glob("*.yaml"):
        text = path.read_text(encoding="utf-8").replace(KEPT, f"{KEPT}, kept: phone_kept")
        text = text.replace("    form: [answer]\n", "    form: [answer]\n    begets: follow\n")
        if path.stem == "town":
            text += "  phone_kept: {zh: 电话保存期, en: how long a telephone is kept, value: 30, unit: calendar_day,"
            text += " source: 设计, confidence: d}\n"
        (made / path.name).write_text(text, encoding="utf-8")
    (made / "follow.yaml").write_text(FOLLOW, encoding="utf-8")
    return made


@pytest.fixture(scope="module")
def keeping(folder: Path) -> Library:
    return load_definitions(folder)


def opened(url: str, keeping: Library, seed: int = 7, **more: Any) -> Engine:
    given = {"clock": FrozenClock(TODAY), "random": SeededRandom(seed), **more}
    return Engine(Engine.connect(url), keeping, **given)


def founded(url: str, keeping: Library) -> Engine:
    engine = opened(url, keeping)
    engine.create_schema()
    staff(engine)
    return engine


@pytest.fixture
def town(database_url: str, keeping: Library) -> Iterator[Engine]:
    """On each of both databases."""
    engine = founded(database_url, keeping)
    yield engine
    engine.database.dispose()


@pytest.fixture
def small_town(sqlite_url: str, keeping: Library) -> Iterator[Engine]:
    """Where no statement is asked that the other tests do not ask on both."""
    engine = founded(sqlite_url, keeping)
    yield engine
    engine.database.dispose()


def ended(engine: Engine, phone: str | None = CANARY) -> Case:
    """A letter with its review, both over today; its follow-up is not."""
    data = {"title": "题", **({"phone": phone} if phone else {})}
    case = engine.start("letter", LI, data, tenant=TENANT)
    engine.fire(case.id, "assign", LI, {"lead_unit": "water"})
    engine.fire(case.id, "reply", WANG, {"answer": "已修"})
    engine.fire(case.id, "close", LI)
    return engine.fire(review(engine, case), "judge", LI, {"opinion": "好"}) and engine.case(case.id)


def review(engine: Engine, case: Case) -> str:
    return engine.children(case.id)[0].id


def follow(engine: Engine, case: Case) -> Case:
    return next(one for one in engine.search(kind="follow") if one.data.get("arises_from") == case.id)


def until(engine: Engine, day: date, hour: int = 0, minute: int = 0) -> list[Fired]:
    """What was erased when the town's clock shows that."""
    instant = datetime(day.year, day.month, day.day, hour, minute, tzinfo=ZoneInfo("Asia/Shanghai"))
    clock(engine).advance(seconds=(instant - engine.clock.now()).total_seconds())
    found: list[Fired] = []
    while fired := engine.tick():
        found += [one for one in fired if one.event == "erase"]
    return found


def armed(engine: Engine) -> list[tuple[str, str]]:
    return [tuple(row) for row in rows(engine, "select case_id, until_on from {p}retention order by case_id")]


# --- when


def test_on_the_day_after_the_last_and_not_before(town: Engine) -> None:
    case = ended(town)
    child = review(town, case)
    assert until(town, LAST, 23, 59) == []
    assert town.case(case.id).data["phone"] == CANARY
    fired = until(town, date(2025, 7, 3))
    assert sorted((one.case, one.event) for one in fired) == sorted([(case.id, "erase"), (child, "erase")])
    for id_ in (case.id, child):
        assert "phone" not in town.case(id_).data
        assert "phone" not in town.case_at(id_, 1).data
        line = town.history(id_)[-1]
        assert (line.event, line.actor, line.role, line.automatic) == ("erase", SYSTEM, None, "lapse")
        assert line.data == {"@erased": {"phone": 1}, "@rule": "phone_kept"}
        assert line.from_state == line.to_state == town.case(id_).state
        assert town.history(id_)[0].erased == ("phone",)
    assert town.case(case.id).data == {"title": "题", "lead_unit": "water", "answer": "已修"}
    assert armed(town) == []
    assert until(town, date(2025, 12, 1)) == []


def test_nothing_of_it_is_left_and_the_chain_is_whole(town: Engine, tmp_path: Path) -> None:
    case = ended(town)
    town.fire(follow(town, case).id, "finish", LI)
    until(town, date(2025, 7, 3))
    assert CANARY not in dump(town)
    report = verify(town.store)
    assert (report.faults, report.erased) == ((), 3)
    file = tmp_path / "export.jsonl"
    with file.open("w", encoding="utf-8") as out:
        export_history(town.store, out)
    assert CANARY not in file.read_text(encoding="utf-8")
    assert check_export.check(str(file)).faults == 0


def test_sqlites_log_is_emptied_after_a_tick_that_erased(
    small_town: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once, when all of it is committed; any other tick leaves the log alone."""
    ended(small_town)
    left = list[int]()
    monkeypatch.setattr(small_town.store, "settle", lambda: left.append(dump(small_town).count(CANARY)))
    assert until(small_town, LAST, 23, 59) == [] and left == []
    assert until(small_town, LAST + timedelta(days=1))
    assert len(left) == 1
    until(small_town, LAST + timedelta(days=2))
    assert len(left) == 1


def test_while_one_of_the_family_is_open_nothing_is_counted(town: Engine) -> None:
    case = town.start("letter", LI, {"title": "题", "phone": CANARY}, tenant=TENANT)
    town.fire(case.id, "assign", LI, {"lead_unit": "water"})
    town.fire(case.id, "reply", WANG, {"answer": "已修"})
    town.fire(case.id, "close", LI)
    assert armed(town) == []
    until(town, date(2025, 8, 1))
    town.fire(review(town, case), "judge", LI, {"opinion": "好"})
    assert {day for _, day in armed(town)} == {"2025-08-31"}


def test_a_copy_in_another_family_goes_by_its_own_end(small_town: Engine) -> None:
    """What is being worked with is never taken away, and what is over does not wait for it."""
    case = ended(small_town)
    until(small_town, date(2025, 7, 3))
    other = follow(small_town, case)
    assert other.data["phone"] == CANARY
    small_town.fire(other.id, "finish", LI)
    assert until(small_town, date(2025, 8, 2), 23, 59) == []
    assert [one.case for one in until(small_town, date(2025, 8, 3))] == [other.id]


def test_where_nothing_was_said_or_it_was_erased_by_hand_no_line_is_written(small_town: Engine) -> None:
    silent, asked = ended(small_town, phone=None), ended(small_town)
    small_town.erase(asked.id, ["phone"], actor=LI, reason="本人要求")
    lines = [len(small_town.history(one.id)) for one in (silent, asked)]
    until(small_town, date(2025, 7, 3))
    assert [len(small_town.history(one.id)) for one in (silent, asked)] == lines
    assert armed(small_town) == []
    assert verify(small_town.store).sound


def test_opened_again_it_is_stopped_and_the_second_end_arms_it_anew(
    database_url: str, keeping: Library
) -> None:
    """No definition that passes `check` leaves an end; a stored one of another day might, and a child can begin late."""
    content = json.loads(keeping.definition("follow").content)
    content["events"]["reopen"] = {**content["events"]["finish"], "from": ["done"], "to": "begun"}
    loose = definition_from_content(json.dumps(content, ensure_ascii=False, sort_keys=True), keeping)
    keeping = replace(keeping, definitions={**keeping.definitions, "follow": loose})
    engine = founded(database_url, keeping)
    case = engine.start("follow", LI, {"title": "题", "phone": CANARY}, tenant=TENANT)
    engine.fire(case.id, "finish", LI)
    assert armed(engine) == [(case.id, LAST.isoformat())]
    until(engine, date(2025, 6, 20))
    engine.fire(case.id, "reopen", LI)
    assert armed(engine) == []
    assert until(engine, date(2025, 8, 1)) == []
    engine.fire(case.id, "finish", LI)
    assert armed(engine) == [(case.id, "2025-08-31")]
    assert [one.case for one in until(engine, date(2025, 9, 1))] == [case.id]
    engine.database.dispose()


def test_an_old_record_is_counted_from_the_day_it_came_in(small_town: Engine) -> None:
    office = Actor(person="import")
    case = small_town.start(
        "follow",
        office,
        {"title": "旧", "phone": CANARY},
        tenant=TENANT,
        imported=True,
        effective_on=PartialDate.parse("2019-03"),
    )
    small_town.fire(case.id, "finish", office, imported=True, effective_on=PartialDate.parse("2019"))
    assert armed(small_town) == [(case.id, LAST.isoformat())]
    assert until(small_town, LAST) == []
    assert [one.case for one in until(small_town, date(2025, 7, 3))] == [case.id]


def test_after_an_outage_it_goes_at_the_first_tick(small_town: Engine) -> None:
    case = ended(small_town)
    fired = until(small_town, date(2026, 1, 5))
    assert case.id in {one.case for one in fired}
    assert {one.due_at.isoformat() for one in fired} == {"2025-07-02T16:00:00+00:00"}
    assert verify(small_town.store).sound


# --- who


def test_nobody_else_makes_it_happen(small_town: Engine) -> None:
    """It is no event: neither the unit nor the office nor whoever calls himself the system can fire it, or erase without a grant."""
    case = ended(small_town)
    until(small_town, LAST)
    for who in (WANG, LI, Actor(person=SYSTEM), Actor(person="nobody")):
        with pytest.raises(NotFound):
            small_town.fire(case.id, "erase", who)
    for who, error in ((WANG, NotPermitted), (Actor(person=SYSTEM), NotFound)):
        with pytest.raises(error):
            small_town.erase(case.id, ["phone"], actor=who, reason="到期")
    assert armed(small_town)
    assert small_town.case(case.id).data["phone"] == CANARY


LINE = (
    "insert into {p}history(case_id, seq, recorded_at, effective_on, event, from_state, to_state, actor, automatic, definition,"
    " commitments, prev, hash) select case_id, seq + 1, :at, effective_on, :event, to_state, to_state, 'system', 'lapse',"
    " definition, '{{}}', hash, 'x' from {p}history where case_id = :case order by seq desc limit 1"
).replace("{{}}", "{}")


@pytest.mark.parametrize(
    ("event", "at"),
    [("erase", "2025-07-02T15:59:59.000000+00:00"), ("close", "2025-07-03T00:00:00.000000+00:00")],
)
def test_the_database_itself_lets_the_system_write_it_only_when_the_row_is_due(
    town: Engine, event: str, at: str
) -> None:
    case = ended(town)
    with pytest.raises(DBAPIError, match="decision"):
        own(town, LINE, case=case.id, event=event, at=at)
    with pytest.raises(DBAPIError, match="decision"):
        own(town, LINE, case=follow(town, case).id, event="erase", at="2025-07-03T00:00:00.000000+00:00")


def test_what_another_field_or_another_rule_lost_is_found(town: Engine, tmp_path: Path) -> None:
    """Whoever owns the database writes himself a line of the system's, with all its hashes."""
    case = ended(town)
    until(town, date(2025, 7, 3))
    disarm(town)
    seq = len(town.history(case.id))
    body = rows(town, f"select body from {{p}}disclosure {HERE}", case=case.id, seq=seq)[0].body
    forge(town, case.id, seq, body.replace("phone_kept", "reply"))
    assert {fault.code for fault in verify(town.store).faults} == {"decision"}
    assert "the system decided" in judged(town, tmp_path)
    forge(town, case.id, seq, body.replace('"phone"', '"title"'))
    assert {fault.code for fault in verify(town.store).faults} >= {"decision"}
    assert "the system decided" in judged(town, tmp_path)
    forge(town, case.id, seq, body)
    assert verify(town.store).sound
    own(town, f"update {{p}}history set automatic = null {HERE}", case=case.id, seq=seq)
    rehash(town, case.id)
    assert {fault.code for fault in verify(town.store).faults} == {"decision"}
    assert "the system decided" in judged(town, tmp_path)


def forge(engine: Engine, case: str, seq: int, body: str) -> None:
    """The line says that from now on, and its commitments and hashes agree."""
    promised = canonical({name: commitment(*pair) for name, pair in json.loads(body).items()})
    own(engine, f"update {{p}}disclosure set body = :body {HERE}", body=body, case=case, seq=seq)
    own(
        engine,
        f"update {{p}}history set commitments = :promised {HERE}",
        promised=promised,
        case=case,
        seq=seq,
    )
    rehash(engine, case)


def judged(engine: Engine, tmp_path: Path) -> str:
    """What the stand-alone checker finds first in an export."""
    file = tmp_path / "export.jsonl"
    with file.open("w", encoding="utf-8") as out:
        export_history(engine.store, out)
    return check_export.check(str(file)).first


# --- once, whatever happens


def test_dying_on_the_way_leaves_all_of_it_or_nothing(town: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    case = ended(town)

    class Died(BaseException):
        pass

    def die(*_: object, **__: object) -> None:
        raise Died

    with monkeypatch.context() as patched:
        patched.setattr(Aside, "tell", die)
        with pytest.raises(Died):
            until(town, date(2025, 7, 3))
    assert town.case(case.id).data["phone"] == CANARY
    assert verify(town.store).sound
    assert len(until(town, date(2025, 7, 3))) == 2


def test_one_that_cannot_be_done_holds_up_no_other_and_is_tried_on_the_next_day(
    town: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    case, other = ended(town), ended(town, "another")
    tell = Aside.tell

    def fails(self: Any, family: Any, event: Any, shown: Any, permit: Permit | None, **more: Any) -> None:
        if case.id in shown:
            raise ZeroDivisionError
        tell(self, family, event, shown, permit, **more)

    with monkeypatch.context() as patched:
        patched.setattr(Aside, "tell", fails)
        assert {one.case for one in until(town, date(2025, 7, 3))} >= {other.id}
    assert town.case(case.id).data["phone"] == CANARY
    assert town.health().unerased == 1
    assert until(town, date(2025, 7, 3), 23, 59) == []
    assert [one.case for one in until(town, date(2025, 7, 4))] == [case.id]
    assert town.health().unerased == 0


def test_on_several_nodes_at_once_each_is_erased_once(
    town: Engine, database_url: str, keeping: Library
) -> None:
    cases = {ended(town, f"{n}").id for n in range(4)}
    late = FrozenClock(date(2025, 7, 3))
    nodes = [opened(database_url, keeping, seed, clock=late) for seed in (11, 12)]
    start, found = threading.Barrier(2), list[Fired]()

    def tick(engine: Engine) -> None:
        start.wait()
        while fired := engine.tick():
            found.extend(one for one in fired if one.event == "erase")

    threads = [threading.Thread(target=tick, args=(node,)) for node in nodes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == len({one.case for one in found}) == 8
    assert [sum(line.event == "erase" for line in town.history(case)) for case in cases] == [1] * 4
    assert verify(town.store).sound
    for node in nodes:
        node.database.dispose()


class Leaping(FrozenClock):
    """Beside it a steady clock that knows of no leap."""

    def monotonic(self) -> float:
        return 0.0


def test_a_clock_that_leapt_erases_nothing(small_town: Engine, sqlite_url: str, keeping: Library) -> None:
    case = ended(small_town)
    node = opened(sqlite_url, keeping, 13, clock=Leaping(TODAY))
    node.tick()
    clock(node).advance(days=400)
    assert node.tick() == []
    assert node.case(case.id).data["phone"] == CANARY
    node.database.dispose()


# --- how much, and what is told


def test_the_work_does_not_grow_with_what_is_not_touched(sqlite_url: str, keeping: Library) -> None:
    engine = founded(sqlite_url, keeping)
    taken = []
    for more in (2, 60):
        for n in range(more):
            one = engine.start("follow", LI, {"title": "题", "phone": f"{more} {n}"}, tenant=TENANT)
            if n % 2:
                engine.fire(one.id, "finish", LI)
        until(engine, date(2026 if more == 2 else 2027, 1, 1))
        case = engine.start("follow", LI, {"title": "题", "phone": CANARY}, tenant=TENANT)
        engine.fire(case.id, "finish", LI)
        clock(engine).advance(days=31)
        with steps(engine) as counted:
            assert [one.case for one in engine.tick()] == [case.id]
        taken.append(counted[0])
    few, many = taken
    assert many < 1.3 * few + 500
    engine.database.dispose()


def test_the_case_says_until_when(
    small_town: Engine, capsys: pytest.CaptureFixture[str], sqlite_url: str, folder: Path
) -> None:
    case = ended(small_town)
    (kept,) = small_town.kept(case.id, actor=LI)
    assert (kept.fields, kept.rule, kept.until) == (("phone",), "phone_kept", LAST)
    assert small_town.kept(follow(small_town, case).id) == []
    base = ["--database", sqlite_url, "--definitions", str(folder), "--lang", "en"]
    assert main([*base, "explain", case.id]) == 0
    assert "phone: kept until 2025-07-02, then erased by the rule phone_kept" in capsys.readouterr().out
    assert main([*base, "--json", "explain", case.id]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["@kept"] == [{"fields": ["phone"], "rule": "phone_kept", "until": "2025-07-02"}]


# --- what is shipped


def test_the_shipped_rule_takes_a_voters_name_from_every_place(sqlite_office: Office) -> None:
    """From the case, its history, what a key was answered, and any document that is made from now on; the matter itself stays."""
    office, engine = sqlite_office, sqlite_office.engine
    engine.grant("keeper", "station_keeper", XIANNING, unit="st1")
    engine.grant("clerk", "station_clerk", XIANNING, unit="st1")
    given = {**OPINION, "voter_name": "甄名氏-CANARY", "voter_contact": CANARY}
    receipt = Receipt(lambda case: json.dumps(dict(case.data)))
    clerk = Actor(person="clerk")
    case = engine.start("opinion", clerk, given, tenant=XIANNING, key="left", receipt=receipt)
    office.fire(case, "answer_on_spot", "clerk", explanation="已说明")
    office.fire(case, "tell_deputy", "clerk", deputy_told_on="2026-03-02")
    office.fire(case, "tell_voter", "clerk", voter_told_on="2026-03-02")
    office.fire(case, "close", "keeper", closing_note="已办")
    (kept,) = engine.kept(case.id)
    assert (kept.fields, kept.rule) == (("voter_name", "voter_contact"), "voter_kept")
    papers = Papers(engine)
    assert "甄名氏-CANARY" in written(papers.letter(case.id, "reception_record", clerk)[1])
    office.clock.set(kept.until)
    office.ticks()
    assert engine.case(case.id).data["voter_name"] == "甄名氏-CANARY"
    office.clock.set(kept.until + timedelta(days=1))
    assert [event for _, _, event in office.ticks()] == ["erase"]
    assert "CANARY" not in dump(engine)
    assert "CANARY" not in written(papers.letter(case.id, "reception_record", clerk)[1])
    left = engine.case(case.id).data
    assert not {"voter_name", "voter_contact"} & left.keys()
    assert left["opinion_text"] == OPINION["opinion_text"]
    again = Receipt(lambda case: json.dumps(dict(case.data)))
    assert (
        engine.start("opinion", clerk, given, tenant=XIANNING, key="left", receipt=again).state
        == "registered"
    )
    assert verify(engine.store).sound


def written(content: bytes) -> str:
    """The text of a document."""
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        return packed.read("word/document.xml").decode()
