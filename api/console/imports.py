"""A table comes in: an empty one to fill, a judgement of every cell with nothing written, and then all of it or nothing."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any

from flask import Response, url_for
from werkzeug.datastructures import FileStorage

from workflow.errors import NotFound, Text

from ..imports import MOST, MOST_ROWS
from ..judged import Judged
from ..ledgers import EXCEL
from ..letters import download
from ..problems import Problem
from .screens import Look, Page, Screen

SHOWN = 100
"""faults on the page; the table with its marks has all of them"""


@dataclass(frozen=True, slots=True)
class Kind:
    """What can be taken in: parties of a kind, or cases of a definition."""

    name: str
    title: Text


def kinds(look: Look) -> list[Kind]:
    """What this reader may take in: the registers he keeps, and the cases he may begin."""
    held = {grant.role for grant in look.grants if grant.unit is None}
    library = look.engine.library
    whole = any(grant.unit is None for grant in look.held_for("imports"))
    begun = {view.definition for view in look.views if view.starts and whole}
    cases = [Kind(d.name, d.title) for d in library.definitions.values() if d.name in begun]
    parties = [Kind(k.name, k.title) for k in library.parties.values() if not held.isdisjoint(k.kept_by)]
    return [*cases, *parties]


def every(look: Look) -> Page:
    """What can be taken in."""
    return Page("imports.html", {"kinds": kinds(look)})


def asked(look: Look) -> Page:
    """The empty table, and where the filled one goes."""
    return _page(look, None, "", "")


def judged(look: Look) -> Page | Response:
    """Judge it, write nothing; or, when that was done, write it; or give it back with its faults marked."""
    kind, papers, act = _kind(look), look.desk.papers, look.request.form.get("act", "judge")
    if papers is None:
        raise Problem("unavailable", Text("本服务不读表格", "this service reads no tables"))
    with _table(look) as (path, name):
        done = papers.take(
            kind.name, path, look.actor, dry_run=act != "write", most=MOST_ROWS, encoding=_encoding(look),
            **_way(look),
        )  # fmt: skip
        if act == "marked":
            marked = papers.marked(path, done, look.language, _encoding(look))
            if marked is None:
                raise Problem("media_refused", done.faults[0].reason)
            return download(
                Response(marked, content_type=EXCEL),
                look.words(Text(f"{Path(name).stem}（标出错误）.xlsx", f"{Path(name).stem} faults.xlsx")),
            )
        return _page(look, done, act, _keep(look, path, name, "" if done.faults else act), name)


def _way(look: Look) -> dict[str, str]:
    return {name: text for name in ("tenant", "then") if (text := look.request.form.get(name, ""))}


def _encoding(look: Look) -> str:
    return "gbk" if look.request.form.get("encoding") == "gbk" else "utf-8"


@contextmanager
def _table(look: Look) -> Iterator[tuple[Path, str]]:
    """The file that was sent, or the one that was judged before, under a name of ours; and how its sender calls it."""
    upload, kept = look.request.files.get("file"), look.opened(look.request.form.get("kept", ""))
    sent = upload is not None and bool(upload.filename)
    sha256, _, before = (kept or "").partition(" ")
    name = str(upload.filename) if upload is not None and sent else before
    ending = next((e for e in (".xlsx", ".csv") if name.lower().endswith(e)), None)
    if ending is None:
        raise Problem("form_invalid", Text("请选择 .xlsx 或 .csv 文件", "choose a file .xlsx or .csv"))
    with TemporaryDirectory(prefix="table-") as folder:
        path = Path(folder) / f"table{ending}"
        with path.open("wb") as out:
            shutil.copyfileobj(_content(look, upload if sent else None, sha256), out)
        if path.stat().st_size > MOST:
            raise Problem("too_large", Text(f"表格超过 {MOST >> 20} MiB", f"larger than {MOST >> 20} MiB"))
        yield path, name


def _content(look: Look, upload: FileStorage | None, kept: str) -> IO[bytes]:
    if upload is not None:
        return upload.stream
    found = Judged(look.engine).open(look.actor.person, kept) if kept else None
    if found is None:
        raise NotFound(Text("请重新选择文件", "choose the file again"))
    return BytesIO(found)


def _keep(look: Look, path: Path, name: str, act: str) -> str:
    """A table that was judged need not be sent again: what names it is sealed. One that was written is soon forgotten."""
    judged, content = Judged(look.engine), path.read_bytes()
    key = judged.keep(look.actor.person, content)
    if act == "write":
        judged.written(look.actor.person, key)
    return look.seal(f"{key} {name}")


def _page(look: Look, done: Any, act: str, kept: str, name: str = "") -> Page:
    kind, library = _kind(look), look.engine.library
    definition = library.definitions.get(kind.name)
    events = [] if definition is None else [
        event for event in definition.events.values()
        if not event.automatic and any(definition.initial in move.sources for move in event.moves) and event.number
    ]  # fmt: skip
    wrong = bool(done is not None and done.faults)
    return Page("import.html", {
        "kind": kind, "done": done, "act": act, "kept": kept, "name": name, "events": events, "way": _way(look),
        "tenants": _tenants(look), "faults": list(_alike(done.faults)) if wrong else [],
        "empty": url_for(f"{look.service.name}.import_form", kind=kind.name), "shown": SHOWN, "most": MOST_ROWS,
        "empties": [(e, url_for(f"{look.service.name}.import_form", kind=kind.name, then=e.name)) for e in events],
        "encoding": _encoding(look),
    }, 422 if wrong and act == "write" else 200)  # fmt: skip


def _tenants(look: Look) -> list[str]:
    """The congresses for which he may take something in; what only gathers cases has none."""
    held = sorted({grant.scope for grant in look.grants if grant.unit is None})
    return [one for one in held if look.names.congress(one) != one] or held


def _alike(faults: Sequence[Any]) -> Iterator[tuple[str, Any]]:
    """What is wrong, each thing once, with all the rows that it is wrong in: 2–31, 40."""
    rows: dict[tuple[str, str, Text], list[Any]] = {}
    for fault in faults:
        rows.setdefault((fault.column, fault.value, fault.reason), []).append(fault)
    for those in rows.values():
        yield _ranges([fault.row for fault in those]), those[0]


def _ranges(rows: Sequence[int]) -> str:
    """Numbers in their order, runs of them as from–to; 0, which is the whole file, as nothing."""
    runs: list[list[int]] = []
    for row in sorted(set(rows) - {0}):
        if runs and row == runs[-1][1] + 1:
            runs[-1][1] = row
        else:
            runs.append([row, row])
    return ", ".join(str(low) if low == high else f"{low}–{high}" for low, high in runs)


def _kind(look: Look) -> Kind:
    found = next((one for one in kinds(look) if one.name == look.path["kind"]), None)
    if found is None:
        raise NotFound(Text("没有这一类表格", "there is no such table"))
    return found


IMPORTS = (
    Screen(path="/import", name="imports", view=every, menu=Text("导入", "Import"), of_roles=True),
    Screen(path="/import/<kind>", name="import", view=asked),
    Screen(path="/import/<kind>", name="import_judged", view=judged, methods=("POST",)),
)
