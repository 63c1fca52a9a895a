"""What must hold in a store at every moment, whatever died: each sentence is a function, each breach a line of text.

lines       a case's history has no gap, its chain and commitments recompute, the case stands where its last line says
indexes     clock, relation and barred rows say what the cases (the authority) say
effects     every line's messages are in the outbox, none belongs to a line that is not there
keys        every stored answer points to a line; no two to the same
steps       a family's revision counts exactly the acts and the timers that changed it: nothing lost, nothing twice
numbers     a series has drawn as many numbers as cases carry: no gap
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

from sqlalchemy import select

from tests.crash.story import relations_of
from workflow import history
from workflow.authorization import barred_units
from workflow.definition import Event, Holder
from workflow.duty import due_day
from workflow.engine import Engine
from workflow.family import Family, Record
from workflow.store import rows


class Content:
    """Everything in a store, or everything of one family, read in one transaction."""

    def __init__(self, engine: Engine, root: str | None = None) -> None:
        tables = engine.store.tables
        family = select(tables.cases.c.id).where(tables.cases.c.root_id == root)
        self.root = root
        with engine.store.connection() as connection:

            def read(name: str, *order: str) -> list[Any]:
                table = getattr(tables, name)
                query = select(table).order_by(*(table.c[c] for c in order))
                if root is not None and "case_id" in table.c:
                    query = query.where(table.c.case_id.in_(family))
                return list(connection.execute(query).all())

            query = select(*(tables.cases.c[name] for name in rows.CASE))
            if root is not None:
                query = query.where(tables.cases.c.root_id == root)
            cases = connection.execute(query).all()
            self.records: dict[str, Record] = {row[0]: rows.record(row) for row in cases}
            self.due = {row.id: row.due_on for row in cases}
            self.history = read("history", "id")
            self.disclosure = {(row.case_id, row.seq): row.body for row in read("disclosure")}
            self.clock = read("clock")
            relation = read("relation")
            self.relation = {(row.case_id, row.relation, row.party) for row in relation}
            self.past = {row.case_id for row in relation if row.past}
            self.barred = {(row.case_id, row.unit) for row in read("barred")}
            self.outbox = {row.key: row for row in read("outbox")}
            self.answers = {row.key: json.loads(row.answer) for row in read("answer")}
            self.series = read("series") if root is None else []
        if root is not None:
            self.answers = {
                key: answer for key, answer in self.answers.items() if answer["case"] in self.records
            }
        self.lines: dict[str, list[Any]] = defaultdict(list)
        for line in self.history:
            self.lines[line.case_id].append(line)


def violations(engine: Engine, content: Content | None = None, *, unkeyed: int | None = 0) -> list[str]:
    """Every breach. `unkeyed`: how many acts were done without an idempotency key (None: unknown, steps are not counted)."""
    content = content or Content(engine)
    found = [*lines(engine, content), *indexes(engine, content), *effects(engine, content), *keys(content)]
    found += numbers(engine, content)
    if unkeyed is not None:
        found += steps(content, unkeyed)
    return found


def lines(engine: Engine, content: Content) -> Iterator[str]:
    """The chain of every case, and the case against its last line."""
    for orphan in content.lines.keys() - content.records.keys():
        yield f"history of {orphan}, which does not exist"
    for record in content.records.values():
        found, name = content.lines[record.id], f"{record.kind} {record.id}"
        if [line.seq for line in found] != list(range(1, record.seq + 1)):
            yield f"{name}: seq {record.seq}, but its lines are {[line.seq for line in found]}"
            continue
        definition = engine.laws.pinned(record.definition).definition
        prev, state = history.GENESIS, ""
        for line in found:
            values = [line.case_id if name == "case" else getattr(line, name) for name in history.HASHED]
            if line.prev != prev or line.hash != history.line_hash(values):
                yield f"{name}: the chain breaks at {line.seq}"
            if line.from_state != state:
                yield f"{name}: line {line.seq} comes from {line.from_state}, the case was in {state}"
            prev, state = line.hash, line.to_state
            yield from _disclosed(name, line, content.disclosure.get((line.case_id, line.seq)))
            event = _event(engine, line)
            by_itself = line.actor == "system" or line.automatic
            if by_itself and line.event != "start" and (event is None or event.automatic is None):
                yield f"{name}: the system decided {line.event}"
        if (record.head, record.state) != (prev, state):
            yield f"{name}: head or state is not its last line's"
        if record.id != record.root and record.revision != record.seq:
            yield f"{name}: revision {record.revision} of a child at {record.seq}"
        if record.state not in definition.states or record.closed != definition.states[record.state].end:
            yield f"{name}: closed={record.closed} in {record.state}"


def _event(engine: Engine, line: Any) -> Event | None:
    """By the version that held then; None for a line beside the lifecycle."""
    definition = engine.laws.pinned(line.definition).definition
    if line.event in history.RESERVED:
        return None
    return definition.start if line.event == "start" else definition.events[line.event]


def _disclosed(name: str, line: Any, body: str | None) -> Iterator[str]:
    told, committed = json.loads(body or "{}"), json.loads(line.commitments)
    if told.keys() != committed.keys():
        yield f"{name}: line {line.seq} commits to {sorted(committed)} and discloses {sorted(told)}"
    for field, (salt, value) in told.items():
        if committed.get(field) != history.commitment(salt, value):
            yield f"{name}: line {line.seq}: {field} is not what was committed"


def indexes(engine: Engine, content: Content) -> Iterator[str]:
    """The derived rows against the cases."""
    clocks = {(row.case_id, row.name): tuple(row)[2:] for row in content.clock}
    for record in content.records.values():
        name = f"{record.kind} {record.id}"
        for clock, state in record.clocks.items():
            ledger = state.ledger
            expected = (
                ledger.rule, ledger.anchor.isoformat(), state.due_on, state.outer_on, state.provisional, state.running,
                state.next_rung, state.next_at,
            )  # fmt: skip
            if (row := clocks.pop((record.id, clock), None)) != expected:
                yield f"{name}: clock {clock} is {expected}, its row {row}"
            if state.running != ledger.running or (state.next_at is not None and not state.running):
                yield f"{name}: clock {clock} waits though it is stopped"
            if record.closed and state.running:
                yield f"{name}: clock {clock} runs in a closed case"
        family = Family(
            {one.id: one for one in content.records.values() if one.root == record.root}, record.root
        )
        if content.due[record.id] != due_day(
            lambda one: engine.laws.pinned(one.definition).duties, family, record
        ):
            yield f"{name}: due_on {content.due[record.id]}"
        root = content.records[record.root]
        units = barred_units(engine.laws.pinned(record.definition).definition, record, root)
        for unit in units - {unit for case, unit in content.barred if case == record.id}:
            yield f"{name}: {unit} is not barred"
    for left in clocks:
        yield f"clock row {left} without a clock"
    wanted = {row for record in content.records.values() for row in relations_of(record)}
    for row in wanted ^ content.relation:
        yield f"relation {row}: {'no row' if row in wanted else 'a row too many'}"
    unfinished = {record.root for record in content.records.values() if not record.closed}
    for case in sorted(content.past & content.records.keys()):
        if content.records[case].root in unfinished:
            yield f"relation of {case}: past, and a case of its family is open"


def effects(engine: Engine, content: Content) -> Iterator[str]:
    """What every line had to tell, told exactly once; nothing told that did not happen."""
    expected = dict(_expected_messages(engine, content))
    for key, (topic, recipient) in expected.items():
        row = content.outbox.get(key)
        if row is None:
            yield f"message {key} ({topic} to {recipient}) is lost"
        elif (row.topic, row.recipient) != (topic, recipient):
            yield f"message {key} is {row.topic} to {row.recipient}, should be {topic} to {recipient}"
    for key, row in content.outbox.items():
        if not row.topic.startswith(("clock.", "@")) and key not in expected:
            yield f"message {key} ({row.topic}) belongs to nothing that happened"


def _expected_messages(engine: Engine, content: Content) -> Iterator[tuple[str, tuple[str, str]]]:
    relations: dict[str, dict[str, list[str]]] = {}
    for line in content.history:
        record = content.records[line.case_id]
        definition = engine.laws.pinned(line.definition).definition
        if line.event == "start":
            slot = content.records[record.root].slot if record.slot is None else record.slot
            as_ = None
            if slot is not None:
                as_ = (
                    engine.laws.pinned(content.records[record.root].definition).definition.children[slot].as_
                )
            relations[record.id] = {as_: [record.party]} if as_ and record.party else {}
        for name, (_, value) in json.loads(content.disclosure.get((line.case_id, line.seq), "{}")).items():
            if name[1:] in definition.relations and name.startswith("@"):
                relations[record.id][name[1:]] = value
        if line.automatic == "import":
            continue
        event = _event(engine, line)
        if event is None:
            continue
        told = dict.fromkeys(r for holder in event.tells for r in _recipients(holder, record, relations))
        for index, recipient in enumerate(told):
            yield f"{record.id}:{line.seq}:{index}", (line.event, recipient)


def _recipients(
    holder: Holder, record: Record, relations: Mapping[str, Mapping[str, list[str]]]
) -> Iterator[str]:
    if holder.relation is None:
        yield f"role:{holder.role}@{record.tenant}"
        return
    of = relations[record.root if holder.of_root else record.id]
    for party in of.get(holder.relation, ()):
        yield f"role:{holder.role}@{party}" if holder.role else f"party:{party}"


def keys(content: Content) -> Iterator[str]:
    """Every answer's line."""
    seen: Counter[tuple[str, int]] = Counter()
    for key, answer in content.answers.items():
        here = (answer["case"], answer["seq"])
        seen[here] += 1
        if answer["seq"] > len(content.lines.get(answer["case"], ())):
            yield f"the answer of {key!r} points to {here}, which is not there"
    for here, count in seen.items():
        if count > 1:
            yield f"{count} keys were answered with {here}"


def steps(content: Content, unkeyed: int) -> Iterator[str]:
    """The revisions of all families against the acts with a key, those without, and the timers that rang."""
    acts = Counter(content.records[answer["case"]].root for answer in content.answers.values())
    timers = timer_steps(content)
    off = 0
    for record in content.records.values():
        if record.id == record.root:
            more = record.revision - acts[record.id] - timers[record.id]
            off += more
            if more < 0:
                yield f"{record.kind} {record.id}: revision {record.revision}, {acts[record.id]} acts, {timers[record.id]} timers"
    if off != unkeyed:
        yield f"{off} steps without a key, expected {unkeyed}"


def timer_steps(content: Content) -> Counter[str]:
    """How many steps the timers of each family made, by what they told: whatever a clock rings it tells, at least to nobody.

    A tick lives through the missed days in their order: rungs of one clock and one tick are a step together, but the one that
    runs the clock out is a step by itself, and a step ends where another clock of the family runs out: at the beginning of a day, before its reminders.
    """
    rungs: dict[tuple[str, str, str, str], set[tuple[str, int]]] = defaultdict(set)
    runs_out: dict[str, set[tuple[str, str, str, str]]] = defaultdict(set)
    for row in content.outbox.values():
        if row.topic.startswith("clock."):
            body = json.loads(row.body)
            rungs[row.case_id, row.topic, row.created_at, body["due_on"]].add((body["on"], body["rung"]))
            if body["rung"] == 1:
                root = content.records[row.case_id].root
                runs_out[root].add((body["on"], row.case_id, row.topic, row.created_at))
    steps: Counter[str] = Counter()
    for (case, topic, at, _), rung in rungs.items():
        root = content.records[case].root
        others = [one[0] for one in runs_out[root] if one[1:3] != (case, topic) and one[3] == at]
        steps[root] += 1
        for (day, before), (next_day, after) in pairwise(sorted(rung)):
            between = any(day < other <= next_day for other in others)
            steps[root] += between or 1 in (before, after)
    return steps


def numbers(engine: Engine, content: Content) -> Iterator[str]:
    """Every number drawn is on a case, none twice, none missing."""
    drawn: dict[tuple[str, str], list[int]] = defaultdict(list)
    for record in content.records.values():
        if record.number is not None and record.number_key is not None:
            name, rest = record.number_key.split("/", 1)
            scope, number = rest.rsplit("/", 1)
            drawn[name, scope].append(int(number))
    for row in content.series:
        if sorted(drawn[row.name, row.scope]) != list(range(1, row.last + 1)):
            yield f"series {row.name} {row.scope}: {row.last} drawn, {sorted(drawn[row.name, row.scope])} used"
