"""What every test would make anew and is the same in all of them is made once per process: a fifth of the time of a test that begins
with a new database and a new service.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine as Database
from werkzeug.routing import Rule

from workflow import Engine, migrations
from workflow.store.schema import PREFIX


class Schemas:
    """In the place of `migrations.upgrade`, for whoever looks it up there (an engine that makes its schema): an empty file of SQLite
    becomes a copy of one that was brought to the newest version; anything else goes the real way.
    """

    def __init__(self, folder: Path) -> None:
        self._ready = folder / "schema.db"
        self._really = migrations.upgrade

    def upgrade(self, database: Database, prefix: str, *more: Any, **options: Any) -> None:
        """As `migrations.upgrade`."""
        if more or options or prefix != PREFIX or not (file := _empty(database)):
            self._really(database, prefix, *more, **options)
            return
        if not self._ready.exists():
            self._make()
        shutil.copyfile(self._ready, file)

    def _make(self) -> None:
        database = Engine.connect(f"sqlite:///{self._ready}")
        self._really(database, PREFIX)
        database.dispose()


def _empty(database: Database) -> Path | None:
    """The file of a database on SQLite in which there is nothing yet."""
    name = database.url.database
    if database.dialect.name != "sqlite" or not name or name == ":memory:" or name.startswith("file:"):
        return None
    file = Path(name)
    return file if not file.exists() or file.stat().st_size == 0 else None


def builders_are_compiled_once(patch: pytest.MonkeyPatch) -> None:
    """werkzeug compiles two functions for each rule of an application; without defaults they follow from the rule's text alone."""
    compiled: dict[tuple[object, ...], Callable[..., tuple[str, str]]] = {}
    really = Rule._compile_builder

    def builder(rule: Rule, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
        if rule.defaults:
            return really(rule, append_unknown)
        key = (*rule._trace, append_unknown)
        if key not in compiled:
            compiled[key] = really(rule, append_unknown)
        return compiled[key]

    patch.setattr(Rule, "_compile_builder", builder)
