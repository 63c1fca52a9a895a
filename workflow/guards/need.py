"""When a guard needs something that may be left out of a form: what has to be so that it refuses for want of that alone.

Of each clause that asks of the name it is worked out what is left where nothing is given for it. Where that is refused and the
clause could hold if something were given, it is needed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

from .tree import CONTRARY, Compare, Constant, Junction, Name, Node, Not, names_in

__all__ = ["Asked", "Needed", "allowed", "needed"]

MOST = 16
"""ways in which something may come to be needed; more are not told one by one"""
YES, NO = Constant(True, "boolean"), Constant(False, "boolean")


@dataclass(frozen=True, slots=True)
class Asked:
    """One thing that is so: `name`, `sign` and `value` as a guard writes them, of a yes or no `==` and that."""

    name: str
    sign: str
    value: bool | int | str | tuple[str, ...] | Name


Needed = tuple[tuple[Asked, ...], ...]
"""any of these, each of them all of those; one without anything in it is always so"""


def needed(tree: Node, name: str) -> Needed:
    """When something has to be given for that name; empty where it never has to, or where it cannot be told."""
    clauses = tree.parts if isinstance(tree, Junction) and tree.all else (tree,)
    found: dict[tuple[Asked, ...], None] = {}
    for clause in clauses:
        if any(_is(name, one) for one in names_in(clause)):
            left, best = _without(clause, name, False), _without(clause, name, True)
            if left != best:
                found |= dict.fromkeys(_ways(left, False))
    return tuple(found) if len(found) <= MOST else ()


def allowed(tree: Node, name: str) -> tuple[Needed, ...]:
    """What it asks of that name whatever else is so: of each clause that asks of nothing else the ways in which it holds."""
    clauses = tree.parts if isinstance(tree, Junction) and tree.all else (tree,)
    alone = [one for one in clauses if all(_is(name, other) for other in names_in(one))]
    return tuple(tuple(_ways(one, True)) for one in alone)


def _is(name: str, one: str) -> bool:
    return one == name or one.startswith(f"{name}.")


def _without(node: Node, name: str, hoped: bool, wanted: bool = True) -> Node:
    """The clause with nothing given for the name; `hoped`: with whatever would be best instead. `wanted`: what it is to be, for
    what nobody knows is never that.
    """
    if isinstance(node, Not):
        return _not(_without(node.part, name, hoped, not wanted))
    if isinstance(node, Junction):
        return _joined(node.all, [_without(part, name, hoped, wanted) for part in node.parts])
    if not any(_is(name, one) for one in names_in(node)):
        return node
    if hoped:
        return YES if wanted else NO
    if isinstance(node, Name) and node.name == f"{name}.given":
        return NO
    return NO if wanted else YES


def _not(node: Node) -> Node:
    return (NO if node == YES else YES) if node in (YES, NO) else Not(node)


def _joined(all_: bool, parts: list[Node]) -> Node:
    decisive, idle = (NO, YES) if all_ else (YES, NO)
    if decisive in parts:
        return decisive
    rest = tuple(part for part in parts if part != idle)
    return idle if not rest else rest[0] if len(rest) == 1 else Junction(all_, rest)


def _ways(node: Node, wanted: bool) -> Iterator[tuple[Asked, ...]]:
    """How it comes to be `wanted`."""
    if isinstance(node, Not):
        yield from _ways(node.part, not wanted)
    elif isinstance(node, Junction) and node.all is not wanted:
        for part in node.parts:
            yield from _ways(part, wanted)
    elif isinstance(node, Junction):
        for parts in product(*(tuple(_ways(part, wanted)) for part in node.parts)):
            yield tuple(dict.fromkeys(one for part in parts for one in part))
    elif isinstance(node, Constant):
        yield from ((),) if (node.value is True) is wanted else ()
    else:
        yield (_asked(node, wanted),)


def _asked(node: Name | Compare, wanted: bool) -> Asked:
    if isinstance(node, Name):
        return Asked(node.name, "==", wanted)
    left, right, sign = node.left, node.right, node.sign if wanted else CONTRARY[node.sign]
    if isinstance(left, Name):
        return Asked(left.name, sign, right if isinstance(right, Name) else right.value)
    if isinstance(right, Name) and sign in ("==", "!="):
        return Asked(right.name, sign, left.value)
    return Asked("", sign, "")
