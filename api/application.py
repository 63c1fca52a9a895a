"""The Flask application and the blueprint. Neither starts a thread, and importing them opens no database."""

from __future__ import annotations

from collections.abc import Callable, Collection, Container, Sequence
from functools import partial
from typing import Any

from flask import Blueprint, Flask, Response, request

from workflow import Engine
from workflow.errors import Text
from workflow.outbox import Trial
from workflow.outside import Network

from . import console
from .bodies import fit
from .dispatch import counting_by, register
from .documents import Documents
from .identity import Identify
from .letters import Papers
from .limits import Limit
from .pace import UNKNOWN, Paced
from .problems import respond
from .routes import QUOTA, TOKEN_DAYS, Desk
from .sessions import Sessions
from .table import ROUTES

Age = Callable[[], float | None]
"""Seconds since the last tick; None before the first."""


class Application(Flask):
    """Flask, which asks of every view at every request whether it is a coroutine: it is asked once."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._plain: set[Any] = set()

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """As Flask has it."""
        try:
            if func in self._plain:
                return func
        except TypeError:  # it has no hash
            return super().ensure_sync(func)
        found = super().ensure_sync(func)
        if found is func:
            self._plain.add(func)
        return found


def create_app(
    engine: Engine, identify: Identify, *, age: Age | None = None, operators: Container[str] = (),
    documents: Documents | None = None, papers: Papers | None = None, public: Collection[str] = (), intake: str | None = None,
    allow: Sequence[Network] = (), sessions: Sessions | None = None, notice: Text | None = None,
    trials: Sequence[Trial] = (), token_days: int = TOKEN_DAYS, quota: int = QUOTA, strangers: Limit | None = UNKNOWN,
) -> Flask:  # fmt: skip
    """A whole Flask application. `identify` names the person of a request; `age` comes from whoever wakes the engine;
    `operators` are the persons who look after the service itself; `documents` is where documents are kept, `papers` who writes
    letters and tables; `public` names the kinds of parties that anybody may look up by name; `intake` is the service account
    (role `qr_intake`) under which opinions left at a station's door come in; `allow` are networks besides
    the public ones to which webhooks may be sent; with `sessions` there are pages for people at `/`, the console, and
    `notice` on top of each; `trials` are the channels that its set-up page lists and tries; `token_days` for
    how many days a service token is issued at most; `quota` are the bytes of one person's documents that may lie there before a
    case names them; `strangers` is how often one address may ask that does not prove who asks, unless `identify` is `Paced`
    already; None: as often as it likes.
    """
    identify = _paced(engine, identify, strangers)
    app = Application("tibandu", static_folder=None)
    app.url_map.merge_slashes = (
        False  # an address has one spelling; werkzeug would lead on from another with a page of its own
    )
    service = create_blueprint(
        engine, identify, age=age, operators=operators, documents=documents, papers=papers, public=public, intake=intake,
        allow=allow, url=sessions.url if sessions else None, token_days=token_days, quota=quota, strangers=None,
    )  # fmt: skip
    app.register_blueprint(service)
    if sessions is not None:
        desk = Desk(
            engine=engine, identify=identify, blueprint=Blueprint(console.CONSOLE, __name__), routes=ROUTES,
            operators=operators, documents=documents, papers=papers, public=frozenset(public), age=age,
            sessions=sessions, menu=console.MENU, service=service, notice=notice, trials=tuple(trials), quota=quota,
        )  # fmt: skip
        console.register(desk, console.SCREENS)
        desk.blueprint.before_request(checked)
        desk.blueprint.before_request(partial(counting_by, engine))
        app.register_blueprint(desk.blueprint)
    app.register_error_handler(Exception, respond)
    if sessions is not None:
        app.after_request(partial(_by_https, sessions))
    return app


def _paced(engine: Engine, identify: Identify, strangers: Limit | None) -> Identify:
    """With a limit for those who fail to prove who they are, where the host has set none of his own."""
    if strangers is None or isinstance(identify, Paced):
        return identify
    return Paced(engine, identify, known=None, unknown=strangers)


def checked() -> None:
    """An address that no database could be asked of is refused at the console's door; the service asks it in its own views."""
    fit(request)


def _by_https(sessions: Sessions, response: Response) -> Response:
    """Browsers that came by https come by nothing else for two years."""
    if sessions.secure(request):
        response.headers["Strict-Transport-Security"] = "max-age=63072000; includeSubDomains"
    return response


def create_blueprint(
    engine: Engine, identify: Identify, *, age: Age | None = None, operators: Container[str] = (),
    documents: Documents | None = None, papers: Papers | None = None, public: Collection[str] = (), intake: str | None = None,
    allow: Sequence[Network] = (), url: str | None = None, name: str = "tibandu", token_days: int = TOKEN_DAYS,
    quota: int = QUOTA, strangers: Limit | None = UNKNOWN,
) -> Blueprint:  # fmt: skip
    """The same in a host's own Flask application, which keeps its own error pages: `app.register_blueprint(…)`. `url` is the
    host's address from outside, when that is not the one a request shows; `strangers` as in `create_app`.
    """
    identify = _paced(engine, identify, strangers)
    blueprint = Blueprint(name, __name__)
    desk = Desk(
        engine=engine, identify=identify, blueprint=blueprint, routes=ROUTES, operators=operators,
        documents=documents, papers=papers, public=frozenset(public), age=age, intake=intake, allow=tuple(allow), url=url,
        token_days=token_days, quota=quota,
    )  # fmt: skip
    register(desk)
    blueprint.register_error_handler(Exception, respond)
    return blueprint
