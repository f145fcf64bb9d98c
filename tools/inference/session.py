"""A classifier that stays loaded: pictures of any kind in, answers out, one by one or as a stream."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, overload

import numpy as np

from omz.errors import InferenceError, UsageError
from omz.inference.classification import Classified, as_classified
from omz.inference.frames import Frame

if TYPE_CHECKING:
    from types import TracebackType

    from omz.inference.classifier import Classifier, InputOptions
    from omz.inference.devices import DeviceOptions
    from omz.inference.images import Image
    from omz.inference.pipeline import Pipeline

#: A path, an http address, the bytes of a file, an image of Pillow, or an array of uint8: (height, width, 3) in BGR,
#: or grey, or with alpha.
Picture: TypeAlias = "str | Path | bytes | Image | PillowImage"


class PillowImage(Protocol):
    """What of an image of Pillow is used; Pillow need not be installed."""

    def convert(self, mode: str) -> Any:  # noqa: ANN401 - another such image, which NumPy reads
        """Return it with other channels."""

    def getbands(self) -> tuple[str, ...]:
        """Return the names of the channels."""


class Session:
    """A network, compiled; made by :func:`load`. Not for several threads at a time."""

    def __init__(self, classifier: Classifier, pipeline: Pipeline) -> None:
        self._path = classifier.path
        self._loaded: tuple[Classifier, Pipeline] | None = (classifier, pipeline)

    @property
    def classifier(self) -> Classifier:
        """The compiled network, with its labels, devices and sizes."""
        return self._open()[0]

    def _open(self) -> tuple[Classifier, Pipeline]:
        if self._loaded is None:
            raise UsageError(f"{self._path}: the session is closed; load the network again")
        return self._loaded

    def __repr__(self) -> str:
        if self._loaded is None:
            return f"<{type(self).__name__} {self._path}, closed>"
        return f"<{type(self).__name__} {self.classifier.path} on {', '.join(self.classifier.execution_devices)}>"

    @property
    def labels(self) -> tuple[str, ...]:
        """The names of the classes."""
        return self.classifier.labels

    @overload
    def __call__(self, picture: Picture) -> Classified: ...
    @overload
    def __call__(self, picture: list[Any] | tuple[Any, ...]) -> list[Classified]: ...

    def __call__(self, picture: Picture | list[Any] | tuple[Any, ...]) -> Classified | list[Classified]:
        """Classify a picture, or each of a list.

        Args:
            picture: See :data:`Picture`; or a list or tuple of such.

        Returns:
            The answer; of a list, as many, in its order, those of unreadable pictures with an ``error``.

        Raises:
            InferenceError: The one picture cannot be read, or inference failed.
        """
        if isinstance(picture, list | tuple):
            return list(self.stream(picture))
        (answer,) = self.stream([picture])
        if answer.error:
            raise InferenceError(answer.error)
        return answer

    def stream(self, pictures: Iterable[Picture]) -> Iterator[Classified]:
        """Classify pictures as they come, several at a time, and yield the answers in their order.

        Pictures are taken from the iterable when there is room for them; no more than a few are in memory.

        Args:
            pictures: See :data:`Picture`; may be endless.

        Yields:
            The answer for each; one for an unreadable picture has an ``error`` and no classes.

        Raises:
            InferenceError: Inference failed.
            UsageError: It is a single picture.
        """
        if isinstance(pictures, str | Path | bytes | bytearray | memoryview | np.ndarray):
            raise UsageError("stream takes pictures, one after another; to classify one, call the classifier")
        classifier, pipeline = self._open()
        channels = classifier.channels
        frames = (frame_of(picture, number, channels) for number, picture in enumerate(pictures))
        outcomes = pipeline.run(frames)
        try:
            for outcome in outcomes:
                yield as_classified(outcome)
        finally:
            outcomes.close()

    def close(self) -> None:
        """Free the device; a stream that is under way keeps it to its end."""
        self._loaded = None

    def __enter__(self) -> Session:
        self._open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def load(
    model: str | Path,
    device: str | DeviceOptions = "CPU",
    *,
    labels: str | Path | Sequence[str] | None = None,
    input_options: InputOptions | None = None,
    output: str = "",
    top_k: int | None = None,
    threshold: float | None = None,
    requests: int = 0,
) -> Session:
    """Load a classifier; it stays loaded.

    Args:
        model: Path of an IR's ``.xml``, a folder of IRs, or the name of a model converted in the current tree.
        device: OpenVINO device string, or a device with settings.
        labels: Label file, list name or names; those of the IR by default.
        input_options: How pictures become input; as the IR says by default.
        output: Name of the output, for a network that has several.
        top_k: How many classes an answer lists, at least 1; by default 5, and of independent scores all above the
            threshold.
        threshold: List only classes with a higher score; by default 0.5 of independent scores, else all.
        requests: How many pictures the device works on at a time; 0 lets the device choose.

    Raises:
        InferenceError: The model, the labels or the device cannot be used; says why.
    """
    from omz.inference.classifier import load_classifier
    from omz.inference.devices import DeviceOptions
    from omz.inference.pipeline import Pipeline
    from omz.inference.ranking import listing

    options = DeviceOptions(device) if isinstance(device, str) else device
    classifier = load_classifier(model, options, input_options, labels, output)
    listed, above = listing(classifier.output, top_k, threshold)
    return Session(classifier, Pipeline(classifier, requests=requests, top_k=listed, threshold=above))


def frame_of(picture: Picture, number: int, channels: int = 3) -> Frame:
    """Return what decodes a picture when its turn comes.

    Args:
        picture: See :data:`Picture`.
        number: Its place, for the names of those without one.
        channels: That the network takes.
    """
    from omz.inference.images import decode, read_image
    from omz.inference.web_pictures import as_picture

    name = f"picture {number}"
    if isinstance(picture, str | Path):
        item = as_picture(picture)
        read = partial(read_image, item) if isinstance(item, Path) else item.load
        return Frame(str(item), 0, partial(read, channels=channels))
    if isinstance(picture, bytes | bytearray | memoryview):
        return Frame(name, 0, partial(decode, np.frombuffer(picture, np.uint8), name, channels))
    return Frame(name, 0, partial(_array, picture, name, channels))


def _array(picture: object, name: str, channels: int) -> Image:
    """Return an array or an image of Pillow as the pipeline takes it."""
    if hasattr(picture, "convert") and hasattr(picture, "getbands"):  # Pillow, which need not be there
        mode, order = ("RGBA", [2, 1, 0, 3]) if channels == 4 else ("RGB", [2, 1, 0])
        picture = np.asarray(picture.convert(mode))[:, :, order]
    if not isinstance(picture, np.ndarray):
        raise InferenceError(
            f"{name}: is a {type(picture).__name__}; expected a path, bytes, an array or an image of Pillow"
        )
    usual = picture.ndim == 2 or (picture.ndim == 3 and picture.shape[2] in (1, 3, 4))
    if picture.dtype != np.uint8 or not usual or not picture.size:
        raise InferenceError(
            f"{name}: is an array {picture.shape} of {picture.dtype}; expected uint8, (height, width, 3) in BGR"
        )
    return np.ascontiguousarray(picture)
