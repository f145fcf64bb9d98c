"""Where a dataset's pictures and classes are, as ``annotation_conversion`` says it, by Open Model Zoo's converters.

Those of labelled pictures are known that read lists, folders or MNIST's files; no pickle is read.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from omz.zoo.steps import Section


def _below(path: str) -> str:
    """Check that a path leads into the folder that the user gives: what is written there is written nowhere else."""
    if PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts:
        raise ValueError(f"expected a path below the folder of the data, got {path[:80]!r}")
    return path


def _last_part(path: str) -> str:
    """Return what is looked for in the folder that the user gives: of a path that leads out of it, the last part.

    Such paths are those of somebody else's machine, or would have us read what is none of the dataset's.
    """
    pure = PurePosixPath(path)
    if pure.is_absolute() or ".." in pure.parts:
        return "" if pure.name == ".." else pure.name
    return path


Written = Annotated[str, AfterValidator(_below)]
Read = Annotated[str, AfterValidator(_last_part)]


class _Conversion(Section):
    dataset_meta_file: Read = ""  # JSON with 'labels' or 'label_map'


class ListConversion(_Conversion):
    """A list of pictures and classes: lines, or CSV.

    Attributes:
        annotation_file: The list.
        labels_file: The names of the classes, in the order of the network's output.
        images_dir: Folder of the pictures.
        has_background: Whether a class 'background' goes before those of the list.
    """

    converter: Literal["imagenet", "cls_dataset_csv"] = "imagenet"
    annotation_file: Read = ""
    labels_file: Read = ""
    images_dir: Read = ""
    has_background: bool = False


class FolderConversion(_Conversion):
    """A folder for each class, in ``data_dir``."""

    converter: Literal["cls_dataset_folder"]
    data_dir: Read = ""


class CsvPictures(_Conversion):
    """Pictures of 28 x 28 in a CSV file: class, then 784 grey values."""

    converter: Literal["mnist_csv"]
    annotation_file: Read
    convert_images: bool = False
    converted_images_dir: Written = ""


class IdxPictures(_Conversion):
    """Pictures and classes in two files of MNIST's own format, packed by gzip or not."""

    converter: Literal["mnist"]
    labels_file: Read
    images_file: Read
    convert_images: bool = False
    converted_images_dir: Written = ""


class FashionPictures(_Conversion):
    """The same, under other names."""

    converter: Literal["fashion_mnist"]
    annotation_file: Read
    data_file: Read
    convert_images: bool = False
    converted_images_dir: Written = ""


CONVERTERS = ("imagenet", "cls_dataset_csv", "cls_dataset_folder", "mnist_csv", "mnist", "fashion_mnist")
Packed = CsvPictures | IdxPictures | FashionPictures
AnyConversion = ListConversion | FolderConversion | Packed


def _known(value: object) -> object:
    kind = value.get("converter") if isinstance(value, dict) else value
    if isinstance(value, dict) and kind not in CONVERTERS:
        raise ValueError(f"converter {str(kind)[:60]!r} is not known. Known: {', '.join(CONVERTERS)}")
    return value


Conversion = Annotated[AnyConversion, Field(discriminator="converter"), BeforeValidator(_known)]
