"""Photographs as telephones, cameras and editors write them: what they tell beside the picture is gone, the picture is the same."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageCms, ImageSequence
from PIL.PngImagePlugin import PngInfo

from api import Folder
from api.documents import Problem
from api.photographs import Damaged, cleaned

WHERE = b"29.8419N 114.3167E"
XMP = b'<x:xmpmeta><rdf:Description exif:GPSLatitude="' + WHERE + b'"/></x:xmpmeta>'
ICC = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def picture(mode: str = "RGB") -> Image.Image:
    """Not one colour, so that a picture that was encoded again is another."""
    image = Image.frombytes("RGB", (24, 16), bytes((n * 37 + n // 7) % 256 for n in range(24 * 16 * 3)))
    return image.convert(mode)


def exif(orientation: int = 6) -> bytes:
    told = Image.Exif()
    told[0x0112], told[0x010F] = orientation, "camera " + WHERE.decode()
    told.get_ifd(0x8825).update({1: "N", 2: (29.0, 50.0, 0.0), 3: "E", 4: (114.0, 19.0, 0.0)})
    return told.tobytes()


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def segment(code: int, data: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, code, len(data) + 2) + data


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def jpeg(mode: str = "RGB", **options: object) -> bytes:
    """With EXIF, XMP, extended XMP, IPTC, a comment, a note of the maker, and a second picture behind it."""
    whole = saved(picture(mode), "JPEG", exif=exif(), icc_profile=ICC, quality=87, **options)
    told = (
        segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + XMP) + segment(0xE1, b"http://ns.adobe.com/xmp/extension/\0" + XMP)
        + segment(0xED, b"Photoshop 3.0\x008BIM\x04\x04" + WHERE) + segment(0xFE, WHERE) + segment(0xE5, WHERE)
    )  # fmt: skip
    return whole[:2] + told + whole[2:] + WHERE + saved(picture(), "JPEG", exif=exif())


def several() -> bytes:
    """As many telephones write: a picture, and a second one behind it (MPO)."""
    return saved(picture(), "MPO", save_all=True, append_images=[picture()], exif=exif())


def png(mode: str = "RGB", **options: object) -> bytes:
    info = PngInfo()
    info.add_text("Location", WHERE.decode())
    info.add_text("packed", "x" + WHERE.decode(), zip=True)
    info.add_itxt("XML:com.adobe.xmp", XMP.decode())
    whole = saved(picture(mode), "PNG", pnginfo=info, exif=exif(), icc_profile=ICC, **options)
    return whole[:33] + chunk(b"prVt", WHERE) + whole[33:] + chunk(b"tEXt", WHERE) + WHERE


def palette() -> bytes:
    return png("P", transparency=3)


def moving_png() -> bytes:
    return png(save_all=True, append_images=[picture("L").convert("RGB")], duration=40)


def webp(**options: object) -> bytes:
    whole = saved(picture("RGBA"), "WEBP", exif=exif(), xmp=XMP, icc_profile=ICC, **options)
    more = whole[12:] + b"NOTE" + struct.pack("<I", len(WHERE)) + WHERE
    return b"RIFF" + struct.pack("<I", len(more) + 4) + b"WEBP" + more + WHERE


def moving_webp() -> bytes:
    return webp(save_all=True, append_images=[picture("L").convert("RGBA")], duration=40, lossless=True)


MADE: dict[str, tuple[Callable[[], bytes], str, str]] = {
    "jpeg": (jpeg, "jpg", "image/jpeg"),
    "progressive": (lambda: jpeg(progressive=True), "jpg", "image/jpeg"),
    "restarts": (lambda: jpeg(restart_marker_blocks=1), "jpg", "image/jpeg"),
    "cmyk": (lambda: jpeg("CMYK"), "jpg", "image/jpeg"),
    "mpo": (several, "jpg", "image/jpeg"),
    "png": (png, "png", "image/png"),
    "palette": (palette, "png", "image/png"),
    "moving png": (moving_png, "png", "image/png"),
    "webp": (webp, "webp", "image/webp"),
    "lossless webp": (lambda: webp(lossless=True), "webp", "image/webp"),
    "moving webp": (moving_webp, "webp", "image/webp"),
}

SEVERAL = ("mpo", "moving png", "moving webp")


def clean(data: bytes, media: str) -> bytes:
    return b"".join(one if isinstance(one, bytes) else data[one] for one in cleaned(data, media))


def frames(data: bytes, media: str) -> list[bytes]:
    with Image.open(io.BytesIO(data), formats=[media.partition("/")[2]]) as image:
        return [frame.convert("RGBA").tobytes() for frame in ImageSequence.Iterator(image)]


@pytest.mark.parametrize("name", MADE)
def test_only_the_picture_its_colours_and_which_way_up_stay(name: str, tmp_path: Path) -> None:
    make, ending, media = MADE[name]
    data = make()
    assert WHERE in data and len(frames(data, media)) == (2 if name in SEVERAL else 1)
    folder = Folder(tmp_path)
    kept = folder.keep(io.BytesIO(data), f"现场.{ending}")
    stored = folder.open(kept.sha256)
    assert stored is not None
    with stored:
        left = stored.read()
    assert (kept.media_type, kept.size) == (media, len(left))
    assert frames(left, media) == (frames(data, media)[:1] if ending == "jpg" else frames(data, media))
    for told in (WHERE, b"GPS", b"xmpmeta", b"camera", b"x" + WHERE):
        assert told not in left
    with Image.open(io.BytesIO(left)) as image:
        assert dict(image.getexif()) == {0x0112: 6}
        assert image.info.get("icc_profile") == (None if name == "mpo" else ICC)
        assert not {"comment", "xmp", "photoshop", "mp", "Location", "packed"} & set(image.info)
        assert image.info.get("transparency") == (3 if name == "palette" else None) or "webp" in name
    again = folder.keep(io.BytesIO(left), f"现场.{ending}")
    assert again.sha256 == kept.sha256, "what is clean stays as it is"
    assert not list(tmp_path.glob("incoming-*"))


def test_one_that_stood_upright_or_says_nothing_sensible_has_no_exif() -> None:
    for told in (exif(1), exif(99), b"Exif\0\0II*\0", b"Exif\0\0MM\0*\xff\xff\xff\xff", b"Exif\0\0nonsense"):
        data = saved(picture(), "JPEG", exif=told)
        assert b"Exif" not in clean(data, "image/jpeg")
    for orientation in range(2, 9):
        with Image.open(
            io.BytesIO(clean(saved(picture(), "JPEG", exif=exif(orientation)), "image/jpeg"))
        ) as i:
            assert i.getexif()[0x0112] == orientation


@pytest.mark.parametrize("name", ["jpeg", "mpo", "palette", "moving png", "webp", "moving webp"])
def test_one_that_is_cut_anywhere_is_refused(name: str) -> None:
    make, _, media = MADE[name]
    whole = clean(make(), media)
    for end in range(0, len(whole), 7):
        with pytest.raises(Damaged):
            clean(whole[:end], media)


def test_what_is_damaged_is_refused_with_a_reason(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    plain = saved(picture(), "PNG")
    spoilt = plain[:-20] + bytes((plain[-20] ^ 1,)) + plain[-19:]
    critical = plain[:33] + chunk(b"NEWS", b"x") + plain[33:]
    for name, data in (
        ("a.png", spoilt), ("a.png", critical), ("a.png", plain[:40]), ("a.jpg", jpeg()[:2000]),
        ("a.jpg", b"\xff\xd8\xff\xd9"), ("a.jpg", b"\xff\xd8" + b"\xff" * 1000), ("a.webp", webp()[:400]),
        ("a.jpg", b"\xff\xd8" + segment(0xE0, b"JFIF\0") * 100_001),
    ):  # fmt: skip
        with pytest.raises(Problem) as refusal:
            folder.keep(io.BytesIO(data), name)
        assert refusal.value.code == "media_refused", name
    assert not list(tmp_path.iterdir())
    assert "重新" in refusal.value.text.zh and "again" in refusal.value.text.en


@st.composite
def spoilt(draw: st.DrawFn) -> tuple[bytes, str]:
    make, _, media = MADE[draw(st.sampled_from(sorted(MADE)))]
    data = bytearray(make())
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, len(data) - 1))
        data[at : at + draw(st.integers(0, 3))] = draw(st.binary(max_size=4))
    return bytes(data), media


@given(spoilt())
def test_whatever_is_done_to_one_it_is_refused_or_clean(made: tuple[bytes, str]) -> None:
    data, media = made
    try:
        left = clean(data, media)
    except Damaged:
        return
    assert clean(left, media) == left
    assert len(left) <= len(data) + 64


def test_nothing_is_decoded_and_little_is_held(tmp_path: Path) -> None:
    """Thirty mebibytes of one comment after the other are gone through in a moment."""
    plain = saved(picture(), "JPEG")
    data = plain[:2] + segment(0xFE, b"x" * 65_000) * 480 + plain[2:]
    kept = Folder(tmp_path).keep(io.BytesIO(data), "a.jpg")
    assert kept.size == len(clean(plain, "image/jpeg"))
