"""Other systems that come in over HTTP (服务令牌): which there are, what each may do, until when; one is made, and told this
once; one is taken back. What its account may know is decided by the roles of that account, which stand beside it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from workflow.access import held
from workflow.errors import FormInvalid, Reason, Text
from workflow.overview import today

from ..security_words import BY
from ..security_words import SCOPES as WORDS
from ..tokens import SCOPES, STATES, Tokens, bodies, read, standing
from .screens import Go, Look, Page, Screen

PAGE = 30
FIELDS = ("account", "name", "expires_on", "unit", "tenant", "body")
TITLES = {
    "account": Text("服务账号", "service account"), "name": Text("名称", "name"), "scopes": Text("可以做什么", "what it may"),
    "expires_on": Text("有效至", "good until"), "unit": Text("单位", "unit"), "tenant": Text("范围代号", "scope"),
    "body": Text("机构", "body"),
}  # fmt: skip
DAYS = 180
"""how long the page suggests, unless the service allows less"""


def shown(look: Look) -> Page:
    """Which there are."""
    return _page(look)


def made(look: Look) -> Page:
    """A new one; it is told this once."""
    form = look.request.form
    given: dict[str, Any] = {name: form.get(name, "").strip()[:255] or None for name in FIELDS}
    given["unit"] = _unit(look, given["unit"])
    given = {name: value for name, value in given.items() if value is not None}
    given["scopes"] = form.getlist("scopes")
    try:
        row, token = Tokens(look.engine, look.desk.token_days).issue(
            read(given), by=look.actor.person, named_once=True
        )
    except FormInvalid as error:
        return _page(look, wrong=error.reasons)
    return _page(look, told=(row, token))


def revoked(look: Look) -> Go:
    """From now on it is good for nothing."""
    Tokens(look.engine).revoke(look.path["token"], by=look.actor.person)
    return Go(look.address("service_tokens", revoked=look.path["token"]) + "#tokens")


def _unit(look: Look, text: str | None) -> str | None:
    """The one of that name, or as it was typed: who looks after the service writes ids, but reads names."""
    named = look.engine.parties.find(names=[text], limit=2) if text else []
    return named[0].id if len(named) == 1 else text


def _page(
    look: Look, wrong: Sequence[Reason] = (), told: tuple[Mapping[str, Any], str] | None = None
) -> Page:
    asked = look.request.args.get("page", "")
    number = int(asked) if re.fullmatch("[1-9][0-9]{0,5}", asked) else 1
    found, count = Tokens(look.engine).page(number, PAGE)
    look.names.learn({who for one in found for who in (one["created_by"], one["unit"]) if who})
    form, days = look.request.form, min(DAYS, look.desk.token_days)
    given = {name: form.get(name, "") if wrong else "" for name in FIELDS}
    day = today(look.engine)
    given["expires_on"] = given["expires_on"] or str(day + timedelta(days=days))
    return Page("tokens.html", {
        "rows": [(one, standing(look.engine, one)) for one in found], "states": STATES, "titles": TITLES, "wrong": wrong,
        "roles": _roles(look, {*(one["account"] for one in found), *([told[0]["account"]] if told else [])}), "told": told,
        "given": given, "chosen": form.getlist("scopes") if wrong else [], "scopes": {one: WORDS[one] for one in SCOPES},
        "bodies": {code: _joined(roles) for code, roles in bodies(look.engine).items()}, "nobodys": BY,
        "first": day, "last": day + timedelta(days=look.desk.token_days), "count": count,
        "further": number + 1 if count > number * PAGE else None, "revoked": look.request.args.get("revoked"),
    }, 422 if wrong else 200)  # fmt: skip


def _joined(texts: Iterable[Text]) -> Text:
    found = list(texts)
    return Text("、".join(one.zh for one in found), ", ".join(one.en for one in found))


def _roles(look: Look, accounts: set[str]) -> dict[str, list[tuple[Text, str]]]:
    """Account -> what it holds today: the role in words, and where; asked for at once."""
    known, day, found = (
        look.engine.library.roles.values,
        today(look.engine),
        dict[str, list[tuple[Text, str]]](),
    )
    for one in held(look.engine, persons=sorted(accounts)):
        grant = one.grant
        if grant.covers(grant.scope, day):
            title = known[grant.role].title if grant.role in known else Text(grant.role, grant.role)
            found.setdefault(grant.person, []).append(
                (title, " ".join(filter(None, (grant.scope, grant.unit))))
            )
    return found


TOKENS = (
    Screen(
        path="/service-tokens",
        name="service_tokens",
        view=shown,
        permission="operator",
        menu=Text("服务令牌", "Service tokens"),
    ),
    Screen(
        path="/service-tokens", name="service_token_made", view=made, permission="operator", methods=("POST",)
    ),
    Screen(
        path="/service-tokens/<token>/revoke",
        name="service_token_revoked",
        view=revoked,
        permission="operator",
        methods=("POST",),
    ),
)
