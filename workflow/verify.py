"""Is what the database says still what was recorded? Every line, every value, every index, against the chains and anchors.

Authoritative are the lines of `history`. Everything else must follow from them: `cases` from its last line and from what
its lines disclose, `relation` and `clock` from `cases`, a missing value from a note in `erasure`. What a chain cannot see
(a cut tail, a missing case, a chain written anew) is seen against anchors (anchor.py).

The way through the store is walk.py's: portions, so that memory does not grow with the history (it does with the anchors:
one leaf a case, to compute their root) and nobody is held up.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from itertools import groupby
from operator import attrgetter, itemgetter
from typing import Any

from . import memo
from .anchor import Anchor, AnchorCheck, HmacSigner, Signer, read_anchor
from .assembly import assemble
from .duty import Duties, due_day
from .errors import Text
from .family import Family, Record
from .history import ERASE, GENESIS, HASHED, MIGRATE, MIGRATION, RESERVED, canonical, commitment, line_hash
from .json_text import decode
from .model import SYSTEM
from .store import rows
from .store.sql import Store
from .walk import Portion, portions, snapshot

__all__ = ["Fault", "Report", "summary_faults", "verify"]

LIMIT = 1000
"""faults listed; the rest is counted"""

WORDS = {
    "gap": ("缺第 {missing} 行", "line {missing} is missing"),
    "hash": ("本行内容与其哈希不符", "the line does not hash to its hash"),
    "prev": ("与上一行的哈希不相接", "the line does not follow from the line before"),
    "from_state": ("起始状态应为“{state}”", "it should start from the state {state!r} of the line before"),
    "unreadable": ("承诺或公开值无法读取", "its commitments or disclosures cannot be read"),
    "commitment": ("字段 {name} 的值与承诺不符", "the value of {name} is not the one committed to"),
    "uncommitted": ("公开了没有承诺的字段 {name}", "{name} is disclosed but was never committed to"),
    "undisclosed": (
        "字段 {name} 的值不见了，却没有删除记录",
        "the value of {name} is gone, and no erasure is noted",
    ),
    "unchained": (
        "字段 {name} 的删除记录不在历史之中",
        "the note that {name} was erased has no line in the history",
    ),
    "definition": ("所依据的定义没有发布", "its definition is not published"),
    "moved": (
        "定义的版本变了，而本行不是相应的迁移",
        "the version of the definition changes, and the line is no such move",
    ),
    "event": ("定义中没有事件 {name}", "its definition has no event {name!r}"),
    "decision": ("系统作了决定 {name}", "the system decided {name!r}"),
    "separation": ("须回避的 {name} 参与了本案", "{name} is barred from this case and acted in it"),
    "case_unreadable": ("案件的数据无法读取（{name}）", "the data of the case cannot be read ({name})"),
    "case_line": ("案件的 {name} 不是末行的", "{name} of the case is not that of its last line"),
    "case_memo": ("案件的 {name} 与各行的次数或人员不符", "{name} of the case is not what its lines count"),
    "case_data": ("案件的 {name} 不是最后记载的", "{name} of the case is not what was last recorded"),
    "index": ("{name} 表与案件不符", "{name} does not follow from the case"),
    "summary": ("汇总与案件不符：{what}", "the summary does not follow from the cases: {what}"),
    "no_case": ("{name} 表中的行没有案件", "rows of {name} without their case"),
    "no_history": ("案件没有历史", "a case without any history"),
    "no_line": ("有公开值而没有历史行", "a disclosure without its line"),
    "definition_content": ("定义 {name} 的内容已被改动", "the content of {name} was changed"),
    "definition_policy": (
        "定义 {name} 的自动事件表与内容不符",
        "the event policy of {name} is not its content's",
    ),
    "anchor_unreadable": ("第 {number} 号锚点无法读取", "anchor {number} cannot be read"),
    "anchor_chain": ("第 {number} 号锚点不接上一锚点", "anchor {number} does not follow from the one before"),
    "anchor_root": (
        "第 {number} 号锚点的默克尔根与各叶不符",
        "the Merkle root of anchor {number} is not its leaves'",
    ),
    "anchor_leaves": ("第 {number} 号锚点的各叶已被改动", "the leaves of anchor {number} were changed"),
    "anchor_signature": ("第 {number} 号锚点不是用此密钥签的", "anchor {number} is not signed with this key"),
    "anchor_missing": (
        "数据库中没有第 {number} 号锚点（被删除，或恢复了过旧的备份）",
        "anchor {number} is not in the database (removed, or too old a backup was restored)",
    ),
    "anchor_changed": ("第 {number} 号锚点与库外的不同", "anchor {number} differs from the one kept outside"),
    "anchor_case": ("第 {number} 号锚点中的案件不见了", "the case is in anchor {number} and is gone"),
    "anchor_tail": ("第 {number} 号锚点中的这一行被截去了", "the line is in anchor {number} and was cut off"),
    "anchor_hash": ("第 {number} 号锚点之后整链被重写", "the chain was written anew after anchor {number}"),
}
"""code -> what is wrong"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One contradiction: where, a stable code, and a sentence."""

    case: str | None
    seq: int | None
    code: str
    text: Text

    def __str__(self) -> str:
        where = ":".join(str(part) for part in (self.case, self.seq) if part is not None)
        return f"{where or '-'}: [{self.code}] {self.text}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What was looked at and what was wrong, in the order of the cases; `more` faults are not listed."""

    rows: int
    cases: int
    erased: int
    """values that are gone and noted as erased"""
    anchors: int
    faults: tuple[Fault, ...] = ()
    more: int = 0

    @property
    def sound(self) -> bool:
        """Whether nothing contradicts anything."""
        return not self.faults


def verify(
    store: Store,
    anchors: Iterable[Anchor | str] = (),
    *,
    key: bytes | Signer | None = None,
    progress: Callable[[int], object] | None = None,
) -> Report:
    """Check the whole history, the tables derived from it, the anchors in the database and those kept outside.

    `anchors`: anchors or their texts. `key`: checks signatures. `progress` is told how many more lines are done.
    Raises StoreError when something that is given is no anchor, or the key no key.
    """
    outside = [read_anchor(a) if isinstance(a, str) else a for a in anchors]
    signer = HmacSigner(key) if isinstance(key, bytes) else key
    walk = _Walk(store, progress or (lambda _: None))
    walk.definitions()
    walk.cases()
    seen = AnchorCheck(store, signer, walk.fault).check(outside)
    return Report(
        rows=walk.rows, cases=walk.count, erased=walk.erased, anchors=seen, faults=tuple(walk.faults), more=walk.more
    )  # fmt: skip


def summary_faults(found: Iterable[str]) -> list[Fault]:
    """What `Summary.contradictions` found, as faults: no case is wrong, and `tibandu verify --count-anew` mends it."""
    zh, en = WORDS["summary"]
    return [
        Fault(case=None, seq=None, code="summary", text=Text(zh.format(what=one), en.format(what=one))) for one in found
    ]  # fmt: skip


@dataclass
class _Walk:
    """One verification under way."""

    store: Store
    progress: Callable[[int], object]
    rows: int = 0
    count: int = 0
    erased: int = 0
    more: int = 0
    faults: list[Fault] = field(default_factory=list)
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

    def fault(self, case: str | None, seq: int | None, code: str, /, **what: object) -> None:
        """Note one."""
        zh, en = WORDS[code]
        if len(self.faults) < LIMIT:
            text = Text(zh.format(**what), en.format(**what))
            self.faults.append(Fault(case=case, seq=seq, code=code, text=text))
        else:
            self.more += 1

    # -- definitions

    def definitions(self) -> None:
        """Their content hashes to their hash, and the database's own guard knows which events are automatic."""
        t = self.store.tables
        with snapshot(self.store) as connection:
            published = connection.execute(t.definition.select().order_by(t.definition.c.hash)).all()
            policies = connection.execute(t.event_policy.select()).all()
        for row in published:
            policy = {p.event: bool(p.automatic) for p in policies if p.definition == row.hash}
            self._definition(row, policy)

    def _definition(self, row: Any, policy: Mapping[str, bool]) -> None:
        name = f"{row.name} {row.version}"
        if hashlib.sha256(row.content.encode()).hexdigest() != row.hash:
            self.fault(None, None, "definition_content", name=name)
        content = _parsed(row.content) or {}
        events = {"start": content.get("start") or {}, **(content.get("events") or {})}
        self.automatic[row.hash] = {e: entry.get("automatic") is not None for e, entry in events.items()}
        self.ends[row.hash] = {s for s, entry in (content.get("states") or {}).items() if entry.get("end")}
        with suppress(ValueError, TypeError, KeyError, IndexError, AttributeError):
            self.duties[row.hash] = Duties(assemble(content, lambda _: None))
        self.watched[row.hash] = {other for entry in events.values() for other in entry.get("not_by") or ()}
        rounds = {e: entry.get("round") for e, entry in events.items()}
        self.per_unit[row.hash] = {e for e, r in rounds.items() if isinstance(r, dict) and r.get("per")}
        if self.automatic[row.hash] != policy:
            self.fault(None, None, "definition_policy", name=name)
        # Persons' acts that every case knows without its definition: due days after a holiday notice, an erasure.
        self.automatic[row.hash].update(dict.fromkeys(RESERVED, False))

    # -- cases

    def cases(self) -> None:
        """All of them, by their ids."""
        with closing(portions(self.store)) as found:
            for portion in found:
                self._portion(portion)

    def _portion(self, portion: Portion) -> None:
        """Every case of the portion, and whatever lies between their ids without a case."""
        self.count += len(portion.cases)
        relations, clocks = portion.by_case("relation"), portion.by_case("clock")
        erasures, barred = portion.by_case("erasure"), portion.by_case("barred")
        silent = set(portion.cases)
        with closing(portion.lines()) as found:
            for case, lines in groupby(self._counted(found), key=itemgetter(0)):
                units = {row.unit for row in barred.get(case, [])}
                chain = _Chain(self, portion, case, _erased_until(erasures.get(case, [])), units)
                chain.check(lines)
                silent.discard(case)
                if case in portion.cases:
                    chain.agree(portion.cases[case], relations.get(case, []), clocks.get(case, []))
                else:
                    self.fault(case, 1, "no_case", name="history")
        for case in sorted(silent):
            self.fault(case, None, "no_history")
        self._orphans(portion, {"relation": relations, "clock": clocks})

    def _counted(self, lines: Iterable[Any]) -> Iterator[Any]:
        for line in lines:
            self.rows += 1
            self.progress(1)
            yield line

    def _orphans(self, portion: Portion, derived: Mapping[str, Mapping[str, Any]]) -> None:
        for table, found in derived.items():
            for case in sorted(found.keys() - portion.cases.keys()):
                self.fault(case, None, "no_case", name=table)
        for case, seq in portion.orphaned_disclosures():
            self.fault(case, seq, "no_line")


class _Chain:
    """The lines of one case."""

    def __init__(
        self, walk: _Walk, portion: Portion, case: str, erased: Mapping[str, int], barred: set[str]
    ) -> None:
        self._walk = walk
        self._portion = portion
        self._case = case
        self._erased = erased
        """field -> the last line from which it was erased, as noted"""
        self._told: dict[str, int] = {}
        """the same as the lines tell"""
        self._barred = barred
        self._last: dict[str, Any] = {"seq": 0, "head": GENESIS, "state": "", "definition": ""}
        """what the case has to be after the lines so far"""
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
        self._walk.fault(self._case, seq, code, **what)

    def check(self, lines: Iterable[Any]) -> None:
        """Line by line: the sequence, the chain, the states, the values, who and by which definition."""
        width = len(HASHED)
        for line in lines:
            named, digest, body = dict(zip(HASHED, line, strict=False)), line[width], line[width + 1]
            if line_hash(line[:width]) != digest:
                self._fault(named["seq"], "hash")
            self._follows(named)
            self._values(named["seq"], named["commitments"], body)
            self._who(named)
            self._count(named)
            if named["event"] == ERASE:
                self._tell()
            if named["definition"] != self._last["definition"] or named["event"] == MIGRATE:
                self._move(named)
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
        per_unit, watched = self._walk.per_unit.get(now, ()), self._walk.watched.get(now, ())
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
        committed, disclosed = _parsed(commitments), _parsed(body or "{}")
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
            self._walk.erased += 1
            self._gone.add(name)
        else:
            self._fault(seq, "undisclosed", name=name)

    # -- who

    def _who(self, named: Mapping[str, Any]) -> None:
        seq, event = named["seq"], named["event"]
        events = self._walk.automatic.get(named["definition"])
        if events is None:
            self._fault(seq, "definition")
        elif event not in events:
            self._fault(seq, "event", name=event)
        elif not events[event]:
            if named["actor"] == SYSTEM or named["automatic"] in ("notice", "lapse"):
                self._fault(seq, "decision", name=event)
            self._separation(seq, named)

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
        if named["unit"] is not None and event in self._walk.per_unit.get(law, ()):
            self._rounds[memo.per(event, named["unit"])] += 1
        if event in self._walk.watched.get(law, ()):
            self._last_by[event] = self._persons[event]

    # -- the case as it stands

    def agree(self, row: Sequence[Any], relations: Sequence[Any], clocks: Sequence[Any]) -> None:
        """The row of `cases` is what its lines say, and the indexes are what it says."""
        seq = self._last["seq"]
        try:
            record = rows.record(row)
            due = self._due(record)
            for clock in record.clocks.values():
                _ = clock.ledger.entries
        except (ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
            self._fault(seq, "case_unreadable", name=type(error).__name__)
            return
        ended = record.state in self._walk.ends.get(record.definition, ())
        for name, value in {**self._last, "closed": ended}.items():
            if getattr(record, name) != value:
                self._fault(seq, "case_line", name=name)
        for name in _differing(self._data, _standing(record), self._gone):
            self._fault(seq, "case_data", name=name)
        for name, counted in (("rounds", self._rounds), ("last_by", self._last_by)):
            if getattr(record, name) != counted:
                self._fault(seq, "case_memo", name=name)
        if {(r.relation, r.party) for r in relations} != {
            (n, p) for n, ps in record.relations.items() for p in ps
        }:
            self._fault(seq, "index", name="relation")
        if not record.closed and any(r.past for r in relations):  # it would be missing among what is open
            self._fault(seq, "index", name="relation.past")
        if {_indexed(clock) for clock in clocks} != _clock_rows(record):
            self._fault(seq, "index", name="clock")
        if due != record.due_on:
            self._fault(seq, "index", name="cases.due_on")

    def _due(self, record: Record) -> str | None:
        """By which day lists order it; as it stands, where its definition cannot be read."""
        known = self._walk.duties
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
    """What stands otherwise than it was said, or was never said. Of what was erased nobody can tell; nothing need not be said."""
    both = said.keys() & now.keys()
    unsaid = {n for n in now.keys() - both if not n.startswith("@") or (now[n] and n not in gone)}
    unheld = {name for name in said.keys() - both if not name.startswith("@")}
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


def _parsed(text: Any) -> dict[str, Any] | None:
    """The object of a JSON text, or None when it is none."""
    try:
        value = decode(text)
    except (ValueError, TypeError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _erased_until(erasures: Sequence[Any]) -> dict[str, int]:
    until: dict[str, int] = {}
    for row in erasures:
        for name, seq in (_parsed(row.fields) or {}).items():
            if isinstance(seq, int):
                until[name] = max(until.get(name, 0), seq)
    return until
