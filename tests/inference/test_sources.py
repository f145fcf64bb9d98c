"""What ``-i`` names: how it is told apart, lists, and several at once."""

from __future__ import annotations

import logging
import os
import shutil
from pathlib import Path

import pytest

from omz.errors import InferenceError, UsageError
from omz.inference import sources
from omz.inference.classification import as_source
from omz.inference.sources import Arrays, Pictures, Video, open_source, open_sources


@pytest.fixture
def here(folder, video, tmp_path, monkeypatch):
    """Go to a folder with ``a.png``, ``b.png``, ``in/c.png`` and ``clip.avi``."""
    (tmp_path / "in").mkdir()
    for number, name in enumerate(("a.png", "b.png", "in/c.png")):
        shutil.copy(folder / f"p{number}.png", tmp_path / name)
    shutil.copy(video, tmp_path / "clip.avi")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def names(source):
    return [frame.source for frame in source]


def errors(source):
    """Return what becomes of each frame: '' or its error."""
    told = []
    for frame in source:
        try:
            frame.load()
            told.append("")
        except InferenceError as error:
            told.append(str(error))
    return told


def test_several_inputs_keep_their_order(here):
    Path("list.txt").write_text("in/c.png\n")
    source = open_sources(["b.png", "in", "@list.txt", "*.png", Path("a.png")])
    assert names(source) == ["b.png", "in/c.png", "in/c.png", "a.png", "b.png", "a.png"]
    assert (source.kind, len(source)) == ("folder", 6)
    assert errors(source) == [""] * 6


def test_one_picture_is_an_image_and_all_else_a_folder(here):
    for given, kind in (
        ("a.png", "image"),
        ("a.pn?", "image"),
        ("i?", "folder"),
        (".", "folder"),
        ("*.png", "folder"),
    ):
        assert open_source(given).kind == kind, given
    assert open_sources(["a.png", "b.png"]).kind == "folder"


def test_what_exists_goes_before_what_its_name_might_mean(here):
    for name in ("[ab].png", "@a.png", "7", "*"):
        shutil.copy("in/c.png", name)
        assert names(open_source(name)) == [name], name
    assert names(open_source("[ab]*.png")) == ["a.png", "b.png"]


def test_a_path_is_no_pattern(here):
    with pytest.raises(InferenceError, match="no such file"):
        open_source(Path("*.png"))


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("nothing/*.png", "matches nothing"),
        ("*.avi*/*", "matches nothing"),
        ("c*", None),
        ("**/*.txt", "matches nothing"),
        ("", "an empty name: no such file"),
        ("x" * 300, "no such file"),
        ("x/" * 3000, "no such file"),
        ("a\0b", "no such file"),
        ("a\0*", "no such file"),
        ("99999999999", "no such file"),
        ("\N{ARABIC-INDIC DIGIT FIVE}", "no such file"),
        ("/dev/zero", "is no regular file, folder or camera"),
        ("/dev/video9876", "no such file"),
        ("file:///etc/passwd", "file:// is not taken"),
        ("FTP://x/y.png", "ftp:// is not taken"),
        ("concat:a.avi|clip.avi", "no such file"),
        ("videotestsrc ! appsink", "GStreamer pipelines are not taken"),
        ("@nothing.txt", "nothing.txt: No such file"),
        ("@in", "is no regular file"),
    ],
)
def test_what_is_not_taken(here, given, told):
    if told is None:
        assert open_source(given).kind == "video"  # the only thing that matches
        return
    with pytest.raises(InferenceError, match=told) as error:
        open_source(given)
    assert len(str(error.value)) < 800
    assert len(str(error.value).splitlines()) <= 2


def test_nothing_given():
    with pytest.raises(InferenceError, match="no picture is given"):
        open_sources([])


def test_pipes_are_not_opened(here):
    os.mkfifo("pipe.jpg")
    os.mkfifo("pipe")
    for name in ("pipe.jpg", "pipe", "@pipe"):
        with pytest.raises(InferenceError, match="is no regular file"):
            open_source(name)
    with pytest.raises(InferenceError, match="matches no picture"):
        open_source("pipe*")
    assert errors(Pictures([Path("pipe.jpg")])) == [
        "pipe.jpg: is no regular file but a pipe; write it to a file first"
    ]


def test_a_video_is_given_alone(here):
    for alone in ("rtsp://127.0.0.1/x", "0"):
        with pytest.raises(UsageError, match="a video or a camera is given alone"):
            open_sources(["a.png", alone])
    source = open_sources(["a.png", "clip.avi"])  # as a shell's * gives it
    assert errors(source) == ["", "clip.avi: no picture; a video or a camera is given alone"]


def test_files_of_a_pattern_that_are_no_pictures_are_counted(here, caplog):
    Path("notes.txt").write_text("x")
    with caplog.at_level(logging.INFO):
        assert names(open_source("*")) == ["a.png", "b.png", "in/c.png"]
    assert "3 pictures in 2 folders; 2 other files left out" in caplog.text
    with pytest.raises(InferenceError, match=r"no picture \(2 other files\)"):
        open_source("[cn]*.[ta]*")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("x.m3u8", b"#EXTM3U\n#EXTINF:1,\nclip.avi\n#EXT-X-ENDLIST\n"),
        ("x.mp4", b"#EXTM3U\n#EXTINF:1,\nclip.avi\n#EXT-X-ENDLIST\n"),
        ("x.avi", b"ffconcat version 1.0\nfile clip.avi\n"),
        ("x.sdp", b"\0\1\2\3"),
        ("x.mkv", b"v=0\nc=IN IP4 127.0.0.1\nm=video 5004 RTP/AVP 96\n"),
    ],
)
def test_playlists_are_not_opened(here, monkeypatch, name, content):
    Path(name).write_bytes(content)
    monkeypatch.setattr(sources, "Video", lambda path: pytest.fail(f"{path} was opened"))
    with pytest.raises(InferenceError, match=f"{name}: a playlist is not opened"):
        open_source(name)


def test_text_is_told_how_a_list_is_given(here):
    Path("list.txt").write_text("a.png\n")
    with pytest.raises(InferenceError, match=r"text, no picture or video\. .* as @list\.txt"):
        open_source("list.txt")


class TestLists:
    def test_lines_are_paths_comments_or_addresses(self, here):
        shutil.copy("a.png", "#1.png")
        shutil.copy("a.png", "in/b.png")
        Path("in/list.txt").write_bytes(
            b"\xef\xbb\xbfc.png\r\n\r\n# a comment\r\n#1.png\r\n  a.png\t\nb.png\nHTTP://127.0.0.1:1/x.png\n"
        )
        source = open_source("@in/list.txt")
        # the list's folder goes before the working directory
        assert names(source) == ["in/c.png", "#1.png", "a.png", "in/b.png", "HTTP://127.0.0.1:1/x.png"]
        assert source.kind == "folder"

    def test_what_is_missing_is_named_and_the_others_go_on(self, here):
        Path("list.txt").write_text("a.png\nnothing.png\nin\nlist.txt\n@list.txt\nrtsp://x/y\n*.png\n")
        first, *others = errors(open_source("@list.txt"))
        assert first == ""
        told = (
            "No such file",
            "no regular file",
            "no picture",
            "No such file",
            "No such file",
            "No such file",
        )
        for error, why in zip(others, told, strict=True):
            assert why in error

    def test_absolute_paths_and_names_that_are_no_utf8(self, here):
        odd = os.fsencode(here) + b"/\xff.png"
        shutil.copy("a.png", odd)
        Path("list.txt").write_bytes(odd + b"\n")
        assert errors(open_source("@list.txt")) == [""]
        assert [os.fsencode(name) for name in names(open_source("@list.txt"))] == [odd]

    @pytest.mark.parametrize(
        ("content", "told"),
        [(b"", "names no picture"), (b"\n# x\n", "names no picture"), (b"a\0b", "is no text")],
    )
    def test_no_lists(self, here, content, told):
        Path("list.txt").write_bytes(content)
        with pytest.raises(InferenceError, match=told):
            open_source("@list.txt")

    def test_a_list_without_an_end_is_refused(self, here, monkeypatch):
        monkeypatch.setattr("omz.inference.path_lists.MAX_LIST_BYTES", 10)
        Path("list.txt").write_text("a.png\n" * 3)
        with pytest.raises(InferenceError, match="larger than 10 bytes"):
            open_source("@list.txt")
        monkeypatch.undo()
        monkeypatch.chdir(here)
        Path("list.txt").write_bytes(b"\n" * 2_000_000)
        with pytest.raises(InferenceError, match="more than 1000000 lines"):
            open_source("@list.txt")


def test_sources_of_functions(here, picture):
    arrays = as_source([picture(1)])
    assert isinstance(arrays, Arrays)
    assert as_source(arrays) is arrays
    assert isinstance(as_source("clip.avi"), Video)
    files = as_source(["a.png", Path("nothing.png"), "*.png", "http://127.0.0.1:1/a.png"])
    assert names(files) == ["a.png", "nothing.png", "*.png", "http://127.0.0.1:1/a.png"]  # as they are
    assert [bool(error) for error in errors(files)] == [False, True, True, True]
