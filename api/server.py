"""Waitress around an application, ended by SIGTERM or SIGINT; beside it one thread for bulk work."""

from __future__ import annotations

import gc
import logging
import signal
import socket
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

from waitress import create_server, wasyncore  # type: ignore[import-untyped]

from workflow.errors import StoreError

from .problems import TABLES

log = logging.getLogger("tibandu.api")
THREADS = 8
LOOP_SECONDS = 1.0
"""how long it waits for something to do before it looks whether it was told to stop"""
HEADERS = 256 << 10
"""of the first line and the headers together; of more it says 431 itself"""
BODY = 40 << 20
"""more than the application allows, so that it is the application that says no in its own words"""


class Worker:
    """Does what waits whenever there is something, in a thread of its own; within the block and no longer."""

    def __init__(self, advance: Callable[[], int], seconds: float = 2.0) -> None:
        """`advance` does some of it and says how much; 0 lets us rest for `seconds`."""
        self._advance = advance
        self._seconds = seconds
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="tibandu-batches")

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            if not self._some():
                self._stop.wait(self._seconds)

    def _some(self) -> int:
        try:
            return self._advance()
        except Exception as error:
            if isinstance(error, StoreError) and error.which == TABLES:  # its words are all there is to know
                log.error("bulk work stands still; it is tried again: %s", error.text.en)  # noqa: TRY400
            else:
                log.exception("bulk work stands still; it is tried again")
            return 0


def serve(
    app: Any, host: str, port: int, ready: Callable[[str], None], advance: Callable[[], int] = lambda: 0
) -> None:
    """Serve until SIGTERM or SIGINT. `ready` is called with the address once it is bound; `advance` does bulk work
    (`Jobs.advance`).

    Raises OSError. Main thread only.
    """
    told: list[int] = []
    channels: dict[int, Any] = {}

    def leave(number: int, _frame: FrameType | None) -> None:
        # An exception would be lost where Python ignores them: in a weak reference's callback, for one.
        told.append(number)
        server.pull_trigger()

    # Bound before waitress starts its threads: it would leave them behind when the port is taken.
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, port), family=family) as bound:
        server = create_server(
            app, map=channels, sockets=[bound], threads=THREADS, max_request_header_size=HEADERS, max_request_body_size=BODY,
            ident=None,
            clear_untrusted_proxy_headers=False,  # `Proxy` is asked whom to believe
        )  # fmt: skip
        before = {number: signal.signal(number, leave) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            ready(f"http://{f'[{host}]' if ':' in host else host}:{bound.getsockname()[1]}")
            # What the start has made stays as long as the process: no collection of garbage looks at it again.
            gc.collect()
            gc.freeze()
            with Worker(advance):
                while not told:
                    wasyncore.loop(timeout=LOOP_SECONDS, map=channels, count=1)
        finally:
            gc.unfreeze()
            for number, handler in before.items():
                signal.signal(number, handler)
            server.task_dispatcher.shutdown()  # first: its threads still write into what is closed then
            server.close()
