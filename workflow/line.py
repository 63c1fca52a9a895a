"""The line of history that an event leaves, and the case as it stands after it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import history
from .act import Cause
from .definition import Event
from .draft import Draft
from .family import HistoryRow, Record

__all__ = ["write"]


def write(
    draft: Draft, event: Event, before: Record, changes: dict[str, Any], shown: Mapping[str, Any], cause: Cause | None
) -> Record:  # fmt: skip
    """Chain the line and put the case with its `changes` into the draft; what is `shown` stands in the line as commitments."""
    act, permit = draft.act, draft.permit
    commitments, disclosure = history.commit(shown, draft.source)
    seq, prev = before.seq + 1, before.head or history.GENESIS
    values = (
        before.id, seq, act.now.isoformat(timespec="microseconds"), act.effective_on, event.name, before.state,
        changes["state"], act.actor.person, draft.on_behalf_of, permit.role if permit else None,
        permit.unit if permit else None, cause, before.definition, commitments, prev,
    )  # fmt: skip
    head = history.line_hash(values)
    draft.step.history.append(HistoryRow(*values, head, disclosure))
    after = Record(
        id=before.id, root=before.root, kind=before.kind, definition=before.definition, tenant=before.tenant,
        slot=before.slot, party=before.party, seq=seq, head=head,
        revision=draft.revision if before.id == before.root else seq,
        opened_on=act.effective_on if event.name == "start" else before.opened_on, **changes,
    )  # fmt: skip
    draft.put(after)
    return after
