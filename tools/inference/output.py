"""The output of a classifier: which of several, and what its numbers are."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from omz.converter.ir import PROVENANCE
from omz.converter.outputs import KINDS, OUTPUT, Kind, Meaning, meaning_of, output_kinds
from omz.errors import InferenceError, UsageError, located
from omz.inference.network import told
from omz.outgoing import printable, shortened
from omz.suggestions import did_you_mean
from omz.zoo.label_files.entries import MAX_CLASSES

if TYPE_CHECKING:
    import openvino as ov

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Output:
    """What a network says of one picture.

    Attributes:
        name: Of the output.
        kind: What its numbers are; see :mod:`omz.converter.outputs`.
        numbers: How many there are.
        classes: How many classes there are; None if it names classes and does not tell from how many.
        scores: Of an output of kind 'classes', whose numbers are followed by as many scores: what these are.
        claimed: The kind is what the IR says, and the graph does not show it.
    """

    name: str
    kind: Kind
    numbers: int
    classes: int | None
    scores: Kind | None = None
    claimed: bool = False

    @property
    def ranks(self) -> int | None:
        """How many classes the network ranks, the best first; None for all."""
        return None if self.kind != "classes" else self.numbers // (2 if self.scores else 1)

    @property
    def multi_label(self) -> bool:
        """Whether several classes may hold for one picture."""
        return self.kind == "independent" and self.numbers > 1

    @property
    def shares(self) -> bool:
        """Whether scores are from 0 to 1, those of logits after a softmax; a single logit is a number of any size."""
        if self.kind == "classes":
            return self.scores in ("probabilities", "independent")
        return self.kind != "logits" or self.numbers > 1


def choose_output(network: ov.Model, name: str, path: Path) -> str:
    """Take all outputs but one from a network, and return what the IR says that the numbers of this one are.

    Args:
        network: Is changed.
        name: Of the output's tensor, or of the operation that makes it; '' if there is one output alone.
        path: Of the IR, for messages.

    Returns:
        One of :data:`omz.converter.outputs.KINDS`, '' if the IR does not say.

    Raises:
        InferenceError: There are several outputs and no name.
        UsageError: There is no output of that name.
    """
    place = output_place(network, name, path)
    kind = recorded_kind(network, place, path)
    for other, result in enumerate(network.get_results()):
        if other != place:
            network.remove_result(result)
    return kind


def output_place(network: ov.Model, name: str, path: Path) -> int:
    """Return the place of an output among those of a network; see :func:`choose_output`."""
    places = [place for place, port in enumerate(network.outputs) if name in names_of(port)]
    if len(places) == 1 or (not name and len(network.outputs) == 1):
        return places[0] if places else 0
    listed = ", ".join(
        f"{printable(shortened(names_of(port)[0], 80))} {port.partial_shape}" for port in network.outputs
    )
    if name:
        known = {other for port in network.outputs for other in names_of(port)}
        meant = did_you_mean(name, filter(str.isprintable, sorted(known)))
        raise UsageError(f"--output_name {name}: {path} has no such output.{meant} Its outputs are {listed}")
    raise InferenceError(
        f"{path}: has {len(network.outputs)} outputs: {listed}.\nChoose one with --output_name NAME."
    )


def names_of(port: ov.Output) -> list[str]:
    """Return all names of an output, the most telling one first."""
    maker = port.get_node().input_value(0).get_node().get_friendly_name()
    return [*sorted(port.names), maker, port.get_node().get_friendly_name()]


def recorded_kind(network: ov.Model, place: int, path: Path) -> str:
    """Return what the IR says that the numbers of an output are, '' if it does not."""
    with located(f"{path}: rt_info"):
        words = told(network, OUTPUT, PROVENANCE).split()
    if words and (len(words) != len(network.outputs) or not set(words) <= set(KINDS)):
        _log.warning(
            "%s: says of its %d outputs: %s; that is left aside, expected one of %s for each",
            path, len(network.outputs), shortened(printable(" ".join(words)), 80), ", ".join(KINDS),
        )  # fmt: skip
        return ""
    return words[place] if words else ""


def all_kinds(network: ov.Model, path: Path) -> list[str]:
    """Return the kinds of all outputs: as the graph shows them, or where it does not, as the IR says."""
    shown = output_kinds(network)
    return [
        (recorded_kind(network, place, path) or kind) if kind == "logits" else kind
        for place, kind in enumerate(shown)
    ]


def describe_output(network: ov.Model, recorded: str, path: Path) -> Output:
    """Check that the one output has a number for each class, or numbers of classes, and return what it is.

    What the graph shows goes before what the IR says: the graph may have been changed since.

    Args:
        network: With a batch of 1.
        recorded: See :func:`choose_output`.
        path: Of the IR, for messages.

    Raises:
        InferenceError: It is something else.
    """
    port = network.output(0)
    shape, meaning = port.partial_shape, meaning_of(port)
    sizes = [int(size) for size in shape.to_shape()] if shape.is_static else [0]
    numbers = math.prod(sizes)
    claimed = bool(recorded) and meaning == Meaning("logits") and recorded != "logits"
    if claimed:
        meaning = Meaning(next(kind for kind in KINDS if kind == recorded))
    if not numbers or (sum(size > 1 for size in sizes) > 1 and not meaning.paired):
        raise InferenceError(
            f"{path}: the output is {shape}; expected a number for each class, [1,classes] or [1,classes,1,1]"
        )
    if meaning.headless or (not meaning.ordered and numbers > 1):
        lack = (
            "are the largest scores, without their classes"
            if meaning.headless
            else "name classes in no order"
        )
        raise InferenceError(
            f"{path}: the numbers of output {names_of(port)[0]!r} {lack}. Choose another output with --output_name, "
            "or convert the network anew with another end (--output)."
        )
    classes = meaning.choice if meaning.kind == "classes" else numbers
    if max(numbers, classes or 0) > MAX_CLASSES:
        raise InferenceError(f"{path}: the output is {shape}, of more than {MAX_CLASSES} classes")
    kind = meaning.kind
    if numbers == 1 and kind == "probabilities":
        kind = "independent"
    return Output(names_of(port)[0], kind, numbers, classes, meaning.scores, claimed)
