"""Device strings and the properties that follow from the options."""

from __future__ import annotations

import pytest

from omz.errors import InferenceError, UsageError
from omz.inference.devices import DeviceOptions, parse_device, properties

TWO_GPUS = ["CPU", "GPU.0", "GPU.1", "NPU"]


@pytest.mark.parametrize(
    ("text", "available", "targets"),
    [
        ("CPU", ["CPU"], ("CPU",)),
        ("cpu", ["CPU"], ("CPU",)),
        ("GPU", TWO_GPUS, ("GPU",)),
        ("GPU.1", TWO_GPUS, ("GPU.1",)),
        ("GPU.0", ["CPU", "GPU"], ("GPU.0",)),
        ("NPU", TWO_GPUS, ("NPU",)),
        ("AUTO", TWO_GPUS, ("CPU", "GPU.0", "GPU.1", "NPU")),
        ("AUTO:GPU,CPU", TWO_GPUS, ("GPU", "CPU")),
        ("AUTO:-GPU.0,CPU", TWO_GPUS, ("CPU",)),
        ("AUTO:-NPU", TWO_GPUS, ("CPU", "GPU.0", "GPU.1")),
        ("MULTI:GPU.1(4),CPU(2)", TWO_GPUS, ("GPU.1", "CPU")),
        ("HETERO:NPU,CPU", TWO_GPUS, ("NPU", "CPU")),
    ],
)
def test_devices_that_are_there(text, available, targets):
    device = parse_device(text, available)
    assert device.targets == targets
    assert device.text == text.upper()


@pytest.mark.parametrize(
    "text",
    [
        "GPU",
        "GPU.1",
        "NPU",
        "TPU",
        "",
        "CPU.0",
        "CPU:1",
        "AUTO:GPU,CPU",
        "MULTI:",
        "MULTI",
        "HETERO:CPU,",
        "X:CPU",
    ],
)
def test_a_device_that_is_not_there_gives_one_line_naming_those_that_are(text):
    with pytest.raises(InferenceError) as error:
        parse_device(text, ["CPU"])
    assert "Available: CPU" in str(error.value)
    assert len(str(error.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("text", "meant"), [("GPUU", "GPU"), ("cpi", "CPU"), ("AUTOO:CPU", "AUTO"), ("MULTI:CPU,NPUU", "NPU")]
)
def test_a_mistyped_device_is_answered_with_the_nearest(text, meant):
    with pytest.raises(InferenceError, match=rf"is not there\. Did you mean {meant}\?"):
        parse_device(text, ["CPU"])


@pytest.mark.parametrize("text", ["GPU", "GPU.1", "NPU", "AUTO:GPU,CPU"])
def test_a_device_of_another_machine_is_no_mistake(text):
    with pytest.raises(InferenceError) as error:
        parse_device(text, ["CPU"])
    assert "Did you mean" not in str(error.value)


def test_a_second_gpu_is_not_the_first():
    with pytest.raises(InferenceError, match="Available: CPU, GPU"):
        parse_device("GPU.1", ["CPU", "GPU"])


def config(text="CPU", **options):
    return properties(DeviceOptions(device=text, **options), parse_device(text, TWO_GPUS))


def test_throughput_is_the_default_hint():
    assert config() == {"PERFORMANCE_HINT": "THROUGHPUT"}
    assert config(hint="latency") == {"PERFORMANCE_HINT": "LATENCY"}
    assert config(hint="none") == {}


def test_explicit_streams_and_threads_take_the_place_of_the_hint():
    assert config(streams="2", threads=3) == {"NUM_STREAMS": "2", "INFERENCE_NUM_THREADS": 3}
    assert config(streams="2", hint="latency") == {"NUM_STREAMS": "2", "PERFORMANCE_HINT": "LATENCY"}


def test_virtual_devices_get_properties_for_each_device_behind_them():
    assert config("MULTI:GPU.1,CPU", streams="CPU:2,GPU.1:1", threads=4, precision="f32") == {
        "DEVICE_PROPERTIES": {
            "GPU.1": {"NUM_STREAMS": "1", "INFERENCE_PRECISION_HINT": "f32"},
            "CPU": {"NUM_STREAMS": "2", "INFERENCE_NUM_THREADS": 4, "INFERENCE_PRECISION_HINT": "f32"},
        }
    }


@pytest.mark.parametrize("streams", ["0", "-1", "two", "GPU:2", "CPU:0", "CPU:", "CPU:1;GPU:1"])
def test_bad_streams_are_wrong_usage(streams):
    with pytest.raises(UsageError, match="-nstreams"):
        config(streams=streams)


def test_threads_are_for_the_cpu():
    with pytest.raises(UsageError, match="-nthreads"):
        config("GPU", threads=2)


@pytest.mark.parametrize(
    "options",
    [
        {"device": "AUTO"},
        {"device": "AUTO:CPU", "streams": "CPU:1"},
        {"device": "MULTI:CPU", "precision": "f32"},
        {"device": "HETERO:CPU", "streams": "1", "threads": 1},
        {"device": "CPU", "streams": "2", "threads": 2, "hint": "throughput"},
        {"device": "CPU", "hint": "latency", "precision": "bf16"},
    ],
)
def test_openvino_takes_the_properties(options, tiny):
    from omz.inference.classifier import load_classifier

    classifier = load_classifier(tiny.xml, DeviceOptions(**options))
    assert classifier.execution_devices == ["CPU"]
    if "streams" in options and options["device"] == "CPU":
        assert classifier.streams == int(options["streams"])
    if options.get("precision") == "f32" and options["device"] == "CPU":
        assert classifier.precision == "f32"
