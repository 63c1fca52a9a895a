"""The channels against real servers of this machine: a mail server, and one that answers 200 whatever happened."""

from __future__ import annotations

import base64
import hashlib
import hmac
import ipaddress
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from scheduler.channels import ChannelFileError, Channels, base, http, read_channels
from scheduler.channels.http import Forbidden, check_url, permitted, resolve
from scheduler.channels.sms import at_pointer
from scheduler.delivery import LocalBackend
from tests.lifecycle import Office
from tests.postbox import reach
from workflow.errors import Text
from workflow.outbox import Contact, Letter, Line, Receipt

NOW = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
SECRET = "whsec_" + base64.b64encode(b"k" * 32).decode()


def line(number: str | None = "第12号", case: str = "c1", **more: Any) -> Line:
    return Line(
        case=case, seq=3, number=number, topic="assign", kind=Text("代表建议办理", "suggestion"),
        state=Text("已交办", "assigned"), event=Text("交办", "assign"), **more,
    )  # fmt: skip


def letter(*lines: Line, address: str = "", topic: str = "assign", **body: object) -> Letter:
    return Letter(
        key="c1:3:0/王五/x", token=1, channel="x", holder="王五", address=address, topic=topic, attempts=0,
        created_at=NOW, lines=lines or (line(),), body=body,
    )  # fmt: skip


# --- the channel file


class Folder:
    """A place for a channel file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self, text: str, top: str = 'link = "https://t.example/cases/{case}"') -> Channels:
        (self.path / "channels.toml").write_text(f"{top}\n{text}\n", "utf-8")
        return read_channels(self.path / "channels.toml", lambda: NOW)

    def one(self, text: str, **more: str) -> Any:
        return self.read(f"[channel.x]\n{text}", **more).channels[0]

    def faults(self, text: str, **more: str) -> list[str]:
        with pytest.raises(ChannelFileError) as error:
            self.read(text, **more)
        return [fault.en for fault in error.value.faults]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folder:
    monkeypatch.setenv("HOOK", SECRET)
    monkeypatch.setenv("KEY", "geheim")
    return Folder(tmp_path)


WEBHOOK = 'kind = "webhook"\nurl = "https://h.example/"\nsecret = {env = "HOOK"}'
SMS = """kind = "sms"
url = "https://g.example/send"
template_id = "SMS_1"
body = '{"to": {{ phone|tojson }}, "t": {{ template_id|tojson }}, "v": [{{ number|tojson }}, {{ state|tojson }}, {{ link|tojson }}]}'
success = {pointer = "/code", value = "OK"}"""

FAULTS = {
    'kind = "pigeon"': "channels.toml:3: channel.x.kind: must be one of smtp, webhook",
    'kind = "smtp"\nsender = "a@b.example"': "channels.toml:2: channel.x.host: is missing",
    'kind = "smtp"\nhost = 3\nsender = "a@b.example"': "channels.toml:4: channel.x.host: must be a text",
    'kind = "smtp"\nhost = "m"\nsender = "a@b.example"\nport = 99999': "channel.x.port: must lie between 1 and 65535",
    'kind = "smtp"\nhost = "m"\nsender = "a@b.example"\npassword = "p"': "a secret does not stand in this file",
    'kind = "smtp"\nhost = "m"\nsender = "a@b.example"\npassword = {file = "/nowhere"}': "cannot read the file /nowhere",
    'kind = "smtp"\nhost = "m"\nsender = "a"': "must be a mail address",
    'kind = "smtp"\nhost = "m"\nsender = "a@b.example"\nsecurity = "none"\nuser = "u"': "no password over an open line",
    'kind = "smtp"\nhost = "m"\nsender = "a@b.example"\nfor = ["*"]': "this kind needs an address for each person",
    'kind = "smtp"\nhost = "m"\nsender = "a@b.example"\nprot = 1': "channels.toml:6: channel.x.prot: unknown key; did you mean port?",
    WEBHOOK + '\nfor = ["wang"]': "must be *, role:… or party:…, not wang",
    WEBHOOK + "\nper_minute = 0": "must lie between 1",
    WEBHOOK + '\nquiet = "21-8"': "21:00-08:00",
    WEBHOOK + '\nallow = ["10.0.0.0/99"]': "channel.x.allow: is wrong",
    WEBHOOK.replace("https", "http"): "http only with `allow`",
    WEBHOOK.replace("HOOK", "UNSET"): "UNSET is not set",
    WEBHOOK.replace("HOOK", "KEY"): "channel.x.secret: is wrong",
    SMS.replace("{{ phone|tojson }}", "{{ phone }"): "channel.x.body: is wrong",
    SMS.replace("{{ phone|tojson }}", "{{ title }}"): "'title' is undefined",
    SMS.replace("{{ phone|tojson }}", "{{ phone.__class__.__mro__ }}"): "unsafe",
    SMS.replace("{{ phone|tojson }}", "oops"): "channel.x.body: is wrong",
    SMS.replace("/code", "code"): "channels.toml:7: channel.x.success.pointer: is not well formed",
}  # fmt: skip


@pytest.mark.parametrize("text", FAULTS)
def test_a_fault_is_told_with_its_place(folder: Folder, text: str) -> None:
    faults = folder.faults(f"[channel.x]\n{text}")
    assert any(FAULTS[text] in fault for fault in faults), faults


def test_every_fault_at_once(folder: Folder) -> None:
    faults = folder.faults(
        '[channel.a]\nkind = "smtp"\n[channel.B]\nkind = "x"\n[operator]\nnobody = "x"', top='language = "fr"'
    )
    assert len(faults) >= 6


@pytest.mark.parametrize(
    ("raw", "said"),
    [(b"a = [", "cannot be read"), (b"\xff\xfe", "cannot be read"), (b"a = " + b"[" * 100000, "cannot be read"), (b"x" * 2**21, "cannot")],
)  # fmt: skip
def test_a_hostile_file_is_refused_and_nothing_more(folder: Folder, raw: bytes, said: str) -> None:
    path = folder.path / "bad.toml"
    path.write_bytes(raw)
    with pytest.raises(ChannelFileError, match=said):
        read_channels(path, lambda: NOW)
    with pytest.raises(ChannelFileError, match="cannot be read"):
        read_channels(folder.path / "none.toml", lambda: NOW)


def test_the_example_of_the_manual(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MAIL_PASSWORD", "DINGTALK_SECRET", "SMS_TOKEN"):
        monkeypatch.setenv(f"TIBANDU_{name}", "x")
    monkeypatch.setenv("TIBANDU_HOOK_SECRET", SECRET)
    monkeypatch.setenv("TIBANDU_DINGTALK_URL", "https://oapi.dingtalk.com/robot/send?access_token=x")
    found = read_channels(Path(__file__).parents[1] / "docs" / "channels.toml", lambda: NOW)
    assert [channel.name for channel in found.channels] == ["mail", "supervision", "office", "sms"]
    assert [contact.channel for contact in found.subscriptions["operator"]] == ["mail", "sms"]


def test_the_operator_and_subscriptions(folder: Folder) -> None:
    mail = '[channel.mail]\nkind = "smtp"\nhost = "m"\nsender = "a@b.example"\n'
    found = folder.read(
        f'{mail}[channel.x]\n{WEBHOOK}\nfor = ["*"]\n[operator]\nmail = "ops@b.example"\nx = ""'
    )
    assert found.subscriptions == {
        "*": (Contact(channel="x", address=""),),
        "operator": (Contact(channel="mail", address="ops@b.example"), Contact(channel="x", address="")),
    }
    assert folder.faults(mail + '[operator]\nmail = "ops"') == [
        "channels.toml:7: operator.mail: no mail address: 'ops'"
    ]


def test_secrets_from_a_file(folder: Folder) -> None:
    (folder.path / "key").write_text(SECRET + "\n", "utf-8")
    channel = folder.one(WEBHOOK.replace('env = "HOOK"', f'file = "{folder.path}/key"'))
    assert channel._key == b"k" * 32


def test_own_templates_come_first_and_run_in_a_sandbox(folder: Folder) -> None:
    (folder.path / "own" / "zh").mkdir(parents=True)
    own = folder.path / "own" / "zh" / "short.txt"
    top = 'link = "https://t.example/{case}"\ntemplates = "own"'
    own.write_text("{{ lines[0].number }}!", "utf-8")
    words = folder.one(WEBHOOK, top=top).words
    assert words.short(letter(), 100) == "第12号!"
    for hostile in (
        "{{ lines.__class__ }}",
        "{{ self.__init__.__globals__ }}",
        "{{ lines.append(1) }}",
        "{{ cycler }}",
    ):
        own.write_text(hostile, "utf-8")
        words._environment.cache.clear()
        with pytest.raises(ValueError, match="template"):
            words.short(letter(), 100)


@pytest.mark.parametrize(
    ("hours", "at", "open_"),
    [
        ("21:00-08:00", (20, 59), True), ("21:00-08:00", (21, 0), False), ("21:00-08:00", (3, 0), False),
        ("21:00-08:00", (7, 59), False), ("21:00-08:00", (8, 0), True), ("12:00-14:00", (13, 0), False), ("", (3, 0), True),
    ],
)  # fmt: skip
def test_closed_hours_are_those_of_xianning(
    folder: Folder, hours: str, at: tuple[int, int], open_: bool
) -> None:
    channel = folder.one(f'{WEBHOOK}\nquiet = "{hours}"')
    now = datetime(2026, 3, 2, *at, tzinfo=base.ZONE).astimezone(UTC)
    assert channel.is_open(now) is open_


def test_no_sms_at_night_unless_the_file_says_so(folder: Folder) -> None:
    night = datetime(2026, 3, 2, 23, tzinfo=base.ZONE)
    assert not folder.one(SMS).is_open(night)
    assert folder.one(SMS + '\nquiet = ""').is_open(night)


# --- a server that is told what to answer


class Receiver:
    """Keeps every request; `answer` decides what comes back. `port`: where another was before."""

    def __init__(self, port: int = 0) -> None:
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        self.status, self.headers, self.body = 200, dict[str, str](), b"{}"
        self.raw: Callable[[socket.socket], None] | None = None
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                receiver.requests.append((self.path, headers, body))
                if receiver.raw is not None:
                    receiver.raw(self.connection)
                    self.close_connection = True
                    return
                self.send_response(receiver.status)
                for name, value in receiver.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(receiver.body)))
                self.end_headers()
                self.wfile.write(receiver.body)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self._thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def answers(self, value: object, status: int = 200) -> None:
        self.body, self.status = json.dumps(value).encode(), status

    @property
    def said(self) -> Any:
        return json.loads(self.requests[-1][2])

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self._thread.join()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.stop()


def local(receiver: Receiver, kind: str, monkeypatch: pytest.MonkeyPatch, path: str = "/hook?key=1") -> str:
    """The settings of a channel of that kind that asks the receiver."""
    monkeypatch.setenv("URL", receiver.url + path)
    return f'kind = "{kind}"\nurl = {{env = "URL"}}\nallow = ["127.0.0.0/8"]\n'


def test_a_webhook_is_signed_and_says_little(folder: Folder, receiver: Receiver) -> None:
    hook = folder.one(WEBHOOK.replace("https://h.example", receiver.url) + '\nallow = ["127.0.0.1"]')
    sent = letter(line(clock=Text("答复", "reply"), rung=-3, due_on="2026-06-02"))
    receipt = hook.send(sent)
    assert receipt.state == "confirmed"
    _, headers, body = receiver.requests[0]
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.new(b"k" * 32, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"
    assert headers["webhook-timestamp"] == str(int(NOW.timestamp()))
    assert headers["content-type"].startswith("application/cloudevents+json")
    assert receiver.said == {
        "specversion": "1.0", "id": headers["webhook-id"], "source": "tibandu", "type": "tibandu.assign", "subject": "c1",
        "sequence": "0000000003", "time": "2026-03-02T01:00:00+00:00", "datacontenttype": "application/json",
        "data": {"lines": [{
            "number": "第12号", "state": "已交办", "link": "https://t.example/cases/c1", "kind": "代表建议办理", "event": "交办",
            "clock": "答复", "case": "c1", "due_on": "2026-06-02", "rung": -3, "seq": 3, "late_of": "",
        }]},
    }  # fmt: skip
    assert "王五" not in body.decode()
    hook.send(sent)
    assert receiver.requests[1][1]["webhook-id"] == headers["webhook-id"]
    assert hook.send(letter(topic="@dead", channel="sms")).state == "confirmed"
    assert hook.send(Letter(**{**as_dict(letter()), "lines": (), "topic": "@test"})).state == "confirmed"


def as_dict(value: Any) -> dict[str, Any]:
    return {name: getattr(value, name) for name in value.__dataclass_fields__}


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (204, Receipt(state="confirmed")), (404, Receipt(state="failed")), (500, Receipt(state="failed")),
        (410, Receipt(state="failed", permanent=True)), (429, Receipt(state="failed", unreachable=True)),
        (503, Receipt(state="failed", unreachable=True)),
    ],
)  # fmt: skip
def test_what_a_status_means(folder: Folder, receiver: Receiver, status: int, expected: Receipt) -> None:
    hook = folder.one(WEBHOOK.replace("https://h.example", receiver.url) + '\nallow = ["127.0.0.1"]')
    receiver.status = status
    found = hook.send(letter())
    assert (found.state, found.permanent, found.unreachable) == (
        expected.state,
        expected.permanent,
        expected.unreachable,
    )


def test_a_redirect_is_not_followed(folder: Folder, receiver: Receiver) -> None:
    hook = folder.one(WEBHOOK.replace("https://h.example", receiver.url) + '\nallow = ["127.0.0.1"]')
    receiver.status, receiver.headers = 302, {"Location": receiver.url + "/other"}
    assert hook.send(letter()).state == "failed"
    assert len(receiver.requests) == 1


def hang(connection: socket.socket) -> None:
    connection.settimeout(20)
    connection.recv(1)


def drip(connection: socket.socket) -> None:
    with suppress(OSError):  # in the end it is cut
        while True:
            connection.sendall(b"H")
            threading.Event().wait(0.02)


def reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


def flood(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n" + b"x" * 200_000)


@pytest.mark.parametrize("what", [hang, drip, reset])
def test_a_receiver_that_misbehaves_costs_its_time_and_no_more(
    folder: Folder, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, what: Callable[[socket.socket], None]
) -> None:
    monkeypatch.setattr(http, "cut_off", lambda sock: base.cut_off(sock, 0.3))
    hook = folder.one(WEBHOOK.replace("https://h.example", receiver.url) + '\nallow = ["127.0.0.1"]')
    receiver.raw = what
    from scheduler.delivery import tried

    found = tried(hook, letter())
    assert (found.state, found.unreachable) == ("failed", True)


def test_a_flood_is_read_no_further_than_needed(folder: Folder, receiver: Receiver) -> None:
    hook = folder.one(WEBHOOK.replace("https://h.example", receiver.url) + '\nallow = ["127.0.0.1"]')
    receiver.raw = flood
    found = hook.send(letter())
    assert found.state == "confirmed"
    assert len(found.answer) < 400


# --- where nothing is sent to


PRIVATE = [
    "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "255.255.255.255",
    "224.0.0.1", "::1", "::", "fe80::1", "fc00::1", "fec0::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1",
    "2002:7f00:1::", "2001:0:7f00:1::", "192.0.2.1", "198.18.0.1", "240.0.0.1",
]  # fmt: skip


@pytest.mark.parametrize("address", PRIVATE)
def test_private_networks_are_not_asked_unless_listed(address: str) -> None:
    ip = ipaddress.ip_address(address)
    assert not permitted(ip, ())
    assert permitted(ip, [ipaddress.ip_network(f"{address}/{ip.max_prefixlen}")])
    with pytest.raises(Forbidden):
        resolve(address, 443, ())


def test_public_ones_are() -> None:
    assert permitted(ipaddress.ip_address("93.184.216.34"), ())
    assert permitted(ipaddress.ip_address("2606:4700::1111"), ())


@pytest.mark.parametrize(
    "url",
    [
        "ftp://h/", "file:///etc/passwd", "gopher://h/", "https://", "https://u:p@h/", "https://u@h/", "http://h/",
        "https://h:99999/", "https://h/a b", "https://h/\r\nX: y", "javascript:alert(1)", "//h/",
    ],
)  # fmt: skip
def test_urls_that_are_refused(url: str) -> None:
    with pytest.raises(Forbidden):
        check_url(url, ())


HIDDEN = ["2130706433", "0x7f000001", "017700000001", "127.1", "0", "localhost"]


@pytest.mark.parametrize("host", HIDDEN)
def test_other_ways_to_write_this_machine(host: str) -> None:
    try:
        with pytest.raises(Forbidden):
            resolve(host, 443, ())
    except socket.gaierror:
        pass  # this system does not know the spelling: nothing is sent either


def test_one_private_address_among_public_ones_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    def both(*_: object, **__: object) -> list[Any]:
        return [(socket.AF_INET, 1, 6, "", (a, 443)) for a in ("93.184.216.34", "10.0.0.1")]

    monkeypatch.setattr(socket, "getaddrinfo", both)
    with pytest.raises(Forbidden, match=r"10\.0\.0\.1"):
        resolve("h.example", 443, ())


def test_a_name_that_changes_its_mind_is_asked_once(
    folder: Folder, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DNS rebinding: the connection goes to the address that was checked."""
    asked: list[str] = []
    port = receiver.server.server_port

    def rebinding(host: str, *_: object, **__: object) -> list[Any]:
        asked.append(host)
        return [(socket.AF_INET, 1, 6, "", ("127.0.0.2" if len(asked) == 1 else "10.0.0.1", port))]

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    hook = folder.one(
        WEBHOOK.replace("https://h.example", f"http://h.example:{port}") + '\nallow = ["127.0.0.2"]'
    )
    with pytest.raises(OSError, match="refused"):  # nobody listens there: it was not asked anew
        hook.send(letter())
    assert asked == ["h.example"]
    assert receiver.requests == []


# --- bots: 200 with an error in it


BOTS: dict[str, tuple[object, object, object]] = {
    "wecom": ({"errcode": 0, "errmsg": "ok"}, {"errcode": 45009, "errmsg": "freq"}, {"errcode": 93000, "errmsg": "bad"}),
    "dingtalk": ({"errcode": 0, "errmsg": "ok"}, {"errcode": 130101, "errmsg": "too fast"}, {"errcode": 310000}),
    "feishu": ({"code": 0, "msg": "success"}, {"code": 11232, "msg": "limited"}, {"code": 19024, "msg": "Key Words Not Found"}),
}  # fmt: skip


@pytest.mark.parametrize("kind", BOTS)
def test_a_bot_reads_the_code_and_not_the_status(
    folder: Folder, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    bot = folder.one(local(receiver, kind, monkeypatch))
    good, busy, bad = BOTS[kind]
    receiver.answers(good)
    assert bot.send(letter()).state == "confirmed"
    receiver.answers(busy)
    assert (found := bot.send(letter())).state == "failed" and found.unreachable
    for wrong in (bad, {}, [], "ok", None, {"errcode": False, "code": False}):
        receiver.answers(wrong)
        assert (found := bot.send(letter())).state == "failed" and not found.unreachable, wrong
    receiver.body = b"<html>"
    assert bot.send(letter()).state == "failed"
    receiver.answers(good, 500)
    assert bot.send(letter()).state == "failed"


def test_the_signatures_of_the_bots(
    folder: Folder, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver.answers({"errcode": 0, "code": 0})
    folder.one(local(receiver, "dingtalk", monkeypatch) + 'secret = {env = "KEY"}').send(letter())
    query = parse_qs(urlsplit(receiver.requests[-1][0]).query)
    stamp = str(int(NOW.timestamp() * 1000))
    expected = hmac.new(b"geheim", f"{stamp}\ngeheim".encode(), hashlib.sha256).digest()
    assert query == {"key": ["1"], "timestamp": [stamp], "sign": [base64.b64encode(expected).decode()]}
    folder.one(local(receiver, "feishu", monkeypatch) + 'secret = {env = "KEY"}').send(letter())
    stamp = str(int(NOW.timestamp()))
    expected = hmac.new(f"{stamp}\ngeheim".encode(), b"", hashlib.sha256).digest()
    assert (receiver.said["timestamp"], receiver.said["sign"]) == (stamp, base64.b64encode(expected).decode())


GOLDEN = {
    "wecom": {"msgtype": "text", "text": {"content": "第12号 已交办 https://t.example/cases/c1"}},
    "dingtalk": {"msgtype": "text", "text": {"content": "第12号 已交办 https://t.example/cases/c1"}},
    "feishu": {"msg_type": "text", "content": {"text": "第12号 已交办 https://t.example/cases/c1"}},
    "sms": {"to": "13800000000", "t": "SMS_1", "v": ["第12号", "已交办", "https://t.example/cases/c1"]},
}


@pytest.mark.parametrize("kind", GOLDEN)
def test_somebody_elses_cloud_gets_number_state_and_link(
    folder: Folder, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    settings = local(receiver, kind, monkeypatch)
    if kind == "sms":
        settings = SMS.replace("https://g.example/send", receiver.url) + '\nallow = ["127.0.0.0/8"]'
    channel = folder.one(settings)
    channel.send(
        letter(line(clock=Text("答复", "reply"), rung=1, due_on="2026-06-02"), address="13800000000")
    )
    assert receiver.said == GOLDEN[kind]


def test_a_template_of_somebody_elses_cloud_is_given_nothing_else(folder: Folder) -> None:
    for name in ("title", "holder", "letter", "person", "kind", "event"):
        assert folder.faults("[channel.x]\n" + SMS.replace("{{ phone|tojson }}", f"{{{{ {name} }}}}"))
    words = folder.one(WEBHOOK).words
    assert [set(said) for said in words.poor(letter())] == [{"number", "state", "link"}]


def test_what_has_no_number_is_called_by_its_kind_and_a_clue_by_nothing(folder: Folder) -> None:
    """No random id in a message; of what only some may know a telephone tells that there is something to read."""
    words = folder.one(WEBHOOK).words
    bare, clue = line(number=None), line(number=None, secret=True)
    assert words.one(letter(bare)) | {"link": ""} == {"number": "代表建议办理", "state": "已交办", "link": ""}
    assert words.one(letter(clue)) | {"link": ""} == {"number": "提办督", "state": "有消息待阅", "link": ""}
    assert words.short(letter(clue), 1000) == "提办督 有消息待阅 https://t.example/cases/c1"
    (told,) = words.full(letter(bare))
    assert (told["number"], told["kind"], told["state"]) == ("", "代表建议办理", "已交办")
    mail = folder.one('kind = "smtp"\nhost = "m"\nsender = "a@b.example"').message(
        letter(bare, address="w@x.example")
    )
    assert mail["Subject"] == "代表建议办理 已交办" and mail.get_content().startswith(
        "代表建议办理：已交办（交办）"
    )


def test_a_long_digest_is_cut_to_what_a_bot_takes(
    folder: Folder, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver.answers({"errcode": 0})
    lines = [line(number=f"咸建{n:03}号", case=f"case-{n}") for n in range(200)]
    folder.one(local(receiver, "wecom", monkeypatch)).send(letter(*lines, topic="@digest"))
    said = receiver.said["text"]["content"]
    assert len(said.encode()) <= 2048
    assert said.startswith("咸建000号")
    assert f"另有 {200 - said.count('已交办')} 条" in said
    monkeypatch.setenv("URL", receiver.url)
    assert "more: https://t.example/cases/" in folder.one(
        local(receiver, "wecom", monkeypatch) + 'language = "en"'
    ).words.short(letter(*lines), 2048)


# --- SMS


@pytest.mark.parametrize(
    ("pointer", "data", "found"),
    [
        ("/code", {"code": "OK"}, "OK"), ("/a/1/b", {"a": [0, {"b": 7}]}, "7"), ("", "x", "x"), ("/a~1b/~0", {"a/b": {"~": True}}, "true"),
        ("/a", {"b": 1}, None), ("/a/9", {"a": [1]}, None), ("/a", {"a": None}, None), ("/a", {"a": {}}, None), ("/0", "abc", None),
    ],
)  # fmt: skip
def test_json_pointers(pointer: str, data: object, found: str | None) -> None:
    assert at_pointer(data, pointer) == found


def test_sms_through_a_gateway(folder: Folder, receiver: Receiver) -> None:
    text = (
        SMS.replace("https://g.example/send", receiver.url) + '\nallow = ["127.0.0.0/8"]\nbusy = ["LIMIT"]\n'
    )
    channel = folder.one(text + 'headers = {Authorization = {env = "KEY"}, X-App = "t"}')
    receiver.answers({"code": "OK"})
    assert channel.send(letter(address="+8613800000000")).state == "sent"
    headers = receiver.requests[0][1]
    assert (headers["authorization"], headers["x-app"]) == ("geheim", "t")
    receiver.answers({"code": "LIMIT"})
    assert channel.send(letter(address="13800000000")).unreachable
    receiver.answers({"code": "BLACKLIST"})
    assert channel.send(letter(address="13800000000")).state == "failed"
    count = len(receiver.requests)
    for wrong in ("", "abc", "138\n000", "1" * 30, "'; drop"):
        assert channel.send(letter(address=wrong)).permanent
    assert len(receiver.requests) == count
    channel.send(letter(line(), line(number="2"), address="13800000000", topic="@digest"))
    assert receiver.said["v"] == ["2", "条消息待阅", "https://t.example/cases/"]


# --- mail


class Mailbox:
    """A mail server's handler: keeps what it took; `refuse` gives what it says to a recipient."""

    def __init__(self) -> None:
        self.messages: list[EmailMessage] = []
        self.refuse: dict[str, str] = {}

    async def handle_RCPT(
        self, _s: SMTP, _x: Session, envelope: Envelope, address: str, _o: list[str]
    ) -> str:
        if address in self.refuse:
            return self.refuse[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _s: SMTP, _x: Session, envelope: Envelope) -> str:
        content = envelope.content
        assert isinstance(content, bytes)
        self.messages.append(message_from_bytes(content, policy=policy.default))  # type: ignore[arg-type]
        return "250 OK"


@contextmanager
def mail_server(**more: Any) -> Iterator[tuple[Mailbox, int]]:
    box = Mailbox()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    server = Controller(box, hostname="127.0.0.1", port=port, **more)
    server.start()
    try:
        yield box, port
    finally:
        server.stop()


def smtp(port: int, more: str = 'security = "none"') -> str:
    return f'kind = "smtp"\nhost = "127.0.0.1"\nport = {port}\nsender = "提办督 <tibandu@t.example>"\n{more}'


def test_a_mail_arrives(folder: Folder) -> None:
    with mail_server() as (box, port):
        sent = letter(
            line(clock=Text("答复", "reply"), rung=-3, due_on="2026-06-02"), address="wang@t.example"
        )
        receipt = folder.one(smtp(port)).send(sent)
        folder.one(smtp(port, 'security = "none"\nlanguage = "en"')).send(
            letter(line(), line(late_of="2026-03-01"), address="wang@t.example")
        )
    assert receipt.state == "sent"
    message, digest = box.messages
    assert message["Subject"] == "第12号 已交办 · 答复"
    assert message["Message-ID"] == f"<{sent.id}@t.example>"
    assert message["Auto-Submitted"] == "auto-generated"
    said = message.get_content()
    assert "答复，2026-06-02 到期" in said
    assert "https://t.example/cases/c1" in said
    assert "王五" not in message.as_string()
    assert digest["Subject"] == "tibandu: 2 messages"
    assert digest.get_content().count(", of 2026-03-01") == 1


def test_what_a_mail_server_says(folder: Folder) -> None:
    with mail_server() as (box, port):
        channel = folder.one(smtp(port))
        box.refuse = {
            "no@t.example": "550 no such user",
            "later@t.example": "450 greylisted",
            "full@t.example": "451 later",
        }
        assert channel.send(letter(address="no@t.example")).permanent
        assert (
            found := channel.send(letter(address="later@t.example"))
        ).unreachable and "greylisted" in found.answer
        for wrong in ("", "wang", "a@", "a@b\r\nBcc: x@y", "a b@c.example", "@", "a@b, c@d"):
            assert channel.send(letter(address=wrong)).permanent, wrong
    assert box.messages == []


def test_a_name_in_a_header_cannot_break_it(folder: Folder) -> None:
    with mail_server() as (box, port):
        folder.one(smtp(port)).send(letter(line(number="1\r\nBcc: evil@x.example"), address="wang@t.example"))
    assert box.messages[0]["Bcc"] is None


def test_nobody_there_is_not_the_letters_fault(folder: Folder) -> None:
    from scheduler.delivery import tried

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    found = tried(folder.one(smtp(port)), letter(address="wang@t.example"))
    assert (found.state, found.unreachable) == ("failed", True)


def test_a_password_goes_through_tls_only(folder: Folder, certificate: tuple[Path, ssl.SSLContext]) -> None:
    path, context = certificate
    seen: list[object] = []

    def check(_s: object, _x: object, _e: object, _m: str, data: LoginPassword) -> AuthResult:
        seen.append((data.login, data.password))
        return AuthResult(success=data.password == b"geheim", handled=False)

    more = f'user = "u"\npassword = {{env = "KEY"}}\nca = "{path}"'
    with mail_server(tls_context=context, authenticator=check, auth_required=True) as (box, port):
        assert (
            folder.one(smtp(port, more).replace("127.0.0.1", "localhost"))
            .send(letter(address="w@t.example"))
            .state
            == "sent"
        )
        wrong = more.replace("KEY", "HOOK")
        found = folder.one(smtp(port, wrong).replace("127.0.0.1", "localhost")).send(
            letter(address="w@t.example")
        )
    assert (found.state, found.unreachable) == ("failed", True)
    assert seen[0] == (b"u", b"geheim")
    assert len(box.messages) == 1


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ssl.SSLContext]:
    """A certificate of `localhost` that lives for the tests."""
    import subprocess

    folder = tmp_path_factory.mktemp("tls")
    command = (
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -keyout key.pem -out cert.pem"
        " -subj /CN=localhost -addext subjectAltName=DNS:localhost"
    )
    subprocess.run(command.split(), cwd=folder, check=True, capture_output=True)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return folder / "cert.pem", context


def test_tls_checks_the_name_although_the_address_is_pinned(
    folder: Folder,
    receiver: Receiver,
    certificate: tuple[Path, ssl.SSLContext],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path, context = certificate
    receiver.server.socket = context.wrap_socket(receiver.server.socket, server_side=True)
    trusting = ssl.create_default_context(cafile=str(path))
    monkeypatch.setattr(ssl, "create_default_context", lambda: trusting)
    port = receiver.server.server_port
    hook = WEBHOOK + '\nallow = ["127.0.0.1", "::1"]'
    ours = [(socket.AF_INET, 1, 6, "", ("127.0.0.1", port))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: ours)
    assert folder.one(hook.replace("h.example", f"localhost:{port}")).send(letter()).state == "confirmed"
    with pytest.raises(ssl.SSLCertVerificationError):
        folder.one(hook.replace("h.example", f"other.example:{port}")).send(letter())


# --- all of it together


def test_from_an_event_to_a_mailbox(sqlite_office: Office, folder: Folder) -> None:
    office = sqlite_office
    with mail_server() as (box, port):
        channels = folder.read(f'[channel.mail]\n{smtp(port)}\n[operator]\nmail = "ops@t.example"')
        office.engine.alerts.subscribe(channels.subscriptions)
        reach(office, "wang", "mail")
        case = office.assigned()
        node = LocalBackend(office.engine, channels.channels)
        assert node.deliver() == 1
        box.refuse = {"wang@mail.example": "550 gone"}
        office.fire(case, "sign_in", "wang")
        office.clock.set(date(2026, 5, 4))
        office.ticks()
        node.deliver()
        office.clock.advance(minutes=1)
        node.deliver()
    first, *_, last = box.messages
    assert first["To"] == "wang@mail.example"
    assert case.id in first.get_content()
    assert last["To"] == "ops@t.example"
    assert "alerts list --state dead" in last.get_content()
