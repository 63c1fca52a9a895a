"""A whole term of a congress, run day by day under a virtual clock on the real store, and counted from it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from workflow import Engine, load_definitions
from workflow.testing import FrozenClock

from ..dice import Repeatable
from .cast import cast_of
from .measure import Measured, measure
from .page import page
from .run import Lived, Progress, live
from .scenario import Scenario, load, named

HERE = Path(__file__).parent.parent
__all__ = ["Lived", "Measured", "Scenario", "as_data", "load", "named", "page", "run"]


def run(
    database_url: str, scenario: Scenario, progress: Progress | None = None
) -> tuple[Lived | None, Measured, str]:
    """Live through the term if the store does not hold it yet, and count it: what was done (None: it was there), what was
    counted, and the page. Raises Stuck, StoreError.
    """
    clock = FrozenClock(scenario.begins)
    engine = Engine(
        database_url,
        load_definitions(HERE),
        place=scenario.place,
        clock=clock,
        random=Repeatable(scenario.seed),
    )
    try:
        engine.create_schema()
        there = bool(engine.search(tenant=scenario.tenant, limit=1))
        lived = None if there else live(engine, clock, scenario, cast_of(scenario), progress)
        if lived:
            engine.alerts.pass_over()  # a scheduler started on this store has nobody to tell of years that never were
        measured = measure(engine, scenario)
        return lived, measured, page(measured, engine)
    finally:
        engine.database.dispose()


def as_data(measured: Measured, lived: Lived | None = None) -> dict[str, Any]:
    """What `--json` prints: every figure as {article, counted, equal, query}, what each part took, and the digest of all chain
    heads. `lived` None: the store held the term, so nothing took any time.
    """
    return {
        "scenario": measured.scenario.scenario,
        "figures": {
            one.figure.name: {
                "article": one.figure.value, "counted": one.counted, "equal": one.equal, "query": one.query,
            }
            for one in measured.figures
        },
        "parts": {
            part: {"events": events, "seconds": round(lived.parts[part].seconds, 1) if lived else None}
            for part, events in measured.events.items()
        },
        "heads": measured.heads,
    }  # fmt: skip
