"""A place with people and units, and the one story that most runs tell: a suggestion from its filing to its reply.

Everything follows from the names: no state is shared between the processes that tell the story.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from workflow.clock import start_of_day
from workflow.definition import Codes, Definition, Event, Field
from workflow.engine import Engine
from workflow.family import Record
from workflow.laws import Laws
from workflow.library import Library
from workflow.loader import load_definitions
from workflow.model import Actor, Grant
from workflow.random import SystemRandom, new_id

FOLDER = Path(__file__).parents[2] / "definitions"
PLACE = "hubei-xianning"
TENANT = "hb/xianning"
DAY = date(2026, 3, 2)
UNITS = tuple(f"unit-{n}" for n in range(8))
DEPUTIES = ("deputy-0", "deputy-1")
OFFICES = {
    "office": "deputy_affairs", "second-office": "deputy_affairs", "committee": "sc_office",
    "second-committee": "sc_office", "committee-head": "sc_office_head", "secretariat": "session_secretariat",
    "chairpersons": "council_of_chairpersons", "judicial": "supervisory_judicial_committee",
    "special": "special_committee", "government": "gov_office",
    "township": "township_presidium", "prosecutor": "procuratorate_clerk", "chief": "chief_prosecutor",
}  # fmt: skip
DOCUMENT = {"sha256": "a" * 64, "size": 1, "media_type": "application/pdf", "name": "函.pdf"}


class Walking:
    """A clock that goes on from `DAY` with the machine's own, some days ahead if wanted."""

    def __init__(self, days: float = 0) -> None:
        self._ahead = start_of_day(DAY) + timedelta(hours=9, days=days) - datetime(2026, 1, 1, tzinfo=UTC)
        self._zero = datetime.now(UTC)

    def now(self) -> datetime:
        """The instant, UTC."""
        passed = datetime.now(UTC) - self._zero
        return datetime(2026, 1, 1, tzinfo=UTC) + self._ahead + passed


@cache
def library() -> Library:
    """The shipped definitions."""
    return load_definitions(FOLDER)


@cache
def codes() -> Mapping[str, Codes]:
    """The code lists as the place uses them."""
    return Laws(library(), PLACE).codes_on(DAY)


def people() -> dict[str, list[tuple[str, str | None]]]:
    """Everybody with (role, unit)."""
    found: dict[str, list[tuple[str, str | None]]] = {who: [(role, None)] for who, role in OFFICES.items()}
    for unit in UNITS:
        found[clerk(unit)] = [("unit_clerk", unit)]
        found[head(unit)] = [("unit_head", unit)]
    found["keeper"] = [("station_keeper", "station")]
    found["station-clerk"] = [("station_clerk", "station")]
    for deputy in DEPUTIES:
        found[deputy] = [("deputy", None)]
    return found


def clerk(unit: str) -> str:
    """The clerk of a unit."""
    return f"clerk-of-{unit}"


def head(unit: str) -> str:
    """The head of a unit."""
    return f"head-of-{unit}"


def settle(engine: Engine) -> None:
    """Give everybody their grants, in one transaction a person."""
    source, now = SystemRandom(), engine.clock.now()
    for who, held in people().items():
        grants = [
            Grant(id=new_id(source, now), person=who, role=role, scope=TENANT, unit=unit)
            for role, unit in held
        ]
        engine.sync_grants(who, grants, by="set-up")


def actor(who: str) -> Actor:
    """That person."""
    return Actor(person=who)


OFFICE = actor("office")


def suggestion(**more: Any) -> dict[str, Any]:
    """What a suggestion is filed with."""
    return {
        "title": "建代表驿站", "body": "建议在老城区建一处代表驿站。", "first_signer": DEPUTIES[0],
        "signers": list(DEPUTIES), "publication_wish": code("publication_wish", full=True), **more,
    }  # fmt: skip


@cache
def _code(name: str, wanted: tuple[tuple[str, Any], ...]) -> str:
    for value, found in codes()[name].values.items():
        if all((found.meanings.get(meaning) or False) == expected for meaning, expected in wanted):
            return value
    raise LookupError(f"{name} has no value that means {dict(wanted)}")


def code(name: str, **meanings: Any) -> str:
    """The first value of a code list with these meanings."""
    return _code(name, tuple(sorted(meanings.items())))


def sample(field: Field, day: date, pick: Any = None) -> Any:
    """Something fit for a field; `pick` chooses from a sequence (the first, if not given)."""
    choose = pick or (lambda values: values[0])
    if field.name.endswith("_hash"):
        return "a" * 64
    if field.type in ("code", "codes"):
        value = choose(sorted(codes()[field.codes or ""].values))
        return [value] if field.type == "codes" else value
    persons = [
        who for who, held in people().items() if any(role in field.roles for role, _ in held)
    ] or DEPUTIES
    return {
        "text": lambda: choose(["照此办理。", "Ω ✓ 𠮷 é", "x"]),
        "integer": lambda: choose([0, 3, 12]),
        "boolean": lambda: choose([True, False]),
        "date": lambda: (
            day + timedelta(days=choose([0, 20, 45, 3 if field.to_come else -3, 150]))
        ).isoformat(),
        "month": lambda: (day + timedelta(days=choose([0, 31, 62]))).isoformat()[:7],
        "document": lambda: dict(DOCUMENT),
        "documents": lambda: [dict(DOCUMENT)],
        "unit": lambda: choose([*UNITS[:2], "station"]),
        "units": lambda: list(choose([UNITS[1:2], UNITS[1:3], UNITS[:2]])),
        "person": lambda: choose(persons),
        "persons": lambda: list(choose([persons[:2], persons[:1]])),
        "case": lambda: "master",
    }[field.type]()


def form(definition: Definition, event: Event, day: date = DAY, **given: Any) -> dict[str, Any]:
    """The required fields of an event, those given first."""
    found = {f.name: sample(definition.fields[f.name], day) for f in event.form if f.required}
    return {**found, **{name: value for name, value in given.items() if name in event.fields}}


REPLY: Mapping[str, Any] = {
    "assignment_mode": code("assignment_mode", apart=False), "lead_unit": UNITS[0], "co_units": [UNITS[1]], "sealed": True,
    "reply_class": code("result_class", promises=False), "publication": code("publication", full=True),
    "wanted_until": "2026-07-01", "granted_until": "2026-07-01", "closing_on": "2026-02-20", "out_of_session_reason": "会后受理",
    "supervision_kind": code("supervision_kind", needs_meeting=True, looks_back=False), "leader_post": code("leader_post", main=True),
}  # fmt: skip
"""what the fields of the story's events are filled with"""

LEAD_CLERK, LEAD_HEAD = actor(clerk(UNITS[0])), actor(head(UNITS[0]))
CO_CLERK, CO_HEAD = actor(clerk(UNITS[1])), actor(head(UNITS[1]))
STORY: tuple[tuple[str, str, Actor], ...] = (
    ("", "accept_in_session", OFFICE),
    ("", "record_source", OFFICE),
    ("", "assign", OFFICE),
    ("", "sign_in", LEAD_CLERK),
    ("co_opinions", "sign_in", CO_CLERK),
    ("", "first_contact", LEAD_CLERK),
    ("", "request_extension", LEAD_CLERK),
    ("co_opinions", "submit", CO_HEAD),
    ("extensions", "grant", OFFICE),
    ("co_opinions", "accept", LEAD_CLERK),
    ("", "record_contact", LEAD_CLERK),
    ("", "submit_for_signoff", LEAD_CLERK),
    ("", "issue_reply", LEAD_HEAD),
    ("", "record_source", OFFICE),
)
"""(slot of the child, or "" for the case itself; event; who): what follows upon the start"""


def data_of(kind: str, event: str, **given: Any) -> dict[str, Any]:
    """The story's data for an event."""
    definition = library().definitions[kind]
    return form(definition, definition.events[event], **{**REPLY, **given})


def relations_of(record: Record) -> set[tuple[str, str, str]]:
    """The rows of the relation index this record should have."""
    return {
        (record.id, relation, party) for relation, parties in record.relations.items() for party in parties
    }


COMMITTEE, DEPUTY = actor("committee"), actor("deputy-0")
APART = {"assignment_mode": code("assignment_mode", apart=True), "separate_units": list(UNITS[:2])}
TO_COME_TO: dict[str, tuple[str, tuple[tuple[str, str, Actor], ...]]] = {
    "co_handling": ("suggestion", STORY[:3]),
    "extension": ("suggestion", STORY[:7]),
    "commitment": ("suggestion", (*STORY[:6], ("", "add_commitment", LEAD_CLERK))),
    "separate_handling": ("suggestion", (*STORY[:1], ("", "assign_separately", OFFICE))),
    "withdrawal": ("suggestion", (*STORY[:1], ("", "request_withdrawal", DEPUTY))),
    "signature": ("suggestion_draft", (("", "collect_signatures", DEPUTY),)),
    "supervision": ("suggestion", (
        *STORY, ("", "open_evaluation", COMMITTEE), ("surveys", "answer", actor("the deputy")), ("surveys", "tally", COMMITTEE),
        ("", "propose_supervision", OFFICE))),
    "escalation": ("suggestion", (
        *STORY, ("", "open_evaluation", COMMITTEE), ("surveys", "answer", actor("the deputy")), ("surveys", "tally", COMMITTEE),
        ("", "second_assign", COMMITTEE), ("", "escalate", OFFICE))),
    "procuratorate_conversion": ("suggestion", (*STORY[:4], ("", "transfer_to_procuratorate", OFFICE))),
    "evaluation": ("suggestion", (*STORY, ("", "open_evaluation", COMMITTEE))),
    "second_assignment": ("suggestion", (
        *STORY, ("", "open_evaluation", COMMITTEE), ("surveys", "answer", actor("the deputy")), ("surveys", "tally", COMMITTEE),
        ("", "second_assign", COMMITTEE))),
}  # fmt: skip
"""how a suggestion (or a draft) comes to have an open case of that kind"""


def way_to(kind: str) -> list[dict[str, Any]]:
    """The acts that bring about an open case of that kind: {start | slot, event; actor; data}; "the deputy" is each one's own."""
    return acts(*TO_COME_TO[kind])


def acts(root: str, steps: tuple[tuple[str, str, Actor], ...]) -> list[dict[str, Any]]:
    """The start of a root case and what follows, with the story's data."""
    data = suggestion()
    if root == "suggestion_draft":
        del data["signers"]
    found: list[dict[str, Any]] = [
        {"start": root, "actor": DEPUTY.person if root == "suggestion_draft" else OFFICE.person, "data": data}
    ]
    for slot, event, who in steps:
        slots = library().definitions[root].children
        given = data_of(
            slots[slot].definition if slot else root, event, **APART if "separately" in event else {}
        )
        if event == "answer":
            given |= {"level": "dissatisfied", "reasons": "未落实。"}
        found.append({"slot": slot, "event": event, "actor": who.person, "data": given})
    return found
