"""What a list shows of a case: what it is called, with whom it is, which deadline is the nearest. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from workflow import Case
from workflow.definition import Definition, Holder
from workflow.errors import Text
from workflow.model import ClockView

CAPTIONS = ("title", "subject")
HEADS = {
    "number": Text("编号", "Number"), "title": Text("标题", "Title"), "state": Text("状态", "State"),
    "holder": Text("在谁手里", "Now with"), "due_on": Text("期限", "Due"), "opened_on": Text("开始", "Begun"),
    "tenant": Text("人大", "Congress"), "kind": Text("类别", "Kind"), "standing": Text("现在", "Now"),
}  # fmt: skip
"""heads of the columns that cases of any kind have"""


def caption(case: Case, definition: Definition) -> str:
    """What a case is called: its title or subject, a title of its source, its number; else what kind of case it is."""
    named = [name for name in definition.fields if name.endswith(("title", "subject"))]
    named.sort(key=lambda name: (name not in CAPTIONS, CAPTIONS.index(name) if name in CAPTIONS else 0))
    found = next((case.data[name] for name in named if case.data.get(name)), None)
    return str(found or case.number or definition.title.zh)


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


def nearest(clocks: Sequence[ClockView]) -> ClockView | None:
    """The running deadline that is due first."""
    return min((clock for clock in clocks if clock.running), key=lambda clock: clock.due_on, default=None)
