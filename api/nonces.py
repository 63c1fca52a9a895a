"""Forms that anybody may send without a login: each shows that it was opened here not long ago, and counts once.

A nonce is signed by a key that only the service's database knows and belongs to one form. What is sent twice with one nonce is
one thing: the receipt is derived from it, so reloading a page or losing an answer leaves neither two opinions nor none.
"""

from __future__ import annotations

import base64
import hashlib
import hmac

from sqlalchemy import select

from workflow import Engine
from workflow.overview import secret

from .store import Shelf, insert_once

HOURS = 12
"""how long a form may stay open"""
LETTERS = 26
"""of a receipt: 130 bits, a-z and 2-7"""
KEY = "forms"


class Nonces:
    """The nonces of one engine's service."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._shelf = Shelf(engine)

    def make(self, form: str) -> str:
        """A nonce for that form: instant, chance, signature."""
        body = f"{int(self._shelf.now().timestamp()):x}.{secret(self._engine)[:32]}"
        return f"{body}.{self._sign(form, body)}"

    def seal(self, form: str, text: str) -> str:
        """The text with our signature: what a page of ours carries and may not be changed by whoever sends it back."""
        packed = base64.urlsafe_b64encode(text.encode()).decode("ascii")
        return f"{packed}.{self._sign(form, packed)}"

    def opened(self, form: str, sealed: str) -> str | None:
        """What was sealed for that form; None for anything else."""
        packed, _, signature = sealed.rpartition(".")
        if not sealed.isascii() or not hmac.compare_digest(self._sign(form, packed), signature):
            return None
        return base64.urlsafe_b64decode(packed).decode()

    def holds(self, form: str, nonce: str) -> bool:
        """Whether it was made here for that form and is not too old."""
        body, _, signature = nonce.rpartition(".")
        if not nonce.isascii() or not hmac.compare_digest(self._sign(form, body), signature):
            return False
        age = self._shelf.now().timestamp() - int(body.partition(".")[0], 16)  # ours, so it is a number
        return -60 <= age <= HOURS * 3600

    def receipt(self, nonce: str) -> str:
        """What the sender of that form gets: the same for the same nonce, and to be guessed by nobody."""
        digest = hmac.digest(self._key(), f"receipt\n{nonce}".encode(), hashlib.sha256)
        return base64.b32encode(digest)[:LETTERS].decode().lower()

    def _sign(self, form: str, body: str) -> str:
        return hmac.new(self._key(), f"{form}\n{body}".encode(), hashlib.sha256).hexdigest()

    def _key(self) -> bytes:
        table = self._shelf.tables.key
        query = select(table.c.value).where(table.c.name == KEY)
        with self._shelf.connection() as connection:
            found = connection.execute(query).scalar()
        if found is None:
            with self._shelf.connection(write=True) as connection:
                insert_once(connection, table, {"name": KEY, "value": secret(self._engine)})
                found = connection.execute(query).scalar_one()
        return bytes.fromhex(found)
