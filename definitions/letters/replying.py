"""What a unit answers, and what the deputies are asked about it: 答复, 二次答复, 征询."""

from __future__ import annotations

from .paper import BY_HAND, MADE_BY, Paper

__all__ = ["reply", "reply_again", "survey"]


def reply(p: Paper) -> None:
    p.corner("{{ case.code.reply_class or '　' }}类")
    p.corner("公开：{{ case.data.publication or '　　　' }}")
    p.title("关于{{ root.met }}", "{{ root.item }}的答复")
    p.number("{{ case.data.reply_number or '" + BY_HAND + "' }}")
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
    p.number("{{ case.data.second_reply_number or '" + BY_HAND + "' }}")
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
