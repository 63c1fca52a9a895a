"""Contenders measured slice by slice, in turn, so that whatever else the machine does meets all of them alike.

Each contender has its own connection and its own freshly seeded database. The script is cut into slices of a hundred events;
every contender does the first slice, then every one the second, and so on, each time another one first. A ratio is the median
over the slices of the pair's rates; a burst of foreign load spoils some slices, not the median. CPU time hardly depends on
the neighbours: the client's is the process's own, the server's is that of the one backend (Linux).
"""

from __future__ import annotations

import contextlib
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from . import w1def

SLICE = 100
Making = Callable[[], contextlib.AbstractContextManager[Any]]
"""a fresh contender on a fresh target; leaving it checks what it left behind"""


class Report(w1def.Report):
    """As w1def's, one row a slice, without a word for each."""

    def add(self, name: str, count: int, wall: float, lat: list[int] | None = None, **extra: float) -> None:
        row = {"rate": count / wall, "wall": wall, "n": count, **extra}
        row |= {f"p{p}": w1def.q(lat, p / 100) / 1e3 if lat else None for p in (50, 99)}
        self.rows.setdefault(name, []).append(row)

    def ratio(self, name: str, base: str) -> float:
        """The median of the paired ratios."""
        pairs = zip(self.rows[name], self.rows[base], strict=True)
        return statistics.median(one["rate"] / other["rate"] for one, other in pairs)

    def cpu_ratio(self, name: str, base: str) -> float | None:
        """How the CPU times of an event compare, client and server together; None where they are not known alike."""
        known = [key for key in ("client_cpu_us", "server_cpu_us") if key in self.rows[base][0]]
        if not known or any(key not in self.rows[name][0] for key in known):
            return None
        spent = {
            n: sum(statistics.median(row[key] for row in self.rows[n]) for key in known) for n in (name, base)
        }
        return spent[base] / spent[name] if spent[name] else None


def interleave(report: Report, contenders: dict[str, Making], items: list[Any]) -> None:
    """Every contender does the whole script, slice by slice."""
    slices = w1def.batches(items, SLICE)
    with contextlib.ExitStack() as stack:
        runners = [(name, stack.enter_context(making())) for name, making in contenders.items()]
        for number, some in enumerate(slices):
            first = number % len(runners)
            for name, contender in runners[first:] + runners[:first]:
                _one(report, name, contender, some)


def _one(report: Report, name: str, contender: Any, items: list[Any]) -> None:
    lat: list[int] = []
    served, used, start = server_cpu(contender), time.process_time(), time.perf_counter()
    if hasattr(contender, "many"):
        contender.many(items)
    else:
        w1def.drive(contender.w1, items, lat)
    wall = time.perf_counter() - start
    extra = {"client_cpu_us": (time.process_time() - used) / len(items) * 1e6}
    if served is not None:
        extra["server_cpu_us"] = ((server_cpu(contender) or served) - served) / len(items) / 1e3
    report.add(name, len(items), wall, lat or [int(wall / len(items) * 1e9)], **extra)


def server_cpu(contender: Any) -> int | None:
    """Nanoseconds that the contender's PostgreSQL backend has been on a CPU; None where that cannot be known."""
    pid = getattr(contender, "backend", None)
    if pid is None and hasattr(getattr(contender, "c", None), "info"):
        pid = contender.c.info.backend_pid
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) if pid else None
    except (OSError, ValueError):
        return None


@contextlib.contextmanager
def closing(contender: Any) -> Iterator[Any]:
    """The contender, its connections closed in the end."""
    try:
        yield contender
    finally:
        if hasattr(contender, "engine"):
            contender.engine.database.dispose()
        else:
            contender.c.close()
