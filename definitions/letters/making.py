"""The templates of our documents as a program, so that what stands in them can be reviewed line by line.

    python -m definitions.letters.making      writes the .docx files beside it anew

A test says that the committed files are what this makes. An office that wants other words opens a copy in Word.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from .assigning import (
    assignment,
    co_opinion,
    extension_decision,
    extension_request,
    return_,
    second_assignment,
    supervision,
    transfer,
)
from .filing import archive, process
from .paper import Paper
from .receiving import advice, reception_notice, reception_record
from .replying import reply, reply_again, survey
from .writing import steady

__all__ = ["TEMPLATES", "made"]

HERE = Path(__file__).parent


TEMPLATES: dict[str, Callable[[Paper], None]] = {
    "assignment.docx": assignment, "return.docx": return_, "extension_request.docx": extension_request,
    "extension_decision.docx": extension_decision, "co_opinion.docx": co_opinion, "reply.docx": reply,
    "reply_again.docx": reply_again, "survey.docx": survey, "second_assignment.docx": second_assignment,
    "supervision.docx": supervision, "transfer.docx": transfer, "reception_notice.docx": reception_notice,
    "reception_record.docx": reception_record, "advice.docx": advice, "process.docx": process, "archive.docx": archive,
}  # fmt: skip


FORMS = ("return.docx", "survey.docx", "supervision.docx", "reception_record.docx", "reception_notice.docx")
LISTS = ("process.docx",)


def made(name: str) -> bytes:
    """A template as a Word file."""
    paper = Paper(
        name.removesuffix(".docx"), "form" if name in FORMS else "list" if name in LISTS else "letter"
    )
    TEMPLATES[name](paper)
    return steady(paper.content())


if __name__ == "__main__":
    for file in TEMPLATES:
        (HERE / file).write_bytes(made(file))
