"""`init`, `version`: the database and what is installed."""

from __future__ import annotations

import platform
import sqlite3
from importlib import metadata
from typing import TYPE_CHECKING, Any

from ..errors import StoreError
from .context import OK, Context
from .definition import tell_published

if TYPE_CHECKING:
    from ..engine import Engine


def register(add: Any) -> None:
    """Declare the commands."""
    add("init", run_init, "建立或升级数据表，发布定义", "make or upgrade the tables, publish the definitions")
    add("version", run_version, "版本", "the version")


def run_init(context: Context) -> int:
    """Safe to repeat."""
    engine = context.new_engine()
    before = published(engine)
    engine.create_schema()
    latest = sorted(engine.library.definitions.items())
    context.console.say(
        f"数据库已就绪：{shown(context.database)}", f"the database is ready: {shown(context.database)}"
    )
    tell_published(context, [definition for _, definition in latest if definition.hash not in before])
    return OK


def published(engine: Engine) -> set[str]:
    """Hashes of what is published; nothing while there are no tables."""
    try:
        with engine.store.connection() as connection:
            return {row.hash for row in connection.execute(engine.store.tables.definition.select())}
    except StoreError as error:
        if error.which == "tables":
            return set()
        raise


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
