"""The way of one event: read, decide, write, again if somebody was first.

    optimistic   read (or remember) without a lock, decide, one compare-and-set write; stale: once more
    locked       after two misses: lock the root, read, decide, write, commit; nobody can be first then
    hosted       the same inside a SAVEPOINT of the host's transaction; a lock error is the host's to retry

What can fail: the write finds another revision (`Stale`), the key was written meanwhile (`KeyTaken`), the database reports a
lock or serialization error (Conflict). All three leave nothing written, so the whole call is simply made again.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any, NamedTuple, TypeVar

from .act import Act
from .call import LIMITS, UNFIT, Call, act_of, check_revision, digest, no_case
from .clock import Clock, civil_date
from .decision import decide, decide_start
from .errors import (
    Conflict,
    KeyReused,
    NotFound,
    NotPermitted,
    Reason,
    Refused,
    Text,
    WorkflowError,
)
from .family import Family, Record, Step
from .laws import Law, Laws
from .memory import Memory
from .model import Actor, Grant
from .random import RandomSource, new_id
from .store.errors import KeyTaken
from .store.sql import Reading, Store
from .store.work import Host, Work
from .visibility import Viewer, hidden

logger = logging.getLogger("workflow.firing")
T = TypeVar("T")
TRIES = 6
OPTIMISTIC = 2
ReadPerson = Callable[[str], tuple[Grant, ...]]
"""a person -> all the grants there are of him"""


class Stale(Exception):
    """Somebody was first; nothing was written."""


class Done(NamedTuple):
    """What came of a call: a step that is written, or the answer its key got before."""

    case: str
    step: Step | None = None
    stored: Mapping[str, Any] | None = None


class Firing:
    """Runs calls and timers against a store."""

    def __init__(self, store: Store, laws: Laws, memory: Memory, clock: Clock, random: RandomSource) -> None:
        self._store = store
        self._laws = laws
        self._memory = memory
        self._clock = clock
        self._random = random

    def now(self) -> datetime:
        """The present instant in UTC. Raises WorkflowError for a clock without a zone."""
        now = self._clock.now()
        if now.tzinfo is None:
            raise WorkflowError(Text("时钟给出了没有时区的时刻", "the clock gave an instant without a zone"))
        return now if now.tzinfo is UTC else now.astimezone(UTC)

    # -- calls

    def run(self, call: Call, host: Host | None) -> Done:
        """Make the call until it is written or refused."""
        call.check()
        one = self._start if call.case is None else self._fire
        done = self._repeat(lambda work, begun: one(work, call, begun), host)
        self.remember(done, host)
        return done

    def rehearse(self, call: Call, host: Host | None) -> Done:
        """Decide as `run` would, and write nothing: no number is drawn, no invitation used. A key that was used gives what
        it would: the stored answer, or KeyReused.
        """
        call.check()
        now = self.now()
        with self._store.work(host) as work:
            if call.case is None:
                stored = self._store.answer(work, call.scoped_key)
                if stored is not None:
                    return self._answered(stored, call)
                grants = self._store.read_person(work, call.actor.person)
                act = self.delegated(work, act_of(call, now, Reading(None, grants, None)))
                act = self._linked(work, act, self._laws.latest(call.kind))
                act = self._named(work, act, self._laws.latest(call.kind), "start")
                case = call.id or new_id(self._random, now)
                step = decide_start(self._laws, call.kind, case, call.tenant, act, self._random)
                if self._laws.latest(call.kind).definition.start.once:
                    self._refuse_second(work, step.family.root)
                return Done(case, step)
            reading = self._store.read(work, call.case, call.actor.person, call.scoped_key)
            if reading.answer is not None:
                return self._answered(reading.answer, call)
            if reading.family is None:
                raise no_case(call.case)
            self._check_revision(call, reading.family, reading.grants)
            act, _ = self.invited(work, act_of(call, now, reading), call.case, call.event)
            act = self.delegated(work, act)
            pinned = self._laws.pinned(reading.family.records[call.case].definition)
            act = self._named(work, act, pinned, call.event)
            links = self.links(reading.family, call.case, [call.event], call.data)
            if links:
                act = act._replace(linked=self._store.linked(work, links, hold=False))
            return Done(
                call.case, decide(self._laws, reading.family, call.case, call.event, act, self._random)
            )

    def row(self, work: Work, call: Call) -> Done | WorkflowError:
        """One call of many, in a savepoint of its own."""
        one = self._start if call.case is None else self._fire
        for _ in range(TRIES):
            try:
                call.check()
                with work.atomic(nested=True):
                    return one(work, call, True)
            except (Stale, KeyTaken):
                continue
            except WorkflowError as error:
                return error
        return Conflict(Text("他人一再先行一步，请重试", "somebody kept being first; try again"))

    def _repeat(self, run: Callable[[Work, bool], T], host: Host | None) -> T:
        with self._store.work(host) as work:
            for attempt in range(TRIES):
                begun = work.hosted or attempt >= OPTIMISTIC
                try:
                    with work.atomic() if begun else nullcontext():
                        return run(work, begun)
                except (Stale, KeyTaken):
                    continue
                except Conflict as conflict:
                    if work.hosted or conflict.revision is not None or attempt == TRIES - 1:
                        raise
        raise Conflict(Text("他人一再先行一步，请重试", "somebody kept being first; try again"))

    def _start(self, work: Work, call: Call, begun: bool) -> Done:
        stored = self._store.answer(work, call.scoped_key)
        if stored is not None:
            return self._answered(stored, call)
        now = self.now()
        grants = () if call.imported else self._store.read_person(work, call.actor.person)
        act = self.delegated(work, act_of(call, now, Reading(None, grants, None)))
        case = call.id or new_id(self._random, now)
        law = self._laws.latest(call.kind)
        act = self._linked(work, act, law)
        act = self._named(work, act, law, "start")
        start = law.definition.start
        compound = start.number is not None or start.begets is not None or bool(start.once)
        step = decide_start(self._laws, call.kind, case, call.tenant, act, self._random)
        with nullcontext() if begun else work.atomic(single=not compound):
            if start.number is not None and not call.imported:
                act = self._numbered(work, start.number, act, step.family.records[case])
                step = decide_start(self._laws, call.kind, case, call.tenant, act, self._random)
            if start.once:
                self._refuse_second(work, step.family.root)
            self._write(work, step, call, case, now)
        return Done(case, step)

    def _refuse_second(self, work: Work, record: Record) -> None:
        """Where the definition lets there be one: said here, held by the database's unique index whoever comes at once."""
        if self._store.keyed(work, record.number_key or "") is not None:
            # Not which: whoever asks may not know of it.
            raise Refused([Reason.of("once", "已有这样的案件", "there is such a case already")])

    def _fire(self, work: Work, call: Call, begun: bool) -> Done:
        case = call.case or ""
        remembered = (
            None if begun or call.actor.invitation else self._remembered(work, case, call.actor.person)
        )
        if remembered is not None:
            try:
                return self._perform(work, call, remembered, begun)
            except (Refused, Conflict, NotFound):
                self._memory.forget(case)
                self._memory.forget_person(call.actor.person)
        if begun:
            self._store.lock(work, case)
        reading = self._store.read(work, case, call.actor.person, call.scoped_key)
        if reading.answer is not None:
            return self._answered(reading.answer, call)
        if reading.family is None:
            raise no_case(case)
        self._memory.keep_person(call.actor.person, reading.grants)
        return self._perform(work, call, reading, begun)

    def _remembered(self, work: Work, case: str, person: str) -> Reading | None:
        """What a read would bring, with a remembered family; None without one, or where separation of powers bars units: there a
        "yes" does not rest on remembered grants either. Of a person not met yet only the grants are read.
        """
        family = self._memory.family(case)
        if family is None or self._laws.pinned(family.records[case].definition).definition.barred:
            return None
        grants = self._memory.grants(person)
        if grants is None:
            grants = self._store.read_person(work, person)
            self._memory.keep_person(person, grants)
        return Reading(family, grants, None)

    def delegated(self, work: Work, act: Act, read: ReadPerson | None = None) -> Act:
        """With the grants of those he acts for, or may act for: they give nothing, but they can bar. `read`: what reads them, if
        not the store.
        """
        others = {grant.on_behalf_of for grant in act.grants} | {act.actor.on_behalf_of}
        if others == {None} or act.imported:
            return act
        read = read or partial(self._store.read_person, work)
        theirs = [read(person) for person in sorted(filter(None, others))]
        return act._replace(grants=(*act.grants, *(grant for grants in theirs for grant in grants)))

    def _perform(self, work: Work, call: Call, reading: Reading, begun: bool) -> Done:
        family, case = reading.family, call.case or ""
        if family is None:
            raise no_case(case)
        record = family.records[case]
        self._check_revision(call, family, reading.grants)
        now = self.now()
        act, invitation = self.invited(work, act_of(call, now, reading), case, call.event)
        act = self.delegated(work, act)
        law = self._laws.pinned(record.definition)
        act = self._named(work, act, law, call.event)
        event = law.event(call.event)
        numbered = event.number is not None and record.number is None and not call.imported
        brought = self._brought(call, event.number)
        links = self.links(family, case, [call.event], call.data)
        # Decided before anything is begun: a refused event draws no number and holds no lock.
        step = None if links else decide(self._laws, family, case, call.event, act, self._random)
        with (
            nullcontext() if begun else work.atomic(single=not (numbered or brought or event.begets or links))
        ):
            if step is None:
                act = act._replace(linked=self._store.linked(work, links, hold=True))
                step = decide(self._laws, family, case, call.event, act, self._random)
            if (numbered or brought) and not begun:
                # The case before the series, as everybody else does.
                self._store.lock(work, case)
            if brought is not None:
                self._pass_by(work, event.number or "", step.family.records[case], brought)
            if numbered:
                # The scope is what the form has made of it.
                act = self._numbered(work, event.number or "", act, step.family.records[case])
                step = decide(self._laws, family, case, call.event, act, self._random)
            step.invitation = invitation
            self._write(work, step, call, case, now)
        return Done(case, step)

    def links(self, family: Family, case: str, events: Iterable[str], data: Mapping[str, Any]) -> list[str]:
        """The other cases that guards of these events ask about or that are named in their forms, in the order in which they
        are held.
        """
        record = family.records[case]
        law, found = self._laws.pinned(record.definition), list[Any]()
        if not law.links and not law.named:
            return []
        for event in events:
            found += [data.get(name) for name in law.named.get(event, ())]
            for name in law.links.get(event, ()):
                at_root = name.startswith("root.")
                given = family.root.data if at_root else {**record.data, **data}
                found.append(given.get(name.removeprefix("root.")))
        return fit(found)

    def _linked(self, work: Work, act: Act, law: Law) -> Act:
        """The start of a case with what is known of the cases its form names."""
        links = [] if act.imported else fit(act.data.get(name) for name in law.named.get("start", ()))
        return act._replace(linked=self._store.linked(work, links, hold=False)) if links else act

    def _named(self, work: Work, act: Act, law: Law, event: str) -> Act:
        """With what those hold whom the form names for what only some may be."""
        fields = law.appointing.get(event, ())
        if not fields or act.imported:
            return act
        given = (act.data.get(name) for name in fields)
        persons = fit(one for some in given for one in (some if isinstance(some, (list, tuple)) else (some,)))
        return act._replace(held={person: self._store.read_person(work, person) for person in persons})

    def current(self, case: str, revisions: Mapping[str, int]) -> Family | None:
        """The remembered family of a case if its root, now locked, still has the revision it is remembered with."""
        family = self._memory.family(case)
        if family is None:
            return None
        return family if revisions.get(family.root_id) == family.root.revision else None

    def needs_more(self, call: Call, family: Family) -> bool:
        """Whether the call needs more than its family, the person's grants and one write."""
        actor, record = call.actor, family.records[call.case or ""]
        if actor.invitation is not None or actor.on_behalf_of is not None:
            return True
        law = self._laws.pinned(record.definition)
        event = law.definition.events.get(call.event)
        return (
            event is None or event.begets is not None or (event.number is not None and record.number is None)
            or call.event in law.links or call.event in law.appointing
            or bool(self.links(family, record.id, [call.event], call.data))
        )  # fmt: skip

    def series(self, call: Call) -> set[str]:
        """The number series the call may draw from, by its event's name; perhaps more than it does."""
        if call.imported:
            return set()
        if call.case is None:
            laws = [law for law in self._laws.known() if law.definition.name == call.kind]
            events = [law.definition.start for law in laws]
        else:
            events = [e for law in self._laws.known() if (e := law.definition.events.get(call.event))]
        return {event.number for event in events if event.number is not None}

    def _check_revision(self, call: Call, family: Family, grants: Sequence[Grant]) -> None:
        """Raises Conflict when the caller has seen another revision: the one that was shown to him, by what he may see."""
        if call.revision is None:
            return
        record = family.records[call.case or ""]
        current = record.revision
        if call.actor.person and self._laws.pinned(record.definition).definition.hides:
            viewer = Viewer(call.actor.person, grants, civil_date(self.now()))
            current = hidden(self._laws, record, family.root, viewer).revision(record)
        check_revision(call, current)

    def decided(self, call: Call, family: Family, grants: Sequence[Grant]) -> tuple[Step, datetime]:
        """The step of a call that is not alone in its family, with its answer, not yet written. Raises Refused, Conflict."""
        case, now = call.case or "", self.now()
        self._check_revision(call, family, grants)
        act = act_of(call, now, Reading(family, tuple(grants), None))
        step = decide(self._laws, family, case, call.event, act, self._random)
        step.key = self._answer_of(step, call, case)
        return step, now

    def _write(self, work: Work, step: Step, call: Call, case: str, now: datetime) -> None:
        step.key = self._answer_of(step, call, case)
        self._write_step(work, step, now)

    def _write_step(self, work: Work, step: Step, now: datetime) -> None:
        """Raises Stale when somebody was first."""
        today = civil_date(now).isoformat()
        if not self._store.write(work, step, step.history[0].recorded_at, today):
            self._memory.forget(step.family.root_id)
            self._memory.forget_person(step.history[0].actor if step.history else "")
            raise Stale

    def _answer_of(self, step: Step, call: Call, case: str) -> tuple[str, str, str, str] | None:
        """What the key of the call is going to get whenever it comes again; with its case, whose erasures reach it."""
        key = call.scoped_key
        if key is None:
            return None
        record = step.family.records[case]
        answer = {"case": case, "seq": record.seq, "revision": record.revision, "due_on": record.due_on}
        if call.receipt is not None:
            answer["receipt"] = call.receipt(step, case)
        return key, call.body_hash(self._random.bytes(8).hex()), json.dumps(answer), case

    def _answered(self, stored: tuple[str, str], call: Call) -> Done:
        # An erasure takes the hash of what was sent with it: then the key alone says what is asked for.
        if stored[0] and stored[0] != call.body_hash(stored[0].partition(":")[0]):
            raise KeyReused(
                Text("同一幂等键曾用于另一请求", "this idempotency key was used for another request")
            )
        answer = json.loads(stored[1])
        return Done(answer["case"], None, answer)

    def remember(self, done: Done, host: Host | None) -> None:
        """Keep what was written in memory, or forget it where the host may still roll back."""
        if done.step is None:
            return
        for step in (done.step, *done.step.begotten):
            if host is None:
                self._memory.keep(step.family)
            else:
                # The host may still roll back.
                self._memory.forget(step.family.root_id)

    # -- the small parts

    def invitation_events(self, work: Work, actor: Actor) -> tuple[str, ...] | None:
        """The events an actor's invitation is for; None without one."""
        found = self._store.invitation(work, digest(actor.invitation)) if actor.invitation else None
        return tuple(found["event"].split(",")) if found else None

    def _brought(self, call: Call, series: str | None) -> int | None:
        """Which of its event's series the number is that an imported record bears; None when it is none of them."""
        if series is None or not call.imported or call.number is None:
            return None
        return self._laws.series(series).read(call.number)

    def _pass_by(self, work: Work, series: str, record: Record, number: int) -> None:
        scope = self._laws.scope_of(self._laws.series(series), record.tenant, record.data)
        self._store.pass_by(work, series, scope, number)

    def _numbered(self, work: Work, series: str, act: Act, record: Record) -> Act:
        declared = self._laws.series(series)
        scope = self._laws.scope_of(declared, record.tenant, record.data)
        drawn = self._store.draw(work, series, scope)
        return act._replace(number=declared.format.format(n=drawn), number_key=f"{series}/{scope}/{drawn}")

    def invited(self, work: Work, act: Act, case: str, event: str | None) -> tuple[Act, str | None]:
        """The act of somebody who comes with a token: he is its subject, here, for its event, until its day."""
        token = act.actor.invitation
        if token is None:
            return act, None
        found = self._store.invitation(work, digest(token))
        today = civil_date(act.now).isoformat()
        if (
            found is None
            or found["case_id"] != case
            or found["revoked_at"] is not None
            or found["until"] < today
        ):
            raise NotFound(Text("邀请不存在或已失效", "no such invitation, or it has ended"))
        if event is not None and event not in found["event"].split(","):
            raise NotPermitted([OTHER_EVENT])
        subject = str(found["subject"])
        # His grants are read for separation of powers: an invitation does not wash a unit off anybody.
        grants = self._store.read_person(work, subject)
        used = digest(token)
        return act._replace(actor=replace(act.actor, person=subject), grants=grants, link=used), used


def fit(values: Iterable[Any]) -> list[str]:
    """Those that can be ids of cases, in order."""
    found = (one for one in values if isinstance(one, str) and len(one) <= LIMITS["id"])
    return sorted({one for one in found if not UNFIT.search(one)})


OTHER_EVENT = Reason(
    code="invitation", text=Text("邀请不是为此事发出的", "the invitation is for another event")
)
