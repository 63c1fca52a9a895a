"""A person is given roles; what is looked at before: who gives what to whom, and whether it could ever hold."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from .call import check_texts
from .errors import FormInvalid, NotFound, NotPermitted, Reason, Text
from .given import check_are_texts, check_days, check_list, wrong_kind
from .library import Library
from .model import SYSTEM, Grant
from .naming import check_names
from .parties import Parties
from .random import RandomSource, new_id
from .store.sql import Store
from .store.work import Host

__all__ = ["Granting"]


class Granting:
    """The grants of one engine, as a host gives them. What it remembers of a person is its own to forget."""

    def __init__(
        self, store: Store, library: Library, parties: Parties, now: Callable[[], datetime], random: RandomSource
    ) -> None:  # fmt: skip
        self._store = store
        self._library = library
        self._parties = parties
        self._now = now
        self._random = random

    def sync(self, person: str, grants: Iterable[Grant], *, by: str, session: Host | None) -> None:
        """They become exactly these, but for what follows from the register and what was lent. Raises as `Engine.sync_grants`."""
        check_list(grants=grants)
        given = list(grants)
        _check_given(self._library, person, given, by)
        with self._store.connection(session, write=True) as connection:
            held = self._store.grants(connection, person)
            _check_new(self._library, given, {grant.id for grant in held})
            lent = [grant for grant in held if grant.on_behalf_of]
            own = [grant for grant in given if grant.on_behalf_of is None]
            merged = [*self._parties.merged(connection, person, own), *lent]
            rows = [self._row(person, grant, by) for grant in merged]
            self._store.replace_grants(connection, person, rows, self._library.body)

    def add(self, person: str, new: Grant, *, by: str) -> None:
        """One more, unless he has it. Raises as `Engine.grant`."""
        _check_given(self._library, person, [new], by)
        _check_new(self._library, [new], ())
        with self._store.connection(write=True) as connection:
            held = {replace(grant, id="") for grant in self._store.grants(connection, person)}
            if new not in held and new in self._parties.merged(connection, person, [new]):
                self._store.add_grant(connection, self._row(person, new, by))

    def _row(self, person: str, grant: Grant, by: str) -> dict[str, Any]:
        return {
            "id": grant.id or new_id(self._random, self._now()), "person": person, "role": grant.role,
            "unit": grant.unit, "scope": grant.scope, "granted_by": by,
            "valid_from": grant.valid_from and grant.valid_from.isoformat(),
            "valid_until": grant.valid_until and grant.valid_until.isoformat(), "on_behalf_of": grant.on_behalf_of,
        }  # fmt: skip


def _check_given(library: Library, person: Any, grants: Sequence[Any], by: Any) -> None:
    """Refuse what nobody may give, or what is no grant. Raises FormInvalid, NotPermitted, NotFound for a role there is not."""
    _check_kinds(person, grants, by)
    if by == person:
        raise NotPermitted([Reason.of("own_grant", "不得给自己授权", "nobody grants anything to himself")])
    if person == SYSTEM:
        raise NotPermitted([Reason.of("system_grant", "不得给系统授权", "nothing is granted to the system")])
    for grant in grants:
        check_texts(role=grant.role, unit=grant.unit, scope=grant.scope)
        check_names(unit=grant.unit, scope=grant.scope)
    check_texts(person=person, granted_by=by)
    check_names(person=person)
    roles = library.roles.values
    for role in sorted({grant.role for grant in grants} - set(roles)):
        raise NotFound.among(Text("角色", "role"), role, roles)


def _check_kinds(person: Any, grants: Sequence[Any], by: Any) -> None:
    check_are_texts(person=person, by=by)
    for grant in grants:
        if not isinstance(grant, Grant):
            raise wrong_kind("grants", grant, " Grant", "a Grant")
        check_are_texts(role=grant.role, scope=grant.scope)
        check_days(valid_from=grant.valid_from, valid_until=grant.valid_until)


def _check_new(library: Library, grants: Sequence[Grant], held: Collection[str]) -> None:
    """Refuse a grant that could give nothing. Those that he had (by their ids) stay: one given today and ended today is such.

    Raises FormInvalid with every reason.
    """
    new = [grant for grant in grants if grant.id not in held]
    reasons = [reason for grant in new for reason in _idle(library, grant)]
    if reasons:
        raise FormInvalid(list(dict.fromkeys(reasons)))


def _idle(library: Library, grant: Grant) -> Iterator[Reason]:
    """Why it would give nothing: no day on which it holds, or no unit in which."""
    first, last = grant.valid_from, grant.valid_until
    if first is not None and last is not None and last < first:
        text = Text(
            f"失效日 {last} 早于生效日 {first}，此授权不会有一天有效：请先始后止",
            f"the grant would hold on no day: valid_until {last} lies before valid_from {first}",
        )
        yield Reason(code="form.dates", text=text, field="valid_until", beside=True)
    if not grant.unit and library.in_unit(grant.role):
        title = library.roles.values[grant.role].title
        text = Text(
            f"unit：角色 {grant.role}（{title.zh}）只能在某个单位（站）内担任，须写明是哪一个",
            f"unit: the role {grant.role} ({title.en}) is held within a unit or station; say within which",
        )
        yield Reason(code="form.unit", text=text, field="unit", beside=True)
