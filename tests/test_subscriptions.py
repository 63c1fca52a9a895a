"""Webhooks on both databases: signed, nothing lost while the receiver is away, in an order that can be restored, and nothing of a
case that the subscriber may not know.
"""

from __future__ import annotations

import ipaddress
import json
import re
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import select

from api import StoredTokens, create_app, create_schema
from api.subscriptions import MOST
from scheduler.delivery import LocalBackend
from scheduler.distributed import ProcrastinateBackend
from scheduler.subscriptions import Hooks
from workflow import Engine
from workflow.subscriptions import Subscriptions, channel_of
from workflow.testing import FrozenClock, memory_engine

from . import http_walk as city
from .test_backends import forget_jobs
from .test_channels import Receiver

SVC = "svc.oa"
LOOPBACK = [ipaddress.ip_network("127.0.0.0/8")]
AT = "/v1/subscriptions"
PAGE = Path(__file__).parent.parent / "docs" / "http.md"


class Hooked:
    """A city, an office system that is subscribed with the sight of the housing bureau, and the node that delivers."""

    def __init__(self, engine: Engine, receiver: Receiver, clock: FrozenClock) -> None:
        self.engine = engine
        self.receiver = receiver
        self.clock = clock
        engine.grant(SVC, "unit_clerk", city.TENANT, unit="housing")
        create_schema(engine)
        app = create_app(engine, StoredTokens(engine, city.bearer), operators=[city.OPERATOR], allow=LOOPBACK)
        self.client = city.Client(app)
        scopes = {"account": SVC, "name": "OA", "scopes": ["events:subscribe"], "expires_on": "2026-12-31"}
        self.token = self.client(city.OPERATOR, "POST", "/v1/tokens", scopes).json["token"]
        self.node = LocalBackend(engine, hooks=Hooks(engine, LOOPBACK))
        self.made = self.ask("POST", AT, {"url": receiver.url + "/hook"}).json
        self.id, self.secret = self.made["id"], self.made["secret"]

    def ask(self, method: str, address: str, body: Any = None) -> Any:
        return self.client(self.token, method, address, body)

    def told(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, _, body in self.receiver.requests]

    def stands(self) -> dict[str, Any]:
        return self.ask("GET", f"{AT}/{self.id}").json


def genuine(secret: str, headers: Any, body: bytes) -> bool:
    """What docs/http.md tells a receiver to do."""
    documented: dict[str, Any] = {}
    (check,) = re.findall(r"```python\n(import base64.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    exec(check, documented)
    return bool(documented["genuine"](secret, headers, body))


@pytest.fixture
def hooked(city_engine: Engine, clock: FrozenClock) -> Iterator[Hooked]:
    receiver = Receiver()
    yield Hooked(city_engine, receiver, clock)
    receiver.stop()


def test_every_event_it_may_know_of_signed(hooked: Hooked) -> None:
    mine, other = hooked.client.handling(), hooked.client.handling("roads")
    hooked.node.deliver()
    told = hooked.told()
    assert {event["subject"] for event in told} == {mine["id"]}
    assert [(e["type"], e["sequence"]) for e in told] == [
        (f"tibandu.suggestion.{name}", f"{n:010}") for n, name in enumerate(("start", "accept", "assign"), 1)
    ]
    assert other["id"] not in str(told) and "零工驿站" not in str(told)
    feed = hooked.client("wang.fang", "GET", "/v1/events").json["events"]
    assert told == feed, "the same as the feed tells it"
    path, headers, body = hooked.receiver.requests[0]
    assert path == "/hook" and genuine(hooked.secret, headers, body)
    assert not genuine(hooked.secret, headers, body + b" ")
    assert hooked.stands()["sent"] == 3 and hooked.stands()["waiting"] == 0


def test_story_G07_ten_minutes_away_and_nothing_is_lost(hooked: Hooked) -> None:
    """G7: every event arrives, once by its id, and the order of each case can be restored."""
    case = hooked.client.handling()
    hooked.node.deliver()
    assert len(hooked.told()) == 3
    hooked.receiver.status = 503
    case = hooked.client.fire("wu.hao", case, "reply", reply_letter=city.LETTER, promised=False).json
    second = hooked.client.handling()
    for _ in range(20):  # ten minutes, a pass each half minute
        hooked.node.deliver()
        hooked.clock.advance(seconds=30)
    stands = hooked.stands()
    assert stands["waiting"] == 4 and stands["last_error"].startswith("unreachable: HTTP 503")
    hooked.receiver.status = 200
    hooked.receiver.requests.clear()
    for _ in range(4):
        hooked.node.deliver()
        hooked.clock.advance(minutes=5)
    arrived: dict[str, dict[str, Any]] = {event["id"]: event for event in hooked.told()}
    assert len(arrived) == 4
    assert all(genuine(hooked.secret, headers, body) for _, headers, body in hooked.receiver.requests)
    came = [event["sequence"] for event in arrived.values() if event["subject"] == second["id"]]
    assert came == sorted(came), "in the order of the case, though each was tried again for itself"
    restored = sorted(arrived.values(), key=lambda event: (event["subject"], event["sequence"]))
    assert [e["type"].rpartition(".")[2] for e in restored if e["subject"] == second["id"]] == [
        "start", "accept", "assign",
    ]  # fmt: skip
    assert [e["type"] for e in restored if e["subject"] == case["id"]] == ["tibandu.suggestion.reply"]
    assert hooked.stands()["waiting"] == 0 and hooked.stands()["last_error"] is None


def test_who_is_back_need_not_wait_for_the_hour(hooked: Hooked) -> None:
    """Away for two hours it is asked once an hour; paused and let go on it is told at once."""
    hooked.receiver.status = 503
    hooked.client.handling()
    for _ in range(120):
        hooked.node.deliver()
        hooked.clock.advance(minutes=1)
    hooked.receiver.status = 200
    hooked.receiver.requests.clear()
    hooked.node.deliver()
    assert hooked.told() == [], "it is left alone"
    for act in ("pause", "resume"):
        hooked.ask("POST", f"{AT}/{hooked.id}/{act}")
        hooked.node.deliver()
    assert len(hooked.told()) == 3 and hooked.stands()["waiting"] == 0


def test_one_that_is_away_holds_up_no_other(hooked: Hooked) -> None:
    other = Receiver()
    try:
        hooked.ask("POST", AT, {"url": other.url, "events": ["assign"]})
        hooked.receiver.status = 503
        hooked.client.handling()
        hooked.node.deliver()
        assert [json.loads(b)["type"] for _, _, b in other.requests] == ["tibandu.suggestion.assign"]
    finally:
        other.stop()


def test_what_it_may_know_no_longer_is_not_sent(hooked: Hooked) -> None:
    hooked.receiver.status = 503
    hooked.client.handling()
    hooked.node.deliver()
    hooked.receiver.status = 200
    hooked.receiver.requests.clear()
    hooked.engine.sync_grants(SVC, [], by="set-up")
    hooked.client.handling()
    hooked.clock.advance(hours=1)
    hooked.node.deliver()
    assert hooked.told() == [] and hooked.stands()["waiting"] == 0
    assert hooked.stands()["sent"] == 0, "what is withheld was not sent"


def test_one_that_fails_stops_no_other(hooked: Hooked, monkeypatch: pytest.MonkeyPatch, caplog: Any) -> None:
    other = Subscriptions(hooked.engine).add(SVC, hooked.receiver.url + "/other", by="x")[0]
    relayed = Subscriptions._relayed

    def failing(self: Subscriptions, one: Any) -> int:
        if one.id == hooked.id:
            raise ValueError("its feed cannot be read")
        return relayed(self, one)

    with monkeypatch.context() as broken:
        broken.setattr(Subscriptions, "_relayed", failing)
        hooked.client.handling()
        hooked.node.deliver()
    assert {path for path, _, _ in hooked.receiver.requests} == {"/other"}
    assert f"subscription {hooked.id} could not be told" in caplog.text
    hooked.node.deliver()
    assert [path for path, _, _ in hooked.receiver.requests].count("/hook") == 3
    assert Subscriptions(hooked.engine).get(other.id).sent == 3


def test_a_webhook_does_not_outlive_its_token(hooked: Hooked) -> None:
    """Revoked, what was made with it says nothing any more; what an operator made stays."""
    theirs = hooked.client(
        city.OPERATOR, "POST", AT, {"url": hooked.receiver.url + "/kept", "account": SVC}
    ).json
    (token,) = hooked.client(city.OPERATOR, "GET", "/v1/tokens").json["tokens"]
    assert hooked.client(city.OPERATOR, "DELETE", f"/v1/tokens/{token['id']}").status_code == 204
    hooked.client.handling()
    hooked.node.deliver()
    assert {path for path, _, _ in hooked.receiver.requests} == {"/kept"}
    stands = {one["id"]: one for one in hooked.client(city.OPERATOR, "GET", AT).json["subscriptions"]}
    assert stands[hooked.id]["paused_at"] and not stands[theirs["id"]]["paused_at"]
    assert hooked.client(city.OPERATOR, "POST", f"{AT}/{hooked.id}/resume").status_code == 200
    hooked.node.deliver()
    assert [path for path, _, _ in hooked.receiver.requests].count("/hook") == 3


def test_the_limit_holds_for_those_who_come_at_once(hooked: Hooked) -> None:
    def subscribe(_: int) -> int:
        client = city.Client(hooked.client.app)
        return int(client(hooked.token, "POST", AT, {"url": hooked.receiver.url}).status_code)

    with ThreadPoolExecutor(8) as pool:
        answers = Counter(pool.map(subscribe, range(MOST + 6)))
    assert answers == {201: MOST - 1, 409: 7}  # one was there already


@pytest.mark.parametrize("ready_url", ["postgresql"], indirect=True)
def test_by_the_queue_of_several_nodes_too(hooked: Hooked) -> None:
    """procrastinate carries what subscriptions are told, a subscription that came after a node's last tick among it."""
    forget_jobs(hooked.engine)
    asks, works = (
        ProcrastinateBackend(hooked.engine, hooks=Hooks(hooked.engine, LOOPBACK)) for _ in range(2)
    )
    asks.create_schema()
    hooked.client.handling()
    asks.deliver()
    works.work(wait=False)
    assert len(hooked.told()) == 3 and hooked.stands()["sent"] == 3
    asks.deliver()
    works.work(wait=False)
    assert len(hooked.told()) == 3


def test_paused_and_gone_on_with_what_happened_meanwhile(hooked: Hooked) -> None:
    paused = hooked.ask("POST", f"{AT}/{hooked.id}/pause").json
    assert paused["paused_at"]
    hooked.client.handling()
    hooked.node.deliver()
    assert hooked.told() == []
    assert hooked.ask("POST", f"{AT}/{hooked.id}/resume").json["paused_at"] is None
    hooked.node.deliver()
    assert len(hooked.told()) == 3


def test_its_secret_is_sealed_and_another_key_takes_over(
    hooked: Hooked, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Made without a key, then with one, then with another on top; with a wrong one it waits, and nothing else does."""
    file, keys = tmp_path / "keys", [Fernet.generate_key().decode() for _ in range(3)]

    def kept() -> str:
        with hooked.engine.database.connect() as connection:
            return str(
                connection.execute(select(hooked.engine.store.tables.subscription.c.secret)).scalar_one()
            )

    def told(*lines: str) -> int:
        file.write_text("\n".join(lines) + "\n", "utf-8")
        before = len(hooked.receiver.requests)
        hooked.ask("POST", f"{AT}/{hooked.id}/test")
        hooked.node.deliver()
        return len(hooked.receiver.requests) - before

    assert kept() == hooked.secret and Subscriptions(hooked.engine).unsealed() == 1
    monkeypatch.setenv("TIBANDU_KEYS", str(file))
    assert told(keys[0]) == 1
    first = kept()
    assert first.startswith("fernet:") and Subscriptions(hooked.engine).unsealed() == 0
    assert told(keys[1], keys[0]) == 1
    assert kept() != first and told(keys[1]) == 1
    assert told(keys[2]) == 0
    assert told(keys[1]) == 2, "what waited goes with it"
    _, headers, body = hooked.receiver.requests[-1]
    assert genuine(hooked.secret, headers, body), "it is the same secret all the while"
    renewed = hooked.ask("POST", f"{AT}/{hooked.id}/secret").json["secret"]
    assert renewed != hooked.secret and kept().startswith("fernet:") and renewed not in kept()


def test_a_test_message_another_secret_and_the_end(hooked: Hooked) -> None:
    assert hooked.ask("POST", f"{AT}/{hooked.id}/test").status_code == 202
    hooked.node.deliver()
    assert [event["type"] for event in hooked.told()] == ["tibandu.test"]
    renewed = hooked.ask("POST", f"{AT}/{hooked.id}/secret").json["secret"]
    assert renewed != hooked.secret and "secret" not in hooked.stands()
    hooked.receiver.status = 503
    hooked.client.handling()
    hooked.node.deliver()
    assert hooked.ask("DELETE", f"{AT}/{hooked.id}").status_code == 204
    assert hooked.ask("GET", f"{AT}/{hooked.id}").status_code == 404
    hooked.receiver.requests.clear()
    hooked.clock.advance(days=1)
    hooked.node.deliver()
    assert hooked.told() == []


def test_two_nodes_make_each_letter_once(hooked: Hooked) -> None:
    for _ in range(3):
        hooked.client.handling()
    nodes = [threading.Thread(target=Subscriptions(hooked.engine).relay) for _ in range(4)]
    for node in nodes:
        node.start()
    for node in nodes:
        node.join()
    assert hooked.stands()["waiting"] == 9
    hooked.node.deliver()
    assert len({event["id"] for event in hooked.told()}) == 9 == len(hooked.told())


def test_who_may_subscribe_and_to_what(hooked: Hooked) -> None:
    client, url = hooked.client, {"url": "https://oa.example.cn/hook"}
    for person in ("li.wei", "wang.fang"):
        assert client(person, "POST", AT, url).status_code == 403
    assert hooked.ask("POST", AT, {**url, "account": "wang.fang"}).status_code == 403
    theirs = client(city.OPERATOR, "POST", AT, {**url, "account": "svc.other"}).json
    assert theirs["account"] == "svc.other"
    for method, address in (("GET", ""), ("POST", "/pause"), ("POST", "/secret"), ("DELETE", "")):
        assert hooked.ask(method, f"{AT}/{theirs['id']}{address}").status_code == 404
    assert [one["id"] for one in hooked.ask("GET", AT).json["subscriptions"]] == [hooked.id]
    assert len(client(city.OPERATOR, "GET", AT).json["subscriptions"]) == 2
    told = client(city.OPERATOR, "GET", AT).text
    assert hooked.secret not in told and theirs["secret"] not in told


@pytest.mark.parametrize("url", [
    "http://oa.example.cn/", "https://10.0.0.8/", "https://169.254.169.254/latest", "https://[::1]/", "https://[fe80::1]/",
    "ftp://oa.example.cn/", "https://user:pw@oa.example.cn/", "https://", "https://[::ffff:10.0.0.1]/", "https://x.cn:99999/",
])  # fmt: skip
def test_no_address_inside(url: str) -> None:
    """Refused where it is typed in; a name is looked up, and refused, when something is sent (tests/test_channels.py)."""
    engine = city.staff(memory_engine(city.city(), FrozenClock(city.TODAY)))
    create_schema(engine)
    client = city.Client(create_app(engine, city.bearer, operators=[city.OPERATOR]))
    answer = client(city.OPERATOR, "POST", AT, {"url": url})
    error = json.loads(answer.data)["errors"][0]
    assert (answer.status_code, error["pointer"]) == (422, "/url")
    assert not re.search(r"[a-z]{2,} [a-z]{2,}", error["texts"]["zh"]), "Chinese in the Chinese"
    engine.database.dispose()


def test_a_name_that_leads_inside_is_not_asked(hooked: Hooked, monkeypatch: pytest.MonkeyPatch) -> None:
    url = hooked.receiver.url.replace("http://127.0.0.1", "https://localhost")
    made = Subscriptions(hooked.engine).add(SVC, url, by="x")[0]
    hooked.client.handling()
    LocalBackend(hooked.engine, hooks=Hooks(hooked.engine)).deliver()
    found = Subscriptions(hooked.engine).get(made.id)
    assert found.sent == 0 and "not a public address" in str(found.last_error)
    assert hooked.receiver.requests == []
    assert channel_of(made.id) == f"hook.{made.id}"
