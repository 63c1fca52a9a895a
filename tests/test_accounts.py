"""Local accounts: argon2id, five guesses on all nodes together, a first password that is good for one thing; and the commands."""

from __future__ import annotations

import getpass
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from io import StringIO
from typing import Literal

import pytest
from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError

from api.accounts import _BEATS, SHORTEST, Accounts, _nobodys, check_password
from api.problems import Problem
from api.store import Shelf
from workflow import Engine, cli
from workflow.clock import SystemClock
from workflow.errors import Conflict, FormInvalid, NotFound, NotPermitted
from workflow.testing import FrozenClock

from . import http_walk as city

CHEAP = city.CHEAP
GOOD = city.PASSWORD
OTHER = "温泉街道联络站每月十五日"


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock(city.TODAY)


@pytest.fixture
def engine(ready_url: str, clock: FrozenClock) -> Iterator[Engine]:
    for engine in city.opened(ready_url, clock):
        Shelf(engine).create_schema()
        yield engine


@pytest.fixture
def accounts(engine: Engine) -> Accounts:
    return Accounts(engine, CHEAP)


def refused(call: Callable[[], object]) -> str:
    with pytest.raises(Problem) as refusal:
        call()
    return refusal.value.code


def test_there_is_no_account_until_somebody_adds_one(accounts: Accounts) -> None:
    assert accounts.all() == []
    for person in ("admin", "root", "system", "li.wei", ""):
        assert refused(lambda person=person: accounts.sign_in(person, person)) == "unauthenticated"


def test_a_password_is_kept_as_argon2id_and_told_nowhere(engine: Engine) -> None:
    accounts = Accounts(engine)
    made = accounts.add("li.wei", by="he.jun")
    assert made is not None and len(made) == 23
    with Shelf(engine).connection() as connection:
        rows = connection.exec_driver_sql("select * from tibanduapi_account").all()
    assert "$argon2id$" in str(rows) and made not in str(rows)
    assert accounts.sign_in("li.wei", made).person == "li.wei"
    assert "argon2" not in repr(accounts.all())


def test_the_first_password_is_to_be_changed_and_ends_after_a_week(
    accounts: Accounts, clock: FrozenClock
) -> None:
    made = accounts.add("li.wei", by="he.jun") or ""
    accounts.add("wang.fang", by="he.jun", password=GOOD)
    assert accounts.sign_in("li.wei", made).must_change
    assert accounts.sign_in("wang.fang", GOOD).must_change
    accounts.change("li.wei", made, OTHER)
    assert not accounts.sign_in("li.wei", OTHER).must_change
    clock.advance(days=7, seconds=1)
    assert refused(lambda: accounts.sign_in("wang.fang", GOOD)) == "unauthenticated"
    assert accounts.sign_in("li.wei", OTHER).used_on == "2026-03-02"
    assert accounts.get("li.wei").used_on == "2026-03-09"  # type: ignore[union-attr]


def test_what_is_wrong_is_not_told(accounts: Accounts) -> None:
    accounts.add("li.wei", by="he.jun", password=GOOD)
    accounts.add("wu.hao", by="he.jun", password=GOOD)
    accounts.lock("wu.hao", by="he.jun")
    said = set()
    for person, password in (("li.wei", "wrong"), ("nobody", GOOD), ("wu.hao", GOOD), ("li.wei", GOOD * 100)):
        with pytest.raises(Problem) as refusal:
            accounts.sign_in(person, password)
        said.add(str(refusal.value.text))
    assert len(said) == 1


class Counted(PasswordHasher):
    """What is asked of argon2id, and whether it waited for its turn."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)
        self.asked: list[str] = []
        self.at_once: list[int] = []

    def hash(self, password: str | bytes, *, salt: bytes | None = None) -> str:
        self._count("hash")
        return super().hash(password, salt=salt)

    def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:
        self._count("verify")
        return super().verify(hash, password)

    def _count(self, what: str) -> None:
        self.asked.append(what)
        self.at_once.append(2 - _BEATS._value)


def test_who_is_not_there_costs_as_much_as_who_is(engine: Engine) -> None:
    Accounts(engine, CHEAP).add("li.wei", by="he.jun", password=GOOD)
    for person in ("li.wei", "nobody", "li.wei", "nobody.else"):
        hasher = Counted()  # as every engine has its own
        assert refused(lambda person=person, on=hasher: Accounts(engine, on).sign_in(person, OTHER))
        assert hasher.asked == ["verify"], person
        assert hasher.at_once == [1], person


@pytest.mark.parametrize("hasher", [CHEAP, PasswordHasher(2, 16, 1), PasswordHasher()])
def test_what_nobody_is_compared_with_costs_what_a_password_costs_and_is_none(hasher: PasswordHasher) -> None:
    kept = _nobodys(hasher)
    assert not hasher.check_needs_rehash(kept)
    with pytest.raises(VerifyMismatchError):  # it was reckoned to its end
        hasher.verify(kept, GOOD)


def test_every_password_waits_for_its_turn(engine: Engine) -> None:
    hasher = Counted()
    accounts = Accounts(engine, hasher)
    accounts.add("li.wei", by="he.jun", password=GOOD)
    accounts.change("li.wei", GOOD, OTHER)
    assert hasher.asked == ["hash", "verify", "hash"]
    assert hasher.at_once == [1, 1, 1]


@pytest.mark.parametrize("person", ["li.wei", "who.is.not.there"])
def test_five_failures_lock_for_a_quarter_of_an_hour(
    accounts: Accounts, clock: FrozenClock, person: str
) -> None:
    accounts.add("li.wei", by="he.jun", password=GOOD)
    for _ in range(5):
        clock.advance(minutes=2)
        assert refused(lambda: accounts.sign_in(person, "wrong")) == "unauthenticated"
    clock.advance(minutes=14)
    with pytest.raises(Problem) as refusal:
        accounts.sign_in(person, GOOD)
    assert (refusal.value.code, refusal.value.headers["Retry-After"]) == ("too_many", "60")
    clock.advance(minutes=1)
    assert refused(lambda: accounts.sign_in("who.is.not.there", GOOD)) == "unauthenticated"
    assert accounts.sign_in("li.wei", GOOD).person == "li.wei"


def test_who_knows_a_name_locks_it_at_his_own_address_alone(accounts: Accounts, clock: FrozenClock) -> None:
    """And who has many addresses after fifty failures; an unlock ends that too."""
    accounts.add("li.wei", by="he.jun", password=GOOD)
    for _ in range(20):
        refused(lambda: accounts.sign_in("li.wei", "wrong", "192.0.2.7"))
    assert refused(lambda: accounts.sign_in("li.wei", GOOD, "192.0.2.7")) == "too_many"
    accounts.sign_in("li.wei", GOOD, "198.51.100.1")
    for number in range(50):
        refused(lambda number=number: accounts.sign_in("li.wei", "wrong", f"203.0.113.{number}"))
    assert refused(lambda: accounts.sign_in("li.wei", GOOD, "198.51.100.1")) == "too_many"
    accounts.unlock("li.wei", by="he.jun")
    accounts.sign_in("li.wei", GOOD, "192.0.2.7")


def test_whoever_gets_in_begins_anew_with_his_guesses(accounts: Accounts) -> None:
    accounts.add("li.wei", by="he.jun", password=GOOD)
    for _ in range(3):
        for _ in range(4):
            assert refused(lambda: accounts.sign_in("li.wei", "wrong")) == "unauthenticated"
        accounts.sign_in("li.wei", GOOD)


def test_guesses_at_once_on_several_nodes_are_five_together(accounts: Accounts, engine: Engine) -> None:
    accounts.add("li.wei", by="he.jun", password=GOOD)
    nodes = [Accounts(engine, CHEAP) for _ in range(4)]
    codes: list[str] = []

    def guess(node: Accounts) -> None:
        codes.extend(refused(lambda: node.sign_in("li.wei", "wrong")) for _ in range(4))

    threads = [threading.Thread(target=guess, args=(node,)) for node in nodes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(codes) == ["too_many"] * 11 + ["unauthenticated"] * 5


def test_an_address_has_fifty_failures_over_all_accounts(accounts: Accounts) -> None:
    accounts.add("li.wei", by="he.jun", password=GOOD)
    for number in range(50):
        refused(lambda number=number: accounts.sign_in(f"person{number}", "wrong", "192.0.2.7"))
    assert refused(lambda: accounts.sign_in("li.wei", GOOD, "192.0.2.7")) == "too_many"
    assert accounts.sign_in("li.wei", GOOD, "192.0.2.8").person == "li.wei"


def test_a_locked_account_is_locked_until_it_is_unlocked(accounts: Accounts, clock: FrozenClock) -> None:
    accounts.add("li.wei", by="he.jun", password=GOOD)
    accounts.lock("li.wei", by="he.jun")
    clock.advance(days=1)
    assert refused(lambda: accounts.sign_in("li.wei", GOOD)) == "unauthenticated"
    shown = accounts.get("li.wei")
    assert shown is not None and (shown.locked_by, str(shown.locked_at)[:10]) == ("he.jun", "2026-03-02")
    accounts.unlock("li.wei", by="he.jun")
    assert accounts.sign_in("li.wei", GOOD).person == "li.wei"


def test_nobody_looks_after_his_own_account(accounts: Accounts) -> None:
    accounts.add("he.jun", by="set-up", password=GOOD)
    for act in (accounts.lock, accounts.unlock, accounts.reset):
        with pytest.raises(NotPermitted):
            act("he.jun", by="he.jun")


def test_there_is_one_account_of_a_name(accounts: Accounts) -> None:
    accounts.add("li.wei", by="he.jun")
    with pytest.raises(Conflict):
        accounts.add("li.wei", by="he.jun")
    with pytest.raises(NotFound):
        accounts.reset("nobody", by="he.jun")


UNFIT = [
    "",
    "system",
    "svc.oa",
    "li wei",
    "Li.Wei",
    "ｌi.wei",
    "a\u200b",
    "li\u202ewei",
    "x" * 81,
    "a/b",
    "\ud800",
]


def test_names_that_no_account_can_have(accounts: Accounts) -> None:
    for person in UNFIT:
        with pytest.raises(FormInvalid):
            accounts.add(person, by="he.jun")
        assert refused(lambda person=person: accounts.sign_in(person, GOOD)) == "unauthenticated"


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("短", "password.short"), ("elevenchars", "password.short"), ("x" * 129, "password.long"), ("abcdefghijk\x00l", "password.unfit"),
        ("Password12345678", "password.common"), ("li.wei.li.wei", "password.common"), ("aaaaaaaaaaaaaaaa", "password.common"),
        ("Tibandu1234567890", "password.common"), ("QWERTYqwerty", "password.common"), (GOOD, None), ("correct horse battery", None),
    ],
)  # fmt: skip
def test_passwords_are_judged_by_length_and_against_the_common_ones(password: str, code: str | None) -> None:
    if code is None:
        check_password(password, "li.wei")
        return
    with pytest.raises(FormInvalid) as refusal:
        check_password(password, "li.wei")
    assert [reason.code for reason in refusal.value.reasons] == [code]


def test_no_common_password_is_taken_however_it_is_made_long_enough() -> None:
    """The 3,000 commonest, as they are or doubled; in both languages it is said what would be right."""
    from zxcvbn.frequency_lists import FREQUENCY_LISTS

    common = FREQUENCY_LISTS["passwords"]
    tried = {word if len(word) >= SHORTEST else word * -(-SHORTEST // len(word)) for word in common[:3000:31]}
    tried |= {word for word in common if len(word) >= SHORTEST}
    taken = []
    for word in tried:
        with suppress(FormInvalid):
            check_password(word, "li.wei")
            taken.append(word)
    assert not taken
    with pytest.raises(FormInvalid, match="nobody would think of") as refusal:
        check_password("iloveyou2026!", "li.wei")
    assert "别人想不到" in refusal.value.text.zh


def test_a_changed_password_is_another_one(accounts: Accounts) -> None:
    accounts.add("li.wei", by="he.jun", password=GOOD)
    with pytest.raises(FormInvalid):
        accounts.change("li.wei", GOOD, GOOD)
    with pytest.raises(FormInvalid):
        accounts.change("li.wei", GOOD, "short")
    assert refused(lambda: accounts.change("li.wei", "wrong", OTHER)) == "unauthenticated"


def test_the_hash_follows_the_cost_of_today(accounts: Accounts, engine: Engine) -> None:
    accounts.add("li.wei", by="he.jun", password=GOOD)
    dearer = Accounts(engine, PasswordHasher(time_cost=2, memory_cost=16, parallelism=1))
    dearer.sign_in("li.wei", GOOD)
    with Shelf(engine).connection() as connection:
        kept = connection.exec_driver_sql("select hash from tibanduapi_account").scalar_one()
    assert "m=16,t=2" in kept
    assert dearer.sign_in("li.wei", GOOD).person == "li.wei"


# --- the commands


@pytest.fixture
def tibandu(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[int, str]]:
    monkeypatch.setattr("api.accounts.PasswordHasher", lambda: CHEAP)
    url = engine.database.url.render_as_string(hide_password=False)

    def call(*words: str) -> tuple[int, str]:
        out = StringIO()
        code = cli.main(
            [*words, "--database", url, "--definitions", str(city.FOLDER), "--lang", "en"], out, out
        )
        return code, out.getvalue()

    return call


def test_add_tells_a_password_once(
    tibandu: Callable[..., tuple[int, str]], engine: Engine, clock: FrozenClock
) -> None:
    code, said = tibandu("accounts", "add", "li.wei", "--operator", "--json")
    made = json.loads(said)["password"]
    code, listed = tibandu("accounts", "list")
    assert code == 0 and "must change its password" in listed and made not in listed
    clock.set(SystemClock().now())  # the command has the machine's clock
    assert Accounts(engine, CHEAP).sign_in("li.wei", made).operator


def test_lock_unlock_reset(tibandu: Callable[..., tuple[int, str]]) -> None:
    assert tibandu("accounts", "add", "li.wei")[0] == 0
    assert tibandu("accounts", "lock", "li.wei")[0] == 0
    assert "locked (command-line" in tibandu("accounts", "list")[1]
    assert tibandu("accounts", "unlock", "li.wei")[0] == 0
    code, said = tibandu("accounts", "reset-factor", "li.wei")
    assert (code, "no second factor" in said) == (1, True), said
    assert "told only now" in tibandu("accounts", "reset", "li.wei")[1]


def test_wrong_input_is_told_in_words(tibandu: Callable[..., tuple[int, str]]) -> None:
    code, said = tibandu("accounts", "lock", "nobody")
    assert (code, "there is no account nobody" in said) == (1, True)
    code, said = tibandu("accounts", "add", "Li Wei")
    assert code == 1 and "small letters" in said
    tibandu("accounts", "add", "li.wei")
    code, said = tibandu("accounts", "add", "li.wei")
    assert code == 1 and "already" in said


def test_a_password_is_typed_twice_and_never_an_argument(
    tibandu: Callable[..., tuple[int, str]], engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    typed = iter([GOOD, "another one!", GOOD, GOOD])
    monkeypatch.setattr(getpass, "getpass", lambda _: next(typed))
    assert tibandu("accounts", "add", "li.wei", "--ask")[0] == 2
    code, said = tibandu("accounts", "add", "li.wei", "--ask")
    assert code == 0 and GOOD not in said
    assert tibandu("accounts", "add", "wu.hao", GOOD)[0] == 2
