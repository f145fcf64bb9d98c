"""Checkpoints whose pickle is a program: each asks for code to be run, in another way. None is, and each is named."""

from __future__ import annotations

import pickle
import zipfile

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
    packed,
    program,
    storage,
    tensor,
    text,
    zip_file,
    zip_members,
)

COMMAND = text("touch sentinel")
WEIGHTS = tensor(storage("0", 8), [8], [1])


def short(word: str) -> bytes:
    return b"\x8c" + bytes([len(word)]) + word.encode()


class Runs:
    """What Python's own pickler makes of an object that says how it is to be built."""

    def __reduce__(self) -> tuple[object, ...]:
        return exec, ("open('sentinel', 'w')",)


PROGRAMS = {
    "global-and-reduce": program(call(name("posix", "system"), COMMAND)),
    "stack-global": program(call(short("os") + short("system") + b"\x93", COMMAND), 4),
    "of-the-pickler": pickle.dumps({"state_dict": Runs()}, protocol=2),
    "of-the-pickler-5": pickle.dumps({"state_dict": Runs()}, protocol=5),
    "of-text": b"cposix\nsystem\n(S'touch sentinel'\ntR.",
    "inst": program(b"(" + COMMAND + b"iposix\nsystem\n"),
    "obj": program(b"(" + name("posix", "system") + COMMAND + b"o"),
    "newobj": program(name("subprocess", "Popen") + items(COMMAND) + b"\x81"),
    "newobj-ex": program(name("subprocess", "Popen") + items(COMMAND) + b"}" + b"\x92", 4),
    "build-setstate": program(
        name("torch", "Size") + dictionary({"__setstate__": name("os", "system")}) + b"b"
    ),
    "build-attributes": program(WEIGHTS + dictionary({"__class__": text("x")}) + b"b"),
    "extension-1": program(b"\x82\x01"),
    "extension-2": program(b"\x83\x01\x00"),
    "extension-4": program(b"\x84\x01\x00\x00\x00"),
    "persistent-text": program(b"Pos.system\n"),
    "persistent-name": program(name("os", "system") + b"Q"),
    "persistent-module": program(
        items(text("module"), name("os", "system"), text("m.py"), text("x=1")) + b"Q"
    ),
    "persistent-type": program(
        items(text("storage"), name("os", "system"), text("0"), text("cpu"), integer(1)) + b"Q"
    ),
    "buffers": program(b"\x97\x98", 5),
    "rebuild-by-name": program(
        call(name("torch._utils", "_rebuild_from_type_v2"), name("os", "system"), COMMAND)
    ),
    "jit": program(call(name("torch.jit._pickle", "restore_type_tag"), COMMAND)),
    "numpy": program(call(name("numpy.core.multiarray", "_reconstruct"), COMMAND)),
    "codecs": program(call(name("_codecs", "encode"), COMMAND, text("latin1"))),
    "dotted": program(call(short("torch") + short("serialization.os.system") + b"\x93", COMMAND), 4),
    "beside-weights": program(dictionary({"w": WEIGHTS, "hook": call(name("builtins", "eval"), COMMAND)})),
    "in-the-memo": program(name("builtins", "eval") + b"q\x00" + b"0h\x00" + items(COMMAND) + b"R"),
}


def test_none_is_run(attack: Attack) -> None:
    """In the zip format, in the legacy one, and one pickle after the other one."""
    contents = {key: zip_file(content, {"0": floats(8)}) for key, content in PROGRAMS.items()}
    contents |= {f"legacy-{key}": legacy_file(content, {}) for key, content in PROGRAMS.items()}
    contents["before-the-legacy"] = PROGRAMS["global-and-reduce"] + legacy_file(program(b"}"))
    contents["bare"] = PROGRAMS["stack-global"]
    members = zip_members(program(dictionary({"w": WEIGHTS})), {"0": floats(8)})
    contents["zip-in-zip"] = packed({"archive/data.pkl": zip_file(PROGRAMS["stack-global"])})
    contents["two-pickles"] = packed(members | {"other/data.pkl": PROGRAMS["stack-global"]})
    contents["torchscript"] = packed(members | {"archive/code/__torch__.py": b"import os"})
    contents["compressed"] = packed(members, zipfile.ZIP_DEFLATED)
    messages = attack.refused_each(contents, *add_checkpoints(attack.folder, contents))
    assert not list(attack.folder.rglob("sentinel*"))
    for key in ("global-and-reduce", "legacy-global-and-reduce", "stack-global", "beside-weights"):
        assert "is not data; refused, nothing was run." in messages[key]
