"""`letter`, `letters`: the documents of one case, and all of a meeting's in one ZIP."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import DefinitionError, Text
from ..model import Actor
from .context import OK, Context, UsageError, day, whole
from .files import folder, free

if TYPE_CHECKING:
    from types import ModuleType

HEADS = {
    "letter": Text("文书", "document"),
    "title": Text("名称", "title"),
    "to": Text("送", "to"),
    "case": Text("案件", "case"),
    "file": Text("文件名", "file"),
    "template": Text("模板", "template"),
}
SHOWN = 12
"""digits of a template's hash that tell templates apart"""


def register(add: Any) -> None:
    """Declare the commands."""
    one = add("letter", run_letter, "一案的文书（Word）", "the documents of a case (Word)")
    one.add_argument("case", metavar="CASE", nargs="?")
    one.add_argument("kind", metavar="KIND", nargs="?", help="文书；不写则列出 / without it: what there is")
    one.add_argument("--to", metavar="PARTY", help="只要送给它的 / only the one for this party")
    one.add_argument("--link", metavar="URL", help="印成二维码的网址 / printed as a QR code")
    one.add_argument(
        "--forms", type=whole(1, 1000), default=10, metavar="N", help="空白表份数 / how many blank forms"
    )
    one.add_argument("--check", action="store_true", help="试填全部模板 / try every template")
    many = add("letters", run_letters, "一次会议的全部文书（ZIP）", "all documents of a meeting in one ZIP")
    for command in (one, many):
        command.add_argument(
            "--url",
            metavar="URL",
            help="本系统的网址，印成打开本件的二维码 / of this system: printed as a QR code that opens the case",
        )
    many.add_argument("kinds", metavar="KIND", nargs="+")
    many.add_argument(
        "--between",
        nargs=2,
        required=True,
        type=day,
        metavar=("FROM", "TO"),
        help="含首尾 / both days included",
    )
    many.add_argument("--tenant", metavar="TENANT", help="只含该机构及其下级 / of this tenant and below")
    for sub in (one, many):
        sub.add_argument("--out", type=Path, metavar="FILE", help="新文件 / a new file")
        sub.add_argument("--by", metavar="PERSON", help="只含此人可见的 / only what that person may know of")
        sub.add_argument("--letters", type=Path, metavar="DIR", help="本单位的模板 / templates of your own")


def run_letter(context: Context) -> int:
    """A list of what there is, or a new file: .docx of one, .zip of several."""
    arguments, console = context.arguments, context.console
    letters, catalogue, actor = _tools(context)
    if arguments.check:
        return _check(context, letters, catalogue)
    if arguments.case is None:
        raise UsageError(Text("须写明案件，或用 --check", "name a case, or give --check"))
    if arguments.kind is not None:
        catalogue.kind(arguments.kind)
    found = letters.letters_of(context.engine, catalogue, arguments.case, actor, kind=arguments.kind)
    found = [letter for letter in found if arguments.to in (None, letter.to)]
    if arguments.kind is None:
        shown = None if console.as_json else SHOWN
        rows = [
            {"letter": x.kind.id, "title": console.words(x.kind.title), "to": x.to or "", "case": x.case.id, "file": x.file,
             "template": x.template[:shown]}
            for x in found
        ]  # fmt: skip
        console.table(HEADS, rows)
        return OK
    if not found:
        raise UsageError(
            Text(
                "现在没有这件文书", "there is no such document now: `tibandu letter CASE` says what there is"
            )
        )
    wish = letters.Wish(link=arguments.link, forms=arguments.forms, here=_pages(arguments))
    if len(found) > 1:
        return _pack(context, letters, catalogue, found, wish)
    out = arguments.out or Path(found[0].file)
    free(out)
    content = letters.write_letter(context.engine, catalogue, found[0], actor, wish)
    out.write_bytes(content)
    return _done(context, out, 1)


def _check(context: Context, letters: ModuleType, catalogue: Any) -> int:
    """Every template, filled for a case in which nothing is known yet."""
    faults = letters.check(context.library, catalogue)
    if faults:
        raise DefinitionError(faults)
    count = len({kind.template for kind in catalogue.kinds.values()})
    context.console.say(f"{count} 个模板均可用", f"{count} templates are fit for use")
    context.console.value({"templates": count, "faults": []})
    return OK


def run_letters(context: Context) -> int:
    """A new ZIP; nothing is overwritten."""
    arguments = context.arguments
    letters, catalogue, actor = _tools(context)
    first, last = arguments.between
    found = [
        letter
        for kind in arguments.kinds
        for letter in letters.between(
            context.engine, catalogue, kind, first, last, actor=actor, tenant=arguments.tenant
        )
    ]
    found.sort(key=lambda letter: letter.file)
    if not found:
        raise UsageError(Text(f"{first} 至 {last} 没有这件文书", f"none between {first} and {last}"))
    return _pack(context, letters, catalogue, found, letters.Wish(here=_pages(arguments)))


def _pages(arguments: Any) -> str | None:
    return f"{arguments.url.rstrip('/')}/" if arguments.url else None


def _tools(context: Context) -> tuple[ModuleType, Any, Actor | None]:
    letters, arguments = context.sibling("definitions.letters"), context.arguments
    beside = context.folder / "letters"
    ours = beside if beside.is_dir() and arguments.definitions else None
    given = ours if arguments.letters is None else folder(arguments.letters)
    return letters, letters.Catalogue.load(given), Actor(person=arguments.by) if arguments.by else None


def _pack(context: Context, letters: ModuleType, catalogue: Any, found: Any, wish: Any) -> int:
    arguments = context.arguments
    out = arguments.out or Path(f"{found[0].kind.title.zh}.zip")
    free(out)
    actor = Actor(person=arguments.by) if arguments.by else None
    try:
        with out.open("xb") as file:
            count = letters.write_zip(context.engine, catalogue, found, file, actor, wish)
    except BaseException:
        out.unlink(missing_ok=True)
        raise
    return _done(context, out, count)


def _done(context: Context, out: Path, count: int) -> int:
    context.console.say(f"{count} 份 → {out}", f"{count} document(s) → {out}")
    context.console.value({"documents": count, "file": str(out)})
    return OK
