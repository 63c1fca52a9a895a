"""What every test gets: a database of each kind, a clean environment, and guards that nothing is left behind.

One PostgreSQL per run: the controller lets it come up in the background, whoever needs it first waits for it.

    database_url      a fresh, empty database; the test runs once on SQLite and once on PostgreSQL
    sqlite_url        a fresh file
    postgres_url      a fresh database
    postgres_server   the server itself, for templates and more than one database in a test
"""

from __future__ import annotations

import gc
import os
import random
import threading
import time
from collections import Counter
from collections.abc import Generator, Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest
from hypothesis import settings
from sqlalchemy import event
from sqlalchemy.pool import Pool

from tests.once import Schemas, builders_are_compiled_once
from tests.postgres import FOREIGN, Keeper, Server, in_memory, url_of
from workflow import load_definitions
from workflow.library import Library

NO_SKIP = bool(os.environ.get("TIBANDU_NO_SKIP"))
ZONES = ("UTC", "Asia/Shanghai", "America/Los_Angeles", "Pacific/Kiritimati")
GRACE_SECONDS = 3.0
UNCOUNTED = (
    "accounts", "api", "backends", "browser*", "channels", "concurrency", "console*", "crash", "definitions", "demo", "diagram",
    "documents*",
    "fuzz*", "history", "http_[!o]*", "imports", "invariants", "json_text", "lifecycles", "matrix", "mutants", "openapi",
    "packaging", "places*", "receptions", "recorded_histories", "replay", "scheduler*", "schema", "screens",
    "separation", "sessions",
    "soak", "story", "stories*", "sweep", "term", "unfit", "walks", "whole_mechanism",
)  # fmt: skip
"""Test files that drive the engine at length. The tracer doubles their time and they reach little that the others do not, so
what they reach does not count as covered: the figure is that of the rest."""

LONG = (
    "browser_stories", "screens", "crash", "packaging", "soak", "fuzz_http", "http_storm", "concurrency", "cli", "engine",
    "mutants", "demo", "whole_mechanism", "http_docs", "replay",
)  # fmt: skip
"""Test files whose tests are few and long: they come first, or one worker would be busy with the last of them alone."""

settings.register_profile("tibandu", deadline=None, print_blob=True)
settings.load_profile("tibandu")

# --- the run


_server_key = pytest.StashKey[str]()
_keeper_key = pytest.StashKey[Keeper]()


def pytest_configure(config: pytest.Config) -> None:
    """Run in some zone of the host: nothing may depend on it. Set TZ to repeat a run. Files of tests lie in memory where there is
    room; those of tests that passed are removed at once.
    """
    os.environ.setdefault("TZ", random.choice(ZONES))
    time.tzset()
    if (memory := in_memory()) is not None:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(memory))


def pytest_report_header(config: pytest.Config) -> str:
    """Say what is needed to repeat this run."""
    return f"zone of the host: TZ={os.environ['TZ']}; skips are {'failures' if NO_SKIP else 'allowed'}"


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Let the server come up, in the one process that outlives all others."""
    config = session.config
    handed = getattr(config, "workerinput", {}).get("postgres")
    if handed is None and not (handed := os.environ.get(FOREIGN)) and not config.option.collectonly:
        keeper = Keeper()
        config.stash[_keeper_key] = keeper
        handed = str(keeper.folder)
    config.stash[_server_key] = handed or ""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The long files first, then those of many tests: in this order `make test` deals them out to its workers."""
    tests = Counter(item.path for item in items)

    def last(item: pytest.Item) -> tuple[bool, int, str]:
        return item.path.stem.removeprefix("test_") not in LONG, -tests[item.path], item.path.name

    items.sort(key=last)


def pytest_collection_finish() -> None:
    """What is there now stays: the collector of garbage need not walk over thousands of tests again and again."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node) -> None:
    """Tell a worker where the server is."""
    node.workerinput["postgres"] = node.config.stash[_server_key]


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the server; after a crash its keeper does it."""
    if _keeper_key in config.stash:
        config.stash[_keeper_key].stop()


def pytest_itemcollected(item: pytest.Item) -> None:
    """Tell the coverage plugin which tests are not counted."""
    if any(fnmatch(item.path.stem, f"test_{name}") for name in UNCOUNTED):
        item.add_marker("no_cover")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Where skips are not allowed, a skipped test has failed."""
    return without_skip((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """The same for a file that is skipped as a whole."""
    return without_skip((yield))


def without_skip(report):
    if NO_SKIP and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped, but TIBANDU_NO_SKIP is set: {report.longrepr}"
    return report


# --- guards


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of the person who runs the tests reaches them."""
    for name in [name for name in os.environ if name.startswith("TIBANDU_")]:
        monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def shipped_definitions_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command takes them from memory; of any other folder it reads what is there now."""

    def load(folder: Path, *, place: str | None = None) -> Library:
        return shipped(place) if Path(folder).resolve() == FOLDER else load_definitions(folder, place=place)

    monkeypatch.setattr("workflow.loader.load_definitions", load)


@pytest.fixture(scope="session", autouse=True)
def what_is_the_same_is_made_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The first schema on SQLite, and what werkzeug makes of each address."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("workflow.migrations.upgrade", Schemas(tmp_path_factory.mktemp("once")).upgrade)
        builders_are_compiled_once(patch)
        yield


@pytest.fixture(autouse=True)
def no_thread_left() -> Iterator[None]:
    """Whoever starts a thread ends it."""
    before = set(threading.enumerate())
    yield
    assert not wait_until_none(lambda: [t.name for t in threading.enumerate() if t not in before]), (
        "threads left"
    )


_checked_out: set[int] = set()


@event.listens_for(Pool, "checkout")
def _remember(connection: object, record: object, proxy: object) -> None:
    _checked_out.add(id(record))


@event.listens_for(Pool, "detach")
@event.listens_for(Pool, "checkin")
def _forget(connection: object, record: object) -> None:
    _checked_out.discard(id(record))


@pytest.fixture(autouse=True)
def no_connection_left() -> Iterator[None]:
    """Whoever takes a connection from a pool gives it back."""
    before = set(_checked_out)
    yield
    assert not wait_until_none(lambda: _checked_out - before), "connections not given back to their pool"


def wait_until_none(left) -> object:
    """What is left after a moment of grace: threads and server processes do not end at once."""
    until = time.monotonic() + GRACE_SECONDS
    while (found := left()) and time.monotonic() < until:
        time.sleep(0.01)
    return found


# --- databases


@pytest.fixture(scope="session")
def postgres_server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """The PostgreSQL of this run."""
    handed = request.config.stash[_server_key]
    server = Server(handed if "://" in handed else url_of(Path(handed)))
    yield server
    server.close()


@pytest.fixture
def postgres_url(postgres_server: Server) -> Iterator[str]:
    """A fresh database on PostgreSQL. Close what you open: `engine.dispose()`."""
    name = postgres_server.create()
    yield postgres_server.database(name)
    left = wait_until_none(lambda: postgres_server.connections(name))
    postgres_server.drop(name)
    assert not left, f"{left} connection(s) to PostgreSQL left open"


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """A fresh file for SQLite."""
    return f"sqlite:///{tmp_path / 'tibandu.db'}"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """A fresh, empty database of each kind."""
    return request.getfixturevalue({"sqlite": "sqlite_url", "postgresql": "postgres_url"}[request.param])


# --- engine fixtures

from tests.console import desk  # noqa: E402 - the marked place
from tests.demonstration import demo, demo_file  # noqa: E402
from tests.http_walk import city_engine, client  # noqa: E402
from tests.lifecycle import (  # noqa: E402 - the marked place
    FOLDER,
    clock,
    library,
    office,
    other,
    ready_database,
    ready_file,
    ready_url,
    shipped,
    small,
    small_office,
    sqlite_office,
)  # fmt: skip
from tests.stories import town, town_file  # noqa: E402

__all__ = [
    "city_engine",
    "client",
    "clock",
    "demo",
    "demo_file",
    "desk",
    "library",
    "office",
    "other",
    "ready_database",
    "ready_file",
    "ready_url",
    "small",
    "small_office",
    "sqlite_office",
    "town",
    "town_file",
]
