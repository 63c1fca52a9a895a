"""The documents of many cases in one go: a few are given at once; of more the reader sees how far they are made."""

from __future__ import annotations

import re
from collections.abc import Sequence

from flask import url_for

from workflow.overview import cases_of, identifier

from ..dispatch import open_each
from ..jobs import KEPT, Jobs
from ..letters import AT_ONCE, NO_PAPERS, our_pages
from ..packs import begin
from ..problems import Problem
from .screens import Go, Look, Page, Screen

PLACE = re.compile("[0-9]{1,4}")
"""a place in the order of a pack"""


def asked(look: Look, chosen: list[str]) -> Page | Go:
    """The file itself, or how many there are and whether to begin."""
    if look.desk.papers is None:
        raise Problem("unavailable", NO_PAPERS)
    if len(chosen) <= AT_ONCE:
        return Go(url_for(f"{look.service.name}.letters_of", cases=",".join(chosen)))
    return Page("pack_begin.html", {"chosen": chosen, "most": AT_ONCE, "key": identifier(look.engine)})


def arranged(look: Look, chosen: Sequence[str]) -> Page:
    """Those chosen, each with its place, to be changed before the documents are made. In the order of the list to begin with."""
    open_each(look.engine, look.actor, chosen)
    seen = cases_of(look.engine, look.actor, chosen)
    titles = [(id_, look.caption(seen[id_])) for id_ in dict.fromkeys(chosen) if id_ in seen]
    return Page("pack_order.html", {"chosen": titles, "view": look.path["view"]})


def in_order(look: Look, chosen: Sequence[str]) -> list[str]:
    """Those chosen in the order that was asked for: by the numbers given, else as they came."""
    places = {id_: look.request.args.get(f"order.{id_}", "") for id_ in chosen}
    numbers = {id_: int(text) if PLACE.fullmatch(text) else 0 for id_, text in places.items()}
    return sorted(chosen, key=numbers.__getitem__)


def begun(look: Look) -> Go:
    """They are made; on to the page that says how far it is."""
    key = look.request.form.get("key") or None
    cases = look.request.form.getlist("case")
    return Go(
        look.address("pack", batch=begin(look.engine, look.actor, cases, (), key, our_pages(look.ask())))
    )


def shown(look: Look) -> Page:
    """How far it is; when it is done, and nothing of it has changed since, the file."""
    jobs, batch = Jobs(look.engine), look.path["batch"]
    done, address = jobs.ready(batch, look.actor), f"{look.service.name}.batch_letters"
    job = jobs.read(batch, look.actor, -1, 0)
    return Page("pack.html", {
        "job": job, "done": done, "made": job["done"] - job["refused"], "hours": int(KEPT.total_seconds()) // 3600,
        "file": url_for(address, batch=job["id"]) if done else None,
        "progress": url_for(f"{look.service.name}.batch_job", batch=job["id"], limit=1),
    })  # fmt: skip


PACKS = (
    Screen(path="/letters", name="pack_begun", view=begun, methods=("POST",)),
    Screen(path="/letters/<batch>", name="pack", view=shown),
)
