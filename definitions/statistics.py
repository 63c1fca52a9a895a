"""What the year's figures of deputies' suggestions are made of: names of our lifecycles, and nothing that counts."""

from __future__ import annotations

from workflow.errors import Text

__all__ = [
    "AREA",
    "CONVERSION",
    "DAYS",
    "FILED_AS_CASE",
    "STANDINGS",
    "STATUTORY",
    "SUGGESTION",
]

SUGGESTION = "suggestion"
CONVERSION, AREA = "procuratorate_conversion", "procuratorate_area"
"""what went to the procuratorate, and the field that says in which area of its work it lies"""
STANDINGS = (
    (Text("研判中", "being studied"), ("transferred", "registered", "reviewing")),
    (Text("不转化", "not converted"), ("not_converted",)),
)
"""how it stands -> states; in any other a case was filed"""
FILED_AS_CASE = Text("已立案", "a case was filed")
DAYS = (31, 61, 92, 122, 153, 184)
"""upper ends, in days, of one to six months"""
STATUTORY = 3
"""so many of them lie within the three months of the law (代表法 2025, art. 51)"""
