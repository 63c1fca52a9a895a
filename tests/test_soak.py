"""A sample of `make soak`: outages of one to four hundred days, clocks set back, two nodes; see tests/soak.py."""

from __future__ import annotations

import pytest

from .soak import live


@pytest.mark.parametrize("seed", [1, 2])
def test_an_outage_records_what_a_daily_tick_records(seed: int) -> None:
    assert live(seed, days=400) == []


def test_the_soak_sees_what_it_looks_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the order of days inside a family it fails."""
    monkeypatch.setattr("workflow.decision._runs_out", lambda *_: iter(()))
    assert live(2, days=400)
