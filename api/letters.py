"""The documents of cases over HTTP: which there are, one as a Word file, those of a few cases in one ZIP.

What a document is about is nothing the service knows: it is handed `Papers` by whoever puts the parts together.
"""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Protocol
from urllib.parse import quote

from flask import Response, url_for
from marshmallow import Schema, fields, validate

from workflow import Actor, DefinitionError, NotFound
from workflow.errors import Fault, Text

from .dispatch import no_case, open_each
from .faults import written
from .origin import origin_of
from .problems import Problem, invalid_parameters
from .routes import Ask, Out, Reply, Route
from .schemas import CASE, NAME, PARTY, TENANT, Listed, Numeral, Strict, Words

WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
ZIP = "application/zip"
AT_ONCE = 20
"""cases whose documents are made while the client waits: a second of one core; of more it is a job"""
NO_PAPERS = Text(
    "本服务不出文书：create_app 或 create_blueprint 未得到 papers",
    "this service writes no documents: create_app or create_blueprint was given no `papers`",
)
IN_MEMORY = 8 << 20
CHUNK = 1 << 16
LINK = written(r"https?://[\x21-\x7e]{1,280}\Z", "https://example.org/")


class Papers(Protocol):
    """Who writes documents; every one as that person may know of the case."""

    def letters(self, case: str, actor: Actor) -> Sequence[Any]:
        """Those of a case and its children."""
        ...

    def letter(
        self, case: str, kind: str, actor: Actor, *, to: str | None = None, link: str | None = None, forms: int = 10,
        here: str | None = None,
    ) -> tuple[str, bytes]:  # fmt: skip
        """Name and content of one. `here`: where our pages are, ending in /. Raises NotFound."""
        ...

    def pack(
        self,
        cases: Sequence[str],
        kinds: Sequence[str],
        file: IO[bytes],
        actor: Actor,
        here: str | None = None,
    ) -> int:
        """Those of several cases as a ZIP. Raises NotFound."""
        ...

    def faults(self) -> Sequence[Fault]:
        """The templates that cannot be used, as they lie in their folders now."""
        ...

    def posters(
        self, url: str, file: Path, actor: Actor, *, tenant: str | None = None, ids: Sequence[str] = ()
    ) -> int:
        """A page for the door of each station that he may know of as a new ZIP. Raises NotFound."""
        ...

    def ledgers(self) -> Mapping[str, Text]:
        """The tables there are."""
        ...

    def monthly(self) -> Collection[str]:
        """Those that can be had of one month."""
        ...

    def ledger(
        self, id_: str, actor: Actor, *, tenant: str | None = None, year: int | None = None, month: str | None = None
    ) -> tuple[str, bytes]:  # fmt: skip
        """Name and content of one. Raises NotFound; ValueError, named by what is wrong, without a year where one is needed, or
        with a month where there is none.
        """
        ...

    def table(
        self, id_: str, actor: Actor, *, tenant: str | None = None, year: int | None = None, month: str | None = None,
        **behind: str,
    ) -> Any:  # fmt: skip
        """The same in numbers and words. `behind`: which part of the year's list. Raises the same, and KeyError for a figure
        that is none.
        """
        ...

    def measures(self) -> Sequence[str]:
        """The figures of the table of a year."""
        ...

    def yearly(self, actor: Actor, *, tenant: str | None = None, year: int | None = None) -> Any:
        """The table of a year in numbers. Raises ValueError without a year."""
        ...


class LetterOut(Schema):
    """A document that can be had now."""

    letter = fields.Str(required=True, metadata={"description": "its kind"})
    title = fields.Nested(Words, required=True)
    case = fields.Str(required=True, metadata={"description": "the case itself, or a child"})
    to = fields.Str(required=True, allow_none=True, metadata={"description": "the party it is for"})
    file = fields.Str(required=True)
    template = fields.Str(required=True, metadata={"description": "SHA-256 of its template"})
    address = fields.Str(required=True)


class LettersOut(Schema):
    """Documents."""

    letters = fields.List(fields.Nested(LetterOut), required=True)


class For(Strict):
    """For whom, and what is to be printed as a QR code."""

    to = fields.Str(validate=PARTY)
    link = fields.Str(
        validate=LINK, metadata={"description": "an address of this service, to be printed as a QR code"}
    )
    forms = Numeral(validate=validate.Range(1, 200), metadata={"description": "how many blank forms"})


class Which(Strict):
    """Which cases, in which order; of which kinds, or all."""

    cases = Listed(fields.Str(validate=CASE), required=True, validate=validate.Length(min=1, max=AT_ONCE))
    letters = Listed(fields.Str(validate=NAME), load_default=list, validate=validate.Length(max=100))


def letters(ask: Ask) -> Reply:
    """What there is."""
    rows = [
        {
            "letter": one.kind.id, "title": one.kind.title, "case": one.case.id, "to": one.to, "file": one.file,
            "template": one.template, "address": _address(one),
        }
        for one in papers(ask).letters(ask.known.id, ask.actor)
    ]  # fmt: skip
    return Reply({"letters": rows})


def _address(one: Any) -> str:
    to = {} if one.to is None else {"to": one.to}
    return url_for(".letter", id=one.case.id, letter=one.kind.id, **to)


def letter(ask: Ask) -> Reply:
    """One of them."""
    link = ask.query.get("link")
    if link is not None and not link.startswith(f"{origin_of(ask.request, ask.desk.url)}/"):
        raise invalid_parameters({"link": ["invalid"]})
    try:
        name, content = papers(ask).letter(
            ask.known.id, ask.path["letter"], ask.actor, here=our_pages(ask), **ask.query
        )
    except DefinitionError as error:
        raise unusable(error) from error
    return Reply(raw=download(Response(content, content_type=WORD), name))


def pack(ask: Ask) -> Reply:
    """Those of several cases, for a meeting."""
    open_each(ask.engine, ask.actor, ask.query["cases"])
    file: IO[bytes] = tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115 - it is closed with the response
    try:
        papers(ask).pack(ask.query["cases"], ask.query["letters"], file, ask.actor, our_pages(ask))
    except BaseException as error:
        file.close()
        if isinstance(error, DefinitionError):
            raise unusable(error) from error
        raise (no_case() if isinstance(error, NotFound) else error) from error
    file.seek(0)
    response = Response(chunks(file), content_type=ZIP)
    response.call_on_close(file.close)
    return Reply(raw=download(response, "文书.zip"))


class Doors(Strict):
    """Of which stations."""

    tenant = fields.Str(
        validate=[validate.Length(max=200), TENANT],
        metadata={"description": "this congress and all below it"},
    )
    station = Listed(fields.Str(validate=PARTY), validate=validate.Length(max=100))


def posters(ask: Ask) -> Reply:
    """A page for the door of each station he may know of; its QR code opens this service as it was reached."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "posters.zip"
        ids = ask.query.get("station", ())
        papers(ask).posters(our_pages(ask), file, ask.actor, tenant=ask.query.get("tenant"), ids=ids)
        content = file.read_bytes()
    return Reply(raw=download(Response(content, content_type=ZIP), "海报.zip"))


def our_pages(ask: Ask) -> str:
    """Where our pages are, as the client has reached us."""
    return f"{origin_of(ask.request, ask.desk.url)}{ask.request.root_path}/"


def chunks(file: IO[bytes]) -> Iterator[bytes]:
    """Its content, some at a time; then it is closed."""
    with file:
        while chunk := file.read(CHUNK):
            yield chunk


def papers(ask: Ask) -> Any:
    """Who writes them. Raises Problem 503 where nobody does."""
    if ask.desk.papers is None:
        raise Problem("unavailable", NO_PAPERS)
    return ask.desk.papers


def unusable(error: DefinitionError) -> Problem:
    """A template of the office is at fault, not who asks."""
    return Problem("unavailable", error.faults[0].text)


def download(response: Response, name: str) -> Response:
    """A file to be kept, never shown in the browser."""
    response.headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(name, safe='')}"
    response.headers["Content-Security-Policy"] = "sandbox; default-src 'none'"
    response.headers["Cache-Control"] = "no-store"
    return response


LETTERS = (
    Route(
        method="GET", path="/v1/cases/<id>/letters", name="letters", view=letters, permission="case", audit="none", tag="letters",
        text=Text("现有文书", "the documents a case has now"), scope="cases:read",
        out={200: Out(LettersOut, Text("文书", "documents"))},
    ),
    Route(
        method="GET", path="/v1/cases/<id>/letters/<letter>", name="letter", view=letter, permission="case", audit="none",
        tag="letters", text=Text("一件文书（Word）", "one document as a Word file"), scope="cases:read", query=For,
        out={200: Out(None, Text("Word 文件", "a Word file"), media=WORD, sample="PK …")},
    ),
    Route(
        method="GET", path="/v1/letters.zip", name="letters_of", view=pack, permission="person", audit="none", tag="letters",
        text=Text(f"多案文书（至多 {AT_ONCE} 件），按所给顺序装入一个 ZIP",
                  f"the documents of chosen cases, at most {AT_ONCE}, in chosen order as one ZIP"),
        scope="cases:read", query=Which, out={200: Out(None, Text("ZIP", "a ZIP"), media=ZIP, sample="PK …")},
        problems=("not_found",),
    ),
    Route(
        method="GET", path="/v1/posters.zip", name="posters", view=posters, permission="person", audit="none", tag="letters",
        text=Text("联络站海报（网页，供打印）", "posters for the doors of stations, as pages to print"), scope="cases:read",
        query=Doors, out={200: Out(None, Text("ZIP", "a ZIP"), media=ZIP, sample="PK …")}, problems=("not_found",),
    ),
)  # fmt: skip
