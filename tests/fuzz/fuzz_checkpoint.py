"""Fuzz the readers of checkpoints: PyTorch's zip format and its legacy one, the pickles in them, and safetensors."""

from __future__ import annotations

import io
import json
import lzma
import struct
import sys
import zipfile
import zlib
from contextlib import suppress
from pathlib import Path
from random import Random

import harness

with harness.measured():
    from omz.converter.pytorch.checkpoint import read_checkpoint

from converter.pytorch.make_fixtures import FIXTURES
from converter.pytorch.torch_files import (
    call,
    dictionary,
    floats,
    integer,
    legacy_file,
    name,
    packed,
    program,
    safetensors_file,
    storage,
    tensor,
    text,
    zip_file,
)
from mutations import INTEGERS, STRINGS, mutated_tree, mutated_wire

#: Raised by Python itself when anything is imported, run or opened that should not be.
FORBIDDEN = {"exec", "compile", "import", "os.system", "os.exec", "subprocess.Popen", "pickle.find_class"}
#: What a hostile program would be made of, opcode by opcode.
PIECES = [
    name("posix", "system"),
    name("builtins", "eval"),
    name("torch", "FloatStorage"),
    name("torch", "bfloat16"),
    name("torch._utils", "_rebuild_tensor_v3"),
    name("torch._utils", "_rebuild_parameter"),
    name("torch", "Size"),
    call(name("collections", "OrderedDict")),
    storage("0", 8),
    tensor(storage("0", 8), [2, 4], [4, 1]),
    text("state_dict"),
    *(bytes([opcode]) for opcode in b"NRbQst(u}])ael.012\x85\x86\x87\x94\x93\x8f\x90\x88\x89\x95"),
    *map(integer, INTEGERS),
    *(text(word) for word in STRINGS),
]
#: What zipfile raises of what is no zip.
UNREADABLE = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error),
    *(NotImplementedError, RuntimeError, ValueError, EOFError, OSError),
)
_listening = False


def _listen(event: str, _arguments: object) -> None:
    if _listening and event in FORBIDDEN:
        raise SystemError(f"a checkpoint caused {event}")


def seeds() -> list[bytes]:
    """Return small files of all formats, those that PyTorch wrote among them."""
    body = dictionary({"w": tensor(storage("0", 8), [2, 4], [4, 1]), "b": tensor(storage("1", 4), [4], [1])})
    half = tensor(storage("0", 8, kind="BFloat16Storage"), [8], [1])
    header = {
        "__metadata__": {"format": "pt"},
        "w": {"dtype": "F32", "shape": [2, 4], "data_offsets": [0, 32]},
        "b": {"dtype": "BF16", "shape": [4], "data_offsets": [32, 40]},
    }
    made = [
        zip_file(program(body), {"0": floats(8), "1": floats(4)}),
        zip_file(program(dictionary({"state_dict": dictionary({"w": half})})), {"0": bytes(16)}),
        legacy_file(program(body), {"0": (8, floats(8)), "1": (4, floats(4))}),
        safetensors_file(header, bytes(40)),
    ]
    return [*made, *(path.read_bytes() for path in sorted(FIXTURES.iterdir()) if path.stat().st_size < 16384)]


def read(path: Path) -> None:
    """Read every number of what the file holds: a view that reaches outside of it would end the process."""
    global _listening
    _listening = True
    try:
        state = read_checkpoint(path)
    finally:
        _listening = False
    for array in state.values():
        if array.size <= 1 << 20:  # others repeat one element by strides of 0
            array.sum()


def mutate(data: bytes, rng: Random) -> bytes:
    """Change a member of a zip, the header of safetensors, a pickle's opcodes, or any bytes."""
    if rng.random() < 0.2:
        return mutated_wire(data, rng)
    if data[:2] == b"PK":
        with suppress(*UNREADABLE):
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                members = {member: archive.read(member) for member in archive.namelist()}
            return packed(_with_other_members(members, rng))
        return mutated_wire(data, rng)
    if data[8:9] == b"{":
        size = int.from_bytes(data[:8], "little")
        with suppress(ValueError, RecursionError):
            header = json.loads(data[8 : 8 + size])
            for _ in range(rng.choice([1, 1, 2, 3])):
                header = mutated_tree(header, rng)
            return safetensors_file(header, data[8 + size :])
    return _other_program(data, rng)


def _with_other_members(members: dict[str, bytes], rng: Random) -> dict[str, bytes]:
    names = sorted(members)
    if not names:
        return members
    pickles = [member for member in names if member.endswith(".pkl")]
    if pickles and rng.random() < 0.7:
        members[pickles[0]] = _other_program(members[pickles[0]], rng)
        return members
    one, other = rng.choice(names), rng.choice(names)
    action = rng.randrange(4)
    if action == 0:
        del members[one]
    elif action == 1:
        members[one + rng.choice(STRINGS)] = members[other]
    elif action == 2:
        members[one], members[other] = members[other], members[one]
    else:
        members[one] = mutated_wire(members[one], rng)
    return members


def _other_program(data: bytes, rng: Random) -> bytes:
    at = rng.randrange(len(data) + 1)
    until = at + rng.choice([0, 0, 1, 2, 5, 20])
    more = b"".join(rng.choice(PIECES) for _ in range(rng.choice([0, 1, 1, 2, 4, 100])))
    return data[:at] + more + data[until:]


if __name__ == "__main__":
    sys.addaudithook(_listen)
    harness.fuzz(read, "net.pth", seeds(), mutate)
