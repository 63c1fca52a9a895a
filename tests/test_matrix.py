"""Separation of powers, cell by cell: role × relation × state × event over all definitions, against a table written from the law.

    separation.csv   lifecycle, act, role, relation: who may do which act. Whoever is not there may not. Written from the law and the
                     reports (the source of each row is beside it), not from the definitions; `*` stands for every act.
    acts.csv         which act of the law each event of a definition is
    relations.csv    what a definition calls otherwise than the table

The engine answers each cell itself (admission.forbids, and whether the event leads on from that state). Nothing of the expectation
comes from the loader.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path

import pytest

from workflow import Actor
from workflow.act import Act
from workflow.admission import forbids
from workflow.clock import start_of_day
from workflow.definition import Definition, Event
from workflow.draft import Draft
from workflow.family import Family, Record
from workflow.laws import Laws
from workflow.model import Grant
from workflow.random import SeededRandom

from .lifecycle import PLACE, TENANT, shipped

DATA = Path(__file__).parent / "data"
TODAY = date(2026, 3, 2)
ANYBODY, NOBODY, ELSEWHERE, ANYWHERE = "any", "-", "elsewhere", "anywhere"
UNIT_ROLES = ("unit_clerk", "unit_head", "station_clerk", "station_keeper")
LEAST = 20_000
Allowed = dict[tuple[str, str, str, str], bool]


def rows(name: str) -> list[dict[str, str]]:
    with (DATA / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@cache
def separation() -> Allowed:
    return {
        (r["lifecycle"], r["act"], r["role"], r["relation"]): r["allow"] == "yes"
        for r in rows("separation.csv")
    }


@cache
def acts() -> dict[tuple[str, str], tuple[str, str]]:
    return {(r["definition"], r["event"]): (r["lifecycle"], r["act"]) for r in rows("acts.csv")}


@cache
def renamed() -> dict[tuple[str, str], str]:
    return {(r["definition"], r["relation"]): r["of"] for r in rows("relations.csv")}


@cache
def laws() -> Laws:
    return Laws(shipped(), PLACE)


@cache
def roles() -> tuple[str, ...]:
    return tuple(laws().library.roles.values)


# --- who stands where


@dataclass(frozen=True)
class Person:
    """Somebody with one role, who stands in one relation to the case: himself, or by a unit he belongs to."""

    role: str
    relation: str
    of_unit: bool
    grants: tuple[Grant, ...]

    @property
    def hats(self) -> tuple[tuple[str, str], ...]:
        """As what the law knows him: role and relation."""
        if self.of_unit and self.role not in UNIT_ROLES:
            return ((self.role, NOBODY), (self.role, self.relation), ("unit_clerk", self.relation))
        if self.relation in (NOBODY, ELSEWHERE) or self.of_unit:
            return ((self.role, self.relation),)
        return ((self.role, NOBODY), (self.role, self.relation), (ANYBODY, self.relation))


def grant(role: str, unit: str | None = None) -> Grant:
    return Grant(id=f"{role}/{unit}", person="p", role=role, scope=TENANT, unit=unit)


def people(definition: Definition, relations: dict[str, str]) -> Iterator[Person]:
    """`relations`: name -> unit | person."""
    for role in (*roles(), "nothing"):
        held = () if role == "nothing" else (role,)
        yield Person(role, NOBODY, False, tuple(grant(r) for r in held if r not in UNIT_ROLES))
        if role in UNIT_ROLES:
            yield Person(role, ELSEWHERE, False, (grant(role, "u-elsewhere"),))
        for relation, of in relations.items():
            name = renamed().get((definition.name, relation), relation)
            if of == "person":
                yield Person(
                    role,
                    name,
                    False,
                    tuple(grant(r, "u-elsewhere" if r in UNIT_ROLES else None) for r in held),
                )
            elif role in UNIT_ROLES:
                yield Person(role, name, True, (grant(role, f"u-{relation}"),))
            else:
                yield Person(
                    role, name, True, (*(grant(r) for r in held), grant("unit_clerk", f"u-{relation}"))
                )


def expected(definition: str, event: str, person: Person) -> bool:
    """What the law says; deny where it says nothing."""
    key = acts().get((definition, event))
    if key is None:
        return False
    said = [
        separation().get((key[0], act, role, relation))
        for act in (key[1], "*")
        for role, relation in (*person.hats, (ANYBODY, person.relation), (person.role, ANYWHERE))
    ]
    return False not in said and True in said


# --- what the engine says


def families(definition: Definition) -> Iterator[tuple[Definition, dict[str, str]]]:
    """The roots it can have, with all relations a person can stand in: its own, and the root's."""
    own = {name: relation.of for name, relation in definition.relations.items()}
    parents = [
        d
        for d in laws().definitions.values()
        if definition.name in {slot.definition for slot in d.children.values()}
    ]
    for root in parents or [definition]:
        yield root, {**{name: relation.of for name, relation in root.relations.items()}, **own}


def record(definition: Definition, state: str, person: Person, mine: str, *, child: bool) -> Record:
    relations = {
        name: (f"u-{name}",)
        if relation.of == "unit"
        else ("p" if not person.of_unit and name == mine else f"other-{name}",)
        for name, relation in definition.relations.items()
    }
    return Record(
        id="child" if child else "root", root="root", kind=definition.name, definition=definition.hash, tenant=TENANT,
        state=state, relations=relations,
    )  # fmt: skip


def may(definition: Definition, root: Definition, event: Event, person: Person, mine: str) -> bool:
    """The engine's own answer for the person, whatever the state."""
    child = root is not definition
    case = record(definition, definition.initial, person, mine, child=child)
    records = {"root": record(root, root.initial, person, mine, child=False), case.id: case}
    act = Act(
        actor=Actor(person="p"), now=start_of_day(TODAY), day=TODAY, effective_on=str(TODAY), grants=person.grants,
    )  # fmt: skip
    draft = Draft(laws(), Family(records, "root"), act, SeededRandom(1))
    return not forbids(draft, laws().pinned(definition.hash), event, case)[1]


def events(definition: Definition) -> dict[str, Event]:
    return {"start": definition.start, **definition.events}


@dataclass
class Found:
    """What the matrix came to."""

    cells: int = 0
    wrong_allows: Counter[str] = None  # type: ignore[assignment]
    granted: set[tuple[str, str, str, str]] = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        self.wrong_allows = Counter()
        self.granted = set()


@cache
def matrix(name: str) -> Found:
    definition, found = laws().definitions[name], Found()
    lifecycle = laws().pinned(definition.hash).lifecycle
    for root, relations in families(definition):
        back = {renamed().get((name, relation), relation): relation for relation in relations}
        for person in people(definition, relations):
            mine = back.get(person.relation, person.relation)
            for event_name, event in events(definition).items():
                states = ["(new)"] if event_name == "start" else list(definition.states)
                found.cells += len(states)
                leads = [s for s in states if event_name == "start" or lifecycle.leads_on(s, event_name)]
                if not leads or not may(definition, root, event, person, mine):
                    continue
                if expected(name, event_name, person):
                    key = acts()[name, event_name]
                    found.granted |= {
                        (*key, *hat)
                        for hat in (*person.hats, (ANYBODY, person.relation), (person.role, ANYWHERE))
                        if separation().get((*key, *hat))
                    }
                else:
                    found.wrong_allows[f"{name}.{event_name}: {person.role} of {person.relation}"] += len(
                        leads
                    )
    return found


NAMES = sorted(laws().definitions)


@pytest.mark.parametrize("name", NAMES)
def test_nobody_may_what_the_law_does_not_let_him(name: str) -> None:
    assert not matrix(name).wrong_allows


def test_the_matrix_is_large(capsys: pytest.CaptureFixture[str]) -> None:
    cells = sum(matrix(name).cells for name in NAMES)
    wrong = sum(sum(matrix(name).wrong_allows.values()) for name in NAMES)
    with capsys.disabled():
        print(f"\nseparation of powers: {cells:,} cells over {len(NAMES)} definitions, {wrong} wrong allows")
    assert cells >= LEAST


def test_what_the_law_lets_somebody_do_he_may() -> None:
    """Every row of the table is granted by some definition: a power nobody can use is a fault too."""
    here = {key for key, act in acts().items() if key[0] in NAMES}
    used = {acts()[key] for key in here}
    wanted = {key for key, allow in separation().items() if allow and key[:2] in used}
    granted = set().union(*(matrix(name).granted for name in NAMES))
    assert wanted - granted == set()


@pytest.mark.parametrize("name", NAMES)
def test_every_event_of_persons_is_an_act_of_the_law(name: str) -> None:
    definition = laws().definitions[name]
    persons = {(name, e) for e, event in events(definition).items() if event.automatic is None}
    assert {key for key in persons if key not in acts()} == set()


def test_every_row_of_the_table_has_a_source_and_a_known_role() -> None:
    known = {*roles(), ANYBODY}
    for row in rows("separation.csv"):
        assert row["source"].strip(), row
        assert row["role"] in known, row
        assert row["allow"] in ("yes", "no"), row


RULINGS = ("same", "kept", "not taken")
"""of a row that only one table has: it says the same of other words; it stays; it stays out. The reason follows."""


def differing(name: str, other: str) -> tuple[set[tuple[str, ...]], dict[tuple[str, ...], str]]:
    """What only this table allows, and the rows of it that are ruled on."""

    def allowed(table: str) -> set[tuple[str, ...]]:
        return {cell_of(row) for row in rows(table) if row["allow"] == "yes"}

    ruled = {cell_of(row): row["ruling"] for row in rows(name) if row["ruling"]}
    return allowed(name) - allowed(other), ruled


def cell_of(row: dict[str, str]) -> tuple[str, ...]:
    return row["lifecycle"], row["act"], row["role"], row["relation"]


def test_the_blind_table_agrees_in_every_row_that_is_not_ruled_on() -> None:
    """Written from the law by somebody who had seen no definition and no test. Each row that only one of the two has carries a
    ruling with its reason, and no other row does.
    """
    tables = ("separation.csv", "separation_blind.csv")
    for name, other in (tables, tables[::-1]):
        only, ruled = differing(name, other)
        assert only == set(ruled), name
        for cell, ruling in ruled.items():
            kind, _, reason = ruling.partition(": ")
            assert kind.removesuffix(" act").removesuffix(" person") in RULINGS and len(reason) > 15, cell
        assert not [cell for cell, ruling in ruled.items() if ruling.startswith("kept") and name == tables[1]]


def test_the_blind_table_is_read_with_the_same_words() -> None:
    blind = rows("separation_blind.csv")
    known = {(row["lifecycle"], row["act"]) for row in blind}
    assert known <= {*acts().values(), *((r["lifecycle"], r["act"]) for r in rows("separation.csv"))}
    assert {row["role"] for row in blind} <= {*roles(), ANYBODY}
    assert all(row["source"].strip() for row in blind)
