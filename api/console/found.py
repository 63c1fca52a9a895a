"""The list behind a number: a filter as an address, in words, and the cases it finds."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

from marshmallow import fields, validate

from workflow.definition import Definition
from workflow.errors import NotFound, Text
from workflow.overview import Filter, Period, Ran, count, find

from ..asked import Asked, filter_of, parameters_of
from ..bodies import parser
from ..paging import case_asked, next_address
from .lists import LIMIT, heads_of, rows
from .recorded import RECORDED
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


class Shown(Asked):
    """A filter, and which page of it."""

    cursor = fields.Str(validate=validate.Length(max=1000))


def address_of(look: Look, asked: Filter) -> str:
    """Where the list of that filter is."""
    return look.address("found", **parameters_of(asked))


def found(look: Look) -> Page:
    """The cases."""
    asked = filter_of(parser.parse(Shown, look.request, location="query"))
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
    if asked.recorded is not None:
        yield RECORDED if asked.recorded else Text("不含来源未载的", "without those of which it is not known")
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
