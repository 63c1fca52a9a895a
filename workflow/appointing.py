"""Whom may a form name where not everybody will do (`roles` of a field)? Who holds one of those roles in the tenant of the case
on the day of the act. The refusal says who may; an old record names whom its source names.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .definition import Field
from .draft import Draft
from .errors import FormInvalid, Reason, Text
from .laws import Law

__all__ = ["check"]


def check(draft: Draft, law: Law, tenant: str, event: str, data: Mapping[str, Any]) -> None:
    """Raises FormInvalid with a reason for each person who holds none of the roles."""
    if event not in law.appointing or draft.act.imported:
        return
    reasons = [
        reason for name in law.appointing[event] for reason in _reasons(draft, law.definition.fields[name], tenant, data)
    ]  # fmt: skip
    if reasons:
        raise FormInvalid(reasons)


def _reasons(draft: Draft, field: Field, tenant: str, data: Mapping[str, Any]) -> Iterator[Reason]:
    given = data.get(field.name)
    for person in [given] if isinstance(given, str) else given or ():
        if not _holds(draft, field, tenant, person):
            who = _titles(draft, field)
            zh = f"{field.title.zh}：{person} 不担任可任此事的职务，须为{'、'.join(one.zh for one in who)}的人员"
            en = f"{field.title.en}: {person} holds no fitting role, name somebody of: {', '.join(one.en for one in who)}"
            yield Reason.of("form.role", zh, en, field=field.name)


def _holds(draft: Draft, field: Field, tenant: str, person: str) -> bool:
    held = draft.act.held.get(person, ())
    return any(
        grant.role in field.roles and grant.on_behalf_of is None and grant.covers(tenant, draft.act.day)
        for grant in held
    )


def _titles(draft: Draft, field: Field) -> list[Text]:
    known = draft.laws.library.roles.values
    return [known[role].title for role in field.roles]
