"""What an office sends about the handling of a suggestion: 交办, 二次交办, 退办, 延期, 会办, 督办, 移送."""

from __future__ import annotations

from .paper import BY_HAND, MADE_BY, OFFICE, Paper

__all__ = [
    "assignment",
    "co_opinion",
    "extension_decision",
    "extension_request",
    "return_",
    "second_assignment",
    "supervision",
    "transfer",
]

SCAN = "扫码在系统中打开本件（须登录）"
PRESSING = "'visit_site', 'hear_deputy', 'demand', 'answer_demand', 'demand_overdue'"
HISTORY_OF_PRESSING = (
    "{% set this = lines|selectattr('act', 'equalto', 'demand')|list|last %}"
    "{% for line in lines if line.act in (" + PRESSING + ") and line.seq != this.seq %}"
    "{{ loop.index }}．{{ line.on }}{{ line.event }}"
    "{% if 'answer_by' in line.given %}（{{ line.given.answer_by }}前回复）{% endif %}"
    "{% for name in ('visit_record', 'hearing_record', 'supervision_opinion', 'demand_answer') if name in line.given %}"
    "：{{ line.given[name] }}{% endfor %}。{{ '' if loop.last else '\\n' }}{% else %}此前没有{% endfor %}"
)
"""what came before this notice; the notice says its own opinion above"""


def assignment(p: Paper) -> None:
    """To the lead unit, a separate unit or a co-unit; the text of the suggestion is the annex."""
    p.reference()
    p.title("关于交办{{ root.met }}", "{{ root.item }}的函")
    p.addressee("{{ letter.to }}：")
    p.text(
        "{{ root.party.signer }}代表提出的《{{ root.data.title }}》（{{ root.called }}），"
        "经研究，交由你单位{% if letter.as == 'unit' %}{{ case.kind[:2] if case.kind == '会办' else '分别办理' }}{% else %}主办{% endif %}。"
        "{% if root.party.lead and letter.as == 'unit' %}主办单位：{{ root.party.lead }}。{% endif %}"
        "{% if root.party.co %}会办单位：{{ root.party.co }}。{% endif %}"
        "{% if root.party.separate %}分办单位：{{ root.party.separate }}。{% endif %}"
        "{{ root.data.assignment_note }}"
    )
    p.text("现将有关事项函告如下：")
    p.head("一、办理期限")
    p.tag("for clock in case.clock.values() if clock.due")
    p.text(
        "{{ clock.title }}：{{ clock.due }}{{ clock.provisional }}"
        "{% if clock.outer and clock.outer != clock.due %}，最迟不超过{{ clock.outer }}{% endif %}。{{ clock.basis }}"
    )
    p.tag("endfor")
    p.head("二、办理要求")
    p.tag("if case.kind == '会办'")
    p.text("请研究提出书面会办意见，经单位负责人审签后在上述期限内送主办单位。会办单位不直接答复代表。")
    p.tag("else")
    p.text(
        "请认真研究办理，主动与代表沟通，听取意见，并在上述期限内书面答复代表，同时抄送本办。"
        "答复须经单位负责人签发、加盖公章，在首页右上角标明结果类别，并注明是否公开。"
    )
    p.text(
        "期限自交办之日起计算。涉及面广、处理难度大的，须在期满前提出延期申请，经同意后延长，"
        "最迟不超过自交办之日起六个月。"
    )
    p.tag("endif")
    p.text(
        "认为不属本单位职责的，请在退办期限内书面说明理由并提出建议承办单位；未经同意不得自行转送或者退回，"
        "同意之前仍由你单位负责办理。"
    )
    p.text("代表对办理情况的满意度由本办直接征询，请勿向代表发放或者代收征询意见表。")
    p.annexes("{{ root.data.title }}（全文）")
    p.signed(OFFICE, "{{ letter.on }}")
    p.contact()
    p.picture("{{ qr }}", SCAN)
    p.small(MADE_BY)
    p.next_page()
    p.annex()
    p.title("{{ root.data.title }}")
    p.number("{{ root.called }}")
    p.text("提出代表：{{ root.party.signer }}")
    p.each("line in root.data.body|lines", "{{ line }}")


def return_(p: Paper) -> None:
    p.title("退办（改办）审批表")
    p.form(
        [
            [
                "建议编号",
                "{{ root.called }}",
                "申请单位",
                "{{ case.party.lead if 'lead' in case.party else case.party.unit }}",
            ],
            ["标题", "{{ root.data.title }}", "<", "<"],
            ["退办理由", "{{ case.data.return_reason }}", "<", "<"],
            [
                "建议改由\n何单位办理",
                "{% if 'competent_unit' in case.data %}{{ case.data.competent_unit }}{% endif %}",
                "<",
                "<",
            ],
            ["申请日期", "{{ happened.request_return }}", "审批期限", "{{ case.clock.return_decision.due }}"],
            ["申请单位\n负责人签字", "\n\n（盖章）　　　　年　　月　　日", "<", "<"],
            [
                "代表工作机构\n审核意见",
                "{{ case.data.return_decision }}\n\n（签字）　　　　年　　月　　日",
                "<",
                "<",
            ],
            ["改办单位", "", "重新交办\n日期", "　　年　月　日"],
        ],
        [30, 54, 26, 46],
        [13, 13, 40, 14, 13, 26, 36, 13],
    )
    p.note("说明：批准之前仍由申请单位负责办理；重新交办的，新单位的答复期限自重新交办之日起计算。")
    p.small(MADE_BY)


def extension_request(p: Paper) -> None:
    p.title("关于延期答复{{ root.met }}", "{{ root.item }}的申请")
    p.addressee("{{ letter.office }}：")
    p.text(
        "《{{ root.data.title }}》（{{ root.called }}）交由我单位办理。因{{ case.data.extension_ground }}，"
        "不能在规定期限内答复，申请将答复期限延至{{ case.data.wanted_until }}。"
    )
    p.text("具体理由：{{ case.data.extension_explanation|ended }}")
    p.text("延长后的期限不超过自交办之日起六个月。我单位将继续办理，并向代表说明情况。请予批准。")
    p.signed("{{ root.party.lead or root.party.separate }}", "{{ happened.start }}")
    p.small(MADE_BY)


def extension_decision(p: Paper) -> None:
    p.reference()
    p.title("关于延期答复{{ root.met }}", "{{ root.item }}的批复")
    p.addressee("{{ letter.to }}：")
    p.text("你单位关于延期答复《{{ root.data.title }}》的申请收悉。")
    p.only(
        "happened.grant is defined",
        "同意将答复期限延至{{ case.data.granted_until }}。请抓紧办理，按期书面答复代表，并将延期情况告知代表。",
    )
    p.only(
        "happened.refuse is defined",
        "不同意延期。原答复期限不变，请抓紧办理，按期书面答复代表。",
    )
    p.only("case.data.decision_note", "审批意见：{{ case.data.decision_note|ended }}")
    p.signed(OFFICE, "{{ letter.on }}")
    p.copies("抄送：{{ root.party.signer }}代表。")
    p.small(MADE_BY)


def co_opinion(p: Paper) -> None:
    p.title("关于{{ root.met }}", "{{ root.item }}的会办意见")
    p.number("{{ case.data.co_opinion_number or '" + BY_HAND + "' }}")
    p.addressee("{{ letter.to }}：")
    p.text("《{{ root.data.title }}》（{{ root.called }}）收悉。结合我单位职责，提出会办意见如下：")
    p.text("", "", "", "")
    p.only("case.data.objection", "（主办单位退回要求：{{ case.data.objection }}）")
    p.text("会办意见供主办单位答复代表时采用；我单位不直接答复代表。")
    p.text("单位负责人（签字）：", "联系人及电话：")
    p.signed("{{ case.party.unit }}", "　　年　　月　　日")
    p.small(MADE_BY)


def second_assignment(p: Paper) -> None:
    p.reference()
    p.title("关于二次交办{{ root.met }}", "{{ root.item }}的通知")
    p.addressee("{{ letter.to }}：")
    p.text(
        "你单位办理的《{{ root.data.title }}》（{{ root.called }}），经本办直接征询代表意见，代表未表示满意。"
        "现按照二次交办机制再次交你单位办理。"
    )
    p.head("一、代表的具体意见")
    p.each("line in case.data.deputy_reasons|lines", "{{ line }}")
    p.head("二、办理要求")
    p.text("请单位主要负责人负责，与代表面商，对代表的意见逐条研究并书面答复。")
    p.head("三、办理期限")
    p.text(
        "{% if case.clock.reply.due %}二次答复期限：{{ case.clock.reply.due }}，自二次交办之日（{{ case.clock.reply.from }}）起计算。"
        "{{ case.clock.reply.basis }}{% else %}二次交办日期：{{ happened.start }}。{% endif %}"
    )
    p.text("答复后由本办再次直接征询代表意见。")
    p.signed(OFFICE, "{{ letter.on }}")
    p.contact()
    p.picture("{{ qr }}", SCAN)
    p.small(MADE_BY)


def supervision(p: Paper) -> None:
    p.title("督办通知单")
    p.corner("{% if happened.demand_overdue is defined %}加急{% else %}普通{% endif %}")
    p.form(
        [
            ["被督办单位", "{{ letter.to }}", "建议编号", "{{ root.called }}"],
            ["标题", "{{ root.data.title }}", "<", "<"],
            ["督办方式", "{{ case.data.supervision_kind }}", "督办人", "{{ case.party.supervisor }}"],
            [
                "主任会议\n纪要文号",
                "{{ case.data.meeting_reference }}",
                "单位责任人",
                "{{ case.party.in_charge }}",
            ],
            ["督办意见", "{{ case.data.supervision_opinion }}", "<", "<"],
            ["发单日期", "{{ happened.demand }}", "回复期限", "{{ case.data.answer_by }}"],
            [
                "上次督办\n逾期未回复",
                "{% if happened.demand_overdue is defined %}{{ happened.demand_overdue }}{% else %}无{% endif %}",
                "当前状态",
                "{{ root.state }}",
            ],
            [
                "督办经过",
                HISTORY_OF_PRESSING,
                "<",
                "<",
            ],
            ["回复", "{{ case.data.demand_answer }}\n\n\n\n（盖章）　　　　年　　月　　日", "<", "<"],
        ],
        [30, 54, 26, 46],
        [13, 13, 13, 14, 50, 13, 14, 0, 40],
    )
    p.contact()
    p.small(MADE_BY)


def transfer(p: Paper) -> None:
    p.reference()
    p.title("关于移送代表建议的函")
    p.addressee("{{ letter.congress|replace('人民代表大会', '')|replace('人大', '') }}人民检察院：")
    p.text(
        "{{ root.party.signer }}代表提出的《{{ root.data.title or case.data.title }}》（{{ root.called }}），"
        "涉及{{ case.data.procuratorate_area }}领域，按照衔接转化工作办法移送你院。"
    )
    p.text("涉及的公共利益：{{ case.data.public_interest|ended }}")
    p.text(
        "是否转化由你院依法决定，请将研判结果函告本办。转化的，请将立案决定书、检察建议书自制发之日起十日内抄送；"
        "整改期满后，请将处理意见文书自作出之日起十日内抄送。移送不影响承办单位的正常办理和期限。"
    )
    p.annexes("代表建议全文", "抄送件清单")
    p.signed(OFFICE, "{{ letter.on }}")
    p.contact()
    p.next_page()
    p.annex("1")
    p.title("{{ root.data.title or case.data.title }}")
    p.each("line in root.data.body|lines", "{{ line }}")
    p.next_page()
    p.annex("2")
    p.title("抄送件清单")
    p.form(
        [["序号", "文书", "文号", "日期"], ["1", "立案决定书", "{{ case.data.case_filing_number }}", ""],
         ["2", "检察建议书", "{{ case.data.ps_number }}", ""], ["3", "书面回复", "", ""], ["4", "处理意见文书", "", ""]],
        [18, 56, 46, 36],
        [14, 14, 14, 14, 14],
        centered=True,
    )  # fmt: skip
    p.next_page()
    p.title("代表建议移送函回执")
    p.addressee("{{ letter.office }}：")
    p.text(
        "你办移送的《{{ root.data.title or case.data.title }}》（{{ root.called }}）于　　年　　月　　日收到，登记号：{{ case.data.register_number or '　　　　　　' }}。"
    )
    p.text("研判结果：□转化办理　　□不转化，理由：")
    p.text("经办人及电话：")
    p.signed("（检察院盖章）", "　　年　　月　　日")
    p.small(MADE_BY)
