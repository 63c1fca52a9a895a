"""What contradicts itself in a store: in which case, in which line, and in words."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from .errors import Text

LIMIT = 1000
"""faults listed; the rest is counted"""

WORDS = {
    "gap": ("缺第 {missing} 行", "line {missing} is missing"),
    "hash": ("本行内容与其哈希不符", "the line does not hash to its hash"),
    "prev": ("与上一行的哈希不相接", "the line does not follow from the line before"),
    "from_state": ("起始状态应为“{state}”", "it should start from the state {state!r} of the line before"),
    "unreadable": ("承诺或公开值无法读取", "its commitments or disclosures cannot be read"),
    "commitment": ("字段 {name} 的值与承诺不符", "the value of {name} is not the one committed to"),
    "uncommitted": ("公开了没有承诺的字段 {name}", "{name} is disclosed but was never committed to"),
    "undisclosed": (
        "字段 {name} 的值不见了，却没有删除记录",
        "the value of {name} is gone, and no erasure is noted",
    ),
    "unchained": (
        "字段 {name} 的删除记录不在历史之中",
        "the note that {name} was erased has no line in the history",
    ),
    "definition": ("所依据的定义没有发布", "its definition is not published"),
    "moved": (
        "定义的版本变了，而本行不是相应的迁移",
        "the version of the definition changes, and the line is no such move",
    ),
    "event": ("定义中没有事件 {name}", "its definition has no event {name!r}"),
    "decision": ("系统作了决定 {name}", "the system decided {name!r}"),
    "separation": ("须回避的 {name} 参与了本案", "{name} is barred from this case and acted in it"),
    "case_unreadable": ("案件的数据无法读取（{name}）", "the data of the case cannot be read ({name})"),
    "case_line": ("案件的 {name} 不是末行的", "{name} of the case is not that of its last line"),
    "case_memo": ("案件的 {name} 与各行的次数或人员不符", "{name} of the case is not what its lines count"),
    "case_data": ("案件的 {name} 不是最后记载的", "{name} of the case is not what was last recorded"),
    "index": ("{name} 表与案件不符", "{name} does not follow from the case"),
    "summary": ("汇总与案件不符：{what}", "the summary does not follow from the cases: {what}"),
    "no_case": ("{name} 表中的行没有案件", "rows of {name} without their case"),
    "no_history": ("案件没有历史", "a case without any history"),
    "no_line": ("有公开值而没有历史行", "a disclosure without its line"),
    "definition_content": ("定义 {name} 的内容已被改动", "the content of {name} was changed"),
    "definition_policy": (
        "定义 {name} 的自动事件表与内容不符",
        "the event policy of {name} is not its content's",
    ),
    "anchor_unreadable": ("第 {number} 号锚点无法读取", "anchor {number} cannot be read"),
    "anchor_chain": ("第 {number} 号锚点不接上一锚点", "anchor {number} does not follow from the one before"),
    "anchor_root": (
        "第 {number} 号锚点的默克尔根与各叶不符",
        "the Merkle root of anchor {number} is not its leaves'",
    ),
    "anchor_leaves": ("第 {number} 号锚点的各叶已被改动", "the leaves of anchor {number} were changed"),
    "anchor_unsigned": (
        "第 {number} 号锚点没有签名，其后也没有已签名的锚点：用 tibandu anchor --key 再做一个锚点，它连同此前各锚点一并确认",
        "anchor {number} is not signed, nor any after it: make one with tibandu anchor --key, which stands for those before it",
    ),
    "anchor_signature": ("第 {number} 号锚点不是用此密钥签的", "anchor {number} is not signed with this key"),
    "anchor_missing": (
        "数据库中没有第 {number} 号锚点（被删除，或恢复了过旧的备份）",
        "anchor {number} is not in the database (removed, or too old a backup was restored)",
    ),
    "anchor_changed": ("第 {number} 号锚点与库外的不同", "anchor {number} differs from the one kept outside"),
    "anchor_case": ("第 {number} 号锚点中的案件不见了", "the case is in anchor {number} and is gone"),
    "anchor_tail": ("第 {number} 号锚点中的这一行被截去了", "the line is in anchor {number} and was cut off"),
    "anchor_hash": ("第 {number} 号锚点之后整链被重写", "the chain was written anew after anchor {number}"),
}
"""code -> what is wrong"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One contradiction: where, a stable code, and a sentence."""

    case: str | None
    seq: int | None
    code: str
    text: Text

    def __str__(self) -> str:
        where = ":".join(str(part) for part in (self.case, self.seq) if part is not None)
        return f"{where or '-'}: [{self.code}] {self.text}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What was looked at and what was wrong, in the order of the cases; `more` faults are not listed."""

    rows: int
    cases: int
    erased: int
    """values that are gone and noted as erased"""
    anchors: int
    faults: tuple[Fault, ...] = ()
    more: int = 0

    @property
    def sound(self) -> bool:
        """Whether nothing contradicts anything."""
        return not self.faults


@dataclass
class Findings:
    """The faults found so far."""

    faults: list[Fault] = field(default_factory=list)
    more: int = 0

    def fault(self, case: str | None, seq: int | None, code: str, /, **what: object) -> None:
        """Note one."""
        zh, en = WORDS[code]
        if len(self.faults) < LIMIT:
            text = Text(zh.format(**what), en.format(**what))
            self.faults.append(Fault(case=case, seq=seq, code=code, text=text))
        else:
            self.more += 1


def summary_faults(found: Iterable[str]) -> list[Fault]:
    """What `Summary.contradictions` found, as faults: no case is wrong, and `tibandu verify --count-anew` mends it."""
    zh, en = WORDS["summary"]
    return [
        Fault(case=None, seq=None, code="summary", text=Text(zh.format(what=one), en.format(what=one))) for one in found
    ]  # fmt: skip
