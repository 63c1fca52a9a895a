"""What is filed at the end: 办理过程表, 归档目录."""

from __future__ import annotations

from .paper import MADE_BY, NO4, OFFICE, Paper

__all__ = ["archive", "process"]


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
