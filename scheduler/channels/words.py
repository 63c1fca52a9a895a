"""What a letter says, from templates in files. They run in a sandbox and are given data only.

`poor` is all that leaves for somebody else's cloud: number, state, link. A template for such a channel is given nothing else,
so no template, however written, can say a title or a person.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

from jinja2 import ChoiceLoader, FileSystemLoader, StrictUndefined, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from workflow.errors import Text
from workflow.outbox import Letter, Line

OURS = Path(__file__).parent.parent / "templates"
SYSTEM_STATES = {
    "@dead": Text(
        "有消息未能送达，请运行 tibandu alerts list --state dead",
        "has dead letters: tibandu alerts list --state dead",
    ),
    "@test": Text("测试消息", "a test message"),
}
NOTHING = Line(case="", seq=0, number=None, topic="", kind=Text("提办督", "tibandu"), state=Text("", ""))
"""in place of a case where a message is about none"""
MORE = Text("条消息待阅", "messages to read")
ONE = Text("有消息待阅", "has a message to read")


def own_link(link: str) -> str:
    """Where a person's own link leads on the service on which cases are seen at `link`."""
    before, ours, _ = link.partition("cases/{case}")
    parts = urlsplit(link)
    return f"{before if ours else f'{parts.scheme}://{parts.netloc}/'}i/{{token}}"


class Words:
    """The words of one channel, in its language."""

    def __init__(
        self,
        language: str,
        link: str,
        home: str,
        folder: Path | None,
        now: Callable[[], datetime],
        own: str = "",
    ) -> None:
        self.now = now
        self._own = own or own_link(link)
        folders = [folder / language] if folder else []
        loaders = [FileSystemLoader(place) for place in (*folders, OURS / language)]
        self._environment = ImmutableSandboxedEnvironment(
            loader=ChoiceLoader(loaders),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            autoescape=False,
        )
        self._environment.globals.clear()
        self._language = language
        self._link = link
        self._home = home

    def poor(self, letter: Letter) -> list[dict[str, str]]:
        """Number, state and link of each line; nothing else. What has no number is called by its kind; of what only some may know
        (a clue) nothing is told but that there is something to read.
        """
        if not letter.lines or not letter.lines[0].case:
            state = SYSTEM_STATES.get(letter.topic, Text(letter.topic, letter.topic))
            number = str(letter.body.get("channel", letter.channel))
            return [{"number": number, "state": self._in(state), "link": self._home}]
        return [
            {
                "number": self._in(NOTHING.kind) if line.secret else line.number or self._in(line.kind),
                "state": self._in(ONE if line.secret else line.state),
                "link": self.link(line),
            }
            for line in letter.lines
        ]

    def one(self, letter: Letter) -> dict[str, str]:
        """The same where there is room for one line."""
        lines = self.poor(letter)
        if len(lines) == 1:
            return lines[0]
        return {"number": str(len(lines)), "state": self._in(MORE), "link": self._home}

    def full(self, letter: Letter) -> list[dict[str, object]]:
        """What may be said inside the house: also kind, event, clock and due day, and no number where there is none. No title and
        no person either.
        """
        lines = letter.lines or (NOTHING,)
        return [
            {**some, **self._own_words(line), **self._more(line)}
            for some, line in zip(self.poor(letter), lines, strict=True)
        ]

    def link(self, line: Line) -> str:
        """Where the case is seen; or the receiver's own link, by which he answers without an account."""
        if line.token is not None:
            return self._own.replace("{token}", line.token)
        return self._link.replace("{case}", line.case)

    def render(self, template: str, **values: object) -> str:
        """A template of a file. Raises ValueError."""
        try:
            return self._environment.get_template(template).render(**values).strip()
        except TemplateError as error:
            raise ValueError(f"template {template}: {error}") from None

    def compiled(self, text: str, values: Mapping[str, object]) -> str:
        """A template of the channel file. Raises ValueError."""
        try:
            return self._environment.from_string(text).render(**values)
        except TemplateError as error:
            raise ValueError(str(error)) from None

    def short(self, letter: Letter, most_bytes: int) -> str:
        """A message for a bot: as many lines as fit, and how many more there are."""
        lines = self.poor(letter)
        for count in range(len(lines), 0, -1):
            said = self.render("short.txt", lines=lines[:count], more=len(lines) - count, home=self._home)
            if len(said.encode()) <= most_bytes:
                return said
        raise ValueError(f"not even one line fits into {most_bytes} bytes")

    def _own_words(self, line: Line) -> dict[str, str]:
        return {"number": line.number or "", "state": self._in(line.state)} if line.case else {}

    def _more(self, line: Line) -> dict[str, object]:
        named = {"kind": line.kind, "event": line.event, "clock": line.clock}
        texts: dict[str, object] = {name: self._in(text) if text else "" for name, text in named.items()}
        return {
            **texts,
            "case": line.case,
            "due_on": line.due_on or "",
            "rung": line.rung,
            "seq": line.seq,
            "late_of": line.late_of or "",
        }

    def _in(self, text: Text) -> str:
        return text.in_language(self._language)
