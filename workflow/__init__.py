"""tibandu's engine: deputies' suggestions (and whatever else YAML says) on explicit state machines."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .clock import Clock
    from .engine import Engine
    from .errors import Conflict, DefinitionError, NotFound, Refused, WorkflowError
    from .loader import load_definitions, read_plain
    from .model import Actor, Case, HistoryEntry, Permission

__all__ = [
    "Actor", "Case", "Clock", "Conflict", "DefinitionError", "Engine", "HistoryEntry", "NotFound", "Permission",
    "Refused", "WorkflowError", "load_definitions", "read_plain",
]  # fmt: skip

_HOMES = {
    "clock": ("Clock",), "engine": ("Engine",), "errors": ("Conflict", "DefinitionError", "NotFound", "Refused", "WorkflowError"),
    "loader": ("load_definitions", "read_plain"), "model": ("Actor", "Case", "HistoryEntry", "Permission"),
}  # fmt: skip
"""read when first asked for: the command line is at work before the engine is, and can be interrupted in peace"""


def __getattr__(name: str) -> Any:
    for module, names in _HOMES.items():
        if name in names:
            found = globals()[name] = getattr(import_module(f".{module}", __name__), name)
            return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
