"""The generators: structure, weights and wire formats."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from nets import (
    infer,
    legacy_input,
    make_model,
    parse_prototxt,
    pictures,
    prototxt,
    se_inception,
    se_resnet,
    se_resnext,
    synthetic_weights,
    v1_net,
    write_caffemodel,
)
from omz.converter.caffe import caffe_pb2
from omz.converter.caffe.reference import run

PUBLISHED = Path(__file__).parents[2] / ".." / "shared" / "caffe"

# What the descriptors say of the published caffemodels.
PUBLISHED_SIZES = {"SE-ResNeXt-50": 110_550_637, "SE-ResNet-101": 197_806_200, "SE-BN-Inception": 47_855_246}


def published(name: str) -> Path:
    path = PUBLISHED / f"{name}.prototxt"
    if not path.exists():
        pytest.skip(f"{path} is not there")
    return path


@pytest.fixture(scope="module")
def small():
    net = se_resnext((1, 1), stem=8, width=8, cardinality=4, size=32, classes=5, reduction=4)
    return net, synthetic_weights(net, 3)


@pytest.mark.parametrize(
    ("name", "net"),
    [("SE-ResNeXt-50", se_resnext()), ("SE-ResNet-101", se_resnet((3, 4, 23, 3)))],
    ids=lambda x: str(x)[:14],
)
def test_generated_nets_equal_the_published_ones(name, net):
    assert parse_prototxt(published(name)) == net


@pytest.mark.parametrize("net", [se_resnext((2, 1), size=64), se_inception(("3a", "3c"), divisor=4, size=64)])
def test_text_of_a_net_reads_back(net):
    assert parse_prototxt(prototxt(net)) == net


@pytest.mark.parametrize(
    ("net", "millions"),
    # Convolutions, their biases and the classifier, and gain and bias of each BatchNorm + Scale folded into one
    # bias a channel: the counts that the model pages give.
    [(se_resnext(), 27.526), (se_resnet((3, 4, 23, 3)), 49.274), (se_inception(), 11.922)],
    ids=["se-resnext-50", "se-resnet-101", "se-inception"],
)
def test_number_of_parameters_is_that_of_the_model_pages(net, millions):
    _, weights = infer(net)
    count = sum(int(np.prod(shape)) for shapes in weights.values() for shape in shapes)
    statistics = sum(shapes[0][0] for shapes in weights.values() if len(shapes) == 3)
    normalizations = sum(len(shapes) == 3 for shapes in weights.values())
    assert (count - 3 * statistics - normalizations) / 1e6 == pytest.approx(millions, abs=0.0006)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "net"),
    [
        ("SE-ResNeXt-50", se_resnext()),
        ("SE-ResNet-101", se_resnet((3, 4, 23, 3))),
        ("SE-BN-Inception", se_inception()),
    ],
    ids=lambda x: str(x)[:15] if isinstance(x, str) else "",
)
def test_files_are_as_large_as_the_published_ones(name, net, tmp_path):
    path = write_caffemodel(tmp_path / "net.caffemodel", net, synthetic_weights(net))
    assert path.stat().st_size == pytest.approx(PUBLISHED_SIZES[name], rel=0.001)


def test_weights_depend_on_seed_and_layer_alone(small):
    net, weights = small
    again = synthetic_weights(net, 3)
    assert all(
        np.array_equal(a, b) for name in weights for a, b in zip(weights[name], again[name], strict=True)
    )
    other = synthetic_weights(net, 4)
    assert not np.array_equal(weights["conv1/7x7_s2"][0], other["conv1/7x7_s2"][0])
    assert not np.array_equal(weights["conv2_1_3x3"][0], weights["conv3_1_3x3"][0][:8])


@pytest.mark.parametrize(
    "net",
    [
        se_resnext((2, 2, 2), stem=16, width=16, cardinality=4, size=64, classes=50),
        se_resnet((1, 4, 8, 1), stem=8, width=8, size=64, classes=50),
        se_inception(("3a", "3b", "3c", "4a", "4e", "5b"), divisor=8, size=64, classes=50),
    ],
    ids=["se-resnext", "se-resnet", "se-inception"],
)
def test_synthetic_nets_are_neither_saturated_nor_blind(net):
    weights = synthetic_weights(net)
    answers = np.concatenate(
        [run(net, weights, {"data": pictures((1, 3, 64, 64), seed)})["prob"] for seed in range(4)]
    )
    assert answers.max(axis=1) == pytest.approx(0.5, abs=0.48)  # no certainty, and far above 1/50
    assert len(set(answers.argmax(axis=1))) > 1  # the answer depends on the picture


@pytest.mark.parametrize("style", ["packed", "legacy_shape", "double", "unpacked"])
def test_caffemodels_read_back_with_protobuf(small, style, tmp_path):
    net, weights = small
    path = write_caffemodel(tmp_path / "net.caffemodel", net, weights, style=style)
    read = caffe_pb2.NetParameter.FromString(path.read_bytes())
    assert [layer.name for layer in read.layer] == [layer.name for layer in net.layer]
    blob = next(layer for layer in read.layer if layer.name == "conv2_1_3x3").blobs[0]
    expected = weights["conv2_1_3x3"][0]
    if style == "legacy_shape":
        assert (blob.num, blob.channels, blob.height, blob.width) == expected.shape
    else:
        assert tuple(blob.shape.dim) == expected.shape
    if style == "unpacked":
        # The schema says `bytes`, so protobuf keeps single floats among the unknown fields; in the file each has
        # tag 0x2d (field 5, 32 bits) before it.
        values = expected.ravel()[:3]
        assert b"".join(struct.pack("<Bf", 0x2D, value) for value in values) in path.read_bytes()
    else:
        data = (
            np.frombuffer(blob.double_data[0], "<f8")
            if style == "double"
            else np.frombuffer(blob.data[0], "<f4")
        )
        assert np.array_equal(data, expected.ravel())


def test_old_forms_of_a_net():
    net = caffe_pb2.NetParameter(name="old")
    net.layer.add(name="data", type="Input", top=["data"]).input_param.shape.add(dim=[1, 3, 8, 8])
    net.layer.add(
        name="ip", type="InnerProduct", bottom=["data"], top=["ip"], inner_product_param={"num_output": 2}
    )
    old = v1_net(net)
    assert not old.layer
    assert list(old.input) == ["data"]
    assert list(old.input_dim) == [1, 3, 8, 8]
    assert old.layers[0].type == caffe_pb2.V1LayerParameter.INNER_PRODUCT
    assert old.layers[0].inner_product_param.num_output == 2
    assert list(legacy_input(net, shapes=True).input_shape[0].dim) == [1, 3, 8, 8]
    with pytest.raises(ValueError, match="no layer type BatchNorm"):
        v1_net(se_resnet((1,)))


def test_make_model_gives_a_prototxt_weights(tmp_path):
    net = se_resnet((1,), stem=4, width=4, size=32, classes=3, reduction=2)
    source = tmp_path / "tiny.prototxt"
    source.write_text(prototxt(net))
    text, model = make_model(tmp_path / "out", source, seed=1)
    assert text.read_bytes() == source.read_bytes()
    assert model.name == "tiny.caffemodel"
    read = caffe_pb2.NetParameter.FromString(model.read_bytes())
    assert sum(bool(layer.blobs) for layer in read.layer) == len(synthetic_weights(net, 1))
