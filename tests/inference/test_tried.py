"""IRs of others are tried out once, in another process; those of ours are not, and no IR says itself which it is."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path

import openvino as ov
import pytest

from nets import NetBuilder, synthetic_weights, write_model
from omz import trial, vouching
from omz.accuracy.evaluation import input_shape
from omz.converter import caffe2ir
from omz.converter.ir import PROVENANCE
from omz.errors import InferenceError
from omz.inference import tried
from omz.inference.classes import network_classes
from omz.inference.classifier import InputOptions, load_classifier
from omz.inference.network import read_network
from omz.inference.ports import Ports

OLD_S = 60


@pytest.fixture(autouse=True)
def known_networks() -> None:
    """Nothing is known."""


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "omz" / "sound"


@pytest.fixture
def trials(monkeypatch) -> list[str]:
    """What has been tried out, by the name of the function."""
    found: list[str] = []
    really = trial.try_out

    def counted(function, *arguments, **options) -> None:
        found.append(str(function).rpartition(":")[2])
        really(function, *arguments, **options)

    monkeypatch.setattr(tried, "try_out", counted)
    return found


@pytest.fixture
def strange(tiny, tmp_path) -> Path:
    return copied(tiny.xml, tmp_path / "strange.xml")


def write_net(folder: Path) -> tuple[Path, Path]:
    net = NetBuilder("net", 8)
    net.convolution("conv", "data", 2, 3)
    return write_model(folder, net.net, synthetic_weights(net.net))


def copied(xml: Path, target: Path) -> Path:
    for suffix in (".xml", ".bin"):
        shutil.copy(xml.with_suffix(suffix), target.with_suffix(suffix))
    return target


def test_an_ir_of_others_is_tried_out_once(strange, tmp_path, trials) -> None:
    load_classifier(strange)
    assert trials == ["classify"]
    load_classifier(strange)
    read_network(ov.Core(), strange)
    load_classifier(copied(strange, tmp_path / "elsewhere.xml"))
    assert trials == ["classify"]


def test_what_was_only_read_is_tried_out_before_it_runs(strange, trials) -> None:
    read_network(ov.Core(), strange)
    load_classifier(strange)
    load_classifier(strange, inputs=InputOptions(shape=(1, 3, 32, 32)))
    assert trials == ["read", "classify", "classify"]


def test_it_is_given_no_shape_before_that_is_tried_out(strange, trials) -> None:
    input_shape(strange, Ports(shape=(1, 3, 32, 32)))
    network_classes(strange)
    assert trials == ["reshape", "classify"]


@pytest.mark.parametrize("suffix", [".xml", ".bin"])
def test_what_has_changed_is_tried_out_again(strange, trials, suffix) -> None:
    read_network(ov.Core(), strange)
    half = strange.with_suffix(suffix)
    before = half.stat()
    content = bytearray(half.read_bytes())
    if suffix == ".bin":
        content[0] ^= 1
    else:
        content = content.replace(b"<net ", b"<net\n")
    half.write_bytes(content)
    os.utime(half, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert half.stat().st_size == before.st_size
    read_network(ov.Core(), strange)
    assert trials == ["read", "read"]


def test_a_claim_to_be_ours_is_worth_nothing(strange, tmp_path, trials) -> None:
    model = ov.Core().read_model(strange)
    model.set_rt_info("1.0", [PROVENANCE, "version"])
    model.set_rt_info("0" * 64, [PROVENANCE, "caffemodel_sha256"])
    ov.save_model(model, tmp_path / "claims.xml")
    read_network(ov.Core(), tmp_path / "claims.xml")
    assert trials == ["read"]


def test_what_we_have_written_is_known_also_elsewhere_until_it_is_changed(tmp_path, trials) -> None:
    proto, weights = write_net(tmp_path)
    assert caffe2ir.main(["-m", str(weights), "-d", str(proto), "-o", str(tmp_path), "--quiet"]) == 0
    xml = weights.with_suffix(".xml")
    read_network(ov.Core(), xml)
    other = copied(xml, tmp_path / "other.xml")
    read_network(ov.Core(), other)
    assert not trials
    text = other.read_text()
    other.write_text(text.replace("<layers>", "<layers >"))
    read_network(ov.Core(), other)
    assert trials == ["read"]


def test_a_network_that_would_take_gigabytes_is_not_vouched_for(tmp_path, trials) -> None:
    proto, weights = write_net(tmp_path)
    flags = ["--input_shape=[1,3,20000,20000]", "--quiet"]
    assert caffe2ir.main(["-m", str(weights), "-d", str(proto), "-o", str(tmp_path), *flags]) == 0
    read_network(ov.Core(), weights.with_suffix(".xml"))
    assert trials == ["read"]


def test_a_cache_that_others_can_write_to_is_not_believed(strange, own_cache, trials) -> None:
    own_cache.mkdir(parents=True)
    own_cache.chmod(0o777)
    read_network(ov.Core(), strange)
    read_network(ov.Core(), strange)
    assert trials == ["read", "read"]


def test_a_relative_cache_is_none(strange, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", "here")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    read_network(ov.Core(), strange)
    assert not Path("here").exists()
    assert list((tmp_path / "home/.cache/omz/sound").iterdir())


def test_spoilt_entries_say_nothing(strange, own_cache, trials) -> None:
    for half in (strange, strange.with_suffix(".bin")):
        os.utime(half)
    read_network(ov.Core(), strange)
    for entry in own_cache.iterdir():
        entry.write_bytes(b"")
        if entry.name.startswith("sound"):
            entry.unlink()
    read_network(ov.Core(), strange)
    assert trials == ["read", "read"]


def test_the_cache_stays_small(strange, own_cache, monkeypatch) -> None:
    monkeypatch.setattr(vouching, "MAX_ENTRIES", 10)
    for number in range(30):
        vouching.remember(strange, f"use {number}")
    assert len(list(own_cache.iterdir())) <= 11
    assert vouching.known(strange, "use 29")
    assert not vouching.known(strange, "use 0")


def test_holes_are_not_read(strange) -> None:
    os.truncate(strange.with_suffix(".bin"), 1 << 40)
    assert vouching.digest_of(strange) is None
    assert trial.limits([strange.with_suffix(".bin")]).memory_bytes < 1 << 30


def test_a_death_is_one_line(strange, monkeypatch) -> None:
    monkeypatch.setattr(tried, "_RUNS", "signal")
    with pytest.raises(InferenceError, match=r"strange\.xml: .*SIGSEGV"):
        tried._require(strange, "a use", "raise_signal", signal.SIGSEGV)
    with pytest.raises(InferenceError):  # it is not remembered
        tried._require(strange, "a use", "raise_signal", signal.SIGSEGV)
