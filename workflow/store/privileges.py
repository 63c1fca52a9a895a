"""What a role of the application and one of an auditor may do on PostgreSQL: a sentence for every table there is, so that none
is forgotten. Who may do less than everything with a table is said here; a new table is the application's to work with until then.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from sqlalchemy import MetaData

__all__ = ["APPLICATION", "AUDITOR", "UNSEEN", "grants", "rights"]

APPLICATION, AUDITOR = "tibandu_role_app", "tibandu_role_auditor"
_READ, _ADDED, _KEPT, _ALL = (
    "select",
    "select, insert",
    "select, insert, update",
    "select, insert, update, delete",
)
_LESS: Mapping[str, str] = {
    **dict.fromkeys(("version", "epoch"), _READ),
    **dict.fromkeys(
        (
            "history", "anchor", "feed", "erasure", "definition", "rulebook", "event_policy", "barred", "party_log",
        ),
        _ADDED,
    ),
    **dict.fromkeys(("cases", "disclosure", "series", "invitation", "answer"), _KEPT),
}  # fmt: skip
"""only added to: there is no way to change or remove what is there, triggers or no triggers. What is, and may be erased, is kept"""
UNSEEN = frozenset({"subscription", "contact", "invitation", "party_personal", "delivery", "outbox"})
"""secrets of webhooks, addresses, what nobody needs for `tibandu verify` and `tibandu export history`"""


def rights(metadata: MetaData, prefix: str, less: Mapping[str, str] | None = None) -> dict[str, str]:
    """Table → what the application may do with it; `less`: by name without the prefix, where that is not everything."""
    names = [table.name for table in metadata.sorted_tables]
    said = _LESS if less is None else less
    return {name: said.get(name.removeprefix(prefix), _ALL) for name in [*names, f"{prefix}version"]}


def grants(prefix: str, allowed: Mapping[str, str], application: str, auditor: str) -> Iterator[str]:
    """The statements, to be run by the owner; an auditor has no business with tables of another prefix, nor with secrets."""
    for what in dict.fromkeys(allowed.values()):
        yield f'grant {what} on {_listed(name for name, may in allowed.items() if may == what)} to "{application}";'
    seen = [name for name in allowed if name.startswith(prefix) and name.removeprefix(prefix) not in UNSEEN]
    yield f'grant select on {_listed(seen)} to "{auditor}";'


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)
