"""Plain, checked data -> the frozen Definition, and its canonical form. Nothing is checked here."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

from .definition import (
    Backdate,
    ClockRule,
    Definition,
    Event,
    Field,
    FormField,
    Hide,
    Holder,
    Instead,
    Move,
    Relation,
    Round,
    Slot,
    State,
)
from .errors import Text
from .guards import Guard
from .shapes import Path
from .vocabulary import Data, entries, title_of

__all__ = ["START_TITLE", "assemble", "canonical", "parse_holder"]

GuardAt = Callable[[Path], Guard | None]
START_TITLE = Text("启动", "start")


def canonical(data: Data) -> str:
    """The one text of these data: sorted keys, no blanks, no positions, no comments."""
    return json.dumps(data, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def assemble(data: Data, guard: GuardAt) -> Definition:
    """The definition of these data; `guard` gives the compiled guard that stands at a path."""
    content = canonical(data)
    title, source = data["title"], data.get("source", "")
    return Definition(
        name=data["definition"],
        version=data["version"],
        title=title_of(title),
        source=source,
        initial=data["initial"],
        start=_start(data, guard),
        states={name: _state(name, entry) for name, entry in entries(data, "states")},
        events={name: _event(name, entry, source, guard) for name, entry in entries(data, "events")},
        fields={name: _field(name, entry) for name, entry in entries(data, "fields")},
        relations={name: _relation(name, entry) for name, entry in entries(data, "relations")},
        clocks={name: _clock(name, entry, guard) for name, entry in entries(data, "clocks")},
        children={name: _slot(name, entry) for name, entry in entries(data, "children")},
        barred=_relations(data.get("barred")),
        seen_by=_holders(data.get("seen_by")),
        hides=tuple(_hide(name, entry, guard) for name, entry in entries(data, "hides")),
        similar=tuple(data.get("similar", ())),
        hash=hashlib.sha256(content.encode()).hexdigest(),
        content=content,
    )


def parse_holder(text: str) -> Holder:
    """`ROLE`, `ROLE of RELATION`, `the RELATION` or `the RELATION as ROLE`; a RELATION may be `root.RELATION`."""
    role: str | None
    if text.startswith("the "):
        role, (relation, _, office) = None, text[4:].partition(" as ")
    else:
        (role, _, relation), office = text.partition(" of "), ""
    return Holder(
        role=role,
        relation=relation.removeprefix("root.") or None,
        of_root=relation.startswith("root."),
        office=office or None,
    )


def _holders(texts: Any) -> tuple[Holder, ...]:
    return tuple(parse_holder(text) for text in texts or ())


def _relations(texts: Any) -> tuple[Holder, ...]:
    return tuple(parse_holder(f"the {text}") for text in texts or ())


def _hide(name: str, entry: Data, guard: GuardAt) -> Hide:
    return Hide(
        name=name,
        title=title_of(entry),
        fields=tuple(entry.get("fields", ())),
        relations=tuple(entry.get("relations", ())),
        events=tuple(entry.get("events", ())),
        clocks=tuple(entry.get("clocks", ())),
        from_=_relations(entry.get("from")),
        seen_by=_holders(entry.get("seen_by")),
        when=guard(("hides", name, "when")),
    )


def _state(name: str, entry: Data) -> State:
    return State(
        name=name,
        title=title_of(entry),
        holder=_holders(entry.get("holder")),
        end=entry.get("end", False),
        decided=entry.get("decided", False),
        finished=entry.get("finished", False),
        next=tuple(entry.get("next", ())),
        awaits=tuple(entry.get("awaits", ())),
    )


def _field(name: str, entry: Data) -> Field:
    return Field(
        name=name, title=title_of(entry), type=entry["type"], codes=entry.get("codes"), of=entry.get("of"),
        kept=entry.get("kept"), to_come=entry.get("to_come", False), roles=tuple(entry.get("roles", ())),
    )  # fmt: skip


def _relation(name: str, entry: Data) -> Relation:
    return Relation(name=name, title=title_of(entry), of=entry["of"], one=entry.get("one", False))


def _clock(name: str, entry: Data, guard: GuardAt) -> ClockRule:
    given = entry.get("rules") or [entry]
    asked = [(one["rule"], guard(("clocks", name, "rules", n, "when"))) for n, one in enumerate(given[:-1])]
    return ClockRule(
        name=name,
        title=title_of(entry),
        rule=given[-1]["rule"],
        instead=tuple(Instead(rule=rule, when=when) for rule, when in asked if when is not None),
        outer=entry.get("outer"),
        starts=tuple(entry["starts"]),
        stops=tuple(entry.get("stops", ())),
        suspends=tuple(entry.get("suspends", ())),
        resumes=tuple(entry.get("resumes", ())),
        missed=entry.get("missed"),
        anchor=entry.get("anchor"),
        planned=entry.get("planned", False),
        extends=dict(entry.get("extends", {})),
        asks=dict(entry.get("asks", {})),
        anew=dict(entry.get("anew", {})),
        duty=_holders(entry.get("for")),
    )


def _slot(name: str, entry: Data) -> Slot:
    return Slot(
        name=name,
        title=title_of(entry),
        definition=entry["definition"],
        one_per=entry.get("one_per"),
        as_=entry.get("as"),
        overlay=entry.get("overlay", False),
        join=entry.get("join"),
        done=tuple(entry.get("done", ())),
        or_after=entry.get("or_after"),
        then=entry.get("then"),
        carries=tuple(entry.get("carries", ())),
        follows=tuple(entry.get("follows", ())),
        one_open=tuple(entry.get("one_open", ())),
    )


def _start(data: Data, guard: GuardAt) -> Event:
    entry = data["start"]
    title = title_of(entry) if "zh" in entry else START_TITLE
    return _happening("start", title, entry, data.get("source", ""), (), guard, ("start",))


def _event(name: str, entry: Data, source: str, guard: GuardAt) -> Event:
    path: Path = ("events", name)
    if "moves" in entry:
        moves = tuple(
            Move(sources=tuple(move["from"]), to=move.get("to"), when=guard((*path, "moves", index, "when")))
            for index, move in enumerate(entry["moves"])
        )
    else:
        moves = (Move(sources=tuple(entry["from"]), to=entry.get("to")),)
    return _happening(name, title_of(entry), entry, source, moves, guard, path)


def _happening(
    name: str, title: Text, entry: Data, source: str, moves: tuple[Move, ...], guard: GuardAt, path: Path
) -> Event:
    rounds, reason = entry.get("round"), entry.get("unbounded")
    backdate = entry.get("backdate")
    return Event(
        name=name,
        title=title,
        source=entry.get("source", source),
        moves=moves,
        by=_holders(entry.get("by")),
        automatic=entry.get("automatic"),
        form=tuple(
            FormField(name=f.removesuffix("?"), required=not f.endswith("?")) for f in entry.get("form", ())
        ),
        when=guard((*path, "when")),
        not_by=tuple(entry.get("not_by", ())),
        relates=dict(entry.get("relates", {})),
        unrelates=tuple(entry.get("unrelates", ())),
        opens=tuple(entry.get("opens", ())),
        ends=dict(entry.get("ends", {})),
        raises=entry.get("raises"),
        begets=entry.get("begets"),
        number=entry.get("number"),
        once=tuple(entry.get("once", ())),
        round=_round(rounds) if rounds else None,
        unbounded=title_of(reason) if reason else None,
        tells=_holders(entry.get("tells")),
        backdate=Backdate(by=_holders(backdate["by"]), rule=backdate["rule"]) if backdate else None,
    )


def _round(given: Any) -> Round:
    return Round(rule=given) if isinstance(given, str) else Round(rule=given["rule"], per=given.get("per"))
