"""Letters that were given up, for who looks after the service: what each is, whom it is for, since when, how often it was
tried, why it did not arrive, and what would help. One place for the console, the command line and whoever else tells it.

Of a case it says of what kind it is and whether it is about a deadline: not which case, nor what was done in it, for whoever
looks after the service reads none; of what only some may know nothing but that there is something to read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from .alerts import AWAY
from .engine import Engine
from .errors import Text
from .outbox import DIGEST, EVERYBODY, LINK, OPERATOR, Delivery, Line
from .subscriptions import TEST, Subscription, Subscriptions, channel_of

__all__ = ["Cause", "Undelivered", "causes", "named", "reason_of", "undelivered"]

TOPICS = {
    LINK: Text("请本人答复的链接", "a link to answer by"), DIGEST: Text("每日汇总", "a digest"), TEST: Text("测试消息", "a test"),
    "@dead": Text("有消息送不到的通知", "that letters were given up"),
}  # fmt: skip
HIDDEN = Text("有消息待阅", "something to read")
REMINDER, HAPPENED = Text("期限提醒", "a deadline"), Text("办理动态", "what happened")
HOLDERS = {OPERATOR: Text("系统管理员", "the operator"), EVERYBODY: Text("各单位", "everybody")}
MEND = Text("看对方答复，改好后重发", "read the answer, mend the cause, send again")
PAUSED = (
    Text("订阅已暂停", "the subscription is paused"),
    Text("先恢复订阅（POST /v1/subscriptions/编号/resume），再重发",
         "resume it first (POST /v1/subscriptions/ID/resume), then send again"),
)  # fmt: skip
ADDRESS = Text(
    "改好地址（tibandu alerts contact 人员 渠道 地址），再重发",
    "set it right (tibandu alerts contact PERSON CHANNEL ADDRESS), send again",
)
OURS = "核对渠道文件里的密钥或密码；订阅的，请对方核对签名密钥"
REASONS: Sequence[tuple[str, Text, Text]] = (
    (r"HTTP (401|403)\b", Text("对方不认我们的密钥", "the other side does not take our credentials"),
     Text(OURS, "check the secret in the channel file; of a webhook the receiver checks the signing secret")),
    (r"HTTP (404|405)\b", Text("对方没有这个网址", "there is no such address there"), Text("核对网址", "check the URL")),
    (r"HTTP 410\b", Text("对方说不再接收", "the other side takes no more"),
     Text("改用新网址，或取消这个订阅", "use its new address, or end the subscription")),
    (r"HTTP 429\b", Text("对方嫌发得太快", "too fast for the other side"),
     Text("在渠道文件里写小 per_minute，再重发", "lower per_minute in the channel file, then send again")),
    (r"HTTP 5\d\d\b", Text("对方的系统出错或停着", "the other system is broken or down"),
     Text("请对方修好，再重发", "have it mended, then send again")),
    (r"HTTP 3\d\d\b", Text("对方要我们换一个网址", "the other side sends us elsewhere"),
     Text("填它最后的网址", "name its final address")),
    (r"HTTP [24]\d\d\b", Text("对方收到了，但不接受", "it was received and not accepted"), MEND),
    (r"ConnectionRefused|RemoteDisconnected|ConnectionReset|BadStatusLine|BrokenPipe|SMTPServerDisconnected|SMTPConnect",
     Text("那个网址上没有程序应答", "nobody answers there"),
     Text("请对方启动接收程序，核对网址和端口，再重发", "have the receiver started, check address and port, send again")),
    (r"gaierror", Text("找不到这个主机名", "there is no such host"),
     Text("核对网址里的主机名，或这台机器的 DNS", "check the host in the URL, or the DNS of this machine")),
    (r"Timeout|timeout|.*timed out", Text("对方太久没有应答", "it took too long to answer"),
     Text("检查网络和防火墙，再重发", "check network and firewall, then send again")),
    (r"OSError: .Errno (101|113)", Text("到那台机器的网络不通", "there is no way to that machine"),
     Text("检查网络和防火墙，再重发", "check network and firewall, then send again")),
    (r"SSL|.*certificate", Text("对方的证书通不过", "its certificate is not accepted"),
     Text("请对方换一张有效的证书，再重发", "have it use a valid certificate, then send again")),
    (r".*(not a public address|only with `allow`|must be https|user or password in the URL)",
     Text("不许发往这个地址", "nothing may be sent to that address"),
     Text("确是内网系统的，以 --allow 网段 启动；渠道写在文件的 allow 里",
          "of an internal system start with --allow NETWORK; of a channel name it in the file's allow")),
    (r"no (mail address|telephone number)", Text("登记的地址写得不对", "the address on record is none"),
     ADDRESS),
    (r"53[0-9] ", Text("邮件服务器不认我们的账号或密码", "the mail server does not take our user or password"),
     Text(OURS, "check user and password in the channel file")),
    (r"55[0-9] ", Text("邮件服务器说没有这个收件人", "the mail server knows no such recipient"),
     ADDRESS),
    (r"[45]\d\d ", Text("邮件服务器没有收下", "the mail server did not take it"), MEND),
)  # fmt: skip
"""how an answer looks -> why it did not arrive, and what would help; the first that fits"""
UNKNOWN = Text("没有送到", "it did not arrive"), MEND


@dataclass(frozen=True, slots=True, kw_only=True)
class Undelivered:
    """One of them."""

    letter: Delivery
    what: Text
    holder: Text | None
    """where it is for no person: a role, who looks after the service"""
    channel: Text
    why: Text
    remedy: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """Why letters of one channel did not arrive, and how many of those that are looked at."""

    name: str
    channel: Text
    count: int
    why: Text
    remedy: Text


def undelivered(
    engine: Engine, *, waiting: bool = False, channel: str | None = None, limit: int = 50, skip: int = 0
) -> list[Undelivered]:
    """Those given up, the newest first. `waiting`: those that failed and are tried again instead."""
    state = "failed" if waiting else "dead"
    found = engine.alerts.undelivered(state=state, channel=channel, limit=limit, skip=skip)
    hooks: dict[str, Subscription] = {}
    if any(letter.channel.startswith(channel_of("")) for letter, _ in found):
        hooks = {channel_of(one.id): one for one in Subscriptions(engine).listed()}
    return [
        replace(_told(letter, line, hooks.get(letter.channel)), holder=named(engine, letter.holder))
        for letter, line in found
    ]


def named(engine: Engine, recipient: str) -> Text | None:
    """Whom it means, where that is no person and no party: they have names of their own."""
    kind, _, rest = recipient.partition(":")
    if kind != "role":
        return HOLDERS.get(recipient)
    code, _, place = rest.partition("@")
    role = engine.library.roles.values.get(code)
    title = role.title if role else Text(code, code)
    return Text(f"{title.zh}（{place}）", f"{title.en} ({place})") if place else title


def causes(found: Iterable[Undelivered]) -> list[Cause]:
    """The commonest first."""
    counted: dict[tuple[str, Text, Text], list[Undelivered]] = {}
    for one in found:
        counted.setdefault((one.letter.channel, one.why, one.remedy), []).append(one)
    told = [
        Cause(name=name, channel=some[0].channel, count=len(some), why=why, remedy=remedy)
        for (name, why, remedy), some in counted.items()
    ]
    return sorted(told, key=lambda one: -one.count)


def reason_of(answer: str | None) -> tuple[Text, Text]:
    """Why, and what would help, by what was answered."""
    said = (answer or "").removeprefix(AWAY)
    return next(((why, remedy) for form, why, remedy in REASONS if re.match(form, said)), UNKNOWN)


def _told(letter: Delivery, line: Line, hook: Subscription | None) -> Undelivered:
    why, remedy = reason_of(letter.answer)
    if hook is not None and hook.paused_at is not None:
        why, remedy = PAUSED
    return Undelivered(
        letter=letter, what=_what(letter, line), holder=None, channel=_channel(letter, hook), why=why, remedy=remedy,
    )  # fmt: skip


def _what(letter: Delivery, line: Line) -> Text:
    if letter.topic in TOPICS:
        return TOPICS[letter.topic]
    if line.secret:
        return HIDDEN
    said = REMINDER if line.clock else HAPPENED
    return Text(f"{line.kind.zh}：{said.zh}", f"{line.kind.en}: {said.en}")


def _channel(letter: Delivery, hook: Subscription | None) -> Text:
    if hook is None:
        return Text(letter.channel, letter.channel)
    host = urlsplit(hook.url).netloc.rpartition("@")[2]
    return Text(f"订阅 {host}", f"webhook {host}")
