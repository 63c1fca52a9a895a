"""Cases as a table for a spreadsheet; no cell of it is ever a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

from flask import Response, stream_with_context

from workflow import Case
from workflow.errors import Text
from workflow.overview import Filter, find

from .asked import filter_of
from .cases import Which
from .routes import Ask, Out, Reply, Route

COLUMNS = (
    "id", "number", "kind", "title", "state", "tenant", "parties", "opened_on", "due_on", "outer_on", "closed", "revision",
)  # fmt: skip
"""their order is part of the contract"""
PAGE = 200
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠", "\x00")


def cases(ask: Ask) -> Reply:
    """Line by line as they are read: any number of them, none kept in memory."""
    response = Response(
        stream_with_context(_lines(ask, filter_of(ask.query))), content_type="text/csv; charset=utf-8"
    )
    response.headers["Content-Disposition"] = 'attachment; filename="cases.csv"'
    return Reply(raw=response)


def _lines(ask: Ask, wanted: Filter) -> Iterator[str]:
    yield "\ufeff" + _line(COLUMNS)  # by it a spreadsheet knows UTF-8
    after, sort = None, ask.query["sort"]
    while True:
        page = find(ask.engine, ask.actor, wanted, sort=sort, after=after, limit=PAGE)
        for case in page.cases:
            yield _line([plain(value) for value in _row(case)])
        if page.next is None:
            return
        after = page.next


def _row(case: Case) -> list[Any]:
    running = [clock for clock in case.clocks if clock.running]
    parties = "; ".join(f"{name}: {', '.join(held)}" for name, held in case.relations.items())
    return [
        case.id, case.number, case.kind, case.data.get("title"), case.state, case.tenant, parties, case.opened_on,
        min((clock.due_on for clock in running), default=None),
        min((clock.outer_on for clock in running if clock.outer_on), default=None), case.closed, case.revision,
    ]  # fmt: skip


def plain(value: object) -> str:
    """A cell that no spreadsheet takes for a formula."""
    text = "" if value is None else str(value)
    return f"'{text}" if text.lstrip(" ").startswith(FORMULA) else text


def _line(cells: Any) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n", quoting=csv.QUOTE_ALL).writerow(cells)
    return out.getvalue()


EXPORTS = (
    Route(
        method="GET", path="/v1/exports/cases.csv", name="export_cases", view=cases, permission="person", audit="none",
        tag="figures", text=Text("导出案件（CSV，列序固定，无公式）", "cases as CSV: fixed columns, no formula"),
        scope="cases:read", query=Which, out={200: Out(None, Text("CSV", "CSV"), media="text/csv")},
    ),
)  # fmt: skip
