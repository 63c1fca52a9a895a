"""Posters: what stands on them, as pages and as a PDF, and what is said when something is missing for it."""

from __future__ import annotations

import io
import json
import re
import zipfile
import zlib
from datetime import date
from pathlib import Path

import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen

from api import create_app, create_schema
from definitions import posters as module
from definitions.doors import code_of
from definitions.papers import Papers
from definitions.posters import posters, write_pages, write_pdf
from workflow import Actor, WorkflowError
from workflow.library import Library
from workflow.model import Party

from .lifecycle import TENANT, Office, statements
from .test_cli import call
from .test_letters import HOSTILE, settle
from .test_parties import SETUP

URL = "https://rd.example.gov.cn"


def station(id_: str, name: str, **more: str) -> Party:
    attributes = {"place": "淦河大道10号", "hours": "9:00至11:00", **more}
    return Party(id=id_, kind="station", name=name, tenant=TENANT, parent="xianning", attributes=attributes)


def days(office: Office, id_: str, *days: str) -> None:
    """The station's days, each with its deputies on duty."""
    for day in days:
        data = {"station_unit": id_, "month": day[:7], "reception_on": day}
        case = office.engine.start("reception_day", Actor(person="keep"), data, tenant=TENANT)
        office.fire(case, "roster", "keep", deputies=["dep1", "dep2"])


@pytest.fixture
def town(sqlite_office: Office) -> Office:
    settle(sqlite_office.engine)
    sqlite_office.clock.set(date(2026, 11, 2))
    two = [
        station("st1", "温泉街道联络站"),
        station("st2", "永安街道联络站", reception_policy="next_working_day"),
    ]
    sqlite_office.engine.parties.put(two, by=SETUP, trusted=True)
    sqlite_office.engine.grant("keep", "station_keeper", TENANT, unit="st1")
    return sqlite_office


@pytest.fixture(scope="session")
def font(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A font in which every Chinese character is a box: fonts are not shipped, not even for tests."""
    marks = [
        *range(0x20, 0x7F),
        *range(0x3000, 0x3030),
        *range(0x4E00, 0xA000),
        *range(0xFF00, 0xFFEF),
        0x201C,
        0x201D,
    ]
    names = [".notdef", *(f"u{mark:04X}" for mark in marks)]
    pen = TTGlyphPen(None)
    for method, place in (
        (pen.moveTo, (100, 0)),
        (pen.lineTo, (100, 800)),
        (pen.lineTo, (900, 800)),
        (pen.lineTo, (900, 0)),
    ):
        method(place)
    pen.closePath()
    box = pen.glyph()
    made = FontBuilder(1000, isTTF=True)
    made.setupGlyphOrder(names)
    made.setupCharacterMap(dict(zip(marks, names[1:], strict=True)))
    made.setupGlyf(dict.fromkeys(names, box))
    made.setupHorizontalMetrics(dict.fromkeys(names, (1000, 100)))
    made.setupHorizontalHeader(ascent=880, descent=-120)
    made.setupNameTable({"familyName": "Boxes", "styleName": "Regular", "fullName": "Boxes SC"})
    made.setupOS2()
    made.setupPost()
    path = tmp_path_factory.mktemp("font") / "boxes.ttf"
    made.save(path)
    return path


def test_story_F01_the_poster_says_the_day_and_who_is_there(town: Office) -> None:
    """15 November 2026 is a Sunday: fixed on the 15th, or the next working day where the station says so."""
    days(town, "st1", "2026-11-15")
    first, second = posters(town.engine, URL)
    assert first.lines[0] == "2026年11月15日（星期日） 9:00至11:00  陈静、周明"
    assert first.lines[1].startswith("2026年12月15日（星期二）") and len(first.lines) == 3
    assert second.lines[0] == "2026年11月16日（星期一） 9:00至11:00  代表另行公告"
    assert (first.place, first.address) == ("淦河大道10号", f"{URL}/s/{code_of('st1')}")


def test_a_code_says_nothing_of_the_station(town: Office) -> None:
    for poster in posters(town.engine, URL):
        assert poster.id not in poster.address and not re.search(r"[\u4e00-\u9fff]", poster.address)


def test_story_F07_441_posters_as_one_pdf_or_zip(
    town: Office, font: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole article's stations, with no more questions for all than the pages of what is asked for; how long that takes: docs/documents.md."""
    with statements(town.engine.database, monkeypatch) as few:
        assert len(list(posters(town.engine, URL))) == 2
    more = [station(f"x{n:03}", f"第{n}联络站") for n in range(439)]
    town.engine.parties.put(more, by=SETUP, trusted=True)
    with statements(town.engine.database, monkeypatch) as seen:
        found = list(posters(town.engine, URL))
    # some hundred at a time: the register, and the days of 441 stations in five months
    asked = [len([one for one in some if "select" in one.lower()]) for some in (few, seen)]
    assert asked[0] <= 8 and asked[1] <= 12, asked
    assert write_pdf(found, tmp_path / "p.pdf", font) == write_pages(found, tmp_path / "p.zip") == 441
    content = (tmp_path / "p.pdf").read_bytes()
    assert len(re.findall(rb"/Type /Page\b", content)) == 441
    with zipfile.ZipFile(tmp_path / "p.zip") as pack:
        names = pack.namelist()
        page = pack.read(names[0]).decode()
    assert len(names) == 441 and names[0] == "001 温泉街道联络站.html"
    for said in (
        "温泉街道联络站",
        "2026年11月15日（星期日）",
        f"{URL}/s/{code_of('st1')}",
        "<svg",
        'viewBox="',
    ):
        assert said in page
    assert "<script" not in page and "http-equiv" not in page


def test_the_code_on_the_pdf_is_the_code_of_the_page(town: Office, font: Path, tmp_path: Path) -> None:
    """As many dark squares as the code has, drawn as runs."""
    import segno

    (poster,) = posters(town.engine, URL, ids=["st1"])
    write_pdf([poster], tmp_path / "p.pdf", font)
    streams = re.findall(rb"stream\n(.*?)\nendstream", (tmp_path / "p.pdf").read_bytes(), re.DOTALL)
    drawn = b"".join(zlib.decompress(s) for s in streams if s[:1] == b"x")
    rows = ["".join(map(str, row)) for row in segno.make(poster.address, error="m", micro=False).matrix]
    assert len(re.findall(rb" re\s+f", drawn)) == sum(len(re.findall("1+", row)) for row in rows)


def test_over_http_the_code_opens_the_service_as_it_was_reached(town: Office) -> None:
    create_schema(town.engine)
    app = create_app(town.engine, lambda _: Actor(person="li"), papers=Papers(town.engine))
    client = app.test_client()
    answer = client.get("/v1/posters.zip?station=st1", base_url="https://rd.example.gov.cn/door/")
    with zipfile.ZipFile(io.BytesIO(answer.data)) as pack:
        assert f"https://rd.example.gov.cn/door/s/{code_of('st1')}" in pack.read(pack.namelist()[0]).decode()
    assert client.get("/v1/posters.zip?station=nowhere").status_code == 404


def test_over_http_nobody_is_told_of_a_station_he_may_not_know_of(town: Office) -> None:
    create_schema(town.engine)
    app = create_app(town.engine, lambda _: Actor(person="nobody"), papers=Papers(town.engine))
    client = app.test_client()
    assert client.get("/v1/parties").json["parties"] == []
    with zipfile.ZipFile(io.BytesIO(client.get("/v1/posters.zip").data)) as pack:
        assert pack.namelist() == []
    here, nowhere = (client.get(f"/v1/posters.zip?station={name}").json for name in ("st1", "st0"))
    assert json.dumps(here).replace("st1", "st0") == json.dumps(nowhere)
    town.engine.grant("nobody", "deputy_affairs", "hb/huangshi")
    with zipfile.ZipFile(io.BytesIO(client.get(f"/v1/posters.zip?tenant={TENANT}").data)) as pack:
        assert pack.namelist() == []


def test_a_hostile_name_is_a_name(town: Office, tmp_path: Path) -> None:
    town.engine.parties.put([station("st9", HOSTILE, place="<script>1</script>")], by=SETUP, trusted=True)
    write_pages(posters(town.engine, URL, ids=["st9"]), tmp_path / "p.zip")
    with zipfile.ZipFile(tmp_path / "p.zip") as pack:
        page = pack.read(pack.namelist()[0]).decode()
    assert "<script>" not in page and "&lt;script&gt;" in page and "{{ 7*7 }}" in page


def test_what_is_missing_is_said(
    town: Office, font: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module.shutil, "which", lambda _: None)
    with pytest.raises(WorkflowError, match="--font"):
        write_pdf(posters(town.engine, URL), tmp_path / "p.pdf")
    (tmp_path / "no.ttf").write_bytes(b"nothing")
    with pytest.raises(WorkflowError, match="is no font"):
        write_pdf(posters(town.engine, URL), tmp_path / "p.pdf", tmp_path / "no.ttf")
    town.engine.parties.put([station("st9", "𠮷站")], by=SETUP, trusted=True)
    with pytest.raises(WorkflowError, match="𠮷"):
        write_pdf(posters(town.engine, URL), tmp_path / "p.pdf", font)
    with pytest.raises(WorkflowError, match="nowhere"):
        list(posters(town.engine, URL, ids=["nowhere"]))
    assert not (tmp_path / "p.pdf").exists()


def test_the_font_is_the_one_this_machine_shows_chinese_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """fontconfig is asked, wherever its distribution puts fonts; one that knows no Chinese is none."""
    monkeypatch.setenv("PATH", str(tmp_path))
    for languages, there in (("en|zh-cn", True), ("en|de", False)):
        program = tmp_path / "fc-match"
        program.write_text(f"#!/bin/sh\necho '{tmp_path / 'f.ttc'}'\necho '{languages}'\n")
        program.chmod(0o755)
        (tmp_path / "f.ttc").write_bytes(b"")
        assert (module._installed() == tmp_path / "f.ttc") is there


def test_the_commands(
    town: Office, library: Library, font: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workflow.loader.load_definitions", lambda *_, **__: library)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TIBANDU_DATABASE", town.engine.database.url.render_as_string(hide_password=False))
    monkeypatch.setattr(module, "_installed", lambda: font)
    page = (Path(__file__).parents[1] / "docs" / "documents.md").read_text(encoding="utf-8")
    lines = [
        line.partition(" #")[0].split() for line in page.splitlines() if line.startswith("tibandu posters")
    ]
    assert len(lines) == 2
    for _, *words in lines:
        said = call(*words)
        assert said.code == 0, (words, said.err)
    assert call("posters", "--url", URL, "--out", "海报.pdf").code == 2
    assert call("posters", "--url", "rd.gov.cn", "--out", "x.pdf").code == 2
    assert call("posters", "--url", URL, "--out", "x.docx").code == 2
    refused = call("posters", "--url", URL, "--out", "x.pdf", "--font", "none.ttf")
    assert refused.code == 1 and "--font" in refused.err and not (tmp_path / "x.pdf").exists()
