"""`verify`, `anchor`, and `export history`: the histories of all cases."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import UTC
from pathlib import Path
from typing import Any, TextIO, TypeVar

from ..errors import StoreError, Text
from .context import FAULTS, OK, Context, UsageError
from .files import free, reading, writing

T = TypeVar("T")
KEY_HELP = "密钥文件 / key file of the anchors, kept away from the database"


def register(add: Any) -> None:
    """Declare the commands."""
    verify = add("verify", run_verify, "核验全部历史", "check every history, and anchors")
    verify.add_argument(
        "--anchor",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="库外锚点 / an anchor kept outside",
    )
    verify.add_argument("--key", type=Path, metavar="FILE", help=KEY_HELP)
    verify.add_argument(
        "--count-anew",
        action="store_true",
        help="先重新汇总各项数字 / count the figures anew before they are checked",
    )
    anchor = add("anchor", run_anchor, "做一个锚点，存于库外", "make an anchor, to be kept outside")
    anchor.add_argument("--key", type=Path, metavar="FILE", help=KEY_HELP)
    anchor.add_argument("--full", action="store_true", help="含每个案件的末行 / with the head of every case")
    anchor.add_argument("--out", type=Path, required=True, metavar="FILE", help="新文件 / a new file")


def run_verify(context: Context) -> int:
    """Every contradiction; 1 when there is one."""
    from ..verify import summary_faults, verify

    texts = [_anchor(path) for path in context.arguments.anchor]
    key = _key(context)
    with context.console.counter(Text("核验", "verifying")) as count:
        report = verify(context.engine.store, texts, key=key, progress=count)
    if context.arguments.count_anew:
        context.engine.summary.rebuild()
    wrong = summary_faults(context.engine.summary.contradictions())
    report, console = replace(report, faults=(*report.faults, *wrong)), context.console
    if console.as_json:
        console.value(asdict(report))
    for fault in () if console.as_json else report.faults:
        where = ":".join(str(part) for part in (fault.case, fault.seq) if part is not None)
        console.line(f"{where or '-'}: [{fault.code}] {console.words(fault.text)}")
    _sum_up(context, report)
    return OK if report.sound else FAULTS


def _sum_up(context: Context, report: Any) -> None:
    wrong = len(report.faults) + report.more
    context.console.say(
        f"{report.cases} 个案件，{report.rows} 行，{report.anchors} 个锚点，{report.erased} 个值已依法删除；"
        + (f"{wrong} 处矛盾" if wrong else "完好"),
        f"{report.cases} case(s), {report.rows} line(s), {report.anchors} anchor(s), {report.erased} value(s) erased; "
        + (f"{wrong} contradiction(s)" if wrong else "sound"),
    )


def run_anchor(context: Context) -> int:
    """Make it and put it into a file that was not there before."""
    from ..anchor import make_anchor, read_anchor

    key = _key(context)
    engine, out = context.engine, context.arguments.out
    free(out)
    now = engine.clock.now().astimezone(UTC)
    text = make_anchor(engine.store, key, now, full=context.arguments.full)
    _write(out, lambda file: file.write(text + "\n"))
    anchor = read_anchor(text)
    if key is None:
        context.console.warn(Text("没有 --key，锚点未签名", "no --key: the anchor is not signed"))
    context.console.say(
        f"第 {anchor.number} 号锚点，{anchor.cases} 个案件 {anchor.lines} 行：{anchor.sheet} → {out}",
        f"anchor {anchor.number} over {anchor.cases} case(s), {anchor.lines} line(s): {anchor.sheet} → {out}",
    )
    context.console.value(
        {"number": anchor.number, "hash": anchor.hash, "sheet": anchor.sheet, "file": str(out)}
    )
    return OK


def export_history_file(context: Context, out: Path) -> int:
    """Every line and what is not erased, in one new file."""
    from ..export import export_history

    engine = context.engine
    engine.search(limit=1)
    free(out)
    with context.console.counter(Text("导出", "exporting")) as count:
        written = _write(out, lambda file: export_history(engine.store, file, progress=count))
    context.console.say(
        f"已导出 {written.cases} 个案件，{written.lines} 行 → {out}",
        f"exported {written.cases} case(s), {written.lines} line(s) → {out}",
    )
    context.console.value({**asdict(written), "file": str(out)})
    return OK


def _write(path: Path, write: Callable[[TextIO], T]) -> T:
    with writing(path), path.open("x", encoding="utf-8", newline="\n") as file:
        return write(file)


def _anchor(path: Path) -> str:
    """The text of that file. Raises UsageError when it is no anchor: then no database is at fault."""
    from ..anchor import read_anchor

    text = _read(path).decode("utf-8", "replace")
    with _at_fault(path):
        read_anchor(text)
    return text


def _key(context: Context) -> bytes | None:
    """The key that was named. Raises UsageError when it can be guessed."""
    from ..anchor import HmacSigner

    path = context.arguments.key
    if path is None:
        return None
    key = _read(path)
    with _at_fault(path):
        HmacSigner(key)
    return key


@contextmanager
def _at_fault(path: Path) -> Iterator[None]:
    try:
        yield
    except StoreError as error:
        raise UsageError(Text(f"{path}：{error.text.zh}", f"{path}: {error.text.en}")) from None


def _read(path: Path) -> bytes:
    with reading(path):
        return path.read_bytes()
