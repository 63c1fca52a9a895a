"""`alerts list|inbox|contact|redeliver|purge|test`: what was told to whom, what was not, and what to do about it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..checkup import Channels
from ..errors import NotFound, Text, WorkflowError
from ..health import Trouble
from ..outbox import OPERATOR, STATES, Contact, Letter, Trial
from ..undelivered import causes, undelivered
from . import keeping
from .context import FAULTS, OK, Context, UsageError, network, whole

if TYPE_CHECKING:
    from ..engine import Engine

LIMIT = 50
OPEN = ("dead", "failed", "queued")
BACKENDS = ("local", "procrastinate")
VARIABLE = "TIBANDU_CHANNELS"


def register(add: Any) -> None:
    """Declare the commands."""
    alerts = add("alerts", None, "预警和通知", "alerts: who was told, who was not")
    acts = alerts.add_subparsers(dest="act", required=True, metavar="list|inbox|contact|redeliver|purge|test")
    listing = add("list", run_list, "投递情况，未完成的在前", "what was delivered and what was not", acts)
    listing.add_argument("--state", choices=STATES, help="只看这种状态 / only in that state")
    listing.add_argument("--channel", help="只看这个渠道 / only that channel")
    listing.add_argument("--person", help="只看此人（或接收方） / only that person or recipient")
    listing.add_argument("--case", help="只看此案 / only that case")
    inbox = add("inbox", run_inbox, "某人的站内收件箱", "a person's in-app inbox", acts)
    inbox.add_argument("person")
    inbox.add_argument("--unread", action="store_true", help="只看未读 / only what he has not read")
    for parser in (listing, inbox):
        parser.add_argument(
            "--limit", type=whole(1), default=LIMIT, metavar="N", help=f"最多 / at most (default {LIMIT})"
        )
    _register_acts(add, acts)


def _register_acts(add: Any, acts: Any) -> None:
    contact = add(
        "contact",
        run_contact,
        "登记某人的联系方式；不带渠道则显示",
        "where a person is reached; shows it without a channel",
        acts,
    )
    contact.add_argument(
        "person", help="人员、role:…、party:… 或 operator / a person, role:…，party:… or operator"
    )
    contact.add_argument("channel", nargs="?", help="渠道名 / the channel's name")
    contact.add_argument(
        "address", nargs="?", help="地址；不写则删除 / the address; without it, it is forgotten"
    )
    contact.add_argument(
        "--digest", action="store_true", help="工作日 8:30 汇总 / gathered, at 08:30 of working days"
    )
    add_channels(contact)
    again = add("redeliver", run_redeliver, "重新投递死信", "try dead letters again", acts)
    again.add_argument(
        "key",
        nargs="*",
        help="alerts list 中的键；不写则为全部死信 / keys from the list; all dead letters without",
    )
    again.add_argument("--channel", help="只限这个渠道 / only of that channel")
    again.add_argument(
        "--now",
        action="store_true",
        help="也包括还在等下一次重试的 / also those that wait for their next try",
    )
    again.add_argument("--by", required=True, metavar="PERSON", help="谁决定的 / who has decided it")
    keeping.register(add, acts)
    test = add("test", run_test, "经某渠道发一条测试消息", "send a test message through a channel", acts)
    test.add_argument("channel")
    test.add_argument(
        "address", nargs="?", default="", help="地址；群机器人和回调不需要 / not for bots and webhooks"
    )
    add_channels(test)


def add_channels(parser: Any) -> None:
    """The flag that names the channel file."""
    parser.add_argument(
        "--channels", type=Path, metavar="FILE", default=os.environ.get(VARIABLE) or None,
        help=f"渠道文件 / the channel file (TOML); {VARIABLE}",
    )  # fmt: skip


def add_backend(parser: Any) -> None:
    """The flag that says who delivers."""
    parser.add_argument(
        "--backend", choices=BACKENDS, default=BACKENDS[0],
        help="投递方式：本进程，或多节点共用队列 / who delivers: this process, or a queue that several nodes share",
    )  # fmt: skip


def add_allow(parser: Any) -> None:
    """The flag that names networks to which webhooks may be sent besides the public ones."""
    parser.add_argument(
        "--allow", action="append", default=[], type=network, metavar="NETWORK",
        help="事件订阅可发往的内网（如 10.1.0.0/16） / networks webhooks may be sent to besides the public ones; repeat",
    )  # fmt: skip


def channels_of(context: Context) -> Any:
    """What the channel file says, or None without one. Raises WorkflowError with every fault."""
    path = context.arguments.channels
    if path is None:
        return None
    module = context.sibling("scheduler.channels")
    return module.read_channels(Path(path), context.engine.alerts.now)


def backend_of(context: Context) -> Any:
    """Delivery by the channel file; its subscriptions are put in force."""
    found = channels_of(context)
    if found is not None:
        context.engine.alerts.subscribe(found.subscriptions)
    channels = found.channels if found else ()
    hooks = context.sibling("scheduler.subscriptions").Hooks(context.engine, context.arguments.allow)
    if context.arguments.backend == "procrastinate":
        return context.sibling("scheduler.distributed").ProcrastinateBackend(
            context.engine, channels, hooks=hooks
        )
    return context.sibling("scheduler.delivery").LocalBackend(context.engine, channels, hooks=hooks)


def sent_by(context: Context) -> tuple[Channels | None, list[Trouble]]:
    """By what this process may send, as `doctor` is told by the channel file; and what is wrong with the file."""
    try:
        found = channels_of(context)
    except WorkflowError as error:
        return None, [Trouble(code="channel_file", text=error.text)]
    if found is None:
        return None, []
    names = [channel.name for channel in found.channels]
    return Channels(names, bool(found.subscriptions.get(OPERATOR))), []


def run_list(context: Context) -> int:
    """1 when something needs somebody: a dead letter, or a message for which there is nobody."""
    arguments, alerts = context.arguments, context.engine.alerts
    narrowed = any((arguments.state, arguments.channel, arguments.person, arguments.case))
    wanted = {"channel": arguments.channel, "holder": arguments.person, "case": arguments.case}
    states = [arguments.state] if narrowed else OPEN
    found = [
        d for state in states for d in alerts.listed(state=state, limit=max(1, arguments.limit), **wanted)
    ]
    rows = [{name: getattr(d, name) for name in HEADS} for d in found[: max(1, arguments.limit)]]
    for row in rows:
        row["created_at"], row["tried_at"] = _minute(row["created_at"]), _minute(row["tried_at"])
    state = alerts.state()
    console = context.console
    if console.as_json:
        console.value({**state, "listed": rows})
    else:
        if not narrowed:
            _tell_state(context, state)
        if rows:
            console.table(HEADS, [_readable(context, row) for row in rows])
            _tell_causes(context, {d.channel for d in found if d.state == "dead"})
        elif narrowed:
            console.say("没有", "none")
    return FAULTS if not narrowed and (state["nobody"] or any(d.state == "dead" for d in found)) else OK


def _minute(at: str | None) -> str | None:
    return at and at[:16] + "Z"


def _tell_causes(context: Context, channels: set[str]) -> None:
    """Why, and what would help, as the page of the system's health has it."""
    for channel in sorted(channels):
        for one in causes(undelivered(context.engine, channel=channel, limit=LIMIT)):
            name, why, remedy = (context.console.words(text) for text in (one.channel, one.why, one.remedy))
            context.console.say(
                f"! {name}，{one.count} 件：{why}。{remedy}", f"! {name}, {one.count}: {why}. {remedy}"
            )
            again = f"tibandu alerts redeliver --channel {channel} --by"
            context.console.say(f"  改好后：{again} 姓名", f"  then: {again} NAME")


def _readable(context: Context, row: dict[str, Any]) -> dict[str, Any]:
    """The row as a person reads it."""
    next_at = row["next_at"] and row["next_at"][:16] + "Z"
    return {**row, "state": context.console.words(STATE_WORDS[row["state"]]), "next_at": next_at}


STATE_WORDS = {
    "queued": Text("待发 queued", "queued"), "sent": Text("已发 sent", "sent"), "confirmed": Text("已达 confirmed", "confirmed"),
    "failed": Text("待重试 failed", "failed"), "dead": Text("死信 dead", "dead"),
    "superseded": Text("已被取代 superseded", "superseded"),
}  # fmt: skip
HEADS = {
    "state": Text("状态", "state"), "channel": Text("渠道", "channel"), "holder": Text("接收人", "to"),
    "topic": Text("事项", "topic"), "case": Text("案件", "case"), "attempts": Text("次数", "tries"),
    "created_at": Text("时间", "when"), "tried_at": Text("最近一次", "last try"),
    "next_at": Text("下次", "next try"), "answer": Text("回应", "answer"), "key": Text("键", "key"),
}  # fmt: skip


def _tell_state(context: Context, state: dict[str, Any]) -> None:
    """What an operator should know before he reads the rows."""
    console = context.console
    counts = ", ".join(f"{name}: {count}" for name, count in state["deliveries"].items())
    console.say(f"投递：{counts or '无'}", f"deliveries: {counts or 'none'}")
    if state["waiting"]:
        since = str(state["waiting_since"])[:16]
        console.say(
            f"! {state['waiting']} 条消息尚未分发，最早 {since}Z；调度器在运行吗？",
            f"! {state['waiting']} message(s) wait to be addressed since {since}Z: is a scheduler running?",
        )
    if state["unknown"]:
        console.say(
            f"- {state['unknown']} 条属于更新的版本，未动",
            f"- {state['unknown']} belong to a newer version, left alone",
        )
    for row in state["nobody"]:
        what = f"{row['topic']} {row['case']}".strip()
        console.say(
            f"! 无人可通知：{row['recipient']} ({what})", f"! there is nobody for {row['recipient']} ({what})"
        )
    if state["inbox_only"]:
        names = ", ".join(state["inbox_only"])
        console.say(f"- 只有站内收件箱、没有其他渠道：{names}", f"- no channel but the inbox for: {names}")


def run_inbox(context: Context) -> int:
    """The newest first."""
    arguments, console = context.arguments, context.console
    found = context.engine.alerts.inbox(
        arguments.person, unread=arguments.unread, limit=max(1, arguments.limit)
    )
    rows = [
        {
            "created_at": notice.created_at[:16] + "Z", "number": notice.line.number or notice.line.case,
            "kind": console.words(notice.line.kind),
            "state": console.words(notice.line.state), "due_on": notice.line.due_on,
            "what": console.words(notice.line.event or notice.line.clock or Text(notice.line.topic, notice.line.topic)),
            "read_at": notice.read_at and notice.read_at[:16] + "Z",
        }
        for notice in found
    ]  # fmt: skip
    if rows or console.as_json:
        console.table(INBOX_HEADS, rows)
    else:
        console.say("没有", "nothing")
    return OK


INBOX_HEADS = {
    "created_at": Text("时间", "when"), "number": Text("编号", "number"), "kind": Text("类别", "kind"),
    "state": Text("状态", "state"),
    "what": Text("事项", "what"), "due_on": Text("到期", "due"), "read_at": Text("已读", "read"),
}  # fmt: skip


def run_contact(context: Context) -> int:
    """Set, forget or show."""
    arguments, alerts, console = context.arguments, context.engine.alerts, context.console
    if arguments.channel is not None:
        if arguments.address is not None:
            _check_channel(context)
        kept = [
            contact for contact in alerts.contacts(arguments.person) if contact.channel != arguments.channel
        ]
        if arguments.address is not None:
            kept.append(
                Contact(channel=arguments.channel, address=arguments.address, digest=arguments.digest)
            )
        alerts.set_contacts(arguments.person, kept)
    rows = [
        {"channel": c.channel, "address": c.address, "digest": c.digest}
        for c in alerts.contacts(arguments.person)
    ]
    if rows or console.as_json:
        console.table(CONTACT_HEADS, rows)
    else:
        console.say(f"{arguments.person} 只有站内收件箱", f"{arguments.person} has no channel but the inbox")
    return OK


def _check_channel(context: Context) -> None:
    """One that the channel file has; where none is named, that is said. Raises NotFound."""
    name, found = context.arguments.channel, channels_of(context)
    if found is None:
        context.console.warn(
            Text(
                f"未给出渠道文件（--channels 或 {VARIABLE}），不知道有没有渠道 {name}",
                f"no channel file is named (--channels or {VARIABLE}): whether there is a channel {name!r} is not known",
            )
        )
    elif name not in (known := [channel.name for channel in found.channels]):
        raise NotFound.among(Text("渠道", "channel"), name, known)


CONTACT_HEADS = {
    "channel": Text("渠道", "channel"),
    "address": Text("地址", "address"),
    "digest": Text("汇总", "digest"),
}


def run_redeliver(context: Context) -> int:
    """They go at the next pass of a scheduler; 1 when there was none."""
    arguments = context.arguments
    alerts = context.engine.alerts
    count = alerts.redeliver(
        arguments.by, keys=arguments.key, channel=arguments.channel, waiting=arguments.now
    )
    again = 0 if arguments.key else alerts.readdress()
    context.console.value({"redelivered": count, "readdressed": again})
    context.console.say(
        f"{count} 件重新投递，{again} 条重新找人；调度器下一轮发出，仍发不出去的见 tibandu alerts list",
        f"{count} letter(s) go again, for {again} somebody is looked for again: at the scheduler's next pass; what fails again"
        " is in tibandu alerts list",
    )
    return OK if count or again else FAULTS


def run_test(context: Context) -> int:
    """One letter, at once and past every queue; 1 when it failed."""
    arguments = context.arguments
    found = channels_of(context)
    if found is None:
        raise UsageError(
            Text(
                f"请用 --channels 或 {VARIABLE} 指明渠道文件",
                f"name the channel file: --channels or {VARIABLE}",
            )
        )
    channel = found.named(arguments.channel)
    if channel is None:
        raise NotFound.among(Text("渠道", "channel"), arguments.channel, [one.name for one in found.channels])
    receipt = _trial(context, channel).send(arguments.address)
    context.console.value({"state": receipt.state, "answer": receipt.answer})
    context.console.say(f"{receipt.state}：{receipt.answer}", f"{receipt.state}: {receipt.answer}")
    return FAULTS if receipt.state == "failed" else OK


def trials_of(context: Context) -> list[Trial]:
    """The channels of the file, as the console offers them for a try."""
    found = channels_of(context)
    return [_trial(context, channel) for channel in found.channels] if found else []


def _trial(context: Context, channel: Any) -> Trial:
    tried, engine = context.sibling("scheduler.delivery").tried, context.engine
    kinds = context.sibling("scheduler.channels").KINDS
    return Trial(
        name=channel.name, kind=next(name for name, kind in kinds.items() if type(channel) is kind),
        addressed=channel.addressed, per_minute=channel.per_minute, open=lambda: channel.is_open(engine.alerts.now()),
        send=lambda address: tried(channel, _letter(engine, channel.name, address)),
    )  # fmt: skip


def _letter(engine: Engine, channel: str, address: str) -> Letter:
    now = engine.alerts.now()
    return Letter(
        key=f"@test:{now.isoformat()}/{channel}", token=0, channel=channel, holder="operator", address=address,
        topic="@test", attempts=0, created_at=now, lines=(), body={},
    )  # fmt: skip
