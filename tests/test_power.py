"""The power fails, a server process dies: what was acknowledged is there once, what the engine refuses would have lost it.

`make power` does the same at length (OUTAGES, SEED).
"""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from bench.contender import library
from tests.crash.power import SOUND, Setting, connected, outages, server_dies
from tests.postgres import FOREIGN
from workflow.engine import Engine
from workflow.errors import StoreError

OUTAGES = 12
SERVER_DEATHS = 3
SEED = int(os.environ.get("SEED") or random.randrange(10**6))
LOSING = (Setting("delete", "full"), Setting("truncate", "off"))


@pytest.mark.parametrize("setting", SOUND, ids=str)
def test_no_outage_loses_what_was_acknowledged(setting: Setting, tmp_path: Path) -> None:
    assert [found for found in outages(setting, OUTAGES, SEED, tmp_path) if found] == []


@pytest.mark.parametrize("setting", LOSING, ids=str)
def test_what_is_refused_would_have_lost(setting: Setting, tmp_path: Path) -> None:
    """So the disk of these tests can lose; and nothing is refused for nothing."""
    database = connected(tmp_path / "refused.db", setting)
    with pytest.raises(StoreError, match="can lose"):
        Engine(database, library()).create_schema()
    database.dispose()
    assert any(outages(setting, 200, SEED, tmp_path))


@pytest.mark.timeout(300)
def test_a_server_that_dies_loses_nothing(tmp_path: Path) -> None:
    if FOREIGN in os.environ:
        pytest.skip("the processes of a foreign server are not ours to kill")
    report = server_dies(SERVER_DEATHS, SEED, tmp_path)
    assert report.violations == []
    assert report.kills["server"] == SERVER_DEATHS
