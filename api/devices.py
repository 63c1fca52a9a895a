"""Browsers in which somebody has signed in before: their failures are counted apart (OWASP's device cookies).

Whoever knows an account's name, and sits behind the same address as its person, else keeps him out by failing on purpose. The
cookie proves nothing but that this browser was let in once as that person: the password is asked for all the same, and whoever
takes the cookie has five guesses in a quarter of an hour of his own. It is signed, one for each account, and nothing is stored.
"""

from __future__ import annotations

from flask import Request, Response

from workflow import Engine
from workflow.overview import identifier

from .identity import digest
from .nonces import Nonces

FORM, COOKIE = "device", "tibandu-device"
SECONDS = 365 * 24 * 3600


def known(engine: Engine, request: Request, person: str, *, secure: bool) -> str:
    """The browser that asks, if he has signed in with it before; else nothing."""
    kept = request.cookies.get(_name(person, secure), "")
    id_, _, of = (Nonces(engine).opened(FORM, kept) or "").partition(" ") if kept else ("", "", "")
    return id_ if of == person else ""


def remember(engine: Engine, request: Request, response: Response, person: str, *, secure: bool) -> None:
    """From now on the browser that gets this response is known for him."""
    id_ = known(engine, request, person, secure=secure) or identifier(engine)
    response.set_cookie(
        _name(person, secure), Nonces(engine).seal(FORM, f"{id_} {person}"), max_age=SECONDS, secure=secure, httponly=True,
        samesite="Lax", path="/",
    )  # fmt: skip


def _name(person: str, secure: bool) -> str:
    return f"{'__Host-' if secure else ''}{COOKIE}-{digest(person)[:12]}"
