"""`init`, `grants`, `version`: the database, who may do what in it, and what is installed."""

from __future__ import annotations

import platform
import re
import sqlite3
from importlib import metadata
from importlib.util import find_spec
from typing import Any

from ..checkup import published
from ..errors import Text
from ..store.privileges import APPLICATION, AUDITOR, grants, rights
from ..store.schema import PREFIX, tables_of
from .context import OK, Context, UsageError
from .definition import tell_published


def register(add: Any) -> None:
    """Declare the commands."""
    add("init", run_init, "建立或升级数据表，发布定义", "make or upgrade the tables, publish the definitions")
    sub = add(
        "grants",
        run_grants,
        "打印各表的最小授权（PostgreSQL）",
        "print what each role may do with each table (PostgreSQL)",
    )
    sub.add_argument("--app", default=APPLICATION, metavar="ROLE", help="应用角色 / the application's role")
    sub.add_argument("--auditor", default=AUDITOR, metavar="ROLE", help="审计角色 / the auditor's role")
    add("version", run_version, "版本", "the version")


def run_init(context: Context) -> int:
    """Safe to repeat."""
    engine = context.new_engine()
    before = published(engine)
    engine.create_schema()
    if find_spec("flask") is not None:
        context.sibling("api").create_schema(engine)  # `serve` may not be allowed to
    latest = sorted(engine.library.definitions.items())
    context.console.say(
        f"数据库已就绪：{shown(context.database)}", f"the database is ready: {shown(context.database)}"
    )
    tell_published(context, [definition for _, definition in latest if definition.hash not in before])
    return OK


def run_grants(context: Context) -> int:
    """SQL for the owner of the tables, made from the tables this program knows; nothing is asked of a database."""
    prefix, arguments = PREFIX, context.arguments
    allowed = rights(tables_of(prefix).metadata, prefix)
    if find_spec("flask") is not None:
        allowed |= rights(*context.sibling("api.tables").granted(prefix))
    console = context.console
    statements = list(grants(prefix, allowed, _role(arguments.app), _role(arguments.auditor)))
    console.value(statements)
    for statement in () if console.as_json else statements:
        console.line(statement)
    return OK


def _role(name: str) -> str:
    if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_$-]{0,62}", name):
        return name
    raise UsageError(Text(f"{name!r} 不是角色名", f"{name!r} is no name of a role"))


def shown(url: str) -> str:
    """The URL without its password."""
    scheme, _, rest = url.partition("://")
    login, at, place = rest.rpartition("@")
    return f"{scheme}://{login.partition(':')[0]}:***@{place}" if at and ":" in login else url


def run_version(context: Context) -> int:
    """Ours, and what we stand on."""
    found = {
        "tibandu": _version("tibandu"),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
    }
    found |= {
        name: _version(name)
        for name in ("SQLAlchemy", "transitions", "marshmallow", "Flask", "APScheduler", "psycopg")
    }
    if context.console.as_json:
        context.console.value(found)
    else:
        context.console.line(f"tibandu {found['tibandu']}")
        context.console.line(
            " ".join(f"{name}={value or '-'}" for name, value in found.items() if name != "tibandu")
        )
    return OK


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
