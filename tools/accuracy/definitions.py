"""Datasets by name: ``models/datasets.yml``, in the form of Open Model Zoo's ``dataset_definitions.yml``."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from omz.errors import DescriptorError
from omz.suggestions import did_you_mean
from omz.zoo import catalogue
from omz.zoo.validation import validated
from omz.zoo.yaml_file import read_yaml

FILE = "datasets.yml"


class _Conversion(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    converter: Literal["imagenet"] = "imagenet"
    annotation_file: str = ""
    has_background: bool = False


class Definition(BaseModel):
    """A dataset: where its pictures and their classes are below the folder that the user gives.

    Attributes:
        name: By which an ``accuracy-check.yml`` asks for it.
        labels: The class list whose order the network's output has; '' where the network's own labels tell.
        data_source: Folder of the pictures, '' for the folder itself.
        bundled: Folder below ``models/`` with the data, for what comes with the toolkit.
        annotation_conversion: The list of pictures and classes.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)  # pickles and metrics of Open Model Zoo's file

    name: str
    annotation_conversion: _Conversion = _Conversion()
    labels: str = ""
    data_source: str = ""
    bundled: str = ""

    @property
    def annotation_file(self) -> str:
        """The usual name of the list of pictures and classes."""
        return self.annotation_conversion.annotation_file

    @property
    def first_class(self) -> int:
        """The index of the list's first class in the network's output: 1 where a class 'background' goes before."""
        return 1 if self.annotation_conversion.has_background else 0


def load_definition(name: str, path: Path | None = None) -> Definition:
    """Return a dataset's definition.

    Args:
        name: Of the dataset.
        path: File of definitions, also Open Model Zoo's own; the toolkit's ``models/datasets.yml`` by default.

    Raises:
        DescriptorError: There is no such dataset in the file, or it is not one of labelled pictures.
    """
    path = path or catalogue.packaged_root() / FILE
    content = read_yaml(path)
    entries = content.get("datasets") if isinstance(content, dict) else None
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise DescriptorError(f"{path}: expected a list of datasets under the key 'datasets'")
    for entry in entries:
        if entry.get("name") == name:
            definition = validated(path, Definition, entry)
            return definition.model_copy(update={"labels": definition.labels or _usual_labels(definition)})
    names = [str(entry.get("name")) for entry in entries]
    known = ", ".join(names)
    raise DescriptorError(f"{path}: no dataset {name!r}.{did_you_mean(name, names)} Known: {known[:300]}")


def _usual_labels(definition: Definition) -> str:
    """Return the class list of Open Model Zoo's own definitions of ImageNet, which name none; '' for other datasets."""
    if not definition.name.startswith("imagenet"):
        return ""
    return "imagenet_2015" if definition.name.endswith("_2015") else "imagenet_2012"
