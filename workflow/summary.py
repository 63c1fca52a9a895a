"""The summary of all cases at hand: brought up to date by who asks, if little has happened, and by every tick.

A figure is either the summary's or counted from the cases, and is the same: `Shortcut` says for whom it may stand. An overseer
sees the cases of his tenants, so those are the summary's; the few that he sees or does not see for another reason (he stands in
them, or is barred) are counted one by one and put right. Everybody else's figures are counted from their own cases.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql import ColumnElement, Select

from .clock import civil_date
from .errors import StoreError
from .history import RESERVED
from .laws import Laws
from .sight import Narrowing, Sight
from .store import filters, summarised
from .store.filters import Filter, Period, Ran
from .store.sql import Store
from .store.summary import Summing, Terms
from .store.tallies import Groups
from .visibility import Viewer

__all__ = ["Shortcut", "Summary"]

Parts = list[tuple[int, Select[Any]]]
PAGES = 4
"""of cases a reader waits for at most"""
logger = logging.getLogger("workflow.summary")


@dataclass(frozen=True, slots=True)
class Shortcut:
    """Where the summary stands for the cases one reader may know of."""

    store: Store
    terms: Terms
    scopes: list[str]
    limited: set[str]
    """kinds whose cases are seen by those who are named, whatever they oversee: not the summary's"""
    exceptional: ColumnElement[bool] | None
    """cases he sees, or does not see, for a reason of his own"""
    narrowed: Narrowing
    laws: Laws

    def count(self, asked: Filter, query: Callable[[], Select[Any]]) -> Parts | None:
        """(sign, query) of what adds up to how many cases; `query` makes the one over cases, not narrowed yet."""
        short = self._of(asked, lambda: summarised.count(self.store, self.scopes, asked, self.limited))
        return None if short is None else self._put_right(short, query, asked)

    def grouped(
        self, what: str, query: Callable[[], Select[Any]], asked: Filter, groups: Groups, period: Period
    ) -> Parts | None:
        """The same of figures."""
        short = self._of(
            asked,
            lambda: summarised.grouped(self.store, self.scopes, what, asked, groups, period, self.limited),
        )
        return None if short is None else self._put_right(short, query, asked)

    def took(self, query: Callable[[], Select[Any]], asked: Filter, ran: Ran) -> Parts | None:
        """The same of how long answers took."""
        short = self._of(
            asked,
            lambda: summarised.took(self.store, self.scopes, asked, ran, self.terms.answers, self.limited),
        )
        return None if short is None else self._put_right(short, query, asked)

    def _of(self, asked: Filter, make: Callable[[], Select[Any] | None]) -> Select[Any] | None:
        return None if asked.kind in self.limited or self._unheard(asked) else make()

    def _unheard(self, asked: Filter) -> bool:
        """Whether some of the cases may have been acted in, and the reader does not know."""
        hidden = set(asked.unheard).difference(RESERVED)
        summed = (law.definition for law in self.laws.known() if law.definition.name not in self.limited)
        return bool(hidden) and any(
            not hidden.isdisjoint(one.events) for one in summed if asked.kind in (None, one.name)
        )

    def _put_right(self, short: Select[Any], query: Callable[[], Select[Any]], asked: Filter) -> Parts:
        c, parts = self.store.tables.cases.c, [(1, short)]
        kinds = sorted(self.limited) if asked.kind is None else []
        if kinds:
            limited = [one for kind in kinds for one in self.laws.versions(kind)]
            parts.append((1, self.narrowed(query().where(filters.of_versions(self.store, limited)), "all")))
        if self.exceptional is not None:
            own = query().where(self.exceptional, c.kind.not_in(kinds))
            parts.append((1, self.narrowed(own, "all")))
            parts.append((-1, own.where(self.store.questions.within(c.tenant, self.scopes))))
        return parts


class Summary:
    """Brings the summary up to date and says for whom it stands; one per engine."""

    def __init__(self, store: Store, laws: Laws, sight: Sight, now: Callable[[], datetime]) -> None:
        self._store = store
        self._laws = laws
        self._sight = sight
        self._now = now

    def refresh(self, pages: int | None = None) -> bool:
        """Bring it up to date, a transaction for each page of cases, at most so many; whether it is. Harmless beside anything."""
        with self._store.connection() as connection:
            if self._summing().current(connection):
                return True
            # two nodes that know different versions would each count the other's away
            if self._sight.learn(connection) and self._summing().current(connection):
                return True
        summing = self._summing()
        for _ in count() if pages is None else range(pages):
            with self._store.connection(write=True) as connection:
                if summing.advance(connection):
                    return True
        return False

    def rebuild(self) -> None:
        """Count everything anew."""
        with self._store.connection(write=True) as connection:
            self._summing().forget(connection)
        self.refresh()

    def contradictions(self) -> list[str]:
        """Where it says something else than the cases; nothing, when it is as it should be, or cannot be written here."""
        try:
            self.refresh()
        except (DBAPIError, StoreError):
            return []
        with self._store.connection() as connection:
            return list(self._summing().contradictions(connection))

    def fresh(self) -> bool:
        """Whether a reader may have it now: brought up to date if that is soon done."""
        try:
            return self.refresh(PAGES)
        except (DBAPIError, StoreError):  # a database that only reads, or is busy: the cases are there
            logger.info("the summary is not brought up to date", exc_info=True)
            return False

    def shortcut(self, connection: Connection, viewer: Viewer, narrowed: Narrowing) -> Shortcut | None:
        """For whom it stands: overseers."""
        scopes, limited, exceptional = self._sight.overseen(connection, viewer)
        return (
            Shortcut(self._store, self._terms(), scopes, limited, exceptional, narrowed, self._laws)
            if scopes
            else None
        )

    def _summing(self) -> Summing:
        now = self._now()
        return Summing(self._store, self._terms(), civil_date(now), now)

    def _terms(self) -> Terms:
        laws = [law.definition for law in self._laws.known()]
        units = {name for law in laws for name, relation in law.relations.items() if relation.of == "unit"}
        statutory = {rule.id for rule in self._laws.book.rules if rule.statutory}
        return Terms(units, statutory, self._laws.library.answers, dict(self._laws.finishing()))
