"""Which answer leads to which question: the links of the description (OpenAPI), so that nobody has to guess where an id goes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

Lead = tuple[str, Mapping[str, str]]
"""an operation, and where in the answer its parameters stand"""

SEEN = "$response.header.ETag"
CASE = "$response.body#/id"
REVISION = '"{$response.body#/revision}"'
"""an ETag, made of the revision in an answer that has none of its own"""


def _of(parameter: str, place: str, *names: str) -> list[Lead]:
    return [(name, {parameter: f"$response.body#/{place}"}) for name in names]


def _case(id_: str, etag: str | None = None) -> list[Lead]:
    """Whatever can be asked of a case; an event only where its revision is told as an ETag."""
    reads = ("case", "permitted", "history", "similar", "letters", "invitations", "invite")
    found: list[Lead] = [(name, {"id": id_}) for name in reads]
    found += [("fire", {"id": id_, "If-Match": etag})] if etag else []
    return found


WHOLE: Iterable[Lead] = (
    *_case(CASE, SEEN),
    ("case_at", {"id": CASE, "moment": "$response.body#/seq"}),
    ("clock", {"id": CASE, "name": "$response.body#/clocks/0/name"}),
)
HOOK = (
    "subscription",
    "subscription_pause",
    "subscription_resume",
    "subscription_test",
    "subscription_secret",
    "unsubscribe",
)
LEADS: Mapping[tuple[str, int], Iterable[Lead]] = {
    ("start", 201): WHOLE, ("fire", 200): WHOLE, ("case", 200): WHOLE,
    ("search", 200): _case("$response.body#/cases/0/id"), ("worklist", 200): _case("$response.body#/cases/0/id"),
    ("views", 200): _of("view", "views/0/name", "view"),
    ("view", 200): _case("$response.body#/rows/0/case/id"),
    ("events", 200): _case("$response.body#/events/0/subject"),
    ("permitted", 200): [
        ("fire", {"id": "$response.body#/case", "event": "$response.body#/events/0/event", "If-Match": REVISION}),
    ],
    ("batch", 202): _of("batch", "id", "batch_job"),
    ("letters", 200): [("letter", {"id": "$response.body#/letters/0/case", "letter": "$response.body#/letters/0/letter"})],
    ("ledgers", 200): _of("ledger", "ledgers/0/ledger", "ledger"),
    ("invite", 201): [
        *_of("token", "token", "invitation", "invitation_answer"), *_of("id", "case", "invitations"),
    ],
    ("invitations", 200): [
        ("invitation_revoke", {"id": "$request.path.id", "invitation": "$response.body#/invitations/0/id"}),
    ],
    ("subscribe", 201): _of("subscription", "id", *HOOK),
    ("subscriptions", 200): _of("subscription", "subscriptions/0/id", *HOOK),
    ("feed_open", 201): _of("feed", "id", "feed_renew", "feed_revoke"),
    ("feeds", 200): _of("feed", "feeds/0/id", "feed_renew", "feed_revoke"),
    ("definitions", 200): _of("kind", "definitions/0/kind", "definition", "diagram", "picture", "import_form"),
    ("definition", 200): [
        ("form", {"kind": "$response.body#/kind", "event": "$response.body#/events/0/name"}),
    ],
    ("parties", 200): _of("party", "parties/0/id", "party", "receptions"),
    ("public_leave", 201): _of("receipt", "receipt", "public_opinion"),
    ("token_issue", 201): _of("token_id", "id", "token_revoke"),
    ("tokens", 200): _of("token_id", "tokens/0/id", "token_revoke"),
    ("delegate", 201): _of("grant_id", "delegations/0/id", "delegation_end"),
    ("delegations", 200): _of("grant_id", "delegations/0/id", "delegation_end"),
}  # fmt: skip


def links(route: str, status: int, known: Iterable[str]) -> dict[str, Any]:
    """The links of an answer to operations that are there too."""
    there = set(known)
    return {
        name: {"operationId": name, "parameters": dict(parameters)}
        for name, parameters in LEADS.get((route, status), ()) if name in there
    }  # fmt: skip
