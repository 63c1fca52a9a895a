"""The documents of a case: which there are now, each as a Word file."""

from __future__ import annotations

from flask import url_for

from workflow import DefinitionError

from ..letters import NO_PAPERS, unusable
from ..problems import Problem
from .screens import Look, Page, Screen


def shown(look: Look) -> Page:
    """Every document that can be had now, for whom it is."""
    case, papers = look.known, look.desk.papers
    if papers is None:
        raise Problem("unavailable", NO_PAPERS)
    try:
        found = papers.letters(case.id, look.actor)
    except DefinitionError as error:
        raise unusable(error) from error
    look.names.learn(one.to for one in found if one.to)
    service = look.service.name
    rows = [
        (one, url_for(f"{service}.letter", id=one.case.id, letter=one.kind.id, **({"to": one.to} if one.to else {})))
        for one in found
    ]  # fmt: skip
    every = url_for(f"{service}.letters_of", cases=case.id)
    title = look.caption(case)
    return Page("letters.html", {"case": case, "letters": rows, "every": every, "title": title})


LETTERS = (Screen(path="/cases/<id>/letters", name="letters", view=shown, permission="case"),)
