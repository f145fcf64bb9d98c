"""Damaged files: cut off, mutated, or against the rules of their container. A ParseError, or a right result."""

from __future__ import annotations

import io
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
from converter.pytorch.make_fixtures import EXPECTED, FIXTURES
from converter.pytorch.torch_files import (
    dictionary,
    floats,
    legacy_file,
    packed,
    program,
    safetensors_file,
    storage,
    tensor,
    zip_file,
    zip_members,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from omz.converter.pytorch import safetensors_format, zip_format
from omz.converter.pytorch.checkpoint import read_checkpoint
from omz.errors import ParseError

pytestmark = pytest.mark.slow  # seconds in all; the quick suite has the formats themselves

FILES = ("zip.pth", "protocol5.pth", "legacy.pth", "tensors.safetensors", "wrapped.pth", "wrapped-legacy.pth")
PICKLE = program(dictionary({"w": tensor(storage("0", 8), (8,), (1,))}))
MEMBERS = zip_members(PICKLE, {"0": floats(8)})


def refused(path: Path, content: bytes) -> str:
    path.write_bytes(content)
    with pytest.raises(ParseError) as caught:
        read_checkpoint(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert len(message.splitlines()) <= 2
    assert message.isprintable()
    return message.removeprefix(f"{path}: ")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "damaged"


@pytest.mark.parametrize("file", FILES)
def test_cut_off_at_every_percent(path, file):
    content = (FIXTURES / file).read_bytes()
    for percent in range(100):
        refused(path, content[: len(content) * percent // 100])


@pytest.mark.parametrize("file", FILES)
def test_cut_off_in_the_last_bytes(path, file):
    content = (FIXTURES / file).read_bytes()
    for missing in range(1, 100):
        refused(path, content[:-missing])


@pytest.mark.parametrize("file", FILES)
def test_a_cut_off_file_says_so(path, file):
    content = (FIXTURES / file).read_bytes()
    message = refused(path, content[: len(content) * 9 // 10])
    assert "cut off" in message


def read_or_refused(path: Path, content: bytes) -> None:
    """Any result is an honest view of the file: its arrays can be read to the end."""
    path.write_bytes(content)
    try:
        state = read_checkpoint(path)
    except ParseError as error:
        message = str(error)
        assert len(message.splitlines()) <= 2
        assert message.isprintable()
        return
    for array in state.values():
        if array.size < 1e6:
            np.array(array)


@pytest.mark.parametrize("file", FILES)
@settings(
    max_examples=300,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_random_mutations(path, file, data):
    content = bytearray((FIXTURES / file).read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content) - 1))
        replacement = data.draw(st.binary(min_size=0, max_size=8))
        content[at : at + data.draw(st.integers(0, 8))] = replacement
    read_or_refused(path, bytes(content))


@settings(
    max_examples=500,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(body=st.binary(max_size=60), in_zip=st.booleans())
def test_random_programs(path, body, in_zip):
    pickled = program(body, 4)
    read_or_refused(path, zip_file(pickled, {"0": floats(8)}) if in_zip else legacy_file(pickled))


@settings(
    max_examples=300,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    content=st.binary(max_size=100), head=st.sampled_from([b"", b"PK\x03\x04", b"\x80\x02", bytes(8) + b"{"])
)
def test_random_files(path, content, head):
    path.write_bytes(head + content)
    with pytest.raises(ParseError):
        read_checkpoint(path)


# --- not a checkpoint at all


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty"),
        (b"\n<!DOCTYPE html><html>404</html>", "web page"),
        (b"<HTML><head>", "web page"),
        (b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>", "XML"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n", "git lfs pull"),
        (b"\x1f\x8b\x08" + bytes(20), "gzip"),
        (b"\x89HDF\r\n\x1a\n" + bytes(20), "HDF5"),
        (bytes(257) + b"ustar\x0000" + bytes(248), "tar archive"),
        (b"just a text", "no checkpoint"),
        (program(b"N"), "not a file of torch.save"),
    ],
)
def test_other_files_are_named(path, content, reason):
    assert reason in refused(path, content)


def test_a_missing_file_and_a_folder(tmp_path):
    for path in (tmp_path / "missing", tmp_path):
        with pytest.raises(ParseError, match="cannot be read"):
            read_checkpoint(path)


def test_a_torchscript_archive_says_how_to_mend_it(path):
    message = refused(path, (FIXTURES / "script.pt").read_bytes())
    assert "TorchScript" in message
    assert "torch.jit.load" in message


def test_big_endian_files_are_refused_by_name(path):
    assert "big-endian" in refused(path, packed(MEMBERS | {"archive/byteorder": b"big"}))
    assert "big-endian" in refused(path, legacy_file(PICKLE, {"0": (8, floats(8))}, little_endian=False))


def test_an_archive_without_byte_order_is_little_endian(path):
    path.write_bytes(packed({key: value for key, value in MEMBERS.items() if "byteorder" not in key}))
    np.testing.assert_array_equal(read_checkpoint(path)["w"], np.arange(8))


def test_legacy_versions(path):
    assert "version 1001" in refused(path, legacy_file(PICKLE, {"0": (8, floats(8))}, version=1002))


# --- zip


def test_zip_members_are_read_by_python_as_well(path):
    """The archives that are refused below are refused for what is wrong with them."""
    path.write_bytes(packed(MEMBERS))
    np.testing.assert_array_equal(read_checkpoint(path)["w"], np.arange(8))


def test_a_zip_bomb_is_refused(path):
    bomb = MEMBERS | {"archive/data/0": bytes(64 << 20)}
    assert "is compressed" in refused(path, packed(bomb, zipfile.ZIP_DEFLATED))


def test_an_archive_around_a_checkpoint(path):
    message = refused(path, packed({"resnet/net.pth": packed(MEMBERS)}))
    assert "unpack it" in message
    two = MEMBERS | {"other/data.pkl": PICKLE}
    assert "2 members named data.pkl" in refused(path, packed(two))


@pytest.mark.filterwarnings("ignore::UserWarning")  # of zipfile, on writing it
def test_duplicate_names(path):
    stream = io.BytesIO(packed(MEMBERS))
    with zipfile.ZipFile(stream, "a") as archive:
        archive.writestr("archive/data/0", bytes(32))
    assert "two members are named 'archive/data/0'" in refused(path, stream.getvalue())


def directory_entry(content: bytearray, name: bytes) -> int:
    """Return where the central directory describes a member."""
    at = content.index(b"PK\x01\x02")
    while content[at + 46 : at + 46 + len(name)] != name:
        at = content.index(b"PK\x01\x02", at + 1)
    return at


def test_encrypted_members(path):
    content = bytearray(packed(MEMBERS))
    entry = directory_entry(content, b"archive/data/0")
    content[entry + 8] |= 1
    assert "differently" in refused(path, bytes(content))
    (header,) = struct.unpack_from("<I", content, entry + 42)
    content[header + 6] |= 1
    assert "encrypted" in refused(path, bytes(content))


def test_overlapping_members(path):
    """Two names on one run of bytes, or a member that reaches into the next."""
    content = bytearray(packed(MEMBERS | {"archive/data/1": floats(8)}))
    entry = directory_entry(content, b"archive/data/0")
    content[entry + 42 : entry + 46] = content[directory_entry(content, b"archive/data/1") + 42 :][:4]
    assert "differently" in refused(path, bytes(content))

    content = bytearray(packed(MEMBERS))
    entry = directory_entry(content, b"archive/data/0")
    struct.pack_into("<II", content, entry + 20, 40, 40)
    assert "overlaps" in refused(path, bytes(content))
    struct.pack_into("<II", content, entry + 20, 1 << 20, 1 << 20)
    assert "outside" in refused(path, bytes(content))


def test_the_directory_is_where_the_end_says(path):
    content = packed(MEMBERS)
    refused(path, content[:4] + bytes(10) + content[4:])
    refused(path, content + b"x")
    refused(path, content + content)
    for position, value in ((8, 1), (10, 99), (12, 1), (16, 1), (20, 7), (4, 1)):
        damaged = bytearray(content)
        struct.pack_into("<H", damaged, len(content) - 22 + position, value)
        refused(path, bytes(damaged))


def with_zip64(content: bytes, *, wide: bool = True) -> bytes:
    """The same archive with a zip64 end, and sizes and position of a member in a zip64 field."""
    plain = bytearray(content)
    end = len(plain) - 22
    count, _, start = struct.unpack_from("<HII", plain, end + 10)
    entry = directory_entry(plain, b"archive/data/0")
    packed_size, member_size = struct.unpack_from("<II", plain, entry + 20)
    (header,) = struct.unpack_from("<I", plain, entry + 42)
    (name_size,) = struct.unpack_from("<H", plain, entry + 28)
    struct.pack_into("<II", plain, entry + 20, 0xFFFFFFFF, 0xFFFFFFFF)
    struct.pack_into("<I", plain, entry + 42, 0xFFFFFFFF)
    field = struct.pack("<HH", 0x7777, 2) + b"xx"
    if wide:
        field += struct.pack("<HHQQQ", 1, 24, member_size, packed_size, header)
    struct.pack_into("<H", plain, entry + 30, len(field))
    name_end = entry + 46 + name_size
    directory = plain[start:name_end] + field + plain[name_end:end]
    end64 = struct.pack("<4sQHHIIQQQQ", b"PK\x06\x06", 44, 45, 45, 0, 0, count, count, len(directory), start)
    locator = struct.pack("<4sIQI", b"PK\x06\x07", 0, start + len(directory), 1)
    last = struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    return bytes(plain[:start] + directory + end64 + locator + last)


def test_zip64(path):
    content = with_zip64(packed(MEMBERS))
    with zipfile.ZipFile(io.BytesIO(content)) as archive:  # Python agrees that it is one
        assert archive.read("archive/data/0") == floats(8)
    path.write_bytes(content)
    np.testing.assert_array_equal(read_checkpoint(path)["w"], np.arange(8))


def test_zip64_that_lies(path):
    assert "lacks the size" in refused(path, with_zip64(packed(MEMBERS), wide=False))
    content = with_zip64(packed(MEMBERS))
    locator = content.index(b"PK\x06\x07")
    for offset in (8, locator + 8, content.index(b"PK\x06\x06") + 40, content.index(b"PK\x06\x06") + 48):
        damaged = bytearray(content)
        struct.pack_into("<Q", damaged, offset, (1 << 64) - 1)
        refused(path, bytes(damaged))


def test_too_many_members(path, monkeypatch):
    monkeypatch.setattr(zip_format, "MAX_MEMBERS", 3)
    assert "at most 3" in refused(path, packed(MEMBERS))


# --- safetensors

A = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
B = {"dtype": "F32", "shape": [2], "data_offsets": [8, 16]}


def test_safetensors_rules_are_kept_by_the_file_they_are_broken_in(path):
    path.write_bytes(safetensors_file({"b": B, "a": A, "__metadata__": {"x": "y"}}, floats(4)))
    state = read_checkpoint(path)
    assert list(state) == ["b", "a"]
    np.testing.assert_array_equal(state["b"], [2, 3])


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ({"a": A}, "bytes follow"),
        ({"b": B}, "hole"),
        ({"a": A, "b": A}, "overlaps"),
        ({"a": A, "b": B | {"data_offsets": [4, 12]}}, "overlaps"),
        ({"a": A, "b": B | {"data_offsets": [8, 20]}}, "outside"),
        ({"a": A, "b": B | {"data_offsets": [16, 8]}}, "outside"),
        ({"a": A, "b": B | {"data_offsets": [-8, 0]}}, "outside"),
        ({"a": A, "b": B | {"data_offsets": [8.0, 16.0]}}, "not described"),
        ({"a": A, "b": B | {"data_offsets": [False, True]}}, "outside"),
        ({"a": A, "b": B | {"data_offsets": [8]}}, "not described"),
        ({"a": A, "b": B | {"shape": [3]}}, "is not 8 bytes"),
        ({"a": A, "b": B | {"shape": [-2]}}, "shape"),
        ({"a": A, "b": B | {"shape": [1 << 62, 0]}}, "shape"),
        ({"a": A, "b": B | {"shape": [1] * 1000}}, "shape"),
        ({"a": A, "b": B | {"shape": [2.0]}}, "shape"),
        ({"a": A, "b": B | {"shape": 2}}, "not described"),
        ({"a": A, "b": B | {"dtype": "F64"}}, "is not 8 bytes"),
        ({"a": A, "b": B | {"dtype": "F8_E4M3"}}, "'F8_E4M3'"),
        ({"a": A, "b": B | {"dtype": 4}}, "not described"),
        ({"a": A, "b": B | {"more": 1}}, "more in its entry"),
        ({"a": A, "b": None}, "not described"),
        ({"a": A, "\x1b[2J": B | {"shape": [3]}}, "\\x1b"),
        ({}, "bytes follow"),
        (b'{"a": 1, "a": 2}', "twice"),
        (b'{"a": ', "not JSON"),
        (b"{" * 200_000, "not JSON"),
        (b'{"a": ' + b"[" * 200_000, "not JSON"),
        (b'{"a": ' + b"9" * 5000 + b"}", "not JSON"),
        (b'{"\xff": 1}', "not JSON"),
        (b"{} x", "not JSON"),
    ],
    ids=lambda value: repr(value)[-40:],
)
def test_safetensors_rules(path, header, reason):
    assert reason in refused(path, safetensors_file(header, floats(4)))


def test_safetensors_headers_of_any_size(path):
    """The size is the first byte of the file, and may be that of a pickle or a zip archive."""
    for padding in range(256):
        path.write_bytes(safetensors_file({"a": A, "__metadata__": {"x": " " * padding}}, floats(2)))
        np.testing.assert_array_equal(read_checkpoint(path)["a"], [0, 1])


def test_safetensors_headers_that_lie(path):
    content = safetensors_file({"a": A, "b": B}, floats(4))
    for size in (0, 1, len(content) - 8, len(content) + 1):
        refused(path, struct.pack("<Q", size) + content[8:])
    for size in (safetensors_format.MAX_HEADER_BYTES + 1, 1 << 39):
        assert "at most" in refused(path, struct.pack("<Q", size) + content[8:])
    assert "no checkpoint" in refused(path, struct.pack("<Q", (1 << 64) - 1) + content[8:])


def test_an_empty_safetensors_file(path):
    assert "no tensor" in refused(path, safetensors_file({}))


def test_fixtures_are_small():
    files = list(FIXTURES.iterdir())
    assert {path.name for path in files} >= set(FILES)
    assert sum(path.stat().st_size for path in files) < 60_000
    assert len(EXPECTED) > 15
