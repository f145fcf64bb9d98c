"""What counts as an answer: redirects, HTML pages, Google Drive, bundled files."""

from __future__ import annotations

import io
import time
from email.utils import formatdate
from pathlib import Path

import pytest
import requests
from downloader.conftest import Zoo, described, visible
from downloader.loopback import Loopback, Reply

from omz.downloader import download
from omz.downloader.faults import SourceError
from omz.downloader.google_drive import confirmed_address
from omz.downloader.pages import plain
from omz.downloader.sources import SourceOpener
from omz.downloader.web import retry_after
from omz.zoo.model_files import HttpSource

BODY = b"layer { }\n" * 1000
PAGE = b"<!DOCTYPE html><html><head><TITLE>Drive &amp;\nQuota \x1b[31mexceeded</TITLE></head></html>"
HTML = {"Content-Type": "text/html; charset=utf-8"}


def test_redirects_are_followed(zoo: Zoo, server: Loopback) -> None:
    server.serve("/c", BODY)
    server.serve("/b", Reply(b"", 302, {"Location": "c"}))
    first = server.serve("/a", Reply(b"", 301, {"Location": f"{server.root}/b"}))
    folder = zoo.add("net", described("net.bin", BODY, first))
    assert zoo.run().status == 0
    assert visible(folder) == {"net.bin": BODY}


def test_redirects_end(zoo: Zoo, server: Loopback) -> None:
    url = server.serve("/loop", Reply(b"", 302, {"Location": "/loop"}))
    zoo.add("net", described("net.bin", BODY, url))
    result = zoo.run()
    assert result.status == 1
    assert "redirects more than 10 times" in result.err
    assert server.count("/loop") == 11


@pytest.mark.parametrize("target", ["ftp://127.0.0.1/x", "file:///etc/passwd", "http://[broken", "gopher:x"])
def test_redirects_lead_to_http_only(zoo: Zoo, server: Loopback, target: str) -> None:
    zoo.add("net", described("net.bin", BODY, server.serve("/a", Reply(b"", 302, {"Location": target}))))
    result = zoo.run("--quiet")
    assert result.status == 1
    assert len(result.err.splitlines()) == 5
    assert "internal error" not in result.err


def test_https_is_not_left_for_http(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked = []

    def get(_: requests.Session, url: str, **options: object) -> requests.Response:
        asked.append(url)
        response = requests.Response()
        response.status_code, response.raw = 302, io.BytesIO()
        response.headers["Location"] = "http://127.0.0.1/plain"
        return response

    monkeypatch.setattr(requests.Session, "get", get)
    source = HttpSource.model_validate({"$type": "http", "url": "https://127.0.0.1/secure"})
    with pytest.raises(SourceError, match="less safe"), SourceOpener().open(source, tmp_path):
        pass
    assert asked == ["https://127.0.0.1/secure"]


def test_an_html_page_is_not_a_model(zoo: Zoo, server: Loopback) -> None:
    page = PAGE.ljust(len(BODY))
    folder = zoo.add("net", described("net.bin", BODY, server.serve("/net", Reply(page, headers=HTML))))
    result = zoo.run()
    assert result.status == 1
    assert "sent an HTML page ('Drive & Quota  [31mexceeded') instead of the file" in result.err
    assert visible(folder) == {}


def test_text_that_a_server_calls_html_is_taken(zoo: Zoo, server: Loopback) -> None:
    folder = zoo.add("net", described("net.bin", BODY, server.serve("/net", Reply(BODY, headers=HTML))))
    assert zoo.run().status == 0
    assert visible(folder) == {"net.bin": BODY}


@pytest.fixture
def drive(server: Loopback, monkeypatch: pytest.MonkeyPatch) -> Loopback:
    """Let the loopback server stand in for Google Drive."""
    opener = SourceOpener(google_drive_url=f"{server.root}/drive")
    monkeypatch.setattr(download, "SourceOpener", lambda: opener)
    return server


def test_google_drive_is_asked_past_the_confirmation_page(zoo: Zoo, drive: Loopback) -> None:
    drive.serve("/drive", BODY)
    folder = zoo.add("net", described("net.bin", BODY, {"$type": "google_drive", "id": "ab_C-1"}))
    assert zoo.run().status == 0
    assert visible(folder) == {"net.bin": BODY}
    assert drive.requests == ["/drive?id=ab_C-1&export=download&confirm=t"]


FORM = """<html><head><title>Google Drive - Virus scan warning</title></head><body>
<form action="/search"><input type="hidden" name="q" value=""></form>
<form id="download-form" action="{0}/confirmed" method="get"><input type="submit" value="Download anyway"/>
<input type="hidden" name="id" value="ab_C-1"><input type="hidden" name="export" value="download">
<input type="hidden" name="confirm" value="t&amp;x"><input type="hidden" name="uuid" value="1-2-3"></form>
</body></html>"""
LINK = """<html><title>Virus scan warning</title><a href="/uc?export=download&amp;x=1">no</a>
<a id="uc-download-link" href="/confirmed?export=download&amp;confirm=Xy_1&amp;id=ab_C-1">Download anyway</a></html>"""


@pytest.mark.parametrize(
    ("page", "asked"),
    [
        (FORM, "/confirmed?id=ab_C-1&export=download&confirm=t%26x&uuid=1-2-3"),
        (LINK, "/confirmed?export=download&confirm=Xy_1&id=ab_C-1"),
    ],
)
def test_google_drives_confirmation_page_is_confirmed(
    zoo: Zoo, drive: Loopback, page: str, asked: str
) -> None:
    drive.serve("/drive", Reply(page.format(drive.root).encode(), headers=HTML))
    drive.serve("/confirmed", BODY)
    folder = zoo.add("net", described("net.bin", BODY, {"$type": "google_drive", "id": "ab_C-1"}))
    assert zoo.run().status == 0
    assert visible(folder) == {"net.bin": BODY}
    assert drive.requests[1:] == [asked]


@pytest.mark.parametrize(
    "odd", ["<![x[", "<a href='http://[::1?confirm=1'>", "<form action='//['>", "&#xD800;\0", ""]
)
def test_a_page_that_html_parser_does_not_take_is_another_page(zoo: Zoo, drive: Loopback, odd: str) -> None:
    page = f"<html><title>Sorry</title>{odd}<input type=hidden name=confirm></form>"
    drive.serve("/drive", Reply(page.encode(), headers=HTML))
    zoo.add("net", described("net.bin", BODY, {"$type": "google_drive", "id": "ab_C-1"}))
    error = zoo.run().err
    assert "sent an HTML page ('Sorry')" in error
    assert "internal error" not in error


def test_google_drives_quota_page_is_told_by_its_title(zoo: Zoo, drive: Loopback) -> None:
    drive.serve("/drive", Reply(FORM.format(drive.root).encode(), headers=HTML))
    quota = b"<html><title>Google Drive - Quota exceeded</title></html>"
    drive.serve("/confirmed", Reply(quota, headers=HTML))
    zoo.add("net", described("net.bin", BODY, {"$type": "google_drive", "id": "ab_C-1"}))
    result = zoo.run()
    assert result.status == 1
    assert "sent an HTML page ('Google Drive - Quota exceeded') instead of the file" in result.err
    assert len(drive.requests) == 2


@pytest.mark.parametrize(
    ("address", "confirmed"),
    [
        ("https://drive.usercontent.google.com/download?confirm=t", True),
        ("https://doc-0.googleusercontent.com/download?confirm=t", True),
        ("https://evil.example/download?confirm=t", False),
        ("https://notgoogle.com/download?confirm=t", False),
        ("/download?confirm=t", True),
        ("http://drive.usercontent.google.com/download?confirm=t", False),
        ("/download", False),
        ("https://[broken/?confirm=t", False),
    ],
)
def test_only_googles_own_buttons_are_pressed(address: str, confirmed: bool) -> None:
    page = f'<a href="{address}">Download anyway</a>'.encode()
    found = confirmed_address(page, "https://drive.usercontent.google.com/download?id=1")
    assert (found is not None) == confirmed


def test_html_from_google_drive_is_never_a_model(zoo: Zoo, drive: Loopback) -> None:
    """Even if it has the size and the digest."""
    body = b"<title>Virus scan warning</title>"
    drive.serve("/drive", Reply(body, headers=HTML))
    folder = zoo.add("net", described("net.bin", body, {"$type": "google_drive", "id": "abc"}))
    result = zoo.run()
    assert result.status == 1
    assert "Google Drive file abc: sent an HTML page ('Virus scan warning')" in result.err
    assert visible(folder) == {}


def test_bundled_files_come_from_beside_the_descriptor(zoo: Zoo) -> None:
    folder = zoo.add("net", described("net.bin", BODY, {"$type": "bundled", "path": "data/net.bin"}))
    packaged = zoo.root / "public/net/data"
    packaged.mkdir()
    (packaged / "net.bin").write_bytes(BODY)
    assert zoo.run().status == 0
    assert visible(folder) == {"net.bin": BODY}


def test_bundled_files_that_are_missing_or_elsewhere(zoo: Zoo, tmp_path: Path) -> None:
    zoo.add("missing", described("net.bin", BODY, {"$type": "bundled", "path": "net.bin"}))
    folder = zoo.add("linked", described("net.bin", BODY, {"$type": "bundled", "path": "net.bin"}))
    (tmp_path / "outside").write_bytes(BODY)
    (zoo.root / "public/linked/net.bin").symlink_to(tmp_path / "outside")
    result = zoo.run()
    assert result.status == 1
    assert "bundled file net.bin: is not there" in result.err
    assert "bundled file net.bin: leads out of the folder" in result.err
    assert visible(folder) == {}


@pytest.mark.parametrize("url", ["ftp://example.com/x", "file:///etc/passwd", "//example.com/x"])
def test_only_http_addresses(zoo: Zoo, url: str) -> None:
    zoo.add("net", described("net.bin", BODY, url))
    result = zoo.run()
    assert result.status == 1
    assert "model.yml" in result.err


def test_a_server_that_falls_silent(zoo: Zoo, server: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    opener = SourceOpener(read_timeout_s=0.2)
    monkeypatch.setattr(download, "SourceOpener", lambda: opener)
    zoo.add("net", described("net.bin", BODY, server.serve("/net", Reply(BODY, pause_after=100))))
    result = zoo.run("--num_attempts", "2")
    assert result.status == 1
    assert "fell silent (2 attempts)" in result.err
    assert server.count("/net") == 2


def test_retry_after_reads_seconds_and_dates() -> None:
    assert retry_after(None) is None
    assert retry_after("17") == 17
    assert retry_after("soon") is None
    assert retry_after(formatdate(time.time() - 100, usegmt=True)) == 0
    assert retry_after(formatdate(time.time() + 100, usegmt=True)) == pytest.approx(100, abs=2)


def test_strangers_text_is_made_harmless() -> None:
    assert plain("a\x1b[31m\r\nb\u202e") == "a [31m b "
    assert len(plain("x" * 10_000)) == 200
