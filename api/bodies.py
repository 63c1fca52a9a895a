"""What comes in, by webargs: a body that is JSON and nothing else, bounded in size and depth, free of what the databases treat
differently; a query without unknown and without repeated names.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from functools import cache
from io import BytesIO
from types import MappingProxyType
from typing import Any, NoReturn
from urllib.parse import unquote_to_bytes

from flask import Request
from marshmallow import RAISE, Schema, ValidationError, missing
from webargs.flaskparser import FlaskParser
from werkzeug.exceptions import ClientDisconnected

from workflow.errors import Text

from .problems import Problem, invalid_fields, invalid_parameters
from .schemas import Fieldwise

MOST_BYTES = 1 << 20
DEEPEST = 32
UNFIT = re.compile("[\x00\ud800-\udfff]")
UNFIT_ESCAPED = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")
"""NUL and surrogates as JSON may write them; of a pair it is looked at whether it is one"""
_LENGTH = re.compile("[0-9]{1,7}")


def fit(request: Request) -> None:
    """Before anything is asked of an address: PostgreSQL holds no NUL, so nothing has one in its name, and SQLite's
    answer must not differ. Raises Problem, 404 for the path, 400 for the query.
    """
    if UNFIT.search(request.path):
        raise Problem("not_found", Text("没有这个地址", "there is no such address"))
    if not request.query_string:
        return
    try:
        unquote_to_bytes(request.query_string).decode()
    except UnicodeDecodeError:
        raise _bad("参数不是有效的 UTF-8", "the parameters are not UTF-8") from None
    if UNFIT.search("".join(f"{k}{v}" for k, v in request.args.items(multi=True))):
        raise _bad("含有不可用的字符", "there are unusable characters")


class Parser(FlaskParser):
    """webargs with our reading of JSON, our refusals, and no parameter that nobody declared."""

    DEFAULT_UNKNOWN_BY_LOCATION = {"query": RAISE, "headers": None}  # noqa: RUF012 - webargs' own

    def load_querystring(self, req: Request, schema: Schema) -> Any:
        """The query; a name that stands twice could mean one thing here and another in front of us."""
        repeated = sorted({name for name in req.args if len(req.args.getlist(name)) > 1})
        if repeated:
            raise ValidationError({name: ["repeated"] for name in repeated})
        return req.args.to_dict()

    def handle_error(
        self, error: ValidationError, req: Request, schema: Schema, *, error_status_code: int | None,
        error_headers: Mapping[str, str] | None,
    ) -> NoReturn:  # fmt: skip
        """As a problem: 400 with the parameters' names."""
        messages = dict(error.messages)  # type: ignore[arg-type]
        raise invalid_parameters(messages["query"])


parser = Parser()


def body_of(request: Request, schema: Schema) -> dict[str, Any]:
    """What is in the body, as its schema loads it. Raises Problem, 422 with a pointer for each field that is wrong."""
    given = read_json(request)
    plain = None if (known := _by_field(schema)) is None else fieldwise(known, given)
    if plain is not None:
        return plain
    try:
        loaded: dict[str, Any] = schema.load(given)
    except ValidationError as error:
        raise invalid_fields(error.messages) from None
    return loaded


@cache
def _by_field(schema: Schema) -> Fieldwise | None:
    """The same, if it may be asked field by field; to ask what it is takes three calls each time."""
    return schema if isinstance(schema, Fieldwise) else None


def fieldwise(schema: Fieldwise, given: Mapping[str, Any]) -> dict[str, Any] | None:
    """What the schema would load, asked of its fields; None where it has something to say, or to check as a whole."""
    if not schema.fields_only or not given.keys() <= schema.load_fields.keys():
        return None
    loaded: dict[str, Any] = {}
    try:
        for name, field in schema.load_fields.items():
            if name in given:
                loaded[name] = field.deserialize(given[name], name, given)
            elif field.required:
                return None
            elif field.load_default is not missing:
                default = field.load_default
                loaded[name] = default() if callable(default) else default
    except ValidationError:
        return None
    return loaded


def query_of(request: Request, schema: Schema) -> dict[str, Any]:
    """The parameters. Raises Problem 400 with the names of those that are wrong."""
    if not request.query_string and (defaults := _defaults(schema)) is not None:
        return dict(defaults)
    loaded: dict[str, Any] = parser.parse(schema, request, location="query")
    return loaded


@cache
def _defaults(schema: Schema) -> Mapping[str, Any] | None:
    """What no parameters mean; None where some are needed."""
    try:
        return MappingProxyType(schema.load({}))
    except ValidationError:
        return None


def read_json(request: Request) -> dict[str, Any]:
    """The object in the body. Raises Problem 400, 413 (by Flask) or 415."""
    if request.environ.get("CONTENT_TYPE") != "application/json" and not _is_json(request):
        raise Problem("not_json", Text("请求须为 application/json(UTF-8)", "send application/json in UTF-8"))
    if "HTTP_CONTENT_ENCODING" in request.environ:
        unpacked(request, "not_json")
    value = _parsed(raw := _content(request))
    if type(value) is not dict:
        raise _bad("须为 JSON 对象", "a JSON object is needed")
    # No deeper than it has brackets; and only by an escape comes what UTF-8 and JSON do not allow as it is.
    if UNFIT_ESCAPED.search(raw) or raw.count(b"{") + raw.count(b"[") > DEEPEST:
        _bounded(value)
    return value


def unpacked(request: Request, code: str) -> None:
    """The body is as it is: nobody here would unpack it. Raises Problem of that code."""
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        text = Text("请不要压缩正文（Content-Encoding）", "send the body as it is, without Content-Encoding")
        raise Problem(code, text)


def _content(request: Request) -> bytes:
    """Its content. One of a known length, of which nobody has read anything, is read at once: werkzeug's stream takes eight times
    as many calls, and two buffers of 64 KiB. Raises RequestEntityTooLarge, ClientDisconnected.
    """
    environ, own = request.environ, request.__dict__
    told = environ.get("CONTENT_LENGTH") or ""
    plain = _LENGTH.fullmatch(told) and "HTTP_TRANSFER_ENCODING" not in environ
    if not plain or int(told) > MOST_BYTES or "stream" in own or "_cached_data" in own:
        request.max_content_length = MOST_BYTES
        return request.get_data(cache=False)
    length, read = int(told), environ["wsgi.input"].read
    own["stream"] = BytesIO()  # whoever asks later finds nothing more, as ever
    try:
        raw: bytes = read(length)
        while len(raw) < length:
            if not (more := read(length - len(raw))):
                raise ClientDisconnected
            raw += more
    except (OSError, ValueError):
        raise ClientDisconnected from None
    return raw


def _is_json(request: Request) -> bool:
    charset = request.mimetype_params.get("charset", "utf-8").lower()
    return request.mimetype == "application/json" and charset in ("utf-8", "utf8")


def _parsed(raw: bytes) -> Any:
    try:
        return _DECODER.decode(raw.decode("utf-8"))
    except UnicodeDecodeError:
        raise _bad("不是有效的 UTF-8", "this is not UTF-8") from None
    except RecursionError:
        raise _too_deep() from None
    except ValueError as error:
        if not isinstance(error, json.JSONDecodeError):
            raise _bad("JSON 有误：数字太长", "broken JSON: a number is too long") from None
        line, column = error.lineno, error.colno
        raise _bad(
            f"JSON 有误：第 {line} 行第 {column} 个字符处",
            f"broken JSON: at line {line}, character {column}",
        ) from None


def _constant(name: str) -> NoReturn:
    raise _bad(f"不接受 {name}", f"{name} is not JSON")


def _float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise _bad(f"数字超出范围：{text[:20]}", f"the number is out of range: {text[:20]}")
    return value


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))[:80]  # type: ignore[func-returns-value]
        raise _bad(f"键重复：{twice}", f"a key stands twice: {twice}")
    return found


_DECODER = json.JSONDecoder(parse_constant=_constant, parse_float=_float, object_pairs_hook=_distinct)


def _bounded(value: Any) -> None:
    """Walk without recursion: how deep it goes, and that every text can be stored."""
    level: list[Any] = [value]
    depth = 0
    while level:
        depth += 1
        if depth > DEEPEST + 1:
            raise _too_deep()
        inner: list[Any] = []
        for one in level:
            kind = type(one)  # as JSON is read, there are no other dicts, lists and texts
            if kind is dict:
                inner += [*one.keys(), *one.values()]
            elif kind is list:
                inner += one
            elif kind is str and UNFIT.search(one):
                raise _bad("含有不可用的字符", "there are unusable characters")
        level = inner


def _too_deep() -> Problem:
    return _bad(f"嵌套超过 {DEEPEST} 层", f"nested deeper than {DEEPEST}")


def _bad(zh: str, en: str) -> Problem:
    return Problem("bad_request", Text(zh, en))
