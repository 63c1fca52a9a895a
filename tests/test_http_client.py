"""A client generated from the committed description drives the running service: what it says is what an integrator gets."""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from workflow import Engine
from workflow.testing import FrozenClock

from . import http_walk as city
from .fuzz_service import listening

PACKAGE = "tibandu_client"


@pytest.fixture
def generated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    (tmp_path / "config.yaml").write_text("post_hooks: []\n", "utf-8")
    program = Path(sys.executable).with_name("openapi-python-client")
    done = subprocess.run(
        [program, "generate", "--path", city.DESCRIPTION, "--meta", "none", "--output-path", tmp_path / PACKAGE,
         "--config", tmp_path / "config.yaml"],
        capture_output=True, text=True, check=False, timeout=100,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Warning" not in done.stdout, done.stdout
    monkeypatch.syspath_prepend(tmp_path)
    yield lambda name: importlib.import_module(f"{PACKAGE}.{name}")
    for name in [name for name in sys.modules if name.partition(".")[0] == PACKAGE]:
        del sys.modules[name]


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """Where a small city is served."""
    engine = Engine(f"sqlite:///{tmp_path / 'city.db'}", city.city(), clock=FrozenClock(city.TODAY))
    engine.create_schema()
    city.staff(engine)
    with listening(city.served(engine)) as where:
        yield where
    engine.database.dispose()


def test_story_G09_a_generated_client_walks_a_case(generated: Any, address: str) -> None:
    models = generated("models")
    with generated("client").AuthenticatedClient(base_url=address, token="li.wei") as client:
        case = generated("api.cases.start").sync(
            client=client, body=models.Start.from_dict(city.START), idempotency_key="k"
        )
        assert (case.state, case.number, case.clocks) == ("filed", None, [])
        fire = generated("api.cases.fire")
        body = models.Fire.from_dict({"data": {"session": "五次"}})
        case = fire.sync(case.id, "accept", client=client, body=body, if_match=f'"{case.revision}"')
        assert (case.state, case.number) == ("accepted", "第001号")
        body = models.Fire.from_dict({"data": {"lead_unit": "housing"}})
        case = fire.sync(case.id, "assign", client=client, body=body, if_match=f'"{case.revision}"')
        assert str(case.clocks[0].due_on) == "2026-06-02"
        again = fire.sync_detailed(case.id, "assign", client=client, body=body, if_match='"1"')
        assert (again.status_code, again.parsed.code, again.parsed.revision) == (412, "stale", case.revision)
        found = generated("api.cases.search").sync(client=client, kind="suggestion", limit=10)
        assert [one.id for one in found.cases] == [case.id]
        events = generated("api.events.events").sync(client=client)
        assert [event.type_ for event in events.events] == [
            f"tibandu.suggestion.{e}" for e in ("start", "accept", "assign")
        ]
