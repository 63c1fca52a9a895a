"""The lines of one case, recomputed one after the other, and the case as it stands held against them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any

from . import memo
from .assembly import assemble
from .contradiction import Findings
from .duty import Duties, due_day
from .family import Family, Record
from .history import ERASE, GENESIS, HASHED, MIGRATE, MIGRATION, RESERVED, canonical, commitment, line_hash
from .json_text import decode
from .model import SYSTEM
from .store import rows
from .walk import Portion


@dataclass
class Published:
    """What is asked of a line is asked by the definition it names."""

    names: dict[str, str] = field(default_factory=dict)
    """published definition -> its name, the kind of its cases"""
    automatic: dict[str, dict[str, bool]] = field(default_factory=dict)
    """published definition -> event -> whether it is automatic"""
    ends: dict[str, set[str]] = field(default_factory=dict)
    """published definition -> the states that end a case"""
    watched: dict[str, set[str]] = field(default_factory=dict)
    """published definition -> the events that another must not do"""
    duties: dict[str, Duties] = field(default_factory=dict)
    """published definition -> whose duties its clocks are"""
    per_unit: dict[str, set[str]] = field(default_factory=dict)
    """published definition -> the events that are counted for each unit"""
    kept: dict[str, dict[str, str]] = field(default_factory=dict)
    """published definition -> field -> the rule by which it may be erased when the case has ended"""

    def add(self, digest: str, name: str, content: Mapping[str, Any]) -> None:
        """One more, as it is stored."""
        self.names[digest] = name
        events = {"start": content.get("start") or {}, **(content.get("events") or {})}
        self.automatic[digest] = {e: entry.get("automatic") is not None for e, entry in events.items()}
        self.ends[digest] = {s for s, entry in (content.get("states") or {}).items() if entry.get("end")}
        with suppress(ValueError, TypeError, KeyError, IndexError, AttributeError):
            self.duties[digest] = Duties(assemble(content, lambda _: None))
        self.watched[digest] = {other for entry in events.values() for other in entry.get("not_by") or ()}
        rounds = {e: entry.get("round") for e, entry in events.items()}
        fields = (content.get("fields") or {}).items()
        self.kept[digest] = {name: entry["kept"] for name, entry in fields if "kept" in entry}
        self.per_unit[digest] = {e for e, r in rounds.items() if isinstance(r, dict) and r.get("per")}


class CaseLines:
    """The lines of one case, and what must follow from them."""

    def __init__(
        self,
        found: Findings,
        law: Published,
        portion: Portion,
        case: str,
        erasures: Sequence[Any],
        barred: set[str],
    ) -> None:
        self.erased = 0
        """values that are gone and noted as erased"""
        self._found = found
        self._law = law
        self._portion = portion
        self._case = case
        self._erased = _erased_until(erasures)
        """field -> the last line from which it was erased, as noted"""
        self._told: dict[str, int] = {}
        """the same as the lines tell"""
        self._barred = barred
        self._last: dict[str, Any] = {"seq": 0, "head": GENESIS, "state": "", "definition": ""}
        """what the case has to be after the lines so far"""
        self._opened: str | None = None
        self._data: dict[str, Any] = {}
        """the last value of each field, and of each @thing"""
        self._gone: set[str] = set()
        """@things of which a value was erased"""
        self._rounds: Counter[str] = Counter()
        self._last_by: dict[str, str] = {}
        self._by_unit: Counter[tuple[str, str | None]] = Counter()
        self._persons: dict[str, str] = {}
        """the same of every event: another version may be the first to ask"""

    def _fault(self, seq: int, code: str, **what: object) -> None:
        self._found.fault(self._case, seq, code, **what)

    def check(self, lines: Iterable[Any]) -> None:
        """Line by line: the sequence, the chain, the states, the values, who and by which definition."""
        width = len(HASHED)
        for line in lines:
            named, digest, body = dict(zip(HASHED, line, strict=False)), line[width], line[width + 1]
            if line_hash(line[:width]) != digest:
                self._fault(named["seq"], "hash")
            self._follows(named)
            self._values(named["seq"], named["commitments"], body)
            self._who(named, body)
            self._count(named)
            if named["event"] == ERASE:
                self._tell()
            if named["definition"] != self._last["definition"] or named["event"] == MIGRATE:
                self._move(named)
            if named["seq"] == 1:
                self._opened = named["effective_on"]
            self._last = {
                "seq": named["seq"], "head": digest, "state": named["to_state"], "definition": named["definition"],
            }  # fmt: skip

        for name, until in self._erased.items():
            if until > self._told.get(name, 0):
                self._fault(self._last["seq"], "unchained", name=name)

    def _tell(self) -> None:
        """A line that says what was erased."""
        said = self._data.get("@erased")
        for name, until in said.items() if isinstance(said, dict) else ():
            if isinstance(until, int):
                self._told[name] = max(until, self._told.get(name, 0))

    def _move(self, named: Mapping[str, Any]) -> None:
        """Another version: the line says from which to which, and the new one may ask other things of the past."""
        was, now = self._last["definition"], named["definition"]
        if was == "":
            return
        said = self._data.pop(MIGRATION, None)
        told = (said.get("from"), said.get("to")) if isinstance(said, dict) else ()
        if named["event"] != MIGRATE or was == now or told != (was, now):
            self._fault(named["seq"], "moved")
        per_unit, watched = self._law.per_unit.get(now, ()), self._law.watched.get(now, ())
        self._rounds.update(
            {
                memo.per(e, unit): n
                for (e, unit), n in self._by_unit.items()
                if unit is not None and e in per_unit
            }
        )
        self._last_by.update({event: who for event, who in self._persons.items() if event in watched})

    def _follows(self, named: Mapping[str, Any]) -> None:
        seq, wanted = named["seq"], self._last["seq"] + 1
        if seq != wanted:
            self._fault(wanted, "gap", missing=wanted if seq == wanted + 1 else f"{wanted}–{seq - 1}")
        if named["prev"] != self._last["head"]:
            self._fault(seq, "prev")
        if named["from_state"] != self._last["state"]:
            self._fault(seq, "from_state", state=self._last["state"])

    # -- values

    def _values(self, seq: int, commitments: str, body: str | None) -> None:
        committed, disclosed = parsed(commitments), parsed(body or "{}")
        if committed is None or disclosed is None:
            self._fault(seq, "unreadable")
            return
        for name, promised in committed.items():
            if name not in disclosed:
                self._missing(seq, name)
            elif _kept(promised, disclosed[name]):
                self._data[name] = disclosed[name][1]
            else:
                self._fault(seq, "commitment", name=name)
        for name in disclosed.keys() - committed.keys():
            self._fault(seq, "uncommitted", name=name)

    def _missing(self, seq: int, name: str) -> None:
        self._data.pop(name, None)
        if seq <= self._erased.get(name, 0):
            self.erased += 1
            self._gone.add(name)
        else:
            self._fault(seq, "undisclosed", name=name)

    # -- who

    def _who(self, named: Mapping[str, Any], body: str | None) -> None:
        seq, event = named["seq"], named["event"]
        events = self._law.automatic.get(named["definition"])
        if events is None:
            self._fault(seq, "definition")
        elif event not in events:
            self._fault(seq, "event", name=event)
        elif not events[event]:
            by_itself = named["actor"] == SYSTEM or named["automatic"] in ("notice", "lapse")
            if by_itself and not self._by_rule(named, body):
                self._fault(seq, "decision", name=event)
            self._separation(seq, named)

    def _by_rule(self, named: Mapping[str, Any], body: str | None) -> bool:
        """Whether the line tells of values that its definition lets a rule erase, and of nothing else."""
        if (named["event"], named["actor"], named["automatic"]) != (ERASE, SYSTEM, "lapse"):
            return False
        said, kept = _said(body), self._law.kept.get(named["definition"], {})
        gone, rule = said.get("@erased"), said.get("@rule")
        return isinstance(gone, dict) and bool(gone) and all(kept.get(name) == rule for name in gone)

    def _separation(self, seq: int, named: Mapping[str, Any]) -> None:
        """A unit may open what it is barred from afterwards, and what it did before it was barred stands."""
        for unit in {named["unit"], named["actor"], named["on_behalf_of"]} & self._barred:
            if seq > 1 and named["recorded_at"] > self._portion.related_since(self._case, unit):
                self._fault(seq, "separation", name=unit)

    def _count(self, named: Mapping[str, Any]) -> None:
        """What the case remembers of its events (memo.py)."""
        event, law = named["event"], named["definition"]
        if event in ("start", *RESERVED):
            return
        self._rounds[event] += 1
        self._by_unit[event, named["unit"]] += 1
        self._persons[event] = memo.both(named["actor"], named["on_behalf_of"])
        if named["unit"] is not None and event in self._law.per_unit.get(law, ()):
            self._rounds[memo.per(event, named["unit"])] += 1
        if event in self._law.watched.get(law, ()):
            self._last_by[event] = self._persons[event]

    # -- the case as it stands

    def agree(self, row: Sequence[Any], relations: Sequence[Any], clocks: Sequence[Any]) -> None:
        """The row of `cases` is what its lines say, and the indexes are what it says."""
        try:
            record = rows.record(row)
            due = self._due(record)
            for clock in record.clocks.values():
                _ = clock.ledger.entries
        except (ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
            self._fault(self._last["seq"], "case_unreadable", name=type(error).__name__)
            return
        self._agree_lines(record)
        self._agree_indexes(record, due, relations, clocks)

    def _agree_lines(self, record: Record) -> None:
        seq, law = self._last["seq"], self._law
        said = {
            **self._last, "closed": record.state in law.ends.get(record.definition, ()), "opened_on": self._opened,
            "kind": law.names.get(record.definition, record.kind),
            # A root's counts the reminders of its family besides, of which no line tells.
            "revision": seq if record.id != record.root else max(seq, record.revision),
        }  # fmt: skip
        for name, value in said.items():
            if getattr(record, name) != value:
                self._fault(seq, "case_line", name=name)
        for name in _differing(self._data, _standing(record), self._gone):
            self._fault(seq, "case_data", name=name)
        for name, counted in (("rounds", self._rounds), ("last_by", self._last_by)):
            if getattr(record, name) != counted:
                self._fault(seq, "case_memo", name=name)

    def _agree_indexes(
        self, record: Record, due: str | None, relations: Sequence[Any], clocks: Sequence[Any]
    ) -> None:
        indexed = {(r.relation, r.party) for r in relations}
        wrong = {
            "relation": indexed != {(n, p) for n, ps in record.relations.items() for p in ps},
            # It would be missing among what is open.
            "relation.past": not record.closed and any(r.past for r in relations),
            "clock": {_indexed(clock) for clock in clocks} != _clock_rows(record),
            "cases.due_on": due != record.due_on,
        }
        for name in (name for name, is_wrong in wrong.items() if is_wrong):
            self._fault(self._last["seq"], "index", name=name)

    def _due(self, record: Record) -> str | None:
        """By which day lists order it; as it stands, where its definition cannot be read."""
        known = self._law.duties
        if record.definition not in known:
            return record.due_on
        waits = record.state in known[record.definition].awaits
        children = self._portion.children(record.id) if waits else []
        family = Family({one.id: one for one in (record, *children) if one.definition in known}, record.root)
        return due_day(lambda one: known[one.definition], family, record)


def _standing(record: Record) -> dict[str, Any]:
    """The case as lines disclose it."""
    now = dict(record.data)
    for name, parties in record.relations.items():
        now[f"@{name}"] = list(parties)
    for name, clock in record.clocks.items():
        now[f"@clock.{name}"] = clock.told()
    now["@number"], now["@number_key"] = record.number, record.number_key
    now["@case"] = [record.root, record.tenant, record.slot, record.party]
    return now


def _differing(said: Mapping[str, Any], now: Mapping[str, Any], gone: set[str]) -> list[str]:
    """What stands otherwise than it was said, or was never said. Of what was erased nobody can tell; nothing need not be said,
    and what was taken away is not there.
    """
    both = said.keys() & now.keys()
    unsaid = {n for n in now.keys() - both if not n.startswith("@") or (now[n] and n not in gone)}
    unheld = {name for name in said.keys() - both if not name.startswith("@") and said[name] is not None}
    return sorted(
        unsaid | unheld | {n for n in both if said[n] != now[n] and canonical(said[n]) != canonical(now[n])}
    )


_indexed = attrgetter(*rows.CLOCK[1:])


def _clock_rows(record: Record) -> set[tuple[Any, ...]]:
    return {
        (
            name, clock.ledger.rule, clock.ledger.anchor.isoformat(), clock.due_on, clock.outer_on, clock.provisional,
            clock.running, clock.next_rung, clock.next_at,
        )
        for name, clock in record.clocks.items()
    }  # fmt: skip


def _kept(promised: object, pair: Any) -> bool:
    """Whether a disclosed [salt, value] is what was committed to."""
    try:
        salt, value = pair
        return commitment(salt, value) == promised
    except (ValueError, TypeError):
        return False


def _said(body: str | None) -> dict[str, Any]:
    """What a line says, as far as it can be read; whether that is what was committed to is asked elsewhere."""
    try:
        return {name: pair[1] for name, pair in decode(body or "{}").items()}
    except (ValueError, TypeError, AttributeError, IndexError, KeyError):
        return {}


def _erased_until(erasures: Sequence[Any]) -> dict[str, int]:
    until: dict[str, int] = {}
    for row in erasures:
        for name, seq in (parsed(row.fields) or {}).items():
            if isinstance(seq, int):
                until[name] = max(until.get(name, 0), seq)
    return until


def parsed(text: Any) -> dict[str, Any] | None:
    """The object of a JSON text, or None when it is none."""
    try:
        value = decode(text)
    except (ValueError, TypeError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
