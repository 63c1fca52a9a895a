"""One POST to one address and back: resolved once and pinned, no private network unless listed, no redirect, no proxy.

The name is resolved, every address it has must be allowed, and the connection goes to one of *those*: a name server that
gives another answer a moment later changes nothing. TLS still checks the name.
"""

from __future__ import annotations

import http.client
import ipaddress
import json
import socket
import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from workflow.outbox import Receipt
from workflow.outside import Forbidden, Network, check_url, permitted

from .base import SECONDS, Base, cut_off
from .settings import Section

MOST = 65536
"""bytes of an answer that are read"""
AWAY = (429, 502, 503, 504)
"""the receiver is there and cannot: not the letter's fault"""


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back."""

    status: int
    body: bytes

    @property
    def data(self) -> object:
        """The body as JSON; None when it is none."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None

    @property
    def words(self) -> str:
        """The beginning of the answer, for people."""
        return f"HTTP {self.status} {self.body[:300].decode(errors='replace')}"


def resolve(
    host: str, port: int, allow: Sequence[Network], *, listed_only: bool = False
) -> list[tuple[int, str]]:
    """(family, address) of the host, every one of them allowed. Raises Forbidden, OSError."""
    found = []
    for family, _, _, _, place in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        address = ipaddress.ip_address(str(place[0]).partition("%")[0])
        if not permitted(address, allow, listed_only=listed_only):
            raise Forbidden(
                f"{host} 是 {address}：不是公网地址，也不在 allow 中",
                f"{host} is {address}: not a public address, and not in `allow`",
            )
        found.append((int(family), str(place[0])))
    return found


def post(url: str, body: bytes, headers: Mapping[str, str], allow: Sequence[Network] = ()) -> Reply:
    """POST it, once. Raises Forbidden, OSError, http.client.HTTPException."""
    check_url(url, allow)
    parts = urlsplit(url)
    secure = parts.scheme == "https"
    host, port = parts.hostname or "", parts.port or (443 if secure else 80)
    (family, address), *_ = resolve(host, port, allow, listed_only=not secure)
    with socket.socket(family, socket.SOCK_STREAM) as plain:
        plain.settimeout(SECONDS)
        with cut_off(plain):
            plain.connect((address, port))
            if not secure:
                return _exchange(plain, parts.netloc, _target(url), body, headers)
            with ssl.create_default_context().wrap_socket(plain, server_hostname=host) as tls, cut_off(tls):
                return _exchange(tls, parts.netloc, _target(url), body, headers)


def _target(url: str) -> str:
    parts = urlsplit(url)
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _exchange(sock: socket.socket, host: str, target: str, body: bytes, headers: Mapping[str, str]) -> Reply:
    connection = http.client.HTTPConnection(host)
    connection.sock = sock
    fixed = {"Host": host, "User-Agent": "tibandu", "Connection": "close", "Accept-Encoding": "identity"}
    connection.request("POST", target, body, {**fixed, **headers})
    answer = connection.getresponse()
    try:
        return Reply(answer.status, answer.read(MOST))
    finally:
        answer.close()


class HttpChannel(Base):
    """A channel that is one POST: what is posted, and what the answer means, is the kind's."""

    addressed = False

    def read(self, section: Section) -> None:
        """url, allow."""
        self.allow = [
            section.checked("allow", lambda n=network: ipaddress.ip_network(n), ipaddress.ip_network("::1"))  # type: ignore[misc]
            for network in section.texts("allow")
        ]
        self.url = section.secret("url") if self.url_is_secret else section.text("url")
        if self.url:
            section.checked("url", lambda: check_url(self.url, self.allow), None)

    url_is_secret = False

    def exchange(self, url: str, body: bytes, headers: Mapping[str, str]) -> Receipt:
        """Post it and judge the answer."""
        try:
            return exchange(url, body, headers, self.allow, self.judge)
        except Forbidden as error:
            return Receipt(state="failed", answer=str(error))

    def judge(self, reply: Reply) -> Receipt:
        """By the status; a redirect is a failure."""
        return by_status(reply)


def by_status(reply: Reply) -> Receipt:
    """What an answer means by its status alone: 2xx is a yes, 410 a no for ever."""
    if 200 <= reply.status < 300:
        return Receipt(state="confirmed", answer=reply.words)
    return Receipt(
        state="failed", answer=reply.words, permanent=reply.status == 410, unreachable=reply.status in AWAY
    )


def exchange(
    url: str, body: bytes, headers: Mapping[str, str], allow: Sequence[Network] = (),
    judge: Callable[[Reply], Receipt] = by_status,
) -> Receipt:  # fmt: skip
    """Post it and judge the answer. Raises Forbidden, OSError."""
    try:
        return judge(post(url, body, headers, allow))
    except http.client.HTTPException as error:
        return Receipt(state="failed", answer=f"{type(error).__name__}: {error}", unreachable=True)
