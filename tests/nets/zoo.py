"""The nets of the zoo's Caffe models by the models' names, and their files in the form that they are published in."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from omz.downloader.pool import CancelToken
from omz.downloader.postprocessing import postprocess
from omz.zoo.schema import Model

from .alexnets import alexnet, caffenet, squeezenet, vgg
from .builder import prototxt
from .caffemodel import Style, legacy_input, v1_net, write_caffemodel
from .densenets import densenet
from .inceptions import googlenet_v1, googlenet_v2, inception_resnet_v2, inception_v4
from .mobilenets import mobilenet_v1, mobilenet_v2, shufflenet_v2
from .resnets import resnet
from .senets import se_inception, se_resnet, se_resnext

NETS: dict[str, Callable[[], Any]] = {
    "alexnet": alexnet,
    "caffenet": caffenet,
    **{f"densenet-{depth}": partial(densenet, depth) for depth in (121, 161, 169, 201)},
    "googlenet-v1": googlenet_v1,
    "googlenet-v2": googlenet_v2,
    "googlenet-v4": inception_v4,
    "inception-resnet-v2": inception_resnet_v2,
    "mobilenet-v1-1.0-224": mobilenet_v1,
    "mobilenet-v2": mobilenet_v2,
    **{f"resnet-{depth}": partial(resnet, depth) for depth in (50, 101, 152)},
    "se-inception": se_inception,
    "se-resnet-50": se_resnet,
    "se-resnet-101": partial(se_resnet, (3, 4, 23, 3)),
    "se-resnet-152": partial(se_resnet, (3, 8, 36, 3)),
    "se-resnext-50": se_resnext,
    "se-resnext-101": partial(se_resnext, (3, 4, 23, 3), name="SE-ResNeXt-101 (32 x 4d)"),
    "shufflenet-v2-x0.5": shufflenet_v2,
    "squeezenet1.0": partial(squeezenet, "1.0"),
    "squeezenet1.1": partial(squeezenet, "1.1"),
    "vgg16": partial(vgg, 16),
    "vgg19": partial(vgg, 19),
}

INPUT_DIM = re.compile(r"densenet-.*|mobilenet-.*|resnet-.*")
INPUT_SHAPE = re.compile(r"googlenet-v[24]|inception-resnet-v2|squeezenet1\.0")
OLD_FORM = {"vgg16", "vgg19"}


def published_form(name: str) -> Any:
    """Return a model's net with the input declared as in the published prototxt, one of three ways."""
    net = NETS[name]()
    if name in OLD_FORM:
        return v1_net(net)
    if INPUT_SHAPE.fullmatch(name):
        return legacy_input(net, shapes=True)
    return legacy_input(net) if INPUT_DIM.fullmatch(name) else net


def published_text(name: str) -> str:
    """Return the text of a prototxt as it is downloaded, with the faults that post-processing mends."""
    text = prototxt(published_form(name))
    if name == "googlenet-v2":
        start = text.rindex("layer {")
        text = text[:start] + text[start:].replace("layer {", "layers {", 1)
    return text


def caffemodel_style(name: str) -> Style:
    """Return the dialect of the model's published caffemodel."""
    return "v1" if name in OLD_FORM else "packed"


def lay_out(model: Model, weights: Any, folder: Path) -> None:
    """Put the files of a model of the zoo where the downloader does, and post-process them as it does."""
    place = folder / model.subdirectory
    place.mkdir(parents=True)
    for file in model.files:
        path = place / model.stored_name(file)
        if file.name.endswith(".prototxt"):
            path.write_text(published_text(model.name))
        else:
            write_caffemodel(path, NETS[model.name](), weights, style=caffemodel_style(model.name))
    postprocess(model, model.files, place, CancelToken())
