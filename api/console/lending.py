"""Who acts in my place while I am away (代), and in whose place I act: until a day, and every line says both names."""

from __future__ import annotations

from workflow.errors import Refused, Text
from workflow.overview import today

from ..delegations import give_back, lend, listed
from ..problems import Problem
from .narrowing import day_in, party_named
from .screens import Go, Look, Page, Screen

FIELDS = ("to", "first", "until", "role", "reason")


def shown(look: Look) -> Page:
    """What is lent."""
    return _page(look)


def lent(look: Look) -> Page | Go:
    """Lend."""
    form = look.request.form
    try:
        to, first, until = (
            form.get("to", "").strip()[:80],
            day_in(form["first"]) if form.get("first") else None,
            day_in(form["until"]) if form.get("until") else None,
        )
        body = {"to": party_named(look, to), "first": first, "until": until, "role": form.get("role") or None}
        lend(look.ask(**body, reason=form.get("reason", "").strip()[:200] or None))
    except Refused as error:
        return _page(look, [reason.text for reason in error.reasons])
    except Problem as error:
        return _page(look, [error.text])
    return Go(look.address("lending"))


def ended(look: Look) -> Go:
    """It ends, for who lent it and for who was lent it."""
    give_back(look.ask())
    return Go(look.address("lending"))


def _page(look: Look, wrong: list[Text] | None = None) -> Page:
    found = listed(look.ask()).body["delegations"]
    look.names.learn(
        [
            *(one["lender"] for one in found),
            *(one["to"] for one in found),
            *(one["unit"] or "" for one in found),
        ]
    )
    roles = look.engine.library.roles.values
    own = sorted({grant.role for grant in look.grants if grant.on_behalf_of is None and grant.role in roles})
    return Page("lending.html", {
        "day": today(look.engine), "found": found, "roles": roles, "own": own, "wrong": wrong or [],
        "form": {name: look.request.form.get(name, "") for name in FIELDS},
    }, 422 if wrong else 200)  # fmt: skip


LENDING = (
    Screen(path="/lending", name="lending", view=shown, menu=Text("委托代办", "Delegation")),
    Screen(path="/lending", name="lent", view=lent, methods=("POST",)),
    Screen(path="/lending/<grant_id>/end", name="lending_end", view=ended, methods=("POST",)),
)
