"""Tables to take away: ledgers as Excel files, and the reader's due days as a calendar for his own device."""

from __future__ import annotations

from typing import Any

from flask import url_for

from workflow.errors import Text
from workflow.overview import today

from ..feeds import listed, open_feed, revoke
from .screens import Go, Look, Page, Screen


def shown(look: Look) -> Page:
    """What there is."""
    return _page(look, None)


def opened(look: Look) -> Page:
    """A new calendar; its address is told this once."""
    unit = look.request.form.get("unit", "")
    wanted = {"of": "unit", "unit": unit} if unit else {"of": "me"}
    found: dict[str, Any] = open_feed(look.ask(**wanted, language=look.language)).body
    return _page(look, look.outside(found["address"]))


def ended(look: Look) -> Go:
    """From now on its address is good for nothing."""
    revoke(look.ask())
    return Go(look.address("sheets"))


def _page(look: Look, address: str | None) -> Page:
    papers, service = look.desk.papers, look.service.name
    ledgers = papers.ledgers() if papers is not None else {}
    rows = [
        (title, url_for(f"{service}.ledger", ledger=id_, **_year(look, id_)))
        for id_, title in ledgers.items()
    ]
    monthly = papers.monthly() if papers is not None else ()
    months = [
        (title, url_for(f"{service}.ledger", ledger=id_)) for id_, title in ledgers.items() if id_ in monthly
    ]
    feeds = [one for one in listed(look.ask()).body["feeds"] if one["revoked_at"] is None]
    units = sorted({grant.unit for grant in look.grants if grant.unit})
    look.names.learn([*units, *(one["unit"] for one in feeds if one["unit"])])
    return Page(
        "sheets.html",
        {
            "ledgers": rows,
            "months": months,
            "month": today(look.engine).isoformat()[:7],
            "feeds": feeds,
            "units": units,
            "told": address,
        },
    )


def _year(look: Look, ledger: str) -> dict[str, Any]:
    return {"year": today(look.engine).year} if ledger == "yearly" else {}


SHEETS = (
    Screen(path="/sheets", name="sheets", view=shown, menu=Text("台账与日历", "Tables and calendars")),
    Screen(path="/sheets", name="sheets_feed", view=opened, methods=("POST",)),
    Screen(path="/sheets/<feed>/end", name="sheets_end", view=ended, methods=("POST",)),
)
