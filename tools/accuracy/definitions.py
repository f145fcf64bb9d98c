"""Datasets by name: ``models/datasets.yml``, in the form of Open Model Zoo's ``dataset_definitions.yml``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from omz.accuracy.conversions import Conversion, ListConversion, Read, Written
from omz.errors import DescriptorError
from omz.suggestions import did_you_mean
from omz.zoo import catalogue
from omz.zoo.labels import labels_source
from omz.zoo.validation import validated
from omz.zoo.yaml_file import read_yaml

FILE = "datasets.yml"


#: '500' or '10%'.
Count = Annotated[str, BeforeValidator(str), Field(pattern=r"^([1-9]\d{0,8}|([1-9]\d?|100)%)$")]


class Definition(BaseModel):
    """A dataset: where its pictures and their classes are below the folder that the user gives.

    Attributes:
        name: By which an ``accuracy-check.yml`` asks for it.
        labels: The class list whose order the network's output has: its name, or the whole path of a file; '' where
            the network's own labels tell.
        data_source: Folder of the pictures, '' for the folder itself.
        bundled: Folder below ``models/`` with the data, for what comes with the toolkit.
        annotation_conversion: Where the pictures and their classes are.
        dataset_meta: JSON file with the names of the classes.
        subsample_size: How many pictures to take, such as '500' or '10%'; None for all.
        subsample_seed: Of their choice.
        shuffle: Whether they are chosen by lot; where not, they are the first.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)  # pickles and metrics of Open Model Zoo's file

    name: str
    annotation_conversion: Conversion = ListConversion()
    labels: str = ""
    data_source: Read = ""
    bundled: Written = ""
    dataset_meta: Read = ""
    subsample_size: (
        Annotated[str, BeforeValidator(str), Field(pattern=r"^(0*[1-9]\d{0,8}|0*([1-9]\d?|100)%)$")] | None
    ) = None
    subsample_seed: int = 0
    shuffle: bool = True

    @property
    def annotation_file(self) -> str:
        """The usual name of the list of pictures and classes; '' where there is none."""
        conversion = self.annotation_conversion
        return conversion.annotation_file if isinstance(conversion, ListConversion) else ""

    @property
    def first_class(self) -> int:
        """The index of the list's first class in the network's output: 1 where a class 'background' goes before."""
        conversion = self.annotation_conversion
        return int(isinstance(conversion, ListConversion) and conversion.has_background)


def load_definition(name: str, path: Path | None = None, own: Mapping[str, Any] | None = None) -> Definition:
    """Return a dataset's definition.

    Args:
        name: Of the dataset.
        path: File of definitions, also Open Model Zoo's own; the toolkit's ``models/datasets.yml`` by default.
        own: What the ``accuracy-check.yml`` says of the dataset itself, key by key; it goes before the file. See
            :attr:`omz.zoo.accuracy_check.Evaluation.own`.

    Raises:
        DescriptorError: There is no such dataset in the file, or it is not one of labelled pictures.
    """
    own = own or {}
    path = path or catalogue.packaged_root() / FILE
    content = read_yaml(path)
    entries = content.get("datasets") if isinstance(content, dict) else None
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise DescriptorError(f"{path}: expected a list of datasets under the key 'datasets'")
    known_entry = next((entry for entry in entries if entry.get("name") == name), None)
    if known_entry or "annotation_conversion" in own:
        where = f"dataset {name!r}" if own else path
        definition = validated(where, Definition, {"name": name, **(known_entry or {}), **own})
        labels = labels_source(definition.labels or _usual_labels(definition), path.resolve().parent)
        if isinstance(labels, str) and PurePath(labels).is_absolute():
            raise DescriptorError(
                f"{where}: key 'labels': expected the name of a list or of a file beside, got {labels[:80]!r}"
            )
        return definition.model_copy(update={"labels": str(labels)})
    if "annotation" in own:
        raise DescriptorError(
            f"dataset {name!r}: its annotation is a pickle of the accuracy checker's, which is not read. "
            "State an annotation_conversion."
        )
    names = [str(entry.get("name")) for entry in entries]
    known = ", ".join(names)
    raise DescriptorError(f"{path}: no dataset {name!r}.{did_you_mean(name, names)} Known: {known[:300]}")


def _usual_labels(definition: Definition) -> str:
    """Return the class list of Open Model Zoo's own definitions of ImageNet, which name none; '' for other datasets."""
    if not definition.name.startswith("imagenet"):
        return ""
    return "imagenet_2015" if definition.name.endswith("_2015") else "imagenet_2012"
