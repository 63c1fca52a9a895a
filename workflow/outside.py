"""Which addresses outside may be asked: public ones and those an operator has listed, over https.

Nothing else of the network this machine stands in is reached by an address that somebody has typed in.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit

from .errors import Text

__all__ = ["Forbidden", "Network", "check_url", "permitted"]

IP = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


class Forbidden(ValueError):
    """That address may not be asked; `text` says why."""

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(en)
        self.text = Text(zh, en)


def check_url(url: str, allow: Sequence[Network]) -> None:
    """Raises Forbidden for a URL nothing should be sent to. Plain http only into listed networks."""
    parts = urlsplit(url)
    if parts.scheme not in ("https", "http") or not parts.hostname:
        raise Forbidden("须为 https://主机/路径", "it must be https://host/path")
    if parts.username is not None or parts.password is not None:
        raise Forbidden("网址中不得有用户名或口令", "no user or password in the URL")
    if parts.scheme == "http" and not allow:
        raise Forbidden("须用 https（http 仅限 allow 所列网络）", "http only with `allow`; use https")
    if not url.isprintable() or " " in url:
        raise Forbidden("网址含不可用的字符", "unusable characters in the URL")
    try:
        parts.port  # noqa: B018 - raises when it is none
    except ValueError:
        raise Forbidden("端口无效", "no such port") from None


def permitted(address: IP, allow: Sequence[Network], *, listed_only: bool = False) -> bool:
    """Public, or in a listed network; so for every address hidden inside it too."""
    if any(address in network for network in allow if network.version == address.version):
        return True
    return not listed_only and all(
        one.is_global and not one.is_multicast and not getattr(one, "is_site_local", False)
        for one in (address, *_inside(address))
    )


def _inside(address: IP) -> Iterator[IP]:
    """IPv4 addresses that an IPv6 one stands for."""
    if isinstance(address, ipaddress.IPv6Address):
        yield from (one for one in (address.ipv4_mapped, address.sixtofour) if one)
        yield from address.teredo or ()
        if address in NAT64:
            yield ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
