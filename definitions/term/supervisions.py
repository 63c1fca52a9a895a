"""Key supervision by the council of chairpersons: listed, planned, pressed on site and with the deputy, closed."""

from __future__ import annotations

from datetime import date, timedelta

from workflow import Case

from ..dice import Dice
from .agenda import Act, Story
from .cast import COMMITTEE, COUNCIL, fire, head
from .plan import Plan


def pressed(case: Case, plan: Plan, day: date, dice: Dice) -> Story:
    """`case` is the overlay as it was proposed on `day`: listed by the meeting, planned, the site and the deputy seen."""

    def later(least: int, most: int, event: str, who: str, **data: object) -> Act:
        nonlocal day
        day += timedelta(days=dice.between(least, most))
        return fire(day, case, event, who, **data)

    meeting = f"主任会议纪要〔{day.year}〕{plan.index}号"
    yield later(1, 6, "determine", COUNCIL, meeting_reference=meeting, supervisors=[COUNCIL])
    yield later(2, 8, "plan", COMMITTEE, plan="一案一方案", joining_deputies=list(plan.signers[:1]))
    yield later(2, 8, "start_pressing", COMMITTEE, charged_person=head(plan.lead), leader_post="main")
    yield later(1, 6, "visit_site", COUNCIL, visited_on=day.isoformat(), visit_record="现场察看。")
    yield later(0, 3, "hear_deputy", COUNCIL, heard_on=day.isoformat(), hearing_record="听取代表意见。")


def closed(case: Case, plan: Plan, day: date) -> Story:
    """The same overlay after the reply was evaluated: reported in person and closed by the meeting."""
    meeting = f"主任会议纪要〔{day.year}〕{plan.index}号"
    yield fire(
        day, case, "report", head(plan.lead), progress_report="已答复并落实。", reported_in_person=True
    )
    later = day + timedelta(days=2)
    yield fire(later, case, "seek_confirmation", COMMITTEE)
    yield fire(later, case, "confirm_by_deputy", plan.signers[0])
    yield fire(later, case, "confirm_by_unit", head(plan.lead))
    yield fire(later, case, "confirm_by_supervisor", COUNCIL)
    yield fire(
        day + timedelta(days=7),
        case,
        "close_key",
        COUNCIL,
        meeting_reference=meeting,
        closing_note="督办办结。",
    )
