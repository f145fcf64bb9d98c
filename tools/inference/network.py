"""An IR as it is read: the graph, what it says about itself, and OpenVINO's errors in one line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from omz.converter.ir import PROVENANCE
from omz.converter.pairs import check_pair, read_pair
from omz.errors import InferenceError, located
from omz.inference.tried import require_readable
from omz.regular_files import open_regular
from omz.zoo.label_files.entries import check_characters
from omz.zoo.label_text import names_of

if TYPE_CHECKING:
    import openvino as ov


#: How an IR begins; nothing that one of OpenVINO's other readers takes begins so.
_IR = re.compile(rb"(?:<\?xml\s[^>]{,200}\?>\s*(?:<!--.{,2000}?-->\s*)*)?<net(?:[\s>]|\Z)", re.DOTALL)


@contextmanager
def one_line(where: str) -> Iterator[None]:
    """Turn OpenVINO's errors, many lines naming its own sources, into one line."""
    try:
        yield
    except RuntimeError as error:
        raise InferenceError(f"{where}: {gist(str(error))}") from error


def gist(message: str) -> str:
    """Return the last line of an OpenVINO message that is not about its own source files."""
    lines = [line.strip() for line in message.splitlines()]
    telling = [
        line for line in lines if line and not re.match(r"(Exception from|Check '.*' failed at) ", line)
    ]
    return (telling or [line for line in lines if line] or ["unknown error"])[-1]


def read_network(core: ov.Core, path: Path) -> ov.Model:
    """Read an IR; every command of ours that reads one does it here.

    Raises:
        InferenceError: It is none, or damaged, or a half of it is missing or another IR's.
    """
    require_readable(path)
    return read_pair(path, lambda: _read(core, path))


def _read(core: ov.Core, path: Path) -> ov.Model:
    # OpenVINO chooses the reader by the content, whatever the name: none but that of IRs may be chosen, as the others
    # read files that nobody has looked at (see omz.converter.onnx); nor do they write to stderr then
    if path.suffix != ".xml":
        raise InferenceError(f"{path}: is no OpenVINO IR; expected an .xml")
    if not _IR.match(_start(path)):
        raise InferenceError(f"{path}: is no OpenVINO IR, or damaged. Convert the model again.")
    weights = path.with_suffix(".bin")
    if not weights.exists():
        raise InferenceError(
            f"{weights}: missing; an IR is a pair of .xml and .bin. Convert the model again."
        )
    _start(weights)
    check_pair(path)
    with one_line(f"{path}: cannot be read (truncated or damaged? Convert the model again)"):
        return core.read_model(path)


def _start(path: Path) -> bytes:
    """Return the first bytes of a file that OpenVINO is about to open by its name."""
    try:
        with open_regular(path) as file:
            return file.read(4096)
    except OSError as reason:
        raise InferenceError(f"{path}: cannot be read: {reason.strerror}") from reason


def told(network: ov.Model, key: str, section: str = "model_info") -> str:
    """Return what the IR says about itself under a key of its ``rt_info``, '' if it does not.

    Raises:
        InferenceError: It has a section there, where a text should be, or a text for a section.
    """
    return told_all(network, section, key).get(key, "")


def told_all(network: ov.Model, section: str, *keys: str) -> dict[str, str]:
    """Return what the IR says about itself in a section of its ``rt_info``, {} if it has none.

    Args:
        network: The IR.
        section: Its name.
        keys: Those of interest; all by default.

    Raises:
        InferenceError: It is no section, or holds others, where texts should be.
    """
    if not network.has_rt_info([section]):
        return {}
    try:
        values = network.get_rt_info([section]).astype(dict)
    except RuntimeError as error:
        raise InferenceError(f"{section} is a text; expected a section of texts") from error
    found = {key: value for key, value in values.items() if not keys or key in keys}
    if sections := [key for key, value in found.items() if isinstance(value, dict) and value]:
        raise InferenceError(f"{section}/{sections[0]} is a section; expected a text")
    return {key: "" if isinstance(value, dict) else str(value.astype(str)) for key, value in found.items()}


def class_names(network: ov.Model, path: Path) -> list[str]:
    """Return the names of the classes that the IR tells, [] if it does not.

    Raises:
        DescriptorError: They are malformed, or have characters that no text has; names the file.
    """
    with located(f"{path}: rt_info"):
        names = names_of(told(network, "labels"), told(network, "labels", PROVENANCE))
        for index, name in enumerate(names):
            check_characters(name, f"class {index}")
        return names
