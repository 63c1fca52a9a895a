"""What is to be seen to (系统体检): what of the service itself ends, lies open or cannot be read (tokens, second factors,
templates of documents), and what `workflow.checkup` finds of the engine. Whatever page counts it asks here, and so does
`tibandu doctor`, so that all of them say the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

from workflow import Engine
from workflow.checkup import BEHIND, Channels, checked
from workflow.errors import StoreError, Text
from workflow.health import Health, Trouble
from workflow.outbox import OPERATOR
from workflow.overview import today

from .factors import Factors
from .letters import Papers
from .routes import Desk
from .tokens import ending

__all__ = ["findings", "looked", "troubles"]

SOON = timedelta(days=14)
"""a token that ends by then is told of, and one that has ended, so long after"""


def findings(
    engine: Engine, papers: Papers | None = None, health: Health | None = None, channels: Channels | None = None,
    most: int | None = BEHIND,
) -> list[Trouble]:  # fmt: skip
    """Everything, the urgent first. `health`: where it was asked for already; `most` as for `checked`."""
    found = [*checked(engine, health=health, channels=channels, most=most), *troubles(engine, papers)]
    return sorted(found, key=lambda trouble: not trouble.urgent)


def looked(desk: Desk, health: Health | None = None) -> list[Trouble]:
    """The same for a page of that desk."""
    told = bool(desk.trials) and bool(desk.engine.alerts.contacts(OPERATOR))
    channels = Channels([one.name for one in desk.trials], told) if desk.trials else None
    return findings(desk.engine, desk.papers, health, channels)


def troubles(engine: Engine, papers: Papers | None = None) -> Iterator[Trouble]:
    """Templates that no letter can be made of; the tokens, the first to end first; second factors that lie open."""
    for fault in papers.faults() if papers is not None else ():
        text = Text(
            f"文书模板不可用：{fault.file}：{fault.text.zh}；换回可用的文件（tibandu letter --check 逐个检查）",
            f"a template cannot be used: {fault.file}: {fault.text.en}; put one back that can (tibandu letter --check)",
        )
        yield Trouble(code="template", text=text)
    yield from _tokens(engine)
    yield from _factors(engine)


def _factors(engine: Engine) -> Iterator[Trouble]:
    try:
        number = Factors(engine).unsealed()
    except StoreError:  # no tables of ours: a host's own accounts
        return
    if number:
        text = Text(
            f"{number} 个第二因素密钥未加密存放：设置 TIBANDU_KEYS（tibandu accounts key FILE），下次登录时加密",
            f"{number} second factor(s) stand in the database unsealed: set TIBANDU_KEYS (tibandu accounts key FILE);"
            " each is sealed at its next sign-in",
        )
        yield Trouble(code="unsealed", text=text, urgent=False)


def _tokens(engine: Engine) -> Iterator[Trouble]:
    day = today(engine)
    try:
        found = ending(engine, day - SOON, day + SOON)
    except StoreError:  # no tables of ours: a host's own accounts
        return
    for name, account, until in found:
        over = date.fromisoformat(until) < day
        zh = f"令牌“{name}”（{account}）" + (f"已于 {until} 到期" if over else f"将于 {until} 到期")
        en = f"the token {name!r} ({account}) " + (f"ended on {until}" if over else f"ends on {until}")
        yield Trouble(
            code="token_ended" if over else "token_ends", urgent=over,
            text=Text(f"{zh}：换发新的，或收回", f"{en}: issue another, or revoke it"),
        )  # fmt: skip
