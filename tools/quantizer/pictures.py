"""Which pictures a network is calibrated with, and on which it is seen what was lost."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from omz.accuracy.datasets import Sample, choose, open_dataset, take
from omz.accuracy.definitions import Definition
from omz.accuracy.enclosure import Enclosure
from omz.errors import ClassError
from omz.inference.sources import pictures_below
from omz.outgoing import describe
from omz.quantizer.calibration import Unlabelled
from omz.zoo.class_list import ClassList

_log = logging.getLogger(__name__)


def find_pictures(
    definition: Definition,
    source: Path | None,
    classes: ClassList | None = None,
    *,
    count: int,
    seed: int = 0,
    classes_needed: bool = False,
    label_order: str = "",
    annotations: Path | None = None,
    allow_outside: bool = False,
    source_option: str = "--source",
) -> tuple[Sequence[Sample | Unlabelled], Sequence[Sample]]:
    """Find pictures, in any of the forms of a dataset, or simply all that are in a folder and the folders in it.

    Args:
        definition: Of the dataset; ``Definition(name=...)`` where there is none.
        source: Folder of the pictures; those that come with the toolkit by default, where there are any.
        classes: Of the network; by default those of the list that the definition names.
        count: How many to choose at most, by lot, in their order.
        seed: Of the choice.
        classes_needed: Whether pictures without a known class are refused.
        label_order: Name of the class list that a list's indexes follow; found out by default.
        annotations: The list of pictures and classes; looked for by default.
        allow_outside: Whether the pictures may be anywhere, not in the folder of the data alone.
        source_option: What names the source on the command line, for messages.

    Returns:
        The pictures chosen, and all that have a known class.

    Raises:
        ClassError: Classes are needed and cannot be told.
        InferenceError: There is no picture.
    """
    try:
        dataset = open_dataset(
            definition,
            source,
            classes=classes,
            label_order=label_order,
            annotations=annotations,
            allow_outside=allow_outside,
            source_option=source_option,
        )
    except ClassError as error:
        if classes_needed:
            raise ClassError(f"--max_drop needs to know the classes: {error}") from error
        if source is None or not source.is_dir():
            raise
        _log.debug("%s", describe(error))
        paths = pictures_below(source)
        Enclosure([source], anywhere=allow_outside).require_all(paths)
        _log.info("%s: %d pictures, without regard to classes", source, len(paths))
        return [Unlabelled(paths[place]) for place in choose(len(paths), count, seed)], ()
    if classes_needed:
        for note in dataset.notes:
            _log.info("%s", note)
    return take(dataset, count, seed).samples, dataset.samples
