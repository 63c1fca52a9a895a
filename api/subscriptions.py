"""Webhooks: another system is told of every event in the cases its account may know of. Made here, sent by the scheduler.

A service account makes its own; an operator makes them for any account and looks after all. The secret that signs what is sent is
told once. Where nothing may be sent (a private network, plain http) is refused here already, and asked again at every sending.
"""

from __future__ import annotations

import ipaddress
from typing import Any
from urllib.parse import urlsplit

from marshmallow import Schema, fields, validate

from workflow.errors import NotFound, NotPermitted, Reason, Text
from workflow.outside import Forbidden, check_url, permitted
from workflow.subscriptions import Subscription, Subscriptions

from .problems import Problem, pointer
from .routes import Ask, Out, Reply, Route
from .schemas import NAME, PARTY, Instant, Strict, Whole

MOST = 20
"""of one account"""
SERVICE = "svc."
PRIVATE = {"Cache-Control": "no-store"}
ONLY_SERVICES = Reason(
    code="service_account",
    text=Text("只有服务账号或本服务的管理员可以订阅", "only a service account or an operator may subscribe"),
)


class SubscriptionIn(Strict):
    """Where what is told."""

    url = fields.Str(required=True, validate=validate.Length(1, 500), metadata={"description": "https://…"})
    account = fields.Str(
        validate=PARTY,
        metadata={"description": "whose sight is used: one's own; an operator names another's"},
    )
    kinds = fields.List(
        fields.Str(validate=NAME), load_default=list, validate=validate.Length(max=20),
        metadata={"description": "kinds of cases; all where there are none"},
    )  # fmt: skip
    events = fields.List(
        fields.Str(validate=NAME), load_default=list, validate=validate.Length(max=20),
        metadata={"description": "events; all where there are none"},
    )  # fmt: skip
    after = Whole(
        validate=validate.Range(0, 2**53),
        metadata={"description": "a position of the feed to begin after, 0 for everything; from now on where it is left out"},
    )  # fmt: skip


class SubscriptionOut(Schema):
    """A subscription and how it stands; its secret is not told again."""

    id = fields.Str(required=True)
    account = fields.Str(required=True)
    url = fields.Str(required=True)
    kinds = fields.List(fields.Str(), required=True)
    events = fields.List(fields.Str(), required=True)
    position = fields.Int(
        required=True, metadata={"description": "of the feed: what came before has become messages"}
    )
    created_by = fields.Str(required=True)
    created_at = Instant(required=True)
    paused_at = Instant(required=True, allow_none=True)
    waiting = fields.Int(required=True, metadata={"description": "messages that have not arrived yet"})
    dead = fields.Int(required=True, metadata={"description": "messages that were given up"})
    sent = fields.Int(required=True)
    last_error = fields.Str(
        required=True, allow_none=True, metadata={"description": "of a message that has not got through yet"}
    )
    failed_at = Instant(required=True, allow_none=True)


class SubscribedOut(SubscriptionOut):
    """Its secret, told this once."""

    secret = fields.Str(required=True, metadata={"description": "`whsec_…`, as Standard Webhooks writes it"})


class SubscriptionsOut(Schema):
    """One's own; for an operator all."""

    subscriptions = fields.List(fields.Nested(SubscriptionOut), required=True)


def subscribe(ask: Ask) -> Reply:
    """A new one."""
    body, subscriptions = ask.body, Subscriptions(ask.engine)
    account = body.get("account", ask.actor.person)
    operator = ask.actor.person in ask.desk.operators
    if not operator and (account != ask.actor.person or not account.startswith(SERVICE)):
        raise NotPermitted([ONLY_SERVICES])
    _check(ask, body["url"])
    more = {name: body[name] for name in ("kinds", "events", "after") if name in body}
    found, secret = subscriptions.add(
        account, body["url"], by=ask.actor.person, token=ask.token, most=MOST, **more
    )
    return Reply({**_shown(found), "secret": secret}, 201, PRIVATE)


def _check(ask: Ask, url: str) -> None:
    """Raises Problem 422 for an address nothing would be sent to. A name is looked up when something is sent."""
    try:
        check_url(url, ask.desk.allow)
        _check_literal(ask, urlsplit(url).hostname or "")
    except ValueError as error:  # Forbidden, or a URL that cannot be read
        why = error.text if isinstance(error, Forbidden) else Text("网址无法读取", "the URL cannot be read")
        text = Text(f"不能向此地址发送：{why.zh}", f"nothing is sent to that address: {why.en}")
        fault = {"code": "form.invalid", "texts": {"zh": text.zh, "en": text.en}, "pointer": pointer("url")}
        raise Problem("form_invalid", text, errors=[fault]) from None


def _check_literal(ask: Ask, host: str) -> None:
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return
    if not permitted(address, ask.desk.allow):
        raise Forbidden("不是公网地址", "not a public address")


def listed(ask: Ask) -> Reply:
    """How each stands."""
    operator = ask.actor.person in ask.desk.operators
    found = Subscriptions(ask.engine).listed(None if operator else ask.actor.person)
    return Reply({"subscriptions": [_shown(one) for one in found]})


def look(ask: Ask) -> Reply:
    """How one stands."""
    return Reply(_shown(_mine(ask)))


def pause(ask: Ask) -> Reply:
    """Nothing is sent; what happens meanwhile is sent afterwards."""
    return Reply(_shown(Subscriptions(ask.engine).pause(_mine(ask).id)))


def resume(ask: Ask) -> Reply:
    """Goes on where it was."""
    return Reply(_shown(Subscriptions(ask.engine).resume(_mine(ask).id)))


def renew(ask: Ask) -> Reply:
    """Another secret; the old one signs nothing any more."""
    found = _mine(ask)
    secret = Subscriptions(ask.engine).renew(found.id)
    return Reply({**_shown(found), "secret": secret}, headers=PRIVATE)


def test(ask: Ask) -> Reply:
    """A message that says nothing, on the same way as all others."""
    Subscriptions(ask.engine).test(_mine(ask).id)
    return Reply(_shown(_mine(ask)), 202)


def remove(ask: Ask) -> Reply:
    """It is forgotten, with what still waits for it."""
    Subscriptions(ask.engine).remove(_mine(ask).id)
    return Reply(None, 204)


def _mine(ask: Ask) -> Subscription:
    """The subscription, for its account and for an operator; for others there is none. Raises NotFound."""
    found = Subscriptions(ask.engine).get(ask.path["subscription"])
    if found.account != ask.actor.person and ask.actor.person not in ask.desk.operators:
        raise NotFound(Text("没有这个订阅", "there is no such subscription"))
    return found


def _shown(found: Subscription) -> dict[str, Any]:
    return {name: getattr(found, name) for name in SubscriptionOut().fields}


HERE = "/v1/subscriptions/<subscription>"
SUBSCRIPTIONS = (
    Route(
        method="POST", path="/v1/subscriptions", name="subscribe", view=subscribe, permission="person", audit="store",
        tag="events", scope="events:subscribe",
        text=Text("订阅事件（webhook），密钥仅显示一次", "subscribe; the secret is told once"),
        body=SubscriptionIn, out={201: Out(SubscribedOut, Text("订阅及其密钥", "the subscription and its secret"))},
        problems=("conflict", "not_permitted", "form_invalid"),
    ),
    Route(
        method="GET", path="/v1/subscriptions", name="subscriptions", view=listed, permission="person", audit="none",
        tag="events", scope="events:subscribe", text=Text("各订阅的情况", "the subscriptions and how they stand"),
        out={200: Out(SubscriptionsOut, Text("不含密钥", "without their secrets"))},
    ),
    Route(
        method="GET", path=HERE, name="subscription", view=look, permission="person", audit="none", tag="events",
        scope="events:subscribe", text=Text("一个订阅的情况", "how one stands"),
        out={200: Out(SubscriptionOut, Text("待送、已送、最近的错误", "what waits, what was sent, the last error"))},
        problems=("not_found",),
    ),
    Route(
        method="POST", path=f"{HERE}/pause", name="subscription_pause", view=pause, permission="person", audit="store",
        tag="events", scope="events:subscribe", text=Text("暂停", "pause it"),
        out={200: Out(SubscriptionOut, Text("已暂停", "it is paused"))}, problems=("not_found",),
    ),
    Route(
        method="POST", path=f"{HERE}/resume", name="subscription_resume", view=resume, permission="person", audit="store",
        tag="events", scope="events:subscribe", text=Text("恢复，补送暂停期间的事件", "go on, with what happened meanwhile"),
        out={200: Out(SubscriptionOut, Text("已恢复", "it goes on"))}, problems=("not_found",),
    ),
    Route(
        method="POST", path=f"{HERE}/secret", name="subscription_secret", view=renew, permission="person", audit="store",
        tag="events", scope="events:subscribe", text=Text("换密钥", "another secret"),
        out={200: Out(SubscribedOut, Text("新密钥", "the new secret"))}, problems=("not_found",),
    ),
    Route(
        method="POST", path=f"{HERE}/test", name="subscription_test", view=test, permission="person", audit="store",
        tag="events", scope="events:subscribe", text=Text("发一条测试消息", "send a test message"),
        out={202: Out(SubscriptionOut, Text("已排队", "it is in the queue"))}, problems=("not_found",),
    ),
    Route(
        method="DELETE", path=HERE, name="unsubscribe", view=remove, permission="person", audit="store", tag="events",
        scope="events:subscribe", text=Text("取消订阅", "unsubscribe"), out={204: Out(None, Text("已取消", "it is gone"))},
        problems=("not_found",),
    ),
)  # fmt: skip
