"""`act`: one event in many cases, tried first, with an answer for each."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import Text, WorkflowError
from ..model import Actor, Request
from .context import FAULTS, OK, Context, UsageError
from .files import reading

if TYPE_CHECKING:
    from ..engine import Engine

MOST = 1000
HEADS = {"case": Text("案件", "case"), "state": Text("状态", "state"), "result": Text("结果", "result")}


def register(add: Any) -> None:
    """Declare the command."""
    act = add("act", run_act, "对一批案件办理同一事项", "one event in many cases")
    act.add_argument("event", metavar="EVENT", help="事项 / the event, e.g. open_evaluation")
    act.add_argument(
        "--cases", type=Path, required=True, metavar="FILE",
        help="每行一个案件号，- 为标准输入 / a case id in each line; - reads the standard input",
    )  # fmt: skip
    act.add_argument("--by", required=True, metavar="PERSON", help="经办人 / who acts")
    act.add_argument(
        "--data", default="{}", metavar="JSON", help="表单，各案相同 / the form, the same for all"
    )
    act.add_argument("--dry-run", action="store_true", help="只试，不办理 / try it, do nothing")


def run_act(context: Context) -> int:
    """1 when a case refused; the others are done all the same."""
    arguments, console = context.arguments, context.console
    cases, data = _cases(arguments.cases), _data(arguments.data)
    actor = Actor(person=arguments.by)
    one = _try if arguments.dry_run else _do
    rows = one(context.engine, cases, arguments.event, actor, data)
    refused = sum(row["state"] is None for row in rows)
    console.table(HEADS, [{**row, "result": console.words(row["result"])} for row in rows])
    if not console.as_json:
        zh, en = (
            f"{len(rows) - refused} 件可行，{refused} 件不行",
            f"{len(rows) - refused} fine, {refused} refused",
        )
        if arguments.dry_run:
            zh, en = f"试运行，未办理：{zh}", f"dry run, nothing done: {en}"
        console.say(zh, en)
    return FAULTS if refused else OK


def _try(
    engine: Engine, cases: Sequence[str], event: str, actor: Actor, data: Mapping[str, Any]
) -> list[dict[str, Any]]:
    rows = []
    for case in cases:
        try:
            done = engine.fire(case, event, actor, data, dry_run=True)
        except WorkflowError as error:
            rows.append(_refused(case, error))
        else:
            rows.append({"case": case, "state": done.state, "result": Text("可办", "would do")})
    return rows


def _do(
    engine: Engine, cases: Sequence[str], event: str, actor: Actor, data: Mapping[str, Any]
) -> list[dict[str, Any]]:
    outcomes = engine.batch([Request(case=case, event=event, actor=actor, data=data) for case in cases])
    rows = []
    for case, outcome in zip(cases, outcomes, strict=True):
        if outcome.case is None:
            rows.append(_refused(case, outcome.error))
        else:
            rows.append({"case": case, "state": outcome.case.state, "result": Text("已办", "done")})
    return rows


def _refused(case: str, error: Exception | None) -> dict[str, Any]:
    return {
        "case": case,
        "state": None,
        "result": error.text if isinstance(error, WorkflowError) else Text(str(error), str(error)),
    }


def _cases(path: Path) -> list[str]:
    """The ids, each once, in order. Raises UsageError."""
    with reading(path):
        text = sys.stdin.read() if str(path) == "-" else path.read_text("utf-8")
    found = list(dict.fromkeys(word for line in text.splitlines() if (word := line.strip())))
    if not 0 < len(found) <= MOST:
        en = f"{path}: {len(found)} cases; between 1 and {MOST} can be done at once"
        raise UsageError(Text(f"{path}:{len(found)} 件；一次可办 1 至 {MOST} 件", en))
    return found


def _data(text: str) -> Mapping[str, Any]:
    try:
        data = json.loads(text)
    except ValueError as error:
        raise UsageError(Text(f"--data 不是 JSON:{error}", f"--data is not JSON: {error}")) from None
    if not isinstance(data, dict):
        raise UsageError(Text("--data 须为 JSON 对象", "--data must be a JSON object"))
    return data
