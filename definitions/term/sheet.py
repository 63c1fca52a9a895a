"""A term as an Excel file: figures, months, rounds, reception days. Every text cell is a text, never a formula."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .measure import BIN, Measured

WIDE = 28
"""columns of a text column"""


def write(measured: Measured, path: Path) -> None:
    """Write the file. Raises ModuleNotFoundError when XlsxWriter (extra `documents`) is not installed, OSError."""
    import xlsxwriter

    with xlsxwriter.Workbook(str(path)) as book:
        bold = book.add_format({"bold": True, "bottom": 1})
        for name, heads, rows in _sheets(measured):
            sheet = book.add_worksheet(name)
            sheet.freeze_panes(1, 0)
            sheet.set_landscape()
            sheet.fit_to_pages(1, 0)
            sheet.repeat_rows(0)
            for column, head in enumerate(heads):
                sheet.set_column(column, column, WIDE if column == 0 else WIDE // 2)
                sheet.write_string(0, column, head, bold)
            for line, row in enumerate(rows, 1):
                for column, value in enumerate(row):
                    _cell(sheet, line, column, value)


def _cell(sheet: Any, line: int, column: int, value: object) -> None:
    if isinstance(value, int):
        sheet.write_number(line, column, value)
    else:
        sheet.write_string(line, column, str(value))


def _sheets(measured: Measured) -> list[tuple[str, Sequence[str], list[Sequence[object]]]]:
    figures: list[Sequence[object]] = [
        (
            one.figure.zh,
            one.figure.value,
            one.counted,
            "相等" if one.equal else "不等",
            one.figure.source,
            one.query,
        )
        for one in measured.figures
    ]
    months: list[Sequence[object]] = list(
        zip(measured.months, measured.opened, measured.concluded, strict=True)
    )
    answers: list[Sequence[object]] = [
        (f"{place * BIN} 天起", count) for place, count in enumerate(measured.days_to_answer)
    ]
    rounds: list[Sequence[object]] = [
        (f"第{round_}轮", level, count)
        for round_, levels in measured.rounds.items()
        for level, count in levels.items()
    ]
    receptions: list[Sequence[object]] = [
        (month, state, count)
        for month, states in measured.receptions.items()
        for state, count in states.items()
    ]
    moved: list[Sequence[object]] = [(str(nominal), str(working)) for nominal, working in measured.moved]
    return [
        ("数字", ("项目", "印出", "数出", "", "来源", "查询"), figures),
        ("每月", ("月份", "收到", "办结"), months),
        ("答复用时", ("自交办起", "建议件数"), answers),
        ("满意度", ("轮次", "评价", "份数"), rounds),
        ("接待日", ("月份", "状态", "天数"), receptions),
        ("非工作日的15日", ("15日", "顺延至"), moved),
    ]
