"""The year in figures: what came in and went out, how long answers took, what the deputies said; every number is a list.

Counted for one reader and shown as a page (console/statistics.py) and as JSON (reports.py). Units stand in the order of their
names: nobody is ranked, and no person is counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cached_property, partial
from typing import Any

from workflow import Actor, Engine
from workflow.errors import NotFound, Text
from workflow.overview import COUNTED, Counted, Figures, Filter, Period, Ran, Sitting, Took, today
from workflow.screens import Verdicts

from .buckets import SPANS, UNKNOWN
from .domain import names
from .domain import statistics as kept

FIRST_YEAR, LAST_YEAR = 1990, 9998
IN, OUT = Text("收到", "came in"), Text("办结", "went out")
IN_TIME, LATE = Text("按期", "in time"), Text("逾期", "late")
LATENESS = (False, True)
ALTOGETHER = Text("合计", "all")
FLOW: tuple[Counted, ...] = ("opened", "concluded")


@dataclass(frozen=True, slots=True)
class Count:
    """A number and what it counts; as a share it says of how many."""

    value: int
    asked: Filter
    of: int | None = None


@dataclass(frozen=True)
class Row:
    """Numbers under the heads of its table."""

    name: str
    title: Text
    counts: Callable[[], Sequence[Count]]
    """made when the row is shown: of hundreds of units a page has sixty"""

    @cached_property
    def cells(self) -> Sequence[Count]:
        """The numbers."""
        return self.counts()


@dataclass(frozen=True, slots=True)
class Graph:
    """How a table is drawn: so many of its rows, on one another or beside one another, with the limit of the law or without."""

    rows: int
    stacked: bool = False
    limit: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of numbers under heads. `of`: the head over the names of the rows."""

    name: str
    title: Text
    of: Text
    columns: Mapping[str, Text]
    rows: Sequence[Row]
    graph: Graph | None = None


def counted_in(engine: Engine) -> Filter:
    """The cases that the figures are of: those of the definition that the domain names for it. Raises NotFound."""
    kind = engine.library.console.figures
    if kind is None:
        raise NotFound(Text("没有说明统计哪一类", "nothing says of which cases figures are made"))
    return Filter(kind=kind, roots=True)


def standing(engine: Engine, sitting: Sitting) -> list[Row]:
    """How many are open, soon due, over their day, waiting for the deputies: counted in one question."""
    day, calendar = today(engine), engine.laws.calendar
    soon = calendar.add_working_days(day, SPANS[-1]) + timedelta(days=1)
    all_ = counted_in(engine)
    asked = {
        "open": (Text("在办", "open"), all_.but(finished=False)),
        "soon": (
            Text(f"临期（{SPANS[-1]} 个工作日内）", f"due within {SPANS[-1]} working days"),
            all_.but(finished=False, due_from=day, due_before=soon),
        ),
        "overdue": (Text("超期", "overdue"), all_.but(over="target", finished=False, recorded=False)),
        "unknown": (UNKNOWN, all_.but(over="target", finished=False, recorded=True)),
    }
    told = engine.library.console.verdicts
    if told is not None and told.waiting and told.waiting_title is not None:
        asked["surveyed"] = (told.waiting_title, all_.but(finished=False, states=told.waiting))
    numbers = sitting.counts([one for _, one in asked.values()])
    return [
        Row(name, title, partial(_one, number, one))
        for (name, (title, one)), number in zip(asked.items(), numbers, strict=True)
    ]


def _one(number: int, asked: Filter) -> list[Count]:
    return [Count(number, asked)]


def year_of(engine: Engine, actor: Actor, year: int) -> tuple[list[Row], list[Table]]:
    """How things stand today, and the tables of the year in the order in which they are read. Raises NotFound."""
    with Sitting.of(engine, actor) as sitting:
        found = _Year(engine, sitting, year)
        now = standing(engine, sitting)
        tables = [found.by_month(), *found.answers(), *found.satisfaction()]
        units = found.units()
    return now, [*tables, found.by_unit(units)]


class _Year:
    """The figures of a year, as the one who sits there may know of them."""

    def __init__(self, engine: Engine, sitting: Sitting, year: int) -> None:
        self.engine = engine
        self.sitting = sitting
        self.year = year
        self.period = Period(start=date(year, 1, 1), before=date(year + 1, 1, 1))
        self.all = counted_in(engine)
        self.went_out = self.all.but(concluded_from=self.period.start, concluded_before=self.period.before)

    def _figures(
        self, asked: Filter, by: Sequence[Any], counting: Sequence[Counted] = COUNTED
    ) -> list[Figures]:
        return self.sitting.figures(asked, by, self.period, counting=counting)

    # -- what came in and went out

    def by_month(self) -> Table:
        """January to December."""
        counted = {one.group[0]: one for one in self._figures(self.all, ["month"], FLOW)}
        rows = []
        for number in range(1, 13):
            month = f"{self.year}-{number:02}"
            found = counted.get(month, Figures(group=(month,)))
            rows.append(Row(month, Text(month, month), partial(self._month, found, number)))
        title = Text(
            f"{self.year} 年各月收到和办结", f"What came in and went out in {self.year}, month by month"
        )
        columns = {"opened": IN, "concluded": OUT}
        return Table("by_month", title, Text("月份", "month"), columns, rows, Graph(len(rows)))

    def _month(self, one: Figures, month: int) -> list[Count]:
        first = date(self.year, month, 1)
        before = date(self.year + month // 12, month % 12 + 1, 1)
        return [
            Count(one.opened, self.all.but(opened_from=first, opened_before=before)),
            Count(one.concluded, self.all.but(concluded_from=first, concluded_before=before)),
        ]

    # -- how long answers took

    def answers(self) -> Iterator[Table]:
        """Days from the assignment to the answer, by the due day or later; where nothing says what answers a case, none."""
        if not self._ran().clocks:
            return
        found = self.sitting.took(self.all, self._ran())
        spans = zip((None, *kept.DAYS), (*kept.DAYS, None), strict=True)
        rows = [
            Row(_name(most), _span(most), partial(self._in_span, found, more, most))
            for more, most in spans
        ]  # fmt: skip
        sums = [_within(found, None, None, late) for late in LATENESS]
        both = [
            replace(self._took(n, late=late), of=sum(sums)) for n, late in zip(sums, LATENESS, strict=True)
        ]
        title = Text(f"{self.year} 年答复用时", f"How long the answers of {self.year} took")
        graph = Graph(len(rows), stacked=True, limit=self.all.kind == kept.SUGGESTION)
        columns = {"in_time": IN_TIME, "late": LATE}
        rows.append(Row("all", ALTOGETHER, lambda: both))
        yield Table("answers", title, Text("自交办起", "from the assignment"), columns, rows, graph)

    def _in_span(self, found: Sequence[Took], more: int | None, most: int | None) -> list[Count]:
        return [
            self._took(_within(found, more, most, late), longer_than=more, at_most=most, late=late)
            for late in LATENESS
        ]

    def _ran(self) -> Ran:
        clocks, events = self.engine.library.answers.get(self.all.kind or "", ((), ()))
        return Ran(clocks=clocks, events=events, period=self.period)

    def _took(self, value: int, **limits: Any) -> Count:
        return Count(value, self.all.but(ran=replace(self._ran(), **limits)))

    # -- what the deputies said

    def satisfaction(self) -> Iterator[Table]:
        """The levels of each round; who has not answered is in no rate. Where nobody is asked, none."""
        told = self.engine.library.console.verdicts
        if told is None:
            return
        rounds = verdicts_of(told, self.sitting, self.period)
        states = self.engine.library.definition(told.of).states
        rows = [
            Row(level, states[level].title, partial(self._said, told, rounds, (level,)))
            for level in told.levels
        ]
        title = Text(f"{self.year} 年{told.title.zh}", f"{self.year}: {told.title.en}")
        columns = {slots[0]: name for name, slots in told.rounds}
        graph = Graph(len(rows))
        if told.well_title is not None:
            rows.append(Row("well", told.well_title, partial(self._said, told, rounds, told.well)))
        yield Table("satisfaction", title, Text("评价", "level"), columns, rows, graph)

    def _said(
        self, told: Verdicts, rounds: Sequence[Mapping[str, int]], levels: Sequence[str]
    ) -> list[Count]:
        """How often these levels were given in each round, of all that came back."""
        rated = set(levels) <= set(told.counted)
        return [
            Count(
                sum(said[level] for level in levels),
                self.went_out.but(kind=told.of, roots=False, slots=slots, states=tuple(levels)),
                sum(said[level] for level in told.counted) if rated else None,
            )
            for (_, slots), said in zip(told.rounds, rounds, strict=True)
        ]

    # -- by unit

    def units(self) -> dict[str, Figures]:
        """Of each unit, by id."""
        return {one.group[0]: one for one in self._figures(self.all, ["unit"])}

    def by_unit(self, found: Mapping[str, Figures]) -> Table:
        """Each unit with what it leads, handles with others or separately; by name."""
        known = self.engine.parties.names(found)
        called = {unit: known.get(unit, unit) for unit in found}
        rows = [
            Row(unit, Text(called[unit], called[unit]), partial(self._unit, found[unit], unit))
            for unit in sorted(found, key=lambda unit: (names.spelt(called[unit]), unit))
        ]
        columns = {
            "opened": IN, "concluded": OUT, "open": Text("在办", "open"), "unknown": UNKNOWN,
            "over_target": Text("超期（占其余在办）", "overdue, of the other open ones"),
            "over_statutory": Text("超过最迟期限（占其余在办）", "over the outer limit, of the other open ones"),
        }  # fmt: skip
        title = Text("各承办单位（按名称排列）", "By unit, in the order of their names")
        return Table("by_unit", title, Text("单位", "unit"), columns, rows)

    def _unit(self, one: Figures, unit: str) -> list[Count]:
        asked = self.all.but(party=unit)
        opened = asked.but(opened_from=self.period.start, opened_before=self.period.before)
        over = {
            name: asked.but(over=name, finished=False, recorded=False) for name in ("target", "statutory")
        }
        return [
            Count(one.opened, opened),
            Count(one.concluded, self.went_out.but(party=unit)),
            Count(one.open, asked.but(finished=False)),
            Count(one.unknown, over["target"].but(recorded=True)),
            Count(one.over_target, over["target"], one.known),
            Count(one.over_statutory, over["statutory"], one.known),
        ]


def verdicts_of(told: Verdicts, sitting: Sitting, period: Period) -> list[dict[str, int]]:
    """Of each round that ended within the period: how often each level was given."""
    counted = {
        one.group: one.concluded
        for one in sitting.figures(Filter(kind=told.of), ["slot", "state"], period, counting=["concluded"])
    }
    return [
        {level: sum(counted.get((slot, level), 0) for slot in slots) for level in told.levels} for _, slots in told.rounds
    ]  # fmt: skip


def _name(most: int | None) -> str:
    return "longer" if most is None else f"days_{most}"


def _span(most: int | None) -> Text:
    if most is None:
        return Text("六个月以上", "longer")
    months = kept.DAYS.index(most) + 1
    zh = "一二三四五六"[months - 1]
    return Text(f"{zh}个月内（{most} 天）", f"{months} month{'s' * (months > 1)} ({most} days)")


def _within(found: Sequence[Took], more: int | None, most: int | None, late: bool) -> int:
    return sum(
        one.count
        for one in found
        if one.late is late and (more is None or one.days > more) and (most is None or one.days <= most)
    )
