"""A loopback server, a models folder to write descriptors to, and the command to run on them."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from downloader.faults import FaultServer
from downloader.loopback import Loopback

from omz.downloader import command, download
from omz.downloader.transfer import Backoff

Described = dict[str, Any]


@pytest.fixture
def server() -> Iterator[Loopback]:
    server = Loopback()
    yield server
    server.close()


@pytest.fixture
def faults() -> Iterator[FaultServer]:
    server = FaultServer()
    yield server
    server.close()


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries follow at once."""
    monkeypatch.setattr(download, "Backoff", lambda: Backoff(first_s=0))


def described(name: str, body: bytes, *sources: object, algorithm: str = "sha384") -> Described:
    """Return the entry of a file in ``files:``, true to ``body``."""
    key = {"sha384": "checksum", "sha256": "sha256"}[algorithm]
    source, *more = sources
    entry = {"name": name, "size": len(body), key: hashlib.new(algorithm, body).hexdigest(), "source": source}
    return entry | ({"original_source": more} if more else {})


@dataclass
class Result:
    status: int
    out: str
    err: str


class Zoo:
    """A models folder and an output folder."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.root, self.output = folder / "models", folder / "output"
        self.root.mkdir()
        self._capsys = capsys

    def add(self, name: str, *files: Described, **more: object) -> Path:
        """Write a descriptor; returns the folder that its files will be in."""
        folder = self.root / "public" / name
        folder.mkdir(parents=True)
        content = {
            "description": "A net.",
            "task_type": "classification",
            "files": list(files),
            "framework": "caffe",
            "license": "https://example.com/licence",
            "model_optimizer_args": ["--input=data"],
            **more,
        }
        content = {key: value for key, value in content.items() if value is not None}
        (folder / "model.yml").write_text(yaml.safe_dump(content))
        return self.output / "public" / name

    def arguments(self, *arguments: str) -> list[str]:
        selection = [] if "--name" in arguments else ["--all"]
        return [*selection, "--models_root", str(self.root), "-o", str(self.output), *arguments]

    def run(self, *arguments: str) -> Result:
        """Run the command in this process."""
        self._capsys.readouterr()
        status = command.main(self.arguments(*arguments))
        captured = self._capsys.readouterr()
        return Result(status, captured.out, captured.err)

    def start(
        self,
        *arguments: str,
        prefix: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
        **options: Any,
    ) -> subprocess.Popen[str]:
        """Run the command in a process of its own."""
        code = (
            "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "  # ignored in the background
            "import sys; from omz.downloader.command import main; sys.exit(main())"
        )
        return subprocess.Popen(
            [*prefix, sys.executable, "-c", code, *self.arguments(*arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "NO_PROXY": "*"} if env is None else env,
            **options,
        )


@pytest.fixture
def zoo(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Zoo:
    return Zoo(tmp_path, capsys)


def visible(folder: Path) -> dict[str, bytes]:
    """Return the files below ``folder`` that have a final name, with their bytes."""
    files = (path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}
