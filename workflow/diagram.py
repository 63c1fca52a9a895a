"""A lifecycle as a picture: SVG that needs no script, no style sheet and no font of its own, and says everything in words too.

Nothing is said by colour: what a case has gone through is thick, what may happen next is dashed, where it stands has a flag with
a word on it, an end has a double frame, what happens by itself a clock. The same definition gives the same bytes, whether
it comes from its file or from the store.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from html import escape

from .definition import Definition
from .errors import Text
from .layout import LINE, SMALL, TITLE, Arrow, Box, Node, Way, laid_out
from .lettering import width
from .model import HistoryEntry

__all__ = ["Trail", "drawn", "in_words", "trail"]

INK, QUIET, NEXT = "#1a1a1a", "#767676", "#0b4f8a"
"""drawn over and over, or not part of this case, or possible now: each at least 4.5:1 against white"""
HERE = Text("现在", "here")
BEGINNING = Text("开始", "beginning")
END = Text("结束", "end")
ONWARD = Text("向下：往后", "down: onward")
BACK = Text("左侧向上：退回前面的状态", "up the left side: back to an earlier state")
BACK_AGAIN = Text("退回", "back")
TAKEN = Text("已走过", "taken")
TIMES = Text("已走过（×次数）", "taken (× how often)")
POSSIBLE_NOW = Text("现在可以办理", "possible now")
UNDERLINED = Text(
    "现在可以办理（事件加下划线，括号内为可办理的人）", "possible now (underlined, with who may)"
)
BY_ITSELF = Text("自动发生", "happens by itself")
HEAD = 34
"""room for the heading and the beginning"""
ROW = 20
"""from one line of the legend to the next"""
BEND = 6
MARGIN = 12


LETTERS = 12
"""from the edge of a state to the words of an arrow"""


@dataclass(frozen=True, slots=True)
class _Style:
    ink: str
    thick: float
    above: int
    dashes: str = ""


PLAIN, OTHER = _Style(INK, 1.2, 0), _Style(QUIET, 0.8, 0)
GONE, POSSIBLE = _Style(INK, 2.8, 2), _Style(NEXT, 2, 1, ' stroke-dasharray="7 4"')


@dataclass(frozen=True, slots=True, kw_only=True)
class Trail:
    """The way of one case: how often each (state, event, state) was gone, where it stands, and what may follow."""

    state: str
    steps: Mapping[tuple[str, str, str], int] = field(default_factory=dict)
    next: Mapping[str, str] = field(default_factory=dict)
    """event that is permitted now -> who may, in words"""


def trail(history: Iterable[HistoryEntry], state: str, following: Mapping[str, str] | None = None) -> Trail:
    """From the lines of a history; what left the case where it was is no step."""
    steps = Counter((h.from_state, h.event, h.to_state) for h in history if h.from_state != h.to_state)
    return Trail(state=state, steps=steps, next=following or {})


def drawn(definition: Definition, language: str = "zh", of: Trail | None = None) -> str:
    """The picture of a definition, or of one case in it."""
    return _Picture(definition, language, of).svg()


def in_words(definition: Definition, language: str = "zh", of: Trail | None = None) -> list[str]:
    """The picture for whoever does not see it: one line for each state in the order of the picture."""
    return list(_Picture(definition, language, of).sentences())


class _Picture:
    def __init__(self, definition: Definition, language: str, of: Trail | None) -> None:
        self.definition = definition
        self.language = language
        self.of = of
        self.pairs = _pairs(definition)
        self.steps: Mapping[tuple[str, str, str], int] = of.steps if of else {}
        self.layout = laid_out(definition.initial, self._nodes(), self._arrows(), top=HEAD + 2 * LINE)

    def say(self, text: Text) -> str:
        """In the picture's language."""
        return text.in_language(self.language)

    # -- what is to be placed

    def _nodes(self) -> list[Node]:
        return [
            Node(name=name, title=self.say(state.title) or name)
            for name, state in self.definition.states.items()
        ]

    def _arrows(self) -> list[Arrow]:
        return [
            Arrow(
                source=source, target=target, words=tuple((e, self._label(e, source, target)) for e in events)
            )
            for (source, target), events in self.pairs.items()
        ]

    def _label(self, event: str, source: str, target: str) -> str:
        words = self.say(self.definition.events[event].title) or event
        times = self.steps.get((source, event, target), 0)
        if times > 1:
            words += f" ×{times}"
        if self._possible(event, source) and self.of and self.of.next[event]:
            who = self.of.next[event]
            words += f"（{who}）" if self.language.startswith("zh") else f" ({who})"
        return words

    def _possible(self, event: str, source: str) -> bool:
        return self.of is not None and source == self.of.state and event in self.of.next

    def _gone(self, way: Way) -> int:
        return sum(self.steps.get((way.source, e, way.target), 0) for e in self.pairs[way.source, way.target])

    # -- the picture

    def svg(self) -> str:
        layout, definition = self.layout, self.definition
        legend = self._legend()
        wide = max(
            layout.width,
            2 * MARGIN + max([self._heading_width(), *(42 + width(w, SMALL) for _, w in legend)]),
        )
        high = layout.height + ROW * len(legend) + 2 * MARGIN
        title = self.say(definition.title)
        said = "\n".join(f"{n}. {line}" for n, line in enumerate(self.sentences(), 1))
        signs = [
            f'<g transform="translate({MARGIN} {layout.height + MARGIN + ROW * (n + 0.5):.1f})">{sign}'
            f"{_words(words, 42, 4, SMALL)}</g>"
            for n, (sign, words) in enumerate(legend)
        ]
        body = [
            f'<rect width="{wide:.0f}" height="{high:.0f}" fill="#fff"/>',
            _words(self._heading(), MARGIN, 24, TITLE, weight="bold"),
            f'<g transform="translate({(wide - layout.width) / 2:.1f} 0)">',
            *self._begin(), *self._all_ways(), *self._all_boxes(), "</g>", *signs,
        ]  # fmt: skip
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" role="img" lang="{"zh-CN" if self.language.startswith("zh") else "en"}" '
            f'width="{wide:.0f}" height="{high:.0f}" viewBox="0 0 {wide:.0f} {high:.0f}" font-family="sans-serif">\n'
            f"<title>{escape(title)}</title>\n<desc>{escape(said)}</desc>\n" + "\n".join(body) + "\n</svg>\n"
        )

    def _heading(self) -> str:
        d = self.definition
        version = self.say(Text(f"第 {d.version} 版", f"version {d.version}"))
        return f"{self.say(d.title)} · {version} · {d.hash[:12]}"

    def _heading_width(self) -> float:
        return width(self._heading(), TITLE)

    def _begin(self) -> Iterator[str]:
        first = self.layout.boxes[0]
        x, y = first.x + first.width / 2, first.y
        yield f'<circle cx="{x:.1f}" cy="{HEAD + 6}" r="6" fill="{INK}"/>'
        yield f'<path d="M{x:.1f} {HEAD + 12}V{y - 6:.1f}" stroke="{INK}"/>{_head(x, y, "down", INK)}'
        yield _words(self.say(self.definition.start.title), x + 12, HEAD + 20, SMALL)

    def _all_ways(self) -> Iterator[str]:
        """The quiet ones first, so that what matters lies on top."""
        styled = sorted(((self._style(way), way) for way in self.layout.ways), key=lambda pair: pair[0].above)
        for style, way in styled:
            yield from self._way(way, style)

    def _style(self, way: Way) -> _Style:
        if self._gone(way):
            return GONE
        if any(self._possible(event, way.source) for event in self.pairs[way.source, way.target]):
            return POSSIBLE
        return PLAIN if self.of is None else OTHER

    def _way(self, way: Way, style: _Style) -> Iterator[str]:
        names = f"{self._title(way.source)} → {self._title(way.target)}"
        events = " / ".join(
            self.say(self.definition.events[e].title) for e in self.pairs[way.source, way.target]
        )
        short = way.joined is not None and style.above == 0
        yield (
            f'<path d="{_course(way, short=short)}" fill="none" stroke="{style.ink}" stroke-width="{style.thick}"'
            f"{style.dashes}><title>{escape(f'{names}: {events}')}</title></path>"
        )
        if not short:
            yield _head(*way.end, way.side, style.ink)
        yield from self._labels(way)

    def _labels(self, way: Way) -> Iterator[str]:
        x = way.start[0] + (-LETTERS if way.side == "left" else LETTERS)
        told: set[str] = set()
        for event, line, y in way.lines:
            gone, possible = (way.source, event, way.target) in self.steps, self._possible(event, way.source)
            ink = NEXT if possible else INK if gone or self.of is None else QUIET
            first = event not in told
            marked = self._by_itself(event) and first
            told.add(event)
            shift = 0.0
            if marked:
                shift = 15 if way.side != "left" else -width(line, SMALL) - 8
                yield _clock(x + (6 if way.side != "left" else shift), y - 4, ink)
            yield _words(
                line, x + (shift if way.side != "left" else 0), y, SMALL, ink=ink, weight="bold" if gone else "",
                anchor="end" if way.side == "left" else "", underlined=possible,
            )  # fmt: skip

    def _by_itself(self, event: str) -> bool:
        return self.definition.events[event].automatic is not None

    def _all_boxes(self) -> Iterator[str]:
        for box in self.layout.boxes:
            yield from self._box(box)

    def _box(self, box: Box) -> Iterator[str]:
        here = self.of is not None and box.name == self.of.state
        been = self.of is None or here or any(box.name in (step[0], step[2]) for step in self.steps)
        thick = 3 if here else 1.6 if been else 1
        ink = INK if been else QUIET
        yield _frame(box, 0, ink, thick, "#fff")
        if self.definition.states[box.name].end:
            yield _frame(box, 4, ink, 1, "none")
        high = len(box.lines) * (LINE + 2)
        y = box.y + (box.height - high) / 2 + TITLE
        for line in box.lines:
            yield _words(
                line, box.x + box.width / 2, y, TITLE, ink=ink, anchor="middle", weight="bold" if here else ""
            )
            y += LINE + 2
        if here:
            yield from self._flag(box)

    def _flag(self, box: Box) -> Iterator[str]:
        words = self.say(HERE)
        wide = width(words, SMALL) + 22
        x, y = box.x - 8, box.y - 10
        yield f'<path d="M{x:.1f} {y:.1f}h{wide - 9:.1f}l9 10l-9 10h{9 - wide:.1f}z" fill="{INK}"/>'
        yield _words(words, x + 7, y + 14.5, SMALL, ink="#fff", weight="bold")

    # -- the legend

    def _legend(self) -> list[tuple[str, str]]:
        """(sign, words) of what this picture shows; the signs stand around y = 0."""
        events, states = self.definition.events.values(), self.definition.states.values()
        found = [
            (True, _stroke(PLAIN if self.of is None else OTHER), ONWARD),
            (any(way.side == "left" for way in self.layout.ways), _stroke(PLAIN, back=True), BACK),
            (self.of is not None, _stroke(GONE), TIMES),
            (bool(self.of and self.of.next), _stroke(POSSIBLE), UNDERLINED),
            (any(event.automatic for event in events), _clock(15, 0, INK), BY_ITSELF),
            (any(state.end for state in states), _ends(), END),
        ]
        return [(sign, self.say(words)) for shown, sign, words in found if shown]

    # -- in words

    def sentences(self) -> Iterator[str]:
        """One for each state: where it leads, by which events, and how a case has gone through it."""
        ways: dict[str, list[Way]] = {}
        for way in self.layout.ways:
            ways.setdefault(way.source, []).append(way)
        for box in self.layout.boxes:
            marks = [self.say(mark) for mark in self._marks(box.name)]
            said = [self._title(box.name) + (f" ({', '.join(marks)})" if marks else "")]
            said += [f"{self._events(way)} → {self._title(way.target)}" for way in ways.get(box.name, ())]
            yield "; ".join(said)

    def _marks(self, state: str) -> Iterator[Text]:
        if state == self.definition.initial:
            yield BEGINNING
        if self.definition.states[state].end:
            yield END
        if self.of is not None and state == self.of.state:
            yield HERE

    def _events(self, way: Way) -> str:
        said = []
        for event in self.pairs[way.source, way.target]:
            marks = [self.say(mark) for mark in self._event_marks(event, way)]
            words = self._label(event, way.source, way.target)
            said.append(words + (f" [{', '.join(marks)}]" if marks else ""))
        return " / ".join(said)

    def _event_marks(self, event: str, way: Way) -> Iterator[Text]:
        if self._by_itself(event):
            yield BY_ITSELF
        if way.side == "left":
            yield BACK_AGAIN
        if (way.source, event, way.target) in self.steps:
            yield TAKEN
        if self._possible(event, way.source):
            yield POSSIBLE_NOW

    def _title(self, state: str) -> str:
        return self.say(self.definition.states[state].title) or state


def _pairs(definition: Definition) -> dict[tuple[str, str], tuple[str, ...]]:
    """(state, other state) -> the events that lead from one to the other, by name; what stays is no arrow."""
    found: dict[tuple[str, str], set[str]] = {}
    for event in definition.events.values():
        for move in event.moves:
            for source in move.sources:
                if move.to not in (None, source):
                    found.setdefault((source, str(move.to)), set()).add(event.name)
    return {pair: tuple(sorted(events)) for pair, events in sorted(found.items())}


# -- SVG


def _course(way: Way, *, short: bool) -> str:
    """From edge to edge, or only to where the next arrow to the same state comes in."""
    (x, y), (end_x, end_y), lane = way.start, way.end, way.lane
    if way.side == "down":
        return f"M{x:.1f} {y:.1f}V{end_y - 6:.1f}"
    out, down = (1, 1) if way.side == "right" else (-1, -1)
    onto = f"M{x:.1f} {y:.1f}H{lane - out * BEND:.1f}Q{lane:.1f} {y:.1f} {lane:.1f} {y + down * BEND:.1f}"
    if short and way.joined is not None:
        return f"{onto}V{way.joined + down * BEND:.1f}"
    return f"{onto}V{end_y - down * BEND:.1f}Q{lane:.1f} {end_y:.1f} {lane - out * BEND:.1f} {end_y:.1f}H{end_x + out * 6:.1f}"


def _head(x: float, y: float, side: str, ink: str) -> str:
    """The head of an arrow that comes from that side, or from above."""
    if side == "down":
        return f'<path d="M{x - 4.5:.1f} {y - 9:.1f}h9L{x:.1f} {y:.1f}z" fill="{ink}"/>'
    back = 9 if side == "right" else -9
    return f'<path d="M{x + back:.1f} {y - 4.5:.1f}v9L{x:.1f} {y:.1f}z" fill="{ink}"/>'


def _frame(box: Box, within: float, ink: str, thick: float, fill: str) -> str:
    return (
        f'<rect x="{box.x + within:.1f}" y="{box.y + within:.1f}" width="{box.width - 2 * within:.1f}" '
        f'height="{box.height - 2 * within:.1f}" rx="{6 - within / 2:.0f}" fill="{fill}" stroke="{ink}" stroke-width="{thick}"/>'
    )


def _clock(x: float, y: float, ink: str) -> str:
    return (
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5.5" fill="#fff" stroke="{ink}"/>'
        f'<path d="M{x:.1f} {y - 3.5:.1f}v3.5h3" fill="none" stroke="{ink}"/>'
    )


def _stroke(style: _Style, *, back: bool = False) -> str:
    line = f'<path d="M0 0H30" stroke="{style.ink}" stroke-width="{style.thick}"{style.dashes}/>'
    return line + _head(0 if back else 30, 0, "right" if back else "left", style.ink)


def _ends() -> str:
    return (
        f'<rect x="1" y="-7" width="28" height="14" rx="3" fill="#fff" stroke="{INK}"/>'
        f'<rect x="4" y="-4" width="22" height="8" rx="2" fill="none" stroke="{INK}"/>'
    )


def _words(
    words: str, x: float, y: float, size: int, *, ink: str = INK, anchor: str = "", weight: str = "",
    underlined: bool = False,
) -> str:  # fmt: skip
    more = (f' text-anchor="{anchor}"' if anchor else "") + (f' font-weight="{weight}"' if weight else "")
    more += ' text-decoration="underline"' if underlined else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{ink}"{more}>{escape(words)}</text>'
