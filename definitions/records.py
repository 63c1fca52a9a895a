"""Published records, read and checked: a CSV of suggestions and a JSON-lines file of timelines.

Every fault of every file is reported at once, as row, column, value and reason; nothing is repaired or guessed. What is
empty in the file is None here and stays unknown. The key of a record is the hash of its cells, so the same row is the
same case on every machine, and neither the order of rows nor that of columns matters.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, NoReturn

from workflow.errors import Text, suggest
from workflow.model import PartialDate
from workflow.naming import unfit

from .faults import MAX_BYTES, MAX_FAULTS, FaultyInput, InputFault, short

__all__ = [
    "COLUMNS", "LIMITS", "MAX_FAULTS", "FaultyInput", "InputFault", "PartialDate", "Printed", "Record", "Timeline",
    "hash_of", "read", "short",
]  # fmt: skip

LIMITS = {
    "source_url": 2000, "congress": 80, "session": 80, "number": 80, "title": 500, "category": 80, "lead_unit": 1000,
    "co_units": 1000, "assigned_on": 10, "replied_on": 10, "result_class": 20, "satisfaction": 20, "key_supervised": 10,
    "procuratorate_link": 10, "notes": 5000,
}  # fmt: skip
"""the columns, each with its longest text"""
COLUMNS = tuple(LIMITS)
UNIT_LIMIT = 80
DATES = ("assigned_on", "replied_on")
YES_OR_NO = {"是": True, "否": False}
TIMELINE = {"source_url": 2000, "title": 500, "kind": 80, "events": 0, "note": 5000}
EVENT = {"date": 10, "event": 200, "actor": 200, "detail": 1500}
"""together they fit into the reason of an event"""

_SEPARATOR = re.compile("[;；]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One suggestion as a page shows it."""

    key: str
    row: int
    source_url: str | None
    congress: str | None
    session: str | None
    number: str | None
    title: str | None
    category: str | None
    lead_units: tuple[str, ...]
    """several when the page names several and says of none that it leads"""
    co_units: tuple[str, ...]
    assigned_on: PartialDate | None
    replied_on: PartialDate | None
    result_class: str | None
    satisfaction: str | None
    key_supervised: bool | None
    procuratorate_link: bool | None
    notes: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Printed:
    """One event of a timeline as a page tells it."""

    date: PartialDate | None
    event: str
    actor: str
    detail: str

    def __str__(self) -> str:
        actor = f"（{self.actor}）" if self.actor else ""
        detail = f"：{self.detail}" if self.detail else ""
        return f"{self.event}{actor}{detail}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """A story of one matter, told in dated events."""

    key: str
    row: int
    source_url: str | None
    title: str
    kind: str
    events: tuple[Printed, ...]
    note: str | None

    @property
    def is_cppcc(self) -> bool:
        """Whether it is a 政协提案: another body, another clock, not the deputies' lifecycle."""
        return "政协" in self.kind


def read(
    records: Path | None, cases: Path | None, until: date = date.max
) -> tuple[list[Record], list[Timeline]]:
    """Both files, or FaultyInput with every fault of both; no page can tell of a day after `until`."""
    faults: list[InputFault] = []
    found = _Rows(records, faults, until).read() if records else []
    told = _Lines(cases, faults, until).read() if cases else []
    if faults:
        raise FaultyInput(faults)
    return found, told


class _Full(Exception):
    """Enough faults: nobody reads on."""


class _Reader:
    """What both readers share: the file's text, and how a fault is noted."""

    def __init__(self, path: Path, faults: list[InputFault], until: date) -> None:
        self.path = path
        self.faults = faults
        self.until = until
        self.limit = len(faults) + MAX_FAULTS
        self.seen: dict[str, int] = {}

    def fault(self, row: int, column: str, value: str, zh: str, en: str) -> None:
        """Note a fault; the reading goes on."""
        self.faults.append(
            InputFault(file=self.path.name, row=row, column=column, value=short(value), reason=Text(zh, en))
        )
        if len(self.faults) >= self.limit:
            raise _Full

    def text(self) -> str | None:
        """The whole file, or None with its fault noted."""
        try:
            if self.path.stat().st_size > MAX_BYTES:
                self.fault(
                    0, "-", "", f"文件超过 {MAX_BYTES} 字节", f"the file is larger than {MAX_BYTES} bytes"
                )
                return None
            return self.path.read_bytes().decode("utf-8-sig")
        except OSError as error:
            self.fault(0, "-", str(self.path), "文件无法读取", f"the file cannot be read ({error.strerror})")
        except UnicodeDecodeError as error:
            self.fault(0, "-", "", f"不是 UTF-8（第 {error.start} 字节）", f"not UTF-8 (byte {error.start})")
        return None

    def cell(self, row: int, column: str, value: str, limit: int) -> None:
        """Note what is wrong with a text."""
        if (wrong := unfit(value)) is not None:
            self.fault(row, column, value, wrong.zh, wrong.en)
        if len(value) > limit:
            self.fault(row, column, value, f"超过 {limit} 字", f"longer than {limit} characters")

    def day(self, row: int, column: str, value: str) -> PartialDate | None:
        """A date of the precision given; None when empty, or wrong and noted."""
        try:
            day = PartialDate.parse(value) if value else None
        except ValueError:
            self.fault(
                row, column, value, "没有这个日期（应为 2024、2024-03 或 2024-03-29）",
                "no such date (give 2024, 2024-03 or 2024-03-29)",
            )  # fmt: skip
            return None
        if day is not None and day.earliest() > self.until:
            self.fault(
                row, column, value, f"晚于今天（{self.until}）", f"after today ({self.until})",
            )  # fmt: skip
        return day

    def once(self, row: int, key: str) -> None:
        """Note a row that stood there before."""
        first = self.seen.setdefault(key, row)
        if first != row:
            self.fault(row, "-", "", f"与第 {first} 行完全相同", f"the same as row {first}")


class _Rows(_Reader):
    """The CSV."""

    def read(self) -> list[Record]:
        text = self.text()
        try:
            return list(self._records(text)) if text is not None else []
        except _Full:
            return []

    def _records(self, text: str) -> Iterator[Record]:
        rows = self._rows(text)
        header = next(rows, (1, []))[1]
        self._header(header)
        if not LIMITS.keys() & set(header):
            return  # another file: its cells mean nothing to us
        for row, cells in rows:
            if len(cells) != len(header):
                self.fault(
                    row, "-", "", f"有 {len(cells)} 列，应为 {len(header)} 列",
                    f"has {len(cells)} columns, not {len(header)}",
                )  # fmt: skip
                continue
            values = dict.fromkeys(COLUMNS, "") | {
                name: unicodedata.normalize("NFC", cell.strip())
                for name, cell in zip(header, cells, strict=True)
            }
            if any(values.values()):
                yield self._record(row, values)
            else:
                self.fault(row, "-", "", "空行", "an empty row")

    def _rows(self, text: str) -> Iterator[tuple[int, list[str]]]:
        """(row, cells); what cannot be read as CSV ends the reading."""
        reader = csv.reader(io.StringIO(text, newline=""), strict=True)
        row = 0
        try:
            for row, cells in enumerate(reader, 1):
                yield row, cells
        except csv.Error as error:
            self.fault(
                row + 1,
                "-",
                "",
                "不是可读的 CSV，其后未再检查",
                f"not readable as CSV ({error}); the rest was not checked",
            )

    def _header(self, header: Sequence[str]) -> None:
        """What is wrong with the columns; the rows are read all the same, as far as their columns are known."""
        for name in COLUMNS:
            if name not in header:
                self.fault(1, name, "", "缺少此列", "this column is missing")
        for name in sorted({name for name in header if header.count(name) > 1}):
            self.fault(1, name, name, "此列重复", "this column stands there twice")
        for name in header:
            if name not in LIMITS:
                self._unknown(name)

    def _unknown(self, name: str) -> None:
        zh, en = suggest(name, COLUMNS)
        self.fault(1, name, name, f"没有这一列{zh}", f"unknown column{en}")

    def _record(self, row: int, values: Mapping[str, str]) -> Record:
        for name, limit in LIMITS.items():
            self.cell(row, name, values[name], limit)
        url = values["source_url"]
        if url and not url.startswith(("http://", "https://")):
            self.fault(
                row, "source_url", url, "应以 http:// 或 https:// 开头", "must begin with http:// or https://"
            )
        key = hash_of([values[name] for name in COLUMNS])
        self.once(row, key if values.keys() == LIMITS.keys() else hash_of(sorted(values.items())))
        plain = {name: values[name] or None for name in COLUMNS}
        return Record(
            key=key, row=row, source_url=plain["source_url"], congress=plain["congress"], session=plain["session"],
            number=plain["number"], title=plain["title"], category=plain["category"],
            lead_units=self._units(row, "lead_unit", values), co_units=self._units(row, "co_units", values),
            assigned_on=self.day(row, "assigned_on", values["assigned_on"]),
            replied_on=self.day(row, "replied_on", values["replied_on"]),
            result_class=plain["result_class"], satisfaction=plain["satisfaction"],
            key_supervised=self._yes(row, "key_supervised", values),
            procuratorate_link=self._yes(row, "procuratorate_link", values), notes=plain["notes"],
        )  # fmt: skip

    def _units(self, row: int, column: str, values: Mapping[str, str]) -> tuple[str, ...]:
        units = tuple(dict.fromkeys(u.strip() for u in _SEPARATOR.split(values[column]) if u.strip()))
        for unit in units:
            if len(unit) > UNIT_LIMIT:
                self.fault(
                    row,
                    column,
                    unit,
                    f"一个单位名超过 {UNIT_LIMIT} 字",
                    f"a unit's name is longer than {UNIT_LIMIT} characters",
                )
        return units

    def _yes(self, row: int, column: str, values: Mapping[str, str]) -> bool | None:
        value = values[column]
        if value and value not in YES_OR_NO:
            self.fault(row, column, value, "应为 是、否 或留空", "must be 是 (yes), 否 (no) or empty")
        return YES_OR_NO.get(value)


class _Lines(_Reader):
    """The JSON lines."""

    def read(self) -> list[Timeline]:
        text = self.text()
        lines = enumerate(text.split("\n"), 1) if text is not None else ()
        try:
            read = [self._timeline(row, line) for row, line in lines if line.strip()]
        except _Full:
            return []
        return [timeline for timeline in read if timeline is not None]

    def _timeline(self, row: int, line: str) -> Timeline | None:
        data = self._json(row, line)
        if not isinstance(data, dict):
            return None
        self._keys(row, "", data, TIMELINE)
        texts = {
            name: self._text(row, name, data.get(name, ""), limit)
            for name, limit in TIMELINE.items()
            if limit
        }
        events = data.get("events", [])
        if "events" in data and (not isinstance(events, list) or not events):
            self.fault(row, "events", str(events), "应为非空列表", "must be a list that is not empty")
            events = []
        if "title" in data and not texts["title"]:
            self.fault(row, "title", "", "必填", "is required")
        read = [self._event(row, f"events[{index}]", event) for index, event in enumerate(events, 1)]
        key = hash_of(data)
        self.once(row, key)
        return Timeline(
            key=key, row=row, source_url=texts["source_url"] or None, title=texts["title"], kind=texts["kind"],
            events=tuple(event for event in read if event is not None), note=texts["note"] or None,
        )  # fmt: skip

    def _json(self, row: int, line: str) -> Any:
        try:
            data = json.loads(line, object_pairs_hook=_unique, parse_constant=_no_constant)
        except (ValueError, RecursionError) as error:
            self.fault(row, "-", line, "不是可读的 JSON", f"not readable as JSON ({short(str(error))})")
            return None
        if not isinstance(data, dict):
            self.fault(row, "-", line, "应为一个对象", "must be an object")
        return data

    def _keys(self, row: int, where: str, data: Mapping[str, Any], known: Mapping[str, int]) -> None:
        for name in known:
            if name not in data:
                self.fault(row, where + name, "", "缺少此项", "this key is missing")
        for name in data:
            if name not in known:
                zh, en = suggest(name, known)
                self.fault(row, where + short(name), name, f"没有这一项{zh}", f"unknown key{en}")

    def _event(self, row: int, where: str, event: Any) -> Printed | None:
        if not isinstance(event, dict):
            self.fault(row, where, str(event), "应为一个对象", "must be an object")
            return None
        self._keys(row, f"{where}.", event, EVENT)
        texts = {
            name: self._text(row, f"{where}.{name}", event.get(name, ""), limit)
            for name, limit in EVENT.items()
        }
        if "event" in event and not texts["event"]:
            self.fault(row, f"{where}.event", "", "必填", "is required")
        day = self.day(row, f"{where}.date", texts.pop("date"))
        return Printed(date=day, **texts)

    def _text(self, row: int, column: str, value: Any, limit: int) -> str:
        if not isinstance(value, str):
            self.fault(row, column, str(value), "应为文字", "must be text")
            return ""
        self.cell(row, column, value, limit)
        return unicodedata.normalize("NFC", value.strip())


def hash_of(value: Any) -> str:
    """SHA-256 of a plain value, hex."""
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    if len(set(names)) != len(names):
        raise ValueError("a key stands there twice")
    return dict(pairs)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")
