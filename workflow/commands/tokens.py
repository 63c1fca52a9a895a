"""`tokens`: other systems that come in over HTTP by a service account of their own; what that account may know, `access` says."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from ..clock import ZONE
from ..errors import FormInvalid, Text
from . import keeping
from .accounts import BY
from .context import OK, Context, UsageError, day

HEADS = {
    "id": Text("编号", "id"), "name": Text("名称", "name"), "account": Text("账号", "account"), "state": Text("状态", "state"),
    "scopes": Text("可以做什么", "what it may"), "expires_on": Text("有效至", "until"), "used_on": Text("最近使用", "last used"),
    "created_by": Text("签发人", "by"), "created_at": Text("签发时间", "made"),
}  # fmt: skip
FLAGS = {"account": "ACCOUNT", "scopes": "--scope", "expires_on": "--until"}
"""field -> how the command line calls it; else as the field is called"""


def register(add: Any) -> None:
    """Declare the commands."""
    tokens = add("tokens", None, "服务令牌", "service tokens of other systems")
    within = tokens.add_subparsers(dest="what", required=True, metavar="WHAT")
    new = add("add", run_add, "签发，仅显示一次", "a new one; it is told once", within=within)
    new.add_argument("account", metavar="ACCOUNT", help="服务账号 / the service account, svc.…")
    new.add_argument("--name", required=True, help="名称 / what it is called")
    new.add_argument(
        "--scope", action="append", required=True, metavar="SCOPE", help="cases:read, events:subscribe, act_as …; repeat"
    )  # fmt: skip
    new.add_argument(
        "--until", type=day, required=True, metavar="DATE", help="末日 / the last day on which it is good"
    )
    new.add_argument(
        "--unit",
        help="此账号所属单位；act_as 时可替其人员办理 / whose account it is; with act_as for whose members",
    )
    new.add_argument("--tenant", help="act_as 时：在哪个范围 / with act_as and --body: in which scope")
    new.add_argument(
        "--body", help="act_as 时：哪个机构（角色文件） / with act_as: for whom, a body of the roles file"
    )
    keeping.add_token_days(new)
    add("list", run_list, "各令牌，不含令牌本身", "every one, without the tokens themselves", within=within)
    revoke = add("revoke", run_revoke, "吊销", "it is good for nothing any more", within=within)
    revoke.add_argument("token", metavar="ID", help="编号 / as the list names it")


def run_add(context: Context) -> int:
    """Make one; it is told this once."""
    a = context.arguments
    given = {
        "account": a.account, "name": a.name, "scopes": a.scope, "expires_on": a.until.isoformat(), "unit": a.unit,
        "tenant": a.tenant, "body": a.body,
    }  # fmt: skip
    module = _module(context)
    try:
        row, token = module.Tokens(context.engine, a.token_days).issue(
            module.read(given), by=BY, named_once=True
        )
    except FormInvalid as error:
        raise UsageError(_told(error)) from None
    context.console.value({"id": row["id"], "token": token})
    context.console.say(
        f"{a.account} 的令牌（仅显示这一次，有效至 {a.until}；吊销：tibandu tokens revoke {row['id']}）：",
        f"the token of {a.account} (told only now, good until {a.until}; take it back: tibandu tokens revoke {row['id']}):",
    )
    context.console.say(token, token)
    return OK


def _told(error: FormInvalid) -> Text:
    """Each fault with the argument it is about."""
    named = [(FLAGS.get(str(one.field), f"--{one.field}"), one.text) for one in error.reasons]
    zh = "；".join(f"{flag}：{text.zh}" for flag, text in named)
    return Text(zh, "; ".join(f"{flag}: {text.en}" for flag, text in named))


def run_list(context: Context) -> int:
    """The newest first."""
    module = _module(context)
    rows = [_row(context, module, one) for one in module.Tokens(context.engine).listed()]
    context.console.table(HEADS, rows)
    return OK


def _row(context: Context, module: Any, one: dict[str, Any]) -> dict[str, Any]:
    state = module.STATES[module.standing(context.engine, one)]
    made = datetime.fromisoformat(one["created_at"]).astimezone(ZONE)
    told = {"state": context.console.words(state), "scopes": " ".join(one["scopes"])}
    return {**{name: one.get(name) for name in HEADS}, **told, "created_at": f"{made:%Y-%m-%d %H:%M}"}


def run_revoke(context: Context) -> int:
    """Also what came in by it a moment ago comes in no more."""
    _module(context).Tokens(context.engine).revoke(context.arguments.token, by=BY)
    context.console.say(
        "令牌已吊销，用它建立的订阅已暂停", "the token is revoked, and the webhooks made with it are paused"
    )
    return OK


def _module(context: Context) -> Any:
    """Who keeps them. Raises UsageError where that part is not installed."""
    context.sibling("api").create_schema(context.engine)
    return context.sibling("api.tokens")
