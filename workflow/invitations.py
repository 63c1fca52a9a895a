"""Invitations: by a token somebody without an account may fire named events of one case until a day.

Only the congress's own office issues, lists and revokes them. The token is given once; what is stored is its hash, and that is
also how an invitation is named afterwards: from it no token can be made.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Any

from .authorization import bar
from .call import check_id, check_texts, digest, no_case
from .clock import civil_date
from .errors import NotFound, NotPermitted, Reason, Text
from .family import Record
from .laws import Laws
from .model import Actor, Invited
from .random import RandomSource
from .sight import Sight
from .store.sql import Store
from .store.work import Host

__all__ = ["Invitations"]


class Invitations:
    """The invitations of one engine."""

    def __init__(
        self, store: Store, laws: Laws, sight: Sight, now: Callable[[], datetime], random: RandomSource
    ) -> None:  # fmt: skip
        self._store = store
        self._laws = laws
        self._sight = sight
        self._now = now
        self._random = random

    def invite(
        self, case: str, events: Sequence[str], subject: str, *, until: date, by: Actor, session: Host | None
    ) -> str:
        """The token. Raises NotPermitted, NotFound."""
        check_texts(subject=subject, person=by.person)
        record = self._allowed(case, by, session)
        for name in events:
            self._laws.pinned(record.definition).event(name)
        token = self._random.bytes(32).hex()
        with self._store.connection(session, write=True) as connection:
            self._store.add(
                connection, "invitation", token_hash=digest(token), case_id=case, event=",".join(events), subject=subject,
                until=until.isoformat(), issued_by=by.person, issued_at=self._now().isoformat(), revoked_at=None,
                used_at=None,
            )  # fmt: skip
        return token

    def of(self, case: str, by: Actor, session: Host | None) -> list[Invited]:
        """All of a case, the oldest first, the ended ones too. Raises NotPermitted, NotFound."""
        self._allowed(case, by, session)
        table = self._store.tables.invitation
        query = table.select().where(table.c.case_id == case).order_by(table.c.issued_at, table.c.token_hash)
        with self._store.connection(session) as connection:
            return [_invited(row) for row in connection.execute(query)]

    def revoke(self, id_: str, by: Actor, session: Host | None) -> Invited:
        """The invitation, good for nothing from now on; again, as it was revoked first. Raises NotPermitted, NotFound."""
        table = self._store.tables.invitation
        query = table.select().where(table.c.token_hash == id_)
        with self._store.connection(session) as connection:
            found = connection.execute(query).one_or_none() if id_.isascii() and id_.isalnum() else None
        if found is None:
            raise _none()
        try:
            self._allowed(found.case_id, by, session)
        except NotFound:
            raise _none() from None
        ending = table.update().where(table.c.token_hash == id_, table.c.revoked_at.is_(None))
        with self._store.connection(session, write=True) as connection:
            connection.execute(ending.values(revoked_at=self._now().isoformat()))
            return _invited(connection.execute(query).one())

    def _allowed(self, case: str, by: Actor, session: Host | None) -> Record:
        """The case, for an office that may invite to it. Raises NotFound, NotPermitted."""
        check_id(case)
        check_texts(person=by.person)
        with self._store.connection(session) as connection:
            if not self._sight.sees(connection, case, by):
                raise no_case(case)
            family = self._store.family(connection, case)
            grants = self._store.grants(connection, by.person)
        if family is None:
            raise no_case(case)
        record, today = family.records[case], civil_date(self._now())
        reason = bar(self._laws.pinned(record.definition).definition, by, grants, record, family.root)
        oversees = self._laws.library.oversees
        office = any(g.unit is None and oversees(g.role) and g.covers(record.tenant, today) for g in grants)
        if reason is None and not office:
            text = Text("只有人大机关可以发出邀请", "only the congress's own office may invite")
            reason = Reason(code="invite", text=text)
        if reason is not None:
            raise NotPermitted([reason])
        return record


def _none() -> NotFound:
    return NotFound(Text("没有这份邀请", "no such invitation"))


def _invited(row: Any) -> Invited:
    return Invited(
        id=row.token_hash, case=row.case_id, events=tuple(row.event.split(",")), subject=row.subject,
        until=date.fromisoformat(row.until), issued_by=row.issued_by, issued_at=datetime.fromisoformat(row.issued_at),
        revoked_at=row.revoked_at and datetime.fromisoformat(row.revoked_at),
        used_at=row.used_at and datetime.fromisoformat(row.used_at),
    )  # fmt: skip
