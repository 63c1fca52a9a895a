"""Pictures of the console for docs/screens: every screen, as the person of its role sees it on the demonstration.

python -m tests.screenshots [NAME…]      takes them anew (all, or those whose names begin so), small, under the names below
"""

from __future__ import annotations

import io
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from PIL import Image

from api.security_log import SecurityLog
from api.tokens import Tokens, read
from workflow.clock import civil_date
from workflow.health import Health

from .browser import CHROMIUM, FIRST, FLAGS, MISSING, Browsing, served
from .demonstration import make
from .lifecycle import PLACE, shipped
from .people import Somebody

HERE = Path(__file__).parent.parent / "docs" / "screens"
WIDTH, HIGHEST = 960, 1240
"""pixels; what is further down is cut off"""
COLOURS = 48
HEAVIEST, ALTOGETHER = 60_000, 4_000_000
OFFICE, SC, CLERK, HEAD, SECOND = "office.affairs", "office.sc", "unit01.clerk", "unit01.head", "unit02.clerk"
COUNCIL, GOV, PROSECUTOR, DEPUTY, KEEPER, OPERATOR = (
    "office.council", "office.gov", "procuratorate.clerk", "city-deputy0001", "station001.keeper", "operator",
)  # fmt: skip
WHOSE = {
    None: "谁都可以", OFFICE: "工作机构", SC: "常委会办公室", CLERK: "承办单位经办人", HEAD: "承办单位负责人", SECOND: "会办单位经办人",
    COUNCIL: "督办领导", GOV: "政府办公室", PROSECUTOR: "检察院", DEPUTY: "代表", KEEPER: "联络站", OPERATOR: "系统管理员",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Shot:
    """A picture: its name, who looks, which screen it is of, and how one gets there from the first page."""

    name: str
    person: str | None
    screen: str
    way: Sequence[str] = ()
    """words: `@menu`, `?search`, `/address`, `+box to tick`, `!button`; everything else is a link"""


def suggestion(subject: str) -> str:
    return f"关于{subject}的建议（演示）"


NEW, FRESH, MINE = suggestion("规范共享单车停放"), suggestion("增加公园座椅"), suggestion("更换老旧水管")
SHOTS = (
    Shot("sign-in", None, "sign_in", ["/sign-in"]),
    Shot("first", None, "first", ["/first"]),
    Shot("password", OFFICE, "password", ["/password"]),
    Shot("second-factor", OPERATOR, "second", ["/second-factor"]),
    Shot("office-today", OFFICE, "home"),
    Shot("office-waiting", OFFICE, "waiting", ["@待我办理"]),
    Shot("office-overdue", OFFICE, "overdue", ["@他人超期"]),
    Shot("office-intake", OFFICE, "list", ["@受理审核"]),
    Shot("office-new", OFFICE, "start", ["@受理审核", "新增"]),
    Shot("office-case", OFFICE, "case", ["@受理审核", NEW]),
    Shot("office-accept", OFFICE, "event", ["@受理审核", NEW, "受理（闭会期间）"]),
    Shot("office-assignment", OFFICE, "list", ["@交办台"]),
    Shot("office-assign", OFFICE, "event", ["@交办台", suggestion("整修人民广场"), "交办"]),
    Shot("office-many", OFFICE, "many", ["@交办台", f"+{suggestion('整修人民广场')}", "!交办"]),
    Shot("office-returns", OFFICE, "list", ["@退办申请"]),
    Shot("office-return", OFFICE, "event", ["@退办申请", suggestion("划定夜市范围"), "同意退办"]),
    Shot("office-extensions", OFFICE, "list", ["@延期申请"]),
    Shot("office-extension", OFFICE, "event", ["@延期申请", suggestion("建设城市绿道"), "同意延期"]),
    Shot("office-in-hand", OFFICE, "list", ["@在办建议"]),
    Shot("office-promises", OFFICE, "list", ["@承诺台账"]),
    Shot("office-transfer", OFFICE, "event", ["?加固堤防", suggestion("加固堤防"), "转送检察院"]),
    Shot("office-letters", OFFICE, "letters", ["?增加公园座椅", FRESH, "文书"]),
    Shot("office-history", OFFICE, "history", ["?更换老旧水管", MINE, "全部过程（可打印）"]),
    Shot("office-clock", OFFICE, "clock", ["?增加公园座椅", FRESH, "怎么算的"]),
    Shot("office-picture", OFFICE, "picture", ["?更换老旧水管", MINE, "流程图"]),
    Shot("office-search", OFFICE, "search", ["?水"]),
    Shot("office-figures", OFFICE, "statistics", ["@统计与年报"]),
    Shot("office-areas", OFFICE, "areas", ["/areas"]),
    Shot("office-found", OFFICE, "found", ["/found?kind=suggestion&closed=false&roots=true"]),
    Shot("office-imports", OFFICE, "imports", ["@导入"]),
    Shot("office-import", OFFICE, "import", ["@导入", "代表建议办理"]),
    Shot("office-sheets", OFFICE, "sheets", ["@台账与日历"]),
    Shot("office-register", OFFICE, "register", ["@登记册"]),
    Shot("office-stations", OFFICE, "stations", ["/stations"]),
    Shot("office-party", OFFICE, "party", ["/parties/unit01"]),
    Shot("office-lifecycles", OFFICE, "lifecycles", ["@流程定义"]),
    Shot("office-lifecycle", OFFICE, "lifecycle", ["@流程定义", "代表建议办理"]),
    Shot("office-wall", OFFICE, "wall", ["@大屏"]),
    Shot("office-presence", OFFICE, "presence", ["/sessions"]),
    Shot("office-messages", OFFICE, "messages", ["@消息"]),
    Shot("sc-surveys", SC, "list", ["@满意度征询"]),
    Shot("sc-links", SC, "invites", ["?改善供水水压", suggestion("改善供水水压"), "直接发给本人的链接"]),
    Shot(
        "sc-links-sent",
        SC,
        "invites_issue",
        ["?改善供水水压", suggestion("改善供水水压"), "直接发给本人的链接", "!发出链接"],
    ),
    Shot("sc-pack", SC, "pack", ["pack"]),
    Shot("sc-second", SC, "event", ["@二次交办", suggestion("修复水毁道路"), "二次交办"]),
    Shot("unit-today", CLERK, "home"),
    Shot("unit-inbox", CLERK, "list", ["@收件箱"]),
    Shot("unit-case", CLERK, "case", ["@收件箱", FRESH]),
    Shot("unit-signed", CLERK, "case", ["@收件箱", MINE]),
    Shot("unit-contact", CLERK, "event", ["@收件箱", MINE, "记录沟通"]),
    Shot("unit-promise", CLERK, "event", ["@收件箱", MINE, "登记承诺"]),
    Shot("unit-signoff", CLERK, "event", ["@收件箱", MINE, "答复送签"]),
    Shot("unit-extension", CLERK, "event", ["@收件箱", MINE, "申请延期"]),
    Shot("unit-lending", CLERK, "lending", ["@委托代办"]),
    Shot("unit-promises", CLERK, "list", ["@本单位承诺"]),
    Shot("unit-co", SECOND, "case", ["@会办件", FRESH]),
    Shot("unit-return", HEAD, "event", ["@收件箱", FRESH, "申请退办"]),
    Shot("unit-reply", HEAD, "event", ["@收件箱", suggestion("新建街头水站"), "签发答复"]),
    Shot("supervisor-today", COUNCIL, "home"),
    Shot("supervisor-items", COUNCIL, "list", ["@我的重点件"]),
    Shot("supervisor-case", COUNCIL, "case", ["@我的重点件", suggestion("保护饮用水水源")]),
    Shot("supervisor-visit", COUNCIL, "event", ["@我的重点件", suggestion("保护饮用水水源"), "现场察看"]),
    Shot(
        "supervisor-demand", COUNCIL, "event", ["@我的重点件", suggestion("保护饮用水水源"), "发督办通知单"]
    ),
    Shot("government-today", GOV, "home"),
    Shot("government-criticise", GOV, "event", ["@升级督促", suggestion("治理内涝点"), "通报批评"]),
    Shot("government-leader", GOV, "event", ["@督办件", suggestion("改造背街小巷"), "确定领衔领导"]),
    Shot("procuratorate-today", PROSECUTOR, "home"),
    Shot("procuratorate-in", PROSECUTOR, "list", ["@移送收件"]),
    Shot("procuratorate-case", PROSECUTOR, "case", ["@移送收件", suggestion("查处违法排污")]),
    Shot("procuratorate-register", PROSECUTOR, "event", ["@移送收件", suggestion("查处违法排污"), "登记"]),
    Shot("deputy-today", DEPUTY, "home"),
    Shot("deputy-draft", DEPUTY, "start", ["@我的草稿", "新增"]),
    Shot("deputy-mine", DEPUTY, "list", ["@我的建议"]),
    Shot("deputy-case", DEPUTY, "case", ["@我的建议", MINE]),
    Shot("deputy-evaluate", DEPUTY, "event", ["@待我评价", suggestion("改善供水水压"), "评价"]),
    Shot("deputy-link", None, "link", ["link"]),
    Shot("station-today", KEEPER, "home"),
    Shot("station-days", KEEPER, "list", ["@接待日"]),
    Shot("station-day", KEEPER, "case", ["@接待日", "2026-12-15"]),
    Shot("station-roster", KEEPER, "event", ["@接待日", "2026-12-15", "代表排班"]),
    Shot("station-opinion", KEEPER, "start", ["@社情民意", "新增"]),
    Shot("station-opinions", KEEPER, "list", ["@社情民意"]),
    Shot("station-answered", KEEPER, "case", ["@社情民意", "楼道堆物（演示）"]),
    Shot("station-station", KEEPER, "station", ["@联络站"]),
    Shot("operator-today", OPERATOR, "home"),
    Shot("operator-setup", OPERATOR, "setup", ["/setup"]),
    Shot("operator-calendar", OPERATOR, "calendar", ["@放假安排"]),
    Shot("operator-tokens", OPERATOR, "service_tokens", ["@服务令牌"]),
    Shot("operator-security", OPERATOR, "security", ["@安全日志"]),
    Shot("operator-health", OPERATOR, "operation", ["@系统体检"]),
)
"""in the order of the guide; the names are those of the files"""


def main(wanted: Sequence[str]) -> None:
    """Take the pictures that are wanted and write the list of all."""
    from playwright.sync_api import sync_playwright

    chosen = [shot for shot in SHOTS if not wanted or shot.name.startswith(tuple(wanted))]
    HERE.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        make(Path(folder) / "made.db", shipped(PLACE))
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=FLAGS, env={**os.environ, "LANGUAGE": "zh_CN"}
        )
        city = served(browser, Path(folder) / "made.db", Path(folder), shipped())
        try:
            for shot, picture in taken(city, chosen):
                (HERE / f"{shot.name}.webp").write_bytes(small(picture))
                print(f"{shot.name:24} {(HERE / f'{shot.name}.webp').stat().st_size:>6}", flush=True)
        finally:
            city.close()
            browser.close()
    (HERE / "README.md").write_text(listed(), encoding="utf-8")


def taken(city: Browsing, shots: Sequence[Shot]) -> Iterator[tuple[Shot, bytes]]:
    """Each with its picture, by one window for each person; nothing that is looked at is sent."""
    people: dict[str | None, Somebody] = {}
    matcher = city.app.url_map.bind("localhost")
    own = city.sessions.first
    of_the_day(city), something_happened(city)
    for shot in shots:
        city.sessions.first = FIRST if shot.screen == "first" else own
        if shot.person not in people:
            people[shot.person] = Somebody(city, shot.person, viewport={"width": WIDTH, "height": 700})
            if shot.person is not None:
                people[shot.person].comes()
        somebody = people[shot.person]
        try:
            gone(somebody, shot.way)
        except TimeoutError as error:
            raise SystemExit(
                f"{shot.name}: {error}\n{somebody.page.url} offers {somebody.offered()}"
            ) from None
        method = "POST" if shot.screen == "invites_issue" else "GET"
        found = matcher.match(urlsplit(somebody.page.url).path, method=method)[0]
        if found != f"console.{shot.screen}" and shot.screen != "password":
            raise SystemExit(f"{shot.name}: {found} is not {shot.screen}: {somebody.said()}")
        yield shot, photographed(somebody.page)


def of_the_day(city: Browsing) -> None:
    """The clock of the pictures stands still, the database's goes on: what that alone makes wrong is in no picture."""
    asked: Callable[[], Health] = city.engine.health

    def health() -> Health:
        nodes = tuple(replace(node, skew=0.0, age=20.0) for node in asked().nodes)
        return replace(asked(), skew=0.0, newest=None, nodes=nodes, last_tick_age=20.0)

    city.engine.health = health  # type: ignore[method-assign]


def something_happened(city: Browsing) -> None:
    """A security log of some days, with one line of most kinds."""
    log, cases = SecurityLog(city.engine), city.engine.search(kind="suggestion", closed=False)
    case = next(one for one in cases if one.number)
    day = city.clock.now()
    for hours, kind, person, good, by, detail in (
        (70, "account", SECOND, True, "command-line", "locked"),
        (
            69,
            "grant",
            OFFICE,
            True,
            OPERATOR,
            "granted sc_office in hubei/xianning, 2026-12-01 to 2026-12-31",
        ),
        (47, "sign_in", CLERK, False, None, "password"),
        (46, "sign_in", CLERK, True, None, "password"),
        (30, "factor", HEAD, True, OPERATOR, "reset"),
        (
            22,
            "break_glass",
            OPERATOR,
            True,
            None,
            f"deputy_affairs {case.id} until 2026-11-24T15:00+00:00, command line",
        ),
        (5, "denied", CLERK, False, None, "case: not_found"),
    ):
        city.clock.set(day - timedelta(hours=hours))
        log.note(kind, person, good=good, by=by, detail=detail)
    city.clock.set(day - timedelta(hours=3))
    tokens, until = Tokens(city.engine), str(civil_date(day) + timedelta(days=180))
    for account, name, scopes, unit in (
        ("svc.oa", "办公系统（演示）", ["cases:read", "cases:write", "act_as"], "unit01"),
        ("svc.archive", "档案系统（演示）", ["cases:read"], None),
    ):
        given = {"account": account, "name": name, "scopes": scopes, "unit": unit, "expires_on": until}
        tokens.issue(read(given), by=OPERATOR)
    city.engine.grant("svc.archive", "deputy_affairs", "hubei/xianning")
    city.clock.set(day)


def gone(somebody: Somebody, way: Sequence[str]) -> None:
    """The way, step by step, from the first page."""
    page = somebody.page
    if somebody.person is not None:
        page.goto("/")
    steps: dict[str, Callable[[str], object]] = {
        "@": somebody.menu, "?": somebody.finds, "!": somebody.presses, "/": lambda path: page.goto(f"/{path}"),
        "+": lambda words: page.get_by_role("checkbox", name=words).check(),
    }  # fmt: skip
    for step in way:
        if step in BESIDE:
            page.goto(beside(somebody.city, BESIDE[step]))
        elif step[0] in steps:
            steps[step[0]](step[1:])
        else:
            somebody.clicks(step)
    page.wait_for_load_state()


BESIDE = {"link": "console.link", "pack": "console.pack"}
"""what no page leads to: a link as a deputy gets it, documents that are being made"""


def beside(city: Browsing, wanted: str) -> str:
    """Where it is."""
    from .test_screens import beside as every

    return next(address for _, screen, address in every(city) if screen == wanted)


def photographed(page: Any) -> bytes:
    """From the top of the page down."""
    high = min(HIGHEST, page.evaluate("document.documentElement.scrollHeight"))
    page.set_viewport_size({"width": WIDTH, "height": max(high, 300)})
    picture: bytes = page.screenshot(animations="disabled", caret="hide")
    page.set_viewport_size({"width": WIDTH, "height": 700})
    return picture


def small(png: bytes) -> bytes:
    """The same picture in few colours, without loss."""
    out = io.BytesIO()
    few = Image.open(io.BytesIO(png)).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    few.convert("RGB").save(out, "WEBP", lossless=True, quality=100, method=6)
    return out.getvalue()


def listed() -> str:
    """docs/screens/README.md: every picture with whose it is."""
    lines = [
        "# 界面图 / Screens", "",
        "Every screen of the console on the demo data, all of it invented, taken by `make screenshots`; what is done there says",
        "the [guide](../guide/README.md).", "",
    ]  # fmt: skip
    for person, who in WHOSE.items():
        lines += [f"## {who}", ""]
        for shot in SHOTS:
            if shot.person == person:
                way = " › ".join(
                    step.lstrip("@?!+") for step in shot.way if step[0] != "/" and step not in BESIDE
                )
                lines += [
                    f"`{shot.screen}` {way or '首页'}".replace("首页", "今日")
                    if person or way
                    else f"`{shot.screen}`",
                    "",
                ]
                lines += [f"![{shot.name}]({shot.name}.webp)", ""]
    return "\n".join(lines).rstrip() + "\n"


if __name__ == "__main__":
    if CHROMIUM is None:
        sys.exit(MISSING)
    main(sys.argv[1:])
