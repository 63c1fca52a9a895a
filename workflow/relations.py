"""Who stands in which relation to a case after an event, and which rows of the index that adds and removes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .definition import Event
from .draft import Draft
from .family import Record

__all__ = ["Relations", "place", "relate"]

Relations = Mapping[str, tuple[str, ...]]


def relate(
    draft: Draft, event: Event, record: Record, data: Mapping[str, Any], shown: dict[str, Any]
) -> Relations:
    """The case's relations after the event; those it touched are added to what the line shows."""
    if not event.relates and not event.unrelates and event.name != "start":
        return record.relations
    relations = dict(record.relations)
    for relation in event.unrelates:
        relations[relation] = ()
    for relation, name in event.relates.items():
        given = data.get(name, record.data.get(name) if event.automatic else None)
        parties = [given] if isinstance(given, str) else list(given or ())
        relations[relation] = tuple(dict.fromkeys((*relations.get(relation, ()), *parties)))
    # A child is born with the relation of its party; in order, so that a seed gives the same salts.
    born = record.relations if event.name == "start" else ()
    for relation in dict.fromkeys((*born, *event.unrelates, *event.relates)):
        shown[f"@{relation}"] = list(relations[relation])
    return place(draft, record, relations).relations


def place(draft: Draft, record: Record, relations: Relations) -> Record:
    """The record with these relations; the difference goes into the step."""
    before = {(r, p) for r, parties in record.relations.items() for p in parties}
    after = {(r, p) for r, parties in relations.items() for p in parties}
    step = draft.step
    step.relations_added = [*step.relations_added, *((record.id, *pair) for pair in sorted(after - before))]
    step.relations_removed = [
        *step.relations_removed,
        *((record.id, *pair) for pair in sorted(before - after)),
    ]
    return record if before == after else record._replace(relations=dict(relations))
