"""钉钉群机器人 / DingTalk group bot, signed."""

from __future__ import annotations

from urllib.parse import quote_plus

from .bot import Bot, signature


class DingTalk(Bot):
    """kind = "dingtalk"."""

    busy = (130101, 410100, -1)
    """sends too often; the system is busy"""

    def address(self, stamp: int) -> str:
        """With the milliseconds and their signature."""
        if not self.secret:
            return self.url
        milliseconds = stamp * 1000
        signed = quote_plus(signature(self.secret, f"{milliseconds}\n{self.secret}"))
        return f"{self.url}&timestamp={milliseconds}&sign={signed}"
