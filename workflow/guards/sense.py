"""Whether a guard asks anything: a clause that always holds, or never, whatever the facts, is a slip of the pen.

Decided by trying every kind of value its names can have (of a number that is held against 0 and 1: less, 0, 1, more), each
independently of the others; so what is told to be always so is so. Where that would be more than `MOST` tries, nothing is told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date, timedelta
from itertools import product
from math import prod
from typing import Any

from .tree import OPERATORS, Compare, Constant, Junction, Name, Node, Not

__all__ = ["idle_clause", "written"]

MOST = 1024
"""Tries for a clause: ten booleans."""

Key = str | tuple[str, str] | Compare
"""What varies: a name, how two names stand to each other, or a comparison that is taken as it is."""
Value = bool | int | str


def idle_clause(node: Node, counts: Callable[[str], bool]) -> tuple[Node, bool] | None:
    """The first clause, the innermost first, that has one answer for all facts, and that answer. `counts`: whether the number of
    that name is never below 0.
    """
    for part in _clauses(node):
        domains: dict[Key, set[Value]] = {}
        for atom in _atoms(part):
            domains.setdefault(_key(atom), set()).update(_values(atom, counts))
        if prod(map(len, domains.values())) > MOST:
            continue
        tries = product(*domains.values())
        answers = (_holds(part, dict(zip(domains, values, strict=True))) for values in tries)
        first = next(answers)
        if all(answer is first for answer in answers):
            return part, first
    return None


def written(node: Node) -> str:
    """The clause as a guard writes it."""
    if isinstance(node, Name):
        return node.name
    if isinstance(node, Constant):
        value = list(node.value) if isinstance(node.value, tuple) else node.value
        return str(value).lower() if isinstance(value, bool) else repr(value)
    if isinstance(node, Not):
        return f"not {_inner(node.part)}"
    if isinstance(node, Compare):
        return f"{written(node.left)} {node.sign} {written(node.right)}"
    return f" {'and' if node.all else 'or'} ".join(map(_inner, node.parts))


def _inner(node: Node) -> str:
    return f"({written(node)})" if isinstance(node, Junction) else written(node)


def _clauses(node: Node) -> Iterator[Node]:
    for part in node.parts if isinstance(node, Junction) else [node.part] if isinstance(node, Not) else ():
        yield from _clauses(part)
    yield node


def _atoms(node: Node) -> Iterator[Name | Compare]:
    return (part for part in _clauses(node) if isinstance(part, (Name, Compare)))


def _key(atom: Name | Compare) -> Key:
    if isinstance(atom, Name):
        return atom.name
    left, right = atom.left, atom.right
    if isinstance(left, Name) and isinstance(right, Name) and "in" not in atom.sign:
        return min(left.name, right.name), max(left.name, right.name)
    if isinstance(left, Name) and isinstance(right, Constant):
        return left.name
    if isinstance(right, Name) and isinstance(left, Constant) and "in" not in atom.sign:
        return right.name
    return Compare(left, "in", right)  # a text among others: it is, or it is not


def _values(atom: Name | Compare, counts: Callable[[str], bool]) -> Iterator[Value]:
    """The values that can make a difference to it."""
    key = _key(atom)
    if isinstance(key, tuple):
        yield from (0,) if key[0] == key[1] else (-1, 0, 1)
    elif isinstance(atom, Name) or not isinstance(key, str):
        yield from (True, False)
    else:
        name, constant = (atom.left, atom.right) if isinstance(atom.left, Name) else (atom.right, atom.left)
        assert isinstance(name, Name)  # noqa: S101 - what `_key` says
        assert isinstance(constant, Constant)  # noqa: S101
        yield from _around(name, constant, counts)


def _around(name: Name, constant: Constant, counts: Callable[[str], bool]) -> Iterator[Value]:
    value = constant.value
    if name.type == "boolean":
        yield from (True, False)
    elif isinstance(value, int):
        yield from (number for number in (-1, 0, 1, 2) if number >= 0 or not counts(name.name))
    elif name.type == "date":
        day = date.fromisoformat(str(value))
        yield from (str(value), *_beside(day))
    else:
        yield ""
        yield from (value,) if isinstance(value, str) else value
        yield "\0"  # any other text: no guard can write this one


def _beside(day: date) -> Iterator[str]:
    for days in (-1, 1):
        try:
            yield str(day + timedelta(days=days))
        except OverflowError:  # the first or last day there is
            continue


def _holds(node: Node, values: Mapping[Key, Value]) -> bool:
    if isinstance(node, Junction):
        answers = (_holds(part, values) for part in node.parts)
        return all(answers) if node.all else any(answers)
    if isinstance(node, Not):
        return not _holds(node.part, values)
    if isinstance(node, Constant):
        return node.value is True
    key = _key(node)
    if isinstance(node, Name):
        return values[key] is True
    if isinstance(key, Compare):
        return (values[key] is True) == (node.sign == "in")
    left, right = _sides(node, key, values[key])
    return OPERATORS[node.sign](left, right)


def _sides(node: Compare, key: str | tuple[str, str], value: Value) -> tuple[Any, Any]:
    if isinstance(key, tuple):  # how the first of them stands to the second
        return (value, 0) if isinstance(node.left, Name) and node.left.name == key[0] else (0, value)
    if isinstance(node.left, Constant):
        return node.left.value, value
    assert isinstance(node.right, Constant)  # noqa: S101 - what `_key` says
    return value, node.right.value
