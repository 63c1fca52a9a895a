"""Column charts as SVG text: no script, no outside font, readable in print and by a screen reader.

A chart never says anything by colour alone: the fills of the series differ in black and white too, the legend names each, a
column says its number above it and in its `title`, and who shows a chart puts the same numbers in a table beside it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 760, 300
LEFT, RIGHT, TOP, BOTTOM = 52, 12, 36, 46
"""room for the axis, for nothing, for the legend, for the labels; in pixels"""
FILLS = (
    ("#1f5fa8", "#1f5fa8"),
    ("#ffffff", "#a8440f"),
    ("#c9c9c9", "#1a1a1a"),
    ("#5c2f80", "#5c2f80"),
    ("#f3e3b5", "#6b5200"),
)
"""(fill, edge) of each series: dark, white, grey, dark, light; each edge at least 4.5:1 against white"""
NUMBERS = 26
"""so many columns have room for their number above them"""
TICKS = 4
ROOM = 16
"""height of a part of a stack that has room for its number"""
LABELS = 12
"""so many labels fit under the columns; of more, every second, third … is written"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """A line between two columns: everything from column `before` on lies beyond it."""

    before: int
    text: str


def columns(
    title: str, labels: Sequence[str], series: Mapping[str, Sequence[int]], *, stacked: bool = False,
    limit: Limit | None = None,
) -> str:  # fmt: skip
    """One column for each label and series, beside one another or `stacked`. Raises ValueError for rows of other lengths."""
    if any(len(values) != len(labels) for values in series.values()):
        raise ValueError("each series has one value for each label")
    chart = _Chart(labels, series, stacked)
    body = [
        *_legend(series), *chart.axis(), *chart.columns(), *chart.labels(),
        *(chart.line(limit) if limit is not None else ()),
    ]  # fmt: skip
    words = "; ".join(f"{name}: {sum(values)}" for name, values in series.items())
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" '
        f'font-size="11"><title>{escape(title)}</title><desc>{escape(words)}</desc>{"".join(body)}</svg>'
    )


def _legend(series: Mapping[str, Sequence[int]]) -> Iterator[str]:
    left = float(LEFT)
    for place, name in enumerate(series):
        yield f'<rect x="{left:.0f}" y="8" width="10" height="10" {_ink(place)}/>'
        yield f'<text x="{left + 14:.0f}" y="17">{escape(name)}</text>'
        left += 34 + sum(12 if ord(letter) > 0x2E7F else 6.5 for letter in name)


def _ink(place: int) -> str:
    fill, edge = FILLS[place % len(FILLS)]
    return f'fill="{fill}" stroke="{edge}"'


class _Chart:
    """The geometry of one chart."""

    def __init__(self, labels: Sequence[str], series: Mapping[str, Sequence[int]], stacked: bool) -> None:
        self._labels = labels
        self._series = series
        self._stacked = stacked
        heights = [sum(row) if stacked else max(row) for row in zip(*series.values(), strict=True)]
        self._step, self._top = _scale(max(heights, default=0))
        self._numbered = len(labels) * (1 if stacked else len(series)) <= NUMBERS
        self._wide = (WIDTH - LEFT - RIGHT) / max(1, len(labels))

    def _y(self, value: float) -> float:
        return HEIGHT - BOTTOM - value / self._top * (HEIGHT - TOP - BOTTOM)

    def axis(self) -> Iterator[str]:
        for value in range(0, self._top + 1, self._step):
            y = self._y(value)
            yield f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="{"#555" if value == 0 else "#ddd"}"/>'
            yield f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{value}</text>'

    def columns(self) -> Iterator[str]:
        inner = self._wide * 0.8
        each = inner if self._stacked else inner / max(1, len(self._series))
        bases = [0] * len(self._labels)
        for place, (name, values) in enumerate(self._series.items()):
            for index, value in enumerate(values):
                shift = 0.0 if self._stacked else place * each
                left = LEFT + index * self._wide + self._wide * 0.1 + shift
                base = bases[index] if self._stacked else 0
                bases[index] += value
                words = escape(f"{self._labels[index]} {name}: {value}")
                top, height = self._y(base + value), self._y(base) - self._y(base + value)
                yield (
                    f'<rect x="{left:.1f}" y="{top:.1f}" width="{each:.1f}" height="{height:.1f}" '
                    f"{_ink(place)}><title>{words}</title></rect>"
                )
                if value and self._numbered:
                    yield self._number(value, left + each / 2, top, height)

    def _number(self, value: int, x: float, top: float, height: float) -> str:
        """Above the column; in a stack upon it, on white, where it is high enough."""
        if not self._stacked:
            return f'<text x="{x:.1f}" y="{top - 3:.1f}" text-anchor="middle">{value}</text>'
        if height < ROOM:
            return ""
        wide, y = 8 + 6.5 * len(str(value)), top + height / 2
        return (
            f'<rect x="{x - wide / 2:.1f}" y="{y - 7:.1f}" width="{wide:.1f}" height="14" fill="#fff" rx="2"/>'
            f'<text x="{x:.1f}" y="{y + 4:.1f}" text-anchor="middle">{value}</text>'
        )

    def labels(self) -> Iterator[str]:
        every = -(-len(self._labels) // LABELS)
        for index in range(0, len(self._labels), every):
            x = LEFT + (index + 0.5) * self._wide
            for place, line in enumerate(_lines(self._labels[index], self._wide * every)):
                y = HEIGHT - BOTTOM + 16 + place * 13
                yield f'<text x="{x:.1f}" y="{y}" text-anchor="middle">{escape(line)}</text>'

    def line(self, limit: Limit) -> Iterator[str]:
        x = LEFT + limit.before * self._wide
        yield f'<path d="M{x:.1f} {TOP - 8}V{HEIGHT - BOTTOM}" stroke="#b00020" stroke-width="1.5" stroke-dasharray="5 3"/>'
        yield f'<text x="{x + 5:.1f}" y="{TOP}" fill="#b00020">{escape(limit.text)}</text>'


def _lines(label: str, room: float) -> list[str]:
    """The label in as few lines as its words need, none wider than the room if a blank allows it."""
    lines = [""]
    for word in label.split(" "):
        longer = f"{lines[-1]} {word}".strip()
        wide = sum(12 if char > "\u2e7f" else 6 for char in longer)
        if lines[-1] and wide > room:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


def _scale(highest: int) -> tuple[int, int]:
    """A round step and the top of the axis: at most TICKS + 1 steps, at least one."""
    step, factor = 1, 0
    while step * TICKS < highest:
        factor += 1
        step = (1, 2, 5)[factor % 3] * 10 ** (factor // 3)
    return step, step * max(1, -(-highest // step))
