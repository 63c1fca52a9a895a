"""The whole history as JSON lines, for a checker that knows nothing of us (check_export.py) and for the archive.

    {"format": "tibandu-export-1", "cases": 2}                          at least so many: what was there at the beginning
    {"definition": HASH, "name": …, "version": …, "content": TEXT}      every published definition
    {"erasure": {"case": …, "fields": {FIELD: LAST LINE}, …}}           before the lines of its case
    {"history": {the hashed fields, "hash": …}, "disclosure": {…}}      every line, by case and number
    {"anchor": {…}}                                                     every anchor that was made before the export began
    {"end": {"cases": 2, "lines": 5, "anchors": 1}}                     what was written; without it the file was cut

A case and its lines are read together (walk.py). The anchors are taken first and written last, so every leaf has its line.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Any, Protocol

from .anchor import read_anchor, stored_anchors
from .history import HASHED, canonical
from .store.sql import Store
from .walk import Portion, portions, snapshot

__all__ = ["FORMAT", "Exported", "export_history"]

FORMAT = "tibandu-export-1"


class Out(Protocol):
    """A text file."""

    def write(self, text: str, /) -> object:
        """Append the text."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What was written."""

    cases: int
    lines: int
    anchors: int


def export_history(store: Store, out: Out, *, progress: Callable[[int], object] | None = None) -> Exported:
    """Write it all to `out`, a text file in UTF-8. `progress` is told how many more lines are done."""
    anchors = list(stored_anchors(store))
    with snapshot(store) as connection:
        cases = sum(count for _, _, count in store.counts(connection))
    _put(out, {"format": FORMAT, "cases": cases})
    _definitions(store, out)
    written, lines = 0, 0
    with closing(portions(store)) as found:
        for portion in found:
            for count in _cases(portion, out):
                written, lines = written + 1, lines + count
                if progress is not None:
                    progress(count)
    for text in anchors:
        out.write(f'{{"anchor":{read_anchor(text).to_json()}}}\n')
    _put(out, {"end": {"cases": written, "lines": lines, "anchors": len(anchors)}})
    return Exported(cases=written, lines=lines, anchors=len(anchors))


def _definitions(store: Store, out: Out) -> None:
    table = store.tables.definition
    with snapshot(store) as connection:
        for row in connection.execute(table.select().order_by(table.c.name, table.c.version)):
            named = {"definition": row.hash, "name": row.name, "version": row.version, "content": row.content}
            _put(out, named)


def _cases(portion: Portion, out: Out) -> Iterator[int]:
    """Write the cases of a portion; the number of lines of each."""
    erasures = portion.by_case("erasure")
    with closing(portion.lines()) as found:
        for case, lines in groupby(found, key=itemgetter(0)):
            for row in erasures.get(case, []):
                note = {"by": row.erased_by, "reason": row.reason, "at": row.erased_at}
                _put(out, {"erasure": {"case": case, "fields": json.loads(row.fields), **note}})
            count = 0
            for line in lines:
                out.write(_line(line))
                count += 1
            yield count


def _line(line: Any) -> str:
    """The stored texts as they are; the checker reads the commitments as JSON, and their hash tells if they were changed."""
    fields = dict(zip((*HASHED, "hash"), line, strict=False))
    committed = fields.pop("commitments")
    return f'{{"history":{{{_dumps(fields)[1:-1]},"commitments":{committed}}},"disclosure":{line[-1] or "{}"}}}\n'


_dumps = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def _put(out: Out, data: dict[str, Any]) -> None:
    out.write(canonical(data) + "\n")
