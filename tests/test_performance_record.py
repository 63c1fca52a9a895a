"""The performance record fills itself: what a deputy proposed, was asked, received, came to; no points, no ranking."""

from __future__ import annotations

import dataclasses
from datetime import date
from pathlib import Path

import pytest

from definitions import performance_record as module
from definitions.performance_record import Deed, PerformanceRecord, performance_record
from definitions.receptions import Station, ensure_reception_days
from workflow import Actor
from workflow.model import PartialDate, Party

from .lifecycle import TENANT, Office
from .test_cli import call
from .test_parties import CITY, SETUP, deputy

LI = Actor(person="li")


def titles(record: PerformanceRecord) -> dict[str, list[tuple[str, ...]]]:
    return {
        kind: [tuple(text.zh for text in deed.stands) for deed in deeds]
        for kind, deeds in record.sections().items()
    }


def test_it_fills_itself(office: Office) -> None:
    e = office.engine
    e.parties.put([*CITY, deputy("dep1"), deputy("dep2")], by=SETUP, trusted=True)
    e.grant("keep", "station_keeper", TENANT, unit="station")
    e.grant("desk", "station_clerk", TENANT, unit="station")
    evaluating = office.evaluating("dep1", "dep2")
    office.fire(office.child(evaluating, "surveys", "dep1"), "answer", "dep1", level="satisfied")
    day = ensure_reception_days(
        e, Station(unit="station", tenant=TENANT, hours="9-11", place="站"), 2026, Actor(person="keep")
    )[0]
    for event, who, data in (
        ("roster", "keep", {"deputies": ["dep1", "dep2"]}), ("notify", "desk", {"hours": "9-11", "place": "站"}),
        ("announce", "desk", {"announcement": "公告", "announced_at": "站外"}),
    ):  # fmt: skip
        office.fire(day, event, who, **data)
    office.clock.set(date(2026, 3, 15))
    office.ticks()
    office.fire(day, "sign_in", "desk", present=["dep1"])
    first, second = (performance_record(e, who) for who in ("dep1", "dep2"))
    assert titles(first) == {
        "evaluation": [("受征询代表",)], "reception_day": [("接待代表", "到站代表")], "suggestion": [("领衔代表", "提出代表")],
    }  # fmt: skip
    assert titles(second) == {
        "evaluation": [("受征询代表",)], "reception_day": [("接待代表",)], "suggestion": [("提出代表",)],
    }  # fmt: skip
    assert first.party is not None and first.party.name == "代表dep1"
    reception = first.sections()["reception_day"][0]
    assert (reception.on, reception.state.zh) == ("2026-03-15", "接待中")
    assert first.sections()["suggestion"][0].title == "关于增设快递员驿站的建议"
    states = [record.sections()["evaluation"][0].state.zh for record in (first, second)]
    assert states == ["已反馈", "已征询"]


def test_a_new_definition_joins_without_code(office: Office) -> None:
    e = office.engine
    definition = e.library.definition("activity")
    start = {
        "activity_kind": next(iter(e.library.codes["activity_kind"].values)),
        "activity_title": "河湖长制调研",
        "held_on": "2026-04-01",
    }
    case = e.start("activity", LI, start, tenant=TENANT, imported=True)
    for relation in ("invited", "attended"):
        event = next(ev for ev in definition.events.values() if relation in ev.relates)
        e.fire(case.id, event.name, LI, {event.relates[relation]: ["dep1"]}, imported=True)
    deeds = performance_record(e, "dep1").sections()["activity"]
    assert [(d.on, d.title) for d in deeds] == [("2026-04-01", "河湖长制调研")]
    assert [text.zh for text in deeds[0].stands] == ["受邀代表", "参加代表"]


def test_days_and_who_asks(office: Office) -> None:
    e = office.engine
    mine = office.filed("dep1")
    e.start("suggestion", LI, {"title": "旧", "first_signer": "dep1", "signers": ["dep1"]}, tenant=TENANT, imported=True,
            effective_on=PartialDate(year=2024))  # fmt: skip
    assert [d.on for d in performance_record(e, "dep1").deeds] == ["2024", "2026-03-02"]
    asked = {"since": date(2026, 1, 1), "until": date(2026, 12, 31)}
    assert [d.case for d in performance_record(e, "dep1", **asked).deeds] == [mine.id]
    assert len(performance_record(e, "dep1", until=date(2025, 1, 1)).deeds) == 1
    assert len(performance_record(e, "dep1", actor=Actor(person="dep1")).deeds) == 2
    assert performance_record(e, "dep1", actor=Actor(person="nobody")).deeds == ()
    assert performance_record(e, "nobody").deeds == ()


def test_nobody_is_scored_or_ranked() -> None:
    """国办 2026: no points, no ranking of persons, no minutes online."""
    words = {"score", "points", "rank", "total", "rate", "percent"}
    names = {field.name for kind in (Deed, PerformanceRecord) for field in dataclasses.fields(kind)}
    assert not words & {*names, *(n for n in dir(module) if not n.startswith("_"))}


def test_the_command(sqlite_office: Office, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(
        "TIBANDU_DATABASE", sqlite_office.engine.database.url.render_as_string(hide_password=False)
    )
    sqlite_office.engine.parties.add(
        Party(id="xianning", kind="congress", name="咸宁", tenant=TENANT, attributes={"level": "city"}),
        by=SETUP,
        trusted=True,
    )
    sqlite_office.engine.parties.add(deputy("dep1"), by=LI)
    sqlite_office.filed("dep1")
    said = call("record", "dep1", "--lang", "zh")
    assert said.code == 0
    assert "代表dep1 (dep1)" in said.out
    assert "代表建议办理: 1" in said.out and "领衔代表, 提出代表" in said.out
    assert call("record", "dep1", "--json", "--since", "2026-01-01").json["deeds"][0]["on"] == "2026-03-02"
    assert call("record", "nobody", "--lang", "en").out == "nobody\nnothing is recorded\n"
    assert call("record", "dep1", "--since", "soon").code == 2
