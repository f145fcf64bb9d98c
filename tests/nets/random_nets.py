"""Small nets of random layers of all types: branches, joins, layers in place, and chains that folding takes apart."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from hypothesis import strategies as st

from omz.converter.caffe.reference import forward

from . import parse_prototxt
from .random_layers import KINDS, Draw, RandomLayer, Shape

#: Where the smallest difference tips the answer over, rounding may.
UNSTEADY = {"ArgMax", "Threshold"}
#: What folding multiplies into weights, and what has weights.
AFFINE, WEIGHTED = (
    ["BatchNorm", "BN", "Scale", "Bias", "Power"],
    ["Convolution", "InnerProduct", "Deconvolution"],
)
IN_PLACE = {
    *(
        "BatchNorm",
        "BN",
        "Scale",
        "Bias",
        "Power",
        "ReLU",
        "ReLU6",
        "PReLU",
        "ELU",
        "Sigmoid",
        "TanH",
        "AbsVal",
    ),
    *("BNLL", "Clip", "Swish", "Exp", "Log", "Dropout"),
}
MOST_NUMBERS, LARGEST = 20_000, 1e3


@dataclass
class RandomNet:
    """A net as text, its weights, and the values of its blobs so far."""

    inputs: dict[str, np.ndarray] = field(default_factory=dict)
    weights: dict[str, list[np.ndarray]] = field(default_factory=dict)
    blobs: dict[str, np.ndarray] = field(default_factory=dict)
    body: str = ""

    @property
    def prototxt(self) -> str:
        header = ""
        for name, array in self.inputs.items():
            header += (
                f'input: "{name}" input_shape {{ {" ".join(f"dim: {size}" for size in array.shape)} }}\n'
            )
        return header + self.body

    def add_input(self, draw: Draw, shape: Shape) -> str:
        name = f"x{len(self.inputs)}"
        stream = np.random.default_rng(draw(st.integers(0, 1 << 16)))
        self.inputs[name] = np.float32(stream.standard_normal(shape))
        self.blobs[name] = np.float64(self.inputs[name])
        return name

    def add(self, draw: Draw, layer: RandomLayer, first: str) -> str | None:
        """Append a layer that reads the blob ``first``; return its first top, or None if it makes too much."""
        bottoms: list[str] = []
        for shape in layer.shapes:
            if first not in bottoms and shape == self.blobs[first].shape:  # of Axpy, not always the first
                bottoms.append(first)
                continue
            same = [name for name, value in self.blobs.items() if value.shape == shape]
            bottoms.append(draw(st.sampled_from(same)) if same else self.add_input(draw, shape))
        name = f"layer{self.body.count(chr(10))}"
        tops = [f"{name}.{place}" for place in range(layer.tops)]
        if layer.type in IN_PLACE and first not in self.inputs and draw(st.booleans()):
            tops = [first]
        text = layer.prototxt(name, bottoms, tops)
        values = forward(
            parse_prototxt(text).layer[0], [self.blobs[bottom] for bottom in bottoms], layer.blobs
        )
        if not all(steady(value) for value in values):
            return None
        self.body += text
        self.weights[name] = list(layer.blobs)
        self.blobs.update(zip(tops, values, strict=True))
        return tops[0] if tops else first


def steady(value: np.ndarray) -> bool:
    """Tell whether the numbers are few, and of a magnitude that leaves single precision its digits."""
    return (
        value.size <= MOST_NUMBERS
        and bool(np.isfinite(value).all())
        and np.abs(value).max(initial=0) <= LARGEST
    )


@st.composite
def nets(draw: Draw) -> RandomNet:
    net = RandomNet()
    sides = [draw(st.integers(1, 2)), *(draw(st.integers(2, 6)) for _ in range(3))]
    net.add_input(draw, tuple(sides))
    for _ in range(draw(st.integers(2, 7))):
        names = draw(
            st.sampled_from([*[[name] for name in KINDS if name not in UNSTEADY], *[["chain"]] * 15])
        )
        if names == ["chain"]:
            names = [
                *draw(st.lists(st.sampled_from(AFFINE), max_size=2)),
                draw(st.sampled_from(WEIGHTED)),
                *draw(st.lists(st.sampled_from(AFFINE), min_size=1, max_size=4)),
            ]
        blob: Any = draw(st.sampled_from(list(net.blobs)))
        for name in names:
            shape = net.blobs[blob].shape
            if KINDS[name].least <= len(shape) <= KINDS[name].most:
                layer = KINDS[name].draw(draw, shape)
                if not (layer.type == "Pooling" and layer.tops == 2):  # rounding tips the mask over, too
                    blob = net.add(draw, layer, blob) or blob
    net.body += f'layer {{ name: "end" type: "Split" bottom: "{blob}" top: "end" }}\n'
    return net
