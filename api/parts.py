"""A content of which one part may be asked for (`Range`): a download that was cut goes on where it ended."""

from __future__ import annotations

import re
from typing import IO, Any

from flask import Request, Response
from werkzeug.exceptions import RequestedRangeNotSatisfiable
from werkzeug.wsgi import FileWrapper

from workflow.errors import Text

from .problems import Problem

CHUNK = 1 << 16
ONE = re.compile("bytes=(?:([0-9]{1,15})-([0-9]{0,15})|-([0-9]{1,15}))")
NOT_THERE = Text("文件没有所求的部分", "the file has no such part")


def sent(content: IO[bytes], size: int, digest: str, media: str, asking: Request) -> Response:
    """It whole, or one part of it, or 304; closed with the response. `size`: bytes; `digest` names the content, so that parts of
    one and of another are never put together (`If-Range`). Raises Problem 416.
    """
    response = Response(FileWrapper(content, CHUNK), content_type=media, direct_passthrough=True)
    response.content_length = size
    response.set_etag(digest)
    part = asking.method == "GET" and _one(asking.headers.get("Range", ""), size)
    try:
        response.make_conditional(reading(asking), accept_ranges=True, complete_length=size if part else None)
    except RequestedRangeNotSatisfiable:
        response.close()
        raise Problem("no_such_part", NOT_THERE, headers={"Content-Range": f"bytes */{size}"}) from None
    return response


def reading(asking: Request) -> dict[str, Any]:
    """What is asked, without `If-Match`: who only reads overwrites nobody's version."""
    return {name: value for name, value in asking.environ.items() if name != "HTTP_IF_MATCH"}


def _one(asked: str, size: int) -> bool:
    """Whether it is one part. Several, another unit, or the last bytes of fewer are answered with the whole (RFC 9110)."""
    found = ONE.fullmatch(asked)
    if found is None:
        return False
    first, last, end = found.groups()
    if end:
        return 0 < int(end) < size
    return not last or int(last) >= int(first)
