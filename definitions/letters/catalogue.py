"""The documents there are, as data: letters.yaml and the templates beside it, and what an office puts in their place."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from workflow import DefinitionError, NotFound, read_plain
from workflow.errors import Fault, Text

__all__ = ["Catalogue", "Kind", "faulty"]

OURS = Path(__file__).parent
ROWS = "letters.yaml"
LARGEST = 4 << 20
NEEDS = ("history", "papers", "forms", "page")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of document, a row of letters.yaml."""

    id: str
    title: Text
    of: str
    after: tuple[str, ...]
    template: str
    source: str
    to: tuple[str, ...] = ()
    clocks: tuple[str, ...] = ()
    children: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The kinds, and where their templates lie: an office's own folder first, then ours."""

    kinds: Mapping[str, Kind]
    folders: tuple[Path, ...]
    _read: dict[str, tuple[bytes, str]] = field(default_factory=dict)

    @classmethod
    def load(cls, folder: Path | None = None) -> Catalogue:
        """Our rows and those of an office's folder. Raises DefinitionError with every fault."""
        folders = (folder, OURS) if folder is not None else (OURS,)
        kinds: dict[str, Kind] = {}
        for place in reversed(folders):
            if (place / ROWS).is_file():
                kinds |= _rows(place / ROWS)
        found = cls(kinds, folders)
        for template in sorted({kind.template for kind in kinds.values()}):
            found.template(template)
        return found

    def kind(self, id_: str) -> Kind:
        """Raises NotFound."""
        if id_ not in self.kinds:
            raise NotFound.among(Text("文书", "document"), id_, self.kinds)
        return self.kinds[id_]

    def template(self, name: str) -> tuple[bytes, str]:
        """The template's content and its SHA-256. Raises DefinitionError when there is none, or it is too large to be one."""
        if name not in self._read:
            path = next((f / name for f in self.folders if (f / name).is_file()), None)
            if path is None:
                raise faulty(name, "没有这个模板", "there is no such template")
            if path.stat().st_size > LARGEST:
                raise faulty(str(path), f"模板超过 {LARGEST} 字节", f"a template has at most {LARGEST} bytes")
            content = path.read_bytes()
            self._read[name] = content, hashlib.sha256(content).hexdigest()
        return self._read[name]


def faulty(file: str, zh: str, en: str) -> DefinitionError:
    """What is wrong with a file of documents."""
    return DefinitionError([Fault(file=file, line=1, column=1, code="letter", text=Text(zh, en))])


def _rows(path: Path) -> dict[str, Kind]:
    rows = read_plain(path).get("rows")
    if not isinstance(rows, dict):
        raise faulty(str(path), "须有 rows", "rows are missing")
    return {id_: _kind(path, id_, row) for id_, row in rows.items()}


def _kind(path: Path, id_: str, row: Any) -> Kind:
    names = {one.name for one in fields(Kind)} - {"id", "title", "needs"} | {"zh", "en", "with"}
    row = row if isinstance(row, dict) else {}
    missing = {"zh", "en", "of", "after", "template", "source"} - row.keys()
    wrong = [*sorted(missing), *sorted(row.keys() - names), *sorted(set(row.get("with", ())) - set(NEEDS))]
    template = str(row.get("template", ""))
    if wrong or not template.endswith(".docx") or Path(template).name != template:
        said = ", ".join(wrong) or template
        raise faulty(str(path), f"{id_}：缺少或不认识 {said}", f"{id_}: missing or unknown: {said}")
    lists = {name: tuple(row.get(name, ())) for name in ("after", "to", "clocks", "children")}
    return Kind(
        id=id_, title=Text(row["zh"], row["en"]), of=row["of"], template=template, source=row["source"],
        needs=tuple(row.get("with", ())), **lists,
    )  # fmt: skip
