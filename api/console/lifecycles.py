"""The definitions: what there is, how each is drawn, what happens in it, whether it is sound, which cases follow which version.

Publishing is a command's (`tibandu publish`): a definition is a file, and files are not changed from a page.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from markupsafe import Markup

from workflow.definition import Definition, Event
from workflow.diagram import drawn, in_words
from workflow.errors import Text
from workflow.overview import Filter, Period, Version, checked, figures, tally, versions, who_may

from ..buckets import MOST
from .found import address_of
from .home import Count
from .screens import Look, Page, Screen
from .statistics import Number

BY_ITSELF = {
    "notice": Text("自动：到期记录", "by itself: recorded when due"),
    "lapse": Text("自动：到期失效", "by itself: lapses when due"),
    "join": Text("自动：随他案", "by itself: follows another case"),
}
STAYS = Text("不变", "stays")
FEW = 4
"""more states than these are counted, not listed"""
EVER = Period()
Listed = tuple[Count, str]
"""how many, counted no further than MOST, and the list of them"""


@dataclass(frozen=True, slots=True)
class Kind:
    """A definition in the list of all."""

    definition: Definition
    published: bool
    open: Number


@dataclass(frozen=True, slots=True)
class Pinned:
    """A version with the cases that follow it; `version` None: its definition lies in the folder and is not published."""

    hash: str
    version: Version | None
    current: bool
    open: Listed
    closed: Listed


@dataclass(frozen=True, slots=True)
class Happens:
    """An event as a row of a table."""

    event: Event
    ways: Sequence[Text]
    who: Text
    form: Sequence[Text]
    when: Text | None
    most: Sequence[Text]
    """until when it may ask for a deadline to be put off"""


def listed(look: Look) -> Page:
    """All definitions with their open cases."""
    library = look.engine.library
    known = {version.hash for version in versions(look.engine)}
    open_ = {
        one.group[0]: one.open
        for one in figures(look.engine, look.actor, Filter(), ["kind"], EVER, counting=["open"])
    }
    kinds = [
        Kind(
            d,
            d.hash in known,
            Number(open_.get(name, 0), address_of(look, Filter(kind=name, finished=False))),
        )
        for name, d in sorted(library.definitions.items(), key=lambda item: look.words(item[1].title))
    ]
    return Page("lifecycles.html", {"kinds": kinds})


def shown(look: Look) -> Page:
    """One definition."""
    definition = look.engine.library.definition(look.path["kind"])
    return Page("lifecycle.html", {
        "definition": definition, "faults": checked(look.engine, definition.name), "pinned": _pinned(look, definition),
        "picture": Markup(drawn(definition, look.language)),  # noqa: S704 - our own SVG, every word of it escaped
        "lines": in_words(definition, look.language), "events": [*_happens(look, definition)],
    })  # fmt: skip


def _pinned(look: Look, definition: Definition) -> list[Pinned]:
    """The versions, the latest first, and how many cases follow each: counted in one question."""
    known = {version.hash: version for version in versions(look.engine) if version.name == definition.name}
    hashes = list(dict.fromkeys([definition.hash, *known]))
    asked = [
        Filter(kind=definition.name, definition=one, closed=closed)
        for one in hashes
        for closed in (False, True)
    ]
    counts = tally(look.engine, look.actor, asked, MOST)
    numbers = [
        (Count(count, count >= MOST), address_of(look, one)) for count, one in zip(counts, asked, strict=True)
    ]
    return [
        Pinned(one, known.get(one), one == definition.hash, numbers[2 * n], numbers[2 * n + 1])
        for n, one in enumerate(hashes)
    ]


def _happens(look: Look, definition: Definition) -> Iterator[Happens]:
    for event in definition.events.values():
        who = BY_ITSELF[event.automatic] if event.automatic else who_may(look.engine, definition, event.name)
        form = [definition.fields[one.name].title for one in event.form]
        when = event.when.in_words() if event.when else None
        yield Happens(event, [*_ways(definition, event)], who, form, when, [*_most(definition, event)])


def _most(definition: Definition, event: Event) -> Iterator[Text]:
    for clock in definition.clocks.values():
        if event.name in clock.asks:
            field, of = definition.fields[clock.asks[event.name]].title, clock.title
            yield Text(
                f"“{field.zh}”不晚于{of.zh}的最长期限",
                f"“{field.en}” no later than the outer limit of {of.en}",
            )


def _ways(definition: Definition, event: Event) -> Iterator[Text]:
    states = definition.states
    for to, moves in groupby(event.moves, key=lambda move: move.to):
        sources = [states[source].title for move in moves for source in move.sources]
        target = states[to].title if to else STAYS
        yield Text(
            f"{_some([s.zh for s in sources], '、', f'{len(sources)} 个状态')} → {target.zh}",
            f"{_some([s.en for s in sources], ', ', f'{len(sources)} states')} → {target.en}",
        )


def _some(titles: Sequence[str], between: str, counted: str) -> str:
    return between.join(titles) if len(titles) <= FEW else counted


LIFECYCLES = (
    Screen(
        path="/lifecycles", name="lifecycles", view=listed, menu=Text("流程定义", "Lifecycles"), of_roles=True
    ),
    Screen(path="/lifecycles/<kind>", name="lifecycle", view=shown),
)  # fmt: skip
