"""`make bench` in small: that it runs, counts what it says, and prints its ratios. How large they are is no test's business."""

from __future__ import annotations

import argparse
import sqlite3
import sys
from pathlib import Path

import pytest

from bench import pages
from bench.__main__ import SECTIONS, Bench, main
from bench.measure import Report
from bench.target import Targets

from .postgres import Server

RATIOS = {
    "postgresql": ["PostgreSQL, one client"],
    "sqlite": ["both in WAL", "both with the rollback journal", "one by one, WAL", "one by one, rollback journal"],
    "parts": [],
    "http": ["PostgreSQL over HTTP"],
}  # fmt: skip


@pytest.mark.parametrize("section", RATIOS)
def test_a_section_in_small(
    postgres_server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str], section: str
) -> None:
    targets = Targets(postgres_server, tmp_path, cases=4, background=20, drafts=20)
    bench = Bench(targets, argparse.Namespace(rounds=1, cases=4, large=False))
    SECTIONS[section](bench)
    bench.summary()
    printed = capsys.readouterr().out
    assert any(words in printed for words in ("| engine", "Cost of one event by part", "| the service"))
    assert [ratio > 0 for _, ratio, *_ in bench.found] == [True] * len(RATIOS[section])
    assert all(what in printed for what in RATIOS[section])


@pytest.mark.parametrize(
    "words", [["http", "--cases", "150"], ["--cases", "150"], ["sqlite", "--cases", "0"], ["htp"]]
)
def test_what_no_section_can_do_is_said_before_anything_starts(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["bench", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    said = capsys.readouterr().err
    assert ended.value.code == 2
    assert ("144 or 160" in said) is ("150" in words), said


def test_a_ratio_is_the_median_of_pairs() -> None:
    report = Report()
    for base, other in (
        (100, 50),
        (10, 8),
        (1000, 900),
    ):  # the machine was ten times slower in the second slice
        report.add("base", base, 1.0, client_cpu_us=200, server_cpu_us=300)
        report.add("other", other, 1.0, client_cpu_us=600, server_cpu_us=400)
    assert report.ratio("other", "base") == 0.8
    assert report.cpu_ratio("other", "base") == 0.5


def test_the_pages_of_the_console_in_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every page is there for every reader among copied cases, which look like those that went their way."""
    monkeypatch.setattr(pages, "ASKED", 2)
    monkeypatch.setattr(pages, "MINE", 1)
    urls = {size: f"sqlite:///{tmp_path / f'{size}.db'}" for size in (20, 100)}
    found = list(pages.compared(urls, tmp_path))
    assert {who for who, _, _ in found} == set(pages.READERS)
    assert len(found) > 20 and all([*map(len, took.values())] == [2, 2] for _, _, took in found)
    with sqlite3.connect(tmp_path / "100.db") as database:
        assert database.execute("select count(*) from sqlite_stat1").fetchone() != (0,), "ANALYZE was kept"
        (roots,) = database.execute(
            "select count(*) from tibandu_cases where id = root_id and id like '0%'"
        ).fetchone()
        (open_,) = database.execute(
            "select count(*) from tibandu_cases where id = root_id and id like '0%' and not closed"
        ).fetchone()
        (lost,) = database.execute(
            "select count(*) from tibandu_cases where root_id not in (select id from tibandu_cases)"
        ).fetchone()
    assert (roots, open_, lost) == (107, 12, 0), (
        "and one more of each of seven, with the reader's own parties"
    )
