"""`scheduler resume`, `scheduler journal`: what an operator answers, and what he can look up."""

from __future__ import annotations

from typing import Any

from ..errors import Text
from ..store.examination import Examination
from .context import FAULTS, OK, Context, whole

LIMIT = 20


def register(add: Any, scheduler: Any) -> None:
    """Declare what stands under `scheduler`; without either it runs."""
    acts = scheduler.add_subparsers(dest="act", metavar="resume|journal")
    resume = add(
        "resume",
        run_resume,
        "时钟跳变后，让停下的进程继续",
        "let the nodes that hold back after a leap of the clock go on",
        acts,
    )
    resume.add_argument(
        "--by", required=True, metavar="PERSON", help="核对过时间的人 / who has checked the time"
    )
    resume.add_argument("--node", metavar="NAME", help="只放行这个进程 / only that one")
    journal = add(
        "journal", run_journal, "停机补办、时钟跳变等记录", "outages caught up, clocks that leapt", acts
    )
    journal.add_argument(
        "--limit", type=whole(1), default=LIMIT, metavar="N", help=f"最多 / at most (default {LIMIT})"
    )


def run_resume(context: Context) -> int:
    """They go on at their next tick; 1 when none holds back."""
    engine, arguments = context.engine, context.arguments
    with engine.store.connection(write=True) as connection:
        found = _examination(context).resume(connection, arguments.by, arguments.node)
    context.console.value({"released": found})
    for node in found:
        context.console.say(f"{node} 将在下一次唤醒时继续", f"{node} goes on at its next tick")
    if not found:
        context.console.say("没有停下的进程", "no node holds back")
    return OK if found else FAULTS


def run_journal(context: Context) -> int:
    """The newest first."""
    with context.engine.store.connection() as connection:
        found = _examination(context).journal(connection, limit=max(1, context.arguments.limit))
    console = context.console
    console.value([{"at": e.at.isoformat(), "node": e.node, "kind": e.kind, **e.body} for e in found])
    for event in found if not console.as_json else ():
        console.line(
            f"{event.at:%Y-%m-%d %H:%M:%S}Z  {event.node}  {console.words(told(event.kind, event.body))}"
        )
    if not found:
        console.say("没有记录", "nothing was noted")
    return OK


def told(kind: str, body: dict[str, Any]) -> Text:
    """A line of the journal in words."""
    if kind == "caught_up":
        events = ", ".join(f"{name} {count}" for name, count in body["events"].items()) or "-"
        since, until = body["first_due_at"], body["last_due_at"]
        return Text(
            f"补办 {body['timers']} 次到点（{since} 至 {until}）：事件 {events};"
            f"发出 {body['sent']} 条，被后一级取代 {body['superseded']} 条",
            f"caught up {body['timers']} timer(s) due from {since} to {until}: events {events};"
            f" {body['sent']} message(s) to send, {body['superseded']} overtaken by a later rung",
        )
    seconds, by = body.get("leap_seconds"), body.get("by", "")
    words = {
        "leapt": Text(
            f"时钟向前跳了 {seconds} 秒，已停下", f"the clock leapt ahead by {seconds} s; holding back"
        ),
        "set_back": Text(f"时钟回拨 {-(seconds or 0)} 秒", f"the clock was set back by {-(seconds or 0)} s"),
        "returned": Text("时钟已恢复，继续运行", "the clock is right again; going on"),
        "resumed": Text(f"{by} 放行，继续运行", f"{by} let it go on"),
    }
    return words.get(kind, Text(kind, kind))


def _examination(context: Context) -> Examination:
    engine = context.engine
    return Examination(engine.store, engine.laws.calendar, engine.clock)
