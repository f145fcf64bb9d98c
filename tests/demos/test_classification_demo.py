"""``classification_demo`` as people run it."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time

import cv2
import pytest

from omz.demos.classification_demo.command import main


@pytest.fixture
def demo(tiny, capfd):
    """Run the command in this process; returns (status, stdout, stderr)."""

    def call(*arguments, model=tiny.xml):
        status = main(["-m", str(model), *map(str, arguments)])
        captured = capfd.readouterr()
        return status, captured.out, captured.err

    return call


def one_line_error(result, *parts, status=1):
    assert result[0] == status
    assert result[1] == ""
    lines = [line for line in result[2].splitlines() if "error: " in line or not line.startswith("INFO")]
    assert len(lines) <= 2, result[2]
    assert "Traceback" not in result[2]
    for part in parts:
        assert part in result[2]


def test_text_names_every_picture_and_its_best_classes_in_order(demo, tiny, folder):
    status, out, _ = demo("-i", folder, "-topk", 2, "--infer_precision", "f32")
    assert status == 0
    labels = ("kit fox", "red", "blue", "green grass", "other", "light")
    lines = out.splitlines()
    place = -1
    for number in range(12):
        place = lines.index(str(folder / f"p{number}.png"), place + 1)
        image = cv2.imread(str(folder / f"p{number}.png"))
        for rank, index in enumerate(tiny.ranking(image)[:2], start=1):
            assert lines[place + rank].split()[0] == str(rank)
            assert lines[place + rank].endswith(f" {labels[index]}")
            assert f"{100 * tiny.probabilities(image)[index]:.1f}"[:-1] in lines[place + rank]
    for stage in ("decoding", "preprocessing", "inference", "postprocessing", "total"):
        assert stage in out
    assert "12 frames" in out


def test_fast_decode_classifies_large_jpeg_pictures_at_a_part_of_their_size(demo, tiny, picture, tmp_path):
    path = tmp_path / "p.jpg"
    cv2.imwrite(str(path), picture(0, 5 * tiny.width, 4 * tiny.width + 3))
    status, out, _ = demo("-i", path, "--fast_decode", "--json", "-", "--infer_precision", "f32")
    assert status == 0
    report = json.loads(out)
    assert report["fast_decode"] is True
    reduced = cv2.imread(str(path), cv2.IMREAD_REDUCED_COLOR_4)
    expected = sorted(tiny.probabilities(reduced), reverse=True)[:5]
    assert [entry["score"] for entry in report["images"][0]["top"]] == pytest.approx(expected, abs=1e-5)


def test_json_is_all_that_stdout_has(demo, tiny, folder):
    status, out, err = demo("-i", folder, "--json", "-", "-topk", 3)
    report = json.loads(out)
    assert status == 0
    assert set(report) == {
        "model",
        "device",
        "execution_devices",
        "threshold",
        "fast_decode",
        "images",
        "unreadable",
        "metrics",
    }
    assert (report["model"], report["device"], report["execution_devices"]) == (str(tiny.xml), "CPU", ["CPU"])
    assert (report["fast_decode"], report["unreadable"]) == (False, [])
    for number, image in enumerate(report["images"]):
        path = folder / f"p{number}.png"
        assert (image["source"], image["frame"]) == (str(path), 0)
        assert [set(entry) for entry in image["top"]] == [{"index", "label", "score"}] * 3
        assert [entry["index"] for entry in image["top"]] == tiny.ranking(cv2.imread(str(path)))[:3]
    metrics = report["metrics"]
    assert metrics["frames"] == 12
    assert metrics["fps"] == pytest.approx(12 / metrics["seconds"], rel=1e-3)
    assert set(metrics["latency"]) == {"decoding", "preprocessing", "inference", "postprocessing", "total"}
    assert metrics["latency"]["inference"]["count"] == 12
    assert "no window" in err  # this OpenCV or this machine has none; said once, and gone on


def test_json_file_goes_with_the_text(demo, folder, tmp_path):
    status, out, _ = demo("-i", folder / "p1.png", "--json", tmp_path / "report.json")
    assert status == 0
    assert "p1.png" in out
    assert len(json.loads((tmp_path / "report.json").read_text())["images"]) == 1


def test_a_model_by_name_in_the_current_tree(demo, tiny, folder, tmp_path, monkeypatch):
    target = tmp_path / "public" / "tiny" / "FP32"
    shutil.copytree(tiny.xml.parent, target)
    monkeypatch.chdir(tmp_path)
    status, out, _ = demo("-i", folder / "p1.png", "--json", "-", model="tiny")
    assert status == 0
    assert json.loads(out)["model"] == "public/tiny/FP32/tiny.xml"


@pytest.mark.parametrize("output", ["out.jpg", "out", "numbered_%02d.png"])
def test_annotated_picture(demo, folder, tmp_path, output):
    status, _, _ = demo("-i", folder / "p1.png", "-o", tmp_path / output)
    assert status == 0
    (written,) = (path for path in tmp_path.rglob("*") if path.is_file())
    image = cv2.imread(str(written))
    assert image.shape[1] == 400
    assert image.std() > 10


def test_annotated_folder_and_limit(demo, folder, tmp_path):
    assert demo("-i", folder, "-o", tmp_path / "out", "-limit", 3)[0] == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["p0.png", "p1.png", "p2.png"]


def test_video_in_and_out(demo, video, tmp_path):
    status, out, _ = demo("-i", video, "-o", tmp_path / "out.avi", "--output_resolution", "200x200")
    assert status == 0
    assert "most frequent classes" in out
    assert "rendering" in out
    capture = cv2.VideoCapture(str(tmp_path / "out.avi"))
    assert capture.get(cv2.CAP_PROP_FRAME_COUNT) == 9
    assert capture.read()[1].shape == (150, 200, 3)


def test_raw_scores_of_every_frame(demo, video):
    status, out, _ = demo("-i", video, "-r")
    assert status == 0
    assert [f"{video}, frame {n}" in out for n in range(9)] == [True] * 9
    assert out.count("#") == 9 * 5


def test_loop_with_a_time_ends(demo, folder):
    status, out, _ = demo("-i", folder, "--loop", "-time", 1, "--json", "-")
    assert status == 0
    assert json.loads(out)["metrics"]["frames"] > 12


def test_bad_pictures_are_named_and_the_others_done(demo, folder, tmp_path):
    for name in ("p1.png", "p2.png"):
        shutil.copy(folder / name, tmp_path)
    (tmp_path / "p1b.png").write_bytes((folder / "p1.png").read_bytes()[:100])
    status, out, err = demo("-i", tmp_path)
    assert status == 0
    assert "p1b.png: damaged, truncated" in err
    assert "not readable: 1" in out
    assert "2 frames" in out
    status, out, _ = demo("-i", tmp_path, "--json", "-")
    report = json.loads(out)
    assert len(report["images"]) == 2
    assert [bad["source"] for bad in report["unreadable"]] == [str(tmp_path / "p1b.png")]


def test_no_readable_picture_is_an_error(demo, tmp_path):
    (tmp_path / "bad.png").write_bytes(b"x")
    status, out, err = demo("-i", tmp_path)
    assert (status, out) == (1, "")
    assert "error: no readable picture" in err


@pytest.mark.parametrize("device", ["GPU.7", "TPU", "AUTO:TPU,CPU", "HETERO:"])
def test_unknown_device(demo, folder, device):
    one_line_error(demo("-i", folder, "-d", device), device, "Available: CPU")


@pytest.mark.parametrize("device", ["AUTO", "AUTO:CPU", "MULTI:CPU", "HETERO:CPU"])
def test_combined_devices(demo, folder, device):
    status, out, _ = demo("-i", folder, "-d", device, "--json", "-")
    assert status == 0
    assert json.loads(out)["execution_devices"] == ["CPU"]


def test_errors_take_one_line(demo, tiny, folder, tmp_path):
    shutil.copy(tiny.xml, tmp_path / "net.xml")
    one_line_error(demo("-i", folder, model=tmp_path / "net.xml"), "net.bin: missing")
    one_line_error(demo("-i", folder, model="se-resnext-50"), "omz_converter --name se-resnext-50")
    one_line_error(demo("-i", folder, model="se-resnet50"), "Did you mean se-resnet-50")
    one_line_error(demo("-i", tmp_path / "nothing.jpg"), "nothing.jpg")
    labels = tmp_path / "labels.txt"
    labels.write_text("a\nb\n")
    one_line_error(demo("-i", folder, "--labels", labels), "2 labels", "6 classes")
    one_line_error(demo("-i", folder, "-o", tmp_path / "one.png"), "many pictures", status=2)
    one_line_error(demo("-i", folder, "--mean_values", "1", "2"), "for each channel", status=2)
    one_line_error(demo("-i", folder, "-nstreams", "GPU:1"), "-nstreams", status=2)


@pytest.mark.parametrize(
    "arguments",
    [
        ["-topk", "0"],
        ["-topk", "11"],
        ["-limit", "-1"],
        ["-hint", "fast"],
        ["-nireq", "x"],
        ["-nireq", "1025"],
    ],
)
def test_wrong_usage(demo, folder, arguments):
    assert demo("-i", folder, *arguments)[0] == 2


def test_open_model_zoos_flags_are_understood(demo, folder, tmp_path):
    labels = tmp_path / "labels.txt"
    labels.write_text("\n".join("abcdef"))
    flags = [
        "-d",
        "CPU",
        "--labels",
        labels,
        "-topk",
        2,
        "--layout",
        "data:NCHW",
        "-nireq",
        2,
        "-nstreams",
        "1",
    ]
    flags += [
        "-nthreads",
        1,
        "--no_show",
        "-limit",
        0,
        "--reverse_input_channels",
        "--mean_values",
        "1",
        "2",
        "3",
    ]
    flags += [
        "--scale_values",
        "1.5",
        "1",
        "1",
        "-o",
        tmp_path / "out",
        "--output_resolution",
        "640x480",
        "-r",
    ]
    status, _, err = demo("-i", folder, *flags)
    assert status == 0
    assert "no window" not in err
    assert len(list((tmp_path / "out").iterdir())) == 12
    long = ["--num_infer_requests", 1, "--num_streams", "CPU:1", "--num_threads", 1, "--output_limit", 1]
    long += [
        "--raw_output_message",
        "-hint",
        "latency",
        "--infer_precision",
        "f32",
        "--cache_dir",
        tmp_path / "cache",
    ]
    assert demo("-i", folder / "p1.png", *long)[0] == 0


def test_hidden_behind_quiet(demo, folder):
    assert demo("-i", folder / "p1.png", "--quiet")[2] == ""


@pytest.mark.parametrize("command", ["classification_demo", "classification_benchmark_demo"])
def test_help_is_light(command):
    code = (
        "import sys\n"
        f"from omz.demos.{command}.command import main\n"
        "status = main(['--help'])\n"
        "heavy = {'openvino', 'cv2', 'rich', 'numpy', 'pydantic', 'model_api'} & set(sys.modules)\n"
        "sys.exit(f'{status} {heavy}' if status or heavy else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "-nstreams" in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "endless", "sign"),
    [
        ("classification_demo", ["--loop", "-o", "{tmp}/out.avi"], "going on as"),
        ("classification_benchmark_demo", ["-time", "-1"], "until stopped"),
    ],
)
def test_ctrl_c_ends_an_endless_run_with_its_report(tiny, folder, tmp_path, command, endless, sign):
    code = (
        "import signal, sys\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where the tests run in the background\n"
        f"from omz.demos.{command}.command import main\n"
        "sys.exit(main())"
    )
    arguments = ["-m", str(tiny.xml), "-i", str(folder), "--json", "-", *endless]
    arguments = [argument.replace("{tmp}", str(tmp_path)) for argument in arguments]
    process = subprocess.Popen(
        [sys.executable, "-c", code, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    said = ""
    for line in process.stderr:
        said += line
        if sign in line:
            break
    while command == "classification_demo" and not list(
        tmp_path.iterdir()
    ):  # until the first frame is written
        time.sleep(0.1)
        assert process.poll() is None
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, said + err
    report = json.loads(out)
    assert report["execution_devices"] == ["CPU"]
    assert "Traceback" not in err
    if command == "classification_demo":
        assert cv2.VideoCapture(str(tmp_path / "out.avi")).read()[0]  # finished, not torn off
        assert [path.name for path in tmp_path.iterdir()] == ["out.avi"]
        assert report["metrics"]["frames"] > 0
    else:
        assert report["latency"]["total"]["count"] > 0
