"""The page of service tokens and its commands: made, told once, listed in words, taken back; nothing of a token stays anywhere."""

from __future__ import annotations

import logging
import re
import shutil
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from api import StoredTokens, create_app
from api.security_log import SecurityLog
from api.tokens import Tokens, read
from workflow import Engine, cli
from workflow.clock import SystemClock
from workflow.overview import today

from .console import Desk, Form, Reader, desk, said
from .lifecycle import TENANT, statements

__all__ = ["desk"]

TOKEN = re.compile("tbd_[0-9a-f]{64}")
PAGE = "/service-tokens"
OA: dict[str, Any] = {"account": "svc.oa", "name": "办公系统", "scopes": ["cases:read", "events:subscribe"]}


def issued(engine: Engine, **more: Any) -> tuple[dict[str, Any], str]:
    given = {**OA, "expires_on": str(today(engine)), **more}
    return Tokens(engine).issue(read(given), by="he")


def opens(engine: Engine, token: str) -> bool:
    service = create_app(engine, StoredTokens(engine)).test_client()
    return service.get("/v1/cases", headers={"Authorization": f"Bearer {token}"}).status_code == 200


def csrf(reader: Reader) -> str:
    reader.get("/")
    return reader.page.split('name="csrf_token" value="')[1].split('"')[0]


def test_it_is_made_told_once_and_opens_the_service(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    reader, engine = desk("he"), desk.office.engine
    assert reader.get(PAGE).status_code == 200 and "还没有令牌" in said(reader.page)
    answer = reader.fill(PAGE, **OA)
    (token,) = TOKEN.findall(reader.page)
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")
    told = said(reader.page)
    assert (
        "这个账号还没有角色，什么也读不到" in told
        and "tibandu access grant svc.oa 角色 范围代号 --by he" in told
    )
    engine.grant("svc.oa", "deputy_affairs", TENANT)
    assert opens(engine, token)
    for page in (PAGE, "/security"):
        reader.get(page)
        assert TOKEN.search(reader.page) is None
        assert "办公系统" in said(reader.page)
    assert "签发“办公系统”：读案件、订阅事件" in said(reader.page)
    assert token not in caplog.text
    reader.get(PAGE)
    title = engine.library.roles.values["deputy_affairs"].title.zh
    assert f"读案件、订阅事件 {title}（{TENANT}）" in re.sub(r"\s*([、（）])\s*", r"\1", said(reader.page))
    assert "2026-03-02 有效 吊销 办公系统" in said(reader.page)


def test_what_it_is_made_with_stands_in_both_languages(desk: Desk) -> None:
    reader = desk("he")
    reader.fill(PAGE, **{**OA, "scopes": ["act_as", "cases:write"], "unit": "water"})
    reader.get(PAGE)
    assert "以人员身份办理、办案件" in re.sub(r"\s*、\s*", "、", said(reader.page)) and "看所替的人" in said(
        reader.page
    )
    reader.client.set_cookie("language", "en")
    reader.get(PAGE)
    told = said(reader.page)
    assert "act for persons" in told and "those of whom it acts for" in told and "never good Revoke" in told
    assert not re.search("[一-鿿]", re.sub("办公系统|[一-鿿]+局", "", told)), told


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"account": "li"}, "服务账号："),
        ({"account": ""}, "服务账号："),
        ({"name": ""}, "名称："),
        ({"name": "办公\u202e系统"}, "名称："),
        ({"scopes": []}, "可以做什么："),
        ({"scopes": ["operate"]}, "可以做什么："),
        ({"scopes": ["act_as"]}, "可以做什么：“以人员身份办理”（act_as）须指明可替谁"),
        ({"expires_on": "2020-01-01"}, "有效至：须为 "),
        ({"expires_on": "2027-12-31"}, "有效至：须为 "),
        ({"expires_on": "9999-12-31"}, "有效至：须为日期"),
        ({"expires_on": "明年"}, "有效至："),
        ({"unit": "没有这个局"}, "单位：登记中没有这个单位"),
        ({"body": "nobody", "tenant": TENANT}, "机构：须为其中之一"),
    ],
)
def test_what_is_wrong_is_said_beside_its_field_and_what_was_typed_stays(
    desk: Desk, given: dict[str, Any], words: str
) -> None:
    reader = desk("he")
    reader.get(PAGE)
    typed = {name: values[0] for name, values in Form(reader.page).values.items()}
    answer = reader.post(PAGE, {**typed, **OA, **given})
    assert answer.status_code == 422
    assert f"没有提交成功 {words}" in re.sub(r"：\s+", "：", said(reader.page)), said(reader.page)
    (field,) = re.findall(r'<a href="#f-(\w+)"', reader.page)
    assert f'id="f-{field}"' in reader.page
    assert Form(reader.page).values["account"] == [str(given.get("account", "svc.oa"))]
    assert Tokens(desk.office.engine).listed() == [] and TOKEN.search(reader.page) is None


def test_a_page_that_is_sent_twice_makes_one(desk: Desk) -> None:
    reader = desk("he")
    assert reader.fill(PAGE, **OA).status_code == 200
    assert reader.fill(PAGE, **OA).status_code == 422
    assert "已有同名的有效令牌" in said(reader.page)
    (one,) = Tokens(desk.office.engine).listed()
    Tokens(desk.office.engine).revoke(one["id"], by="he")
    assert reader.fill(PAGE, **OA).status_code == 200, "one that is revoked is in nobody's way"


def test_it_is_taken_back_once_and_the_log_says_by_whom(desk: Desk) -> None:
    reader, engine = desk("he"), desk.office.engine
    row, token = issued(engine)
    assert opens(engine, token)
    reader.get(PAGE)
    (address,) = re.findall(rf'action="({PAGE}/[^"]+/revoke)"', reader.page)
    data = {"csrf_token": csrf(reader)}
    for _ in range(2):
        reader.goes(reader.post(address, data))
        assert "已吊销“办公系统”" in said(reader.page)
    assert f'action="{address}"' not in reader.page
    assert [(e.person, e.by) for e in SecurityLog(engine).entries(kind="token")] == [("svc.oa", "he")] * 2
    assert not opens(engine, token)
    assert reader.post(f"{PAGE}/none/revoke", data).status_code == 404
    assert row["id"] in address


def test_it_is_nobodys_but_the_operators(desk: Desk) -> None:
    row, _ = issued(desk.office.engine)
    reader = desk("li")
    data = {"csrf_token": csrf(reader), **OA}
    assert reader.get(PAGE).status_code == 403
    assert reader.post(PAGE, data).status_code == 403
    assert reader.post(f"{PAGE}/{row['id']}/revoke", data).status_code == 403
    (one,) = Tokens(desk.office.engine).listed()
    assert one["revoked_at"] is None


def test_the_page_is_bounded_and_asks_no_more_the_longer_it_is(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, reader, asked = desk.office.engine, desk("he"), list[int]()
    for many in (3, 70):
        for number in range(many):
            row, _ = issued(engine, account=f"svc.{number}", name=f"系统 {many} {number}")
            engine.grant(f"svc.{number}", "deputy_affairs", TENANT, valid_until=date(2030 + many, 1, 1))
            if number:
                Tokens(engine).revoke(row["id"], by="he")
        reader.get(PAGE)
        with statements(engine.database, monkeypatch) as seen:
            reader.get(PAGE)
        asked.append(len(seen))
    assert asked[0] == asked[1]
    assert len(reader.page.encode()) < 100_000 and reader.page.count("<tr>") == 31
    states = re.findall("<td>(有效|已吊销)", reader.page)
    assert states == ["有效"] * 2 + ["已吊销"] * 28, "the good ones stand first"
    names = set[str]()
    for number in (1, 2, 3):
        reader.get(f"{PAGE}?page={number}")
        names |= set(re.findall("系统 (?:3|70) [0-9]+", said(reader.page)))
    assert len(names) == 73 and 'rel="next"' not in reader.page
    for odd in ("0", "x", "-1", "9" * 30, "999999"):
        assert reader.get(f"{PAGE}?page={odd}").status_code == 200


def test_the_commands(
    ready_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    shutil.copy(ready_file, tmp_path / "t.db")
    where = ["--database", f"sqlite:///{tmp_path / 't.db'}"]
    last = SystemClock().now().date().replace(month=12, day=31)

    def ran(*words: str, code: int = 0) -> str:
        assert cli.main([*words, *where]) == code, capsys.readouterr()
        out = capsys.readouterr()
        return out.out + out.err

    add = ["tokens", "add", "svc.oa", "--name", "办公系统", "--scope", "cases:read", "--until", str(last)]
    (token,) = set(TOKEN.findall(ran(*add)))
    listed = ran("tokens", "list")
    assert token not in listed and "办公系统" in listed and "有效" in listed
    assert "--name" in ran(*add, code=2) and len(ran("tokens", "list").splitlines()) == len(
        listed.splitlines()
    )
    for wrong, word in (
        (["li", "--scope", "cases:read", "--until", str(last)], "ACCOUNT"),
        (["svc.x", "--scope", "operate", "--until", str(last)], "--scope"),
        (["svc.x", "--scope", "act_as", "--until", str(last)], "--scope"),
        (["svc.x", "--scope", "cases:read", "--until", "2020-01-01"], "--until"),
        (["svc.x", "--scope", "cases:read", "--until", str(last), "--unit", "none"], "--unit"),
        (["svc.x", "--scope", "cases:read", "--until", str(last), "--token-days", "1"], "--until"),
    ):
        assert word in ran("tokens", "add", *wrong, "--name", "x", code=2), wrong
    (id_,) = set(re.findall(r"^\W*([0-9a-z]{10,}) ", listed, re.MULTILINE))
    assert "吊销" in ran("tokens", "revoke", id_) and "已吊销" in ran("tokens", "list")
    assert ran("tokens", "revoke", "none", code=1)
    log = ran("access", "log", "--kind", "token")
    assert "签发“办公系统”：读案件" in log and "吊销“办公系统”" in log and token not in log
