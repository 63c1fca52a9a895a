"""In which order the states of a lifecycle are read: from its beginning down, with few ways back and short ways on.

Only the names and the arrows count, never the order in a file: a definition read back from the store has lost that.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import lru_cache

__all__ = ["reading_order"]

Pair = tuple[str, str]
Way = tuple[int, int, bool]
"""from, to, and whether it leads away from the beginning: its target is more steps away than its source"""
Order = tuple[int, ...]
BACK = 36
"""what a way back costs beside its length"""
SHARED = 3
"""what each state costs that the line of a target passes; each way to it costs one more, because it uses that line"""
ONLY_BACK = 5000
"""what a state costs to which no way from above leads away from the beginning: who reads down must learn how it is reached"""
LONGEST = 3
"""so many states are moved together"""
MANY = 40
"""of more states nobody looks for the best order: they stand by the number of steps from the beginning"""


def reading_order(initial: str, states: Collection[str], arrows: Collection[Pair]) -> tuple[str, ...]:
    """The states, the initial one first; the same for the same names, in whichever order they are given."""
    return _best(initial, tuple(sorted(states)), tuple(sorted(set(arrows))))


@lru_cache(maxsize=256)
def _best(initial: str, states: tuple[str, ...], arrows: tuple[Pair, ...]) -> tuple[str, ...]:
    names = (initial, *(state for state in states if state != initial))
    number = {name: index for index, name in enumerate(names)}
    pairs = [(number[source], number[target]) for source, target in arrows]
    steps = _steps(len(names), pairs)
    by_breadth = tuple(sorted(range(len(names)), key=lambda state: (steps[state], state)))
    if len(names) > MANY:
        return tuple(names[index] for index in by_breadth)
    ways = [(source, target, steps[source] < steps[target]) for source, target in pairs]
    found = [_improved(start, ways) for start in (_by_depth(len(names), ways), by_breadth)]
    return tuple(names[index] for index in min(found, key=lambda order: (_cost(order, ways), order)))


def _steps(count: int, pairs: list[tuple[int, int]]) -> list[int]:
    """How many steps each state is away from the first; what is never reached is farthest."""
    found = {0: 0}
    for state in (queue := [0]):
        for source, target in pairs:
            if source == state and target not in found:
                found[target] = found[state] + 1
                queue.append(target)
    return [found.get(state, count) for state in range(count)]


def _by_depth(count: int, ways: list[Way]) -> Order:
    """Each state before all that is only found through it."""
    found: list[int] = []
    seen: set[int] = set()

    def visit(state: int) -> None:
        seen.add(state)
        for source, target, _ in ways:
            if source == state and target not in seen:
                visit(target)
        found.append(state)

    for state in range(count):
        if state not in seen:
            visit(state)
    return (0, *(state for state in reversed(found) if state != 0))


def _cost(order: Order, ways: list[Way]) -> int:
    place = [0] * len(order)
    for index, state in enumerate(order):
        place[state] = index
    total, on, back = 0, [0] * len(order), [0] * len(order)
    reached = {0, *range(len(order))} - {target for _, target, away in ways if away}
    for source, target, away in ways:
        step = place[target] - place[source]
        if step > 0:
            total += step
            on[target] = max(on[target], step)
            if away:
                reached.add(target)
        else:
            total += BACK - step
            back[target] = max(back[target], -step)
    return total + SHARED * (sum(on) + sum(back)) + ONLY_BACK * (len(order) - len(reached))


def _improved(order: Order, ways: list[Way]) -> Order:
    """Move some neighbours elsewhere for as long as that helps."""
    cost = _cost(order, ways)
    while True:
        best = min(((_cost(other, ways), other) for other in _moved(order)), default=(cost, order))
        if best[0] >= cost:
            return order
        cost, order = best


def _moved(order: Order) -> Iterator[Order]:
    """Every order in which up to LONGEST neighbours stand elsewhere; the first stays the first."""
    for length in range(1, LONGEST + 1):
        for start in range(1, len(order) - length + 1):
            some, rest = order[start : start + length], order[:start] + order[start + length :]
            for place in range(1, len(rest) + 1):
                if place != start:
                    yield rest[:place] + some + rest[place:]
