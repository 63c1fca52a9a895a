"""What the tables of every subject share: the prefix, the metadata, how a table is made."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Integer, MetaData, String, Table
from sqlalchemy.schema import SchemaItem

BIG = BigInteger().with_variant(Integer, "sqlite")

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class Described:
    """Tables under one prefix."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self.metadata = MetaData(naming_convention=NAMING)

    def _table(self, name: str, *columns: SchemaItem, by_key: bool = False) -> Table:
        """`by_key`: short rows that lie in their primary key, so that SQLite writes one tree for each and not two."""
        return Table(self.prefix + name, self.metadata, *columns, sqlite_with_rowid=not by_key)

    def _case_id(self, *, primary: bool = True) -> Column[str]:
        # No foreign key: cases are never deleted (a trigger refuses it), every row here is written in the statement that
        # writes its case, and `verify` looks for orphans; a key check per row would cost a fifth of the hot path.
        return Column("case_id", String(40), primary_key=primary, nullable=False)
