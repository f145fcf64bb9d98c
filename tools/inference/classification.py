"""Classification as a function."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from omz.errors import InferenceError
from omz.outgoing import printable

if TYPE_CHECKING:
    from omz.inference.classifier import InputOptions
    from omz.inference.devices import DeviceOptions
    from omz.inference.images import Image
    from omz.inference.pipeline import Outcome
    from omz.inference.ranking import Prediction
    from omz.inference.sources import Source

    Inputs = str | Path | Sequence[str | Path] | Sequence[Image] | Source


@dataclass(frozen=True, slots=True)
class Classified:
    """What a network says of one picture or frame.

    Attributes:
        source: The file, video or camera.
        frame: Number of the frame in a video, from 0; 0 for pictures.
        top: The best classes, best first; empty if the picture could not be decoded, or no score is above the
            threshold.
        image: The picture, (height, width, 3) uint8 BGR, if it was asked for.
        error: Why the picture could not be decoded; '' if it could.
        kind: What the network's numbers are: 'probabilities', 'independent', 'logits' or 'classes'; see
            :mod:`omz.converter.outputs`.
    """

    source: str
    frame: int
    top: tuple[Prediction, ...]
    image: Image | None = None
    error: str = ""
    kind: str = ""

    @property
    def best(self) -> Prediction:
        """The best class.

        Raises:
            InferenceError: The picture could not be decoded, or no class is above the threshold.
        """
        if not self.top:
            raise InferenceError(self.error or f"{self.source}: no class is above the threshold")
        return self.top[0]

    @property
    def label(self) -> str:
        """The name of the best class; see :attr:`best`."""
        return self.best.label

    @property
    def index(self) -> int:
        """The index of the best class; see :attr:`best`."""
        return self.best.index

    @property
    def score(self) -> float | None:
        """The score of the best class, None where the network names the class alone; see :attr:`best`."""
        return self.best.score

    def to_json(self) -> dict[str, Any]:
        """Return the result as JSON values.

        Scores are from 0 to 1: of ``logits``, their softmax. A single number that is no share stands as it is.
        """
        top = [{"index": p.index, "label": p.label, "score": p.score} for p in self.top]
        return {"source": self.source, "frame": self.frame, "output": self.kind, "top": top}


def classify(
    model: str | Path,
    inputs: Inputs,
    *,
    device: str | DeviceOptions = "CPU",
    top_k: int | None = None,
    threshold: float | None = None,
    output: str = "",
    labels: str | Path | Sequence[str] | None = None,
    input_options: InputOptions | None = None,
    requests: int = 0,
    fast_decode: bool = False,
    keep_images: bool = False,
) -> list[Classified]:
    """Classify pictures or a video.

    Args:
        model: Path of an IR's .xml file, or the name of a model converted in the current tree.
        inputs: What ``-i`` takes: a picture, folder, video, camera ...; or several picture files or addresses; or
            arrays, (height, width, 3) uint8 BGR; or an open source.
        device: OpenVINO device string, or a device with settings.
        top_k: How many classes to list, at least 1; by default 5, and of independent scores all above the threshold.
        threshold: List only classes with a higher score; by default 0.5 of independent scores, else all.
        output: Name of the output, for a network that has several.
        labels: Label file, list name or names; those of the IR by default.
        input_options: How pictures become input; as the IR says by default.
        requests: Infer requests in flight; 0 lets the device choose.
        fast_decode: Decode JPEG pictures at a part of their size where that is enough for the network's input.
        keep_images: Whether results carry their picture.

    Returns:
        A result for each picture or frame, in order. A picture that cannot be decoded has no classes, but ``error``.

    Raises:
        InferenceError: The model, the device or the input cannot be used, or no picture at all can be decoded.
    """
    from omz.inference.classifier import load_classifier
    from omz.inference.devices import DeviceOptions
    from omz.inference.pipeline import Pipeline
    from omz.inference.ranking import listing

    source = as_source(inputs)
    options = DeviceOptions(device) if isinstance(device, str) else device
    classifier = load_classifier(model, options, input_options, labels, output)
    source.channels = classifier.channels
    source.enough = classifier.enough if fast_decode else None
    listed, threshold = listing(classifier.output, top_k, threshold)
    pipeline = Pipeline(
        classifier, requests=requests, top_k=listed, threshold=threshold, keep_images=keep_images
    )
    results = [as_classified(outcome) for outcome in pipeline.run(source)]
    check_any_readable([result.error for result in results if result.error], len(results))
    return results


def as_source(inputs: Inputs) -> Source:
    """Return the frames that ``inputs`` stands for; see :func:`classify`."""
    from omz.inference.sources import Arrays, Pictures, Video, open_source
    from omz.inference.web_pictures import as_picture

    if isinstance(inputs, Pictures | Video | Arrays):
        return inputs
    if isinstance(inputs, str | Path):
        return open_source(inputs)
    if not inputs:
        raise InferenceError("no picture is given")
    if all(isinstance(item, str | Path) for item in inputs):
        return Pictures([as_picture(item) for item in cast("Sequence[str | Path]", inputs)])
    return Arrays(cast("Sequence[Image]", inputs))


def as_classified(outcome: Outcome) -> Classified:
    """Return the public form of a pipeline's outcome."""
    error = str(outcome.error) if outcome.error else ""
    return Classified(outcome.source, outcome.number, outcome.predictions, outcome.image, error, outcome.kind)


def check_any_readable(errors: Sequence[str], total: int) -> None:
    """Raise if not one of ``total`` pictures could be decoded; ``errors`` tell why."""
    if errors and len(errors) >= total:
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        raise InferenceError(f"no readable picture: {printable(errors[0])}{more}")
