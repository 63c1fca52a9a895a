"""What is to be seen to (系统体检): what of the service itself ends or cannot be read (tokens, templates of documents), and what
`Engine.health` tells of the engine. Whatever page counts it asks here, so that all of them say the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

from workflow import Engine
from workflow.errors import StoreError, Text
from workflow.health import Health, Trouble
from workflow.health import troubles as of_engine
from workflow.overview import today

from .letters import Papers
from .tokens import ending

__all__ = ["findings", "troubles"]

SOON = timedelta(days=14)
"""a token that ends by then is told of, and one that has ended, so long after"""


def findings(engine: Engine, papers: Papers | None = None, health: Health | None = None) -> list[Trouble]:
    """Everything, the urgent first. `health`: where it was asked for already."""
    found = [*of_engine(health or engine.health()), *troubles(engine, papers)]
    return sorted(found, key=lambda trouble: not trouble.urgent)


def troubles(engine: Engine, papers: Papers | None = None) -> Iterator[Trouble]:
    """The templates an office's letters cannot be made of; then the tokens, the first to end first."""
    for fault in papers.faults() if papers is not None else ():
        text = Text(
            f"文书模板不可用：{fault.file}：{fault.text.zh}；换回可用的文件（tibandu letter --check 逐个检查）",
            f"a template cannot be used: {fault.file}: {fault.text.en}; put one back that can (tibandu letter --check)",
        )
        yield Trouble(code="template", text=text)
    yield from _tokens(engine)


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
