"""The health of the system: what is wrong, the most urgent first, and what to do; letters that did not arrive, and again."""

from __future__ import annotations

from workflow.errors import Text

from ..upkeep import findings
from . import setup
from .screens import Go, Look, Page, Screen

DEAD = 50


def shown(look: Look) -> Page:
    """Is anything failing silently?"""
    health = look.engine.health()
    return Page("operation.html", {
        "health": health, "troubles": findings(look.engine, look.desk.papers, health), "where": _where(look),
        "state": look.engine.alerts.state(), "dead": look.engine.alerts.listed(state="dead", limit=DEAD),
    })  # fmt: skip


def _where(look: Look) -> dict[str, str]:
    """Code of a trouble -> the page on which it is mended, where there is one."""
    days = look.address("calendar")
    found = {"dead": "#dead", "horizon": days, "next_year": days}
    return {**found, "no_channel": look.address("setup") + "#channels"} if setup.offered(look) else found


def redeliver(look: Look) -> Go:
    """Try dead letters again: the one named, or all."""
    key = look.request.form.get("key")
    look.engine.alerts.redeliver(look.actor.person, keys=[key] if key else ())
    return Go(look.address("operation"))


OPERATION = (
    Screen(
        path="/operation",
        name="operation",
        view=shown,
        permission="operator",
        menu=Text("系统体检", "System"),
    ),
    Screen(path="/operation", name="redeliver", view=redeliver, permission="operator", methods=("POST",)),
)
