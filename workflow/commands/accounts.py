"""`accounts`: who may sign in to this service with a password of his own. What he may do there, `access` says."""

from __future__ import annotations

import base64
import getpass
import os
from pathlib import Path
from typing import Any

from ..errors import Text
from ..random import SystemRandom
from .context import OK, Context, UsageError
from .files import reading, writing

BY = "command-line"
"""who it is in the records that a command line did it: whoever can reach the database"""
HEADS = {
    "person": Text("账号", "account"), "state": Text("状态", "state"), "operator": Text("管理员", "operator"),
    "used_on": Text("最近登录", "last sign-in"), "created_by": Text("建立者", "created by"),
}  # fmt: skip


def register(add: Any) -> None:
    """Declare the commands."""
    accounts = add("accounts", None, "本地账号", "local accounts")
    within = accounts.add_subparsers(dest="what", required=True, metavar="WHAT")
    new = add(
        "add", run_add, "新增账号，口令仅显示一次", "a new account; its password is told once", within=within
    )
    new.add_argument("--operator", action="store_true", help="管理本服务 / looks after the service itself")
    reset = add("reset", run_reset, "重设口令", "another password; every session ends", within=within)
    lock = add("lock", run_lock, "停用账号", "nobody signs in; every session ends", within=within)
    unlock = add("unlock", run_unlock, "恢复账号", "after a lock, or five failures", within=within)
    factor = add(
        "reset-factor",
        run_factor,
        "清除第二因素",
        "no second factor any more; every session ends",
        within=within,
    )
    ends = add("end-sessions", run_end, "结束全部会话", "every session of that person ends", within=within)
    for parser in (new, reset, lock, unlock, factor, ends):
        parser.add_argument("person", metavar="PERSON")
    for parser in (new, reset):
        parser.add_argument(
            "--ask", action="store_true", help="在终端输入首次口令 / type the first password yourself"
        )
    key = add(
        "key",
        run_key,
        "新密钥，供 TIBANDU_KEYS 使用",
        "a new key, which seals second factors",
        within=within,
    )
    key.add_argument("file", type=Path, metavar="FILE")
    add("list", run_list, "各账号", "every account", within=within)


def run_add(context: Context) -> int:
    """A new account, and the password of its first sign-in."""
    a = context.arguments
    made = _accounts(context).add(a.person, by=BY, password=_asked(context), operator=a.operator)
    _tell(context, made)
    return OK


def run_reset(context: Context) -> int:
    """Another password for the next sign-in."""
    made = _accounts(context).reset(context.arguments.person, by=BY, password=_asked(context))
    _tell(context, made)
    return OK


def run_lock(context: Context) -> int:
    """No sign-in, and no session any more."""
    _accounts(context).lock(context.arguments.person, by=BY)
    context.console.say("账号已停用，会话已全部结束", "the account is locked and its sessions have ended")
    return OK


def run_unlock(context: Context) -> int:
    """Sign-in again."""
    _accounts(context).unlock(context.arguments.person, by=BY)
    context.console.say("账号已恢复", "the account is unlocked")
    return OK


def run_factor(context: Context) -> int:
    """A telephone was lost: he signs in with his password alone, and gets another one if his role needs it."""
    person = context.arguments.person
    _accounts(context)
    context.sibling("api.factors").Factors(context.engine).reset(person, by=BY)
    context.console.say(
        "第二因素已清除，会话已全部结束", "the second factor is gone, and the sessions have ended"
    )
    return OK


def run_end(context: Context) -> int:
    """He has to sign in again."""
    _accounts(context)
    person = context.arguments.person
    count = context.sibling("api").Sessions(context.engine).end(person, by=BY)
    if count:
        context.console.say(
            f"已结束 {person} 的 {count} 个会话", f"{count} session(s) of {person} have ended"
        )
    else:
        context.console.say(f"{person} 没有打开的会话", f"{person} has no open session")
    return OK


def run_key(context: Context) -> int:
    """A file that only its owner reads; an old key is kept below the new one."""
    file = context.arguments.file
    with reading(file):
        old = file.read_text(encoding="utf-8") if file.exists() else ""
    new = base64.urlsafe_b64encode(SystemRandom().bytes(32)).decode()
    with writing(file):
        _replace(file, f"{new}\n{old}")
    context.console.say(
        f"密钥已写入 {file}；以 TIBANDU_KEYS={file} 启动服务，并另存一份：没有它，第二因素须重设",
        f"the key is in {file}: start the service with TIBANDU_KEYS={file}, and keep a copy elsewhere: without it second factors"
        " have to be set up anew",
    )
    return OK


def _replace(file: Path, text: str) -> None:
    """In one piece, for the eyes of its owner."""
    beside = file.with_name(file.name + ".new")
    with os.fdopen(
        os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8"
    ) as written:
        written.write(text)
    beside.replace(file)


def run_list(context: Context) -> int:
    """Every account; never a password."""
    found = [
        {"person": a.person, "state": context.console.words(_state(a)), "operator": "✓" if a.operator else None,
         "used_on": a.used_on, "created_by": a.created_by}
        for a in _accounts(context).all()
    ]  # fmt: skip
    context.console.table(HEADS, found)
    return OK


def _state(account: Any) -> Text:
    if account.locked_at is not None:
        day = account.locked_at.date()
        return Text(f"停用（{account.locked_by}，{day}）", f"locked ({account.locked_by}, {day})")
    if account.must_change:
        return Text("待改密码", "must change its password")
    return Text("正常", "good")


def _accounts(context: Context) -> Any:
    """Who keeps them. Raises UsageError where that part is not installed."""
    api = context.sibling("api")
    api.create_schema(context.engine)
    return api.Accounts(context.engine)


def _asked(context: Context) -> str | None:
    """Typed twice at the terminal; a password never stands among the arguments, where others can read it."""
    if not context.arguments.ask:
        return None
    words = context.console.words
    first = getpass.getpass(words(Text("口令：", "Password: ")))
    if getpass.getpass(words(Text("再输一次：", "Once more: "))) != first:
        raise UsageError(Text("两次输入不同", "these are two different passwords"))
    return first


def _tell(context: Context, made: str | None) -> None:
    person = context.arguments.person
    context.console.value({"person": person, "password": made})
    if made is None:
        context.console.say(
            f"账号 {person} 可用所设口令登录，登录后须修改",
            f"{person} can sign in with that password, and must change it then",
        )
        return
    context.console.say(
        f"账号 {person} 的首次口令（仅显示这一次，七天内有效，登录后须修改）：",
        f"the first password of {person} (told only now, good for seven days, to be changed at sign-in):",
    )
    context.console.say(made, made)
