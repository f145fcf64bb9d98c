"""Quantization of the bundled sample: accuracy, determinism, what the IR says, and who runs it."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import openvino as ov
import pytest

from omz.errors import ConversionError, InferenceError, UsageError
from omz.inference.benchmark import benchmark
from omz.inference.classification import classify
from omz.inference.classifier import load_classifier
from omz.inference.devices import DeviceOptions
from omz.quantizer import Options, quantize_model
from omz.quantizer.calibration import Unlabelled, digest
from omz.zoo.label_text import exact_record, label_text

from .conftest import FOLDER, Sample, prepare

#: Each of these takes seconds.
pytestmark = pytest.mark.slow


def right(xml, samples) -> int:
    compiled = ov.Core().compile_model(xml, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    pictures = [prepare(sample.path).transpose(2, 0, 1)[None].astype(np.float32) for sample in samples]
    answers = [compiled(picture)[0].reshape(-1).argmax() for picture in pictures]
    return sum(answer == sample.label for answer, sample in zip(answers, samples, strict=True))


def content(xml) -> tuple[bytes, bytes]:
    return xml.read_bytes(), xml.with_suffix(".bin").read_bytes()


def info(xml, section) -> dict[str, str]:
    return ov.Core().read_model(xml).get_rt_info([section]).astype(dict)


def ranges(xml) -> list[tuple[float, float]]:
    """Return the lowest and highest value of each quantized activation."""
    return [
        tuple(float(op.input_value(place).get_node().data.reshape(-1)[0]) for place in (1, 2))
        for op in ov.Core().read_model(xml).get_ops()
        if op.get_type_name() == "FakeQuantize"
    ]


def is_symmetric(low: float, high: float) -> bool:
    return low == 0 or np.isclose(low, -high * 128 / 127, rtol=1e-3) or np.isclose(low, -high, rtol=1e-3)


def test_loses_at_most_a_point_on_the_held_out_digits(xml, int8, held_out):
    before = right(xml, held_out)
    assert before == 355
    assert right(int8, held_out) >= before - 0.01 * len(held_out)


def test_weights_are_stored_in_8_bits(xml, int8):
    types = [
        op.get_element_type()
        for op in ov.Core().read_model(int8).get_ops()
        if op.get_type_name() == "Constant" and len(op.shape) >= 2 and op.data.size > 64
    ]
    assert {ov.Type.i8} == {kind for kind in types if kind.bitwidth == 8}
    assert int8.with_suffix(".bin").stat().st_size < 0.35 * xml.with_suffix(".bin").stat().st_size


def test_same_bytes_in_one_process_and_in_another_on_one_core(xml, int8, trained_on, tmp_path):
    again = quantize_model(xml, trained_on, prepare, output=tmp_path / int8.name).xml
    assert content(again) == content(int8)
    program = (
        "import os, sys; from pathlib import Path\n"
        "os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n"
        "from quantizer.conftest import Sample, prepare\n"
        "from omz.quantizer import quantize_model\n"
        "source, output, *rest = map(Path, sys.argv[1:])\n"
        "quantize_model(source, [Sample(path, 0) for path in rest], prepare, output=output)"
    )
    other = tmp_path / "other" / int8.name
    subprocess.run(
        [sys.executable, "-c", program, xml, other, *(sample.path for sample in trained_on)],
        check=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
    )
    assert content(other) == content(int8)


def test_ir_says_what_it_is_where_it_comes_from_and_how_it_was_quantized(xml, int8, trained_on):
    for section in ("model_info", "omz"):
        told, before = info(int8, section), info(xml, section)
        assert told.pop("weights", 1) != before.pop("weights", 0)  # each names its own
        assert told == before != {}
    facts = info(int8, "omz_quantization")
    assert facts.pop("nncf")
    assert facts == {
        "method": "post-training, 8 bits",
        "preset": "performance",
        "bias_correction": "full",
        "overflow_fix": "first_layer",
        "target_device": "CPU",
        "subset_size": "100",
        "calibration_sha256": digest(trained_on),
    }
    assert not ov.Core().read_model(int8).has_rt_info(["nncf"])
    assert str(trained_on[0].path.parent).encode() not in int8.read_bytes()


def test_digest_tells_pictures_and_their_order_and_not_their_place(trained_on, tmp_path):
    copy = Sample(tmp_path / "copy.png", 3)
    copy.path.write_bytes(trained_on[0].path.read_bytes())
    assert digest(trained_on[:2]) == digest([copy, trained_on[1]])
    assert len({digest(trained_on[:2]), digest(trained_on[1::-1]), digest(trained_on[:1])}) == 3


def test_model_api_runs_it_unchanged(int8):
    from model_api.models import ClassificationModel

    model = ClassificationModel.create_model(str(int8), configuration={"topk": 3})
    for path in sorted((FOLDER / "images").glob("*.png")):
        assert model(cv2.imread(str(path))).top_labels[0].name == path.stem


def test_both_demos_run_it_unchanged(int8):
    for result in classify(int8, FOLDER / "images"):
        assert FOLDER / "images" / f"{result.top[0].label.replace(' ', '_')}.png" == FOLDER / result.source
    report = benchmark(
        int8,
        FOLDER / "heldout",
        device=DeviceOptions(precision="f32"),
        ground_truth=FOLDER / "heldout.txt",
        seconds=0.5,
    )
    assert report.accuracy.top[1] > 0.97


def test_npu_gets_symmetric_activations_and_static_shapes(xml, trained_on, tmp_path):
    dynamic = ov.Core().read_model(xml)
    dynamic.reshape([-1, 3, 32, 32])
    ov.save_model(dynamic, tmp_path / "dynamic.xml", compress_to_fp16=False)
    for device in ("NPU", "CPU"):
        quantize_model(
            tmp_path / "dynamic.xml",
            trained_on[:20],
            prepare,
            Options(target_device=device),
            output=tmp_path / device / "net.xml",
        )
    npu, cpu = (ov.Core().read_model(tmp_path / device / "net.xml") for device in ("NPU", "CPU"))
    assert cpu.is_dynamic()
    assert not npu.is_dynamic()
    assert all(is_symmetric(*one) for one in ranges(tmp_path / "NPU" / "net.xml"))


def test_mixed_preset_has_zero_points(xml, trained_on, tmp_path):
    mixed = quantize_model(
        xml, trained_on[:20], prepare, Options(preset="mixed"), output=tmp_path / "mixed.xml"
    )
    assert not all(is_symmetric(*one) for one in ranges(mixed.xml))


@pytest.mark.parametrize(("fix", "halved"), [("off", 0), ("first_layer", 1), ("all", None)])
def test_overflow_fix_keeps_weights_to_7_bits(xml, trained_on, tmp_path, fix, halved):
    options = Options(overflow_fix=fix, bias_correction="fast")
    result = quantize_model(xml, trained_on[:5], prepare, options, output=tmp_path / "net.xml")
    largest = [
        int(np.abs(op.data.astype(np.int32)).max())
        for op in ov.Core().read_model(result.xml).get_ordered_ops()
        if op.get_type_name() == "Constant" and op.get_element_type() == ov.Type.i8
    ]
    assert len(largest) == 17  # all layers with weights but the 8 of the gates, which NNCF leaves as they are
    assert sum(value <= 64 for value in largest) == (len(largest) if halved is None else halved)


def blank(folder) -> list[Sample]:
    """Return what no calibration should be done with: a sheet without ink."""
    cv2.imwrite(str(folder / "blank.png"), np.full((40, 40, 3), 235, np.uint8))
    return [Sample(folder / "blank.png", 0)]


def test_layers_are_given_back_until_little_enough_is_lost(xml, held_out, tmp_path):
    plain = Options(preset="mixed", bias_correction="fast")
    spoilt = quantize_model(xml, blank(tmp_path), prepare, plain, output=tmp_path / "spoilt.xml")
    assert right(spoilt.xml, held_out) < 355
    within = Options(preset="mixed", bias_correction="fast", max_drop=0.0)
    result = quantize_model(
        xml, blank(tmp_path), prepare, within, output=tmp_path / "mended.xml", validation=held_out
    )
    assert result.given_back
    assert result.value_before == 355 / 360
    assert round(360 * result.value) == right(result.xml, held_out) >= 355
    assert info(result.xml, "omz_quantization")["given_back"] == " ".join(result.given_back)
    mended = {op.get_friendly_name(): op for op in ov.Core().read_model(result.xml).get_ops()}
    for name in result.given_back:
        weights = mended[name].input_value(1).get_node()
        assert weights.get_type_name() == "Constant"
        assert weights.get_element_type() == ov.Type.f32


def test_nothing_is_written_where_too_much_is_lost(xml, trained_on, tmp_path, monkeypatch):
    """A network that gets everything right before, and nothing after."""
    from omz.quantizer import quantize

    shares = iter((1.0, 0.5))
    monkeypatch.setattr(quantize.backend, "quantize_within", lambda model, *_, **__: (model, model))
    monkeypatch.setattr(quantize.Judge, "__call__", lambda *_: next(shares))
    with pytest.raises(ConversionError, match=r"loses 50.00 points of top-1 on 5 pictures"):
        quantize_model(
            xml, trained_on[:5], prepare, Options(max_drop=0.01), output=tmp_path / "a" / "net.xml"
        )
    assert not (tmp_path / "a").exists()


def test_batch_of_the_ir_does_not_matter_to_the_number_of_pictures(xml, held_out, trained_on, tmp_path):
    model = ov.Core().read_model(xml)
    model.reshape([8, 3, 32, 32])
    ov.save_model(model, tmp_path / "eight.xml", compress_to_fp16=False)
    result = quantize_model(tmp_path / "eight.xml", trained_on[:20], prepare, output=tmp_path / "net.xml")
    assert result.pictures == 20
    network = ov.Core().read_model(result.xml)
    assert list(network.input(0).shape) == [8, 3, 32, 32]
    network.reshape([1, 3, 32, 32])
    ov.save_model(network, tmp_path / "one.xml")
    assert right(tmp_path / "one.xml", held_out) >= 355 - 4


def test_unreadable_pictures_are_named_and_left_out(xml, trained_on, tmp_path, caplog):
    bad = Sample(tmp_path / "bad.png", 0)
    bad.path.write_bytes(b"no picture")

    def strict(path):
        if path == bad.path:
            raise InferenceError(f"{path}: no picture that OpenCV reads")
        return prepare(path)

    with caplog.at_level(logging.WARNING):
        result = quantize_model(xml, [bad, *trained_on[:5]], strict, output=tmp_path / "net.xml")
    assert result.pictures == 5
    assert "bad.png" in caplog.text
    with pytest.raises(InferenceError, match="no picture that can be read"):
        quantize_model(xml, [bad], strict, output=tmp_path / "net.xml")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"preset": "best"}, "--preset 'best': expected one of performance, mixed"),
        ({"target_device": "NPU", "preset": "mixed"}, "an NPU computes symmetrically"),
        ({"max_drop": 1.5}, "--max_drop 1.5: expected a share from 0 to 1"),
        ({"max_drop": float("nan")}, "--max_drop nan: expected a share"),
    ],
)
def test_options_that_cannot_be(options, message):
    with pytest.raises(UsageError, match=message):
        Options(**options)


def test_what_nncf_refuses_is_one_line(xml, trained_on, tmp_path, monkeypatch):
    import nncf

    def refuse(*_, **__):
        raise nncf.UnsupportedModelError("first line\nwhat is wrong")

    monkeypatch.setattr(nncf, "quantize", refuse)
    with pytest.raises(ConversionError, match="NNCF cannot quantize this network: what is wrong") as caught:
        quantize_model(xml, trained_on[:3], prepare, output=tmp_path / "net.xml")
    assert str(xml) in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_calibration_needs_no_classes_and_the_bound_on_what_is_lost_does(xml, int8, trained_on, tmp_path):
    pictures = [Unlabelled(sample.path) for sample in trained_on]
    assert content(quantize_model(xml, pictures, prepare, output=tmp_path / int8.name).xml) == content(int8)
    with pytest.raises(UsageError, match="only on pictures whose class is known"):
        quantize_model(xml, pictures, prepare, Options(max_drop=0.01), output=tmp_path / "bounded.xml")
    assert not (tmp_path / "bounded.xml").exists()


def test_exact_names_of_classes_stay(xml, trained_on, tmp_path):
    """Beside Model API's text, which has '_' for blanks."""
    names = [f"red_{number}" for number in range(10)] + [f"blue {number}" for number in range(10)]
    model = ov.Core().read_model(xml)
    model.set_rt_info(label_text(names), ["model_info", "labels"])
    model.set_rt_info(exact_record(names), ["omz", "labels"])
    ov.save_model(model, tmp_path / "names.xml", compress_to_fp16=False)
    int8 = quantize_model(tmp_path / "names.xml", trained_on[:20], prepare, output=tmp_path / "int8.xml").xml
    assert load_classifier(int8).labels == tuple(names)
