"""Somebody at the console with a real browser: Debian's Chromium, led by Playwright, on a real server of this machine.

chromium     the browser; one for all tests of a file
browsing     the demonstration served on loopback at DAY; one for all tests of a file
city         the same, a fresh one for each test
"""

from __future__ import annotations

import re
import shutil
import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from importlib.resources import files
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask, Response
from waitress import create_server

from api import Accounts, First, Sessions, create_app
from api.demo import NOTICE, DemoFolder
from definitions.papers import Papers
from workflow import Engine
from workflow.library import Library
from workflow.testing import FrozenClock

from .demonstration import DAY
from .lifecycle import PLACE, until_quiet

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking"]
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
HEAVIEST = 100_000
REFUSED = re.compile("Failed to load resource: the server responded with a status of 4(04|09|22)")
FIRST: Any = SimpleNamespace(open=True)
"""what a system has as long as there is no account"""
MISSING = "no Chromium on this machine: apt install chromium chromium-l10n fonts-noto-cjk"


class Served:
    """An application on a free port of this machine, in threads that end with it."""

    def __init__(self, app: Flask) -> None:
        self._server = create_server(app, host="127.0.0.1", port=0, threads=4)
        self.origin = f"http://127.0.0.1:{self._server.effective_port}"
        self._thread = threading.Thread(target=self._server.run)
        self._thread.start()

    def close(self) -> None:
        self._server.task_dispatcher.shutdown()
        self._server.close()
        channels = list(self._server._map.values())
        self._server._map.clear()
        self._thread.join(5)
        for channel in channels:
            channel.close()


@dataclass
class Seen:
    """What went wrong in a browser while its owner looked."""

    outside: list[str] = field(default_factory=list)
    dialogs: list[str] = field(default_factory=list)
    console: list[str] = field(default_factory=list)
    heavy: list[str] = field(default_factory=list)

    def nothing(self) -> bool:
        return not (self.outside or self.dialogs or self.console or self.heavy)


class Browsing:
    """The served demonstration and a browser to look at it."""

    def __init__(
        self, engine: Engine, clock: FrozenClock, app: Flask, sessions: Sessions, browser: Any
    ) -> None:
        self.engine, self.clock, self.app, self.sessions, self._browser = (
            engine,
            clock,
            app,
            sessions,
            browser,
        )
        self.served = Served(app)
        self.seen = Seen()

    def cookie(self, person: str) -> tuple[str, str]:
        """The cookie of a session that is open already."""
        with self.app.test_request_context():
            response = Response()
            self.sessions.open(Accounts(self.engine).get(person) or person)(response)
        name, _, value = response.headers["Set-Cookie"].partition(";")[0].partition("=")
        return name, value

    def page(
        self, person: str | None = None, *, scripts: bool = True, locale: str = "zh-CN", **more: Any
    ) -> Any:
        """A window of its own, signed in, of a browser that asks for that language."""
        context = self._browser.new_context(
            java_script_enabled=scripts, locale=locale, base_url=self.served.origin, **more
        )
        if person is not None:
            name, value = self.cookie(person)
            context.add_cookies([{"name": name, "value": value, "url": self.served.origin}])
        page = context.new_page()
        page.set_default_timeout(120_000)
        page.on("request", self._asked)
        page.on("response", self._came)
        page.on("console", self._told)
        page.on("dialog", self._dialog)
        return page

    def _asked(self, request: Any) -> None:
        if not request.url.startswith((self.served.origin, "data:")):
            self.seen.outside.append(request.url)

    def _came(self, response: Any) -> None:
        if "text/html" in response.headers.get("content-type", "") and response.status < 300:
            size = int(response.headers.get("content-length", 0))
            if size > HEAVIEST:
                self.seen.heavy.append(f"{response.url} {size}")

    def _told(self, said: Any) -> None:
        """A page that says no is no fault of the page; whatever it failed to load is."""
        a_no = REFUSED.match(said.text) and "/static/" not in said.location["url"]
        if said.type == "error" and not a_no:
            self.seen.console.append(said.text)

    def _dialog(self, dialog: Any) -> None:
        self.seen.dialogs.append(dialog.message)
        dialog.dismiss()

    def comes(self, day: date) -> None:
        """The next morning, or a later one: what is due by then has happened."""
        self.clock.set(day)
        deque(until_quiet(self.engine), maxlen=0)

    def close(self) -> None:
        for context in self._browser.contexts:
            context.close()
        self.served.close()
        self.engine.database.dispose()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """For a whole file: a browser costs a second, and its event loop must not stay in the way of other tests."""
    if CHROMIUM is None:
        pytest.skip(MISSING)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def browsing(
    chromium: Any, demo_file: Path, tmp_path_factory: pytest.TempPathFactory, library: Library
) -> Iterator[Browsing]:
    """Where nobody moves the clock or changes what others look at."""
    found = served(chromium, demo_file, tmp_path_factory.mktemp("browsing"), library)
    yield found
    found.close()


@pytest.fixture
def city(chromium: Any, demo_file: Path, tmp_path: Path, library: Library) -> Iterator[Browsing]:
    """A year of its own for one story."""
    found = served(chromium, demo_file, tmp_path, library)
    yield found
    found.close()


def served(browser: Any, demo_file: Path, folder: Path, library: Library) -> Browsing:
    """A copy of the demonstration at DAY, with everything `tibandu serve` gives it."""
    shutil.copy(demo_file, folder / "demo.db")
    clock = FrozenClock(DAY)
    engine = Engine(f"sqlite:///{folder / 'demo.db'}", library, place=PLACE, clock=clock)
    sessions = Sessions(engine, first=First(engine))
    app = create_app(
        engine, sessions, sessions=sessions, notice=NOTICE, operators=["operator"], documents=DemoFolder(folder / "documents"),
        papers=Papers(engine, None),
    )  # fmt: skip
    return Browsing(engine, clock, app, sessions, browser)


def axe() -> str:
    """axe-core, as the package brings it (MPL-2.0); evaluated beside the page, which has no script of it."""
    return files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")


RUN = """async (tags) => {
    const found = await axe.run(document, {runOnly: {type: 'tag', values: tags}, resultTypes: ['violations']});
    return found.violations.map(v => v.id + ': ' + v.nodes.map(n => n.target + ' ' + n.failureSummary).slice(0, 3).join(' | '));
}"""


def violations(page: Any, source: str) -> list[str]:
    """Everything axe finds against WCAG 2.2 AA."""
    page.evaluate(source)
    found: list[str] = page.evaluate(RUN, TAGS)
    return found


def addresses(
    browsing: Browsing, person: str, begin: list[str], wanted: Callable[[str, str], bool]
) -> Iterator[tuple[str, str]]:
    """(screen, address) of what this person reaches by links, whatever `wanted` asks for; found without the browser."""
    from urllib.parse import urlsplit

    from .test_screens import links

    client = browsing.app.test_client()
    client.set_cookie(*browsing.cookie(person))
    matcher = browsing.app.url_map.bind("localhost")
    waiting, seen = list(begin), set(begin)
    while waiting:
        address = waiting.pop(0)
        answer = client.get(address, follow_redirects=True)
        address = answer.request.full_path.rstrip("?")
        if answer.status_code != 200 or answer.mimetype != "text/html":
            continue
        screen = matcher.match(urlsplit(address).path)[0]
        yield screen, address
        for link in links(answer.text):
            if link in seen or not link.startswith("/"):
                continue
            try:
                name = matcher.match(urlsplit(link).path)[0]
            except Exception:  # noqa: BLE001 - a form's address or the service's own
                continue
            if wanted(name, link):
                seen.add(link)
                waiting.append(link)
