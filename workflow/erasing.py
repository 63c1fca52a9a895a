"""Taking what was said out of a case, and out of every copy of it that the case's family or a kindred family was given.

What goes are values and their salts (store/erasure.py). What stays is the chain, and it gains a line in each case from which
something went: the reserved event `erase`, by whom, in which role, which fields up to which line. `verify` asks for that line.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection

from . import history, line
from .act import Act
from .authorization import Permit, bar
from .clock import civil_date
from .definition import Event
from .draft import Draft
from .errors import Conflict, FormInvalid, NotPermitted, Reason, Text
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
CHANGING = ("state", "data", "rounds", "last_by", "closed", "number", "number_key", "relations", "clocks")
"""what an event can change of a case; this one changes nothing"""


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
        self._random = random

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

    def erase(self, case: str, fields: Sequence[str], permit: Permit, reason: str) -> tuple[int, list[str]]:
        """How many values went, and the roots of the families from which. Raises FormInvalid, Conflict."""
        _check(fields, reason)
        work = Erasure(self._connection, self._store.tables)
        roots = work.related(case)
        before = {root: self._locked(root) for root in roots}
        note = {"erased_by": self._actor.person, "reason": reason, "erased_at": self._now.isoformat()}
        gone = work.erase(case, roots, fields, note)
        touched = [root for root in roots if not before[root].records.keys().isdisjoint(gone)]
        for root in touched:
            after = self._locked(root)
            forget(self._store, self._laws, self._connection, before[root], after)
            self._tell(after, {id_: until for id_, (_, until) in gone.items()}, permit)
        return sum(count for count, _ in gone.values()), touched

    def _locked(self, root: str) -> Family:
        """The family, the root first, as every writer does: nobody writes the value again while it is being taken out."""
        family = self._store.family(self._connection, root, lock=True)
        if family is None:
            raise Conflict(Text("案件已变更,请重试", "the case has changed; try again"))
        return family

    def _tell(self, family: Family, gone: Mapping[str, dict[str, int]], permit: Permit) -> None:
        """A line in each case from which something went."""
        day = civil_date(self._now)
        act = Act(actor=self._actor, now=self._now, day=day, effective_on=day.isoformat())
        draft = Draft(self._laws, family, act, self._random)
        draft.permit = permit
        for record in list(family.records.values()):
            if record.id in gone:
                as_it_is = {name: getattr(record, name) for name in CHANGING}
                line.write(draft, EVENT, record, as_it_is, {"@erased": gone[record.id]}, None)
        step = draft.finish()
        at = self._now.isoformat(timespec="microseconds")
        with self._store.work(self._connection) as work:
            if not self._store.write(work, step, at, day.isoformat()):
                raise Conflict(Text("案件已变更,请重试", "the case has changed; try again"))


def _check(fields: Sequence[str], reason: str) -> None:
    if not reason.strip():
        text = Text("删除须写明理由", "erasing needs a reason")
        raise FormInvalid([Reason(code="form.reason", text=text, field="reason")])
    for name in fields:
        if name.startswith("@") and name != REASON:
            text = Text(f"{name} 不能删除", f"{name} cannot be erased")
            raise FormInvalid([Reason(code="form.unknown", text=text, field=name)])
