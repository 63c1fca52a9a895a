"""Who has which role, where, until when: questions about persons and their grants, beside the questions about cases.

A role can be lent to a colleague for some days (代, delegation). What he does under it is stamped with both; it ends with its
last day, when it is given back, with the role it was lent of, and with the office of who borrowed it, which made him a colleague.
What follows from the register (a deputy's office), what was lent and what was taken for some hours is not lent, and nothing to
another body: whoever watches over somebody is not him.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from . import glass
from .call import check_id, check_texts, no_case
from .clock import civil_date
from .engine import Engine
from .errors import FormInvalid, NotFound, NotPermitted, Reason, Text
from .given import check_days
from .model import SYSTEM, Actor, Case, Grant
from .naming import check_names
from .random import new_id
from .store import lending
from .store.grants import end_hours as end_hours_
from .store.grants import given, holding
from .store.work import Host

__all__ = [
    "MOST_HOURS",
    "Held",
    "Role",
    "break_glass",
    "emergencies",
    "end",
    "end_hours",
    "give_back",
    "held",
    "holders",
    "holding_today",
    "lend",
    "lent",
    "sync",
]


MOST_HOURS = 24
"""for which a role is taken in an emergency"""


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
    reason: str | None = None
    ends_at: str | None = None
    """the instant (UTC) at which a role of some hours ends, as it was taken in an emergency"""

    @property
    def own(self) -> bool:
        """Whether it is his for good: neither lent to him nor taken for some hours."""
        return self.grant.on_behalf_of is None and self.ends_at is None


def held(
    engine: Engine, *, person: str | None = None, unit: str | None = None, persons: Collection[str] | None = None,
    session: Host | None = None,
) -> list[Held]:  # fmt: skip
    """Every grant, those that have ended too; of that person, of those or in that unit, if they are named."""
    with engine.store.connection(session) as connection:
        return [
            Held(*found)
            for found in given(engine.store, connection, person=person, unit=unit, persons=persons)
        ]


def holders(engine: Engine, roles: Collection[str], tenant: str) -> list[str]:
    """Who holds one of these roles in that tenant today, and not in somebody's place."""
    return list(dict.fromkeys(grant.person for grant in holding_today(engine, roles, tenant)))


def holding_today(engine: Engine, roles: Collection[str], tenant: str) -> list[Grant]:
    """By which of their own grants they do, by person."""
    with engine.store.connection() as connection:
        found = holding(engine.store, connection, roles, tenant)
    day = civil_date(engine.clock.now())
    return [grant for grant in found if grant.covers(tenant, day)]


def lent(engine: Engine, person: str) -> list[Grant]:
    """What that person has lent and was lent, those that have ended too."""
    with engine.store.connection() as connection:
        return [grant for grant, *_ in given(engine.store, connection, lent=person)]


def end(engine: Engine, grant: str, *, by: str, day: date) -> Grant:
    """The grant of that id holds until yesterday and is kept: who was in a unit is not neutral after.

    Raises NotFound, and NotPermitted for one's own and for one that follows from the register.
    """
    found = next((one.grant for one in held(engine) if one.grant.id == grant), None)
    if found is None:
        raise NotFound(Text(f"没有授权 {grant}", f"there is no grant {grant}"))
    if found.on_behalf_of is not None:
        return give_back(engine, grant, by=None, day=day)
    ended = _ended(found, day)
    engine.sync_grants(
        found.person, [ended if one.id == grant else one for one in _of(engine, found.person)], by=by
    )
    if ended not in _of(engine, found.person):
        text = Text("此角色随登记而定，请变更登记", "this role follows from the register; change it there")
        raise NotPermitted([Reason(code="register", text=text)])
    return ended


def sync(
    engine: Engine, person: str, roles: Iterable[Role], *, by: str, day: date, until: date | None = None
) -> None:  # fmt: skip
    """What a directory gave to that person becomes exactly these roles from that day; what others gave him stays.

    `by` is the directory; `until` the last day on which they hold unless the directory gives them again.
    Raises NotPermitted, NotFound as `Engine.sync_grants`.
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
            if one.by == by:
                grant = replace(grant, valid_until=until)
        after.append(grant)
    new = [Grant(id="", person=person, role=role.role, scope=role.scope, unit=role.unit, valid_from=day,
                 valid_until=until)
           for role in sorted(wanted, key=str)]  # fmt: skip
    if new or after != _of(engine, person):
        engine.sync_grants(person, [*after, *new], by=by)


def lend(
    engine: Engine, lender: str, to: str, *, until: date, by: str, day: date, since: date | None = None,
    role: str | None = None, reason: str | None = None,
) -> list[Grant]:  # fmt: skip
    """The roles (or that role) of `lender` are `to`'s as well, from one civil day until another, for what he does in his place.

    `to` is a colleague: he has a role of the same body (`Library.body`), in the same unit or, for a role of no unit, in the same
    congress. What was lent, or taken for some hours, is not lent and makes nobody a colleague. Raises NotPermitted, FormInvalid.
    """
    check_texts(person=to, granted_by=by, reason=reason)
    check_days(until=until, day=day, since=since)
    first = since or day
    if not day <= first <= until:
        wrong = "first" if since is not None and first < day else "until"
        raise FormInvalid(
            [Reason.of("form.dates", "日期须自今日起，先始后止", "from today on, first the first day", wrong)]
        )
    if to in (lender, by, SYSTEM):
        raise NotPermitted(
            [Reason.of("own_grant", "不得委托给自己", "nobody lends anything to himself", "person")]
        )
    with engine.store.connection(write=True) as connection:
        # Whose office ends meanwhile waits: then it ends this loan as well.
        own = {
            person: [grant for grant in _held(engine, connection, person) if grant.own] for person in sorted((lender, to))
        }  # fmt: skip
        coming = _lendable(
            engine, connection, own[lender], [one.grant for one in own[to]], role, first, until
        )
        coming = [replace(grant, person=to, on_behalf_of=lender) for grant in coming]
        lending.lend(connection, engine.store.tables.grant, [_row(grant, by, reason) for grant in coming])
    return coming


def _held(engine: Engine, connection: Any, person: str) -> list[Held]:
    """His grants, which stay so until the transaction ends."""
    return [Held(*found) for found in given(engine.store, connection, person=person, hold=True)]


def _lendable(
    engine: Engine, connection: Any, own: Iterable[Held], theirs: Sequence[Grant], role: str | None, first: date, until: date,
) -> list[Grant]:  # fmt: skip
    """The lender's roles as they would be lent to a colleague who has `theirs`. Raises NotPermitted where there are none."""
    held_ = list(own)
    personal = engine.parties.office(connection, held_[0].grant.person) if held_ else None
    mine = [
        one.grant for one in held_
        if one.grant.role != personal and role in (None, one.grant.role)
        and one.grant.covers(one.grant.scope, first)
        and any(_colleagues(engine, one.grant, other, first) for other in theirs)
    ]  # fmt: skip
    if not mine:
        text = (
            "没有可委托给此人的角色（须为同一机构、同一单位的在任人员）",
            "there is no role to lend to that person: a colleague of the same body, in office",
        )
        raise NotPermitted([Reason.of("colleague", *text, field="person")])
    return [
        replace(grant, id=new_id(engine.random, engine.clock.now()), valid_from=first,
                valid_until=min(until, grant.valid_until or until, _colleague_until(engine, grant, theirs, first) or until))
        for grant in mine
    ]  # fmt: skip


def give_back(engine: Engine, grant: str, *, by: str | None, day: date) -> Grant:
    """A role that was lent ends with yesterday; for the lender, for who has it, and (None) for an operator. Raises NotFound."""
    found = next((one.grant for one in held(engine) if one.grant.id == grant), None)
    if found is None or found.on_behalf_of is None or by not in (None, found.person, found.on_behalf_of):
        raise NotFound(Text("没有这项委托", "there is no such delegation"))
    ended = _ended(found, day)
    with engine.store.connection(write=True) as connection:
        lending.give_back(connection, engine.store.tables.grant, grant, str(ended.valid_until))
    return ended


def break_glass(engine: Engine, case: str, person: str, role: str, *, hours: int, reason: str) -> datetime:
    """That person, an operator, has that role where the case is for some hours; until when. See glass.py.

    The role is one that may be taken so (`Library.emergency`), and none that follows from the register.
    Raises NotFound, NotPermitted, FormInvalid, Conflict.
    """
    check_id(case)
    check_texts(person=person, reason=reason, role=role)
    check_names(person=person)
    if not reason.strip() or not 1 <= hours <= MOST_HOURS:
        text = (f"须写明理由，时长 1 至 {MOST_HOURS} 小时", f"it needs a reason, and 1 to {MOST_HOURS} hours")
        raise FormInvalid([Reason.of("form.reason", *text, field="reason")])
    if not engine.library.emergency(role):
        may = ", ".join(name for name in engine.library.roles.values if engine.library.emergency(name))
        text = (
            f"应急查阅不得取得此角色；可取得：{may}",
            f"not a role to take in an emergency; these are: {may}",
        )
        raise NotPermitted([Reason.of("role", *text, field="role")])
    now = engine.clock.now().astimezone(UTC)
    until, actor = now + timedelta(hours=hours), Actor(person=person)
    with engine.store.connection(write=True) as connection:
        grants = engine.store.grants(connection, person)
        broken = glass.Glass(case=case, actor=actor, grants=grants, role=role, until=until, reason=reason)
        tenant = glass.tell(engine.store, engine.laws, connection, engine.random, broken, now)
        if tenant is None:
            raise no_case(case)
        row = _row(
            Grant(id=new_id(engine.random, now), person=person, role=role, scope=tenant, valid_from=civil_date(now),
                  valid_until=civil_date(until)), person, reason,
        )  # fmt: skip
        lending.lend(
            connection, engine.store.tables.grant, [{**row, "ends_at": until.isoformat(timespec="seconds")}]
        )
    return until


def opened(engine: Engine, case: Case, person: str) -> bool:
    """Somebody is about to be shown a case: if he may know of it only by a role that he took in an emergency, the case says so,
    once for each taking, and whoever holds it is told; whether it was written just now. A service asks before it shows a case.

    Raises Conflict, StoreError: what cannot be written down is not shown.
    """
    now = engine.clock.now().astimezone(UTC)
    with engine.store.connection() as connection:
        taking = _only_by(engine, connection, case, person, now)
        if taking is None or _said(engine, connection, case, person, taking):
            return False
    with engine.store.connection(write=True) as connection:
        broken = glass.Glass(
            case=case.id, actor=Actor(person=person), grants=engine.store.grants(connection, person), role=taking["role"],
            until=datetime.fromisoformat(taking["ends_at"]), reason=taking["reason"],
        )  # fmt: skip
        return glass.tell(
            engine.store, engine.laws, connection, engine.random, broken, now,
            unless=lambda: _said(engine, connection, case, person, taking),
        ) is not None  # fmt: skip


def emergencies(engine: Engine) -> set[str]:
    """Who holds a role now that he took in an emergency: for a service that does not ask `opened` for everybody each time."""
    now = engine.clock.now().astimezone(UTC).isoformat(timespec="seconds")
    with engine.store.connection() as connection:
        return set(lending.takers(connection, engine.store.tables.grant, now))


def _only_by(
    engine: Engine, connection: Any, case: Case, person: str, now: datetime
) -> Mapping[str, Any] | None:
    """The role taken in an emergency without which he would not see that case, or not all of it that he sees."""
    found = lending.taken(connection, engine.store.tables.grant, person, now.isoformat(timespec="seconds"))
    taken = [row for row in found if f"{case.tenant}/".startswith(f"{row['scope']}/")]
    if not taken:
        return None
    seen = engine.sight.without(connection, case.id, Actor(person=person), {row["id"] for row in found})
    if seen is not None and not seen.hidden:
        return None
    return max(taken, key=lambda row: str(row["ends_at"]))


def _said(engine: Engine, connection: Any, case: Case, person: str, taking: Mapping[str, Any]) -> bool:
    """Whether the case says so of this taking: until when, in which role and, if that was not erased, why."""
    tables, until = engine.store.tables, datetime.fromisoformat(taking["ends_at"])
    for body in lending.told(connection, tables.history, tables.disclosure, case.id, person):
        line = {name: value for name, (_, value) in json.loads(body).items()}
        same = (line.get("@until"), line.get("@role")) == (
            until.isoformat(timespec="minutes"),
            taking["role"],
        )
        if same and line.get("@reason", taking["reason"]) == taking["reason"]:
            return True
    return False


def end_hours(engine: Engine) -> int:
    """Let roles end whose hours are over; how many. `Engine.tick` does so too; a service calls this every few seconds."""
    return end_hours_(engine.store, engine.clock.now())


def _colleagues(engine: Engine, mine: Grant, other: Grant, day: date) -> bool:
    body = engine.library.body
    same = (other.unit, other.scope, body(other.role)) == (mine.unit, mine.scope, body(mine.role))
    return same and other.covers(other.scope, day)


def _colleague_until(engine: Engine, mine: Grant, theirs: Iterable[Grant], day: date) -> date | None:
    """The last day on which he is one, as his roles stand; None: for good."""
    days = [other.valid_until for other in theirs if _colleagues(engine, mine, other, day)]
    return None if None in days else max(one for one in days if one is not None)


def _row(grant: Grant, by: str, reason: str | None) -> dict[str, str | None]:
    return {
        "id": grant.id, "person": grant.person, "role": grant.role, "unit": grant.unit, "scope": grant.scope,
        "valid_from": str(grant.valid_from), "valid_until": str(grant.valid_until), "granted_by": by,
        "on_behalf_of": grant.on_behalf_of, "reason": reason,
    }  # fmt: skip


def _of(engine: Engine, person: str) -> list[Grant]:
    return [one.grant for one in held(engine, person=person)]


def _ended(grant: Grant, day: date) -> Grant:
    return replace(grant, valid_until=day - timedelta(days=1))
