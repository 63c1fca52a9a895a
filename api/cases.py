"""Cases over HTTP: start, find, look, what may be done, do it, what was done. The rules are all the engine's."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

from flask import json, url_for
from marshmallow import fields, validate

from workflow import Actor, Case
from workflow.clock import can_be, day_of
from workflow.errors import NotFound, Text, no_such
from workflow.model import Receipt
from workflow.overview import count, end_of_day, find, place_of

from .asked import Asked, filter_of
from .dispatch import visible, written
from .paging import case_asked, link, next_address, of_line, place_asked
from .prefer import COUNT, MINIMAL, prefers
from .problems import Problem, pointer
from .routes import Ask, Desk, Out, Reply, Route
from .schemas import (
    CaseOut,
    CasesOut,
    EntriesOut,
    ExplanationOut,
    Fire,
    Listed,
    Numeral,
    Paged,
    PermittedOut,
    SimilarAllOut,
    Start,
    Strict,
    ToBeOut,
    Trial,
    WholeOut,
)
from .uploads import own

INCLUDES = ("clocks", "permitted", "children", "overlays", "documents", "history")
HISTORY = 50
"""lines of a history that come with a case"""
_LINE = re.compile("0|[1-9][0-9]{0,8}")


class Include(Strict):
    """What is to come with a case."""

    include = Listed(
        fields.Str(validate=validate.OneOf(INCLUDES)), load_default=list,
        metadata={"description": "any of " + ", ".join(INCLUDES) + "; the clocks always come"},
    )  # fmt: skip


class Near(Strict):
    """How many of them."""

    limit = Numeral(load_default=5, validate=validate.Range(1, 20))


class Which(Asked):
    """Which cases, in which order."""

    sort = fields.Str(
        load_default="id", validate=validate.OneOf(["id", "-id", "due_on"]),
        metadata={"description": "`id`: the oldest first; `due_on`: the earliest running deadline first, none last"},
    )  # fmt: skip


class Wanted(Which, Paged):
    """A page of them."""


# --- views


def start(ask: Ask) -> Reply:
    """A new case."""
    body = ask.body
    if body["kind"] not in ask.engine.library.definitions:
        raise _no_kind(body["kind"], ask.engine.library.definitions)
    own(ask.desk, ask.actor, body, None)
    make = partial(ask.engine.start, body["kind"], _under(ask), body["data"], tenant=body["tenant"])
    return _done(ask, make, 201)


def fire(ask: Ask) -> Reply:
    """One event; If-Match says which revision the person saw. The case is not read beforehand: the engine reads it anyway, if it
    has to, and its refusals tell nothing of a case that is not his.
    """
    id_, event = ask.path["id"], ask.path["event"]
    own(ask.desk, ask.actor, ask.body, id_)
    make = partial(ask.desk.engine.fire, id_, event, _under(ask), ask.body["data"], revision=ask.revision)
    try:
        return _done(ask, make, 200)
    except NotFound:
        visible(ask.desk, id_, ask.actor)  # no such case, in the words of every other address
        raise


def _done(ask: Ask, make: Any, status: int) -> Reply:
    """The case after it. What is answered is stored with the key, and comes again byte for byte."""
    told = {"effective_on": ask.body.get("effective_on"), "reason": ask.body.get("reason")}
    if ask.query["dry_run"]:
        return Reply(make(**told, key=ask.key, dry_run=True))  # without an ETag: nothing has that revision
    if ask.key is None:
        answer = _answer(ask, status, make(**told))
    else:
        receipt = Receipt(lambda case: json.dumps(_answer(ask, status, case), ensure_ascii=False))
        case = make(**told, key=ask.key, receipt=receipt)
        answer = json.loads(receipt.text) if receipt.text else _answer(ask, status, case)
    return Reply(None, answer["status"], answer["headers"], text=answer["body"])


def _answer(ask: Ask, status: int, case: Case) -> dict[str, Any]:
    """An answer as it is stored with its key: status, headers, and the text of the body."""
    headers = {"ETag": f'"{case.revision}"'}
    if status == 201:
        headers["Location"] = url_for(f"{ask.desk.blueprint.name}.case", id=case.id)
    body = written(CaseOut, case)
    if prefers(ask.request, MINIMAL):
        headers["Preference-Applied"] = MINIMAL
        status, body = 201 if status == 201 else 204, ""
    return {"status": status, "headers": headers, "body": body}


def search(ask: Ask) -> Reply:
    """A page of what this person may know of."""
    wanted = filter_of(ask.query)
    page = find(
        ask.engine,
        ask.actor,
        wanted,
        sort=ask.query["sort"],
        after=case_asked(),
        limit=ask.query["limit"],
    )
    address = next_address(page.next) if page.next else None
    body: dict[str, Any] = {"cases": page.cases, "next": address}
    if prefers(ask.request, COUNT):
        body["count"] = count(ask.engine, ask.actor, wanted)
    return Reply(body, headers=link(address))


def worklist(ask: Ask) -> Reply:
    """Open cases that wait for this person, the earliest due first."""
    limit = ask.query["limit"]
    found = ask.engine.worklist(ask.actor, limit=limit + 1, after=case_asked())
    address = next_address(place_of(found[limit - 1])) if len(found) > limit else None
    return Reply({"cases": found[:limit], "next": address}, headers=link(address))


def case(ask: Ask) -> Reply:
    """The case, whole if so asked: a bounded number of queries whatever its history."""
    found, wanted = ask.known, set(ask.query["include"])
    body: dict[str, Any] = {**_plain(found)}
    if "permitted" in wanted:
        body["permitted"] = ask.engine.permitted(found.id, ask.actor)
    if wanted & {"children", "overlays"}:
        body |= _children(ask, found, wanted)
    if "documents" in wanted:
        body["documents"] = documents_of(ask.desk, found)
    if "history" in wanted:
        body["history"] = _history(ask, found, 0, HISTORY)
    # What is permitted changes with the day and the grants, children perhaps without the case: no revision stands for it.
    unsure = "permitted" in wanted or (found.own_revision and wanted & {"children", "overlays"})
    return Reply(body, headers={} if unsure else {"ETag": f'"{found.revision}"'})


def _children(ask: Ask, case: Case, wanted: set[str]) -> dict[str, list[Case]]:
    slots = ask.engine.laws.pinned(case.definition).definition.children
    found: dict[str, list[Case]] = {"children": [], "overlays": []}
    for child in ask.engine.children(case.id, actor=ask.actor):
        slot = slots.get(child.slot or "")
        found["overlays" if slot is not None and slot.overlay else "children"].append(child)
    return {name: cases for name, cases in found.items() if name in wanted}


def documents_of(desk: Desk, case: Case) -> list[dict[str, Any]]:
    """Every document the case names, in the order of its fields."""
    found = []
    for field in desk.engine.laws.pinned(case.definition).definition.fields.values():
        value = case.data.get(field.name)
        if value is None or field.type not in ("document", "documents"):
            continue
        documents = [value] if field.type == "document" else value
        found += [{"field": field.name, "title": field.title, **document} for document in documents]
    return found


def permitted(ask: Ask) -> Reply:
    """Every event with yes or no, and every reason of a no."""
    case = ask.known
    return Reply(
        {"case": case.id, "revision": case.revision, "events": ask.engine.permitted(case.id, ask.actor)}
    )


def history(ask: Ask) -> Reply:
    """A page of the lines, in order."""
    body = _history(ask, ask.known, place_asked(of_line) or 0, ask.query["limit"], here=True)
    return Reply(body, headers=link(body["next"]))


def _history(ask: Ask, case: Case, after: int, limit: int, *, here: bool = False) -> dict[str, Any]:
    lines = ask.engine.history(case.id, actor=ask.actor, after=after, limit=limit + 1)
    address = None
    if len(lines) > limit:
        place = lines[limit - 1].seq
        other = None if here else url_for(f"{ask.desk.blueprint.name}.history", id=case.id)
        address = next_address(place, other)
    return {"case": case.id, "entries": lines[:limit], "next": address}


def case_at(ask: Ask) -> Reply:
    """The case as it was at the end of a civil date, at an instant, or after a line of its history."""
    return Reply(ask.engine.case_at(ask.known.id, _moment(ask.path["moment"]), actor=ask.actor))


def clock(ask: Ask) -> Reply:
    """Every step from the anchor to the due day."""
    found, name = ask.known, ask.path["name"]
    here = next((clock for clock in found.clocks if clock.name == name), None)
    if here is None:
        raise NotFound.among(Text("期限", "deadline"), name, [clock.name for clock in found.clocks])
    why = ask.engine.explain(found.id, name, actor=ask.actor)
    return Reply(
        {"case": found.id, "clock": here, "sentence": why.sentence, "lines": why.lines, "source": why.source}
    )


def similar(ask: Ask) -> Reply:
    """What is likely about the same matter, as far as this person may know of it."""
    return Reply({"similar": ask.engine.similar(ask.known.id, actor=ask.actor, limit=ask.query["limit"])})


# --- the small parts


def _plain(case: Case) -> dict[str, Any]:
    return {name: getattr(case, name) for name in CaseOut().fields}


def _under(ask: Ask) -> Actor:
    """The same person, with his choice among his own grants."""
    body, actor = ask.body, ask.actor
    if "role" not in body and "unit" not in body:
        return actor
    return replace(actor, role=body.get("role", actor.role), unit=body.get("unit", actor.unit))


def _moment(text: str) -> datetime | int:
    try:
        if _LINE.fullmatch(text):
            return int(text)
        if len(text) == 10:
            return end_of_day(day_of(text))
        found = datetime.fromisoformat(text) if "T" in text and "-" in text[:10] else None
    except ValueError:
        found = None
    if found is None or found.tzinfo is None or not can_be(found.date()):
        raise _no_moment()
    return found


def _no_moment() -> Problem:
    text = Text(
        "时点须为日期 2026-03-15、带时区的时刻 2026-03-15T09:00:00+08:00，或履历行号",
        "a moment is a date 2026-03-15, an instant with its zone 2026-03-15T09:00:00+08:00, or the number of a line",
    )
    return Problem("bad_request", text)


def _no_kind(kind: str, known: Iterable[str]) -> Problem:
    text = no_such(Text("类别", "kind"), kind, known)
    error = {"code": "form.unknown", "texts": {"zh": text.zh, "en": text.en}, "pointer": pointer("kind")}
    return Problem("form_invalid", text, errors=[error])


CASES = (
    Route(
        method="POST", path="/v1/cases", name="start", view=start, permission="person", audit="history", tag="cases",
        text=Text("立案：开启一个案件", "start a case"), scope="cases:write", query=Trial, body=Start, keyed=True,
        prefers=(MINIMAL,),
        out={
            201: Out(CaseOut, Text("新案件（Prefer: return=minimal 时无正文）", "the new case (without a body if so preferred)"),
                     headers=("ETag", "Location")),
            200: Out(ToBeOut, Text("试运行：将会如此", "a dry run: what would be")),
        },
        problems=("not_permitted", "deadline_refused", "conflict"),
    ),
    Route(
        method="GET", path="/v1/cases", name="search", view=search, permission="person", audit="none", tag="cases",
        text=Text("查找案件", "find cases"), scope="cases:read", query=Wanted, prefers=(COUNT,),
        out={200: Out(CasesOut, Text("一页案件", "a page of cases"), headers=("Link",))},
    ),
    Route(
        method="GET", path="/v1/worklist", name="worklist", view=worklist, permission="person", audit="none", tag="cases",
        text=Text("待我办理的案件，先到期者在前", "open cases that wait for me, the earliest due first"), scope="cases:read",
        query=Paged, out={200: Out(CasesOut, Text("待办案件", "the cases"), headers=("Link",))},
    ),
    Route(
        method="GET", path="/v1/cases/<id>", name="case", view=case, permission="case", audit="none", tag="cases",
        text=Text("案件现状，可一次取全", "a case as it stands, whole if so asked"), scope="cases:read", query=Include,
        out={200: Out(WholeOut, Text("案件", "the case"), headers=("ETag",))},
    ),
    Route(
        method="GET", path="/v1/cases/<id>/permitted", name="permitted", view=permitted, permission="case", audit="none",
        tag="cases", text=Text("每一事件：可否进行，不可的全部理由", "every event: yes, or no with every reason"),
        scope="cases:read", out={200: Out(PermittedOut, Text("各事件", "the events"))},
    ),
    Route(
        method="POST", path="/v1/cases/<id>/events/<event>", name="fire", view=fire, permission="event", audit="history",
        tag="cases", text=Text("进行一个事件", "fire an event"), scope="cases:write", query=Trial, body=Fire,
        looks=False, conditional=True, keyed=True, prefers=(MINIMAL,),
        out={
            200: Out(CaseOut, Text("事件之后的案件", "the case after it"), headers=("ETag",)),
            204: Out(None, Text("已完成（Prefer: return=minimal）", "done (Prefer: return=minimal)"), headers=("ETag",)),
        },
        problems=("not_permitted", "not_in_state", "guard_failed", "deadline_refused", "conflict"),
    ),
    Route(
        method="GET", path="/v1/cases/<id>/history", name="history", view=history, permission="case", audit="none",
        tag="cases", text=Text("履历，逐行", "the history, line by line"), scope="cases:read", query=Paged,
        out={200: Out(EntriesOut, Text("一页履历", "a page of it"), headers=("Link",))},
    ),
    Route(
        method="GET", path="/v1/cases/<id>/at/<moment>", name="case_at", view=case_at, permission="case", audit="none",
        tag="cases", scope="cases:read",
        text=Text("某日终了、某一时刻或某一行之后的案件（期限为今日所见）",
                  "the case at the end of a date, at an instant, or after a line (its clocks are today's)"),
        out={200: Out(CaseOut, Text("当时的案件", "the case as it was"))}, problems=("bad_request",),
    ),
    Route(
        method="GET", path="/v1/cases/<id>/similar", name="similar", view=similar, permission="case", audit="none",
        tag="cases", text=Text("可能为同一事项的案件", "cases likely about the same matter"), scope="cases:read", query=Near,
        out={200: Out(SimilarAllOut, Text("最相近者在前", "the most alike first"))},
    ),
    Route(
        method="GET", path="/v1/cases/<id>/clocks/<name>", name="clock", view=clock, permission="case", audit="none",
        tag="cases", text=Text("说明期限从何而来", "how a deadline comes about"), scope="cases:read",
        out={200: Out(ExplanationOut, Text("逐步说明", "step by step"))},
    ),
)  # fmt: skip
