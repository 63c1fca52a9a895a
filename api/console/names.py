"""What things are called: parties by the register, codes by their lists, dates and documents as people write them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from workflow import Engine
from workflow.definition import Definition, Field
from workflow.errors import Text
from workflow.model import Party

YES, NO = Text("是", "yes"), Text("否", "no")
PARTIES = {"unit", "person", "units", "persons"}
LONG, DIGEST = re.compile("[0-9a-f]{64}"), 12
"""a check sum is compared by its beginning; nobody reads all of it"""


class Names:
    """The names of parties, each asked for once; who is not in the register is called by his id. `reader`: every page says his
    name, so it is asked for with the first others.
    """

    def __init__(self, engine: Engine, reader: str = "") -> None:
        self._engine = engine
        self._reader = reader
        self._known: dict[str, str] = {}

    def learn(self, ids: Iterable[str]) -> None:
        """Ask for all of these in one question."""
        new = {one for one in ids if one} - self._known.keys()
        if not new:
            return
        wanted = sorted(new | ({self._reader} - {"", *self._known}))
        found = self._engine.parties.names(wanted)
        self._known.update({one: found.get(one, one) for one in wanted})

    def know(self, parties: Iterable[Party]) -> None:
        """These were found anyway."""
        self._known.update((party.id, party.name) for party in parties)

    def __getitem__(self, id: str) -> str:
        """The name of one."""
        if id not in self._known:
            self.learn([id])
        return self._known.get(id, id)

    def congress(self, tenant: str) -> str:
        """The name of the congress of a tenant; where the register has none, the tenant itself."""
        if (known := f"congress {tenant}") not in self._known:
            found = self._engine.parties.find(kind="congress", tenant=tenant, limit=500)  # those below it too
            self._known[known] = next((party.name for party in found if party.tenant == tenant), tenant)
        return self._known[known]

    def of(self, ids: Iterable[str]) -> list[str]:
        """The names of several, in their order."""
        found = list(ids)
        self.learn(found)
        return [self._known.get(one, one) for one in found]


def parties_in(definition: Definition, data: Mapping[str, Any]) -> list[str]:
    """The ids of all parties that these data name."""
    found: list[str] = []
    for name, value in data.items():
        field = definition.fields.get(name)
        if field is not None and field.type in PARTIES and value:
            found += [value] if isinstance(value, str) else value
    return found


def in_words(engine: Engine, names: Names, field: Field, value: Any, language: str) -> str:
    """A value as it is read; documents are shown by their links and not here."""
    if value is None:
        return "—"
    if field.type in ("code", "codes"):
        values = engine.library.codes[field.codes or ""].values
        ids = [value] if isinstance(value, str) else value
        titles = [values[one].title.in_language(language) if one in values else str(one) for one in ids]
        return "、".join(titles) if language == "zh" else ", ".join(titles)
    if field.type in PARTIES:
        found = names.of([value] if isinstance(value, str) else value)
        return "、".join(found) if language == "zh" else ", ".join(found)
    if field.type == "boolean":
        return (YES if value else NO).in_language(language)
    if field.type in ("document", "documents"):
        documents = [value] if isinstance(value, Mapping) else value
        return "、".join(str(document["name"]) for document in documents)
    text = str(value)
    return f"{text[:DIGEST]}……" if LONG.fullmatch(text) else text
