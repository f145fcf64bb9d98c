"""The descriptor format: Open Model Zoo's ``model.yml``, both checksum generations, and our few extensions.

Facts of the format are read from the releases 2021.4, 2022.1 and 2023.3 of Open Model Zoo.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal, NamedTuple, Self

from pydantic import (
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    StringConstraints,
    field_validator,
    model_validator,
)

Framework = Literal["caffe", "caffe2", "dldt", "mxnet", "onnx", "paddle", "pytorch", "tf"]

#: The weight precisions that Open Model Zoo's tools name.
PRECISIONS = ("FP16", "FP16-INT1", "FP16-INT8", "FP32", "FP32-INT1", "FP32-INT8")

TaskType = Literal[
    "action_recognition",
    "background_matting",
    "classification",
    "colorization",
    "detection",
    "face_recognition",
    "feature_extraction",
    "head_pose_estimation",
    "human_pose_estimation",
    "image_inpainting",
    "image_processing",
    "image_translation",
    "instance_segmentation",
    "machine_translation",
    "monocular_depth_estimation",
    "named_entity_recognition",
    "noise_suppression",
    "object_attributes",
    "optical_character_recognition",
    "place_recognition",
    "question_answering",
    "salient_object_detection",
    "semantic_segmentation",
    "sound_classification",
    "speech_recognition",
    "style_transfer",
    "text_prediction",
    "text_to_speech",
    "time_series",
    "token_recognition",
]


def _relative_path(value: str) -> str:
    """Refuse every path that is not plainly inside the folder that it is relative to."""
    path = PurePosixPath(value)
    bad = "\\" in value or ":" in value or any(ord(c) < 32 for c in value)
    if bad or path.is_absolute() or ".." in path.parts or path.as_posix() != value or value == ".":
        raise ValueError("must be a plain relative path with forward slashes, without '..'")
    return value


RelativePath = Annotated[str, BeforeValidator(lambda v: _relative_path(v) if isinstance(v, str) else v)]
HttpUrl = Annotated[str, StringConstraints(pattern=r"^https?://[^\s/]+/\S*$")]


class Digest(NamedTuple):
    """What a whole file must hash to; ``algorithm`` is a name that :func:`hashlib.new` takes."""

    algorithm: str
    hexdigest: str


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class HttpSource(_Section):
    """A plain ``http(s)`` address."""

    type: Literal["http"] = Field("http", alias="$type")
    url: HttpUrl

    def __str__(self) -> str:
        return self.url


class GoogleDriveSource(_Section):
    """A file shared on Google Drive, by its id."""

    type: Literal["google_drive"] = Field(alias="$type")
    id: Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z_-]+$")]

    def __str__(self) -> str:
        return f"Google Drive file {self.id}"


class BundledSource(_Section):
    """A file that is shipped beside the descriptor; ``path`` is relative to the descriptor's folder."""

    type: Literal["bundled"] = Field(alias="$type")
    path: RelativePath

    def __str__(self) -> str:
        return f"bundled file {self.path}"


def _plain_url(value: Any) -> Any:  # noqa: ANN401 - this is where untyped YAML comes in
    return {"$type": "http", "url": value} if isinstance(value, str) else value


Source = Annotated[
    Annotated[HttpSource | GoogleDriveSource | BundledSource, Field(discriminator="type")],
    BeforeValidator(_plain_url),
]


def _as_list(value: Any) -> Any:  # noqa: ANN401
    return value if isinstance(value, list) else [value]


Sources = Annotated[list[Source], Field(min_length=1), BeforeValidator(_as_list)]


def _hex(length: int) -> StringConstraints:
    return StringConstraints(pattern=rf"^[0-9a-fA-F]{{{length}}}$", to_lower=True)


class ModelFile(_Section):
    """One file of a model: its name under the model's folder, size, digest and sources."""

    name: RelativePath
    size: Annotated[int, Field(ge=0)]
    sha256: Annotated[str, _hex(64)] | None = None
    checksum: Annotated[str, _hex(96)] | None = None  # SHA-384, the later generation
    source: Sources
    # One descriptor of release 2023.3 spells the key "oroginal_source".
    original_source: Sources | None = Field(
        None, validation_alias=AliasChoices("original_source", "oroginal_source")
    )

    @model_validator(mode="after")
    def _has_digest(self) -> Self:
        if self.sha256 is None and self.checksum is None:
            raise ValueError("needs 'checksum' (SHA-384) or 'sha256', in hexadecimal digits")
        return self

    @property
    def sources(self) -> list[HttpSource | GoogleDriveSource | BundledSource]:
        """All sources, in the order in which they are to be tried."""
        return [*self.source, *(self.original_source or [])]

    @property
    def digests(self) -> list[Digest]:
        """Every digest that the descriptor states, the stronger one first; all of them must hold."""
        stated = [("sha384", self.checksum), ("sha256", self.sha256)]
        return [Digest(algorithm, digits) for algorithm, digits in stated if digits]


class RegexReplace(_Section):
    """Replace text in a downloaded file; no match, or fewer than ``count`` (0: any), is an error."""

    type: Literal["regex_replace"] = Field(alias="$type")
    file: RelativePath
    pattern: str
    replacement: str
    count: Annotated[int, Field(ge=0)] = 0

    @field_validator("pattern")
    @classmethod
    def _compiles(cls, pattern: str) -> str:
        try:
            re.compile(pattern)
        except (re.error, RecursionError, OverflowError) as error:
            raise ValueError(f"must be a regular expression ({error})") from None
        return pattern


class UnpackArchive(_Section):
    """Unpack a downloaded archive into the folder that it is in."""

    type: Literal["unpack_archive"] = Field(alias="$type")
    file: RelativePath
    format: Literal["zip", "tar", "gztar", "bztar", "xztar"]


Postprocessing = Annotated[RegexReplace | UnpackArchive, Field(discriminator="type")]


class InputInfo(_Section):
    """One input of the network: its blob name, shape and layout (such as NCHW)."""

    name: Annotated[str, Field(min_length=1)]
    # Open Model Zoo writes dimensions that are not fixed as -1, 0 or a range such as "1..512".
    shape: list[int | str] | None = None
    layout: str | None = None


class ModelInfo(_Section):
    """What goes into the ``model_info`` section of the IR, by Model API's convention."""

    model_type: str | None = None
    #: A list of names, or the name of a list in ``models/labels``.
    labels: list[str] | str | None = None
    resize_type: str | None = None
    confidence_threshold: float | None = None
    iou_threshold: float | None = None
    anchors: list[float | int] | None = None
    masks: list[int] | list[list[int]] | None = None


class OutputInfo(_Section):
    """One output: its blob name and shape, and what its values are."""

    name: Annotated[str, Field(min_length=1)]
    shape: list[int]
    values: Literal["probabilities", "logits"]


class Specification(_Section):
    """Published figures, shown on the model page beside what we count (an extension of the format)."""

    title: str
    paper: HttpUrl
    gflops: Annotated[float, Field(gt=0)] | None = None
    mparams: Annotated[float, Field(gt=0)] | None = None
    top1: Annotated[float, Field(ge=0, le=100)] | None = None  # percent
    top5: Annotated[float, Field(ge=0, le=100)] | None = None  # percent
    channel_order: Literal["BGR", "RGB"]  # of the original network's input
    license_name: str
    license_file: str  # in licenses/
    notes: list[str] = []


class _Described(_Section):
    description: str
    task_type: TaskType
    license: str

    _name: str = PrivateAttr("")
    _subdirectory: PurePosixPath = PrivateAttr(PurePosixPath())
    _directory: Path = PrivateAttr(Path())
    _composite_name: str | None = PrivateAttr(None)

    def place(self, name: str, subdirectory: PurePosixPath, directory: Path, composite: str | None) -> Self:
        """Tell the descriptor where it lives; its name is that of its folder."""
        self._name, self._subdirectory, self._directory = name, subdirectory, directory
        self._composite_name = composite
        return self

    @property
    def name(self) -> str:
        """The name that ``--name`` selects: the folder's."""
        return self._name

    @property
    def subdirectory(self) -> PurePosixPath:
        """Where the model's files go under an output folder, such as ``public/se-resnext-50``."""
        return self._subdirectory

    @property
    def directory(self) -> Path:
        """The folder that holds the descriptor."""
        return self._directory

    @property
    def composite_model_name(self) -> str | None:
        """The composite model that this one is a stage of, or is itself."""
        return self._composite_name


class Model(_Described):
    """One model, as its ``model.yml`` describes it."""

    files: list[ModelFile]
    framework: Framework
    postprocessing: list[Postprocessing] = []
    input_info: list[InputInfo] = []
    model_optimizer_args: list[str] | None = None
    conversion_to_onnx_args: list[str] | None = None
    quantizable: bool = False
    quantized: bool | str = False
    model_info: ModelInfo = ModelInfo()
    # Extensions of ours:
    output_info: list[OutputInfo] = []
    specification: Specification | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        names = [file.name for file in self.files]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"names the file {twice[0]!r} more than once")
        if self.model_optimizer_args is None and self.framework != "dldt":
            raise ValueError("needs 'model_optimizer_args': only framework 'dldt' is used without conversion")
        return self

    @property
    def precisions(self) -> list[str]:
        """The precisions that an IR of this model can be had in, sorted."""
        if self.model_optimizer_args is not None:
            return ["FP16", "FP32"]
        folders = {PurePosixPath(file.name).parts[0] for file in self.files if "/" in file.name}
        return sorted(folders & set(PRECISIONS))

    @property
    def stages(self) -> Sequence[Model]:
        """The models to download and convert for this one: itself."""
        return [self]


class CompositeModel(_Described):
    """Several models that work together, as ``composite-model.yml`` and its subfolders describe them."""

    description: str = ""
    license: str = ""
    framework: Framework | None = None
    stages_order: list[str] | None = None

    _stages: list[Model] = PrivateAttr(default_factory=list)

    def with_stages(self, stages: list[Model]) -> Self:
        """Attach the stages, in the order in which they run."""
        self._stages = stages
        return self

    @property
    def precisions(self) -> list[str]:
        """The precisions of the first stage."""
        return self._stages[0].precisions if self._stages else []

    @property
    def stages(self) -> Sequence[Model]:
        """The models that this one is made of, in order."""
        return self._stages
