"""From the outbox to persons and channels: who is told, by which way, when again, and what is given up.

Authoritative is the outbox row, written with its event. `address` turns it into one delivery for each person and channel, in
one transaction: dying there leaves the row as it was. `claim` lends deliveries to one node for a while, `complete` ends the
loan; a node that dies between them loses its lease and the letter goes again, under the same key. So nothing is lost, and
what is sent twice can be told by its key. docs/alerts.md has the states and what a crash leaves at each step.
"""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from .addressing import Addressing, stamp
from .clock import Clock, civil_date, start_of_day
from .given import check_limit
from .laws import Laws
from .letters import Letters, Numbers
from .outbox import INBOX, LINK, OPERATOR, Contact, Delivery, Letter, Line, Notice, Receipt, sealed
from .recipients import KNOWN
from .store.post import Post, Row
from .store.purge import Purge, pass_over
from .store.sql import Store

log = logging.getLogger("workflow.alerts")
AGAIN = (60, 300, 1800, 7200, 43200, 86400, 86400, 86400)
"""seconds until the next try: 1 m, 5 m, 30 m, 2 h, 12 h, then daily; 3 days and 14 hours in all"""
PATIENCE = timedelta(days=14)
"""a letter whose receiver is away is not given up before that"""
AWAY = "unreachable: "
"""how the answer of a failure begins that was not the letter's fault"""
REDELIVERED = "redelivered by"
"""how the answer of a letter begins that somebody sends again by hand"""
LEASE_SECONDS = 600.0
LONELY_DAYS = 30
KEPT_DAYS = 730
"""alerts that are over are kept for two years unless an operator says otherwise; what happened stays in the histories"""
ANSWER = 500


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a receipt makes of a delivery."""

    state: str
    next_at: datetime | None


def verdict(receipt: Receipt, attempts: int, created_at: datetime, now: datetime) -> Verdict:
    """The state after the attempt number `attempts`, and when to try again."""
    if receipt.state != "failed":
        return Verdict(receipt.state, None)
    patient = receipt.unreachable and now - created_at < PATIENCE
    if receipt.permanent or (attempts > len(AGAIN) and not patient):
        return Verdict("dead", None)
    return Verdict("failed", now + timedelta(seconds=AGAIN[min(attempts, len(AGAIN)) - 1]))


class Alerts:
    """The alerts of one engine; any number of nodes and threads may work on them at once."""

    def __init__(
        self,
        store: Store,
        laws: Laws,
        clock: Clock,
        numbers: Numbers,
        holds: Callable[[], bool] = lambda: False,
    ) -> None:
        """`numbers`: under which numbers somebody is shown lines; `holds`: whether the clock is doubtful now, so that nothing may
        be sent.
        """
        self._numbers = numbers
        self._holds = holds
        self._store = store
        self._laws = laws
        self._clock = clock
        self._post = Post(store)

    # -- outbox → deliveries

    def address(
        self, limit: int = 100, then: Callable[[Any, Mapping[str, int]], object] | None = None
    ) -> int:
        """Give each of at most `limit` waiting outbox rows its deliveries; how many rows. Call it until it returns 0.

        `then` is called with the connection and the number of due letters by channel before the commit, so that what it writes
        is written with them or not at all.
        """
        with self._store.connection(write=True) as connection:
            waiting = self._post.waiting(connection, KNOWN, limit)
            if waiting:
                Addressing(self._post, connection, self._laws, self.now(), waiting).run()
            if then is not None:
                then(connection, self._post.due(connection, stamp(self.now())))
        return len(waiting)

    def post(
        self, key: str, recipient: str, topic: str, body: Mapping[str, object], *, session: Any = None
    ) -> bool:
        """An alert that belongs to no case; False when its key is there already. Topics begin with @."""
        with self._store.connection(session, write=True) as connection:
            return self._post_row(connection, key, recipient, topic, body)

    def _post_row(
        self, connection: Any, key: str, recipient: str, topic: str, body: Mapping[str, object]
    ) -> bool:
        return self._post.post(connection, {
            "key": key, "case_id": "", "seq": 0, "topic": topic, "recipient": recipient, "state": "queued",
            "body": json.dumps(body, ensure_ascii=False, sort_keys=True), "created_at": stamp(self.now()),
        })  # fmt: skip

    def readdress(self) -> int:
        """Look again for somebody for the rows of the last thirty days that had nobody; how many. Links that have ended go out
        of the queue.
        """
        with self._store.connection(write=True) as connection:
            ended = self._post.ended_links(connection, civil_date(self.now()).isoformat())
            if ended:
                self._post.void(connection, ended)
            return self._post.readdress(connection, stamp(self.now() - timedelta(days=LONELY_DAYS)))

    # -- deliveries → letters → receipts

    def claim(
        self,
        channel: str,
        limit: int,
        *,
        per_minute: int | None = None,
        lease: float = LEASE_SECONDS,
        key: str | None = None,
    ) -> list[Letter]:
        """Due letters of a channel, for this node alone during `lease` seconds. `per_minute` holds over all nodes."""
        now = self.now()
        if self._holds():
            return []
        with self._store.connection(write=True) as connection:
            if per_minute is not None:
                since = stamp(now - timedelta(minutes=1))
                limit = min(limit, per_minute - self._post.tried_since(connection, channel, since))
            found = self._post.claim(connection, channel, stamp(now), limit, lease, key) if limit > 0 else []
            found = self._post.merge_digests(connection, found, stamp(now))
            return Letters(self._post, connection, self._laws, channel, self._numbers).of(found)

    def complete(self, letter: Letter, receipt: Receipt) -> bool:
        """Note what came of a letter; False when its lease had passed to another node. A letter given up is told the operator."""
        now, attempts = self.now(), letter.attempts + 1
        found = verdict(receipt, attempts, letter.created_at, now)
        answer = (AWAY if receipt.unreachable else "") + " ".join(receipt.answer.split())
        with self._store.connection(write=True) as connection:
            kept = self._post.complete(
                connection, letter.key, letter.token, state=found.state, attempts=attempts, answer=answer[:ANSWER],
                next_at=found.next_at and stamp(found.next_at),
            )  # fmt: skip
            if kept and found.state == "dead":
                self._give_up(connection, letter, now)
            if kept and letter.topic == LINK:
                self._post.wipe(connection, [letter.key.partition("/")[0]])
        if not kept:
            log.warning("letter %s went twice or was overtaken: its lease had passed on", letter.key)
        return kept

    def _give_up(self, connection: Any, letter: Letter, now: datetime) -> None:
        """One notice for each channel and hour, however many letters die; none about notices."""
        log.error("letter %s is dead after %d attempts", letter.key, letter.attempts + 1)
        if not letter.topic.startswith("@dead"):
            body = {"channel": letter.channel, "key": letter.key}
            self._post_row(connection, f"@dead:{letter.channel}:{now:%Y-%m-%dT%H}", OPERATOR, "@dead", body)

    def drop(self, letter: Letter) -> bool:
        """End a letter that has nothing left to say."""
        with self._store.connection(write=True) as connection:
            return self._post.complete(connection, letter.key, letter.token, state="superseded", next_at=None)

    def renew(self, letter: Letter, seconds: float = LEASE_SECONDS) -> bool:
        """Ask for more time; False when the lease had passed to another node."""
        with self._store.connection(write=True) as connection:
            return self._post.renew(connection, letter.key, letter.token, seconds)

    def release(self, letters: Iterable[Letter]) -> None:
        """Give letters back untried; they stay due."""
        with self._store.connection(write=True) as connection:
            for letter in letters:
                self._post.complete(connection, letter.key, letter.token, tried_at=None)

    def bring_forward(self, channel: str) -> int:
        """A channel that was away is back: what waited for it is due now; how many."""
        with self._store.connection(write=True) as connection:
            return self._post.bring_forward(connection, channel, stamp(self.now()), AWAY)

    # -- inboxes

    def inbox(
        self, person: str, *, unread: bool = False, before: Notice | None = None, limit: int = 50, case: str | None = None
    ) -> list[Notice]:  # fmt: skip
        """A person's entries, or those about one case, the newest first; `before` is the last one of the page before."""
        check_limit(limit)
        with self._store.connection() as connection:
            mark = self._inside(connection, person, before) if before else None
            rows = self._post.inbox(connection, person, unread=unread, before=mark, limit=limit, case=case)
            lines = Letters(self._post, connection, self._laws, INBOX, self._numbers).lines(rows)
            keys = self._outside(connection, rows)
        return [
            Notice(key=keys[row["key"]], line=line, created_at=row["created_at"], read_at=row["read_at"])
            for row, line in zip(rows, lines, strict=True)
        ]

    def _outside(self, connection: Any, rows: Sequence[Row]) -> dict[str, str]:
        """Key → what its person is told in its place: nobody finds in it how many lines there were before."""
        heads = self._post.heads(connection, rows)
        return {row["key"]: _outside(row, heads) for row in rows}

    def _inside(self, connection: Any, person: str, before: Notice) -> tuple[str, str, int, str]:
        """The place of an entry by what its person was told of it."""
        rows = self._post.entries(connection, person, at=before.created_at)
        told = self._outside(connection, rows)
        here = next((row for row in rows if before.key in (row["key"], told[row["key"]])), None)
        case, seq, key = (here["case_id"], here["seq"], here["key"]) if here else ("", 0, before.key)
        return before.created_at, case, seq, key

    def mark_read(self, person: str, keys: Sequence[str]) -> int:
        """A person has seen these entries of his inbox; how many were new to him. A digest leaves them out."""
        cases = {case for case, dot, _ in (key.partition(".") for key in keys) if dot}
        with self._store.connection(write=True) as connection:
            told = self._outside(connection, self._post.entries(connection, person, cases=cases))
            inside = [key for key, outside in told.items() if outside in keys]
            return self._post.mark_read(connection, person, [*inside, *keys], stamp(self.now()))

    # -- contacts

    def set_contacts(self, holder: str, contacts: Iterable[Contact], *, session: Any = None) -> None:
        """A holder's contacts become exactly these (those of the channel file stay); `[]` forgets him."""
        rows = [_contact_row(holder, contact, by_file=False) for contact in contacts]
        with self._store.connection(session, write=True) as connection:
            self._post.set_contacts(connection, holder, rows)

    def subscribe(self, contacts: Mapping[str, Iterable[Contact]]) -> None:
        """What the channel file says becomes exactly this; the same file on all nodes."""
        rows = [
            _contact_row(holder, c, by_file=True) for holder, several in contacts.items() for c in several
        ]
        with self._store.connection(write=True) as connection:
            self._post.subscribe(connection, rows)

    def contacts(self, holder: str) -> list[Contact]:
        """Where a holder is reached."""
        with self._store.connection() as connection:
            rows = self._post.contacts(connection, [holder])
        return [
            Contact(channel=row["channel"], address=row["address"], digest=bool(row["digest"]))
            for row in rows
        ]

    def choose(self, holder: str, channel: str, wanted: Sequence[str] | None) -> None:
        """What a holder wants to be told in that channel: when a case enters one of these states (`KIND/STATE`); `[]`: nothing;
        None: everything. His inbox is told everything all the same.
        """
        with self._store.connection(write=True) as connection:
            self._post.choose(connection, holder, channel, None if wanted is None else ",".join(wanted))

    def choices(self, holder: str) -> dict[str, tuple[str, ...]]:
        """What a holder has chosen, by channel; a channel that is not in it tells him everything."""
        with self._store.connection() as connection:
            found = self._post.choices(connection, [holder])
        return {channel: wanted for (_, channel), wanted in found.items()}

    # -- the operator

    def listed(
        self, *, state: str | None = None, channel: str | None = None, holder: str | None = None,
        case: str | None = None, limit: int = 50,
    ) -> list[Delivery]:  # fmt: skip
        """Deliveries, the newest first."""
        check_limit(limit)
        with self._store.connection() as connection:
            rows = self._post.listed(
                connection, limit, state=state, channel=channel, holder=holder, case_id=case
            )
        return [_delivery(row) for row in rows]

    def undelivered(
        self, *, state: str = "dead", channel: str | None = None, limit: int = 50, skip: int = 0
    ) -> list[tuple[Delivery, Line]]:
        """Letters that were given up (or are in that state), the newest first, each with what it says."""
        check_limit(limit)
        with self._store.connection() as connection:
            rows = self._post.listed(connection, limit, skip=skip, state=state, channel=channel)
            lines = Letters(self._post, connection, self._laws, channel or "", self._numbers).lines(rows)
        return [(_delivery(row), line) for row, line in zip(rows, lines, strict=True)]

    def redeliver(
        self, by: str, *, keys: Sequence[str] = (), channel: str | None = None, waiting: bool = False
    ) -> int:
        """Try dead letters again from the beginning: those named, those of a channel, or all; how many. `by` is noted. `waiting`:
        also those that failed and would be tried again later.
        """
        now = self.now()
        note = f"{REDELIVERED} {by} at {now:%Y-%m-%dT%H:%MZ}"
        with self._store.connection(write=True) as connection:
            count = self._post.redeliver(
                connection, stamp(now), note, keys=list(keys), channel=channel, waiting=waiting
            )
        log.info("%d letter(s) redelivered by %s", count, by)
        return count

    def asked_again(self, channel: str, since: datetime) -> bool:
        """Whether letters of that channel were redelivered by hand since, and one of them has not been tried."""
        with self._store.connection() as connection:
            return self._post.asked_again(connection, channel, stamp(since), f"{REDELIVERED} ")

    def purge(self, before: date, *, dead: bool = False, dry_run: bool = False) -> Counter[str]:
        """Forget what is over from before that day (Asia/Shanghai): letters that went or need not go, entries of inboxes, and the
        messages behind them. Of letters given up only with `dead`. Counts by state, and `outbox`; history is not touched.
        Raises ValueError for a day within the last thirty, in which letters may still be merged or find somebody.
        """
        if before > civil_date(self.now()) - timedelta(days=LONELY_DAYS):
            raise ValueError(f"{before} lies within the last {LONELY_DAYS} days")
        work = Purge(self._store, stamp(start_of_day(before)), dead=dead)
        found = work.count() if dry_run else work.run()
        if not dry_run and +found:
            log.info("alerts from before %s purged: %s", before, dict(found))
        return +found

    def pass_over(self) -> int:
        """Nobody is told of what waits to be addressed: it is the past of a simulation or of an import; how many messages."""
        with self._store.connection(write=True) as connection:
            return pass_over(self._store, connection, stamp(self.now() + timedelta(days=1)))

    def state(self) -> dict[str, Any]:
        """What an operator watches: counts by channel, what waits since when, who cannot be told."""
        with self._store.connection() as connection:
            queued, since = self._post.oldest(connection, "queued")
            return {
                "deliveries": {
                    f"{channel}.{state}": n for channel, state, n in self._post.counts(connection)
                },
                "waiting": queued,
                "waiting_since": since,
                "unknown": self._post.unknown(connection, KNOWN),
                "nobody": [
                    {
                        "key": row["key"],
                        "case": row["case_id"],
                        "topic": row["topic"],
                        "recipient": row["recipient"],
                    }
                    for row in self._post.lonely(connection, 20)
                ],
                "inbox_only": self._post.unreached(connection, 20),
            }

    def now(self) -> datetime:
        """The present instant, UTC."""
        return self._clock.now().astimezone(UTC)


def _outside(row: Row, heads: Mapping[tuple[str, int], str]) -> str:
    head = heads.get((row["case_id"], row["seq"]))
    return f"{row['case_id']}.{sealed(head, row['key'])}" if head else str(row["key"])


def _contact_row(holder: str, contact: Contact, *, by_file: bool) -> Row:
    return {
        "holder": holder, "channel": contact.channel, "address": contact.address, "digest": contact.digest, "by_file": by_file,
    }  # fmt: skip


def _delivery(row: Row) -> Delivery:
    return Delivery(case=row["case_id"], **{n: row[n] for n in Delivery.__dataclass_fields__ if n != "case"})
