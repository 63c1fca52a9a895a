"""`init`, `doctor`, `version`: the database and what is installed."""

from __future__ import annotations

import platform
import sqlite3
from datetime import UTC, datetime
from importlib import metadata
from typing import TYPE_CHECKING, Any

from ..clock import civil_date
from ..errors import StoreError, Text
from ..store.timetable import Timetable
from .context import FAULTS, OK, Context
from .definition import tell_published

if TYPE_CHECKING:
    from ..engine import Engine

LATE_SECONDS = 300
"""a timer that waits longer than that: nobody wakes the engine"""


def register(add: Any) -> None:
    """Declare the commands."""
    add("init", run_init, "建立或升级数据表,发布定义", "make or upgrade the tables, publish the definitions")
    add("doctor", run_doctor, "检查设置、时钟和数量", "settings, timers and counts")
    add("version", run_version, "版本", "the version")


def run_init(context: Context) -> int:
    """Safe to repeat."""
    engine = context.new_engine()
    before = _published(engine)
    engine.create_schema()
    latest = sorted(engine.library.definitions.items())
    context.console.say(
        f"数据库已就绪:{_shown(context.database)}", f"the database is ready: {_shown(context.database)}"
    )
    tell_published(context, [definition for _, definition in latest if definition.hash not in before])
    return OK


def _published(engine: Engine) -> set[str]:
    """Hashes of what is published; nothing while there are no tables."""
    try:
        with engine.store.connection() as connection:
            return {row.hash for row in connection.execute(engine.store.tables.definition.select())}
    except Exception as error:
        from ..store.errors import translate

        if isinstance(translate(getattr(error, "orig", None) or error, engine.store.prefix), StoreError):
            return set()
        raise


def _shown(url: str) -> str:
    """The URL without its password."""
    scheme, _, rest = url.partition("://")
    login, at, place = rest.rpartition("@")
    return f"{scheme}://{login.partition(':')[0]}:***@{place}" if at and ":" in login else url


def run_version(context: Context) -> int:
    """Ours, and what we stand on."""
    found = {
        "tibandu": _version("tibandu"),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
    }
    found |= {
        name: _version(name)
        for name in ("SQLAlchemy", "transitions", "marshmallow", "Flask", "APScheduler", "psycopg")
    }
    if context.console.as_json:
        context.console.value(found)
    else:
        context.console.line(f"tibandu {found['tibandu']}")
        context.console.line(
            " ".join(f"{name}={value or '-'}" for name, value in found.items() if name != "tibandu")
        )
    return OK


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def run_doctor(context: Context) -> int:
    """What a person on call wants to know first; 1 when something needs him."""
    engine = context.engine
    engine.store.check()
    now = engine.clock.now().astimezone(UTC)
    facts, troubles = _facts(context, engine, now), list(_troubles(engine, now))
    console = context.console
    if console.as_json:
        console.value({**facts, "troubles": [{"zh": t.zh, "en": t.en} for t in troubles]})
    else:
        _print(context, facts)
        for trouble in troubles:
            console.line(f"! {console.words(trouble)}")
        if not troubles:
            console.say("一切正常", "all is well")
    return FAULTS if troubles else OK


def _facts(context: Context, engine: Engine, now: datetime) -> dict[str, Any]:
    calendar = engine.laws.calendar
    with engine.store.connection() as connection:
        counts = engine.store.counts(connection)
        waiting = [row.state for row in connection.execute(engine.store.tables.outbox.select())]
    return {
        "database": _shown(context.database),
        "definitions": str(context.folder),
        "place": engine.laws.book.place,
        "calendar": f"{calendar.name} {calendar.version}, {calendar.first}…{calendar.horizon}",
        "today": civil_date(now).isoformat(),
        "last_automatic": _last_automatic(engine),
        "outbox": {state: waiting.count(state) for state in sorted(set(waiting))},
        "cases": [{"kind": kind, "state": state, "count": count} for kind, state, count in counts],
    }


def _print(context: Context, facts: dict[str, Any]) -> None:
    console, cases = context.console, facts.pop("cases")
    for name, value in facts.items():
        console.line(f"{console.words(TITLES[name])}: {value or '-'}")
    for row in cases:
        console.line(f"  {row['kind']}.{row['state']}: {row['count']}")


TITLES = {
    "database": Text("数据库", "database"),
    "definitions": Text("定义", "definitions"),
    "place": Text("地方", "place"),
    "calendar": Text("日历", "calendar"),
    "today": Text("今天", "today"),
    "last_automatic": Text("最近一次自动记录", "last automatic line"),
    "outbox": Text("发件箱", "outbox"),
}


def _last_automatic(engine: Engine) -> str | None:
    """When a timer last wrote a line: the trace a tick leaves in the store."""
    h = engine.store.tables.history
    query = h.select().where(h.c.automatic.in_(["notice", "lapse"])).order_by(h.c.id.desc()).limit(1)
    with engine.store.connection() as connection:
        row = connection.execute(query).first()
    return None if row is None else str(row.recorded_at)


def _troubles(engine: Engine, now: datetime) -> Any:
    with engine.store.work() as work:
        due = Timetable(engine.store).due(work, now.isoformat(timespec="seconds"), 1)
    if due and (now - datetime.fromisoformat(due[0].at)).total_seconds() > LATE_SECONDS:
        yield Text(
            f"有到点未处理的时钟,最早 {due[0].at}:调度器没有运行?",
            f"timers wait since {due[0].at}: is no scheduler running?",
        )
    unpublished = [d.name for d in engine.library.definitions.values() if d.hash not in _published(engine)]
    if unpublished:
        names = ", ".join(sorted(unpublished))
        yield Text(f"尚未发布:{names};运行 tibandu publish", f"not published: {names}; run tibandu publish")
    yield from _calendar_troubles(engine)


def _calendar_troubles(engine: Engine) -> Any:
    from ..recalculation import preview

    calendar = engine.laws.calendar
    if civil_date(engine.clock.now()) > calendar.horizon:
        yield Text(f"日历只到 {calendar.horizon}", f"the calendar ends on {calendar.horizon}")
    behind = preview(engine, calendar)
    if behind:
        yield Text(
            f"{len(behind)} 个时钟未按所用日历计算;运行 tibandu calendar apply",
            f"{len(behind)} clock(s) are not counted by the calendar in use; run tibandu calendar apply",
        )
