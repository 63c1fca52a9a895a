"""One decision: a family as read and an act go in; a step, or a "no" with its reasons, comes out. Pure: no IO, no now().

Authoritative is the family as read at one revision; the writing statement compares that revision, so nothing here needs a
lock. What follows from the act inside the family (children opened or ended, the root's event raised, joins satisfied) is
decided here too and lies in the same step. What can fail fails before anything is written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

from . import authorization, history, timers
from .act import Act, Cause
from .clock import civil_date
from .definition import Definition, Event, Holder, Slot
from .errors import DeadlineRefused, FormInvalid, GuardFailed, NotPermitted, Reason, Refused, Text
from .facts import View
from .family import Family, HistoryRow, Message, Record, Step
from .laws import Law, Laws
from .machine import Subject
from .model import SYSTEM, Actor
from .random import RandomSource, new_id

DEPTH = 8
"""how far one act may set off others; definitions that need more are refused rather than run away"""
_BEHALF = "\n"
"""between the person who fired an event and the one he acted for: neither is the second person"""


def decide(laws: Laws, family: Family, case: str, event: str, act: Act, source: RandomSource) -> Step:
    """The step of one event. Raises Refused (NotPermitted, FormInvalid, NotInState, GuardFailed, DeadlineRefused)."""
    decision = _Decision(laws, family, act, source)
    decision.perform(case, event)
    return decision.finish()


def decide_start(laws: Laws, kind: str, case: str, tenant: str, act: Act, source: RandomSource) -> Step:
    """The step that opens a new root case. Raises Refused."""
    decision = _Decision(laws, Family({}, case), act, source)
    decision.open_root(laws.latest(kind), case, tenant)
    return decision.finish()


def decide_tick(
    laws: Laws, family: Family, case: str, clock: str, now: datetime, source: RandomSource
) -> Tick | None:
    """The step of a clock whose time has come; None when it was stopped or moved meanwhile.

    Every rung that passed is recorded, only the highest is sent. The first day after the due day fires the clock's `missed`
    event, dated that day. Nothing here can decide: the event is automatic by definition, and refused otherwise.

    After an outage the rungs up to the due day come first and what being late brings in a later step, so that several
    clocks run out in the order of their due days: a lapse of the 11th must not hide the notice of the 9th.
    """
    state = family.records[case].clocks.get(clock)
    passed = timers.passed(laws, state, now) if state else ()
    if not passed:
        return None
    rungs = tuple(timer for timer in passed if timer.rung <= 0) or passed
    first_late = next((timer for timer in rungs if timer.rung == 1), None)
    day = (first_late or rungs[-1]).on
    act = Act(actor=Actor(person=SYSTEM), now=now, day=day, effective_on=day.isoformat())
    decision = _Decision(laws, family, act, source)
    event = decision.ring(case, clock, rungs, newest=passed[-1], missed=first_late is not None)
    return Tick(decision.finish(), rungs, event)


def objections(
    laws: Laws, family: Family, case: str, event: str, act: Act, source: RandomSource
) -> tuple[Reason, ...]:
    """Every reason why `event` would be refused now, were its form complete; empty means it may be fired."""
    decision = _Decision(laws, family, act, source)
    record = family.records[case]
    law = laws.pinned(record.definition)
    rule = law.event(event)
    reasons = list(decision.forbids(law, rule, record)[1])
    # What the form asks for is not known yet, whatever an earlier event said of it.
    known = {name: value for name, value in record.data.items() if name not in rule.fields}
    subject = Subject(
        record.state, decision.view(law, record, {**known, **act.data}).facts(law.asked[event]), True
    )
    try:
        law.lifecycle.next_state(rule, subject)
        decision.count_round(rule, record)
    except Refused as refusal:
        reasons.extend(refusal.reasons)
    return tuple(reasons)


@dataclass(frozen=True, slots=True)
class Tick:
    """What a clock's time brings: the step, the rungs it recorded, the automatic event it fired."""

    step: Step
    rungs: tuple[timers.Timer, ...]
    event: str | None


class _Decision:
    """The working copy of a family during one decision."""

    def __init__(self, laws: Laws, family: Family, act: Act, source: RandomSource) -> None:
        self._laws = laws
        self._act = act
        self._source = source
        self._records = dict(family.records)
        self._family = Family(self._records, family.root_id)
        expected = family.root.revision if family.records else None
        self._revision = 1 if expected is None else expected + 1
        self.step = Step(self._family, expected)
        self._permit: authorization.Permit | None = None
        self._asked_on: date | None = None
        self._depth = 0
        self._begotten: list[Step] = []

    # -- what is asked from outside

    def perform(self, case: str, event: str) -> None:
        """The outer event: authorised, with its form, then everything that follows."""
        record = self._records[case]
        law = self._laws.pinned(record.definition)
        rule = law.event(event)
        if not self._act.imported:
            self._permit, reasons = self.forbids(law, rule, record)
            if reasons:
                raise NotPermitted(reasons)
            self._check_day(law, rule, record)
        if not law.lifecycle.leads_on(record.state, event):
            law.lifecycle.next_state(rule, Subject(record.state, {}))
        data = law.form(rule, lenient=self._act.imported).load(self._act.data)
        self.step.grant = self._permit.grant.id if self._permit and self._permit.grant else None
        self._apply(law, rule, record, data, self._act.cause)

    def open_root(self, law: Law, case: str, tenant: str) -> None:
        """The start of a new root case."""
        definition, rule = law.definition, law.definition.start
        if _needs_root(definition):
            zh, en = definition.title.zh, definition.title.en
            raise NotPermitted(
                [_reason("child", f"“{zh}”只能随主案开启", f"'{en}' is opened only within its root case")]
            )
        blank = Record(
            id=case, root=case, kind=definition.name, definition=definition.hash, tenant=tenant, state=""
        )
        if not self._act.imported:
            self._permit, reasons = self.forbids(law, rule, blank)
            if reasons:
                raise NotPermitted(reasons)
            self._check_day(law, rule, blank)
        data = law.form(rule, lenient=self._act.imported).load(self._act.data)
        self.step.grant = self._permit.grant.id if self._permit and self._permit.grant else None
        self.step.new.add(case)
        self._records[case] = blank
        self._apply(law, rule, blank, data, self._act.cause)

    def ring(
        self, case: str, clock: str, rungs: Sequence[timers.Timer], *, newest: timers.Timer, missed: bool
    ) -> str | None:
        """Record the rungs of a clock and, when it has run out, fire its `missed` event; its name is returned.

        Only the `newest` rung that has passed is sent.
        """
        record = self._records[case]
        law = self._laws.pinned(record.definition)
        self._alert(law, record, clock, rungs, newest)
        waiting = timers.advance(self._laws, record.clocks[clock], rungs[-1].rung)
        self._put(replace(record, clocks={**record.clocks, clock: waiting}))
        self.step.clocks[case, clock] = None
        name = law.definition.clocks[clock].missed
        if missed and name is not None and self._can(law, self._records[case], name):
            event = law.event(name)
            if event.automatic not in ("notice", "lapse"):
                raise NotPermitted([_decided(event.title)])
            self._apply(law, event, self._records[case], {}, event.automatic)
        else:
            name = None
        if missed and case == self._family.root_id:
            # A join that waits no longer than this clock (`or_after`) is complete now.
            self._satisfy_own(law, case)
        return name

    def _can(self, law: Law, record: Record, event: str) -> bool:
        """Whether a timer's event happens here at all; where its guard or its rounds say no, the rung alone is recorded."""
        if not law.lifecycle.leads_on(record.state, event):
            return False
        try:
            self._target(law, law.event(event), record, {})
            self.count_round(law.event(event), record)
        except GuardFailed:
            return False
        return True

    def _alert(
        self, law: Law, record: Record, clock: str, rungs: Sequence[timers.Timer], newest: timers.Timer
    ) -> None:
        state = record.clocks[clock]
        holders = law.definition.states[record.state].holder
        told = list(dict.fromkeys(r for holder in holders for r in self._recipients(holder, record)))
        for timer in rungs:
            body = history.canonical(
                {
                    "case": record.id,
                    "number": record.number,
                    "kind": record.kind,
                    "clock": clock,
                    "rung": timer.rung,
                    "due_on": state.due_on,
                    "on": timer.on.isoformat(),
                    "state": record.state,
                }
            )
            for index, recipient in enumerate(told or ["nobody"]):
                self.step.messages.append(
                    Message(
                        key=f"{record.id}:{clock}:{state.round}:{timer.on}:{timer.rung}:{index}",
                        case=record.id,
                        seq=record.seq,
                        topic=f"clock.{clock}",
                        recipient=recipient,
                        body=body,
                        state="queued" if timer is newest else "superseded",
                    )
                )

    def finish(self) -> Step:
        """Seal the step: the root's revision counts it, units barred by it are listed."""
        root = self._family.root
        if root.revision != self._revision:
            self._put(replace(root, revision=self._revision))
        self._bar()
        self.step.begotten = self._begotten
        return self.step

    def forbids(
        self, law: Law, event: Event, record: Record
    ) -> tuple[authorization.Permit | None, list[Reason]]:
        """The permit under which the act may be done, or the reasons why not."""
        act, root = self._act, self._records.get(self._family.root_id, record)
        found = [
            authorization.bar(law.definition, act.actor, act.grants, record, root),
            authorization.refuse_automatic(event, act.actor, act.cause),
        ]
        reasons = [reason for reason in found if reason is not None]
        permit = None
        if event.automatic is None and act.actor.person != SYSTEM:
            permit = authorization.permit(event.by, act.actor, act.grants, record, root, civil_date(act.now))
            if permit is None:
                roles = self._laws.codes.get("roles")
                reasons.append(authorization.not_permitted(event, law.definition, roles))
            here = {act.actor.person, act.actor.on_behalf_of} - {None}
            same = [o for o in event.not_by if not here.isdisjoint(record.last_by.get(o, "").split(_BEHALF))]
            reasons += [authorization.same_person(event, law.event(other).title.zh) for other in same]
        return permit, reasons

    def view(self, law: Law, record: Record, data: Mapping[str, Any]) -> View:
        """What guards may ask."""
        root = self._records.get(self._family.root_id, record)
        return View(
            record, self._family, law.definition, self._laws.pinned(root.definition).definition,
            self._laws.definitions, self._laws.codes, self._laws.book, self._act.day, data,
        )  # fmt: skip

    # -- one event in one case

    def _apply(
        self, law: Law, event: Event, record: Record, data: dict[str, Any], cause: Cause | None
    ) -> None:
        self._depth += 1
        if self._depth > DEPTH:
            raise GuardFailed(
                [Reason(code="depth", text=Text("连锁事件过深", "events set off one another too deeply"))]
            )
        target = self._target(law, event, record, data)
        state = law.definition.states[target]
        if cause in ("notice", "lapse") and state.decided:
            raise NotPermitted([_decided(state.title)])
        changes: dict[str, Any] = {
            "state": target, "data": {**record.data, **data}, "rounds": self.count_round(event, record),
            "last_by": self._remember(law, event, record), "closed": state.end,
        }  # fmt: skip
        shown: dict[str, Any] = dict(data)
        if self._act.reason:
            shown["@reason"] = self._act.reason
        self._number(event, changes, shown)
        self._relate(event, record, data, changes, shown)
        self._run_clocks(law, event, record, data, changes, shown)
        self._record(event, record, changes, shown, cause)
        self._follow(law, event, record.id, data)
        self._depth -= 1

    def _target(self, law: Law, event: Event, record: Record, data: Mapping[str, Any]) -> str:
        if event.name == "start":
            self._check_start(law, event, record, data)
            return law.definition.initial
        names = law.asked[event.name]
        facts = self.view(law, record, {**record.data, **data}).facts(names) if names else {}
        return law.lifecycle.next_state(event, Subject(record.state, facts, self._act.imported))

    def _check_start(self, law: Law, event: Event, record: Record, data: Mapping[str, Any]) -> None:
        if event.when is None:
            return
        subject = Subject("", self.view(law, record, data).facts(event.when.names), self._act.imported)
        if not subject.holds(event.when):
            raise GuardFailed(subject.reasons)

    def count_round(self, event: Event, record: Record) -> Mapping[str, int]:
        """The rounds after this event. Raises GuardFailed when the rule's number is reached."""
        if event.round is None:
            if event.name == "start":
                return record.rounds
            return {**record.rounds, event.name: record.rounds.get(event.name, 0) + 1}
        per = self._permit.unit if event.round.per and self._permit else None
        key = f"{event.name}@{per}" if per else event.name
        count = record.rounds.get(key, 0)
        limit = self._laws.in_force(event.round.rule, self._act.day)
        if isinstance(limit, int) and count >= limit:
            raise GuardFailed([_round_over(event, limit)])
        counted = {**record.rounds, key: count + 1}
        if per:
            counted[event.name] = record.rounds.get(event.name, 0) + 1
        return counted

    def _remember(self, law: Law, event: Event, record: Record) -> Mapping[str, str]:
        if event.name not in law.watched:
            return record.last_by
        actor = self._act.actor
        return {**record.last_by, event.name: _BEHALF.join(filter(None, (actor.person, actor.on_behalf_of)))}

    def _number(self, event: Event, changes: dict[str, Any], shown: dict[str, Any]) -> None:
        if event.number is None or self._act.number is None:
            return
        shown["@number"] = self._act.number
        changes["number"], changes["number_key"] = self._act.number, self._act.number_key

    def _relate(
        self,
        event: Event,
        record: Record,
        data: Mapping[str, Any],
        changes: dict[str, Any],
        shown: dict[str, Any],
    ) -> None:
        if not event.relates and not event.unrelates and event.name != "start":
            return
        relations = dict(record.relations)
        for relation in event.unrelates:
            relations[relation] = ()
        for relation, name in event.relates.items():
            given = data.get(name)
            parties = [given] if isinstance(given, str) else list(given or ())
            relations[relation] = tuple(dict.fromkeys((*relations.get(relation, ()), *parties)))
        # A child is born with the relation of its party; in order, so that a seed gives the same salts.
        born = record.relations if event.name == "start" else ()
        for relation in dict.fromkeys((*born, *event.unrelates, *event.relates)):
            shown[f"@{relation}"] = list(relations[relation])
        changes["relations"] = self._with_relations(record, relations).relations

    def _with_relations(self, record: Record, relations: Mapping[str, tuple[str, ...]]) -> Record:
        before = {(r, p) for r, parties in record.relations.items() for p in parties}
        after = {(r, p) for r, parties in relations.items() for p in parties}
        self.step.relations_added += [(record.id, *pair) for pair in sorted(after - before)]
        self.step.relations_removed += [(record.id, *pair) for pair in sorted(before - after)]
        return record if before == after else replace(record, relations=dict(relations))

    # -- clocks

    def _run_clocks(
        self,
        law: Law,
        event: Event,
        record: Record,
        data: Mapping[str, Any],
        changes: dict[str, Any],
        shown: dict[str, Any],
    ) -> None:
        clocks = dict(record.clocks)
        touched: list[str] = []
        for name in law.extends.get(event.name, ()):
            until = data.get(law.definition.clocks[name].extends[event.name])
            if name in clocks and until is not None:
                asked = self._asked_on or self._act.day
                clocks[name] = timers.extend(
                    self._laws, clocks[name], date.fromisoformat(until), self._act, asked
                )
                touched.append(name)
        for name in law.stops.get(event.name, ()):
            if name in clocks and clocks[name].running:
                clocks[name] = timers.stop(clocks[name], self._act.known_day, event.name)
                touched.append(name)
        for name in law.starts.get(event.name, ()):
            anchor = self._anchor(law, name, data)
            if anchor is not None:
                clocks[name] = timers.start(
                    self._laws, law.definition.clocks[name], clocks.get(name), anchor, self._act
                )
                touched.append(name)
        if changes["closed"]:
            for name, clock in clocks.items():
                if clock.running:
                    clocks[name] = timers.stop(clock, self._act.known_day, event.name)
                    touched.append(name)
        for name in touched:
            self.step.clocks[record.id, name] = None
            clock = clocks[name]
            shown[f"@clock.{name}"] = {"due": clock.due_on, "running": clock.running, "round": clock.round}
        if touched:
            changes["clocks"] = clocks

    def _anchor(self, law: Law, clock: str, data: Mapping[str, Any]) -> date | None:
        """The clock's first day; None when an imported record does not know it, or nothing was in force then.

        No clock is better than an invented one.
        """
        declared = law.definition.clocks[clock]
        anchor = self._act.known_day
        if declared.anchor is not None:
            given = data.get(declared.anchor)
            anchor = date.fromisoformat(given) if given else None
        if self._act.imported and anchor is not None and not self._laws.has_rule(declared.rule, anchor):
            return None
        return anchor

    # -- history

    def _record(
        self,
        event: Event,
        before: Record,
        changes: dict[str, Any],
        shown: Mapping[str, Any],
        cause: Cause | None,
    ) -> None:
        act, permit = self._act, self._permit
        commitments, disclosure = history.commit(shown, self._source)
        seq, prev = before.seq + 1, before.head or history.GENESIS
        values = (
            before.id, seq, act.now.isoformat(timespec="microseconds"), act.effective_on, event.name, before.state,
            changes["state"], act.actor.person, act.actor.on_behalf_of, permit.role if permit else None,
            permit.unit if permit else None, cause, before.definition, commitments, prev,
        )  # fmt: skip
        head = history.line_hash(values)
        line: dict[str, Any] = dict(zip(history.HASHED, values, strict=True))
        self.step.history.append(HistoryRow(**line, hash=head, disclosure=disclosure))
        revision = self._revision if before.id == before.root else seq
        opened_on = act.effective_on if event.name == "start" else before.opened_on
        after = replace(before, **changes, seq=seq, head=head, revision=revision, opened_on=opened_on)
        self._put(after)
        if not act.imported:
            self._tell(event, after)

    def _put(self, record: Record) -> None:
        self._records[record.id] = record
        self.step.changed[record.id] = None

    def _tell(self, event: Event, record: Record) -> None:
        told = dict.fromkeys(r for holder in event.tells for r in self._recipients(holder, record))
        body = history.canonical(
            {
                "case": record.id,
                "number": record.number,
                "kind": record.kind,
                "event": event.name,
                "state": record.state,
            }
        )
        for index, recipient in enumerate(told):
            self.step.messages.append(
                Message(
                    key=f"{record.id}:{record.seq}:{index}",
                    case=record.id,
                    seq=record.seq,
                    topic=event.name,
                    recipient=recipient,
                    body=body,
                )
            )

    def _recipients(self, holder: Holder, record: Record) -> list[str]:
        if holder.relation is None:
            return [f"role:{holder.role}@{record.tenant}"]
        relations = self._family.root.relations if holder.of_root else record.relations
        prefix = f"role:{holder.role}@" if holder.role else "party:"
        return [prefix + party for party in relations.get(holder.relation, ())]

    # -- what follows

    def _follow(self, law: Law, event: Event, case: str, data: Mapping[str, Any]) -> None:
        for slot, ending in event.ends.items():
            self._end(law.definition.children[slot], ending)
        for slot in event.opens:
            self._open(law.definition.children[slot], case, event)
        if event.raises:
            child = self._records[case]
            # What a child asked for counts from the day the child was opened: 延期 must be asked by the due day.
            self._asked_on = (
                date.fromisoformat(child.opened_on)
                if child.opened_on and len(child.opened_on) == 10
                else None
            )
            self._join(self._family.root_id, event.raises, {**child.data, **data})
            self._asked_on = None
        if event.begets:
            self._beget(event.begets, self._records[case])
        record = self._records[case]
        if record.slot is not None:
            self._satisfy(record)
        elif event.opens or event.ends:
            self._satisfy_own(law, case)

    def _open(self, slot: Slot, case: str, event: Event) -> None:
        parent = self._records[case]
        if slot.one_per is None:
            self._open_child(slot, parent, None)
            return
        busy = {child.party for child in self._family.in_slot(slot.name) if not child.closed}
        if slot.one_per in event.relates and slot.one_per not in event.unrelates:
            # Units that are added: those that have done their part are not asked again.
            busy.update(child.party for child in self._family.in_slot(slot.name))
        for party in parent.relations.get(slot.one_per, ()):
            if party not in busy:
                self._open_child(slot, parent, party)

    def _open_child(self, slot: Slot, parent: Record, party: str | None) -> None:
        law = self._laws.latest(slot.definition)
        case = new_id(self._source, self._act.now)
        data = {name: parent.data[name] for name in slot.carries if name in parent.data}
        blank = Record(
            id=case, root=self._family.root_id, kind=law.definition.name, definition=law.definition.hash,
            tenant=parent.tenant, state="", slot=slot.name, party=party,
        )  # fmt: skip
        if party is not None and slot.as_ is not None:
            blank = self._with_relations(blank, {slot.as_: (party,)})
        self.step.new.add(case)
        self._records[case] = blank
        self._apply(law, law.definition.start, blank, data, self._cause())

    def _end(self, slot: Slot, event: str) -> None:
        for child in self._family.in_slot(slot.name):
            law = self._laws.pinned(child.definition)
            if not child.closed and law.lifecycle.leads_on(child.state, event):
                self._apply(law, law.event(event), child, {}, self._cause())

    def _join(self, case: str, event: str, data: Mapping[str, Any]) -> None:
        record = self._records[case]
        law = self._laws.pinned(record.definition)
        rule = law.event(event)
        carried = {name: data[name] for name in rule.fields if name in data}
        self._apply(law, rule, record, carried, self._cause())

    def _cause(self) -> Cause:
        return "import" if self._act.imported else "join"

    def _satisfy(self, child: Record) -> None:
        """A child moved: if that completes what the root waits for, the root's event follows in the same step."""
        root = self._family.root
        law = self._laws.pinned(root.definition)
        slot = law.definition.children.get(child.slot or "")
        if slot is not None:
            self._satisfy_slot(law, slot, root)

    def _satisfy_own(self, law: Law, case: str) -> None:
        for slot in law.definition.children.values():
            self._satisfy_slot(law, slot, self._records[case])

    def _satisfy_slot(self, law: Law, slot: Slot, root: Record) -> None:
        if (
            slot.then is None
            or not self._family.in_slot(slot.name)
            or not law.lifecycle.leads_on(root.state, slot.then)
        ):
            return
        if self.view(law, root, root.data).joined(slot):
            self._join(root.id, slot.then, {})

    def _beget(self, kind: str, record: Record) -> None:
        law = self._laws.latest(kind)
        start = law.definition.start
        data = {name: record.data[name] for name in start.fields if name in record.data}
        case = new_id(self._source, self._act.now)
        other = _Decision(
            self._laws, Family({}, case), replace(self._act, data=data, cause="join"), self._source
        )
        other._permit = self._permit
        blank = Record(
            id=case, root=case, kind=kind, definition=law.definition.hash, tenant=record.tenant, state=""
        )
        other.step.new.add(case)
        other._records[case] = blank
        loaded = law.form(start, lenient=self._act.imported).load(data)
        other._apply(law, start, blank, loaded, self._cause())
        self._begotten.append(other.finish())

    def _bar(self) -> None:
        """Rows for the database's own guard: which units may never write into which case's history."""
        changed = {case for case, _, _ in self.step.relations_added}
        for record in self._records.values():
            definition: Definition = self._laws.pinned(record.definition).definition
            if definition.barred and (record.id in self.step.new or self._family.root_id in changed):
                units = authorization.barred_units(definition, record, self._family.root)
                self.step.barred += [(record.id, unit) for unit in sorted(units)]

    def _check_day(self, law: Law, event: Event, record: Record) -> None:
        """Backdating is for whom the definition names, so far as its rule says; nothing is dated ahead."""
        today = civil_date(self._act.now)
        if self._act.day == today or self._act.cause is not None:
            return
        if self._act.day > today:
            raise DeadlineRefused(
                [_reason("future", "生效日期不能晚于今天", "the effective date lies ahead")]
            )
        allowed = event.backdate
        if allowed is None:
            raise DeadlineRefused(
                [
                    _reason(
                        "backdate",
                        f"“{event.title.zh}”不允许补记日期",
                        f"'{event.title.en}' may not be backdated",
                    )
                ]
            )
        root = self._records.get(self._family.root_id, record)
        if authorization.permit(allowed.by, self._act.actor, self._act.grants, record, root, today) is None:
            raise NotPermitted([_reason("backdate", "无权补记日期", "may not backdate")])
        days = self._laws.in_force(allowed.rule, today)
        if isinstance(days, int) and self._act.day < today - timedelta(days=days):
            raise DeadlineRefused(
                [_reason("backdate", f"最多补记 {days} 天前的日期", f"at most {days} days back")]
            )
        if not (self._act.reason or "").strip():
            raise FormInvalid(
                [_reason("form.reason", "补记日期须写明理由", "backdating needs a reason", "reason")]
            )


def _needs_root(definition: Definition) -> bool:
    """Whether a lifecycle makes no sense without a root: it would bar nobody, its guards would ask for what is not there."""
    if definition.hash not in _NEEDS_ROOT:
        events = (definition.start, *definition.events.values())
        guards = [
            guard for e in events for guard in (e.when, *(move.when for move in e.moves)) if guard is not None
        ]
        _NEEDS_ROOT[definition.hash] = (
            any(holder.of_root for holder in definition.barred)
            or any(event.raises for event in events)
            or any(name.startswith("root.") for guard in guards for name in guard.names)
        )
    return _NEEDS_ROOT[definition.hash]


_NEEDS_ROOT: dict[str, bool] = {}


def _reason(code: str, zh: str, en: str, name: str | None = None) -> Reason:
    return Reason(code=code, text=Text(zh, en), field=name)


def _decided(title: Text) -> Reason:
    return _reason(
        "decision", f"“{title.zh}”只能由人决定", f"'{title.en}' is reached by a person's decision only"
    )


def _round_over(event: Event, limit: int) -> Reason:
    return _reason(
        "round", f"“{event.title.zh}”最多 {limit} 次", f"'{event.title.en}' at most {limit} time(s)"
    )


__all__ = ["Act", "Cause", "Tick", "decide", "decide_start", "decide_tick", "objections"]
