"""Answers that never end, or that can be read in two ways: each is given up in time, and the next one is asked for."""

from __future__ import annotations

import gzip
import hashlib
import logging
import random
import socket
import ssl
import subprocess
import threading
import time
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from inference.servers import RawServer

from omz.downloader.sources import SourceOpener
from omz.downloader.transfer import Backoff, Transfer
from omz.errors import DownloadError
from omz.web.patience import ALLOWED_BYTES
from omz.zoo.model_files import ModelFile

BODY = random.Random(11).randbytes(300_000)
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n" % len(BODY)
GOOD = HEAD + b"\r\n" + BODY
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
CHUNKS = CHUNKED + b"%x\r\n" % len(BODY) + BODY + b"\r\n"
GZIPPED = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n"
EMPTY = gzip.compress(b"")
#: How long the file may make no progress, and how long a busy machine may need to notice.
IDLE_S, SOON_S = 1.0, 30.0

Script = Callable[[], Iterator[bytes | float]]


def endless(start: bytes, piece: bytes, pause_s: float = 0) -> Script:
    """Return a script of an answer: so many bytes at once, then a piece for ever, and a pause behind each."""

    def script() -> Iterator[bytes | float]:
        yield start
        piece_or_more = piece if pause_s else piece * (1 + 16_000 // len(piece))
        while True:
            yield piece_or_more
            if pause_s:
                yield pause_s

    return script


@pytest.fixture(autouse=True)
def no_handlers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out those of commands that other tests have run; warnings still reach stderr."""
    monkeypatch.setattr(logging.getLogger(), "handlers", [])


class Server(RawServer):
    """Answers request by request as scripts say; the last one again and again."""

    def __init__(self, *scripts: Script | bytes, context: ssl.SSLContext | None = None) -> None:
        self._context = context
        self._scripts, self.sent = scripts, [0] * len(scripts)
        self._lock = threading.Lock()
        super().__init__(self._play)
        self.url = f"http://127.0.0.1:{self.port}/net"

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError):
            super()._serve(
                self._context.wrap_socket(connection, server_side=True) if self._context else connection
            )

    def _play(self, connection: socket.socket, _: str) -> None:
        with self._lock:
            number = min(len(self.requests), len(self._scripts)) - 1
        script = self._scripts[number]
        for step in [script] if isinstance(script, bytes) else script():
            if isinstance(step, bytes):
                connection.sendall(step)
                self.sent[number] += len(step)
            else:
                time.sleep(step)


def fetch(folder: Path, *urls: str, attempts: int = 2, body: bytes = BODY, size: object = None) -> str | None:
    """Fetch the file; returns the error, if there is one."""
    entry = {
        "name": "net.bin",
        "size": size or len(body),
        "checksum": hashlib.sha384(body).hexdigest(),
        "source": list(urls),
    }
    run = Transfer(
        opener=SourceOpener(connect_timeout_s=2.0, read_timeout_s=IDLE_S),
        backoff=Backoff(first_s=0),
        attempts=attempts,
    )
    began = time.monotonic()
    try:
        run.fetch(ModelFile.model_validate(entry), folder / "net.bin", folder, lambda _: None)
    except DownloadError as error:
        message = str(error)
    else:
        message = None
    assert time.monotonic() - began < SOON_S
    if message is not None:
        assert not (folder / "net.bin").exists()
        assert message.replace("\n", "").isprintable()
        return message
    assert [path.name for path in folder.iterdir()] == ["net.bin"]
    assert (folder / "net.bin").read_bytes() == body
    return None


ENDLESS = {
    "100 Continue": endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "100 Continue, slowly": endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n", 0.1),
    "103 Early Hints, slowly": endless(b"", b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n", 0.1),
    "headers": endless(b"HTTP/1.1 200 OK\r\n", b"X-A: y\r\n"),
    "headers of an interim answer": endless(b"HTTP/1.1 102 Processing\r\n", b"X-A: y\r\n"),
    "headers, slowly": endless(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n", 0.1),
    "a header line": endless(b"HTTP/1.1 200 OK\r\nX: ", b"yyyyyyyy"),
    "a status line": endless(b"HTTP/1.1 200 O", b"OOOOOOOO"),
    "a head, byte by byte": endless(b"HTTP/1.1 200 OK\r\nX: ", b"y", 0.1),
    "a body, byte by byte": endless(HEAD + b"\r\n", b"y", 0.1),
    "a chunk extension": endless(CHUNKED + b"5;x=", b"yyyyyyyy"),
    "a chunk extension, slowly": endless(CHUNKED + b"5;x=", b"y", 0.1),
    "a chunk size": endless(CHUNKED, b"00000000"),
    "chunk extensions": endless(CHUNKED, b"1;x=" + b"y" * 500 + b"\r\nz\r\n"),
    "gzip of nothing": endless(GZIPPED, EMPTY),
    "gzip of nothing, slowly": endless(GZIPPED, EMPTY, 0.1),
    "a gzip header": endless(GZIPPED + EMPTY[:3] + b"\x08" + EMPTY[4:10], b"nnnnnnnn"),
    "deflate of nothing": endless(b"HTTP/1.1 200 OK\r\nContent-Encoding: deflate\r\n\r\n", b"\0\0\0\xff\xff"),
    "a page, slowly": endless(
        b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html><p>", b"y" * 100, 0.1
    ),
    "silence": endless(b"", b"", 0.1),
}


@pytest.mark.parametrize("kind", ENDLESS)
def test_another_answer_is_asked_for(tmp_path: Path, kind: str) -> None:
    with Server(ENDLESS[kind], GOOD) as server:
        other = server.url + "2" if "page" in kind else server.url
        assert fetch(tmp_path, server.url, other) is None
    assert len(server.requests) == 2
    assert server.sent[0] < ALLOWED_BYTES + (16 << 20)  # what buffers on the way may hold


@pytest.mark.slow
@pytest.mark.parametrize("kind", ENDLESS)
def test_all_answers_are_like_that(tmp_path: Path, kind: str) -> None:
    with Server(ENDLESS[kind]) as server:
        error = fetch(tmp_path, server.url)
        assert error is not None
        assert ("too slow: sent next to nothing" in error) == (", " in kind and "page" not in kind)
    assert list(tmp_path.iterdir()) in ([], [tmp_path / ".net.bin.part"])


@pytest.mark.parametrize(
    "script",
    [
        endless(CHUNKS + b"0\r\n", b"X: y\r\n"),
        endless(CHUNKS + b"0\r\n", b"X: y\r\n", 0.1),
        endless(CHUNKS + b"0\r\nX: ", b"y"),
        endless(CHUNKED + b"Y\r\n"[:0] + CHUNKS[len(CHUNKED) :] + b"0;x=", b"y"),
        endless(GZIPPED + gzip.compress(BODY), EMPTY),
        endless(GZIPPED + gzip.compress(BODY), EMPTY, 0.1),
        endless(b"HTTP/1.1 200 OK\r\n\r\n" + BODY, b"", 0.1),
        endless(HEAD[:-2] + b", %d\r\n\r\n" % len(BODY) + BODY, b"", 0.1),
    ],
)
def test_a_file_that_is_there_is_asked_for_once(tmp_path: Path, script: Script) -> None:
    """What is endless comes behind its last byte."""
    with Server(script) as server:
        assert fetch(tmp_path, server.url, attempts=1) is None
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [b"302 Found", b"301 Moved", b"308 Permanent Redirect"])
@pytest.mark.parametrize(
    "length", [b"Content-Length: 99999999999\r\n", b"Transfer-Encoding: chunked\r\n", b""]
)
def test_bodies_of_redirects_are_not_read(tmp_path: Path, status: bytes, length: bytes) -> None:
    head = b"HTTP/1.1 " + status + b"\r\nLocation: /other\r\n" + length + b"\r\n"
    with Server(endless(head, b"4\r\nabcd\r\n"), GOOD) as server:
        assert fetch(tmp_path, server.url, attempts=1) is None
    assert server.sent[0] < 16 << 20


@pytest.mark.parametrize("status", ["404 Not Found", "410 Gone"])
@pytest.mark.parametrize("pause_s", [0, 0.1])
def test_bodies_of_errors_are_not_read(tmp_path: Path, status: str, pause_s: float) -> None:
    with Server(endless(f"HTTP/1.1 {status}\r\n\r\n".encode(), b"gone", pause_s)) as server:
        error = fetch(tmp_path, server.url)
        assert error is not None
        assert f"{server.url}: {status};" in f"{error.splitlines()[0].removesuffix('.')};"
    assert server.sent[0] < 16 << 20


def test_redirects_share_the_time(tmp_path: Path) -> None:
    def slow() -> Iterator[bytes | float]:
        yield 0.4
        yield b"HTTP/1.1 302 Found\r\nLocation: /again\r\nContent-Length: 0\r\n\r\n"

    with Server(slow) as server:
        assert "in 1 s" in str(fetch(tmp_path, server.url, attempts=1)) or len(server.requests) < 6
    assert len(server.requests) < 6


INTERIM = [
    b"100 Continue",
    b"102 Processing",
    b"103 Early Hints",
    b"104 Upload",
    b"199 Odd",
    b"101 Switching",
]


@pytest.mark.parametrize("status", [*INTERIM, None])
def test_interim_answers_are_passed_over(tmp_path: Path, status: bytes | None) -> None:
    some = [b"HTTP/1.1 " + one + b"\r\nLink: </x>\r\n\r\n" for one in ([status] if status else INTERIM * 5)]
    with Server(b"".join(some) + GOOD) as server:
        assert fetch(tmp_path, server.url, attempts=1) is None
    assert len(server.requests) == 1


MALFORMED = {
    "lengths that differ": HEAD + b"Content-Length: 5\r\n\r\n" + BODY,
    "lengths in a list": b"HTTP/1.1 200 OK\r\nContent-Length: 5, 300000\r\n\r\n" + BODY,
    "a negative length": b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n" + BODY,
    "a length with a sign": b"HTTP/1.1 200 OK\r\nContent-Length: +300000\r\n\r\n" + BODY,
    "no length": b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n" + BODY,
    "two codings": CHUNKED[:-2]
    + b"Transfer-Encoding: identity\r\n\r\n"
    + CHUNKS[len(CHUNKED) :]
    + b"0\r\n\r\n",
    "a list of codings": CHUNKED.replace(b"chunked", b"gzip, chunked")
    + CHUNKS[len(CHUNKED) :]
    + b"0\r\n\r\n",
    "an unknown coding": CHUNKED.replace(b"chunked", b"xchunked") + CHUNKS[len(CHUNKED) :] + b"0\r\n\r\n",
    "a line without a colon": HEAD + b"no header\r\nX: y\r\n\r\n" + BODY,
    "a line before the first": b"HTTP/1.1 200 OK\r\n folded\r\n" + HEAD[17:] + b"\r\n" + BODY,
    "a head that ends in a line": HEAD + b"X-Something: wit",
    "a head that ends behind a line": HEAD,
    "an interim head that ends": b"HTTP/1.1 103 Early Hints\r\nLink: </x",
    "a status line that ends": b"HTTP/1.1 200",
    "no answer": b"",
    "another protocol": b"220 mail server ready\r\n",
    "another version": b"HTTP/9.9 200 OK\r\n\r\n" + BODY,
    "HTTP/0.9": BODY,
    "status 99": b"HTTP/1.1 99 OK\r\n\r\n" + BODY,
    "status 2000": b"HTTP/1.1 2000 OK\r\n\r\n" + BODY,
    "status of letters": b"HTTP/1.1 abc OK\r\n\r\n" + BODY,
    "an empty line": b"\r\n" + GOOD,
    "a negative chunk": CHUNKED + b"-5\r\n" + BODY,
    "a chunk of letters": CHUNKED + b"xyz\r\n" + BODY,
    "a chunk of nothing": CHUNKED + b"\r\n" + BODY,
    "a chunk too long": CHUNKED + b"5\r\n" + BODY,
    "a chunk beyond memory": CHUNKED + b"f" * 200 + b"\r\n" + BODY[:100],
    "two hundred headers": HEAD + b"X: y\r\n" * 200 + b"\r\n" + BODY,
    "gzip that breaks off": GZIPPED + gzip.compress(BODY)[:1000],
    "gzip that is none": GZIPPED + BODY,
    "deflate that is none": GZIPPED.replace(b"gzip", b"deflate") + b"\xff" * 1000,
}


@pytest.mark.parametrize("kind", MALFORMED)
def test_what_is_malformed_is_asked_for_again(
    tmp_path: Path, kind: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with Server(MALFORMED[kind], GOOD) as server:
        assert fetch(tmp_path, server.url) is None
    assert len(server.requests) == 2
    assert capfd.readouterr().err == ""


def test_lengths_that_agree_are_one(tmp_path: Path) -> None:
    with Server(HEAD + HEAD[17:] + b"\r\n" + BODY) as server:
        assert fetch(tmp_path, server.url, attempts=1) is None


def test_what_comes_behind_an_answer_is_not_the_next(tmp_path: Path) -> None:
    """A connection with bytes that nobody asked for is not used again."""
    other = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nother"
    first = b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\nRetry-After: 0\r\n\r\n"
    with Server(first + other, GOOD) as server:
        assert fetch(tmp_path, server.url) is None


CODINGS = {
    "gzip": gzip.compress,
    "x-gzip": lambda body: gzip.compress(body[:5]) + EMPTY + gzip.compress(body[5:]) + bytes(512),
    "deflate": zlib.compress,
    "Deflate": lambda body: zlib.compress(body)[2:-4],
}


@pytest.mark.parametrize("coding", CODINGS)
def test_what_is_packed_is_unpacked(tmp_path: Path, coding: str) -> None:
    body = bytes(3_000_000) + BODY
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\nConnection: close\r\n\r\n".encode()
    answer = head + CODINGS[coding](body)

    def script() -> Iterator[bytes]:
        for at in range(0, len(answer), 7001):
            yield answer[at : at + 7001]

    with Server(script) as server:
        server._behaviour = lambda connection, line: (server._play(connection, line), connection.close())
        assert fetch(tmp_path, server.url, attempts=1, body=body) is None


@pytest.mark.parametrize("coding", ["br", "zstd", "compress", "gzip, gzip", "x\x1b[2J"])
def test_other_packings_are_refused(tmp_path: Path, coding: str) -> None:
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\n\r\n".encode()
    with Server(head + b"\x28\xb5\x2f\xfd" * 100) as server:
        assert "which was not asked for" in str(fetch(tmp_path, server.url))
    assert len(server.requests) == 1


def test_an_archive_that_is_called_packed_comes_as_it_is(tmp_path: Path) -> None:
    with Server(HEAD + b"Content-Encoding: zstd\r\n\r\n" + BODY) as server:
        assert fetch(tmp_path, server.url, attempts=1) is None


@pytest.mark.slow
@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_a_bomb_takes_no_memory(tmp_path: Path, coding: str) -> None:
    pack = zlib.compressobj(9, wbits=31 if coding == "gzip" else 15)
    bomb = b"".join([*(pack.compress(bytes(1 << 20)) for _ in range(300)), pack.flush()])
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\nContent-Length: {len(bomb)}\r\n\r\n".encode()
    with Server(head + bomb) as server:
        fetch(tmp_path, f"{server.url}/missing", attempts=1)  # loads what is loaded
        tracemalloc.start()
        assert "longer than the promised" in str(fetch(tmp_path, server.url))
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert most < 8 << 20


@pytest.mark.slow
def test_a_bomb_of_unknown_size_fills_no_disk(tmp_path: Path) -> None:
    bomb = gzip.compress(bytes(200 << 20), 9)
    with Server(GZIPPED + bomb) as server:
        assert "less than one part in 100" in str(fetch(tmp_path, server.url, attempts=1, size="unknown"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_slow_server_is_waited_for(tmp_path: Path) -> None:
    """It takes several times as long as the file may make no progress."""
    body = BODY[:4000]

    def script() -> Iterator[bytes | float]:
        yield b"HTTP/1.1 200 OK\r\nContent-Length: 4000\r\n\r\n"
        for at in range(0, 4000, 100):
            yield body[at : at + 100]
            yield 0.1

    with Server(script) as server:
        assert fetch(tmp_path, server.url, attempts=1, body=body) is None
    assert len(server.requests) == 1


def test_chunks_of_a_byte_are_no_waste(tmp_path: Path) -> None:
    body = BODY[:50_000]
    chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in body)
    with Server(CHUNKED + chunks + b"0\r\n\r\n") as server:
        assert fetch(tmp_path, server.url, attempts=1, body=body) is None


@pytest.mark.parametrize(
    "kind", ["100 Continue", "100 Continue, slowly", "headers", "headers, slowly", "silence"]
)
def test_a_proxy_that_never_answers(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """To CONNECT, for a source of https."""
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    with Server(ENDLESS[kind]) as server:
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{server.port}")
        assert fetch(tmp_path, "https://models.example/net") is not None
    assert server.requests[0].startswith("CONNECT")
    assert server.sent[0] < 16 << 20


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of 127.0.0.1, with its key."""
    made = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=x -addext subjectAltName=IP:127.0.0.1"
    path = tmp_path_factory.mktemp("certificate") / "ca.pem"
    try:
        subprocess.run(
            [*made.split(), "-keyout", str(path), "-out", str(path) + "2"], check=True, capture_output=True
        )
    except FileNotFoundError:
        pytest.skip("needs openssl")
    path.write_bytes(path.read_bytes() + Path(f"{path}2").read_bytes())
    return path


@pytest.mark.parametrize(
    "kind", ["100 Continue, slowly", "headers", "a body, byte by byte", "gzip of nothing", "silence"]
)
def test_over_a_secure_connection(
    tmp_path: Path, certificate: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with Server(ENDLESS[kind], GOOD, context=context) as server:
        assert fetch(tmp_path, server.url.replace("http:", "https:")) is None
    assert len(server.requests) == 2


@pytest.mark.parametrize("start", [b"", b"\x16\x03\x03\x40\x00"])
def test_a_secure_connection_that_is_never_there(tmp_path: Path, start: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def drip() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                    connection.sendall(start)
                    for _ in range(300):
                        connection.sendall(b"\0" if start else b"")
                        time.sleep(0.1)
                except OSError:
                    return

        threading.Thread(target=drip, daemon=True).start()
        url = f"https://127.0.0.1:{listener.getsockname()[1]}/net"
        assert fetch(tmp_path, url, attempts=1) is not None
