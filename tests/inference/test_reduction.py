"""Large JPEG pictures at a part of their size: never too small, turned as ever, and nearly the same picture."""

from __future__ import annotations

import io

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from omz.errors import InferenceError
from omz.inference.classification import classify
from omz.inference.classifier import load_classifier
from omz.inference.devices import DeviceOptions
from omz.inference.images import decode, read_image
from omz.inference.reduction import Enough, jpeg_size
from omz.inference.resizing import RESIZE_TYPES


def smooth(height: int, width: int) -> np.ndarray:
    """Return a picture without fine detail, (height, width, 3) RGB."""
    down, across = np.mgrid[0:height, 0:width] / max(height, width)
    waves = [np.sin(3 * across + 1), np.cos(4 * down), np.sin(2 * down + 5 * across)]
    return np.stack([(127 + 120 * wave).astype(np.uint8) for wave in waves], 2)


def jpeg(picture: np.ndarray, **options) -> np.ndarray:
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, "JPEG", quality=95, **options)
    return np.frombuffer(stream.getvalue(), np.uint8)


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "photo.jpg"
    path.write_bytes(jpeg(smooth(480, 640)).tobytes())
    return path


class TestSize:
    @pytest.mark.parametrize("size", [(1, 1), (7, 300), (300, 7), (257, 1023)])
    @pytest.mark.parametrize(
        "options",
        [
            {},
            {"progressive": True},
            {"comment": b"\xff\xc0\x00\x11\x08\x00\x01\x00\x01"},  # looks like another frame
            {"icc_profile": bytes(300_000)},  # five segments before the frame
            {"restart_marker_blocks": 1},
        ],
    )
    def test_is_that_of_the_picture(self, size, options):
        assert jpeg_size(jpeg(smooth(*size), **options)) == size
        assert jpeg_size(jpeg(smooth(*size)[..., 0], **options)) == size

    @pytest.mark.parametrize("suffix", [".png", ".bmp", ".webp", ".tiff", ".jp2"])
    def test_none_of_other_formats(self, suffix):
        assert jpeg_size(cv2.imencode(suffix, smooth(60, 80))[1].ravel()) is None

    def test_none_where_the_beginning_breaks_off(self):
        data = jpeg(smooth(60, 80), exif=bytes(500))
        found = [jpeg_size(data[:length]) for length in range(len(data))]
        first = found.index((60, 80))
        assert set(found[:first]) == {None}
        assert set(found[first:]) == {(60, 80)}

    @pytest.mark.parametrize(
        "rest",
        [
            b"",
            b"\xff" * 100_000,
            b"\xff\xe0\x00\x00" * 100_000,  # segments shorter than their own length
            b"\xff\xe0\x00\x02" * 100_000,
            b"\xff\xd9" + b"\xff\xc0\x00\x11\x08\x00\x01\x00\x01",
            b"\xff\xc0\x00\x11\x08\x00\x00\x00\x10",  # a height that only the end of the data would tell
        ],
    )
    def test_none_of_what_is_no_picture(self, rest):
        assert jpeg_size(np.frombuffer(b"\xff\xd8\xff\xe0\x00\x02" + rest, np.uint8)) is None

    def test_fill_bytes_before_a_marker_are_passed_over(self):
        data = jpeg(smooth(60, 80)).tobytes()
        place = data.index(b"\xff\xc0")
        filled = data[:place] + b"\xff\xff\xff" + data[place:]
        assert jpeg_size(np.frombuffer(filled, np.uint8)) == (60, 80)


class TestReduction:
    @pytest.mark.parametrize(
        ("picture", "enough", "divisor"),
        [
            ((480, 640), Enough(224, 224), 2),
            ((448, 448), Enough(224, 224), 2),
            ((447, 640), Enough(224, 224), 1),
            ((895, 2000), Enough(224, 224), 2),
            ((896, 896), Enough(224, 224), 4),
            ((3000, 4000), Enough(224, 224), 8),
            ((3000, 4000), Enough(28, 28), 8),
            ((480, 640), Enough(224, 224, "crop"), 2),
            ((447, 640), Enough(224, 224, "fit_to_window"), 2),  # becomes 156 x 224
            ((100, 447), Enough(224, 224, "fit_to_window_letterbox"), 1),
            # on its side, it would be too small
            ((200, 400), Enough(100, 200), 1),
            ((400, 400), Enough(100, 200), 2),
        ],
    )
    def test_is_the_largest_that_leaves_enough(self, picture, enough, divisor):
        assert enough.reduction(jpeg(smooth(*picture))) == divisor

    @given(
        size=st.tuples(st.integers(1, 300), st.integers(1, 300)),
        wanted=st.tuples(st.integers(1, 60), st.integers(1, 60)),
        resize_type=st.sampled_from(RESIZE_TYPES),
        orientation=st.integers(1, 8),
    )
    def test_nothing_is_enlarged_that_was_not(self, size, wanted, resize_type, orientation):
        exif = Image.Exif()
        exif[0x112] = orientation
        data = jpeg(smooth(*size), exif=exif)
        whole = decode(data, "whole")
        reduced = decode(data, "reduced", enough=Enough(*wanted, resize_type))
        if reduced.shape == whole.shape:
            np.testing.assert_array_equal(reduced, whole)
            return
        ratios = [have / need for have, need in zip(reduced.shape, wanted, strict=False)]
        assert (max(ratios) if resize_type.startswith("fit") else min(ratios)) >= 1

    @pytest.mark.parametrize("divisor", [2, 4, 8])
    @pytest.mark.parametrize("orientation", range(1, 9))
    def test_is_the_picture_made_smaller_and_turned(self, divisor, orientation):
        exif = Image.Exif()
        exif[0x112] = orientation
        data = jpeg(smooth(480, 640), exif=exif)
        turned = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data.tobytes()))))
        expected = cv2.resize(turned, None, fx=1 / divisor, fy=1 / divisor, interpolation=cv2.INTER_AREA)
        reduced = decode(data, "reduced", enough=Enough(480 // divisor, 480 // divisor))
        assert reduced.shape == expected.shape
        assert np.abs(reduced.astype(int) - expected[..., ::-1]).max() <= 3

    def test_grey_and_alpha(self, photo):
        enough = Enough(240, 240)
        colours = read_image(photo, 3, enough)
        grey, alpha = read_image(photo, 1, enough), read_image(photo, 4, enough)
        assert grey.shape == (240, 320)
        luma = np.asarray(Image.open(photo).convert("YCbCr"))[..., 0]
        expected = cv2.resize(luma, (320, 240), interpolation=cv2.INTER_AREA)
        assert np.abs(grey.astype(int) - expected).max() <= 3
        np.testing.assert_array_equal(alpha[..., :3], colours)
        assert (alpha[..., 3] == 255).all()

    @pytest.mark.parametrize("suffix", [".png", ".bmp", ".webp", ".tiff", ".jp2"])
    def test_leaves_other_formats_as_they_are(self, tmp_path, suffix):
        path = tmp_path / f"p{suffix}"
        cv2.imwrite(str(path), smooth(480, 640))
        for channels in (1, 3, 4):
            np.testing.assert_array_equal(
                read_image(path, channels, Enough(20, 20)), read_image(path, channels)
            )

    def test_damaged_pictures_are_errors_as_ever(self, photo):
        photo.write_bytes(photo.read_bytes()[:300])
        with pytest.raises(InferenceError, match="damaged, truncated or no picture"):
            read_image(photo, enough=Enough(20, 20))


class TestScores:
    def test_differ_a_little_at_most_for_a_smooth_picture(self, tiny, photo):
        exact = DeviceOptions(precision="f32")
        whole, fast = (
            classify(tiny.xml, photo, device=exact, top_k=6, fast_decode=fast, keep_images=True)[0]
            for fast in (False, True)
        )
        assert whole.image.shape == (480, 640, 3)
        assert fast.image.shape[0] < 480
        scores = [{p.index: p.score for p in result.top} for result in (whole, fast)]
        assert scores[0] != scores[1]
        assert max(abs(scores[0][index] - scores[1][index]) for index in scores[0]) < 0.02

    def test_are_those_of_numpy_for_the_reduced_picture(self, tiny, photo):
        fast = classify(tiny.xml, photo, device=DeviceOptions(precision="f32"), top_k=6, fast_decode=True)[0]
        divisor = load_classifier(tiny.xml).enough.reduction(np.fromfile(photo, np.uint8))
        reduced = cv2.imread(str(photo), {2: 17, 4: 33, 8: 65}[divisor])
        expected = sorted(tiny.probabilities(reduced), reverse=True)
        np.testing.assert_allclose([p.score for p in fast.top], expected, atol=1e-5)
