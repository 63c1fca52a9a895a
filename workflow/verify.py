"""Is what the database says still what was recorded? Every line, every value, every index, against the chains and anchors.

Authoritative are the lines of `history`. Everything else must follow from them: `cases` from its last line and from what
its lines disclose, `relation` and `clock` from `cases`, a missing value from a note in `erasure`. What a chain cannot see
(a cut tail, a missing case, a chain written anew) is seen against anchors (anchor.py).

The way through the store is walk.py's: portions, so that memory does not grow with the history (it does with the anchors:
one leaf a case, to compute their root) and nobody is held up.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from typing import Any

from .anchor import Anchor, AnchorCheck, HmacSigner, Signer, read_anchor
from .case_lines import CaseLines, Published, parsed
from .contradiction import Fault, Findings, Report, summary_faults
from .history import RESERVED
from .store.sql import Store
from .walk import Portion, portions, snapshot

__all__ = ["Fault", "Report", "summary_faults", "verify"]


def verify(
    store: Store,
    anchors: Iterable[Anchor | str] = (),
    *,
    key: bytes | Signer | None = None,
    progress: Callable[[int], object] | None = None,
) -> Report:
    """Check the whole history, the tables derived from it, the anchors in the database and those kept outside.

    `anchors`: anchors or their texts. `key`: checks signatures. `progress` is told how many more lines are done.
    Raises StoreError when something that is given is no anchor, or the key no key.
    """
    outside = [read_anchor(a) if isinstance(a, str) else a for a in anchors]
    signer = HmacSigner(key) if isinstance(key, bytes) else key
    walk = _Walk(store, progress or (lambda _: None))
    walk.definitions()
    walk.cases()
    seen = AnchorCheck(store, signer, walk.found.fault).check(outside)
    return Report(
        rows=walk.rows, cases=walk.count, erased=walk.erased, anchors=seen, faults=tuple(walk.found.faults), more=walk.found.more
    )  # fmt: skip


@dataclass
class _Walk:
    """One verification under way."""

    store: Store
    progress: Callable[[int], object]
    found: Findings = field(default_factory=Findings)
    law: Published = field(default_factory=Published)
    rows: int = 0
    count: int = 0
    erased: int = 0

    # -- definitions

    def definitions(self) -> None:
        """Their content hashes to their hash, and the database's own guard knows which events are automatic."""
        t = self.store.tables
        with snapshot(self.store) as connection:
            published = connection.execute(t.definition.select().order_by(t.definition.c.hash)).all()
            policies = connection.execute(t.event_policy.select()).all()
        for row in published:
            policy = {p.event: bool(p.automatic) for p in policies if p.definition == row.hash}
            self._definition(row, policy)

    def _definition(self, row: Any, policy: Mapping[str, bool]) -> None:
        name = f"{row.name} {row.version}"
        if hashlib.sha256(row.content.encode()).hexdigest() != row.hash:
            self.found.fault(None, None, "definition_content", name=name)
        self.law.add(row.hash, row.name, parsed(row.content) or {})
        if self.law.automatic[row.hash] != policy:
            self.found.fault(None, None, "definition_policy", name=name)
        # Persons' acts that every case knows without its definition: due days after a holiday notice, an erasure.
        self.law.automatic[row.hash].update(dict.fromkeys(RESERVED, False))

    # -- cases

    def cases(self) -> None:
        """All of them, by their ids."""
        with closing(portions(self.store)) as found:
            for portion in found:
                self._portion(portion)

    def _portion(self, portion: Portion) -> None:
        """Every case of the portion, and whatever lies between their ids without a case."""
        self.count += len(portion.cases)
        relations, clocks = portion.by_case("relation"), portion.by_case("clock")
        erasures, barred = portion.by_case("erasure"), portion.by_case("barred")
        silent = set(portion.cases)
        with closing(portion.lines()) as found:
            for case, lines in groupby(self._counted(found), key=itemgetter(0)):
                units = {row.unit for row in barred.get(case, [])}
                chain = CaseLines(self.found, self.law, portion, case, erasures.get(case, []), units)
                chain.check(lines)
                self.erased += chain.erased
                silent.discard(case)
                if case in portion.cases:
                    chain.agree(portion.cases[case], relations.get(case, []), clocks.get(case, []))
                else:
                    self.found.fault(case, 1, "no_case", name="history")
        for case in sorted(silent):
            self.found.fault(case, None, "no_history")
        self._orphans(portion, {"relation": relations, "clock": clocks})

    def _counted(self, lines: Iterable[Any]) -> Iterator[Any]:
        for line in lines:
            self.rows += 1
            self.progress(1)
            yield line

    def _orphans(self, portion: Portion, derived: Mapping[str, Mapping[str, Any]]) -> None:
        for table, found in derived.items():
            for case in sorted(found.keys() - portion.cases.keys()):
                self.found.fault(case, None, "no_case", name=table)
        for case, seq in portion.orphaned_disclosures():
            self.found.fault(case, seq, "no_line")
