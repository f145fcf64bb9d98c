"""Answers of servers and proxies that no standard foresees, or that few clients get to see."""

from __future__ import annotations

import gzip
import random
import re
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from downloader.conftest import Zoo, described, visible
from downloader.faults import Fault, FaultServer
from downloader.loopback import Loopback, Reply
from downloader.test_faults import BODY, fetch

from omz.downloader import receive
from omz.downloader.pages import START_BYTES, is_page, peek
from omz.downloader.takeover import held_bytes
from omz.downloader.transfer import Transfer

HTML = {"Content-Type": "text/html; charset=utf-8"}
CHUNKED = {"Transfer-Encoding": "chunked"}
LONG = random.Random(5).randbytes(300_000)


def chunked(body: bytes, *, ended: bool = True, **headers: str) -> Reply:
    """Return an answer in chunked transfer coding; unless it is ended, the line breaks behind the last byte."""
    coded = b"%x\r\n" % len(body) + body + b"\r\n" if body else b""
    return Reply(coded + (b"0\r\n\r\n" if ended else b""), headers=CHUNKED | headers, length=-1)


@pytest.fixture(autouse=True)
def no_certificates(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)


# Numbers


@pytest.mark.parametrize("digits", [19, 4000, 5000])
def test_a_length_of_many_digits_is_not_known(zoo: Zoo, server: Loopback, digits: int) -> None:
    url = server.serve("/net", Reply(LONG, headers={"Content-Length": "9" * digits}, length=-1))
    folder = zoo.add("net", described("net.bin", LONG, url))
    assert zoo.run().status == 0
    assert visible(folder) == {"net.bin": LONG}


def test_a_defect_of_ours_fails_one_model_only(
    zoo: Zoo, server: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("first", "second"):
        zoo.add(name, described("net.bin", LONG, server.serve(f"/{name}", LONG)))
    real = Transfer.fetch

    def fetch_second_only(self: Transfer, file: object, target: Path, *rest: object) -> None:
        if target.parent.name == "first":
            raise KeyError("unforeseen")
        real(self, file, target, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(Transfer, "fetch", fetch_second_only)
    result = zoo.run("--quiet")
    assert result.status == 1
    assert result.err == "ERROR: first: internal error: KeyError: 'unforeseen'\n\nFAILED:\nfirst\n"
    assert visible(zoo.output) == {"public/second/net.bin": LONG}
    assert "Traceback" in zoo.run("--verbose").err


# Pages

PAGES = [
    b"\xef\xbb\xbf<!DOCTYPE html><html><title>Login</title>",
    b" \r\n\t<HTML><title>Login</title>",
    b"<!-- a > b --><html><title>Login</title>",
    b'<?xml version="1.0"?>\n<!DOCTYPE html PUBLIC "x"><html><head><title>Login</title></head>',
    b"<HEAD><TITLE>Login</TITLE></HEAD>",
    b"<body class='x'><title>Login</title>",
    b"<title>Login</title>",
    b"<meta charset=utf-8><title>Login</title>",
    b"<script>x</script><title>Login</title>",
    b"<!-- x --><!--" + b"y" * 5000 + b"--><title>Login</title>",
]


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("coded", [False, True])
def test_what_is_called_a_page_and_looks_like_one(
    zoo: Zoo, server: Loopback, page: bytes, coded: bool
) -> None:
    reply = chunked(page, **HTML) if coded else Reply(page, headers=HTML)
    folder = zoo.add("net", described("net.bin", LONG, server.serve("/net", reply)))
    result = zoo.run()
    assert "sent an HTML page ('Login') instead of the file" in result.err
    assert server.count("/net") == 1
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("kind", ["text/plain", "application/octet-stream", ""])
@pytest.mark.parametrize("page", PAGES[:2])
def test_what_looks_like_a_page_is_one_whatever_it_is_called(
    zoo: Zoo, server: Loopback, kind: str, page: bytes
) -> None:
    reply = Reply(page, headers={"Content-Type": kind} if kind else {})
    zoo.add("net", described("net.bin", LONG, server.serve("/net", reply)))
    assert "sent an HTML page ('Login') instead of the file" in zoo.run().err
    assert server.count("/net") == 1


@pytest.mark.parametrize("kind", ["text/html", "text/plain"])
@pytest.mark.parametrize("name", ["terms.html", "terms.HTM"])
def test_a_page_that_was_asked_for(zoo: Zoo, server: Loopback, kind: str, name: str) -> None:
    page = b"<!DOCTYPE html><html><title>Terms</title></html>"
    reply = Reply(page, headers={"Content-Type": kind})
    folder = zoo.add("net", described(name, page, server.serve("/terms", reply)))
    assert zoo.run().status == 0
    assert visible(folder) == {name: page}


@pytest.mark.parametrize(
    "body",
    [
        b'<?xml version="1.0"?>\n<net name="x" version="11"><layers/></net>',
        b'\xef\xbb\xbf<?xml version="1.0"?><!-- made by mo --><net/>',
        b"<header>no page</header>",
        b"<",
        b"<!-- never ends",
        b" ",
        b"\xef\xbb",
        b"name: 'net'",
        b"",
    ],
)
@pytest.mark.parametrize("kind", ["text/html", "text/plain"])
def test_what_is_no_page_though_it_may_be_called_so(
    zoo: Zoo, server: Loopback, body: bytes, kind: str
) -> None:
    reply = Reply(body, headers={"Content-Type": kind})
    folder = zoo.add("net", described("net.xml", body, server.serve("/net", reply)))
    assert zoo.run().status == 0
    assert visible(folder) == {"net.xml": body}


@pytest.mark.parametrize("size", [len(BODY), "unknown"])
def test_a_page_that_breaks_off_is_a_page(zoo: Zoo, server: Loopback, size: int | str) -> None:
    reply = Reply(PAGES[4], headers=HTML, length=70_000)
    folder = zoo.add("net", described("net.bin", LONG, server.serve("/net", reply)) | {"size": size})
    assert "sent an HTML page ('Login')" in zoo.run().err
    assert server.count("/net") == 1
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("page", PAGES)
def test_a_page_that_comes_byte_by_byte(page: bytes) -> None:
    start, verdict = peek((page[at : at + 1] for at in range(len(page))), called_html=True)
    assert verdict
    assert page.startswith(start)
    assert is_page(b"<!--" + b"x" * START_BYTES, called_html=True) is None
    assert peek(iter([b"<!--" + b"x" * START_BYTES]), called_html=True)[1] is False


# Lengths and codings


def test_a_short_answer_that_ended_is_another_file(zoo: Zoo, server: Loopback) -> None:
    """It is asked for once; what the next source sends begins from the start."""
    short = server.serve("/short", chunked(LONG[:100_000]))
    folder = zoo.add("net", described("net.bin", LONG, short))
    result = zoo.run()
    assert f"has 100000 bytes, fewer than the promised {len(LONG)}" in result.err
    assert server.count("/short") == 1
    assert held_bytes(folder / "net.bin") is None


def test_a_short_answer_costs_nothing_of_what_was_there(faults: FaultServer, tmp_path: Path) -> None:
    first = faults.serve("/first", BODY, Fault("truncate", 0.9), Fault("404"))
    soft = faults.serve("/soft", b"no such file", *[Fault("chunked")] * 9)
    faults.resources["/soft"].etag = None
    good = faults.serve("/good", BODY)
    assert fetch(tmp_path, first, soft, good) is None
    assert faults.resources["/soft"].ranges == ["bytes=359999-", None]
    assert faults.resources["/good"].sent <= len(BODY) * 0.11


def test_a_chunked_answer_that_breaks_off_is_asked_for_again(zoo: Zoo, server: Loopback) -> None:
    url = server.serve("/net", chunked(LONG[:100_000], ended=False), chunked(LONG))
    folder = zoo.add("net", described("net.bin", LONG, url))
    assert zoo.run().status == 0
    assert visible(folder) == {"net.bin": LONG}


@pytest.mark.parametrize(("ended", "asked"), [(True, 2), (False, 5)])
def test_a_wrong_answer_of_unknown_size_that_ended(
    zoo: Zoo, server: Loopback, ended: bool, asked: int
) -> None:
    url = server.serve("/net", chunked(b"other", ended=ended))
    zoo.add("net", described("net.bin", LONG, url) | {"size": "unknown"})
    assert zoo.run().status == 1
    assert server.count("/net") == asked


@pytest.mark.parametrize("coding", ["gzip", "x-gzip"])
@pytest.mark.parametrize("packed", [False, True])
def test_an_archive_that_is_called_packed(zoo: Zoo, server: Loopback, coding: str, packed: bool) -> None:
    """By what the descriptor promises it is the archive, or else what is in it."""
    archive = gzip.compress(LONG, mtime=0)
    body = LONG if packed else archive
    reply = Reply(archive, headers={"Content-Encoding": coding})
    folder = zoo.add("net", described("net.tar.gz", body, server.serve("/net", reply)))
    assert zoo.run().status == 0
    assert visible(folder) == {"net.tar.gz": body}
    assert server.count("/net") == 1


# Ranges


def test_a_server_whose_parts_are_wrong_is_asked_for_the_whole(
    faults: FaultServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receive, "PIECE_BYTES", 50_000)
    url = faults.serve("/net", BODY, *[Fault("bad part")] * 50)
    assert fetch(tmp_path, url, segments=4) is None
    assert faults.resources["/net"].ranges[-1] is None
    assert faults.resources["/net"].ranges.count(None) == 1


@pytest.mark.parametrize("stated", ["Bytes {}-{}/{}", "bytes {}-{}/*", "BYTES {}-{}/*"])
def test_spellings_of_a_range(zoo: Zoo, server: Loopback, stated: str) -> None:
    end = len(LONG)
    rest = Reply(LONG[100_000:], 206, {"Content-Range": stated.format(100_000, end - 1, end)})
    url = server.serve("/net", Reply(LONG[:100_000], length=end), rest)
    folder = zoo.add("net", described("net.bin", LONG, url))
    assert zoo.run("--num_attempts", "2").status == 0
    assert visible(folder) == {"net.bin": LONG}
    assert server.count("/net") == 2


# Redirects, waits, certificates and proxies


def test_redirects_with_bytes_beyond_ascii(zoo: Zoo, server: Loopback) -> None:
    url = server.serve("/net", Reply(b"", 302, {"Location": "/mod\u00e8le".encode().decode("latin-1")}))
    server.serve("/mod%C3%A8le", LONG)
    folder = zoo.add("net", described("net.bin", LONG, url))
    assert zoo.run().status == 0
    assert visible(folder) == {"net.bin": LONG}


@pytest.mark.parametrize("wait", ["601", "9" * 5000])
def test_a_server_that_asks_for_more_than_we_wait_is_left_alone(
    zoo: Zoo, server: Loopback, wait: str
) -> None:
    """By the other files of the run as well."""
    busy = server.serve("/busy", Reply(b"", 503, {"Retry-After": wait}))
    other = Loopback()
    try:
        good = other.serve("/good", LONG)
        zoo.add("one", described("net.bin", LONG, busy, good))
        zoo.add("two", described("net.bin", LONG, f"{server.root}/two", f"{other.root}/missing"))
        result = zoo.run()
    finally:
        other.close()
    assert re.search(r"two: 503 .*, asks to wait \d+ s;", result.err), result.err
    assert visible(zoo.output) == {"public/one/net.bin": LONG}
    assert server.requests == ["/busy"]


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
@pytest.mark.parametrize("content", [None, "no certificate\n"])
def test_certificates_that_cannot_be_read(
    zoo: Zoo,
    server: Loopback,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
    content: str | None,
) -> None:
    bundle = tmp_path / "trusted.pem"
    if content:
        bundle.write_text(content)
    monkeypatch.setenv(variable, str(bundle))
    secure = server.root.replace("http:", "https:") + "/net"
    folder = zoo.add("net", described("net.bin", LONG, secure, server.serve("/net", LONG)))
    assert zoo.run().status == 0
    assert visible(folder) == {"net.bin": LONG}
    zoo.add("secure", described("net.bin", LONG, secure))
    result = zoo.run("--name", "secure")
    assert result.status == 1
    assert str(bundle) in result.err
    assert "internal error" not in result.err
    assert "attempts)" not in result.err


@pytest.fixture
def refusing_proxy() -> Iterator[str]:
    """The address of a proxy that finds no way to any server."""
    listener = socket.create_server(("127.0.0.1", 0))

    def refuse() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connection.recv(10_000)
                connection.sendall(b"HTTP/1.1 502 Bad 'Gateway'\r\nContent-Length: 0\r\n\r\n")

    threading.Thread(target=refuse, daemon=True).start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()


def test_a_proxy_that_finds_no_way(zoo: Zoo, refusing_proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("https_proxy", refusing_proxy)
    zoo.add("net", described("net.bin", LONG, "https://models.example/net"))
    result = zoo.run("--num_attempts", "2")
    assert re.search(r"https://models\.example/net: .*\bproxy\b.*: 502 Bad", result.err), result.err
    assert "(2 attempts)" in result.err
    for word in ("Error", "object at", "HTTPS"):
        assert word not in result.err
