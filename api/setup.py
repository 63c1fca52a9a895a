"""Setting up a new city: what there has to be, what is there already, and what was put off. Asked of the store each time.

Kept is only what nobody can ask of the store: which step was put off or looked over, by whom, when.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from sqlalchemy import Connection, delete, insert, select

from workflow import Actor, Engine
from workflow.access import held
from workflow.clock import civil_date
from workflow.errors import Conflict, FormInvalid, Reason, Text
from workflow.health import Health, Trouble
from workflow.model import Grant, Party
from workflow.screens import Beginning

from .accounts import Accounts
from .routes import Desk
from .security_log import SecurityLog
from .store import Shelf, stamp
from .upkeep import findings, looked

CONGRESS = "congress"
"""the step with which a city begins"""
NOTICE = 11
"""the month in which the State Council tells the holidays of the next year"""
LOOKED_OVER = ("channels", "rules")
"""steps that only a person can call done"""
Standing = Literal["done", "later", "open"]


@dataclass(frozen=True, slots=True)
class Step:
    """One step; `found`: what is there, in words."""

    name: str
    title: Text
    standing: Standing
    found: Text


class Setup:
    """The steps of one installation."""

    def __init__(self, engine: Engine, desk: Desk | None = None) -> None:
        """`desk`: of a console, whose documents and channels are looked at too."""
        self._engine = engine
        self._desk = desk
        self._shelf = Shelf(engine)

    def steps(self) -> list[Step]:
        """In the order in which they are gone."""
        noted = self._noted()
        return [
            Step(name, title, "done" if done or noted.get(name) == "done" else "later" if name in noted else "open", found)
            for name, title, done, found in self._looked()
        ]  # fmt: skip

    def note(self, step: str, what: Standing, by: str) -> None:
        """Put a step off, or call it done; `open` takes that back."""
        table = self._shelf.tables.setup
        with self._shelf.connection(write=True) as connection:
            connection.execute(delete(table).where(table.c.step == step))
            if what != "open":
                row = {"step": step, "standing": what, "noted_by": by, "noted_at": stamp(self._shelf.now())}
                connection.execute(insert(table), [row])

    def begin(self, *, tenant: str, name: str, level: str, clerk: str, by: str) -> str | None:
        """The congress, and the account of the first clerk of its office with his role there; his password, told this once.

        Only while there is no congress and nobody keeps an office: later whoever administers gives no office to anybody. All of
        it or nothing. Raises FormInvalid, Conflict, NotPermitted.
        """
        told = self._fit(tenant, clerk, by)
        self._unbegun(told)  # before a password is drawn, which takes a while
        made, account = self._account(clerk, by)
        party = Party(
            id=tenant.replace("/", "-"), kind=told.tenants, name=name, tenant=tenant, attributes={"level": level}
        )  # fmt: skip
        with self._shelf.connection(write=True) as connection:
            self._shelf.lock_name(connection, "setup")
            self._unbegun(told, connection)
            self._engine.parties.add(party, by=Actor(person=by), trusted=True, session=connection)
            if account is not None:
                connection.execute(insert(self._shelf.tables.account), [account])
                SecurityLog(self._engine).note("account", clerk, by=by, detail="added", connection=connection)
            self._appoint(connection, Grant(id="", person=clerk, role=told.office, scope=tenant), by)
        return made

    def _fit(self, tenant: str, clerk: str, by: str) -> Beginning:
        """What the console's file says of a beginning. Raises FormInvalid."""
        if clerk == by or self._administers(clerk):
            raise _unfit(
                "管理员不办理案件，请另设经办人账号", "who administers handles no cases: name another account"
            )
        levels = tenant.replace("-", "").split("/")
        if not all(level.isascii() and level.isalnum() for level in levels):
            raise _unfit("代号须如 cn/hubei/xianning", "an id is written cn/hubei/xianning")
        if self._told is None:
            raise _unfit(
                "没有说明由谁开通（console 的 setup）", "nothing says who begins (setup of a console file)"
            )
        return self._told

    def _unbegun(self, told: Beginning, connection: Connection | None = None) -> None:
        """Raises Conflict where somebody keeps an office; in a transaction, which is alone there, also where a congress is."""
        kept = any(one.grant.role == told.office for one in held(self._engine, session=connection))
        if kept or (connection and self._engine.parties.find(kind=told.tenants, limit=1, session=connection)):
            raise _begun()

    def _account(self, clerk: str, by: str) -> tuple[str | None, dict[str, Any] | None]:
        """The password and the row of the clerk's account; nothing where he has one. Raises FormInvalid."""
        accounts = Accounts(self._engine)
        return (None, None) if accounts.get(clerk) else accounts.drawn(clerk, by=by)

    def _appoint(self, connection: Connection, grant: Grant, by: str) -> None:
        grants = [*self._engine.store.grants(connection, grant.person), grant]
        self._engine.sync_grants(grant.person, grants, by=by, session=connection)
        detail = f"granted {grant.role} in {grant.scope}, - to -"
        SecurityLog(self._engine).note("grant", grant.person, by=by, detail=detail, connection=connection)

    def _administers(self, person: str) -> bool:
        account = Accounts(self._engine).get(person)
        return account is not None and account.operator

    def _noted(self) -> dict[str, Any]:
        table = self._shelf.tables.setup
        with self._shelf.connection() as connection:
            return {row.step: row.standing for row in connection.execute(select(table))}

    def _looked(self) -> Iterator[tuple[str, Text, bool, Text]]:
        engine, health, told = self._engine, self._health, self._told
        if told is not None:
            yield CONGRESS, *self._parties([told.tenants])
        if told is not None and told.units:
            yield "units", *self._parties(told.units)
        horizon, day = health.calendar_horizon, civil_date(engine.clock.now())
        needed = day.year + (day.month >= NOTICE)
        until = Text(f"日历已知至 {horizon}", f"the calendar is known up to {horizon}")
        yield "calendar", Text("日历", "The calendar"), horizon.year >= needed, until
        reached = _many("联系方式", "contact(s)", health.contacts)
        yield "channels", Text("通知渠道", "Channels"), False, reached
        if told is not None and told.stations:
            yield "stations", *self._parties(told.stations)
        book = engine.laws.book
        rules = Text(f"{book.place}：规则 {len(book.rules)} 条", f"{book.place}: {len(book.rules)} rules")
        yield "rules", Text("地方规则", "The rules of the place"), False, rules
        wrong = len(self.findings)
        well = (
            Text("一切正常", "all is well")
            if not wrong
            else Text(f"{wrong} 项待处理", f"{wrong} to be seen to")
        )
        yield "doctor", Text("系统体检", "The system"), not wrong, well

    @cached_property
    def findings(self) -> list[Trouble]:
        """What is to be seen to, as the page of the system's health has it."""
        return looked(self._desk, self._health) if self._desk else findings(self._engine, health=self._health)

    @cached_property
    def _health(self) -> Health:
        return self._engine.health()

    @property
    def _told(self) -> Beginning | None:
        return self._engine.library.console.setup

    def _parties(self, kinds: Sequence[str]) -> tuple[Text, bool, Text]:
        """What they are called, whether there is one, how many there are."""
        title, number = self._engine.library.party(kinds[0]).title, sum(map(self._count, kinds))
        return title, number > 0, _many(title.zh, title.en, number)

    def _count(self, kind: str) -> int:
        """How many there are, up to a page."""
        if kind not in self._engine.library.parties:
            return 0
        return len(self._engine.parties.find(kind=kind, limit=500))


def _begun() -> Conflict:
    zh, en = "人大已开通，角色由其工作机构授予", "the congress is there; its own office gives the roles"
    return Conflict(Text(zh, en))


def _many(zh: str, en: str, number: int) -> Text:
    return Text(f"{zh} {number} 个", f"{number} {en}")


def _unfit(zh: str, en: str) -> FormInvalid:
    return FormInvalid([Reason(code="form.setup", text=Text(zh, en))])
