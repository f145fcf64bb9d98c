"""Read a caffemodel: file -> arrays that are views on the mapped file.

The text form is left to :mod:`.text_caffemodel`. In binary form a caffemodel is a ``NetParameter`` on
protobuf's wire (https://protobuf.dev/programming-guides/encoding/). Only four things in it matter to us: layer names,
blob shapes and the blobs' numbers, float or double. The protobuf runtime would copy every number at least twice, so the
few nested messages are walked here, and the numbers are never touched.

Field numbers (caffe.proto)::

    NetParameter      layer = 100, layers = 2 (the V1 format)
    LayerParameter    name = 1, blobs = 7
    V1LayerParameter  name = 4, blobs = 6
    BlobProto         shape = 7 {dim = 1}, data = 5, double_data = 8, num/channels/height/width = 1..4
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from contextlib import suppress
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from omz.converter.caffe.text_caffemodel import is_text, read_layers
from omz.errors import ParseError
from omz.files import map_file

Blob = NDArray[Any]

VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5
#: A legitimate file has some thousand fields; without a bound, one of tiny fields would keep us busy for hours.
MAX_FIELDS = 500_000
MAX_AXES = 32

_V1, _V2 = 2, 100
_LAYER_FIELDS = {_V2: (1, 7), _V1: (4, 6)}  # field of NetParameter -> (name, blobs) within it
_SHAPE, _DATA, _DOUBLE_DATA = 7, 5, 8
_NUMBERS: dict[int, tuple[np.dtype[Any], int]] = {
    _DATA: (np.dtype("<f4"), FIXED32),
    _DOUBLE_DATA: (np.dtype("<f8"), FIXED64),
}

_FOREIGN = {
    b"\x89HDF\r\n\x1a\n": "is in HDF5 format; save the net as a binary protobuf (snapshot_format: BINARYPROTO)",
    b"version https://git-lfs": "is a Git LFS pointer, not the model; fetch it with `git lfs pull`",
    b"<!DOCTYPE": "is a web page, not a model; download it again",
    b"<html": "is a web page, not a model; download it again",
    b"PK\x03\x04": "is a zip archive; unpack it first",
    b"\x1f\x8b": "is gzip-compressed; unpack it first",
}


def read_caffemodel(path: Path) -> dict[str, tuple[Blob, ...]]:
    """Read the weights of a network.

    Args:
        path: A caffemodel, binary or text, current or V1 format, packed or unpacked numbers, float or double.

    Returns:
        The blobs of each layer that has any, by layer name, in file order. Arrays are float32 (float64 for
        ``double_data``) in the blob's shape, views on the mapped file wherever the file stores the numbers
        in one run. Blobs without ``shape`` have the four legacy dimensions.

    Raises:
        ParseError: The file is truncated or not a caffemodel; names the file, the layer and the byte.
    """
    mapped = map_file(path, ParseError)
    for magic, reason in _FOREIGN.items():
        if mapped[: len(magic)] == magic:
            raise ParseError(f"{path}: {reason}.")
    weights = _read_text(path, mapped) if is_text(mapped) else _read_binary(path, mapped)
    if weights is None:
        raise no_weights(path)
    return weights


def no_weights(path: Path) -> ParseError:
    """Return the error for a file that is no caffemodel, or one of a net without weights where some are asked for."""
    return ParseError(f"{path}: holds no weights. Is it a caffemodel?")


def _read_text(path: Path, mapped: mmap.mmap) -> dict[str, tuple[Blob, ...]] | None:
    """Return the blobs by layer, of layers that have any; None if there is no layer at all."""
    weights: dict[str, tuple[Blob, ...]] | None = None
    for layer, stored in read_layers(path, mapped):
        blobs = []
        for blob, data in stored:
            legacy = (blob.num, blob.channels, blob.height, blob.width)
            shape = tuple(blob.shape.dim) if blob.HasField("shape") else legacy if any(legacy) else data.shape
            blobs.append(_shaped(path, layer, data, shape))
        weights = (weights or {}) | ({layer: tuple(blobs)} if blobs else {})
    return weights


def _read_binary(path: Path, mapped: mmap.mmap) -> dict[str, tuple[Blob, ...]] | None:
    """Return the blobs by layer, of layers that have any; None if there is no layer at all."""
    reader = _Reader(path, mapped)
    found: dict[int, dict[str, tuple[Blob, ...]]] = {}
    for field, wire, start, end in reader.fields(0, len(mapped)):
        if field in _LAYER_FIELDS and wire == LENGTH:
            name, blobs = _read_layer(reader, start, end, *_LAYER_FIELDS[field])
            found.setdefault(field, {})
            if blobs:
                found[field][name] = blobs
    return found.get(_V1, found.get(_V2))  # of a file that has both, Caffe takes the former


def read_mean(path: Path) -> NDArray[np.float32]:
    """Read a mean picture, as Caffe's ``compute_image_mean`` writes it: one blob in binary form (``.binaryproto``).

    Returns:
        An array (C, H, W), channels in the order that the network was trained with.

    Raises:
        ParseError: The file is no such blob; names the file.
    """
    mapped = map_file(path, ParseError)
    blob = _read_blob(_Reader(path, mapped), "mean", 0, len(mapped))
    if blob.ndim == 4 and blob.shape[0] == 1:
        blob = blob[0]
    if blob.ndim != 3 or not blob.size:
        raise ParseError(f"{path}: is no mean picture: expected a blob (1, C, H, W), got {blob.shape}")
    return blob.astype(np.float32, copy=False)


class _Reader:
    """Walks protobuf's wire format inside a mapped file."""

    def __init__(self, path: Path, mapped: mmap.mmap) -> None:
        self.path = path
        self.mapped = mapped
        self._fields_left = MAX_FIELDS

    def fields(self, position: int, end: int) -> Iterator[tuple[int, int, int, int]]:
        """Yield (field number, wire type, start, end) of each field of the message in [position, end)."""
        while position < end:
            self._fields_left -= 1
            if self._fields_left < 0:
                raise ParseError(f"{self.path}: has more than {MAX_FIELDS} fields; that is no caffemodel")
            at = position
            tag, position = self.varint(position, end)
            field, wire = tag >> 3, tag & 7
            if wire == LENGTH:
                length, position = self.varint(position, end)
                stop = position + length
            elif wire == VARINT:
                _, stop = self.varint(position, end)
            elif wire == FIXED32:
                stop = position + 4
            elif wire == FIXED64:
                stop = position + 8
            else:
                raise self.damaged(at)
            if stop > end or field == 0:
                raise self.damaged(at)
            yield field, wire, position, stop
            position = stop

    def varint(self, position: int, end: int) -> tuple[int, int]:
        """Return the value at ``position`` and the position behind it."""
        mapped, value, shift, at = self.mapped, 0, 0, position
        while position < end and shift < 64:
            byte = mapped[position]
            position += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value, position
            shift += 7
        raise self.damaged(at)

    def numbers(self, dtype: np.dtype[Any], start: int, end: int) -> Blob:
        """Return the packed numbers in [start, end) as a view."""
        if (end - start) % dtype.itemsize:
            raise self.damaged(start)
        return np.frombuffer(self.mapped, dtype, (end - start) // dtype.itemsize, start)

    def damaged(self, position: int) -> ParseError:
        return ParseError(
            f"{self.path}: is cut off or damaged at byte {position} of {len(self.mapped)}. "
            "Download it again; if it comes from elsewhere, check that it is a binary caffemodel."
        )


def _read_layer(
    reader: _Reader, start: int, end: int, name_field: int, blobs_field: int
) -> tuple[str, tuple[Blob, ...]]:
    name, ranges = "", []
    for field, wire, first, last in reader.fields(start, end):
        if field == name_field and wire == LENGTH:
            name = reader.mapped[first:last].decode("utf-8", errors="replace")
        elif field == blobs_field and wire == LENGTH:
            ranges.append((first, last))
    return name, tuple(_read_blob(reader, name, first, last) for first, last in ranges)


def _read_blob(reader: _Reader, layer: str, position: int, end: int) -> Blob:
    shape: tuple[int, ...] | None = None
    legacy: dict[int, int] = {}
    numbers: dict[int, list[Blob]] = {}
    while position < end:
        # A generator per field instead of one per blob: a run of unpacked numbers is taken in one step, below.
        field, wire, start, stop = next(reader.fields(position, end))
        if field == _SHAPE and wire == LENGTH:
            shape = _read_shape(reader, start, stop)
        elif field <= 4 and wire == VARINT:
            legacy[field], _ = reader.varint(start, stop)
        elif field in _NUMBERS and wire == LENGTH:
            numbers.setdefault(field, []).append(reader.numbers(_NUMBERS[field][0], start, stop))
        elif field in _NUMBERS and wire == _NUMBERS[field][1]:
            run = _unpacked_run(reader, position, end, start - position, _NUMBERS[field][0])
            numbers.setdefault(field, []).append(run)
            stop = position + len(run) * (start - position + run.itemsize)
        position = stop
    single, double = (numbers.get(field, []) for field in (_DATA, _DOUBLE_DATA))
    chunks = double if any(map(len, double)) else single  # as Caffe takes them
    data = chunks[0] if len(chunks) == 1 else np.concatenate(chunks or [np.empty(0, np.float32)])
    if shape is None:
        shape = tuple(legacy.get(axis, 0) for axis in (1, 2, 3, 4)) if legacy else data.shape
    return _shaped(reader.path, layer, data, shape)


def _shaped(path: Path, layer: str, data: Blob, shape: tuple[int, ...]) -> Blob:
    if len(shape) <= MAX_AXES and min(shape, default=0) >= 0 and prod(shape) == data.size:
        with suppress(ValueError):  # 0 numbers, but sizes beyond 64 bits
            return data.reshape(shape)
    raise ParseError(
        f"{path}: layer {layer!r}: a blob of shape {shape} holds {data.size} numbers. "
        "The file is damaged; download it again."
    )


def _unpacked_run(reader: _Reader, position: int, end: int, tag_size: int, dtype: np.dtype[Any]) -> Blob:
    """Return the numbers of a run of fields [tag, number][tag, number]... that starts at ``position``."""
    record = np.dtype([("tag", f"V{tag_size}"), ("number", dtype)])
    records = np.frombuffer(reader.mapped, record, (end - position) // record.itemsize, position)
    first, length, step = records["tag"][0], 0, 64
    while length < len(records):  # in growing steps, so that short runs cost no more than their own bytes
        other = records["tag"][length : length + step] != first
        if other.any():
            length += int(other.argmax())
            break
        length += len(other)
        step *= 2
    run: Blob = records["number"][:length]
    return run


def _read_shape(reader: _Reader, start: int, end: int) -> tuple[int, ...]:
    dimensions: list[int] = []
    for field, wire, first, last in reader.fields(start, end):
        if field != 1:
            continue
        if wire == VARINT:
            dimensions.append(reader.varint(first, last)[0])
        elif wire == LENGTH:
            while first < last and len(dimensions) <= MAX_AXES:
                value, first = reader.varint(first, last)
                dimensions.append(value)
    return tuple(dimensions)
