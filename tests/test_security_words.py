"""The security log in words: every form in which the code writes something down has them, in both languages."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from api.accounts import ANYWHERE, GUESSES
from api.console import MENU, SCREENS
from api.dispatch import DENIED
from api.factors import GUESSES as CODES
from api.problems import TITLES
from api.security_log import KINDS, Entry, SecurityLog
from api.security_words import ASKED, BY, FORMS, LIMITS, Words
from api.security_words import SCOPES as TOLD
from api.sessions import WAYS
from api.table import ROUTES
from api.tokens import SCOPES
from workflow import Actor, access
from workflow.commands import accounts
from workflow.model import Party

from .console import Desk, desk, said
from .lifecycle import TENANT, statements

__all__ = ["desk"]

HERE = Path(__file__).parent.parent
TITLED = {screen.name: screen.menu for screen in MENU if screen.menu is not None}


def entry(kind: str, detail: str, *, good: bool = True) -> Entry:
    at = datetime(2026, 3, 2, tzinfo=UTC)
    return Entry(id=1, at=at, kind=kind, good=good, person=None, by=None, network=None, detail=detail)


def written() -> Iterator[tuple[str, str, bool, str]]:
    """Where, what kind, whether it was done, and the detail, with x for what stands in its places."""
    for folder in ("api", "workflow"):
        for path in sorted((HERE / folder).rglob("*.py")):
            tree = ast.parse(path.read_text("utf-8"))
            for scope in [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]:
                for kind, good, value in noted(scope):
                    for detail in texts(value, scope):
                        yield f"{path.relative_to(HERE)}:{value.lineno}", kind, good, detail


def noted(scope: ast.FunctionDef) -> Iterator[tuple[str, bool, ast.expr]]:
    for node in ast.walk(scope):
        if isinstance(node, ast.Tuple) and len(node.elts) == 3 and one_of(node.elts[0], KINDS):
            yield str(ast.literal_eval(node.elts[0])), True, node.elts[2]
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "_note" and one_of(node.args[1], KINDS):
            yield str(ast.literal_eval(node.args[1])), True, node.args[3]
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        named = {keyword.arg: keyword.value for keyword in node.keywords}
        if node.func.attr == "note" and node.args and one_of(node.args[0], KINDS) and "detail" in named:
            good = "good" not in named or bool(ast.literal_eval(named["good"]))
            yield str(ast.literal_eval(node.args[0])), good, named["detail"]
        if node.func.attr == "note" and "denials" in ast.unparse(node.func):
            yield "denied", False, node.args[1]
        if node.func.attr == "failed" and "log" in ast.unparse(node.func).lower():
            yield "sign_in", False, node.args[1]


def one_of(node: ast.expr, known: object) -> bool:
    return isinstance(node, ast.Constant) and node.value in known  # type: ignore[operator]


def texts(value: ast.expr, scope: ast.FunctionDef) -> Iterator[str]:
    if isinstance(value, ast.Constant):
        yield str(value.value)
    elif isinstance(value, ast.JoinedStr):
        yield "".join(str(part.value) if isinstance(part, ast.Constant) else "x" for part in value.values)
    elif isinstance(value, ast.IfExp):
        yield from texts(value.body, scope)
        yield from texts(value.orelse, scope)
    elif isinstance(value, ast.Name) and (given := assigned(value.id, scope)):
        for one in given:
            yield from texts(one, scope)
    else:
        yield "x"


def assigned(name: str, scope: ast.FunctionDef) -> list[ast.expr]:
    return [
        node.value for node in ast.walk(scope)
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name
    ]  # fmt: skip


PASSED = ("x", "x; x within the hour")
PASSED_ON = ("api/security_log.py", "api/accounts.py")
"""where a detail comes as an argument: whoever gives it is found too"""


def test_every_form_that_the_code_writes_has_words(desk: Desk) -> None:
    found = [
        one
        for one in written()
        if not (one[0].startswith(PASSED_ON) and one[3] in PASSED and one[1] != "locked_out")
    ]
    details = {(kind, good, detail) for _, kind, good, detail in found}
    assert {kind for kind, _, _ in details} == KINDS.keys() - {"sign_out"}, "that says nothing but its kind"
    assert ("account", True, "locked") in details and ("sign_in", False, "no such account") in details
    assert ("grant", True, "revoked x in x") in details and ("feed", True, "renewed x") in details
    assert ("token", True, "issued x: x") in details and ("denied", False, "x: x") in details
    entries = [(where, entry(kind, detail, good=good)) for where, kind, good, detail in found]
    words = Words(desk.office.engine, [one for _, one in entries], TITLED)
    assert [f"{where}: {one.kind} {one.detail!r}" for where, one in entries if words.of(one) is None] == []
    forms = {(kind, form) for kind, known in FORMS.items() for form, _ in known}
    assert len(forms) == sum(len(known) for known in FORMS.values())


def test_what_stands_in_the_places_has_words(desk: Desk) -> None:
    assert LIMITS.keys() == {GUESSES.what, ANYWHERE.what, CODES.what} and TOLD.keys() == {*SCOPES}
    assert BY.keys() == {accounts.BY}
    assert set(DENIED) <= TITLES.keys()
    unsaid = [screen.name for screen in SCREENS if screen.name not in ASKED and screen.name not in TITLED]
    assert unsaid == [] and ASKED.keys() <= {screen.name for screen in SCREENS}
    words = Words(desk.office.engine, [], TITLED)
    for name in [screen.name for screen in SCREENS] + [route.name for route in ROUTES]:
        told = words.of(entry("denied", f"{name}: not_permitted", good=False))
        assert (
            told is not None and told.zh.endswith("”：无权进行") and told.en.endswith(": Not for this person")
        )
        assert f"“{name}”" not in told.zh, name
    for way in WAYS.values():
        told = words.of(entry("sign_in", way.en))
        assert told is not None and (told.zh, told.en) == (f"凭{way.zh}", f"by {way.en}")


@pytest.mark.parametrize(("kind", "good", "detail", "zh", "en"), [
    ("sign_in", False, "password; 100 within the hour", "密码不对（一小时内第 100 次）", "a wrong password (no. 100 within the hour)"),
    ("account", True, "added, operator", "新开，管理员", "added, an operator"),
    ("sessions", True, "2 ended", "2 个", "2"),
    ("token", True, "issued none: cases:read act_as", "签发“none”：读案件、以人员身份办理", "issued “none”: read cases, act for persons"),
    ("denied", False, "case: not_found", "“打开案件”：不存在", "“open a case”: Not found"),
    ("denied", False, "token_revoke: not_permitted", "“吊销服务令牌”：无权进行", "“revoke a service token”: Not for this person"),
    ("grant", True, "granted none in a/b u, - to 2026-12-31", "授予none（a/b u），至 2026-12-31", "granted none (a/b u) until 2026-12-31"),
    ("sign_out", True, "", None, None),
    ("account", True, "of another version", None, None),
])  # fmt: skip
def test_it_is_told_in_both_languages(
    desk: Desk, kind: str, good: bool, detail: str, zh: str | None, en: str | None
) -> None:
    one = entry(kind, detail, good=good)
    told = Words(desk.office.engine, [one], TITLED).of(one)
    assert (told.zh, told.en) == (zh, en) if told else zh is en is None


def test_the_page_calls_people_cases_roles_and_events_by_their_names(desk: Desk) -> None:
    """And tells nothing that stands in a case."""
    office, engine = desk.office, desk.office.engine
    case, log = office.handling(), SecurityLog(engine)
    engine.parties.add(
        Party(id="keeper", kind="staff", name="何军", tenant=TENANT), by=Actor(person="li"), trusted=True
    )
    log.note("account", "keeper", by="he", detail="locked")
    log.note("account", "keeper", by=accounts.BY, detail="unlocked")
    log.note("break_glass", "he", detail=f"sc_office {case.id} until 2026-03-02T20:00+00:00")
    log.note("link", "dep1", detail=f"evaluate in {case.id} by link 0123456789ab")
    log.note("denied", None, good=False, detail="<script>: not_found")
    reader = desk("he")
    assert reader.get("/security").status_code == 200
    page = said(reader.page)
    assert "账号变更 成功 何军 keeper he 停用" in page
    assert "何军 keeper 命令行 恢复使用" in page
    number = case.number or case.id
    role = engine.library.roles.values["sc_office"].title.zh
    assert f"{number}：为{role}，至 2026-03-03 04:00" in page
    assert str(case.data["title"]) not in page and "（链接 0123456789ab）" in page
    assert f'title="sc_office {case.id} until' in reader.page, "the code stands where a pointer rests"
    assert "&lt;script&gt;" in reader.page and "<script>:" not in reader.page
    reader.client.set_cookie("language", "en")
    reader.get("/security")
    assert "locked" in said(reader.page) and "account changed" in said(reader.page)


def test_the_page_asks_no_more_the_longer_it_is(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    log, case, asked = SecurityLog(desk.office.engine), desk.office.handling(), list[int]()
    reader = desk("he")
    reader.get("/security")
    for number in (3, 40):
        for n in range(number):
            log.note("link", f"p{n}", by=f"q{n}", detail=f"evaluate in {case.id} by link {n}")
            log.note("token", f"svc.{n}", by=f"q{n}", detail=f"issued t{n}: cases:read")
        with statements(desk.office.engine.database, monkeypatch) as seen:
            assert reader.get("/security").status_code == 200
        asked.append(len(seen))
    assert asked[0] == asked[1]


def test_a_case_says_who_opened_it_in_an_emergency_in_which_role_until_when_and_why(desk: Desk) -> None:
    case = desk.office.handling()
    access.break_glass(desk.office.engine, case.id, "he", "sc_office", hours=2, reason="值班无人 <b>")
    reader = desk("li")
    for page in ("", "/history"):
        reader.get(f"/cases/{case.id}{page}")
        told = said(reader.page)
        assert "应急查阅 何军" in told or "应急查阅 he" in told
        assert "角色 常委会办公室 有效期至 2026-" in told and "理由 值班无人 &lt;b&gt;" in told
