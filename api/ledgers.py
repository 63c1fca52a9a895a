"""Tables for filing over HTTP: ledgers with fixed columns, and the table of a year, as Excel files and row by row."""

from __future__ import annotations

from typing import Any

from flask import Response, url_for
from marshmallow import Schema, fields, validate

from workflow.errors import Text
from workflow.overview import today

from .faults import written
from .letters import download, papers
from .problems import Problem, invalid_parameters
from .routes import Ask, Out, Reply, Route
from .schemas import TENANT, Day, Numeral, Strict, Words

YEARLY = "yearly"
NAMED = written(r"[A-Za-z][a-z_]{0,39}\Z", "in_time")
EXCEL = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


class LedgerOut(Schema):
    """A table."""

    ledger = fields.Str(required=True)
    title = fields.Nested(Words, required=True)
    monthly = fields.Bool(required=True, metadata={"description": "whether it can be had of one month"})


class LedgersOut(Schema):
    """Tables."""

    ledgers = fields.List(fields.Nested(LedgerOut), required=True)


class Part(Strict):
    """Of which congress, of which year or month."""

    tenant = fields.Str(
        validate=[validate.Length(max=200), TENANT],
        metadata={"description": "this congress and all below it"},
    )
    year = Numeral(validate=validate.Range(1949, 2199), metadata={"description": "for `yearly`"})
    month = fields.Str(
        validate=validate.Regexp(r"[0-9]{4}-(0[1-9]|1[0-2])\Z"),
        metadata={"description": "`YYYY-MM`, of a table that is one of months (`monthly`)"},
    )


class Behind(Part):
    """And of the table of a year: the list behind one of its figures."""

    unit = fields.Str(
        validate=validate.Length(max=80),
        metadata={"description": "for `yearly`: what this unit handles; empty: what no unit has yet"},
    )
    measure = fields.Str(validate=NAMED, metadata={"description": "for `yearly`: what this figure counts"})


class LedgerColumnOut(Schema):
    """A column: what stands under that name in the cells of each row."""

    name = fields.Str(required=True)
    title = fields.Str(required=True, metadata={"description": "its head in the Excel file"})
    type = fields.Str(required=True, validate=validate.OneOf(["text", "number"]))
    means = fields.Str(required=True)


class LedgerLineOut(Schema):
    """A row, and the case it is about."""

    case = fields.Str(required=True)
    address = fields.Str(required=True)
    cells = fields.Dict(
        keys=fields.Str(), required=True, metadata={"description": "by the names of the columns; none: empty"}
    )


class LedgerTableOut(LedgerOut):
    """A ledger: what its Excel file shows."""

    on = Day(required=True)
    columns = fields.List(fields.Nested(LedgerColumnOut), required=True)
    rows = fields.List(fields.Nested(LedgerLineOut), required=True)
    count = fields.Int(required=True, metadata={"description": "how many rows"})
    total = fields.Dict(
        keys=fields.Str(), values=fields.Int(), required=True, metadata={"description": "sums of the numbers"}
    )
    excel = fields.Str(required=True, metadata={"description": "where the Excel file is"})


def ledgers(ask: Ask) -> Reply:
    """What there is."""
    found, monthly = papers(ask).ledgers(), papers(ask).monthly()
    return Reply({
        "ledgers": [{"ledger": id_, "title": title, "monthly": id_ in monthly} for id_, title in found.items()]
    })  # fmt: skip


def ledger(ask: Ask) -> Reply:
    """One of them, with everything that person may know of."""
    try:
        name, content = papers(ask).ledger(ask.path["ledger"], ask.actor, **ask.query)
    except ValueError as error:
        raise _wrong(ask, error) from None
    return Reply(raw=download(Response(content, content_type=EXCEL), name))


def _wrong(ask: Ask, error: ValueError) -> Problem:
    """What the table is not of, and which are."""
    if str(error) == "month":
        return invalid_parameters(
            {"month": [f"Not of months; {', '.join(sorted(papers(ask).monthly()))} is."]}
        )
    needed = ask.path["ledger"] == YEARLY
    return invalid_parameters({"year": ["Missing data" if needed else f"Not of a year; {YEARLY} is."]})


def rows(ask: Ask) -> Reply:
    """The same as JSON."""
    id_, query = ask.path["ledger"], ask.query
    if id_ != YEARLY and (wrong := [name for name in ("unit", "measure") if name in query]):
        raise invalid_parameters({name: ["Unknown field."] for name in wrong})
    try:
        table = papers(ask).table(id_, ask.actor, **query)
    except ValueError as error:
        raise _wrong(ask, error) from None
    except KeyError:
        known = ", ".join(papers(ask).measures())
        raise invalid_parameters({"measure": [f"Must be one of: {known}."]}) from None
    part = {name: query[name] for name in ("tenant", "year", "month") if name in query}
    return Reply({
        "ledger": id_, "title": table.title, "monthly": id_ in papers(ask).monthly(), "on": today(ask.engine), "columns": [
            {"name": name, "title": column.title, "type": column.kind, "means": column.help}
            for name, column in zip(table.names, table.columns, strict=True)
        ],
        "rows": [_line(table, line) for line in table.lines], "count": len(table.lines),
        "total": {name: cell for name, cell in zip(table.names, table.total, strict=True) if isinstance(cell, int)},
        "excel": url_for(".ledger", ledger=id_, **part),
    })  # fmt: skip


def _line(table: Any, line: Any) -> dict[str, Any]:
    cells = {name: cell for name, cell in zip(table.names, line.cells, strict=True) if cell is not None}
    return {"case": line.case, "address": url_for(".case", id=line.case), "cells": cells}


LEDGERS = (
    Route(
        method="GET", path="/v1/ledgers", name="ledgers", view=ledgers, permission="person", audit="none", tag="letters",
        text=Text("台账", "the ledgers there are"), scope="cases:read",
        out={200: Out(LedgersOut, Text("台账", "ledgers"))},
    ),
    Route(
        method="GET", path="/v1/ledgers/<ledger>", name="ledger", view=ledger, permission="person", audit="none", tag="letters",
        text=Text("一份台账（Excel），列序固定，无公式", "one ledger as an Excel file: fixed columns, no formula"),
        scope="cases:read", query=Part, out={200: Out(None, Text("Excel 文件", "an Excel file"), media=EXCEL, sample="PK …")},
        problems=("not_found",),
    ),
    Route(
        method="GET", path="/v1/ledgers/<ledger>/rows", name="ledger_rows", view=rows, permission="person", audit="none",
        tag="letters", text=Text("同一台账的各行（JSON）", "the same ledger as JSON, each row with its case"),
        scope="cases:read", query=Behind, out={200: Out(LedgerTableOut, Text("各列与各行", "columns and rows"))},
        problems=("not_found",),
    ),
)  # fmt: skip
