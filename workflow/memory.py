"""Families and grants as this process last saw them. Never the authority.

A decision made on a remembered family counts only if the compare-and-set on the root's revision (and the grant) says that it
was fresh; a "no" is never given from memory. So the worst a stale memory can cost is one more read.
"""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock

from .family import Family
from .model import Grant

SIZE = 4096


class Memory:
    """At most `SIZE` families and persons, the least recently kept go first. Shared by threads."""

    def __init__(self) -> None:
        self._families: OrderedDict[str, Family] = OrderedDict()
        self._root_of: dict[str, str] = {}
        self._grants: OrderedDict[str, tuple[Grant, ...]] = OrderedDict()
        self._lock = Lock()

    def family(self, case: str) -> Family | None:
        """The family of that case as last seen."""
        family = self._families.get(self._root_of.get(case, ""))
        return family if family is not None and case in family.records else None

    def grants(self, person: str) -> tuple[Grant, ...] | None:
        """The grants of that person as last seen."""
        return self._grants.get(person)

    def keep(self, family: Family) -> None:
        """Remember a family as read or written, unless a newer revision is remembered."""
        with self._lock:
            known = self._families.get(family.root_id)
            if known is not None and known.root.revision > family.root.revision:
                return
            self._families[family.root_id] = family
            self._families.move_to_end(family.root_id)
            for case in family.records:
                self._root_of[case] = family.root_id
            if len(self._families) > SIZE:
                _, old = self._families.popitem(last=False)
                for case in old.records:
                    self._root_of.pop(case, None)

    def keep_person(self, person: str, grants: tuple[Grant, ...]) -> None:
        """Remember a person's grants."""
        with self._lock:
            self._grants[person] = grants
            self._grants.move_to_end(person)
            if len(self._grants) > SIZE:
                self._grants.popitem(last=False)

    def forget(self, case: str) -> None:
        """The family of that case."""
        with self._lock:
            root = self._root_of.get(case)
            if root is not None and (family := self._families.pop(root, None)) is not None:
                for member in family.records:
                    self._root_of.pop(member, None)

    def forget_person(self, person: str) -> None:
        """The grants of that person."""
        with self._lock:
            self._grants.pop(person, None)
