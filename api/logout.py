"""Signing out at the identity provider ends the sessions here too: OpenID Connect Back-Channel Logout 1.0.

The provider sends a token that it has signed. It ends the sessions that its subject opened before the token was made, so that one
sent again ends none that came later. Who it is for it says by `sub`; one that names a session of the provider's alone is refused.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from flask import Request, Response
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from sqlalchemy import select

from workflow import Engine
from workflow.errors import Text

from .limits import Counter, Limit, source
from .problems import Problem
from .sessions import Sessions
from .store import Shelf

EVENT = "http://schemas.openid.net/event/backchannel-logout"
LEEWAY = 60
"""seconds by which the provider's clock may differ from ours"""
OLDEST = timedelta(minutes=5)
"""of a token; the provider sends it at once"""
WRONG = Limit(what="oidc logout", most=20, seconds=3600)
"""of one address: each asks the provider for its keys"""


class LogoutTokens:
    """Those of one provider, for one engine's service."""

    def __init__(
        self, engine: Engine, sessions: Sessions, issuer: str, client: str, keys: Callable[[], KeySet]
    ) -> None:
        self._shelf = Shelf(engine)
        self._counter = Counter(engine)
        self._sessions = sessions
        self._issuer, self._client, self._keys = issuer, client, keys

    def answer(self, request: Request, algorithms: list[str]) -> Response:
        """End the sessions of whom the token names. Raises Problem 400 for one that is no good, 429, 503."""
        self._counter.check(WRONG, source(request))
        try:
            subject, made = self._said(request.form.get("logout_token", ""), algorithms)
        except (JoseError, KeyError, TypeError, ValueError) as error:
            self._counter.count(WRONG, source(request))
            zh, en = f"退出令牌不可用：{error}", f"the logout token is no good: {error}"
            raise Problem("bad_request", Text(zh, en)) from error
        person = self._person(subject)
        if person is not None:
            self._sessions.end_elsewhere(person, made + timedelta(seconds=LEEWAY))
        return Response(status=200, headers={"Cache-Control": "no-store"})

    def _said(self, token: str, algorithms: list[str]) -> tuple[str, datetime]:
        """Whose sessions, and when it was made."""
        if not 0 < len(token) <= 10_000:
            raise ValueError("logout_token")
        claims = jwt.decode(token, self._keys(), algorithms=algorithms).claims
        now = self._shelf.now()
        self._check(claims, now)
        made = datetime.fromtimestamp(int(claims["iat"]), UTC)
        if not now - OLDEST <= made <= now + timedelta(seconds=LEEWAY):
            raise ValueError("iat")
        return claims["sub"], made

    def _check(self, claims: Mapping[str, Any], now: datetime) -> None:
        audience = claims["aud"]
        events = claims["events"]
        good = {
            "iss": claims["iss"] == self._issuer,
            "aud": self._client in (audience if isinstance(audience, list) else [audience]),
            "exp": int(claims.get("exp", now.timestamp())) >= now.timestamp() - LEEWAY,
            "events": isinstance(events, dict) and isinstance(events.get(EVENT), dict),
            "sub": isinstance(claims["sub"], str),
            "nonce": "nonce" not in claims,  # else it is a token of a sign-in
        }
        if wrong := [name for name, fits in good.items() if not fits]:
            raise ValueError(json.dumps(wrong))

    def _person(self, subject: str) -> str | None:
        t = self._shelf.tables.subject.c
        query = select(t.person).where(t.issuer == self._issuer, t.subject == subject)
        with self._shelf.connection() as connection:
            found: str | None = connection.execute(query).scalar()
        return found
