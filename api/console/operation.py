"""The health of the system: what is wrong, the most urgent first, and what to do; letters that did not arrive, why, and again."""

from __future__ import annotations

import re

from workflow.errors import Text
from workflow.undelivered import causes, named, undelivered

from ..upkeep import looked
from . import setup
from .screens import Go, Look, Page, Screen

DEAD = 50
"""letters of a page"""


def shown(look: Look) -> Page:
    """Is anything failing silently?"""
    health, args = look.engine.health(), look.request.args
    page = _number(args.get("page")) or 1
    dead = undelivered(look.engine, limit=DEAD, skip=(page - 1) * DEAD)
    look.names.learn(one.letter.holder.removeprefix("party:") for one in dead if one.holder is None)
    state = look.engine.alerts.state()
    nobody = [(named(look.engine, row["recipient"]), row) for row in state["nobody"]]
    return Page("operation.html", {
        "health": health, "troubles": looked(look.desk, health), "where": _where(look),
        "nobody": nobody, "dead": dead, "causes": causes(dead),
        "waiting": causes(undelivered(look.engine, waiting=True, limit=DEAD)), "again": _number(args.get("again")),
        "sought": _number(args.get("sought")), "further": page + 1 if health.dead_letters > page * DEAD else None, "page": page,
    })  # fmt: skip


def _number(text: str | None) -> int | None:
    return int(text) if text and re.fullmatch("[0-9]{1,6}", text) else None


def _where(look: Look) -> dict[str, str]:
    """Code of a trouble -> the page on which it is mended, where there is one."""
    days = look.address("calendar")
    tokens = look.address("service_tokens")
    found = {
        "dead": "#dead", "nobody": "#nobody", "horizon": days, "next_year": days, "token_ended": tokens, "token_ends": tokens,
    }  # fmt: skip
    return {**found, "no_channel": look.address("setup") + "#channels"} if setup.offered(look) else found


def redeliver(look: Look) -> Go:
    """Try dead letters again: the one named, those of a channel (also those that wait for their next try), or all; or look again
    for somebody where there was nobody. The page says how many.
    """
    form, alerts, by = look.request.form, look.engine.alerts, look.actor.person
    key, channel, act = form.get("key"), form.get("channel") or None, form.get("act", "")
    if act == "seek":
        return Go(look.address("operation", sought=alerts.readdress()) + "#nobody")
    keys = [key] if key else ()
    again = alerts.redeliver(by, keys=keys, channel=channel, waiting=channel is not None and act == "now")
    return Go(look.address("operation", again=again) + "#dead")


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
