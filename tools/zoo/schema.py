"""The descriptor format: Open Model Zoo's ``model.yml``, both checksum generations, and our few extensions.

Every descriptor of Open Model Zoo's releases 2021.4.2, 2022.1.0 and 2023.3.0 is valid here. Its own loader
passes over keys that it does not know, so its downloader and information dumper read our files, too: those of
2021.4 the ones with ``sha256``, later ones those with ``checksum``. Our extensions are

- ``output_info`` and ``specification``: what a model page states beyond Open Model Zoo's keys. ``omz add`` writes the
  former, with ``values`` as the converters tell them; networks of one's own have no published figures;
- ``$type: bundled``, a source beside the descriptor, and ``$type: huggingface``; Open Model Zoo refuses a source
  of unknown type;
- ``sha256_prefix`` and ``size: unknown``, for files of which no more has been published;
- ``pytorch``: the architecture of a checkpoint that we convert without PyTorch;
- ``model_info.crop_pct`` and ``.interpolation``: how the pictures were made for the published accuracy;
- ``model_info.labels`` as the name of a list in ``models/labels``, or of a file beside the descriptor. Of Open Model
  Zoo's tools, only the converter of 2023.3 looks at this key, and wants the class names spelt out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Literal, Self

from pydantic import PrivateAttr, model_validator

from omz.zoo.fields import Framework, TaskType, is_private
from omz.zoo.model_files import ModelFile
from omz.zoo.network import InputInfo, ModelInfo, OutputInfo, ResNetArchitecture, Specification
from omz.zoo.postprocessing import PostprocessingSteps
from omz.zoo.section import Section

#: The weight precisions that Open Model Zoo's tools name.
PRECISIONS = ("FP16", "FP16-INT1", "FP16-INT8", "FP32", "FP32-INT1", "FP32-INT8")

#: Those that a quantizable model can be quantized to.
QUANTIZED_PRECISIONS = ("FP16-INT8", "FP32-INT8")

#: Of the name under which a file that post-processing touches is kept as it was downloaded.
ORIGINAL_SUFFIX = ".orig"


class _Described(Section):
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
    postprocessing: PostprocessingSteps = []
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
    sections, keys = [Section], set()
    while sections:
        section = sections.pop()
        sections += section.__subclasses__()
        keys |= {field.alias or name for name, field in section.model_fields.items()}
    return frozenset(keys)
