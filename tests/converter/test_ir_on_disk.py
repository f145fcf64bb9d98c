"""An IR is looked at after OpenVINO has written it: whole, or one line and nothing."""

from __future__ import annotations

import errno
import os
import resource
from pathlib import Path

import openvino as ov
import pytest

from omz.converter import ir
from omz.converter.ir import write_ir
from omz.errors import ConversionError


@pytest.fixture
def model(tiny) -> ov.Model:
    return ov.Core().read_model(tiny.xml)


@pytest.mark.parametrize("half", [".xml", ".bin"])
@pytest.mark.parametrize("missing", [1, 64])
def test_what_openvino_leaves_out_is_found(
    half: str, missing: int, model: ov.Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save = ov.save_model

    def cut_off(model: ov.Model, path: Path, **options: bool) -> None:
        save(model, path, **options)
        written = Path(path).with_suffix(half)
        os.truncate(written, written.stat().st_size - (missing + 1 if half == ".xml" else missing))

    write_ir(model, tmp_path / "net.xml", compress_to_fp16=True)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    monkeypatch.setattr(ir.ov, "save_model", cut_off)
    with pytest.raises(ConversionError, match=r"net\.xml: cannot be written: OpenVINO has written"):
        write_ir(model, tmp_path / "net.xml", compress_to_fp16=True)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_every_limit_on_sizes_is_told(model: ov.Model, tmp_path: Path) -> None:
    write_ir(model, tmp_path / "net.xml", compress_to_fp16=False)
    whole = {path.suffix: path.read_bytes() for path in tmp_path.iterdir()}
    sizes = sorted(map(len, whole.values()))
    # in between, OpenVINO's own half of the .bin is finished, and ours, or what becomes of the .xml, is not
    limits = {0, 1, *(size + more for size in sizes for more in range(-40, 2)), *range(0, sizes[1], 701)}
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    for limit in sorted(limits):
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
        try:
            if limit >= sizes[1]:
                write_ir(model, tmp_path / "net.xml", compress_to_fp16=False)
            else:
                with pytest.raises(ConversionError, match=os.strerror(errno.EFBIG)):
                    write_ir(model, tmp_path / "new.xml", compress_to_fp16=False)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert {path.suffix: path.read_bytes() for path in tmp_path.iterdir()} == whole, limit
