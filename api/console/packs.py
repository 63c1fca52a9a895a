"""The documents of many cases in one go: a few are given at once; of more the reader sees how far they are made."""

from __future__ import annotations

from flask import url_for

from workflow.overview import identifier

from ..jobs import KEPT, Jobs
from ..letters import AT_ONCE, NO_PAPERS, our_pages
from ..packs import begin
from ..problems import Problem
from .screens import Go, Look, Page, Screen


def asked(look: Look, chosen: list[str]) -> Page | Go:
    """The file itself, or how many there are and whether to begin."""
    if look.desk.papers is None:
        raise Problem("unavailable", NO_PAPERS)
    if len(chosen) <= AT_ONCE:
        return Go(url_for(f"{look.service.name}.letters_of", cases=",".join(chosen)))
    return Page("pack_begin.html", {"chosen": chosen, "most": AT_ONCE, "key": identifier(look.engine)})


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
