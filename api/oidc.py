"""Sign-in at the city's own identity provider: OpenID Connect, authorization code with PKCE.

What binds the answer to the question: `state`, in a cookie of the browser that began and in a row that is used once; `nonce`, in
the signed token; and the code's verifier, which only we have. A subject of the provider is bound to one person when he first
comes, and that person to that subject: a name given to somebody else later lets nobody in.
Where the settings map groups to roles, the person's roles become those of his groups at each sign-in (`access.sync`).
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import yaml
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oidc.core import CodeIDToken
from flask import Blueprint, Request, Response, redirect
from flask import request as asking
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from marshmallow import ValidationError, fields, validate
from requests import RequestException
from sqlalchemy import delete, insert, select

from workflow import Engine
from workflow.access import Role, sync
from workflow.errors import Text
from workflow.overview import secret, today

from .accounts import Accounts
from .identity import digest, is_person
from .limits import Counter, Limit, source
from .logout import LEEWAY, LogoutTokens
from .origin import origin_of
from .problems import Problem, respond
from .schemas import Strict
from .security_log import SecurityLog
from .sessions import OIDC, Sessions, SetCookie
from .store import Shelf, insert_once, stamp

log = logging.getLogger("tibandu.api")
BEGIN, RETURN, END = "/sign-in/oidc", "/sign-in/oidc/return", "/sign-in/oidc/end"
LOGOUT = "/sign-in/oidc/logout"
COOKIE, SAFE_COOKIE = "tibandu-arrival", "__Host-tibandu-arrival"
SECONDS = 600
"""between the question and the answer; somebody types a password meanwhile"""
TIMEOUT = 10
"""seconds for each question to the provider"""
ALGORITHMS = ["RS256", "PS256", "ES256", "EdDSA"]
ROLE_DAYS = 30
"""civil days for which the roles of a sign-in hold: who has left the directory signs in no more"""
ARRIVALS = Limit(what="oidc", most=100, seconds=900)
"""begun from one address"""


class RoleIn(Strict):
    """What a group is here."""

    role = fields.Str(required=True)
    scope = fields.Str(required=True)
    unit = fields.Str(load_default=None)


class SettingsIn(Strict):
    """The file of settings."""

    oidc = fields.Str(required=True, metadata={"description": "what the provider is called"})
    issuer = fields.Str(required=True)
    client_id = fields.Str(required=True)
    client_secret_file = fields.Str(load_default=None)
    scopes = fields.List(fields.Str(), load_default=lambda: ["openid", "profile"])
    person = fields.Str(load_default="sub")
    persons = fields.Dict(fields.Str(), fields.Str(), load_default=dict)
    acr = fields.List(fields.Str(), load_default=list)
    amr = fields.List(fields.Str(), load_default=list)
    groups = fields.Str(load_default="groups")
    role_days = fields.Int(load_default=ROLE_DAYS, validate=validate.Range(0, 366))
    roles = fields.Dict(
        fields.Str(), fields.List(fields.Nested(RoleIn), validate=validate.Length(min=1)), load_default=None
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Which provider, who we are there, and what its subjects and groups are here."""

    name: str
    issuer: str
    client_id: str
    secret: str | None = field(default=None, repr=False)
    scopes: tuple[str, ...] = ("openid", "profile")
    person: str = "sub"
    """the claim that names the person"""
    persons: Mapping[str, str] = field(default_factory=dict)
    """subject -> person, for those whose claim does not name them"""
    acr: tuple[str, ...] = ()
    """classes of sign-in of which the provider has to name one; none: any"""
    amr: tuple[str, ...] = ()
    """methods of which he has to have used one (`otp`, `hwk`, `mfa` …); none: any"""
    groups: str = "groups"
    """the claim that lists the groups"""
    role_days: int = ROLE_DAYS
    """after the last sign-in"""
    roles: Mapping[str, tuple[Role, ...]] | None = None
    """group -> roles; None: roles are granted here and not there"""

    @classmethod
    def read(cls, path: Path) -> Settings:
        """A YAML file. Raises OSError, ValueError with what is wrong."""
        try:
            found: dict[str, Any] = SettingsIn().load(yaml.safe_load(path.read_text(encoding="utf-8")))
        except (ValidationError, yaml.YAMLError) as error:
            raise ValueError(f"{path}: {error}") from None
        if not _safe(found["issuer"]):
            raise ValueError(f"{path}: issuer: https://… (http only on this machine)")
        secret_file = found["client_secret_file"]
        held = (path.parent / secret_file).read_text(encoding="utf-8").strip() if secret_file else None
        roles = found["roles"]
        return cls(
            name=found["oidc"], issuer=found["issuer"].rstrip("/"), client_id=found["client_id"], secret=held,
            scopes=tuple(found["scopes"]), person=found["person"], persons=found["persons"], groups=found["groups"],
            acr=tuple(found["acr"]), amr=tuple(found["amr"]),
            role_days=found["role_days"],
            roles=roles and {group: tuple(Role(**role) for role in mapped) for group, mapped in roles.items()},
        )  # fmt: skip


class Oidc:
    """Sign-in at one provider, for one engine's service."""

    def __init__(self, engine: Engine, settings: Settings, sessions: Sessions) -> None:
        """Raises ValueError for a role that there is not."""
        self._engine = engine
        self._settings = settings
        self._sessions = sessions
        self._shelf = Shelf(engine)
        self._counter = Counter(engine)
        sessions.elsewhere, sessions.elsewhere_end = BEGIN, END
        self._metadata: dict[str, Any] | None = None
        named = {role.role for mapped in (settings.roles or {}).values() for role in mapped}
        if unknown := sorted(named - set(engine.library.roles.values)):
            raise ValueError(f"oidc: no role {', '.join(unknown)}")

    def blueprint(self) -> Blueprint:
        """Where a browser is sent to the provider, where it comes back, where it is sent to sign out there too; and where the
        provider says that somebody has signed out there.
        """
        found = Blueprint("tibandu_oidc", __name__)
        found.add_url_rule(BEGIN, "begin", self._begin, methods=["GET"])
        found.add_url_rule(RETURN, "return", self._return, methods=["GET"])
        found.add_url_rule(END, "end", self._end, methods=["GET"])
        found.add_url_rule(LOGOUT, "logout", self._logout, methods=["POST"])
        found.register_error_handler(Exception, respond)
        return found

    def _begin(self) -> Response:
        address, remember = self.begin(asking)
        return _sent(address, remember)

    def _return(self) -> Response:
        try:
            person, back = self.finish(asking)
        except Problem as error:
            SecurityLog(self._engine).failed(None, f"oidc, {error.code}")
            raise
        return _sent(back, self._sessions.open(person, OIDC), self._remember("", 0))

    def _end(self) -> Response:
        return _sent(self.leaving(asking))

    def _logout(self) -> Response:
        chosen = self._settings
        tokens = LogoutTokens(self._engine, self._sessions, chosen.issuer, chosen.client_id, self._keys)
        return tokens.answer(asking, ALGORITHMS)

    # -- the two steps

    def begin(self, request: Request) -> tuple[str, SetCookie]:
        """Where to send the browser, and the cookie by which it is known again. Raises Problem 429, 503."""
        self._counter.take(ARRIVALS, source(request))
        state, nonce, verifier = (secret(self._engine) for _ in range(3))
        until = self._shelf.now() + timedelta(seconds=SECONDS)
        row = {
            "state": digest(state),
            "nonce": nonce,
            "verifier": verifier,
            "back": _back(request.args.get("next", "")),
        }
        table = self._shelf.tables.arrival
        with self._shelf.connection(write=True) as connection:
            connection.execute(delete(table).where(table.c.until <= stamp(self._shelf.now())))
            connection.execute(insert(table).values(**row, until=stamp(until)))
        more = {"acr_values": " ".join(self._settings.acr)} if self._settings.acr else {}
        address, _ = self._client(request).create_authorization_url(
            self._provider()["authorization_endpoint"],
            state=state,
            nonce=nonce,
            code_verifier=verifier,
            **more,
        )
        return str(address), self._remember(state, SECONDS)

    def finish(self, request: Request) -> tuple[str, str]:
        """Who has come back, and where he was going. Raises Problem 401 whatever is wrong with the answer, 503."""
        state = request.args.get("state", "")
        if not state or request.cookies.get(self._name(request)) != state:
            raise _refused("state")
        arrival = self._arrived(state)
        if (
            "code" not in request.args
            or request.args.get("iss", self._settings.issuer) != self._settings.issuer
        ):
            raise _refused(request.args.get("error", "code")[:40])
        claims = self._claims(request, arrival)
        self._strong(claims)
        person = self._person(claims)
        self._grant(person, claims)
        return person, arrival["back"]

    def leaving(self, request: Request) -> str:
        """Where the browser is signed out at the provider (RP-Initiated Logout 1.0), or our sign-in page where it offers none."""
        here, end = (
            origin_of(request, self._sessions.url) + "/sign-in",
            self._provider().get("end_session_endpoint"),
        )
        if not isinstance(end, str) or not _safe(end):
            return here
        asked = urlencode({"client_id": self._settings.client_id, "post_logout_redirect_uri": here})
        return f"{end}{'&' if '?' in end else '?'}{asked}"

    def _strong(self, claims: Mapping[str, Any]) -> None:
        """Whether he proved himself there as well as the settings ask for; what the provider does not say he did not."""
        used = claims.get("amr") or []
        if self._settings.acr and claims.get("acr") not in self._settings.acr:
            raise _refused("acr")
        if self._settings.amr and not (isinstance(used, list) and {*map(str, used)} & {*self._settings.amr}):
            raise _refused("amr")

    def _arrived(self, state: str) -> dict[str, Any]:
        """What was asked; once."""
        table = self._shelf.tables.arrival
        with self._shelf.connection(write=True) as connection:
            query = delete(table).where(table.c.state == digest(state)).returning(table)
            row = connection.execute(query).mappings().first()
        if row is None or row["until"] <= stamp(self._shelf.now()):
            raise _refused("state")
        return dict(row)

    def _claims(self, request: Request, arrival: Mapping[str, Any]) -> dict[str, Any]:
        """What the provider has signed of him, for us, now, to this question."""
        try:
            token = self._client(request).fetch_token(
                self._provider()["token_endpoint"], code=request.args["code"], code_verifier=arrival["verifier"],
                timeout=TIMEOUT, allow_redirects=False,
            )  # fmt: skip
            signed = jwt.decode(token["id_token"], self._keys(), algorithms=ALGORITHMS)
            params = {
                "nonce": arrival["nonce"],
                "client_id": self._settings.client_id,
                "access_token": token.get("access_token"),
            }
            wanted = {
                "iss": {"values": [self._settings.issuer]},
                "aud": {"values": [self._settings.client_id]},
            }
            claims = CodeIDToken(signed.claims, signed.header, wanted, params)
            claims.validate(now=int(self._shelf.now().timestamp()), leeway=LEEWAY)
        except (AuthlibBaseError, JoseError, KeyError, TypeError, ValueError) as error:
            raise _refused(type(error).__name__) from error
        except RequestException as error:
            raise _unreachable() from error
        return dict(claims)

    # -- who he is here

    def _person(self, claims: Mapping[str, Any]) -> str:
        """The person of that subject, bound to it when he first comes."""
        subject, issuer = str(claims["sub"]), self._settings.issuer
        named = self._settings.persons.get(subject) or claims.get(self._settings.person)
        if not isinstance(named, str) or not is_person(named) or len(subject) > 255:
            raise _refused("person")
        if subject not in self._settings.persons and Accounts(self._engine).get(named) is not None:
            raise _refused("account")  # a name that its user may edit there is no proof of an account here
        table = self._shelf.tables.subject
        with self._shelf.connection(write=True) as connection:
            mine = select(table.c.subject, table.c.person).where(
                table.c.issuer == issuer, (table.c.subject == subject) | (table.c.person == named)
            )
            row = {"issuer": issuer, "subject": subject, "person": named, "since": stamp(self._shelf.now())}
            if not connection.execute(mine).all():
                insert_once(connection, table, row)
            bound = {tuple(found) for found in connection.execute(mine)}
        if bound != {(subject, named)}:
            raise _refused("subject")
        return named

    def _grant(self, person: str, claims: Mapping[str, Any]) -> None:
        if self._settings.roles is None:
            return
        groups = claims.get(self._settings.groups) or []
        if not isinstance(groups, list):
            raise _refused("groups")
        held = [role for group in groups for role in self._settings.roles.get(str(group), ())]
        day = today(self._engine)
        sync(self._engine, person, held, by=f"oidc:{self._settings.name}"[:80], day=day,
             until=day + timedelta(days=self._settings.role_days))  # fmt: skip

    # -- the provider

    def _client(self, request: Request) -> OAuth2Session:
        way = "client_secret_basic" if self._settings.secret else "none"
        return OAuth2Session(
            self._settings.client_id, self._settings.secret, scope=" ".join(self._settings.scopes),
            redirect_uri=origin_of(request, self._sessions.url) + RETURN, code_challenge_method="S256",
            token_endpoint_auth_method=way,
        )  # fmt: skip

    def _provider(self) -> dict[str, Any]:
        """What the provider says of itself; asked once."""
        if self._metadata is None:
            found = self._asked(self._settings.issuer + "/.well-known/openid-configuration")
            ends = ("authorization_endpoint", "token_endpoint", "jwks_uri")
            if found.get("issuer") != self._settings.issuer or not all(
                _safe(str(found.get(end))) for end in ends
            ):
                raise _unreachable()
            self._metadata = found
        return self._metadata

    def _keys(self) -> KeySet:
        """The keys of today: they are changed without notice, and sign-ins are few."""
        return KeySet.import_key_set(self._asked(self._provider()["jwks_uri"]))  # type: ignore[arg-type]

    def _asked(self, address: str) -> dict[str, Any]:
        try:
            with OAuth2Session() as session:
                answer = session.get(address, withhold_token=True, timeout=TIMEOUT, allow_redirects=False)
            answer.raise_for_status()
            found = answer.json()
        except (RequestException, ValueError) as error:
            raise _unreachable() from error
        if not isinstance(found, dict):
            raise _unreachable()
        return found

    # -- the browser

    def _name(self, request: Request) -> str:
        return SAFE_COOKIE if self._sessions.secure(request) else COOKIE

    def _remember(self, state: str, seconds: int) -> SetCookie:
        def put(response: Response) -> None:
            response.set_cookie(
                self._name(asking), state, max_age=seconds, secure=self._sessions.secure(asking), httponly=True,
                samesite="Lax", path="/",
            )  # fmt: skip

        return put


def _sent(address: str, *cookies: SetCookie) -> Response:
    response = redirect(address, 303)
    for put in cookies:
        put(response)  # type: ignore[arg-type]
    response.headers["Cache-Control"] = "no-store"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response  # type: ignore[return-value]


def _refused(why: str) -> Problem:
    """The same for whoever tries; why is for the log."""
    log.warning("oidc: sign-in refused: %s", why)
    return Problem(
        "unauthenticated", Text("统一认证登录未成功，请重新登录", "the sign-in did not succeed; begin again")
    )


def _unreachable() -> Problem:
    return Problem(
        "unavailable", Text("统一认证暂不可用", "the identity provider does not answer as it should")
    )


def _back(address: str) -> str:
    """Where to go on: a path of ours and nothing else."""
    plain = address.startswith("/") and not address.startswith("//") and len(address) <= 400
    return address if plain and "\\" not in address and address.isprintable() else "/"


def _safe(address: str) -> bool:
    """Whether what is told there is told to nobody else: https, or this very machine."""
    found = urlsplit(address)
    return found.scheme == "https" or (
        found.scheme == "http" and found.hostname in ("127.0.0.1", "localhost", "::1")
    )
