"""Pictures at addresses, from servers on the loopback interface that behave well, badly or not at all."""

from __future__ import annotations

import gzip
import socket
import ssl
import subprocess
import threading
import time

import cv2
import numpy as np
import pytest
from downloader.loopback import Loopback, Reply
from inference.servers import RawServer, answer

from omz.errors import InferenceError
from omz.inference import web, web_pictures
from omz.inference.sources import Pictures, open_source, open_sources
from omz.inference.web import NoPictureError, fetch
from omz.inference.web_pictures import WebPicture


@pytest.fixture
def server():
    loopback = Loopback()
    yield loopback
    loopback.close()


@pytest.fixture
def png(picture):
    return cv2.imencode(".png", picture(1))[1].tobytes()


@pytest.fixture
def hasty(monkeypatch):
    """Shorten the time-outs; the work that they bound is the same."""
    monkeypatch.setattr(web, "CONNECT_SECONDS", 0.5)
    monkeypatch.setattr(web, "SILENCE_SECONDS", 0.5)
    monkeypatch.setattr(web, "TOTAL_SECONDS", 1.5)


def refused(address, told):
    began = time.monotonic()
    with pytest.raises(InferenceError, match=told) as error:
        fetch(address)
    assert time.monotonic() - began < 10
    assert str(error.value).isprintable()
    assert len(str(error.value)) < 800
    return error


def test_a_picture_is_decoded_from_memory(server, png, picture):
    address = server.serve("/some/cat.png?size=large".partition("?")[0], png)
    source = open_source(f"{address}?size=large")
    assert (source.kind, len(source)) == ("image", 1)
    (frame,) = source
    assert frame.source == f"{address}?size=large"
    np.testing.assert_array_equal(frame.load(), picture(1))
    next(iter(source)).load()
    assert server.count("/some/cat.png") == 1  # found out what it is, and kept


def test_several_are_fetched_when_their_turn_comes(server, png):
    addresses = [server.serve(f"/{name}", png) for name in "ab"]
    source = open_sources([*addresses, server.root + "/nothing.png"])
    assert server.requests == []
    frames = list(source)
    assert server.requests == []
    assert frames[1].load().shape == (90, 120, 3)
    assert server.requests == ["/b"]
    with pytest.raises(InferenceError, match="404"):
        frames[2].load()


def test_connections_are_used_again(png):
    seen = []

    def keep_alive(connection, line):
        seen.append(connection)
        while line:
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(png) + png)
            line = connection.recv(65536)

    with RawServer(keep_alive) as server:
        for _ in range(5):
            fetch(f"http://127.0.0.1:{server.port}/x.png")
    assert len(seen) == 1


@pytest.mark.parametrize("headers", [{}, {"Content-Type": "text/plain"}, {"Content-Type": "image/jpeg"}])
def test_first_bytes_go_before_what_the_server_says(server, png, headers):
    assert fetch(server.serve("/x", Reply(png, headers=headers))) == png


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        (Reply(b"", 404), "404"),
        (Reply(b"", 503, {"Content-Type": "image/png"}), "503"),
        (Reply(b""), "is empty"),
        (
            Reply(b"<html><title>Log \x1b[31min</title>", headers={"Content-Type": "image/jpeg"}),
            r"an HTML page \(.*Log",
        ),
        (
            Reply(b'{"error": "no such picture"}', headers={"Content-Type": "application/json"}),
            r"text .*application/json",
        ),
        (Reply(b"\0\1\2", headers={"Content-Type": "x" * 999 + "\x07"}), "no picture"),
        (Reply(b"", 302, {"Location": "/x"}), "redirects more than 5 times"),
        (Reply(b"", 302, {"Location": "file:///etc/passwd"}), "redirects to file:"),
        (Reply(b"", 302, {"Location": "ftp://127.0.0.1/"}), "redirects to ftp:"),
        (Reply(b"", 302, {"Location": "http://"}), "."),
        (Reply(b"", 302), "302"),
    ],
)
def test_what_is_no_picture_is_told_in_a_line(server, reply, told):
    refused(server.serve("/x", reply), told)


def test_what_the_server_calls_a_picture_is_one_until_it_is_decoded(server):
    picture = WebPicture(server.serve("/x.svg", Reply(b"<svg/>", headers={"Content-Type": "image/svg+xml"})))
    with pytest.raises(InferenceError, match=r"x\.svg: damaged, truncated or no picture"):
        picture.load()


def test_redirects_are_followed(server, png):
    server.serve("/c", png)
    server.serve("/b", Reply(b"x", 307, {"Location": server.root + "/c"}))
    assert fetch(server.serve("/a", Reply(b"x", 302, {"Location": "b"}))) == png


def test_the_body_of_a_redirect_is_not_read(png, hasty):
    sent = []

    def behave(connection, line):
        if "/x" in line:
            connection.sendall(b"HTTP/1.1 302 Found\r\nLocation: /y\r\nTransfer-Encoding: chunked\r\n\r\n")
            while len(sent) < 10_000:
                connection.sendall(b"10000\r\n" + bytes(65536) + b"\r\n")
                sent.append(1)
        else:
            answer(f"HTTP/1.1 200 OK\nContent-Length: {len(png)}", png)(connection, line)

    with RawServer(behave) as server:
        assert fetch(f"http://127.0.0.1:{server.port}/x") == png
    assert len(sent) < 1000


def test_a_truncated_picture_is_refused(server, png):
    refused(server.serve("/x", Reply(png[: len(png) // 2], length=len(png))), "truncated")


def test_a_picture_truncated_without_a_length_is_refused(server, png):
    picture = WebPicture(server.serve("/x", Reply(png[: len(png) // 2], length=-1)))
    with pytest.raises(InferenceError, match="damaged, truncated"):
        picture.load()


def test_packed_answers_are_unpacked(server, png):
    assert fetch(server.serve("/x", Reply(gzip.compress(png), headers={"Content-Encoding": "gzip"}))) == png


def test_too_large(server, png, monkeypatch):
    monkeypatch.setattr(web, "MAX_FILE_BYTES", 100_000)
    refused(server.serve("/x", png + bytes(100_000)), "more than 100000 bytes")
    bomb = gzip.compress(png + bytes(50_000_000))
    refused(server.serve("/y", Reply(bomb, headers={"Content-Encoding": "gzip"})), "more than 100000 bytes")


def test_an_answer_without_an_end(png, monkeypatch):
    monkeypatch.setattr(web, "MAX_FILE_BYTES", 10_000_000)

    def endless(connection, _):
        connection.sendall(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n" % len(png) + png + b"\r\n"
        )
        while True:
            connection.sendall(b"10000\r\n" + bytes(65536) + b"\r\n")

    with RawServer(endless) as server:
        refused(f"http://127.0.0.1:{server.port}/x", "more than 10000000 bytes")


def drip(head, seconds=0.1):
    """Return a behaviour that sends a head and then a byte now and then, for ever."""

    def behave(connection, _):
        connection.sendall(head)
        while True:
            time.sleep(seconds)
            connection.sendall(b"x")

    return behave


@pytest.mark.parametrize(
    "head", [b"", b"HTTP/1.1 200 OK\r\nX-A: ", b"HTTP/1.1 200 OK\r\n\r\n\x89PNG\r\n\x1a\n"]
)
def test_drops_are_waited_for_no_longer_than_the_whole(hasty, head):
    with RawServer(drip(head)) as server:
        refused(f"http://127.0.0.1:{server.port}/x", r"not there within 1\.5 s")


@pytest.mark.parametrize("head", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n\x89PNG"])
def test_silence(hasty, head):
    with RawServer(lambda connection, _: (connection.sendall(head), time.sleep(5))) as server:
        refused(f"http://127.0.0.1:{server.port}/x", r"silent for 0\.5 s|not there within")


def test_nobody_there(hasty):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    refused(f"http://127.0.0.1:{port}/x", "connection failed: Connection refused")
    refused("http://no-such-host.invalid/x", "connection failed")


@pytest.mark.parametrize(
    "address", ["http://", "http://[::1/x", "http://127.0.0.1:99999/x", "http://a b/", "https://\0/"]
)
def test_addresses_that_are_none(address):
    refused(address, ".")


def test_no_http(hasty):
    with RawServer(lambda connection, _: connection.sendall(b"220 mail server ready\r\n")) as server:
        refused(f"http://127.0.0.1:{server.port}/x", "connection failed")


def test_credentials_are_sent_and_never_shown(server, png):
    address = server.serve("/x.png", png).replace("//", "//me:secret@") + "?token=hidden&size=1"
    source = open_sources([address, address.replace("hidden", "other"), address])
    first, second, third = list(source)
    first.load()
    assert server.headers["Authorization"].startswith("Basic ")
    assert server.requests == ["/x.png?token=hidden&size=1"]
    shown = f"{server.root}/x.png?token=***&size=1"
    assert [first.source, second.source, third.source] == [
        shown,
        f"{shown} (2)",
        shown,
    ]  # not the same picture
    error = refused(address.replace("x.png", "nothing"), "404")
    assert "secret" not in str(error.value)
    assert "hidden" not in str(error.value)


def test_credentials_stay_with_their_server(server, png):
    other = Loopback()
    try:
        target = other.serve("/x", png)
        address = server.serve("/x", Reply(b"", 302, {"Location": target})).replace("//", "//me:secret@")
        assert fetch(address) == png
        assert "Authorization" not in other.headers
    finally:
        other.close()


def test_certificates_and_the_way_from_https_to_http(server, png, tmp_path, monkeypatch):
    made = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost"
    files = ["-keyout", str(tmp_path / "key.pem"), "-out", str(tmp_path / "ca.pem")]
    try:
        subprocess.run([*made.split(), *files], check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("needs openssl")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "ca.pem", tmp_path / "key.pem")
    secure = Loopback(context)
    try:
        address = f"https://localhost:{secure.port}"
        secure.serve("/x", png)
        secure.serve("/down", Reply(b"", 302, {"Location": server.serve("/x", png)}))
        refused(f"{address}/x", "secure connection failed")
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "ca.pem"))
        assert fetch(f"{address}/x") == png
        assert fetch(server.serve("/up", Reply(b"", 302, {"Location": f"{address}/x"}))) == png
        refused(f"{address}/down", r"redirects to http://.*less safe")
    finally:
        secure.close()


def test_no_cookies(server, png):
    fetch(server.serve("/x", Reply(png, headers={"Set-Cookie": "a=b"})))
    fetch(server.root + "/x")
    assert "Cookie" not in server.headers


def test_video_among_pictures_is_told(server, video):
    source = open_sources(
        [server.serve("/x", Reply(video.read_bytes(), headers={"Content-Type": "video/x-msvideo"}))] * 2
    )
    with pytest.raises(NoPictureError, match=r"no picture, but video/x-msvideo; a video is given alone"):
        next(iter(source)).load()


class TestKept:
    def test_each_is_fetched_once_however_often_it_is_decoded(self, server, png):
        addresses = [server.serve(f"/{number}", Reply(png, pause_after=0)) for number in range(20)]
        source = open_sources([*addresses, server.root + "/nothing"])

        def go_on_when_there_are_two():
            while server.at_once < 2:
                time.sleep(0.001)
            server.go_on.set()

        threading.Thread(target=go_on_when_there_are_two, daemon=True).start()
        source.keep("why not")
        for _ in range(3):
            *good, bad = list(source)
            for frame in good:
                frame.load()
            with pytest.raises(InferenceError, match="404"):
                bad.load()
        source.keep("again")
        assert sorted(server.requests) == sorted([f"/{number}" for number in range(20)] + ["/nothing"])
        assert 1 < server.most_at_once <= web_pictures.FETCHERS

    def test_not_more_than_memory_allows(self, server, png, monkeypatch):
        monkeypatch.setattr(web_pictures, "MAX_KEPT_BYTES", 3 * len(png))
        source = open_sources([server.serve(f"/{number}", png) for number in range(500)])
        with pytest.raises(InferenceError, match="Save them to a folder"):
            source.keep("why not")
        assert len(server.requests) < 100

    def test_files_need_no_keeping(self, folder, caplog):
        Pictures([folder / "p1.png"]).keep("why not")
        assert not caplog.records
