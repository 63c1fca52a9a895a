"""Which states wait for a person: the holders of every known definition, turned into what a query can ask. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from .definition import Holder
from .laws import Law
from .model import Grant

ByRole = tuple[str, str | None, str]
"""definition, state (None: any), scope"""
ByRelation = tuple[str, str | None, str, str, bool, str | None]
"""definition, state (None: any), relation, party, whether the relation is the root's, scope (None: anywhere)"""


def held(laws: Iterable[Law], person: str, grants: Sequence[Grant]) -> tuple[list[ByRole], list[ByRelation]]:
    """The states this person holds by a role alone, and those he holds through a relation of his or of his unit."""
    by_role: list[ByRole] = []
    by_relation: list[ByRelation] = []
    for law in laws:
        for state in law.definition.states.values():
            holders = law.definition.waits_for(state)
            roles, relations = places(holders, law.definition.hash, state.name, person, grants)
            by_role += roles
            by_relation += relations
    return by_role, by_relation


def places(
    holders: Iterable[Holder], definition: str, state: str | None, person: str, grants: Sequence[Grant]
) -> tuple[list[ByRole], list[ByRelation]]:
    """Where, among the cases of that definition in that state, this person is one of the holders."""
    by_role: list[ByRole] = []
    by_relation: list[ByRelation] = []
    for holder in holders:
        by_role += [(definition, state, scope) for scope in _scopes(holder, grants)]
        by_relation += [(definition, state, *rest) for rest in _parties(holder, person, grants)]
    return by_role, by_relation


def _scopes(holder: Holder, grants: Sequence[Grant]) -> list[str]:
    if holder.relation is not None:
        return []
    return [grant.scope for grant in grants if grant.role == holder.role]


def _parties(holder: Holder, person: str, grants: Sequence[Grant]) -> list[tuple[str, str, bool, str | None]]:
    if holder.relation is None:
        return []
    if holder.role is None and holder.office is None:
        return [(holder.relation, person, holder.of_root, None)]
    held = [grant for grant in grants if grant.role == (holder.role or holder.office)]
    if holder.office is not None:
        return [(holder.relation, person, holder.of_root, grant.scope) for grant in held]
    return [(holder.relation, grant.unit, holder.of_root, grant.scope) for grant in held if grant.unit]
