"""Processes of ours: the one way to start one.

Whatever lies in the current folder, or where a script of a user lies, a child does not import it: Python would take
an ``openvino.py`` there for OpenVINO. It runs isolated, with the places of installed packages and of this one alone.
"""

from __future__ import annotations

import json
import os
import pickle
import select
import signal
import site
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from omz import child_main, errors

#: An answer is small; what a child that a file has taken over says is not read beyond.
_MAX_ANSWER = 1 << 20
#: Of the clock, for each second of the processor and for the start: others may be at work on it, and a child may wait
#: for nothing.
_PATIENCE, _SLACK_S = 6, 60


@dataclass(frozen=True, slots=True)
class Limits:
    """What a child may take for a call.

    Attributes:
        memory_bytes: Beyond what it has once all is imported.
        seconds: Of the processor, all threads together.
    """

    memory_bytes: int
    seconds: float


class Death(Exception):  # noqa: N818 - not an error of ours; whoever called makes one of it
    """A child ended, and gave no answer.

    Attributes:
        cause: ``signal``, ``time``, ``memory`` or ``exit``.
    """

    def __init__(self, cause: str, words: str) -> None:
        self.cause = cause
        super().__init__(words)


class ChildError(Exception):
    """An error of a kind that the parent does not know, or need not; its class has the name that it had."""


class Child:
    """A process that calls functions, one after another. Not for several threads at a time."""

    def __init__(self, *, quiet: bool = False) -> None:
        """Start it.

        Args:
            quiet: Nobody sees what is written to standard error.
        """
        self._process = subprocess.Popen(  # noqa: S603 - a file of ours
            command(child_main.__file__),
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL if quiet else None,
        )
        setup = {"path": _shared_path(), "unsafe": sorted(_unsafe()), "packages": _packages()}
        self._unsent = json.dumps(setup).encode() + b"\n"

    def call(
        self, function: Callable[..., object] | str, *arguments: object, limits: Limits | None = None
    ) -> object:
        """Call a function of a module, or ``module:name``, and return what it returns, as far as JSON can say it.

        A call with limits is a child's last one.

        Raises:
            Death: The process died of it, or was ended at a limit.
            Exception: What the function raises: of :mod:`omz.errors`, or OSError, or a :class:`ChildError`.
        """
        request = pickle.dumps((function, arguments))
        header = {"size": len(request), "limits": asdict(limits) if limits else None}
        message = self._unsent + json.dumps(header).encode() + b"\n" + request
        self._unsent = b""
        answer = self._exchange(message, limits)
        if "error" not in answer:
            return answer.get("value")
        raise _raised(answer["error"], limits)

    @property
    def ended(self) -> bool:
        """Whether there is nobody to call any more."""
        return self._process.poll() is not None

    def interrupt(self) -> None:
        """Ask it to end as Ctrl-C does, after what it has begun is cleared away; may be called from any thread."""
        self._process.send_signal(signal.SIGINT)

    def _exchange(self, message: bytes, limits: Limits | None) -> dict[str, Any]:
        patience = _PATIENCE * limits.seconds + _SLACK_S if limits else None
        try:
            stream = _opened(self._process.stdin)
            stream.write(message)
            stream.flush()
            answer = json.loads(_line(_opened(self._process.stdout).fileno(), patience))
            if isinstance(answer, dict):
                return answer
        except TimeoutError:
            self.end()
            raise Death("time", f"is not done after {patience:.0f} s") from None
        except (BrokenPipeError, EOFError, ValueError):
            pass
        raise self._death(limits)

    def _death(self, limits: Limits | None) -> Death:
        """Say why there is no answer."""
        try:
            status = self._process.wait(10)
        except subprocess.TimeoutExpired:
            status = 0
        self.end()
        if limits and status == -signal.SIGXCPU:
            return Death("time", f"takes more than {limits.seconds:.0f} s of the processor's time")
        if limits and status == -signal.SIGABRT:  # what OpenVINO's threads do not catch, mostly of memory
            return Death("memory", f"aborts, or needs more than {limits.memory_bytes >> 20} MB of memory")
        if status < 0:
            return Death("signal", f"crashes ({signal.Signals(-status).name})")
        return Death("exit", f"ends without an answer (exit status {status})")

    def end(self) -> None:
        """End the process, whatever it is at."""
        self._process.kill()
        self.close()

    def close(self) -> None:
        """Let the process end by itself, and wait for that."""
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with suppress(BrokenPipeError):
                    stream.close()
        self._process.wait()

    def __enter__(self) -> Child:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()


def command(script: str, *, packages: bool = True) -> list[str]:
    """Return what starts a script of ours, by its path, with this interpreter, isolated.

    Args:
        script: A file of this package.
        packages: Whether it imports any but the standard library's.
    """
    return [
        sys.executable,
        "-I",
        *(["-B"] if sys.dont_write_bytecode else []),
        *([] if packages else ["-S"]),
        script,
    ]


def environment() -> dict[str, str]:
    """Return the environment without what would bring the current folder back, to whatever a child starts."""
    unwanted = ("PYTHONHOME", "PYTHONPATH", "PYTHONSTARTUP")
    cleaned = {name: value for name, value in os.environ.items() if name not in unwanted}
    for name in ("PATH", "LD_LIBRARY_PATH"):
        if name in cleaned:
            entries = [entry for entry in cleaned[name].split(os.pathsep) if os.path.isabs(entry)]  # noqa: PTH117
            cleaned[name] = os.pathsep.join(entries)
    return cleaned | {"PYTHONSAFEPATH": "1"}


def _shared_path() -> list[str]:
    """Return where the parent looks for packages that a child may look as well."""
    unsafe = _unsafe()
    return [entry for entry in sys.path if os.path.isabs(entry) and entry not in unsafe]  # noqa: PTH117


def _unsafe() -> set[str]:
    """Return the entries of the path that any files may be in: the current folder, and that of a user's script."""
    main = getattr(sys.modules.get("__main__"), "__file__", None)
    folders = [".", *([os.path.dirname(main) or "."] if main else [])]  # noqa: PTH120
    stated = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    folders += [entry for entry in stated if not os.path.isabs(entry)]  # noqa: PTH117
    places = [sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    installed = {os.path.realpath(path) for path in (*site.getsitepackages(), *places)}
    unsafe = {os.path.realpath(folder or ".") for folder in folders} - installed
    known = {*sys.path, *installed}
    return {entry for entry in known | unsafe if os.path.realpath(entry or ".") in unsafe} | {""}


def _packages() -> dict[str, str]:
    """Return the folders of our packages, wherever this process has them from."""
    found = {}
    for name in ("omz", "omz.demos", "omz.models"):
        spec = find_spec(name)
        if spec and spec.origin:
            found[name] = str(Path(spec.origin).parent)
    return found


def _line(descriptor: int, patience: float | None) -> bytes:
    """Read a line.

    Raises:
        TimeoutError: It does not come.
        EOFError: Nor will it.
        ValueError: It does not end.
    """
    end = None if patience is None else time.monotonic() + patience
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    read = bytearray()
    while not read.endswith(b"\n"):
        if not poll.poll(None if end is None else max(0.0, 1000 * (end - time.monotonic()))):
            raise TimeoutError
        if not (chunk := os.read(descriptor, 1 << 16)):
            raise EOFError
        read += chunk
        if len(read) > _MAX_ANSWER:
            raise ValueError("no answer of ours")
    return bytes(read)


def _opened(stream: IO[bytes] | None) -> IO[bytes]:
    if stream is None:
        raise BrokenPipeError
    return stream


def _raised(told: Mapping[str, Any], limits: Limits | None) -> Exception:
    """Return the error that a child tells of."""
    if limits and told.get("memory"):
        return Death("memory", f"needs more than {limits.memory_bytes >> 20} MB of memory")
    message = str(told.get("message"))
    error: Exception | None = None
    for module, name in told.get("kinds", ()):
        kind = getattr(errors, str(name), None) if module == errors.__name__ else None
        if isinstance(kind, type) and issubclass(kind, errors.ZooError):
            error = kind(message)
        elif (module, name) == ("builtins", "OSError") and "errno" in told:
            error = OSError(told["errno"], told["strerror"], told["filename"] or None)
        elif (module, name) == ("builtins", "MemoryError"):
            error = MemoryError(message)
        if error:
            break
    else:
        names: Sequence[Any] = told.get("kinds") or [("", "ChildError")]
        error = type(str(names[0][1]), (ChildError,), {})(message)
    assert error is not None  # noqa: S101 - for the type checker
    error.add_note(str(told.get("traceback", "")))
    return error
