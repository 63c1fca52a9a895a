"""Putting parties into the register: every one is judged, and only if none is refused all are written.

Authoritative are the rows as read under a lock in the same transaction; a dry run reads them without one and writes nothing.
What a party may do follows from it: `roles_of` is the one place that turns status and bonds into grants, so that whoever is
suspended loses the role in the transaction that suspends him (domain.md, invariant 20), and whoever steps down as keeper loses
the station's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from .clock import civil_date
from .definition import Code, Codes, Definition, Event, Field, FormField
from .errors import Conflict, FormInvalid, Reason, Text, no_such
from .library import Library
from .model import Actor, Bond, Grant, Party, PartyLine, Registered
from .naming import check_names
from .party_kind import BondRule, PartyKind
from .random import RandomSource, new_id
from .store.parties import PartyRows

if TYPE_CHECKING:
    from .forms import Form

DAY = timedelta(days=1)
LONGEST = {"name": 200, "tenant": 200}
_BASE = {
    "id": Field(name="id", title=Text("编号", "id"), type="unit"),
    "name": Field(name="name", title=Text("名称", "name"), type="text"),
    "tenant": Field(name="tenant", title=Text("所属机构", "tenant"), type="text"),
    "parent": Field(name="parent", title=Text("上级", "parent"), type="unit"),
    "status": Field(name="status", title=Text("状态", "status"), type="code", codes="@status"),
    "valid_from": Field(name="valid_from", title=Text("起始日期", "valid from"), type="date"),
    "valid_until": Field(name="valid_until", title=Text("截止日期", "valid until"), type="date"),
}
_REQUIRED = ("id", "name", "tenant", "status")


def form_of(kind: PartyKind, codes: Mapping[str, Codes]) -> Form:
    """The form of a kind: what every party has, and its attributes. marshmallow is loaded with the first one."""
    from .forms import Form

    statuses = {s.name: Code(id=s.name, title=s.title) for s in kind.statuses.values()}
    known = {
        **codes,
        "@status": Codes(name="status", title=_BASE["status"].title, meanings={}, values=statuses),
    }
    asked = [FormField(name=name, required=name in _REQUIRED) for name in _BASE]
    # What is kept apart may be left as it is, or have been erased.
    asked += [FormField(name=f.name, required=f.required and f.name not in kind.personal) for f in kind.form]
    event = Event(name="register", title=kind.title, source=kind.source, moves=(), form=tuple(asked))
    definition = Definition(
        name=kind.name, version=1, title=kind.title, source=kind.source, initial="", start=event, states={}, events={},
        fields={**_BASE, **kind.attributes},
    )  # fmt: skip
    return Form(definition, event, known)


def roles_of(kind: PartyKind, party: Party, others: Mapping[str, Party], today: date) -> list[Grant]:
    """The grants that follow from a party: that of its kind, and one for each bond with a role, while its status acts."""
    if not kind.statuses[party.status].acts:
        return []
    found = []
    if kind.role is not None:
        found.append(_grant(party, kind.role, party.tenant, None, party.valid_from, party.valid_until))
    for bond in party.bonds or ():
        role, other = kind.bonds[bond.bond].role if bond.bond in kind.bonds else None, others.get(bond.to)
        if role is not None and other is not None and (bond.valid_until is None or bond.valid_until >= today):
            since = max(filter(None, (party.valid_from, bond.valid_from)), default=None)
            until = min(filter(None, (party.valid_until, bond.valid_until)), default=None)
            found.append(_grant(party, role, other.tenant, other.id, since, until))
    return found


def _grant(
    party: Party, role: str, scope: str, unit: str | None, since: date | None, until: date | None
) -> Grant:
    return Grant(
        id="", person=party.id, role=role, scope=scope, unit=unit, valid_from=since, valid_until=until
    )


@dataclass(slots=True)
class _Change:
    """One party as it will be, and what of it is written."""

    party: Party
    what: str
    changes: dict[str, Any] = field(default_factory=dict)
    gone: list[Bond] = field(default_factory=list)
    come: list[Bond] = field(default_factory=list)
    personal: Mapping[str, Any] | None = None


@dataclass(slots=True)
class Registration:
    """One call: who puts parties in, why, and when."""

    rows: PartyRows
    library: Library
    form: Callable[[str], Form]
    random: RandomSource
    now: datetime
    by: Actor
    reason: str | None = None
    trusted: bool = False
    """the operator's own act: nobody's role is asked"""
    fresh: bool = False
    """whoever is registered already is a conflict"""
    known: dict[str, Party] = field(default_factory=dict)
    bonds: dict[str, tuple[Bond, ...]] = field(default_factory=dict)
    apart: dict[str, dict[str, Any]] = field(default_factory=dict)
    coming: dict[str, Party] = field(default_factory=dict)
    held: Sequence[Grant] = ()

    @property
    def today(self) -> date:
        """The civil date of the call."""
        return civil_date(self.now)

    def put(self, connection: Any, given: Sequence[Party], *, write: bool) -> list[Registered]:
        """Judge all; write all if none is refused and it is no dry run. Raises Conflict."""
        self._read(connection, given, lock=write)
        changes, answers = [], []
        seen: dict[str, int] = {}
        for row, party in enumerate(given):
            first = seen.setdefault(party.id, row)
            judged = self._judge(party) if first == row else [_twice(first)]
            if isinstance(judged, _Change):
                changes.append(judged)
                answers.append(Registered(row=row, party=judged.party, what=judged.what))
            else:
                answers.append(Registered(row=row, party=party, what="refused", reasons=tuple(judged)))
        if write and all(answer.what != "refused" for answer in answers):
            self._write(connection, [change for change in changes if change.what != "same"])
        return answers

    def _read(self, connection: Any, given: Sequence[Party], *, lock: bool) -> None:
        ids = _fit(p.id for p in given)
        self.known = self.rows.read(connection, ids, lock=lock)
        if self.fresh and self.known:
            names = ", ".join(self.known)
            raise Conflict(Text(f"{names} 已登记", f"{names} is registered already"))
        self.bonds = self.rows.bonds(connection, self.known)
        self.apart = self.rows.personal(connection, self.known)
        self.coming = {p.id: p for p in given}
        others = {p.parent for p in given if p.parent} | {b.to for p in given for b in p.bonds or ()}
        others |= {bond.to for bonds in self.bonds.values() for bond in bonds}
        self.known |= self.rows.read(connection, _fit(others - self.known.keys() - self.coming.keys()))
        self.held = self.rows.grants(connection, [self.by.person]).get(self.by.person, [])

    # -- judging one

    def _judge(self, given: Party) -> _Change | list[Reason]:
        kind = self.library.parties.get(given.kind)
        if kind is None:
            text = no_such(Text("主体类别", "kind of party"), given.kind, self.library.parties)
            return [_no("kind", text.zh, text.en)]
        before = self.known.get(given.id)
        if given.revision and before is not None and before.revision != given.revision:
            text = Text(
                f"{given.id} 的登记已变更，现为第 {before.revision} 版",
                f"the entry {given.id} has changed; its revision is {before.revision}",
            )
            raise Conflict(text, before.revision)
        try:
            party = self._loaded(kind, given)
        except FormInvalid as invalid:
            return list(invalid.reasons)
        reasons = [
            *self._own_faults(kind, party, before),
            *self._parent_faults(kind, party),
            *self._bond_faults(kind, party),
            *self._not_permitted(kind, party),
        ]
        return reasons or self._compare(kind, party, before)

    def _loaded(self, kind: PartyKind, given: Party) -> Party:
        """The party in its one stored form, what is personal set apart. Raises FormInvalid."""
        data = {
            "id": given.id, "name": given.name, "tenant": given.tenant, "parent": given.parent,
            "status": given.status or next(iter(kind.statuses)), "valid_from": given.valid_from,
            "valid_until": given.valid_until, **given.attributes, **(given.personal or {}),
        }  # fmt: skip
        loaded = self.form(kind.name).load({name: value for name, value in data.items() if value is not None})
        if loaded["id"] != given.id:
            raise FormInvalid([_no("id", "须为 NFC 规范形式", "must be in the normal form NFC")])
        check_names(id=given.id, tenant=given.tenant)
        own = {name: value for name, value in loaded.items() if name in kind.attributes}
        personal = {name: value for name, value in own.items() if name in kind.personal}
        given_apart = given.personal is not None or bool(personal)
        return replace(
            given, id=loaded["id"], name=loaded["name"], tenant=loaded["tenant"], status=loaded["status"],
            attributes={name: value for name, value in own.items() if name not in personal},
            personal=personal if given_apart else None,
        )  # fmt: skip

    def _own_faults(self, kind: PartyKind, party: Party, before: Party | None) -> Iterator[Reason]:
        for name, limit in LONGEST.items():
            if len(getattr(party, name)) > limit:
                yield _no(name, f"超过 {limit} 字", f"longer than {limit} characters")
        if party.valid_from and party.valid_until and party.valid_until < party.valid_from:
            yield _no("valid_until", "早于起始日期", "is before the first day")
        if before is None:
            return
        for name, zh, en in (("kind", "类别", "kind"), ("tenant", "所属机构", "tenant")):
            if getattr(before, name) != getattr(party, name):
                yield _no(
                    name, f"{zh}不能改变，原为 {getattr(before, name)}；请另行登记",
                    f"the {en} of a party cannot change from {getattr(before, name)}; register a new one",
                )  # fmt: skip
        if before.status != party.status and not (self.reason or "").strip():
            yield _no("status", "改变状态须写明理由", "a change of status needs a reason")

    def _parent_faults(self, kind: PartyKind, party: Party) -> Iterator[Reason]:
        if party.parent is None:
            return
        parent = self.coming.get(party.parent) or self.known.get(party.parent)
        if parent is None:
            yield _no("parent", f"没有登记 {party.parent}", f"{party.parent} is not registered")
        elif parent.kind not in kind.within:
            allowed = ", ".join(kind.within) or "-"
            yield _no("parent", *_other_kind(parent, allowed))
        elif party.tenant != parent.tenant and not party.tenant.startswith(parent.tenant + "/"):
            yield _no("parent", f"不在 {parent.tenant} 之内", f"is outside {parent.tenant}")
        elif self._above(party.id, parent):
            yield _no("parent", "上下级成环", "stands below itself")

    def _above(self, id: str, parent: Party | None) -> bool:
        """Whether the party comes again on the way up, as far as this call can make it so."""
        passed: set[str] = set()
        while parent is not None and parent.id not in passed:
            if parent.id == id:
                return True
            passed.add(parent.id)
            parent = (
                (self.coming.get(parent.parent) or self.known.get(parent.parent)) if parent.parent else None
            )
        return False

    def _bond_faults(self, kind: PartyKind, party: Party) -> Iterator[Reason]:
        names = [bond.bond for bond in party.bonds or ()]
        for bond in party.bonds or ():
            rule = kind.bonds.get(bond.bond)
            if rule is None:
                text = no_such(Text("关系", "bond"), bond.bond, kind.bonds)
                yield _no(bond.bond, text.zh, text.en)
                continue
            yield from self._other_faults(rule, bond)
            if bond.valid_from and bond.valid_until and bond.valid_until < bond.valid_from:
                yield _no(bond.bond, "截止早于起始", "ends before it begins")
        for name, rule in kind.bonds.items():
            if rule.one and names.count(name) > 1:
                yield _no(name, "只能有一个", "can be one at a time only")

    def _other_faults(self, rule: BondRule, bond: Bond) -> Iterator[Reason]:
        other = self.coming.get(bond.to) or self.known.get(bond.to)
        if other is None:
            yield _no(rule.name, f"没有登记 {bond.to}", f"{bond.to} is not registered")
        elif other.kind not in rule.to:
            allowed = ", ".join(rule.to)
            yield _no(rule.name, *_other_kind(other, allowed))

    def _not_permitted(self, kind: PartyKind, party: Party) -> Iterator[Reason]:
        if self.trusted:
            return
        if self.by.person == party.id:
            yield Reason(code="own_party", text=Text("不得变更自己的登记", "nobody changes his own entry"))
        elif not any(
            g.role in kind.kept_by and g.unit is None and g.covers(party.tenant, self.today)
            for g in self.held
            if g.on_behalf_of is None
        ):
            roles = [self.library.roles.values[name].title for name in kind.kept_by]
            zh, en = (
                "、".join(t.zh for t in roles) or "运维",
                ", ".join(t.en for t in roles) or "the operator",
            )
            yield Reason(
                code="role",
                text=Text(f"“{kind.title.zh}”由{zh}登记", f"a {kind.title.en} is registered by: {en}"),
            )

    # -- comparing

    def _compare(self, kind: PartyKind, party: Party, before: Party | None) -> _Change:
        change = _Change(party, "added" if before is None else "same")
        old = self.bonds.get(party.id, ())
        self._compare_bonds(change, old, party.bonds, new=before is None)
        self._compare_apart(change, party)
        now = replace(
            party, bonds=_after(old, change), personal=None, revision=(before.revision if before else 0) + 1
        )
        change.changes |= dict(_differences(before, now))
        if before is not None and not change.changes:
            change.party = replace(now, revision=before.revision)
            return change
        change.party = now
        change.what = "added" if before is None else "changed"
        return change

    def _compare_apart(self, change: _Change, party: Party) -> None:
        """Of what is personal the log says that it changed, never what it was."""
        if party.personal is None:
            return
        before = self.apart.get(party.id, {})
        names = sorted(n for n in {*before, *party.personal} if before.get(n) != party.personal.get(n))
        if names:
            change.personal = party.personal
            change.changes["@personal"] = names

    def _compare_bonds(
        self, change: _Change, old: Sequence[Bond], given: Sequence[Bond] | None, *, new: bool
    ) -> None:
        """What holds becomes exactly what is given: the others end yesterday, or are gone if they began today."""
        if given is None:
            return
        standing = {(b.bond, b.to): b for b in old if b.valid_until is None or b.valid_until >= self.today}
        for bond in given:
            had = standing.pop((bond.bond, bond.to), None)
            if had is None:
                change.come.append(bond if new or bond.valid_from else replace(bond, valid_from=self.today))
            else:
                wanted = replace(bond, valid_from=bond.valid_from or had.valid_from)
                if wanted != had:
                    change.gone.append(had)
                    change.come.append(wanted)
        for had in standing.values():
            change.gone.append(had)
            if had.valid_from is None or had.valid_from < self.today:
                change.come.append(replace(had, valid_until=self.today - DAY))
        if change.gone or change.come:
            change.changes["@bonds"] = [[_said(b) for b in change.gone], [_said(b) for b in change.come]]

    # -- writing

    def _write(self, connection: Any, changes: Sequence[_Change]) -> None:
        rows = self.rows
        rows.write(
            connection, [c.party for c in changes if c.what == "added"], [c.party for c in changes if c.what == "changed"]
        )  # fmt: skip
        rows.write_personal(connection, {c.party.id: c.personal for c in changes if c.personal is not None})
        rows.write_bonds(
            connection, [(c.party.id, b) for c in changes for b in c.gone], [(c.party.id, b) for c in changes for b in c.come]
        )  # fmt: skip
        rows.write_log(
            connection,
            [
                PartyLine(
                    party=c.party.id, recorded_at=self.now, actor=self.by.person, what=c.what, reason=self.reason,
                    changes=c.changes,
                )
                for c in changes
            ],
        )  # fmt: skip
        self._write_grants(connection, [c.party for c in changes])

    def _write_grants(self, connection: Any, parties: Sequence[Party]) -> None:
        """The governed roles of these persons become exactly what follows from the register."""
        kinds = self.library.parties
        persons = [party for party in parties if kinds[party.kind].governed]
        held = self.rows.grants(connection, [party.id for party in persons])
        others = {**self.known, **self.coming}
        gone: list[str] = []
        come: list[dict[str, Any]] = []
        for party in persons:
            kind = kinds[party.kind]
            wanted = {_same(g): g for g in roles_of(kind, party, others, self.today)}
            governed = [
                g for g in held.get(party.id, ()) if g.role in kind.governed and g.on_behalf_of is None
            ]
            gone += [grant.id for grant in governed if wanted.pop(_same(grant), None) is None]
            come += [self._grant_row(grant) for grant in wanted.values()]
        self.rows.write_grants(connection, gone, come, self.library.body)

    def _grant_row(self, grant: Grant) -> dict[str, Any]:
        return {
            "id": new_id(self.random, self.now), "person": grant.person, "role": grant.role, "unit": grant.unit,
            "scope": grant.scope, "granted_by": self.by.person,
            "valid_from": grant.valid_from and grant.valid_from.isoformat(),
            "valid_until": grant.valid_until and grant.valid_until.isoformat(),
        }  # fmt: skip


def _fit(ids: Iterable[str]) -> list[str]:
    """The ids that anybody can have: PostgreSQL does not even look for the others."""
    return [id_ for id_ in ids if id_.isprintable()]


def _same(grant: Grant) -> tuple[Any, ...]:
    return grant.role, grant.scope, grant.unit, grant.valid_from, grant.valid_until


def _after(old: Sequence[Bond], change: _Change) -> tuple[Bond, ...]:
    return (*(bond for bond in old if bond not in change.gone), *change.come)


def _differences(before: Party | None, now: Party) -> Iterator[tuple[str, list[Any]]]:
    """(name, [before, after]) of what differs; an absent value is None."""
    for name in ("name", "tenant", "parent", "status", "valid_from", "valid_until"):
        was, is_ = (getattr(before, name) if before else None), getattr(now, name)
        if was != is_:
            yield name, [_plain(was), _plain(is_)]
    had = before.attributes if before else {}
    for name in sorted({*had, *now.attributes}):
        if had.get(name) != now.attributes.get(name):
            yield name, [had.get(name), now.attributes.get(name)]


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value


def _said(bond: Bond) -> list[Any]:
    return [bond.bond, bond.to, _plain(bond.valid_from), _plain(bond.valid_until)]


def _no(field_: str, zh: str, en: str) -> Reason:
    return Reason(code="party", text=Text(zh, en), field=field_)


def _other_kind(party: Party, allowed: str) -> tuple[str, str]:
    zh = f"{party.name} 是 {party.kind}，应为：{allowed}"
    return zh, f"{party.id} is a {party.kind}, not one of: {allowed}"


def _twice(first: int) -> Reason:
    return _no("id", f"与第 {first + 1} 个编号相同", f"the same id as number {first + 1}")
