"""tibandu's engine: deputies' suggestions (and whatever else YAML says) on explicit state machines."""

from .clock import Clock
from .engine import Engine
from .errors import Conflict, DefinitionError, NotFound, Refused, WorkflowError
from .loader import load_definitions, read_plain
from .model import Actor, Case, HistoryEntry, Permission

__all__ = [
    "Actor", "Case", "Clock", "Conflict", "DefinitionError", "Engine", "HistoryEntry", "NotFound", "Permission",
    "Refused", "WorkflowError", "load_definitions", "read_plain",
]  # fmt: skip
