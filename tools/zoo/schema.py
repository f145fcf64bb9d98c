"""The descriptor format: Open Model Zoo's ``model.yml``, both checksum generations, and our few extensions.

Every descriptor of Open Model Zoo's releases 2021.4.2, 2022.1.0 and 2023.3.0 is valid here. Its own loader
passes over keys that it does not know, so its downloader and information dumper read our files, too: those of
2021.4 the ones with ``sha256``, later ones those with ``checksum``. Our extensions are

- ``output_info`` and ``specification``: what a model page states beyond Open Model Zoo's keys;
- ``$type: bundled``, a source beside the descriptor, and ``$type: huggingface``; Open Model Zoo refuses a source
  of unknown type;
- ``sha256_prefix`` and ``size: unknown``, for files of which no more has been published;
- ``pytorch``: the architecture of a checkpoint that we convert without PyTorch;
- ``model_info.crop_pct`` and ``.interpolation``: how the pictures were made for the published accuracy;
- ``model_info.labels`` as the name of a list in ``models/labels``. Of Open Model Zoo's tools, only the
  converter of 2023.3 looks at this key, and wants the class names spelt out.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal, NamedTuple, Self

from pydantic import (
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    field_validator,
    model_validator,
)

from omz.redaction import redacted
from omz.zoo.fields import (
    Count,
    Dimension,
    Framework,
    GoogleDriveId,
    HttpUrl,
    HubRepository,
    HubRevision,
    Percent,
    RelativePath,
    Sha256,
    Sha256Prefix,
    Sha384,
    Size,
    TaskType,
    Text,
    is_private,
)

#: The weight precisions that Open Model Zoo's tools name.
PRECISIONS = ("FP16", "FP16-INT1", "FP16-INT8", "FP32", "FP32-INT1", "FP32-INT8")

#: Those that a quantizable model can be quantized to.
QUANTIZED_PRECISIONS = ("FP16-INT8", "FP32-INT8")


#: Of the name under which a file that post-processing touches is kept as it was downloaded.
ORIGINAL_SUFFIX = ".orig"

#: Most characters of all patterns of one descriptor, and most `[` in them: a set of characters that is blind to case
#: may take 15 ms to compile. Of published descriptors, none has more than 869 and 1.
MAX_PATTERNS, MAX_PATTERN_SETS = 4000, 100


class Digest(NamedTuple):
    """What a whole file must hash to; ``algorithm`` is a name that :func:`hashlib.new` takes."""

    algorithm: str
    hexdigest: str
    #: ``hexdigest`` has the first digits only: enough against damage, not against a forger.
    is_prefix: bool = False

    def holds(self, hexdigest: str) -> bool:
        """Tell whether a whole digest, in lower case, is the one that is stated."""
        return hexdigest.startswith(self.hexdigest) if self.is_prefix else hexdigest == self.hexdigest


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False, defer_build=True)


class HttpSource(_Section):
    """A plain ``http(s)`` address."""

    type: Literal["http"] = Field("http", alias="$type")
    url: HttpUrl

    def __str__(self) -> str:
        return redacted(self.url)


class GoogleDriveSource(_Section):
    """A file shared on Google Drive, by its id."""

    type: Literal["google_drive"] = Field(alias="$type")
    id: GoogleDriveId

    def __str__(self) -> str:
        return f"Google Drive file {self.id}"


class BundledSource(_Section):
    """A file that is shipped beside the descriptor; ``path`` is relative to the descriptor's folder."""

    type: Literal["bundled"] = Field(alias="$type")
    path: RelativePath

    def __str__(self) -> str:
        return f"bundled file {self.path}"


class HuggingFaceSource(_Section):
    """A file of a model repository on the Hugging Face Hub, or on the mirror that ``HF_ENDPOINT`` names."""

    type: Literal["huggingface"] = Field(alias="$type")
    repo: HubRepository
    revision: HubRevision = "main"
    filename: RelativePath

    def __str__(self) -> str:
        return f"Hugging Face {self.repo}@{self.revision} {self.filename}"


def _plain_url(value: Any) -> Any:  # noqa: ANN401 - this is where untyped YAML comes in
    return {"$type": "http", "url": value} if isinstance(value, str) else value


AnySource = HttpSource | GoogleDriveSource | BundledSource | HuggingFaceSource
Source = Annotated[
    Annotated[AnySource, Field(discriminator="type")],
    BeforeValidator(_plain_url),
]


def _as_list(value: Any) -> Any:  # noqa: ANN401
    return value if isinstance(value, list) else [value]


Sources = Annotated[list[Source], Field(min_length=1), BeforeValidator(_as_list)]


class ModelFile(_Section):
    """One file of a model: its name under the model's folder, size, digest and sources."""

    name: RelativePath
    size: Size
    sha256: Sha256 | None = None
    sha256_prefix: Sha256Prefix | None = None  # such as PyTorch's hub writes into the names of files
    checksum: Sha384 | None = None  # the later generation
    source: Sources
    # One descriptor of release 2023.3 spells the key "oroginal_source".
    original_source: Sources | None = Field(
        None, validation_alias=AliasChoices("original_source", "oroginal_source")
    )

    @model_validator(mode="after")
    def _has_digest(self) -> Self:
        if not self.digests:
            raise ValueError(
                "expected a 'checksum' (SHA-384), a 'sha256' or a 'sha256_prefix', in hexadecimal digits"
            )
        return self

    @property
    def sources(self) -> list[AnySource]:
        """All sources, in the order in which they are to be tried."""
        return [*self.source, *(self.original_source or [])]

    @property
    def digests(self) -> list[Digest]:
        """Every digest that the descriptor states, the stronger one first; all of them must hold."""
        stated = [("sha384", self.checksum), ("sha256", self.sha256)]
        digests = [Digest(algorithm, digits) for algorithm, digits in stated if digits]
        if self.sha256_prefix:
            digests.append(Digest("sha256", self.sha256_prefix, is_prefix=True))
        return digests

    @property
    def known_digits(self) -> int | None:
        """How many digits of a SHA-256 are all that the file can be checked by; None if a whole digest is known."""
        digests = self.digests
        return len(digests[0].hexdigest) if digests[0].is_prefix else None


class RegexReplace(_Section):
    """Replace text in a downloaded file; no match, or fewer than ``count`` (0: any), is an error."""

    type: Literal["regex_replace"] = Field(alias="$type")
    file: RelativePath
    # The longest published pattern has 163 characters; to compile a long one can take minutes.
    pattern: Annotated[str, Field(max_length=1000)]
    replacement: str
    count: Annotated[int, Field(ge=0, lt=1 << 31)] = 0

    @field_validator("pattern")
    @classmethod
    def _compiles(cls, pattern: str) -> str:
        try:
            re.compile(pattern)
        except (re.error, RecursionError, OverflowError) as error:
            raise ValueError(f"expected a regular expression ({error})") from None
        return pattern

    @model_validator(mode="after")
    def _replaces(self) -> Self:
        compiled = re.compile(self.pattern)
        names = {number: f"?P<{name}>" for name, number in compiled.groupindex.items()}
        # The pattern itself might run for ever, even on no text; one with the same groups looks at the template.
        groups = "".join(f"({names.get(number, '')})" for number in range(1, compiled.groups + 1))
        try:
            re.compile(groups).sub(self.replacement, "")
        except (re.error, IndexError) as error:
            raise ValueError(f"expected a 'replacement' that fits the pattern ({error})") from None
        return self


class UnpackArchive(_Section):
    """Unpack a downloaded archive into the folder that it is in."""

    type: Literal["unpack_archive"] = Field(alias="$type")
    file: RelativePath
    format: Literal["zip", "tar", "gztar", "bztar", "xztar"]


Postprocessing = Annotated[RegexReplace | UnpackArchive, Field(discriminator="type")]


class InputInfo(_Section):
    """One input of the network: its blob name, shape and layout (such as NCHW)."""

    name: Text
    shape: list[Dimension] | None = None
    layout: str | None = None


class ModelInfo(_Section):
    """What goes into the ``model_info`` section of the IR, by Model API's convention."""

    model_type: str | None = None
    #: The names of the classes by index, or the name of a list in ``models/labels``.
    labels: list[str] | str | None = None
    resize_type: str | None = None
    confidence_threshold: float | None = None
    iou_threshold: float | None = None
    anchors: list[float | int] | None = None
    masks: list[int] | list[list[int]] | None = None
    # How pictures were cut and resized for the published accuracy, in timm's terms:
    crop_pct: Annotated[float, Field(gt=0, le=1)] | None = None  # the part of the resized picture's side
    interpolation: Literal["bilinear", "bicubic"] | None = None

    @field_validator("labels", mode="before")
    @classmethod
    def _names(cls, labels: object) -> object:
        named = isinstance(labels, str) and re.fullmatch("[0-9A-Za-z_.-]+", labels)
        listed = isinstance(labels, list) and labels and all(isinstance(x, str) and x for x in labels)
        if not named and not listed and labels is not None:
            raise ValueError("expected a list of class names, or the name of a list in models/labels")
        return labels


class OutputInfo(_Section):
    """One output: its blob name and shape, and what its values are."""

    name: Text
    shape: Annotated[list[Dimension], Field(min_length=2, max_length=4)]  # N, C and where there are, H, W
    values: Literal["probabilities", "logits"]


class ResNetArchitecture(_Section):
    """What a ``.pth`` or ``.safetensors`` file of timm's ResNet family holds, in the terms of timm's source.

    Fields and their meaning are those of ``omz.converter.pytorch.architecture.Architecture``. The converter reads
    the same off the file, and refuses a file that is of another network.
    """

    block: Literal["basic", "bottleneck"]
    layers: Annotated[list[Count], Field(min_length=1)]
    channels: list[Count] = [64, 128, 256, 512]
    cardinality: Count = 1
    base_width: Count = 64
    block_reduce_first: Count = 1
    stem: Literal["plain", "deep", "deep_tiered"] = "plain"
    stem_width: Count = 64
    avg_down: bool = False
    down_kernel_size: Count = 1
    se: Literal["none", "conv", "linear"] = "none"
    se_channels: list[Count] = []
    se_bias: bool = True
    epsilon: Annotated[float, Field(gt=0, lt=1)] = 1e-5


class Specification(_Section):
    """Published figures, shown on the model page beside what we count (an extension of the format)."""

    title: Text
    paper: HttpUrl
    gflops: Annotated[float, Field(gt=0)] | None = None
    mparams: Annotated[float, Field(gt=0)] | None = None
    top1: Percent | None = None
    top5: Percent | None = None
    channel_order: Literal["BGR", "RGB"]  # of the original network's input
    license_name: Text
    license_file: RelativePath  # in licenses/
    notes: list[Text] = []


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
    quantized: Literal["INT8"] | None = None  # what the published weights are quantized to
    model_info: ModelInfo = ModelInfo()
    # Extensions of ours:
    output_info: list[OutputInfo] = []
    pytorch: ResNetArchitecture | None = None
    specification: Specification | None = None

    @field_validator("postprocessing", mode="before")
    @classmethod
    def _patterns_are_soon_compiled(cls, steps: object) -> object:
        """Refuse patterns that would take long, before any of them is compiled."""
        found = (
            [step.get("pattern") for step in steps if isinstance(step, dict)]
            if isinstance(steps, list)
            else []
        )
        patterns = "".join(pattern for pattern in found if isinstance(pattern, str))
        if len(patterns) > MAX_PATTERNS:
            raise ValueError(
                f"expected patterns of at most {MAX_PATTERNS} characters in all; got {len(patterns)}"
            )
        if (sets := patterns.count("[")) > MAX_PATTERN_SETS:
            raise ValueError(f"expected at most {MAX_PATTERN_SETS} '[' in all patterns; got {sets}")
        return steps

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        self._check_names()
        if self.conversion_to_onnx_args is not None and self.framework not in ("caffe2", "pytorch"):
            raise ValueError("expected 'conversion_to_onnx_args' with framework 'pytorch' or 'caffe2' only")
        if self.pytorch is not None and self.framework != "pytorch":
            raise ValueError("expected a 'pytorch' section with framework 'pytorch' only")
        if self.model_optimizer_args is None:
            self._check_ir()
        return self

    def _check_names(self) -> None:
        """Refuse files that would be in each other's way, on a disk that knows no upper case as well."""
        touched = {step.file for step in self.postprocessing}
        stored = [file.name for file in self.files]
        # Post-processing keeps what was downloaded under this name.
        stored += [f"{name}{ORIGINAL_SUFFIX}" for name in stored if name in touched]
        names = Counter(name.casefold() for name in stored)
        for name in stored:
            if (times := names[name.casefold()]) > 1:
                raise ValueError(f"expected each file once; {name!r} is there {times} times")
            for folder in PurePosixPath(name).parents:
                if str(folder).casefold() in names:
                    raise ValueError(f"expected {str(folder)!r} to be a file or a folder, not both")
            if is_private(PurePosixPath(name)):
                raise ValueError(f"expected no file of the toolkit's own names; got {name!r}")

    def _check_ir(self) -> None:
        """Refuse a model that there is no way to get an IR of."""
        if self.framework != "dldt":
            raise ValueError("needs 'model_optimizer_args': only framework 'dldt' is used without conversion")
        for folder, suffixes in self._ir_files().items():
            if folder not in PRECISIONS:
                raise ValueError(f"expected files in folders {', '.join(PRECISIONS)}; got {folder!r}")
            if not suffixes >= {".xml", ".bin"}:
                raise ValueError(f"expected an .xml and a .bin file in {folder!r}")

    def _ir_files(self) -> dict[str, set[str]]:
        """Return the suffixes of the files in each precision's folder."""
        suffixes: dict[str, set[str]] = {}
        for path in (PurePosixPath(file.name) for file in self.files):
            if len(path.parts) == 2 and path.parts[0].startswith("FP"):
                suffixes.setdefault(path.parts[0], set()).add(path.suffix)
        return suffixes

    @property
    def precisions(self) -> list[str]:
        """The precisions that an IR of this model can be had in, sorted."""
        if self.model_optimizer_args is None:
            return sorted(self._ir_files())
        suffix = f"-{self.quantized}" if self.quantized else ""
        return [f"FP16{suffix}", f"FP32{suffix}"]

    @property
    def quantization_output_precisions(self) -> list[str]:
        """The precisions that the model can be quantized to, sorted; empty if it can't."""
        return list(QUANTIZED_PRECISIONS) if self.quantizable else []

    def stored_name(self, file: ModelFile) -> str:
        """Return the name, below the model's folder, under which ``file`` is stored as it was downloaded."""
        touched = {step.file for step in self.postprocessing}
        return f"{file.name}{ORIGINAL_SUFFIX}" if file.name in touched else file.name

    @property
    def stages(self) -> Sequence[Model]:
        """The models to download and convert for this one: itself."""
        return [self]


class CompositeModel(_Described):
    """Several models that work together, as ``composite-model.yml`` and its subfolders describe them."""

    # The release 2021.4 has these three in the stages only.
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
        return self._stages[0].precisions

    @property
    def quantization_output_precisions(self) -> list[str]:
        """Those of the first stage."""
        return self._stages[0].quantization_output_precisions

    @property
    def stages(self) -> Sequence[Model]:
        """The models that this one is made of, in order."""
        return self._stages


@cache
def known_keys() -> frozenset[str]:
    """Return the name of every key of the format, in whichever section."""
    sections, keys = [_Section], set()
    while sections:
        section = sections.pop()
        sections += section.__subclasses__()
        keys |= {field.alias or name for name, field in section.model_fields.items()}
    return frozenset(keys)
