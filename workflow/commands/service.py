"""`serve`, `scheduler`: the two entrances that stay running. Here they meet; they do not know each other."""

from __future__ import annotations

import argparse
import logging
import os
import signal
from collections.abc import Sequence
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import access
from ..errors import Text
from . import alerts, demo, entrance, keeping, operator
from .context import OK, Context, UsageError, whole

if TYPE_CHECKING:
    from ..outbox import Waker

HOST, PORT, SECONDS = "127.0.0.1", 8015, 30


def register(add: Any) -> None:
    """Declare the commands."""
    serve = add("serve", run_serve, "HTTP 服务，内含调度器", "the HTTP service, the scheduler inside")
    serve.add_argument("--host", default=HOST, help=f"监听地址 / address (default {HOST})")
    serve.add_argument("--port", type=whole(0, 65535), default=PORT, help=f"端口 / port (default {PORT})")
    serve.add_argument(
        "--operator",
        action="append",
        default=[],
        metavar="PERSON",
        help="管理员 / who looks after the service; repeat",
    )
    serve.add_argument(
        "--public", action="append", default=[], metavar="KIND",
        help="公众可查的主体类别 / kinds of parties anybody may look up; repeat",
    )  # fmt: skip
    serve.add_argument(
        "--intake", metavar="ACCOUNT",
        help="接收扫码意见的服务账号 / the account (role qr_intake) under which opinions left at a station's door come in",
    )  # fmt: skip
    serve.add_argument(
        "--documents",
        type=Path,
        default=Path("documents"),
        metavar="DIR",
        help="文件库 / where documents are kept",
    )
    entrance.register(serve)
    serve.add_argument("--letters", type=Path, metavar="DIR", help="本单位的文书模板 / templates of your own")
    serve.add_argument("--no-scheduler", action="store_true", help="不带调度器 / without the scheduler")
    keeping.add_log_days(serve)
    keeping.add_upload_days(serve)
    keeping.add_token_days(serve)
    keeping.add_upload_quota(serve)
    scheduler = add("scheduler", run_scheduler, "调度器，前台运行", "the scheduler, in the foreground")
    operator.register(add, scheduler)
    for parser in (serve, scheduler):
        alerts.add_channels(parser)
        alerts.add_backend(parser)
        keeping.add_days(parser)
        alerts.add_allow(parser)
        parser.add_argument(
            "--seconds",
            type=_seconds,
            default=SECONDS,
            metavar="N",
            help=f"唤醒间隔 / between ticks (default {SECONDS})",
        )


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0.1 <= seconds <= 60:
        raise argparse.ArgumentTypeError(f"须为秒数，0.1 至 60 / a number of seconds, 0.1 to 60: {text}")
    return seconds


def run_scheduler(context: Context) -> int:
    """Until SIGTERM or SIGINT; then it finishes the tick it is in."""
    scheduler = context.sibling("scheduler")
    waker = _waker(context)
    _tell_logs()
    scheduler.run_until_stopped(waker, lambda: _tell(context, "调度器已启动", "the scheduler is running"))
    context.console.say("调度器已停止", "the scheduler has stopped")
    return OK


PAPER = ("docxtpl", "python_calamine", "segno", "xlsxwriter")
"""what documents and tables are written and read with"""


def papers_of(context: Context, folder: Path | None) -> Any:
    """Who writes documents and tables, by templates of that folder before ours; None where the extra is not installed."""
    if not all(find_spec(name) for name in PAPER):
        return None
    return context.sibling("definitions.papers").Papers(context.engine, folder)


def _papers(context: Context) -> Any:
    """Who writes documents and tables; nobody where the extra is not installed, which the service then says itself. Raises
    DefinitionError for a template that cannot be used.
    """
    found = papers_of(context, context.arguments.letters)
    if found is None:
        text = (
            "没有 tibandu[documents]：不出文书和表格",
            "tibandu[documents] is not installed: no letters, no tables",
        )
        context.console.warn(Text(*text))
    return found


def run_serve(context: Context) -> int:
    """Until SIGTERM or SIGINT."""
    api = context.sibling("api")
    arguments = context.arguments
    entrance.check(context)
    waker = None if arguments.no_scheduler else _waker(context)
    api.create_schema(context.engine)
    looks = demo.looks(context)
    shown = [look.person for look in looks if look.operator]
    operators = api.Operators(context.engine, [*arguments.operator, *shown])
    sessions = entrance.identify(context, api)
    identify, papers = api.Paced(context.engine, sessions), _papers(context)
    documents = demo.folder(context, looks)
    app = api.create_app(
        context.engine, identify, age=waker.age if waker else None, operators=operators,
        documents=documents, papers=papers, public=frozenset(arguments.public),
        sessions=sessions, intake=arguments.intake, allow=arguments.allow, trials=alerts.trials_of(context),
        notice=context.sibling("api.demo").NOTICE if looks else None, token_days=arguments.token_days,
        quota=arguments.upload_quota << 20,
    )  # fmt: skip
    entrance.furnish(context, app, sessions)
    _tell_logs()
    try:
        jobs = api.Jobs(context.engine, papers)
        keeping_house = api.Housekeeping(
            context.engine, timedelta(days=arguments.keep_security_log), documents,
            timedelta(days=arguments.keep_uploads),
        )  # fmt: skip

        def bulk() -> int:
            demo.stop_when_gone(context, looks, lambda: os.kill(os.getpid(), signal.SIGTERM))
            keeping_house.run()
            return access.end_hours(context.engine) + int(jobs.advance())

        api.serve(
            app,
            arguments.host,
            arguments.port,
            lambda url: _begin(context, url, waker, sessions, looks),
            bulk,
        )
    except OSError as error:
        place = f"{arguments.host}:{arguments.port}"
        text = Text(f"无法监听 {place}：{error.strerror}", f"cannot listen on {place}: {error.strerror}")
        raise UsageError(text) from None
    finally:
        if waker is not None and waker.age() is not None:
            waker.stop()
    context.console.say("服务已停止", "the service has stopped")
    return OK


def _waker(context: Context) -> Waker:
    scheduler = context.sibling("scheduler")
    context.engine.store.check()
    context.engine.search(limit=1)
    delivery = alerts.backend_of(context)
    waker: Waker = scheduler.TickWaker(
        context.engine,
        seconds=context.arguments.seconds,
        watched=True,
        delivery=delivery,
        kept_days=context.arguments.keep_alerts,
    )
    return waker


def _begin(context: Context, url: str, waker: Waker | None, sessions: Any, looks: Sequence[Any]) -> None:
    if looks:
        demo.tell(context)
    entrance.greet(context, sessions.first)
    _tell(context, f"服务地址 {url}", f"serving {url}")
    if waker is not None:
        waker.start()  # after what a person reads, which its log would else run into


def _tell(context: Context, zh: str, en: str) -> None:
    """Say it at once: whoever started us may be waiting for it."""
    context.console.say(zh, en)
    context.console.out.flush()


def _tell_logs() -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    for name in ("apscheduler", "transitions"):
        logging.getLogger(name).setLevel(logging.WARNING)
