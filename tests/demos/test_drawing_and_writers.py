"""Annotated pictures, contact sheets and the files they go into."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from omz.demos.common import display, drawing, writers
from omz.demos.common.drawing import GREEN, NEUTRAL, RED, SheetItem, annotate, contact_sheet
from omz.errors import InferenceError, UsageError
from omz.inference.ranking import Prediction
from omz.inference.sources import open_source, open_sources

PREDICTIONS = [Prediction(0, "kit fox", 0.75), Prediction(1, "maté → tea", 0.25)]


def test_annotation_leaves_the_picture_alone_and_draws_on_a_copy(picture):
    image = picture(1, 480, 640)
    before = image.copy()
    result = annotate(image, PREDICTIONS)
    np.testing.assert_array_equal(image, before)
    assert result.shape == image.shape
    assert (result != image).any()
    np.testing.assert_array_equal(result[200:], image[200:])  # the text is at the top


@pytest.mark.parametrize("shape", [(1, 1), (8, 8), (3, 500), (500, 3), (90, 120), (32, 32)])
def test_annotation_of_odd_sizes(picture, shape):
    result = annotate(picture(2, *shape), PREDICTIONS * 5)
    assert result.dtype == np.uint8
    assert result.ndim == 3


def test_small_pictures_are_enlarged_and_large_ones_bounded(picture):
    assert annotate(picture(1, 32, 32), PREDICTIONS).shape == (400, 400, 3)
    assert annotate(picture(1, 480, 640), PREDICTIONS, (320, 320)).shape == (240, 320, 3)


def has(sheet, colour):
    return bool((sheet == colour).all(-1).any())


@pytest.mark.parametrize("count", [0, 1, 2, 3, 12, 100, 144, 200])
def test_sheet_has_the_size_asked_for(picture, count):
    items = [SheetItem(picture(n), f"class {n}", "99.0 %", None) for n in range(count)]
    sheet = contact_sheet(items, (1000, 500), "title")
    assert sheet.shape == (500, 1000, 3)
    assert has(sheet, NEUTRAL) == bool(count)


def test_sheet_is_green_where_right_and_red_where_wrong():
    grey = np.full((50, 50, 3), 100, np.uint8)
    right = contact_sheet([SheetItem(grey, "a", "", True)])
    wrong = contact_sheet([SheetItem(grey, "a", "", False)])
    assert (has(right, GREEN), has(right, RED)) == (True, False)
    assert (has(wrong, GREEN), has(wrong, RED)) == (False, True)


def test_long_captions_are_cut(picture):
    canvas = np.zeros((40, 1000, 3), np.uint8)
    drawing.write(canvas, "a very long caption " * 20, (0, 0), 40, 20, 300)
    assert canvas[:, :310].any()
    assert not canvas[:, 310:].any()


def output_of(name, source, frames, tmp_path):
    writer = writers.open_writer(tmp_path / name, source)
    for image, origin in frames:
        writer.write(image, origin)
    writer.close()


def test_one_picture(folder, picture, tmp_path):
    output_of("out.png", open_source(folder / "p1.png"), [(picture(1), "p1.png")], tmp_path)
    np.testing.assert_array_equal(cv2.imread(str(tmp_path / "out.png")), picture(1))
    assert [path.name for path in tmp_path.iterdir()] == ["out.png"]


def test_folder_keeps_names_apart(folder, picture, tmp_path):
    frames = [
        (picture(n), name) for n, name in enumerate(["a/x.png", "b/x.png", "clip.avi", "clip.avi", "y"])
    ]
    output_of("out", open_source(folder), frames, tmp_path)
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["clip.png", "clip_000001.png", "x.png", "x_000001.png", "y.png"]


def test_numbered_pictures(folder, picture, tmp_path):
    output_of("out_%03d.png", open_source(folder), [(picture(n), "x.png") for n in range(3)], tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out_000.png", "out_001.png", "out_002.png"]


@pytest.mark.parametrize("suffix", [".avi", ".mp4", ".mkv"])
def test_video(video, picture, tmp_path, suffix):
    frames = [(picture(n, 91, 121 + n), str(video)) for n in range(6)]  # odd and changing sizes
    output_of(f"out{suffix}", open_source(video), frames, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [f"out{suffix}"]
    assert [frame.load().shape for frame in open_source(tmp_path / f"out{suffix}")] == [(90, 120, 3)] * 6


def test_unfinished_video_is_removed(video, picture, tmp_path):
    writer = writers.open_writer(tmp_path / "out.avi", open_source(video))
    writer.write(picture(1), str(video))
    writer.close(keep=False)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "why"),
    [("out.png", "many pictures"), ("out.gifv", "unknown suffix"), ("there", "no folder")],
)
def test_outputs_that_do_not_fit(folder, tmp_path, name, why):
    (tmp_path / "there").touch()
    with pytest.raises(UsageError, match=why):
        writers.open_writer(tmp_path / name, open_source(folder))


def test_the_input_is_never_overwritten(folder, picture):
    before = (folder / "p1.png").read_bytes()
    for target, source in ((folder, folder), (folder / "p1.png", folder / "p1.png")):
        writer = writers.open_writer(target, open_source(source))
        with pytest.raises(InferenceError, match="is the input"):
            writer.write(picture(1), str(folder / "p1.png"))
    assert (folder / "p1.png").read_bytes() == before


def test_no_input_is_overwritten_before_its_turn_comes(folder, tmp_path, picture):
    for name in "ab":
        (tmp_path / name).mkdir()
        (tmp_path / name / "p.png").write_bytes((folder / "p1.png").read_bytes())
    writer = writers.open_writer(tmp_path / "b", open_sources([str(tmp_path / "a"), str(tmp_path / "b")]))
    with pytest.raises(InferenceError, match="is the input"):
        writer.write(picture(1), str(tmp_path / "a/p.png"))
    assert (tmp_path / "b/p.png").read_bytes() == (folder / "p1.png").read_bytes()


def test_the_video_is_never_overwritten(video, tmp_path, picture):
    (tmp_path / "link.avi").symlink_to(video)
    before = video.read_bytes()
    writer = writers.open_writer(tmp_path / "link.avi", open_source(video))
    with pytest.raises(InferenceError, match="is the input"):
        writer.write(picture(1), str(video))
    writer.close()
    assert video.read_bytes() == before


def test_what_cannot_be_written_leaves_nothing(tmp_path, picture, monkeypatch):
    (tmp_path / "file").write_text("")
    with pytest.raises(InferenceError, match="cannot be written"):
        writers.write_picture(tmp_path / "file" / "out.png", picture(1))

    def fail(self, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(InferenceError, match="No space left"):
        writers.write_json(str(tmp_path / "report.json"), {})
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_json_to_file_and_stdout(tmp_path, capsys):
    writers.write_json(str(tmp_path / "report.json"), {"label": "maté"})
    writers.write_json("-", {"label": "maté"})
    assert json.loads((tmp_path / "report.json").read_text()) == {"label": "maté"}
    assert json.loads(capsys.readouterr().out) == {"label": "maté"}


class FakeOpenCV:
    """Stands for an OpenCV with windows."""

    WINDOW_AUTOSIZE = 1
    error = RuntimeError

    def __init__(self, gui, key=-1):
        self.gui, self.key, self.shown, self.closed = gui, key, [], False

    def getBuildInformation(self):  # noqa: N802 - OpenCV's name
        return f"  GUI:                           {self.gui}\n"

    def namedWindow(self, title, flags):  # noqa: N802 - OpenCV's name
        self.title = title

    def imshow(self, title, image):
        self.shown.append(image)

    def waitKey(self, wait_ms):  # noqa: N802 - OpenCV's name
        return self.key

    def destroyWindow(self, title):  # noqa: N802 - OpenCV's name
        self.closed = True


def test_window_stops_on_escape_and_q(monkeypatch, picture):
    monkeypatch.setenv("DISPLAY", ":0")
    for key, going in ((-1, True), (ord("x"), True), (27, False), (ord("q"), False), (ord("Q"), False)):
        fake = FakeOpenCV("GTK3", key)
        monkeypatch.setattr(display.opencv, "load", lambda fake=fake: fake)
        window = display.open_window("title", no_show=False)
        assert window.show(picture(1)) is going
        window.close()
        assert len(fake.shown) == 1
        assert fake.closed
        assert display.open_window("title", no_show=True) is None


def test_without_display_the_reason_is_told(monkeypatch):
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(display.sys, "platform", "linux")
    assert "without windows" in display.missing_display(FakeOpenCV("NONE"))
    assert "no display" in display.missing_display(FakeOpenCV("GTK3"))
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")
    assert display.missing_display(FakeOpenCV("GTK3")) == ""
