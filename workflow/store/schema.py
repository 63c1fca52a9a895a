"""The tables, the same on both databases. Everything carries the prefix, so they can live beside a host's own.

Each subject has a file: cases, post, parties, law, watch, summary. JSON columns are text to the database, which knows nothing of their
structure.
"""

from __future__ import annotations

from functools import cache

from sqlalchemy import String

from .case_tables import CaseTables
from .law_tables import LawTables
from .party_tables import PartyTables
from .post_tables import PostTables
from .summary_tables import SummaryTables
from .watch_tables import WatchTables

PREFIX = "tibandu_"


class Tables(CaseTables, PostTables, PartyTables, LawTables, WatchTables, SummaryTables):
    """The tables under one prefix, as attributes."""

    def __init__(self, prefix: str = PREFIX) -> None:
        super().__init__(prefix)
        self.cases = self._cases()
        self.relation = self._relation()
        self.clock = self._clock()
        self.history = self._history()
        self.disclosure = self._disclosure()
        self.erasure = self._erasure()
        self.retention = self._retention()
        self.feed = self._feed()
        self.outbox = self._outbox()
        self.delivery = self._delivery()
        self.contact = self._contact()
        self.choice = self._choice()
        self.epoch = self._epoch()
        self.subscription = self._subscription()
        self.answer = self._answer()
        self.invitation = self._invitation()
        self.party = self._party()
        self.party_personal = self._party_personal()
        self.bond = self._bond()
        self.party_log = self._party_log()
        self.grant = self._grant()
        self.series = self._series()
        self.definition = self._definition()
        self.barred = self._barred()
        self.event_policy = self._event_policy()
        self.rulebook = self._rulebook()
        self.calendar = self._calendar()
        self.mark = self._mark()
        self.anchor = self._anchor()
        self.node = self._node()
        self.broken = self._broken()
        self.journal = self._journal()
        self.summary = self._summary()
        self.summed = self._summed()
        self.summary_state = self._summary_state()
        self._compare_by_bytes()

    def _compare_by_bytes(self) -> None:
        """Ids, tenants, dates and keys are ordered alike on both databases, whatever language a PostgreSQL database sorts by."""
        for table in self.metadata.tables.values():
            for column in table.columns:
                if type(column.type) is String:
                    by_bytes = String(column.type.length, collation="C")
                    column.type = column.type.with_variant(by_bytes, "postgresql")


@cache
def tables_of(prefix: str) -> Tables:
    """The tables under that prefix, described once for all engines of the process; nobody changes them."""
    return Tables(prefix)
