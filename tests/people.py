"""People at the console with a real browser: they sign in, read, click and type, and know no name that the page does not show.

A label, a button, a menu are found as a person finds them, by their words; where there are none, nobody gets on.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from api.accounts import Accounts
from api.demo import Demonstration

from .browser import Browsing

OWN = "我自己想出来的一句话 2026"
"""the password that everybody chooses at his first sign-in"""
Told = Mapping[str, Any]
"""what is typed: label -> text, the words of a choice, several of them, or a file (name, type, content)"""
PAPER = {"name": "函.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.4\n%%EOF\n"}


class Somebody:
    """One person with a browser of his own."""

    def __init__(self, city: Browsing, person: str | None, **more: Any) -> None:
        self.city, self.person, self.page = city, person, city.page(**more)

    # --- coming in

    def comes(self) -> Somebody:
        """From the sign-in page to the first page; who comes for the first time chooses a password."""
        self.page.goto("/")
        if self.heading().startswith("今日"):
            return self
        password = self._known()
        self.fills({"账号": self.person, "密码": password})
        self.presses("登录")
        if self.heading() == "修改密码":
            self.fills({"现在的密码": password, "新密码": OWN, "再次输入新密码": OWN})
            self.presses("修改")
        assert self.heading().startswith("今日"), self.said()
        return self

    def _known(self) -> str:
        looks = {look.person: look.password for look in Demonstration(self.city.engine).looks()}
        accounts = Accounts(self.city.engine)
        if self.person in looks:
            return looks[self.person]
        if accounts.get(str(self.person)) is not None:
            return OWN
        return str(accounts.add(str(self.person), by="operator"))

    # --- going on

    def clicks(self, words: str, within: str = "main") -> Somebody:
        """A link by exactly these words."""
        self.page.locator(within).get_by_role("link", name=words, exact=True).first.click()
        return self._there()

    def menu(self, words: str) -> Somebody:
        """Something in the menu, or a list below `列表`."""
        menu = self.page.get_by_role("navigation", name="主菜单")
        if not menu.get_by_role("link", name=words, exact=True).first.is_visible():
            menu.get_by_text("列表", exact=True).click()
        menu.get_by_role("link", name=words, exact=True).first.click()
        return self._there()

    def presses(self, words: str) -> Somebody:
        """A button of the page itself."""
        self.page.locator("main").get_by_role("button", name=words, exact=True).click()
        return self._there()

    def downloads(self, words: str, into: Path) -> Path:
        """What a button sends."""
        with self.page.expect_download() as found:
            self.presses(words)
        found.value.save_as(into)
        return into

    def finds(self, words: str) -> Somebody:
        """By the field above every page."""
        self.page.get_by_role("searchbox", name="按编号或标题查找").fill(words)
        self.page.get_by_role("button", name="查找").click()
        return self._there()

    def _there(self) -> Somebody:
        self.page.wait_for_load_state()
        return self

    def opens(self, menu: str, title: str) -> Somebody:
        """A case out of a list."""
        return self.menu(menu).clicks(title)

    # --- doing

    def does(self, step: str, told: Told | None = None, answer: str | None = None) -> Somebody:
        """A step of the case that is open, its form filled in; told that it is done."""
        self.begins(step).fills(told or {}).presses(step)
        assert f"已完成：{step}" in self.said(), self.said()
        if answer is not None:
            assert answer in self.sentence(), self.sentence()
        return self

    def begins(self, step: str) -> Somebody:
        """Only opens the form."""
        return self.clicks(step)

    def fills(self, told: Told) -> Somebody:
        """Type, choose and tick."""
        for label, value in told.items():
            self._fill(label, value)
        return self

    def _fill(self, label: str, value: Any) -> None:
        words = re.compile(rf"^\s*{re.escape(label)}(\s|$)")
        main = self.page.locator("main")
        group = main.get_by_role("group", name=words)
        if group.count():
            for one in [value] if isinstance(value, str) else value:
                group.get_by_label(one, exact=True).check()
            return
        field = main.get_by_label(words)
        assert field.count() == 1, f"{self.page.url}: {field.count()} fields are called {label}"
        kind = field.evaluate("one => one.type || one.tagName")
        if kind == "select-one":
            field.select_option(label=value)
        elif kind == "file":
            field.set_input_files(value)
        else:
            field.fill(value)

    # --- reading

    def heading(self) -> str:
        """The heading of the page."""
        return str(self.page.locator("h1").inner_text())

    def sentence(self) -> str:
        """The first line of a case."""
        return str(self.page.locator(".sentence").inner_text())

    def said(self) -> str:
        """Everything the page says."""
        return str(self.page.locator("main").inner_text())

    def offered(self) -> list[str]:
        """The steps this person can take with the case that is open."""
        return [one.strip() for one in self.page.locator(".head .button, .acts .second").all_inner_texts()]

    def why_not(self, step: str) -> str:
        """What the page says about a step that it does not offer."""
        self.page.get_by_text("现在不能进行的，以及为什么", exact=True).click()
        return str(self.page.locator(f"dt:text-is('{step}') + dd").inner_text())
