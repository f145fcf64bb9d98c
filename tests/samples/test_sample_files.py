"""The bundled sample's files: complete, of the stated size and digest, and what they claim to show."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest

from nets.shapes import infer
from omz.converter.caffe import caffe_pb2
from omz.zoo.labels import load_labels
from omz.zoo.model_files import BundledSource
from omz.zoo.schema import Model

COLOURS = ("red", "blue")


def ink_is_blue(picture: np.ndarray) -> bool:
    """Return the colour of the ink from the picture alone: of its darkest tenth."""
    pixels = picture.reshape(-1, 3).astype(float)
    total = pixels.sum(axis=1)
    blue, _, red = pixels[total <= np.quantile(total, 0.1)].mean(axis=0)
    assert abs(blue - red) > 50, "neither clearly red nor clearly blue"
    return bool(blue > red)


def test_files_are_bundled_and_have_the_stated_sizes_and_digests(descriptor: Model, folder: Path):
    assert descriptor.subdirectory.as_posix() == "samples/se-resnext-digits"
    assert [Path(file.name).suffix for file in descriptor.files] == [".prototxt", ".caffemodel"]
    for file in descriptor.files:
        (source,) = file.sources
        assert isinstance(source, BundledSource)
        content = (folder / source.path).read_bytes()
        assert len(content) == file.size
        assert {digest.algorithm for digest in file.digests} == {"sha384", "sha256"}
        for digest in file.digests:
            assert hashlib.new(digest.algorithm, content).hexdigest() == digest.hexdigest
    assert sum(file.size for file in descriptor.files) < 1_500_000


def test_pictures_are_small_files(folder: Path):
    assert sum(path.stat().st_size for path in folder.glob("heldout/*.png")) < 1_000_000
    assert sum(path.stat().st_size for path in folder.glob("images/*.png")) < 500_000


def test_network_is_an_se_resnext(prototxt: caffe_pb2.NetParameter):
    kinds = Counter(layer.type for layer in prototxt.layer)
    blocks = kinds["Axpy"]
    assert blocks >= 3
    assert kinds["Sigmoid"] == blocks
    grouped = [x for x in prototxt.layer if x.convolution_param.group > 1]
    assert len(grouped) == blocks
    assert all(list(x.convolution_param.kernel_size) == [3] for x in grouped)
    plain = [x.name for x in prototxt.layer if x.type == "Convolution" and not x.convolution_param.bias_term]
    normalized = [x.name.removesuffix("/bn") for x in prototxt.layer if x.type == "BatchNorm"]
    scaled = [x.name.removesuffix("/bn/scale") for x in prototxt.layer if x.type == "Scale"]
    assert plain == normalized == scaled


def test_max_pooling_needs_caffes_rounding(prototxt: caffe_pb2.NetParameter):
    blobs, _ = infer(prototxt)
    (pool,) = (
        x for x in prototxt.layer if x.type == "Pooling" and x.pooling_param.pool == x.pooling_param.MAX
    )
    size, rounded = blobs[pool.bottom[0]][2], blobs[pool.top[0]][2]
    exact = (size - pool.pooling_param.kernel_size) / pool.pooling_param.stride + 1
    assert exact < rounded == math.ceil(exact)


def test_weights_have_the_shapes_that_the_prototxt_asks_for(prototxt, weights):
    _, expected = infer(prototxt)
    assert {name: [blob.shape for blob in blobs] for name, blobs in weights.items()} == expected
    assert all(np.isfinite(blob).all() for blobs in weights.values() for blob in blobs)


def test_batch_norm_statistics_are_stored_as_weighted_sums(prototxt, weights):
    for layer in prototxt.layer:
        if layer.type == "BatchNorm":
            _, variance, weight = weights[layer.name]
            assert weight[0] > 2  # neither 1, where dividing by it could be forgotten, nor 0
            assert (variance > 0).all()


def test_descriptor_agrees_with_the_network(descriptor: Model, prototxt, weights):
    blobs, _ = infer(prototxt)
    (given,), (result,) = descriptor.input_info, descriptor.output_info
    assert tuple(given.shape or ()) == blobs[given.name] == (1, 3, 32, 32)
    assert tuple(result.shape) == blobs[result.name] == (1, 20)
    facts = descriptor.specification
    assert facts is not None
    layers = [x for x in prototxt.layer if x.type in ("Convolution", "InnerProduct")]
    products = sum(weights[x.name][0][0].size * math.prod(blobs[x.top[0]]) for x in layers)
    # With BatchNorm folded, each of these has a bias; the three mean values are in the IR, too.
    parameters = sum(weights[x.name][0].size + weights[x.name][0].shape[0] for x in layers) + 3
    assert facts.mparams == round(parameters / 1e6, 3)
    assert facts.gflops == round(2 * products / 1e9, 3)


def test_descriptor_names_licence_and_labels(descriptor: Model, prototxt):
    root = Path(__file__).parents[2]
    facts = descriptor.specification
    assert facts is not None
    assert "CC BY 4.0" in (root / "licenses" / facts.license_file).read_text()
    assert "creativecommons.org/licenses/by/4.0" in descriptor.license
    assert isinstance(descriptor.model_info.labels, str)
    labels = load_labels(descriptor.model_info.labels)
    assert [label.name for label in labels] == [
        f"{colour} {digit}" for colour in COLOURS for digit in range(10)
    ]
    (classifier,) = (x for x in prototxt.layer if x.type == "InnerProduct")
    assert classifier.inner_product_param.num_output == len(labels)


def test_held_out_list_is_complete(folder: Path, held_out):
    assert [Path(name).name for name in held_out.names] == [f"{row:04}.png" for row in range(1437, 1797)]
    assert sorted(path.name for path in (folder / "heldout").iterdir()) == sorted(
        Path(name).name for name in held_out.names
    )
    assert all(name.startswith("./") for name in held_out.names)
    assert set(held_out.classes) == set(range(20))
    assert min(Counter(held_out.classes.tolist()).values()) >= 15


def test_held_out_pictures_decode_and_show_the_ink_of_their_class(held_out):
    for picture, index in zip(held_out.pictures, held_out.classes, strict=True):
        assert picture.shape == (40, 40, 3)
        assert ink_is_blue(picture) == (index >= 10)


def test_shown_pictures_are_named_for_what_they_show(folder: Path):
    paths = sorted((folder / "images").iterdir())
    assert len(paths) == 12
    for path in paths:
        colour, digit = path.stem.split("_")
        assert digit in "0123456789"
        assert COLOURS[ink_is_blue(cv2.imread(str(path)))] == colour


def test_held_out_pictures_are_the_last_digits_of_the_set(held_out):
    """Recover the 8 x 8 cells from each picture and find the digit that it was drawn from."""
    datasets = pytest.importorskip("sklearn.datasets")
    digits = datasets.load_digits()
    assert (held_out.classes % 10 == digits.target[1437:]).all()

    cells = digits.images.reshape(-1, 64)[1437:]
    recovered = []
    for picture in held_out.pictures:
        ink = np.abs(picture[..., 0].astype(np.float32) - picture[..., 2])
        recovered.append(cv2.resize(ink[5:35, 5:35], (8, 8), interpolation=cv2.INTER_AREA).ravel())
    likeness = np.corrcoef(np.stack(recovered), cells)[:360, 360:]
    assert np.diag(likeness).min() > 0.7
    # The looks vary, so a few pictures may be more like another person's digit of the same shape.
    assert (likeness.argmax(axis=1) == np.arange(360)).mean() > 0.9
