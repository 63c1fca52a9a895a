"""What a list can be narrowed to; the address holds it, so it can be kept and sent on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from workflow import Case
from workflow.clock import day_of
from workflow.definition import Definition, Field
from workflow.errors import Text
from workflow.overview import Filter, today
from workflow.view import View

from ..problems import Problem
from .screens import Look

NARROWED = ("party", "opened_from", "opened_before", "due_from", "due_before")
SAYS = "says."
"""before the name of a field"""


@dataclass(frozen=True, slots=True)
class Datum:
    """A field of the list by which it can be narrowed: one of its codes, or a day that it is not after."""

    name: str
    title: Text
    options: Sequence[tuple[str, Text]]
    """none: a day"""
    value: str


def narrowed(look: Look, asked: Filter) -> Filter:
    """The same list, of one unit or person, or of some days."""
    found: dict[str, Any] = {}
    for name in NARROWED:
        text = look.request.args.get(name, "").strip()[:80]
        if text and name == "party":
            found["party"] = party_named(look, text)
        elif text:
            found[name] = day_in(text)
    return asked.but(**found)


def party_named(look: Look, text: str) -> str:
    """The one of that name, or of that id. Raises Problem 400 where several have the name."""
    named = look.engine.parties.find(names=[text], actor=look.actor, limit=9)
    if len(named) > 1:
        ids = ", ".join(party.id for party in named)
        raise Problem(
            "bad_request",
            Text(f"“{text}”有多个，请填代号：{ids}", f"several are called {text}: give one of {ids}"),
        )
    return named[0].id if named else text


def by_data(look: Look, definition: Definition, view: View) -> list[Datum]:
    """The codes and days among the list's columns."""
    return [
        Datum(SAYS + f.name, f.title, _options(look, f), look.request.args.get(SAYS + f.name, ""))
        for f in _asked(definition, view)
    ]  # fmt: skip


def data_wanted(look: Look, definition: Definition, view: View) -> Callable[[Case], bool] | None:
    """Whether a case says what is asked for; None where nothing is. What is hidden from the reader is not there."""
    tests: list[tuple[str, Callable[[str], bool]]] = []
    for field in _asked(definition, view):
        text = look.request.args.get(SAYS + field.name, "").strip()[:80]
        if text and field.type == "date":
            last = str(day_in(text))
            tests.append((field.name, lambda value, last=last: value <= last))  # type: ignore[misc]
        elif text:
            tests.append((field.name, lambda value, text=text: value == text))  # type: ignore[misc]
    if not tests:
        return None
    return lambda case: all(
        case.data.get(name) is not None and test(str(case.data[name])) for name, test in tests
    )


def _asked(definition: Definition, view: View) -> list[Field]:
    columns = [definition.fields[name] for name in view.columns if name in definition.fields]
    return [field for field in columns if field.type in ("code", "date")]


def _options(look: Look, field: Field) -> list[tuple[str, Text]]:
    if field.type == "date":
        return []
    return [
        (code.id, code.title)
        for code in look.engine.laws.codes_on(today(look.engine))[field.codes or ""].values.values()
    ]


def day_in(text: str) -> date:
    """A day as a form sends it. Raises Problem 400."""
    try:
        return day_of(text)
    except ValueError:
        raise Problem("bad_request", Text("日期须如 2026-03-15", "a day is written 2026-03-15")) from None
