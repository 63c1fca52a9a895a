"""Anchors: what a chain alone cannot see, kept where the owner of the database cannot reach it.

A chain shows a changed line, but not that its tail was cut, that a whole case is gone, or that somebody wrote all of it
anew. An anchor states, at one moment, the head of every case: a Merkle root over (case, seq, head) in the order of their
ids, how many cases and lines there are, and the hash of the anchor before. It lies in table `anchor` and, as a file,
outside. It carries the leaves that are new since the anchor before, so that all anchors together are never larger than
one leaf a line, however often they are made; `full` carries all, a file that needs no other.

No snapshot of all is needed: a leaf is true from the moment it was written, because lines are only added. Two who make an anchor
at once: the second finds that the last anchor is not the one it built on, and gets a Conflict. An anchor is refused while a
line is missing or the database contradicts an earlier one: it would only certify the damage.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Any, Protocol

from .errors import Conflict, StoreError, Text
from .history import GENESIS, canonical
from .store.sql import Store

__all__ = [
    "Anchor",
    "AnchorCheck",
    "HmacSigner",
    "Leaf",
    "Merkle",
    "Signer",
    "make_anchor",
    "merkle_root",
    "read_anchor",
    "stored_anchors",
]

FORMAT = "tibandu-anchor-1"
HEADER = ("format", "number", "made_at", "cases", "lines", "root", "leaves_hash", "previous")
"""what the hash of an anchor covers, in its canonical JSON"""
KEY_BYTES = 16
BATCH = 1000

Leaf = tuple[str, int, str]
"""case, seq, head"""


class Tell(Protocol):
    """Told of a contradiction: where, a code, and what the sentence of the code needs."""

    def __call__(self, case: str | None, seq: int | None, code: str, /, **what: object) -> None:
        """Note it."""
        ...


class Signer(Protocol):
    """Puts a name under an anchor. Plug in another for Ed25519, SM2 or a certified device."""

    name: str
    """the method and which key, for the one who checks"""

    def sign(self, message: bytes) -> str:
        """The signature as text."""
        ...

    def holds(self, message: bytes, signature: str) -> bool:
        """Whether this is the signature of that message."""
        ...


class HmacSigner:
    """HMAC-SHA256 with a key file. Who can check can also sign: keep the key away from the owner of the database."""

    def __init__(self, key: bytes) -> None:
        """A line end at the end of the file is no part of the key. Raises StoreError for a key that can be guessed."""
        self._key = key.rstrip(b"\r\n")
        if len(self._key) < KEY_BYTES:
            raise StoreError(
                Text(f"锚点密钥至少 {KEY_BYTES} 字节", f"the key for anchors needs {KEY_BYTES} bytes or more")
            )
        self.name = "hmac-sha256:" + self._mac(b"tibandu-anchor-key")[:16]

    def sign(self, message: bytes) -> str:
        """The signature, hex."""
        return self._mac(message)

    def holds(self, message: bytes, signature: str) -> bool:
        """Whether this is the signature of that message, in constant time."""
        return hmac.compare_digest(self._mac(message).encode(), signature.encode())

    def _mac(self, message: bytes) -> str:
        return hmac.new(self._key, message, hashlib.sha256).hexdigest()


class Merkle:
    """The root of a growing list of leaves, as in RFC 6962: nothing is kept but one hash for each height."""

    def __init__(self) -> None:
        self._whole: list[tuple[int, bytes]] = []

    def add(self, leaf: Leaf) -> None:
        """One more leaf, in order."""
        height, node = 0, hashlib.sha256(b"\x00" + canonical(list(leaf)).encode()).digest()
        while self._whole and self._whole[-1][0] == height:
            node = _parent(self._whole.pop()[1], node)
            height += 1
        self._whole.append((height, node))

    def root(self) -> str:
        """The root, hex; of no leaves, the hash of nothing."""
        if not self._whole:
            return hashlib.sha256().hexdigest()
        *others, (_, node) = self._whole
        for _, left in reversed(others):
            node = _parent(left, node)
        return node.hex()


def _parent(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def merkle_root(leaves: Iterable[Leaf]) -> str:
    """The root of these leaves, which stand in the order of their case ids."""
    tree = Merkle()
    for leaf in leaves:
        tree.add(leaf)
    return tree.root()


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchor:
    """One anchor. `leaves`: those new since the anchor before (or all), in the order of their case ids."""

    number: int
    made_at: str
    cases: int
    lines: int
    root: str
    leaves_hash: str
    previous: str
    leaves: tuple[Leaf, ...]
    signer: str | None = None
    signature: str | None = None
    format: str = FORMAT

    @property
    def hash(self) -> str:
        """What the next anchor points to, and what is signed: SHA-256 over the header."""
        return hashlib.sha256(canonical({name: getattr(self, name) for name in HEADER}).encode()).hexdigest()

    @property
    def sheet(self) -> str:
        """A short code for a printed sheet: enough to compare by eye."""
        code = self.hash[:20].upper()
        return f"{self.number}-" + "-".join(code[n : n + 5] for n in range(0, 20, 5))

    def to_json(self) -> str:
        """The anchor as it is stored and kept outside."""
        header: dict[str, Any] = {name: getattr(self, name) for name in HEADER}
        signed = {"signer": self.signer, "signature": self.signature}
        return canonical(header | signed | {"leaves": [list(leaf) for leaf in self.leaves]})

    def signed_by(self, signer: Signer) -> Anchor:
        """The same with a signature."""
        return replace(self, signer=signer.name, signature=signer.sign(self.hash.encode()))


def leaves_hash(leaves: Sequence[Leaf]) -> str:
    """SHA-256 over the canonical JSON of the leaves."""
    return hashlib.sha256(canonical([list(leaf) for leaf in leaves]).encode()).hexdigest()


def read_anchor(text: str) -> Anchor:
    """The anchor of a file or a row. Raises StoreError when it is none."""
    try:
        data = json.loads(text)
        names = (*HEADER, "signer", "signature")
        leaves = tuple(_leaf(*one) for one in data["leaves"])
        anchor = Anchor(leaves=leaves, **{name: data[name] for name in names})
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise StoreError(Text("不是锚点文件", f"this is no anchor: {type(error).__name__}")) from error
    if anchor.format != FORMAT or type(anchor.number) is not int or anchor.number < 1:
        raise StoreError(
            Text(f"不认识的锚点格式 {anchor.format}", f"unknown format of an anchor: {anchor.format}")
        )
    return anchor


def _leaf(case: object, seq: object, head: object) -> Leaf:
    if isinstance(case, str) and type(seq) is int and seq > 0 and isinstance(head, str):
        return case, seq, head
    raise ValueError(case, seq)


def stored_anchors(store: Store) -> Iterator[str]:
    """The texts of table `anchor`, oldest first."""
    table = store.tables.anchor
    with store.connection() as connection:
        ids = (
            connection.execute(table.select().with_only_columns(table.c.id).order_by(table.c.id))
            .scalars()
            .all()
        )
    for id_ in ids:
        with store.connection() as connection:
            query = table.select().with_only_columns(table.c.body).where(table.c.id == id_)
            body: str = connection.execute(query).scalar_one()
        yield body


def make_anchor(store: Store, key: bytes | Signer | None, now: datetime, *, full: bool = False) -> str:
    """Write the next anchor and return it as JSON, for a place the owner of the database does not reach.

    `key`: the bytes of a key file, a Signer, or None for no signature. `full`: with the leaf of every case.
    Raises StoreError when the database contradicts an earlier anchor, Conflict when somebody else made one meanwhile.
    """
    signer = HmacSigner(key) if isinstance(key, bytes) else key
    last, known = _known(store)
    anchor = _next(last, known, _heads(store, known), now, full=full)
    return _write(store, anchor.signed_by(signer) if signer else anchor)


def _known(store: Store) -> tuple[Anchor | None, dict[str, tuple[int, str]]]:
    """The last anchor and what all anchors say of each case."""
    last: Anchor | None = None
    known: dict[str, tuple[int, str]] = {}
    for text in stored_anchors(store):
        last = read_anchor(text)
        known.update({case: (seq, head) for case, seq, head in last.leaves})
    return last and replace(last, leaves=()), known


def _next(
    last: Anchor | None,
    known: dict[str, tuple[int, str]],
    heads: Iterable[Leaf],
    now: datetime,
    *,
    full: bool,
) -> Anchor:
    """The anchor over these heads; `known` is used up."""
    tree, lines, cases, fresh = Merkle(), 0, 0, list[Leaf]()
    for case, seq, head in heads:
        before = known.pop(case, (0, GENESIS))
        if before[0] > seq:
            raise _contradiction(case, before[0])
        if full or before[0] < seq:
            fresh.append((case, seq, head))
        tree.add((case, seq, head))
        cases, lines = cases + 1, lines + seq
    if known:
        gone = min(known)
        raise _contradiction(gone, known[gone][0])
    return Anchor(
        number=last.number + 1 if last else 1, made_at=now.isoformat(timespec="microseconds"), cases=cases, lines=lines,
        root=tree.root(), leaves_hash=leaves_hash(fresh), previous=last.hash if last else GENESIS, leaves=tuple(fresh),
    )  # fmt: skip


def _heads(store: Store, known: Mapping[str, tuple[int, str]]) -> Iterator[Leaf]:
    """The head of every case as its lines make it, by the bytes of their ids.

    Raises StoreError where the lines have a gap, are not those of an earlier anchor, or end elsewhere than the case says.
    """
    for case, several in groupby(_lines(store), key=itemgetter(0)):
        seq, head, said = 0, GENESIS, (0, GENESIS)
        anchored = known.get(case, said)
        for _, last, ends, line, digest in several:
            if line != seq + 1 or (line == anchored[0] and digest != anchored[1]):
                raise _contradiction(case, seq + 1)
            seq, head, said = line, digest, (last, ends)
        if (seq, head) != said:
            raise _contradiction(case, seq)
        yield case, seq, head


def _lines(store: Store) -> Iterator[Any]:
    """Every line with what its case says: id, its last line and head, number and hash of the line; a portion is one statement,
    so that a case and its lines are of one moment and nobody who writes waits for long.
    """
    cases, history = store.tables.cases, store.tables.history
    after = ""
    while True:
        heads = cases.select().with_only_columns(cases.c.id, cases.c.seq, cases.c.head)
        some = heads.where(cases.c.id > after).order_by(cases.c.id).limit(BATCH).subquery()
        joined = some.outerjoin(history, history.c.case_id == some.c.id)
        lines = joined.select().with_only_columns(*some.c, history.c.seq, history.c.hash)
        in_order = lines.order_by(some.c.id, history.c.seq)
        with store.connection() as connection:
            found = connection.execute(in_order).all()
        if not found:
            return
        yield from found
        after = found[-1][0]


def _write(store: Store, anchor: Anchor) -> str:
    """One row more, if the anchor before is still the last one."""
    table, text = store.tables.anchor, anchor.to_json()
    newest = table.select().with_only_columns(table.c.body).order_by(table.c.id.desc()).limit(1)
    with store.connection(write=True) as connection:
        store.lock_name(connection, "anchor")
        body = connection.execute(newest).scalar_one_or_none()
        if (read_anchor(body).hash if body else GENESIS) != anchor.previous:
            raise Conflict(
                Text("他人刚刚做了锚点，请重试", "somebody else has just made an anchor; try again")
            )
        connection.execute(table.insert(), {"made_at": anchor.made_at, "body": text})
    return text


def _contradiction(case: str, seq: int) -> StoreError:
    return StoreError(
        Text(
            f"案件 {case} 的各行不完整，或与先前的锚点不符（第 {seq} 行）；先运行 tibandu verify",
            f"the lines of case {case} are not whole or contradict an earlier anchor (line {seq}); run tibandu verify first",
        )
    )


class AnchorCheck:
    """The anchors in the database and outside, against one another and against the lines."""

    def __init__(self, store: Store, signer: Signer | None, fault: Tell) -> None:
        self._store = store
        self._signer = signer
        self._fault = fault
        self._hashes: list[str] = []
        """of those in the database"""
        self._bare: list[int] = []
        """the numbers of those in the database that nobody signed, nor any later one"""
        self._known: dict[str, tuple[int, str]] = {}

    def check(self, outside: Sequence[Anchor]) -> int:
        """How many were looked at."""
        last: Anchor | None = None
        for text in stored_anchors(self._store):
            last = self._stored(text) or last
        for number in self._bare:
            self._fault(None, None, "anchor_unsigned", number=number)
        if (
            last is not None
            and merkle_root((case, *self._known[case]) for case in sorted(self._known)) != last.root
        ):
            self._fault(None, None, "anchor_root", number=last.number)
        for anchor in outside:
            self._kept(anchor)
        return len(self._hashes) + len(outside)

    def _stored(self, text: str) -> Anchor | None:
        number, previous = len(self._hashes) + 1, self._hashes[-1] if self._hashes else GENESIS
        try:
            anchor = read_anchor(text)
        except StoreError:
            self._hashes.append("")
            self._fault(None, None, "anchor_unreadable", number=number)
            return None
        if (anchor.number, anchor.previous) != (number, previous):
            self._fault(None, None, "anchor_chain", number=number)
        self._hashes.append(anchor.hash)
        self._own_leaves(anchor)
        if self._signer is not None and anchor.signature is None:
            self._bare.append(anchor.number)
        elif self._signed(anchor):
            self._bare.clear()  # what is signed names the hash of the anchor before it, and that one of those before
        self._leaves(anchor)
        self._known.update({case: (seq, head) for case, seq, head in anchor.leaves})
        return anchor

    def _kept(self, anchor: Anchor) -> None:
        """One kept outside: it is the one in the database, or that was changed or taken away."""
        self._own_leaves(anchor)
        inside = self._hashes[anchor.number - 1] if 0 < anchor.number <= len(self._hashes) else None
        if self._signer is not None and anchor.signature is None:
            if inside != anchor.hash:  # else it was told, or a later one covers it
                self._fault(None, None, "anchor_unsigned", number=anchor.number)
        else:
            self._signed(anchor)
        if inside != anchor.hash:
            self._fault(
                None, None, "anchor_changed" if inside is not None else "anchor_missing", number=anchor.number
            )
            self._leaves(anchor)

    def _own_leaves(self, anchor: Anchor) -> None:
        if leaves_hash(anchor.leaves) != anchor.leaves_hash:
            self._fault(None, None, "anchor_leaves", number=anchor.number)

    def _signed(self, anchor: Anchor) -> bool:
        """Whether its signature is that of the signer, which is a fault where it is not."""
        if self._signer is None:
            return False
        if anchor.signer == self._signer.name and self._signer.holds(
            anchor.hash.encode(), anchor.signature or ""
        ):
            return True
        self._fault(None, None, "anchor_signature", number=anchor.number)
        return False

    def _leaves(self, anchor: Anchor) -> None:
        """Each case must still have that line with that hash."""
        for start in range(0, len(anchor.leaves), BATCH):
            leaves = anchor.leaves[start : start + BATCH]
            found = self._hashes_of([leaf[0] for leaf in leaves])
            for case, seq, head in leaves:
                if case not in found:
                    self._fault(case, seq, "anchor_case", number=anchor.number)
                elif found[case].get(seq) != head:
                    what = "anchor_hash" if seq in found[case] else "anchor_tail"
                    self._fault(case, seq, what, number=anchor.number)

    def _hashes_of(self, cases: Sequence[str]) -> dict[str, dict[int, str]]:
        h = self._store.tables.history
        query = h.select().with_only_columns(h.c.case_id, h.c.seq, h.c.hash).where(h.c.case_id.in_(cases))
        found: dict[str, dict[int, str]] = {}
        with self._store.connection() as connection:
            for row in connection.execute(query):
                found.setdefault(row.case_id, {})[row.seq] = row.hash
        return found
