"""The register over HTTP: deputies, units, stations. What is personal of them is never told here.

Anybody may look up parties of the kinds a service makes public (码上找代表): by code or by exact name, told no more than the
plate at a station's door says.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from workflow.errors import NotFound, Text
from workflow.model import Party
from workflow.overview import today

from .limits import count_failure, refuse_many
from .paging import link, next_address, of_id, place_asked
from .routes import Ask, Out, Reply, Route
from .schemas import NAME, PARTY, TENANT, Day, Flag, Paged, Strict

MOST_SHOWN = 20


class WhichParties(Paged):
    """Which of them."""

    kind = fields.Str(validate=NAME)
    tenant = fields.Str(validate=[validate.Length(max=200), TENANT])
    parent = fields.Str(validate=PARTY)
    status = fields.Str(validate=NAME)
    name = fields.Str(validate=validate.Length(min=1, max=200), metadata={"description": "its exact name"})
    now = Flag(load_default=True, metadata={"description": "only those whose entry is valid today"})


class BondOut(Schema):
    """How it stands to another."""

    bond = fields.Str(required=True)
    to = fields.Str(required=True)
    valid_from = Day(required=True, allow_none=True)
    valid_until = Day(required=True, allow_none=True)


class PartyOut(Schema):
    """An entry; nothing personal."""

    id = fields.Str(required=True)
    kind = fields.Str(required=True)
    name = fields.Str(required=True)
    tenant = fields.Str(required=True)
    parent = fields.Str(required=True, allow_none=True)
    status = fields.Str(required=True)
    valid_from = Day(required=True, allow_none=True)
    valid_until = Day(required=True, allow_none=True)
    attributes = fields.Dict(keys=fields.Str(), required=True)
    bonds = fields.List(fields.Nested(BondOut), required=True)
    revision = fields.Int(required=True)


class PartiesOut(Schema):
    """A page of them."""

    parties = fields.List(fields.Nested(PartyOut), required=True)
    next = fields.Str(required=True, allow_none=True)


class Sought(Strict):
    """By code or by exact name."""

    kind = fields.Str(required=True, validate=NAME)
    code = fields.Str(validate=PARTY)
    name = fields.Str(validate=validate.Length(min=1, max=200))

    @validates_schema
    def _one(self, data: Any, **_: Any) -> None:
        if ("code" in data) == ("name" in data):
            raise ValidationError({"name": ["invalid"]})


class FoundOut(Schema):
    """What anybody may know."""

    kind = fields.Str(required=True)
    name = fields.Str(required=True)
    tenant = fields.Str(required=True)
    stands_to = fields.List(
        fields.Str(), required=True, metadata={"description": "names of stations, groups …"}
    )


class FoundAllOut(Schema):
    """Who is called so."""

    found = fields.List(fields.Nested(FoundOut), required=True)


def listed(ask: Ask) -> Reply:
    """Those of the tenants in which this person has any role, and himself."""
    query, after = ask.query, place_asked(of_id)
    asked = {name: query[name] for name in ("kind", "tenant", "parent", "status") if name in query}
    names = [query["name"]] if "name" in query else None
    on = today(ask.engine) if query["now"] else None
    limit = query["limit"]
    found = ask.engine.parties.find(
        actor=ask.actor, **asked, names=names, on=on, after=after, limit=limit + 1
    )
    address = next_address(found[limit - 1].id) if len(found) > limit else None
    return Reply(
        {"parties": [_shown(party) for party in found[:limit]], "next": address}, headers=link(address)
    )


def party(ask: Ask) -> Reply:
    """One of them."""
    found = ask.engine.parties.find(actor=ask.actor, ids=[ask.path["party"]], limit=1)
    if not found:
        raise NotFound(Text("没有这项登记", "there is no such entry"))
    return Reply(_shown(found[0]))


def _shown(party: Party) -> dict[str, Any]:
    return {name: getattr(party, name) for name in PartyOut().fields} | {"bonds": party.bonds or ()}


def public(ask: Ask) -> Reply:
    """Who acts today and is called so. Raises NotFound, the same for a kind that is not public; 429 for who asks on and on."""
    query = ask.query
    found = sought(ask, query["kind"], code=query.get("code"), name=query.get("name"))
    named = _names(ask, found)
    return Reply({"found": [_plate(one, named, ask) for one in found]}, headers={"Cache-Control": "no-store"})


def sought(
    ask: Ask, kind: str, *, code: str | None = None, name: str | None = None, either: str | None = None
) -> list[Party]:
    """Whoever acts today and has that code or that exact name, of a kind that anybody may look up; `either` may be one or the
    other. Raises NotFound; Problem 429 for an address that asks on and on.
    """
    refuse_many(ask.desk, ask.request, "public")
    found = _acting(ask, kind, code or either, None) if code or either else []
    if not found and (name or either):
        found = _acting(ask, kind, None, name or either)
    if not found:
        count_failure(ask.desk, ask.request, "public")
        raise NotFound(Text("查无此人（或此站）", "nobody and nothing is called so"))
    return found


def _acting(ask: Ask, kind: str, code: str | None, name: str | None) -> list[Party]:
    if kind not in ask.desk.public:
        return []
    statuses = ask.engine.library.party(kind).statuses
    ids, names = [code] if code else None, [name] if name else None
    every = ask.engine.parties.find(kind=kind, ids=ids, names=names, on=today(ask.engine), limit=MOST_SHOWN)
    return [one for one in every if statuses[one.status].acts]


def _names(ask: Ask, found: Sequence[Party]) -> dict[str, str]:
    ids = {bond.to for one in found for bond in one.bonds or ()}
    return {other.id: other.name for other in ask.engine.parties.find(ids=ids, limit=1000)} if ids else {}


def _plate(party: Party, named: dict[str, str], ask: Ask) -> dict[str, Any]:
    day = today(ask.engine)
    stands = sorted({named[bond.to] for bond in party.bonds or () if bond.to in named and bond.holds(day)})
    return {"kind": party.kind, "name": party.name, "tenant": party.tenant, "stands_to": stands}


PARTIES = (
    Route(
        method="GET", path="/v1/parties", name="parties", view=listed, permission="person", audit="none", tag="parties",
        text=Text("主体登记：代表、单位、联络站", "the register: deputies, units, stations"), scope="parties:read",
        query=WhichParties, out={200: Out(PartiesOut, Text("一页", "a page"), headers=("Link",))},
    ),
    Route(
        method="GET", path="/v1/parties/<party>", name="party", view=party, permission="person", audit="none", tag="parties",
        text=Text("一项登记", "one entry"), scope="parties:read",
        out={200: Out(PartyOut, Text("登记", "the entry"))}, problems=("not_found",),
    ),
    Route(
        method="GET", path="/v1/public/parties", name="public_parties", view=public, permission="open", audit="none",
        tag="parties", text=Text("码上找代表：按编号或姓名，无需登录", "find a deputy by code or name, without a login"),
        query=Sought, out={200: Out(FoundAllOut, Text("门牌所示", "what the plate at the door says"))},
        problems=("not_found", "too_many"),
    ),
)  # fmt: skip
