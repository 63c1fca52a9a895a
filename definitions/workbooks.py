"""Excel: read with python-calamine, written with XlsxWriter, both of the extra `documents` and loaded only here.

A workbook is a ZIP of XML and may be hostile. Before calamine sees it, every part is unpacked under a limit and packed again
without compression, so that no declared size is trusted, and each sheet is looked through for what no table of values has:
formulas, merged cells, a document type, a cell a million rows down (calamine would reserve room for all between).
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from math import ceil
from pathlib import Path
from typing import Any
from xml.parsers import expat

from .cells import MAX_COLUMNS, MAX_ROWS, Cell, shown
from .faults import Faults, FaultyInput
from .layout import width

__all__ = ["Grid", "OutColumn", "read_workbook", "write_workbook"]

MAX_UNPACKED = 200_000_000
MAX_PARTS = 1000
INLINE_CHOICES = 255
"""characters of choices Excel takes in a rule itself"""
_REFERENCE = re.compile(r"([A-Z]{1,3})([0-9]{1,7})")
WIDTHS = {"text": 24, "date": 12, "number": 10}


# --- reading


def read_workbook(content: bytes, faults: Faults) -> Iterator[tuple[int, tuple[Cell, ...]]]:
    """(number, cells) of the rows of the first sheet. Raises FaultyInput."""
    from python_calamine import CalamineError, load_workbook

    packed = _repacked(content, faults)
    try:
        workbook = load_workbook(packed)
        sheet = workbook.get_sheet_by_index(0)
        start = sheet.start[0] if sheet.start else 0
        rows = sheet.to_python(skip_empty_area=True)
        left = sheet.start[1] if sheet.start else 0
    except BaseException as error:
        if (
            not isinstance(error, (CalamineError, ValueError, IndexError))
            and type(error).__name__ != "PanicException"
        ):
            raise
        raise faults.stop(
            "不是可读的 Excel 文件", f"not readable as an Excel file ({type(error).__name__})"
        ) from None
    for number, cells in enumerate(rows, start + 1):
        yield number, (*[None] * left, *map(_cell, cells))


def _cell(value: Any) -> Cell:
    if isinstance(value, datetime):
        return value.date() if value.time() == time() else value.isoformat(sep=" ")
    if isinstance(value, str):
        return value.strip() or None
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    return value if isinstance(value, (int, float, bool, date)) else str(value)


def _repacked(content: bytes, faults: Faults) -> io.BytesIO:
    """The same parts, unpacked under a limit and looked through."""
    out = io.BytesIO()
    try:
        with (
            zipfile.ZipFile(io.BytesIO(content)) as given,
            zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as packed,
        ):
            left = MAX_UNPACKED
            if len(given.infolist()) > MAX_PARTS:
                raise faults.stop("部件过多", "too many parts")
            for info in given.infolist():
                part = _unpacked(given, info, left, faults)
                left -= len(part)
                if info.filename.startswith("xl/worksheets/") and info.filename.endswith(".xml"):
                    _Look(faults, part).through()
                packed.writestr(info.filename, part)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, ValueError, EOFError) as error:
        raise faults.stop(
            "不是可读的 .xlsx 文件", f"not readable as .xlsx ({type(error).__name__})"
        ) from None
    faults.check()
    out.seek(0)
    return out


def _unpacked(given: zipfile.ZipFile, info: zipfile.ZipInfo, left: int, faults: Faults) -> bytes:
    """One part; its declared size is not trusted: what is longer ends as a bad checksum."""
    with given.open(info) as part:
        found = part.read(left + 1)
    if len(found) > left:
        raise faults.stop(
            f"解压后超过 {MAX_UNPACKED} 字节", f"larger than {MAX_UNPACKED} bytes when unpacked"
        )
    return found


@dataclass
class _Look:
    """Looks a sheet through without keeping anything of it."""

    faults: Faults
    part: bytes
    at: str = ""
    formulas: list[str] = field(default_factory=list)

    def through(self) -> None:
        """Note what no table of values has. Raises FaultyInput when it may not even be read."""
        parser = expat.ParserCreate()
        parser.StartElementHandler = self._element
        parser.StartDoctypeDeclHandler = self._doctype
        try:
            parser.Parse(self.part, True)
        except expat.ExpatError as error:
            raise self.faults.stop(
                "工作表不是可读的 XML", f"a sheet is not readable as XML ({error})"
            ) from None

    def _doctype(self, *_: object) -> None:
        raise self.faults.stop("工作表含有 DOCTYPE", "a sheet holds a DOCTYPE")

    def _element(self, name: str, attributes: dict[str, str]) -> None:
        name = name.rpartition(":")[2]
        if name == "c":
            self.at = attributes.get("r", "")
            self._near(self.at)
        elif name == "row" and int(attributes.get("r", "0") or 0) > MAX_ROWS:
            raise self._far(attributes["r"])
        elif name == "f":
            column, row = _place(self.at)
            self.faults.add(row, column, None, "含有公式，请粘贴为值", "holds a formula: paste it as a value")
        elif name == "mergeCell":
            column, row = _place(attributes.get("ref", "").partition(":")[0])
            self.faults.add(
                row,
                column,
                attributes.get("ref"),
                "含有合并的单元格，请拆开",
                "holds merged cells: split them",
            )

    def _near(self, reference: str) -> None:
        column, row = _place(reference)
        if row > MAX_ROWS or _column_number(column) > MAX_COLUMNS:
            raise self._far(reference)

    def _far(self, reference: str) -> FaultyInput:
        return self.faults.stop(
            f"超过 {MAX_ROWS} 行或 {MAX_COLUMNS} 列",
            f"more than {MAX_ROWS} rows or {MAX_COLUMNS} columns",
            value=reference,
        )


def _place(reference: str) -> tuple[str, int]:
    found = _REFERENCE.fullmatch(reference)
    return (found[1], int(found[2])) if found else ("-", 0)


def _column_number(letters: str) -> int:
    number = 0
    for letter in letters if letters != "-" else "":
        number = number * 26 + ord(letter) - 64
    return number


# --- writing


@dataclass(frozen=True, slots=True, kw_only=True)
class OutColumn:
    """A column of a workbook we write. `help`: what stands about it on the last sheet."""

    title: str
    kind: str = "text"
    """text, date or number"""
    choices: tuple[str, ...] = ()
    help: str = ""
    width: int = 0
    """characters; 0: as wide as its kind usually is"""
    required: bool = False
    """whether it must be filled in: its head is of another colour"""
    wraps: bool = False
    """whether a long text goes on in the next line, and its row is as high as that"""

    def wide(self) -> int:
        """How wide it is, in characters."""
        return self.width or WIDTHS[self.kind]


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """One sheet of a workbook. `marks`: (row, column, words) of cells to show as wrong, counted from 0 below the header. `blank`:
    rows below the last for which the drop-downs hold too. `total`: a last row, outside the filter; with one it is a report:
    ruled, its rows as high as their text. `notes`: sentences below it. `made_on`: the day that is printed at its head.
    """

    title: str
    columns: Sequence[OutColumn]
    rows: Iterable[Sequence[Cell]]
    marks: Sequence[tuple[int, int, str]] = ()
    blank: int = 0
    total: Sequence[Cell] = ()
    notes: Sequence[str] = ()
    made_on: str = ""


def write_workbook(path: Path, *grids: Grid, words: Sequence[str] = ()) -> None:
    """A workbook: texts as texts whatever they begin with, drop-downs, printed lying with its head on every page, and a last
    sheet that explains the columns, where there is something to say of them. `words`: what else it says there.
    """
    import xlsxwriter

    with path.open("wb") as file:
        book = xlsxwriter.Workbook(
            file, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
        )
        sheets = [book.add_worksheet(grid.title[:MOST_OF_A_NAME]) for grid in grids]
        styles = _styles(book)
        columns = [column for grid in grids for column in grid.columns]
        tells = bool(words) or any(column.help or column.choices for column in columns)
        help_ = book.add_worksheet(HELP) if tells else None
        row = _explain_heads(help_, styles, choices=any(c.choices for c in columns)) if help_ else 0
        for sheet, grid in zip(sheets, grids, strict=True):
            explained = _explain(help_, grid.columns, row, styles["explained"]) if help_ else {}
            row += len(explained)
            last = _fill(sheet, grid, styles)
            _drop_downs(sheet, grid.columns, last + grid.blank, explained)
            _set_up(sheet, grid, last)
        for number, said in enumerate(words, row + 1):
            help_.write_string(number, 0, said)  # type: ignore[union-attr] # there are words
        book.close()


HELP = "说明 help"
MOST_OF_A_NAME = 31
LONGEST = 32_767
"""characters that Excel takes in a cell"""
CUT = "……（过长，余略 / cut）"


def _styles(book: Any) -> dict[str, Any]:
    text, ruled = {"num_format": "@"}, {"valign": "vcenter", "border": 1}
    return {
        name: book.add_format(look)
        for name, look in {
            "head": {
                "bold": True,
                "bg_color": "#DDE6F0",
                "border": 1,
                "text_wrap": True,
                "valign": "vcenter",
                "align": "center",
            },
            "needed": {
                **text,
                **ruled,
                "bold": True,
                "bg_color": "#FFE08A",
                "text_wrap": True,
                "align": "center",
            },
            "plain": {**text, "valign": "top"},
            "wrapped": {**text, "valign": "top", "text_wrap": True},
            "text": {**text, **ruled, "text_wrap": True},
            "figure": {**ruled, "align": "center"},
            "total": {**text, **ruled, "bold": True},
            "sum": {**ruled, "bold": True, "align": "center"},
            "explained": {**text, **ruled, "valign": "top", "text_wrap": True},
            "wrong": {**text, "bg_color": "#FFE08A"},
        }.items()
    }


def _fill(sheet: Any, grid: Grid, styles: Mapping[str, Any]) -> int:
    """Everything below and including the header; the number of the last row before the total."""
    for index, column in enumerate(grid.columns):
        sheet.write_string(0, index, column.title, styles["needed" if column.required else "head"])
        sheet.set_column(index, index, column.wide(), styles["plain"] if column.kind == "text" else None)
    if any(column.width for column in grid.columns):
        sheet.set_row(0, HEAD_HEIGHT)
    last = 0
    look = (
        (styles["text"], styles["figure"], None) if grid.total else (styles["plain"], None, styles["wrapped"])
    )
    high = [index for index, column in enumerate(grid.columns) if grid.total or column.wraps]
    for last, row in enumerate(grid.rows, 1):
        _row(sheet, last, row, grid.columns, *look)
        if high:
            sheet.set_row(last, _height([row[i] for i in high], [grid.columns[i] for i in high]))
    if grid.total:
        _row(sheet, last + 1, grid.total, grid.columns, styles["total"], styles["sum"])
        sheet.set_row(last + 1, LINE)
    for number, note in enumerate(grid.notes, last + 3):
        sheet.write_string(number, 0, note)
    for row_, column_, words in grid.marks:
        sheet.conditional_format(
            row_ + 1, column_, row_ + 1, column_, {"type": "no_errors", "format": styles["wrong"]}
        )
        sheet.write_comment(row_ + 1, column_, words)
    return last


def _height(cells: Sequence[Cell], columns: Sequence[OutColumn]) -> float:
    """How high a row must be for all of its text, in points: not every program finds that out by itself."""
    lines = (
        sum(
            max(ceil(width(line) * OF_A_COLUMN / column.wide()), 1)
            for line in shown(cell)[:LONGEST].split("\n")
        )
        for cell, column in zip(cells, columns, strict=True)
    )
    return min(max(lines, default=1) * LINE, HIGHEST)


def _row(
    sheet: Any, number: int, cells: Sequence[Cell], columns: Sequence[OutColumn], text: Any, figure: Any, wrapped: Any = None
) -> None:  # fmt: skip
    """A row; where it is ruled, so are its empty cells. `wrapped`: for the columns that wrap."""
    for index, (cell, column) in enumerate(zip(cells, columns, strict=True)):
        if (
            column.kind == "number"
            and isinstance(cell, int)
            and not isinstance(cell, bool)
            and abs(cell) < EXACT
        ):
            sheet.write_number(number, index, cell, figure)
        elif cell is not None and cell != "":
            said = shown(cell)
            sheet.write_string(
                number, index, said if len(said) <= LONGEST else said[: LONGEST - len(CUT)] + CUT,
                wrapped if column.wraps and wrapped is not None else text,
            )  # fmt: skip
        elif figure is not None:
            sheet.write_blank(number, index, None, text)


LINE, HIGHEST = 17.0, 405.0
"""points: one line of text, and less than the 409 that Excel takes for a row"""
OF_A_COLUMN = 1.15
"""how much more of a column's width a Chinese character takes than two digits, and the space at its edges"""
HEAD_HEIGHT = 32
"""points: two lines"""
EXACT = 10**15
"""whole numbers below it are the same in Excel"""


def _set_up(sheet: Any, grid: Grid, last: int) -> None:
    sheet.freeze_panes(1, 0)
    sheet.autofilter(0, 0, max(last, 1), max(len(grid.columns) - 1, 0))
    made = f"&R制表日期：{grid.made_on}" if grid.made_on else ""
    sheet.set_header(f"&C&B&14 {grid.title.replace('&', '&&')}{made}")
    _printed(sheet)


def _printed(sheet: Any) -> None:
    """A4, lying, as wide as one page, the head on every page, each with its number."""
    sheet.set_landscape()
    sheet.set_paper(9)
    sheet.set_margins(left=0.4, right=0.4)
    sheet.fit_to_pages(1, 0)
    sheet.repeat_rows(0)
    sheet.set_footer("&C&P/&N")


def _explain_heads(sheet: Any, styles: Mapping[str, Any], *, choices: bool) -> int:
    _printed(sheet)
    for index, (name, wide) in enumerate(EXPLAINED[: 3 if choices else 2]):
        sheet.set_column(index, index, wide)
        sheet.write_string(0, index, name, styles["head"])
    return 1


EXPLAINED = (("列 column", 24), ("说明 about it", 80), ("可选 choices", 16))
"""heads of the last sheet and their widths"""


def _explain(sheet: Any, columns: Sequence[OutColumn], first: int, style: Any) -> dict[int, int]:
    """From that row on, a line for each column that says something; place of the column -> row."""
    told = [index for index, column in enumerate(columns) if column.help or column.choices]
    for row, index in enumerate(told, first):
        sheet.write_string(row, 0, columns[index].title, style)
        sheet.write_string(row, 1, columns[index].help, style)
        for place, choice in enumerate(columns[index].choices, 2):
            sheet.write_string(row, place, choice)
    return {index: row for row, index in enumerate(told, first)}


def _drop_downs(sheet: Any, columns: Sequence[OutColumn], last: int, rows: Mapping[int, int]) -> None:
    from xlsxwriter.utility import xl_range_abs

    for index, column in enumerate(columns):
        if not column.choices or last < 1:
            continue
        source: Any = list(column.choices)
        if len(",".join(column.choices)) > INLINE_CHOICES or any("," in choice for choice in column.choices):
            row = rows[index]
            source = f"='{HELP}'!{xl_range_abs(row, 2, row, 1 + len(column.choices))}"
        sheet.data_validation(
            1, index, last, index, {"validate": "list", "source": source, "error_type": "warning"}
        )
