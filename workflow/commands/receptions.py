"""`receptions plan|set|move|roster`: the reception days of all stations, month by month."""

from __future__ import annotations

import argparse
import csv
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

from ..clock import civil_date
from ..errors import Text
from ..model import Actor
from .context import FAULTS, OK, Context, UsageError, day, month, whole
from .files import reading

MONTHS = 12


def register(add: Any) -> None:
    """Declare the command and its acts."""
    receptions = add("receptions", None, "各联络站的接待日", "the reception days of the stations")
    acts = receptions.add_subparsers(dest="act", required=True, metavar="plan|set|move|roster")
    plan = add("plan", run_plan, "列出或建立接待日", "list them, or start them with --by", acts)
    move = add(
        "move", run_move, "放假通知或规定变更后改定日期", "put them on the days they should have by now", acts
    )
    roster = add(
        "roster",
        run_roster,
        "排班：每位代表每年至少两次",
        "who comes when: each deputy at least twice a year",
        acts,
    )
    for parser in (plan, move, roster):
        _which(parser)
    plan.add_argument(
        "--by", metavar="PERSON", help="建立的人 / who starts them; without, nothing is written"
    )
    for parser in (move, roster):
        parser.add_argument(
            "--by", metavar="PERSON", help="决定的人 / who decides; without, nothing is written"
        )
    move.add_argument("--reason", default="放假安排公布", help="理由 / why they move")
    roster.add_argument(
        "--leave", type=Path, metavar="CSV", help="请假：代表，日期 / leave: deputy,day (2027-03-15)"
    )
    roster.add_argument("--places", type=whole(1, 100), metavar="N", help="每次几位 / deputies on each day")
    named = add("set", run_set, "指定某月的接待日", "set the day of a single month", acts)
    named.add_argument("party", metavar="PARTY", help="人大或联络站 / a congress, a home or a station")
    named.add_argument("month", type=month, metavar="MONTH", help="2027-02")
    named.add_argument("day", type=day, metavar="DAY", help="2027-02-10")
    named.add_argument("--by", required=True, metavar="PERSON", help="决定的人 / who decides")


def _which(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--from", dest="first", type=month, metavar="MONTH", help="起始月 / first month (default: this one)"
    )
    parser.add_argument(
        "--months",
        type=whole(1, 120),
        default=MONTHS,
        metavar="N",
        help=f"月数 / how many (default {MONTHS})",
    )
    parser.add_argument("--tenant", metavar="TENANT", help="某地 / of this tenant and below")
    parser.add_argument("--station", action="append", metavar="ID", help="只看这些站 / these only")


HEADS = {
    "month": Text("月份", "month"),
    "station": Text("联络站", "station"),
    "on": Text("日期", "day"),
    "provisional": Text("暂定", "provisional"),
    "state": Text("状态", "state"),
    "was": Text("现为", "stands on"),
}


def run_plan(context: Context) -> int:
    """What is planned; with `--by`, started."""
    planned = _planned(context)
    if context.arguments.by:
        begun = context.sibling("definitions.receptions").start(
            context.engine, planned, Actor(person=context.arguments.by)
        )
        context.console.say(f"新建 {len(begun)} 个接待日", f"{len(begun)} reception day(s) started")
        planned = _planned(context)
    _show(context, planned)
    return OK


def run_move(context: Context) -> int:
    """Those that stand on another day than they should; with `--by`, moved."""
    moving = [one for one in _planned(context) if one.moves]
    _show(context, moving)
    if not moving:
        context.console.say("没有需要改定的接待日", "no reception day has to move")
    elif context.arguments.by:
        receptions = context.sibling("definitions.receptions")
        actor = Actor(person=context.arguments.by)
        count = len(receptions.move(context.engine, moving, actor, context.arguments.reason))
        context.console.say(f"已改定 {count} 个接待日", f"{count} reception day(s) settled or moved")
    return OK


def run_set(context: Context) -> int:
    """Kept in the register, at the congress (for all its stations) or at the station."""
    receptions = context.sibling("definitions.receptions")
    arguments = context.arguments
    try:
        receptions.set_day(
            context.engine, arguments.party, arguments.month, arguments.day, Actor(person=arguments.by)
        )
    except ValueError as error:
        raise UsageError(Text(str(error), str(error))) from None
    context.console.say(
        f"{arguments.month} 的接待日定为 {arguments.day}；已建立的用 receptions move 改定",
        f"the reception day of {arguments.month} is {arguments.day}; put those already started there with receptions move",
    )
    return OK


ROSTER_HEADS = {
    "on": Text("日期", "day"),
    "station": Text("联络站", "station"),
    "deputies": Text("接待代表", "deputies"),
}


def run_roster(context: Context) -> int:
    """A fair roster for each station; with `--by`, entered into its days. 1 when a deputy comes less than twice."""
    receptions, arguments = context.sibling("definitions.receptions"), context.arguments
    leave = _leave(arguments.leave)
    rows, short = [], []
    for station in _stations(context):
        found = receptions.roster_of(
            context.engine, station, _months(context), leave=leave, places=arguments.places,
        )  # fmt: skip
        rows += [
            {"on": day.isoformat(), "station": station.unit, "deputies": " ".join(who)}
            for day, who in found.days.items()
        ]
        short += [(station.unit, deputy, missing) for deputy, missing in found.short.items()]
        if arguments.by:
            receptions.enter_roster(context.engine, station, found, Actor(person=arguments.by))
    context.console.table(ROSTER_HEADS, rows)
    for unit, deputy, missing in short:
        context.console.warn(
            Text(f"{unit}：{deputy} 还差 {missing} 次", f"{unit}: {deputy} comes {missing} time(s) too few")
        )
    return FAULTS if short else OK


def _leave(path: Path | None) -> dict[str, set[date]]:
    found: dict[str, set[date]] = {}
    if path is None:
        return found
    try:
        with reading(path), path.open(encoding="utf-8-sig", newline="") as lines:
            for deputy, on in csv.reader(lines):
                found.setdefault(deputy.strip(), set()).add(date.fromisoformat(on.strip()))
    except ValueError as error:
        raise UsageError(
            Text(f"请假表 {path} 有误：{error}", f"the leave in {path} is wrong: {error}")
        ) from None
    return found


def _stations(context: Context) -> list[Any]:
    arguments, receptions = context.arguments, context.sibling("definitions.receptions")
    try:
        found: list[Any] = receptions.stations(context.engine, arguments.tenant, arguments.station)
    except ValueError as error:
        raise UsageError(Text(str(error), str(error))) from None
    if not found:
        text = Text(
            "登记册中没有运行的联络站；先运行 tibandu import station 文件",
            "no running station in the register: tibandu import station FILE",
        )
        raise UsageError(text)
    return found


def _months(context: Context) -> Sequence[str]:
    first = context.arguments.first or civil_date(context.engine.clock.now()).isoformat()[:7]
    months: Sequence[str] = context.sibling("definitions.receptions").months_from(
        first, context.arguments.months
    )
    return months


def _planned(context: Context) -> list[Any]:
    try:
        found: list[Any] = context.sibling("definitions.receptions").plan(
            context.engine, _stations(context), _months(context)
        )
    except ValueError as error:
        raise UsageError(Text(str(error), str(error))) from None
    return found


def _show(context: Context, planned: Sequence[Any]) -> None:
    rows = [
        {
            "month": one.on.month, "station": one.station.unit, "on": one.on.on.isoformat(),
            "provisional": "?" if one.on.provisional else "", "state": one.case.state if one.case else None,
            "was": one.case.data["reception_on"] if one.moves and one.case else None,
        }
        for one in planned
    ]  # fmt: skip
    if rows or context.console.as_json:
        context.console.table(HEADS, rows)
