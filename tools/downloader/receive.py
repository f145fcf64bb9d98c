"""From one source into a :class:`Partial`: over one connection, or over several at once in pieces."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from dataclasses import replace
from itertools import chain
from pathlib import Path

from omz.downloader.faults import RangeRefusedError, SourceError
from omz.downloader.files import Room
from omz.downloader.partial import Partial
from omz.downloader.partial_state import Origin
from omz.downloader.pool import CancelToken, DaemonPool
from omz.downloader.ranges import Span, without
from omz.downloader.sources import SourceOpener
from omz.downloader.web import Expected, Range, Stream, Version
from omz.zoo.model_files import AnySource

#: The most that is taken of a file whose size is not known, in bytes.
UNKNOWN_SIZE_LIMIT = 16 << 30
#: What one of several connections asks for at once. They take pieces in the order of the file, so that the digest
#: keeps up with them.
PIECE_BYTES = 8 << 20
#: An answer of unknown length must be longer than this, or as long as promised, before what is there is given up.
START_BYTES = 1 << 16

#: Told how many bytes have arrived so far; goes back when a transfer starts again.
Progress = Callable[[int], None]


class Receiver:
    """Fetches what is missing of a file, from one source, as often as it is asked to.

    Args:
        opener: Opens the source.
        cancel: Stops the transfer between two chunks.
        source: Where from.
        folder: The descriptor's, for bundled files.
        expected: What is known of the file.
        partial: Where to.
        progress: Called with the bytes so far, often.
        room: On the disk.
        segments: How many connections are used at once, where the server allows it.
    """

    def __init__(
        self,
        opener: SourceOpener,
        cancel: CancelToken,
        source: AnySource,
        folder: Path,
        expected: Expected,
        partial: Partial,
        progress: Progress,
        room: Room,
        segments: int = 1,
    ) -> None:
        self._opener, self._cancel, self._segments = opener, cancel, segments
        self._source, self._folder = source, folder
        self._expected, self._size = expected, expected.size
        self._partial, self._progress, self._room = partial, progress, room
        self._piece_bytes = PIECE_BYTES if segments > 1 else UNKNOWN_SIZE_LIMIT
        #: Whether it is certain that no line broke in what has arrived whole.
        self.length_stated = True
        self._lock = threading.Lock()
        self._taken: list[Span] = []
        self._failed = threading.Event()

    def receive(self) -> None:
        """Fetch what is missing. What has arrived before a fault stays in the partial file.

        Raises:
            SourceError: The source did not give the bytes.
            DownloadError: They need more room than there is.
            OSError: The disk does not take them.
        """
        try:
            self._receive(self._first_range())
        except RangeRefusedError:  # there is still the whole file to ask for
            self._receive(None)

    def use_one_connection(self) -> None:
        """From now on, ask for the whole of what is missing: the server does parts wrong, perhaps."""
        self._segments, self._piece_bytes = 1, UNKNOWN_SIZE_LIMIT

    def _first_range(self) -> Range | None:
        """Return what to ask for first; None is the whole file."""
        self._taken.clear()
        self._failed.clear()
        origin = self._partial.origin
        if origin is not None and self._partial.held:
            same = origin.source == str(self._source)
            # Any source of a file of this size and digest has the same bytes. What says so at the end is the digest.
            return (
                self._take(origin.version if same else Version()) if same or self._size is not None else None
            )
        if self._segments > 1 and self._size is not None and self._size > self._piece_bytes:
            self._taken.append((0, self._piece_bytes))
            return Range(0, self._piece_bytes, self._size)
        return None

    def _receive(self, wanted: Range | None) -> None:
        with self._opener.open(self._source, self._folder, wanted, self._expected) as stream:
            if not stream.part or wanted is None:
                stream = self._begun(stream)
                self._start(stream)
                self._copy_whole(stream)
                return
            self._start(stream)
            several = self._segments > 1 and stream.version.etag is not None
            helpers = DaemonPool(self._segments - 1 if several else 0, "segment")
            futures = [helpers.submit(self._fetch_pieces) for _ in range(helpers.size)]
            try:
                self._copy_part(stream, wanted)
            finally:
                self._finish(helpers, futures)
        self._fetch_pieces()

    def _begun(self, stream: Stream) -> Stream:
        """Look at the beginning of an answer that does not say its length, before what is there is given up for it."""
        if stream.total is not None or not self._partial.held or self._size is None:
            return stream
        start, chunks = bytearray(), stream.chunks
        while len(start) < min(START_BYTES, self._size):
            self._cancel.check()
            if not (chunk := next(chunks, b"")):
                raise self._ended_early(stream, len(start))
            start += chunk
        return replace(stream, chunks=chain([bytes(start)], chunks))

    def _start(self, stream: Stream) -> None:
        """Look at what the source says before any byte of it is kept."""
        total = stream.total
        if total is not None and self._size is not None and total < self._size:
            raise self._too_short(total)
        if total is not None and total > self._limit:
            raise self._too_long()
        total = total if self._size is None else self._size
        self.length_stated = total is not None or stream.framed
        origin = Origin(str(self._source), total, stream.version)
        if stream.part and self._partial.held:
            self._partial.go_on_from(origin)
        else:
            self._partial.begin(origin, self._limit)
            self._room.require(self._partial.target.parent, (total or 0) - self._partial.held, self._partial)
        self._progress(self._partial.held)

    def _copy_whole(self, stream: Stream) -> None:
        position = 0
        for chunk in stream.chunks:
            if position + len(chunk) > self._limit:
                self._partial.discard()
                raise self._too_long()
            position = self._write(position, chunk)
        if self._partial.total is None:
            self._partial.end(position)
        elif self._partial.missing:
            if stream.framed:  # no other source is to go on from these bytes
                self._partial.discard()
            raise self._ended_early(stream, position)

    def _copy_part(self, stream: Stream, wanted: Range) -> None:
        position, end = wanted.start, wanted.end or self._partial.total or 0
        try:
            for chunk in stream.chunks:
                if position + len(chunk) > end:
                    raise RangeRefusedError("sends more than the part that was asked for")
                position = self._write(position, chunk)
            if position < end:
                raise SourceError(f"truncated: a part ended after {position} bytes", retry=True)
        except BaseException:
            self._failed.set()
            raise

    def _write(self, position: int, chunk: bytes) -> int:
        """Write at ``position``; returns where the next bytes go."""
        self._cancel.check()
        with self._lock:  # progress is told in order
            self._progress(self._partial.write(position, chunk))
        return position + len(chunk)

    def _fetch_pieces(self) -> None:
        """Fetch what is missing piece by piece, until there is none that another thread has not taken."""
        origin = self._partial.origin
        while origin is not None and (wanted := self._take(origin.version)):
            try:
                with self._opener.open(self._source, self._folder, wanted, self._expected) as stream:
                    if not stream.part:
                        raise RangeRefusedError("has changed, or sends no parts any more")
                    self._copy_part(stream, wanted)
            except BaseException:
                self._failed.set()
                raise

    def _take(self, version: Version) -> Range | None:
        """Take the next piece, unless a thread has failed: what it has left comes with the next attempt."""
        with self._lock:
            spans: list[Span] = list(self._partial.missing)
            for start, end in self._taken:
                spans = without(spans, start, end)
            if not spans or self._failed.is_set():
                return None
            start = spans[0][0]
            end = min(spans[0][1], start + self._piece_bytes)
            self._taken.append((start, end))
            total = self._partial.total
        return Range(start, None if end == total else end, total, version)

    def _finish(self, helpers: DaemonPool, futures: list[Future[None]]) -> None:
        """Let the helpers finish the pieces that they have, and raise what one of them raised."""
        while wait(futures, timeout=0.2).not_done:
            self._cancel.check()
        helpers.close(0)
        for future in futures:
            future.result()

    def _ended_early(self, stream: Stream, position: int) -> SourceError:
        """Return what is wrong with an answer that has ended; one that cannot have broken off is another file."""
        total = self._partial.total if self._size is None else self._size
        if stream.framed:
            return self._too_short(position)
        return SourceError(f"truncated: ended after {position} of the promised {total} bytes", retry=True)

    @property
    def _limit(self) -> int:
        return UNKNOWN_SIZE_LIMIT if self._size is None else self._size

    def _too_short(self, total: int) -> SourceError:
        return SourceError(f"has {total} bytes, fewer than the promised {self._size}")

    def _too_long(self) -> SourceError:
        if self._size is None:
            return SourceError(f"longer than {self._limit} bytes, the most for a file of unknown size")
        return SourceError(f"longer than the promised {self._size} bytes")
