"""The architecture is read off names and shapes; a file that is anything else is refused by the name of a tensor."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from nets.timm_resnets import DEFAULTS, VARIANTS, shapes
from omz.converter.pytorch.architecture import (
    SE_NAMES,
    Architecture,
    parameter_shapes,
    read_architecture,
)
from omz.converter.pytorch.declaration import with_declared
from omz.errors import ConversionError

TINY = {"layers": (1, 2), "channels": (16, 32), "stem_width": 16, "classes": 10}
SE_TINY = {**TINY, "cardinality": 4, "base_width": 32, "se": "conv"}


def hollow(variant, **changes):
    """Return the tensors of a variant without any memory behind them: only names and shapes matter here."""
    net = DEFAULTS | dict(VARIANTS[variant] if isinstance(variant, str) else variant) | changes
    state = {name: np.broadcast_to(np.float32(0.5), shape) for name, shape in shapes(net).items()}
    return {n: np.array(1) if n.endswith("num_batches_tracked") else array for n, array in state.items()}


def expected_fields(net):
    """Return what the arguments of timm say of the fields of an Architecture."""
    net = DEFAULTS | net
    blocks = len(net["layers"])
    fields = {key: net[key] for key in net if key not in ("expansion", "channels")}
    fields["block"] = "bottleneck" if net["expansion"] == 4 else "basic"
    fields["channels"] = net["channels"][:blocks]
    if net["se"] != "none":
        outputs = [planes * net["expansion"] for planes in fields["channels"]]
        fields["se_channels"] = tuple(max(8, (channels // 16 + 4) // 8 * 8) for channels in outputs)
    return fields


@pytest.mark.parametrize("variant", VARIANTS)
def test_reads_every_variant(variant):
    architecture = read_architecture(hollow(variant))
    assert architecture == Architecture(**expected_fields(VARIANTS[variant]))


OTHERS = {
    "resnet10t": {"expansion": 1, "layers": (1, 1, 1, 1), "stem": "deep_tiered", "stem_width": 32, "avg_down": True},
    "resnet26t": {"layers": (2, 2, 2, 2), "stem": "deep_tiered", "stem_width": 32, "avg_down": True},
    "wide_resnet50_2": {"layers": (3, 4, 6, 3), "base_width": 128},
    "resnext101_32x16d": {"layers": (3, 4, 23, 3), "cardinality": 32, "base_width": 16},
    "seresnet18": {"expansion": 1, "layers": (2, 2, 2, 2), "se": "conv"},
    "resnet152 of one class": {"layers": (3, 8, 36, 3), "classes": 1},
    "tiny": TINY,
    "tiny resnext": SE_TINY,
    "basic blocks, first narrower": {**TINY, "expansion": 1, "block_reduce_first": 2},
    "matrices": {**SE_TINY, "se": "linear"},
    "without bias": {**SE_TINY, "se_bias": False},
    "last_linear": {**TINY, "classifier": "last_linear"},
    "average pooling": {**TINY, "avg_down": True},
}  # fmt: skip


@pytest.mark.parametrize("name", OTHERS)
def test_reads_other_members_of_the_family(name):
    assert read_architecture(hollow(OTHERS[name])) == Architecture(**expected_fields(OTHERS[name]))


@pytest.mark.parametrize("names", SE_NAMES)
def test_reads_every_name_of_squeeze_and_excitation(names):
    architecture = read_architecture(hollow({**SE_TINY, "se_names": names}))
    assert (architecture.se, architecture.se_names) == ("conv", names)


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_table_of_parameters_is_timms(variant):
    """Two tables, written apart from each other: ours, and the one that the tests draw weights for."""
    tracked = {
        name: shape for name, shape in shapes(variant).items() if not name.endswith("num_batches_tracked")
    }
    assert parameter_shapes(read_architecture(hollow(variant))) == tracked


def test_neither_order_nor_counters_matter():
    state = hollow("gluon_seresnext50_32x4d")
    bare = {name: state[name] for name in sorted(state) if not name.endswith("num_batches_tracked")}
    assert read_architecture(bare) == read_architecture(state)


@pytest.mark.parametrize("name", [n for n in shapes(SE_TINY) if not n.endswith("num_batches_tracked")])
def test_every_tensor_is_needed_and_has_one_shape(name):
    """Whatever tensor is gone, transposed or wider: nothing is built, and a tensor is named."""
    whole = hollow(SE_TINY)
    read_architecture(whole)
    without = {key: array for key, array in whole.items() if key != name}
    with pytest.raises(ConversionError, match="tensor '"):
        read_architecture(without)
    for shape in ((*whole[name].shape[:-1], whole[name].shape[-1] + 1), (1, *whole[name].shape), (0,), ()):
        with pytest.raises(ConversionError, match="tensor '"):
            read_architecture({**whole, name: np.broadcast_to(np.float32(0.5), shape)})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"layer1.0.se.fc.weight": (64, 64, 1, 1)}, r"'layer1\.0\.se\.fc\.weight' is unexpected"),  # ESE
        ({"maxpool.0.weight": (16, 16, 3, 3)}, r"'maxpool\.0\.weight' is unexpected"),  # replace_stem_pool
        ({"layer9.0.conv1.weight": (1, 1, 1, 1)}, r"'layer9\.0\.conv1\.weight' is unexpected"),
        ({"layer2.7.conv1.weight": (1, 1, 1, 1), "x": ()}, r"'layer2\.7\.conv1\.weight' is unexpected \(and 1 more\)"),
        ({"fc.bias": None}, r"'fc\.bias' is missing"),
        ({"fc.weight": None}, r"'fc\.weight' is missing"),
        ({"conv1.weight": (16, 1, 7, 7)}, r"'conv1\.weight' has shape \(16, 1, 7, 7\); expected \(16, 3, 7, 7\)"),
        ({"layer2.1.bn2.bias": (33,)}, r"'layer2\.1\.bn2\.bias' has shape \(33,\); expected \(64,\)"),
    ],
)  # fmt: skip
def test_says_which_tensor_does_not_fit(change, message):
    state = hollow(SE_TINY)
    for name, shape in change.items():
        if shape is None:
            del state[name]
        else:
            state[name] = np.broadcast_to(np.float32(0), shape)
    with pytest.raises(ConversionError, match=message):
        read_architecture(state)


def test_refuses_other_networks():
    vgg = {
        "features.0.weight": np.zeros((64, 3, 3, 3), np.float32),
        "features.0.bias": np.zeros(64, np.float32),
    }
    with pytest.raises(
        ConversionError, match=r"'conv1\.weight' is missing; .* such as 'features\.0\.weight'"
    ):
        read_architecture(vgg)
    with pytest.raises(ConversionError, match="the file has none"):
        read_architecture({})


def test_refuses_integers_for_weights():
    state = hollow(TINY)
    state["layer1.0.bn1.weight"] = np.ones(16, np.int64)
    with pytest.raises(ConversionError, match=r"'layer1\.0\.bn1\.weight' is of type int64"):
        read_architecture(state)


# Each field that a descriptor can declare, a value that contradicts SE-ResNeXt-50, and the tensor that shows it.
CONTRADICTIONS = [
    ("block", "basic", "'basic'", "'bottleneck'", "layer1.0.conv3.weight"),
    ("layers", [3, 4, 23, 3], "[3, 4, 23, 3]", "[3, 4, 6, 3]", "layer3.6.conv1.weight"),
    ("layers", [3, 4, 5, 3], "[3, 4, 5, 3]", "[3, 4, 6, 3]", "layer3.5.conv1.weight"),
    ("layers", [3, 4, 6], "[3, 4, 6]", "[3, 4, 6, 3]", "layer4.0.conv1.weight"),
    ("channels", [64, 128, 256, 500], "[64, 128, 256, 500]", "512]", "layer4.0.conv3.weight"),
    ("cardinality", 64, "64", "32", "layer1.0.conv2.weight"),
    ("base_width", 8, "8", "4", "layer1.0.conv2.weight"),
    ("block_reduce_first", 2, "2", "1", "layer1.0.conv1.weight"),
    ("stem", "deep", "'deep'", "'plain'", "conv1.weight"),
    ("stem_width", 32, "32", "64", "conv1.weight"),
    ("avg_down", True, "True", "False", "layer2.0.downsample.0.weight"),
    ("down_kernel_size", 3, "3", "1", "layer2.0.downsample.0.weight"),
    ("se", "none", "'none'", "'conv'", "layer1.0.se.fc1.weight"),
    ("se_channels", [16, 32, 64, 64], "[16, 32, 64, 64]", "[16, 32, 64, 128]", "layer4.0.se.fc1.weight"),
    ("se_bias", False, "False", "True", "layer1.0.se.fc1.bias"),
    ("classes", 1001, "1001", "1000", "fc.weight"),
    ("classifier", "last_linear", "'last_linear'", "'fc'", "fc.weight"),
    ("cardinality", True, "True", "32", "layer1.0.conv2.weight"),
    ("layers", 4, "4", "[3, 4, 6, 3]", "layer1.0.conv1.weight"),
]


@pytest.mark.parametrize(("field", "value", "stated", "found", "tensor"), CONTRADICTIONS)
def test_a_declaration_that_contradicts_the_file(field, value, stated, found, tensor):
    state = hollow("gluon_seresnext50_32x4d")
    with pytest.raises(ConversionError) as caught:
        with_declared(read_architecture(state), {field: value}, state)
    message = str(caught.value)
    assert f"field {field!r} is declared {stated}, the file has " in message
    assert found in message
    assert repr(tensor) in message
    seen = f"has shape {state[tensor].shape}" if tensor in state else "is not there"
    assert seen in message


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_declaration_that_agrees_changes_nothing(variant):
    state = hollow(variant)
    architecture = read_architecture(state)
    fields = expected_fields(VARIANTS[variant])
    declared = {k: list(v) if isinstance(v, tuple) and k != "se_names" else v for k, v in fields.items()}
    assert with_declared(architecture, declared, state) == architecture


def test_what_the_file_cannot_tell_is_taken_from_the_declaration():
    state = hollow(TINY)
    assert with_declared(read_architecture(state), {"epsilon": 1e-3}, state).epsilon == 1e-3
    for wrong in (0, 1, -1e-5, float("nan"), True, "1e-5", None):
        with pytest.raises(ConversionError, match="field 'epsilon'"):
            with_declared(read_architecture(state), {"epsilon": wrong}, state)


def test_an_unknown_field_is_refused():
    state = hollow(TINY)
    with pytest.raises(ConversionError, match="unknown field 'depth' of a ResNet; known are block, layers,"):
        with_declared(read_architecture(state), {"depth": 50}, state)


def test_reading_takes_neither_openvino_nor_the_weights():
    program = "import sys, omz.converter.pytorch.architecture; sys.exit('openvino' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
