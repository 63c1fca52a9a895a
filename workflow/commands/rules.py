"""`rules show|diff|preview|apply`: the rules of a place, what another does otherwise, and new rules for running clocks."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date
from typing import TYPE_CHECKING, Any

from ..clock import SystemClock, civil_date
from ..errors import Text
from ..model import Actor
from . import calendar
from .context import OK, Context, day

if TYPE_CHECKING:
    from ..deadlines import Rule
    from ..recalculation import Recalculated


def register(add: Any) -> None:
    """Declare the command and its parts."""
    rules = add("rules", None, "地方规则", "rules of places")
    parts = rules.add_subparsers(dest="part", required=True, metavar="show|diff|preview|apply")
    show = add("show", run_show, "列出一地的规则及依据", "the rules of a place with their sources", parts)
    show.add_argument("name", metavar="PLACE", help="地方 / place")
    diff = add("diff", run_diff, "比较两地的规则", "what the second place does otherwise", parts)
    diff.add_argument("one", metavar="A", help="地方 / place")
    diff.add_argument("other", metavar="B", help="另一地方 / the other place")
    add(
        "preview",
        run_preview,
        "列出新规则会变动的期限，不写入",
        "which running clocks the present rules would change",
        parts,
    )
    apply = add(
        "apply",
        run_apply,
        "进行中的期限改按新规则，记入历史",
        "give running clocks the present rules, a line in each history",
        parts,
    )
    apply.add_argument(
        "--by", required=True, metavar="PERSON", help="启用人 / the person who puts them in force"
    )
    for part in (show, diff):
        part.add_argument(
            "--on", type=day, metavar="DATE", help="在该日有效的 / in force on that day (default: today)"
        )


def _on(context: Context) -> date:
    asked: date | None = context.arguments.on
    return asked or civil_date(SystemClock().now())


def run_show(context: Context) -> int:
    """Every rule of the place that is in force on a day."""
    from ..comparison import in_force, said

    console, book = context.console, context.library.book(context.arguments.name)
    rules = in_force(book, _on(context))
    if console.as_json:
        console.value([_plain(rule) for rule in rules.values()])
        return OK
    heads = {
        "rule": Text("规则", "rule"),
        "title": Text("名称", "title"),
        "value": Text("内容", "what it says"),
        "confidence": Text("可信度", "confidence"),
        "source": Text("依据", "source"),
    }
    rows = [
        {
            "rule": rule.id, "title": console.words(rule.title), "value": _words(context, said(rule)),
            "confidence": rule.confidence, "source": rule.source,
        }
        for rule in rules.values()
    ]  # fmt: skip
    console.table(heads, rows)
    return OK


def run_diff(context: Context) -> int:
    """The rules that differ, each with both sources. Differences are no fault: the exit code is 0."""
    from ..comparison import differences, said

    console, arguments = context.console, context.arguments
    one, other = context.library.book(arguments.one), context.library.book(arguments.other)
    found = differences(one, other, _on(context))
    if console.as_json:
        console.value(
            [
                {
                    "rule": d.rule,
                    "title": asdict(d.title),
                    one.place: _plain(d.one),
                    other.place: _plain(d.other),
                }
                for d in found
            ]
        )
        return OK
    heads = {
        "rule": Text("规则", "rule"),
        "title": Text("名称", "title"),
        "one": Text(one.place, one.place),
        "other": Text(other.place, other.place),
        "source": Text("依据", "source"),
    }
    rows = [
        {
            "rule": d.rule, "title": console.words(d.title), "one": _words(context, said(d.one)),
            "other": _words(context, said(d.other)), "source": _sources(d.one, d.other),
        }
        for d in found
    ]  # fmt: skip
    if rows:
        console.table(heads, rows)
    console.say(
        f"{len(found)} 条规则不同",
        f"{len(found)} rule{'' if len(found) == 1 else 's'} differ{'s' if len(found) == 1 else ''}",
    )
    return OK


def run_preview(context: Context) -> int:
    """Every running clock whose own rule reads otherwise in the place's present file."""
    from ..recalculation import preview_rules

    found = preview_rules(context.engine)
    calendar.show(context, found)
    context.console.say(*_summary(found))
    return OK


def run_apply(context: Context) -> int:
    """The same, written."""
    from ..recalculation import apply_rules, preview_rules

    engine, actor = context.engine, Actor(person=context.arguments.by)
    found = calendar.one_by_one(
        context, preview_rules(engine), lambda case: apply_rules(engine, actor, cases=[case])
    )
    calendar.show(context, found)
    context.console.say(*_summary(found))
    return OK


def _summary(found: list[Recalculated]) -> tuple[str, str]:
    moved = sum(change.moves for change in found)
    return (
        f"{len(found)} 个进行中的期限改按新规则，其中 {moved} 个期满日变动",
        f"{len(found)} running clock(s) by other rules, {moved} of them with another due day",
    )


def _words(context: Context, text: Text | None) -> str | None:
    return None if text is None else context.console.words(text)


def _sources(one: Rule | None, other: Rule | None) -> str:
    return " | ".join("-" if rule is None else rule.source for rule in (one, other))


def _plain(rule: Rule | None) -> dict[str, Any] | None:
    """A rule as JSON: its row, dates in ISO."""
    return None if rule is None else asdict(rule)
