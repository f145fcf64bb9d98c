"""Files beside an ONNX file: regular ones, in its folder, as long as the tensors in them."""

import os
import socket

import pytest

from nets.onnx_wire import IN_MEMORY, WEIGHTS, dense, elsewhere, entry, field, model_bytes
from omz.converter.onnx import external_data
from omz.converter.onnx.external_data import external_files, opened
from omz.converter.onnx.snapshot import snapshot
from omz.errors import ConversionError


def refusal(folder, *entries: bytes, shape=(4, 4)) -> str:
    path = folder / "net.onnx"
    path.write_bytes(model_bytes(dense(elsewhere(*entries, shape=shape))))
    try:
        with snapshot(path):
            return ""
    except ConversionError as error:
        return str(error)


@pytest.fixture
def folder(tmp_path):
    """A folder with all kinds of things in it, and a secret outside."""
    folder = tmp_path / "here"
    (folder / "sub").mkdir(parents=True)
    WEIGHTS.tofile(tmp_path / "secret")
    WEIGHTS.tofile(folder / "w.bin")
    WEIGHTS.tofile(folder / "sub" / "w.bin")
    (folder / "inner").symlink_to("sub/w.bin")
    (folder / "sub" / "back").symlink_to("../w.bin")
    (folder / "out").symlink_to("../secret")
    (folder / "sub" / "up").symlink_to("../..")
    (folder / "root").symlink_to("/")
    (folder / "circle").symlink_to("circle")
    (folder / "dangling").symlink_to("nowhere")
    os.mkfifo(folder / "pipe")
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(os.path.relpath(folder / "socket"))
    return folder


@pytest.mark.parametrize(
    "location", ["w.bin", "./w.bin", "sub/w.bin", "sub//w.bin", "sub/./w.bin", "inner", "sub/back"]
)
def test_files_in_the_folder(folder, location):
    assert refusal(folder, entry("location", location)) == ""
    assert external_files(folder / "net.onnx") == [folder / location]


@pytest.mark.parametrize(
    ("location", "message"),
    [
        ("../secret", "outside of its own folder"),
        ("sub/../../secret", "outside of its own folder"),
        ("sub/../w.bin", "outside of its own folder"),
        ("..", "outside of its own folder"),
        ("..\\secret", "outside of its own folder"),
        ("sub\\w.bin", "outside of its own folder"),
        ("/etc/passwd", "outside of its own folder"),
        ("//etc/passwd", "outside of its own folder"),
        ("w.bin\0", "outside of its own folder"),
        ("out", "outside of its own folder"),
        ("sub/up/secret", "outside of its own folder"),
        ("root/etc/passwd", "outside of its own folder"),
        (".", "cannot be read"),
        ("/", "outside of its own folder"),
        ("sub", "cannot be read"),
        ("w.bin/", ""),
        ("w.bin/x", "cannot be read"),
        ("circle", "cannot be read"),
        ("dangling", "is not there"),
        ("nowhere", "is not there"),
        ("pipe", "cannot be read: is no regular file"),
        ("socket", "cannot be read: is no regular file"),
        ("x" * 256, "cannot be read"),
        ("net.onnx", "from itself"),
        ("./net.onnx", "from itself"),
        ("file:w.bin", "is not there"),
        ("C:w.bin", "is not there"),
        (" w.bin", "is not there"),
        ("%2e%2e/secret", "is not there"),
        ("\u2025/secret", "is not there"),
        ("W.BIN", "is not there"),
    ],
)
def test_what_is_no_file_in_the_folder(folder, location, message):
    found = refusal(folder, entry("location", location))
    assert (message in found) if message else found == ""
    assert "\n" not in found
    assert "\0" not in found


@pytest.mark.parametrize(
    "location",
    [
        IN_MEMORY, f"./{IN_MEMORY}", f"/{IN_MEMORY}", f"x:{IN_MEMORY}", f"./../{IN_MEMORY}", f".\\{IN_MEMORY}",
        f"//{IN_MEMORY}", "*/./_ORT_MEM_ADDR_/*", "*//_ORT_MEM_ADDR_/*", "*/_ort_mem_addr_/*",
        f"{IN_MEMORY}/", f"a/{IN_MEMORY}",
    ],
)  # fmt: skip
def test_memory_is_no_file(folder, location):
    """Not even where there is a file of that name, or of what OpenVINO makes of it."""
    for name in (IN_MEMORY, "*/_ort_mem_addr_/*", f"a/{IN_MEMORY}", f"x:{IN_MEMORY}"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        WEIGHTS.tofile(folder / name)
    assert "that is refused" in refusal(folder, entry("location", location), entry("offset", "4096"))


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"offset": "0", "length": "64"}, ""),
        ({"offset": "64"}, "takes 64 bytes from 64 of 'w.bin', which has 64"),
        ({"offset": "1", "length": "64"}, "which has 64"),
        ({"offset": "4"}, "which has 64"),
        ({"offset": str((1 << 63) - 1), "length": "64"}, "which has 64"),
        ({"offset": str((1 << 64) - 64), "length": "64"}, "is no offset"),  # the sum would be 0 in 64 bits
        ({"offset": "18446744073709551616"}, "is no offset"),
    ],
)
def test_range_is_within_the_file(folder, entries, message):
    words = [entry(key, word) for key, word in entries.items()]
    found = refusal(folder, entry("location", "w.bin"), *words)
    assert (message in found) if message else found == ""


def test_a_file_that_goes_on_is_not_taken_to_its_end(folder):
    with (folder / "w.bin").open("ab") as stream:
        stream.write(bytes(64))
    assert "which has 128" in refusal(folder, entry("location", "w.bin"))
    assert refusal(folder, entry("location", "w.bin"), entry("length", "64")) == ""


def test_shape_that_is_larger_than_all_files(folder):
    assert "which has 64" in refusal(folder, entry("location", "w.bin"), shape=(1 << 40, 1 << 40))


def many(count: int, location: bytes, *, entries: bytes = b"") -> bytes:
    weights = [
        field(1, 4) * 2
        + field(2, 1)
        + field(8, b"w%d" % number)
        + entry("location", location)
        + entries
        + field(14, 1)
        for number in range(count)
    ]
    return model_bytes(
        dense(elsewhere(entry("location", "w.bin"))) + b"".join(field(5, one) for one in weights)
    )


def test_few_bytes_for_many_tensors(folder):
    path = folder / "net.onnx"
    path.write_bytes(many(external_data.MAX_SHARED, b"w.bin"))
    with pytest.raises(ConversionError, match="as large as the files"), snapshot(path):
        pass
    path.write_bytes(many(external_data.MAX_SHARED - 1, b"w.bin"))
    with snapshot(path) as checked:
        assert len(checked.data) == 1


def test_many_files_of_one_letter(folder):
    """Each gets a name of its own that is as long."""
    letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
    for letter in letters:
        WEIGHTS.tofile(folder / letter)

    def model(count: int) -> bytes:
        weights = [
            field(1, 4) * 2 + field(2, 1) + field(8, b"w" + letter) + entry("location", letter) + field(14, 1)
            for letter in (one.encode() for one in letters[:count])
        ]
        return model_bytes(
            dense(elsewhere(entry("location", "w.bin"))) + b"".join(field(5, one) for one in weights)
        )

    path = folder / "net.onnx"
    path.write_bytes(model(36))
    with snapshot(path) as checked:
        assert len({data.name for data in checked.data}) == 37
    path.write_bytes(model(37))
    with pytest.raises(ConversionError, match="too many files with names of 1 characters"), snapshot(path):
        pass


def test_a_link_that_is_put_there_meanwhile_is_not_followed(folder, monkeypatch):
    """The path is resolved, then opened step by step: whoever is quick enough in between gains nothing."""
    (folder / "net.onnx").write_bytes(b"")
    resolve = type(folder).resolve

    def exchanged(path, strict=False):
        real = resolve(path, strict=strict)
        if path.name == "w.bin":
            (folder / "w.bin").unlink()
            (folder / "w.bin").symlink_to("../secret")
        return real

    monkeypatch.setattr(type(folder), "resolve", exchanged)
    with pytest.raises(ConversionError), opened(folder / "net.onnx", "w.bin"):
        pass
