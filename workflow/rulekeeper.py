"""Keeps every version of the rules that a clock was ever started under, and finds it again.

Authoritative is the row: a clock's ledger names its version. The row is there before the first clock: it is written when
definitions are published, or, where somebody only put new files in place, with the first event this process fires. What can
fail: the host rolls that back; then it is written with the next event.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from .errors import NotFound, Text
from .laws import Laws
from .periods import RuleBook
from .rulecontent import content_of, restored, version_of
from .store.sql import Store
from .store.work import Host

__all__ = ["RuleKeeper"]


class RuleKeeper:
    """One per engine."""

    def __init__(self, store: Store, laws: Laws, now: Callable[[], datetime]) -> None:
        self._store = store
        self._laws = laws
        self._now = now
        self.ready = False
        """the rules in use are in the store"""

    def before(self, host: Host | None) -> None:
        """Called before events are fired: ours find the rules kept."""
        if not self.ready and host is None:
            self.keep()

    def after(self, host: Host | None) -> None:
        """Called after events are fired: a host's transaction takes the rules with it, once it has proved to be one."""
        if not self.ready and host is not None:
            self.keep(host)

    def keep(self, host: Host | None = None) -> None:
        """Write the rules in use, and those of the other places, unless they are there.

        A host may hold the only lock there is, so what is missing is written in its transaction, and looked for in none.
        """
        books = {version_of(book): book for book in self._laws.library.rules.values()}
        with self._store.connection() as connection:
            missing = books.keys() - self._store.rules_kept(connection)
        if missing:
            at = self._now().isoformat()
            with self._store.connection(host, write=True) as connection:
                for version in sorted(missing):
                    book = books[version]
                    self._store.keep_rules(connection, version, book.place, content_of(book), at)
        self.ready = host is None or not missing


def fetched(store: Store, version: str) -> RuleBook:
    """The rules of that version. Raises NotFound."""
    with store.connection() as connection:
        content = store.rules(connection, version)
    if content is None:
        text = Text(f"没有版本为 {version} 的规则", f"no rules of the version {version}")
        raise NotFound(text)
    return restored(content)
