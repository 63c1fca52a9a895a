"""Every "no" as RFC 9457 problem details: a stable code, both languages, and a JSON pointer per field.

`title` and `detail` are in the language of Accept-Language (Chinese unless asked otherwise); `texts` has both. What nobody
foresaw is logged and answered 500 without a word of its inside.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from http import HTTPStatus
from itertools import islice
from typing import Any

from flask import Response, request
from werkzeug.exceptions import HTTPException

from workflow.errors import (
    Conflict,
    DeadlineRefused,
    FormInvalid,
    GuardFailed,
    KeyReused,
    NotFound,
    NotInState,
    NotPermitted,
    Reason,
    Refused,
    StoreError,
    Text,
    WorkflowError,
)

from .faults import coded

log = logging.getLogger("tibandu.api")
MEDIA_TYPE = "application/problem+json"
SAFE_HEADERS = {
    "Cache-Control": "private, no-cache",
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
"""what every answer says to a browser that happens to look at it"""

Place = Callable[[Reason], str | None]
"""where in the body a reason is, as a JSON pointer; None: nowhere"""

TITLES: Mapping[str, tuple[int, Text]] = {
    "unauthenticated": (401, Text("未认证", "Who you are is not known")),
    "csrf": (403, Text("请求不来自本站页面", "Not from a page of this service")),
    "not_permitted": (403, Text("无权进行", "Not for this person")),
    "not_found": (404, Text("不存在", "Not found")),
    "not_in_state": (409, Text("当前状态不可进行", "Not in this state")),
    "guard_failed": (409, Text("条件不满足", "A condition is not met")),
    "deadline_refused": (409, Text("期限不允许", "A statutory date forbids it")),
    "conflict": (409, Text("他人先行一步", "Somebody was first")),
    "stays": (409, Text("留在原版本", "It stays under its version")),
    "not_ready": (409, Text("尚未生成", "Not made yet")),
    "stale": (412, Text("案件已变更", "The case has changed")),
    "revision_required": (428, Text("须给出版次", "The revision is required")),
    "form_invalid": (422, Text("填写有误", "The data are not what the form asks for")),
    "key_reused": (422, Text("幂等键已用于另一请求", "The idempotency key was used for another request")),
    "bad_request": (400, Text("请求无法理解", "The request cannot be understood")),
    "too_large": (413, Text("请求过大", "The request is too large")),
    "not_json": (415, Text("只接受 JSON", "Only JSON is accepted")),
    "media_refused": (415, Text("文件类型不接受", "The file is not accepted")),
    "no_such_part": (416, Text("没有这一部分", "There is no such part")),
    "method_not_allowed": (405, Text("方法不可用", "The method is not allowed")),
    "too_many": (429, Text("过于频繁", "Too often")),
    "unavailable": (503, Text("服务暂不可用", "Not available now")),
    "internal": (500, Text("内部错误", "Internal error")),
}
"""Stable codes: what a client may rely on."""

_KINDS: Sequence[tuple[type[WorkflowError], str]] = (
    (NotFound, "not_found"), (NotPermitted, "not_permitted"), (NotInState, "not_in_state"), (GuardFailed, "guard_failed"),
    (FormInvalid, "form_invalid"), (DeadlineRefused, "deadline_refused"), (KeyReused, "key_reused"),
    (StoreError, "unavailable"),
)  # fmt: skip
TABLES = "tables"
"""which fault of the store it is that its tables are not there"""
RETRY_SECONDS = 5
"""after which a database that was gone, full or read-only may be asked again"""
MOST_NAMED = 10
"""places that the one sentence names"""
MOST_ERRORS = 100
"""places that `errors` has"""
_STATUS = {400: "bad_request", 404: "not_found", 405: "method_not_allowed", 413: "too_large", 415: "not_json"}

_OF_FLASK = {
    "not_found": Text(
        "没有这个地址；全部地址见 /v1/docs", "there is no such address; /v1/docs lists them all"
    ),
    "method_not_allowed": Text(
        "此地址不接受这一方法，可用者见 Allow", "not by this method: Allow lists those that are"
    ),
    "too_large": Text(
        "请求过大：JSON 至多 1 MiB，文件至多 32 MiB", "too large: JSON has 1 MiB at most, a file 32 MiB"
    ),
}
"""what can be said of it where a view was never asked"""


class Problem(Exception):
    """A "no" of the HTTP entrance itself."""

    def __init__(
        self, code: str, text: Text, *, errors: Sequence[Mapping[str, Any]] = (), headers: Mapping[str, str] | None = None,
        more: Mapping[str, Any] | None = None,
    ) -> None:  # fmt: skip
        super().__init__(f"{code}: {text}")
        self.code = code
        self.text = text
        self.errors = errors
        self.headers = headers or {}
        self.more = more or {}

    @property
    def status(self) -> int:
        """Its HTTP status."""
        return TITLES[self.code][0]

    @property
    def title(self) -> Text:
        """What kind of problem it is."""
        return TITLES[self.code][1]


def respond(error: Exception) -> Response:
    """The response for anything that was raised."""
    problem = logged(error)
    status, title = problem.status, problem.title
    language = language_asked()
    body: dict[str, Any] = {
        "type": f"urn:tibandu:problem:{problem.code.replace('_', '-')}",
        "title": title.in_language(language),
        "status": status,
        "detail": problem.text.in_language(language),
        "code": problem.code,
        "texts": _both(problem.text),
        **problem.more,
    }
    if problem.errors:
        body["errors"] = [_in(language, entry) for entry in problem.errors]
    response = Response(json.dumps(body, ensure_ascii=False), status, content_type=MEDIA_TYPE)
    response.headers.update(problem.headers)
    response.headers["Content-Language"] = language
    response.headers.update({**SAFE_HEADERS, "Cache-Control": "no-store"})
    return response


def logged(error: Exception) -> Problem:
    """The problem; what broke on our side is written into the log."""
    problem = problem_of(error)
    if problem.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        # said by us: the words are all there is to know
        ours = isinstance(error, Problem) or (isinstance(error, StoreError) and error.which == TABLES)
        log.error(
            "%s %s: %s", request.method, request.path, problem.text.en, exc_info=None if ours else error
        )
    return problem


def told(error: Exception | None) -> dict[str, Any]:
    """The same for one row of many: its code, status and reasons, without headers."""
    problem = problem_of(error or RuntimeError("no outcome"))
    status, _ = TITLES[problem.code]
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        log.error("a row of a batch", exc_info=error)
    found = {"code": problem.code, "status": status, "texts": _both(problem.text)}
    return {**found, "errors": list(problem.errors)} if problem.errors else found


def language_asked() -> str:
    """`zh` or `en`, by Accept-Language."""
    # Not best_match: it takes an exact `en` of lower quality before a `zh-CN`.
    asked = (name.lower()[:2] for name, quality in request.accept_languages if quality > 0)
    return next((name for name in asked if name in ("zh", "en")), "zh")


def problem_of(error: Exception, place: Place | None = None) -> Problem:
    """Whatever was raised, as a problem; `place` says where in the body a reason is."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, WorkflowError):
        return _refusal(error, place or in_event)
    if isinstance(error, HTTPException):
        return _of_flask(error)
    return Problem("internal", _broken())


def _refusal(error: WorkflowError, place: Place) -> Problem:
    if isinstance(error, Conflict):
        return _conflict(error)
    code = next((code for kind, code in _KINDS if isinstance(error, kind)), None)
    if isinstance(error, StoreError) and error.again:
        return Problem("unavailable", error.text, headers={"Retry-After": str(RETRY_SECONDS)})
    return (
        Problem(code, error.text, errors=_reasons(error, place)) if code else Problem("internal", _broken())
    )


def _of_flask(error: HTTPException) -> Problem:
    status = error.code or HTTPStatus.INTERNAL_SERVER_ERROR
    code = _STATUS.get(status, "bad_request" if status < HTTPStatus.INTERNAL_SERVER_ERROR else "internal")
    headers = {name: value for name, value in error.get_headers() if name.lower() == "allow"}
    return Problem(code, _OF_FLASK.get(code, TITLES[code][1]), headers=headers)


def _conflict(error: Conflict) -> Problem:
    """With the revision that was asked for it is a failed precondition, without it a plain conflict: both are retried."""
    if error.revision is None:
        return Problem("conflict", error.text)
    headers = {"ETag": f'"{error.revision}"'}
    return Problem("stale", error.text, headers=headers, more={"revision": error.revision})


def _broken() -> Text:
    return Text("服务出错，已记录", "something broke here; it was logged")


def _reasons(error: WorkflowError, place: Place) -> list[dict[str, Any]]:
    return [reason_of(reason, place) for reason in error.reasons] if isinstance(error, Refused) else []


def in_event(reason: Reason) -> str | None:
    """Where it is in a body (or a row) that has the form's data in `data`, and what is said beside them next to it."""
    if reason.field is None:
        return None
    return pointer(reason.field) if reason.beside else pointer("data", reason.field, *reason.at)


def reason_of(reason: Reason, place: Place = in_event) -> dict[str, Any]:
    """A reason as the entry of a problem, with where it is in the body."""
    entry: dict[str, Any] = {"code": reason.code, "texts": _both(reason.text)}
    where = place(reason)
    return entry if where is None else entry | {"pointer": where}


def invalid_fields(messages: Any) -> Problem:
    """What is wrong with a body, by the messages of its schema: a pointer for each."""
    found = messages if isinstance(messages, Mapping) else {"_schema": messages}
    errors = [
        {"code": f"form.{code}", "texts": _both(text), "pointer": pointer(*path)}
        for path, (code, text) in islice(_leaves((), found), MOST_ERRORS)
    ]
    return Problem(
        "form_invalid", _named("请求内容有误", "the content is not valid", errors, "pointer"), errors=errors
    )


def invalid_parameters(messages: Mapping[str, Any]) -> Problem:
    """What is wrong with a query: the parameter's name for each."""
    errors = [
        {"code": f"parameter.{code}", "texts": _both(text), "parameter": path[0]}
        for path, (code, text) in islice(_leaves((), messages), MOST_ERRORS)
    ]
    return Problem("bad_request", _named("参数有误", "wrong parameters", errors, "parameter"), errors=errors)


def _named(zh: str, en: str, errors: Sequence[Mapping[str, Any]], where: str) -> Text:
    """Where, and what would be right there: who is shown the sentence alone can mend it."""
    named: dict[str, Mapping[str, str]] = {}
    for error in errors:
        if error[where]:
            named.setdefault(str(error[where]), error["texts"])
    if not named:
        return Text(zh, en)
    shown = sorted(named.items())[:MOST_NAMED]
    return Text(
        f"{zh}：" + "；".join(f"{name} {said['zh']}" for name, said in shown),
        f"{en}: " + "; ".join(f"{name} {said['en']}" for name, said in shown),
    )


def _leaves(path: tuple[str, ...], messages: Any) -> Iterator[tuple[tuple[str, ...], tuple[str, Text]]]:
    if isinstance(messages, Mapping):
        for name, inner in messages.items():
            yield from _leaves((*path, _name(name)), inner)
    else:
        yield path, coded(str(messages[0] if isinstance(messages, list) and messages else messages))


def _name(name: Any) -> str:
    return "" if name == "_schema" else str(name)


def pointer(*parts: str) -> str:
    """A JSON pointer (RFC 6901)."""
    return "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in parts if part)


def _both(text: Text) -> dict[str, str]:
    return {"zh": text.zh, "en": text.en}


def _in(language: str, entry: Mapping[str, Any]) -> dict[str, Any]:
    return {**entry, "detail": entry["texts"][language]}
