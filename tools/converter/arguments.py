"""What to convert and how, however it was stated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

ALL_INPUTS = ""  # as a key: stated without the name of an input


@dataclass(frozen=True, slots=True)
class Arguments:
    """What to convert, and how.

    Attributes:
        input_model: The weights: a caffemodel, a PyTorch checkpoint, or a network in ONNX.
        input_proto: The network definition; None for the latter two, which tell the network themselves.
        inputs: Names of the inputs, if stated.
        input_shapes: Shapes, in the order of ``inputs`` or else of the net.
        batch: First dimension of every input, -1 for any; None leaves it.
        outputs: Where the net ends; empty for its own ends.
        stages: Of the net's state, beside those that a prototxt states.
        fuse: Fold layers that only scale and shift into their neighbours.
        mean_values, scale_values: By input name, ``""`` for any; see :mod:`omz.converter.preprocessing`.
        mean_file, mean_file_offsets: A mean picture, and where (row, column) the input lies in it; None for its middle.
        reverse_input_channels: See there.
        layouts: By input name, ``""`` for any.
        compress_to_fp16: Store weights in half precision.
        verify, verify_tolerance: Compare the IR with Caffe's layers; see :mod:`omz.converter.verify`.
    """

    input_model: Path
    input_proto: Path | None
    inputs: tuple[str, ...] = ()
    input_shapes: tuple[tuple[int, ...], ...] = ()
    batch: int | None = None
    outputs: tuple[str, ...] = ()
    stages: tuple[str, ...] = ()
    fuse: bool = True
    mean_values: dict[str, tuple[float, ...]] | None = None
    mean_file: Path | None = None
    mean_file_offsets: tuple[int, int] | None = None
    scale_values: dict[str, tuple[float, ...]] | None = None
    reverse_input_channels: bool = False
    layouts: dict[str, str] | None = None
    compress_to_fp16: bool = True
    verify: bool = False
    verify_tolerance: float | None = None

    @property
    def of_onnx(self) -> bool:
        """Whether the network is one in ONNX."""
        return self.input_proto is None and self.input_model.suffix == ".onnx"

    def with_precision(self, precision: str) -> Arguments:
        """Return these arguments for ``FP16`` or ``FP32``."""
        return replace(self, compress_to_fp16=precision.startswith("FP16"))

    def flags(self) -> list[str]:
        """Return the arguments that shape the model, without paths and precision, each in one fixed form."""
        parts = []
        if self.inputs:
            parts.append(f"--input={','.join(self.inputs)}")
        if self.input_shapes:
            parts.append(f"--input_shape={','.join(map(_bracketed, self.input_shapes))}")
        if self.batch is not None:
            parts.append(f"--batch={self.batch}")
        if self.outputs:
            parts.append(f"--output={','.join(self.outputs)}")
        if self.stages:
            parts.append(f"--stage={','.join(self.stages)}")
        if not self.fuse:
            parts.append("--disable_fusing")
        if self.mean_file_offsets:
            parts.append("--mean_file_offsets=({},{})".format(*self.mean_file_offsets))
        for flag, by_name in (("mean_values", self.mean_values), ("scale_values", self.scale_values)):
            if by_name:
                parts.append(f"--{flag}={','.join(name + _bracketed(v) for name, v in by_name.items())}")
        if self.reverse_input_channels:
            parts.append("--reverse_input_channels")
        if self.layouts:
            stated = [f"{name}({layout})" if name else layout for name, layout in self.layouts.items()]
            parts.append(f"--layout={','.join(stated)}")
        return parts

    def canonical(self) -> str:
        """Return :meth:`flags` as one text."""
        return " ".join(self.flags())


def _bracketed(numbers: Sequence[float]) -> str:
    return f"[{','.join(repr(number).removesuffix('.0') for number in numbers)}]"
