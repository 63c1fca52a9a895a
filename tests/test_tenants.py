"""A tree of congresses and one filter: what is not yours answers exactly like what is not there."""

from __future__ import annotations

import pytest

from workflow import Actor, Engine, NotFound
from workflow.migrations import upgrade

from .lifecycle import TENANT, Office


def test_one_filter(office: Office) -> None:
    e = office.engine
    jiayu, chibi, twin = f"{TENANT}/jiayu", f"{TENANT}/chibi", f"{TENANT}0"
    e.grant("jia", "deputy_affairs", jiayu)
    city, county = office.filed("dep1"), office.filed("dep3", tenant=jiayu)
    e.grant("chi", "deputy_affairs", chibi)
    sibling = e.start("suggestion", Actor(person="chi"), {
        "title": "t", "body": "b", "first_signer": "dep4", "signers": ["dep4"], "publication_wish": "full"}, tenant=chibi)  # fmt: skip
    e.grant("zwei", "deputy_affairs", twin)
    beside = e.start("suggestion", Actor(person="zwei"), {
        "title": "t", "body": "b", "first_signer": "dep5", "signers": ["dep5"], "publication_wish": "full"}, tenant=twin)  # fmt: skip
    seen = {
        "li": {city.id, county.id, sibling.id}, "jia": {county.id}, "chi": {sibling.id}, "zwei": {beside.id}, "nobody": set(),
        "dep1": {city.id}, "dep3": {county.id}, "wang": set(),
    }  # fmt: skip
    for person, mine in seen.items():
        actor = Actor(person=person)
        assert {c.id for c in e.search(actor=actor)} == mine
        assert {c.id for c in e.worklist(actor)} <= mine
        for case in (city.id, county.id, sibling.id, beside.id, "absent"):
            for question in (e.case, e.history):
                if case in mine:
                    assert question(case, actor=actor)
                else:
                    with pytest.raises(NotFound):
                        question(case, actor=actor)
            if case not in mine:
                assert e.children(case, actor=actor) == []
    assert {c.id for c in e.search(tenant=TENANT)} == {city.id, county.id, sibling.id}
    assert {c.id for c in e.search(tenant=jiayu)} == {county.id}


def test_foreign_sounds_like_absent(office: Office) -> None:
    case = office.filed()
    answers = set()
    for id in (case.id, "a" * len(case.id)):
        with pytest.raises(NotFound) as refused:
            office.engine.case(id, actor=Actor(person="nobody"))
        answers.add(str(refused.value).replace(id, "…"))
    assert len(answers) == 1


def test_a_tenant_is_compared_byte_by_byte_in_whatever_language_the_database_sorts(postgres_url: str) -> None:
    """A tenant and all below it are one range of the text: 'hb/xn/' ≤ … < 'hb/xn0' holds for bytes only."""
    database = Engine.connect(postgres_url)
    upgrade(database, "tibandu_")
    with database.connect() as connection:
        other = connection.exec_driver_sql(
            "select c.relname, a.attname from pg_attribute a join pg_class c on c.oid = a.attrelid"
            " where c.relkind = 'r' and starts_with(c.relname, 'tibandu_') and a.atttypid = 'varchar'::regtype"
            " and a.attcollation <> '\"C\"'::regcollation and c.relname <> 'tibandu_version'"
        ).all()
    database.dispose()
    assert other == []
