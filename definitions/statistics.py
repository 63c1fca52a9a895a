"""What the year's figures of deputies' suggestions are made of: names of our lifecycles, and nothing that counts."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from workflow import read_plain
from workflow.errors import Text

__all__ = [
    "DAYS",
    "STATUTORY",
    "SUGGESTION",
    "Areas",
    "areas",
]

OURS = Path(__file__).parent / "areas.yaml"
SUGGESTION = "suggestion"
DAYS = (31, 61, 92, 122, 153, 184)
"""upper ends, in days, of one to six months"""
STATUTORY = 3
"""so many of them lie within the three months of the law (代表法 2025, art. 51)"""


@dataclass(frozen=True, slots=True)
class Areas:
    """What went to the procuratorate: cases of this kind, by the area of its work that the field names, and by how they stand."""

    of: str
    field: str
    standings: tuple[tuple[Text, tuple[str, ...]], ...]
    """how it stands -> states"""
    otherwise: Text
    """how it stands in any other state"""

    def standing(self, state: str) -> Text:
        """How a case in that state stands."""
        return next((title for title, states in self.standings if state in states), self.otherwise)


@cache
def areas() -> Areas:
    """Those of areas.yaml. Raises DefinitionError."""
    data = read_plain(OURS)
    standings = tuple((Text(**one["title"]), tuple(one["states"])) for one in data["standings"])
    return Areas(data["of"], data["field"], standings, Text(**data["else"]))
