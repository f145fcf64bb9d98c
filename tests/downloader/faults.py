"""An HTTP server on the loopback interface that does ranges right, until it is told to do something wrong.

Each request takes the next fault of its path's plan; after the last one the server is well again. Every byte of a body
that is sent is counted.
"""

from __future__ import annotations

import fcntl
import gzip
import random
import re
import socket
import struct
import termios
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from downloader.raw_faults import AGAIN, LAST, LOSING, PLAYS, TOLERATED, Exchange

LAST_MODIFIED = "Mon, 01 Jan 2024 00:00:00 GMT"
PAGE = b"<!DOCTYPE html><html><head><title>Quota exceeded</title></head></html>"

#: After these, what has arrived stays good; no byte is sent twice.
BENIGN = ["reset", "truncate", "drip", "stall", "500", "503", "429", "503 date", "chunked", "dead"]
#: These explain that what had arrived, or arrives now, is of no use.
RESTARTS = [
    "wrong range",
    "wrong bytes",
    "wrong total",
    "unsaid range",
    "ignore range",
    "416",
    "new etag",
    "gzip",
    "flip",
]
#: After these, the source is not asked again in this run.
FINAL = ["longer", "chunked longer", "shorter", "redirect loop", "html", "404"]

RAW = [*TOLERATED, *AGAIN, *LOSING, *LAST]


@dataclass(frozen=True)
class Fault:
    kind: str
    #: Where in the body of this answer it happens, from 0 to 1.
    at: float = 0.5


@dataclass
class Resource:
    body: bytes
    plan: list[Fault] = field(default_factory=list)
    etag: str | None = '"v1"'
    last_modified: str | None = LAST_MODIFIED
    #: Bytes in a second, if the server is slow.
    rate: float | None = None
    sent: int = 0
    requests: int = 0
    ranges: list[str | None] = field(default_factory=list)
    happened: list[str] = field(default_factory=list)


class FaultServer:
    def __init__(self) -> None:
        self.resources: dict[str, Resource] = {}
        self.lock = threading.Lock()
        #: Paths whose endless answers have been taken for too long.
        self.swallowed: list[str] = []
        self.closing = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                try:
                    _Answer(outer, self).send()
                except OSError:
                    self.close_connection = True
                except OverflowError:
                    outer.swallowed.append(self.path)
                    self.close_connection = True

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, *_: object) -> None:
                pass

        self._server = Server(("127.0.0.1", 0), Handler)
        # Little is on its way at any time, so that what is sent is about what arrives.
        self._server.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 14)
        self.root = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        ).start()

    def serve(self, path: str, body: bytes, *plan: Fault, **options: object) -> str:
        self.resources[path] = Resource(body, list(plan), **options)  # type: ignore[arg-type]
        return self.root + path

    def close(self) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()


class _Answer:
    """The answer to one request."""

    def __init__(self, server: FaultServer, handler: BaseHTTPRequestHandler) -> None:
        self.server, self.handler = server, handler
        self.resource = resource = server.resources.get(handler.path.split("?")[0], Resource(b""))
        with server.lock:
            resource.requests += 1
            resource.ranges.append(handler.headers.get("Range"))
            self.fault = resource.plan.pop(0) if resource.plan else Fault("none")
            resource.happened.append(self.fault.kind)
            if self.fault.kind == "new etag":
                resource.etag, resource.last_modified = f'"v{resource.requests + 1}"', formatdate(usegmt=True)

    def send(self) -> None:
        kind, body = self.fault.kind, self.resource.body
        match kind:
            case "500" | "404":
                return self.head(int(kind), {}, 0)
            case "503" | "429":
                return self.head(int(kind), {"Retry-After": "0"}, 0)
            case "503 date":
                return self.head(503, {"Retry-After": formatdate(time.time(), usegmt=True)}, 0)
            case "416":
                return self.head(416, {"Content-Range": f"bytes */{len(body)}"}, 0)
            case "redirect loop":
                with self.server.lock:
                    self.resource.plan[:0] = [Fault(kind)] * (self.resource.happened.count(kind) < 11)
                return self.head(302, {"Location": self.handler.path}, 0)
            case "html":
                self.head(200, {"Content-Type": "text/html"}, len(PAGE))
                return self.pour(PAGE)
            case "dead":
                return self.break_off()
            case "gzip":
                packed = gzip.compress(body, 1)
                self.head(200, self.versions() | {"Content-Encoding": "gzip"}, len(packed))
                return self.pour(packed)
            case "longer":
                self.head(200, self.versions(), len(body) + 5)
                return self.pour(body + b"extra")
            case "chunked longer":
                self.head(200, self.versions() | {"Transfer-Encoding": "chunked"}, None)
                return self.pour_chunked(body + b"extra")
            case "shorter":
                self.head(200, self.versions(), len(body) - 1)
                return self.pour(body[:-1])
        return self.send_content()

    def send_content(self) -> None:
        kind, body = self.fault.kind, self.resource.body
        start, end = self.range() if kind != "ignore range" else None, len(body)
        if start is None:
            status, headers, start = 200, {"Accept-Ranges": "bytes"}, (0, end)
        else:
            status, headers = 206, {"Content-Range": f"bytes {start[0]}-{start[1] - 1}/{end}"}
            match kind:
                case "wrong range":
                    headers = {"Content-Range": f"bytes {start[0] + 1}-{start[1] - 1}/{end}"}
                case "wrong total":
                    headers = {"Content-Range": f"bytes {start[0]}-{start[1] - 1}/{end + 1}"}
                case "unsaid range":
                    headers = {}
        part = body[slice(*start)]
        if kind == "wrong bytes":  # the right length from the wrong place
            part = body[: len(part)]
        at = int(self.fault.at * max(len(part) - 1, 0))
        if kind == "flip" or (kind == "bad part" and status == 206):
            part = part[:at] + bytes([part[at] ^ 1]) + part[at + 1 :]
        headers |= self.versions()
        if kind in PLAYS:
            return self.play(status, headers, part)
        if kind == "chunked":
            self.head(status, headers | {"Transfer-Encoding": "chunked"}, None)
            return self.pour_chunked(part)
        self.head(status, headers, len(part))
        if kind in ("reset", "truncate", "stall"):
            self.pour(part[:at])
            if kind == "reset":
                return self.break_off()
            if kind == "stall":
                self.wait_for_the_client_to_go()
            self.handler.close_connection = True
            return None
        return self.pour(part, step=max(len(part) // 20, 1) if kind == "drip" else None)

    def play(self, status: int, headers: dict[str, str], part: bytes) -> None:
        """Answer with raw bytes."""
        with self.server.lock:
            number = self.resource.requests
        PLAYS[self.fault.kind](
            Exchange(
                connection=self.handler.connection,
                status={200: "200 OK", 206: "206 Partial Content"}[status],
                headers=headers,
                part=part,
                whole=self.resource.body,
                path=self.handler.path,
                at=self.fault.at,
                rng=random.Random(f"{self.fault} {number}"),
                sent=self.count,
                closing=self.server.closing,
                rate=self.resource.rate,
            )
        )
        self.handler.close_connection = True

    def count(self, size: int) -> None:
        with self.server.lock:
            self.resource.sent += size

    def range(self) -> tuple[int, int] | None:
        """Return the range to send; None if the whole file is to be sent."""
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.handler.headers.get("Range", ""))
        condition = self.handler.headers.get("If-Range")
        if not asked or (condition and condition not in (self.resource.etag, self.resource.last_modified)):
            return None
        size = len(self.resource.body)
        return int(asked[1]), min(int(asked[2]) + 1, size) if asked[2] else size

    def versions(self) -> dict[str, str]:
        stated = {"ETag": self.resource.etag, "Last-Modified": self.resource.last_modified}
        return {name: value for name, value in stated.items() if value}

    def head(self, status: int, headers: dict[str, str], length: int | None) -> None:
        self.handler.send_response(status)
        for name, value in headers.items():
            self.handler.send_header(name, value)
        if length is not None:
            self.handler.send_header("Content-Length", str(length))
        self.handler.end_headers()

    def pour(self, data: bytes, step: int | None = None) -> None:
        rate = self.resource.rate
        size = step or (1 << 14 if rate is None else max(int(rate / 200), 1))
        for piece in _pieces(data, size):
            self.handler.wfile.write(piece)
            with self.server.lock:
                self.resource.sent += len(piece)
            if step:
                time.sleep(0.002)
            elif rate := self.resource.rate:  # a test may lift it
                time.sleep(len(piece) / rate)

    def pour_chunked(self, data: bytes) -> None:
        for piece in _pieces(data, 10_000):
            self.handler.wfile.write(b"%x\r\n" % len(piece))
            self.pour(piece)
            self.handler.wfile.write(b"\r\n")
        self.handler.wfile.write(b"0\r\n\r\n")

    def break_off(self) -> None:
        """Reset the connection, once what has been sent has arrived."""
        connection = self.handler.connection
        waiting = bytearray(4)
        for _ in range(1000):
            fcntl.ioctl(connection, termios.TIOCOUTQ, waiting)
            if not struct.unpack("i", waiting)[0]:
                break
            time.sleep(0.001)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()
        self.handler.close_connection = True

    def wait_for_the_client_to_go(self) -> None:
        self.handler.connection.settimeout(0.05)
        while not self.server.closing.is_set():
            try:
                if not self.handler.connection.recv(1):
                    return
            except TimeoutError:
                pass


def _pieces(data: bytes, size: int) -> Iterator[bytes]:
    return (data[start : start + size] for start in range(0, len(data), size))
