"""What lies on every desk: cases of one bureau and one deputy, each led to where it is waiting for somebody."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

from workflow import Case

from ..term.agenda import Act, Agenda, Story
from ..term.cast import (
    AFFAIRS,
    CHIEF,
    COMMITTEE,
    COUNCIL,
    GOV,
    LEADER,
    OFFICE1,
    PROSECUTOR,
    Cast,
    clerk,
    document,
    fire,
    head,
    start,
)
from ..term.suggestions import PLACE_SET, Part
from .city import body_of, title_of

OURS, OTHER, THIRD = "unit01", "unit02", "unit03"
TRANSFERRED = (
    (2, "environment", "查处违法排污"), (9, "environment", "保护湿地"), (8, "minors", "整治校园周边网吧"),
    (10, "minors", "保护未成年人个人信息"),
    (11, "minors", "规范电竞酒店接待未成年人"), (3, "minors", "加强校车安全"), (16, "safe_communities", "整治占用消防通道"),
)  # fmt: skip
"""(days ago, area, subject); two more for the environment come from the sessions"""
SESSION_TOLD = {"congress": "六届", "session": "五次"}


class Desks:
    """Stories of single cases; `today` is the day on which somebody will look."""

    def __init__(self, agenda: Agenda, cast: Cast, today: date) -> None:
        self._agenda = agenda
        self._cast = cast
        self._today = today
        self._me, self._other, *_ = cast.of_level("city")

    def stories(self) -> Iterator[Story]:
        """One for every kind of waiting."""
        yield from (self._drafted(), self._reviewed(), self._cosigned(), self._filed(), self._accepted())
        yield from (
            self._new(),
            self._new("增设候车亭", ago=2),
            self._returned(),
            self._co_returned(),
            self._separate(),
        )
        yield from (self._extended(), self._due(), self._late(), self._signed_off())
        yield from (self._replied(), self._surveyed(), self._dissatisfied(), self._promised())
        yield from (
            self._supervised(),
            self._to_lead(),
            self._led(),
            *self._transferred(),
            *self._opinions(),
        )

    # -- days and small steps

    def _ago(self, days: int) -> date:
        return self._today - timedelta(days=days)

    def _do(self, ago: int, case: Case | str, event: str, who: str, **data: Any) -> Act:
        return fire(self._ago(ago), case, event, who, **data)

    def _start(self, ago: int, subject: str) -> Act:
        return start(
            self._ago(ago), "suggestion", AFFAIRS, self._cast.city, title=title_of(subject), body=body_of(subject),
            first_signer=self._me, signers=[self._me, self._other], publication_wish="full",
        )  # fmt: skip

    def _draft(self, ago: int, subject: str, who: str) -> Act:
        return start(
            self._ago(ago), "suggestion_draft", who, self._cast.city, title=title_of(subject), body=body_of(subject),
            first_signer=who, publication_wish="full",
        )  # fmt: skip

    def _taken(self, ago: int, subject: str) -> Part:
        case = yield self._start(ago, subject)
        return (yield self._do(ago, case, "accept", AFFAIRS, **SESSION_TOLD))

    def _assigned(self, ago: int, subject: str, lead: str = OURS, co: tuple[str, ...] = ()) -> Part:
        case = yield from self._taken(ago, subject)
        mode = "lead_and_co" if co else "sole"
        return (
            yield self._do(
                ago, case, "assign", AFFAIRS, assignment_mode=mode, lead_unit=lead, co_units=list(co)
            )
        )

    def _handled(self, ago: int, subject: str, lead: str = OURS, co: tuple[str, ...] = ()) -> Part:
        case = yield from self._assigned(ago, subject, lead, co)
        case = yield self._do(ago - 1, case, "sign_in", clerk(lead))
        return (
            yield self._do(
                ago - 2, case, "first_contact", clerk(lead), contact_on=self._ago(ago - 2).isoformat(),
                contact_way="telephone", contact_record="与领衔代表电话沟通。",
            )
        )  # fmt: skip

    def _answered(self, ago: int, subject: str, lead: str = OURS) -> Part:
        """Replied `ago` days ago."""
        case = yield from self._handled(ago + 30, subject, lead)
        told = {"reply_class": f"{PLACE_SET}:A", "publication": "full"}
        case = yield self._do(
            ago + 2, case, "submit_for_signoff", clerk(lead), reply_draft=document("答复送签稿"), **told
        )
        return (
            yield self._do(
                ago, case, "issue_reply", head(lead), reply_letter=document("答复函"), reply_number="咸函〔演示〕1号",
                sealed=True, recipients=[self._me, self._other], copies_to=["gov"],
                delivered_on=self._ago(ago).isoformat(), **told,
            )
        )  # fmt: skip

    def _asked(self, ago: int, subject: str) -> Part:
        case = yield from self._answered(ago + 2, subject)
        return (yield self._do(ago, case, "open_evaluation", OFFICE1))

    # -- before the office has it

    def _drafted(self) -> Story:
        yield self._draft(3, "增设公共充电桩", self._me)

    def _reviewed(self) -> Story:
        yield from self._signatures(6, "改造人行天桥", self._other, [])

    def _cosigned(self) -> Story:
        yield from self._signatures(2, "建设社区食堂", self._other, [self._me])

    def _signatures(self, ago: int, subject: str, who: str, others: list[str]) -> Story:
        draft = yield self._draft(ago, subject, who)
        digest = hashlib.sha256(f"{title_of(subject)}\n{body_of(subject)}".encode()).hexdigest()
        draft = yield self._do(
            ago, draft, "collect_signatures", who, signers=[who, *others], text_hash=digest
        )
        if not others:
            for child in self._agenda.children(draft, "signatures"):
                yield self._do(ago, child, "confirm", str(child.party), seen_hash=digest)
            yield self._do(ago - 1, draft, "submit_for_review", who)

    # -- the office

    def _filed(self) -> Story:
        yield self._start(2, "规范共享单车停放")

    def _accepted(self) -> Story:
        yield from self._taken(3, "整修人民广场")

    # -- the unit

    def _new(self, subject: str = "增加公园座椅", ago: int = 1) -> Story:
        yield from self._assigned(ago, subject, co=(OTHER,))

    def _returned(self) -> Story:
        case = yield from self._assigned(3, "划定夜市范围")
        yield self._do(
            1, case, "request_return", head(OURS), return_reason="不属于我局职责。", competent_unit=THIRD
        )

    def _co_returned(self) -> Story:
        case = yield from self._assigned(3, "整治河道采砂", OTHER, (OURS, THIRD))
        child = next(one for one in self._agenda.children(case, "co_opinions") if one.party == THIRD)
        yield self._do(1, child, "request_return", head(THIRD), return_reason="不属于我局职责。")

    def _separate(self) -> Story:
        case = yield from self._taken(4, "校园周边综合治理")
        yield self._do(
            4, case, "assign_separately", AFFAIRS, assignment_mode="separate", separate_units=[OURS, OTHER]
        )

    def _extended(self) -> Story:
        case = yield from self._handled(70, "建设城市绿道")
        yield self._do(
            1, case, "request_extension", clerk(OURS), extension_ground=["difficult"], extension_explanation="须跨年施工。",
            wanted_until=(self._today + timedelta(days=80)).isoformat(),
        )  # fmt: skip

    def _due(self) -> Story:
        """Three months after their assignment is about today."""
        for ago, subject in ((92, "更换老旧水管"), (89, "加固堤防"), (85, "清淤扩容")):
            yield from self._handled(ago, subject)

    def _late(self) -> Story:
        """Its day has passed; what is done about that began by itself."""
        yield from self._handled(110, "治理内涝点")

    def _signed_off(self) -> Story:
        case = yield from self._handled(50, "新建街头水站", co=(THIRD,))
        for child in self._agenda.children(case, "co_opinions"):
            yield self._do(20, child, "submit", head(THIRD), co_opinion=document("会办意见"))
            yield self._do(19, child, "accept", clerk(OURS))
        yield self._do(
            2, case, "submit_for_signoff", clerk(OURS), reply_draft=document("答复送签稿"),
            reply_class=f"{PLACE_SET}:A", publication="full",
        )  # fmt: skip

    # -- after the reply

    def _replied(self) -> Story:
        yield from self._answered(1, "安装河边护栏")

    def _surveyed(self) -> Story:
        yield from self._asked(2, "改善供水水压")

    def _dissatisfied(self) -> Story:
        case = yield from self._asked(6, "修复水毁道路")
        for child in self._agenda.children(case, "surveys"):
            yield self._do(
                3, child, "answer", str(child.party), level="dissatisfied", reasons="没有明确时间。"
            )
            yield self._do(2, child, "tally", OFFICE1)

    def _promised(self) -> Story:
        case = yield from self._handled(80, "建设智慧水务")
        promised = (self._today + timedelta(days=6)).isoformat()
        yield self._do(
            70, case, "add_commitment", clerk(OURS), promise="年内建成三个监测点。", promised_on=promised
        )

    # -- beside it

    def _supervised(self) -> Story:
        case = yield from self._handled(40, "保护饮用水水源")
        yield self._do(
            30, case, "propose_supervision", COMMITTEE, supervision_kind="key", supervision_reason="群众关心"
        )
        (child,) = self._agenda.children(case, "supervisions")
        meeting = "主任会议纪要〔演示〕1号"
        yield self._do(28, child, "determine", COUNCIL, meeting_reference=meeting, supervisors=[COUNCIL])
        yield self._do(25, child, "plan", COMMITTEE, plan="一案一方案", joining_deputies=[self._me])
        yield self._do(20, child, "start_pressing", COMMITTEE, charged_person=head(OURS), leader_post="main")

    def _to_lead(self) -> Story:
        """The government's office has proposed that a leader heads it; who, is still open."""
        case = yield from self._handled(35, "改造背街小巷", OTHER)
        yield from self._proposed(4, case)

    def _led(self) -> Story:
        """Headed by a leader, who has to plan."""
        case = yield from self._handled(33, "建设停车综合体", OTHER)
        child = yield from self._proposed(12, case)
        yield self._do(9, child, "name_leader", GOV, supervisors=[LEADER])

    def _proposed(self, ago: int, case: Case) -> Part:
        yield self._do(
            ago, case, "propose_supervision", GOV, supervision_kind="leader_handled",
            supervision_reason="涉及多个部门，请市领导领衔办理。",
        )  # fmt: skip
        (child,) = self._agenda.children(case, "supervisions")
        return child

    def _transferred(self) -> Iterator[Story]:
        """By area as in the report on Xianning: one for public safety, four for the environment, four for minors."""
        for ago, area, subject in TRANSFERRED:
            yield self._conversion(ago, area, subject)

    def _conversion(self, ago: int, area: str, subject: str) -> Story:
        case = yield from self._handled(30, subject)
        yield self._do(
            ago,
            case,
            "transfer_to_procuratorate",
            AFFAIRS,
            procuratorate_area=area,
            public_interest="公共利益受损。",
        )
        (child,) = self._agenda.children(case, "conversions")
        if ago > 5:
            yield self._do(5, child, "register", PROSECUTOR, register_number=f"登演示{ago}")
        if ago > 15:
            yield from self._served(child)

    def _served(self, case: Case) -> Story:
        yield self._do(5, case, "review", PROSECUTOR, meeting_reference="院党组会议研究")
        decision, letter = document("立案决定书"), document("检察建议书")
        yield self._do(
            4, case, "file_case", CHIEF, case_filing_number="检立演示1", case_filing_decision=decision
        )
        yield self._do(4, case, "draft_suggestion", PROSECUTOR)
        yield self._do(
            3, case, "issue", CHIEF, ps_type="social_governance", ps_number="检建演示1", ps_document=letter,
            addressed_unit=OURS, urgent=False,
        )  # fmt: skip
        served_on = self._ago(2).isoformat()
        yield self._do(
            2, case, "serve", PROSECUTOR, served_unit=OURS, served_on=served_on, service_way="writing"
        )
        yield self._do(2, case, "copy_documents", PROSECUTOR, copied_documents=[decision, letter])

    def _opinions(self) -> Iterator[Story]:
        yield self._opinion(3, "路灯不亮", None)
        yield self._opinion(6, "楼道堆物", "village")
        yield self._opinion(8, "村口积水", "county")

    def _opinion(self, ago: int, subject: str, route: str | None) -> Story:
        station = next(one for one in self._cast.stations if not one.home)
        case = yield start(
            self._ago(ago), "opinion", station.keeper, station.township.tenant, station_unit=station.id,
            received_on=self._ago(ago).isoformat(), intake="visit", receivers=[station.deputies[0]],
            livelihood_field="travel", subject=f"{subject}（演示）", opinion_text="群众反映的情况。（演示文本）",
        )  # fmt: skip
        if route is None:
            return
        yield self._do(ago - 1, case, "classify", station.keeper, route=route)
        if route == "village":
            yield self._do(ago - 1, case, "transfer", station.keeper, handling_unit=station.village)
            yield self._do(ago - 2, case, "accept", clerk(station.village))
            yield self._do(1, case, "answer", clerk(station.village), answer="已清理。")
            return
        yield self._do(ago - 1, case, "transfer_by_congress", AFFAIRS, handling_unit=OURS)
