"""`tibandu alerts …` and delivery inside the scheduler, as an operator meets them."""

from __future__ import annotations

import io
import json
import threading
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from scheduler import TickWaker
from scheduler.delivery import LocalBackend
from tests.lifecycle import Office
from tests.postbox import AWAY, NEVER, Postbox, backend, plant, reach
from tests.test_channels import mail_server, smtp
from tests.test_scheduler import Ticks, ours, wait_for
from workflow import cli
from workflow.outbox import Letter, Receipt


@dataclass
class Said:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Desk:
    """An operator at a terminal, on the database of an office."""

    def __init__(self, office: Office) -> None:
        self.office = office
        self.url = office.engine.database.url.render_as_string(hide_password=False)

    def __call__(self, *words: object, lang: str = "en") -> Said:
        out, err = io.StringIO(), io.StringIO()
        flags = ["--database", self.url, "--lang", lang]
        code = cli.main(["alerts", *map(str, words), *flags], out, err)
        assert "Traceback" not in err.getvalue()
        return Said(code, out.getvalue(), err.getvalue())


@pytest.fixture
def desk(sqlite_office: Office, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setattr("workflow.engine.SystemClock", lambda: sqlite_office.clock)
    return Desk(sqlite_office)


def test_all_is_quiet(desk: Desk) -> None:
    said = desk("list")
    assert (said.code, said.out) == (0, "deliveries: none\n")
    assert desk("inbox", "wang").out == "nothing\n"
    assert desk("contact", "wang").out == "wang has no channel but the inbox\n"
    assert desk("redeliver", "--by", "ops").code == 1
    assert desk("list", "--state", "dead").out == "none\n"


def test_what_was_told_and_what_was_not(desk: Desk) -> None:
    office = desk.office
    office.engine.sync_grants("gov", [], by="set-up")
    office.assigned()
    before = desk("list")
    assert "wait to be addressed since 2026-03-02T01:00Z: is a scheduler running?" in before.out
    assert "条消息尚未分发" in desk("list", lang="zh").out
    assert desk("contact", "wang", "sms", "13800000000").code == 0
    backend(office, Postbox("sms", lambda _: NEVER)).deliver()
    said = desk("list")
    assert said.code == 1
    assert "there is nobody for role:gov_office@hb/xianning (assign" in said.out
    assert "no channel but the inbox for: dep1, dep2, li" in said.out
    assert "550 no such user" in said.out
    assert [
        row["state"] for row in desk("list", "--person", "wang", "--state", "dead", "--json").json["listed"]
    ] == ["dead"]
    assert desk("list", "--channel", "mail").out == "none\n"
    inbox = desk("inbox", "wang", lang="zh")
    assert "交办" in inbox.out
    assert desk("inbox", "wang", "--json").json[0]["state"] == "assigned"


def test_story_H06_a_dead_letter_is_replayed(desk: Desk) -> None:
    office = desk.office
    reach(office, "wang", "sms")
    office.assigned()
    sms = Postbox("sms", lambda _: NEVER)
    backend(office, sms).deliver()
    (row,) = desk("list", "--state", "dead", "--json").json["listed"]
    told = desk("list", "--state", "dead", lang="zh").out
    assert "! sms，1 件：邮件服务器说没有这个收件人。改好地址" in told
    assert "改好后：tibandu alerts redeliver --channel sms --by 姓名" in told
    assert (row["created_at"], row["tried_at"], row["attempts"]) == (
        "2026-03-02T01:00Z",
        "2026-03-02T01:00Z",
        1,
    )
    assert desk("redeliver", "nonsense", "--by", "ops").code == 1
    assert desk("redeliver", row["key"], "--by", "ops").out.startswith("1 letter(s) go again")
    assert "redelivered by ops" in desk("list", "--channel", "sms", "--state", "queued").out
    sms.answer = lambda _: Receipt(state="sent")
    backend(office, sms).deliver()
    assert desk("list", "--state", "dead").out == "none\n"


def test_what_waits_for_its_next_try_goes_at_once_when_it_is_said(desk: Desk) -> None:
    office = desk.office
    reach(office, "wang", "sms")
    office.assigned()
    sms = Postbox("sms", lambda _: AWAY)
    backend(office, sms).deliver()
    assert desk("redeliver", "--channel", "sms", "--by", "ops").code == 1
    assert desk("redeliver", "--channel", "sms", "--now", "--by", "ops").code == 0
    sms.answer = lambda _: Receipt(state="sent")
    assert backend(office, sms).deliver() == 1


def test_contacts(desk: Desk) -> None:
    desk("contact", "wang", "mail", "w@t.example", "--digest")
    desk("contact", "wang", "sms", "13800000000")
    found = desk("contact", "wang", "--json").json
    assert found == [
        {"channel": "mail", "address": "w@t.example", "digest": True},
        {"channel": "sms", "address": "13800000000", "digest": False},
    ]
    desk("contact", "wang", "mail")
    assert [row["channel"] for row in desk("contact", "wang", "--json").json] == ["sms"]


def test_a_test_message(desk: Desk, tmp_path: Path) -> None:
    file = tmp_path / "channels.toml"
    assert desk("test", "mail", "w@t.example").code == 2
    with mail_server() as (box, port):
        file.write_text(f'link = "https://t.example/{{case}}"\n[channel.mail]\n{smtp(port)}', "utf-8")
        sent = desk("test", "mail", "w@t.example", "--channels", file)
        assert (sent.code, sent.out) == (0, "sent: accepted by 127.0.0.1\n")
        assert "测试消息" in box.messages[0]["Subject"]
        assert desk("test", "mail", "w", "--channels", file).code == 1
        assert "there are: mail" in desk("test", "sms", "--channels", file).err
    away = desk("test", "mail", "w@t.example", "--channels", file, "--json")
    assert (away.code, away.json["state"]) == (1, "failed")
    assert desk.office.engine.alerts.listed() == []  # it leaves no row


def test_a_faulty_file_is_told_before_anything_starts(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "channels.toml"
    file.write_text('[channel.mail]\nkind = "smtp"\n', "utf-8")
    said = desk("test", "mail", "--channels", file)
    assert (said.code, "channels.toml:1: channel.mail.host: is missing" in said.err) == (1, True)
    out, err = io.StringIO(), io.StringIO()
    monkeypatch.setenv("TIBANDU_CHANNELS", str(file))
    for command in (["scheduler"], ["serve", "--port", "0"]):
        assert cli.main([*command, "--database", desk.url, "--lang", "zh"], out, err) == 1
    assert "渠道文件有" in err.getvalue()


def test_a_queue_needs_postgresql(desk: Desk) -> None:
    out, err = io.StringIO(), io.StringIO()
    flags = ["--database", desk.url, "--lang", "en"]
    assert cli.main(["scheduler", "--backend", "procrastinate", *flags], out, err) == 3
    assert "needs PostgreSQL" in err.getvalue()


def test_doctor_looks_at_the_channels(desk: Desk, tmp_path: Path) -> None:
    file = tmp_path / "channels.toml"

    def doctor(text: str) -> list[str]:
        file.write_text(f'link = "https://t.example/{{case}}"\n{text}', "utf-8")
        out = io.StringIO()
        flags = ["--database", desk.url, "--lang", "en", "--json", "--channels", str(file)]
        cli.main(["doctor", *flags], out, io.StringIO())
        return [trouble["code"] for trouble in json.loads(out.getvalue())["troubles"]]

    reach(desk.office, "wang", "pigeon")
    desk.office.engine.sync_grants("gov", [], by="set-up")
    desk.office.assigned()
    backend(desk.office).deliver()
    mail = '[channel.mail]\nkind = "smtp"\nhost = "m"\nsender = "a@t.example"\n'
    assert {"nobody", "channel_file"} <= set(doctor('[channel.mail]\nkind = "smtp"\n'))
    assert {"no_operator", "no_channel"} <= set(doctor(mail))
    assert not {"no_operator", "channel_file"} & set(doctor(mail + '[operator]\nmail = "ops@t.example"'))


# --- inside the scheduler


def test_the_waker_delivers_beside_its_ticks(sqlite_office: Office) -> None:
    office = sqlite_office
    reach(office, "wang", "mail")
    entered, leave = threading.Event(), threading.Event()

    def slow(_: Letter) -> Receipt:
        entered.set()
        leave.wait(10)
        return Receipt(state="sent")

    office.assigned()
    mail, ticks = Postbox(answer=slow), Ticks()
    waker = TickWaker(ticks, seconds=0.05, delivery=backend(office, mail))  # type: ignore[arg-type]
    waker.start()
    try:
        assert entered.wait(10)
        before = ticks.calls
        wait_for(lambda: ticks.calls > before + 3)  # a slow mail server delays no deadline
        leave.set()
        wait_for(lambda: mail.arrived)
    finally:
        waker.stop()
    assert not ours()


def test_stopping_gives_back_what_is_not_in_hand(sqlite_office: Office) -> None:
    office = sqlite_office
    plant(office, 10)
    reach(office, "wang", "mail")
    entered, leave = threading.Event(), threading.Event()

    def slow(_: Letter) -> Receipt:
        entered.set()
        leave.wait(10)
        return Receipt(state="sent")

    mail = Postbox(answer=slow)
    waker = TickWaker(Ticks(), seconds=60, delivery=backend(office, mail))  # type: ignore[arg-type]
    waker.start()
    assert entered.wait(10)
    threading.Timer(0.1, leave.set).start()
    waker.stop()
    assert len(mail.tried) == 1
    again = Postbox()
    assert backend(office, again).deliver() == 10  # nothing waits for a lease to lapse
    assert not {letter.key for letter in again.arrived} & {letter.key for letter in mail.arrived}


def test_a_bad_pass_is_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(LocalBackend):
        def __init__(self) -> None:
            self.calls = 0

        def deliver(self, limit: int = 1) -> int:
            self.calls += 1
            raise RuntimeError("the database is away")

        def stop(self) -> None:
            pass

    broken = Broken()
    waker = TickWaker(Ticks(), seconds=0.05, delivery=broken)  # type: ignore[arg-type]
    waker.start()
    try:
        wait_for(lambda: broken.calls >= 3)
    finally:
        waker.stop()
    assert "the delivery failed; the next pass tries again" in caplog.messages


def test_the_readme_way_of_a_host(sqlite_office: Office) -> None:
    """docs/alerts.md, From Python."""
    from workflow.outbox import Contact

    office = sqlite_office
    engine = office.engine
    engine.alerts.set_contacts("wang", [Contact(channel="mail", address="wang@example.org", digest=True)])
    office.assigned()
    LocalBackend(engine, [Postbox()]).deliver()
    (notice,) = engine.alerts.inbox("wang", unread=True)
    assert engine.alerts.mark_read("wang", [notice.key]) == 1
    office.clock.set(date(2026, 3, 3))


def test_purge_says_what_goes(desk: Desk) -> None:
    desk.office.assigned()
    backend(desk.office).deliver()
    desk.office.clock.set(date(2028, 3, 2))
    assert desk("purge").code == 2
    late = desk("purge", "--before", "2028-03-01")
    assert late.code == 2
    assert "more than 30 days ago" in late.err
    dry = desk("purge", "--before", "2026-06-01", "--dry-run")
    assert dry.code == 0
    assert dry.out.startswith("dry run, nothing forgotten: ")
    found = desk("purge", "--before", "2026-06-01", "--json").json
    assert found["confirmed"] > 0 and found["outbox"] > 0 and found["dry_run"] is False
    assert (
        desk("purge", "--before", "2026-06-01", lang="zh").out == "已清除 0 件投递、0 条消息；办理记录未动\n"
    )


def test_a_scheduler_forgets_once_a_day(desk: Desk) -> None:
    engine = desk.office.engine
    desk.office.assigned()
    backend(desk.office).deliver()
    desk.office.clock.set(date(2028, 3, 1))
    assert TickWaker(engine).tidy() == 0
    assert TickWaker(engine, kept_days=730).tidy() == 0
    desk.office.clock.advance(days=1)
    assert TickWaker(engine, kept_days=730).tidy() > 0
    engine.database.dispose()
    desk.office.clock.advance(days=400)
    waker = TickWaker(engine, seconds=60, kept_days=30)
    desk.office.assigned()
    backend(desk.office).deliver()
    desk.office.clock.advance(days=40)
    waker.start()
    try:
        wait_for(lambda: not engine.alerts.inbox("wang"))
    finally:
        waker.stop()


def test_it_goes_on_when_forgetting_fails(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(desk.office.engine.alerts, "purge", lambda before: 1 / 0)
    assert TickWaker(desk.office.engine, kept_days=730).tidy() == 0
    assert "tomorrow it is tried again" in caplog.text
