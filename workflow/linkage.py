"""Which other case may a form name, where its event's guards follow the name there? One of the same tenant and of the kind the
definition says, and not the case itself: the name would lead out of the tenant, or to where the guard knows nothing.

A case of another tenant is refused in the words for one that is not there: who asks may not know of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .draft import Draft
from .errors import FormInvalid, Reason
from .family import Record
from .laws import Law

__all__ = ["check"]


def check(draft: Draft, law: Law, record: Record, event: str, data: Mapping[str, Any]) -> None:
    """Raises FormInvalid with a reason per field that names a case it may not."""
    reasons = list(_reasons(draft, law, record, event, data))
    if reasons:
        raise FormInvalid(reasons)


def _reasons(draft: Draft, law: Law, record: Record, event: str, data: Mapping[str, Any]) -> Iterator[Reason]:
    for name in law.links[event]:
        field, case = law.definition.fields.get(name), data.get(name)
        if field is None or field.of is None or case is None:
            continue
        kind, _, _, tenant = draft.act.linked.get(case, ("", "", False, ""))
        zh, en = field.title.zh, field.title.en
        if case == record.id:
            text = (f"{zh}：不能是本件自己", f"{en} must be another case than this one")
            yield Reason.of("form.itself", *text, field=name)
        elif (kind, tenant) != (field.of, record.tenant):
            wanted = draft.laws.latest(field.of).definition.title
            text = (
                f"{zh}：没有这样的“{wanted.zh}”案件",
                f"{en} names no case of '{wanted.en}' that there is here",
            )
            yield Reason.of("form.case", *text, field=name)
