"""Routes as data: what is registered, described (OpenAPI) and tested is all derived from one table.

A route says who may ask, what goes in, what comes out and which "no" it can give. What it says is also what is done: the
dispatcher asks for the person, for the case and for the revision before the view is called, so a view cannot forget it.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from flask import Blueprint, Request, Response
from marshmallow import Schema

from workflow import Actor, Case, Engine
from workflow.errors import Text
from workflow.outbox import Trial
from workflow.outside import Network

from .identity import Identify
from .lately import Lately

Permission = Literal["open", "token", "person", "operator", "case", "event"]
PERMISSIONS: Mapping[str, Text] = {
    "open": Text("任何人；不透露任何案件", "anybody; tells nothing of any case"),
    "token": Text("持有令牌的人（邀请、日历）", "whoever holds the token: of an invitation, of a calendar"),
    "person": Text(
        "已认证的人；所见经同一可见性过滤", "a known person; what is told has passed the one filter"
    ),
    "operator": Text("本服务的管理员", "an operator of this service"),
    "case": Text(
        "可知悉该案的人；否则 404", "a person who may know of the case; for others there is none (404)"
    ),
    "event": Text(
        "可知悉该案的人（否则 404），再由引擎逐项判断",
        "a person who may know of the case (for others there is none, 404); then the engine decides",
    ),
}
"""who may ask, and in words"""
KNOWN = ("person", "operator", "case", "event")
"""permissions that need a proven person"""
TOKEN_DAYS = 366
"""for which a service token is issued at most, unless an operator of the machine says otherwise"""
OF_NO_DAY = frozenset({"live", "ready"})
"""routes that count by no calendar and no caller, and have to answer where the database does not"""

Audit = Literal["none", "history", "store"]
"""where a call leaves its trace: nowhere (nothing is changed), in the case's history, in a row that names who and when"""


@dataclass(frozen=True, slots=True)
class Out:
    """One answer of a route: its schema (None: no JSON), media type, headers, and in words what it is."""

    schema: type[Schema] | None
    text: Text
    media: str = "application/json"
    headers: Sequence[str] = ()
    sample: Any = None
    """an example to show instead of the recorded one"""
    also: Sequence[str] = ()
    """other media types that the content may have"""


@dataclass(frozen=True, slots=True)
class Reply:
    """What a view answers: what the schema of that status is to show, or raw content."""

    body: Any = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    text: str | None = None
    """the body as it was written before"""
    raw: Response | None = None
    """a response that is ready as it is"""


@dataclass(slots=True, kw_only=True)  # not frozen, which would make it three times as dear for each request
class Ask:
    """A request, checked as its route says. Nobody changes it."""

    desk: Desk
    request: Request
    actor: Actor
    """`NOBODY` where the route needs none"""
    case: Case | None
    path: Mapping[str, Any]
    query: Mapping[str, Any]
    body: Mapping[str, Any]
    revision: int | None
    key: str | None
    token: str | None = None
    """the service token that was shown, by its id"""

    @property
    def engine(self) -> Engine:
        """The engine behind it."""
        return self.desk.engine

    @property
    def known(self) -> Case:
        """The case of a route whose permission is `case` or `event`."""
        assert self.case is not None  # noqa: S101 - the dispatcher has seen to it
        return self.case


View = Callable[[Ask], Reply]
NOBODY = Actor(person="")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Route:
    """One row of the table."""

    method: Literal["GET", "POST", "PUT", "DELETE"]
    path: str
    """as Flask writes it; parameters are texts"""
    name: str
    """the operation's stable id"""
    view: View
    permission: Permission
    audit: Audit
    tag: str
    text: Text
    scope: str = ""
    """what a service token must be allowed: `cases:read` …; none where nobody has to prove himself"""
    query: type[Schema] | None = None
    body: type[Schema] | None = None
    form: type[Schema] | None = None
    """the body is a form of one of our pages, which the view reads itself and answers with a page"""
    members: Mapping[str, str] = field(default_factory=dict)
    """what the engine calls otherwise than the body does: its name, the member of the body"""
    upload: bool = False
    """the body is the content itself, never packed (Content-Encoding)"""
    parts: bool = False
    """one part of the content may be asked for (`Range`)"""
    looks: bool = True
    """the case is looked at before the view is called; if not, the view leaves it to the engine, which answers somebody who may
    not know of a case as if there were none
    """
    conditional: bool = False
    """If-Match is required"""
    keyed: bool = False
    """Idempotency-Key is honoured; any other POST refuses it"""
    prefers: Sequence[str] = ()
    """which preferences (`Prefer`, RFC 7240) are honoured"""
    out: Mapping[int, Out]
    problems: Sequence[str] = ()
    """the codes of the view's own; those that follow from the rest of the row are added"""

    def codes(self) -> list[str]:
        """Every problem this route can answer, by code."""
        found = ["internal", "unavailable", *self.problems]
        found += [] if self.name in OF_NO_DAY else ["too_many"]
        if self.permission in KNOWN:
            found += ["unauthenticated", "not_permitted"]
            found += [] if self.method == "GET" else ["csrf"]
        if self.permission in ("case", "event"):
            found.append("not_found")
        if self.query is not None:
            found.append("bad_request")
        if self.body is not None:
            found += ["bad_request", "not_json", "too_large", "form_invalid"]
        if self.method == "POST":
            found.append("bad_request")
        if self.upload:
            found.append("media_refused")
        if self.parts:
            found.append("no_such_part")
        if self.conditional:
            found += ["bad_request", "revision_required", "stale"]
        if self.keyed:
            found.append("key_reused")
        return sorted(set(found))


QUOTA = 256 << 20
"""bytes of one person's documents that may lie there before a case names them, unless somebody says otherwise"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What every view stands on; one for each blueprint."""

    engine: Engine
    identify: Identify
    blueprint: Blueprint
    routes: tuple[Route, ...]
    operators: Container[str] = ()
    """persons who look after the service itself"""
    public: frozenset[str] = frozenset()
    """kinds of parties that anybody may look up"""
    url: str | None = None
    """the address by which others reach the service, when that is not the one a request shows"""
    sessions: Any = None
    """who has signed in (`Sessions`), for the console; None: there is no console"""
    intake: str | None = None
    """the service account under which opinions left at a station's door come in; None: none are taken"""
    allow: Sequence[Network] = ()
    """networks besides the public ones to which webhooks may be sent"""
    token_days: int = TOKEN_DAYS
    """for how many days a service token is issued at most"""
    stations: dict[str, str] = field(default_factory=dict)
    """code -> station, as far as this process has met them; never the authority"""
    lately: Lately = field(default_factory=Lately)
    """what this process has asked a moment ago"""
    service: Blueprint | None = None
    """the service's own blueprint, for the console's links to it"""
    menu: Sequence[Any] = ()
    """screens of the console that stand in its menu"""
    documents: Any = None
    """where documents are kept (`Documents`); None: nowhere"""
    quota: int = QUOTA
    """bytes of one person's documents that no case names yet"""
    papers: Any = None
    """who writes documents and tables (`Papers`); None: nobody"""
    age: Callable[[], float | None] | None = None
    """seconds since the last tick"""
    notice: Text | None = None
    """what stands on top of every page of the console"""
    trials: Sequence[Trial] = ()
    """the channels by which people are told outside, for the first set-up to try"""
