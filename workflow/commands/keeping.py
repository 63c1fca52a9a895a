"""`alerts purge`, and how long a scheduler keeps alerts that are over."""

from __future__ import annotations

from typing import Any

from ..alerts import KEPT_DAYS, LONELY_DAYS
from ..errors import Text
from .context import OK, Context, UsageError, day, whole

TOKEN_DAYS, TOKEN_MOST = 366, 3_660
UPLOAD_KEPT, UPLOAD_MOST = 30, 90
"""days; who brought a document is remembered for ninety"""
UPLOAD_LEAST, UPLOAD_QUOTA = 32, 256
"""MiB; one document has 32 at most"""
LOG_LEAST, LOG_KEPT = 184, 366
"""days; 网络安全法 has such logs kept for six months at least"""


def register(add: Any, acts: Any) -> None:
    """Declare what stands under `alerts`."""
    purge = add(
        "purge", run_purge, "清除早已了结的通知；办理记录不动", "forget alerts long over; no history", acts
    )
    purge.add_argument(
        "--before", type=day, required=True, metavar="DATE",
        help="该日之前的 / those from before that day (2026-01-31)",
    )  # fmt: skip
    purge.add_argument("--dead", action="store_true", help="死信也清除 / letters given up as well")
    purge.add_argument("--dry-run", action="store_true", help="只数，不清除 / count, forget nothing")


def add_days(parser: Any) -> None:
    """The flag that says how long."""
    parser.add_argument(
        "--keep-alerts", type=whole(LONELY_DAYS), default=KEPT_DAYS, metavar="DAYS",
        help=f"已了结的通知保留天数，每日清理 / how long alerts that are over are kept (default {KEPT_DAYS})",
    )  # fmt: skip


def add_log_days(parser: Any) -> None:
    """The flag that says how long entries of the security log stay."""
    parser.add_argument(
        "--keep-security-log", type=whole(LOG_LEAST), default=LOG_KEPT, metavar="DAYS",
        help=f"安全日志保留天数，不少于六个月 / how long the security log is kept, six months at least (default {LOG_KEPT})",
    )  # fmt: skip


def add_upload_days(parser: Any) -> None:
    """The flag that says how long a document waits for a case that names it."""
    parser.add_argument(
        "--keep-uploads", type=whole(1, UPLOAD_MOST), default=UPLOAD_KEPT, metavar="DAYS",
        help=f"无案件引用的上传文件保留天数 / how long a document stays that no case names (default {UPLOAD_KEPT})",
    )  # fmt: skip


def add_token_days(parser: Any) -> None:
    """The flag that says how long service tokens are good at most."""
    parser.add_argument(
        "--token-days", type=whole(1, TOKEN_MOST), default=TOKEN_DAYS, metavar="DAYS",
        help=f"服务令牌的最长有效天数 / for how many days a service token is issued at most (default {TOKEN_DAYS})",
    )  # fmt: skip


def add_upload_quota(parser: Any) -> None:
    """The flag that says how much of one person may wait for a case that names it."""
    parser.add_argument(
        "--upload-quota", type=whole(UPLOAD_LEAST), default=UPLOAD_QUOTA, metavar="MIB",
        help="每人未入案的上传文件上限，MiB / MiB of one person's documents that no case names yet "
        f"(default {UPLOAD_QUOTA})",
    )  # fmt: skip


def run_purge(context: Context) -> int:
    """Say what went, or would go."""
    arguments, console = context.arguments, context.console
    try:
        found = context.engine.alerts.purge(arguments.before, dead=arguments.dead, dry_run=arguments.dry_run)
    except ValueError:
        zh = f"{arguments.before} 须早于 {LONELY_DAYS} 天前：其后的通知可能仍在投递"
        en = f"{arguments.before} must be more than {LONELY_DAYS} days ago: later alerts may still be on their way"
        raise UsageError(Text(zh, en)) from None
    console.value({"dry_run": arguments.dry_run, **found})
    messages, letters = found.pop("outbox", 0), found.total()
    zh, en = f"{letters} 件投递、{messages} 条消息", f"{letters} deliveries and {messages} messages"
    if arguments.dry_run:
        console.say(f"试运行，未清除：{zh}", f"dry run, nothing forgotten: {en}")
    else:
        console.say(f"已清除 {zh}；办理记录未动", f"forgotten: {en}; the histories are as they were")
    return OK
