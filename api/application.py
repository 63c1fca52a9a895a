"""The Flask application and the blueprint. Neither starts a thread, and importing them opens no database."""

from __future__ import annotations

import logging
from collections.abc import Callable

from flask import Blueprint, Flask, Response, jsonify

from workflow import Engine

from .cases import Cases
from .identity import Identify
from .problems import respond

log = logging.getLogger("tibandu.api")
STALE_SECONDS = 300

Age = Callable[[], float | None]
"""Seconds since the last tick; None before the first."""


def create_app(engine: Engine, identify: Identify, *, age: Age | None = None) -> Flask:
    """A whole Flask application. `identify` names the person of a request; `age` comes from whoever wakes the engine."""
    app = Flask("tibandu", static_folder=None)
    app.register_blueprint(create_blueprint(engine, identify, age=age))
    app.register_error_handler(Exception, respond)
    return app


def create_blueprint(
    engine: Engine, identify: Identify, *, age: Age | None = None, name: str = "tibandu"
) -> Blueprint:
    """The same in a host's own Flask application, which keeps its own error pages: `app.register_blueprint(…)`."""
    blueprint = Blueprint(name, __name__)
    Cases(engine, identify).register(blueprint)
    blueprint.add_url_rule("/v1/health", "health", lambda: _health(engine, age))
    blueprint.register_error_handler(Exception, respond)
    return blueprint


def _health(engine: Engine, age: Age | None) -> Response:
    """Open to all and tells nothing of the cases: does the store answer, how old is the last tick."""
    seconds = age() if age else None
    stale = seconds is not None and seconds > STALE_SECONDS
    try:
        engine.search(limit=1)
        status = "stale" if stale else "ok"
    except Exception:
        log.exception("health: the store does not answer")
        status = "store"
    response = jsonify({"status": status, "last_tick_age": None if seconds is None else round(seconds, 1)})
    response.status_code = 200 if status == "ok" else 503
    response.headers["Cache-Control"] = "no-store"
    return response
