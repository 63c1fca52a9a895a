"""What was closed long ago costs no page anything: the steps SQLite takes for a list stay the same, however many such cases there are.

Counted are the steps of its virtual machine, never time: they are the same on every machine.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, select, update

from bench.pages import copied
from bench.seed import triggers
from workflow import Actor, Engine
from workflow.overview import Filter, Period, Ran, Sitting, find, grants_of, tally, through, views_of
from workflow.store import listing, summarised, tallies
from workflow.store.erasure import Erasure
from workflow.store.listing import Sort
from workflow.verify import verify

from .console import Desk
from .lifecycle import DOCUMENT, TENANT, TODAY, Office

FEW, MANY = 100, 1_000
STEPS = 50
"""of the machine in one call of the counter"""
ROOM = 1.3
"""a tree with ten times as many leaves is one level deeper"""
FOR_ONE = 30
"""steps for one case that somebody may not know of, at most: the office of a county takes 20; 60 where each is looked up"""
FOR_ONE_THAT_WAITS = 40
"""steps for one case that waits for him and is not on the page, at most: 32; 59 where all definitions are asked for as one"""
WAITING = Filter(waiting=True)
LATE = Filter(elsewhere=True, due_before=date(2030, 1, 1))
OPEN = Filter(kind="suggestion", roots=True)
LISTED = pytest.mark.parametrize(
    ("asked", "sort"),
    [
        (LATE, "due_on"),
        (Filter(kind="suggestion", closed=False, roots=True), "id"),
        (Filter(kind="suggestion", finished=False), "id"),
    ],
    ids=["late with others", "open", "not finished"],
)
"""lists that are read in the order of an index beside the summary"""


@contextmanager
def steps(engine: Engine) -> Iterator[Counter[str]]:
    """How many steps SQLite takes meanwhile for each statement, on any connection."""
    taken, now = Counter[str](), [""]

    def one() -> int:
        taken[now[0]] += STEPS
        return 0

    def watch(connection: object, _cursor: object, statement: str, *_: object) -> None:
        now[0] = statement
        connection.connection.driver_connection.set_progress_handler(one, STEPS)  # type: ignore[attr-defined]

    event.listen(engine.database, "before_cursor_execute", watch)
    try:
        yield taken
    finally:
        event.remove(engine.database, "before_cursor_execute", watch)


def home(engine: Engine, actor: Actor) -> object:
    """What the first page asks."""
    with Sitting.of(engine, actor) as sitting:
        agenda = sitting.agenda(WAITING, 11)
        own = [through(view) for view in views_of(engine, grants_of(engine, actor)) if view.closed is False]
        return agenda, sitting.numbers(own, 200)


def reached(engine: Engine, case: str) -> list[str]:
    """The families to which a copy may have gone."""
    with engine.store.connection() as connection:
        return Erasure(connection, engine.store.tables).related(case)


def more_of(engine: Engine, roots: list[str], count: int, *, past: bool, apart: str) -> None:
    """So many copies of these families, as if they had been there for long."""
    with engine.database.begin() as connection:
        triggers(connection, True, off=True)
        copied(engine, connection, roots, count, past=past, apart=apart)
        triggers(connection, True, off=False)


def pages(office: Office, case: str) -> dict[str, Callable[[], object]]:
    """Each page's questions by what it is called."""
    engine = office.engine
    li, wang, dep = Actor(person="li"), Actor(person="wang"), Actor(person="dep1")
    views = engine.library.views
    rare = Filter(kind="supervision", definition=engine.library.definition("supervision").hash, closed=True)
    return {
        "office, first page": lambda: home(engine, li),
        "office, waiting": lambda: find(engine, li, WAITING, sort="due_on", limit=10),
        "office, in hand": lambda: find(engine, li, through(views["in_progress"]), sort="due_on"),
        "office, overdue with others": lambda: find(
            engine, li, Filter(elsewhere=True, due_before=date(2030, 1, 1)), sort="due_on", limit=5
        ),
        "unit, overdue with others": lambda: find(
            engine, wang, Filter(elsewhere=True, families=True, due_before=date(2030, 1, 1)), sort="due_on", limit=5
        ),
        "unit, first page": lambda: home(engine, wang),
        "unit, waiting": lambda: find(engine, wang, WAITING, sort="due_on", limit=10),
        "unit, inbox": lambda: find(engine, wang, through(views["inbox"]), sort="due_on"),
        "unit, a case": lambda: engine.case(case, actor=wang),
        "unit, work list": lambda: engine.worklist(wang),
        "deputy, first page": lambda: home(engine, dep),
        "deputy, a case": lambda: engine.case(case, actor=dep),
        "a version's cases": lambda: find(engine, li, rare),
        "a version, counted": lambda: tally(engine, li, [rare]),
        "cases that name a case": lambda: find(engine, li, Filter(naming=(("master", case),))),
        "what an erasure reaches": lambda: reached(engine, case),
        "a month": lambda: find(
            engine, li, Filter(kind="suggestion", opened_from=date(2026, 1, 1), opened_before=date(2026, 2, 1))
        ),
    }  # fmt: skip


def taken(office: Office, case: str) -> dict[str, int]:
    """The steps of each page, once everything is prepared."""
    office.engine.summary.refresh()
    with office.engine.database.begin() as connection:
        connection.exec_driver_sql("analyze")
    found = {}
    for name, ask in pages(office, case).items():
        ask()
        with steps(office.engine) as counted:
            ask()
        found[name] = counted.total()
    return found


def test_what_was_closed_long_ago_costs_no_list_anything(sqlite_office: Office) -> None:
    office, engine = sqlite_office, sqlite_office.engine
    case = office.handling(co=("roads",))
    office.evaluating(), office.second_assigned()
    settled = office.fire(office.evaluated(), "settle", "sun")
    closed = [
        office.fire(office.filed("dep1"), "withdraw", "dep1", withdrawal_letter=DOCUMENT).id,
        office.fire(settled, "archive", "li", yearly_report="2025").id,
    ]
    counted = []
    for number in (FEW, MANY - FEW):
        more_of(engine, closed, number, past=True, apart=str(len(counted)))
        counted.append(taken(office, case.id))
    few, many = counted
    dearer = {name: (few[name], many[name]) for name in few if many[name] > ROOM * few[name] + 500}
    assert not dearer


def test_the_first_page_looks_once_at_what_waits(sqlite_office: Office, tmp_path: Path) -> None:
    """How many by day, how many of them but records, which are the first: one question, however much waits."""
    office, engine = sqlite_office, sqlite_office.engine
    case = office.evaluating()
    desk, counted, more = Desk(office, tmp_path), list[Counter[str]](), FEW
    for apart in "xy":
        more_of(engine, [case.id], more, past=False, apart=apart)
        engine.summary.refresh()
        reader = desk("sun")
        reader.get("/")
        with steps(engine) as taken:
            assert reader.get("/").status_code == 200
        counted.append(taken)
        more = MANY
    few, many = counted
    grown = [statement for statement in many if many[statement] - few[statement] > 10 * MANY]
    assert len(grown) == 1 and "due_on AS day" in grown[0]


def test_what_the_system_finds_costs_the_first_page_of_its_keeper_the_same(
    sqlite_office: Office, tmp_path: Path
) -> None:
    """However many cases there are: he is asked nothing of them, and the system's health is a dozen small questions."""
    office, engine = sqlite_office, sqlite_office.engine
    case, desk, counted = office.handling(), Desk(office, tmp_path), list[Counter[str]]()
    keeper, other = desk("he"), desk("wang")
    for apart, more in (("x", FEW), ("y", MANY)):
        more_of(engine, [case.id], more, past=False, apart=apart)
        engine.summary.refresh()
        keeper.get("/"), other.get("/")
        with steps(engine) as taken:
            assert "系统体检有" in keeper.get("/").text
        counted.append(taken)
    with steps(engine) as taken:
        assert "系统体检有" not in other.get("/").text
    assert not [statement for statement in taken if "apscheduler" in statement]
    few, many = counted
    dearer = {said: (few[said], many[said]) for said in many if many[said] > ROOM * few[said] + 200}
    assert not dearer


@LISTED
def test_what_is_in_order_is_read_no_further_than_the_page(
    sqlite_office: Office, asked: Filter, sort: Sort
) -> None:
    """Ten times as many cases that are late, or open, are the same steps."""
    office, engine = sqlite_office, sqlite_office.engine
    case, counted, more = office.handling(), list[int](), FEW
    li = Actor(person="li")
    for apart in "xy":
        more_of(engine, [case.id], more, past=False, apart=apart)
        engine.summary.refresh()
        find(engine, li, asked, sort=sort, limit=5)
        with steps(engine) as taken:
            page = find(engine, li, asked, sort=sort, limit=5)
        assert len(page.cases) == 5 and page.next is not None
        counted.append(taken.total())
        more = MANY
    assert counted[1] <= ROOM * counted[0]


@pytest.mark.parametrize("person", ["wang", "dep1", "county"])
def test_what_others_have_open_costs_a_list_nothing(sqlite_office: Office, person: str) -> None:
    """Of a unit, a deputy, the office of a county: who sees few of what is open is led by what he sees."""
    office, engine = sqlite_office, sqlite_office.engine
    case, counted, more = office.handling(), list[int](), FEW
    engine.grant("county", "sc_office", f"{TENANT}/county")
    actor, asked = Actor(person=person), Filter(kind="suggestion", closed=False)
    for apart in "xy":
        more_of(engine, [case.id], more, past=False, apart=apart)
        engine.summary.refresh()
        with engine.database.begin() as connection:
            connection.exec_driver_sql("analyze")
        find(engine, actor, asked, limit=5)
        with steps(engine) as taken:
            page = find(engine, actor, asked, limit=5)
        counted.append(taken.total())
        more = MANY
        assert bool(page.cases) == (person != "county")
    assert counted[1] - counted[0] < FOR_ONE * MANY


def test_what_others_have_open_costs_the_lists_of_a_unit_nothing(sqlite_office: Office) -> None:
    """They are led by where it stands, not by the states of all that is open; in a database that nobody has analysed, as most are."""
    office, engine, wang = sqlite_office, sqlite_office.engine, Actor(person="wang")
    case, counted, more = office.handling(), list[int](), FEW
    own = [through(view) for view in views_of(engine, grants_of(engine, wang)) if view.closed is False]
    for apart in "xy":
        more_of(engine, [case.id], more, past=False, apart=apart)
        engine.summary.refresh()
        for _ in range(2):
            with Sitting.of(engine, wang) as sitting, steps(engine) as taken:
                numbers = sitting.numbers(own, 200)
        assert 0 < numbers[0][0] < 10
        counted.append(taken.total())
        more = MANY
    assert counted[1] - counted[0] < 3 * MANY


@LISTED
@pytest.mark.parametrize("person", ["li", "wang", "dep1", "county"])
def test_a_list_is_the_same_by_its_index_and_without_it(
    office: Office, monkeypatch: pytest.MonkeyPatch, asked: Filter, sort: Sort, person: str
) -> None:
    """In pages, past cases of one day, while the summary counts every line and while it does not."""
    cases = [office.handling() for _ in range(4)] + [office.accepted()]
    office.engine.grant("county", "sc_office", f"{TENANT}/county")
    office.fire(office.filed("dep1"), "withdraw", "dep1", withdrawal_letter=DOCUMENT)
    engine, actor = office.engine, Actor(person=person)
    found = []
    assert engine.summary.fresh()
    for fresh in (True, False):
        monkeypatch.setattr(engine.summary, "fresh", lambda fresh=fresh: fresh)
        seen, after = list[str](), None
        while True:
            page = find(engine, actor, asked, sort=sort, after=after, limit=2)
            seen += [case.id for case in page.cases]
            if (after := page.next) is None:
                break
        found.append(seen)
    assert found[0] == found[1]
    assert {case.id for case in cases[:4]} <= {*found[0]} or person != "li"


@pytest.mark.parametrize("person", ["li", "wang", "dep1"])
@pytest.mark.parametrize("families", [False, True])
def test_which_are_late_the_longest_and_how_many_is_what_the_list_says(
    office: Office, monkeypatch: pytest.MonkeyPatch, person: str, families: bool
) -> None:
    """Led by where the reader stands or not, while the summary counts every line and while it does not."""
    for _ in range(3):
        office.handling(), office.accepted()
    engine, actor, found = office.engine, Actor(person=person), list[int]()
    asked = Filter(elsewhere=True, due_before=date(2030, 1, 1), families=families)
    assert engine.summary.fresh()
    for fresh in (True, False):
        monkeypatch.setattr(engine.summary, "fresh", lambda fresh=fresh: fresh)
        listed = [case.id for case in find(engine, actor, asked, sort="due_on").cases]
        with Sitting.of(engine, actor) as sitting:
            assert sitting.soonest(asked, 100) == listed
            assert sitting.soonest(asked, 2) == listed[:2]
            assert sitting.numbers([asked], 100) == [(len(listed), False)]
        found.append(len(listed))
    assert found[0] == found[1] and (found[0] > 0 or person == "wang" or (person == "li" and families))


@pytest.mark.parametrize(
    ("person", "kind"), [("dep1", "evaluation"), ("wang", "suggestion"), ("li", "extension")]
)
def test_a_list_of_one_kind_asks_what_waits_of_that_kind_alone(
    office: Office, person: str, kind: str
) -> None:
    """By the versions its statement names."""
    engine, named = office.engine, set[str]()
    office.evaluating()
    versions = {*engine.laws.versions(kind)}
    asked, known = Filter(kind=kind, waiting=True), {law.definition.hash for law in engine.laws.known()}

    @event.listens_for(engine.database, "before_cursor_execute")
    def _seen(_connection: Any, _cursor: Any, _statement: str, parameters: Any, *_: Any) -> None:
        values = parameters.values() if isinstance(parameters, dict) else parameters
        named.update(known & {*map(str, values)})

    with Sitting.of(engine, Actor(person=person)) as sitting:
        sitting.tally([asked], 100)
    assert named == versions


def test_what_is_asked_again_is_made_once_for_each_reader(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until he holds something else or it is another day; what somebody looks for by its number, or in days he names, is not kept."""
    engine, clock, made = office.engine, office.clock, list[str]()
    office.filed()
    for module, name in (
        (listing, "agenda"), (listing, "page"), (listing, "counted"), (listing, "beside"), (tallies, "standing"),
        (tallies, "received"), (summarised, "grouped"),
    ):  # fmt: skip
        one = getattr(module, name)
        monkeypatch.setattr(
            module, name, lambda *given, n=name, f=one, **named: made.append(n) or f(*given, **named)
        )

    def asked(person: str) -> list[str]:
        made.clear()
        actor = Actor(person=person)
        with Sitting.of(engine, actor) as sitting:
            sitting.agenda(WAITING, 11), sitting.soonest(LATE, 5), sitting.tally([WAITING], 200)
            sitting.counts([OPEN]), sitting.figures(OPEN, ["state"], Period(), counting=["open"])
        find(engine, actor, WAITING, sort="due_on")
        return sorted(made)

    every = ["agenda", "beside", "counted", "page", "page"]
    li, wang = (
        sorted([*every, "grouped"]),
        sorted([*every, "standing"]),
    )  # an overseer's figures are the summary's
    assert [asked("li"), asked("li"), asked("wang"), asked("wang"), asked("li")] == [li, [], wang, [], []]
    engine.grant("li", "presidium", TENANT)
    assert [asked("li"), asked("li"), asked("wang")] == [li, [], []]
    clock.advance(days=1)
    assert [asked("li"), asked("wang"), asked("li")] == [li, wang, []]
    for _ in range(2):
        made.clear()
        find(engine, Actor(person="li"), Filter(number="x"))
        with Sitting.of(engine, Actor(person="li")) as sitting:
            sitting.tally([WAITING, Filter(kind="suggestion", party="dep1")], 200)
            year = sitting.figures(OPEN, [], Period(start=TODAY), counting=["opened"])
            none = sitting.figures(OPEN, [], Period(before=TODAY), counting=["opened"])
        assert made == ["page", "counted", *["grouped", "received"] * 2], "nor what is asked of some days"
        assert year[0].opened > none[0].opened == 0


def test_figures_of_months_are_kept_each_by_its_months(office: Office) -> None:
    engine, li = office.engine, Actor(person="li")
    office.filed()
    year, before = (
        Period(start=date(y, 1, 1), before=date(y + 1, 1, 1)) for y in (TODAY.year, TODAY.year - 1)
    )
    clocks, events = engine.library.answers["suggestion"]
    for _ in range(2):
        with Sitting.of(engine, li) as sitting:
            opened = [
                sitting.figures(OPEN, [], one, counting=["opened"])[0].opened for one in (year, before, year)
            ]
            assert opened == [1, 0, 1]
            assert sitting.took(OPEN, Ran(clocks=clocks, events=events, period=year)) == []
    office.replied()
    engine.summary.refresh()
    with Sitting.of(engine, li) as sitting:
        took = [
            sitting.took(OPEN, Ran(clocks=clocks, events=events, period=one)) for one in (year, before, year)
        ]
    assert [len(one) for one in took] == [1, 0, 1]


@pytest.mark.parametrize("person", ["li", "wang", "dep1", "sun"])
def test_what_waits_is_the_same_page_by_page(office: Office, person: str) -> None:
    """In the order of the work list, past cases of one day and such without any; also for whom something waits in two ways."""
    for _ in range(3):
        office.filed(), office.accepted(), office.handling(), office.evaluating()
    engine, both = office.engine, Actor(person=person)
    engine.grant("dep1", "sc_office", TENANT)
    expected, seen, after = [case.id for case in engine.worklist(both)], list[str](), None
    while True:
        page = find(engine, both, WAITING, sort="due_on", after=after, limit=2)
        seen += [case.id for case in page.cases]
        if (after := page.next) is None:
            break
    assert seen == expected and len(seen) > 2


def test_what_waits_is_put_in_order_no_further_than_the_page(sqlite_office: Office) -> None:
    """Each definition's cases by themselves: a case more is a look at an index, at who may know of it, at its day."""
    office, engine = sqlite_office, sqlite_office.engine
    open_, counted, more, li = [office.filed().id, office.accepted().id], list[int](), FEW, Actor(person="li")
    closed = [office.fire(office.filed("dep1"), "withdraw", "dep1", withdrawal_letter=DOCUMENT).id]
    more_of(engine, closed, 5 * MANY, past=True, apart="p")
    for apart in "xy":
        more_of(engine, open_, more, past=False, apart=apart)
        with engine.database.begin() as connection:
            connection.exec_driver_sql("analyze")
        find(engine, li, WAITING, sort="due_on", limit=5)
        with steps(engine) as taken:
            page = find(engine, li, WAITING, sort="due_on", limit=5)
        assert len(page.cases) == 5 and page.next is not None
        counted.append(taken.total())
        more = MANY
    assert counted[1] - counted[0] < FOR_ONE_THAT_WAITS * MANY


def test_what_waits_for_one_in_two_ways_is_counted_once(office: Office) -> None:
    """By his role and because he signed it: SQLite asks each way by itself."""
    case, both = office.evaluating(), Actor(person="dep1")
    office.engine.grant("dep1", "sc_office", TENANT)
    listed = find(office.engine, both, WAITING, sort="due_on").cases
    assert case.id in [one.id for one in listed]
    with Sitting.of(office.engine, both) as sitting:
        agenda = sitting.agenda(WAITING, 50)
    assert sum(agenda.due.values()) == len(listed)
    assert agenda.first == [one.id for one in listed]


def test_who_stands_in_a_family_is_passed_by_when_all_of_it_has_ended(office: Office) -> None:
    relation = office.engine.store.tables.relation

    def past(case: str) -> set[bool]:
        with office.engine.database.connect() as connection:
            return {bool(past) for past in connection.execute(
                select(relation.c.past).where(relation.c.case_id == case)
            ).scalars()}  # fmt: skip

    case = office.fire(office.evaluated(), "settle", "sun")
    asked = [child for child in office.engine.children(case.id) if child.relations]
    assert all(child.closed for child in asked)
    assert [past(one.id) for one in (case, *asked)] == [{False}] * (1 + len(asked))  # one of them is open
    case = office.fire(case, "archive", "li", yearly_report="2025")
    assert case.closed
    assert [past(one.id) for one in (case, *asked)] == [{True}] * (1 + len(asked))
    withdrawn = office.fire(office.filed("dep1"), "withdraw", "dep1", withdrawal_letter=DOCUMENT)
    assert past(withdrawn.id) == {True}
    assert verify(office.engine.store).sound


def test_a_mark_on_a_case_that_is_open_is_a_fault(office: Office) -> None:
    case, relation = office.assigned(), office.engine.store.tables.relation
    with office.engine.database.begin() as connection:
        connection.execute(update(relation).where(relation.c.case_id == case.id).values(past=True))
    assert [fault.case for fault in verify(office.engine.store).faults] == [case.id]
