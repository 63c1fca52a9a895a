"""Screens as data, like the routes of the service: what is registered, who may look, and which template shows it.

A screen shows what the engine answers and offers what `permitted` allows; it decides nothing. What is posted carries the proof
that it came from one of our own pages (CSRF), the revision that was seen, and a key that makes a second click the same act.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cache, cached_property
from typing import Any, Literal
from urllib.parse import quote_plus

from flask import Blueprint, Request, Response, current_app, redirect, request, url_for

from workflow import Actor, Case, Engine
from workflow.errors import NotPermitted, StoreError, Text
from workflow.model import Grant
from workflow.overview import grants_of, oversees, views_of
from workflow.view import View

from ..cells import caption
from ..dispatch import OPERATOR, note_denial, visible
from ..identity import Caller
from ..nonces import Nonces
from ..origin import check_origin, origin_of
from ..pace import Paced
from ..problems import Problem, logged
from ..routes import NOBODY, Ask, Desk
from ..security_log import Denials
from ..sessions import MUST_CHANGE, MUST_ENROL, Sessions
from .hints import hint
from .names import Names
from .render import language_of, rendered

Permission = Literal["open", "person", "operator", "case"]
POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; script-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "same-origin",  # with no-referrer a browser posts with `Origin: null`
    "X-Content-Type-Options": "nosniff",
}


@dataclass(frozen=True, slots=True)
class Page:
    """What a template shows."""

    template: str
    values: Mapping[str, Any] = field(default_factory=dict)
    status: int = 200


@dataclass(frozen=True, slots=True)
class Go:
    """Go on to another address of ours (303): after every post, so that going back repeats nothing."""

    address: str


@dataclass(frozen=True)
class Look:
    """Somebody who looks at a screen."""

    desk: Desk
    request: Request
    actor: Actor
    case: Case | None
    path: Mapping[str, str]

    @property
    def engine(self) -> Engine:
        """The engine behind it."""
        return self.desk.engine

    @property
    def known(self) -> Case:
        """The case of a screen whose permission is `case`."""
        assert self.case is not None  # noqa: S101 - the dispatcher has seen to it
        return self.case

    def seal(self, text: str) -> str:
        """A text that this page carries and that comes back as it is: only to this reader, only from this address."""
        return Nonces(self.engine).seal(self._page, text)

    def opened(self, sealed: str) -> str | None:
        """What was sealed; None when it was not, or for somebody or something else."""
        return Nonces(self.engine).opened(self._page, sealed)

    @property
    def _page(self) -> str:
        return f"{self.actor.person} {self.request.path}"

    def outside(self, path: str) -> str:
        """An address of ours as others reach it."""
        return origin_of(self.request, sessions(self.desk).url) + path

    @property
    def service(self) -> Blueprint:
        """The service beside the console; its files are linked to, and some of its views are asked."""
        assert self.desk.service is not None  # noqa: S101 - the console is only there with it
        return self.desk.service

    def ask(self, **body: Any) -> Ask:
        """The same person's question to a view of the service."""
        return Ask(
            desk=replace(self.desk, blueprint=self.service), request=self.request, actor=self.actor, case=self.case,
            path=self.path, query={}, body=body, revision=None, key=None,
        )  # fmt: skip

    @cached_property
    def names(self) -> Names:
        """What parties are called, asked for once a page."""
        return Names(self.engine, self.actor.person)

    @cached_property
    def language(self) -> str:
        """`zh` or `en`."""
        return language_of(self.request)

    @cached_property
    def views(self) -> list[View]:
        """The lists of the reader's roles."""
        return views_of(self.engine, self.grants)

    @cached_property
    def grants(self) -> list[Grant]:
        """What the reader holds today."""
        return grants_of(self.engine, self.actor)

    @property
    def menu(self) -> list[tuple[str, Text]]:
        """The other screens he may open."""
        operates = self.actor.person in self.desk.operators
        return [
            (screen.name, screen.menu) for screen in self.desk.menu
            if (not screen.own or sessions(self.desk).first is not None)
            and (operates or screen.permission != "operator") and (
                not screen.of_roles or bool(self.held_for(screen.name)) or (screen.operators and operates)
            )
        ]  # fmt: skip

    def held_for(self, screen: str) -> list[Grant]:
        """What the reader holds of the roles for which that screen is."""
        roles = self.engine.library.console.screens.get(screen, ())
        return [grant for grant in self.grants if grant.role in roles]

    @property
    def oversees(self) -> bool:
        """Whether the reader is of the congress's own office."""
        return oversees(self.engine, self.grants)

    @property
    def invites(self) -> bool:
        """Whether the reader may send links: of the congress's own, not of the government or the procuratorate."""
        return any(grant.unit is None and self.engine.library.invites(grant.role) for grant in self.grants)

    def caption(self, case: Case) -> str:
        """What a case is called."""
        law = self.engine.laws.pinned(case.definition).definition
        return self.words(caption(case, law, self.engine.library.console))

    def words(self, text: Text) -> str:
        """A sentence in the reader's language."""
        return text.in_language(self.language)

    def address(self, screen: str, **path: Any) -> str:
        """The address of another screen."""
        base, named = self._way(screen)
        if not all(_is_word(path.get(name)) for name in named) or not all(
            value is None or (isinstance(value, SIMPLE) and name[0] != "_") for name, value in path.items()
        ):
            return url_for(f"{CONSOLE}.{screen}", **path)
        quoted = self._quoted
        asked = "&".join(
            f"{quoted(name)}={quoted(str(value))}"
            for name, value in path.items() if value is not None and name not in named
        )  # fmt: skip
        found = base.format(**path) if named else base
        return f"{found}?{asked}" if asked else found

    @cached_property
    def _quoted(self) -> Callable[[str], str]:
        """A part of an address's query. A page of figures has the same dates, units and names in hundreds; what somebody searched
        for is not kept longer than his page.
        """
        return cache(lambda text: quote_plus(text, safe=PLAIN))

    @cached_property
    def _ways(self) -> dict[str, tuple[str, Collection[str]]]:
        return {}

    def _way(self, screen: str) -> tuple[str, Collection[str]]:
        """How the address of a screen is made and which words stand in it: asked of the router once for a page that leads there
        hundreds of times.
        """
        if screen not in self._ways:
            endpoint = f"{CONSOLE}.{screen}"
            (rule, *_) = current_app.url_map.iter_rules(endpoint)
            places: dict[str, Any] = {name: f"--{name}--" for name in rule.arguments}
            base = url_for(endpoint, **places)
            for name in rule.arguments:
                base = base.replace(f"--{name}--", f"{{{name}}}")
            self._ways[screen] = base, rule.arguments
        return self._ways[screen]


Shown = Callable[[Look], "Page | Go | Response"]
CONSOLE = "console"
PLAIN = "!$'()*,/:;?@"
"""characters that stand in the query of an address as they are, for the router too"""
SIMPLE = (str, int, date)
WORD = re.compile("[A-Za-z0-9_-]+")
"""what stands in the path of an address as it is"""


def _is_word(value: Any) -> bool:
    return isinstance(value, str) and WORD.fullmatch(value) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Screen:
    """One row of the table of screens."""

    path: str
    name: str
    view: Shown
    permission: Permission = "person"
    methods: Sequence[str] = ("GET",)
    menu: Text | None = None
    """under which words it stands in the menu"""
    of_roles: bool = False
    """in the menu of those roles alone that the domain names for it (definitions/console.yaml)"""
    again: Shown | None = None
    """the same form with what was typed, for a post of a session that has ended since; None: it is refused"""
    own: bool = False
    """in the menu only where accounts are ours, not a host's"""
    operators: bool = False
    """in the menu of who looks after the service too, whatever his roles"""
    bare: bool = False
    """part of every page and tells of nothing: it is asked by nobody, and not counted"""
    outside: bool = False
    """posted from where no page of ours was seen before: a link's token is the proof"""


def register(desk: Desk, screens: Sequence[Screen]) -> None:
    """Put every screen under its address."""
    denials = Denials(desk.engine)
    for screen in screens:
        function = _function(desk, screen, denials)
        desk.blueprint.add_url_rule(screen.path, screen.name, function, methods=list(screen.methods))


def _function(desk: Desk, screen: Screen, denials: Denials) -> Callable[..., Response]:
    def view(**path: str) -> Response:
        try:
            with desk.engine.sight.at_once() if request.method == "GET" else nullcontext():
                look, late = _looking(desk, screen, path)
                return answered(look, screen.again(look) if late and screen.again else screen.view(look))
        except Exception as error:  # noqa: BLE001 - whatever it is, a person sees a page and not a stack
            note_denial(desk, denials, error, screen.name, hidden=screen.permission == "case")
            return refused(desk, error)

    view.__name__ = screen.name
    return view


def _looking(desk: Desk, screen: Screen, path: Mapping[str, str]) -> tuple[Look, bool]:
    """Who looks, and whether what he posts is of a session that has ended since: it is shown again and not done."""
    if screen.bare:
        return Look(desk, request, NOBODY, None, path), False
    late = request.method == "POST" and not screen.outside and not _ours(desk, screen)
    if late and isinstance(desk.identify, Paced):
        desk.identify.count(request)
    known = _now(desk) if late else somebody(desk) if screen.permission == "open" else who(desk)
    actor = known or NOBODY
    if screen.permission != "open" and actor is NOBODY:
        raise Problem("unauthenticated", Text("请先登录", "please sign in"))
    if screen.permission == "operator" and actor.person not in desk.operators:
        raise Problem("not_permitted", OPERATOR.text)
    case = visible(desk, path["id"], actor) if screen.permission == "case" else None
    return Look(desk, request, actor, case, path), late


def _ours(desk: Desk, screen: Screen) -> bool:
    """Whether the post is of this session; of our pages it is in any case. Raises Problem 403."""
    try:
        sessions(desk).check_csrf(request)
    except Problem as error:
        if screen.again is None or error.code != "csrf":
            raise
        check_origin(request, sessions(desk).url)
        return False
    return True


def _now(desk: Desk) -> Actor | None:
    """Whose session it is now, for who is only shown something."""
    session = sessions(desk).of(request)
    return (
        None if session is None or session.must_change or session.must_enrol else Actor(person=session.person)
    )


def own_address(text: str) -> str:
    """An address of ours, or the first page: nobody is sent to another site by a link of ours."""
    good = text.startswith("/") and not text.startswith(("//", "/\\")) and text.isprintable()
    return text if good else "/"


def sessions(desk: Desk) -> Sessions:
    """Those who have signed in."""
    found: Sessions | None = desk.sessions
    assert found is not None  # noqa: S101 - the console is only there with them
    return found


def who(desk: Desk) -> Actor | None:
    """The person of this request; a service's token opens no screen."""
    found = desk.identify(request)
    return None if isinstance(found, Caller) else found


def somebody(desk: Desk) -> Actor | None:
    """The same where nobody has to be known: who must choose a password first is nobody yet. Raises Problem 429 all the same."""
    try:
        return who(desk)
    except NotPermitted:
        return None
    except Problem as error:
        if error.code == "too_many":
            raise
        return None


def answered(look: Look, found: Page | Go | Response) -> Response:
    """The response for what a view gave."""
    if isinstance(found, Go):
        response = redirect(found.address, 303)
    elif isinstance(found, Page):
        text = rendered(
            look.language, found.template, look=look, actor=look.actor, address=look.address,
            csrf=sessions(look.desk).csrf_token(look.request), **found.values,
        )  # fmt: skip
        response = Response(text, found.status, content_type="text/html; charset=utf-8")
    else:
        response = found
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    return response  # type: ignore[return-value] # werkzeug's own response is a base of Flask's


ENDED = Text(
    "登录已过期，请重新登录。刚才填写的内容还在，文件须重新选择。",
    "The session has ended: sign in again. What you typed is kept, files have to be chosen again.",
)
MOST_KEPT = 100_000
"""letters of a form that are carried past the sign-in page"""


def kept(desk: Desk) -> str:
    """What was typed into one of our own forms before the session ended, as its JSON; empty for anything else."""
    if request.method != "POST" or not request.form:
        return ""
    try:
        check_origin(request, sessions(desk).url)
    except Problem:
        return ""
    pairs = [[name, value] for name, value in request.form.items(multi=True) if name != "csrf_token"]
    text = json.dumps(pairs, ensure_ascii=False)
    return text if len(text) <= MOST_KEPT else ""


def refused(desk: Desk, error: Exception) -> Response:
    """A page that says what is wrong and where to go on; who is not known yet signs in first."""
    try:
        actor = somebody(desk) or NOBODY
    except Problem as often:  # what was refused at the door is counted here
        error, actor = often, NOBODY
    except StoreError:  # it cannot be asked now, which may be what is wrong
        actor = NOBODY
    problem = logged(error)
    look = Look(desk, request, actor, None, {})
    if isinstance(error, NotPermitted) and MUST_CHANGE in error.reasons:
        return answered(look, Go(look.address("password")))
    if isinstance(error, NotPermitted) and MUST_ENROL in error.reasons:
        return answered(look, Go(look.address("second")))
    if problem.code == "unauthenticated":
        after = request.full_path.rstrip("?")
        typed = kept(desk)
        if typed:
            elsewhere = sessions(desk).elsewhere
            values = {
                "then": after,
                "person": "",
                "error": ENDED,
                "elsewhere": elsewhere,
                "end": None,
                "kept": typed,
            }
            return answered(look, Page("sign_in.html", values, problem.status))
        return answered(look, Go(look.address("sign_in", then=after)))
    return answered(
        look,
        Page(
            "problem.html",
            {"problem": problem, "hint": hint(problem.code, look.actor.person)},
            problem.status,
        ),
    )
