"""What an operator reaches by hand and what stands in the security log of it: lent roles, others' calendars, a case by its number."""

from __future__ import annotations

import io
import json
import re
from datetime import timedelta

import pytest

from api.security_log import SecurityLog
from workflow import Engine, access, cli
from workflow.clock import civil_date

from .console import Desk, Reader, desk, said
from .lifecycle import PLACE

__all__ = ["desk"]


def csrf(reader: Reader) -> str:
    reader.get("/")
    return reader.page.split('name="csrf_token" value="')[1].split('"')[0]


def call(engine: Engine, *words: str) -> tuple[int, str]:
    out, url = io.StringIO(), engine.database.url.render_as_string(hide_password=False)
    code = cli.main(["--database", url, "--place", PLACE, "--lang", "zh", *words], out, out)
    return code, out.getvalue()


def details(engine: Engine, kind: str) -> list[tuple[str | None, str | None, str]]:
    """(whose, by whom, what), the oldest first."""
    return [(one.person, one.by, one.detail) for one in reversed(SecurityLog(engine).entries(kind=kind))]


def test_what_is_lent_and_given_back_stands_in_the_log(desk: Desk) -> None:
    engine, wang = desk.office.engine, desk("wang")
    mine = next(one.grant for one in access.held(engine, person="wang"))
    engine.grant("zou", mine.role, mine.scope, unit=mine.unit)
    first = civil_date(desk.office.clock.now())
    wang.goes(wang.fill("/lending", to="zou", until=str(first + timedelta(days=9))))
    place = f"{mine.scope} {mine.unit}"
    assert details(engine, "grant")[-1] == (
        "zou", "wang", f"lent {mine.role} of wang in {place}, {first} to {first + timedelta(days=9)}",
    )  # fmt: skip
    (lent,) = access.lent(engine, "wang")
    for _ in range(2):
        wang.goes(wang.post(f"/lending/{lent.id}/end", {"csrf_token": csrf(wang)}))
    assert details(engine, "grant")[-1] == ("zou", "wang", f"gave back {mine.role} of wang in {place}")
    assert len(details(engine, "grant")) == 2, "to end it twice changes nothing"
    code, _ = call(engine, "access", "lend", "wang", "zou", "--until", "2030-01-01", "--by", "he")
    assert (code, details(engine, "grant")[-1][:2]) == (0, ("zou", "he"))
    keeper = desk("he")
    keeper.get("/security?kind=grant")
    title = engine.library.roles.values[mine.role].title.zh
    assert f"受 wang 委托：{title}（{place}），{first} 至 " in said(keeper.page)
    assert f"wang 的委托结束：{title}（{place}）" in said(keeper.page)


def test_an_operator_takes_anothers_calendar_back(desk: Desk) -> None:
    engine, wang, keeper = desk.office.engine, desk("wang"), desk("he")
    for _ in range(2):
        assert wang.fill("/sheets").status_code == 200
    (address,) = re.findall(r"/v1/ical/[0-9a-f]{64}", wang.page)
    assert keeper.client.get(address).status_code == 200
    keeper.get("/security?person=wang")
    ends = re.findall(r'action="(/security/feeds/[^"]+/end)"', keeper.page)
    assert len(ends) == 2 and address.rpartition("/")[2] not in keeper.page
    assert wang.post(ends[0], {"csrf_token": csrf(wang)}).status_code == 403
    token = csrf(keeper)
    for end in (ends[0], ends[0]):
        keeper.goes(keeper.post(end, {"csrf_token": token}))
        assert "已收回日历" in said(keeper.page)
    id_ = ends[1].split("/")[3]
    assert call(engine, "access", "revoke-feed", id_)[0] == 0
    assert keeper.client.get(address).status_code == 404, "neither address opens anything"
    assert call(engine, "access", "revoke-feed", "none")[0] == 1
    assert keeper.post("/security/feeds/none/end", {"csrf_token": token}).status_code == 404
    gone = [one for one in details(engine, "feed") if one[2].startswith("revoked ")]
    assert [one[:2] for one in gone] == [("wang", "he"), ("wang", "command-line")]
    keeper.get("/security?person=wang")
    assert "他的日历地址" not in said(keeper.page)


def test_an_emergency_takes_a_cases_number_and_stands_under_other(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, case = desk.office.engine, desk.office.handling()
    monkeypatch.setattr("workflow.engine.SystemClock", lambda: desk.office.clock)
    assert case.number
    glass = ["--person", "he", "--hours", "2", "--reason", "值班无人"]
    assert call(engine, "access", "break-glass", case.number, "sc_office", *glass)[0] == 0
    (line,) = [entry for entry in engine.history(case.id) if entry.event == "break_glass"]
    assert line.data["@reason"] == "值班无人" and case.id in details(engine, "break_glass")[-1][2]
    code, told = call(engine, "access", "break-glass", "没有这个号", "sc_office", *glass)
    assert code == 1 and "没有" in told
    reader = desk("li")
    for only, there in (("other", True), ("due", False), ("flow", False)):
        reader.get(f"/cases/{case.id}?only={only}")
        assert ("理由 值班无人" in said(reader.page)) == there, only


def test_of_several_with_one_number_it_says_which(desk: Desk) -> None:
    engine = desk.office.engine
    one, two = desk.office.handling(), desk.office.handling()
    with engine.database.begin() as connection:
        cases = engine.store.tables.cases
        connection.execute(cases.update().where(cases.c.id == two.id).values(number=one.number))
    glass = ["--person", "he", "--hours", "2", "--reason", "值班无人"]
    code, told = call(engine, "access", "break-glass", str(one.number), "sc_office", *glass)
    assert code == 2 and one.id in told and two.id in told
    assert json.loads(call(engine, "--json", "access", "log", "--kind", "break_glass")[1]) == []
