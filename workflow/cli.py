"""The command `tibandu`: the composition root, the one file that reaches definitions, api and scheduler.

Exit codes: 0 done · 1 faults found, or the answer is no · 2 wrong usage or set-up, an output that takes no more · 3 the database
· 130 interrupted.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, TextIO

from .commands import (
    access,
    accounts,
    alerts,
    backup,
    calendar,
    case,
    chain,
    definition,
    demo,
    doctor,
    due,
    exchange,
    ledger,
    letter,
    many,
    migrate,
    party,
    performance,
    posters,
    receptions,
    record,
    rules,
    service,
    store,
    streams,
    tokens,
)
from .commands.console import Console
from .commands.context import FAULTS, OK, STORE, USAGE, Context, UsageError
from .errors import DefinitionError, StoreError, Text, WorkflowError

HERE = Path(__file__).resolve().parent
INTERRUPTED = 130
DATABASE = "sqlite:///tibandu.db"
EXTRAS = {"api": "api", "scheduler": "scheduler"}
DRIVERS = {
    "psycopg": "postgresql",
    "flask": "api",
    "argon2": "api",
    "authlib": "oidc",
    "joserfc": "oidc",
    "requests": "oidc",
    "waitress": "api",
    "apscheduler": "scheduler",
    "jinja2": "scheduler",
    "python_calamine": "documents",
    "xlsxwriter": "documents",
    "docx": "documents",
    "docxtpl": "documents",
    "segno": "documents",
    "fpdf": "pdf",
    "fontTools": "pdf",
    "procrastinate": "distributed",
}
"""a module that may be missing -> the extra that brings it"""
DATABASE_MODULES = ("sqlalchemy", "sqlite3", "psycopg")

NOUNS = (
    store,
    doctor,
    definition,
    migrate,
    record,
    many,
    performance,
    posters,
    case,
    due,
    calendar,
    rules,
    chain,
    backup,
    exchange,
    ledger,
    letter,
    party,
    alerts,
    receptions,
    accounts,
    tokens,
    access,
    demo,
    service,
)


def sibling(name: str) -> ModuleType:
    """One of our other packages (or a module in it): in the wheel below `workflow`, in a checkout beside it, nowhere else.

    Raises UsageError naming what is missing; a host's own package of that name is never taken.
    """
    package, _, _ = name.partition(".")
    if (HERE / package / "__init__.py").is_file():
        return _load(f"{__package__}.{name}", package)
    spec = importlib.util.find_spec(package)
    origin = Path(spec.origin).resolve() if spec and spec.origin else None
    if origin is not None and origin == HERE.parent / package / "__init__.py":
        return _load(name, package)
    extra = EXTRAS.get(package, package)
    raise UsageError(
        Text(
            f"缺少 {package}：请安装 tibandu[{extra}]",
            f"our package {package!r} is missing: install tibandu[{extra}]",
        )
    )


def _load(name: str, package: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name == name:
            text = Text(f"没有 {name}", f"there is no {name}")
            raise UsageError(text) from None
        extra = DRIVERS.get((error.name or "").partition(".")[0], EXTRAS.get(package, "all"))
        raise UsageError(_missing(error, extra)) from None


def _missing(error: ModuleNotFoundError, extra: str) -> Text:
    return Text(
        f"缺少 {error.name}：请安装 tibandu[{extra}]", f"{error.name} is missing: install tibandu[{extra}]"
    )


def main(argv: Sequence[str] | None = None, out: TextIO | None = None, err: TextIO | None = None) -> int:
    """Run one command; its exit code. Never a traceback for what a person did wrong."""
    streams.made_safe()
    console = Console(_language(), as_json=False, out=out, err=err)
    try:
        arguments = parser().parse_args(argv)
    except SystemExit as done:  # it has said all
        code = int(done.code or 0)
        return _answered(lambda: code, console)
    console = Console(arguments.lang, as_json=arguments.json, out=out, err=err)
    context = Context(arguments, console, sibling)
    try:
        return _answered(lambda: int(arguments.run(context)), console)
    finally:
        context.close()


def _answered(run: Callable[[], int], console: Console) -> int:
    """The exit code, once the answer has left us."""
    try:
        code = run()
        console.end()
        console.out.flush()
    except BrokenPipeError:  # whoever read our output has gone
        streams.let_go()
        return OK
    except KeyboardInterrupt:
        code = INTERRUPTED
    except Exception as error:  # noqa: BLE001 - explained, or raised again
        code = _explained(error, console)
    with streams.leaving():
        console.out.flush()
    return code


def _explained(error: Exception, console: Console) -> int:
    """Say what went wrong, in words, and choose the exit code. Raises what is nobody's fault but ours."""
    if isinstance(error, DefinitionError):
        for fault in error.faults:
            console.complain(f"{fault.file}:{fault.line}:{fault.column}: {console.words(fault.text)}")
        console.warn(error.text)
        return FAULTS
    if isinstance(error, StoreError):
        console.warn(_with_cause(_here(error), error.__cause__))
        return STORE
    if isinstance(error, (UsageError, WorkflowError)):
        console.warn(error.text)
        return USAGE if isinstance(error, UsageError) else FAULTS
    if (text := _of_setup(error)) is not None:
        console.warn(text)
        return USAGE
    text = _of_database(error)
    if text is None:
        raise error
    console.warn(text)
    return STORE


def _of_setup(error: Exception) -> Text | None:
    """The sentence for what this machine lacks: an extra, or room where the answer goes. None when it is neither."""
    if isinstance(error, ModuleNotFoundError) and DRIVERS.get(error.name or "") in ("documents", "pdf"):
        return _missing(error, DRIVERS[error.name or ""])
    return streams.unwritable(error)


def _of_database(error: Exception) -> Text | None:
    """The sentence for an error of the database or its driver; None when it is none."""
    from .store.errors import translate
    from .store.schema import PREFIX

    if isinstance(error, ModuleNotFoundError) and error.name in DRIVERS:
        extra = DRIVERS[error.name]
        return Text(
            f"缺少数据库驱动：请安装 tibandu[{extra}]",
            f"the database driver is missing: install tibandu[{extra}]",
        )
    if not any(base.__module__.partition(".")[0] in DATABASE_MODULES for base in type(error).__mro__):
        return None
    cause = getattr(error, "orig", None) or error
    ours = translate(cause, PREFIX)
    if isinstance(ours, WorkflowError):
        return _with_cause(_here(ours), cause)
    return Text(f"数据库出错：{_line(cause)}", f"the database says: {_line(cause)}")


def _here(error: WorkflowError) -> Text:
    """What is to be done about it by whoever sits at a terminal: no program of his sends anything again."""
    if not isinstance(error, StoreError) or not error.again:
        return error.text
    from .store.errors import FAULTS

    what, then = FAULTS[error.which], _THEN[error.which]
    return Text(f"{what.zh}；{then.zh}", f"{what.en}; {then.en}")


_THEN = {
    "full": Text("腾出空间后再次运行此命令", "make room, then run this command again"),
    "read_only": Text("恢复可写后再次运行此命令", "let it be written, then run this command again"),
    "disk": Text("检查磁盘和系统日志，修复后再次运行此命令", "look at the disk and the system's log, then run this again"),
    "lost": Text("恢复后先查看已完成到哪一步，再次运行此命令", "once it is there, look how far this came, then run it again"),
}  # fmt: skip


def _with_cause(text: Text, cause: BaseException | None) -> Text:
    """The sentence, and what the driver says: whoever sits at the machine can mend it."""
    return text if cause is None else Text(f"{text.zh}（{_line(cause)}）", f"{text.en} ({_line(cause)})")


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:300]


# --- arguments


def parser() -> argparse.ArgumentParser:
    """The whole command line. The common flags may stand before or after the command."""
    root = argparse.ArgumentParser(prog="tibandu", description="提办督：代表建议办理 / deputies' suggestions")
    root.add_argument("--version", action=_Version, nargs=0, help="版本 / the version")
    _common(root, first=True)
    commands = root.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(name: str, run: Callable[[Context], int] | None, zh: str, en: str, within: Any = commands) -> Any:
        sub = within.add_parser(name, help=f"{zh} / {en}", description=f"{zh} / {en}")
        _common(sub, first=False)
        if run is not None:
            sub.set_defaults(run=run)
        return sub

    for noun in NOUNS:
        noun.register(add)
    return root


class _Version(argparse.Action):
    """Looked up only when somebody asks."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        """Say it and be done."""
        from importlib.metadata import version

        sys.stdout.write(f"tibandu {version('tibandu')}\n")
        parser.exit()


def _common(target: argparse.ArgumentParser, *, first: bool) -> None:
    def default(value: Any) -> Any:
        return value if first else argparse.SUPPRESS

    group = target.add_argument_group("common")
    group.add_argument(
        "--database", metavar="URL", default=default(os.environ.get("TIBANDU_DATABASE") or DATABASE),
        help=f"TIBANDU_DATABASE, or {DATABASE}",
    )  # fmt: skip
    group.add_argument(
        "--definitions", metavar="DIR", default=default(None), help="定义文件夹 / folder (default: ours)"
    )
    group.add_argument(
        "--place", default=default(None), help="地方规则 / rules of a place (default: the only one)"
    )
    group.add_argument("--lang", choices=("zh", "en"), default=default(_language()), help="语言 / language")
    group.add_argument(
        "--json", action="store_true", default=default(False), help="以 JSON 输出 / JSON on the output"
    )


def _language() -> str:
    """Chinese where the terminal's locale is; English elsewhere."""
    names = (os.environ.get(name) for name in ("LC_ALL", "LC_MESSAGES", "LANG"))
    return "zh" if next((name for name in names if name), "").startswith("zh") else "en"
