"""`replay`, `term`: real records, and a whole simulated term, through the real lifecycles."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..errors import Text
from .context import FAULTS, OK, Context, UsageError
from .files import folder, there

POLICIES = ("fixed", "next_working_day", "previous_working_day")


def register(add: Any) -> None:
    """Declare the command."""
    replay = add(
        "replay", run_replay, "重放真实记录并统计", "real records through the real lifecycle, and the report"
    )
    replay.add_argument(
        "--records", type=Path, metavar="CSV", help="建议记录 / records of suggestions (default: ours)"
    )
    replay.add_argument(
        "--cases", type=Path, metavar="JSONL", help="办理经过 / timelines of cases (default: ours)"
    )
    term = add(
        "term",
        run_term,
        "推演一届任期并与印出的数字核对",
        "a whole term, simulated on the real store and counted",
    )
    term.add_argument(
        "--scenario", default="xianning", help="情景名或文件 / name or file (default: xianning)"
    )
    term.add_argument(
        "--policy", choices=POLICIES, help="接待日遇休息日的规则 / what a 15th that is a day off does"
    )
    term.add_argument("--html", type=Path, metavar="FILE", help="报告网页 / report as one page")
    term.add_argument("--xlsx", type=Path, metavar="FILE", help="报告表格 / report as a workbook")


PARTS = {
    "rest": Text("建议、意见等", "suggestions, opinions and all else"),
    "receptions": Text("接待日", "reception days"),
}


def run_replay(context: Context) -> int:
    """The domain does it; see definitions/replay.py."""
    _ours_only(
        context,
        "replay",
        "随附的生命周期和全国规则（CN）",
        "the shipped lifecycles and the national rules (CN)",
    )
    records, cases = context.arguments.records, context.arguments.cases
    for path in (records, cases):
        if path is not None:
            there(path)
    replay = context.sibling("definitions.replay")
    console = context.console
    given = (context.usable(), records, cases, console.language, console.out)
    return int(replay.run(*given, as_json=console.as_json))


def _ours_only(context: Context, command: str, zh: str, en: str) -> None:
    """Raises UsageError for definitions or a place of one's own: the words and figures it goes by belong to ours."""
    asked = (context.arguments.definitions, context.arguments.place)
    given = [
        f"--{name}" for name, value in zip(("definitions", "place"), asked, strict=True) if value is not None
    ]
    if given:
        flags = " ".join(given)
        raise UsageError(
            Text(f"{command} 只用{zh}，不接受 {flags}", f"{command} goes by {en}: it takes no {flags}")
        )


def run_term(context: Context) -> int:
    """The domain does it; see definitions/term. FAULTS when a figure is not the printed one."""
    _ours_only(
        context,
        "term",
        "随附的生命周期和情景所写的地方",
        "the shipped lifecycles and the place its scenario names",
    )
    arguments, console = context.arguments, context.console
    for path in (arguments.html, arguments.xlsx):
        if path is not None:
            folder(path.parent)
    term = context.sibling("definitions.term")
    file = Path(arguments.scenario)
    scenario = term.load(file if file.suffix else term.named(arguments.scenario))
    scenario = scenario.under(arguments.policy) if arguments.policy else scenario
    title = Text("推演", "days")
    lived, measured, page = term.run(
        context.usable(), scenario, lambda days: console.progress(days, total=len(days), title=title)
    )
    if arguments.html is not None:
        arguments.html.write_text(page, encoding="utf-8")
    if arguments.xlsx is not None:
        context.sibling("definitions.term.sheet").write(measured, arguments.xlsx)
    console.value(term.as_data(measured, lived))
    _say_term(context, lived, measured)
    return OK if all(one.equal for one in measured.figures) else FAULTS


def _say_term(context: Context, lived: Any, measured: Any) -> None:
    console = context.console
    if console.as_json:
        return
    if lived is None:
        console.say("库中已有这一任期，只作统计", "the store holds this term already: counted only")
    else:
        console.say(
            f"{lived.acts} 次操作，{lived.rungs} 次到期",
            f"{lived.acts} acts, {lived.rungs} rungs of deadlines",
        )
        for part, name in PARTS.items():
            events, seconds = measured.events[part], lived.parts[part].seconds
            console.say(
                f"{name.zh}:{events} 个事件，{seconds:.1f} 秒",
                f"{name.en}: {events} events in {seconds:.1f} s",
            )
    heads = {
        "figure": Text("项目", "figure"), "printed": Text("印出", "printed"), "counted": Text("数出", "counted"),
        "equal": Text("", ""),
    }  # fmt: skip
    rows = [
        {
            "figure": console.words(Text(one.figure.zh, one.figure.en)), "printed": one.figure.value,
            "counted": one.counted, "equal": "=" if one.equal else "≠",
        }
        for one in measured.figures
    ]  # fmt: skip
    console.table(heads, rows)
    console.say(f"链首摘要 {measured.heads}", f"digest of all chain heads {measured.heads}")
