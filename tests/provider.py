"""An identity provider that speaks OpenID Connect on a loopback port, strictly; told by the request how to misbehave.

    python -m tests.provider        prints its address, serves until its input ends

`/authorize` signs in whom `user` names without asking. `fault` spoils the answer in one way.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

CLIENT, SECRET = "tibandu", "the client's own secret"
RETURN = "http://localhost/sign-in/oidc/return"
KEY = RSAKey.generate_key(2048, {"kid": "one", "use": "sig", "alg": "RS256"})
STRANGE = RSAKey.generate_key(2048, {"kid": "one", "use": "sig", "alg": "RS256"})
CODES: dict[str, dict[str, str]] = {}
USERS: dict[str, dict[str, Any]] = {
    "li": {
        "sub": "s-1",
        "preferred_username": "li.wei",
        "groups": ["rd-office", "unknown"],
        "acr": "gold",
        "amr": ["pwd", "otp"],
    },
    "wang": {"sub": "s-2", "preferred_username": "wang.fang", "groups": ["housing-clerks"]},
    "impostor": {"sub": "s-9", "preferred_username": "li.wei", "groups": ["rd-office"]},
    "renamed": {"sub": "s-1", "preferred_username": "li.wei2", "groups": []},
    "moved": {"sub": "s-2", "preferred_username": "wang.fang", "groups": []},
    "nameless": {"sub": "s-3", "groups": []},
    "service": {"sub": "s-4", "preferred_username": "svc.oa", "groups": []},
    "system": {"sub": "s-5", "preferred_username": "system", "groups": []},
    "mapped": {"sub": "s-6", "preferred_username": "whoever", "groups": []},
    "odd": {"sub": "s-7", "preferred_username": "odd.one", "groups": "rd-office"},
}


def encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def by_hand(header: dict[str, Any], claims: dict[str, Any], key: bytes | None = None) -> str:
    """A token that no library would make."""
    text = f"{encoded(json.dumps(header).encode())}.{encoded(json.dumps(claims).encode())}"
    return f"{text}.{encoded(hmac.digest(key, text.encode(), 'sha256')) if key else ''}"


class Handler(BaseHTTPRequestHandler):
    """The four addresses."""

    def log_message(self, *_: Any) -> None:
        pass

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def do_GET(self) -> None:
        asked = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(asked.query).items()}
        if asked.path == "/.well-known/openid-configuration":
            self._json(200, {"issuer": self.issuer, "authorization_endpoint": f"{self.issuer}/authorize",
                             "token_endpoint": f"{self.issuer}/token", "end_session_endpoint": f"{self.issuer}/logout?all=1",
                             "jwks_uri": f"{self.issuer}/keys"})  # fmt: skip
        elif asked.path == "/keys":
            self._json(200, KeySet([KEY]).as_dict(private=False))
        elif asked.path == "/logout_token":
            self._json(200, {"logout_token": self._logout(query)})
        elif asked.path == "/authorize":
            self._authorize(query)
        else:
            self._json(404, {})

    def _authorize(self, query: dict[str, str]) -> None:
        wanted = {
            "client_id": CLIENT,
            "redirect_uri": RETURN,
            "response_type": "code",
            "code_challenge_method": "S256",
        }
        wrong = [name for name, value in wanted.items() if query.get(name) != value]
        if (
            wrong
            or "openid" not in query.get("scope", "").split()
            or not query.get("nonce")
            or not query.get("state")
        ):
            self._json(400, {"wrong": wrong})
            return
        code = secrets.token_urlsafe(16)
        CODES[code] = query
        answer = {"code": code, "state": query["state"], "iss": self.issuer}
        if query.get("fault") == "denied":
            answer = {"error": "access_denied", "state": query["state"]}
        if query.get("fault") == "mixed_up":
            answer["iss"] = "https://another.example"
        self.send_response(302)
        self.send_header("Location", f"{RETURN}?{urlencode(answer)}")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        form = {name: values[0] for name, values in parse_qs(body).items()}
        begun = CODES.pop(form.get("code", ""), None)
        if not self._is_client() or begun is None:
            self._json(401, {"error": "invalid_client"})
            return
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = encoded(digest)
        if challenge != begun["code_challenge"] or form.get("redirect_uri") != RETURN:
            self._json(400, {"error": "invalid_grant"})
            return
        if begun.get("fault") == "no_token":
            self._json(200, {"access_token": "a", "token_type": "Bearer"})
            return
        self._json(200, {"access_token": "a", "token_type": "Bearer", "id_token": self._signed(begun)})

    def _is_client(self) -> bool:
        scheme, _, given = self.headers.get("Authorization", "").partition(" ")
        return scheme == "Basic" and base64.b64decode(given).decode() == f"{CLIENT}:{SECRET}"

    def _signed(self, begun: dict[str, str]) -> str:
        now, fault = int(time.time()), begun.get("fault")
        claims = {
            "iss": self.issuer,
            "aud": CLIENT,
            "iat": now,
            "exp": now + 300,
            "nonce": begun["nonce"],
            **USERS[begun["user"]],
        }
        claims |= {
            "issuer": {"iss": "https://another.example"}, "audience": {"aud": "somebody-else"}, "nonce": {"nonce": "0" * 64},
            "expired": {"iat": now - 900, "exp": now - 600}, "future": {"nbf": now + 900},
            "for_others": {"aud": [CLIENT, "somebody-else"]}, "azp": {"azp": "somebody-else"}, "at_hash": {"at_hash": "x" * 22},
        }.get(fault or "", {})  # fmt: skip
        if fault == "no_nonce":
            del claims["nonce"]
        if fault in ("no_expiry", "no_subject"):
            del claims["exp" if fault == "no_expiry" else "sub"]
        if fault == "unsigned":
            return by_hand({"alg": "none"}, claims)
        if fault == "symmetric":  # the public key, used as if it were a shared secret
            return by_hand({"alg": "HS256"}, claims, KEY.as_pem(private=False))
        return jwt.encode({"alg": "RS256", "kid": "one"}, claims, STRANGE if fault == "key" else KEY)

    def _logout(self, query: dict[str, str]) -> str:
        """What a provider sends when somebody has signed out there."""
        now, fault = int(query["at"]), query.get("fault", "")
        event = {"http://schemas.openid.net/event/backchannel-logout": {}}
        claims: dict[str, Any] = {
            "iss": self.issuer, "aud": CLIENT, "iat": now, "exp": now + 120, "jti": "j", "sub": query["sub"], "events": event,
        }  # fmt: skip
        claims |= {
            "issuer": {"iss": "https://another.example"}, "audience": {"aud": ["somebody-else"]}, "nonce": {"nonce": "n"},
            "events": {"events": {"other": {}}}, "event": {"events": {next(iter(event)): "yes"}},
            "old": {"iat": now - 900}, "future": {"iat": now + 900, "exp": now + 1000}, "expired": {"exp": now - 100},
        }.get(fault, {})  # fmt: skip
        if fault.startswith("no_"):
            del claims[fault.removeprefix("no_")]
        if fault == "unsigned":
            return by_hand({"alg": "none"}, claims)
        return jwt.encode({"alg": "RS256", "kid": "one"}, claims, STRANGE if fault == "key" else KEY)

    def _json(self, status: int, body: dict[str, Any]) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def main() -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        print(f"http://127.0.0.1:{server.server_address[1]}", flush=True)
        threading.Thread(target=lambda: (sys.stdin.read(), server.shutdown()), daemon=True).start()
        server.serve_forever(poll_interval=0.05)


if __name__ == "__main__":
    main()
