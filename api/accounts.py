"""Local accounts: persons who prove themselves with a password, for cities without a sign-in of their own.

There is no account until somebody adds one, and an account gives no right to anything: what a person may do stands in grants.
Passwords are kept as argon2id (RFC 9106) and judged by length and against the common ones, not by the kinds of their letters.
Five failures in a row lock an account for a quarter of an hour for that address on every node, fifty for every address, whether
there is such an account or not. A
password that its person did not choose himself is good for a week, and for nothing but choosing another.
"""

from __future__ import annotations

import hmac
import threading
import unicodedata
from base64 import b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError
from argon2.low_level import ARGON2_VERSION
from sqlalchemy import delete, select, update

from workflow import Engine
from workflow.errors import Conflict, FormInvalid, NotFound, NotPermitted, Reason, Text
from workflow.model import SYSTEM
from workflow.naming import check_names
from workflow.overview import secret, today

from .identity import digest
from .limits import Counter, Limit
from .problems import Problem
from .security_log import SecurityLog
from .store import Shelf, insert_once, stamp

SHORTEST, LONGEST = 12, 128
"""letters of a password"""
MADE_FOR = timedelta(days=7)
"""how long a password that its person did not choose can be used"""
GUESSES = Limit(what="sign-in", most=5, seconds=900)
"""of one account from one address: whoever knows its name keeps its person out at that address alone"""
ANYWHERE = Limit(what="sign-in from anywhere", most=50, seconds=900)
"""of one account, whatever addresses they come from"""
ADDRESS = Limit(what="sign-in from", most=50, seconds=900)
"""failures of one address: many persons may share one"""
OURS = ("tibandu", "xianning", "renda", "woaini", "5201314", "1qaz2wsx")
"""what everybody here would think of; the commonest passwords and words of the world are zxcvbn's to know"""
GUESSES_ENOUGH, LOOKED_AT = 10**8, 72
"""guesses that a password has to withstand by zxcvbn's reckoning; and of how many of its letters that is asked: it takes long"""
_LETTERS = "abcdefghjkmnpqrstvwxyz23456789"
_BEATS = threading.BoundedSemaphore(2)
"""argon2id takes 64 MiB each time: only so many at once"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """An account as it is shown; the password is not told, nor is its hash."""

    person: str
    operator: bool
    """looks after the service itself"""
    must_change: bool
    """the password is one that its person did not choose himself"""
    created_by: str
    created_at: datetime
    used_on: str | None
    """the last civil day of a sign-in"""
    locked_at: datetime | None
    locked_by: str | None
    changes: int
    """how often its password or lock was changed: what was proven before counts no more"""


class Operators:
    """Who looks after the service: the persons named, and the accounts that were added for it and are not locked."""

    def __init__(self, engine: Engine, named: Iterable[str] = ()) -> None:
        self._accounts = Accounts(engine)
        self._named = frozenset(named)

    def __contains__(self, person: object) -> bool:
        if person in self._named or not isinstance(person, str):
            return person in self._named
        account = self._accounts.get(person)
        return account is not None and account.operator and account.locked_at is None


class First:
    """While there is no account: whoever knows the token that was told on the console becomes the first administrator."""

    def __init__(self, engine: Engine) -> None:
        self._accounts = Accounts(engine)
        self._counter = Counter(engine)
        self._hash: str | None = None
        self._engine = engine

    def token(self) -> str | None:
        """A new token, to be told on the console and nowhere else; None when there are accounts."""
        if self._accounts.all():
            return None
        token = secret(self._engine)[:32]
        self._hash = digest(token)
        return token

    @property
    def open(self) -> bool:
        """Whether anybody is still to come."""
        if self._hash is not None and self._accounts.all():
            self._hash = None  # somebody added one otherwise, or on another node
        return self._hash is not None

    def take(self, token: str, person: str, password: str, address: str = "") -> Account:
        """The first administrator. Raises Problem 403, 429; FormInvalid, Conflict."""
        self._counter.check(ADDRESS, address)
        if self._hash is None or not hmac.compare_digest(digest(token.strip()), self._hash):
            self._counter.count(ADDRESS, address)
            text = Text("启动口令不对；见服务的控制台", "not the token that the service told on its console")
            raise Problem("not_permitted", text)
        account = self._accounts.first(person, password)
        self._hash = None
        return account


class Accounts:
    """The accounts in an engine's database."""

    def __init__(self, engine: Engine, hasher: PasswordHasher | None = None) -> None:
        self._engine = engine
        self._shelf = Shelf(engine)
        self._counter = Counter(engine)
        self._hasher = hasher or PasswordHasher()
        self._log = SecurityLog(engine)

    # -- proving oneself

    def sign_in(self, person: str, password: str, address: str = "", device: str = "") -> Account:
        """The account whose password this is. `device`: the browser, where he has signed in with it before; it is counted apart.

        Raises Problem 401, the same whatever is wrong, and 429.
        """
        if not device:
            self._counter.check(ADDRESS, address)
        found = self._row(person)
        # with another password or lock they begin anew
        guesser = f"{person} {found['changes'] if found else 0}"
        tries = {limit: self._counter.take(limit, who) for limit, who in _guesses(guesser, address, device)}
        if not self._good(found, password):
            self._failed(found, address, [limit for limit, count in tries.items() if count == limit.most])
            text = Text("账号或密码不对，或账号已停用", "wrong name or password, or the account is locked")
            raise Problem("unauthenticated", text)
        assert found is not None  # noqa: S101 - `_good` has seen to it
        for limit, who in _guesses(guesser, address, device):
            self._counter.forget(limit, who)
        self._used(found, password)
        return _shown(found)

    def _failed(self, found: dict[str, Any] | None, address: str, full: Iterable[Limit]) -> None:
        """Counted and noted; what was typed for a name is noted only where there is such an account: it may be a password."""
        known = found["person"] if found else None
        self._counter.count(ADDRESS, address)
        detail = (
            "no such account" if found is None else "locked account" if found["locked_at"] else "password"
        )
        self._log.failed(known, detail)
        for limit in full if known else ():
            self._log.note("locked_out", known, good=False, detail=limit.what)

    def _good(self, found: dict[str, Any] | None, password: str) -> bool:
        kept = found["hash"] if found else _nobodys(self._hasher)
        matches = len(password) <= LONGEST and self._verified(kept, password)
        return matches and found is not None and found["locked_at"] is None and not self._too_old(found)

    def _verified(self, kept: str, password: str) -> bool:
        try:
            with _BEATS:
                return self._hasher.verify(kept, password.encode("utf-8", "surrogatepass"))
        except VerificationError:
            return False

    def _too_old(self, found: dict[str, Any]) -> bool:
        changed = datetime.fromisoformat(found["changed_at"])
        return bool(found["made"]) and self._shelf.now() > changed + MADE_FOR

    def _used(self, found: dict[str, Any], password: str) -> None:
        """What a sign-in leaves: its day, and the hash by today's cost."""
        values: dict[str, Any] = {"used_on": today(self._engine).isoformat()}
        if self._hasher.check_needs_rehash(found["hash"]):
            values["hash"] = self._hashed(password)
        table = self._shelf.tables.account
        with self._shelf.connection(write=True) as connection:
            here = (table.c.person == found["person"], table.c.hash == found["hash"])
            connection.execute(update(table).where(*here).values(**values))

    # -- looking after them

    def first(self, person: str, password: str) -> Account:
        """The first account of all, of who looks after the service, with a password of his own. Raises FormInvalid, Conflict."""
        check_person(person)
        _, row = self._password(person, password)
        now = stamp(self._shelf.now())
        row |= {"person": person, "made": 0, "operator": 1, "created_by": person, "created_at": now}
        table = self._shelf.tables.account
        with self._shelf.connection(write=True) as connection:
            if (
                connection.dialect.name == "postgresql"
            ):  # two who come at once are two names: no row of theirs would collide
                connection.exec_driver_sql(f"lock table {table.name} in exclusive mode")
            if connection.execute(select(table.c.person).limit(1)).first() or not insert_once(
                connection, table, row
            ):
                raise Conflict(Text("已有账号", "there are accounts already"))
            self._log.note("account", person, detail="first administrator", connection=connection)
        return _shown({"changes": 0, "used_on": None, "locked_at": None, "locked_by": None, **row})

    def add(self, person: str, *, by: str, password: str | None = None, operator: bool = False) -> str | None:
        """A new account. Without a password one is made, and given back this once. Raises FormInvalid, Conflict."""
        made, row = self.drawn(person, by=by, password=password, operator=operator)
        with self._shelf.connection(write=True) as connection:
            if not insert_once(connection, self._shelf.tables.account, row):
                raise Conflict(Text(f"已有账号 {person}", f"there is an account {person} already"))
            detail = "added, operator" if operator else "added"
            self._log.note("account", person, by=by, detail=detail, connection=connection)
        return made

    def drawn(
        self, person: str, *, by: str, password: str | None = None, operator: bool = False
    ) -> tuple[str | None, dict[str, Any]]:
        """The password and the row of a new account that is not kept yet. Raises FormInvalid."""
        check_person(person)
        made, row = self._password(person, password)
        now = stamp(self._shelf.now())
        return made, row | {"person": person, "operator": int(operator), "created_by": by, "created_at": now}

    def reset(self, person: str, *, by: str, password: str | None = None) -> str | None:
        """Another password; every session of that person ends, and his failures are forgotten. As `add`. Raises NotFound."""
        _not_oneself(person, by)
        made, row = self._password(person, password)
        self._change(person, ("password", by, "reset"), **row)
        return made

    def change(self, person: str, old: str, new: str, address: str = "") -> Account:
        """One's own password; every session of that person ends; the account after it. Raises Problem 401, 429, FormInvalid."""
        self.sign_in(person, old, address)
        if new == old:
            raise _refused(
                "password.same", Text("新密码须与原密码不同", "the new password must be another one")
            )
        row = self._password(person, new)[1] | {"made": 0}
        return self._change(person, ("password", person, "changed"), **row)

    def lock(self, person: str, *, by: str) -> None:
        """From now on he cannot sign in, and every session of his ends. Raises NotFound, NotPermitted."""
        _not_oneself(person, by)
        self._change(person, ("account", by, "locked"), locked_at=stamp(self._shelf.now()), locked_by=by)

    def unlock(self, person: str, *, by: str) -> None:
        """He can sign in again; failures are forgotten too. Raises NotFound, NotPermitted."""
        _not_oneself(person, by)
        self._change(person, ("account", by, "unlocked"), locked_at=None, locked_by=None)

    def all(self) -> list[Account]:
        """Every account, by its person."""
        table = self._shelf.tables.account
        with self._shelf.connection() as connection:
            rows = connection.execute(select(table).order_by(table.c.person)).mappings().all()
        return [_shown(dict(row)) for row in rows]

    def get(self, person: str) -> Account | None:
        """The account of that person."""
        found = self._row(person)
        return _shown(found) if found else None

    # -- the small parts

    def _row(self, person: str) -> dict[str, Any] | None:
        if not _fit(person):
            return None
        table = self._shelf.tables.account
        with self._shelf.connection() as connection:
            row = connection.execute(select(table).where(table.c.person == person)).mappings().first()
        return dict(row) if row else None

    def _password(self, person: str, password: str | None) -> tuple[str | None, dict[str, Any]]:
        """One that we made, if none is given, and what of it is kept."""
        made = None if password is not None else self._made()
        if password is not None:
            check_password(password, person)
        row = {
            "hash": self._hashed(password or made or ""),
            "made": 1,
            "changed_at": stamp(self._shelf.now()),
        }
        return made, row

    def _hashed(self, password: str) -> str:
        with _BEATS:
            return self._hasher.hash(password)

    def _made(self) -> str:
        """20 letters, 98 bits; none that look alike."""
        number = int.from_bytes(self._engine.random.bytes(32), "big")
        letters = []
        for _ in range(20):
            number, letter = divmod(number, len(_LETTERS))
            letters.append(_LETTERS[letter])
        return "-".join("".join(letters[start : start + 5]) for start in range(0, 20, 5))

    def _change(self, person: str, why: tuple[str, str, str], **values: Any) -> Account:
        """`why`: what is noted, who did it, and in a word."""
        account, session = self._shelf.tables.account, self._shelf.tables.session
        with self._shelf.connection(write=True) as connection:
            values |= {"changes": account.c.changes + 1}
            query = update(account).where(account.c.person == person).values(**values)
            found = connection.execute(query.returning(account)).mappings().first()
            if found is None:
                raise NotFound(Text(f"没有账号 {person}", f"there is no account {person}"))
            connection.execute(delete(session).where(session.c.person == person))
            self._log.note(why[0], person, by=why[1], detail=why[2], connection=connection)
        return _shown(dict(found))


def _guesses(guesser: str, address: str, device: str) -> tuple[tuple[Limit, str], ...]:
    """What a guess at an account counts for; who is stopped at his address does not use up what is everybody's."""
    if device:
        return ((GUESSES, f"{guesser} device {device}"),)
    return (GUESSES, f"{guesser} {address}"), (ANYWHERE, guesser)


def check_person(person: str) -> None:
    """Raises FormInvalid for a name that no account can have."""
    check_names(person=person)
    if not _fit(person):
        text = Text(
            f"账号须为 1 至 80 个汉字、小写字母、数字或 . _ - @，不能是 {person!r}",
            f"an account is 1 to 80 small letters, digits or . _ - @, not {person!r}",
        )
        raise FormInvalid([Reason(code="form.person", text=text, field="person")])


def _fit(person: str) -> bool:
    letters = all(letter.isalnum() or letter in "._-@" for letter in person)
    # one written form, so that no two names differ by width or case alone
    plain = unicodedata.normalize("NFKC", person).casefold() == person
    return letters and plain and 0 < len(person) <= 80 and person != SYSTEM and not person.startswith("svc.")


def check_password(password: str, person: str) -> None:
    """Raises FormInvalid for a password that is too short, too long or easily guessed."""
    if len(password) < SHORTEST:
        text = Text(f"密码至少 {SHORTEST} 个字符", f"a password has at least {SHORTEST} characters")
        raise _refused("password.short", text)
    if len(password) > LONGEST:
        text = Text(f"密码最多 {LONGEST} 个字符", f"a password has at most {LONGEST} characters")
        raise _refused("password.long", text)
    if not password.isprintable():
        text = Text("密码含有不可用的字符", "the password contains unusable characters")
        raise _refused("password.unfit", text)
    if _common(password, person):
        text = Text(
            "密码过于常见、有规律或与账号相近，请换一句别人想不到的话",
            "the password is too common, too regular, or too like the account's name: take a phrase nobody would think of",
        )
        raise _refused("password.common", text)


def _common(password: str, person: str) -> bool:
    """Whether it is soon guessed: mostly words of this place or the account's name, or by lists of the commonest and patterns."""
    from zxcvbn import zxcvbn  # it reads its lists, which takes a while and only a new password needs

    own, rest = (person.casefold(), *OURS), password.casefold()
    for word in own:
        rest = rest.replace(word, "") if word else rest
    if len(set(rest)) < 5:
        return True
    found = zxcvbn(password[:LOOKED_AT], user_inputs=[word for word in own if word])
    return bool(found["guesses"] < GUESSES_ENOUGH)


def _refused(code: str, text: Text) -> FormInvalid:
    return FormInvalid([Reason(code=code, text=text, field="password")])


def _not_oneself(person: str, by: str) -> None:
    if person == by:
        text = Text("不得处理自己的账号", "nobody looks after his own account")
        raise NotPermitted([Reason(code="own_account", text=text)])


def _nobodys(hasher: PasswordHasher) -> str:
    """What the password of an account that is not there is compared with, so that it takes as long: a hash of that cost which is
    no password's. It is written and not reckoned (PHC string format), for one who is not there may cost nothing of his own.
    """
    cost = f"m={hasher.memory_cost},t={hasher.time_cost},p={hasher.parallelism}"
    salt, tag = (
        b64encode(bytes(length)).decode().rstrip("=") for length in (hasher.salt_len, hasher.hash_len)
    )
    return f"$argon2{hasher.type.name.lower()}$v={ARGON2_VERSION}${cost}${salt}${tag}"


def _shown(row: dict[str, Any]) -> Account:
    return Account(
        person=row["person"], operator=bool(row["operator"]), must_change=bool(row["made"]), created_by=row["created_by"],
        created_at=datetime.fromisoformat(row["created_at"]), used_on=row["used_on"],
        locked_at=row["locked_at"] and datetime.fromisoformat(row["locked_at"]), locked_by=row["locked_by"],
        changes=row["changes"],
    )  # fmt: skip
