"""The graph of a ResNet answers as PyTorch does, and the same weights give the same bytes."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nets.conversion import run_model
from nets.timm_resnets import VARIANTS, pictures, random_state
from omz.converter.ir import write_ir
from omz.converter.pytorch.architecture import SE_NAMES, read_architecture
from omz.converter.pytorch.resnet import build_resnet
from omz.errors import ConversionError, ShapeError

# Both compute in single precision, in another order and with BatchNorm folded: measured 1.3e-6 at most.
FP32_TOLERANCE = 1e-4
# Weights in half precision are off by up to 2^-11 each; through 154 layers, measured 5e-4 at most.
FP16_TOLERANCE = 1e-2

TINY = {"layers": (1, 2), "channels": (16, 32), "stem_width": 16, "classes": 10}
GROUPS = {**TINY, "cardinality": 4, "base_width": 32}
SMALL: dict[str, dict[str, Any]] = {
    "bottleneck": TINY,
    "basic": {**TINY, "expansion": 1},
    "basic, first narrower, SE": {**TINY, "expansion": 1, "block_reduce_first": 2, "se": "conv"},
    "groups": GROUPS,
    "deep stem": {**TINY, "stem": "deep"},
    "tiered stem": {**TINY, "stem": "deep_tiered"},
    "average pooling": {**TINY, "layers": (1, 1, 2), "channels": (16, 16, 32), "avg_down": True},
    "senet": {**GROUPS, "stem": "deep", "down_kernel_size": 3, "block_reduce_first": 2, "se": "conv"},
    "matrices": {**GROUPS, "se": "linear"},
    "matrices without bias": {**GROUPS, "se": "linear", "se_bias": False},
    "convolutions without bias": {**GROUPS, "se": "conv", "se_bias": False},
    "conv_reduce": {**GROUPS, "se": "conv", "se_names": SE_NAMES[1]},
    "se_module": {**GROUPS, "se": "conv", "se_names": SE_NAMES[2]},
    "last_linear": {**TINY, "classifier": "last_linear"},
    "one stage": {**TINY, "layers": (2,)},
}


def build(state, size=(224, 224), **options):
    return build_resnet(state, read_architecture(state), size, **options)


def relative(ours, reference):
    """Return the largest difference, relative to the largest logit."""
    return float(np.abs(ours - reference).max() / np.abs(reference).max())


def top5(logits):
    return np.argsort(-logits, axis=1)[:, :5].tolist()


def compare(variant, size, tmp_path: Path, state=None):
    """Compare a network in both precisions with PyTorch."""
    pytest.importorskip("torch")
    from converter.pytorch.torch_resnet import logits, torch_resnet

    state = state or random_state(variant)
    data = pictures(1, *size)
    model = build(state, size)
    reference = logits(torch_resnet(variant, state), data)
    assert np.isfinite(reference).all()
    assert 0.1 < reference.std() < 100  # so that a relative tolerance means something
    answer = run_model(model, {"data": data})["logits"]
    assert answer.shape == reference.shape
    assert relative(answer, reference) < FP32_TOLERANCE
    assert top5(answer) == top5(reference)
    xml = tmp_path / "net.xml"
    write_ir(model, xml, compress_to_fp16=True)
    half = run_model(xml, {"data": data})["logits"]
    assert 0 < relative(half, reference) < FP16_TOLERANCE


@pytest.mark.oracle
@pytest.mark.slow
@pytest.mark.parametrize("variant", VARIANTS)
def test_every_variant_answers_as_pytorch_does(variant, tmp_path):
    compare(variant, (64, 64), tmp_path)


@pytest.mark.oracle
@pytest.mark.slow
@pytest.mark.parametrize("variant", ["gluon_seresnext50_32x4d", "gluon_resnet50_v1d"])
def test_pictures_of_full_size(variant, tmp_path):
    compare(variant, (224, 224), tmp_path)


@pytest.mark.oracle
@pytest.mark.parametrize("size", [(64, 64), (75, 50)], ids=str)
@pytest.mark.parametrize("name", SMALL)
def test_every_part_of_the_family(name, size, tmp_path):
    """Odd sizes tell padding and rounding apart from their likes."""
    compare(SMALL[name], size, tmp_path)


@pytest.mark.oracle
def test_epsilon_is_pytorchs(tmp_path):
    """With a variance of about 1e-5, an epsilon that is left out or misplaced shows."""
    state = random_state(TINY)
    for name, array in state.items():
        if name.endswith("running_var"):
            array *= np.float32(1e-5)
        elif re.search(r"bn\d\.weight|downsample\.1\.weight", name):
            array *= np.float32(3e-3)
    compare(TINY, (64, 64), tmp_path, state)


@pytest.mark.oracle
@pytest.mark.parametrize("dtype", [np.float16, np.float64])
def test_other_types_of_weights(dtype, tmp_path):
    pytest.importorskip("torch")
    from converter.pytorch.torch_resnet import logits, torch_resnet

    wide = {n: a if a.dtype == np.int64 else a.astype(dtype) for n, a in random_state(GROUPS).items()}
    single = {n: a if a.dtype == np.int64 else a.astype(np.float32) for n, a in wide.items()}
    data = pictures(1, 64, 64)
    answer = run_model(build(wide, (64, 64)), {"data": data})["logits"]
    assert relative(answer, logits(torch_resnet(GROUPS, single), data)) < FP32_TOLERANCE


@pytest.mark.oracle
def test_any_batch_and_size():
    pytest.importorskip("torch")
    from converter.pytorch.torch_resnet import logits, torch_resnet

    variant = {**SMALL["average pooling"], "se": "linear"}
    state = random_state(variant)
    model, oracle = build(state, (-1, -1), batch=-1), torch_resnet(variant, state)
    for data in (pictures(1, 64, 64), pictures(3, 75, 50, seed=1)):
        assert relative(run_model(model, {"data": data})["logits"], logits(oracle, data)) < FP32_TOLERANCE


def test_weights_that_are_not_aligned_or_read_only():
    """As they come from a mapped file; nothing in them is changed."""
    state = random_state(GROUPS)
    awkward = {}
    for name, array in state.items():
        buffer = b"\0" + np.asfortranarray(array).tobytes("A")
        awkward[name] = np.frombuffer(buffer, array.dtype, offset=1).reshape(array.shape, order="F")
        assert not awkward[name].flags.writeable
    data = {"data": pictures(1, 64, 64)}
    expected = run_model(build(state, (64, 64)), data)["logits"]
    np.testing.assert_array_equal(run_model(build(awkward, (64, 64)), data)["logits"], expected)
    assert all(np.array_equal(awkward[name], random_state(GROUPS)[name]) for name in state)


def test_input_and_output():
    model = build(random_state("gluon_resnet18_v1b"))
    assert [(p.get_any_name(), list(p.shape)) for p in model.inputs] == [("data", [1, 3, 224, 224])]
    assert [(p.get_names(), list(p.shape)) for p in model.outputs] == [({"logits"}, [1, 1000])]


def test_nodes_are_named_after_timms_modules():
    state = random_state({**GROUPS, "se": "conv", "avg_down": True})
    model = build(state, (64, 64))
    names = [node.get_friendly_name() for node in model.get_ops()]
    assert len(names) == len(set(names))
    assert {"conv1", "act1", "maxpool", "global_pool", "fc", "layer2.0.downsample.0"} <= set(names)
    modules = {name.rpartition(".")[0] for name in state if state[name].ndim > 1}
    assert modules <= set(names)
    assert {f"layer2.1.{part}" for part in ("act1", "act2", "act3", "add", "se", "se.gate")} <= set(names)
    assert not any(re.search(r"(Constant|Convolution|Add|Relu|Multiply)_\d+", name) for name in names)
    assert not any(name.startswith("bn") or ".bn" in name for name in names)  # folded, all of them


def digest(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


def test_the_same_weights_give_the_same_bytes(tmp_path):
    """In one process after another network, and in a new process."""
    variant = {**GROUPS, "se": "conv", "stem": "deep"}
    program = (
        "import sys; from pathlib import Path; from nets.timm_resnets import random_state\n"
        "from omz.converter.ir import write_ir; from omz.converter.pytorch.architecture import read_architecture\n"
        "from omz.converter.pytorch.resnet import build_resnet\n"
        f"state = random_state({variant!r})\n"
        "write_ir(build_resnet(state, read_architecture(state)), Path(sys.argv[1]), compress_to_fp16=True)"
    )
    tests = Path(__file__).parents[2]
    target = tmp_path / "other" / "net.xml"
    environment = {"PYTHONPATH": str(tests), "PYTHONHASHSEED": "1"}
    subprocess.run([sys.executable, "-c", program, str(target)], check=True, env=environment)
    for number in range(2):
        build(random_state(TINY))
        write_ir(build(random_state(variant)), tmp_path / str(number) / "net.xml", compress_to_fp16=True)
        assert digest(tmp_path / str(number)) == digest(tmp_path / "other")
    write_ir(build(random_state(variant, seed=1)), tmp_path / "seed" / "net.xml", compress_to_fp16=True)
    assert digest(tmp_path / "seed")["net.bin"] != digest(tmp_path / "other")["net.bin"]


@pytest.mark.parametrize("value", [-0.5, np.nan, -1e-5])
def test_impossible_statistics(value):
    state = random_state(TINY)
    state["layer2.0.downsample.1.running_var"][3] = value
    with pytest.raises(ConversionError, match=r"'layer2\.0\.downsample\.1\.running_var' has numbers below 0"):
        build(state)


def test_a_picture_that_is_too_large():
    with pytest.raises(ConversionError, match=r"input 'data': .* more than 2\^31 elements"):
        build(random_state(TINY), (1 << 20, 1 << 20))


def test_shapes_that_do_not_meet():
    """An even kernel in the shortcut makes another size than the branch, in timm as well."""
    with pytest.raises(ShapeError, match=r"'layer2\.0\.add': "):
        build(random_state({**TINY, "down_kernel_size": 2}))
