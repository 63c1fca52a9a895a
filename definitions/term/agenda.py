"""The days of a term, one after the other: what falls due by itself, then what people do.

A story is a generator. It yields an act (who does what to which case on which day) and is sent the case as it stands
afterwards; so a story reads from top to bottom like the file of its case. All acts of one day are fired together, in the
order in which the stories were told, a few hundred to a transaction; what an act makes possible on the same day follows in
the next wave. An act that is refused ends the run: a term is a proof that the lifecycles lead through, not a best effort.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from workflow import Case, Engine, WorkflowError
from workflow.errors import Text
from workflow.model import Request
from workflow.testing import FrozenClock, stopwatch

TOGETHER = 400
"""acts in one transaction"""
REST, RECEPTIONS = "rest", "receptions"
"""parts of a term: its reception days, and its suggestions, opinions and all else"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """What one person does on a civil date; a date that has passed when its turn comes means: at once."""

    on: date
    request: Request


Story = Generator[Act, Case, None]


@dataclass(slots=True)
class Part:
    """What a part of the term took: acts, rungs of deadlines, seconds of this machine."""

    acts: int = 0
    rungs: int = 0
    seconds: float = 0.0


class Stuck(WorkflowError):
    """An act of the scenario was refused: the scenario or a lifecycle is at fault."""

    def __init__(self, act: Act, error: Exception) -> None:
        request = act.request
        what = f"{act.on} {request.event} {request.kind or request.case} ({request.actor.person})"
        said = error.text if isinstance(error, WorkflowError) else Text(str(error), str(error))
        super().__init__(Text(f"任期推演中断：{what}:{said.zh}", f"the term is stuck: {what}: {said.en}"))


class Agenda:
    """Stories under one clock. Raises Stuck."""

    def __init__(self, engine: Engine, clock: FrozenClock) -> None:
        self._engine = engine
        self._clock = clock
        self._connection: Any = None
        self._days: dict[date, list[tuple[Story, Act, str]]] = defaultdict(list)
        self._receptions: set[str] = set()
        self.parts = {REST: Part(), RECEPTIONS: Part()}

    @property
    def acts(self) -> int:
        """What people did."""
        return sum(part.acts for part in self.parts.values())

    @property
    def rungs(self) -> int:
        """What fell due by itself."""
        return sum(part.rungs for part in self.parts.values())

    def tell(self, story: Story, part: str = REST) -> None:
        """Take up a story: its first act is put on its day."""
        self._next(story, part, lambda: next(story))

    def live(self, day: date) -> None:
        """Live through that day."""
        self._clock.set(day)
        self._fall_due()
        if day not in self._days:
            return
        with self._engine.database.begin() as self._connection:
            while waiting := self._days.pop(day, None):
                for start in range(0, len(waiting), TOGETHER):
                    self._act(waiting[start : start + TOGETHER])

    def children(self, case: Case | str, slot: str) -> list[Case]:
        """The open children in a slot, as the day has left them so far."""
        id_ = case if isinstance(case, str) else case.id
        found = self._engine.children(id_, session=self._connection)
        return [child for child in found if child.slot == slot and not child.closed]

    def begotten(self, kind: str, state: str, party: str, name: str, value: str) -> Case:
        """The case that was just begotten: in that state, with that party, whose datum `name` is `value`."""
        found = self._engine.search(kind=kind, state=state, unit=party, session=self._connection)
        return next(case for case in found if case.data[name] == value)

    def _fall_due(self) -> None:
        """A page of timers is one transaction: its seconds are shared by their number."""
        began = stopwatch()
        while fired := self._engine.tick(TOGETHER):
            seconds, of_days = stopwatch() - began, sum(one.case in self._receptions for one in fired)
            for part, count in ((RECEPTIONS, of_days), (REST, len(fired) - of_days)):
                self.parts[part].rungs += count
                self.parts[part].seconds += seconds * count / len(fired)
            began = stopwatch()

    def _act(self, together: Sequence[tuple[Story, Act, str]]) -> None:
        for part in (REST, RECEPTIONS):
            if mine := [(story, act) for story, act, its in together if its == part]:
                began = stopwatch()
                self._act_of(part, mine)
                self.parts[part].seconds += stopwatch() - began
                self.parts[part].acts += len(mine)

    def _act_of(self, part: str, together: Sequence[tuple[Story, Act]]) -> None:
        outcomes = self._engine.batch([act.request for _, act in together], session=self._connection)
        for (story, act), outcome in zip(together, outcomes, strict=True):
            if outcome.error is not None or outcome.case is None:
                raise Stuck(act, outcome.error or AssertionError("no case"))
            case = outcome.case
            if part == RECEPTIONS:
                self._receptions.add(case.id)
            self._next(story, part, lambda story=story, case=case: story.send(case))  # type: ignore[misc]

    def _next(self, story: Story, part: str, go_on: Callable[[], Act]) -> None:
        try:
            act = go_on()
        except StopIteration:
            return
        today = self._clock.now().date()  # 09:00 in China is the same day in UTC
        self._days[max(act.on, today)].append((story, act, part))


def days_of(first: date, last: date) -> list[date]:
    """Every day from the first to the last."""
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]
