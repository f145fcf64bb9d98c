"""Where files come from: a source of a descriptor becomes a stream of bytes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlencode

from omz.downloader import google_drive
from omz.downloader.addresses import MirrorSource
from omz.downloader.faults import PageError, SourceError
from omz.downloader.rate import RateLimit
from omz.downloader.web import (
    CHUNK_BYTES,
    CONNECT_TIMEOUT_S,
    READ_TIMEOUT_S,
    Expected,
    Range,
    Stream,
    Web,
)
from omz.regular_files import open_regular
from omz.zoo.model_files import AnySource, BundledSource, GoogleDriveSource, HttpSource, HuggingFaceSource


class MemberSource(BundledSource):
    """A file within an uncompressed archive of this machine; ``path`` is its name there."""

    archive: Path
    offset: int
    size: int

    def __str__(self) -> str:
        return f"{self.archive.name}: {self.path}"


def is_local(source: AnySource) -> bool:
    """Tell whether a source needs no network."""
    return isinstance(source, BundledSource)


class SourceOpener:
    """Opens sources, from several threads at once.

    Args:
        google_drive_url: Where files on Google Drive are asked for.
        connect_timeout_s: Longest wait for a connection, in seconds.
        read_timeout_s: Longest time without progress of the file, in seconds.
        headers: Sent to the hosts of plain addresses.
        mirrors_only: Send ``headers`` to mirrors only, and to no host that a descriptor names.
        rate: Of all that comes over the network; None: as it comes.
    """

    def __init__(
        self,
        *,
        google_drive_url: str = google_drive.DOWNLOAD_URL,
        connect_timeout_s: float = CONNECT_TIMEOUT_S,
        read_timeout_s: float = READ_TIMEOUT_S,
        headers: Mapping[str, str] | None = None,
        mirrors_only: bool = False,
        rate: RateLimit | None = None,
    ) -> None:
        self._google_drive_url = google_drive_url
        self._headers, self._mirrors_only = headers, mirrors_only
        self._web = Web(connect_timeout_s, read_timeout_s, rate)

    @contextmanager
    def open(
        self,
        source: AnySource,
        folder: Path,
        wanted: Range | None = None,
        expected: Expected = Expected(),  # noqa: B008 - it is frozen
    ) -> Iterator[Stream]:
        """Open a source for reading.

        Args:
            source: Of any kind; local ones give the whole file always.
            folder: The descriptor's, for bundled files.
            wanted: Ask for this range. The answer may still be the whole file.
            expected: What is known of the file.

        Raises:
            RangeRefusedError: The source gives the file as a whole only.
            SourceError: The source did not answer with a file; also raised while the stream is read.
        """
        match source:
            case MemberSource():
                with _member(source) as answer:
                    yield answer
            case BundledSource():
                with local(_bundled_path(source, folder)) as answer:
                    yield answer
            case HttpSource():
                headed = not self._mirrors_only or isinstance(source, MirrorSource)
                headers = self._headers if headed else None
                with self._web.open(
                    source.url, wanted, expected=expected, text_may_be_called_html=True, headers=headers
                ) as answer:
                    yield answer
            case GoogleDriveSource():
                with self._google_drive(source, wanted, expected) as answer:
                    yield answer
            case HuggingFaceSource():
                from omz.downloader import hub

                if cached := hub.cached_file(source):
                    with local(cached) as answer:
                        yield answer
                else:
                    url, token = hub.request(source)
                    with self._web.open(url, wanted, expected=expected, headers=token) as answer:
                        yield answer

    @contextmanager
    def _google_drive(
        self, source: GoogleDriveSource, wanted: Range | None, expected: Expected
    ) -> Iterator[Stream]:
        query = urlencode({"id": source.id, "export": "download", "confirm": "t"})
        asked = Expected(expected.size)  # it sends pages of its own, whatever the file's name
        with ExitStack() as stack:
            try:
                url = f"{self._google_drive_url}?{query}"
                answer = stack.enter_context(self._web.open(url, wanted, expected=asked))
            except PageError as error:
                address = google_drive.confirmed_address(error.page, error.url)
                if not address:
                    raise
                answer = stack.enter_context(self._web.open(address, wanted, expected=asked))
            yield answer


@contextmanager
def local(path: Path) -> Iterator[Stream]:
    """Open a file of this machine as a stream."""
    with open_regular(path) as stream:
        yield Stream(iter(lambda: stream.read(CHUNK_BYTES), b""), path.stat().st_size)


@contextmanager
def _member(source: MemberSource) -> Iterator[Stream]:
    with open_regular(source.archive) as stream:
        stream.seek(source.offset)
        yield Stream(_portions(stream, source.size), source.size)


def _portions(stream: BinaryIO, size: int) -> Iterator[bytes]:
    while size and (chunk := stream.read(min(size, CHUNK_BYTES))):
        size -= len(chunk)
        yield chunk


def _bundled_path(source: BundledSource, folder: Path) -> Path:
    path = (folder / source.path).resolve()
    if not path.is_relative_to(folder.resolve()):  # a link; the schema has refused '..'
        raise SourceError("leads out of the folder of the descriptor")
    if not path.is_file():
        raise SourceError(f"is not there ({path})")
    return path
