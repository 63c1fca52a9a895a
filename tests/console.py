"""Somebody at the console without a browser: reads pages, fills forms, follows links.

desk        the whole service with its console on `office`, and a reader for everybody
"""

from __future__ import annotations

import io
import re
from collections.abc import Collection, Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, Response
from werkzeug.test import TestResponse

from api import Accounts, Folder, Sessions, create_app, create_schema
from definitions.papers import Papers
from workflow import Actor
from workflow.model import Party
from workflow.outbox import Trial

from .lifecycle import GRANTS, TENANT, Office

ORIGIN = "http://localhost"


class Form(HTMLParser):
    """The inputs of the last form that posts to somewhere but the header's."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.values: dict[str, list[str]] = {}
        self.choices: dict[str, list[str]] = {}
        self._menu = self._text = ""
        self.feed(text[text.index("<main") :])

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        name = found.get("name", self._menu)
        if tag == "select":
            self._menu = name
            self.choices.setdefault(name, [])
        elif tag == "option" and self._menu:
            self.choices[self._menu].append(found.get("value", ""))
            if "selected" in found:
                self.values.setdefault(self._menu, []).append(found["value"])
        elif tag == "button" and name:
            self.choices.setdefault(name, []).append(found.get("value", ""))
        elif tag in ("input", "textarea") and found.get("type") != "file":
            if found.get("type") in ("checkbox", "radio"):
                self.choices.setdefault(name, []).append(found["value"])
                if "checked" not in found:
                    return
            self.values.setdefault(name, []).append(found.get("value", ""))
            self._text = name if tag == "textarea" else ""

    def handle_data(self, data: str) -> None:
        if self._text:
            self.values[self._text][-1] += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea":
            self._text = ""
        if tag == "select":
            if self.choices[self._menu]:  # as a browser sends it
                self.values.setdefault(self._menu, self.choices[self._menu][:1])
            self._menu = ""


class Reader:
    """One person and his browser."""

    def __init__(self, app: Flask, person: str | None) -> None:
        self.client = app.test_client()
        self.page = ""
        if person is not None:
            with app.test_request_context():
                response = Response()
                sessions = app.extensions["sessions"]
                sessions.open(Accounts(sessions._engine).get(person) or person)(response)
            cookie = response.headers["Set-Cookie"].partition(";")[0].partition("=")
            self.client.set_cookie(cookie[0], cookie[2])

    def get(self, address: str) -> TestResponse:
        found = self.client.get(address)
        self.page = found.text if found.mimetype == "text/html" else ""
        return found

    def post(self, address: str, data: Any, **headers: str) -> TestResponse:
        found = self.client.post(address, data=data, headers={"Origin": ORIGIN, **headers})
        self.page = found.text if found.mimetype == "text/html" else ""
        return found

    def fill(self, address: str, **given: Any) -> TestResponse:
        """Open a form, fill it in, send it; a (bytes, name) is a file."""
        assert self.get(address).status_code == 200, self.page
        form = Form(self.page)
        unknown = given.keys() - form.values.keys() - form.choices.keys()
        files = {name: value for name, value in given.items() if isinstance(value, tuple)}
        assert unknown <= files.keys(), f"the page asks for no {unknown}"
        data: dict[str, Any] = {**form.values, **given}
        for name, (content, called) in files.items():
            data[name] = (io.BytesIO(content), called)
        return self.post(address, data)

    def goes(self, answer: TestResponse) -> str:
        """Where it went on to; the page that says why not is the assertion's message."""
        assert answer.status_code == 303, said(self.page)
        found = answer.headers["Location"]
        self.get(found)
        return found


def said(page: str) -> str:
    """The words of a page."""
    main = page[page.find("<main") :]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", main)).strip()


class Desk:
    """The service, and a reader for everybody."""

    def __init__(
        self, office: Office, folder: Path, *, people: Collection[str] = GRANTS, trials: Sequence[Trial] = ()
    ) -> None:
        """`people`: who gets an account; nobody: they have theirs, and the tables are there. `trials`: of a channel file."""
        self.office = office
        if people:
            create_schema(office.engine)
            self._accounts(people)
        sessions = Sessions(office.engine)
        self.app = create_app(
            office.engine,
            sessions,
            sessions=sessions,
            documents=Folder(folder),
            operators=["he"],
            papers=Papers(office.engine),
            trials=trials,
        )
        self.app.extensions["sessions"] = sessions

    def _accounts(self, people: Collection[str]) -> None:
        from sqlalchemy import insert

        from api.store import Shelf

        shelf = Shelf(self.office.engine)
        now = self.office.clock.now().isoformat()
        rows = [
            {
                "person": person,
                "hash": "",
                "made": 0,
                "operator": 0,
                "created_by": "test",
                "created_at": now,
                "changed_at": now,
            }
            for person in people
        ]
        with shelf.connection(write=True) as connection:
            connection.execute(insert(shelf.tables.account), rows)

    def __call__(self, person: str | None) -> Reader:
        return Reader(self.app, person)


def register_units(office: Office) -> None:
    """Some units and deputies with names."""
    names = {"water": "市水利局", "roads": "市交通运输局", "parks": "市园林局"}
    for id_, name in names.items():
        office.engine.parties.put(
            [Party(id=id_, kind="unit", name=name, tenant=TENANT)], by=Actor(person="li"), trusted=True
        )


@pytest.fixture
def desk(sqlite_office: Office, tmp_path: Path) -> Desk:
    register_units(sqlite_office)
    return Desk(sqlite_office, tmp_path / "documents")
