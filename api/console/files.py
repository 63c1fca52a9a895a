"""Files: our own style sheet, and the documents of a case."""

from __future__ import annotations

from flask import Response, make_response, send_from_directory

from workflow.errors import NotFound, Text

from ..documents import sent_from
from .render import COOKIE, LANGUAGES, STATIC
from .screens import Look, Screen, own_address


def static(look: Look) -> Response:
    """A file of ours; its address changes with its content, so it may be kept for long."""
    response = send_from_directory(STATIC, look.path["name"], max_age=31_536_000)
    response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
    return response


def document(look: Look) -> Response:
    """A document that the case names, as this reader sees the case."""
    return sent_from(look.desk, look.known, look.path["sha256"], look.request)


def language(look: Look) -> Response:
    """Choose the language; the choice stays in this browser."""
    chosen = look.path["language"]
    if chosen not in LANGUAGES:
        raise NotFound(Text("没有这种语言", "there is no such language"))
    response = make_response("", 303)
    response.headers["Location"] = own_address(look.request.form.get("then", "/"))
    response.set_cookie(COOKIE, chosen, max_age=31_536_000, httponly=True, samesite="Lax", path="/")
    return response


FILES = (
    Screen(path="/static/<name>", name="static", view=static, permission="open", bare=True),
    Screen(path="/cases/<id>/documents/<sha256>", name="document", view=document, permission="case"),
    Screen(path="/language/<language>", name="language", view=language, permission="open", methods=("POST",)),
)
