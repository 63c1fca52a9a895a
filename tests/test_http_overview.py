"""What is told of many cases on both databases: the feed, figures, exports, an inbox, the law; through one filter."""

from __future__ import annotations

import csv
import io
import threading
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from api.exports import COLUMNS, plain
from workflow import Engine
from workflow.form_schema import form_schema
from workflow.forms import Form
from workflow.library import Library
from workflow.outbox import Contact, Receipt
from workflow.testing import FrozenClock

from . import http_walk as city
from .lifecycle import count

LI = "li.wei"


# --- the feed


def read_on(
    client: city.Client, who: str, after: int = 0, limit: int = 2
) -> tuple[list[dict[str, Any]], int]:
    seen: list[dict[str, Any]] = []
    while True:
        body = client(who, "GET", f"/v1/events?after={after}&limit={limit}").json
        seen += body["events"]
        if len(body["events"]) < limit:
            return seen, body["next"]
        after = body["next"]


def test_the_feed_tells_each_line_once_and_only_what_one_may_know(client: city.Client) -> None:
    mine, other = client.handling(), client.handling("roads")
    seen, following = read_on(client, LI)
    assert [event["position"] for event in seen] == [1, 2, 3, 4, 5, 6]
    assert {event["subject"] for event in seen} == {mine["id"], other["id"]}
    assert [e["sequence"][-1] for e in seen if e["subject"] == mine["id"]] == ["1", "2", "3"]
    assert seen[0]["type"] == "tibandu.suggestion.start"
    assert client(LI, "GET", seen[0]["dataref"]).json["id"] == seen[0]["subject"]
    assert read_on(client, LI, following) == ([], following)
    theirs, following = read_on(client, "qian.min")
    assert {event["subject"] for event in theirs} == {other["id"]}
    client.fire(LI, client(LI, "GET", f"/v1/cases/{other['id']}").json, "assign")
    client.fire("qian.min", other, "send_back", return_reason="不属本单位")
    assert [e["type"] for e in read_on(client, "qian.min", following)[0]] == ["tibandu.suggestion.send_back"]


def test_story_G08_no_gap_beside_writers(city_engine: Engine, client: city.Client) -> None:
    stop, seen = threading.Event(), list[int]()

    def read() -> None:
        after = 0
        own = city.Client(client.app)
        while True:
            last = stop.is_set()
            body = own(LI, "GET", f"/v1/events?after={after}&limit=7").json
            seen.extend(event["position"] for event in body["events"])
            after = body["next"]
            if last and not body["events"]:
                return

    def write() -> None:
        own = city.Client(client.app)
        for _ in range(6):
            own.handling()

    reader, writers = threading.Thread(target=read), [threading.Thread(target=write) for _ in range(3)]
    for thread in (reader, *writers):
        thread.start()
    for thread in writers:
        thread.join()
    stop.set()
    reader.join()
    assert seen == list(range(1, count(city_engine, "history") + 1))


# --- figures


def test_figures_have_their_denominators(client: city.Client, clock: FrozenClock) -> None:
    client.handling()
    client.handling("roads")
    client(LI, "POST", "/v1/cases", city.START)
    clock.set(city.date(2026, 6, 3))
    body = client(LI, "GET", "/v1/statistics?by=unit").json
    assert [(g["group"], g["opened"], g["open"]) for g in body["groups"]] == [
        ({"unit": "housing"}, 1, 1), ({"unit": "roads"}, 1, 1),
    ]  # fmt: skip
    assert body["total"]["open"] == 3
    assert body["total"]["over_target"] == {"part": 2, "of": 3, "rate": 0.6667}
    assert body["total"]["over_statutory"] == {"part": 0, "of": 3, "rate": 0.0}
    clock.set(city.date(2026, 9, 3))
    assert client(LI, "GET", "/v1/statistics").json["total"]["over_statutory"]["part"] == 2
    assert client("wang.fang", "GET", "/v1/statistics").json["total"]["open"] == 1
    nothing = client(LI, "GET", "/v1/statistics?kind=survey&roots=false").json["total"]
    assert (nothing["open"], nothing["over_target"]["rate"]) == (0, None)


def concluded_in_april(client: city.Client, clock: FrozenClock) -> None:
    """Handled from the day the clock shows."""
    case = client.handling()
    case = client.fire("wu.hao", case, "reply", reply_letter=city.LETTER, promised=False).json
    case = client.fire(LI, case, "ask").json
    clock.set(city.date(2026, 4, 7))
    for survey in client(LI, "GET", f"/v1/cases/{case['id']}?include=children").json["children"]:
        client.app.extensions["engine"].fire(
            survey["id"], "answer", actor(survey["party"]), {"level": "satisfied"}
        )
        client.fire(LI, client(LI, "GET", f"/v1/cases/{survey['id']}").json, "tally")
    client.fire(LI, client(LI, "GET", f"/v1/cases/{case['id']}").json, "conclude")


def test_in_and_out_by_month(client: city.Client, clock: FrozenClock) -> None:
    concluded_in_april(client, clock)
    groups = client(LI, "GET", "/v1/statistics?by=month").json["groups"]
    assert [(g["group"]["month"], g["opened"], g["concluded"]) for g in groups] == [
        ("2026-03", 1, 0),
        ("2026-04", 0, 1),
    ]
    april = client(LI, "GET", "/v1/statistics?start=2026-04-01&before=2026-05-01").json["total"]
    assert (april["opened"], april["concluded"], april["open"]) == (0, 1, 0)


def test_every_number_opens_the_list_of_its_length(client: city.Client, clock: FrozenClock) -> None:
    clock.set(city.date(2026, 1, 30))
    client.handling()
    concluded_in_april(client, clock)
    clock.set(city.date(2026, 7, 3))
    client.handling("roads")
    opened = 0
    for asked in ("", "?by=kind,unit,month", "?by=state,tenant,slot&roots=false", "?by=definition&kind=survey&roots=false",
                  "?by=month&start=2026-03-02&before=2026-04-20"):  # fmt: skip
        body = client(LI, "GET", f"/v1/statistics{asked}").json
        for group in [body["total"], *body["groups"]]:
            for name, address in group["lists"].items():
                number = group[name]["part"] if name.startswith("over_") else group[name]
                found = client(LI, "GET", address, prefer="count=exact")
                assert found.json["count"] == number, address
                opened += number > 0
    assert opened > 30


def test_of_a_congress_below_which_another_has_numbers_there_is_no_list(client: city.Client) -> None:
    client(LI, "POST", "/v1/cases", city.START)
    engine, below_it = client.app.extensions["engine"], f"{city.TENANT}/xianan"
    engine.grant("li.xian", "office", below_it)
    engine.start("suggestion", actor("li.xian"), city.PROPOSAL, tenant=below_it)
    above, below = client(LI, "GET", "/v1/statistics?by=tenant").json["groups"]
    assert {*above["lists"].values()} == {None} and None not in below["lists"].values()


def actor(person: str) -> Any:
    from workflow import Actor

    return Actor(person=person)


# --- exports


def test_an_export_holds_no_formula(client: city.Client) -> None:
    hostile = ["=1+1", "+1", "-1", "@SUM(A1)", "＝1", " =1", "a", '"; drop', "=cmd|' /C calc'!A0"]
    for title in hostile:
        client(LI, "POST", "/v1/cases", city.START | {"data": city.PROPOSAL | {"title": title}})
    answer = client(LI, "GET", "/v1/exports/cases.csv")
    assert answer.data.startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(io.StringIO(answer.data.decode("utf-8-sig"))))
    assert tuple(rows[0]) == COLUMNS
    assert len(rows) == len(hostile)
    cells = [cell for row in rows for cell in row.values()]
    assert not [cell for cell in cells if cell.strip().startswith(("=", "+", "-", "@", "＝"))]
    assert {row["title"].removeprefix("'") for row in rows} == set(hostile)


@pytest.mark.parametrize("text", ["\tx", "\rx", "＠x", "\x00=", "  +1", "\n=1"])
def test_what_a_spreadsheet_might_take_for_a_formula(text: str) -> None:
    assert plain(text).startswith("'")


def test_an_export_is_what_a_search_finds(client: city.Client) -> None:
    client.handling()
    client.handling("roads")
    rows = list(
        csv.DictReader(
            io.StringIO(client("wang.fang", "GET", "/v1/exports/cases.csv").data.decode("utf-8-sig"))
        )
    )
    assert [row["parties"] for row in rows] == ["signer: d.chen, d.zhou; lead: housing"]
    assert rows[0]["due_on"] == "2026-06-02"


# --- the inbox


def test_an_inbox_is_ones_own(city_engine: Engine, client: city.Client) -> None:
    case = client.handling()
    city_engine.alerts.address()
    mine = client("wang.fang", "GET", "/v1/inbox").json["entries"]
    assert [(entry["line"]["case"], entry["read_at"]) for entry in mine] == [(case["id"], None)]
    assert client("qian.min", "GET", "/v1/inbox").json["entries"] == []
    assert client("qian.min", "POST", "/v1/inbox/read", {"keys": [mine[0]["key"]]}).json == {"read": 0}
    assert client("wang.fang", "POST", "/v1/inbox/read", {"keys": [mine[0]["key"]]}).json == {"read": 1}
    assert client("wang.fang", "GET", "/v1/inbox?unread=true").json["entries"] == []


def test_what_one_was_told_of_a_case_stands_with_it(city_engine: Engine, client: city.Client) -> None:
    case, other = client.handling(), client.handling()
    while city_engine.alerts.address():
        pass
    told = client("wang.fang", "GET", f"/v1/cases/{case['id']}/alerts").json["entries"]
    everything = client("wang.fang", "GET", "/v1/inbox").json["entries"]
    assert told == [one for one in everything if one["line"]["case"] == case["id"]] and told
    assert {one["line"]["case"] for one in everything} == {case["id"], other["id"]}
    client("wang.fang", "POST", "/v1/inbox/read", {"keys": [one["key"] for one in told]})
    assert client("wang.fang", "GET", f"/v1/cases/{case['id']}/alerts?unread=true").json["entries"] == []
    assert client(LI, "GET", f"/v1/cases/{case['id']}/alerts").json["entries"] == [], (
        "nobody else's, who may know of the case"
    )
    assert client("qian.min", "GET", f"/v1/cases/{case['id']}/alerts").status_code == 404, (
        "he may not know of it"
    )


def test_an_inbox_by_the_page(city_engine: Engine, client: city.Client) -> None:
    for _ in range(3):
        client.handling()
    city_engine.alerts.address()
    seen, address = [], "/v1/inbox?limit=2"
    while address:
        body = client("wang.fang", "GET", address).json
        seen += [entry["key"] for entry in body["entries"]]
        address = body["next"]
    assert len(seen) == len(set(seen)) == 3


# --- the law


def test_definitions_and_forms(client: city.Client) -> None:
    listed = client(LI, "GET", "/v1/definitions").json["definitions"]
    assert [d["kind"] for d in listed] == ["opinion", "reception_day", "suggestion", "survey"]
    found = client(LI, "GET", f"/v1/definitions/{listed[2]['hash']}").json
    assert found["kind"] == "suggestion"
    reply = next(event for event in found["events"] if event["name"] == "reply")
    assert (reply["by"], reply["sources"]) == (["unit_head of lead"], ["handling"])
    assert client(LI, "GET", "/v1/definitions/suggestion/diagram").text.startswith("%% suggestion 901")
    assert "s_filed" in client(LI, "GET", "/v1/definitions/suggestion/diagram?language=en").text
    picture = client(LI, "GET", "/v1/definitions/suggestion/picture")
    assert picture.content_type == "image/svg+xml" and picture.text.startswith("<svg")
    form = client(LI, "GET", "/v1/definitions/survey/events/answer/form").json["form"]
    Draft202012Validator.check_schema(form)
    assert [value["const"] for value in form["properties"]["level"]["oneOf"]] == ["satisfied", "dissatisfied"]
    for address in (
        "/v1/definitions/none",
        "/v1/definitions/suggestion/events/none/form",
        "/v1/definitions/" + "0" * 64,
    ):
        assert client(LI, "GET", address).status_code == 404


def test_rules_say_their_source(client: city.Client) -> None:
    body = client(LI, "GET", "/v1/rules").json
    assert (body["place"], body["on"]) == ("town", "2026-03-02")
    rule = next(rule for rule in body["rules"] if rule["id"] == "reply")
    assert (rule["value"], rule["unit"], rule["source"], rule["confidence"]) == (
        3,
        "month",
        "代表法(2025) 第51条",
        "S",
    )


def test_a_notice_is_previewed_and_put_in_force_by_an_operator(
    client: city.Client, clock: FrozenClock
) -> None:
    clock.set(city.date(2026, 10, 8))
    case = client.handling()
    case = client(LI, "GET", f"/v1/cases/{case['id']}").json
    assert case["clocks"][0]["provisional"]
    body = {"calendar": city.CALENDAR}
    (change,) = client(LI, "POST", "/v1/calendar/preview", body).json["changes"]
    assert (change["case"], change["moves"], change["provisional"]) == (case["id"], False, False)
    refused = client("qian.min", "POST", "/v1/calendar/preview", body)
    assert (refused.status_code, refused.json["errors"][0]["code"]) == (403, "office")
    assert client(LI, "POST", "/v1/calendar/apply", body).status_code == 403
    seen = client(LI, "GET", "/v1/calendar").json["version"]
    late = client(city.OPERATOR, "POST", "/v1/calendar/apply", body | {"instead_of": "cn-1999"})
    assert (late.status_code, late.json["code"]) == (409, "conflict") and seen in late.json["detail"]
    body |= {"instead_of": seen}
    assert client(city.OPERATOR, "POST", "/v1/calendar/apply", body).json["changes"] == [change]
    assert client(city.OPERATOR, "POST", "/v1/calendar/apply", body).status_code == 409, "it is another now"
    body.pop("instead_of")
    assert client(LI, "GET", f"/v1/cases/{case['id']}").json["clocks"][0]["provisional"] is False
    for wrong in ({}, {"calendar": "cn"}, city.CALENDAR | {"calendar": "us"}, city.CALENDAR | {"years": 7}):
        assert client(LI, "POST", "/v1/calendar/preview", {"calendar": wrong}).status_code == 422
    empty = client(LI, "POST", "/v1/calendar/preview", {"calendar": {}}).json
    assert "/calendar/horizon" in {error["pointer"] for error in empty["errors"]}, "each where it is"
    assert "horizon: " in empty["texts"]["en"]


# --- the schema of a form and the form itself agree


def test_every_shipped_form_has_a_schema(library: Library) -> None:
    for definition in library.definitions.values():
        for event in (definition.start, *definition.events.values()):
            Draft202012Validator.check_schema(form_schema(definition, event, library.codes))


VALUES: dict[str, list[Any]] = {
    "code": ["satisfied", "x", None],
    "text": ["建议", "", " ", "a\x00", "a\u202e", "a\nb", 7, None, "x" * 200_001],
    "integer": [0, -5, 2**53, 1.5, True, "7"],
    "boolean": [True, False, 0, "true"],
    "document": [
        city.LETTER,
        {**city.LETTER, "size": -1},
        {**city.LETTER, "sha256": "A" * 64},
        {"name": "x"},
        "x",
    ],
    "person": ["d.chen", "x" * 81, "", 7],
    "date": ["2026-03-02", None],
    "persons": [None, [], ["a"], ["a", "a"], "a", [7], ["x" * 81]],
}


@pytest.mark.parametrize("asked", ["start", "required", "optional"])
@pytest.mark.parametrize(
    ("kind", "value"), [(kind, value) for kind, found in VALUES.items() for value in found]
)
def test_the_schema_takes_what_the_form_takes(kind: str, value: Any, asked: str, library: Library) -> None:
    from dataclasses import replace

    from workflow.definition import Field, FormField
    from workflow.errors import FormInvalid, Text

    base = library.definitions["suggestion"]
    definition = replace(
        base, fields={"x": Field(name="x", title=Text("某项", "x"), type=kind, codes="satisfaction")}
    )  # type: ignore[arg-type]
    form = (FormField(name="x", required=asked != "optional"),)
    event = replace(base.start if asked == "start" else base.events["merge"], form=form)
    try:
        Form(definition, event, library.codes).load({"x": value})
        taken = True
    except FormInvalid:
        taken = False
    assert Draft202012Validator(form_schema(definition, event, library.codes)).is_valid({"x": value}) == taken


def test_letters_that_were_given_up_are_an_operators_and_go_again(client: city.Client) -> None:
    engine = client.app.extensions["engine"]
    engine.alerts.set_contacts("wang.fang", [Contact(channel="mail", address="w@example.cn")])
    client.handling()
    while engine.alerts.address():
        pass
    (letter,) = engine.alerts.claim("mail", 5)
    engine.alerts.complete(letter, Receipt(state="failed", answer="550 no such user", permanent=True))
    found = client(city.OPERATOR, "GET", "/v1/alerts/dead").json
    (one,) = [one for one in found["letters"] if one["channel"] == "mail"]
    assert (one["holder"], one["attempts"], one["answer"], found["dead"]) == (
        "wang.fang",
        1,
        "550 no such user",
        1,
    )
    for who in ("wang.fang", "li.wei", ""):
        assert client(who, "GET", "/v1/alerts/dead").status_code in (401, 403)
        assert client(who, "POST", "/v1/alerts/redeliver", {}).status_code in (401, 403)
    assert client(city.OPERATOR, "POST", "/v1/alerts/redeliver", {"channel": "sms"}).json == {
        "redelivered": 0
    }
    assert client(city.OPERATOR, "POST", "/v1/alerts/redeliver", {"keys": [one["key"]]}).json == {
        "redelivered": 1
    }
    assert engine.alerts.claim("mail", 5)
