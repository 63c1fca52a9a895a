"""What the service knows of the domain: the modules of `definitions` behind its routes.

The wheel moves our packages below `workflow`, where a host may have a `definitions` of its own beside us: so the sibling is
looked for beside this very package and nowhere else.
"""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import TYPE_CHECKING

__all__ = [
    "charts",
    "doors",
    "drafts",
    "milestones",
    "names",
    "performance_record",
    "receptions",
    "statistics",
]

if TYPE_CHECKING:
    from definitions import (
        charts,
        doors,
        drafts,
        milestones,
        names,
        performance_record,
        receptions,
        statistics,
    )
else:

    def _sibling(name: str) -> ModuleType:
        above = (__package__ or "").rpartition(".")[0]
        return importlib.import_module(f"{above}.definitions.{name}" if above else f"definitions.{name}")

    charts, doors, drafts, milestones, names, performance_record, receptions, statistics = map(
        _sibling, __all__
    )
