"""Sign-in at an identity provider, a process of its own on a loopback port: every check of the answer is seen to refuse."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from api import Accounts, Sessions, create_app, create_schema
from api.oidc import Oidc, Settings
from workflow import Engine
from workflow.access import Role, held, sync
from workflow.clock import SystemClock, civil_date
from workflow.model import Grant
from workflow.testing import FrozenClock

from . import http_walk as city
from .console import Reader
from .provider import CLIENT, SECRET

ROOT = Path(__file__).parents[1]
ROLES = {
    "rd-office": (Role("office", city.TENANT),),
    "housing-clerks": (Role("unit_clerk", city.TENANT, "housing"),),
}


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.provider"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    yield process.stdout.readline().strip()
    process.communicate(timeout=10)


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock(SystemClock().now())


@pytest.fixture
def engine(ready_url: str, clock: FrozenClock) -> Iterator[Engine]:
    for engine in city.opened(ready_url, clock):
        create_schema(engine)
        for person in city.PERSONS:
            engine.sync_grants(person, [], by="set-up")
        yield engine


def granted(engine: Engine, person: str) -> list[Grant]:
    return [one.grant for one in held(engine, person=person)]


def settings(issuer: str, **more: object) -> Settings:
    given = {"name": "city", "issuer": issuer, "client_id": CLIENT, "secret": SECRET, "person": "preferred_username",
             "persons": {"s-6": "zhao.lei"}, "roles": ROLES}  # fmt: skip
    return Settings(**{**given, **more})  # type: ignore[arg-type]


def app_of(engine: Engine, chosen: Settings) -> Flask:
    sessions = Sessions(engine)
    app = create_app(engine, sessions)
    app.register_blueprint(Oidc(engine, chosen, sessions).blueprint())
    return app


@pytest.fixture
def client(engine: Engine, issuer: str) -> FlaskClient:
    return app_of(engine, settings(issuer)).test_client()


def begun(client: FlaskClient, back: str = "") -> str:
    answer = client.get("/sign-in/oidc", query_string={"next": back})
    assert answer.status_code == 303, answer.text
    return answer.headers["Location"]


def returned(client: FlaskClient, address: str, user: str, fault: str = "") -> str:
    """What the provider sends the browser back to."""
    answer = requests.get(f"{address}&user={user}&fault={fault}", allow_redirects=False, timeout=10)
    assert answer.status_code == 302, answer.text
    return answer.headers["Location"].removeprefix("http://localhost")


def came(client: FlaskClient, user: str, fault: str = "", back: str = "") -> TestResponse:
    return client.get(returned(client, begun(client, back), user, fault))


def code(answer: TestResponse) -> tuple[int, str]:
    return answer.status_code, json.loads(answer.data)["code"]


def refused(client: FlaskClient, answer: TestResponse) -> bool:
    return code(answer) == (401, "unauthenticated") and client.get("/v1/cases").status_code == 401


def test_who_signs_in_there_is_in_here(engine: Engine, client: FlaskClient) -> None:
    answer = came(client, "li", back="/v1/worklist?limit=5")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/v1/worklist?limit=5")
    cookies = answer.headers.getlist("Set-Cookie")
    assert any(c.startswith("tibandu=") and "HttpOnly" in c and "SameSite=Lax" in c for c in cookies)
    assert any(c.startswith("tibandu-arrival=;") for c in cookies)
    assert client.get("/v1/cases").status_code == 200
    assert [(g.role, g.unit) for g in granted(engine, "li.wei")] == [("office", None)]
    assert [one.by for one in held(engine, person="li.wei")] == ["oidc:city"]


def test_the_question_carries_what_binds_the_answer(engine: Engine, client: FlaskClient) -> None:
    asked = parse_qs(urlsplit(begun(client)).query)
    assert asked["code_challenge_method"] == ["S256"] and len(asked["code_challenge"][0]) == 43
    assert len(asked["state"][0]) == len(asked["nonce"][0]) == 64
    with engine.database.connect() as connection:
        rows = str(connection.exec_driver_sql("select * from tibanduapi_arrival").all())
    assert asked["state"][0] not in rows


FAULTS = ["issuer", "audience", "nonce", "no_nonce", "expired", "no_expiry", "future", "unsigned", "symmetric", "key", "no_token", "denied",
          "mixed_up", "for_others", "azp", "at_hash", "no_subject"]  # fmt: skip


def test_an_answer_that_is_wrong_in_any_way_lets_nobody_in(client: FlaskClient) -> None:
    for fault in FAULTS:
        assert refused(client, came(client, "li", fault)), fault
    assert came(client, "li").status_code == 303


def test_an_answer_is_good_once_in_the_browser_that_asked(
    engine: Engine, client: FlaskClient, clock: FrozenClock
) -> None:
    other = client.application.test_client()
    address = returned(client, begun(client), "li")
    assert refused(other, other.get(address))
    assert refused(client, client.get(address.replace("state=", "state=x")))
    assert refused(client, client.get("/sign-in/oidc/return?code=a"))
    assert client.get(address).status_code == 303
    assert refused(other, other.get(address))
    cookie = begun(client)
    late = returned(client, cookie, "li")
    clock.advance(seconds=601)
    answer = client.get(late)
    assert code(answer) == (401, "unauthenticated")


def test_another_verifier_is_refused_by_the_provider(engine: Engine, client: FlaskClient) -> None:
    address = returned(client, begun(client), "li")
    with engine.database.begin() as connection:
        connection.exec_driver_sql(f"update tibanduapi_arrival set verifier = '{'0' * 64}'")
    assert refused(client, client.get(address))


def test_a_name_given_to_somebody_else_lets_nobody_in(client: FlaskClient) -> None:
    assert came(client, "li").status_code == 303
    for user in ("impostor", "renamed"):
        browser = client.application.test_client()
        assert refused(browser, came(browser, user)), user
    again = client.application.test_client()
    assert came(again, "li").status_code == 303


def test_persons_are_named_by_a_claim_or_by_the_settings_and_never_a_service(
    engine: Engine, client: FlaskClient
) -> None:
    for user in ("nameless", "service", "system", "odd"):
        assert refused(client, came(client, user)), user
    assert came(client, "mapped").status_code == 303
    with engine.database.connect() as connection:
        persons = connection.exec_driver_sql("select person, way from tibanduapi_session").all()
    assert [tuple(row) for row in persons] == [("zhao.lei", "oidc")]


def test_a_name_of_the_provider_is_no_proof_of_an_account_here(engine: Engine, client: FlaskClient) -> None:
    """Whoever may edit his name there does not become the operator here; one whom the settings name does."""
    for person in ("wang.fang", "zhao.lei"):
        Accounts(engine).add(person, by="command", operator=True)
    assert refused(client, came(client, "wang"))
    assert came(client, "mapped").status_code == 303


def test_roles_are_those_of_the_groups_at_each_sign_in(
    engine: Engine, client: FlaskClient, clock: FrozenClock
) -> None:
    engine.grant("wang.fang", "office", city.TENANT, by="li.wei")
    came(client, "wang")
    before = granted(engine, "wang.fang")
    came(client, "wang")
    assert granted(engine, "wang.fang") == before
    came(client, "moved")
    there = [
        (one.grant.role, one.by, one.grant.covers(one.grant.scope, civil_date(clock.now())))
        for one in held(engine, person="wang.fang")
    ]
    assert sorted(there) == [("office", "li.wei", True), ("unit_clerk", "oidc:city", False)]
    came(client, "wang")
    day = civil_date(clock.now())
    ours = [one.grant for one in held(engine, person="wang.fang") if one.by == "oidc:city"]
    assert sorted(grant.covers(grant.scope, day) for grant in ours) == [False, True]


def test_roles_of_the_provider_end_unless_he_signs_in_again(
    engine: Engine, issuer: str, clock: FrozenClock
) -> None:
    """Who has left the directory signs in no more: what it gave him is over after the days of the settings."""
    client = app_of(engine, settings(issuer, role_days=5)).test_client()
    came(client, "li")
    today, (first,) = civil_date(clock.now()), granted(engine, "li.wei")
    assert first.valid_until == today + timedelta(days=5)
    later = today + timedelta(days=3)
    sync(
        engine,
        "li.wei",
        [Role("office", first.scope)],
        by="oidc:city",
        day=later,
        until=later + timedelta(days=5),
    )
    (same,) = granted(engine, "li.wei")
    assert (same.id, same.valid_until) == (first.id, today + timedelta(days=8))
    assert same.covers(same.scope, today + timedelta(days=8))
    assert not same.covers(same.scope, today + timedelta(days=9))


def test_without_a_map_roles_are_granted_here(engine: Engine, issuer: str) -> None:
    client = app_of(engine, settings(issuer, roles=None)).test_client()
    assert came(client, "li").status_code == 303
    assert granted(engine, "li.wei") == []


ELSEWHERE = ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:x", "x" * 500, ""]


def test_nobody_is_sent_to_another_site(client: FlaskClient) -> None:
    for back in ELSEWHERE:
        assert came(client, "li", back=back).headers["Location"] == "/", back


def test_a_provider_that_does_not_answer_is_unavailable_and_nobody_gets_in(
    engine: Engine, issuer: str
) -> None:
    for wrong in ("http://127.0.0.1:9", issuer + "/nowhere"):
        client = app_of(engine, settings(wrong)).test_client()
        assert code(client.get("/sign-in/oidc")) == (503, "unavailable")


def test_beginnings_from_one_address_are_limited(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    from api import oidc
    from api.limits import Limit

    monkeypatch.setattr(oidc, "ARRIVALS", Limit(what="oidc", most=3, seconds=900))
    told = [client.get("/sign-in/oidc").status_code for _ in range(5)]
    assert told == [303, 303, 303, 429, 429]


# --- the file of settings

FILE = """
oidc: city
issuer: https://sso.example.gov.cn/realms/city/
client_id: tibandu
client_secret_file: secret
person: preferred_username
persons: {s-6: zhao.lei}
roles:
  rd-office:
    - {role: office, scope: hubei/xianning}
"""


def test_the_settings_are_a_file(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("whisper\n")
    (tmp_path / "oidc.yaml").write_text(FILE)
    found = Settings.read(tmp_path / "oidc.yaml")
    assert (found.issuer, found.secret) == ("https://sso.example.gov.cn/realms/city", "whisper")
    assert found.roles == {"rd-office": (Role("office", "hubei/xianning"),)}
    assert found.role_days == 30
    assert "whisper" not in repr(found)


@pytest.mark.parametrize(
    ("was", "now"),
    [
        ("https://sso", "http://sso"), ("client_id: tibandu\n", ""), ("oidc: city", "oidc: city\nnonsense: 1"),
        ("roles:", "roles: ["), ("{role: office, scope: hubei/xianning}", "{role: office}"), ("oidc: city", "oidc: 12:30"),
    ],
)  # fmt: skip
def test_settings_that_are_wrong_are_refused(tmp_path: Path, was: str, now: str) -> None:
    (tmp_path / "secret").write_text("whisper")
    (tmp_path / "oidc.yaml").write_text(FILE.replace(was, now))
    with pytest.raises(ValueError, match=r"oidc\.yaml"):
        Settings.read(tmp_path / "oidc.yaml")


def test_the_example_of_the_documentation_is_read(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "http.md").read_text("utf-8")
    (example,) = [
        text for text in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL) if text.startswith("oidc:")
    ]
    (tmp_path / "oidc.secret").write_text("whisper")
    (tmp_path / "oidc.yaml").write_text(example)
    assert Settings.read(tmp_path / "oidc.yaml").roles is not None


def test_a_role_that_there_is_not_is_refused_at_the_start(engine: Engine, issuer: str) -> None:
    with pytest.raises(ValueError, match="emperor"):
        app_of(engine, settings(issuer, roles={"x": (Role("emperor", city.TENANT),)}))


# --- how strongly, and out again


@pytest.mark.parametrize(
    ("asked", "user", "good"),
    [
        ({"acr": ("silver", "gold")}, "li", True), ({"acr": ("silver",)}, "li", False), ({"acr": ("gold",)}, "wang", False),
        ({"amr": ("hwk", "otp")}, "li", True), ({"amr": ("hwk",)}, "li", False), ({"amr": ("otp",)}, "wang", False),
    ],
)  # fmt: skip
def test_who_proved_himself_less_than_is_asked_is_not_in(
    engine: Engine, issuer: str, asked: dict[str, tuple[str, ...]], user: str, good: bool
) -> None:
    client = app_of(engine, settings(issuer, **asked)).test_client()
    address = begun(client)
    assert parse_qs(urlsplit(address).query).get("acr_values") == (
        [" ".join(asked["acr"])] if "acr" in asked else None
    )
    answer = client.get(returned(client, address, user))
    assert answer.status_code == 303 if good else refused(client, answer)


def test_who_signs_out_here_is_shown_how_to_sign_out_there(engine: Engine, issuer: str) -> None:
    sessions = Sessions(engine)
    app = create_app(engine, sessions, sessions=sessions)
    app.register_blueprint(Oidc(engine, settings(issuer), sessions).blueprint())
    reader = Reader(app, None)
    reader.client.get(returned(reader.client, begun(reader.client), "li"))
    reader.get("/sessions")
    token = re.findall(r'name="csrf_token" value="([^"]+)"', reader.page)[0]
    assert reader.goes(reader.post("/sign-out", {"csrf_token": token})) == "/sign-in?left=oidc"
    assert reader.client.get("/v1/cases").status_code == 401
    (end,) = re.findall(r'href="(/sign-in/oidc/end)"', reader.page)
    there = urlsplit(reader.client.get(end).headers["Location"])
    assert f"{there.scheme}://{there.netloc}{there.path}" == f"{issuer}/logout"
    assert parse_qs(there.query) == {
        "all": ["1"], "client_id": [CLIENT], "post_logout_redirect_uri": ["http://localhost/sign-in"],
    }  # fmt: skip
    reader.get("/sign-in")
    assert "/sign-in/oidc/end" not in reader.page


# --- signing out there


def signed_out(
    client: FlaskClient, issuer: str, clock: FrozenClock, sub: str = "s-1", fault: str = ""
) -> TestResponse:
    """The provider says so, by a request of its own."""
    asked = {"sub": sub, "fault": fault, "at": str(int(clock.now().timestamp()))}
    token = requests.get(f"{issuer}/logout_token", asked, timeout=10).json()["logout_token"]
    return client.application.test_client().post("/sign-in/oidc/logout", data={"logout_token": token})


def test_who_signs_out_there_is_out_here(client: FlaskClient, issuer: str, clock: FrozenClock) -> None:
    came(client, "li")
    other = client.application.test_client()
    came(other, "wang")
    assert signed_out(client, issuer, clock, sub="unknown").status_code == 200
    assert client.get("/v1/cases").status_code == 200
    answer = signed_out(client, issuer, clock)
    assert (answer.status_code, answer.data, answer.headers["Cache-Control"]) == (200, b"", "no-store")
    assert (client.get("/v1/cases").status_code, other.get("/v1/cases").status_code) == (401, 200)


def test_a_logout_token_sent_again_ends_no_later_session(
    client: FlaskClient, issuer: str, clock: FrozenClock
) -> None:
    asked = {"sub": "s-1", "at": str(int(clock.now().timestamp()))}
    token = requests.get(f"{issuer}/logout_token", asked, timeout=10).json()["logout_token"]
    clock.advance(seconds=90)
    came(client, "li")
    assert client.post("/sign-in/oidc/logout", data={"logout_token": token}).status_code == 200
    assert client.get("/v1/cases").status_code == 200


@pytest.mark.parametrize("ready_url", ["sqlite"], indirect=True)
def test_a_logout_token_that_is_wrong_in_any_way_ends_nothing(
    client: FlaskClient, issuer: str, clock: FrozenClock
) -> None:
    came(client, "li")
    faults = ["issuer", "audience", "nonce", "events", "event", "old", "future", "expired", "key", "unsigned"]
    for fault in [*faults, "no_iss", "no_aud", "no_iat", "no_events", "no_sub"]:
        assert code(signed_out(client, issuer, clock, fault=fault)) == (400, "bad_request"), fault
    for body in ({}, {"logout_token": ""}, {"logout_token": "a.b.c"}):
        assert client.post("/sign-in/oidc/logout", data=body).status_code == 400
    assert client.get("/v1/cases").status_code == 200
    for _ in range(3):
        last = client.post("/sign-in/oidc/logout", data={"logout_token": "x"})
    assert last.status_code == 429, "whoever guesses is stopped before the provider is asked"
