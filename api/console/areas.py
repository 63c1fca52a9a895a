"""What went to the procuratorate, by the area of its work it lies in and by what came of it; every number is a list.

Counted are the cases this reader may know of: a handling unit finds none here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date

from workflow import Case
from workflow.errors import NotFound, Text
from workflow.overview import After, Filter, find, today

from ..domain import statistics as kept
from .lists import heads_of, rows
from .screens import Look, Page, Screen
from .statistics import Number, year_asked

PAGE = 500
COLUMNS = ("number", "title", "state", "due_on")
ALL = Text("合计", "all")


def shown(look: Look) -> Page:
    """One year: areas down, what came of it across; and the list behind a number, if one is asked for."""
    told = kept.areas()
    if told.of not in look.engine.library.definitions:
        raise NotFound(Text("没有这一类", "there is no such kind"))
    year = year_asked(look)
    cases = list(_transferred(look, year))
    names = [*(title for title, _ in told.standings), told.otherwise]
    field = look.engine.library.definition(told.of).fields[told.field]
    codes = look.engine.laws.codes_on(today(look.engine))[field.codes or ""].values
    table = [
        (code.title, [_number(look, year, cases, code.id, name) for name in (None, *names)])
        for code in codes.values() if any(case.data[told.field] == code.id for case in cases)
    ]  # fmt: skip
    total = (ALL, [_number(look, year, cases, None, name) for name in (None, *names)])
    area, standing = look.request.args.get("area"), look.request.args.get("standing")
    chosen = [case for case in cases if _is(case, area, standing)] if "list" in look.request.args else None
    return Page("areas.html", {
        "year": year, "heads": [ALL, *names], "table": [*table, total] if table else [],
        "rows": rows(look, chosen, COLUMNS) if chosen is not None else None, "columns": heads_of(COLUMNS),
    })  # fmt: skip


def _transferred(look: Look, year: int) -> Iterator[Case]:
    """All that this reader may know of and that began in that year."""
    asked = Filter(kind=kept.areas().of, opened_from=date(year, 1, 1), opened_before=date(year + 1, 1, 1))
    last: After | None = None
    while True:
        page = find(look.engine, look.actor, asked, after=last, limit=PAGE)
        yield from page.cases
        if (last := page.next) is None:
            return


def _number(look: Look, year: int, cases: Sequence[Case], area: str | None, standing: Text | None) -> Number:
    given = {"area": area, "standing": standing.en if standing else None}
    value = sum(_is(case, given["area"], given["standing"]) for case in cases)
    asked = {name: text for name, text in given.items() if text is not None}
    return Number(value, look.address("areas", year=year, list="1", **asked) + "#list")


def _is(case: Case, area: str | None, standing: str | None) -> bool:
    told = kept.areas()
    return area in (None, case.data[told.field]) and standing in (None, told.standing(case.state).en)


AREAS = (
    Screen(
        path="/areas",
        name="areas",
        view=shown,
        menu=Text("衔接转化", "Conversions"),
        of_roles=True,
    ),
)
