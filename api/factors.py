"""A second factor for local accounts: codes of half a minute from an app on a telephone (TOTP, RFC 6238); codes to recover with.

A code counts once: the step it belongs to is noted with a compare-and-set, so that two who send the same at once are one. Who
holds a role that the roles file marks `second_factor: true` can do nothing else before he has one. The key has to be readable
by the service, so it stands in the database, sealed where there is a key to do it with (`Vault`); recovery codes as hashes.
"""

from __future__ import annotations

import base64
import hmac

import pyotp
from sqlalchemy import delete, func, insert, select, update

from workflow import Engine
from workflow.errors import NotFound, StoreError, Text
from workflow.model import Actor
from workflow.overview import grants_of, secret
from workflow.vault import MARK, Vault

from .accounts import Account, Accounts
from .identity import digest
from .limits import Counter, Limit
from .nonces import Nonces
from .problems import Problem
from .security_log import SecurityLog
from .store import Shelf, insert_once, stamp

STEP = 30
"""seconds in which a code is good, none before and none after (ASVS 5.0, V6.5.5): telephones keep their clocks by the network"""
RECOVERY = 10
"""codes to recover with"""
OPEN = 300
"""seconds between the password and the code"""
GUESSES = Limit(what="second factor", most=5, seconds=900)
"""of one account"""
FORM = "second factor"
ISSUER = "tibandu"
NOT_OF_NOW = Text(
    "验证码不对：请输入此刻显示的；手机时间须设为自动",
    "this is not the code of now: type the one that is shown; the telephone has to set its clock by the network",
)
JUST_ENDED = Text(
    "这个验证码刚刚过时：请输入此刻显示的；总是如此，请把手机时间设为自动",
    "that code has just ended: type the one that is shown now; if it is so each time, let the telephone set its clock itself",
)
_LETTERS = "abcdefghjkmnpqrstvwxyz23456789"


class Factors:
    """The second factors of an engine's accounts."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._shelf = Shelf(engine)
        self._counter = Counter(engine)
        self._nonces = Nonces(engine)
        self._log = SecurityLog(engine)

    def has(self, person: str) -> bool:
        """Whether that person has one."""
        f = self._shelf.tables.factor
        with self._shelf.connection() as connection:
            return connection.execute(select(f.c.person).where(f.c.person == person)).first() is not None

    def wanted(self, person: str) -> bool:
        """Whether a role that he holds today is marked so, and he has none."""
        strong = self._engine.library.strong()
        held = {grant.role for grant in grants_of(self._engine, Actor(person=person))} if strong else set()
        return not held.isdisjoint(strong) and not self.has(person)

    # -- getting one

    def draw(self) -> str:
        """A key of 160 bits, in base 32 as apps read it."""
        return base64.b32encode(bytes.fromhex(secret(self._engine)[:40])).decode()

    def address(self, person: str, key: str) -> str:
        """What an app reads, as `otpauth://…`."""
        return pyotp.TOTP(key).provisioning_uri(name=person, issuer_name=ISSUER)

    def begin(self, person: str, key: str, code: str) -> list[str]:
        """From now on he needs it, and every session of his ends; the codes to recover with, told this once.

        Raises Problem 422 for a code that is not the key's, 409 when he has one.
        """
        step = self._step(key, code, after=-1)
        if step is None:
            raise Problem("form_invalid", NOT_OF_NOW)
        codes = [self._letters() for _ in range(RECOVERY)]
        t, now = self._shelf.tables, stamp(self._shelf.now())
        row = {"person": person, "key": Vault.here().seal(key), "step": step, "since": now}
        with self._shelf.connection(write=True) as connection:
            if not insert_once(connection, t.factor, row):
                raise Problem("conflict", Text("已设第二因素", "there is a second factor already"))
            connection.execute(delete(t.recovery).where(t.recovery.c.person == person))
            connection.execute(delete(t.session).where(t.session.c.person == person))
            connection.execute(
                insert(t.recovery), [{"hash": digest(_plain(code)), "person": person} for code in codes]
            )
            self._log.note("factor", person, detail="set up", connection=connection)
        return codes

    def reset(self, person: str, *, by: str) -> None:
        """He has none any more, and every session of his ends. Raises NotFound."""
        t = self._shelf.tables
        with self._shelf.connection(write=True) as connection:
            query = delete(t.factor).where(t.factor.c.person == person).returning(t.factor.c.person)
            if connection.execute(query).first() is None:
                raise NotFound(Text(f"{person} 没有第二因素", f"{person} has no second factor"))
            connection.execute(delete(t.recovery).where(t.recovery.c.person == person))
            connection.execute(delete(t.session).where(t.session.c.person == person))
            self._log.note("factor", person, by=by, detail="reset", connection=connection)

    def unsealed(self) -> int:
        """How many keys stand in the database as they are; 0 where there are no accounts at all."""
        f = self._shelf.tables.factor
        query = select(func.count()).select_from(f).where(~f.c.key.startswith(MARK))
        try:
            with self._shelf.connection() as connection:
                return int(connection.execute(query).scalar_one())
        except StoreError:
            return 0

    # -- proving oneself

    def ticket(self, account: Account) -> str:
        """That his password was right just now; good for some minutes and for `enter` alone, not after another password."""
        at = int(self._shelf.now().timestamp())
        return self._nonces.seal(FORM, f"{at} {account.changes} {account.person}")

    def enter(self, ticket: str, code: str) -> Account:
        """The account of a ticket whose code this is. Raises Problem 401, and 429 after some wrong ones."""
        account = self._account(ticket)
        person = account.person
        tries = self._counter.take(GUESSES, person)
        if not (self._good(person, code) or self._recovers(person, code)):
            self._log.failed(person, "second factor")
            if tries == GUESSES.most:
                self._log.note("locked_out", person, good=False, detail=GUESSES.what)
            raise Problem("unauthenticated", self._refused(person, code))
        self._counter.forget(GUESSES, person)
        return account

    def left(self, person: str) -> int:
        """How many codes to recover with he has left."""
        r = self._shelf.tables.recovery
        with self._shelf.connection() as connection:
            return len(connection.execute(select(r.c.hash).where(r.c.person == person)).all())

    def _account(self, ticket: str) -> Account:
        """As it was when its password was right; nothing of it was changed since, and it is not locked."""
        opened = self._nonces.opened(FORM, ticket) or ""
        at, _, rest = opened.partition(" ")
        changes, _, person = rest.partition(" ")
        now = self._shelf.now().timestamp()
        found = Accounts(self._engine).get(person) if person and 0 <= now - int(at) <= OPEN else None
        if found is None or found.locked_at is not None or str(found.changes) != changes:
            raise Problem("unauthenticated", Text("请重新登录", "sign in again"))
        return found

    def _good(self, person: str, code: str) -> bool:
        """The code of the key, of a step that was not used; from now on it is."""
        f = self._shelf.tables.factor
        with self._shelf.connection(write=True) as connection:
            row = connection.execute(select(f.c.key, f.c.step).where(f.c.person == person)).first()
            vault = Vault.here()
            step = None if row is None else self._step(vault.opened(row.key), code, after=row.step)
            if row is None or step is None:
                return False
            values = {"step": step, "key": vault.renewed(row.key)}
            query = update(f).where(f.c.person == person, f.c.step < step).values(**values)
            return connection.execute(query.returning(f.c.person)).first() is not None

    def _recovers(self, person: str, code: str) -> bool:
        r = self._shelf.tables.recovery
        query = delete(r).where(r.c.person == person, r.c.hash == digest(_plain(code))).returning(r.c.hash)
        with self._shelf.connection(write=True) as connection:
            found = connection.execute(query).first() is not None
            if found:
                self._log.note("factor", person, detail="recovery code used", connection=connection)
        return found

    def _step(self, key: str, code: str, *, after: int) -> int | None:
        """The step of now, if this is its code and it comes after that one."""
        now = self._now()
        return now if now > after and _is_of(key, now, code) else None

    def _now(self) -> int:
        return int(self._shelf.now().timestamp()) // STEP

    def _refused(self, person: str, code: str) -> Text:
        """Why; one that has just ended is said to be one: it is good for nothing any more."""
        f = self._shelf.tables.factor
        with self._shelf.connection() as connection:
            key = connection.execute(select(f.c.key).where(f.c.person == person)).scalar_one_or_none()
        if key is not None and _is_of(Vault.here().opened(key), self._now() - 1, code):
            return JUST_ENDED
        return Text("验证码不对或已用过", "wrong code, or one that was used")

    def _letters(self) -> str:
        """24 letters, 117 bits: enough for a plain hash to keep them; none that look alike."""
        number, letters = int(secret(self._engine), 16), []
        for _ in range(24):
            number, letter = divmod(number, len(_LETTERS))
            letters.append(_LETTERS[letter])
        return "-".join("".join(letters[start : start + 6]) for start in range(0, 24, 6))


def _is_of(key: str, step: int, code: str) -> bool:
    return hmac.compare_digest(pyotp.TOTP(key).generate_otp(step).encode(), _plain(code).encode())


def _plain(code: str) -> str:
    """Without what people put between."""
    return "".join(letter for letter in code.lower() if letter.isalnum())[:40]
