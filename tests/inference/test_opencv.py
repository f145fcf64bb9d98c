"""OpenCV as we load it: the memory of one picture serves the next."""

from __future__ import annotations

import platform
import subprocess
import sys

import cv2
import pytest

PICTURES = 20
PAGES = 480 * 640 * 3 // 4096
COUNT = f"""
import resource, sys
from pathlib import Path
from omz.inference.images import read_image
for number in range({PICTURES + 3}):
    if number == 3:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    read_image(Path(sys.argv[1]))
print((resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) / {PICTURES})
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="of glibc's memory")
def test_pictures_of_one_size_take_their_memory_from_the_system_once(tmp_path, picture):
    path = tmp_path / "p.jpg"
    cv2.imwrite(str(path), picture(0, 480, 640))
    done = subprocess.run(
        [sys.executable, "-c", COUNT, str(path)], capture_output=True, text=True, check=True
    )
    assert (
        float(done.stdout) < PAGES / 4
    )  # without our care each picture has new pages, PAGES of them and more
