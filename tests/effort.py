"""What a piece of work costs, counted in calls of functions: on a slow machine as many as on a quick one, unlike its seconds."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def at_most(calls: int) -> Iterator[list[int]]:
    """Fail as soon as the block has called more functions (of Python or of C, on this thread); what it called is in the list."""
    spent = [0]

    def count(frame: FrameType, event: str, _: object) -> None:
        if event in ("call", "c_call"):
            spent[0] += 1
            assert spent[0] <= calls, f"more than {calls} calls, now at {frame.f_code.co_qualname}"

    outer = sys.getprofile()
    sys.setprofile(count)
    try:
        yield spent
    finally:
        sys.setprofile(outer)
