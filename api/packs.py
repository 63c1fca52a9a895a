"""The documents of many cases: made as a job, fetched as one ZIP by whoever asked for them, gone after a day."""

from __future__ import annotations

import re
import tempfile
import zipfile
from collections.abc import Iterable
from io import BytesIO
from typing import IO

from flask import Response
from marshmallow import fields, validate

from workflow import Actor, Engine
from workflow.errors import FormInvalid, Reason, Text
from workflow.overview import visible

from .batches import BatchOut, accepted
from .dispatch import no_case, open_each
from .jobs import LETTERS, Jobs
from .letters import IN_MEMORY, ZIP, chunks, download, our_pages, papers
from .limits import Counter, Limit
from .routes import Ask, Out, Reply, Route
from .schemas import CASE, NAME, Strict

MOST_CASES = 500
ASKED = Limit(what="letters", most=20, seconds=3600)
"""jobs of one person: each is some twenty seconds of one core"""
MANY = Reason.of(
    "form.cases", f"请选择 1 至 {MOST_CASES} 件", f"choose 1 to {MOST_CASES} cases", field="cases"
)
NAMED = re.compile(r"[0-9A-Za-z_-]{1,40}\Z")
NUMBERED = re.compile(r"\A[0-9]+ ")


class PackIn(Strict):
    """Which cases, in which order; of which kinds, or all."""

    cases = fields.List(
        fields.Str(validate=CASE),
        required=True,
        validate=validate.Length(min=1, max=MOST_CASES),
    )
    letters = fields.List(fields.Str(validate=NAME), load_default=list, validate=validate.Length(max=100))


def begun(ask: Ask) -> Reply:
    """Made by whoever has time."""
    papers(ask)
    return accepted(
        ask, begin(ask.engine, ask.actor, ask.body["cases"], ask.body["letters"], ask.key, our_pages(ask))
    )


def begin(
    engine: Engine, actor: Actor, cases: list[str], letters: Iterable[str] = (), key: str | None = None,
    here: str | None = None,
) -> str:  # fmt: skip
    """The id of the job. Raises FormInvalid for none, too many or what is no case's id, NotFound when one of the cases is none
    this person may know of, Problem 429.
    """
    wanted = list(dict.fromkeys(cases))
    if not 1 <= len(cases) <= MOST_CASES:
        raise FormInvalid([MANY])
    if not all(NAMED.match(case) for case in wanted):
        raise no_case()
    if set(wanted) - visible(engine, actor, set(wanted)):
        raise no_case()
    open_each(engine, actor, wanted)
    jobs, rows = Jobs(engine), [{"case": case, "letters": list(letters), "here": here} for case in wanted]
    if key is None or not jobs.known(actor, key):
        Counter(engine).take(ASKED, actor.person)
    return jobs.submit(actor, rows, key, LETTERS)


def fetched(ask: Ask) -> Reply:
    """All of it, numbered in the order of the cases."""
    file: IO[bytes] = tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115 - it is closed with the response
    try:
        together(Jobs(ask.engine).contents(ask.path["batch"], ask.actor), file)
    except BaseException:
        file.close()
        raise
    file.seek(0)
    response = Response(chunks(file), content_type=ZIP)
    response.call_on_close(file.close)
    return Reply(raw=download(response, "文书.zip"))


def together(parts: Iterable[bytes], file: IO[bytes]) -> int:
    """Several ZIPs as one, their entries numbered through; how many."""
    count = 0
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as whole:
        for content in parts:
            with zipfile.ZipFile(BytesIO(content)) as part:
                for info in part.infolist():
                    count += 1
                    inside, info.filename = part.read(info), f"{count:03} {NUMBERED.sub('', info.filename)}"
                    whole.writestr(info, inside)
    return count


PACKS = (
    Route(
        method="POST", path="/v1/letters", name="letters_job", view=begun, permission="person", audit="store", tag="letters",
        text=Text("多案文书：作为任务生成", "the documents of many cases, made as a job"), scope="cases:read", body=PackIn,
        keyed=True,
        out={202: Out(BatchOut, Text("已接受的任务", "a job that was accepted"), headers=("Location",))},
        problems=("not_found", "too_many"),
    ),
    Route(
        method="GET", path="/v1/batches/<batch>/letters.zip", name="batch_letters", view=fetched, permission="person",
        audit="none", tag="letters", scope="cases:read",
        text=Text("任务所生成的文书（本人，24 小时内）", "what a job of one's own made, within 24 hours"),
        out={200: Out(None, Text("ZIP", "a ZIP"), media=ZIP, sample="PK …")}, problems=("not_found", "not_ready"),
    ),
)  # fmt: skip
