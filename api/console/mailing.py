"""Links for many: who of the cases chosen in a list is asked, by which way, and what came of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from workflow.errors import Text, WorkflowError
from workflow.overview import cases_of, today

from ..dispatch import open_each
from ..problems import Problem
from .invites import FOR, Askable, Issued, askable, issue_to, until_of
from .lists import view_named
from .screens import Look, Page, Screen

MOST = 100
"""cases of one go"""


@dataclass(frozen=True, slots=True)
class Row:
    """A case that was chosen, and whom it waits for: nobody, if there is no link to issue."""

    id: str
    title: str
    asked: Sequence[Askable]


def before(look: Look, chosen: Sequence[str]) -> Page:
    """Who would get a link, and how."""
    rows = _rows(look, chosen)
    return Page("mailing.html", {
        "view": view_named(look, look.path["view"]), "rows": rows, "until": today(look.engine) + FOR,
        "free": sum(len(row.asked) for row in rows),
    })  # fmt: skip


def after(look: Look) -> Page:
    """Send them. Each is issued for itself; one that is refused leaves the others as they are."""
    view, until = view_named(look, look.path["view"]), until_of(look)
    issued: list[Issued] = []
    left: list[tuple[str, Text]] = []
    for row in _rows(look, look.request.form.getlist("case")):
        if not row.asked:
            left.append((row.title, Text("现在没有等本人答复的事项", "it waits for nobody's own answer now")))
        for one in row.asked:
            try:
                issued.append(issue_to(look, one, until, send=True))
            except WorkflowError as error:
                left.append((row.title, error.text))
    return Page("mailed.html", {
        "view": view, "issued": issued, "left": left, "sent": sum(not one.address for one in issued),
        "told": sum(bool(one.address) for one in issued),
    })  # fmt: skip


def _rows(look: Look, chosen: Sequence[str]) -> list[Row]:
    wanted = list(dict.fromkeys(chosen))
    if len(wanted) > MOST:
        raise Problem("too_large", Text(f"一次最多 {MOST} 件", f"at most {MOST} at once"))
    open_each(look.engine, look.actor, wanted)
    seen = cases_of(look.engine, look.actor, wanted)
    rows = [Row(id_, look.caption(seen[id_]), askable(look, [seen[id_]])) for id_ in wanted if id_ in seen]
    look.names.learn(one.person for row in rows for one in row.asked)
    return rows


MAILING = (Screen(path="/views/<view>/links", name="mailing", view=after, methods=("POST",)),)
