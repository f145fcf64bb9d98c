"""Fuzz the downloader, and the reader of pictures at addresses, with the raw bytes of answers.

A content is what a server sends, connection by connection, each of which ends behind it; :data:`NEXT` stands between.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import random
import shutil
import socket
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from random import Random
from typing import Any

import harness

with harness.measured():
    import omz.web.client  # noqa: F401 - imported where it is used first
    from omz.downloader.sources import SourceOpener
    from omz.downloader.transfer import Backoff, Transfer
    from omz.inference import web

from downloader.raw_faults import PLAYS, Exchange
from mutations import mutated_wire
from urllib3.util import connection as connections

from omz.downloader import receive
from omz.errors import ZooError
from omz.zoo.model_files import ModelFile

NEXT = b"\0next\0"
BODY = random.Random(12).randbytes(3000)
ADDRESS = "http://127.0.0.1:9/net"
DRIVE = {"$type": "google_drive", "id": "x"}
HEAD = b'HTTP/1.1 200 OK\r\nContent-Length: %d\r\nETag: "v1"\r\n\r\n' % len(BODY)


@contextmanager
def network(answers: list[bytes]) -> Iterator[None]:
    """Let each connection be to a server that sends the next of ``answers``; more of them end at once."""
    lock, ends, left = threading.Lock(), list[socket.socket](), list(answers)

    def connect(*_: Any, **__: Any) -> socket.socket:
        ours, theirs = socket.socketpair()
        with lock:
            ends.append(theirs)
            answer = left.pop(0) if left else b""
        ours.settimeout(5)
        theirs.sendall(answer)
        theirs.shutdown(socket.SHUT_WR)
        return ours

    real, connections.create_connection = connections.create_connection, connect
    try:
        yield
    finally:
        connections.create_connection = real
        for end in ends:
            end.close()


def receive_file(path: Path) -> None:
    """Fetch the file, or a picture, from such a server."""
    data = path.read_bytes()
    number, answers = zlib.crc32(data), data.split(NEXT)[:8]
    with network(answers):
        if number % 4 == 0:
            web._session().close()  # no connection of the last time
            with suppress(ZooError):
                web.fetch(ADDRESS)
            return
        folder = path.parent / "files"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        digest = hashlib.sha384(BODY).hexdigest()
        size = len(BODY) if number % 4 != 1 else "unknown"
        entry = {"name": "net.bin", "size": size, "checksum": digest, "source": [ADDRESS, DRIVE]}
        file, target = ModelFile.model_validate(entry), folder / "net.bin"
        opener = SourceOpener(google_drive_url=ADDRESS, connect_timeout_s=2, read_timeout_s=2)
        run = Transfer(
            opener=opener, backoff=Backoff(first_s=0, server_limit_s=0), attempts=3, segments=1 + number % 2
        )
        try:
            run.fetch(file, target, folder, lambda _: None)
        except ZooError as error:
            if len(str(error).splitlines()) > 2 or not str(error).replace("\n", "").isprintable():
                raise ValueError(f"told in an odd way: {error}") from error
            if target.exists():
                raise ValueError("a file that was refused has its final name") from error
        else:
            if target.read_bytes() != BODY:
                raise ValueError("a wrong file")
        left = {one.name for one in folder.iterdir()} - {"net.bin", ".net.bin.part"}
        if left:
            raise ValueError(f"left over: {left}")


class _Recorder:
    """Takes the beginning of what a fault sends."""

    def __init__(self) -> None:
        self.data = b""

    def sendall(self, data: bytes) -> None:
        self.data += data[: 6000 - len(self.data)]
        if len(self.data) >= 6000:
            raise OSError

    def setsockopt(self, *_: object) -> None: ...

    def shutdown(self, _: int) -> None: ...

    def close(self) -> None: ...

    # of an event that ends slow answers
    def wait(self, _: float) -> bool:
        return len(self.data) > 3000

    def is_set(self) -> bool:
        return False


def recorded(kind: str, start: int = 0) -> bytes:
    """Return what a fault sends of the file from ``start`` on."""
    recorder: Any = _Recorder()
    status = "206 Partial Content" if start else "200 OK"
    headers = {"ETag": '"v1"'}
    if start:
        headers["Content-Range"] = f"bytes {start}-{len(BODY) - 1}/{len(BODY)}"
    with suppress(OSError):
        PLAYS[kind](
            Exchange(
                recorder,
                status,
                headers,
                BODY[start:],
                BODY,
                "/net",
                0.5,
                Random(kind),
                lambda _: None,
                recorder,
            )
        )
    return bytes(recorder.data)


def seeds() -> list[bytes]:
    good, half = HEAD + BODY, HEAD + BODY[:1500]
    rest = b"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 1499-2999/3000\r\n\r\n" + BODY[1499:]
    packed = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + gzip.compress(BODY)
    page = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<!DOCTYPE html><html><title>x</title>"
    confirm = page + b"<form action='/net'><input type=hidden name=confirm value=t></form>"
    moved = b"HTTP/1.1 302 Found\r\nLocation: /net?3\r\nContent-Length: 2\r\n\r\nxx"
    busy = b"HTTP/1.1 503 Busy\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n"
    faults = [recorded(kind, start) for kind in PLAYS for start in (0, 1499)]
    return [
        good, packed, page + NEXT + good, page + NEXT + confirm + NEXT + good,
        moved + NEXT + good, busy + NEXT + good, half + NEXT + rest,
        *(one + NEXT + good for one in faults), *(half + NEXT + one + NEXT + rest for one in faults),
    ]  # fmt: skip


LINES = [
    b"HTTP/1.1 100 Continue\r\n", b"HTTP/1.1 206 Partial Content", b"HTTP/1.1 302 Found", b"HTTP/1.1 416 No",
    b"Content-Length: 5", b"Content-Length: 3000", b"Transfer-Encoding: chunked", b"Content-Encoding: gzip",
    b"Content-Encoding: deflate", b"Content-Range: bytes 0-2999/3000", b"Content-Range: bytes 1499-2999/*",
    b"Location: /x", b"Location: //\xff[", b"Location: http://[::1", b"Retry-After: 0", b"ETag: \"v2\"", b"0",
    b"ETag: \"\r\n x\"", b"Last-Modified: \xe9", b"Content-Type: text/html", b"bb8", b"-5", b"ffffffffffffffff", b"",
    b"Connection: keep-alive", b"Connection: close", b"Set-Cookie: a=b; Domain=\xff", b": x", b" x", b"x",
    b"Content-Type: multipart/mixed; boundary=x", b"WWW-Authenticate: Digest x", b"X-Error-Message: \x1b[2J",
    b"<![x[", b"<a href='http://[?confirm=1'>", b"<form action='//x'>", b"<input type=hidden name=confirm>", b"</form>",
]  # fmt: skip


def mutate(data: bytes, rng: Random) -> bytes:
    """Change lines, the order of answers, or bytes."""
    answers = data.split(NEXT)
    at = rng.randrange(len(answers))
    action = rng.randrange(8)
    if action == 0:
        answers.insert(at, rng.choice(answers))
    elif action == 1 and len(answers) > 1:
        del answers[at]
    elif action == 2:
        answers[at] = answers[at][: rng.randrange(len(answers[at]) + 1)]
    elif action == 3:
        answers[at] = mutated_wire(answers[at], rng)
    else:
        lines = answers[at].split(b"\r\n")
        place = rng.randrange(min(len(lines), 8) + 1)
        if action == 4 and place < len(lines):
            del lines[place]
        elif action == 5 and place < len(lines):
            lines[place] = rng.choice(LINES)
        else:
            lines.insert(place, rng.choice(LINES) if action < 7 else rng.choice(lines))
        answers[at] = b"\r\n".join(lines)
    return NEXT.join(answers)


if __name__ == "__main__":
    receive.PIECE_BYTES = 1000
    os.fsync = os.fdatasync = lambda _: None  # what a disk forgets is not tried here
    harness.fuzz(receive_file, "answers", seeds(), mutate)
