"""Add a network of one's own to a models folder, so that it takes part in everything as a model of the zoo does."""

from __future__ import annotations

import dataclasses
import logging
import os
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from omz.converter.arguments import Arguments
from omz.describer.network_files import NetworkFile, copy, framework_of, network_files
from omz.describer.placing import checked_place, place
from omz.errors import ConversionError, DescriptorError, UsageError
from omz.outgoing import json_text
from omz.zoo import catalogue
from omz.zoo.pages import PAGE_FILE

if TYPE_CHECKING:
    from omz.zoo.schema import Model
    from omz.zoo.steps import PictureSteps

log = logging.getLogger(__name__)

ACCURACY_FILE, LABEL_FILE = "accuracy-check.yml", "labels.json"
#: Class names of more bytes have a file of their own, for descriptors are read up to a bound.
MAX_NAMES_BYTES = 64 << 10


@dataclass(frozen=True, slots=True)
class Added:
    """What became of a network.

    Attributes:
        model: As its descriptor says.
        files: Those of the network.
        texts: What is written beside them and the page, by the names of the files: descriptor, ``accuracy-check.yml``,
            and a list of classes that is long.
    """

    model: Model
    files: tuple[NetworkFile, ...]
    texts: Mapping[str, str]


def add_model(
    name: str,
    arguments: Arguments,
    root: Path,
    *,
    labels: str | Path = "",
    steps: PictureSteps | None = None,
    description: str = "",
    license_text: str = "",
    urls: Sequence[str] = (),
    replace: bool = False,
    dry_run: bool = False,
) -> Added:
    """Describe a network in ``<root>/public/<name>``. It is converted first, in memory: what cannot be is not added.

    The same network and arguments give the same bytes.

    Args:
        name: Of the model: letters, digits and '._-'.
        arguments: The files of the network, and how it is converted.
        root: The models folder; made if need be. Not the toolkit's own.
        labels: File with the names of the classes, or name of a list of the toolkit; none if empty.
        steps: How pictures are prepared to measure it; stretched to the input if None.
        description: In words.
        license_text: Of the weights, or where that is.
        urls: Where the files can be had, one each, in the order of
            :func:`~omz.describer.network_files.network_files`; without, they are copied to the descriptor.
        replace: Put it in the place of a model of this name.
        dry_run: Write nothing.

    Raises:
        UsageError: The name, the models folder, a text or an address will not do, or the name is taken.
        ConversionError: The network cannot be converted; see :mod:`omz.errors` for its kinds.
        InferenceError: It is no classifier of pictures.
        DescriptorError: The labels are none, or the folder cannot be written.
    """
    target = checked_place(name, root, replace=replace)
    for option, text in (("--description", description), ("--license", license_text)):
        _check_text(option, text)
    files = network_files(name, arguments, urls)
    texts = _texts(name, arguments, files, labels, steps, description, license_text)
    model = catalogue.parse_model(texts[catalogue.MODEL_FILE].encode(), target / catalogue.MODEL_FILE, root)
    _check_arguments(model, arguments, root)
    added = Added(model, tuple(files), texts)
    if not dry_run:
        place(target, lambda folder: _write(added, folder), _replaced(target, root) if replace else None)
    return added


def _check_text(option: str, text: str) -> None:
    """Refuse what a terminal would obey, and what no encoding has.

    Raises:
        UsageError: There is such a character.
    """
    for character in text:
        if character not in "\n\t" and unicodedata.category(character) in ("Cc", "Cs"):
            raise UsageError(f"{option}: expected text, without the character {character!r}")


def _texts(
    name: str,
    arguments: Arguments,
    files: Sequence[NetworkFile],
    labels: str | Path,
    steps: PictureSteps | None,
    description: str,
    license_text: str,
) -> dict[str, str]:
    """Convert the network, and return what is written of it, by the names of the files."""
    from omz.converter.build import build_model
    from omz.converter.network import CLASSIFICATION_INFO
    from omz.converter.picture_steps import record
    from omz.describer.descriptor import checkpoint_architecture, descriptor, evaluation
    from omz.describer.facts import facts_of

    names = _class_names(labels)
    framework = framework_of(arguments)
    network = build_model(arguments, name, CLASSIFICATION_INFO if names else {}, names)
    if steps:
        record(network, steps)
    facts = facts_of(network, arguments.input_proto or arguments.input_model)
    if len(facts.outputs) > 1:
        log.warning(
            "%s: has the outputs %s. Other commands need --output_name; with --output here, it ends in one of them",
            name,
            ", ".join(output.name for output in facts.outputs),
        )
    texts: dict[str, str] = {}
    stated: str | list[str] = str(labels) if _is_listed(labels) else names
    if isinstance(stated, list) and sum(len(one.encode()) for one in stated) > MAX_NAMES_BYTES:
        texts[LABEL_FILE] = json_text(stated, indent=0) + "\n"
        stated = LABEL_FILE
    architecture = checkpoint_architecture(arguments.input_model) if framework == "pytorch" else None
    texts[catalogue.MODEL_FILE] = descriptor(
        name,
        framework,
        files,
        facts,
        arguments,
        labels=stated,
        architecture=architecture,
        description=description,
        license_text=license_text,
    )
    texts[ACCURACY_FILE] = evaluation(name, facts, steps)
    return texts


def _is_listed(labels: str | Path) -> bool:
    """Tell whether labels are a list of the toolkit."""
    from omz.zoo.labels import known_lists

    return str(labels) in known_lists() and not Path(labels).is_file()


def _class_names(labels: str | Path) -> list[str]:
    from omz.zoo.labels import read_labels

    return [label.name for label in read_labels(labels)] if str(labels) else []


def _check_arguments(model: Model, arguments: Arguments, root: Path) -> None:
    """See to it that the descriptor means what was asked for.

    Raises:
        ConversionError: A descriptor cannot say it.
    """
    from omz.converter.zoo_model import mo_arguments

    picture = model.input_info[0]
    understood = mo_arguments(model, root, root)
    asked = dataclasses.replace(
        arguments,
        input_model=understood.input_model,
        input_proto=understood.input_proto,
        mean_file=understood.mean_file,
        inputs=(picture.name,),
        input_shapes=(tuple(picture.shape or ()),),
        layouts={picture.name: picture.layout or ""},
        compress_to_fp16=understood.compress_to_fp16,
    )
    if understood != asked:
        raise ConversionError(
            f"{model.name}: cannot be described: {asked.canonical()} would become {understood.canonical()}"
        )


def _replaced(target: Path, root: Path) -> set[str]:
    """Return the names in a model's folder that go with the model."""
    names = {catalogue.MODEL_FILE, ACCURACY_FILE, PAGE_FILE, LABEL_FILE}
    path = target / catalogue.MODEL_FILE
    if path.is_file():
        try:
            names |= {Path(file.name).parts[0] for file in catalogue.load_model(path, root).files}
        except DescriptorError as error:
            log.debug("%s", error)
    return names


def _write(added: Added, folder: Path) -> None:
    """Write all that belongs to a model into a folder that will take its place."""
    for file in added.files:
        if not file.url:
            copy(file, folder / file.name)
    for name, text in added.texts.items():
        _write_text(folder / name, text)
    _write_text(folder / PAGE_FILE, _page(added.model, folder))


def _page(model: Model, folder: Path) -> str:
    """Return the page of a model; what lies beside the descriptor is still in another folder."""
    from omz.zoo.page import render

    place = model.directory
    try:
        return render(model.place(model.name, model.subdirectory, folder, None))
    finally:
        model.place(model.name, model.subdirectory, place, None)


def _write_text(path: Path, text: str) -> None:
    with path.open("xb") as stream:
        stream.write(text.encode())
        stream.flush()
        os.fsync(stream.fileno())
