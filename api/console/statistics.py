"""The year in figures: what came in and went out, how long answers took, what the deputies said; every number is a list.

Units stand in the order of their names: nobody is ranked, and no person is counted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

from flask import url_for
from markupsafe import Markup

from workflow.errors import NotFound, Text
from workflow.overview import (
    COUNTED,
    Counted,
    Figures,
    Filter,
    Period,
    Ran,
    Sitting,
    Took,
    today,
)

from ..buckets import SPANS
from ..domain import charts, names
from ..domain import statistics as kept
from ..problems import Problem
from .found import address_of
from .screens import Look, Page, Screen

FIRST_YEAR, LAST_YEAR = 1990, 9998
IN, OUT = Text("收到", "came in"), Text("办结", "went out")
IN_TIME, LATE = Text("按期", "in time"), Text("逾期", "late")
LATENESS = (False, True)
ALTOGETHER = Text("合计", "all")
THREE_MONTHS = Text("法定三个月", "the law's three months")
FLOW: tuple[Counted, ...] = ("opened", "concluded")
YEARLY = "yearly"
NOTHING = "—"


@dataclass(frozen=True, slots=True)
class Number:
    """A number and the list of what it counts."""

    value: int
    address: str


@dataclass(frozen=True, slots=True)
class Share:
    """A part of a whole, never without the whole; of nothing there is no share."""

    part: Number
    of: int

    @property
    def percent(self) -> str:
        """Rounded to a tenth of a percent."""
        return share(self.part.value, self.of)


def share(part: int, of: int) -> str:
    """`78.5%`; of nothing `—`."""
    return f"{100 * part / of:.1f}%" if of else NOTHING


UNITS = 50
"""on one page"""
Row = tuple[Text, Sequence[Number | Share]]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of numbers under heads."""

    title: Text
    heads: Sequence[Text]
    rows: Sequence[Row]
    chart: Markup | None = None
    more: str | None = None
    """the address of the page on which the table goes on"""


def counted_in(look: Look) -> Filter:
    """The cases that the figures are of: those of the definition that the domain names for it. Raises NotFound."""
    kind = look.engine.library.console.figures
    if kind is None:
        raise NotFound(Text("没有说明统计哪一类", "nothing says of which cases figures are made"))
    return Filter(kind=kind, roots=True)


def statistics(look: Look) -> Page:
    """One year, and how things stand today."""
    year = year_asked(look)
    with Sitting.of(look.engine, look.actor) as sitting:
        counted = _Year(look, sitting, year)
        return Page("statistics.html", {
            "year": year, "sheet": _sheet(look, year), "day": today(look.engine), "cards": cards(look, sitting), "tables": [
                counted.by_month(), *counted.answers(), *counted.satisfaction(), counted.by_unit(),
            ],
        })  # fmt: skip


def _sheet(look: Look, year: int) -> str | None:
    """Where the year's table is to be had for Excel, if the service makes any."""
    papers = look.desk.papers
    if papers is None or YEARLY not in papers.ledgers():
        return None
    return url_for(f"{look.service.name}.ledger", ledger=YEARLY, year=year)


def year_asked(look: Look) -> int:
    """The year that is asked for, else this one. Raises Problem 400."""
    given = look.request.args.get("year", str(today(look.engine).year))
    if not (
        given.isascii() and given.isdigit() and len(given) == 4 and FIRST_YEAR <= int(given) <= LAST_YEAR
    ):
        raise Problem("bad_request", Text("年份不对", "that is no year"))
    return int(given)


def cards(look: Look, sitting: Sitting) -> list[tuple[Text, Number]]:
    """How many are open, soon due, over their day, waiting for the deputies: counted in one question."""
    day, calendar = today(look.engine), look.engine.laws.calendar
    soon = calendar.add_working_days(day, SPANS[-1]) + timedelta(days=1)
    all_ = counted_in(look)
    asked = {
        Text("在办", "open"): replace(all_, finished=False),
        Text(f"临期（{SPANS[-1]} 个工作日内）", f"due within {SPANS[-1]} working days"): replace(
            all_, finished=False, due_from=day, due_before=soon
        ),
        Text("超期", "overdue"): replace(all_, over="target", finished=False),
    }
    if all_.kind == kept.SUGGESTION:
        asked[Text("待评价", "waiting for the deputies")] = replace(
            all_, finished=False, states=kept.SURVEYED
        )
    numbers = sitting.counts(list(asked.values()))
    return [
        (title, Number(number, address_of(look, one)))
        for (title, one), number in zip(asked.items(), numbers, strict=True)
    ]


class _Year:
    """The figures of a year, as this reader may know of them."""

    def __init__(self, look: Look, sitting: Sitting, year: int) -> None:
        self.look = look
        self.sitting = sitting
        self.year = year
        self.period = Period(start=date(year, 1, 1), before=date(year + 1, 1, 1))
        self.all = counted_in(look)
        self.went_out = replace(
            self.all, concluded_from=self.period.start, concluded_before=self.period.before
        )

    def number(self, value: int, asked: Filter) -> Number:
        """With its list."""
        return Number(value, address_of(self.look, asked))

    def figures(
        self, asked: Filter, by: Sequence[Any], counting: Sequence[Counted] = COUNTED
    ) -> list[Figures]:
        """Of the year."""
        return self.sitting.figures(asked, by, self.period, counting=counting)

    def words(self, *texts: Text) -> list[str]:
        """In the reader's language."""
        return [self.look.words(text) for text in texts]

    # -- what came in and went out

    def by_month(self) -> Table:
        """January to December."""
        counted = {one.group[0]: one for one in self.figures(self.all, ["month"], FLOW)}
        months = [f"{self.year}-{month:02}" for month in range(1, 13)]
        found = [counted.get(month, Figures(group=(month,))) for month in months]
        rows = [
            (Text(month, month), self._month(one, n)) for n, (month, one) in enumerate(zip(months, found, strict=True), 1)
        ]  # fmt: skip
        came, went = self.words(IN, OUT)
        title = Text(
            f"{self.year} 年各月收到和办结", f"What came in and went out in {self.year}, month by month"
        )
        chart = charts.columns(
            self.look.words(title),
            months,
            {came: [one.opened for one in found], went: [one.concluded for one in found]},
        )
        return Table(title, [Text("月份", "month"), IN, OUT], rows, Markup(chart))  # noqa: S704 - escaped by charts

    def _month(self, one: Figures, month: int) -> list[Number]:
        first = date(self.year, month, 1)
        before = date(self.year + month // 12, month % 12 + 1, 1)
        return [
            self.number(one.opened, replace(self.all, opened_from=first, opened_before=before)),
            self.number(one.concluded, replace(self.all, concluded_from=first, concluded_before=before)),
        ]

    # -- how long answers took

    def answers(self) -> Iterator[Table]:
        """Days from the assignment to the answer, by the due day or later; where nothing says what answers a case, none."""
        if not self._ran().clocks:
            return
        found = self.sitting.took(self.all, self._ran())
        spans = list(zip((None, *kept.DAYS), (*kept.DAYS, None), strict=True))
        counts = [[_within(found, more, most, late) for late in LATENESS] for more, most in spans]
        labels = [_span(most) for _, most in spans]
        rows: list[Row] = [
            (label, [self._took(n, longer_than=more, at_most=most, late=late) for n, late in zip(both, LATENESS, strict=True)])
            for label, (more, most), both in zip(labels, spans, counts, strict=True)
        ]  # fmt: skip
        sums = [_within(found, None, None, late) for late in LATENESS]
        rows.append(
            (
                ALTOGETHER,
                [Share(self._took(n, late=late), sum(sums)) for n, late in zip(sums, LATENESS, strict=True)],
            )
        )
        title = Text(f"{self.year} 年答复用时", f"How long the answers of {self.year} took")
        by, over = self.words(IN_TIME, LATE)
        limit = charts.Limit(before=kept.STATUTORY, text=self.look.words(THREE_MONTHS))
        chart = charts.columns(
            self.look.words(title), self.words(*labels), {by: [n for n, _ in counts], over: [n for _, n in counts]},
            stacked=True, limit=limit if self.all.kind == kept.SUGGESTION else None,
        )  # fmt: skip
        yield Table(title, [Text("自交办起", "from the assignment"), IN_TIME, LATE], rows, Markup(chart))  # noqa: S704

    def _ran(self) -> Ran:
        clocks, events = self.look.engine.library.answers.get(self.all.kind or "", ((), ()))
        return Ran(clocks=clocks, events=events, period=self.period)

    def _took(self, value: int, **limits: Any) -> Number:
        return self.number(value, replace(self.all, ran=replace(self._ran(), **limits)))

    # -- what the deputies said

    def satisfaction(self) -> Iterator[Table]:
        """The levels of each round; who has not answered is in no rate. Of suggestions alone: nobody else is asked."""
        if self.all.kind != kept.SUGGESTION:
            return
        counted = {
            one.group: one.concluded
            for one in self.figures(Filter(kind=kept.SURVEY), ["slot", "state"], ["concluded"])
        }
        rounds = [
            {level: sum(counted.get((slot, level), 0) for slot in slots) for level in kept.LEVELS} for _, slots in kept.ROUNDS
        ]  # fmt: skip
        states = self.look.engine.library.definition(kept.SURVEY).states
        titles = [states[level].title for level in kept.LEVELS]
        rows = [
            (title, self._said(rounds, (level,))) for title, level in zip(titles, kept.LEVELS, strict=True)
        ]
        rows.append(
            (Text("满意、基本满意合计", "satisfied, fully or basically"), self._said(rounds, kept.WELL))
        )
        title = Text(
            f"{self.year} 年满意度（每位代表每次征询计一份）", f"What deputies said in {self.year}: a survey of a deputy each"
        )  # fmt: skip
        names = self.words(*(name for name, _ in kept.ROUNDS))
        values = {name: list(one.values()) for name, one in zip(names, rounds, strict=True)}
        chart = charts.columns(self.look.words(title), self.words(*titles), values)
        yield Table(title, [Text("评价", "level"), *(name for name, _ in kept.ROUNDS)], rows, Markup(chart))  # noqa: S704

    def _said(self, rounds: Sequence[Mapping[str, int]], levels: Sequence[str]) -> list[Number | Share]:
        """How often these levels were given in each round, of all that came back."""
        found: list[Number | Share] = []
        for (_, slots), said in zip(kept.ROUNDS, rounds, strict=True):
            asked = replace(self.went_out, kind=kept.SURVEY, roots=False, slots=slots, states=tuple(levels))
            number = self.number(sum(said[level] for level in levels), asked)
            rated = set(levels) <= set(kept.RETURNED)
            found.append(Share(number, sum(said[level] for level in kept.RETURNED)) if rated else number)
        return found

    # -- by unit

    def by_unit(self) -> Table:
        """Each unit with what it leads, handles with others or separately; by name."""
        found = {one.group[0]: one for one in self.figures(self.all, ["unit"])}
        self.look.names.learn(found)
        units = sorted(found, key=lambda unit: (names.spelt(self.look.names[unit]), unit))
        after = self.look.request.args.get("after", "")
        first = units.index(after) + 1 if after in found else 0
        page = units[first : first + UNITS]
        rows = [
            (
                Text(self.look.names[unit], self.look.names[unit]),
                self._unit(found[unit], replace(self.all, party=unit)),
            )
            for unit in page
        ]
        more = None
        if first + UNITS < len(units):
            more = self.look.address("statistics", year=self.year, after=page[-1], _anchor="table4")
        heads = [
            Text("单位", "unit"), IN, OUT, Text("在办", "open"), Text("其中超期", "of these overdue"),
            Text("其中超过最迟期限", "of these over the outer limit"),
        ]  # fmt: skip
        zh, en = "按名称排列", "in the order of their names"
        if len(page) < len(units):
            zh += f"，第 {first + 1} 至 {first + len(page)} 个，共 {len(units)} 个"
            en += f", {first + 1} to {first + len(page)} of {len(units)}"
        return Table(Text(f"各承办单位（{zh}）", f"By unit, {en}"), heads, rows, more=more)

    def _unit(self, one: Figures, asked: Filter) -> list[Number | Share]:
        opened = replace(asked, opened_from=self.period.start, opened_before=self.period.before)
        return [
            self.number(one.opened, opened),
            self.number(one.concluded, replace(self.went_out, party=asked.party)),
            self.number(one.open, replace(asked, finished=False)),
            Share(self.number(one.over_target, replace(asked, over="target", finished=False)), one.open),
            Share(
                self.number(one.over_statutory, replace(asked, over="statutory", finished=False)), one.open
            ),
        ]


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


STATISTICS = (
    Screen(path="/statistics", name="statistics", view=statistics, menu=Text("统计与年报", "Figures"), of_roles=True),
)  # fmt: skip
