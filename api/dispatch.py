"""From a request to its view and back: who asks, of which case, under which conditions, in the order in which it is refused."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from datetime import timedelta
from functools import cache
from http import HTTPStatus
from typing import Any

from flask import Request, Response, request
from flask.globals import request_ctx
from marshmallow import Schema
from werkzeug.datastructures import Headers

from workflow import Actor, Case, Engine, access
from workflow.errors import NotFound, NotPermitted, Reason, Refused, Text
from workflow.json_text import encoder
from workflow.overview import cases_of

from .acting import note
from .bodies import body_of, fit, query_of, unpacked
from .identity import ACTING_USER, Caller
from .pace import Paced
from .parts import reading
from .pointing import pointed
from .problems import SAFE_HEADERS, Problem, problem_of
from .routes import KNOWN, NOBODY, OF_NO_DAY, Ask, Desk, Reply, Route
from .security_log import Denials

NO_KEY = Text(
    "此地址不认 Idempotency-Key：重发即再做一次；请去掉它，重发之前先看已有什么",
    "Idempotency-Key is not honoured here: what is sent again is done again; leave it out, and look at what is there before you"
    " send again",
)

_encode = encoder()
_ID = re.compile(r"[0-9A-Za-z_-]{1,40}")
ANYBODY = Caller(NOBODY, frozenset())
_ETAG = re.compile(r'"(0|[1-9][0-9]{0,17})"')
_KEY = re.compile(r'"?([\x21\x23-\x7e]{1,200})"?')
_SAFE = list(SAFE_HEADERS.items())
_HELD = {"Content-Type", "Content-Length", *SAFE_HEADERS}
ACTING = "HTTP_" + ACTING_USER.upper().replace("-", "_")
DONE = int(HTTPStatus.OK)
DENIED = ("not_permitted", "csrf", "too_many")
"""problems that are a denial whatever was asked for"""
FIRST = ("password_change", "second_factor")
"""reasons that only lead to another page first"""
NOBODY_KNOWN = Text("请出示身份", "say who you are")
NOT_GOOD = Text(
    "出示的令牌不可用：没有这个令牌，或已到期、已撤销",
    "the token is no good: there is none such, or it has ended or was revoked",
)
OPERATOR = Reason(
    code="operator", text=Text("只有本服务的管理员可以进行", "only an operator of this service may do this")
)


def register(desk: Desk) -> None:
    """Put every route under its address."""
    denials = Denials(desk.engine)
    for route in desk.routes:
        desk.blueprint.add_url_rule(
            route.path,
            route.name,
            _function(desk, route, denials),
            methods=[route.method],
            provide_automatic_options=False,
        )


EMERGENCIES, NOTICED = "emergencies", timedelta(seconds=2)
"""within it every node knows of an emergency that was declared at another; this one at once"""


def _function(desk: Desk, route: Route, denials: Denials) -> Callable[..., Response]:
    def view(**path: str) -> Response:
        # The request itself: each look through Flask's `request` costs.
        asking: Request = request_ctx._get_current_object().request  # type: ignore[attr-defined]  # noqa: SLF001
        fit(asking)
        if route.name not in OF_NO_DAY:
            counting_by(desk.engine)
        ask: Ask | None = None
        try:
            ask = _asked(desk, asking, route, path)
            return _respond(asking, route, route.view(ask))
        except (Problem, Refused, NotFound) as error:
            note_denial(desk, denials, error, route.name, hidden=route.permission in ("case", "event"))
            if ask is None or not isinstance(error, Refused):
                raise
            raise pointed(route, ask, error) from error

    view.__name__ = route.name
    return view


def counting_by(engine: Engine) -> None:
    """By the calendar that another process may have put in force. A database that does not answer is for the request to tell."""
    try:  # noqa: SIM105 - three calls fewer
        engine.calendars.look()
    except Exception:  # noqa: BLE001, S110
        pass


def _asked(desk: Desk, asking: Request, route: Route, path: Mapping[str, str]) -> Ask:
    caller = person(desk, asking, route) if route.permission in KNOWN else _anybody(desk, asking, route)
    actor, via = caller.actor, caller.via
    if route.permission == "operator" and actor.person not in desk.operators:
        raise NotPermitted([OPERATOR])
    looked = route.permission in ("case", "event") and (route.looks or via is not None)
    case = visible(desk, path["id"], actor) if looked else None
    if route.permission == "event" and case is None and _emergency(desk, actor.person):
        case = visible(desk, path["id"], actor)
    key = _key(asking, route) if "HTTP_IDEMPOTENCY_KEY" in asking.environ else None
    revision = _revision(asking) if route.conditional else None
    query = query_of(asking, made(route.query)) if route.query else {}
    body = body_of(asking, made(route.body)) if route.body else {}
    if route.upload:
        unpacked(asking, "media_refused")
    if via is not None and route.audit != "none":
        note(desk.engine, via, actor.person, route.name, case.id if case else None)
    return Ask(
        desk=desk, request=asking, actor=actor, case=case, path=path, query=query, body=body, revision=revision, key=key,
        token=caller.token,
    )  # fmt: skip


def _anybody(desk: Desk, asking: Request, route: Route) -> Caller:
    """Nobody has to say who he is: counted by his address, but for whoever chooses and restarts processes."""
    if isinstance(desk.identify, Paced) and route.name not in OF_NO_DAY:
        desk.identify.looked(asking)
    return ANYBODY


def note_denial(desk: Desk, denials: Denials, error: Exception, what: str, *, hidden: bool) -> None:
    """In the security log, if it is one: no right, no proof or a wrong one, too often; `hidden`: a case that is not there, or is
    not his.
    """
    problem = problem_of(error)
    code, shown = problem.code, "Authorization" in request.headers
    if any(reason["code"] in FIRST for reason in problem.errors):
        return
    if code in DENIED or (code == "not_found" and hidden) or (code == "unauthenticated" and shown):
        denials.note(_whom(desk), f"{what}: {code}")


def _whom(desk: Desk) -> str | None:
    try:
        found = desk.identify(request)
    except (Problem, NotPermitted):
        return None
    return found.actor.person if isinstance(found, Caller) else found.person if found else None


def person(desk: Desk, asking: Request, route: Route) -> Caller:
    """Who asks, and through which system. Raises Problem 401; NotPermitted when his token is not good for that."""
    found = _identified(desk, asking)
    if found is None:
        shown = "Authorization" in asking.headers
        asked = 'Bearer realm="tibandu"' + (', error="invalid_token"' if shown else "")
        raise Problem(
            "unauthenticated", NOT_GOOD if shown else NOBODY_KNOWN, headers={"WWW-Authenticate": asked}
        )
    if isinstance(found, Actor):
        return Caller(found, frozenset())
    if route.scope not in found.scopes:
        text = Text(f"令牌不含范围 {route.scope}", f"the token is not good for {route.scope}")
        raise NotPermitted([Reason(code="scope", text=text)])
    return found


def known(desk: Desk, asking: Request) -> Actor | None:
    """Who asks, where nobody has to say who he is."""
    found = _identified(desk, asking)
    return found if found is None or isinstance(found, Actor) else found.actor


def _identified(desk: Desk, asking: Request) -> Actor | Caller | None:
    """Raises NotPermitted where somebody is named to act who cannot be: he shall not find his act under another name."""
    found = desk.identify(asking)
    if ACTING in asking.environ and found is not None and (isinstance(found, Actor) or found.via is None):
        text = Text(
            f"{ACTING_USER} 须有范围 act_as 的令牌", f"{ACTING_USER} needs a token with the scope act_as"
        )
        raise NotPermitted([Reason(code="act_as", text=text)])
    return found


def visible(desk: Desk, id: str, actor: Actor) -> Case:
    """The case, if this person may know of it. Raises NotFound in the same words for both."""
    try:
        if _ID.fullmatch(id):
            case = desk.engine.case(id, actor=actor)
            return (
                desk.engine.case(id, actor=actor) if access.opened(desk.engine, case, actor.person) else case
            )
    except NotFound:
        pass
    raise no_case()


def open_each(engine: Engine, actor: Actor, ids: Collection[str]) -> dict[str, int]:
    """Somebody names these cases and is about to be told of all of them: where he may know of one only by a role that he took in
    an emergency, it says so, as one does that is looked at (`visible`). Those that just said so, each with its revision before.
    """
    if actor.person not in access.emergencies(engine):
        return {}
    found = cases_of(engine, actor, [one for one in ids if _ID.fullmatch(one)]).values()
    return {case.id: case.revision for case in found if access.opened(engine, case, actor.person)}


def _emergency(desk: Desk, person: str) -> bool:
    """Whether he holds a role that he took in an emergency; asked at most every two seconds, for everybody."""
    now = desk.engine.clock.now()
    takers: set[str] | None = desk.lately.known(EMERGENCIES, now, NOTICED)
    if takers is None:
        desk.lately.keep(EMERGENCIES, now, takers := access.emergencies(desk.engine))
    return person in takers


def no_case() -> NotFound:
    """There is no such case, or none that this person may know of."""
    return NotFound(Text("没有这个案件", "there is no such case"))


class _Safe(Headers):
    """A media type, a length and what every answer says; werkzeug would look for each of them among all others each time."""

    def __init__(self, media: str, length: int) -> None:
        self._list = [("Content-Type", media), *_SAFE, ("Content-Length", str(length))]

    def more(self, said: Mapping[str, str]) -> None:
        """And what a view says. Raises ValueError for a line break, as werkzeug does."""
        for name, value in said.items():
            if name in _HELD:
                self[name] = value
            elif "\n" in value or "\r" in value:
                raise ValueError(f"{name}: a line break")
            else:
                self._list.append((name, value))


class _Answer(Response):
    """One with its length, and without an address unless something was made: nothing for werkzeug to mend in a copy."""

    def get_wsgi_headers(self, environ: Any) -> Headers:
        """What is sent."""
        plain = type(self.headers) is _Safe and self.status_code == DONE
        return self.headers if plain else super().get_wsgi_headers(environ)


def _respond(asking: Request, route: Route, reply: Reply) -> Response:
    response = reply.raw or shown(route, reply)
    headers = response.headers
    if type(headers) is _Safe:
        headers.more(reply.headers)
    else:
        headers.update(reply.headers)
        headers.extend([header for header in _SAFE if header[0] not in headers])
    if asking.method == "GET" and "ETag" in headers:
        response.make_conditional(reading(asking))
    return response


def shown(route: Route, reply: Reply) -> Response:
    """The reply as its route's schema shows it."""
    out = route.out[reply.status]
    if reply.text is not None or out.schema is None:
        content = reply.body if reply.text is None else reply.text
    else:
        content = written(out.schema, reply.body)
    if content:
        raw = content.encode() if isinstance(content, str) else content
        return _Answer([raw], reply.status, _Safe(out.media, len(raw)))
    response = Response(status=reply.status)
    del response.headers["Content-Type"]  # of nothing there is none
    return response


def written(schema: type[Schema], body: Any) -> str:
    """The text of an answer: the same for the same body."""
    return _encode(made(schema).dump(body))


@cache
def made(schema: type[Schema]) -> Schema:
    """The schema, made once: it keeps nothing of what it loads or shows, and to make one takes longer than to use it."""
    return schema()


def _key(asking: Request, route: Route) -> str | None:
    """Raises Problem 400 where no answer is stored: a client that sends a key may send the request again."""
    if route.method != "POST":
        return None
    if not route.keyed:
        raise Problem("bad_request", NO_KEY)
    found = _KEY.fullmatch(asking.environ["HTTP_IDEMPOTENCY_KEY"])
    if found is None:
        text = Text(
            "Idempotency-Key 须为 1 至 200 个可见字符", "Idempotency-Key: 1 to 200 visible characters"
        )
        raise Problem("bad_request", text)
    return found[1]


def _revision(asking: Request) -> int:
    given = asking.environ.get("HTTP_IF_MATCH", "")
    found = _ETAG.fullmatch(given) or _ETAG.fullmatch(given.strip())
    if found is None and not given.strip():
        text = Text(
            "请在 If-Match 中给出所见版次（ETag）", "give the revision you saw (its ETag) in If-Match"
        )
        raise Problem("revision_required", text)
    if found is None:
        raise Problem(
            "bad_request",
            Text('If-Match 须为一个 ETag，连引号，如 "3"', 'If-Match must be one ETag, in its quotes: "3"'),
        )
    return int(found[1])
