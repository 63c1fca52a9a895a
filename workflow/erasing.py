"""Taking what was said out of a case, and out of every copy of it that the case's family or a kindred family was given.

What goes are values and their salts (store/erasure.py). What stays is the chain, and it gains a line in each case from which
something went: the reserved event `erase`, by whom, in which role, which fields up to which line. `verify` asks for that line.

Two may: a person with a grant that erases (`Erasing`), and a rule of the place when its time has come (`Lapsing`, 0037), which
takes from each case what is its own. Nobody else's hand reaches the second, and the first is not open to the system.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import date, datetime, timedelta

from sqlalchemy import Connection

from . import history
from .aside import Aside
from .authorization import Permit, bar
from .clock import civil_date, start_of_day
from .definition import Event
from .errors import Conflict, FormInvalid, NotPermitted, Reason, StoreError, Text, no_such
from .family import Family, Record
from .laws import Laws
from .likeness import forget
from .memory import Memory
from .model import SYSTEM, Actor, Fired, Grant
from .random import RandomSource
from .store.erasure import Erasure
from .store.retained import Due, Retentions
from .store.sql import Store

__all__ = ["Erasing", "Lapsing"]

logger = logging.getLogger("workflow.erasing")

EVENT = Event(name=history.ERASE, title=Text("删除", "erase"), source="个人信息保护法 第47条", moves=())
REASON = "@reason"
RULE = "@rule"
"""by which rule of the place, in a line that no person wrote"""
AGAIN = timedelta(days=1)
"""when one that could not fire is tried again"""


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
        before = self._locked(work, case)
        roots = sorted(before)
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

    def _locked(self, work: Erasure, case: str) -> dict[str, Family]:
        """Every family to which a copy may have gone, by its root. Whoever held one may have begotten another meanwhile: asked
        again until nothing new comes, for of what is locked nobody begets.
        """
        held: dict[str, Family] = {}
        while new := [root for root in work.related(case) if root not in held]:
            held |= {root: self._aside.locked(root) for root in new}
        return held

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


class Lapsing:
    """What rules of the place let go of cases that ended, when their days are over. Any number of nodes may: who comes second
    finds no row. Nothing is decided here: what, of whom and when was said by the definition, the rule and the row.
    """

    def __init__(self, store: Store, laws: Laws, memory: Memory, random: RandomSource) -> None:
        self._store = store
        self._laws = laws
        self._memory = memory
        self._random = random
        self._rows = Retentions(store)
        self._done: date | None = None

    def tick(self, now: datetime, limit: int) -> list[Fired]:
        """Erase what is due, at most `limit` rows, each in a transaction of its own; one that fails holds up no other.

        All are due at the beginning of a civil day: when nothing is left, nothing is asked before the next one.
        """
        today = civil_date(now)
        if today == self._done:
            return []
        found = self._rows.due(now, limit)
        if not found:
            self._done = today
        fired = [one for due in found if (one := self._tried(due, now)) is not None]
        if fired:
            self._store.settle()
        return fired

    def _tried(self, due: Due, now: datetime) -> Fired | None:
        try:
            return self._fire(due, now)
        except Conflict:
            return None  # somebody was first: the next tick looks again
        except Exception as error:
            if isinstance(error, StoreError) and error.again:
                raise  # the database's fault, no row's
            logger.exception("rule %s cannot erase anything of case %s", due.rule, due.case)
            with self._store.connection(write=True) as connection:
                self._rows.put_off(connection, due, start_of_day(civil_date(now) + AGAIN))
            return None

    def _fire(self, due: Due, now: datetime) -> Fired | None:
        """None when it was taken away, or fired, meanwhile."""
        with self._store.connection(write=True) as connection:
            aside = Aside(self._store, self._laws, connection, Actor(person=SYSTEM), now, self._random)
            family = aside.locked(due.case)
            if not self._rows.waits(connection, due) or not family.ended:
                return None
            self._erase(connection, aside, family, due, now)
            self._rows.over(connection, due)
        self._memory.forget(family.root_id)
        return Fired(case=due.case, clock=RULE, rung=0, due_at=due.at, fired_at=now, event=EVENT.name)

    def _erase(self, connection: Connection, aside: Aside, family: Family, due: Due, now: datetime) -> None:
        """A line says so, unless there was nothing: the voter had given no name, or somebody has erased it before."""
        fields = self._laws.pinned(family.records[due.case].definition).kept.get(due.rule, ())
        note = {"erased_by": SYSTEM, "reason": due.rule, "erased_at": now.isoformat()}
        gone = Erasure(connection, self._store.tables).erase_own(due.case, fields, note)
        if not gone:
            return
        after = aside.locked(due.case)
        forget(self._store, self._laws, connection, family, after)
        shown = {id_: {"@erased": until, RULE: due.rule} for id_, (_, until) in gone.items()}
        aside.tell(after, EVENT, shown, None, cause="lapse")
