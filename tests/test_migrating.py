"""Running cases move to another version of their definition by a plan: shown first, one step a case, with a line, or they stay."""

from __future__ import annotations

import io
import json
import re
import shutil
import threading
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from tests.crash.check import violations
from workflow import Actor, Case, Engine, access, check_export, cli, load_definitions, loader
from workflow.definition import Definition
from workflow.dues import ical
from workflow.errors import DefinitionError, NotFound, NotInState, NotPermitted
from workflow.export import export_history
from workflow.history import canonical
from workflow.loader import definition_from_content
from workflow.migrating import Checked, Migration
from workflow.migration_plan import Renaming
from workflow.store import moving
from workflow.verify import verify

from .console import Desk, said
from .lifecycle import REPLY, SMALL, TENANT, Office, count, execute, until_quiet

LI, OPERATOR = Actor(person="li"), Actor(person="ops")
SECOND = ("version: 1", "version: 2")
ASKING = (SECOND, ("initial: open", "initial: collecting"), ("from: open", "from: collecting"), ("[open,", "[collecting,"),
          ("open: {", "collecting: {"), ("answers:", "replies:"))  # fmt: skip
"""version 2 of ask_all: the state and the clock have other names"""
RENAMED = Renaming(states={"open": "collecting"}, clocks={"answers": "replies"})
MAP = "migration: ask_all\nfrom: 1\nto: 2\nstates: {open: collecting}\nclocks: {answers: replies}\n"


class Town:
    """An office, and the same office after its definitions were edited."""

    def __init__(self, office: Office, folder: Path) -> None:
        self.office, self.folder = office, folder

    @property
    def engine(self) -> Engine:
        """As it was first."""
        return self.office.engine

    def edited(self, name: str, *changes: tuple[str, str]) -> Engine:
        """Another process with one definition edited, and published."""
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.copytree(SMALL, self.folder)
        path = self.folder / f"{name}.yaml"
        found = path.read_text("utf-8")
        for old, new in changes:
            assert old in found, old
            found = found.replace(old, new)
        path.write_text(found, "utf-8")
        engine = Engine(
            self.engine.database, load_definitions(self.folder), clock=self.office.clock, random=self.engine.random
        )  # fmt: skip
        engine.publish(LI)
        return engine

    def asked(self, *units: str) -> Case:
        """A case of ask_all."""
        return self.engine.start("ask_all", LI, {"units": list(units)}, tenant=TENANT)

    def map(self, said: str = MAP) -> Path:
        """A file of what has another name."""
        path = self.folder.parent / "map.yaml"
        path.write_text(said, "utf-8")
        return path


@pytest.fixture
def town(small_office: Office, tmp_path: Path) -> Town:
    return Town(small_office, tmp_path / "edited")


@pytest.fixture
def one_town(sqlite_office: Office, small: Any, tmp_path: Path) -> Town:
    """On SQLite alone, for what no database ever sees."""
    old = sqlite_office.engine
    engine = Engine(old.database, small, clock=old.clock, random=old.random)
    engine.publish(LI)
    return Town(Office(engine, sqlite_office.clock), tmp_path / "edited")


def obstacles(found: list[Checked]) -> set[tuple[str, str | None]]:
    return {(reason.code, reason.field) for one in found for reason in one.obstacles}


def against(engine: Engine, name: str, **limits: Any) -> set[tuple[str, str | None]]:
    return obstacles(Migration(engine, name, 2, **limits).preview())


def sound(engine: Engine) -> None:
    assert [str(fault) for fault in verify(engine.store).faults] == []
    assert violations(engine, unkeyed=None) == []


def exported(engine: Engine, path: Path) -> check_export.Checker:
    with path.open("w", encoding="utf-8") as out:
        export_history(engine.store, out)
    return check_export.check(str(path))


# --- the story


def test_story_G10_running_cases_move_to_the_next_version(town: Town, tmp_path: Path) -> None:
    case, other, over = town.asked("water"), town.asked("roads"), town.asked("parks")
    town.office.fire(over, "close", "li")
    due, opinion = town.office.due(case, "answers"), town.office.child(case, "opinions")
    edited = town.edited("ask_all", *ASKING)
    lines = count(edited, "history")

    # The dry run lists by state; a state without a counterpart blocks.
    assert against(edited, "ask_all") == {("state", "open"), ("clock", "answers")}
    migration = Migration(edited, "ask_all", 2, file=town.map(), cases=[case.id])
    assert [(c.case, c.version, c.state, c.new_state, c.obstacles) for c in migration.preview()] == [
        (case.id, 1, "open", "collecting", ())
    ]
    assert count(edited, "history") == lines

    assert [c.case for c in migration.apply(OPERATOR, operator=True)] == [case.id]
    now, line = edited.case(case.id), edited.history(case.id)[-1]
    assert (now.state, now.definition) == ("collecting", edited.library.definition("ask_all").hash)
    assert (line.event, line.actor, line.from_state, line.to_state) == (
        "migrate",
        "ops",
        "open",
        "collecting",
    )
    assert line.definition == now.definition
    assert line.data["@migration"] == {
        "from": case.definition, "to": now.definition, "map": RENAMED.hash,
        "clocks": {"answers": "replies"}, "stopped": [],
    }  # fmt: skip

    # The deadline did not move, and rings under its new name; the other cases stayed.
    assert [(c.name, str(c.due_on), c.running) for c in now.clocks] == [("replies", due, True)]
    assert {edited.case(c.id).definition for c in (other, over)} == {case.definition}
    sound(edited)
    assert exported(edited, tmp_path / "all.jsonl").first == ""

    # At each moment it was what it was then.
    then = edited.case_at(case.id, 1)
    assert (then.state, then.definition, [c.name for c in then.clocks]) == (
        "open",
        case.definition,
        ["answers"],
    )
    assert [c.name for c in edited.case_at(case.id, line.seq).clocks] == ["replies"]

    # Twice changes nothing, and life goes on by the new version: the join that waited, the timer that ran.
    assert list(migration.apply(OPERATOR, operator=True)) == []
    town.office.clock.set(date(2026, 3, 13))
    assert ("replies", "missed") in {(f.clock, f.event) for f in until_quiet(edited) if f.case == case.id}
    edited.fire(opinion.id, "give", Actor(person="wang"), {"text": "同意"})
    assert edited.case(case.id).state == "heard"
    assert town.office.fire(other, "close", "li").state == "done"
    sound(edited)


def test_the_old_process_decides_anew(town: Town) -> None:
    """It remembers the case under the old version; what it writes on that finds nothing."""
    case = town.asked("water")
    edited = town.edited("ask_all", *ASKING, ("from: [collecting, heard]", "from: heard"))
    list(Migration(edited, "ask_all", 2, file=town.map()).apply(OPERATOR, operator=True))
    with pytest.raises(NotInState):
        town.office.fire(case, "close", "li")
    assert town.office.fire(case, "add", "li", units=["roads"]).state == "collecting"
    sound(town.engine)


def test_who_acts_at_the_same_time_is_not_overwritten(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """On SQLite the lock is taken with the transaction, so there he is before it; a move looks at the case under its lock."""
    case = town.asked("water")
    edited = town.edited("ask_all", SECOND)
    migration = Migration(edited, "ask_all", 2)
    real = migration._move

    def act_first(*arguments: Any) -> Any:
        if edited.case(case.id).state == "open":
            town.office.fire(case, "close", "li")
        return real(*arguments)

    monkeypatch.setattr(migration, "_move", act_first)
    assert list(migration.apply(OPERATOR, operator=True)) == []
    assert edited.case(case.id)[:4] == town.office.now(case)[:4]
    assert (edited.case(case.id).state, edited.case(case.id).definition) == ("done", case.definition)
    sound(edited)


def test_movers_and_actors_at_once(town: Town) -> None:
    """Two move everything while everybody closes his case: each case is closed or moved, once, and its lines say so."""
    cases = [town.asked("water") for _ in range(8)]
    edited = town.edited("ask_all", SECOND)
    engines = [edited, Engine(edited.database, edited.library, clock=town.office.clock)]
    begin, found = threading.Barrier(3), list[Checked]()

    def move(engine: Engine) -> None:
        begin.wait()
        found.extend(Migration(engine, "ask_all", 2).apply(OPERATOR, operator=True))

    threads = [threading.Thread(target=move, args=(engine,)) for engine in engines]
    for thread in threads:
        thread.start()
    begin.wait()
    for case in cases:
        assert town.office.fire(case, "close", "li").state == "done"
    for thread in threads:
        thread.join()
    new = edited.library.definition("ask_all").hash
    assert sorted(c.case for c in found) == sorted(c.id for c in cases if edited.case(c.id).definition == new)
    for case in cases:
        events = [line.event for line in edited.history(case.id)]
        assert events in (["start", "close"], ["start", "migrate", "close"])
    sound(edited)


def test_a_death_in_the_middle_leaves_whole_cases(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    cases = [town.asked("water") for _ in range(3)]
    edited = town.edited("ask_all", *ASKING)
    real, done = moving.repin, list[str]()

    def dies(connection: Any, tables: Any, case: str, definition: str) -> None:
        if done:
            raise KeyboardInterrupt
        real(connection, tables, case, definition)
        done.append(case)

    monkeypatch.setattr(moving, "repin", dies)
    with pytest.raises(KeyboardInterrupt):
        list(Migration(edited, "ask_all", 2, file=town.map()).apply(OPERATOR, operator=True))
    monkeypatch.setattr(moving, "repin", real)
    assert sorted(edited.case(case.id).state for case in cases) == ["collecting", "open", "open"]
    sound(edited)
    assert len(list(Migration(edited, "ask_all", 2, file=town.map()).apply(OPERATOR, operator=True))) == 2
    assert {edited.case(case.id).state for case in cases} == {"collecting"}
    sound(edited)


# --- what blocks


def test_what_has_a_value_and_no_counterpart_blocks(one_town: Town) -> None:
    one_town.asked("water")

    def retyped(data: dict[str, Any]) -> None:
        data["fields"]["units"]["type"] = "persons"
        data["relations"]["unit"]["of"] = "person"

    assert _plan(one_town.engine, "ask_all", retyped) == {("field_type", "units"), ("relation", "unit")}


def test_what_has_no_value_does_not_block(one_town: Town) -> None:
    one_town.engine.start("paper", LI, {}, tenant=TENANT)
    other = one_town.engine.start("paper", LI, {"kind": "notice"}, tenant=TENANT)
    publish_next(one_town.engine, "paper", lambda d: d["fields"]["kind"].update(type="text"))
    found = Migration(one_town.engine, "paper", 2).preview()
    assert {c.case == other.id: bool(c.obstacles) for c in found} == {False: False, True: True}


KINDS = "rules: [{when: kind.binding and urgent, rule: emergency}, {when: kind.binding, rule: order}, {rule: notice}]}"


def test_no_case_ends_and_nothing_is_decided_by_a_move(one_town: Town) -> None:
    """Every fault of the file at once, with its place."""
    one_town.asked("water")
    edited = one_town.engine
    publish_next(edited, "ask_all", lambda d: _renamed(d["clocks"], "answers", "replies"))
    said = "migration: ask_all\nfrom: 1\nto: 2\nstates:\n  open: done\n  opne: heard\nclocks: {answers: replys}\n"
    with pytest.raises(DefinitionError) as refused:
        Migration(edited, "ask_all", 2, file=one_town.map(said))
    assert sorted((f.line, f.column, f.text.en) for f in refused.value.faults) == [
        (5, 9, "done is reached by a person's decision, not by a move"),
        (6, 3, "there is no opne; did you mean open?"),
        (7, 19, "there is no replys; did you mean replies?"),
    ]


@pytest.mark.parametrize(
    ("states", "change", "what"),
    [
        ("{open: heard}", ("open", "open"), "the new version still has open: that is no new name"),
        ("{open: heard}", ("open", "opened"), "the old version has heard already: that is no new name"),
        ("{open: heard, heard: opened}", ("open", "opened"), "the old version has heard already"),
        ("{open: ready, heard: ready}", ("open", "ready"), "heard would be ready too: two states stay two"),
        ("{open: opened}", ("open", "opened"), None),
    ],
)
def test_a_state_gets_another_name_and_not_another_place(
    one_town: Town, states: str, change: tuple[str, str], what: str | None
) -> None:
    """What an event does, a file does not."""

    def edit(data: dict[str, Any]) -> None:
        _rename_state(data, *change)
        if "ready" in states:
            _rename_state(data, "heard", "ready")

    one_town.asked("water")
    publish_next(one_town.engine, "ask_all", edit)
    said = one_town.map(f"migration: ask_all\nfrom: 1\nto: 2\nstates: {states}\n")
    if what is None:
        assert against(one_town.engine, "ask_all", file=said) == set()
        return
    with pytest.raises(DefinitionError) as refused:
        Migration(one_town.engine, "ask_all", 2, file=said)
    assert what in str(refused.value)


def test_nobody_replies_by_a_file(sqlite_office: Office) -> None:
    """The shipped lifecycle: what waits for a signature is not replied because a file says so."""
    sqlite_office.signing_off()
    publish_next(sqlite_office.engine, "suggestion", lambda d: None)
    said = Path(str(sqlite_office.engine.database.url.database)).with_suffix(".map")
    said.write_text("migration: suggestion\nfrom: 1\nto: 2\nstates: {signing_off: replied}\n", "utf-8")
    with pytest.raises(DefinitionError, match="still has signing_off"):
        Migration(sqlite_office.engine, "suggestion", 2, file=said)


@pytest.mark.parametrize(
    ("said", "what"),
    [
        ("migration: ask_all\nfrom: 1\nto: 2\nstops: answers\n", "the new version has answers: its events stop it"),
        ("migration: ask_all\nfrom: 1\nto: 2\nstate: {open: heard}\n", "did you mean states"),
        ("migration: view\nfrom: 1\nto: 2\n", "this file is about view, not ask_all"),
        ("migration: ask_all\nfrom: 1\nto: 3\n", "the command says version 2"),
        ("definition: ask_all\n", "the first key must be migration"),
        ("migration: ask_all\nfrom: 1\nto: 2\nclocks: {answers: answers}\nstops: answers\n", "has a new name already"),
    ],
)  # fmt: skip
def test_a_file_that_says_something_else(one_town: Town, said: str, what: str) -> None:
    publish_next(one_town.engine, "ask_all", lambda d: None)
    with pytest.raises(DefinitionError, match=what):
        Migration(one_town.engine, "ask_all", 2, file=one_town.map(said))


def test_a_state_of_the_same_name_that_is_an_end_now_blocks(one_town: Town) -> None:
    one_town.engine.start("paper", LI, {}, tenant=TENANT)
    plan = _plan(one_town.engine, "paper", lambda d: d["states"]["drafted"].update(end=True))
    assert plan == {("end", "drafted")}


def _plan(
    engine: Engine, name: str, change: Callable[[dict[str, Any]], object]
) -> set[tuple[str, str | None]]:
    """What stands against the next version of a definition, which nobody has proved."""
    publish_next(engine, name, change)
    return against(engine, name)


def publish_next(
    engine: Engine, name: str, change: Callable[[dict[str, Any]], object], *, version: int = 2
) -> Definition:
    data = json.loads(engine.library.definition(name).content)
    data["version"] = version
    change(data)
    found = definition_from_content(canonical(data), engine.library)
    with engine.store.connection(write=True) as connection:
        engine.store.publish(connection, found, "2026-03-02T00:00:00+00:00", "li")
    return found


def test_a_clock_is_stopped_when_the_file_says_so(one_town: Town) -> None:
    """It stays in the case, with its ledger, and no more than its name is known of it."""
    case = one_town.asked("water")
    edited = one_town.engine
    publish_next(edited, "ask_all", lambda d: (d.pop("clocks"), d["events"].pop("missed")))
    assert against(edited, "ask_all") == {("clock", "answers")}
    stops = one_town.map("migration: ask_all\nfrom: 1\nto: 2\nstops: answers\n")
    list(Migration(edited, "ask_all", 2, file=stops).apply(OPERATOR, operator=True))
    (clock,) = edited.case(case.id).clocks
    assert (clock.name, clock.title.en, clock.running, str(clock.stopped_on)) == (
        "answers", "answers", False, "2026-03-02",
    )  # fmt: skip
    assert "10 calendar days" in edited.explain(case.id, "answers").sentence.en
    one_town.asked("roads")
    summaries = [line for line in ical(edited, actor=LI).decode().splitlines() if line.startswith("SUMMARY")]
    assert len(summaries) == 2 and any(line.endswith(" answers") for line in summaries)
    one_town.office.clock.set(date(2026, 4, 1))
    assert case.id not in {fired.case for fired in edited.tick()}
    sound(edited)


ONE_CLOCK = "  answers: {zh: 期限, en: time for answers, rule: answer_days, starts: start, stops: heard, missed: missed}\n"
TWO_CLOCKS = (
    ONE_CLOCK
    + "  spare: {zh: 备用, en: spare, rule: answer_days, starts: add, stops: heard, missed: missed}\n"
)


@pytest.mark.parametrize(
    "names", [{"answers": "spare", "spare": "answers"}, {"answers": "third", "spare": "answers"}]
)
def test_clocks_change_names_among_themselves_and_ring(town: Town, names: dict[str, str]) -> None:
    """A swap and a chain: each keeps its day and its timer, and at each moment it has the name it had then."""
    first = town.edited("ask_all", SECOND, (ONE_CLOCK, TWO_CLOCKS))
    case = first.start("ask_all", LI, {"units": ["water"]}, tenant=TENANT)
    town.office.clock.set(date(2026, 3, 5))
    first.fire(case.id, "add", LI, {"units": ["roads"]})
    days = {clock.name: clock.due_on for clock in first.case(case.id).clocks}
    assert len({*days.values()}) == 2
    publish_next(first, "ask_all", lambda d: _all_renamed(d["clocks"], names), version=3)
    said = f"migration: ask_all\nfrom: 2\nto: 3\nclocks: {json.dumps(names)}\n"
    migration = Migration(first, "ask_all", 3, file=town.map(said))
    assert [one.obstacles for one in migration.apply(OPERATOR, operator=True)] == [()]
    expected = {names[name]: day for name, day in days.items()}
    assert {clock.name: clock.due_on for clock in first.case(case.id).clocks} == expected
    assert {clock.name: clock.due_on for clock in first.case_at(case.id, 2).clocks} == days
    assert [clock.name for clock in first.case_at(case.id, 1).clocks] == ["answers"]
    with first.database.connect() as connection:
        query = text(f"select name, due_on from {first.store.prefix}clock where case_id = '{case.id}'")
        assert {name: date.fromisoformat(day) for name, day in connection.execute(query)} == expected
    sound(first)
    fired = dict[str, date]()
    for day in sorted(expected.values()):
        town.office.clock.set(day + timedelta(days=1))
        fired |= {f.clock: day for f in until_quiet(first) if f.case == case.id and f.event == "missed"}
    assert fired == expected
    sound(first)


def test_a_clock_that_begins_under_an_old_name_was_not_there_before(one_town: Town) -> None:
    """The name was another clock's then."""
    case = one_town.asked("water")
    engine = one_town.engine

    def two(data: dict[str, Any]) -> None:
        clocks = data["clocks"]
        clocks["replies"] = dict(clocks["answers"])
        clocks["answers"]["starts"] = ["add"]

    publish_next(engine, "ask_all", two)
    said = one_town.map("migration: ask_all\nfrom: 1\nto: 2\nclocks: {answers: replies}\n")
    assert [
        c.obstacles for c in Migration(engine, "ask_all", 2, file=said).apply(OPERATOR, operator=True)
    ] == [()]
    now = engine.fire(case.id, "add", LI, {"units": ["roads"]})
    assert {clock.name for clock in now.clocks} == {"answers", "replies"}
    assert [clock.name for clock in engine.case_at(case.id, 1).clocks] == ["answers"]
    sound(engine)


def _all_renamed(data: dict[str, Any], names: dict[str, str]) -> None:
    kept = {names.get(name, name): value for name, value in data.items()}
    data.clear()
    data.update(kept)


def test_a_statutory_clock_is_never_stopped(one_town: Town) -> None:
    case = one_town.engine.start("paper", LI, {"kind": "notice"}, tenant=TENANT)
    one_town.office.fire(case, "serve", "li", served_on="2026-03-02")
    edited = one_town.engine
    publish_next(edited, "paper", lambda d: _renamed(d["clocks"], "reply", "answer"))
    stops = one_town.map("migration: paper\nfrom: 1\nto: 2\nstops: [reply]\n")
    assert against(edited, "paper", file=stops) == {("clock_statutory", "reply")}
    assert next(iter(Migration(edited, "paper", 2, file=stops).apply(OPERATOR, operator=True))).obstacles
    assert edited.case(case.id).definition == case.definition


def test_a_running_clock_keeps_its_rule_and_its_day(one_town: Town) -> None:
    """The new version names another rule for it: that is for clocks which start from now on."""
    case = one_town.engine.start("paper", LI, {"kind": "notice"}, tenant=TENANT)
    case = one_town.office.fire(case, "serve", "li", served_on="2026-03-02")
    edited = one_town.edited("paper", SECOND, (KINDS, "rule: emergency}"))
    list(Migration(edited, "paper", 2).apply(OPERATOR, operator=True))
    (was,), (now,) = case.clocks, edited.case(case.id).clocks
    assert (
        (now.rule, now.due_on, now.anchor_on)
        == (was.rule, was.due_on, was.anchor_on)
        == ("notice", date(2026, 5, 2), date(2026, 3, 2))
    )
    assert edited.explain(case.id, "reply").sentence.en
    edited.fire(case.id, "amend", LI, {"kind": "notice", "urgent": False})
    again = edited.fire(case.id, "serve", LI, {"served_on": "2026-03-02"}).clocks[0]
    assert (again.rule, again.due_on) == ("emergency", date(2026, 3, 17))
    sound(edited)


def test_a_state_that_other_cases_ask_for_is_not_renamed_behind_their_backs(one_town: Town) -> None:
    one_town.engine.start("inquiry", LI, {}, tenant=TENANT)
    publish_next(one_town.engine, "inquiry", lambda d: _rename_state(d, "open", "opened"))
    said = one_town.folder.parent / "map.yaml"
    said.write_text("migration: inquiry\nfrom: 1\nto: 2\nstates: {open: opened}\n", "utf-8")
    assert against(one_town.engine, "inquiry", file=said) == {("asked", "open")}


def _rename_state(data: dict[str, Any], old: str, new: str) -> None:
    _renamed(data["states"], old, new)
    data["initial"] = new if data["initial"] == old else data["initial"]
    for event in data["events"].values():
        for move in (event, *event.get("moves", [])):
            if "from" in move:
                move["from"] = [new if one == old else one for one in move["from"]]
            if move.get("to") == old:
                move["to"] = new


def _renamed(data: dict[str, Any], old: str, new: str) -> None:
    data[new] = data.pop(old)


# --- families


def test_a_join_that_would_be_complete_and_that_nothing_sets_off_blocks(one_town: Town) -> None:
    case = one_town.asked("water", "roads")
    done = one_town.office.child(case, "opinions", "water")
    one_town.office.fire(done, "give", "wang", text="同意")
    assert one_town.office.now(case).state == "open"
    found = _plan(one_town.engine, "ask_all", lambda d: d["children"]["opinions"].update(join="any"))
    assert found == {("join", "opinions")}


def test_what_a_root_and_its_children_say_of_one_another_still_fits(one_town: Town) -> None:
    one_town.asked("water")
    engine = one_town.engine

    def elsewhere(data: dict[str, Any]) -> None:
        data["children"]["opinions"]["done"] = ["given", "excused"]
        data["events"]["close"]["ends"] = {"opinions": "call_off"}

    assert _plan(engine, "ask_all", elsewhere) == {("family", "excused"), ("family", "call_off")}


def test_who_is_asked_again_is_still_compared_with_himself(sqlite_office: Office) -> None:
    """A survey asks how the one before it ended; a root that no longer says which that was does not fit it."""
    sqlite_office.evaluating()

    def forgotten(data: dict[str, Any]) -> None:
        for slot in data["children"].values():
            slot.pop("follows", None)

    assert _plan(sqlite_office.engine, "suggestion", forgotten) == {("family", "surveys")}


def test_a_child_moves_by_its_own_definition(one_town: Town) -> None:
    case = one_town.asked("water", "roads")
    edited = one_town.edited(
        "view",
        SECOND,
        ("initial: asked", "initial: put"),
        ("from: asked", "from: put"),
        ("asked: {", "put: {"),
    )
    said = one_town.map("migration: view\nfrom: 1\nto: 2\nstates: {asked: put}\n")
    found = list(Migration(edited, "view", 2, file=said).apply(OPERATOR, operator=True))
    assert {(c.state, c.new_state, c.obstacles) for c in found} == {("asked", "put", ())}
    assert edited.case(case.id).definition == case.definition
    for unit, person in (("water", "wang"), ("roads", "qian")):
        edited.fire(
            one_town.office.child(case, "opinions", unit).id, "give", Actor(person=person), {"text": "同意"}
        )
    assert edited.case(case.id).state == "heard"
    sound(edited)


def test_a_child_does_not_lose_the_event_its_root_fires(one_town: Town) -> None:
    one_town.asked("water")

    def renamed(data: dict[str, Any]) -> None:
        data["events"]["call_off"] = data["events"].pop("recall")
        data["states"]["handed_in"] = data["states"].pop("given")

    assert _plan(one_town.engine, "view", renamed) == {("family", "recall"), ("family", "given")}


def test_separation_of_powers_is_never_weakened(sqlite_office: Office) -> None:
    survey = sqlite_office.child(sqlite_office.evaluating(), "surveys")
    found = _plan(sqlite_office.engine, "evaluation", lambda d: d.update(barred=["root.co", "root.separate"]))
    assert found == {("barred", "water"), ("barred", "root.lead")}
    assert next(
        iter(Migration(sqlite_office.engine, "evaluation", 2).apply(OPERATOR, operator=True))
    ).obstacles
    assert sqlite_office.now(survey).definition == survey.definition


def test_who_is_barred_moves_nothing(office: Office) -> None:
    """The plan says so, and where it did not the database would."""
    survey = office.child(office.evaluating(), "surveys")
    publish_next(office.engine, "evaluation", lambda d: d.update(source="同前"))
    office.engine.grant("inside", "unit_clerk", TENANT, unit="water", valid_until=date(2026, 3, 1))
    inside, migration = Actor(person="inside"), Migration(office.engine, "evaluation", 2)
    assert obstacles(migration.preview(inside, operator=True)) == {("separation", None), ("role", None)}
    for who in ("inside", "wang", "system"):
        with pytest.raises(NotPermitted):
            list(migration.apply(Actor(person=who)))
    row = _line(office.engine, survey.id, "inside")
    with pytest.raises(Exception, match="barred unit"):
        _insert(office.engine, row)
    with pytest.raises(Exception, match="may not decide"):
        _insert(office.engine, row | {"actor": "system"})
    assert [one.obstacles for one in migration.apply(OPERATOR, operator=True)] == [(), ()]
    with pytest.raises((NotPermitted, NotFound)):
        office.fire(survey, "answer", "wang", level="satisfied")
    sound(office.engine)


def test_who_is_barred_later_is_barred_still(sqlite_office: Office) -> None:
    """Nobody stands in it today; somebody may tomorrow."""
    sqlite_office.child(sqlite_office.evaluating(), "surveys")
    kept = ["root.lead", "root.co"]
    assert _plan(sqlite_office.engine, "evaluation", lambda d: d.update(barred=kept)) == {
        ("barred", "root.separate")
    }


@pytest.mark.parametrize(
    ("actor", "operator", "code"),
    [
        (Actor(person="ops", on_behalf_of="wang"), True, "on_behalf_of"),
        (Actor(person="li", on_behalf_of="wang"), False, "on_behalf_of"),
        (Actor(person="dep1"), False, "role"),
        (Actor(person="dep1"), True, "role"),
        (Actor(person="ops"), False, "role"),
        (Actor(person="wang"), True, "unit"),
        (Actor(person="system"), True, "decision"),
        (Actor(person="lin"), False, "role"),  # to whom li has lent his office
        (Actor(person="li"), False, None),
        (Actor(person="ops"), True, None),
    ],
)
def test_who_moves_cases(sqlite_office: Office, actor: Actor, operator: bool, code: str | None) -> None:
    case, engine = sqlite_office.filed(), sqlite_office.engine
    engine.grant("lin", "deputy_affairs", case.tenant)
    access.lend(engine, "li", "lin", until=date(2026, 4, 1), by="sun", day=date(2026, 3, 2))
    engine.sync_grants("lin", [], by="sun")
    publish_next(engine, "suggestion", lambda d: None)
    migration = Migration(engine, "suggestion", 2)
    if code is None:
        assert [one.obstacles for one in migration.apply(actor, operator=operator)] == [()]
        return
    with pytest.raises(NotPermitted) as refused:
        list(migration.apply(actor, operator=operator))
    assert code in {reason.code for reason in refused.value.reasons}
    assert engine.case(case.id).definition == case.definition
    if code == "role":  # the dry run about him says it too
        assert obstacles(migration.preview(actor, operator=operator)) == {("role", None)}


@pytest.mark.parametrize("who", ["gov", "chair"])
def test_who_only_looks_on_at_every_case_moves_none(office: Office, who: str) -> None:
    """The government's office is bound by the procedure, the chairpersons' meeting determines in it: neither changes it."""
    case, engine = office.filed(), office.engine
    assert engine.case(case.id, actor=Actor(person=who)).id == case.id
    publish_next(engine, "suggestion", lambda d: None)
    migration = Migration(engine, "suggestion", 2)
    assert obstacles(migration.preview(Actor(person=who))) == {("role", None)}
    for operator in (False, True):
        with pytest.raises(NotPermitted) as refused:
            list(migration.apply(Actor(person=who), operator=operator))
        assert {reason.code for reason in refused.value.reasons} == {"role"}
    assert engine.case(case.id).definition == case.definition


def test_the_roles_that_move_cases_are_the_congresss_own_offices(sqlite_office: Office) -> None:
    library = sqlite_office.engine.library
    assert {role for role in library.roles.values if library.migrates(role)} == {
        "deputy_affairs", "sc_office", "sc_office_head", "session_secretariat", "township_presidium"
    }  # fmt: skip


def test_who_oversees_elsewhere_moves_nothing_here(one_town: Town) -> None:
    case = one_town.asked("water")
    one_town.engine.grant("far", "deputy_affairs", "other/place")
    publish_next(one_town.engine, "ask_all", lambda d: None)
    found = Migration(one_town.engine, "ask_all", 2).apply(Actor(person="far"))
    assert obstacles(list(found)) == {("role", None)}
    assert one_town.engine.case(case.id).definition == case.definition


def _line(engine: Engine, case: str, who: str) -> dict[str, Any]:
    line = engine.history(case)[-1]
    return {
        "case_id": case, "seq": line.seq + 1, "recorded_at": "2026-03-02T01:00:00+00:00", "event": "migrate",
        "from_state": line.to_state, "to_state": line.to_state, "actor": who, "definition": line.definition,
        "commitments": "{}", "prev": line.hash, "hash": "0" * 64,
    }  # fmt: skip


def _insert(engine: Engine, row: dict[str, Any]) -> None:
    with engine.store.connection(write=True) as connection:
        engine.store.add(connection, "history", **row)


def test_a_link_that_somebody_holds_still_leads_somewhere(sqlite_office: Office) -> None:
    survey, engine = sqlite_office.child(sqlite_office.evaluating("dep1"), "surveys"), sqlite_office.engine
    token = engine.invite(survey.id, "answer", "dep1", until=date(2026, 3, 9), by=Actor(person="sun"))
    assert _plan(engine, "evaluation", lambda d: _renamed(d["events"], "answer", "reply")) == {
        ("invitation", "answer")
    }
    engine.revoke(engine.invitations(survey.id, by=Actor(person="sun"))[0].id, by=Actor(person="sun"))
    assert token and against(engine, "evaluation") == set()


def test_what_was_hidden_stays_hidden(one_town: Town) -> None:
    data = {"title": "题", "secret": True, "signers": ["dep1"], "contact": "1"}
    one_town.engine.start("appeal", LI, data, tenant=TENANT)
    assert _plan(one_town.engine, "appeal", lambda d: d["hides"].pop("identity")) == {
        ("hides", "contact"), ("hides", "signer"),
    }  # fmt: skip


IDENTITY = {("hides", "contact"), ("hides", "signer")}


@pytest.mark.parametrize(
    ("hide", "change", "what"),
    [
        ("identity", {"from": ["co"]}, IDENTITY),
        ("identity", {"when": "not secret"}, IDENTITY),
        ("identity", {"from": ["co", "lead"]}, set()),
        ("identity", {"zh": "隐去", "en": "hidden"}, set()),
        ("clues", {"seen_by": ["deputy_affairs", "sc_office", "unit_clerk of lead"]}, {("hides", "clues"), ("hides", "report_clues")}),
        ("clues", {"fields": ["clues", "title"]}, set()),
    ],
)  # fmt: skip
def test_what_was_hidden_stays_hidden_from_the_same_and_as_long(
    one_town: Town, hide: str, change: dict[str, Any], what: set[tuple[str, str]]
) -> None:
    data = {"title": "题", "secret": True, "signers": ["dep1"], "contact": "1"}
    case = one_town.engine.start("appeal", LI, data, tenant=TENANT)
    one_town.office.fire(case, "assign", "li", lead_unit="water")
    one_town.office.fire(case, "report_clues", "li", clues="x")
    before = one_town.engine.case(case.id, actor=Actor(person="wang"))
    assert _plan(one_town.engine, "appeal", lambda d: d["hides"][hide].update(change)) == what
    list(Migration(one_town.engine, "appeal", 2).apply(OPERATOR, operator=True))
    after = one_town.engine.case(case.id, actor=Actor(person="wang"))
    assert after.data.items() <= before.data.items()
    assert after.relations == before.relations
    assert (after.definition == before.definition) == bool(what)


@pytest.mark.parametrize(
    ("seen_by", "blocked"),
    [
        (None, {("seen_by", None)}),
        (["sc_office", "the root.signer", "unit_head of addressee", "deputy_affairs"], {("seen_by", "deputy_affairs")}),
        (["unit_head of addressee", "the root.signer", "sc_office"], set()),
    ],
)  # fmt: skip
def test_who_saw_a_case_is_joined_by_nobody(
    one_town: Town, seen_by: list[str] | None, blocked: set[tuple[str, str | None]]
) -> None:
    data = {"title": "题", "secret": False, "signers": ["dep1"], "contact": "1"}
    case = one_town.engine.start("appeal", LI, data, tenant=TENANT)
    one_town.office.fire(case, "assign", "li", lead_unit="water")
    one_town.office.fire(case, "report_clues", "li", clues="x")
    child = one_town.office.child(case, "inquests")
    found = _plan(
        one_town.engine,
        "inquest",
        lambda d: d.pop("seen_by") if seen_by is None else d.update(seen_by=seen_by),
    )
    assert found == blocked
    list(Migration(one_town.engine, "inquest", 2).apply(OPERATOR, operator=True))
    for who in ("wang", "li"):
        with pytest.raises(NotFound):
            one_town.engine.case(child.id, actor=Actor(person=who))


def test_a_role_that_oversees_nothing_is_let_in_by_no_move(sqlite_office: Office) -> None:
    """Where the old version named nobody, overseers saw it, and whoever stood in it."""
    sqlite_office.filed()
    found = _plan(
        sqlite_office.engine,
        "suggestion",
        lambda d: d.update(seen_by=["deputy", "deputy_affairs", "the signer"]),
    )
    assert found == {("seen_by", "deputy")}


# --- what goes on


def test_the_rule_of_two_persons_knows_who_it_was_before(town: Town) -> None:
    case = town.engine.start("pause", LI, {"title": "题"}, tenant=TENANT)
    town.office.fire(case, "suspend", "li")
    town.office.fire(case, "resume", "liu")
    edited = town.edited("pause", SECOND, ("from: open, to: closed, by: deputy_affairs}", "from: open, to: closed, by: deputy_affairs, not_by: resume}"))  # fmt: skip
    list(Migration(edited, "pause", 2).apply(OPERATOR, operator=True))
    sound(edited)
    with pytest.raises(NotPermitted) as refused:
        edited.fire(case.id, "close", Actor(person="liu"))
    assert refused.value.reasons[0].code == "two_persons"
    assert edited.fire(case.id, "close", LI).state == "closed"
    sound(edited)


def test_who_holds_it_now_and_did_not_before_is_told(one_town: Town) -> None:
    case = one_town.asked("water")
    edited = one_town.edited("ask_all", SECOND, ("open: {zh: 征求中, en: open, holder: deputy_affairs}", "open: {zh: 征求中, en: open, holder: [deputy_affairs, sc_office]}"))  # fmt: skip
    list(Migration(edited, "ask_all", 2).apply(OPERATOR, operator=True))
    with edited.database.connect() as connection:
        query = f"select case_id, recipient from {edited.store.prefix}outbox where topic = '@migrate'"
        assert [tuple(row) for row in connection.execute(text(query))] == [
            (case.id, f"role:sc_office@{TENANT}")
        ]


# --- tampering


@pytest.mark.parametrize(
    ("what", "code"),
    [
        ("update {p}cases set definition = '%(new)s' where id = '%(other)s'", "case_line"),
        ("update {p}cases set definition = '%(old)s' where id = '%(case)s'", "case_line"),
        ("update {p}history set event = 'add' where case_id = '%(case)s' and seq = 2", "moved"),
        ("update {p}history set definition = '%(old)s' where case_id = '%(case)s' and seq = 2", "moved"),
        ("update {p}history set definition = '%(new)s' where case_id = '%(case)s' and seq = 1", "moved"),
    ],
)
def test_tampering_with_a_move_is_found(one_town: Town, tmp_path: Path, what: str, code: str) -> None:
    case, other = one_town.asked("water"), one_town.asked("roads")
    edited = one_town.edited("ask_all", *ASKING)
    list(Migration(edited, "ask_all", 2, file=one_town.map(), cases=[case.id]).apply(OPERATOR, operator=True))
    names = {
        "new": edited.case(case.id).definition,
        "old": other.definition,
        "case": case.id,
        "other": other.id,
    }
    execute(edited, "drop trigger {p}history_no_update", what % names)
    assert code in {fault.code for fault in verify(edited.store).faults}
    if code == "moved":
        checked = exported(edited, tmp_path / "all.jsonl")
        assert checked.faults >= 2  # the hash, and the move


def test_a_line_of_an_emergency_is_no_fault_of_an_export(one_town: Town, tmp_path: Path) -> None:
    case = one_town.asked("water")
    access.break_glass(one_town.engine, case.id, "ops", "sc_office", hours=1, reason="查")
    assert exported(one_town.engine, tmp_path / "all.jsonl").first == ""


# --- the command


@pytest.fixture
def tibandu(one_town: Town) -> Callable[..., tuple[int, str]]:
    url = one_town.engine.database.url.render_as_string(hide_password=False)

    def call(*words: str) -> tuple[int, str]:
        out = io.StringIO()
        common = ["--database", url, "--definitions", str(one_town.folder), "--lang", "en"]
        return cli.main([*words, *common], out, out), out.getvalue()

    return call


def test_by_command(
    one_town: Town, tibandu: Callable[..., tuple[int, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    case, _ = one_town.asked("water"), one_town.asked("roads")
    edited = one_town.edited("ask_all", *ASKING)
    move = ("migrate", "ask_all", "--to", "2")
    monkeypatch.setattr(loader, "load_definitions", lambda *_, **__: edited.library)  # read once
    code, said = tibandu(*move)
    assert (code, "0 case(s) can move, 2 cannot; nothing is written" in said) == (1, True)
    assert "the new version has no state 'open'" in said
    file = str(one_town.map())
    code, said = tibandu(*move, "--map", file)
    assert (code, "2 case(s) can move, 0 cannot; nothing is written" in said) == (0, True)
    assert tibandu(*move, "--map", file, "--apply") == (2, "tibandu: --apply needs --by\n")
    code, said = tibandu(*move, "--map", file, "--case", case.id, "--by", "ops", "--apply")
    assert (code, "1 case(s) moved, 0 stay(s)" in said) == (0, True)
    assert edited.case(case.id).state == "collecting"
    (left,) = json.loads(tibandu(*move, "--json")[1])
    assert (left["state"], [o["code"] for o in left["obstacles"]]) == ("open", ["state", "clock"])
    assert tibandu("migrate", "ask_all", "--to", "7") == (
        1,
        "tibandu: version 7 of 'ask_all' is not published; there are: 1, 2\n",
    )
    assert tibandu(*move, "--case", "none")[0] == 1
    assert tibandu(*move, "--state", "opne") == (
        1,
        "tibandu: there is no state 'opne'; did you mean open?\n",
    )
    assert tibandu(*move, "--map", "none")[0] == 2
    assert tibandu("verify")[0] == 0


# --- what people see


def test_the_pages_of_a_case_that_was_moved(desk: Desk, tmp_path: Path) -> None:
    """Its state and a clock have other names now; its older lines are read by the version of their day."""
    office = desk.office
    case = office.signing_off()

    def other(data: dict[str, Any]) -> None:
        _rename_state(data, "signing_off", "for_signature")
        data["states"]["for_signature"]["zh"] = "待签发"
        _renamed(data["clocks"], "reply", "answer")

    publish_next(office.engine, "suggestion", other)
    file = tmp_path / "map.yaml"
    file.write_text(
        "migration: suggestion\nfrom: 1\nto: 2\nstates: {signing_off: for_signature}\nclocks: {reply: answer}\n",
        "utf-8",
    )
    assert [
        c.obstacles for c in Migration(office.engine, "suggestion", 2, file=file).apply(Actor(person="he"))
    ] == [()]
    for who in ("li", "wu"):
        reader = desk(who)
        for address in ("", "/history", "/picture"):
            assert reader.get(f"/cases/{case.id}{address}").status_code == 200, (who, address)
        assert reader.get("/").status_code == 200
    reader = desk("li")
    reader.get(f"/cases/{case.id}/history")
    words = said(reader.page)
    assert "迁移到新版流程" in words and "待签发" in words and "答复送签" in words
    assert words.count("待签发") > 1  # of the time it spent too
    assert office.fire(case, "issue_reply", "wu", **REPLY).state == "replied"
    sound(office.engine)


# --- the page


def test_the_page_shows_what_happens(
    sqlite_office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its file, its commands and their answers, in its order."""
    for walk in ("signing_off", "handling", "assigned", "filed"):
        getattr(sqlite_office, walk)()
    publish_next(
        sqlite_office.engine, "suggestion", lambda d: _rename_state(d, "signing_off", "for_signature")
    )
    page = (SMALL.parents[2] / "docs" / "migration.md").read_text("utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(loader, "load_definitions", lambda *_, **__: sqlite_office.engine.library)
    Path("renamed.yaml").write_text(re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)[0], "utf-8")
    url = sqlite_office.engine.database.url.render_as_string(hide_password=False)
    asked = re.findall(r"^\$ tibandu (.*)\n((?:(?!\$ |```).*\n)*)", page, re.MULTILINE)
    assert len(asked) == 5
    for words, answer in asked:
        out = io.StringIO()
        cli.main([*words.split(), "--database", url, "--lang", "en"], out, out)
        assert out.getvalue() == answer, words
    codes = set(re.findall(r"^\| (`[a-z_`, ]+`) \| .* \| .* \|$", page, re.MULTILINE))
    assert {code for row in codes for code in re.findall("[a-z_]+", row)} == CODES


CODES = {
    "asked", "barred", "clock", "clock_statutory", "clock_twice", "decided", "end", "family", "field", "field_type", "hides",
    "invitation", "join", "relation", "relation_one", "role", "seen_by", "separation", "state",
}  # fmt: skip
