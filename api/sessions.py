"""Sessions of a browser: a cookie of 256 bits, kept as its hash, ended by time, sign-out, a lock or another password.

A browser sends its cookie wherever a page sends it to, so a request that changes something has to show besides that it comes from
a page of ours: the session's own token in `X-CSRF-Token` or the form's `csrf_token`, and a same origin. Whoever proves himself by
the Authorization header is not concerned, and his cookie is not looked at.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flask import Request, Response
from flask import request as asking
from sqlalchemy import delete, insert, select, update

from workflow import Actor, Engine
from workflow.errors import NotFound, NotPermitted, Reason, Text
from workflow.overview import identifier, secret

from .accounts import Account, First
from .factors import Factors
from .identity import Caller, Identify, digest, nobody
from .origin import SAFE, check_origin
from .problems import Problem
from .security_log import SecurityLog, network
from .store import Shelf, stamp

IDLE, WHOLE = timedelta(minutes=30), timedelta(hours=12)
"""a session ends when it was not used for so long; and after so long however much it was used"""
FRESH = timedelta(minutes=10)
"""after a sign-in; then one proves himself again before he ends a session"""
TOUCH = timedelta(minutes=1)
"""its use is noted no oftener: reading writes nothing"""
COOKIE, SAFE_COOKIE = "tibandu", "__Host-tibandu"
"""the second where the service is reached by https: a browser then takes it from nobody but this very host"""
HEADER, FIELD = "X-CSRF-Token", "csrf_token"
FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
MUST_CHANGE = Reason(code="password_change", text=Text("须先修改密码", "choose a password of your own first"))

MUST_ENROL = Reason(
    code="second_factor", text=Text("须先设置第二因素", "your role needs a second factor; set one up first")
)

LOCAL, STRONG, ENROL, OIDC = "local", "factor", "enrol", "oidc"
"""the way of a session that was opened with the password of a local account; with its second factor besides; with the password by
somebody who has yet to get a second factor; at the identity provider
"""
WAYS = {
    LOCAL: Text("密码", "password"),
    STRONG: Text("密码和第二因素", "password and second factor"),
    ENROL: Text("密码（尚缺第二因素）", "password, second factor to come"),
    OIDC: Text("统一认证", "identity provider"),
}
OURS = (LOCAL, STRONG, ENROL)

SetCookie = Callable[[Response], None]
"""Puts the session's cookie into a response."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Who has signed in, and when."""

    id: str
    person: str
    must_change: bool
    """may do nothing but choose another password"""
    must_enrol: bool
    """may do nothing but get a second factor, and choose another password"""
    operator: bool
    way: str
    opened_at: datetime
    csrf: str
    """what its forms have to carry"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Open:
    """A session as its person sees it in the list of his own."""

    id: str
    way: str
    network: str | None
    """from where it was opened, as a network"""
    opened_at: datetime
    used_at: datetime
    """to the minute"""


class Sessions:
    """The person behind a session's cookie; whoever brings none, or an Authorization header, is left to `otherwise`.

    `url` is the address by which browsers reach the service, when that is not the one the request shows (a proxy ends the TLS);
    `first` lets the console offer a page where the first administrator makes his account.
    """

    def __init__(
        self,
        engine: Engine,
        otherwise: Identify = nobody,
        *,
        url: str | None = None,
        first: First | None = None,
    ) -> None:
        self._engine = engine
        self._shelf = Shelf(engine)
        self._otherwise = otherwise
        self._log = SecurityLog(engine)
        self.url = url
        self.first = first
        self.elsewhere: str | None = None
        """where else one can sign in: an address of ours that goes on to an identity provider"""
        self.elsewhere_end: str | None = None
        """and out, for who signed in there"""

    def __call__(self, request: Request) -> Actor | Caller | None:
        """Who asks. Raises Problem 403 `csrf`; NotPermitted while a password has to be changed."""
        session = self.of(request)
        if session is None:
            return self._otherwise(request)
        if request.method not in SAFE:
            self._check(request, session.csrf)
        if session.must_change:
            raise NotPermitted([MUST_CHANGE])
        if session.must_enrol:
            raise NotPermitted([MUST_ENROL])
        return Actor(person=session.person)

    def of(self, request: Request) -> Session | None:
        """The session of a request, be it only good for changing the password; None where it was ended."""
        token = self._token(request)
        if not token or "Authorization" in request.headers:
            return None
        s, a, now = self._shelf.tables.session, self._shelf.tables.account, self._shelf.now()
        with self._shelf.connection() as connection:
            joined = select(s, a.c.made, a.c.operator).join(a, a.c.person == s.c.person, isouter=True)
            alive = (s.c.hash == digest(token), *self._alive(now))
            row = connection.execute(joined.where(*alive)).mappings().first()
        if row is None:
            return None
        if row["used_at"] < stamp(now - TOUCH):
            with self._shelf.connection(write=True) as connection:
                connection.execute(update(s).where(s.c.hash == row["hash"]).values(used_at=stamp(now)))
        return Session(
            id=row["id"], person=row["person"], must_change=bool(row["made"]) and row["way"] in OURS,
            must_enrol=row["way"] == ENROL or (row["way"] in OURS and self._wanted(row["person"])),
            operator=bool(row["operator"]), way=row["way"],
            opened_at=datetime.fromisoformat(row["opened_at"]), csrf=_csrf(token),
        )  # fmt: skip

    def _alive(self, now: datetime) -> tuple[Any, ...]:
        t = self._shelf.tables
        s, locked = t.session.c, t.account.c.locked_at
        return (
            locked.is_(None), s.used_at > stamp(now - IDLE), s.opened_at > stamp(now - WHOLE), self._proven()
        )  # fmt: skip

    def _proven(self) -> Any:
        """Of a local account: by the password and lock of now, and not by the password alone where there is a second factor.

        Who changes one of them ends the sessions there are; one that is being opened beside it would outlive that, and ends here.
        """
        t = self._shelf.tables
        s, f = t.session.c, t.factor.c
        factor = select(f.person).where(f.person == s.person).exists()
        still = (s.changes == t.account.c.changes) & ((s.way == STRONG) | ~factor)
        return s.way.not_in(OURS) | t.account.c.person.is_(None) | still

    def _wanted(self, person: str) -> bool:
        """A role that demands a second factor may have come after the sign-in."""
        return Factors(self._engine).wanted(person)

    def open(self, who: Account | str, way: str = LOCAL) -> SetCookie:
        """A new session of an account, as it was when its password was found to be right, or of a person whom somebody else has
        proven; the one this browser had is ended.
        """
        person, changes = (who, 0) if isinstance(who, str) else (who.person, who.changes)
        if way == LOCAL and self._wanted(person):
            way = ENROL
        token, now = secret(self._engine), self._shelf.now()
        table, before = self._shelf.tables.session, self._token(asking)
        with self._shelf.connection(write=True) as connection:
            connection.execute(delete(table).where(table.c.hash == digest(before)))
            row = {
                "hash": digest(token),
                "id": identifier(self._engine),
                "network": network(),
                "person": person,
                "way": way,
                "changes": changes,
                "opened_at": stamp(now),
                "used_at": stamp(now),
            }
            connection.execute(insert(table).values(**row))
            self._log.note("sign_in", person, detail=WAYS[way].en, connection=connection)
        return lambda response: self._set(response, token)

    def close(self, request: Request) -> SetCookie:
        """End the session of this request. Twice changes nothing."""
        table = self._shelf.tables.session
        with self._shelf.connection(write=True) as connection:
            here = table.c.hash == digest(self._token(request))
            gone = connection.execute(delete(table).where(here).returning(table.c.person)).scalar()
            if gone is not None:
                self._log.note("sign_out", gone, connection=connection)
        return lambda response: self._set(response, "", max_age=0)

    def listed(self, person: str) -> list[Open]:
        """Those of a person that are alive, the last used first."""
        s, now = self._shelf.tables.session, self._shelf.now()
        query = select(s).where(s.c.person == person, *self._alive(now)).order_by(s.c.used_at.desc(), s.c.id)
        with self._shelf.connection() as connection:
            joined = query.join(a := self._shelf.tables.account, a.c.person == s.c.person, isouter=True)
            rows = connection.execute(joined).mappings().all()
        return [
            Open(
                id=row["id"], way=row["way"], network=row["network"], opened_at=datetime.fromisoformat(row["opened_at"]),
                used_at=datetime.fromisoformat(row["used_at"]),
            )
            for row in rows
        ]  # fmt: skip

    def end(self, person: str, *, by: str, id: str | None = None) -> int:
        """End the session of that id, or every session of that person; how many. Raises NotFound when none of his has that id."""
        s = self._shelf.tables.session
        which = (s.c.person == person,) if id is None else (s.c.person == person, s.c.id == id)
        with self._shelf.connection(write=True) as connection:
            gone = connection.execute(delete(s).where(*which).returning(s.c.id)).all()
            if id is not None and not gone:
                raise NotFound(Text("没有这个会话", "there is no such session"))
            if gone:
                detail = f"{len(gone)} ended"
                self._log.note("sessions", person, by=by, detail=detail, connection=connection)
        return len(gone)

    def end_elsewhere(self, person: str, until: datetime) -> None:
        """End those that he opened at the identity provider until then: he has signed out there."""
        s = self._shelf.tables.session
        which = (s.c.person == person, s.c.way == OIDC, s.c.opened_at <= stamp(until))
        with self._shelf.connection(write=True) as connection:
            gone = connection.execute(delete(s).where(*which).returning(s.c.id)).all()
            if gone:
                detail = f"{len(gone)} ended, signed out at the identity provider"
                self._log.note("sessions", person, detail=detail, connection=connection)

    def sweep(self) -> None:
        """Forget those that time has ended."""
        s, now = self._shelf.tables.session, self._shelf.now()
        old = (s.c.used_at <= stamp(now - IDLE)) | (s.c.opened_at <= stamp(now - WHOLE))
        with self._shelf.connection(write=True) as connection:
            connection.execute(delete(s).where(old))

    def fresh(self, request: Request) -> bool:
        """Whether who asks has proven himself just now: by a session that is not older than some minutes, or by this request."""
        session = self.of(request)
        return session is None or self._shelf.now() - session.opened_at <= FRESH

    # -- that a request comes from a page of ours

    def csrf_token(self, request: Request) -> str:
        """What the forms of this session have to carry; empty where there is none. It cannot be had from what we store."""
        token = self._token(request)
        return _csrf(token) if token else ""

    def check_csrf(self, request: Request) -> None:
        """Raises Problem 403 unless the request comes from a page of ours, and carries its session's token if it has one.

        For what needs no session: signing in and out, changing a password. Calling `Sessions` has it done already.
        """
        session = self.of(request)
        self._check(request, session.csrf if session else "")

    def _check(self, request: Request, expected: str) -> None:
        check_origin(request, self.url)
        given = request.headers.get(HEADER, "")
        if not given and request.mimetype in FORMS:
            given = request.form.get(FIELD, "")
        if expected and not hmac.compare_digest(given.encode(), expected.encode()):
            raise Problem("csrf", Text(f"缺少或不符 {HEADER}", f"{HEADER} is missing or another session's"))

    # -- the cookie

    def _token(self, request: Request) -> str:
        return request.cookies.get(self._name(request), "")

    def _name(self, request: Request) -> str:
        return SAFE_COOKIE if self.secure(request) else COOKIE

    def secure(self, request: Request) -> bool:
        """Whether browsers reach us by https."""
        return self.url.startswith("https:") if self.url else request.is_secure

    def _set(self, response: Response, token: str, max_age: int | None = None) -> None:
        response.set_cookie(
            self._name(asking), token, max_age=max_age, secure=self.secure(asking), httponly=True, samesite="Lax", path="/"
        )  # fmt: skip
        response.headers["Cache-Control"] = "no-store"


def _csrf(token: str) -> str:
    return hmac.new(token.encode("utf-8", "surrogatepass"), b"csrf", hashlib.sha256).hexdigest()
