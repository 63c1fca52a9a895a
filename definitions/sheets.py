"""A table somebody gives us or gets from us: CSV, or Excel by way of workbooks.py.

Nothing is guessed. What is not plainly a table of values (another encoding, a formula, merged cells, a bomb) ends as faults
with row and column. A cell that we write is never a formula to whoever opens it: in CSV what begins with = + - @ or a control
character gets a `'` in front, which is taken off again when we read it.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from workflow.errors import Text

from .cells import MAX_COLUMNS, MAX_ROWS, Cell, shown
from .faults import MAX_BYTES, Faults

__all__ = ["WRONG", "Sheet", "read_sheet", "write_csv"]

_GUARDED = re.compile(r"'[=+\-@\t\r']")
_DANGEROUS = re.compile(r"[=+\-@\t\r']")


@dataclass(frozen=True, slots=True)
class Sheet:
    """A header and the rows below it, each with its number in the file."""

    file: str
    header: tuple[str, ...]
    rows: tuple[tuple[int, tuple[Cell, ...]], ...]


WRONG = Text("错误", "what is wrong")
"""the last column of a table that was given back with its faults marked; mended, it comes in again as it is"""


def read_sheet(path: Path, encoding: str = "utf-8") -> Sheet:
    """The first sheet of the file. Raises FaultyInput."""
    faults = Faults(path.name)
    try:
        size = path.stat().st_size
        content = path.read_bytes() if size <= MAX_BYTES else b""
    except OSError as error:
        raise faults.stop("文件无法读取", f"the file cannot be read ({error.strerror})", value=path) from None
    if size > MAX_BYTES:
        raise faults.stop(f"文件超过 {MAX_BYTES} 字节", f"the file is larger than {MAX_BYTES} bytes")
    if path.suffix.lower() == ".xlsx":
        from .workbooks import read_workbook

        rows: Iterable[tuple[int, tuple[Cell, ...]]] = read_workbook(content, faults)
    elif path.suffix.lower() == ".csv":
        rows = _csv_rows(content, encoding, faults)
    else:
        raise faults.stop("须为 .xlsx 或 .csv 文件", "must be a .xlsx or .csv file", value=path.suffix)
    return _sheet(path.name, rows, faults)


def _sheet(file: str, rows: Iterable[tuple[int, tuple[Cell, ...]]], faults: Faults) -> Sheet:
    found = [(number, cells) for number, cells in rows if any(cell not in (None, "") for cell in cells)]
    faults.check()
    if not found:
        raise faults.stop("文件是空的", "the file is empty")
    if len(found) > MAX_ROWS or max(len(cells) for _, cells in found) > MAX_COLUMNS:
        raise faults.stop(
            f"超过 {MAX_ROWS} 行或 {MAX_COLUMNS} 列", f"more than {MAX_ROWS} rows or {MAX_COLUMNS} columns"
        )
    header = tuple("" if cell is None else str(cell).strip() for cell in found[0][1])
    while header and not header[-1]:
        header = header[:-1]
    if len(header) > 1 and header[-1] in (WRONG.zh, WRONG.en):
        header = header[:-1]
        found = [(number, cells[: len(header)]) for number, cells in found]
        found = [one for one in found if any(cell not in (None, "") for cell in one[1])]
    for number, cells in found[1:]:
        if any(cell not in (None, "") for cell in cells[len(header) :]):
            faults.add(number, "-", cells[-1], "值在表头之外", "a value stands beyond the header")
    faults.check()
    width = len(header)
    return Sheet(
        file, header, tuple((number, (*cells, *[None] * width)[:width]) for number, cells in found[1:])
    )


def _csv_rows(content: bytes, encoding: str, faults: Faults) -> Iterator[tuple[int, tuple[Cell, ...]]]:
    reader = csv.reader(io.StringIO(_decoded(content, encoding, faults), newline=""), strict=True)
    number = 0
    try:
        for number, cells in enumerate(reader, 1):
            if number == 1 and len(cells) == 1 and re.search(r"[;\t；，]", cells[0]):
                raise faults.stop(
                    "列须以半角逗号分隔", "columns must be separated by commas", row=1, value=cells[0]
                )
            yield number, tuple(_unguarded(cell.strip()) for cell in cells)
    except csv.Error as error:
        raise faults.stop("不是可读的 CSV", f"not readable as CSV ({error})", row=number + 1) from None


def _decoded(content: bytes, encoding: str, faults: Faults) -> str:
    try:
        return content.decode("utf-8-sig" if encoding == "utf-8" else "gb18030")
    except UnicodeDecodeError as error:
        zh, en = f"不是 {encoding}（第 {error.start} 字节）", f"not {encoding} (byte {error.start})"
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        zh, en = "是 UTF-16；请另存为“CSV UTF-8”", "this is UTF-16: save it as CSV UTF-8"
    elif encoding == "utf-8" and _is_gbk(content):
        zh, en = (
            f"{zh}，像是 GBK；编码请选 GBK（命令行加 --encoding gbk）",
            f"{en}, it looks like GBK: choose GBK (--encoding gbk)",
        )
    raise faults.stop(zh, en)


def _is_gbk(content: bytes) -> bool:
    try:
        content.decode("gb18030")
    except UnicodeDecodeError:
        return False
    return True


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[Cell]]) -> None:
    """A CSV that Excel reads as UTF-8 and in which nothing is a formula."""
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        for row in rows:
            writer.writerow([_guarded(shown(cell)) for cell in row])


def _guarded(text: str) -> str:
    return f"'{text}" if _DANGEROUS.match(text) else text


def _unguarded(text: str) -> str:
    return text[1:] if _GUARDED.match(text) else text
