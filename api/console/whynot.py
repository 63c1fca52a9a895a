"""Why not now: what may be added to the engine's reasons, the days and the rule behind them and what comes first."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace

from workflow import Case
from workflow.definition import Definition, Event
from workflow.errors import Reason, Text

MOST = 2
"""ways that are named"""


def readable(reasons: Sequence[Reason], case: Case | None = None) -> list[Reason]:
    """The reasons in the words of somebody who does not know the definition, where the engine has them; each once. Of a deadline
    of that case that runs no more they say since when.
    """
    told = [replace(one, text=one.plain or one.text, plain=None) for one in reasons]
    return list(dict.fromkeys(told if case is None else [_over(one, case) for one in told]))


def _over(reason: Reason, case: Case) -> Reason:
    wanted = (reason.field or "").split(".")
    clock = next((one for one in case.clocks if wanted == ["clock", one.name, "running"]), None)
    if clock is None or clock.stopped_on is None:
        return reason
    if clock.stopped_on < clock.due_on:
        zh, en = f"已于 {clock.stopped_on} 停止计算", f"was stopped on {clock.stopped_on}"
    else:
        zh, en = f"已于 {clock.due_on} 届满", f"ran out on {clock.due_on}"
    return replace(reason, text=Text(f"{clock.title.zh}{zh}", f"{clock.title.en} {en}"))


def hints(definition: Definition, case: Case, event: Event, reasons: Sequence[Reason]) -> list[Text]:
    """What may be added to a refusal of this event."""
    codes = {reason.code for reason in reasons}
    found: list[Text] = []
    if "condition_not_met" in codes:
        asked = {one.field for one in reasons}
        found += [
            *_days(case, event),
            *_givers(definition, case, event, asked),
            *_elsewhere(definition, case, event, asked),
        ]
    if "state" in codes and not case.closed:
        found += _first(definition, case, event)
    return found


def _days(case: Case, event: Event) -> Iterator[Text]:
    """The deadlines that its condition asks about, each with its day and its source."""
    asked = {name.split(".")[1] for name in _names(event) if name.startswith("clock.")}
    for clock in case.clocks:
        if clock.name in asked:
            yield Text(
                f"{clock.title.zh}：自 {clock.anchor_on} 起，{clock.due_on} 届满（{clock.source}）",
                f"{clock.title.en}: from {clock.anchor_on}, until {clock.due_on} ({clock.source})",
            )


def _givers(definition: Definition, case: Case, event: Event, asked: Collection[str | None]) -> list[Text]:
    """By which acts what is missing comes about, of those that are possible where the case stands."""
    names = {name.partition(".")[0] if not name.startswith("round.") else name for name in asked if name}
    ways = [
        one for one in definition.events.values()
        if one.by and one.name != event.name and any(case.state in move.sources for move in one.moves)
        and (not names.isdisjoint((*one.opens, *one.fields, f"round.{one.name}")))
        and names.isdisjoint(event.fields)
    ]  # fmt: skip
    if not 0 < len(ways) <= MOST:
        return []
    zh, en = "或".join(f"“{one.title.zh}”" for one in ways), " or ".join(repr(one.title.en) for one in ways)
    return [Text(f"由{zh}产生", f"it comes about by {en}")]


def _names(event: Event) -> Iterable[str]:
    guards = (event.when, *(move.when for move in event.moves))
    return {name for guard in guards if guard is not None for name in guard.names}


def _elsewhere(definition: Definition, case: Case, event: Event, asked: Collection[str | None]) -> list[Text]:
    """Where it is only here that the condition holds it up: what leads to a state where another one is put."""
    here = [move for move in event.moves if case.state in move.sources]
    held = {name for move in here if move.when is not None for name in move.when.names}
    if held.isdisjoint(asked):
        return []
    others = {state for move in event.moves if move not in here for state in move.sources}
    return [Text(f"或者先进行{zh}", f"or first {en}") for zh, en in _ways(definition, case, others)]


def _first(definition: Definition, case: Case, event: Event) -> list[Text]:
    """What persons can do here that leads to where the event can be."""
    wanted = {state for move in event.moves for state in move.sources}
    return [Text(f"须先进行{zh}", f"first {en}") for zh, en in _ways(definition, case, wanted)]


def _ways(definition: Definition, case: Case, wanted: Collection[str]) -> Iterator[tuple[str, str]]:
    """The steps from here to one of these states, if they are few enough to be named."""
    ways = [
        one for one in definition.events.values()
        if one.by and any(case.state in move.sources and move.to in wanted for move in one.moves)
    ]  # fmt: skip
    if 0 < len(ways) <= MOST:
        zh = "或".join(f"“{one.title.zh}”（{one.source}）" for one in ways)
        yield zh, " or ".join(f"{one.title.en!r} ({one.source})" for one in ways)
