"""Many calls in one transaction: their families locked in order, read together, decided one after the other, written together.

Authoritative is still the revision: each root is compared in the statement that writes them all. What can fail: a grant is gone,
a key was written, the database refuses a row. Then all of that go is undone and made row by row, each in a savepoint, so that
each gets its own answer. A call that needs more (a number, an invitation, a new case) goes by itself when its turn comes.
Batches that draw numbers take their series in order before they draw: two that draw from the same ones in opposite order
would else wait for each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from .call import UNFIT, Call
from .clock import civil_date
from .errors import WorkflowError
from .family import Family, Step
from .firing import Done, Firing, Stale
from .model import Grant
from .store.errors import KeyTaken
from .store.sql import Store
from .store.work import Host, Work

TOGETHER = 100
"""calls that are written in one go"""


def run(firing: Firing, store: Store, calls: Sequence[Call], host: Host | None) -> list[Done | WorkflowError]:
    """Make the calls in one transaction, in order; a refused one leaves its refusal in its place."""
    named = sorted({call.case for call in calls if call.case is not None and not UNFIT.search(call.case)})
    done: list[Done | WorkflowError] = []
    with store.work(host) as work, work.atomic():
        locked = store.lock_all(work, named)
        # Inside a host's transaction nothing is taken from memory.
        together = _Together(firing, store, work, {} if work.hosted else locked)
        store.lock_series(work, sorted({name for call in calls for name in firing.series(call)}))
        for start in range(0, len(calls), TOGETHER):
            done += together.run(calls[start : start + TOGETHER])
    for one in done:
        if isinstance(one, Done):
            firing.remember(one, host)
    return done


class _Waiting(NamedTuple):
    """A call to be decided and written with others."""

    row: int
    call: Call
    family: Family
    held: Sequence[Grant]


class _Together:
    """Calls whose families are locked."""

    def __init__(self, firing: Firing, store: Store, work: Work, revisions: dict[str, int]) -> None:
        self._firing = firing
        self._store = store
        self._work = work
        self._revisions = revisions
        self._families: dict[str, Family] = {}
        self._root_of: dict[str, str] = {}
        self._waiting: dict[str, _Waiting] = {}
        self._done: dict[int, Done | WorkflowError] = {}

    def run(self, calls: Sequence[Call]) -> list[Done | WorkflowError]:
        """What came of each call, in their order."""
        fit = [call.case is not None and _fit(call) for call in calls]
        given = [call for call, sound in zip(calls, fit, strict=True) if sound]
        keys = [key for call in given if (key := call.scoped_key) is not None]
        cases = [case for case in sorted({call.case for call in given if call.case}) if not self._known(case)]
        found = self._store.read_all(self._work, cases, sorted({call.actor.person for call in given}), keys)
        for family in found.families:
            self._keep(family)
        used = set(found.answered)
        for index, call in enumerate(calls):
            root, key = self._root_of.get(call.case or "", ""), call.scoped_key
            if root in self._waiting:
                self._write()
            there, held = self._families.get(root), found.grants[call.actor.person] if fit[index] else ()
            lent = any(grant.on_behalf_of for grant in held)
            if there is None or not fit[index] or lent or key in used or self._firing.needs_more(call, there):
                self._by_itself(index, call)
            else:
                self._waiting[root] = _Waiting(index, call, there, held)
            if key is not None:
                used.add(key)
        self._write()
        done, self._done = self._done, {}
        return [done[index] for index in range(len(calls))]

    def _known(self, case: str) -> bool:
        """Whether the case's family is here, or remembered at the revision that is locked."""
        if self._root_of.get(case) in self._families:
            return True
        family = self._firing.current(case, self._revisions)
        if family is not None:
            self._keep(family)
        return family is not None

    def _forget(self, case: str) -> None:
        root = self._root_of.get(case, "")
        self._families.pop(root, None)
        self._revisions.pop(root, None)

    def _keep(self, family: Family) -> None:
        self._families[family.root_id] = family
        for case in family.records:
            self._root_of[case] = family.root_id

    def _by_itself(self, index: int, call: Call) -> None:
        self._write()
        self._forget(call.case or "")
        self._done[index] = self._firing.row(self._work, call)

    def _write(self) -> None:
        waiting, self._waiting = list(self._waiting.values()), {}
        if not waiting:
            return
        decided: list[tuple[int, Call, Step]] = []
        try:
            with self._work.atomic(nested=True):
                for some in self._store.slices(self._work, len(waiting)):
                    steps = self._decided(waiting[some], decided)
                    _fresh(not steps or self._store.write_all(self._work, steps))
                _fresh(self._store.arrived(self._work))
        except (Stale, KeyTaken, WorkflowError):
            for index, call, family, _ in waiting:
                if index not in self._done:
                    self._forget(family.root_id)
                    self._done[index] = self._firing.row(self._work, call)
        else:
            for index, call, step in decided:
                self._done[index] = Done(call.case or "", step)

    def _decided(
        self, waiting: Sequence[_Waiting], decided: list[tuple[int, Call, Step]]
    ) -> list[tuple[Step, str, str]]:
        """The steps of these calls as they are written; a refusal is done with."""
        steps = []
        for index, call, family, held in waiting:
            try:
                step, now = self._firing.decided(call, family, held)
            except WorkflowError as error:
                self._done[index] = error
                continue
            self._keep(step.family)
            decided.append((index, call, step))
            steps.append((step, step.history[0].recorded_at, civil_date(now).isoformat()))
        return steps


def _fresh(written: bool) -> None:
    if not written:
        raise Stale


def _fit(call: Call) -> bool:
    try:
        call.check()
    except WorkflowError:
        return False
    return True
