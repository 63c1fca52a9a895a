"""Reads the channel file (TOML), every fault at once: where, what is wrong, what would be right. Secrets never stand in it.

A secret is `{env = "NAME"}` or `{file = "/run/secrets/name"}`; a password written into the file is a fault.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, cast

from workflow.errors import Text, WorkflowError, suggest

T = TypeVar("T")
MOST_BYTES = 1 << 20
REQUIRED: Any = object()
NAME = re.compile(r"[a-z][a-z0-9_-]{0,39}")


class ChannelFileError(WorkflowError):
    """The channel file cannot be used; `faults` has every fault, `file:line: what`."""

    def __init__(self, faults: Sequence[Text]) -> None:
        zh, en = "\n".join(f.zh for f in faults), "\n".join(f.en for f in faults)
        super().__init__(
            Text(
                f"渠道文件有 {len(faults)} 处错误\n{zh}", f"{len(faults)} fault(s) in the channel file\n{en}"
            )
        )
        self.faults = tuple(faults)


class Faults:
    """Collects the faults of one file and knows on which line a key stands."""

    def __init__(self, path: Path, text: str) -> None:
        self._path = path
        self._lines = text.splitlines()
        self.found: list[Text] = []

    def add(self, where: str, zh: str, en: str) -> None:
        """One more."""
        place = f"{self._path.name}:{self._line(where)}: {where}"
        self.found.append(Text(f"{place}:{zh}", f"{place}: {en}"))

    def _line(self, where: str) -> int:
        """The line of the deepest part of `channel.mail.port` that can be found; 1 if none."""
        parts = where.split(".")
        for depth in range(len(parts), -1, -1):
            head = f"[{'.'.join(parts[:depth])}]"
            start = 0 if depth == 0 else self._find(0, re.escape(head) + r"\s*(#.*)?$")
            if start is not None:
                key = self._find(start, re.escape(parts[depth]) + r"\s*[=.]") if depth < len(parts) else None
                return (start if key is None else key) + 1
        return 1

    def _find(self, start: int, pattern: str) -> int | None:
        found = re.compile(r"\s*" + pattern)
        return next((n for n in range(start, len(self._lines)) if found.match(self._lines[n])), None)


class Section:
    """One table of the file; what is taken from it is known, the rest is a fault at the end."""

    def __init__(self, values: Mapping[str, Any], where: str, faults: Faults) -> None:
        self._values = dict(values)
        self._where = where
        self._faults = faults
        self._known: set[str] = set()

    def fault(self, key: str, zh: str, en: str) -> None:
        """A fault at a key of this table."""
        self._faults.add(f"{self._where}.{key}".removeprefix("."), zh, en)

    def text(self, key: str, default: str = REQUIRED, *, of: Sequence[str] = (), like: str = "") -> str:
        """A text; one `of` these, or `like` that pattern."""
        found = self._take(key, str, default, "文本", "a text")
        if of and found not in of and found is not default:
            self.fault(key, f"须为 {'、'.join(of)} 之一", f"must be one of {', '.join(of)}")
        if like and found is not default and not re.fullmatch(like, found):
            self.fault(key, f"格式不对：{found}", f"is not well formed: {found}")
        return found

    def integer(
        self, key: str, default: int | None = REQUIRED, *, least: int = 1, most: int = 10**6
    ) -> int | None:
        """A whole number."""
        found: int | None = self._take(key, cast("type[int | None]", int), default, "整数", "a whole number")
        if isinstance(found, bool) or (found is not None and not least <= found <= most):
            self.fault(key, f"须在 {least} 与 {most} 之间", f"must lie between {least} and {most}")
        return found

    def texts(self, key: str) -> list[str]:
        """A list of texts, or nothing."""
        found = self._take(key, list, [], "文本列表", "a list of texts")
        if not all(isinstance(item, str) for item in found):
            self.fault(key, "须为文本列表", "must be a list of texts")
            return []
        return found

    def table(self, key: str, default: Mapping[str, Any] = REQUIRED) -> Section:
        """A table within."""
        found = self._take(key, dict, default, "表", "a table")
        return Section(found or {}, f"{self._where}.{key}".removeprefix("."), self._faults)

    def tables(self, key: str) -> dict[str, Section]:
        """The tables within, by name."""
        inside = self.table(key, {})
        found = {}
        for name in inside.names():
            if not NAME.fullmatch(name):
                inside.fault(
                    name, "名称须为小写字母、数字、_、-", "a name has small letters, digits, _ and -"
                )
            found[name] = inside.table(name)
        return found

    def names(self) -> list[str]:
        """The keys that stand in it."""
        return list(self._values)

    def items(self) -> dict[str, str]:
        """Every key with its text or secret."""
        return {
            key: self.secret(key) if isinstance(self._values[key], dict) else self.text(key)
            for key in self.names()
        }

    def secret(self, key: str, default: str = REQUIRED) -> str:
        """What the environment or a file holds under the name that stands here."""
        if key not in self._values:
            return self.text(key, default)
        given = self._values[key]
        self._known.add(key)
        if not isinstance(given, dict) or len(given) != 1 or not set(given) <= {"env", "file"}:
            self.fault(
                key, '密钥不写在本文件中；请写 {env = "变量名"} 或 {file = "路径"}',
                'a secret does not stand in this file; write {env = "NAME"} or {file = "PATH"}',
            )  # fmt: skip
            return ""
        return self._env(key, given["env"]) if "env" in given else self._file(key, given["file"])

    def _env(self, key: str, name: object) -> str:
        value = os.environ.get(str(name), "")
        if not value:
            self.fault(key, f"环境变量 {name} 没有值", f"the environment variable {name} is not set")
        return value

    def _file(self, key: str, name: object) -> str:
        try:
            with Path(str(name)).open("rb") as file:
                return file.read(MOST_BYTES).decode().rstrip("\r\n")
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or type(error).__name__
            self.fault(key, f"无法读取文件 {name}：{why}", f"cannot read the file {name}: {why}")
            return ""

    def checked(self, key: str, read: Callable[[], T], default: T) -> T:
        """What `read` makes of it; a ValueError it raises is the fault."""
        try:
            return read()
        except ValueError as error:
            self.fault(key, f"不对：{error}", f"is wrong: {error}")
            return default

    def end(self) -> None:
        """Whatever was not taken is a fault."""
        for key in sorted(self._values.keys() - self._known):
            zh, en = suggest(key, self._known)
            known = ", ".join(sorted(self._known))
            self.fault(
                key, f"不认识的键{zh or f'；有：{known}'}", f"unknown key{en or f'; there are: {known}'}"
            )

    def _take(self, key: str, kind: type[T], default: Any, zh: str, en: str) -> T:
        self._known.add(key)
        if key not in self._values:
            if default is REQUIRED:
                self.fault(key, "缺少", "is missing")
                return kind()
            return cast("T", default)
        found = self._values[key]
        if not isinstance(found, kind):
            self.fault(key, f"须为{zh}", f"must be {en}")
            return kind() if default is REQUIRED else cast("T", default)
        return found


def read_file(path: Path) -> tuple[Section, Faults]:
    """The file as its outermost table. Raises ChannelFileError when it cannot be read at all."""
    try:
        with path.open("rb") as file:
            text = file.read(MOST_BYTES).decode()
        values = tomllib.loads(text)
    except (OSError, ValueError, RecursionError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise ChannelFileError([Text(f"{path}：无法读取：{why}", f"{path}: cannot be read: {why}")]) from None
    faults = Faults(path, text)
    return Section(values, "", faults), faults
