"""Which other case may a form name? A root case that the actor may know of, of a tenant above or below or the same, of the kind
the definition says (`of`), and not the case itself. Where the event's guards follow the name, only one of the same tenant: the
name would lead to where the guard knows nothing.

Whatever else is refused is refused in the words for a case that is not there: who asks may not know of it. An old record names
what its source names.
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
    if event not in law.named or draft.act.imported:
        return
    reasons = list(_reasons(draft, law, record, event, data))
    if reasons:
        raise FormInvalid(reasons)


def _reasons(draft: Draft, law: Law, record: Record, event: str, data: Mapping[str, Any]) -> Iterator[Reason]:
    for name in law.named[event]:
        field, case = law.definition.fields[name], data.get(name)
        if case is None:
            continue
        zh, en = field.title.zh, field.title.en
        if case == record.id:
            text = (f"{zh}：不能是本件自己", f"{en} must be another case than this one")
            yield Reason.of("form.itself", *text, field=name)
        elif not _may_be_named(draft, record, case, field.of, followed=name in law.links.get(event, ())):
            text = (f"{zh}：没有这样的案件", f"{en} names no case that there is here")
            if field.of is not None:
                wanted = draft.laws.latest(field.of).definition.title
                text = (
                    f"{zh}：没有这样的“{wanted.zh}”案件",
                    f"{en} names no case of '{wanted.en}' that there is here",
                )
            yield Reason.of("form.case", *text, field=name)


def _may_be_named(draft: Draft, record: Record, case: str, of: str | None, *, followed: bool) -> bool:
    found = None if case in draft.act.unseen else draft.act.linked.get(case)
    if found is None:
        return False
    kind, _, _, tenant = found
    if of not in (None, kind):
        return False
    here, there = f"{record.tenant}/", f"{tenant}/"
    return here == there or (not followed and (here.startswith(there) or there.startswith(here)))
