"""The table of routes, noun by noun."""

from __future__ import annotations

from .cases import CASES
from .description import DESCRIPTION
from .health import HEALTH
from .routes import Route

ROUTES: tuple[Route, ...] = (*CASES, *HEALTH, *DESCRIPTION)
