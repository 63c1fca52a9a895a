#!/usr/bin/env python3
"""Check an exported history: python check_export.py EXPORT [--anchor FILE]... [--key FILE]

Standard library only, and nothing of the program that wrote the export: copy this file anywhere and run it. It checks
every line against its hash and the line before, every disclosed value against its commitment, every missing value against
the notes of erasure, every definition against its hash, and every anchor, in the file or kept apart, against the lines.

It prints the first bad row and how many there are. Exit code: 0 whole, 1 something is wrong, 2 could not be checked.

    line        SHA-256 over "tibandu-history-1" and the 15 fields, joined by commas; each is LENGTH:BYTES, or - for none;
                the commitments are taken as their JSON
    commitment  SHA-256(salt + JSON of the value); JSON is always with sorted keys, no spaces, NFC
    anchor      SHA-256 over the JSON of its header; leaves [case, seq, head]; Merkle root as in RFC 6962
"""

from __future__ import annotations

import argparse
import hashlib
import hmac
import json
import sys
import unicodedata
from collections.abc import Iterable, Sequence
from operator import itemgetter
from typing import Any

FORMAT = "tibandu-export-1"
ANCHOR_FORMAT = "tibandu-anchor-1"
NOT_SIGNED = ("没有签名，其后也没有已签名的锚点", "it is not signed, and no signed one comes after it")
DOMAIN = "tibandu-history-1"
GENESIS = "0" * 64
HASHED = (
    "case", "seq", "recorded_at", "effective_on", "event", "from_state", "to_state", "actor", "on_behalf_of",
    "role", "unit", "automatic", "definition", "commitments", "prev",
)  # fmt: skip
HEADER = ("format", "number", "made_at", "cases", "lines", "root", "leaves_hash", "previous")
SYSTEM = "system"
RESERVED = ("recalculate", "erase", "break_glass", "migrate", "issue_link")
"""a new holiday notice or other rules; personal data taken out; an emergency; another version of the definition"""

_fields = itemgetter(*HASHED)


class Unreadable(Exception):
    """This is no export, no anchor or no key."""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A row that says a thing twice shows a reader something else than what is checked."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key twice")
    return found


_decode = json.JSONDecoder(object_pairs_hook=_once).raw_decode
_plain = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)
_make: Any = getattr(json.encoder, "c_make_encoder", None)
# JSONEncoder.encode makes its C encoder anew for every value, which costs more than one of our short values.
_write = (
    _make(None, _plain.default, json.encoder.encode_basestring, None, ":", ",", True, False, False)
    if _make
    else None
)
_basestring = json.encoder.encode_basestring
_sha256 = hashlib.sha256


def loads(text: str) -> Any:
    """The value of a JSON text, with nothing around it; json.loads would look for spaces first."""
    value, end = _decode(text)
    if end != len(text):
        raise ValueError(text[end : end + 20])
    return value


def canonical(value: Any) -> str:
    """One text for one value."""
    text = (
        _basestring(value)
        if type(value) is str
        else "".join(_write(value, 0))
        if _write
        else _plain.encode(value)
    )
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def line_hash(values: Sequence[Any]) -> str:
    """What the hash of a line has to be."""
    text = ",".join(["-" if v is None else f"{len(v)}:{v}" if type(v) is str else _number(v) for v in values])
    if not text.isascii():  # then a length in bytes is not the length of the text
        text = ",".join(["-" if v is None else f"{len(str(v).encode())}:{v}" for v in values])
    return _sha256(f"{DOMAIN},{text}".encode()).hexdigest()


def _number(value: object) -> str:
    text = str(value)
    return f"{len(text)}:{text}"


class Checker:
    """One export under check."""

    def __init__(self, key: bytes | None = None) -> None:
        self._key = key
        self.lines = 0
        self.cases = 0
        self.anchors = 0
        self.faults = 0
        self.first = ""
        self.heads: dict[str, bytearray] = {}
        """case -> the hashes of its lines, 32 bytes each"""
        self.definitions: dict[str, dict[str, bool]] = {}
        """hash -> event -> whether it is automatic"""
        self.rules: dict[str, dict[str, str]] = {}
        """hash -> field -> the rule by which it may be erased when the case has ended"""
        self._erased: dict[str, dict[str, int]] = {}
        self._told: dict[str, int] = {}
        """what lines of the case say was erased, and from which last line"""
        self._case = ""
        self._seq = 0
        self._head = GENESIS
        self._state = ""
        self._version = ""
        self._chain = bytearray()
        self._announced = 0
        self._anchor_hashes: list[str] = []
        self._bare: list[tuple[int, int]] = []
        self._known: dict[str, tuple[int, str]] = {}
        self._last_root = ""
        self._ended = False

    def fault(self, row: int, where: str, zh: str, en: str) -> None:
        """Count one; keep the first."""
        self.faults += 1
        if not self.first:
            self.first = f"{f'第 {row} 行 / row {row}: ' if row else ''}{where}: {zh} / {en}"

    # -- the file

    def read(self, file: Iterable[str]) -> None:
        """Every row of the export. Raises Unreadable when it does not begin like one."""
        rows = enumerate(file, 1)
        self._begin(next(rows, (1, ""))[1])
        for row, text in rows:
            try:
                data = loads(text.rstrip("\n"))
                if self._ended:
                    self.fault(row, "-", "结尾之后还有内容", "something follows the end")
                elif "history" in data:
                    self._line(row, data["history"], data["disclosure"])
                else:
                    self._other(row, data)
            except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
                self.fault(row, "-", "无法读取", f"cannot be read ({type(error).__name__})")
        self._close(0)
        if not self._ended:
            self.fault(0, "-", "文件被截断：没有结尾", "the file was cut: it has no end")

    def _begin(self, text: str) -> None:
        try:
            header = loads(text.rstrip("\n"))
            if header["format"] != FORMAT:
                raise Unreadable(f"不认识的格式 / unknown format: {header['format']}")
            self._announced = int(header["cases"])
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise Unreadable("不是历史导出文件 / this is no exported history") from error

    def _other(self, row: int, data: dict[str, Any]) -> None:
        if "erasure" in data:
            noted = self._erased.setdefault(data["erasure"]["case"], {})
            for name, seq in data["erasure"]["fields"].items():
                noted[name] = max(noted.get(name, 0), int(seq))
        elif "definition" in data:
            self._definition(row, data)
        elif "anchor" in data:
            self._close(row)
            self.anchor(row, data["anchor"])
        elif "end" in data:
            self._end(row, data["end"])
        else:
            self.fault(row, "-", "不认识的行", "a row of an unknown kind")

    def _definition(self, row: int, data: dict[str, Any]) -> None:
        name = f"{data['name']} {data['version']}"
        if _sha256(data["content"].encode()).hexdigest() != data["definition"]:
            self.fault(row, name, "定义的内容已被改动", "the content of the definition was changed")
        content = json.loads(data["content"])
        events = {"start": content.get("start") or {}, **(content.get("events") or {})}
        self.definitions[data["definition"]] = {
            e: entry.get("automatic") is not None for e, entry in events.items()
        }
        fields = (content.get("fields") or {}).items()
        self.rules[data["definition"]] = {name: entry["kept"] for name, entry in fields if "kept" in entry}
        # Persons' acts that every case knows without its definition.
        self.definitions[data["definition"]].update(dict.fromkeys(RESERVED, False))

    def _end(self, row: int, counts: dict[str, int]) -> None:
        self._close(row)
        self._ended = True
        found = {"cases": self.cases, "lines": self.lines, "anchors": self.anchors}
        if counts != found or self.cases < self._announced:
            self.fault(row, "-", f"数目不符：{found}", f"the counts are not those of the rows: {found}")

    # -- lines

    def _line(self, row: int, line: dict[str, Any], disclosure: dict[str, Any]) -> None:
        case, seq, digest = line["case"], line["seq"], line["hash"]
        self.lines += 1
        if case != self._case:
            self._open(row, case)
        where = f"{case}:{seq}"
        if type(seq) is not int or seq != self._seq + 1:
            self.fault(row, where, f"应为第 {self._seq + 1} 行", f"this should be line {self._seq + 1}")
        committed = line["commitments"]
        line["commitments"] = canonical(committed)
        if line_hash(_fields(line)) != digest:
            self.fault(row, where, "内容与其哈希不符", "it does not hash to its hash")
        if line["prev"] != self._head:
            self.fault(row, where, "与上一行不相接", "it does not follow from the line before")
        if line["from_state"] != self._state:
            self.fault(
                row, where, f"起始状态应为“{self._state}”", f"it should start from the state {self._state!r}"
            )
        if line["event"] == "erase":
            for name, until in disclosure["@erased"][1].items():
                self._told[name] = max(self._told.get(name, 0), int(until))
        if self._version not in ("", line["definition"]) or line["event"] == "migrate":
            self._moved(row, where, line, disclosure)
        self._values(row, where, line, committed, disclosure)
        self._who(row, where, line, disclosure)
        self._seq, self._head, self._state = seq, digest, line["to_state"]
        self._version = line["definition"]
        self._chain += bytes.fromhex(digest)

    def _moved(self, row: int, where: str, line: dict[str, Any], disclosure: dict[str, Any]) -> None:
        """Another version of the definition holds from here: only a move does that, and it says from which to which."""
        said = disclosure.get("@migration", ["", {}])[1]
        if (line["event"], said.get("from"), said.get("to")) != (
            "migrate",
            self._version,
            line["definition"],
        ):
            self.fault(
                row, where, "定义的版本变了，而本行不是相应的迁移",
                "the version of its definition changes, and the line is no such move",
            )  # fmt: skip

    def _open(self, row: int, case: str) -> None:
        self._close(row)
        self._case = case
        if case in self.heads:
            self.fault(row, str(case), "案件的各行不连续", "the lines of the case do not stand together")
        self.cases += 1

    def _close(self, row: int) -> None:
        """The case is over; its hashes are kept for the anchors, what was noted as erased has to stand in a line."""
        for name, until in self._erased.get(self._case, {}).items():
            if until > self._told.get(name, 0):
                self.fault(
                    row,
                    self._case,
                    f"字段 {name} 的删除记录不在历史之中",
                    f"no line says that {name} was erased",
                )
        self._told = {}
        if self._case:
            self.heads.setdefault(self._case, bytearray()).extend(self._chain)
        self._case, self._seq, self._head, self._state, self._chain = "", 0, GENESIS, "", bytearray()
        self._version = ""

    def _values(
        self,
        row: int,
        where: str,
        line: dict[str, Any],
        committed: dict[str, str],
        disclosure: dict[str, Any],
    ) -> None:
        for name, (salt, value) in disclosure.items():
            digest = _sha256(bytes.fromhex(salt) + canonical(value).encode()).hexdigest()
            promised = committed.pop(name, None)
            if promised is None:
                self.fault(row, where, f"没有承诺过字段 {name}", f"the field {name} was never committed to")
            elif digest != promised:
                self.fault(
                    row,
                    where,
                    f"字段 {name} 的值与承诺不符",
                    f"the value of {name} is not the one committed to",
                )
        for name in committed:
            if line["seq"] > self._erased.get(line["case"], {}).get(name, 0):
                self.fault(
                    row, where, f"字段 {name} 的值不见了", f"the value of {name} is gone and no erasure noted"
                )

    def _who(self, row: int, where: str, line: dict[str, Any], disclosure: dict[str, Any]) -> None:
        events = self.definitions.get(line["definition"])
        if events is None:
            self.fault(row, where, "所依据的定义不在文件中", "its definition is not in the file")
        elif line["event"] not in events:
            self.fault(row, where, "定义中没有此事件", "its definition has no such event")
        elif (
            not events[line["event"]]
            and (line["actor"] == SYSTEM or line["automatic"] in ("notice", "lapse"))
            and not self._by_rule(line, disclosure)
        ):
            self.fault(row, where, "系统作了决定", "the system decided")

    def _by_rule(self, line: dict[str, Any], disclosure: dict[str, Any]) -> bool:
        """Whether the line tells of values that its definition lets a rule erase, and of nothing else."""
        if (line["event"], line["actor"], line["automatic"]) != ("erase", SYSTEM, "lapse"):
            return False
        gone, rule = disclosure["@erased"][1], disclosure.get("@rule", ["", ""])[1]
        kept = self.rules[line["definition"]]
        return bool(gone) and all(kept.get(name) == rule for name in gone)

    # -- anchors

    def anchor(self, row: int, anchor: dict[str, Any]) -> None:
        """One anchor of the file."""
        self.anchors += 1
        number, digest = anchor["number"], anchor_hash(anchor)
        previous = self._anchor_hashes[-1] if self._anchor_hashes else GENESIS
        if number != self.anchors or anchor["previous"] != previous:
            self.fault(row, f"anchor {number}", "不接上一锚点", "it does not follow from the anchor before")
        self._anchor_hashes.append(digest)
        self._own_leaves(row, anchor)
        if self._key is not None and anchor.get("signature") is None:
            self._bare.append((row, number))
        elif self._signed(row, anchor):
            self._bare.clear()  # it names the hash of the one before it, and that one of those before
        self._leaves(row, anchor)
        self._known.update({case: (seq, head) for case, seq, head in anchor["leaves"]})
        self._last_root = anchor["root"]

    def kept(self, anchor: dict[str, Any]) -> None:
        """One kept outside the file."""
        self._own_leaves(0, anchor)
        self._leaves(0, anchor)
        number = anchor["number"]
        where = f"anchor {number}"
        if self._key is None or anchor.get("signature") is not None:
            self._signed(0, anchor)
        elif anchor_hash(anchor) not in self._anchor_hashes:
            self.fault(0, where, *NOT_SIGNED)
        if number > len(self._anchor_hashes):
            self.fault(0, where, "文件中没有此锚点", "the file has no such anchor")
        elif self._anchor_hashes[number - 1] != anchor_hash(anchor):
            self.fault(0, where, "与文件中的不同", "it differs from the one in the file")

    def root(self) -> None:
        """The root of the last anchor of the file is that of the last leaf of each case, and a signed one comes last."""
        for row, number in self._bare:
            self.fault(row, f"anchor {number}", *NOT_SIGNED)
        leaves = [[case, *self._known[case]] for case in sorted(self._known)]
        if self._anchor_hashes and merkle_root(leaves) != self._last_root:
            self.fault(
                0, f"anchor {self.anchors}", "默克尔根与各叶不符", "its Merkle root is not that of its leaves"
            )

    def _own_leaves(self, row: int, anchor: dict[str, Any]) -> None:
        if _sha256(canonical(anchor["leaves"]).encode()).hexdigest() != anchor["leaves_hash"]:
            self.fault(row, f"anchor {anchor['number']}", "各叶已被改动", "its leaves were changed")

    def _signed(self, row: int, anchor: dict[str, Any]) -> bool:
        if self._key is None:
            return False
        wanted = hmac.new(self._key, anchor_hash(anchor).encode(), "sha256").hexdigest()
        if hmac.compare_digest(wanted.encode(), str(anchor.get("signature")).encode()):
            return True
        self.fault(row, f"anchor {anchor['number']}", "签名不是此密钥的", "it is not signed with this key")
        return False

    def _leaves(self, row: int, anchor: dict[str, Any]) -> None:
        for case, seq, head in anchor["leaves"]:
            chain = self.heads.get(case)
            where = f"{case}:{seq} (anchor {anchor['number']})"
            if chain is None:
                self.fault(row, where, "锚点中的案件不见了", "the case was anchored and is gone")
            elif len(chain) < 32 * seq:
                self.fault(row, where, "锚点中的这一行被截去了", "the line was anchored and is cut off")
            elif chain[32 * seq - 32 : 32 * seq].hex() != head:
                self.fault(row, where, "锚点之后整链被重写", "the chain was written anew after the anchor")


def anchor_hash(anchor: dict[str, Any]) -> str:
    """SHA-256 over the header."""
    return _sha256(canonical({name: anchor[name] for name in HEADER}).encode()).hexdigest()


def merkle_root(leaves: list[list[Any]]) -> str:
    """As in RFC 6962: level by level, a last one without a partner goes up as it is."""
    level = [_sha256(b"\x00" + canonical(leaf).encode()).digest() for leaf in leaves]
    while len(level) > 1:
        pairs = [_sha256(b"\x01" + level[n] + level[n + 1]).digest() for n in range(0, len(level) - 1, 2)]
        level = pairs + level[len(pairs) * 2 :]
    return level[0].hex() if level else _sha256().hexdigest()


def read_anchor(path: str) -> dict[str, Any]:
    """An anchor file. Raises Unreadable."""
    try:
        with open(path, encoding="utf-8") as file:  # noqa: PTH123 - the standard library, in the shortest words
            anchor: dict[str, Any] = loads(file.read().strip())
        anchor_hash(anchor)
        if anchor["format"] != ANCHOR_FORMAT:
            raise Unreadable(f"{path}: {anchor['format']}")
        _shaped(anchor)
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise Unreadable(f"{path}：不是锚点 / this is no anchor") from error
    return anchor


def _shaped(anchor: dict[str, Any]) -> None:
    numbers = [anchor["number"], *(seq for _, seq, _ in anchor["leaves"])]
    names = [name for case, _, head in anchor["leaves"] for name in (case, head)]
    if any(type(n) is not int or n < 1 for n in numbers) or any(type(name) is not str for name in names):
        raise ValueError(anchor["number"])


def check(export: str, anchors: Iterable[str] = (), key: str | None = None) -> Checker:
    """Check the files. Raises Unreadable, OSError."""
    kept = [read_anchor(path) for path in anchors]
    secret = None
    if key is not None:
        with open(key, "rb") as file_:  # noqa: PTH123
            secret = file_.read().rstrip(b"\r\n")
    checker = Checker(secret)
    with open(export, encoding="utf-8") as file:  # noqa: PTH123
        checker.read(file)
    checker.root()
    for anchor in kept:
        checker.kept(anchor)
    return checker


def main(arguments: list[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[1])
    parser.add_argument("export", help="JSON lines")
    parser.add_argument(
        "--anchor", action="append", default=[], metavar="FILE", help="kept outside; may be repeated"
    )
    parser.add_argument("--key", metavar="FILE", help="the key of the anchors' signatures")
    options = parser.parse_args(arguments)
    try:
        found = check(options.export, options.anchor, options.key)
    except (Unreadable, OSError, UnicodeDecodeError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    counted = f"{found.lines} 行 / lines, {found.cases} 案件 / cases, {found.anchors} 锚点 / anchors"
    if found.faults:
        sys.stdout.write(f"{found.first}\n{found.faults} 处错误 / fault(s) ({counted})\n")
        return 1
    sys.stdout.write(f"完整 / whole: {counted}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
