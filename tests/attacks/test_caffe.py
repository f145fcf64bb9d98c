"""Forged prototxts and caffemodels: sizes that cannot be, lengths that lie, nesting, and text that is none."""

from __future__ import annotations

import struct

import pytest
from attacks.attack import Attack
from attacks.models import describe

INPUT = 'name: "net" input: "data" input_shape { dim: 1 dim: 3 dim: 8 dim: 8 }\n'
CONV = (
    'layer { name: "conv" type: "Convolution" bottom: "data" top: "conv" '
    "convolution_param { num_output: 4 kernel_size: 1 } }\n"
)


def layer(kind: str, parameters: str) -> str:
    return f'{INPUT}layer {{ name: "odd" type: "{kind}" bottom: "data" top: "odd" {parameters} }}\n'


PROTOTXTS: dict[str, str | bytes] = {
    "nested": "layer { a " + "{ b " * 50_000,
    "nested-known": INPUT + "layer { include " * 20_000,
    "groups": INPUT + "layer < " * 20_000,
    "extensions": INPUT + "layer { [a.b.c/" + "d" * 60_000 + "]: 1 }",
    "any": INPUT + 'layer { [type.googleapis.com/evil] { value: "x" } }',
    "a-megabyte-of-name": INPUT + f'layer {{ name: "{"x" * 1_000_000}" type: "ReLU" bottom: "data" top: "a" }}',
    "strings-that-join": INPUT + 'layer { name: ' + '"x" ' * 150_000 + "}",
    "fields": INPUT + "unheard_of: 1\n" * 300_000,
    "too-large": b"#" * (9 << 20),
    "dim-beyond": INPUT.replace("dim: 3", "dim: 99999999999999999999999"),
    "dim-negative": INPUT.replace("dim: 3", "dim: -3") + CONV,
    "dim-of-exabytes": INPUT.replace("dim: 8 dim: 8", "dim: 4294967296 dim: 4294967296") + CONV,
    "dims-without-end": INPUT.replace("dim: 3", "dim: 1 " * 50_000) + CONV,
    "tiles": layer("Tile", "tile_param { tiles: 2147483647 }"),
    "kernel": layer("Convolution", "convolution_param { num_output: 4 kernel_size: 4294967295 }"),
    "pad": layer("Pooling", "pooling_param { kernel_size: 3 pad: 4294967295 }"),
    "deconvolution": layer("Deconvolution", "convolution_param { num_output: 4 kernel_size: 1 stride: 4294967295 }"),
    "reshape": layer("Reshape", "reshape_param { shape { dim: 9223372036854775807 dim: 9223372036854775807 } }"),
    "upsample": layer("Upsample", "upsample_param { scale: 2147483647 }"),
    "cycle": INPUT + 'layer { name: "a" type: "ReLU" bottom: "b" top: "a" } layer { name: "b" type: "ReLU" bottom: "a" '
    'top: "b" }',
    "python": layer("Python", 'python_param { module: "os" layer: "system" }'),
    "hdf5": layer("HDF5Output", 'hdf5_output_param { file_name: "/tmp/escaped" }'),
    "name-that-a-terminal-obeys": INPUT + r'layer { name: "\033]0;owned\007" type: "ReLU" bottom: "data" top: "a" }',
    "type-that-a-terminal-obeys": INPUT + r'layer { name: "a" type: "\033[2J" bottom: "data" top: "a" }',
    "escaped-nul": INPUT + r'layer { name: "a\000b" type: "ReLU" bottom: "data" top: "a" }',
    "not-utf-8": INPUT.encode() + b'layer { name: "\xff" type: "ReLU" bottom: "\xc3\x28" top: "\xfe" }\x1b[2J',
    "include": 'include "/etc/passwd"\n' + INPUT,
    "nothing": "",
}  # fmt: skip


def varint(number: int) -> bytes:
    encoded = b""
    while number > 127:
        encoded, number = encoded + bytes([number & 127 | 128]), number >> 7
    return encoded + bytes([number])


def field(number: int, content: bytes, length: int | None = None) -> bytes:
    return varint(number << 3 | 2) + varint(len(content) if length is None else length) + content


def model(blob: bytes, name: bytes = b"conv") -> bytes:
    return field(100, field(1, name) + field(2, b"Convolution") + field(7, blob))


def blob(*dimensions: int, data: bytes = bytes(48), number: int = 5) -> bytes:
    return field(7, field(1, b"".join(map(varint, dimensions)))) + field(number, data)


CAFFEMODELS = {
    "length-beyond": field(100, b"x", 1 << 30),
    "length-of-exabytes": field(100, b"x", (1 << 63) - 1),
    "length-negative": b"\xa2\x06" + b"\xff" * 9 + b"\x01" + b"x",
    "length-overlong": b"\xa2\x06" + b"\x80" * 20 + b"\x01",
    "tag-overlong": b"\xa2" + b"\x80" * 12 + b"\x06\x01x",
    "tag-without-end": b"\xff" * 100,
    "tag-of-nothing": b"\x00\x00" * 100,
    "groups": b"\xa3\x06" * 100_000,
    "group-without-end": b"\xa3\x06" + model(blob(4, 3, 1, 1)),
    "nested": field(100, b"\xa2\x06" * 50_000),
    "fields": b"\x08\x00" * 1_000_000,
    "blobs": field(100, field(1, b"conv") + b"\x3a\x00" * 500_000),
    "dimension-of-exabytes": model(blob((1 << 63) - 1, 4)),
    "dimension-negative": model(blob((1 << 64) - 4, (1 << 64) - 3, 1, 1)),
    "dimensions-that-overflow": model(blob((1 << 62) + 1, 4, 3, 1, 1)),
    "axes": model(blob(*[1] * 50_000)),
    "fewer-numbers": model(blob(4, 3, 1, 1, data=bytes(44))),
    "half-a-number": model(blob(4, 3, 1, 1, data=bytes(47))),
    "doubles-of-no-size": model(blob(4, 3, 1, 1, data=bytes(48), number=8)),
    "name-not-utf-8": model(blob(4, 3, 1, 1), b"\xff\xfe\x1b[2J"),
    "infinite": b"\x0a\x01n",
    "text-nested": b"layer { " + b"blobs { " * 50_000,
    "text-digits": b'layer { name: "conv" blobs { shape { dim: 4 } data: ' + b"9" * 200_000 + b" } }",
    "git-lfs": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
    "page": b"<!doctype html><script>alert(1)</script>",
    "pickle": b"\x80\x02cposix\nsystem\nX\x05\x00\x00\x00touchtR.",
    "hdf5": b"\x89HDF\r\n\x1a\n" + bytes(500),
    "empty": b"",
    "cut-off": model(blob(4, 3, 1, 1))[:-10],
    "of-another-net": model(struct.pack("<f", 1), b"other"),
}


@pytest.mark.slow
def test_each_is_refused(attack: Attack) -> None:
    """Half of the nets have a sound caffemodel, the others a sound prototxt."""
    sound = (INPUT + CONV, model(blob(4, 3, 1, 1)))
    pairs = {f"net-{name}": (text, sound[1]) for name, text in PROTOTXTS.items()}
    pairs |= {f"weights-{name}": (sound[0], content) for name, content in CAFFEMODELS.items()}
    for name, (text, content) in pairs.items():
        arguments = ["--input_proto=$dl_dir/net.prototxt", "--input_model=$dl_dir/net.caffemodel"]
        describe(attack.folder, name, [], framework="caffe", model_optimizer_args=arguments)
        place = attack.folder / "files" / "public" / name
        place.mkdir(parents=True)
        (place / "net.prototxt").write_bytes(text if isinstance(text, bytes) else text.encode())
        (place / "net.caffemodel").write_bytes(content)
    words = ["omz_converter", "--all", "--models_root", "zoo", "-d", "files", "-o", "out"]
    attack.refused_each(pairs, *words, seconds=40, patience=200)
