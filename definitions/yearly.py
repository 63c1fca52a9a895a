"""The yearly table of suggestions for the standing committee (代表法 第51条): by unit in the order of names, never of merit.

Every figure is a count of cases that the second sheet lists, so that each number opens its list; every rate shows both of its
numbers; where there is nothing to divide by stands —. What a figure counts is said beside it (`MEASURES`) and on the last sheet.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

from workflow import Actor, Case, Engine
from workflow.errors import Text

from .cells import Cell
from .columns import today
from .imported import only_imported
from .ledgers import Line, Table
from .letters.words import Words, written
from .names import numbered, spelt
from .workbooks import Grid, OutColumn, write_workbook

__all__ = ["MEASURES", "RATES", "Item", "Yearly", "counted", "items_of", "write_yearly", "yearly_of"]

KIND = "suggestion"
PAGE = 500
UNITS = ("lead", "separate")
CLOCKS = ("since_first_assignment", "reply", "merged_reply")
FIRST = ("surveys", "lead_surveys")
LEVELS = ("satisfied", "basically_satisfied", "dissatisfied")
TALLIED = {
    **{level: level for level in LEVELS},
    "basically_risen": "basically_satisfied",
    "basically_understood": "basically_satisfied",
}
DONE = ("concluded", "archived")
KEPT = ("confirmed", "struck_off")
NOTHING = "—"


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A suggestion of the year with its children."""

    case: Case
    children: Sequence[Case]
    day: date
    recorded: bool = False
    """only imported, without an answer: whether there was one nobody knows"""

    def surveys(self) -> list[Case]:
        """Those of the first round."""
        return [child for child in self.children if child.slot in FIRST]

    def answered(self, *levels: str) -> int:
        """How many surveys of the first round came back with one of those levels, tallied or not yet."""
        return sum(_level(survey) in levels for survey in self.surveys())

    def due(self) -> date | None:
        """The day by which it was to be answered."""
        clocks = {clock.name: clock.due_on for clock in self.case.clocks}
        return clocks.get("reply", clocks.get("merged_reply"))

    def promises(self, *states: str) -> list[Case]:
        """Its commitments; those in one of the states, if any are named."""
        return [c for c in self.children if c.slot == "commitments" and (not states or c.state in states)]

    def replied(self) -> str | None:
        """The day of the reply; that of the last of separate replies."""
        days = [self.case.data.get("delivered_on")]
        days += [
            child.data.get("delivered_on") for child in self.children if child.slot == "separate_replies"
        ]
        return max((str(day) for day in days if day), default=None)

    def class_of(self) -> str:
        """The letter of its result class."""
        return str(self.case.data.get("reply_class") or "").rpartition(":")[2]


def _level(survey: Case) -> str:
    answered = str(survey.data.get("level") or "") if survey.state == "returned" else ""
    return TALLIED.get(survey.state, answered.removeprefix("very_"))


Count = Callable[[Item], int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One figure: its heading, what it counts in words, and of one suggestion how much."""

    title: str
    means: str
    count: Count = field(repr=False)


def _late(item: Item) -> bool:
    due, replied = item.due(), item.replied()
    if due is None:
        return False
    return date.fromisoformat(replied) > due if replied else item.day > due and not item.recorded


def _of_class(letter: str) -> Count:
    return lambda item: int(item.replied() is not None and item.class_of() == letter)


def _any(slot: str, *states: str) -> Count:
    """Whether there is a child in that slot, in one of those states if any are named."""
    return lambda item: int(any(c.slot == slot and (not states or c.state in states) for c in item.children))


def _replied(item: Item) -> int:
    return int(item.replied() is not None)


MEASURES: Mapping[str, Measure] = {
    id_: Measure(title=title, means=means, count=count)
    for id_, title, means, count in (
        (
            "assigned",
            "交办件数",
            "首次交办日在本年的建议（含闭会期间建议、由议案转来的和并案的）",
            lambda _: 1,
        ),
        ("replied", "已答复", "其中已送达答复的；分别办理的以最后一份为准", _replied),
        (
            "in_time",
            "按期答复",
            "已答复且送达日不晚于答复期限（含经同意的延期）的",
            lambda i: int(_replied(i) and not _late(i)),
        ),
        (
            "late",
            "逾期",
            "答复晚于期限的，和至制表日已过期限仍未答复的；只有来源记录、未载是否答复的不计",
            lambda i: int(_late(i)),
        ),
        ("extended", "延期", "经同意延期的件数", _any("extensions", "granted")),
        ("A", "A类", "已答复、结果类别为 A（类别含义以本地类别表为准）的", _of_class("A")),
        ("B", "B类", "已答复、结果类别为 B 的", _of_class("B")),
        ("C", "C类", "已答复、结果类别为 C 的", _of_class("C")),
        ("D", "D类", "已答复、结果类别为 D 的", _of_class("D")),
        ("concluded", "办结", "状态为办结或归档的；答复不等于办结", lambda i: int(i.case.state in DONE)),
        (
            "asked",
            "征询份数",
            "首轮由办公室发出的征询表份数；联名的逐人征询时每人一份",
            lambda i: len(i.surveys()),
        ),
        ("returned", "反馈份数", "首轮已反馈的份数", lambda i: i.answered(*LEVELS)),
        ("satisfied", "满意", "首轮总体评价为满意的份数", lambda i: i.answered("satisfied")),
        (
            "basically",
            "基本满意",
            "首轮总体评价为基本满意的份数",
            lambda i: i.answered("basically_satisfied"),
        ),
        ("dissatisfied", "不满意", "首轮总体评价为不满意的份数", lambda i: i.answered("dissatisfied")),
        ("again", "二次交办", "经二次交办的件数", _any("second_assignments")),
        ("promised", "承诺事项", "答复中承诺的事项数", lambda i: len(i.promises())),
        ("kept", "已兑现", "代表确认或核实销号的承诺事项数", lambda i: len(i.promises(*KEPT))),
    )
}
"""the figures in their fixed order"""

RATES: Mapping[str, tuple[str, str, str, str]] = {
    "timely": ("按期答复率", "in_time", "replied", "按期答复 ÷ 已答复"),
    "returned": ("反馈率", "returned", "asked", "反馈份数 ÷ 征询份数"),
    "satisfied": ("满意率", "satisfied", "returned", "满意 ÷ 反馈份数；未反馈的不计入，不视为满意"),
    "kept": ("兑现率", "kept", "promised", "已兑现 ÷ 承诺事项"),
}
"""id -> heading, numerator, denominator, what it means"""


def items_of(
    engine: Engine, year: int, *, actor: Actor | None = None, tenant: str | None = None
) -> Iterator[Item]:
    """The suggestions first assigned in that year, as far as that person may know of them and of their children."""
    day, after = today(engine), None
    while page := engine.search(kind=KIND, tenant=tenant, actor=actor, after=after, limit=PAGE):
        for case in page:
            days = [clock.anchor_on for name in CLOCKS for clock in case.clocks if clock.name == name]
            if days and days[0].year == year:
                item = Item(case=case, children=engine.children(case.id, actor=actor), day=day)
                yield replace(
                    item, recorded=_late(item) and not _replied(item) and only_imported(engine, case, actor)
                )
        after = page[-1].id


@dataclass(frozen=True, slots=True, kw_only=True)
class Yearly:
    """The suggestions of a year, and those of each unit by id, in the order of the units' names. Where no unit is known yet they
    stand under an empty one.
    """

    year: int
    day: date
    words: Words
    items: Sequence[Item]
    units: Mapping[str, Sequence[Item]]

    @property
    def title(self) -> str:
        """Of the table."""
        return f"{self.year}年代表建议办理情况统计表"

    def told(self) -> Iterator[tuple[str, str, str]]:
        """Name, heading and meaning of every figure, in their order."""
        return ((name, one.title, one.means) for name, one in MEASURES.items())

    def rates(self) -> Iterator[tuple[str, str, str, str, str]]:
        """Name and heading of every rate, what it is a part of what, and what it means."""
        return ((name, *one) for name, one in RATES.items())

    def counted(self, unit: str | None = None) -> dict[str, int]:
        """Every figure of a unit, or of all: there each suggestion counts once."""
        return counted(self.items if unit is None else self.units[unit])

    def name(self, unit: str) -> str:
        """What a unit is called."""
        return self.words.name(unit) if unit else "（未定）"

    def listed(self, unit: str | None = None, measure: str | None = None) -> Table:
        """The list behind the table: those of a unit, if one is named, and of these what a figure counts. Raises KeyError."""
        count = MEASURES[measure].count if measure else None
        items = self.items if unit is None else self.units.get(unit, ())
        return _listed(self.words, [item for item in items if count is None or count(item)])


def yearly_of(engine: Engine, year: int, *, actor: Actor | None = None, tenant: str | None = None) -> Yearly:
    """The year, as far as that person may know of it."""
    items = list(items_of(engine, year, actor=actor, tenant=tenant))
    words = Words(engine, actor, [item.case for item in items])
    items.sort(
        key=lambda item: (spelt(words.meeting(item.case)), numbered(item.case.number or ""), item.case.id)
    )
    units: dict[str, list[Item]] = {}
    for item in items:
        for unit in _units(item.case):
            units.setdefault(unit, []).append(item)
    found = Yearly(year=year, day=today(engine), words=words, items=items, units=units)
    ordered = sorted(units, key=lambda unit: (spelt(found.name(unit)), unit))
    return replace(found, units={unit: units[unit] for unit in ordered})


def counted(items: Sequence[Item]) -> dict[str, int]:
    """Every figure of those suggestions."""
    return {name: sum(measure.count(item) for item in items) for name, measure in MEASURES.items()}


def write_yearly(
    engine: Engine, year: int, path: Path, *, actor: Actor | None = None, tenant: str | None = None
) -> int:
    """A new workbook: the table, and the list behind it; how many suggestions."""
    found = yearly_of(engine, year, actor=actor, tenant=tenant)
    listed = found.listed()
    rows = [line.cells for line in listed.lines]
    list_ = Grid(title=listed.title.zh, columns=listed.columns, rows=rows, total=listed.total)
    write_workbook(path, _table(found), list_)
    return len(found.items)


def _table(found: Yearly) -> Grid:
    told = [(m.title, m.means) for m in MEASURES.values()]
    told += [(title, means) for title, _, _, means in RATES.values()]
    first = "主办或分办单位，按名称排列，不排名次；分办的各单位均计入，合计只计一次"
    columns = [OutColumn(title="承办单位", width=20, help=first)]
    columns += [_column(title, means, number < len(MEASURES)) for number, (title, means) in enumerate(told)]
    notes = [
        f"只含制表人可见的案件。分母为零的比率记“{NOTHING}”。每个数字可在“清单”中按列筛选核对。",
        *(f"{title}：{means}。" for title, means in told),
    ]
    rows = [[found.name(unit), *_figures(items)] for unit, items in found.units.items()]
    return Grid(
        title=found.title, columns=columns, rows=rows, total=["合计", *_figures(found.items)], notes=notes,
        made_on=written(found.day),
    )  # fmt: skip


HEADS = {
    "meeting": ("届次", 9),
    "number": ("编号", 11),
    "title": ("标题", 32),
    "units": ("承办单位", 18),
    "state": ("状态", 12),
}


def _listed(words: Words, items: Sequence[Item]) -> Table:
    columns = [OutColumn(title=title, width=width) for title, width in HEADS.values()]
    columns += [OutColumn(title=m.title, kind="number", width=6) for m in MEASURES.values()]
    total: list[Cell] = ["合计", None, None, None, None, *counted(items).values()]
    lines = [Line(case=item.case.id, cells=_line(words, item)) for item in items]
    title = Text("清单", "the list behind it")
    return Table(title=title, names=[*HEADS, *MEASURES], columns=columns, lines=lines, total=total)


def _column(title: str, means: str, figure: bool) -> OutColumn:
    return OutColumn(title=title, help=means, kind="number" if figure else "text", width=6 if figure else 17)


def _units(case: Case) -> list[str]:
    return [unit for name in UNITS for unit in case.relations.get(name, ())] or [""]


def _figures(items: Sequence[Item]) -> list[Cell]:
    counts = counted(items)
    return [*counts.values(), *(_rate(counts[over], counts[under]) for _, over, under, _ in RATES.values())]


def _rate(over: int, under: int) -> str:
    return f"{over / under:.1%}（{over}/{under}）" if under else NOTHING


def _line(words: Words, item: Item) -> list[Cell]:
    case = item.case
    units = "、".join(words.name(unit) for unit in _units(case) if unit)
    return [
        words.meeting(case), case.number, words.value(case, "title"), units, words.state(case),
        *(measure.count(item) for measure in MEASURES.values()),
    ]  # fmt: skip
