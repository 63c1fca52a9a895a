"""`backup`, `restore`: all we know in one file, and back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ..errors import Text
from .chain import KEY_HELP, run_verify
from .context import OK, Context, sqlite_path
from .files import free, there, writing


def register(add: Any) -> None:
    """Declare the commands."""
    backup = add(
        "backup", run_backup, "热备份到一个新文件", "everything into one new file, while the service runs"
    )
    backup.add_argument("--out", type=Path, required=True, metavar="FILE", help="新文件 / a new file")
    restore = add("restore", run_restore, "恢复到空库并核验", "back into an empty database, and verify it")
    restore.add_argument("file", type=Path, metavar="FILE", help="备份文件 / a backup")
    restore.add_argument(
        "--anchor", type=Path, action="append", default=[], metavar="FILE",
        help="库外最新锚点：备份过旧即可发现 / the latest anchor kept outside: it tells whether the backup is too old",
    )  # fmt: skip
    restore.add_argument("--key", type=Path, metavar="FILE", help=KEY_HELP)


def run_backup(context: Context) -> int:
    """The file is there when it is whole, and not before."""
    from ..backup import take

    out, engine = context.arguments.out, context.engine
    free(out)
    with writing(out):
        made = take(engine.store, out, engine.clock.now(), _beside(context))
    size = out.stat().st_size
    context.console.value({**asdict(made), "file": str(out), "bytes": size})
    anchor = made.anchor or "-"
    context.console.say(
        f"备份完成，{size} 字节，最后的锚点：{anchor} → {out}",
        f"backed up, {size} bytes, last anchor: {anchor} → {out}",
    )
    return OK


def _beside(context: Context) -> Sequence[Any]:
    """The service's own tables, made if they are not there; a file of SQLite has them anyway."""
    if context.engine.store.is_sqlite or find_spec("flask") is None:
        return ()
    from ..migrations import upgrade

    store = context.engine.store
    upgrade(store.database, store.prefix)  # the service's tables hold on to ours
    context.sibling("api").create_schema(context.engine)
    tables: Sequence[Any] = context.sibling("api.store").Shelf(context.engine).tables.lasting()
    return tables


def run_restore(context: Context) -> int:
    """Restored, then verified: 1 when something contradicts, or an anchor says that the backup is too old."""
    from ..backup import read_manifest, restore, restore_file

    path = there(context.arguments.file)
    found = read_manifest(path)
    target = sqlite_path(context.database)
    if target is not None:
        restore_file(path, found, target)
    engine = context.new_engine()
    now = engine.clock.now().astimezone(UTC)
    restore(path, found, engine.store, now, _beside(context))
    context.console.say(
        f"已恢复 {found.taken_at} 的备份；现在核验",
        f"the backup of {found.taken_at} is restored; verifying it now",
    )
    context.arguments.count_anew = False
    code = run_verify(context)
    if not context.arguments.anchor:
        zh, en = (
            "没有 --anchor：无从得知备份是否过旧",
            "no --anchor: nothing can tell whether the backup is too old",
        )
        context.console.warn(Text(zh, en))
    return code
