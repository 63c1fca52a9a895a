"""For tests of alerts: a channel that does what it is told, and shorthands."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from scheduler.delivery import LocalBackend
from tests.lifecycle import Office
from workflow.outbox import Contact, Letter, Receipt

SENT = Receipt(state="sent", answer="250 OK")
AWAY = Receipt(state="failed", answer="connection refused", unreachable=True)
BAD = Receipt(state="failed", answer="500 cannot read it")
NEVER = Receipt(state="failed", answer="550 no such user", permanent=True)


class Postbox:
    """Keeps what it is sent; `answer` decides what comes of a letter."""

    def __init__(self, name: str = "mail", answer: Callable[[Letter], Receipt] = lambda _: SENT) -> None:
        self.name = name
        self.per_minute: int | None = None
        self.answer = answer
        self.tried: list[Letter] = []
        self.arrived: list[Letter] = []
        self.open: Callable[[datetime], bool] = lambda _: True

    def is_open(self, now: datetime) -> bool:
        return self.open(now)

    def send(self, letter: Letter) -> Receipt:
        self.tried.append(letter)
        receipt = self.answer(letter)
        if receipt.state != "failed":
            self.arrived.append(letter)
        return receipt


def backend(office: Office, *channels: Postbox) -> LocalBackend:
    """A node of this office with these channels."""
    return LocalBackend(office.engine, channels)


def reach(office: Office, holder: str, *channels: str, digest: bool = False) -> None:
    """A holder has an address in these channels."""
    contacts = [Contact(channel=name, address=f"{holder}@{name}.example", digest=digest) for name in channels]
    office.engine.alerts.set_contacts(holder, contacts)


def states(office: Office, **wanted: str) -> dict[str, str]:
    """key → state of the deliveries outside the inbox."""
    found = office.engine.alerts.listed(limit=200_000, **wanted)
    return {d.key: d.state for d in found if d.channel != "inbox"}


def plant(office: Office, count: int, holder: str = "wang", case: str | None = None) -> None:
    """A backlog: that many outbox rows for one person, as events would have written them."""
    engine = office.engine
    case = case or office.assigned().id
    rows = [
        {
            "key": f"planted:{n:06}", "case_id": case, "seq": n, "topic": "planted", "recipient": f"party:{holder}",
            "body": '{"number":"1"}', "state": "queued", "created_at": f"2026-03-01T00:00:00.{n:06}+00:00",
        }
        for n in range(count)
    ]  # fmt: skip
    with engine.database.begin() as connection:
        connection.execute(engine.store.tables.outbox.insert(), rows)
