"""Nothing but regular files is opened, nothing waits, and nobody opens a file from outside in another way."""

from __future__ import annotations

import ast
import errno
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from omz.errors import ZooError
from omz.files import map_file, read_bounded
from omz.regular_files import (
    NotRegularError,
    open_regular,
    regular_descriptor,
    told_otherwise,
)

CHECKOUT = Path(__file__).resolve().parents[1]

#: What opens a file by its name and is no business of open_regular, and why.
OTHERWISE = {
    "tools/regular_files.py": "the opener itself",
    "tools/child_main.py": "descriptors, /dev/null",
    "tools/diversion.py": "descriptors",
    "tools/private.py": "/proc, /etc/machine-id",
    "tools/files.py": "a private file, to make it longer",
    "tools/streams.py": "descriptors",
    "tools/vouching.py": "a private file",
    "tools/converter/onnx/external_data.py": "folders; files that were looked at, by their descriptor",
    "tools/converter/pairs.py": "a folder, to lock it; what was just written",
    "tools/converter/verify.py": "what was just written",
    "tools/describer/placing.py": "a folder, to sync it",
    "tools/downloader/archives.py": "a stream",
    "tools/downloader/partial.py": "a new file of ours; a folder, to sync it",
    "tools/downloader/partial_state.py": "/proc/sys/kernel/random/boot_id",
    "tools/downloader/replace_worker.py": "stdin; private files",
    "tools/inference/images.py": "a stream",
    "tools/inference/network.py": "looked at just before",
    "tools/inference/video_sources.py": "looked at just before; or no file",
    "tools/quantizer/backend.py": "what was just written",
    "tools/report/html.py": "a file of the package",
    "demos/common/video_writer.py": "what was just written",
}
#: Opens a file by its name; of ``open`` alone it depends on the mode.
OPENERS = {
    "os.open", "io.open", "io.FileIO", "np.fromfile", "np.load", "np.loadtxt", "np.genfromtxt", "np.memmap",
    "cv2.imread", "cv2.imreadmulti", "cv2.VideoCapture", "Image.open", "tarfile.open", "zipfile.ZipFile", "gzip.open",
    "bz2.open", "lzma.open", "shutil.copy", "shutil.copy2", "shutil.copyfile", "safe_open", "load_file", "json.load",
    "read_text", "read_bytes", "write_text", "write_bytes", "read_model", "codecs.open",
}  # fmt: skip


@pytest.fixture
def others(tmp_path: Path) -> Iterator[list[Path]]:
    """Return what is no regular file and would wait, or have no end."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket"))
        yield [
            *(tmp_path / name for name in ("pipe", "link", "socket")),
            *map(Path, ("/dev/zero", "/dev/random", "/dev/tty", "/dev/null", "/proc/kmsg", "/proc/self/mem")),
        ]


def test_only_regular_files_are_opened(others: list[Path]) -> None:
    for path in others:
        with pytest.raises(OSError):  # noqa: PT011 - that nothing waits is what counts
            open_regular(path)
        for reader in (lambda it: read_bounded(it, 9, "list", ZooError), lambda it: map_file(it, ZooError)):
            with pytest.raises(ZooError, match=f"^{path}: cannot be read: "):
                reader(path)


def test_what_there_is_in_place_of_a_file_is_told(tmp_path: Path, others: list[Path]) -> None:
    assert told_otherwise(others[0]) == "is no regular file but a pipe; write it to a file first"
    assert told_otherwise(tmp_path) == told_otherwise(tmp_path / "missing") == ""


def test_folders_and_missing_files_are_told_as_ever(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError):
        open_regular(tmp_path)
    with pytest.raises(FileNotFoundError):
        open_regular(tmp_path / "missing")


def test_who_writes_to_a_pipe_does_not_notice(tmp_path: Path) -> None:
    """To open it for a moment would let a writer begin, and end it by a signal."""
    os.mkfifo(tmp_path / "pipe")
    opened = threading.Event()

    def write() -> None:
        with (tmp_path / "pipe").open("wb"):
            opened.set()

    writer = threading.Thread(target=write)
    writer.start()
    with pytest.raises(NotRegularError):
        open_regular(tmp_path / "pipe")
    assert not opened.is_set()
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)  # lets the writer go
    writer.join()
    os.close(reader)


def test_a_pipe_that_comes_between_the_look_and_the_opening(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, real = tmp_path / "file", Path.stat
    path.write_bytes(b"x")

    def late(self: Path, **options: bool) -> os.stat_result:
        state = real(self, **options)
        if self == path:
            path.unlink()
            os.mkfifo(path)
        return state

    monkeypatch.setattr(Path, "stat", late)
    with pytest.raises(NotRegularError):
        open_regular(path)


def test_files_are_read_and_written(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    with open_regular(tmp_path / "empty") as stream:
        assert stream.read() == b""
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    with os.fdopen(regular_descriptor(tmp_path / "new", flags), "wb") as stream:
        stream.write(b"new")
    with open_regular(tmp_path / "new") as stream:
        assert os.get_blocking(stream.fileno())
        assert stream.read() == b"new"
    (tmp_path / "link").symlink_to("new")
    with pytest.raises(OSError) as caught:  # noqa: PT011 - its number tells it
        regular_descriptor(tmp_path / "link", os.O_RDONLY | os.O_NOFOLLOW)
    assert caught.value.errno == errno.ELOOP


def _openings(path: Path) -> Iterator[tuple[str, int]]:
    """Yield (opener, line) of each call in a module that opens a file by a name, whatever it is called."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call) or any(word.arg == "fileobj" for word in node.keywords):
            continue
        whole = ast.unparse(node.func)
        short = whole.rpartition(".")[2]
        if whole in OPENERS or (short in OPENERS and "." in whole):
            yield (whole if whole in OPENERS else short), node.lineno
        if short == "open" and whole not in OPENERS:
            words = [one.value for one in [*node.args, *(word.value for word in node.keywords)]
                     if isinstance(one, ast.Constant) and isinstance(one.value, str)]  # fmt: skip
            modes = [word for word in words if set(word) <= set("rwxabt+")]
            if whole == "open" or (modes and "x" not in modes[0]):
                yield "open", node.lineno


def test_nobody_opens_files_in_another_way() -> None:
    """A new file (mode "x") cannot be anything else; of the others each has its reason."""
    found: dict[str, list[tuple[str, int]]] = {}
    for folder in ("tools", "demos"):
        for path in sorted((CHECKOUT / folder).glob("**/*.py")):
            found[str(path.relative_to(CHECKOUT))] = list(_openings(path))
    assert ("os.open", "tools/regular_files.py") in {
        (opener, path) for path, openings in found.items() for opener, _ in openings
    }
    strange = [
        f"{path}:{line}: {opener}"
        for path, openings in found.items()
        for opener, line in openings
        if path not in OTHERWISE
    ]
    assert not strange, "\n".join(strange)
    assert not [path for path in OTHERWISE if not found.get(path)]
