"""The marks by which a case is found without being read: what its texts are like, and which other cases it names. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from . import similarity
from .definition import Definition
from .family import Record
from .fingerprint import naming

__all__ = ["cases_named", "marks"]


def cases_named(definition: Definition) -> tuple[str, ...]:
    """The fields that name another case."""
    return tuple(name for name, field in definition.fields.items() if field.type == "case")


def marks(definition: Definition, record: Record, data: Mapping[str, object]) -> set[int]:
    """All marks of a case with that data."""
    alike = similarity.marks(definition, record, data)
    return alike | {
        naming(name, case) for name in cases_named(definition) if isinstance(case := data.get(name), str)
    }
