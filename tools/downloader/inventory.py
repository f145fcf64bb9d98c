"""What there is of models on the disk, and what a run would fetch; looks, and changes nothing."""

from __future__ import annotations

import filecmp
import tempfile
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Self

from omz.downloader.addresses import Whence
from omz.downloader.cache import Cache
from omz.downloader.download import selected_files
from omz.downloader.hashes import is_whole
from omz.downloader.pool import CancelToken
from omz.downloader.postprocessing import produce
from omz.downloader.progress import megabytes
from omz.downloader.sources import is_local
from omz.downloader.takeover import held_bytes
from omz.errors import DownloadError
from omz.outgoing import describe
from omz.private import private_folder
from omz.zoo.model_files import ModelFile
from omz.zoo.schema import Model


class State(StrEnum):
    """How a file is."""

    OK = "ok"
    MISSING = "missing"
    CORRUPT = "corrupt"  # something else is in its place
    PARTIAL = "partial"  # a part has been downloaded, or all of it, but the post-processing is still to come


@dataclass(frozen=True, slots=True)
class Finding:
    """What :func:`verify` has found of one file; ``problem`` says what is wrong with one that is not ok."""

    model: str
    file: str
    state: State
    problem: str = ""

    def event(self) -> dict[str, object]:
        """Return the finding as one of the JSON events."""
        members = {"model": self.model, "model_file": self.file, "state": str(self.state)}
        return {"$type": "model_file_verification", **members, "problem": self.problem or None}


class Action(StrEnum):
    """What a run would do about a file."""

    KEEP = "keep"
    CACHE = "cache"
    COPY = "copy"  # from a bundle, or from the toolkit's own files
    RESUME = "resume"
    FETCH = "fetch"


@dataclass(frozen=True, slots=True)
class Planned:
    """What a run would do about one file.

    Attributes:
        size: Of the file, in bytes, if known.
        fetch_size: How many bytes would come over the network, if known.
        sources: What would be asked, in this order, unless one has the file.
    """

    model: str
    file: str
    action: Action
    size: int | None
    fetch_size: int | None
    sources: list[str]

    def event(self) -> dict[str, object]:
        """Return the plan as one of the JSON events."""
        members = asdict(self)
        named = {"model": members.pop("model"), "model_file": members.pop("file")}
        return {"$type": "model_file_plan", **named, **members}

    def in_words(self) -> str:
        """Return the plan as a line for people."""
        line = f"{self.action:8} {self.model}/{self.file}"
        match self.action:
            case Action.KEEP:
                return line
            case Action.CACHE:
                return f"{line}  from the cache"
            case Action.COPY:
                return f"{line}  from {self.sources[0]}"
        size = "unknown size" if self.fetch_size is None else megabytes(self.fetch_size)
        return f"{line}  {size} from {', else '.join(self.sources)}"


@dataclass(frozen=True, slots=True)
class Total:
    """What a run would fetch over the network: files, bytes, and how many files of unknown size besides."""

    num_files: int
    fetch_size: int
    num_unknown_sizes: int

    @classmethod
    def of(cls, plans: Sequence[Planned]) -> Self:
        """Add up."""
        asked = [plan.fetch_size for plan in plans if plan.action in (Action.FETCH, Action.RESUME)]
        known = [size for size in asked if size is not None]
        return cls(len(asked), sum(known), len(asked) - len(known))

    def event(self) -> dict[str, object]:
        """Return the sum as one of the JSON events."""
        return {"$type": "plan_end", **asdict(self)}

    def in_words(self) -> str:
        """Return the sum as a line for people."""
        unknown = f", and {self.num_unknown_sizes} of unknown size" if self.num_unknown_sizes else ""
        return f"{self.num_files} files to fetch, {megabytes(self.fetch_size)}{unknown}"


def verify(model: Model, precisions: Collection[str], output_dir: Path, cancel: CancelToken) -> list[Finding]:
    """Compare the files of a model with its descriptor, and what post-processing has made with what it makes.

    Args:
        model: The model.
        precisions: Files of other precisions are left out.
        output_dir: The folder that it was downloaded to.
        cancel: Looked at often.

    Returns:
        A finding for each file of the descriptor, and for each file that came out of an archive.
    """
    files, folder = selected_files(model, precisions), output_dir / model.subdirectory
    found = {file.name: _look_at(model, file, folder, cancel) for file in files}
    if model.postprocessing and all(finding.state is State.OK for finding in found.values()):
        found |= _results(model, files, folder, found, cancel)
    return list(found.values())


def plan(
    model: Model,
    precisions: Collection[str],
    output_dir: Path,
    whence: Whence,
    cache: Cache | None,
    cancel: CancelToken,
) -> list[Planned]:
    """Return what a download would do about each file of a model, without asking any server.

    Raises:
        DownloadError: There is no source of a file.
    """
    folder = output_dir / model.subdirectory
    return [
        _planned(model, file, folder, whence, cache, cancel) for file in selected_files(model, precisions)
    ]


def _look_at(model: Model, file: ModelFile, folder: Path, cancel: CancelToken) -> Finding:
    """Find out about the download of a file."""
    stored, final = folder / model.stored_name(file), folder / file.name
    try:
        if is_whole(stored, file, cancel):
            state, problem = State.OK, ""
        elif stored != final and is_whole(final, file, cancel):
            state, problem = State.PARTIAL, "is not post-processed"
        elif stored.exists():
            named = f"{stored.name}: " if stored != final else ""
            state, problem = State.CORRUPT, named + _what_is_wrong(stored, file)
        elif held := held_bytes(stored):
            state, problem = State.PARTIAL, f"{held} of {file.size or 'an unknown number of'} bytes"
        else:
            state, problem = State.MISSING, f"{stored.name} is not there" if final.exists() else ""
    except OSError as error:
        state, problem = State.CORRUPT, f"cannot be read: {error.strerror}"
    return Finding(model.name, file.name, state, problem)


def _what_is_wrong(path: Path, file: ModelFile) -> str:
    if not path.is_file():
        return "is a folder" if path.is_dir() else "is no file"
    size = path.stat().st_size
    return "wrong digest" if file.size in (None, size) else f"has {size} bytes, not {file.size}"


def _results(
    model: Model, files: Sequence[ModelFile], folder: Path, found: dict[str, Finding], cancel: CancelToken
) -> dict[str, Finding]:
    """Do the post-processing once more, elsewhere, and compare."""
    with private_folder(Path(tempfile.gettempdir())) as results:
        try:
            names = produce(model, files, folder, results, cancel)
        except DownloadError as error:
            touched = {step.file for step in model.postprocessing} & found.keys()
            return {
                name: replace(found[name], state=State.CORRUPT, problem=describe(error)) for name in touched
            }
        compared = {}
        for name in names:
            state, problem = State.OK, ""
            if not (folder / name).is_file():
                state = State.PARTIAL if name in found else State.MISSING
                problem = "is not post-processed" if name in found else ""
            elif not filecmp.cmp(results / name, folder / name, shallow=False):
                state, problem = State.CORRUPT, "is not what post-processing makes"
            compared[name] = Finding(model.name, name, state, problem)
        return compared


def _planned(
    model: Model, file: ModelFile, folder: Path, whence: Whence, cache: Cache | None, cancel: CancelToken
) -> Planned:
    stored = folder / model.stored_name(file)

    def planned(action: Action, fetch_size: int | None = 0, sources: Sequence[object] = ()) -> Planned:
        return Planned(model.name, file.name, action, file.size, fetch_size, [*map(str, sources)])

    if is_whole(stored, file, cancel) or is_whole(folder / file.name, file, cancel):
        return planned(Action.KEEP)
    if cache and cache.holds(file, cancel):
        return planned(Action.CACHE)
    sources = whence(model, file)
    if is_local(sources[0]):
        return planned(Action.COPY, 0, sources)
    if held := held_bytes(stored):
        return planned(Action.RESUME, None if file.size is None else file.size - held, sources)
    return planned(Action.FETCH, file.size, sources)
