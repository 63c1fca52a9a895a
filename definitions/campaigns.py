"""The preparation of a session (察调提改): one case a session, and who is reminded of it, from the register.

The day of the reminder (D01, one month before the opening) is the case's own clock and moves with the opening; it counts from
the eve, because what a clock brings happens on the day after its due day. Preparing is repeatable: the id of a session is
always the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import date, timedelta, timezone

from workflow import Actor, Case, Conflict, Engine, NotFound

KIND = "prep_campaign"
PAGE = 500
ZONE = timezone(timedelta(hours=8))
"""China's civil day; it has had no summer time since 1991"""


def prepare_session(
    engine: Engine, tenant: str, congress: str, session: str, opening_on: date, reminder: str, actor: Actor
) -> Case:
    """The case of that session, with every deputy of that congress who is in office today; started once, whoever asks how often.

    `actor`: deputy_affairs or sc_office. Raises Refused, NotFound; ValueError when nobody is in office.
    """
    id_ = case_id(tenant, congress, session)
    try:
        return engine.case(id_)
    except NotFound:
        pass
    deputies = [*deputies_in_office(engine, tenant)]
    if not deputies:
        raise ValueError(f"{tenant}: no deputy in office / 没有在任代表")
    data = {
        "congress": congress, "session": session, **days(opening_on), "deputies": deputies, "reminder": reminder,
    }  # fmt: skip
    try:
        return engine.start(KIND, actor, data, tenant=tenant, id=id_)
    except Conflict:
        return engine.case(id_)  # somebody started it at the same moment


def session_moved(engine: Engine, case: str, opening_on: date, decision: str, actor: Actor) -> Case:
    """The standing committee has moved the session: the reminder is due anew. Raises Refused, NotFound."""
    return engine.fire(case, "reschedule", actor, {**days(opening_on), "session_decision": decision})


def days(opening_on: date) -> dict[str, str]:
    """The opening and its eve, as the form wants them."""
    return {"opening_on": opening_on.isoformat(), "eve_on": (opening_on - timedelta(days=1)).isoformat()}


def deputies_in_office(engine: Engine, tenant: str) -> Iterator[str]:
    """Who is a deputy of that very congress and in office today, by id."""
    today = engine.clock.now().astimezone(ZONE).date()
    after: str | None = None
    while True:
        page = engine.parties.find(
            kind="deputy", tenant=tenant, status="active", on=today, after=after, limit=PAGE
        )
        yield from (party.id for party in page if party.tenant == tenant)
        if len(page) < PAGE:
            return
        after = page[-1].id


def case_id(tenant: str, congress: str, session: str) -> str:
    """The id of a session's preparation: the same on every machine."""
    return "prep-" + hashlib.sha256(f"{tenant}/{congress}/{session}".encode()).hexdigest()[:32]
