"""`tibandu act`: one event in many cases, tried and then done, with an answer for each."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from workflow import cli

from .lifecycle import Office


def act(office: Office, *words: object, lang: str = "en") -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    url = office.engine.database.url.render_as_string(hide_password=False)
    code = cli.main(["act", *map(str, words), "--database", url, "--lang", lang], out, err)
    assert "Traceback" not in err.getvalue()
    return code, out.getvalue(), err.getvalue()


@pytest.fixture
def listed(office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, list[str]]:
    """Two that were assigned, one that was not, one that is not there."""
    monkeypatch.setattr("workflow.engine.SystemClock", lambda: office.clock)
    cases = [office.assigned().id, office.filed().id, office.assigned().id, "0" * 20]
    path = tmp_path / "cases.txt"
    path.write_text("\n".join([*cases, "", cases[0]]), "utf-8")
    return path, cases


def test_tried_then_done_each_with_its_answer(office: Office, listed: tuple[Path, list[str]]) -> None:
    path, cases = listed
    lines = [len(office.engine.history(case)) for case in cases[:3]]
    code, out, _ = act(office, "sign_in", "--cases", path, "--by", "wang", "--dry-run")
    assert (code, out.splitlines()[-1]) == (1, "dry run, nothing done: 2 fine, 2 refused")
    assert [len(office.engine.history(case)) for case in cases[:3]] == lines
    code, out, _ = act(office, "sign_in", "--cases", path, "--by", "wang", "--json")
    found: list[dict[str, Any]] = json.loads(out)
    assert code == 1
    assert [row["case"] for row in found] == cases
    assert [row["state"] for row in found] == ["signed_in", None, "signed_in", None]
    assert [office.now(case).state for case in cases[:3]] == ["signed_in", "filed", "signed_in"]


def test_who_may_not_does_nothing(office: Office, listed: tuple[Path, list[str]]) -> None:
    path, cases = listed
    assert act(office, "sign_in", "--cases", path, "--by", "qian")[0] == 1
    assert office.now(cases[0]).state == "assigned"


def test_what_cannot_be_read_is_usage(office: Office, listed: tuple[Path, list[str]], tmp_path: Path) -> None:
    path, _ = listed
    (tmp_path / "empty.txt").write_text("")
    for words in (
        ("sign_in", "--cases", tmp_path / "none.txt", "--by", "wang"),
        ("sign_in", "--cases", tmp_path / "empty.txt", "--by", "wang"),
        ("sign_in", "--cases", path, "--by", "wang", "--data", "[1]"),
        ("sign_in", "--cases", path, "--by", "wang", "--data", "{"),
    ):
        code, _, err = act(office, *words)
        assert code == 2
        assert err
