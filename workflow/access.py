"""Who has which role, where, until when: questions about persons and their grants, beside the questions about cases."""

from __future__ import annotations

from datetime import date

from .engine import Engine
from .errors import Refused
from .firing import check_texts
from .model import Grant

__all__ = ["grants_of", "present"]


def grants_of(engine: Engine, person: str) -> tuple[Grant, ...]:
    """Every grant of that person, those that have ended too."""
    try:
        check_texts(person=person)
    except Refused:
        return ()
    with engine.store.connection() as connection:
        return engine.store.grants(connection, person)


def present(engine: Engine, person: str, day: date) -> list[Grant]:
    """The grants of that person that hold on that civil day."""
    return [grant for grant in grants_of(engine, person) if grant.covers(grant.scope, day)]
