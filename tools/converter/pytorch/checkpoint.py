"""Read a checkpoint of PyTorch as data: file -> state_dict of arrays. No PyTorch is needed, and nothing is run."""

from __future__ import annotations

import logging
import mmap
from pathlib import Path

from omz.converter.pytorch import legacy_format, zip_format
from omz.converter.pytorch.safetensors_format import is_safetensors, read_safetensors
from omz.converter.pytorch.tensors import Array, Extent, MappedTensors
from omz.converter.pytorch.torch_objects import Tensor
from omz.errors import ParseError, located
from omz.files import map_file

log = logging.getLogger(__name__)

MAX_TENSORS = 100_000
MAX_WRAPPERS = 4
_WRAPPERS = ("state_dict", "model")
_DATA_PARALLEL = "module."  # what torch.nn.DataParallel puts before each name

_AGAIN = "download it again"
#: How files begin that are no checkpoints but stand where one should be.
_FOREIGN = {
    b"<!doctype": f"is a web page; {_AGAIN}",
    b"<html": f"is a web page; {_AGAIN}",
    b"<?xml": f"is an XML file, such as a server's error message; {_AGAIN}",
    b"version https://git-lfs": "is a Git LFS pointer, not the checkpoint; fetch it with `git lfs pull`",
    b"\x1f\x8b": "is gzip-compressed; unpack it first",
    b"\x89hdf\r\n\x1a\n": "is in HDF5 format, not PyTorch's",
    b"gguf": "is in GGUF format, not PyTorch's",
}
_LONGEST_FOREIGN = 64
_TAR_AT, _TAR = 257, b"ustar"


def read_checkpoint(path: Path) -> dict[str, Array]:
    """Read the state_dict of a network.

    The file's contents tell its format, not its name: PyTorch's zip format, its legacy format, or safetensors.

    Args:
        path: The file: a state_dict, or ``{'state_dict': ...}`` or ``{'model': ...}`` beside anything that is plain
            data (an epoch, an optimizer's state), which is left out.

    Returns:
        The tensors by name, in file order, without the ``module.`` before all names that DataParallel puts there.
        Arrays have the tensors' shapes, strides and types; they are writable views on a private mapping of the file.
        bfloat16 comes as float32, a copy. What is no tensor is left out.

    Raises:
        ParseError: The file is no checkpoint, is damaged, or holds anything that is not data; names it.
    """
    mapped = map_file(path, ParseError)
    with located(str(path)):
        state = _read(mapped)
        if len(state) > MAX_TENSORS:
            raise ParseError(f"has {len(state)} tensors; at most {MAX_TENSORS} are read")
        if not state:
            raise ParseError("holds no tensor. Is it the checkpoint of a network?")
    if all(name.startswith(_DATA_PARALLEL) for name in state):
        return {name.removeprefix(_DATA_PARALLEL): array for name, array in state.items()}
    return state


def _read(mapped: mmap.mmap) -> dict[str, Array]:
    if mapped[: len(zip_format.MAGIC)] == zip_format.MAGIC:
        return _arrays(mapped, *zip_format.read_zip(mapped))
    if is_safetensors(mapped):  # asked first: the size of a header may begin like a pickle
        return read_safetensors(mapped)
    if mapped[: len(legacy_format.MAGIC)] == legacy_format.MAGIC:
        return _arrays(mapped, *legacy_format.read_legacy(mapped))
    beginning = mapped[:_LONGEST_FOREIGN].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    for magic, reason in _FOREIGN.items():
        if beginning.startswith(magic):
            raise ParseError(f"{reason}.")
    if mapped[_TAR_AT : _TAR_AT + len(_TAR)] == _TAR:
        raise ParseError(
            "is a tar archive: unpack it; if PyTorch < 0.1.10 wrote it, save it with a later one."
        )
    raise ParseError("is no checkpoint: neither a file of torch.save nor safetensors.")


def _arrays(mapped: mmap.mmap, content: object, extents: dict[str, Extent]) -> dict[str, Array]:
    """Return the tensors of what torch.save was given."""
    tensors = {name: value for name, value in _state_dict(content).items() if isinstance(value, Tensor)}
    if len(tensors) > MAX_TENSORS:
        raise ParseError(f"has {len(tensors)} tensors; at most {MAX_TENSORS} are read")
    views = MappedTensors(mapped)
    arrays: dict[str, Array] = {}
    for name, tensor in tensors.items():
        if not isinstance(name, str):
            raise ParseError(f"a tensor's name is {name}, not text")
        try:
            arrays[name] = tensor.as_array(extents, views)
        except ParseError as error:
            raise ParseError(f"tensor {name[:80]!a}: {error}") from error
    return arrays


def _state_dict(content: object) -> dict[object, object]:
    """Return what is within the wrappers."""
    for _ in range(MAX_WRAPPERS):
        if not isinstance(content, dict):
            raise ParseError("does not hold a state_dict. Save torch.save(model.state_dict(), ...)")
        inner = next((content[key] for key in _WRAPPERS if isinstance(content.get(key), dict)), None)
        if inner is None:
            left_out = sum(not isinstance(value, Tensor) for value in content.values())
            if left_out == len(content) and content:
                known = ", ".join(ascii(str(key)[:40]) for key in list(content)[:5])
                raise ParseError(
                    f"has no tensors, nor a 'state_dict' or 'model' that has; its keys are {known}, of {len(content)}"
                )
            if left_out:
                log.debug("%d entries of the state_dict are no tensors, and left out", left_out)
            return content
        content = inner
    raise ParseError(f"is wrapped more than {MAX_WRAPPERS} times")
