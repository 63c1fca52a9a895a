"""Several clients at once, each a process with its own connection and its own share of the cases.

The first part of each share warms up and is not counted, for both contenders alike: statements are prepared, planned as often as
the server wants before it keeps a plan, persons are met. What is counted lasts long enough to be the steady state.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from . import w1def
from .measure import Report, server_cpu

__all__ = ["CASES", "measure"]

CASES = 1600
"""of all clients together, about nine events each"""
WARMING = 5
"""one event in so many only warms up"""
_fork = multiprocessing.get_context("fork")


class _Found(NamedTuple):
    start: int
    end: int
    latencies: list[int]
    client: float
    server: float
    """seconds on a CPU, of the process and of the backend that serves it"""


def measure(report: Report, name: str, contender: Callable[[str], Any], url: str, count: int) -> None:
    """One row: `count` processes do their shares, together from the moment all are warm."""
    per = CASES // count
    shares = [w1def.script(per, 1 + number * per) for number in range(count)]
    bar, out = _fork.Barrier(count), _fork.Queue()
    processes = [_fork.Process(target=_client, args=(contender, url, share, bar, out)) for share in shares]
    for process in processes:
        process.start()
    found = [out.get() for _ in processes]
    for process in processes:
        process.join()
    for one in found:
        if isinstance(one, BaseException):
            raise one
    events = sum(len(one.latencies) for one in found)
    wall = (max(one.end for one in found) - min(one.start for one in found)) / 1e9
    client, server = sum(one.client for one in found), sum(one.server for one in found)
    report.add(
        name, events, wall, [one for f in found for one in f.latencies], client_cpu_us=client / events * 1e6,
        server_cpu_us=server / events * 1e6,
    )  # fmt: skip


def _client(contender: Callable[[str], Any], url: str, share: list[Any], bar: Any, out: Any) -> None:
    try:
        one, warm = contender(url), len(share) // WARMING
        w1def.drive(one.w1, share[:warm], [])
        bar.wait()
        latencies: list[int] = []
        served, used, start = server_cpu(one) or 0, time.process_time(), time.perf_counter_ns()
        w1def.drive(one.w1, share[warm:], latencies)
        end, client = time.perf_counter_ns(), time.process_time() - used
        out.put(_Found(start, end, latencies, client, ((server_cpu(one) or 0) - served) / 1e9))
    except BaseException as error:
        bar.abort()
        out.put(error)
        raise
