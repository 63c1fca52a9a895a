"""The tables, the same on both databases. Everything carries the prefix, so they can live beside a host's own.

`cases` holds the authority on what is; `relation` and `clock` are indexes derived from it; `history` is append-only and
`disclosure` holds what was said, erasable. JSON columns are text to the database: it never looks inside.
"""

from __future__ import annotations

from functools import cache

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Identity,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    and_,
    false,
    text,
)
from sqlalchemy.schema import SchemaItem

PREFIX = "tibandu_"
_BIG = BigInteger().with_variant(Integer, "sqlite")

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class Tables:
    """The tables under one prefix, as attributes."""

    def __init__(self, prefix: str = PREFIX) -> None:
        self.prefix = prefix
        self.metadata = MetaData(naming_convention=NAMING)
        self.cases = self._cases()
        self.relation = self._relation()
        self.clock = self._clock()
        self.history = self._history()
        self.disclosure = self._disclosure()
        self.erasure = self._erasure()
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
        self.gram = self._gram()
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

    def _table(self, name: str, *columns: SchemaItem, by_key: bool = False) -> Table:
        """`by_key`: short rows that lie in their primary key, so that SQLite writes one tree for each and not two."""
        return Table(self.prefix + name, self.metadata, *columns, sqlite_with_rowid=not by_key)

    def _case_id(self, *, primary: bool = True) -> Column[str]:
        # No foreign key: cases are never deleted (a trigger refuses it), every row here is written in the statement that
        # writes its case, and `verify` looks for orphans; a key check per row would cost a fifth of the hot path.
        return Column("case_id", String(40), primary_key=primary, nullable=False)

    def _cases(self) -> Table:
        table = self._table(
            "cases",
            Column("id", String(40), primary_key=True),
            Column("root_id", String(40), nullable=False),
            Column("slot", String(40)),
            Column("party", String(80)),
            Column("kind", String(40), nullable=False),
            Column("definition", String(64), nullable=False),
            Column("tenant", String(200), nullable=False),
            Column("state", String(40), nullable=False),
            Column("revision", _BIG, nullable=False),
            Column("seq", Integer, nullable=False),
            Column("number", String(80)),
            Column("number_key", String(300)),
            Column("data", Text, nullable=False),
            Column("relations", Text, nullable=False),
            Column("memo", Text, nullable=False),
            Column("clocks", Text, nullable=False),
            Column("head", String(64), nullable=False),
            Column("opened_on", String(10)),
            Column("closed", Boolean, nullable=False),
            Column("due_on", String(10)),
        )
        Index(f"ix_{table.name}_family", table.c.root_id, table.c.id)
        Index(
            f"ix_{table.name}_worklist", table.c.definition, table.c.state, table.c.tenant, table.c.due_on, table.c.id,
            postgresql_where=~table.c.closed, sqlite_where=table.c.closed == text("0"),
        )  # fmt: skip
        # Written once, when a case ends.
        Index(
            f"ix_{table.name}_closed", table.c.definition, table.c.id,
            postgresql_where=table.c.closed, sqlite_where=table.c.closed == text("1"),
        )  # fmt: skip
        # For who asks for everything of a tenant, closed cases too.
        Index(f"ix_{table.name}_tenant", table.c.tenant, table.c.id)
        # Most cases have no number yet, and each writing of a case writes its place in every index it is in.
        numbered = table.c.number_key.is_not(None)
        Index(
            f"uq_{table.name}_number", table.c.number_key, unique=True, postgresql_where=numbered, sqlite_where=numbered
        )  # fmt: skip
        return table

    def _relation(self) -> Table:
        table = self._table(
            "relation",
            self._case_id(),
            Column("relation", String(40), primary_key=True),
            Column("party", String(80), primary_key=True),
            # Every case of the family has ended: who looks among open cases passes it by. Written when the last one ends and
            # when one begins again, never else; it may be missing, and is never there while a case is open.
            Column("past", Boolean, nullable=False, server_default=false()),
            by_key=True,
        )
        Index(f"ix_{table.name}_party", table.c.party, table.c.past, table.c.case_id, table.c.relation)
        return table

    def _clock(self) -> Table:
        table = self._table(
            "clock",
            self._case_id(),
            Column("name", String(40), primary_key=True),
            Column("rule", String(40), nullable=False),
            Column("anchor_on", String(10), nullable=False),
            Column("due_on", String(10), nullable=False),
            Column("outer_on", String(10)),
            Column("provisional", Boolean, nullable=False),
            Column("running", Boolean, nullable=False),
            Column("next_rung", Integer),
            Column("next_at", String(25)),
            by_key=True,
        )
        awake = table.c.next_at.is_not(None)
        Index(
            f"ix_{table.name}_next",
            table.c.next_at,
            table.c.case_id,
            postgresql_where=awake,
            sqlite_where=awake,
        )
        return table

    def _history(self) -> Table:
        return self._table(
            "history",
            Column("id", _BIG, Identity(always=True), primary_key=True),
            self._case_id(primary=False),
            Column("seq", Integer, nullable=False),
            Column("recorded_at", String(32), nullable=False),
            Column("effective_on", String(10)),
            Column("event", String(40), nullable=False),
            Column("from_state", String(40), nullable=False),
            Column("to_state", String(40), nullable=False),
            Column("actor", String(80), nullable=False),
            Column("on_behalf_of", String(80)),
            Column("role", String(40)),
            Column("unit", String(80)),
            Column("automatic", String(10)),
            Column("definition", String(64), nullable=False),
            Column("commitments", Text, nullable=False),
            Column("prev", String(64), nullable=False),
            Column("hash", String(64), nullable=False),
            UniqueConstraint("case_id", "seq"),
        )

    def _disclosure(self) -> Table:
        return self._table(
            "disclosure",
            self._case_id(),
            Column("seq", Integer, primary_key=True),
            Column("body", Text, nullable=False),
        )

    def _erasure(self) -> Table:
        return self._table(
            "erasure",
            Column("id", _BIG, Identity(always=True), primary_key=True),
            self._case_id(primary=False),
            Column("fields", Text, nullable=False),
            Column("erased_by", String(80), nullable=False),
            Column("reason", Text, nullable=False),
            Column("erased_at", String(32), nullable=False),
        )

    def _feed(self) -> Table:
        return self._table(
            "feed",
            Column("position", _BIG, primary_key=True, autoincrement=False),
            Column("history_id", _BIG, ForeignKey(f"{self.prefix}history.id"), nullable=False, unique=True),
        )

    def _outbox(self) -> Table:
        table = self._table(
            "outbox",
            Column("key", String(160), primary_key=True),
            self._case_id(primary=False),
            Column("seq", Integer, nullable=False),
            Column("topic", String(60), nullable=False),
            Column("recipient", String(200), nullable=False),
            Column("body", Text, nullable=False),
            Column("state", String(12), nullable=False),
            Column("created_at", String(32), nullable=False),
            by_key=True,
        )
        queued = table.c.state == text("'queued'")
        Index(
            f"ix_{table.name}_queued",
            table.c.created_at,
            table.c.key,
            postgresql_where=queued,
            sqlite_where=queued,
        )
        return table

    def _delivery(self) -> Table:
        table = self._table(
            "delivery",
            Column("key", String(420), primary_key=True),
            Column("outbox_key", String(160)),
            self._case_id(primary=False),
            Column("seq", Integer, nullable=False),
            Column("topic", String(60), nullable=False),
            Column("holder", String(200), nullable=False),
            Column("channel", String(40), nullable=False),
            Column("state", String(12), nullable=False),
            Column("attempts", Integer, nullable=False),
            Column("next_at", String(32)),
            Column("token", _BIG, nullable=False),
            Column("leased_until", String(32)),
            Column("tried_at", String(32)),
            Column("answer", String(500)),
            Column("digest", String(10)),
            Column("digest_from", String(10)),
            Column("created_at", String(32), nullable=False),
            Column("read_at", String(32)),
        )
        waits, inbox = table.c.next_at.is_not(None), table.c.channel == text("'inbox'")
        Index(
            f"ix_{table.name}_due", table.c.channel, table.c.attempts, table.c.next_at, table.c.key,
            postgresql_where=waits, sqlite_where=waits,
        )  # fmt: skip
        Index(
            f"ix_{table.name}_inbox", table.c.holder, table.c.created_at, table.c.key,
            postgresql_where=inbox, sqlite_where=inbox,
        )  # fmt: skip
        digest = and_(table.c.topic == text("'@digest'"), waits)
        Index(
            f"ix_{table.name}_digest",
            table.c.holder,
            table.c.channel,
            postgresql_where=digest,
            sqlite_where=digest,
        )
        Index(f"ix_{table.name}_case", table.c.case_id, table.c.topic)
        Index(f"ix_{table.name}_tried", table.c.channel, table.c.tried_at)
        return table

    def _contact(self) -> Table:
        return self._table(
            "contact",
            Column("holder", String(200), primary_key=True),
            Column("channel", String(40), primary_key=True),
            Column("address", String(300), nullable=False),
            Column("digest", Boolean, nullable=False),
            Column("by_file", Boolean, nullable=False),
        )

    def _choice(self) -> Table:
        return self._table(
            "choice",
            Column("holder", String(200), primary_key=True),
            Column("channel", String(40), primary_key=True),
            Column("wanted", String(1000), nullable=False),  # kind/state, between commas; empty: nothing
        )

    def _subscription(self) -> Table:
        return self._table(
            "subscription",
            Column("id", String(40), primary_key=True),
            Column("account", String(80), nullable=False),
            Column("url", String(500), nullable=False),
            Column(
                "secret", String(400), nullable=False
            ),  # signs what is sent: sealed (vault.py), not hashed
            Column("kinds", String(1000), nullable=False),  # names, between commas
            Column("events", String(1000), nullable=False),
            Column("position", _BIG, nullable=False),
            Column("created_by", String(80), nullable=False),
            Column("created_at", String(32), nullable=False),
            Column("paused_at", String(32)),
            Column("token", String(40)),  # of the service, with which it was made
        )

    def _epoch(self) -> Table:
        return self._table(
            "epoch",
            Column("began_at", String(32), primary_key=True),
            Column("taken_at", String(32), nullable=False),
        )

    def _answer(self) -> Table:
        return self._table(
            "answer",
            Column("key", String(300), primary_key=True),
            Column("body_hash", String(81), nullable=False),
            Column("answer", Text, nullable=False),
            Column("recorded_at", String(32), nullable=False),
        )

    def _invitation(self) -> Table:
        return self._table(
            "invitation",
            Column("token_hash", String(64), primary_key=True),
            self._case_id(primary=False),
            Column("event", String(200), nullable=False),  # names, between commas
            Column("subject", String(80), nullable=False),
            Column("until", String(10), nullable=False),
            Column("issued_by", String(80), nullable=False),
            Column("issued_at", String(32), nullable=False),
            Column("channels", String(400), nullable=False),  # names, between commas
            Column("revoked_at", String(32)),
            Column("used_at", String(32)),
        )

    def _party(self) -> Table:
        table = self._table(
            "party",
            Column("id", String(80), primary_key=True),
            Column("kind", String(40), nullable=False),
            Column("name", String(200), nullable=False),
            Column("tenant", String(200), nullable=False),
            Column("parent", String(80)),
            Column("status", String(40), nullable=False),
            Column("valid_from", String(10)),
            Column("valid_until", String(10)),
            Column("attributes", Text, nullable=False),
            Column("revision", Integer, nullable=False),
        )
        Index(f"ix_{table.name}_tenant", table.c.kind, table.c.tenant, table.c.id)
        Index(f"ix_{table.name}_parent", table.c.parent, table.c.id)
        Index(f"ix_{table.name}_name", table.c.name, table.c.kind, table.c.id)
        return table

    def _party_personal(self) -> Table:
        return self._table(
            "party_personal",
            Column("party", String(80), primary_key=True),
            Column("body", Text, nullable=False),
        )

    def _bond(self) -> Table:
        table = self._table(
            "bond",
            Column("party", String(80), primary_key=True),
            Column("bond", String(40), primary_key=True),
            Column("other", String(80), primary_key=True),
            Column("valid_from", String(10), primary_key=True),  # empty: not known
            Column("valid_until", String(10)),
        )
        Index(f"ix_{table.name}_other", table.c.other, table.c.bond, table.c.party)
        return table

    def _party_log(self) -> Table:
        table = self._table(
            "party_log",
            Column("id", _BIG, Identity(always=True), primary_key=True),
            Column("party", String(80), nullable=False),
            Column("recorded_at", String(32), nullable=False),
            Column("actor", String(80), nullable=False),
            Column("what", String(10), nullable=False),
            Column("reason", Text),
            Column("changes", Text, nullable=False),
        )
        Index(f"ix_{table.name}_party", table.c.party, table.c.id)
        return table

    def _grant(self) -> Table:
        table = self._table(
            "grant",
            Column("id", String(40), primary_key=True),
            Column("person", String(80), nullable=False),
            Column("role", String(40), nullable=False),
            Column("unit", String(80)),
            Column("scope", String(200), nullable=False),
            Column("valid_from", String(10)),
            Column("valid_until", String(10)),
            Column("granted_by", String(80), nullable=False),
            Column("on_behalf_of", String(80)),
            Column("reason", Text),
            Column("ends_at", String(32)),
        )
        Index(f"ix_{table.name}_person", table.c.person)
        Index(f"ix_{table.name}_unit", table.c.unit, table.c.person)
        return table

    def _series(self) -> Table:
        return self._table(
            "series",
            Column("name", String(40), primary_key=True),
            Column("scope", String(200), primary_key=True),
            Column("last", Integer, nullable=False),
        )

    def _definition(self) -> Table:
        return self._table(
            "definition",
            Column("hash", String(64), primary_key=True),
            Column("name", String(40), nullable=False),
            Column("version", Integer, nullable=False),
            Column("content", Text, nullable=False),
            Column("published_at", String(32), nullable=False),
            Column("published_by", String(80), nullable=False),
            UniqueConstraint("name", "version"),
        )

    def _rulebook(self) -> Table:
        """Every version of the rules of places that a clock may be pinned to."""
        return self._table(
            "rulebook",
            Column("version", String(16), primary_key=True),
            Column("place", String(40), nullable=False),
            Column("content", Text, nullable=False),
            Column("kept_at", String(32), nullable=False),
        )

    def _calendar(self) -> Table:
        """Calendars that were put in force from a notice, and by whom; a file that reaches as far takes their place."""
        return self._table(
            "calendar",
            Column("version", String(80), primary_key=True),
            Column("content", Text, nullable=False),
            Column("kept_at", String(32), nullable=False),
            Column("kept_by", String(80), nullable=False),
        )

    def _barred(self) -> Table:
        return self._table(
            "barred",
            Column("case_id", String(40), primary_key=True),
            Column("unit", String(80), primary_key=True),
            by_key=True,
        )

    def _event_policy(self) -> Table:
        return self._table(
            "event_policy",
            Column("definition", String(64), primary_key=True),
            Column("event", String(40), primary_key=True),
            Column("automatic", Boolean, nullable=False),
        )

    def _gram(self) -> Table:
        # What is put in is found by gram, and what is taken out is known by gram too.
        return self._table(
            "gram",
            Column("gram", BigInteger, primary_key=True, autoincrement=False),
            Column("case_id", String(40), primary_key=True),
            by_key=True,
        )

    def _anchor(self) -> Table:
        return self._table(
            "anchor",
            Column("id", _BIG, Identity(always=True), primary_key=True),
            Column("made_at", String(32), nullable=False),
            Column("body", Text, nullable=False),
        )

    def _node(self) -> Table:
        """A process that ticks: when it last did by its own clock, when it was last seen by the database's, and whether it holds
        back because its clock leapt.
        """
        return self._table(
            "node",
            Column("id", String(120), primary_key=True),
            Column("started_at", String(32), nullable=False),
            Column("ticked_at", String(32), nullable=False),
            Column("alive_at", String(32), nullable=False),
            Column("fired", _BIG, nullable=False),
            Column("held_at", String(32)),
            Column("leap", _BIG),
            Column("released_by", String(80)),
        )

    def _broken(self) -> Table:
        """A timer that could not fire: left alone until `again_at`, so that it holds up nobody and is seen."""
        return self._table(
            "broken",
            self._case_id(),
            Column("clock", String(40), primary_key=True),
            Column("since", String(32), nullable=False),
            Column("tries", Integer, nullable=False),
            Column("again_at", String(32), nullable=False),
            Column("said", Text, nullable=False),
        )

    def _journal(self) -> Table:
        """What an operator should know of the ticking: an outage caught up, a clock that leapt, who let it go on."""
        table = self._table(
            "journal",
            Column("key", String(160), primary_key=True),
            Column("at", String(32), nullable=False),
            Column("node", String(120), nullable=False),
            Column("kind", String(20), nullable=False),
            Column("body", Text, nullable=False),
        )
        Index(f"ix_{table.name}_at", table.c.at)
        return table

    def _summary(self) -> Table:
        """How many cases there are of each sort: derived, and written by nobody who fires an event (store/summary.py)."""
        table = self._table(
            "summary",
            Column("id", _BIG, Identity(always=True), primary_key=True),
            Column("key", String(600), nullable=False, unique=True),  # the columns below as one text
            Column("measure", String(20), nullable=False),
            Column("kind", String(40), nullable=False),
            Column("day", String(10), nullable=False),
            Column("root", Boolean, nullable=False),
            Column("tenant", String(200), nullable=False),
            Column("unit", String(80), nullable=False),
            Column("slot", String(40), nullable=False),
            Column("state", String(40), nullable=False),
            Column("days", Integer, nullable=False),
            Column("late", Boolean, nullable=False),
            Column("n", Integer, nullable=False),
        )
        Index(f"ix_{table.name}_measure", table.c.measure, table.c.kind, table.c.day)
        return table

    def _summed(self) -> Table:
        """As what a case is counted in there, and of which of its lines that is so."""
        table = self._table(
            "summed",
            self._case_id(),
            Column("seq", Integer, nullable=False),
            Column("turns_on", String(10)),  # it is over its day after this one
            Column(
                "number", String(80)
            ),  # found by it; an index of `cases` would be written with every event
            # When it came in, and when it ended; a list of a month is found by it, however many cases there are.
            Column("kind", String(40), nullable=False),
            Column("state", String(40), nullable=False),
            Column("opened_on", String(10)),
            Column("concluded_on", String(10)),
            Column("counted", Text, nullable=False),  # ids of `summary`
            by_key=True,
        )
        turns = table.c.turns_on.is_not(None)
        Index(f"ix_{table.name}_turns", table.c.turns_on, postgresql_where=turns, sqlite_where=turns)
        numbered = table.c.number.is_not(None)
        Index(f"ix_{table.name}_number", table.c.number, postgresql_where=numbered, sqlite_where=numbered)
        Index(f"ix_{table.name}_opened", table.c.kind, table.c.opened_on, table.c.case_id)
        ended = table.c.concluded_on.is_not(None)
        Index(
            f"ix_{table.name}_concluded", table.c.kind, table.c.concluded_on, table.c.state, table.c.case_id,
            postgresql_where=ended, sqlite_where=ended,
        )  # fmt: skip
        return table

    def _summary_state(self) -> Table:
        """How far the summary is: one row."""
        return self._table(
            "summary_state",
            Column("id", Integer, primary_key=True, autoincrement=False),
            Column("terms", String(64), nullable=False),  # what was counted, as a hash
            Column("day", String(10), nullable=False),
            Column("low", _BIG, nullable=False),  # lines of history up to here are in it
            Column("mark_id", _BIG, nullable=False),
            Column("mark_at", _BIG, nullable=False),
            Column("reached", String(40)),  # the last case of a count that is under way; null: all are in it
            Column("at", String(32), nullable=False),
        )


@cache
def tables_of(prefix: str) -> Tables:
    """The tables under that prefix, described once for all engines of the process; nobody changes them."""
    return Tables(prefix)
