"""The same for many: who is chosen, whether each may, one form for all, and what came of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from workflow import Case
from workflow.definition import Definition, Event
from workflow.errors import NotFound, Reason, Text, WorkflowError
from workflow.model import Outcome, Request
from workflow.overview import identifier, visible
from workflow.view import View

from ..dispatch import open_each
from ..problems import Problem
from .events import revision_of
from .forms import Misread, inputs, sent
from .lists import view_named
from .mailing import before as mailed
from .packs import arranged, in_order
from .packs import asked as pack
from .screens import Go, Look, Page, Screen
from .whynot import readable

MOST = 100
"""rows of one go: they are done in one transaction, each for itself"""


@dataclass(frozen=True, slots=True)
class Chosen:
    """One of them: whether it may be done, and why not."""

    case: Case
    title: str
    reasons: Sequence[Text]


@dataclass(frozen=True, slots=True)
class Planned:
    """One that is to be done: which event, with which data."""

    case: Case
    title: str
    event: str
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Came:
    """What came of one."""

    title: str
    case: Case | None
    error: Text | None
    state: Text | None


def before(look: Look) -> Page | Go:
    """What would be done, row by row, and the form for all; or the documents of those chosen."""
    chosen = look.request.args.getlist("case")
    if look.request.args.get("event") == "@letters" and chosen:
        return pack(look, in_order(look, chosen[:MOST]))
    if look.request.args.get("event") == "@order" and chosen:
        return arranged(look, chosen[:MOST])
    if look.request.args.get("event") == "@links" and chosen:
        return mailed(look, chosen[:MOST])
    definition, event = _event(look, look.request.args.get("event", ""))
    return _page(
        look,
        definition,
        event,
        _chosen(look, event, chosen),
        {},
        apart={} if look.request.args.get("apart") == "1" else None,
    )


def after(look: Look) -> Page:
    """Do it. Each row is judged for itself; one that is refused leaves the others as they are."""
    definition, event = _event(look, look.request.form.get("event", ""))
    chosen = _chosen(look, event, look.request.form.getlist("case"))
    if look.request.form.get("apart"):
        return _apart(look, definition, event, chosen)
    try:
        given = sent(look, definition, event)
    except Misread as error:
        return _page(look, definition, event, chosen, error.given, error.reasons)
    return _fired(look, event, chosen, {one.case.id: given for one in chosen})


def _apart(look: Look, definition: Definition, event: Event, chosen: Sequence[Chosen]) -> Page:
    """Each with a form of its own; one that is left empty is left as it is."""
    given: dict[str, Mapping[str, Any]] = {}
    wrong: dict[str, Sequence[Reason]] = {}
    for one in chosen:
        try:
            found: Mapping[str, Any] = sent(look, definition, event, f"{one.case.id}.")
        except Misread as error:
            wrong[one.case.id], found = error.reasons, error.given
        if found:
            given[one.case.id] = found
    if wrong:
        return _page(look, definition, event, chosen, {}, apart=given, wrong=wrong)
    return _fired(look, event, [one for one in chosen if one.case.id in given], given)


def _fired(
    look: Look, event: Event, chosen: Sequence[Chosen], given: Mapping[str, Mapping[str, Any]]
) -> Page:  # fmt: skip
    plans = [
        Planned(one.case, one.title, event.name, given[one.case.id]) for one in chosen if not one.reasons
    ]
    left = [(one.title, one.reasons[0]) for one in chosen if one.reasons]
    return carried_out(look, view_named(look, look.path["view"]), event.title, plans, left)


def carried_out(
    look: Look, view: View, title: Text, plans: Sequence[Planned], left: Sequence[tuple[str, Text]]
) -> Page:
    """Do them in one go, each for itself, and say what came of each; `left`: those that are not tried, each with its reason."""
    key = look.request.form.get("key", "")
    requests = [
        Request(case=one.case.id, event=one.event, actor=look.actor, data=one.data, revision=seen(look, one.case),
                key=f"{key}/{one.case.id}" if key else None)
        for one in plans
    ]  # fmt: skip
    outcomes = look.engine.batch(requests) if requests else []
    done = [_came(look, one, outcome) for one, outcome in zip(plans, outcomes, strict=True)]
    return Page("many_done.html", {
        "title": title, "came": [*done, *(Came(name, None, why, None) for name, why in left)], "view": view,
        "good": sum(one.error is None for one in done), "all": len(done) + len(left),
        "papers": look.desk.papers is not None,
    })  # fmt: skip


def seen(look: Look, case: Case) -> int:
    """The revision of that case that was looked at. Raises Problem 400."""
    return revision_of(look.request.form.get(f"revision.{case.id}", ""))


def _came(look: Look, one: Planned, outcome: Outcome) -> Came:
    if outcome.case is not None:
        law = look.engine.laws.pinned(outcome.case.definition).definition
        return Came(one.title, outcome.case, None, law.states[outcome.case.state].title)
    error = outcome.error
    return Came(
        one.title, None, error.text if isinstance(error, WorkflowError) else Text("出错", "an error"), None
    )


def _page(
    look: Look, definition: Definition, event: Event, chosen: Sequence[Chosen], given: Mapping[str, Any],
    reasons: Sequence[Reason] = (), *, apart: Mapping[str, Mapping[str, Any]] | None = None,
    wrong: Mapping[str, Sequence[Reason]] | None = None,
) -> Page:  # fmt: skip
    """One form for all, or one for each with what stands in it (`apart`)."""
    sheets = {}
    if apart is not None:
        for one in chosen:
            own, prefix = (wrong or {}).get(one.case.id, ()), f"{one.case.id}."
            sheets[one.case.id] = inputs(look, definition, event, apart.get(one.case.id, {}), own, prefix)
    told = [("", reason) for reason in reasons]
    told += [(f"{id_}-", reason) for id_, own in (wrong or {}).items() for reason in own]
    return Page("many.html", {
        "apart": apart is not None, "sheets": sheets,
        "title": event.title, "event": event, "chosen": chosen, "inputs": inputs(look, definition, event, given, reasons),
        "key": identifier(look.engine), "view": view_named(look, look.path["view"]),
        "free": sum(not one.reasons for one in chosen),
        "told": [(f"f-{before}{one.field}" if one.field else None, one.text) for before, one in told],
    }, 422 if reasons or wrong else 200)  # fmt: skip


def _event(look: Look, name: str) -> tuple[Definition, Event]:
    view = view_named(look, look.path["view"])
    if name not in view.acts:
        raise NotFound(Text("这个列表没有这个事项", "this list has no such act"))
    definition = look.engine.library.definition(view.definition)
    return definition, definition.events[name]


def _chosen(look: Look, event: Event, ids: Sequence[str]) -> list[Chosen]:
    wanted = list(dict.fromkeys(ids))
    if len(wanted) > MOST:
        raise Problem("too_large", Text(f"一次最多 {MOST} 件", f"at most {MOST} at once"))
    open_each(look.engine, look.actor, wanted)
    seen = visible(look.engine, look.actor, set(wanted))
    return [_one(look, event, one) for one in wanted if one in seen]


def _one(look: Look, event: Event, id: str) -> Chosen:
    case = look.engine.case(id, actor=look.actor)
    permission = next((p for p in look.engine.permitted(id, look.actor) if p.event == event.name), None)
    none = [Text("本件没有这个事项", "this case has no such act")]
    reasons = none if permission is None else [reason.text for reason in readable(permission.reasons, case)]
    return Chosen(case, look.caption(case), reasons)


MANY = (
    Screen(path="/views/<view>/many", name="many", view=before),
    Screen(path="/views/<view>/many", name="many_done", view=after, methods=("POST",)),
)
