"""What a person may do in cases, and why not what he may not: asked, never done."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import cache, partial

from .act import Act
from .call import Call, act_of, check_id, check_texts
from .decision import objections
from .family import Family
from .firing import OTHER_EVENT, Firing, ReadPerson
from .given import check_actor
from .laws import Laws
from .model import Actor, Permission
from .random import RandomSource
from .store.sql import Reading, Store
from .store.work import Host, Work
from .unseen import Unseen

__all__ = ["Permissions"]


class Permissions:
    """Of the cases of one store; one per engine."""

    def __init__(
        self, store: Store, laws: Laws, firing: Firing, unseen: Unseen, random: RandomSource
    ) -> None:
        self._store = store
        self._laws = laws
        self._firing = firing
        self._unseen = unseen
        self._random = random

    def of(
        self, cases: Sequence[str], actor: Actor, events: Collection[str] | None, session: Host | None
    ) -> dict[str, list[Permission]]:
        """By case, of those that there are and this person may know of: each event (of these, where some are named) with yes or
        no and every reason. Who he is is looked up once.
        """
        for case in cases:
            check_id(case)
        check_actor(actor)
        check_texts(person=actor.person, on_behalf_of=actor.on_behalf_of)
        if actor.invitation is None:
            seen = self._unseen.seen(cases, actor, session)
            cases = [case for case in cases if case in seen]
        asked = []
        with self._store.work(session) as work:
            lenders = cache(partial(self._store.read_person, work))
            for case, reading in self._readings(work, cases, actor.person):
                if reading.family is not None:
                    act = self._act(work, case, actor, reading, reading.family, lenders)
                    asked.append((case, reading.family, act, self._firing.invitation_events(work, actor)))
        return {
            case: self._listed(family, case, act, events, invited) for case, family, act, invited in asked
        }

    def _readings(self, work: Work, cases: Sequence[str], person: str) -> list[tuple[str, Reading]]:
        """What is known of each of these cases, in one statement for each kind of thing, however many they are."""
        if len(cases) < 2:
            return [(case, self._store.read(work, case, person, None)) for case in cases]
        found = self._store.read_all(work, cases, [person], [])
        families = {id_: family for family in found.families for id_ in family.records}
        return [(case, Reading(families.get(case), found.grants[person], None)) for case in cases]

    def _act(
        self, work: Work, case: str, actor: Actor, reading: Reading, family: Family, lenders: ReadPerson
    ) -> Act:
        """The act that is asked about: whose, by which grants, with which other cases in sight."""
        call = Call(case=case, event="", actor=actor, data={})
        act, _ = self._firing.invited(work, act_of(call, self._firing.now(), reading), case, None)
        act = self._firing.delegated(work, act, lenders)
        links = self._firing.links(family, case, self._laws.pinned(family.records[case].definition).links, {})
        return act._replace(linked=self._store.linked(work, links, hold=False)) if links else act

    def _listed(
        self,
        family: Family,
        case: str,
        act: Act,
        events: Collection[str] | None,
        invited: Collection[str] | None,
    ) -> list[Permission]:
        found = []
        for event in self._laws.pinned(family.records[case].definition).definition.events.values():
            if events is not None and event.name not in events:
                continue
            reasons = objections(self._laws, family, case, event.name, act, self._random)
            if invited is not None and event.name not in invited:
                reasons = (OTHER_EVENT, *reasons)
            form = {
                required: tuple(f.name for f in event.form if f.required is required)
                for required in (True, False)
            }
            found.append(
                Permission(
                    event=event.name, title=event.title, allowed=not reasons, reasons=reasons, form=form[True],
                    optional=form[False],
                )
            )  # fmt: skip
        return found
