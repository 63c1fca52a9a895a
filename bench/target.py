"""What the contenders run on: a fresh database for each, copied from one that was seeded and analysed once."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.postgres import Server

from . import w1def
from .measure import Making, closing
from .seed import fill

BACKGROUND = 5_000


class Targets:
    """Databases on one PostgreSQL server and SQLite files in one folder, for scripts of so many cases."""

    def __init__(
        self, postgres: Server, folder: Path, cases: int, *, background: int = BACKGROUND, drafts: int = w1def.N_CASES
    ) -> None:  # fmt: skip
        """`background`: the engine's old cases. `drafts`: those of the limit, which has as many old ones."""
        self.postgres, self.folder, self.cases = postgres, folder, cases
        self.background, self.drafts = background, drafts
        self._count = 0

    # -- fresh copies

    @contextlib.contextmanager
    def database(self, background: int | None = None, lines: int | None = None) -> Iterator[str]:
        """The engine's: drafts for the script and that many old cases."""
        background = self.background if background is None else background
        key = f"engine {self.cases} {background} {lines}"
        template = self.postgres.template(key, lambda url: fill(url, self.cases, background, lines=lines))
        with self._copied(template) as url:
            yield url

    @contextlib.contextmanager
    def limit_database(self) -> Iterator[str]:
        """The limit's: seeded as a_limit.py does."""
        with self._copied(self.postgres.template("limit", self._seed)) as url:
            yield url

    def _seed(self, url: str) -> None:
        w1def._pg_fill(url, self.drafts)

    @contextlib.contextmanager
    def _copied(self, template: str) -> Iterator[str]:
        name = self.postgres.create(template)
        try:
            yield self.postgres.database(name)
        finally:
            self.postgres.drop(name)

    @contextlib.contextmanager
    def file(self, background: int | None = None, lines: int | None = None) -> Iterator[str]:
        """The engine's SQLite file with the same."""
        background = self.background if background is None else background
        template = self.folder / f"engine-{background}-{lines}.db"
        if not template.exists():
            fill(f"sqlite:///{template}", self.cases, background, lines=lines)
        with self._fresh() as fresh:
            shutil.copy(template, fresh)
            yield f"sqlite:///{fresh}"

    @contextlib.contextmanager
    def limit_file(self) -> Iterator[str]:
        """The limit's SQLite file."""
        with self._fresh() as fresh:
            w1def.sqlite_seed(str(fresh), self.drafts)
            yield str(fresh)

    @contextlib.contextmanager
    def _fresh(self) -> Iterator[Path]:
        self._count += 1
        path = self.folder / f"fresh-{self._count}.db"
        yield path
        for ending in ("", "-wal", "-shm", "-journal"):
            path.with_name(path.name + ending).unlink(missing_ok=True)

    # -- contenders on them

    def engine(self, contender: Callable[[str], Any], **seeded: Any) -> Making:
        """The engine on PostgreSQL."""

        @contextlib.contextmanager
        def making() -> Iterator[Any]:
            with self.database(**seeded) as url, closing(contender(url)) as one:
                yield one

        return making

    def limit(self, contender: Callable[[str], Any]) -> Making:
        """The limit on PostgreSQL."""

        @contextlib.contextmanager
        def making() -> Iterator[Any]:
            with self.limit_database() as url:
                with closing(contender(url)) as one:
                    yield one
                w1def.pg_check(url, self.cases)

        return making

    def engine_file(self, contender: Callable[[str], Any], **seeded: Any) -> Making:
        """The engine on SQLite."""

        @contextlib.contextmanager
        def making() -> Iterator[Any]:
            with self.file(**seeded) as url, closing(contender(url)) as one:
                yield one

        return making

    def limit_on_file(self, contender: Callable[[str], Any]) -> Making:
        """The limit on SQLite."""

        @contextlib.contextmanager
        def making() -> Iterator[Any]:
            with self.limit_file() as file:
                with closing(contender(file)) as one:
                    yield one
                w1def.sqlite_check(file, self.cases)

        return making
