"""A definition as plain frozen data: what the loader makes of a YAML file and everything else reads.

Nothing here does anything; the words are those of docs/language.md, one class per noun of the language.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from .errors import Text
from .guards import Asked as Asked  # noqa: PLC0414 - for who words it: a guest does not come in by the guards
from .guards import Guard

FieldType = Literal[
    "text", "integer", "boolean", "date", "month", "code", "codes", "document", "documents",
    "unit", "units", "person", "persons", "case",
]  # fmt: skip
Automatic = Literal["notice", "lapse", "join"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A datum of a case. Every free text counts as personal; see docs/history.md."""

    name: str
    title: Text
    type: FieldType
    codes: str | None = None
    of: str | None = None
    """the definition of the case a `case` field points to, if guards ask its state"""
    kept: str | None = None
    """the rule that says how long after the end a text stays, before it is erased"""
    to_come: bool = False
    """a date on which something is to happen: no form takes a day that has passed"""
    roles: tuple[str, ...] = ()
    """of persons: a form names only who holds one of these"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Relation:
    """How units or persons stand to a case: lead, co, signer …"""

    name: str
    title: Text
    of: Literal["unit", "person"]
    one: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Who may act: a role, a role within a related unit, or the related person himself, perhaps only while in office.

    `deputy_affairs`         role
    `unit_head of lead`      role, relation
    `the signer`             relation
    `the signer as deputy`   relation, office
    A relation written `root.lead` is looked up at the root of the family.
    """

    role: str | None = None
    relation: str | None = None
    of_root: bool = False
    office: str | None = None
    """the role in which the related person acts: who has lost it keeps the relation and may not act"""

    def __str__(self) -> str:
        relation = f"root.{self.relation}" if self.of_root else self.relation
        if self.role is None:
            return f"the {relation}" + (f" as {self.office}" if self.office else "")
        return self.role if relation is None else f"{self.role} of {relation}"


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """A state. `end`: nothing leads out. `decided`: reached by a person's decision only, never by a timer. `finished`: figures
    count its cases as done, no longer as open, though something may still be filed there or the case be taken up again.
    """

    name: str
    title: Text
    holder: tuple[Holder, ...] = ()
    end: bool = False
    decided: bool = False
    finished: bool = False
    next: tuple[str, ...] = ()
    """events that lead on from here, the most fitting first: the step a page offers before all others"""
    awaits: tuple[str, ...] = ()
    """slots whose open children are what is waited for: who acts and by when is said there"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """One arrow. `to` None stays where it is."""

    sources: tuple[str, ...]
    to: str | None
    when: Guard | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FormField:
    """One field an event asks for."""

    name: str
    required: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """A bound on how often an event may happen in one case: the rule's number, counted per party if `per`."""

    rule: str
    per: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Backdate:
    """Who may give an earlier `effective_on`, at most the rule's days back; a reason is always asked."""

    by: tuple[Holder, ...]
    rule: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """What can happen to a case, by whom, with which data, and what follows from it."""

    name: str
    title: Text
    source: str
    moves: tuple[Move, ...]
    by: tuple[Holder, ...] = ()
    automatic: Automatic | None = None
    form: tuple[FormField, ...] = ()
    when: Guard | None = None
    not_by: tuple[str, ...] = ()
    relates: Mapping[str, str] = field(default_factory=dict)
    """relation -> form field whose parties take it; of an automatic event, field of the case"""
    unrelates: tuple[str, ...] = ()
    """relations emptied before `relates`"""
    opens: tuple[str, ...] = ()
    """children slots opened"""
    ends: Mapping[str, str] = field(default_factory=dict)
    """slot -> the event fired in each of its open children that can take it"""
    raises: str | None = None
    """an automatic event of the root, fired in the same step; form fields of the same name are carried over"""
    begets: str | None = None
    """a definition of which a new root case is started in the same step; fields of the same name carried over"""
    number: str | None = None
    """the series from which the case draws its number"""
    once: tuple[str, ...] = ()
    """of `start`: fields of whose values together there is one case only"""
    round: Round | None = None
    unbounded: Text | None = None
    """why a loop through this event needs no bound (a person decides each time)"""
    tells: tuple[Holder, ...] = ()
    backdate: Backdate | None = None

    @property
    def fields(self) -> tuple[str, ...]:
        """The names of the form's fields."""
        return tuple(f.name for f in self.form)


@dataclass(frozen=True, slots=True, kw_only=True)
class Instead:
    """The rule a clock follows where this guard holds."""

    rule: str
    when: Guard


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockRule:
    """A statutory or local clock of a case. `starts`, `stops`: events. `missed`: the automatic event when it has run out."""

    name: str
    title: Text
    rule: str
    """the rule it follows, where none of `instead` holds"""
    instead: tuple[Instead, ...] = ()
    """the first whose guard holds when the clock starts"""
    outer: str | None
    starts: tuple[str, ...]
    stops: tuple[str, ...]
    missed: str | None = None
    anchor: str | None = None
    """a date field of the starting event's form; else the event's `effective_on`"""
    planned: bool = False
    """the anchor is a day to come as well as one that was: a meeting, a day by which something is wanted"""
    extends: Mapping[str, str] = field(default_factory=dict)
    """event -> the date field of its form up to which it extends this clock"""
    asks: Mapping[str, str] = field(default_factory=dict)
    """event -> the date field of its form up to which an extension is asked for: none that could not be granted"""
    anew: Mapping[str, str] = field(default_factory=dict)
    """event -> the switch of a place by which the running clock counts anew from it"""
    suspends: tuple[str, ...] = ()
    """events from which it stands still; never a statutory clock"""
    resumes: tuple[str, ...] = ()
    """events from which it counts again, that day included"""
    duty: tuple[Holder, ...] = ()
    """who has to keep it, where those who may fire its `stops` are not the ones (`for` in the file)"""

    def why(self, rule: str) -> Text | None:
        """In which case the clock follows that rule, in words; None when it knows one rule only."""
        if not self.instead:
            return None
        found = [one.when.in_words() for one in self.instead if one.rule == rule]
        if rule == self.rule:
            found.append(Text("其他情形", "in every other case"))
        if not found:  # it was started under another version
            return None
        return Text("或".join(w.zh for w in found), " or ".join(w.en for w in found))


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """Children of a case. `join`: all | any | the id of a rule that says how many. `overlay`: beside, never waited for."""

    name: str
    title: Text
    definition: str
    one_per: str | None = None
    """a relation: one child for each party that holds it"""
    as_: str | None = None
    """the child's relation in which that party stands"""
    overlay: bool = False
    join: str | None = None
    done: tuple[str, ...] = ()
    """states of the child that count as done; without, its ends"""
    or_after: str | None = None
    """a clock of the parent: when it has run out the join is satisfied too"""
    then: str | None = None
    """the parent's automatic event fired, in the same step, when the join is satisfied"""
    carries: tuple[str, ...] = ()
    """fields copied into the child when it opens"""
    follows: tuple[str, ...] = ()
    """slots in which the same party stood before: its guards may ask how that ended (`earlier.STATE`)"""
    one_open: tuple[str, ...] = ()
    """carried fields, and `one_per`, in which no two open children are alike: nobody opens a second"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hide:
    """What of a case is kept from some: from whoever stands in one of the relations `from_`, or from all but `seen_by`."""

    name: str
    title: Text
    fields: tuple[str, ...] = ()
    relations: tuple[str, ...] = ()
    """with whoever stands in them, wherever he is named"""
    events: tuple[str, ...] = ()
    """whose lines are left out of the history"""
    clocks: tuple[str, ...] = ()
    """deadlines that are not told"""
    from_: tuple[Holder, ...] = ()
    seen_by: tuple[Holder, ...] = ()
    when: Guard | None = None
    """unknown hides"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """One lifecycle, complete and checked. `hash` is SHA-256 over its canonical content and pins every case to it."""

    name: str
    version: int
    title: Text
    source: str
    initial: str
    start: Event
    states: Mapping[str, State]
    events: Mapping[str, Event]
    fields: Mapping[str, Field] = field(default_factory=dict)
    relations: Mapping[str, Relation] = field(default_factory=dict)
    clocks: Mapping[str, ClockRule] = field(default_factory=dict)
    children: Mapping[str, Slot] = field(default_factory=dict)
    similar: tuple[str, ...] = ()
    """text fields by which cases that are like one another are found"""
    barred: tuple[Holder, ...] = ()
    """relations (mostly the root's) whose units may never act in this case: separation of powers"""
    seen_by: tuple[Holder, ...] = ()
    """who sees these cases; without it, overseeing roles and whoever stands in them"""
    hides: tuple[Hide, ...] = ()
    hash: str = ""
    content: str = ""
    """canonical JSON of the file, stored when published and read back to resolve a pinned case"""

    def waits_for(self, state: State) -> tuple[Holder, ...]:
        """Which of its holders have something to do in the case itself. Where a state awaits children, who may do none of what
        is next has only his child to see to: that waits for him, the case does not.
        """
        if not state.awaits:
            return state.holder
        following = [self.events[name].by for name in state.next]
        return tuple(holder for holder in state.holder if any(holder in by for by in following))

    def lets_go(self, event: Event, name: str) -> bool:
        """Whether that event may take away what stands in a field it can do without: what no form of the lifecycle requires, or a
        correction would take away what a stricter step has asked for; a case that is only begun has nothing to take away.
        """
        forms = (one.form for one in (self.start, *self.events.values()))
        return event.name != "start" and not any(
            asked.required and asked.name == name for form in forms for asked in form
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """One value of a code set with its meanings (`promises: true`); guards ask meanings, never letters."""

    id: str
    title: Text
    meanings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Codes:
    """A code list. A value of a named set is stored as `SET:value`, one of the plain list as `value`."""

    name: str
    title: Text
    meanings: Mapping[str, Literal["boolean", "text", "integer"]]
    values: Mapping[str, Code]
    chosen_by: str | None = None
    """the switch by which a place says which of the sets, or of the values of a plain list, are its own"""

    def of_sets(self, sets: Collection[str]) -> Codes:
        """The same list with the values of these sets only; of a plain list, with these values."""
        left = {id_: code for id_, code in self.values.items() if id_.partition(":")[0] in sets}
        return replace(self, values=left)


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """A gap-free number series: `format` with one {n}, counted anew for each tenant and value of the `scope` fields."""

    name: str
    title: Text
    format: str
    scope: tuple[str, ...] = ()

    def read(self, number: str) -> int | None:
        """Which of the series a number is, however it is padded; None when it is none of them, or has more than DIGITS."""
        before, _, rest = self.format.partition("{")
        after = rest.partition("}")[2]
        if not (number.startswith(before) and number.endswith(after)):
            return None
        digits = number[len(before) : len(number) - len(after)].strip()
        value = digits.lstrip("0") if digits.isascii() and digits.isdigit() else ""
        return int(value) if 0 < len(value) <= DIGITS else None


DIGITS = 9
"""of a number that is read: more would leave the column of a series no room for the next one"""
