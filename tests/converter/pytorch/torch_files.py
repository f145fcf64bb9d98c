"""Files in PyTorch's formats, put together by hand: what a stranger could write, and PyTorch would not."""

from __future__ import annotations

import io
import json
import struct
import zipfile
from collections.abc import Mapping, Sequence

import numpy as np

MAGIC_NUMBER = 0x1950A86A20F9469CFC6C


def name(module: str, attribute: str) -> bytes:
    return f"c{module}\n{attribute}\n".encode()


def text(value: str) -> bytes:
    return b"X" + struct.pack("<I", len(value.encode())) + value.encode()


def integer(value: int) -> bytes:
    content = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
    return b"\x8a" + bytes([len(content)]) + content


def items(*parts: bytes) -> bytes:
    return b"(" + b"".join(parts) + b"t"


def call(function: bytes, *arguments: bytes) -> bytes:
    return function + items(*arguments) + b"R"


def dictionary(entries: Mapping[str, bytes]) -> bytes:
    return b"}(" + b"".join(text(key) + value for key, value in entries.items()) + b"u"


def program(body: bytes, protocol: int = 2) -> bytes:
    return b"\x80" + bytes([protocol]) + body + b"."


def storage(key: str, count: int, *, kind: str = "FloatStorage", view: bytes | None = None) -> bytes:
    parts = [text("storage"), name("torch", kind), text(key), text("cpu"), integer(count)]
    return items(*parts, *([view] if view else [])) + b"Q"


def tensor(
    source: bytes,
    shape: Sequence[int],
    strides: Sequence[int],
    offset: int = 0,
    *,
    rebuild: str = "_rebuild_tensor_v2",
) -> bytes:
    arguments = [source, integer(offset), items(*map(integer, shape)), items(*map(integer, strides))]
    if rebuild == "_rebuild_tensor_v2":
        arguments += [b"\x89", call(name("collections", "OrderedDict"))]
    return call(name("torch._utils", rebuild), *arguments)


def floats(count: int) -> bytes:
    return np.arange(count, dtype="<f4").tobytes()


def zip_members(pickle: bytes, storages: Mapping[str, bytes]) -> dict[str, bytes]:
    return {
        "archive/data.pkl": pickle,
        "archive/byteorder": b"little",
        **{f"archive/data/{key}": content for key, content in storages.items()},
        "archive/version": b"3\n",
    }


def zip_file(pickle: bytes, storages: Mapping[str, bytes] | None = None, **options: int) -> bytes:
    return packed(zip_members(pickle, storages or {}), **options)


def packed(members: Mapping[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as archive:
        for member, content in members.items():
            archive.writestr(member, content)
    return stream.getvalue()


def legacy_file(
    pickle: bytes,
    storages: Mapping[str, tuple[int, bytes]] | None = None,
    *,
    little_endian: bool = True,
    version: int = 1001,
    keys: Sequence[str] | None = None,
) -> bytes:
    """``storages``: count of elements and bytes, by key."""
    stored = storages or {}
    return b"".join(
        [
            program(integer(MAGIC_NUMBER)),
            program(integer(version)),
            program(b"}" + text("little_endian") + (b"\x88" if little_endian else b"\x89") + b"s"),
            pickle,
            program(b"](" + b"".join(map(text, stored if keys is None else keys)) + b"e"),
            *(struct.pack("<q", count) + content for count, content in stored.values()),
        ]
    )


def safetensors_file(header: object, data: bytes = b"") -> bytes:
    content = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(content)) + content + data
