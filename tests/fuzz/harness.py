"""What the fuzz targets have in common: how one is run, and what counts as a failure.

Import it before anything of ``omz``: coverage is measured in what is imported under :func:`measured`.
"""

from __future__ import annotations

import contextlib
import logging
import os
import resource
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from random import Random

import atheris

TESTS = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TESTS))  # for `nets`

#: Memory beside four times the input, in bytes.
MEMORY = 512 << 20
DEFAULTS = {"-timeout": "10", "-rss_limit_mb": "3072", "-max_len": "16384"}

Mutator = Callable[[bytes, Random], bytes]


@contextlib.contextmanager
def measured() -> Iterator[None]:
    """Measure the coverage of the project's modules that are imported inside."""
    with atheris.instrument_imports(include=["omz"]):
        yield


def fuzz(target: Callable[[Path], None], file: str, seeds: Iterable[bytes], mutate: Mutator) -> None:
    """Run a target for ever, or as libFuzzer's flags on the command line say.

    A target gets a file and returns, or raises an error of ``omz.errors``. Any other exception is a failure, and so are
    more than ten seconds and more memory than :data:`MEMORY` and four times the file.

    Args:
        target: What is to be tested.
        file: The name that the file goes by.
        seeds: Contents to begin with, beside those in the folders on the command line.
        mutate: Changes a content so that it stays near to what the target accepts.
    """
    from omz.errors import ZooError

    logging.disable()
    with tempfile.TemporaryDirectory(prefix="omz-fuzz-") as folder:
        work, corpus, starts = (Path(folder) / name for name in ("work", "corpus", "seeds"))
        for one in (work, corpus, starts):
            one.mkdir()
        for number, content in enumerate(seeds):
            (starts / f"{number:04d}").write_bytes(content)
        path = work / file

        def run_once(data: bytes) -> None:
            path.write_bytes(data)
            before = peak_memory()
            with contextlib.suppress(ZooError):
                target(path)
            grown = peak_memory() - before
            if grown > MEMORY + 4 * len(data):
                raise MemoryError(f"{grown >> 20} MB for {len(data)} bytes")

        def custom_mutator(data: bytes, max_size: int, seed: int) -> bytes:
            rng = Random(seed)
            if rng.random() < 0.15:
                return atheris.Mutate(data, max_size)
            return mutate(data, rng)[:max_size]

        child = os.fork()  # libFuzzer ends its process at once, and the folder has to go
        if child == 0:
            atheris.Setup(_arguments(corpus, starts), run_once, custom_mutator=custom_mutator)
            atheris.Fuzz()
        _, status = os.waitpid(child, 0)
        raise SystemExit(os.waitstatus_to_exitcode(status))


def _arguments(corpus: Path, seeds: Path) -> list[str]:
    """Return the command line with our defaults. The first folder takes what is found; files are only run."""
    stated = {argument.partition("=")[0] for argument in sys.argv[1:]}
    flags = [f"{flag}={value}" for flag, value in DEFAULTS.items() if flag not in stated]
    paths = [Path(argument) for argument in sys.argv[1:] if not argument.startswith("-")]
    if any(path.is_file() for path in paths):
        return [*sys.argv, *flags]
    return [*sys.argv, *flags, *([] if paths else [str(corpus)]), str(seeds)]


def peak_memory() -> int:
    """Return the most memory that the process has had, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
