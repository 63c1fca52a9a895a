"""What a command talks through: two languages, plain text or JSON, a progress bar only for people."""

from __future__ import annotations

import json
import sys
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, TextIO, TypeVar

from ..errors import Text

T = TypeVar("T")
YES, NO = Text("是", "yes"), Text("否", "no")


class Console:
    """Where a command's answer goes. `as_json`: one JSON value on `out` and nothing else there."""

    def __init__(
        self, language: str, *, as_json: bool, out: TextIO | None = None, err: TextIO | None = None
    ) -> None:
        self.language = language
        self.as_json = as_json
        self.out = out or sys.stdout
        self.err = err or sys.stderr
        self._said: list[Text] = []
        self._answered = False

    def words(self, text: Text) -> str:
        """The sentence in the language of the person at the terminal."""
        return text.in_language(self.language)

    def say(self, zh: str, en: str) -> None:
        """A sentence of the answer; with `--json` it is left to the value, and is the value where there is no other."""
        if self.as_json:
            self._said.append(Text(zh, en))
        else:
            self.line(self.words(Text(zh, en)))

    def line(self, text: str) -> None:
        """One line of the answer, as it is."""
        self._answered = True
        self.out.write(text + "\n")

    def warn(self, text: Text) -> None:
        """A sentence beside the answer."""
        self.complain(f"tibandu: {self.words(text)}")

    def complain(self, text: str) -> None:
        """One line beside the answer, as it is; lost where nothing can be written."""
        with suppress(OSError):
            self.err.write(text + "\n")

    def value(self, value: Any) -> None:
        """The whole answer as JSON, if JSON is wanted."""
        if self.as_json:
            self.line(json.dumps(value, ensure_ascii=False, indent=2, default=str))

    def end(self) -> None:
        """The answer is whole: what was only said is told as JSON, if JSON is wanted."""
        if self._said and not self._answered:
            self.value({"said": [{"zh": text.zh, "en": text.en} for text in self._said]})

    def table(self, heads: Mapping[str, Text], rows: Sequence[Mapping[str, Any]]) -> None:
        """Rows under their heads, or the rows as JSON."""
        if self.as_json:
            self.value([{name: row.get(name) for name in heads} for row in rows])
            return
        cells = [[self.words(head) for head in heads.values()]]
        cells += [[self._cell(row.get(name)) for name in heads] for row in rows]
        widths = [max(_width(row[column]) for row in cells) for column in range(len(heads))]
        for row in cells:
            padded = (cell + " " * (width - _width(cell)) for cell, width in zip(row, widths, strict=True))
            self.line("  ".join(padded).rstrip())

    def _cell(self, value: Any) -> str:
        if isinstance(value, bool):
            return self.words(YES if value else NO)
        return "-" if value is None or value == "" else str(value)

    def progress(self, steps: Iterable[T], *, total: int | None = None, title: Text) -> Iterator[T]:
        """The steps, with a bar on the error stream when a person watches."""
        if not self.err.isatty():
            yield from steps
            return
        yield from _bar()(steps, total=total, desc=self.words(title), file=self.err, leave=False)

    @contextmanager
    def counter(self, title: Text) -> Iterator[Callable[[int], object]]:
        """A bar without an end, told how many more are done."""
        if not self.err.isatty():
            yield lambda _: None
            return
        with _bar()(desc=self.words(title), file=self.err, leave=False) as bar:
            yield bar.update


def _bar() -> type[Any]:
    """tqdm, without the thread it would leave behind."""
    from tqdm import tqdm

    return type("Bar", (tqdm,), {"monitor_interval": 0})


def _width(text: str) -> int:
    """How many columns a terminal gives it: Chinese takes two each."""
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)
