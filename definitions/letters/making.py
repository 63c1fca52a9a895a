"""The templates of our documents as a program, so that what stands in them can be reviewed line by line.

    python -m definitions.letters.making      writes the .docx files beside it anew

A test says that the committed files are what this makes. An office that wants other words opens a copy in Word.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from .paper import NO4, Paper
from .writing import steady

__all__ = ["TEMPLATES", "made"]

HERE = Path(__file__).parent
MADE_BY = "文书依据：{{ letter.source }}　模板 {{ letter.template }}"
OFFICE = "{{ letter.office }}"
HISTORY_OF_PRESSING = (
    "{% for line in lines if line.act in ('visit_site', 'hear_deputy', 'demand', 'answer_demand', 'demand_overdue') %}"
    "{{ loop.index }}．{{ line.on }}{{ line.event }}{% if line.what %}（{{ line.what }}）{% endif %}"
    "{{ '。' if loop.last else '；' }}{% endfor %}"
)


def assignment(p: Paper) -> None:
    """To the lead unit, a separate unit or a co-unit; the text of the suggestion is the annex."""
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
    p.number("{{ case.data.co_opinion_number or '　　　〔　　　　〕　　号' }}")
    p.addressee("{{ letter.to }}：")
    p.text("《{{ root.data.title }}》（{{ root.called }}）收悉。结合我单位职责，提出会办意见如下：")
    p.text("", "", "", "")
    p.only("case.data.objection", "（主办单位退回要求：{{ case.data.objection }}）")
    p.text("会办意见供主办单位答复代表时采用；我单位不直接答复代表。")
    p.text("单位负责人（签字）：", "联系人及电话：")
    p.signed("{{ case.party.unit }}", "　　年　　月　　日")
    p.small(MADE_BY)


def reply(p: Paper) -> None:
    p.corner("{{ case.code.reply_class or '　' }}类")
    p.corner("公开：{{ case.data.publication or '　　　' }}")
    p.title("关于{{ root.met }}", "{{ root.item }}的答复")
    p.number("{{ case.data.reply_number or '　　　〔　　　　〕　　号' }}")
    p.addressee("{{ case.data.recipients or root.party.signer }}代表：")
    p.text(
        "{% if root.count.signer > 1 %}你们{% else %}您{% endif %}提出的《{{ root.data.title }}》（{{ root.called }}）收悉。现逐条答复如下："
    )
    p.tag("for point, answer in root.data.body|points|answered(case.data.point_answers)")
    p.head("{{ loop.index }}．关于“{{ point }}”")
    p.text("{{ answer }}")
    p.tag("endfor")
    p.tag("if children.commitments is defined and children.commitments")
    p.head("承诺事项和完成时限")
    p.each(
        "one in children.commitments",
        "{{ loop.index }}．{{ one.data.promise }}（{{ one.data.promised_on }}前完成）",
    )
    p.tag("endif")
    p.tag("if children.co_opinions is defined and children.co_opinions")
    p.head("会办单位意见")
    p.each(
        "one in children.co_opinions",
        "{{ one.to }}：{{ one.state }}{% if one.data.co_opinion_number %}（{{ one.data.co_opinion_number }}）{% endif %}"
        "{% if one.data.waiver_note %}，{{ one.data.waiver_note }}{% endif %}",
    )
    p.tag("endif")
    p.text(
        "感谢{{ '你们' if root.count.signer > 1 else '您' }}对我们工作的关心和支持。满意度由人大常委会办公室直接向{{ '你们' if root.count.signer > 1 else '您' }}征询。"
    )
    p.text("负责领导及电话：{{ case.data.leader_in_charge }}", "承办人及电话：{{ case.data.handler }}")
    p.signed(
        "{{ case.party.unit if 'unit' in case.party else case.party.lead }}",
        "{{ happened.issue_reply if happened.issue_reply is defined else '　　年　　月　　日' }}",
    )
    p.copies("抄送：{{ case.data.copies_to or letter.office }}。")
    p.small(MADE_BY)


def reply_again(p: Paper) -> None:
    p.corner("{{ case.code.second_reply_class or '　' }}类")
    p.title("关于{{ root.met }}", "{{ root.item }}的二次答复")
    p.number("{{ case.data.second_reply_number or '　　　〔　　　　〕　　号' }}")
    p.addressee("{{ case.data.recipients or root.party.signer }}代表：")
    p.text(
        "{{ '你们' if root.count.signer > 1 else '您' }}对《{{ root.data.title }}》（{{ root.called }}）办理情况提出的意见收悉。"
        "{% if case.data.contact_on %}我单位负责人于{{ case.data.contact_on }}与{{ '你们' if root.count.signer > 1 else '您' }}面商，{% endif %}现逐条答复如下："
    )
    p.head("一、代表的意见")
    p.each("line in case.data.deputy_reasons|lines", "{{ line }}")
    p.head("二、逐条答复")
    p.each("line in case.data.answers_to_reasons|lines", "{{ line }}")
    p.text("满意度由人大常委会办公室再次直接向{{ '你们' if root.count.signer > 1 else '您' }}征询。")
    p.signed(
        "{{ root.party.lead }}",
        "{{ happened.reply_again if happened.reply_again is defined else '　　年　　月　　日' }}",
    )
    p.copies("抄送：{{ case.data.copies_to or letter.office }}。")
    p.small(MADE_BY)


def survey(p: Paper) -> None:
    p.title("代表建议办理情况征询意见表")
    p.form(
        [
            ["代表姓名", "{{ letter.to }}", "建议编号", "{{ root.called }}"],
            ["标题", "{{ root.data.title }}", "<", "<"],
            [
                "承办单位",
                "{{ root.party.lead or root.party.separate }}",
                "结果类别",
                "{% if root.code.reply_class %}{{ root.code.reply_class }}类{% endif %}",
            ],
            ["办理态度", "{{ case.boxes.attitude_level }}", "<", "<"],
            ["办理结果", "{{ case.boxes.result_level }}", "<", "<"],
            ["总体评价", "{{ case.boxes.level }}", "<", "<"],
            ["具体意见\n（未表示满意\n的请写明\n理由）", "", "<", "<"],
            ["代表签名", "", "日期", "　　年　月　日"],
            ["寄回", "{{ letter.office }}", "请于何日前", "{{ case.clock.answer.due }}"],
        ],
        [30, 54, 26, 46],
        [13, 13, 13, 12, 12, 12, 44, 13, 13],
    )
    p.note(
        "本表由{{ letter.office }}直接向代表征询，请直接寄回或者扫码填写，不经承办单位转交。未反馈的不计为满意。"
    )
    p.picture("{{ qr }}", "扫码填写，仅限代表本人")
    p.small(MADE_BY)


def second_assignment(p: Paper) -> None:
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
    p.small(MADE_BY)


def transfer(p: Paper) -> None:
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


def reception_notice(p: Paper) -> None:
    p.title("代表接待选民公告")
    p.text(
        "{{ case.party.station }}定于{{ case.data.reception_on }}{% if case.data.hours %}（{{ case.data.hours }}）{% endif %}举行代表接待选民活动，现公告如下："
    )
    p.head("一、接待地点")
    p.text("{{ case.data.place or '（待定）' }}")
    p.head("二、接待代表")
    p.text("{{ case.party.on_duty }}")
    p.head("三、接待事项")
    p.text(
        "听取选民对本行政区域经济社会发展、民生事项和国家机关工作的意见、建议。正在诉讼、复议、仲裁的个案不在接待范围，将告知相应渠道。"
    )
    p.text("不能到场的，可以事先书面反映。欢迎广大选民前来反映情况。")
    p.only("case.data.announcement", "{{ case.data.announcement }}")
    p.picture("{{ qr }}", "扫码查看本站接待安排")
    p.signed("{{ case.party.station }}", "{{ letter.on }}")
    p.small(MADE_BY)


def _box(name: str, condition: str) -> str:
    """A box to be ticked, ticked where the record says so."""
    return f"{{{{ '■' if not number and {condition} else '□' }}}}{name}"


ROUTES = "\n".join((
    _box("当场答复", "case.code.route == 'on_spot'") + "　　" + _box("转社区（村）、调解、法律咨询、网格", "case.code.route in ('village', 'mediation', 'legal_advice', 'grid')"),
    _box("转街道（乡镇）办理", "case.code.route == 'township'") + "　　" + _box("经人大转县（市、区）部门", "case.code.route == 'county'"),
    _box("委托代表提出建议", "case.code.route == 'city'"),
    _box("不受理（涉诉涉法等，已告知渠道）", "case.data.not_taken_ground"),
))  # fmt: skip


def reception_record(p: Paper) -> None:
    """Filled in from an opinion, or blank and numbered for a day without the network."""
    p.tag("for number in forms")
    p.title("代表接待选民记录表")
    p.form(
        [
            ["编号", "{{ number or case.number }}", "接待日期", "{% if number %}{{ case.data.reception_on }}{% else %}{{ case.data.received_on }}{% if case.data.received_on != happened.start %}（{{ happened.start }}补录）{% endif %}{% endif %}"],
            ["联络站", "{{ case.party.station }}", "接待代表", "{{ case.party.receiver if not number else case.party.on_duty }}"],
            ["反映人", "{% if not number %}{{ case.data.voter_name }}{% endif %}", "联系方式\n（可不填）", "{% if not number %}{{ case.data.voter_contact }}{% endif %}"],
            ["民生领域", "{% if not number %}{{ case.data.livelihood_field }}{% endif %}", "事由", "{% if not number %}{{ case.data.subject }}{% endif %}"],
            ["反映内容", "{% if not number %}{{ case.data.opinion_text }}{% endif %}", "<", "<"],
            ["去向\n（选一项）", ROUTES, "<", "<"],
            ["处理说明", "{% if not number %}{{ case.data.route }} {{ case.data.explanation }}{{ case.data.channel }}{% endif %}", "<", "<"],
            ["代表签名", "", "记录人", ""],
        ],
        [30, 54, 26, 46],
        [13, 13, 15, 13, 60, 34, 28, 15],
    )  # fmt: skip
    p.tag("if number")
    p.note("无网络时手填，事后按原接待日期补录，并注明编号。")
    p.tag("endif")
    p.break_in_loop("not loop.last")
    p.tag("endfor")
    p.small(MADE_BY)


def advice(p: Paper) -> None:
    p.title("不予受理告知单")
    p.addressee("{{ case.data.voter_name or '反映人' }}：")
    p.text(
        "您于{{ case.data.received_on }}反映的“{{ case.data.subject }}”，经研究属于{{ case.data.not_taken_ground }}，代表联络站不能受理。"
    )
    p.text("您可以通过下列渠道反映：{{ case.data.channel }}")
    p.text("代表接待选民只听取意见，不直接处理诉讼、复议、仲裁等具体案件。感谢您的理解。")
    p.signed("{{ case.party.station }}", "{{ happened.redirect }}")
    p.small(MADE_BY)


def process(p: Paper) -> None:
    p.title("办理过程表")
    p.text(
        "{{ case.called }}　{{ case.data.title }}",
        "当前状态：{{ case.state }}　制表日期：{{ letter.made_on }}",
        indent=0,
    )
    p.listing(
        "line in lines",
        [("序", "{{ line.seq }}", 11), ("生效日期", "{{ line.on }}", 29), ("环节", "{{ line.event }}", 34), ("状态", "{{ line.to }}", 24),
         ("办理人", "{{ line.who }}", 38), ("内容", "{{ line.what }}", 72), ("记录时间和校验值", "{{ line.at }}\n{{ line.hash[:32] }}", 35)],
        8.5,
    )  # fmt: skip
    p.note("校验值为该行历史的 SHA-256 前32位，逐行相扣，全值可用 tibandu verify 核验。")
    p.small(MADE_BY)


def archive(p: Paper) -> None:
    p.title("归档目录")
    p.text(
        "{{ case.called }}　{{ case.data.title }}",
        "承办单位：{{ case.party.lead or case.party.separate }}　当前状态：{{ case.state }}",
        indent=0,
    )
    p.listing(
        "paper in papers",
        [("序号", "{{ paper.no }}", 14), ("材料", "{{ paper.what }}", 34), ("所属环节", "{{ paper.of }}", 30),
         ("文件名", "{{ paper.name }}", 40), ("校验值前16位", "{{ paper.sha256[:16] }}", 38)],
        NO4 - 3.5,
    )  # fmt: skip
    p.text("合计{{ papers|length }}件。移交人（签字）：　　　　　接收人（签字）：", indent=0)
    p.signed(OFFICE, "{{ letter.made_on }}")
    p.small(MADE_BY)


TEMPLATES: dict[str, Callable[[Paper], None]] = {
    "assignment.docx": assignment, "return.docx": return_, "extension_request.docx": extension_request,
    "extension_decision.docx": extension_decision, "co_opinion.docx": co_opinion, "reply.docx": reply,
    "reply_again.docx": reply_again, "survey.docx": survey, "second_assignment.docx": second_assignment,
    "supervision.docx": supervision, "transfer.docx": transfer, "reception_notice.docx": reception_notice,
    "reception_record.docx": reception_record, "advice.docx": advice, "process.docx": process, "archive.docx": archive,
}  # fmt: skip


FORMS = ("return.docx", "survey.docx", "supervision.docx", "reception_record.docx", "reception_notice.docx")
LISTS = ("process.docx",)


def made(name: str) -> bytes:
    """A template as a Word file."""
    paper = Paper(
        name.removesuffix(".docx"), "form" if name in FORMS else "list" if name in LISTS else "letter"
    )
    TEMPLATES[name](paper)
    return steady(paper.content())


if __name__ == "__main__":
    for file in TEMPLATES:
        (HERE / file).write_bytes(made(file))
