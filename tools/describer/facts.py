"""What a converted network tells of itself: its input, its outputs, and whether it can be quantized."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from omz.converter.graph import input_name, shape_of
from omz.errors import InferenceError
from omz.inference.output import Output, choose_output, describe_output
from omz.inference.picture_input import one_at_a_time, picture_input

if TYPE_CHECKING:
    import openvino as ov

#: Operations with weights that NNCF gives 8 bits.
_QUANTIZED = frozenset({"Convolution", "GroupConvolution", "MatMul"})


@dataclass(frozen=True, slots=True)
class Tensor:
    """An input or an output.

    Attributes:
        name: Of its blob.
        shape: With -1 for any size.
        kind: Of an input, its layout, such as ``NCHW``; of an output, what its values are, such as ``probabilities``.
    """

    name: str
    shape: tuple[int, ...]
    kind: str


@dataclass(frozen=True, slots=True)
class Facts:
    """What a descriptor states of a network, and what else its evaluation depends on.

    Attributes:
        picture: The input.
        outputs: All of them.
        classes: How many classes the first output that is a classifier's tells apart; None if that is not known.
        multi_label: Whether several classes may hold for one picture.
        quantizable: Whether it has operations that 8 bits are for.
    """

    picture: Tensor
    outputs: tuple[Tensor, ...]
    classes: int | None
    multi_label: bool
    quantizable: bool


def facts_of(model: ov.Model, path: Path) -> Facts:
    """Read a converted network.

    Args:
        model: Stays as it is.
        path: Of the network, for messages.

    Raises:
        InferenceError: It does not take pictures of one size, or no output is a classifier's.
    """
    taken = picture_input(model.clone(), path)
    names = [output.get_any_name() for output in model.outputs]
    answers = _answers(model, names, path)
    first = next(iter(answers.values()))
    operations = {node.get_type_name() for node in model.get_ops()}
    picture = model.inputs[0]
    return Facts(
        picture=Tensor(input_name(picture), tuple(shape_of(picture)), taken.layout),
        outputs=tuple(
            Tensor(name, tuple(shape_of(output)), _kind(output, answers.get(name)))
            for name, output in zip(names, model.outputs, strict=True)
        ),
        classes=first.classes,
        multi_label=first.multi_label,
        quantizable=not operations.isdisjoint(_QUANTIZED),
    )


def _answers(model: ov.Model, names: list[str], path: Path) -> dict[str, Output]:
    """Return those outputs that say which classes a picture has, by name."""
    found, complaint = {}, None
    for name in names:
        alone = model.clone()
        try:
            kind = choose_output(alone, name, path)
            alone = one_at_a_time(alone, picture_input(alone, path), path)
            found[name] = describe_output(alone, kind, path)
        except InferenceError as error:
            complaint = complaint or error
    if not found:
        raise complaint or InferenceError(f"{path}: has no output")
    return found


def _kind(output: ov.Output, answer: Output | None) -> str:
    from omz.converter.outputs import output_kind

    return answer.kind if answer else output_kind(output)
