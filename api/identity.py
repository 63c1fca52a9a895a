"""Who asks. The engine asks for a person; how a request proves which is the host's, or a file of bearer tokens."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from flask import Request

from workflow import Actor
from workflow.model import SYSTEM


@dataclass(frozen=True, slots=True)
class Via:
    """The other system through which a person acts: its service account, and which token."""

    account: str
    token: str


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks by a token that is good only for some of what he may do."""

    actor: Actor
    scopes: frozenset[str]
    via: Via | None = None
    """when the token's system names the person who acts"""
    token: str | None = None
    """which token, by its id"""


Identify = Callable[[Request], Actor | Caller | None]
"""The person of a request, or None when it does not prove one."""

ACTING_USER = "X-Acting-User"
"""names the person for whom another system asks; believed of nobody but a token with `act_as`"""
_LINE = re.compile(r"([0-9a-f]{64})\s+(\S{1,80})")


def is_person(name: str) -> bool:
    """Whether a name from outside can be a person's: visible, no longer than a person's, neither the system's nor a service's."""
    return (
        bool(re.fullmatch(r"\S{1,80}", name))
        and name.isprintable()
        and name != SYSTEM
        and not name.startswith("svc.")
    )


def nobody(_request: Request) -> Actor | None:
    """Proves nobody: everything but health is answered 401."""
    return None


def bearer_of(request: Request) -> str | None:
    """The bearer token of a request."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


def digest(token: str) -> str:
    """What is kept of a token."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


class Tokens:
    """Bearer tokens by their SHA-256; the tokens themselves are stored nowhere."""

    def __init__(self, persons: Mapping[str, str]) -> None:
        """`persons`: hex SHA-256 of a token -> person."""
        self._persons = dict(persons)

    @classmethod
    def read(cls, path: Path) -> Tokens:
        """A file with a hash and a person on each line; `#` begins a comment. Raises OSError, ValueError with the line."""
        persons: dict[str, str] = {}
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            words = line.partition("#")[0].strip()
            if not words:
                continue
            found = _LINE.fullmatch(words)
            if found is None or found[2] == "system" or found[1] in persons:
                raise ValueError(f"{path}:{number}: <sha256 hex> <person>")
            persons[found[1]] = found[2]
        return cls(persons)

    def __call__(self, request: Request) -> Actor | None:
        """The person of the request's bearer token."""
        token = bearer_of(request)
        person = self._persons.get(digest(token)) if token else None
        return Actor(person=person) if person else None
