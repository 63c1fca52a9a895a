"""May this person do this here? Pure: grants, relations and separation of powers in, a grant or the reasons out.

Source: domain.md 1.3 and invariants 1, 38. Two checks that do not know each other: `permit` looks for a grant that the
definition names; `bar` refuses whoever has any grant in a unit barred from the case, whatever else he may be.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from .definition import Codes, Definition, Event, Holder
from .errors import Reason, Text
from .family import Record
from .model import SYSTEM, Actor, Grant

Relations = Mapping[str, tuple[str, ...]]
NAMED = 10
"""tenants that a sentence names, at most"""


class Permit:
    """Under which grant, or as which party, a person acts."""

    __slots__ = ("grant", "on_behalf_of", "role", "unit")

    def __init__(self, grant: Grant | None = None, role: str | None = None) -> None:
        self.grant = grant
        self.role = grant.role if grant else role
        self.unit = grant.unit if grant else None
        self.on_behalf_of = grant.on_behalf_of if grant else None


def permit(
    holders: Sequence[Holder], actor: Actor, grants: Sequence[Grant], case: Record, root: Record, day: date
) -> Permit | None:
    """The first of the holders this person is, by a role of his own before one that was lent to him; or None."""
    lent = [grant for grant in grants if grant.on_behalf_of is not None]
    if not lent:
        return _first(holders, actor, grants, case, root, day)
    own = [grant for grant in grants if grant.on_behalf_of is None]
    lent = [grant for grant in lent if actor.on_behalf_of in (None, grant.on_behalf_of)]
    return _first(holders, actor, own, case, root, day) or _first(holders, actor, lent, case, root, day)


def _first(
    holders: Sequence[Holder], actor: Actor, grants: Sequence[Grant], case: Record, root: Record, day: date
) -> Permit | None:
    for holder in holders:
        relations: Relations = root.relations if holder.of_root else case.relations
        parties = relations.get(holder.relation, ()) if holder.relation else None
        if holder.role is None and actor.person not in (parties or ()):
            continue
        if holder.role is None and holder.office is None:
            return Permit(role=holder.relation)
        units = parties if holder.role is not None else None
        grant = _held(holder.role or holder.office, units, actor, grants, case.tenant, day)
        if grant is not None:
            return Permit(grant)
    return None


def _held(
    role: str | None,
    units: Sequence[str] | None,
    actor: Actor,
    grants: Sequence[Grant],
    tenant: str,
    day: date,
) -> Grant | None:
    """The first grant of that role this person holds here today, in one of those units if any are named."""
    for grant in grants:
        if (
            grant.person == actor.person  # not that of whom he acts for: what he has of him was lent to him
            and grant.role == role
            and (units is None or grant.unit in units)
            and (actor.role is None or actor.role == grant.role)
            and (actor.unit is None or actor.unit == grant.unit)
            and grant.covers(tenant, day)
        ):
            return grant
    return None


def barred_units(definition: Definition, case: Record, root: Record) -> set[str]:
    """Units that separation of powers keeps out of this case."""
    units: set[str] = set()
    for holder in definition.barred:
        relations = root.relations if holder.of_root else case.relations
        units.update(relations.get(holder.relation or "", ()))
    return units


def bar(
    definition: Definition, actor: Actor, grants: Sequence[Grant], case: Record, root: Record
) -> Reason | None:
    """Why separation of powers refuses this person, or None. Expired grants count too: who was there yesterday is not neutral.
    `grants` holds those of the person he acts for as well.
    """
    if not definition.barred:
        return None
    units = barred_units(definition, case, root)
    if not units.isdisjoint((actor.person, actor.on_behalf_of)) or any(
        grant.unit in units for grant in grants
    ):
        return Reason(
            code="separation",
            text=Text(
                "须回避单位的人员不得参与本案（权力分离）",
                "members of a barred unit may not act here (separation of powers)",
            ),
        )
    return None


def refuse_automatic(event: Event, actor: Actor, cause: str | None) -> Reason | None:
    """The scheduler never decides, and persons do not play the scheduler. `cause`: notice, lapse, join or import."""
    if event.automatic is None:
        if actor.person == SYSTEM:
            return Reason(
                code="decision",
                text=Text(
                    f"“{event.title.zh}”是决定，只能由人作出",
                    f"'{event.title.en}' is a decision and only a person's",
                ),
            )
        return None
    if cause is None:
        return Reason(
            code="automatic",
            text=Text(
                f"“{event.title.zh}”由系统自动记录，不能由人触发",
                f"'{event.title.en}' is recorded automatically, not by persons",
            ),
        )
    return None


def not_permitted(
    event: Event, definition: Definition, roles: Codes | None, root: Definition | None = None
) -> Reason:
    """The sentence for somebody who is none of those the event names."""
    who = who_may(event, definition, roles, root)
    return Reason(
        code="role", text=Text(f"“{event.title.zh}”须由{who.zh}进行", f"'{event.title.en}' is for: {who.en}")
    )


def elsewhere(event: Event, actor: Actor, grants: Sequence[Grant], case: Record, day: date) -> Reason | None:
    """The sentence for somebody who is one of those the starting event names, but in other tenants; they are his own to know."""
    roles = {holder.role for holder in event.by if holder.relation is None}
    scopes = dict.fromkeys(
        grant.scope
        for grant in grants
        if grant.role in roles and _held(grant.role, None, actor, [grant], grant.scope, day)
    )
    if not scopes:
        return None
    named = [*scopes][:NAMED]
    return Reason.of(
        "role",
        f"您在 {case.tenant} 没有“{event.title.zh}”所需的角色，您任此角色是在：{'、'.join(named)}",
        f"you hold a role that '{event.title.en}' is for, but not in {case.tenant}: you hold it in {', '.join(named)}",
        "tenant", beside=True,
    )  # fmt: skip


def who_may(
    event: Event, definition: Definition, roles: Codes | None, root: Definition | None = None
) -> Text:
    """Those the event names, in words; `root`: the definition of the family's root, whose relations a child may name."""
    who = [_in_words(holder, root if holder.of_root and root else definition, roles) for holder in event.by]
    return Text("、".join(text.zh for text in who), ", ".join(text.en for text in who))


def _in_words(holder: Holder, definition: Definition, roles: Codes | None) -> Text:
    relation = definition.relations.get(holder.relation or "")
    related = relation.title if relation else Text(holder.relation or "", holder.relation or "")
    name = holder.role or holder.office
    if name is None:
        return related
    known = roles.values.get(name) if roles else None
    role = known.title if known else Text(name, name)
    if holder.relation is None:
        return role
    if holder.office is not None:
        return Text(f"{related.zh}（须在任{role.zh}）", f"{related.en} (while {role.en})")
    return Text(f"{related.zh}的{role.zh}", f"{role.en} of the {related.en}")


def same_person(event: Event, other: Event) -> Reason:
    """The sentence of the two-person rule."""
    return Reason(
        code="two_persons",
        text=Text(
            f"“{event.title.zh}”不得由“{other.title.zh}”的同一人进行",
            f"'{event.title.en}' needs another person than '{other.title.en}'",
        ),
    )
