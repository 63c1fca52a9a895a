"""A proxy in front: believed by its address alone, on real sockets, and never from another site's page."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from flask import Flask, request
from werkzeug.serving import make_server

from api import create_app, nobody
from api.proxy import Proxy, ProxyPerson
from workflow import Engine
from workflow.testing import FrozenClock

from . import http_walk as city

PROXY, STRANGER = "127.0.0.2", "127.0.0.3"
"""one machine has many loopback addresses: who calls from which is told by the socket"""
SPOOFED = {"X-Person": "li.wei", "X-Forwarded-For": "192.0.2.9", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "evil.example",
           "Forwarded": "for=192.0.2.9"}  # fmt: skip


@pytest.fixture
def engine(ready_url: str) -> Iterator[Engine]:
    yield from city.opened(ready_url, FrozenClock(city.TODAY))


def app_of(engine: Engine, *proxies: str) -> Flask:
    return behind(create_app(engine, ProxyPerson("X-Person", city.bearer)), *proxies)


def behind(app: Flask, *proxies: str) -> Flask:
    @app.get("/seen")
    def seen() -> list[str | None]:
        return [request.remote_addr, request.scheme, request.host.partition(":")[0]]

    app.wsgi_app = Proxy(app.wsgi_app, proxies)  # type: ignore[method-assign]
    return app


@pytest.fixture
def address(engine: Engine) -> Iterator[str]:
    """The service on a socket, for which one address is the proxy."""
    server = make_server("127.0.0.1", 0, app_of(engine, PROXY), threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def source_app() -> Flask:
    """Behind two proxies in a row; it says who came."""
    return behind(Flask(__name__), "10.0.0.7", "10.0.0.8")


def asked(address: str, source: str, path: str, headers: dict[str, str]) -> tuple[int, object]:
    to = urlsplit(address)
    connection = http.client.HTTPConnection(
        to.hostname or "", to.port, timeout=20, source_address=(source, 0)
    )
    try:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def test_a_header_from_elsewhere_names_nobody(address: str) -> None:
    assert asked(address, PROXY, "/v1/cases", SPOOFED)[0] == 200
    assert asked(address, STRANGER, "/v1/cases", SPOOFED)[0] == 401
    assert asked(address, PROXY, "/seen", SPOOFED) == (200, ["192.0.2.9", "https", "evil.example"])
    assert asked(address, STRANGER, "/seen", SPOOFED) == (200, [STRANGER, "http", "127.0.0.1"])


def status(app: Flask, peer: str, **headers: str) -> int:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return app.test_client().get("/v1/cases", headers=sent, environ_base={"REMOTE_ADDR": peer}).status_code


def test_it_is_off_until_a_proxy_is_named(engine: Engine) -> None:
    for app in (app_of(engine), create_app(engine, ProxyPerson("X-Person", nobody))):
        assert status(app, "127.0.0.1", X_Person="li.wei") == 401


def test_proxies_are_addresses_or_networks(engine: Engine) -> None:
    app = app_of(engine, "10.1.0.0/24", "2001:db8::7")
    for peer, told in (("10.1.0.9", 200), ("::ffff:10.1.0.9", 200), ("2001:db8::7", 200), ("10.1.1.9", 401), ("2001:db8::8", 401),
                       ("", 401), ("unix", 401)):  # fmt: skip
        assert status(app, peer, X_Person="li.wei") == told, peer
    with pytest.raises(ValueError, match="proxy"):
        app_of(engine, "proxy.example")


NEAR, FAR, CLIENT = "10.0.0.7", "10.0.0.8", "198.51.100.1"


@pytest.mark.parametrize(
    ("said", "source"),
    [
        (CLIENT, CLIENT),
        (f"{CLIENT}, {FAR}", CLIENT),
        (f"192.0.2.66, {CLIENT}, {FAR}", CLIENT),  # what the client wrote himself
        (f"{FAR}, {CLIENT}, {FAR}", CLIENT),  # also when he wrote a proxy's address
        (f"{CLIENT}, {FAR}, {FAR}", CLIENT),
        (f"{CLIENT}:4444, {FAR}:80", CLIENT),
        (f"::ffff:{CLIENT}, [::ffff:{FAR}]:80", CLIENT),
        ("2001:db8::1", "2001:db8::1"),
        ("[2001:db8::1]:4444", "2001:db8::1"),
        ('"[2001:DB8:0::1]"', "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"),
        (f"unknown, {FAR}", FAR),  # nothing further is known
        ("", NEAR),
        ("nonsense", NEAR),
        (FAR, FAR),
    ],
)
def test_the_client_is_the_first_who_is_no_proxy(source_app: Flask, said: str, source: str) -> None:
    answer = source_app.test_client().get(
        "/seen", headers={"X-Forwarded-For": said}, environ_base={"REMOTE_ADDR": NEAR}
    )
    assert answer.json[0] == source


@pytest.mark.parametrize(
    ("proto", "host", "seen"),
    [
        ("https", "city.example", ["https", "city.example"]),  # the outer one alone says it
        ("https, http", "city.example, inner.example", ["https", "city.example"]),
        ("gopher, https, http", "evil.example, city.example, inner.example", ["https", "city.example"]),
        ("", "", ["http", "localhost"]),
    ],
)
def test_scheme_and_host_are_the_outermost_proxys(
    source_app: Flask, proto: str, host: str, seen: list[str]
) -> None:
    sent = {"X-Forwarded-For": f"{CLIENT}, {FAR}", "X-Forwarded-Proto": proto, "X-Forwarded-Host": host}
    answer = source_app.test_client().get("/seen", headers=sent, environ_base={"REMOTE_ADDR": NEAR})
    assert answer.json == [CLIENT, *seen]


def test_names_that_are_nobodys(engine: Engine) -> None:
    app = app_of(engine, PROXY)
    for name in ("system", "svc.oa", "%00", "li wei", "x" * 81, "%e2%80%ae", "%ff%fe"):
        assert status(app, PROXY, X_Person=name) in (200, 401)
        if name != "%ff%fe":
            assert status(app, PROXY, X_Person=name) == 401, name


def test_with_an_authorization_header_that_decides(engine: Engine) -> None:
    app = app_of(engine, PROXY)
    assert status(app, PROXY, X_Person="li.wei", Authorization="Bearer nobody") == 401
    assert status(app, PROXY, Authorization="Bearer li.wei") == 200


def test_the_proxys_cookie_is_of_no_use_to_another_site(engine: Engine) -> None:
    client = app_of(engine, PROXY).test_client()
    base = {"REMOTE_ADDR": PROXY}
    for headers, told in (({"Origin": "http://evil.example"}, 403), ({"Sec-Fetch-Site": "cross-site"}, 403),
                          ({"Origin": "http://localhost"}, 201), ({}, 201)):  # fmt: skip
        answer = client.post(
            "/v1/cases", json=city.START, headers={"X-Person": "li.wei", **headers}, environ_base=base
        )
        assert answer.status_code == told, headers
