"""Documents over HTTP: judged by their content, kept under its hash, read only through a case that names them."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier, Event
from typing import IO, Any

import pytest
from werkzeug.test import TestResponse

import api.documents
from api import Folder, create_app, create_schema
from api.table import ROUTES
from workflow import Engine
from workflow.testing import FrozenClock

from . import http_walk as city

LI = "li.wei"


@pytest.fixture
def engine(ready_url: str) -> Iterator[Engine]:
    yield from city.opened(ready_url, FrozenClock(city.TODAY))


@pytest.fixture
def client(engine: Engine, tmp_path: Path) -> city.Client:
    create_schema(engine)
    return city.Client(create_app(engine, city.bearer, documents=Folder(tmp_path / "documents")))


def sent(client: city.Client, name: str, data: bytes, who: str = LI) -> TestResponse:
    return client(who, "POST", f"/v1/documents?name={name}", data=data)


def replied(client: city.Client, letter: dict[str, Any]) -> dict[str, Any]:
    return client.fire("wu.hao", client.handling(), "reply", reply_letter=letter, promised=False).json


def test_uploaded_named_by_a_case_and_read_through_it(client: city.Client, tmp_path: Path) -> None:
    kept = sent(client, "答复函.pdf", city.PDF, "wu.hao")
    digest = hashlib.sha256(city.PDF).hexdigest()
    assert (kept.status_code, kept.json) == (
        201, {"sha256": digest, "size": len(city.PDF), "media_type": "application/pdf", "name": "答复函.pdf"},
    )  # fmt: skip
    case = replied(client, kept.json)
    answer = client(LI, "GET", f"/v1/cases/{case['id']}/documents/{digest}")
    assert (answer.status_code, answer.data, answer.mimetype) == (200, city.PDF, "application/pdf")
    assert (
        answer.headers["Content-Disposition"]
        == "attachment; filename*=UTF-8''%E7%AD%94%E5%A4%8D%E5%87%BD.pdf"
    )
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    answer.close()
    assert client("qian.min", "GET", f"/v1/cases/{case['id']}/documents/{digest}").status_code == 404
    assert not [path for path in (tmp_path / "documents").iterdir() if path.name.startswith("incoming")]


@pytest.fixture
def letter(client: city.Client) -> str:
    """The address of one that a case names."""
    case = replied(client, sent(client, "答复函.pdf", city.PDF, "wu.hao").json)
    return f"/v1/cases/{case['id']}/documents/{hashlib.sha256(city.PDF).hexdigest()}"


def looked(client: city.Client, address: str, who: str = LI, **headers: str) -> TestResponse:
    """What was answered, read to its end and closed, as a server does."""
    with client(who, "GET", address, **headers) as answer:
        assert answer.data is not None
    return answer


LAST = len(city.PDF) - 1
PARTS = {"bytes=0-3": (0, 3), "bytes=4-": (4, LAST), "bytes=-5": (LAST - 4, LAST), "bytes=2-99999": (2, LAST)}
NO_PARTS = (
    "bytes=0-1,3-4",
    "lines=1-2",
    "bytes=3-1",
    "bytes=-0",
    "bytes=-100000",
    "bytes=",
    "bytes=a-b",
    "bytes=1-²",
    "x",
)
"""several, another unit, the last bytes of fewer, and what is none"""


def test_a_part_of_it_is_given_as_all_of_it_is(client: city.Client, letter: str) -> None:
    """By the same right, in the same sandbox, and never to whoever may not know of the case."""
    whole = looked(client, letter)
    assert (whole.status_code, whole.headers["Accept-Ranges"]) == (200, "bytes")
    for asked, (first, last) in PARTS.items():
        part = looked(client, letter, range=asked)
        assert (part.status_code, part.data) == (206, city.PDF[first : last + 1])
        assert part.headers["Content-Range"] == f"bytes {first}-{last}/{len(city.PDF)}"
        assert part.content_length == last - first + 1
        for name in (
            "ETag",
            "Content-Type",
            "Content-Disposition",
            "Content-Security-Policy",
            "Cache-Control",
        ):
            assert part.headers[name] == whole.headers[name]
    foreign = looked(client, letter, "qian.min", range="bytes=0-3")
    assert foreign.status_code == 404 and "Content-Range" not in foreign.headers
    for asked in NO_PARTS:
        answer = looked(client, letter, range=asked)
        assert (answer.status_code, answer.data) == (200, city.PDF), asked


def test_parts_of_one_content_and_another_are_never_put_together(client: city.Client, letter: str) -> None:
    """Its ETag is the hash of its content: with another one all of it is answered; what one has is not sent again."""
    tag = looked(client, letter).headers["ETag"]
    assert tag == f'"{hashlib.sha256(city.PDF).hexdigest()}"'
    assert looked(client, letter, range="bytes=4-", if_range=tag).data == city.PDF[4:]
    other = looked(client, letter, range="bytes=4-", if_range=f'"{"0" * 64}"')
    assert (other.status_code, other.data) == (200, city.PDF)
    assert looked(client, letter, if_none_match=tag).status_code == 304
    assert looked(client, letter, "qian.min", if_none_match=tag).status_code == 404
    unasked = looked(client, letter, if_match='"x"')
    assert (unasked.status_code, unasked.data) == (200, city.PDF), (
        "who only reads overwrites nobody's version"
    )
    beyond = looked(client, letter, range=f"bytes={len(city.PDF)}-")
    assert (beyond.status_code, beyond.json["code"]) == (416, "no_such_part")
    assert beyond.headers["Content-Range"] == f"bytes */{len(city.PDF)}"


def test_what_comes_packed_is_refused(client: city.Client) -> None:
    """It would be kept as it came, under a name that promises something else."""
    for route in ROUTES:
        if not route.upload:
            continue
        address = (
            route.path.replace("<kind>", "suggestion")
            + "?name=a."
            + ("pdf" if route.name == "upload" else "csv")
        )
        for packed in ("gzip", "br", "unheard-of"):
            answer = client(LI, "POST", address, data=city.PDF, content_encoding=packed)
            assert (answer.status_code, answer.json["code"]) == (415, "media_refused")
            assert "Content-Encoding" in answer.json["texts"]["en"]
    assert sent(client, "a.pdf", city.PDF).status_code == 201
    assert (
        client(LI, "POST", "/v1/documents?name=a.pdf", data=city.PDF, content_encoding="Identity").status_code
        == 201
    )


def test_the_description_names_every_type_it_may_be_sent_as() -> None:
    described = json.loads(city.DESCRIPTION.read_text("utf-8"))["paths"]["/v1/cases/{id}/documents/{sha256}"]
    kinds = api.documents.KINDS
    kept = {api.documents.MEDIA.get(ending, media) for ending in kinds for media in kinds[ending]}
    assert kept <= described["get"]["responses"]["200"]["content"].keys()


def test_a_document_that_no_case_names_is_read_by_nobody(client: city.Client) -> None:
    kept = sent(client, "a.pdf", city.PDF + b"secret").json
    case = replied(client, sent(client, "答复函.pdf", city.PDF, "wu.hao").json)
    assert client(LI, "GET", f"/v1/cases/{case['id']}/documents/{kept['sha256']}").status_code == 404
    assert client(LI, "GET", f"/v1/cases/{case['id']}/documents/..%2f..%2fetc").status_code == 404


def test_who_names_a_document_has_brought_it_or_finds_it_in_that_case(client: city.Client) -> None:
    """The clerk's draft may be signed by the head: it stands in the case. The hash alone is good for nothing."""
    kept = sent(client, "答复函.pdf", city.PDF, "li.wei").json
    case = client.handling()
    refused = client.fire("wu.hao", case, "reply", reply_letter=kept, promised=False)
    nothing = client.fire("wu.hao", case, "reply", reply_letter=kept | {"sha256": "0" * 64}, promised=False)
    assert refused.status_code == 422
    assert refused.json["errors"][0]["pointer"] == "/data/reply_letter"
    assert (refused.data, refused.headers) == (nothing.data, nothing.headers), "there or not: the same answer"
    dry = client.fire("wu.hao", case, "reply", "?dry_run=1", reply_letter=kept, promised=False)
    assert dry.status_code == 422
    row = {"case": case["id"], "event": "reply", "data": {"reply_letter": kept, "promised": False}}
    many = client("wu.hao", "POST", "/v1/batches", {"rows": [{"case": case["id"], "event": "accept"}, row]})
    assert (many.status_code, many.json["errors"][0]["pointer"]) == (422, "/rows/1/data/reply_letter")
    assert sent(client, "x.pdf", city.PDF, "wu.hao").json["sha256"] == kept["sha256"]
    case = client.fire("wu.hao", case, "reply", reply_letter=kept, promised=False).json
    case = client.fire(LI, case, "ask").json
    survey = client.surveys(case["id"])["d.chen"]
    paper = {"paper_level": "satisfied", "paper_scan": sent(client, "表.pdf", city.PDF + b"2", LI).json}
    row = {"case": survey, "event": "record_paper", "data": paper}
    assert client(LI, "POST", "/v1/batches", {"rows": [row]}).json["refused"] == 0


def test_what_stands_in_the_case_or_its_root_may_be_named_again(client: city.Client) -> None:
    """The letter of the root as the scan of a paper form: the office brought neither, and reads both."""
    case = client.fire(LI, replied(client, sent(client, "答复函.pdf", city.PDF, "wu.hao").json), "ask").json
    survey = client(LI, "GET", f"/v1/cases/{client.surveys(case['id'])['d.chen']}").json
    letter = case["data"]["reply_letter"]
    assert (
        client.fire(LI, survey, "record_paper", paper_level="satisfied", paper_scan=letter).status_code == 200
    )
    other = client(LI, "GET", f"/v1/cases/{client.surveys(case['id'])['d.zhou']}").json
    scan = letter | {"sha256": "b" * 64}
    assert client.fire(LI, other, "record_paper", paper_level="satisfied", paper_scan=scan).status_code == 422


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "documents")


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.pdf", b"MZ\x90\x00"), ("a.pdf", b""), ("a.pdf", b"hello"), ("a.jpg", city.PDF), ("a.exe", b"MZ\x90\x00"),
        ("a", city.PDF), ("a.html", b"<html>"), ("a.svg", b"<svg/>"), ("a.pdf.exe", city.PDF), ("a.jpg", b"\xff\xd8\xff\xe0broken"),
    ],
)  # fmt: skip
def test_what_it_is_not_is_refused(folder: Folder, tmp_path: Path, name: str, data: bytes) -> None:
    with pytest.raises(api.documents.Problem) as refusal:
        folder.keep(io.BytesIO(data), name)
    assert refusal.value.code == "media_refused"
    assert not (tmp_path / "documents").exists() or not list((tmp_path / "documents").iterdir())


def test_a_name_is_only_a_name(client: city.Client) -> None:
    for name in ("..%2fa.pdf", "a%00.pdf", "a%0d%0a.pdf", "", "a%E2%80%AEfdp.pdf", "a%C2%85.pdf"):
        assert sent(client, name, city.PDF).status_code in (400, 415)


def test_a_size_too_large_leaves_nothing(
    folder: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api.documents, "MOST", 1000)
    with pytest.raises(api.documents.Problem) as refusal:
        folder.keep(io.BytesIO(city.PDF + b"x" * 1000), "a.pdf")
    assert refusal.value.code == "too_large"
    assert list((tmp_path / "documents").iterdir()) == []


def test_the_same_content_is_kept_once(folder: Folder, tmp_path: Path) -> None:
    kept = {folder.keep(io.BytesIO(city.PDF), name).sha256 for name in ("a.pdf", "b.pdf")}
    assert len(kept) == 1
    assert len([path for path in (tmp_path / "documents").rglob("*") if path.is_file()]) == 1


def test_what_no_case_names_has_a_limit_for_each_person(engine: Engine, tmp_path: Path) -> None:
    """Counted before the first byte is read; what a case names counts no longer, and nobody counts for another."""
    create_schema(engine)
    shelf = Folder(tmp_path / "documents")
    client = city.Client(create_app(engine, city.bearer, documents=shelf, quota=2 * len(city.PDF) + 2))
    first = sent(client, "答复函.pdf", city.PDF, "wu.hao")
    second = sent(client, "b.pdf", city.PDF + b"2", "wu.hao")
    assert (first.status_code, second.status_code) == (201, 201)
    there = sorted(tmp_path.rglob("*"))
    third = sent(client, "c.pdf", city.PDF + b"3", "wu.hao")
    assert (third.status_code, third.json["code"]) == (413, "too_large")
    assert "尚未写入案件" in third.json["texts"]["zh"] and "no case names" in third.json["texts"]["en"]
    assert sorted(tmp_path.rglob("*")) == there, "nothing of it lies there"
    assert sent(client, "c.pdf", city.PDF + b"3", LI).status_code == 201
    replied(client, first.json)
    assert sent(client, "c.pdf", city.PDF + b"3", "wu.hao").status_code == 201


def test_beside_each_other_no_more_gets_through_than_there_is_room_for(
    engine: Engine, tmp_path: Path
) -> None:
    create_schema(engine)
    inside, go = Barrier(2, timeout=20), Event()

    class Slow(Folder):
        def keep(self, stream: IO[bytes], name: str) -> api.documents.Kept:
            inside.wait()
            go.wait(20)
            return super().keep(stream, name)

    desk = city.Client(create_app(engine, city.bearer, documents=Slow(tmp_path), quota=len(city.PDF) * 2))
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(sent, desk, "a.pdf", city.PDF)
        inside.wait()
        other = city.Client(
            create_app(engine, city.bearer, documents=Folder(tmp_path), quota=len(city.PDF) * 2)
        )
        assert sent(other, "b.pdf", city.PDF + b"22").status_code == 413, "the first is on its way"
        go.set()
        assert slow.result().status_code == 201
    assert sent(other, "b.pdf", city.PDF).status_code == 201, "the room of one that is refused is given back"


def test_a_service_without_a_folder_says_so(engine: Engine) -> None:
    answer = sent(city.Client(create_app(engine, city.bearer)), "a.pdf", city.PDF)
    assert (answer.status_code, json.loads(answer.data)["code"]) == (503, "unavailable")
