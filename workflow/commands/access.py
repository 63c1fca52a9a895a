"""`access`: who has which role until when, and who sees what; roles granted, revoked, lent, by somebody and never to himself."""

from __future__ import annotations

from datetime import date
from importlib.util import find_spec
from typing import Any

from .. import access, overview
from ..clock import ZONE
from ..errors import NotFound, Text
from ..model import Actor
from .accounts import BY
from .context import OK, Context, UsageError, day, whole

HEADS = {
    "id": Text("编号", "id"), "person": Text("人员", "person"), "role": Text("角色", "role"), "unit": Text("单位", "unit"),
    "scope": Text("范围", "scope"), "from": Text("自", "from"), "until": Text("至", "until"), "state": Text("状态", "state"),
    "for": Text("代", "for"), "by": Text("授予人", "by"), "reason": Text("理由", "why"),
}  # fmt: skip
WAYS = {
    "kind": Text("凭据", "way in"), "person": Text("人员", "person"), "what": Text("内容", "what"), "until": Text("至", "until"),
    "used": Text("最近使用", "last used"), "by": Text("建立者", "by"), "id": Text("编号", "id"),
}  # fmt: skip
KINDS = {
    "token": Text("服务令牌", "service token"), "link": Text("邀请链接", "link"), "feed": Text("期限日历", "calendar"),
    "webhook": Text("订阅", "webhook"),
}  # fmt: skip
LOG = {
    "at": Text("时间", "when"), "what": Text("事项", "what"), "good": Text("成功", "done"), "person": Text("账号", "account"),
    "by": Text("操作者", "by"), "network": Text("来自", "from"), "detail": Text("详情", "detail"),
}  # fmt: skip
ACTS = {
    "at": Text("时间", "when"), "person": Text("人员", "person"), "account": Text("服务账号", "account"),
    "token": Text("令牌", "token"), "route": Text("操作", "operation"), "case": Text("案件", "case"),
}  # fmt: skip


def register(add: Any) -> None:
    """Declare the commands."""
    root = add("access", None, "权限", "who may what")
    within = root.add_subparsers(dest="what", required=True, metavar="WHAT")
    grant = add("grant", run_grant, "授予角色", "grant a role", within)
    for name in ("person", "role", "scope"):
        grant.add_argument(name, metavar=name.upper())
    grant.add_argument("--unit", metavar="UNIT", help="在此单位 / within that unit")
    revoke = add(
        "revoke", run_revoke, "收回角色（自昨日止，留痕）", "a role ends with yesterday and is kept", within
    )
    revoke.add_argument("grant", metavar="ID", help="授权编号 / as the report names it")
    feed = add(
        "revoke-feed", run_revoke_feed, "收回他人的期限日历", "another's calendar is taken back", within
    )
    feed.add_argument("feed", metavar="ID", help="编号 / as the report names it")
    lend = add(
        "lend", run_lend, "委托（代）", "a person's roles are a colleague's too, for some days", within
    )
    lend.add_argument("person", metavar="FROM")
    lend.add_argument("to", metavar="TO")
    for parser in (grant, lend):
        parser.add_argument("--from", dest="since", type=day, metavar="DATE", help="首日 / the first day")
        parser.add_argument(
            "--until",
            type=day,
            metavar="DATE",
            required=parser is lend,
            help="末日 / the last day",
        )
    for parser in (grant, revoke, lend):
        parser.add_argument(
            "--by", required=True, metavar="PERSON", help="授予人，不得为本人 / who does it; never to himself"
        )
    report = add("report", run_report, "谁可见什么、至何时", "who can see what, until when", within)
    report.add_argument("--person", metavar="PERSON")
    report.add_argument("--unit", metavar="UNIT")
    report.add_argument("--all", action="store_true", help="含已结束的 / those that have ended too")
    glass = add("break-glass", run_glass, "应急查阅", "a role for some hours; the case says so", within)
    glass.add_argument("case", metavar="CASE", help="编号或案件号 / its number or its id")
    glass.add_argument("role", metavar="ROLE")
    glass.add_argument("--person", required=True, metavar="PERSON", help="由谁 / who takes it")
    glass.add_argument("--hours", required=True, type=whole(1), metavar="N")
    glass.add_argument("--reason", required=True, metavar="TEXT", help="理由 / why")
    log = add(
        "log", run_log, "安全日志", "sign-ins, failures, denials, changed proofs; the newest first", within
    )
    log.add_argument("--person", metavar="PERSON")
    log.add_argument("--kind", metavar="KIND", help="sign_in, locked_out, denied, token …")
    log.add_argument("--limit", type=whole(1), default=100, metavar="N")
    acts = add(
        "acts", run_acts, "经由其他系统所为", "what persons changed through other systems (act_as)", within
    )
    for name in ("person", "account", "case"):
        acts.add_argument(f"--{name}", metavar=name.upper())


def run_grant(context: Context) -> int:
    """One more role."""
    a = context.arguments
    _check_scope(context, a.scope)
    context.engine.grant(
        a.person, a.role, a.scope, unit=a.unit, by=a.by, valid_from=a.since, valid_until=a.until
    )
    place = " ".join(filter(None, (a.scope, a.unit)))
    _note(
        context,
        "grant",
        a.person,
        f"granted {a.role} in {place}, {a.since or '-'} to {a.until or '-'}",
        by=a.by,
    )
    title, wanted = (
        context.engine.library.roles.values[a.role].title,
        (a.role, a.scope, a.unit, a.since, a.until),
    )
    id_ = next(
        (one.grant.id for one in access.held(context.engine, person=a.person)
         if (one.grant.role, one.grant.scope, one.grant.unit, one.grant.valid_from, one.grant.valid_until) == wanted), "",
    )  # fmt: skip
    zh, en = _days(a.since, a.until)
    context.console.say(
        f"已授予 {a.person} {a.role}（{title.zh}），{place}{zh}；收回：tibandu access revoke {id_} --by {a.by}",
        f"{a.person} is {a.role} ({title.en}), {place}{en}; take it back: tibandu access revoke {id_} --by {a.by}",
    )
    return OK


def _days(since: date | None, until: date | None) -> tuple[str, str]:
    """From and until when, as far as it was said."""
    zh, en = f"，自 {since}" if since else "", f", from {since}" if since else ""
    return (f"{zh}，至 {until}（含当日）", f"{en}, until {until} and that day") if until else (zh, en)


def _note(context: Context, kind: str, person: str, detail: str, *, by: str | None = None) -> None:
    """In the security log, where the service is installed that keeps it."""
    if find_spec("flask") is not None:
        context.sibling("api").create_schema(context.engine)
        context.sibling("api.security_log").SecurityLog(context.engine).note(
            kind, person, by=by, detail=detail
        )


SCOPES = 1000
"""entries of the register among whose tenants the one likely meant is looked for"""


def _check_scope(context: Context, scope: str) -> None:
    """Somebody registered there or below: a slip of the pen would give a role in nothing. Where nobody is registered at all, any
    will do: the first roles are given before the register is filled. Raises NotFound.
    """
    parties = context.engine.parties
    if parties.find(tenant=scope, limit=1) or not parties.find(limit=1):
        return
    known = sorted({party.tenant for party in parties.find(limit=SCOPES)})
    raise NotFound.among(Text("范围", "scope"), scope, known)


def run_revoke_feed(context: Context) -> int:
    """Its address is good for nothing any more."""
    context.sibling("api").create_schema(context.engine)
    owner = context.sibling("api.feeds").take_back(context.engine, context.arguments.feed, by=BY)
    context.console.say(
        f"已收回 {owner} 的日历，地址作废",
        f"the calendar of {owner} is taken back: its address is good for nothing",
    )
    return OK


def run_revoke(context: Context) -> int:
    """It holds no more; that it held is kept, because separation of powers asks for it."""
    a = context.arguments
    ended = access.end(context.engine, a.grant, by=a.by, day=overview.today(context.engine))
    place = " ".join(filter(None, (ended.scope, ended.unit)))
    _note(context, "grant", ended.person, f"revoked {ended.role} in {place}", by=a.by)
    context.console.say(
        f"已收回 {ended.person} 的 {ended.role}，最后一天 {ended.valid_until}",
        f"{ended.person} is {ended.role} no more, the last day was {ended.valid_until}",
    )
    return OK


def run_lend(context: Context) -> int:
    """For who is away and cannot do it himself."""
    a = context.arguments
    lent = access.lend(
        context.engine,
        a.person,
        a.to,
        until=a.until,
        by=a.by,
        day=overview.today(context.engine),
        since=a.since,
    )
    for grant in lent:
        place = " ".join(filter(None, (grant.scope, grant.unit)))
        detail = (
            f"lent {grant.role} of {grant.on_behalf_of} in {place}, {grant.valid_from} to {grant.valid_until}"
        )
        _note(context, "grant", grant.person, detail, by=a.by)
    names = ", ".join(grant.role for grant in lent)
    context.console.say(
        f"{a.to} 代 {a.person}（{names}），至 {a.until}",
        f"{a.to} acts for {a.person} ({names}) until {a.until}",
    )
    return OK


def run_glass(context: Context) -> int:
    """For the emergency in which nobody is there who may grant."""
    a = context.arguments
    case = _numbered(context, a.case)
    until = access.break_glass(context.engine, case, a.person, a.role, hours=a.hours, reason=a.reason)
    detail = f"{a.role} {case} until {until.isoformat(timespec='minutes')}, command line"
    _note(context, "break_glass", a.person, detail)
    local = until.astimezone(ZONE).isoformat(timespec="minutes")
    zh, en = (
        f"{a.person} 为 {a.role} 至 {local}，案件已留痕",
        f"{a.person} is {a.role} until {local}; the case says so",
    )
    context.console.say(zh, en)
    return OK


def _numbered(context: Context, named: str) -> str:
    """The id of the case of that number; else what was given, which is an id. Raises UsageError where several have the number."""
    found = context.engine.search(number=named, limit=SAME)
    if len(found) > 1:
        library = context.engine.library
        zh = "、".join(f"{one.id}（{library.definition(one.kind).title.zh}，{one.tenant}）" for one in found)
        en = ", ".join(f"{one.id} ({library.definition(one.kind).title.en}, {one.tenant})" for one in found)
        text = Text(
            f"编号 {named} 有多件，请给出案件号：{zh}",
            f"several have the number {named}: give the id, one of {en}",
        )
        raise UsageError(text)
    return found[0].id if found else named


SAME = 9
"""cases of one number that are told apart"""


def run_report(context: Context) -> int:
    """Grants, ways in that need no sign-in, and of a named person how many cases he sees."""
    a, today = context.arguments, overview.today(context.engine)
    found = access.held(context.engine, person=a.person, unit=a.unit)
    rows = [_row(context, one, today) for one in found]
    rows = [row for row in rows if a.all or row["over"] is False]
    ways = [] if a.unit else _ways(context)
    sees = overview.count(context.engine, Actor(person=a.person), overview.Filter()) if a.person else None
    if context.console.as_json:
        told = {"grants": [{name: row[name] for name in HEADS} for row in rows], "ways": ways}
        context.console.value(told if sees is None else told | {"sees": sees})
        return OK
    context.console.table(HEADS, rows)
    if ways:
        context.console.line("")
        context.console.table(WAYS, ways)
    if sees is not None:
        context.console.say(f"{a.person} 现可见 {sees} 件", f"{a.person} sees {sees} case(s) now")
    return OK


def _ways(context: Context) -> list[dict[str, Any]]:
    """Tokens, links, calendars, webhooks: those that hold, or all."""
    a = context.arguments
    context.sibling("api").create_schema(context.engine)
    found = context.sibling("api.ways").ways(context.engine, a.person)
    return [
        {name: getattr(one, name) for name in WAYS} | {"kind": context.console.words(KINDS[one.kind])}
        for one in found if a.all or not one.over
    ]  # fmt: skip


def run_log(context: Context) -> int:
    """The newest first."""
    a = context.arguments
    context.sibling("api").create_schema(context.engine)
    module = context.sibling("api.security_log")
    if a.kind is not None and a.kind not in module.KINDS:
        kinds = ", ".join(module.KINDS)
        raise UsageError(Text(f"--kind 须为 {kinds}", f"--kind is one of {kinds}"))
    found = module.SecurityLog(context.engine).entries(person=a.person, kind=a.kind, limit=a.limit)
    if context.console.as_json:
        context.console.value([module.told(entry) for entry in found])
        return OK
    done, refused = Text("是", "yes"), Text("否", "no")
    titles = {screen.name: screen.menu for screen in context.sibling("api.console").MENU}
    words = context.sibling("api.security_words").Words(context.engine, found, titles)
    rows = [
        {
            "at": entry.at.astimezone(ZONE).isoformat(timespec="seconds"), "person": entry.person, "by": entry.by,
            "what": context.console.words(module.KINDS[entry.kind]), "network": entry.network,
            "detail": entry.detail if (told := words.of(entry)) is None else context.console.words(told),
            "good": context.console.words(done if entry.good else refused),
        }
        for entry in found
    ]  # fmt: skip
    context.console.table(LOG, rows)
    return OK


def run_acts(context: Context) -> int:
    """The newest first."""
    a = context.arguments
    context.sibling("api").create_schema(context.engine)
    found = context.sibling("api.acting").acted(
        context.engine, person=a.person, account=a.account, case=a.case
    )
    context.console.table(ACTS, [{name: getattr(note, name) for name in ACTS} for note in found])
    return OK


def _row(context: Context, one: access.Held, today: date) -> dict[str, Any]:
    grant = one.grant
    over = grant.valid_until is not None and grant.valid_until < today
    state = Text("已结束", "ended") if over else Text("有效", "holds")
    if not over and grant.valid_from is not None and grant.valid_from > today:
        state = Text("未到", "to come")
    return {
        "id": grant.id, "person": grant.person, "role": grant.role, "unit": grant.unit, "scope": grant.scope,
        "from": grant.valid_from, "until": grant.valid_until, "state": context.console.words(state),
        "for": grant.on_behalf_of, "by": one.by, "reason": one.reason, "over": over,
    }  # fmt: skip
