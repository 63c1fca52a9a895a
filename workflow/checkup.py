"""What is to be seen to, asked of the engine alone: everything that `health` tells, and what no figure shows (lifecycles that are
not published, a calendar by which nothing was counted anew, messages for which there is nobody, secrets that lie open).

One place for the page of the system's health and `tibandu doctor`: both say the same, but that the page judges a few deadlines
alone by the calendar in use (`BEHIND`) and the command all of them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from .engine import Engine
from .errors import StoreError, Text
from .health import Health, Trouble, troubles
from .outbox import INBOX, JOB, OPERATOR
from .recalculation import behind
from .store.examination import Examination
from .subscriptions import Subscriptions, channel_of
from .undelivered import named
from .vault import Vault

__all__ = ["BEHIND", "Channels", "checked", "published"]

BEHIND = 20
"""cases whose deadlines are judged, the first to be due first, to see whether any is not counted by the calendar in use: what a
new calendar moves is at once among the first, and to judge all of them would take minutes
"""
STANDSTILL = 60.0
"""seconds in a transaction without a question that no work of ours takes"""


@dataclass(frozen=True, slots=True)
class Channels:
    """What this process may send by."""

    names: Collection[str]
    operator: bool
    """whether somebody is told of letters that died"""


def checked(
    engine: Engine, *, health: Health | None = None, channels: Channels | None = None, most: int | None = BEHIND
) -> Iterator[Trouble]:  # fmt: skip
    """Everything, as it comes. `channels`: None where no file says by which anything is sent; `most`: cases whose deadlines are
    judged by the calendar in use, None: all.
    """
    yield from troubles(health or engine.health())
    yield from _unpublished(engine)
    yield from standing_still(engine)
    yield from _behind(engine, most)
    yield from _letters(engine, channels)
    yield from _unsealed(engine)


def published(engine: Engine) -> set[str]:
    """Hashes of what is published; nothing while there are no tables."""
    try:
        with engine.store.connection() as connection:
            return {row.hash for row in connection.execute(engine.store.tables.definition.select())}
    except StoreError as error:
        if error.which == "tables":
            return set()
        raise


def _unpublished(engine: Engine) -> Iterator[Trouble]:
    have = published(engine)
    missing = [d for d in engine.library.definitions.values() if d.hash not in have]
    if missing:
        zh = "、".join(sorted(f"{d.title.zh}（{d.name}）" for d in missing))
        en = ", ".join(sorted(d.name for d in missing))
        text = Text(f"尚未发布：{zh}；运行 tibandu publish", f"not published: {en}; run tibandu publish")
        yield Trouble(code="unpublished", text=text)


def standing_still(engine: Engine) -> Iterator[Trouble]:
    """A process that was stopped while it keeps its locks."""
    found = Examination(engine.store, engine.laws.calendar, engine.clock).standstill()
    if found is not None and found[1] > STANDSTILL:
        pid, seconds = found
        yield Trouble(code="standstill", text=Text(
            f"数据库会话 {pid} 在事务中停住 {seconds:.0f} 秒并占着锁（进程被挂起？）：恢复该进程，"
            f"或执行 select pg_terminate_backend({pid})，其未提交的工作自动撤销并由其他进程重做",
            f"session {pid} of the database stands still inside a transaction for {seconds:.0f} s and keeps its locks (a process"
            f" that was stopped?): let it go on, or run select pg_terminate_backend({pid}): what it has not committed is undone"
            " and done again by the others",
        ))  # fmt: skip


def _behind(engine: Engine, most: int | None) -> Iterator[Trouble]:
    engine.calendars.look()
    if behind(engine, engine.laws.calendar, most):
        yield Trouble(
            code="behind",
            text=Text(
                "有期限未按所用日历计算；运行 tibandu calendar apply",
                "there are clocks that are not counted by the calendar in use; run tibandu calendar apply",
            ),
        )


def _letters(engine: Engine, channels: Channels | None) -> Iterator[Trouble]:
    state = engine.alerts.state()
    for row in state["nobody"]:
        who, topic = row["recipient"], row["topic"]
        if who == OPERATOR:
            zh, en = (
                "有死信而无人知晓：渠道文件写上 [operator]",
                "letters died and nobody heard of it: name an [operator] in the channel file",
            )
            yield Trouble(code="no_operator", text=Text(zh, en))
            continue
        told = named(engine, who) or Text(who, who)
        text = Text(f"{told.zh}无人可通知；授予此角色即可", f"nobody is {told.en} ({topic}): grant the role")
        yield Trouble(code="nobody", text=text, urgent=False)
    if channels is None:
        return
    if not channels.operator:
        text = Text(
            "渠道文件没有 [operator]：死信无人知晓",
            "the channel file has no [operator]: nobody hears of dead letters",
        )
        yield Trouble(code="no_operator", text=text, urgent=False)
    known = {INBOX, JOB, *channels.names}
    counted = [name.rpartition(".") for name in state["deliveries"]]
    waiting = {name for name, _, what in counted if what in ("queued", "failed")}
    for name in sorted(waiting - known):
        if not name.startswith(channel_of("")):
            text = Text(
                f"有消息等着渠道 {name}，渠道文件没有它",
                f"letters wait for the channel {name}, which the file does not have",
            )
            yield Trouble(code="no_channel", text=text)


def _unsealed(engine: Engine) -> Iterator[Trouble]:
    hooks = Subscriptions(engine).unsealed()
    if hooks:
        text = Text(
            f"{hooks} 个 webhook 密钥未加密存放：设置 TIBANDU_KEYS（tibandu accounts key FILE），下次投递时加密",
            f"{hooks} secret(s) of webhooks stand in the database unsealed: set TIBANDU_KEYS (tibandu accounts key FILE);"
            " each is sealed when something is next delivered",
        )
        yield Trouble(code="unsealed_hooks", text=text, urgent=False)
    try:
        Vault.here()
    except StoreError as error:
        yield Trouble(code="keys", text=error.text)
