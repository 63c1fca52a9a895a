"""The first start of the console: who knows the token from the service's own console becomes the first administrator, and he alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from api import Accounts, First, Operators, Sessions, create_app, create_schema
from workflow import Conflict

from . import http_walk as city
from .console import Reader
from .lifecycle import Office

MINE = {"person": "he", "new": city.PASSWORD, "again": city.PASSWORD}


class Beginning:
    """A service without an account."""

    def __init__(self, office: Office) -> None:
        self.engine = office.engine
        create_schema(self.engine)
        self.first = First(self.engine)
        sessions = Sessions(self.engine, first=self.first)
        self.app = create_app(self.engine, sessions, sessions=sessions, operators=Operators(self.engine))
        self.token = self.first.token() or ""

    def reader(self) -> Reader:
        return Reader(self.app, None)


@pytest.fixture
def beginning(sqlite_office: Office) -> Beginning:
    return Beginning(sqlite_office)


def test_the_first_start_leads_to_the_first_account_and_then_never_again(beginning: Beginning) -> None:
    reader = beginning.reader()
    assert reader.goes(reader.get("/sign-in")) == "/first"
    assert beginning.token not in reader.page
    reader.goes(reader.fill("/first", token=beginning.token, **MINE))
    assert reader.client.get("/v1/tokens").status_code == 200, "he looks after the service"
    assert reader.client.get("/v1/cases").json["cases"] == [], "and sees no case by it"  # type: ignore[index]
    later = beginning.reader()
    assert later.get("/first").status_code == 404
    assert later.post("/first", {"token": beginning.token, **MINE}).status_code == 404
    assert later.get("/sign-in").status_code == 200
    later.goes(later.fill("/sign-in", person="he", password=city.PASSWORD))
    assert First(beginning.engine).token() is None


def test_without_the_token_nobody_does(beginning: Beginning) -> None:
    reader = beginning.reader()
    for wrong in ("", "0" * 32, beginning.token[:-1]):
        assert reader.fill("/first", token=wrong, **MINE).status_code == 422
    assert (
        reader.fill("/first", token=beginning.token, **(MINE | {"again": "another one"})).status_code == 422
    )
    assert (
        reader.fill(
            "/first", token=beginning.token, **(MINE | {"new": "short", "again": "short"})
        ).status_code
        == 422
    )
    assert reader.fill("/first", token=beginning.token, **(MINE | {"person": "He Jun"})).status_code == 422
    assert Accounts(beginning.engine).all() == []
    evil = {"token": beginning.token, **MINE}
    assert reader.post("/first", evil, Origin="https://evil.example").status_code == 403
    assert Accounts(beginning.engine).all() == []


def test_guessing_the_token_is_ended(beginning: Beginning) -> None:
    reader = beginning.reader()
    told = [reader.post("/first", {"token": "x", **MINE}).status_code for _ in range(52)]
    assert (set(told) == {422} and "too often" not in reader.page) or "次数过多" in reader.page
    assert reader.post("/first", {"token": beginning.token, **MINE}).status_code == 422
    assert Accounts(beginning.engine).all() == []


def test_an_operator_is_one_until_the_account_is_locked(beginning: Beginning) -> None:
    accounts, operators = Accounts(beginning.engine, city.CHEAP), Operators(beginning.engine, ["named"])
    accounts.add("he", by="set-up", operator=True)
    accounts.add("li", by="set-up")
    assert [person in operators for person in ("named", "he", "li", "nobody", 7)] == [
        True,
        True,
        False,
        False,
        False,
    ]
    accounts.lock("he", by="set-up")
    assert "he" not in operators


def test_the_console_tells_it_in_plain_words(beginning: Beginning, tmp_path: Path) -> None:
    reader = beginning.reader()
    reader.get("/first")
    assert "一次性口令" in reader.page and "<script" not in reader.page.replace("<script src=", "")


def test_two_who_come_first_at_once_are_one(office: Office) -> None:
    """Both hold the token and both press the button: one account is made, the other is told."""
    from concurrent.futures import ThreadPoolExecutor

    city.forget(office.engine)
    create_schema(office.engine)
    accounts = Accounts(office.engine)

    def come(person: str) -> bool:
        try:
            accounts.first(person, "a long enough phrase of one's own")
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(come, ["zhang", "wang", "zhao", "qian"])) == [False, False, False, True]
    assert len(accounts.all()) == 1


def test_the_first_page_is_over_as_soon_as_there_is_an_account(office: Office) -> None:
    city.forget(office.engine)
    create_schema(office.engine)
    first = First(office.engine)
    assert first.token() is not None and first.open
    Accounts(office.engine).add("li", by="command", operator=True)
    assert not first.open
