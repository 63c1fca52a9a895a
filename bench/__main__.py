"""`make bench`: the engine beside the hand-written limit, pairwise in one run, on PostgreSQL and SQLite.

    python -m bench [SECTION ...] [--rounds N] [--cases N] [--large]

Sections: postgresql clients batch sqlite flat history parts import (all, when none is named). `--large` (or BENCH_LARGE=1):
flatness up to 500,000 cases instead of 50,000. What the numbers mean: docs/performance.md.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg

from tests.postgres import Server, server

from . import a_limit as limit
from . import w1def
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
from .parts import cost
from .seed import fill, long_cases

BACKGROUND = 5_000
CLIENTS = 8
Rates = dict[str, list[float]]


def say(text: str) -> None:
    """Progress, on stderr."""
    print(text, file=sys.stderr, flush=True)


class Bench:
    """One run: a server, a folder, and what was found."""

    def __init__(self, postgres: Server, folder: Path, given: argparse.Namespace) -> None:
        self.postgres, self.folder = postgres, folder
        self.rounds, self.cases, self.large = given.rounds, given.cases, given.large
        self.found: list[tuple[str, float, float]] = []

    # -- targets: a fresh copy each time

    @contextlib.contextmanager
    def database(self, background: int = BACKGROUND, lines: int | None = None) -> Iterator[str]:
        """A fresh PostgreSQL database with the script's drafts and that many old cases."""
        key = f"engine {self.cases} {background} {lines}"
        template = self.postgres.template(key, lambda url: fill(url, self.cases, background, lines=lines))
        name = self.postgres.create(template)
        try:
            yield self.postgres.database(name)
        finally:
            self.postgres.drop(name)

    @contextlib.contextmanager
    def file(self, background: int = BACKGROUND, lines: int | None = None) -> Iterator[str]:
        """A fresh SQLite file with the same."""
        template = self.folder / f"engine-{background}-{lines}.db"
        if not template.exists():
            fill(f"sqlite:///{template}", self.cases, background, lines=lines)
        fresh = self.folder / "fresh.db"
        for ending in ("", "-wal", "-shm", "-journal"):
            fresh.with_name(fresh.name + ending).unlink(missing_ok=True)
        shutil.copy(template, fresh)
        yield f"sqlite:///{fresh}"

    def limit_dsn(self) -> str:
        """The limit's own PostgreSQL database, seeded as a_limit.py does."""
        dsn = self.postgres.database("w1")
        w1def.pg_seed(dsn)
        return dsn

    def limit_file(self) -> str:
        """The limit's own SQLite file."""
        name = str(self.folder / "w1.db")
        w1def.sqlite_seed(name)
        return name

    # -- measuring

    def run(self, report: w1def.Report, name: str, contender: Any, target: str, clients: int = 1) -> None:
        count, wall, latencies, cpu = limit.clients(contender, target, clients, self.cases)
        report.add(name, count, wall, latencies, client_cpu_us=cpu / count * 1e6)

    def compare(
        self, title: str, base: str, runs: dict[str, Callable[[w1def.Report, str], None]]
    ) -> w1def.Report:
        """Each of the runs once a round, in turn; a ratio is the median over the rounds of the pair's rates."""
        say(title)
        report = w1def.Report("events/s")
        for _ in range(self.rounds):
            for name, one in runs.items():
                one(report, name)
        print(f"\n### {title}\n")
        report.show(base)
        return report

    def note(self, what: str, report: w1def.Report, name: str, base: str, wanted: float) -> None:
        """Keep one ratio for the end."""
        pairs = zip(report.rows[name], report.rows[base], strict=True)
        self.found.append((what, statistics.median(a["rate"] / b["rate"] for a, b in pairs), wanted))

    def of_limit(self, contender: Any, clients: int = 1) -> Callable[[w1def.Report, str], None]:
        def one(report: w1def.Report, name: str) -> None:
            dsn = self.limit_dsn()
            self.run(report, name, contender, dsn, clients)
            w1def.pg_check(dsn, self.cases)

        return one

    def of_engine(
        self, contender: Any, clients: int = 1, **seeded: Any
    ) -> Callable[[w1def.Report, str], None]:
        def one(report: w1def.Report, name: str) -> None:
            with self.database(**seeded) as url:
                self.run(report, name, contender, url, clients)

        return one

    def of_limit_file(self, contender: Any) -> Callable[[w1def.Report, str], None]:
        def one(report: w1def.Report, name: str) -> None:
            file = self.limit_file()
            self.run(report, name, contender, file)
            w1def.sqlite_check(file, self.cases)

        return one

    def of_file(self, contender: Any, **seeded: Any) -> Callable[[w1def.Report, str], None]:
        def one(report: w1def.Report, name: str) -> None:
            with self.file(**seeded) as url:
                self.run(report, name, contender, url)

        return one

    # -- the sections

    def postgresql(self) -> None:
        """One client."""
        report = self.compare(
            "PostgreSQL, one client",
            "limit: one CTE",
            {
                "limit: one CTE": self.of_limit(limit.Pg1),
                "limit: read + CTE": self.of_limit(limit.Pg2),
                "limit: step by step": self.of_limit(limit.PgSteps),
                "engine": self.of_engine(EngineW1),
                "engine, nothing remembered": self.of_engine(Forgetful),
            },
        )
        self.note("PostgreSQL, one client", report, "engine", "limit: one CTE", 0.55)

    def clients(self) -> None:
        """Eight clients, each a process of its own."""
        base = f"limit: one CTE, {CLIENTS} clients"
        report = self.compare(
            f"PostgreSQL, {CLIENTS} clients",
            base,
            {base: self.of_limit(limit.Pg1, CLIENTS), "engine": self.of_engine(EngineW1, CLIENTS)},
        )
        self.note(f"PostgreSQL, {CLIENTS} clients", report, "engine", base, 0.55)

    def batch(self) -> None:
        """A hundred events in one transaction."""
        report = self.compare(
            "PostgreSQL, a hundred events in one transaction",
            "engine, one by one",
            {
                "engine, one by one": self.of_engine(EngineW1),
                "engine, batch of 100": self.of_engine(Batches),
                "limit: bulk of 100": self.of_limit(limit.PgBulk),
            },
        )
        self.note(
            "PostgreSQL, batch of 100 / one by one", report, "engine, batch of 100", "engine, one by one", 3
        )

    def sqlite(self) -> None:
        """One client on SQLite: as shipped, and with the same journal as the limit."""
        report = self.compare(
            f"SQLite {sqlite3.sqlite_version}, one client, synchronous = FULL",
            "limit (WAL)",
            {
                "limit (WAL)": self.of_limit_file(limit.Lite),
                "limit (rollback journal)": self.of_limit_file(TruncateLimit),
                "engine (as shipped)": self.of_file(EngineW1),
                "engine (WAL)": self.of_file(WalEngine),
                "limit, bulk of 100 (WAL)": self.of_limit_file(limit.LiteBulk),
                "limit, bulk of 100 (rollback journal)": self.of_limit_file(TruncateLimitBulk),
                "engine, batch of 100 (as shipped)": self.of_file(Batches),
                "engine, batch of 100 (WAL)": self.of_file(WalBatches),
            },
        )
        self.note("SQLite, one client, both WAL", report, "engine (WAL)", "limit (WAL)", 0.45)
        self.note(
            "SQLite, one client, both rollback journal",
            report,
            "engine (as shipped)",
            "limit (rollback journal)",
            0.45,
        )
        self.note(
            "SQLite, engine as shipped / limit in WAL", report, "engine (as shipped)", "limit (WAL)", 0.45
        )
        self.note(
            "SQLite, batch of 100 / one by one",
            report,
            "engine, batch of 100 (as shipped)",
            "engine (as shipped)",
            3,
        )

    def flat(self) -> None:
        """Few old cases and many."""
        many = 500_000 if self.large else 50_000
        small, big = f"{BACKGROUND:,} old cases", f"{many:,} old cases"
        for place, target in (("PostgreSQL", self.of_engine), ("SQLite", self.of_file)):
            runs = {
                small: target(EngineW1, background=BACKGROUND, lines=3),
                big: target(EngineW1, background=many, lines=3),
            }
            report = self.compare(f"{place}: the engine among few and many cases", small, runs)
            self.note(f"{place}, {big} / {small}", report, big, small, 1 / 1.3)

    def history(self) -> None:
        """Short histories and long ones."""
        say("the length of a history")
        with self.database(background=0) as url:
            short, long, restarted = long_cases(
                url, {"remark": (16, 10), "remark again": (4, 1000), "extend": (4, 1000)}
            )
            engine = open_engine(url)
            names = {"10 lines": (short, "remark"), "1,000 lines": (long, "remark")}
            names["1,000 lines, its clock restarted by each"] = (restarted, "extend")
            report = w1def.Report("events/s")
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
        with self.database() as url:
            _show_parts("PostgreSQL", cost(EngineW1(url), items))
        with self.file() as url:
            _show_parts("SQLite, as shipped", cost(EngineW1(url), items))

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
        print("\n### Reached\n\n| what | ratio | wanted | |\n|---|---|---|---|")
        for what, ratio, wanted in self.found:
            print(f"| {what} | {ratio:.2f} | ≥ {wanted:.2f} | {'yes' if ratio >= wanted else 'no'} |")


def _show_parts(title: str, found: list[tuple[str, float]]) -> None:
    total = sum(took for _, took in found)
    print(f"\n### Cost of one event by part: {title}\n\n| part | µs | % |\n|---|---|---|")
    for part, took in found:
        print(f"| {part} | {took:.0f} | {100 * took / total:.0f} |")
    print(f"| all | {total:.0f} | 100 |")


SECTIONS = {
    "import": Bench.imports, "postgresql": Bench.postgresql, "clients": Bench.clients, "batch": Bench.batch,
    "sqlite": Bench.sqlite, "flat": Bench.flat, "history": Bench.history, "parts": Bench.parts,
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__.splitlines()[0])
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=", ".join(SECTIONS))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--cases", type=int, default=160, help="cases of the script, about nine events each")
    parser.add_argument("--large", action="store_true", default=os.environ.get("BENCH_LARGE") == "1")
    given = parser.parse_args()
    unknown = set(given.sections) - set(SECTIONS)
    if unknown:
        parser.error(f"no section {', '.join(sorted(unknown))}; there are: {', '.join(SECTIONS)}")
    start = time.perf_counter()
    with (
        tempfile.TemporaryDirectory() as folder,
        server(durable=True) as url,
        contextlib.closing(Server(url)) as postgres,
    ):
        bench = Bench(postgres, Path(folder), given)
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
