"""Moving running cases to another version of their definition: first shown, then written, case by case (docs/decisions/0026).

Authoritative is the case as read under its family's lock; what moves follows from the two published versions and perhaps a file.
Each case is one transaction: its line, its columns, its indexes, or nothing of them. What can fail: somebody acts at the same
time, then whoever comes second reads again; the process dies, then the same command goes on with those that are left. Twice
changes nothing. What has no counterpart in the new version is not guessed: such a case stays where it is, and is named.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from . import family_fit, line, messages
from .aside import Aside, standing
from .authorization import bar, barred_units
from .call import check_texts
from .clock import civil_date
from .definition import Definition, Event
from .draft import Draft
from .engine import Engine
from .errors import NotFound, NotPermitted, Reason, Text
from .family import Family, Message, Record
from .history import MIGRATE, MIGRATION, canonical
from .marks import marks
from .migration_file import MigrationFile
from .migration_plan import Plan, Renaming, asks_anew, counted_anew
from .model import SYSTEM, Actor, Grant
from .store import moving

__all__ = ["Checked", "Migration", "may_move"]

EVENT = Event(name=MIGRATE, title=Text("迁移到另一版本", "moved to another version"), source="", moves=())
TOPIC = "@migrate"
PAGE = 200
"""families that a dry run reads at once"""
NO_OVERSEER = Reason.of(
    "role",
    "迁移由统览本案且获准迁移的角色或运维人员进行",
    "cases are moved by a role that oversees them here and may move them, or by an operator",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """One running case of an older version, and what the move makes of it."""

    case: str
    number: str | None
    version: int
    """under which it runs"""
    state: str
    new_state: str
    obstacles: tuple[Reason, ...] = ()
    """why it stays; empty when it can move, or has moved"""


@dataclass(frozen=True, slots=True)
class _Moment:
    """What is asked beside the family."""

    now: datetime
    actor: Actor | None
    operator: bool
    grants: Sequence[Grant]
    invited: Mapping[str, Collection[str]]


class Migration:
    """The running cases of one definition on their way to one of its published versions."""

    def __init__(
        self, engine: Engine, name: str, version: int, *, file: Path | str | bytes | None = None,
        state: str | None = None, cases: Collection[str] | None = None,
    ) -> None:  # fmt: skip
        """`file` (or, as bytes, its content) says what is named otherwise there, and limits it to the version it is about; so
        do `state` and `cases`.

        Raises NotFound for what is not published or not there, DefinitionError with every fault of the file.
        """
        self._engine = engine
        self._state = state
        self._cases = cases
        found = None if file is None else MigrationFile(file if isinstance(file, bytes) else Path(file))
        if found is not None:
            found.about(name, version)
        self._plans = self._planned(name, version, found)
        self.target = engine.laws.pinned(self._hashes[version]).definition
        self._check_state()
        self._check_cases(name)

    def _planned(self, name: str, version: int, file: MigrationFile | None) -> dict[str, Plan]:
        """The way from each other version, by its hash."""
        engine = self._engine
        with engine.store.connection() as connection:
            self._hashes = dict(moving.published(connection, engine.store.tables, name))
        if not self._hashes:
            engine.library.definition(name)
        for asked in (version, *(file.versions if file else ())):
            if asked not in self._hashes:
                known = ", ".join(str(one) for one in self._hashes) or "-"
                text = (
                    f"{name} 没有已发布的第 {asked} 版；有：{known}",
                    f"version {asked} of {name!r} is not published; there are: {known}",
                )
                raise NotFound(Text(*text))
        new = engine.laws.pinned(self._hashes[version]).definition
        from_ = [file.versions[0]] if file else [one for one in self._hashes if one != version]
        plans = {}
        for one in from_:
            old = engine.laws.pinned(self._hashes[one]).definition
            plans[old.hash] = Plan(old, new, file.between(old, new) if file else Renaming())
        return plans

    def _check_state(self) -> None:
        olds = [plan.old for plan in self._plans.values()] or [self.target]
        known = dict.fromkeys(state for old in olds for state in old.states)
        if self._state is not None and self._state not in known:
            raise NotFound.among(Text("状态", "state"), self._state, known)

    def _check_cases(self, name: str) -> None:
        if self._cases is None:
            return
        with self._engine.store.connection() as connection:
            query = self._engine.store.questions.all_of(list(self._cases))
            there = {record.id: record.kind for record in self._engine.store.records(connection, query)}
        for case in self._cases:
            if there.get(case) != name:
                raise NotFound(Text(f"没有 {name} 案件 {case}", f"there is no case {case!r} of {name!r}"))

    # -- what is asked

    def waiting(self) -> list[str]:
        """The running cases it is about, by id, whether they can move or not."""
        with self._engine.store.connection() as connection:
            return [case for case, _ in self._waiting(connection)]

    def preview(self, actor: Actor | None = None, *, operator: bool = False) -> list[Checked]:
        """Every running case, and why it would stay if it would, by id; of `actor` too, if he is named. Writes nothing."""
        found = []
        with self._engine.store.connection() as connection:
            cases = self._waiting(connection)
            for start in range(0, len(cases), PAGE):
                page = cases[start : start + PAGE]
                roots = {root for _, root in page}
                families = moving.families(connection, self._engine.store.tables, roots)
                moment = self._moment(connection, actor, operator, [case for case, _ in page])
                checked = (self._checked(families[root], case, moment) for case, root in page)
                found += [one for one in checked if one is not None]
        return found

    def apply(self, actor: Actor, *, operator: bool = False) -> Iterator[Checked]:
        """Move those that can, each in a transaction of its own; tells of each as it goes.

        He holds a role that oversees, where the case is; or whoever calls answers for it that he operates the service
        (`operator`), and he holds no other role. Raises NotPermitted for everybody else: the system, whoever acts for another,
        a deputy, and whoever holds a role in a unit, for this is no unit's to do.
        """
        engine = self._engine
        check_texts(person=actor.person)
        with engine.store.connection() as connection:
            _check_mover(engine, actor, engine.store.grants(connection, actor.person), operator)
            cases = self._waiting(connection)
        for case, _ in cases:
            checked = self._move(case, actor, operator)
            if checked is not None:
                yield checked

    # -- one case

    def _waiting(self, connection: Any) -> list[tuple[str, str]]:
        return moving.running(
            connection, self._engine.store.tables, list(self._plans), state=self._state, cases=self._cases
        )

    def _moment(
        self, connection: Any, actor: Actor | None, operator: bool, cases: Collection[str]
    ) -> _Moment:
        store, now = self._engine.store, self._engine.clock.now().astimezone(UTC)
        grants = store.grants(connection, actor.person) if actor is not None else ()
        invited = moving.invited(connection, store.tables, cases, civil_date(now).isoformat())
        return _Moment(now, actor, operator, grants, invited)

    def _checked(self, family: Family, case: str, moment: _Moment) -> Checked | None:
        """None for a case that has moved, or ended, meanwhile."""
        record = family.records[case]
        plan = self._plans.get(record.definition)
        if plan is None or record.closed:
            return None
        reasons = [*self._against(plan, family, record, moment), *self._barred(family, record, moment)]
        return Checked(
            case=case, number=record.number, version=plan.old.version, state=record.state,
            new_state=plan.state(record.state), obstacles=tuple(dict.fromkeys(reasons)),
        )  # fmt: skip

    def _against(self, plan: Plan, family: Family, record: Record, moment: _Moment) -> Iterator[Reason]:
        laws, today = self._engine.laws, civil_date(moment.now)
        alone = [*plan.obstacles(record, laws), *plan.uninvited(moment.invited.get(record.id, ()))]
        yield from alone
        if not alone:
            after = {**family.records, record.id: plan.moved(record, today)}
            yield from family_fit.misfits(laws, family, Family(after, family.root_id), record.id, today)

    def _barred(self, family: Family, record: Record, moment: _Moment) -> Iterator[Reason]:
        if moment.actor is None:
            return
        old = self._engine.laws.pinned(record.definition).definition
        for definition in (old, self.target):
            reason = bar(definition, moment.actor, moment.grants, record, family.root)
            if reason is not None:
                yield reason
        own, today = _moving(self._engine, moment.grants), civil_date(moment.now)
        operates = moment.operator and (own or not moment.grants)
        if not operates and not any(one.covers(record.tenant, today) for one in own):
            yield NO_OVERSEER

    def _move(self, case: str, actor: Actor, operator: bool) -> Checked | None:
        engine = self._engine
        with engine.store.connection(write=True) as connection:
            moment = self._moment(connection, actor, operator, [case])
            aside = Aside(engine.store, engine.laws, connection, actor, moment.now, engine.random)
            family = aside.locked(case)
            checked = self._checked(family, case, moment)
            if checked is None or checked.obstacles:
                return checked
            before = family.records[case]
            plan = self._plans[before.definition]
            after = plan.moved(self._remembering(connection, plan, before), civil_date(moment.now))
            draft = aside.draft(family)
            _write(draft, plan, before, after)
            aside.write(draft, lambda there: self._told(family, there, case))
            moving.repin(connection, engine.store.tables, case, plan.new.hash)
            moving.forget_clocks(connection, engine.store.tables, case, plan.renamed(before))
        return checked

    def _remembering(self, connection: Any, plan: Plan, record: Record) -> Record:
        laws = self._engine.laws
        old, new = laws.pinned(plan.old.hash), laws.pinned(plan.new.hash)
        if not asks_anew(old, new, record):
            return record
        lines = self._engine.store.history(connection, record.id)
        return counted_anew(new, record, (row for row, _ in lines))

    def _told(self, before: Family, after: Family, case: str) -> Iterator[Message]:
        """Who holds the case now and did not before."""
        was, now = self._holders(before, case), self._holders(after, case)
        record = after.records[case]
        body = {
            "case": case, "number": record.number, "kind": record.kind, "event": MIGRATE, "state": record.state,
        }  # fmt: skip
        for index, recipient in enumerate(one for one in now if one not in was):
            yield Message(
                key=f"{case}:{record.seq}:{index}", case=case, seq=record.seq, topic=TOPIC, recipient=recipient,
                body=canonical(body),
            )  # fmt: skip

    def _holders(self, family: Family, case: str) -> list[str]:
        record = family.records[case]
        definition = self._engine.laws.pinned(record.definition).definition
        return messages.recipients(family, definition.states[record.state].holder, record)


def may_move(engine: Engine, actor: Actor, *, operator: bool = False) -> None:
    """Raises NotPermitted for whoever moves no case at all, as `Migration.apply` does."""
    check_texts(person=actor.person)
    with engine.store.connection() as connection:
        _check_mover(engine, actor, engine.store.grants(connection, actor.person), operator)


def _moving(engine: Engine, grants: Sequence[Grant]) -> list[Grant]:
    """Of those that are his own, by which he may move what he oversees."""
    migrates = engine.laws.library.migrates
    return [one for one in grants if one.unit is None and one.on_behalf_of is None and migrates(one.role)]


def _check_mover(engine: Engine, actor: Actor, grants: Sequence[Grant], operator: bool) -> None:
    reasons = []
    if actor.person == SYSTEM:
        reasons.append(Reason.of("decision", "迁移由人进行", "cases are moved by a person"))
    if actor.on_behalf_of is not None:
        reasons.append(
            Reason.of("on_behalf_of", "迁移不得代他人进行", "nobody moves cases on another's behalf")
        )
    if any(grant.unit is not None for grant in grants):
        text = ("在单位任职的人员不得迁移案件", "whoever holds a role in a unit moves no cases")
        reasons.append(Reason.of("unit", *text))
    if not _moving(engine, grants) and (grants or not operator):
        reasons.append(NO_OVERSEER)
    if reasons:
        raise NotPermitted(reasons)


def _write(draft: Draft, plan: Plan, before: Record, after: Record) -> None:
    """The line under the new version, the clocks and the index of texts that change with it, who is barred from now on."""
    names = [*plan.renamed(before).values(), *plan.stopped(before)]
    shown: dict[str, Any] = {MIGRATION: plan.said(before)}
    for name in names:
        shown[f"@clock.{name}"] = after.clocks[name].told()
        draft.step.clocks[after.id, name] = None
    line.write(draft, EVENT, before._replace(definition=plan.new.hash), standing(after), shown, None)
    was, now = marks(plan.old, before, before.data), marks(plan.new, after, after.data)
    draft.step.index(after.id, sorted(now - was), sorted(was - now))
    _bar(draft, plan.new, after.id)


def _bar(draft: Draft, new: Definition, case: str) -> None:
    units = barred_units(new, draft.records[case], draft.family.root)
    draft.step.barred = [*draft.step.barred, *((case, unit) for unit in sorted(units))]
