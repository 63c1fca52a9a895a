"""Tables between their trial and their writing: the sender's alone, and gone after a day."""

from __future__ import annotations

from datetime import timedelta

from api import create_schema
from api.housekeeping import Housekeeping
from api.judged import KEPT, WRITTEN, Judged
from workflow import Engine, load_definitions
from workflow.testing import FrozenClock

from .lifecycle import FOLDER, PLACE, TODAY


def test_a_judged_table_is_the_senders_and_gone_after_a_day(database_url: str) -> None:
    clock = FrozenClock(TODAY)
    engine = Engine(database_url, load_definitions(FOLDER, place=PLACE), clock=clock)
    engine.create_schema()
    create_schema(engine)
    judged = Judged(engine)
    key = judged.keep("li", b"rows")
    assert judged.keep("li", b"rows") == key
    assert (judged.open("li", key), judged.open("wang", key), judged.open("li", "0" * 64)) == (
        b"rows",
        None,
        None,
    )
    judged.written("wang", key)
    clock.set(clock.now() + timedelta(hours=1))
    assert judged.open("li", key) == b"rows"
    judged.written("li", key)
    assert judged.open("li", key) == b"rows", "a second click finds it"
    clock.set(clock.now() + WRITTEN)
    assert judged.open("li", key) is None
    judged.keep("li", b"rows")
    clock.set(clock.now() + KEPT)
    assert judged.open("li", key) is None
    Housekeeping(engine).run()
    with engine.database.connect() as connection:
        assert connection.exec_driver_sql("select count(*) from tibanduapi_judged").scalar_one() == 0
    engine.database.dispose()
