"""Where the states and arrows of a lifecycle stand on paper: one column of boxes, the ways on at its right, back at its left.

Real lifecycles are long and narrow (of the 26 states of a suggestion, 20 follow one another), so every state has a row of its
own in the order of reading_order.py. An arrow to the next row goes straight down. All other arrows to one state share a line, at
the right when they lead down and at the left when they lead back up; each leaves its state on a height of its own, with its
words above it. So no two boxes and no two words can meet, whatever the lifecycle. Pixels; nothing here knows SVG.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from .lettering import width, wrapped
from .reading_order import reading_order

__all__ = ["LINE", "SMALL", "TITLE", "Arrow", "Box", "Layout", "Node", "Way", "laid_out"]

Side = Literal["down", "right", "left"]
TITLE, SMALL = 14, 12
"""sizes of the letters of a state and of an event"""
LINE = 16
"""from one line of words to the next"""
PAD = 10
BESIDE = 150
"""room for the words of a state"""
LABELS = 196
"""room for the words of an arrow"""
PORT = 16
"""height an arriving line takes"""
LANE = 14
"""from one line to the next"""
GAP = 26
"""between two boxes, if no words stand there"""
MARK = 16
"""room for a mark before the words of an event"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A state to be placed."""

    name: str
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrow:
    """What leads from one state to another: `words` are (event, what is written), each on lines of its own."""

    source: str
    target: str
    words: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A placed state."""

    name: str
    x: float
    y: float
    width: float
    height: float
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """A placed arrow: from the edge of one box by `lane` to the edge of another; `lines` are (event, words, y of the letters).

    `joined` is the height at which the next arrow to the same state comes onto the lane: from there on one line serves both.
    """

    source: str
    target: str
    side: Side
    start: tuple[float, float]
    end: tuple[float, float]
    lane: float
    joined: float | None
    lines: tuple[tuple[str, str, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """A drawing of that size."""

    width: float
    height: float
    boxes: tuple[Box, ...]
    ways: tuple[Way, ...]


def laid_out(initial: str, nodes: Sequence[Node], arrows: Sequence[Arrow], *, top: float = 0) -> Layout:
    """Place everything below `top`; the same for the same names and words, in whichever order they are given."""
    order = reading_order(initial, [node.name for node in nodes], [(a.source, a.target) for a in arrows])
    return _Page(order, {node.name: node for node in nodes}, arrows, top).layout()


class _Page:
    def __init__(
        self, order: Sequence[str], nodes: Mapping[str, Node], arrows: Iterable[Arrow], top: float
    ) -> None:
        self.order = order
        self.nodes = nodes
        self.row = {name: index for index, name in enumerate(order)}
        self.arrows = sorted(arrows, key=lambda a: (self.row[a.source], self.row[a.target]))
        self.leaving: dict[tuple[str, Side], list[Arrow]] = {}
        self.arriving: dict[tuple[str, Side], list[Arrow]] = {}
        for arrow in self.arrows:
            self.leaving.setdefault((arrow.source, self._side(arrow)), []).insert(0, arrow)
            self.arriving.setdefault((arrow.target, self._side(arrow)), []).append(arrow)
        self.words = {
            (a.source, a.target): [(event, line) for event, text in _told_apart(a) for line in _broken(text)]
            for a in self.arrows
        }
        self.titles = {name: wrapped(nodes[name].title, TITLE, BESIDE) for name in order}
        self.box_width = 2 * PAD + max(width(line, TITLE) for name in order for line in self.titles[name])
        self.tops, self.heights = self._rows(top)

    # -- rows

    def _side(self, arrow: Arrow) -> Side:
        step = self.row[arrow.target] - self.row[arrow.source]
        return "down" if step == 1 else "right" if step > 0 else "left"

    def _leaving(self, name: str, side: Side) -> list[Arrow]:
        """From the top down: on the right the farthest target first, on the left the nearest, so that few lines cross."""
        return self.leaving.get((name, side), [])

    def _room(self, arrow: Arrow) -> float:
        return len(self.words[arrow.source, arrow.target]) * LINE + PAD

    def _rows(self, top: float) -> tuple[dict[str, float], dict[str, float]]:
        tops: dict[str, float] = {}
        heights: dict[str, float] = {}
        for name in self.order:
            tops[name] = top
            words = len(self.titles[name]) * (LINE + 2) + 2 * PAD
            heights[name] = max(words, self._ports(name, "right"), self._ports(name, "left"))
            top += heights[name] + GAP + sum(self._room(a) - PAD for a in self._leaving(name, "down"))
        return tops, heights

    def _ports(self, name: str, side: Side) -> float:
        return (
            PORT * ((name, side) in self.arriving)
            + sum(self._room(a) for a in self._leaving(name, side))
            + PAD
        )

    # -- lines

    def layout(self) -> Layout:
        lanes = {side: self._lanes(side) for side in ("right", "left")}
        left = self._column("left") + LANE * (1 + max(lanes["left"].values(), default=-1)) + PAD
        right = left + self.box_width + self._column("right")
        boxes = [self._box(name, left) for name in self.order]
        placed = {
            "right": {target: right + lane * LANE for target, lane in lanes["right"].items()},
            "left": {
                target: left - self._column("left") - lane * LANE for target, lane in lanes["left"].items()
            },
        }
        ways = [self._way(arrow, left, placed) for arrow in self.arrows]
        wide = right + LANE * (1 + max(lanes["right"].values(), default=-1)) + PAD
        return Layout(
            width=wide, height=boxes[-1].y + boxes[-1].height + PAD, boxes=tuple(boxes), ways=tuple(ways)
        )

    def _column(self, side: Side) -> float:
        """Room for the words at that side of the boxes."""
        found = [self._widest(a) for a in self.arrows if self._side(a) == side]
        if side == "right":
            half = self.box_width / 2
            found += [self._widest(a) - half for a in self.arrows if self._side(a) == "down"]
        return 2 * PAD + max([0.0, *found])

    def _widest(self, arrow: Arrow) -> float:
        return MARK + max(width(line, SMALL) for _, line in self.words[arrow.source, arrow.target])

    def _box(self, name: str, left: float) -> Box:
        return Box(
            name=name, x=left, y=self.tops[name], width=self.box_width, height=self.heights[name],
            lines=self.titles[name],
        )  # fmt: skip

    def _way(self, arrow: Arrow, left: float, lanes: Mapping[str, Mapping[str, float]]) -> Way:
        side, source, target = self._side(arrow), arrow.source, arrow.target
        if side == "down":
            x, bottom = left + self.box_width / 2, self.tops[source] + self.heights[source]
            start, end, lane = (x, bottom), (x, self.tops[target]), x
            first = bottom + LINE
        else:
            edge = left + (self.box_width if side == "right" else 0)
            y = self._out(arrow)
            start, end, lane = (edge, y), (edge, self._in(target, side)), lanes[side][target]
            first = y - self._room(arrow) + LINE + PAD / 2
        lines = self.words[source, target]
        return Way(
            source=source, target=target, side=side, start=start, end=end, lane=lane,
            joined=self._joined(arrow) if side != "down" else None,
            lines=tuple((event, line, first + index * LINE) for index, (event, line) in enumerate(lines)),
        )  # fmt: skip

    def _in(self, name: str, side: Side) -> float:
        """Lines from above arrive above what leaves, lines from below below it: so the two never cross."""
        if side == "right":
            return self.tops[name] + PORT
        return self.tops[name] + self.heights[name] - PORT / 2

    def _out(self, arrow: Arrow) -> float:
        side = self._side(arrow)
        y = self.tops[arrow.source] + (
            PORT if side == "right" and (arrow.source, side) in self.arriving else 0
        )
        for other in self._leaving(arrow.source, side):
            y += self._room(other)
            if other is arrow:
                break
        return y

    def _joined(self, arrow: Arrow) -> float | None:
        side, own = self._side(arrow), self._out(arrow)
        others = [self._out(other) for other in self.arriving[arrow.target, side]]
        if side == "right":
            return min((y for y in others if y > own), default=None)
        return max((y for y in others if y < own), default=None)

    def _lanes(self, side: Side) -> dict[str, int]:
        """A lane for each target, the innermost (0) to the shortest: lines that share a lane keep apart."""
        spans: dict[str, tuple[float, float]] = {}
        for arrow in self.arrows:
            if self._side(arrow) == side:
                ends = (self._out(arrow), self._in(arrow.target, side), *spans.get(arrow.target, ()))
                spans[arrow.target] = (min(ends), max(ends))
        taken: list[list[tuple[float, float]]] = []
        found = {}
        for target, (first, last) in sorted(
            spans.items(), key=lambda item: (item[1][1] - item[1][0], item[0])
        ):
            free = (
                n for n, lane in enumerate(taken) if all(last + PAD < a or b + PAD < first for a, b in lane)
            )
            number = next(free, len(taken))
            if number == len(taken):
                taken.append([])
            taken[number].append((first, last))
            found[target] = number
        return found


def _told_apart(arrow: Arrow) -> Iterator[tuple[str, str]]:
    """Each of several events begins with a dot, so that nobody takes the second line of one for another."""
    for event, text in arrow.words:
        yield event, f"· {text}" if len(arrow.words) > 1 else text


def _broken(text: str) -> tuple[str, ...]:
    return wrapped(text, SMALL, LABELS - MARK)
