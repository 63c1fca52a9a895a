"""What an entry of the security log tells, as a person reads it: kept is a short word of its own (`detail`), which scripts match.

Each form in which something is written down has its words here, and what it names is called by its name: a role by its title, a
token by the name it was given, a case by what it is and its number. `tests/test_security_words.py` finds every form in the code.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache

from sqlalchemy import select

from workflow import Engine
from workflow.clock import ZONE
from workflow.errors import Text

from .accounts import ANYWHERE, GUESSES
from .factors import GUESSES as CODES
from .problems import TITLES
from .security_log import Entry
from .sessions import WAYS
from .store import Shelf
from .table import ROUTES

__all__ = ["ASKED", "BY", "FAILED", "FORMS", "SCOPES", "Words"]

FAILED = "failed"
"""under which the forms of a sign-in that was refused stand; of all else those of its kind"""
WITHIN = re.compile("(.*); ([0-9]+) within the hour")
FORMS: Mapping[str, Sequence[tuple[str, Text]]] = {
    "sign_in": [("{way}", Text("凭{way}", "by {way}"))],
    FAILED: [
        ("no such account", Text("没有这个账号", "there is no such account")),
        ("locked account", Text("账号已停用", "the account is locked")),
        ("password", Text("密码不对", "a wrong password")),
        ("second factor", Text("第二因素的验证码不对", "a wrong code of the second factor")),
        ("oidc, {problem}", Text("统一认证：{problem}", "at the identity provider: {problem}")),
    ],
    "locked_out": [("{limit}", Text("{limit}", "{limit}"))],
    "sign_out": [],
    "sessions": [
        ("{number} ended, signed out at the identity provider",
         Text("{number} 个，在统一认证处退出", "{number}: signed out at the identity provider")),
        ("{number} ended", Text("{number} 个", "{number}")),
    ],
    "password": [
        ("changed", Text("本人改了密码", "changed by its owner")),
        ("reset", Text("换发一次性密码", "another one given out")),
    ],
    "factor": [
        ("set up", Text("登记了第二因素", "set up")),
        ("reset", Text("清除，须重新登记", "taken away, to be set up again")),
        ("recovery code used", Text("用了一个恢复码", "a recovery code was used")),
    ],
    "account": [
        ("first administrator", Text("第一位管理员", "the first administrator")),
        ("added, operator", Text("新开，管理员", "added, an operator")),
        ("added", Text("新开", "added")),
        ("locked", Text("停用", "locked")),
        ("unlocked", Text("恢复使用", "unlocked")),
    ],
    "grant": [
        ("granted {role} in {place}, - to -", Text("授予{role}（{place}）", "granted {role} ({place})")),
        ("granted {role} in {place}, - to {last}",
         Text("授予{role}（{place}），至 {last}", "granted {role} ({place}) until {last}")),
        ("granted {role} in {place}, {since} to -",
         Text("授予{role}（{place}），自 {since}", "granted {role} ({place}) from {since}")),
        ("granted {role} in {place}, {since} to {last}",
         Text("授予{role}（{place}），{since} 至 {last}", "granted {role} ({place}), {since} until {last}")),
        ("revoked {role} in {place}", Text("收回{role}（{place}）", "took back {role} ({place})")),
        ("lent {role} of {lender} in {place}, {since} to {last}",
         Text("受 {lender} 委托：{role}（{place}），{since} 至 {last}", "lent by {lender}: {role} ({place}), {since} to {last}")),
        ("gave back {role} of {lender} in {place}",
         Text("{lender} 的委托结束：{role}（{place}）", "no longer lent by {lender}: {role} ({place})")),
    ],
    "feed": [
        ("opened {feed}", Text("新建 {feed}", "made {feed}")),
        ("renewed {feed}", Text("换了地址 {feed}", "another address for {feed}")),
        ("revoked {feed}", Text("收回 {feed}", "taken back {feed}")),
    ],
    "token": [
        ("issued {token}: {scopes}", Text("签发“{token}”：{scopes}", "issued “{token}”: {scopes}")),
        ("revoked {token}", Text("吊销“{token}”", "revoked “{token}”")),
    ],
    "link": [("{event} in {case} by link {link}", Text("{case}：{event}（链接 {link}）", "{case}: {event} (link {link})"))],
    "break_glass": [
        ("{role} {case} until {until}, command line",
         Text("{case}：为{role}，至 {until}（命令行）", "{case}: {role} until {until} (command line)")),
        ("{role} {case} until {until}", Text("{case}：为{role}，至 {until}", "{case}: {role} until {until}")),
    ],
    "denied": [
        ("another's link {link}", Text("打开了给别人的链接 {link}", "opened another's link {link}")),
        ("{number} more within a minute, of nobody known",
         Text("一分钟内另有 {number} 次，不知是谁", "{number} more within a minute, of nobody known")),
        ("{what}: {problem}", Text("“{what}”：{problem}", "“{what}”: {problem}")),
    ],
}  # fmt: skip
"""kind of entry -> the forms of its detail, the longer first, each with its words"""
BY = {"command-line": Text("命令行", "command line")}
"""who is nobody's account"""
LIMITS = {
    GUESSES.what: Text("同一处密码错得过多", "too many wrong passwords from one place"),
    ANYWHERE.what: Text("各处密码错得过多", "too many wrong passwords from everywhere"),
    CODES.what: Text("第二因素错得过多", "too many wrong codes of the second factor"),
}
SCOPES = {
    "cases:read": Text("读案件", "read cases"), "cases:write": Text("办案件", "act in cases"),
    "cases:invite": Text("发链接", "send links"), "events:subscribe": Text("订阅事件", "subscribe to events"),
    "inbox:read": Text("读消息", "read messages"), "inbox:write": Text("标记消息", "mark messages"),
    "parties:read": Text("读登记册", "read the register"), "definitions:read": Text("读流程定义", "read definitions"),
    "act_as": Text("以人员身份办理", "act for persons"),
}  # fmt: skip
"""what a token is good for"""
ASKED = {
    "home": Text("今日", "today"), "case": Text("打开案件", "open a case"), "history": Text("看办理过程", "read a history"),
    "clock": Text("看期限的由来", "how a deadline comes about"), "event": Text("打开办理页", "open the form of an act"),
    "event_done": Text("办理一步", "act in a case"), "document": Text("下载文件", "download a document"),
    "letters": Text("看文书", "the documents of a case"), "picture": Text("看流程图", "the picture of a case"),
    "invites": Text("看已发的链接", "the links of a case"), "invites_issue": Text("发链接", "issue a link"),
    "invites_print": Text("印链接", "print links"), "invites_revoke": Text("收回链接", "revoke a link"),
    "filter_saved": Text("存筛选", "keep a filter"), "filter_dropped": Text("删筛选", "drop a filter"),
    "first": Text("第一次启动", "the first start"), "first_made": Text("建立第一个账号", "make the first account"),
    "found": Text("查号结果", "what was found"), "link": Text("打开链接", "open a link"),
    "link_done": Text("凭链接答复", "answer by a link"), "link_letter": Text("凭链接下载", "download by a link"),
    "import": Text("导入", "import"), "import_judged": Text("检查或写入表格", "judge or take in a table"),
    "language": Text("换语言", "change the language"), "lending_end": Text("结束委托", "end a delegation"),
    "lifecycle": Text("看流程定义", "a definition"), "messages_ways": Text("改消息去处", "where messages go"),
    "party": Text("看登记", "an entry of the register"), "register": Text("登记册", "the register"),
    "password": Text("修改密码", "change the password"), "search": Text("查找", "search"),
    "second": Text("第二因素", "the second factor"), "second_made": Text("登记第二因素", "set up the second factor"),
    "sessions_ended": Text("结束他人会话", "end another's sessions"), "presence": Text("本人的会话", "own sessions"),
    "sheets_end": Text("收回日历地址", "take a calendar back"), "sign_in": Text("登录", "sign in"),
    "code": Text("第二步登录", "the second step of signing in"), "sign_out": Text("退出", "sign out"),
    "start": Text("新建", "begin a case"), "started": Text("新建案件", "begin a case"),
    "static": Text("页面文件", "a file of a page"), "station": Text("联络站", "a station"),
    "list": Text("打开列表", "open a list"), "board": Text("从列表办理", "act from a list"),
    "board_done": Text("从列表办理", "act from a list"), "mailing": Text("发链接", "send links"),
    "many": Text("批量办理", "act in many cases"), "many_done": Text("批量办理", "act in many cases"),
    "waiting": Text("待我办理", "what waits for me"), "pack": Text("一批文书", "documents of many cases"),
    "pack_begun": Text("一批文书", "documents of many cases"), "calendar_judged": Text("放假安排", "a calendar"),
    "messages_read": Text("标记已读", "mark messages as read"), "lent": Text("委托代办", "lend a role"),
    "service_token_made": Text("签发服务令牌", "issue a service token"),
    "service_token_revoked": Text("吊销服务令牌", "revoke a service token"),
    "feed_taken": Text("收回他人的日历地址", "take another's calendar back"),
    "redeliver": Text("重发消息", "send messages again"), "setup_posted": Text("开通", "set up"),
    "sheets_feed": Text("建日历地址", "make a calendar's address"), "presence_ended": Text("结束会话", "end sessions"),
    "password_changed": Text("修改密码", "change the password"), "signed_in": Text("登录", "sign in"),
}  # fmt: skip
"""screens -> what one wants of them; of others and of the service's addresses their own words do"""


class Words:
    """The words of these entries: what they name is asked for at once, however many they are."""

    def __init__(self, engine: Engine, entries: Iterable[Entry], screens: Mapping[str, Text]) -> None:
        """`screens`: what those of a console are called in its menu."""
        self._engine = engine
        self._asked = {**{route.name: route.text for route in ROUTES}, **screens, **ASKED}
        self._slots: Mapping[str, Callable[[str], Text]] = {
            "way": _listed({way.en: way for way in WAYS.values()}), "limit": _listed(LIMITS), "scopes": _scopes,
            "problem": _listed({code: title for code, (_, title) in TITLES.items()}), "what": _listed(self._asked),
            "role": self._role, "event": self._event, "until": _until, "token": self._token, "case": self._case,
        }  # fmt: skip
        named = [found[2] for entry in entries if (found := _read(entry)) is not None]
        self._tokens = self._of_tokens({one["token"] for one in named if "token" in one})
        self._cases = self._of_cases({one["case"] for one in named if "case" in one})

    def of(self, entry: Entry) -> Text | None:
        """What it says; None where it says no more than its kind, or in a form that is not known."""
        found = _read(entry)
        if found is None:
            return None
        words, number, slots = found
        told = {name: self._slots.get(name, _itself)(value) for name, value in slots.items()}
        zh = words.zh.format(**{name: text.zh for name, text in told.items()})
        en = words.en.format(**{name: text.en for name, text in told.items()})
        return (
            Text(f"{zh}（一小时内第 {number} 次）", f"{en} (no. {number} within the hour)")
            if number
            else Text(zh, en)
        )

    def _role(self, code: str) -> Text:
        found = self._engine.library.roles.values.get(code)
        return found.title if found else _itself(code)

    def _event(self, code: str) -> Text:
        """What the definitions call it: mostly all of them the same."""
        library = self._engine.library
        known = [definition.events.get(code) for definition in library.definitions.values()]
        titles = list(dict.fromkeys(event.title for event in known if event is not None))
        zh, en = "／".join(one.zh for one in titles), " / ".join(one.en for one in titles)
        return Text(zh, en) if titles else _itself(code)

    def _token(self, id: str) -> Text:
        return _itself(self._tokens.get(id, id))

    def _case(self, id: str) -> Text:
        """What it is, and its number: of what stands in it whoever looks after the service reads nothing here."""
        kind, number = self._cases.get(id, ("", None))
        known = self._engine.library.definitions.get(kind)
        title = known.title if known else Text("", "")
        return Text(f"{title.zh} {number or id}".strip(), f"{title.en} {number or id}".strip())

    def _of_tokens(self, ids: set[str]) -> dict[str, str]:
        shelf = Shelf(self._engine)
        t = shelf.tables.token.c
        if not ids:
            return {}
        with shelf.connection() as connection:
            found = connection.execute(select(t.id, t.name).where(t.id.in_(sorted(ids)))).all()
        return {row.id: row.name for row in found}

    def _of_cases(self, ids: set[str]) -> dict[str, tuple[str, str | None]]:
        c = self._engine.store.tables.cases.c
        if not ids:
            return {}
        with Shelf(self._engine).connection() as connection:
            found = connection.execute(select(c.id, c.kind, c.number).where(c.id.in_(sorted(ids)))).all()
        return {row.id: (row.kind, row.number) for row in found}


def _read(entry: Entry) -> tuple[Text, str, dict[str, str]] | None:
    """The words of its form, how often it was within the hour, and what stands in its places."""
    found = WITHIN.fullmatch(entry.detail)
    detail, number = found.groups() if found else (entry.detail, "")
    for form, words in FORMS.get(entry.kind if entry.good or entry.kind != "sign_in" else FAILED, ()):
        if matched := _pattern(form).fullmatch(detail):
            return words, number, matched.groupdict()
    return None


@cache
def _pattern(form: str) -> re.Pattern[str]:
    parts = re.split(r"\{(\w+)\}", form)
    fixed, places = parts[::2], [f"(?P<{name}>.+?)" for name in parts[1::2]]
    return re.compile(
        "".join(re.escape(text) + place for text, place in zip(fixed, [*places, ""], strict=True))
    )


def _itself(code: str) -> Text:
    return Text(code, code)


def _listed(known: Mapping[str, Text]) -> Callable[[str], Text]:
    return lambda code: known.get(code, _itself(code))


def _scopes(written: str) -> Text:
    found = [SCOPES.get(one, _itself(one)) for one in written.split()]
    return Text("、".join(one.zh for one in found), ", ".join(one.en for one in found))


def _until(written: str) -> Text:
    try:
        return _itself(f"{datetime.fromisoformat(written).astimezone(ZONE):%Y-%m-%d %H:%M}")
    except ValueError:
        return _itself(written)
