"""The answers so far, in a file: an interrupted evaluation goes on where it was.

The first line is a digest of all that the answers depend on: network, pictures (their names, sizes and times) and
classes, preprocessing, device.
After it comes a line for each picture. A line cut off by the interruption, or a file of other settings, is left out.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from omz.errors import InferenceError
from omz.files import whole_file, writing
from omz.regular_files import open_regular, regular_descriptor

if TYPE_CHECKING:
    from omz.accuracy.datasets import Dataset
    from omz.inference.classifier import Classifier
    from omz.inference.preparation import Preparation
    from omz.inference.ranking import Prediction

_log = logging.getLogger(__name__)

Kept = tuple[tuple[int, ...], tuple[float, ...]]  # the ranking and the scores, which may be missing
FLUSH_EVERY = 32  # pictures


class Progress:
    """Answers by the sample's place in the dataset; written to a file if there is one."""

    def __init__(
        self, answers: dict[int, Kept], path: Path | None = None, file: TextIO | None = None
    ) -> None:
        self.answers = answers
        self._path, self._file, self._unwritten = path, file, 0

    def add(self, place: int, predictions: Sequence[Prediction]) -> None:
        """Keep the answer of one sample."""
        ranking = tuple(prediction.index for prediction in predictions)
        scores = tuple(one.score for one in predictions if one.score is not None)
        self.answers[place] = ranking, scores
        if self._file is None or self._path is None:
            return
        with writing(self._path, InferenceError):
            self._file.write(json.dumps([place, ranking, scores]) + "\n")
            self._unwritten += 1
            if self._unwritten >= FLUSH_EVERY:
                self._file.flush()
                self._unwritten = 0

    def finish(self) -> None:
        """Remove the file: the work is done."""
        if self._path:
            self._path.unlink(missing_ok=True)


@contextmanager
def open_progress(
    path: Path | None, classifier: Classifier, dataset: Dataset, prepare: Preparation, ranks: int
) -> Iterator[Progress]:
    """Read what is there of the same evaluation, and go on writing to it.

    Raises:
        InferenceError: The file cannot be written.
    """
    if path is None:
        yield Progress({})
        return
    digest = digest_of(classifier, dataset, prepare, ranks)
    answers = _read(path, digest, len(dataset.samples))
    if answers:
        _log.info("%s: %d of %d pictures are done already", path, len(answers), len(dataset.samples))
    with writing(path, InferenceError):
        path.parent.mkdir(parents=True, exist_ok=True)
        if answers:  # a full disk must not take those that are there
            with whole_file(path, InferenceError) as stream:
                stream.write("".join(_lines(digest, answers)).encode())
        begin = os.O_APPEND if answers else os.O_TRUNC
        file = os.fdopen(regular_descriptor(path, os.O_WRONLY | os.O_CREAT | begin), "w", encoding="utf-8")
    with _closing(path, file):
        if not answers:
            with writing(path, InferenceError):
                file.writelines(_lines(digest, answers))
                file.flush()
        yield Progress(answers, path, file)


def _lines(digest: str, answers: Mapping[int, Kept]) -> Iterator[str]:
    yield json.dumps({"evaluation": digest}) + "\n"
    for place, (ranking, scores) in answers.items():
        yield json.dumps([place, ranking, scores]) + "\n"


@contextmanager
def _closing(path: Path, file: TextIO) -> Iterator[None]:
    """Close a file in the end; that writes, too, and a full disk may refuse it."""
    try:
        yield
    except BaseException:
        with suppress(OSError):  # the first error tells more
            file.close()
        raise
    with writing(path, InferenceError):
        file.close()


def digest_of(classifier: Classifier, dataset: Dataset, prepare: Preparation, ranks: int) -> str:
    """Return a SHA-256 over all that the answers depend on."""
    whole = hashlib.sha256()
    for path in (classifier.path, classifier.path.with_suffix(".bin")):
        with suppress(FileNotFoundError), open_regular(path) as file:
            whole.update(hashlib.file_digest(file, "sha256").digest())
    settings = [
        str(classifier.options),
        classifier.precision,
        str(classifier.output),
        prepare.settings,
        ranks,
        [
            [str(sample.path), sample.label, sorted(sample.labels or ()), *_state(sample.path)]
            for sample in dataset.samples
        ],
    ]
    whole.update(json.dumps(settings).encode())
    return whole.hexdigest()


def _state(path: Path) -> tuple[int, ...]:
    """Return a picture's size and when it was written last, in nanoseconds; () if it is not there."""
    try:
        facts = path.stat()
    except (OSError, ValueError):  # ValueError: of a NUL in the name
        return ()
    return facts.st_size, facts.st_mtime_ns


def _read(path: Path, digest: str, samples: int) -> dict[int, Kept]:
    try:
        with open_regular(path) as file:
            lines = file.read().decode().splitlines()
    except (OSError, UnicodeDecodeError):
        return {}
    if not lines or _parsed(lines[0]) != {"evaluation": digest}:
        if lines:
            _log.warning("%s: is of another model, dataset or setting; starting anew", path)
        return {}
    answers: dict[int, Kept] = {}
    for line in lines[1:]:
        match _parsed(line):
            case [int(place), [int(), *_] as ranking, [*scores]] if 0 <= place < samples:
                if len(scores) in (0, len(ranking)) and all(isinstance(one, int | float) for one in scores):
                    answers[place] = tuple(ranking), tuple(map(float, scores))
    return answers


def _parsed(line: str) -> Any:  # noqa: ANN401 - whatever is in the line
    try:
        return json.loads(line)
    except ValueError:
        return None
