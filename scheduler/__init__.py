"""The scheduled entrance: what wakes the engine and carries out what it has decided to send."""

from .waker import TickWaker, run_until_stopped

__all__ = ["TickWaker", "run_until_stopped"]
