"""What to do next after a page that says no, by the code of the problem."""

from __future__ import annotations

from collections.abc import Mapping

from workflow.errors import Text

__all__ = ["HINTS", "hint"]

_AGAIN = Text("请重新打开这一件，看清现在的情况再办理。", "Open the case again and look at it as it is now.")
HINTS: Mapping[str, Text] = {
    "not_found": Text(
        "可能是编号或网址有误，也可能不由您知悉。请在上方按编号或标题查找，或从列表中打开。",
        "The number or address may be wrong, or it may not be yours to know. Search above, or open it from a list.",
    ),
    "bad_request": Text(
        "这个网址不完整或被改动过。请从页面上的链接重新进入。",
        "This address is not complete, or was changed. Come in again by a link of a page.",
    ),
    "no_such_part": Text("请从头重新下载整份文件。", "Download the whole file again, from its beginning."),
    "not_permitted": Text(
        "如果这应当由您办理，请联系授予角色的人。",
        "If this should be yours to do, ask whoever grants the roles.",
    ),
    "csrf": Text(
        "请回到原来的页面，刷新后再提交。", "Go back to the page, load it anew and send the form again."
    ),
    "conflict": _AGAIN,
    "stale": _AGAIN,
    "not_in_state": _AGAIN,
    "guard_failed": _AGAIN,
    "too_large": Text(
        "请把文件压缩或拆小后再传。", "Make the file smaller, or several of it, and send it again."
    ),
    "media_refused": Text(
        "请换一种文件格式，例如 PDF、Word、Excel 或图片。",
        "Use another format: PDF, Word, Excel or a picture.",
    ),
    "too_many": Text("请过几分钟再试。", "Try again in some minutes."),
    "unavailable": Text(
        "请过一会儿再试。没有提交成功的，什么也没有写入。",
        "Try again in a while. Of what was not accepted nothing was written.",
    ),
    "internal": Text(
        "错误已记录。请再试一次；仍不行，请把现在的时间和所办的事告诉系统管理员。",
        "The error is noted. Try once more; if it fails again, tell the operator the time and what you were doing.",
    ),
}
"""of what a person can meet; the others say themselves what would be right"""
_NO_LINK = Text(
    "链接或二维码可能不完整、已过期，或已由新的代替。请原来发给您的办公室重新发送。",
    "The link or code may not be complete, may have ended, or be replaced. Ask the office that sent it for another.",
)


def hint(code: str, person: str | None) -> Text | None:
    """The one for this problem; who has not signed in finds nothing by searching: he came by a link."""
    return _NO_LINK if code == "not_found" and not person else HINTS.get(code)
