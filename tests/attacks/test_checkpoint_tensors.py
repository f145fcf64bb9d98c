"""Tensors that reach outside of their storage, storages that reach into each other: memory that is not the file's."""

from __future__ import annotations

import struct

from attacks.attack import Attack
from attacks.models import add_checkpoints
from converter.pytorch.torch_files import (
    call,
    dictionary,
    floats,
    integer,
    items,
    legacy_file,
    name,
    program,
    storage,
    tensor,
    text,
    zip_file,
)

FAR = 1 << 39


def weight(body: bytes) -> bytes:
    """A state_dict of one tensor, the first one that the network asks for."""
    return program(dictionary({"conv1.weight": body}))


TENSORS = {
    "longer-than-its-storage": tensor(storage("0", 8), [9], [1]),
    "terabytes": tensor(storage("0", 8), [FAR], [1]),
    "beyond-64-bits": tensor(storage("0", 8), [1 << 62, 1 << 62], [1, 1]),
    "shape-that-overflows-to-8": tensor(storage("0", 8), [(1 << 62) + 2, 4], [4, 1]),
    "negative-size": tensor(storage("0", 8), [-1, -8], [1, 1]),
    "negative-stride": tensor(storage("0", 8), [8], [-1]),
    "stride-far-out": tensor(storage("0", 8), [2], [FAR]),
    "negative-offset": tensor(storage("0", 8), [4], [1], -4),
    "offset-far-out": tensor(storage("0", 8), [1], [1], FAR),
    "offset-at-the-end": tensor(storage("0", 8), [1], [1], 8),
    "repeated-a-billion-times": tensor(storage("0", 8), [64, 3, 7, 1 << 20], [0, 0, 0, 0]),
    "axes-without-end": tensor(storage("0", 8), [1] * 10_000, [1] * 10_000),
    "fewer-strides-than-sizes": tensor(storage("0", 8), [2, 4], [1]),
    "sizes-that-are-no-numbers": call(
        name("torch._utils", "_rebuild_tensor"), storage("0", 8), integer(0), items(text("8")), items(integer(1))
    ),
    "doubles-in-floats": tensor(storage("0", 8, kind="DoubleStorage"), [8], [1]),
    "bytes-for-floats": tensor(storage("0", 32, kind="ByteStorage"), [64, 3, 7, 7], [147, 49, 7, 1]),
    "another-type-in-v3": call(
        name("torch._utils", "_rebuild_tensor_v3"), storage("0", 32, kind="UntypedStorage"), integer(0),
        items(integer(8)), items(integer(1)), b"\x89", b"N", name("torch", "float64"),
    ),
    "more-than-is-stored": tensor(storage("0", 1 << 30), [8], [1]),
    "negative-count": tensor(storage("0", -8), [0], [1]),
    "a-storage-that-is-not-there": tensor(storage("../../etc/passwd", 8), [8], [1]),
    "a-part-outside-of-its-storage": tensor(
        storage("0", 8, view=items(text("1"), integer(6), integer(8))), [8], [1]
    ),
}  # fmt: skip


def test_none_is_read(attack: Attack) -> None:
    contents = {key: zip_file(weight(body), {"0": floats(8)}) for key, body in TENSORS.items()}
    for key, body in TENSORS.items():
        size = 64 if "doubles" in key else 32
        contents[f"legacy-{key}"] = legacy_file(weight(body), {"0": (8, floats(8)[:size])})
    contents |= _storages_in_each_other() | _legacy_lengths()
    attack.refused_each(contents, *add_checkpoints(attack.folder, contents), megabytes=400)


def _storages_in_each_other() -> dict[str, bytes]:
    """Zip archives whose directory and members disagree."""
    body = dictionary({"a": tensor(storage("0", 8), [8], [1]), "b": tensor(storage("1", 8), [8], [1])})
    whole = zip_file(program(body), {"0": floats(8), "1": floats(8)})
    directory = whole.index(b"PK\x01\x02")
    entries = [at for at in range(directory, len(whole)) if whole[at : at + 4] == b"PK\x01\x02"]

    def with_field(entry: int, field: int, number: int) -> bytes:
        at = entries[entry] + field
        return whole[:at] + struct.pack("<L", number) + whole[at + 4 :]

    first = struct.unpack_from("<L", whole, entries[2] + 42)[0]
    return {
        "one-member-in-another": with_field(3, 42, first),
        "a-member-over-the-next": with_field(2, 24, 4096)[:],
        "a-member-over-the-end": with_field(3, 20, len(whole)),
        "a-header-outside": with_field(3, 42, 0xFFFFFFF0),
        "a-header-in-the-directory": with_field(3, 42, directory),
    }


def _legacy_lengths() -> dict[str, bytes]:
    pickled = weight(tensor(storage("0", 8), [8], [1]))
    return {
        f"legacy-count-{count}": legacy_file(pickled, {"0": (count, floats(8))})
        for count in (-1, 7, 9, 1 << 40, (1 << 63) - 1)
    } | {
        "legacy-cut-off": legacy_file(pickled, {"0": (8, floats(7))}),
        "legacy-twice": legacy_file(pickled, {"0": (8, floats(8))}, keys=["0", "0"]),
        "legacy-of-nobody": legacy_file(pickled, {"x": (8, floats(8))}),
        "legacy-without-storages": legacy_file(pickled, {}),
        "legacy-big-endian": legacy_file(pickled, {"0": (8, floats(8))}, little_endian=False),
        "legacy-version": legacy_file(pickled, {"0": (8, floats(8))}, version=1 << 70),
        "legacy-tar": (b"sys_info" + bytes(249) + b"ustar\x0000").ljust(4096, b"\0"),
    }
