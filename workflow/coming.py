"""Which days may a form name for what is to come? That of the act or a later one: what was arranged for a day that has passed
would count at once as missed. What has happened is dated in fields that say nothing of this; an old record names what it names.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .draft import Draft
from .errors import FormInvalid, Reason
from .laws import Law

__all__ = ["check"]


def check(draft: Draft, law: Law, event: str, data: Mapping[str, Any]) -> None:
    """Raises FormInvalid with a reason per field (`to_come`) whose day lies before that of the act."""
    if event not in law.coming or draft.act.imported:
        return
    reasons = list(_reasons(draft, law, event, data))
    if reasons:
        raise FormInvalid(reasons)


def _reasons(draft: Draft, law: Law, event: str, data: Mapping[str, Any]) -> Iterator[Reason]:
    first = draft.act.day.isoformat()
    for name in law.coming[event]:
        day, title = data.get(name), law.definition.fields[name].title
        if day is not None and day < first:
            zh = f"{title.zh}：{day} 已经过去，须为 {first} 或以后的日期"
            en = f"{title.en}: {day} has passed, give {first} or a later day"
            yield Reason.of("form.past", zh, en, field=name)
