"""A system that is only there to be looked at: its mark, the accounts to look from, and how it becomes empty again.

The mark is a table of its own that holds the accounts with their passwords in the clear. That is why such a system is served on
the loopback address only, why nothing is loaded beside real data, and why taking it away takes everything.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO, Any

from sqlalchemy import func, insert, select

from workflow import Engine
from workflow.errors import Conflict, NotFound, Text
from workflow.migrations import downgrade

from .accounts import Accounts
from .documents import Folder
from .store import SCRIPTS, Shelf, create_schema

LEFT = ("definition", "event_policy", "rulebook", "calendar", "version")
"""tables of a system that nobody has used yet: what it was set up with"""
NOTICE = Text("演示数据，均为虚构，请勿录入真实信息", "demo data, all of it invented; enter nothing real")
NOBODYS_FILE = "0" * 64
"""the document of everybody who has none (definitions/term)"""
PAGE = b"""%PDF-1.4
1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj
2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj
3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources<</Font<</F 5 0 R>>>>>>endobj
4 0 obj<</Length 54>>stream
BT /F 28 Tf 72 740 Td (tibandu: a demo document) Tj ET
endstream endobj
5 0 obj<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>endobj
trailer<</Root 1 0 R>>
%%EOF
"""


@dataclass(frozen=True, slots=True)
class Look:
    """An account to look from, its password in the clear, and who that is."""

    person: str
    password: str
    who: Text
    operator: bool = False


class Demonstration:
    """The demo data of an engine's database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._shelf = Shelf(engine)

    def looks(self) -> list[Look]:
        """Every demo account; none where the system is no demonstration."""
        d, a = self._shelf.tables.demo, self._shelf.tables.account
        query = select(d, a.c.operator).join(a, a.c.person == d.c.person).order_by(d.c.place)
        with self._shelf.connection() as connection:
            rows = connection.execute(query).mappings().all()
        return [Look(r["person"], r["password"], Text(r["zh"], r["en"]), bool(r["operator"])) for r in rows]

    def begin(self, persons: Sequence[tuple[str, Text, bool]]) -> list[Look]:
        """Mark an empty system and make its accounts: (person, who that is, operator). Raises Conflict when it is not empty."""
        if found := self._used():
            raise Conflict(
                Text(
                    f"已有数据（{found}），演示数据只能装入空系统",
                    f"there is data already ({found}); demo data goes into an empty system only",
                )
            )
        rows = [self._account(place, *one) for place, one in enumerate(persons)]
        tables = self._shelf.tables
        with self._shelf.connection(
            write=True
        ) as connection:  # all of them or none: a half would be neither empty nor a demo
            connection.execute(insert(tables.account), [account for account, _ in rows])
            connection.execute(insert(tables.demo), [shown for _, shown in rows])
        return self.looks()

    def remove(self) -> None:
        """Back to what `init` makes: every table is made anew, nothing of what was in it is left. Raises NotFound."""
        if not self.looks():
            raise NotFound(
                Text(
                    "这里没有演示数据，不清除任何内容",
                    "there is no demo data here, and nothing else is removed",
                )
            )
        tables = self._shelf.tables
        downgrade(self._engine.database, tables.prefix, scripts=SCRIPTS, metadata=tables.metadata)
        downgrade(self._engine.database, self._engine.store.prefix)
        self._engine.create_schema()
        self._engine.rules.keep()  # it remembers that it has kept them already
        create_schema(self._engine)

    def _account(
        self, place: int, person: str, who: Text, operator: bool
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """What is kept of the account, and of its mark. Nobody has to choose another password only to look around."""
        made, account = Accounts(self._engine).drawn(person, by="demo", operator=operator)
        shown = {"person": person, "place": place, "password": made, "zh": who.zh, "en": who.en}
        return account | {"made": 0}, shown

    def _used(self) -> str | None:
        """A table that has something in it."""
        ours, engines = self._shelf.tables, self._engine.store.tables
        prefixes = (ours.prefix, self._engine.store.prefix)
        with self._shelf.connection() as connection:
            for table in (*ours.metadata.sorted_tables, *engines.metadata.sorted_tables):
                name = table.name.removeprefix(prefixes[0]).removeprefix(prefixes[1])
                number = connection.execute(select(func.count()).select_from(table)).scalar_one()
                if number and name not in LEFT:
                    return str(table.name)
        return None


class DemoFolder(Folder):
    """A folder in which the documents of the demonstration are one page that says what it is."""

    def open(self, sha256: str) -> IO[bytes] | None:
        """Its content, or None."""
        return io.BytesIO(PAGE) if sha256 == NOBODYS_FILE else super().open(sha256)
