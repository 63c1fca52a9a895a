"""One call of `start` or `fire`, and what of it is refused before anything is read: texts that no database should see, ids that
none can have, a revision that is not the current one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date, datetime
from typing import Any, NamedTuple

from .act import Act
from .clock import FIRST_DAY, LAST_DAY, can_be, civil_date
from .errors import Conflict, FormInvalid, NotFound, Reason, Text
from .family import Step
from .given import check_actor, check_are_texts, check_data, check_days, check_number, no_text, wrong_kind
from .model import Actor, PartialDate
from .naming import UNFIT, called, check_case_id, check_names, unfit
from .store.sql import Reading

__all__ = [
    "LIMITS", "UNFIT", "Call", "act_of", "check_id", "check_revision", "check_texts", "digest", "no_case",
    "no_id",
]  # fmt: skip

LIMITS = {
    "person": 80, "on_behalf_of": 80, "role": 40, "unit": 80, "scope": 200, "granted_by": 80, "tenant": 200, "id": 40,
    "number": 80, "key": 200, "reason": 2000, "subject": 80,
}  # fmt: skip


class Call(NamedTuple):
    """One call of `start` (event "start", case None) or `fire`."""

    event: str
    actor: Actor
    data: Mapping[str, Any]
    case: str | None = None
    kind: str = ""
    tenant: str = ""
    id: str | None = None
    revision: int | None = None
    key: str | None = None
    effective_on: date | PartialDate | None = None
    reason: str | None = None
    imported: bool = False
    number: str | None = None
    """the number an imported record bears; imports draw none"""
    receipt: Callable[[Step, str], str] | None = None
    """what is stored beside the key, to be given back when it comes again"""
    asked: str | None = None
    """what was asked for where the event was chosen by it: that has to be the same when the key comes again, not the choice"""

    unseen: frozenset[str] = frozenset()
    """cases that the data name and the actor may not know of"""

    @property
    def scoped_key(self) -> str | None:
        """The key, of this person; of this invitation where there is one, for then anybody may call himself anything."""
        if self.key is None:
            return None
        who = self.actor.person if self.actor.invitation is None else digest(self.actor.invitation)
        return f"{who}\n{self.key}"

    def check_kinds(self) -> None:
        """Refuse what is of another kind than it has to be, before anybody looks at it. Raises FormInvalid."""
        if self.case is None:
            check_are_texts(kind=self.kind, tenant=self.tenant)
        elif not isinstance(self.case, str):
            raise no_id(self.case)
        if type(self.event) is not str:
            check_are_texts(event=self.event)
        check_actor(self.actor)
        check_data(self.data)
        if self.revision is not None:
            check_number(revision=self.revision)
        if self.effective_on is not None:
            check_days(partial=True, effective_on=self.effective_on)

    def flaw(self) -> FormInvalid | None:
        """The refusal of `check_kinds`, of one of many."""
        try:
            self.check_kinds()
        except FormInvalid as error:
            return error
        return None

    def check(self) -> None:
        """Refuse texts no database should see. Raises FormInvalid; NotFound for a case id that none can have."""
        if self.case is not None:
            check_id(self.case)
        actor = self.actor
        try:
            if self.case is None:
                check_names(tenant=self.tenant)
            check_texts(
                person=actor.person, on_behalf_of=actor.on_behalf_of, role=actor.role, unit=actor.unit, tenant=self.tenant,
                id=self.id, key=self.key, reason=self.reason,
                number=self.number,
            )  # fmt: skip
            if self.id is not None:
                check_case_id(self.id)
            if self.imported:  # of anybody else a grant says that he is called so
                check_names(person=actor.person)
            if self.effective_on is not None:
                _check_day(self.effective_on)
        except FormInvalid as error:
            raise FormInvalid([replace(reason, beside=True) for reason in error.reasons]) from None

    def body_hash(self, salt: str) -> str:
        """What has to be the same when the key comes again; salted, so that nobody can guess what was said from it."""
        act: list[Any] = [self.event, self.data] if self.asked is None else [self.asked]
        body = [
            self.case, self.kind, self.tenant, *act, str(self.effective_on), self.reason, self.actor.role, self.actor.unit,
        ]  # fmt: skip
        if self.number is not None:
            body.append(self.number)
        said = json.dumps(body, sort_keys=True, default=str)
        return f"{salt}:{hashlib.sha256(f'{salt}:{said}'.encode()).hexdigest()}"


def check_id(case: str) -> None:
    """Raises NotFound for a case id that none can have, on both databases alike; FormInvalid for what is no id."""
    if not isinstance(case, str):
        raise no_id(case)
    if len(case) > LIMITS["id"] or UNFIT.search(case):
        raise no_case(case)


def check_texts(**texts: str | None) -> None:
    """Refuse what the two databases would treat differently, in what is no form's field. Raises FormInvalid."""
    reasons = []
    for name, value in texts.items():
        if value is None:
            continue
        if not isinstance(value, str):
            raise no_text(name, value)
        if value and value.isprintable() and len(value) <= LIMITS[name]:
            continue  # nearly every one, and this stands before every event; what is printable holds nothing unfit
        word, code, wrong = called(name), "form.unfit", unfit(value)
        if wrong is None and not value and name in ("key", "number"):
            code, wrong = (
                "form.empty",
                Text("不能为空；不需要则不给", "must not be empty; leave it out if none is wanted"),
            )
        elif wrong is None and name == "key" and not value.isprintable():
            wrong = Text(
                "不能有换行等看不见的字符", "must hold no line ends and nothing else that is not seen"
            )
        elif wrong is None and len(value) > (most := LIMITS[name]):
            code, wrong = (
                "form.long",
                Text(f"太长：至多 {most} 字", f"is too long: at most {most} characters"),
            )
        if wrong is not None:
            text = Text(f"{word.zh}：{wrong.zh}", f"{word.en}: {wrong.en}")
            reasons.append(Reason(code=code, text=text, field=name))
    if reasons:
        raise FormInvalid(reasons)


def _check_day(when: date | PartialDate) -> None:
    first, last = (when.earliest(), when.latest()) if isinstance(when, PartialDate) else (when, when)
    if not (can_be(first) and can_be(last)):
        text = Text(
            f"生效日期须在 {FIRST_DAY.year} 年至 {LAST_DAY.year} 年之间，不能是 {when}",
            f"the effective date must lie between {FIRST_DAY.year} and {LAST_DAY.year}, not {when}",
        )
        raise FormInvalid([Reason(code="form.range", text=text, field="effective_on")])


def check_revision(call: Call, current: int) -> None:
    """Raises Conflict when the caller has seen another revision."""
    if call.revision is not None and call.revision != current:
        text = Text(f"案件已变更，现为第 {current} 版", f"the case has changed; its revision is {current}")
        raise Conflict(text, current)


def act_of(call: Call, now: datetime, reading: Reading) -> Act:
    """The act a call is: its civil day, and how that day is written."""
    when = call.effective_on
    written: str | None
    if isinstance(when, PartialDate):
        day, written = when.latest(), str(when)
    else:
        day = when or civil_date(now)
        written = None if call.imported and when is None else day.isoformat()
    return Act(
        actor=call.actor, now=now, day=day, effective_on=written, data=call.data, grants=reading.grants,
        reason=call.reason, imported=call.imported, cause="import" if call.imported else None,
        number=call.number if call.imported else None, unseen=call.unseen,
    )  # fmt: skip


def digest(token: str) -> str:
    """What is stored of a token."""
    return hashlib.sha256(token.encode(errors="surrogatepass")).hexdigest()


def no_id(case: Any) -> FormInvalid:
    """A case is named by its id: the case itself, or nothing, is none."""
    return wrong_kind("case", case, "案件编号（case.id）", "the id of a case (case.id)")


def no_case(case: str) -> NotFound:
    """There is no such case, or none that this person may know of."""
    return NotFound(Text(f"没有案件 {case}", f"no case {case!r}"))
