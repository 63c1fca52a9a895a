"""Who is away lends his roles (代): to whom, until when, and what is lent now, both ways."""

from __future__ import annotations

from datetime import date

from workflow import access
from workflow.errors import FormInvalid, NotPermitted, Text
from workflow.overview import today

from ..delegations import lend
from ..problems import Problem
from .screens import Go, Look, Page, Screen

FIELDS = ("to", "first", "until", "role", "reason")


def shown(look: Look, error: Text | None = None) -> Page:
    """What one has lent and was lent and has not ended, and a form to lend."""
    day = today(look.engine)
    found = [
        one
        for one in access.lent(look.engine, look.actor.person)
        if one.valid_until and one.valid_until >= day
    ]
    look.names.learn(name for one in found for name in (one.person, one.on_behalf_of or "", one.unit or ""))
    titles = {name: role.title for name, role in look.engine.library.roles.values.items()}
    own = list(dict.fromkeys(grant.role for grant in look.grants if grant.on_behalf_of is None))
    given = {name: look.request.form.get(name, "") for name in FIELDS}
    return Page("delegations.html", {
        "rows": found, "titles": titles, "own": own, "given": given, "today": day, "error": error,
    }, 422 if error else 200)  # fmt: skip


def lent(look: Look) -> Page | Go:
    """Lent; what is wrong stands above the form, which keeps what was typed."""
    form = {name: look.request.form.get(name, "").strip()[:200] for name in FIELDS}
    try:
        until, first = _day(form["until"]), _day(form["first"]) if form["first"] else None
        body = {"to": _person(look, form["to"]), "first": first, "until": until}
        lend(look.ask(**body, role=form["role"] or None, reason=form["reason"] or None))
    except (Problem, FormInvalid, NotPermitted) as error:
        return shown(look, error.text)
    return Go(look.address("delegations"))


def ended(look: Look) -> Go:
    """From today on it holds no more; either of the two may say so."""
    access.give_back(look.engine, look.path["grant_id"], by=look.actor.person, day=today(look.engine))
    return Go(look.address("delegations"))


def _person(look: Look, text: str) -> str:
    """The colleague of that name in the register, or of that id."""
    named = look.engine.parties.find(names=[text], actor=look.actor, limit=2) if text else []
    return named[0].id if len(named) == 1 else text


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Problem("form_invalid", Text("日期须如 2026-03-15", "a day is written 2026-03-15")) from None


DELEGATIONS = (
    Screen(path="/delegations", name="delegations", view=shown, menu=Text("委托", "Delegation")),
    Screen(path="/delegations", name="delegation_made", view=lent, methods=("POST",)),
    Screen(path="/delegations/<grant_id>/end", name="delegation_ended", view=ended, methods=("POST",)),
)
