"""Accuracy as a function: a network and labelled pictures -> its figures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from omz.accuracy.report import Report
    from omz.inference.devices import DeviceOptions


@dataclass(frozen=True, slots=True)
class Accuracy:
    """How right a network is on a dataset.

    Attributes:
        top1: Share (0 to 1) of pictures whose best class is the true one; None where pictures have several classes.
        top5: Share of those whose true class is among the best five; None also where the network names fewer.
        interval: The 95 % interval of top1, after Wilson.
        images: How many pictures were measured.
        unreadable: Why the others could not be, by path.
        notes: What was found out or assumed about the pictures, their classes and how they are prepared.
        advice: What to try where the accuracy is at chance level; '' elsewhere.
        report: All there is to know, every answer as well.
        mean_average_precision: From 0 to 1, where pictures have several classes; else None.
    """

    top1: float | None
    top5: float | None
    interval: tuple[float, float] | None
    images: int
    unreadable: Mapping[Path, str]
    notes: tuple[str, ...]
    advice: str
    report: Report = field(repr=False)
    mean_average_precision: float | None = None


def measure(
    model: str | Path,
    source: str | Path | None = None,
    *,
    device: str | DeviceOptions = "CPU",
    labels: str | Path | None = None,
    label_order: str = "",
    annotations: str | Path | None = None,
    allow_outside: bool = False,
    models_dir: str | Path = ".",
    models_root: str | Path | None = None,
    infer_precision: str = "",
    requests: int = 0,
    subsample: int = 0,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Accuracy:
    """Measure the accuracy of a converted network on labelled pictures.

    Pictures are prepared as the zoo says for its models, and else as the IR does.

    Args:
        model: Path of an IR's ``.xml``, a folder of IRs (the most exact is taken), or the name of a converted model.
        source: Folder of the pictures, or a list of them; not needed for data that come with the toolkit.
        device: OpenVINO device string, or a device with settings.
        labels: Label file or list name, of the network's classes; those of the IR by default.
        label_order: Name of the class list that a list's indexes follow; found out by default.
        annotations: The list of the pictures and their classes; looked for by default.
        allow_outside: Whether names in a list and links may lead out of the folder of the data, or of the list.
        models_dir: The tree of converted models, for names.
        models_root: Folder of descriptors; ``OMZ_MODELS_ROOT`` or the toolkit's own by default.
        infer_precision: Of execution: 'f32', 'f16', 'bf16', or '' for the device's own choice.
        requests: How many pictures the device works on at a time; 0 lets the device choose.
        subsample: Take so many pictures at random; 0 for all.
        seed: Of their choice.
        progress: Called with the number of pictures done and of all.

    Raises:
        InferenceError: The network, the device or the pictures cannot be used; says why.
        UsageError: There are no pictures to measure on.
    """
    from omz.accuracy.evaluation import evaluate
    from omz.accuracy.figures import TOP_5, figures_of
    from omz.accuracy.method import asked_for, dataset_of, evaluation_of, preparation_for
    from omz.inference.locate import find_network

    root = None if models_root is None else Path(models_root)
    network = find_network(model, Path(models_dir), root=root, known_to_zoo=True)
    evaluation = evaluation_of(network)
    dataset = asked_for(
        dataset_of(
            network,
            evaluation,
            None if source is None else Path(source),
            labels=labels or "",
            label_order=label_order,
            annotations=None if annotations is None else Path(annotations),
            allow_outside=allow_outside,
            subsample=lambda _: subsample,
            seed=seed,
        ),
        evaluation,
        "source",
    )
    preparation = preparation_for(network.most_exact, evaluation)
    report = evaluate(
        network.most_exact,
        dataset,
        preparation,
        device=device,
        precision=infer_precision,
        requests=requests,
        progress=progress,
    )
    several, ranks = report.multi_label, report.output.ranks
    return Accuracy(
        None if several else report.top1.value,
        None if several or (ranks is not None and ranks < TOP_5) else report.top5.value,
        None if several else report.top1.interval,
        report.images,
        {problem.path: problem.message for problem in report.problems},
        (*dataset.notes, preparation.told),
        report.advice,
        report,
        figures_of((), report)[0].value if several else None,
    )
