"""The columns of a kind, of parties or of cases: what a header may be called, and what a cell of it means.

What a cell means is decided here; whether it may be so decide the same validators as in the real act.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from workflow import Engine, read_plain
from workflow.errors import Text, suggest
from workflow.naming import unfit

from .cells import Cell, shown
from .faults import Faults
from .sheets import Sheet

__all__ = [
    "MANY",
    "Column",
    "Table",
    "case_columns",
    "columns_of",
    "is_party",
    "party_columns",
    "table_of",
    "today",
]

LIST = re.compile(r"[、,，;；\n]")
YES_OR_NO = {"是": True, "否": False, "yes": True, "no": False, "true": True, "false": False}
DOCUMENTS = ("document", "documents")
MANY = ("codes", "persons", "units", "bond", "documents")
EXCEL_EPOCH = date(1899, 12, 30)
SERIALS = range(10_000, 100_000)
"""serial numbers that are taken for dates, where a date is meant: 1927 to 2173"""
_NO_YEAR = re.compile(r"(\d{1,2})\s*月\s*(\d{1,2})\s*日?")
_DAY = re.compile(r"(\d{4})\s*[-./年]\s*(\d{1,2})\s*[-./月]\s*(\d{1,2})\s*日?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column. `type`: that of a field, or `bond`."""

    name: str
    title: Text
    type: str = "text"
    required: bool = False
    personal: bool = False
    choices: Mapping[str, Text] = field(default_factory=dict)
    to: tuple[str, ...] = ()
    """kinds of parties that stand in it"""
    also: tuple[str, ...] = ()
    """what else offices call it"""
    help: Text | None = None
    """what to write, where its type does not say it"""

    def called(self) -> Iterator[str]:
        """What its header may be."""
        yield from (self.name, self.title.zh, self.title.en, *self.also)


ID = Column(
    name="id", title=Text("编号", "id"), required=True,
    help=Text("由您自定，不重复就行，如 unit01", "yours to choose, each once: unit01"),
)  # fmt: skip
ACCOUNT = Text(
    "由您自定，不重复就行；就是本人登录的账号",
    "yours to choose, each once; it is the account he signs in with",
)
TENANT = Column(
    name="tenant", title=Text("所属人大", "tenant"),
    help=Text("名称或代号；不填的，为导入时所选的人大", "its name or code; empty: the one chosen when it is taken in"),
)  # fmt: skip
_PARTY = (
    ID,
    Column(name="name", title=Text("名称", "name"), required=True),
    TENANT,
    Column(name="parent", title=Text("上级", "parent"), type="parent"),
)
_PERSON = (
    replace(ID, help=ACCOUNT),
    Column(name="name", title=Text("姓名", "name"), required=True, also=("名称",)),
    TENANT,
    replace(_PARTY[-1], also=("所在单位",)),
)
_DAYS = (
    Column(name="valid_from", title=Text("起始日期", "valid from"), type="date"),
    Column(name="valid_until", title=Text("截止日期", "valid until"), type="date"),
)
REFERENCE = Column(name="ref", title=Text("序号", "reference"))


def party_columns(engine: Engine, kind: str) -> list[Column]:
    """The columns of a kind of party. Raises NotFound."""
    declared = engine.library.party(kind)
    statuses = {s.name: s.title for s in declared.statuses.values()}
    required = {f.name for f in declared.form if f.required}
    attributes = [
        Column(
            name=f.name, title=f.title, type=f.type, required=f.name in required, personal=f.name in declared.personal,
            choices=_choices(engine, f.codes),
        )
        for f in declared.attributes.values()
    ]  # fmt: skip
    kinds = engine.library.parties
    bonds = [
        Column(
            name=b.name,
            title=b.title,
            type="bond",
            to=b.to,
            help=_names_of([kinds[one].title for one in b.to]),
        )
        for b in declared.bonds.values()
    ]
    status = Column(name="status", title=Text("状态", "status"), type="code", choices=statuses)
    own = _PERSON if declared.governed else _PARTY
    return [*own, status, *_DAYS, *attributes, *bonds]


def _names_of(kinds: Sequence[Text]) -> Text:
    zh, en = "、".join(one.zh for one in kinds), " or ".join(one.en for one in kinds)
    return Text(f"{zh}的名称或编号", f"name of the {en}, or its id")


def case_columns(engine: Engine, kind: str, then: str | None = None) -> list[Column]:
    """The columns of a kind of case to be opened: the form of its start, and of the event fired right after. Raises NotFound."""
    law = engine.laws.latest(kind)
    asked = {f.name: f.required for f in law.definition.start.form}
    for more in law.event(then).form if then else ():
        asked[more.name] = asked.get(more.name, False) or more.required
    fields, also = law.definition.fields, headings(kind)
    return [
        replace(REFERENCE, also=also.get("ref", ())),
        TENANT,
        *(
            Column(
                name=name, title=fields[name].title, type=fields[name].type, required=required,
                choices=_choices(engine, fields[name].codes), also=also.get(name, ()),
            )
            for name, required in asked.items()
        ),
    ]  # fmt: skip


@cache
def headings(kind: str) -> Mapping[str, tuple[str, ...]]:
    """What offices call the columns of a kind of case, beside their titles: headings.yaml."""
    found = read_plain(Path(__file__).parent / "headings.yaml").get(kind) or {}
    return {name: tuple(called) for name, called in found.items()}


def is_party(engine: Engine, kind: str) -> bool:
    """Whether it is a kind of parties; else it should be one of cases."""
    return kind in engine.library.parties


def columns_of(engine: Engine, kind: str, then: str | None = None) -> list[Column]:
    """The columns a table of a kind may have when it comes in: a document does not fit into a cell. Raises NotFound."""
    if is_party(engine, kind):
        return party_columns(engine, kind)
    return [column for column in case_columns(engine, kind, then) if column.type not in DOCUMENTS]


def _choices(engine: Engine, codes: str | None) -> Mapping[str, Text]:
    if codes is None:
        return {}
    return {code.id: code.title for code in engine.laws.codes_on(today(engine))[codes].values.values()}


def today(engine: Engine) -> date:
    """China's civil day; it has had no summer time since 1991."""
    return (engine.clock.now() + timedelta(hours=8)).date()


@dataclass(slots=True)
class Table:
    """A sheet with its columns found: which stands where, and what its cells mean."""

    sheet: Sheet
    faults: Faults
    places: dict[str, int]
    columns: Mapping[str, Column]
    today: date
    read: list[tuple[int, str, str, str]] = field(default_factory=list)
    """what was written in part, and as what it was taken: row, column, text, meaning"""

    def header(self, name: str | None) -> str:
        """How the file calls a column."""
        return self.sheet.header[self.places[name]] if name in self.places else name or "-"

    def values(self, row: int, cells: Sequence[Cell]) -> dict[str, Any]:
        """column -> value of the columns that are there; an empty cell is None. What is wrong is noted."""
        return {
            name: self._value(row, self.columns[name], cells[place]) for name, place in self.places.items()
        }

    def fault(self, row: int, name: str | None, value: object, reason: Text) -> None:
        """Note a fault at a cell."""
        self.faults.add(row, self.header(name), value, reason.zh, reason.en)

    def cell(self, cells: Sequence[Cell], name: str | None) -> Cell:
        """What stands there, to be shown with a fault."""
        return cells[self.places[name]] if name in self.places else None

    def _value(self, row: int, column: Column, cell: Cell) -> Any:
        if cell is None or cell == "":
            if column.required:
                self.fault(row, column.name, "", Text("必填", "is required"))
            return None
        try:
            return self._dated(row, column, cell) or _meant(column, cell)
        except ValueError as error:
            zh, en = error.args
            self.fault(row, column.name, shown(cell), Text(zh, en))
            return None

    def _dated(self, row: int, column: Column, cell: Cell) -> str | None:
        """`3月2日` is the latest such day that is not to come; it is told as what it was taken."""
        found = _NO_YEAR.fullmatch(str(cell).strip()) if column.type == "date" else None
        if found is None:
            return None
        month, day = map(int, found.groups())
        for year in range(self.today.year, self.today.year - LEAP, -1):
            try:
                meant = date(year, month, day)
            except ValueError:
                continue
            if meant <= self.today:
                self.read.append((row, self.header(column.name), str(cell), meant.isoformat()))
                return meant.isoformat()
        return None


LEAP = 9
"""years back within which there is a 29 February"""


def table_of(sheet: Sheet, columns: Sequence[Column], day: date) -> Table:
    """The sheet with its header matched by id, title or what offices call it, in any order. Raises FaultyInput."""
    faults = Faults(sheet.file)
    known = {_folded(called): column for column in columns for called in column.called()}
    places: dict[str, int] = {}
    for place, name in enumerate(sheet.header):
        column = known.get(_folded(name))
        if column is None:
            zh, en = suggest(_folded(name), known)
            faults.add(1, name or "-", name, f"没有这一列{zh}", f"unknown column{en}")
        elif column.name in places:
            faults.add(1, name, name, "此列重复", "this column stands there twice")
        else:
            places[column.name] = place
    for column in columns:
        if column.required and column.name not in places:
            faults.add(1, column.title.zh, "", "缺少此列", f"this column is missing ({column.name})")
    apart = [column.name for column in columns if column.personal]
    if 0 < len([name for name in apart if name in places]) < len(apart):
        titles = "、".join(column.title.zh for column in columns if column.personal)
        faults.add(
            1,
            "-",
            "",
            f"个人信息各列须同时给出：{titles}",
            f"give all personal columns or none: {', '.join(apart)}",
        )
    faults.check()
    return Table(sheet, faults, places, {column.name: column for column in columns}, day)


def _folded(name: str) -> str:
    return " ".join(name.split()).casefold()


# --- cells


def _meant(column: Column, cell: Cell) -> Any:
    """The value of a cell. Raises ValueError with the reason in both languages."""
    if column.type == "date":
        return _day(cell)
    if column.type == "boolean":
        return _yes(cell)
    if column.type == "integer":
        return _integer(cell)
    text = _text(cell)
    if column.type in MANY:
        parts = [part.strip() for part in LIST.split(text) if part.strip()]
        return [_code(column, part) for part in parts] if column.choices else parts
    return _code(column, text) if column.choices else text


def _text(cell: Cell) -> str:
    if isinstance(cell, bool) or (isinstance(cell, float) and abs(cell) >= 2**53):
        raise ValueError("不是文字；请把该列设为文本格式", "is no text: format the column as text")
    text = shown(cell)
    if (wrong := unfit(text)) is not None:
        raise ValueError(wrong.zh, wrong.en)
    return text


def _code(column: Column, text: str) -> str:
    for code, title in column.choices.items():
        if text in (code, title.zh, title.en):
            return code
    known = "、".join(title.zh for title in column.choices.values())
    raise ValueError(f"不在可选之列：{known}", f"is none of: {', '.join(column.choices)}")


def _day(cell: Cell) -> str:
    try:
        if isinstance(cell, date):
            return cell.isoformat()
        if isinstance(cell, (int, float)) and not isinstance(cell, bool) and cell in SERIALS:
            return (EXCEL_EPOCH + timedelta(days=int(cell))).isoformat()
        found = _DAY.fullmatch(str(cell))
        if found:
            return date(*map(int, found.groups())).isoformat()
    except ValueError:
        pass
    raise ValueError(
        "没有这个日期（应为 2026-03-02、2026.3.2 或 2026年3月2日）",
        "no such date (give 2026-03-02 or 2026.3.2)",
    )


def _yes(cell: Cell) -> bool:
    found = cell if isinstance(cell, bool) else YES_OR_NO.get(str(cell).casefold())
    if found is None:
        raise ValueError("应为 是 或 否", "must be 是 (yes) or 否 (no)")
    return found


def _integer(cell: Cell) -> int:
    if isinstance(cell, int) and not isinstance(cell, bool):
        return cell
    if isinstance(cell, str) and re.fullmatch(r"-?[0-9]{1,15}", cell):
        return int(cell)
    raise ValueError("应为整数", "must be a whole number")
