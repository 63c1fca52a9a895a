"""Proxies in front: what they say of the client is believed when it comes from the address of a proxy that was named, else not.

Where several stand in a row, each appends to `X-Forwarded-For` who came to it: read from the right, the first address that is no
named proxy is the client's, and what stands left of it is his own word. Without this a client could write that header, or the one
that names a person, himself. From any other address those headers are taken out before anything reads them.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import unquote

from flask import Request
from werkzeug.http import parse_list_header
from werkzeug.middleware.proxy_fix import ProxyFix

from workflow import Actor

from .identity import Caller, Identify, is_person, nobody
from .origin import check_origin

FOR, PROTO, HOST = "HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_PROTO", "HTTP_X_FORWARDED_HOST"
FORWARDED = (FOR, PROTO, HOST, "HTTP_X_FORWARDED_PORT", "HTTP_X_FORWARDED_PREFIX", "HTTP_FORWARDED")
MARK = "tibandu.proxy"
"""where we note the proxy; no header can get there"""

WSGI = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
IP = ipaddress.IPv4Address | ipaddress.IPv6Address


class Proxy:
    """A WSGI application behind proxies: `app.wsgi_app = Proxy(app.wsgi_app, ["10.0.0.7", "10.1.0.0/24"])`."""

    def __init__(self, app: WSGI, addresses: Iterable[str]) -> None:
        """Raises ValueError for what is neither an address nor a network."""
        self._app = app
        self._networks = [ipaddress.ip_network(address) for address in addresses]

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        """The request as the proxies say it is, or as it came."""
        peer = environ.get("REMOTE_ADDR", "")
        if self._named(_address(peer)):
            environ[MARK] = peer
            return self._behind(environ, start)
        for name in FORWARDED:
            environ.pop(name, None)
        return self._app(environ, start)

    def _behind(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        proxies = 1
        for said in reversed(parse_list_header(environ.get(FOR, ""))):
            address = _address(said)
            if address is None:
                break
            environ["REMOTE_ADDR"] = str(address)
            if not self._named(address):
                break
            proxies += 1

        def told(name: str) -> int:
            """Not each of them need say it: the outermost of those that did."""
            return min(proxies, len(parse_list_header(environ.get(name, ""))))

        fixed: WSGI = ProxyFix(self._app, x_for=0, x_proto=told(PROTO), x_host=told(HOST))
        return fixed(environ, start)

    def _named(self, address: IP | None) -> bool:
        return address is not None and any(address in network for network in self._networks)


def _address(text: str) -> IP | None:
    """Without its port and zone, which tell nobody apart; IPv4 written as IPv6 is IPv4. None for what is no address."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


class ProxyPerson:
    """The person whom the proxy names in a header, after its own sign-in; anything else is left to `otherwise`.

    The proxy has to set the header on every request, and to take out the one a client sent. Its own sign-in comes with a cookie,
    so a request that changes something must not come from another site's page.
    """

    def __init__(self, header: str, otherwise: Identify = nobody, *, url: str | None = None) -> None:
        self._header = header
        self._otherwise = otherwise
        self._url = url

    def __call__(self, request: Request) -> Actor | Caller | None:
        """Who asks. Raises Problem 403 `csrf`."""
        given = request.headers.get(self._header, "")
        if not given or MARK not in request.environ or "Authorization" in request.headers:
            return self._otherwise(request)
        person = unquote(given)
        if not is_person(person):
            return None
        check_origin(request, self._url, said=False)
        return Actor(person=person)
