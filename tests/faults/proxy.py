"""A proxy on the way to a practice CRM: it sees every call, and may meddle with it.

For what happens between us and a CRM rather than inside it: a call delivered twice, an answer of
another's making, many calls at the same time.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import requests

_PASSED_ON = ("Content-Type", "Date")


@dataclass(frozen=True)
class Sent:
    """One call as it came."""

    method: str
    path: str
    body: bytes

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The rows of a batch, as the CRM calls them."""
        body = json.loads(self.body) if self.body[:1] == b"{" else {}
        return body.get("inputs") or body.get("records") or []


@dataclass(frozen=True)
class Told:
    """An answer to pass on; its last ``kept_back`` bytes never arrive."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    kept_back: int = 0

    @classmethod
    def json(cls, status: int, body: Any) -> Told:
        return cls(status, json.dumps(body).encode(), {"Content-Type": "application/json"})


Meddle = Callable[[Sent, Callable[[], Told]], Told]


def honest(_sent: Sent, forward: Callable[[], Told]) -> Told:
    """Pass the call on and the answer back."""
    return forward()


@dataclass
class Proxy:
    """``meddle`` gets each call and a way to forward it, as often as it likes."""

    target: str
    meddle: Meddle = honest
    url: str = ""
    seen: list[Sent] = field(default_factory=list)
    connections: set[Any] = field(default_factory=set)

    def calls(self, part: str) -> list[Sent]:
        """The calls whose path has ``part`` in it."""
        return [one for one in self.seen if part in one.path]

    def answer(self, sent: Sent, headers: dict[str, str]) -> Told:
        self.seen.append(sent)

        def forward() -> Told:
            url = self.target + sent.path
            found = requests.request(sent.method, url, data=sent.body, headers=headers, timeout=30)
            kept = {name: found.headers[name] for name in _PASSED_ON if name in found.headers}
            return Told(found.status_code, found.content, kept)

        return self.meddle(sent, forward)


@contextmanager
def running_proxy(target: str, meddle: Meddle = honest) -> Iterator[Proxy]:
    """A proxy to ``target`` on a free port of this machine."""
    proxy = Proxy(target, meddle)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _pass(self) -> None:
            proxy.connections.add(self.client_address)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {
                name: value
                for name, value in self.headers.items()
                if name in ("Authorization", "Content-Type", "Accept") or name.startswith("Sforce-")
            }
            try:
                told = proxy.answer(Sent(self.command, self.path, body), headers)
            except requests.RequestException:  # what breaks behind us breaks before us
                self.close_connection = True
                return
            self.send_response_only(told.status)
            for name, value in told.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(told.body)))
            self.end_headers()
            self.wfile.write(told.body[: len(told.body) - told.kept_back])
            self.close_connection = self.close_connection or bool(told.kept_back)

        do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _pass  # noqa: N815 - the names the library looks for

        def log_message(self, *_: Any) -> None:
            """Nothing to say."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    proxy.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
