"""One case: where it stands, what can be done, by when and why, who and what belongs to it, what has happened."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from types import MappingProxyType
from typing import Any

from workflow import Case, HistoryEntry
from workflow.clock import ZONE
from workflow.definition import Definition
from workflow.errors import NotFound, Text
from workflow.model import SYSTEM, ClockView, Permission, Similar
from workflow.overview import Filter, cases_of, find, today

from ..cells import Due
from .answers import answers, was_late
from .durations import stays
from .names import in_words, parties_in
from .next_step import first_line, in_order, presses, way_on
from .pictures import stepper
from .recorded import left, unknown
from .replaced import replaced
from .screens import Look, Page, Screen
from .sentence import late_by, remaining
from .strip import WEEKDAYS, strip
from .visits import earlier
from .whynot import hints, readable

LINES = 30
"""lines of the history on the page; the rest is one click away"""
PRINTED, SEQ = 120, 10
"""lines of a whole history on one page, and digits of one's number at most"""
SIMILAR = 3
ONWARD = 5
"""cases that came of one, on its page"""
GLANCE = 600
"""letters that are shown unasked on a form"""
BEFORE = 60
"""letters of a value that was replaced"""
SORTS = ("flow", "notice", "document", "due", "automatic", "other")
"""what lines of a history can be narrowed to: acts of persons, reminders, those that bring a document, changed deadlines, what
follows by itself"""
TIMED = ("notice", "lapse")
"""what nobody did; what follows from an act has the name of who did that"""
BESIDE = {
    "recalculate": Text("期限重算", "the deadlines were recalculated"),
    "erase": Text("删除个人信息", "personal data were erased"),
    "break_glass": Text("应急查阅", "opened in an emergency"),
    "migrate": Text("迁移到新版流程", "moved to another version of its lifecycle"),
    "issue_link": Text("发出链接", "a link was issued"),
}  # fmt: skip
"""lines that no definition has"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadline:
    """A clock as it is read."""

    clock: ClockView
    left: Text | None
    """None for one that is stopped"""
    late: bool
    was_late: Text | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Datum:
    """A field with its value in words; documents, and another case, with their addresses."""

    title: Text
    text: str
    documents: Sequence[tuple[str, str]] = ()
    before: str = ""
    """what stood there until then"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line of the history as it is read."""

    entry: HistoryEntry
    title: Text
    who: str
    as_: Text | None
    changed: tuple[Text, Text] | None
    """from one state to another"""
    data: Sequence[Datum]
    unit: str
    """the unit for which he acted, by name"""
    sorts: Collection[str]
    """those of SORTS it belongs to"""

    @property
    def short(self) -> bool:
        """Whether what was given can be read at one glance."""
        return sum(len(one.text) for one in self.data) <= GLANCE


def shown(look: Look) -> Page:
    """The case."""
    case, law = look.known, look.engine.laws.pinned(look.known.definition)
    definition = law.definition
    permitted = [
        p for p in look.engine.permitted(case.id, look.actor) if not definition.events[p.event].automatic
    ]
    allowed = [p for p in permitted if p.allowed]
    steps = in_order(definition, allowed, case)
    children = _children(look, case)
    look.names.learn(_everybody(definition, case, children))
    above = (
        case
        if case.root == case.id
        else look.engine.case(case.root, actor=look.actor)
        if _sees(look, case.root)
        else case
    )
    only = look.request.args.get("only") if look.request.args.get("only") in SORTS else None
    after = max(case.seq - LINES, 0) if only is None else 0
    entries = look.engine.history(case.id, actor=look.actor, after=after)
    parts = [child["case"] for child in children]
    way = way_on(look, case, above, parts, steps)
    line = first_line(look, definition, case, presses(look, case, above, parts, way), way)
    main = way.steps[0] if way.steps else None
    linked = {name for name, field in definition.fields.items() if field.type == "case"}  # `named` has them
    return Page("case.html", {
        "case": case, "definition": definition, "state": definition.states[case.state], "title": look.caption(case),
        "sentence": line, "way": way, "main": main,
        "steps": [step for step in steps if way.case.id != case.id or step != main],
        "part": next((child["slot"] for child in children if child["case"].id == way.case.id), None),
        "later": next((child["slot"] for child in children if way.later and child["case"].id == way.later.id), None),
        "steps_of": stepper(look, case, entries), "onward": _onward(look, definition, case, above, entries),
        "refused": [(p, _why(definition, case, p)) for p in sorted(permitted, key=_elses) if not p.allowed],
        "deadlines": _deadlines(look, case),
        "data": data_of(look, definition, case.id, {n: v for n, v in case.data.items() if n not in linked}),
        "relations": [(definition.relations[n].title, look.names.of(ids)) for n, ids in case.relations.items() if ids],
        "named": _named(look, definition, case), "children": children, "answers": answers(look, case, children),
        "visits": earlier(look.engine, look.actor, case),
        "above": above if above.id != case.id else None, "whole": look.engine.laws.pinned(above.definition).definition.title,
        "kind": _kind(look, definition, case, above),
        "lines": lines(look, case, definition, entries, only),
        "done": _done(look, definition), "office": look.invites, "similar": _similar(look, definition, case),
        "papers": look.desk.papers is not None, "only": only, "before": _entered_later(look, case),
        "kept": _kept(look, definition, case),
    })  # fmt: skip


def _onward(
    look: Look, definition: Definition, case: Case, above: Case, entries: Sequence[HistoryEntry]
) -> list[tuple[Case, Text]]:
    """Where it goes on when nothing is left to do here: what came of it, else the case it is a part of; each with its state."""
    if not case.closed:
        return []
    begot = {
        event.begets for one in entries
        if (event := definition.events.get(one.event)) is not None and event.begets
    }  # fmt: skip
    laws, found = look.engine.laws, list[Case]()
    for kind in sorted(begot):
        law = laws.latest(kind).definition
        by = tuple((name, case.id) for name in law.start.fields if law.fields[name].type == "case")
        asked = Filter(kind=kind, naming=by)
        found += find(look.engine, look.actor, asked, sort="-id", limit=ONWARD).cases if by else ()
    if not found and above.id != case.id:
        found = [above]
    return [(one, laws.pinned(one.definition).definition.states[one.state].title) for one in found]


def _kind(look: Look, definition: Definition, case: Case, above: Case) -> Text:
    """What it is; of a child, what it is to its root: a survey of the second round."""
    slots = look.engine.laws.pinned(above.definition).definition.children
    slot = slots.get(case.slot or "") if above.id != case.id else None
    return slot.title if slot is not None else definition.title


def _entered_later(look: Look, case: Case) -> tuple[str, str] | None:
    """The day on which what it is about happened, and the later one on which it was entered."""
    field = look.engine.library.console.happened_on.get(case.kind)
    happened = case.data.get(field) if field else None
    began = case.opened_on
    return (str(happened), began) if happened and began and str(happened) < began else None


def _kept(look: Look, definition: Definition, case: Case) -> list[tuple[list[Text], date]]:
    """What of it a rule will erase, and the last day on which it is there."""
    found = look.engine.kept(case.id, actor=look.actor) if case.closed else []
    return [([definition.fields[name].title for name in one.fields], one.until) for one in found]


def _elses(permission: Permission) -> bool:
    """Whether it is somebody else's to do: what is the reader's own and not possible now comes before that."""
    return any(reason.code == "role" for reason in permission.reasons)


def _why(definition: Definition, case: Case, refused: Permission) -> list[Text]:
    """What its own form will ask is told only where nothing else stands against it."""
    event = definition.events[refused.event]
    reasons = [one for one in refused.reasons if one.field not in event.fields] or refused.reasons
    more = hints(definition, case, event, reasons)
    return [*(reason.text for reason in readable(reasons, case)), *more]


def _similar(look: Look, definition: Definition, case: Case) -> list[tuple[Similar, Text]]:
    """Cases likely about the same matter, while it can still be joined to one of them; each with its state."""
    joins = any(
        definition.fields[name].type == "case" and any(case.state in m.sources for m in event.moves)
        for event in definition.events.values() for name in event.fields
    )  # fmt: skip
    if not definition.similar or not look.oversees or not (joins or case.number is None):
        return []
    found = look.engine.similar(case.id, actor=look.actor, limit=SIMILAR)
    laws = look.engine.laws
    return [(one, laws.pinned(one.case.definition).definition.states[one.case.state].title) for one in found]


def _sees(look: Look, id: str) -> bool:
    try:
        look.engine.case(id, actor=look.actor)
    except NotFound:
        return False
    return True


def _children(look: Look, case: Case) -> list[dict[str, Any]]:
    """Children and overlays of a root, each with its slot, state and nearest deadline."""
    definition = look.engine.laws.pinned(case.definition).definition
    if not definition.children or case.root != case.id:
        return []
    day, calendar = today(look.engine), look.engine.laws.calendar
    found = []
    for child in look.engine.children(case.id, actor=look.actor):
        law, due = look.engine.laws.pinned(child.definition).definition, Due.of(child)
        slot = definition.children.get(child.slot or "")
        found.append({
            "case": child, "slot": slot.title if slot else law.title, "state": law.states[child.state].title,
            "clock": due, "left": remaining(due.due_on, day, calendar) if due else None,
            "late": bool(due and due.due_on < day), "beside": bool(slot and slot.overlay and not child.closed),
            "was_late": None if due else was_late(child),
        })  # fmt: skip
    return found


def _named(look: Look, definition: Definition, case: Case) -> list[tuple[Text, Case]]:
    """The cases that this one names and that the reader may know of: what it came from, its master, what it joins."""
    names = {
        n: str(case.data[n]) for n, f in definition.fields.items() if f.type == "case" and case.data.get(n)
    }
    found = cases_of(look.engine, look.actor, set(names.values()))
    return [(definition.fields[name].title, found[id_]) for name, id_ in names.items() if id_ in found]


def _everybody(definition: Definition, case: Case, children: Iterable[Mapping[str, Any]]) -> list[str]:
    found = [*parties_in(definition, case.data), *sum(case.relations.values(), ())]
    return [*found, *(child["case"].party for child in children if child["case"].party)]


def _deadlines(look: Look, case: Case) -> list[Deadline]:
    recorded = case.id in unknown(look, [case], every=True)
    running = sorted((c for c in case.clocks if c.running), key=lambda c: c.due_on)
    return [
        Deadline(clock=c, left=words, late=late, was_late=late_by(c))
        for c in (*running, *(c for c in case.clocks if not c.running))
        for words, late in [left(look, c.due_on, recorded=recorded) if c.running else (None, False)]
    ]


def data_of(
    look: Look, definition: Definition, case: str, data: Mapping[str, Any], old: Mapping[str, Any] = MappingProxyType({})
) -> list[Datum]:  # fmt: skip
    """Values in the order of the definition's fields; `old`: what stood in their place. Of another case its title, for who may
    know of it.
    """
    there = {
        name: data[name] for name in definition.fields if data.get(name) not in (None, "", []) or name in old
    }
    links = {
        name: str(value) for name, value in there.items() if value and definition.fields[name].type == "case"
    }
    known = cases_of(look.engine, look.actor, set(links.values()))
    return [
        Datum(title=definition.fields[name].title, text="", documents=[
            (look.caption(known[links[name]]), look.address("case", id=links[name]))
        ]) if name in links else _datum(look, definition, case, name, value, old.get(name))
        for name, value in there.items() if name not in links or links[name] in known
    ]  # fmt: skip


def _datum(look: Look, definition: Definition, case: str, name: str, value: Any, old: Any = None) -> Datum:
    field = definition.fields[name]
    documents = []
    if value is not None and field.type in ("document", "documents"):
        documents = [
            (str(d["name"]), look.address("document", id=case, sha256=d["sha256"]))
            for d in ([value] if field.type == "document" else value)
        ]  # fmt: skip
    return Datum(
        title=field.title,
        text=in_words(look.engine, look.names, field, value, look.language),
        documents=documents,
        before="" if old is None else _cut(in_words(look.engine, look.names, field, old, look.language)),
    )


def _cut(text: str) -> str:
    return text if len(text) <= BEFORE else f"{text[:BEFORE]}……"


def lines(
    look: Look, case: Case, definition: Definition, entries: Sequence[HistoryEntry], only: str | None
) -> list[Line]:
    """The last of these lines of the history, the newest first; of one sort, if asked."""
    found = read(look, case, definition, entries)
    return [line for line in found if only is None or only in line.sorts][:LINES]


def led_here(look: Look, case: Case, definition: Definition) -> Line | None:
    """The act that brought the case where it stands, with what was given then: what a decision now is about."""
    entries = look.engine.history(case.id, actor=look.actor, after=max(case.seq - LINES, 0))
    ours = (
        e for e in reversed(entries) if e.event == "start" or (e.from_state != e.to_state and not e.automatic)
    )
    found = next(ours, None)
    if found is None:
        return None
    (line,) = read(look, case, definition, [found])
    return line if any(name not in look.engine.library.console.named_by for name in found.data) else None


def read(look: Look, case: Case, definition: Definition, entries: Sequence[HistoryEntry]) -> list[Line]:
    """These lines as they are read, the newest first."""
    look.names.learn(one for entry in entries for one in (entry.actor, entry.unit) if one)
    look.names.learn(party for entry in entries for party in parties_in(definition, entry.data))
    look.names.learn(str(entry.data["@to"]) for entry in entries if "@to" in entry.data)
    old = replaced(look, case, definition, entries)
    return [_line(look, definition, case.id, entry, old[entry.seq]) for entry in reversed(entries)]


def _line(look: Look, definition: Definition, case: str, entry: HistoryEntry, old: Mapping[str, Any]) -> Line:
    law = look.engine.laws.pinned(entry.definition).definition  # the version that held then
    event = law.start if entry.event == "start" else law.events.get(entry.event)
    title = event.title if event is not None else BESIDE.get(entry.event, Text("记录", "noted"))
    roles = look.engine.library.roles.values
    came_from = (
        look.engine.laws.pinned(entry.data["@migration"]["from"]).definition
        if entry.event == "migrate"
        else law
    )
    moved = entry.from_state != entry.to_state and entry.from_state in came_from.states
    given = {name: value for name, value in entry.data.items() if name in definition.fields}
    data = [*data_of(look, definition, case, given, old), *_issued(look, entry), *_emergency(look, entry)]
    return Line(
        entry=entry, title=title, who="" if entry.automatic in TIMED or entry.actor == SYSTEM else look.names[entry.actor],
        unit=look.names[entry.unit] if entry.unit else "",
        as_=roles[entry.role].title if entry.role and entry.role in roles else None,
        changed=(came_from.states[entry.from_state].title, law.states[entry.to_state].title) if moved else None,
        data=data, sorts=_sorts(entry, definition if event is None else law, data, known=event is not None),
    )  # fmt: skip


BESIDE_SORTS = {"issue_link": "notice", "break_glass": "other"}
"""what is beside the lifecycle and moves no day -> under which filter it stands"""


def _sorts(entry: HistoryEntry, law: Definition, data: Iterable[Datum], *, known: bool) -> set[str]:
    if entry.event in BESIDE_SORTS:
        return {BESIDE_SORTS[entry.event]}
    moves_a_day = any(
        entry.event in clock.extends or entry.event in clock.anew for clock in law.clocks.values()
    )
    found = {"document"} if any(one.documents for one in data) else set[str]()
    if moves_a_day or not known:
        found.add("due")
    if entry.automatic:
        found.add("notice" if entry.automatic == "notice" else "automatic")
    elif known:
        found.add("flow")
    return found


def _issued(look: Look, entry: HistoryEntry) -> list[Datum]:
    """Of a link that was issued: to whom, by which way, until when, and whether an older one ended with it."""
    if entry.event != "issue_link":
        return []
    data, language = entry.data, look.language
    told = Text("在页面上显示，由办公室转交或打印", "shown to the office, to be handed over or printed")
    way = Text("、", ", ").in_language(language).join(data.get("@channels", ())) or told.in_language(language)
    rows = [(Text("发给", "to"), look.names[data["@to"]])] if "@to" in data else []
    rows += [(Text("方式", "by"), way), (Text("有效期至", "until"), str(data.get("@until", "")))]
    if data.get("@replaces"):
        old = Text("已失效，请用新链接", "good for nothing now: the new one takes its place")
        rows.append((Text("原链接", "the older link"), old.in_language(language)))
    return [Datum(title=title, text=text) for title, text in rows]


def _emergency(look: Look, entry: HistoryEntry) -> list[Datum]:
    """Of an opening in an emergency: in which role, until when, and why. As far as it still stands there."""
    if entry.event != "break_glass":
        return []
    role, until = look.engine.library.roles.values.get(entry.data.get("@role", "")), entry.data.get("@until")
    rows = [
        (Text("角色", "role"), look.words(role.title) if role else entry.data.get("@role")),
        (Text("有效期至", "until"), f"{datetime.fromisoformat(until).astimezone(ZONE):%Y-%m-%d %H:%M}" if until else None),
        (Text("理由", "why"), entry.data.get("@reason")),
    ]  # fmt: skip
    return [Datum(title=title, text=str(text)) for title, text in rows if text]


def _done(look: Look, definition: Definition) -> Text | None:
    """What was just done, to be told once."""
    name = look.request.args.get("done", "")
    event = definition.start if name == "start" else definition.events.get(name)
    return Text(f"已完成：{event.title.zh}", f"done: {event.title.en}") if event else None


def _states(look: Look, entries: Sequence[HistoryEntry]) -> dict[str, Text]:
    """The states of every version the case was under."""
    versions = dict.fromkeys(entry.definition for entry in entries)
    laws = [look.engine.laws.pinned(version).definition for version in versions]
    return {name: state.title for law in laws for name, state in law.states.items()}


def history(look: Look) -> Page:
    """The whole history, as it is printed."""
    case = look.known
    definition = look.engine.laws.pinned(case.definition).definition
    entries = look.engine.history(case.id, actor=look.actor)
    asked = look.request.args.get("before", "")
    before = int(asked) if asked.isascii() and asked.isdecimal() and len(asked) < SEQ else None
    upto = [one for one in entries if before is None or one.seq < before]
    shown, earlier_ = upto[-PRINTED:], len(upto) - PRINTED
    return Page("history.html", {
        "stays": stays(entries, _states(look, entries), today(look.engine), closed=case.closed),
        "case": case, "definition": definition, "title": look.caption(case),
        "lines": read(look, case, definition, shown), "earlier": max(earlier_, 0), "first": shown[0].seq if shown else 0,
    })  # fmt: skip


def clock(look: Look) -> Page:
    """How a due day comes about, step by step."""
    case, name = look.known, look.path["clock"]
    found = next((one for one in case.clocks if one.name == name), None)
    if found is None:
        raise NotFound(Text("本案没有这个期限", "this case has no such deadline"))
    why = look.engine.explain(case.id, name, actor=look.actor)
    return Page("clock.html", {
        "case": case, "clock": found, "why": why, "title": look.caption(case),
        "strip": strip(why.days), "weekdays": WEEKDAYS,
        "left": remaining(found.due_on, today(look.engine), look.engine.laws.calendar) if found.running else None,
    })  # fmt: skip


CASES = (
    Screen(path="/cases/<id>", name="case", view=shown, permission="case"),
    Screen(path="/cases/<id>/history", name="history", view=history, permission="case"),
    Screen(path="/cases/<id>/clocks/<clock>", name="clock", view=clock, permission="case"),
)
