"""A second factor for local accounts: asked after the password, each code once, demanded of the roles that are marked so."""

from __future__ import annotations

import os
import re
import shutil
import threading
from collections.abc import Iterator
from contextlib import suppress
from html import unescape
from io import StringIO
from pathlib import Path

import pyotp
import pytest
from cryptography.fernet import Fernet

from api import Accounts, Sessions, create_app, create_schema
from api.factors import GUESSES, Factors
from api.problems import Problem
from workflow import Engine, cli, load_definitions
from workflow.access import held
from workflow.errors import StoreError
from workflow.library import Library
from workflow.testing import FrozenClock
from workflow.vault import Vault

from . import http_walk as city
from .console import Reader

LI, WANG = "li.wei", "wang.fang"


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock(city.TODAY)


@pytest.fixture(scope="module")
def marked(tmp_path_factory: pytest.TempPathFactory) -> Library:
    """The city with a role that is marked."""
    folder = tmp_path_factory.mktemp("marked") / "city"
    shutil.copytree(city.FOLDER, folder)
    roles = (folder / "roles.yaml").read_text("utf-8")
    roles = re.sub(r"^(  \w+: \{zh: [^}]*)\}", r"\1, second_factor: false}", roles, flags=re.MULTILINE)
    roles = re.sub(r"(standing committee, .*)second_factor: false", r"\1second_factor: true", roles)
    roles = roles.replace("meanings: {", "meanings: {second_factor: boolean, ", 1)
    (folder / "roles.yaml").write_text(roles, "utf-8")
    return load_definitions(folder)


@pytest.fixture
def engine(ready_url: str, clock: FrozenClock, marked: Library) -> Iterator[Engine]:
    """li.wei holds the role, wang.fang does not."""
    for found in city.opened(ready_url, clock, marked):
        create_schema(found)
        for person in (LI, WANG):
            accounts = Accounts(found, city.CHEAP)
            made = accounts.add(person, by="set-up")
            accounts.change(person, made or "", city.PASSWORD)
        yield found


@pytest.fixture
def reader(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Reader:
    monkeypatch.setattr("api.accounts.PasswordHasher", lambda: city.CHEAP)
    sessions = Sessions(engine)
    app = create_app(engine, sessions, sessions=sessions)
    app.extensions["sessions"] = sessions
    return Reader(app, None)


def now(key: str, clock: FrozenClock) -> str:
    return pyotp.TOTP(key).at(int(clock.now().timestamp()))


def enrolled(engine: Engine, clock: FrozenClock, person: str = LI) -> tuple[str, list[str]]:
    """His key, and the codes to recover with; the code of this half minute is used."""
    factors = Factors(engine)
    key = factors.draw()
    return key, factors.begin(person, key, now(key, clock))


def ticket(engine: Engine) -> str:
    account = Accounts(engine, city.CHEAP).get(LI)
    assert account is not None
    return Factors(engine).ticket(account)


def signed(reader: Reader, person: str = LI) -> int:
    return reader.fill("/sign-in", person=person, password=city.PASSWORD).status_code


def coded(reader: Reader, code: str) -> int:
    """The code, on the page that asks for it."""
    found = dict(
        re.findall(
            r'name="(csrf_token|then|ticket)" value="([^"]*)"', reader.page[reader.page.index("<main") :]
        )
    )
    return reader.post("/sign-in/code", {**found, "code": code}).status_code


def test_a_role_that_comes_after_the_sign_in_waits_for_one_too(reader: Reader, engine: Engine) -> None:
    assert signed(reader, WANG) == 303
    assert reader.client.get("/v1/cases").status_code == 200
    (grant, *_) = [one.grant for one in held(engine, person=LI)]
    engine.grant(WANG, grant.role, grant.scope)
    assert reader.client.get("/v1/cases").status_code == 403


def test_a_marked_role_gets_one_before_anything_else(reader: Reader, clock: FrozenClock) -> None:
    assert signed(reader) == 303
    assert reader.client.get("/v1/cases").status_code == 403
    answer = reader.get("/")
    assert answer.headers["Location"] == "/second-factor"
    reader.get("/second-factor")
    key = re.sub(r"\s", "", re.findall(r"<code>([^<]+)</code>", reader.page)[0])
    assert key not in reader.client.get("/second-factor").text, (
        "a key is drawn for each page and kept by none"
    )
    wrong = reader.fill("/second-factor", password=city.PASSWORD, code="000000")
    assert wrong.status_code == 422
    reader.get("/second-factor")
    key = re.sub(r"\s", "", re.findall(r"<code>([^<]+)</code>", reader.page)[0])
    sealed = re.findall(r'name="sealed" value="([^"]+)"', reader.page)[0]
    csrf = re.findall(r'name="csrf_token" value="([^"]+)"', reader.page)[0]
    form = {"csrf_token": csrf, "sealed": unescape(sealed), "code": now(key, clock)}
    assert reader.post("/second-factor", form | {"password": "not his own 2026"}).status_code == 422
    assert reader.post("/second-factor", form | {"password": city.PASSWORD}).status_code == 200
    assert len(re.findall(r"<code>([^<]+)</code>", reader.page)) == 10
    assert reader.client.get("/v1/cases").status_code == 401, (
        "the session that had no second factor has ended"
    )
    clock.advance(seconds=30)
    assert signed(reader) == 200 and reader.client.get("/v1/cases").status_code == 401
    assert coded(reader, now(key, clock)) == 303
    assert reader.client.get("/v1/cases").status_code == 200


def test_others_are_asked_for_none(reader: Reader) -> None:
    assert signed(reader, "wang.fang") == 303
    assert reader.client.get("/v1/cases").status_code == 200


def test_a_code_counts_once_and_not_before_the_last(
    engine: Engine, reader: Reader, clock: FrozenClock
) -> None:
    key, _ = enrolled(engine, clock)
    assert signed(reader) == 200
    assert coded(reader, now(key, clock)) == 401, "it was used to begin"
    clock.advance(seconds=60)
    assert signed(reader) == 200
    code = now(key, clock)
    assert coded(reader, code) == 303
    assert signed(reader) == 200
    assert coded(reader, code) == 401
    before = pyotp.TOTP(key).at(int(clock.now().timestamp()) - 30)
    assert coded(reader, before) == 401, "one of before"


def test_a_code_is_good_for_half_a_minute(engine: Engine, reader: Reader, clock: FrozenClock) -> None:
    """ASVS 5.0, V6.5.5: no longer; who typed slowly is told so."""
    key, _ = enrolled(engine, clock)
    clock.advance(seconds=60)
    code = now(key, clock)
    assert signed(reader) == 200
    clock.advance(seconds=30)
    assert coded(reader, code) == 401 and "刚刚过时" in reader.page
    ahead = pyotp.TOTP(key).at(int(clock.now().timestamp()) + 30)
    assert coded(reader, ahead) == 401 and "刚刚过时" not in reader.page
    clock.advance(seconds=29)
    assert coded(reader, now(key, clock)) == 303, "until its last second"


def test_one_code_sent_by_many_at_once_lets_one_in(engine: Engine, clock: FrozenClock) -> None:
    key, _ = enrolled(engine, clock)
    clock.advance(seconds=30)
    code, let, gate = now(key, clock), [], threading.Barrier(4)
    tickets = [ticket(engine) for _ in range(4)]

    def enter(ticket: str) -> None:
        gate.wait()
        with suppress(Problem):
            let.append(Factors(engine).enter(ticket, code).person)

    threads = [threading.Thread(target=enter, args=(ticket,)) for ticket in tickets]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert let == [LI]


def test_a_recovery_code_counts_once_and_is_kept_as_a_hash(
    engine: Engine, reader: Reader, clock: FrozenClock
) -> None:
    _, codes = enrolled(engine, clock)
    Accounts(engine, city.CHEAP).reset(LI, by="he", password=city.PASSWORD)
    assert signed(reader) == 200, "another password does not go round the second factor"
    for code, status in ((codes[0].upper(), 303), (codes[0], 401), (codes[1].replace("-", " "), 303)):
        assert signed(reader) == 200
        assert coded(reader, code) == status
    assert Factors(engine).left(LI) == 8
    with engine.database.begin() as connection:
        kept = str(connection.exec_driver_sql("select * from tibanduapi_recovery").all())
    assert not [code for code in codes if code in kept or code.replace("-", "") in kept]


def test_guessing_ends_and_a_ticket_too(engine: Engine, reader: Reader, clock: FrozenClock) -> None:
    key, _ = enrolled(engine, clock)
    assert signed(reader) == 200
    page = reader.page
    told = []
    for _ in range(GUESSES.most + 1):
        told.append(coded(reader, "000000"))
        reader.page = page
    assert told == [401] * GUESSES.most + [429]
    clock.advance(seconds=GUESSES.seconds)
    assert coded(reader, now(key, clock)) == 401, "the password was right too long ago"
    before = ticket(engine)
    clock.advance(seconds=1)
    Accounts(engine, city.CHEAP).reset(LI, by="he")
    with pytest.raises(Problem, match="sign in again"):
        Factors(engine).enter(before, now(key, clock))
    with pytest.raises(Problem, match="sign in again"):
        Factors(engine).enter(ticket(engine)[:-1] + "x", now(key, clock))
    Accounts(engine, city.CHEAP).lock(LI, by="he")
    locked = ticket(engine)  # his password was right just before
    Accounts(engine, city.CHEAP).unlock(LI, by="he")
    Accounts(engine, city.CHEAP).lock(LI, by="he")
    with pytest.raises(Problem, match="sign in again"):
        Factors(engine).enter(locked, now(key, clock))


def test_who_signs_in_while_it_is_set_up_is_not_in_by_the_password_alone(
    engine: Engine, reader: Reader, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Set up on one browser between the question whether there is one and the session on another."""
    asked = Factors.has

    def between(self: Factors, person: str) -> bool:
        found = asked(self, person)
        monkeypatch.setattr(Factors, "has", asked)
        enrolled(engine, clock, person)
        return found

    for person in (LI, WANG):  # one who has to have one, and one who need not
        monkeypatch.setattr(Factors, "has", between)
        assert signed(reader, person) == 303
        assert reader.client.get("/v1/cases").status_code == 401
        assert reader.get("/password").headers["Location"].startswith("/sign-in")


def test_its_key_is_sealed_and_another_key_takes_over(
    engine: Engine, clock: FrozenClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def kept() -> str:
        with engine.database.begin() as connection:
            return str(connection.exec_driver_sql("select key from tibanduapi_factor").scalar_one())

    def entered() -> str:
        clock.advance(seconds=60)
        return Factors(engine).enter(ticket(engine), now(key, clock)).person

    key, _ = enrolled(engine, clock)
    assert (kept(), Factors(engine).unsealed()) == (key, 1), "without a key of ours it stands as it is"
    file = tmp_path / "keys"
    monkeypatch.setenv("TIBANDU_KEYS", str(file))
    for wrong in (None, "", "no key"):
        if wrong is not None:
            file.write_text(wrong)
        with pytest.raises(StoreError, match="no good"):
            entered()
    made = [Fernet.generate_key().decode() for _ in range(2)]
    file.write_text(made[0])
    assert entered() == LI
    sealed = kept()
    assert key not in sealed and Factors(engine).unsealed() == 0
    os.utime(file, ns=(1, 1))
    file.write_text(f"{made[1]}\n{made[0]}\n")
    assert entered() == LI and Fernet(made[1]).decrypt(kept().removeprefix("fernet:")) == key.encode()
    file.write_text(f"{Fernet.generate_key().decode()}\n")
    with pytest.raises(StoreError, match="none of the keys"):
        entered()
    monkeypatch.delenv("TIBANDU_KEYS")
    with pytest.raises(StoreError, match="none of the keys"):
        entered()


def test_the_command_makes_a_key_and_doctor_says_what_stands_open(
    engine: Engine, clock: FrozenClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(*words: str) -> tuple[int, str]:
        url, out = engine.database.url.render_as_string(hide_password=False), StringIO()
        code = cli.main(
            ["--database", url, "--definitions", str(city.FOLDER), "--lang", "en", *words], out=out, err=out
        )
        return code, out.getvalue()

    enrolled(engine, clock)
    assert "1 second factor(s) stand in the database unsealed" in run("doctor")[1]
    file = tmp_path / "keys"
    assert run("accounts", "key", str(file))[0] == 0
    first = file.read_text()
    assert run("accounts", "key", str(file))[0] == 0
    assert file.read_text().endswith(first) and file.stat().st_mode & 0o777 == 0o600
    monkeypatch.setenv("TIBANDU_KEYS", str(file))
    assert Vault.here().opened(Vault.here().seal("x")) == "x"
    monkeypatch.setenv("TIBANDU_KEYS", str(tmp_path / "none"))
    code, said = run("doctor")
    assert code == 1 and "is no good" in said


def test_an_operator_resets_it(engine: Engine, reader: Reader, clock: FrozenClock) -> None:
    _, codes = enrolled(engine, clock)
    assert signed(reader) == 200 and coded(reader, codes[0]) == 303
    Factors(engine).reset(LI, by="he")
    assert reader.client.get("/v1/cases").status_code == 401, "his sessions have ended"
    assert signed(reader) == 303
    assert reader.get("/").headers["Location"] == "/second-factor", "and his role wants another"
    assert Factors(engine).left(LI) == 0
