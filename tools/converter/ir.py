"""Write an IR: ``model.xml`` and ``model.bin``, whole or not at all, the same bytes for the same model."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

import openvino as ov

from omz.errors import ConversionError
from omz.regular_files import open_regular

#: Model API's names of what an IR can say about itself.
MODEL_INFO = "model_info"
#: Our own section: where the IR comes from, and what Model API's cannot hold. No path and no time, they would make
#: equal things differ.
PROVENANCE = "omz"


def describe(model: ov.Model, model_info: Mapping[str, object], provenance: Mapping[str, str]) -> None:
    """Write into the model what it is (for Model API) and where it comes from."""
    for section, values in ((MODEL_INFO, model_info), (PROVENANCE, provenance)):
        for key, value in values.items():
            model.set_rt_info(_text(value), [section, key])


def write_ir(model: ov.Model, xml: Path, *, compress_to_fp16: bool) -> None:
    """Write a model.

    Both files are written beside the target and then renamed, the ``.xml`` last; an old ``.xml`` goes first. So an
    ``.xml`` that is there always has its own ``.bin``.

    Args:
        model: Stays as it is.
        xml: Where to; its folder is made if need be.
        compress_to_fp16: Store float weights in half precision.

    Raises:
        ConversionError: The files cannot be written.
    """
    try:
        xml.parent.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(dir=xml.parent, prefix=f".{xml.stem}-"))
    except OSError as error:
        raise ConversionError(f"{xml.parent}: cannot be written to: {error.strerror}") from error
    try:
        fresh = folder / xml.name
        ov.save_model(model, fresh, compress_to_fp16=compress_to_fp16)
        _sync(fresh.with_suffix(".bin"))
        _sync(fresh)
        xml.unlink(missing_ok=True)
        fresh.with_suffix(".bin").replace(xml.with_suffix(".bin"))
        fresh.replace(xml)
    except (OSError, RuntimeError) as error:
        raise ConversionError(f"{xml}: cannot be written: {_reason(error, xml)}") from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "True" if value else "False"
    if isinstance(value, list | tuple):
        return " ".join(map(str, value))
    return str(value)


def _sync(path: Path) -> None:
    with open_regular(path) as stream:
        os.fsync(stream.fileno())


def _reason(error: Exception, xml: Path) -> str:
    free = shutil.disk_usage(xml.parent).free
    if free < 1 << 20:
        return f"the disk is full ({free} bytes free)"
    return getattr(error, "strerror", None) or str(error).strip().splitlines()[-1]
