"""A real HTTP server on the loopback interface that misbehaves as a test asks it to."""

from __future__ import annotations

import ssl
import threading
from collections import defaultdict
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit


@dataclass
class Reply:
    """What the server answers to one request."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    #: The Content-Length to announce; None: the true one, -1: none at all.
    length: int | None = None
    #: Send so many bytes, then wait until the server is told to go on.
    pause_after: int | None = None


class Loopback:
    """``server.replies[path]`` is a list of replies; the last one is repeated for ever.

    Asked for whole addresses, it is a proxy that looks at the paths only. With ``context`` it speaks TLS.
    """

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self.replies: dict[str, list[Reply]] = {}
        self.requests: list[str] = []
        self.headers: dict[str, str] = {}
        self.paused = threading.Event()
        self.go_on = threading.Event()
        self.at_once = 0
        self.most_at_once = 0
        self._counts: dict[str, int] = defaultdict(int)
        self._lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer._answer(self)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        if context:
            self._server.socket = context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self.port = self._server.server_port
        self.root = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        )
        self._thread.start()

    def serve(self, path: str, *replies: Reply | bytes) -> str:
        """Set what ``path`` answers, request by request; returns the address."""
        self.replies[path] = [reply if isinstance(reply, Reply) else Reply(reply) for reply in replies]
        return self.root + path

    def count(self, path: str) -> int:
        return self._counts[path]

    def close(self) -> None:
        self.go_on.set()
        self._server.shutdown()
        self._server.server_close()

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        path = urlsplit(handler.path).path
        with self._lock:
            self.requests.append(handler.path)
            self.headers = dict(handler.headers)
            replies = self.replies.get(path, [Reply(b"no such file", 404)])
            reply = replies[min(self._counts[path], len(replies) - 1)]
            self._counts[path] += 1
            self.at_once += 1
            self.most_at_once = max(self.at_once, self.most_at_once)
        try:
            self._send(handler, reply)
        except (BrokenPipeError, ConnectionResetError):
            pass
        finally:
            with self._lock:
                self.at_once -= 1

    def _send(self, handler: BaseHTTPRequestHandler, reply: Reply) -> None:
        handler.send_response(reply.status)
        for name, value in reply.headers.items():
            handler.send_header(name, value)
        length = len(reply.body) if reply.length is None else reply.length
        if length >= 0:
            handler.send_header("Content-Length", str(length))
        handler.end_headers()
        if reply.pause_after is not None:
            handler.wfile.write(reply.body[: reply.pause_after])
            handler.wfile.flush()
            self.paused.set()
            self.go_on.wait(60)
            handler.wfile.write(reply.body[reply.pause_after :])
        else:
            handler.wfile.write(reply.body)
