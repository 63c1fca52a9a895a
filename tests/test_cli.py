"""Every command with good and bad input: what it prints, what it leaves behind, its exit code, and never a traceback."""

from __future__ import annotations

import argparse
import hashlib
import http.client
import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from sqlalchemy import text

from workflow import Actor, Case, Conflict, Engine, NotFound, Refused, cli, load_definitions, recalculation
from workflow.commands.console import Console
from workflow.commands.context import UsageError, sqlite_path
from workflow.errors import StoreError, Text
from workflow.library import Library
from workflow.model import Party
from workflow.store.errors import FAULTS
from workflow.testing import FrozenClock, memory_engine
from workflow.verify import verify

ROOT = Path(__file__).parents[1]
TENANT = "hubei/xianning"
OFFICE = Actor(person="li.wei")
PROPOSAL = {
    "title": "零工驿站",
    "body": "在楼宇、商圈建设驿站",
    "first_signer": "d.chen",
    "signers": ["d.chen"],
    "publication_wish": "full",
}
TODAY = date(2026, 11, 9)

# --- calling it


@dataclass
class Said:
    """What a call came to."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def call(*words: object) -> Said:
    out, err = io.StringIO(), io.StringIO()
    code = cli.main([str(word) for word in words], out, err)
    assert "Traceback" not in err.getvalue()
    return Said(code, out.getvalue(), err.getvalue())


@pytest.fixture(autouse=True)
def somewhere_quiet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A working folder of its own, English, and a day that does not move."""
    monkeypatch.chdir(tmp_path)
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("workflow.engine.SystemClock", lambda: FrozenClock(TODAY))


def made(url: str, library: Library) -> tuple[Engine, Case]:
    """A database with one suggestion, assigned on 2026-11-08: its reply is due in a year without a notice."""
    engine = Engine(url, library, clock=FrozenClock(date(2026, 11, 8)))
    engine.create_schema()
    engine.grant("li.wei", "deputy_affairs", TENANT)
    engine.grant("sun.qi", "unit_clerk", TENANT, unit="housing")
    case = engine.start("suggestion", OFFICE, PROPOSAL, tenant=TENANT)
    engine.fire(case.id, "accept", OFFICE, {"congress": "六届", "session": "五次"})
    return engine, engine.fire(case.id, "assign", OFFICE, {"assignment_mode": "sole", "lead_unit": "housing"})


@pytest.fixture
def stored(database_url: str, library: Library) -> Iterator[tuple[str, Engine, Case]]:
    engine, case = made(database_url, library)
    yield database_url, engine, case
    engine.database.dispose()


@pytest.fixture
def one(library: Library) -> Case:
    """The same in the working folder's default database."""
    engine, case = made(cli.DATABASE, library)
    engine.database.dispose()
    return case


# --- set-up and usage


def test_init_makes_the_tables_and_may_be_repeated(database_url: str) -> None:
    first = call("--database", database_url, "--json", "init")
    assert first.code == 0
    assert "suggestion" in {row["name"] for row in first.json}
    again = call("init", "--database", database_url, "--json")
    assert (again.code, again.json) == (0, [])


def test_the_default_is_a_file_in_the_working_folder(tmp_path: Path) -> None:
    assert call("init").code == 0
    assert (tmp_path / "tibandu.db").exists()


def test_the_environment_names_the_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIBANDU_DATABASE", f"sqlite:///{tmp_path}/other.db")
    assert call("init").code == 0
    assert (tmp_path / "other.db").exists()


@pytest.mark.parametrize(
    "words",
    [
        [], ["nonsense"], ["--lang", "fr", "version"], ["explain"], ["graph"], ["calendar"], ["calendar", "preview"],
        ["calendar", "apply", "x.yaml"], ["anchor"], ["export"], ["due", "--until", "soon"], ["serve", "--port", "70000"], ["serve", "--proxy", "proxy.example"], ["serve", "--url", "https://a.example/path"],
        ["serve", "--port", "x"], ["scheduler", "--seconds", "0"], ["scheduler", "--seconds", "nan"], ["check", "nowhere"],
        ["replay", "--records", "nowhere.csv"], ["replay", "--definitions", "nowhere"], ["replay", "--place", "CN"], ["term", "--place", "CN"],
        ["verify", "--anchor", "README.md"], ["verify", "--key", "README.md"], ["anchor", "--key", "README.md", "--out", "a"], ["calendar", "preview", "nowhere.yaml"],
    ],
)  # fmt: skip
def test_wrong_usage_is_2(words: Sequence[str], one: Case, capsys: pytest.CaptureFixture[str]) -> None:
    Path("README.md").write_text("# short", "utf-8")
    said = call(*words)
    assert said.code == 2
    assert not Path("a").exists()
    assert said.err or capsys.readouterr().err


@pytest.mark.parametrize("command", [["--help"], ["serve", "--help"], ["calendar", "apply", "--help"]])
def test_help(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert call(*command).code == 0
    assert "--database" in capsys.readouterr().out


NEEDS_STORE = [
    ["publish"], ["doctor"], ["due"], ["explain", "x"], ["similar", "x"], ["verify"], ["anchor", "--out", "a"], ["export", "history", "e"], ["export", "deputy", "e.csv"],
    ["import", "deputy", "e.csv"],
    ["calendar", "preview", str(ROOT / "definitions/calendars/cn.yaml")], ["scheduler"], ["serve"],
]  # fmt: skip


@pytest.mark.parametrize("command", NEEDS_STORE, ids=lambda command: "-".join(command[:2]))
def test_without_a_database_it_is_3_and_none_is_made(command: list[str], tmp_path: Path) -> None:
    said = call(*command)
    assert said.code == 3
    assert "tibandu init" in said.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", NEEDS_STORE, ids=lambda command: "-".join(command[:2]))
def test_in_a_database_without_our_tables_it_is_3(command: list[str], tmp_path: Path) -> None:
    (tmp_path / "tibandu.db").touch()
    said = call(*command)
    assert said.code == 3
    assert "tibandu init" in said.err
    assert not {"a", "e"} & {path.name for path in tmp_path.iterdir()}


def test_the_same_on_postgresql(postgres_url: str) -> None:
    said = call("--database", postgres_url, "doctor")
    assert (said.code, "tibandu init" in said.err) == (3, True)


@pytest.mark.parametrize(
    ("url", "word"),
    [
        ("postgresql://127.0.0.1:1/none", "refused"),
        ("sqlite:////proc/none/x.db", "there is no folder /proc/none"),
        ("sqlite:////proc", "/proc is a folder"),
    ],
)
def test_a_database_that_cannot_be_is_3(url: str, word: str) -> None:
    for command in ("init", "replay", "term"):
        said = call("--database", url, command)
        assert said.code == 3
        assert word in said.err


@pytest.mark.parametrize("url", ["mysql://x/y", "tibandu.db", "postgresql+foo://x"])
def test_a_database_of_another_kind_is_wrong_usage(url: str) -> None:
    for command in ("init", "replay", "doctor"):
        said = call("--database", url, command)
        wrong = url.partition("://")[0]
        assert (said.code, said.err) == (
            2, f"tibandu: --database must be sqlite:///FILE or postgresql://…, not {wrong}\n"
        )  # fmt: skip


def test_a_number_that_is_none_is_told_what_would_be_right(capsys: pytest.CaptureFixture[str]) -> None:
    """And not the name of the function that reads it."""
    for argument, given, right in (
        ("--port", "abc", "须为整数，0 至 65535 / a whole number, 0 to 65535: abc"),
        ("--port", "70000", "a whole number, 0 to 65535: 70000"),
        ("--upload-quota", "x", "a whole number, 32 to 999999999: x"),
        ("--keep-alerts", "99999999999999999999", "a whole number, 30 to 999999999: 99999999999999999999"),
        ("--allow", "foo", "an address or a network such as 10.0.0.7, 10.1.0.0/24: foo"),
        ("--proxy", "foo", "an address or a network such as 10.0.0.7, 10.1.0.0/24: foo"),
        ("--seconds", "soon", "须为秒数，0.1 至 60 / a number of seconds, 0.1 to 60: soon"),
    ):
        assert call("serve", argument, given).code == 2
        said = " ".join(capsys.readouterr().err.split())
        assert right in said and "invalid" not in said


def test_the_manual_names_every_command_and_no_flag_that_there_is_not() -> None:
    """The table of docs/operations.md beside the parser itself."""
    rows = re.findall(r"^\| `[a-z].*? \|", (ROOT / "docs" / "operations.md").read_text("utf-8"), re.MULTILINE)
    named = set[str]()
    for told in re.findall(r"`([^`]+)`", " ".join(rows)):
        found = cli.parser()
        for word in told.removeprefix("tibandu ").replace("\\|", "|").split():
            below, names = _below(found), word.split("|")
            if names[0] not in below:
                break
            assert set(names) <= below.keys(), told
            named.add(names[0])
            found = below[names[0]]
        flags = {flag for action in found._actions for flag in action.option_strings}
        assert set(re.findall(r"--[a-z-]+", told)) <= flags, told
    assert _below(cli.parser()).keys() <= named


def _below(found: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    groups = [a for a in found._actions if isinstance(a, argparse._SubParsersAction)]
    return dict(groups[0].choices) if groups else {}


FAR = "9" * 20


@pytest.mark.parametrize(
    "words",
    [
        f"due --limit {FAR}", "due --limit 0", "due --red 0", f"due --red {FAR}", f"scheduler journal --limit {FAR}",
        "scheduler journal --limit -3", f"access log --limit {FAR}", f"alerts list --limit {FAR}",
        f"alerts inbox li --limit {FAR}", "party list --limit 0", "similar x --limit 0", f"receptions plan --months {FAR}",
        "receptions roster --places 0", "letter x y --forms 0", f"migrate suggestion --to {FAR}", f"ledger x --year {FAR}",
        f"access break-glass x sc_office --person p --reason r --hours {FAR}",
    ],
)  # fmt: skip
def test_a_number_beyond_its_bounds_is_told_them(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Before anything is asked of a database; `due --limit 0` said that nothing was due."""
    assert call(*words.split()).code == 2
    assert "a whole number, " in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize("given", ["0001-01-01", "9999-12-31", "20260302", "2026-W10-1", "2026-13-01"])
def test_a_day_that_nobody_can_mean_is_told_at_the_terminal(
    given: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("alerts", "purge", "--before", given, "--dry-run").code == 2
    said = " ".join(capsys.readouterr().err.split())
    assert f"a date is written YYYY-MM-DD, 1900 to 2199: {given}" in said


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("--version").code == 0
    assert capsys.readouterr().out == f"tibandu {version('tibandu')}\n"


def test_a_full_disk_is_told_to_who_sits_at_the_terminal() -> None:
    """He has no idempotency key."""
    said = {}
    for which, what in FAULTS.items():
        for again in (StoreError(what, which), StoreError(Text("x", "x"), "set_up")):
            said[again.which] = cli._here(again)
    assert said.pop("set_up").en == "x"
    assert said["full"].en == "the database's disk is full; make room, then run this command again"
    assert all(
        "run" in one.en and "运行" in one.zh and "key" not in one.en and "键" not in one.zh
        for one in said.values()
    )


def test_a_file_that_is_no_database_is_3(tmp_path: Path) -> None:
    (tmp_path / "tibandu.db").write_bytes(b"not a database " * 100)
    for command in (["init"], ["doctor"]):
        said = call(*command)
        assert (said.code, "not a database" in said.err) == (3, True)


def test_a_password_is_not_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    from workflow.commands.store import shown

    assert shown("postgresql://u:secret@h/d") == "postgresql://u:***@h/d"
    assert shown("postgresql://u@h/d") == "postgresql://u@h/d"
    assert shown("sqlite:///x.db") == "sqlite:///x.db"


@pytest.mark.parametrize(
    ("locale", "language"), [("zh_CN.UTF-8", "zh"), ("en_US.UTF-8", "en"), ("C", "en"), ("", "en")]
)
def test_the_language_of_the_terminal(locale: str, language: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANG", locale)
    assert ("没有数据库" in call("doctor").err) == (language == "zh")
    assert "there is no database" in call("doctor", "--lang", "en").err
    assert "没有数据库" in call("--lang", "zh", "doctor").err


def test_version() -> None:
    assert call("version").out.startswith("tibandu ")
    assert call("version", "--json").json["tibandu"]


def test_grants_as_json_are_the_same_statements() -> None:
    assert call("grants", "--json").json == call("grants").out.splitlines()


# --- what is not there


UNKNOWN = [
    ("graph opinon", "定义“opinon”；是不是 opinion？", "definition 'opinon'; did you mean opinion?"),
    ("migrate opinon --to 2", "定义“opinon”；是不是 opinion？", "definition 'opinon'; did you mean opinion?"),
    ("migrate suggestion --to 1 --state fild", "状态“fild”；是不是 filed？", "state 'fild'; did you mean filed?"),
    ("rules show hubei-xianing", "地方“hubei-xianing”；是不是 hubei-xianning？", "place with rules 'hubei-xianing'; did you mean hubei-xianning?"),
    ("rules show mars", "地方“mars”；有：CN, ", "place with rules 'mars'; there are: CN, "),
    ("term --scenario xianing", "情景“xianing”；是不是 xianning？", "scenario 'xianing'; did you mean xianning?"),
    ("explain {case} --clock asignment", "时钟“asignment”；是不是 assignment？", "clock 'asignment'; did you mean assignment?"),
    ("export deputi o.csv", "类别“deputi”；是不是 deputy？", "kind 'deputi'; did you mean deputy?"),
    ("import deputi d.csv", "类别“deputi”；是不是 deputy？", "kind 'deputi'; did you mean deputy?"),
    ("export suggestion o.csv --template --then asign", "事件“asign”；是不是 assign？", "event 'asign'; did you mean assign?"),
    ("party list --kind deputi", "主体类别“deputi”；是不是 deputy？", "kind of party 'deputi'; did you mean deputy?"),
    ("access grant x deputi hb --by he", "角色“deputi”；是不是 deputy？", "role 'deputi'; did you mean deputy?"),
    ("ledger ledgr", "台账“ledgr”；是不是 ledger？", "ledger 'ledgr'; did you mean ledger?"),
    ("letter {case} replly", "文书“replly”；是不是 reply？", "document 'replly'; did you mean reply?"),
    ("explain 0000", "没有案件", "no case '0000'"),
    ("party status nobody left --reason x", "没有登记 nobody", "'nobody' is not registered"),
]  # fmt: skip


def test_what_is_asked_for_and_not_there_is_told_alike_in_both_languages(one: Case) -> None:
    """Exit code 1, and the name that was likely meant, or all there are."""
    Path("d.csv").touch()
    wrong = {}
    for line, zh, en in UNKNOWN:
        words = line.format(case=one.id).split()
        for language, meant in (("zh", zh), ("en", en)):
            said = call("--lang", language, *words)
            if said.code != 1 or meant not in said.err:
                wrong[f"{language} {line}"] = (said.code, said.err)
    assert not wrong


FILES = [
    "check {0}", "calendar preview {0}", "replay --records {0}", "replay --cases {0}", "restore {0}", "import deputy {0}",
    "migrate suggestion --to 1 --map {0}", "act assign --by li.wei --cases {0}", "verify --anchor {0}", "verify --key {0}",
    "anchor --out a --key {0}", "serve --tokens {0}", "serve --url https://a.example --oidc {0}", "letter x --letters {0}", "receptions roster --leave {0}",
    "export history {0}/x", "export deputy {0}/x.csv", "anchor --out {0}/x", "backup --out {0}/x", "term --html {0}/x",
    "due --ical {0}/x", "accounts key {0}/x", "posters --url https://a.example --out {0}/x.pdf",
]  # fmt: skip


def test_a_file_that_is_not_there_or_not_to_be_read_is_named_and_no_traceback(
    one: Case, tmp_path: Path
) -> None:
    (tmp_path / "bytes").write_bytes(b"\xff\x00\xfe" * 100)
    wrong = {}
    for line in FILES:
        for language, path in (("zh", "none/nowhere"), ("en", "bytes")):
            said = call("--lang", language, *line.format(path).split())
            if path == "bytes":  # any bytes are a key
                good = (said.code in (1, 2, 3) or "--key" in line) and "Errno" not in said.err
            else:
                good = said.code == 2 and path in said.err
            if not good:
                wrong[line, path] = said
    assert not wrong


# --- definitions


def test_check_finds_no_fault_in_ours() -> None:
    assert call("check").code == 0
    assert call("check", ROOT / "definitions").code == 0
    assert call("check", "--json").json == []


@pytest.fixture
def faulty(tmp_path: Path) -> Path:
    folder = tmp_path / "faulty"
    folder.mkdir()
    (folder / "a.yaml").write_text("codes: roles\ntitel: {zh: 角色, en: roles}\nvalues: {}\n", "utf-8")
    (folder / "b.yaml").write_text("definition: x\nversion: 2026-12-39\n", "utf-8")
    (folder / "c.yaml").write_text("[" * 100_000, "utf-8")
    return folder


def test_check_lists_every_fault_of_every_file(faulty: Path) -> None:
    said = call("check", faulty)
    assert said.code == 1
    lines = said.out.splitlines()
    assert all(re.match(r".*/[abc]\.yaml:[0-9]+:[0-9]+: ", line) for line in lines)
    assert {Path(line.partition(":")[0]).name for line in lines} == {"a.yaml", "b.yaml", "c.yaml"}
    assert "did you mean" in said.out
    assert f"{len(lines)} fault(s)" in said.err
    told = call("check", faulty, "--json")
    assert (told.code, len(told.json)) == (1, len(lines))
    assert told.json[0].keys() == {"file", "line", "column", "code", "text"}


def test_faulty_definitions_stop_every_command_with_their_faults(faulty: Path) -> None:
    for command in (["init"], ["graph", "x"]):
        said = call(*command, "--definitions", faulty)
        assert said.code == 1
        assert "a.yaml:2:1: " in said.err


def test_an_unknown_place_is_a_fault() -> None:
    said = call("graph", "suggestion", "--place", "hubei-xianing")
    assert (said.code, "did you mean" in said.err) == (1, True)


def test_graph() -> None:
    said = call("graph", "suggestion")
    assert (said.code, "stateDiagram-v2" in said.out, "replied" in said.out) == (0, True, True)
    assert "已答复" in call("graph", "suggestion", "--lang", "zh").out
    assert call("graph", "suggestion", "--json").json["mermaid"] == said.out


def test_graph_as_a_picture(stored: tuple[str, Engine, Case]) -> None:
    url, _, case = stored
    said = call("graph", "suggestion", "--svg", "--lang", "zh")
    assert (said.code, said.out.startswith("<svg "), "现在" in said.out) == (0, True, False)
    assert call("graph", "suggestion", "--svg", "--json", "--lang", "zh").json["svg"] == said.out
    own = call("graph", "suggestion", "--svg", "--case", case.id, "--database", url, "--lang", "zh")
    assert own.code == 0 and "已交办 (现在)" in own.out and "交办 [已走过] → 已交办" in own.out
    other = call("graph", "opinion", "--svg", "--case", case.id, "--database", url)
    assert (other.code, "that case is a suggestion, no opinion" in other.err) == (2, True)
    assert call("graph", "suggestion", "--case", case.id).code == 2
    assert call("graph", "suggestion", "--svg", "--case", "nobody", "--database", url).code == 1


def test_publish_refuses_another_content_under_the_same_version(one: Case, tmp_path: Path) -> None:
    assert "nothing new" in call("publish").out
    folder = tmp_path / "own"
    copy(ROOT / "definitions", folder)
    change(folder / "lifecycles/signature.yaml", "zh: 待确认", "zh: 等待确认")
    refused = call("publish", "--definitions", folder)
    assert (refused.code, "raise the version" in refused.err) == (1, True)
    change(folder / "lifecycles/signature.yaml", "version: 1", "version: 2")
    assert "signature" in call("publish", "--definitions", folder, "--by", "li.wei").out
    assert call("init", "--definitions", folder).code == 0


def copy(source: Path, target: Path) -> None:
    for path in source.rglob("*.yaml"):
        place = target / path.relative_to(source)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(path.read_text("utf-8"), "utf-8")


def change(path: Path, old: str, new: str) -> None:
    content = path.read_text("utf-8")
    assert old in content
    path.write_text(content.replace(old, new, 1), "utf-8")


# --- cases


def test_explain(stored: tuple[str, Engine, Case]) -> None:
    url, _, case = stored
    said = call("explain", case.id, "--database", url)
    assert said.code == 0
    assert "due by 2027-02-08" in said.out
    assert "working day 1" in said.out
    alone = call("explain", case.id, "--database", url, "--clock", "reply", "--json")
    assert list(alone.json) == ["reply"]
    assert "代表法(2025)" in alone.json["reply"]["source"]
    assert call("explain", case.id, "--database", url, "--clock", "none").code == 1
    assert call("explain", "none", "--database", url).code == 1


def test_due(stored: tuple[str, Engine, Case]) -> None:
    url, _, case = stored
    rows = call("due", "--database", url, "--json").json
    assert [row["due_on"] for row in rows] == sorted(row["due_on"] for row in rows)
    reply = next(row for row in rows if row["clock"] == "reply")
    assert (reply["due_on"], reply["days"], reply["case"]) == ("2027-02-08?", 91, case.id)
    assert "reply" not in call("due", "--database", url, "--until", "2026-12-01").out
    assert "nothing is due" in call("due", "--database", url, "--until", "2026-11-01").out
    assert len(call("due", "--database", url, "--limit", "1", "--json").json) == 1
    said = call("due", "--database", url, "--lang", "zh").out
    assert "91 天（" in said and "个工作日）" in said


# --- the histories


def test_verify_anchor_export(stored: tuple[str, Engine, Case], tmp_path: Path) -> None:
    url, engine, case = stored
    (tmp_path / "key").write_bytes(b"k" * 32)
    assert "sound" in call("verify", "--database", url).out
    anchored = call("anchor", "--database", url, "--out", "a.json", "--key", "key", "--json")
    assert (anchored.code, anchored.json["number"]) == (0, 1)
    assert "not signed" in call("anchor", "--database", url, "--out", "b.json", "--full").err
    whole = call("verify", "--database", url, "--anchor", "a.json", "--anchor", "b.json", "--json")
    assert (whole.code, whole.json["faults"]) == (0, [])
    exported = call("export", "history", "e.jsonl", "--database", url, "--json")
    assert (exported.code, exported.json["lines"]) == (0, 3)
    assert json.loads(Path("e.jsonl").read_text("utf-8").splitlines()[0])["format"] == "tibandu-export-1"

    with engine.database.begin() as connection:
        connection.execute(text("update tibandu_cases set state = 'replied'"))
    broken = call("verify", "--database", url)
    assert broken.code == 1, broken.out
    assert case.id in broken.out
    assert "contradiction" in broken.out
    assert call("verify", "--database", url, "--json").json["faults"]


def test_files_are_not_overwritten_and_must_be_readable(one: Case, tmp_path: Path) -> None:
    (tmp_path / "there").write_text("mine", "utf-8")
    for command in (["anchor", "--out"], ["export", "history"]):
        assert call(*command, "there").code == 2
        assert call(*command, "no/folder").code == 2
    assert (tmp_path / "there").read_text("utf-8") == "mine"
    assert call("verify", "--anchor", "nowhere").code == 2
    assert call("verify", "--key", "nowhere").code == 2
    assert call("verify", "--anchor", "there").code == 2
    (tmp_path / "short").write_bytes(b"guess")
    assert call("anchor", "--out", "new", "--key", "short").code == 2
    assert not (tmp_path / "new").exists()


# --- a new year's notice


@pytest.fixture
def notice(tmp_path: Path) -> Path:
    """A made-up notice for 2027: the spring festival takes 5 to 12 February."""
    path = tmp_path / "cn-2027.yaml"
    content = (ROOT / "definitions/calendars/cn.yaml").read_text("utf-8")
    content = content.replace("version: cn-2026", "version: cn-2027").replace(
        "horizon: 2026-12-31", "horizon: 2027-12-31"
    )
    content += "  2027:\n    source: test\n    off:\n      元旦: 2027-01-01\n      春节: 2027-02-05..2027-02-12\n    makeup: []\n"
    path.write_text(content, "utf-8")
    return path


def contradictions(engine: Engine) -> list[str]:
    """What `verify` finds."""
    return [str(fault) for fault in verify(engine.store).faults]


def clocks(engine: Engine, case: Case) -> dict[str, tuple[str, bool]]:
    return {clock.name: (str(clock.due_on), clock.provisional) for clock in engine.case(case.id).clocks}


def test_preview_writes_nothing(stored: tuple[str, Engine, Case], notice: Path) -> None:
    url, engine, case = stored
    before = clocks(engine, case)
    said = call("calendar", "preview", notice, "--database", url, "--json")
    assert said.code == 0
    (row,) = [row for row in said.json if row["clock"] == "reply"]
    assert (row["due_on"], row["new_due_on"], row["provisional"]) == ("2027-02-08", "2027-02-15", False)
    assert clocks(engine, case) == before
    assert "1 due date(s) move" in call("calendar", "preview", notice, "--database", url).out


def test_apply_moves_the_dates_with_a_line_each(stored: tuple[str, Engine, Case], notice: Path) -> None:
    url, engine, case = stored
    said = call("calendar", "apply", notice, "--by", "li.wei", "--database", url)
    assert (said.code, "2027-02-15" in said.out) == (0, True)
    assert said.err == ""  # it is kept, and every process counts by it: no file has to be replaced
    assert clocks(engine, case)["reply"] == ("2027-02-15", False)
    line = engine.history(case.id)[-1]
    assert (line.event, line.actor, line.from_state, line.to_state) == (
        "recalculate",
        "li.wei",
        "assigned",
        "assigned",
    )
    assert line.data["@clock.reply"] == {"due": "2027-02-15", "running": True, "round": 1}
    assert line.data["@calendar"]["was"]["reply"] == "2027-02-08"
    assert line.data["@calendar"]["version"] == "cn-2027"

    again = call("calendar", "apply", notice, "--by", "li.wei", "--database", url, "--json")
    assert (again.code, again.json) == (0, [])
    assert len(engine.history(case.id)) == line.seq
    assert contradictions(engine) == []
    assert engine.case_at(case.id, line.seq).revision == engine.case(case.id).revision


def test_a_calendar_in_use_is_not_warned_of(one: Case, notice: Path, tmp_path: Path) -> None:
    folder = tmp_path / "own"
    copy(ROOT / "definitions", folder)
    (folder / "calendars/cn.yaml").write_text(notice.read_text("utf-8"), "utf-8")
    troubled = call("doctor", "--definitions", folder)
    assert (troubled.code, "calendar apply" in troubled.out) == (1, True)
    said = call("calendar", "apply", notice, "--by", "li.wei", "--definitions", folder)
    assert (said.code, said.err) == (0, "")
    assert "calendar apply" not in call("doctor", "--definitions", folder).out


def test_a_file_that_is_no_calendar(one: Case, tmp_path: Path, notice: Path) -> None:
    assert call("calendar", "preview", ROOT / "definitions/codes/roles.yaml").code == 2
    broken = tmp_path / "broken.yaml"
    broken.write_text(notice.read_text("utf-8").replace("2027-02-05..", "2027-02-40.."), "utf-8")
    said = call("calendar", "preview", broken)
    assert (said.code, "broken.yaml:" in said.err) == (1, True)
    other = tmp_path / "other.yaml"
    other.write_text(notice.read_text("utf-8").replace("calendar: cn\n", "calendar: hk\n"), "utf-8")
    assert (call("calendar", "preview", other).code, call("calendar", "apply", other, "--by", "x").code) == (
        1,
        1,
    )


class Moving:
    """A suggestion in memory whose reply clock will be moved by a notice."""

    def __init__(self, library: Library, notice: Path) -> None:
        self.clock = FrozenClock(date(2026, 11, 8))
        self.engine = memory_engine(library, self.clock)
        self.engine.grant("li.wei", "deputy_affairs", TENANT)
        self.calendar = load_definitions(notice).calendars["cn"]

    def assigned(self, **how: Any) -> Case:
        case = self.engine.start("suggestion", OFFICE, PROPOSAL, tenant=TENANT, **how)
        self.engine.fire(case.id, "accept", OFFICE, {"congress": "六届", "session": "五次"}, **how)
        data = {"assignment_mode": "sole", "lead_unit": "housing"}
        return self.engine.fire(case.id, "assign", OFFICE, data, **how)

    def apply(self, person: str = "li.wei") -> list[recalculation.Recalculated]:
        return list(recalculation.apply(self.engine, self.calendar, Actor(person=person)))

    def put_in_use(self) -> None:
        """What a restart with the new file does."""
        self.engine.laws.__dict__["calendar"] = self.calendar

    def timer(self, case: Case) -> tuple[int | None, str | None]:
        with self.engine.store.connection() as connection:
            family = self.engine.store.family(connection, case.id)
        assert family is not None
        reply = family.records[case.id].clocks["reply"]
        return reply.next_rung, reply.next_at and reply.next_at[:10]

    def fired(self, case: Case) -> list[tuple[int, str]]:
        """The rungs of the reply clock that fire now, with their civil days as UTC instants."""
        found = []
        while batch := self.engine.tick():
            found += [
                (f.rung, f.due_at.isoformat()[:10]) for f in batch if f.case == case.id and f.clock == "reply"
            ]
        return found


@pytest.fixture
def moving(library: Library, notice: Path) -> Iterator[Moving]:
    world = Moving(library, notice)
    yield world
    world.engine.database.dispose()


def test_the_timer_goes_on_where_it_was(moving: Moving) -> None:
    case = moving.assigned()
    moving.clock.set(date(2027, 2, 1))
    assert [rung for rung, _ in moving.fired(case)] == [-30, -15, -7]
    moving.apply()
    moving.put_in_use()
    assert moving.fired(case) == []
    moving.clock.set(date(2027, 2, 16))
    assert [rung for rung, _ in moving.fired(case)] == [-3, -1, 0, 1]
    assert [line.event for line in moving.engine.history(case.id)].count("reply_overdue") == 1


def test_what_was_overdue_and_is_no_longer_runs_anew(moving: Moving) -> None:
    case = moving.assigned()
    moving.clock.set(date(2027, 2, 9))
    moving.fired(case)
    events = [line.event for line in moving.engine.history(case.id)]
    assert events.count("reply_overdue") == 1
    moving.apply()
    moving.put_in_use()
    moving.clock.set(date(2027, 2, 15))
    moving.fired(case)
    assert [line.event for line in moving.engine.history(case.id)].count("reply_overdue") == 1
    moving.clock.set(date(2027, 2, 16))
    moving.fired(case)
    assert [line.event for line in moving.engine.history(case.id)].count("reply_overdue") == 2


def test_what_stays_overdue_is_not_fired_twice(moving: Moving) -> None:
    case = moving.assigned()
    moving.clock.set(date(2027, 3, 1))
    moving.fired(case)
    moving.apply()
    moving.put_in_use()
    moving.fired(case)
    moving.clock.set(date(2027, 3, 20))
    moving.fired(case)
    assert [line.event for line in moving.engine.history(case.id)].count("reply_overdue") == 1


def test_an_imported_clock_arms_nothing_of_the_past(moving: Moving) -> None:
    moving.clock.set(date(2027, 3, 1))
    case = moving.assigned(imported=True, effective_on=date(2026, 11, 8))
    assert moving.timer(case) == (None, None)
    assert {change.clock for change in moving.apply()} >= {"reply"}
    assert moving.timer(case) == (None, None)
    assert moving.engine.tick() == []


def test_an_imported_clock_that_is_in_time_again_goes_on_from_today(moving: Moving) -> None:
    moving.clock.set(date(2027, 2, 10))
    case = moving.assigned(imported=True, effective_on=date(2026, 11, 8))
    assert moving.timer(case) == (None, None)
    moving.apply()
    assert moving.timer(case) == (-3, "2027-02-11")  # 00:00 in Shanghai of the 12th


def test_an_event_after_it_follows_on(moving: Moving) -> None:
    case = moving.assigned()
    moving.apply()
    with pytest.raises(Conflict):
        moving.engine.fire(
            case.id, "recall_assignment", OFFICE, {"recall_reason": "误交"}, revision=case.revision
        )
    moving.engine.fire(case.id, "recall_assignment", OFFICE, {"recall_reason": "误交"})
    assert contradictions(moving.engine) == []


def test_a_child_moves_with_its_roots_revision(moving: Moving) -> None:
    case = moving.engine.start("suggestion", OFFICE, PROPOSAL, tenant=TENANT)
    moving.engine.fire(case.id, "accept", OFFICE, {"congress": "六届", "session": "五次"})
    moving.clock.set(date(2026, 12, 28))
    data = {"assignment_mode": "lead_and_co", "lead_unit": "housing", "co_units": ["transport"]}
    root = moving.engine.fire(case.id, "assign", OFFICE, data)
    (child,) = moving.engine.children(root.id)
    assert any(clock.provisional for clock in child.clocks)
    changed = {change.case for change in moving.apply()}
    assert changed >= {child.id, root.id}
    assert moving.engine.case(root.id).revision == root.revision + len(changed)
    assert contradictions(moving.engine) == []


def test_the_system_puts_no_calendar_in_force(moving: Moving) -> None:
    moving.assigned()
    with pytest.raises(Refused):
        moving.apply("system")
    with pytest.raises(NotFound):
        recalculation.preview(moving.engine, type(moving.calendar)(
            name="hk", version="1", first=date(2026, 1, 1), horizon=date(2026, 12, 31), off={}, makeup=frozenset()
        ))  # fmt: skip


def test_when_somebody_keeps_being_first_it_says_so(moving: Moving, monkeypatch: pytest.MonkeyPatch) -> None:
    moving.assigned()
    monkeypatch.setattr(moving.engine.store, "write", lambda *_: False)
    with pytest.raises(Conflict):
        moving.apply()


# --- doctor


def test_doctor_says_what_is_wrong(stored: tuple[str, Engine, Case], monkeypatch: pytest.MonkeyPatch) -> None:
    url, engine, _ = stored
    engine.alerts.address()
    well = call("doctor", "--database", url)
    law = engine.library.definition("suggestion")
    title, state = law.title, law.states["assigned"].title
    assert (
        f"outbox: addressed 4, nobody 1\ncases, by lifecycle and state below: 1\n  {title.en}, {state.en}: 1\n"
        in well.out
    )
    zh = call("doctor", "--database", url, "--lang", "zh").out
    assert "发件箱: 已分发 4，无人可通知 1\n" in zh and f"\n  {title.zh}，{state.zh}: 1\n" in zh
    (skew,) = [line for line in well.out.splitlines() if line.startswith("! ")]
    assert "from the database's: turn on time synchronisation" in skew  # the tests' clock stands elsewhere
    assert "- no scheduler is running" in well.out
    monkeypatch.setattr("workflow.engine.SystemClock", lambda: FrozenClock(date(2027, 3, 1)))
    ill = call("doctor", "--database", url)
    assert (ill.code, "! timers wait since" in ill.out, "! the calendar ends" in ill.out) == (1, True, True)
    told = call("doctor", "--database", url, "--json")
    assert told.code == 1
    assert {t["code"] for t in told.json["troubles"] if t["urgent"]} == {
        "skew",
        "late",
        "horizon",
    }
    assert told.json["cases"] == [{"kind": "suggestion", "state": "assigned", "count": 1}]


def test_doctor_sees_what_is_not_published(one: Case, tmp_path: Path) -> None:
    folder = tmp_path / "own"
    copy(ROOT / "definitions", folder)
    change(folder / "lifecycles/signature.yaml", "version: 1", "version: 2")
    said = call("doctor", "--definitions", folder)
    assert (said.code, "not published: signature" in said.out) == (1, True)


# --- replay


def test_replay(tmp_path: Path) -> None:
    said = call("replay")
    assert said.code == 0
    assert (tmp_path / "tibandu.db").exists()
    assert call("verify").code == 0


def test_a_broken_record_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_text("a,b\n1,2\n", "utf-8")
    said = call("replay", "--records", "r.csv")
    assert said.code == 1


# --- siblings


def test_a_sibling_is_found_beside_our_own_checkout() -> None:
    assert Path(str(cli.sibling("api").__file__)).parent == ROOT / "api"
    with pytest.raises(UsageError, match=r"there is no definitions\.nothing"):
        cli.sibling("definitions.nothing")


def test_a_package_of_the_host_is_never_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "scheduler").mkdir()
    (tmp_path / "scheduler/__init__.py").write_text("raise AssertionError('the host was touched')", "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "scheduler", raising=False)
    monkeypatch.setattr(cli, "HERE", tmp_path / "site-packages/workflow")
    with pytest.raises(UsageError, match=r"install tibandu\[scheduler\]"):
        cli.sibling("scheduler")


def test_in_the_wheel_it_stands_below_workflow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "workflow/api").mkdir(parents=True)
    (tmp_path / "workflow/api/__init__.py").touch()
    monkeypatch.setattr(cli, "HERE", tmp_path / "workflow")
    asked: list[str] = []
    monkeypatch.setattr(cli.importlib, "import_module", lambda name: asked.append(name) or sys)
    assert cli.sibling("api") is sys
    assert asked == ["workflow.api"]


@pytest.mark.parametrize(
    ("missing", "extra"), [("flask", "api"), ("apscheduler.schedulers", "scheduler"), ("x", "api")]
)
def test_a_missing_extra_is_named(
    missing: str, extra: str, one: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(name: str) -> None:
        raise ModuleNotFoundError(f"No module named {missing!r}", name=missing)

    assert call("check").code == 0
    monkeypatch.setattr(cli.importlib, "import_module", fail)
    said = call("serve", "--definitions", ROOT / "definitions")
    assert (said.code, f"tibandu[{extra}]" in said.err) == (2, True)


def test_a_missing_driver_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(url: str) -> None:
        raise ModuleNotFoundError("No module named 'psycopg'", name="psycopg")

    monkeypatch.setattr(Engine, "connect", staticmethod(fail))
    said = call("--database", "postgresql://h/d", "init")
    assert (said.code, "tibandu[postgresql]" in said.err) == (3, True)


def test_a_fault_of_ours_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("ours")

    monkeypatch.setattr("workflow.loader.check", fail)
    with pytest.raises(RuntimeError):
        cli.main(["check"])


def test_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("workflow.loader.check", interrupt)
    assert call("check").code == 130


# --- the console


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_is_for_people_only() -> None:
    for err, shown in ((io.StringIO(), False), (Terminal(), True)):
        console = Console("zh", as_json=False, out=io.StringIO(), err=err)
        assert list(console.progress([1, 2], title=Text("重算", "computing"))) == [1, 2]
        with console.counter(Text("核验", "verifying")) as count:
            count(5)
        assert ("重算" in err.getvalue() and "核验" in err.getvalue()) == shown


@pytest.mark.parametrize(("lang", "words"), [("zh", ["是", "否"]), ("en", ["yes", "no"])])
def test_a_table_says_yes_and_no_in_the_language_of_its_heads(lang: str, words: list[str]) -> None:
    out = io.StringIO()
    Console(lang, as_json=False, out=out).table(
        {"a": Text("仍为暂定", "provisional")}, [{"a": True}, {"a": False}]
    )
    assert out.getvalue().split()[1:] == words


def test_a_table_is_even_with_chinese() -> None:
    out = io.StringIO()
    console = Console("zh", as_json=False, out=out)
    console.table(
        {"a": Text("状态", "state"), "b": Text("数", "n")}, [{"a": "已答复", "b": 1}, {"a": "x", "b": None}]
    )
    assert out.getvalue().splitlines() == ["状态    数", "已答复  1", "x       -"]


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:///x.db", Path("x.db")), ("sqlite:////a/x.db?timeout=1", Path("/a/x.db")), ("sqlite://", None),
        ("sqlite:///:memory:", None), ("sqlite:///file:x?uri=true", None), ("postgresql://h/d", None), ("x", None),
    ],
)  # fmt: skip
def test_the_file_of_a_url(url: str, path: Path | None) -> None:
    assert sqlite_path(url) == path


# --- as a process of its own


COMMAND = [sys.executable, "-c", "import sys; from workflow.cli import main; sys.exit(main())"]


def started(*words: str, cwd: Path) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"}
    return subprocess.Popen(
        [*COMMAND, *words],
        cwd=cwd,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )


def ended(process: subprocess.Popen[str], number: signal.Signals | None = None) -> tuple[int, str]:
    if number is not None:
        process.send_signal(number)
    try:
        out, err = process.communicate(timeout=60)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise
    assert "Traceback" not in err
    return process.returncode, out + err


def test_the_process(tmp_path: Path) -> None:
    assert ended(started("init", cwd=tmp_path))[0] == 0
    code, said = ended(started("due", cwd=tmp_path))
    assert (code, "nothing is due" in said) == (0, True)
    assert ended(started("explain", "none", cwd=tmp_path))[0] == 1


def test_whoever_reads_us_may_go_away(tmp_path: Path) -> None:
    process = started("graph", "suggestion", cwd=tmp_path)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    err = process.stderr.read()
    process.stderr.close()
    assert process.wait(timeout=30) in (0, 1)
    assert "Traceback" not in err


def test_the_scheduler_runs_until_told(tmp_path: Path, one: Case) -> None:
    process = started("scheduler", "--seconds", "0.5", cwd=tmp_path)
    assert process.stdout is not None
    assert "running" in process.stdout.readline()
    code, said = ended(process, signal.SIGTERM)
    assert (code, "has stopped" in said) == (0, True)


@pytest.mark.parametrize("more", [[], ["--no-scheduler"]])
def test_serve_with_and_without_the_scheduler(tmp_path: Path, one: Case, more: list[str]) -> None:
    (tmp_path / "tokens").write_text(hashlib.sha256(b"tok").hexdigest() + " li.wei\n", "utf-8")
    process = started("serve", "--port", "0", "--tokens", "tokens", *more, cwd=tmp_path)
    assert process.stdout is not None
    address = process.stdout.readline().split()[-1]
    try:
        health = fetched(f"{address}/v1/health")
        assert (health["last_tick_age"] is None) == bool(more)
        assert fetched(f"{address}/v1/cases/{one.id}", "tok")["id"] == one.id
        with pytest.raises(urllib.error.HTTPError, match="401") as refused:
            fetched(f"{address}/v1/cases/{one.id}", "other")
        refused.value.close()
    finally:
        code, said = ended(process, signal.SIGINT if more else signal.SIGTERM)
    assert (code, "has stopped" in said) == (0, True)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_who_says_stop_before_the_service_waits_is_heard(number: signal.Signals) -> None:
    from api.server import serve

    serve(lambda *_: [], "127.0.0.1", 0, lambda _: os.kill(os.getpid(), number))


STREAMS = [
    ("verify >&-", 0, ""),
    ("graph suggestion <&- >&- 2>&-", 0, ""),
    ("graph suggestion >/dev/full", 2, "tibandu: cannot write: No space left on device\n"),
    ("check nowhere 2>/dev/full", 2, ""),
    ("--lang zh verify", 0, r"1 \u4e2a\u6848\u4ef6"),
]


@pytest.mark.parametrize(("line", "code", "told"), STREAMS)
def test_streams_that_take_nothing_end_in_no_traceback(
    tmp_path: Path, one: Case, line: str, code: int, told: str
) -> None:
    """Closed, on a full device, or in an encoding that has none of our letters."""
    done = subprocess.run(
        ["sh", "-c", f"{sys.executable} -m workflow {line}"],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "ascii"}, capture_output=True,
        text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == code
    assert (done.stdout + done.stderr).startswith(told)
    assert "Traceback" not in done.stderr
    assert not told or "\n" not in done.stderr[:-1]


def test_who_interrupts_is_answered_with_130_however_early(monkeypatch: pytest.MonkeyPatch) -> None:
    from workflow import __main__ as entry

    def interrupted() -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "main", interrupted)
    assert entry.main() == 130
    read = (
        "import sys, workflow; print([m for m in sys.modules if m.startswith(('workflow.', 'sqlalchemy'))])"
    )
    done = subprocess.run([sys.executable, "-c", read], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"  # nothing that takes long stands before the entrance


def test_serve_behind_a_proxy_that_names_persons(tmp_path: Path, one: Case) -> None:
    flags = ("--proxy", "127.0.0.2", "--person-header", "X-Person", "--no-scheduler")
    process = started("serve", "--port", "0", *flags, cwd=tmp_path)
    assert process.stdout is not None
    port = urlsplit(process.stdout.readline().split()[-1]).port
    told = []
    for source in ("127.0.0.2", "127.0.0.3"):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20, source_address=(source, 0))
        connection.request("GET", "/v1/cases", headers={"X-Person": "li.wei"})
        told.append(connection.getresponse().status)
        connection.close()
    code, _ = ended(process, signal.SIGTERM)
    assert (code, told) == (0, [200, 401])


def fetched(address: str, token: str | None = None) -> dict[str, Any]:
    request = urllib.request.Request(address, headers={"Authorization": f"Bearer {token}"} if token else {})
    with urllib.request.urlopen(request, timeout=20) as response:
        found: dict[str, Any] = json.load(response)
        return found


# --- serve and scheduler in this process


def test_serve_refuses_to_be_open_without_tokens(one: Case) -> None:
    for host in ("0.0.0.0", "::", "example.org"):
        said = call("serve", "--host", host)
        assert (said.code, "only this machine" in said.err) == (2, True)


@pytest.mark.parametrize(
    ("flags", "why"),
    [
        (["--person-header", "X-Person"], "needs --proxy"), (["--oidc", "x.yaml"], "needs --url"),
        (["--oidc", "x.yaml", "--url", "https://a.example"], "No such file"),
    ],
)  # fmt: skip
def test_serve_with_flags_that_do_not_go_together(one: Case, flags: list[str], why: str) -> None:
    said = call("serve", "--no-scheduler", *flags)
    assert (said.code, why in said.err) == (2, True), said.err


@pytest.mark.parametrize("content", [None, "nonsense\n"])
def test_serve_with_a_wrong_token_file(one: Case, tmp_path: Path, content: str | None) -> None:
    if content:
        (tmp_path / "tokens").write_text(content, "utf-8")
    assert call("serve", "--tokens", "tokens").code == 2


def test_a_port_that_is_taken(one: Case) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        said = call("serve", "--port", taken.getsockname()[1])
    assert (said.code, "cannot listen" in said.err) == (2, True)


def test_serve_and_scheduler_stop_when_told(one: Case) -> None:
    for command in (["serve", "--port", "0"], ["scheduler", "--seconds", "1"]):
        said = told_to_stop(lambda command=command: call(*command))
        assert (said.code, "has stopped" in said.out) == (0, True)


def told_to_stop(run: Callable[[], Said]) -> Said:
    """Run it here, in the main thread, and send this process a SIGTERM once it has threads of its own."""
    before = set(threading.enumerate())

    def tell() -> None:
        me, until = threading.current_thread(), time.monotonic() + 20
        while not set(threading.enumerate()) - before - {me} and time.monotonic() < until:
            time.sleep(0.02)
        time.sleep(0.3)
        os.kill(os.getpid(), signal.SIGTERM)

    teller = threading.Thread(target=tell)
    teller.start()
    try:
        return run()
    finally:
        teller.join()


# --- slips of the pen


def test_a_command_that_only_says_something_says_it_as_json_too(sqlite_url: str) -> None:
    call("init", "--database", sqlite_url)
    done = call(
        "--json",
        "access",
        "grant",
        "li.wei",
        "deputy_affairs",
        TENANT,
        "--by",
        "set-up",
        "--database",
        sqlite_url,
    )
    (said,) = done.json["said"]
    back = "tibandu access revoke ([0-9a-z]+) --by set-up"
    zh = re.fullmatch(f"已授予 li.wei deputy_affairs（代表工作委员会），{TENANT}；收回：{back}", said["zh"])
    en = re.fullmatch(rf"li.wei is deputy_affairs \([^)]+\), {TENANT}; take it back: {back}", said["en"])
    assert zh and en and zh[1] == en[1]
    assert done.code == 0
    grant = (
        "access",
        "grant",
        "li.wei",
        "sc_office",
        TENANT,
        "--from",
        "2026-12-01",
        "--until",
        "2026-12-31",
    )
    until = call("--lang", "zh", *grant, "--by", "set-up", "--database", sqlite_url)
    assert "，自 2026-12-01，至 2026-12-31（含当日）；" in until.out
    taken = call("--lang", "zh", "access", "revoke", zh[1], "--by", "he", "--database", sqlite_url)
    assert (taken.code, "最后一天" in taken.out) == (0, True)
    log = call("--lang", "zh", "access", "log", "--kind", "grant", "--database", sqlite_url).out
    assert "收回代表工作委员会" in log and "），2026-12-01 至 2026-12-31" in log
    assert f"授予代表工作委员会（{TENANT}）\n" in re.sub(" +\n", "\n", log)


def test_a_name_that_there_is_not_is_refused_with_the_one_that_was_meant(
    sqlite_url: str, tmp_path: Path, library: Library
) -> None:
    engine = Engine(sqlite_url, library, clock=FrozenClock(TODAY))
    engine.create_schema()
    engine.parties.put(
        [Party(id="dep1", kind="deputy", name="陈静", tenant=TENANT, personal={"phone": "13800000000"},
               attributes={"congress": "六届"})],
        by=OFFICE, trusted=True,
    )  # fmt: skip
    engine.database.dispose()
    channels = tmp_path / "channels.toml"
    channels.write_text(
        'link = "https://x.example.cn/{case}"\n'
        '[channel.mail]\nkind = "smtp"\nhost = "mail.example.cn"\nsender = "a@example.cn"\n',
        "utf-8",
    )
    for words, en in (
        (("access", "grant", "li", "deputy_affairs", "hubei/xianing", "--by", "x"), "there is no scope 'hubei/xianing'; did you mean hubei/xianning?"),
        (("access", "grant", "li", "deputy_afairs", TENANT, "--by", "x"), "did you mean deputy_affairs?"),
        (("alerts", "contact", "li", "mial", "a@example.cn", "--channels", channels), "there is no channel 'mial'; did you mean mail?"),
        (("party", "erase", "dep1", "fone", "--by", "x", "--reason", "y"), "there is no personal value 'fone'; did you mean phone?"),
        (("migrate", "sugestion", "--to", "1"), "there is no definition 'sugestion'; did you mean suggestion?"),
    ):  # fmt: skip
        refused = call(*words, "--database", sqlite_url)
        assert refused.code in (1, 2) and en in refused.err, (words, refused)
        assert "是不是" in call(*words, "--database", sqlite_url, "--lang", "zh").err, words
    refused = call("access", "grant", "li", "unit_clerk", TENANT, "--by", "x", "--database", sqlite_url)
    assert (
        refused.code == 1
        and "unit: the role unit_clerk (clerk of a unit) is held within a unit" in refused.err
    )
    assert (
        call("access", "grant", "li", "deputy_affairs", "hubei", "--by", "x", "--database", sqlite_url).code
        == 0
    )
    assert (
        call(
            "alerts",
            "contact",
            "li",
            "mail",
            "a@example.cn",
            "--channels",
            channels,
            "--database",
            sqlite_url,
        ).code
        == 0
    )
    unknown = call("alerts", "contact", "li", "sms", "1380", "--database", sqlite_url)
    assert unknown.code == 0 and "no channel file is named" in unknown.err
