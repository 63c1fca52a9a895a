"""Coming in and going out: the first administrator, sign in, a password of one's own, sign out."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from flask import Response

from workflow.errors import FormInvalid, NotFound, Text

from .. import devices
from ..accounts import Account, Accounts, First
from ..factors import Factors
from ..limits import source
from ..problems import Problem
from ..sessions import LOCAL, OIDC, STRONG
from .screens import Go, Look, Page, Screen, answered, own_address, sessions


def asked(look: Look) -> Page | Go:
    """Name and password; while there is no account at all, the first one."""
    beginning = sessions(look.desk).first
    if beginning is not None and beginning.open:
        return Go(look.address("first"))
    return Page("sign_in.html", _shown(look))


def _shown(look: Look, person: str = "", error: Text | None = None) -> dict[str, Any]:
    elsewhere, end = sessions(look.desk).elsewhere, sessions(look.desk).elsewhere_end
    return {
        "end": end if look.request.args.get("left") == "oidc" else None,
        "then": _then(look),
        "person": person,
        "error": error,
        "elsewhere": elsewhere,
        "kept": _kept(look),
    }


def sign_in(look: Look) -> Page | Response:
    """A session, and on to where the person wanted to go."""
    form, address = look.request.form, source(look.request)
    person = form.get("person", "").strip()
    try:
        device = devices.known(look.engine, look.request, person, secure=_secure(look))
        account = Accounts(look.engine).sign_in(person, form.get("password", ""), address, device)
    except Problem as error:
        return Page("sign_in.html", _shown(look, person, error.text), error.status)
    if Factors(look.engine).has(account.person):
        return _code(look, Factors(look.engine).ticket(account))
    return _in(look, account)


def _code(look: Look, ticket: str, error: Text | None = None) -> Page:
    return Page(
        "code.html",
        {"then": _then(look), "ticket": ticket, "error": error, "kept": _kept(look)},
        401 if error else 200,
    )


def code(look: Look) -> Page | Response:
    """The second factor, after the password."""
    form, factors = look.request.form, Factors(look.engine)
    try:
        account = factors.enter(form.get("ticket", ""), form.get("code", ""))
    except Problem as error:
        return replace(_code(look, form.get("ticket", ""), error.text), status=error.status)
    return _in(look, account, STRONG)


def _in(look: Look, account: Account, way: str = LOCAL) -> Response:
    """A session, and on: to another password first, if he has one that somebody else made."""
    on: Page | Go = Go(look.address("password") if account.must_change else _then(look))
    typed = [] if account.must_change else _typed(look)
    if typed:
        on = Page("kept.html", {"then": _then(look), "typed": typed})
    response = answered(look, on)
    sessions(look.desk).open(account, way)(response)
    devices.remember(look.engine, look.request, response, account.person, secure=_secure(look))
    return response


def _secure(look: Look) -> bool:
    return bool(sessions(look.desk).secure(look.request))


def _kept(look: Look) -> str:
    return look.request.form.get("kept", "")


def _typed(look: Look) -> list[tuple[str, str]]:
    """What was typed before the session ended; what is no such list was not."""
    try:
        found = json.loads(_kept(look) or "[]")
        return [(str(name), str(value)) for name, value in found]
    except (ValueError, TypeError):
        return []


def sign_out(look: Look) -> Response:
    """The session is ended on the server too; who signed in elsewhere is told that he is signed in there still."""
    session = sessions(look.desk).of(look.request)
    left = {"left": "oidc"} if session is not None and session.way == OIDC else {}
    response = answered(look, Go(look.address("sign_in", **left)))
    sessions(look.desk).close(look.request)(response)
    return response


def password(look: Look) -> Page:
    """Another password; asked of everybody who has one that somebody else made."""
    session = sessions(look.desk).of(look.request)
    if session is None:
        raise Problem("unauthenticated", Text("请先登录", "please sign in"))
    return Page("password.html", {"must": session.must_change, "error": None})


def change(look: Look) -> Page | Response:
    """Every session of that person ends; he comes in with the new one."""
    session = sessions(look.desk).of(look.request)
    if session is None:
        raise Problem("unauthenticated", Text("请先登录", "please sign in"))
    form = look.request.form
    try:
        if form.get("new") != form.get("again"):
            raise _differ()
        account = Accounts(look.engine).change(
            session.person, form.get("old", ""), form.get("new", ""), source(look.request)
        )
    except (Problem, FormInvalid) as error:
        return Page("password.html", {"must": session.must_change, "error": error.text}, 422)
    response = answered(look, Go(look.address("home")))
    sessions(look.desk).open(account, session.way)(response)
    return response


def first(look: Look) -> Page:
    """The first start: a token from the console, a name, a password."""
    _beginning(look)
    return Page("first.html", {"person": "", "error": None})


def made(look: Look) -> Page | Response:
    """The first administrator is in."""
    form, beginning = look.request.form, _beginning(look)
    person = form.get("person", "").strip()
    try:
        if form.get("new") != form.get("again"):
            raise _differ()
        account = beginning.take(form.get("token", ""), person, form.get("new", ""), source(look.request))
    except (Problem, FormInvalid) as error:
        return Page("first.html", {"person": person, "error": error.text}, 422)
    response = answered(look, Go(look.address("setup")))
    sessions(look.desk).open(account)(response)
    return response


def _beginning(look: Look) -> First:
    found = sessions(look.desk).first
    if found is None or not found.open:
        raise NotFound(Text("没有这个页面", "there is no such page"))
    return found


def _differ() -> Problem:
    return Problem("form_invalid", Text("两次输入的新密码不同", "the two new passwords differ"))


def _then(look: Look) -> str:
    return own_address(look.request.values.get("then", "/"))


ENTRANCE = (
    Screen(path="/first", name="first", view=first, permission="open"),
    Screen(path="/first", name="first_made", view=made, permission="open", methods=("POST",)),
    Screen(path="/sign-in", name="sign_in", view=asked, permission="open"),
    Screen(path="/sign-in", name="signed_in", view=sign_in, permission="open", methods=("POST",)),
    Screen(path="/sign-in/code", name="code", view=code, permission="open", methods=("POST",)),
    Screen(path="/sign-out", name="sign_out", view=sign_out, permission="open", methods=("POST",)),
    Screen(path="/password", name="password", view=password, permission="open"),
    Screen(path="/password", name="password_changed", view=change, permission="open", methods=("POST",)),
)
