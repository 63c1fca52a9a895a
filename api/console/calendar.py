"""A new holiday notice: typed in, the deadlines that would move shown with their old and new days, then put in force."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from workflow.errors import FormInvalid, Reason, Text
from workflow.overview import cases_of, today
from workflow.recalculation import Recalculated, apply, count_by, preview

from ..calendars import ASKED, may_judge
from ..dispatch import OPERATOR
from ..limits import Counter
from ..notices import Notice, written
from .screens import Look, Page, Screen

FIELDS = ("source", "off", "makeup")
SHOWN = 200
"""deadlines on the page; of more it says how many"""
AT_ONCE = 2000
"""deadlines that are put in force from a page; more of them by the command, which shows how far it is"""

TOO_MANY = Reason.of(
    "form.calendar", f"超过 {AT_ONCE} 个期限，请用 tibandu calendar apply 启用",
    f"more than {AT_ONCE} deadlines: use tibandu calendar apply",
)  # fmt: skip


def asked(look: Look) -> Page:
    """The calendar in use, and what to type."""
    may_judge(look.desk, look.actor)
    return _page(look, dict.fromkeys(FIELDS, ""))


def judged(look: Look) -> Page:
    """Which deadlines would move; or they do."""
    may_judge(look.desk, look.actor)
    Counter(look.engine).take(ASKED, look.actor.person)
    form = look.request.form
    given = {name: form.get(name, "").replace("\r\n", "\n") for name in FIELDS}
    used = look.engine.laws.calendar
    notice = Notice(year=used.horizon.year + 1, **given)
    try:
        calendar = notice.added_to(used)
        found = preview(look.engine, calendar)
        if form.get("act") != "apply":
            return _page(look, given, found)
        if look.actor.person not in look.desk.operators:
            return _page(look, given, found, reasons=[OPERATOR], status=403)
        if len(found) > AT_ONCE:
            return _page(look, given, found, reasons=[TOO_MANY], status=422)
        done = list(apply(look.engine, calendar, look.actor))
        count_by(look.engine, calendar, look.actor)
    except FormInvalid as error:
        return _page(look, given, reasons=error.reasons, status=422)
    return _page(look, given, done, file=written(calendar, notice.section()), year=notice.year)


def _page(
    look: Look, given: dict[str, str], found: Sequence[Recalculated] | None = None, *, reasons: Sequence[Reason] = (),
    file: str = "", status: int = 200, year: int | None = None,
) -> Page:  # fmt: skip
    used, found_ = look.engine.laws.calendar, found or ()
    moved = [one for one in found_ if one.moves]
    known = cases_of(look.engine, look.actor, {one.case for one in moved})
    rows = [_row(look, one, known[one.case]) for one in moved if one.case in known]
    return Page("calendar.html", {
        "used": used, "year": year or used.horizon.year + 1, "given": given, "wrong": reasons, "judged": found is not None,
        "moved": len(moved), "certain": sum(not (one.moves or one.reminded) for one in found_),
        "rows": rows[:SHOWN], "hidden": len(moved) - len(rows[:SHOWN]),
        "file": file, "operates": look.actor.person in look.desk.operators, "day": today(look.engine),
    }, status)  # fmt: skip


def _row(look: Look, one: Recalculated, case: Any) -> dict[str, Any]:
    """One deadline that moves, in words."""
    definition = look.engine.laws.pinned(case.definition).definition
    clock = definition.clocks.get(one.clock)
    days = (date.fromisoformat(one.new_due_on) - date.fromisoformat(one.due_on)).days
    zh, en = ("推后", "later") if days > 0 else ("提前", "earlier")
    return {
        "case": case, "title": clock.title if clock else Text(one.clock, one.clock), "old": one.due_on, "new": one.new_due_on,
        "by": Text(f"{zh} {abs(days)} 天", f"{abs(days)} day{'s' * (abs(days) > 1)} {en}"), "provisional": one.provisional,
    }  # fmt: skip


CALENDAR = (
    Screen(
        path="/calendar",
        name="calendar",
        view=asked,
        menu=Text("放假安排", "Holidays"),
        of_roles=True,
        operators=True,
    ),
    Screen(path="/calendar", name="calendar_judged", view=judged, methods=("POST",)),
)
