"""What is wrong with a file that somebody gives us: file, row, column, value, reason; all of it at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from workflow.errors import Text

__all__ = ["MAX_BYTES", "MAX_FAULTS", "Faults", "FaultyInput", "InputFault", "short"]

MAX_BYTES = 50_000_000
MAX_FAULTS = 500
SHOWN = 40
"""characters of a faulty value that are shown"""


@dataclass(frozen=True, slots=True, kw_only=True)
class InputFault:
    """One fault of an input file. `row` counts as a spreadsheet does: the header is row 1; 0 is the file itself."""

    file: str
    row: int
    column: str
    value: str
    reason: Text


class FaultyInput(Exception):
    """Files that cannot be used; `faults` holds all of them."""

    def __init__(self, faults: Sequence[InputFault]) -> None:
        super().__init__(f"{len(faults)} fault(s)")
        self.faults = tuple(faults)


def short(value: str) -> str:
    """A value fit to be shown on one line of a terminal."""
    plain = "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in value[: SHOWN + 1])
    return plain[:SHOWN] + "…" if len(plain) > SHOWN else plain


class Faults:
    """The faults of one file while it is read. Raises FaultyInput when there are too many to read on."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.found: list[InputFault] = []

    def add(self, row: int, column: str, value: object, zh: str, en: str) -> None:
        """Note a fault."""
        shown = "" if value is None else short(str(value))
        self.found.append(
            InputFault(file=self.file, row=row, column=column, value=shown, reason=Text(zh, en))
        )
        if len(self.found) >= MAX_FAULTS:
            raise FaultyInput(self.found)

    def stop(self, zh: str, en: str, *, row: int = 0, column: str = "-", value: object = None) -> FaultyInput:
        """The end of the reading, for `raise`."""
        try:
            self.add(row, column, value, zh, en)
        except FaultyInput as full:
            return full
        return FaultyInput(self.found)

    def check(self) -> None:
        """Raises FaultyInput if there is any."""
        if self.found:
            raise FaultyInput(self.found)
