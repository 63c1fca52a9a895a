"""Somebody at the console with a real browser: Debian's Chromium, led by Playwright, on a real server of this machine.

browsing     the demonstration served on loopback at DAY, and a browser; one for all tests of a file
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, Response
from waitress import create_server

from api import Sessions, create_app
from api.demo import NOTICE, DemoFolder
from definitions.papers import Papers
from workflow import Engine
from workflow.library import Library
from workflow.testing import FrozenClock

from .demonstration import DAY
from .lifecycle import PLACE

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking"]
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
HEAVIEST = 100_000
MISSING = "no Chromium on this machine: apt install chromium fonts-noto-cjk"


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
        self._server._map.clear()
        self._thread.join(5)


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
            self.sessions.open(person)(response)
        name, _, value = response.headers["Set-Cookie"].partition(";")[0].partition("=")
        return name, value

    def page(self, person: str | None = None, *, scripts: bool = True, **more: Any) -> Any:
        """A window of its own, signed in."""
        context = self._browser.new_context(
            java_script_enabled=scripts, locale="zh-CN", base_url=self.served.origin, **more
        )
        if person is not None:
            name, value = self.cookie(person)
            context.add_cookies([{"name": name, "value": value, "url": self.served.origin}])
        page = context.new_page()
        page.set_default_timeout(10_000)
        page.on("request", self._asked)
        page.on("response", self._came)
        page.on("console", lambda said: self.seen.console.append(said.text) if said.type == "error" else None)
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

    def _dialog(self, dialog: Any) -> None:
        self.seen.dialogs.append(dialog.message)
        dialog.dismiss()

    def close(self) -> None:
        self._browser.close()
        self.served.close()
        self.engine.database.dispose()


@pytest.fixture(scope="module")
def browsing(
    demo_file: Path, tmp_path_factory: pytest.TempPathFactory, library: Library
) -> Iterator[Browsing]:
    """For a whole file: a browser costs a second, and its event loop must not stay in the way of other tests."""
    if CHROMIUM is None:
        pytest.skip(MISSING)
    from playwright.sync_api import sync_playwright

    folder = tmp_path_factory.mktemp("browsing")
    shutil.copy(demo_file, folder / "demo.db")
    clock = FrozenClock(DAY)
    engine = Engine(f"sqlite:///{folder / 'demo.db'}", library, place=PLACE, clock=clock)
    sessions = Sessions(engine)
    app = create_app(
        engine, sessions, sessions=sessions, notice=NOTICE, operators=["operator"], documents=DemoFolder(folder / "documents"),
        papers=Papers(engine, None),
    )  # fmt: skip
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        found = Browsing(engine, clock, app, sessions, browser)
        yield found
        found.close()


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
