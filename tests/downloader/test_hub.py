"""Files of the Hugging Face Hub, played by the loopback server that HF_ENDPOINT names."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from downloader.conftest import Zoo, described, visible
from downloader.loopback import Loopback, Reply

pytest.importorskip("huggingface_hub")

BODY = b"weights " * 20_000
SOURCE = {
    "$type": "huggingface",
    "repo": "timm/net.in1k",
    "revision": "v1/x",
    "filename": "sub/model.safetensors",
}
PLACE = "/timm/net.in1k/resolve/v1%2Fx/sub/model.safetensors"
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(autouse=True)
def settings(server: Loopback, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the user's own settings out; huggingface_hub reads them when it is imported, so runs are processes."""
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_HUB_OFFLINE", "HF_HUB_CACHE", "HF_TOKEN_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_ENDPOINT", server.root)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))


def run(zoo: Zoo, *arguments: str) -> tuple[int, str]:
    process = zoo.start("--num_attempts", "1", *arguments)
    _, err = process.communicate(timeout=60)
    return process.returncode, err


def cache(home: Path, revision: str, body: bytes) -> None:
    """Put a file into the Hub's cache, in its documented layout."""
    repository = home / "hub" / "models--timm--net.in1k"
    commit = revision if len(revision) == 40 else COMMIT
    path = repository / "snapshots" / commit / "sub" / "model.safetensors"
    path.parent.mkdir(parents=True)
    path.write_bytes(body)
    reference = repository / "refs" / revision
    reference.parent.mkdir(parents=True, exist_ok=True)
    reference.write_text(commit)


def test_the_mirror_is_asked_and_the_file_is_verified(zoo: Zoo, server: Loopback) -> None:
    server.serve(PLACE, BODY)
    folder = zoo.add("net", described("model.safetensors", BODY, SOURCE))
    status, err = run(zoo)
    assert status == 0, err
    assert visible(folder) == {"model.safetensors": BODY}
    assert server.requests == [PLACE]
    assert "authorization" not in {name.lower() for name in server.headers}
    assert server.headers["Accept-Encoding"] == "identity"


def test_a_wrong_file_of_the_hub_is_refused_and_the_next_source_is_tried(zoo: Zoo, server: Loopback) -> None:
    server.serve(PLACE, b"x" * len(BODY))
    folder = zoo.add("net", described("net.pth", BODY, SOURCE, server.serve("/net", BODY)))
    status, err = run(zoo, "--verbose")
    assert status == 0, err
    assert "Hugging Face timm/net.in1k@v1/x sub/model.safetensors: is not the file that was promised" in err
    assert visible(folder) == {"net.pth": BODY}


@pytest.mark.parametrize("stored", [False, True], ids=["HF_TOKEN", "logged in"])
def test_the_token_goes_to_the_hub_and_to_nobody_else(
    zoo: Zoo, server: Loopback, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stored: bool
) -> None:
    if stored:
        (tmp_path / "hf").mkdir()
        (tmp_path / "hf" / "token").write_text("hf_secret")
    else:
        monkeypatch.setenv("HF_TOKEN", "hf_secret")
    elsewhere = Loopback()
    try:
        there = elsewhere.serve("/blob", BODY)
        server.serve(PLACE, Reply(b"", 302, {"Location": there}))
        folder = zoo.add("net", described("net.pth", BODY, SOURCE))
        status, err = run(zoo)
        assert status == 0, err
        assert visible(folder) == {"net.pth": BODY}
        assert server.headers["Authorization"] == "Bearer hf_secret"
        assert "hf_secret" not in str(elsewhere.headers)
        assert elsewhere.requests == ["/blob"]
    finally:
        elsewhere.close()


def test_what_the_hub_says_is_told(zoo: Zoo, server: Loopback) -> None:
    gated = Reply(b"", 401, {"X-Error-Message": "Access to model timm/net.in1k is restricted."})
    server.serve(PLACE, gated)
    zoo.add("net", described("net.pth", BODY, SOURCE))
    status, err = run(zoo, "--quiet")
    assert status == 1
    assert re.search(r"401 .*: Access to model timm/net\.in1k is restricted\.", err)
    assert len(err.splitlines()) == 5


def test_offline_the_cache_of_the_hub_is_all_there_is(
    zoo: Zoo, server: Loopback, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    server.serve(PLACE, BODY)
    folder = zoo.add("net", described("net.pth", BODY, SOURCE))
    status, err = run(zoo, "--quiet")
    assert status == 1
    assert "is not in the cache of the Hub, and HF_HUB_OFFLINE is set" in err
    cache(tmp_path / "hf", "v1/x", BODY)
    status, err = run(zoo)
    assert status == 0, err
    assert visible(folder) == {"net.pth": BODY}
    assert server.requests == []


def test_what_is_in_the_cache_is_verified_too(
    zoo: Zoo, server: Loopback, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    cache(tmp_path / "hf", "v1/x", b"x" * len(BODY))
    folder = zoo.add("net", described("net.pth", BODY, SOURCE))
    status, err = run(zoo)
    assert status == 1
    assert "is not the file that was promised" in err
    assert visible(folder) == {}


def test_the_cache_stands_in_for_a_commit_but_not_for_a_branch(
    zoo: Zoo, server: Loopback, tmp_path: Path
) -> None:
    cache(tmp_path / "hf", COMMIT, BODY)
    cached = zoo.add("by-commit", described("net.pth", BODY, {**SOURCE, "revision": COMMIT}))
    zoo.add("by-branch", described("net.pth", BODY, SOURCE))
    status, _ = run(zoo)
    assert status == 1
    assert visible(cached) == {"net.pth": BODY}
    assert server.requests == [PLACE]


def test_without_the_package_the_error_says_what_to_install_and_the_next_source_is_tried(
    zoo: Zoo, server: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    zoo.add("a", described("net.pth", BODY, SOURCE))
    folder = zoo.add("b", described("net.pth", BODY, SOURCE, server.serve("/net", BODY)))
    result = zoo.run("--quiet")
    assert result.status == 1
    assert (
        "needs the package huggingface_hub; install it with: pip install 'omz-toolkit[huggingface]'"
        in result.err
    )
    assert result.err.endswith("FAILED:\na\n")
    assert visible(folder) == {"net.pth": BODY}


def test_the_package_is_not_imported_for_other_sources(zoo: Zoo, server: Loopback) -> None:
    zoo.add("net", described("net.pth", BODY, server.serve("/net", BODY)))
    code = (
        "import sys; from omz.downloader.command import main; status = main();"
        "sys.exit(status or 'huggingface_hub' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code, *zoo.arguments()], check=False).returncode == 0
