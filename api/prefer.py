"""What a client prefers (RFC 7240): read in one place, as the RFC writes it."""

from __future__ import annotations

from flask import Request
from werkzeug.http import parse_list_header

__all__ = ["MINIMAL", "PREFERENCES", "prefers"]

MINIMAL, COUNT, LATER = "return=minimal", "count=exact", "respond-async"
PREFERENCES = {
    MINIMAL: "不要正文 / no body, please",
    COUNT: "连同总数 / with the number of all",
    LATER: "作为任务办理 / as a job",
}
"""those that some route honours; what else is preferred is passed over, as the RFC says"""


def prefers(asking: Request, preference: str) -> bool:
    """Whether it is preferred: in any of the headers, quoted or not, with parameters or without. Case does not matter."""
    if "HTTP_PREFER" not in asking.environ:
        return False
    given = parse_list_header(",".join(asking.headers.getlist("Prefer")))
    return any(_plain(part) == preference for part in given)


def _plain(part: str) -> str:
    name, sign, value = part.partition(";")[0].partition("=")
    return (name.strip() + (f"={value}" if (value := value.strip().strip('"')) and sign else "")).lower()
