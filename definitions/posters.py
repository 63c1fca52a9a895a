"""Posters for the doors of stations: name, next reception days with who is on duty, and the QR code of the station's page.

One A4 page each. As a PDF (extra `pdf`) it needs a Chinese font of this machine, which is embedded as far as it is used; we ship
none. As a ZIP of HTML pages it needs nothing: each is printed from any browser with the fonts of whoever prints it.
"""

from __future__ import annotations

import html
import shutil
import subprocess
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from workflow import Actor, Engine, NotFound, WorkflowError
from workflow.errors import Text
from workflow.model import Party

from .doors import Day, code_of, days_of_each
from .letters.words import clean
from .letters.writing import NAME, entry
from .receptions import STATIONS, every

__all__ = ["Poster", "posters", "write_pages", "write_pdf"]

SECONDS = 20
"""within which fontconfig answers; the first time it reads every font there is"""
WEEK = "一二三四五六日"
TITLE, SCAN = "人大代表联络站", "扫码查看接待安排、反映意见建议"
HELP = "无须下载软件，无须登录。也可在接待日当面反映。"
HEADS, NOBODY, NONE = "近期接待选民日", "代表另行公告", "接待日另行公告"
CODE = 86
"""mm of the QR code"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Poster:
    """What stands on one: `lines` are the next days, each with who is on duty."""

    id: str
    name: str
    lines: tuple[str, ...]
    place: str
    address: str
    """of the station's page: what the QR code opens"""


def posters(
    engine: Engine,
    url: str,
    *,
    actor: Actor | None = None,
    tenant: str | None = None,
    ids: Sequence[str] = (),
) -> Iterator[Poster]:
    """The posters of the running stations and homes, by id, that `actor` may know of, if one is given. `url`: where the service
    is reached from outside. Raises NotFound, the same for a station that is not there and one he knows nothing of.
    """
    found = [p for kind in STATIONS for p in every(engine, kind, tenant, actor) if not ids or p.id in ids]
    missing = sorted(set(ids) - {party.id for party in found})
    if missing:
        raise NotFound(
            Text(f"没有运行中的联络站 {'、'.join(missing)}", f"no running station {', '.join(missing)}")
        )
    found.sort(key=lambda party: party.id)
    for party, days in zip(found, days_of_each(engine, found), strict=True):
        yield _poster(party, days, url)


def _poster(party: Party, days: Sequence[Day], url: str) -> Poster:
    place = clean(
        str(party.attributes.get("place") or next((day.place for day in days if day.place), "") or "")
    )
    lines = tuple(clean(_line(day)) for day in days) or (NONE,)
    return Poster(
        id=party.id,
        name=clean(party.name),
        lines=lines,
        place=place,
        address=f"{url.rstrip('/')}/s/{code_of(party.id)}",
    )


def _line(day: Day) -> str:
    on: date = day.on
    said = f"{on.year}年{on.month}月{on.day}日（星期{WEEK[on.weekday()]}）{'（暂定）' if day.provisional else ''}"
    return f"{said} {day.hours or ''}  {'、'.join(day.names) or NOBODY}"


def _size(name: str) -> int:
    """Points in which a name is one line of 170 mm, as long as it can be read from afar."""
    return min(34, max(18, int(170 / 0.353 / max(len(name), 1))))


# --- as pages of HTML

PAGE = """<!DOCTYPE html>
<html lang="zh-CN"><head><meta charset="utf-8"><title>{name}</title><style>
@page {{ size: A4; margin: 0 }}
body {{ margin: 0; width: 210mm; padding: 24mm 20mm; box-sizing: border-box; text-align: center;
  font-family: "Noto Sans CJK SC", "PingFang SC", "Microsoft YaHei", sans-serif }}
h1 {{ font-size: {size}pt; margin: 0 0 4mm }} .kind {{ font-size: 18pt }}
svg {{ width: {code}mm; height: {code}mm; margin: 6mm auto }}
h2 {{ font-size: 20pt; margin: 8mm 0 2mm }} ul {{ padding: 0; margin: 0 }}
li {{ list-style: none; font-size: 15pt; line-height: 1.6 }}
p {{ font-size: 14pt; line-height: 1.5; margin: 1mm 0 }}
</style></head><body>
<p class="kind">{kind}</p><h1>{name}</h1>{qr}<p>{scan}</p><p>{help}</p>
<h2>{heads}</h2><ul>{lines}</ul><p>{place}</p><p>{address}</p>
</body></html>
"""


def write_pages(found: Iterable[Poster], path: Path) -> int:
    """A new ZIP with a page of HTML for each; how many. Raises OSError when it is there."""
    import segno

    count = 0
    with path.open("xb") as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as pack:
        for count, poster in enumerate(found, 1):
            qr = segno.make(poster.address, error="m", micro=False).svg_inline(border=2, omitsize=True)
            page = PAGE.format(
                name=html.escape(poster.name), kind=TITLE, qr=qr, scan=SCAN, help=HELP, heads=HEADS, code=CODE,
                size=_size(poster.name),
                lines="".join(f"<li>{html.escape(line)}</li>" for line in poster.lines), place=html.escape(poster.place),
                address=html.escape(poster.address),
            )  # fmt: skip
            pack.writestr(entry(f"{count:03} {NAME.sub('', poster.name)[:60]}.html"), page)
    return count


# --- as one PDF


def write_pdf(found: Iterable[Poster], path: Path, font: Path | None = None) -> int:
    """A new PDF with a page for each; how many. Raises WorkflowError when there is no font that has all its characters, OSError
    when it is there.
    """
    wanted = list(found)
    chosen = font or _installed()
    if chosen is None or not chosen.is_file():
        zh = (
            f"没有中文字体 {font or ''}；请用 --font 指定，或把 --out 写成 .zip(网页，用打印机所在机器的字体)"
        )
        en = f"no Chinese font {font or ''}: name one with --font, or give --out a .zip (pages of HTML, printed anywhere)"
        raise WorkflowError(Text(zh, en))
    number = _face(chosen, {mark for poster in wanted for mark in _text(poster)})
    document = _document(chosen, number)
    for poster in wanted:
        _page(document, poster)
    with path.open("xb") as file:
        file.write(bytes(document.output()))
    return len(wanted)


def _installed() -> Path | None:
    """The Chinese font of this machine, as fontconfig knows it; None where there is none, or no fontconfig."""
    program = shutil.which("fc-match")
    if program is None:
        return None
    asked = [program, "--format=%{file}\n%{lang}", "sans-serif:lang=zh-cn"]
    done = subprocess.run(asked, capture_output=True, text=True, check=False, timeout=SECONDS)  # noqa: S603 - no shell
    file, _, languages = done.stdout.partition("\n")
    return Path(file) if "zh-cn" in languages.strip().split("|") and Path(file).is_file() else None


def _text(poster: Poster) -> str:
    return "".join((TITLE, SCAN, HELP, HEADS, poster.name, *poster.lines, poster.place, poster.address))


def _face(font: Path, marks: set[str]) -> int:
    """The number of the face to be used: of a collection the simplified Chinese one. Raises WorkflowError for what it lacks."""
    faces = _faces(font)
    number = next((n for n, (name, _) in enumerate(faces) if " SC" in name), 0)
    lacks = sorted(mark for mark in marks - {" ", "\n"} if ord(mark) not in faces[number][1])
    if lacks:
        shown = "".join(lacks[:20])
        raise WorkflowError(Text(f"{font} 缺字：{shown}", f"{font} has no glyphs for: {shown}"))
    return number


def _faces(font: Path) -> list[tuple[str, Mapping[int, str]]]:
    """Name and characters of each face in the file. Raises WorkflowError when it is no font."""
    from fontTools.ttLib import TTCollection, TTFont, TTLibError

    try:
        with TTCollection(font) if font.suffix.lower() == ".ttc" else TTFont(font, lazy=False) as opened:
            faces = getattr(opened, "fonts", [opened])
            return [(str(face["name"].getDebugName(4) or ""), face.getBestCmap() or {}) for face in faces]
    except (TTLibError, OSError) as error:
        raise WorkflowError(Text(f"{font} 不是字体文件", f"{font} is no font ({error})")) from None


def _document(font: Path, number: int) -> Any:
    from fpdf import FPDF

    document = FPDF(format="A4")
    document.set_margins(20, 22)
    document.set_auto_page_break(auto=False)
    document.add_font("cjk", fname=str(font), collection_font_number=number)
    return document


def _page(document: Any, poster: Poster) -> None:
    document.add_page()
    _say(document, TITLE, 18)
    _say(document, poster.name, _size(poster.name))
    _code(document, poster.address)
    for text in (SCAN, HELP):
        _say(document, text, 14)
    document.ln(5)
    _say(document, HEADS, 20)
    for text in (*poster.lines, poster.place, poster.address):
        if text:
            _say(document, text, 14)


def _say(document: Any, text: str, size: int) -> None:
    document.set_font("cjk", size=size)
    document.multi_cell(0, size * 0.55, text, align="C", new_x="LMARGIN", new_y="NEXT")


def _code(document: Any, address: str) -> None:
    """Drawn as runs of dark squares, so that it is sharp at any size."""
    import segno

    rows = [bytes(row) for row in segno.make(address, error="m", micro=False).matrix]
    side = CODE / len(rows)
    left, top = (document.w - CODE) / 2, document.get_y() + 4
    for line, row in enumerate(rows):
        start = 0
        while (start := row.find(1, start)) >= 0:
            end = row.find(0, start) if row.find(0, start) >= 0 else len(row)
            document.rect(left + start * side, top + line * side, (end - start) * side, side, style="F")
            start = end
    document.set_y(top + CODE + 4)
