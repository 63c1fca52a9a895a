"""Documents: kept on disk under the hash of their content, read only through a case that names them.

A file is streamed, never whole in memory; what it is, is judged by its content and must agree with its name; what a photograph
tells beside the picture is left out (photographs.py). The disk stands behind a protocol, so a host may keep documents elsewhere.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from mmap import ACCESS_READ, mmap
from pathlib import Path, PurePosixPath
from typing import IO, Protocol
from urllib.parse import quote

import filetype
from flask import Request, Response
from marshmallow import Schema, fields, validate

from workflow import Case
from workflow.errors import NotFound, Text

from .cases import documents_of
from .faults import written
from .parts import CHUNK, sent
from .photographs import PHOTOGRAPHS, Damaged, cleaned
from .problems import Problem
from .quota import room
from .routes import Ask, Desk, Out, Reply, Route
from .schemas import Strict, one_line
from .uploads import Uploads

MOST = 32 << 20
OFFICE = "application/vnd.openxmlformats-officedocument"
KINDS = {
    ".pdf": {"application/pdf"},
    ".jpg": {"image/jpeg"}, ".jpeg": {"image/jpeg"}, ".png": {"image/png", "image/apng"}, ".webp": {"image/webp"},
    ".docx": {f"{OFFICE}.wordprocessingml.document", "application/zip"},
    ".xlsx": {f"{OFFICE}.spreadsheetml.sheet", "application/zip"},
    ".pptx": {f"{OFFICE}.presentationml.presentation", "application/zip"},
    ".doc": {"application/msword"}, ".xls": {"application/vnd.ms-excel"},
    ".ofd": {"application/zip"},
}  # fmt: skip
"""the ending of a name -> what its content may look like"""
MEDIA = {
    ".docx": f"{OFFICE}.wordprocessingml.document", ".xlsx": f"{OFFICE}.spreadsheetml.sheet",
    ".pptx": f"{OFFICE}.presentationml.presentation", ".ofd": "application/ofd",
    ".png": "image/png",
}  # fmt: skip
KNOWN = {media for kinds in KINDS.values() for media in kinds} | set(MEDIA.values())
UNKNOWN = "application/octet-stream"
"""of a document that came another way"""
INCOMING = "incoming-"
DAMAGED = Text(
    "图片不完整或已损坏：请重新拍摄或导出后再上传",
    "the picture is not whole or is damaged: take or export it again, then upload it",
)


@dataclass(frozen=True, slots=True)
class Kept:
    """A document that is kept; what a form wants to know of it."""

    sha256: str
    size: int
    media_type: str
    name: str


NOWHERE = Text(
    "本服务未设文件库：create_app 或 create_blueprint 未得到 documents",
    "this service keeps no documents: create_app or create_blueprint was given no `documents`",
)


class Documents(Protocol):
    """Where documents are kept."""

    def keep(self, stream: IO[bytes], name: str) -> Kept:
        """Keep a document; for good, unless it has a `remove` as well (abandoned.py). Raises Problem 413, 415."""
        ...

    def open(self, sha256: str) -> IO[bytes] | None:
        """Its content, or None."""
        ...


class Folder:
    """Documents as files of one folder, each under its hash."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def keep(self, stream: IO[bytes], name: str) -> Kept:
        """Written beside, made durable, and only then given its name."""
        ending = PurePosixPath(name).suffix.lower()
        if ending not in KINDS or "/" in name:
            raise _refused()
        self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=self._root, prefix=INCOMING)
        path = Path(temporary)
        try:
            with os.fdopen(handle, "wb") as out:
                _copy(stream, out)
            media = _media(path, ending)
            if media in PHOTOGRAPHS:
                _clean(path, media)
            return self._place(path, media, name)
        finally:
            path.unlink(missing_ok=True)

    def _place(self, path: Path, media: str, name: str) -> Kept:
        with path.open("rb") as content:
            digest = hashlib.file_digest(content, "sha256").hexdigest()
            os.fsync(content.fileno())
        size = path.stat().st_size
        target = self._path(digest)
        target.parent.mkdir(mode=0o700, exist_ok=True)
        path.replace(target)
        for folder in (target.parent, self._root):
            _make_durable(folder)
        return Kept(digest, size, media, name)

    def open(self, sha256: str) -> IO[bytes] | None:
        """Its content, or None."""
        try:
            return self._path(sha256).open("rb")
        except FileNotFoundError:
            return None

    def remove(self, sha256: str, before: datetime) -> bool:
        """Remove it, unless it was brought since then; whether it went. It is taken aside first: whoever brings the same content
        in that moment has put it there anew, or it is given back.
        """
        path = self._path(sha256)
        aside = path.with_name(f"leaving-{sha256}")
        with suppress(FileNotFoundError):
            path.rename(aside)
        try:
            brought = datetime.fromtimestamp(aside.stat().st_mtime, UTC)
        except FileNotFoundError:
            return False
        if brought >= before:
            aside.replace(path)
            return False
        aside.unlink()
        _make_durable(path.parent)
        return True

    def _path(self, sha256: str) -> Path:
        return self._root / sha256[:2] / sha256


def _copy(stream: IO[bytes], out: IO[bytes]) -> None:
    size = 0
    while chunk := stream.read(CHUNK):
        size += len(chunk)
        if size > MOST:
            raise Problem("too_large", Text(f"文件超过 {MOST >> 20} MiB", f"larger than {MOST >> 20} MiB"))
        out.write(chunk)
    if size == 0:
        raise _refused()


def _media(path: Path, ending: str) -> str:
    """What the content is. Raises Problem 415 when its name says otherwise."""
    found = filetype.guess(str(path))
    kind = None if found is None else str(found.mime)
    if kind not in KINDS[ending]:
        raise _refused()
    return MEDIA.get(ending, str(kind))


def _clean(path: Path, media: str) -> None:
    """Take out what a photograph tells beside the picture. Raises Problem 415 for what is no whole picture."""
    with path.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as content:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=INCOMING)
        try:
            with os.fdopen(handle, "wb") as out:
                for piece in cleaned(content, media):
                    _write(out, content, piece)
            Path(temporary).replace(path)
        except Damaged:
            raise Problem("media_refused", DAMAGED) from None
        finally:
            Path(temporary).unlink(missing_ok=True)


def _write(out: IO[bytes], content: mmap, piece: bytes | slice) -> None:
    if isinstance(piece, bytes):
        out.write(piece)
        return
    for start in range(piece.start, piece.stop, CHUNK):
        out.write(content[start : min(start + CHUNK, piece.stop)])


def _make_durable(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _refused() -> Problem:
    endings = " ".join(sorted(ending[1:] for ending in KINDS))
    text = Text(
        f"不接受此类文件，或内容与文件名不符；接受：{endings}",
        f"such a file is not accepted, or it is not what its name says; accepted: {endings}",
    )
    return Problem("media_refused", text)


# --- over HTTP


class Named(Strict):
    """Under which name."""

    name = fields.Str(
        required=True,
        validate=[validate.Length(min=1, max=200), written(r"[^/\\\x00-\x1f]+\Z", "letter.pdf"), one_line],
    )


class KeptOut(Schema):
    """What goes into a form's field of type document, as it is."""

    sha256 = fields.Str(required=True)
    size = fields.Int(required=True)
    media_type = fields.Str(required=True)
    name = fields.Str(required=True)


def upload(ask: Ask) -> Reply:
    """Keep it, and who brought it; it is read by nobody before a case names it."""
    ask.request.max_content_length = MOST
    size = ask.request.content_length
    return Reply(bring(ask.desk, ask.actor.person, ask.request.stream, ask.query["name"], size), 201)


def bring(desk: Desk, person: str, stream: IO[bytes], name: str, size: int | None) -> Kept:
    """Keep a document and who brought it. `size`: bytes, where they are known before. Raises Problem 413, 415, 503."""
    shelf = _shelf(desk)
    with room(desk.engine, person, MOST if size is None else min(size, MOST), desk.quota):
        kept = shelf.keep(stream, name)
        Uploads(desk.engine).note(person, kept.sha256, kept.size)
    return kept


def download(ask: Ask) -> Reply:
    """Through a case that names it, as this person sees the case."""
    return Reply(raw=sent_from(ask.desk, ask.known, ask.path["sha256"], ask.request))


def sent_from(desk: Desk, case: Case, sha256: str, asking: Request) -> Response:
    """The content of a document that the case names, or the part that is asked for. Raises NotFound, Problem 416."""
    named = next((document for document in documents_of(desk, case) if document["sha256"] == sha256), None)
    content = None if named is None else _shelf(desk).open(sha256)
    if named is None or content is None:
        raise NotFound(Text("没有这个文件", "there is no such document"))
    media = named["media_type"] if named["media_type"] in KNOWN else UNKNOWN
    response = sent(content, os.fstat(content.fileno()).st_size, str(named["sha256"]), media, asking)
    response.headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(named['name'], safe='')}"
    response.headers["Content-Security-Policy"] = "sandbox; default-src 'none'"
    return response


def _shelf(desk: Desk) -> Documents:
    found: Documents | None = desk.documents
    if found is None:
        raise Problem("unavailable", NOWHERE)
    return found


DOCUMENTS = (
    Route(
        method="POST", path="/v1/documents", name="upload", view=upload, permission="person", audit="store", tag="documents",
        text=Text("上传文件；正文即文件内容", "upload a document; the body is its content"), scope="cases:write", query=Named,
        upload=True, out={201: Out(KeptOut, Text("可填入表单的文件", "what goes into a form"))},
        problems=("too_large",),
    ),
    Route(
        method="GET", path="/v1/cases/<id>/documents/<sha256>", name="document", view=download, permission="case",
        audit="none", tag="documents", text=Text("下载案件所载文件", "download a document that the case names"),
        scope="cases:read", parts=True,
        out={
            200: Out(None, Text("文件内容", "its content"), media=UNKNOWN, also=sorted(KNOWN), sample="%PDF-1.7 …",
                     headers=("ETag", "Accept-Ranges")),
            206: Out(None, Text("所求的部分", "the part that was asked for"), media=UNKNOWN, also=sorted(KNOWN), sample="%PDF",
                     headers=("ETag", "Accept-Ranges", "Content-Range")),
        },
    ),
)  # fmt: skip
