"""The types of single values in a descriptor, each with what it expects in words."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

Framework = Literal["caffe", "caffe2", "dldt", "mxnet", "onnx", "paddle", "pytorch", "tf"]

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
    plain = value.isprintable() and "\\" not in value and ":" not in value
    if not plain or path.is_absolute() or ".." in path.parts or path.as_posix() != value or value == ".":
        raise ValueError("expected a plain relative path with forward slashes, without '..'")
    return value


def is_private(path: PurePosixPath) -> bool:
    """Tell whether a path has a name that the toolkit keeps for itself: locks, files on their way."""
    return any(
        part.startswith(".omz") or (part.startswith(".") and part.endswith(".part")) for part in path.parts
    )


def _matching(pattern: str, expected: str) -> AfterValidator:
    """Return a validator that says in words what it expects, where a bare pattern would have to be read."""
    compiled = re.compile(pattern)

    def check(value: str) -> str:
        if not compiled.fullmatch(value):
            raise ValueError(f"expected {expected}")
        return value

    return AfterValidator(check)


_LOWER = AfterValidator(str.lower)


def _known_size(value: Any) -> Any:  # noqa: ANN401 - this is where untyped YAML comes in
    """Turn the word into None; a value left out by mistake is none."""
    if value is None:
        raise ValueError(f"expected a number of bytes, or '{UNKNOWN}'")
    return None if value == UNKNOWN else value


#: What a descriptor says in place of a size that nobody has published.
UNKNOWN = "unknown"

Text = Annotated[str, Field(min_length=1)]
#: Bytes; None where the descriptor says that it is not known.
Size = Annotated[Annotated[int, Field(ge=0, lt=1 << 50)] | None, BeforeValidator(_known_size)]
RelativePath = Annotated[str, AfterValidator(_relative_path)]
HttpUrl = Annotated[str, _matching(r"https?://[!-.0-~]+/[!-~]*", "an address such as https://host/path")]
#: Of the Hugging Face Hub: owner and name.
HubRepository = Annotated[
    str,
    _matching(r"[0-9A-Za-z][0-9A-Za-z._-]*/[0-9A-Za-z][0-9A-Za-z._-]*", "a repository such as owner/name"),
]
HubRevision = Annotated[
    str, _matching(r"[0-9A-Za-z][0-9A-Za-z._/-]*", "a branch, a tag or the digits of a commit")
]
GoogleDriveId = Annotated[str, _matching("[0-9A-Za-z_-]+", "letters, digits, '_' and '-'")]
#: Of layers or channels.
Count = Annotated[int, Field(ge=1, lt=1 << 16)]
#: A percentage.
Percent = Annotated[float, Field(ge=0, le=100)]
#: A dimension of a tensor; -1 where it is not fixed.
Dimension = Annotated[int, Field(ge=-1, lt=1 << 31)]
Sha256 = Annotated[str, _matching("[0-9a-fA-F]{64}", "64 hexadecimal digits (SHA-256)"), _LOWER]
Sha256Prefix = Annotated[
    str, _matching("[0-9a-fA-F]{8,63}", "8 hexadecimal digits or more, the first ones of a SHA-256"), _LOWER
]
Sha384 = Annotated[str, _matching("[0-9a-fA-F]{96}", "96 hexadecimal digits (SHA-384)"), _LOWER]
