"""The channels of one file: who is reached how. A kind is one file here, and shows only its differences."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from workflow.outbox import EVERYBODY, INBOX, OPERATOR, Contact

from .base import Base
from .dingtalk import DingTalk
from .feishu import Feishu
from .mail import Mail
from .settings import ChannelFileError, Faults, Section, read_file
from .sms import Sms
from .webhook import Webhook
from .wecom import WeCom
from .words import Words, own_link

__all__ = ["KINDS", "ChannelFileError", "Channels", "read_channels"]

KINDS: Mapping[str, type[Base]] = {
    "smtp": Mail, "webhook": Webhook, "wecom": WeCom, "dingtalk": DingTalk, "feishu": Feishu, "sms": Sms,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Channels:
    """What the file says: the channels, and who is subscribed by it."""

    channels: tuple[Base, ...]
    subscriptions: Mapping[str, tuple[Contact, ...]]

    def named(self, name: str) -> Base | None:
        """The channel of that name."""
        return next((channel for channel in self.channels if channel.name == name), None)


def read_channels(path: Path, now: Callable[[], datetime]) -> Channels:
    """The channels of a TOML file; `now` dates signatures. Raises ChannelFileError with every fault."""
    top, faults = read_file(path)
    reader = _Reader(path, top, faults, now)
    found = reader.read()
    if faults.found:
        raise ChannelFileError(faults.found)
    return found


class _Reader:
    def __init__(self, path: Path, top: Section, faults: Faults, now: Callable[[], datetime]) -> None:
        self._top = top
        self._now = now
        self._link = top.text("link")
        if "{case}" not in self._link:
            top.fault("link", "须含 {case}", "must hold {case}")
        self._home = top.text("home", self._link.partition("{case}")[0])
        self._own = top.text("own_link", own_link(self._link))
        if "{token}" not in self._own:
            top.fault("own_link", "须含 {token}", "must hold {token}")
        self._language = top.text("language", "zh", of=("zh", "en"))
        folder = top.text("templates", "")
        self._folder = path.parent / folder if folder else None
        if self._folder is not None and not self._folder.is_dir():
            top.fault("templates", f"没有文件夹 {folder}", f"there is no folder {folder}")

    def read(self) -> Channels:
        """Everything in it."""
        contacts: dict[str, list[Contact]] = {}
        channels = []
        for name, section in self._top.tables("channel").items():
            channel = self._channel(name, section, contacts)
            if channel is not None:
                channels.append(channel)
        self._operator({channel.name: channel for channel in channels}, contacts)
        self._top.end()
        return Channels(tuple(channels), {holder: tuple(several) for holder, several in contacts.items()})

    def _channel(self, name: str, section: Section, contacts: dict[str, list[Contact]]) -> Base | None:
        kind = KINDS.get(section.text("kind", of=tuple(KINDS)))
        if name == INBOX:
            section.fault(
                "kind", "inbox 是站内收件箱，不能另设", "inbox is the in-app inbox and always there"
            )
        language = section.text("language", self._language, of=("zh", "en"))
        holders = section.texts("for")
        if kind is None:
            return None
        channel = kind(
            name, section, Words(language, self._link, self._home, self._folder, self._now, self._own)
        )
        if holders and channel.addressed:
            section.fault("for", "本渠道须逐人登记地址", "this kind needs an address for each person")
        for holder in holders:
            if holder != EVERYBODY and not holder.startswith(("role:", "party:")):
                section.fault(
                    "for",
                    f"须为 *、role:… 或 party:…，不能是 {holder}",
                    f"must be *, role:… or party:…, not {holder}",
                )
            contacts.setdefault(holder, []).append(Contact(channel=name, address=""))
        section.end()
        return channel

    def _operator(self, channels: Mapping[str, Base], contacts: dict[str, list[Contact]]) -> None:
        section = self._top.table("operator", {})
        for name, address in section.items().items():
            channel = channels.get(name)
            if channel is None:
                section.fault(name, "没有这个渠道", "there is no such channel")
            elif (problem := channel.problem(address)) is not None:
                section.fault(name, problem, problem)
            else:
                contacts.setdefault(OPERATOR, []).append(Contact(channel=name, address=address))
