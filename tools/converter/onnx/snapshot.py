"""What OpenVINO reads is what was checked: a copy of the ONNX file that nobody can change, and links of ours."""

from __future__ import annotations

import fcntl
import mmap
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from omz.converter.onnx.external_data import copy, link_all, place_for_links
from omz.converter.onnx.graph import ModelReader
from omz.converter.onnx.tensors import ExternalData
from omz.converter.onnx.wire import Reader
from omz.errors import ConversionError, ParseError, located
from omz.files import check_holes
from omz.private import private_folder
from omz.regular_files import regular_descriptor

#: Protobuf reads no larger message.
MAX_BYTES = (1 << 31) - 1
_SEALS = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE
_FOREIGN = {
    b"version https://git-lfs": "is a Git LFS pointer, not the network; fetch it with `git lfs pull`",
    b"<!DOCTYPE": "is a web page, not a network; download it again",
    b"<html": "is a web page, not a network; download it again",
    b"PK\x03\x04": "is a zip archive; unpack it first",
    b"\x1f\x8b": "is gzip-compressed; unpack it first",
    b"ir_version": "is ONNX as text; save it in binary form",
    b"{": "is ONNX as JSON, if anything; save it in binary form",
}


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A network in ONNX that has been checked.

    Attributes:
        path: What OpenVINO is to read, in this process or in another; there until the snapshot ends.
        original: The bytes of the file that it was made of, likewise.
        data: The files that its tensors are in, in the order of their names in the file.
    """

    path: Path
    original: Path
    data: tuple[Path, ...] = ()


@contextmanager
def snapshot(path: Path) -> Iterator[Snapshot]:
    """Copy an ONNX file into memory, check it, and give it to be read.

    Raises:
        ParseError: It is no sound network in ONNX; says where.
        ConversionError: A file with tensors is not there, or not one that the network may have.
    """
    with ExitStack() as stack:
        memory = os.memfd_create("onnx", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        stack.callback(os.close, memory)
        size = _copy_to_memory(path, memory)
        copied = Path(f"/proc/{os.getpid()}/fd/{memory}")
        with located(str(path)):
            tensors = _check(memory, size)
        fcntl.fcntl(memory, fcntl.F_ADD_SEALS, _SEALS)
        if not tensors:
            yield Snapshot(copied, copied)
            return
        try:
            folder = stack.enter_context(private_folder(place_for_links(path)))
        except OSError as reason:
            raise ConversionError(f"{path}: no place for links to its weights: {reason.strerror}") from reason
        links = link_all(path, tensors, folder)
        model = folder / "model.onnx"
        try:
            copy(memory, model)  # a file, as older releases look for the others where its link leads to
            _relocate(model, tensors, links)
        except OSError as reason:
            raise ConversionError(f"{folder}: cannot be written to: {reason.strerror}") from reason
        yield Snapshot(model, copied, tuple(folder / os.fsdecode(links[name]) for name in sorted(links)))


def _relocate(model: Path, tensors: Sequence[ExternalData], links: Mapping[str, bytes]) -> None:
    """Write where the links are in the place of where the files are."""
    descriptor = regular_descriptor(model, os.O_RDWR)
    try:
        for tensor in tensors:
            os.pwrite(descriptor, links[tensor.location], tensor.location_span[0])
            if tensor.base_span:
                start, end = tensor.base_span
                os.pwrite(descriptor, (b"./" * (end - start))[: end - start], start)
    finally:
        os.close(descriptor)


def _copy_to_memory(path: Path, memory: int) -> int:
    """Copy a file, and return its size."""
    try:
        descriptor = regular_descriptor(path)
        try:
            if os.fstat(descriptor).st_size > MAX_BYTES:
                raise ParseError(
                    f"{path}: is larger than 2 GB, which no reader of ONNX takes; save weights beside it"
                )
            check_holes(path, ParseError)
            done = 0
            while sent := os.sendfile(memory, descriptor, done, MAX_BYTES - done):
                done += sent
        finally:
            os.close(descriptor)
    except OSError as reason:
        raise ParseError(f"{path}: cannot be read: {reason.strerror}") from reason
    if not done:
        raise ParseError(f"{path}: is empty. Download it again.")
    return done


def _check(memory: int, size: int) -> list[ExternalData]:
    """Check the network, and return its tensors that are in other files."""
    content = mmap.mmap(memory, size, access=mmap.ACCESS_READ)
    try:
        for magic, reason in _FOREIGN.items():
            if content[: len(magic)] == magic:
                raise ParseError(f"{reason}.")
        if content[4:8] == b"ORTM":
            raise ParseError("is in ONNX Runtime's own format; take the .onnx that it was made of.")
        model = ModelReader(Reader(content))
        model.read()
        return model.external
    finally:
        with suppress(BufferError):  # an error on its way holds on to a view
            content.close()
