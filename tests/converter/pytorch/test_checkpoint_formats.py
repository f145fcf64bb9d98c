"""Checkpoints that PyTorch and the safetensors package wrote are read with the values that they have there."""

from __future__ import annotations

import mmap
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from converter.pytorch.make_fixtures import EXPECTED, FIXTURES, torch_tensors
from converter.pytorch.torch_files import (
    dictionary,
    floats,
    integer,
    items,
    legacy_file,
    name,
    program,
    storage,
    tensor,
    text,
    zip_file,
)

from omz.converter.pytorch.checkpoint import read_checkpoint

FILES = ("zip.pth", "protocol5.pth", "legacy.pth", "tensors.safetensors")
SHARED = ("contiguous", "transposed", "strided", "offset", "row")


def lies_in_the_file(array: Any) -> bool:
    while isinstance(array, np.ndarray):
        array = array.base
    return isinstance(array, mmap.mmap)


def assert_same(read: Any, expected: Any) -> None:
    assert read.dtype == expected.dtype
    assert read.shape == expected.shape
    np.testing.assert_array_equal(read, expected)


@pytest.mark.parametrize("file", FILES)
def test_every_kind_of_tensor_is_read(file):
    state = read_checkpoint(FIXTURES / file)
    assert sorted(state) == sorted(EXPECTED)
    for key, expected in EXPECTED.items():
        assert_same(state[key], expected)


@pytest.mark.parametrize("file", FILES[:3])
def test_the_order_is_that_of_the_file(file):
    assert list(read_checkpoint(FIXTURES / file)) == list(EXPECTED)


@pytest.mark.parametrize("file", FILES)
def test_tensors_are_writable_views_on_the_file(file):
    for key, array in read_checkpoint(FIXTURES / file).items():
        assert array.flags.writeable
        if key not in ("bfloat16", "empty"):
            assert lies_in_the_file(array), key


@pytest.mark.parametrize("file", FILES[:3])
def test_tensors_on_one_storage_share_its_bytes(file):
    state = read_checkpoint(FIXTURES / file)
    assert all(np.shares_memory(state["contiguous"], state[key]) for key in SHARED)
    assert not np.shares_memory(state["contiguous"], state["float32"])


@pytest.mark.parametrize("file", FILES[:3])
def test_strides_are_kept(file):
    state = read_checkpoint(FIXTURES / file)
    for key in (*SHARED, "expanded"):
        assert state[key].strides == EXPECTED[key].strides
    assert state["contiguous"].flags.c_contiguous


def test_writing_to_an_array_leaves_the_file_as_it_is(tmp_path):
    path = tmp_path / "a.pth"
    path.write_bytes((FIXTURES / "zip.pth").read_bytes())
    read_checkpoint(path)["contiguous"][:] = 99
    assert_same(read_checkpoint(path)["contiguous"], EXPECTED["contiguous"])


@pytest.mark.parametrize("file", ["wrapped.pth", "wrapped-legacy.pth"])
def test_wrappers_and_module_prefixes_are_taken_off(file):
    state = read_checkpoint(FIXTURES / file)
    shapes = {key: array.shape for key, array in state.items()}
    assert shapes == {
        "0.weight": (3, 2),
        "0.bias": (3,),
        "1.weight": (3,),
        "1.bias": (3,),
        "1.running_mean": (3,),
        "1.running_var": (3,),
        "1.num_batches_tracked": (),
    }
    assert not any(array.any() for array in state.values())


ONE = tensor(storage("0", 6), (2, 3), (3, 1))


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def test_a_prefix_that_not_all_names_have_stays(tmp_path):
    content = zip_file(program(dictionary({"module.a": ONE, "b": ONE})), {"0": floats(6)})
    assert list(read_checkpoint(written(tmp_path / "a", content))) == ["module.a", "b"]


def test_what_is_no_tensor_is_left_out(tmp_path):
    content = zip_file(
        program(dictionary({"a": ONE, "steps": integer(3), "name": text("x")})), {"0": floats(6)}
    )
    assert list(read_checkpoint(written(tmp_path / "a", content))) == ["a"]


def test_old_ways_to_rebuild_a_tensor(tmp_path):
    plain = tensor(storage("0", 6), (3,), (2,), 1, rebuild="_rebuild_tensor")
    parameter = name("torch.nn.parameter", "Parameter") + items(plain, b"\x88") + b"R"
    content = zip_file(program(dictionary({"a": plain, "b": parameter})), {"0": floats(6)})
    for array in read_checkpoint(written(tmp_path / "a", content)).values():
        np.testing.assert_array_equal(array, [1, 3, 5])


def test_an_ordered_dict_as_python_2_wrote_it(tmp_path):
    key = b"U\x06weight"  # SHORT_BINSTRING
    pairs = b"](](" + key + ONE + b"ee"
    content = zip_file(program(name("collections", "OrderedDict") + pairs + b"\x85R"), {"0": floats(6)})
    assert_same(
        read_checkpoint(written(tmp_path / "a", content))["weight"], np.arange(6, dtype="f4").reshape(2, 3)
    )


def legacy_with_views() -> bytes:
    def part(key: str, first: int, length: int) -> bytes:
        return storage("root", 10, view=items(text(key), integer(first), integer(length)))

    whole = tensor(storage("root", 10, view=b"N"), (10,), (1,))
    views = {
        "whole": whole,
        "head": tensor(part("v1", 0, 4), (2, 2), (2, 1)),
        "tail": tensor(part("v2", 6, 4), (3,), (1,), 1),
    }
    return legacy_file(program(dictionary(views)), {"root": (10, floats(10))})


def test_storages_that_are_parts_of_others(tmp_path):
    state = read_checkpoint(written(tmp_path / "a", legacy_with_views()))
    np.testing.assert_array_equal(state["head"], [[0, 1], [2, 3]])
    np.testing.assert_array_equal(state["tail"], [7, 8, 9])
    assert np.shares_memory(state["whole"], state["tail"])


def test_an_expanded_tensor_takes_no_memory(tmp_path):
    content = zip_file(
        program(dictionary({"a": tensor(storage("0", 1), (1 << 20, 1 << 18), (0, 0))})), {"0": floats(1)}
    )
    array = read_checkpoint(written(tmp_path / "a", content))["a"]
    assert array.shape == (1 << 20, 1 << 18)
    assert array.strides == (0, 0)


def test_bfloat16_storages_are_widened_once(tmp_path):
    count = 1 << 16
    source = storage("0", count, kind="BFloat16Storage")
    entries = {f"t{index}": tensor(source, (1 << 24, 2), (0, 1), index) for index in range(200)}
    values = (np.arange(count, dtype="f4").view("u4") >> 16).astype("<u2")
    state = read_checkpoint(
        written(tmp_path / "a", zip_file(program(dictionary(entries)), {"0": values.tobytes()}))
    )
    assert np.shares_memory(state["t0"][:1], state["t1"][:1])
    np.testing.assert_array_equal(state["t7"][5], [7, 8])


# --- against the packages themselves


def assert_as_torch_reads(path: Path) -> None:
    import torch

    theirs = torch.load(path, weights_only=False)
    ours = read_checkpoint(path)
    assert list(ours) == list(theirs)
    for key, value in theirs.items():
        value = value.detach()
        expected = value.float() if value.dtype == torch.bfloat16 else value
        assert_same(ours[key], expected.numpy())
        if value.numel():
            assert ours[key].strides == tuple(step * ours[key].itemsize for step in value.stride())


@pytest.mark.oracle
@pytest.mark.parametrize("new_format", [True, False])
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_as_pytorch_reads_them(tmp_path, new_format, protocol):
    torch = pytest.importorskip("torch")
    wide = torch.arange(60.0).reshape(3, 4, 5)
    tensors = {
        **torch_tensors(),
        "permuted": wide.permute(2, 0, 1)[1:, :, ::2],
        "column": wide[:, 1:2, 3],
        "expanded inside": wide[:, :1].expand(3, 7, 5),
        "channels last": torch.arange(24.0).reshape(1, 2, 3, 4).contiguous(memory_format=torch.channels_last),
        "size 1 axes": torch.ones(1, 5, 1)[:, 2:3],
        "half row": torch.arange(12).half().reshape(3, 4)[2],
        "bfloat16 view": torch.arange(12).bfloat16().reshape(3, 4).t()[1:3],
        "empty of an offset": torch.arange(5.0)[5:],
        "infinite": torch.tensor([float("inf"), float("nan"), -0.0, 1e-45]),
    }
    if new_format:  # PyTorch writes these to legacy files as well, but can't read them back
        tensors["uint16"] = torch.ones(3, dtype=torch.uint16)
        tensors["uint64"] = torch.arange(3).to(torch.uint64)[1:]
    path = tmp_path / "a.pth"
    torch.save(tensors, path, pickle_protocol=protocol, _use_new_zipfile_serialization=new_format)
    assert_as_torch_reads(path)


@pytest.mark.oracle
def test_files_made_by_hand_are_what_pytorch_reads(tmp_path):
    pytest.importorskip("torch")
    assert_as_torch_reads(written(tmp_path / "views", legacy_with_views()))
    assert_as_torch_reads(
        written(tmp_path / "zip", zip_file(program(dictionary({"a": ONE})), {"0": floats(6)}))
    )


@pytest.mark.oracle
@pytest.mark.parametrize("file", ["zip.pth", "protocol5.pth", "legacy.pth"])
def test_fixtures_are_what_pytorch_reads(file):
    pytest.importorskip("torch")
    assert_as_torch_reads(FIXTURES / file)


def test_as_the_safetensors_package_writes_them(tmp_path):
    package = pytest.importorskip("safetensors.numpy")
    tensors = {key: np.ascontiguousarray(value) for key, value in EXPECTED.items()}
    tensors |= {"module": np.ones((2, 3), np.uint16), "wide": np.arange(3, dtype=np.uint64)}
    path = tmp_path / "a.pth"  # the contents tell the format, not the name
    package.save_file(tensors, path, metadata={"any": "text"})
    state = read_checkpoint(path)
    assert sorted(state) == sorted(tensors)
    for key, array in package.load_file(path).items():
        assert_same(state[key], array)


@pytest.mark.oracle
@pytest.mark.slow
@pytest.mark.parametrize("file_format", ["zip", "legacy", "safetensors"])
def test_350_mb_are_read_in_no_time_and_memory(tmp_path, file_format):
    torch = pytest.importorskip("torch")
    tensors = {f"layer{index}.weight": torch.zeros(100_000) for index in range(900)}
    path = tmp_path / "large"
    if file_format == "safetensors":
        pytest.importorskip("safetensors.torch").save_file(tensors, path)
    else:
        torch.save(tensors, path, _use_new_zipfile_serialization=file_format == "zip")
    assert path.stat().st_size > 350e6
    read_checkpoint(FIXTURES / "zip.pth")
    seconds = []
    for _ in range(3):
        start = time.process_time()
        state = read_checkpoint(path)
        seconds.append(time.process_time() - start)
    assert len(state) == 900
    assert all(lies_in_the_file(array) for array in state.values())
    assert min(seconds) < 0.3
