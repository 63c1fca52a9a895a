"""Many events at once over HTTP: a result for each row, jobs that go on where a worker died, nothing twice."""

from __future__ import annotations

import contextlib
import gc
import io
import signal
import threading
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

import api.batches
import api.bulk
import api.jobs
from api import Jobs, create_app
from api.packs import begin
from api.server import Worker, serve
from api.store import SCRIPTS, Shelf
from api.tables import ERASURE
from workflow import Actor, Engine
from workflow.errors import FormInvalid, NotFound
from workflow.migrations import downgrade
from workflow.model import Party
from workflow.overview import marks
from workflow.testing import FrozenClock

from . import http_walk as city
from .lifecycle import count

LI = "li.wei"
NEW = {"kind": "suggestion", "tenant": city.TENANT, "data": city.PROPOSAL}


@pytest.fixture
def engine(ready_url: str) -> Iterator[Engine]:
    yield from city.opened(ready_url, FrozenClock(city.TODAY))


@pytest.fixture
def client(engine: Engine) -> city.Client:
    return city.Client(city.served(engine))


def send(client: city.Client, rows: list[dict[str, Any]], who: str = LI, **headers: str) -> Any:
    return client(who, "POST", "/v1/batches", {"rows": rows}, **headers)


def few(monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    """As if a job began with so many rows."""
    for module in (api.batches, api.jobs):
        monkeypatch.setattr(module, "AT_ONCE", most)


def test_a_result_for_each_row(client: city.Client) -> None:
    first = client(LI, "POST", "/v1/cases", city.START).json
    accept = {"case": first["id"], "event": "accept", "data": {"session": "五次"}}
    body = send(
        client, [accept, accept, {**accept, "data": {}}, {"case": "none", "event": "accept"}, NEW]
    ).json
    assert (body["total"], body["done"], body["refused"]) == (5, 5, 3)
    assert [row["state"] for row in body["rows"]] == ["accepted", None, None, None, "filed"]
    codes = [row["problem"] and row["problem"]["code"] for row in body["rows"]]
    assert codes == [None, "not_in_state", "not_in_state", "not_found", None]


def test_a_foreign_case_is_as_if_there_were_none(client: city.Client) -> None:
    case = client(LI, "POST", "/v1/cases", city.START).json
    rows = [{"case": id_, "event": "accept", "data": {"session": "五次"}} for id_ in (case["id"], "none")]
    told = [row["problem"] for row in send(client, rows, "qian.min").json["rows"]]
    assert told[0] == told[1] and told[0]["code"] == "not_found"


def test_one_saw_another_revision(client: city.Client) -> None:
    case = client(LI, "POST", "/v1/cases", city.START).json
    row = {"case": case["id"], "event": "accept", "data": {"session": "五次"}, "revision": 7}
    assert send(client, [row]).json["rows"][0]["problem"]["code"] == "stale"


def test_the_same_key_gives_the_same_bytes(engine: Engine, client: city.Client) -> None:
    first = send(client, [NEW, NEW], idempotency_key="k")
    again = send(client, [NEW, NEW], idempotency_key="k")
    assert (again.status_code, again.data) == (first.status_code, first.data) == (200, first.data)
    assert count(engine, "cases") == 2
    assert send(client, [NEW], idempotency_key="k").status_code == 422
    assert send(client, [NEW], "he.jun", idempotency_key="k").json["id"] != first.json["id"]


def test_a_large_one_is_a_job(engine: Engine, client: city.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    few(monkeypatch, 4)
    accepted = send(client, [NEW] * 9 + [{**NEW, "data": {}}])
    assert (accepted.status_code, accepted.json["done"], accepted.json["rows"]) == (202, 0, [])
    address = accepted.headers["Location"]
    assert client("he.jun", "GET", address).status_code == 404
    progress = []
    while Jobs(engine).advance():
        progress.append(client(LI, "GET", address).json["done"])
    assert progress == [4, 8, 10]
    assert client(LI, "GET", f"{address}?after=-1").status_code == 400
    seen, after = [], ""
    while after is not None:
        body = client(LI, "GET", f"{address}?limit=3{after and f'&after={after}'}").json
        seen += [row["row"] for row in body["rows"]]
        after = body["next"]
    assert (seen, body["refused"]) == (list(range(10)), 1)
    assert count(engine, "cases") == 9


def test_a_worker_that_died_did_nothing_twice(
    engine: Engine, client: city.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    few(monkeypatch, 3)
    address = send(client, [NEW] * 5).headers["Location"]
    with monkeypatch.context() as death:
        death.setattr(api.bulk, "shown", lambda *_: (_ for _ in ()).throw(MemoryError))
        with pytest.raises(MemoryError):
            Jobs(engine).advance()
    assert count(engine, "cases") == 3  # the engine has committed, we have not
    while Jobs(engine).advance():
        pass
    assert count(engine, "cases") == 5
    assert client(LI, "GET", address).json["refused"] == 0


def test_several_workers_do_each_row_once(
    engine: Engine, client: city.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    few(monkeypatch, 2)
    address = send(client, [NEW] * 8).headers["Location"]

    def work(_: int) -> None:
        while Jobs(engine).advance():
            pass

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    assert count(engine, "cases") == 8
    assert (client(LI, "GET", address).json["done"], client(LI, "GET", address).json["refused"]) == (8, 0)


@pytest.mark.parametrize(
    "row",
    [{}, {"case": "x"}, {"event": "x"}, {"kind": "suggestion"}, {"case": "x", "event": "y", "nothing": 1}, {"case": "a b", "event": "y"}],
)  # fmt: skip
def test_a_row_is_an_event_or_a_start(row: dict[str, Any]) -> None:
    assert api.batches.BatchIn().validate({"rows": [row]})


def test_without_its_tables_the_service_says_what_is_missing(engine: Engine, client: city.Client) -> None:
    tables = Shelf(engine).tables
    downgrade(engine.database, tables.prefix, scripts=SCRIPTS, metadata=tables.metadata)
    told = city.Client(create_app(engine, city.bearer))
    assert send(told, [NEW]).status_code == 200  # nothing of its own is needed
    answer = send(told, [NEW], idempotency_key="k")
    assert answer.status_code == 503 and "api.create_schema" in answer.text
    Shelf(engine).create_schema()
    assert send(told, [NEW], idempotency_key="k").status_code == 200


def test_the_worker_goes_on_after_a_fault_and_ends_with_its_block() -> None:
    import threading

    done, answers = threading.Event(), [3, ZeroDivisionError(), 0]

    def advance() -> int:
        if not answers:
            done.set()
            return 0
        now = answers.pop(0)
        if isinstance(now, Exception):
            raise now
        return now

    with Worker(advance, seconds=0.001):
        assert done.wait(10)


# --- documents of many cases


@pytest.fixture
def letters(engine: Engine, client: city.Client) -> list[str]:
    """Three cases that have been assigned, each with a letter."""
    return [client.handling()["id"] for _ in range(3)]


def packed(client: city.Client, cases: list[str], **headers: str) -> Any:
    return client(LI, "POST", "/v1/letters", {"cases": cases, "letters": ["assignment"]}, **headers)


def test_documents_of_many_cases_are_a_job_of_whoever_asked(
    engine: Engine, client: city.Client, letters: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api.jobs, "CASES_AT_ONCE", 2)
    accepted = packed(client, letters[::-1], idempotency_key="k")
    assert (accepted.status_code, accepted.json["total"], accepted.json["result"]) == (202, 3, None)
    address, made = accepted.headers["Location"], f"{accepted.headers['Location']}/letters.zip"
    assert not Jobs(engine).advance(), "who writes no documents leaves it to others"
    early = client(LI, "GET", made)
    assert (early.status_code, early.json["code"], early.headers["Retry-After"]) == (409, "not_ready", "5")
    progress = []
    while Jobs(engine, city.papers(engine)).advance():
        progress.append(client(LI, "GET", address).json["done"])
    assert progress == [2, 3]
    assert client(LI, "GET", address).json["result"] == made
    names = zipfile.ZipFile(io.BytesIO(client(LI, "GET", made).data)).namelist()
    numbers = [client(LI, "GET", f"/v1/cases/{case}").json["number"] for case in letters[::-1]]
    assert [name[:3] for name in names] == ["001", "002", "003"]
    assert all(number in name for number, name in zip(numbers, names, strict=True))
    for address_ in (address, made):
        assert client("he.jun", "GET", address_).data == client("he.jun", "GET", "/v1/batches/none").data
    assert packed(client, letters[::-1], idempotency_key="k").json["id"] == accepted.json["id"]
    none = packed(client, [*letters, "none"])
    assert (
        none.status_code == 404
        and none.data == client("qian.min", "POST", "/v1/letters", {"cases": letters}).data
    )


def test_what_was_made_goes_with_the_right_to_know_and_after_a_day(
    engine: Engine, client: city.Client, letters: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    address = packed(client, letters).headers["Location"]
    jobs = Jobs(engine, city.papers(engine))
    while jobs.advance():
        pass
    with monkeypatch.context() as gone:
        gone.setattr(api.jobs, "visible", lambda *_: {letters[1]})
        assert (
            len(zipfile.ZipFile(io.BytesIO(client(LI, "GET", f"{address}/letters.zip").data)).namelist()) == 1
        )
    engine.clock.advance(hours=24)  # type: ignore[attr-defined]
    assert client(LI, "GET", address).status_code == 404
    assert client(LI, "GET", f"{address}/letters.zip").status_code == 404
    jobs.sweep()
    tables = Shelf(engine).tables
    with engine.database.begin() as connection:
        assert not connection.execute(tables.batch_row.select()).all(), "nothing of it is left"


def test_a_case_that_is_gone_meanwhile_is_said_and_the_others_are_made(
    engine: Engine, client: city.Client, letters: list[str]
) -> None:
    rows = [{"case": case, "letters": []} for case in (letters[0], "none", letters[1])]
    id_ = Jobs(engine).submit(Actor(person=LI), rows, None, api.jobs.LETTERS)
    while Jobs(engine, city.papers(engine)).advance():
        pass
    body = client(LI, "GET", f"/v1/batches/{id_}").json
    assert (body["done"], body["refused"]) == (3, 1)
    assert [row["problem"] and row["problem"]["code"] for row in body["rows"]] == [None, "not_found", None]


def test_one_whose_documents_cannot_be_made_holds_nobody_up(
    engine: Engine, client: city.Client, letters: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    """A fault of ours in one case: it is in the log, the others are made, and events do not wait for documents."""
    good = city.papers(engine)

    class Faulty:
        def pack(self, cases: list[str], *rest: Any) -> int:
            if letters[0] in cases:
                raise KeyError("template")
            return good.pack(cases, *rest)

    made = packed(client, letters[:2]).headers["Location"]
    engine.clock.advance(seconds=5)  # type: ignore[attr-defined]
    row = {"case": letters[2], "event": "none"}
    rows = client(LI, "POST", "/v1/batches", {"rows": [row]}, prefer="respond-async").headers["Location"]
    jobs = Jobs(engine, Faulty())  # type: ignore[arg-type]
    jobs.advance()
    assert [client(LI, "GET", address).json["done"] for address in (rows, made)] == [1, 0]
    while jobs.advance():
        pass
    found = client(LI, "GET", made).json["rows"]
    assert [row["problem"] and row["problem"]["code"] for row in found] == ["internal", None]
    assert any(record.exc_info and "template" in str(record.exc_info[1]) for record in caplog.records)


def test_what_was_erased_is_in_no_pack_any_more(
    engine: Engine, client: city.Client, letters: list[str]
) -> None:
    """Made before, fetched after: the case, or a person of it, is not what it was, so its documents are made anew."""
    address = packed(client, letters).headers["Location"]
    jobs, title = Jobs(engine, city.papers(engine)), engine.case(letters[0]).data["title"]
    while jobs.advance():
        pass

    def held() -> list[bool]:
        while jobs.advance():
            pass
        whole = zipfile.ZipFile(io.BytesIO(client(LI, "GET", f"{address}/letters.zip").data))
        return [title in _words(whole.read(name)) for name in whole.namelist()]

    assert held() == [True] * 3
    engine.erase(letters[0], ["title"], actor=Actor(person=LI), reason="本人要求")
    assert kept(engine) == [None] * 3, "in the transaction of the erasure, for it may stand in any of them"
    refused = client(LI, "GET", f"{address}/letters.zip")
    assert (refused.status_code, refused.json["code"]) == (409, "not_ready")
    assert client(LI, "GET", address).json["done"] == 0, "to be made anew, by whoever works on jobs"
    assert held() == [False, True, True]
    person = Party(
        id="d.new", kind="deputy", name="新", tenant=city.TENANT, personal={"phone": "13900000000"}
    )
    engine.parties.put([person], by=Actor(person=LI), trusted=True)
    before = marks(engine, letters)
    engine.parties.erase("d.new", ["phone"], by=Actor(person=LI), reason="本人要求")
    assert kept(engine) == [None] * 3
    assert not before.items() & marks(engine, letters).items(), "a letter may have named that person"


def kept(engine: Engine) -> list[Any]:
    """What stands in the table of the documents that were made."""
    r = Shelf(engine).tables.batch_row.c
    with engine.database.connect() as connection:
        return list(connection.execute(select(r.content).order_by(r.row)).scalars())


def test_what_is_erased_while_documents_are_made_is_not_written_down(
    engine: Engine, client: city.Client, letters: list[str]
) -> None:
    good = city.papers(engine)

    class Slow:
        def pack(self, *asked: Any) -> int:
            made = good.pack(*asked)
            engine.erase(letters[0], ["title"], actor=Actor(person=LI), reason="本人要求")
            return made

    address = packed(client, letters[:1]).headers["Location"]
    Jobs(engine, Slow()).advance()  # type: ignore[arg-type]
    assert kept(engine) == [None]
    assert client(LI, "GET", f"{address}/letters.zip").status_code == 409


@pytest.mark.parametrize("ready_url", ["postgresql"], indirect=True)
def test_who_erases_waits_for_whoever_is_writing_one_down(engine: Engine, client: city.Client) -> None:
    """The other order, on PostgreSQL: the writer has looked, and has not committed yet."""
    case, shelf = client.handling()["id"], Shelf(engine)
    packed(client, [case])
    with ThreadPoolExecutor(1) as pool:
        with shelf.connection(write=True) as writing:
            shelf.lock_name(writing, ERASURE)
            erased = pool.submit(engine.erase, case, ["title"], actor=Actor(person=LI), reason="本人要求")
            _until(engine, "select count(*) from pg_locks where locktype = 'advisory' and not granted")
            writing.execute(shelf.tables.batch_row.update().values(content=b"it", mark="x"))
        assert erased.result(30) > 0
    assert kept(engine) == [None]


def _until(engine: Engine, count: str) -> None:
    """Look until there is one."""
    while True:
        with engine.database.connect() as connection:
            if connection.exec_driver_sql(count).scalar():
                return


def test_what_an_event_said_is_not_kept_beside_its_case(
    engine: Engine, client: city.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job's request goes with the row that is done; what came of it is told for a season."""
    told = send(client, [NEW, {**NEW, "data": {}}], idempotency_key="k")
    r, b = Shelf(engine).tables.batch_row.c, Shelf(engine).tables.batch.c
    with engine.database.connect() as connection:
        assert set(connection.execute(select(r.request)).scalars()) == {""}
    assert send(client, [NEW, {**NEW, "data": {}}], idempotency_key="k").data == told.data
    few(monkeypatch, 1)
    send(client, [NEW, NEW])
    engine.clock.advance(days=90)  # type: ignore[attr-defined]
    Jobs(engine).sweep()
    with engine.database.connect() as connection:
        assert connection.execute(select(b.done)).scalars().all() == [0], "what is not done is not forgotten"
    before = count(engine, "cases")
    again = send(client, [NEW], idempotency_key="other")
    assert again.status_code == 200
    few(monkeypatch, 100)
    once_more = send(client, [NEW, {**NEW, "data": {}}], idempotency_key="k").json
    assert once_more["rows"][0] == told.json["rows"][0], "the engine remembers its keys for ever"
    assert count(engine, "cases") == before + 1


def _words(document: bytes) -> str:
    return zipfile.ZipFile(io.BytesIO(document)).read("word/document.xml").decode()


@pytest.mark.parametrize("count", [0, 501])
def test_how_many_and_what_is_asked_for_is_checked_at_both_entrances(
    engine: Engine, client: city.Client, count: int
) -> None:
    with pytest.raises(FormInvalid) as refusal:
        begin(engine, Actor(person=LI), [f"c{n}" for n in range(count)])
    assert "1 至 500" in refusal.value.reasons[0].text.zh and "1 to 500" in refusal.value.reasons[0].text.en
    assert packed(client, [f"c{n}" for n in range(count)]).status_code == 422
    assert packed(client, ["x" * 5000]).status_code == 422
    with pytest.raises(NotFound):
        begin(engine, Actor(person=LI), ["x" * 5000])


def test_a_collection_of_garbage_does_not_look_at_what_the_start_has_made() -> None:
    frozen = []

    def advance() -> int:
        frozen.append(gc.get_freeze_count())
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)
        return 0

    with contextlib.suppress(SystemExit):
        serve(Flask("x"), "127.0.0.1", 0, lambda _: None, advance)
    assert (frozen[0] > 10_000, gc.get_freeze_count()) == (True, 0)
