"""Addresses of files: on mirrors, and for people who fetch a file with their browser."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import PurePosixPath
from urllib.parse import quote, urlsplit, urlunsplit

from omz.errors import UsageError
from omz.redaction import redacted
from omz.zoo.model_files import (
    AnySource,
    BundledSource,
    GoogleDriveSource,
    HttpSource,
    HuggingFaceSource,
    ModelFile,
)
from omz.zoo.schema import Model

#: Tells where a file of a model is to be had, in the order in which that is to be tried.
Whence = Callable[[Model, ModelFile], list[AnySource]]


class MirrorSource(HttpSource):
    """A file on a mirror that the user has named."""


class Mirrors:
    """Sources of files, mirrors first.

    Args:
        bases: Addresses of folders; a file is at ``<subdirectory of the model>/<file name>`` below.

    Raises:
        UsageError: One of them is no such address.
    """

    def __init__(self, bases: Sequence[str]) -> None:
        for base in bases:
            _require_address(base)
        self._bases = bases

    def __call__(self, model: Model, file: ModelFile) -> list[AnySource]:
        """Return where a file can be fetched, in the order in which that is to be tried."""
        if any(isinstance(source, BundledSource) for source in file.sources):  # it is here already
            return file.sources
        place = model.subdirectory / file.name
        mirrored = [MirrorSource.model_construct(url=mirror_url(base, place)) for base in self._bases]
        return [*mirrored, *file.sources]


def mirror_url(base: str, place: PurePosixPath) -> str:
    """Return the address of a file below ``base``, whose query, such as an access token, comes along.

    >>> mirror_url("https://host/zoo/?sig=1", PurePosixPath("public/net/net 1.bin"))
    'https://host/zoo/public/net/net%201.bin?sig=1'
    """
    parts = urlsplit(base)
    return urlunsplit(parts._replace(path=f"{parts.path.rstrip('/')}/{quote(str(place))}"))


def browser_urls(sources: Sequence[AnySource]) -> list[str]:
    """Return the addresses, without credentials, that a person can open to fetch a file from ``sources``."""
    urls = []
    for source in sources:
        match source:
            case HttpSource():
                urls.append(redacted(source.url))
            case GoogleDriveSource():
                urls.append(f"https://drive.google.com/file/d/{source.id}/view")
            case HuggingFaceSource():
                hub = os.environ.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/")
                urls.append(
                    redacted(f"{hub}/{source.repo}/resolve/{source.revision}/{quote(source.filename)}")
                )
    return list(dict.fromkeys(urls))


def _require_address(base: str) -> None:
    try:
        parts = urlsplit(base)
        good = parts.scheme in ("http", "https") and parts.hostname and not parts.fragment
        good = good and parts.port != 0 and base.isascii() and base.isprintable() and " " not in base
    except ValueError:  # a port that is none, an odd bracket
        good = False
    if not good:
        raise UsageError(
            f"{redacted(base)!r} is no address of a mirror; expected one such as https://host/folder"
        )
