"""The register of parties: congresses, deputies, units, stations, whatever kinds the definitions declare (docs/parties.md).

What stands in it is data with a log: who changed what, when and why. Of what is personal the log says only that it changed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from .clock import civil_date
from .errors import FormInvalid, NotFound, NotPermitted, Reason, Text
from .given import check_limit
from .library import Library
from .model import Actor, Grant, Party, PartyLine, Registered
from .random import RandomSource
from .registration import Registration, form_of
from .store.parties import PartyRows
from .store.sql import Store
from .store.work import Host

if TYPE_CHECKING:
    from .forms import Form

__all__ = ["Parties"]

PAGE = 100


class Parties:
    """One per engine: `engine.parties`."""

    def __init__(
        self, store: Store, library: Library, now: Callable[[], datetime], random: RandomSource,
        forget: Callable[[str], None], held: Callable[[Any, Actor], Sequence[Grant]],
    ) -> None:  # fmt: skip
        """`forget`: told of every person whose grants may have changed; `held`: what somebody holds today, who reads."""
        self._rows = PartyRows(store)
        self._store = store
        self._library = library
        self._now = now
        self._random = random
        self._forget = forget
        self._held = held
        self._forms: dict[str, Form] = {}

    # -- putting in

    def put(
        self, parties: Sequence[Party], *, by: Actor, reason: str | None = None, trusted: bool = False,
        dry_run: bool = False, session: Host | None = None,
    ) -> list[Registered]:  # fmt: skip
        """Parties become what is given: new ones are added, known ones changed, the same left alone. All, or none when one is
        refused; then the answer says of each why. Putting the same again changes nothing and writes no line.

        `trusted`: the operator at the command line, whose role nobody asks. `dry_run` judges and writes nothing. Raises
        Conflict when somebody registered one of them at the same moment.
        """
        return self._put(parties, self._registration(by, reason, trusted), session, write=not dry_run)

    def _registration(self, by: Actor, reason: str | None, trusted: bool) -> Registration:
        return Registration(
            rows=self._rows, library=self._library, form=self._form, random=self._random, now=self._now(), by=by,
            reason=reason, trusted=trusted,
        )  # fmt: skip

    def _put(
        self, parties: Sequence[Party], registration: Registration, session: Host | None, *, write: bool
    ) -> list[Registered]:
        with self._store.connection(session, write=write) as connection:
            answers = registration.put(connection, parties, write=write)
        for party in parties if write else ():
            self._forget(party.id)
        return answers

    def add(
        self, party: Party, *, by: Actor, reason: str | None = None, trusted: bool = False, session: Host | None = None
    ) -> Party:  # fmt: skip
        """A new party. Raises FormInvalid or NotPermitted with every reason, Conflict when the id is taken."""
        return self._one(party, by, reason, trusted, session, fresh=True)

    def change(
        self, id: str, *, by: Actor, reason: str | None = None, revision: int | None = None, trusted: bool = False,
        session: Host | None = None, **what: Any,
    ) -> Party:  # fmt: skip
        """The party with these of its fields changed; `attributes` and `personal` name only those that change, None takes one
        out. A change of `status` needs a reason. Raises NotFound, Refused, Conflict when `revision` is not the current one.
        """
        registration = self._registration(by, reason, trusted)
        with self._store.connection(session, write=True) as connection:
            # Read under the lock under which it is written: of two who change different things neither undoes the other's.
            party = self._rows.read(connection, _fit([id]), lock=True).get(id)
            if party is None:
                raise _no_party(id)
            if "attributes" in what:
                what["attributes"] = {**party.attributes, **what["attributes"]}
            if "personal" in what:
                what["personal"] = {**self._rows.personal(connection, [id]).get(id, {}), **what["personal"]}
            changed = replace(party, **{"bonds": None, "revision": revision or 0, **what})
            answer = registration.put(connection, [changed], write=True)[0]
        self._forget(id)
        return _accepted(answer)

    def _one(
        self, party: Party, by: Actor, reason: str | None, trusted: bool, session: Host | None, *, fresh: bool = False
    ) -> Party:  # fmt: skip
        registration = self._registration(by, reason, trusted)
        registration.fresh = fresh
        return _accepted(self._put([party], registration, session, write=True)[0])

    def erase(self, id: str, names: Iterable[str], *, by: Actor, reason: str) -> int:
        """Take personal values out for good (PIPL art. 47); the log says that and why. How many went. Raises NotFound."""
        if not reason.strip():
            raise NotPermitted(
                [Reason(code="reason", text=Text("删除须写明理由", "erasing needs a reason"), field="reason")]
            )
        gone = set(names)
        with self._store.connection(write=True) as connection:
            if not self._rows.read(connection, [id], lock=True):
                raise _no_party(id)
            before = self._rows.personal(connection, [id]).get(id, {})
            left = {name: value for name, value in before.items() if name not in gone}
            if len(left) < len(before):
                self._rows.write_personal(connection, {id: left})
                changes = {"@personal": sorted(before.keys() - left.keys())}
                line = PartyLine(
                    party=id,
                    recorded_at=self._now(),
                    actor=by.person,
                    what="erased",
                    reason=reason,
                    changes=changes,
                )
                self._rows.write_log(connection, [line])
        self._store.settle()
        return len(before) - len(left)

    # -- questions

    def get(self, id: str, *, actor: Actor | None = None, session: Host | None = None) -> Party:
        """The party with its bonds, past ones too; with `actor`, only if that person may know of it. Raises NotFound."""
        with self._store.connection(session) as connection:
            p = self._rows.tables.party
            found = self._rows.found(
                connection, self._seen(connection, p.select().where(p.c.id == id), actor)
            )
        if not found:
            raise _no_party(id)
        return found[0]

    def find(
        self, *, actor: Actor | None = None, kind: str | None = None, tenant: str | None = None, parent: str | None = None,
        status: str | None = None, ids: Collection[str] | None = None, names: Collection[str] | None = None,
        bond: tuple[str, str] | None = None, on: date | None = None,
        after: str | None = None, limit: int = PAGE, session: Host | None = None,
    ) -> list[Party]:  # fmt: skip
        """Parties by id, at most `limit`; `after` is the last id of the page before. `ids`, `names`: any of these, some thousands
        at most. `bond`: bound so to that other party, (`group`, id). `on`: valid, and bound, on that civil date.
        """
        check_limit(limit)
        texts = (kind, tenant, parent, status, after, *(ids or ()), *(names or ()), *(bond or ()))
        if not all(text.isprintable() for text in texts if text):
            return []  # nobody is called so, and PostgreSQL would not even look
        query = self._rows.search(
            kind=kind, tenant=tenant, parent=parent, status=status, ids=ids, names=names, bond=bond, on=on, after=after,
            limit=limit,
        )  # fmt: skip
        with self._store.connection(session) as connection:
            return self._rows.found(connection, self._seen(connection, query, actor))

    def names(self, ids: Collection[str], *, session: Host | None = None) -> dict[str, str]:
        """What these parties are called, by id, without those that are not in the register; one statement for hundreds."""
        wanted = {id_ for id_ in ids if id_.isprintable()}
        if not wanted:
            return {}
        with self._store.connection(session) as connection:
            return self._rows.names(connection, wanted)

    def tree(
        self, root: str, *, actor: Actor | None = None, kinds: Sequence[str] | None = None, limit: int = 1000,
        session: Host | None = None,
    ) -> list[Party]:  # fmt: skip
        """A party and all below it, level by level, through those kinds only if any are named."""
        query = self._rows.below(root, kinds, limit)
        with self._store.connection(session) as connection:
            return self._rows.found(connection, self._seen(connection, query, actor))

    def log(
        self,
        id: str,
        *,
        actor: Actor | None = None,
        after: int = 0,
        limit: int = PAGE,
        session: Host | None = None,
    ) -> list[PartyLine]:
        """Who changed what, when and why, the oldest first, from the line `after`. Raises NotFound."""
        self.get(id, actor=actor, session=session)
        with self._store.connection(session) as connection:
            return self._rows.lines(connection, id, after, limit)

    def personal(
        self, ids: Collection[str], *, actor: Actor | None = None, session: Host | None = None
    ) -> dict[str, dict[str, Any]]:
        """id -> what is kept apart of it: for the person himself and for those who keep the register of his kind. Raises
        NotFound, NotPermitted.
        """
        found = self.find(ids=ids, actor=actor, limit=max(len(ids), 1), session=session)
        for missing in sorted(set(ids) - {party.id for party in found}):
            raise _no_party(missing)
        with self._store.connection(session) as connection:
            if actor is not None and not self._keeps(connection, found, actor):
                text = Text(
                    "只有本人和登记机关可以查看",
                    "only the person himself and the keepers of the register may see this",
                )
                raise NotPermitted([Reason(code="personal", text=text)])
            return {**{id_: {} for id_ in ids}, **self._rows.personal(connection, ids)}

    def _keeps(self, connection: Any, parties: Sequence[Party], actor: Actor) -> bool:
        """Whether that person is each of them, or keeps the register of its kind."""
        today, held = civil_date(self._now()), self._store.grants(connection, actor.person)
        return all(
            party.id == actor.person
            or any(
                g.role in self._library.party(party.kind).kept_by
                and g.unit is None
                and g.covers(party.tenant, today)
                for g in held
            )
            for party in parties
        )

    # -- grants

    def governed(self, connection: Any, person: str) -> frozenset[str]:
        """The roles of this person that follow from the register alone; none for whoever is not in it."""
        party = self._rows.read(connection, [person]).get(person)
        kind = self._library.parties.get(party.kind) if party else None
        return kind.governed if kind else frozenset()

    def office(self, connection: Any, person: str) -> str | None:
        """The role that is this party's own by what it is, as a deputy's: nobody else can hold it for him."""
        party = self._rows.read(connection, [person]).get(person)
        kind = self._library.parties.get(party.kind) if party else None
        return kind.role if kind else None

    def merged(self, connection: Any, person: str, grants: Sequence[Grant]) -> list[Grant]:
        """These grants, with those that follow from the register as they are. Raises NotPermitted for one that would not."""
        governed = self.governed(connection, person)
        if not governed:
            return list(grants)
        held = [g for g in self._store.grants(connection, person) if g.role in governed]
        known = {(g.role, g.scope, g.unit) for g in held}
        for grant in grants:
            if grant.role in governed and (grant.role, grant.scope, grant.unit) not in known:
                text = Text(
                    f"角色 {grant.role} 随登记的状态和任职而定，不能另行授予",
                    f"the role {grant.role} follows from the register and is not granted beside it",
                )
                raise NotPermitted([Reason(code="register", text=text, field=grant.role)])
        return [*(g for g in grants if g.role not in governed), *held]

    # -- the small parts

    def _form(self, kind: str) -> Form:
        if kind not in self._forms:
            self._forms[kind] = form_of(self._library.party(kind), self._library.codes)
        return self._forms[kind]

    def _seen(self, connection: Any, query: Any, actor: Actor | None) -> Any:
        if actor is None:
            return query
        return query.where(self._rows.visible(actor.person, self._held(connection, actor)))


def _accepted(answer: Registered) -> Party:
    """The party as it stands now. Raises NotPermitted or FormInvalid with every reason why it was refused."""
    if answer.reasons:
        kind = NotPermitted if any(r.code in ("role", "own_party") for r in answer.reasons) else FormInvalid
        raise kind(answer.reasons)
    return answer.party


def _fit(ids: Sequence[str]) -> list[str]:
    """The ids that anybody can have."""
    return [id_ for id_ in ids if id_.isprintable()]


def _no_party(id: str) -> NotFound:
    return NotFound(Text(f"没有登记 {id}", f"{id!r} is not registered"))
