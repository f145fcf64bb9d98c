"""What ``-i`` takes, through the commands: both demos and ``omz report``."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from downloader.loopback import Loopback
from inference.servers import RawServer, motion_jpeg

from omz.demos.classification_benchmark_demo import command as benchmark_demo
from omz.demos.classification_demo import command as demo
from omz.demos.common import writers
from omz.demos.common.inputs import Inputs
from omz.inference.picture_sources import Pictures


@pytest.fixture
def call(tiny, capfd):
    """Run a demo in this process; returns (status, stdout, stderr)."""

    def run(*arguments, command=demo):
        status = command.main(["-m", str(tiny.xml), "--no_show", *map(str, arguments)])
        captured = capfd.readouterr()
        return status, captured.out, captured.err

    return run


@pytest.fixture
def server(folder):
    """Serve the pictures of the folder, and a file that is none."""
    loopback = Loopback()
    for number in range(12):
        loopback.serve(f"/p{number}.png", (folder / f"p{number}.png").read_bytes())
    loopback.serve("/page", b"<html><title>Log in</title>")
    yield loopback
    loopback.close()


def sources(out):
    return [image["source"] for image in json.loads(out)["images"]]


def test_all_kinds_of_pictures_in_one_run(call, tiny, folder, server, tmp_path, monkeypatch):
    for name, number in (("cat/2.png", 2), ("cat/10.png", 3), ("dog/1.png", 4), ("one.png", 5)):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(folder / f"p{number}.png", tmp_path / name)
    monkeypatch.chdir(tmp_path)
    Path("list.txt").write_text("one.png\nmissing.png\n")
    status, out, err = call(
        "-i",
        "one.png",
        ".",
        "-i",
        "dog/*",
        "@list.txt",
        server.root + "/p6.png",
        server.root + "/page",
        "--json",
        "-",
    )
    assert status == 0
    expected = ["one.png", "one.png", "dog/1.png", "one.png", server.root + "/p6.png"]
    report = json.loads(out)
    assert sources(out) == expected
    for image, number in zip(report["images"], (5, 5, 4, 5, 6), strict=True):
        picture = cv2.imread(str(folder / f"p{number}.png"))
        assert image["top"][0]["index"] == tiny.ranking(picture)[0]
    assert [bad["source"] for bad in report["unreadable"]] == ["missing.png", server.root + "/page"]
    assert "missing.png: No such file" in err
    assert "an HTML page ('Log in') instead of a picture" in err


def test_class_folders(call, folder, tmp_path):
    for name in ("10/b", "9/a10", "9/a2"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(folder / "p1.png", tmp_path / f"{name}.png")
    (tmp_path / "up").symlink_to(tmp_path)
    status, out, err = call("-i", tmp_path, "--json", "-")
    assert status == 0
    assert [Path(name).stem for name in sources(out)] == ["a2", "a10", "b"]
    assert "3 pictures in 2 folders" in err


def test_many_unreadable_pictures_are_not_all_named(call, folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("list.txt").write_text("".join(f"missing{n}.png\n" for n in range(5000)) + str(folder / "p1.png"))
    began = time.process_time()
    status, out, err = call("-i", "@list.txt", "--json", "report.json")
    assert time.process_time() - began < 20
    assert status == 0
    assert err.count("No such file") == 20
    assert "not readable: 5000 (the first 20 named above, all in --json)" in out
    unreadable = json.loads(Path("report.json").read_text())["unreadable"]
    assert [bad["source"] for bad in unreadable] == [f"missing{n}.png" for n in range(5000)]
    status, _, err = call("-i", "@list.txt", "-time", 0.1, command=benchmark_demo)
    assert status == 0
    assert err.count("No such file") == 20


def test_a_shells_words_are_told_of_together(call, folder, tmp_path):
    for number in range(5):
        (tmp_path / str(number)).mkdir()
        shutil.copy(folder / "p1.png", tmp_path / str(number))
        (tmp_path / str(number) / "notes.txt").write_text("x")
    status, _, err = call("-i", *sorted(tmp_path.iterdir()), folder / "p2.png")
    assert status == 0
    assert "5 of 6 inputs: 5 pictures in 5 folders; 5 other files left out" in err
    assert err.count("left out") == 1


def test_output_files_of_the_same_name_are_kept_apart(call, folder, server, tmp_path):
    for place in ("a", "b"):
        (tmp_path / place).mkdir()
        shutil.copy(folder / f"p{'ab'.index(place)}.png", tmp_path / place / "p1.png")
    status, _, _ = call(
        "-i", tmp_path / "a", tmp_path / "b", server.root + "/p7.png?name=/p1.png", "-o", tmp_path / "out"
    )
    assert status == 0
    written = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert written == ["p1.png", "p1_000001.png", "p7.png"]
    pictures = [cv2.imread(str(tmp_path / "out" / name)) for name in written]
    assert not any(np.array_equal(one, two) for one, two in pairwise(pictures))


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("a/b.JPG", "b.jpg"),
        ("http://x/a/b.jpeg?size=1#c", "b.jpeg"),
        ("http://x/a%20b%2F..%2Fc.png", "a_b_.._c.png"),
        ("http://x/..", "picture.png"),
        ("http://x/", "x.png"),
        ("http://x/%00%1b[2J.png", "___2J.png"),
        ("rtsp://127.0.0.1:554/live", "live.png"),
        ("http://x/" + "y" * 500, "y" * 230 + ".png"),
        ("\N{SNOWMAN}" * 84, "\N{SNOWMAN}" * 76 + ".png"),
        ("array 3", "array_3.png"),
        ("0", "0.png"),
    ],
)
def test_names_of_output_files(tmp_path, source, name, picture):
    assert "".join(writers.split_name(source)) == name
    writer = writers.FolderWriter(tmp_path, Inputs(Pictures([])))
    writer.write(picture(1), source)
    writer.write(picture(1), source)
    assert (tmp_path / name).is_file()
    assert len(list(tmp_path.iterdir())) == 2


def test_many_frames_of_one_name_take_no_longer_each(tmp_path, picture, monkeypatch):
    monkeypatch.setattr(writers, "write_picture", lambda path, image: None)
    writer = writers.FolderWriter(tmp_path, Inputs(Pictures([])))
    began = time.process_time()
    for _ in range(20_000):
        writer.write(picture, "clip.avi")
    assert time.process_time() - began < 5


def test_hostile_names_are_printed_as_escapes(call, folder, tmp_path):
    for name in (b"new\nline.png", b"\x1b[2J.png", b"\xff.png", b"[red]x.png"):
        (tmp_path / os.fsdecode(name)).write_bytes((folder / "p1.png").read_bytes())
    (tmp_path / "bad\n\x1b[31m.png").write_bytes(b"x")
    for options in ((), ("--json", "-"), ("-o", tmp_path / "out")):
        status, out, err = call("-i", tmp_path, *options)
        assert status == 0
        assert "\x1b" not in out + err
        assert "bad\\n\\x1b[31m.png: damaged" in err
    assert "[red]x.png" in call("-i", tmp_path)[1]
    _, out, _ = call("-i", tmp_path, "--json", "-")
    names = sorted(Path(name).name for name in sources(out))
    assert names == [
        "\x1b[2J.png",
        "[red]x.png",
        "new\nline.png",
        "\udcff.png",
    ]
    assert len(list((tmp_path / "out").iterdir())) == 4
    status, _, err = call("-i", tmp_path / "bad\n\x1b[31m.png")
    assert status == 1
    assert "error: no readable picture" in err.splitlines()[-1]
    assert "\x1b" not in err


def test_credentials_appear_nowhere(call, server):
    root = server.root.replace("//", "//me:secret@")
    address = f"{root}/p1.png?token=hidden"
    for options in (("--json", "-"), ("--verbose",)):
        status, out, err = call("-i", address, address + "x", f"{root}/x", *options)
        assert status == 0
        assert "secret" not in out + err
        assert "hidden" not in out + err


def test_a_network_camera(call, server, folder, tmp_path, picture):
    jpegs = [cv2.imencode(".jpg", picture(number))[1].tobytes() for number in range(30)]
    with RawServer(motion_jpeg(jpegs)) as camera:
        address = f"http://127.0.0.1:{camera.port}/live"
        status, out, err = call("-i", address, "-o", tmp_path / "out.avi")
    assert status == 0
    assert "most frequent classes" in out
    assert f"opening {address} (at most 10 s)" in err
    assert 28 <= cv2.VideoCapture(str(tmp_path / "out.avi")).get(cv2.CAP_PROP_FRAME_COUNT) <= 30


def test_wrong_usage(call, folder):
    status, _, err = call("-i", folder, "rtsp://127.0.0.1/x")
    assert status == 2
    assert "given alone" in err
    assert call("-i")[0] == 2


def test_a_loop_fetches_once(call, server):
    status, out, err = call(
        "-i", server.root + "/p1.png", server.root + "/p2.png", "--loop", "-time", 1, "--json", "-"
    )
    assert status == 0
    assert json.loads(out)["metrics"]["frames"] > 10
    assert sorted(server.requests) == ["/p1.png", "/p2.png"]
    assert "fetching 2 pictures first" in err


class TestBenchmark:
    def test_pictures_at_addresses_are_fetched_once_and_drawn(self, call, server, folder, tmp_path):
        (tmp_path / "truth.txt").write_text("./p1.png 0\n")
        addresses = [f"{server.root}/p{number}.png" for number in range(3)]
        status, out, err = call(
            *("-i", *addresses, server.root + "/page", folder / "p5.png"),
            *("-time", 0.2, "--json", "-", "-o", tmp_path / "grid.png", "-gt", tmp_path / "truth.txt"),
            command=benchmark_demo,
        )
        assert status == 0
        report = json.loads(out)
        assert report["pictures"]["readable"] == 4
        assert [bad["source"] for bad in report["pictures"]["unreadable"]] == [server.root + "/page"]
        assert report["accuracy"]["counted"] == 1
        assert sorted(server.requests) == ["/p0.png", "/p1.png", "/p2.png", "/page"]
        assert "so that the network is not measured" in err
        grid = cv2.imread(str(tmp_path / "grid.png"))
        blue = (np.abs(grid.astype(int) - (150, 110, 60)).max(-1) < 3).sum()
        assert blue > 1000  # the frames of the three whose truth is not known

    @pytest.mark.parametrize("channels", [1, 4])
    def test_grids_of_networks_that_see_no_colours_or_more(self, build_net, folder, tmp_path, channels):
        net = build_net(tmp_path / "net.xml", channels=channels)
        arguments = [
            "-m",
            str(net.xml),
            "-i",
            str(folder),
            "-time",
            "0.1",
            "--no_show",
            "-o",
            str(tmp_path / "grid.png"),
        ]
        assert benchmark_demo.main(arguments) == 0
        assert cv2.imread(str(tmp_path / "grid.png")).shape == (720, 1280, 3)

    def test_no_video(self, call, video):
        status, _, err = call("-i", video, command=benchmark_demo)
        assert status == 1
        assert "takes pictures, no video" in err


def test_ctrl_c_is_heard_while_a_server_is_silent(tiny):
    code = (
        "import signal, sys\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where the tests run in the background\n"
        "from omz.demos.classification_demo.command import main\n"
        "sys.exit(main())"
    )
    with RawServer(lambda connection, _: time.sleep(30)) as server:
        process = subprocess.Popen(
            [sys.executable, "-c", code, "-m", str(tiny.xml), "-i", f"rtsp://127.0.0.1:{server.port}/x"],
            stderr=subprocess.PIPE,
            text=True,
        )
        assert "opening" in process.stderr.readline()
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        assert "interrupted" in process.communicate(timeout=60)[1]
    assert process.returncode == 130
    assert time.monotonic() - began < 5
