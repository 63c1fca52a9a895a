"""Who has which role, where, until when: questions about persons and their grants, beside the questions about cases."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, timedelta

from .engine import Engine
from .errors import NotFound, NotPermitted, Reason, Text
from .model import Grant
from .store.grants import given

__all__ = ["Held", "Role", "end", "held", "sync"]


@dataclass(frozen=True, slots=True)
class Role:
    """A role where it holds, of nobody yet."""

    role: str
    scope: str
    unit: str | None = None


@dataclass(frozen=True, slots=True)
class Held:
    """A grant, and who gave it."""

    grant: Grant
    by: str


def held(engine: Engine, *, person: str | None = None, unit: str | None = None) -> list[Held]:
    """Every grant, those that have ended too; of that person or in that unit, if one is named."""
    with engine.store.connection() as connection:
        return [Held(*found) for found in given(engine.store, connection, person=person, unit=unit)]


def end(engine: Engine, grant: str, *, by: str, day: date) -> Grant:
    """The grant of that id holds until yesterday and is kept: who was in a unit is not neutral after.

    Raises NotFound, and NotPermitted for one's own and for one that follows from the register.
    """
    found = next((one.grant for one in held(engine) if one.grant.id == grant), None)
    if found is None:
        raise NotFound(Text(f"没有授权 {grant}", f"there is no grant {grant}"))
    ended = _ended(found, day)
    engine.sync_grants(
        found.person, [ended if one.id == grant else one for one in _of(engine, found.person)], by=by
    )
    if ended not in _of(engine, found.person):
        text = Text("此角色随登记而定,请变更登记", "this role follows from the register; change it there")
        raise NotPermitted([Reason(code="register", text=text)])
    return ended


def sync(engine: Engine, person: str, roles: Iterable[Role], *, by: str, day: date) -> None:
    """What a directory gave to that person becomes exactly these roles from that day; what others gave him stays.

    `by` is the directory. Raises NotPermitted, NotFound as `Engine.sync_grants`.
    """
    wanted = set(roles)
    after: list[Grant] = []
    for one in held(engine, person=person):
        grant = one.grant
        role = Role(grant.role, grant.scope, grant.unit)
        current = grant.valid_until is None or grant.valid_until >= day
        if one.by == by and current and role not in wanted:
            grant = _ended(grant, day)
        elif grant.covers(grant.scope, day):
            wanted.discard(role)
        after.append(grant)
    new = [Grant(id="", person=person, role=role.role, scope=role.scope, unit=role.unit, valid_from=day)
           for role in sorted(wanted, key=str)]  # fmt: skip
    if new or after != _of(engine, person):
        engine.sync_grants(person, [*after, *new], by=by)


def _of(engine: Engine, person: str) -> list[Grant]:
    return [one.grant for one in held(engine, person=person)]


def _ended(grant: Grant, day: date) -> Grant:
    return replace(grant, valid_until=day - timedelta(days=1))
