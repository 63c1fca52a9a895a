"""A rule book as one text, for keeping: the version a clock began with can be read again when the file says something else."""

from __future__ import annotations

import hashlib
import json
from dataclasses import fields
from datetime import date
from typing import Any

from .errors import NotFound, Text
from .periods import Rule, RuleBook, RuleFault

__all__ = ["content_of", "restored", "version_of"]

SHORT = 16
"""hex letters of SHA-256: enough to tell the books of one place apart"""


def content_of(book: RuleBook) -> str:
    """Canonical JSON: the place and its rules in order of id and validity. What changes no rule changes no letter."""
    rules = sorted(book.rules, key=lambda rule: (rule.id, rule.valid_from or date.min))
    data = {"place": book.place, "rules": [_row(rule) for rule in rules]}
    return json.dumps(data, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def version_of(book: RuleBook) -> str:
    """The name of this version of the book: the beginning of the SHA-256 of its content."""
    return hashlib.sha256(content_of(book).encode()).hexdigest()[:SHORT]


def restored(content: str) -> RuleBook:
    """The inverse of `content_of`. Raises NotFound for anything it did not write."""
    try:
        data = json.loads(content)
        return RuleBook(place=data["place"], rules=tuple(_rule(row) for row in data["rules"]))
    except (ValueError, KeyError, TypeError, RuleFault) as error:
        words = Text("存储的规则无法读取", f"the stored rules cannot be read: {type(error).__name__}")
        raise NotFound(words) from error


def _row(rule: Rule) -> dict[str, Any]:
    row = {field.name: getattr(rule, field.name) for field in fields(rule)}
    row["title"] = [rule.title.zh, rule.title.en]
    for name in ("valid_from", "valid_until"):
        row[name] = row[name] and row[name].isoformat()
    return row


def _rule(row: dict[str, Any]) -> Rule:
    given = dict(row)
    given["title"] = Text(*row["title"])
    for name in ("valid_from", "valid_until"):
        given[name] = date.fromisoformat(row[name]) if row[name] else None
    for name in ("value", "warn", "limit"):
        if isinstance(row[name], list):
            given[name] = tuple(row[name])
    return Rule(**given)
