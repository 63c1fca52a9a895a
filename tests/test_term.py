"""A term, small enough for every run: every story ends where it should, every figure is counted from the store."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from python_calamine import CalamineWorkbook

from definitions.dice import Dice
from definitions.term import as_data, load, named, run
from definitions.term.cast import cast_of
from definitions.term.figures import QUERIES
from definitions.term.plan import plans
from definitions.term.scenario import Scenario, ScenarioFault, SessionPlan
from definitions.term.sheet import write
from workflow import Engine
from workflow.cli import main

from .lifecycle import count, shipped

HERE = Path(__file__).parent
SMALL = HERE / "data" / "scenarios" / "small.yaml"


@pytest.fixture(scope="module")
def small() -> Scenario:
    return load(SMALL)


@pytest.fixture(scope="module")
def heads(small: Scenario, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The digest of all chain heads, from a run of its own on SQLite."""
    _, measured, _ = run(f"sqlite:///{tmp_path_factory.mktemp('term')}/term.db", small)
    return measured.heads


# --- the run


def test_every_figure_is_what_is_stated_and_the_seed_repeats(
    database_url: str, small: Scenario, heads: str
) -> None:
    """On both databases the same chain heads; a second run finds the term there and counts the same."""
    lived, measured, page = run(database_url, small)
    assert lived is not None and lived.acts > 500 and lived.rungs > 50
    assert {
        one.figure.name: (one.figure.value, one.counted) for one in measured.figures if not one.equal
    } == {}
    assert measured.heads == heads
    assert sum(measured.days_to_answer) == 9 and measured.rounds[2]["satisfied"] > 0
    assert all(
        set(states) == {"reported"} and sum(states.values()) == 6 for states in measured.receptions.values()
    )
    for part, its in as_data(measured, lived)["parts"].items():
        assert its["events"] >= lived.parts[part].acts > 0 and lived.parts[part].seconds > 0
    assert sum(part.acts for part in lived.parts.values()) == lived.acts
    again, counted, same = run(database_url, small)
    assert (again, counted, same) == (None, measured, page)


def test_a_second_assignment_left_out_is_seen(small: Scenario, tmp_path: Path) -> None:
    (session,) = small.sessions
    fewer = replace(session, levels={"satisfied": 7, "basically_satisfied": 1, "dissatisfied": 1})
    quick = replace(small, sessions=(fewer,), receptions=None, opinions=None, activities=())
    _, measured, page = run(f"sqlite:///{tmp_path}/term.db", quick)
    found = {one.figure.name: (one.counted, one.figure.value) for one in measured.figures if not one.equal}
    assert found["second_assigned_basically_satisfied"] == (1, 2)
    assert "≠ 不等" in page


@pytest.mark.parametrize(("last", "counted", "said"), [(11, 28, "＝ 相等"), (10, 27, "≠ 不等")])
def test_one_of_the_articles_28_left_out_is_seen(
    small: Scenario, tmp_path: Path, last: int, counted: int, said: str
) -> None:
    """The sessions of the article with every answer that was not satisfied, and few others: 27 is not 28."""
    whole = load(named("xianning"))

    def few(session: SessionPlan) -> SessionPlan:
        levels = {**session.levels, "satisfied": 2}
        if session.name == "三次":
            levels["basically_satisfied"] = last
        several = sum(levels.values())
        return replace(
            session, suggestions=several, results={"A": several}, levels=levels, key_supervised=1, transferred=None, from_motion=0
        )  # fmt: skip

    asked = tuple(figure for figure in whole.figures if figure.name.startswith("second_assigned"))
    quick = replace(
        whole, parties=small.parties, sessions=tuple(map(few, whole.sessions)), receptions=None, opinions=None, activities=(),
        figures=asked,
    )  # fmt: skip
    _, measured, page = run(f"sqlite:///{tmp_path}/term.db", quick)
    found = {one.figure.name: (one.counted, one.figure.value) for one in measured.figures}
    assert found == {
        "second_assigned_dissatisfied": (4, 4),
        "second_assigned_basically_satisfied": (counted, 28),
    }
    assert f'<td class="n">28</td><td class="n">{counted}</td>' in page
    assert said in page


def test_nobody_is_told_of_a_term_that_never_was(small: Scenario, tmp_path: Path) -> None:
    quick = replace(small, receptions=None, opinions=None, activities=())
    run(f"sqlite:///{tmp_path}/term.db", quick)
    engine = Engine(f"sqlite:///{tmp_path}/term.db", shipped(), place=quick.place)
    assert count(engine, "outbox", "state = 'superseded'") > 50
    assert engine.alerts.address() == 0
    assert engine.alerts.listed() == []
    engine.database.dispose()


def test_the_page_runs_nothing_and_fetches_nothing(small: Scenario, tmp_path: Path) -> None:
    hostile = replace(
        small, zh="<script>alert(1)</script>", sessions=(), receptions=None, opinions=None, activities=()
    )
    _, _, page = run(f"sqlite:///{tmp_path}/term.db", hostile)
    assert "<script" not in page and "&lt;script&gt;" in page
    assert not re.search(r'(src|href)=|url\(|@import|[\s"]on\w+="', page)


def test_the_15ths_that_move(tmp_path: Path, small: Scenario) -> None:
    """19 of the 60 of 2022 to 2026 are no working day; under the other policy the days of the term move with them."""
    quick = replace(small, sessions=(), opinions=None, activities=())
    _, measured, _ = run(f"sqlite:///{tmp_path}/term.db", quick.under("next_working_day"))
    assert len(measured.moved) == 19
    assert {str(a): str(b) for a, b in measured.moved}["2026-02-15"] == "2026-02-24"
    days = {one.figure.name: one.counted for one in measured.figures}["reception_days"]
    assert days == 18  # of January to April 2024 only February's moves, to Sunday the 18th, a working day
    assert sum(sum(states.values()) for states in measured.receptions.values()) == 24


# --- the command


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page, book = tmp_path / "term.html", tmp_path / "term.xlsx"
    database = ["--database", f"sqlite:///{tmp_path}/term.db"]
    call = ["term", "--scenario", str(SMALL), *database, "--html", str(page), "--xlsx", str(book)]
    assert main([*call, "--lang", "en"]) == 0
    said = capsys.readouterr().out
    assert re.search(r"suggestions +9 +9 +=", said) and "acts" in said
    assert "<svg" in page.read_text(encoding="utf-8")
    figures: list[list[Any]] = CalamineWorkbook.from_path(str(book)).get_sheet_by_name("数字").to_python()
    assert figures[0][:3] == ["项目", "印出", "数出"] and figures[1][:4] == ["代表", 130, 130, "相等"]
    assert main([*call, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    opinions = told["figures"]["opinions"]
    assert (opinions["article"], opinions["counted"], opinions["equal"]) == (14, 14, True)
    assert opinions["query"].startswith("select count(*) from tibandu_cases")


@pytest.mark.parametrize(
    ("arguments", "said", "code"),
    [
        (["--scenario", "nowhere"], "xianning", 1),
        (["--scenario", "nowhere.yaml"], "nowhere.yaml", 1),
        (["--scenario", str(SMALL), "--html", "/nowhere/at/all.html"], "/nowhere/at", 2),
        (["--policy", "sometimes"], "invalid choice", 2),
    ],
)
def test_the_command_explains_itself(
    arguments: list[str], said: str, code: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["term", *arguments, "--database", f"sqlite:///{tmp_path}/t.db"]) == code
    assert said in capsys.readouterr().err


# --- scenarios


def test_the_shipped_scenarios_are_sound() -> None:
    for path in sorted(named("xianning").parent.glob("*.yaml")):
        scenario = load(path)
        assert {figure.name for figure in scenario.figures} <= QUERIES.keys()
    article = load(named("xianning"))
    assert sum(session.key_supervised for session in article.sessions) == 46
    assert sum(session.levels["basically_satisfied"] for session in article.sessions) == 28
    cast = cast_of(article)
    assert len(cast.deputies) == 6030 and len(cast.stations) == 441
    assert len({deputy for station in cast.stations for deputy in station.deputies}) >= 2 * 441


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("seed: small", "sead: small", "did you mean seed"),
        ("begins: 2023-11-20", "begins: soon", "begins: must be date, not 'soon'"),
        ("suggestions: 9", "suggestions: 8", "results add up to 9, not 8"),
        ("opens: 2024-01-08", "opens: 2024-02-08", "outside the term or are swapped"),
        ("tenant: hubei/xianning", 'tenant: "x\' or 1=1"', "lower-case letters"),
        ("concluded: 12", "concluded: 15", "concluded is more than total"),
        ("homes: 2, ", "", "parties.homes: missing"),
        ("total: 14", "total: many", "opinions.total: must be int"),
        ("sessions:\n  - name", "sessions:\n  - nome", "nome: unknown"),
        ("source: 测试\nseed", "source: &a 测试\nseed", "anchors"),
    ],
)
def test_a_faulty_scenario_says_where(old: str, new: str, said: str, tmp_path: Path) -> None:
    text = SMALL.read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "bad.yaml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(Exception) as refusal:  # noqa: PT011 - bad YAML is a DefinitionError, the rest ScenarioFaults
        load(path)
    assert said in str(refusal.value) + str(getattr(refusal.value, "faults", ""))


def test_a_figure_nobody_can_count_is_named(small: Scenario, tmp_path: Path) -> None:
    figures = (replace(small.figures[0], name="happiness"),)
    quick = replace(small, sessions=(), receptions=None, opinions=None, activities=(), figures=figures)
    with pytest.raises(ScenarioFault, match="happiness"):
        run(f"sqlite:///{tmp_path}/term.db", quick)


def test_outcomes_are_dealt_not_drawn(small: Scenario) -> None:
    """Whatever the seed, so many of each; another seed deals them to others."""
    dealt = [list(plans(scenario, cast_of(small))) for scenario in (small, replace(small, seed="other"))]
    for found in dealt:
        assert sorted(plan.result for plan in found) == sorted("AAAABBBCD")
        assert sum(plan.key for plan in found) == 2 and {plan.area for plan in found} == {
            None,
            "minors",
            "environment",
        }
    assert dealt[0] != dealt[1]


def test_the_workbook_holds_texts_only(small: Scenario, tmp_path: Path) -> None:
    evil = replace(small.figures[0], zh='=cmd|"/c calc"!A1')
    quick = replace(small, sessions=(), receptions=None, opinions=None, activities=(), figures=(evil,))
    _, measured, _ = run(f"sqlite:///{tmp_path}/term.db", quick)
    write(measured, tmp_path / "term.xlsx")
    assert (
        CalamineWorkbook.from_path(str(tmp_path / "term.xlsx")).get_sheet_by_name("数字").to_python()[1][0]
        == evil.zh
    )


def test_dice_repeat_and_reach_every_side() -> None:
    first, again = Dice("x"), Dice("x")
    assert [first.below(6) for _ in range(50)] == [again.below(6) for _ in range(50)]
    dice = Dice("y")
    assert {dice.between(1, 3) for _ in range(60)} == {1, 2, 3}
    assert sorted(dice.some_of("abc", 9)) == ["a", "b", "c"]
    assert {dice.weighted({"a": 1, "b": 0}) for _ in range(9)} == {"a"}
