"""The year in figures as a page: each number opens its list, and what is a flow is drawn (api/year.py counts)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flask import url_for
from markupsafe import Markup

from workflow.errors import Text
from workflow.overview import Sitting, today

from .. import year as counted
from ..domain import charts
from ..domain import statistics as kept
from ..problems import Problem
from .found import address_of
from .screens import Look, Page, Screen

THREE_MONTHS = Text("法定三个月", "the law's three months")
YEARLY = "yearly"
NOTHING = "—"
UNITS = 50
"""on one page"""


@dataclass(frozen=True, slots=True)
class Number:
    """A number and the list of what it counts."""

    value: int
    address: str


@dataclass(frozen=True, slots=True)
class Share:
    """A part of a whole, never without the whole; of nothing there is no share."""

    part: Number
    of: int

    @property
    def percent(self) -> str:
        """Rounded to a tenth of a percent."""
        return share(self.part.value, self.of)


def share(part: int, of: int) -> str:
    """`78.5%`; of nothing `—`."""
    return f"{100 * part / of:.1f}%" if of else NOTHING


Row = tuple[Text, Sequence[Number | Share]]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of numbers under heads."""

    title: Text
    heads: Sequence[Text]
    rows: Sequence[Row]
    chart: Markup | None = None
    more: str | None = None
    """the address of the page on which the table goes on"""


def statistics(look: Look) -> Page:
    """One year, and how things stand today."""
    year = year_asked(look)
    now, (*tables, units) = counted.year_of(look.engine, look.actor, year)
    return Page("statistics.html", {
        "year": year, "sheet": _sheet(look, year), "day": today(look.engine), "cards": _cards(look, now),
        "tables": [*(_shown(look, table, table.rows) for table in tables), _paged(look, units, year)],
    })  # fmt: skip


def _sheet(look: Look, year: int) -> str | None:
    """Where the year's table is to be had for Excel, if the service makes any."""
    papers = look.desk.papers
    if papers is None or YEARLY not in papers.ledgers():
        return None
    return url_for(f"{look.service.name}.ledger", ledger=YEARLY, year=year)


def year_asked(look: Look) -> int:
    """The year that is asked for, else this one. Raises Problem 400."""
    given = look.request.args.get("year", str(today(look.engine).year))
    if not (
        given.isascii()
        and given.isdigit()
        and len(given) == 4
        and counted.FIRST_YEAR <= int(given) <= counted.LAST_YEAR
    ):
        raise Problem("bad_request", Text("年份不对", "that is no year"))
    return int(given)


def cards(look: Look, sitting: Sitting) -> list[tuple[Text, Number]]:
    """How things stand today."""
    return _cards(look, counted.standing(look.engine, sitting))


def _cards(look: Look, now: Sequence[counted.Row]) -> list[tuple[Text, Number]]:
    return [(row.title, _number(look, count)) for row in now for count in row.cells]


def _number(look: Look, count: counted.Count) -> Number:
    return Number(count.value, address_of(look, count.asked))


def _cell(look: Look, count: counted.Count) -> Number | Share:
    number = _number(look, count)
    return number if count.of is None else Share(number, count.of)


def _shown(
    look: Look, table: counted.Table, rows: Sequence[counted.Row], title: Text | None = None, more: str | None = None
) -> Table:  # fmt: skip
    chart = Markup(_drawn(look, table, table.graph)) if table.graph else None  # noqa: S704 - escaped by charts
    heads = [table.of, *table.columns.values()]
    shown = [(row.title, [_cell(look, count) for count in row.cells]) for row in rows]
    return Table(title or table.title, heads, shown, chart, more)


def _drawn(look: Look, table: counted.Table, graph: counted.Graph) -> str:
    rows = table.rows[: graph.rows]
    series = {
        look.words(title): [row.cells[place].value for row in rows]
        for place, title in enumerate(table.columns.values())
    }
    limit = charts.Limit(before=kept.STATUTORY, text=look.words(THREE_MONTHS)) if graph.limit else None
    return charts.columns(
        look.words(table.title), [look.words(row.title) for row in rows], series, stacked=graph.stacked, limit=limit
    )  # fmt: skip


def _paged(look: Look, table: counted.Table, year: int) -> Table:
    """The units of one page, by name."""
    after, units = look.request.args.get("after", ""), [row.name for row in table.rows]
    first = units.index(after) + 1 if after in units else 0
    page = table.rows[first : first + UNITS]
    if len(page) == len(units):
        return _shown(look, table, page)
    which = f"第 {first + 1} 至 {first + len(page)} 个，共 {len(units)} 个"
    title = Text(
        f"各承办单位（按名称排列，{which}）",
        f"By unit, in the order of their names, {first + 1} to {first + len(page)} of {len(units)}",
    )
    more = None
    if first + UNITS < len(units):
        more = look.address("statistics", year=year, after=page[-1].name, _anchor="table4")
    return _shown(look, table, page, title, more)


STATISTICS = (
    Screen(path="/statistics", name="statistics", view=statistics, menu=Text("统计与年报", "Figures"), of_roles=True),
)  # fmt: skip
