"""Contents to begin with: random nets of all layers, and what the zoo describes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import HealthCheck, Phase, given, settings

from nets import NetBuilder, parse_prototxt, prototxt, se_resnext, synthetic_weights, v1_net
from nets.random_nets import RandomNet, nets

Weights = Mapping[str, Sequence[np.ndarray]]

SMALL = se_resnext((1,), stem=8, width=8, cardinality=2, size=16, classes=4, reduction=4)

TEXTS = [
    """name: "shared" input: "x" input_shape { dim: 2 dim: 3 dim: 4 dim: 4 }
    input: "y" input_shape { dim: 2 dim: 3 dim: 4 dim: 4 }
    layer { name: "one" type: "Convolution" bottom: "x" top: "a" param { name: "w" } param { name: "b" }
      convolution_param { num_output: 3 kernel_size: 1 } }
    layer { name: "two" type: "Convolution" bottom: "y" top: "b" param { name: "w" } param { name: "b" }
      convolution_param { num_output: 3 kernel_size: 1 } }
    layer { name: "sum" type: "Eltwise" bottom: "a" bottom: "b" top: "c" eltwise_param { coeff: 1 coeff: -1 } }
    layer { name: "loss" type: "SoftmaxWithLoss" bottom: "c" bottom: "label" top: "loss" include { phase: TRAIN } }""",
    """layer { name: "data" type: "Data" top: "data" top: "label" transform_param { crop_size: 8 mean_value: [1, 2, 3] }
      data_param { batch_size: 2 } }
    layer { name: "conv" type: "Convolution" bottom: "data" top: "conv" include { stage: "deploy" not_stage: "x" }
      convolution_param { num_output: 3 kernel_size: 1 weight_filler { type: "xavier" } } }
    layer { name: "relu" type: "ReLU" bottom: "data" top: "data" exclude { min_level: 3 } }
    layer { name: "loss" type: "SoftmaxWithLoss" bottom: "data" bottom: "label" top: "loss" top: "prob" }
    layer { name: "acc" type: "Accuracy" bottom: "data" bottom: "label" }""",
    """layer { name: "d" type: "DummyData" top: "d" dummy_data_param { num: 1 channels: 3 height: 4 width: 4 } }
    layer { name: "i" type: "Input" top: "i" top: "j" input_param { shape { dim: 1 dim: 3 dim: 4 dim: 4 } } }
    layer { name: "m" type: "MemoryData" top: "m" top: "l"
      memory_data_param { batch_size: 1 channels: 3 height: 4 width: 4 } }
    layer { name: "e" type: "Eltwise" bottom: "d" bottom: "i" bottom: "m" top: "e" }""",
]


def random_nets(count: int) -> list[RandomNet]:
    """Return random nets, the same ones in each run, whose layers have names of their own."""
    drawn: list[RandomNet] = []

    @settings(
        max_examples=count,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(nets())
    def collect(net: RandomNet) -> None:
        drawn.append(net)

    collect()
    for number, net in enumerate(drawn):
        net.body = net.body.replace('"layer', f'"net{number}_')
        net.weights = {name.replace("layer", f"net{number}_"): blobs for name, blobs in net.weights.items()}
    return drawn


def prototxts(count: int) -> tuple[list[str], dict[str, Sequence[np.ndarray]]]:
    """Return nets, and the weights of all their layers by name."""
    drawn = random_nets(count)
    weights = {name: blobs for net in drawn for name, blobs in net.weights.items()}
    weights |= synthetic_weights(SMALL)
    convolution = [np.ones((3, 3, 1, 1), np.float32), np.ones(3, np.float32)]
    weights |= dict.fromkeys(("one", "two", "conv"), convolution)
    legacy = old_net()
    weights |= synthetic_weights(legacy)
    texts = [*TEXTS, prototxt(SMALL), prototxt(v1_net(legacy)), *(net.prototxt for net in drawn)]
    return texts, weights


def old_net() -> Any:
    """Return a net of layers that Caffe's format of 2013 has."""
    net = NetBuilder("old", 8)
    net.convolution("old_conv", "data", 4, 3)
    net.pool("pool", "old_conv", pool=1, kernel_size=3, stride=2)
    net.layer("ip", "InnerProduct", ["pool"], inner_product_param={"num_output": 5})
    net.layer("prob", "Softmax", ["ip"])
    return net.net


def text_caffemodel(net: Any, weights: Weights) -> str:
    """Return a caffemodel in text form."""
    text = ""
    for layer in net.layer:
        blobs = ""
        for blob in weights.get(layer.name, ()):
            shape = " ".join(f"dim: {size}" for size in np.shape(blob))
            numbers = "\n".join(f"data: {number}" for number in np.ravel(blob).tolist())
            blobs += f"blobs {{ shape {{ {shape} }}\n{numbers}\n}}\n"
        text += f'layer {{ name: "{layer.name}" type: "{layer.type}"\n{blobs}}}\n'
    return text


def descriptors() -> list[str]:
    """Return descriptors of the zoo of every kind."""
    public = Path(__file__).resolve().parents[2] / "models" / "public"
    paths = [path for path in sorted(public.glob("*/model.yml")) if path.parent.name in CHOSEN]
    return [path.read_text() for path in paths] + [COMPOSITE]


CHOSEN = {"alexnet", "gluon_seresnext50_32x4d", "googlenet-v2", "se-resnext-50", "mobilenet-v2"}
COMPOSITE = """\
task_type: detection
description: several
license: https://example.com
stages_order: [net, other]
"""

__all__ = ["SMALL", "descriptors", "old_net", "parse_prototxt", "prototxts", "random_nets", "text_caffemodel"]
