"""The benchmark's truth is what accuracy_check takes, with the same figures and the same advice."""

from __future__ import annotations

import json
import shutil

import openvino as ov
import pytest

from omz.demos.classification_benchmark_demo.command import main
from omz.zoo.labels import load_labels

#: Each of these takes a second or more.
pytestmark = pytest.mark.slow

ORDERS = ("imagenet_2012", "imagenet_2015")


@pytest.fixture(scope="module")
def few(pictures, tmp_path_factory):
    """Hundred of the pictures, in a folder; every fourth looks like another class."""
    folder = tmp_path_factory.mktemp("few")
    for name, _ in pictures[1][:100]:
        shutil.copy(pictures[0] / name, folder)
    return folder


@pytest.fixture(scope="module")
def named(readers, tmp_path_factory):
    """The nets that read colours, with their labels in the IR."""
    folder = tmp_path_factory.mktemp("named")
    for order in ORDERS:
        model = ov.Core().read_model(readers[order])
        names = " ".join(one.name.replace(" ", "_") for one in load_labels(order))
        model.set_rt_info(names, ["model_info", "labels"])
        ov.save_model(model, folder / f"{order}.xml", compress_to_fp16=False)
    return folder


@pytest.fixture
def demo(capfd):
    def call(*arguments):
        options = ["-time", "0.1", "--infer_precision", "f32", "--no_show", "--json", "-"]
        status = main([*map(str, arguments), *options])
        shown = capfd.readouterr()
        assert status == 0, shown.err
        return json.loads(shown.out), shown.err

    return call


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("network", ORDERS)
def test_a_list_in_either_order_serves_any_network(demo, few, named, write_list, pictures, network, order):
    path = write_list("mine.txt", order, pictures[1][:100])
    report, err = demo("-m", named / f"{network}.xml", "-i", few, "-gt", path)
    assert report["accuracy"]["top1"] == 0.75
    assert report["accuracy"]["counted"] == 100
    assert report["notes"] == [f"mine.txt is in the order {order}, told by pictures whose class is known"]
    assert report["advice"] == ""
    assert "WARNING" not in err


def test_chance_level_is_told_with_what_to_try(demo, few, named, write_list, pictures):
    rows = pictures[1][10:100]  # without those that tell the order
    path = write_list("mine.txt", "imagenet_2012", rows)
    arguments = ("-m", named / "imagenet_2015.xml", "-i", few, "-gt", path)
    report, err = demo(*arguments)
    right = 100 * sum(number % 4 != 0 for number in range(11, 101)) / 90
    assert report["accuracy"]["top1"] < 0.03
    assert report["notes"] == ["mine.txt is assumed to be in the network's own order, imagenet_2015"]
    assert (
        f"Read as 'imagenet_2012' it would be {right:.2f} %: try --label_order imagenet_2012."
        in report["advice"]
    )
    assert report["advice"] in err
    report, err = demo(*arguments, "--label_order", "imagenet_2012")
    assert report["accuracy"]["top1"] == pytest.approx(right / 100)
    assert report["advice"] == ""


def test_wnids_names_and_folders(demo, named, pictures, tmp_path):
    rows = pictures[1][:30]
    names = {one.wnid: one.name for one in load_labels("imagenet_2012")}
    for name, wnid in rows:
        (tmp_path / "val" / wnid).mkdir(parents=True)
        shutil.copy(pictures[0] / name, tmp_path / "val" / wnid)
    (tmp_path / "all").mkdir()
    for name, _ in rows:
        shutil.copy(pictures[0] / name, tmp_path / "all")
    lists = {
        "wnids.txt": "".join(f"{name} {wnid}\n" for name, wnid in rows),
        "folders.txt": "".join(f"./{wnid}/{name} {wnid}\n" for name, wnid in rows),
        "kaggle.csv": "ImageId,PredictionString\n"
        + "".join(f"{name.removesuffix('.png')},{wnid} 1 2 3 4\n" for name, wnid in rows),
        "names.txt": "".join(f"{name} {names[wnid]}\n" for name, wnid in rows),
    }
    for name, text in lists.items():
        (tmp_path / name).write_text(text)
    right = sum(number % 4 != 0 for number in range(1, 31)) / 30
    network = ("-m", named / "imagenet_2015.xml")
    for truth in lists:
        report, _ = demo(*network, "-i", tmp_path / "all", "--annotations", tmp_path / truth)
        assert report["accuracy"]["top1"] == pytest.approx(right), truth
    report, _ = demo(*network, "-i", tmp_path / "val" / rows[0][1], "-gt", tmp_path / "val")
    assert report["accuracy"] == {"top1": 1.0, "top5": 1.0, "counted": 1, "without_truth": 0}


def test_a_network_without_labels(demo, few, readers, write_list, pictures):
    path = write_list("mine.txt", "imagenet_2015", pictures[1][:100])
    report, _ = demo("-m", readers["imagenet_2012"], "-i", few, "-gt", path)
    assert report["accuracy"]["top1"] == 0.75
    assert report["notes"][0].startswith(
        "the network names no classes; they are taken to be those of imagenet_2012"
    )
    report, err = demo("-m", readers["imagenet_2015"], "-i", few, "-gt", path)
    assert "If the network's own order is 'imagenet_2015' it would be 75.00 %" in report["advice"]
    assert "with --labels" in err
    report, _ = demo("-m", readers["imagenet_2015"], "-i", few, "-gt", path, "--labels", "imagenet_2015")
    assert report["accuracy"]["top1"] == 0.75
