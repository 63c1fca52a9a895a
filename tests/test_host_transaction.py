"""The host brings its own transaction: it commits for us, or nothing of ours is left."""

from __future__ import annotations

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.orm import Session

from workflow import Actor, Engine, NotFound, Refused
from workflow.errors import StoreError
from workflow.verify import verify

from .lifecycle import PLACE, SUGGESTION, TENANT, Office, count

LI = Actor(person="li")


@pytest.fixture
def hosted(office: Office) -> Office:
    with office.engine.database.begin() as connection:
        connection.execute(text("create table petition (id text primary key)"))
    return office


@pytest.mark.parametrize("kind", ["session", "connection"])
@pytest.mark.parametrize("commits", [True, False])
def test_the_host_decides(hosted: Office, kind: str, commits: bool) -> None:
    database = hosted.engine.database
    with Session(database) if kind == "session" else database.connect() as host:
        host.execute(text("insert into petition values ('a')"))
        case = hosted.engine.start("suggestion", LI, SUGGESTION, tenant=TENANT, session=host)
        case = hosted.engine.fire(case.id, "carry_over", LI, {"carried_to": "七届"}, session=host, key="k")
        assert hosted.engine.case(case.id, session=host).seq == 2
        host.commit() if commits else host.rollback()
    assert count(hosted.engine, "history") == (2 if commits else 0)
    assert count(hosted.engine, "answer") == (1 if commits else 0)
    with database.connect() as connection:
        assert connection.execute(text("select count(*) from petition")).scalar() == (1 if commits else 0)
    if commits:
        assert hosted.fire(case, "carry_over", "li", carried_to="八届").seq == 3
    else:
        with pytest.raises(NotFound):  # nor is it remembered
            hosted.fire(case, "carry_over", "li", carried_to="八届")


def test_what_a_host_took_back_is_not_remembered(hosted: Office) -> None:
    """Its number of lines would be that of another's line: the revision alone would not tell, and the chain would break."""
    case = hosted.accepted()
    other = Office(
        Engine(hosted.engine.database, hosted.engine.library, place=PLACE, clock=hosted.clock), hosted.clock
    )
    with Session(hosted.engine.database) as host:
        hosted.engine.fire(case.id, "carry_over", LI, {"carried_to": "七届"}, session=host)
        host.rollback()
    other.fire(case, "carry_over", "li", carried_to="八届")
    hosted.fire(case, "carry_over", "li", carried_to="九届")
    assert [line.data["carried_to"] for line in hosted.engine.history(case.id)[-2:]] == ["八届", "九届"]
    assert verify(hosted.engine.store).sound


def test_a_refusal_leaves_the_hosts_rows(hosted: Office) -> None:
    case = hosted.accepted()
    with Session(hosted.engine.database) as host:
        host.execute(text("insert into petition values ('a')"))
        with pytest.raises(Refused):
            hosted.engine.fire(case.id, "conclude", LI, session=host)
        with pytest.raises(Refused):
            hosted.engine.fire(case.id, "assign", LI, {"lead_unit": "\x00"}, session=host)
        host.execute(text("insert into petition values ('b')"))
        host.commit()
    with hosted.engine.database.connect() as connection:
        assert connection.execute(text("select count(*) from petition")).scalar() == 2
    assert hosted.now(case) == case


def test_a_connection_on_which_nobody_began_is_refused(hosted: Office) -> None:
    """Its commit would commit nothing."""
    with hosted.engine.database.connect() as host, pytest.raises(StoreError, match="no open transaction"):
        hosted.engine.start("suggestion", LI, SUGGESTION, tenant=TENANT, session=host)


def test_autocommit_is_refused(hosted: Office) -> None:
    if hosted.engine.database.dialect.name == "sqlite":
        return
    with (
        hosted.engine.database.connect().execution_options(isolation_level="AUTOCOMMIT") as host,
        pytest.raises(StoreError, match="autocommit"),
    ):
        hosted.engine.start("suggestion", LI, SUGGESTION, tenant=TENANT, session=host)


def test_sqlite3s_own_way_is_refused(hosted: Office) -> None:
    """A plain engine of the host's has not begun a transaction when a SAVEPOINT comes."""
    if hosted.engine.database.dialect.name != "sqlite":
        return
    plain = create_engine(hosted.engine.database.url)
    engine = Engine(plain, hosted.engine.library, place=PLACE, clock=hosted.clock)
    with plain.connect() as host, pytest.raises(StoreError, match=r"Engine\.connect"):
        engine.start("suggestion", LI, SUGGESTION, tenant=TENANT, session=host)
    plain.dispose()
