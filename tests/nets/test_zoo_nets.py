"""The generated nets of the zoo's models against the published files: layer by layer, and in size."""

from __future__ import annotations

import hashlib
import math
from typing import Any

import pytest

from nets import infer, parse_prototxt
from nets.zoo import NETS, published_form, published_text
from omz.zoo import catalogue
from omz.zoo.postprocessing import RegexReplace
from omz.zoo.schema import Model

MODELS = {
    model.name: model for model in catalogue.load_all(catalogue.packaged_root()) if isinstance(model, Model)
}

#: The start of the SHA-256 of each published prototxt in the form that ``normalized`` gives it. Those of googlenet-v4
#: and inception-resnet-v2 are of the files that soeaver/caffe-model has today; all others of the zoo's own files.
DIGESTS = {
    "alexnet": "0a51f23485a4dee5",
    "caffenet": "e2bbd63ccd47c945",
    "densenet-121": "45a97eb9a7e7d752",
    "densenet-161": "eef3913eba927c52",
    "densenet-169": "028dbccf56c594f8",
    "densenet-201": "8b701ac488f3d194",
    "googlenet-v1": "d9215a9827f2532e",
    "googlenet-v2": "6076a2d0d9583d45",
    "googlenet-v4": "2786b163a236eaf3",
    "inception-resnet-v2": "3c9e063c452e342e",
    "mobilenet-v1-1.0-224": "1bf81d9959df1c18",
    "mobilenet-v2": "15aacabcb5e71ec2",
    "resnet-50": "1ff382797d2659f7",
    "resnet-101": "2c9ff9ee9ac591dd",
    "resnet-152": "7a1b6b125e230b6a",
    "se-inception": "abb9b214ab0506db",
    "se-resnet-50": "142729acdf1f4d7f",
    "se-resnet-101": "b302080dec1ce2bb",
    "se-resnet-152": "646341d25f3c7d18",
    "se-resnext-50": "1fdb875e6aabd959",
    "se-resnext-101": "934a30491615267b",
    "shufflenet-v2-x0.5": "83517798c8d90a1e",
    "squeezenet1.0": "bafc24d117d1b1b8",
    "squeezenet1.1": "732de943ce389e70",
    "vgg16": "33a1eff6a3a4992a",
    "vgg19": "bd7e43426512d37d",
}

#: Caffemodels that hold classifiers of the training net, too.
WITH_TRAINING_HEADS = {"googlenet-v1", "googlenet-v2"}


def normalized(net: Any) -> bytes:
    """Return a net without what inference does not read, and without defaults that are spelt out, as bytes."""
    plain = type(net)()
    plain.CopyFrom(net)
    _strip(plain)
    for layer in plain.layer:
        for field, value in layer.ListFields():
            if field.name.endswith("_param") and not value.ByteSize():
                layer.ClearField(field.name)
    return plain.SerializeToString(deterministic=True)


def _strip(message: Any) -> None:
    spelt_out = {"pad": [0], "stride": [1], "dilation": [1]}
    for field, value in message.ListFields():
        repeated = not hasattr(value, "ListFields") and hasattr(value, "extend")
        if field.name in ("param", "weight_filler", "bias_filler"):
            message.ClearField(field.name)
        elif field.message_type:
            for part in value if repeated else [value]:
                _strip(part)
        elif list(value) == spelt_out.get(field.name) if repeated else value == field.default_value:
            message.ClearField(field.name)


@pytest.mark.parametrize("name", NETS)
def test_generated_net_equals_the_published_one(name):
    assert hashlib.sha256(normalized(published_form(name))).hexdigest()[:16] == DIGESTS[name]


def test_digests_depend_on_what_inference_reads():
    text = 'layer { name: "a" type: "Pooling" bottom: "x" top: "a" pooling_param { kernel_size: 3 %s } }'
    usual = normalized(parse_prototxt(text % ""))
    assert normalized(parse_prototxt(text % "pool: MAX stride: 1")) == usual
    assert normalized(parse_prototxt(text % "pool: AVE")) != usual
    text = 'layer { name: "a" type: "Convolution" bottom: "x" top: "a" %s convolution_param { num_output: 3 %s } }'
    usual = normalized(parse_prototxt(text % ("", "")))
    filled = 'pad: 0 stride: 1 weight_filler { type: "xavier" }'
    assert normalized(parse_prototxt(text % ("param { lr_mult: 1 }", filled))) == usual
    assert normalized(parse_prototxt(text % ("", "pad: 1"))) != usual
    assert normalized(parse_prototxt(text % ("", "bias_term: false"))) != usual


@pytest.mark.parametrize("name", NETS)
def test_weights_are_as_large_as_the_published_caffemodel(name):
    published = next(file.size for file in MODELS[name].files if file.name.endswith(".caffemodel"))
    weights = infer(NETS[name]())[1]
    floats = 4 * sum(math.prod(shape) for shapes in weights.values() for shape in shapes)
    if name in WITH_TRAINING_HEADS:
        assert floats < published
    else:
        assert floats == pytest.approx(published, rel=0.01)


def test_text_has_the_faults_that_postprocessing_mends():
    mended = {name for name, model in MODELS.items() if "dim: 10" in patterns(model)}
    assert {name for name in NETS if "dim: 10" in published_text(name)} == mended | {"caffenet"}
    assert [name for name in NETS if "\nlayers {" in published_text(name)] == [
        "googlenet-v2",
        "vgg16",
        "vgg19",
    ]
    assert [name for name, model in MODELS.items() if r"layers \{" in patterns(model)] == ["googlenet-v2"]


def patterns(model: Model) -> list[str]:
    return [step.pattern for step in model.postprocessing if isinstance(step, RegexReplace)]
