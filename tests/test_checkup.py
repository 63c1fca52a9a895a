"""`tibandu doctor` and 系统体检 find the same: one place works it out."""

from __future__ import annotations

import html
import io
import json
import re
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert, inspect

from api.store import Shelf
from workflow import Engine, checkup, cli
from workflow.calendars import Calendar
from workflow.clock import civil_date
from workflow.library import Library
from workflow.outbox import Contact, Trial
from workflow.recalculation import behind, preview
from workflow.subscriptions import Subscriptions

from .console import Desk, desk
from .lifecycle import PLACE, statements
from .postbox import NEVER, Postbox, backend, reach

__all__ = ["desk"]

FILE = """link = "https://t.example/{case}"
[channel.mail]
kind = "smtp"
host = "m"
sender = "a@t.example"
"""


def on_page(desk: Desk) -> list[tuple[bool, str]]:
    """(urgent, words) as the page has them."""
    reader = desk("he")
    assert reader.get("/operation").status_code == 200
    listed = reader.page[reader.page.index('id="wrong"') :].partition("</ol>")[0]
    rows = [re.sub("<a .*?</a>", "", row) for row in re.findall("<li>(.*?)</li>", listed, re.DOTALL)]
    told = [
        (row.startswith("<b>"), html.unescape(re.sub("<b>.*?</b>|<[^>]+>", "", row)).strip()) for row in rows
    ]
    return sorted(told, key=lambda one: (not one[0], one[1]))


def by_doctor(engine: Engine, *more: str) -> list[tuple[bool, str]]:
    out = io.StringIO()
    url = engine.database.url.render_as_string(hide_password=False)
    cli.main(["--database", url, "--place", PLACE, "--json", "doctor", *more], out, io.StringIO())
    told = [(one["urgent"], one["zh"]) for one in json.loads(out.getvalue())["troubles"]]
    assert told == sorted(told, key=lambda one: not one[0]), "the urgent first"
    return sorted(told, key=lambda one: (not one[0], one[1]))


@pytest.mark.parametrize("channels", [False, True])
def test_both_find_the_same(
    desk: Desk, channels: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    office, engine = desk.office, desk.office.engine
    monkeypatch.setattr("workflow.engine.SystemClock", lambda: office.clock)
    monkeypatch.setattr(
        checkup, "published", lambda _: {d.hash for d in [*engine.library.definitions.values()][1:]}
    )
    health = engine.health()
    monkeypatch.setattr(Engine, "health", lambda _: health)
    shelf, day = Shelf(engine), civil_date(office.clock.now())
    token = {
        "id": "t", "hash": "t", "account": "svc.oa", "unit": None, "name": "督查室", "scopes": "cases:read", "created_by": "he",
        "created_at": "2026-01-01", "expires_on": (day - timedelta(days=3)).isoformat(),
    }  # fmt: skip
    with shelf.connection(write=True) as connection:
        connection.execute(insert(shelf.tables.token), token)
    Subscriptions(engine).add("svc.oa", "https://t.example/x", by="he")
    engine.sync_grants("gov", [], by="set-up")
    for name in ("sms", "mail"):
        engine.alerts.set_contacts("wang", [Contact(channel=name, address="w@t.example", digest=False)])
        office.assigned()
        engine.alerts.address()
    more: list[str] = []
    if channels:
        (tmp_path / "c.toml").write_text(FILE, "utf-8")
        more = ["--channels", str(tmp_path / "c.toml")]
        trial = Trial(
            name="mail", kind="smtp", addressed=True, per_minute=None, open=lambda: True, send=lambda _: NEVER
        )
        desk = Desk(office, tmp_path, people=(), trials=[trial])
    found = by_doctor(engine, *more)
    assert on_page(desk) == found
    said = " ".join(text for _, text in found)
    assert "尚未发布：" in said and "webhook 密钥未加密" in said and "令牌“督查室”" in said
    title = engine.library.roles.values["gov_office"].title.zh
    assert f"{title}（hb/xianning）无人可通知" in said
    assert ("渠道文件没有 [operator]" in said) == ("有消息等着渠道 sms" in said) == channels


def test_a_calendar_by_which_nothing_was_counted_is_seen_by_the_first_cases(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And that asks no more, however many cases there are."""
    engine, asked = desk.office.engine, list[int]()
    used: Calendar = engine.laws.calendar
    for _ in range(2):
        for _ in range(checkup.BEHIND + 5):
            desk.office.handling()
        with statements(engine.database, monkeypatch) as seen:
            assert not behind(engine, used, checkup.BEHIND)
        asked.append(len(seen))
    assert asked[0] == asked[1]
    assert preview(engine, used) == []


def test_a_dead_letter_is_told_by_both(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    office = desk.office
    monkeypatch.setattr("workflow.engine.SystemClock", lambda: office.clock)
    reach(office, "wang", "sms")
    office.assigned()
    backend(office, Postbox("sms", lambda _: NEVER)).deliver()
    for found in (on_page(desk), by_doctor(office.engine)):
        assert any("1 件消息送不到，已放弃" in text for _, text in found)


def test_the_command_judges_every_deadline_and_the_page_the_first(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = list[int | None]()
    monkeypatch.setattr(checkup, "behind", lambda *given: asked.append(given[2]) or False)
    on_page(desk)
    assert {*asked} == {checkup.BEHIND}
    asked.clear()
    by_doctor(desk.office.engine)
    assert asked == [None]


def test_who_looks_changes_nothing(tmp_path: Path, library: Library) -> None:
    """A host's database, without tables of the service: none are made, and none are missed."""
    url = f"sqlite:///{tmp_path / 'host.db'}"
    engine = Engine(url, library, place=PLACE)
    engine.create_schema()
    before = inspect(engine.database).get_table_names()
    by_doctor(engine)
    assert inspect(engine.database).get_table_names() == before
    engine.database.dispose()
