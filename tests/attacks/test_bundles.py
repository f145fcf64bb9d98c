"""Bundles whose manifest is missing, empty, of another version, or not true to the members: nothing is installed."""

from __future__ import annotations

import copy
import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest
from attacks.attack import Attack
from attacks.models import describe, file_entry

BODY = b"weights"
MANIFEST = "omz-bundle.json"
INSTALL = ("omz_downloader", "--all", "--models_root", "zoo", "--from_bundle", "x.tar", "-o", "files")


def good(descriptor: Path) -> dict[str, Any]:
    """Return the members of a good bundle, the manifest as it is before it is JSON."""
    file = {"name": "net.bin", "size": len(BODY), "sha384": hashlib.sha384(BODY).hexdigest()}
    model = {
        "name": "net", "subdirectory": "public/net", "license": "none", "license_file": "L.txt", "files": [file]
    }  # fmt: skip
    return {
        MANIFEST: {"format": "omz-bundle", "version": 1, "models": [model]},
        "licenses/L.txt": b"Do what you like.",
        "models/public/net/model.yml": descriptor.read_bytes(),
        "files/public/net/net.bin": BODY,
    }


def write(path: Path, members: dict[str, Any], also: dict[str, bytes] | None = None) -> None:
    with tarfile.open(path, "w") as archive:
        for name, content in [*members.items(), *(also or {}).items()]:
            data = content if isinstance(content, bytes) else json.dumps(content).encode()
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))


def without(members: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in members.items() if key != name}


def forged(members: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return bundles with one thing wrong each."""

    def told(change: Any) -> dict[str, Any]:
        other = copy.deepcopy(members)
        change(other[MANIFEST])
        return other

    def of(manifest: object) -> dict[str, Any]:
        return members | {MANIFEST: manifest}

    manifest = members[MANIFEST]
    other = manifest["models"][0] | {"subdirectory": "public/other", "name": "other"}
    return {
        "none": without(members, MANIFEST),
        "none at all": {"files/public/net/net.bin": BODY},
        "empty": of(b""),
        "blank": of(b"   "),
        "empty object": of({}),
        "null": of(b"null"),
        "list": of([]),
        "no JSON": of(b"{"),
        "deep": of(b"[" * 100_000),
        "not UTF-8": of(b"\xff\xfe{}"),
        "Infinity": of(b'{"format": "omz-bundle", "version": Infinity, "models": []}'),
        "another version": of(manifest | {"version": 2}),
        "no version": of(without(manifest, "version")),
        "no format": of(without(manifest, "format")),
        "another format": of(manifest | {"format": "zip"}),
        "no models": of(manifest | {"models": []}),
        "a model more": of(manifest | {"models": [*manifest["models"], other]}),
        "a model twice": of(manifest | {"models": manifest["models"] * 2}),
        "a file twice": told(lambda it: it["models"][0]["files"].append(it["models"][0]["files"][0])),
        "no file": told(lambda it: it["models"][0]["files"].clear()),
        "another size": told(lambda it: it["models"][0]["files"][0].update(size=8)),
        "another digest": told(lambda it: it["models"][0]["files"][0].update(sha384="0" * 96)),
        "no digest": told(lambda it: it["models"][0]["files"][0].pop("sha384")),
        "a path out": told(lambda it: it["models"][0].update(subdirectory="../net")),
        "a file out": told(lambda it: it["models"][0]["files"][0].update(name="../net.bin")),
        "another key": of(manifest | {"more": 1}),
        "a file that is not there": without(members, "files/public/net/net.bin"),
        "a file that is not told": members | {"files/public/net/more.bin": b"x"},
        "a licence that is not there": without(members, "licenses/L.txt"),
        "a licence that is not told": members | {"licenses/M.txt": b"x"},
        "a descriptor that is not there": without(members, "models/public/net/model.yml"),
        "a descriptor that is not told": members | {"models/public/more/model.yml": b"x"},
        "something else": members | {"setup.py": b"x"},
        "another file": members | {"files/public/net/net.bin": b"another"},
    }


NAMES = list(forged({MANIFEST: {"models": [{"files": [{"sha384": ""}]}]}}))


@pytest.mark.parametrize("checksum", [True, False])
@pytest.mark.parametrize("what", ["good", *NAMES])
def test_manifests(attack: Attack, what: str, checksum: bool) -> None:
    """Whether the descriptor tells the digest or not."""
    entry = file_entry("net.bin", BODY)
    if not checksum:
        entry |= {"checksum": None, "sha256": hashlib.sha256(BODY).hexdigest()}
        entry = {key: value for key, value in entry.items() if value is not None}
    members = good(describe(attack.folder, "net", [entry], framework="dldt", model_optimizer_args=None))
    installed = attack.folder / "files" / "public" / "net" / "net.bin"
    if what == "good":
        write(attack.folder / "x.tar", members)
        assert attack.run(*INSTALL).status == 0
        assert installed.read_bytes() == BODY
        return
    write(attack.folder / "x.tar", forged(members)[what])
    outcome = attack.run(*INSTALL)
    print(outcome.err)
    assert outcome.status == 1
    assert "x.tar" in outcome.err or "net.bin" in outcome.err
    assert not installed.exists()


def test_two_manifests(attack: Attack) -> None:
    members = good(
        describe(
            attack.folder, "net", [file_entry("net.bin", BODY)], framework="dldt", model_optimizer_args=None
        )
    )
    write(attack.folder / "x.tar", members, {f"./{MANIFEST}": b"{}"})
    assert "is there twice" in attack.refused(*INSTALL)
