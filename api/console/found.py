"""The list behind a number: a filter as an address, in words, and the cases it finds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields as parts
from datetime import date, timedelta
from typing import Any, get_args

from marshmallow import fields, validate

from workflow.definition import Definition
from workflow.errors import NotFound, Text
from workflow.overview import Filter, Over, Period, Ran, count, find

from ..bodies import parser
from ..paging import case_asked, next_address
from ..schemas import NAME, PARTY, Day, Flag, Listed, Strict
from .lists import LIMIT, heads_of, rows
from .screens import Look, Page, Screen

COLUMNS = ("number", "title", "kind", "state", "opened_on", "due_on")
OVER = {
    "target": Text("超过期限", "over the due day"),
    "statutory": Text("超过最迟期限", "over the outer limit"),
}
DAYS = {
    "due": Text("期限", "due"),
    "opened": Text("收到", "came in"),
    "concluded": Text("办结", "went out"),
    "done": Text("答复", "answered"),
}


class Asked(Strict):
    """A filter as it stands in an address."""

    kind = fields.Str(validate=NAME)
    state = fields.Str(validate=NAME)
    states = Listed(fields.Str(validate=NAME))
    slots = Listed(fields.Str(validate=NAME))
    definition = fields.Str(validate=validate.Regexp(r"[0-9a-f]{64}\Z"))
    party = fields.Str(validate=PARTY)
    closed, finished = Flag(), Flag()
    roots = Flag(load_default=False)
    over = fields.Str(validate=validate.OneOf(get_args(Over)))
    due_from, due_before = Day(), Day()
    opened_from, opened_before = Day(), Day()
    concluded_from, concluded_before = Day(), Day()
    clocks = Listed(fields.Str(validate=NAME))
    events = Listed(fields.Str(validate=NAME))
    done_from, done_before = Day(), Day()
    longer_than = fields.Int(validate=validate.Range(0, 100_000))
    at_most = fields.Int(validate=validate.Range(0, 100_000))
    late = Flag()
    cursor = fields.Str(validate=validate.Length(max=1000))


def address_of(look: Look, asked: Filter) -> str:
    """Where the list of that filter is."""
    given = {part.name: getattr(asked, part.name) for part in parts(asked) if part.name != "ran"}
    return look.address("found", **_written({**given, **(_ran_given(asked.ran) if asked.ran else {})}))


def _ran_given(ran: Ran) -> dict[str, Any]:
    given = {part.name: getattr(ran, part.name) for part in parts(ran) if part.name != "period"}
    return {**given, "done_from": ran.period.start, "done_before": ran.period.before}


def _written(given: Mapping[str, Any]) -> dict[str, str]:
    """As an address says it; what is not asked for is left out."""
    found = {}
    for name, value in given.items():
        if isinstance(value, bool):
            if value or name in ("closed", "finished", "late"):
                found[name] = str(value).lower()
        elif isinstance(value, tuple):
            if value:
                found[name] = ",".join(value)
        elif value is not None:
            found[name] = str(value)
    return found


def filter_of(query: Mapping[str, Any]) -> Filter:
    """The filter of an address."""
    known = {part.name for part in parts(Filter)}
    given: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in query.items()
    }
    own: dict[str, Any] = {name: value for name, value in given.items() if name in known}
    if "clocks" not in given or "events" not in given:
        return Filter(**own)
    period = Period(start=given.get("done_from"), before=given.get("done_before"))
    limits: dict[str, Any] = {name: given.get(name) for name in ("longer_than", "at_most", "late")}
    return Filter(**own, ran=Ran(clocks=given["clocks"], events=given["events"], period=period, **limits))


def found(look: Look) -> Page:
    """The cases."""
    asked = filter_of(parser.parse(Asked, look.request, location="query"))
    page = find(look.engine, look.actor, asked, after=case_asked(), limit=LIMIT)
    return Page("found.html", {
        "words": list(_in_words(look, asked)), "number": count(look.engine, look.actor, asked), "heads": heads_of(COLUMNS),
        "rows": rows(look, page.cases, COLUMNS), "next": next_address(page.next) if page.next else None,
    })  # fmt: skip


def _in_words(look: Look, asked: Filter) -> Iterator[Text]:
    """What is asked for, part by part."""
    definition = _definition(look, asked.kind)
    if definition is not None:
        yield definition.title
        yield from _slots(look, asked)
        for state in (*asked.states, *([asked.state] if asked.state else ())):
            if state in definition.states:
                yield definition.states[state].title
    if asked.closed is not None:
        yield Text("已结束", "ended") if asked.closed else Text("未结束", "not ended")
    if asked.finished is not None:
        yield Text("已办结", "finished") if asked.finished else Text("在办", "open")
    if asked.over is not None:
        yield OVER[asked.over]
    if asked.party is not None:
        yield Text(look.names[asked.party], look.names[asked.party])
    yield from _days_in_words(asked)


def _slots(look: Look, asked: Filter) -> Iterator[Text]:
    """As which part of another case: the first survey or the second."""
    for law in look.engine.library.definitions.values():
        for slot in law.children.values():
            if slot.name in asked.slots and slot.definition == asked.kind:
                yield slot.title


def _definition(look: Look, kind: str | None) -> Definition | None:
    try:
        return look.engine.library.definition(kind) if kind else None
    except NotFound:
        return None


def _days_in_words(asked: Filter) -> Iterator[Text]:
    period = asked.ran.period if asked.ran else Period()
    spans = {
        "due": (asked.due_from, asked.due_before), "opened": (asked.opened_from, asked.opened_before),
        "concluded": (asked.concluded_from, asked.concluded_before), "done": (period.start, period.before),
    }  # fmt: skip
    for name, (first, before) in spans.items():
        if first is not None or before is not None:
            yield _span(DAYS[name], first, before)
    if asked.ran is not None:
        yield from _ran_in_words(asked.ran)


def _span(what: Text, first: date | None, before: date | None) -> Text:
    last = before - timedelta(days=1) if before else None
    return Text(f"{what.zh}：{first or '…'} 至 {last or '…'}", f"{what.en}: {first or '…'} to {last or '…'}")


def _ran_in_words(ran: Ran) -> Iterator[Text]:
    if ran.longer_than is not None:
        yield Text(f"用时超过 {ran.longer_than} 天", f"took more than {ran.longer_than} days")
    if ran.at_most is not None:
        yield Text(f"用时不超过 {ran.at_most} 天", f"took at most {ran.at_most} days")
    if ran.late is not None:
        yield Text("逾期", "late") if ran.late else Text("按期", "in time")


FOUND = (Screen(path="/found", name="found", view=found),)
