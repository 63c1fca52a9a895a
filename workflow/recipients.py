"""From a recipient as the engine writes it to the persons who hold it today. Pure: grants in, persons out.

    role:ROLE@TENANT   everybody with that role who reaches the case     role:ROLE@UNIT   those of that unit
    party:PERSON       that person                                       party:UNIT       everybody in that unit
    operator           whoever the channel file names                    nobody           a state without a holder

Only those who can act are told: whoever separation of powers bars from the case is left out, whatever role he has.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date

from .model import Grant

KNOWN = ("role:", "party:", "operator", "nobody", "job:")
"""beginnings of the recipients this version understands; others are left to a newer one"""


@dataclass(frozen=True, slots=True)
class Recipient:
    """A recipient taken apart."""

    scheme: str
    name: str
    at: str = ""

    @classmethod
    def parse(cls, text: str) -> Recipient:
        """`role:unit_clerk@water` → (role, unit_clerk, water)."""
        scheme, _, rest = text.partition(":")
        if scheme != "role":
            return cls(scheme, rest)
        role, _, at = rest.partition("@")
        return cls(scheme, role, at)

    def persons(
        self, grants: Sequence[Grant], tenant: str, day: date, barred: Collection[str] = ()
    ) -> tuple[str, ...]:
        """Who that is on that civil day in a case of that tenant; `barred` are the units kept out of the case."""
        out = {grant.person for grant in grants if grant.unit is not None and grant.unit in barred}
        found = [g.person for g in grants if g.covers(tenant, day) and self._means(g, tenant)]
        if self.scheme == "party" and not found and self.name not in barred:
            found = [self.name]
        return tuple(person for person in dict.fromkeys(found) if person not in out and person not in barred)

    def _means(self, grant: Grant, tenant: str) -> bool:
        if self.scheme == "party":
            return grant.unit == self.name
        return grant.role == self.name and self.at in (tenant, grant.unit)
