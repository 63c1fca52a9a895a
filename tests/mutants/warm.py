"""A process that has imported what is not ours and runs each test it is told in a fork of itself: 39 runs import it once.

A line on its input is a test; a line on its output is [pytest's exit code, what it printed].
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from typing import IO

import alembic.command  # noqa: F401 - imported so that the forks need not
import marshmallow  # noqa: F401
import psycopg  # noqa: F401
import pytest
import sqlalchemy  # noqa: F401
import transitions  # noqa: F401
import yaml  # noqa: F401

UNUSED = ("cacheprovider", "randomly", "xdist")


def in_a_fork(test: str, said: IO[str]) -> int:
    """pytest's exit code; what it prints goes to the file."""
    if child := os.fork():
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    os.dup2(said.fileno(), 1)
    os.dup2(said.fileno(), 2)
    code = pytest.main(["-q", "-x", *(word for name in UNUSED for word in ("-p", f"no:{name}")), test])
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def main() -> None:
    """Until the input is closed."""
    for line in iter(sys.stdin.readline, ""):
        with tempfile.TemporaryFile("w+", encoding="utf-8") as said:
            code = in_a_fork(line.strip(), said)
            said.seek(0)
            print(json.dumps([code, said.read()]), flush=True)


if __name__ == "__main__":
    main()
