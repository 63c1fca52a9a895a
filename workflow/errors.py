"""Everything the engine raises, cut by what the caller does about it.

WorkflowError
├── DefinitionError      fix the file              a list of faults, each file:line:column
├── NotFound             look elsewhere            no such case, invitation, definition        -> 404
├── Refused              the answer is no          with every reason, Chinese and English
│   ├── NotPermitted     not this person           role, relation, separation of powers       -> 403
│   ├── NotInState       not now                   the state has no such event                -> 409
│   ├── GuardFailed      not like this             a condition of the definition is not met   -> 409
│   ├── FormInvalid      not with these data       a fault per field                          -> 422
│   └── DeadlineRefused  not on this date          extension too late or past the outer limit -> 409
├── KeyReused            another request's key     same idempotency key, other content        -> 422
├── Conflict             read again and retry      somebody was first                         -> 409 / 412
└── StoreError           fix the set-up, or wait   unsafe isolation, missing tables, weak durability; or, with `again`, the
                                                   database is gone, full or read-only: ask later      -> 503
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Text:
    """One sentence in the two languages of the house."""

    zh: str
    en: str

    def in_language(self, language: str) -> str:
        """The sentence in `zh` or, for anything else, in English."""
        return self.zh if language.startswith("zh") else self.en

    def __str__(self) -> str:
        return f"{self.zh} / {self.en}"


MOST_COMPARED = 500


def nearest(name: str, known: Iterable[str]) -> list[str]:
    """The known name that `name` was likely meant to be, if any; only the first 500 are compared."""
    return difflib.get_close_matches(name, list(known)[:MOST_COMPARED], n=1)


def suggest(name: str, known: Iterable[str]) -> tuple[str, str]:
    """`did you mean` in both languages, or two empty texts."""
    close = nearest(name, known)
    return (f"；是不是 {close[0]}？", f"; did you mean {close[0]}?") if close else ("", "")


def no_such(what: Text, name: str, known: Iterable[str]) -> Text:
    """That there is none of that name: the one likely meant, or all there are."""
    names = list(known)
    zh, en = suggest(name, names)
    if not en:
        there = ", ".join(names) or "-"
        zh, en = f"；有：{there}", f"; there are: {there}"
    return Text(f"没有{what.zh}“{name}”{zh}", f"there is no {what.en} {name!r}{en}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One reason of a "no": a stable code, a sentence, and the field or clause it is about."""

    code: str
    text: Text
    field: str | None = None
    plain: Text | None = None
    """the same for somebody who does not know the definition, where there is such a sentence"""
    at: tuple[str, ...] = ()
    """where in the field, of one that holds several: the place of an entry, from 0"""
    beside: bool = False
    """`field` is none of the form's: it was said beside the data (`reason`, `role`, `effective_on` …)"""

    @classmethod
    def of(cls, code: str, zh: str, en: str, field: str | None = None, *, beside: bool = False) -> Reason:
        """From the two sentences."""
        return cls(code=code, text=Text(zh, en), field=field, beside=beside)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One fault of a definition file. Lines and columns count from 1."""

    file: str
    line: int
    column: int
    code: str
    text: Text

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.text}"


class WorkflowError(Exception):
    """The root of the tree."""

    def __init__(self, text: Text) -> None:
        super().__init__(str(text))
        self.text = text


class DefinitionError(WorkflowError):
    """One or more definition files cannot be used; `faults` lists every fault of every file."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__(Text(f"定义有 {len(faults)} 处错误", f"{len(faults)} fault(s) in the definitions"))
        self.faults = tuple(faults)

    def __str__(self) -> str:
        return "\n".join([str(self.text), *map(str, self.faults)])


class NotFound(WorkflowError):
    """No such thing, or none that this person may know of."""

    @classmethod
    def among(cls, what: Text, name: str, known: Iterable[str]) -> NotFound:
        """Something that was asked for by name where all names may be told."""
        return cls(no_such(what, name, known))


class Refused(WorkflowError):
    """The answer is no; `reasons` says all of it."""

    def __init__(self, reasons: Sequence[Reason]) -> None:
        super().__init__(Text("；".join(r.text.zh for r in reasons), "; ".join(r.text.en for r in reasons)))
        self.reasons = tuple(reasons)


class NotPermitted(Refused):
    """This person may not do this here."""


class NotInState(Refused):
    """The case is not in a state from which this event leads on."""


class GuardFailed(Refused):
    """A condition of the definition is not met."""


class FormInvalid(Refused):
    """The data given with the event are not what its form asks for."""


class DeadlineRefused(Refused):
    """A statutory date forbids it."""


class KeyReused(WorkflowError):
    """The idempotency key was used before with other content."""


class Conflict(WorkflowError):
    """Somebody else changed the case first; `revision` is the current one when it is known."""

    def __init__(self, text: Text, revision: int | None = None) -> None:
        super().__init__(text)
        self.revision = revision


class StoreError(WorkflowError):
    """The database or the transaction we were given cannot keep our promises, or there is no database just now.

    `which` tells them apart: `set_up` (somebody has to mend it), `tables` (they are missing), `damaged` (a backup has to be
    restored), and what passes or is put right: `lost` (the connection or the server; whether a step in hand was written is not
    known), `full`, `read_only`, `disk`. Those are worth asking again, with the same idempotency key: `again`. The driver's error
    is the `__cause__`.
    """

    def __init__(self, text: Text, which: str = "set_up") -> None:
        super().__init__(text)
        self.which = which

    @property
    def again(self) -> bool:
        """Whether the same request may succeed later, as it is."""
        return self.which in ("lost", "full", "read_only", "disk")
