"""What deputies join beside their suggestions: sitting in at the Standing Committee, inspections of how laws are carried out."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

from ..dice import Dice
from .agenda import Act, Story
from .cast import COMMITTEE, COUNCIL, Cast, fire, head, start
from .scenario import Activity, Scenario

DECIDED = ("law_inspection", "special_inquiry")
"""only the council of chairpersons puts these on (definitions/codes/activity_kind.yaml)"""
AHEAD = 20
"""days before an activity on which it is planned"""


def activities(scenario: Scenario, cast: Cast) -> Iterator[Story]:
    """Every activity of the term: its times spread over the months, its places shared out, nobody twice in one."""
    for told in scenario.activities:
        dice = Dice(f"{scenario.seed}/activity/{told.kind}")
        first = scenario.sessions[0].closes + timedelta(days=30)
        apart = (scenario.ends - first).days // (told.times + 1)
        for index in range(told.times):
            on = first + timedelta(days=apart * index + dice.below(7))
            places = told.places * (index + 1) // told.times - told.places * index // told.times
            deputies = dice.some_of(cast.of_level("city"), places)
            yield _activity(told, index, on, deputies, dice.one_of(cast.units), cast.city)


def _activity(told: Activity, index: int, on: date, deputies: list[str], unit: str, city: str) -> Story:
    subject = {"law": f"法律法规{index % told.subjects + 1}"} if told.kind == "law_inspection" else {}
    case = yield start(
        on - timedelta(days=AHEAD), "activity", COMMITTEE, city, activity_kind=told.kind,
        activity_title=f"{told.kind} {index + 1}", held_on=on.isoformat(), **subject,
    )  # fmt: skip

    def then(days: int, event: str, who: str = COMMITTEE, **data: object) -> Act:
        return fire(on + timedelta(days=days), case, event, who, **data)

    if told.kind in DECIDED:
        yield then(3 - AHEAD, "put_on", COUNCIL, meeting_reference=f"主任会议纪要〔{on.year}〕{index + 1}号")
    yield then(5 - AHEAD, "invite", deputies=deputies)
    yield then(0, "hold", present=deputies, record="活动记录。")
    yield then(0, "record_opinion", heard="代表意见。")
    yield then(3, "pass_on", addressed_units=[unit])
    yield then(20, "answer", head(unit), unit_answer="已研究办理。")
    yield then(22, "answers_complete")
    yield then(25, "report", report="活动报告。")
    yield then(30, "close")
