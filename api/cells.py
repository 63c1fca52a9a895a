"""What a list shows of a case: what it is called, with whom it is, which deadline is the nearest. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from workflow import Case, Engine
from workflow.definition import Definition, Holder
from workflow.errors import Text
from workflow.model import ClockView
from workflow.screens import Console

YEAR = len("2026")
HEADS = {
    "number": Text("编号", "Number"), "title": Text("标题", "Title"), "state": Text("状态", "State"),
    "holder": Text("在谁手里", "Now with"), "due_on": Text("期限", "Due"), "opened_on": Text("开始", "Begun"),
    "tenant": Text("人大", "Congress"), "kind": Text("类别", "Kind"), "standing": Text("现在", "Now"),
}  # fmt: skip
"""heads of the columns that cases of any kind have"""


def caption(case: Case, definition: Definition, told: Console) -> Text:
    """What a case is called: by the fields that the domain says (`named_by`); one that gives none of them, by what it is, its
    number or year and what else is known of it, or its day. What it begets has a title of its own.
    """
    given = (name for name in told.named_by if case.data.get(name) and _own(definition, name))
    if found := next((case.data[name] for name in given), None):
        return Text(str(found), str(found))
    known = [str(case.data[name]) for name in told.else_by if case.data.get(name)]
    year = (case.opened_on or "")[:YEAR] if not case.number else ""
    parts = [part for part in (case.number, *known) if part]
    if not any(_own(definition, name) for name in told.named_by):
        days = (case.data[n] for n, f in definition.fields.items() if f.type == "date" and case.data.get(n))
        day = next(days, "")
        both = [f"{title} {day}".strip() for title in (definition.title.zh, definition.title.en)]
        return Text(case.number or both[0], case.number or both[1])
    zh = "，".join(["未载标题", *parts, *([f"{year} 年"] if year else [])])
    en = ", ".join(["no title given", *parts, *([year] if year else [])])
    return Text(f"{definition.title.zh}（{zh}）", f"{definition.title.en} ({en})")


def _own(definition: Definition, name: str) -> bool:
    """Whether that field says something of the case itself, and not only of one that it begets."""
    begetting = (event for event in definition.events.values() if event.begets)
    return name in definition.fields and (
        name in definition.start.fields or not any(name in event.fields for event in begetting)
    )


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
    names: Callable[[Iterable[str]], list[str]], only: Collection[Holder] | None = None,
) -> list[With]:  # fmt: skip
    """With whom the case is now, as far as its reader may know: who is hidden from him does not stand in it; `only`: of these."""
    found = [
        _with(h, definition, root, case, above, roles, names)
        for h in definition.states[case.state].holder
        if only is None or h in only
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
    relation = law.relations.get(holder.relation)  # none where the reader may not know of the root
    return With(tuple(found), relation.title) if found and relation is not None else None


def pressing(engine: Engine, case: Case) -> ClockView | None:
    """Of the case's own running deadlines the first that counts in its state: whoever holds it has to keep it."""
    running = {clock.name: clock for clock in case.clocks if clock.running}
    names = engine.laws.pinned(case.definition).duties.counting(case.state, running)
    return min((running[name] for name in names), key=lambda clock: clock.due_on, default=None)


@dataclass(frozen=True, slots=True)
class Due:
    """By which day a list orders a case: a deadline of its own, or of a child it waits for."""

    due_on: date
    provisional: bool

    @classmethod
    def of(cls, case: Case) -> Due | None:
        """As the store has it; None where nothing is due."""
        if case.due_on is None:
            return None
        day = date.fromisoformat(case.due_on)
        return cls(day, any(c.provisional for c in case.clocks if c.running and c.due_on == day))
