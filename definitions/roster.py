"""Who receives on which day: a fair assignment of deputies to the reception days of a station. Pure, and the same every time.

Each deputy comes at least `least` times if his leave allows it at all (北京实施办法 art. 22: twice a year), nobody much more
often than another, and a deputy's days lie apart.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from math import ceil

LEAST = 2


@dataclass(frozen=True, slots=True)
class Roster:
    """Day → deputies on duty, and who comes less often than he should: his leave, or too few places, leave no more."""

    days: Mapping[date, tuple[str, ...]]
    short: Mapping[str, int]
    """deputy → how many times are missing"""


def roster(
    days: Sequence[date],
    deputies: Collection[str],
    *,
    leave: Mapping[str, Collection[date]] | None = None,
    least: int = LEAST,
    places: int | None = None,
) -> Roster:
    """Assign the deputies to the days. `places`: deputies on each day; by default as many as it takes. Raises ValueError for
    fewer than one place.
    """
    names, dates = sorted(set(deputies)), sorted(set(days))
    if places is None:
        places = max(1, ceil(len(names) * least / len(dates))) if dates else 1
    if places < 1:
        raise ValueError("a reception day needs at least one place")
    plan = _Plan(dates, names, {name: frozenset((leave or {}).get(name, ())) for name in names}, places)
    for turn in range(max(least, len(dates))):
        # Everybody once in each round; after `least` of them whatever places are left.
        for name in names:
            plan.give(name, turn)
    found = {day: tuple(sorted(plan.on[day])) for day in dates}
    counts = {name: sum(name in several for several in found.values()) for name in names}
    return Roster(found, {name: least - count for name, count in counts.items() if count < least})


class _Plan:
    def __init__(
        self, days: Sequence[date], names: Sequence[str], leave: Mapping[str, frozenset[date]], places: int
    ) -> None:
        self._days = days
        self._names = names
        self._leave = leave
        self._places = places
        self.on: dict[date, set[str]] = {day: set() for day in days}

    def give(self, name: str, turn: int) -> None:
        """One more day for him, if need be by moving others to days that suit them as well (an augmenting path)."""
        self._place(name, self._wished(name, turn), set())

    def _wished(self, name: str, turn: int) -> list[date]:
        """The days in the order in which they suit the whole: far from his others, and each deputy a little further on."""
        count = len(self._days)
        mine = [index for index, day in enumerate(self._days) if name in self.on[day]]
        start = self._names.index(name) * count // len(self._names) + turn

        def suits(index: int) -> tuple[int, int]:
            return -min((abs(index - other) for other in mine), default=0), (index - start) % count

        return [self._days[index] for index in sorted(range(count), key=suits)]

    def _place(self, name: str, wished: Sequence[date], seen: set[date]) -> bool:
        free = [day for day in wished if day not in self._leave[name] and name not in self.on[day]]
        for day in free:
            if len(self.on[day]) < self._places:
                self.on[day].add(name)
                return True
        for day in free:
            if day in seen:
                continue
            seen.add(day)
            for other in sorted(self.on[day]):
                self.on[day].discard(other)
                self.on[day].add(name)
                if self._place(other, self._wished(other, 0), seen):
                    return True
                self.on[day].discard(name)
                self.on[day].add(other)
        return False
