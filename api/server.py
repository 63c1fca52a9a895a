"""Waitress around an application, ended by SIGTERM or SIGINT."""

from __future__ import annotations

import signal
from collections.abc import Callable
from types import FrameType
from typing import Any

from waitress import create_server  # type: ignore[import-untyped]

THREADS = 8
BODY = 2 << 20
"""more than the application allows, so that it is the application that says no in its own words"""


def serve(app: Any, host: str, port: int, ready: Callable[[str], None]) -> None:
    """Serve until told to stop. `ready` is called with the address once it is bound. Raises OSError. Main thread only."""
    server = create_server(app, host=host, port=port, threads=THREADS, max_request_body_size=BODY, ident=None)
    before = signal.signal(signal.SIGTERM, _leave)
    try:
        ready(_url(server, host))
        server.run()
    finally:
        signal.signal(signal.SIGTERM, before)
        server.close()


def _url(server: Any, host: str) -> str:
    port = getattr(server, "effective_port", None) or server.effective_listen[0][1]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def _leave(_signum: int, _frame: FrameType | None) -> None:
    raise SystemExit(0)
