"""The streams of a process, whatever its caller made of them: closed, in an encoding without our letters, on a full device."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path

from ..errors import Text

__all__ = ["leaving", "let_go", "made_safe", "unwritable"]

FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF})


def made_safe() -> None:
    """What is closed leads nowhere, and a letter that the encoding lacks is written as an escape.

    To be called before anything opens a file: it would get the number of the stream that is closed, and our answers inside.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number: that one
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115 - as long as we live
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def let_go() -> None:
    """Nothing more can be written to the standard output: what is still held back is not tried again at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextmanager
def leaving() -> Iterator[None]:
    """The last words, which nobody may want any more."""
    try:
        yield
    except OSError:
        let_go()


def unwritable(error: Exception) -> Text | None:
    """The sentence for an output that takes no more; None for any other error."""
    if not isinstance(error, OSError) or error.errno not in FULL:
        return None
    return Text(f"无法写入：{error.strerror}", f"cannot write: {error.strerror}")
