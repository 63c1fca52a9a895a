"""What is looked at before a person is given a role: who gives what to whom, and whether it could ever hold."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from .call import check_texts
from .errors import FormInvalid, NotFound, NotPermitted, Reason, Text
from .given import check_are_texts, check_days, wrong_kind
from .library import Library
from .model import SYSTEM, Grant
from .naming import check_names

__all__ = ["check_given", "check_new"]


def check_given(library: Library, person: Any, grants: Sequence[Any], by: Any) -> None:
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


def check_new(library: Library, grants: Sequence[Grant], held: Collection[str]) -> None:
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
