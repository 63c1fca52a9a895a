"""The engine: what a host, the HTTP service, the scheduler and the command line call.

Its parts: reader.py (what is asked), firing.py, decision.py, store/.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import date
from typing import Any

from sqlalchemy import Engine as Database
from sqlalchemy import create_engine

from . import batch
from .alerts import Alerts
from .calendarkeeper import CalendarKeeper
from .call import Call, check_id, check_texts, no_case, no_id
from .clock import Clock, SystemClock, civil_date
from .definition import Definition
from .erasing import Erasing, Lapsing
from .errors import (
    Conflict,
    NotFound,
    Refused,
    StoreError,
    Text,
    WorkflowError,
)
from .family import Step
from .firing import Done, Firing
from .given import check_actor, check_are_texts, check_limit, check_list, wrong_kind
from .granting import Granting
from .health import Health
from .invitations import Invitations
from .laws import Laws
from .library import Library
from .loader import definition_from_content
from .memory import Memory
from .model import (
    Actor,
    Case,
    Fired,
    Grant,
    Invited,
    Issued,
    Outcome,
    PartialDate,
    Permission,
    Receipt,
    Request,
)
from .parties import Parties
from .permissions import Permissions
from .random import RandomSource, SystemRandom
from .reader import Reader
from .rulekeeper import RuleKeeper, fetched
from .showing import view
from .sight import Seen, Sight
from .store.examination import Examination
from .store.grants import Hours
from .store.schema import PREFIX
from .store.spare import OURS, SELDOM
from .store.sql import Store
from .store.work import Host, prepare_postgresql, prepare_sqlite
from .summary import Summary
from .sweep import Sweep
from .unseen import Unseen
from .vigil import Vigil
from .visibility import Viewer

KINDS = ("sqlite", "postgresql")
"""of databases, by the scheme of their URL"""


class Engine(Reader):
    """One per application, shared by its threads. What can be asked of it is in reader.py."""

    def __init__(
        self, database: Database | str, library: Library, *, place: str | None = None, prefix: str = PREFIX,
        clock: Clock | None = None, random: RandomSource | None = None,
    ) -> None:  # fmt: skip
        """`database` is a SQLAlchemy engine (made by `connect`, or the host's own) or a URL for `connect`.

        Raises NotFound for a place of which the library has no rules, StoreError for a database of another kind, FormInvalid for
        what is of another kind altogether.
        """
        _check_parts(database, library, place, prefix)
        if place is not None:
            library.book(place)
        self.database = self.connect(database) if isinstance(database, str) else database
        store = Store(self.database, prefix)
        laws = Laws(library, place, self._fetch, lambda version: fetched(store, version))
        self.clock = clock or SystemClock()
        self.random = random or SystemRandom()
        self._memory = Memory()
        self._firing = Firing(store, laws, self._memory, self.clock, self.random)
        sight = Sight(store, laws, lambda: civil_date(self._firing.now()))
        super().__init__(store, laws, sight, CalendarKeeper(store, laws, self._firing.now), self._firing.now)
        self.rules = RuleKeeper(self.store, self.laws, self._firing.now)
        self.summary = Summary(self.store, self.laws, self.sight, self._firing.now)
        self._invitations = Invitations(self.store, self.laws, self.sight, self._firing.now, self.random)
        self._vigil = Vigil(self.store, self.clock, self._firing.now)
        self.alerts = Alerts(self.store, self.laws, self.clock, sight.reached, self._vigil.doubts)
        lapsing = Lapsing(self.store, self.laws, self._memory, self.random)
        self._hours = Hours(self.store)
        self._sweep = Sweep(
            self.store, self.laws, self._memory, self._firing.now, self.random, self._vigil, lapsing
        )  # fmt: skip
        self.parties = Parties(
            self.store, library, self._firing.now, self.random, self._memory.forget_person,
            lambda connection, actor: sight.viewer(connection, actor).held(),
        )  # fmt: skip
        self._granting = Granting(self.store, library, self.parties, self._firing.now, self.random)
        self._unseen = Unseen(self.store, self.laws, sight)
        self._permissions = Permissions(store, laws, self._firing, self._unseen, self.random)

    @staticmethod
    def connect(url: str) -> Database:
        """A SQLAlchemy engine that keeps our promises: on SQLite real transactions, FULL synchronous, a patient wait.

        Raises StoreError for the URL of another kind of database.
        """
        scheme, separator, _ = url.partition("://")
        if not separator or scheme.partition("+")[0] not in KINDS:
            shown = scheme if separator else "?"  # what is no URL may hold anything
            raise StoreError(
                Text(
                    f"数据库须为 sqlite:///文件 或 postgresql://…，不能是 {shown}",
                    f"the database must be sqlite:///FILE or postgresql://…, not {shown}",
                )
            )
        if url.startswith("postgresql"):
            _, _, rest = url.partition("://")
            arguments = {"prepare_threshold": SELDOM}
            database = create_engine(
                f"postgresql+psycopg://{rest}", connect_args=arguments, pool_reset_on_return=None,
                execution_options={OURS: True},
            )  # fmt: skip
            prepare_postgresql(database)
            return database
        database = create_engine(
            url, connect_args={"check_same_thread": False}, execution_options={OURS: True}
        )
        if database.dialect.name == "sqlite":
            prepare_sqlite(database)
        return database

    @property
    def library(self) -> Library:
        """The definitions in use."""
        return self.laws.library

    # -- set-up

    def create_schema(self) -> None:
        """Bring the tables to the newest version, refuse unsafe settings, publish the definitions in use. Safe to repeat."""
        from .migrations import upgrade

        self.store.check()
        upgrade(self.database, self.store.prefix)
        self.publish(Actor(person="set-up"))

    def publish(self, actor: Actor) -> list[Definition]:
        """Publish every definition that is not published yet; from then on its content cannot change.

        Raises Conflict when a name and version is published with other content: raise the version.
        """
        check_actor(actor)
        published = []
        with self.store.connection(write=True) as connection:
            for _, definition in sorted(self.library.definitions.items()):
                if self.store.published(connection, definition.hash) is None:
                    self.store.publish(connection, definition, self._firing.now().isoformat(), actor.person)
                    published.append(definition)
        self.rules.before(None)
        return published

    def sync_grants(
        self, person: str, grants: Iterable[Grant], *, by: str, session: Host | None = None
    ) -> None:
        """A person's grants become exactly these: how a host's directory enters. Roles that follow from the register of parties
        stay as they are, and so does what somebody lent to him while he is still a colleague. Raises NotPermitted, NotFound;
        FormInvalid for a new one that could give nothing.
        """
        self._granting.sync(person, grants, by=by, session=session)
        self._memory.forget_person(person)

    def grant(
        self, person: str, role: str, scope: str, *, unit: str | None = None, by: str = "set-up",
        valid_from: date | None = None, valid_until: date | None = None,
    ) -> None:  # fmt: skip
        """Add one grant to those a person has; one that he has stays one. Dates are civil and inclusive. Raises as
        `sync_grants` does.
        """
        new = Grant(
            id="", person=person, role=role, scope=scope, unit=unit, valid_from=valid_from, valid_until=valid_until,
        )  # fmt: skip
        self._granting.add(person, new, by=by)
        self._memory.forget_person(person)

    # -- events

    def start(
        self, kind: str, actor: Actor, data: Mapping[str, Any], *, tenant: str, key: str | None = None,
        effective_on: date | PartialDate | None = None, reason: str | None = None, imported: bool = False,
        id: str | None = None, receipt: Receipt | None = None, dry_run: bool = False, session: Host | None = None,
    ) -> Case:  # fmt: skip
        """Open a case. Raises Refused, KeyReused. `receipt`, `dry_run` as in `fire`.

        `imported`: a recorded fact of the past. No permission is asked, nothing is required, unknown stays unknown, no message
        is written and no past timer armed. `id` lets an import choose a repeatable id: up to 40 characters, as naming.py has it.
        """
        call = Call(
            event="start", actor=actor, data=data, kind=kind, tenant=tenant, key=key, effective_on=effective_on,
            reason=reason, imported=imported, id=id, receipt=self._receipt(receipt),
        )  # fmt: skip
        return self._made(call, receipt, dry_run, session)

    def fire(
        self, case: str, event: str, actor: Actor, data: Mapping[str, Any] | None = None, *, revision: int | None = None,
        key: str | None = None, effective_on: date | PartialDate | None = None, reason: str | None = None,
        imported: bool = False, number: str | None = None, receipt: Receipt | None = None, dry_run: bool = False,
        session: Host | None = None,
    ) -> Case:  # fmt: skip
        """Fire one event. Raises Refused with every reason, Conflict when `revision` is not the current one (or somebody kept
        being first), KeyReused, NotFound. With `session` (a SQLAlchemy Session or Connection) it happens inside the host's
        transaction, and the host commits it.

        `imported` as in `start`; `number` is the number an imported record bears where the event would draw one (imports draw
        none, and the next one drawn there is higher). `receipt` is stored beside the key in the same transaction and given back
        with it. `dry_run` asks everybody who is asked otherwise and writes nothing: the case is what it would be, without a
        number it would draw.
        """
        if case is None:  # it would open one
            raise no_id(case)
        call = Call(
            case=case, event=event, actor=actor, data={} if data is None else data, revision=revision, key=key,
            effective_on=effective_on, reason=reason, imported=imported, number=number, receipt=self._receipt(receipt),
            asked=receipt.asked if receipt else None,
        )  # fmt: skip
        return self._made(call, receipt, dry_run, session)

    def batch(self, requests: Sequence[Request], *, session: Host | None = None) -> list[Outcome]:
        """Fire (or start) many in one transaction, each in a savepoint: a row that is refused does not spoil the others.

        Raises FormInvalid where one is no Request at all: then nothing is done.
        """
        check_list(requests=requests)
        requests = list(requests)  # they may come one by one, and are looked at twice
        for row, one in enumerate(requests):
            if not isinstance(one, Request):
                raise wrong_kind(f"requests[{row}]", one, " Request", "a Request")
        given = [
            Call(
                r.event, r.actor, r.data, r.case, r.kind, r.tenant, r.id, r.revision, r.key, r.effective_on, r.reason,
            )
            for r in requests
        ]  # fmt: skip
        wrong = {row: error for row, call in enumerate(given) if (error := call.flaw()) is not None}
        calls = [call for row, call in enumerate(given) if row not in wrong]
        outcomes = []
        self.rules.before(session)
        self.calendars.before(session)
        calls = self._unseen.looked_up(calls, session)
        made = zip(calls, batch.run(self._firing, self.store, calls, session), strict=True)
        for row in range(len(given)):
            if row in wrong:
                outcomes.append(Outcome(row=row, error=wrong[row]))
                continue
            call, done = next(made)
            if isinstance(done, WorkflowError):
                outcomes.append(Outcome(row=row, error=self._unseen.told(done, call, session)))
            else:
                outcomes.append(Outcome(row=row, case=self._answer(done, session)))
        self.rules.after(session)
        return outcomes

    def permitted(
        self, case: str, actor: Actor, *, events: Collection[str] | None = None, session: Host | None = None
    ) -> list[Permission]:
        """Every event of the case's definition (of these, where some are named) with yes, or no and every reason: what `fire`
        would answer to a full form. Who may not fire it at all is told only that.
        """
        found = self.permitted_in([case], actor, events=events, session=session)
        if case not in found:
            raise no_case(case)
        return found[case]

    def permitted_in(
        self, cases: Sequence[str], actor: Actor, *, events: Collection[str] | None = None, session: Host | None = None
    ) -> dict[str, list[Permission]]:  # fmt: skip
        """`permitted` of each of these cases that there is and this person may know of; who he is is looked up once."""
        return self._permissions.of(cases, actor, events, session)

    def tick(self, limit: int = 100) -> list[Fired]:
        """Fire what is due, in due order, at most `limit` timers, and let roles end that were taken for some hours; call it until
        it returns nothing. Any number of nodes may: each timer fires in the transaction of its effect, compared and set, so
        exactly once. Nothing fires while the process holds back because its clock leapt (docs/scheduler.md).
        """
        check_limit(limit)
        self.rules.before(None)
        self.calendars.look()
        self._hours.end(self._firing.now())
        return self._sweep.tick(limit)

    def health(self) -> Health:
        """Whether somebody ticks and delivers, what waits since when, and what was caught up: for /health, `doctor`, a host."""
        with suppress(StoreError):  # what is wrong with the database is for the examination to say
            self.calendars.look()
        return Examination(self.store, self.laws.calendar, self.clock).health()

    # -- erasure

    def erase(self, case: str, fields: Sequence[str], *, actor: Actor, reason: str) -> int:
        """Erase values and their salts (PIPL art. 47), with every copy that was carried within the family, to cases it begot and
        from cases that begot it; the chain stays whole and says so in a line. Returns how many values went.

        For whoever holds a role that `erases`, without a unit, covering the case. Raises NotFound, NotPermitted, FormInvalid.
        """
        check_id(case)
        check_actor(actor)
        check_are_texts(reason=reason)
        check_list(fields=fields)
        named = list(fields)  # they may come one by one, and are looked at again and again
        check_texts(person=actor.person, reason=reason)
        now = self._firing.now()
        with self.store.connection(write=True) as connection:
            self.sight.learn(connection)  # every version that may have declared a field
            erasing = Erasing(self.store, self.laws, connection, actor, now, self.random)
            family = self.store.family(connection, case)
            if family is None or not self.sight.sees(connection, case, actor):
                raise no_case(case)
            grants = self.store.grants(connection, actor.person)
            permit = erasing.permit(family, family.records[case], grants)
            count, roots = erasing.erase(family, case, named, permit, reason)
        self.store.settle()
        for root in roots:
            self._memory.forget(root)
        return count

    # -- invitations

    def invite(
        self, case: str, event: str | Sequence[str], subject: str, *, until: date, by: Actor,
        session: Host | None = None,
    ) -> str:  # fmt: skip
        """A token with which `subject`, without an account, may fire that event (or those) of that case until that day.

        Only the congress's own office may issue it: an overseeing role that does not say `invites: false`, without a unit,
        covering the case, of a person barred from nothing here. It takes the place of an older one of his for the same, and the
        history says so. The token is returned once; only its hash is stored. Raises NotPermitted, NotFound, Conflict.
        """
        return self.issue(case, event, subject, until=until, by=by, session=session).token

    def issue(
        self, case: str, event: str | Sequence[str], subject: str, *, until: date, by: Actor, send: bool = False,
        session: Host | None = None,
    ) -> Issued:  # fmt: skip
        """As `invite`. `send`: it goes to his own addresses, if he has any; in a letter under way the token stands in plain text
        until it has arrived or the invitation has ended.
        """
        if not isinstance(event, str):
            check_list(event=event)
        events = [event] if isinstance(event, str) else list(event)
        found = self._invitations.invite(
            case, events, subject, until=until, by=by, send=send, session=session
        )
        self._memory.forget(case)
        return found

    def revoke(self, invitation: str, *, by: Actor, session: Host | None = None) -> Invited:
        """End an invitation, named by the id that `invitations` gives; for those who may invite. Raises as `invitations`."""
        check_are_texts(invitation=invitation)
        check_actor(by, "by")
        return self._invitations.revoke(invitation, by, session)

    def invitations(self, case: str, *, by: Actor, session: Host | None = None) -> list[Invited]:
        """The invitations to a case, the oldest first, never with their tokens. For those who may invite. Raises NotPermitted,
        NotFound.
        """
        check_actor(by, "by")
        return self._invitations.of(case, by, session)

    def reached(self, persons: Collection[str], *, session: Host | None = None) -> dict[str, list[str]]:
        """Person -> the channels by which a link would be sent to him; who has no address of his own is not in it."""
        check_list(persons=persons)
        return self._invitations.reached(persons, session)

    # -- the small parts

    def _shown(self, step: Step, case: str) -> Case:
        """The outcome as it is shown to who brought it about."""
        record, root = step.family.records[case], step.family.root
        if not step.person or not (self.laws.pinned(record.definition).definition.hides or record.slot):
            return view(self.laws, record)
        viewer = Viewer(step.person, step.grants, civil_date(self._firing.now()))
        return self.show(Seen(record, self.sight.hidden(record, root, viewer)))

    def _receipt(self, receipt: Receipt | None) -> Callable[[Step, str], str] | None:
        return None if receipt is None else lambda step, case: receipt(self._shown(step, case))

    def _made(self, call: Call, receipt: Receipt | None, dry_run: bool, session: Host | None) -> Case:
        call.check_kinds()
        self.rules.before(session)
        self.calendars.before(session)
        if not self.laws.cases_named().isdisjoint(call.data):
            (call,) = self._unseen.looked_up([call], session)
        try:
            done = self._firing.rehearse(call, session) if dry_run else self._firing.run(call, session)
            self.rules.after(session)
        except (Refused, Conflict, NotFound) as error:
            told = self._unseen.told(error, call, session)
            if told is error:
                raise
            raise told from error
        if receipt is not None and done.stored is not None:
            receipt.text = done.stored.get("receipt")
        return self._answer(done, session)

    def _answer(self, done: Done, session: Host | None) -> Case:
        if done.step is not None:
            return self._shown(done.step, done.case)
        stored = done.stored or {}
        line = self._lines(done.case, session, stored["seq"] - 1, 1)[0]
        again = None if line.automatic == "import" else Actor(person=line.actor)
        found = self.case_at(done.case, stored["seq"], session=session)
        return self._veiled(
            found._replace(revision=stored["revision"], due_on=stored["due_on"]), again, session
        )

    def _fetch(self, content_hash: str) -> Definition:
        with self.store.connection() as connection:
            found = self.store.published(connection, content_hash)
        if found is None:
            text = Text(
                f"没有内容哈希为 {content_hash} 的定义", f"no definition with the content hash {content_hash}"
            )
            raise NotFound(text)
        return definition_from_content(found.content, self.library)


def _check_parts(database: Any, library: Any, place: Any, prefix: Any) -> None:
    """What an engine is made of is of the right kind. Raises FormInvalid with the name of what is not."""
    if not isinstance(database, (str, Database)):
        right = (" SQLAlchemy 的 Engine 或数据库的 URL", "an SQLAlchemy Engine or the URL of a database")
        raise wrong_kind("database", database, *right)
    if not isinstance(library, Library):
        raise wrong_kind(
            "library", library, " load_definitions(…) 所读的定义", "what load_definitions(…) gives"
        )
    check_are_texts(prefix=prefix, **({} if place is None else {"place": place}))
