"""Grants: how long, how far, and checked again in the writing statement."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from workflow import Actor, Conflict, Engine, NotFound
from workflow.errors import NotPermitted
from workflow.model import Grant

from .lifecycle import TENANT, Office, count, execute


def held(office: Office, person: str, **more: Any) -> None:
    office.engine.sync_grants(
        person,
        [Grant(id=f"{person}-1", person=person, role="deputy_affairs", **{"scope": TENANT, **more})],
        by="set-up",
    )


@pytest.mark.parametrize(
    ("more", "allowed"),
    [
        ({}, True), ({"scope": "hb"}, True), ({"scope": "hb/xian"}, False), ({"scope": f"{TENANT}/jiayu"}, False),
        ({"scope": "hb/huangshi"}, False),
        ({"valid_from": date(2026, 3, 2), "valid_until": date(2026, 3, 2)}, True),
        ({"valid_from": date(2026, 3, 3)}, False), ({"valid_until": date(2026, 3, 1)}, False),
    ],
)  # fmt: skip
def test_scope_and_days(office: Office, more: dict[str, Any], allowed: bool) -> None:
    case = office.accepted()
    held(office, "new", **more)
    if allowed:
        assert office.fire(case, "carry_over", "new", carried_to="七届").seq == 3
        line = office.engine.history(case.id)[-1]
        assert (line.actor, line.role, line.unit) == ("new", "deputy_affairs", None)
    else:
        assert office.reasons(case, "carry_over", "new", carried_to="七届") == {"role"}


def test_a_grant_is_checked_where_it_is_written(office: Office) -> None:
    """Revoked behind the back of this node's memory, or ended by the hour: the writing statement sees it."""
    case = office.accepted()
    held(office, "new", valid_until=date(2026, 3, 2))
    office.fire(case, "carry_over", "new", carried_to="七届")
    office.clock.set(date(2026, 3, 3))
    assert office.reasons(case, "carry_over", "new", carried_to="八届") == {"role"}
    held(office, "new")
    office.fire(case, "carry_over", "new", carried_to="七届")
    execute(office.engine, "delete from {p}grant where person = 'new'")
    assert office.reasons(case, "carry_over", "new", carried_to="八届") == {"role"}
    assert count(office.engine, "history", "actor = 'new'") == 2


def test_revoked_between_read_and_write(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    case = office.accepted()
    read = office.engine.store.read

    def slow(work: Any, *arguments: Any) -> Any:
        found = read(work, *arguments)
        monkeypatch.setattr(office.engine.store, "read", read)
        execute(office.engine, "delete from {p}grant where person = 'li'")
        return found

    office.engine._memory.forget(case.id)
    monkeypatch.setattr(office.engine.store, "read", slow)
    assert office.reasons(case, "carry_over", "li", carried_to="八届") == {"role"}
    assert office.now(case) == case


def test_role_and_unit_choose(office: Office) -> None:
    case = office.handling()
    with pytest.raises(NotPermitted):
        office.engine.fire(case.id, "submit_for_signoff", Actor(person="wang", role="unit_head"))
    with pytest.raises(NotPermitted):
        office.engine.fire(case.id, "submit_for_signoff", Actor(person="wang", unit="roads"))


def test_an_id_never_becomes_another_grant(office: Office) -> None:
    held(office, "new")
    other = Grant(id="new-1", person="new", role="unit_clerk", scope=TENANT, unit="water")
    with pytest.raises(Conflict):
        office.engine.sync_grants("new", [other], by="set-up")


def test_nobody_grants_to_himself(office: Office) -> None:
    with pytest.raises(NotPermitted):
        office.engine.sync_grants("li", [], by="li")
    with pytest.raises(NotFound):
        office.engine.grant("li", "emperor", TENANT)


def test_delegation_is_a_stamp_and_no_grant(office: Office, other: Engine) -> None:
    case = office.accepted()
    with pytest.raises(NotPermitted):
        office.engine.fire(
            case.id, "carry_over", Actor(person="gov", on_behalf_of="li"), {"carried_to": "七届"}
        )
    office.engine.fire(case.id, "carry_over", Actor(person="li", on_behalf_of="liu"), {"carried_to": "七届"})
    assert other.history(case.id)[-1].on_behalf_of == "liu"
    # The host's word, whoever that is: the engine looks for no loan behind it.
    errand = Actor(person="li", on_behalf_of="unheard-of")
    office.engine.fire(case.id, "carry_over", errand, {"carried_to": "八届"})
    line = other.history(case.id)[-1]
    assert (line.actor, line.on_behalf_of, line.role) == ("li", "unheard-of", "deputy_affairs")
