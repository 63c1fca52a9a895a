"""Taking what was said out of a case, and out of every copy of it that the case's family or a kindred family was given.

What goes are values and their salts (store/erasure.py). What stays is the chain, and it gains a line in each case from which
something went: the reserved event `erase`, by whom, in which role, which fields up to which line. `verify` asks for that line.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection

from . import history
from .aside import Aside
from .authorization import Permit, bar
from .clock import civil_date
from .definition import Event
from .errors import FormInvalid, NotPermitted, Reason, Text, no_such
from .family import Family, Record
from .laws import Laws
from .likeness import forget
from .model import Actor, Grant
from .random import RandomSource
from .store.erasure import Erasure
from .store.sql import Store

__all__ = ["Erasing"]

EVENT = Event(name=history.ERASE, title=Text("删除", "erase"), source="个人信息保护法 第47条", moves=())
REASON = "@reason"


class Erasing:
    """One erasure by one person, in the transaction of the connection."""

    def __init__(
        self, store: Store, laws: Laws, connection: Connection, actor: Actor, now: datetime, random: RandomSource
    ) -> None:  # fmt: skip
        self._store = store
        self._laws = laws
        self._connection = connection
        self._actor = actor
        self._now = now
        self._aside = Aside(store, laws, connection, actor, now, random)

    def permit(self, family: Family, record: Record, grants: Sequence[Grant]) -> Permit:
        """The grant under which this person may. Raises NotPermitted."""
        today = civil_date(self._now)
        barred = bar(
            self._laws.pinned(record.definition).definition, self._actor, grants, record, family.root
        )
        for grant in () if barred else grants:
            mine = grant.person == self._actor.person and grant.unit is None and grant.on_behalf_of is None
            if mine and self._laws.library.erases(grant.role) and grant.covers(record.tenant, today):
                return Permit(grant)
        text = Text("只有有权删除的机关人员可以删除", "only who is charged with it may erase")
        raise NotPermitted([barred or Reason(code="erase", text=text)])

    def erase(
        self, family: Family, case: str, fields: Sequence[str], permit: Permit, reason: str
    ) -> tuple[int, list[str]]:
        """How many values went, and the roots of the families from which. Raises FormInvalid, Conflict."""
        _check(fields, reason)
        self._declared(family, fields)
        work = Erasure(self._connection, self._store.tables)
        roots = work.related(case)
        before = {root: self._aside.locked(root) for root in roots}
        note = {"erased_by": self._actor.person, "reason": reason, "erased_at": self._now.isoformat()}
        gone = work.erase(case, roots, fields, note)
        touched = [root for root in roots if not before[root].records.keys().isdisjoint(gone)]
        for root in touched:
            after = self._aside.locked(root)
            forget(self._store, self._laws, self._connection, before[root], after)
            self._aside.tell(
                after, EVENT, {id_: {"@erased": until} for id_, (_, until) in gone.items()}, permit
            )
        return sum(count for count, _ in gone.values()), touched

    def _declared(self, family: Family, fields: Sequence[str]) -> None:
        """A slip of the pen would erase nothing, and nobody would know. Any version, and a child, may have declared a field."""
        kinds = {one.kind for one in family.records.values()}
        laws = [law.definition for law in self._laws.known() if law.definition.name in kinds]
        known = {name for law in laws for name in law.fields}
        reasons = [
            Reason(code="form.unknown", text=no_such(Text("字段", "field"), name, sorted(known)), field=name)
            for name in fields
            if name not in known and name != REASON
        ]
        if reasons:
            raise FormInvalid(reasons)


def _check(fields: Sequence[str], reason: str) -> None:
    if not reason.strip():
        text = Text("删除须写明理由", "erasing needs a reason")
        raise FormInvalid([Reason(code="form.reason", text=text, field="reason")])
    for name in fields:
        if name.startswith("@") and name != REASON:
            text = Text(f"{name} 不能删除", f"{name} cannot be erased")
            raise FormInvalid([Reason(code="form.unknown", text=text, field=name)])
