"""飞书群机器人 / Feishu group bot, signed."""

from __future__ import annotations

from .bot import Bot, signature


class Feishu(Bot):
    """kind = "feishu"."""

    code = "code"
    busy = (11232, 11233)
    """frequency limits"""

    def message(self, text: str, stamp: int) -> dict[str, object]:
        """Its own names, and the signature in the body."""
        signed = (
            {"timestamp": str(stamp), "sign": signature(f"{stamp}\n{self.secret}")} if self.secret else {}
        )
        return {**signed, "msg_type": "text", "content": {"text": text}}
