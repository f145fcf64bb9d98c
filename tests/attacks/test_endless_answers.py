"""Servers that send for ever what is not the file: interim answers, headers, extensions and sizes of chunks, trailers,
gzip members of nothing, bodies of redirects and of errors. All of it comes as fast as it is taken."""

from __future__ import annotations

import gzip
import hashlib
import socket

import pytest
import yaml
from attacks.attack import Attack
from inference.servers import RawServer

from omz.errors import InferenceError
from omz.inference.web import fetch

BODY = bytes(range(256)) * 100
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
ENDLESS = {
    "interim answers": (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "early hints": (b"", b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"),
    "headers": (b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"),
    "interim headers": (b"HTTP/1.1 102 Processing\r\n", b"X: y\r\n"),
    "header": (b"HTTP/1.1 200 OK\r\nX: ", b"y"),
    "chunk extension": (CHUNKED + b"5;", b"x"),
    "chunk extensions": (CHUNKED, b"1;" + b"x" * 1000 + b"\r\ny\r\n"),
    "gzip of nothing": (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n", gzip.compress(b"")),
    "not found": (b"HTTP/1.1 404 Not Found\r\n\r\n", b"x"),
    "longer": (b"HTTP/1.1 200 OK\r\n\r\n" + BODY, b"x"),
    "redirects": (b"HTTP/1.1 302 Found\r\nLocation: /more\r\n\r\n", b"x"),
}


def server(start: bytes, piece: bytes) -> RawServer:
    def behave(connection: socket.socket, _: str) -> None:
        connection.sendall(start)
        while True:
            connection.sendall(piece * (1 + 65_536 // len(piece)))

    return RawServer(behave)


def describe(attack: Attack, url: str) -> None:
    """Write a descriptor of a file that is there."""
    folder = attack.folder / "models" / "public" / "net"
    folder.mkdir(parents=True)
    entry = {
        "name": "net.bin",
        "size": len(BODY),
        "checksum": hashlib.sha384(BODY).hexdigest(),
        "source": url,
    }
    content = {
        "description": "A net.", "task_type": "classification", "files": [entry], "framework": "caffe",
        "license": "https://example.com", "model_optimizer_args": ["--input=data"],
    }  # fmt: skip
    (folder / "model.yml").write_text(yaml.safe_dump(content))


def download(attack: Attack) -> str:
    words = ("--models_root", "models", "-o", "out", "--name", "net", "--num_attempts", "1", "--quiet")
    outcome = attack.run("omz_downloader", *words, environment={"NO_PROXY": "*"})
    assert outcome.seconds < 10
    assert outcome.megabytes < 256
    left = {path.name for path in attack.folder.glob("out/**/*") if path.is_file()}
    assert left <= {".net.bin.part"}  # which the next run goes on from
    assert outcome.status == 1
    return outcome.err


@pytest.mark.parametrize("kind", ENDLESS)
def test_a_download_ends(attack: Attack, kind: str) -> None:
    with server(*ENDLESS[kind]) as one:
        describe(attack, f"http://127.0.0.1:{one.port}/net")
        assert "net.bin could not be fetched" in download(attack)


@pytest.mark.parametrize("kind", ENDLESS)
def test_a_picture_is_refused(kind: str) -> None:
    with server(*ENDLESS[kind]) as one, pytest.raises(InferenceError):
        fetch(f"http://127.0.0.1:{one.port}/x.png")
