"""What no database can be asked of, and days that nobody can mean, are refused wherever they come in: never a fault of ours."""

from __future__ import annotations

import re
from datetime import date

import pytest

from api import create_app
from api.console.table import SCREENS
from api.sessions import Sessions
from api.table import ROUTES
from workflow import Actor
from workflow.clock import FIRST_DAY, LAST_DAY, day_of
from workflow.errors import FormInvalid
from workflow.model import PartialDate

from .lifecycle import TODAY, Office

LI = Actor(person="li")
PARAMETER = re.compile(r"<[^>]+>")
FAR = (date.min, date(1899, 12, 31), date(2200, 1, 1), date.max)


def test_no_address_holds_a_nul(office: Office) -> None:
    """PostgreSQL takes none; every address of the service and of the console is asked with one in each of its places."""
    sessions = Sessions(office.engine)
    app = create_app(office.engine, sessions, sessions=sessions)
    client, asked = app.test_client(), 0
    for path, methods in (
        *((route.path, (route.method,)) for route in ROUTES), *((screen.path, screen.methods) for screen in SCREENS),
    ):  # fmt: skip
        places = len(PARAMETER.findall(path))
        for place in range(places):
            words = iter("x%00" if at == place else "x" for at in range(places))
            address = PARAMETER.sub(lambda _, words=words: next(words), path)  # type: ignore[misc]
            for method in methods:
                answer = client.open(address, method=method, headers={"Origin": "http://localhost"})
                assert answer.status_code == 404, (method, address, answer.text[:300])
                asked += 1
        if "GET" in methods:
            answer = client.get(PARAMETER.sub("x", path) + "?q=a%00")
            assert answer.status_code == 400, (path, answer.text[:300])
            asked += 1
    assert asked > 150


@pytest.mark.parametrize("day", FAR, ids=str)
def test_a_day_that_nobody_can_mean_is_refused(office: Office, day: date) -> None:
    engine, case = office.engine, office.handling()
    unit = Actor(person="wang")
    for given in (
        {"promise": "建驿站", "promised_on": day.isoformat()},
        {"promise": "建驿站", "promised_on": day},
    ):
        with pytest.raises(FormInvalid) as no:
            engine.fire(case.id, "add_commitment", unit, given, dry_run=True)
        assert [one.field for one in no.value.reasons] == ["promised_on"]
    with pytest.raises(FormInvalid, match="1900") as no:
        engine.fire(case.id, "remark", LI, {}, effective_on=day)
    assert [one.field for one in no.value.reasons] == ["effective_on"]
    with pytest.raises(FormInvalid, match="1900"):
        engine.fire(case.id, "remark", LI, {}, effective_on=PartialDate(year=day.year), imported=True)


@pytest.mark.parametrize(
    "moment",
    [
        "9999-12-31",
        "0001-01-01",
        "2026-W40-1",
        "20260301T000000Z",
        "9999-12-31T23:59:59Z",
        "0001-01-01T00:00:00Z",
    ],
)
def test_a_moment_that_is_none(office: Office, moment: str) -> None:
    client, case = create_app(office.engine, lambda _: LI).test_client(), office.assigned()
    answer = client.get(f"/v1/cases/{case.id}/at/{moment}")
    assert (answer.status_code, answer.get_json().get("code")) == (400, "bad_request"), answer.text
    assert client.get(f"/v1/cases/{case.id}/at/{TODAY}").status_code == 200


def test_the_first_and_the_last_day_are_days() -> None:
    assert [day_of(day.isoformat()) for day in (FIRST_DAY, LAST_DAY)] == [FIRST_DAY, LAST_DAY]
    for text in ("2026-3-15", "２０２６-03-15", "2026-02-30", "20260315", "2026-03-15T00:00", ""):
        with pytest.raises(ValueError, match=r"no day|day is out|month"):
            day_of(text)
