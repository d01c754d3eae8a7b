"""A small identity provider over http: the authorization code flow with PKCE, and userinfo."""

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt

CLIENT_ID, SECRET = "portal", "client secret of the tests, long enough for HMAC"


class Provider(ThreadingHTTPServer):
    """Knows one person; hands out one code at a time, good for whoever has its verifier."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.claims: dict[str, Any] = {}
        self.challenges: dict[str, str] = {}

    def authorize(self, location: str) -> dict[str, str]:
        """Do what a person at the provider's page does; return what comes back to the portal."""
        asked = {key: value[0] for key, value in parse_qs(urlsplit(location).query).items()}
        assert (asked["client_id"], asked["code_challenge_method"]) == (CLIENT_ID, "S256")
        code = secrets.token_urlsafe(8)
        self.challenges[code] = asked["code_challenge"]
        return {"code": code, "state": asked["state"]}


class _Handler(BaseHTTPRequestHandler):
    server: Provider

    def log_message(self, *_args: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        """Answer the well-known document and userinfo."""
        url = self.server.url
        if self.path.startswith("/.well-known"):
            names = ("authorization", "token", "userinfo")
            ends = {f"{name}_endpoint": f"{url}/{name}" for name in names}
            self._send(ends | {"issuer": url, "jwks_uri": f"{url}/keys"})
        else:
            assert self.headers["Authorization"] == "Bearer access"
            self._send({"sub": "1", **self.server.claims})

    def do_POST(self) -> None:
        """Trade a code for tokens, if its verifier fits."""
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        given = {key: value[0] for key, value in parse_qs(body).items()}
        digest = hashlib.sha256(given["code_verifier"].encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if self.server.challenges.pop(given["code"], "") != challenge:
            self._send({"error": "invalid_grant"}, 400)
            return
        now = int(time.time())
        claims = {"iss": self.server.url, "aud": CLIENT_ID, "sub": "1", "iat": now, "exp": now + 60}
        token = jwt.encode(claims, SECRET, "HS256")
        self._send({"access_token": "access", "token_type": "Bearer", "id_token": token})

    def _send(self, values: dict[str, Any], status: int = 200) -> None:
        body = json.dumps(values).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def running() -> Iterator[Provider]:
    """Run a provider for a while."""
    server = Provider()
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
