"""The files that a network is made of: their names in a descriptor, their sizes and digests."""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from omz.converter.arguments import Arguments
from omz.errors import ConversionError, UsageError
from omz.files import share_blocks
from omz.redaction import redacted
from omz.regular_files import open_regular

log = logging.getLogger(__name__)

CHECKPOINT_SUFFIXES = (".pth", ".pt", ".safetensors")
ONNX_SUFFIX = ".onnx"
CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class NetworkFile:
    """One file of a network.

    Attributes:
        name: Under the folder of the model.
        path: Where it is now.
        flag: The argument of Model Optimizer that names it; '' for one that another file names.
        size: In bytes.
        sha256, sha384: Of its content.
        url: Where everybody can get it; '' for a file that comes with the descriptor.
    """

    name: str
    path: Path
    flag: str
    size: int
    sha256: str
    sha384: str
    url: str = ""


def framework_of(arguments: Arguments) -> str:
    """Return the framework that the files of a network are of: ``caffe``, ``onnx`` or ``pytorch``."""
    if arguments.input_proto is not None:
        return "caffe"
    return "onnx" if arguments.input_model.suffix == ONNX_SUFFIX else "pytorch"


def network_files(name: str, arguments: Arguments, urls: Sequence[str] = ()) -> list[NetworkFile]:
    """Read the files of a network through.

    Args:
        name: Of the model. Files are named after it, whatever they are called now; those that an ONNX file takes its
            weights from keep their names, by which it knows them.
        arguments: Which files they are.
        urls: Where everybody can get them, in the order of the result; none if they come with the descriptor.

    Returns:
        For Caffe the prototxt, the caffemodel, and the mean picture if there is one; else the network, and then the
        files that its weights are in.

    Raises:
        UsageError: An address is none, or there are not as many as files.
        ConversionError: A file cannot be read, or is no file.
    """
    for url in urls:
        _check_url(url)
    places = list(_places(name, arguments))
    if urls and len(urls) != len(places):
        names = ", ".join(path.name for _, path, _ in places)
        raise UsageError(f"--url is there {len(urls)} times; expected one for each of {names}, in this order")
    found = []
    for number, (stored, path, flag) in enumerate(places):
        size, sha256, sha384 = measured(path)
        log.info("%s: %s, %d bytes", stored, path, size)
        found.append(NetworkFile(stored, path, flag, size, sha256, sha384, urls[number] if urls else ""))
    return found


def _check_url(url: str) -> None:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:  # of a host that cannot be
        usable = False
    if not usable:
        raise UsageError(f"--url {redacted(url)[:200]!r}: expected an address such as https://host/path")
    if "@" in parts.netloc:
        raise UsageError(
            f"--url {redacted(url)[:200]}: holds a login, which whoever gets the descriptor would have. Leave it out: "
            "omz_downloader takes it from .netrc or --header"
        )
    if redacted(url) != url:
        log.warning("--url %s: what *** stands for is part of the descriptor. Is it a secret?", redacted(url))


def copy(file: NetworkFile, target: Path) -> None:
    """Copy a file, and see to it that the copy is what was measured.

    Raises:
        ConversionError: The file has changed since.
        OSError: The copy cannot be written.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with open_regular(file.path) as source, target.open("xb") as out:
        if not share_blocks(source, out):
            shutil.copyfileobj(source, out, CHUNK_BYTES)
        out.flush()
        os.fsync(out.fileno())
    if measured(target) != (file.size, file.sha256, file.sha384):
        raise ConversionError(f"{file.path}: has changed while it was being read. Try again.")


def measured(path: Path) -> tuple[int, str, str]:
    """Return size, SHA-256 and SHA-384 of a file, read once.

    Raises:
        ConversionError: It cannot be read, or is no regular file: who opens a pipe may wait for ever.
    """
    sha256, sha384, size = hashlib.sha256(), hashlib.sha384(), 0
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise ConversionError(f"{path}: is {'a folder' if path.is_dir() else 'no regular file'}")
        with open_regular(path) as stream:
            while chunk := stream.read(CHUNK_BYTES):
                sha256.update(chunk)
                sha384.update(chunk)
                size += len(chunk)
    except (OSError, ValueError) as reason:  # ValueError: of a NUL in the name
        raise ConversionError(
            f"{path}: cannot be read: {getattr(reason, 'strerror', None) or reason}"
        ) from reason
    return size, sha256.hexdigest(), sha384.hexdigest()


def _places(name: str, arguments: Arguments) -> Iterator[tuple[str, Path, str]]:
    """Yield the name of each file in the descriptor, where it is, and the flag that names it."""
    match framework_of(arguments):
        case "caffe":
            if arguments.input_proto:
                yield f"{name}.prototxt", arguments.input_proto, "input_proto"
            yield f"{name}.caffemodel", arguments.input_model, "input_model"
            if arguments.mean_file:
                yield "mean.binaryproto", arguments.mean_file, "mean_file"
        case "onnx":
            yield f"{name}{ONNX_SUFFIX}", arguments.input_model, "input_model"
            yield from _external(arguments.input_model)
        case _:
            suffix = arguments.input_model.suffix.lower()
            known = suffix if suffix in CHECKPOINT_SUFFIXES else CHECKPOINT_SUFFIXES[0]
            yield f"{name}{known}", arguments.input_model, "input_model"


def _external(network: Path) -> Iterator[tuple[str, Path, str]]:
    from omz.converter.onnx.external_data import external_files

    for path in external_files(network):
        yield path.relative_to(network.parent).as_posix(), path, ""
