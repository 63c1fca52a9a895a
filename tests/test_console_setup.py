"""A new city: the first administrator is led through what there has to be, and may put off each of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from threading import Barrier, BrokenBarrierError
from typing import Any

import pytest

from api import First, Sessions, create_app, create_schema
from api.accounts import Accounts, Operators
from api.setup import Setup
from workflow import Actor, Engine, load_definitions
from workflow.cli import main
from workflow.errors import Conflict, FormInvalid
from workflow.model import Grant, Party
from workflow.outbox import Receipt, Trial
from workflow.testing import FrozenClock

from .console import Desk, Form, Reader, said
from .lifecycle import FOLDER, PLACE, TODAY, Office

STEPS = ("congress", "units", "calendar", "channels", "stations", "rules", "doctor")


def _sent(address: str) -> Receipt:
    return Receipt(state="sent", answer=f"250 {address}")


def _lost(_address: str) -> Receipt:
    return Receipt(state="failed", answer="45009 too often")


TRIALS = (
    Trial(name="post", kind="smtp", addressed=True, per_minute=30, open=lambda: True, send=_sent),
    Trial(name="group", kind="wecom", addressed=False, per_minute=None, open=lambda: False, send=_lost),
)


@pytest.fixture
def city(database_url: str, tmp_path: Path) -> Iterator[tuple[Engine, Reader]]:
    """Nothing but the tables; the first administrator is somebody who has read the token."""
    engine = Engine(database_url, load_definitions(FOLDER, place=PLACE), clock=FrozenClock(TODAY))
    engine.create_schema()
    create_schema(engine)
    first = First(engine)
    token = first.token()
    sessions = Sessions(engine, first=first)

    app = create_app(engine, sessions, sessions=sessions, operators=Operators(engine), trials=TRIALS)
    app.extensions["sessions"] = sessions
    reader = Reader(app, None)
    made = reader.fill(
        "/first", token=token, person="admin", new="a long enough word", again="a long enough word"
    )
    assert reader.goes(made) == "/setup"
    yield engine, reader
    engine.database.dispose()


def standing(engine: Engine) -> dict[str, str]:
    return {step.name: step.standing for step in Setup(engine).steps()}


def test_each_channel_says_what_it_can_and_is_tried(city: tuple[Engine, Reader]) -> None:
    _, reader = city
    page = said(reader.page)
    assert "post 邮件 发给本人 · 每分钟最多 30 条 · 现在可以发" in page
    assert "group 企业微信群机器人 发到群里或另一个系统，不能发给个人 · 现在是不打扰的时段" in page
    act(reader, step="channels", act="try", channel="post", address="li@example.org")
    assert "已发出，对方答复：250 li@example.org" in said(reader.page)
    assert re.search(r'role="status" tabindex="-1" autofocus>\s*已发出', reader.page), (
        "the page opens where it stands"
    )
    act(reader, step="channels", act="try", channel="group")
    assert "没有发出：45009 too often" in said(reader.page)
    assert act(reader, step="channels", act="try", channel="none").status_code == 404


def test_a_city_is_set_up_step_by_step(city: tuple[Engine, Reader]) -> None:
    engine, reader = city
    assert tuple(standing(engine)) == STEPS
    assert "共 7 步" in said(reader.page) and "待办" in said(reader.page)
    form = {
        "step": "congress",
        "act": "begin",
        "name": "咸宁市人民代表大会",
        "tenant": "cn/hubei/xianning",
        "level": "city",
    }
    assert act(reader, **form, clerk="admin").status_code == 422
    assert "管理员不办理案件" in said(reader.page)
    assert act(reader, **{**form, "tenant": "咸宁 市"}, clerk="li").status_code == 422
    assert Accounts(engine).get("li") is None
    assert act(reader, **form, clerk="li").status_code == 200
    password = reader.page.partition("<code>")[2].partition("</code>")[0]
    assert Accounts(engine).sign_in("li", password).must_change
    assert engine.parties.get("cn-hubei-xianning").tenant == "cn/hubei/xianning"
    with engine.store.connection() as connection:
        (grant,) = engine.store.grants(connection, "li")
    assert (grant.role, grant.scope) == ("deputy_affairs", "cn/hubei/xianning")
    reader.get("/setup")
    assert password not in reader.page, "it is shown once"
    assert standing(engine)["congress"] == "done"
    for tenant in (form["tenant"], "cn/hubei", "cn/hubei/xianning/x"):
        assert act(reader, **{**form, "tenant": tenant}, clerk="puppet").status_code == 422, "it has begun"
    assert Accounts(engine).get("puppet") is None
    with engine.store.connection() as connection:
        assert engine.store.grants(connection, "puppet") == ()
    unit = Party(id="water", kind="unit", name="市水利局", tenant="cn/hubei/xianning")
    engine.parties.add(unit, by=Actor(person="li"))
    assert standing(engine)["units"] == "done"


def test_the_page_names_the_next_step_and_keeps_the_level_that_was_chosen(
    city: tuple[Engine, Reader],
) -> None:
    engine, reader = city
    reader.get("/setup")
    assert "共 7 步，已办 1 步。下一步：人民代表大会。" in said(reader.page)
    assert '<li id="congress" aria-current="step">' in reader.page
    levels = engine.library.codes["congress_level"].values
    assert re.findall(r'<option value="(\w+)">', reader.page) == [*levels]
    act(reader, step="congress", act="begin", name="某市", tenant="某 市", level="county", clerk="li")
    assert re.findall(r'<option value="(\w+)" selected>', reader.page) == ["county"]
    act(reader, step="congress", act="later")
    reader.get("/setup")
    assert (
        reader.page.count('aria-current="step"') == 1 and '<li id="units" aria-current="step">' in reader.page
    )


def test_the_rules_are_counted_and_compared_with_what_the_command_needs(city: tuple[Engine, Reader]) -> None:
    engine, reader = city
    reader.get("/setup")
    assert f"{PLACE}：规则 {len(engine.laws.book.rules)} 条" in said(reader.page)
    commands = re.findall(r"<code>tibandu (rules [^<]+)</code>", reader.page)
    assert commands == [f"rules show {PLACE}", f"rules diff 另一地方 {PLACE}"]
    for command in commands:
        assert main([*command.replace("diff 另一地方", "diff typical").split()]) == 0


def test_the_page_says_how_each_gets_an_account_and_a_role_a_command_a_line(
    city: tuple[Engine, Reader],
) -> None:
    """What a newcomer cannot guess: that the account is the id in the register, and which roles do not come from it."""
    _, reader = city
    reader.get("/setup")
    assert "账号就是登记表里的“编号”" in said(reader.page)
    lines = re.findall(r"<p>(<code>.*?)</p>", reader.page)
    assert (
        "<code>tibandu accounts add 账号</code><br><code>tibandu access grant 账号 角色 人大代号 --by admin</code>"
        in lines
    )
    commands = re.findall(r"<code>(tibandu .*?)</code>", reader.page)
    assert [one for one in commands if re.search(r"\b[A-Z]{3,}\b", one)] == [], (
        "on a Chinese page what to fill in is Chinese"
    )
    assert "<dt><code>sc_office</code></dt><dd>常委会办公室</dd>" in reader.page
    reader.client.set_cookie("language", "en")
    reader.get("/setup")
    assert "tibandu access grant ACCOUNT ROLE CONGRESS --by admin" in reader.page
    assert not re.search(r"</code>\s*<code>", reader.page)


def test_all_of_it_or_nothing(city: tuple[Engine, Reader], monkeypatch: pytest.MonkeyPatch) -> None:
    """Were the congress there and its clerk without a role, the step would be done for ever, and nobody in office."""
    engine, _ = city
    asked = {
        "tenant": "cn/hubei/xianning",
        "name": "咸宁市人民代表大会",
        "level": "city",
        "clerk": "li",
        "by": "admin",
    }
    with monkeypatch.context() as broken:
        broken.setattr(Engine, "sync_grants", fail)
        with pytest.raises(OSError, match="gone"):
            Setup(engine).begin(**asked)
    assert (standing(engine)["congress"], Accounts(engine).get("li")) == ("open", None)
    assert Setup(engine).begin(**asked)
    with pytest.raises(Conflict):
        Setup(engine).begin(**asked)


def test_of_two_at_once_one_begins(city: tuple[Engine, Reader], monkeypatch: pytest.MonkeyPatch) -> None:
    """Each would find no congress, and begin one, if the second did not wait until the first is done."""
    engine, _ = city
    both, find = Barrier(2), engine.parties.find

    def found(**asked: Any) -> list[Party]:
        none = find(**asked)
        with suppress(BrokenBarrierError):
            both.wait(0.3)  # until the other has looked too, if it can
        return none

    def begun(name: str) -> bool:
        try:
            Setup(engine).begin(tenant=f"cn/hubei/{name}", name=name, level="city", clerk=name, by="admin")
        except Conflict:
            return False
        return True

    with monkeypatch.context() as patched, ThreadPoolExecutor(2) as pool:
        patched.setattr(engine.parties, "find", found)
        assert sorted(pool.map(begun, ("one", "two"))) == [False, True]
    assert len(engine.parties.find(kind="congress")) == 1


def test_who_got_the_office_meanwhile_keeps_it(
    city: tuple[Engine, Reader], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the first look and the lock somebody else is made a clerk: nothing begins, and nothing of it is left."""
    engine, _ = city
    asked = {"tenant": "cn/hubei/xianning", "name": "咸宁", "level": "city", "clerk": "li", "by": "admin"}
    drawn = Accounts.drawn

    def meanwhile(self: Accounts, *args: Any, **told: Any) -> Any:
        setup = engine.library.console.setup
        assert setup is not None
        engine.sync_grants("wu", [Grant(id="", person="wu", role=setup.office, scope="cn")], by="host")
        return drawn(self, *args, **told)

    monkeypatch.setattr(Accounts, "drawn", meanwhile)
    with pytest.raises(Conflict):
        Setup(engine).begin(**asked)
    assert (standing(engine)["congress"], Accounts(engine).get("li")) == ("open", None)


def test_another_administrator_is_no_clerk(city: tuple[Engine, Reader]) -> None:
    engine, _ = city
    Accounts(engine).add("other", by="admin", operator=True)
    with pytest.raises(FormInvalid):
        Setup(engine).begin(tenant="cn/hubei/xianning", name="咸宁", level="city", clerk="other", by="admin")


def fail(*_: object, **__: object) -> None:
    raise OSError("gone")


def test_each_step_can_wait_and_some_are_a_persons_to_call_done(city: tuple[Engine, Reader]) -> None:
    engine, reader = city
    for step in STEPS:
        act(reader, step=step, act="later")
    assert set(standing(engine).values()) <= {"later", "done"}
    reader.get("/setup")
    assert "可以开始使用" in said(reader.page)
    act(reader, step="rules", act="done")
    act(reader, step="units", act="done")  # what the store can be asked is not called done by anybody
    assert (standing(engine)["rules"], standing(engine)["units"]) == ("done", "later")
    act(reader, step="rules", act="open")
    assert standing(engine)["rules"] == "open"
    assert act(reader, step="nothing", act="later").status_code == 404
    reader.client.set_cookie("language", "en")
    reader.get("/setup")
    assert "The rules of the place" in said(reader.page) and "7 steps" in said(reader.page)


def act(reader: Reader, **given: str) -> object:
    reader.get("/setup")
    token = Form(reader.page).values["csrf_token"]
    return reader.post("/setup", {**given, "csrf_token": token})


def test_a_host_that_embeds_is_not_bothered(office: Office, tmp_path: Path) -> None:
    reader = Desk(office, tmp_path)("he")
    reader.get("/operation")
    assert "/setup" not in reader.page
    assert reader.get("/setup").status_code == 404
    with pytest.raises(FormInvalid):
        Setup(office.engine).begin(tenant="a", name="b", level="city", clerk="he", by="he")
