"""A transferred suggestion at the procuratorate: studied, filed as a case, a procuratorial suggestion, put right, copied back."""

from __future__ import annotations

from datetime import date, timedelta

from workflow import Case

from ..dice import Dice
from .agenda import Act, Story
from .cast import AFFAIRS, CHIEF, PROSECUTOR, document, fire, head
from .plan import Plan


def conversion(case: Case, plan: Plan, day: date, dice: Dice) -> Story:
    """From the register to the end of the case. `day`: when it was transferred."""

    def later(least: int, most: int, event: str, who: str, **data: object) -> Act:
        nonlocal day
        day += timedelta(days=dice.between(least, most))
        return fire(day, case, event, who, **data)

    yield later(1, 3, "register", PROSECUTOR, register_number=f"登{plan.index}")
    yield later(2, 6, "review", PROSECUTOR, meeting_reference="院党组会议研究")
    decision = document("立案决定书")
    yield later(
        1, 4, "file_case", CHIEF, case_filing_number=f"检立{plan.index}", case_filing_decision=decision
    )
    yield later(1, 5, "copy_documents", PROSECUTOR, copied_documents=[decision])
    yield later(1, 5, "draft_suggestion", PROSECUTOR)
    letter = document("检察建议书")
    yield later(
        2, 8, "issue", CHIEF, ps_type="social_governance", ps_number=f"检建{plan.index}", ps_document=letter,
        addressed_unit=plan.lead, urgent=False,
    )  # fmt: skip
    yield later(
        1, 3, "serve", PROSECUTOR, served_unit=plan.lead, served_on=day.isoformat(), service_way="announcement"
    )  # fmt: skip
    yield later(1, 5, "copy_documents", PROSECUTOR, copied_documents=[letter])
    yield later(20, 45, "reply", head(plan.lead), written_reply=document("书面回复"), adopted=True)
    yield later(3, 10, "verify", PROSECUTOR)
    disposition = document("处理意见")
    yield later(
        1,
        5,
        "find_rectified",
        PROSECUTOR,
        verification="现场核实，整改到位。",
        disposition_document=disposition,
    )
    yield later(1, 5, "copy_documents", PROSECUTOR, copied_documents=[disposition])
    yield later(1, 5, "tell_deputies", AFFAIRS, told_how="书面告知")
    yield later(1, 5, "close", CHIEF, ending_reason="整改到位")
