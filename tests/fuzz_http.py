"""Requests nobody would think of, made from the description by schemathesis: its examples, the edges of every schema, chance, and
calls that follow from one another; against a real service of a small city.

    python -m tests.fuzz_http [EXAMPLES] [SEED]      per operation and phase; about 60 requests for each
"""

from __future__ import annotations

import logging
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from werkzeug.serving import make_server

from workflow import Engine
from workflow.testing import FrozenClock

from . import http_walk as city

CONFIG = Path(__file__).parent / "data" / "schemathesis.toml"


@contextmanager
def service(folder: Path) -> Iterator[str]:
    """The address of a service on a database of its own."""
    engine = Engine(f"sqlite:///{folder / 'fuzz.db'}", city.city(), clock=FrozenClock(city.TODAY))
    engine.create_schema()
    city.staff(engine)
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    server = make_server("127.0.0.1", 0, city.served(engine), threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()
        engine.database.dispose()


def fuzz(examples: int, seed: int, folder: Path, *more: str) -> subprocess.CompletedProcess[str]:
    """Run it; the output ends with how many requests were made."""
    program = Path(sys.executable).with_name("schemathesis")
    with service(folder) as address:
        return subprocess.run(
            [program, "--config-file", CONFIG, "run", f"{address}/v1/openapi.json", "--no-color",
             "-H", f"Authorization: Bearer {city.OPERATOR}", "--max-examples", str(examples), "--seed", str(seed), *more],
            cwd=folder, capture_output=True, text=True, check=False,
        )  # fmt: skip


if __name__ == "__main__":
    wanted = [int(word) for word in sys.argv[1:]]
    with tempfile.TemporaryDirectory() as name:
        done = fuzz(*(wanted + [30, 1][len(wanted) :]), Path(name))
    print(done.stdout, done.stderr)
    sys.exit(done.returncode)
