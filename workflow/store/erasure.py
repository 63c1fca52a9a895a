"""Taking what was said out of a family (PIPL art. 47): values and salts go, the lines and their hashes stay."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Connection, and_, insert, select, update

from ..history import canonical
from .schema import Tables

__all__ = ["Erasure"]


class Erasure:
    """One erasure, in the transaction of the connection."""

    def __init__(self, connection: Connection, tables: Tables) -> None:
        self._connection = connection
        self._tables = tables

    def erase(self, case: str, fields: Sequence[str], note: dict[str, str]) -> int:
        """Remove the values and salts of these fields from every line of a case and from the case itself, and every copy of
        them that was carried to another member of its family; note who and why. Returns how many values went.
        """
        c = self._tables.cases.c
        root = self._connection.execute(select(c.root_id).where(c.id == case)).scalar_one()
        # The root first, as every writer does: nobody may write the value again while it is being taken out.
        self._connection.execute(select(c.id).where(c.id == root).with_for_update())
        family = self._connection.execute(select(c.id).where(c.root_id == root, c.id != case)).scalars().all()
        said = self._said(case, fields)
        count = self._forget(case, note, lambda name, _: name in fields)
        for relative in family:
            count += self._forget(relative, note, lambda name, value: (name, canonical(value)) in said)
        self._connection.execute(
            update(self._tables.cases).where(c.id == root).values(revision=c.revision + 1)
        )
        return count

    def _said(self, case: str, fields: Sequence[str]) -> set[tuple[str, str]]:
        d = self._tables.disclosure.c
        bodies = self._connection.execute(select(d.body).where(d.case_id == case)).scalars()
        return {
            (n, canonical(pair[1])) for body in bodies for n, pair in json.loads(body).items() if n in fields
        }

    def _forget(self, case: str, note: dict[str, str], gone: Callable[[str, Any], bool]) -> int:
        """Take out what `gone(name, value)` says; `erasure` notes for each field the last line it was taken from."""
        d = self._tables.disclosure
        count, until = 0, dict[str, int]()
        for row in self._connection.execute(select(d).where(d.c.case_id == case).order_by(d.c.seq)).all():
            body = json.loads(row.body)
            left = {name: pair for name, pair in body.items() if not gone(name, pair[1])}
            if len(left) < len(body):
                count += len(body) - len(left)
                until.update(dict.fromkeys(body.keys() - left.keys(), row.seq))
                here = and_(d.c.case_id == case, d.c.seq == row.seq)
                self._connection.execute(update(d).where(here).values(body=canonical(left)))
        if until:
            self._forget_standing(case, gone)
            self._connection.execute(
                insert(self._tables.erasure).values(case_id=case, fields=canonical(until), **note)
            )
        return count

    def _forget_standing(self, case: str, gone: Callable[[str, Any], bool]) -> None:
        """The same in what the case is now: its data, and the reasons its clocks were extended for."""
        cases = self._tables.cases
        found = self._connection.execute(select(cases.c.data, cases.c.clocks).where(cases.c.id == case)).one()
        data, clocks = json.loads(found.data), json.loads(found.clocks)
        kept = {name: value for name, value in data.items() if not gone(name, value)}
        for ledger, *_ in clocks.values():
            for entry in ledger["entries"]:
                if entry["kind"] == "extend" and gone("@reason", entry.get("reason")):
                    entry.pop("reason", None)
        texts = {
            name: json.dumps(value, ensure_ascii=False)
            for name, value in (("data", kept), ("clocks", clocks))
        }
        self._connection.execute(update(cases).where(cases.c.id == case).values(**texts))
