"""Fetch one file: cache, then each source in turn, resumed and tried again, verified, whole or not at all."""

from __future__ import annotations

import logging
import random
from dataclasses import dataclass, field
from pathlib import Path

from omz.downloader.addresses import browser_urls
from omz.downloader.cache import Cache
from omz.downloader.faults import SourceError
from omz.downloader.files import Room
from omz.downloader.hashes import CACHE_ALGORITHM, Digester
from omz.downloader.partial import Partial, claimed
from omz.downloader.pool import CancelToken
from omz.downloader.progress import megabytes
from omz.downloader.receive import UNKNOWN_SIZE_LIMIT, Progress, Receiver
from omz.downloader.sources import SourceOpener
from omz.downloader.web import LONGEST_WAIT_S, Expected
from omz.errors import DownloadError
from omz.zoo.model_files import AnySource, BundledSource, ModelFile

log = logging.getLogger(__name__)

#: An attempt that brings so many bytes does not count as a failed one: on a bad line, a large file takes many.
PROGRESS_BYTES = 1 << 20


class WrongFileError(SourceError):
    """A digest does not hold."""


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long to wait before another attempt, in seconds."""

    first_s: float = 1.0
    limit_s: float = 30.0
    #: The longest wait that a server's Retry-After can make us take.
    server_limit_s: float = LONGEST_WAIT_S

    def delay_s(self, attempt: int, asked_s: float | None) -> float:
        """Return the wait after attempt number ``attempt`` (from 1): doubled each time, with jitter.

        The jitter keeps many clients that failed together from coming back together.
        """
        if asked_s is not None:
            return min(asked_s, self.server_limit_s)
        exponent = min(attempt - 1, 30)
        return float(min(self.first_s * 2**exponent, self.limit_s)) * random.uniform(0.5, 1.0)


@dataclass(frozen=True)
class Transfer:
    """What all transfers of a run have in common.

    Attributes:
        attempts: How often in a row each source is asked in vain at most, while its faults are of the passing kind.
        segments: How many connections one file may use at once.
        cache: Asked before the sources, and given what they send.
        cancel: Stops a transfer between two chunks, and any wait.
        room: On the disk, which the files of a run share.
    """

    attempts: int = 5
    segments: int = 1
    cache: Cache | None = None
    cancel: CancelToken = field(default_factory=CancelToken)
    opener: SourceOpener = field(default_factory=SourceOpener)
    backoff: Backoff = Backoff()
    room: Room = field(default_factory=Room)

    def fetch(self, file: ModelFile, target: Path, folder: Path, progress: Progress) -> None:
        """Bring ``file`` to ``target``.

        What an earlier run has left of it is gone on from, and what this one leaves is for the next.

        Args:
            file: Size, digests and sources; sources are tried in order.
            target: Appears only when the whole file has arrived and every digest holds.
            folder: The descriptor's folder, which holds bundled files.
            progress: Called with the bytes so far, often.

        Raises:
            DownloadError: No source gave the file (says what each one answered), or the disk is full.
            Cancelled: The run is to stop.
        """
        if self.cache and self.cache.take(file, target, self.cancel, progress):
            return
        with claimed(target, self._algorithms(file)) as partial:
            if not _may_have(file, partial.total):
                partial.discard()
            try:
                self.room.require(target.parent, (file.size or 0) - partial.held, partial)
                answers = self._ask_each(file, partial, folder, progress)
            finally:
                self.room.leave(partial)
            if answers is None:
                return
        urls = browser_urls(file.sources)
        by_browser = f"fetch it by browser from {' or '.join(urls)}, " if urls else ""
        raise DownloadError(
            f"{file.name} could not be fetched: {'; '.join(answers)}.\n"
            f"Check the network and the source; or {by_browser}put the file{_of_size(file)} at "
            f"{target.parent / file.name.rpartition('/')[2]} and run again."
        )

    def _ask_each(
        self, file: ModelFile, partial: Partial, folder: Path, progress: Progress
    ) -> list[str] | None:
        """Ask the sources in turn until the file is there; return what they answered, or None once it is."""
        if partial.held and partial.missing:
            log.info(
                "%s: resuming after %s of %s",
                file.name, megabytes(partial.held), megabytes(partial.total or 0),
            )  # fmt: skip
        answers = []
        for source in file.sources:
            try:
                digester = self._fetch_from(source, file, partial, folder, progress)
            except SourceError as fault:
                answers.append(f"{source}: {fault}")
                log.debug("%s: %s", file.name, answers[-1])
                continue
            self.room.leave(partial)  # which will have nothing any more, and needs nothing
            partial.commit()
            if self.cache and not isinstance(source, BundledSource):
                self.cache.put(digester.hexdigest(CACHE_ALGORITHM), partial.target, self.cancel)
            return None
        return answers

    def _fetch_from(
        self,
        source: AnySource,
        file: ModelFile,
        partial: Partial,
        folder: Path,
        progress: Progress,
    ) -> Digester:
        """Complete the file from one source, in several attempts; returns its digests."""
        expected = Expected(file.size, is_page=file.name.lower().endswith((".htm", ".html")))
        receiver = Receiver(
            self.opener, self.cancel, source, folder, expected, partial, progress, self.room, self.segments
        )
        asked = failed = 0
        wrong, furthest = False, partial.held
        while True:
            self.cancel.check()
            asked += 1
            try:
                if partial.origin is None or partial.missing:
                    receiver.receive()
                digester = partial.digester(self.cancel)
                if not (problem := digester.mismatch(file)):
                    return digester
                partial.discard()
                receiver.use_one_connection()
                # Where neither side says how long the file is, a line that broke looks like a wrong file.
                kind = WrongFileError if receiver.length_stated else SourceError
                raise kind(f"is not the file that was promised: {problem}", retry=True)
            except SourceError as fault:
                if partial.origin is not None and not partial.missing:
                    continue  # it is all there, whatever the server did behind it
                if partial.held >= furthest + PROGRESS_BYTES:
                    failed, furthest = 0, partial.held
                failed += 1
                again = not wrong if isinstance(fault, WrongFileError) else failed < self.attempts
                if not (fault.retry and again):
                    times = f" ({asked} attempts)" if asked > 1 else ""
                    raise SourceError(f"{fault}{times}") from fault
                wrong = wrong or isinstance(fault, WrongFileError)
                delay_s = self.backoff.delay_s(failed, fault.wait_s)
                log.info("%s: %s: %s; trying again in %.1f s", file.name, source, fault, delay_s)
                self.cancel.sleep(delay_s)

    def _algorithms(self, file: ModelFile) -> set[str]:
        stated = {digest.algorithm for digest in file.digests}
        return stated | {CACHE_ALGORITHM} if self.cache else stated


def _may_have(file: ModelFile, total: int | None) -> bool:
    """Tell whether what is there can be of the file, by how many bytes it says that it will have."""
    if total is None or file.size is None:
        return (total or 0) <= UNKNOWN_SIZE_LIMIT
    return total == file.size


def _of_size(file: ModelFile) -> str:
    return "" if file.size is None else f" of {file.size} bytes"
