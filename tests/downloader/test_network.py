"""Mirrors, proxies, certificates, credentials and rates: what stands between a company's machine and a file."""

from __future__ import annotations

import base64
import os
import random
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from downloader.conftest import Zoo, described, visible
from downloader.loopback import Loopback, Reply

from omz.downloader.addresses import mirror_url
from omz.downloader.rate import BURST_S, RateLimit
from omz.redaction import redacted

BODY = random.Random(3).randbytes(300_000)
SECRET = "s3cr3t-pa55"
ENVIRONMENT = {key: value for key, value in os.environ.items() if "proxy" not in key.lower()}


@pytest.fixture
def other() -> Iterator[Loopback]:
    """A second server: another port is another origin."""
    server = Loopback()
    yield server
    server.close()


@pytest.fixture(autouse=True)
def no_settings_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OMZ_MIRROR", "NETRC", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)


def basic(login: str) -> str:
    return "Basic " + base64.b64encode(login.encode()).decode()


# Mirrors


def test_a_mirror_is_asked_before_the_sources(zoo: Zoo, server: Loopback, other: Loopback) -> None:
    folder = zoo.add("net", described("sub/net.bin", BODY, f"{server.root}/net"))
    other.serve("/zoo/public/net/sub/net.bin", BODY)
    assert zoo.run("--mirror", f"{other.root}/zoo/").status == 0
    assert visible(folder) == {"sub/net.bin": BODY}
    assert server.requests == []


@pytest.mark.parametrize("reply", [Reply(b"", 404), Reply(b"x" * len(BODY)), Reply(b"short")])
def test_a_mirror_that_has_not_the_file_is_passed_over(
    zoo: Zoo, server: Loopback, other: Loopback, reply: Reply
) -> None:
    folder = zoo.add("net", described("net.bin", BODY, server.serve("/net", BODY)))
    other.serve("/one/public/net/net.bin", reply)
    arguments = ["--mirror", f"{other.root}/one", "--mirror", f"{other.root}/two", "--num_attempts", "2"]
    assert zoo.run(*arguments).status == 0
    assert visible(folder) == {"net.bin": BODY}
    assert other.count("/one/public/net/net.bin") >= 1
    assert other.count("/two/public/net/net.bin") == 1


def test_mirrors_from_the_environment(
    zoo: Zoo, server: Loopback, other: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of which ``--mirror`` takes the place."""
    monkeypatch.setenv("OMZ_MIRROR", f"{other.root}/one {other.root}/two")
    other.serve("/two/public/net/net.bin", BODY)
    zoo.add("net", described("net.bin", BODY, f"{server.root}/net"))
    assert zoo.run().status == 0
    assert other.requests == ["/one/public/net/net.bin", "/two/public/net/net.bin"]
    (zoo.output / "public/net/net.bin").unlink()
    assert zoo.run("--mirror", f"{server.root}/three").status == 1
    assert server.requests == ["/three/public/net/net.bin", "/net"]
    assert len(other.requests) == 2


def test_files_of_the_package_are_not_asked_of_a_mirror(zoo: Zoo, other: Loopback) -> None:
    zoo.add("net", described("net.bin", BODY, {"$type": "bundled", "path": "net.bin"}))
    (zoo.root / "public/net/net.bin").write_bytes(BODY)
    assert zoo.run("--mirror", other.root).status == 0
    assert other.requests == []


@pytest.mark.parametrize(
    "mirror",
    ["ftp://host/x", "host/x", "http://", "http://[x", "http://host:x/", "http://a b/", "/media/usb"],
)
def test_what_is_no_address_of_a_mirror(zoo: Zoo, mirror: str) -> None:
    zoo.add("net", described("net.bin", BODY, "http://127.0.0.1:9/net"))
    result = zoo.run("--mirror", mirror)
    assert result.status == 2
    assert "is no address of a mirror" in result.err


def test_addresses_below_a_mirror() -> None:
    def url(base: str, name: str) -> str:
        return mirror_url(base, Path("public/net") / name)  # type: ignore[arg-type]

    assert url("http://host", "a.bin") == "http://host/public/net/a.bin"
    assert url("http://host/x/", "a b%#?.bin") == "http://host/x/public/net/a%20b%25%23%3F.bin"
    assert url("http://host/x?token=1", "ü") == "http://host/x/public/net/%C3%BC?token=1"


def test_the_error_says_what_to_fetch_by_browser_and_where_to_put_it(zoo: Zoo, server: Loopback) -> None:
    sources = [
        f"http://me:{SECRET}@127.0.0.1:{server.port}/net?v=1&token={SECRET}",
        {"$type": "huggingface", "repo": "a/b", "filename": "net.bin"},
    ]
    folder = zoo.add("net", described("net.bin", BODY, *sources))
    result = zoo.run("--quiet", "--mirror", f"http://me:{SECRET}@127.0.0.1:{server.port}/zoo")
    assert result.status == 1
    at = f"http://127.0.0.1:{server.port}"
    by_browser = f"{at}/zoo/public/net/net.bin or {at}/net?v=1&token=*** or https://huggingface.co/a/b/resolve/main/net.bin"
    assert (
        f"fetch it by browser from {by_browser}, put the file of 300000 bytes at {folder}/net.bin"
        in result.err
    )
    assert SECRET not in result.err
    (folder / "net.bin").write_bytes(BODY)
    assert zoo.run().status == 0


def test_a_file_on_google_drive_by_browser(
    zoo: Zoo, server: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    from omz.downloader import download
    from omz.downloader.sources import SourceOpener

    opener = SourceOpener(google_drive_url=f"{server.root}/drive")
    monkeypatch.setattr(download, "SourceOpener", lambda: opener)
    zoo.add("net", described("net.bin", BODY, {"$type": "google_drive", "id": "ab_C-1"}))
    assert "by browser from https://drive.google.com/file/d/ab_C-1/view, put" in zoo.run().err


# Headers and credentials


def test_headers_go_to_the_address_of_the_descriptor(zoo: Zoo, server: Loopback) -> None:
    zoo.add("net", described("net.bin", BODY, server.serve("/net", BODY)))
    assert zoo.run("--header", "X-Token:  abc ", "--header", "Cookie: a=b").status == 0
    assert (server.headers["X-Token"], server.headers["Cookie"]) == ("abc", "a=b")


def test_headers_for_a_mirror_go_nowhere_else(zoo: Zoo, server: Loopback, other: Loopback) -> None:
    """Descriptors name hosts that the user has not chosen."""
    zoo.add("net", described("net.bin", BODY, server.serve("/net", BODY)))
    other.serve("/public/net/net.bin", Reply(b"", 404))
    assert zoo.run("--mirror", other.root, "--header", "X-Token: abc").status == 0
    assert other.headers["X-Token"] == "abc"
    assert "X-Token" not in server.headers


@pytest.mark.parametrize("header", ["Authorization: Bearer abc", "Cookie: abc", "X-JFrog-Art-Api: abc"])
def test_headers_stay_behind_when_a_redirect_leaves_the_origin(
    zoo: Zoo, server: Loopback, other: Loopback, header: str
) -> None:
    """On the way, a redirect within the origin takes them along."""
    other.serve("/net", BODY)
    server.serve("/b", Reply(b"", 302, {"Location": f"{other.root}/net"}))
    zoo.add("net", described("net.bin", BODY, server.serve("/a", Reply(b"", 307, {"Location": "/b"}))))
    assert zoo.run("--header", header).status == 0
    name, value = header.split(": ")
    assert server.requests == ["/a", "/b"]
    assert server.headers[name] == value
    assert name not in other.headers


def test_headers_from_a_file(zoo: Zoo, server: Loopback, tmp_path: Path) -> None:
    """Where no list of processes shows them."""
    (tmp_path / "headers").write_text("X-One: 1\n\nX-Two: 2\n")
    zoo.add("net", described("net.bin", BODY, server.serve("/net", BODY)))
    assert zoo.run("--header", f"@{tmp_path}/headers").status == 0
    assert (server.headers["X-One"], server.headers["X-Two"]) == ("1", "2")


@pytest.mark.parametrize(
    "header",
    [SECRET, f": {SECRET}", f"a b: {SECRET}", f"A: {SECRET}\r\nB: 1", f"A: {SECRET}é", f"Range: {SECRET}"],
)
def test_headers_that_are_none_are_not_repeated(zoo: Zoo, header: str) -> None:
    zoo.add("net", described("net.bin", BODY, "http://127.0.0.1:9/net"))
    result = zoo.run("--header", header)
    assert result.status == 2
    assert "--header" in result.err
    assert SECRET not in result.err


def test_a_login_in_an_address_is_used_and_not_shown(
    zoo: Zoo, server: Loopback, other: Loopback, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It counts for more than .netrc, goes along within the origin, and no further."""
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login you password theirs\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    server.serve("/b", BODY)
    server.serve("/zoo/public/net/net.bin", Reply(b"", 302, {"Location": f"{server.root}/b"}))
    zoo.add("net", described("net.bin", BODY, f"{other.root}/net"))
    mirror = f"http://me:{SECRET}%40@127.0.0.1:{server.port}/zoo"
    result = zoo.run("--verbose", "--mirror", mirror)
    assert result.status == 0, result.err
    assert server.headers["Authorization"] == basic(f"me:{SECRET}@")
    assert SECRET not in result.err

    (zoo.output / "public/net/net.bin").unlink()
    server.serve("/b", Reply(b"", 302, {"Location": f"{other.root}/c"}))
    result = zoo.run("--verbose", "--mirror", mirror)
    assert result.status == 1
    assert "Traceback" in result.err
    assert other.headers["Authorization"] == basic("you:theirs")
    assert SECRET not in result.err


def test_netrc(zoo: Zoo, server: Loopback, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A header that the user states counts for more."""
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password mine\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    zoo.add("net", described("net.bin", BODY, server.serve("/net", BODY)))
    assert zoo.run().status == 0
    assert server.headers["Authorization"] == basic("me:mine")
    (zoo.output / "public/net/net.bin").unlink()
    assert zoo.run("--header", "Authorization: Bearer x").status == 0
    assert server.headers["Authorization"] == "Bearer x"


def test_no_credentials_on_a_terminal() -> None:
    cases = {
        f"get https://me:{SECRET}@host/a failed": "get https://host/a failed",
        f"'http://me:{SECRET}@x@host:8/a?b=1'": "'http://host:8/a?b=1'",
        f"http://{SECRET}@host": "http://host",
        f"https://host/a?x=1&X-Amz-Signature={SECRET}&y=2#z": "https://host/a?x=1&X-Amz-Signature=***&y=2#z",
        f"url: /a?access_token={SECRET} (Caused by": "url: /a?access_token=*** (Caused by",
        "mail me@example.com, see https://host/@me?v=1": "mail me@example.com, see https://host/@me?v=1",
    }
    assert {text: redacted(text) for text in cases} == cases


# Proxies and certificates


@pytest.mark.slow
def test_a_proxy_from_the_environment(zoo: Zoo, other: Loopback) -> None:
    """A plain one is asked for the whole address, and nobody else: no server has port 9."""
    other.serve("/net", BODY)
    folder = zoo.add("net", described("net.bin", BODY, "http://127.0.0.1:9/net"))
    proxy = f"http://me:{SECRET}@127.0.0.1:{other.port}"
    run = zoo.start(env=ENVIRONMENT | {"http_proxy": proxy, "NO_PROXY": ""})
    _, err = run.communicate(timeout=60)
    assert run.returncode == 0, err
    assert visible(folder) == {"net.bin": BODY}
    assert other.requests == ["http://127.0.0.1:9/net"]
    assert other.headers["Proxy-Authorization"] == basic(f"me:{SECRET}")

    run = zoo.start("-o", f"{zoo.output}2", env=ENVIRONMENT | {"http_proxy": proxy, "NO_PROXY": "127.0.0.1"})
    _, err = run.communicate(timeout=60)
    assert run.returncode == 1
    assert len(other.requests) == 1


@pytest.mark.parametrize("proxy", [f"http://me:{SECRET}@", f"http://me:{SECRET}@127.0.0.1:9"])
def test_a_proxy_that_is_none_does_not_give_the_password_away(zoo: Zoo, proxy: str) -> None:
    zoo.add("net", described("net.bin", BODY, "http://127.0.0.1:9/net", "https://127.0.0.1:9/net"))
    environment = ENVIRONMENT | {"http_proxy": proxy, "https_proxy": proxy, "NO_PROXY": ""}
    run = zoo.start("--verbose", "--num_attempts", "1", env=environment)
    _, err = run.communicate(timeout=60)
    assert run.returncode == 1
    assert "Traceback" in err
    assert SECRET not in err


@pytest.fixture
def secure(tmp_path: Path) -> Iterator[Loopback]:
    """A server with a certificate that it has signed by itself."""
    openssl = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=localhost",
    ]
    files = ["-keyout", str(tmp_path / "key.pem"), "-out", str(tmp_path / "ca.pem")]
    try:
        subprocess.run(
            [*openssl, "-addext", "subjectAltName=DNS:localhost", *files], check=True, capture_output=True
        )
    except FileNotFoundError:
        pytest.skip("needs openssl")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "ca.pem", tmp_path / "key.pem")
    server = Loopback(context)
    yield server
    server.close()


def test_the_certificates_of_a_company(
    zoo: Zoo, secure: Loopback, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secure.serve("/net", BODY)
    folder = zoo.add("net", described("net.bin", BODY, f"https://localhost:{secure.port}/net"))
    result = zoo.run("--num_attempts", "3")
    assert result.status == 1
    assert "secure connection failed" in result.err
    assert "attempts" not in result.err  # no use in asking again
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "ca.pem"))
    assert zoo.run().status == 0
    assert visible(folder) == {"net.bin": BODY}


# Rates


@pytest.mark.slow
@pytest.mark.parametrize(("rate", "per_s"), [("1000000", 1_000_000), ("500k", 512_000), ("0.5M", 524_288)])
def test_all_jobs_together_keep_to_a_rate(zoo: Zoo, server: Loopback, rate: str, per_s: int) -> None:
    files = [described(f"{n}.bin", BODY, server.serve(f"/{n}", BODY)) for n in range(4)]
    folder = zoo.add("net", *files)
    begun = time.monotonic()
    assert zoo.run("-j", "4", "--limit_rate", rate).status == 0
    assert time.monotonic() - begun >= 0.95 * (4 * len(BODY) / per_s - BURST_S)
    assert len(visible(folder)) == 4


@pytest.mark.parametrize("rate", ["0", "-1", "fast", "1T", "2 M", "1e9", ""])
def test_what_is_no_rate(zoo: Zoo, rate: str) -> None:
    zoo.add("net", described("net.bin", BODY, "http://127.0.0.1:9/net"))
    assert zoo.run(f"--limit_rate={rate}").status == 2


def test_a_rate_by_the_clock() -> None:
    """What was not used is not saved up, but for a moment."""
    now = 100.0
    waits: list[float] = []
    limit = RateLimit(1000, lambda: now, waits.append)
    limit.take(500)
    limit.take(500)
    now = 200.0
    limit.take(1000)
    assert waits == pytest.approx([0.5, 1.0, 1.0 - BURST_S])
    assert limit.portion == 250
