"""Which network of timm's ResNet family a checkpoint holds, read off the names and shapes of its tensors.

Weights are never looked at, and nothing is guessed: a few tensors tell the :class:`Architecture`, that tells name and
shape of every tensor that there must be (:func:`parameter_shapes`), and the file must have those and no others.

What leaves no trace in names and shapes follows timm's definition (``timm/models/resnet.py``): strides (in the 3x3
convolution of a block), padding, ReLU, output stride 32, average pooling at the end, and no anti-aliasing. Of those
only ``epsilon`` can be declared.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from numpy.typing import NDArray

from omz.errors import ConversionError, ShapeError

State = Mapping[str, NDArray[Any]]
Shape = tuple[int, ...]

#: Counts the batches of training; of no use at inference.
IGNORED_SUFFIX = ".num_batches_tracked"
#: The two layers of a squeeze-and-excitation block, as timm names or named them.
SE_NAMES = (("se.fc1", "se.fc2"), ("se.conv_reduce", "se.conv_expand"), ("se_module.fc1", "se_module.fc2"))
CLASSIFIERS = ("fc", "last_linear")


@dataclass(frozen=True, slots=True)
class Architecture:
    """A member of the family, in timm's terms.

    Attributes:
        block: Two 3x3 convolutions, or 1x1, 3x3 (in groups) and 1x1.
        layers: Number of blocks in each stage.
        channels: Width of each stage; a stage's output has this times :attr:`expansion`.
        cardinality: Groups of the 3x3 convolution of a bottleneck.
        base_width: Channels of each group in a stage of width 64.
        block_reduce_first: By what the first convolution of a block is narrower than the second (2 in SENet-154).
        stem: One 7x7 convolution, or three 3x3: of equal width, or the first of three quarters.
        stem_width: Channels of a plain stem; of the second of three convolutions, half of what the stem puts out.
        avg_down: Shortcuts halve the picture by average pooling before a 1x1 convolution, not by its stride.
        down_kernel_size: Kernel of the convolution in shortcuts that halve the picture.
        se: Squeeze-and-excitation: none, or by 1x1 convolutions, or by matrices.
        se_channels: Width that it squeezes to, by stage; empty without it.
        se_bias: Whether its two layers have a bias.
        se_names: Names of its two layers within a block.
        classes: Number of logits.
        classifier: Name of the last layer.
        epsilon: Of all BatchNorms. Not in the file.
    """

    block: Literal["basic", "bottleneck"]
    layers: tuple[int, ...]
    channels: tuple[int, ...] = (64, 128, 256, 512)
    cardinality: int = 1
    base_width: int = 64
    block_reduce_first: int = 1
    stem: Literal["plain", "deep", "deep_tiered"] = "plain"
    stem_width: int = 64
    avg_down: bool = False
    down_kernel_size: int = 1
    se: Literal["none", "conv", "linear"] = "none"
    se_channels: tuple[int, ...] = ()
    se_bias: bool = True
    se_names: tuple[str, str] = SE_NAMES[0]
    classes: int = 1000
    classifier: str = CLASSIFIERS[0]
    epsilon: float = 1e-5

    @property
    def expansion(self) -> int:
        """By what a block's output is wider than its stage's ``channels``."""
        return 4 if self.block == "bottleneck" else 1

    @property
    def stem_channels(self) -> tuple[int, ...]:
        """Output channels of each convolution of the stem."""
        if self.stem == "plain":
            return (self.stem_width,)
        first = 3 * (self.stem_width // 4) if self.stem == "deep_tiered" else self.stem_width
        return (first, self.stem_width, 2 * self.stem_width)

    @property
    def convolutions(self) -> tuple[str, ...]:
        """Names of the convolutions of a block."""
        return ("conv1", "conv2", "conv3") if self.block == "bottleneck" else ("conv1", "conv2")

    def width(self, stage: int) -> int:
        """Return the number of channels between the convolutions of a block."""
        if self.block == "basic":
            return self.channels[stage]
        return self.channels[stage] * self.base_width // 64 * self.cardinality

    def stride(self, stage: int, block: int) -> int:
        """Return by what a block makes the picture smaller."""
        return 2 if stage and not block else 1

    def inputs(self, stage: int, block: int) -> int:
        """Return the number of channels that a block takes in."""
        if block:
            return self.channels[stage] * self.expansion
        return self.channels[stage - 1] * self.expansion if stage else self.stem_channels[-1]

    def has_downsample(self, stage: int, block: int) -> bool:
        """Tell whether the shortcut of a block has a convolution, because input and output differ in shape."""
        outputs = self.channels[stage] * self.expansion
        return not block and (self.stride(stage, block) != 1 or self.inputs(stage, block) != outputs)


def read_architecture(state: State) -> Architecture:
    """Find out which network the tensors are of.

    Args:
        state: A state_dict: tensors by name.

    Raises:
        ConversionError: It is no ResNet of timm's, or one of a kind that is not supported; names the tensor that does
            not fit.
    """
    stages = _count(state, "layer{}.0.conv1.weight", first=1)
    if not stages:
        _shape(state, "conv1.0.weight" if "conv1.0.weight" in state else "conv1.weight", 4)
        _shape(state, "layer1.0.conv1.weight", 4)
    classifier = next((name for name in CLASSIFIERS if f"{name}.weight" in state), CLASSIFIERS[0])
    architecture = Architecture(
        layers=tuple(_count(state, f"layer{stage}.{{}}.conv1.weight") for stage in range(1, stages + 1)),
        classes=_shape(state, f"{classifier}.weight", 2)[0],
        classifier=classifier,
        **_stem(state),
        **_blocks(state, stages),
        **_shortcuts(state, stages),
        **_squeeze_and_excitation(state, stages),
    )
    _check_tensors(state, parameter_shapes(architecture))
    return architecture


def parameter_shapes(architecture: Architecture) -> dict[str, Shape]:
    """Return the shape of every tensor of a network, by name, in the order in which it runs."""
    shapes: dict[str, Shape] = {}

    def convolution(conv: str, norm: str, outputs: int, inputs: int, kernel: int) -> None:
        shapes[f"{conv}.weight"] = (outputs, inputs, kernel, kernel)
        for role in ("weight", "bias", "running_mean", "running_var"):
            shapes[f"{norm}.{role}"] = (outputs,)

    stem = architecture.stem_channels
    if architecture.stem == "plain":
        convolution("conv1", "bn1", stem[0], 3, 7)
    else:
        convolution("conv1.0", "conv1.1", stem[0], 3, 3)
        convolution("conv1.3", "conv1.4", stem[1], stem[0], 3)
        convolution("conv1.6", "bn1", stem[2], stem[1], 3)
    for stage, blocks in enumerate(architecture.layers):
        width, outputs = architecture.width(stage), architecture.channels[stage] * architecture.expansion
        first = width // architecture.block_reduce_first
        for block in range(blocks):
            at = f"layer{stage + 1}.{block}"
            inputs = architecture.inputs(stage, block)
            if architecture.block == "bottleneck":
                convolution(f"{at}.conv1", f"{at}.bn1", first, inputs, 1)
                convolution(f"{at}.conv2", f"{at}.bn2", width, first // architecture.cardinality, 3)
                convolution(f"{at}.conv3", f"{at}.bn3", outputs, width, 1)
            else:
                convolution(f"{at}.conv1", f"{at}.bn1", first, inputs, 3)
                convolution(f"{at}.conv2", f"{at}.bn2", outputs, first, 3)
            if architecture.se != "none":
                squeezed = architecture.se_channels[stage]
                spatial = (1, 1) if architecture.se == "conv" else ()
                reduce, expand = architecture.se_names
                for name, rows, columns in ((reduce, squeezed, outputs), (expand, outputs, squeezed)):
                    shapes[f"{at}.{name}.weight"] = (rows, columns, *spatial)
                    if architecture.se_bias:
                        shapes[f"{at}.{name}.bias"] = (rows,)
            if architecture.has_downsample(stage, block):
                number = 1 if architecture.avg_down else 0  # 0 is the pooling, if there is one
                kernel = architecture.down_kernel_size if architecture.stride(stage, block) != 1 else 1
                names = f"{at}.downsample.{number}", f"{at}.downsample.{number + 1}"
                convolution(*names, outputs, inputs, kernel)
    features = architecture.channels[-1] * architecture.expansion
    shapes[f"{architecture.classifier}.weight"] = (architecture.classes, features)
    shapes[f"{architecture.classifier}.bias"] = (architecture.classes,)
    return shapes


def _stem(state: State) -> dict[str, Any]:
    """Return the fields that tell the stem."""
    if "conv1.0.weight" not in state:
        return {"stem": "plain", "stem_width": _shape(state, "conv1.weight", 4)[0]}
    first, second = (_shape(state, f"conv1.{number}.weight", 4)[0] for number in (0, 3))
    return {"stem": "deep" if first == second else "deep_tiered", "stem_width": second}


def _blocks(state: State, stages: int) -> dict[str, Any]:
    """Return the fields that tell the kind of block and its widths, from the first block of each stage."""
    bottleneck = "layer1.0.conv3.weight" in state
    last, expansion = ("conv3", 4) if bottleneck else ("conv2", 1)
    outputs = (_shape(state, f"layer{stage}.0.{last}.weight", 4)[0] for stage in range(1, stages + 1))
    channels = tuple(max(output // expansion, 1) for output in outputs)
    first = _shape(state, "layer1.0.conv1.weight", 4)[0]
    width, per_group = _shape(state, "layer1.0.conv2.weight", 4)[:2]
    fields = {
        "block": "bottleneck" if bottleneck else "basic",
        "channels": channels,
        "block_reduce_first": max(width // first, 1),
    }
    if bottleneck:
        fields["cardinality"] = cardinality = max(first // per_group, 1)
        # timm rounds the width of a group down, so of the base widths that fit, this is the least.
        fields["base_width"] = -(-(width // cardinality) * 64 // channels[0])
    return fields


def _shortcuts(state: State, stages: int) -> dict[str, Any]:
    """Return the fields that tell how shortcuts halve the picture; with average pooling, the convolution is second."""
    second = (state.get(f"layer{stage}.0.downsample.1.weight") for stage in range(1, stages + 1))
    avg_down = any(tensor is not None and tensor.ndim == 4 for tensor in second)
    halving = "layer2.0.downsample.0.weight"
    plain = not avg_down and halving in state
    return {"avg_down": avg_down, "down_kernel_size": _shape(state, halving, 4)[2] if plain else 1}


def _squeeze_and_excitation(state: State, stages: int) -> dict[str, Any]:
    """Return the fields that tell the squeeze-and-excitation, if there is one."""
    for names in SE_NAMES:
        squeeze = state.get(f"layer1.0.{names[0]}.weight")
        if squeeze is not None:
            rank = 2 if squeeze.ndim == 2 else 4
            layers = [f"layer{stage}.0.{names[0]}.weight" for stage in range(1, stages + 1)]
            return {
                "se": "linear" if rank == 2 else "conv",
                "se_channels": tuple(_shape(state, layer, rank)[0] for layer in layers),
                "se_bias": f"layer1.0.{names[0]}.bias" in state,
                "se_names": names,
            }
    return {}


def _count(state: State, pattern: str, first: int = 0) -> int:
    """Return how many of the names, numbered from ``first`` on without a gap, are there."""
    count = 0
    while pattern.format(first + count) in state:
        count += 1
    return count


def _shape(state: State, name: str, rank: int) -> Shape:
    """Return the shape of a tensor that must be there and have ``rank`` axes."""
    if name not in state:
        example = next(iter(state), None)
        found = f"the file has {len(state)} others, such as {example!r}" if example else "the file has none"
        raise ConversionError(
            f"tensor {name!r} is missing; {found}. Only ResNets of timm's kind can be converted."
        )
    shape = tuple(state[name].shape)
    if len(shape) != rank or 0 in shape:
        raise ShapeError(f"tensor {name!r} has shape {shape}; expected {rank} axes, none of them empty")
    return shape


def _check_tensors(state: State, expected: Mapping[str, Shape]) -> None:
    """Hold a file against what it should have.

    Raises:
        ConversionError: Tensors are missing or too many, or one has another shape or no floating-point numbers.
    """
    missing = [name for name in expected if name not in state]
    superfluous = [name for name in state if name not in expected and not name.endswith(IGNORED_SUFFIX)]
    for names, what in ((superfluous, "is unexpected"), (missing, "is missing")):
        if names:
            more = f" (and {len(names) - 1} more)" if len(names) > 1 else ""
            raise ConversionError(
                f"tensor {names[0]!r} {what}{more}: this is no ResNet of a kind that can be converted"
            )
    for name, shape in expected.items():
        if tuple(state[name].shape) != shape:
            raise ShapeError(
                f"tensor {name!r} has shape {tuple(state[name].shape)}; expected {shape} from the other tensors"
            )
        if state[name].dtype.kind != "f":
            raise ConversionError(f"tensor {name!r} is of type {state[name].dtype}; expected floating point")
