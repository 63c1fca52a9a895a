"""`doctor`: is everything well, and if not, what is to be done."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from ..clock import civil_date
from ..errors import StoreError, Text
from ..health import Health, Trouble, troubles
from ..store.examination import Examination
from ..store.post import Post
from ..subscriptions import Subscriptions
from ..vault import Vault
from . import alerts
from .context import FAULTS, OK, Context
from .operator import told
from .store import published, shown

if TYPE_CHECKING:
    from ..engine import Engine


def register(add: Any) -> None:
    """Declare the command."""
    doctor = add("doctor", run_doctor, "体检：哪里不对，怎么办", "what is wrong, and what to do")
    alerts.add_channels(doctor)


def run_doctor(context: Context) -> int:
    """What a person on call wants to know first; 1 when something needs him now."""
    engine = context.engine
    engine.store.check()
    now, health = engine.clock.now().astimezone(UTC), engine.health()
    facts, found = _facts(context, engine, now, health), [*troubles(health), *_troubles(engine)]
    found += [*alerts.troubles(context), *_unsealed(context)]
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
    facts["outbox"] = ", ".join(f"{state} {count}" for state, count in facts["outbox"].items())
    facts["cases"] = sum(row["count"] for row in cases) or None
    for name, value in facts.items():
        console.line(f"{console.words(TITLES[name])}: {'-' if value in (None, '', {}) else value}")
    for row in cases:
        console.line(f"  {row['kind']}.{row['state']}: {row['count']}")


STANDSTILL = 60.0
"""seconds in a transaction without a question that no work of ours takes"""
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


def _troubles(engine: Engine) -> Iterator[Trouble]:
    have = published(engine)
    names = ", ".join(sorted(d.name for d in engine.library.definitions.values() if d.hash not in have))
    if names:
        text = Text(
            f"尚未发布：{names}；运行 tibandu publish", f"not published: {names}; run tibandu publish"
        )
        yield Trouble(code="unpublished", text=text)
    yield from _standing_still(engine)
    yield from _calendar_troubles(engine)


def _unsealed(context: Context) -> Iterator[Trouble]:
    """Of whoever has the api installed its tokens and second factors; and secrets of webhooks."""
    hooks = Subscriptions(context.engine).unsealed()
    if hooks:
        text = Text(
            f"{hooks} 个 webhook 密钥未加密存放：设置 TIBANDU_KEYS（tibandu accounts key FILE），下次投递时加密",
            f"{hooks} secret(s) of webhooks stand in the database unsealed: set TIBANDU_KEYS (tibandu accounts key FILE);"
            " each is sealed when something is next delivered",
        )
        yield Trouble(code="unsealed_hooks", text=text, urgent=False)
    if find_spec("flask") is None:
        return
    yield from context.sibling("api.upkeep").troubles(context.engine)
    number = context.sibling("api.factors").Factors(context.engine).unsealed()
    if number:
        text = Text(
            f"{number} 个第二因素密钥未加密存放：设置 TIBANDU_KEYS（tibandu accounts key FILE），下次登录时加密",
            f"{number} second factor(s) stand in the database unsealed: set TIBANDU_KEYS (tibandu accounts key FILE);"
            " each is sealed at its next sign-in",
        )
        yield Trouble(code="unsealed", text=text, urgent=False)
    try:
        Vault.here()
    except StoreError as error:
        yield Trouble(code="keys", text=error.text)


def _standing_still(engine: Engine) -> Iterator[Trouble]:
    found = Examination(engine.store, engine.laws.calendar, engine.clock).standstill()
    if found is not None and found[1] > STANDSTILL:
        pid, seconds = found
        yield Trouble(code="standstill", text=Text(
            f"数据库会话 {pid} 在事务中停住 {seconds:.0f} 秒并占着锁（进程被挂起？）：恢复该进程，"
            f"或执行 select pg_terminate_backend({pid}),其未提交的工作自动撤销并由其他进程重做",
            f"session {pid} of the database stands still inside a transaction for {seconds:.0f} s and keeps its locks (a process"
            f" that was stopped?): let it go on, or run select pg_terminate_backend({pid}): what it has not committed is undone"
            " and done again by the others",
        ))  # fmt: skip


def _calendar_troubles(engine: Engine) -> Iterator[Trouble]:
    from ..recalculation import preview

    engine.calendars.look()
    behind = preview(engine, engine.laws.calendar)
    if behind:
        text = Text(
            f"{len(behind)} 个时钟未按所用日历计算；运行 tibandu calendar apply",
            f"{len(behind)} clock(s) are not counted by the calendar in use; run tibandu calendar apply",
        )
        yield Trouble(code="behind", text=text)
