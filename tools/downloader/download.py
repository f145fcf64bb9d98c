"""Download models: ``Model`` -> verified, post-processed files in ``<output_dir>/<model.subdirectory>``."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future
from pathlib import Path, PurePosixPath

from omz.downloader.addresses import Whence
from omz.downloader.cache import Cache
from omz.downloader.files import folder_lock, remove_leftovers
from omz.downloader.hashes import is_whole
from omz.downloader.pool import Cancelled, CancelToken, DaemonPool
from omz.downloader.progress import NullReporter, Reporter
from omz.downloader.sources import SourceOpener
from omz.downloader.takeover import remove_partials
from omz.downloader.transfer import Backoff, Transfer
from omz.errors import DownloadError, ZooError
from omz.files import writing
from omz.outgoing import describe
from omz.zoo.model_files import ModelFile
from omz.zoo.schema import PRECISIONS, CompositeModel, Model

log = logging.getLogger(__name__)

#: How long Ctrl-C waits for threads that may be inside a read, in seconds.
STOP_S = 0.5


def download_models(
    models: Sequence[Model | CompositeModel],
    output_dir: Path,
    *,
    cache_dir: Path | None = None,
    attempts: int = 5,
    jobs: int = 1,
    segments: int = 1,
    precisions: Collection[str] | None = None,
    reporter: Reporter | None = None,
    sources: Whence | None = None,
    opener: SourceOpener | None = None,
    backoff: Backoff | None = None,
    on_failure: Callable[[str, str, Exception], None] | None = None,
) -> list[str]:
    """Download models; one that fails does not stop the others.

    Args:
        models: Composite models bring all their stages.
        output_dir: Each model goes to its own ``subdirectory`` below.
        cache_dir: A cache of files in Open Model Zoo's layout, made if missing.
        attempts: How often in a row each source is asked in vain at most, at least 1.
        jobs: How many files are on their way at once, of one or of several models, at least 1.
        segments: How many connections one large file may use at once, where its server allows it, at least 1.
        precisions: Files in a folder named after another precision are left out; all of them by default.
        reporter: Told about the progress.
        sources: Where the files are to be had, in the order in which that is to be tried; by default, what the
            descriptors say.
        opener: Opens the sources.
        backoff: How long to wait between attempts.
        on_failure: Told the name of a model that fails, what went wrong, and the error; logged as an error by default.

    Returns:
        The names of the models that failed, in the order of ``models``.
    """
    transfer = Transfer(
        attempts=attempts,
        segments=segments,
        cache=Cache(cache_dir) if cache_dir else None,
        opener=opener or SourceOpener(),
        backoff=backoff or Backoff(),
    )
    wanted = frozenset(PRECISIONS if precisions is None else precisions)
    whence = sources or (lambda _, file: file.sources)
    told = on_failure or _log_failure
    return _Run(transfer, output_dir, wanted, reporter or NullReporter(), jobs, whence, told).run(models)


def _log_failure(model: str, what: str, error: Exception) -> None:
    verbose = log.isEnabledFor(logging.DEBUG)
    log.error("%s: %s", model, what, exc_info=error if verbose else None)


def selected_files(model: Model, precisions: Collection[str]) -> list[ModelFile]:
    """Return the files of a model that ``precisions`` ask for: all but those of other precisions.

    There is none of a model that comes in other precisions only.
    """
    if model.precisions and not set(precisions).intersection(model.precisions):
        return []

    def precision(file: ModelFile) -> str:
        return PurePosixPath(file.name).parts[0] if "/" in file.name else ""

    return [file for file in model.files if precision(file) not in set(PRECISIONS) - set(precisions)]


class _Run:
    """One call of :func:`download_models`.

    Two pools, so that nothing waits for itself: each model is held by one thread, which locks its folder, hands
    its files to the threads that transfer, waits, and post-processes.
    """

    def __init__(
        self,
        transfer: Transfer,
        output_dir: Path,
        precisions: frozenset[str],
        reporter: Reporter,
        jobs: int,
        whence: Whence,
        on_failure: Callable[[str, str, Exception], None],
    ) -> None:
        self._on_failure = on_failure
        self._transfer, self._output_dir, self._reporter = transfer, output_dir, reporter
        self._precisions, self._whence = precisions, whence
        self._cancel: CancelToken = transfer.cancel
        self._models, self._files = DaemonPool(jobs, "model"), DaemonPool(jobs, "file")

    def run(self, models: Sequence[Model | CompositeModel]) -> list[str]:
        # By their places, as a stage may have been selected by itself as well.
        stages = {stage.subdirectory: stage for model in models for stage in model.stages}
        files = [file for stage in stages.values() for file in selected_files(stage, self._precisions)]
        self._reporter.run_begin(len(files), sum(file.size or 0 for file in files))
        futures: dict[PurePosixPath, Future[bool]] = {}
        try:
            for place, stage in stages.items():
                futures[place] = self._submit(stage)
            failed = {place for place, future in futures.items() if not future.result()}
        except BaseException:
            self._stop()
            raise
        self._models.close(STOP_S)
        self._files.close(STOP_S)
        return [model.name for model in models if any(stage.subdirectory in failed for stage in model.stages)]

    def _submit(self, model: Model) -> Future[bool]:
        return self._models.submit(lambda: self._attempt(model))

    def _stop(self) -> None:
        """Stop all threads; what those that are stuck in a read have begun goes with the process."""
        self._cancel.set()
        self._models.close(STOP_S)
        self._files.close(STOP_S)

    def _attempt(self, model: Model) -> bool:
        """Download one model; returns whether that went well."""
        self._cancel.check()
        try:
            self._download(model)
        except BrokenPipeError:  # the reader of our report has gone: no fault of the model
            raise
        except Cancelled:
            raise
        except Exception as error:
            known = isinstance(error, (ZooError, OSError, MemoryError))
            # A defect of ours in what one model needs is no reason for the others to fail.
            what = describe(error) if known else f"internal error: {type(error).__name__}: {describe(error)}"
            self._on_failure(model.name, what, error)
            return False
        return True

    def _download(self, model: Model) -> None:
        if model.precisions and not self._precisions.intersection(model.precisions):
            log.info("%s: left out, there is %s only", model.name, ", ".join(model.precisions))
            return
        files = selected_files(model, self._precisions)
        folder = self._output_dir / model.subdirectory
        with writing(folder, DownloadError):
            folder.mkdir(parents=True, exist_ok=True)
        with folder_lock(folder, self._cancel) as locked:
            if locked:
                remove_leftovers(folder)
            self._fetch_files(model, files, folder)
            if model.postprocessing:
                from omz.downloader.postprocessing import postprocess  # few models need it

                self._reporter.postprocessing_begin(model.name)
                try:
                    postprocess(model, files, folder, self._cancel)
                finally:
                    self._reporter.postprocessing_end(model.name)

    def _fetch_files(self, model: Model, files: Sequence[ModelFile], folder: Path) -> None:
        """Bring all files into ``folder``; after a failure those that have not begun are left out."""
        given_up = threading.Event()
        self._reporter.model_begin(model.name, len(files))
        errors: list[BaseException] = []
        try:
            futures = [
                self._files.submit(lambda file=file: self._fetch_file(model, file, folder, given_up))  # type: ignore[misc]
                for file in files
            ]
            errors = [error for future in futures if (error := future.exception()) is not None]
        finally:
            self._reporter.model_end(model.name, successful=not errors and not self._cancel.is_set())
        if errors:
            # What stops the whole run comes first, then the first file that failed.
            raise next((error for error in errors if isinstance(error, Cancelled)), errors[0])

    def _fetch_file(self, model: Model, file: ModelFile, folder: Path, given_up: threading.Event) -> None:
        if given_up.is_set():
            return
        self._cancel.check()
        self._reporter.file_begin(model.name, file.name, file.size)
        successful = False
        try:
            if not self._is_there(model, file, folder):
                target = folder / model.stored_name(file)
                with writing(target, DownloadError):
                    target.parent.mkdir(parents=True, exist_ok=True)
                sources = {"source": self._whence(model, file), "original_source": None}
                self._transfer.fetch(
                    file.model_copy(update=sources),
                    target,
                    model.directory,
                    lambda size: self._reporter.file_progress(model.name, file.name, size),
                )
            else:
                there = folder / model.stored_name(file)
                remove_partials(there)
                self._reporter.file_progress(model.name, file.name, there.stat().st_size)
            if file.known_digits:
                log.info(
                    "%s: %s: checked by the first %d digits of its SHA-256, all that is known of it",
                    model.name, file.name, file.known_digits,
                )  # fmt: skip
            successful = True
        except BaseException:
            given_up.set()
            raise
        finally:
            self._reporter.file_end(model.name, file.name, successful=successful)

    def _is_there(self, model: Model, file: ModelFile, folder: Path) -> bool:
        """Tell whether the file is there, whole; also finds an original that awaits post-processing."""
        stored, final = folder / model.stored_name(file), folder / file.name
        if is_whole(stored, file, self._cancel):
            return True
        if stored != final and is_whole(final, file, self._cancel):
            with writing(stored, DownloadError):
                final.replace(stored)
            return True
        if stored.exists():
            log.warning(
                "%s: %s: is not the file that the descriptor promises; fetching it again", model.name, stored
            )
        return False
