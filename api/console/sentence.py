"""The first line of a case: where it stands, with whom, until when, and what comes next. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from workflow import Case
from workflow.calendars import Calendar
from workflow.definition import Definition, Holder
from workflow.errors import Text
from workflow.model import ClockView, Grant, Permission

from ..cells import With


def expected(definition: Definition, case: Case, above: Case, person: str, grants: Sequence[Grant]) -> bool:
    """Whether the case waits for this person, by the grants he holds today."""
    return not case.closed and any(
        is_one(holder, case, above, person, grants)
        for holder in definition.waits_for(definition.states[case.state])
    )


def is_one(holder: Holder, case: Case, above: Case, person: str, grants: Sequence[Grant]) -> bool:
    """Whether this person is who is named there, by the grants he holds today."""
    here = [
        grant for grant in grants if case.tenant == grant.scope or case.tenant.startswith(f"{grant.scope}/")
    ]
    if holder.relation is None:
        return any(grant.role == holder.role for grant in here)
    stands = (above if holder.of_root else case).relations.get(holder.relation, ())
    if holder.role is None:
        return person in stands and (holder.office is None or any(g.role == holder.office for g in here))
    return any(grant.role == holder.role and grant.unit in stands for grant in here)


def remaining(due_on: date, today: date, calendar: Calendar) -> Text:
    """How long, by day: the due day itself is still in time."""
    days = (due_on - today).days
    if days == 0:
        return Text("今日到期", "due today")
    if days < 0:
        return Text(f"已超期 {-days} 天", f"{-days} day{'s' * (days < -1)} overdue")
    working = calendar.working_days_between(today, due_on)
    return Text(
        f"还剩 {working} 个工作日（{days} 天）",
        f"{working} working day{'s' * (working != 1)} left ({days} in all)",
    )


def late_by(clock: ClockView) -> Text | None:
    """How late it was stopped; None for one in time or still running, and for one that counts backwards and was stopped by the
    day it counts towards: its ledger says that day, whenever before it was done.
    """
    if (
        clock.stopped_on is not None
        and clock.due_on < clock.anchor_on
        and clock.stopped_on <= clock.anchor_on
    ):
        return None
    days = (clock.stopped_on - clock.due_on).days if clock.stopped_on else 0
    return Text(f"逾期 {days} 天", f"{days} day{'s' * (days > 1)} late") if days > 0 else None


def sentence(
    state: Text, closed: bool, who: Sequence[With], clock: ClockView | None, left: Text | None, basis: Text | None,
    next_steps: Sequence[Permission],
) -> Text:  # fmt: skip
    """The line."""
    if closed:
        return Text(f"本件已了结：{state.zh}。", f"This case is closed: {state.en}.")
    zh, en = [f"本件现在“{state.zh}”"], [f"It is now “{state.en}”"]
    if who:
        zh.append(f"由{'、'.join(one.text.zh for one in who)}负责")
        en.append(f"with {'; '.join(one.text.en for one in who)}")
    if clock is not None and left is not None:
        zh.append(f"{clock.title.zh}{left.zh}，{clock.due_on} 到期")
        en.append(f"{clock.title.en}: {left.en}, due on {clock.due_on}")
    lines_zh, lines_en = ["，".join(zh) + "。"], [", ".join(en) + "."]
    if basis is not None:
        lines_zh.append(basis.zh)
        lines_en.append(basis.en[:1].upper() + basis.en[1:])
    if next_steps:
        lines_zh.append(f"您的下一步：{'、'.join(step.title.zh for step in next_steps)}。")
        lines_en.append(f"Your next step: {', '.join(step.title.en for step in next_steps)}.")
    return Text("".join(lines_zh), " ".join(lines_en))
