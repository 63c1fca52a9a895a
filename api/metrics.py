"""What a metrics collector asks for, as OpenMetrics: read from the rows at each question, so that every node tells the same.

Numbers alone: nothing of a case, a person or a unit. Whoever asks shows a token of his own; without one there is no such address.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from flask import Blueprint, Response, request
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.openmetrics.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from workflow import Engine
from workflow.clock import civil_date
from workflow.errors import Text
from workflow.health import Health
from workflow.overview import running

from .identity import bearer_of, digest
from .problems import Problem, respond

PATH = "/metrics"
OF_CLOCKS = {
    "running": "clocks that run in open cases",
    "overdue": "of these, past their due day",
    "over_limit": "of these, past the statutory outer limit",
    "recorded": "past one of the two in cases that were only imported, which are in neither: whether they ended nobody knows",
}


class Gauges(Collector):
    """The gauges of one engine's database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def collect(self) -> Iterator[Metric]:
        """All of them, at this moment."""
        yield from self._clocks()
        yield from _health(self._engine.health())

    def _clocks(self) -> Iterator[Metric]:
        found = running(self._engine)
        for name, text in OF_CLOCKS.items():
            gauge = GaugeMetricFamily(f"tibandu_clocks_{name}", text, labels=("kind", "clock"))
            for one in found:
                gauge.add_metric((one.kind, one.clock), getattr(one, name))
            yield gauge


def _health(health: Health) -> Iterator[Metric]:
    def age(since: datetime | None) -> float:
        return 0 if since is None else (health.at - since).total_seconds()

    told: dict[str, tuple[str, float | None]] = {
        "tibandu_last_tick_age_seconds": ("since any node ticked; absent: nobody ever did", health.last_tick_age),
        "tibandu_oldest_due_timer_age_seconds": ("of a timer that is due and has not fired; 0: none", age(health.oldest_due)),
        "tibandu_oldest_undelivered_age_seconds": (
            "of a message that is due and has not gone out; 0: none", age(health.oldest_undelivered),
        ),
        "tibandu_dead_letters": ("messages that were given up", health.dead_letters),
        "tibandu_broken_timers": ("timers that cannot fire", len(health.broken)),
        "tibandu_held": ("1: a node saw its clock leap and waits for an operator", health.held),
        "tibandu_calendar_horizon_days": (
            "days until the calendar ends", (health.calendar_horizon - civil_date(health.at)).days,
        ),
    }  # fmt: skip
    for name, (text, value) in told.items():
        gauge = GaugeMetricFamily(name, text)
        if value is not None:
            gauge.add_metric((), float(value))
        yield gauge


def metrics(engine: Engine, hashes: Iterable[str]) -> Blueprint:
    """The address, for whoever shows a token with one of these SHA-256: `app.register_blueprint(…)`."""
    good = tuple(hashes)
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Gauges(engine))
    blueprint = Blueprint("tibandu_metrics", __name__)

    write: Any = generate_latest  # it has no types

    def told() -> Response:
        shown = digest(bearer_of(request) or "")
        if not any(hmac.compare_digest(shown, one) for one in good):
            text = Text("请出示指标令牌", "show the token for metrics")
            raise Problem("unauthenticated", text, headers={"WWW-Authenticate": 'Bearer realm="metrics"'})
        headers = {"Cache-Control": "no-store"}
        return Response(write(registry), content_type=CONTENT_TYPE_LATEST, headers=headers)

    blueprint.add_url_rule(PATH, "metrics", told, methods=["GET"])
    blueprint.register_error_handler(Exception, respond)
    return blueprint
