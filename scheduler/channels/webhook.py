"""A signed webhook: the headers of Standard Webhooks, a CloudEvents 1.0 body.

Source: standard-webhooks/spec; CloudEvents 1.0.2 with its Sequence extension.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from datetime import datetime

from workflow.outbox import Letter, Receipt

from .http import HttpChannel
from .settings import Section

LEAST_KEY = 24


class Webhook(HttpChannel):
    """kind = "webhook"."""

    def read(self, section: Section) -> None:
        """url, allow, secret (whsec_…), source."""
        super().read(section)
        self._key = section.checked("secret", lambda: key_of(section.secret("secret")), b"")
        self._source = section.text("source", "tibandu")

    def carry(self, letter: Letter) -> Receipt:
        """One event, signed for this instant."""
        body = json.dumps(self.event(letter), ensure_ascii=False, sort_keys=True).encode()
        return self.exchange(self.url, body, signed(self._key, letter.id, self.words.now(), body))

    def event(self, letter: Letter) -> dict[str, object]:
        """The CloudEvent; `sequence` restores the order within a case."""
        found: dict[str, object] = {
            "specversion": "1.0", "id": letter.id, "source": self._source, "type": f"tibandu.{letter.topic.strip('@')}",
            "time": letter.created_at.isoformat(), "datacontenttype": "application/json",
            "data": {"lines": self.words.full(letter)},
        }  # fmt: skip
        if len(letter.lines) == 1 and letter.lines[0].case:
            found |= {"subject": letter.lines[0].case, "sequence": f"{letter.lines[0].seq:010}"}
        return found


def key_of(secret: str) -> bytes:
    """The key of a `whsec_` secret. Raises ValueError."""
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except binascii.Error:
        raise ValueError("whsec_ and base64") from None
    if len(key) < LEAST_KEY:
        raise ValueError(f"at least {LEAST_KEY} bytes")
    return key


def signed(key: bytes, id_: str, now: datetime, body: bytes) -> dict[str, str]:
    """The headers of Standard Webhooks for that body, signed for that instant."""
    stamp = str(int(now.timestamp()))
    return {
        "Content-Type": "application/cloudevents+json; charset=utf-8", "webhook-id": id_, "webhook-timestamp": stamp,
        "webhook-signature": sign(key, id_, stamp, body),
    }  # fmt: skip


def sign(key: bytes, id_: str, stamp: str, body: bytes) -> str:
    """The signature over id, timestamp and body."""
    signed = hmac.new(key, f"{id_}.{stamp}.".encode() + body, hashlib.sha256).digest()
    return "v1," + base64.b64encode(signed).decode()
