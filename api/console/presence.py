"""One's own account: the sessions that are open, each with an end; and for an operator the security log."""

from __future__ import annotations

import re

from workflow.errors import Text

from .. import feeds
from ..accounts import Accounts
from ..limits import source
from ..problems import Problem
from ..security_log import KINDS, SecurityLog
from ..security_words import BY, Words
from ..sessions import WAYS, Sessions
from .screens import Go, Look, Page, Screen, sessions

PAGE = 100


def shown(look: Look) -> Page:
    """Where one is signed in."""
    return _page(look)


def _page(look: Look, error: Text | None = None) -> Page:
    held = sessions(look.desk)
    mine = held.of(look.request)
    return Page("presence.html", {
        "open": held.listed(look.actor.person), "mine": mine.id if mine else None, "ways": WAYS, "error": error,
        "password": _has_password(look), "fresh": held.fresh(look.request), "own": Accounts(look.engine).get(look.actor.person),
    }, 422 if error else 200)  # fmt: skip


def _has_password(look: Look) -> bool:
    """Whether he proves himself again here; else he signs in again where he did."""
    return (
        not sessions(look.desk).fresh(look.request)
        and Accounts(look.engine).get(look.actor.person) is not None
    )


def ended(look: Look) -> Page | Go:
    """One, or all but this one; after he has proven himself again."""
    held, form, person = sessions(look.desk), look.request.form, look.actor.person
    try:
        _again(look, held)
    except Problem as error:
        return _page(look, error.text)
    mine = held.of(look.request)
    for one in held.listed(person):
        if form.get("session") in (one.id, "others") and (mine is None or one.id != mine.id):
            held.end(person, by=person, id=one.id)
    return Go(look.address("presence"))


def _again(look: Look, held: Sessions) -> None:
    if held.fresh(look.request):
        return
    if not _has_password(look):
        raise Problem(
            "not_permitted",
            Text("请退出后重新登录，再结束其他会话", "sign out and in again, then end the others"),
        )
    Accounts(look.engine).sign_in(
        look.actor.person, look.request.form.get("password", ""), source(look.request)
    )


def log(look: Look) -> Page:
    """The security log, the newest first."""
    args = look.request.args
    person, kind = args.get("person", "").strip()[:80] or None, args.get("kind") or None
    found = SecurityLog(look.engine).entries(
        person=person, kind=kind, before=args.get("before", type=_entry), limit=PAGE
    )
    calendars = feeds.of(look.engine, person) if person else []
    look.names.learn(who for one in found for who in (one.person, one.by) if who)
    look.names.learn(one["unit"] for one in calendars if one["unit"])
    words = Words(look.engine, found, {screen.name: screen.menu for screen in look.desk.menu if screen.menu})
    return Page("security.html", {
        "entries": [(one, words.of(one)) for one in found], "kinds": KINDS, "nobodys": BY, "person": person or "",
        "kind": kind or "", "ended": args.get("ended", type=_entry), "calendars": calendars, "taken": "taken" in args,
        "further": found[-1].id if len(found) == PAGE else None,
    })  # fmt: skip


def _entry(text: str) -> int:
    """The number of an entry. Raises ValueError for what can be none."""
    if not re.fullmatch("[0-9]{1,18}", text):
        raise ValueError(text)
    return int(text)


def end_all(look: Look) -> Go:
    """Every session of a person ends; the page says how many there were."""
    person = look.request.form.get("person", "").strip()[:80]
    ended = sessions(look.desk).end(person, by=look.actor.person)
    return Go(look.address("security", person=person, ended=ended))


def take_feed(look: Look) -> Go:
    """Another's calendar: from now on its address is good for nothing."""
    owner = feeds.take_back(look.engine, look.path["feed"], by=look.actor.person)
    return Go(look.address("security", person=owner, taken=1))


PRESENCE = (
    Screen(path="/sessions", name="presence", view=shown),
    Screen(path="/sessions", name="presence_ended", view=ended, methods=("POST",)),
    Screen(
        path="/security",
        name="security",
        view=log,
        permission="operator",
        menu=Text("安全日志", "Security log"),
    ),
    Screen(
        path="/security/feeds/<feed>/end",
        name="feed_taken",
        view=take_feed,
        permission="operator",
        methods=("POST",),
    ),
    Screen(path="/security", name="sessions_ended", view=end_all, permission="operator", methods=("POST",)),
)
