"""One's second factor: a key for an app on the telephone, shown once, and codes to recover with."""

from __future__ import annotations

import segno

from workflow.errors import FormInvalid, Text

from ..accounts import Accounts
from ..factors import Factors
from ..limits import source
from ..problems import Problem
from ..sessions import Session
from .screens import Look, Page, Screen, sessions


def second(look: Look) -> Page:
    """Whether there is one; if not, a key to take into an app."""
    session, factors = _session(look), Factors(look.engine)
    if factors.has(session.person):
        return Page("second.html", {"has": True, "left": factors.left(session.person)})
    return _key(look, session, factors.draw())


def _key(look: Look, session: Session, key: str, error: Text | None = None) -> Page:
    address = Factors(look.engine).address(session.person, key)
    return Page("second.html", {
        "has": False, "must": session.must_enrol, "key": " ".join(key[n : n + 4] for n in range(0, len(key), 4)),
        "sealed": look.seal(f"{session.person} {key}"), "otpauth": address, "error": error,
        "picture": segno.make(address, error="m", micro=False).svg_data_uri(scale=4, border=4),
    }, 422 if error else 200)  # fmt: skip


def made(look: Look) -> Page:
    """With the password and a code of it he has one; the session is a new one, and whole."""
    session, form, factors = _session(look), look.request.form, Factors(look.engine)
    person, _, key = (look.opened(form.get("sealed", "")) or "").partition(" ")
    if person != session.person:
        raise Problem("form_invalid", Text("请重新打开本页", "open this page again"))
    try:
        Accounts(look.engine).sign_in(person, form.get("password", ""), source(look.request))
        codes = factors.begin(person, key, form.get("code", ""))
    except (Problem, FormInvalid) as error:
        return _key(look, session, key, error.text)
    return Page("recovery.html", {"codes": codes})


def _session(look: Look) -> Session:
    found = sessions(look.desk).of(look.request)
    if found is None or found.must_change:
        raise Problem("unauthenticated", Text("请先登录", "please sign in"))
    return found


SECOND = (
    Screen(path="/second-factor", name="second", view=second, permission="open"),
    Screen(path="/second-factor", name="second_made", view=made, permission="open", methods=("POST",)),
)
