"""What a host hands in is of the kind that is asked for, or it is told which would be right: before anything is read or written.

Nothing here reads a text or counts: an `isinstance` each, for it stands before every event.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any

from .errors import FormInvalid, Reason, Text
from .model import Actor, PartialDate

__all__ = [
    "check_actor",
    "check_are_texts",
    "check_data",
    "check_days",
    "check_limit",
    "check_list",
    "check_number",
    "no_text",
    "wrong_kind",
]


MOST = 2**31 - 1
"""entries that can be asked for at once"""
LARGEST = 2**63 - 1
"""the largest number that both databases know"""


def wrong_kind(field: str, given: Any, zh: str, en: str) -> FormInvalid:
    """The refusal of what is of another kind: which field, what would be right, what it is."""
    kind = type(given).__name__
    text = Text(f"{field}：须为{zh}，不能是 {kind}", f"{field}: must be {en}, not {kind}")
    return FormInvalid([Reason(code="form.invalid", text=text, field=field, beside=True)])


def check_are_texts(**texts: Any) -> None:
    """Raises FormInvalid for what is no text."""
    for field, given in texts.items():
        if not isinstance(given, str):
            raise no_text(field, given)


def no_text(field: str, given: Any) -> FormInvalid:
    """The refusal of what has to be a text."""
    return wrong_kind(field, given, "文字（str）", "a text (str)")


def check_actor(actor: Any, field: str = "actor") -> None:
    """Raises FormInvalid for somebody who is named and not given as an actor."""
    if not isinstance(actor, Actor):
        raise wrong_kind(field, actor, " Actor(person=…)", "an Actor(person=…)")


def check_data(data: Any) -> None:
    """Raises FormInvalid for data that are no names with their values."""
    if type(data) is not dict and not isinstance(data, Mapping):
        raise wrong_kind("data", data, "字段名到值的映射（dict）", "a mapping of fields to values (dict)")


def check_days(*, partial: bool = False, **days: Any) -> None:
    """Raises FormInvalid for what is no civil date: a text, or an instant, which is another day elsewhere."""
    for field, given in days.items():
        if given is None or type(given) is date or (partial and isinstance(given, PartialDate)):
            continue
        if isinstance(given, datetime) or not isinstance(given, date):
            raise wrong_kind(
                field, given, "民用日期 datetime.date（如 date(2026, 3, 15)），不带时刻",
                "a civil date, datetime.date such as date(2026, 3, 15), without a time of day",
            )  # fmt: skip


def check_number(**numbers: Any) -> None:
    """Raises FormInvalid for what is no whole number; None is none given."""
    for field, given in numbers.items():
        if given is not None and (isinstance(given, bool) or not isinstance(given, int)):
            raise wrong_kind(field, given, *_WHOLE)
        if given is not None and abs(given) > LARGEST:
            raise _out_of_range(field, given, f"在正负 {LARGEST} 之间", f"between -{LARGEST} and {LARGEST}")


def check_limit(limit: Any) -> None:
    """Raises FormInvalid for a number of entries that nobody can give."""
    if isinstance(limit, bool) or not isinstance(limit, int):
        raise wrong_kind("limit", limit, *_WHOLE)
    if limit < 1:
        raise _out_of_range("limit", limit, "为 1 或更大", "1 or more")
    if limit > MOST:
        raise _out_of_range("limit", limit, f"不大于 {MOST}", f"at most {MOST}")


def check_list(**lists: Any) -> None:
    """Raises FormInvalid for what is no list of something: nothing, one thing alone, a text."""
    for field, given in lists.items():
        if isinstance(given, (str, bytes, Mapping)) or not isinstance(given, Iterable):
            raise wrong_kind(field, given, "列表（list）", "a list")


def _out_of_range(field: str, given: int, zh: str, en: str) -> FormInvalid:
    text = Text(f"{field} 须{zh}，不能是 {given}", f"{field} must be {en}, not {given}")
    return FormInvalid([Reason(code="form.range", text=text, field=field, beside=True)])


_WHOLE = ("整数（int）", "a whole number (int)")
