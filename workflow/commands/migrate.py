"""`migrate`: running cases to another version of their definition; shown first, written with --apply."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import Text
from ..model import Actor
from .context import FAULTS, OK, Context, UsageError, whole
from .files import there

if TYPE_CHECKING:
    from ..migrating import Checked

MOST = 20
"""cases that stay, named one by one on the screen; with --json all are"""


def register(add: Any) -> None:
    """Declare the command."""
    migrate = add(
        "migrate", run_migrate, "把在办案件迁移到定义的另一版本；不加 --apply 只列出，不写入",
        "move running cases to another version of their definition; without --apply it only shows",
    )  # fmt: skip
    migrate.add_argument("name", metavar="NAME", help="定义名 / name of the definition")
    migrate.add_argument(
        "--to", type=whole(1), required=True, metavar="VERSION", help="已发布的版本 / a published version"
    )
    migrate.add_argument(
        "--map", type=Path, metavar="FILE", help="改名文件 / what has another name there (migration: …)"
    )
    migrate.add_argument("--state", help="只迁移此状态的案件 / only cases in that state")
    migrate.add_argument(
        "--case", action="append", metavar="CASE", help="只迁移此案，可多次 / only that case; may be repeated"
    )
    migrate.add_argument("--by", metavar="PERSON", help="迁移人 / the person who moves them (with --apply)")
    migrate.add_argument("--apply", action="store_true", help="写入 / write it")


def run_migrate(context: Context) -> int:
    """How many cases move from which state to which, and which stay, and why."""
    from ..migrating import Migration

    a = context.arguments
    if a.apply and a.by is None:
        raise UsageError(Text("--apply 须写明 --by", "--apply needs --by"))
    if a.map is not None:
        there(a.map)
    migration = Migration(context.engine, a.name, a.to, file=a.map, state=a.state, cases=a.case)
    actor = Actor(person=a.by) if a.by is not None else None
    # Whoever has a shell here operates the service; whom he names must still be nobody whose office forbids it.
    found = list(migration.preview(actor, operator=True))
    if a.apply and actor is not None:
        steps = context.console.progress(
            migration.apply(actor, operator=True), total=len(found), title=Text("迁移", "moving")
        )
        found = list(steps)
    _show(context, found, done=a.apply)
    return FAULTS if any(one.obstacles for one in found) else OK


def _show(context: Context, found: Sequence[Checked], *, done: bool) -> None:
    console = context.console
    if console.as_json:
        console.value([_plain(one) for one in found])
        return
    if found:
        console.table(HEADS, _by_state(found))
    staying = [one for one in found if one.obstacles]
    for one in staying[:MOST]:
        for reason in one.obstacles:
            console.line(f"{one.number or one.case}: {console.words(reason.text)}")
    if len(staying) > MOST:
        more = len(staying) - MOST
        console.say(f"……另有 {more} 件", f"… and {more} more")
    moved = len(found) - len(staying)
    if done:
        console.say(
            f"{moved} 件已迁移，{len(staying)} 件未动", f"{moved} case(s) moved, {len(staying)} stay(s)"
        )
    else:
        console.say(
            f"{moved} 件可迁移，{len(staying)} 件受阻；未写入",
            f"{moved} case(s) can move, {len(staying)} cannot; nothing is written",
        )


HEADS = {
    "version": Text("原版本", "version"),
    "state": Text("状态", "state"),
    "new_state": Text("迁移后", "afterwards"),
    "cases": Text("件数", "cases"),
    "obstacle": Text("受阻于", "kept by"),
}


def _by_state(found: Iterable[Checked]) -> list[dict[str, Any]]:
    """A row for each state and each obstacle; a case with two obstacles is counted under both."""
    rows: Counter[tuple[int, str, str, str]] = Counter()
    for one in found:
        why = dict.fromkeys(f"{r.code} {r.field or ''}".strip() for r in one.obstacles)
        for obstacle in why or {"": None}:
            rows[one.version, one.state, one.new_state, obstacle] += 1
    return [
        {"version": v, "state": s, "new_state": "" if o else n, "cases": count, "obstacle": o}
        for (v, s, n, o), count in sorted(rows.items())
    ]


def _plain(one: Checked) -> dict[str, Any]:
    return {
        "case": one.case,
        "number": one.number,
        "version": one.version,
        "state": one.state,
        "new_state": one.new_state,
        "obstacles": [
            {"code": r.code, "field": r.field, "zh": r.text.zh, "en": r.text.en} for r in one.obstacles
        ],
    }
