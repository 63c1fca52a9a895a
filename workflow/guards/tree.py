"""A guard after it was read: a small tree of our own, and what it answers to facts."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

__all__ = [
    "CONTRARY",
    "OPERATORS",
    "Compare",
    "Constant",
    "Facts",
    "GuardType",
    "Junction",
    "Name",
    "Node",
    "Not",
    "Test",
    "closure",
    "names_in",
]

GuardType = Literal["boolean", "integer", "text", "date", "texts", "document", "any"]
"""`texts` is a list of text; a `document` can be handed around but nothing can be asked of it.
`any` is for guards that were checked when their definition was published."""

Facts = Mapping[str, object]
"""Flat: the name `root.lead.total` is one key. Dates are ISO text."""

Test = Callable[[Facts], bool | None]
"""True, False, or None: unknown (Kleene)."""


@dataclass(frozen=True, slots=True)
class Name:
    """A declared name."""

    name: str
    type: GuardType


@dataclass(frozen=True, slots=True)
class Constant:
    """A literal, or a list of texts."""

    value: bool | int | str | tuple[str, ...]
    type: GuardType


@dataclass(frozen=True, slots=True)
class Compare:
    """Two operands and the sign between them."""

    left: Name | Constant
    sign: str
    right: Name | Constant


@dataclass(frozen=True, slots=True)
class Not:
    """The contrary."""

    part: Node


@dataclass(frozen=True, slots=True)
class Junction:
    """`and` (all) or `or` (one is enough)."""

    all: bool
    parts: tuple[Node, ...]


Node = Name | Constant | Compare | Not | Junction

CONTRARY = {
    "==": "!=",
    "!=": "==",
    "<": ">=",
    ">=": "<",
    ">": "<=",
    "<=": ">",
    "in": "not in",
    "not in": "in",
}


def names_in(node: Node) -> Iterator[str]:
    """The names a tree asks for, from left to right."""
    if isinstance(node, Name):
        yield node.name
    elif isinstance(node, Not):
        yield from names_in(node.part)
    elif isinstance(node, Junction):
        for part in node.parts:
            yield from names_in(part)
    elif isinstance(node, Compare):
        yield from names_in(node.left)
        yield from names_in(node.right)


OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "in": lambda item, items: operator.contains(items, item),
    "not in": lambda item, items: not operator.contains(items, item),
}


def closure(node: Node) -> Test:
    """What the tree answers to facts, as a function."""
    if isinstance(node, Junction):
        return _junction(node)
    if isinstance(node, Not):
        return _not(closure(node.part))
    if isinstance(node, Compare):
        return _comparison(node)
    if isinstance(node, Name):
        return _boolean(node.name)
    constant = node.value is True
    return lambda _facts: constant


def _junction(node: Junction) -> Test:
    tests, decisive = tuple(map(closure, node.parts)), not node.all

    def junction(facts: Facts) -> bool | None:
        answer: bool | None = not decisive
        for test in tests:
            part = test(facts)
            if part is decisive:
                return decisive
            if part is None:
                answer = None
        return answer

    return junction


def _not(test: Test) -> Test:
    def contrary(facts: Facts) -> bool | None:
        answer = test(facts)
        return None if answer is None else not answer

    return contrary


def _boolean(name: str) -> Test:
    def boolean(facts: Facts) -> bool | None:
        value = facts.get(name)
        return value if value is True or value is False else None

    return boolean


def _comparison(node: Compare) -> Test:
    compare = OPERATORS[node.sign]
    left, right = node.left, node.right
    if isinstance(left, Name) and isinstance(right, Constant):
        return _with_constant(left.name, compare, right.value)
    get_left, get_right = _value(left), _texts(right) if "in" in node.sign else _value(right)

    def comparison(facts: Facts) -> bool | None:
        one, other = get_left(facts), get_right(facts)
        if one is None or other is None:
            return None
        try:
            return compare(one, other)
        except TypeError:  # a fact that is not of its declared type is no fact
            return None

    return comparison


def _with_constant(name: str, compare: Callable[[Any, Any], bool], constant: object) -> Test:
    def comparison(facts: Facts) -> bool | None:
        value = facts.get(name)
        if value is None:
            return None
        try:
            return compare(value, constant)
        except TypeError:
            return None

    return comparison


def _value(side: Name | Constant) -> Callable[[Facts], object]:
    if isinstance(side, Name):
        name = side.name
        return lambda facts: facts.get(name)
    constant = side.value
    return lambda _facts: constant


def _texts(side: Name | Constant) -> Callable[[Facts], object]:
    get = _value(side)

    def texts(facts: Facts) -> object:
        value = get(facts)
        # Membership in a single text would look for a part of it.
        return value if isinstance(value, (list, tuple, set, frozenset)) else None

    return texts
