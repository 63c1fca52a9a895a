"""Cases and what happened to them: `cases` holds the authority on what is; `relation`, `clock` and `mark` are indexes derived from it;
`history` is append-only and `disclosure` holds what was said, erasable.
"""

from __future__ import annotations

from sqlalchemy import (
    DDL,
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Identity,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
    event,
    false,
    text,
    true,
)

from .described import BIG, Described


class CaseTables(Described):
    """Described for one prefix."""

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
            Column("revision", BIG, nullable=False),
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
        # Few cases are open, and states and days are theirs: PostgreSQL, to which columns know nothing of each other, would take
        # thousands for a handful and look through them all.
        for name, columns in (("places", "definition, state, closed"), ("days", "closed, due_on")):
            statement = f"create statistics {table.name}_{name} (mcv) on {columns} from {table.name}"
            made = DDL(statement).execute_if(dialect="postgresql")  # type: ignore[no-untyped-call]
            event.listen(table, "after_create", made)
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
        # What runs, by due day: what falls due and what a notice may move is found among it, however many clocks have stopped.
        Index(
            f"ix_{table.name}_running",
            table.c.due_on,
            table.c.case_id,
            postgresql_where=table.c.running,
            sqlite_where=table.c.running == true(),
        )
        # What rests on days that are not settled: whether any of it would be counted otherwise is asked by a first page. The flag is
        # its first column too: that it is asked for then speaks for this index, and not for the one above, in the same order.
        Index(
            f"ix_{table.name}_provisional",
            table.c.provisional,
            table.c.due_on,
            table.c.case_id,
            postgresql_where=table.c.running & table.c.provisional,
            sqlite_where=(table.c.running == true()) & (table.c.provisional == true()),
        )
        return table

    def _history(self) -> Table:
        table = self._table(
            "history",
            Column("id", BIG, Identity(always=True), primary_key=True),
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
        # Which cases are records of old times; no event writes it.
        imported = table.c.automatic == text("'import'")
        Index(f"ix_{table.name}_imported", table.c.case_id, postgresql_where=imported, sqlite_where=imported)
        return table

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
            Column("id", BIG, Identity(always=True), primary_key=True),
            self._case_id(primary=False),
            Column("fields", Text, nullable=False),
            Column("erased_by", String(80), nullable=False),
            Column("reason", Text, nullable=False),
            Column("erased_at", String(32), nullable=False),
        )

    def _retention(self) -> Table:
        """What a rule of the place lets be erased of a case that has ended: a timer, there until it has fired."""
        table = self._table(
            "retention",
            self._case_id(),
            Column("rule", String(40), primary_key=True),
            Column("until_on", String(10), nullable=False),
            Column("erase_at", String(25), nullable=False),
            # Of one that could not fire: when it is tried again, so that it holds up no other.
            Column("again_at", String(25)),
        )
        Index(f"ix_{table.name}_due", table.c.erase_at, table.c.case_id, table.c.rule)
        return table

    def _feed(self) -> Table:
        return self._table(
            "feed",
            Column("position", BIG, primary_key=True, autoincrement=False),
            Column("history_id", BIG, ForeignKey(f"{self.prefix}history.id"), nullable=False, unique=True),
        )

    def _answer(self) -> Table:
        table = self._table(
            "answer",
            Column("key", String(300), primary_key=True),
            Column("body_hash", String(81), nullable=False),
            Column("answer", Text, nullable=False),
            Column("recorded_at", String(32), nullable=False),
            # The hash guards what was said in it, and the answer may tell it: an erasure takes both, and then the case.
            Column("case_id", String(40)),
        )
        telling = table.c.case_id.is_not(None)
        Index(f"ix_{table.name}_case", table.c.case_id, postgresql_where=telling, sqlite_where=telling)
        return table

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

    def _series(self) -> Table:
        return self._table(
            "series",
            Column("name", String(40), primary_key=True),
            Column("scope", String(200), primary_key=True),
            Column("last", Integer, nullable=False),
        )

    def _barred(self) -> Table:
        table = self._table(
            "barred",
            Column("case_id", String(40), primary_key=True),
            Column("unit", String(80), primary_key=True),
            by_key=True,
        )
        # For who is barred from anything at all (`exceptional`; on SQLite of whoever reads, once a question).
        Index(f"ix_{table.name}_unit", table.c.unit, table.c.case_id)
        return table

    def _mark(self) -> Table:
        # What is put in is found by mark, and what is taken out is known by mark too.
        return self._table(
            "mark",
            Column("mark", BigInteger, primary_key=True, autoincrement=False),
            Column("case_id", String(40), primary_key=True),
            by_key=True,
        )
