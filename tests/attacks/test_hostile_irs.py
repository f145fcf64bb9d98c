"""IRs that OpenVINO does not survive, or that ask for terabytes; whoever made them may say that we did.

Its CPU plugin takes indices that a file states for places in memory, without looking whether they are there.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import openvino as ov
import pytest
from attacks.attack import Attack
from openvino import opset13 as ops

from nets.tiny_classifier import draw_picture

FAR = 1 << 40
DEMO = ["classification_demo", "-m", "net.xml", "-i", "p.png", "--no_show"]
OTHERS = [
    ["omz", "info", "-m", "net.xml"],
    ["classification_benchmark_demo", "-m", "net.xml", "-i", "p.png", "-time", "0.2"],
    ["omz_quantizer", "-m", "net.xml", "-s", "pictures", "-o", "out"],
    ["accuracy_check", "-m", "net.xml", "-s", "pictures"],
    ["omz", "report", "-m", "net.xml", "-i", "p.png", "-o", "report.html", "-time", "0.2"],
]


def whole(*numbers: object) -> ov.Node:
    return ops.constant(np.array(numbers[0] if len(numbers) == 1 else numbers, np.int64))


def gather_nd(data: ov.Node) -> ov.Node:
    return ops.reduce_mean(ops.gather_nd(data, whole([[[0, FAR]]]), 1), whole([1]), False)


def scatter_elements(data: ov.Node) -> ov.Node:
    ones = ops.constant(np.ones((1, 1, 1, 2), np.float32))
    changed = ops.scatter_elements_update(data, whole([[[[1, FAR]]]]), ones, whole(3))
    return ops.reduce_mean(changed, whole([2, 3]), False)


def pad(data: ov.Node) -> ov.Node:
    amount, none = whole([0, 2**31 - 1, 1, 1]), whole([0, 0, 0, 0])
    return ops.reduce_mean(ops.pad(data, amount, none, "constant"), whole([2, 3]), False)


def with_sum(data: ov.Node, large: ov.Node) -> ov.Node:
    everything = ops.reduce_sum(large, whole([0, 1]), False)
    return ops.add(ops.reduce_mean(data, whole([2, 3]), False), everything)


def broadcast(data: ov.Node) -> ov.Node:
    return with_sum(data, ops.broadcast(ops.constant(np.float32(1)), whole([1 << 20, 1 << 20])))


def tile(data: ov.Node) -> ov.Node:
    return with_sum(data, ops.tile(ops.constant(np.ones((1, 1), np.float32)), whole([1 << 16, 1 << 16])))


def convolution(data: ov.Node) -> ov.Node:
    weights = ops.constant(np.ones((64, 3, 3, 3), np.float32))
    wide = ops.convolution(data, weights, [1, 1], [30_000, 30_000], [30_000, 30_000], [1, 1])
    return ops.reduce_mean(wide, whole([2, 3]), False)


CRASHES = [gather_nd, scatter_elements, pad]
BOMBS = [broadcast, tile, convolution]


def write(folder: Path, make: Callable[[ov.Node], ov.Node]) -> None:
    data = ops.parameter([1, 3, 16, 16], ov.Type.f32, name="data")
    data.output(0).set_names({"data"})
    answer = ops.softmax(make(data), 1)
    answer.output(0).set_names({"prob"})
    model = ov.Model([ops.result(answer)], [data], "net")
    model.set_rt_info("1.0", ["omz", "version"])
    model.set_rt_info("0" * 64, ["omz", "caffemodel_sha256"])
    ov.save_model(model, folder / "net.xml", compress_to_fp16=False)
    cv2.imwrite(str(folder / "p.png"), draw_picture(1))
    for number in range(3):
        place = folder / "pictures" / str(number)
        place.mkdir(parents=True)
        cv2.imwrite(str(place / "p.png"), draw_picture(number))


@pytest.mark.parametrize("make", CRASHES)
def test_the_demo_outlives_a_network_that_crashes(attack: Attack, make: Callable[[ov.Node], ov.Node]) -> None:
    write(attack.folder, make)
    outcome = attack.run(*DEMO)
    assert outcome.status in (0, 1)  # what crashes one release, another may refuse or compute
    if outcome.status:
        assert len(outcome.err.splitlines()) == 1
        assert "net.xml" in outcome.err


@pytest.mark.parametrize("make", [gather_nd, scatter_elements])
def test_indices_that_lead_far_away_are_refused_whatever_they_hit(attack: Attack, make: Callable) -> None:
    write(attack.folder, make)
    assert "net.xml" in attack.refused(*DEMO)


@pytest.mark.parametrize("make", BOMBS)
def test_the_demo_refuses_a_network_that_grows(attack: Attack, make: Callable[[ov.Node], ov.Node]) -> None:
    write(attack.folder, make)
    assert "net.xml" in attack.refused(*DEMO, seconds=20)


@pytest.mark.slow
@pytest.mark.parametrize("make", [*CRASHES, broadcast, convolution])
def test_no_command_dies_of_one(attack: Attack, make: Callable[[ov.Node], ov.Node]) -> None:
    write(attack.folder, make)
    for command in OTHERS:
        outcome = attack.run(*command, patience=200)
        assert outcome.seconds < 30
        assert outcome.status in (0, 1), outcome.err
        assert outcome.megabytes < 1100, command  # NNCF alone needs 500


def test_a_notebook_outlives_one(attack: Attack) -> None:
    write(attack.folder, gather_nd)
    code = (
        "import omz\n"
        "try:\n    omz.load('net.xml')('p.png')\n"
        "except omz.ZooError as error:\n    print('refused:', error)\n"
        "print('goes on')"
    )
    outcome = attack.run(sys.executable, "-c", code)
    assert outcome.out.splitlines()[-1] == "goes on"
