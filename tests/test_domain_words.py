"""The engine knows nothing of deputies: no word of the domain stands in what it says, or in what its parts are called."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ENGINE = Path(__file__).parent.parent / "workflow"
WORDS = re.compile(
    "代表|人大|建议|承办|检察|政协|选民|议案|联络站|deput|congress|suggestion|procurat|handling unit|voter|liaison",
    re.IGNORECASE,
)
PRODUCT = {"cli.py": "提办督：代表建议办理 / deputies' suggestions"}
"""what the program is called, in its own help"""
APPLICATION = {f"commands/{name}.py" for name in ("performance", "posters", "receptions", "record")}
"""commands of the shipped application: the command line is where it is put together, and each hands on to definitions/"""


def said_in(path: Path) -> Iterator[tuple[int, str]]:
    """Texts and names with their lines; what explains the code to its reader may give examples."""
    tree = ast.parse(path.read_text("utf-8"))
    explains = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in explains:
            yield node.lineno, node.value
        for part in ("id", "attr", "name", "arg"):
            if isinstance(name := getattr(node, part, None), str):
                yield getattr(node, "lineno", 0), name


def test_no_word_of_the_domain_stands_in_the_engine() -> None:
    files = {str(path.relative_to(ENGINE)): path for path in sorted(ENGINE.rglob("*.py"))}
    assert files.keys() >= {"engine.py", "guards/tree.py", *PRODUCT, *APPLICATION}
    found = [
        f"{name}:{line}: {text}"
        for name in files.keys() - APPLICATION
        for line, text in said_in(files[name])
        if WORDS.search(text) and PRODUCT.get(name) != text
    ]
    assert sorted(found) == []


def test_the_words_are_found_where_they_stand(tmp_path: Path) -> None:
    path = tmp_path / "x.py"
    path.write_text('"""人大"""\nx = f"{1}个代表"\ndef congress(): ...\n', "utf-8")
    assert [text for _, text in said_in(path) if WORDS.search(text)] == ["congress", "个代表"]
