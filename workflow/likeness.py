"""The question "which cases are like this one?": counted, narrowed down by the index, then told by the texts themselves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .definition import Definition
from .family import Family
from .laws import Laws
from .marks import marks
from .model import Case
from .similarity import MOST, Sketch, everybody, score, sketch, weight
from .store.marked import Marks
from .store.sql import Store

__all__ = ["forget", "likest", "matching", "sketched"]

LOOKED_AT = 40
"""cases whose texts are compared"""


@dataclass(frozen=True, slots=True)
class Near:
    """The cases nearest to one by the index, and what it takes to say how near."""

    own: Sketch
    weights: Mapping[int, float]
    cases: Sequence[str]

    def best(self, sketches: Mapping[str, Sketch], at_least: float) -> list[tuple[str, float]]:
        """(id, score) of those of the near ones that are so much alike, the most alike first; without a sketch it is none."""
        near = [(id_, sketches[id_]) for id_ in self.cases if id_ in sketches]
        scored = [(id_, round(score(self.own, other, self.weights), 3)) for id_, other in near]
        return sorted((one for one in scored if one[1] >= at_least), key=lambda one: (-one[1], one[0]))


def sketched(laws: Laws, shown: Iterable[Case]) -> dict[str, Sketch]:
    """The sketch of each case, by its id: made once, however many it is near to."""
    return {
        one.id: sketch(one.kind, one.tenant, laws.pinned(one.definition).definition.similar, one.data)
        for one in shown
    }


def likest(
    store: Store, laws: Laws, connection: Any, shown: Sequence[Case], most: int = LOOKED_AT
) -> dict[str, Near]:
    """Of each of these the cases, at most `most`, that share most of what is rare with it, by its id; two statements."""
    index, own = Marks(store), sketched(laws, shown)
    everyone = {one.id: everybody(one.kind, one.tenant) for one in shown}
    grams = {id_: set().union(*one.values()) for id_, one in own.items()}
    asked = {everyone[id_] for id_ in own if grams[id_]}.union(*grams.values())
    known = index.counts(connection, asked, MOST) if asked else {}
    cases = {id_: known.get(everyone[id_], 1) for id_ in own}
    counts = {id_: {gram: known[gram] for gram in grams[id_]} for id_ in own}
    nearest = index.nearest(connection, {id_: _telling(counts[id_], cases[id_]) for id_ in own}, most)
    weights = {id_: {gram: weight(n, cases[id_]) for gram, n in counts[id_].items()} for id_ in own}
    return {id_: Near(own[id_], weights[id_], nearest[id_]) for id_ in own}


def _telling(counts: Mapping[int, int], cases: int) -> dict[int, float]:
    """What the marks weigh that are not too common to tell anything."""
    return {gram: weight(count, cases) for gram, count in counts.items() if 0 < count < MOST}


def matching(
    store: Store, connection: Any, definition: Definition, tenant: str, words: str, limit: int
) -> list[str]:
    """Cases of that definition and tenant whose first text shares most with these words; two statements, one index."""
    first = definition.similar[:1]
    own = sketch(definition.name, tenant, first, dict.fromkeys(first, words))
    index, everyone = Marks(store), everybody(definition.name, tenant)
    wanted = set().union(*own.values())
    if not wanted:
        return []
    counts = index.counts(connection, {everyone, *wanted}, MOST)
    cases = counts.pop(everyone, 1)
    return index.nearest(connection, {"": _telling(counts, cases)}, limit)[""]


def forget(store: Store, laws: Laws, connection: Any, before: Family, after: Family | None) -> None:
    """By what was erased no case of a family is found any more: a hash of two letters is soon guessed."""
    index = Marks(store)
    for record in after.records.values() if after else ():
        definition = laws.pinned(record.definition).definition
        was = marks(definition, record, before.records[record.id].data)
        left = marks(definition, record, record.data)
        index.change(connection, record.id, sorted(was - left), sorted(left - was))
