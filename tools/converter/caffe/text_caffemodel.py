"""Read a caffemodel in protobuf's text form, as ``WriteProtoToTextFile`` writes it.

Such a file is a prototxt with the blobs in it, one line for each number. The numbers are taken out in runs and parsed
by NumPy; what is left is a prototxt of ordinary size, in which each run is replaced by its number, and goes the way of
every prototxt.
"""

from __future__ import annotations

import mmap
import re
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from omz.converter.caffe.caffe_pb2 import BlobProto, LayerParameter, V1LayerParameter
from omz.converter.caffe.prototxt import MAX_PROTOTXT_BYTES, parse_net
from omz.errors import ParseError

#: What is left without the numbers; as much as of a prototxt.
MAX_REST = MAX_PROTOTXT_BYTES
#: Numbers parsed in one step; bounds the memory for their text.
MAX_RUN = 1 << 16
MAX_PIECE = 1 << 20  # of a list of numbers, in characters

#: Characters of a number; without a bound, an array of numbers would take the length of the longest for each.
MAX_NUMBER = 64

_NUMBER = rb"[-+.0-9a-zA-Z]{1,%d}" % MAX_NUMBER
_TOKEN = re.compile(
    rb"(?P<kept>#[^\n]*"
    rb'|"(?:[^"\\\n]|\\.)*"'
    rb"|'(?:[^'\\\n]|\\.)*')"
    rb"|\b(?P<field>(?:double_)?(?:data|diff))\s*:\s*"
    rb"(?:\[(?P<list>[^\]\[{}\"':]*)\]|(?P<run>%b(?:\s+(?P=field)\s*:\s*%b){0,%d}))[ \t]*"
    % (_NUMBER, _NUMBER, MAX_RUN - 1)
)
_BETWEEN = {field: re.compile(rb"\s" + field + rb"\s*:") for field in (b"data", b"double_data")}
_SUFFIX = re.compile(rb"(?<=[0-9.])[fF]\s*$")
_TEXT = re.compile(rb"[\t\n\r -~\x80-\xff]*")


def is_text(mapped: mmap.mmap) -> bool:
    """Tell from its beginning whether a caffemodel is in text form; the binary form soon has a control character."""
    head = mapped[:4096]
    return bool(_TEXT.fullmatch(head)) and bool(re.match(rb"\s*(?:#|[a-zA-Z_]\w*\s*[:{])", head))


def read_layers(path: Path, mapped: mmap.mmap) -> Iterator[tuple[str, list[tuple[BlobProto, NDArray[Any]]]]]:
    """Yield (name, blobs) for each layer of a caffemodel in text form; a blob is (it without its numbers, its numbers).

    Raises:
        ParseError: The file is no such text; names the file and the line.
    """
    rest, arrays = _without_numbers(path, mapped)
    net = parse_net(path, rest, "a caffemodel in text form (lines without the numbers)")
    layers: Sequence[LayerParameter | V1LayerParameter] = net.layers or net.layer  # as Caffe takes them
    for layer in layers:
        blobs = []
        for blob in layer.blobs:
            if not all(
                place.isdigit() and int(place) < len(arrays) for place in (*blob.data, *blob.double_data)
            ):
                raise ParseError(f"{path}: layer {layer.name!r}: the data of a blob are not numbers")
            single, double = (
                np.concatenate([np.empty(0, dtype), *(arrays[int(place)] for place in places)])
                for dtype, places in ((np.float32, blob.data), (np.float64, blob.double_data))
            )
            blobs.append((blob, double if double.size else single))  # as Caffe takes them
        yield layer.name, blobs


def _without_numbers(path: Path, mapped: mmap.mmap) -> tuple[str, list[NDArray[Any]]]:
    """Take the numbers out of a text.

    Returns:
        The text, in which the places of the runs in the list stand for them; and the list.
    """
    rest: list[bytes] = []
    arrays: list[NDArray[Any]] = []
    position = size = 0
    for match in _TOKEN.finditer(mapped):
        kept = mapped[position : match.start()] + (match["kept"] or b"")
        rest.append(kept)
        size += len(kept)
        position = match.end()
        if match["field"] and not match["field"].endswith(b"diff"):
            place = b'%b: "%d"' % (match["field"], len(arrays))
            rest.append(place)
            size += len(place)
            arrays.append(_numbers(path, mapped, match))
        if size > MAX_REST:
            break
    rest.append(mapped[position : position + MAX_REST + 1])
    text = b"".join(rest)
    if len(text) > MAX_REST:
        raise ParseError(f"{path}: more than {MAX_REST} bytes of it are not numbers; that is no caffemodel")
    return text.decode("utf-8", errors="replace"), arrays


def _numbers(path: Path, mapped: mmap.mmap, match: re.Match[bytes]) -> NDArray[Any]:
    dtype = np.float64 if match["field"] == b"double_data" else np.float32
    if match["run"] is not None:
        plain = match["run"].replace(match["field"] + b":", b" ")
        # NumPy reads the usual form in one step; of what it cannot read it warns (1.x) or raises (2.x).
        with suppress(ValueError), warnings.catch_warnings(action="ignore"):
            numbers = np.fromstring(plain, dtype, sep=" ")
            if len(numbers) == match["run"].count(b":") + 1:
                return numbers
        pieces: Iterable[list[bytes]] = [_BETWEEN[match["field"]].split(match["run"])]
    else:
        pieces = _pieces(match["list"])
    try:
        return np.concatenate([_parsed(piece, dtype) for piece in pieces] or [np.empty(0, dtype)])
    except ValueError as error:
        line = mapped[: match.start()].count(b"\n") + 1
        raise ParseError(f"{path}: line {line} or one of the next: {error}") from error


def _pieces(numbers: bytes) -> Iterator[list[bytes]]:
    """Take a list of numbers, which may be as long as the file, some of them at a time."""
    start = 0 if numbers.strip() else len(numbers)
    while start < len(numbers):
        end = numbers.find(b",", start + MAX_PIECE)
        end = len(numbers) if end < 0 else end
        yield numbers[start:end].split(b",")
        start = end + 1


def _parsed(texts: Iterable[bytes], dtype: type[np.floating[Any]]) -> NDArray[Any]:
    """Return numbers that are stated one by one.

    Raises:
        ValueError: One of them is none.
    """
    plain = [text.strip() for text in texts]
    if max(map(len, plain), default=0) <= MAX_NUMBER:
        with suppress(ValueError):
            return np.array(plain, "S").astype(dtype)
    plain = [_SUFFIX.sub(b"", text) for text in plain]  # the text form allows 1.5f
    for text in plain:
        if not _is_number(text):
            raise ValueError(f"{text[:40].decode(errors='replace')!r} is not a number")
    return np.array(plain, "S").astype(dtype)


def _is_number(text: bytes) -> bool:
    try:
        float(text[:MAX_NUMBER])
    except ValueError:
        return False
    return len(text) <= MAX_NUMBER
