"""The first line of a case: where it stands, with whom, until when, and what comes next. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from workflow import Case
from workflow.calendars import Calendar
from workflow.definition import Definition, Holder
from workflow.errors import Text
from workflow.model import ClockView, Grant, Permission

NONE = Text("", "")


@dataclass(frozen=True, slots=True)
class With:
    """With whom a case is: `names` of units or persons, or the `office` of the congress."""

    names: tuple[str, ...]
    as_: Text
    """as what they hold it: the relation, or the role"""

    @property
    def text(self) -> Text:
        """In words."""
        if not self.names:
            return self.as_
        return Text(f"{'、'.join(self.names)}（{self.as_.zh}）", f"{', '.join(self.names)} ({self.as_.en})")


def holders(
    definition: Definition, root: Definition, case: Case, above: Case, roles: Mapping[str, Text],
    names: Callable[[Iterable[str]], list[str]],
) -> list[With]:  # fmt: skip
    """With whom the case is now, as far as its reader may know: who is hidden from him does not stand in it."""
    found = [
        _with(h, definition, root, case, above, roles, names) for h in definition.states[case.state].holder
    ]
    return list(dict.fromkeys(one for one in found if one is not None))


def _with(
    holder: Holder, definition: Definition, root: Definition, case: Case, above: Case, roles: Mapping[str, Text],
    names: Callable[[Iterable[str]], list[str]],
) -> With | None:  # fmt: skip
    if holder.relation is None:
        return With((), roles.get(holder.role or "", Text(str(holder), str(holder))))
    law, stands = (root, above) if holder.of_root else (definition, case)
    found = names(stands.relations.get(holder.relation, ()))
    relation = law.relations[holder.relation].title
    return With(tuple(found), relation) if found else None


def expected(definition: Definition, case: Case, above: Case, person: str, grants: Sequence[Grant]) -> bool:
    """Whether the case waits for this person, by the grants he holds today."""
    return not case.closed and any(
        _is(holder, case, above, person, grants) for holder in definition.states[case.state].holder
    )


def _is(holder: Holder, case: Case, above: Case, person: str, grants: Sequence[Grant]) -> bool:
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


def nearest(clocks: Sequence[ClockView]) -> ClockView | None:
    """The running deadline that is due first."""
    return min((clock for clock in clocks if clock.running), key=lambda clock: clock.due_on, default=None)


def sentence(
    state: Text, closed: bool, who: Sequence[With], clock: ClockView | None, left: Text | None, basis: Text | None,
    next_steps: Sequence[Permission],
) -> Text:  # fmt: skip
    """The line."""
    if closed:
        return Text(f"本件已了结：{state.zh}。", f"This case is closed: {state.en}.")
    zh, en = [f"本件现在“{state.zh}”"], [f"It is now “{state.en}”"]
    if who:
        zh.append(f"由{'，'.join(one.text.zh for one in who)}负责")
        en.append(f"with {'; '.join(one.text.en for one in who)}")
    if clock is not None and left is not None:
        zh.append(f"{clock.title.zh}{left.zh}，{clock.due_on} 到期")
        en.append(f"{clock.title.en}: {left.en}, due on {clock.due_on}")
    lines_zh, lines_en = ["，".join(zh) + "。"], [", ".join(en) + "."]
    if basis is not None:
        lines_zh.append(basis.zh)
        lines_en.append(basis.en)
    if next_steps:
        lines_zh.append(f"您的下一步：{'、'.join(step.title.zh for step in next_steps)}。")
        lines_en.append(f"Your next step: {', '.join(step.title.en for step in next_steps)}.")
    return Text("".join(lines_zh), " ".join(lines_en))
