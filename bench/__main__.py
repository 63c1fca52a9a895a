"""`make bench`: the engine beside the hand-written limit, pairwise in one run, on PostgreSQL and SQLite.

    python -m bench [SECTION ...] [--rounds N] [--cases N] [--large]

Sections: import postgresql clients http worklist batch sqlite flat history parts sweep pages (all, when none is named). `--large`
(or BENCH_LARGE=1): flatness and pages up to 500,000 cases instead of 50,000. What the numbers mean: docs/performance.md.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psycopg

from tests.postgres import Server, server

from . import a_limit as limit
from . import clients, pages, service, sweep, w1def
from .contender import (
    Batches,
    EngineW1,
    Forgetful,
    TruncateLimit,
    TruncateLimitBulk,
    WalBatches,
    WalEngine,
    actor_of,
    open_engine,
)
from .measure import Making, Report, interleave
from .parts import cost
from .seed import long_cases
from .target import BACKGROUND, Targets

CLIENTS = 8


def say(text: str) -> None:
    """Progress, on stderr."""
    print(text, file=sys.stderr, flush=True)


class Bench:
    """One run: where the contenders run, and what was found."""

    def __init__(self, targets: Targets, given: argparse.Namespace) -> None:
        self.targets = targets
        self.rounds, self.cases, self.large = given.rounds, given.cases, given.large
        self.found: list[tuple[str, float, float | None, float]] = []

    def compare(self, title: str, base: str, contenders: dict[str, Making]) -> Report:
        """Each contender does the script once a round, slice by slice in turn; printed relative to `base`."""
        say(title)
        report, items = Report("events/s"), w1def.script(self.cases)
        for _ in range(self.rounds):
            interleave(report, contenders, items)
        print(f"\n### {title}\n")
        report.show(base)
        return report

    def note(self, what: str, report: Report, name: str, base: str, wanted: float) -> None:
        """Keep one ratio for the end."""
        self.found.append((what, report.ratio(name, base), report.cpu_ratio(name, base), wanted))

    # -- the sections

    def sweep(self) -> None:
        """Timers that are due among many that are not."""
        say("the sweep")
        print("\n### 1,000 due timers, in pages of 100\n")
        print(
            "| | open timers | engine s | by hand, step by step s | times faster | against the fewest | idle tick ms |"
        )
        print("|---|---|---|---|---|---|---|")
        fewest: dict[str, float] = {}
        for kind, size, engine, hand, idle in sweep.measure(self.targets, self.rounds, large=self.large):
            flat = engine / fewest.setdefault(kind, engine)
            print(
                f"| {kind} | {size:,} | {engine:.2f} | {hand:.2f} | {hand / engine:.1f} | {flat:.2f} | {idle * 1000:.2f} |",
                flush=True,
            )
            what = f"sweep on {kind}, {size:,} open, against step by step"
            self.found.append((what, hand / engine, None, 2.0))

    def pages(self) -> None:
        """The console among few cases and among many."""
        say("the console's pages")
        few, many = pages.FEW, pages.MANY if self.large else pages.MORE
        print(
            f"\n### A page of the console, in ms of the server: median, 95th of 100\n\n"
            f"| | reader | page | {few:,} cases | {many:,} | ratio of the medians |\n|---|---|---|---|---|---|"
        )
        for kind, who, page, took in pages.measure(self.targets, (few, many)):
            middle = {size: statistics.median(times) for size, times in took.items()}
            tail = {size: pages.p95(times) for size, times in took.items()}
            shown = (f"{1000 * middle[size]:.0f}, {1000 * tail[size]:.0f}" for size in (few, many))
            flat = middle[many] / middle[few]
            print(f"| {kind} | {who} | {page} | {' | '.join(shown)} | {flat:.2f} |", flush=True)
            what = f"{kind}, {who} {page}"
            self.found.append(
                (f"{what}: 150 ms / its 95th among {many:,}", pages.WANTED / tail[many], None, 1.0)
            )
            self.found.append((f"{what}: flatness", pages.FLAT / flat, None, 1.0))

    def postgresql(self) -> None:
        """One client."""
        base, targets = "limit: one CTE", self.targets
        report = self.compare(
            "PostgreSQL, one client",
            base,
            {
                base: targets.limit(limit.Pg1),
                "limit: read + CTE": targets.limit(limit.Pg2),
                "limit: step by step": targets.limit(limit.PgSteps),
                "engine": targets.engine(EngineW1),
                "engine, nothing remembered": targets.engine(Forgetful),
            },
        )
        self.note("PostgreSQL, one client", report, "engine", base, 0.55)

    def clients(self) -> None:
        """Eight clients, each a process of its own; whole scripts in turn, for they cannot be cut into slices together."""
        title, report = f"PostgreSQL, {CLIENTS} clients", Report("events/s")
        base = f"limit: one CTE, {CLIENTS} clients"
        targets = Targets(self.targets.postgres, self.targets.folder, clients.CASES)
        say(title)
        for _ in range(2 * self.rounds):
            for name, contender, target in (
                (base, limit.Pg1, targets.limit_database), ("engine", EngineW1, targets.database),
            ):  # fmt: skip
                with target() as url:
                    clients.measure(report, name, contender, url, CLIENTS)
        print(f"\n### {title}\n")
        report.show(base)
        self.note(title, report, "engine", base, 0.55)

    def http(self) -> None:
        """Over HTTP, beside a bare endpoint on the same server."""
        title, report = (
            f"PostgreSQL over HTTP, waitress, {service.CONNECTIONS} connections",
            Report("events/s"),
        )
        say(title)
        for _ in range(self.rounds):
            with self.targets.limit_database() as bare, self.targets.database() as ours:
                service.measure(report, bare, ours, self.cases)
                w1def.pg_check(bare, self.cases)
        print(f"\n### {title}\n")
        report.show(service.BARE)
        self.note(title, report, service.OURS, service.BARE, 0.6)
        print(f"\np99 of the service / of the bare one: {service.p99_ratio(report):.2f} (wanted: at most 2)")

    def worklist(self) -> None:
        """A page of fifty of what waits for somebody, among few cases and many."""
        many = 500_000 if self.large else 50_000
        say("the worklist")
        print("\n### GET /v1/worklist?limit=50 on PostgreSQL\n\n| old cases | ms (median) |\n|---|---|")
        taken = {}
        for size in (BACKGROUND, many):
            with self.targets.database(background=size, lines=3) as url:
                taken[size] = statistics.median(service.worklist(url, 40 * self.rounds))
            print(f"| {size:,} | {1000 * taken[size]:.1f} |", flush=True)
        what = f"worklist of 50, {many:,} old cases / {BACKGROUND:,}"
        self.found.append((what, taken[BACKGROUND] / taken[many], None, 1 / 1.5))

    def batch(self) -> None:
        """A hundred events in one transaction."""
        title, targets = "PostgreSQL, a hundred events in one transaction", self.targets
        report = self.compare(
            title,
            "engine, one by one",
            {
                "engine, one by one": targets.engine(EngineW1),
                "engine, batch of 100": targets.engine(Batches),
                "limit: bulk of 100": targets.limit(limit.PgBulk),
            },
        )
        what = "PostgreSQL, batch of 100 / one by one"
        self.note(what, report, "engine, batch of 100", "engine, one by one", 3)

    def sqlite(self) -> None:
        """One client on SQLite: as shipped, and with the same journal as the limit."""
        targets = self.targets
        report = self.compare(
            f"SQLite {sqlite3.sqlite_version}, one client, synchronous = FULL",
            "limit (WAL)",
            {
                "limit (WAL)": targets.limit_on_file(limit.Lite),
                "limit (rollback journal)": targets.limit_on_file(TruncateLimit),
                "engine (rollback journal)": targets.engine_file(EngineW1),
                "engine (WAL)": targets.engine_file(WalEngine),
                "limit, bulk of 100 (WAL)": targets.limit_on_file(limit.LiteBulk),
                "limit, bulk of 100 (rollback journal)": targets.limit_on_file(TruncateLimitBulk),
                "engine, batch of 100 (rollback journal)": targets.engine_file(Batches),
                "engine, batch of 100 (WAL)": targets.engine_file(WalBatches),
            },
        )
        for what, name, base, wanted in (
            ("one client, both in WAL", "engine (WAL)", "limit (WAL)", 0.45),
            ("one client, both with the rollback journal", "engine (rollback journal)", "limit (rollback journal)", 0.45),
            ("batch of 100 / one by one, WAL", "engine, batch of 100 (WAL)", "engine (WAL)", 3),
            (
                "batch of 100 / one by one, rollback journal", "engine, batch of 100 (rollback journal)",
                "engine (rollback journal)", 3,
            ),
        ):  # fmt: skip
            self.note(f"SQLite, {what}", report, name, base, wanted)

    def flat(self) -> None:
        """Few old cases and many."""
        many = 500_000 if self.large else 50_000
        small, big = f"{BACKGROUND:,} old cases", f"{many:,} old cases"
        for place, target in (("PostgreSQL", self.targets.engine), ("SQLite", self.targets.engine_file)):
            contenders = {
                small: target(EngineW1, background=BACKGROUND, lines=3),
                big: target(EngineW1, background=many, lines=3),
            }
            report = self.compare(f"{place}: the engine among few and many cases", small, contenders)
            self.note(f"{place}, {big} / {small}", report, big, small, 1 / 1.3)

    def history(self) -> None:
        """Short histories and long ones."""
        say("the length of a history")
        with self.targets.database(background=0) as url:
            short, long, restarted = long_cases(
                url, {"remark": (16, 10), "remark again": (4, 1000), "extend": (4, 1000)}
            )
            engine = open_engine(url)
            names = {"10 lines": (short, "remark"), "1,000 lines": (long, "remark")}
            names["1,000 lines, its clock restarted by each"] = (restarted, "extend")
            report = Report("events/s")
            for _ in range(self.rounds):
                for name, (ids, event) in names.items():
                    count = 160 // len(ids)
                    start = time.perf_counter()
                    for case in ids:
                        for _ in range(count):
                            engine.fire(
                                case,
                                event,
                                actor_of(11),
                                {"remark" if event == "remark" else "opinion": w1def.TEXT},
                            )
                    report.add(name, count * len(ids), time.perf_counter() - start)
            engine.database.dispose()
        print("\n### PostgreSQL: the length of a history\n")
        report.show("10 lines")
        self.note("PostgreSQL, 1,000 lines / 10 lines", report, "1,000 lines", "10 lines", 1 / 1.3)

    def parts(self) -> None:
        """Where the time goes."""
        say("cost by part")
        items = w1def.script(self.cases)
        for place, target in (
            ("PostgreSQL", self.targets.engine), ("SQLite, rollback journal", self.targets.engine_file),
        ):  # fmt: skip
            with target(EngineW1)() as contender:
                _show_parts(place, cost(contender, items))

    def imports(self) -> None:
        """What `import workflow` costs and loads."""
        code = (
            "import sys, time; start = time.perf_counter(); import workflow; took = time.perf_counter() - start;"
            "unwanted = {'flask', 'apscheduler', 'marshmallow'} & set(sys.modules);"
            "print(took, ' '.join(sorted(unwanted)) or 'none of flask, apscheduler, marshmallow')"
        )
        taken = []
        for _ in range(self.rounds):
            done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
            took, _, loaded = done.stdout.strip().partition(" ")
            taken.append(float(took))
        print(f"\n### `import workflow`\n\n{1000 * statistics.median(taken):.0f} ms; it loads {loaded}")

    def summary(self) -> None:
        """The ratios, and what was to be reached."""
        if not self.found:
            return
        print("\n### Reached\n\n| what | ratio | by CPU time | wanted | |\n|---|---|---|---|---|")
        for what, ratio, cpu, wanted in self.found:
            spent, reached = "" if cpu is None else f"{cpu:.2f}", "yes" if ratio >= wanted else "no"
            print(f"| {what} | {ratio:.2f} | {spent} | ≥ {wanted:.2f} | {reached} |")


def _show_parts(title: str, found: list[tuple[str, float]]) -> None:
    total = sum(took for _, took in found)
    print(f"\n### Cost of one event by part: {title}\n\n| part | µs of CPU | % |\n|---|---|---|")
    for part, took in found:
        print(f"| {part} | {took:.0f} | {100 * took / total:.0f} |")
    print(f"| all | {total:.0f} | 100 |")


SECTIONS = {
    "import": Bench.imports, "postgresql": Bench.postgresql, "clients": Bench.clients,
    "http": Bench.http, "worklist": Bench.worklist, "batch": Bench.batch,
    "sqlite": Bench.sqlite, "flat": Bench.flat, "history": Bench.history, "parts": Bench.parts,
    "sweep": Bench.sweep, "pages": Bench.pages,
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__.splitlines()[0])
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=", ".join(SECTIONS))
    parser.add_argument(
        "--rounds", type=int, default=1, help="how often each contender does the whole script"
    )
    parser.add_argument("--cases", type=int, default=160, help="cases of the script, about nine events each")
    parser.add_argument("--large", action="store_true", default=os.environ.get("BENCH_LARGE") == "1")
    given = parser.parse_args()
    unknown = set(given.sections) - set(SECTIONS)
    if unknown:
        parser.error(f"no section {', '.join(sorted(unknown))}; there are: {', '.join(SECTIONS)}")
    if given.cases < 1:
        parser.error(f"--cases: 1 at least, not {given.cases}")
    shared = service.CONNECTIONS
    if "http" in (given.sections or SECTIONS) and given.cases > shared and given.cases % shared:
        near = given.cases // shared * shared
        parser.error(
            f"--cases: http deals them out to {shared} connections, so {near} or {near + shared}, not {given.cases}"
        )
    start = time.perf_counter()
    with (
        tempfile.TemporaryDirectory() as folder,
        server(durable=True) as url,
        contextlib.closing(Server(url)) as postgres,
    ):
        bench = Bench(Targets(postgres, Path(folder), given.cases), given)
        python = ".".join(map(str, sys.version_info[:3]))
        print(
            f"Python {python}, psycopg {psycopg.__version__}, SQLite {sqlite3.sqlite_version}, {os.cpu_count()} CPUs,",
            end=" ",
        )
        print(
            f"load {os.getloadavg()[0]:.1f}, one fdatasync {limit.fsync_us(folder):.0f} µs, {given.rounds} rounds",
            flush=True,
        )
        for name, section in SECTIONS.items():
            if not given.sections or name in given.sections:
                section(bench)
        bench.summary()
    say(f"{time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
