"""Letters that were given up: an operator sees what, to whom, since when, how often, why and what would help, and sends them again."""

from __future__ import annotations

import ipaddress
import re
from datetime import timedelta
from urllib.parse import urlsplit

import pytest

from scheduler.delivery import LocalBackend
from scheduler.subscriptions import Hooks
from workflow.outbox import Receipt
from workflow.subscriptions import Subscriptions
from workflow.undelivered import REASONS, UNKNOWN, named, reason_of, undelivered

from .console import Desk, Reader, desk, said
from .lifecycle import TENANT, Office, statements
from .postbox import NEVER, Postbox, backend, reach
from .test_channels import Receiver

__all__ = ["desk"]

LOOPBACK = [ipaddress.ip_network("127.0.0.0/8")]


def sent(reader: Reader, **form: str) -> str:
    """The page after that button."""
    reader.get("/operation")
    token = reader.page.split('name="csrf_token" value="')[1].split('"')[0]
    reader.goes(reader.post("/operation", {"csrf_token": token, **form}))
    return said(reader.page)


def test_a_receiver_that_is_off_and_then_on(desk: Desk) -> None:
    """The whole way: tried for two weeks, given up, said why and since when, sent again by hand, arrived."""
    office, reader = desk.office, desk("he")
    office.engine.grant("svc.oa", "deputy_affairs", TENANT)
    receiver = Receiver()
    receiver.stop()
    hook, _ = Subscriptions(office.engine).add(
        "svc.oa", f"{receiver.url}/hook", by="he", events=["accept_in_session"]
    )
    node = LocalBackend(office.engine, hooks=Hooks(office.engine, LOOPBACK))
    case, began = office.accepted(), office.clock.now()
    node.deliver()
    reader.get("/operation")
    host = urlsplit(receiver.url).netloc
    words = "那个网址上没有程序应答 。请对方启动接收程序，核对网址和端口，再重发"
    assert f"没有发出、还在重试的 订阅 {host}，1 件： {words}" in said(reader.page)
    while office.clock.now() - began < timedelta(days=16):
        office.clock.advance(hours=12)
        node.deliver()
    (dead,), reader = undelivered(office.engine), desk("he")
    assert dead.letter.attempts > 8 and dead.letter.tried_at is not None
    reader.get("/operation")
    page = said(reader.page)
    assert "没有发出、还在重试的" not in page
    assert f"订阅 {host}，1 件： {words}" in page
    title = office.engine.library.definition("suggestion").title.zh
    assert f"svc.oa {title}：办理动态" in page
    assert f"2026-03-02 09:00 最近一次 2026-03-16 21:00 {dead.letter.attempts} " in page
    assert "ConnectionRefusedError" in page, "the other side's own words stay beside ours"
    assert str(case.data["title"]) not in page
    assert "1 件已排队重发" in sent(reader, key=dead.letter.key)
    office.clock.advance(seconds=1)
    for _ in range(3):
        node.deliver()  # still off: asked once for each time that somebody says so
    assert undelivered(office.engine, waiting=True)[0].letter.attempts == 1
    office.clock.advance(seconds=1)
    receiver = Receiver(urlsplit(receiver.url).port or 0)
    try:
        assert "1 件已排队重发" in sent(reader, channel=f"hook.{hook.id}", act="now")
        office.clock.advance(seconds=1)
        node.deliver()  # though it leaves alone for an hour what was away for days
        assert [path for path, _, _ in receiver.requests] == ["/hook"]
    finally:
        receiver.stop()
    reader.get("/operation")
    assert "送不到的消息 0" in said(reader.page) and "那个网址上" not in reader.page
    assert "没有可以重发的" in sent(reader, key=dead.letter.key), "it has gone: nothing is sent twice"


def test_why_and_what_would_help_by_channel(desk: Desk) -> None:
    office, reader = desk.office, desk("he")
    reach(office, "wang", "sms")
    reach(office, "gov", "mail")
    office.assigned()
    sms = Postbox("sms", lambda _: Receipt(state="failed", answer="no telephone number: 'x'", permanent=True))
    backend(office, sms, Postbox("mail", lambda _: NEVER)).deliver()
    reader.get("/operation")
    page = said(reader.page)
    assert re.search(
        r"sms，\d+ 件： 登记的地址写得不对 。改好地址（tibandu alerts contact 人员 渠道 地址），再重发。",
        page,
    )
    assert re.search(r"mail，\d+ 件： 邮件服务器说没有这个收件人 。", page)
    number = len(undelivered(office.engine, channel="sms"))
    assert f"{number} 件已排队重发" in sent(reader, channel="sms")
    assert undelivered(office.engine, channel="sms") == [] != undelivered(office.engine, channel="mail")
    reader.client.set_cookie("language", "en")
    reader.get("/operation")
    assert "the mail server knows no such recipient" in said(reader.page)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ("unreachable: ConnectionRefusedError: [Errno 111] Connection refused", "nobody answers there"),
        ("unreachable: gaierror: [Errno -2] Name or service not known", "there is no such host"),
        ("unreachable: TimeoutError: timed out", "it took too long to answer"),
        ("unreachable: SSLCertVerificationError: [SSL: CERTIFICATE_VERIFY_FAILED]", "its certificate is not accepted"),
        ("unreachable: OSError: [Errno 113] No route to host", "there is no way to that machine"),
        ("unreachable: HTTP 503 down", "the other system is broken or down"),
        ("HTTP 401 who?", "the other side does not take our credentials"),
        ("HTTP 404 ", "there is no such address there"),
        ("HTTP 410 gone", "the other side takes no more"),
        ("unreachable: HTTP 429 slow down", "too fast for the other side"),
        ("HTTP 302 ", "the other side sends us elsewhere"),
        ('HTTP 200 {"errcode": 310000}', "it was received and not accepted"),
        ("x.example is 10.0.0.1: not a public address, and not in `allow`", "nothing may be sent to that address"),
        ("unreachable: 535 authentication failed", "the mail server does not take our user or password"),
        ("550 no such user", "the mail server knows no such recipient"),
        ("452 too many recipients", "the mail server did not take it"),
        ("no mail address: 'x'", "the address on record is none"),
        ("something else", UNKNOWN[0].en),
        (None, UNKNOWN[0].en),
    ],
)  # fmt: skip
def test_an_answer_is_told_in_words(answer: str | None, why: str) -> None:
    found, remedy = reason_of(answer)
    assert found.en == why and remedy.zh and remedy.en and found.zh


def test_every_reason_is_one_of_these() -> None:
    assert len({why.en for _, why, _ in REASONS}) == len(REASONS) == 17


def test_a_webhook_that_is_paused_says_so(desk: Desk) -> None:
    office = desk.office
    office.engine.grant("svc.oa", "deputy_affairs", TENANT)
    hook, _ = Subscriptions(office.engine).add("svc.oa", "http://127.0.0.1:9/hook?key=secret", by="he")
    office.accepted()
    node = LocalBackend(office.engine, hooks=Hooks(office.engine))
    node.deliver()
    Subscriptions(office.engine).pause(hook.id)
    reader = desk("he")
    reader.get("/operation")
    assert "订阅已暂停 。先恢复订阅" in said(reader.page) and "key=secret" not in reader.page


def test_of_what_only_some_may_know_nothing_is_told(desk: Desk) -> None:
    """A clue of the procuratorate's: no kind. And of no case which it is, nor what was done there."""
    office = desk.office
    case = office.handling()
    office.engine.grant("pei", "procuratorate_clerk", TENANT)
    reach(office, "pei", "sms")
    office.fire(
        case, "transfer_to_procuratorate", "li", procuratorate_area="environment", public_interest="河道"
    )
    backend(office, Postbox("sms", lambda _: NEVER)).deliver()
    told = {one.what.zh for one in undelivered(office.engine, limit=200)}
    assert told == {"有消息待阅", "代表建议办理：办理动态"}
    reader = desk("he")
    reader.get("/operation")
    shown = said(reader.page)
    assert "pei 有消息待阅 sms" in shown and "检察" not in shown and (case.number or "") not in shown


def test_whom_nobody_stands_for_is_named_and_looked_for_again(desk: Desk) -> None:
    office, reader = desk.office, desk("he")
    office.engine.sync_grants("gov", [], by="set-up")
    office.assigned()
    backend(office).deliver()
    reader.get("/operation")
    title = office.engine.library.roles.values["gov_office"].title
    assert f"{title.zh}（{TENANT}）" in said(reader.page) and "role:gov_office" not in reader.page
    office.engine.grant("gov", "gov_office", TENANT)
    assert "1 条已重新找人" in sent(reader, act="seek")
    backend(office).deliver()
    reader.get("/operation")
    assert "没有人可以通知" not in said(reader.page)
    assert named(office.engine, "role:nobody@x") is not None and named(office.engine, "wang") is None


def test_the_page_is_bounded_and_asks_no_more_the_longer_it_is(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    office, reader, asked = desk.office, desk("he"), list[int]()
    reach(office, "wang", "sms")
    sms = backend(office, Postbox("sms", lambda _: NEVER))
    for many in (3, 60):
        for _ in range(many):
            office.assigned()
        sms.deliver()
        reader.get("/operation")
        with statements(office.engine.database, monkeypatch) as seen:
            reader.get("/operation")
        asked.append(len(seen))
    assert asked[0] == asked[1]
    assert len(reader.page.encode()) < 100_000 and reader.page.count('name="key"') == 50
    rest = office.engine.health().dead_letters - 50
    reader.get("/operation?page=2")
    assert reader.page.count('name="key"') == rest > 0 and 'rel="next"' not in reader.page


def test_nobody_else_sends_anything_again(desk: Desk) -> None:
    office: Office = desk.office
    reach(office, "wang", "sms")
    office.assigned()
    backend(office, Postbox("sms", lambda _: NEVER)).deliver()
    reader = desk("li")
    reader.get("/")
    token = reader.page.split('name="csrf_token" value="')[1].split('"')[0]
    for form in ({}, {"act": "seek"}, {"channel": "sms", "act": "now"}):
        assert reader.post("/operation", {"csrf_token": token, **form}).status_code == 403
    assert undelivered(office.engine) != []
