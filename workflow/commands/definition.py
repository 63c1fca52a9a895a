"""`check`, `publish`, `graph`, `pages`: the definition files."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..errors import Text
from ..model import Actor
from .context import FAULTS, OK, Context, UsageError


def register(add: Any) -> None:
    """Declare the commands."""
    check = add(
        "check", run_check, "检查定义:列出每个文件的每处错误", "check definitions: every fault of every file"
    )
    check.add_argument("folder", nargs="?", metavar="DIR", help="文件夹 / folder (default: --definitions)")
    publish = add("publish", run_publish, "发布尚未发布的定义版本", "publish what is not published yet")
    publish.add_argument("--by", default="set-up", metavar="PERSON", help="发布人 / who publishes")
    graph = add("graph", run_graph, "以 Mermaid 文本画出一个定义", "draw a definition as Mermaid text")
    graph.add_argument("name", metavar="NAME", help="定义名 / name of the definition")
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
    console.say(f"{folder}:没有错误", f"{folder}: no faults")
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
    """Mermaid text on the output, to be pasted anywhere."""
    from ..graph import mermaid

    text = mermaid(context.library.definition(context.arguments.name), context.console.language)
    if context.console.as_json:
        context.console.value({"mermaid": text})
    else:
        context.console.out.write(text)
    return OK


def run_pages(context: Context) -> int:
    """A page per definition and their index, in a folder."""
    from ..pages import index, page

    folder = Path(context.arguments.folder)
    library = context.library
    texts = {
        f"{name}.md": page(library, name, context.arguments.place) for name in sorted(library.definitions)
    }
    texts["README.md"] = index(library)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            (folder / name).write_text(text, encoding="utf-8")
    except OSError as error:
        why = error.strerror or str(error)
        raise UsageError(Text(f"无法写入 {folder}：{why}", f"cannot write to {folder}: {why}")) from None
    context.console.say(f"{folder}：{len(texts)} 页", f"{folder}: {len(texts)} pages")
    return OK
