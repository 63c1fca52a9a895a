"""Tables that come in over HTTP: parties and cases, judged like the real act, all or nothing, twice is once.

The body is the file itself. A preview judges it and writes nothing; with `faults` the answer is the same table with its faults
marked. Up to a thousand rows are taken at once; what is larger is the command line's.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from flask import Response
from marshmallow import Schema, fields, validate

from workflow import Actor
from workflow.errors import NotFound, Text

from .faults import written
from .ledgers import EXCEL
from .letters import download, papers
from .problems import Problem, language_asked
from .routes import Ask, Out, Reply, Route
from .schemas import NAME, TENANT, Strict, Words

MOST = 4 << 20
MOST_ROWS = 1000
CHUNK = 1 << 16
FILE = written(r"[^/\\\x00-\x1f]{1,200}\.([xX][lL][sS][xX]|[cC][sS][vV])\Z", "suggestions.xlsx")


class Table(Strict):
    """Which file it is and what is to be done with it."""

    name = fields.Str(required=True, validate=FILE, metadata={"description": "of the file; .xlsx or .csv"})
    tenant = fields.Str(
        validate=[validate.Length(max=200), TENANT], metadata={"description": "where the file names none"}
    )
    then = fields.Str(
        validate=NAME, metadata={"description": "event fired in each case right after its start"}
    )
    reason = fields.Str(validate=validate.Length(min=1, max=2000))
    encoding = fields.Str(
        load_default="utf-8", validate=validate.OneOf(["utf-8", "gbk"]), metadata={"description": "of CSV"}
    )


class Form(Strict):
    """With the columns of which event."""

    then = fields.Str(validate=NAME)


class CellFault(Schema):
    """What is wrong with a cell."""

    row = fields.Int(required=True)
    column = fields.Str(required=True)
    value = fields.Str(required=True)
    reason = fields.Nested(Words, required=True)


class DayReadOut(Schema):
    """A day written without its year, and as which it was taken."""

    row = fields.Int(required=True)
    column = fields.Str(required=True)
    value = fields.Str(required=True)
    meant = fields.Str(required=True)


class LikelyOut(Schema):
    """A case likely about the same matter."""

    row = fields.Int(required=True)
    case = fields.Str(required=True)
    other = fields.Str(required=True)
    number = fields.Str(required=True, allow_none=True)
    title = fields.Str(required=True, allow_none=True)
    score = fields.Float(required=True)


class TakenOut(Schema):
    """What came of it; with a fault nothing is written."""

    written = fields.Bool(required=True)
    added = fields.List(fields.Str(), required=True)
    changed = fields.List(fields.Str(), required=True)
    same = fields.Int(required=True)
    faults = fields.List(fields.Nested(CellFault), required=True)
    read = fields.List(fields.Nested(DayReadOut), required=True)
    likely = fields.List(fields.Nested(LikelyOut), required=True)


def form(ask: Ask) -> Reply:
    """An empty table."""
    _known(ask)
    name, content = papers(ask).form(ask.path["kind"], language_asked(), ask.query.get("then"))
    return Reply(raw=download(Response(content, content_type=EXCEL), name))


def take(ask: Ask) -> Reply:
    """Write it, all or nothing."""
    return _taken(ask, dry_run=False)


def preview(ask: Ask) -> Reply:
    """Judge it, write nothing."""
    return _taken(ask, dry_run=True)


def faults(ask: Ask) -> Reply:
    """The same table with its faults marked."""
    with _file(ask) as path:
        done = _judged(ask, path, dry_run=True)
        marked = papers(ask).marked(path, done, language_asked(), ask.query["encoding"])
    if marked is None:
        raise Problem("media_refused", done.faults[0].reason)
    return Reply(
        raw=download(Response(marked, content_type=EXCEL), f"faults {Path(ask.query['name']).stem}.xlsx")
    )


def _taken(ask: Ask, *, dry_run: bool) -> Reply:
    with _file(ask) as path:
        done = _judged(ask, path, dry_run=dry_run)
    return Reply(
        {
            "written": not dry_run and not done.faults, "added": done.added, "changed": done.changed,
            "same": len(done.same),
            "faults": [{"row": f.row, "column": f.column, "value": str(f.value), "reason": f.reason} for f in done.faults],
            "read": [dict(zip(("row", "column", "value", "meant"), one, strict=True)) for one in done.read],
            "likely": done.likely,
        }
    )  # fmt: skip


def _judged(ask: Ask, path: Path, *, dry_run: bool) -> Any:
    _known(ask)
    way = {name: ask.query[name] for name in ("tenant", "then", "reason") if name in ask.query}
    by: Actor = ask.actor
    return papers(ask).take(
        ask.path["kind"], path, by, dry_run=dry_run, most=MOST_ROWS, encoding=ask.query["encoding"], **way
    )


def _known(ask: Ask) -> None:
    """A kind of parties or of cases, and one of its events. Raises NotFound, with what was likely meant or which there are."""
    library, kind, then = ask.engine.library, ask.path["kind"], ask.query.get("then")
    kinds = sorted({*library.definitions, *library.parties})
    if kind not in kinds:
        raise NotFound.among(Text("表格类别", "kind of table"), kind[:80], kinds)
    events = library.definitions[kind].events if kind in library.definitions else ()
    if then and then not in events:
        raise NotFound.among(Text("事件", "event"), then, events)


@contextmanager
def _file(ask: Ask) -> Iterator[Path]:
    ask.request.max_content_length = MOST
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"table{Path(ask.query['name']).suffix.lower()}"
        with path.open("wb") as file:
            while chunk := ask.request.stream.read(CHUNK):
                file.write(chunk)
        yield path


FILLED = Out(None, Text("Excel 文件", "an Excel file"), media=EXCEL, sample="PK …")
TAKEN = Out(TakenOut, Text("结果", "what came of it"))
IMPORTS = (
    Route(
        method="GET", path="/v1/imports/<kind>/form", name="import_form", view=form, permission="person", audit="none",
        tag="exchange", text=Text("空表（Excel），带下拉选项和填表说明", "an empty table with drop-downs and how to fill it in"),
        scope="cases:read", query=Form, out={200: FILLED}, problems=("not_found",),
    ),
    Route(
        method="POST", path="/v1/imports/<kind>/preview", name="import_preview", view=preview, permission="person",
        audit="none", tag="exchange", scope="cases:write", query=Table, upload=True, out={200: TAKEN},
        text=Text("试运行：逐行逐列列出错误，不写入", "judge a table: row, column, value, reason; nothing is written"),
        problems=("not_found", "too_large"),
    ),
    Route(
        method="POST", path="/v1/imports/<kind>/faults", name="import_faults_preview", view=faults, permission="person",
        audit="none", tag="exchange", scope="cases:write", query=Table, upload=True, out={200: FILLED},
        text=Text("同一张表，标出错误（Excel）", "the same table with its faults marked"),
        problems=("not_found", "too_large"),
    ),
    Route(
        method="POST", path="/v1/imports/<kind>", name="import", view=take, permission="person", audit="history",
        tag="exchange", scope="cases:write", query=Table, upload=True, out={200: TAKEN}, problems=("not_found", "too_large"),
        text=Text("导入表格，全部写入或全不写入，重复导入不重复", "take a table in: all or nothing, twice is once"),
    ),
)  # fmt: skip
