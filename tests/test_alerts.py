"""From the outbox to persons: who is told, once, when again, and what is given up. All by the injected clock."""

from __future__ import annotations

import json
import os
from datetime import UTC, date, datetime, timedelta

import pytest

from tests.lifecycle import TENANT, Office, count, execute
from tests.postbox import AWAY, BAD, NEVER, SENT, Postbox, backend, plant, reach, states
from workflow import Case, Engine
from workflow.addressing import next_digest
from workflow.alerts import AGAIN, verdict
from workflow.clock import ZONE
from workflow.letters import Letters
from workflow.model import Grant
from workflow.outbox import STATES, Contact, Letter, Receipt
from workflow.recipients import Recipient
from workflow.verify import verify


def told(office: Office, person: str) -> list[str]:
    """The topics in a person's inbox, the newest first."""
    return [notice.line.topic for notice in office.engine.alerts.inbox(person)]


def at(office: Office, hour: int, minute: int = 0, day: date = date(2026, 3, 2)) -> None:
    """That time of day in Xianning."""
    office.clock.set(datetime(day.year, day.month, day.day, hour, minute, tzinfo=ZONE))


# --- who


GRANTS = [
    Grant(id="1", person="wang", role="unit_clerk", scope="hb/xianning", unit="water"),
    Grant(id="2", person="qian", role="unit_clerk", scope="hb/xianning", unit="roads"),
    Grant(id="3", person="sun", role="sc_office", scope="hb"),
    Grant(id="4", person="old", role="sc_office", scope="hb", valid_until=date(2026, 1, 1)),
    Grant(id="5", person="far", role="sc_office", scope="gd"),
    Grant(id="6", person="two", role="sc_office", scope="hb"),
    Grant(id="7", person="two", role="unit_clerk", scope="hb", unit="water", valid_until=date(2025, 1, 1)),
]


@pytest.mark.parametrize(
    ("recipient", "barred", "persons"),
    [
        ("role:unit_clerk@water", (), {"wang"}),
        ("role:unit_clerk@hb/xianning", (), {"wang", "qian"}),
        ("role:sc_office@hb/xianning", (), {"sun", "two"}),
        ("role:sc_office@hb/xianning", ("water",), {"sun"}),  # who was there yesterday is not neutral
        ("role:unit_clerk@water", ("water",), set()),
        ("party:water", (), {"wang"}),
        ("party:dep9", (), {"dep9"}),
        ("party:wang", (), {"wang"}),
        ("party:wang", ("water",), set()),
        ("party:water", ("water",), set()),
        ("role:presidium@hb/xianning", (), set()),
    ],
)
def test_only_who_can_act_is_told(recipient: str, barred: tuple[str, ...], persons: set[str]) -> None:
    found = Recipient.parse(recipient).persons(GRANTS, "hb/xianning", date(2026, 3, 2), barred)
    assert set(found) == persons
    assert len(found) == len(persons)


def test_an_assignment_reaches_the_unit(office: Office) -> None:
    case = office.assigned()
    assert backend(office).deliver() == 0
    (notice,) = office.engine.alerts.inbox("wang")
    line = notice.line
    assert (line.case, line.topic, line.event and line.event.zh, line.state.zh) == (
        case.id,
        "assign",
        "交办",
        "已交办",
    )
    assert told(office, "qian") == []
    assert office.engine.alerts.mark_read("qian", [notice.key]) == 0  # only his own
    assert office.engine.alerts.mark_read("wang", [notice.key]) == 1
    assert office.engine.alerts.inbox("wang", unread=True) == []
    assert office.engine.alerts.inbox("wang")[0].read_at is not None


def test_pages_of_an_inbox(office: Office) -> None:
    plant(office, 25)
    backend(office).deliver()
    first = office.engine.alerts.inbox("wang", limit=20)
    second = office.engine.alerts.inbox("wang", limit=20, before=first[-1])
    assert len({notice.key for notice in (*first, *second)}) == 26
    assert len(second) == 6


def test_who_got_his_grant_since_is_told_and_who_lost_it_is_not(office: Office) -> None:
    office.assigned()
    office.engine.sync_grants("wang", [], by="set-up")
    office.engine.grant("new", "unit_clerk", TENANT, unit="water")
    backend(office).deliver()
    assert told(office, "wang") == []
    assert told(office, "new") == ["assign"]


def test_a_message_nobody_can_get_is_shown_and_found_somebody_later(office: Office) -> None:
    office.engine.sync_grants("wang", [], by="set-up")
    case = office.assigned()
    backend(office).deliver()
    alerts = office.engine.alerts
    assert ("role:unit_clerk@water", case.id) in [
        (row["recipient"], row["case"]) for row in alerts.state()["nobody"]
    ]
    office.engine.grant("new", "unit_clerk", TENANT, unit="water")
    assert alerts.readdress() == 1
    backend(office).deliver()
    assert told(office, "new") == ["assign"]
    assert alerts.state()["nobody"] == []


def test_who_has_no_channel_is_shown(office: Office) -> None:
    office.assigned()
    backend(office).deliver()
    assert "wang" in office.engine.alerts.state()["inbox_only"]
    reach(office, "wang", "mail")
    assert "wang" not in office.engine.alerts.state()["inbox_only"]


# --- once


def test_addressed_once_by_two_nodes(office: Office, other: Engine) -> None:
    reach(office, "wang", "mail")
    office.assigned()
    first = office.engine.alerts.address()
    assert first
    assert other.alerts.address() == 0
    assert count(office.engine, "delivery", "holder = 'wang'") == 2
    # The same row once more, as after a restore: its deliveries are there already.
    execute(office.engine, "update {p}outbox set state = 'queued' where state = 'addressed'")
    office.engine.alerts.address()
    assert count(office.engine, "delivery", "holder = 'wang'") == 2


def test_a_leased_letter_is_nobody_elses_and_a_late_word_does_not_count(
    office: Office, other: Engine
) -> None:
    reach(office, "wang", "mail")
    office.assigned()
    office.engine.alerts.address()
    (letter,) = office.engine.alerts.claim("mail", 10)
    assert other.alerts.claim("mail", 10) == []
    execute(
        office.engine, "update {p}delivery set leased_until = '2000-01-01T00:00:00.000'"
    )  # it slept too long
    (again,) = other.alerts.claim("mail", 10)
    assert (again.key, again.token) == (letter.key, letter.token + 1)
    assert not office.engine.alerts.complete(letter, NEVER)
    assert other.alerts.complete(again, SENT)
    assert not other.alerts.complete(again, SENT)
    assert list(states(office).values()) == ["sent"]


def test_a_lease_runs_in_the_databases_time(office: Office) -> None:
    """The clock of a node may be years off: a lease of an hour is one, a lease of the past is none."""
    reach(office, "wang", "mail")
    office.assigned()
    office.engine.alerts.address()
    office.clock.advance(days=4000)
    assert office.engine.alerts.claim("mail", 1, lease=3600)
    assert office.engine.alerts.claim("mail", 1) == []
    execute(office.engine, "update {p}delivery set leased_until = null")
    assert office.engine.alerts.claim("mail", 1, lease=-1)
    assert office.engine.alerts.claim("mail", 1)


def test_a_killed_node_leaves_its_letter_to_the_next(office: Office) -> None:
    reach(office, "wang", "mail")
    office.assigned()

    def die(_: Letter) -> Receipt:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        backend(office, Postbox(answer=die)).deliver()
    mail = Postbox()
    assert backend(office, mail).deliver() == 0  # still his
    execute(
        office.engine,
        "update {p}delivery set leased_until = '2000-01-01T00:00:00.000' where leased_until is not null",
    )
    assert backend(office, mail).deliver() == 1
    assert [letter.token for letter in mail.arrived] == [2]


def test_rows_of_a_newer_version_are_left_and_counted(office: Office) -> None:
    case = office.assigned()
    execute(
        office.engine,
        f"insert into {{p}}outbox values ('new', '{case.id}', 1, 'x', 'circle:a', '{{}}', 'queued', '2000-01-01')",
    )
    backend(office).deliver()
    assert told(office, "wang") == ["assign"]
    assert office.engine.alerts.state()["unknown"] == 1
    reach(office, "wang", "pigeon")  # a channel only another node has
    office.fire(case, "sign_in", "wang")
    plant(office, 1, case=case.id)
    backend(office, Postbox()).deliver()
    assert set(states(office, channel="pigeon").values()) == {"queued"}


# --- when again


def test_the_ladder_lasts_three_days_at_least() -> None:
    assert AGAIN[:6] == (60, 300, 1800, 7200, 43200, 86400)
    assert timedelta(seconds=sum(AGAIN)) > timedelta(days=3)
    began = datetime(2026, 3, 2, tzinfo=UTC)
    now, waits = began, []
    for attempt in range(1, 20):
        found = verdict(BAD, attempt, began, now)
        if found.next_at is None:
            break
        waits.append((found.next_at - now).total_seconds())
        now = found.next_at
    assert (tuple(waits), found.state) == (AGAIN, "dead")
    assert verdict(NEVER, 1, began, began).state == "dead"
    assert verdict(AWAY, 12, began, began + timedelta(days=13)).state == "failed"
    assert verdict(AWAY, 12, began, began + timedelta(days=15)).state == "dead"
    assert {
        verdict(SENT, 1, began, began).state,
        "queued",
        "superseded",
        "confirmed",
        "failed",
        "dead",
    } == set(STATES)


def test_a_failed_letter_goes_again_under_the_same_key(office: Office) -> None:
    reach(office, "wang", "mail")
    office.assigned()
    answers = [BAD, BAD, SENT]
    mail = Postbox(answer=lambda _: answers.pop(0))
    node = backend(office, mail)
    assert [node.deliver(), node.deliver()] == [1, 0]
    for wait in AGAIN[:2]:
        office.clock.advance(seconds=wait - 1)
        assert node.deliver() == 0
        office.clock.advance(seconds=1)
        assert node.deliver() == 1
    assert len({letter.key for letter in mail.tried}) == 1
    assert list(states(office).values()) == ["sent"]


def test_story_H06_the_dead_letter_reaches_the_operator_by_another_channel(office: Office) -> None:
    reach(office, "wang", "sms")
    reach(office, "operator", "sms", "mail")
    office.assigned()
    mail, sms = Postbox("mail"), Postbox("sms", lambda _: NEVER)
    node = backend(office, mail, sms)
    node.deliver()
    node.deliver()
    assert [letter.topic for letter in mail.arrived] == ["@dead"]
    assert mail.arrived[0].body["channel"] == "sms"
    assert [letter.topic for letter in sms.tried] == ["assign"]
    sms.answer = lambda _: SENT
    assert office.engine.alerts.redeliver("ops", channel="mail") == 0
    assert office.engine.alerts.redeliver("ops", channel="sms") == 1
    assert "redelivered by ops" in str(office.engine.alerts.listed(channel="sms")[0].answer)
    node.deliver()
    assert [letter.topic for letter in sms.arrived] == ["assign"]


def test_many_dead_letters_are_one_notice_an_hour_and_none_about_notices(office: Office) -> None:
    reach(office, "wang", "sms")
    reach(office, "operator", "sms")  # no other: better there than nowhere
    plant(office, 30)
    sms = Postbox("sms", lambda _: NEVER)
    node = backend(office, sms)
    node.deliver()
    node.deliver()
    node.deliver()
    assert [letter.topic for letter in sms.tried].count("@dead") == 1
    assert set(states(office).values()) == {"dead"}


def test_without_an_operator_the_notice_itself_is_shown(office: Office) -> None:
    reach(office, "wang", "sms")
    office.assigned()
    node = backend(office, Postbox("sms", lambda _: NEVER))
    node.deliver()
    node.deliver()
    assert "operator" in [row["recipient"] for row in office.engine.alerts.state()["nobody"]]


@pytest.mark.timeout(900)
def test_poison_blocks_nobody(sqlite_office: Office) -> None:
    """One in a hundred. `make poison` does it with 10,000."""
    office, total = sqlite_office, int(os.environ.get("LETTERS") or 1000)
    plant(office, total)
    reach(office, "wang", "mail")

    def answer(letter: Letter) -> Receipt:
        if int(letter.key[8:14] if letter.key.startswith("planted") else 1) % 100 == 0:
            raise ValueError("poison")
        return SENT

    mail = Postbox(answer=answer)
    node = backend(office, mail)
    node.deliver(2 * total)
    good = total - total // 100 + 1
    assert len(mail.arrived) == good
    assert list(states(office).values()).count("failed") == total // 100
    for wait in AGAIN:  # all its life, poison stands in nobody's way
        office.clock.advance(seconds=wait)
        plant_one(office, wait)
        node.deliver(total)
        assert mail.arrived[-1].topic == "late"
    assert list(states(office).values()).count("dead") == total // 100
    assert len(mail.arrived) == good + len(AGAIN)


def plant_one(office: Office, n: int) -> None:
    with office.engine.database.begin() as connection:
        connection.execute(
            office.engine.store.tables.outbox.insert(),
            {
                "key": f"late:{office.clock.now()}", "case_id": office.engine.search(limit=1)[0].id, "seq": n, "topic": "late",
                "recipient": "party:wang", "body": "{}", "state": "queued", "created_at": str(office.clock.now()),
            },
        )  # fmt: skip


def test_a_dead_server_costs_three_tries_and_all_goes_when_it_is_back(office: Office) -> None:
    reach(office, "wang", "mail")
    reach(office, "li", "pigeon")
    plant(office, 50)
    mail, pigeon = Postbox(answer=lambda _: AWAY), Postbox("pigeon")
    node = backend(office, mail, pigeon)
    node.deliver()
    assert (len(mail.tried), len(pigeon.arrived)) == (3, 1)
    assert node.deliver() == 0
    for hours in range(0, 24 * 7, 6):  # a week
        office.clock.advance(hours=6)
        assert node.deliver() <= 3, hours
    assert "dead" not in states(office).values()
    mail.answer = lambda _: SENT
    office.clock.advance(hours=1)
    node.deliver()
    node.deliver()
    assert len(mail.arrived) == 51


def test_a_slow_channel_holds_up_no_other(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """They take turns, and a turn is short, however much one has to do."""
    monkeypatch.setattr("scheduler.delivery.TURN_SECONDS", -1.0)
    plant(office, 10)
    reach(office, "wang", "mail", "sms")
    order: list[str] = []

    def answer(letter: Letter) -> Receipt:
        order.append(letter.channel)
        return SENT

    assert backend(office, Postbox("mail", answer), Postbox("sms", answer)).deliver() == 22
    assert order == ["mail", "sms"] * 11


def test_at_most_so_many_a_minute_over_all_nodes(office: Office, other: Engine) -> None:
    reach(office, "wang", "mail")
    plant(office, 30)
    mail = Postbox()
    mail.per_minute = 8
    nodes = [backend(office, mail), backend(Office(other, office.clock), mail)]
    assert sum(node.deliver() for node in nodes) == 8
    office.clock.advance(seconds=59)
    assert sum(node.deliver() for node in nodes) == 0
    office.clock.advance(seconds=2)
    assert sum(node.deliver() for node in nodes) == 8


# --- the right hour


def test_the_next_digest_is_on_a_working_day(office: Office) -> None:
    calendar = office.engine.laws.calendar

    def when(*moment: int) -> str:
        return next_digest(datetime(*moment, tzinfo=ZONE), calendar)[1].astimezone(ZONE).isoformat()[:16]  # type: ignore[arg-type]

    assert when(2026, 3, 2, 8, 29) == "2026-03-02T08:30"
    assert when(2026, 3, 2, 8, 30) == "2026-03-03T08:30"
    assert when(2026, 3, 6, 12) == "2026-03-09T08:30"  # Friday noon: Monday
    assert when(2026, 9, 30, 12) == "2026-10-08T08:30"  # the national holiday


def test_a_digest_gathers_what_is_unread(office: Office) -> None:
    reach(office, "wang", "mail", digest=True)
    mail = Postbox()
    node = backend(office, mail)
    first, second, third = office.assigned(), office.assigned(), office.assigned()
    assert node.deliver() == 0
    (read,) = [n for n in office.engine.alerts.inbox("wang") if n.line.case == second.id]
    office.engine.alerts.mark_read("wang", [read.key])
    at(office, 8, 29, date(2026, 3, 3))
    assert node.deliver() == 0
    at(office, 8, 30, date(2026, 3, 3))
    assert node.deliver() == 1
    assert {line.case for line in mail.arrived[0].lines} == {first.id, third.id}
    assert mail.arrived[0].is_digest
    office.assigned()  # the next one is tomorrow's
    assert node.deliver() == 0
    at(office, 8, 30, date(2026, 3, 4))
    assert node.deliver() == 1
    assert len(mail.arrived[1].lines) == 1


def test_a_digest_in_which_all_was_read_is_not_sent(office: Office) -> None:
    reach(office, "wang", "mail", digest=True)
    office.assigned()
    mail = Postbox()
    node = backend(office, mail)
    node.deliver()
    office.engine.alerts.mark_read("wang", [n.key for n in office.engine.alerts.inbox("wang")])
    at(office, 9, 0, date(2026, 3, 3))
    node.deliver()
    assert mail.tried == []
    assert list(states(office).values()) == ["superseded"]


def test_after_an_outage_of_the_mail_server_one_digest_comes(office: Office) -> None:
    """Three days of digests that could not be sent wait together: the newest takes the others along, on one channel as on two."""
    reach(office, "wang", "mail", "push", digest=True)
    mail, push = Postbox("mail", lambda _: AWAY), Postbox("push")
    node = backend(office, mail, push)
    cases = []
    for day in (3, 4, 5):
        cases.append(office.assigned().id)
        node.deliver()
        at(office, 8, 30, date(2026, 3, day))
        node.deliver()
    assert [[line.case for line in letter.lines] for letter in push.arrived] == [[case] for case in cases]
    mail.answer = lambda _: SENT
    cases.append(office.assigned().id)
    node.deliver()
    at(office, 8, 30, date(2026, 3, 6))
    while node.deliver():
        pass
    assert [[line.case for line in letter.lines] for letter in mail.arrived] == [cases]
    assert len(push.arrived) == 4
    assert [line.case for line in push.arrived[-1].lines] == cases[-1:]
    ends = [d for d in office.engine.alerts.listed(channel="mail", holder="wang") if d.state == "superseded"]
    assert [(d.answer or "")[:24] for d in ends] == ["goes with @digest:2026-0"] * 3


def test_a_digest_another_node_has_in_its_hands_is_left_to_it(office: Office) -> None:
    reach(office, "wang", "mail", digest=True)
    engine = office.engine
    for day in (3, 4):
        office.assigned()
        while engine.alerts.address():
            pass
        at(office, 8, 30, date(2026, 3, day))
        if day == 3:
            (held,) = engine.alerts.claim("mail", 10)
    (letter,) = engine.alerts.claim("mail", 10)
    assert (len(held.lines), len(letter.lines)) == (1, 1)
    assert engine.alerts.complete(held, SENT)
    assert engine.alerts.complete(letter, SENT)


def test_an_old_digest_goes_alone_before_the_new_ones_hour(office: Office) -> None:
    reach(office, "wang", "mail", digest=True)
    mail = Postbox("mail", lambda _: AWAY)
    node = backend(office, mail)
    office.assigned()
    node.deliver()
    at(office, 8, 30, date(2026, 3, 3))
    node.deliver()
    office.assigned()
    mail.answer = lambda _: SENT
    at(office, 12, 0, date(2026, 3, 3))
    assert node.deliver() == 1
    at(office, 8, 30, date(2026, 3, 4))
    assert node.deliver() == 1
    assert [len(letter.lines) for letter in mail.arrived] == [1, 1]


def test_a_closed_channel_holds_its_letters(office: Office) -> None:
    reach(office, "wang", "sms")
    office.assigned()
    sms = Postbox("sms")
    sms.open = lambda now: now.astimezone(ZONE).hour < 21
    at(office, 22)
    assert backend(office, sms).deliver() == 0
    at(office, 8, 0, date(2026, 3, 3))
    assert backend(office, sms).deliver() == 1


# --- reminders


def reminded(office: Office) -> Case:
    """A case whose first reminders went out, while the mail server was away."""
    reach(office, "wang", "mail")
    case = office.handling()
    node = backend(office, Postbox(answer=lambda _: AWAY))
    for day in (date(2026, 5, 3), date(2026, 5, 18)):
        office.clock.set(day)
        office.ticks()
        node.deliver()
    return case


def test_a_reminder_another_has_overtaken_is_not_sent(office: Office) -> None:
    case = reminded(office)
    mail = Postbox()
    office.clock.advance(hours=2)
    backend(office, mail).deliver()
    rungs = [
        letter.lines[0].rung
        for letter in mail.arrived
        if letter.topic == "clock.reply" and letter.lines[0].case == case.id
    ]
    assert rungs == [-15]
    unread = [n.line.rung for n in office.engine.alerts.inbox("wang") if n.line.topic == "clock.reply"]
    assert unread == [-15]


def test_a_reminder_overtaken_in_somebodys_hands_is_not_tried_again(office: Office) -> None:
    reach(office, "wang", "mail")
    office.handling()
    office.clock.set(date(2026, 5, 3))
    office.ticks()
    alerts = office.engine.alerts
    while alerts.address():
        pass
    held = [letter for letter in alerts.claim("mail", 50) if letter.topic == "clock.reply"]
    office.clock.set(date(2026, 5, 18))
    office.ticks()
    while alerts.address():
        pass
    assert held
    assert [alerts.complete(letter, BAD) for letter in held] == [False] * len(held)
    assert [states(office)[letter.key] for letter in held] == ["superseded"] * len(held)


# --- subscriptions and contacts


def test_a_recipient_and_everybody_can_be_subscribed_to(office: Office) -> None:
    alerts = office.engine.alerts
    alerts.subscribe({
        "role:unit_clerk@water": [Contact(channel="bot", address="")],
        "*": [Contact(channel="hook", address="")],
    })  # fmt: skip
    office.assigned()
    bot, hook = Postbox("bot"), Postbox("hook")
    backend(office, bot, hook).deliver()
    assert [letter.topic for letter in bot.arrived] == ["assign"]
    told = [(letter.lines[0].seq, letter.topic) for letter in hook.arrived]
    assert sorted(told) == [
        (1, "start"),
        (2, "accept_in_session"),
        (3, "assign"),
    ]  # once, whoever else was told
    alerts.subscribe({})
    office.assigned()
    backend(office, bot, hook).deliver()
    assert len(bot.arrived) == 1


def test_contacts_of_a_person_and_of_the_file_live_apart(office: Office) -> None:
    alerts = office.engine.alerts
    alerts.subscribe({"wang": [Contact(channel="bot", address="b")]})
    reach(office, "wang", "mail")
    reach(office, "wang", "sms")
    assert [contact.channel for contact in alerts.contacts("wang")] == ["bot", "sms"]
    alerts.set_contacts("wang", [])
    alerts.subscribe({"wang": [Contact(channel="bot", address="b")]})
    assert [contact.channel for contact in alerts.contacts("wang")] == ["bot"]


# --- bulk work


def test_a_job_is_done_once(office: Office, other: Engine) -> None:
    done: list[tuple[str, object]] = []
    nodes = [
        _with_jobs(engine, {"import": lambda key, arguments: done.append((key, arguments["file"]))})
        for engine in (office.engine, other)
    ]
    assert nodes[0].submit("import", {"file": "a.csv"}, key="a")
    assert not nodes[1].submit("import", {"file": "a.csv"}, key="a")
    assert sum(node.deliver() for node in nodes) == 1
    assert done == [("@job:a", "a.csv")]


def test_a_job_no_node_knows_waits(office: Office) -> None:
    node = _with_jobs(office.engine, {})
    node.submit("later", {}, key="a")
    node.deliver()
    assert list(states(office).values()) == ["failed"]
    done: list[str] = []
    office.clock.advance(minutes=2)
    _with_jobs(office.engine, {"later": lambda key, _: done.append(key)}).deliver()
    assert done == ["@job:a"]


def _with_jobs(engine: Engine, jobs: dict):
    from scheduler.delivery import LocalBackend

    return LocalBackend(engine, (), jobs)


def test_what_a_letter_says_is_poor(office: Office) -> None:
    """Whatever a channel does with it: no title, no text, no person but the address."""
    reach(office, "wang", "mail")
    office.assigned(title="关于机密的建议", body="机密正文")
    mail = Postbox()
    backend(office, mail).deliver()
    for letter in mail.arrived:
        said = json.dumps([str(letter.lines), dict(letter.body)], ensure_ascii=False)
        assert "机密" not in said
        assert "dep1" not in said


def test_a_letter_of_a_clue_is_marked_as_such_and_that_of_a_suggestion_is_not(office: Office) -> None:
    """By the definition it is pinned to: whose `seen_by` names who may know of it."""
    reach(office, "wang", "mail")
    reach(office, "pros", "mail")
    office.engine.grant("pros", "procuratorate_clerk", TENANT)
    case = office.handling()
    area = {"procuratorate_area": "environment", "public_interest": "河道"}
    office.fire(case, "transfer_to_procuratorate", "li", **area)
    clue = office.child(case, "conversions")
    mail = Postbox()
    backend(office, mail).deliver()
    marked = {line.secret for letter in mail.arrived for line in letter.lines if line.case == clue.id}
    others = {line.secret for letter in mail.arrived for line in letter.lines if line.case != clue.id}
    assert (marked, others) == ({True}, {False})


def test_of_what_nobody_can_look_up_no_more_is_told_than_of_a_clue(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who may know of it is said in the definition: where that is not found, nobody else is told."""
    reach(office, "wang", "mail")
    monkeypatch.setattr(Letters, "_law", lambda *_: None)
    mail = Postbox()
    office.assigned()
    backend(office, mail).deliver()
    assert {line.secret for letter in mail.arrived for line in letter.lines} == {True}


# --- forgetting


def rows(office: Office) -> tuple[int, int]:
    return count(office.engine, "outbox"), count(office.engine, "delivery")


def test_what_is_over_and_old_goes_and_nothing_else(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """A letter that went goes with its message; one on its way, one given up and what is young stay; so do the chains."""
    monkeypatch.setattr("workflow.store.purge.PAGE", 2)
    alerts = office.engine.alerts
    reach(office, "wang", "mail", "push")
    old = office.assigned()
    mail, push = Postbox("mail", lambda _: NEVER), Postbox("push")
    backend(office, mail, push).deliver()
    for _ in range(3):
        office.assigned()
    alerts.address()  # queued: nobody carries them
    at(office, 9, day=date(2028, 3, 2))
    young = office.assigned()
    backend(office, push).deliver()
    lines, before = office.engine.history(old.id), rows(office)
    would = alerts.purge(date(2026, 6, 1), dry_run=True)
    assert rows(office) == before
    assert alerts.purge(date(2026, 6, 1)) == would
    assert would["confirmed"] and would["outbox"]
    assert rows(office) == (before[0] - would["outbox"], before[1] - would.total() + would["outbox"])
    assert alerts.purge(date(2026, 6, 1)).total() == 0
    left = alerts.listed(limit=1000)
    assert {d.state for d in left if d.case != young.id} == {"queued", "dead"}
    (dead,) = [d for d in left if d.state == "dead"]
    mail.answer = lambda _: SENT
    assert alerts.redeliver("zhou", keys=[dead.key]) == 1
    backend(office, mail).deliver()
    assert [line.topic for letter in mail.arrived for line in letter.lines if line.case == old.id] == [
        "assign"
    ]
    assert mail.arrived[0].lines[0].kind.zh == "代表建议办理"
    assert told(office, "wang") == ["assign"]  # the young one
    assert office.engine.history(old.id) == lines
    assert verify(office.engine.store).sound


def test_letters_given_up_go_when_somebody_says_so(office: Office) -> None:
    reach(office, "wang", "mail")
    office.assigned()
    backend(office, Postbox("mail", lambda _: NEVER)).deliver()
    at(office, 9, day=date(2028, 3, 2))
    office.engine.alerts.purge(date(2026, 6, 1))
    assert [d.state for d in office.engine.alerts.listed()] == ["dead"]
    assert office.engine.alerts.purge(date(2026, 6, 1), dead=True)["dead"] == 1
    assert rows(office)[1] == 0


def test_the_last_thirty_days_are_never_forgotten(office: Office) -> None:
    with pytest.raises(ValueError, match="last 30 days"):
        office.engine.alerts.purge(date(2026, 2, 1))
    assert office.engine.alerts.purge(date(2026, 1, 31)).total() == 0


def test_what_waits_can_be_passed_over(office: Office) -> None:
    """The past of a simulation: nobody is told of it, what comes after goes its way."""
    office.assigned()
    assert office.engine.alerts.pass_over() > 0
    office.clock.advance(days=2)
    after = office.assigned()
    backend(office).deliver()
    assert {notice.line.case for notice in office.engine.alerts.inbox("wang")} == {after.id}
