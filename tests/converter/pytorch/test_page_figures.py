"""The figures of the model pages, from our graphs: parameters, and FLOPs to the last digit.

The pages (timm's model index, 2021) and timm's benchmark tables count differently, and neither counts as
``omz_info_dumper`` does, which follows Open Model Zoo: two operations for each multiplication and addition. For
gluon_seresnext50_32x4d::

    4.233 G   multiplications and additions of convolutions, SE layers and classifier, at 224 x 224
    4.26 G    timm's tables: that, and 2 for each element of a BatchNorm
    5.475 G   the page: see :func:`page_flops`; the picture is not square, and the classifier is left out
    8.512 G   ours

How the pages were made is not written anywhere; :func:`page_flops` is inferred from the figures, and gives all 21 of
them exactly. The rules are those of the package ``thop``. A picture of which the shorter side is scaled to 224 pixels
and not cropped would have such a size.
"""

from __future__ import annotations

from math import prod

import numpy as np
import openvino as ov
import pytest

from nets.timm_resnets import VARIANTS, parameter_count, shapes
from omz.converter.pytorch.architecture import read_architecture
from omz.converter.pytorch.resnet import build_resnet
from omz.info_dumper.counting import count_cost

PAGE_FLOPS = {
    "gluon_resnet18_v1b": 2337073152,
    "gluon_resnet34_v1b": 4718469120,
    "gluon_resnet50_v1b": 5282531328,
    "gluon_resnet50_v1c": 5590551040,
    "gluon_resnet50_v1d": 5591002624,
    "gluon_resnet50_v1s": 7019495424,
    "gluon_resnet101_v1b": 10068547584,
    "gluon_resnet101_v1c": 10376567296,
    "gluon_resnet101_v1d": 10377018880,
    "gluon_resnet101_v1s": 11805511680,
    "gluon_resnet152_v1b": 14857660416,
    "gluon_resnet152_v1c": 15165680128,
    "gluon_resnet152_v1d": 15166131712,
    "gluon_resnet152_v1s": 16594624512,
    "gluon_resnext50_32x4d": 5472648192,
    "gluon_resnext101_32x4d": 10298145792,
    "gluon_resnext101_64x4d": 19954172928,
    "gluon_seresnext50_32x4d": 5475179184,
    "gluon_seresnext101_32x4d": 10302923504,
    "gluon_seresnext101_64x4d": 19958950640,
    "gluon_senet154": 26681705136,
}
PAGE_SIZE = (224, 286)  # 285 gives the same; which of the two is the height makes no difference
# Millions of parameters on the pages, thousand millions of operations in timm's benchmark tables, and ours.
SE_RESNEXTS = {
    "gluon_seresnext50_32x4d": (27.56, 4.26, 8.512),
    "gluon_seresnext101_32x4d": (48.96, 8.02, 16.019),
    "gluon_seresnext101_64x4d": (88.23, 15.53, 31.020),
}


def hollow(variant):
    """Return tensors of the right shapes without memory behind them; only the graph matters here."""
    return {name: np.broadcast_to(np.float32(1), shape) for name, shape in shapes(variant).items()}


def build(variant, size=(224, 224)) -> ov.Model:
    state = hollow(variant)
    return build_resnet(state, read_architecture(state), size)


def multiplications(node: ov.Node) -> int:
    """Return the multiplications of a convolution or a matrix product."""
    kind, filters = node.get_type_name(), list(node.input_value(1).get_shape())
    per_output = {"Convolution": filters[1:], "GroupConvolution": filters[2:], "MatMul": filters[1:]}[kind]
    return prod(node.get_output_shape(0)) * prod(per_output)


def products(model: ov.Model) -> list[ov.Node]:
    kinds = ("Convolution", "GroupConvolution", "MatMul")
    return [node for node in model.get_ordered_ops() if node.get_type_name() in kinds]


def normalized(node: ov.Node) -> bool:
    """Tell whether a BatchNorm came after a convolution, before it was folded: all but those of SE."""
    return "Convolution" in node.get_type_name() and ".se." not in node.get_friendly_name()


def page_flops(model: ov.Model) -> int:
    """Count as the pages do: one for each multiplication and addition of a convolution and for each addition of its
    bias, 2 for each element of a BatchNorm, 1 for each average of four, one for each number in the average over the
    picture and for the division; nothing for the classifier, ReLU, maximum, sum or product.
    """
    count = 0
    for node in model.get_ordered_ops():
        kind, outputs = node.get_type_name(), prod(node.get_output_shape(0))
        if "Convolution" in kind:
            count += multiplications(node) + (2 * outputs if normalized(node) else outputs)
        elif kind == "AvgPool":
            count += outputs
        elif node.get_friendly_name() == "global_pool":
            count += outputs + prod(node.get_input_shape(0))
    return count


def table_macs(model: ov.Model) -> int:
    """Count as timm's benchmark tables do: multiplications, and 2 for each element of a BatchNorm."""
    return sum(
        multiplications(node) + (2 * prod(node.get_output_shape(0)) if normalized(node) else 0)
        for node in products(model)
    )


@pytest.mark.parametrize(
    "variant",
    [
        pytest.param(name, marks=[] if "50" in name and "v1" not in name else pytest.mark.slow)
        for name in VARIANTS
    ],
)
def test_flops_of_the_page(variant):
    assert page_flops(build(variant, PAGE_SIZE)) == PAGE_FLOPS[variant]


def test_every_variant_has_a_figure():
    assert set(PAGE_FLOPS) == set(VARIANTS)


@pytest.mark.parametrize("variant", SE_RESNEXTS)
def test_parameters_of_the_page(variant):
    """Before folding: what PyTorch counts. Afterwards two numbers per channel have become one."""
    trained = parameter_count(hollow(variant))
    assert round(trained / 1e6, 2) == SE_RESNEXTS[variant][0]
    convolutions = [shape[0] for n, shape in shapes(variant).items() if len(shape) == 4 and ".se." not in n]
    assert count_cost(build(variant)).parameters == trained - sum(convolutions)


@pytest.mark.parametrize("variant", SE_RESNEXTS)
def test_operations_beside_timms_tables(variant):
    _, table, ours = SE_RESNEXTS[variant]
    model = build(variant)
    assert round(table_macs(model) / 1e9, 2) == table
    cost = count_cost(model)
    assert round(cost.gflops, 3) == ours
    # Beyond two for each multiplication, less than 1.5 %: biases, ReLU, pooling, sums.
    assert 0 < cost.operations / (2 * sum(map(multiplications, products(model)))) - 1 < 0.015
