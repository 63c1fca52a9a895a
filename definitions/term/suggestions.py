"""One suggestion from the draft to the archive: prepared, reviewed, assigned, answered, evaluated, perhaps assigned again."""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Iterator
from datetime import timedelta

from workflow import Case

from ..dice import Dice
from .agenda import Act, Agenda, Story
from .cast import AFFAIRS, COMMITTEE, OFFICE1, SESSION, Cast, clerk, document, fire, head, start
from .conversions import conversion
from .plan import Plan
from .supervisions import closed, pressed

SUGGESTION = "suggestion"
PLACE_SET = "HB-XIANNING"
SURVEYS = {1: ("open_evaluation", "surveys"), 2: ("open_second_evaluation", "second_surveys")}
Part = Generator[Act, Case, Case]


class Suggestion:
    """The story of one plan. Every part takes the day it may begin on and the case, and returns the case after it."""

    def __init__(self, agenda: Agenda, cast: Cast, plan: Plan, seed: str) -> None:
        self._agenda = agenda
        self._cast = cast
        self._plan = plan
        congress = f"{plan.session.congress}{plan.session.name}"
        self._title = plan.title or f"关于改善民生实事第{plan.index}项的建议（{congress}会议）"
        self._dice = Dice(f"{seed}/suggestion/{plan.session.name}/{plan.index}")
        self._day = plan.session.opens - timedelta(days=self._dice.between(12, 26))

    def story(self) -> Story:
        """From the first line of the draft to the end."""
        yield from self._drafted()
        case = yield from self._accepted(self._filed())
        case = yield from self._assigned(case)
        yield from self._transferred(case)
        supervision = yield from self._supervised(case)
        yield from self._handled(case)
        yield from self._evaluated(case, 1, self._plan.level)
        if supervision is not None:
            self._agenda.tell(closed(supervision, self._plan, self._day + timedelta(days=3)))
        if self._plan.level == "satisfied":
            yield self._later(1, 4, case, "settle", OFFICE1)
        else:
            yield from self._handled_again(case)
        yield from self._kept(case)

    # -- days

    def _later(self, least: int, most: int, case: Case | str, event: str, who: str, **data: object) -> Act:
        """An act some days after the last one."""
        self._day += timedelta(days=self._dice.between(least, most))
        return fire(self._day, case, event, who, **data)

    def _today(self) -> str:
        return self._day.isoformat()

    # -- 察调提改

    def _drafted(self) -> Part:
        plan = self._plan
        first = plan.signers[0]
        draft = yield start(
            self._day, "suggestion_draft", first, self._cast.city, title=self._title, body=self._plan.body,
            first_signer=first, publication_wish="full",
        )  # fmt: skip
        hash_ = hashlib.sha256(f"{self._title}\n{plan.body}".encode()).hexdigest()
        draft = yield self._later(
            0, 2, draft, "collect_signatures", first, signers=list(plan.signers), text_hash=hash_
        )
        for child in self._agenda.children(draft, "signatures"):
            yield self._later(0, 1, child, "confirm", str(child.party), seen_hash=hash_)
        draft = yield self._later(0, 1, draft, "submit_for_review", first)
        if self._dice.below(4) == 0:
            unit = plan.lead
            draft = yield self._later(
                0, 1, draft, "consult", AFFAIRS, consulted_unit=unit, question="是否可行"
            )
            draft = yield self._later(1, 3, draft, "record_opinion", AFFAIRS, opinion="可行，建议明确范围")
        draft = yield self._later(0, 2, draft, "pass", AFFAIRS)
        self._day = max(self._day, plan.session.opens)
        return (yield self._later(0, 1, draft, "file", first))

    def _filed(self) -> Case:
        return self._agenda.begotten(SUGGESTION, "filed", self._plan.signers[0], "title", self._title)

    # -- 办

    def _accepted(self, case: Case) -> Part:
        plan, session = self._plan, self._plan.session
        told = {
            "congress": session.congress,
            "session": session.name,
            "closing_on": session.closes.isoformat(),
        }
        if plan.from_motion:
            return (
                yield fire(
                    self._day, case, "accept_from_motion", SESSION, **told, presidium_decision="作为建议"
                )
            )
        # the days of the scenario's sessions are its own: the rules of the place need not know them
        why = {"out_of_session_reason": "会期以情景为准"}
        return (yield fire(self._day, case, "accept_in_session", SESSION, **told, **why))

    def _assigned(self, case: Case) -> Part:
        plan = self._plan
        self._day = plan.session.closes
        mode = "lead_and_co" if plan.co else "sole"
        case = yield self._later(
            6, 24, case, "assign", AFFAIRS, assignment_mode=mode, lead_unit=plan.lead, co_units=list(plan.co)
        )
        return (yield self._later(1, 4, case, "sign_in", clerk(plan.lead)))

    def _handled(self, case: Case) -> Part:
        plan = self._plan
        case = yield self._later(
            3, 11, case, "first_contact", clerk(plan.lead), contact_on=self._today(), contact_way="meeting",
            contact_record="与领衔代表当面沟通。",
        )  # fmt: skip
        opinions = self._agenda.children(case, "co_opinions") if plan.co else []
        for child in opinions:
            unit = str(child.party)
            yield self._later(3, 9, child, "submit", head(unit), co_opinion=document("会办意见"))
            yield self._later(0, 2, child, "accept", clerk(plan.lead))
        if plan.promises:
            case = yield self._promise(case)
        class_ = f"{PLACE_SET}:{plan.result}"
        case = yield self._later(
            10, 52, case, "submit_for_signoff", clerk(plan.lead), reply_draft=document("答复送签稿"),
            reply_class=class_, publication="full",
        )  # fmt: skip
        case = yield self._later(
            1, 4, case, "issue_reply", head(plan.lead), reply_letter=document("答复函"),
            reply_number=f"咸函〔{self._day.year}〕{plan.index}号", sealed=True, reply_class=class_, publication="full",
            recipients=list(plan.signers), copies_to=["gov"], delivered_on=self._today(),
        )  # fmt: skip
        return (
            yield self._later(2, 12, case, "publish_reply", clerk(plan.lead), published_at="政府门户网站")
        )

    def _promise(self, case: Case) -> Act:
        until = self._day + timedelta(days=self._dice.between(150, 280))
        return self._later(
            1,
            3,
            case,
            "add_commitment",
            clerk(self._plan.lead),
            promise="纳入年度计划并实施",
            promised_on=until.isoformat(),
        )

    # -- 评

    def _evaluated(self, case: Case, round_: int, level: str) -> Part:
        """The office asks every signer itself; the first one gives the worst answer."""
        event, slot = SURVEYS[round_]
        yield self._later(1, 3, case, event, OFFICE1)
        for place, child in enumerate(self._agenda.children(case, slot)):
            given = level if place == 0 else "satisfied"
            reasons = {} if given == "satisfied" else {"reasons": "落实时间不明确。"}
            yield self._later(0, 3, child, "answer", str(child.party), level=given, **reasons)
            case = yield self._later(0, 1, child, "tally", OFFICE1)
        return case

    def _handled_again(self, case: Case) -> Part:
        plan = self._plan
        yield self._later(1, 6, case, "second_assign", OFFICE1, deputy_reasons="落实时间不明确。")
        (again,) = self._agenda.children(case, "second_assignments")
        yield self._later(
            2, 6, again, "meet_deputy", head(plan.lead), contact_on=self._today(), contact_record="上门面商。"
        )
        letter = {
            "second_reply_class": f"{PLACE_SET}:{plan.result}",
            "answers_to_reasons": "逐条答复。",
            "publication": "full",
        }
        yield self._later(
            5,
            12,
            again,
            "submit_for_signoff",
            clerk(plan.lead),
            second_reply_draft=document("二次答复送签稿"),
            **letter,
        )
        yield self._later(
            1, 3, again, "reply_again", head(plan.lead), second_reply_letter=document("二次答复函"),
            second_reply_number=f"咸函〔{self._day.year}〕{plan.index}号-2", sealed=True, recipients=list(plan.signers),
            copies_to=["gov"], delivered_on=self._today(), **letter,
        )  # fmt: skip
        yield from self._evaluated(case, 2, "satisfied")
        return (yield self._later(1, 4, case, "settle_second", OFFICE1))

    # -- 承诺与归档

    def _kept(self, case: Case) -> Part:
        plan = self._plan
        for promise in self._agenda.children(case, "commitments"):
            yield self._later(
                60, 150, promise, "report_fulfilled", head(plan.lead), fulfilment="已建成投用。"
            )
            yield self._later(2, 12, promise, "confirm", plan.signers[0])
            case = yield self._later(1, 5, case, "conclude", AFFAIRS)
        return case

    # -- 督办和检察建议, beside the handling: stories of their own that hold up nothing

    def _supervised(self, case: Case) -> Generator[Act, Case, Case | None]:
        if not self._plan.key:
            return None
        yield self._later(
            0,
            2,
            case,
            "propose_supervision",
            COMMITTEE,
            supervision_kind="key",
            supervision_reason="群众关心、涉及面广",
        )
        (child,) = self._agenda.children(case, "supervisions")
        self._agenda.tell(pressed(child, self._plan, self._day, Dice(f"{self._title}/supervision")))
        return child

    def _transferred(self, case: Case) -> Iterator[Act]:
        area = self._plan.area
        if area is not None:
            yield self._later(
                0,
                2,
                case,
                "transfer_to_procuratorate",
                AFFAIRS,
                procuratorate_area=area,
                public_interest="公共利益受损",
            )
            (child,) = self._agenda.children(case, "conversions")
            self._agenda.tell(conversion(child, self._plan, self._day, Dice(f"{self._title}/conversion")))
