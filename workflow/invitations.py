"""Invitations: by a token somebody without an account may fire named events of one case until a day.

Only the congress's own office issues, lists and revokes them. The token is given once; what is stored is its hash, and that is
also how an invitation is named afterwards: from it no token can be made. Sent to its person, it lies in the letter as well, until
that has arrived or the invitation has ended. A new one takes the place of the old; each leaves a line in the history.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Sequence
from datetime import date, datetime
from typing import Any

from . import history
from .addressing import stamp
from .aside import Aside
from .authorization import Permit, bar
from .call import check_id, check_texts, digest, no_case
from .clock import civil_date
from .definition import Event
from .errors import NotFound, NotPermitted, Reason, Text
from .family import Family, Record
from .given import check_actor, check_days
from .laws import Laws
from .model import Actor, Grant, Invited, Issued
from .naming import check_names
from .outbox import LINK, PLAIN
from .random import RandomSource
from .sight import Sight
from .store.post import Post
from .store.sql import Store
from .store.work import Host

__all__ = ["Invitations"]

EVENT = Event(name=history.INVITE, title=Text("发出链接", "a link was issued"), source="", moves=())


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
        self._post = Post(store)

    def invite(
        self, case: str, events: Sequence[str], subject: str, *, until: date, by: Actor, send: bool, session: Host | None
    ) -> Issued:  # fmt: skip
        """With its token, this once. Raises NotPermitted, NotFound, Conflict."""
        check_actor(by, "by")
        check_days(until=until)
        check_texts(subject=subject, person=by.person)
        check_names(subject=subject)
        record, grant = self._allowed(case, by, session)
        for name in events:
            self._laws.pinned(record.definition).event(name)
        token, now = self._random.bytes(32).hex(), self._now()
        with self._store.connection(session, write=True) as connection:
            aside = Aside(self._store, self._laws, connection, by, now, self._random)
            family = aside.locked(record.root)
            former = self._end_former(connection, case, set(events), subject)
            channels = self._send(connection, family, case, token, subject) if send else []
            self._store.add(
                connection, "invitation", token_hash=digest(token), case_id=case, event=",".join(events), subject=subject,
                until=until.isoformat(), issued_by=by.person, issued_at=now.isoformat(), channels=",".join(channels),
                revoked_at=None, used_at=None,
            )  # fmt: skip
            shown = {
                "@link": digest(token), "@to": subject, "@until": until.isoformat(), "@channels": channels, "@replaces": former,
            }  # fmt: skip
            aside.tell(family, EVENT, {case: shown}, Permit(grant))
        return Issued(id=digest(token), token=token, channels=tuple(channels), replaced=tuple(former))

    def _end_former(self, connection: Any, case: str, events: set[str], subject: str) -> list[str]:
        """The older ones of his for any of this, which end now."""
        t = self._store.tables.invitation
        his = t.select().where(t.c.case_id == case, t.c.subject == subject, t.c.revoked_at.is_(None))
        former = [row.token_hash for row in connection.execute(his) if events & {*row.event.split(",")}]
        for id_ in former:
            self._end(connection, id_)
        return former

    def _end(self, connection: Any, id_: str) -> None:
        t = self._store.tables.invitation
        ending = t.update().where(t.c.token_hash == id_, t.c.revoked_at.is_(None))
        connection.execute(ending.values(revoked_at=self._now().isoformat()))
        self._post.void(connection, [f"{LINK}:{id_}"])

    def _send(
        self, connection: Any, family: Family, case: str, token: str, subject: str
    ) -> list[str]:  # fmt: skip
        """A letter to each of his own addresses where he wants to be told anything; by which channels."""
        record, key, at = family.records[case], f"{LINK}:{digest(token)}", stamp(self._now())
        channels = self._channels(connection, subject)
        if not channels:
            return []
        body = {
            "case": case, "number": record.number or family.root.number, "kind": record.kind, "state": record.state, PLAIN: token,
        }  # fmt: skip
        self._post.post(connection, {
            "key": key, "case_id": case, "seq": record.seq + 1, "topic": LINK, "recipient": f"party:{subject}",
            "state": "addressed", "body": json.dumps(body, ensure_ascii=False, sort_keys=True), "created_at": at,
        })  # fmt: skip
        self._post.add(connection, [
            {
                "key": f"{key}/{subject}/{channel}", "outbox_key": key, "case_id": case, "seq": record.seq + 1, "topic": LINK,
                "holder": subject, "channel": channel, "state": "queued", "attempts": 0, "next_at": at, "token": 0,
                "digest": None, "digest_from": None, "created_at": at,
            }
            for channel in channels
        ])  # fmt: skip
        return channels

    def _channels(self, connection: Any, person: str) -> list[str]:
        refused = {
            channel for (_, channel), told in self._post.choices(connection, [person]).items() if not told
        }
        contacts = self._post.contacts(connection, [person])
        return [row["channel"] for row in contacts if row["address"] and row["channel"] not in refused]

    def reached(self, persons: Collection[str], session: Host | None) -> dict[str, list[str]]:
        """Of those who have an address of their own, by which channels a link would go to them."""
        with self._store.connection(session) as connection:
            return {person: found for person in persons if (found := self._channels(connection, person))}

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
        with self._store.connection(session, write=True) as connection:
            self._end(connection, id_)
            return _invited(connection.execute(query).one())

    def _allowed(self, case: str, by: Actor, session: Host | None) -> tuple[Record, Grant]:
        """The case, for an office that may invite to it, and by which grant it is one. Raises NotFound, NotPermitted."""
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
        invites = self._laws.library.invites
        office = [g for g in grants if g.unit is None and invites(g.role) and g.covers(record.tenant, today)]
        if reason is None and not office:
            text = Text("您的角色不能发出、查看或收回链接", "your role lets nobody in by a link")
            reason = Reason(code="invite", text=text)
        if reason is not None:
            raise NotPermitted([reason])
        return record, office[0]


def _none() -> NotFound:
    return NotFound(Text("没有这份邀请", "no such invitation"))


def _invited(row: Any) -> Invited:
    return Invited(
        id=row.token_hash, case=row.case_id, events=tuple(row.event.split(",")), subject=row.subject,
        until=date.fromisoformat(row.until), issued_by=row.issued_by, issued_at=datetime.fromisoformat(row.issued_at),
        revoked_at=row.revoked_at and datetime.fromisoformat(row.revoked_at),
        used_at=row.used_at and datetime.fromisoformat(row.used_at), channels=tuple(filter(None, row.channels.split(","))),
    )  # fmt: skip
