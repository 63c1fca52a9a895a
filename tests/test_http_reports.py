"""Reports over HTTP: every number opens a list of that length, the page and the Excel files say the same, nobody is ranked."""

from __future__ import annotations

import html
import io
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from python_calamine import load_workbook

from api import create_app
from workflow import Actor, Engine
from workflow.library import Library
from workflow.testing import FrozenClock

from .console import Desk, Reader, register_units
from .lifecycle import PLACE, TODAY, Office
from .test_console_statistics import a_year, numbers

HEADERS = {"Prefer": "count=exact"}


@pytest.fixture(scope="module")
def filled(ready_file: Path, tmp_path_factory: pytest.TempPathFactory, library: Library) -> Iterator[Desk]:
    """Some of everything, with a unit more; nobody changes it."""
    folder = tmp_path_factory.mktemp("year")
    shutil.copy(ready_file, folder / "year.db")
    clock = FrozenClock(TODAY)
    office = Office(Engine(f"sqlite:///{folder / 'year.db'}", library, place=PLACE, clock=clock), clock)
    register_units(office)
    desk = Desk(office, folder / "documents")
    a_year(desk)
    office.fire(office.accepted(), "assign", "li", assignment_mode="sole", lead_unit="roads")
    yield desk
    office.engine.database.dispose()


def asked(reader: Reader, address: str, status: int = 200) -> Any:
    answer = reader.client.get(address, headers=HEADERS)
    assert answer.status_code == status, (address, answer.text)
    return answer.json if status == 200 else answer.get_json(force=True)


def counts(report: Any) -> Iterator[tuple[str, Any]]:
    """Every number with its place."""
    yield from ((one["name"], one) for one in report["now"])
    for table in report["tables"]:
        for row in table["rows"]:
            yield from ((f"{table['name']}.{row['name']}.{name}", one) for name, one in row["cells"].items())


def excel(reader: Reader, address: str) -> list[list[list[Any]]]:
    """The sheets of the file."""
    book = load_workbook(io.BytesIO(reader.client.get(address).data))
    return [book.get_sheet_by_name(name).to_python() for name in book.sheet_names]


def test_every_report_there_is_can_be_had(filled: Desk) -> None:
    reader = filled("li")
    found = {one["report"]: one for one in asked(reader, "/v1/reports")["reports"]}
    assert {"year", "yearly", "ledger", "surveys", "commitments", "performance"} <= found.keys()
    for one in found.values():
        asked(reader, one["address"] + ("?party=dep1" if one["needs"] == ["party"] else ""))
        assert one["excel"] is None or reader.client.get(one["excel"]).data.startswith(b"PK")


def test_every_number_of_the_year_opens_a_list_of_that_length(filled: Desk) -> None:
    reader = filled("li")
    report = asked(reader, "/v1/reports/year")
    found = dict(counts(report))
    assert len(found) > 50 and sum(one["count"] > 0 for one in found.values()) > 15
    zeros = [where for where, one in found.items() if one["count"] == 0]
    for where, one in found.items():
        if where in zeros and zeros.index(where) % 8:
            continue  # one in eight is enough of what is nothing
        listed = asked(reader, f"{one['list']}&limit=200")
        assert len(listed["cases"]) == listed["count"] == one["count"], where
        if one["of"] is not None:
            assert one["rate"] == (round(one["count"] / one["of"], 4) if one["of"] else None)
    assert (
        found["satisfaction.satisfied.surveys"]["count"],
        found["satisfaction.satisfied.surveys"]["of"],
    ) == (1, 2)
    assert found["satisfaction.not_returned.surveys"]["of"] is None, "who has not answered is in no rate"


def test_the_page_says_the_same(filled: Desk) -> None:
    reader = filled("li")
    report = [one["count"] for _, one in counts(asked(reader, "/v1/reports/year?year=2026"))]
    reader.get("/statistics?year=2026")
    assert [number for _, number in numbers(reader.page)] == report


def test_the_table_of_a_year_is_its_excel_file_in_numbers(filled: Desk) -> None:
    reader = filled("li")
    report = asked(reader, "/v1/reports/yearly?year=2026")
    table, listed, _ = excel(reader, report["excel"])
    measures = [one["name"] for one in report["measures"]]
    rows = [(one["title"], one["figures"], one["rates"]) for one in report["units"]]
    for shown, (title, figures, rates) in zip(
        table[1:], [*rows, ("合计", *report["total"].values())], strict=False
    ):
        assert shown[0] == title
        assert shown[1 : len(measures) + 1] == [figures[name]["count"] for name in measures]
        assert "—" in shown if any(one["rate"] is None for one in rates.values()) else "—" not in shown
    names = [one["title"] for one in report["units"]]
    assert names == ["市交通运输局", "市水利局"], "by name, whatever the numbers"
    for of in [report["total"], *report["units"]]:
        for name, one in of["figures"].items():
            behind = asked(reader, one["list"])
            assert behind["total"][name] == one["count"] >= behind["count"], one["list"]
            assert all(row["cells"][name] > 0 for row in behind["rows"])
    whole = asked(reader, "/v1/ledgers/yearly/rows?year=2026")
    assert [row["cells"]["title"] for row in whole["rows"]] == [row[2] for row in listed[1:-1]]


def test_a_ledger_row_by_row(filled: Desk) -> None:
    reader = filled("li")
    ledger = asked(reader, "/v1/ledgers/surveys/rows")
    heads, *rows = excel(reader, ledger["excel"])[0]
    assert heads == [column["title"] for column in ledger["columns"]]
    names = [column["name"] for column in ledger["columns"]]
    shown = [[row["cells"].get(name, "") for name in names] for row in ledger["rows"]]
    assert shown == rows[: ledger["count"]] and len(shown) == 6
    assert {asked(reader, row["address"])["kind"] for row in ledger["rows"]} == {"evaluation"}


def test_a_unit_is_told_what_it_may_know_of(filled: Desk) -> None:
    stranger, unit = filled("feng"), filled("qian")
    assert {one["count"] for _, one in counts(asked(stranger, "/v1/reports/year"))} == {0}
    assert asked(stranger, "/v1/reports/yearly?year=2026")["units"] == []
    assert asked(stranger, "/v1/reports/performance?party=dep1")["deeds"] == []
    assert asked(unit, "/v1/ledgers/surveys/rows")["rows"] == []
    for where, one in counts(asked(unit, "/v1/reports/year")):
        if one["count"]:
            assert asked(unit, one["list"])["count"] == one["count"], where


def test_a_performance_record_scores_nothing(filled: Desk) -> None:
    reader = filled("li")
    record = asked(reader, "/v1/reports/performance?party=dep1")
    assert {deed["kind"] for deed in record["deeds"]} >= {"suggestion"}
    assert all(asked(reader, deed["address"])["id"] == deed["case"] for deed in record["deeds"])
    assert not re.search("score|rank|points|得分|名次", html.unescape(str(record)))
    assert asked(reader, "/v1/reports/performance?party=dep1&until=2020-01-01")["deeds"] == []
    nobody = asked(reader, "/v1/reports/performance?party=nobody")
    assert (nobody["name"], nobody["deeds"]) == (None, [])


@pytest.mark.parametrize(
    ("address", "status", "parameter"),
    [
        ("/v1/reports/yearly", 400, "year"),
        ("/v1/reports/yearly?year=2026&month=2026-03", 400, "month"),
        ("/v1/reports/yearly?month=2026-03", 400, "month"),
        ("/v1/ledgers/yearly/rows", 400, "year"),
        ("/v1/ledgers/yearly/rows?year=2026&month=2026-03", 400, "month"),
        ("/v1/ledgers/yearly?year=2026&month=2026-03", 400, "month"),
        ("/v1/ledgers/ledger/rows?month=2026-03", 400, "month"),
        ("/v1/ledgers/ledger/rows?year=1999", 400, "year"),
        ("/v1/ledgers/ledger?year=1999", 400, "year"),
        ("/v1/ledgers/yearly/rows?year=2026&measure=best", 400, "measure"),
        ("/v1/ledgers/ledger/rows?unit=water", 400, "unit"),
        ("/v1/ledgers/none/rows", 404, None),
        ("/v1/reports/year?year=12", 400, "year"),
        ("/v1/reports/performance", 400, "party"),
        ("/v1/reports/best_deputies", 404, None),
    ],
)
def test_a_wrong_question_is_answered_plainly(
    filled: Desk, address: str, status: int, parameter: str | None
) -> None:
    answer = asked(filled("li"), address, status)
    assert [one.get("parameter") for one in answer.get("errors", [])] == ([parameter] if parameter else [])


def test_who_writes_no_papers_has_the_year_still(filled: Desk) -> None:
    app = create_app(filled.office.engine, lambda _: Actor(person="li"))
    with app.test_client() as client:
        reports = client.get("/v1/reports").json["reports"]
        assert [one["report"] for one in reports] == ["year", "performance"]
        assert client.get("/v1/reports/year").status_code == 200
        assert client.get("/v1/reports/yearly?year=2026").status_code == 503
        assert client.get("/v1/ledgers/ledger/rows").status_code == 503
