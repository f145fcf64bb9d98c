"""The bundled digits as IRs, and a net whose answer is coded in a picture's colour."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from omz.zoo.label_order import KNOWN_PICTURES
from omz.zoo.labels import load_labels

CLASSES = 1000


@pytest.fixture(scope="session")
def digits(tmp_path_factory) -> Path:
    """A tree with the bundled sample in FP32 and FP16."""
    from omz.converter.zoo_model import convert_model
    from omz.downloader.download import download_models
    from omz.zoo.catalogue import load_model, packaged_root

    root, tree = packaged_root(), tmp_path_factory.mktemp("tree")
    model = load_model(root / "samples/se-resnext-digits/model.yml", root)
    assert not download_models([model], tree)
    convert_model(model, tree, tree, ("FP32", "FP16"))
    return tree


def colour(code: int) -> tuple[int, int, int]:
    """A colour (BGR) for each class, far from the others."""
    return 25 * (code % 10), 25 * (code // 10 % 10), 25 * (code // 100)


def build_reader(xml: Path, labels: str, side: int = 8) -> Path:
    """Write a net that answers with the class whose colour the picture has; classes in the order of ``labels``.

    A class's colour is that of its index in imagenet_2012, so the same picture is another index in another order.
    """
    import openvino as ov
    from openvino import opset13 as op

    colours = {one.wnid: colour(one.index) for one in load_labels("imagenet_2012")}
    codes = np.array([colours[one.wnid] for one in load_labels(labels)], np.float32)
    data = op.parameter([1, 3, side, side], np.float32, name="data")
    mean = op.reduce_mean(data, op.constant([2, 3]), keep_dims=False)
    # the nearest code: -|v - c|^2 is 2 v.c - |c|^2 and what is the same for all classes
    product = op.matmul(mean, op.constant(2 * codes.T), False, False)
    scores = op.subtract(product, op.constant((codes**2).sum(1, keepdims=True).T))
    model = ov.Model([op.result(scores)], [data], "reader")
    data.set_layout(ov.Layout("NCHW"))
    xml.parent.mkdir(parents=True, exist_ok=True)
    ov.save_model(model, xml, compress_to_fp16=False)
    return xml


@pytest.fixture(scope="session")
def readers(tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("readers")
    return {
        labels: build_reader(folder / f"{labels}.xml", labels)
        for labels in ("imagenet_2012", "imagenet_2015")
    }


@pytest.fixture(scope="session")
def pictures(tmp_path_factory) -> tuple[Path, list[tuple[str, str]]]:
    """1,000 pictures, one for each class, every fourth of the next class's colour; with (name, wnid) of each.

    The first ten are called as ImageNet's first ten, of the classes that those have.
    """
    folder = tmp_path_factory.mktemp("imagenet") / "ILSVRC2012_img_val"
    folder.mkdir()
    index = {one.wnid: one.index for one in load_labels("imagenet_2012")}
    first = list(KNOWN_PICTURES.values())
    wnids = first + [wnid for wnid in index if wnid not in first]
    rows = []
    for number, wnid in enumerate(wnids, start=1):
        wrong = number % 4 == 0
        name = f"ILSVRC2012_val_{number:08}.png"
        bgr = colour((index[wnid] + wrong) % CLASSES)
        cv2.imwrite(str(folder / name), np.full((9, 11, 3), bgr, np.uint8))
        rows.append((name, wnid))
    return folder, rows


@pytest.fixture
def write_list(pictures):
    """Write a list of the pictures in an order of the classes, beside the pictures' folder."""

    def write(name: str, order: str, rows=None) -> Path:
        index = {one.wnid: one.index for one in load_labels(order)}
        path = pictures[0].parent / name
        lines = [f"{picture} {index[wnid]}" for picture, wnid in (rows or pictures[1])]
        path.write_text("\n".join(lines) + "\n")
        written.append(path)
        return path

    written: list[Path] = []
    yield write
    for path in written:
        path.unlink(missing_ok=True)
