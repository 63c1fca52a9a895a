"""The security log: who came in and who did not, changed proofs, denials; added to and never changed, small, shown to operators."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Iterator
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any, cast

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError

from api import Accounts, First, Housekeeping, Sessions, create_app, create_schema
from api.accounts import GUESSES
from api.factors import Factors
from api.problems import Problem
from api.security_log import MOST_UNKNOWN, NOTED, SHORTEST, Entry, SecurityLog
from api.store import Shelf
from api.uploads import Uploads
from workflow import Engine, cli
from workflow.clock import SystemClock
from workflow.testing import FrozenClock

from . import http_walk as city
from .console import Reader
from .test_factors import now

LI, HE = "li.wei", "he.jun"


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock(city.TODAY)


@pytest.fixture
def engine(ready_file: Path, tmp_path: Path, clock: FrozenClock) -> Iterator[Engine]:
    """On SQLite; what the database does about it is tested on both."""
    shutil.copy(ready_file, tmp_path / "log.db")
    yield from opened(f"sqlite:///{tmp_path / 'log.db'}", clock)


@pytest.fixture
def each(ready_url: str, clock: FrozenClock) -> Iterator[Engine]:
    yield from opened(ready_url, clock)


def opened(url: str, clock: FrozenClock) -> Iterator[Engine]:
    for found in city.opened(url, clock):
        create_schema(found)
        accounts = Accounts(found, city.CHEAP)
        for person in (LI, HE):
            accounts.change(person, accounts.add(person, by="set-up") or "", city.PASSWORD)
        yield found


@pytest.fixture
def reader(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Reader:
    monkeypatch.setattr("api.accounts.PasswordHasher", lambda: city.CHEAP)
    sessions = Sessions(engine, city.bearer, first=First(engine))
    app = create_app(engine, sessions, sessions=sessions, operators=[HE])
    app.extensions["sessions"] = sessions
    return Reader(app, None)


def told(engine: Engine, kind: str | None = None, person: str | None = None) -> list[tuple[str, bool, str]]:
    """The oldest first."""
    found = SecurityLog(engine).entries(kind=kind, person=person)
    return [(one.kind, one.good, one.detail) for one in reversed(found)]


def test_who_came_in_and_who_did_not(
    engine: Engine, reader: Reader, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "tibandu.security")
    for person, password in ((LI, "wrong"), ("my password\n typed here", "x"), (LI, city.PASSWORD)):
        reader.fill("/sign-in", person=person, password=password)
    reader.post("/sign-out", {"csrf_token": csrf(reader)})
    entries = SecurityLog(engine).entries()
    assert [(e.kind, e.good, e.person, e.detail) for e in entries[3::-1]] == [
        ("sign_in", False, LI, "password"), ("sign_in", False, None, "no such account"), ("sign_in", True, LI, "password"),
        ("sign_out", True, LI, ""),
    ]  # fmt: skip
    assert {e.network for e in entries[:4]} == {"127.0.0.0/24"}, "a network and no address"
    lines = [json.loads(r.message) for r in caplog.records if r.name == "tibandu.security"]
    assert [line["id"] for line in lines[-4:]] == [e.id for e in entries[3::-1]], "the same is carried off"
    assert "typed here" not in caplog.text and city.PASSWORD not in caplog.text


def csrf(reader: Reader) -> str:
    reader.get("/sessions")
    return reader.page.split('name="csrf_token" value="')[1].split('"')[0]


def test_failures_that_lock_are_noted_once(engine: Engine, reader: Reader) -> None:
    for _ in range(GUESSES.most + 3):
        reader.fill("/sign-in", person=LI, password="wrong")
    assert told(engine, "locked_out") == [("locked_out", False, "sign-in")]
    assert len(told(engine, "sign_in")) == GUESSES.most


def test_who_makes_up_names_fills_no_table(engine: Engine, clock: FrozenClock) -> None:
    """Rows counted: what is noted of failures ends with twenty an hour, what is counted ends with its time."""
    accounts = Accounts(engine, city.CHEAP)

    def rows() -> tuple[int, int]:
        tables = Shelf(engine).tables
        with engine.database.connect() as connection:
            return tuple(  # type: ignore[return-value]
                connection.execute(select(func.count()).select_from(table)).scalar_one()
                for table in (tables.security, tables.failure)
            )

    def tried(count: int) -> None:
        for number in range(count):
            with pytest.raises(Problem):
                accounts.sign_in(f"nobody{number}", "x", f"10.0.{number}.1")

    before = rows()[0]
    tried(101)
    assert rows()[0] - before == NOTED.most + 1, "the hundredth says how many"
    assert told(engine, "sign_in")[-1][2] == "no such account; 100 within the hour"
    clock.advance(hours=2)
    Housekeeping(engine).run()
    assert rows()[1] == 0, "what was counted is over"
    tried(3)
    assert rows()[0] - before == NOTED.most + 4, "another hour, and each is noted again"


def test_a_document_is_ones_own_for_a_season_and_a_calendar_taken_back_is_listed_for_a_month(
    engine: Engine, clock: FrozenClock
) -> None:
    uploads, client = Uploads(engine), city.Client(city.served(engine))
    lasting = Housekeeping(engine, documents=cast("Any", object()))  # a place that lets no document go
    uploads.note(LI, "b" * 64, 1)
    feed = client(LI, "POST", "/v1/feeds", {"of": "me"}).json
    client(LI, "DELETE", f"/v1/feeds/{feed['id']}")
    clock.advance(days=31)
    uploads.note(LI, "c" * 64, 1)
    Housekeeping(engine).run()
    assert client(LI, "GET", "/v1/feeds").json["feeds"] == []
    clock.advance(days=60)
    uploads.note(LI, "c" * 64, 1)
    lasting.run()
    assert uploads.of(LI, {"b" * 64, "c" * 64}) == {"c" * 64}


def test_who_fails_on_purpose_keeps_nobody_out_of_his_own_browser(engine: Engine, reader: Reader) -> None:
    """All from one address. The cookie is one account's, is no proof, and has five guesses of its own."""
    came = reader.fill("/sign-in", person=LI, password=city.PASSWORD)
    (device,) = (one for one in came.headers.getlist("Set-Cookie") if "device" in one)
    assert came.status_code == 303 and "HttpOnly" in device and "SameSite=Lax" in device
    reader.post("/sign-out", {"csrf_token": csrf(reader)})
    other = Reader(reader.client.application, None)
    statuses = [
        other.fill("/sign-in", person=LI, password="wrong").status_code for _ in range(GUESSES.most + 1)
    ]
    assert statuses[-1] == 429 and Reader(reader.client.application, None).fill(
        "/sign-in", person=LI, password=city.PASSWORD
    ).status_code == 429  # fmt: skip
    assert reader.fill("/sign-in", person=LI, password=city.PASSWORD).status_code == 303
    reader.post("/sign-out", {"csrf_token": csrf(reader)})
    statuses = [
        reader.fill("/sign-in", person=LI, password="wrong").status_code for _ in range(GUESSES.most + 1)
    ]
    assert statuses == [401] * GUESSES.most + [429]
    assert reader.fill("/sign-in", person=HE, password="wrong").status_code == 401, "nor is it another's"
    reader.client.set_cookie(device.partition("=")[0], "a.b")
    assert reader.fill("/sign-in", person=LI, password=city.PASSWORD).status_code == 429


def test_changed_proofs_say_whose_and_by_whom(engine: Engine, clock: FrozenClock) -> None:
    accounts, factors = Accounts(engine, city.CHEAP), Factors(engine)
    accounts.lock(LI, by=HE)
    accounts.unlock(LI, by=HE)
    accounts.reset(LI, by=HE)
    key = factors.draw()
    codes = factors.begin(LI, key, now(key, clock))
    account = accounts.get(LI)
    assert account is not None
    factors.enter(factors.ticket(account), codes[0])
    factors.reset(LI, by=HE)
    found = SecurityLog(engine).entries(person=LI)[::-1]
    assert [(e.kind, e.by, e.detail) for e in found] == [
        ("account", "set-up", "added"), ("password", None, "changed"), ("account", HE, "locked"), ("account", HE, "unlocked"),
        ("password", HE, "reset"), ("factor", None, "set up"), ("factor", None, "recovery code used"), ("factor", HE, "reset"),
    ]  # fmt: skip
    assert not any(code in e.detail for e in found for code in codes)


def test_denials_are_noted_each_of_a_minute_once(
    engine: Engine, reader: Reader, clock: FrozenClock, caplog: pytest.LogCaptureFixture
) -> None:
    client = city.Client(reader.client.application)
    asked = [("qian.min", "/v1/cases/none"), ("qian.min", "/v1/tokens"), ("nobody", "/v1/cases")]
    for who, address in asked * 3:
        client(who, "GET", address)
    client("", "GET", "/v1/cases")  # who says nothing of himself is not denied anything
    client("li.wei", "GET", "/v1/cases/none?include=x")
    everybody = SecurityLog(engine).entries(kind="denied")[::-1]
    assert [(e.person, e.detail) for e in everybody] == [
        ("qian.min", "case: not_found"), ("qian.min", "tokens: not_permitted"), (None, "search: unauthenticated"),
        ("li.wei", "case: not_found"),
    ]  # fmt: skip
    clock.advance(minutes=1)
    client("qian.min", "GET", "/v1/tokens")
    assert told(engine, "denied")[4:] == [
        ("denied", False, "2 more within a minute, of nobody known"), ("denied", False, "tokens: not_permitted"),
    ]  # fmt: skip
    Reader(reader.client.application, None)
    fill(reader)
    assert reader.get("/security").status_code == 403
    assert told(engine, "denied")[-1] == ("denied", False, "security: not_permitted")


def test_who_is_not_known_fills_no_log(engine: Engine, clock: FrozenClock) -> None:
    """Of a network one row a minute, whatever it asks for; of many networks the first, and how many more there were."""
    client = create_app(engine, city.bearer).test_client()

    def ask(path: str, address: str) -> None:
        at = {"REMOTE_ADDR": address}
        client.get(path, headers={"Authorization": "Bearer x"}, environ_overrides=at)

    def rows() -> list[tuple[str | None, str]]:
        return [(e.network, e.detail) for e in SecurityLog(engine).entries(kind="denied")[::-1]]

    for path in ("/v1/cases", "/v1/tokens", "/v1/parties"):
        ask(path, "203.0.113.9")
    assert rows() == [("203.0.113.0/24", "search: unauthenticated")]
    for block in range(50):
        ask("/v1/cases", f"2001:db8:{block:x}::1")
    assert len(rows()) == MOST_UNKNOWN
    clock.advance(minutes=1)
    ask("/v1/cases", "203.0.113.9")
    assert rows()[MOST_UNKNOWN:] == [
        (None, f"{2 + 51 - MOST_UNKNOWN} more within a minute, of nobody known"),
        ("203.0.113.0/24", "search: unauthenticated"),
    ]


def test_a_page_of_the_log_begins_where_an_entry_can_be(engine: Engine, reader: Reader) -> None:
    fill(reader, HE)
    for before in ("9" * 30, "-1", "x", "5"):
        assert reader.get(f"/security?before={before}").status_code == 200


def fill(reader: Reader, person: str = LI) -> None:
    assert reader.fill("/sign-in", person=person, password=city.PASSWORD).status_code == 303


def test_a_denial_stands_when_it_cannot_be_written_down(engine: Engine) -> None:
    app = create_app(engine, city.bearer, operators=[HE])
    tables = Shelf(engine).tables
    with engine.database.begin() as connection:
        connection.exec_driver_sql(f"drop table {tables.security.name}")
    assert city.Client(app)("qian.min", "GET", "/v1/tokens").status_code == 403


def test_a_sign_in_that_cannot_be_written_down_is_none(engine: Engine, reader: Reader) -> None:
    with engine.database.begin() as connection:
        connection.exec_driver_sql(f"drop table {Shelf(engine).tables.security.name}")
    assert reader.fill("/sign-in", person=LI, password=city.PASSWORD).status_code == 503
    assert reader.client.get("/v1/cases").status_code == 401


def test_tokens_and_break_glass_are_noted(engine: Engine, reader: Reader) -> None:
    client = city.Client(reader.client.application)
    body = {"account": "svc.oa", "name": "n", "scopes": ["cases:read"], "expires_on": "2026-12-31"}
    made = client(HE, "POST", "/v1/tokens", body).json
    for _ in range(2):
        client(HE, "DELETE", f"/v1/tokens/{made['id']}")
    case = client.started()["id"]
    glass = {"case": case, "role": "unit_clerk", "hours": 1, "reason": "火警"}
    assert client(HE, "POST", "/v1/break-glass", glass).status_code == 201
    found = SecurityLog(engine).entries()[:3][::-1]
    assert [(e.kind, e.person, e.by) for e in found] == [
        ("token", "svc.oa", HE), ("token", "svc.oa", HE), ("break_glass", HE, None),
    ]  # fmt: skip
    assert (
        found[0].detail == f"issued {made['id']}: cases:read" and found[1].detail == f"revoked {made['id']}"
    )
    assert f"unit_clerk {case} until 2026-03-0" in found[2].detail and made["token"] not in str(found)


def test_the_database_refuses_to_change_it(each: Engine, clock: FrozenClock) -> None:
    log, name = SecurityLog(each), Shelf(each).tables.security.name
    clock.set(SystemClock().now())
    log.note("sign_in", LI, good=False)
    kept = len(log.entries())
    changes = ["update {} set good = 1", "delete from {}"]
    if each.database.dialect.name == "postgresql":
        changes.append("truncate {}")
    else:
        changes.append("replace into {} select * from {} order by id desc limit 1")
    for change in changes:
        with pytest.raises(DBAPIError), each.database.begin() as connection:
            connection.exec_driver_sql(change.replace("{}", name))
    assert len(log.entries()) == kept


def test_it_is_kept_six_months_at_least_and_then_as_long_as_it_is_said(
    each: Engine, clock: FrozenClock
) -> None:
    engine = each
    log = SecurityLog(engine)
    kept = len(log.entries())
    with pytest.raises(ValueError, match="184 days"):
        log.forget(SHORTEST - timedelta(days=1))
    clock.advance(days=185)
    Housekeeping(engine, timedelta(days=200)).run()
    assert len(log.entries()) == kept
    house = Housekeeping(engine, SHORTEST)
    house.run()
    assert log.entries() == []


def test_an_operator_reads_it_by_page(
    engine: Engine, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.console.presence.PAGE", 2)
    fill(reader, HE)
    reader.get("/security")
    assert "安全日志" in reader.page and reader.page.count("<tr>") == 3
    further = reader.page.split("before=")[1].split('"')[0]
    reader.get(f"/security?before={further}")
    assert reader.page.count("<tr>") == 3
    reader.get(f"/security?person={LI}&kind=password")
    assert reader.page.count("<tr>") == 2
    other = Reader(reader.client.application, LI)
    assert other.client.get("/v1/cases").status_code == 200
    form = {"csrf_token": csrf(reader), "person": LI}
    went = reader.post("/security", form)
    assert went.status_code == 303 and reader.get(went.headers["Location"]).status_code == 200
    assert "已结束 1 个会话" in reader.page
    assert other.client.get("/v1/cases").status_code == 401
    last = SecurityLog(engine).entries(kind="sessions")[0]
    assert (last.person, last.by) == (LI, HE)
    reader.get(reader.post("/security", form).headers["Location"])
    assert "没有打开的会话" in reader.page, "the second time there was none"
    assert SecurityLog(engine).entries(kind="sessions")[0] == last


def test_a_calendars_address_is_noted_when_it_is_made_changed_and_taken_back(
    engine: Engine, reader: Reader
) -> None:
    client = city.Client(reader.client.application)
    feed = client(LI, "POST", "/v1/feeds", {"of": "me"}).json
    client(LI, "POST", f"/v1/feeds/{feed['id']}/renew")
    for _ in range(2):
        client(LI, "DELETE", f"/v1/feeds/{feed['id']}")
    client(LI, "POST", f"/v1/feeds/{feed['id']}/renew")
    found = SecurityLog(engine).entries(kind="feed")[::-1]
    assert [(e.person, e.detail) for e in found] == [
        (LI, f"{done} {feed['id']}") for done in ("opened", "renewed", "revoked")
    ]
    assert not any(feed["address"].rpartition("/")[2] in e.detail for e in found)


def test_the_commands(engine: Engine) -> None:
    ready_url = engine.database.url.render_as_string(hide_password=False)

    def run(*words: str) -> tuple[int, str]:
        out = StringIO()
        code = cli.main(
            ["--database", ready_url, "--definitions", str(city.FOLDER), *words], out=out, err=out
        )
        return code, out.getvalue()

    code, text = run("--json", "access", "log", "--person", LI)
    assert code == 0 and [one["detail"] for one in json.loads(text)] == ["changed", "added"]
    assert "changed" in run("--lang", "en", "access", "log", "--kind", "password")[1]
    assert run("access", "log", "--kind", "nothing")[0] == 2
    city.enter(city.served(engine).test_client(), engine, LI)
    assert "1 session(s) of li.wei have ended" in run("--lang", "en", "accounts", "end-sessions", LI)[1]
    code, text = run("--lang", "en", "accounts", "end-sessions", "nobody")
    assert (code, "nobody has no open session" in text) == (0, True)


def test_an_entry_is_never_more_than_its_row(engine: Engine) -> None:
    SecurityLog(engine).note("token", None, detail="x" * 5000)
    (entry,) = SecurityLog(engine).entries(kind="token")
    assert isinstance(entry, Entry) and len(entry.detail) == 200


def test_the_page_of_ones_own_sessions_asks_for_the_password_again(
    engine: Engine, reader: Reader, clock: FrozenClock
) -> None:
    fill(reader)
    others = [Reader(reader.client.application, LI) for _ in range(2)]
    assert reader.get("/sessions").status_code == 200 and reader.page.count('name="session"') == 3
    assert 'name="password"' not in reader.page, "he has just signed in"
    clock.advance(minutes=11)
    reader.get("/sessions")
    form = {"csrf_token": csrf(reader), "session": "others"}
    assert reader.post("/sessions", form | {"password": "wrong"}).status_code == 422
    assert [one.client.get("/v1/cases").status_code for one in others] == [200, 200]
    assert reader.post("/sessions", form | {"password": city.PASSWORD}).status_code == 303
    assert [one.client.get("/v1/cases").status_code for one in (reader, *others)] == [200, 401, 401]
