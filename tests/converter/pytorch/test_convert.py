"""From a file to a model, in each of the three formats that checkpoints come in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nets.conversion import run_model
from nets.timm_resnets import VARIANTS, pictures, random_state
from omz.converter.pytorch.convert import convert
from omz.errors import ConversionError

FORMATS = ("legacy", "zip", "safetensors")
TINY = {
    "layers": (1, 2),
    "channels": (16, 32),
    "stem_width": 16,
    "classes": 10,
    "cardinality": 4,
    "se": "conv",
}


def save(state, path: Path, kind: str, wrap=None) -> Path:
    """Write a checkpoint as PyTorch or safetensors does; ``wrap`` makes of a state_dict what is pickled."""
    torch = pytest.importorskip("torch")
    tensors = {name: torch.from_numpy(np.array(array)) for name, array in state.items()}
    if kind == "safetensors":
        from safetensors.torch import save_file

        save_file(tensors, path)
    else:
        whole = wrap(tensors) if wrap else tensors
        torch.save(whole, path, _use_new_zipfile_serialization=kind == "zip")
    return path


def suffix(kind: str) -> str:
    return ".safetensors" if kind == "safetensors" else ".pth"


def check(path: Path, variant, state, size) -> None:
    """Convert a file, and compare the answer with PyTorch's."""
    compare(path, reference_of(variant, state, size), size)


def reference_of(variant, state, size):
    """Return what PyTorch answers."""
    from converter.pytorch.torch_resnet import logits, torch_resnet

    return logits(torch_resnet(variant, state), pictures(1, *size))


def compare(path: Path, reference, size) -> None:
    """Convert a file, and compare its answer."""
    model = convert(path, input_shapes={"data": [1, 3, *size]})
    answer = run_model(model, {"data": pictures(1, *size)})["logits"]
    assert np.abs(answer - reference).max() < 1e-4 * np.abs(reference).max()
    assert np.argsort(-answer)[0, :5].tolist() == np.argsort(-reference)[0, :5].tolist()


@pytest.mark.oracle
@pytest.mark.parametrize("kind", FORMATS)
def test_three_formats(kind, tmp_path):
    state = random_state(TINY)
    check(save(state, tmp_path / f"net{suffix(kind)}", kind), TINY, state, (64, 64))


@pytest.mark.oracle
@pytest.mark.slow
@pytest.mark.parametrize("variant", VARIANTS)
def test_three_formats_of_every_variant(variant, tmp_path):
    pytest.importorskip("torch")
    state = random_state(variant)
    reference = reference_of(variant, state, (64, 64))
    for kind in FORMATS:
        path = save(state, tmp_path / f"net{suffix(kind)}", kind)
        compare(path, reference, (64, 64))
        path.unlink()


@pytest.mark.oracle
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
@pytest.mark.parametrize("kind", FORMATS)
def test_types_of_numbers(dtype, kind, tmp_path):
    """The reference computes with the same numbers in single precision, so nothing is lost but by rounding once."""
    torch = pytest.importorskip("torch")
    state = random_state(TINY)
    rounded = {}
    for name, array in state.items():
        tensor = torch.from_numpy(np.array(array))
        rounded[name] = tensor.to(getattr(torch, dtype)) if tensor.is_floating_point() else tensor
    path = tmp_path / f"net{suffix(kind)}"
    if kind == "safetensors":
        from safetensors.torch import save_file

        save_file(rounded, path)
    else:
        torch.save(rounded, path, _use_new_zipfile_serialization=kind == "zip")
    check(path, TINY, {name: tensor.float().numpy() for name, tensor in rounded.items()}, (64, 64))


@pytest.mark.oracle
@pytest.mark.parametrize("kind", ["legacy", "zip"])
def test_wrapped_as_training_saves_it(kind, tmp_path):
    state = random_state(TINY)
    wrap = lambda tensors: {"state_dict": {f"module.{n}": t for n, t in tensors.items()}}  # noqa: E731
    check(save(state, tmp_path / "net.pth", kind, wrap), TINY, state, (64, 64))


@pytest.mark.oracle
def test_errors_name_the_file(tmp_path):
    path = save(random_state(TINY), tmp_path / "net.pth", "zip")
    with pytest.raises(
        ConversionError, match=r"net\.pth: field 'cardinality' is declared 8, the file has 4: tensor"
    ):
        convert(path, declared={"cardinality": 8})
    with pytest.raises(ConversionError, match=r"net\.pth: unknown field 'depth'"):
        convert(path, declared={"depth": 50})
    other = save({"features.0.weight": np.zeros((8, 3, 3, 3), np.float32)}, tmp_path / "vgg.pth", "zip")
    with pytest.raises(ConversionError, match=r"vgg\.pth: tensor 'conv1\.weight' is missing"):
        convert(other)


@pytest.mark.oracle
def test_shapes_of_the_input(tmp_path):
    path = save(random_state(TINY), tmp_path / "net.pth", "zip")
    assert list(convert(path).input("data").shape) == [1, 3, 224, 224]
    assert list(convert(path, input_shapes=[(2, 3, 64, 96)]).input(0).shape) == [2, 3, 64, 96]
    assert convert(path, input_shapes={"data": [-1, 3, -1, -1]}).input(0).partial_shape.is_dynamic
    for wrong in ({"image": [1, 3, 8, 8]}, [[1, 3, 8, 8]] * 2, [[1, 1, 8, 8]], [[1, 3, 8]], [[0, 3, 8, 8]]):
        with pytest.raises(ConversionError, match=r"net\.pth: .*input"):
            convert(path, input_shapes=wrong)
