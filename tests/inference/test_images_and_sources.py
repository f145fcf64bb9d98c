"""Pictures, folders and videos: what is decoded, in what order, and what is refused."""

from __future__ import annotations

import errno
import os
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest

from omz.errors import InferenceError
from omz.inference.images import is_picture, read_image
from omz.inference.resizing import centre_crop, resize_into
from omz.inference.sources import Pictures, Video, list_pictures, open_source, repeat


def test_grey_alpha_and_16_bit_come_out_as_8_bit_bgr(tmp_path, picture):
    colour = picture(1)
    grey = colour[..., 0]
    deep = colour.astype(np.uint16) * 257
    for name, written, expected in [
        ("colour.png", colour, colour),
        ("grey.png", grey, cv2.merge([grey] * 3)),
        ("alpha.png", np.dstack([colour, np.full_like(grey, 128)]), colour),
        ("deep.png", deep, colour),
        ("deepgrey.png", deep[..., 0], cv2.merge([grey] * 3)),
        ("deepalpha.png", np.dstack([deep, deep[..., :1]]), colour),
        ("colour.bmp", colour, colour),
        ("colour.tiff", colour, colour),
    ]:
        cv2.imwrite(str(tmp_path / name), written)
        image = read_image(tmp_path / name)
        assert image.dtype == np.uint8, name
        np.testing.assert_array_equal(image, expected, err_msg=name)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".bmp", ".webp", ".tiff"])
def test_a_picture_truncated_anywhere_is_refused(tmp_path, picture, suffix):
    path = tmp_path / f"cut{suffix}"
    data = cv2.imencode(suffix, picture(2))[1].tobytes()
    for share in (0.0, 0.01, 0.1, 0.3, 0.5, 0.8, 0.95):
        path.write_bytes(data[: int(len(data) * share)])
        with pytest.raises(InferenceError, match="cut"):
            read_image(path)


@pytest.mark.parametrize(
    "content", [b"", b"no picture", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0" + b"\0" * 50]
)
def test_what_is_no_picture_is_named(tmp_path, content):
    path = tmp_path / "bad.png"
    path.write_bytes(content)
    with pytest.raises(InferenceError) as error:
        read_image(path)
    assert str(path) in str(error.value)
    assert len(str(error.value).splitlines()) == 1


def test_missing_file():
    with pytest.raises(InferenceError, match=os.strerror(errno.ENOENT)):
        read_image(Path("nothing.png"))


def test_folder_in_natural_order_without_what_is_no_picture(folder, tmp_path):
    assert [path.name for path in list_pictures(folder)] == [f"p{n}.png" for n in range(12)]
    (tmp_path / "sub").mkdir()
    for name in ("notes.txt", ".hidden.png"):
        (tmp_path / name).write_text("x")
    with pytest.raises(InferenceError, match="holds no picture"):
        list_pictures(tmp_path)
    (tmp_path / "unnamed").write_bytes(
        (folder / "p1.png").read_bytes()
    )  # no suffix, but a picture's first bytes
    (tmp_path / "broken.jpg").write_bytes(b"x")
    assert [path.name for path in list_pictures(tmp_path)] == ["broken.jpg", "unnamed"]
    assert not is_picture(tmp_path / "notes.txt")


def test_kinds_of_sources(folder, video):
    assert (open_source(folder).kind, open_source(folder / "p1.png").kind) == ("folder", "image")
    source = open_source(video)
    assert isinstance(source, Video)
    assert (source.kind, source.fps) == ("video", 10.0)
    frames = list(source)
    assert [frame.number for frame in frames] == list(range(9))
    assert all(frame.load().shape == (90, 120, 3) for frame in frames)


def test_video_frames_are_those_that_were_written(video, picture):
    for frame in Video(str(video)):
        difference = frame.load().astype(int) - picture(100 + frame.number).astype(int)
        assert abs(difference).mean() < 8  # JPEG


def test_repeat_begins_again(folder, video):
    assert len(list(islice(repeat(Pictures(list_pictures(folder))), 30))) == 30
    assert [frame.number for frame in islice(repeat(Video(str(video))), 11)] == [*range(9), 0, 1]


@pytest.mark.parametrize("text", ["nothing.png", "no/such/folder", "-1"])
def test_inputs_that_do_not_exist(text):
    with pytest.raises(InferenceError, match="no such file or folder"):
        open_source(text)


def test_cameras_and_videos_that_cannot_be_opened(tmp_path):
    with pytest.raises(InferenceError, match="camera 97"):
        open_source("97")
    bad = tmp_path / "bad.avi"
    bad.write_bytes(b"RIFF" + b"\0" * 200)
    with pytest.raises(InferenceError, match=r"bad\.avi: no picture or video"):
        open_source(bad)


def test_truncated_video_gives_its_frames_and_a_warning(video, tmp_path, caplog):
    path = tmp_path / "cut.avi"
    path.write_bytes(video.read_bytes()[: video.stat().st_size // 2])
    frames = list(open_source(path))
    assert 0 < len(frames) < 9
    assert "cut.avi: ends after" in caplog.text


@pytest.mark.parametrize("shape", [(90, 120), (120, 90), (17, 400), (1, 1), (32, 32)])
class TestResize:
    def target(self):
        return np.full((24, 32, 3), 77, np.uint8)

    def test_standard_stretches(self, picture, shape):
        image, target = picture(3, *shape), self.target()
        resize_into(image, target)
        np.testing.assert_array_equal(target, cv2.resize(image, (32, 24), interpolation=cv2.INTER_LINEAR))

    def test_crop_takes_the_middle(self, picture, shape):
        image, target = picture(3, *shape), self.target()
        resize_into(image, target, "crop")
        part = centre_crop(image, 32 / 24)
        np.testing.assert_array_equal(target, cv2.resize(part, (32, 24), interpolation=cv2.INTER_LINEAR))
        assert part.shape[1] / part.shape[0] == pytest.approx(32 / 24, rel=0.1) or min(shape) < 20

    @pytest.mark.parametrize("way", ["fit_to_window", "fit_to_window_letterbox"])
    def test_fit_keeps_the_aspect_and_pads_with_zeros(self, picture, shape, way):
        image, target = np.maximum(picture(3, *shape), 1), self.target()
        resize_into(image, target, way)
        scale = min(32 / shape[1], 24 / shape[0])
        rows, columns = np.flatnonzero(target.any((1, 2))), np.flatnonzero(target.any((0, 2)))
        assert len(rows) == max(1, round(shape[0] * scale))
        assert len(columns) == max(1, round(shape[1] * scale))
        centred = way.endswith("letterbox")
        assert rows[0] == ((24 - len(rows)) // 2 if centred else 0)
        assert columns[0] == ((32 - len(columns)) // 2 if centred else 0)


def test_resize_writes_into_the_buffer_itself(picture):
    buffer = np.zeros((1, 24, 32, 3), np.uint8)
    resize_into(picture(1), buffer[0])
    assert buffer.any()


class TestChannels:
    """A picture is read with as many channels as are asked for, whatever the file has."""

    def test_grey_as_opencv_has_it(self, tmp_path):
        image = np.random.default_rng(0).integers(0, 256, (40, 30, 3), np.uint8)
        for suffix in (".png", ".jpg"):
            cv2.imwrite(str(tmp_path / f"p{suffix}"), image)
            expected = cv2.imread(str(tmp_path / f"p{suffix}"), cv2.IMREAD_GRAYSCALE)
            np.testing.assert_array_equal(read_image(tmp_path / f"p{suffix}", 1), expected)

    @pytest.mark.parametrize("form", ["RGBA", "LA", "P", "RGB", "L", "16"])
    def test_alpha_as_pillow_has_it(self, tmp_path, form):
        from PIL import Image

        rng, path = np.random.default_rng(0), tmp_path / "p.png"
        if form == "16":
            cv2.imwrite(str(path), rng.integers(0, 65536, (40, 30, 4), np.uint16))
            expected = (cv2.imread(str(path), cv2.IMREAD_UNCHANGED) >> 8).astype(np.uint8)
        else:
            channels = {"LA": 2, "RGB": 3, "RGBA": 4}.get(form)
            shape = (40, 30, channels) if channels else (40, 30)
            image = Image.fromarray(rng.integers(0, 256, shape, np.uint8), None if form != "P" else "L")
            image = image.convert("P") if form == "P" else image
            image.save(path, **({"transparency": 7} if form == "P" else {}))
            expected = np.asarray(Image.open(path).convert("RGBA"))[..., [2, 1, 0, 3]]
        np.testing.assert_array_equal(read_image(path, 4), expected)

    @pytest.mark.parametrize("suffix", [".png", ".webp"])
    @pytest.mark.parametrize("orientation", range(1, 9))
    def test_alpha_is_turned_as_the_colours_are(self, tmp_path, orientation, suffix):
        from PIL import Image, ImageOps

        image = Image.fromarray(np.random.default_rng(0).integers(1, 256, (40, 30, 4), np.uint8))
        exif = Image.Exif()
        exif[0x112] = orientation
        image.save(tmp_path / f"p{suffix}", exif=exif, lossless=True)
        expected = np.asarray(ImageOps.exif_transpose(Image.open(tmp_path / f"p{suffix}")))[..., [2, 1, 0, 3]]
        np.testing.assert_array_equal(read_image(tmp_path / f"p{suffix}", 4), expected)
