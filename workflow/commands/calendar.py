"""`calendar preview|apply`: a new year's holiday notice."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import Text
from ..model import Actor
from .context import OK, Context, UsageError
from .files import there

if TYPE_CHECKING:
    from ..calendars import Calendar
    from ..recalculation import Recalculated


def register(add: Any) -> None:
    """Declare the command and its two halves."""
    calendar = add("calendar", None, "新的放假通知", "a new holiday notice")
    halves = calendar.add_subparsers(dest="half", required=True, metavar="preview|apply")
    preview = add(
        "preview",
        run_preview,
        "列出会变动的期限，不写入",
        "which due dates would change; writes nothing",
        halves,
    )
    apply = add(
        "apply",
        run_apply,
        "重算暂定期限并记入历史",
        "compute provisional dates again, a line in each history",
        halves,
    )
    for half in (preview, apply):
        half.add_argument("file", type=Path, metavar="FILE", help="日历文件 / calendar file (calendar: …)")
    apply.add_argument(
        "--by", required=True, metavar="PERSON", help="启用人 / the person who puts it in force"
    )


def run_preview(context: Context) -> int:
    """Every running clock that moves or becomes certain."""
    from ..recalculation import preview

    found = preview(context.engine, _calendar(context))
    show(context, found)
    context.console.say(*_summary(found))
    return OK


def run_apply(context: Context) -> int:
    """The same, written."""
    from ..recalculation import apply, count_by, preview

    engine, calendar = context.engine, _calendar(context)
    actor = Actor(person=context.arguments.by)
    found = one_by_one(
        context, preview(engine, calendar), lambda case: apply(engine, calendar, actor, cases=[case])
    )
    count_by(engine, calendar, actor)
    show(context, found)
    context.console.say(*_summary(found))
    if calendar != engine.laws.calendar:
        context.console.warn(_not_in_use(engine.laws.calendar, calendar))
    return OK


def one_by_one(
    context: Context, expected: list[Recalculated], apply: Callable[[str], Iterable[Recalculated]]
) -> list[Recalculated]:
    """Apply to each case in turn, with a bar for who watches; what changed."""
    cases = list(dict.fromkeys(change.case for change in expected))
    title = Text("重算", "computing")
    steps = context.console.progress(cases, total=len(cases), title=title)
    return [change for case in steps for change in apply(case)]


def _calendar(context: Context) -> Calendar:
    """The one calendar of the file. Raises DefinitionError, UsageError."""
    from ..loader import load_definitions

    path: Path = context.arguments.file
    calendars = list(load_definitions(there(path)).calendars.values())
    if len(calendars) != 1:
        raise UsageError(Text(f"{path} 不是日历文件", f"{path} is not a calendar file"))
    return calendars[0]


HEADS = {
    "case": Text("案件", "case"),
    "number": Text("编号", "number"),
    "clock": Text("期限", "clock"),
    "due_on": Text("原期满日", "due"),
    "new_due_on": Text("新期满日", "new due"),
    "provisional": Text("仍为暂定", "still provisional"),
}


def show(context: Context, found: list[Recalculated]) -> None:
    """The clocks that change, as a table."""
    rows = [{name: getattr(change, name) for name in HEADS} for change in found]
    if rows or context.console.as_json:
        context.console.table(HEADS, rows)


def _summary(found: list[Recalculated]) -> tuple[str, str]:
    moved = sum(change.moves for change in found)
    reminded = sum(change.reminded for change in found if not change.moves)
    certain = len(found) - moved - reminded
    zh, en = (
        f"{moved} 个期限变动，{certain} 个只是确定下来",
        f"{moved} due date(s) move, {certain} only become(s) certain",
    )
    if reminded:
        zh += f"，{reminded} 个只是提醒改在另一日"
        en += f", {reminded} only is (are) reminded of on another day"
    return zh, en


def _not_in_use(used: Calendar, new: Calendar) -> Text:
    return Text(
        f"所用日历 {used.version} 已到 {used.horizon}，版本 {new.version} 没有这么远，因此不启用：请把缺的年份补入文件后再启用",
        f"the calendar in use, {used.version}, reaches to {used.horizon} and version {new.version} less far, so it is not in"
        " use: add to the file the years it lacks and apply it again",
    )
