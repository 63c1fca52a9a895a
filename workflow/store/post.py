"""The rows of alerts: outbox → delivery, leases, inbox, contacts.

Addressing happens inside the database, so a row lock held for the transaction is enough (FOR UPDATE SKIP LOCKED; SQLite has
one writer). Sending happens outside, so a delivery is leased in the *database's* time and every completion names the token
of its lease: a node that slept through its lease finds that its word no longer counts.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import (
    Connection,
    and_,
    delete,
    exists,
    func,
    literal,
    literal_column,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from ..model import Grant
from ..outbox import DIGEST, LINK, PLAIN
from .sql import Store, as_grant

Row = Mapping[str, Any]
WAITING = ("queued", "failed")
BARE = (
    "key",
    "token",
    "channel",
    "holder",
    "topic",
    "case_id",
    "seq",
    "attempts",
    "digest",
    "digest_from",
    "outbox_key",
    "created_at",
)


class Post:
    """What alerts ask of the database, inside connections that the caller opens."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._t = store.tables
        self._insert: Any = sqlite.insert if store.is_sqlite else postgresql.insert

    # -- addressing

    def waiting(self, connection: Connection, schemes: Sequence[str], limit: int) -> list[Row]:
        """Outbox rows nobody else is addressing, the oldest first; rows of a scheme we do not know stay where they are."""
        o = self._t.outbox.c
        known = or_(*(o.recipient.startswith(scheme) for scheme in schemes))
        query = select(self._t.outbox).where(o.state == literal_column("'queued'"), known)
        query = query.order_by(o.created_at, o.key).limit(limit).with_for_update(skip_locked=True)
        return _rows(connection, query)

    def tenants(self, connection: Connection, cases: Collection[str]) -> dict[str, str]:
        """case → tenant."""
        c = self._t.cases.c
        return {
            row.id: row.tenant for row in connection.execute(select(c.id, c.tenant).where(c.id.in_(cases)))
        }

    def barred(self, connection: Connection, cases: Collection[str]) -> dict[str, set[str]]:
        """case → the units kept out of it."""
        b, found = self._t.barred.c, dict[str, set[str]]()
        for row in connection.execute(select(b.case_id, b.unit).where(b.case_id.in_(cases))):
            found.setdefault(row.case_id, set()).add(row.unit)
        return found

    def grants(self, connection: Connection, roles: Collection[str], parties: Collection[str]) -> list[Grant]:
        """Every grant, expired ones too, of everybody who has one of these roles, or is or belongs to one of these parties."""
        g = self._t.grant.c
        who = select(g.person).where(or_(g.role.in_(roles), g.unit.in_(parties), g.person.in_(parties)))
        query = select(
            g.id, g.person, g.role, g.scope, g.unit, g.valid_from, g.valid_until, g.on_behalf_of
        ).where(g.person.in_(who))
        return [as_grant(*row) for row in connection.execute(query.order_by(g.person, g.id))]

    def contacts(self, connection: Connection, holders: Collection[str] | None = None) -> list[Row]:
        """The contacts of these holders, or all."""
        query = select(self._t.contact).order_by(self._t.contact.c.holder, self._t.contact.c.channel)
        if holders is not None:
            query = query.where(self._t.contact.c.holder.in_(holders))
        return _rows(connection, query)

    def choices(
        self, connection: Connection, holders: Collection[str]
    ) -> dict[tuple[str, str], tuple[str, ...]]:
        """(holder, channel) → what he wants to be told there, of those who have chosen."""
        c = self._t.choice.c
        query = select(c.holder, c.channel, c.wanted).where(c.holder.in_(holders))
        found = connection.execute(query) if holders else ()
        return {(row.holder, row.channel): tuple(filter(None, row.wanted.split(","))) for row in found}

    def choose(self, connection: Connection, holder: str, channel: str, wanted: str | None) -> None:
        """His choice becomes exactly this; None: everything again."""
        k = self._t.choice
        connection.execute(delete(k).where(k.c.holder == holder, k.c.channel == channel))
        if wanted is not None:
            connection.execute(k.insert().values(holder=holder, channel=channel, wanted=wanted))

    def add(self, connection: Connection, deliveries: Sequence[Row]) -> None:
        """New deliveries; those whose key is there already are left as they are."""
        if deliveries:
            connection.execute(self._insert(self._t.delivery).on_conflict_do_nothing(), list(deliveries))

    def post(self, connection: Connection, row: Row) -> bool:
        """An outbox row that no event of a case has written; False when the key is there already."""
        o = self._t.outbox
        new = self._insert(o).on_conflict_do_nothing().values(**row).returning(o.c.key)
        return connection.execute(new).first() is not None

    def void(self, connection: Connection, keys: Collection[str]) -> None:
        """Letters with links that have ended do not go any more, and their tokens stand nowhere."""
        d = self._t.delivery
        waiting = and_(d.c.outbox_key.in_(keys), d.c.state.in_((*WAITING, "dead")))
        connection.execute(update(d).where(waiting).values(state="superseded", next_at=None))
        self.wipe(connection, keys)

    def wipe(self, connection: Connection, keys: Collection[str]) -> None:
        """Take the tokens out of these rows, but of one that a letter still needs: on its way, or given up and to be tried again."""
        o, d = self._t.outbox, self._t.delivery.c
        needed = exists(select(1).where(d.outbox_key == o.c.key, d.state.in_((*WAITING, "dead"))))
        for key, body in connection.execute(
            select(o.c.key, o.c.body).where(o.c.key.in_(keys), ~needed)
        ).all():
            left = {name: value for name, value in json.loads(body).items() if name != PLAIN}
            connection.execute(
                update(o)
                .where(o.c.key == key)
                .values(body=json.dumps(left, ensure_ascii=False, sort_keys=True))
            )

    def ended_links(self, connection: Connection, today: str) -> list[str]:
        """The rows that still have the token of a link that has ended."""
        o, i = self._t.outbox.c, self._t.invitation.c
        ended = or_(i.until < today, i.revoked_at.is_not(None))
        there = and_(
            o.topic == LINK, o.body.contains(f'"{PLAIN}"'), o.key == literal(f"{LINK}:") + i.token_hash
        )
        return list(connection.execute(select(o.key).where(there, ended)).scalars())

    def addressed(self, connection: Connection, keys: Collection[str], state: str) -> None:
        """What became of outbox rows."""
        o = self._t.outbox
        connection.execute(update(o).where(o.c.key.in_(keys)).values(state=state))

    def by_state(self, connection: Connection) -> dict[str, int]:
        """How many outbox rows stand where."""
        o = self._t.outbox.c
        query = select(o.state, func.count()).group_by(o.state).order_by(o.state)
        return {row[0]: int(row[1]) for row in connection.execute(query)}

    def supersede(self, connection: Connection, case: str, topic: str, holders: Collection[str]) -> None:
        """An older reminder of the same clock that has not gone out yet, or was not read, need not any more."""
        d = self._t.delivery
        unread = and_(d.c.channel == "inbox", d.c.state == "confirmed", d.c.read_at.is_(None))
        old = and_(
            d.c.case_id == case,
            d.c.topic == topic,
            d.c.holder.in_(holders),
            or_(d.c.state.in_(WAITING), unread),
        )
        connection.execute(update(d).where(old).values(state="superseded", next_at=None))

    def readdress(self, connection: Connection, since: str) -> int:
        """Try again to find somebody for rows that had nobody; how many."""
        o = self._t.outbox
        lonely = and_(o.c.state == "nobody", o.c.recipient != "nobody", o.c.created_at >= since)
        return connection.execute(update(o).where(lonely).values(state="queued")).rowcount

    def due(self, connection: Connection, now: str) -> dict[str, int]:
        """channel → how many letters nobody has in his hands are due."""
        d = self._t.delivery.c
        free = or_(d.leased_until.is_(None), d.leased_until < literal_column(self._time(0)))
        query = select(d.channel, func.count()).where(d.next_at <= now, free).group_by(d.channel)
        return {row[0]: row[1] for row in connection.execute(query)}

    # -- leases

    def claim(
        self,
        connection: Connection,
        channel: str,
        now: str,
        limit: int,
        seconds: float,
        key: str | None = None,
    ) -> list[Row]:
        """Lease due deliveries of a channel: those never tried first, so that no number of failing ones is in their way. `now` is the engine's; the lease runs in the database's time."""
        d = self._t.delivery
        free = or_(d.c.leased_until.is_(None), d.c.leased_until < literal_column(self._time(0)))
        due = select(d.c.key).where(d.c.channel == channel, d.c.next_at <= now, free)
        if key is not None:
            due = due.where(d.c.key == key)
        due = due.order_by(d.c.attempts, d.c.next_at, d.c.key).limit(limit).with_for_update(skip_locked=True)
        lease = {"token": d.c.token + 1, "leased_until": literal_column(self._time(seconds)), "tried_at": now}
        # A CTE, because a subquery that locks could be run more than once.
        taken = update(d).where(d.c.key.in_(select(due.cte("due").c.key))).values(**lease)
        found = _rows(connection, taken.returning(*(d.c[name] for name in BARE)))
        return sorted(found, key=lambda row: (row["attempts"], row["created_at"], row["key"]))

    def merge_digests(self, connection: Connection, claimed: Sequence[Row], now: str) -> list[Row]:
        """Of the digests that wait for one person in one channel the newest that is due takes the others along; what is left.

        One that another node has in its hands is left to it.
        """
        mine = {row["key"]: row for row in claimed if row["topic"] == DIGEST}
        if not mine:
            return list(claimed)
        several: dict[str, list[Row]] = {}
        for row in self._digests(connection, mine):
            several.setdefault(row["holder"], []).append(row)
        gone: set[str] = set()
        since: dict[str, str] = {}
        for rows in several.values():
            newest = max(
                (row for row in rows if row["key"] in mine or row["next_at"] <= now),
                key=lambda row: row["digest"],
            )
            older = [row for row in rows if row["digest"] < newest["digest"]]
            if older:
                since[newest["key"]] = min(row["digest_from"] for row in (newest, *older))
                self._take_along(
                    connection, newest["key"], since[newest["key"]], [row["key"] for row in older]
                )
                gone.update(row["key"] for row in older)
        return [
            {**row, "digest_from": since.get(row["key"], row["digest_from"])}
            for row in claimed
            if row["key"] not in gone
        ]

    def _digests(self, connection: Connection, mine: Mapping[str, Row]) -> list[Row]:
        """The waiting digests of the same persons and channel: ours and those in nobody's hands."""
        d = self._t.delivery.c
        free = or_(d.leased_until.is_(None), d.leased_until < literal_column(self._time(0)), d.key.in_(mine))
        query = select(d.key, d.holder, d.digest, d.digest_from, d.next_at).where(
            d.holder.in_({row["holder"] for row in mine.values()}),
            d.channel == next(iter(mine.values()))["channel"],
            d.topic == literal_column(f"'{DIGEST}'"),
            d.next_at.is_not(None),
            free,
        )
        return _rows(connection, query.with_for_update(skip_locked=True))

    def _take_along(self, connection: Connection, newest: str, since: str, older: Collection[str]) -> None:
        d = self._t.delivery
        gone = {
            "state": "superseded",
            "next_at": None,
            "leased_until": None,
            "answer": f"goes with {newest}"[:500],
        }
        connection.execute(update(d).where(d.c.key.in_(older)).values(**gone))
        connection.execute(update(d).where(d.c.key == newest).values(digest_from=since))

    def _time(self, ahead: float) -> str:
        """The database's own time, some seconds ahead, in text that compares."""
        if self._store.is_sqlite:
            return f"strftime('%Y-%m-%dT%H:%M:%f', 'now', '{ahead:+.3f} seconds')"
        form = "'YYYY-MM-DD\"T\"HH24:MI:SS.MS'"
        return f"to_char((clock_timestamp() + interval '{ahead:.3f} seconds') at time zone 'utc', {form})"

    def tried_since(self, connection: Connection, channel: str, since: str) -> int:
        """How many letters of a channel were tried after that instant; the caller is the only one who counts until he commits."""
        self._store.lock_name(connection, f"channel:{channel}")
        d = self._t.delivery.c
        query = select(func.count()).where(d.channel == channel, d.tried_at > since)
        return int(connection.execute(query).scalar_one())

    def complete(self, connection: Connection, key: str, token: int, **values: Any) -> bool:
        """The end of a lease; False when it was somebody else's by then."""
        d = self._t.delivery
        mine = and_(d.c.key == key, d.c.token == token, d.c.leased_until.is_not(None))
        if values.get("state") in WAITING:
            mine = and_(mine, d.c.state.in_(WAITING))  # a reminder overtaken meanwhile is not tried again
        return connection.execute(update(d).where(mine).values(leased_until=None, **values)).rowcount == 1

    def renew(self, connection: Connection, key: str, token: int, seconds: float) -> bool:
        """More time for a lease; False when it was somebody else's by then."""
        d = self._t.delivery
        mine = and_(d.c.key == key, d.c.token == token, d.c.leased_until.is_not(None))
        longer = update(d).where(mine).values(leased_until=literal_column(self._time(seconds)))
        return connection.execute(longer).rowcount == 1

    def bring_forward(self, connection: Connection, channel: str, now: str, mark: str) -> int:
        """A channel is back: what failed only because it was away is due now."""
        d = self._t.delivery
        away = and_(
            d.c.channel == channel, d.c.state == "failed", d.c.next_at > now, d.c.answer.startswith(mark)
        )
        return connection.execute(update(d).where(away).values(next_at=now)).rowcount

    def bodies(self, connection: Connection, keys: Collection[str]) -> dict[str, str]:
        """outbox key → body."""
        o = self._t.outbox.c
        return {row.key: row.body for row in connection.execute(select(o.key, o.body).where(o.key.in_(keys)))}

    def epochs(self, connection: Connection) -> list[str]:
        """When the database was restored, the oldest first."""
        e = self._t.epoch.c
        return list(connection.execute(select(e.began_at).order_by(e.began_at)).scalars())

    def definitions(self, connection: Connection, cases: Collection[str]) -> dict[str, str]:
        """case → the hash of its definition."""
        c = self._t.cases.c
        query = select(c.id, c.definition).where(c.id.in_(cases))
        return {row.id: row.definition for row in connection.execute(query)}

    # -- questions

    def digest(self, connection: Connection, holder: str, since: str, day: str) -> list[Row]:
        """The unread inbox entries that belong into a holder's digest of that day, which gathers those `since` another."""
        d = self._t.delivery.c
        query = select(self._t.delivery).where(
            d.holder == holder,
            d.channel == "inbox",
            d.digest.between(since, day),
            d.state == "confirmed",
            d.read_at.is_(None),
        )
        return _rows(connection, query.order_by(d.created_at, d.key))

    def inbox(
        self,
        connection: Connection,
        holder: str,
        *,
        unread: bool,
        before: tuple[str, str, int, str] | None,
        limit: int,
        case: str | None = None,
    ) -> list[Row]:
        """A person's entries (about that case), the newest first; `before` is (created_at, case, number, key) of the last one seen. Those of one
        instant stand in the order of lines: by the text of their keys 10 would stand before 9, and tell how many there were.
        """
        d = self._t.delivery.c
        query = select(self._t.delivery).where(
            d.holder == holder, d.channel == literal_column("'inbox'"), d.state == "confirmed"
        )
        place = (d.created_at, d.case_id, d.seq, d.key)
        if unread:
            query = query.where(d.read_at.is_(None))
        if case is not None:
            query = query.where(d.case_id == case)
        if before is not None:
            query = query.where(d.created_at <= before[0], tuple_(*place) < tuple_(*map(literal, before)))
        return _rows(connection, query.order_by(*(column.desc() for column in place)).limit(limit))

    def entries(
        self,
        connection: Connection,
        holder: str,
        *,
        cases: Collection[str] | None = None,
        at: str | None = None,
    ) -> list[Row]:
        """A person's entries about these cases, or of that instant: key, case_id, seq."""
        d = self._t.delivery.c
        which = d.case_id.in_(cases) if cases is not None else d.created_at == at
        query = select(d.key, d.case_id, d.seq).where(
            d.holder == holder, d.channel == literal_column("'inbox'"), which
        )
        return _rows(connection, query)

    def heads(self, connection: Connection, rows: Collection[Row]) -> dict[tuple[str, int], str]:
        """(case, number) → hash of the lines that these rows tell of."""
        h, cases, numbers = self._t.history.c, {row["case_id"] for row in rows}, {row["seq"] for row in rows}
        query = select(h.case_id, h.seq, h.hash).where(h.case_id.in_(cases), h.seq.in_(numbers))
        return {(row.case_id, row.seq): row.hash for row in connection.execute(query)} if cases - {""} else {}

    def kept(self, connection: Connection, cases: Collection[str], events: Sequence[str]) -> set[str]:
        """Those of these cases that have a line of one of these events."""
        return (
            {case for case, _, _ in self._store.lines_of(connection, sorted(cases), events)}
            if cases and events
            else set()
        )

    def mark_read(self, connection: Connection, holder: str, keys: Collection[str], at: str) -> int:
        """Note that a person has seen entries of his own inbox; how many were new to him."""
        d = self._t.delivery
        his = and_(d.c.key.in_(keys), d.c.holder == holder, d.c.channel == "inbox", d.c.read_at.is_(None))
        return connection.execute(update(d).where(his).values(read_at=at)).rowcount

    def listed(self, connection: Connection, limit: int, skip: int = 0, **wanted: Any) -> list[Row]:
        """Deliveries, the newest first, after so many."""
        d = self._t.delivery.c
        query = select(self._t.delivery).where(
            *(d[name] == value for name, value in wanted.items() if value is not None)
        )
        ordered = query.order_by(d.created_at.desc(), d.key.desc())
        return _rows(connection, ordered.limit(limit).offset(skip) if skip else ordered.limit(limit))

    def counts(self, connection: Connection) -> list[tuple[str, str, int]]:
        """(channel, state, how many)."""
        d = self._t.delivery.c
        query = (
            select(d.channel, d.state, func.count()).group_by(d.channel, d.state).order_by(d.channel, d.state)
        )
        return [tuple(row) for row in connection.execute(query)]

    def oldest(self, connection: Connection, state: str) -> tuple[int, str | None]:
        """(how many outbox rows in that state, since when)."""
        o = self._t.outbox.c
        found = connection.execute(select(func.count(), func.min(o.created_at)).where(o.state == state)).one()
        return int(found[0]), found[1]

    def lonely(self, connection: Connection, limit: int) -> list[Row]:
        """Outbox rows for which nobody was found, the newest first."""
        o = self._t.outbox.c
        query = select(self._t.outbox).where(o.state == "nobody").order_by(o.created_at.desc(), o.key)
        return _rows(connection, query.limit(limit))

    def unknown(self, connection: Connection, schemes: Sequence[str]) -> int:
        """Waiting rows whose recipient only a newer version understands."""
        o = self._t.outbox.c
        known = or_(*(o.recipient.startswith(scheme) for scheme in schemes))
        return int(connection.execute(select(func.count()).where(o.state == "queued", ~known)).scalar_one())

    def unreached(self, connection: Connection, limit: int) -> list[str]:
        """Persons who have entries in their inbox and no contact."""
        d, k = self._t.delivery.c, self._t.contact.c
        reached = exists(select(1).where(k.holder == d.holder))
        query = (
            select(d.holder).where(d.channel == "inbox", ~reached).distinct().order_by(d.holder).limit(limit)
        )
        return list(connection.execute(query).scalars())

    def redeliver(self, connection: Connection, now: str, note: str, **wanted: Any) -> int:
        """Dead letters are tried again from the beginning; how many. `keys`, `channel` narrow it; `keys` and `waiting` also
        take those that failed and wait.
        """
        d = self._t.delivery
        late = wanted.get("keys") or wanted.get("waiting")
        chosen = [d.c.state.in_(("dead", "failed")) if late else d.c.state == "dead"]
        if wanted.get("keys"):
            chosen.append(d.c.key.in_(wanted["keys"]))
        if wanted.get("channel"):
            chosen.append(d.c.channel == wanted["channel"])
        values = {"state": "queued", "attempts": 0, "next_at": now, "answer": note}
        return connection.execute(update(d).where(*chosen).values(**values)).rowcount

    def asked_again(self, connection: Connection, channel: str, since: str, note: str) -> bool:
        """Whether a letter of that channel that has that note was made due after `since`, and not tried."""
        d = self._t.delivery.c
        due = and_(d.channel == channel, d.attempts == 0, d.next_at > since)
        found = select(1).where(due, d.state == "queued", d.answer.startswith(note, autoescape=True)).limit(1)
        return connection.execute(found).first() is not None

    # -- contacts

    def set_contacts(self, connection: Connection, holder: str, contacts: Sequence[Row]) -> None:
        """A holder's contacts become exactly these; what a file says of him stays."""
        k = self._t.contact
        connection.execute(delete(k).where(k.c.holder == holder, ~k.c.by_file))
        if contacts:
            connection.execute(self._insert(k).on_conflict_do_nothing(), list(contacts))

    def subscribe(self, connection: Connection, contacts: Sequence[Row]) -> None:
        """What files say becomes exactly this."""
        k = self._t.contact
        same = {(row["holder"], row["channel"], row["address"], row["digest"]) for row in contacts}
        held = connection.execute(
            select(k.c.holder, k.c.channel, k.c.address, k.c.digest).where(k.c.by_file)
        ).all()
        if same == {tuple(row) for row in held}:
            return
        connection.execute(delete(k).where(k.c.by_file))
        if contacts:
            connection.execute(self._insert(k).on_conflict_do_nothing(), list(contacts))


def _rows(connection: Connection, query: Any) -> list[Row]:
    return [dict(row) for row in connection.execute(query).mappings()]
