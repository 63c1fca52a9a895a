"""Records of old times that were only imported: nobody has acted in them here, so a day that is over makes none of them late."""

from __future__ import annotations

from workflow import Actor, Case, Engine

__all__ = ["UNKNOWN", "only_imported"]

UNKNOWN = "来源未载"
"""where a table says whether a day was kept"""


def only_imported(engine: Engine, case: Case, actor: Actor | None) -> bool:
    """Whether all of the case's history that this person may know of was imported. It reads the history."""
    events = engine.library.definition(case.kind).events
    lines = engine.history(case.id, actor=actor)
    acts = any(line.automatic is None and line.event in events for line in lines)
    return not acts and any(line.automatic == "import" for line in lines)
