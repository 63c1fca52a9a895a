"""`replay`: real records through the real lifecycle."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..errors import Text
from .context import Context, UsageError


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


def run_replay(context: Context) -> int:
    """The domain does it; see definitions/replay.py."""
    records, cases = context.arguments.records, context.arguments.cases
    for path in (records, cases):
        if path is not None and not path.is_file():
            raise UsageError(Text(f"没有文件 {path}", f"there is no file {path}"))
    replay = context.sibling("definitions.replay")
    console = context.console
    return int(replay.run(context.database, records, cases, console.language, console.out))
