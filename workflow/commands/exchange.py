"""`import`, `export`: tables in and out, and the histories of all cases out."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import NotFound, Text
from ..model import Actor
from .chain import export_history_file
from .context import FAULTS, OK, Context, UsageError
from .files import free, there

if TYPE_CHECKING:
    from ..engine import Engine

HISTORY = "history"
"""the kind that is no table"""
OPERATOR = "set-up"
FAULT_HEADS = {
    "row": Text("行", "row"),
    "column": Text("列", "column"),
    "value": Text("值", "value"),
    "reason": Text("原因", "reason"),
}
READ_HEADS = {
    "row": Text("行", "row"),
    "column": Text("列", "column"),
    "value": Text("值", "value"),
    "meant": Text("理解为", "taken for"),
}
LIKELY_HEADS = {
    "row": Text("行", "row"),
    "score": Text("相似度", "score"),
    "number": Text("编号", "number"),
    "title": Text("标题", "title"),
    "other": Text("案件", "case"),
}
KIND = "主体类别或定义名 / kind of party or case"


def register(add: Any) -> None:
    """Declare the commands."""
    take = add("import", run_import, "导入表格（CSV、Excel）", "take a table in (CSV, Excel), all or nothing")
    take.add_argument("kind", metavar="KIND", help=KIND)
    take.add_argument("file", type=Path, metavar="FILE", help=".xlsx, .csv")
    take.add_argument("--dry-run", action="store_true", help="只检查，不写入 / judge, write nothing")
    take.add_argument("--by", metavar="PERSON", help="导入人 / who imports; cases need one")
    take.add_argument("--tenant", metavar="TENANT", help="文件未写明时的所属机构 / where the file names none")
    take.add_argument("--reason", metavar="TEXT", help="变更理由 / why things change")
    take.add_argument(
        "--then", metavar="EVENT", help="立案后随即触发 / fired in each case right after its start"
    )
    take.add_argument("--encoding", choices=("utf-8", "gbk"), default="utf-8", help="CSV (default utf-8)")
    take.add_argument(
        "--errors", type=Path, metavar="XLSX", help="标出错误的新文件 / a new file with the faults marked"
    )
    give = add("export", run_export, "导出表格或全部历史", "write a table, or all histories (KIND: history)")
    give.add_argument("kind", metavar="KIND", help=f"history, {KIND}")
    give.add_argument("file", type=Path, metavar="FILE", help="新文件 / a new file (.xlsx, .csv; .jsonl)")
    give.add_argument("--template", action="store_true", help="空表 / an empty table to be filled in")
    give.add_argument("--then", metavar="EVENT", help="空表含该事件的列 / with the columns of that event")
    give.add_argument("--by", metavar="PERSON", help="只含此人可见的 / only what that person may know of")
    give.add_argument("--tenant", metavar="TENANT", help="只含该机构及其下级 / of this tenant and below")
    give.add_argument("--personal", action="store_true", help="含个人信息 / with what is kept apart")


def run_import(context: Context) -> int:
    """A table of what is wrong, or how many are new, changed and the same; 1 when nothing was written for a fault."""
    arguments, console = context.arguments, context.console
    imports = context.sibling("definitions.imports")
    engine = context.engine
    engine.search(limit=1)
    there(arguments.file)
    _known(engine, arguments.kind, then=arguments.then)
    party = arguments.kind in engine.library.parties
    if not party and not arguments.by:
        raise UsageError(Text("立案须写明 --by", "opening cases needs --by PERSON"))
    if arguments.errors is not None:
        free(arguments.errors)
    way = imports.Way(
        by=Actor(person=arguments.by or OPERATOR), trusted=party and not arguments.by, tenant=arguments.tenant,
        then=arguments.then, reason=arguments.reason, dry_run=arguments.dry_run, encoding=arguments.encoding,
    )  # fmt: skip
    done = imports.import_file(engine, arguments.kind, arguments.file, way)
    if console.as_json:
        console.value(
            {
                "added": done.added, "changed": done.changed, "same": len(done.same), "dry_run": arguments.dry_run,
                "likely": [asdict(one) for one in done.likely],
                "read": [dict(zip(READ_HEADS, one, strict=True)) for one in done.read],
                "faults": [
                    {"row": f.row, "column": f.column, "value": f.value, "zh": f.reason.zh, "en": f.reason.en}
                    for f in done.faults
                ],
            }
        )  # fmt: skip
    if done.faults:
        return _tell_faults(context, done.faults)
    _sum_up(context, done)
    return OK


def _known(engine: Engine, kind: str, then: str | None = None) -> None:
    """Raises NotFound for a kind or an event nobody knows, UsageError for an event of a party."""
    known = [*engine.library.parties, *engine.library.definitions]
    if kind not in known:
        raise NotFound.among(Text("类别", "kind"), kind, known)
    if then is not None:
        if kind in engine.library.parties:
            raise UsageError(Text("主体没有事件", "a party has no events: --then is for cases"))
        events = engine.library.definition(kind).events
        if then not in events:
            raise NotFound.among(Text("事件", "event"), then, events)


def _tell_faults(context: Context, faults: Any) -> int:
    console, errors = context.console, context.arguments.errors
    if not console.as_json:
        console.table(
            FAULT_HEADS,
            [
                {"row": f.row, "column": f.column, "value": f.value, "reason": console.words(f.reason)}
                for f in faults
            ],
        )
    console.warn(
        Text(f"{len(faults)} 处错误，未写入任何内容", f"{len(faults)} fault(s); nothing was written")
    )
    if errors is not None:
        exports = context.sibling("definitions.exports")
        made = exports.annotate(
            context.arguments.file, faults, errors, console.language, context.arguments.encoding
        )
        if made:
            console.warn(Text(f"错误已标在 {errors}", f"the faults are marked in {errors}"))
        else:
            console.warn(
                Text(
                    "文件不能作为表格读取，无法标注",
                    "the file cannot be read as a table, so nothing is marked",
                )
            )
    return FAULTS


def _sum_up(context: Context, done: Any) -> None:
    new, changed, same = len(done.added), len(done.changed), len(done.same)
    zh = f"新增 {new}，变更 {changed}，未变 {same}"
    en = f"{new} new, {changed} changed, {same} the same"
    if context.arguments.dry_run:
        zh, en = f"试运行，未写入：{zh}", f"dry run, nothing written: {en}"
    context.console.say(zh, en)
    if done.read and not context.console.as_json:
        context.console.say("未写年份的日期：", "days without their year:")
        context.console.table(READ_HEADS, [dict(zip(READ_HEADS, one, strict=True)) for one in done.read])
    if done.likely and not context.console.as_json:
        context.console.say(
            "可能与下列案件相同，可并案：", "likely about the same matter as these, to be joined (并案):"
        )
        rows = [{**asdict(one), "score": f"{one.score:.2f}"} for one in done.likely]
        context.console.table(LIKELY_HEADS, rows)


def run_export(context: Context) -> int:
    """A new file; nothing is overwritten."""
    arguments, console = context.arguments, context.console
    if arguments.kind == HISTORY:
        return export_history_file(context, arguments.file)
    exports, engine = context.sibling("definitions.exports"), context.engine
    _known(engine, arguments.kind, then=arguments.then)
    if arguments.file.suffix.lower() not in (".xlsx", ".csv"):
        raise UsageError(Text("须为 .xlsx 或 .csv 文件", "the file must be .xlsx or .csv"))
    free(arguments.file)
    if arguments.template:
        exports.template(engine, arguments.kind, arguments.file, console.language, arguments.then)
        console.say(f"空表 → {arguments.file}", f"an empty table → {arguments.file}")
        console.value({"rows": 0, "file": str(arguments.file)})
        return OK
    rows = exports.export_file(
        engine, arguments.kind, arguments.file, console.language, tenant=arguments.tenant,
        actor=Actor(person=arguments.by) if arguments.by else None, personal=arguments.personal,
    )  # fmt: skip
    console.say(f"已导出 {rows} 行 → {arguments.file}", f"exported {rows} row(s) → {arguments.file}")
    console.value({"rows": rows, "file": str(arguments.file)})
    return OK
