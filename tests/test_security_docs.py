"""docs/security.md promises by naming tests: each is there, under that name."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PAGE = (HERE.parent / "docs" / "security.md").read_text("utf-8")
ROWS = [
    line
    for line in PAGE.splitlines()
    if line.startswith("| ") and not line.startswith(("| requirement", "|---"))
]
NAMED = sorted(set(re.findall(r"`(test_\w+\.py)(?:::(\w+))?`", PAGE)))


@pytest.mark.parametrize(("file", "test"), NAMED)
def test_every_test_that_is_named_is_there(file: str, test: str) -> None:
    text = (HERE / file).read_text("utf-8")
    wanted = test or r"test_\w+"
    assert re.search(rf"^def {wanted}\(", text, re.MULTILINE), f"{file} has no {test}"


def test_every_row_names_a_test() -> None:
    assert len(ROWS) > 40
    assert [row for row in ROWS if not re.search(r"`test_\w+\.py", row)] == []
