"""The console's pages among few cases and among many: server time of one page, asked by one reader after the other.

The cases are families that really went their way through the shipped definitions, copied by SQL under new ids: one in twenty is
open and of this year, the others are closed and of the nine years before; units and deputies are spread over them as in a city.
"""

from __future__ import annotations

import contextlib
import gc
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from flask.testing import FlaskClient
from sqlalchemy import Connection, text

from tests.console import Desk
from tests.lifecycle import DOCUMENT, FOLDER, PLACE, TODAY, Office
from workflow import Actor, Case, Engine, load_definitions
from workflow.testing import FrozenClock

from .seed import analysed, triggers
from .target import Targets

FEW, MORE, MANY = 5_000, 50_000, 500_000
OPEN = 20
"""one case in so many is open"""
UNITS, DEPUTIES, YEARS = 200, 300, 9
MINE = 25
"""more copies of each open family whose unit and deputies are those who read: a full page each, among few cases as among many"""
ASKED = 40
"""times each page is asked for"""
WANTED = 0.150
"""seconds: 95 of 100 times a page is to be faster"""
FLAT = 1.5
"""and no slower than so many times what they take among few cases"""


Found = tuple[str, str, dict[int, list[float]]]
"""(reader, page, cases -> the seconds of each time it was asked for)"""


def measure(targets: Targets, sizes: tuple[int, ...]) -> Iterator[tuple[str, *Found]]:
    """(database, reader, page, cases -> seconds): each page among few and among many in turn, both in the same minute."""
    for kind in ("postgresql", "sqlite"):
        with contextlib.ExitStack() as stack:
            urls = {size: stack.enter_context(_database(targets, kind, size)) for size in sizes}
            yield from ((kind, *found) for found in compared(urls, targets.folder))


@contextlib.contextmanager
def _database(targets: Targets, kind: str, size: int) -> Iterator[str]:
    if kind == "sqlite":
        file = targets.folder / f"pages-{size}.db"
        try:
            yield f"sqlite:///{file}"
        finally:
            for ending in ("", "-journal", "-wal", "-shm"):
                file.with_name(file.name + ending).unlink(missing_ok=True)
    else:
        name = targets.postgres.create()
        try:
            yield targets.postgres.database(name)
        finally:
            targets.postgres.drop(name)


def compared(urls: Mapping[int, str], folder: Path) -> Iterator[Found]:
    """Fill each database with so many cases, then ask for every page in each."""
    with contextlib.ExitStack() as stack:
        consoles = {size: stack.enter_context(_console(url, size, folder)) for size, url in urls.items()}
        asked = [
            (who, name, {size: (desk(READERS[who]), _pages(*cases)[who][name]) for size, (desk, *cases) in consoles.items()})
            for who, pages in _pages(*next(iter(consoles.values()))[1:]).items()
            for name in pages
        ]  # fmt: skip
        for _, _, pages in asked:  # the first ones of a process read templates and make what is kept
            _once(pages)
        gc.collect()  # of all of that: in a service that has run for a while a full collection is rare
        gc.freeze()
        stack.callback(gc.unfreeze)
        for who, name, pages in asked:
            rounds = [_once(pages, backwards=bool(number % 2)) for number in range(ASKED)]
            yield who, name, {size: [took[size] for took in rounds] for size in urls}


@contextlib.contextmanager
def _console(url: str, size: int, folder: Path) -> Iterator[tuple[Desk, Case, Case]]:
    clock = FrozenClock(TODAY)
    engine = Engine(url, load_definitions(FOLDER, place=PLACE), clock=clock)
    engine.create_schema()
    engine.publish(Actor(person="bench"))
    office = Office(engine, clock).staff()
    try:
        cases = _filled(office, size)
        yield Desk(office, folder / "documents"), *cases
    finally:
        engine.database.dispose()


def _once(pages: Mapping[int, tuple[FlaskClient, str]], *, backwards: bool = False) -> dict[int, float]:
    """The seconds of a page in each database."""
    took = {}
    for size in sorted(pages, reverse=backwards):
        reader, address = pages[size]
        start = time.perf_counter()
        answer = reader.get(address)
        took[size] = time.perf_counter() - start
        if answer.status_code != 200:
            raise RuntimeError(f"{answer.status_code} for {address}")
    return took


def p95(took: Sequence[float]) -> float:
    """What 95 of 100 are no longer than."""
    return sorted(took)[int(0.95 * (len(took) - 1))]


def _pages(case: Case, answered: Case) -> Mapping[str, Mapping[str, str]]:
    """Reader -> what a page is called -> its address."""
    own = {
        "the case": f"/cases/{case.id}", "its history": f"/cases/{case.id}/history", "its picture": f"/cases/{case.id}/picture",
        "a deadline": f"/cases/{case.id}/clocks/reply",
    }  # fmt: skip
    home = {"today": "/", "waiting": "/waiting"}
    return {
        "office": {
            **home, "in hand": "/views/in_progress", "to assign": "/views/to_assign", "search": "/search?q=%E9%A9%BF%E7%AB%99",
            **own,
            "a form": f"/cases/{case.id}/do/recall_assignment", "lifecycles": "/lifecycles",
            "a lifecycle": "/lifecycles/suggestion", "a number's list": "/found?kind=suggestion&roots=true&closed=false",
            "figures": "/statistics", "wall": "/wall",
        },
        "unit": {**home, "inbox": "/views/inbox", **own, "a form": f"/cases/{case.id}/do/submit_for_signoff"},
        "survey office": {**home, "surveys": "/views/surveys", "the case": f"/cases/{answered.id}"},
        "deputy": {**home, "own": "/views/my_suggestions", **own},
    }  # fmt: skip


READERS = {"office": "li", "unit": "wang", "survey office": "sun", "deputy": "dep1"}


# --- many cases


def _filled(office: Office, size: int) -> tuple[Case, Case]:
    """Walk a few families, copy them; one in which a unit works, one that waits for its deputies."""
    open_ = [
        office.filed(), office.accepted(), office.assigned(co=("roads",)), office.handling(), office.signing_off(),
        office.evaluating(), office.second_assigned(),
    ]  # fmt: skip
    closed = [
        office.fire(office.filed("dep1"), "withdraw", "dep1", withdrawal_letter=DOCUMENT),
        _archived(office),
    ]
    with office.engine.database.begin() as connection:
        triggers(connection, office.engine.store.is_sqlite, off=True)
        copied(office.engine, connection, [case.id for case in open_], size // OPEN, past=False)
        copied(office.engine, connection, [case.id for case in closed], size - size // OPEN, past=True)
        copied(
            office.engine,
            connection,
            [case.id for case in open_],
            MINE * len(open_),
            past=False,
            apart="u",
            mine=True,
        )
        triggers(connection, office.engine.store.is_sqlite, off=False)
    analysed(office.engine)
    office.engine.summary.refresh()  # after ANALYZE: by plans for empty tables each of its pages would read all clocks
    return open_[3], open_[5]


def _archived(office: Office) -> Case:
    settled = office.fire(office.evaluated(), "settle", "sun")
    return office.fire(settled, "archive", "li", yearly_report="2025")


def copied(
    engine: Engine, connection: Connection, roots: list[str], count: int, *, past: bool, apart: str = "", mine: bool = False
) -> None:  # fmt: skip
    """So many copies of these families, each as often as any other; `apart`: a letter in their ids that ids have not (u), for
    more of the same; `mine`: with the parties that the families have.
    """
    for place, root in enumerate(roots):
        share = count // len(roots) + (place < count % len(roots))
        for name, statement in (
            _statements(engine, place, share, past=past, apart=apart, mine=mine) if share else ()
        ):
            columns = [
                c.name for c in engine.store.tables.metadata.tables[name].columns if c.identity is None
            ]
            connection.execute(text(statement.format(columns=", ".join(columns))), {"root": root})


def _statements(
    engine: Engine, place: int, count: int, *, past: bool, apart: str, mine: bool
) -> Iterator[tuple[str, str]]:
    lite, prefix = engine.store.is_sqlite, engine.store.prefix
    numbers = (
        f"with recursive g(n) as (select 1 union all select n + 1 from g where n < {count})" if lite
        else f"with g(n) as (select generate_series(1, {count}))"
    )  # fmt: skip
    kind = f"{place}{'p' if past else 'o'}{apart}"
    for name, key in (
        ("cases", "id"), ("relation", "case_id"), ("clock", "case_id"), ("history", "case_id"), ("disclosure", "case_id"),
    ):  # fmt: skip
        new = _changed(kind, past=past, lite=lite)
        if mine:
            new = {column: value for column, value in new.items() if column not in ("party", "relations")}
        table = engine.store.tables.metadata.tables[prefix + name]
        chosen = ", ".join(new.get(c.name, f"t.{c.name}") for c in table.columns if c.identity is None)
        families = f"select id from {prefix}cases where root_id = :root"
        yield (
            prefix + name,
            (
                f"insert into {prefix}{name}({{columns}}) {numbers}"
                f" select {chosen} from g cross join {prefix}{name} t where t.{key} in ({families})"
            ),
        )


def _changed(kind: str, *, past: bool, lite: bool) -> dict[str, Any]:
    """What of a copy differs: its ids, its unit and deputy, and, in the past, its year."""

    def padded(number: str) -> str:
        return f"printf('%07d', {number})" if lite else f"lpad(({number})::text, 7, '0')"

    def renamed(column: str) -> str:
        found = column
        for party, another in (
            ("water", _other("u", UNITS, "water")),
            ("dep1", _other("d", DEPUTIES, "dep1")),
        ):
            found = f"replace({found}, '\"{party}\"', '\"' || {another} || '\"')"
        return found

    unit, deputy = _other("u", UNITS, "water"), _other("d", DEPUTIES, "dep1")
    party = f"case t.party when 'water' then {unit} when 'dep1' then {deputy} else t.party end"
    found = {
        name: f"{padded('g.n')} || '{kind}' || substr(t.{name}, {8 + len(kind)})"
        for name in ("id", "case_id", "root_id")
    }
    found |= {"party": party, "relations": renamed("t.relations"), "number_key": "null"}
    if past:
        year = f"({2025 - YEARS + 1} + g.n % {YEARS})"
        year = f"cast({year} as text)" if lite else f"{year}::text"
        for column in ("opened_on", "due_on", "anchor_on", "outer_on", "effective_on"):
            found[column] = f"case when t.{column} is null then null else {year} || substr(t.{column}, 5) end"
    return found


def _other(letter: str, among: int, kept: str) -> str:
    """One of so many in turn; the seventh is the one we read as."""
    return f"case when g.n % {among} = 7 then '{kept}' else '{letter}' || (g.n % {among}) end"
