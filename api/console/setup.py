"""A new city, step by step: what is there, what is to be done next, and "later" for each. Only where accounts are ours, which is
where `tibandu serve` began with its first administrator; a host that embeds the console is not bothered.
"""

from __future__ import annotations

from typing import Any

from workflow.errors import Conflict, FormInvalid, NotFound, NotPermitted, Text

from ..setup import CONGRESS, LOOKED_OVER, Setup
from .screens import Go, Look, Page, Screen, sessions

MENU = Text("开通", "Set up")
WORDS = {
    "clerk": Text("第一位经办人（账号）", "first clerk (account)"), "begin": Text("建立", "Make it"),
    "units": Text("由经办人登录后，在“导入”中导入。", "The clerk signs in and takes them in by “Import”."),
    "stations": Text("由经办人在“导入”中导入；二维码海报：", "The clerk takes them in by “Import”; posters with their codes:"),
}  # fmt: skip
"""where no file says it in the words of its domain (`setup: words`)"""
FIELDS = ("tenant", "name", "level", "clerk")

WHAT = {
    "smtp": Text("邮件", "mail"), "sms": Text("短信", "SMS"), "wecom": Text("企业微信群机器人", "WeCom group bot"),
    "dingtalk": Text("钉钉群机器人", "DingTalk group bot"), "feishu": Text("飞书群机器人", "Feishu group bot"),
    "webhook": Text("回调（其他系统）", "webhook (another system)"),
}  # fmt: skip
"""kind of a channel -> what it is"""


def shown(look: Look) -> Page:
    """Where it stands."""
    return _page(look, {}, None)


def posted(look: Look) -> Page | Go:
    """The congress begins, or a step is put off, taken up again, or called done."""
    form = look.request.form
    step, act = form.get("step", ""), form.get("act", "")
    setup, by = _setup(look), look.actor.person
    if step not in {one.name for one in setup.steps()}:
        raise NotFound(Text("没有这一步", "there is no such step"))
    if act == "begin" and step == CONGRESS:
        return _begun(look, setup)
    if act == "done" and step in LOOKED_OVER:
        setup.note(step, "done", by)
    elif act == "try" and step == "channels":
        return _tried(look)
    elif act in {"later", "open"}:
        setup.note(step, "later" if act == "later" else "open", by)
    return Go(look.address("setup") + f"#{step}")


def _begun(look: Look, setup: Setup) -> Page | Go:
    given = {name: look.request.form.get(name, "").strip()[:80] for name in FIELDS}
    try:
        password = setup.begin(**given, by=look.actor.person)
    except (FormInvalid, Conflict, NotPermitted) as error:
        return _page(look, given, error.text, status=422)
    return (
        _page(look, {"clerk": given["clerk"], "password": password}, None)
        if password
        else Go(look.address("setup"))
    )


def _tried(look: Look) -> Page:
    """A test message, and what the other side said."""
    name, address = look.request.form.get("channel", ""), look.request.form.get("address", "").strip()[:200]
    trial = next((one for one in look.desk.trials if one.name == name), None)
    if trial is None:
        raise NotFound(Text("没有这个渠道", "there is no such channel"))
    return _page(look, {"channel": name, "address": address, "receipt": trial.send(address)}, None)


def _page(look: Look, given: dict[str, Any], error: Text | None, *, status: int = 200) -> Page:
    setup = _setup(look)
    steps = setup.steps()
    library = look.engine.library
    told, roles = library.console.setup, library.roles.values
    levels = library.codes[told.levels].values if told is not None and told.levels else {}
    return Page("setup.html", {
        "steps": steps, "next": next((one.name for one in steps if one.standing == "open"), None),
        "given": {**dict.fromkeys((*FIELDS, "password", "channel", "address", "receipt"), ""), **given},
        "granted": {name: role.title for name, role in roles.items() if library.oversees(name)},
        "error": error, "levels": {name: value.title for name, value in levels.items()}, "looked_over": LOOKED_OVER,
        "settled": sum(one.standing != "open" for one in steps), "troubles": setup.findings,
        "words": {**WORDS, **(told.words if told is not None else {})},
        "book": look.engine.laws.book, "trials": look.desk.trials, "what": WHAT,
    }, status)  # fmt: skip


def _setup(look: Look) -> Setup:
    if not offered(look):
        raise NotFound(Text("没有这个页面", "there is no such page"))
    return Setup(look.engine, look.desk)


def offered(look: Look) -> bool:
    """Whether accounts are ours, so that there was a first start."""
    return sessions(look.desk).first is not None


SETUP = (
    Screen(path="/setup", name="setup", view=shown, permission="operator", menu=MENU, own=True),
    Screen(path="/setup", name="setup_posted", view=posted, permission="operator", methods=("POST",)),
)
