"""The security log (安全日志): who came in, who did not, which proofs and ways in were changed, and to whom something was denied.

What happens to a case stands in its history; this is about the door. Entries are added in the transaction of what they tell of,
and the database refuses to change one, or to delete one before the law allows it. Of a person stands his account, of an
address its network alone, and of what was typed nothing. The same goes to the logger `tibandu.security` as a line of JSON, to be
carried off this machine. A row here is never read to decide anything.
"""

from __future__ import annotations

import ipaddress
import json
import logging
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from flask import has_request_context
from flask import request as asking
from sqlalchemy import Connection, delete, insert, select

from workflow import Engine
from workflow.errors import Text

from .limits import Counter, Limit, source
from .store import Shelf, stamp
from .tables import LOG_DAYS

log = logging.getLogger("tibandu.security")
KINDS: Mapping[str, Text] = {
    "sign_in": Text("登录", "sign-in"),
    "locked_out": Text("失败过多，暂停登录", "too many failures: no sign-in for a while"),
    "sign_out": Text("退出", "sign-out"),
    "sessions": Text("会话被结束", "sessions ended"),
    "password": Text("密码变更", "password changed"),
    "factor": Text("第二因素变更", "second factor changed"),
    "account": Text("账号变更", "account changed"),
    "grant": Text("授权变更", "role changed"),
    "token": Text("服务令牌", "service token"),
    "feed": Text("日历地址", "calendar's address"),
    "link": Text("凭链接答复", "acted by a link"),
    "break_glass": Text("应急查阅", "break-glass"),
    "denied": Text("拒绝访问", "access denied"),
}
"""what is noted"""
SHORTEST, KEPT = timedelta(days=LOG_DAYS), timedelta(days=366)
"""网络安全法 has logs kept for six months at least; and how long they are if nobody says otherwise"""
MOST_HELD = 10_000
"""denials a process remembers within a minute, so that each is noted once"""
NOTED = Limit(what="failures noted", most=20, seconds=3600)
"""of an account, and of names for which there is none: whoever makes up names fills no disk either"""
MOST_UNKNOWN = 20
"""networks of which it notes a denial within a minute where nobody is known: whoever he is, he fills no disk"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """That something happened at the door. `good`: it was done; else it was refused."""

    id: int
    at: datetime
    kind: str
    good: bool
    person: str | None
    """whose account it is about; None where nobody is known"""
    by: str | None
    """who did it, if that was another"""
    network: str | None
    """from where, as a network: of IPv4 24 bits, of IPv6 48"""
    detail: str


class SecurityLog:
    """The log in an engine's database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._shelf = Shelf(engine)

    def note(
        self, kind: str, person: str | None, *, good: bool = True, by: str | None = None, detail: str = "",
        connection: Connection | None = None, anywhere: bool = False,
    ) -> None:  # fmt: skip
        """One more entry, in the transaction of what it tells of, if there is one. `anywhere`: it is of no one network."""
        if connection is None:
            with self._shelf.connection(write=True) as own:
                return self.note(
                    kind, person, good=good, by=by, detail=detail, connection=own, anywhere=anywhere
                )
        row = {
            "at": stamp(self._shelf.now()), "kind": kind, "good": int(good), "person": person,
            "by": by if by != person else None, "network": None if anywhere else network(), "detail": detail[:200],
        }  # fmt: skip
        t = self._shelf.tables.security
        id_ = connection.execute(insert(t).values(**row).returning(t.c.id)).scalar_one()
        log.info(json.dumps(row | {"id": id_, "good": good}, ensure_ascii=True, sort_keys=True))
        return None

    def failed(self, person: str | None, detail: str) -> None:
        """That somebody did not prove himself; `person`: whose account he named, if there is such an account. Within an hour the
        first twenty of an account, and of all names that are none together; of more the hundredth, the thousandth and so on.
        """
        number = Counter(self._engine).count(NOTED, person or "")
        if number > NOTED.most:
            if str(number).strip("0") != "1":
                return
            detail = f"{detail}; {number} within the hour"
        self.note("sign_in", person, good=False, detail=detail)

    def entries(
        self, *, person: str | None = None, kind: str | None = None, before: int | None = None, limit: int = 100
    ) -> list[Entry]:  # fmt: skip
        """The newest first; of that person or kind, and from before that entry, if one is named."""
        t = self._shelf.tables.security
        wanted = {t.c.person: person, t.c.kind: kind}
        query = select(t).where(*(column == value for column, value in wanted.items() if value is not None))
        if before is not None:
            query = query.where(t.c.id < before)
        with self._shelf.connection() as connection:
            rows = connection.execute(query.order_by(t.c.id.desc()).limit(limit)).mappings().all()
        return [
            Entry(**{**row, "at": datetime.fromisoformat(row["at"]), "good": bool(row["good"])})
            for row in rows
        ]

    def forget(self, kept: timedelta = KEPT) -> int:
        """Delete what is older; how many. Raises ValueError for less than the law asks for."""
        if kept < SHORTEST:
            raise ValueError(f"{kept} < {SHORTEST}")
        t = self._shelf.tables.security
        with self._shelf.connection(write=True) as connection:
            gone = delete(t).where(t.c.at < stamp(self._shelf.now() - kept))
            return connection.execute(gone).rowcount


class Denials:
    """To whom something was denied: each of a minute once, however often he asks. Of whoever is not known each network once,
    whatever it asks for, and of those networks the first few: of the others the next minute says how often it was.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._minute = self._unknown = self._more = 0
        self._held: set[tuple[str | None, str | None, str]] = set()

    def note(self, person: str | None, detail: str) -> None:
        """That he, or whoever it is from there, was refused. The refusal stands whether or not it can be written down."""
        try:
            first, before = self._first(person, detail)
            if before:
                more = f"{before} more within a minute, of nobody known"
                SecurityLog(self._engine).note("denied", None, good=False, detail=more, anywhere=True)
            if first:
                SecurityLog(self._engine).note("denied", person, good=False, detail=detail)
        except Exception:
            log.exception("a denial could not be written down")

    def _first(self, person: str | None, detail: str) -> tuple[bool, int]:
        """Whether it is the first such of this minute; and how many of nobody known an earlier one left out."""
        held = (person, network(), detail if person is not None else "")
        with self._lock:
            before = self._turned(int(self._engine.clock.now().timestamp()) // 60)
            full = self._unknown >= MOST_UNKNOWN if person is None else len(self._held) >= MOST_HELD
            first = not full and held not in self._held
            if first:
                self._held.add(held)
            if person is None:
                self._unknown, self._more = self._unknown + first, self._more + (not first)
        return first, before

    def _turned(self, minute: int) -> int:
        if minute == self._minute:
            return 0
        before = self._more
        self._minute, self._unknown, self._more = minute, 0, 0
        self._held.clear()
        return before


def told(entry: Entry) -> dict[str, object]:
    """An entry as JSON has it."""
    return asdict(entry) | {"at": entry.at.isoformat()}


def network() -> str | None:
    """The network of whoever asks now; None where nobody does, as on the command line."""
    if not has_request_context():
        return None
    try:
        address = ipaddress.ip_interface(source(asking)).ip
    except ValueError:
        return None
    return str(ipaddress.ip_network((address, 24 if address.version == 4 else 48), strict=False))
