"""Answers of servers with what a terminal would obey, in every place of their heads; and heads that end in a line."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator

import pytest
import yaml
from attacks.attack import Attack
from attacks.escapes import EVIL, in_terminal

Serve = Callable[[bytes], str]
LINE = EVIL.encode().replace(b"\n", b"").replace(b"\r", b"")
ANSWERS = {
    "reason": b"HTTP/1.1 404 %s\r\nContent-Length: 0\r\n\r\n" % LINE,
    "place": b"HTTP/1.1 302 Found\r\nLocation: http://x%s/\r\nContent-Length: 0\r\n\r\n" % LINE,
    "type": b"HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: %s\r\n%s: x\r\n\r\nabc" % (LINE, LINE, LINE),
    "head that ends in a line": b"HTTP/1.1 200 OK\r\nContent-Len",
    "line that is no header": b"HTTP/1.1 200 OK\r\nFoo%s\r\n bar\r\nContent-Length: 3\r\n\r\nabc" % LINE,
    "status": LINE + b"\r\n\r\n",
    "page": b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html><title>&#27;%s</title>" % LINE,
    "range": b"HTTP/1.1 206 OK\r\nContent-Range: %s\r\nContent-Length: 3\r\n\r\nabc" % LINE,
    "encoding": b"HTTP/1.1 200 OK\r\nContent-Encoding: %s\r\nContent-Length: 3\r\n\r\nabc" % LINE,
    "chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%s\r\nabc" % LINE,
}  # fmt: skip


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Answer every request with the same bytes."""
    servers = []

    def start(answer: bytes) -> str:
        server = socket.create_server(("127.0.0.1", 0))
        servers.append(server)

        def work() -> None:
            while True:
                try:
                    client, _ = server.accept()
                except OSError:
                    return
                with client:
                    client.recv(1 << 16)
                    client.sendall(answer)

        threading.Thread(target=work, daemon=True).start()
        return f"http://127.0.0.1:{server.getsockname()[1]}"

    yield start
    for server in servers:
        server.shutdown(socket.SHUT_RDWR)
        server.close()


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_downloads(answer: bytes, serve: Serve, attack: Attack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")
    descriptor = {
        "description": "A net.", "task_type": "classification", "framework": "caffe", "license": "x",
        "files": [{"name": "a.bin", "size": 4, "sha256": "0" * 64, "source": f"{serve(answer)}/a.bin"}],
        "model_optimizer_args": ["--input=data"],
    }  # fmt: skip
    file = attack.folder / "models" / "public" / "net" / "model.yml"
    file.parent.mkdir(parents=True)
    file.write_text(yaml.safe_dump(descriptor))
    words = ["omz_downloader", "--all", "--models_root", "models", "-o", "out", "--num_attempts", "1"]
    status, _ = in_terminal(attack.folder, *words)
    assert status == 1
    assert attack.run(*words).status == 1
    assert attack.run(*words, "--progress_format", "json").status == 1


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_pictures(answer: bytes, serve: Serve, attack: Attack, tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")
    words = ["classification_demo", "-m", tiny.xml, "-i", f"{serve(answer)}/a.png", "--no_show"]
    assert in_terminal(attack.folder, *words)[0] == 1
    assert attack.run(*words).status == 1
