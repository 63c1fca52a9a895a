"""The description of the service, for machines and for readers; the page needs nothing from outside and runs no script."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from flask import Response, url_for
from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup, escape

from workflow.errors import Text

from .openapi import describe
from .problems import TITLES
from .routes import Ask, Out, Reply, Route

OPENAPI = "/v1/openapi.json"
TEMPLATES = Path(__file__).with_name("templates")


def document(ask: Ask) -> Reply:
    """OpenAPI 3.1."""
    return _kept(_texts(ask.desk.routes, _mounted(ask))[0], "application/json")


def page(ask: Ask) -> Reply:
    """The same as a page."""
    reply = _kept(_texts(ask.desk.routes, _mounted(ask))[1], "text/html; charset=utf-8")
    style = base64.b64encode(hashlib.sha256(_style().encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{style}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    return Reply(headers={"Content-Security-Policy": policy}, raw=reply.raw)


def _kept(text: str, media: str) -> Reply:
    response = Response(text, content_type=media)
    response.set_etag(hashlib.sha256(text.encode()).hexdigest()[:16])
    response.headers["Cache-Control"] = "public, max-age=300"
    return Reply(raw=response)


def _mounted(ask: Ask) -> str:
    """Under which path our addresses are: nothing, or a host's prefix."""
    return url_for(f"{ask.desk.blueprint.name}.openapi").removesuffix(OPENAPI)


@lru_cache(maxsize=4)
def _texts(routes: tuple[Route, ...], mounted: str) -> tuple[str, str]:
    """The description, as JSON and as a page: the same for as long as the process lives. `servers` where it is mounted."""
    found = describe(routes)
    if mounted:
        found["servers"] = [{"url": mounted}]
    return json.dumps(found, ensure_ascii=False, separators=(",", ":")), _page(found)


@cache
def _style() -> str:
    return (TEMPLATES / "reference.css").read_text(encoding="utf-8").strip()


def _page(found: Mapping[str, Any]) -> str:
    templates = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    templates.filters["pretty"] = lambda value: json.dumps(value, ensure_ascii=False, indent=2)
    templates.filters["kind"] = _kind
    templates.filters["words"] = _words
    methods = ("get", "post", "put", "delete")
    groups = [
        (tag, [(path, method, item[method]) for path, item in found["paths"].items() for method in methods
               if method in item and tag["name"] in item[method]["tags"]])
        for tag in found["tags"]
    ]  # fmt: skip
    shown = templates.get_template("reference.html")
    return shown.render(found=found, groups=groups, style=_style(), problems=TITLES)


def _kind(schema: Mapping[str, Any]) -> Markup:
    """The type of a schema in a few words; what has a name leads there."""
    if "$ref" in schema:
        name = str(schema["$ref"]).rsplit("/", 1)[-1]
        return Markup('<a href="#schema-{0}">{0}</a>').format(name)
    if "const" in schema or "enum" in schema:
        values = schema.get("enum") or [json.dumps(schema["const"])]
        return escape(" | ".join(map(str, values)))
    if "anyOf" in schema:
        return Markup(" | ").join(_kind(one) for one in schema["anyOf"])
    if schema.get("type") == "array":
        return Markup("[{}]").format(_kind(schema.get("items", {})))
    if isinstance(named := schema.get("additionalProperties"), Mapping) and named:
        return Markup("{{…: {}}}").format(_kind(named))
    kinds = schema.get("type", "any")
    kinds = kinds if isinstance(kinds, str) else " | ".join(kinds)
    return escape(f"{kinds} ({schema['format']})" if "format" in schema else kinds)


def _words(text: str) -> Markup:
    """What stands between backticks is set as code; a problem leads to where it is explained."""
    found = Markup()
    for number, part in enumerate(text.split("`")):
        one = Markup("<code>{}</code>").format(part) if number % 2 else escape(part)
        found += (
            Markup('<a href="#problem-{}">{}</a>').format(part, one) if number % 2 and part in TITLES else one
        )
    return found


DESCRIPTION = (
    Route(
        method="GET", path=OPENAPI, name="openapi", view=document, permission="open", audit="none", tag="service",
        text=Text("本服务的 OpenAPI 描述", "this description"),
        out={200: Out(None, Text("OpenAPI 3.1", "OpenAPI 3.1"), media="application/json", headers=("ETag",),
                      sample={"openapi": "3.1.0"})},
    ),
    Route(
        method="GET", path="/v1/docs", name="docs", view=page, permission="open", audit="none", tag="service",
        text=Text("供人阅读的说明", "the same for readers"),
        out={200: Out(None, Text("网页", "a page"), media="text/html", headers=("ETag",), sample="<!doctype html>")},
    ),
)  # fmt: skip
