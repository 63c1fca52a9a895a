"""Ids of persons, units and tenants: what two people would read as the same must be the same, whoever brings it in.

One form (NFC), nothing that is not seen, no width but one, and no letters of a script that look like those of another: what is
written with Han characters and Latin letters holds no others, any other script stands alone. Digits and signs go with all.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from .errors import FormInvalid, Reason, Text

__all__ = ["UNFIT", "called", "check_case_id", "check_names", "flaw", "unfit"]

UNFIT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\u202a-\u202e\u2066-\u2069]")
"""what the two databases would keep differently, or a terminal would obey: control and bidi characters, lone surrogates"""
_CALLED = {
    "person": Text("人员编号", "person"), "on_behalf_of": Text("被代理人编号", "on_behalf_of"), "role": Text("角色", "role"),
    "unit": Text("单位编号", "unit"), "scope": Text("范围", "scope"), "granted_by": Text("授予人编号", "granted_by"),
    "tenant": Text("所属机构", "tenant"), "id": Text("编号", "id"), "number": Text("编号", "number"),
    "key": Text("幂等键", "key"),
    "reason": Text("理由", "reason"), "subject": Text("受邀人编号", "subject"),
}  # fmt: skip

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


def called(name: str) -> Text:
    """What a part of a call is called by whoever has given it; by its own name where it has no other."""
    return _CALLED.get(name) or Text(name, name)


def unfit(text: str) -> Text | None:
    """Which character of a text cannot be kept, at which place; None where all can."""
    found = UNFIT.search(text)
    return None if found is None else _said(text, found.start(), *_NOT_KEPT)


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
_NOT_KEPT = (
    "不可用（控制符、双向控制符或残缺的字符）：请删去后重填",
    "cannot be used (a control or bidi character, or half of one): take it out",
)


_PATHS = ("tenant", "scope")


def check_names(**names: str | None) -> None:
    """Raises FormInvalid with a reason for each id that cannot be used, under its keyword."""
    reasons = [
        Reason(
            code="form.name",
            text=Text(f"{called(field).zh}：{said.zh}", f"{called(field).en}: {said.en}"),
            field=field,
        )
        for field, name in names.items()
        if name is not None and (said := flaw(name) or (_gap(name) if field in _PATHS else None)) is not None
    ]
    if reasons:
        raise FormInvalid(reasons)


def check_case_id(id: str) -> None:
    """Raises FormInvalid, under `id`, for one that no new case can have: it also is one level of an address and a file's name."""
    check_names(id=id)
    if "/" in id or not id.strip("."):
        text = Text(
            f"{called('id').zh}：不能含有 /，也不能只由句点组成",
            f"{called('id').en}: must hold no / and not be dots alone",
        )
        raise FormInvalid([Reason(code="form.name", text=text, field="id")])


def _gap(path: str) -> Text | None:
    if all(level and level == level.strip() for level in path.split("/")):
        return None
    return Text("各级以一个 / 分隔，首尾不加", "levels are parted by one /, with none at either end")


def _said(name: str, n: int, zh: str, en: str) -> Text:
    sign = name[n]
    shown = f"U+{ord(sign):04X}"
    return Text(f"第 {n + 1} 个字符 {shown} {zh}", f"character {n + 1}, {shown}, {en}")
