"""SMS as one HTTP POST to whatever gateway the congress has a contract with, written down in the channel file.

Texts are approved beforehand by the gateway, so what is sent is the id of a template and its variables: number, state, link.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

from workflow.outbox import Letter, Receipt

from .http import HttpChannel, Reply
from .settings import Section

PHONE = re.compile(r"\+?[0-9]{5,15}")
SAMPLE = {
    "phone": "13800000000",
    "template_id": "T",
    "number": "1",
    "state": "已交办",
    "link": "https://example.org",
}


class Sms(HttpChannel):
    """kind = "sms"."""

    quiet = "21:00-08:00"
    addressed = True

    def read(self, section: Section) -> None:
        """url, allow, headers, template_id, content_type, body, success {pointer, value}, busy."""
        super().read(section)
        self._headers = section.table("headers", {}).items()
        self._type = section.text("content_type", "application/json")
        self._template = section.text("template_id", "")
        self._body = section.text("body")
        if self._body:
            section.checked("body", lambda: self.body_of(SAMPLE), b"")
        success = section.table("success")
        self._pointer = success.text("pointer", like=r"(/[^/]*)*")
        self._value = success.text("value")
        success.end()
        self._busy = section.texts("busy")

    def problem(self, address: str) -> str | None:
        """A telephone number."""
        return None if PHONE.fullmatch(address) else f"no telephone number: {address!r}"

    def carry(self, letter: Letter) -> Receipt:
        """One message."""
        values = {"phone": letter.address, "template_id": self._template, **self.words.one(letter)}
        return self.exchange(self.url, self.body_of(values), {"Content-Type": self._type, **self._headers})

    def body_of(self, values: Mapping[str, str]) -> bytes:
        """The body for these variables. Raises ValueError when a JSON body is none."""
        text = self.words.compiled(self._body, values)
        if "json" in self._type:
            json.loads(text)
        return text.encode()

    def judge(self, reply: Reply) -> Receipt:
        """By the value that the answer has at the pointer: the gateway has taken it, no more."""
        receipt = super().judge(reply)
        if receipt.state == "failed":
            return receipt
        found = at_pointer(reply.data, self._pointer)
        if found == self._value:
            return Receipt(state="sent", answer=reply.words)
        return Receipt(state="failed", answer=reply.words, unreachable=found in self._busy)


def at_pointer(data: object, pointer: str) -> str | None:
    """The scalar at a JSON pointer (RFC 6901), as JSON writes it but texts bare; None when there is none."""
    for part in pointer.split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        if isinstance(data, Mapping) and name in data:
            data = data[name]
        elif (
            isinstance(data, Sequence)
            and not isinstance(data, str)
            and name.isdecimal()
            and int(name) < len(data)
        ):
            data = data[int(name)]
        else:
            return None
    if isinstance(data, str):
        return data
    return None if data is None or isinstance(data, (Mapping, Sequence)) else json.dumps(data)
