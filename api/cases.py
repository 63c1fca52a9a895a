"""Cases over HTTP: start, look, what may be done, do it, what was done. The rules are all the engine's."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from flask import Blueprint, Response, jsonify, request, url_for

from workflow import Actor, Case, Engine
from workflow.errors import NotFound, Text

from .bodies import read_json
from .identity import Identify
from .problems import Problem, pointer
from .schemas import CaseOut, EntryOut, Fire, PermissionOut, Start

_ID = re.compile(r"[0-9A-Za-z_-]{1,40}")
_ETAG = re.compile(r'"([0-9]{1,18})"')
_KEY = re.compile(r'"?([\x21\x23-\x7e]{1,200})"?')


class Cases:
    """The views; one for each blueprint."""

    def __init__(self, engine: Engine, identify: Identify) -> None:
        self._engine = engine
        self._identify = identify

    def register(self, blueprint: Blueprint) -> None:
        """Put the views under their addresses."""
        routes: list[tuple[str, str, Callable[..., Response]]] = [
            ("POST", "/v1/cases", self.start),
            ("GET", "/v1/cases/<id>", self.case),
            ("GET", "/v1/cases/<id>/permitted", self.permitted),
            ("GET", "/v1/cases/<id>/history", self.history),
            ("POST", "/v1/cases/<id>/events/<event>", self.fire),
        ]
        for method, rule, view in routes:
            blueprint.add_url_rule(rule, view.__name__, view, methods=[method])
        self._case_endpoint = f"{blueprint.name}.case"

    # -- views

    def start(self) -> Response:
        """201 with the new case and its address."""
        actor, body = self._actor(), Start().load(read_json(request))
        if body["kind"] not in self._engine.library.definitions:
            text = Text(f"没有这一类别:{body['kind']}", f"there is no such kind: {body['kind']}")
            error = {
                "code": "form.unknown",
                "texts": {"zh": text.zh, "en": text.en},
                "pointer": pointer("kind"),
            }
            raise Problem("form_invalid", text, errors=[error])
        case = self._engine.start(
            body["kind"], _under(actor, body), body["data"], tenant=body["tenant"], key=_key(),
            effective_on=body.get("effective_on"), reason=body.get("reason"),
        )  # fmt: skip
        response = _shown(case)
        response.status_code = 201
        response.headers["Location"] = url_for(self._case_endpoint, id=case.id)
        return response

    def case(self, id: str) -> Response:
        """The case; 304 when the revision is the one in If-None-Match."""
        response = _shown(self._visible(id, self._actor()))
        response.make_conditional(request)
        return response

    def permitted(self, id: str) -> Response:
        """Every event with yes or no, and every reason of a no."""
        actor = self._actor()
        case = self._visible(id, actor)
        found = PermissionOut(many=True).dump(self._engine.permitted(case.id, actor))
        return _private(jsonify({"case": case.id, "revision": case.revision, "events": found}))

    def history(self, id: str) -> Response:
        """Every line in order."""
        actor = self._actor()
        case = self._visible(id, actor)
        entries = EntryOut(many=True).dump(self._engine.history(case.id))
        return _private(jsonify({"case": case.id, "entries": entries}))

    def fire(self, id: str, event: str) -> Response:
        """200 with the case after the event. If-Match says which revision the person saw."""
        actor = self._actor()
        case = self._visible(id, actor)
        revision = _revision()
        body = Fire().load(read_json(request))
        done = self._engine.fire(
            case.id, event, _under(actor, body), body["data"], revision=revision, key=_key(),
            effective_on=body.get("effective_on"), reason=body.get("reason"),
        )  # fmt: skip
        return _shown(done)

    # -- the small parts

    def _actor(self) -> Actor:
        actor = self._identify(request)
        if actor is None:
            text = Text("请出示身份", "say who you are")
            raise Problem("unauthenticated", text, headers={"WWW-Authenticate": 'Bearer realm="tibandu"'})
        return actor

    def _visible(self, id: str, actor: Actor) -> Case:
        """The case, if this person may know of it. Raises NotFound in the same words for both."""
        try:
            if _ID.fullmatch(id):
                return self._engine.case(id, actor=actor)
        except NotFound:
            pass
        raise NotFound(Text("没有这个案件", "there is no such case"))


def _under(actor: Actor, body: dict[str, Any]) -> Actor:
    """The same person, with his choice among his own grants."""
    return replace(actor, role=body.get("role", actor.role), unit=body.get("unit", actor.unit))


def _key() -> str | None:
    given = request.headers.get("Idempotency-Key")
    if given is None:
        return None
    found = _KEY.fullmatch(given)
    if found is None:
        raise Problem(
            "bad_request",
            Text("Idempotency-Key 须为 1 至 200 个可见字符", "Idempotency-Key: 1 to 200 visible characters"),
        )
    return found[1]


def _revision() -> int:
    given = request.headers.get("If-Match", "").strip()
    if not given:
        text = Text("请在 If-Match 中给出所见版次(ETag)", "give the revision you saw (its ETag) in If-Match")
        raise Problem("revision_required", text)
    found = _ETAG.fullmatch(given)
    if found is None:
        raise Problem(
            "bad_request", Text("If-Match 须为一个 ETag", "If-Match must be one ETag, as it was given")
        )
    return int(found[1])


def _shown(case: Case) -> Response:
    response = jsonify(CaseOut().dump(case))
    response.set_etag(str(case.revision))
    return _private(response)


def _private(response: Response) -> Response:
    response.headers["Cache-Control"] = "private, no-cache"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response
