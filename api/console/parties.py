"""The register of parties: units, deputies, stations by name, each with what it is and the cases in which it stands."""

from __future__ import annotations

from workflow.errors import Text
from workflow.model import Party
from workflow.overview import Filter, find, today

from .lists import OF_ANY_KIND, heads_of, rows
from .names import in_words
from .screens import Look, Page, Screen

LIMIT = 50


def shown(look: Look) -> Page:
    """The kinds there are, or the parties of one kind, or those of a name."""
    args = look.request.args
    kind, name, after = args.get("kind", ""), args.get("name", "").strip()[:80], args.get("after") or None
    kinds = look.engine.library.parties
    found: list[Party] = []
    if name or kind in kinds:
        found = look.engine.parties.find(
            actor=look.actor, kind=kind if kind in kinds else None, names=[name] if name else None, after=after, limit=LIMIT + 1
        )  # fmt: skip
    return Page("register.html", {
        "kinds": list(kinds.values()), "kind": kinds.get(kind), "name": name, "parties": found[:LIMIT],
        "after": found[LIMIT - 1].id if len(found) > LIMIT else None,
    })  # fmt: skip


def one(look: Look) -> Page:
    """One of them; what is personal is never shown here."""
    engine, party = look.engine, look.engine.parties.get(look.path["party"], actor=look.actor)
    kind, day = engine.library.party(party.kind), today(engine)
    bonds = [(kind.bonds[b.bond].title, b) for b in party.bonds or () if b.bond in kind.bonds]
    look.names.learn([*(b.to for _, b in bonds), *([party.parent] if party.parent else [])])
    attributes = [
        (field.title, in_words(engine, look.names, field, party.attributes[name], look.language))
        for name, field in kind.attributes.items() if party.attributes.get(name) is not None
    ]  # fmt: skip
    page = find(engine, look.actor, Filter(party=party.id), sort="-id", limit=LIMIT)
    return Page("party.html", {
        "party": party, "kind": kind, "status": kind.statuses[party.status].title, "attributes": attributes,
        "bonds": [(title, look.names[b.to], b, b.holds(day)) for title, b in bonds],
        "rows": rows(look, page.cases, OF_ANY_KIND), "heads": heads_of(OF_ANY_KIND), "more": page.next is not None,
    })  # fmt: skip


REGISTER = (
    Screen(path="/parties", name="register", view=shown, menu=Text("登记册", "Register")),
    Screen(path="/parties/<party>", name="party", view=one),
)
