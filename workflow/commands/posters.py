"""`posters`: one A4 page for the door of each station, as one PDF or a ZIP of pages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..errors import Text
from .context import OK, Context, UsageError
from .files import free


def register(add: Any) -> None:
    """Declare the command."""
    posters = add(
        "posters", run_posters, "各联络站的海报（二维码）", "the posters of the stations, with their QR codes"
    )
    posters.add_argument(
        "--url",
        required=True,
        metavar="URL",
        help="本服务的对外网址 / where the service is reached from outside",
    )
    posters.add_argument("--out", type=Path, required=True, metavar="FILE", help=".pdf (tibandu[pdf]) / .zip")
    posters.add_argument("--tenant", metavar="TENANT", help="只含该机构及其下级 / of this tenant and below")
    posters.add_argument(
        "--station", action="append", default=[], metavar="ID", help="只印这些站 / these only; repeat"
    )
    posters.add_argument("--font", type=Path, metavar="FILE", help="中文字体 / a Chinese font for the PDF")


def run_posters(context: Context) -> int:
    """A new file; nothing is overwritten."""
    arguments, console = context.arguments, context.console
    posters = context.sibling("definitions.posters")
    out, kind = arguments.out, arguments.out.suffix.lower()
    if kind not in (".pdf", ".zip"):
        raise UsageError(Text("须为 .pdf 或 .zip 文件", "the file must be .pdf or .zip"))
    if not arguments.url.startswith(("https://", "http://")):
        raise UsageError(Text("--url 须以 https:// 开头", "--url must begin with https://"))
    free(out)
    found = posters.posters(context.engine, arguments.url, tenant=arguments.tenant, ids=arguments.station)
    try:
        count = (
            posters.write_pdf(found, out, arguments.font)
            if kind == ".pdf"
            else posters.write_pages(found, out)
        )
    except BaseException:
        out.unlink(missing_ok=True)
        raise
    console.say(f"{count} 张 → {out}", f"{count} poster(s) → {out}")
    console.value({"posters": count, "file": str(out)})
    return OK
