"""The demonstration: everybody has something to do, it says what it is, only this machine sees it, and it goes without a trace."""

from __future__ import annotations

import shutil
from collections import Counter
from functools import partial
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import Engine as Database
from sqlalchemy import MetaData, select

from api import Sessions, create_app, create_schema
from api.demo import NOTICE, Demonstration
from api.store import SCRIPTS, Shelf
from definitions.demo import ROLES
from definitions.demo.city import scenario, subjects
from definitions.term.cast import GOV, cast_of
from definitions.term.plan import plans
from workflow import Actor, Engine
from workflow.commands.demo import stop_when_gone
from workflow.errors import Conflict, NotFound
from workflow.library import Library
from workflow.migrations import downgrade
from workflow.overview import grants_of, tally, through, views_of
from workflow.testing import FrozenClock

from .console import Reader
from .demonstration import DAY
from .lifecycle import PLACE
from .test_cli import call

SETTING_UP = {"published_at", "at", "recorded_at"}
"""columns that say when a system was set up"""


def rows(database: Database) -> dict[str, list[tuple[object, ...]]]:
    """Everything that is in the database, but for when it was set up."""
    metadata = MetaData()
    metadata.reflect(database)
    with database.connect() as connection:
        return {
            table.name: sorted(
                (tuple(v for k, v in row._mapping.items() if k not in SETTING_UP) for row in connection.execute(select(table))),
                key=repr,
            )
            for table in metadata.sorted_tables
        }  # fmt: skip


def test_every_list_of_every_role_has_something_in_it(demo: Engine) -> None:
    empty = set()
    seen = set()
    for role in ROLES:
        actor = Actor(person=role.person)
        views = views_of(demo, grants_of(demo, actor))
        counts = tally(demo, actor, [through(view) for view in views], 1000)
        seen |= {view.name for view, count in zip(views, counts, strict=True) if count}
        empty |= {view.name for view in views}
        assert role.operator or sum(counts), role.person
    assert empty - seen == set()


def test_the_governments_office_has_each_of_its_acts_to_do(demo: Engine) -> None:
    """An account of its own, and on its desk a leader to name, one to replace, and a unit to criticise."""
    (role,) = [role for role in ROLES if role.person == GOV]
    assert role.text.zh == "政府办公室（督查室）" and not role.operator
    kinds = ("suggestion", "supervision", "escalation")
    found = [case for kind in kinds for case in demo.search(kind=kind, actor=Actor(person=GOV), limit=500)]
    acts = {p.event for case in found for p in demo.permitted(case.id, Actor(person=GOV)) if p.allowed}
    assert acts == {
        "propose_supervision", "escalate", "name_leader", "change_leader", "arrange_leader_handover", "criticise",
    }  # fmt: skip


def test_the_year_has_the_nine_of_the_report(demo: Engine) -> None:
    """1 for public safety, 4 for the environment, 4 for minors: what /areas shows of it."""
    found = demo.search(kind="procuratorate_conversion", limit=500)
    year = str(DAY.year)
    assert Counter(case.data["procuratorate_area"] for case in found if str(case.opened_on).startswith(year)) == {
        "safe_communities": 1, "environment": 4, "minors": 4,
    }  # fmt: skip


def test_deadlines_lie_around_the_day(demo: Engine) -> None:
    """Something is late, something is due soon, something later."""
    waiting = demo.worklist(Actor(person="unit01.clerk"))
    due = {clock.due_on for case in waiting for clock in case.clocks if clock.running}
    assert min(due) < DAY < max(due)
    assert any(0 <= (on - DAY).days <= 10 for on in due)


def test_every_page_says_so_and_the_accounts_come_in(demo: Engine) -> None:
    sessions = Sessions(demo)
    app = create_app(demo, sessions, sessions=sessions, notice=NOTICE)
    client = app.test_client()
    assert NOTICE.zh in client.get("/sign-in").text
    (look, *_) = Demonstration(demo).looks()
    page = client.post(
        "/sign-in",
        data={"person": look.person, "password": look.password},
        headers={"Origin": "http://localhost"},
    )
    assert page.status_code == 303 and page.headers["Location"] == "/", (
        "nobody has to choose another password"
    )
    assert NOTICE.zh in client.get("/").text


def test_story_H01_it_goes_without_a_trace(
    database_url: str, demo_file: Path, library: Library, tmp_path: Path
) -> None:
    """All tables are what they are after `init`, whatever was in them; also after people used the demonstration."""
    engine = Engine(database_url, library, place=PLACE, clock=FrozenClock(DAY))
    engine.create_schema()
    create_schema(engine)
    before = rows(engine.database)
    if engine.database.dialect.name == "sqlite":
        engine.database.dispose()
        shutil.copy(demo_file, database_url.removeprefix("sqlite:///"))
        assert sum(map(len, rows(engine.database).values())) > 3000
    else:
        Demonstration(engine).begin([(role.person, role.text, role.operator) for role in ROLES])
        engine.grant("office.affairs", "deputy_affairs", "hubei/xianning")
    app = create_app(engine, sessions := Sessions(engine), sessions=sessions)
    app.extensions["sessions"] = sessions
    assert Reader(app, "office.affairs").get("/").status_code == 200
    Demonstration(engine).remove()
    assert rows(engine.database) == before
    engine.database.dispose()


def test_what_is_asked_while_it_is_removed_is_answered_in_words(
    database_url: str, library: Library, caplog: pytest.LogCaptureFixture
) -> None:
    """No page breaks and no stack is logged while the tables are away; then it is an empty system to which nobody is signed in."""
    engine = Engine(database_url, library, place=PLACE, clock=FrozenClock(DAY))
    engine.create_schema()
    create_schema(engine)
    Demonstration(engine).begin([(role.person, role.text, role.operator) for role in ROLES])
    app = create_app(engine, sessions := Sessions(engine), sessions=sessions)
    app.extensions["sessions"] = sessions
    reader = Reader(app, "office.affairs")
    downgrade(
        engine.database, (tables := Shelf(engine).tables).prefix, scripts=SCRIPTS, metadata=tables.metadata
    )
    assert reader.get("/").status_code == 503 and "tibandu init" in reader.page
    answer = reader.client.get("/v1/views")
    assert (answer.status_code, answer.json["code"]) == (503, "unavailable")
    assert "tibandu init" in answer.json["texts"]["zh"] and "tibandu init" in answer.json["texts"]["en"]
    told = [record for record in caplog.records if record.levelname == "ERROR"]
    assert len(told) == 2 and not any(record.exc_info for record in told)
    create_schema(engine)
    assert reader.get("/").headers["Location"].startswith("/sign-in")
    engine.database.dispose()


def test_a_service_that_shows_it_ends_with_it_and_says_so(database_url: str, library: Library) -> None:
    engine = Engine(database_url, library, place=PLACE, clock=FrozenClock(DAY))
    engine.create_schema()
    create_schema(engine)
    demonstration = Demonstration(engine)
    looks = demonstration.begin([(role.person, role.text, role.operator) for role in ROLES])
    told: list[object] = []
    context: Any = SimpleNamespace(
        engine=engine, sibling=import_module, console=SimpleNamespace(warn=told.append)
    )
    stop = partial(told.append, "stopped")
    stop_when_gone(context, looks, stop)
    assert told == []
    demonstration.remove()
    stop_when_gone(context, [], stop)  # a service that never showed one
    assert told == []
    stop_when_gone(context, looks, stop)
    assert "演示数据已清除" in str(told[0]) and told[1:] == ["stopped"]
    engine.database.dispose()


def test_nothing_is_loaded_beside_real_data_and_nothing_real_is_removed(
    database_url: str, library: Library
) -> None:
    engine = Engine(database_url, library, place=PLACE, clock=FrozenClock(DAY))
    engine.create_schema()
    create_schema(engine)
    engine.grant("li", "deputy_affairs", "hb/xianning")
    before = rows(engine.database)
    with pytest.raises(Conflict):
        Demonstration(engine).begin([(role.person, role.text, role.operator) for role in ROLES])
    with pytest.raises(NotFound):
        Demonstration(engine).remove()
    assert rows(engine.database) == before
    engine.database.dispose()


def test_it_begins_whole_or_not_at_all(database_url: str, library: Library) -> None:
    """What breaks in the middle leaves an empty system, into which it can be loaded again."""
    engine = Engine(database_url, library, place=PLACE, clock=FrozenClock(DAY))
    engine.create_schema()
    create_schema(engine)
    before = rows(engine.database)
    one = [(role.person, role.text, role.operator) for role in ROLES[:2]]
    with pytest.raises(Conflict):
        Demonstration(engine).begin([*one, one[0]])
    assert rows(engine.database) == before
    assert len(Demonstration(engine).begin(one)) == 2
    engine.database.dispose()


def test_only_this_machine_sees_it(demo_file: Path, tmp_path: Path) -> None:
    shutil.copy(demo_file, tmp_path / "demo.db")
    url = f"sqlite:///{tmp_path / 'demo.db'}"
    tokens = tmp_path / "tokens"
    tokens.write_text("0" * 64 + " he\n")
    for outside in (("--host", "0.0.0.0"), ("--url", "https://tibandu.example.cn")):
        said = call("serve", "--database", url, "--tokens", tokens, *outside)
        assert said.code == 2 and "demo remove" in said.err, said
    said = call("demo", "accounts", "--database", url)
    assert said.code == 0 and all(role.person in said.out for role in ROLES)
    said = call("demo", "load", "--database", url)
    assert said.code == 0 and "already" in said.out
    assert call("demo", "remove", "--database", url).code == 0
    said = call("demo", "remove", "--database", url)
    assert said.code == 1 and "no demo data" in said.err


def test_the_year_before_is_a_session_of_real_size() -> None:
    """What `tibandu demo load` adds to what the tests look at: 93 suggestions by their published figures, each with a title."""
    told = scenario(DAY, term=True)
    year, *rest = told.sessions
    assert [one.name for one in rest] == [one.name for one in scenario(DAY).sessions]
    assert (year.suggestions, dict(year.results), dict(year.levels)) == (
        93, {"A": 54, "B": 33, "C": 2, "D": 4}, {"satisfied": 86, "basically_satisfied": 7},
    )  # fmt: skip
    named, planned = list(subjects(told)), list(plans(told, cast_of(told)))
    assert len(named) == len(planned) == 93 + sum(one.suggestions for one in rest)
    assert len(set(named[:93])) == 93 and year.closes < rest[0].opens
