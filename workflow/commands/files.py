"""The files that a command is given or is to write: what is wrong with one is said alike everywhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import Text
from .context import UsageError


def there(path: Path) -> Path:
    """The path. Raises UsageError when there is no file."""
    if not path.is_file():
        raise UsageError(Text(f"没有文件 {path}", f"there is no file {path}"))
    return path


def folder(path: Path) -> Path:
    """The path. Raises UsageError when there is no such folder."""
    if not path.is_dir():
        raise UsageError(Text(f"没有文件夹 {path}", f"there is no folder {path}"))
    return path


def free(path: Path) -> None:
    """Raises UsageError when there is a file already, or no folder for it."""
    if path.exists():
        raise UsageError(Text(f"{path} 已存在，不覆盖", f"{path} is there already and is not overwritten"))
    folder(path.parent)


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Raises UsageError for what the system says while the file is read, or when it is no text."""
    try:
        yield
    except UnicodeDecodeError:
        raise UsageError(Text(f"{path} 不是 UTF-8 文本", f"{path} is no text in UTF-8")) from None
    except OSError as error:
        why = error.strerror or str(error)
        raise UsageError(Text(f"无法读取 {path}：{why}", f"cannot read {path}: {why}")) from None


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Raises UsageError for what the system says while the file or folder is written."""
    try:
        yield
    except OSError as error:
        why = error.strerror or str(error)
        raise UsageError(Text(f"无法写入 {path}：{why}", f"cannot write {path}: {why}")) from None
