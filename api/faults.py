"""What marshmallow says of a value, in both languages, and what would be right."""

from __future__ import annotations

import re
from collections.abc import Sequence

from marshmallow import validate

from workflow.errors import Text

INVALID = Text("无效", "is invalid")
FIXED = {
    "required": Text("必填", "is required"),
    "null": Text("不能为空", "must not be null"),
    "unknown": Text("没有此项", "is not known here"),
    "repeated": Text("重复", "is given twice"),
    "invalid": INVALID,
}
DAY = "Not a civil date."
"""what our own field says (`schemas.Day`)"""
UNSEEN = "Has signs that are not seen."
"""what a name of one line says (`schemas.one_line`)"""
NUMBER, DIGITS = "Not a JSON number without a fraction.", "Not digits alone."
"""what our own fields say (`schemas.Whole`, `schemas.Numeral`)"""
_SAID: Sequence[tuple[str, str, str]] = (
    (re.escape(UNSEEN), "含有看不见的字符（控制符或双向控制符）", "must have no control or bidi character"),
    (
        re.escape(NUMBER),
        "须为 JSON 整数，如 7，不加引号",
        "must be a whole number of JSON like 7, without quotes",
    ),
    (re.escape(DIGITS), "须为整数，只写数字，如 7", "must be a whole number in digits alone, like 7"),
    (re.escape(DAY), "须为日期，如 2026-03-15", "must be a date like 2026-03-15"),
    (r"Not a valid (?:utf-8 )?string\.", "须为文本", "must be a text"),
    (r"Not a valid integer\.", "须为整数", "must be a whole number"),
    (r"Not a valid boolean\.", "须为 true 或 false", "must be true or false"),
    (r"Not a valid mapping type\.|Invalid input type\.", "须为 JSON 对象", "must be a JSON object"),
    (r"Not a valid list\.", "须为 JSON 数组", "must be a JSON list"),
    (r"Must be one of: (.*)\.", "须为其中之一：{0}", "must be one of: {0}"),
    (r"Shorter than minimum length (\d+)\.", "至少 {0} 个", "must be {0} or longer"),
    (r"Longer than maximum length (\d+)\.", "至多 {0} 个", "must be {0} or shorter"),
    (r"Length must be between (\d+) and (\d+)\.", "长度须为 {0} 至 {1}", "its length must be {0} to {1}"),
    (
        r"Must be greater than or equal to (\S+) and less than or equal to (\S+)\.",
        "须为 {0} 至 {1}",
        "must be {0} to {1}",
    ),
    (r"Not of months; (.*) is\.", "不适用，此表不分月份；按月的是 {0}", "does not apply: of months is {0}"),
    (r"Not of a year; (.*) is\.", "不适用，此表不分年度；按年的是 {0}", "does not apply: of a year is {0}"),
    (r"Not written like (.*)\.", "写法应如 {0}", "must be written like {0}"),
)


def written(pattern: str, like: str) -> validate.Regexp:
    """A text that has to be written so; who writes it otherwise is shown one that is right."""
    return validate.Regexp(pattern, error=f"Not written like {like}.")


def coded(said: str) -> tuple[str, Text]:
    """The code of a message of marshmallow, and the message in words of ours."""
    for begins, code in (("Missing", "required"), ("Unknown", "unknown"), ("repeated", "repeated")):
        if said.startswith(begins):
            return code, FIXED[code]
    if "null" in said:
        return "null", FIXED["null"]
    for pattern, zh, en in _SAID:
        if found := re.fullmatch(pattern, said):
            return "invalid", Text(zh.format(*found.groups()), en.format(*found.groups()))
    return "invalid", INVALID
