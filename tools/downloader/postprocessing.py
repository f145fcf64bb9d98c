"""What descriptors ask to be done with files after the download: replace text, unpack archives.

A file that a step changes or unpacks is stored as ``<file>.orig`` (as Open Model Zoo's tools leave it), and its
digest is that of the descriptor. All steps run from the originals in a private folder; what comes out replaces
only files that differ. So a run over a finished folder fetches nothing and changes nothing, a run after an
interruption mends what is missing, and a file without a finished post-processing never has its final name.
Archives are kept as ``.orig``, too, where Open Model Zoo's tools remove them: that costs the space of the
archive, and saves fetching it again with every run.
"""

from __future__ import annotations

import filecmp
import json
import logging
import shutil
import subprocess
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path, PurePosixPath

from omz import child
from omz.downloader import replace_worker
from omz.downloader.archives import Limits, unpack
from omz.downloader.files import require_space
from omz.downloader.pool import CancelToken
from omz.errors import DownloadError
from omz.files import writing
from omz.private import private_folder, private_path
from omz.zoo.model_files import ModelFile
from omz.zoo.postprocessing import RegexReplace, UnpackArchive
from omz.zoo.schema import Model

log = logging.getLogger(__name__)

MAX_TEXT_BYTES = 64 << 20  # before and after
REGEX_SECONDS = 5  # of the processor; published patterns take milliseconds
REGEX_MEMORY_BYTES = 2 << 30


def postprocess(
    model: Model, files: Sequence[ModelFile], folder: Path, cancel: CancelToken, limits: Limits | None = None
) -> None:
    """Run the steps of ``model`` in ``folder``, where the verified ``files`` are stored.

    Steps that concern files of the descriptor that were not asked for (other precisions) are left out.

    Raises:
        DownloadError: A step could not be done; names the file and the step. Nothing has changed in ``folder``.
    """
    with ExitStack() as stack:
        with writing(folder, DownloadError):
            results = stack.enter_context(private_folder(folder))
        produce(model, files, folder, results, cancel, limits)
        _publish(results, folder)


def produce(
    model: Model,
    files: Sequence[ModelFile],
    folder: Path,
    results: Path,
    cancel: CancelToken,
    limits: Limits | None = None,
) -> list[str]:
    """Like :func:`postprocess`, with what comes out in the empty folder ``results``; returns its names there."""
    originals = {file.name: folder / model.stored_name(file) for file in files}
    left_out = {file.name for file in model.files} - originals.keys()
    for step in model.postprocessing:
        if step.file in left_out:
            continue
        source = results / step.file
        if not source.is_file():
            source = originals.get(step.file, source)
        if not source.is_file():
            raise DownloadError(f"{step.file}: {step.type}: no such file was downloaded or unpacked")
        if isinstance(step, UnpackArchive):
            _unpack(step, source, results, cancel, limits)
        else:
            _replace(step, source, results / step.file, cancel)
    _refuse_overwriting(model, results)
    return [path.relative_to(results).as_posix() for path in _files(results)]


def _unpack(
    step: UnpackArchive, source: Path, results: Path, cancel: CancelToken, limits: Limits | None
) -> None:
    members = private_path(results)
    try:
        unpack(source, step.format, members, limits=limits, cancel=cancel)
    except DownloadError as error:
        raise DownloadError(f"{step.file}: {error}") from error
    # Archives may share folders (two Python wheels, say), so files are moved one by one.
    with writing(results, DownloadError):
        for path in _files(members):
            target = results / PurePosixPath(step.file).parent / path.relative_to(members).as_posix()
            target.parent.mkdir(parents=True, exist_ok=True)
            path.replace(target)
        shutil.rmtree(members, ignore_errors=True)


def _replace(step: RegexReplace, source: Path, target: Path, cancel: CancelToken) -> None:
    where = f"{step.file}: pattern {step.pattern!r}"
    size = source.stat().st_size
    if size > MAX_TEXT_BYTES:
        raise DownloadError(
            f"{where}: the file has {size} bytes; text is replaced in {MAX_TEXT_BYTES} at most"
        )
    require_space(target.parent if target.parent.is_dir() else source.parent, size)
    with writing(target, DownloadError):
        target.parent.mkdir(parents=True, exist_ok=True)
    replaced = private_path(target.parent)
    answer = _run_worker(
        {
            "source": str(source),
            "target": str(replaced),
            "pattern": step.pattern,
            "replacement": step.replacement,
            "count": step.count,
            "seconds": REGEX_SECONDS,
            "memory_bytes": REGEX_MEMORY_BYTES,
            "result_bytes": MAX_TEXT_BYTES,
        },
        cancel,
    )
    found = answer.get("found")
    if not isinstance(found, int):
        raise DownloadError(f"{where}: {answer.get('error')}")
    if found < max(step.count, 1):
        wanted = f"{step.count} matches" if step.count else "a match"
        raise DownloadError(
            f"{where}: expected {wanted}, found {found or 'none'}. The descriptor and the file do not fit together."
        )
    with writing(target, DownloadError):
        replaced.replace(target)


def _run_worker(request: dict[str, str | int], cancel: CancelToken) -> dict[str, object]:
    command = child.command(replace_worker.__file__, packages=False)
    worker = subprocess.Popen(  # noqa: S603 - our own file, by this interpreter
        command,
        env=child.environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    deadline = time.monotonic() + 4 * REGEX_SECONDS  # the worker's own bound counts its processor time
    input_text: str | None = json.dumps(request)
    try:
        while True:
            try:
                output, _ = worker.communicate(input_text, timeout=0.1)
                break
            except subprocess.TimeoutExpired:
                input_text = None
                cancel.check()
                if time.monotonic() > deadline:
                    return {"error": f"takes longer than {4 * REGEX_SECONDS} s"}
    finally:
        worker.kill()
        worker.wait()
        for pipe in (worker.stdin, worker.stdout):
            if pipe is not None:
                pipe.close()
    cancel.check()  # Ctrl-C in a terminal reaches the worker as well
    if worker.returncode:
        return {"error": f"takes longer than {REGEX_SECONDS} s, or too much memory"}
    answer: dict[str, object] = json.loads(output)
    return answer


def _refuse_overwriting(model: Model, results: Path) -> None:
    """Refuse results in the place of something that is checked against a digest, or of our own files."""
    for file in model.files:
        stored = model.stored_name(file)
        if (results / stored).exists():
            raise DownloadError(f"{stored}: post-processing would overwrite this downloaded file")


def _publish(results: Path, folder: Path) -> None:
    """Move results to where they belong, and leave alone what is the same already."""
    for path in _files(results):
        target = folder / path.relative_to(results)
        if target.is_file() and filecmp.cmp(path, target, shallow=False):
            continue
        with writing(target, DownloadError):
            target.parent.mkdir(parents=True, exist_ok=True)
            path.replace(target)


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())
