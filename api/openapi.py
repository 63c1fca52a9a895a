"""The description of the service in OpenAPI 3.1, derived from the table of routes and its schemas; nothing is written twice."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from apispec_webframeworks.flask import FlaskPlugin
from marshmallow import Schema, fields

from .identity import ACTING_USER
from .leads import links
from .prefer import PREFERENCES
from .problems import MEDIA_TYPE, TITLES
from .routes import PERMISSIONS, Out, Route
from .schemas import Day, Listed, ProblemOut
from .sessions import HEADER as CSRF
from .sessions import SAFE_COOKIE as COOKIE

EXAMPLES = Path(__file__).with_name("examples.json")
VERSION = "1"
INFO = {
    "summary": "代表建议的提、办、督 / what a people's congress does with its deputies' suggestions",
    "description": (
        "规则都在引擎里：此处被拒绝的，处处都被拒绝，理由相同。日期是 Asia/Shanghai 的日历日，时刻是 RFC 3339。\n\n"
        "The rules are the engine's: what is refused here is refused everywhere, with the same reasons. Dates are civil dates of"
        " Asia/Shanghai, instants are RFC 3339.\n\n"
        '整数：正文中是 JSON 的 7（不是 "7"，不是 7.0），地址中写作 7，别无他法。\n\n'
        'A whole number is the 7 of JSON in a body (neither "7" nor 7.0); in an address it is written 7 and in no other way.\n\n'
        "Idempotency-Key 只用于列出此参数之处；其他 POST 拒绝它（400）。\n\n"
        "Idempotency-Key goes where it is among the parameters; any other POST refuses it (400)."
    ),
    "license": {"name": "MIT", "identifier": "MIT"},
}
TAGS = {
    "cases": "案件 / cases",
    "documents": "文件 / documents",
    "letters": "文书 / letters and forms",
    "exchange": "表格导入 / tables that come in",
    "invitations": "邀请链接 / links",
    "events": "事件流 / the feed",
    "feeds": "期限日历 / calendars of due days",
    "inbox": "收件箱 / the inbox",
    "figures": "统计与导出 / figures and exports",
    "definitions": "定义、规则、日历 / definitions, rules, the calendar",
    "parties": "主体登记 / the register",
    "public": "对公众，无需登录 / for anybody, without a login",
    "access": "准入 / who may come in",
    "service": "服务本身 / the service itself",
}
IF_MATCH = {
    "name": "If-Match", "in": "header", "required": True, "schema": {"type": "string", "pattern": '^"(0|[1-9][0-9]{0,17})"$'},
    "description": "所见版次的 ETag / the ETag of the revision you saw", "example": '"2"',
}  # fmt: skip
KEY = {
    "name": "Idempotency-Key", "in": "header", "schema": {"type": "string", "pattern": "^[!#-~]{1,200}$"},
    "description": "重发同一请求时给出同一键，得到同一答复 / sent again with the same request it gives the same answer",
}  # fmt: skip
RANGE = {
    "name": "Range", "in": "header", "schema": {"type": "string"}, "example": "bytes=1048576-",
    "description": "只要一部分；多个部分、其他单位：答全文 / one part of it; of several: the whole",
}  # fmt: skip
SCHEMES = {
    "bearer": {
        "type": "http", "scheme": "bearer",
        "description": "人的令牌，或另一系统的服务令牌 / a token of a person, or of another system (a service token)",
    },
    "acting": {
        "type": "apiKey", "in": "header", "name": ACTING_USER,
        "description": "令牌代表谁（范围 act_as；UTF-8 百分号编码） / for whom a token with `act_as` acts; percent-encoded",
    },
    "session": {
        "type": "apiKey", "in": "cookie", "name": COOKIE,
        "description": "浏览器会话；http 下名为 tibandu / of a browser; without https it is called tibandu",
    },
    "csrf": {
        "type": "apiKey", "in": "header", "name": CSRF,
        "description": "会话自己的令牌，更改时与 Cookie 同送 / the session's own token, sent with the cookie to change something",
    },
}  # fmt: skip
PLACES = {
    "id": "案件的 id / of a case", "event": "事件名（permitted 列出） / of an event, as `permitted` lists them",
    "moment": "2026-03-15、带时区的时刻或履历行号 / a date, an instant with its zone, or the number of a line",
    "name": "期限名（案件的 clocks） / of a deadline, as the case names them",
    "kind": "类别 / a kind of case (of a table also of parties)",
    "view": "列表名（/v1/views） / of a list", "filter": "所存筛选的 id / of a kept filter", "batch": "任务的 id / of a job",
    "sha256": "文件内容的散列 / the hash of its content", "letter": "文书名（letters） / of a document",
    "invitation": "链接的 id（不是令牌） / of a link, which is not its token",
    "token": "链接或日历的令牌 / of a link, of a calendar",
    "subscription": "订阅的 id / of a webhook", "feed": "日历的 id / of a calendar", "party": "主体的 id / in the register",
    "code": "联络站的编码（二维码中） / of a station, as its QR code has it", "receipt": "回执 / as it was told",
    "ledger": "台账名（/v1/ledgers） / of a ledger", "token_id": "服务令牌的 id / of a service token, which is not the token",
    "session": "会话的 id / of a session", "person": "账号 / an account", "grant_id": "委托的 id / of what is lent",
}  # fmt: skip
"""what stands where in an address"""
EMPTY = (204, 303)
"""answers without a body"""
HEADERS = {
    "ETag": {
        "description": "版次；文件则为其内容 / the revision; of a file its content",
        "schema": {"type": "string"},
    },
    "Accept-Ranges": {
        "description": "可只取一部分 / one part may be asked for",
        "schema": {"type": "string", "const": "bytes"},
    },
    "Content-Range": {
        "description": "哪一部分，全文多大 / which part, and of how many bytes",
        "schema": {"type": "string"},
    },
    "Link": {"description": "下一页 / the next page (RFC 8288)", "schema": {"type": "string"}},
    "Location": {"description": "地址 / the address", "schema": {"type": "string"}},
}


@cache
def examples() -> Mapping[str, Any]:
    """What a recorded walk was answered, by `<route>.<status>`, `<route>.request` and `problem.<code>`."""
    found: Mapping[str, Any] = json.loads(EXAMPLES.read_text(encoding="utf-8")) if EXAMPLES.exists() else {}
    return found


def describe(routes: Sequence[Route]) -> dict[str, Any]:
    """The whole description."""
    plugin = MarshmallowPlugin(schema_name_resolver=_name)
    spec = APISpec("提办督 tibandu", VERSION, "3.1.0", plugins=[plugin], info=INFO)
    _teach(plugin)
    for name in dict.fromkeys(route.tag for route in routes):
        spec.tag({"name": name, "description": TAGS.get(name, name)})
    for name, scheme in SCHEMES.items():
        spec.components.security_scheme(name, scheme)
    for name, header in HEADERS.items():
        spec.components.header(name, header)
    spec.components.schema("Problem", schema=ProblemOut)
    for code in sorted({code for route in routes for code in route.codes()}):
        spec.components.example(
            code, {"summary": TITLES[code][1].en, "value": examples().get(f"problem.{code}", {})}
        )
    names = [route.name for route in routes]
    for route in routes:
        path = FlaskPlugin.flaskpath2openapi(route.path)
        spec.path(path, operations={route.method.lower(): _operation(route, names)})
    return spec.to_dict()


def _teach(plugin: MarshmallowPlugin) -> None:
    converter = plugin.converter
    assert converter is not None  # noqa: S101 - made by APISpec
    plugin.map_to_openapi_type(Day, "string", "date")  # type: ignore[no-untyped-call]

    def more(_self: object, field: fields.Field[Any], *, ret: dict[str, Any], **_: Any) -> dict[str, Any]:
        if isinstance(field, fields.Constant):
            return {"type": "string", "const": field.constant}
        if "pattern" in ret:
            # Python's end of text, in the words of ECMA 262.
            return {"pattern": f"^{ret['pattern'].removesuffix(chr(92) + 'Z')}$"}
        return {}

    def listed(_self: object, field: fields.Field[Any], **_: Any) -> dict[str, Any]:
        return {"explode": False, "style": "form"} if isinstance(field, Listed) else {}

    converter.add_attribute_function(more)  # type: ignore[no-untyped-call]
    converter.add_parameter_attribute_function(listed)


def _name(schema: type[Schema] | Schema) -> str:
    kind = schema if isinstance(schema, type) else type(schema)
    return kind.__name__.removesuffix("Out")


def _operation(route: Route, names: Sequence[str]) -> dict[str, Any]:
    found: dict[str, Any] = {
        "operationId": route.name,
        "tags": [route.tag],
        "summary": f"{route.text.zh} / {route.text.en}",
        "description": f"{PERMISSIONS[route.permission].zh}。 {PERMISSIONS[route.permission].en}.",
        "parameters": _parameters(route),
        "responses": _responses(route, names),
        "x-permission": route.permission,
        "x-audit": route.audit,
    }
    if route.scope:
        found["x-scope"] = route.scope
        found["security"] = _proofs(route)
    else:
        found["security"] = []
    if route.form is not None:
        shown = {"schema": route.form, "example": examples().get(f"{route.name}.request", {})}
        found["requestBody"] = {"required": True, "content": {"application/x-www-form-urlencoded": shown}}
    if route.upload:
        binary = {
            "application/octet-stream": {
                "schema": {"type": "string", "format": "binary"},
                "example": "%PDF-1.7 …",
            }
        }
        found["requestBody"] = {"required": True, "content": binary}
    if route.body is not None:
        content: dict[str, Any] = {"schema": route.body}
        if f"{route.name}.request" in examples():
            content["example"] = examples()[f"{route.name}.request"]
        found["requestBody"] = {"required": True, "content": {"application/json": content}}
    return found


def _parameters(route: Route) -> list[Any]:
    found: list[Any] = [
        {
            "name": part[1:-1],
            "in": "path",
            "required": True,
            "schema": {"type": "string"},
            "description": PLACES[part[1:-1]],
        }
        for part in route.path.split("/")
        if part.startswith("<")
    ]
    if route.query is not None:
        found.append({"in": "query", "schema": route.query})
    for wanted, parameter in ((route.conditional, IF_MATCH), (route.keyed, KEY), (route.parts, RANGE)):
        if wanted:
            found.append(parameter)
    if route.prefers:
        said = "；".join(f"`{one}`：{PREFERENCES[one]}" for one in route.prefers)
        found.append(
            {
                "name": "Prefer",
                "in": "header",
                "schema": {"type": "string"},
                "description": f"RFC 7240. {said}",
            }
        )
    return found


def _proofs(route: Route) -> list[dict[str, list[str]]]:
    """How one may prove who he is: each of these is enough."""
    browser: dict[str, list[str]] = {"session": []} if route.method == "GET" else {"session": [], "csrf": []}
    return [{"bearer": []}, {"bearer": [], "acting": []}, browser]


def _responses(route: Route, names: Sequence[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for status, out in route.out.items():
        found[str(status)] = _answer(route, status, out)
        if leads := links(route.name, status, names):
            found[str(status)]["links"] = leads
    if route.method == "GET" and any("ETag" in out.headers for out in route.out.values()):
        found["304"] = {"description": "所见仍是现状 / what you have is current"}
    for status in sorted({TITLES[code][0] for code in route.codes()} - set(route.out)):
        codes = [code for code in route.codes() if TITLES[code][0] == status]
        found[str(status)] = _problem(codes)
    return found


def _answer(route: Route, status: int, out: Out) -> dict[str, Any]:
    answer: dict[str, Any] = {"description": f"{out.text.zh} / {out.text.en}"}
    if out.headers:
        answer["headers"] = {name: {"$ref": f"#/components/headers/{name}"} for name in out.headers}
    schema: Any = out.schema
    if schema is None and status not in EMPTY:
        schema = {"type": "object" if out.media == "application/json" else "string"}
    if schema is not None:
        content: dict[str, Any] = {"schema": schema}
        shown = examples().get(f"{route.name}.{status}") if out.sample is None else out.sample
        if shown is not None:
            content["example"] = shown
        answer["content"] = dict.fromkeys((out.media, *out.also), content)
    return answer


def _problem(codes: Sequence[str]) -> dict[str, Any]:
    words = "; ".join(f"`{code}` {TITLES[code][1].zh} / {TITLES[code][1].en}" for code in codes)
    shown = {code: {"$ref": f"#/components/examples/{code}"} for code in codes}
    return {"description": words, "content": {MEDIA_TYPE: {"schema": ProblemOut, "examples": shown}}}
