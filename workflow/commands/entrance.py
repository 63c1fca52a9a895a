"""How persons prove themselves to `serve`: accounts, tokens, a proxy that names them, an identity provider."""

from __future__ import annotations

import argparse
import ipaddress
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ..errors import Text
from ..vault import Vault
from .context import Context, UsageError, network
from .files import reading


def register(serve: Any) -> None:
    """Declare the flags."""
    serve.add_argument(
        "--tokens", type=Path, metavar="FILE", help="令牌文件 / bearer tokens: sha256 and person, a line each"
    )
    serve.add_argument(
        "--url",
        type=_url,
        help="浏览器所用地址（代理终止 TLS 时） / the address browsers use, when a proxy ends TLS",
    )
    serve.add_argument(
        "--proxy", action="append", default=[], type=_network, metavar="ADDRESS",
        help="可信代理的地址或网段 / a proxy (or network) whose X-Forwarded-* are believed; repeat",
    )  # fmt: skip
    serve.add_argument(
        "--person-header",
        metavar="NAME",
        help="可信代理以此头指明人员 / the header in which that proxy names the person",
    )
    serve.add_argument(
        "--oidc",
        type=Path,
        metavar="FILE",
        help="统一身份认证设置 / settings of an identity provider (OpenID Connect)",
    )

    serve.add_argument(
        "--metrics",
        type=Path,
        metavar="FILE",
        help="开启 /metrics，文件每行一个令牌的 SHA-256 / answer /metrics: the SHA-256 of a token on each line",
    )


def check(context: Context) -> None:
    """Raises UsageError for flags that do not go together."""
    a = context.arguments
    if a.person_header and not a.proxy:
        raise UsageError(
            Text(
                "--person-header 须与 --proxy 同用",
                "--person-header needs --proxy: whose header is to be believed",
            )
        )
    if a.oidc and not a.url:
        raise UsageError(
            Text("--oidc 须与 --url 同用", "--oidc needs --url: where the provider sends browsers back to")
        )
    Vault.here()
    if not (a.tokens or a.person_header or a.oidc or is_loopback(a.host)):
        raise UsageError(
            Text(
                f"没有 --tokens、--person-header 或 --oidc 时只能监听本机，不能监听 {a.host}",
                f"without --tokens, --person-header or --oidc only this machine may be served, not {a.host}",
            )
        )


def identify(context: Context, api: Any) -> Any:
    """Who asks, in the order in which it is looked for: session, service token, proxy, file of tokens."""
    a, engine = context.arguments, context.engine
    found = _tokens(context, api)
    if a.person_header:
        found = context.sibling("api.proxy").ProxyPerson(a.person_header, found, url=a.url)
    return api.Sessions(engine, api.StoredTokens(engine, found), url=a.url, first=api.First(engine))


def furnish(context: Context, app: Any, sessions: Any) -> None:
    """What stands around the application: the proxy in front, the provider beside. Raises UsageError."""
    a = context.arguments
    if a.oidc:
        oidc = context.sibling("api.oidc")
        try:
            provider = oidc.Oidc(context.engine, oidc.Settings.read(a.oidc), sessions)
        except (OSError, ValueError) as error:
            raise UsageError(Text(f"--oidc：{error}", f"--oidc: {error}")) from None
        app.register_blueprint(provider.blueprint())
    if a.metrics:
        app.register_blueprint(context.sibling("api.metrics").metrics(context.engine, _hashes(a.metrics)))
    if a.proxy:
        app.wsgi_app = context.sibling("api.proxy").Proxy(app.wsgi_app, a.proxy)


def greet(context: Context, first: Any) -> None:
    """Tell the one-time token of the first administrator, where nobody could come in otherwise."""
    a = context.arguments
    token = None if (a.tokens or a.oidc or a.person_header) else first.token()
    if token is not None:
        context.console.warn(
            Text(
                f"还没有账号。请打开 /first，用一次性口令 {token} 建立第一个管理员",
                f"there is no account yet; open /first and make the first administrator with the one-time token {token}",
            )
        )


def _tokens(context: Context, api: Any) -> Any:
    path = context.arguments.tokens
    if path is None:
        return api.nobody
    try:
        with reading(path):
            return api.Tokens.read(path)
    except ValueError as error:
        raise UsageError(Text(f"令牌文件有误：{error}", f"the token file is wrong: {error}")) from None


def _hashes(path: Path) -> list[str]:
    """Raises UsageError for a file that has none, or something else."""
    with reading(path):
        found = [line.split()[0] for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    if not found or not all(re.fullmatch("[0-9a-f]{64}", one) for one in found):
        raise UsageError(
            Text(
                f"{path}：每行须为一个 SHA-256（64 位十六进制）",
                f"{path}: a SHA-256 (64 hex digits) on each line",
            )
        )
    return found


def _url(text: str) -> str:
    found = urlsplit(text)
    if found.scheme not in ("http", "https") or not found.netloc or found.path.strip("/"):
        raise argparse.ArgumentTypeError(f"https://HOST: {text}")
    return text.rstrip("/")


def _network(text: str) -> str:
    network(text)
    return text


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach it."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
