"""Waitress around an application, ended by SIGTERM or SIGINT."""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable
from types import FrameType
from typing import Any

from waitress import create_server  # type: ignore[import-untyped]

THREADS = 8
BODY = 2 << 20
"""more than the application allows, so that it is the application that says no in its own words"""


def serve(app: Any, host: str, port: int, ready: Callable[[str], None]) -> None:
    """Serve until told to stop. `ready` is called with the address once it is bound. Raises OSError. Main thread only."""
    # Bound before waitress starts its threads: it would leave them behind when the port is taken.
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, port), family=family) as bound:
        server = create_server(app, sockets=[bound], threads=THREADS, max_request_body_size=BODY, ident=None)
        before = signal.signal(signal.SIGTERM, _leave)
        try:
            ready(f"http://{f'[{host}]' if ':' in host else host}:{bound.getsockname()[1]}")
            server.run()
        finally:
            signal.signal(signal.SIGTERM, before)
            server.close()
            server.task_dispatcher.shutdown()


def _leave(_signum: int, _frame: FrameType | None) -> None:
    raise SystemExit(0)
