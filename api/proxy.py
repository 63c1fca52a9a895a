"""A proxy in front: what it says of the client is believed when it comes from the address of a proxy that was named, else not.

Without this a client could write `X-Forwarded-For`, or the header that names a person, himself. From any other address those
headers are taken out before anything reads them.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import unquote

from flask import Request
from werkzeug.middleware.proxy_fix import ProxyFix

from workflow import Actor

from .identity import Caller, Identify, is_person, nobody
from .origin import check_origin

FORWARDED = ("HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_PROTO", "HTTP_X_FORWARDED_HOST", "HTTP_X_FORWARDED_PORT",
             "HTTP_X_FORWARDED_PREFIX", "HTTP_FORWARDED")  # fmt: skip
MARK = "tibandu.proxy"
"""where we note the proxy; no header can get there"""

WSGI = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class Proxy:
    """A WSGI application behind proxies: `app.wsgi_app = Proxy(app.wsgi_app, ["10.0.0.7", "10.1.0.0/24"])`."""

    def __init__(self, app: WSGI, addresses: Iterable[str]) -> None:
        """Raises ValueError for what is neither an address nor a network."""
        self._app = app
        self._fixed: WSGI = ProxyFix(app, x_for=1, x_proto=1, x_host=1)
        self._networks = [ipaddress.ip_network(address) for address in addresses]

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        """The request as the proxy says it is, or as it came."""
        peer = environ.get("REMOTE_ADDR", "")
        if self._named(peer):
            environ[MARK] = peer
            return self._fixed(environ, start)
        for name in FORWARDED:
            environ.pop(name, None)
        return self._app(environ, start)

    def _named(self, peer: str) -> bool:
        try:
            address = ipaddress.ip_address(peer)
        except ValueError:
            return False
        address = getattr(address, "ipv4_mapped", None) or address
        return any(address in network for network in self._networks)


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
