"""Fuzz ``accuracy-check.yml`` and files of definitions: read, and the steps that they state done to a picture."""

from __future__ import annotations

import zlib
from contextlib import suppress
from pathlib import Path

import harness

with harness.measured():
    from omz.accuracy.definitions import load_definition
    from omz.inference.picture_input import PictureInput
    from omz.inference.preparation import preprocessing_of
    from omz.zoo.accuracy_check import load_evaluation
    from omz.zoo.step_effects import in_words
    from omz.zoo.steps import PictureSteps

import numpy as np
from mutations import mutated_yaml

from omz.errors import ZooError
from omz.zoo import catalogue

LAUNCHERS = ("openvino", "caffe", "onnx_runtime")
CHOSEN = ("se-resnext-50", "gluon_seresnext50_32x4d", "googlenet-v2", "mobilenet-v2")
OWN = """\
models:
- name: net
  launchers: [{framework: openvino, adapter: classification}]
  datasets:
  - name: mine
    reader: {type: pillow_imread}
    data_source: pictures
    labels: imagenet_2012
    subsample_size: 10%
    subsample_seed: 3
    annotation_conversion: {converter: imagenet, annotation_file: val.txt, has_background: true}
    preprocessing:
    - {type: resize, size: 12, aspect_ratio_scale: greater, use_pillow: true, interpolation: BICUBIC}
    - {type: crop, dst_width: 8, dst_height: 8, use_pillow: true}
    - {type: rgb_to_bgr}
    - {type: normalization, mean: [1, 2, 3], std: [4, 5, 6]}
    metrics:
    - {type: accuracy, name: accuracy@top5, top_k: 5, reference: 0.5}
    - {type: accuracy_per_class, reference: {mean: 0.5, tench: 0.1}}
    - {type: classification_f1-score, pos_label: 1}
"""
PICTURES = [np.zeros((height, width, 3), np.uint8) for height, width in ((8, 6), (300, 1), (20, 20))]


def read(path: Path) -> None:
    """Read the file as whichever of the two it is, and do all that needs no data and no network."""
    content = path.read_bytes()
    number = zlib.crc32(content)
    with suppress(ZooError):
        load_definition("imagenet_1000_classes", path)
    evaluation = load_evaluation(path, LAUNCHERS[0 if number % 4 else number // 4 % len(LAUNCHERS)])
    if any(not 0 <= share <= 1 for share in evaluation.references.values()) or evaluation.ranks < 1:
        raise ValueError("a reference that is no share")
    with suppress(ZooError):
        load_definition(evaluation.dataset, None, evaluation.own)
    steps = evaluation.steps
    in_words(steps)
    if PictureSteps.from_text(steps.to_text(), "text") != steps:
        raise ValueError("the steps do not come back from the IR's text")
    sides = [8, 224, 299, 320][number // 16 % 4]
    preparation = preprocessing_of(steps, PictureInput("NCHW", 1, 3, sides, sides), "a file")
    for picture in PICTURES:
        result = preparation.apply(picture)
        if result.ndim != 3:
            raise ValueError("a picture of no channels")


def seeds() -> list[bytes]:
    root = catalogue.packaged_root()
    return [
        OWN.encode(),
        (root / "datasets.yml").read_bytes(),
        *((root / "public" / name / "accuracy-check.yml").read_bytes() for name in CHOSEN),
    ]


if __name__ == "__main__":
    harness.fuzz(read, "accuracy-check.yml", seeds(), mutated_yaml)
