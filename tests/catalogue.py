"""The console's words: what stands in templates and code in Chinese, and its English in api/console/translations/en.po.

python -m tests.catalogue      takes new words into en.po (without English), drops those that are gone, says what is missing
"""

from __future__ import annotations

from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

HERE = Path(__file__).parent.parent / "api" / "console"
ENGLISH = HERE / "translations" / "en.po"
METHODS = [("**.py", "python"), ("**.html", "jinja2")]
KEYWORDS = {"_": None, "said": (2,)}
OPTIONS = {"**.html": {"trimmed": "true", "silent": "false"}}


def written() -> set[str]:
    """Every msgid in the templates and the code."""
    found = extract_from_dir(str(HERE), method_map=METHODS, options_map=OPTIONS, keywords=KEYWORDS)
    return {message if isinstance(message, str) else message[0] for _, _, message, _, _ in found}


def english() -> Catalog:
    with ENGLISH.open("rb") as file:
        return read_po(file, locale="en")


def renew() -> list[str]:
    """Bring en.po up to date; the words that have no English yet."""
    known = english() if ENGLISH.exists() else Catalog(locale="en")
    fresh = Catalog(locale="en", project="tibandu", charset="utf-8")
    for message in sorted(written()):
        old = known.get(message)
        fresh.add(message, old.string if old else "")
    with ENGLISH.open("wb") as file:
        write_po(file, fresh, omit_header=True, sort_output=True, width=120, no_location=True)
    return [message.id for message in fresh if message.id and not message.string]


if __name__ == "__main__":
    missing = renew()
    print("\n".join(missing) or "en.po is complete")
