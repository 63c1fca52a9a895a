"""The console: pages for people on the same engine, behind the same filter; `create_app(…, sessions=…)` puts it at the root."""

from __future__ import annotations

from .screens import CONSOLE, register
from .table import MENU, SCREENS

__all__ = ["CONSOLE", "MENU", "SCREENS", "register"]
