"""Whatever stands in a definition file is a definition or a fault, and whatever is written as a guard is a guard or a fault:
nothing else comes of it, no other error, no hang, no answer that is none.

fuzz_guided.py lets a fuzzer look for inputs that break this; test_fuzz.py tries a sample of fixed seed.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping

from workflow.errors import Text
from workflow.guards import GuardFault, GuardType, Verdict, compile_guard
from workflow.loader import check_texts

from .broken import good

SEED = 20260315


# --- targets: one input each; they raise when a promise is broken


def one_file(data: bytes) -> None:
    """Any bytes as the only file."""
    _faults({"x": data})


def one_of_many(data: bytes) -> None:
    """A good library with a piece of one file replaced: which file, where, how long, by what."""
    files: dict[str, bytes | str] = {**good()}
    names = sorted(files)
    head, rest = data[:5].ljust(5, b"\0"), data[5:]
    name = names[head[0] % len(names)]
    text = str(files[name]).encode()
    start = int.from_bytes(head[1:3]) % (len(text) + 1)
    files[name] = text[:start] + rest + text[start + int.from_bytes(head[3:5]) % 64 :]
    _faults(files)


def _faults(files: Mapping[str, bytes | str]) -> None:
    for fault in check_texts(files):
        assert fault.code != "internal", fault
        assert fault.line >= 1, fault
        assert fault.column >= 1, fault
        assert fault.text.zh, fault
        assert fault.text.en, fault


TYPES: Mapping[str, GuardType] = {
    "a": "boolean", "b": "boolean", "n": "integer", "root.n": "integer", "t": "text", "day": "date", "list": "texts",
    "paper": "document", "paper.given": "boolean", "code": "text", "code.promises": "boolean", "clock.reply.running": "boolean",
}  # fmt: skip
CODES = {"code": frozenset({"A", "B"})}
FACTS: tuple[Mapping[str, object], ...] = (
    {},
    {"a": True, "b": False, "n": 1, "root.n": 0, "t": "A", "day": "2026-03-15", "list": ["A"], "code": "A",
     "code.promises": True, "paper.given": True, "clock.reply.running": False},
    {"a": None, "b": "yes", "n": "1", "t": 3, "day": "", "list": "A", "code": ["A"]},  # facts of a wrong type are none
)  # fmt: skip


def one_guard(data: bytes) -> None:
    """Any text as a guard; one that is taken answers whatever it is asked about."""
    text = data.decode("utf-8", "replace")
    try:
        guard = compile_guard(text, TYPES, {name: Text(name, name) for name in TYPES}, CODES)
    except GuardFault as fault:
        for one in (fault, *fault.others):
            assert 1 <= one.column <= len(text) + 2, (one.column, text)
            assert one.text.zh, one
            assert one.text.en, one
        return
    assert guard.names <= TYPES.keys(), guard.names
    guard.in_words()
    for facts in FACTS:
        verdict = guard.evaluate(facts)
        assert isinstance(verdict, Verdict), verdict
        assert verdict.holds is True or verdict.reasons, text
        assert not (verdict.holds and verdict.unknown), text


TARGETS: Mapping[str, Callable[[bytes], None]] = {
    "file": one_file,
    "library": one_of_many,
    "guard": one_guard,
}


# --- inputs to begin with

GUARDS = (
    "a and (not b or n > 0)", "t in ['A', 'B'] or code == 'A'", "day < '2026-03-15' and code.promises", "n == root.n",
    "clock.reply.running != true", "not (a and not a)", "list == 'A'", "__import__('os')", "a if b else a", "n > 1e9", "t.upper()",
    "'\\x41' == t", "f'{a}'", "a < b < a", "\u540d == a", "a" * 1001, "(" * 30 + "a" + ")" * 30,
)  # fmt: skip


def seeds(target: str) -> list[bytes]:
    """Inputs near which there is something to be found."""
    if target == "guard":
        return [guard.encode() for guard in GUARDS]
    files = [text.encode() for text in good().values()]
    return (
        files if target == "file" else [bytes([n, 0, n * 7 % 256, 0, n]) + b": [" for n in range(len(files))]
    )


def sample(target: str, number: int, seed: int = SEED) -> Iterator[bytes]:
    """Mutated inputs, the same ones for the same seed."""
    chance, known = random.Random(f"{target} {seed}"), seeds(target)
    yield from known
    for _ in range(number):
        data = bytearray(chance.choice(known))
        for _ in range(chance.randint(1, 5)):
            _mutate(data, chance, known)
        yield bytes(data[:4000])


def _mutate(data: bytearray, chance: random.Random, known: list[bytes]) -> None:
    start = chance.randint(0, len(data))
    way = chance.randrange(4)
    if way == 0:
        data[start : start + chance.randint(0, 8)] = chance.randbytes(chance.randint(0, 4))
    elif way == 1:
        other = chance.choice(known)
        at = chance.randint(0, len(other))
        data[start:start] = other[at : at + chance.randint(1, 40)]
    elif way == 2:
        del data[start : start + chance.randint(1, 30)]
    else:
        data[start:start] = chance.choice(
            [b"[", b"{", b": ", b"&a", b"*a", b"!!x ", b"\xff", b"\xe2\x80\xae", b"'", b"()", b"not "]
        )
