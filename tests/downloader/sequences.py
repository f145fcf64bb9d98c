"""Random sequences of faults: one is drawn from a number, played against the downloader, and checked in every step.

In this process a sequence is a transfer of one file; others are runs of ``omz_downloader`` in processes of their own,
of which some are killed, some are side by side, and some wait as long as a user would.
"""

from __future__ import annotations

import hashlib
import logging
import os
import random
import re
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import yaml
from downloader.faults import BENIGN, FINAL, RAW, RESTARTS, Fault, FaultServer
from downloader.raw_faults import LAST, LOSING

from omz.downloader import receive, transfer
from omz.downloader.sources import SourceOpener
from omz.downloader.transfer import Backoff, Transfer
from omz.errors import DownloadError
from omz.zoo.model_files import ModelFile

KINDS = [*BENIGN, *RESTARTS, *FINAL, *RAW, "none"]
WASTE = {**dict.fromkeys([*RESTARTS, *FINAL, *LAST], 1), **dict.fromkeys([*LOSING, "chunked longer"], 2)}
#: For how long the file may make no progress: in the transfers of this process, in commands, and in those that wait.
IDLE_S = {"inside": 0.5, "process": 1.0, "killed": 1.0, "together": 1.0, "patient": 30.0}
#: How long a run may take beside all waits that the faults cause, on a machine with much else to do.
SLACK_S = 60.0
MODES = ["inside"] * 60 + ["process"] * 16 + ["killed"] * 12 + ["together"] * 8 + ["patient"] * 4
#: Shortens waits and pieces of a command, and nothing else.
HASTY = """
import sys
from omz.downloader import download, receive, sources, transfer
sources.SourceOpener.__init__.__kwdefaults__.update(connect_timeout_s=5.0, read_timeout_s={idle_s})
receive.PIECE_BYTES, transfer.PROGRESS_BYTES = 50_000, 100_000
backoff = transfer.Backoff
download.Backoff = lambda: backoff(first_s=0.02)
from omz.downloader.command import main
sys.exit(main())
"""
_PRIVATE = re.compile(r"\.omz\.lock|\.(?P<name>.+?)\.(?:[0-9a-f]{16}\.)?part")
_LINES = re.compile(
    r"ERROR: net: \S+ could not be fetched: .*|\s*Check the network and the source; or .*|FAILED:|net|"
)


class Server(Protocol):
    def serve(self, path: str, body: bytes, *plan: Fault, **options: Any) -> str: ...


@dataclass
class File:
    name: str
    body: bytes
    urls: list[str]


@dataclass
class Record:
    """What came of a sequence."""

    seed: int
    mode: str
    outcomes: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    kills: int = 0
    seconds: float = 0.0
    longest_s: float = 0.0
    #: Each begins with its kind: wrong file, hang, traceback, left over, bytes, message, never done.
    problems: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        return vars(self)


class Hang(Exception):  # noqa: N818 - not an error of ours
    """A run has not ended in time."""


def play(seed: int) -> Record:
    """Play the sequence of a number."""
    return _Sequence(seed).play()


def drawn(seed: int) -> tuple[str, list[str]]:
    """Return how the sequence of a number is run, and the first fault of each source."""
    firsts = []

    class Draft:
        def serve(self, path: str, body: bytes, *plan: Fault, **_: object) -> str:
            firsts.append(plan[0].kind if plan else "none")
            return path

    sequence = _Sequence(seed)
    list(sequence._draw(Draft()))
    return sequence.mode, firsts


class _Sequence:
    def __init__(self, seed: int) -> None:
        self.rng = random.Random(f"sequence {seed}")
        self.record = Record(seed, self.rng.choice(MODES))
        self.mode, self.idle_s = self.record.mode, IDLE_S[self.record.mode]
        self.segments = self.rng.choice([1, 1, 2, 3])
        self.attempts = 2 if self.mode == "patient" else 3

    def play(self) -> Record:
        began = time.monotonic()
        server = FaultServer()
        try:
            with tempfile.TemporaryDirectory(prefix="omz-faults-", ignore_cleanup_errors=True) as folder:
                self.work = Path(folder)
                self.files = list(self._draw(server))
                self.faults = sum(len(one.plan) for one in server.resources.values())
                try:
                    self._runs()
                except Hang as hang:
                    self.record.problems.append(f"hang: {hang}")
                self._count(server)
        finally:
            server.close()
        self.record.seconds = time.monotonic() - began
        return self.record

    def _draw(self, server: Server) -> Iterator[File]:
        """Draw files, their sources, and what goes wrong with each."""
        rng = self.rng
        kinds = rng.choice([KINDS, RAW, KINDS, [rng.choice(KINDS), rng.choice(KINDS), "none"]])
        for number in range(1 if self.mode == "inside" else rng.choice([1, 1, 2])):
            size = rng.choice([1, 5_000, 60_000, 200_000, 400_000, 400_000])
            if self.mode == "killed":
                size = rng.choice([400_000, 1_500_000])
            name, body = f"{number}.bin", rng.randbytes(size)
            urls = []
            for source in range(rng.choice([1, 1, 2])):
                most = 2 if self.mode == "patient" else 8
                plan = [
                    Fault(rng.choice(kinds), rng.choice([0.0, 0.1, 0.5, 0.9, 0.9999, rng.random()]))
                    for _ in range(rng.randrange(most + 1))
                ]
                options: dict[str, Any] = {"etag": rng.choice(['"v1"', '"v1"', 'W/"v1"', None])}
                if self.mode == "killed":
                    options["rate"] = rng.choice([300_000.0, 1_500_000.0])
                urls.append(server.serve(f"/{number}.{source}", body, *plan, **options))
            yield File(name, body, urls)

    # Runs

    def _runs(self) -> None:
        """Runs follow each other until the faults are used up; by then, one must have succeeded."""
        kills = self.rng.randrange(1, 6) if self.mode == "killed" else 0
        for _ in range(kills):
            if self._kill():
                break
        for _ in range(self.faults + 2):
            if self.mode == "inside":
                done = self._inside()
            else:
                done = self._commands(self.rng.choice([2, 3]) if self.mode == "together" else 1)
            self._check_folder(done=done)
            if done:
                return
            if self.record.problems:
                return
        self.record.problems.append("never done: no run has succeeded, though no faults were left")

    def _inside(self) -> bool:
        """One transfer in a thread of this process; tells whether the file came."""
        file = self.files[0]
        folder = self._folder()
        folder.mkdir(parents=True, exist_ok=True)
        run = Transfer(
            opener=SourceOpener(read_timeout_s=self.idle_s, connect_timeout_s=5.0),
            backoff=Backoff(first_s=0.01, limit_s=0.05), segments=self.segments, attempts=self.attempts,
        )  # fmt: skip
        result: list[BaseException | None] = []

        def fetch() -> None:
            try:
                run.fetch(ModelFile.model_validate(_entry(file)), folder / file.name, folder, lambda _: None)
                result.append(None)
            except BaseException as error:
                result.append(error)

        thread = threading.Thread(target=fetch, daemon=True)
        began = time.monotonic()
        thread.start()
        thread.join(self._limit_s)
        self.record.longest_s = max(self.record.longest_s, time.monotonic() - began)
        if thread.is_alive():
            raise Hang(f"a transfer took more than {self._limit_s:.0f} s")
        error = result[0]
        if error is None:
            self.record.outcomes["right file"] += 1
            return True
        if not isinstance(error, DownloadError):
            self.record.problems.append(f"traceback: {type(error).__name__}: {error}")
            return False
        lines = str(error).splitlines()
        if len(lines) > 2 or not all(line.isprintable() for line in lines):
            self.record.problems.append(f"message: {error}")
        self.record.outcomes["clear error"] += 1
        return False

    def _commands(self, count: int) -> bool:
        """So many commands at once; tells whether all succeeded."""
        runs = [self._start() for _ in range(count)]
        began = time.monotonic()
        for run in runs:
            try:
                _, err = run.communicate(timeout=max(began + self._limit_s - time.monotonic(), 0.1))
            except subprocess.TimeoutExpired:
                for one in runs:
                    one.kill()
                    one.communicate()
                raise Hang(f"a command took more than {self._limit_s:.0f} s") from None
            self._check_message(run.returncode, err)
        self.record.longest_s = max(self.record.longest_s, time.monotonic() - began)
        return all(run.returncode == 0 for run in runs)

    def _kill(self) -> bool:
        """Kill a command at some moment; tells whether it was done before that."""
        run = self._start()
        with suppress(subprocess.TimeoutExpired):
            # Most of the first tenths of a second, it starts.
            run.wait(
                self.rng.choice(
                    [self.rng.uniform(0, 0.5), self.rng.uniform(0.3, 2.5), self.rng.uniform(0.3, 5)]
                )
            )
        done = run.poll() is not None
        run.kill()
        _, err = run.communicate()
        if done:
            self._check_message(run.returncode, err)
        else:
            self.record.kills += 1
        self._check_folder(killed=True)
        return done and run.returncode == 0

    def _start(self) -> subprocess.Popen[str]:
        self._describe()
        if self.mode == "patient":
            command = [str(Path(sysconfig.get_path("scripts")) / "omz_downloader")]
        else:
            command = [sys.executable, "-c", HASTY.format(idle_s=self.idle_s)]
        command += ["--name", "net", "--models_root", str(self.work / "models"), "-o", str(self.work / "out")]
        command += [
            "--quiet",
            "--num_attempts",
            str(self.attempts),
            "--segments",
            str(self.segments),
            "-j",
            "2",
        ]
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            errors="backslashreplace", cwd=self.work, env={**os.environ, "NO_PROXY": "*"},
        )  # fmt: skip

    def _describe(self) -> None:
        path = self.work / "models" / "public" / "net" / "model.yml"
        if path.exists():
            return
        path.parent.mkdir(parents=True)
        content = {
            "description": "A net.", "task_type": "classification", "framework": "caffe",
            "license": "https://example.com", "model_optimizer_args": ["--input=data"],
            "files": [_entry(file) for file in self.files],
        }  # fmt: skip
        path.write_text(yaml.safe_dump(content))

    # Checks

    @property
    def _limit_s(self) -> float:
        """The longest that a run may take: each fault can cost the time without progress once, and a pause."""
        sources = sum(len(file.urls) for file in self.files)
        return SLACK_S + 1.5 * self.idle_s * (self.faults + sources * self.attempts)

    def _folder(self) -> Path:
        return self.work / ("files" if self.mode == "inside" else "out/public/net")

    def _check_message(self, status: int, err: str) -> None:
        lines = err.splitlines()
        if "Traceback" in err or "internal error" in err or status not in (0, 1):
            self.record.problems.append(f"traceback: status {status}: {err[-3000:]}")
        elif status == 0 and err:
            self.record.problems.append(f"message: of a success: {err[-1000:]}")
        elif status == 1 and not (
            err and all(line.isprintable() and _LINES.fullmatch(line) for line in lines)
        ):
            self.record.problems.append(f"message: {err[-2000:]}")
        self.record.outcomes["right file" if status == 0 else "clear error"] += 1

    def _check_folder(self, *, done: bool = False, killed: bool = False) -> None:
        """Under a final name there is the right file or none; else nothing but what can be gone on from."""
        folder, bodies = self._folder(), {file.name: file.body for file in self.files}
        there = sorted(folder.iterdir()) if folder.exists() else []
        for path in there:
            if path.name in bodies:
                if path.read_bytes() != bodies[path.name]:
                    self.record.problems.append(f"wrong file: {path.name}")
                continue
            match = _PRIVATE.fullmatch(path.name)
            if done or not match or (path.name == ".omz.lock" and not killed):
                self.record.problems.append(f"left over: {path.name}, {[one.name for one in there]}")
        if done and not set(bodies) <= {path.name for path in there}:
            self.record.problems.append(f"wrong file: success without {set(bodies)}")

    def _count(self, server: FaultServer) -> None:
        """Count what happened, and what it has cost."""
        for one in server.resources.values():
            self.record.kinds.update(one.happened)
        if server.swallowed:
            self.record.problems.append(f"bytes: all of an endless answer was taken: {server.swallowed}")
        processes = 3 if self.mode == "together" else 1
        for file in self.files:
            resources = [server.resources[url.removeprefix(server.root)] for url in file.urls]
            waste = sum(WASTE.get(kind, 0) for one in resources for kind in one.happened)
            sent, size = sum(one.sent for one in resources), len(file.body)
            # What was on its way when a process was killed has not arrived.
            bound = size * (1.01 + waste) * processes + (self.record.kills + 1) * 200_000
            if sent > bound:
                self.record.problems.append(
                    f"bytes: {sent} sent of {size}, at most {bound:.0f} were expected"
                )


def _entry(file: File) -> dict[str, Any]:
    source, *more = file.urls
    digest = hashlib.sha384(file.body).hexdigest()
    entry = {"name": file.name, "size": len(file.body), "checksum": digest, "source": source}
    return entry | ({"original_source": more} if more else {})


def prepare() -> None:
    """Let transfers in this process take small pieces, and log nothing."""
    receive.PIECE_BYTES, transfer.PROGRESS_BYTES = 50_000, 100_000
    logging.disable()
