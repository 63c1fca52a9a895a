"""What a service gives out as files: the one object it is handed, so that it need not know what the documents are about."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any

from workflow import Actor, Engine, NotFound
from workflow.errors import Fault, Text

from .exports import annotate, template, titled
from .imports import Exchanged, Way, import_file
from .ledgers import Profile, Table, ledger_of, profiles, write_ledger
from .letters import FORMS, Catalogue, Judged, Letter, Wish, check, letters_of, write_letter, write_zip
from .posters import posters, write_pages
from .yearly import MEASURES, Yearly, write_yearly, yearly_of

__all__ = ["Papers"]

YEARLY = "yearly"
YEARLY_TITLE = Text("代表建议办理情况统计表", "table of a year")


class Papers:
    """Documents and tables of one engine, each for a person and as far as he may know of what stands in them."""

    def __init__(self, engine: Engine, letters: Path | None = None) -> None:
        """`letters`: an office's own templates and ledgers. Raises DefinitionError when one of them cannot be used."""
        self._engine = engine
        self._catalogue = Catalogue.load(letters)
        self._ledgers = profiles(letters)
        self._judged: Judged = {}

    def letters(self, case: str, actor: Actor) -> Sequence[Letter]:
        """The documents of a case and its children. Raises NotFound."""
        return letters_of(self._engine, self._catalogue, case, actor)

    def letter(
        self, case: str, kind: str, actor: Actor, *, to: str | None = None, link: str | None = None, forms: int = FORMS,
        here: str | None = None,
    ) -> tuple[str, bytes]:  # fmt: skip
        """The name and content of one document of that case itself; the first, where there are several. `here`: where the pages
        are. Raises NotFound.
        """
        found = letters_of(self._engine, self._catalogue, case, actor, kind=kind, children=False)
        chosen = next((letter for letter in found if to in (None, letter.to)), None)
        if chosen is None:
            raise NotFound(Text("现在没有这件文书", "there is no such document now"))
        wish = Wish(link=link, forms=forms, here=here)
        return chosen.file, write_letter(self._engine, self._catalogue, chosen, actor, wish)

    def pack(
        self,
        cases: Sequence[str],
        kinds: Sequence[str],
        file: IO[bytes],
        actor: Actor,
        here: str | None = None,
    ) -> int:
        """The documents of those cases in that order as one ZIP, of those kinds or all; how many. Raises NotFound."""
        found = [
            letter
            for case in cases
            for letter in letters_of(self._engine, self._catalogue, case, actor)
            if not kinds or letter.kind.id in kinds
        ]
        return write_zip(self._engine, self._catalogue, found, file, actor, Wish(here=here))

    def ledgers(self) -> Mapping[str, Text]:
        """The tables there are: id -> title."""
        return {**{one.id: one.title for one in self._ledgers.values()}, YEARLY: YEARLY_TITLE}

    def monthly(self) -> Collection[str]:
        """Those of them that can be had of one month."""
        return {one.id for one in self._ledgers.values() if one.month is not None}

    def ledger(
        self, id_: str, actor: Actor, *, tenant: str | None = None, year: int | None = None, month: str | None = None
    ) -> tuple[str, bytes]:  # fmt: skip
        """The name and content of a table with everything that person may know of. Raises NotFound; ValueError, with the name of
        what is wrong, when the table of a year is asked for without one, another one with one, or one that is not of months with
        a month.
        """
        self._fits(id_, year, month)
        with TemporaryDirectory() as folder:
            path = Path(folder) / "table.xlsx"
            if id_ == YEARLY and year is not None:
                write_yearly(self._engine, year, path, actor=actor, tenant=tenant)
                return f"{year}年{YEARLY_TITLE.zh}.xlsx", path.read_bytes()
            profile = self._chosen(id_)
            write_ledger(self._engine, profile, path, actor=actor, tenant=tenant, month=month)
            of = f"（{month}）" if month else ""
            return f"{profile.title.zh}{of}.xlsx", path.read_bytes()

    def table(
        self, id_: str, actor: Actor, *, tenant: str | None = None, year: int | None = None, month: str | None = None,
        **behind: str,
    ) -> Table:  # fmt: skip
        """The same in numbers and words. `behind`: of the year's list that part which a `unit`'s figure, a `measure`, counts.
        Raises NotFound, KeyError when there is no such figure, ValueError as `ledger`.
        """
        self._fits(id_, year, month)
        if id_ == YEARLY:
            return self.yearly(actor, tenant=tenant, year=year).listed(**behind)
        return ledger_of(self._engine, self._chosen(id_), actor=actor, tenant=tenant, month=month)

    def _fits(self, id_: str, year: int | None, month: str | None) -> None:
        """Raises ValueError, with the name of what does not go with that table."""
        if (year is None) == (id_ == YEARLY):
            raise ValueError("year")
        if month is not None and id_ not in self.monthly():
            raise ValueError("month")

    def _chosen(self, id_: str) -> Profile:
        if id_ not in self._ledgers:
            raise NotFound.among(Text("台账", "ledger"), id_, self.ledgers())
        return self._ledgers[id_]

    def measures(self) -> Sequence[str]:
        """The figures of the table of a year."""
        return list(MEASURES)

    def yearly(self, actor: Actor, *, tenant: str | None = None, year: int | None = None) -> Yearly:
        """The table of a year in numbers. Raises ValueError without a year."""
        if year is None:
            raise ValueError("year")
        return yearly_of(self._engine, year, actor=actor, tenant=tenant)

    def faults(self) -> Sequence[Fault]:
        """The templates that cannot be used, as they lie in their folders now: read each time, tried when their bytes change."""
        now = Catalogue(self._catalogue.kinds, self._catalogue.folders)
        return check(self._engine.library, now, self._judged)

    def posters(
        self, url: str, file: Path, actor: Actor, *, tenant: str | None = None, ids: Sequence[str] = ()
    ) -> int:
        """A new ZIP with a page for the door of each station that he may know of; how many. Raises NotFound."""
        return write_pages(posters(self._engine, url, actor=actor, tenant=tenant, ids=ids), file)

    # -- tables that come in

    def form(self, kind: str, language: str, then: str | None = None) -> tuple[str, bytes]:
        """An empty table of a kind, to be filled in. Raises NotFound."""
        with TemporaryDirectory() as folder:
            path = Path(folder) / "form.xlsx"
            template(self._engine, kind, path, language, then)
            return f"{titled(self._engine, kind).in_language(language)}.xlsx", path.read_bytes()

    def take(self, kind: str, path: Path, by: Actor, **way: Any) -> Exchanged:
        """Take a table in, all or nothing. `way`: tenant, then, reason, dry_run, encoding. Raises NotFound."""
        return import_file(self._engine, kind, path, Way(by=by, **way))

    def marked(self, path: Path, done: Exchanged, language: str, encoding: str = "utf-8") -> bytes | None:
        """The same table with its faults marked; None where it cannot be read as a table."""
        with TemporaryDirectory() as folder:
            copy = Path(folder) / "faults.xlsx"
            made = annotate(path, done.faults, copy, language, encoding)
            return copy.read_bytes() if made else None
