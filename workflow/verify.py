"""Is what the database says still what was recorded? Every line, every value, every index, against the chains and anchors.

Authoritative are the lines of `history`. Everything else must follow from them: `cases` from its last line and from what
its lines disclose, `relation` and `clock` from `cases`, a missing value from a note in `erasure`. What a chain cannot see
(a cut tail, a missing case, a chain written anew) is seen against anchors (anchor.py).

The way through the store is walk.py's: portions, so that memory does not grow with the history (it does with the anchors:
one leaf a case, to compute their root) and nobody is held up.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from typing import Any

from .anchor import Anchor, HmacSigner, Leaf, Signer, leaves_hash, merkle_root, read_anchor, stored_anchors
from .errors import StoreError, Text
from .family import Record
from .history import GENESIS, HASHED, canonical, commitment, line_hash
from .model import SYSTEM
from .store import rows
from .store.sql import Store
from .walk import Portion, portions, snapshot

__all__ = ["Fault", "Report", "verify"]

BATCH = 1000
LIMIT = 1000
"""faults listed; the rest is counted"""


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
    store: Store, anchors: Iterable[Anchor | str] = (), *, key: bytes | Signer | None = None,
    progress: Callable[[int], object] | None = None,
) -> Report:  # fmt: skip
    """Check the whole history, the tables derived from it, the anchors in the database and those kept outside.

    `anchors`: anchors or their texts. `key`: checks signatures. `progress` is told how many more lines are done.
    Raises StoreError when something that is given is no anchor, or the key no key.
    """
    outside = [read_anchor(a) if isinstance(a, str) else a for a in anchors]
    signer = HmacSigner(key) if isinstance(key, bytes) else key
    walk = _Walk(store, progress or (lambda _: None))
    walk.definitions()
    walk.cases()
    seen = _Anchors(walk, signer).check(outside)
    return Report(
        rows=walk.rows, cases=walk.count, erased=walk.erased, anchors=seen, faults=tuple(walk.faults), more=walk.more
    )


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

    def fault(self, case: str | None, seq: int | None, code: str, zh: str, en: str) -> None:
        """Note one."""
        if len(self.faults) < LIMIT:
            self.faults.append(Fault(case=case, seq=seq, code=code, text=Text(zh, en)))
        else:
            self.more += 1

    # -- definitions

    def definitions(self) -> None:
        """Their content hashes to their hash, and the database's own guard knows which events are automatic."""
        t = self.store.tables
        with snapshot(self.store) as connection:
            published = connection.execute(t.definition.select().order_by(t.definition.c.hash)).all()
            policies = {(p.definition, p.event): bool(p.automatic) for p in connection.execute(t.event_policy.select())}
        for row in published:
            self._definition(row, policies)

    def _definition(self, row: Any, policies: Mapping[tuple[str, str], bool]) -> None:
        name = f"{row.name} {row.version}"
        if hashlib.sha256(row.content.encode()).hexdigest() != row.hash:
            self.fault(None, None, "definition_content", f"定义 {name} 的内容已被改动", f"the content of {name} was changed")
        content = _parsed(row.content, dict) or {}
        events = {"start": content.get("start") or {}, **(content.get("events") or {})}
        automatic = self.automatic[row.hash] = {event: entry.get("automatic") is not None for event, entry in events.items()}
        if automatic != {event: flag for (definition, event), flag in policies.items() if definition == row.hash}:
            zh, en = f"定义 {name} 的自动事件表与其内容不符", f"the event policy of {name} does not follow from its content"
            self.fault(None, None, "definition_policy", zh, en)

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
        for case, lines in groupby(self._counted(portion.lines()), key=itemgetter(0)):
            chain = _Chain(self, portion, case, erasures.get(case, []), {row.unit for row in barred.get(case, [])})
            chain.check(lines)
            silent.discard(case)
            if case in portion.cases:
                chain.agree(portion.cases[case], relations.get(case, []), clocks.get(case, []))
            else:
                chain.fault(1, "no_case", "有历史而没有案件", "a history without its case")
        for case in sorted(silent):
            self.fault(case, None, "no_history", "案件没有历史", "a case without any history")
        self._orphans(portion, {"relation": relations, "clock": clocks})

    def _counted(self, lines: Iterable[Any]) -> Iterator[Any]:
        for line in lines:
            self.rows += 1
            self.progress(1)
            yield line

    def _orphans(self, portion: Portion, derived: Mapping[str, Mapping[str, Any]]) -> None:
        for table, found in derived.items():
            for case in sorted(found.keys() - portion.cases.keys()):
                self.fault(case, None, "no_case", f"{table} 表有一行没有案件", f"a row of table {table} without its case")
        for case, seq in portion.orphaned_disclosures():
            self.fault(case, seq, "no_line", "有公开值而没有历史行", "a disclosure without its line")


class _Chain:
    """The lines of one case."""

    def __init__(
        self, walk: _Walk, portion: Portion, case: str, erasures: Sequence[Any], barred: set[str]
    ) -> None:
        self._walk = walk
        self._portion = portion
        self.case = case
        self._barred = barred
        self._erased = _erased_until(erasures)
        self._seq, self._head, self._state = 0, GENESIS, ""
        self._data: dict[str, Any] = {}
        """the last value of each field, and of each @thing"""
        self._gone: set[str] = set()
        """fields whose last value is erased"""

    def fault(self, seq: int | None, code: str, zh: str, en: str) -> None:
        """Note one of this case."""
        self._walk.fault(self.case, seq, code, zh, en)

    def check(self, lines: Iterable[Any]) -> None:
        """Line by line: the sequence, the chain, the states, the values, who and by which definition."""
        for line in lines:
            named = dict(zip(HASHED, line, strict=False))
            self._sequence(named["seq"])
            self._link(named, line[: len(HASHED)], line[len(HASHED)])
            self._values(named["seq"], named["commitments"], line[len(HASHED) + 1])
            self._who(named)
            self._seq, self._head, self._state = named["seq"], line[len(HASHED)], named["to_state"]

    def _sequence(self, seq: int) -> None:
        if seq != self._seq + 1:
            missing = f"{self._seq + 1}" if seq == self._seq + 2 else f"{self._seq + 1}–{seq - 1}"
            self.fault(self._seq + 1, "gap", f"缺第 {missing} 行", f"line {missing} is missing")

    def _link(self, named: Mapping[str, Any], hashed: Sequence[Any], stored: str) -> None:
        seq = named["seq"]
        if line_hash(hashed) != stored:
            self.fault(seq, "hash", "本行内容与其哈希不符", "the line does not hash to its hash")
        if named["prev"] != self._head:
            self.fault(seq, "prev", "与上一行的哈希不相接", "the line does not follow from the line before")
        if named["from_state"] != self._state:
            zh, en = f"起始状态不是上一行的“{self._state}”", f"its from_state is not the {self._state!r} of the line before"
            self.fault(seq, "from_state", zh, en)

    # -- values

    def _values(self, seq: int, commitments: str, body: str | None) -> None:
        committed = _parsed(commitments, dict)
        disclosed = _parsed(body or "{}", dict)
        if committed is None or disclosed is None:
            self.fault(seq, "unreadable", "承诺或公开值无法读取", "its commitments or disclosures cannot be read")
            return
        for name, promised in committed.items():
            if name in disclosed:
                self._disclosed(seq, name, promised, disclosed[name])
            else:
                self._missing(seq, name)
        for name in disclosed.keys() - committed.keys():
            zh, en = f"公开了没有承诺的字段 {name}", f"the field {name} is disclosed but was never committed to"
            self.fault(seq, "uncommitted", zh, en)

    def _disclosed(self, seq: int, name: str, promised: object, pair: Any) -> None:
        try:
            salt, value = pair
            kept = commitment(salt, value) == promised
        except (ValueError, TypeError):
            kept = False
        if kept:
            self._data[name] = value
            self._gone.discard(name)
        else:
            zh, en = f"字段 {name} 的值与承诺不符", f"the value of {name} is not the one committed to"
            self.fault(seq, "commitment", zh, en)

    def _missing(self, seq: int, name: str) -> None:
        self._data.pop(name, None)
        self._gone.add(name)
        if seq <= self._erased.get(name, 0):
            self._walk.erased += 1
            return
        zh, en = f"字段 {name} 的值不见了,却没有删除记录", f"the value of {name} is gone, and no erasure is noted"
        self.fault(seq, "undisclosed", zh, en)

    # -- who

    def _who(self, named: Mapping[str, Any]) -> None:
        seq, event = named["seq"], named["event"]
        events = self._walk.automatic.get(named["definition"])
        if events is None:
            self.fault(seq, "definition", "所依据的定义没有发布", "its definition is not published")
            return
        if event not in events:
            self.fault(seq, "event", f"定义中没有事件 {event}", f"its definition has no event {event!r}")
        if events.get(event):
            return
        if named["actor"] == SYSTEM or named["automatic"] in ("notice", "lapse"):
            self.fault(seq, "decision", f"系统作了决定 {event}", f"the system decided {event!r}")
        self._separation(seq, named)

    def _separation(self, seq: int, named: Mapping[str, Any]) -> None:
        """A unit may open what it is barred from afterwards, and what it did before it was barred stands."""
        for unit in {named["unit"], named["actor"], named["on_behalf_of"]} & self._barred:
            if seq > 1 and named["recorded_at"] > self._portion.related_since(self.case, unit):
                zh, en = f"被回避的 {unit} 参与了本案", f"{unit} is barred from this case and acted in it"
                self.fault(seq, "separation", zh, en)

    # -- the case as it stands

    def agree(self, row: Sequence[Any], relations: Sequence[Any], clocks: Sequence[Any]) -> None:
        """The row of `cases` is what its lines say, and the indexes are what it says."""
        try:
            record = rows.record(row)
            derived = rows.case_row(record)[-1]
        except (ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
            zh, en = "案件的数据无法读取", f"the data of the case cannot be read: {type(error).__name__}"
            self.fault(self._seq, "case_unreadable", zh, en)
            return
        self._last_line(record)
        self._standing(record)
        self._indexed(record, relations, clocks)
        if derived != row[-1]:
            self.fault(self._seq, "index", "cases.due_on 与时钟不符", "cases.due_on is not that of its clocks")

    def _last_line(self, record: Record) -> None:
        last = {"seq": self._seq, "head": self._head, "state": self._state}
        for name, value in last.items():
            if (found := getattr(record, name)) != value:
                zh, en = f"案件的 {name} 是 {found},末行是 {value}", f"{name} of the case is {found}, of its last line {value}"
                self.fault(self._seq, f"case_{name}", zh, en)

    def _standing(self, record: Record) -> None:
        """The data, relations, number and clocks of the case are those last recorded."""
        said = {name: value for name, value in self._data.items() if not name.startswith("@")}
        for name in sorted(said.keys() | record.data.keys()):
            if name not in said or name not in record.data or canonical(said[name]) != canonical(record.data[name]):
                zh, en = f"案件字段 {name} 的值不是最后记载的", f"the case's {name} is not what was last recorded"
                self.fault(self._seq, "case_data", zh, en)
        now: dict[str, Any] = {f"@{name}": list(parties) for name, parties in record.relations.items()}
        now["@number"] = record.number
        for name, clock in record.clocks.items():
            now[f"@clock.{name}"] = {"due": clock.due_on, "running": clock.running, "round": clock.round}
        for name, value in now.items():
            if name in self._data and self._data[name] != value:
                zh, en = f"案件的 {name[1:]} 不是最后记载的", f"the case's {name[1:]} is not what was last recorded"
                self.fault(self._seq, "case_data", zh, en)

    def _indexed(self, record: Record, relations: Sequence[Any], clocks: Sequence[Any]) -> None:
        wanted = {(name, party) for name, parties in record.relations.items() for party in parties}
        if {(row.relation, row.party) for row in relations} != wanted:
            self.fault(self._seq, "index", "relation 表与案件不符", "table relation does not follow from the case")
        expected = {
            (
                name, clock.ledger.rule, clock.ledger.anchor.isoformat(), clock.due_on, clock.outer_on, clock.provisional,
                clock.running, clock.next_rung, clock.next_at,
            )
            for name, clock in record.clocks.items()
        }  # fmt: skip
        if {tuple(getattr(row, name) for name in rows.CLOCK[1:]) for row in clocks} != expected:
            self.fault(self._seq, "index", "clock 表与案件不符", "table clock does not follow from the case")


class _Anchors:
    """The anchors in the database and outside, against one another and against the lines."""

    def __init__(self, walk: _Walk, signer: Signer | None) -> None:
        self._walk = walk
        self._signer = signer
        self._hashes: list[str] = []
        """of those in the database"""
        self._known: dict[str, tuple[int, str]] = {}

    def check(self, outside: Sequence[Anchor]) -> int:
        """How many were looked at."""
        last: Anchor | None = None
        for text in stored_anchors(self._walk.store):
            last = self._stored(text) or last
        if last is not None and merkle_root((case, *self._known[case]) for case in sorted(self._known)) != last.root:
            zh, en = "默克尔根与各叶不符", "its Merkle root is not that of its leaves"
            self._fault(last.number, "anchor_root", zh, en)
        for anchor in outside:
            self._kept(anchor)
        return len(self._hashes) + len(outside)

    def _fault(self, number: int, code: str, zh: str, en: str) -> None:
        self._walk.fault(None, None, code, f"第 {number} 号锚点:{zh}", f"anchor {number}: {en}")

    def _stored(self, text: str) -> Anchor | None:
        number = len(self._hashes) + 1
        try:
            anchor = read_anchor(text)
        except StoreError as error:
            self._hashes.append("")
            self._fault(number, "anchor_unreadable", error.text.zh, error.text.en)
            return None
        if (anchor.number, anchor.previous) != (number, self._hashes[-1] if self._hashes else GENESIS):
            self._fault(number, "anchor_chain", "不接上一锚点", "does not follow from the anchor before")
        self._hashes.append(anchor.hash)
        self._itself(anchor)
        self._leaves(anchor)
        self._known.update({case: (seq, head) for case, seq, head in anchor.leaves})
        return anchor

    def _kept(self, anchor: Anchor) -> None:
        """One kept outside: it is the one in the database, or that was changed or taken away."""
        self._itself(anchor)
        inside = self._hashes[anchor.number - 1] if 0 < anchor.number <= len(self._hashes) else None
        if inside == anchor.hash:
            return
        if inside is None:
            zh, en = "数据库中没有(被删除,或恢复了过旧的备份)", "not in the database (removed, or too old a backup restored)"
            self._fault(anchor.number, "anchor_missing", zh, en)
        else:
            self._fault(anchor.number, "anchor_changed", "数据库中的与库外的不同", "differs from the one in the database")
        self._leaves(anchor)

    def _itself(self, anchor: Anchor) -> None:
        """Its leaves and its signature are its own."""
        if leaves_hash(anchor.leaves) != anchor.leaves_hash:
            self._fault(anchor.number, "anchor_leaves", "各叶已被改动", "its leaves were changed")
        if self._signer is None:
            return
        signed = anchor.signer == self._signer.name and anchor.signature is not None
        if not signed or not self._signer.holds(anchor.hash.encode(), anchor.signature or ""):
            self._fault(anchor.number, "anchor_signature", "签名不是此密钥的", "not signed with this key")

    def _leaves(self, anchor: Anchor) -> None:
        """Each case must still have that line with that hash."""
        for start in range(0, len(anchor.leaves), BATCH):
            self._batch(anchor.number, anchor.leaves[start : start + BATCH])

    def _batch(self, number: int, leaves: Sequence[Leaf]) -> None:
        h = self._walk.store.tables.history
        query = h.select().with_only_columns(h.c.case_id, h.c.seq, h.c.hash)
        query = query.where(h.c.case_id.in_([leaf[0] for leaf in leaves]))
        with self._walk.store.connection() as connection:
            found = {(row.case_id, row.seq): row.hash for row in connection.execute(query)}
        cases = {case for case, _ in found}
        for case, seq, head in leaves:
            if found.get((case, seq)) != head:
                self._leaf(number, case, seq, "case" if case not in cases else "hash" if (case, seq) in found else "tail")

    def _leaf(self, number: int, case: str, seq: int, what: str) -> None:
        zh, en = {
            "case": ("锚点中的案件已不存在", "was anchored and is gone"),
            "tail": ("锚点中的这一行已被截去", "was anchored and is cut off"),
            "hash": ("锚点之后整链被重写", "was anchored with another hash: the chain was written anew"),
        }[what]
        self._walk.fault(case, seq, f"anchor_{what}", f"第 {number} 号{zh}", f"{en} (anchor {number})")


def _parsed(text: Any, kind: type) -> Any:
    """The value of a JSON text, or None when it is none or of another kind."""
    try:
        value = json.loads(text)
    except (ValueError, TypeError, RecursionError):
        return None
    return value if isinstance(value, kind) else None


def _erased_until(erasures: Sequence[Any]) -> dict[str, int]:
    """Field -> the last line from which it was erased."""
    until: dict[str, int] = {}
    for row in erasures:
        for name, seq in (_parsed(row.fields, dict) or {}).items():
            if isinstance(seq, int):
                until[name] = max(until.get(name, 0), seq)
    return until
