"""A term as one HTML page: figures beside the printed ones, plots with the numbers they are drawn from. No script, no request."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape

from workflow import Engine
from workflow.errors import Text

from ..charts import Limit, columns
from .measure import BIN, BINS, ROUNDS, STATUTORY, Measured

_STYLE = """
body{font-family:"Noto Sans CJK SC","Source Han Sans SC","Microsoft YaHei",sans-serif;line-height:1.6;color:#222;
max-width:60rem;margin:2rem auto;padding:0 1rem}
table{border-collapse:collapse;margin:.6rem 0;font-size:.92rem}
th,td{border:1px solid #bbb;padding:.25rem .6rem;text-align:left;vertical-align:top}
td.n{text-align:right;font-variant-numeric:tabular-nums}th{background:#f0f2f5}.en{color:#555;font-size:.9em}
code{font-size:.85em;word-break:break-all}svg{max-width:100%;height:auto}.no{font-weight:bold;color:#b00020}
@media print{body{margin:0;max-width:none}details{display:none}svg,table{break-inside:avoid}}
"""


def page(measured: Measured, engine: Engine) -> str:
    """The page, whole: Chinese first, English beside it."""
    scenario = measured.scenario
    title = escape(scenario.zh)
    return "\n".join(
        (
            f'<!doctype html><html lang="zh-CN"><head><meta charset="utf-8"><title>{title}</title>',
            f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head><body>',
            f'<h1>{title} <span class="en" lang="en">{escape(scenario.en)}</span></h1>',
            f"<p>{escape(scenario.source)}</p>",
            *_figures(measured),
            *_plots(measured, engine),
            *_moved(measured),
            *_assumed(measured),
            "<p>各案件历史链首的摘要 <span class='en' lang='en'>digest of all chain heads</span>:",
            f"<code>{measured.heads}</code></p>",
            "</body></html>",
        )
    )


def _heading(zh: str, en: str) -> str:
    return f'<h2>{escape(zh)} <span class="en" lang="en">{escape(en)}</span></h2>'


def _table(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    top = "".join(f'<th scope="col">{escape(head)}</th>' for head in heads)
    body = "".join("<tr>" + "".join(map(_cell, row)) + "</tr>" for row in rows)
    return f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"


def _cell(value: object) -> str:
    kind = ' class="n"' if isinstance(value, int) else ""
    return f"<td{kind}>{escape(str(value))}</td>"


def _figures(measured: Measured) -> Iterator[str]:
    yield _heading("印出的数字与系统中数出的数字", "figures as printed and as counted")
    rows = "".join(
        f'<tr><td>{escape(one.figure.zh)}<br><span class="en" lang="en">{escape(one.figure.en)}</span></td>'
        f'<td class="n">{one.figure.value}</td><td class="n">{one.counted}</td>'
        f"<td{'' if one.equal else ' class=no'}>{'＝ 相等' if one.equal else '≠ 不等'}</td>"
        f"<td>{escape(one.figure.source)}"
        f"<details><summary>查询 query</summary><code>{escape(one.query)}</code></details></td></tr>"
        for one in measured.figures
    )
    heads = "".join(
        f'<th scope="col">{head}</th>'
        for head in ("项目 figure", "印出 printed", "数出 counted", "", "来源 source")
    )
    yield f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"


def _plots(measured: Measured, engine: Engine) -> Iterator[str]:
    months = measured.months
    yield from _plot(
        Text("每月收到与办结", "opened and concluded by month"), months,
        {"收到 opened": measured.opened, "办结 concluded": measured.concluded},
    )  # fmt: skip
    bins = [f"{place * BIN}–{place * BIN + BIN - 1}" for place in range(BINS - 1)] + [f"≥{(BINS - 1) * BIN}"]
    limit = Limit(before=-(-STATUTORY // BIN), text="三个月 three months")
    yield from _plot(
        Text("从交办到答复的天数（首次交办的建议）", "days from assignment to reply"), bins,
        {"件 suggestions": measured.days_to_answer}, limit=limit,
    )  # fmt: skip
    states = engine.library.definition("evaluation").states
    rounds = {round_: levels for round_, levels in measured.rounds.items() if sum(levels.values())}
    names = [
        level
        for level in next(iter(measured.rounds.values()), {})
        if any(levels[level] for levels in rounds.values())
    ]
    yield from _plot(
        Text("各轮满意度（每位署名代表一份）", "satisfaction by round, one answer for each signer"),
        [f"第{round_}轮（{sum(levels.values())} 份）" for round_, levels in rounds.items()],
        {f"{states[name].title.zh} {states[name].title.en}": [levels[name] for levels in rounds.values()] for name in names},
        stacked=True,
    )  # fmt: skip
    yield from _receptions(measured, engine)


def _receptions(measured: Measured, engine: Engine) -> Iterator[str]:
    if not measured.receptions:
        return
    states = engine.library.definition("reception_day").states
    found = {state for month in measured.receptions.values() for state in month}
    names = [name for name in states if name in found]
    series = {
        f"{states[name].title.zh} {states[name].title.en}": [
            month.get(name, 0) for month in measured.receptions.values()
        ]
        for name in names
    }
    title = Text("每月接待日（按现在的状态）", "reception days by month and state")
    yield from _plot(title, list(measured.receptions), series, stacked=True)


def _plot(
    title: Text, labels: Sequence[str], series: Mapping[str, Sequence[int]], *, stacked: bool = False,
    limit: Limit | None = None,
) -> Iterator[str]:  # fmt: skip
    """A plot, and its numbers below."""
    yield _heading(title.zh, title.en)
    if not labels or not series:
        yield "<p>无 <span class='en' lang='en'>none</span></p>"
        return
    yield columns(title.zh, labels, series, stacked=stacked, limit=limit)
    rows = [(label, *row) for label, *row in zip(labels, *series.values(), strict=True)]
    yield f"<details><summary>数据 numbers</summary>{_table(['', *series], rows)}</details>"


def _moved(measured: Measured) -> Iterator[str]:
    yield _heading("2022至2026年不是工作日的15日", "15ths of 2022 to 2026 that are no working day")
    policy = measured.scenario.receptions.policy if measured.scenario.receptions else "-"
    yield (
        f"<p>60个15日中有 {len(measured.moved)} 个不是工作日。本情景的规则是 <code>{escape(policy)}</code>；"
        "<code>fixed</code> 照常在15日接待，<code>next_working_day</code> 顺延如下。</p>"
    )
    rows = [(str(nominal), str(working), (working - nominal).days) for nominal, working in measured.moved]
    yield _table(["15日 the 15th", "顺延至 next working day", "天 days"], rows)


def _assumed(measured: Measured) -> Iterator[str]:
    """Where the numbers come from; what no source prints is called assumed there."""
    scenario = measured.scenario
    yield _heading("数字的来源", "where the numbers come from")
    parts = [("人和单位 parties", scenario.parties.source)]
    parts += [(f"{session.name}会议 session", session.source) for session in scenario.sessions]
    parts += [("接待日 receptions", scenario.receptions.source)] if scenario.receptions else []
    parts += [("社情民意 opinions", scenario.opinions.source)] if scenario.opinions else []
    parts += [(f"活动 activity {one.kind}", one.source) for one in scenario.activities]
    yield _table(["", "来源 source"], parts)
    yield f"<p>共 {len(ROUNDS)} 轮征询；满意率请以份数计算，未反馈的不计入。</p>"
