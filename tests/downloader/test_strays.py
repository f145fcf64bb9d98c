"""A model's folder, in which other commands write, too."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
from downloader.conftest import Zoo, described
from downloader.faults import FaultServer

from omz.downloader import bundle_command
from omz.downloader.packing import pack
from omz.downloader.pool import CancelToken
from omz.downloader.progress import NullReporter
from omz.private import is_private
from omz.zoo.catalogue import load_all

RUN = "import sys; from omz.downloader.bundle_command import main; sys.exit(main())"


def strays(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if is_private(path.name)]


def test_commands_that_write_into_a_models_folder_while_it_is_downloaded(
    zoo: Zoo, faults: FaultServer, tmp_path: Path
) -> None:
    """A bundle, an IR and others: omz_downloader ran there from beginning to end while each was half written."""
    body = random.Random(3).randbytes(300_000)
    folder = zoo.add("net", described("net.bin", body, faults.serve("/net", body)))
    assert zoo.run().status == 0
    models = load_all(zoo.root)

    class Downloading(NullReporter):
        """Downloads all anew while a file is being packed."""

        def file_begin(self, model: str, file: str, size: int | None) -> None:
            assert len(strays(folder)) == 1
            (folder / "other").mkdir()  # of the folder, something is new
            run = zoo.start()
            _, err = run.communicate(timeout=60)
            assert run.returncode == 0, err
            (folder / "other").rmdir()
            assert len(strays(folder)) == 1

    for number in range(4):
        target = folder / f"{number}.tar"
        pack(models, zoo.output, target, precisions=["FP32"], reporter=Downloading(), cancel=CancelToken())
        assert target.stat().st_size > len(body)
    assert {path.name for path in folder.iterdir()} == {"net.bin", *(f"{n}.tar" for n in range(4))}


@pytest.mark.slow
def test_fifteen_kills_of_a_bundle(zoo: Zoo, faults: FaultServer) -> None:
    body = random.Random(4).randbytes(40_000_000)
    folder = zoo.add("net", described("net.bin", body, faults.serve("/net", body)))
    assert zoo.run().status == 0
    options = ["--all", "--models_root", str(zoo.root), "-d", str(zoo.output), "-o", str(folder / "net.tar")]
    draw, left = random.Random(9), 0
    for _ in range(15):
        run = subprocess.Popen([sys.executable, "-c", RUN, *options, "--quiet"])
        deadline = time.monotonic() + 60
        while run.poll() is None and not any(f"-{run.pid}-" in path.name for path in strays(folder)):
            assert time.monotonic() < deadline
            time.sleep(0.001)
        time.sleep(draw.uniform(0, 0.05))
        run.kill()
        run.wait()
        assert len(strays(folder)) <= 1, "the next run removes what the last one left"
        left += len(strays(folder))
    assert bundle_command.main(options) == 0
    assert {path.name for path in folder.iterdir()} == {"net.bin", "net.tar"}
    print(f"15 kills of a bundle: {left} left a stray, which the next run removed")
    assert left >= 8
