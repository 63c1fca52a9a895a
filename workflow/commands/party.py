"""`party`: the register, entry by entry. Many at once come and go by `import` and `export`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from ..errors import Text, no_such
from ..model import Actor, Party
from .context import OK, Context, UsageError, whole

OPERATOR = "set-up"
LIMIT = 100
HEADS = {
    "id": Text("编号", "id"),
    "kind": Text("类别", "kind"),
    "name": Text("名称", "name"),
    "status": Text("状态", "status"),
    "tenant": Text("所属机构", "tenant"),
    "parent": Text("上级", "parent"),
}
LOG_HEADS = {
    "recorded_at": Text("时间", "when"),
    "actor": Text("谁", "who"),
    "what": Text("做了什么", "what"),
    "reason": Text("理由", "why"),
    "changes": Text("变更", "changes"),
}
BOND_HEADS = {
    "bond": Text("关系", "bond"),
    "to": Text("对方", "to"),
    "valid_from": Text("自", "from"),
    "valid_until": Text("至", "until"),
}


def register(add: Any) -> None:
    """Declare the commands."""
    party = add("party", None, "主体登记", "the register of parties")
    inner = party.add_subparsers(dest="party", required=True, metavar="WHAT")
    listed = add("list", run_list, "列出", "entries by id", inner)
    for name, zh, en in (
        ("kind", "类别", "of that kind"), ("tenant", "所属机构", "of this tenant and below"),
        ("status", "状态", "in that status"), ("parent", "上级", "within that one"), ("after", "从此编号之后", "after that id"),
    ):  # fmt: skip
        listed.add_argument(f"--{name}", metavar=name.upper(), help=f"{zh} / {en}")
    listed.add_argument(
        "--limit", type=whole(1), default=LIMIT, metavar="N", help=f"最多 / at most (default {LIMIT})"
    )
    show = add("show", run_show, "一项登记", "one entry, with its bonds", inner)
    log = add("log", run_log, "变更记录", "who changed what, when and why", inner)
    status = add("status", run_status, "改变状态", "change a status; the roles follow", inner)
    erase = add("erase", run_erase, "删除个人信息", "take personal values out for good", inner)
    for parser in (show, log, status, erase):
        parser.add_argument("id", metavar="ID", help="编号 / id")
    status.add_argument("status", metavar="STATUS", help="新状态 / the new status (suspended …)")
    erase.add_argument("names", nargs="+", metavar="NAME", help="属性 / attributes (phone …)")
    for parser in (status, erase):
        parser.add_argument("--reason", required=True, metavar="TEXT", help="理由 / why")
        parser.add_argument("--by", metavar="PERSON", help="经办人 / who does it (default: the operator)")
    for parser in (listed, show, log):
        parser.add_argument(
            "--by", metavar="PERSON", help="只含此人可见的 / only what that person may know of"
        )


def run_list(context: Context) -> int:
    """A page of entries; `--after` the last id goes on."""
    a = context.arguments
    if a.kind is not None:
        context.engine.library.party(a.kind)
    found = context.engine.parties.find(
        actor=_asks(a.by),
        kind=a.kind,
        tenant=a.tenant,
        status=a.status,
        parent=a.parent,
        after=a.after,
        limit=max(1, a.limit),
    )
    if not found:
        context.console.say("没有登记", "there are none")
    if found or context.console.as_json:
        context.console.table(HEADS, [_plain(party) for party in found])
    return OK


def run_show(context: Context) -> int:
    """What stands in the register of one party; nothing personal."""
    console = context.console
    party = context.engine.parties.get(context.arguments.id, actor=_asks(context.arguments.by))
    if console.as_json:
        console.value({**_plain(party), "bonds": [asdict(bond) for bond in party.bonds or ()]})
        return OK
    for name, value in _plain(party).items():
        if value not in (None, "", {}):
            console.line(f"{console.words(HEADS.get(name, Text(name, name)))}: {value}")
    if party.bonds:
        console.table(BOND_HEADS, [asdict(bond) for bond in party.bonds])
    return OK


def run_log(context: Context) -> int:
    """The whole log of one party."""
    parties, actor, after = context.engine.parties, _asks(context.arguments.by), 0
    lines: list[dict[str, Any]] = []
    while page := parties.log(context.arguments.id, actor=actor, after=after):
        lines += [asdict(line) for line in page]
        after += len(page)
    context.console.table(LOG_HEADS, lines)
    return OK


def run_status(context: Context) -> int:
    """Raises Refused with every reason."""
    a = context.arguments
    party = _changing(context).change(
        a.id, by=_acts(a.by), trusted=a.by is None, status=a.status, reason=a.reason
    )
    context.console.say(f"{party.name}:{party.status}", f"{party.name}: {party.status}")
    context.console.value(_plain(party))
    return OK


def run_erase(context: Context) -> int:
    """What is gone is in no later backup; the log says that it went, and why."""
    a, parties = context.arguments, _changing(context)
    known = sorted(context.engine.library.party(parties.get(a.id).kind).personal)
    for name in a.names:
        if name not in known:
            raise UsageError(no_such(Text("个人信息", "personal value"), name, known))
    count = parties.erase(a.id, a.names, by=_acts(a.by), reason=a.reason)
    context.console.say(f"已删除 {count} 个值", f"{count} value(s) erased")
    context.console.value({"erased": count})
    return OK


def _changing(context: Context) -> Any:
    """The register; raises NotFound before anything is asked of an entry that is not there."""
    parties = context.engine.parties
    parties.get(context.arguments.id)
    return parties


def _asks(person: str | None) -> Actor | None:
    return Actor(person=person) if person else None


def _acts(person: str | None) -> Actor:
    return Actor(person=person or OPERATOR)


def _plain(party: Party) -> dict[str, Any]:
    found = asdict(party)
    del found["personal"], found["bonds"]
    return found
