"""The other end of :mod:`omz.child`: run by path, as a process of its own.

Uses the standard library alone, until a request names what to import. Standard input has a line of JSON, how packages
are found; then requests, each a line of JSON with its size and its limits, and a pickle of a function and what it gets.
Each answer on standard output is a line of JSON. What is printed by whoever is called goes to standard error.
"""

import contextlib
import importlib
import json
import math
import os
import signal
import sys
import time
from typing import Any

_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE = 1, 4
#: A child that is limited computes on so many processors: each thread takes memory, and processor time is what counts.
_PROCESSORS = 2


def main() -> None:
    """Do what standard input asks for, until it ends."""
    with os.fdopen(os.dup(1), "wb") as answers, os.fdopen(os.dup(0), "rb") as requests:
        os.dup2(2, 1)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        signal.signal(signal.SIGINT, _interrupted)
        _end_with_the_parent(signal.SIGINT)
        with contextlib.suppress(BrokenPipeError, KeyboardInterrupt):
            _prepare(json.loads(requests.readline()))
            while line := requests.readline():
                request = json.loads(line)
                answer = _answer(requests.read(request["size"]), request["limits"])
                answers.write(json.dumps(answer, default=str).encode() + b"\n")
                answers.flush()


def _interrupted(number: int, frame: object) -> None:
    """Raise once: the terminal and the parent may both say it, and what is cleared away is not to be interrupted."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    raise KeyboardInterrupt


def _end_with_the_parent(by: signal.Signals) -> None:
    """End when the parent does, however that ends."""
    with contextlib.suppress(ImportError, OSError, AttributeError):
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, by)


def _leave_no_core() -> None:
    """Leave no picture of the memory, in a file or with a program that collects them."""
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(ImportError, OSError, AttributeError):
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0)  # to a program they go whatever the limit is


def _prepare(setup: dict[str, Any]) -> None:
    """Find what the parent finds, but nothing in the current folder."""
    from importlib.util import spec_from_file_location

    class OurPackages:
        @staticmethod
        def find_spec(fullname: str, path: object, target: object = None) -> object:
            folder = setup["packages"].get(fullname)
            if folder is None:
                return None
            init = os.path.join(folder, "__init__.py")  # noqa: PTH118 - pathlib costs a third of the start
            return spec_from_file_location(fullname, init, submodule_search_locations=[folder])

    sys.path[:] = [entry for entry in sys.path if entry not in setup["unsafe"]]
    sys.path += [entry for entry in setup["path"] if entry not in sys.path]
    sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]  # starts a process when OpenVINO is imported
    sys.meta_path.insert(0, OurPackages)  # type: ignore[arg-type]  # it has what is used of a finder


def _answer(request: bytes, limits: dict[str, Any] | None) -> dict[str, object]:
    import pickle

    try:
        if limits:
            _leave_no_core()
            _end_with_the_parent(signal.SIGKILL)
            with contextlib.suppress(AttributeError, OSError):  # no Linux
                os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-_PROCESSORS:])
        function, arguments = pickle.loads(request)  # noqa: S301 - the parent's; imports what is needed
        if isinstance(function, str):
            module, _, name = function.partition(":")
            function = getattr(importlib.import_module(module), name)
        if limits:
            _limit(**limits)
        return {"value": function(*arguments)}
    except KeyboardInterrupt:
        os._exit(130)
    except BaseException as error:
        return {"error": _told(error)}


def _limit(memory_bytes: int, seconds: float) -> None:
    """Bound what is taken from now on: of memory, and of the processor's time, which no busy machine makes longer.

    What is bounded is data: mapped files and reserved addresses, which cost nothing, do not count.
    """
    import resource

    with open("/proc/self/status", encoding="ascii", errors="replace") as status:  # noqa: PTH123 - as above
        used = next(int(line.split()[1]) << 10 for line in status if line.startswith("VmData:"))
    for kind, most in (
        (resource.RLIMIT_DATA, used + memory_bytes),
        (resource.RLIMIT_CPU, math.ceil(time.process_time() + seconds)),
    ):
        hard = resource.getrlimit(kind)[1]
        resource.setrlimit(kind, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


def _told(error: BaseException) -> dict[str, object]:
    """Say what another process needs to raise the same; without pickles, whatever has become of this one."""
    import traceback

    kinds = [(one.__module__, one.__name__) for one in type(error).__mro__]
    told: dict[str, object] = {
        "kinds": kinds,
        "message": _clipped(str(error)),
        "memory": _out_of_memory(error),
        "traceback": _clipped("".join(traceback.format_exception(error))),
    }
    if isinstance(error, OSError) and error.strerror:
        told |= {"errno": error.errno, "strerror": error.strerror, "filename": str(error.filename or "")}
    return told


def _clipped(text: str) -> str:
    return text if len(text) < 20_000 else text[:10_000] + " ... " + text[-10_000:]


def _out_of_memory(error: BaseException | None) -> bool:
    """Return whether an error comes of memory that was not to be had; libraries say it in their own words."""
    while error is not None:
        words = str(error)
        if isinstance(error, MemoryError) or "bad_alloc" in words or "allocate" in words:
            return True
        error = error.__cause__ or error.__context__
    return False


if __name__ == "__main__":
    main()
