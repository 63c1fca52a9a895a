"""What the year's figures of deputies' suggestions are made of: names of our lifecycles, and nothing that counts."""

from __future__ import annotations

from workflow.errors import Text

__all__ = [
    "AREA",
    "CONVERSION",
    "DAYS",
    "FILED_AS_CASE",
    "LEVELS",
    "RETURNED",
    "ROUNDS",
    "STANDINGS",
    "STATUTORY",
    "SUGGESTION",
    "SURVEY",
    "SURVEYED",
    "WELL",
]

SUGGESTION, SURVEY = "suggestion", "evaluation"
CONVERSION, AREA = "procuratorate_conversion", "procuratorate_area"
"""what went to the procuratorate, and the field that says in which area of its work it lies"""
STANDINGS = (
    (Text("研判中", "being studied"), ("transferred", "registered", "reviewing")),
    (Text("不转化", "not converted"), ("not_converted",)),
)
"""how it stands -> states; in any other a case was filed"""
FILED_AS_CASE = Text("已立案", "a case was filed")
SURVEYED = ("evaluating", "re_evaluating")
"""a suggestion waits for what its deputies say"""
DAYS = (31, 61, 92, 122, 153, 184)
"""upper ends, in days, of one to six months"""
STATUTORY = 3
"""so many of them lie within the three months of the law (代表法 2025, art. 51)"""
ROUNDS = (
    (Text("首次征询", "first survey"), ("surveys", "lead_surveys")),
    (Text("再次征询", "second survey"), ("second_surveys", "second_lead_surveys")),
)
"""round -> the slots of its surveys"""
LEVELS = ("satisfied", "basically_satisfied", "basically_understood", "dissatisfied", "not_returned")
"""how a survey can end"""
RETURNED = LEVELS[:-1]
"""what counts in a rate: who has not answered is in neither part of it (重庆条例 2017, art. 29)"""
WELL = LEVELS[:3]
