"""Answers of a moment ago: what every request needs, changes seldom and is not worth a question each time."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

__all__ = ["Lately"]


class Lately:
    """What one process has asked. The clock is the engine's: one that goes back makes everything be asked anew."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[datetime, Any]] = {}

    def known(self, name: str, now: datetime, within: timedelta) -> Any | None:
        """What was kept under that name less than so long ago; None: it is to be asked."""
        at, answer = self._kept.get(name, (None, None))
        return answer if at is not None and timedelta() <= now - at < within else None

    def keep(self, name: str, now: datetime, answer: Any) -> None:
        """For whoever asks next; never None."""
        self._kept[name] = now, answer

    def forget(self, name: str) -> None:
        """It is to be asked."""
        self._kept.pop(name, None)
