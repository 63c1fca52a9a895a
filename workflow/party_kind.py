"""Kinds of parties (`party:` files) as plain frozen data: what a congress, a deputy, a station is, and who keeps its register.

The engine knows no kind by name. What a file may say: docs/language.md §7.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from .definition import Codes, Field, FormField
from .errors import Text, suggest
from .shapes import Path, Source
from .vocabulary import title_of

__all__ = ["BondRule", "PartyKind", "PartyStatus", "party_kinds"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PartyStatus:
    """A status. `acts`: while it lasts, the party holds the roles of its kind and of its bonds."""

    name: str
    title: Text
    acts: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class BondRule:
    """How a party of this kind may stand to another: member of a group, keeper of a station."""

    name: str
    title: Text
    to: tuple[str, ...]
    """kinds of the other"""
    one: bool = False
    """at most one at a time"""
    role: str | None = None
    """the role held within the other while the bond lasts"""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartyKind:
    """What a party of one kind is."""

    name: str
    title: Text
    statuses: Mapping[str, PartyStatus]
    """the first is that of a new party"""
    source: str = ""
    within: tuple[str, ...] = ()
    """kinds of its parent; none: it may stand alone only"""
    kept_by: tuple[str, ...] = ()
    """roles that may add and change one in their tenant"""
    role: str | None = None
    """the role held in the party's tenant while its status acts"""
    attributes: Mapping[str, Field] = field(default_factory=dict)
    form: tuple[FormField, ...] = ()
    """the attributes as a form asks for them"""
    personal: frozenset[str] = frozenset()
    """attributes kept apart, never in the log, erasable"""
    bonds: Mapping[str, BondRule] = field(default_factory=dict)

    @property
    def governed(self) -> frozenset[str]:
        """The roles that follow from the register alone for whoever is a party of this kind."""
        roles = [self.role, *(bond.role for bond in self.bonds.values())]
        return frozenset(role for role in roles if role is not None)


def party_kinds(
    sources: Mapping[str, Source], codes: Mapping[str, Codes], *, complete: bool
) -> dict[str, PartyKind]:
    """The kinds of those files; faults are noted in each. `complete`: no file is missing that could not be read."""
    known = set(sources)
    for source in sources.values():
        _References(source, known, codes, complete).check()
    return {name: _kind(source.data) for name, source in sources.items() if source.sound}


def _kind(data: Mapping[str, Any]) -> PartyKind:
    attributes = data.get("attributes", {})
    return PartyKind(
        name=data["party"], title=title_of(data["title"]), source=data.get("source", ""),
        within=tuple(data.get("within", ())), kept_by=tuple(data.get("kept_by", ())), role=data.get("role"),
        statuses={
            name: PartyStatus(name=name, title=title_of(entry), acts=entry.get("acts", False))
            for name, entry in data["statuses"].items()
        },
        attributes={
            name: Field(name=name, title=title_of(entry), type=entry["type"], codes=entry.get("codes"))
            for name, entry in attributes.items()
        },
        form=tuple(FormField(name=n, required=e.get("required", False)) for n, e in attributes.items()),
        personal=frozenset(name for name, entry in attributes.items() if entry.get("personal", False)),
        bonds={name: _bond(name, entry) for name, entry in data.get("bonds", {}).items()},
    )  # fmt: skip


def _bond(name: str, entry: Mapping[str, Any]) -> BondRule:
    return BondRule(
        name=name, title=title_of(entry), to=tuple(entry["to"]), one=entry.get("one", False), role=entry.get("role")
    )  # fmt: skip


BASE = ("id", "kind", "name", "tenant", "parent", "status", "valid_from", "valid_until")
"""what every party has; no attribute and no bond may be called so"""


class _References:
    """What one file names elsewhere is there."""

    def __init__(
        self, source: Source, kinds: Collection[str], codes: Mapping[str, Codes], complete: bool
    ) -> None:
        self.source = source
        self.kinds = kinds
        self.codes = codes
        self.roles: Collection[str] = codes["roles"].values if "roles" in codes else ()
        self.complete = complete

    def check(self) -> None:
        """Note what is not."""
        data = self.source.data
        for index, kind in enumerate(data.get("within", ())):
            self._is(("within", index), kind, self.kinds, "unknown_party", "主体类别", "kind of party")
        for index, role in enumerate(data.get("kept_by", ())):
            self._is(("kept_by", index), role, self.roles, "unknown_role", "角色", "role")
        self._is(("role",), data.get("role"), self.roles, "unknown_role", "角色", "role")
        for name, entry in data.get("attributes", {}).items():
            self._attribute(("attributes", name), entry)
        for name, entry in data.get("bonds", {}).items():
            self._bond(("bonds", name), entry)

    def _attribute(self, path: Path, entry: Mapping[str, Any]) -> None:
        self._own_name(path)
        wants = entry.get("type") in ("code", "codes")
        if wants and "codes" not in entry:
            self.source.fault(path, "missing_key", "缺少 codes", "codes is missing", key=True)
        elif wants:
            self._is((*path, "codes"), entry["codes"], self.codes, "unknown_codes", "代码表", "code list")

    def _bond(self, path: Path, entry: Mapping[str, Any]) -> None:
        self._own_name(path)
        if path[1] in self.source.data.get("attributes", {}):
            self.source.fault(
                path, "declared_twice", f"{path[1]} 已是属性", f"{path[1]} is an attribute already", key=True
            )
        for index, kind in enumerate(entry.get("to", ())):
            self._is((*path, "to", index), kind, self.kinds, "unknown_party", "主体类别", "kind of party")
        self._is((*path, "role"), entry.get("role"), self.roles, "unknown_role", "角色", "role")

    def _own_name(self, path: Path) -> None:
        if path[1] in BASE:
            self.source.fault(
                path, "reserved_name", f"{path[1]} 是每个主体都有的", f"every party has {path[1]}", key=True
            )

    def _is(self, path: Path, value: Any, known: Collection[str], code: str, zh: str, en: str) -> None:
        if value is None or value in known or not self.complete:
            return
        hint_zh, hint_en = suggest(value, known)
        self.source.fault(path, code, f"没有{zh} {value}{hint_zh}", f"unknown {en} {value}{hint_en}")
