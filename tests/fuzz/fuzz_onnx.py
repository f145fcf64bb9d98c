"""Fuzz the reader of ONNX files: what it accepts, protobuf reads the same way, and nothing of it is unknown."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from random import Random

import harness

with harness.measured():
    from omz.converter.onnx.external_data import external_files
    from omz.converter.onnx.graph import ModelReader
    from omz.converter.onnx.snapshot import snapshot
    from omz.converter.onnx.wire import Reader

import numpy as np
import onnx
from google.protobuf.message import Message
from google.protobuf.unknown_fields import UnknownFieldSet
from mutations import mutated_message, mutated_wire, parsed_wire
from onnx import helper, numpy_helper

from nets.fields import is_repeated
from nets.onnx_nets import classifier, control_flow, network, value
from nets.onnx_wire import IN_MEMORY, WEIGHTS, dense, elsewhere, entry, field, inside, model_bytes
from omz.errors import ZooError

LOCATION = field(1, b"location") + field(2, IN_MEMORY.encode())
#: Pieces that protobuf reads in a way of its own; put anywhere.
ODD = [
    field(13, LOCATION),
    field(13, LOCATION, tag_width=5),
    field(13, LOCATION, size_width=5),
    b"\x6b" + LOCATION + b"\x6c",
    field(14, 1),
    field(14, 1 << 32 | 1),
    field(14, 1, size_width=10),
    field(7, dense(elsewhere(entry("location", "w.bin")))),
    field(5, elsewhere(entry("location", "w.bin"))),
    field(1, b"x"),
    field(2, b"y"),
    field(8, 1),
    field(99, b""),
    b"\x00",
    b"\x80\x00",
]


def seeds() -> list[bytes]:
    """Return small networks with everything that may be in one."""
    constant = numpy_helper.from_array(WEIGHTS, "c")
    sparse = helper.make_sparse_tensor(constant, numpy_helper.from_array(np.arange(4), "i"), [99])
    all_attributes = helper.make_node(
        "N", ["x", ""], ["y"], domain="d", t=constant, i=1, f=0.5, s=b"s", ints=[1, 2]
    )
    all_attributes.attribute.append(helper.make_attribute("sparse", sparse))
    all_attributes.attribute.append(helper.make_attribute("type", value("v", ("N", 3)).type))
    busy = network(
        [all_attributes], {"x": (1, 4)}, {"y": (1, 4)}, {"w": WEIGHTS, "b": np.ones(3, np.float16)}
    )
    busy.graph.sparse_initializer.append(sparse)
    busy.metadata_props.add(key="k", value="v")
    busy.training_info.add().algorithm.CopyFrom(busy.graph)
    for kind in (
        onnx.TensorProto.INT4,
        onnx.TensorProto.FLOAT16,
        onnx.TensorProto.UINT64,
        onnx.TensorProto.COMPLEX64,
    ):
        busy.graph.initializer.append(helper.make_tensor(f"t{kind}", kind, [5], [1] * 5))
    body = [helper.make_node("Add", ["a", "a"], ["b"])]
    function = helper.make_function("d", "N", ["a"], ["b"], body, [helper.make_opsetid("", 13)])
    busy.functions.append(function)
    located = [entry("location", "w.bin"), entry("offset", "0"), entry("length", "64")]
    models = [classifier(), control_flow(), busy]
    return [
        *(model.SerializeToString() for model in models),
        model_bytes(dense(inside())),
        model_bytes(dense(elsewhere(*located))),
        model_bytes(dense(elsewhere(entry("location", "sub/v.bin"), entry("basepath", "/tmp")))),
    ]


def read(path: Path) -> None:
    data = path.read_bytes()
    for name in ("w.bin", "sub/v.bin"):
        file = path.parent / name
        if not file.exists():
            file.parent.mkdir(exist_ok=True)
            WEIGHTS.tofile(file)
    model = ModelReader(Reader(data))
    try:
        model.read()
    except ZooError:
        with suppress(ZooError):  # it is refused there as well, if it comes to that
            external_files(path)
        return
    proto = onnx.ModelProto.FromString(data)
    found = []
    for message in messages(proto):
        assert len(UnknownFieldSet(message)) == 0, f"something unknown was read: {message}"
        if isinstance(message, onnx.TensorProto) and message.data_location == onnx.TensorProto.EXTERNAL:
            stated = {one.key: one.value for one in message.external_data}
            found.append((message.name, stated["location"], int(stated.get("offset", 0))))
    ours = [(one.tensor, one.location, one.offset) for one in model.external]
    assert sorted(found) == sorted(ours), f"{found} is not {ours}"
    with snapshot(path) as checked:
        check_copy(onnx.load_model(checked.path, load_external_data=False), path.parent, checked.path.parent)


def check_copy(copied: onnx.ModelProto, beside: Path, folder: Path) -> None:
    """Check that what OpenVINO gets leads to the files of the private folder alone."""
    for message in messages(copied):
        if isinstance(message, onnx.TensorProto) and message.data_location == onnx.TensorProto.EXTERNAL:
            (location,) = [one.value for one in message.external_data if one.key == "location"]
            linked = folder / location
            assert linked.resolve().is_relative_to(folder), location
            assert any(linked.samefile(beside / name) for name in ("w.bin", "sub/v.bin"))


def messages(message: Message) -> Iterator[Message]:
    """Yield a message and all within it."""
    yield message
    for one, inner in message.ListFields():
        if one.message_type is not None:
            for part in inner if is_repeated(one) else [inner]:
                yield from messages(part)


def mutate(data: bytes, rng: Random) -> bytes:
    chance = rng.random()
    if chance < 0.15:
        at = rng.randrange(len(data) + 1)
        return data[:at] + rng.choice(ODD) + data[at:]
    message = parsed_wire(data, onnx.ModelProto) if chance < 0.75 else None
    if message is None:
        return mutated_wire(data, rng)
    try:
        mutated_message(message, rng)
        return message.SerializeToString()
    except (UnicodeDecodeError, ValueError):  # a name that protobuf's runtime takes in, but not out again
        return mutated_wire(data, rng)


if __name__ == "__main__":
    harness.fuzz(read, "net.onnx", seeds(), mutate)
