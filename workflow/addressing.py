"""One page of outbox rows becomes deliveries: one for each person and channel, inside the transaction of the caller.

What has to be known about the page (tenants, barred units, grants, contacts) is asked once for all its rows.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from .calendars import Calendar
from .clock import civil_date, start_of_day
from .laws import Laws
from .model import Grant
from .outbox import DIGEST, EVERYBODY, INBOX, JOB, OPERATOR, Contact
from .recipients import Recipient
from .store.post import Post, Row

DIGEST_AT = timedelta(hours=8, minutes=30)


def next_digest(now: datetime, calendar: Calendar) -> tuple[date, datetime]:
    """The next working day whose 08:30 in Asia/Shanghai lies ahead, and that instant."""
    day = civil_date(now)
    while not calendar.is_working_day(day) or _half_past_eight(day) <= now:
        day += timedelta(days=1)
    return day, _half_past_eight(day)


def _half_past_eight(day: date) -> datetime:
    return start_of_day(day) + DIGEST_AT


def stamp(instant: datetime) -> str:
    """An instant as our rows hold it: UTC, microseconds."""
    return instant.astimezone(UTC).isoformat(timespec="microseconds")


class Addressing:
    """One page of outbox rows and what has to be known about them."""

    def __init__(
        self, post: Post, connection: Any, laws: Laws, now: datetime, waiting: Sequence[Row]
    ) -> None:
        self._post = post
        self._connection = connection
        self._now = now
        self._waiting = [(row, Recipient.parse(row["recipient"])) for row in waiting]
        self._digest = next_digest(now, laws.calendar)
        cases = {row["case_id"] for row in waiting if row["case_id"]}
        self._tenants = post.tenants(connection, cases)
        self._barred = post.barred(connection, cases)
        self._grants = self._directory()
        self._contacts: dict[str, list[Contact]] = {}
        self._choices: dict[tuple[str, str], tuple[str, ...]] = {}
        self._laws = laws

    def _directory(self) -> dict[Recipient, list[Grant]]:
        """The grants that matter to each recipient; one question for the whole page."""
        asked = {recipient for _, recipient in self._waiting if recipient.scheme in ("role", "party")}
        roles = {r.name for r in asked if r.scheme == "role"}
        parties = {r.name for r in asked if r.scheme == "party"}
        by_person: dict[str, list[Grant]] = {}
        for grant in self._post.grants(self._connection, roles, parties) if asked else ():
            by_person.setdefault(grant.person, []).append(grant)
        found: dict[Recipient, list[Grant]] = {recipient: [] for recipient in asked}
        for person, grants in by_person.items():
            for recipient in asked:
                if any(recipient.name in (g.role, g.unit, person) for g in grants):
                    found[recipient] += grants
        return found

    def run(self) -> None:
        """Every row gets its deliveries and its end."""
        persons = {row["key"]: self._persons(row, recipient) for row, recipient in self._waiting}
        holders = {p for several in persons.values() for p in several} | {
            row["recipient"] for row, _ in self._waiting
        }
        for row in self._post.contacts(self._connection, {*holders, EVERYBODY}):
            contact = Contact(channel=row["channel"], address=row["address"], digest=bool(row["digest"]))
            self._contacts.setdefault(row["holder"], []).append(contact)
        self._choices = self._post.choices(self._connection, self._contacts)
        ends: dict[str, list[str]] = {"addressed": [], "nobody": []}
        for row, recipient in self._waiting:
            found = self._deliveries(row, recipient, persons[row["key"]])
            self._post.add(self._connection, found)
            told = persons[row["key"]] or (found and recipient.scheme in ("job", OPERATOR))
            ends["addressed" if told else "nobody"].append(row["key"])
        for state, keys in ends.items():
            if keys:
                self._post.addressed(self._connection, keys, state)

    def _persons(self, row: Row, recipient: Recipient) -> tuple[str, ...]:
        tenant = self._tenants.get(row["case_id"])
        if tenant is None or recipient not in self._grants:
            return ()
        barred = self._barred.get(row["case_id"], set())
        return recipient.persons(self._grants[recipient], tenant, civil_date(self._now), barred)

    def _deliveries(self, row: Row, recipient: Recipient, persons: Sequence[str]) -> list[Row]:
        if recipient.scheme == "job":
            return [self._delivery(row, recipient.name, JOB)]
        if row["topic"].startswith("clock."):
            self._post.supersede(
                self._connection, row["case_id"], row["topic"], [*persons, row["recipient"], EVERYBODY]
            )
        if recipient.scheme == OPERATOR:
            return self._to_operator(row)
        found: list[Row] = []
        # What an outage delayed need not come in single letters any more.
        body = json.loads(row["body"])
        late = bool(body.get("late"))
        for person in persons:
            wanted = [c for c in self._contacts.get(person, []) if self._wants(person, c.channel, body)]
            contacts = [replace(c, digest=True) if late else c for c in wanted]
            later = any(contact.digest for contact in contacts)
            found.append(
                self._delivery(row, person, INBOX, digest=self._digest[0].isoformat() if later else None)
            )
            found += [
                self._digest_row(person, c) if c.digest else self._delivery(row, person, c.channel)
                for c in contacts
            ]
        for holder in (row["recipient"], EVERYBODY):
            found += [
                self._delivery(row, holder, contact.channel) for contact in self._contacts.get(holder, ())
            ]
        return found

    def _wants(self, person: str, channel: str, body: Mapping[str, Any]) -> bool:
        """Whether he wants to be told this there: everything, or that a case has entered a state that he has chosen."""
        chosen = self._choices.get((person, channel))
        if chosen is None:
            return True
        kind, event, state = (body.get(name) for name in ("kind", "event", "state"))
        if not event or f"{kind}/{state}" not in chosen:
            return False
        moves = self._laws.latest(str(kind)).event(str(event)).moves
        return any(move.to == state for move in moves)

    def _to_operator(self, row: Row) -> list[Row]:
        """By another channel than the one that failed, if there is one."""
        failed = json.loads(row["body"]).get("channel")
        contacts = self._contacts.get(OPERATOR, [])
        others = [contact for contact in contacts if contact.channel != failed]
        return [self._delivery(row, OPERATOR, contact.channel) for contact in others or contacts]

    def _delivery(self, row: Row, holder: str, channel: str, *, digest: str | None = None) -> Row:
        arrived = channel == INBOX  # the row itself is what arrives
        key = row["key"]
        if holder == EVERYBODY and row["case_id"] and key.startswith(row["case_id"]):
            key = key.rpartition(":")[0]  # one for the event, however many recipients it has
        return {
            "key": f"{key}/{holder}/{channel}", "outbox_key": row["key"], "case_id": row["case_id"], "seq": row["seq"],
            "topic": row["topic"], "holder": holder, "channel": channel, "state": "confirmed" if arrived else "queued",
            "attempts": 0, "next_at": None if arrived else stamp(self._now), "token": 0, "digest": digest, "digest_from": None,
            "created_at": row.get("created_at") or stamp(self._now),
        }  # fmt: skip

    def _digest_row(self, person: str, contact: Contact) -> Row:
        day, at = self._digest
        row = {"key": f"{DIGEST}:{day}", "case_id": "", "seq": 0, "topic": DIGEST}
        delivery = self._delivery(row, person, contact.channel, digest=day.isoformat())
        return {**delivery, "outbox_key": None, "digest_from": day.isoformat(), "next_at": stamp(at)}
