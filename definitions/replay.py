"""The main job: real, published records run through the real lifecycle, then counted from the store.

One transaction for everything: either all of it is there, or nothing. What the store holds already is left alone, so a
second run changes nothing. A record's case is found by the hash of its row: key and id come from it.

Authoritative is the printed page. What it does not print stays unknown; a step that must have happened all the same is
fired with the reason `inferred` and without a date. Imports write no message and arm no timer that lies in the past.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TextIO

from tqdm import tqdm

from workflow import Actor, Case, Engine, NotFound, load_definitions

from . import report, report_json
from .columns import today
from .dice import Repeatable
from .records import FaultyInput, PartialDate, Printed, Record, Timeline, read
from .report import Outcome, Report
from .stories import INFERRED, PRINTED, RECORDS, TIMELINES
from .timelines import (
    BETWEEN_SESSIONS,
    CHILD_WAY,
    ROOT_WAY,
    TAKEN_UP,
    Told,
    data_of,
    told,
    way,
)

HERE = Path(__file__).parent
SUGGESTION = "suggestion"
NATION = "CN"
"""the rules by which published records of any place are judged: what binds everywhere, not the periods of one city"""
IMPORTER = Actor(person="import")
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
ID_LENGTH = 20


class Progress(Protocol):
    """Something that walks through a list and shows how far it is."""

    def __call__(self, rows: Sequence[Any], /) -> Iterable[Any]:
        """The same rows."""
        ...


def run(
    database_url: str,
    records: Path | None,
    cases: Path | None,
    language: str,
    out: TextIO,
    *,
    as_json: bool = False,
) -> int:
    """Replay these files, without any the project's own copies, and print the report. 1: the files are at fault.

    With own files the salts of the history come from the system, because such files may hold personal data; the
    project's copies hold published facts only, and their replay repeats to the byte under one clock.
    """
    own = records is None and cases is None
    if own:
        records, cases = HERE / "data" / "suggestions.csv", HERE / "data" / "cases.jsonl"
    source = Repeatable("published facts") if own else None
    engine = Engine(database_url, load_definitions(HERE), place=NATION, random=source)
    try:
        rows, stories = read(records, cases, until=today(engine))
        engine.create_schema()
        found = replay(engine, rows, stories, _bar)
    except FaultyInput as faulty:
        faults = faulty.faults
        out.write(report_json.faults(faults) if as_json else report.render_faults(faults, language))
        return 1
    finally:
        engine.database.dispose()
    out.write(report_json.counted(found) if as_json else report.render(found, language, database_url))
    return 0


def replay(
    engine: Engine, records: Sequence[Record], cases: Sequence[Timeline], progress: Progress | None = None
) -> Report:
    """Import what is not there yet, all or nothing, and count what the store then holds."""
    show = progress or _silently
    stories = [timeline for timeline in cases if not timeline.is_cppcc]
    with engine.database.begin() as connection:
        importer = _Importer(engine, connection)
        new_records = sum(importer.record(record) for record in show(records))
        new_stories = sum(importer.timeline(timeline) for timeline in show(stories))
    outcome = Outcome(
        records=len(records), new_records=new_records, timelines=len(stories), new_timelines=new_stories,
        cppcc=tuple(timeline for timeline in cases if timeline.is_cppcc),
    )  # fmt: skip
    return report.count(engine, outcome)


def case_id(key: str) -> str:
    """The id of the case of that key: 20 characters made of its hash."""
    number = int(key, 16)
    return "".join(_ALPHABET[number >> 5 * place & 31] for place in range(ID_LENGTH))


class _Bar(tqdm):  # type: ignore[type-arg]
    """A bar on a terminal, nothing elsewhere, and no thread that watches it."""

    monitor_interval = 0


def _bar(rows: Sequence[Any], /) -> Iterable[Any]:
    bar: Iterable[Any] = _Bar(rows, disable=None, leave=False, unit="")
    return bar


def _silently(rows: Sequence[Any], /) -> Iterable[Any]:
    return rows


@dataclass(frozen=True, slots=True)
class _Importer:
    """Fires recorded facts into one transaction."""

    engine: Engine
    connection: Any

    def record(self, record: Record) -> bool:
        """One row as a case, as far as the row goes. False: it is there already."""
        case = self._open(record.key, RECORDS, {"title": record.title}, None, PRINTED)
        if case is None:
            return False
        case = self._fire(case, "record_source", _printed(record), None, PRINTED)
        line = BETWEEN_SESSIONS if "闭" in (record.number or "") else ROOT_WAY
        goal = _goal(record)
        for event in line:
            if goal is None:
                break
            case = self._step(case, event, record)
            if event.startswith("accept") if goal == "accept" else event == goal:
                break
        return True

    def _step(self, case: Case, event: str, record: Record) -> Case:
        data: dict[str, Any] = {}
        when: PartialDate | None = None
        printed = False
        if event.startswith("accept"):
            data, printed = (
                {"congress": record.congress, "session": record.session},
                record.number is not None,
            )
        elif event == "assign":
            lead = record.lead_units[0] if len(record.lead_units) == 1 else None
            data, when = {"lead_unit": lead, "co_units": list(record.co_units) or None}, record.assigned_on
        elif event == "submit_for_signoff":
            self._co_opinions(case)
        elif event == "issue_reply":
            when = record.replied_on
        number = record.number if event.startswith("accept") else None
        return self._fire(case, event, data, when, PRINTED if printed or when else INFERRED, number)

    def _co_opinions(self, case: Case) -> None:
        """A reply is issued only when every co-handling unit has given its opinion; no page prints when it did."""
        for child in self.engine.children(case.id, session=self.connection):
            if child.slot == "co_opinions":
                self._fire(self._fire(child, "submit", {}, None, INFERRED), "accept", {}, None, INFERRED)

    def timeline(self, timeline: Timeline) -> bool:
        """One story, event by event. False: it is there already."""
        events = told(timeline)
        first = next((one for one in events if one.event == "start"), None)
        root = self._open(timeline.key, TIMELINES, {}, first.printed if first else None)
        if root is None:
            return False
        source = {
            "source_url": timeline.source_url, "source_title": timeline.title, "printed_category": timeline.kind,
            "source_note": timeline.note,
        }  # fmt: skip
        self._fire(root, "record_source", source, None, PRINTED)
        for one in events:
            if one is not first:
                self._tell(root.id, one, timeline)
        return True

    def _tell(self, root: str, one: Told, timeline: Timeline) -> None:
        case = self._case(root)
        line = BETWEEN_SESSIONS if "闭会" in timeline.kind else ROOT_WAY
        if one.event is None:
            self._note(case, one)
        elif one.is_root:
            self._reach(case, one, timeline, line)
        else:
            self._reach(self._conversion(case, line), one, timeline, CHILD_WAY)

    def _reach(self, case: Case, one: Told, timeline: Timeline, line: Sequence[str]) -> None:
        """Fire the event, the inferred steps before it; if there is no way, keep it as a note of the suggestion."""
        event = one.event or ""
        steps = way(self.engine, case.kind, case.state, event, line)
        if steps is None:
            self._note(self._case(case.root), one)
            return
        for step in steps:
            case = self._fire(case, step, {}, None, INFERRED)
        # The date printed with a promise is the day promised.
        when = None if event == "add_commitment" else one.printed.date
        self._fire(case, event, data_of(one, timeline), when, str(one.printed))

    def _conversion(self, root: Case, line: Sequence[str]) -> Case:
        """The conversion of a suggestion; where no page prints how it began, the procuratorate took it up: inferred."""
        found = self._open_conversions(root)
        if not found:
            for step in (*(way(self.engine, SUGGESTION, root.state, TAKEN_UP, line) or ()), TAKEN_UP):
                root = self._fire(root, step, {}, None, INFERRED)
            found = self._open_conversions(root)
        return found[-1]

    def _open_conversions(self, root: Case) -> list[Case]:
        return [c for c in self.engine.children(root.id, session=self.connection) if c.slot == "conversions"]

    def _note(self, case: Case, one: Told) -> None:
        self._fire(case, "record_source", {"source_note": str(one.printed)}, one.printed.date, PRINTED)

    def _open(
        self, key: str, tenant: str, data: dict[str, Any], printed: Printed | None, reason: str = INFERRED
    ) -> Case | None:
        """A new suggestion; None when the store has it. `printed`: how its filing is told; else `reason`."""
        case = case_id(key)
        try:
            self._case(case)
        except NotFound:
            known = {name: value for name, value in data.items() if value is not None}
            return self.engine.start(
                SUGGESTION, IMPORTER, known, tenant=tenant, key=key, id=case, imported=True, session=self.connection,
                effective_on=printed.date if printed else None, reason=str(printed) if printed else reason,
            )  # fmt: skip
        return None

    def _case(self, case: str) -> Case:
        return self.engine.case(case, session=self.connection)

    def _fire(
        self,
        case: Case,
        event: str,
        data: dict[str, Any],
        when: PartialDate | None,
        reason: str,
        number: str | None = None,
    ) -> Case:
        known = {name: value for name, value in data.items() if value is not None}
        return self.engine.fire(
            case.id, event, IMPORTER, known, effective_on=when, reason=reason, imported=True, number=number,
            session=self.connection,
        )  # fmt: skip


def _printed(record: Record) -> dict[str, Any]:
    """What a row prints, word by word; the letter of a class stays a letter, because no page gives its legend."""
    joint = "；".join(record.lead_units) if len(record.lead_units) > 1 else None
    return {
        "source_url": record.source_url, "source_note": record.notes, "printed_congress": record.congress,
        "printed_session": record.session, "printed_number": record.number, "printed_category": record.category,
        "printed_units": joint, "printed_class": record.result_class, "printed_satisfaction": record.satisfaction,
        "key_supervised": record.key_supervised, "procuratorate_link": record.procuratorate_link,
    }  # fmt: skip


def _goal(record: Record) -> str | None:
    """How far the row shows that the suggestion came: a class or a satisfaction is that of a reply."""
    if record.replied_on or record.result_class or record.satisfaction:
        return "issue_reply"
    if record.assigned_on or record.lead_units or record.co_units:
        return "assign"
    return "accept" if record.number else None
