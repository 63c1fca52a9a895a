"""企业微信群机器人 / WeCom group bot."""

from __future__ import annotations

from .bot import Bot


class WeCom(Bot):
    """kind = "wecom"."""

    most_bytes = 2048
    busy = (45009, -1)
    """sends too often; the system is busy"""
