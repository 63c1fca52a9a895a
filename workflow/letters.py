"""Rows as letters and inbox entries: with their addresses, and every name in both languages."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from .definition import Definition
from .errors import NotFound, Text
from .history import BREAK_GLASS, INVITE, MIGRATE, RECALCULATE
from .laws import Laws
from .model import Actor
from .outbox import DIGEST, EVERYBODY, LINK, OPERATOR, PLAIN, Letter, Line
from .store.post import Post, Row

BESIDE = {
    RECALCULATE: Text("期满日变动", "the due day moved"), BREAK_GLASS: Text("应急查阅", "opened in an emergency"),
    MIGRATE: Text("迁移到新版流程", "moved to another version of its lifecycle"), INVITE: Text("发出链接", "a link was issued"),
}  # fmt: skip
"""what happens beside the lifecycle; no definition has these events"""


EVENT = "@event"
"""the topic of what a subscription is told"""
Numbers = Callable[[Any, Sequence[tuple[str, int]], Actor], Mapping[tuple[str, int], int]]
"""how many lines of its case a person is shown up to each of these (sight.py)"""
ASKED = Text("请您本人打开链接答复", "please answer by this link; it is yours alone")


class Letters:
    """Rows as letters: with their addresses, and every name in both languages."""

    def __init__(self, post: Post, connection: Any, laws: Laws, channel: str, numbers: Numbers) -> None:
        self._numbers = numbers
        self._post = post
        self._connection = connection
        self._laws = laws
        self._channel = channel

    def of(self, rows: Sequence[Row]) -> list[Letter]:
        """The letters of leased rows."""
        if not rows:
            return []
        contacts = self._post.contacts(self._connection, {row["holder"] for row in rows})
        addresses = {row["holder"]: row["address"] for row in contacts if row["channel"] == self._channel}
        plain = [row for row in rows if row["topic"] != DIGEST]
        epochs, heads = self._post.epochs(self._connection), self._post.heads(self._connection, rows)
        bodies = self._bodies(plain)
        lines = dict(zip((row["key"] for row in plain), self.lines(plain), strict=True))
        return [
            Letter(
                key=row["key"], token=row["token"], channel=self._channel, holder=row["holder"],
                address=addresses.get(row["holder"], ""), topic=row["topic"], attempts=row["attempts"],
                epoch=sum(began < row["created_at"] for began in epochs),
                created_at=datetime.fromisoformat(row["created_at"]), body=_open(bodies.get(row["key"], {})),
                lines=(lines[row["key"]],) if row["key"] in lines else self._gathered(row),
                head=heads.get((row["case_id"], row["seq"]), ""),
            )
            for row in rows
        ]  # fmt: skip

    def _gathered(self, row: Row) -> tuple[Line, ...]:
        days = (row["digest_from"], row["digest"])
        return tuple(self.lines(self._post.digest(self._connection, row["holder"], *days)))

    def _bodies(self, rows: Sequence[Row]) -> dict[str, dict[str, Any]]:
        texts = self._post.bodies(self._connection, {row["outbox_key"] for row in rows})
        return {row["key"]: json.loads(texts.get(row["outbox_key"], "{}")) for row in rows}

    def lines(self, rows: Sequence[Row]) -> list[Line]:
        """What each row says, under the number by which its holder finds it."""
        bodies, shown = self._bodies(rows), self._shown(rows)
        laws = self._post.definitions(self._connection, {row["case_id"] for row in rows})
        return [
            self._line(row, bodies[row["key"]], laws.get(row["case_id"]), shown[row["key"]]) for row in rows
        ]

    def _shown(self, rows: Sequence[Row]) -> dict[str, int]:
        """key → number by which its holder finds the line."""
        told = [
            row for row in rows if row["case_id"] and row["topic"] != EVENT
        ]  # there it is counted already
        kept = self._post.kept(self._connection, {row["case_id"] for row in told}, self._laws.hidable())
        by_holder: dict[str, list[Row]] = {}
        for row in told:
            if row["case_id"] in kept and (holder := _whose(row["holder"])) is not None:
                by_holder.setdefault(holder, []).append(row)
        found: dict[str, int] = {row["key"]: row["seq"] for row in rows}
        for holder, his in by_holder.items():
            lines = [(row["case_id"], row["seq"]) for row in his]
            numbers = self._numbers(self._connection, lines, Actor(person=holder))
            found |= {row["key"]: numbers[line] for row, line in zip(his, lines, strict=True)}
        return found

    def _line(self, row: Row, body: Mapping[str, Any], digest: str | None, seq: int) -> Line:
        law = None if digest is None else self._law(digest)
        kind, state, event, clock = (None,) * 4 if law is None else _titles(law, body)
        if row["topic"] == LINK:
            state = ASKED
        return Line(
            case=row["case_id"], seq=seq, number=body.get("number"), topic=row["topic"], kind=kind or _same(body, "kind"),
            state=state or _same(body, "state"), event=event, clock=clock, rung=body.get("rung"), due_on=body.get("due_on"),
            late_of=body.get("on") if body.get("late") else None, token=body.get(PLAIN),
            secret=law is None or bool(law.seen_by),  # of what nobody can look up nothing is told either
        )  # fmt: skip

    def _law(self, digest: str) -> Definition | None:
        try:
            return self._laws.pinned(digest).definition
        except NotFound:
            return None


def _titles(law: Definition, body: Mapping[str, Any]) -> tuple[Text | None, ...]:
    state, clock = law.states.get(str(body.get("state"))), law.clocks.get(str(body.get("clock")))
    event = law.start if body.get("event") == "start" else law.events.get(str(body.get("event")))
    titles = [named.title if named else None for named in (state, event, clock)]
    titles[1] = BESIDE.get(str(body.get("event")), titles[1])
    return law.title, *titles


def _whose(holder: str) -> str | None:
    """With whose eyes it is read: a person's, a unit's. None: everybody's of the congress, and the operator's."""
    if holder in (EVERYBODY, OPERATOR):
        return None
    return holder.rpartition("@")[2] if holder.startswith("role:") else holder.removeprefix("party:")


def _open(body: Mapping[str, Any]) -> dict[str, Any]:
    """The body without a token, which stands in its line alone."""
    return {name: value for name, value in body.items() if name != PLAIN}


def _same(body: Mapping[str, Any], name: str) -> Text:
    """A word nobody has translated."""
    return Text(str(body.get(name, "")), str(body.get(name, "")))
