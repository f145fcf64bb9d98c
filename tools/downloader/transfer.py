"""Fetch one file: cache, then each source in turn, verified while it streams, whole or not at all."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from omz.downloader.cache import Cache
from omz.downloader.files import require_space
from omz.downloader.hashes import CACHE_ALGORITHM, Digester
from omz.downloader.pool import CancelToken
from omz.downloader.sources import CHUNK_BYTES, SourceError, SourceOpener, Stream
from omz.errors import DownloadError
from omz.files import whole_file
from omz.zoo.schema import AnySource, BundledSource, ModelFile

log = logging.getLogger(__name__)

#: The most that is taken of a file whose size is not known, in bytes.
UNKNOWN_SIZE_LIMIT = 16 << 30

#: Told how many bytes have arrived so far; goes back to 0 when a transfer starts again.
Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long to wait before another attempt, in seconds."""

    first_s: float = 1.0
    limit_s: float = 30.0
    #: The longest wait that a server's Retry-After can make us take.
    server_limit_s: float = 60.0

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
        attempts: How often each source is asked at most, while its faults are of the passing kind.
        cache: Asked before the sources, and given what they send.
        cancel: Stops a transfer between two chunks, and any wait.
    """

    attempts: int = 5
    cache: Cache | None = None
    cancel: CancelToken = field(default_factory=CancelToken)
    opener: SourceOpener = field(default_factory=SourceOpener)
    backoff: Backoff = Backoff()

    def fetch(self, file: ModelFile, target: Path, folder: Path, progress: Progress) -> None:
        """Bring ``file`` to ``target``.

        Args:
            file: Size, digests and sources; sources are tried in order.
            target: Appears only when the whole file has arrived and every digest holds.
            folder: The descriptor's folder, which holds bundled files.
            progress: Called with the bytes so far, often.

        Raises:
            DownloadError: No source gave the file (says what each one answered), or the disk is full.
            Cancelled: The run is to stop.
        """
        require_space(target.parent, file.size or 0)
        if self._fetch_cached(file, target, progress):
            return
        answers = []
        for source in file.sources:
            try:
                sha384 = self._fetch_from(source, file, target, folder, progress)
            except SourceError as fault:
                answers.append(f"{source}: {fault}")
                log.debug("%s: %s", file.name, answers[-1])
                continue
            if self.cache and not isinstance(source, BundledSource):
                self.cache.put(sha384, target)
            return
        raise DownloadError(
            f"{file.name} could not be fetched: {'; '.join(answers)}.\n"
            f"Check the network and the source, or put the file{_of_size(file)} by hand at "
            f"{target.parent / file.name.rpartition('/')[2]} and run again."
        )

    def _fetch_cached(self, file: ModelFile, target: Path, progress: Progress) -> bool:
        if not self.cache or not file.checksum:
            return False
        path = self.cache.path(file.checksum)
        try:
            with path.open("rb") as stream:
                chunks = iter(lambda: stream.read(CHUNK_BYTES), b"")
                self._receive(Stream(chunks, path.stat().st_size), file, target, progress)
        except FileNotFoundError:
            return False
        except (SourceError, OSError) as error:
            log.warning("%s: not usable from the cache (%s: %s); fetching it again", file.name, path, error)
            return False
        return True

    def _fetch_from(
        self,
        source: AnySource,
        file: ModelFile,
        target: Path,
        folder: Path,
        progress: Progress,
    ) -> str:
        """Fetch from one source, in several attempts; returns the SHA-384."""
        for attempt in range(1, self.attempts + 1):
            self.cancel.check()
            try:
                with self.opener.open(source, folder) as stream:
                    return self._receive(stream, file, target, progress)
            except SourceError as fault:
                if not fault.retry:
                    raise
                if attempt == self.attempts:
                    times = f" ({attempt} attempts)" if attempt > 1 else ""
                    raise SourceError(f"{fault}{times}") from fault
                delay_s = self.backoff.delay_s(attempt, fault.wait_s)
                log.info(
                    "%s: %s: %s; attempt %d of %d in %.1f s",
                    file.name, source, fault, attempt + 1, self.attempts, delay_s,
                )  # fmt: skip
                self.cancel.sleep(delay_s)
        raise ValueError("attempts must be at least 1")

    def _receive(self, stream: Stream, file: ModelFile, target: Path, progress: Progress) -> str:
        """Write the stream to ``target`` if it is the file that was promised; returns its SHA-384."""
        digester = Digester({CACHE_ALGORITHM, *(digest.algorithm for digest in file.digests)})
        progress(0)
        with whole_file(target, DownloadError) as out:
            received = self._copy(stream, file.size, digester, out, progress)
            if file.size is not None and received < file.size:
                # A source that announced so few bytes has another file; otherwise the line may have broken.
                answer = f"truncated: ended after {received} of the promised {file.size} bytes"
                raise SourceError(answer, retry=received != stream.length)
            if problem := digester.mismatch(file):
                # Where neither side says how long the file is, a line that broke looks like a wrong file.
                retry = file.size is None and stream.length is None
                raise SourceError(f"is not the file that was promised: {problem}", retry=retry)
            self.cancel.check()
        return digester.hexdigest(CACHE_ALGORITHM)

    def _copy(
        self, stream: Stream, size: int | None, digester: Digester, out: BinaryIO, progress: Progress
    ) -> int:
        limit = UNKNOWN_SIZE_LIMIT if size is None else size
        too_long = SourceError(
            f"longer than {limit} bytes, the most for a file of unknown size"
            if size is None
            else f"longer than the promised {size} bytes"
        )
        if stream.length is not None:
            if stream.length > limit:
                raise too_long
            if size is None:
                require_space(Path(out.name).parent, stream.length)
        received = 0
        for chunk in stream.chunks:
            self.cancel.check()
            received += len(chunk)
            if received > limit:
                raise too_long
            digester.update(chunk)
            out.write(chunk)
            progress(received)
        return received


def _of_size(file: ModelFile) -> str:
    return "" if file.size is None else f" of {file.size} bytes"
