"""Tables over HTTP: judged, marked, taken in, and the same again changes nothing."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pytest
from python_calamine import load_workbook

from workflow import Engine
from workflow.testing import FrozenClock

from . import http_walk as city

HEAD = "ref,title,body,signers"
ROWS = [HEAD, "001,关于驿站的建议,建站,d.chen", "002,关于路灯的建议,装灯,陈静"]
WHERE = "/v1/imports/suggestion{}?name=s.csv&tenant=hubei/xianning"


@pytest.fixture
def client(ready_url: str) -> Iterator[city.Client]:
    for engine in city.opened(ready_url, FrozenClock(city.TODAY)):
        city.register(engine)
        yield city.Client(city.served(engine))


def send(client: city.Client, where: str, *rows: str, who: str = "li.wei"):
    return client(who, "POST", where, data="\n".join(rows).encode())


def cases(client: city.Client) -> list[str]:
    engine: Engine = client.app.extensions["engine"]
    return [case.data["title"] for case in engine.search(kind="suggestion")]


def test_a_table_is_judged_marked_taken_and_known_again(client: city.Client) -> None:
    bad = [*ROWS, "003,,修路,d.nobody"]
    told = send(client, WHERE.format("/preview"), *bad).json
    assert [(f["row"], f["column"]) for f in told["faults"]] == [(4, "title"), (4, "signers")]
    assert not told["written"] and send(client, WHERE.format(""), *bad).json["written"] is False
    assert cases(client) == []
    marked = send(client, WHERE.format("/faults"), *bad)
    assert marked.headers["Content-Disposition"].startswith("attachment") and marked.status_code == 200
    sheet = load_workbook(io.BytesIO(marked.data)).get_sheet_by_index(0).to_python()
    assert "没有登记" in sheet[-1][-1]
    assert len(send(client, WHERE.format("/preview"), *ROWS).json["added"]) == 2 and cases(client) == []
    done = send(client, WHERE.format(""), *ROWS).json
    assert (done["written"], len(done["added"])) == (True, 2) and len(cases(client)) == 2
    again = send(client, WHERE.format(""), *ROWS).json
    assert (again["added"], again["same"]) == ([], 2)


def test_who_may_not_propose_writes_nothing(client: city.Client) -> None:
    told = send(client, WHERE.format(""), *ROWS, who="wang.fang").json
    assert told["faults"] and not told["written"] and cases(client) == []


def test_what_is_no_such_table(client: city.Client) -> None:
    no = send(client, "/v1/imports/sugestion?name=a.csv", "x")
    assert no.status_code == 404
    assert no.json["texts"] == {
        "zh": "没有表格类别“sugestion”；是不是 suggestion？",
        "en": "there is no kind of table 'sugestion'; did you mean suggestion?",
    }
    told = client("li.wei", "GET", "/v1/imports/zzz/form").json["texts"]
    assert "deputy" in told["zh"] and "suggestion" in told["en"], "all there are, where none is near"
    no = send(client, WHERE.format("") + "&then=acept", *ROWS)
    assert no.status_code == 404 and no.json["texts"]["en"].endswith("did you mean accept?")
    assert send(client, "/v1/imports/suggestion?name=a.exe", "x").status_code == 400
    assert send(client, WHERE.format("/faults").replace("s.csv", "s.xlsx"), "no zip").status_code == 415
    many = [HEAD, *(f"{n},关于{n}的建议,建,d.chen" for n in range(1001))]
    assert "1000" in send(client, WHERE.format("/preview"), *many).json["faults"][0]["reason"]["zh"]
    assert client("li.wei", "POST", WHERE.format(""), data=b"x" * ((4 << 20) + 1)).status_code == 413


def test_an_empty_table_is_given_out(client: city.Client) -> None:
    answer = client("li.wei", "GET", "/v1/imports/suggestion/form?then=accept")
    head = load_workbook(io.BytesIO(answer.data)).get_sheet_by_index(0).to_python()[0]
    assert head[0] == "序号" and "次会议" in head
