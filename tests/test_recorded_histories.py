"""What was once a lawful way must stay one: every recorded history is replayed against the definitions as they are now.

If a change of a definition is meant to break one: raise its version, then `python -m tests.record_histories --again`.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.crash.check import violations
from tests.record_histories import kinds, open_engine, play, recorded
from workflow.errors import Refused


@pytest.mark.parametrize("path", recorded(), ids=lambda path: path.stem)
def test_replayed(path: Path) -> None:
    engine = open_engine()
    known: list[str] = []
    try:
        for number, entry in enumerate(json.loads(path.read_text("utf-8")), 1):
            what = f"{path.name} entry {number}: {entry.get('event') or entry.get('start') or 'the timers'} on {entry['on']}"
            try:
                stands = play(engine, known, entry)
            except Refused as refusal:
                pytest.fail(f"{what}, by {entry['actor']}, is refused now: {refusal}")
            assert stands == entry["then"], f"{what} leads elsewhere now"
        kind, _, state = path.stem.partition("-")
        assert f"{kind} {state}" in stands
        assert violations(engine, unkeyed=None) == []
    finally:
        engine.database.dispose()


def test_there_is_one_for_every_end() -> None:
    assert {path.stem for path in recorded()} == {f"{kind}-{state}" for kind, state in kinds()}
