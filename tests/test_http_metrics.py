"""The metrics: equal from every node, not doubled, numbers alone; the alert rules name what there is."""

from __future__ import annotations

import hashlib
import re
from io import StringIO
from pathlib import Path

import yaml
from flask import Flask
from flask.testing import FlaskClient
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from api.metrics import OF_CLOCKS, PATH, metrics
from workflow import Engine, cli

from .http_walk import FOLDER
from .lifecycle import Office

DOCS = Path(__file__).parent.parent / "docs"
TOKEN = "a-token-of-32-random-bytes"
HASH = hashlib.sha256(TOKEN.encode()).hexdigest()


def node(engine: Engine) -> FlaskClient:
    app = Flask("node")
    app.register_blueprint(metrics(engine, [HASH]))
    return app.test_client()


def scraped(client: FlaskClient) -> dict[str, dict[tuple[str, ...], float]]:
    """name -> (clock, kind) -> value, as the collector's own parser reads them."""
    answer = client.get(PATH, headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.status_code == 200 and answer.content_type.startswith("application/openmetrics-text")
    return {
        family.name: {
            tuple(value for _, value in sorted(sample.labels.items())): sample.value
            for sample in family.samples
        }
        for family in text_string_to_metric_families(answer.text)
    }


def test_story_H09_the_overdue_gauge_is_the_same_from_both_nodes_and_not_doubled(
    office: Office, other: Engine
) -> None:
    office.assigned()
    office.assigned()
    office.accepted()
    nodes = [node(office.engine), node(other)]
    before = scraped(nodes[0])
    assert before["tibandu_clocks_running"]["reply", "suggestion"] == 2
    assert before["tibandu_clocks_overdue"]["reply", "suggestion"] == 0
    assert before["tibandu_last_tick_age_seconds"] == {}, "nobody ever ticked"
    office.clock.advance(days=100)
    for engine in (office.engine, other, office.engine):
        while engine.tick():
            pass
    first, second = (scraped(client) for client in nodes)
    assert first["tibandu_clocks_overdue"]["reply", "suggestion"] == 2
    assert first["tibandu_clocks_over_limit"]["reply", "suggestion"] == 0
    moving = {name for name in first if name.endswith("_age_seconds")}
    assert {n: v for n, v in first.items() if n not in moving} == {
        n: v for n, v in second.items() if n not in moving
    }
    office.clock.advance(days=200)
    assert scraped(nodes[1])["tibandu_clocks_over_limit"]["reply", "suggestion"] == 2
    assert first["tibandu_calendar_horizon_days"][()] > 0


def test_what_was_only_imported_stands_apart(office: Office) -> None:
    """As in the summaries: nobody knows whether it ended, and nobody can be woken for it."""
    office.imported()
    office.imported()
    office.assigned()
    office.clock.advance(days=300)
    told = scraped(node(office.engine))
    late = {name: told[f"tibandu_clocks_{name}"]["reply", "suggestion"] for name in OF_CLOCKS}
    assert late == {"running": 3, "overdue": 1, "over_limit": 1, "recorded": 2}


def test_without_its_token_nobody_is_told(sqlite_office: Office) -> None:
    client = node(sqlite_office.engine)
    for headers in ({}, {"Authorization": "Bearer x"}, {"Authorization": f"Bearer {HASH}"}):
        answer = client.get(PATH, headers=headers)
        assert answer.status_code == 401 and "tibandu_" not in answer.text


def test_the_alert_rules_name_what_there_is(sqlite_office: Office) -> None:
    sqlite_office.assigned()
    there = set(scraped(node(sqlite_office.engine)))
    text = (DOCS / "prometheus" / "tibandu.rules.yml").read_text("utf-8")
    rules = [rule for group in yaml.safe_load(text)["groups"] for rule in group["rules"]]
    assert all(
        rule["alert"] and rule["labels"]["severity"] and rule["annotations"]["what_to_do"] for rule in rules
    )
    named = {name for rule in rules for name in re.findall(r"tibandu_\w+", rule["expr"])}
    assert named <= there and there - named == {"tibandu_clocks_running", "tibandu_clocks_recorded"}
    manual = (DOCS / "operations.md").read_text("utf-8")
    assert set(re.findall(r"`(tibandu_\w+)", manual)) == there, "the manual tells of each"
    assert "prometheus/tibandu.rules.yml" in manual


def test_a_file_that_is_none_is_refused(tmp_path: Path) -> None:
    url, file = f"sqlite:///{tmp_path / 'a.db'}", tmp_path / "metrics"
    first = ["--database", url, "--definitions", str(FOLDER)]
    assert cli.main([*first, "init"], out=StringIO(), err=StringIO()) == 0
    for content in (None, b"", b"not a hash\n", f"{HASH}\n{TOKEN}\n".encode(), "令牌\n".encode("gbk")):
        if content is not None:
            file.write_bytes(content)
        words = [*first, "serve", "--port", "0", "--metrics", str(file)]
        assert cli.main(words, out=StringIO(), err=StringIO()) == 2
