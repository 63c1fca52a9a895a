"""`doctor`: is everything well, and if not, what is to be done."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..checkup import checked
from ..clock import civil_date
from ..errors import Text
from ..health import Health, Trouble
from ..store.post import Post
from . import alerts
from .context import FAULTS, OK, Context
from .operator import told
from .service import papers_of
from .store import shown

if TYPE_CHECKING:
    from ..engine import Engine


def register(add: Any) -> None:
    """Declare the command."""
    doctor = add("doctor", run_doctor, "体检：哪里不对，怎么办", "what is wrong, and what to do")
    alerts.add_channels(doctor)
    doctor.add_argument(
        "--letters", type=Path, metavar="DIR", help="本单位的文书模板 / templates of your own"
    )


def run_doctor(context: Context) -> int:
    """What a person on call wants to know first; 1 when something needs him now."""
    engine = context.engine
    engine.store.check()
    now, health = engine.clock.now().astimezone(UTC), engine.health()
    facts, found = _facts(context, engine, now, health), _found(context, health)
    console = context.console
    if console.as_json:
        said = [{"code": t.code, "urgent": t.urgent, "zh": t.text.zh, "en": t.text.en} for t in found]
        console.value({**facts, "status": health.status, "troubles": said})
    else:
        _print(context, facts)
        for trouble in found:
            console.line(f"{'!' if trouble.urgent else '-'} {console.words(trouble.text)}")
        if not found:
            console.say("一切正常", "all is well")
    return FAULTS if any(trouble.urgent for trouble in found) else OK


def _found(context: Context, health: Health) -> list[Trouble]:
    """As the page of the system's health has it, where the service is installed; and what is wrong with the channel file."""
    engine = context.engine
    channels, faults = alerts.sent_by(context)
    if find_spec("flask") is None:
        return [*faults, *checked(engine, health=health, channels=channels, most=None)]
    papers = papers_of(context, context.arguments.letters)
    said = context.sibling("api.upkeep").findings(engine, papers, health, channels, most=None)
    return [*faults, *said]


def _facts(context: Context, engine: Engine, now: datetime, health: Health) -> dict[str, Any]:
    calendar = engine.laws.calendar
    with engine.store.connection() as connection:
        counts = engine.store.counts(connection)
        outbox = Post(engine.store).by_state(connection)
    caught_up = health.caught_up
    return {
        "database": shown(context.database),
        "definitions": str(context.folder),
        "place": engine.laws.book.place,
        "calendar": f"{calendar.name} {calendar.version}, {calendar.first}…{calendar.horizon}",
        "today": civil_date(now).isoformat(),
        "last_tick_age": None if health.last_tick_age is None else round(health.last_tick_age, 1),
        "nodes": [node.id for node in health.nodes],
        "caught_up": caught_up and {"at": caught_up.at.isoformat(), **caught_up.body},
        "outbox": outbox,
        "cases": [{"kind": kind, "state": state, "count": count} for kind, state, count in counts],
    }


def _print(context: Context, facts: dict[str, Any]) -> None:
    console, cases = context.console, facts.pop("cases")
    if facts["caught_up"]:
        facts["caught_up"] = console.words(told("caught_up", facts["caught_up"]))
    facts["nodes"] = ", ".join(facts["nodes"])
    between = console.words(Text("，", ", "))
    facts["outbox"] = between.join(
        f"{console.words(OUTBOX.get(state, Text(state, state)))} {count}"
        for state, count in facts["outbox"].items()
    )
    facts["cases"] = sum(row["count"] for row in cases) or None
    for name, value in facts.items():
        console.line(f"{console.words(TITLES[name])}: {'-' if value in (None, '', {}) else value}")
    for row in cases:
        console.line(f"  {console.words(_standing(context, row))}: {row['count']}")


def _standing(context: Context, row: dict[str, Any]) -> Text:
    """The lifecycle and the state by what they are called; a state that only an older version has by its code."""
    law = context.engine.library.definitions.get(row["kind"])
    state = law.states.get(row["state"]) if law else None
    kind = law.title if law else Text(row["kind"], row["kind"])
    title = state.title if state else Text(row["state"], row["state"])
    return Text(f"{kind.zh}，{title.zh}", f"{kind.en}, {title.en}")


OUTBOX = {
    "queued": Text("待分发", "queued"), "addressed": Text("已分发", "addressed"), "nobody": Text("无人可通知", "nobody"),
}  # fmt: skip
"""states of the outbox, in words; JSON keeps the codes"""


TITLES = {
    "database": Text("数据库", "database"),
    "definitions": Text("定义", "definitions"),
    "place": Text("地方", "place"),
    "calendar": Text("日历", "calendar"),
    "today": Text("今天", "today"),
    "last_tick_age": Text("距上次唤醒（秒）", "seconds since the last tick"),
    "nodes": Text("调度进程", "nodes that tick"),
    "caught_up": Text("上次停机补办", "last outage caught up"),
    "outbox": Text("发件箱", "outbox"),
    "cases": Text("案件（以下按流程和状态）", "cases, by lifecycle and state below"),
}
