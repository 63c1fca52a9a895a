"""What a person may not know of is not told to him: no refusal, and no form that names another case, says that it is there."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from .call import Call, check_id, check_texts, no_case
from .errors import Conflict, NotFound, Refused, WorkflowError
from .firing import fit
from .laws import Laws
from .model import Actor
from .reader import TOGETHER
from .sight import Sight
from .store import listing
from .store.sql import Store
from .store.work import Host

__all__ = ["Unseen"]


class Unseen:
    """The cases that whoever calls may not know of."""

    def __init__(self, store: Store, laws: Laws, sight: Sight) -> None:
        self._store = store
        self._laws = laws
        self._sight = sight

    def told(self, error: WorkflowError, call: Call, session: Host | None) -> WorkflowError:
        """The refusal, unless it would tell of a case that this person may not know of."""
        if call.case is None or call.imported or call.actor.invitation is not None:
            return error
        if isinstance(error, Conflict) and error.revision is None:
            return error
        if not isinstance(error, (Refused, Conflict, NotFound)) or self.sees(call.case, call.actor, session):
            return error
        told = no_case(call.case)
        told.__cause__ = error
        return told

    def looked_up(self, calls: list[Call], session: Host | None) -> list[Call]:
        """With the cases that their data name, that there are and that whoever calls may not know of: asked once for each person,
        not for each call.
        """
        names, wanted, unseen = self._laws.cases_named(), dict[Actor, set[str]](), dict[Actor, set[str]]()
        for call in calls:
            if not (call.imported or names.isdisjoint(call.data)):
                named = fit(call.data[name] for name in call.data.keys() & names)
                wanted.setdefault(call.actor, set()).update(named)
        for actor, cases in wanted.items():
            unseen[actor] = self._unseen(sorted(cases), actor, session)
        return [self._knowing(call, names, unseen.get(call.actor, set())) for call in calls]

    @staticmethod
    def _knowing(call: Call, names: Collection[str], unseen: set[str]) -> Call:
        if call.imported or not unseen:
            return call
        named = {call.data[name] for name in names if isinstance(call.data.get(name), str)}
        return call._replace(unseen=frozenset(named & unseen))

    def _unseen(self, cases: Sequence[str], actor: Actor, session: Host | None) -> set[str]:
        """Those of these cases that there are, and that this person may not know of."""
        found = set[str]()
        try:
            check_texts(person=actor.person)
        except WorkflowError:
            return found  # the refusal of what nobody can be called tells nothing
        with self._store.connection(session) as connection:
            for start in range(0, len(cases), TOGETHER):
                some = cases[start : start + TOGETHER]
                seen = self._sight.narrowed(connection, listing.named(self._store, some), actor, "named")
                left = sorted({*some} - {*connection.execute(seen).scalars()})
                found |= {*connection.execute(listing.named(self._store, left)).scalars()} if left else set()
        return found

    def sees(self, case: str, actor: Actor, session: Host | None) -> bool:
        """Whether there is the case, and that person may know of it."""
        try:
            check_id(case)
            check_texts(person=actor.person)
        except WorkflowError:
            return True  # the refusal of what nobody can have tells nothing
        return bool(self.seen([case], actor, session))

    def seen(self, cases: Sequence[str], actor: Actor, session: Host | None) -> set[str]:
        """Those of these cases that there are, and that person may know of."""
        with self._store.connection(session) as connection:
            return self._sight.seen(connection, cases, actor)
