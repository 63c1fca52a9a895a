"""What a station hangs up, fills in and hands out: 接待公告, 记录表, 不予受理告知单."""

from __future__ import annotations

from .paper import MADE_BY, Paper

__all__ = ["advice", "reception_notice", "reception_record"]


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
