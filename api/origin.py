"""Whether a request comes from a page of ours, by what a browser says and no page can forge: `Sec-Fetch-Site` and `Origin`."""

from __future__ import annotations

from flask import Request

from workflow.errors import Text

from .problems import Problem

SAFE = ("GET", "HEAD", "OPTIONS")


def check_origin(request: Request, url: str | None, *, said: bool = True) -> None:
    """Raises Problem 403 for what changes something from elsewhere. `url`: ours from outside, when the request does not show it.

    `said`: a request that says nothing of it is refused too; every browser says it.
    """
    if request.method not in SAFE and not _same(request, url, said):
        raise Problem("csrf", Text("请求来自其他网站", "the request comes from another site"))


def _same(request: Request, url: str | None, said: bool) -> bool:
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    if site is not None and site != "same-origin":
        return False
    if origin is None:
        return site is not None or not said
    return origin == origin_of(request, url)


def origin_of(request: Request, url: str | None) -> str:
    """Scheme and host by which browsers reach us."""
    return (url or request.host_url).rstrip("/")
