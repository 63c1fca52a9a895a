"""Sessions: what the cookie is, when it ends, and that no other site's page can use it."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from flask import Flask, Response, request
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from api import Accounts, Sessions, StoredTokens, create_app, create_schema
from api.identity import digest
from api.problems import respond
from api.store import Shelf
from workflow import Engine
from workflow.testing import FrozenClock

from . import http_walk as city
from .test_accounts import CHEAP, GOOD, OTHER

HOME = {"Sec-Fetch-Site": "same-origin"}


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock(city.TODAY)


@pytest.fixture
def engine(ready_url: str, clock: FrozenClock) -> Iterator[Engine]:
    for engine in city.opened(ready_url, clock):
        create_schema(engine)
        accounts = Accounts(engine, CHEAP)
        accounts.add("li.wei", by="he.jun", password=GOOD)
        accounts.change("li.wei", GOOD, OTHER)
        accounts.add("wu.hao", by="he.jun", password=GOOD)
        yield engine


def app_of(engine: Engine, url: str | None = None) -> Flask:
    """The service and, as a console would have it, a page to sign in and out."""
    sessions, accounts = Sessions(engine, StoredTokens(engine, city.bearer), url=url), Accounts(engine, CHEAP)
    app = create_app(engine, sessions, operators=[city.OPERATOR])

    @app.post("/sign-in")
    def sign_in() -> Response:
        sessions.check_csrf(request)
        account = accounts.sign_in(
            request.form["person"], request.form["password"], request.remote_addr or ""
        )
        response = Response("in")
        sessions.open(account)(response)
        return response

    @app.post("/form")
    def form() -> str:
        actor = sessions(request)
        return actor.person if actor else ""  # type: ignore[union-attr]

    @app.get("/token")
    def token() -> str:
        return sessions.csrf_token(request)

    @app.post("/sign-out")
    def sign_out() -> Response:
        sessions.check_csrf(request)
        response = Response("out")
        sessions.close(request)(response)
        return response

    app.register_error_handler(Exception, respond)
    return app


@pytest.fixture
def client(engine: Engine) -> FlaskClient:
    return app_of(engine).test_client()


def enter(
    client: FlaskClient, person: str = "li.wei", password: str = OTHER, base: str = "http://localhost"
) -> str:
    """Sign in; the token of the forms."""
    body = {"person": person, "password": password}
    answer = client.post("/sign-in", data=body, headers=HOME, base_url=base)
    assert answer.status_code == 200, answer.text
    return client.get("/token", base_url=base).text


def code(answer: TestResponse) -> tuple[int, str]:
    return answer.status_code, json.loads(answer.data)["code"]


def status(client: FlaskClient) -> int:
    return client.get("/v1/cases").status_code


def cookie_of(answer: TestResponse) -> str:
    return answer.headers["Set-Cookie"]


def test_who_has_signed_in_is_that_person(client: FlaskClient) -> None:
    assert status(client) == 401
    token = enter(client)
    assert status(client) == 200
    made = client.post("/v1/cases", json=city.START, headers=HOME | {"X-CSRF-Token": token})
    assert made.status_code == 201
    lines = client.get(f"/v1/cases/{made.json['id']}/history").json["entries"]
    assert lines[0]["actor"] == "li.wei"


def test_the_cookie_is_for_the_browser_alone_and_only_its_hash_is_kept(
    engine: Engine, client: FlaskClient
) -> None:
    answer = client.post("/sign-in", data={"person": "li.wei", "password": OTHER}, headers=HOME)
    cookie = cookie_of(answer)
    assert cookie.startswith("tibandu=") and answer.headers["Cache-Control"] == "no-store"
    assert {"HttpOnly", "Path=/", "SameSite=Lax"} == set(cookie.split("; ")[1:])
    value = cookie.partition(";")[0].partition("=")[2]
    assert len(value) == 64
    with Shelf(engine).connection() as connection:
        stored = str(connection.exec_driver_sql("select * from tibanduapi_session").all())
    assert value not in stored and client.get("/token").text not in stored


def test_over_https_it_is_bound_to_the_host(engine: Engine) -> None:
    for client in (app_of(engine).test_client(), app_of(engine, "https://localhost").test_client()):
        base = "https://localhost"
        body = {"person": "li.wei", "password": OTHER}
        cookie = cookie_of(client.post("/sign-in", data=body, headers=HOME, base_url=base))
        assert cookie.startswith("__Host-tibandu=")
        assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"} == set(cookie.split("; ")[1:])
        assert client.get("/v1/cases", base_url=base).status_code == 200
    planted = app_of(engine, "https://localhost").test_client()
    planted.set_cookie("tibandu", cookie.partition(";")[0].partition("=")[2])
    assert planted.get("/v1/cases").status_code == 401


def test_every_answer_says_what_a_browser_may_do_with_it(engine: Engine) -> None:
    """Pages, answers, refusals: no guessing of types, no frame, no base, no referrer to others; by https nothing but https."""
    sessions = Sessions(engine, url="https://tibandu.example.gov.cn")
    app = create_app(engine, sessions, sessions=sessions)
    for address in ("/sign-in", "/v1/health", "/v1/cases", "/v1/docs", "/nowhere", "/static/console.css"):
        with app.test_client().get(address) as answer:
            headers = answer.headers
        policy = headers["Content-Security-Policy"]
        assert (
            "default-src 'none'" in policy
            and "frame-ancestors 'none'" in policy
            and "base-uri 'none'" in policy
        ), address
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] in ("no-referrer", "same-origin")
        assert "max-age=63072000" in headers["Strict-Transport-Security"]
    plain = Sessions(engine)
    answer = create_app(engine, plain, sessions=plain).test_client().get("/v1/health")
    assert "Strict-Transport-Security" not in answer.headers, "this machine alone, without TLS"


def test_it_ends_when_it_is_not_used_and_after_half_a_day_anyway(
    client: FlaskClient, clock: FrozenClock
) -> None:
    enter(client)
    for _ in range(24):
        clock.advance(minutes=29)
        assert status(client) == 200
    clock.advance(minutes=29)
    assert status(client) == 401
    enter(client)
    clock.advance(minutes=30)
    assert status(client) == 401


def test_reading_writes_at_most_once_a_minute(
    engine: Engine, client: FlaskClient, clock: FrozenClock
) -> None:
    enter(client)

    def used() -> str:
        with Shelf(engine).connection() as connection:
            return str(connection.exec_driver_sql("select used_at from tibanduapi_session").scalar_one())

    before = used()
    clock.advance(seconds=59)
    assert (status(client), used()) == (200, before)
    clock.advance(seconds=2)
    assert (status(client), used() > before) == (200, True)


def test_signing_out_ends_it_on_the_server(client: FlaskClient) -> None:
    token = enter(client)
    cookie = client.get_cookie("tibandu")
    assert cookie is not None
    out = client.post("/sign-out", data={"csrf_token": token}, headers=HOME)
    assert "Max-Age=0" in cookie_of(out)
    client.set_cookie("tibandu", cookie.value)
    assert status(client) == 401


def test_signing_in_gives_another_cookie_and_ends_the_one_before(client: FlaskClient) -> None:
    enter(client)
    before = client.get_cookie("tibandu")
    assert before is not None
    body = {"person": "li.wei", "password": OTHER, "csrf_token": client.get("/token").text}
    client.post("/sign-in", data=body, headers=HOME)
    assert status(client) == 200
    client.set_cookie("tibandu", before.value)
    assert status(client) == 401


def test_a_lock_or_another_password_ends_every_session(engine: Engine) -> None:
    browsers, accounts = [app_of(engine).test_client() for _ in range(2)], Accounts(engine, CHEAP)

    def ended(password: str) -> None:
        assert [status(client) for client in browsers] == [401, 401]
        accounts.unlock("li.wei", by="he.jun")
        for client in browsers:
            enter(client, password=password)

    for client in browsers:
        enter(client)
    accounts.change("li.wei", OTHER, GOOD)
    ended(GOOD)
    accounts.lock("li.wei", by="he.jun")
    ended(GOOD)
    accounts.reset("li.wei", by="he.jun", password=OTHER)
    ended(OTHER)


def test_a_first_password_is_good_for_nothing_but_changing_it(engine: Engine, client: FlaskClient) -> None:
    enter(client, "wu.hao", GOOD)
    answer = client.get("/v1/cases")
    assert code(answer) == (403, "not_permitted")
    assert json.loads(answer.data)["errors"][0]["code"] == "password_change"
    with client.application.test_request_context(
        headers={"Cookie": f"tibandu={client.get_cookie('tibandu').value}"}
    ):  # type: ignore[union-attr]
        session = Sessions(engine).of(request)
    assert session is not None and (session.person, session.must_change) == ("wu.hao", True)


def test_a_guess_is_nobody(client: FlaskClient) -> None:
    for guess in ("", "0" * 64, "x" * 3000, "é"):
        client.set_cookie("tibandu", guess)
        assert status(client) == 401


# --- another site's page


FOREIGN = [
    {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Sec-Fetch-Site": "none"}, {"Origin": "http://evil.example"},
    {"Origin": "null"}, {"Origin": "https://localhost"}, {"Origin": "http://localhost:8080"}, {},
    {"Sec-Fetch-Site": "same-origin", "Origin": "http://evil.example"},
]  # fmt: skip


def test_a_page_of_another_site_changes_nothing_even_with_the_token(client: FlaskClient) -> None:
    token = enter(client)
    for headers in FOREIGN:
        asked = headers | {"X-CSRF-Token": token}
        assert code(client.post("/v1/cases", json=city.START, headers=asked)) == (403, "csrf"), headers
    assert client.get("/v1/cases").json["cases"] == []


def test_who_signs_in_with_a_password_that_is_being_changed_is_not_in(
    client: FlaskClient, engine: Engine
) -> None:
    """His password was right, and is another before his session is written; the same with a lock that was taken back."""
    accounts, sessions = Accounts(engine, CHEAP), Sessions(engine)
    account = accounts.sign_in("li.wei", OTHER)

    def opened() -> int:
        with client.application.test_request_context():
            response = Response()
            sessions.open(account)(response)
        name, _, value = response.headers["Set-Cookie"].partition(";")[0].partition("=")
        client.set_cookie(name, value)
        return status(client)

    assert opened() == 200
    accounts.reset("li.wei", by="he.jun", password=GOOD)
    assert opened() == 401
    account = accounts.change("li.wei", GOOD, OTHER)
    assert opened() == 200
    accounts.lock("li.wei", by="he.jun")
    accounts.unlock("li.wei", by="he.jun")
    assert opened() == 401


def test_without_the_sessions_own_token_nothing_is_changed(client: FlaskClient) -> None:
    enter(client)
    for token in (None, "", "0" * 64, "é"):
        headers = HOME if token is None else HOME | {"X-CSRF-Token": token}
        assert code(client.post("/v1/cases", json=city.START, headers=headers)) == (403, "csrf")
        assert code(client.post("/form", data={"csrf_token": token or ""}, headers=HOME)) == (403, "csrf")


def test_the_token_of_another_session_is_none(engine: Engine, client: FlaskClient) -> None:
    other = enter(app_of(engine).test_client())
    enter(client)
    headers = HOME | {"X-CSRF-Token": other}
    assert code(client.post("/v1/cases", json=city.START, headers=headers)) == (403, "csrf")


def test_a_form_carries_the_token_in_a_field(client: FlaskClient) -> None:
    token = enter(client)
    for headers in (HOME, {"Origin": "http://localhost"}):
        assert client.post("/form", data={"csrf_token": token}, headers=headers).text == "li.wei"


def test_signing_in_is_not_done_from_another_site(client: FlaskClient) -> None:
    body = {"person": "li.wei", "password": OTHER}
    answer = client.post("/sign-in", data=body, headers={"Origin": "http://evil.example"})
    assert code(answer) == (403, "csrf") and "Set-Cookie" not in answer.headers


def test_behind_a_proxy_the_outer_address_is_ours(engine: Engine) -> None:
    client = app_of(engine, "https://tibandu.example").test_client()
    body = {"person": "li.wei", "password": OTHER}
    headers = {"Origin": "https://tibandu.example"}
    assert client.post("/sign-in", data=body, headers=headers).status_code == 200
    assert code(client.post("/sign-in", data=body, headers={"Origin": "http://localhost"})) == (403, "csrf")


def test_a_bearer_token_needs_none_of_it_and_the_cookie_beside_it_is_not_looked_at(
    client: FlaskClient,
) -> None:
    enter(client)
    proven = {"Authorization": "Bearer wang.fang"}
    assert client.get("/v1/cases", headers={"Authorization": "Bearer x"}).status_code == 401
    answer = client.post("/v1/cases?dry_run=1", json=city.START, headers=proven)
    assert answer.status_code != 401 and json.loads(answer.data).get("code") != "csrf"


# --- the list of one's own


def test_ones_own_sessions_are_listed_and_each_can_be_ended(engine: Engine, clock: FrozenClock) -> None:
    app = app_of(engine)
    first, second, other = (app.test_client() for _ in range(3))
    token = enter(first)
    clock.advance(minutes=5)
    enter(second)
    enter(other, "wu.hao", GOOD)
    found = first.get("/v1/sessions").json["sessions"]
    assert [(one["this"], one["way"]["en"], one["network"]) for one in found] == [
        (True, "password", "127.0.0.0/24"), (False, "password", "127.0.0.0/24"),
    ]  # fmt: skip
    assert not {one["id"] for one in found} & {digest(cookie.value) for cookie in first._cookies.values()}
    headers = HOME | {"X-CSRF-Token": token}
    ends = f"/v1/sessions/{found[1]['id']}"
    assert other.delete(ends, headers=HOME | {"X-CSRF-Token": other.get("/token").text}).status_code in (
        403,
        404,
    )
    assert status(second) == 200
    assert first.delete(ends, headers=headers).status_code == 204
    assert (status(first), status(second)) == (200, 401)
    assert first.delete(ends, headers=headers).status_code == 404


def test_who_ends_a_session_has_proven_himself_just_now(engine: Engine, clock: FrozenClock) -> None:
    """A browser that was left open ends nobody's session."""
    app = app_of(engine)
    left, other = app.test_client(), app.test_client()
    token = enter(left)
    clock.advance(minutes=11)
    enter(other)
    (found,) = [one for one in left.get("/v1/sessions").json["sessions"] if not one["this"]]
    answer = left.delete(f"/v1/sessions/{found['id']}", headers=HOME | {"X-CSRF-Token": token})
    assert answer.status_code == 403 and answer.json["errors"][0]["code"] == "sign_in_again"
    assert status(other) == 200


def test_an_operator_ends_every_session_of_another(engine: Engine) -> None:
    app = app_of(engine)
    client = app.test_client()
    enter(client)
    asked = city.Client(app)
    assert asked("qian.min", "DELETE", "/v1/persons/li.wei/sessions").status_code == 403
    assert status(client) == 200
    assert asked(city.OPERATOR, "DELETE", "/v1/persons/li.wei/sessions").status_code == 204
    assert status(client) == 401
