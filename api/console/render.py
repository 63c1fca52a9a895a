"""Templates, in Chinese or in English. What we wrote is Chinese in the templates (the msgids) and English in the catalogue; what
the definitions say comes in both languages already.

Jinja with an environment of our own, so that a host's application, its filters and its Babel stay as they are.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import NullTranslations, Translations
from flask import Request, url_for
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from workflow.clock import ZONE

from ..problems import language_asked

HERE = Path(__file__).parent
TEMPLATES, STATIC, CATALOGUES = HERE / "templates", HERE / "static", HERE / "translations"
LANGUAGES = ("zh", "en")
COOKIE = "language"


def language_of(request: Request) -> str:
    """The language chosen, else the one the browser asks for, else Chinese."""
    chosen = request.cookies.get(COOKIE)
    return chosen if chosen in LANGUAGES else language_asked()


@cache
def translations(language: str) -> NullTranslations:
    """The catalogue of that language; Chinese stands in the templates."""
    if language == "zh":
        return NullTranslations()
    with (CATALOGUES / f"{language}.po").open("rb") as written:
        catalogue = read_po(written, locale=language)
    compiled = BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return Translations(compiled)


@cache
def environment(language: str) -> Environment:
    """Jinja for one language."""
    made = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, trim_blocks=True, lstrip_blocks=True,
        undefined=StrictUndefined, auto_reload=False,
    )  # fmt: skip
    made.filters["words"] = lambda text: text.in_language(language)
    made.filters["moment"] = _moment
    made.globals.update(_=_spoken(translations(language)), language=language, static=static)
    return made


def _spoken(catalogue: NullTranslations) -> Callable[..., Markup]:
    """What templates say by `_("…")`, looked up once for each sentence; always a format, whether it names something or not."""

    @cache
    def form(sentence: str) -> Markup:
        return Markup(catalogue.gettext(sentence))  # noqa: S704 - written by us

    @cache
    def plain(sentence: str) -> Markup:
        return form(sentence) % {}

    def spoken(sentence: str, /, **named: Any) -> Markup:
        return form(sentence) % named if named else plain(sentence)

    return spoken


def rendered(language: str, template: str, **values: Any) -> str:
    """The page."""
    return environment(language).get_template(template).render(**values)


def static(name: str) -> str:
    """The address of a file of ours; it changes with its content."""
    return url_for("console.static", name=name, v=_digest(name))


@cache
def _digest(name: str) -> str:
    return hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]


def _moment(at: datetime | str) -> str:
    at = datetime.fromisoformat(at) if isinstance(at, str) else at
    return f"{at.astimezone(ZONE):%Y-%m-%d %H:%M}"
