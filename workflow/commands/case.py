"""`explain`, `similar`: the deadlines of cases, and cases like one another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..errors import Text
from ..model import Actor, Kept
from .context import OK, Context, whole

if TYPE_CHECKING:
    from ..deadlines import Explanation

LIMIT = 100
SIMILAR_LIMIT = 5


def register(add: Any) -> None:
    """Declare the commands."""
    explain = add(
        "explain", run_explain, "说明期限从何而来、何时删除个人信息",
        "why a deadline is on that day; until when personal values stay",
    )  # fmt: skip
    explain.add_argument("case", metavar="CASE", help="案件号 / id of the case")
    explain.add_argument("--clock", metavar="NAME", help="只说明这个时钟 / this clock only")
    similar = add(
        "similar", run_similar, "可能相同的案件（并案）", "cases likely about the same matter, to be joined"
    )
    similar.add_argument("case", metavar="CASE", help="案件号 / id of the case")
    similar.add_argument("--by", metavar="PERSON", help="只含此人可见的 / only what that person may know of")
    similar.add_argument(
        "--limit", type=whole(1), default=SIMILAR_LIMIT, metavar="N", help=f"(default {SIMILAR_LIMIT})"
    )


SIMILAR_HEADS = {
    "score": Text("相似度", "score"),
    "number": Text("编号", "number"),
    "state": Text("状态", "state"),
    "title": Text("标题", "title"),
    "case": Text("案件", "case"),
}


def run_similar(context: Context) -> int:
    """The cases most like this one, for whoever decides whether to join them."""
    engine, arguments = context.engine, context.arguments
    actor = Actor(person=arguments.by) if arguments.by else None
    found = engine.similar(arguments.case, actor=actor, limit=max(1, arguments.limit))
    rows = [
        {
            "score": f"{one.score:.2f}", "number": one.case.number, "state": one.case.state,
            "title": one.case.data.get("title"), "case": one.case.id,
        }
        for one in found
    ]  # fmt: skip
    if not rows:
        context.console.say("没有相似的案件", "no case is like this one")
    if rows or context.console.as_json:
        context.console.table(SIMILAR_HEADS, rows)
    return OK


def run_explain(context: Context) -> int:
    """The sentence, every skipped day, the source, for one clock or for all."""
    engine, console = context.engine, context.console
    case = engine.case(context.arguments.case)
    wanted = [context.arguments.clock] if context.arguments.clock else [clock.name for clock in case.clocks]
    found = {name: engine.explain(case.id, name) for name in wanted}
    kept = [] if context.arguments.clock else engine.kept(case.id)
    if console.as_json:
        said = {name: _data(explanation) for name, explanation in found.items()}
        console.value({**said, **({"@kept": [_kept(one) for one in kept]} if kept else {})})
        return OK
    if not found:
        console.say("本案没有时钟", "this case has no clock")
    for name, explanation in found.items():
        console.line(f"[{name}] {console.words(explanation.sentence)}")
        for line in explanation.lines:
            console.line(f"  {console.words(line)}")
    for one in kept:
        names, title = "、".join(one.fields), one.title
        console.say(
            f"{names}：保存至 {one.until}，其后由系统删除（规则 {one.rule}：{title.zh}）",
            f"{', '.join(one.fields)}: kept until {one.until}, then erased by the rule {one.rule} ({title.en})",
        )
    return OK


def _kept(one: Kept) -> dict[str, Any]:
    return {"fields": list(one.fields), "rule": one.rule, "until": one.until.isoformat()}


def _data(explanation: Explanation) -> dict[str, Any]:
    lines = [{"zh": line.zh, "en": line.en} for line in explanation.lines]
    sentence = {"zh": explanation.sentence.zh, "en": explanation.sentence.en}
    return {"sentence": sentence, "lines": lines, "source": explanation.source}
