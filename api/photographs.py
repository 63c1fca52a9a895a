"""Photographs without what they tell beside the picture: place, time, device, comments, small copies, further pictures behind it.

The picture itself is never decoded: its parts are copied byte for byte, with its colours (ICC) and which way up it is; everything
else is left out, whatever it is. Kept is what is listed here, so what nobody knows yet is left out too. JPEG: ITU-T T.81, B.1;
PNG: W3C PNG (Third Edition), 5; WebP: RFC 9649, 2.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Callable, Iterator, Mapping
from mmap import mmap

__all__ = ["PHOTOGRAPHS", "Damaged", "cleaned"]

Content = bytes | mmap
Piece = bytes | slice
"""bytes as they are, or which of the content"""
MOST_PARTS = 100_000
"""of one file; an honest one has some thousand"""
ORIENTATION, SHORT = 0x0112, 3


class Damaged(ValueError):
    """Not a whole picture of its kind."""


def cleaned(content: Content, media: str) -> Iterator[Piece]:
    """The file without them, piece by piece. Raises Damaged, also when some pieces have been given."""
    return PHOTOGRAPHS[media](content)


# --- JPEG

_MARKER = re.compile(rb"\xff+([\xc0-\xfe])")
_SCANNED = re.compile(rb"\xff[^\x00\xd0-\xd7]")
"""where a scan's data end: neither a stuffed byte nor a restart"""
_FRAMES = frozenset((*range(0xC0, 0xC4), *range(0xC5, 0xC8), *range(0xC9, 0xCC), *range(0xCD, 0xD0)))
_TABLES = frozenset((0xC4, 0xCC, 0xDB, 0xDC, 0xDD))
_SCAN, _END, _EXIF, _COMMENT = 0xDA, 0xD9, 0xE1, 0xFE
_TOLD = frozenset((*range(0xE0, 0xF0), _COMMENT))
_COLOURS: Mapping[int, bytes] = {0xE0: b"JFIF\0", 0xE2: b"ICC_PROFILE\0", 0xEE: b"Adobe"}
"""what an application says that the picture needs: marker -> how it begins"""


def _jpeg(content: Content) -> Iterator[Piece]:
    if content[:2] != b"\xff\xd8":
        raise Damaged("no SOI")
    yield slice(0, 2)
    exif: bytes | None = None
    framed = scanned = False
    for code, start, end in _segments(content):
        if code == _EXIF and exif is None and content[start + 2 : start + 8] == b"Exif\0\0":
            exif = _upright(content[start + 8 : end])
            if exif:
                yield b"\xff\xe1" + struct.pack(">H", len(exif) + 8) + b"Exif\0\0" + exif
        elif code not in _TOLD or (code in _COLOURS and content[start + 2 : end].startswith(_COLOURS[code])):
            yield bytes((0xFF, code))
            yield slice(start, end)
        framed, scanned = framed or code in _FRAMES, scanned or code == _SCAN
    if not (framed and scanned):
        raise Damaged("no picture")


def _segments(content: Content) -> Iterator[tuple[int, int, int]]:
    """Marker, and where it and its data begin and end; of a scan with all that was scanned. The last is EOI; what follows is not
    looked at.
    """
    at = 2
    for _ in range(MOST_PARTS):
        found = _MARKER.match(content, at)
        if found is None:
            raise Damaged("no marker where one is due")
        code, at = found[1][0], found.end()
        if code == _END:
            yield code, at, at
            return
        size = int.from_bytes(content[at : at + 2], "big")
        end = at + size
        if code not in _FRAMES | _TABLES | _TOLD | {_SCAN} or size < 2 or end > len(content):
            raise Damaged(f"segment {code:x}")
        if code == _SCAN:
            scan = _SCANNED.search(content, end)
            if scan is None:
                raise Damaged("no end")
            end = scan.start()
        yield code, at, end
        at = end
    raise Damaged("too many segments")


# --- PNG

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_CHUNKS = frozenset(
    b"IHDR PLTE IDAT IEND tRNS cHRM gAMA iCCP sBIT sRGB cICP mDCV cLLI bKGD hIST pHYs acTL fcTL fdAT".split()
)
_NAME = re.compile(rb"[A-Za-z]{4}")
_CRITICAL = b"Z"
"""a name that begins before that is one without which there is no picture"""


def _png(content: Content) -> Iterator[Piece]:
    if content[:8] != _SIGNATURE:
        raise Damaged("no PNG")
    yield slice(0, 8)
    at, name, exif = 8, b"", None
    names = set[bytes]()
    for _ in range(MOST_PARTS):
        size, name = int.from_bytes(content[at : at + 4], "big"), content[at + 4 : at + 8]
        end = at + 12 + size
        if end > len(content) or not _NAME.fullmatch(name) or (not names and name != b"IHDR"):
            raise Damaged("chunk")
        if name in _CHUNKS:
            _check(content, at + 4, end - 4)
            yield slice(at, end)
        elif name == b"eXIf" and exif is None:
            exif = _upright(content[at + 8 : end - 4])
            yield _chunk(name, exif) if exif else b""
        elif name[:1] <= _CRITICAL:
            raise Damaged("a critical chunk that is not known")
        names.add(name)
        if name == b"IEND":
            break
        at = end
    if not {b"IDAT", b"IEND"} <= names:
        raise Damaged("no picture")


def _check(content: Content, start: int, end: int) -> None:
    with memoryview(content) as whole, whole[start:end] as part:
        if zlib.crc32(part) != int.from_bytes(content[end : end + 4], "big"):
            raise Damaged("checksum")


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


# --- WebP

_PICTURE = frozenset((b"VP8 ", b"VP8L", b"ALPH"))
_WHOLE = _PICTURE | {b"ICCP", b"ANIM"}
_HAS_EXIF, _HAS_XMP = 0x08, 0x04
_FRAME = 16
"""bytes of a frame before its own chunks"""


def _webp(content: Content) -> Iterator[Piece]:
    end = 8 + int.from_bytes(content[4:8], "little")
    if content[:4] != b"RIFF" or content[8:12] != b"WEBP" or not 12 < end <= len(content):
        raise Damaged("no WebP")
    kept = list[Piece]()
    flags, exif = None, b""
    for name, start, stop in _riff(content, 12, end):
        if name == b"VP8X" and flags is None and stop - start >= 10:
            flags, at = content[start] & ~(_HAS_EXIF | _HAS_XMP), len(kept)
            kept.append(slice(start + 1, stop))
        elif name == b"EXIF" and not exif:
            exif = _upright(content[start:stop].removeprefix(b"Exif\0\0"))
        elif name == b"ANMF":
            kept += _frame(content, start, stop)
        elif name in _WHOLE:
            kept += _riffed(name, [slice(start, stop)])
    if flags is not None:
        more = _HAS_EXIF if exif else 0
        kept[at : at + 1] = _riffed(b"VP8X", [bytes((flags | more,)), kept[at]])
        kept += _riffed(b"EXIF", [exif]) if exif else []
    yield from _riffed(b"RIFF", [b"WEBP", *kept])


def _frame(content: Content, start: int, stop: int) -> list[Piece]:
    head = start + _FRAME
    inner = list[Piece]()
    for name, at, end in _riff(content, head, stop):
        inner += _riffed(name, [slice(at, end)]) if name in _PICTURE else []
    if not inner:
        raise Damaged("a frame without a picture")
    return _riffed(b"ANMF", [slice(start, head), *inner])


def _riff(content: Content, at: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Name, and where the data begin and end."""
    for _ in range(MOST_PARTS):
        if at >= end:
            return
        start = at + 8
        stop = start + int.from_bytes(content[at + 4 : start], "little")
        if start > end or stop > end:
            raise Damaged("chunk")
        yield bytes(content[at : at + 4]), start, stop
        at = stop + stop % 2  # the content begins at an even place
    raise Damaged("too many chunks")


def _riffed(name: bytes, data: list[Piece]) -> list[Piece]:
    size = sum(len(one) if isinstance(one, bytes) else one.stop - one.start for one in data)
    return [name + struct.pack("<I", size), *data, b"\0" * (size % 2)]


# --- EXIF


def _upright(tiff: bytes) -> bytes:
    """EXIF that says which way up the picture is and nothing else; nothing where the camera stood upright or did not say."""
    turned = _orientation(tiff)
    return (
        b""
        if turned == 1
        else struct.pack(">2sHIHHHIHHI", b"MM", 42, 8, 1, ORIENTATION, SHORT, 1, turned, 0, 0)
    )


def _orientation(tiff: bytes) -> int:
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2], "")
    try:
        (start,) = struct.unpack_from(f"{order}4xI", tiff)
        (count,) = struct.unpack_from(f"{order}H", tiff, start)
        for number in range(count):
            tag, kind, many, value = struct.unpack_from(f"{order}HHIH2x", tiff, start + 2 + 12 * number)
            if tag == ORIENTATION:
                return int(value) if (kind, many) == (SHORT, 1) and 1 <= value <= 8 else 1
    except struct.error:  # cut short: then it says nothing
        return 1
    return 1


PHOTOGRAPHS: Mapping[str, Callable[[Content], Iterator[Piece]]] = {
    "image/jpeg": _jpeg,
    "image/png": _png,
    "image/webp": _webp,
}
"""media type -> how its files are read"""
