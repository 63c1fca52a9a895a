"""What every command is given: its arguments, a console, and (made when first asked for) the definitions and the engine."""

from __future__ import annotations

import argparse
import ipaddress
import re
from collections.abc import Callable
from datetime import date
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from ..clock import FIRST_DAY, LAST_DAY, day_of
from ..errors import StoreError, Text
from .console import Console

if TYPE_CHECKING:
    from ..engine import Engine
    from ..library import Library

OK, FAULTS, USAGE, STORE = 0, 1, 2, 3
"""exit codes: done · faults found, or the answer is no · wrong usage or set-up · the database"""
SCHEMES = ("sqlite", "sqlite+pysqlite", "postgresql", "postgresql+psycopg")


class UsageError(Exception):
    """The command was called wrongly, or something it needs is not installed."""

    def __init__(self, text: Text) -> None:
        super().__init__(str(text))
        self.text = text


LARGEST = 999_999_999
"""a number of the command line that has no other bound"""


def network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    """An address or a network of the command line. Raises ArgumentTypeError."""
    try:
        return ipaddress.ip_network(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"须为地址或网段，如 / an address or a network such as 10.0.0.7, 10.1.0.0/24: {text}"
        ) from None


def day(text: str) -> date:
    """A civil date of the command line. Raises ArgumentTypeError, which argparse shows behind the argument's name."""
    try:
        return day_of(text)
    except ValueError:
        first, last = FIRST_DAY.year, LAST_DAY.year
        raise argparse.ArgumentTypeError(
            f"日期写作 YYYY-MM-DD，{first} 年至 {last} 年 / a date is written YYYY-MM-DD, {first} to {last}: {text}"
        ) from None


def month(text: str) -> str:
    """A month of the command line, YYYY-MM. Raises ArgumentTypeError."""
    try:
        day_of(f"{text}-01")
    except ValueError:
        first, last = FIRST_DAY.year, LAST_DAY.year
        raise argparse.ArgumentTypeError(
            f"月份写作 YYYY-MM，{first} 年至 {last} 年 / a month is written YYYY-MM, {first} to {last}: {text}"
        ) from None
    return text


def whole(least: int, most: int | None = None) -> Callable[[str], int]:
    """A whole number of the command line within bounds; what reads it raises ArgumentTypeError."""
    most = LARGEST if most is None else most

    def read(text: str) -> int:
        number = int(text) if re.fullmatch(r"-?[0-9]{1,9}", text) else None
        if number is None or not least <= number <= most:
            raise argparse.ArgumentTypeError(
                f"须为整数，{least} 至 {most} / a whole number, {least} to {most}: {text}"
            )
        return number

    return read


class Context:
    """One call of the command line."""

    def __init__(
        self, arguments: argparse.Namespace, console: Console, sibling: Callable[[str], ModuleType]
    ) -> None:
        self.arguments = arguments
        self.console = console
        self.sibling = sibling

    @property
    def database(self) -> str:
        """The URL of the database."""
        return str(self.arguments.database)

    @cached_property
    def folder(self) -> Path:
        """The folder of the definitions: the one named, or ours."""
        if self.arguments.definitions is not None:
            return Path(self.arguments.definitions)
        packaged = self.sibling("definitions").__file__
        return Path(str(packaged)).parent

    @cached_property
    def library(self) -> Library:
        """The definitions. Raises DefinitionError with every fault."""
        from ..loader import load_definitions

        return load_definitions(self.folder, place=self.arguments.place)

    @cached_property
    def engine(self) -> Engine:
        """The engine on an existing database. Raises StoreError."""
        path = sqlite_path(self.database)
        if path is not None and not path.exists():
            text = Text(
                f"没有数据库文件 {path}；先运行 tibandu init",
                f"there is no database file {path}; run tibandu init first",
            )
            raise StoreError(text)
        return self.new_engine()

    def new_engine(self) -> Engine:
        """The engine; on SQLite the file is made if there is none. Raises StoreError."""
        from ..engine import Engine

        engine = Engine(self.usable(), self.library, place=self.arguments.place)
        self.__dict__["engine"] = engine
        return engine

    def usable(self) -> str:
        """The URL of the database, if on SQLite its file can be. Raises UsageError for one of another kind, StoreError."""
        scheme, separator, _ = self.database.partition("://")
        if scheme not in SCHEMES or not separator:
            raise UsageError(
                Text(
                    f"--database 须为 sqlite:///文件 或 postgresql://…，不能是 {scheme}",
                    f"--database must be sqlite:///FILE or postgresql://…, not {scheme}",
                )
            )
        path = sqlite_path(self.database)
        if path is not None and path.is_dir():
            raise StoreError(
                Text(f"{path} 是文件夹，不是数据库文件", f"{path} is a folder, not a database file")
            )
        if path is not None and not path.parent.is_dir():
            raise StoreError(Text(f"没有文件夹 {path.parent}", f"there is no folder {path.parent}"))
        return self.database

    def close(self) -> None:
        """Give the connections back."""
        engine: Engine | None = self.__dict__.get("engine")
        if engine is not None:
            engine.database.dispose()


def sqlite_path(url: str) -> Path | None:
    """The file an SQLite URL names; None for memory and other databases."""
    scheme, separator, rest = url.partition("://")
    name = rest.partition("?")[0].removeprefix("/")
    if (
        not separator
        or scheme.partition("+")[0] != "sqlite"
        or name in ("", ":memory:")
        or name.startswith("file:")
    ):
        return None
    return Path(name)
