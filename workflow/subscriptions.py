"""Subscriptions: another system is told of every event in the cases its account may know of, by a signed webhook.

What is to be told is read from the feed, in its order and through the one filter, and becomes letters of the outbox in the same
transaction in which the subscription's place in the feed moves on. So nothing is left out and nothing is told twice, whoever does
it beside whom; a receiver that is away only lets its letters wait. Each subscription is a channel of its own: one that cannot be
reached holds up no other. docs/alerts.md has the way of a letter from there on.
"""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from .addressing import stamp
from .engine import Engine
from .errors import Conflict, NotFound, StoreError, Text
from .letters import EVENT
from .model import Actor
from .overview import Happening, feed, head, identifier, visible
from .store.subscriptions import SubscriptionRows
from .vault import MARK, Vault

__all__ = ["Subscription", "Subscriptions", "channel_of"]

log = logging.getLogger("workflow.subscriptions")
PAGE = 500
"""events that become letters in one transaction"""
TEST = "@test"
SECRET_BYTES = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """Where what is told, and with whose sight. `kinds`, `events`: all where there are none."""

    id: str
    account: str
    url: str
    kinds: tuple[str, ...]
    events: tuple[str, ...]
    position: int
    """its place in the feed: what came before has become letters"""
    created_by: str
    created_at: datetime
    paused_at: datetime | None
    waiting: int = 0
    dead: int = 0
    sent: int = 0
    last_error: str | None = None
    """what was answered to the last letter that failed and has not got through yet"""
    failed_at: datetime | None = None


def channel_of(subscription: str) -> str:
    """The name of the channel that is one subscription's."""
    return f"hook.{subscription}"


class Subscriptions:
    """The subscriptions of one engine. Who may make or change one is for the caller to say."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._store = engine.store
        self._rows = SubscriptionRows(engine.store)

    def add(
        self, account: str, url: str, *, by: str, kinds: Collection[str] = (), events: Collection[str] = (),
        after: int | None = None, token: str | None = None, most: int | None = None,
    ) -> tuple[Subscription, str]:  # fmt: skip
        """A new one and its secret. It begins with what happens from now on, or after that place in the feed.

        `token`: the credential it was made with and may not outlive (`pause_of`). Raises Conflict when the account has `most`.
        """
        key, begin = self._secret(), head(self._engine) if after is None else after
        kept = Vault.here().seal(key)
        row = {
            "id": identifier(self._engine), "account": account, "url": url, "secret": kept, "kinds": ",".join(sorted(kinds)),
            "events": ",".join(sorted(events)), "position": begin, "created_by": by, "created_at": self._now(), "paused_at": None,
            "token": token,
        }  # fmt: skip
        with self._store.connection(write=True) as connection:
            if not self._rows.add(connection, row, most):
                raise Conflict(Text(f"每个账号至多 {most} 个订阅", f"at most {most} of one account"))
        return _subscription(row), key

    def listed(self, account: str | None = None) -> list[Subscription]:
        """All, or those of an account, each with how it stands."""
        with self._store.connection() as connection:
            return [
                _subscription(row, self._rows.standing(connection, channel_of(row["id"])))
                for row in self._rows.found(connection, account=account)
            ]

    def get(self, id: str) -> Subscription:
        """One of them, with how it stands. Raises NotFound."""
        with self._store.connection() as connection:
            found = self._rows.found(connection, id=id) if id.isascii() and id.isalnum() else []
            if not found:
                raise NotFound(Text("没有这个订阅", "there is no such subscription"))
            return _subscription(found[0], self._rows.standing(connection, channel_of(id)))

    def pause(self, id: str) -> Subscription:
        """Tell it nothing for now; what happens meanwhile is told when it resumes. Raises NotFound."""
        return self._change(id, paused_at=self._now())

    def pause_of(self, token: str, connection: Any) -> int:
        """Pause whatever was made with a credential that is revoked in the same transaction; how many."""
        return self._rows.pause_of(connection, token, self._now())

    def resume(self, id: str) -> Subscription:
        """Go on where it was. What had failed is due at once. Raises NotFound."""
        found = self._change(id, paused_at=None)
        self._engine.alerts.bring_forward(channel_of(id))
        return found

    def renew(self, id: str) -> str:
        """Another secret; the old one signs nothing any more. Raises NotFound."""
        key = self._secret()
        self._change(id, secret=Vault.here().seal(key))
        return key

    def remove(self, id: str) -> None:
        """Forget it, with what still waits for it. Raises NotFound."""
        self.get(id)
        with self._store.connection(write=True) as connection:
            self._rows.remove(connection, id, channel_of(id))

    def test(self, id: str) -> None:
        """Have it told something that says nothing. Raises NotFound."""
        found = self.get(id)
        key = f"hook:{id}:test:{identifier(self._engine)}"
        with self._store.connection(write=True) as connection:
            self._rows.send(connection, [self._letter(found, key, TEST, {}, "", 0)])

    # -- for whoever delivers

    def active(self) -> dict[str, tuple[Subscription, str]]:
        """Channel → subscription and secret, of those that are not paused. What is not sealed as it would be today is from now
        on. One whose secret no key opens is left out: what it is to be told waits.
        """
        vault = Vault.here()
        with self._store.connection() as connection:
            rows = self._rows.found(connection, active=True)
        found = {}
        for row in rows:
            try:
                found[channel_of(row["id"])] = _subscription(row), vault.opened(row["secret"])
            except StoreError:
                log.exception("the secret of subscription %s cannot be opened", row["id"])
                continue
            if not vault.is_current(row["secret"]):
                with self._store.connection(write=True) as connection:
                    self._rows.reseal(connection, row["id"], row["secret"], vault.renewed(row["secret"]))
        return found

    def unsealed(self) -> int:
        """How many secrets stand in the database as they are."""
        with self._store.connection() as connection:
            return sum(not row["secret"].startswith(MARK) for row in self._rows.found(connection))

    def relay(self) -> int:
        """Make letters of everything that has happened since; how many. Any number of nodes may do it at once. One that fails is
        tried again at the next pass and stops no other.
        """
        count = 0
        for one, _ in self.active().values():
            try:
                count += self._relayed(one)
            except Exception:
                log.exception("subscription %s could not be told what has happened", one.id)
        return count

    def may_know(self, subscription: Subscription, case: str) -> bool:
        """Whether its account may still know of that case."""
        return bool(visible(self._engine, Actor(person=subscription.account), [case]))

    def _relayed(self, one: Subscription) -> int:
        position, count = one.position, 0
        while True:
            found, further = feed(self._engine, Actor(person=one.account), position, PAGE)
            if further == position:
                return count
            wanted = [happening for happening in found if _wants(one, happening)]
            letters = [self._event(one, happening) for happening in wanted]
            with self._store.connection(write=True) as connection:
                if not self._rows.advance(connection, one.id, position, further):
                    return count  # another node was first, or it was paused
                self._rows.send(connection, letters)
            position, count = further, count + len(letters)

    def _event(self, one: Subscription, happening: Happening) -> tuple[dict[str, Any], dict[str, Any]]:
        body = {
            "kind": happening.kind, "event": happening.event, "from_state": happening.from_state, "state": happening.to_state,
            "time": happening.recorded_at.isoformat(), "position": happening.position,
        }  # fmt: skip
        key = f"hook:{one.id}:{happening.position}"
        return self._letter(one, key, EVENT, body, happening.case, happening.seq)

    def _letter(
        self, one: Subscription, key: str, topic: str, body: Mapping[str, object], case: str, seq: int
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        now, channel = self._now(), channel_of(one.id)
        shared = {"case_id": case, "seq": seq, "topic": topic, "created_at": now}
        outbox = {
            **shared,
            "key": key,
            "recipient": f"hook:{one.id}",
            "body": json.dumps(body),
            "state": "addressed",
        }
        delivery = {
            **shared, "key": f"{key}/{channel}", "outbox_key": key, "holder": one.account, "channel": channel,
            "state": "queued", "attempts": 0, "next_at": now, "token": 0, "digest": None,
        }  # fmt: skip
        return outbox, delivery

    def _change(self, id: str, **values: Any) -> Subscription:
        self.get(id)
        with self._store.connection(write=True) as connection:
            self._rows.change(connection, id, **values)
        return self.get(id)

    def _secret(self) -> str:
        return "whsec_" + base64.b64encode(self._engine.random.bytes(SECRET_BYTES)).decode()

    def _now(self) -> str:
        return stamp(self._engine.alerts.now())


def _wants(one: Subscription, happening: Happening) -> bool:
    return (not one.kinds or happening.kind in one.kinds) and (
        not one.events or happening.event in one.events
    )


def _subscription(row: Mapping[str, Any], standing: Mapping[str, Any] | None = None) -> Subscription:
    told = dict(standing or {})
    if told.get("failed_at"):
        told["failed_at"] = datetime.fromisoformat(told["failed_at"])
    paused = row["paused_at"]
    return Subscription(
        id=row["id"], account=row["account"], url=row["url"], kinds=_names(row["kinds"]), events=_names(row["events"]),
        position=row["position"], created_by=row["created_by"], created_at=datetime.fromisoformat(row["created_at"]),
        paused_at=datetime.fromisoformat(paused) if paused else None, **told,
    )  # fmt: skip


def _names(text: str) -> tuple[str, ...]:
    return tuple(name for name in text.split(",") if name)
