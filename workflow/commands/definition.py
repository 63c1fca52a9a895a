"""`check`, `publish`, `graph`, `pages`: the definition files."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..errors import Text
from ..model import Actor
from .context import FAULTS, OK, Context, UsageError
from .files import writing


def register(add: Any) -> None:
    """Declare the commands."""
    check = add(
        "check", run_check, "检查定义：列出每个文件的每处错误", "check definitions: every fault of every file"
    )
    check.add_argument("folder", nargs="?", metavar="DIR", help="文件夹 / folder (default: --definitions)")
    publish = add("publish", run_publish, "发布尚未发布的定义版本", "publish what is not published yet")
    publish.add_argument("--by", default="set-up", metavar="PERSON", help="发布人 / who publishes")
    graph = add(
        "graph", run_graph, "画出一个定义：Mermaid 文本或 SVG 图", "draw a definition as Mermaid text or SVG"
    )
    graph.add_argument("name", metavar="NAME", help="定义名 / name of the definition")
    graph.add_argument("--svg", action="store_true", help="SVG 图 / as an SVG picture")
    graph.add_argument(
        "--case", metavar="CASE", help="画出此案的路径 / with the way of that case (with --svg)"
    )
    pages = add("pages", run_pages, "为每个定义写一页说明", "write one page per definition")
    pages.add_argument("folder", metavar="DIR", help="文件夹 / folder")


def run_check(context: Context) -> int:
    """Every fault of every file, each file:line:column."""
    from ..loader import check

    folder = _folder(context)
    faults = check(folder, place=context.arguments.place)
    console = context.console
    if console.as_json:
        console.value([asdict(fault) for fault in faults])
    for fault in () if console.as_json else faults:
        console.line(f"{fault.file}:{fault.line}:{fault.column}: {console.words(fault.text)}")
    if faults:
        console.warn(Text(f"{len(faults)} 处错误", f"{len(faults)} fault(s)"))
        return FAULTS
    console.say(f"{folder}：没有错误", f"{folder}: no faults")
    return OK


def _folder(context: Context) -> Path:
    folder = Path(context.arguments.folder) if context.arguments.folder else context.folder
    if not folder.exists():
        raise UsageError(Text(f"没有文件夹 {folder}", f"there is no folder {folder}"))
    return folder


def run_publish(context: Context) -> int:
    """Publish; from then on the content of these versions is fixed."""
    published = context.engine.publish(Actor(person=context.arguments.by))
    tell_published(context, published)
    return OK


def tell_published(context: Context, published: list[Any]) -> None:
    """Which versions were published just now."""
    heads = {
        "name": Text("定义", "definition"),
        "version": Text("版本", "version"),
        "hash": Text("内容哈希", "content hash"),
    }
    if not published:
        context.console.say("没有新的版本需要发布", "nothing new to publish")
    if published or context.console.as_json:
        context.console.table(
            heads, [{"name": d.name, "version": d.version, "hash": d.hash} for d in published]
        )


def run_graph(context: Context) -> int:
    """The drawing on the output: Mermaid text to be pasted anywhere, or a picture to be opened and printed."""
    name, text = ("svg", _picture(context)) if context.arguments.svg else ("mermaid", _mermaid(context))
    if context.console.as_json:
        context.console.value({name: text})
    else:
        context.console.out.write(text)
    return OK


def _mermaid(context: Context) -> str:
    from ..graph import mermaid

    if context.arguments.case:
        raise UsageError(Text("--case 须与 --svg 同用", "--case is for --svg"))
    return mermaid(context.library.definition(context.arguments.name), context.console.language)


def _picture(context: Context) -> str:
    from ..diagram import drawn, trail

    name, id_, language = context.arguments.name, context.arguments.case, context.console.language
    if id_ is None:
        return drawn(context.library.definition(name), language)
    engine = context.engine
    case = engine.case(id_)
    if case.kind != name:
        raise UsageError(Text(f"此案是 {case.kind}，不是 {name}", f"that case is a {case.kind}, no {name}"))
    way = trail(engine.history(id_), case.state)
    return drawn(engine.laws.pinned(case.definition).definition, language, way)


def run_pages(context: Context) -> int:
    """A page and a picture per definition and their index, in a folder."""
    from ..pages import written

    folder = Path(context.arguments.folder)
    texts = written(context.library, context.arguments.place)
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            (folder / name).write_text(text, encoding="utf-8")
    context.console.say(f"{folder}：{len(texts)} 个文件", f"{folder}: {len(texts)} files")
    return OK
