"""The keys of every kind of definition file, once: the loader reads by this table and editors get it as JSON Schema."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .shapes import (
    DROPPED,
    NAME,
    RESERVED,
    Choice,
    Day,
    Either,
    Flag,
    Loose,
    Many,
    Number,
    OneOf,
    OneOrMany,
    Path,
    Pattern,
    Record,
    Schema,
    Shape,
    Source,
    Table,
    Words,
)
from .yaml_reader import Node, Scalar

__all__ = ["HANDED_ON", "KINDS", "json_schema"]

FIELD_TYPES = (
    "text", "integer", "boolean", "date", "month", "code", "codes", "document", "documents",
    "unit", "units", "person", "persons", "case",
)  # fmt: skip

_RULE = r"[A-Za-z][A-Za-z0-9_]{0,39}"
_PLACE = r"[A-Za-z][A-Za-z0-9_-]{0,39}"
_RELATION = rf"(?:root\.)?{NAME}"

name = Pattern(NAME, ("名称（小写字母、数字、下划线）", "a name (a-z, 0-9, _)"))
asked_name = Pattern(NAME, name.what, RESERVED)
event_name = Pattern(
    NAME, name.what, ("start", "recalculate", "erase", "break_glass", "migrate", "issue_link")
)
rule = Pattern(_RULE, ("规则编号", "the id of a rule"))
place = Pattern(_PLACE, ("地方名称", "the name of a place"))
code = Pattern(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}", ("代码", "a code"))
told = Pattern(
    rf"the {_RELATION}|(?!the ){NAME}(?: of {_RELATION})?",
    ("“角色”、“角色 of 关系”或“the 关系”", "ROLE, ROLE of RELATION or the RELATION"),
)
holder = Pattern(
    rf"the {_RELATION}(?: as {NAME})?|(?!the ){NAME}(?: of {_RELATION})?",
    (
        "“角色”、“角色 of 关系”、“the 关系”或“the 关系 as 角色”",
        "ROLE, ROLE of RELATION, the RELATION or the RELATION as ROLE",
    ),
)
relation = Pattern(_RELATION, ("关系", "a relation"))
form_field = Pattern(rf"{NAME}\??", ("字段名（可带 ?）", "a field, perhaps with ?"))
words = Words()
flag = Flag()

TITLE = {"zh": words, "en": words}
title = Record(TITLE)


@dataclass(frozen=True)
class Years:
    """A year as a key; nobody quotes it."""

    def check(self, node: Node, path: Path, source: Source) -> Any:
        """See Shape."""
        if isinstance(node, Scalar) and re.fullmatch("[0-9]{4}", node.text):
            return node.text
        source.faults.add(node.mark, "bad_form", "应为年份", "a year is needed here")
        return DROPPED

    def schema(self) -> Schema:
        """See Shape."""
        return {"pattern": "^[0-9]{4}$"}


@dataclass(frozen=True)
class Range:
    """A day, or `first..last`; its dates are checked by the calendar itself."""

    def check(self, node: Node, path: Path, source: Source) -> Any:
        """See Shape."""
        if isinstance(node, Scalar) and re.fullmatch(
            r"[0-9]{4}-\d\d-\d\d(\.\.[0-9]{4}-\d\d-\d\d)?", node.text
        ):
            return node.text
        source.faults.add(
            node.mark,
            "not_a_date",
            "应为 YYYY-MM-DD 或 YYYY-MM-DD..YYYY-MM-DD",
            "YYYY-MM-DD or YYYY-MM-DD..YYYY-MM-DD",
        )
        return DROPPED

    def schema(self) -> Schema:
        """See Shape."""
        return {"type": "string", "pattern": r"^[0-9]{4}-\d\d-\d\d(\.\.[0-9]{4}-\d\d-\d\d)?$"}


# --- definition --------------------------------------------------------------------------------------

MOVE = Record({"from": OneOrMany(name)}, {"to": name, "when": words})

_WHAT_HAPPENS: Mapping[str, Shape] = {
    "by": OneOrMany(holder),
    "automatic": Choice(("notice", "lapse", "join")),
    "form": Many(form_field),
    "when": words,
    "not_by": OneOrMany(name),
    "relates": Table(name, name),
    "unrelates": OneOrMany(name),
    "opens": OneOrMany(name),
    "ends": Table(name, name),
    "raises": name,
    "begets": name,
    "number": name,
    "round": Either(Record({"rule": rule}, {"per": name}), rule),
    "unbounded": title,
    "tells": OneOrMany(told),
    "backdate": Record({"by": OneOrMany(holder), "rule": rule}),
    "source": words,
}
_WHO = (("by", "automatic"),)
START = Record({}, {**TITLE, **_WHAT_HAPPENS, "once": OneOrMany(name)}, _WHO)
EVENT = Record(
    TITLE,
    {"from": OneOrMany(name), "to": name, "moves": Many(MOVE), **_WHAT_HAPPENS},
    (("from", "moves"), *_WHO),
)
FIELD = Record(
    {**TITLE, "type": Choice(FIELD_TYPES)},
    {"codes": name, "of": name, "kept": rule, "to_come": flag, "roles": OneOrMany(name)},
)
RELATION = Record({**TITLE, "of": Choice(("unit", "person"))}, {"one": flag})
STATE = Record(
    TITLE,
    {
        "holder": OneOrMany(holder),
        "end": flag,
        "decided": flag,
        "finished": flag,
        "next": OneOrMany(name),
        "awaits": OneOrMany(name),
    },
)
CLOCK = Record(
    {**TITLE, "starts": OneOrMany(name)},
    {
        "rule": rule,
        "rules": Many(Record({"rule": rule}, {"when": words})),
        "outer": rule,
        "stops": OneOrMany(name),
        "suspends": OneOrMany(name),
        "resumes": OneOrMany(name),
        "missed": name,
        "anchor": name,
        "planned": flag,
        "extends": Table(name, name),
        "asks": Table(name, name),
        "anew": Table(name, rule),
        "for": OneOrMany(holder),
    },
    (("rule", "rules"),),
)
SLOT = Record(
    {**TITLE, "definition": name},
    {
        "one_per": name,
        "as": name,
        "overlay": flag,
        "join": rule,
        "done": OneOrMany(name),
        "or_after": name,
        "then": name,
        "carries": Many(name),
        "follows": OneOrMany(name),
        "one_open": OneOrMany(name),
    },
    (("overlay", "join"),),
)
HIDE = Record(
    TITLE,
    {
        "fields": OneOrMany(name),
        "relations": OneOrMany(name),
        "events": OneOrMany(name),
        "clocks": OneOrMany(name),
        "from": OneOrMany(relation),
        "seen_by": OneOrMany(holder),
        "when": words,
    },
    (("from", "seen_by"),),
)
DEFINITION = Record(
    {
        "definition": name,
        "version": Number(1),
        "title": title,
        "initial": name,
        "states": Table(name, STATE),
        "start": START,
        "events": Table(event_name, EVENT),
    },
    {
        "source": words,
        "relations": Table(asked_name, RELATION),
        "fields": Table(asked_name, FIELD),
        "clocks": Table(name, CLOCK),
        "children": Table(asked_name, SLOT),
        "barred": OneOrMany(relation),
        "seen_by": OneOrMany(holder),
        "hides": Table(name, HIDE),
        "similar": Many(name),
    },
)

# --- the other kinds ---------------------------------------------------------------------------------

MEANING_TYPES = ("boolean", "text", "integer")
meaning = OneOf((flag, Number(), words))
CODE = Record(TITLE, {"source": words}, rest=meaning)
CODES = Record(
    {"codes": name, "title": title},
    {
        "source": words,
        "confidence": words,
        "meanings": Table(asked_name, Choice(MEANING_TYPES)),
        "values": Table(code, CODE),
        "sets": Table(code, Record({"values": Table(code, CODE)}, {"source": words, "confidence": words})),
        "chosen_by": rule,
    },
    (("values", "sets"),),
)
SERIES = Record(
    {
        "series": name,
        "title": title,
        "format": Pattern(
            r"[^{}]*\{n(?::0?[1-9])?d?\}[^{}]*", ("含一个 {n} 的格式", "a format with one {n}")
        ),
    },
    {"scope": Many(name), "source": words},
)
RULE = Record(
    {
        **TITLE,
        "value": OneOf((Number(), flag, words, Many(words))),
        "unit": Choice(("month", "calendar_day", "working_day", "times", "date", "switch")),
        "source": words,
        "confidence": Choice(("S", "B", "H", "X", "m", "d")),
    },
    {
        "anchor": words,
        "direction": Choice(("after", "before")),
        "roll": Choice(("none", "next_working_day", "previous_working_day")),
        "outer": rule,
        "statutory": flag,
        "warn": Many(Number(0, 366), 0),
        "valid_from": Day(),
        "valid_until": Day(),
    },
)
RULES = Record(
    {"rules": place, "title": title, "values": Table(rule, Either(RULE, Many(RULE)))},
    {"extends": place, "calendar": name, "default": flag, "source": words},
)
YEAR = Record(
    {"off": Table(words, OneOrMany(Range()), 0), "makeup": Many(Day(), 0)},
    {"notice": words, "published": Day(), "source": words, "confidence": words, "note": words},
)
CALENDAR = Record(
    {
        "calendar": name,
        "version": words,
        "first": Day(),
        "horizon": Day(),
        "years": Table(Years(), YEAR),
    },
    {
        "title": title,
        "note": words,
        "confidence": Table(name, words),
        "names": Table(words, words),
    },
)

ATTRIBUTE = Record(
    {**TITLE, "type": Choice(("text", "integer", "boolean", "date", "code", "codes"))},
    {"codes": name, "required": flag, "personal": flag},
)
BOND = Record({**TITLE, "to": OneOrMany(name)}, {"one": flag, "role": name})
PARTY = Record(
    {"party": name, "title": title, "statuses": Table(name, Record(TITLE, {"acts": flag}))},
    {
        "source": words,
        "within": OneOrMany(name),
        "kept_by": OneOrMany(name),
        "role": name,
        "attributes": Table(name, ATTRIBUTE),
        "bonds": Table(name, BOND),
    },
)

VIEW = Record(
    {
        "view": name,
        "title": title,
        "question": title,
        "for": OneOrMany(name),
        "of": name,
        "columns": Many(name),
    },
    {
        "states": OneOrMany(name),
        "relations": OneOrMany(name),
        "waiting": flag,
        "closed": flag,
        "order": Choice(("due_on", "id", "-id")),
        "acts": OneOrMany(name),
        "board": OneOrMany(name),
        "starts": flag,
    },
)

STAGE = Record({"title": title, "states": OneOrMany(name)})
ANSWERED = Record({"clocks": OneOrMany(name), "events": OneOrMany(name)})
STAGES = Record({"stages": name, "steps": Many(STAGE)}, {"answered": ANSWERED})

SCREENS = ("overdue", "statistics", "wall", "areas", "lifecycles", "calendar", "imports", "stations")
"""screens that stand in the menu of some roles only"""
SETUP_WORDS = Record({}, dict.fromkeys(("clerk", "begin", "units", "stations"), title))
VERDICT_ROUND = Record({"title": title, "slots": OneOrMany(name)})
VISITS_DAY = Record(
    {"of": name, "open": OneOrMany(name), "on": name},
    {"with": Table(name, name), "link": name, "gives": Table(name, name)},
)
CONSOLE = Record(
    {"console": name},
    {
        "screens": Record({}, dict.fromkeys(SCREENS, OneOrMany(name))),
        "asked": Table(name, Record({}, {"fields": OneOrMany(name), "letters": OneOrMany(name)})),
        "signed": Table(name, Record({"text": OneOrMany(name)}, {"digests": OneOrMany(name)})),
        "one_line": Many(name),
        "blank": Many(name),
        "figures": name,
        "setup": Record(
            {"tenants": name, "office": name},
            {"levels": name, "units": OneOrMany(name), "stations": OneOrMany(name), "words": SETUP_WORDS},
        ),
        "verdicts": Record(
            {
                "of": name,
                "title": title,
                "levels": Many(name),
                "counted": Many(name),
                "rounds": Many(VERDICT_ROUND),
            },
            {
                "waiting": OneOrMany(name),
                "waiting_title": title,
                "well": OneOrMany(name),
                "well_title": title,
            },
        ),
        "visits": Record(
            {"of": name, "at": name, "contact": name, "place": name, "on": name},
            {"without_day": Table(name, name), "day": VISITS_DAY},
        ),
        "happened_on": Table(name, name),
        "named_by": Many(name),
        "else_by": Many(name),
    },
)

MIGRATION = Record(
    {"migration": name, "from": Number(1), "to": Number(1)},
    {"states": Table(name, name), "clocks": Table(name, name), "stops": OneOrMany(name), "note": words},
)

KINDS: Mapping[str, Record] = {
    "definition": DEFINITION,
    "codes": CODES,
    "series": SERIES,
    "rules": RULES,
    "calendar": CALENDAR,
    "party": PARTY,
    "view": VIEW,
    "stages": STAGES,
    "console": CONSOLE,
}
"""The kinds of files that make a library; the first key of a file names its kind."""

HANDED_ON: Mapping[str, Shape] = {
    "scenario": Loose(),
    "import": Loose(),
    "letters": Loose(),
    "sheets": Loose(),
    "migration": MIGRATION,
}
"""Kinds that others read; here they are only kept from doing harm, and a `migration` is of one form."""


def json_schema() -> Schema:
    """JSON Schema (draft 2020-12) of every kind, for editors."""
    kinds = {**KINDS, **HANDED_ON}
    chosen: Schema = {"required": [next(iter(kinds))]}
    for kind in reversed(kinds):
        # A chain and no `oneOf`: an editor then shows the faults of the one kind that is meant.
        chosen = {"if": {"required": [kind]}, "then": {"$ref": f"#/$defs/{kind}"}, "else": chosen}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:tibandu:definition",
        "title": "tibandu definition files",
        "type": "object",
        **chosen,
        "$defs": {kind: shape.schema() for kind, shape in kinds.items()},
    }
