"""How an attack is made: a command of ours meets a forged input, in a process of its own, and is held to its bounds."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import sysconfig
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

#: What a refusal may take: of the processor, of the clock on a busy machine, and of memory with OpenVINO loaded.
SECONDS, PATIENCE_S, MEGABYTES = 10, 60, 768
LAUNCH = Path(__file__).parent / "launch.py"


@dataclass(frozen=True)
class Outcome:
    status: int
    out: str
    err: str
    #: Of the processor, those of child processes as well.
    seconds: float
    #: The largest process, in MB.
    megabytes: int


class Attack:
    """Runs commands in a folder that holds what was forged."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def run(
        self, *words: object, patience: float = PATIENCE_S, environment: Mapping[str, str] | None = None
    ) -> Outcome:
        """Run a command of ours, such as ``run("onnx2ir", "-m", "net.onnx")``.

        Whatever it does, it does not end by a signal, shows no traceback, and sends a terminal nothing that it would
        obey.
        """
        command = [str(Path(sysconfig.get_path("scripts")) / str(words[0])), *map(str, words[1:])]
        out, err = (self.folder.parent / f"{self.folder.name}.{name}" for name in ("out", "err"))
        taken, told = os.pipe()
        began = time.monotonic()
        with out.open("wb") as stdout, err.open("wb") as stderr, os.fdopen(taken, "rb") as taken_of:
            process = subprocess.Popen(
                [sys.executable, "-I", "-S", str(LAUNCH), str(told), *command],
                cwd=self.folder, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr, pass_fds=[told],
                env=os.environ | dict(environment or {}), start_new_session=True,
            )  # fmt: skip
            os.close(told)
            timer = threading.Timer(patience, os.killpg, (process.pid, signal.SIGKILL))
            timer.start()
            process.wait()
            timer.cancel()
            status, seconds, kilobytes = taken_of.read().split() or (-signal.SIGKILL, 0, 0)
        outcome = Outcome(
            int(status), out.read_bytes().decode(errors="replace"), err.read_bytes().decode(errors="replace"),
            float(seconds), int(kilobytes) >> 10,
        )  # fmt: skip
        assert time.monotonic() - began < patience, f"hangs: {outcome.err[-500:]}"
        assert outcome.status >= 0, f"died of signal {-outcome.status}: {outcome.err[-500:]}"
        assert "Traceback" not in outcome.err, outcome.err[-2000:]
        assert "internal error" not in outcome.err, outcome.err[-2000:]
        for text in (outcome.out, outcome.err):
            assert all(c.isprintable() or c in "\n\t" for c in text), ascii(text)[:2000]
        return outcome

    def refused(
        self, *words: object, seconds: float = SECONDS, megabytes: float = MEGABYTES, status: int = 1,
        patience: float = PATIENCE_S, environment: Mapping[str, str] | None = None,
    ) -> str:  # fmt: skip
        """Run a command that must refuse: one or two lines on stderr, in little time and memory, and nothing left.

        Returns:
            What it says.
        """
        before = self.files()
        outcome = self.run(*words, patience=patience, environment=environment)
        message = outcome.err.strip()
        assert outcome.status == status, (
            f"exit status {outcome.status}: {message[-500:]} {outcome.out[-500:]}"
        )
        assert 1 <= len(message.splitlines()) <= 2, message[:2000]
        assert len(message) < 4000
        assert outcome.seconds < seconds, f"{outcome.seconds:.1f} s of the processor: {message[:300]}"
        assert outcome.megabytes < megabytes, f"{outcome.megabytes} MB: {message[:300]}"
        assert self.files() == before
        print(message)
        return message

    def refused_each(
        self, names: Iterable[str], *words: object, seconds: float = SECONDS, megabytes: float = MEGABYTES,
        patience: float = PATIENCE_S,
    ) -> dict[str, str]:  # fmt: skip
        """Run a command on several models, each of which it must refuse, in little time and memory for all of them.

        Returns:
            What it says of each, a line or two.
        """
        names, before = list(names), self.files()
        outcome = self.run(*words, patience=patience)
        assert outcome.status == 1, f"exit status {outcome.status}: {outcome.err[-1000:]}"
        heads = "|".join(map(re.escape, sorted(names, key=len, reverse=True)))
        parts = re.split(rf"^(?:ERROR: )?({heads}): ", outcome.err, flags=re.MULTILINE)
        messages = dict(zip(parts[1::2], parts[2::2], strict=True))
        assert sorted(messages) == sorted(names), set(names) ^ set(messages)
        assert all(
            len(text.strip().splitlines()) <= 2 and len(text) < 4000 for text in [*messages.values()][:-1]
        )
        assert outcome.seconds < seconds, f"{outcome.seconds:.1f} s of the processor"
        assert outcome.megabytes < megabytes, f"{outcome.megabytes} MB"
        assert self.files() == before
        print(outcome.err)
        return messages

    def files(self) -> dict[str, int]:
        """Return what lies in the folder, hidden files as well: path -> size; a folder has none."""
        return {
            str(path.relative_to(self.folder)): 0 if path.is_dir() else path.lstat().st_size
            for path in sorted(self.folder.rglob("*"))
        }
