"""May this act be done, by this person, dated that day? Asked of the outer event only; what follows from it is nobody's act.

authorization.py knows who may; here its answers become those to one act, with the two-person rule and with backdating.
"""

from __future__ import annotations

from datetime import timedelta

from . import authorization
from .authorization import Permit
from .clock import civil_date
from .definition import Backdate, Event
from .draft import Draft
from .errors import DeadlineRefused, FormInvalid, NotPermitted, Reason
from .family import Record
from .laws import Law
from .memo import persons
from .model import SYSTEM, Actor

__all__ = ["admit", "forbids"]


def admit(draft: Draft, law: Law, event: Event, record: Record) -> None:
    """Put the permit into the draft. Raises NotPermitted with every reason, DeadlineRefused, FormInvalid."""
    if draft.act.imported:
        return
    draft.permit, reasons = forbids(draft, law, event, record)
    if reasons:
        raise NotPermitted(reasons)
    _check_day(draft, event, record)
    draft.step.grant = draft.permit.grant.id if draft.permit and draft.permit.grant else None


def forbids(draft: Draft, law: Law, event: Event, record: Record) -> tuple[Permit | None, list[Reason]]:
    """The permit under which the act may be done, or the reasons why not."""
    act, root = draft.act, draft.root_of(record)
    found = (
        authorization.bar(law.definition, act.actor, act.grants, record, root),
        authorization.refuse_automatic(event, act.actor, act.cause),
    )
    reasons = [reason for reason in found if reason is not None]
    permit = None
    if event.automatic is None and act.actor.person != SYSTEM:
        permit = authorization.permit(event.by, act.actor, act.grants, record, root, civil_date(act.now))
        if permit is None:
            roles, away = draft.laws.codes.get("roles"), None
            if event.name == "start":
                away = authorization.elsewhere(event, act.actor, act.grants, record, civil_date(act.now))
            reasons.append(
                away or authorization.not_permitted(event, law.definition, roles, draft.law(root).definition)
            )
        if event.opens:
            reasons += _opens_barred(draft, law, event, record, permit)
        if event.not_by:
            reasons += _same_person(act.actor, law, event, record, permit)
    return permit, reasons


def _same_person(actor: Actor, law: Law, event: Event, record: Record, permit: Permit | None) -> list[Reason]:
    """The two-person rule: who did those that another must do, or was acted for, is not here again."""
    here = {actor.person, actor.on_behalf_of, permit.on_behalf_of if permit else None} - {None}
    same = [other for other in event.not_by if not here.isdisjoint(persons(record, other))]
    return [authorization.same_person(event, law.event(other)) for other in same]


def _opens_barred(
    draft: Draft, law: Law, event: Event, record: Record, permit: Permit | None
) -> list[Reason]:
    """Whoever would be barred from a child does not open it under another hat (invariant 38: he would issue the evaluation of
    his own unit). A unit that the event names itself asks as a unit, and openly.
    """
    act, root = draft.act, draft.root_of(record)
    for slot in event.opens:
        child = draft.laws.latest(law.definition.children[slot].definition).definition
        reason = authorization.bar(child, act.actor, act.grants, record, root)
        openly = permit is not None and permit.unit in authorization.barred_units(child, record, root)
        if reason is not None and not openly:
            return [reason]
    return []


def _check_day(draft: Draft, event: Event, record: Record) -> None:
    """Backdating is for whom the definition names, so far as its rule says; nothing is dated ahead."""
    act, today = draft.act, civil_date(draft.act.now)
    if act.day == today or act.cause is not None:
        return
    if act.day > today:
        text = ("生效日期不能晚于今天", "the effective date lies ahead")
        raise DeadlineRefused([_of_day("future", *text)])
    if event.backdate is None:
        zh, en = event.title.zh, event.title.en
        text = (f"“{zh}”不允许补记日期", f"'{en}' may not be backdated")
        raise DeadlineRefused([_of_day("backdate", *text)])
    _check_backdate(draft, event.backdate, record)


def _of_day(code: str, zh: str, en: str) -> Reason:
    return Reason.of(code, zh, en, field="effective_on", beside=True)


def _check_backdate(draft: Draft, allowed: Backdate, record: Record) -> None:
    act, today = draft.act, civil_date(draft.act.now)
    root = draft.root_of(record)
    if authorization.permit(allowed.by, act.actor, act.grants, record, root, today) is None:
        raise NotPermitted([_of_day("backdate", "无权补记日期", "may not backdate")])
    days = draft.laws.in_force(allowed.rule, today)
    if isinstance(days, int) and act.day < today - timedelta(days=days):
        text = (f"最多补记 {days} 天前的日期", f"at most {days} days back")
        raise DeadlineRefused([_of_day("backdate", *text)])
    if not (act.reason or "").strip():
        text = ("补记日期须写明理由", "backdating needs a reason")
        raise FormInvalid([Reason.of("form.reason", *text, field="reason", beside=True)])
