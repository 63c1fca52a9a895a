"""Reports over HTTP: which there are, and their figures as JSON.

Every number says where the list behind it is, every rate of how many; units stand by name, persons are never ranked.

The page of the year and the Excel files show the same numbers: year.py and `Papers` count for all of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import url_for
from marshmallow import RAISE, Schema, fields, validate

from workflow.errors import Text
from workflow.overview import today

from .asked import parameters_of
from .domain import performance_record
from .ledgers import YEARLY, Part
from .letters import papers
from .problems import invalid_parameters
from .routes import Ask, Out, Reply, Route
from .schemas import PARTY, Day, Numeral, Strict, Words
from .statistics import RateOut, rate
from .year import FIRST_YEAR, LAST_YEAR, Count, Row, Table, year_of

TITLES = {
    "year": Text("统计与年报", "the year in figures"),
    "performance": Text("代表履职档案", "the performance record of a deputy"),
}


# --- in


class When(Strict):
    """Of which year."""

    year = Numeral(
        validate=validate.Range(FIRST_YEAR, LAST_YEAR), metadata={"description": "this one, if not given"}
    )


class Yearly(Part):
    """Of which congress, of which year."""

    class Meta:
        """A year has no month."""

        exclude = ("month",)
        unknown = RAISE


class Whose(Strict):
    """Of whom, and of which days."""

    party = fields.Str(required=True, validate=PARTY, metadata={"description": "the deputy"})
    first = Day(metadata={"description": "from that civil day"})
    until = Day(metadata={"description": "until that civil day, the day included"})


# --- out


class ReportOut(Schema):
    """A report, and where it is to be had."""

    report = fields.Str(required=True)
    title = fields.Nested(Words, required=True)
    needs = fields.List(
        fields.Str(), required=True, metadata={"description": "parameters that must be given"}
    )
    address = fields.Str(required=True, metadata={"description": "as JSON"})
    excel = fields.Str(required=True, allow_none=True, metadata={"description": "as an Excel file"})


class ReportsOut(Schema):
    """Reports."""

    reports = fields.List(fields.Nested(ReportOut), required=True)


class CountOut(Schema):
    """A number; a share says of how many."""

    count = fields.Int(required=True)
    list = fields.Str(
        required=True,
        metadata={"description": "the cases it counts; with `Prefer: count=exact` their number"},
    )
    of = fields.Int(required=True, allow_none=True)
    rate = fields.Float(required=True, allow_none=True, metadata={"description": "of nothing there is none"})


class HeadOut(Schema):
    """A column or a row."""

    name = fields.Str(required=True)
    title = fields.Nested(Words, required=True)


class NowOut(CountOut, HeadOut):
    """A number of today."""


class FigureRowOut(HeadOut):
    """Its numbers by the names of the columns."""

    cells = fields.Dict(keys=fields.Str(), values=fields.Nested(CountOut), required=True)


class FiguresTableOut(HeadOut):
    """Rows of numbers."""

    columns = fields.List(fields.Nested(HeadOut), required=True)
    rows = fields.List(fields.Nested(FigureRowOut), required=True)


class YearOut(Schema):
    """What the page of the year shows."""

    year = fields.Int(required=True)
    on = Day(required=True)
    now = fields.List(
        fields.Nested(NowOut), required=True, metadata={"description": "how things stand today"}
    )
    tables = fields.List(fields.Nested(FiguresTableOut), required=True)


class MeasureOut(Schema):
    """A figure: its head in the Excel file and what it counts."""

    name = fields.Str(required=True)
    title = fields.Str(required=True)
    means = fields.Str(required=True)


class RatioOut(MeasureOut):
    """A rate: which figure of which."""

    part = fields.Str(required=True)
    of = fields.Str(required=True)


class FigureOut(Schema):
    """A figure of a unit: in the list behind it the column of that name adds up to it."""

    count = fields.Int(required=True)
    list = fields.Str(required=True)


class AllOut(Schema):
    """The figures of all suggestions; each counts once."""

    figures = fields.Dict(keys=fields.Str(), values=fields.Nested(FigureOut), required=True)
    rates = fields.Dict(keys=fields.Str(), values=fields.Nested(RateOut), required=True)


class NamedOut(Schema):
    """A unit."""

    unit = fields.Str(required=True, metadata={"description": "empty: of what no unit has yet"})
    title = fields.Str(required=True)


class UnitOut(AllOut, NamedOut):
    """The figures of a unit."""


class YearlyOut(Schema):
    """The table of a year, by unit in the order of their names: not a ranking."""

    year = fields.Int(required=True)
    on = Day(required=True)
    title = fields.Str(required=True)
    measures = fields.List(fields.Nested(MeasureOut), required=True)
    ratios = fields.List(fields.Nested(RatioOut), required=True)
    units = fields.List(fields.Nested(UnitOut), required=True)
    total = fields.Nested(AllOut, required=True)
    excel = fields.Str(required=True)


class DeedOut(Schema):
    """A case in which the deputy stands."""

    kind = fields.Str(required=True)
    what = fields.Nested(Words, required=True)
    stands = fields.List(fields.Nested(Words), required=True, metadata={"description": "as what"})
    on = fields.Str(
        required=True, metadata={"description": "as far as the day is known: 2025, 2025-04, 2025-04-09"}
    )
    number = fields.Str(required=True, allow_none=True)
    title = fields.Str(required=True, allow_none=True)
    state = fields.Nested(Words, required=True)
    case = fields.Str(required=True)
    address = fields.Str(required=True)


class PerformanceOut(Schema):
    """What a deputy has done, by kind and day: nothing is scored, counted into points or compared."""

    party = fields.Str(required=True)
    name = fields.Str(required=True, allow_none=True, metadata={"description": "as the register says it"})
    on = Day(required=True)
    deeds = fields.List(fields.Nested(DeedOut), required=True)


# --- views


def reports(ask: Ask) -> Reply:
    """What can be asked for."""
    found = []
    year = today(ask.engine).year
    if ask.engine.library.console.figures is not None:
        found.append(_report("year", TITLES["year"], [], ".report_year", None, year=year))
    for id_, title in papers(ask).ledgers().items() if ask.desk.papers is not None else ():
        if id_ == YEARLY:
            excel = url_for(".ledger", ledger=id_, year=year)
            found.append(_report(id_, title, ["year"], ".report_yearly", excel, year=year))
        else:
            excel = url_for(".ledger", ledger=id_)
            found.append(_report(id_, title, [], ".ledger_rows", excel, ledger=id_))
    found.append(_report("performance", TITLES["performance"], ["party"], ".report_performance", None))
    return Reply({"reports": found})


def _report(
    name: str, title: Text, needs: list[str], endpoint: str, excel: str | None, **given: Any
) -> dict[str, Any]:
    return {
        "report": name,
        "title": title,
        "needs": needs,
        "address": url_for(endpoint, **given),
        "excel": excel,
    }


def year(ask: Ask) -> Reply:
    """What the page of the year shows, as this person may know of it."""
    asked = ask.query.get("year", today(ask.engine).year)
    standing, tables = year_of(ask.engine, ask.actor, asked)
    now = [{"name": row.name, "title": row.title, **_count(count)} for row in standing for count in row.cells]
    return Reply(
        {"year": asked, "on": today(ask.engine), "now": now, "tables": [_table(one) for one in tables]}
    )


def _table(table: Table) -> dict[str, Any]:
    return {
        "name": table.name, "title": table.title,
        "columns": [{"name": name, "title": title} for name, title in table.columns.items()],
        "rows": [_row(table, row) for row in table.rows],
    }  # fmt: skip


def _row(table: Table, row: Row) -> dict[str, Any]:
    cells = {name: _count(count) for name, count in zip(table.columns, row.cells, strict=True)}
    return {"name": row.name, "title": row.title, "cells": cells}


def _count(count: Count) -> dict[str, Any]:
    shared = {"of": None, "rate": None} if count.of is None else rate(count.value, count.of)
    return {"count": count.value, "list": _list(count), **shared}


def _list(count: Count) -> str:
    asked: dict[str, Any] = parameters_of(count.asked)
    return url_for(".search", **asked)


def yearly(ask: Ask) -> Reply:
    """The table of a year in numbers."""
    try:
        found = papers(ask).yearly(ask.actor, **ask.query)
    except ValueError:
        raise invalid_parameters({"year": ["Missing data"]}) from None
    total = _figures(found, None, ask.query)
    units = [
        {"unit": unit, "title": found.name(unit), **_figures(found, unit, {**ask.query, "unit": unit})}
        for unit in found.units
    ]
    return Reply({
        "year": found.year, "on": found.day, "title": found.title, "units": units, "total": total,
        "measures": [dict(zip(("name", "title", "means"), one, strict=True)) for one in found.told()],
        "ratios": [dict(zip(("name", "title", "part", "of", "means"), one, strict=True)) for one in found.rates()],
        "excel": url_for(".ledger", ledger=YEARLY, **ask.query),
    })  # fmt: skip


def _figures(found: Any, unit: str | None, query: Mapping[str, Any]) -> dict[str, Any]:
    counts = found.counted(unit)
    figures = {
        name: {"count": count, "list": url_for(".ledger_rows", ledger=YEARLY, measure=name, **query)}
        for name, count in counts.items()
    }
    rates = {name: rate(counts[part], counts[of]) for name, _, part, of, _ in found.rates()}
    return {"figures": figures, "rates": rates}


def performance(ask: Ask) -> Reply:
    """What a deputy has done, as far as this person may know of it."""
    query = ask.query
    record = performance_record.performance_record(
        ask.engine, query["party"], actor=ask.actor, since=query.get("first"), until=query.get("until")
    )
    deeds = [
        {
            "kind": one.kind, "what": one.what, "stands": one.stands, "on": one.on, "number": one.number, "title": one.title,
            "state": one.state, "case": one.case, "address": url_for(".case", id=one.case),
        }
        for one in record.deeds
    ]  # fmt: skip
    name = record.party.name if record.party else None
    return Reply({"party": record.person, "name": name, "on": today(ask.engine), "deeds": deeds})


REPORTS = (
    Route(
        method="GET", path="/v1/reports", name="reports", view=reports, permission="person", audit="none", tag="figures",
        text=Text("可要的报表", "the reports there are"), scope="cases:read",
        out={200: Out(ReportsOut, Text("报表", "reports"))},
    ),
    Route(
        method="GET", path="/v1/reports/year", name="report_year", view=year, permission="person", audit="none", tag="figures",
        text=Text("一年的统计：每个数字可打开其清单，比率附分母", "a year in figures: every number with its list, no ranking"),
        scope="cases:read", query=When, out={200: Out(YearOut, Text("统计", "the figures"))}, problems=("not_found",),
    ),
    Route(
        method="GET", path="/v1/reports/yearly", name="report_yearly", view=yearly, permission="person", audit="none",
        tag="figures", text=Text("年度办理情况统计表，按单位名称排列", "the table of a year, by unit, by name"),
        scope="cases:read", query=Yearly, out={200: Out(YearlyOut, Text("统计表", "the table"))},
    ),
    Route(
        method="GET", path="/v1/reports/performance", name="report_performance", view=performance, permission="person",
        audit="none", tag="figures", text=Text("一位代表的履职档案", "the performance record of a deputy: no points, no ranking"),
        scope="cases:read", query=Whose, out={200: Out(PerformanceOut, Text("履职档案", "the record"))},
    ),
)  # fmt: skip
