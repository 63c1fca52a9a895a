"""`ledger`: tables for filing: ledgers with fixed columns, and the table of a year."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from ..clock import FIRST_DAY, LAST_DAY
from ..errors import Text
from ..model import Actor
from .context import OK, Context, UsageError, whole
from .files import free

YEARLY = "yearly"
MONTH = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])")
HEADS = {"ledger": Text("台账", "ledger"), "title": Text("名称", "title")}


def register(add: Any) -> None:
    """Declare the command."""
    ledger = add("ledger", run_ledger, "台账和年度统计表（Excel）", "ledgers and the table of a year (Excel)")
    ledger.add_argument(
        "ledger", metavar="LEDGER", nargs="?", help=f"台账、{YEARLY}；不写则列出 / without it: what there is"
    )
    ledger.add_argument("--out", type=Path, metavar="XLSX", help="新文件 / a new file")
    ledger.add_argument(
        "--year", type=whole(FIRST_DAY.year, LAST_DAY.year), metavar="YEAR", help=f"年度 / of {YEARLY}"
    )
    ledger.add_argument("--month", metavar="YYYY-MM", help="只含这个月的 / only of that month")
    ledger.add_argument("--by", metavar="PERSON", help="只含此人可见的 / only what that person may know of")
    ledger.add_argument("--tenant", metavar="TENANT", help="只含该机构及其下级 / of this tenant and below")
    ledger.add_argument("--letters", type=Path, metavar="DIR", help="本单位的台账 / ledgers of your own")


def run_ledger(context: Context) -> int:
    """A new file; nothing is overwritten."""
    arguments, console = context.arguments, context.console
    ledgers = context.sibling("definitions.ledgers")
    found = ledgers.profiles(arguments.letters)
    if arguments.ledger is None:
        rows = [{"ledger": one.id, "title": console.words(one.title)} for one in found.values()]
        console.table(
            HEADS, [*rows, {"ledger": YEARLY, "title": console.words(Text("年度统计表", "table of a year"))}]
        )
        return OK
    out = arguments.out or Path(f"{arguments.ledger}.xlsx")
    free(out)
    engine, actor = context.engine, Actor(person=arguments.by) if arguments.by else None
    if arguments.ledger == YEARLY:
        if arguments.year is None:
            raise UsageError(Text("须写明 --year", "a table of a year needs --year YEAR"))
        yearly = context.sibling("definitions.yearly")
        count = yearly.write_yearly(engine, arguments.year, out, actor=actor, tenant=arguments.tenant)
    else:
        profile = ledgers.chosen(found, arguments.ledger)
        month = arguments.month
        if month is not None and (profile.month is None or not MONTH.fullmatch(month)):
            raise UsageError(
                Text("--month 须如 2026-03，且该台账分月", "--month is YYYY-MM, of a ledger of months")
            )
        count = ledgers.write_ledger(engine, profile, out, actor=actor, tenant=arguments.tenant, month=month)
    console.say(f"{count} 行 → {out}", f"{count} row(s) → {out}")
    console.value({"rows": count, "file": str(out)})
    return OK
