"""Files of ours appear whole or not at all, and nothing else is put aside for them."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from omz.errors import UsageError, ZooError
from omz.files import check_end, check_writable, made_folder, whole_file


def test_devices_and_pipes_are_not_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    with (
        pytest.raises(ZooError, match="fifo: cannot be written: is no regular file"),
        whole_file(tmp_path / "fifo", ZooError),
    ):
        pass
    assert (tmp_path / "fifo").is_fifo()
    assert len(list(tmp_path.iterdir())) == 1


def test_a_read_only_disk_is_told_by_the_targets_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A read-only disk refuses to remove even what is not there."""

    def refuse(path: Path, *_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system", str(path))

    monkeypatch.setattr(Path, "open", refuse)
    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(ZooError, match=r"x\.json: cannot be written: Read-only file system") as caught:
        whole_file(tmp_path / "x.json", ZooError).__enter__()
    assert ".omz-" not in str(caught.value)


def test_trying_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "old.json").write_text("old")
    for name in ("old.json", "new.json", "deep/er/new.json"):
        check_writable(tmp_path / name, "--json")
    assert [path.name for path in tmp_path.iterdir()] == ["old.json"]
    assert (tmp_path / "old.json").read_text() == "old"


def test_what_refuses_files_is_told_by_the_targets_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, *_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system", str(path))

    monkeypatch.setattr(Path, "touch", refuse)
    with pytest.raises(ZooError, match=r"--csv .*x\.csv: cannot be written: Read-only file system$"):
        check_writable(tmp_path / "x.csv", "--csv")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EOPNOTSUPP])
def test_a_disk_tells_what_it_told_others(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "posix_fallocate", refuse)
    if number == errno.ENOSPC:
        with pytest.raises(OSError, match=os.strerror(number)):
            check_end(tmp_path / "x", 100)
    else:
        check_end(tmp_path / "x", 100)
        assert (tmp_path / "x").stat().st_size == 100


def test_folders_that_were_made_for_nothing_go_again(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    with made_folder(tmp_path / "kept" / "a"):
        pass
    for folder in ("there/a/b", "there", "kept/b"):
        with pytest.raises(UsageError, match="True"), made_folder(tmp_path / folder):
            raise UsageError(str((tmp_path / folder).is_dir()))
    with pytest.raises(UsageError), made_folder(tmp_path / "used" / "a"):
        raise UsageError(str((tmp_path / "used" / "other").touch()))
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")) == [
        "kept", "kept/a", "there", "used", "used/other",
    ]  # fmt: skip
