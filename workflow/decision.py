"""One decision: a family as read and an act go in; a step, or a "no" with its reasons, comes out. Pure: no IO, no now().

Authoritative is the family as read at one revision; the writing statement compares that revision, so nothing here needs a
lock. What follows from the act inside the family (children opened or ended, the root's event raised, joins satisfied) is
decided here too and lies in the same step. What can fail fails before anything is written.

    draft       the working copy            admission   may he, on that day          memo        rounds, two persons
    relations   who stands in them          clockwork   which clocks it touches      messages    what is told to whom
    line        history                     children    what follows in the family
    linkage     which other case it may name     coming      which days it may set
    running     what it would begin a second time         appointing  whom it may name
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from . import appointing, clockwork, coming, line, linkage, memo, messages, running, timers
from .act import Act, Cause
from .admission import admit, forbids
from .children import Children
from .clock import civil_date
from .definition import Definition, Event
from .draft import Draft
from .errors import GuardFailed, NotPermitted, Reason, Refused, Text
from .family import ARISES_FROM, ClockState, Family, Record, Step
from .history import key_of
from .laws import Law, Laws
from .machine import Subject
from .marks import marks
from .model import BY_LINK, SYSTEM, Actor
from .random import RandomSource, new_id
from .relations import relate

__all__ = ["Act", "Cause", "Tick", "decide", "decide_start", "decide_tick", "objections", "only"]

DEPTH = 8
"""how far one act may set off others; definitions that need more are refused rather than run away"""


KEY = 300
"""characters that the column of unique keys holds"""


@dataclass(frozen=True, slots=True)
class Tick:
    """What a clock's time brings: the step, the rungs it recorded, the automatic event it fired."""

    step: Step
    rungs: tuple[timers.Timer, ...]
    event: str | None


def decide(laws: Laws, family: Family, case: str, event: str, act: Act, source: RandomSource) -> Step:
    """The step of one event. Raises Refused (NotPermitted, FormInvalid, NotInState, GuardFailed, DeadlineRefused)."""
    decision = _Decision(laws, family, act, source)
    decision.perform(case, event)
    return decision.draft.finish()


def decide_start(laws: Laws, kind: str, case: str, tenant: str, act: Act, source: RandomSource) -> Step:
    """The step that opens a new root case. Raises Refused."""
    decision = _Decision(laws, Family({}, case), act, source)
    decision.open_root(laws.latest(kind), case, tenant)
    return decision.draft.finish()


def decide_tick(
    laws: Laws, family: Family, case: str, clock: str, now: datetime, source: RandomSource
) -> Tick | None:
    """The step of a clock whose time has come; None when it was stopped or moved meanwhile.

    Every rung that passed is recorded, only the highest is sent. The first day after the due day fires the clock's `missed`
    event, dated that day. Nothing here can decide: the event is automatic by definition, and refused otherwise.

    After an outage a family lives through what it missed in the order of its days: a step ends where another clock's event
    comes first, for that may stop this clock, and its later rungs never were.
    """
    state = family.records[case].clocks.get(clock)
    passed = timers.passed(laws, state, now) if state else ()
    if not passed:
        return None
    rungs = _together(family, case, clock, passed)
    missed = rungs[0].rung == timers.MISSED
    day = rungs[-1].on
    over = _over(laws, state, now) if state else False
    act = Act(actor=Actor(person=SYSTEM), now=now, day=day, effective_on=day.isoformat(), over=over)
    decision = _Decision(laws, family, act, source)
    event = decision.ring(case, clock, rungs, newest=passed[-1], missed=missed)
    return Tick(decision.draft.finish(), rungs, event)


def _together(
    family: Family, case: str, clock: str, passed: Sequence[timers.Timer]
) -> tuple[timers.Timer, ...]:
    """The rungs of one step: the one that runs the clock out by itself, else those before any event of the family."""
    first = passed[0]
    if first.rung == timers.MISSED:
        return (first,)
    found = [first]
    ahead = min(_runs_out(family, case, clock), default=date.max)
    for timer in passed[1:]:
        if timer.rung == timers.MISSED or timer.on >= ahead:
            break
        found.append(timer)
    return tuple(found)


def _over(laws: Laws, state: ClockState, now: datetime) -> bool:
    """Whether the day a clock counts towards lies in the past."""
    ledger = state.ledger
    return (
        ledger.anchor < civil_date(now)
        and laws.book_of(ledger).rule(ledger.rule, ledger.anchor).direction == "before"
    )


def _runs_out(family: Family, case: str, clock: str) -> Iterator[date]:
    """The days at whose beginning the other clocks of the family run out: before any reminder of that day."""
    for other, record in family.records.items():
        for name, state in record.clocks.items():
            if (
                (other, name) != (case, clock)
                and state.next_rung is not None
                and state.next_rung <= timers.MISSED
            ):
                yield date.fromisoformat(state.due_on) + timedelta(days=1)


def only(kind: str, tenant: str, event: Event, data: Mapping[str, Any]) -> str:
    """The key, unique in the database, of the one case a tenant may have of these values."""
    return key_of([kind, tenant, *(data[name] for name in event.once)], KEY)


def standing(known: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """What stands after this was given: null takes away what stood there."""
    found = {**known, **given}
    return (
        {name: value for name, value in found.items() if value is not None}
        if None in given.values()
        else found
    )


def _told(record: Record, data: Mapping[str, Any]) -> dict[str, Any]:
    """What the line says of it: the null of a field that is blank as it is changes nothing."""
    if None not in data.values():
        return dict(data)
    return {name: value for name, value in data.items() if value is not None or name in record.data}


def objections(
    laws: Laws, family: Family, case: str, event: str, act: Act, source: RandomSource
) -> tuple[Reason, ...]:
    """Every reason why `event` would be refused now, were its form complete; empty means it may be fired.

    Who may not fire it is told that and nothing else: how its conditions stand may rest on what is hidden from him.
    """
    draft = Draft(laws, family, act, source)
    record = family.records[case]
    law = laws.pinned(record.definition)
    rule = law.event(event)
    reasons = forbids(draft, law, rule, record)[1]
    if reasons:
        return tuple(reasons)
    # What the form asks for is not known yet, whatever an earlier event said of it.
    asked = {*rule.fields}
    known = {name: value for name, value in record.data.items() if name not in asked}
    facts = draft.view(law, record, {**known, **act.data}).facts(law.asked[event])
    try:
        law.lifecycle.next_state(rule, Subject(record.state, facts, True))
        memo.counted(draft, rule, record)
    except Refused as refusal:
        return tuple(refusal.reasons)
    return tuple(running.reasons(draft, law, rule, record, act.data) if rule.opens else ())


class _Decision:
    """One event at a time in the draft of a family, and what each sets off."""

    __slots__ = ("_depth", "draft")

    def __init__(self, laws: Laws, family: Family, act: Act, source: RandomSource) -> None:
        self.draft = Draft(laws, family, act, source)
        self._depth = 0

    # -- what is asked from outside

    def perform(self, case: str, event: str) -> None:
        """The outer event: authorised, with its form, then everything that follows."""
        draft = self.draft
        record = draft.records[case]
        law = draft.law(record)
        rule = law.event(event)
        admit(draft, law, rule, record)
        if not law.lifecycle.leads_on(record.state, event):
            law.lifecycle.next_state(rule, Subject(record.state, {}))
        data = draft.form(law, rule).load(draft.act.data)
        linkage.check(draft, law, record, event, data)
        coming.check(draft, law, event, data)
        appointing.check(draft, law, record.tenant, event, data)
        running.check(draft, law, rule, record, data)
        self.apply(law, rule, record, data, draft.act.cause)

    def open_root(self, law: Law, case: str, tenant: str) -> None:
        """The start of a new root case."""
        draft, rule = self.draft, law.definition.start
        if _needs_root(law.definition):
            zh, en = law.definition.title.zh, law.definition.title.en
            text = (f"“{zh}”只能随主案开启", f"'{en}' is opened only within its root case")
            raise NotPermitted([Reason.of("child", *text)])
        blank = _blank(law.definition, case, tenant)
        admit(draft, law, rule, blank)
        data = draft.form(law, rule).load(draft.act.data)
        linkage.check(draft, law, blank, rule.name, data)
        coming.check(draft, law, rule.name, data)
        appointing.check(draft, law, tenant, rule.name, data)
        draft.begin(blank)
        self.apply(law, rule, blank, data, draft.act.cause)

    def ring(
        self, case: str, clock: str, rungs: Sequence[timers.Timer], *, newest: timers.Timer, missed: bool
    ) -> str | None:
        """Record the rungs of a clock and, when it has run out, fire its `missed` event; its name is returned.

        Only the `newest` rung that has passed is sent.
        """
        draft = self.draft
        record = draft.records[case]
        law = draft.law(record)
        messages.alert(draft, law, record, clock, rungs, newest)
        waiting = timers.advance(draft.laws, record.clocks[clock], rungs[-1].rung)
        draft.put(record._replace(clocks={**record.clocks, clock: waiting}))
        draft.step.clocks[case, clock] = None
        name = self._miss(law, case, clock) if missed else None
        if missed and case == draft.family.root_id:
            # A join that waits no longer than this clock (`or_after`) is complete now.
            Children(draft, self.apply).satisfy_own(law, case)
        return name

    def _miss(self, law: Law, case: str, clock: str) -> str | None:
        """Fire the event of a clock that has run out, where it happens here at all."""
        name, record = law.definition.clocks[clock].missed, self.draft.records[case]
        if name is None or not self._can(law, record, law.event(name)):
            return None
        event = law.event(name)
        if event.automatic not in ("notice", "lapse"):
            raise NotPermitted([_decided(event.title)])
        self.apply(law, event, record, {}, event.automatic)
        return name

    def _can(self, law: Law, record: Record, event: Event) -> bool:
        """Where its guard or its rounds say no, the rung alone is recorded."""
        if not law.lifecycle.leads_on(record.state, event.name):
            return False
        try:
            self._target(law, event, record, {})
            memo.counted(self.draft, event, record)
        except GuardFailed:
            return False
        return True

    # -- one event in one case

    def apply(
        self, law: Law, event: Event, record: Record, data: dict[str, Any], cause: Cause | None
    ) -> None:
        """The event happens, and what follows from it. Raises GuardFailed, NotInState, NotPermitted, DeadlineRefused."""
        self._depth += 1
        if self._depth > DEPTH:
            raise GuardFailed([Reason.of("depth", "连锁事件过深", "events set off one another too deeply")])
        after = self._change(law, event, record, data, cause)
        if not self.draft.act.imported:
            messages.tell(self.draft, event, after)
        if record.slot is not None or event.opens or event.ends or event.raises or event.begets:
            self._follow(law, event, record.id, data)
        self._depth -= 1

    def _follow(self, law: Law, event: Event, case: str, data: Mapping[str, Any]) -> None:
        children = Children(self.draft, self.apply)
        children.follow(law, event, case, data)
        if event.begets:
            self._beget(event, event.begets, self.draft.records[case], data)
        children.satisfy(law, event, case)

    def _change(
        self, law: Law, event: Event, record: Record, data: dict[str, Any], cause: Cause | None
    ) -> Record:
        draft, act = self.draft, self.draft.act
        target = self._target(law, event, record, data)
        state = law.definition.states[target]
        if cause in ("notice", "lapse") and state.decided:
            raise NotPermitted([_decided(state.title)])
        changes: dict[str, Any] = {
            "state": target, "data": standing(record.data, data), "rounds": memo.counted(draft, event, record),
            "last_by": memo.remembered(draft, law, event, record), "closed": state.end,
            "number": record.number, "number_key": record.number_key,
        }  # fmt: skip
        shown: dict[str, Any] = _told(record, data)
        if event.name == "start":
            # What no event can change; so that verify.py sees it when it was changed.
            shown["@case"] = [record.root, record.tenant, record.slot, record.party]
        if act.reason:
            shown["@reason"] = act.reason
        if act.link is not None and cause is None:
            shown[BY_LINK] = act.link
        if event.number is not None and act.number is not None:
            shown["@number"] = act.number
            shown["@number_key"] = act.number_key
            changes["number"], changes["number_key"] = act.number, act.number_key
        if event.once:
            changes["number_key"] = shown["@number_key"] = only(
                law.definition.name, record.tenant, event, data
            )
        changes["relations"] = relate(draft, event, record, data, shown)
        if event.name in law.marking:
            self._mark(law, record, changes["data"])
        changes["clocks"] = clockwork.run(draft, law, event, record, data, shown, ends=state.end)
        return line.write(draft, event, record, changes, shown, cause)

    def _mark(self, law: Law, record: Record, data: Mapping[str, Any]) -> None:
        """By what the case is found from now on, and by what no longer."""
        before, after = marks(law.definition, record, record.data), marks(law.definition, record, data)
        self.draft.step.index(record.id, sorted(after - before), sorted(before - after))

    def _target(self, law: Law, event: Event, record: Record, data: Mapping[str, Any]) -> str:
        draft = self.draft
        if event.name == "start":
            self._check_start(law, event, record, data)
            return law.definition.initial
        names = law.asked[event.name]
        facts = draft.view(law, record, {**record.data, **data}).facts(names) if names else {}
        return law.lifecycle.next_state(event, Subject(record.state, facts, draft.act.imported))

    def _check_start(self, law: Law, event: Event, record: Record, data: Mapping[str, Any]) -> None:
        if event.when is None:
            return
        facts = self.draft.view(law, record, data).facts(event.when.names)
        subject = Subject("", facts, self.draft.act.imported)
        if not subject.holds(event.when):
            raise GuardFailed(subject.reasons)

    def _beget(self, event: Event, kind: str, record: Record, given: Mapping[str, Any]) -> None:
        """A new family, whose step is written with this one."""
        draft = self.draft
        law = draft.laws.latest(kind)
        start = law.definition.start
        # What this event asks for and is not given now is not what it was given another time.
        known = {name: value for name, value in record.data.items() if name not in event.fields}
        known = standing(known, given)
        known[ARISES_FROM] = record.id
        data = {name: known[name] for name in start.fields if name in known}
        case = new_id(draft.source, draft.act.now)
        act = draft.act._replace(data=data, cause="join")
        other = _Decision(draft.laws, Family({}, case), act, draft.source)
        other.draft.permit = draft.permit
        blank = _blank(law.definition, case, record.tenant)
        other.draft.begin(blank)
        loaded = draft.form(law, start).load(data)
        other.apply(law, start, blank, loaded, "import" if draft.act.imported else "join")
        draft.step.begotten = [*draft.step.begotten, other.draft.finish()]


def _blank(definition: Definition, case: str, tenant: str) -> Record:
    """A root case before its start."""
    return Record(
        id=case, root=case, kind=definition.name, definition=definition.hash, tenant=tenant, state=""
    )


def _needs_root(definition: Definition) -> bool:
    """Whether a lifecycle makes no sense without a root: it would bar nobody, its guards would ask for what is not there."""
    if definition.hash not in _NEEDS_ROOT:
        events = (definition.start, *definition.events.values())
        guards = [
            guard for e in events for guard in (e.when, *(move.when for move in e.moves)) if guard is not None
        ]
        guards += [one.when for clock in definition.clocks.values() for one in clock.instead]
        _NEEDS_ROOT[definition.hash] = (
            any(holder.of_root for holder in definition.barred)
            or any(event.raises for event in events)
            or any(name.startswith("root.") for guard in guards for name in guard.names)
        )
    return _NEEDS_ROOT[definition.hash]


_NEEDS_ROOT: dict[str, bool] = {}


def _decided(title: Text) -> Reason:
    return Reason.of(
        "decision", f"“{title.zh}”只能由人决定", f"'{title.en}' is reached by a person's decision only"
    )
