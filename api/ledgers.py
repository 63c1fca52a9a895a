"""Tables for filing over HTTP: ledgers with fixed columns, and the table of a year, as Excel files."""

from __future__ import annotations

from flask import Response
from marshmallow import Schema, fields, validate

from workflow.errors import Text

from .letters import download, papers
from .problems import invalid_parameters
from .routes import Ask, Out, Reply, Route
from .schemas import TENANT, Strict, Words

EXCEL = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


class LedgerOut(Schema):
    """A table."""

    ledger = fields.Str(required=True)
    title = fields.Nested(Words, required=True)


class LedgersOut(Schema):
    """Tables."""

    ledgers = fields.List(fields.Nested(LedgerOut), required=True)


class Part(Strict):
    """Of which congress, of which year."""

    tenant = fields.Str(
        validate=[validate.Length(max=200), TENANT],
        metadata={"description": "this congress and all below it"},
    )
    year = fields.Int(validate=validate.Range(1949, 2199), metadata={"description": "for `yearly`"})


def ledgers(ask: Ask) -> Reply:
    """What there is."""
    found = papers(ask).ledgers()
    return Reply({"ledgers": [{"ledger": id_, "title": title} for id_, title in found.items()]})


def ledger(ask: Ask) -> Reply:
    """One of them, with everything that person may know of."""
    try:
        name, content = papers(ask).ledger(ask.path["ledger"], ask.actor, **ask.query)
    except ValueError:
        raise invalid_parameters({"year": ["Missing data"]}) from None
    return Reply(raw=download(Response(content, content_type=EXCEL), name))


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
)  # fmt: skip
