"""`demo`: a system to look at, and an empty one again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date
from typing import Any

from ..errors import Text
from . import entrance
from .context import OK, Context, UsageError

HEADS = {
    "who": Text("角色", "role"), "person": Text("账号", "account"), "password": Text("密码", "password"),
}  # fmt: skip


def register(add: Any) -> None:
    """Declare the commands."""
    demo = add("demo", None, "演示数据", "demo data")
    within = demo.add_subparsers(dest="what", required=True, metavar="WHAT")
    add("load", run_load, "装入空系统", "fill an empty system", within=within)
    add("accounts", run_accounts, "各演示账号", "the accounts to look from", within=within)
    add("remove", run_remove, "全部清除", "take all of it away", within=within)


def run_load(context: Context) -> int:
    """Safe to repeat: what is loaded stays. Some seconds."""
    engine, demo = context.new_engine(), context.sibling("definitions.demo")
    engine.create_schema()
    context.sibling("api").create_schema(engine)
    demonstration = _demonstration(context)
    if demonstration.looks():
        context.console.say("演示数据已装入过", "the demo data is there already")
        return OK
    demonstration.begin([(role.person, role.text, role.operator) for role in demo.ROLES])
    context.console.say("正在装入演示数据，约半分钟", "loading the demo data, about half a minute")
    context.console.out.flush()

    def watched(days: Sequence[date]) -> Iterable[date]:
        return context.console.progress(days, total=len(days), title=Text("逐日推演", "day by day"))

    demo.load(
        context.database,
        context.library,
        engine.clock.now(),
        context.arguments.place,
        term=True,
        steps=watched,
    )
    context.console.say(
        "已装入。tibandu serve 打印地址和演示账号",
        "loaded; tibandu serve prints the address and the demo accounts",
    )
    return OK


def run_accounts(context: Context) -> int:
    """With their passwords, which are no secret."""
    tell(context)
    return OK


def run_remove(context: Context) -> int:
    """Only what `load` has marked; a system with real data is refused."""
    _demonstration(context).remove()
    context.console.say(
        "演示数据已全部清除，系统为空；仍在运行的服务随即停止，请重新启动",
        "the demo data is gone, the system is empty; a service that still runs stops now: start it anew",
    )
    return OK


def looks(context: Context) -> Sequence[Any]:
    """The demo accounts, none in a real system; a demonstration is not for other machines. Raises UsageError."""
    found: Sequence[Any] = _demonstration(context).looks()
    a = context.arguments
    outside = next((one for one in (a.url, a.oidc, *a.proxy) if one), None)
    if not entrance.is_loopback(a.host):
        outside = a.host
    if found and outside is not None:
        raise UsageError(
            Text(
                f"有演示账号（密码公开），只能监听本机，不能用于 {outside}；先运行 tibandu demo remove",
                "there are demo accounts, whose passwords are no secret: only this machine may be served, "
                f"nothing goes with {outside}; run tibandu demo remove first",
            )
        )
    return found


def stop_when_gone(context: Context, found: Sequence[Any], stop: Callable[[], None]) -> None:
    """A service that shows a demonstration ends with it: its notice, its operators and its documents are of what was removed."""
    if found and not _demonstration(context).looks():
        context.console.warn(
            Text(
                "演示数据已清除，服务停止；再次启动即从空系统开始",
                "the demo data has been removed, so the service stops; started anew it begins with an empty system",
            )
        )
        stop()


def folder(context: Context, found: Sequence[Any]) -> Any:
    """Where documents are kept."""
    made = context.sibling("api.demo").DemoFolder if found else context.sibling("api").Folder
    return made(context.arguments.documents)


def tell(context: Context) -> None:
    """The accounts to look from."""
    rows = [
        {"who": context.console.words(look.who), "person": look.person, "password": look.password}
        for look in _demonstration(context).looks()
    ]
    context.console.table(HEADS, rows)
    context.console.out.flush()


def _demonstration(context: Context) -> Any:
    return context.sibling("api.demo").Demonstration(context.engine)
