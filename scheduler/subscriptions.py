"""Subscriptions carried out: each is a channel of its own, signed with its own secret, and asks nobody it must not ask."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime

from workflow import Engine
from workflow.outbox import Channel, Letter, Receipt
from workflow.outside import Forbidden, Network
from workflow.subscriptions import Subscription, Subscriptions

from .channels.http import exchange
from .channels.webhook import key_of, signed

WITHHELD = Receipt(state="superseded", answer="not sent: this account may no longer know of the case")
SOURCE = "/v1"


class Hook:
    """One subscription as a channel."""

    per_minute: int | None = None

    def __init__(
        self, name: str, found: Subscription, secret: str, subscriptions: Subscriptions, engine: Engine,
        allow: Sequence[Network],
    ) -> None:  # fmt: skip
        self.name = name
        self._found = found
        self._key = key_of(secret)
        self._subscriptions = subscriptions
        self._engine = engine
        self._allow = allow

    def is_open(self, now: datetime) -> bool:
        """Always: machines do not sleep."""
        return True

    def send(self, letter: Letter) -> Receipt:
        """One event, signed for this instant, if its account may still know of the case."""
        case = letter.lines[0].case if letter.lines else ""
        if case and not self._subscriptions.may_know(self._found, case):
            return WITHHELD
        body = json.dumps(event_of(letter), ensure_ascii=False, sort_keys=True).encode()
        headers = signed(self._key, letter.id, self._engine.alerts.now(), body)
        try:
            return exchange(self._found.url, body, headers, self._allow)
        except Forbidden as error:
            return Receipt(state="failed", answer=str(error))


class Hooks:
    """The subscriptions of one engine, as the channels of this pass."""

    def __init__(self, engine: Engine, allow: Sequence[Network] = ()) -> None:
        """`allow`: networks besides the public ones that may be asked, and into which plain http may go."""
        self._engine = engine
        self._subscriptions = Subscriptions(engine)
        self._allow = allow

    def __call__(self) -> Iterable[Channel]:
        """What has happened becomes letters; then whoever is to be told."""
        self._subscriptions.relay()
        return [
            Hook(name, found, secret, self._subscriptions, self._engine, self._allow)
            for name, (found, secret) in self._subscriptions.active().items()
        ]


def event_of(letter: Letter) -> dict[str, object]:
    """The CloudEvent, the same as the feed tells it: its id is the case and the line, `sequence` orders the events of a case."""
    found: dict[str, object] = {"specversion": "1.0", "source": SOURCE}
    if not letter.lines or not letter.lines[0].case:
        return {**found, "id": letter.id, "type": "tibandu.test", "time": letter.created_at.isoformat()}
    line, body = letter.lines[0], letter.body
    return {
        **found, "id": f"{line.case}/{line.seq}", "type": f"tibandu.{body['kind']}.{body['event']}", "subject": line.case,
        "time": body["time"], "sequence": f"{line.seq:010}", "dataref": f"{SOURCE}/cases/{line.case}",
        "position": body["position"], "from_state": body["from_state"], "to_state": body["state"],
    }  # fmt: skip
