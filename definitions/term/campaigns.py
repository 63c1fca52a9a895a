"""Before each session: every deputy of the city is reminded a month ahead, then 察, 调, 提, 改."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from .agenda import Act, Story
from .cast import AFFAIRS, fire, start
from .plan import Session

AHEAD = 45
"""days before the opening on which the campaign is set up; the reminder goes out by itself, a month before"""


def campaign(session: Session, tenant: str, deputies: Sequence[str]) -> Story:
    """One campaign."""
    opens = session.opens
    case = yield start(
        opens - timedelta(days=AHEAD), "prep_campaign", AFFAIRS, tenant, congress=session.congress, session=session.name,
        opening_on=opens.isoformat(), eve_on=(opens - timedelta(days=1)).isoformat(), deputies=list(deputies),
        reminder="请围绕群众关心的问题准备建议。",
    )  # fmt: skip

    def before(days: int, event: str, **data: object) -> Act:
        return fire(opens - timedelta(days=days), case, event, AFFAIRS, **data)

    yield before(29, "start_inspection", inspection_plan="回访选举单位，集中视察。")
    yield before(28, "start_research", inspection_record="视察情况。", research_topics="共性、普遍性问题。")
    yield before(
        27,
        "open_proposals",
        research_record="调研情况。",
        proposal_guide="一事一议，写明情况、问题和具体建议。",
    )
    yield before(12, "open_refinement")
    yield before(0, "close")
