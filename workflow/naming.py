"""Ids of persons, units and tenants: what two people would read as the same must be the same, whoever brings it in.

One form (NFC), nothing that is not seen, no width but one, and no letters of a script that look like those of another: what is
written with Han characters and Latin letters holds no others, any other script stands alone. Digits and signs go with all.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache

from .errors import FormInvalid, Reason, Text

__all__ = ["check_names", "flaw"]

_UNSEEN = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
_TOGETHER = ("CJK", "LATIN", "IDEOGRAPHIC")
_EXTENDED = "\u0180"
"""from here on Latin letters that mostly look like plain ones (ɑ, ɡ)"""
_VARIANTS = (
    "FULLWIDTH LATIN",
    "FULLWIDTH DIGIT",
    "FULLWIDTH FULL",
    "FULLWIDTH LOW",
    "FULLWIDTH COMMERCIAL",
    "HALFWIDTH",
    "MATHEMATICAL",
)


@lru_cache(maxsize=4096)
def flaw(name: str) -> Text | None:
    """What is wrong with an id, which character at which place (from 1); None for one that can be used."""
    if name != name.strip() or not name:
        return Text("首尾不能有空白", "must neither begin nor end with a blank")
    if name.isascii():
        return next((_said(name, n, *_HIDDEN) for n, sign in enumerate(name) if not sign.isprintable()), None)
    if unicodedata.normalize("NFC", name) != name:
        return Text("须为 NFC 规范形式", "must be in the normal form NFC")
    scripts: dict[str, int] = {}
    for n, sign in enumerate(name):
        kind, said = unicodedata.category(sign), unicodedata.name(sign, "")
        wrong = _wrong(kind, said, sign)
        if wrong is not None:
            return _said(name, n, *wrong)
        if kind[0] == "L":
            script = (
                "LATIN EXTENDED" if sign >= _EXTENDED and said.startswith("LATIN") else said.partition(" ")[0]
            )
            scripts.setdefault(_TOGETHER[0] if script in _TOGETHER else script, n)
    if len(scripts) < 2:
        return None
    n = next(place for script, place in scripts.items() if script != _TOGETHER[0])
    return _said(name, n, "与其余字符不是同一种文字", "is not of the same script as the others")


def _wrong(kind: str, said: str, sign: str) -> tuple[str, str] | None:
    if kind in _UNSEEN or said.startswith("VARIATION SELECTOR") or (kind == "Zs" and sign != " "):
        return _HIDDEN
    if said.startswith(_VARIANTS):
        return "是全角或半角变体，须用普通字符", "is a variant in width or style of a plain character"
    return None


_HIDDEN = ("是看不见的字符", "is not seen")


_PATHS = ("tenant", "scope")


def check_names(**names: str | None) -> None:
    """Raises FormInvalid with a reason for each id that cannot be used, under its keyword."""
    reasons = [
        Reason(code="form.name", text=Text(f"{field} {said.zh}", f"{field}: {said.en}"), field=field)
        for field, name in names.items()
        if name is not None and (said := flaw(name) or (_gap(name) if field in _PATHS else None)) is not None
    ]
    if reasons:
        raise FormInvalid(reasons)


def _gap(path: str) -> Text | None:
    if all(level and level == level.strip() for level in path.split("/")):
        return None
    return Text("各级以一个 / 分隔，首尾不加", "levels are parted by one /, with none at either end")


def _said(name: str, n: int, zh: str, en: str) -> Text:
    sign = name[n]
    shown = f"U+{ord(sign):04X}"
    return Text(f"第 {n + 1} 个字符 {shown} {zh}", f"character {n + 1}, {shown}, {en}")
