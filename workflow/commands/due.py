"""`due`: what falls due, with whom it is, what turns red next; as a table or as a calendar file."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import Text
from .context import OK, Context, UsageError, day, whole
from .files import writing

if TYPE_CHECKING:
    from ..dues import Due

LIMIT = 100
YEAR = 366
"""the most working days that are looked ahead"""
WITHIN = re.compile(r"([0-9]{1,4})(wd|d)")


def register(add: Any) -> None:
    """Declare the command."""
    due = add("due", run_due, "接下来到期的事项", "what falls due, and with whom it is")
    due.add_argument("--until", type=day, metavar="DATE", help="到该日为止 / up to that day (2026-03-15)")
    due.add_argument(
        "--within", type=_within, metavar="10wd|14d", help="几个工作日（日）内 / in so many (working) days"
    )
    due.add_argument("--by", choices=("unit", "person", "kind"), help="按单位、人或类别分组 / grouped")
    due.add_argument(
        "--unit", metavar="UNIT", help="在该单位手中的：名称或编号 / held by that unit: name or id"
    )
    due.add_argument(
        "--person", metavar="PERSON", help="在该人手中的：姓名或编号 / held by that person: name or id"
    )
    due.add_argument(
        "--red",
        type=whole(1, YEAR),
        metavar="N",
        help="今后 N 个工作日何事变红 / what turns red on the next N working days",
    )
    due.add_argument("--ical", type=Path, metavar="FILE", help="写成日历文件 / as an iCalendar file")
    due.add_argument(
        "--limit", type=whole(1), default=LIMIT, metavar="N", help=f"最多 / at most (default {LIMIT})"
    )


def _within(text: str) -> tuple[int, str]:
    match = WITHIN.fullmatch(text)
    if match is None:
        raise argparse.ArgumentTypeError(f"10wd, 14d: {text}")
    return int(match[1]), match[2]


HEADS = {
    "due_on": Text("到期日", "due"),
    "days": Text("还有", "left"),
    "clock": Text("期限", "clock"),
    "kind": Text("类别", "kind"),
    "number": Text("编号", "number"),
    "state": Text("状态", "state"),
    "holder": Text("在谁手中", "with"),
    "case": Text("案件", "case"),
}


def run_due(context: Context) -> int:
    """Running clocks of open cases, the earliest first; what is overdue has negative days."""
    from .. import dues

    arguments, console = context.arguments, context.console
    for whose in ("unit", "person"):
        setattr(arguments, whose, _meant(context, getattr(arguments, whose)))
    if arguments.ical is not None:
        return _write(context)
    if arguments.red is not None:
        return _red(context)
    found = dues.falling_due(
        context.engine,
        until=_until(context),
        unit=arguments.unit,
        person=arguments.person,
        limit=arguments.limit,
    )
    if not found:
        console.say("没有即将到期的事项", "nothing is due")
    if arguments.by is not None:
        _grouped(context, found)
    elif found or console.as_json:
        console.table(HEADS, _rows(context, found))
    _apart(context)
    return OK


def _apart(context: Context) -> None:
    """How many are in no list, because nobody knows what came of them: beside an answer that is JSON."""
    from ..dues import apart

    arguments, console = context.arguments, context.console
    count = apart(context.engine, until=_until(context), unit=arguments.unit, person=arguments.person)
    if not count:
        return
    text = Text(
        f"另有 {count} 个已过的期限不在此列：案件只有导入的记录，来源未载是否按期",
        f"beside these, {count} deadline(s) are over in cases that were only imported: the source does not say whether they"
        " were kept",
    )
    if console.as_json:
        console.warn(text)
    else:
        console.say(text.zh, text.en)


def _until(context: Context) -> date | None:
    from ..clock import civil_date
    from ..dues import within_working_days

    within = context.arguments.within
    if within is None:
        until: date | None = context.arguments.until
        return until
    number, unit = within
    if unit == "wd":
        return within_working_days(context.engine, number)
    return date.fromordinal(civil_date(context.engine.clock.now()).toordinal() + number)


def _meant(context: Context, named: str | None) -> str | None:
    """The id of the one of that name, as the table calls it; else what was given, which is an id."""
    found = context.engine.parties.find(names=[named], limit=2) if named else []
    return found[0].id if len(found) == 1 else named


SOME = 500
"""names asked for at once"""


def _called(context: Context, found: Iterable[Due]) -> dict[str, str]:
    """Unit or person -> what the register calls it; who is in none is called by his id."""
    ids, names = sorted({one for due in found for one in (*due.units, *due.persons)}), dict[str, str]()
    for start in range(0, len(ids), SOME):
        some = ids[start : start + SOME]
        names |= {party.id: party.name for party in context.engine.parties.find(ids=some, limit=SOME)}
    return names


def _rows(context: Context, found: Sequence[Due]) -> list[dict[str, Any]]:
    names = {} if context.console.as_json else _called(context, found)
    return [_row(context, due, names) for due in found]


def _row(context: Context, due: Due, names: Mapping[str, str]) -> dict[str, Any]:
    if context.console.as_json:
        return {**_plain(due), "holder": list(due.units or due.offices or due.persons)}
    words = context.console.words
    held = (
        [names.get(one, one) for one in due.units]
        or _offices(context, due)
        or [names.get(one, one) for one in due.persons]
    )
    left = Text(f"{due.days} 天（{due.working_days} 个工作日）", f"{due.days}d ({due.working_days} wd)")
    return {
        **_plain(due), "days": words(left), "clock": words(due.clock_title), "kind": words(due.kind_title),
        "state": words(due.state_title), "holder": words(Text("、", ", ")).join(held),
    }  # fmt: skip


def _offices(context: Context, due: Due) -> tuple[str, ...]:
    """The roles that hold it, by what they are called, where the folder says so; in JSON by their codes."""
    roles = context.library.codes.get("roles")
    if context.console.as_json or roles is None:
        return due.offices
    return tuple(
        context.console.words(roles.values[one].title) if one in roles.values else one for one in due.offices
    )


def _plain(due: Due) -> dict[str, Any]:
    return {
        "due_on": f"{due.due_on}{'?' if due.provisional else ''}", "days": due.days, "clock": due.clock, "kind": due.kind,
        "number": due.number, "state": due.state, "case": due.case,
    }  # fmt: skip


def _grouped(context: Context, found: Sequence[Due]) -> None:
    groups: dict[str, list[Due]] = {}
    for due in found:
        for name in _names(context, due):
            groups.setdefault(name, []).append(due)
    console = context.console
    if console.as_json:
        console.value({name: _rows(context, dues) for name, dues in sorted(groups.items())})
        return
    names = _called(context, found)
    for name, dues in sorted(groups.items()):
        overdue = sum(due.days < 0 for due in dues)
        zh, en = (f"{names[name]}（{name}）", f"{names[name]} ({name})") if name in names else (name, name)
        console.say(
            f"{zh}：{len(dues)} 件，超期 {overdue} 件", f"{en}: {len(dues)}, {overdue} of them overdue"
        )
        console.table(HEADS, [_row(context, due, names) for due in dues])


def _names(context: Context, due: Due) -> tuple[str, ...]:
    match context.arguments.by:
        case "unit":
            return due.units or _offices(context, due) or ("-",)
        case "person":
            return due.persons or ("-",)
        case _:
            return (context.console.words(due.kind_title),)


def _red(context: Context) -> int:
    from ..dues import turning_red

    console = context.console
    found = turning_red(context.engine, max(1, context.arguments.red))
    if console.as_json:
        console.value([{"day": one.day, "dues": _rows(context, one.dues)} for one in found])
        return OK
    for one in found:
        console.say(f"{one.day} 变红 {len(one.dues)} 件", f"{one.day}: {len(one.dues)} turn(s) red")
        if one.dues:
            console.table(HEADS, _rows(context, one.dues))
    return OK


def _write(context: Context) -> int:
    from ..dues import ical

    arguments = context.arguments
    try:
        content = ical(
            context.engine, unit=arguments.unit, person=arguments.person, language=context.console.language
        )
    except ModuleNotFoundError:
        raise UsageError(
            Text(
                "缺少 icalendar：请安装 tibandu[documents]",
                "icalendar is missing: install tibandu[documents]",
            )
        ) from None
    with writing(arguments.ical):
        arguments.ical.write_bytes(content)
    count = content.count(b"BEGIN:VEVENT")
    context.console.say(f"{arguments.ical}：{count} 个日期", f"{arguments.ical}: {count} date(s)")
    return OK
