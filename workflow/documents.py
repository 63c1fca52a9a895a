"""Which documents the lines of all cases have named, asked line by line: each line is looked at once, however many there are."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from .engine import Engine
from .store.named import naming

__all__ = ["named_after"]

PAGE = 1000


def named_after(engine: Engine, position: int) -> tuple[set[str], int]:
    """The hashes named in the next lines of the feed after that position, and the position of the last of them; the same position
    again when there are no more. What was erased meanwhile is not told any more.
    """
    store = engine.store
    with store.connection(write=True) as connection:
        while store.sequence_feed(connection, PAGE, engine.clock.now()) == PAGE:
            pass
    with store.connection() as connection:
        bodies, until = naming(store, connection, position, PAGE)
    return {sha256 for body in bodies for sha256 in _hashes(json.loads(body))}, until


def _hashes(said: Any) -> Iterator[str]:
    if isinstance(said, dict):
        if isinstance(said.get("sha256"), str):
            yield said["sha256"]
        said = list(said.values())
    if isinstance(said, list):
        for one in said:
            yield from _hashes(one)
