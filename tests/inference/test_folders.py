"""Folders and patterns: which files, in which order, and what links, pipes and crowds of files do."""

from __future__ import annotations

import glob
import logging
import os
import subprocess
import time
from pathlib import Path

import cv2
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from omz.errors import InferenceError
from omz.inference import folders
from omz.inference.folders import files_below, list_pictures, matches, natural_key, pictures_below


@pytest.fixture
def tree(tmp_path, picture, monkeypatch):
    """Make files of pictures by their names, and go there; returns what makes them."""

    def make(*names):
        for name in names:
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(path), picture(1))
        return tmp_path

    monkeypatch.chdir(tmp_path)
    return make


def relative(paths, root):
    return [str(path.relative_to(root)) for path in paths]


def test_pictures_directly_in_a_folder_go_before_those_in_folders_in_it(tree, caplog):
    root = tree("p10.png", "p2.png", "old/p1.png")
    with caplog.at_level(logging.INFO):
        assert relative(list_pictures(root), root) == ["p2.png", "p10.png"]
    assert "2 pictures; 1 folder" in caplog.text


def test_class_folders_are_read_in_natural_order(tree, caplog):
    root = tree("10/a.png", "9/b2.png", "9/b10.png", "9/in/c.png", ".hidden/x.png", "9/.x.png")
    (root / "9" / "notes.txt").write_text("x")
    with caplog.at_level(logging.INFO):
        found = relative(list_pictures(root), root)
    assert found == ["9/b2.png", "9/b10.png", "9/in/c.png", "10/a.png"]
    assert "4 pictures in 3 folders; 1 other file left out" in caplog.text


def test_a_plain_folder_is_no_news(tree, caplog):
    root = tree("a.png")
    with caplog.at_level(logging.INFO):
        list_pictures(root)
    assert not caplog.records


def test_without_a_picture_the_other_files_are_counted(tree):
    root = tree()
    (root / "in").mkdir()
    for name in ("a.txt", "in/b.txt"):
        (root / name).write_text("x")
    with pytest.raises(InferenceError, match=r"holds no picture \(2 other files\)"):
        list_pictures(root)
    with pytest.raises(InferenceError, match="nor do the folders in it"):
        pictures_below(root)
    with pytest.raises(InferenceError, match="no such folder"):
        pictures_below(root / "nowhere")


def test_links_are_followed_but_not_in_circles(tree):
    root = tree("all/a.png", "all/b.png")
    (root / "set" / "one").mkdir(parents=True)
    (root / "set" / "one" / "up").symlink_to(root / "set")
    (root / "set" / "one" / "itself").symlink_to("itself")
    (root / "set" / "two").symlink_to(root / "all")
    (root / "set" / "again").symlink_to(root / "all")
    found = relative(list_pictures(root / "set"), root / "set")
    assert found == ["again/a.png", "again/b.png"]  # each folder once


def test_many_circles_take_no_longer(tree):
    root = tree("a/x.png")
    for number in range(30):
        (root / "a" / f"l{number}").symlink_to(root)
    began = time.monotonic()
    assert relative(files_below(root), root) == ["a/x.png"]
    assert relative(map(Path.absolute, matches("**/*.png")), root) == ["a/x.png"]
    assert time.monotonic() - began < 5


def test_pipes_and_devices_are_no_pictures(tree):
    root = tree("a.png")
    os.mkfifo(root / "pipe.jpg")
    os.mkfifo(root / "pipe")
    (root / "endless.jpg").symlink_to("/dev/zero")
    (root / "nothing.jpg").symlink_to("nowhere")
    assert relative(list_pictures(root), root) == ["a.png"]
    assert matches("*.jpg") == [Path("endless.jpg"), Path("nothing.jpg"), Path("pipe.jpg")]


def test_a_folder_that_cannot_be_read_is_named_and_the_others_go_on(tree, monkeypatch, caplog):
    root = tree("a/x.png", "b/y.png")
    scandir = os.scandir

    def refuse(path):
        if Path(path).name == "a":
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(folders.os, "scandir", refuse)  # permissions are nothing to root
    assert relative(list_pictures(root), root) == ["b/y.png"]
    assert "a: cannot be read: Permission denied; left out" in caplog.text
    assert [str(path) for path in matches("*/*.png")] == ["b/y.png"]
    with pytest.raises(InferenceError, match="cannot be read: Permission denied"):
        list_pictures(root / "a")


def test_names_that_are_no_utf8_and_names_with_escapes(tree, caplog):
    root = tree("a.png")
    content = (root / "a.png").read_bytes()
    for name in (b"\xff.png", b"\xfe", b"new\nline.png", b"\x1b[31m.png"):
        Path(os.fsdecode(os.fsencode(root) + b"/" + name)).write_bytes(content)
    assert len(list_pictures(root)) == 5
    (root / "x\ny.txt").write_text("x")
    with caplog.at_level(logging.INFO):
        list_pictures(root)
    assert len(caplog.messages) == 1
    assert all(line.isprintable() for line in caplog.messages)


def test_deeper_than_python_recurses(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for _ in range(1200):
        os.mkdir("d")  # noqa: PTH102 - the paths get too long for one call
        os.chdir("d")
    monkeypatch.chdir(tmp_path)
    assert files_below(tmp_path) == []
    subprocess.run(["rm", "-rf", str(tmp_path / "d")], check=True)  # Python recurses here, too


def test_thousands_of_files(tmp_path):
    for folder in range(10):
        (tmp_path / str(folder)).mkdir()
        for number in range(200):
            (tmp_path / str(folder) / f"{number}.jpg").touch()
    began = time.process_time()
    found = list_pictures(tmp_path)
    assert time.process_time() - began < 2
    assert relative(found, tmp_path) == [
        f"{folder}/{number}.jpg" for folder in range(10) for number in range(200)
    ]


def test_natural_key_tells_equal_numbers_apart():
    names = ["a10", "a2", "a02", "b1", "10", "9", "a"]
    ordered = sorted((Path(name) for name in names), key=natural_key)
    assert [path.name for path in ordered] == ["9", "10", "a", "a02", "a2", "a10", "b1"]


NAMES = st.sampled_from(["a", "b", "a1", "[x]", ".h", "c.d"])
PARTS = st.sampled_from(["*", "**", "a*", "?", "[ab]", "a", "[!a]*", ".*", "*1", "c.d", "[[]x]"])


@given(st.lists(st.lists(NAMES, min_size=1, max_size=3), max_size=6), st.lists(PARTS, min_size=1, max_size=3))
@example([["c.d"]], ["c.d", "**"])
def test_patterns_match_what_pythons_glob_does(tmp_path_factory, files, parts):
    root = tmp_path_factory.mktemp("tree")
    for names in files:
        path = root.joinpath(*names)
        if not any(parent.is_file() for parent in path.parents) and not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    pattern = os.path.join(root, *parts)  # noqa: PTH118 - a pattern
    listed = glob.glob(pattern, recursive=True)  # noqa: PTH207 - the oracle
    expected = {Path(name) for name in listed}
    if (
        parts[-1] == "**"
    ):  # of which we want the files; Python's may not even be there, or be one in a folder's place
        expected = {Path(name) for name in listed if not name.endswith("/") and Path(name).is_file()}
    found = matches(pattern)
    assert len(found) == len(set(found))
    assert set(found) == expected


def test_patterns_match_in_natural_order(tree):
    tree("b/2.png", "b/10.png", "a/1.png", "a/x[1].png")
    assert [str(path) for path in matches("*/*.png")] == ["a/1.png", "a/x[1].png", "b/2.png", "b/10.png"]
    assert [str(path) for path in matches("a/x[[]1].png")] == ["a/x[1].png"]
    assert [str(path) for path in matches("./**/1*.png")] == ["a/1.png", "b/10.png"]
    assert [str(path) for path in matches("**")] == ["a/1.png", "a/x[1].png", "b/2.png", "b/10.png"]
    assert matches("nothing/*") == matches("a/1.png/*") == []


def test_many_stars_are_as_quick_as_one(tmp_path, monkeypatch):
    """Each folder is looked into once for each ``**``, not once for every way to it."""
    deep = tmp_path
    for _ in range(6):
        deep = deep / "d"
        deep.mkdir()
    (deep / "x.png").touch()
    looked = []
    entries = folders._entries
    monkeypatch.setattr(
        folders, "_entries", lambda path, **more: looked.append(path) or entries(path, **more)
    )
    assert folders.matches(f"{tmp_path}/**/**/**/**/*.png") == [deep / "x.png"]
    assert len(looked) < 4 * 7 * 7 + 7
