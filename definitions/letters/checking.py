"""Are the templates fit for use? Each is filled as if for a case in which nothing is known yet, before anybody needs it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from workflow import DefinitionError
from workflow.errors import Fault

from .catalogue import Catalogue, Kind
from .writing import filled

__all__ = ["Judged", "check"]

LINK = "https://example.invalid/"
ABOUT = ("title", "to", "as", "office", "congress", "on", "made_on", "link", "source", "template", "contact")
CASE = ("id", "number", "called", "met", "item", "kind", "state", "opened_on", "to")
CLOCK = ("title", "from", "due", "outer", "sentence", "source", "basis", "provisional")
LINE = ("seq", "on", "at", "act", "event", "to", "who", "what", "hash")
PAPER = ("no", "what", "name", "sha256", "of")


Judged = dict[tuple[str, str], Fault | None]
"""(kind, SHA-256 of its template) -> what is wrong with it"""


def check(library: Any, catalogue: Catalogue, judged: Judged | None = None) -> list[Fault]:
    """What is wrong with the templates, each told once for the row that finds it. Rows of definitions that are not in use are
    left out. `judged`: what is known of these bytes already, of this library; it is brought up to date.
    """
    known, now = {} if judged is None else dict(judged), Judged()
    found: dict[str, Fault] = {}
    for kind in catalogue.kinds.values():
        if kind.of not in library.definitions:
            continue
        try:
            content, hash_ = catalogue.template(kind.template)
        except DefinitionError as error:
            fault: Fault | None = error.faults[0]
        else:
            key = kind.id, hash_
            fault = now[key] = known[key] if key in known else _fault(library, kind, content)
        if fault is not None:
            found.setdefault(str(fault), fault)
    if judged is not None:
        judged.clear()
        judged.update(now)
    return list(found.values())


def _fault(library: Any, kind: Kind, content: bytes) -> Fault | None:
    try:
        filled(kind.template, content, _words(library, kind), LINK)
    except DefinitionError as error:
        return error.faults[0]
    return None


def _words(library: Any, kind: Kind) -> dict[str, Any]:
    definition = library.definition(kind.of)
    tops = [
        d for d in library.definitions.values() if any(s.definition == kind.of for s in d.children.values())
    ]
    case = _case(definition, kind.clocks)
    # A definition of that name may be another application's, without these children: then there are none.
    children = {
        slot: [_case(library.definition(definition.children[slot].definition), ())] if slot in definition.children else []
        for slot in kind.children
    }  # fmt: skip
    return {
        "letter": _empty(ABOUT), "case": case, "root": _case(tops[0], ()) if tops else case,
        "happened": dict.fromkeys(kind.after, ""), "children": children, "lines": [_empty(LINE)], "papers": [_empty(PAPER)],
        "forms": ["1" if "forms" in kind.needs else ""], "qr": "",
    }  # fmt: skip


def _case(definition: Any, clocks: Sequence[str]) -> dict[str, Any]:
    return {
        **_empty(CASE), "data": _empty(definition.fields), "code": _empty(n for n, f in definition.fields.items() if f.codes),
        "boxes": _empty(n for n, f in definition.fields.items() if f.codes),
        "party": _empty(definition.relations), "count": dict.fromkeys(definition.relations, 0),
        "clock": {name: _empty(CLOCK) for name in clocks},
    }  # fmt: skip


def _empty(names: Any) -> dict[str, str]:
    return dict.fromkeys(names, "")
