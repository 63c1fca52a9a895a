"""Whether somebody ticks, what waits, and what an operator should do about it. Pure: store/examination.py asks the database."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from .clock import civil_date
from .errors import Text

STALE = timedelta(minutes=5)
"""a tick comes every half minute; without one for so long nobody wakes the engine"""
SKEW = timedelta(seconds=60)
UNDELIVERED = timedelta(hours=1)
NOTICE_MONTH = 11
"""the State Council publishes next year's holidays in the first days of November"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A process that ticks, as its row says. `age` in seconds since it was last seen; `skew` how far its clock runs ahead of the
    database's.
    """

    id: str
    started_at: datetime
    ticked_at: datetime
    age: float
    skew: float
    fired: int
    held_at: datetime | None
    leap: int | None
    """seconds the clock leapt ahead, while it holds back"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """A timer that cannot fire, since when, how often it was tried, and what it says."""

    case: str
    clock: str
    since: datetime
    tries: int
    again_at: datetime
    said: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A line of the journal: an outage caught up, a clock that leapt or was set back, who let it go on."""

    at: datetime
    node: str
    kind: str
    body: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """The clocks of one name that run in open cases of one kind: all, those past their due day, those past the outer limit.
    `recorded`: past either in cases of which all that is known was imported; they stand apart and are in neither.
    """

    kind: str
    clock: str
    running: int
    overdue: int
    over_limit: int
    recorded: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """The state of the ticking at one instant."""

    at: datetime
    last_tick_age: float | None
    """seconds since any node ticked, by the database's clock; None: nobody ever did"""
    nodes: tuple[Node, ...]
    oldest_due: datetime | None
    """of a timer that is due and has not fired"""
    broken: tuple[Broken, ...]
    unerased: int
    """what a rule of the place was to erase and could not"""
    oldest_undelivered: datetime | None
    """of a letter that is due and has not gone out, or a message that nobody has addressed"""
    dead_letters: int
    contacts: int
    calendar_horizon: date
    skew: float
    """seconds this process's clock runs ahead of the database's"""
    newest: datetime | None
    """when the line that was written last says it was recorded; None before there is one"""
    foreign_job_store: bool
    """somebody keeps APScheduler jobs in this database"""
    caught_up: Event | None
    """the last outage that was worked off"""

    @property
    def held(self) -> bool:
        """Whether a node that is still there holds back."""
        return any(node.held_at is not None and node.age < STALE.total_seconds() for node in self.nodes)

    @property
    def status(self) -> str:
        """`ok`, or the worst of `held`, `silent` (nobody ticks), `late` (timers wait)."""
        if self.held:
            return "held"
        if self.last_tick_age is None or self.last_tick_age > STALE.total_seconds():
            return "silent"
        late = self.oldest_due is not None and self.at - self.oldest_due > STALE
        return "late" if late else "ok"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """What is wrong, and what to do. Not `urgent`: it can wait for office hours."""

    code: str
    text: Text
    urgent: bool = True


def troubles(health: Health) -> Iterator[Trouble]:
    """What is wrong, the most urgent first, each with what to do about it."""
    yield from _of_nodes(health)
    yield from _of_timers(health)
    yield from _of_letters(health)
    yield from _of_days(health)


def _of_nodes(health: Health) -> Iterator[Trouble]:
    for node in health.nodes:
        if node.held_at is not None and node.age < STALE.total_seconds():
            yield _trouble(
                "held",
                f"{node.id} 的时钟向前跳了 {node.leap} 秒，已停止触发和发送："
                "核对时间后运行 tibandu scheduler resume --by 姓名，或改正时钟",
                f"the clock of {node.id} leapt ahead by {node.leap} s; it fires and sends nothing: check the time, then run"
                " tibandu scheduler resume --by NAME, or set the clock right",
            )
        elif abs(node.skew) > SKEW.total_seconds() and node.age < STALE.total_seconds():
            yield _trouble(
                "skew",
                f"{node.id} 的时钟与数据库相差 {node.skew:.0f} 秒：在两台机器上启用时间同步（NTP）",
                f"the clock of {node.id} is {node.skew:.0f} s from the database's: turn on time synchronisation (NTP) on both",
            )
    if abs(health.skew) > SKEW.total_seconds():
        yield _trouble(
            "skew",
            f"本机时钟与数据库相差 {health.skew:.0f} 秒：启用时间同步（NTP）",
            f"the clock of this machine is {health.skew:.0f} s from the database's: turn on time synchronisation (NTP)",
        )
    if health.newest is not None and health.newest - health.at > SKEW:
        yield _trouble(
            "set_back",
            f"最近一次办理记于 {health.newest:%Y-%m-%d %H:%M:%S} UTC，晚于本机现在的时间：时钟被回拨，或当时走快了；"
            "核对时间，回拨期间办理的事项所记日期偏早",
            f"the last act was recorded at {health.newest:%Y-%m-%d %H:%M:%S} UTC, later than it is now by this machine: its clock"
            " was set back, or ran ahead then; check the time: what is done meanwhile is recorded too early",
        )
    if health.status == "silent":
        yield _trouble(
            "silent",
            "没有调度器在运行：启动 tibandu scheduler(或 tibandu serve)",
            "no scheduler is running: start tibandu scheduler (or tibandu serve)",
            urgent=bool(health.nodes),  # nobody ever ticked: it is being set up
        )
    if health.foreign_job_store:
        yield _trouble(
            "job_store",
            "本库中有 APScheduler 作业表 apscheduler_jobs：期限不得放在其中，两个进程共用会重复触发",
            "there is an APScheduler job store (apscheduler_jobs) in this database: no deadline belongs into it, and two"
            " processes that share one fire twice",
        )


def _of_timers(health: Health) -> Iterator[Trouble]:
    if health.oldest_due is not None and health.at - health.oldest_due > STALE:
        yield _trouble(
            "late",
            f"有到点未处理的时钟，最早 {health.oldest_due:%Y-%m-%d %H:%M} UTC：调度器没有运行，或跟不上？看它的日志",
            f"timers wait since {health.oldest_due:%Y-%m-%d %H:%M} UTC: is no scheduler running, or is it behind? See its log",
        )
    if health.broken:
        first = health.broken[0]
        yield _trouble(
            "broken",
            f"{len(health.broken)} 个时钟无法触发，例如案件 {first.case} 的 {first.clock}:{first.said.zh}",
            f"{len(health.broken)} timer(s) cannot fire, e.g. {first.clock} of case {first.case}: {first.said.en}",
        )
    if health.unerased:
        yield _trouble(
            "unerased",
            f"{health.unerased} 项到期的个人信息未能删除：调度器日志（workflow.erasing）写明原因，每日重试",
            f"{health.unerased} personal value(s) that are due could not be erased: see the scheduler's log (workflow.erasing);"
            " tried again every day",
        )


def _of_letters(health: Health) -> Iterator[Trouble]:
    if health.dead_letters:
        yield _trouble(
            "dead",
            f"{health.dead_letters} 件消息送不到，已放弃：看清原因，改好后重发"
            "（tibandu alerts list --state dead、alerts redeliver）",
            f"{health.dead_letters} dead letter(s): see why, mend it, send them again"
            " (tibandu alerts list --state dead, alerts redeliver)",
        )
    if health.oldest_undelivered is not None and health.at - health.oldest_undelivered > UNDELIVERED:
        yield _trouble(
            "undelivered",
            f"有 {health.oldest_undelivered:%Y-%m-%d %H:%M} UTC 起未送出的消息：投递没有运行，或渠道不通",
            f"messages wait since {health.oldest_undelivered:%Y-%m-%d %H:%M} UTC: is nobody delivering, or a channel away?",
        )
    if not health.contacts:
        yield _trouble(
            "no_channel",
            "没有任何联系方式：提醒只进站内收件箱；见 docs/operations.md 配置渠道",
            "there is no contact at all: alerts reach the in-app inbox only; docs/operations.md says how to set up channels",
            urgent=False,
        )


def _of_days(health: Health) -> Iterator[Trouble]:
    today, horizon = civil_date(health.at), health.calendar_horizon
    if today > horizon:
        yield _trouble(
            "horizon",
            f"日历只到 {horizon}，此后的工作日都是猜测：载入放假通知（tibandu calendar preview）",
            f"the calendar ends on {horizon}; every working day since is a guess: load the notice (tibandu calendar preview)",
        )
    elif today.month >= NOTICE_MONTH and horizon < date(today.year + 1, 12, 31):
        yield _trouble(
            "next_year",
            f"还没有 {today.year + 1} 年的放假安排：国务院通知公布后载入（tibandu calendar preview）",
            f"there is no calendar for {today.year + 1} yet: load the State Council's notice when it is out"
            " (tibandu calendar preview)",
            urgent=False,
        )


def _trouble(code: str, zh: str, en: str, *, urgent: bool = True) -> Trouble:
    return Trouble(code=code, text=Text(zh, en), urgent=urgent)
