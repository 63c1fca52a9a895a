"""Definitions as Mermaid text: states, events, what happens by itself, clocks; and how definitions are tied to one another."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from .definition import ClockRule, Definition, Event, Move, Slot
from .errors import Text

__all__ = ["mermaid", "ties"]

AUTOMATIC = {
    "notice": Text("自动记录", "automatic notice"),
    "lapse": Text("自动失效", "automatic lapse"),
    "join": Text("随他案", "follows another case"),
}
MISSED = Text("届满", "when missed")
CHILDREN = Text("子案", "children")
CLOCK = Text("期限", "clock")


def mermaid(definition: Definition, language: str = "zh") -> str:
    """A `stateDiagram-v2` of that definition; the same text for the same definition."""
    lines = [
        f"%% {definition.name} {definition.version} {definition.hash[:12]}",
        "stateDiagram-v2",
        *(f"    {line}" for line in _lines(definition, language)),
    ]
    return "\n".join(lines) + "\n"


def ties(definitions: Iterable[Definition], language: str = "zh") -> str:
    """A `flowchart` of all definitions: children that are waited for, overlays beside, cases that beget others."""
    all_ = sorted(definitions, key=lambda definition: definition.name)
    children = {slot.definition for definition in all_ for slot in definition.children.values()}
    lines = []
    for one in all_:
        words = _quoted(one.title.in_language(language))
        lines.append(f"{_id(one.name)}({words})" if one.name in children else f"{_id(one.name)}[{words}]")
    for one in all_:
        for arrow, slots in _slots(one):
            lines += [f"{_id(one.name)} {arrow} {_id(other)}" for other in slots]
        for event in one.events.values():
            if event.begets:
                label = _plain(event.title.in_language(language))
                lines.append(f"{_id(one.name)} ==>|{label}| {_id(event.begets)}")
    return "\n".join(["flowchart LR", *(f"    {line}" for line in lines)]) + "\n"


def _slots(definition: Definition) -> Iterator[tuple[str, list[str]]]:
    for arrow, overlay in (("-->", False), ("-.->", True)):
        slots = [slot.definition for slot in definition.children.values() if slot.overlay is overlay]
        yield arrow, list(dict.fromkeys(slots))


def _lines(definition: Definition, language: str) -> Iterator[str]:
    for name, state in definition.states.items():
        yield f"state {_quoted(state.title.in_language(language))} as {_id(name)}"
    yield f"[*] --> {_id(definition.initial)} : {_label(definition.start, language)}"
    for event in definition.events.values():
        for move in event.moves:
            yield from _arrows(event, move, language)
    for name, state in definition.states.items():
        if state.end:
            yield f"{_id(name)} --> [*]"
    for clock in definition.clocks.values():
        yield from _note(_started(definition, clock), _clock(definition, clock, language))
    for slot in definition.children.values():
        yield from _note(
            _opened(definition, slot), f"{CHILDREN.in_language(language)}: {slot.title.in_language(language)}"
        )


def _arrows(event: Event, move: Move, language: str) -> Iterator[str]:
    for source in move.sources:
        yield f"{_id(source)} --> {_id(move.to or source)} : {_label(event, language)}"


def _label(event: Event, language: str) -> str:
    title = event.title.in_language(language)
    automatic = f" ({AUTOMATIC[event.automatic].in_language(language)})" if event.automatic else ""
    return _plain(f"{'⏱ ' if automatic else ''}{title}{automatic}")


def _clock(definition: Definition, clock: ClockRule, language: str) -> str:
    words = f"{CLOCK.in_language(language)}: {clock.title.in_language(language)} ({_rules(clock, language)})"
    if clock.missed is None:
        return words
    missed = definition.events[clock.missed].title.in_language(language)
    return f"{words}; {MISSED.in_language(language)} → {missed}"


def _rules(clock: ClockRule, language: str) -> str:
    """The rule, or each rule with the case in which it is followed."""
    if not clock.instead:
        return clock.rule
    rules = dict.fromkeys([*(one.rule for one in clock.instead), clock.rule])
    said = ((rule, clock.why(rule)) for rule in rules)
    return "; ".join(f"{rule}: {why.in_language(language)}" for rule, why in said if why is not None)


def _started(definition: Definition, clock: ClockRule) -> str:
    """The state in which the clock begins to run: where its first start leads."""
    return _after(definition, clock.starts[0])


def _opened(definition: Definition, slot: Slot) -> str:
    events = (definition.start, *definition.events.values())
    opening = next((event.name for event in events if slot.name in event.opens), "start")
    return _after(definition, opening)


def _after(definition: Definition, event: str) -> str:
    if event == "start":
        return definition.initial
    move = definition.events[event].moves[0]
    return move.to or move.sources[0]


def _note(state: str, words: str) -> Iterator[str]:
    yield f"note right of {_id(state)}"
    yield f"    {_plain(words)}"
    yield "end note"


def _id(name: str) -> str:
    # `state`, `note`, `end` and their like mean something to Mermaid.
    return f"s_{name}"


def _plain(words: str) -> str:
    """Text that ends no statement of Mermaid's early."""
    table = {
        ":": "：",
        ";": "；",
        "#": "＃",
        "\n": " ",
        '"': "'",
        "%": "％",
        "<": "＜",
        ">": "＞",
        "{": "（",
        "}": "）",
    }
    words = words.replace(": ", "：").replace("; ", "；")
    return "".join(table.get(letter, letter) for letter in words).strip()


def _quoted(words: str) -> str:
    return f'"{_plain(words)}"'
