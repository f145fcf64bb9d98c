"""Write an IR: ``model.xml`` and ``model.bin``, whole or not at all, the same bytes for the same model."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import openvino as ov

from omz import vouching
from omz.converter.pairs import WEIGHTS, placeholder, publish, seal
from omz.errors import ConversionError
from omz.files import check_end, made_folder, writing
from omz.private import private_folder
from omz.regular_files import open_regular
from omz.trial import limits

#: Model API's names of what an IR can say about itself.
MODEL_INFO = "model_info"
#: Our own section: where the IR comes from, and what Model API's cannot hold. No path and no time, they would make
#: equal things differ.
PROVENANCE = "omz"
#: Where in the ``.bin`` a constant is, as the ``.xml`` tells.
_EXTENT = re.compile(rb'\boffset="(\d+)" size="(\d+)"')


def describe(model: ov.Model, model_info: Mapping[str, object], provenance: Mapping[str, str]) -> None:
    """Write into the model what it is (for Model API) and where it comes from."""
    for section, values in ((MODEL_INFO, model_info), (PROVENANCE, provenance)):
        for key, value in values.items():
            model.set_rt_info(_text(value), [section, key])


def write_ir(
    model: ov.Model,
    xml: Path,
    *,
    compress_to_fp16: bool,
    check: Callable[[Path], object] | None = None,
    sound: bool = False,
) -> None:
    """Write a model.

    Both files are written beside the target and then renamed, as a pair that can be told from every other; see
    :mod:`omz.converter.pairs`.

    Args:
        model: Stays as it is.
        xml: Where to; its folder is made if need be.
        compress_to_fp16: Store float weights in half precision.
        check: Is shown the ``.xml`` that has been written before it has its name; raises what keeps it from that.
        sound: We have made the graph ourselves, or tried it out, so that nobody here need try it again.

    Raises:
        ConversionError: The files cannot be written.
    """
    with ExitStack() as stack:
        try:
            stack.enter_context(made_folder(xml.parent))
            folder = stack.enter_context(private_folder(xml.parent))
        except OSError as error:
            raise ConversionError(f"{xml.parent}: cannot be written to: {error.strerror}") from error
        fresh = folder / xml.name
        with _writing(xml, fresh):
            entry = placeholder()
            sealed = model.clone()
            sealed.set_rt_info(entry, [PROVENANCE, WEIGHTS])
            ov.save_model(sealed, fresh, compress_to_fp16=compress_to_fp16)
            _check_written(fresh)
            seal(fresh, entry)
        if check:
            check(fresh)
        with _writing(xml, fresh):
            publish(fresh, xml)
    if sound and _is_modest(model, xml):
        vouching.vouch_for_ours(xml)


@contextmanager
def _writing(xml: Path, fresh: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, RuntimeError) as error:
        with writing(xml, ConversionError):
            if isinstance(error, OSError):
                raise
            for half in (fresh.with_suffix(".bin"), fresh):  # of what the system says, OpenVINO tells nothing
                check_end(half, 1 << 20)
        raise ConversionError(f"{xml}: cannot be written: {str(error).strip().splitlines()[-1]}") from error


def _check_written(xml: Path) -> None:
    """Check that both files have the length that the ``.xml`` tells.

    Raises:
        RuntimeError: They have not.
    """
    with open_regular(xml) as stream:
        content = stream.read()
    end = max((int(offset) + int(size) for offset, size in _EXTENT.findall(content)), default=0)
    size = xml.with_suffix(".bin").stat().st_size
    if size < end or not content.rstrip().endswith(b"</net>"):
        raise RuntimeError(f"OpenVINO has written {size} of {end} bytes of weights")


def _is_modest(model: ov.Model, xml: Path) -> bool:
    """Return whether one picture needs no more memory than what is tried out may take; a prototxt may say anything."""
    batch = {dims[0] for dims in map(_dimensions, model.inputs) if dims}
    activations = 0
    for node in model.get_ops():
        if node.get_type_name() != "Constant":
            for output in node.outputs():
                dims = _dimensions(output)
                rest = dims[1:] if dims and dims[0] in batch else dims
                activations += math.prod(rest) * output.get_element_type().size
    return activations <= limits([xml, xml.with_suffix(".bin")]).memory_bytes


def _dimensions(output: ov.Output) -> list[int]:
    """Return the sizes of a tensor; 1 for any size, which whoever uses the network chooses."""
    shape = output.get_partial_shape()
    return [] if shape.rank.is_dynamic else [size.get_length() if size.is_static else 1 for size in shape]


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "True" if value else "False"
    if isinstance(value, list | tuple):
        return " ".join(map(str, value))
    return str(value)
