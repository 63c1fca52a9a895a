"""`record`: what a deputy has done, from what is known already."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from ..errors import Text
from ..model import Actor
from .console import Console
from .context import OK, Context, day


def register(add: Any) -> None:
    """Declare the command."""
    record = add(
        "record", run_record, "代表履职档案", "the performance record of a deputy, from what is known already"
    )
    record.add_argument("person", metavar="PERSON", help="代表 / the deputy")
    for name, zh, en in (("since", "自", "from that day"), ("until", "至", "up to that day")):
        record.add_argument(f"--{name}", type=day, metavar="DATE", help=f"{zh} / {en} (2026-01-01)")
    record.add_argument("--by", metavar="PERSON", help="只含此人可见的 / only what that person may know of")


RECORD_HEADS = {
    "on": Text("日期", "day"),
    "stands": Text("身份", "as"),
    "number": Text("编号", "number"),
    "title": Text("事项", "about"),
    "state": Text("状态", "state"),
}


def run_record(context: Context) -> int:
    """By kind and day: what happened, and as what he stood in it. Nothing is scored."""
    arguments, console, engine = context.arguments, context.console, context.engine
    engine.search(limit=1)
    record = context.sibling("definitions.performance_record").performance_record(
        engine, arguments.person, since=arguments.since, until=arguments.until,
        actor=Actor(person=arguments.by) if arguments.by else None,
    )  # fmt: skip
    if console.as_json:
        console.value(asdict(record))
        return OK
    party = record.party
    console.line(f"{party.name} ({party.id}), {party.tenant}, {party.status}" if party else arguments.person)
    for deeds in record.sections().values():
        console.line("")
        console.line(f"{console.words(deeds[0].what)}: {len(deeds)}")
        console.table(RECORD_HEADS, [_row(console, deed) for deed in deeds])
    if not record.deeds:
        console.say("没有记录", "nothing is recorded")
    return OK


def _row(console: Console, deed: Any) -> dict[str, Any]:
    return {
        "on": deed.on, "stands": ", ".join(console.words(text) for text in deed.stands), "number": deed.number,
        "title": deed.title, "state": console.words(deed.state),
    }  # fmt: skip
