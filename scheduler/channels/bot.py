"""A bot in a group chat of somebody else's cloud. It answers 200 whatever happened; the truth is a code in the body."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping

from workflow.outbox import Letter, Receipt

from .http import HttpChannel, Reply
from .settings import Section


class Bot(HttpChannel):
    """What the three have in common."""

    url_is_secret = True  # its key stands in it
    most_bytes = 20000
    code = "errcode"
    """where the answer says how it went; 0 is well"""
    busy: tuple[int, ...] = ()
    """codes that mean "later": not the letter's fault"""

    def read(self, section: Section) -> None:
        """url, allow, and the secret where there is one."""
        super().read(section)
        self.secret = section.secret("secret", "")

    def carry(self, letter: Letter) -> Receipt:
        """One text."""
        text = self.words.short(letter, self.most_bytes)
        stamp = int(self.words.now().timestamp())
        body = json.dumps(self.message(text, stamp), ensure_ascii=False).encode()
        return self.exchange(self.address(stamp), body, {"Content-Type": "application/json; charset=utf-8"})

    def message(self, text: str, stamp: int) -> dict[str, object]:
        """What is posted at that second."""
        return {"msgtype": "text", "text": {"content": text}}

    def address(self, stamp: int) -> str:
        """Where to."""
        return self.url

    def judge(self, reply: Reply) -> Receipt:
        """By the code in the body."""
        receipt = super().judge(reply)
        if receipt.state == "failed":
            return receipt
        data = reply.data
        code = data.get(self.code) if isinstance(data, Mapping) else None
        if code == 0 and not isinstance(code, bool):
            return Receipt(state="confirmed", answer=reply.words)
        return Receipt(state="failed", answer=reply.words, unreachable=code in self.busy)


def signature(key: str, message: str = "") -> str:
    """HMAC-SHA256 in base64."""
    return base64.b64encode(hmac.new(key.encode(), message.encode(), hashlib.sha256).digest()).decode()
