"""Delegation (代): a role lent to a colleague until a day, stamped on what is done under it, gone with its end; and the commands."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from io import StringIO
from typing import Any

import pytest
from sqlalchemy import event as hook

from api import Sessions, create_app, create_schema
from workflow import Actor, Conflict, Engine, access, cli
from workflow.authorization import permit
from workflow.definition import Holder
from workflow.errors import FormInvalid, NotFound, NotPermitted
from workflow.library import Library
from workflow.model import Bond, Grant, Party, Request
from workflow.overview import today
from workflow.store import lending
from workflow.testing import FrozenClock
from workflow.verify import verify

from . import http_walk as city
from .console import Reader
from .lifecycle import TENANT, Office
from .test_links import impatient

DAY, LAST = city.TODAY, date(2026, 3, 9)
LASTING = "2027-03-03"
"""the last day for which a token is issued"""
REPLY = {"reply_letter": city.LETTER, "promised": False}


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock(city.TODAY)


@pytest.fixture
def engine(ready_url: str, clock: FrozenClock) -> Iterator[Engine]:
    for engine in city.opened(ready_url, clock):
        create_schema(engine)
        yield engine


@pytest.fixture
def case(engine: Engine) -> str:
    """Waits for the head of the unit to reply."""
    li = Actor(person="li.wei")
    case = engine.start("suggestion", li, city.PROPOSAL, tenant=city.TENANT)
    engine.fire(case.id, "accept", li, {"session": "五次"})
    engine.fire(case.id, "assign", li, {"lead_unit": "housing"})
    return case.id


def lend(engine: Engine, to: str = "wang.fang", **more: Any) -> list[str]:
    given = {"until": LAST, "by": "wu.hao", "day": DAY} | more
    return [grant.id for grant in access.lend(engine, "wu.hao", to, **given)]


def reply(engine: Engine, case: str) -> None:
    engine.fire(case, "reply", Actor(person="wang.fang"), REPLY)


def test_nobody_stops_being_a_colleague_while_something_is_lent_to_him(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever ends his office just then waits until the loan is there, and ends it as well."""
    database = Engine.connect(engine.database.url.render_as_string(hide_password=False))
    hook.listen(database, "connect", impatient)
    other, put_in, waited = Engine(database, engine.library, clock=engine.clock), lending.lend, list[str]()

    def meanwhile(*given: Any) -> None:
        for person in ("wang.fang", "wu.hao"):
            with pytest.raises(Conflict):
                other.sync_grants(person, [], by="directory")
            waited.append(person)
        put_in(*given)

    monkeypatch.setattr(lending, "lend", meanwhile)
    assert lend(engine)
    assert waited == ["wang.fang", "wu.hao"]
    other.sync_grants("wang.fang", [], by="directory")
    assert access.lent(engine, "wu.hao") == []
    database.dispose()


def test_what_is_done_in_ones_place_is_stamped_with_both(engine: Engine, case: str) -> None:
    with pytest.raises(NotPermitted):
        reply(engine, case)
    lend(engine)
    reply(engine, case)
    line = engine.history(case)[-1]
    assert (line.actor, line.on_behalf_of, line.role, line.unit) == (
        "wang.fang", "wu.hao", "unit_head", "housing",
    )  # fmt: skip
    assert not verify(engine.store).faults


def test_a_batch_stamps_it_too(engine: Engine, case: str) -> None:
    lend(engine)
    asked = Request(case=case, event="reply", actor=Actor(person="wang.fang"), data=REPLY)
    (done,) = engine.batch([asked])
    assert done.error is None and engine.history(case)[-1].on_behalf_of == "wu.hao"


def test_the_right_is_gone_after_the_last_day(engine: Engine, case: str, clock: FrozenClock) -> None:
    lend(engine, since=date(2026, 3, 4))
    with pytest.raises(NotPermitted):
        reply(engine, case)
    clock.set(date(2026, 3, 10))
    with pytest.raises(NotPermitted):
        reply(engine, case)
    clock.set(LAST)
    reply(engine, case)


def test_it_is_given_back_by_either_and_by_nobody_else(engine: Engine, case: str) -> None:
    (one,) = lend(engine)
    with pytest.raises(NotFound):
        access.give_back(engine, one, by="qian.min", day=DAY)
    access.give_back(engine, one, by="wang.fang", day=DAY)
    with pytest.raises(NotPermitted):
        reply(engine, case)


def test_it_ends_with_the_role_it_was_lent_of(engine: Engine, case: str) -> None:
    lend(engine)
    engine.sync_grants("wu.hao", [], by="li.wei")
    assert access.lent(engine, "wang.fang") == []
    with pytest.raises(NotPermitted):
        reply(engine, case)


def test_it_ends_when_the_borrower_is_no_colleague_any_more(engine: Engine, case: str) -> None:
    lend(engine)
    engine.sync_grants("wang.fang", [], by="directory")
    engine.grant("wang.fang", "unit_clerk", city.TENANT, unit="roads", by="li.wei")
    assert access.lent(engine, "wu.hao") == [], "he has gone to another unit"
    with pytest.raises(NotFound):
        reply(engine, case)


def test_another_role_of_the_same_body_keeps_it(engine: Engine, case: str) -> None:
    lend(engine)
    (own,) = (one for one in access.held(engine, person="wang.fang") if one.own)
    after = access.end(engine, own.grant.id, by="li.wei", day=DAY)
    assert access.lent(engine, "wang.fang") == [], "his office ended yesterday"
    engine.sync_grants("wang.fang", [after], by="li.wei")
    engine.grant("wang.fang", "unit_clerk", city.TENANT, unit="housing", by="li.wei")
    lend(engine)
    roles = [one.grant for one in access.held(engine, person="wang.fang") if one.own]
    newer = Grant(id="", person="wang.fang", role="unit_head", scope=city.TENANT, unit="housing")
    engine.sync_grants("wang.fang", [*(one for one in roles if one.valid_until), newer], by="li.wei")
    assert [one.person for one in access.lent(engine, "wu.hao")] == ["wang.fang"], "he is a colleague still"


def test_it_ends_no_later_than_the_borrowers_own_office(engine: Engine) -> None:
    last = date(2026, 3, 6)
    engine.sync_grants("wang.fang", [], by="li.wei")
    engine.grant("wang.fang", "unit_clerk", city.TENANT, unit="housing", by="li.wei", valid_until=last)
    lend(engine)
    assert [grant.valid_until for grant in access.lent(engine, "wu.hao")] == [last]
    sooner = Grant(id="", person="wang.fang", role="unit_clerk", scope=city.TENANT, unit="housing",
                   valid_until=date(2026, 3, 4))  # fmt: skip
    engine.sync_grants("wang.fang", [sooner], by="li.wei")
    assert access.lent(engine, "wu.hao") == [], "nor than an office that ends sooner than was said"


def test_it_ends_when_the_borrower_leaves_by_the_register(office: Office) -> None:
    engine, day, by = office.engine, date(2026, 3, 2), Actor(person="li")
    unit = Party(id="gas", kind="unit", name="燃气集团", tenant=TENANT)
    staff = [
        Party(id=id_, kind="staff", name=id_, tenant=TENANT, bonds=(Bond(bond=bond, to="gas"),))
        for id_, bond in (("cui", "head"), ("du", "clerk"))
    ]
    engine.parties.put([unit, *staff], by=by, trusted=True)
    (one,) = access.lend(engine, "cui", "du", until=LAST, by="cui", day=day)
    engine.parties.change("cui", by=by, name="崔")
    engine.parties.change("du", by=by, name="杜")
    assert access.lent(engine, "cui") == [one], "they are still there"
    engine.parties.change("du", by=by, status="ended", reason="调离")
    assert access.lent(engine, "cui") == []


def test_it_ends_no_later_than_the_role_it_was_lent_of(engine: Engine) -> None:
    engine.sync_grants("wu.hao", [], by="li.wei")
    last = date(2026, 3, 5)
    engine.grant("wu.hao", "unit_head", city.TENANT, unit="housing", by="li.wei", valid_until=last)
    lend(engine)
    assert [grant.valid_until for grant in access.lent(engine, "wu.hao")] == [last]


def test_a_directory_that_syncs_leaves_what_was_lent(engine: Engine, case: str) -> None:
    lend(engine)
    held = [one.grant for one in access.held(engine, person="wang.fang")]
    engine.sync_grants("wang.fang", [grant for grant in held if grant.on_behalf_of is None], by="directory")
    reply(engine, case)


def test_only_to_a_colleague_in_office(engine: Engine) -> None:
    for to in ("qian.min", "li.wei", "nobody", "svc.oa", "wu.hao", "system"):
        with pytest.raises(NotPermitted):
            lend(engine, to)
    with pytest.raises(NotPermitted):
        lend(engine, by="wang.fang")


OPPOSED = [
    ("sun", "gov"),  # the office of the standing committee to the government's
    ("sun", "dep1"),
    ("gov", "sun"),
    ("clerk", "gov"),  # the procuratorate to the government
    ("chief", "leader"),
    ("clerk", "li"),
    ("justice", "special"),  # it sees what goes to the procuratorate, the other does not
    ("chair", "li"),  # the council decides what the commission proposes
]


def test_a_role_of_no_unit_is_lent_within_its_body_only(office: Office) -> None:
    engine, day = office.engine, date(2026, 3, 2)
    more = {"clerk": "procuratorate_clerk", "chief": "chief_prosecutor", "leader": "gov_leader",
            "justice": "supervisory_judicial_committee", "special": "special_committee"}  # fmt: skip
    for person, role in more.items():
        engine.grant(person, role, TENANT)
    for lender, to in OPPOSED:
        with pytest.raises(NotPermitted, match="colleague of the same body"):
            access.lend(engine, lender, to, until=LAST, by=lender, day=day)
    for lender, to in (("sun", "song"), ("he", "sun"), ("gov", "leader"), ("chief", "clerk")):
        assert [one.person for one in access.lend(engine, lender, to, until=LAST, by=lender, day=day)] == [to]


def test_every_shipped_role_says_whose_it_is(library: Library) -> None:
    """No body holds both who watches and who is watched: what two of them may see together, each of them may see."""
    bodies: dict[str, set[str]] = {}
    for role in library.roles.values:
        bodies.setdefault(library.body(role), set()).add(role)
    assert {frozenset(roles) for roles in bodies.values() if len(roles) > 1} == {
        frozenset({"deputy_affairs", "sc_office", "sc_office_head"}), frozenset({"gov_office", "gov_leader"}),
        frozenset({"procuratorate_clerk", "chief_prosecutor"}), frozenset({"unit_clerk", "unit_head"}),
        frozenset({"station_keeper", "station_clerk"}),
    }  # fmt: skip


def test_a_role_that_says_no_body_is_lent_to_who_holds_the_same(small: Library) -> None:
    assert (small.body("gov_office"), small.body("nothing")) == ("gov_office", "nothing")


def test_nothing_that_was_lent_is_lent_on(engine: Engine) -> None:
    lend(engine)
    engine.grant("zhao.lei", "unit_clerk", city.TENANT, unit="housing")
    given = access.lend(engine, "wang.fang", "zhao.lei", until=LAST, by="wang.fang", day=DAY)
    assert [(grant.role, grant.on_behalf_of) for grant in given] == [("unit_clerk", "wang.fang")]


def test_dates_are_from_today_on_and_in_order(engine: Engine) -> None:
    for wrong in ({"since": date(2026, 3, 1)}, {"until": date(2026, 3, 1)}, {"since": date(2026, 3, 10)}):
        with pytest.raises(FormInvalid):
            lend(engine, **wrong)


def test_a_role_of_ones_own_comes_before_one_that_was_lent(engine: Engine) -> None:
    """And who says that he acts for somebody else borrows nothing of this one."""
    lend(engine)
    grants = [one.grant for one in access.held(engine, person="wang.fang")]
    record: Any = type("Case", (), {"relations": {}, "tenant": city.TENANT})

    def stamped(*roles: str, **more: str) -> Any:
        holders = [Holder(role=role) for role in roles]
        found = permit(holders, Actor(person="wang.fang", **more), grants, record, record, DAY)
        return found and (found.role, found.on_behalf_of)

    assert stamped("unit_head", "unit_clerk") == ("unit_clerk", None)
    assert stamped("unit_head") == ("unit_head", "wu.hao")
    assert stamped("unit_head", on_behalf_of="wu.hao") == ("unit_head", "wu.hao")
    assert stamped("unit_head", on_behalf_of="li.wei") is None


# --- over HTTP


def test_over_http_from_the_loan_to_its_end(engine: Engine, case: str, clock: FrozenClock) -> None:
    client = city.Client(city.served(engine))
    made = client("wu.hao", "POST", "/v1/delegations", {"to": "wang.fang", "until": "2026-03-09"})
    assert made.status_code == 201, made.text
    (shown,) = made.json["delegations"]
    assert (shown["lender"], shown["to"], shown["present"]) == ("wu.hao", "wang.fang", True)
    assert client("wang.fang", "GET", "/v1/delegations").json["delegations"] == [shown]
    assert client("qian.min", "GET", "/v1/delegations").json["delegations"] == []
    assert client("qian.min", "DELETE", f"/v1/delegations/{shown['id']}").status_code == 404
    now = client("wang.fang", "GET", f"/v1/cases/{case}").json
    assert client.fire("wang.fang", now, "reply", **REPLY).status_code == 200
    entries = client("li.wei", "GET", f"/v1/cases/{case}/history").json["entries"]
    assert (entries[-1]["actor"], entries[-1]["on_behalf_of"]) == ("wang.fang", "wu.hao")
    clock.set(date(2026, 3, 10))
    assert not client("wang.fang", "GET", "/v1/delegations").json["delegations"][0]["present"]
    for to in ("nobody", "qian.min"):
        refused = client("wu.hao", "POST", "/v1/delegations", {"to": to, "until": "2026-03-19"})
        assert (refused.status_code, json.loads(refused.data)["errors"][0]["code"]) == (403, "colleague")


# --- the commands


@pytest.fixture
def tibandu(engine: Engine) -> Callable[..., tuple[int, str]]:
    url = engine.database.url.render_as_string(hide_password=False)

    def call(*words: str) -> tuple[int, str]:
        out, common = StringIO(), ["--database", url, "--definitions", str(city.FOLDER), "--lang", "en"]
        return cli.main([*words, *common], out, out), out.getvalue()

    return call


def test_story_H10_grant_report_revoke(tibandu: Callable[..., tuple[int, str]], case: str) -> None:
    words = ("zhao.lei", "office", city.TENANT, "--by", "li.wei", "--until", "2030-01-01")
    assert tibandu("access", "grant", *words)[0] == 0
    found = json.loads(tibandu("access", "report", "--person", "zhao.lei", "--json")[1])
    (grant,) = found["grants"]
    assert (found["sees"], grant["until"], grant["by"]) == (1, "2030-01-01", "li.wei")
    assert tibandu("access", "revoke", grant["id"], "--by", "li.wei")[0] == 0
    assert "sees 0 case(s)" in tibandu("access", "report", "--person", "zhao.lei")[1]
    assert "ended" in tibandu("access", "report", "--person", "zhao.lei", "--all")[1]
    said = tibandu("access", "report", "--unit", "housing")[1]
    assert "wu.hao" in said and "qian.min" not in said
    past = (
        "zhao.lei",
        "office",
        city.TENANT,
        "--by",
        "li.wei",
        "--from",
        "2020-01-01",
        "--until",
        "2020-12-31",
    )
    assert tibandu("access", "grant", *past)[0] == 0
    found = json.loads(tibandu("access", "report", "--person", "zhao.lei", "--json")[1])
    assert (found["sees"], found["grants"]) == (0, []), "one that has expired opens nothing and is not listed"
    assert "2020-12-31" in tibandu("access", "report", "--person", "zhao.lei", "--all")[1], (
        "but it is on record"
    )


def test_it_is_lent_and_taken_back_at_the_console(engine: Engine) -> None:
    """The form keeps what was typed and says why not; both of them find it; either of them ends it."""
    create_schema(engine)
    sessions = Sessions(engine)
    app = create_app(engine, sessions, sessions=sessions)
    app.extensions["sessions"] = sessions
    head, clerk, other = (Reader(app, person) for person in ("wu.hao", "wang.fang", "qian.min"))
    day = str(today(engine) + timedelta(days=7))
    refused = head.fill("/lending", to="qian.min", until=day, reason="出差")
    assert (
        refused.status_code == 422 and "同一机构、同一单位" in head.page and 'value="qian.min"' in head.page
    )
    assert head.goes(head.fill("/lending", to="wang.fang", until=day, reason="出差")) == "/lending"
    assert head.get("/").status_code == 200 and "/lending" in head.page
    (grant,) = access.lent(engine, "wu.hao")
    assert (grant.person, grant.role, str(grant.valid_until)) == ("wang.fang", "unit_head", day)
    assert clerk.get("/lending").status_code == 200 and day in clerk.page
    assert other.get("/lending").status_code == 200 and day not in other.page
    token = re.findall(r'name="csrf_token" value="([^"]+)"', other.page)[0]
    assert other.post(f"/lending/{grant.id}/end", {"csrf_token": token}).status_code == 404
    token = re.findall(r'name="csrf_token" value="([^"]+)"', clerk.page)[0]
    assert clerk.goes(clerk.post(f"/lending/{grant.id}/end", {"csrf_token": token})) == "/lending"
    assert day not in clerk.page


def test_the_report_names_ways_in_that_need_no_sign_in(
    engine: Engine, tibandu: Callable[..., tuple[int, str]]
) -> None:
    """Service tokens, links, calendars and webhooks, with whom they let in until when; never the secret."""
    client = city.Client(city.served(engine))
    body = {"account": "svc.oa", "name": "办公系统", "scopes": ["cases:read"], "expires_on": LASTING}
    token = client(city.OPERATOR, "POST", "/v1/tokens", body).json
    feed = client("li.wei", "POST", "/v1/feeds", {"of": "me"}).json
    hook = {"url": "https://oa.example.cn/hooks", "account": "svc.oa", "kinds": ["suggestion"]}
    hook = client(city.OPERATOR, "POST", "/v1/subscriptions", hook).json
    survey = client.surveys(client.evaluating()["id"])["d.chen"]
    asked = {"events": ["answer"], "subject": "d.chen", "until": "2099-12-31"}
    link = client("li.wei", "POST", f"/v1/cases/{survey}/invitations", asked).json["address"]
    found = json.loads(tibandu("access", "report", "--json")[1])["ways"]
    assert [(one["kind"], one["person"], one["until"]) for one in found] == [
        ("service token", "svc.oa", LASTING), ("link", "d.chen", "2099-12-31"), ("calendar", "li.wei", None),
        ("webhook", "svc.oa", None),
    ]  # fmt: skip
    said = tibandu("access", "report")[1]
    for secret in (
        token["token"],
        feed["address"].rpartition("/")[2],
        hook["secret"],
        link.rpartition("/")[2],
    ):
        assert secret not in said + json.dumps(found)
    client(city.OPERATOR, "DELETE", f"/v1/tokens/{token['id']}")
    only = json.loads(tibandu("access", "report", "--person", "svc.oa", "--json")[1])["ways"]
    assert [one["kind"] for one in only] == ["webhook"]
    client(city.OPERATOR, "POST", f"/v1/subscriptions/{hook['id']}/pause")
    only = json.loads(tibandu("access", "report", "--person", "svc.oa", "--json")[1])["ways"]
    assert only == [], "a webhook that is paused sends nothing"
    every = json.loads(tibandu("access", "report", "--person", "svc.oa", "--all", "--json")[1])["ways"]
    assert [one["kind"] for one in every] == ["service token", "webhook"]


def test_nobody_grants_revokes_or_lends_to_himself(
    engine: Engine, tibandu: Callable[..., tuple[int, str]]
) -> None:
    (mine,) = access.held(engine, person="li.wei")
    for words in (
        ("grant", "li.wei", "unit_head", city.TENANT, "--by", "li.wei"), ("revoke", mine.grant.id, "--by", "li.wei"),
        ("lend", "wu.hao", "wang.fang", "--until", "2030-01-01", "--by", "wang.fang"),
    ):  # fmt: skip
        code, said = tibandu("access", *words)
        assert code == 1 and "himself" in said, said
    assert tibandu("access", "grant", "li.wei", "office", city.TENANT)[0] == 2, "who does it is to be named"


def test_break_glass_by_command(engine: Engine, tibandu: Callable[..., tuple[int, str]], case: str) -> None:
    words = ("access", "break-glass", case, "office", "--person", "ops.chen", "--reason", "今日到期")
    code, said = tibandu(*words, "--hours", "2")
    assert code == 0 and "the case says so" in said
    assert engine.history(case)[-1].actor == "ops.chen"
    assert tibandu(*words, "--hours", "200")[0] == 1


def test_lend_and_acts(tibandu: Callable[..., tuple[int, str]]) -> None:
    code, said = tibandu("access", "lend", "wu.hao", "wang.fang", "--until", "2030-01-01", "--by", "wu.hao")
    assert code == 0 and "acts for wu.hao (unit_head)" in said
    assert tibandu("access", "acts", "--account", "svc.oa")[0] == 0
    assert tibandu("access", "revoke", "nothing", "--by", "li.wei")[0] == 1
